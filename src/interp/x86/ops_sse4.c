/*
 * SSE4.1 on integers, PCMPGTQ, and CRC32. Intel SDM volume 1, 12.8 to 12.11.
 */
#include "interp/x86/flags.h"
#include "interp/x86/simd.h"

#define X(index) REGS->xmm[index]

/* r from d and s, lane by lane. */
#define LANEWISE(name, T, expr)                          \
	OP(name)                                         \
	{                                                \
		enum { COUNT = 16 / sizeof(T) };         \
		T d[COUNT], s[COUNT], r[COUNT];          \
		__builtin_memcpy(d, &X(op->a), 16);      \
		__builtin_memcpy(s, &X(op->b), 16);      \
		for (unsigned int i = 0; i < COUNT; i++) \
			r[i] = (T)(expr);                \
		__builtin_memcpy(&X(op->a), r, 16);      \
		NEXT;                                    \
	}

LANEWISE(pminsb, s8, d[i] < s[i] ? d[i] : s[i])
LANEWISE(pmaxsb, s8, d[i] > s[i] ? d[i] : s[i])
LANEWISE(pminuw, u16, d[i] < s[i] ? d[i] : s[i])
LANEWISE(pmaxuw, u16, d[i] > s[i] ? d[i] : s[i])
LANEWISE(pminsd, s32, d[i] < s[i] ? d[i] : s[i])
LANEWISE(pmaxsd, s32, d[i] > s[i] ? d[i] : s[i])
LANEWISE(pminud, u32, d[i] < s[i] ? d[i] : s[i])
LANEWISE(pmaxud, u32, d[i] > s[i] ? d[i] : s[i])
LANEWISE(pmulld, u32, d[i] * s[i])
LANEWISE(pmuldq, s64, (s64)(s32)d[i] * (s32)s[i])
LANEWISE(pcmpeqq, u64, -(u64)(d[i] == s[i]))
LANEWISE(pcmpgtq, s64, -(s64)(d[i] > s[i]))
LANEWISE(blendps, u32, op->imm >> i & 1 ? s[i] : d[i])
LANEWISE(blendpd, u64, op->imm >> i & 1 ? s[i] : d[i])
LANEWISE(pblendw, u16, op->imm >> i & 1 ? s[i] : d[i])

/* XMM0 is the mask. */
#define BLENDV(name, field, count, top)                                                \
	OP(name)                                                                       \
	{                                                                              \
		union x86_xmm r = X(op->a), s = X(op->b), mask = X(0);                 \
		for (unsigned int i = 0; i < (count); i++)                             \
			r.field[i] = mask.field[i] >> (top) ? s.field[i] : r.field[i]; \
		X(op->a) = r;                                                          \
		NEXT;                                                                  \
	}

BLENDV(pblendvb, b, 16, 7)
BLENDV(blendvps, d, 4, 31)
BLENDV(blendvpd, q, 2, 63)

/* The low lanes of s, widened. */
#define WIDEN(name, from, to)                                      \
	OP(name)                                                   \
	{                                                          \
		from s[16 / sizeof(from)];                         \
		to r[16 / sizeof(to)];                             \
		__builtin_memcpy(s, &X(op->b), 16);                \
		for (unsigned int i = 0; i < 16 / sizeof(to); i++) \
			r[i] = (to)s[i];                           \
		__builtin_memcpy(&X(op->a), r, 16);                \
		NEXT;                                              \
	}

WIDEN(pmovsxbw, s8, s16)
WIDEN(pmovsxbd, s8, s32)
WIDEN(pmovsxbq, s8, s64)
WIDEN(pmovsxwd, s16, s32)
WIDEN(pmovsxwq, s16, s64)
WIDEN(pmovsxdq, s32, s64)
WIDEN(pmovzxbw, u8, u16)
WIDEN(pmovzxbd, u8, u32)
WIDEN(pmovzxbq, u8, u64)
WIDEN(pmovzxwd, u16, u32)
WIDEN(pmovzxwq, u16, u64)
WIDEN(pmovzxdq, u32, u64)

OP(packusdw)
{
	union x86_xmm d = X(op->a), s = X(op->b), r;
	for (unsigned int i = 0; i < 4; i++) {
		r.w[i] = (u16)simd_clamp((s32)d.d[i], 0, UINT16_MAX);
		r.w[4 + i] = (u16)simd_clamp((s32)s.d[i], 0, UINT16_MAX);
	}
	X(op->a) = r;
	NEXT;
}

OP(phminposuw)
{
	union x86_xmm s = X(op->b);
	unsigned int best = 0;
	for (unsigned int i = 1; i < 8; i++)
		best = s.w[i] < s.w[best] ? i : best;
	X(op->a).q[0] = s.w[best] | (u64)best << 16;
	X(op->a).q[1] = 0;
	NEXT;
}

/* Sums of absolute differences of four bytes of s (imm bits 0-1) with runs of d (bit 2). */
OP(mpsadbw)
{
	union x86_xmm d = X(op->a), s = X(op->b), r;
	unsigned int from = (op->imm & 3) * 4, base = (op->imm >> 2 & 1) * 4;
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int sum = 0;
		for (unsigned int j = 0; j < 4; j++) {
			int diff = d.b[base + i + j] - s.b[from + j];
			sum += (unsigned int)(diff < 0 ? -diff : diff);
		}
		r.w[i] = (u16)sum;
	}
	X(op->a) = r;
	NEXT;
}

OP(ptest)
{
	union x86_xmm d = X(op->a), s = X(op->b);
	bool zf = !((d.q[0] & s.q[0]) | (d.q[1] & s.q[1]));
	bool cf = !((~d.q[0] & s.q[0]) | (~d.q[1] & s.q[1]));
	x86_flags_arith_set(REGS, (zf ? FLAG_ZF : 0) | (cf ? FLAG_CF : 0));
	NEXT;
}

/* imm: source lane 6-7 (x is 1 for memory: lane 0), destination lane 4-5, zeroes 0-3. */
OP(insertps)
{
	union x86_xmm r = X(op->a), s = X(op->b);
	r.d[op->imm >> 4 & 3] = s.d[op->x ? 0 : op->imm >> 6 & 3];
	for (unsigned int i = 0; i < 4; i++)
		r.d[i] = op->imm >> i & 1 ? 0 : r.d[i];
	X(op->a) = r;
	NEXT;
}

/* From the general register (or TMP0) b. */
#define INSERT(name, field, count, bits)                                  \
	OP(name)                                                          \
	{                                                                 \
		X(op->a).field[op->imm & ((count) - 1)] = R(bits, op->b); \
		NEXT;                                                     \
	}

INSERT(pinsrb, b, 16, 8)
INSERT(pinsrd, d, 4, 32)
INSERT(pinsrq, q, 2, 64)

/* To the general register (or TMP0) a. */
#define EXTRACT(name, field, count, bits)                                \
	OP(name)                                                         \
	{                                                                \
		W(bits, op->a, X(op->b).field[op->imm & ((count) - 1)]); \
		NEXT;                                                    \
	}

EXTRACT(pextrb, b, 16, 32)
EXTRACT(pextrw_any, w, 8, 32)
EXTRACT(pextrd, d, 4, 32)
EXTRACT(pextrq, q, 2, 64)

/* --- CRC32: polynomial 11EDC6F41h, bits reflected --- */

static u32 crc32c(u32 crc, u64 data, unsigned int bits)
{
	for (unsigned int i = 0; i < bits; i++) {
		bool odd = (crc ^ data) & 1;
		crc = crc >> 1 ^ (odd ? 0x82f63b78 : 0);
		data >>= 1;
	}
	return crc;
}

#define CRC_OP(bits)                                                      \
	OP(crc32_##bits)                                                  \
	{                                                                 \
		W(32, op->a, crc32c(R(32, op->a), R(bits, op->b), bits)); \
		NEXT;                                                     \
	}

CRC_OP(8)
CRC_OP(16)
CRC_OP(32)
CRC_OP(64)
