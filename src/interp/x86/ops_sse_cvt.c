/*
 * SSE conversions: between the two formats, to and from integers in XMM, MMX and general registers.
 */
#include "interp/x86/simd_fp.h"

#define ROUND(st) ((enum fp_round)(st)->round)

/* --- XMM to XMM --- */

FP_OP(cvtss2sd, "cvtss2sd", { d->q[0] = hf32_to_f64(s->d[0], st); })
FP_OP(cvtsd2ss, "cvtsd2ss", { d->d[0] = hf64_to_f32(s->q[0], st); })

FP_OP(cvtps2pd, "cvtps2pd", {
	u64 high = hf32_to_f64(s->d[1], st);
	d->q[0] = hf32_to_f64(s->d[0], st);
	d->q[1] = high;
})

FP_OP(cvtpd2ps, "cvtpd2ps", {
	u32 high = hf64_to_f32(s->q[1], st);
	d->d[0] = hf64_to_f32(s->q[0], st);
	d->d[1] = high;
	d->q[1] = 0;
})

FP_OP(cvtdq2ps, "cvtdq2ps", {
	for (unsigned int i = 0; i < 4; i++)
		d->d[i] = f32_from_i32((s32)s->d[i], st);
})

FP_OP(cvtps2dq, "cvtps2dq", {
	for (unsigned int i = 0; i < 4; i++)
		d->d[i] = (u32)f32_to_i32(s->d[i], ROUND(st), st);
})

FP_OP(cvttps2dq, "cvttps2dq", {
	for (unsigned int i = 0; i < 4; i++)
		d->d[i] = (u32)hf32_to_i32_trunc(s->d[i], st);
})

FP_OP(cvtdq2pd, "cvtdq2pd", {
	u64 high = f64_from_i32((s32)s->d[1], st);
	d->q[0] = f64_from_i32((s32)s->d[0], st);
	d->q[1] = high;
})

FP_OP(cvtpd2dq, "cvtpd2dq", {
	u32 high = (u32)f64_to_i32(s->q[1], ROUND(st), st);
	d->d[0] = (u32)f64_to_i32(s->q[0], ROUND(st), st);
	d->d[1] = high;
	d->q[1] = 0;
})

FP_OP(cvttpd2dq, "cvttpd2dq", {
	u32 high = (u32)hf64_to_i32_trunc(s->q[1], st);
	d->d[0] = (u32)hf64_to_i32_trunc(s->q[0], st);
	d->d[1] = high;
	d->q[1] = 0;
})

/* --- MMX: soft-float only, nobody is in a hurry here --- */

typedef u64 to_mm_fn(const union x86_xmm *s, struct fp_status *st);

static NOINLINE void to_mm(struct x86_cpu *c, const struct op *op, to_mm_fn *convert)
{
	struct fp_status st = x86_sse_status(&c->r);
	u64 value = convert(&c->r.xmm[op->b], &st);

	x86_sse_raise(c, &st);
	((u64 *)&c->r)[op->a] = value;
	((u16 *)&c->r)[op->a * 4 + 4] = 0xffff;
}

static u64 pair(s32 low, s32 high)
{
	return (u32)low | (u64)(u32)high << 32;
}

#define TO_MM_OP(name, low, high)                                             \
	static u64 name##_value(const union x86_xmm *s, struct fp_status *st) \
	{                                                                     \
		s32 first = low;                                              \
		return pair(first, high);                                     \
	}                                                                     \
	OP(name)                                                              \
	{                                                                     \
		MMX_ENTER;                                                    \
		SLOW(to_mm(CPU, op, name##_value));                           \
		NEXT;                                                         \
	}

TO_MM_OP(cvtps2pi, f32_to_i32(s->d[0], ROUND(st), st), f32_to_i32(s->d[1], ROUND(st), st))
TO_MM_OP(cvttps2pi, f32_to_i32(s->d[0], FP_RND_ZERO, st), f32_to_i32(s->d[1], FP_RND_ZERO, st))
TO_MM_OP(cvtpd2pi, f64_to_i32(s->q[0], ROUND(st), st), f64_to_i32(s->q[1], ROUND(st), st))
TO_MM_OP(cvttpd2pi, f64_to_i32(s->q[0], FP_RND_ZERO, st), f64_to_i32(s->q[1], FP_RND_ZERO, st))

static NOINLINE void pi2ps(struct x86_cpu *c, const struct op *op)
{
	struct fp_status st = x86_sse_status(&c->r);
	u64 value = ((u64 *)&c->r)[op->b];
	u32 low = f32_from_i32((s32)value, &st), high = f32_from_i32((s32)(value >> 32), &st);

	x86_sse_raise(c, &st);
	c->r.xmm[op->a].d[0] = low;
	c->r.xmm[op->a].d[1] = high;
}

/* An operand in memory (MM_TMP) does not enter MMX state (SDM volume 2, CVTPI2PS, CVTPI2PD). */
OP(cvtpi2ps)
{
	if (op->b != MM_TMP)
		MMX_ENTER;
	SLOW(pi2ps(CPU, op));
	NEXT;
}

/* Exact, so no status comes of it. Kept out of the handler: its address would make a frame there.
 */
static NOINLINE u64 double_of(s32 value)
{
	struct fp_status st = {.rules = &fp_rules_sse};
	return f64_from_i32(value, &st);
}

OP(cvtpi2pd)
{
	if (op->b != MM_TMP)
		MMX_ENTER;
	u64 value = MM(op->b);
	XMM(op->a).q[0] = double_of((s32)value);
	XMM(op->a).q[1] = double_of((s32)(value >> 32));
	NEXT;
}

/* --- general registers: a and b are byte offsets there --- */

#if HOST_HAS_SSE
#define HOST_FROM_GPR(insn, bits)                                                  \
	do {                                                                       \
		float4 r_ = XMMV(op->a);                                           \
		if (UNLIKELY(!MXCSR_IS_PLAIN))                                     \
			break;                                                     \
		__asm__ volatile(insn " %1, %0" : "+x"(r_) : "r"(R(bits, op->b))); \
		if (NOTHING_NEW(r_, FP_OTHER)) {                                   \
			XMMV(op->a) = r_;                                          \
			NEXT;                                                      \
		}                                                                  \
	} while (0)

#define HOST_TO_GPR(insn, bits)                                                 \
	do {                                                                    \
		u##bits r_;                                                     \
		if (UNLIKELY(!MXCSR_IS_PLAIN))                                  \
			break;                                                  \
		__asm__ volatile(insn " %1, %0" : "=r"(r_) : "x"(XMMV(op->b))); \
		if (NOTHING_NEW(XMMV(op->b), FP_OTHER)) {                       \
			W(bits, op->a, r_);                                     \
			NEXT;                                                   \
		}                                                               \
	} while (0)
#else
#define HOST_FROM_GPR(insn, bits) \
	do {                      \
	} while (0)
#define HOST_TO_GPR(insn, bits) \
	do {                    \
	} while (0)
#endif

#define FROM_GPR_OP(name, insn, bits, lane, convert)                                 \
	static NOINLINE void name##_slow(struct x86_cpu *c, const struct op *op)     \
	{                                                                            \
		struct fp_status st = x86_sse_status(&c->r);                         \
		s##bits value = (s##bits)x86_reg_read(c, op->b, bits == 64 ? 3 : 2); \
		u64 result = convert(value, &st);                                    \
		fp_host_clear();                                                     \
		x86_sse_raise(c, &st);                                               \
		c->r.xmm[op->a].lane[0] = (__typeof__(c->r.xmm[0].lane[0]))result;   \
	}                                                                            \
	OP(name)                                                                     \
	{                                                                            \
		HOST_FROM_GPR(insn, bits);                                           \
		SLOW(name##_slow(CPU, op));                                          \
		NEXT;                                                                \
	}

FROM_GPR_OP(cvtsi2ss_32, "cvtsi2ssl", 32, d, f32_from_i32)
FROM_GPR_OP(cvtsi2ss_64, "cvtsi2ssq", 64, d, f32_from_i64)
FROM_GPR_OP(cvtsi2sd_32, "cvtsi2sdl", 32, q, f64_from_i32)
FROM_GPR_OP(cvtsi2sd_64, "cvtsi2sdq", 64, q, f64_from_i64)

#define TO_GPR_OP(name, insn, bits, lane, convert, mode)                               \
	static NOINLINE void name##_slow(struct x86_cpu *c, const struct op *op)       \
	{                                                                              \
		struct fp_status st = x86_sse_status(&c->r);                           \
		u##bits result = (u##bits)convert(c->r.xmm[op->b].lane[0], mode, &st); \
		fp_host_clear();                                                       \
		x86_sse_raise(c, &st);                                                 \
		x86_reg_write(c, op->a, bits == 64 ? 3 : 2, result);                   \
	}                                                                              \
	OP(name)                                                                       \
	{                                                                              \
		HOST_TO_GPR(insn, bits);                                               \
		SLOW(name##_slow(CPU, op));                                            \
		NEXT;                                                                  \
	}

TO_GPR_OP(cvtss2si_32, "cvtss2sil", 32, d, f32_to_i32, ROUND(&st))
TO_GPR_OP(cvtss2si_64, "cvtss2siq", 64, d, f32_to_i64, ROUND(&st))
TO_GPR_OP(cvtsd2si_32, "cvtsd2sil", 32, q, f64_to_i32, ROUND(&st))
TO_GPR_OP(cvtsd2si_64, "cvtsd2siq", 64, q, f64_to_i64, ROUND(&st))
TO_GPR_OP(cvttss2si_32, "cvttss2sil", 32, d, f32_to_i32, FP_RND_ZERO)
TO_GPR_OP(cvttss2si_64, "cvttss2siq", 64, d, f32_to_i64, FP_RND_ZERO)
TO_GPR_OP(cvttsd2si_32, "cvttsd2sil", 32, q, f64_to_i32, FP_RND_ZERO)
TO_GPR_OP(cvttsd2si_64, "cvttsd2siq", 64, q, f64_to_i64, FP_RND_ZERO)
