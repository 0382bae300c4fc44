/*
 * x87 op bodies: loads, stores, arithmetic, comparison, moves.
 *
 * On x86 hosts arithmetic runs on the host's x87 under the guest's control word with all exceptions
 * masked. Result and C1 are then right in every mode; and if the host's sticky flags show nothing
 * that the guest's status word does not, the instruction is done (3.5 ns, against 3.1 ns for the
 * bare arithmetic). Else, and on other hosts, x87-slow.c does it in full.
 *
 * A memory operand comes through TMP0: an op before has loaded it. A store is one op that converts
 * ST(0) into TMP0 and the new status word into fx_scratch, and one that stores and commits.
 */
#include "interp/x86/ops_x87.h"

#include "interp/x86/flags.h"
#include "interp/x86/fpu.h"

#define TMP(bits) (*(u##bits __attribute__((may_alias)) *)&REGS->r[SLOT_TMP0])

/*
 * An exact tiny result is an underflow only if that is unmasked, and the host, which runs masked,
 * does not report it: then there is no fast path.
 */
#define UNDERFLOW_MASKED (X87_CW_IS_HOSTS || (REGS->fcw & FP_UNDERFLOW))

/* New flags of the host that the guest has not seen: the slow path must find out. */
#define NEW_FLAGS(sw) ((sw) & ~(unsigned int)REGS->fsw & FP_FLAGS)

/*
 * In a region of compiled code the control word may be known to be the host's own: 64 bits, to
 * nearest, all masked. Then nothing is switched.
 */
#ifdef RATITE_BITCODE
bool jit_assumes_plain_x87(void) __attribute__((const));
#define X87_CW_IS_HOSTS jit_assumes_plain_x87()
#else
#define X87_CW_IS_HOSTS false
#endif

/* --- loads from memory into TMP0 --- */

#define NOTE_POINTER(ea, va)                                 \
	do {                                                 \
		REGS->fdp = (va) - POINTER_BASE_##ea;        \
		REGS->fds = CPU->seg[S_SEG(op->s)].selector; \
	} while (0)
#define POINTER_BASE_f64 0
#define POINTER_BASE_f32 0
#define POINTER_BASE_abs 0
#define POINTER_BASE_sg	 CPU->seg[S_SEG(op->s)].base

#define LOAD_OP(bits, ea)                     \
	OP_MEM(x87_load##bits##_##ea)         \
	{                                     \
		X87_WAIT;                     \
		EA_##ea(va, bits / 8, false); \
		LOAD(bits, value, va);        \
		REGS->r[SLOT_TMP0] = value;   \
		NOTE_POINTER(ea, va);         \
		NEXT;                         \
	}

/* The two parts of an 80-bit operand are checked one after the other. */
#define SECOND_PART_f64(write) (void)0
#define SECOND_PART_f32(write) (void)0
#define SECOND_PART_abs(write) (void)0
#define SECOND_PART_sg(write)                                                                      \
	do {                                                                                       \
		u64 off_ = (EA_RAW + 8) & ea_mask(S_ASIZE(op->s));                                 \
		if (UNLIKELY(!seg_allows(&CPU->seg[S_SEG(op->s)], off_, 2, write)))                \
			SLOW(x86_seg_fault(CPU, (enum x86_seg_name)S_SEG(op->s), off_, 2, write)); \
	} while (0)

/* The 80-bit format: significand to TMP0, sign and exponent to TMP1. */
#define LOAD80_OP(ea)                      \
	OP_MEM(x87_load80_##ea)            \
	{                                  \
		X87_WAIT;                  \
		EA_##ea(va, 8, false);     \
		LOAD(64, frac, va);        \
		SECOND_PART_##ea(false);   \
		LOAD(16, se, va + 8);      \
		REGS->r[SLOT_TMP0] = frac; \
		REGS->r[SLOT_TMP1] = se;   \
		NOTE_POINTER(ea, va);      \
		NEXT;                      \
	}

/* --- stores from TMP0; x pops --- */

#define STORE_OP(bits, ea)                           \
	OP_MEM(x87_store##bits##_##ea)               \
	{                                            \
		EA_##ea(va, bits / 8, true);         \
		STORE(bits, va, REGS->r[SLOT_TMP0]); \
		NOTE_POINTER(ea, va);                \
		FPU_COMMIT_STORE;                    \
		NEXT;                                \
	}

/* imm2 is the address in the abs kind: the number of pops is in imm. */
#define FPU_COMMIT_STORE                               \
	do {                                           \
		REGS->fsw = (u16)CPU->fx_scratch[0];   \
		x87_drop(REGS, (unsigned int)op->imm); \
	} while (0)

/* The first part is stored even where the second one faults. */
#define STORE80_OP(ea)                                                       \
	OP_MEM(x87_store80_##ea)                                             \
	{                                                                    \
		unsigned int top = ST_INDEX(0);                              \
		if (UNLIKELY(REGS->ftag >> top & ~REGS->fcw & FP_INVALID)) { \
			SLOW(x87_store80_refused(CPU));                      \
			NEXT;                                                \
		}                                                            \
		EA_##ea(va, 8, true);                                        \
		if (UNLIKELY(REGS->ftag >> top & 1)) {                       \
			SLOW(x87_store80_empty(CPU, va));                    \
		} else {                                                     \
			STORE(64, va, REGS->st[top].frac);                   \
			SECOND_PART_##ea(true);                              \
			STORE(16, va + 8, REGS->st[top].se);                 \
			NOTE_POINTER(ea, va);                                \
			REGS->fsw &= (u16)~FSW_C1;                           \
			x87_drop(REGS, 1);                                   \
		}                                                            \
		NEXT;                                                        \
	}

/* FSTP m80 of an empty register, where that is not masked: memory is not looked at. */
static NOINLINE void x87_store80_refused(struct x86_cpu *c)
{
	c->r.fsw &= (u16)~FSW_C1;
	c->r.fsw |= FSW_SF;
	x87_record(c, FP_INVALID);
}

/* FSTP m80 of an empty register. */
static NOINLINE void x87_store80_empty(struct x86_cpu *c, u64 va)
{
	x86_store(c, va, 8, 0xc000000000000000);
	x86_store(c, va + 8, 2, 0xffff);
	c->r.fsw &= (u16)~FSW_C1;
	c->r.fsw |= FSW_SF;
	x87_record(c, FP_INVALID);
	x87_drop(&c->r, 1);
}

#define MEMORY_OPS(ea)   \
	LOAD_OP(16, ea)  \
	LOAD_OP(32, ea)  \
	LOAD_OP(64, ea)  \
	LOAD80_OP(ea)    \
	STORE_OP(16, ea) \
	STORE_OP(32, ea) \
	STORE_OP(64, ea) \
	STORE80_OP(ea)

MEMORY_OPS(f64)
MEMORY_OPS(f32)
MEMORY_OPS(sg)
MEMORY_OPS(abs)

#ifndef RATITE_BODIES_ONLY
#define KINDS(name)                               \
	{                                         \
		[KIND_f64] = x86_op_##name##_f64, \
		[KIND_f32] = x86_op_##name##_f32, \
		[KIND_sg] = x86_op_##name##_sg,   \
		[KIND_abs] = x86_op_##name##_abs, \
	}

handler_fn *const x86_x87_load[X87_SIZES][KIND_COUNT] = {KINDS(x87_load16), KINDS(x87_load32),
							 KINDS(x87_load64), KINDS(x87_load80)};
handler_fn *const x86_x87_store[X87_SIZES][KIND_COUNT] = {KINDS(x87_store16), KINDS(x87_store32),
							  KINDS(x87_store64), KINDS(x87_store80)};
#endif

/*
 * Registers are moved in the two parts that the host's 80-bit loads and stores consist of: it
 * cannot forward what has just been stored to a load that is wider.
 */
static ALWAYS_INLINE struct f80 st_get(const struct x86_regs *r, unsigned int index)
{
	return (struct f80){r->st[index].frac, r->st[index].se};
}

static ALWAYS_INLINE void st_set(struct x86_regs *r, unsigned int index, struct f80 value)
{
	r->st[index].frac = value.frac;
	r->st[index].se = value.se;
}

/* --- pushes --- */

#define PUSHABLE (REGS->ftag >> ST_INDEX(7) & 1)

#define PUSH(value)                              \
	do {                                     \
		struct f80 pushed_ = (value);    \
		unsigned int at_ = ST_INDEX(7);  \
		st_set(REGS, at_, pushed_);      \
		REGS->ftop = (u8)at_;            \
		REGS->ftag &= (u8) ~(1u << at_); \
		REGS->fsw &= (u16)~FSW_C1;       \
		X87_NOTE;                        \
	} while (0)

/* Ordinary numbers widen by moving bits. */
OP(x87_push_f32)
{
	u32 raw = TMP(32), e = raw >> 23 & 0xff;

	if (UNLIKELY(!PUSHABLE || (e - 1 >= 0xfe && raw << 1 != 0))) {
		SLOW(x87_push_slow(CPU, op, X87_F32));
		NEXT;
	}
	PUSH(((struct f80){e ? UINT64_C(1) << 63 | (u64)raw << 41 >> 1 : 0,
			   (u16)((raw >> 31 << 15) | (e ? e + 16383 - 127 : 0))}));
	NEXT;
}

OP(x87_push_f64)
{
	u64 raw = TMP(64);
	u32 e = raw >> 52 & 0x7ff;

	if (UNLIKELY(!PUSHABLE || (e - 1 >= 0x7fe && raw << 1 != 0))) {
		SLOW(x87_push_slow(CPU, op, X87_F64));
		NEXT;
	}
	PUSH(((struct f80){e ? UINT64_C(1) << 63 | raw << 12 >> 1 : 0,
			   (u16)((raw >> 63 << 15) | (e ? e + 16383 - 1023 : 0))}));
	NEXT;
}

OP(x87_push_f80)
{
	if (UNLIKELY(!PUSHABLE)) {
		SLOW(x87_push_slow(CPU, op, X87_I16));
		NEXT;
	}
	PUSH(((struct f80){REGS->r[SLOT_TMP0], (u16)REGS->r[SLOT_TMP1]}));
	NEXT;
}

static ALWAYS_INLINE struct f80 from_integer(s64 v)
{
	u64 magnitude = v < 0 ? -(u64)v : (u64)v;
	int shift;

	if (v == 0)
		return (struct f80){0, 0};
	shift = __builtin_clzll(magnitude);
	return (struct f80){magnitude << shift, (u16)((v < 0) << 15 | (16383 + 63 - shift))};
}

#define PUSH_INTEGER(bits)                                     \
	OP(x87_push_i##bits)                                   \
	{                                                      \
		if (UNLIKELY(!PUSHABLE)) {                     \
			SLOW(x87_push_slow(CPU, op, X87_I16)); \
			NEXT;                                  \
		}                                              \
		PUSH(from_integer((s##bits)TMP(bits)));        \
		NEXT;                                          \
	}

PUSH_INTEGER(16)
PUSH_INTEGER(32)
PUSH_INTEGER(64)

OP(x87_push_st)
{
	X87_WAIT;
	unsigned int source = ST_INDEX(op->b);
	if (UNLIKELY(!PUSHABLE || (REGS->ftag >> source & 1))) {
		SLOW(x87_push_slow(CPU, op, X87_REG));
		NEXT;
	}
	PUSH(st_get(REGS, source));
	NEXT;
}

/*
 * FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ (b is 0 to 6). The irrational ones are rounded
 * as RC says (SDM volume 1, 8.3.6): `up` is added to the truncated value to round to nearest.
 */
struct constant {
	struct f80 truncated;
	bool inexact, nearest_up;
};

static const struct constant constants[7] = {
	{{0x8000000000000000, 0x3fff}, false, false},
	{{0xd49a784bcd1b8afe, 0x4000}, true, false},
	{{0xb8aa3b295c17f0bb, 0x3fff}, true, true},
	{{0xc90fdaa22168c234, 0x4000}, true, true},
	{{0x9a209a84fbcff798, 0x3ffd}, true, true},
	{{0xb17217f7d1cf79ab, 0x3ffe}, true, true},
	{{0, 0}, false, false},
};

static NOINLINE void x87_push_constant(struct x86_cpu *c, const struct op *op)
{
	const struct constant *k = &constants[op->b];
	unsigned int round = c->r.fcw >> 10 & 3;
	struct f80 value = k->truncated;

	x87_note(c, op);
	if (!x87_is_empty(c, 7)) {
		x87_stack_overflow(c);
		return;
	}
	if (k->inexact && (round == FP_RND_UP || (round == FP_RND_NEAREST && k->nearest_up)))
		value.frac++;
	c->r.fsw &= (u16)~FSW_C1;
	x87_push(c, value);
}

OP(x87_push_constant)
{
	X87_WAIT;
	SLOW(x87_push_constant(CPU, op));
	NEXT;
}

/* --- conversion of ST(0) for stores --- */

#if HOST_HAS_X87
#define HOST_STORE(insn, width)                                                           \
	do {                                                                              \
		static const u16 host_cw_ = 0x37f;                                        \
		u16 cw_ = REGS->fcw | FP_FLAGS, sw_;                                      \
		u##width out_;                                                            \
		if (X87_CW_IS_HOSTS)                                                      \
			__asm__ volatile("fldt %[a]; " insn " %[out]; fnstsw %[sw]"       \
					 : [out] "=m"(out_), [sw] "=a"(sw_)               \
					 : [a] "m"(REGS->st[ST_INDEX(0)])                 \
					 : "st");                                         \
		else                                                                      \
			__asm__ volatile("fldcw %[cw]; fldt %[a]; " insn                  \
					 " %[out]; fnstsw %[sw]; fldcw %[host]"           \
					 : [out] "=m"(out_), [sw] "=a"(sw_)               \
					 : [a] "m"(REGS->st[ST_INDEX(0)]), [cw] "m"(cw_), \
					   [host] "m"(host_cw_)                           \
					 : "st");                                         \
		if (LIKELY(!NEW_FLAGS(sw_))) {                                            \
			REGS->r[SLOT_TMP0] = out_;                                        \
			CPU->fx_scratch[0] = (REGS->fsw & (u16)~FSW_C1) | (sw_ & FSW_C1); \
			X87_NOTE;                                                         \
			NEXT;                                                             \
		}                                                                         \
		hx87_clear();                                                             \
	} while (0)
#else
#define HOST_STORE(insn, width) \
	do {                    \
	} while (0)
#endif

/* In the interpreter alone: goes on after the store, disp ops ahead. */
#ifdef RATITE_BITCODE
#define SKIP_STORE return BODY_INTERPRET
#else
#define SKIP_STORE MUSTTAIL return op[op->disp].fn(v, op + op->disp, budget)
#endif

#define CONVERT_OP(name, kind, insn, width)                                       \
	OP(x87_convert_##name)                                                    \
	{                                                                         \
		X87_WAIT;                                                         \
		if (LIKELY(!(REGS->ftag >> ST_INDEX(0) & 1) && UNDERFLOW_MASKED)) \
			HOST_STORE(insn, width);                                  \
		bool store = false;                                               \
		SLOW(store = x87_convert_slow(CPU, op, kind));                    \
		if (!store)                                                       \
			SKIP_STORE;                                               \
		NEXT;                                                             \
	}

CONVERT_OP(f32, X87_STORE_F32, "fstps", 32)
CONVERT_OP(f64, X87_STORE_F64, "fstpl", 64)
CONVERT_OP(i16, X87_STORE_I16, "fistps", 16)
CONVERT_OP(i32, X87_STORE_I32, "fistpl", 32)
CONVERT_OP(i64, X87_STORE_I64, "fistpll", 64)
CONVERT_OP(i16_trunc, X87_STORE_I16_TRUNC, "fisttps", 16)
CONVERT_OP(i32_trunc, X87_STORE_I32_TRUNC, "fisttpl", 32)
CONVERT_OP(i64_trunc, X87_STORE_I64_TRUNC, "fisttpll", 64)

#ifndef RATITE_BODIES_ONLY
handler_fn *const x86_x87_convert[8] = {
	[X87_STORE_F32] = x86_op_x87_convert_f32,
	[X87_STORE_F64] = x86_op_x87_convert_f64,
	[X87_STORE_I16] = x86_op_x87_convert_i16,
	[X87_STORE_I32] = x86_op_x87_convert_i32,
	[X87_STORE_I64] = x86_op_x87_convert_i64,
	[X87_STORE_I16_TRUNC] = x86_op_x87_convert_i16_trunc,
	[X87_STORE_I32_TRUNC] = x86_op_x87_convert_i32_trunc,
	[X87_STORE_I64_TRUNC] = x86_op_x87_convert_i64_trunc,
};
#endif

/* --- arithmetic: ST(a) = ST(a) op source, then x pops --- */

#if HOST_HAS_X87
/*
 * `insn` leaves the result in the host's ST(0), from a (st[to]) and b. It goes to st[to] if there
 * are no new flags. Operands in memory go through the host's own memory forms: loading them first
 * would make signalling NaNs quiet too early.
 */
#define HOST_RESULT(before, insn, after, ...)                                                   \
	__asm__ volatile(before insn "; fnstsw %[sw]; " after                                   \
				     "; testb %[unseen], %b[sw]; jnz 1f; fstpt %[a]; jmp 2f; "  \
				     "1: fstp %%st(0); 2:"                                      \
			 : [a] "+m"(REGS->st[to]), [sw] "=&a"(sw_)                              \
			 : [unseen] "q"((u8)(~(unsigned int)REGS->fsw & FP_FLAGS)), __VA_ARGS__ \
			 : "st", "st(1)", "cc")

#define HOST_ARITH(insn, ...)                                                             \
	do {                                                                              \
		static const u16 host_cw_ = 0x37f;                                        \
		u16 cw_ = REGS->fcw | FP_FLAGS, sw_;                                      \
		if (X87_CW_IS_HOSTS)                                                      \
			HOST_RESULT("", insn, "", __VA_ARGS__);                           \
		else                                                                      \
			HOST_RESULT("fldcw %[cw]; ", insn,                                \
				    "fldcw %[host]", [cw] "m"(cw_), [host] "m"(host_cw_), \
				    __VA_ARGS__);                                         \
		if (LIKELY(!NEW_FLAGS(sw_))) {                                            \
			REGS->fsw = (REGS->fsw & (u16)~FSW_C1) | (sw_ & FSW_C1);          \
			x87_drop(REGS, op->x);                                            \
			X87_NOTE;                                                         \
			NEXT;                                                             \
		}                                                                         \
		hx87_clear();                                                             \
	} while (0)
#else
#define HOST_ARITH(insn, ...) \
	do {                  \
	} while (0)
#endif

/* `bytes` is the popping register form: by opcode, since assemblers swap the names of the reversed.
 */
#define ARITH_REG_OP(name, kind, bytes)                                                  \
	OP(x87_##name##_st)                                                              \
	{                                                                                \
		X87_WAIT;                                                                \
		unsigned int to = ST_INDEX(op->a), from = ST_INDEX(op->b);               \
		if (LIKELY(!(REGS->ftag & (1u << to | 1u << from)) && UNDERFLOW_MASKED)) \
			HOST_ARITH("fldt %[a]; fldt %[b]; .byte 0xde, " bytes,           \
				   [b] "m"(REGS->st[from]));                             \
		SLOW(x87_arith_slow(CPU, op, kind, X87_REG));                            \
		NEXT;                                                                    \
	}

#define ARITH_MEM_OP(name, kind, insn, form, source, width)                          \
	OP(x87_##name##_##form)                                                      \
	{                                                                            \
		unsigned int to = ST_INDEX(0);                                       \
		if (LIKELY(!(REGS->ftag >> to & 1) && UNDERFLOW_MASKED))             \
			HOST_ARITH("fldt %[a]; " insn " %[b]", [b] "m"(TMP(width))); \
		SLOW(x87_arith_slow(CPU, op, kind, source));                         \
		NEXT;                                                                \
	}

#define ARITH_OPS(name, kind, bytes)                               \
	ARITH_REG_OP(name, kind, bytes)                            \
	ARITH_MEM_OP(name, kind, "f" #name "s", f32, X87_F32, 32)  \
	ARITH_MEM_OP(name, kind, "f" #name "l", f64, X87_F64, 64)  \
	ARITH_MEM_OP(name, kind, "fi" #name "s", i16, X87_I16, 16) \
	ARITH_MEM_OP(name, kind, "fi" #name "l", i32, X87_I32, 32)

ARITH_OPS(add, X87_ADD, "0xc1")
ARITH_OPS(mul, X87_MUL, "0xc9")
ARITH_OPS(sub, X87_SUB, "0xe9")
ARITH_OPS(subr, X87_SUBR, "0xe1")
ARITH_OPS(div, X87_DIV, "0xf9")
ARITH_OPS(divr, X87_DIVR, "0xf1")

#define SOURCES(name)                                                                     \
	{                                                                                 \
		[X87_REG] = x86_op_x87_##name##_st,  [X87_F32] = x86_op_x87_##name##_f32, \
		[X87_F64] = x86_op_x87_##name##_f64, [X87_I16] = x86_op_x87_##name##_i16, \
		[X87_I32] = x86_op_x87_##name##_i32,                                      \
	}

#ifndef RATITE_BODIES_ONLY
handler_fn *const x86_x87_arith[X87_ARITH_COUNT][5] = {
	[X87_ADD] = SOURCES(add),   [X87_MUL] = SOURCES(mul), [X87_SUB] = SOURCES(sub),
	[X87_SUBR] = SOURCES(subr), [X87_DIV] = SOURCES(div), [X87_DIVR] = SOURCES(divr),
};
#endif

/* --- comparison: ST(a) with the source, then x pops --- */

#if HOST_HAS_X87
#define HOST_COMPARE(insns, source, use)                                    \
	do {                                                                \
		u16 sw_;                                                    \
		__asm__ volatile(insns "; fnstsw %[sw]"                     \
				 : [sw] "=a"(sw_)                           \
				 : [a] "m"(REGS->st[left]), [b] "m"(source) \
				 : "st", "st(1)");                          \
		if (LIKELY(!NEW_FLAGS(sw_))) {                              \
			use(sw_);                                           \
			x87_drop(REGS, op->x != 0);                         \
			x87_drop(REGS, op->x == 2);                         \
			X87_NOTE;                                           \
			NEXT;                                               \
		}                                                           \
		hx87_clear();                                               \
	} while (0)
#else
#define HOST_COMPARE(insns, source, use) \
	do {                             \
	} while (0)
#endif

#define TO_CODES(sw) (REGS->fsw = (REGS->fsw & (u16)~FSW_CC) | ((sw) & (FSW_C0 | FSW_C2 | FSW_C3)))
/* FCOMI and the like leave C1 alone, except where the stack underflows. */
#define TO_FLAGS(sw) x86_flags_arith_set(REGS, (sw) >> 8 & (FLAG_CF | FLAG_PF | FLAG_ZF))

#define COMPARE_REG_OP(name, kind, insn, use)                                              \
	OP(x87_##name##_st)                                                                \
	{                                                                                  \
		X87_WAIT;                                                                  \
		unsigned int left = ST_INDEX(op->a), right = ST_INDEX(op->b);              \
		if (LIKELY(!(REGS->ftag & (1u << left | 1u << right))))                    \
			HOST_COMPARE("fldt %[b]; fldt %[a]; " insn, REGS->st[right], use); \
		SLOW(x87_compare_slow(CPU, op, kind, X87_REG));                            \
		NEXT;                                                                      \
	}

#define COMPARE_MEM_OP(form, source, insn, width)                                       \
	OP(x87_com_##form)                                                              \
	{                                                                               \
		unsigned int left = ST_INDEX(0);                                        \
		if (LIKELY(!(REGS->ftag >> left & 1)))                                  \
			HOST_COMPARE("fldt %[a]; " insn " %[b]", TMP(width), TO_CODES); \
		SLOW(x87_compare_slow(CPU, op, X87_COM, source));                       \
		NEXT;                                                                   \
	}

COMPARE_REG_OP(com, X87_COM, "fcompp", TO_CODES)
COMPARE_REG_OP(ucom, X87_UCOM, "fucompp", TO_CODES)
COMPARE_REG_OP(comi, X87_COMI, "fcompp", TO_FLAGS)
COMPARE_REG_OP(ucomi, X87_UCOMI, "fucompp", TO_FLAGS)
COMPARE_MEM_OP(f32, X87_F32, "fcomps", 32)
COMPARE_MEM_OP(f64, X87_F64, "fcompl", 64)
COMPARE_MEM_OP(i16, X87_I16, "ficomps", 16)
COMPARE_MEM_OP(i32, X87_I32, "ficompl", 32)

#ifndef RATITE_BODIES_ONLY
handler_fn *const x86_x87_com[5] = SOURCES(com);
#endif

/* --- FSQRT, FRNDINT, functions --- */

#define UNARY_OP(name, which, insn)                                            \
	OP(x87_##name)                                                         \
	{                                                                      \
		X87_WAIT;                                                      \
		unsigned int to = ST_INDEX(0);                                 \
		if (LIKELY(!(REGS->ftag >> to & 1)))                           \
			HOST_ARITH("fldt %[a]; " insn, [b] "m"(REGS->st[to])); \
		SLOW(x87_function(CPU, op, which));                            \
		NEXT;                                                          \
	}

UNARY_OP(fsqrt, X87_SQRT, "fsqrt")
UNARY_OP(frndint, X87_RNDINT, "frndint")

/* Everything of D9 F0 to D9 FF; b is the low nibble. */
OP(x87_function)
{
	X87_WAIT;
	SLOW(x87_function(CPU, op, (enum x87_function)op->b));
	NEXT;
}

/* In front of what has no room for it: waits, and notes the instruction. */
OP(x87_note)
{
	X87_WAIT;
	X87_NOTE;
	NEXT;
}

/* FTST compares with +0, which TMP0 is not. */
OP(x87_ftst)
{
	X87_WAIT;
	REGS->r[SLOT_TMP0] = 0;
	SLOW(x87_compare_slow(CPU, op, X87_COM, X87_F64));
	NEXT;
}

/* --- moves --- */

/*
 * FST ST(i), FSTP ST(i). With b, FSTP's alias D9 D8+i, which just pops where ST(0) is empty (so
 * processors behave; it is not in the SDM).
 */
OP(x87_fst)
{
	X87_WAIT;
	unsigned int from = ST_INDEX(0), to = ST_INDEX(op->a);
	if (LIKELY(!(REGS->ftag >> from & 1))) {
		st_set(REGS, to, st_get(REGS, from));
		REGS->ftag &= (u8) ~(1u << to);
	} else if (!op->b) {
		SLOW(x87_fst_slow(CPU, op));
		NEXT;
	}
	REGS->fsw &= (u16)~FSW_C1;
	x87_drop(REGS, op->x);
	X87_NOTE;
	NEXT;
}

OP(x87_fxch)
{
	X87_WAIT;
	unsigned int top = ST_INDEX(0), other = ST_INDEX(op->a);
	struct f80 old_top = st_get(REGS, top);
	if (UNLIKELY(REGS->ftag & (1u << top | 1u << other))) {
		SLOW(x87_fxch_slow(CPU, op));
		NEXT;
	}
	st_set(REGS, top, st_get(REGS, other));
	st_set(REGS, other, old_top);
	REGS->fsw &= (u16)~FSW_C1;
	X87_NOTE;
	NEXT;
}

/* FCHS and FABS: `b` is XORed with the sign, `a` (0 or 1) ANDed before that. */
OP(x87_sign)
{
	X87_WAIT;
	struct f80 *top = &REGS->st[ST_INDEX(0)];
	if (UNLIKELY(REGS->ftag >> ST_INDEX(0) & 1)) {
		SLOW(x87_stack_underflow(CPU, 0));
		NEXT;
	}
	top->se = (u16)((top->se & (0x7fff | op->a << 15)) ^ op->b << 15);
	REGS->fsw &= (u16)~FSW_C1;
	X87_NOTE;
	NEXT;
}

/* FCMOVcc: b is the register, x the condition. C1 stays, which the SDM leaves open. */
OP(x87_fcmov)
{
	X87_WAIT;
	unsigned int top = ST_INDEX(0), from = ST_INDEX(op->b);
	if (UNLIKELY(REGS->ftag & (1u << top | 1u << from))) {
		SLOW(x87_stack_underflow(CPU, 0));
		NEXT;
	}
	if (x86_cond(REGS, op->x))
		st_set(REGS, top, st_get(REGS, from));
	X87_NOTE;
	NEXT;
}

/* FFREE; with x, FFREEP. */
OP(x87_ffree)
{
	X87_WAIT;
	REGS->ftag |= (u8)(1u << ST_INDEX(op->a));
	REGS->fsw &= (u16)~FSW_C1;
	x87_drop(REGS, op->x);
	X87_NOTE;
	NEXT;
}

/* FDECSTP and FINCSTP: x is what TOP moves by. */
OP(x87_move_top)
{
	X87_WAIT;
	REGS->ftop = (REGS->ftop + op->x) & 7;
	REGS->fsw &= (u16)~FSW_C1;
	X87_NOTE;
	NEXT;
}

OP(x87_fwait)
{
	X87_WAIT;
	NEXT;
}

/* FNSTSW AX */
OP(x87_fnstsw_ax)
{
	W(16, REG(RAX), (u16)(REGS->fsw | REGS->ftop << 11));
	NEXT;
}

/* FNSTCW and FNSTSW to memory: TMP0 gets the word, an integer op stores it. */
OP(x87_get_cw)
{
	REGS->r[SLOT_TMP0] = REGS->fcw;
	NEXT;
}

OP(x87_get_sw)
{
	REGS->r[SLOT_TMP0] = (u16)(REGS->fsw | REGS->ftop << 11);
	NEXT;
}

/* FLDCW, from TMP0. */
static NOINLINE void x87_set_cw(struct x86_cpu *c)
{
	/* Bit 6 reads as 1, bits 13 to 15 and 7 as 0. */
	c->r.fcw = (u16)((c->r.r[SLOT_TMP0] & 0x1f3f) | 0x40);
	x87_update_summary(c);
}

OP(x87_fldcw)
{
	u16 cw = (u16)((TMP(16) & 0x1f3f) | 0x40);
	if (UNLIKELY(REGS->fsw & ((~cw & FP_FLAGS) | FSW_ES))) {
		SLOW(x87_set_cw(CPU));
		NEXT;
	}
	REGS->fcw = cw;
	NEXT;
}
