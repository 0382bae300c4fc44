/*
 * CPU truth: random instruction sequences run on the host's own x86-64 processor and in the
 * interpreter from one state; registers, flags, memory, x87, MMX and SSE state and the exception
 *that ended the sequence must agree.
 *
 * Both sides see the same virtual addresses: code, scratch data and stack lie at fixed places below
 * 2 GiB. 32-bit and 16-bit code runs natively in compatibility mode, through the segments that
 *Linux gives every process (CS 23h) and an LDT of our own (modify_ldt).
 *
 *	test-truth			some 100,000 cases
 *	RATITE_CASES=2000000 test-truth
 *	test-truth --seed N		one case, with all that is known about it
 *
 * Every case follows from its seed alone. What is not compared, and why, is in truth-tables.c
 * beside the instructions that it concerns.
 */
#ifndef TESTS_TRUTH_H
#define TESTS_TRUTH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* --- the address space --- */

#define PAGE	   0x1000u
#define CODE_BASE  0x10000000u
#define CODE_PAGES 2u /* nothing is mapped behind */
#define DATA_BASE  0x10010000u
#define DATA_PAGES 4u /* the last one is read-only; nothing before and behind */
#define DATA_SIZE  (DATA_PAGES * PAGE)
#define DATA_RW	   ((DATA_PAGES - 1) * PAGE)
/* FS and GS bases in 64-bit mode. */
#define FS_BASE (DATA_BASE - 0x3000u)
#define GS_BASE (DATA_BASE + 0x840u)

/* Selectors that Linux gives to user programs, and those of our LDT. */
enum {
	SEL_CS32 = 0x23,
	SEL_DS = 0x2b,
	SEL_CS64 = 0x33,
	SEL_LDT_DATA = 0x07,   /* 32-bit data: base DATA_BASE, limit: the scratch area */
	SEL_LDT_DOWN = 0x0f,   /* the same base, expand-down above LDT_DOWN_LIMIT */
	SEL_LDT_CS16 = 0x17,   /* 16-bit code at CODE_BASE, 8 KiB */
	SEL_LDT_DS16 = 0x1f,   /* 16-bit data and stack at DATA_BASE, the scratch area and 1 KiB */
	SEL_LDT_RO = 0x27,     /* read-only data */
	SEL_LDT_XO = 0x2f,     /* execute-only code */
	SEL_LDT_NP = 0x37,     /* not present */
	SEL_LDT_DOWN16 = 0x3f, /* 16-bit expand-down stack */
	SEL_LDT_CODE = 0x47,   /* readable code at DATA_BASE, to be read only */
};
#define TRUTH_LDT 9

struct ldt_entry {
	u32 base, limit;			 /* limit in bytes */
	bool big, down, code, readonly, missing; /* readonly: of code, execute-only */
};
extern const struct ldt_entry truth_ldt[TRUTH_LDT];

/* --- states --- */

enum { T_ES, T_CS, T_SS, T_DS, T_FS, T_GS };

struct state {
	_Alignas(16) u8 fx[512]; /* as FXSAVE64 writes it */
	u64 r[16];
	u64 rip, flags;
	u16 seg[6];
	/* how it ended */
	bool raised; /* false: came to the end */
	u8 vector;
	u32 error;
	u64 cr2;
	u8 data[DATA_SIZE];
};

enum code_mode { CODE64, CODE32, CODE16 };

#define SEQ_MAX	 8
#define SEQ_ROOM (7 * SEQ_MAX) /* with what the generator puts in between */
#define INSN_MAX 20

/* --- a case --- */

struct insn_row;

/* One instruction of a case. */
struct insn {
	const struct insn_row *row;
	u8 bytes[INSN_MAX];
	u8 len;
	s8 skip;	     /* branches: go past so many instructions; -1: no branch */
	u8 rel_at, rel_size; /* where the displacement of a branch or ... */
	u8 rip_at;	     /* ... of a RIP-relative operand is; 0: none */
	u8 abs_at;	     /* an immediate with the address that `skip` leads to; 0: none */
	u32 rip_target;
	u16 selector;		      /* of a far pointer, whose offset is at abs_at; 0: near */
	u16 reads, writes, undefined; /* flags */
	/* the memory operand: its linear address (0: unknown) and size */
	u64 mem_at;
	u32 mem_len;
	/* memory that is not compared */
	u32 ignore_at, ignore_len;
};

/* How the floating-point results of a case are compared. */
enum tolerance { EXACT, X87_APPROX /* last bits of the x87 registers, C1 */, RCP_APPROX };

struct tcase {
	u64 seed;
	enum code_mode mode;
	struct state in;
	unsigned int count;
	struct insn insn[SEQ_ROOM];
	enum tolerance tolerance;
	u32 start; /* offset of the code in its pages */
	/* layout */
	u8 code[1024];
	unsigned int size;    /* without the end marker */
	u16 at[SEQ_ROOM + 1]; /* offset of each instruction, and the end */
	bool cut;	      /* the end lies behind the code pages: it runs into a fetch fault */
};

/* --- truth-gen.c, truth-tables.c --- */

void case_generate(struct tcase *t, u64 seed, const char *group);
/* Places the instructions and fills in displacements. */
void case_layout(struct tcase *t);
/* Flags that are undefined when instruction `n` (count: the end) is reached. */
u16 case_undefined(const struct tcase *t, unsigned int n);
void tables_init(void);

/* --- truth-native.c --- */

void native_init(void);
void native_run(const struct tcase *t, struct state *out);
bool native_has_ldt(void);
/* Where the code jumps at its end; only mapped natively. */
#define EXIT_ADDRESS 0x2d5ba800u
/* Writes the code of a case and the jump behind it; takes back what the case before has left. */
void code_write(u8 *pages, const struct tcase *t);
/* A segment's limit as LSL tells it. */
u32 native_limit(u16 selector);

/* --- truth-guest.c --- */

void guest_init(const char *model);
void guest_run(const struct tcase *t, struct state *out);
/* Capstone's disassembly of the case. */
void case_print(const struct tcase *t, FILE *out);

#endif
