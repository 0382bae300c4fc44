/*
 * A test bed for the x86 processor: one vCPU, 8 MiB of RAM, no board.
 *
 *	GUEST(load_null, 32, "movl 0, %eax");
 *	...
 *	bed_start32();
 *	bed_run(load_null);
 *	bed_expect(EXC_GP, 0);
 *
 * Guest code runs until HLT. Every vector's handler is a HLT of its own, so where the processor
 *halts tells which exception it was; code at level 3 ends with "int $0xff". Memory is laid out as
 *the constants say; descriptors can be changed before running.
 */
#ifndef TESTS_X86_BED_H
#define TESTS_X86_BED_H

#include "interp/x86/system.h"

#define BED_RAM	     0x800000
#define BED_GDT	     0x1000
#define BED_LDT	     0x1800
#define BED_IDT	     0x2000
#define BED_TSS	     0x3000 /* of the running task */
#define BED_TSS2     0x3800
#define BED_HANDLERS 0x4000 /* 4 bytes a vector */
#define BED_STACK3   0x7000 /* tops */
#define BED_STACK0   0x8000
#define BED_IST1     0x8800
#define BED_CODE     0x9000
#define BED_CODE2    0xa000
#define BED_TABLES   0x100000 /* page tables */
#define BED_DATA     0x200000

/* Selectors that bed_start32() and bed_start64() set up. */
enum {
	SEL_CODE0 = 0x08,
	SEL_DATA0 = 0x10,
	SEL_CODE3 = 0x1b,
	SEL_DATA3 = 0x23,
	SEL_TSS = 0x28,
	SEL_LDT = 0x38,
	SEL_CODE16 = 0x48,
	SEL_DATA16 = 0x50,
	SEL_CODE64 = 0x58,
	SEL_CODE64_3 = 0x63,
	SEL_TSS2 = 0x70,
	SEL_TEST = 0x80,
	SEL_TEST2 = 0x88,
	SEL_TEST3 = 0x90,
};

/* Descriptor attributes: access byte | G, D, L flags. */
enum {
	D_CODE = 0x9a,
	D_DATA = 0x92,
	D_RO = 0x90,
	D_DOWN = 0x96,
	D_EXEC = 0x98,
	D_CONF = 0x9e,
	D_DPL3 = 0x60,
	D_32 = 0x400,
	D_64 = 0x200,
	D_PAGES = 0x800,
};

/* Assembles `text` for 16, 32 or 64 bits into the test's own constants. It runs at BED_CODE. */
#define GUEST(name, bits, text)                                                 \
	extern const uint8_t guest_##name[], guest_##name##_end[];              \
	__asm__(".pushsection .rodata\nguest_" #name ":\n.code" #bits "\n" text \
		"\nhlt\nguest_" #name "_end:\n.popsection\n.code64\n")

extern struct x86_cpu *bed;
extern struct address_space *bed_memory;

/* A new processor of a model ("max" with NULL) after reset, with empty memory. */
void bed_new(const char *model);
/* Memory. */
void bed_put(uint32_t pa, unsigned int size, uint64_t value);
uint64_t bed_get(uint32_t pa, unsigned int size);
void bed_descriptor(uint16_t selector, uint32_t base, uint32_t limit, uint32_t attr);
void bed_gate(uint8_t vector, uint16_t selector, uint32_t offset, uint8_t access);
void bed_gate64(uint8_t vector, uint16_t selector, uint64_t offset, uint8_t access, uint8_t ist);
/* A call gate in the GDT. */
void bed_call_gate(uint16_t selector, uint16_t code, uint32_t offset, uint8_t access,
		   uint8_t params);
/* Real-address mode: CS = 0, stack at BED_STACK0, IVT at 0 whose handlers are HLTs. */
void bed_start16(void);
/* Protected mode at level 0: flat segments, IDT of 32-bit interrupt gates (DPL 3), TSS. */
void bed_start32(void);
/* Long mode at level 0, the first 8 MiB mapped to themselves by 2 MiB pages for level 3 as well. */
void bed_start64(void);
/* Level 3 in the same mode. */
void bed_level3(void);
/* 32-bit paging of the first 8 MiB by 4 KiB pages, all P, W, U; tables at BED_TABLES. */
void bed_paging32(void);
/* Copies code to BED_CODE (bed_copy: anywhere) and runs it from there until HLT. */
void bed_copy(uint32_t pa, const uint8_t *code, const uint8_t *end);
void bed_go(const uint8_t *code, const uint8_t *end);
void bed_continue(void);
#define bed_run(name)	    bed_go(guest_##name, guest_##name##_end)
#define bed_place(pa, name) bed_copy(pa, guest_##name, guest_##name##_end)

/* Vector whose handler has halted, -1: none (the code's own HLT). */
int bed_vector(void);
/* The frame of a 32-bit handler: error code, then EIP, CS, EFLAGS. */
uint32_t bed_stack32(unsigned int index);
uint64_t bed_stack64(unsigned int index);
void bed_expect_(int vector, uint32_t error, const char *file, int line);
/* The exception came with this error code (checked where the vector has one). */
#define bed_expect(vector, error) bed_expect_(vector, error, __FILE__, __LINE__)
#define bed_expect_none()	  bed_expect_(-1, 0, __FILE__, __LINE__)

#endif
