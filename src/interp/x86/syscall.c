/*
 * SYSCALL, SYSRET (AMD APM volume 2, section 6.1.1), SYSENTER, SYSEXIT (Intel SDM volume 3, 5.8.7).
 * They load flat segments of fixed attributes without reading descriptors.
 */
#include "interp/x86/ops_sys.h"
#include "interp/x86/system.h"

#define ATTR_CODE (SEG_P | SEG_S | SEG_CODE | SEG_R | SEG_A | SEG_G)
#define ATTR_DATA (SEG_P | SEG_S | SEG_W | SEG_A | SEG_G | SEG_DB)

static void set_flat(struct x86_cpu *c, uint16_t cs, uint16_t ss, unsigned int cpl, bool code64)
{
	uint32_t dpl = cpl << SEG_DPL_SHIFT;

	x86_seg_set(c, CS, cs, 0, UINT32_MAX, ATTR_CODE | dpl | (code64 ? SEG_L : SEG_DB));
	x86_seg_set(c, SS, ss, 0, UINT32_MAX, ATTR_DATA | dpl);
}

/* imm: next pc. */
void x86_syscall(struct x86_cpu *c, const struct op *op)
{
	uint16_t cs = (uint16_t)(c->star >> 32) & 0xfffc;
	uint16_t ss = (uint16_t)(cs + 8);

	if (!(c->efer & EFER_SCE))
		x86_raise(c, EXC_UD);
	if (UNLIKELY(c->trap != NULL)) {
		c->v.pc = op->imm;
		c->r.r[RCX] = op->imm;
		c->r.r[R11] = x86_flags_get(c);
		c->trap(c, NULL);
		return;
	}
	if (x86_long_mode(c)) {
		bool from64 = x86_code64(c);
		uint32_t flags = x86_flags_get(c);
		c->r.r[RCX] = op->imm;
		c->r.r[R11] = flags & ~(uint32_t)FLAG_RF;
		set_flat(c, cs, ss, 0, true);
		c->v.pc = from64 ? c->lstar : c->cstar;
		x86_flags_set(c, flags & ~(uint32_t)(c->sfmask | FLAG_RF), ~(uint32_t)0);
	} else {
		c->r.r[RCX] = (uint32_t)op->imm;
		set_flat(c, cs, ss, 0, false);
		c->v.pc = (uint32_t)c->star;
		c->eflags &= ~(uint32_t)(FLAG_VM | FLAG_IF | FLAG_RF);
	}
	x86_mode_changed(c);
}

/* a: operand size. */
void x86_sysret(struct x86_cpu *c, const struct op *op)
{
	bool to64 = op->a == 3;
	uint16_t selector = (uint16_t)(c->star >> 48);
	uint16_t cs = (uint16_t)((selector + (to64 ? 16 : 0)) | 3);
	uint16_t ss = (uint16_t)((selector + 8) | 3);

	if (!(c->efer & EFER_SCE))
		x86_raise(c, EXC_UD);
	if (to64 && !canonical(c->r.r[RCX]))
		x86_raise_error(c, EXC_GP, 0);
	uint32_t flags = (uint32_t)c->r.r[R11];
	bool lma = x86_long_mode(c);
	set_flat(c, cs, ss, 3, to64);
	c->v.pc = to64 ? c->r.r[RCX] : (uint32_t)c->r.r[RCX];
	if (lma)
		x86_flags_set(c, flags & 0x3c7fd7, ~(uint32_t)0);
	else
		c->eflags |= FLAG_IF;
	x86_mode_changed(c);
}

void x86_sysenter(struct x86_cpu *c, const struct op *op)
{
	uint16_t cs = (uint16_t)c->sysenter_cs & 0xfffc;
	bool lma = x86_long_mode(c);

	if (!cs)
		x86_raise_error(c, EXC_GP, 0);
	c->eflags &= ~(uint32_t)(FLAG_VM | FLAG_IF | FLAG_RF);
	c->v.mode &= ~(uint32_t)MODE_VM;
	set_flat(c, cs, (uint16_t)(cs + 8), 0, lma);
	c->r.r[RSP] = lma ? c->sysenter_esp : (uint32_t)c->sysenter_esp;
	c->v.pc = lma ? c->sysenter_eip : (uint32_t)c->sysenter_eip;
	x86_mode_changed(c);
}

/* a: operand size. */
void x86_sysexit(struct x86_cpu *c, const struct op *op)
{
	bool to64 = op->a == 3;
	uint16_t selector = (uint16_t)c->sysenter_cs & 0xfffc;
	uint64_t pc = c->r.r[RDX], sp = c->r.r[RCX];

	if (!selector)
		x86_raise_error(c, EXC_GP, 0);
	if (to64 && (!canonical(pc) || !canonical(sp)))
		x86_raise_error(c, EXC_GP, 0);
	selector = (uint16_t)(selector + (to64 ? 32 : 16));
	set_flat(c, (uint16_t)(selector | 3), (uint16_t)((selector + 8) | 3), 3, to64);
	c->r.r[RSP] = to64 ? sp : (uint32_t)sp;
	c->v.pc = to64 ? pc : (uint32_t)pc;
	x86_mode_changed(c);
}
