/*
 * Arithmetic of v5E and v6 that is rare in hot code: saturation, packed halfwords and bytes, dual
 * multiplies. Source: ARM DDI 0100I, A4.1 (operations by name).
 */
#include "interp/arm/system.h"

#define REG_OF(c, off) (*(uint32_t *)((char *)&(c)->r + (off)))
#define RA	       REG_OF(c, op->a)
#define RB	       REG_OF(c, op->b)
#define RX	       REG_OF(c, op->x)
#define RS	       REG_OF(c, op->s)

static int32_t low_half(uint32_t v)
{
	return (int16_t)v;
}

static int32_t high_half(uint32_t v)
{
	return (int32_t)v >> 16;
}

/* --- saturation --- */

static int32_t saturate(struct arm_cpu *c, int64_t value)
{
	if (value > INT32_MAX || value < INT32_MIN) {
		c->r.q = 1;
		return value < 0 ? INT32_MIN : INT32_MAX;
	}
	return (int32_t)value;
}

/* Rm op Rn, where QDADD and QDSUB double Rn with saturation first. */
void arm_h_sat_add(struct arm_cpu *c, const struct op *op)
{
	int64_t n = (int32_t)RB, m = (int32_t)RX;

	if (op->imm & 2)
		n = saturate(c, 2 * n);
	RA = (uint32_t)saturate(c, op->imm & 1 ? m - n : m + n);
}

/* To [-2^(bits-1), 2^(bits-1)) or [0, 2^bits). */
static int32_t clamp(struct arm_cpu *c, int64_t value, unsigned int bits, bool is_unsigned)
{
	int64_t top = is_unsigned ? ((int64_t)1 << bits) - 1 : ((int64_t)1 << (bits - 1)) - 1;
	int64_t bottom = is_unsigned ? 0 : -top - 1;

	if (value > top || value < bottom) {
		c->r.q = 1;
		return (int32_t)(value > top ? top : bottom);
	}
	return (int32_t)value;
}

/* imm: bits 5-0 width, 6 unsigned, 7 ASR, 15-8 amount. */
void arm_h_sat(struct arm_cpu *c, const struct op *op)
{
	unsigned int amount = (unsigned int)op->imm >> 8 & 0x3f;
	int32_t value = (int32_t)RX;

	if (op->imm & 1 << 7)
		value = amount > 31 ? value >> 31 : value >> amount;
	else
		value = (int32_t)((uint32_t)value << amount);
	RA = (uint32_t)clamp(c, value, (unsigned int)op->imm & 0x3f, op->imm & 1 << 6);
}

void arm_h_sat16(struct arm_cpu *c, const struct op *op)
{
	unsigned int bits = (unsigned int)op->imm & 0x3f;
	bool is_unsigned = op->imm & 1 << 6;
	uint32_t low = (uint32_t)clamp(c, low_half(RX), bits, is_unsigned);
	uint32_t high = (uint32_t)clamp(c, high_half(RX), bits, is_unsigned);

	RA = (low & 0xffff) | high << 16;
}

/* --- multiplication --- */

void arm_h_smulw(struct arm_cpu *c, const struct op *op)
{
	int32_t half = op->imm ? high_half(RX) : low_half(RX);

	RA = (uint32_t)(((int64_t)(int32_t)RB * half) >> 16);
}

void arm_h_smlaw(struct arm_cpu *c, const struct op *op)
{
	int32_t half = op->imm ? high_half(RX) : low_half(RX), sum;
	int32_t product = (int32_t)(((int64_t)(int32_t)RB * half) >> 16);

	if (__builtin_add_overflow(product, (int32_t)RS, &sum))
		c->r.q = 1;
	RA = (uint32_t)sum;
}

void arm_h_smlal_xy(struct arm_cpu *c, const struct op *op)
{
	int64_t product = (int64_t)(op->imm & 1 ? high_half(RB) : low_half(RB)) *
			  (op->imm & 2 ? high_half(RX) : low_half(RX));
	uint64_t sum = ((uint64_t)RS << 32 | RA) + (uint64_t)product;

	RA = (uint32_t)sum;
	RS = (uint32_t)(sum >> 32);
}

void arm_h_umaal(struct arm_cpu *c, const struct op *op)
{
	uint64_t sum = (uint64_t)RB * RX + RA + RS;

	RA = (uint32_t)sum;
	RS = (uint32_t)(sum >> 32);
}

void arm_h_smlad(struct arm_cpu *c, const struct op *op)
{
	uint32_t m = op->imm & 1 ? RX >> 16 | RX << 16 : RX;
	int64_t first = (int64_t)low_half(RB) * low_half(m);
	int64_t second = (int64_t)high_half(RB) * high_half(m);
	int64_t sum = op->imm & 2 ? first - second : first + second;

	if (op->imm & 4) {
		uint64_t acc = ((uint64_t)RS << 32 | RA) + (uint64_t)sum;
		RA = (uint32_t)acc;
		RS = (uint32_t)(acc >> 32);
		return;
	}
	/* Q is for the last addition: two maximal products overflow by themselves, too. */
	if (!(op->imm & 8))
		sum += (int32_t)RS;
	if (sum != (int32_t)sum)
		c->r.q = 1;
	RA = (uint32_t)sum;
}

void arm_h_smmla(struct arm_cpu *c, const struct op *op)
{
	uint64_t product = (uint64_t)((int64_t)(int32_t)RB * (int32_t)RX);
	uint64_t acc = op->imm & 4 ? 0 : (uint64_t)RS << 32;

	acc = op->imm & 2 ? acc - product : acc + product;
	if (op->imm & 1)
		acc += 0x80000000;
	RA = (uint32_t)(acc >> 32);
}

void arm_h_usad8(struct arm_cpu *c, const struct op *op)
{
	uint32_t sum = RS;

	for (unsigned int n = 0; n < 32; n += 8) {
		int32_t d = (int32_t)(RB >> n & 0xff) - (int32_t)(RX >> n & 0xff);
		sum += (uint32_t)(d < 0 ? -d : d);
	}
	RA = sum;
}

/* --- packing --- */

void arm_h_pkh(struct arm_cpu *c, const struct op *op)
{
	unsigned int amount = (unsigned int)op->imm & 0xff;

	if (op->imm & 1 << 8)
		RA = (RB & 0xffff0000) | ((uint32_t)((int64_t)(int32_t)RX >> amount) & 0xffff);
	else
		RA = (RB & 0xffff) | (RX << amount & 0xffff0000);
}

void arm_h_rbit(struct arm_cpu *c, const struct op *op)
{
	uint32_t v = __builtin_bswap32(RX);

	v = (v >> 4 & 0x0f0f0f0f) | (v & 0x0f0f0f0f) << 4;
	v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
	RA = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
}

void arm_h_extend16(struct arm_cpu *c, const struct op *op)
{
	unsigned int n = (unsigned int)op->imm & 31;
	uint32_t value = n ? RX >> n | RX << (32 - n) : RX;
	uint32_t low, high;

	if (op->imm & 1 << 5) {
		low = value & 0xff;
		high = value >> 16 & 0xff;
	} else {
		low = (uint32_t)(int8_t)value;
		high = (uint32_t)(int8_t)(value >> 16);
	}
	if (op->imm & 1 << 6) {
		low += RB;
		high += RB >> 16;
	}
	RA = (low & 0xffff) | high << 16;
}

/* --- parallel addition and subtraction --- */

enum { KIND_S = 1, KIND_Q, KIND_SH, KIND_U = 5, KIND_UQ, KIND_UH };

struct lane {
	unsigned int kind, width;
	uint32_t ge; /* collects the lane's GE bits, all of them set or none */
};

static uint32_t bound(int32_t value, int32_t low, int32_t high)
{
	return (uint32_t)(value < low ? low : value > high ? high : value);
}

/* One lane of `width` bits; returns it unmasked. */
static uint32_t lane_op(struct lane *l, uint32_t a, uint32_t b, bool subtract)
{
	bool is_unsigned = l->kind >= KIND_U;
	uint32_t mask = l->width == 16 ? 0xffff : 0xff;
	int32_t x, y;

	if (is_unsigned) {
		x = (int32_t)(a & mask);
		y = (int32_t)(b & mask);
	} else {
		x = l->width == 16 ? (int16_t)a : (int8_t)a;
		y = l->width == 16 ? (int16_t)b : (int8_t)b;
	}
	int32_t value = subtract ? x - y : x + y;
	switch (l->kind) {
	case KIND_S: l->ge = value >= 0; break;
	case KIND_U: l->ge = subtract ? value >= 0 : value > (int32_t)mask; break;
	case KIND_Q: return bound(value, -(int32_t)(mask / 2) - 1, (int32_t)(mask / 2));
	case KIND_UQ: return bound(value, 0, (int32_t)mask);
	default: return (uint32_t)(value >> 1);
	}
	return (uint32_t)value;
}

void arm_h_parallel(struct arm_cpu *c, const struct op *op)
{
	struct lane l = {.kind = (unsigned int)op->imm >> 3 & 7};
	unsigned int what = (unsigned int)op->imm & 7;
	uint32_t n = RB, m = RX, res = 0, ge = 0;

	l.width = what >= 4 ? 8 : 16;
	for (unsigned int at = 0; at < 32; at += l.width) {
		bool high = at != 0, subtract = what == 3 || what == 7;
		unsigned int other = at;
		if (what == 1 || what == 2) { /* ASX, SAX */
			other = 16 - at;
			subtract = high == (what == 2);
		}
		uint32_t value = lane_op(&l, n >> at, m >> other, subtract);
		res |= (l.width == 16 ? value & 0xffff : value & 0xff) << at;
		if (l.ge)
			ge |= (l.width == 16 ? 3u : 1u) << (at / 8);
	}
	RA = res;
	if (l.kind == KIND_S || l.kind == KIND_U)
		c->r.ge = ge;
}
