/*
 * SSE arithmetic, comparison, rounding and dot products. Intel SDM volume 1, chapters 10 to 12; how
 * the ops work is in simd_fp.h.
 */
#include "interp/x86/flags.h"
#include "interp/x86/simd_fp.h"

#if HOST_HAS_SSE
/* Under the guest's MXCSR, whose masks are all set; flags that the host had are dropped. */
static float4 run_under(u32 *mxcsr, fp_host_fn *host, float4 d, float4 s)
{
	u32 saved;

	__asm__ volatile("stmxcsr %0" : "=m"(saved));
	__asm__ volatile("ldmxcsr %0" : : "m"(*mxcsr), "x"(d), "x"(s));
	d = host(d, s);
	__asm__ volatile("stmxcsr %0" : "=m"(*mxcsr) : "x"(d));
	saved &= ~(u32)MXCSR_FLAGS;
	__asm__ volatile("ldmxcsr %0" : : "m"(saved));
	return d;
}
#endif

void fp_slow(struct x86_cpu *c, const union x86_xmm *s, union x86_xmm *to, fp_host_fn *host,
	     fp_soft_fn *soft)
{
	struct fp_status st = x86_sse_status(&c->r);
	union x86_xmm d = *to;

#if HOST_HAS_SSE
	if (!st.traps) {
		*(float4 *)to = run_under(&c->r.mxcsr, host, *(float4 *)&d, *(const float4 *)s);
		return;
	}
#endif
	/* With nothing unmasked, old flags let soft-float take its fast paths. */
	if (!st.traps)
		st.flags = c->r.mxcsr & MXCSR_FLAGS;
	soft(&d, s, &st);
	x86_sse_raise(c, &st);
	*to = d;
}

/* --- arithmetic --- */

#define LOOP(n, statement)                     \
	for (unsigned int i = 0; i < (n); i++) \
		statement;

/* ps, ss, pd and sd, from functions of two operands for f32 and f64. */
#define FOUR_OPS(name, f_ps, f_pd)                                                 \
	FP_OP(name##ps, #name "ps", LOOP(4, d->d[i] = f_ps(d->d[i], s->d[i], st))) \
	FP_OP(name##ss, #name "ss", LOOP(1, d->d[i] = f_ps(d->d[i], s->d[i], st))) \
	FP_OP(name##pd, #name "pd", LOOP(2, d->q[i] = f_pd(d->q[i], s->q[i], st))) \
	FP_OP(name##sd, #name "sd", LOOP(1, d->q[i] = f_pd(d->q[i], s->q[i], st)))

#define MIN32(a, b, st)	 f32_minmax(a, b, false, FP_MM_X86, st)
#define MIN64(a, b, st)	 f64_minmax(a, b, false, FP_MM_X86, st)
#define MAX32(a, b, st)	 f32_minmax(a, b, true, FP_MM_X86, st)
#define MAX64(a, b, st)	 f64_minmax(a, b, true, FP_MM_X86, st)
#define SQRT32(a, b, st) hf32_sqrt(b, st)
#define SQRT64(a, b, st) hf64_sqrt(b, st)

FOUR_OPS(add, hf32_add, hf64_add)
FOUR_OPS(sub, hf32_sub, hf64_sub)
FOUR_OPS(mul, hf32_mul, hf64_mul)
FOUR_OPS(div, hf32_div, hf64_div)
FOUR_OPS(min, MIN32, MIN64)
FOUR_OPS(max, MAX32, MAX64)
FOUR_OPS(sqrt, SQRT32, SQRT64)

/* --- SSE3: neighbours --- */

#define HORIZONTAL_PS(f)                         \
	{                                        \
		union x86_xmm x = *d, y = *s;    \
		d->d[0] = f(x.d[0], x.d[1], st); \
		d->d[1] = f(x.d[2], x.d[3], st); \
		d->d[2] = f(y.d[0], y.d[1], st); \
		d->d[3] = f(y.d[2], y.d[3], st); \
	}
#define HORIZONTAL_PD(f)                         \
	{                                        \
		union x86_xmm x = *d, y = *s;    \
		d->q[0] = f(x.q[0], x.q[1], st); \
		d->q[1] = f(y.q[0], y.q[1], st); \
	}

FP_OP(haddps, "haddps", HORIZONTAL_PS(hf32_add))
FP_OP(haddpd, "haddpd", HORIZONTAL_PD(hf64_add))
FP_OP(hsubps, "hsubps", HORIZONTAL_PS(hf32_sub))
FP_OP(hsubpd, "hsubpd", HORIZONTAL_PD(hf64_sub))
FP_OP(addsubps, "addsubps", LOOP(4, d->d[i] = (i & 1 ? hf32_add : hf32_sub)(d->d[i], s->d[i], st)))
FP_OP(addsubpd, "addsubpd", LOOP(2, d->q[i] = (i & 1 ? hf64_add : hf64_sub)(d->q[i], s->q[i], st)))

/* --- approximations: no flags, no modes --- */

#if HOST_HAS_SSE
#define APPROXIMATION(name, soft)                                      \
	OP(name)                                                       \
	{                                                              \
		float4 r = XMMV(op->a);                                \
		__asm__(#name " %1, %0" : "+x"(r) : "x"(XMMV(op->b))); \
		XMMV(op->a) = r;                                       \
		NEXT;                                                  \
	}
#else
/*
 * The SDM bounds the relative error by 1.5 * 2^-12 and leaves the bits open: these have the exact
 * value cut to 12 bits. Denormal operands count as zeroes.
 */
static f32 approximate(f32 a, bool root)
{
	struct fp_status st = {.rules = &fp_rules_sse, .daz = true, .ftz = true};

	if (root)
		a = f32_sqrt(a, &st);
	a = f32_div(0x3f800000, a, &st);
	return f32_is_nan(a) ? a : a & ~(f32)0x7ff;
}

#define APPROXIMATION(name, soft)                                 \
	OP(name)                                                  \
	{                                                         \
		union x86_xmm *d = &XMM(op->a), *s = &XMM(op->b); \
		soft NEXT;                                        \
	}
#endif

APPROXIMATION(rcpps, LOOP(4, d->d[i] = approximate(s->d[i], false)))
APPROXIMATION(rcpss, LOOP(1, d->d[i] = approximate(s->d[i], false)))
APPROXIMATION(rsqrtps, LOOP(4, d->d[i] = approximate(s->d[i], true)))
APPROXIMATION(rsqrtss, LOOP(1, d->d[i] = approximate(s->d[i], true)))

/* --- CMPxx: predicates 0 to 7 of table "CMPPS" --- */

static bool holds(unsigned int predicate, enum fp_relation r)
{
	static const u8 truth[4] = {/* bit n: whether EQ, LT, LE, UNORD holds for relation n - 1 */
				    [0] = 1 << 1,
				    [1] = 1 << 0,
				    [2] = 1 << 0 | 1 << 1,
				    [3] = 1 << 3};
	bool yes = truth[predicate & 3] >> (r + 1) & 1;

	return predicate & 4 ? !yes : yes;
}

/* LT, LE and their opposites signal invalid for quiet NaNs, too. */
#define IS_SIGNALLING(predicate) (((predicate) & 3) == 1 || ((predicate) & 3) == 2)

static f32 compare32(unsigned int predicate, f32 a, f32 b, struct fp_status *st)
{
	enum fp_relation r =
		IS_SIGNALLING(predicate) ? hf32_compare(a, b, st) : hf32_compare_quiet(a, b, st);

	return holds(predicate, r) ? UINT32_MAX : 0;
}

static f64 compare64(unsigned int predicate, f64 a, f64 b, struct fp_status *st)
{
	enum fp_relation r =
		IS_SIGNALLING(predicate) ? hf64_compare(a, b, st) : hf64_compare_quiet(a, b, st);

	return holds(predicate, r) ? UINT64_MAX : 0;
}

#define COMPARE_OPS(p)                                                                           \
	FP_OP(cmpps##p, "cmpps $" #p ",", LOOP(4, d->d[i] = compare32(p, d->d[i], s->d[i], st))) \
	FP_OP(cmpss##p, "cmpss $" #p ",", LOOP(1, d->d[i] = compare32(p, d->d[i], s->d[i], st))) \
	FP_OP(cmppd##p, "cmppd $" #p ",", LOOP(2, d->q[i] = compare64(p, d->q[i], s->q[i], st))) \
	FP_OP(cmpsd##p, "cmpsd $" #p ",", LOOP(1, d->q[i] = compare64(p, d->q[i], s->q[i], st)))

COMPARE_OPS(0)
COMPARE_OPS(1)
COMPARE_OPS(2)
COMPARE_OPS(3)
COMPARE_OPS(4)
COMPARE_OPS(5)
COMPARE_OPS(6)
COMPARE_OPS(7)

#ifndef RATITE_BITCODE
#define PREDICATES(name)                                                                \
	handler_fn *const x86_##name[8] = {                                             \
		x86_op_##name##0, x86_op_##name##1, x86_op_##name##2, x86_op_##name##3, \
		x86_op_##name##4, x86_op_##name##5, x86_op_##name##6, x86_op_##name##7, \
	};

PREDICATES(cmpps)
PREDICATES(cmpss)
PREDICATES(cmppd)
PREDICATES(cmpsd)
#endif

/* --- COMISx, UCOMISx --- */

static u32 relation_flags(enum fp_relation r)
{
	switch (r) {
	case FP_LESS: return FLAG_CF;
	case FP_EQUAL: return FLAG_ZF;
	case FP_GREATER: return 0;
	default: return FLAG_CF | FLAG_PF | FLAG_ZF;
	}
}

typedef enum fp_relation relation_fn(const union x86_xmm *a, const union x86_xmm *b,
				     struct fp_status *st);

static NOINLINE void comis_slow(struct x86_cpu *c, const struct op *op, relation_fn *relation)
{
	struct fp_status st = x86_sse_status(&c->r);
	enum fp_relation r = relation(&c->r.xmm[op->a], &c->r.xmm[op->b], &st);

	fp_host_clear();
	x86_sse_raise(c, &st);
	x86_flags_arith_set(&c->r, relation_flags(r));
}

#if HOST_HAS_SSE
#define HOST_COMIS(insn)                                                                      \
	do {                                                                                  \
		bool cf_, zf_, pf_;                                                           \
		if (UNLIKELY(!MXCSR_IS_PLAIN))                                                \
			break;                                                                \
		__asm__ volatile(insn " %4, %3"                                               \
				 : "=@ccc"(cf_), "=@ccz"(zf_), "=@ccp"(pf_)                   \
				 : "x"(XMMV(op->a)), "x"(XMMV(op->b)));                       \
		if (NOTHING_NEW(XMMV(op->a), FP_OTHER)) {                                     \
			x86_flags_arith_set(REGS, (cf_ ? FLAG_CF : 0) | (zf_ ? FLAG_ZF : 0) | \
							  (pf_ ? FLAG_PF : 0));               \
			NEXT;                                                                 \
		}                                                                             \
	} while (0)
#else
#define HOST_COMIS(insn) \
	do {             \
	} while (0)
#endif

#define COMIS_OP(name, expr)                                                                    \
	static enum fp_relation name##_relation(const union x86_xmm *a, const union x86_xmm *b, \
						struct fp_status *st)                           \
	{                                                                                       \
		return expr;                                                                    \
	}                                                                                       \
	OP(name)                                                                                \
	{                                                                                       \
		HOST_COMIS(#name);                                                              \
		SLOW(comis_slow(CPU, op, name##_relation));                                     \
		NEXT;                                                                           \
	}

COMIS_OP(comiss, f32_compare(a->d[0], b->d[0], st))
COMIS_OP(comisd, f64_compare(a->q[0], b->q[0], st))
COMIS_OP(ucomiss, f32_compare_quiet(a->d[0], b->d[0], st))
COMIS_OP(ucomisd, f64_compare_quiet(a->q[0], b->q[0], st))

/* --- SSE4.1: ROUNDxx, DPPx --- */

/* imm: bits 0 and 1 the mode, bit 2 takes MXCSR's instead, bit 3 hides inexact. */
static NOINLINE void round_slow(struct x86_cpu *c, const struct op *op, unsigned int count,
				bool wide)
{
	struct fp_status st = x86_sse_status(&c->r);
	enum fp_round mode = (enum fp_round)(op->imm & 4 ? st.round : op->imm & 3);
	const union x86_xmm *s = &c->r.xmm[op->b];
	union x86_xmm d = c->r.xmm[op->a];

	for (unsigned int i = 0; i < count; i++) {
		if (wide)
			d.q[i] = f64_rint(s->q[i], mode, &st);
		else
			d.d[i] = f32_rint(s->d[i], mode, &st);
	}
	if (op->imm & 8)
		st.flags &= (u8)~FP_INEXACT;
	x86_sse_raise(c, &st);
	c->r.xmm[op->a] = d;
}

#define ROUND_OP(name, count, wide)                     \
	OP(name)                                        \
	{                                               \
		SLOW(round_slow(CPU, op, count, wide)); \
		NEXT;                                   \
	}

ROUND_OP(roundps, 4, false)
ROUND_OP(roundss, 1, false)
ROUND_OP(roundpd, 2, true)
ROUND_OP(roundsd, 1, true)

/*
 * The sum is (0 + 1) + (2 + 3), each step rounded, with the flags of all, up to the step in which
 * an unmasked exception occurs. Which of several NaNs comes out differs between lanes, because
 * processors add shuffled copies; the SDM does not say, this is what Xeons do.
 */
static void dp_step(struct x86_cpu *c, struct fp_status *st)
{
	x86_sse_raise(c, st);
	st->flags = 0;
}

static NOINLINE void dpps_slow(struct x86_cpu *c, const struct op *op)
{
	struct fp_status st = x86_sse_status(&c->r);
	const union x86_xmm *d = &c->r.xmm[op->a], *s = &c->r.xmm[op->b];
	union x86_xmm r;
	f32 p[4], pair[4], sum;

	for (unsigned int i = 0; i < 4; i++)
		p[i] = op->imm >> (4 + i) & 1 ? f32_mul(d->d[i], s->d[i], &st) : 0;
	dp_step(c, &st);
	for (unsigned int i = 0; i < 4; i++)
		pair[i] = f32_add(p[i ^ 1], p[i], &st);
	dp_step(c, &st);
	for (unsigned int i = 0; i < 4; i++) {
		sum = f32_add(pair[i], pair[i ^ 2], &st);
		r.d[i] = op->imm >> i & 1 ? sum : 0;
	}
	x86_sse_raise(c, &st);
	c->r.xmm[op->a] = r;
}

static NOINLINE void dppd_slow(struct x86_cpu *c, const struct op *op)
{
	struct fp_status st = x86_sse_status(&c->r);
	const union x86_xmm *d = &c->r.xmm[op->a], *s = &c->r.xmm[op->b];
	union x86_xmm r;
	f64 p[2], sum;

	for (unsigned int i = 0; i < 2; i++)
		p[i] = op->imm >> (4 + i) & 1 ? f64_mul(d->q[i], s->q[i], &st) : 0;
	dp_step(c, &st);
	for (unsigned int i = 0; i < 2; i++) {
		sum = f64_add(p[i], p[i ^ 1], &st);
		r.q[i] = op->imm >> i & 1 ? sum : 0;
	}
	x86_sse_raise(c, &st);
	c->r.xmm[op->a] = r;
}

OP(dpps)
{
	SLOW(dpps_slow(CPU, op));
	NEXT;
}

OP(dppd)
{
	SLOW(dppd_slow(CPU, op));
	NEXT;
}
