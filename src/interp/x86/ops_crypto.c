/*
 * AES-NI and PCLMULQDQ. FIPS 197 for AES; the SDM's state has byte n in row n mod 4, column n / 4.
 */
#include "interp/x86/simd.h"

#define X(index) REGS->xmm[index]

/* --- GF(2^8), modulo x^8 + x^4 + x^3 + x + 1 --- */

static u8 xtime(u8 a)
{
	return (u8)(a << 1 ^ (a & 0x80 ? 0x1b : 0));
}

static u8 gf_mul(u8 a, u8 b)
{
	u8 r = 0;

	for (; b; b >>= 1, a = xtime(a))
		if (b & 1)
			r ^= a;
	return r;
}

static u8 rotate(u8 a, unsigned int n)
{
	return (u8)(a << n | a >> (8 - n));
}

/* FIPS 197, 5.1.1: the multiplicative inverse (a^254), then an affine map. */
static u8 compute_sbox(u8 a)
{
	u8 inverse = 1;

	for (unsigned int i = 0; i < 254; i++)
		inverse = gf_mul(inverse, a);
	return (u8)(inverse ^ rotate(inverse, 1) ^ rotate(inverse, 2) ^ rotate(inverse, 3) ^
		    rotate(inverse, 4) ^ 0x63);
}

static u8 sbox[256], inverse_sbox[256];

static void __attribute__((constructor)) fill_tables(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		sbox[i] = compute_sbox((u8)i);
		inverse_sbox[sbox[i]] = (u8)i;
	}
}

/* --- the transformations of a round --- */

/* Row r moves left by r columns; backwards, right. */
static union x86_xmm shift_rows(union x86_xmm s, bool backwards)
{
	union x86_xmm r;

	for (unsigned int i = 0; i < 16; i++)
		r.b[i] = s.b[(backwards ? i - 4 * (i & 3) : i + 4 * (i & 3)) & 15];
	return r;
}

static union x86_xmm substitute(union x86_xmm s, const u8 table[256])
{
	for (unsigned int i = 0; i < 16; i++)
		s.b[i] = table[s.b[i]];
	return s;
}

/* Every column times the matrix whose first row is k. */
static union x86_xmm mix_columns(union x86_xmm s, const u8 k[4])
{
	union x86_xmm r;

	for (unsigned int i = 0; i < 16; i++) {
		const u8 *column = &s.b[i & ~3u];
		u8 sum = 0;
		for (unsigned int j = 0; j < 4; j++)
			sum ^= gf_mul(column[j], k[(j - i) & 3]);
		r.b[i] = sum;
	}
	return r;
}

static const u8 mix[4] = {2, 3, 1, 1}, unmix[4] = {14, 11, 13, 9};

static union x86_xmm xor128(union x86_xmm a, union x86_xmm b)
{
	a.q[0] ^= b.q[0];
	a.q[1] ^= b.q[1];
	return a;
}

enum aes_step { ENC, ENC_LAST, DEC, DEC_LAST };

static NOINLINE union x86_xmm aes_round(union x86_xmm s, union x86_xmm key, enum aes_step step)
{
	bool backwards = step >= DEC;

	s = substitute(shift_rows(s, backwards), backwards ? inverse_sbox : sbox);
	if (step == ENC)
		s = mix_columns(s, mix);
	else if (step == DEC)
		s = mix_columns(s, unmix);
	return xor128(s, key);
}

OP(aesenc)
{
	X(op->a) = aes_round(X(op->a), X(op->b), ENC);
	NEXT;
}

OP(aesenclast)
{
	X(op->a) = aes_round(X(op->a), X(op->b), ENC_LAST);
	NEXT;
}

OP(aesdec)
{
	X(op->a) = aes_round(X(op->a), X(op->b), DEC);
	NEXT;
}

OP(aesdeclast)
{
	X(op->a) = aes_round(X(op->a), X(op->b), DEC_LAST);
	NEXT;
}

OP(aesimc)
{
	X(op->a) = mix_columns(X(op->b), unmix);
	NEXT;
}

static NOINLINE union x86_xmm key_assist(union x86_xmm s, u32 rcon)
{
	union x86_xmm r;

	s = substitute(s, sbox);
	for (unsigned int i = 0; i < 2; i++) {
		u32 word = s.d[2 * i + 1];
		r.d[2 * i] = word;
		r.d[2 * i + 1] = (word >> 8 | word << 24) ^ rcon;
	}
	return r;
}

OP(aeskeygenassist)
{
	X(op->a) = key_assist(X(op->b), (u8)op->imm);
	NEXT;
}

/* --- carry-less multiplication; imm bits 0 and 4 select halves --- */

static NOINLINE union x86_xmm carryless(u64 a, u64 b)
{
	unsigned __int128 sum = 0, wide = a;
	union x86_xmm r;

	for (; b; b >>= 1, wide <<= 1)
		if (b & 1)
			sum ^= wide;
	r.q[0] = (u64)sum;
	r.q[1] = (u64)(sum >> 64);
	return r;
}

OP(pclmulqdq)
{
	X(op->a) = carryless(X(op->a).q[op->imm & 1], X(op->b).q[op->imm >> 4 & 1]);
	NEXT;
}
