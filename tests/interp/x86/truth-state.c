/* Random states: registers, flags, scratch memory, x87 and SSE registers, biased to edge values. */
#include "truth-gen.h"

#include <string.h>

u64 rnd_value(struct rng *g)
{
	static const u64 edges[] = {
		0,
		1,
		2,
		3,
		7,
		8,
		15,
		16,
		31,
		32,
		63,
		64,
		0x7f,
		0x80,
		0x81,
		0xfe,
		0xff,
		0x100,
		0x7fff,
		0x8000,
		0xffff,
		0x10000,
		0x7fffffff,
		0x80000000,
		0x80000001,
		0xffffffff,
		0x100000000,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xffffffffffffffff,
		0xfffffffffffffffe,
		0xffffffff80000000,
		0xffffffffffffff80,
		0x5555555555555555,
		0xaaaaaaaaaaaaaaaa,
		0x0101010101010101,
		0x9999999999999999,
	};
	u64 r = rnd(g);

	switch (rnd_below(g, 6)) {
	case 0:
	case 1: return edges[r % (sizeof(edges) / sizeof(edges[0]))];
	case 2: return (u64)(s64)(s8)r;
	case 3: return r >> (r & 63);
	default: return rnd(g);
	}
}

/* --- memory --- */

static double rnd_double(struct rng *g);
static float rnd_float(struct rng *g);
static void rnd_f80(struct rng *g, u8 *p);

#define TEMPLATES 16

static u8 templates[TEMPLATES][DATA_RW];

static void fill_chunk(struct rng *g, u8 *p)
{
	u64 value[4];

	for (unsigned int i = 0; i < 4; i++)
		value[i] = rnd(g);
	switch (rnd_below(g, 8)) {
	case 0:
		for (unsigned int i = 0; i < 4; i++)
			value[i] = rnd_value(g);
		break;
	case 1: /* pointers */
		for (unsigned int i = 0; i < 4; i++)
			value[i] = DATA_BASE + rnd_below(g, DATA_SIZE);
		break;
	case 2:
		for (unsigned int i = 0; i < 4; i++) {
			double d = rnd_double(g);
			memcpy(&value[i], &d, 8);
		}
		break;
	case 3:
		for (unsigned int i = 0; i < 8; i++) {
			float f = rnd_float(g);
			memcpy((u8 *)value + 4 * i, &f, 4);
		}
		break;
	case 4:
		rnd_f80(g, (u8 *)value);
		rnd_f80(g, (u8 *)value + 10);
		break;
	case 5: /* runs of the same byte, for string instructions */
		memset(value, (int)rnd_below(g, 3), 32);
		break;
	case 6: /* selectors */
		for (unsigned int i = 0; i < 16; i++) {
			u16 s = (u16)(rnd_below(g, 16) << 3 | (rnd(g) & 7));
			memcpy((u8 *)value + 2 * i, &s, 2);
		}
		break;
	default: break;
	}
	memcpy(p, value, 32);
}

static void fill_area(u64 seed, u8 *p, unsigned int size)
{
	struct rng g = {seed};

	for (unsigned int i = 0; i < size; i += 32)
		fill_chunk(&g, p + i);
}

void data_readonly_page(u8 *page)
{
	static u8 cached[PAGE];
	static bool made;

	if (!made)
		fill_area(4711, cached, PAGE);
	made = true;
	memcpy(page, cached, PAGE);
}

static const u8 *template(unsigned int n)
{
	static bool made;

	if (!made) {
		for (unsigned int i = 0; i < TEMPLATES; i++)
			fill_area(1000 + i, templates[i], DATA_RW);
		made = true;
	}
	return templates[n];
}

/* --- floating point --- */

static double rnd_double(struct rng *g)
{
	static const u64 edges[] = {
		0,
		UINT64_C(1) << 63,
		1,
		0x000fffffffffffff,
		0x0010000000000000,
		0x3ff0000000000000,
		0xbff0000000000000,
		0x7fefffffffffffff,
		0x7ff0000000000000,
		0xfff0000000000000,
		0x7ff8000000000000,
		0xfff8000000000000,
		0x7ff0000000000001,
		0x7ff4000000000000,
		0x3fe0000000000000,
		0x3fefffffffffffff,
		0x3ff0000000000001,
		0x4330000000000000,
		0x433fffffffffffff,
		0x41dfffffffc00000,
		0x41e0000000000000,
		0xc1e0000000000000,
		0xc1e0000000200000,
		0x43e0000000000000,
		0xc3e0000000000000,
		0x43dfffffffffffff,
		0x3690000000000000,
		0x380fffffffffffff,
		0x47efffffe0000000,
		0x47efffffefffffff,
		0x47effffff0000000,
		0x36a0000000000000,
		0x3800000000000000,
		0x8000000000000001,
	};
	u64 bits = rnd(g);
	double d;

	switch (rnd_below(g, 5)) {
	case 0: bits = edges[bits % (sizeof(edges) / sizeof(edges[0]))]; break;
	case 1: return (double)(s64)rnd_below(g, 2000) - 1000.0;
	case 2: return ((double)(s32)bits) / (double)(1 << rnd_below(g, 20));
	case 3: /* near 1 */
		bits = (bits & 0x800fffffffffffff) | (u64)(0x3ff - 32 + rnd_below(g, 64)) << 52;
		break;
	default: break;
	}
	memcpy(&d, &bits, 8);
	return d;
}

static float rnd_float(struct rng *g)
{
	static const u32 edges[] = {
		0,	    0x80000000, 1,	    0x80000001, 0x007fffff, 0x00800000, 0x3f800000,
		0xbf800000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001,
		0x7fa00000, 0x3f000000, 0x3f7fffff, 0x3f800001, 0x4b000000, 0x4b7fffff, 0x4effffff,
		0x4f000000, 0xcf000000, 0x5f000000, 0xdf000000, 0x5effffff, 0x33800000, 0x00ffffff,
	};
	u32 bits = (u32)rnd(g);
	float f;

	switch (rnd_below(g, 5)) {
	case 0: bits = edges[bits % (sizeof(edges) / sizeof(edges[0]))]; break;
	case 1: return (float)(s32)rnd_below(g, 2000) - 1000.0f;
	case 2: return ((float)(s16)bits) / (float)(1 << rnd_below(g, 20));
	case 3: bits = (bits & 0x807fffff) | (0x7f - 16 + rnd_below(g, 32)) << 23; break;
	default: break;
	}
	memcpy(&f, &bits, 4);
	return f;
}

static void rnd_f80(struct rng *g, u8 *p)
{
	static const u64 fracs[] = {0,
				    UINT64_C(1) << 63,
				    UINT64_C(1) << 62,
				    UINT64_C(3) << 62,
				    1,
				    ~UINT64_C(0),
				    0x8000000000000001,
				    0x7fffffffffffffff,
				    0xc000000000000001,
				    0x8000000000000400,
				    0xfffffffffffffbff,
				    0xfffffffffffffc00,
				    0xfffffe8000000000,
				    0x80000080000000ff};
	static const u16 exps[] = {0,
				   1,
				   2,
				   0x3fff,
				   0x3ffe,
				   0x4000,
				   0x7ffe,
				   0x7fff,
				   0x3fff + 63,
				   0x3fff + 62,
				   0x3fff + 31,
				   0x3fff + 64,
				   0x3fff - 1022,
				   0x3fff - 1074,
				   0x3fff + 1023,
				   0x3fff + 1024,
				   0x3fff - 126,
				   0x3fff - 149,
				   0x3fff + 127,
				   0x3fff + 128,
				   0x3fff - 63,
				   0x3fff - 64,
				   0x3fff - 65,
				   0x3fff + 15,
				   0x3fff + 16};
	u64 frac = rnd(g) | UINT64_C(1) << 63;
	u16 se = (u16)rnd(g);
	long double value;

	switch (rnd_below(g, 8)) {
	case 0: frac = fracs[frac % (sizeof(fracs) / sizeof(fracs[0]))]; /* fall through */
	case 1: se = (u16)((se & 0x8000) | exps[se % (sizeof(exps) / sizeof(exps[0]))]); break;
	case 2:
		value = (long double)(s64)rnd_below(g, 2000) - 1000.0L;
		memcpy(&frac, &value, 8);
		memcpy(&se, (u8 *)&value + 8, 2);
		break;
	case 3:
		value = rnd_double(g);
		memcpy(&frac, &value, 8);
		memcpy(&se, (u8 *)&value + 8, 2);
		break;
	case 4: frac = rnd(g); break; /* unnormal and pseudo-denormal numbers too */
	case 5: se = (u16)((se & 0x8000) | (0x3fff - 4 + rnd_below(g, 8))); break;
	default: se = (u16)((se & 0x8000) | (0x3fff - 70 + rnd_below(g, 140))); break;
	}
	memcpy(p, &frac, 8);
	memcpy(p + 8, &se, 2);
}

static void x87_random(struct rng *g, u8 *fx)
{
	u16 fcw = 0x37f, fsw = (u16)(rnd_below(g, 8) << 11);
	unsigned int top = fsw >> 11, depth = rnd_below(g, 9);
	u8 full = 0xff;

	if (once_in(g, 2))
		fcw = (u16)(0x7f | (rnd_below(g, 4) << 8) | rnd_below(g, 4) << 10);
	if ((fcw & 0x300) == 0x100) /* reserved */
		fcw |= 0x300;
	if (once_in(g, 6)) /* some exceptions not masked */
		fcw &= (u16) ~(rnd(g) & 0x3f);
	if (once_in(g, 3))
		fsw |= (u16)(rnd(g) & 0x477f); /* sticky flags, conditions */
	if (once_in(g, 8))
		fsw &= 0xffbf;
	if (!(fsw & 1))
		fsw &= 0xffbf;
	if (!once_in(g, 12))
		fsw &= (u16)(0xff80 | (fcw & 0x3f) | ((fcw & 1) << 6)); /* nothing pending */
	if (fsw & ~fcw & 0x3f)
		fsw |= 0x8080;
	if (once_in(g, 4))
		full = (u8)rnd(g);
	else if (once_in(g, 2))
		full = 0;
	for (unsigned int i = 0; !full && i < depth; i++)
		full |= (u8)(1 << ((top + i) & 7));
	memcpy(fx, &fcw, 2);
	memcpy(fx + 2, &fsw, 2);
	fx[4] = full;
	for (unsigned int i = 0; i < 8; i++)
		rnd_f80(g, fx + 32 + 16 * i);
}

static void sse_random(struct rng *g, u8 *fx)
{
	u32 mxcsr = 0x1f80;

	if (once_in(g, 2))
		mxcsr |= rnd_below(g, 4) << 13;
	if (once_in(g, 4))
		mxcsr |= 0x8000;
	if (once_in(g, 4))
		mxcsr |= 0x40;
	if (once_in(g, 6))
		mxcsr &= ~((u32)rnd(g) & 0x1f80);
	if (once_in(g, 4))
		mxcsr |= (u32)rnd(g) & 0x3f;
	memcpy(fx + 24, &mxcsr, 4);
	for (unsigned int i = 0; i < 16; i++) {
		u8 *p = fx + 160 + 16 * i;
		u64 q[2] = {rnd(g), rnd(g)};
		switch (rnd_below(g, 4)) {
		case 0:
			for (unsigned int k = 0; k < 2; k++) {
				double d = rnd_double(g);
				memcpy(&q[k], &d, 8);
			}
			break;
		case 1:
			for (unsigned int k = 0; k < 4; k++) {
				float f = rnd_float(g);
				memcpy((u8 *)q + 4 * k, &f, 4);
			}
			break;
		case 2:
			q[0] = rnd_value(g);
			q[1] = rnd_value(g);
			break;
		default: break;
		}
		memcpy(p, q, 16);
	}
}

/* --- the whole --- */

static u64 rnd_pointer(struct rng *g)
{
	u64 at = DATA_BASE + rnd_below(g, DATA_RW);

	return once_in(g, 4) ? at : at & ~UINT64_C(15);
}

static void segments_random(struct rng *g, struct state *s, enum code_mode mode)
{
	static const u16 fs[] = {SEL_LDT_DATA,	SEL_LDT_DATA, SEL_LDT_DOWN,
				 SEL_LDT_DS16,	SEL_LDT_RO,   SEL_LDT_CODE,
				 SEL_LDT_CODE,	SEL_DS,	      0,
				 SEL_LDT_DOWN16};

	memset(s->seg, 0, sizeof(s->seg));
	s->seg[T_SS] = SEL_DS;
	s->seg[T_CS] = SEL_CS64;
	if (mode == CODE64)
		return;
	s->seg[T_CS] = SEL_CS32;
	s->seg[T_DS] = s->seg[T_ES] = SEL_DS;
	s->seg[T_FS] = fs[rnd_below(g, 10)];
	s->seg[T_GS] = fs[rnd_below(g, 10)];
	if (mode != CODE16)
		return;
	s->seg[T_CS] = SEL_LDT_CS16;
	s->seg[T_DS] = s->seg[T_ES] = s->seg[T_SS] = SEL_LDT_DS16;
}

/* `pointers`: registers that point into the scratch area. */
void state_random(struct rng *g, struct state *s, enum code_mode mode, bool fp, u16 pointers)
{
	u64 mask = mode == CODE64 ? ~UINT64_C(0) : 0xffffffff;

	memset(s->fx, 0, sizeof(s->fx));
	segments_random(g, s, mode);
	for (unsigned int i = 0; i < 16; i++) {
		s->r[i] = (pointers >> i & 1 ? rnd_pointer(g) : rnd_value(g)) & mask;
		if (mode == CODE16 && pointers >> i & 1)
			s->r[i] -= DATA_BASE;
	}
	if (mode != CODE64)
		memset(s->r + 8, 0, 8 * sizeof(s->r[0]));
	s->flags = 0x202 | (rnd(g) & ARITH) | (once_in(g, 5) ? DF : 0) |
		   (once_in(g, 16) ? 1 << 18 : 0) /* AC */;
	if (fp) {
		x87_random(g, s->fx);
		sse_random(g, s->fx);
	} else {
		s->fx[0] = 0x7f;
		s->fx[1] = 0x03;
		s->fx[24] = 0x80;
		s->fx[25] = 0x1f;
	}
	memcpy(s->data, template(rnd_below(g, TEMPLATES)), DATA_RW);
	data_readonly_page(s->data + DATA_RW);
	s->raised = false;
	s->vector = 0;
	s->error = 0;
	s->cr2 = 0;
}
