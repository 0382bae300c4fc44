/* Advanced SIMD: what becomes of integer lanes, and how lanes are found. */
#include "interp/arm/neon.h"

#include "base/bytes.h"

typedef __int128 s128;

/* --- one lane --- */

struct lane {
	struct arm_cpu *c;
	const struct neon_form *f;
	unsigned int bits; /* of the result */
};

static s128 saturate(const struct lane *l, s128 value, unsigned int bits, bool is_unsigned)
{
	s128 top = is_unsigned ? ((s128)1 << bits) - 1 : ((s128)1 << (bits - 1)) - 1;
	s128 bottom = is_unsigned ? 0 : -top - 1;

	if (value > top || value < bottom) {
		l->c->fpscr |= 1 << 27; /* QC */
		return value > top ? top : bottom;
	}
	return value;
}

static s128 sat(const struct lane *l, s128 value)
{
	return saturate(l, value, l->bits, l->f->is_unsigned);
}

static s128 shift_right(s128 a, unsigned int n, bool round)
{
	if (n > 127)
		n = 127;
	return round && n ? (a + ((s128)1 << (n - 1))) >> n : a >> n;
}

/* By a signed count: left, or right where it is negative. */
static s128 shift(const struct lane *l, s128 a, int count, bool round, bool saturating)
{
	if (count < 0)
		return shift_right(a, (unsigned int)-count, round);
	if (count >= (int)l->bits) {
		if (!saturating || a == 0)
			return 0;
		return sat(l, a < 0 ? -((s128)1 << 100) : (s128)1 << 100);
	}
	a = a * ((s128)1 << count);
	return saturating ? sat(l, a) : a;
}

static s128 polynomial(u64 a, u64 b)
{
	u64 res = 0;

	for (unsigned int n = 0; n < 8; n++)
		if (b >> n & 1)
			res ^= a << n;
	return (s128)res;
}

static s128 absolute(s128 a)
{
	return a < 0 ? -a : a;
}

static s128 truth(bool b)
{
	return b ? -1 : 0;
}

static s128 count_leading(u64 value, unsigned int bits)
{
	return value ? (s128)(__builtin_clzll(value) - (64 - (int)bits)) : (s128)bits;
}

static s128 doubling_high(const struct lane *l, s128 a, s128 b, bool round)
{
	s128 product = 2 * a * b + (round ? (s128)1 << (l->bits - 1) : 0);

	return saturate(l, product >> l->bits, l->bits, false);
}

/* VQDMULL, and with accumulation: two saturations. */
static s128 doubling_long(const struct lane *l, s128 a, s128 b)
{
	return saturate(l, 2 * a * b, l->bits, false);
}

static s128 constant_shift(const struct lane *l, s128 b, s128 d)
{
	unsigned int n = l->f->aux;
	u64 mask = UINT64_MAX >> (64 - l->bits), low;

	switch ((enum neon_op)l->f->op) {
	case N_SHRI: return shift_right(b, n, false);
	case N_SRA: return d + shift_right(b, n, false);
	case N_RSHRI: return shift_right(b, n, true);
	case N_RSRA: return d + shift_right(b, n, true);
	case N_SRI:
		low = n == l->bits ? 0 : mask >> n;
		return (s128)(((u64)d & ~low) | (n == l->bits ? 0 : ((u64)b & mask) >> n));
	case N_SLI: low = mask << n & mask; return (s128)(((u64)d & ~low) | ((u64)b << n & low));
	case N_SHLI: return b * ((s128)1 << n);
	case N_QSHLI: return shift(l, b, (int)n, false, true);
	case N_QSHLUI: return saturate(l, b * ((s128)1 << n), l->bits, true);
	case N_SHRN: return shift_right(b, n, false);
	case N_RSHRN: return shift_right(b, n, true);
	case N_QSHRN: return sat(l, shift_right(b, n, false));
	case N_QRSHRN: return sat(l, shift_right(b, n, true));
	case N_QSHRUN: return saturate(l, shift_right(b, n, false), l->bits, true);
	default: return saturate(l, shift_right(b, n, true), l->bits, true);
	}
}

static s128 unary(const struct lane *l, s128 b)
{
	u64 raw = (u64)b & UINT64_MAX >> (64 - l->bits);

	switch ((enum neon_op)l->f->op) {
	case N_MOV: return b;
	case N_MVN: return ~b;
	case N_CLS: {
		u64 flipped = (raw ^ raw << 1) & UINT64_MAX >> (64 - l->bits);
		return count_leading(flipped & ~UINT64_C(1), l->bits) -
		       (flipped & ~UINT64_C(1) ? 0 : 1);
	}
	case N_CLZ: return count_leading(raw, l->bits);
	case N_CNT: return __builtin_popcountll(raw);
	case N_QABS: return saturate(l, absolute(b), l->bits, false);
	case N_QNEG: return saturate(l, -b, l->bits, false);
	case N_ABS: return absolute(b);
	case N_NEG: return -b;
	case N_QMOVN: return sat(l, b);
	case N_QMOVUN: return saturate(l, b, l->bits, true);
	default: return arm_neon_estimate((u32)raw, l->f->op == N_RSQRTE);
	}
}

static s128 bitwise(enum neon_op op, u64 a, u64 b, u64 d)
{
	switch (op) {
	case N_AND: return (s128)(a & b);
	case N_BIC: return (s128)(a & ~b);
	case N_ORR: return (s128)(a | b);
	case N_ORN: return (s128)(a | ~b);
	case N_EOR: return (s128)(a ^ b);
	case N_BSL: return (s128)((a & d) | (b & ~d));
	case N_BIT: return (s128)((a & b) | (d & ~b));
	default: return (s128)((a & ~b) | (d & b));
	}
}

static s128 one_lane(const struct lane *l, s128 a, s128 b, s128 d)
{
	enum neon_op op = (enum neon_op)l->f->op;

	switch (op) {
	case N_HADD: return (a + b) >> 1;
	case N_RHADD: return (a + b + 1) >> 1;
	case N_HSUB: return (a - b) >> 1;
	case N_QADD: return sat(l, a + b);
	case N_QSUB: return sat(l, a - b);
	case N_CGT: return truth(a > b);
	case N_CGE: return truth(a >= b);
	case N_CEQ: return truth(a == b);
	case N_CLE: return truth(a <= b);
	case N_CLT: return truth(a < b);
	case N_TST: return truth(((u64)a & (u64)b) != 0);
	case N_SHL: return shift(l, a, (s8)b, false, false);
	case N_QSHL: return shift(l, a, (s8)b, false, true);
	case N_RSHL: return shift(l, a, (s8)b, true, false);
	case N_QRSHL: return shift(l, a, (s8)b, true, true);
	case N_MAX: return a > b ? a : b;
	case N_MIN: return a < b ? a : b;
	case N_ABD: return absolute(a - b);
	case N_ABA: return d + absolute(a - b);
	case N_ADD: return a + b;
	case N_SUB: return a - b;
	case N_MLA: return d + a * b;
	case N_MLS: return d - a * b;
	case N_MUL: return a * b;
	case N_PMUL: return polynomial((u8)a, (u8)b);
	case N_QDMULH: return doubling_high(l, a, b, false);
	case N_QRDMULH: return doubling_high(l, a, b, true);
	case N_ADDHN: return (a + b) >> l->bits;
	case N_RADDHN: return (a + b + ((s128)1 << (l->bits - 1))) >> l->bits;
	case N_SUBHN: return (a - b) >> l->bits;
	case N_RSUBHN: return (a - b + ((s128)1 << (l->bits - 1))) >> l->bits;
	case N_QDMULL: return doubling_long(l, a, b);
	case N_QDMLAL: return saturate(l, d + doubling_long(l, a, b), l->bits, false);
	case N_QDMLSL: return saturate(l, d - doubling_long(l, a, b), l->bits, false);
	case N_PADAL: return d + a + b;
	default:
		if (op >= N_FADD)
			return arm_neon_fp(l->c, l->f, (u32)a, (u32)b, (u32)d);
		if (op >= N_AND)
			return bitwise(op, (u64)a, (u64)b, (u64)d);
		if (op >= N_MOV)
			return unary(l, b);
		return constant_shift(l, b, d);
	}
}

/* --- lanes of registers --- */

static s128 get(const u64 *d, unsigned int n, unsigned int log2, bool is_unsigned)
{
	const u8 *p = (const u8 *)d + (n << log2);

	switch (log2) {
	case 0: return is_unsigned ? (s128)*p : (s128)(s8)*p;
	case 1: return is_unsigned ? (s128)load_le16(p) : (s128)(s16)load_le16(p);
	case 2: return is_unsigned ? (s128)load_le32(p) : (s128)(s32)load_le32(p);
	default: return is_unsigned ? (s128)load_le64(p) : (s128)(s64)load_le64(p);
	}
}

static void put(u64 *d, unsigned int n, unsigned int log2, s128 value)
{
	store_le((u8 *)d + (n << log2), 1u << log2, (u64)value);
}

/* Sizes of the lanes of each operand, and how many there are. */
struct layout {
	unsigned int d, n, m, lanes;
};

static struct layout layout_of(const struct neon_form *f)
{
	unsigned int log2 = f->log2, in_d = 8u >> log2;

	switch ((enum neon_shape)f->shape) {
	case SHAPE_LONG: return (struct layout){log2 + 1, log2, log2, in_d};
	case SHAPE_WIDE: return (struct layout){log2 + 1, log2 + 1, log2, in_d};
	case SHAPE_NARROW: return (struct layout){log2, log2 + 1, log2 + 1, in_d};
	case SHAPE_PAIR: return (struct layout){log2, log2, log2, in_d};
	case SHAPE_PAIR_LONG:
		return (struct layout){log2 + 1, log2, log2, (f->quad ? in_d : in_d / 2)};
	default: return (struct layout){log2, log2, log2, f->quad ? 2 * in_d : in_d};
	}
}

void arm_h_neon(struct arm_cpu *c, const struct op *op)
{
	struct neon_form f = neon_unpack(op->imm);
	struct layout at = layout_of(&f);
	struct lane l = {c, &f, 8u << at.d};
	u64 *regs = c->r.d, *rd = regs + op->a, *rn = regs + op->b, *rm = regs + op->x,
	    res[2] = {0};
	bool u = f.is_unsigned, pair = f.shape == SHAPE_PAIR;

	for (unsigned int i = 0; i < at.lanes; i++) {
		s128 a, b, d = get(rd, i, at.d, u);
		if (pair || f.shape == SHAPE_PAIR_LONG) {
			const u64 *from = pair && i < at.lanes / 2 ? rn : rm;
			unsigned int first = 2 * (pair ? i % (at.lanes / 2) : i);
			a = get(from, first, at.m, u);
			b = get(from, first + 1, at.m, u);
		} else {
			a = f.zero ? get(rm, i, at.m, u) : get(rn, i, at.n, u);
			b = f.zero ? 0
				   : get(rm, f.scalar >= 0 ? (unsigned int)f.scalar : i, at.m, u);
		}
		put(res, i, at.d, one_lane(&l, a, b, d));
	}
	rd[0] = res[0];
	if (at.lanes << at.d == 16)
		rd[1] = res[1];
}

/* --- permutations --- */

void arm_h_neon_permute(struct arm_cpu *c, const struct op *op)
{
	unsigned int size = 1u << op->disp, bytes = op->imm ? 16 : 8, n = bytes / size;
	u8 d[16], m[16], all[32], out[32];

	memcpy(d, &c->r.d[op->a], bytes);
	memcpy(m, &c->r.d[op->x], bytes);
	memcpy(all, d, bytes);
	memcpy(all + bytes, m, bytes);
	for (unsigned int i = 0; i < 2 * n; i++) {
		unsigned int from; /* lane of d:m that lane i of the result is */
		switch (op->s) {
		case 1: from = i < n ? (i & 1 ? n + i - 1 : i) : (i & 1 ? i : i - n + 1); break;
		case 2: from = i < n ? 2 * i : 2 * (i - n) + 1; break;
		case 3: from = i / 2 + (i & 1 ? n : 0); break;
		default: from = (i + n) % (2 * n); break;
		}
		memcpy(out + i * size, all + from * size, size);
	}
	memcpy(&c->r.d[op->a], out, bytes);
	memcpy(&c->r.d[op->x], out + bytes, bytes);
}

void arm_h_neon_tbl(struct arm_cpu *c, const struct op *op)
{
	u8 table[32], index[8], out[8];

	memcpy(table, &c->r.d[op->b], 8u * op->s);
	memcpy(index, &c->r.d[op->x], 8);
	memcpy(out, &c->r.d[op->a], 8);
	for (unsigned int i = 0; i < 8; i++) {
		if (index[i] < 8 * op->s)
			out[i] = table[index[i]];
		else if (!op->imm)
			out[i] = 0;
	}
	memcpy(&c->r.d[op->a], out, 8);
}

void arm_h_neon_half(struct arm_cpu *c, const struct op *op)
{
	u8 in[16], out[16];

	memcpy(in, &c->r.d[op->x], op->s ? 8 : 16);
	for (unsigned int i = 0; i < 4; i++) {
		if (op->s)
			store_le32(out + 4 * i,
				   arm_half_to_single(c, load_le16(in + 2 * i), &c->fp_std));
		else
			store_le16(out + 2 * i,
				   arm_single_to_half(c, load_le32(in + 4 * i), &c->fp_std));
	}
	memcpy(&c->r.d[op->a], out, op->s ? 16 : 8);
}
