/*
 * The mode bits of block keys, the MMU mode and the code base, from what they depend on. Runs at
 * every privilege change.
 */
#include "interp/x86/system.h"

#define FLAT_SEGS (1 << ES | 1 << CS | 1 << SS | 1 << DS)

static uint32_t mode_protected(const struct x86_cpu *c)
{
	uint32_t mode = MODE_PE;

	if (c->eflags & FLAG_VM)
		return mode | MODE_VM | 3;
	mode |= c->seg[SS].attr >> SEG_DPL_SHIFT & 3;
	if (c->efer & EFER_LMA) {
		mode |= MODE_LMA;
		if (c->seg[CS].attr & SEG_L)
			return mode | MODE_64;
	}
	return mode;
}

static uint32_t mode_sizes(const struct x86_cpu *c, uint32_t mode)
{
	if (mode & MODE_64)
		return 0;
	return (c->seg[CS].attr & SEG_DB ? MODE_CS32 : 0) |
	       (c->seg[SS].attr & SEG_DB ? MODE_SS32 : 0);
}

static uint32_t mode_control(const struct x86_cpu *c, uint32_t cpl)
{
	uint32_t mode = 0;

	if (cpl <= x86_iopl(c))
		mode |= MODE_IOPL_OK;
	if (c->eflags & FLAG_TF)
		mode |= MODE_TF;
	if (c->cr0 & (CR0_EM | CR0_TS))
		mode |= MODE_FPU_OFF | MODE_SSE_OFF;
	if (!(c->cr4 & CR4_OSFXSR))
		mode |= MODE_SSE_OFF;
	if (cpl == 3 && c->cr0 & CR0_AM && c->eflags & FLAG_AC)
		mode |= MODE_AC;
	if (c->smm)
		mode |= MODE_SMM;
	return mode;
}

/* Which kinds of breakpoints DR7 enables. */
static uint32_t mode_debug(const struct x86_cpu *c)
{
	uint32_t mode = 0;

	if (LIKELY(!(c->dr[7] & 0xff)))
		return 0;
	for (unsigned int i = 0; i < 4; i++) {
		if (!(c->dr[7] >> (2 * i) & 3))
			continue;
		unsigned int kind = c->dr[7] >> (16 + 4 * i) & 3;
		if (kind == 0)
			mode |= MODE_BP;
		else if (kind != 2)
			mode |= MODE_WATCH;
	}
	return mode;
}

static void follow_steps(struct x86_cpu *c, uint32_t mode)
{
	if (mode & (MODE_TF | MODE_BP | MODE_WATCH))
		x86_event_set(c, X86_EVENT_STEP);
	else if (UNLIKELY(__atomic_load_n(&c->v.events, __ATOMIC_RELAXED) & X86_EVENT_STEP))
		x86_event_clear(c, X86_EVENT_STEP);
}

void x86_mode_changed(struct x86_cpu *c)
{
	uint32_t mode = c->cr0 & CR0_PE ? mode_protected(c) : 0;
	uint32_t old = c->v.mode;

	mode |= mode_sizes(c, mode) | mode_control(c, mode & MODE_CPL) | mode_debug(c);
	c->v.mode = mode;
	if (UNLIKELY((mode ^ old) & (MODE_64 | MODE_PE | MODE_VM)))
		for (unsigned int s = ES; s <= GS; s++)
			x86_seg_update(c, (enum x86_seg_name)s);
	if (mode & MODE_64 || (c->flat_segs & FLAT_SEGS) == FLAT_SEGS)
		mode |= MODE_FLAT;
	c->v.mode = mode;
	c->v.code_base = mode & MODE_64 ? 0 : c->seg[CS].base;
	unsigned int mmu_mode = (mode & MODE_CPL) == 3 ? MMU_USER : MMU_SUPER;
	if (mmu_mode != c->v.mmu_mode)
		vcpu_set_mmu_mode(&c->v, mmu_mode);
	bool aligned = mode & MODE_AC;
	if (UNLIKELY(aligned != c->v.check_aligned))
		vcpu_set_check_aligned(&c->v, aligned);
	follow_steps(c, mode);
}
