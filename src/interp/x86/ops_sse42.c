/*
 * SSE4.2's string comparisons. Intel SDM volume 2, 4.1 ("Imm8 control byte operation for PCMPESTRI
 * / PCMPESTRM / PCMPISTRI / PCMPISTRM").
 */
#include "interp/x86/flags.h"
#include "interp/x86/simd.h"

/* The control byte. */
#define IS_WORDS(imm)	 ((imm) & 1)
#define IS_SIGNED(imm)	 ((imm) & 2)
#define AGGREGATION(imm) ((imm) >> 2 & 3)
#define POLARITY(imm)	 ((imm) >> 4 & 3)
#define WANTS_MOST(imm)	 ((imm) & 0x40) /* last index; byte mask instead of bits */

enum { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

struct operand {
	int value[16];
	unsigned int valid; /* elements before the end */
};

static unsigned int element_count(u64 imm)
{
	return IS_WORDS(imm) ? 8 : 16;
}

static int element(const union x86_xmm *x, unsigned int i, u64 imm)
{
	if (IS_WORDS(imm))
		return IS_SIGNED(imm) ? (s16)x->w[i] : x->w[i];
	return IS_SIGNED(imm) ? (s8)x->b[i] : x->b[i];
}

/* length: as an explicit one in a register, or -1: up to the first zero. */
static struct operand unpack(const union x86_xmm *x, s64 length, bool is_explicit, u64 imm)
{
	unsigned int count = element_count(imm);
	struct operand o = {.valid = count};
	u64 magnitude = length < 0 ? -(u64)length : (u64)length;

	for (unsigned int i = 0; i < count; i++) {
		o.value[i] = element(x, i, imm);
		if (!is_explicit && o.value[i] == 0 && o.valid == count)
			o.valid = i;
	}
	if (is_explicit)
		o.valid = magnitude < count ? (unsigned int)magnitude : count;
	return o;
}

/* Whether element i of the second operand is one of the first's, or in one of its ranges. */
static bool in_set(const struct operand *set, int v)
{
	for (unsigned int j = 0; j < set->valid; j++)
		if (set->value[j] == v)
			return true;
	return false;
}

static bool in_range(const struct operand *set, int v)
{
	for (unsigned int j = 0; j + 1 < set->valid; j += 2)
		if (set->value[j] <= v && v <= set->value[j + 1])
			return true;
	return false;
}

static bool each_equal(const struct operand *a, const struct operand *b, unsigned int i)
{
	bool valid_a = i < a->valid, valid_b = i < b->valid;

	return valid_a && valid_b ? a->value[i] == b->value[i] : valid_a == valid_b;
}

/* The first operand occurs in the second from i on (as far as that goes). */
static bool occurs(const struct operand *a, const struct operand *b, unsigned int i,
		   unsigned int count)
{
	for (unsigned int j = 0; j < a->valid && i + j < count; j++)
		if (i + j >= b->valid || a->value[j] != b->value[i + j])
			return false;
	return true;
}

static u32 compare(const struct operand *a, const struct operand *b, u64 imm)
{
	unsigned int count = element_count(imm);
	u32 bits = 0;

	for (unsigned int i = 0; i < count; i++) {
		bool hit;
		switch (AGGREGATION(imm)) {
		case EQUAL_ANY: hit = i < b->valid && in_set(a, b->value[i]); break;
		case RANGES: hit = i < b->valid && in_range(a, b->value[i]); break;
		case EQUAL_EACH: hit = each_equal(a, b, i); break;
		default: hit = occurs(a, b, i, count);
		}
		bits |= (u32)hit << i;
	}
	/* Polarity: 1 negates all, 3 those that the second operand has. */
	if (POLARITY(imm) == 1)
		bits ^= (1u << count) - 1;
	else if (POLARITY(imm) == 3)
		bits ^= (1u << b->valid) - 1;
	return bits;
}

/* Compares and sets the flags. */
static u32 run(struct x86_cpu *c, const struct op *op, bool is_explicit)
{
	unsigned int count = element_count(op->imm);
	bool wide = op->x;
	s64 la = wide ? (s64)c->r.r[RAX] : (s32)c->r.r[RAX];
	s64 lb = wide ? (s64)c->r.r[RDX] : (s32)c->r.r[RDX];
	struct operand a = unpack(&c->r.xmm[op->a], la, is_explicit, op->imm);
	struct operand b = unpack(&c->r.xmm[op->b], lb, is_explicit, op->imm);
	u32 bits = compare(&a, &b, op->imm);

	x86_flags_arith_set(&c->r, (bits ? FLAG_CF : 0) | (b.valid < count ? FLAG_ZF : 0) |
					   (a.valid < count ? FLAG_SF : 0) |
					   (bits & 1 ? FLAG_OF : 0));
	return bits;
}

static void set_index(struct x86_cpu *c, const struct op *op, u32 bits)
{
	u32 index = element_count(op->imm);

	if (bits)
		index = WANTS_MOST(op->imm) ? 31 - (u32)__builtin_clz(bits)
					    : (u32)__builtin_ctz(bits);
	c->r.r[RCX] = index;
}

static void set_mask(struct x86_cpu *c, const struct op *op, u32 bits)
{
	union x86_xmm r = {.q = {bits, 0}};

	if (WANTS_MOST(op->imm)) {
		for (unsigned int i = 0; i < 8; i++)
			r.w[i] = bits >> i & 1 ? 0xffff : 0;
		if (!IS_WORDS(op->imm))
			for (unsigned int i = 0; i < 16; i++)
				r.b[i] = bits >> i & 1 ? 0xff : 0;
	}
	c->r.xmm[0] = r;
}

void x86_pcmpestri(struct x86_cpu *c, const struct op *op)
{
	set_index(c, op, run(c, op, true));
}

void x86_pcmpistri(struct x86_cpu *c, const struct op *op)
{
	set_index(c, op, run(c, op, false));
}

void x86_pcmpestrm(struct x86_cpu *c, const struct op *op)
{
	set_mask(c, op, run(c, op, true));
}

void x86_pcmpistrm(struct x86_cpu *c, const struct op *op)
{
	set_mask(c, op, run(c, op, false));
}
