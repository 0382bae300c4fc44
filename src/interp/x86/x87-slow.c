/*
 * x87 instructions in full, by soft-float: stack faults, NaNs, denormals, exceptions that the guest
 * sees for the first time or has unmasked. The op bodies come here for what the host's own x87 did
 * not settle at once.
 *
 * Order of checks (Intel SDM volume 1, 8.5): stack faults, then invalid operations, then denormals
 * and division by zero; these leave everything as it was if they are unmasked. Overflow, underflow
 * and precision come after the result, which is delivered (to a register) even if unmasked.
 */
#include "interp/x86/flags.h"
#include "interp/x86/fpu.h"

#define BEFORE_RESULT (FP_INVALID | FP_DENORMAL | FP_DIVZERO)

static unsigned int phys(const struct x86_cpu *c, unsigned int i)
{
	return (c->r.ftop + i) & 7;
}

bool x87_is_empty(const struct x86_cpu *c, unsigned int i)
{
	return c->r.ftag >> phys(c, i) & 1;
}

struct f80 x87_get(const struct x86_cpu *c, unsigned int i)
{
	return c->r.st[phys(c, i)];
}

void x87_set(struct x86_cpu *c, unsigned int i, struct f80 value)
{
	c->r.st[phys(c, i)] = value;
	c->r.ftag &= (u8) ~(1u << phys(c, i));
}

void x87_push(struct x86_cpu *c, struct f80 value)
{
	c->r.ftop = (c->r.ftop - 1) & 7;
	x87_set(c, 0, value);
}

void x87_note(struct x86_cpu *c, const struct op *op)
{
	c->r.fip = op->imm;
	c->r.fop = (u16)op->imm2;
	c->r.fcs = c->seg[CS].selector;
}

struct f80 x87_indefinite(void)
{
	return (struct f80){0xc000000000000000, 0xffff};
}

bool x87_stack_fault(struct x86_cpu *c, bool overflow)
{
	c->r.fsw &= (u16)~FSW_C1;
	c->r.fsw |= (u16)(FSW_SF | (overflow ? FSW_C1 : 0));
	return !x87_record(c, FP_INVALID);
}

void x87_stack_overflow(struct x86_cpu *c)
{
	if (x87_stack_fault(c, true))
		x87_push(c, x87_indefinite());
}

void x87_stack_underflow(struct x86_cpu *c, unsigned int i)
{
	if (x87_stack_fault(c, false))
		x87_set(c, i, x87_indefinite());
}

bool x87_finish(struct x86_cpu *c, struct fp_status *st)
{
	bool blocked = st->flags & st->traps & BEFORE_RESULT;

	c->r.fsw &= (u16)~FSW_C1;
	if (blocked)
		st->flags &= BEFORE_RESULT;
	else if (st->rounded_up)
		c->r.fsw |= FSW_C1;
	x87_record(c, st->flags);
	return blocked;
}

/* --- operands --- */

/* FADD m32 and the like take NaNs as they are: SNaNs become quiet in the operation itself. */
static struct f80 widen(struct f80 converted, bool is_snan)
{
	if (is_snan)
		converted.frac &= ~(UINT64_C(1) << 62);
	return converted;
}

static struct f80 source_value(struct x86_cpu *c, unsigned int i, enum x87_source source,
			       struct fp_status *st)
{
	struct fp_status quiet = x87_status(&c->r);
	u64 raw = c->r.r[SLOT_TMP0];
	struct f80 value;

	switch (source) {
	case X87_F32:
		value = widen(f32_to_f80((f32)raw, &quiet), f32_is_snan((f32)raw, &quiet));
		break;
	case X87_F64: value = widen(f64_to_f80(raw, &quiet), f64_is_snan(raw, &quiet)); break;
	case X87_I16: return f80_from_i32((s16)raw, &quiet);
	case X87_I32: return f80_from_i32((s32)raw, &quiet);
	default: return x87_get(c, i);
	}
	/* Denormal there, normal here: the flag depends on what is done with it. */
	st->flags |= quiet.flags & FP_DENORMAL;
	return value;
}

/* --- arithmetic --- */

static struct f80 arith(enum x87_arith kind, struct f80 a, struct f80 b, struct fp_status *st)
{
	switch (kind) {
	case X87_ADD: return f80_add(a, b, st);
	case X87_MUL: return f80_mul(a, b, st);
	case X87_SUB: return f80_sub(a, b, st);
	case X87_SUBR: return f80_sub(b, a, st);
	case X87_DIV: return f80_div(a, b, st);
	default: return f80_div(b, a, st);
	}
}

/* A denormal operand is not reported beside an invalid operation, a NaN or a division by zero. */
static void settle_denormal(struct f80 a, struct f80 b, struct fp_status *st)
{
	if (st->flags & (FP_INVALID | FP_DIVZERO) || f80_is_nan(a) || f80_is_nan(b))
		st->flags &= (u8)~FP_DENORMAL;
}

void x87_arith_slow(struct x86_cpu *c, const struct op *op, enum x87_arith kind,
		    enum x87_source source)
{
	struct fp_status st = x87_status(&c->r);
	struct f80 a, b, result;

	x87_note(c, op);
	if (x87_is_empty(c, op->a) || (source == X87_REG && x87_is_empty(c, op->b))) {
		if (!x87_stack_fault(c, false))
			return;
		x87_set(c, op->a, x87_indefinite());
		x87_drop(&c->r, op->x);
		return;
	}
	a = x87_get(c, op->a);
	b = source_value(c, op->b, source, &st);
	result = arith(kind, a, b, &st);
	settle_denormal(a, b, &st);
	if (x87_finish(c, &st))
		return;
	x87_set(c, op->a, result);
	x87_drop(&c->r, op->x);
}

/* --- comparison --- */

static u16 condition_codes(enum fp_relation relation)
{
	switch (relation) {
	case FP_LESS: return FSW_C0;
	case FP_EQUAL: return FSW_C3;
	case FP_GREATER: return 0;
	default: return FSW_C0 | FSW_C2 | FSW_C3;
	}
}

static void set_relation(struct x86_cpu *c, enum x87_compare kind, enum fp_relation relation)
{
	u16 codes = condition_codes(relation);

	if (kind >= X87_COMI)
		x86_flags_arith_set(&c->r, codes >> 8 & (FLAG_CF | FLAG_PF | FLAG_ZF));
	else
		c->r.fsw = (c->r.fsw & (u16) ~(FSW_C0 | FSW_C2 | FSW_C3)) | codes;
}

void x87_compare_slow(struct x86_cpu *c, const struct op *op, enum x87_compare kind,
		      enum x87_source source)
{
	struct fp_status st = x87_status(&c->r);
	bool quiet = kind == X87_UCOM || kind == X87_UCOMI, blocked;
	u16 c1 = c->r.fsw & FSW_C1;
	struct f80 a, b;

	/* The relation is delivered even if the exception is unmasked, which the SDM leaves open.
	 */
	x87_note(c, op);
	if (x87_is_empty(c, op->a) || (source == X87_REG && x87_is_empty(c, op->b))) {
		set_relation(c, kind, FP_UNORDERED);
		if (!x87_stack_fault(c, false))
			return;
	} else {
		a = x87_get(c, op->a);
		b = source_value(c, op->b, source, &st);
		set_relation(c, kind, (quiet ? f80_compare_quiet : f80_compare)(a, b, &st));
		settle_denormal(a, b, &st);
		st.rounded_up = false;
		blocked = x87_finish(c, &st);
		/* FCOMI and the like leave C1 alone, except where the stack underflows. */
		if (kind >= X87_COMI)
			c->r.fsw |= c1;
		if (blocked)
			return;
	}
	x87_drop(&c->r, op->x != 0);
	x87_drop(&c->r, op->x == 2);
}

/* --- loads and stores --- */

void x87_push_slow(struct x86_cpu *c, const struct op *op, enum x87_source source)
{
	struct fp_status st = x87_status(&c->r);
	u64 raw = c->r.r[SLOT_TMP0];
	struct f80 value;

	x87_note(c, op);
	if (source == X87_REG && x87_is_empty(c, op->b)) {
		if (x87_stack_fault(c, false))
			x87_push(c, x87_indefinite());
		return;
	}
	if (!x87_is_empty(c, 7)) {
		x87_stack_overflow(c);
		return;
	}
	switch (source) {
	case X87_F32: value = f32_to_f80((f32)raw, &st); break;
	case X87_F64: value = f64_to_f80(raw, &st); break;
	default: value = x87_get(c, op->b); break;
	}
	st.rounded_up = false;
	/* Processors load a denormal even if its exception is unmasked. */
	if (!x87_finish(c, &st) || !(st.flags & FP_INVALID))
		x87_push(c, value);
}

static u64 convert(enum x87_store kind, struct f80 a, struct fp_status *st)
{
	enum fp_round round = (enum fp_round)st->round;

	switch (kind) {
	case X87_STORE_F32: return f80_to_f32(a, st);
	case X87_STORE_F64: return f80_to_f64(a, st);
	case X87_STORE_I16: return (u16)f80_to_i16(a, round, st);
	case X87_STORE_I32: return (u32)f80_to_i32(a, round, st);
	case X87_STORE_I64: return (u64)f80_to_i64(a, round, st);
	case X87_STORE_I16_TRUNC: return (u16)f80_to_i16(a, FP_RND_ZERO, st);
	case X87_STORE_I32_TRUNC: return (u32)f80_to_i32(a, FP_RND_ZERO, st);
	default: return (u64)f80_to_i64(a, FP_RND_ZERO, st);
	}
}

/* What an empty register is stored as. */
static u64 indefinite_as(enum x87_store kind)
{
	switch (kind) {
	case X87_STORE_F32: return 0xffc00000;
	case X87_STORE_F64: return 0xfff8000000000000;
	case X87_STORE_I16:
	case X87_STORE_I16_TRUNC: return 0x8000;
	case X87_STORE_I32:
	case X87_STORE_I32_TRUNC: return 0x80000000;
	default: return UINT64_C(1) << 63;
	}
}

/*
 * The store may fault, so only temporaries change here, unless nothing is to be stored: a result in
 * memory is not delivered when overflow or underflow is unmasked, either (SDM volume 1, 8.5.4).
 */
bool x87_convert_slow(struct x86_cpu *c, const struct op *op, enum x87_store kind)
{
	struct fp_status st = x87_status(&c->r);
	u16 fsw = c->r.fsw & (u16)~FSW_C1;
	u64 value;

	x87_note(c, op);
	if (x87_is_empty(c, 0)) {
		if (st.traps & FP_INVALID)
			return x87_stack_fault(c, false);
		fsw |= FSW_SF | FP_INVALID;
		value = indefinite_as(kind);
	} else {
		value = convert(kind, x87_get(c, 0), &st);
		if (st.flags & st.traps & (u8)~FP_INEXACT) {
			c->r.fsw = fsw;
			x87_record(c, st.flags & (u8)~FP_INEXACT);
			return false;
		}
		fsw |= st.flags | (st.rounded_up ? FSW_C1 : 0);
		if (st.flags & st.traps)
			fsw |= FSW_ES | FSW_B;
	}
	c->r.r[SLOT_TMP0] = value;
	c->fx_scratch[0] = fsw;
	return true;
}

/* --- moves --- */

void x87_fst_slow(struct x86_cpu *c, const struct op *op)
{
	x87_note(c, op);
	if (x87_is_empty(c, 0)) {
		if (!x87_stack_fault(c, false))
			return;
		x87_set(c, op->a, x87_indefinite());
	} else {
		x87_set(c, op->a, x87_get(c, 0));
	}
	x87_drop(&c->r, op->x);
}

void x87_fxch_slow(struct x86_cpu *c, const struct op *op)
{
	struct f80 a, b;

	x87_note(c, op);
	a = x87_is_empty(c, 0) ? x87_indefinite() : x87_get(c, 0);
	b = x87_is_empty(c, op->a) ? x87_indefinite() : x87_get(c, op->a);
	if ((x87_is_empty(c, 0) || x87_is_empty(c, op->a)) && !x87_stack_fault(c, false))
		return;
	x87_set(c, 0, b);
	x87_set(c, op->a, a);
}
