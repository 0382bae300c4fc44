/*
 * Integer SIMD op bodies, for one register width: BYTES is 8 (MMX) or 16 (XMM), SIMD_OP(name)
 * declares the handler, GET(array, index) and PUT(index, array) move registers, SIMD_ENTER is what
 * comes first. Bodies are plain loops over lanes; the compiler makes host SIMD of them.
 *
 * In all bodies d is the first operand (and destination), s the second, r the result.
 * Intel SDM volume 2, by the instructions' names.
 */
#define LANES(T) (BYTES / sizeof(T))

/* r[i] = expr, for every lane of type T. */
#define LANEWISE(name, T, expr)                             \
	SIMD_OP(name)                                       \
	{                                                   \
		T d[LANES(T)], s[LANES(T)], r[LANES(T)];    \
		SIMD_ENTER;                                 \
		GET(d, op->a);                              \
		GET(s, op->b);                              \
		for (unsigned int i = 0; i < LANES(T); i++) \
			r[i] = (T)(expr);                   \
		PUT(op->a, r);                              \
		NEXT;                                       \
	}

/* The same on the operands' halves of 64 bits, as numbers. */
LANEWISE(por, u64, d[i] | s[i])
LANEWISE(pand, u64, d[i] & s[i])
LANEWISE(pandn, u64, ~d[i] & s[i])
LANEWISE(pxor, u64, d[i] ^ s[i])

LANEWISE(paddb, u8, d[i] + s[i])
LANEWISE(paddw, u16, d[i] + s[i])
LANEWISE(paddd, u32, d[i] + s[i])
LANEWISE(paddq, u64, d[i] + s[i])
LANEWISE(psubb, u8, d[i] - s[i])
LANEWISE(psubw, u16, d[i] - s[i])
LANEWISE(psubd, u32, d[i] - s[i])
LANEWISE(psubq, u64, d[i] - s[i])

/* With saturation: vector values that Clang knows as such, clamped lanes elsewhere. */
#if defined(__clang__)
#define SATURATING(name, T, what, sign, min, max)             \
	SIMD_OP(name)                                         \
	{                                                     \
		T __attribute__((vector_size(BYTES))) d, s;   \
		SIMD_ENTER;                                   \
		GET(&d, op->a);                               \
		GET(&s, op->b);                               \
		d = __builtin_elementwise_##what##_sat(d, s); \
		PUT(op->a, &d);                               \
		NEXT;                                         \
	}
#else
#define SATURATING(name, T, what, sign, min, max) \
	LANEWISE(name, T, simd_clamp(d[i] sign s[i], min, max))
#endif
SATURATING(paddsb, s8, add, +, INT8_MIN, INT8_MAX)
SATURATING(paddsw, s16, add, +, INT16_MIN, INT16_MAX)
SATURATING(psubsb, s8, sub, -, INT8_MIN, INT8_MAX)
SATURATING(psubsw, s16, sub, -, INT16_MIN, INT16_MAX)
SATURATING(paddusb, u8, add, +, 0, UINT8_MAX)
SATURATING(paddusw, u16, add, +, 0, UINT16_MAX)
SATURATING(psubusb, u8, sub, -, 0, UINT8_MAX)
SATURATING(psubusw, u16, sub, -, 0, UINT16_MAX)

LANEWISE(pavgb, u8, (d[i] + s[i] + 1) >> 1)
LANEWISE(pavgw, u16, (d[i] + s[i] + 1) >> 1)
LANEWISE(pminub, u8, d[i] < s[i] ? d[i] : s[i])
LANEWISE(pmaxub, u8, d[i] > s[i] ? d[i] : s[i])
LANEWISE(pminsw, s16, d[i] < s[i] ? d[i] : s[i])
LANEWISE(pmaxsw, s16, d[i] > s[i] ? d[i] : s[i])

LANEWISE(pcmpeqb, u8, -(d[i] == s[i]))
LANEWISE(pcmpeqw, u16, -(d[i] == s[i]))
LANEWISE(pcmpeqd, u32, -(d[i] == s[i]))
LANEWISE(pcmpgtb, s8, -(d[i] > s[i]))
LANEWISE(pcmpgtw, s16, -(d[i] > s[i]))
LANEWISE(pcmpgtd, s32, -(d[i] > s[i]))

LANEWISE(pmullw, u16, (u32)d[i] * s[i])
LANEWISE(pmulhw, s16, (d[i] * s[i]) >> 16)
LANEWISE(pmulhuw, u16, ((u32)d[i] * s[i]) >> 16)
LANEWISE(pmuludq, u64, (u64)(u32)d[i] * (u32)s[i])
/* SSSE3 */
LANEWISE(pmulhrsw, s16, (((d[i] * s[i]) >> 14) + 1) >> 1)
LANEWISE(psignb, u8, s[i] >> 7 ? -d[i] : s[i] ? d[i] : 0)
LANEWISE(psignw, u16, s[i] >> 15 ? -d[i] : s[i] ? d[i] : 0)
LANEWISE(psignd, u32, s[i] >> 31 ? -d[i] : s[i] ? d[i] : 0)
LANEWISE(pabsb, u8, s[i] >> 7 ? -s[i] : s[i])
LANEWISE(pabsw, u16, s[i] >> 15 ? -s[i] : s[i])
LANEWISE(pabsd, u32, s[i] >> 31 ? -s[i] : s[i])
LANEWISE(pshufb, u8, s[i] >> 7 ? 0 : d[s[i] & (BYTES - 1)])

/* Results of another width than the operands: r of type TR is filled by the statements. */
#define REARRANGE(name, T, TR, ...)         \
	SIMD_OP(name)                       \
	{                                   \
		T d[LANES(T)], s[LANES(T)]; \
		TR r[LANES(TR)];            \
		SIMD_ENTER;                 \
		GET(d, op->a);              \
		GET(s, op->b);              \
		__VA_ARGS__                 \
		PUT(op->a, r);              \
		NEXT;                       \
	}

#define FOR_LANES(T) for (unsigned int i = 0; i < LANES(T); i++)

REARRANGE(
	pmaddwd, s16, u32,
	FOR_LANES(u32) { r[i] = (u32)(d[2 * i] * s[2 * i]) + (u32)(d[2 * i + 1] * s[2 * i + 1]); })

REARRANGE(
	psadbw, u8, u64, FOR_LANES(u64) {
		unsigned int sum = 0;
		for (unsigned int j = 8 * i; j < 8 * i + 8; j++)
			sum += d[j] > s[j] ? d[j] - s[j] : s[j] - d[j];
		r[i] = sum;
	})

/* Lanes at, at + n, at + 1, at + 1 + n and so on: so many pairs. */
#define PAIRS1(at, n) (at), (at) + (n)
#define PAIRS2(at, n) PAIRS1(at, n), PAIRS1((at) + 1, n)
#define PAIRS4(at, n) PAIRS2(at, n), PAIRS2((at) + 2, n)
#define PAIRS8(at, n) PAIRS4(at, n), PAIRS4((at) + 4, n)
#if BYTES == 16
#define PAIRS_u8  PAIRS8
#define PAIRS_u16 PAIRS4
#define PAIRS_u32 PAIRS2
#else
#define PAIRS_u8  PAIRS4
#define PAIRS_u16 PAIRS2
#define PAIRS_u32 PAIRS1
#endif

/* Lanes of both, in turn, from one on. */
#define UNPACK(name, T, from)                                                 \
	SIMD_OP(name)                                                         \
	{                                                                     \
		T __attribute__((vector_size(BYTES))) d, s;                   \
		SIMD_ENTER;                                                   \
		GET(&d, op->a);                                               \
		GET(&s, op->b);                                               \
		d = __builtin_shufflevector(d, s, PAIRS_##T(from, LANES(T))); \
		PUT(op->a, &d);                                               \
		NEXT;                                                         \
	}

UNPACK(punpcklbw, u8, 0)
UNPACK(punpcklwd, u16, 0)
UNPACK(punpckldq, u32, 0)
UNPACK(punpckhbw, u8, LANES(u8) / 2)
UNPACK(punpckhwd, u16, LANES(u16) / 2)
UNPACK(punpckhdq, u32, LANES(u32) / 2)

#define PACK(name, T, TR, min, max)                                       \
	REARRANGE(                                                        \
		name, T, TR, FOR_LANES(T) {                               \
			r[i] = (TR)simd_clamp(d[i], min, max);            \
			r[LANES(T) + i] = (TR)simd_clamp(s[i], min, max); \
		})

PACK(packsswb, s16, u8, INT8_MIN, INT8_MAX)
PACK(packuswb, s16, u8, 0, UINT8_MAX)
PACK(packssdw, s32, u16, INT16_MIN, INT16_MAX)

/* SSSE3: sums and differences of neighbours. */
#define HORIZONTAL(name, T, expr)                                             \
	REARRANGE(                                                            \
		name, T, T, for (unsigned int i = 0; i < LANES(T) / 2; i++) { \
			T a = d[2 * i], b = d[2 * i + 1];                     \
			r[i] = (T)(expr);                                     \
			a = s[2 * i], b = s[2 * i + 1];                       \
			r[LANES(T) / 2 + i] = (T)(expr);                      \
		})

HORIZONTAL(phaddw, u16, a + b)
HORIZONTAL(phaddd, u32, a + b)
HORIZONTAL(phaddsw, s16, simd_clamp(a + b, INT16_MIN, INT16_MAX))
HORIZONTAL(phsubw, u16, a - b)
HORIZONTAL(phsubd, u32, a - b)
HORIZONTAL(phsubsw, s16, simd_clamp(a - b, INT16_MIN, INT16_MAX))

REARRANGE(
	pmaddubsw, u8, s16, FOR_LANES(s16) {
		int sum = d[2 * i] * (s8)s[2 * i] + d[2 * i + 1] * (s8)s[2 * i + 1];
		r[i] = (s16)simd_clamp(sum, INT16_MIN, INT16_MAX);
	})

/* imm is the shift in bytes of the operands put together, s in the lower half. */
REARRANGE(
	palignr, u8, u8, FOR_LANES(u8) {
		u64 from = op->imm + i;
		r[i] = from < BYTES ? s[from] : from < 2 * BYTES ? d[from - BYTES] : 0;
	})

/* Shifts by the low 64 bits of the second operand, or by an immediate. */
#define SHIFT(name, T, count, beyond, expr)                         \
	SIMD_OP(name)                                               \
	{                                                           \
		T d[LANES(T)], r[LANES(T)];                         \
		SIMD_ENTER;                                         \
		GET(d, op->a);                                      \
		u64 n = count;                                      \
		bool over = n >= 8 * sizeof(T);                     \
		if (over)                                           \
			n = 8 * sizeof(T) - 1;                      \
		FOR_LANES(T) r[i] = over ? (T)(beyond) : (T)(expr); \
		PUT(op->a, r);                                      \
		NEXT;                                               \
	}

#define SHIFTS(suffix, count)                                   \
	SHIFT(psllw##suffix, u16, count, 0, d[i] << n)          \
	SHIFT(pslld##suffix, u32, count, 0, d[i] << n)          \
	SHIFT(psllq##suffix, u64, count, 0, d[i] << n)          \
	SHIFT(psrlw##suffix, u16, count, 0, d[i] >> n)          \
	SHIFT(psrld##suffix, u32, count, 0, d[i] >> n)          \
	SHIFT(psrlq##suffix, u64, count, 0, d[i] >> n)          \
	SHIFT(psraw##suffix, s16, count, d[i] >> 15, d[i] >> n) \
	SHIFT(psrad##suffix, s32, count, d[i] >> 31, d[i] >> n)

SHIFTS(, LOW64(op->b))
SHIFTS(_imm, op->imm)

/* PMOVMSKB r32: a is the register. */
SIMD_OP(pmovmskb)
{
	u8 s[BYTES];
	SIMD_ENTER;
	GET(s, op->b);
	W(32, op->a, SIGNS(s));
	NEXT;
}

/* PEXTRW r32 and PINSRW (from the register b). */
SIMD_OP(pextrw)
{
	u16 s[LANES(u16)];
	SIMD_ENTER;
	GET(s, op->b);
	W(32, op->a, s[op->imm & (LANES(u16) - 1)]);
	NEXT;
}

SIMD_OP(pinsrw)
{
	u16 d[LANES(u16)];
	SIMD_ENTER;
	GET(d, op->a);
	d[op->imm & (LANES(u16) - 1)] = R(16, op->b);
	PUT(op->a, d);
	NEXT;
}

#undef LANES
#undef LANEWISE
#undef REARRANGE
#undef FOR_LANES
#undef UNPACK
#undef PACK
#undef HORIZONTAL
#undef SHIFT
#undef SHIFTS
