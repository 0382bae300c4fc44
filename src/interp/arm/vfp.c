/* The state of VFP and NEON: FPSCR and reset. Source: ARM DDI 0406C, B6.1.39. */
#include "interp/arm/cpu.h"

/* FPSCR's cumulative exception bits are FP_*: IOC DZC OFC UFC IXC in bits 0-4, IDC in 7. */
static uint32_t flags_to_fpscr(uint8_t flags)
{
	return (flags & FP_INVALID ? 1 << 0 : 0) | (flags & FP_DIVZERO ? 1 << 1 : 0) |
	       (flags & FP_OVERFLOW ? 1 << 2 : 0) | (flags & FP_UNDERFLOW ? 1 << 3 : 0) |
	       (flags & FP_INEXACT ? 1 << 4 : 0) | (flags & FP_DENORMAL ? 1 << 7 : 0);
}

static uint8_t flags_from_fpscr(uint32_t value)
{
	return (uint8_t)((value & 1 << 0 ? FP_INVALID : 0) | (value & 1 << 1 ? FP_DIVZERO : 0) |
			 (value & 1 << 2 ? FP_OVERFLOW : 0) | (value & 1 << 3 ? FP_UNDERFLOW : 0) |
			 (value & 1 << 4 ? FP_INEXACT : 0) | (value & 1 << 7 ? FP_DENORMAL : 0));
}

uint32_t arm_fpscr_get(const struct arm_cpu *c)
{
	const struct arm_regs *r = &c->r;

	return c->fpscr | (r->fpn & PSR_N) | (r->fpz == 0 ? PSR_Z : 0) | (r->fpc ? PSR_C : 0) |
	       (r->fpv & PSR_N) >> 3 | flags_to_fpscr(c->fp.flags | c->fp_std.flags);
}

void arm_fpscr_set(struct arm_cpu *c, uint32_t value)
{
	static const uint8_t modes[4] = {FP_RND_NEAREST, FP_RND_UP, FP_RND_DOWN, FP_RND_ZERO};
	uint32_t kept = 0x0ff79f00;

	/* VFPv3 without trapped exceptions ignores their enable bits. */
	if (arm_has(c, F_VFP3))
		kept &= ~(uint32_t)0x9f00;
	if (!arm_has(c, F_NEON))
		kept &= ~(uint32_t)(1 << 27);
	c->fpscr = value & kept;
	c->r.fpn = value;
	c->r.fpz = !(value & PSR_Z);
	c->r.fpc = value >> 29 & 1;
	c->r.fpv = value << 3;
	c->fp.round = modes[value >> 22 & 3];
	c->fp.ftz = c->fp.daz = value >> 24 & 1;
	c->fp.default_nan = value >> 25 & 1;
	c->fp.flags = flags_from_fpscr(value);
	c->fp_std.flags = 0;
	arm_mode_changed(c);
}

void arm_vfp_reset(struct arm_cpu *c)
{
	for (unsigned int n = 0; n < 32; n++)
		c->r.d[n] = 0;
	c->fp = (struct fp_status){.rules = &fp_rules_arm};
	/* Advanced SIMD: to nearest, flush to zero, default NaN, whatever FPSCR says. */
	c->fp_std = (struct fp_status){
		.rules = &fp_rules_arm, .ftz = true, .daz = true, .default_nan = true};
	c->fpexc = 0;
	c->fpinst[0] = c->fpinst[1] = 0;
	arm_fpscr_set(c, 0);
}
