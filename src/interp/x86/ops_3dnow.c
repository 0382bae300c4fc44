/*
 * 3DNow! and its extensions. AMD publications 21928 (3DNow! technology manual) and 22466
 * (extensions), AMD64 manual volume 5.
 *
 * The arithmetic has no exceptions and no flags: results are rounded to nearest, overflow gives the
 * largest number, tiny results and denormal operands count as zero, and infinities and NaNs are not
 * supported (their results are undefined; here they are what single precision gives).
 */
#include "interp/x86/simd.h"

union pair {
	u64 q;
	u32 d[2];
	u16 w[4];
	u8 b[8];
};

static struct fp_status status(void)
{
	return (struct fp_status){.rules = &fp_rules_sse, .ftz = true, .daz = true};
}

/* An overflow saturates instead of giving infinity. */
static f32 saturate(f32 a, const struct fp_status *st)
{
	return st->flags & FP_OVERFLOW ? (a & 0x80000000) | 0x7f7fffff : a;
}

static f32 add(f32 a, f32 b)
{
	struct fp_status st = status();
	f32 r = f32_add(a, b, &st);

	return saturate(r, &st);
}

static f32 sub(f32 a, f32 b)
{
	struct fp_status st = status();
	f32 r = f32_sub(a, b, &st);

	return saturate(r, &st);
}

static f32 mul(f32 a, f32 b)
{
	struct fp_status st = status();
	f32 r = f32_mul(a, b, &st);

	return saturate(r, &st);
}

static enum fp_relation relation(f32 a, f32 b)
{
	struct fp_status st = status();

	return f32_compare_quiet(a, b, &st);
}

/* The larger or smaller; where it is zero, +0. */
static f32 minmax(f32 a, f32 b, bool max)
{
	f32 r = relation(a, b) == (max ? FP_GREATER : FP_LESS) ? a : b;

	return (r & 0x7f800000) == 0 ? 0 : r;
}

/*
 * PFRCP's approximation has 14 bits, PFRSQRT's 15, and the refinement steps make them 24: the first
 * steps here give the correctly rounded value at once, and the others hand it through.
 */
static f32 reciprocal(f32 a)
{
	struct fp_status st = status();
	f32 r = f32_div(0x3f800000, a, &st);

	if ((a & 0x7f800000) == 0)
		return (a & 0x80000000) | 0x7f7fffff;
	return r;
}

static f32 reciprocal_root(f32 a)
{
	struct fp_status st = status();
	f32 magnitude = a & 0x7fffffff;
	f32 r = f32_div(0x3f800000, f32_sqrt(magnitude, &st), &st);

	if ((a & 0x7f800000) == 0)
		r = 0x7f7fffff;
	return r | (a & 0x80000000);
}

/* PF2ID and PF2IW: truncate and saturate. */
static s32 to_int(f32 a, s32 min, s32 max)
{
	static const struct fp_rules saturating = {.to_int = FP_INT_SAT_ZERO};
	struct fp_status st = {.rules = &saturating, .daz = true};
	s32 v = f32_to_i32(a, FP_RND_ZERO, &st);

	return v < min ? min : v > max ? max : v;
}

static f32 from_int(s32 v)
{
	struct fp_status st = {.rules = &fp_rules_sse, .round = FP_RND_ZERO};

	return f32_from_i32(v, &st);
}

typedef u32 lane_fn(u32 d, u32 s);

static u32 pi2fw(u32 d, u32 s)
{
	return from_int((s16)s);
}
static u32 pi2fd(u32 d, u32 s)
{
	return from_int((s32)s);
}
static u32 pf2iw(u32 d, u32 s)
{
	return (u32)to_int(s, INT16_MIN, INT16_MAX);
}
static u32 pf2id(u32 d, u32 s)
{
	return (u32)to_int(s, INT32_MIN, INT32_MAX);
}
static u32 pfcmpge(u32 d, u32 s)
{
	enum fp_relation r = relation(d, s);

	return r == FP_GREATER || r == FP_EQUAL ? UINT32_MAX : 0;
}
static u32 pfcmpgt(u32 d, u32 s)
{
	return relation(d, s) == FP_GREATER ? UINT32_MAX : 0;
}
static u32 pfcmpeq(u32 d, u32 s)
{
	return relation(d, s) == FP_EQUAL ? UINT32_MAX : 0;
}
static u32 pfmin(u32 d, u32 s)
{
	return minmax(d, s, false);
}
static u32 pfmax(u32 d, u32 s)
{
	return minmax(d, s, true);
}
static u32 pfsubr(u32 d, u32 s)
{
	return sub(s, d);
}
static u32 second(u32 d, u32 s)
{
	return s;
}

/* Instructions that treat both lanes alike, by opcode byte. */
static lane_fn *lane_op(unsigned int opcode)
{
	switch (opcode) {
	case 0x0c: return pi2fw;
	case 0x0d: return pi2fd;
	case 0x1c: return pf2iw;
	case 0x1d: return pf2id;
	case 0x90: return pfcmpge;
	case 0x94: return pfmin;
	case 0x9a: return sub;
	case 0x9e: return add;
	case 0xa0: return pfcmpgt;
	case 0xa4: return pfmax;
	case 0xa6:		  /* PFRCPIT1 */
	case 0xa7:		  /* PFRSQIT1 */
	case 0xb6: return second; /* PFRCPIT2 */
	case 0xaa: return pfsubr;
	case 0xb0: return pfcmpeq;
	case 0xb4: return mul;
	default: return NULL;
	}
}

/*
 * PFRSQIT1 and PFRCPIT1 take (a, the approximation); PFRCPIT2 takes (result of the step before, the
 * approximation). The last one must return the good value: it is the approximation itself.
 */
static union pair other_op(unsigned int opcode, union pair d, union pair s)
{
	union pair r = {0};

	switch (opcode) {
	case 0x8a: r.d[0] = sub(d.d[0], d.d[1]), r.d[1] = sub(s.d[0], s.d[1]); break; /* PFNACC */
	case 0x8e: r.d[0] = sub(d.d[0], d.d[1]), r.d[1] = add(s.d[0], s.d[1]); break; /* PFPNACC */
	case 0x96: r.d[0] = r.d[1] = reciprocal(s.d[0]); break;			      /* PFRCP */
	case 0x97: r.d[0] = r.d[1] = reciprocal_root(s.d[0]); break;		      /* PFRSQRT */
	case 0xae: r.d[0] = add(d.d[0], d.d[1]), r.d[1] = add(s.d[0], s.d[1]); break; /* PFACC */
	case 0xb7:								      /* PMULHRW */
		for (unsigned int i = 0; i < 4; i++)
			r.w[i] = (u16)(((s16)d.w[i] * (s16)s.w[i] + 0x8000) >> 16);
		break;
	case 0xbb: r.d[0] = s.d[1], r.d[1] = s.d[0]; break; /* PSWAPD */
	default:					    /* BF: PAVGUSB */
		for (unsigned int i = 0; i < 8; i++)
			r.b[i] = (u8)((d.b[i] + s.b[i] + 1) >> 1);
	}
	return r;
}

bool x86_3dnow_exists(unsigned int opcode)
{
	switch (opcode) {
	case 0x8a:
	case 0x8e:
	case 0x96:
	case 0x97:
	case 0xae:
	case 0xb7:
	case 0xbb:
	case 0xbf: return true;
	default: return lane_op(opcode) != NULL;
	}
}

/* MMX state has been entered; a and b are MMX operands, imm the opcode. */
void x86_3dnow(struct x86_cpu *c, const struct op *op)
{
	u64 *words = (u64 *)&c->r;
	union pair d = {words[op->a]}, s = {words[op->b]};
	lane_fn *lane = lane_op((unsigned int)op->imm);

	if (lane) {
		d.d[0] = lane(d.d[0], s.d[0]);
		d.d[1] = lane(d.d[1], s.d[1]);
	} else {
		d = other_op((unsigned int)op->imm, d, s);
	}
	words[op->a] = d.q;
	((u16 *)words)[op->a * 4 + 4] = 0xffff;
}
