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
