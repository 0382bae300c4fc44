/*
 * D9 F0 to D9 FF: functions of the top of the x87 stack; FXAM, FBLD, FBSTP.
 */
#include "interp/softfloat/x87.h"
#include "interp/x86/fpu.h"
#include "interp/x86/ops_x87.h"

static void set_cc(struct x86_cpu *c, unsigned int mask, unsigned int value)
{
	c->r.fsw = (u16)((c->r.fsw & ~mask) | (value & mask));
}

/* One result that replaces ST(0). */
static void replace_top(struct x86_cpu *c, struct f80 value, struct fp_status *st)
{
	if (!x87_finish(c, st))
		x87_set(c, 0, value);
}

/* One result that replaces ST(1), then ST(0) is popped. */
static void replace_below(struct x86_cpu *c, struct f80 value, struct fp_status *st)
{
	if (x87_finish(c, st))
		return;
	x87_set(c, 1, value);
	x87_drop(&c->r, 1);
}

static void unary(struct x86_cpu *c, enum x87_function which)
{
	struct fp_status st = x87_status(&c->r);
	struct f80 a = x87_get(c, 0);

	if (x87_is_empty(c, 0)) {
		x87_stack_underflow(c, 0);
		return;
	}
	switch (which) {
	case X87_2XM1: a = x87_2xm1(a, &st); break;
	case X87_SQRT: a = f80_sqrt(a, &st); break;
	default: a = f80_rint(a, (enum fp_round)st.round, &st); break;
	}
	replace_top(c, a, &st);
}

/* Functions of ST(1) and ST(0) that pop. */
static void binary_pop(struct x86_cpu *c, enum x87_function which)
{
	struct fp_status st = x87_status(&c->r);
	struct f80 x = x87_get(c, 0), y = x87_get(c, 1);

	if (x87_is_empty(c, 0) || x87_is_empty(c, 1)) {
		if (!x87_stack_fault(c, false))
			return;
		x87_set(c, 1, x87_indefinite());
		x87_drop(&c->r, 1);
		return;
	}
	switch (which) {
	case X87_YL2X: y = x87_yl2x(y, x, &st); break;
	case X87_YL2XP1: y = x87_yl2xp1(y, x, &st); break;
	default: y = x87_patan(y, x, &st); break;
	}
	replace_below(c, y, &st);
}

static void remainder_of(struct x86_cpu *c, bool nearest)
{
	struct fp_status st = x87_status(&c->r);
	unsigned int q;
	bool complete;
	struct f80 value;

	set_cc(c, FSW_C2, 0);
	if (x87_is_empty(c, 0) || x87_is_empty(c, 1)) {
		x87_stack_underflow(c, 0);
		return;
	}
	value = x87_prem(x87_get(c, 0), x87_get(c, 1), nearest, &q, &complete, &st);
	st.rounded_up = false;
	if (x87_finish(c, &st))
		return;
	/* Without a quotient, processors leave C0 and C3 as they were. */
	if (!f80_is_nan(value))
		set_cc(c, FSW_CC,
		       (q & 4 ? FSW_C0 : 0) | (q & 2 ? FSW_C3 : 0) | (q & 1 ? FSW_C1 : 0) |
			       (complete ? 0 : FSW_C2));
	x87_set(c, 0, value);
}

static void scale(struct x86_cpu *c)
{
	struct fp_status st = x87_status(&c->r);
	struct f80 value;

	if (x87_is_empty(c, 0) || x87_is_empty(c, 1)) {
		x87_stack_underflow(c, 0);
		return;
	}
	value = x87_scale(x87_get(c, 0), x87_get(c, 1), &st);
	replace_top(c, value, &st);
}

static void sine_or_cosine(struct x86_cpu *c, enum x87_trig which)
{
	struct fp_status st = x87_status(&c->r);
	struct f80 value;

	set_cc(c, FSW_C2, 0);
	if (x87_is_empty(c, 0)) {
		x87_stack_underflow(c, 0);
		return;
	}
	if (!x87_trig(which, x87_get(c, 0), &value, NULL, &st)) {
		set_cc(c, FSW_C1 | FSW_C2, FSW_C2);
		return;
	}
	replace_top(c, value, &st);
}

/* FPTAN, FSINCOS and FXTRACT replace ST(0) and push: the register above must be free. */
static bool can_push_result(struct x86_cpu *c)
{
	if (x87_is_empty(c, 0) || !x87_is_empty(c, 7)) {
		if (x87_stack_fault(c, !x87_is_empty(c, 0))) {
			x87_set(c, 0, x87_indefinite());
			x87_push(c, x87_indefinite());
		}
		return false;
	}
	return true;
}

static void two_results(struct x86_cpu *c, struct f80 first, struct f80 second,
			struct fp_status *st)
{
	if (x87_finish(c, st))
		return;
	x87_set(c, 0, first);
	x87_push(c, second);
}

static void trig_pair(struct x86_cpu *c, enum x87_trig which)
{
	struct fp_status st = x87_status(&c->r);
	struct f80 first, second;

	set_cc(c, FSW_C2, 0);
	if (!can_push_result(c))
		return;
	if (!x87_trig(which, x87_get(c, 0), &first, &second, &st)) {
		set_cc(c, FSW_C1 | FSW_C2, FSW_C2);
		return;
	}
	two_results(c, first, second, &st);
}

static void extract(struct x86_cpu *c)
{
	struct fp_status st = x87_status(&c->r);
	struct f80 significand, exponent;

	if (!can_push_result(c))
		return;
	significand = x87_extract(x87_get(c, 0), &exponent, &st);
	two_results(c, exponent, significand, &st);
}

void x87_function(struct x86_cpu *c, const struct op *op, enum x87_function which)
{
	x87_note(c, op);
	switch (which) {
	case X87_2XM1:
	case X87_SQRT:
	case X87_RNDINT: unary(c, which); break;
	case X87_YL2X:
	case X87_YL2XP1:
	case X87_PATAN: binary_pop(c, which); break;
	case X87_PTAN: trig_pair(c, X87_TAN); break;
	case X87_SINCOS_: trig_pair(c, X87_SINCOS); break;
	case X87_SIN_: sine_or_cosine(c, X87_SIN); break;
	case X87_COS_: sine_or_cosine(c, X87_COS); break;
	case X87_PREM: remainder_of(c, false); break;
	case X87_PREM1: remainder_of(c, true); break;
	case X87_SCALE: scale(c); break;
	case X87_XTRACT: extract(c); break;
	}
}

/* Table "FXAM results" of SDM volume 2: C3, C2, C0 are the class, C1 the sign. */
void x87_fxam(struct x86_cpu *c, const struct op *op)
{
	struct f80 a = x87_get(c, 0);
	unsigned int e = a.se & 0x7fff, cc;

	if (x87_is_empty(c, 0))
		cc = FSW_C3 | FSW_C0;
	else if (e == 0 && a.frac == 0)
		cc = FSW_C3;
	else if (e == 0)
		cc = FSW_C3 | FSW_C2;
	else if (!(a.frac >> 63))
		cc = 0;
	else if (e != 0x7fff)
		cc = FSW_C2;
	else
		cc = a.frac << 1 ? FSW_C0 : FSW_C2 | FSW_C0;
	set_cc(c, FSW_CC, cc | (a.se >> 15 ? FSW_C1 : 0));
}

static void note_pointer(struct x86_cpu *c, const struct op *op)
{
	c->r.fdp = x86_op_offset(c, op);
	c->r.fds = c->seg[S_SEG(op->s)].selector;
}

void x87_fbld(struct x86_cpu *c, const struct op *op)
{
	struct op upper = *op;
	u8 bcd[10];

	upper.disp += 8;
	u64 low = x86_load(c, x86_op_ea(c, op, 8, false), 8);
	u64 high = x86_load(c, x86_op_ea(c, &upper, 2, false), 2);
	for (unsigned int i = 0; i < 10; i++)
		bcd[i] = (u8)(i < 8 ? low >> 8 * i : high >> (8 * i - 64));
	note_pointer(c, op);
	if (!x87_is_empty(c, 7)) {
		x87_stack_overflow(c);
		return;
	}
	set_cc(c, FSW_C1, 0);
	x87_push(c, f80_from_bcd(bcd));
}

void x87_fbstp(struct x86_cpu *c, const struct op *op)
{
	struct fp_status st = x87_status(&c->r);
	u16 fsw = c->r.fsw & (u16)~FSW_C1;
	struct f80 a = x87_get(c, 0);
	u8 bcd[10];

	if (x87_is_empty(c, 0)) {
		a = x87_indefinite();
		fsw |= FSW_SF;
	}
	f80_to_bcd(a, bcd, &st);
	if (!(st.flags & st.traps & FP_INVALID)) {
		u64 low = 0;
		for (unsigned int i = 0; i < 8; i++)
			low |= (u64)bcd[i] << 8 * i;
		struct op upper = *op;
		x86_store(c, x86_op_ea(c, op, 8, true), 8, low);
		upper.disp += 8;
		x86_store(c, x86_op_ea(c, &upper, 2, true), 2, bcd[8] | bcd[9] << 8);
	}
	note_pointer(c, op);
	c->r.fsw = fsw | (st.rounded_up ? FSW_C1 : 0);
	x87_record(c, st.flags);
	if (!(st.flags & st.traps & FP_INVALID))
		x87_drop(&c->r, 1);
}

void x87_fnclex(struct x86_cpu *c, const struct op *op)
{
	c->r.fsw &= (u16) ~(FP_FLAGS | FSW_SF);
	x87_update_summary(c);
}

void x87_fninit(struct x86_cpu *c, const struct op *op)
{
	x87_init(c);
}
