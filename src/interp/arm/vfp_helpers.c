/* Rare VFP instructions: short vectors, fixed point, half precision, system registers, scalars. */
#include "interp/arm/model.h"
#include "interp/arm/ops_vfp.h"

#define REG_OF(c, off) (*(uint32_t *)((char *)&(c)->r + (off)))

static f32 *single(struct arm_cpu *c, unsigned int n)
{
	return (f32 *)((char *)c->r.d + 4 * n);
}

/* --- short vectors (ARM DDI 0100I, C5.1) --- */

/* Banks are of 8 single or 4 double registers; a vector wraps around in its own. */
static unsigned int step(unsigned int reg, unsigned int stride, unsigned int bank)
{
	return (reg & ~(bank - 1)) | ((reg + stride) & (bank - 1));
}

static unsigned int vector_length(const struct arm_cpu *c, unsigned int d, unsigned int bank)
{
	/* Registers of bank 0 (and, of doubles, 16-19) make it a scalar operation. */
	bool scalar = d < bank || (bank == 4 && d >= 16 && d < 20);

	return scalar ? 1 : (c->fpscr >> 16 & 7) + 1;
}

static void one(struct arm_cpu *c, enum vfp_op what, bool wide, unsigned int d, unsigned int n,
		unsigned int m)
{
	struct fp_status *st = &c->fp;

	if (wide)
		c->r.d[d] = vfp_f64(what, c->r.d[d], c->r.d[n], c->r.d[m], st);
	else
		*single(c, d) = vfp_f32(what, *single(c, d), *single(c, n), *single(c, m), st);
}

void arm_h_vfp_vector(struct arm_cpu *c, const struct op *op)
{
	bool wide = op->disp;
	unsigned int bank = wide ? 4 : 8, d = op->a, n = op->b, m = op->x;
	unsigned int len = vector_length(c, d, bank), stride = (c->fpscr >> 20 & 3) == 3 ? 2 : 1;
	bool scalar_m = m < bank || (wide && m >= 16 && m < 20);

	while (len--) {
		one(c, (enum vfp_op)op->s, wide, d, n, m);
		d = step(d, stride, bank);
		n = step(n, stride, bank);
		if (!scalar_m)
			m = step(m, stride, bank);
	}
}

void arm_h_vfp_const_vector(struct arm_cpu *c, const struct op *op)
{
	bool wide = op->disp;
	unsigned int bank = wide ? 4 : 8, d = op->a, len = vector_length(c, d, bank);
	unsigned int stride = (c->fpscr >> 20 & 3) == 3 ? 2 : 1;

	for (; len--; d = step(d, stride, bank)) {
		if (wide)
			c->r.d[d] = op->imm;
		else
			*single(c, d) = (f32)op->imm;
	}
}

/* --- conversions --- */

/* An integer of `bits`, saturated: what does not fit is invalid and nothing else. */
static int64_t saturate(int64_t value, unsigned int bits, bool is_unsigned, uint8_t raised,
			struct fp_status *st)
{
	int64_t top = is_unsigned ? (INT64_C(1) << bits) - 1 : (INT64_C(1) << (bits - 1)) - 1;
	int64_t bottom = is_unsigned ? 0 : -top - 1;

	if (value > top || value < bottom) {
		st->flags |= FP_INVALID;
		return value > top ? top : bottom;
	}
	st->flags |= raised;
	return value;
}

int64_t arm_to_fixed(bool wide, uint64_t bits, unsigned int fraction, unsigned int width,
		     bool is_unsigned, enum fp_round round, struct fp_status *st)
{
	struct fp_status scaled = *st, converted = *st;
	int64_t value;

	scaled.flags = converted.flags = 0;
	if (wide)
		value = f64_to_i64(f64_scalb(bits, (int)fraction, &scaled), round, &converted);
	else
		value = f32_to_i64(f32_scalb((f32)bits, (int)fraction, &scaled), round, &converted);
	uint8_t raised = converted.flags | (scaled.flags & (FP_DENORMAL | FP_INVALID));
	return saturate(value, width, is_unsigned, raised, st);
}

/* From fixed point it is always to nearest. */
uint64_t arm_from_fixed(bool wide, int64_t value, unsigned int fraction, struct fp_status *st)
{
	struct fp_status nearest = *st;
	uint64_t bits;

	nearest.round = FP_RND_NEAREST;
	if (wide)
		bits = f64_scalb(f64_from_i64(value, &nearest), -(int)fraction, &nearest);
	else
		bits = f32_scalb(f32_from_i64(value, &nearest), -(int)fraction, &nearest);
	st->flags = nearest.flags;
	return bits;
}

void arm_h_vcvt_fixed(struct arm_cpu *c, const struct op *op)
{
	bool wide = op->s & 1, to_fixed = op->s & 2, is_unsigned = op->s & 4;
	unsigned int width = op->s & 8 ? 32 : 16, fraction = (unsigned int)op->disp;
	uint64_t bits = wide ? c->r.d[op->a] : *single(c, op->a);

	if (to_fixed) {
		bits = (uint64_t)arm_to_fixed(wide, bits, fraction, width, is_unsigned, FP_RND_ZERO,
					      &c->fp);
	} else {
		int64_t value = width == 32
					? (is_unsigned ? (int64_t)(uint32_t)bits : (int32_t)bits)
				: is_unsigned ? (int64_t)(uint16_t)bits
					      : (int16_t)bits;
		bits = arm_from_fixed(wide, value, fraction, &c->fp);
	}
	if (wide)
		c->r.d[op->a] = bits;
	else
		*single(c, op->a) = (f32)bits;
}

/* FPSCR.AHP: the alternative format has no infinities and NaNs; its largest exponent is a number.
 */
static f32 half_alternative(f16 h)
{
	uint32_t exp = h >> 10 & 0x1f, frac = h & 0x3ff, sign = (uint32_t)(h >> 15) << 31;

	if (exp == 0 && frac == 0)
		return sign;
	if (exp == 0) {
		exp = 1;
		while (!(frac & 0x400)) {
			frac <<= 1;
			exp--;
		}
		frac &= 0x3ff;
	}
	return sign | (exp + 112) << 23 | frac << 13;
}

f32 arm_half_to_single(struct arm_cpu *c, f16 h, struct fp_status *st)
{
	struct fp_status full = *st;

	if (c->fpscr & 1 << 26)
		return half_alternative(h);
	/* Denormal halves are never flushed. */
	full.daz = full.ftz = false;
	f32 value = f16_to_f32(h, &full);
	st->flags = full.flags;
	return value;
}

f16 arm_single_to_half(struct arm_cpu *c, f32 value, struct fp_status *st)
{
	struct fp_status full = *st;
	bool nan = (value & 0x7fffffff) > 0x7f800000, inf = (value & 0x7fffffff) == 0x7f800000;
	f16 sign = (f16)(value >> 16 & 0x8000), h;

	full.ftz = false;
	if (!(c->fpscr & 1 << 26)) {
		h = f32_to_f16(value, &full);
		st->flags = full.flags;
		return h;
	}
	if (nan || inf) {
		st->flags |= FP_INVALID;
		return nan ? sign : sign | 0x7fff;
	}
	/* One more exponent: convert half of it where the IEEE format would overflow. */
	uint32_t exp = value >> 23 & 0xff;
	if (exp < 142) {
		h = f32_to_f16(value, &full);
		if ((h & 0x7c00) != 0x7c00) {
			st->flags = full.flags;
			return h;
		}
		full.flags = st->flags;
	}
	h = exp >= 144 ? 0x7c00 : f32_to_f16(value - (1u << 23), &full);
	if ((h & 0x7c00) == 0x7c00) {
		st->flags |= FP_INVALID;
		return sign | 0x7fff;
	}
	st->flags = full.flags;
	return h + 0x400;
}

void arm_h_vcvt_half(struct arm_cpu *c, const struct op *op)
{
	unsigned int shift = op->s & 1 ? 16 : 0;
	f32 value = *single(c, op->x);

	if (op->s & 2) {
		uint32_t h = arm_single_to_half(c, value, &c->fp);
		f32 *to = single(c, op->a);
		*to = (*to & ~(0xffffu << shift)) | h << shift;
	} else {
		*single(c, op->a) = arm_half_to_single(c, (f16)(value >> shift), &c->fp);
	}
}

/* --- system registers --- */

enum { FPSID, FPSCR, MVFR1 = 6, MVFR0, FPEXC, FPINST, FPINST2 };

static void need(struct arm_cpu *c, bool allowed)
{
	if (!allowed)
		arm_raise(c, EXC_UNDEF);
}

void arm_h_vmrs(struct arm_cpu *c, const struct op *op)
{
	bool priv = c->v.mode & MODE_PRIV, on = c->v.mode & MODE_VFP;
	uint32_t value = 0;

	need(c, op->s == FPSCR ? on : priv);
	switch (op->s) {
	case FPSID: value = c->model->fpsid; break;
	case FPSCR: value = arm_fpscr_get(c); break;
	case MVFR0: value = c->model->mvfr0; break;
	case MVFR1: value = c->model->mvfr1; break;
	case FPEXC: value = c->fpexc; break;
	case FPINST: value = c->fpinst[0]; break;
	case FPINST2: value = c->fpinst[1]; break;
	default: need(c, false);
	}
	if (op->a == REG(PC))
		arm_flags_set(c, value);
	else
		REG_OF(c, op->a) = value;
}

void arm_h_vmsr(struct arm_cpu *c, const struct op *op)
{
	bool priv = c->v.mode & MODE_PRIV, on = c->v.mode & MODE_VFP;
	uint32_t value = REG_OF(c, op->a);

	need(c, op->s == FPSCR ? on : priv);
	switch (op->s) {
	case FPSID: break;
	case FPSCR: arm_fpscr_set(c, value); break;
	case FPEXC:
		c->fpexc = value & 1u << 30;
		arm_mode_changed(c);
		break;
	case FPINST: c->fpinst[0] = value; break;
	case FPINST2: c->fpinst[1] = value; break;
	case MVFR0:
	case MVFR1: break;
	default: need(c, false);
	}
}
