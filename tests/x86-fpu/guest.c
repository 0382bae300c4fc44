/*
 * An x86 processor's register file, decoder and op bodies, with stand-ins for the execution core:
 * memory is the host's, exceptions end the run.
 */
#include "guest.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "interp/x86/flags.h"
#include "interp/x86/fpu.h"

static struct x86_cpu cpu;
static struct tlb_entry tlb_entry;
static struct block_builder builder;
static jmp_buf escape;
static int raised;

/* --- stand-ins --- */

NORETURN void x86_raise(struct x86_cpu *c, enum x86_vector vector)
{
	raised = vector;
	longjmp(escape, 1);
}

NORETURN void x86_raise_error(struct x86_cpu *c, enum x86_vector vector, uint32_t error)
{
	x86_raise(c, vector);
}

void x86_seg_fault(struct x86_cpu *c, enum x86_seg_name s, uint64_t offset, unsigned int size,
		   bool write)
{
	x86_raise(c, EXC_GP);
}

uint64_t vcpu_load_slow(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode)
{
	uint64_t value = 0;

	memcpy(&value, (const void *)va, size);
	return value;
}

void vcpu_store_slow(struct vcpu *v, uint64_t va, unsigned int size, uint64_t value,
		     unsigned int mode)
{
	memcpy((void *)va, &value, size);
}

void *vcpu_probe_write(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode)
{
	return NULL;
}

void *vcpu_atomic_host(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode)
{
	return NULL;
}

void vcpu_atomic_done(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode)
{
}

void *vcpu_host_span(struct vcpu *v, uint64_t va, enum mem_access access, unsigned int mode,
		     uint64_t *span)
{
	return NULL;
}

struct op *builder_op(struct block_builder *b, handler_fn *fn)
{
	unsigned int i = b->op_count++;

	b->ops[i] = (struct op){.fn = fn};
	b->info[i] = (struct op_info){0};
	return &b->ops[i];
}

void builder_drop_dead_flags(struct block_builder *b, uint32_t all_flags)
{
}

HANDLER void op_leave(struct vcpu *v, const struct op *op, int64_t budget)
{
}

HANDLER void op_dropped(struct vcpu *v, const struct op *op, int64_t budget)
{
}

HANDLER void op_jump(struct vcpu *v, const struct op *op, int64_t budget)
{
}

HANDLER void op_jump_and_link(struct vcpu *v, const struct op *op, int64_t budget)
{
}

HANDLER void op_budget_out(struct vcpu *v, const struct op *op, int64_t budget)
{
}

void vcpu_leave(struct vcpu *v)
{
	abort();
}

void vcpu_sync_pc(struct vcpu *v)
{
}

uint8_t vcpu_fetch_byte(struct vcpu *v, uint64_t va)
{
	return 0;
}

void machine_lock(void)
{
}

void machine_unlock(void)
{
}

x86_emit_fn *x86_sys_lookup(const struct x86_insn *i, unsigned int *encoding)
{
	return NULL;
}

void x86_emit_far_indirect(struct x86_insn *i)
{
	abort();
}

static void unused_helper(struct x86_cpu *c, const struct op *op)
{
	abort();
}

#define UNUSED_HELPER(name) \
	void name(struct x86_cpu *c, const struct op *op) __attribute__((alias("unused_helper")));
UNUSED_HELPER(x86_check_breakpoint)
UNUSED_HELPER(x86_arm_trap)
UNUSED_HELPER(x86_ins)
UNUSED_HELPER(x86_outs)

/* --- state --- */

static void load_state(const struct native_state *s)
{
	struct x86_regs *r = &cpu.r;

	memcpy(r->r, s->gpr, sizeof(s->gpr));
	x86_flags_arith_set(r, (uint32_t)s->flags);
	r->fcw = s->fx.fcw;
	x87_set_status_word(&cpu, s->fx.fsw);
	r->ftag = (uint8_t)~s->fx.ftw;
	for (unsigned int i = 0; i < 8; i++) {
		struct f80 *st = &r->st[(r->ftop + i) & 7];
		st->frac = s->fx.st[i].frac;
		st->se = s->fx.st[i].se;
	}
	r->mxcsr = s->fx.mxcsr;
	memcpy(r->xmm, s->fx.xmm, sizeof(s->fx.xmm));
}

static void store_state(struct native_state *s)
{
	struct x86_regs *r = &cpu.r;

	memcpy(s->gpr, r->r, sizeof(s->gpr));
	s->flags = x86_flags_arith(r);
	s->fx.fcw = r->fcw;
	s->fx.fsw = x87_status_word(&cpu);
	s->fx.ftw = (uint8_t)~r->ftag;
	for (unsigned int i = 0; i < 8; i++) {
		struct f80 st = r->st[(r->ftop + i) & 7];
		s->fx.st[i].frac = st.frac;
		s->fx.st[i].se = st.se;
	}
	s->fx.mxcsr = r->mxcsr;
	memcpy(s->fx.xmm, r->xmm, sizeof(s->fx.xmm));
}

void guest_init(void *memory)
{
	struct x86_seg *flat = &cpu.seg[SEG_FLAT];

	cpu.v.mode = MODE_64 | MODE_PE | MODE_LMA;
	cpu.cr0 = CR0_PE | CR0_NE | CR0_MP;
	cpu.cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
	memset(cpu.features, 0xff, sizeof(cpu.features));
	flat->usable = flat->read_ok = flat->write_ok = true;
	flat->span = UINT64_MAX;
	tlb_entry.read = tlb_entry.write = (uint64_t)memory & GUEST_PAGE_MASK;
	cpu.v.tlb.entries = &tlb_entry;
}

static void decode(const uint8_t *insn, size_t size)
{
	builder = (struct block_builder){
		.mode = cpu.v.mode, .max_insns = 1, .code = insn, .avail = (unsigned int)size};
	x86_decode(&cpu.v, &builder);
}

struct guest_result guest_run(const uint8_t *insn, size_t size, struct native_state *state)
{
	struct guest_result result = {.vector = -1, .known = true};

	load_state(state);
	decode(insn, size);
	if (builder.size != size)
		result.known = false;
	raised = -1;
	if (setjmp(escape) == 0)
		builder.ops[0].fn(&cpu.v, builder.ops, 1000);
	store_state(state);
	result.vector = raised;
	return result;
}

bool guest_knows(unsigned int map, uint8_t prefix, uint8_t opcode, bool *imm8)
{
	struct x86_insn i = {.c = &cpu, .mode = cpu.v.mode, .map = (uint8_t)map, .opcode = opcode};
	unsigned int encoding = 0;

	i.opsize_prefix = prefix == 0x66;
	i.rep = prefix == 0xf2 || prefix == 0xf3 ? prefix : 0;
	if (!x86_fpu_lookup(&i, &encoding) || !(encoding & ENC_MODRM))
		return false;
	*imm8 = encoding & ENC_IMM8;
	return true;
}
