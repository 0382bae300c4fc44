/*
 * The state of the x87 and SSE units: control, status and tag words, pending exceptions, and when
 * their instructions are not available.
 *
 * Sources: Intel SDM volume 1, 8.1 and 8.7, 10.2.3, 11.5; volume 3, 2.5 and 6.15.
 */
#include "interp/x86/fpu.h"

#include "base/loop.h"

/* --- pending exceptions --- */

static void set_ferr(struct x86_cpu *c, int level)
{
	if (!c->ferr || c->ferr->level == level)
		return;
	machine_lock();
	irq_set(c->ferr, level);
	machine_unlock();
}

void x87_update_summary(struct x86_cpu *c)
{
	struct x86_regs *r = &c->r;

	if (r->fsw & ~r->fcw & FP_FLAGS) {
		r->fsw |= FSW_ES | FSW_B;
		if (!(c->cr0 & CR0_NE))
			set_ferr(c, 1);
	} else {
		r->fsw &= (u16) ~(FSW_ES | FSW_B);
		c->ignne = false;
		set_ferr(c, 0);
	}
}

bool x87_record(struct x86_cpu *c, unsigned int flags)
{
	c->r.fsw |= (u16)flags;
	if (!(flags & ~(unsigned int)c->r.fcw & FP_FLAGS))
		return false;
	x87_update_summary(c);
	return true;
}

/*
 * SDM volume 3, 8.7 and appendix D of volume 1: with CR0.NE clear, an error drives FERR# and the
 * next waiting instruction freezes until an interrupt comes, unless IGNNE# is active.
 */
bool x87_pending(struct x86_cpu *c)
{
	if (c->cr0 & CR0_NE)
		x86_raise(c, EXC_MF);
	if (c->ignne || !c->ferr)
		return false;
	set_ferr(c, 1);
	c->v.cpu.halted = true;
	return true;
}

/* --- words --- */

u16 x87_status_word(const struct x86_cpu *c)
{
	return (u16)((c->r.fsw & ~FSW_TOP) | c->r.ftop << 11);
}

void x87_set_status_word(struct x86_cpu *c, u16 value)
{
	c->r.ftop = value >> 11 & 7;
	c->r.fsw = value & (u16) ~(FSW_TOP | FSW_ES | FSW_B);
	x87_update_summary(c);
}

enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static unsigned int tag_of(const struct x86_regs *r, unsigned int i)
{
	struct f80 a = r->st[i];
	unsigned int e = a.se & 0x7fff;

	if (r->ftag >> i & 1)
		return TAG_EMPTY;
	if (e == 0 && a.frac == 0)
		return TAG_ZERO;
	if (e == 0 || e == 0x7fff || !(a.frac >> 63))
		return TAG_SPECIAL;
	return TAG_VALID;
}

u16 x87_tag_word(const struct x86_cpu *c)
{
	unsigned int word = 0;

	for (unsigned int i = 0; i < 8; i++)
		word |= tag_of(&c->r, i) << 2 * i;
	return (u16)word;
}

void x87_init(struct x86_cpu *c)
{
	c->r.fcw = FCW_INIT;
	c->r.fsw = 0;
	c->r.ftop = 0;
	c->r.ftag = 0xff;
	c->r.fip = c->r.fdp = 0;
	c->r.fcs = c->r.fds = c->r.fop = 0;
	x87_update_summary(c);
}

struct fp_status x87_status(const struct x86_regs *r)
{
	static const u8 precision[4] = {FP_PREC_32, FP_PREC_80, FP_PREC_64, FP_PREC_80};

	return (struct fp_status){
		.rules = &fp_rules_x87,
		.round = r->fcw >> 10 & 3,
		.precision = precision[r->fcw >> 8 & 3],
		.traps = (u8)(~r->fcw & FP_FLAGS),
	};
}

bool x86_mmx_enter(struct x86_cpu *c)
{
	if (c->r.fsw & FSW_ES && x87_pending(c))
		return true;
	c->r.ftop = 0;
	c->r.ftag = 0;
	return false;
}

void x86_fpu_reset(struct x86_cpu *c)
{
	/* Unlike FNINIT (SDM volume 3, table 9-1). FERR# is the board's to reset. */
	c->r.fcw = 0x0040;
	c->r.fsw = 0;
	c->r.ftop = 0;
	c->r.ftag = 0;
	c->ignne = false;
	c->r.fip = c->r.fdp = 0;
	c->r.fcs = c->r.fds = c->r.fop = 0;
	memset(c->r.st, 0, sizeof(c->r.st));
	memset(c->r.xmm, 0, sizeof(c->r.xmm));
	c->r.mxcsr = MXCSR_INIT;
}

/* --- MXCSR --- */

void x86_set_mxcsr(struct x86_cpu *c, u32 value)
{
	if (value & ~(u32)MXCSR_VALID)
		x86_raise_error(c, EXC_GP, 0);
	c->r.mxcsr = value;
}

struct fp_status x86_sse_status(const struct x86_regs *r)
{
	return (struct fp_status){
		.rules = &fp_rules_sse,
		.round = r->mxcsr >> 13 & 3,
		.traps = (u8)(~r->mxcsr >> 7 & FP_FLAGS),
		.ftz = (r->mxcsr & MXCSR_FTZ) != 0,
		.daz = (r->mxcsr & MXCSR_DAZ) != 0,
	};
}

/*
 * SDM volume 1, 11.5.3: an unmasked exception that is detected before the operation keeps those
 * that are detected after it from being reported.
 */
void x86_sse_raise(struct x86_cpu *c, const struct fp_status *st)
{
	const unsigned int before = FP_INVALID | FP_DENORMAL | FP_DIVZERO;
	unsigned int flags = st->flags;

	if (flags & st->traps & before)
		flags &= before;
	c->r.mxcsr |= flags;
	if (!(flags & st->traps))
		return;
	x86_raise(c, c->cr4 & CR4_OSXMMEXCPT ? EXC_XM : EXC_UD);
}

/* --- availability --- */

void x86_x87_unavailable(struct x86_cpu *c, const struct op *op)
{
	if (c->cr0 & (CR0_EM | CR0_TS))
		x86_raise(c, EXC_NM);
}

/* FWAIT alone looks at MP, and not at EM. */
void x86_wait_unavailable(struct x86_cpu *c, const struct op *op)
{
	if ((c->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
		x86_raise(c, EXC_NM);
}

void x86_mmx_unavailable(struct x86_cpu *c, const struct op *op)
{
	if (c->cr0 & CR0_EM)
		x86_raise(c, EXC_UD);
	if (c->cr0 & CR0_TS)
		x86_raise(c, EXC_NM);
}

void x86_sse_unavailable(struct x86_cpu *c, const struct op *op)
{
	if (c->cr0 & CR0_EM || !(c->cr4 & CR4_OSFXSR))
		x86_raise(c, EXC_UD);
	if (c->cr0 & CR0_TS)
		x86_raise(c, EXC_NM);
}
