/* Coprocessor instructions, as ARM and Thumb-2 share them. Source: ARM DDI 0406C, A7.7. */
#include "interp/arm/decode.h"
#include "interp/arm/system.h"

static void move(struct arm_insn *i, u32 w)
{
	unsigned int rt = FIELD(w, 12, 4);
	struct op *op;

	if (BIT(w, 20)) {
		op = arm_emit_system(i, rt == PC ? arm_h_mrc_flags : arm_h_mrc);
		op->a = REG(rt);
	} else if (FIELD(w, 8, 4) == 15) {
		op = arm_emit_system_end(i, arm_h_mcr);
		op->a = arm_src(i, rt, REG_ZERO);
	} else {
		op = arm_emit_system_end(i, arm_h_mcr);
		op->a = REG(rt);
	}
}

static void move_double(struct arm_insn *i, u32 w)
{
	arm_helper *fn = BIT(w, 20) ? arm_h_mrrc : arm_h_mcrr;
	struct op *op = BIT(w, 20) ? arm_emit_call(i, fn) : arm_emit_system_end(i, fn);

	op->a = REG(FIELD(w, 12, 4));
	op->s = REG(FIELD(w, 16, 4));
}

/* The accumulator of XScale without iWMMXt: MIA, MAR, MRA. */
static bool accumulator(struct arm_insn *i, u32 w)
{
	struct op *op;

	if ((w & 0x0ff00ff0) == 0x0e200010 || (w & 0x0ffc0ff0) == 0x0e280010 ||
	    (w & 0x0ffc0ff0) == 0x0e2c0010) {
		op = arm_emit_call(i, arm_h_mia);
		op->b = REG(FIELD(w, 0, 4));
		op->x = REG(FIELD(w, 12, 4));
		return true;
	}
	if ((w & 0x0fe00fff) == 0x0c400000) {
		op = arm_emit_call(i, BIT(w, 20) ? arm_h_mra : arm_h_mar);
		op->a = REG(FIELD(w, 12, 4));
		op->s = REG(FIELD(w, 16, 4));
		return true;
	}
	return false;
}

void arm_decode_coproc(struct arm_insn *i, bool unconditional)
{
	u32 w = i->word;
	unsigned int cp = FIELD(w, 8, 4);

	if ((cp == 10 || cp == 11) && !unconditional) {
		if (!has(i, F_VFP2) || !arm_decode_vfp(i))
			arm_emit_undefined(i);
		return;
	}
	if (cp < 2 && has(i, F_IWMMXT)) {
		if (!(i->mode & MODE_WMMX) || !arm_decode_iwmmxt(i))
			arm_emit_undefined(i);
		return;
	}
	if (cp == 0 && has(i, F_XSCALE) && accumulator(i, w))
		return;
	if (is_m(i))
		arm_emit_undefined(i);
	else if (FIELD(w, 21, 7) == 0x62 && has(i, F_V5E))
		move_double(i, w);
	else if (FIELD(w, 24, 4) == 14 && BIT(w, 4))
		move(i, w);
	else
		arm_emit_undefined(i);
}
