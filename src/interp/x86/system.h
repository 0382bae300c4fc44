/*
 * What the files of the x86 processor's system half share: descriptors, stacks other than the
 * current one, and the pieces of far transfers. Source: Intel SDM volume 3, chapters 3, 5 to 8.
 */
#ifndef INTERP_X86_SYSTEM_H
#define INTERP_X86_SYSTEM_H

#include "base/bytes.h"
#include "base/loop.h"
#include "interp/x86/cpu.h"
#include "interp/x86/flags.h"

/* --- modes --- */

static inline bool x86_protected(const struct x86_cpu *c)
{
	return (c->v.mode & (MODE_PE | MODE_VM)) == MODE_PE;
}

static inline bool x86_vm86(const struct x86_cpu *c)
{
	return c->v.mode & MODE_VM;
}

static inline bool x86_long_mode(const struct x86_cpu *c)
{
	return c->v.mode & MODE_LMA;
}

static inline bool x86_code64(const struct x86_cpu *c)
{
	return c->v.mode & MODE_64;
}

static inline unsigned int x86_iopl(const struct x86_cpu *c)
{
	return c->eflags >> 12 & 3;
}

static inline bool canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

static inline void x86_event_set(struct x86_cpu *c, uint32_t events)
{
	__atomic_fetch_or(&c->v.events, events, __ATOMIC_SEQ_CST);
}

static inline void x86_event_clear(struct x86_cpu *c, uint32_t events)
{
	__atomic_fetch_and(&c->v.events, ~events, __ATOMIC_SEQ_CST);
}

/* --- memory by MMU mode; faults are raised --- */

static inline uint64_t x86_mem_load(struct x86_cpu *c, uint64_t va, unsigned int size,
				    unsigned int mmu_mode)
{
	const struct tlb *t = &c->v.tlbs[mmu_mode];
	const struct tlb_entry *e = &t->entries[(va >> GUEST_PAGE_BITS) & ((1u << t->bits) - 1)];

	if (LIKELY(e->read == tlb_tag(va, size) && !c->v.check_aligned))
		return load_le((const void *)(e->addend + va), size);
	return vcpu_load_slow(&c->v, va, size, mmu_mode);
}

static inline void x86_mem_store(struct x86_cpu *c, uint64_t va, unsigned int size, uint64_t value,
				 unsigned int mmu_mode)
{
	const struct tlb *t = &c->v.tlbs[mmu_mode];
	const struct tlb_entry *e = &t->entries[(va >> GUEST_PAGE_BITS) & ((1u << t->bits) - 1)];

	if (LIKELY(e->write == tlb_tag(va, size) && !c->v.check_aligned))
		store_le((void *)(e->addend + va), size, value);
	else
		vcpu_store_slow(&c->v, va, size, value, mmu_mode);
}

/* --- descriptors --- */

enum x86_system_type {
	DESC_TSS16 = 1,
	DESC_LDT = 2,
	DESC_TSS16_BUSY = 3,
	DESC_CALL16 = 4,
	DESC_TASK_GATE = 5,
	DESC_INT16 = 6,
	DESC_TRAP16 = 7,
	DESC_TSS32 = 9,
	DESC_TSS32_BUSY = 11,
	DESC_CALL32 = 12,
	DESC_INT32 = 14,
	DESC_TRAP32 = 15,
};

struct x86_desc {
	uint32_t lo, hi;
	uint64_t va; /* where it is, linear */
};

static inline uint32_t desc_base(struct x86_desc d)
{
	return d.lo >> 16 | (d.hi & 0xff) << 16 | (d.hi & 0xff000000);
}

static inline uint32_t desc_limit(struct x86_desc d)
{
	uint32_t limit = (d.lo & 0xffff) | (d.hi & 0x000f0000);
	return d.hi & SEG_G ? limit << 12 | 0xfff : limit;
}

static inline uint32_t desc_attr(struct x86_desc d)
{
	return d.hi & 0x00f0ff00;
}

static inline unsigned int desc_dpl(struct x86_desc d)
{
	return d.hi >> SEG_DPL_SHIFT & 3;
}

static inline unsigned int desc_type(struct x86_desc d)
{
	return d.hi >> 8 & 15;
}

static inline bool desc_is_code(struct x86_desc d)
{
	return (d.hi & (SEG_S | SEG_CODE)) == (SEG_S | SEG_CODE);
}

static inline bool desc_is_conforming(struct x86_desc d)
{
	return (d.hi & (SEG_S | SEG_CODE | SEG_C)) == (SEG_S | SEG_CODE | SEG_C);
}

static inline bool desc_is_writable_data(struct x86_desc d)
{
	return (d.hi & (SEG_S | SEG_CODE | SEG_W)) == (SEG_S | SEG_W);
}

/* Gates: where they lead. */
static inline uint16_t gate_selector(struct x86_desc d)
{
	return d.lo >> 16;
}

static inline uint32_t gate_offset(struct x86_desc d)
{
	return (d.lo & 0xffff) | (d.hi & 0xffff0000);
}

static inline bool selector_is_null(uint16_t selector)
{
	return (selector & ~3) == 0;
}

/* Linear address of a selector's descriptor of `size` bytes; false: outside its table. */
bool x86_desc_address(struct x86_cpu *c, uint16_t selector, unsigned int size, uint64_t *va);
/* Reads a descriptor; outside its table raises `vector` (selector as error code). */
struct x86_desc x86_desc_read(struct x86_cpu *c, uint16_t selector, enum x86_vector vector);
/* Upper half of a 16-byte system descriptor: base bits 32-63. Raises #GP(selector) if its type
 * field is not zero, or if it is outside of the table. */
uint32_t x86_desc_read_upper(struct x86_cpu *c, uint16_t selector);
/* Sets a segment descriptor's accessed bit in memory if it is clear. */
void x86_desc_set_accessed(struct x86_cpu *c, struct x86_desc *d);
/* Replaces the type field in memory (TSS busy). */
void x86_desc_set_type(struct x86_cpu *c, struct x86_desc *d, unsigned int type);

/* Raises a vector with a selector (RPL dropped) as its error code. */
NORETURN void x86_raise_selector(struct x86_cpu *c, enum x86_vector vector, uint16_t selector);

/* --- loading segment registers without further checks --- */

void x86_seg_set(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector, uint64_t base,
		 uint32_t limit, uint32_t attr);
void x86_seg_set_desc(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector, struct x86_desc d);
/* Null: no access is allowed through it. */
void x86_seg_set_null(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector);
/* As real-address mode loads it (limit and attributes stay). */
void x86_seg_set_real(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector);
/* As virtual-8086 mode wants it: 64 KiB, DPL 3, writable. */
void x86_seg_set_vm86(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector);
/* CS with new RPL = cpl; its accessed bit has been set. */
void x86_seg_set_code(struct x86_cpu *c, uint16_t selector, unsigned int cpl, struct x86_desc d);
/* After a return to an outer level: data segments that the new CPL must not see become null. */
void x86_segs_drop_inner(struct x86_cpu *c, unsigned int cpl);
/* SEG_FLAT, which nothing ever changes. */
void x86_seg_set_flat(struct x86_cpu *c);
/* lo, span, read_ok, write_ok of a segment that need not be in a register. */
void x86_seg_span(struct x86_seg *seg, enum x86_seg_name s, uint32_t mode);
/* Checks an SS selector for a stack at level `cpl`; faults are `vector` (#TS or #GP), and
 * `vector_np` where it is not present. Sets its accessed bit. */
struct x86_desc x86_check_stack_segment(struct x86_cpu *c, uint16_t selector, unsigned int cpl,
					enum x86_vector vector, enum x86_vector vector_np);

/* --- stacks --- */

/* A stack as it will be: nothing is committed before x86_stack_commit(). */
struct x86_stack {
	struct x86_cpu *c;
	struct x86_seg seg;
	uint64_t sp, mask;
	unsigned int mmu_mode;
	uint16_t error; /* of #SS */
	bool flat64;
};

/* The current stack at the current privilege. */
void x86_stack_current(struct x86_cpu *c, struct x86_stack *st);
/* A protected-mode stack of another level from a checked descriptor. */
void x86_stack_other(struct x86_cpu *c, struct x86_stack *st, uint16_t selector, struct x86_desc d,
		     uint64_t sp);
/* A 64-bit mode stack at supervisor level. */
void x86_stack_64(struct x86_cpu *c, struct x86_stack *st, uint64_t sp);
void x86_stack_push(struct x86_stack *st, unsigned int size, uint64_t value);
uint64_t x86_stack_pop(struct x86_stack *st, unsigned int size);
/* Reads what is `offset` bytes up the stack, for its faults. */
void x86_stack_touch(const struct x86_stack *st, unsigned int offset, unsigned int size);
/* Raises #SS where `bytes` cannot be pushed. */
void x86_stack_check_push(struct x86_stack *st, unsigned int bytes);
/* Writes SP, ESP or RSP. */
void x86_set_sp(struct x86_cpu *c, uint64_t sp, uint64_t mask);
static inline void x86_stack_commit(struct x86_stack *st)
{
	x86_set_sp(st->c, st->sp, st->mask);
}

/* Inner stack of level `cpl` from the TSS; raises #TS. */
void x86_tss_stack(struct x86_cpu *c, unsigned int cpl, uint16_t *ss, uint32_t *sp);
uint64_t x86_tss_rsp(struct x86_cpu *c, unsigned int slot); /* 0-2: RSP0-2, 4-10: IST1-7 */

/* --- far transfers (far.c, iret.c, interrupt.c) --- */

/* What is delivered to an interrupt or exception handler. */
struct x86_delivery {
	uint8_t vector;
	bool software; /* INT n, INT3, INTO: the gate's DPL counts, EXT is clear */
	bool has_error;
	bool resume; /* RF in the saved flags: a fault, to be restarted */
	uint32_t error;
	uint64_t return_pc;
};
void x86_deliver(struct x86_cpu *c, const struct x86_delivery *d);
/* INT n in virtual-8086 mode (opcode CD): VME redirection and the IOPL check; true if it was
 * delivered to the 8086 program. */
bool x86_vm86_int(struct x86_cpu *c, unsigned int vector, uint64_t next);
/* Reads a task's descriptor as a gate or far transfer names it, checks it and switches. */
void x86_task_switch_selector(struct x86_cpu *c, uint16_t selector, enum x86_task_switch why,
			      uint64_t next_pc);
/* RET and IRET to protected mode, same or outer level: the part behind popping CS and pc.
 * `st` is the old stack, `pop_bytes` those of RET n; `flags` for IRET or NULL. */
void x86_return_protected(struct x86_cpu *c, struct x86_stack *st, uint16_t cs, uint64_t pc,
			  unsigned int size, unsigned int pop_bytes, const uint32_t *flags);
/* Sets EFLAGS as IRET may at the current privilege and operand size. */
void x86_iret_flags(struct x86_cpu *c, uint32_t value, unsigned int size, unsigned int old_cpl);
/* Checks a pc against a code segment that is about to be loaded: #GP(0). Returns it cut to 32 bits
 * where the segment is not 64-bit code. */
uint64_t x86_check_pc(struct x86_cpu *c, struct x86_desc d, uint64_t pc);

/* --- the rest --- */

/* I/O permission at the current privilege: raises #GP(0). */
void x86_check_io(struct x86_cpu *c, uint16_t port, unsigned int size);
uint64_t x86_port_in(struct x86_cpu *c, uint16_t port, unsigned int size);
void x86_port_out(struct x86_cpu *c, uint16_t port, unsigned int size, uint64_t value);
/* INIT keeps more than RESET. */
void x86_cpu_reset(struct x86_cpu *c, bool init);
/* cpu_class.has_work. */
bool x86_has_work(struct cpu *cpu);
/* #DB traps at the next instruction boundary. */
void x86_debug_trap(struct x86_cpu *c, uint64_t dr6_bits);
void x86_debug_check_io(struct x86_cpu *c, uint16_t port, unsigned int size);
/* PROT_WATCH where a data breakpoint is in the page of `va`. */
unsigned int x86_debug_prot(const struct x86_cpu *c, uint64_t va);
/* Reads the four PDPTEs at `cr3`; false where reserved bits are set. */
bool x86_pdptes_read(struct x86_cpu *c, uint64_t cr3, uint64_t pdpte[4]);
/* Leaves SMM without RSM. */
void x86_smm_reset(struct x86_cpu *c);
void x86_smm_switch(struct x86_cpu *c, bool smm); /* the memory that is seen; flushes nothing */
bool x86_is_amd(const struct x86_cpu *c);	  /* by the vendor that CPUID shows */
void x86_set_a20(struct x86_cpu *c, bool on);
void x86_cpu_dump(struct cpu *cpu, FILE *out);
extern const struct cpu_register x86_registers[];
/* gdb.c */
const struct gdb_description *x86_gdb_description(struct cpu *cpu);
extern const struct field x86_state[];
struct error *x86_post_load(struct cpu *cpu);

/* Takes back the single step of the current instruction. */
void x86_forget_step(struct x86_cpu *c);

#endif
