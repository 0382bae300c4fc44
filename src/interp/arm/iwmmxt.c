/*
 * iWMMXt: SIMD on 64-bit registers. Source: Intel Wireless MMX Technology Developer Guide, 251793,
 * chapter 4. Most operations leave N and Z of every lane in wCASF; saturation leaves its mark in
 * wCSSF.
 */
#include "interp/arm/iwmmxt.h"

#include "base/bytes.h"

#define REG_OF(c, off)	    (*(uint32_t *)((char *)&(c)->r + (off)))
#define CORE(c, n)	    ((c)->r.r[n])
#define FIELD(w, low, bits) ((w) >> (low) & ((1u << (bits)) - 1))
#define BIT(w, n)	    ((w) >> (n) & 1)

enum { WCID, WCON, WCSSF, WCASF, WCGR0 = 8 };
enum { CON_CUP = 1, CON_MUP = 2 };

/* What tells instructions apart: bits 23-20 and 11-4. */
static u32 key_of(u32 w)
{
	return (w >> 12 & 0xf00) | (w >> 4 & 0xff);
}

/* --- lanes --- */

static s64 get(u64 value, unsigned int lane, unsigned int log2, bool is_signed)
{
	unsigned int bits = 8u << log2;
	u64 raw = value >> (lane * bits % 64);

	if (log2 == 3)
		return (s64)raw;
	raw &= (UINT64_C(1) << bits) - 1;
	return is_signed ? (s64)(raw << (64 - bits)) >> (64 - bits) : (s64)raw;
}

static u64 put(unsigned int lane, unsigned int log2, s64 value)
{
	unsigned int bits = 8u << log2;
	u64 mask = log2 == 3 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;

	return ((u64)value & mask) << (lane * bits % 64);
}

/* N and Z of each lane, in the highest bits of its 4, 8, 16 or 32 bits of wCASF. */
static void flags_nz(struct arm_cpu *c, u64 value, unsigned int log2)
{
	u32 flags = 0;

	for (unsigned int i = 0; i < 8u >> log2; i++) {
		s64 lane = get(value, i, log2, true);
		unsigned int top = (i + 1) * (4u << log2) - 1;
		flags |= (u32)(lane < 0) << top | (u32)(lane == 0) << (top - 1);
	}
	c->wc[WCASF] = flags;
	c->wc[WCON] |= CON_CUP;
}

static void flags_z(struct arm_cpu *c, u64 value, unsigned int log2)
{
	flags_nz(c, value, log2);
	for (unsigned int i = 0; i < 8u >> log2; i++)
		c->wc[WCASF] &= ~(1u << ((i + 1) * (4u << log2) - 1));
}

static s64 saturate(struct arm_cpu *c, s64 value, unsigned int lane, unsigned int log2,
		    bool is_signed)
{
	unsigned int bits = 8u << log2;
	s64 top = is_signed ? (INT64_C(1) << (bits - 1)) - 1 : (INT64_C(1) << bits) - 1;
	s64 bottom = is_signed ? -top - 1 : 0;

	if (value <= top && value >= bottom)
		return value;
	c->wc[WCSSF] |= 1u << (((lane + 1) << log2) - 1);
	c->wc[WCON] |= CON_CUP;
	return value > top ? top : bottom;
}

/* --- operations lane by lane --- */

enum lane_op { L_ADD, L_SUB, L_AVG, L_CMPEQ, L_CMPGT, L_MAX, L_MIN };

static u64 by_lanes(struct arm_cpu *c, u32 w, enum lane_op op, u64 n, u64 m, unsigned int log2)
{
	bool is_signed = BIT(w, 21);
	u64 res = 0;

	for (unsigned int i = 0; i < 8u >> log2; i++) {
		s64 a = get(n, i, log2, is_signed), b = get(m, i, log2, is_signed), v;
		switch (op) {
		case L_ADD:
		case L_SUB:
			v = op == L_ADD ? a + b : a - b;
			if (BIT(w, 20))
				v = saturate(c, v, i, log2, is_signed);
			break;
		case L_AVG:
			a = get(n, i, log2, false);
			b = get(m, i, log2, false);
			v = (a + b + BIT(w, 20)) >> 1;
			break;
		case L_CMPEQ: v = a == b ? -1 : 0; break;
		case L_CMPGT: v = a > b ? -1 : 0; break;
		case L_MAX: v = a > b ? a : b; break;
		default: v = a < b ? a : b; break;
		}
		res |= put(i, log2, v);
	}
	if (op == L_AVG)
		flags_z(c, res, log2);
	else
		flags_nz(c, res, log2);
	return res;
}

/* Shifts: kind is bits 21-20: WSRA, WSLL, WSRL, WROR. */
static u64 shift(struct arm_cpu *c, u32 w, u64 n, u32 count)
{
	unsigned int log2 = FIELD(w, 22, 2), bits = 8u << log2;
	u64 res = 0;

	for (unsigned int i = 0; i < 8u >> log2; i++) {
		s64 a = get(n, i, log2, true);
		u64 u = (u64)get(n, i, log2, false);
		unsigned int r = count % bits;
		switch (FIELD(w, 20, 2)) {
		case 0: a >>= count > 63 ? 63 : count; break;
		case 1: a = count >= bits ? 0 : (s64)(u << count); break;
		case 2: a = count >= bits ? 0 : (s64)(u >> count); break;
		default: a = r ? (s64)(u >> r | u << (bits - r)) : (s64)u; break;
		}
		res |= put(i, log2, a);
	}
	flags_nz(c, res, log2);
	return res;
}

static u64 pack(struct arm_cpu *c, u32 w, u64 n, u64 m)
{
	unsigned int log2 = FIELD(w, 22, 2), count = 8u >> log2;
	u64 res = 0;

	for (unsigned int i = 0; i < 2 * count; i++) {
		s64 v = get(i < count ? n : m, i % count, log2, true);
		res |= put(i, log2 - 1, saturate(c, v, i, log2 - 1, BIT(w, 21)));
	}
	flags_nz(c, res, log2 - 1);
	return res;
}

/* WUNPCKE: lanes of one half made twice as wide. */
static u64 extend(struct arm_cpu *c, u32 w, u64 n, bool high)
{
	unsigned int log2 = FIELD(w, 22, 2), count = 4u >> log2;
	u64 res = 0;

	for (unsigned int i = 0; i < count; i++)
		res |= put(i, log2 + 1, get(n, i + (high ? count : 0), log2, BIT(w, 21)));
	flags_nz(c, res, log2 + 1);
	return res;
}

/* WUNPCKI: lanes of two halves in turn. */
static u64 interleave(struct arm_cpu *c, u32 w, u64 n, u64 m, bool high)
{
	unsigned int log2 = FIELD(w, 22, 2), half = 4u >> log2;
	u64 res = 0;

	for (unsigned int i = 0; i < half; i++) {
		unsigned int from = i + (high ? half : 0);
		res |= put(2 * i, log2, get(n, from, log2, false));
		res |= put(2 * i + 1, log2, get(m, from, log2, false));
	}
	flags_nz(c, res, log2);
	return res;
}

static u64 multiply(u32 w, u64 n, u64 m)
{
	bool is_signed = BIT(w, 21);
	u64 res = 0;

	for (unsigned int i = 0; i < 4; i++) {
		s64 product = get(n, i, 1, is_signed) * get(m, i, 1, is_signed);
		res |= put(i, 1, BIT(w, 20) ? product >> 16 : product);
	}
	return res;
}

static u64 multiply_sum(u32 w, u64 n, u64 m, u64 d)
{
	bool is_signed = BIT(w, 21);
	u64 sum = BIT(w, 20) ? 0 : d;

	for (unsigned int i = 0; i < 4; i++)
		sum += (u64)(get(n, i, 1, is_signed) * get(m, i, 1, is_signed));
	return sum;
}

static u64 multiply_add(u32 w, u64 n, u64 m)
{
	bool is_signed = BIT(w, 21);
	u64 res = 0;

	for (unsigned int i = 0; i < 2; i++)
		res |= put(i, 2,
			   get(n, 2 * i, 1, is_signed) * get(m, 2 * i, 1, is_signed) +
				   get(n, 2 * i + 1, 1, is_signed) *
					   get(m, 2 * i + 1, 1, is_signed));
	return res;
}

static u64 differences(u32 w, u64 n, u64 m, u64 d)
{
	unsigned int log2 = BIT(w, 22);
	u64 sum = BIT(w, 20) ? 0 : (u32)d;

	for (unsigned int i = 0; i < 8u >> log2; i++) {
		s64 diff = get(n, i, log2, false) - get(m, i, log2, false);
		sum += (u64)(diff < 0 ? -diff : diff);
	}
	return (u32)sum;
}

static u64 sum_lanes(u32 w, u64 n)
{
	unsigned int log2 = FIELD(w, 22, 2);
	u64 sum = 0;

	for (unsigned int i = 0; i < 8u >> log2; i++)
		sum += (u64)get(n, i, log2, false);
	return sum;
}

static u64 align(u64 low, u64 high, unsigned int bytes)
{
	return bytes ? low >> (8 * bytes) | high << (64 - 8 * bytes) : low;
}

static u64 shuffle(struct arm_cpu *c, u32 w, u64 n)
{
	unsigned int imm = (w >> 16 & 0xf0) | (w & 0xf);
	u64 res = 0;

	for (unsigned int i = 0; i < 4; i++)
		res |= put(i, 1, get(n, imm >> (2 * i) & 3, 1, false));
	flags_nz(c, res, 1);
	return res;
}

/* How many a shift's count is: by a register's low byte, or (bit 8) by a control register. */
static u32 shift_count(const struct arm_cpu *c, u32 w)
{
	return BIT(w, 8) ? c->wc[WCGR0 + (w & 3)] & 0xff : (u8)c->r.wr[w & 15];
}

static u64 logic(struct arm_cpu *c, u32 w, u64 n, u64 m)
{
	u64 res;

	switch (FIELD(w, 20, 2)) {
	case 0: res = n | m; break;
	case 1: res = n ^ m; break;
	case 2: res = n & m; break;
	default: res = n & ~m; break;
	}
	flags_nz(c, res, 3);
	return res;
}

/* Sizes that an instruction has: bytes to doublewords. */
static bool size_ok(u32 w, unsigned int low, unsigned int high)
{
	return FIELD(w, 22, 2) >= low && FIELD(w, 22, 2) <= high;
}

bool arm_wmmx_known(u32 w)
{
	u32 key = key_of(w), top = key >> 8;

	if ((w & 0x0f000e00) != 0x0e000000)
		return false;
	switch (key & 0xff) {
	case 0x00: return top < 4 || top == 8 || top == 9 || top == 12 || top == 13;
	case 0x02: return top < 12;
	case 0x04:
	case 0x14: return size_ok(w, 1, 3);
	case 0x06: return size_ok(w, 0, 2) && FIELD(w, 20, 2) != 2;
	case 0x08: return size_ok(w, 1, 3) && BIT(w, 20);
	case 0x0c:
	case 0x0e: return size_ok(w, 0, 2) && FIELD(w, 20, 2) != 3;
	case 0x10: return top < 8 || top == 8 || top == 10;
	case 0x12: return top < 8 && !BIT(w, 21);
	case 0x16: return size_ok(w, 0, 2);
	case 0x18:
	case 0x1a: return size_ok(w, 0, 2) && FIELD(w, 20, 2) != 2;
	case 0x1c: return size_ok(w, 0, 2) && !FIELD(w, 20, 2);
	}
	return (key & 0x0f) == 0x0e && (key & 0xf0) == 0x10;
}

static u64 arithmetic(struct arm_cpu *c, u32 w, u64 n, u64 m, u64 d)
{
	unsigned int size = FIELD(w, 22, 2), kind = FIELD(w, 20, 2);

	switch (key_of(w) & 0xff) {
	case 0x00:
		return size < 2 ? logic(c, w, n, m)
				: by_lanes(c, w & ~(1u << 21), L_AVG, n, m, BIT(w, 22));
	case 0x02: return align(n, m, w >> 23 & 1 ? c->wc[WCGR0 + kind] & 7 : FIELD(w, 20, 3));
	case 0x04:
	case 0x14: return shift(c, w, n, shift_count(c, w));
	case 0x06: return by_lanes(c, w, kind ? L_CMPGT : L_CMPEQ, n, m, size);
	case 0x08: return pack(c, w, n, m);
	case 0x0c: return kind == 1 ? interleave(c, w, n, m, true) : extend(c, w, n, true);
	case 0x0e: return kind == 1 ? interleave(c, w, n, m, false) : extend(c, w, n, false);
	case 0x10:
		if (BIT(w, 23))
			return multiply_add(w, n, m);
		return BIT(w, 22) ? multiply_sum(w, n, m, d) : multiply(w, n, m);
	case 0x12: return differences(w, n, m, d);
	case 0x16: return by_lanes(c, w, BIT(w, 20) ? L_MIN : L_MAX, n, m, size);
	case 0x18: return by_lanes(c, w, L_ADD, n, m, size);
	case 0x1a: return by_lanes(c, w, L_SUB, n, m, size);
	case 0x1c: return sum_lanes(w, n);
	default: return shuffle(c, w, n);
	}
}

void arm_h_wmmx(struct arm_cpu *c, const struct op *op)
{
	u32 w = (u32)op->imm;
	u64 *d = &c->r.wr[FIELD(w, 12, 4)];

	*d = arithmetic(c, w, c->r.wr[FIELD(w, 16, 4)], c->r.wr[w & 15], *d);
	c->wc[WCON] |= CON_MUP;
}

/* --- core registers --- */

static bool is_insert(u32 key)
{
	return key == 0x601 || key == 0x605 || key == 0x609 || key == 0x60d;
}

static bool is_broadcast(u32 key)
{
	return key == 0x401 || key == 0x405 || key == 0x409;
}

/* TMIA, TMIAPH, TMIAxy: wRd is in bits 8-5. */
static bool is_tmia(u32 w)
{
	unsigned int kind = FIELD(w, 16, 4);

	return (w & 0x0ff00e10) == 0x0e200010 && (kind == 0 || kind == 8 || kind >= 12);
}

bool arm_wmmx_core_known(u32 w)
{
	u32 key = key_of(w);

	if ((w & 0x0fe00ff0) == 0x0c400000 || is_tmia(w))
		return true;
	if ((w & 0x0f000e00) != 0x0e000000)
		return false;
	if (key == 0x011 || key == 0x111)
		return true;
	if (is_insert(key) || is_broadcast(key))
		return key != 0x60d;
	if (!BIT(w, 20) || BIT(w, 21) || FIELD(w, 22, 2) == 3)
		return false;
	return (key & 0xff) == 0x07 || (key & 0xff) == 0x17 || (key & 0xff) == 0x13 ||
	       (key & 0xff) == 0x15 || (key & 0xff) == 0x03;
}

static void control_write(struct arm_cpu *c, unsigned int n, u32 value)
{
	switch (n) {
	case WCID: break;
	case WCON: c->wc[WCON] &= ~value; break;
	case WCSSF:
	case WCASF:
	case WCGR0:
	case WCGR0 + 1:
	case WCGR0 + 2:
	case WCGR0 + 3:
		c->wc[n] = value;
		c->wc[WCON] |= CON_CUP;
		break;
	default: arm_raise(c, EXC_UNDEF);
	}
}

static void tmia(struct arm_cpu *c, u32 w)
{
	u32 m = CORE(c, w & 15), s = CORE(c, FIELD(w, 12, 4));
	u64 *d = &c->r.wr[FIELD(w, 5, 4)];
	s64 low = (s64)(s16)m * (s16)s, high = (s64)((s32)m >> 16) * ((s32)s >> 16);

	switch (FIELD(w, 16, 4)) {
	case 0: *d += (u64)((s64)(s32)m * (s32)s); break;
	case 8: *d += (u64)(low + high); break;
	default:
		/* bit 16: the upper half of the second, bit 17 of the first operand */
		*d += (u64)((s64)(BIT(w, 17) ? (s32)m >> 16 : (s16)m) *
			    (BIT(w, 16) ? (s32)s >> 16 : (s16)s));
		break;
	}
}

static void two_registers(struct arm_cpu *c, u32 w)
{
	u32 *low = &CORE(c, FIELD(w, 12, 4)), *high = &CORE(c, FIELD(w, 16, 4));
	u64 *wr = &c->r.wr[w & 15];

	if (BIT(w, 20)) {
		*low = (u32)*wr;
		*high = (u32)(*wr >> 32);
	} else {
		*wr = (u64)*high << 32 | *low;
		c->wc[WCON] |= CON_MUP;
	}
}

/* TBCST and TINSR: size in bits 7-6, lane in 2-0. */
static void from_core(struct arm_cpu *c, u32 w)
{
	unsigned int log2 = FIELD(w, 6, 2), count = 8u >> log2, lane = w & 7 & (count - 1);
	u64 *wr = &c->r.wr[FIELD(w, 16, 4)], value = CORE(c, FIELD(w, 12, 4));

	if (is_insert(key_of(w))) {
		*wr = (*wr & ~put(lane, log2, -1)) | put(lane, log2, (s64)value);
	} else {
		*wr = 0;
		for (unsigned int i = 0; i < count; i++)
			*wr |= put(i, log2, (s64)value);
	}
	c->wc[WCON] |= CON_MUP;
}

static void lane_flags(struct arm_cpu *c, u32 w)
{
	unsigned int log2 = FIELD(w, 22, 2), step = 4u << log2, count = 8u >> log2;
	u32 casf = c->wc[WCASF], res;

	if ((key_of(w) & 0xff) == 0x17) { /* TEXTRC */
		res = casf >> (((w & 7 & (count - 1)) + 1) * step - 4) << 28;
	} else {
		bool all = (key_of(w) & 0xff) == 0x13;
		res = casf;
		for (unsigned int i = 1; i < count; i++)
			res = all ? res & casf << (i * step) : res | casf << (i * step);
	}
	arm_flags_set(c, res);
}

static void to_core(struct arm_cpu *c, u32 w)
{
	unsigned int log2 = FIELD(w, 22, 2), count = 8u >> log2;
	u64 wr = c->r.wr[FIELD(w, 16, 4)];
	u32 res = 0;

	if ((key_of(w) & 0xff) == 0x03) { /* TMOVMSK */
		for (unsigned int i = 0; i < count; i++)
			res |= (u32)(get(wr, i, log2, true) < 0) << i;
	} else {
		res = (u32)get(wr, w & 7 & (count - 1), log2, BIT(w, 3));
	}
	CORE(c, FIELD(w, 12, 4)) = res;
}

void arm_h_wmmx_core(struct arm_cpu *c, const struct op *op)
{
	u32 w = (u32)op->imm, key = key_of(w);

	if ((w & 0x0fe00ff0) == 0x0c400000) {
		two_registers(c, w);
	} else if (is_tmia(w)) {
		tmia(c, w);
		c->wc[WCON] |= CON_MUP;
	} else if (key == 0x011) {
		control_write(c, FIELD(w, 16, 4), CORE(c, FIELD(w, 12, 4)));
	} else if (key == 0x111) {
		CORE(c, FIELD(w, 12, 4)) = c->wc[FIELD(w, 16, 4)];
	} else if (is_insert(key) || is_broadcast(key)) {
		from_core(c, w);
	} else if ((key & 0xff) == 0x07 || (key & 0xff) == 0x03) {
		to_core(c, w);
	} else {
		lane_flags(c, w);
	}
}

/* --- memory --- */

static u64 load(struct arm_cpu *c, u32 va, unsigned int log2)
{
	if (log2 < 3)
		return arm_load(c, va, 1u << log2, c->v.mmu_mode);
	return arm_load(c, va, 4, c->v.mmu_mode) | (u64)arm_load(c, va + 4, 4, c->v.mmu_mode) << 32;
}

static void store(struct arm_cpu *c, u32 va, unsigned int log2, u64 value)
{
	if (log2 == 3) {
		vcpu_probe_write(&c->v, va + 4, 4, c->v.mmu_mode);
		arm_store(c, va, 4, (u32)value, c->v.mmu_mode);
		arm_store(c, va + 4, 4, (u32)(value >> 32), c->v.mmu_mode);
	} else {
		arm_store(c, va, 1u << log2, (u32)value, c->v.mmu_mode);
	}
}

void arm_h_wmmx_memory(struct arm_cpu *c, const struct op *op)
{
	u32 w = (u32)op->imm, base = REG_OF(c, op->b), va = base + (u32)op->disp;
	u32 offset = (w & 0xff) << (BIT(w, 8) ? 2 : 0);
	unsigned int n = FIELD(w, 12, 4), log2 = BIT(w, 8) << 1 | BIT(w, 22);

	if (w >> 28 == 15) { /* a control register */
		if (BIT(w, 20))
			control_write(c, n, arm_load(c, va, 4, c->v.mmu_mode));
		else
			arm_store(c, va, 4, c->wc[n], c->v.mmu_mode);
	} else if (BIT(w, 20)) {
		c->r.wr[n] = load(c, va, log2);
		c->wc[WCON] |= CON_MUP;
	} else {
		store(c, va, log2, c->r.wr[n]);
	}
	if (op->s)
		REG_OF(c, op->a) = base + (BIT(w, 23) ? offset : 0 - offset);
}
