/*
 * Integer op bodies for one operand size: BITS (8, 16, 32, 64) and LOG2 (of its bytes).
 *
 * Each operation is one inline function on values (alu(), shift(), unary() ...) and each form of
 * operands one macro that calls it, so that nothing is said twice.
 */
#include "interp/x86/flags.h"
#include "interp/x86/ops_int.h"

#define PASTE_(a, b)	      a##b
#define PASTE(a, b)	      PASTE_(a, b)
#define SIZED(name)	      PASTE(name, BITS)
#define UINT		      PASTE(u, BITS)
#define SINT		      PASTE(s, BITS)
#define OPN(name)	      OP_(SIZED(name))
#define OP_(name)	      OP(name)
#define OPN_MEM(name)	      OP_MEM_(SIZED(name))
#define OP_MEM_(name)	      OP_MEM(name)
#define RX(off)		      R_(BITS, off)
#define R_(bits, off)	      R(bits, off)
#define WX(off, val)	      W_(BITS, off, val)
#define W_(bits, off, val)    W(bits, off, val)
#define LOADX(var, va)	      LOAD_(BITS, var, va)
#define LOAD_(b, var, va)     LOAD(b, var, va)
#define STOREX(va, val)	      STORE_(BITS, va, val)
#define STORE_(b, va, val)    STORE(b, va, val)
#define RMW_LOADX(var, va)    RMW_LOAD_(BITS, var, va)
#define RMW_LOAD_(b, var, va) RMW_LOAD(b, var, va)
#define RMW_STOREX(val)	      RMW_STORE_(BITS, val)
#define RMW_STORE_(b, val)    RMW_STORE(b, val)
#define SIZE		      (BITS / 8)
#define MSB		      ((UINT)((UINT)1 << (BITS - 1)))

/* Leaves the lazy flags of an operation. */
static ALWAYS_INLINE void set_cc(struct x86_regs *regs, enum cc_kind kind, UINT dst, u64 src)
{
	regs->cc_op = CC_OP(kind, LOG2);
	regs->cc_dst = dst;
	regs->cc_src = src;
}

/* --- two-operand arithmetic --- */

static ALWAYS_INLINE UINT alu(struct x86_regs *regs, enum alu_kind kind, UINT a, UINT b, bool flags)
{
	UINT d;
	bool carry;

	switch (kind) {
	case ALU_ADD:
		d = a + b;
		if (flags)
			set_cc(regs, CC_ADD, d, b);
		return d;
	case ALU_SUB:
	case ALU_CMP:
		d = a - b;
		if (flags)
			set_cc(regs, CC_SUB, d, b);
		return d;
	case ALU_ADC:
	case ALU_SBB:
		carry = x86_cf(regs);
		d = kind == ALU_ADC ? a + b + carry : a - b - carry;
		if (flags) {
			set_cc(regs, kind == ALU_ADC ? CC_ADC : CC_SBB, d, b);
			regs->cc_carry = carry;
		}
		return d;
	case ALU_OR: d = a | b; break;
	case ALU_XOR: d = a ^ b; break;
	default: d = a & b; break; /* AND, TEST */
	}
	if (flags)
		set_cc(regs, CC_LOGIC, d, 0);
	return d;
}

#define ALU_WRITES(kind) ((kind) != ALU_CMP && (kind) != ALU_TEST)

#define ALU_FORMS(name, kind, fl)                                       \
	OPN(name##_rr_##fl##_)                                          \
	{                                                               \
		UINT d = alu(REGS, kind, RX(op->a), RX(op->b), fl);     \
		if (ALU_WRITES(kind))                                   \
			WX(op->a, d);                                   \
		NEXT;                                                   \
	}                                                               \
	OPN(name##_ri_##fl##_)                                          \
	{                                                               \
		UINT d = alu(REGS, kind, RX(op->a), (UINT)op->imm, fl); \
		if (ALU_WRITES(kind))                                   \
			WX(op->a, d);                                   \
		NEXT;                                                   \
	}                                                               \
	ALU_MEM(name, kind, fl, f64)                                    \
	ALU_MEM(name, kind, fl, f32)                                    \
	ALU_MEM(name, kind, fl, sg)                                     \
	ALU_MEM(name, kind, fl, abs)

#define ALU_MEM(name, kind, fl, ea)                         \
	OPN_MEM(name##_rm_##fl##_##ea##_)                   \
	{                                                   \
		EA_##ea(va, SIZE, false);                   \
		LOADX(m, va);                               \
		UINT d = alu(REGS, kind, RX(op->a), m, fl); \
		if (ALU_WRITES(kind))                       \
			WX(op->a, d);                       \
		NEXT;                                       \
	}                                                   \
	ALU_MEM_DST(name##_mr_, kind, fl, ea, RX(op->a))    \
	ALU_MEM_DST(name##_mi_, kind, fl, ea, (UINT)op->imm)

#define ALU_MEM_DST(name, kind, fl, ea, operand)                    \
	OPN_MEM(name##fl##_##ea##_)                                 \
	{                                                           \
		EA_##ea(va, SIZE, ALU_WRITES(kind));                \
		if (!ALU_WRITES(kind)) {                            \
			LOADX(only, va);                            \
			alu(REGS, kind, only, operand, fl);         \
			NEXT;                                       \
		}                                                   \
		RMW_LOADX(m, va);                                   \
		UINT b = operand, d = alu(REGS, kind, m, b, false); \
		RMW_STOREX(d);                                      \
		if (fl)                                             \
			alu(REGS, kind, m, b, true);                \
		NEXT;                                               \
	}

#define FOR_EACH_ALU(X) \
	X(add, ALU_ADD) \
	X(or, ALU_OR)   \
	X(adc, ALU_ADC) \
	X(sbb, ALU_SBB) \
	X(and, ALU_AND) X(sub, ALU_SUB) X(xor, ALU_XOR) X(cmp, ALU_CMP) X(test, ALU_TEST)
#define ALU_BOTH(name, kind) ALU_FORMS(name, kind, 0) ALU_FORMS(name, kind, 1)
FOR_EACH_ALU(ALU_BOTH)

/* --- compare or test, and branch --- */

#define CMP_JCC(cc)                                     \
	OPN(cmp_jcc_rr_##cc##_)                         \
	{                                               \
		UINT a = RX(op->a), b = RX(op->b);      \
		set_cc(REGS, CC_SUB, a - b, b);         \
		if (x86_compare(cc, LOG2, a, b))        \
			BRANCH_TAKEN;                   \
		NEXT;                                   \
	}                                               \
	OPN(cmp_jcc_ri_##cc##_)                         \
	{                                               \
		UINT a = RX(op->a), b = (UINT)op->disp; \
		set_cc(REGS, CC_SUB, a - b, b);         \
		if (x86_compare(cc, LOG2, a, b))        \
			BRANCH_TAKEN;                   \
		NEXT;                                   \
	}                                               \
	OPN(test_jcc_rr_##cc##_)                        \
	{                                               \
		UINT d = RX(op->a) & RX(op->b);         \
		set_cc(REGS, CC_LOGIC, d, 0);           \
		if (x86_test_result(cc, LOG2, d))       \
			BRANCH_TAKEN;                   \
		NEXT;                                   \
	}                                               \
	OPN(test_jcc_ri_##cc##_)                        \
	{                                               \
		UINT d = RX(op->a) & (UINT)op->disp;    \
		set_cc(REGS, CC_LOGIC, d, 0);           \
		if (x86_test_result(cc, LOG2, d))       \
			BRANCH_TAKEN;                   \
		NEXT;                                   \
	}
#define FOR_EACH_CC(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#if BITS != 16
FOR_EACH_CC(CMP_JCC)
#endif

/* --- arithmetic and branch on its result --- */

/* The conditions that the result alone decides: E, NE, S, NS. */
static ALWAYS_INLINE bool result_is(unsigned int cc, UINT d)
{
	bool yes = cc >> 1 == 2 ? d == 0 : (SINT)d < 0;
	return yes != (cc & 1);
}

#if BITS >= 32
#define ALU_JCC(name, kind, cc)                                            \
	OPN(name##_jcc_rr_##cc##_)                                         \
	{                                                                  \
		UINT d = alu(REGS, kind, RX(op->a), RX(op->b), true);      \
		WX(op->a, d);                                              \
		if (result_is(cc, d))                                      \
			BRANCH_TAKEN;                                      \
		NEXT;                                                      \
	}                                                                  \
	OPN(name##_jcc_ri_##cc##_)                                         \
	{                                                                  \
		UINT d = alu(REGS, kind, RX(op->a), (UINT)op->disp, true); \
		WX(op->a, d);                                              \
		if (result_is(cc, d))                                      \
			BRANCH_TAKEN;                                      \
		NEXT;                                                      \
	}
#define ALU_JCC_ALL(name, kind) \
	ALU_JCC(name, kind, 4) ALU_JCC(name, kind, 5) ALU_JCC(name, kind, 8) ALU_JCC(name, kind, 9)
#define FOR_EACH_ALU_JCC(X) X(add, ALU_ADD) X(sub, ALU_SUB) X(and, ALU_AND)
FOR_EACH_ALU_JCC(ALU_JCC_ALL)
#endif

/* --- INC, DEC, NOT, NEG --- */

static ALWAYS_INLINE UINT unary(struct x86_regs *regs, enum unary_kind kind, UINT a, bool flags)
{
	UINT d;

	switch (kind) {
	case UNARY_INC:
	case UNARY_DEC:
		d = kind == UNARY_INC ? a + 1 : a - 1;
		if (flags)
			set_cc(regs, kind == UNARY_INC ? CC_INC : CC_DEC, d, x86_cf(regs));
		return d;
	case UNARY_NEG:
		d = -a;
		if (flags)
			set_cc(regs, CC_SUB, d, a);
		return d;
	default: return ~a;
	}
}

#define UNARY_FORMS(name, kind, fl)                        \
	OPN(name##_r_##fl##_)                              \
	{                                                  \
		UINT d = unary(REGS, kind, RX(op->a), fl); \
		WX(op->a, d);                              \
		NEXT;                                      \
	}                                                  \
	UNARY_MEM(name, kind, fl, f64)                     \
	UNARY_MEM(name, kind, fl, f32)                     \
	UNARY_MEM(name, kind, fl, sg)                      \
	UNARY_MEM(name, kind, fl, abs)
#define UNARY_MEM(name, kind, fl, ea)                 \
	OPN_MEM(name##_m_##fl##_##ea##_)              \
	{                                             \
		EA_##ea(va, SIZE, true);              \
		RMW_LOADX(m, va);                     \
		UINT d = unary(REGS, kind, m, false); \
		RMW_STOREX(d);                        \
		if (fl)                               \
			unary(REGS, kind, m, true);   \
		NEXT;                                 \
	}
#define UNARY_JCC(name, kind, cc)                            \
	OPN(name##_jcc_##cc##_)                              \
	{                                                    \
		UINT d = unary(REGS, kind, RX(op->a), true); \
		WX(op->a, d);                                \
		if (result_is(cc, d))                        \
			BRANCH_TAKEN;                        \
		NEXT;                                        \
	}
#define UNARY_JCC_ALL(name, kind) \
	UNARY_JCC(name, kind, 4)  \
	UNARY_JCC(name, kind, 5) UNARY_JCC(name, kind, 8) UNARY_JCC(name, kind, 9)
#define FOR_EACH_UNARY_JCC(X)  X(inc, UNARY_INC) X(dec, UNARY_DEC)
#define UNARY_BOTH(name, kind) UNARY_FORMS(name, kind, 0) UNARY_FORMS(name, kind, 1)
#define FOR_EACH_UNARY(X)      X(inc, UNARY_INC) X(dec, UNARY_DEC) X(not, UNARY_NOT) X(neg, UNARY_NEG)
FOR_EACH_UNARY(UNARY_BOTH)
#if BITS >= 32
FOR_EACH_UNARY_JCC(UNARY_JCC_ALL)
#endif

/* --- shifts and rotates --- */

/* Replaces CF and OF and keeps the others: rotates and bit tests. */
static ALWAYS_INLINE void set_cf_of(struct x86_regs *regs, bool cf, bool of)
{
	u32 flags = x86_flags_arith(regs) & ~(u32)(FLAG_CF | FLAG_OF);
	x86_flags_arith_set(regs, flags | (cf ? FLAG_CF : 0) | (of ? FLAG_OF : 0));
}

static ALWAYS_INLINE UINT rotate(struct x86_regs *regs, enum shift_kind kind, UINT a,
				 unsigned int count, bool flags)
{
	unsigned int n = count % BITS;
	UINT d;

	if (kind == SHIFT_ROL)
		d = n ? (UINT)(a << n | a >> (BITS - n)) : a;
	else
		d = n ? (UINT)(a >> n | a << (BITS - n)) : a;
	if (flags && count) {
		if (kind == SHIFT_ROL)
			set_cf_of(regs, d & 1, (d ^ d >> (BITS - 1)) & 1);
		else
			set_cf_of(regs, d >> (BITS - 1), (d >> (BITS - 1) ^ d >> (BITS - 2)) & 1);
	}
	return d;
}

/* RCL and RCR go through BITS + 1 bits. */
static ALWAYS_INLINE UINT rotate_carry(struct x86_regs *regs, enum shift_kind kind, UINT a,
				       unsigned int count, bool flags)
{
	unsigned int n = count % (BITS + 1);
	bool cf = x86_cf(regs), of;

	for (unsigned int i = 0; i < n; i++) {
		bool out = kind == SHIFT_RCL ? a >> (BITS - 1) & 1 : a & 1;
		a = kind == SHIFT_RCL ? (UINT)(a << 1 | cf)
				      : (UINT)(a >> 1 | (UINT)cf << (BITS - 1));
		cf = out;
	}
	of = kind == SHIFT_RCL ? (a >> (BITS - 1) & 1) != cf
			       : (a >> (BITS - 1) & 1) != (a >> (BITS - 2) & 1);
	if (flags && count)
		set_cf_of(regs, cf, of);
	return a;
}

/* `count` is masked to 5 (64-bit: 6) bits already; 0 changes nothing, flags included. */
static ALWAYS_INLINE UINT shift(struct x86_regs *regs, enum shift_kind kind, UINT a,
				unsigned int count, bool flags)
{
	UINT before, d;

	switch (kind) {
	case SHIFT_ROL:
	case SHIFT_ROR: return rotate(regs, kind, a, count, flags);
	case SHIFT_RCL:
	case SHIFT_RCR: return rotate_carry(regs, kind, a, count, flags);
	default: break;
	}
	if (!count)
		return a;
	/* 8 and 16 bits: counts up to 31 are more than the width, so widen. */
	if (kind == SHIFT_SAR) {
		s64 wide = (SINT)a;
		before = (UINT)(wide >> (count - 1));
		d = (UINT)((SINT)before >> 1);
	} else if (kind == SHIFT_SHR) {
		before = (UINT)((u64)a >> (count - 1));
		d = before >> 1;
	} else {
		before = (UINT)((u64)a << (count - 1));
		d = (UINT)((u64)before << 1);
	}
	if (flags)
		set_cc(regs, kind == SHIFT_SHR || kind == SHIFT_SAR ? CC_SHR : CC_SHL, d, before);
	return d;
}

#define COUNT_MASK (BITS == 64 ? 63 : 31)
#define SHIFT_FORMS(name, kind, fl)                                                     \
	OPN(name##_ri_##fl##_)                                                          \
	{                                                                               \
		UINT d = shift(REGS, kind, RX(op->a), (unsigned int)op->imm, fl);       \
		WX(op->a, d);                                                           \
		NEXT;                                                                   \
	}                                                                               \
	OPN(name##_rc_##fl##_)                                                          \
	{                                                                               \
		UINT d = shift(REGS, kind, RX(op->a), R(8, REG(RCX)) & COUNT_MASK, fl); \
		WX(op->a, d);                                                           \
		NEXT;                                                                   \
	}
#define SHIFT_MEM(name, kind, form, count)               \
	OPN_MEM(name##form##_)                           \
	{                                                \
		EA_sg(va, SIZE, true);                   \
		RMW_LOADX(m, va);                        \
		unsigned int n = (count);                \
		UINT d = shift(REGS, kind, m, n, false); \
		RMW_STOREX(d);                           \
		shift(REGS, kind, m, n, true);           \
		NEXT;                                    \
	}
#define SHIFT_ALL(name, kind)                             \
	SHIFT_FORMS(name, kind, 0)                        \
	SHIFT_FORMS(name, kind, 1)                        \
	SHIFT_MEM(name, kind, _mi, (unsigned int)op->imm) \
	SHIFT_MEM(name, kind, _mc, R(8, REG(RCX)) & COUNT_MASK)
#define FOR_EACH_SHIFT(X) \
	X(rol, SHIFT_ROL) \
	X(ror, SHIFT_ROR) \
	X(rcl, SHIFT_RCL) \
	X(rcr, SHIFT_RCR) X(shl, SHIFT_SHL) X(shr, SHIFT_SHR) X(sal, SHIFT_SAL) X(sar, SHIFT_SAR)
FOR_EACH_SHIFT(SHIFT_ALL)

/* --- moves --- */

OPN(mov_rr_)
{
	WX(op->a, RX(op->b));
	NEXT;
}
OPN(mov_ri_)
{
	WX(op->a, (UINT)op->imm);
	NEXT;
}
#define MOV_MEM(ea)                       \
	OPN_MEM(mov_rm_##ea##_)           \
	{                                 \
		EA_##ea(va, SIZE, false); \
		LOADX(m, va);             \
		WX(op->a, m);             \
		NEXT;                     \
	}                                 \
	OPN_MEM(load_tmp_##ea##_)         \
	{                                 \
		EA_##ea(va, SIZE, false); \
		LOADX(m, va);             \
		W(64, REG_TMP0, m);       \
		NEXT;                     \
	}                                 \
	OPN_MEM(mov_mr_##ea##_)           \
	{                                 \
		EA_##ea(va, SIZE, true);  \
		STOREX(va, RX(op->a));    \
		NEXT;                     \
	}                                 \
	OPN_MEM(mov_mi_##ea##_)           \
	{                                 \
		EA_##ea(va, SIZE, true);  \
		STOREX(va, op->imm);      \
		NEXT;                     \
	}
MOV_MEM(f64)
MOV_MEM(f32)
MOV_MEM(sg)
MOV_MEM(abs)

OPN(xchg_rr_)
{
	UINT a = RX(op->a), b = RX(op->b);
	WX(op->a, b);
	WX(op->b, a);
	NEXT;
}

#if BITS != 8
#define EXTEND(name, from, TYPE)                             \
	OPN(name##_rr_)                                      \
	{                                                    \
		WX(op->a, (UINT)(SINT)(TYPE)R(from, op->b)); \
		NEXT;                                        \
	}                                                    \
	EXTEND_MEM(name, from, TYPE, f64)                    \
	EXTEND_MEM(name, from, TYPE, f32)                    \
	EXTEND_MEM(name, from, TYPE, sg)                     \
	EXTEND_MEM(name, from, TYPE, abs)
#define EXTEND_MEM(name, from, TYPE, ea)        \
	OPN_MEM(name##_rm_##ea##_)              \
	{                                       \
		EA_##ea(va, from / 8, false);   \
		LOAD(from, m, va);              \
		WX(op->a, (UINT)(SINT)(TYPE)m); \
		NEXT;                           \
	}
EXTEND(movzx8, 8, u8)
EXTEND(movsx8, 8, s8)
EXTEND(movzx16, 16, u16)
EXTEND(movsx16, 16, s16)

OPN(lea_)
{
	WX(op->a, (UINT)(EA_RAW & ea_mask(S_ASIZE(op->s))));
	NEXT;
}

/* CMOV writes its register also where it does not move: 32 bits are zero-extended. */
#define CMOV(cc)                                                       \
	OPN(cmov_rr_##cc##_)                                           \
	{                                                              \
		UINT no = RX(op->a), yes = RX(op->b), mask;            \
		mask = -(UINT)x86_cond(REGS, cc);                      \
		WX(op->a, (UINT)((yes & mask) | (no & ~mask)));        \
		NEXT;                                                  \
	}                                                              \
	OPN_MEM(cmov_rm_##cc##_)                                       \
	{                                                              \
		EA_sg(va, SIZE, false);                                \
		LOADX(m, va);                                          \
		UINT no = RX(op->a), mask = -(UINT)x86_cond(REGS, cc); \
		WX(op->a, (UINT)((m & mask) | (no & ~mask)));          \
		NEXT;                                                  \
	}
FOR_EACH_CC(CMOV)
#endif

/* --- multiplication and division --- */

#if BITS == 64
typedef unsigned __int128 double_uint;
typedef __int128 double_sint;
#elif BITS == 32
typedef u64 double_uint;
typedef s64 double_sint;
#elif BITS == 16
typedef u32 double_uint;
typedef s32 double_sint;
#else
typedef u16 double_uint;
typedef s16 double_sint;
#endif

/* Low and high halves of the accumulator: AX for bytes, else xDX:xAX. */
static ALWAYS_INLINE void accumulator_write(struct x86_regs *regs, UINT low, UINT high)
{
#if BITS == 8
	reg_write16(regs, REG(RAX), (u16)(low | high << 8));
#else
	SIZED(reg_write)(regs, REG(RAX), low);
	SIZED(reg_write)(regs, REG(RDX), high);
#endif
}

OPN(mul_)
{
	double_uint product = (double_uint)RX(REG(RAX)) * RX(op->a);
	UINT low = (UINT)product, high = (UINT)(product >> BITS);
	accumulator_write(REGS, low, high);
	set_cc(REGS, CC_MUL, low, high != 0);
	NEXT;
}
OPN(imul_)
{
	double_sint product = (double_sint)(SINT)RX(REG(RAX)) * (SINT)RX(op->a);
	UINT low = (UINT)product, high = (UINT)(product >> BITS);
	accumulator_write(REGS, low, high);
	set_cc(REGS, CC_MUL, low, product != (SINT)low);
	NEXT;
}

#if BITS != 8
#define IMUL_FORMS(fl)                                                                 \
	OPN(imul_rr_##fl##_)                                                           \
	{                                                                              \
		double_sint product = (double_sint)(SINT)RX(op->a) * (SINT)RX(op->b);  \
		WX(op->a, (UINT)product);                                              \
		if (fl)                                                                \
			set_cc(REGS, CC_MUL, (UINT)product, product != (SINT)product); \
		NEXT;                                                                  \
	}                                                                              \
	OPN(imul_rri_##fl##_)                                                          \
	{                                                                              \
		double_sint product = (double_sint)(SINT)RX(op->b) * (SINT)op->imm;    \
		WX(op->a, (UINT)product);                                              \
		if (fl)                                                                \
			set_cc(REGS, CC_MUL, (UINT)product, product != (SINT)product); \
		NEXT;                                                                  \
	}
IMUL_FORMS(0)
IMUL_FORMS(1)
#endif

static ALWAYS_INLINE double_uint dividend(const struct x86_regs *regs)
{
#if BITS == 8
	return (u16)regs->r[RAX];
#else
	return (double_uint)(UINT)regs->r[RDX] << BITS | (UINT)regs->r[RAX];
#endif
}

/* The caller has made sure that the quotient fits. */
static ALWAYS_INLINE void divide(double_uint n, UINT by, UINT *quotient, UINT *remainder)
{
#if BITS == 64 && defined(__x86_64__)
	/* What a compiler makes of 128 bits by 64 is a call of a library. */
	__asm__("divq %4"
		: "=a"(*quotient), "=d"(*remainder)
		: "0"((u64)n), "1"((u64)(n >> 64)), "rm"(by)
		: "cc");
#else
	*quotient = (UINT)(n / by);
	*remainder = (UINT)(n % by);
#endif
}

OPN(div_)
{
	UINT by = RX(op->a);
	double_uint n = dividend(REGS);
	if (UNLIKELY(by == 0 || (UINT)(n >> BITS) >= by))
		SLOW(x86_raise(CPU, EXC_DE));
	UINT quotient, remainder;
	divide(n, by, &quotient, &remainder);
	accumulator_write(REGS, quotient, remainder);
	NEXT;
}
OPN(idiv_)
{
	SINT by = (SINT)RX(op->a);
	double_sint n = (double_sint)dividend(REGS);
	double_uint magnitude = n < 0 ? -(double_uint)n : (double_uint)n;
	UINT divisor = by < 0 ? -(UINT)by : (UINT)by;
	/* The quotient fits if its magnitude is below 2^(BITS-1), or equal to it and negative. */
	if (UNLIKELY(by == 0 || (UINT)(magnitude >> BITS) >= divisor))
		SLOW(x86_raise(CPU, EXC_DE));
	UINT q, remainder;
	divide(magnitude, divisor, &q, &remainder);
	if (UNLIKELY(q > (UINT)(MSB - 1) + ((n < 0) != (by < 0))))
		SLOW(x86_raise(CPU, EXC_DE));
	UINT quotient = (n < 0) != (by < 0) ? -q : q;
	accumulator_write(REGS, quotient, n < 0 ? -remainder : remainder);
	NEXT;
}

/* --- bits --- */

#if BITS != 8
static ALWAYS_INLINE UINT bit_op(enum bit_kind kind, UINT a, unsigned int n)
{
	UINT bit = (UINT)1 << n;

	switch (kind) {
	case BIT_S: return a | bit;
	case BIT_R: return a & ~bit;
	case BIT_C: return a ^ bit;
	default: return a;
	}
}
/* BT and its kin change CF alone. */
static ALWAYS_INLINE void set_cf(struct x86_regs *regs, bool cf)
{
	x86_flags_arith_set(regs, (x86_flags_arith(regs) & ~(u32)FLAG_CF) | (cf ? FLAG_CF : 0));
}
#define BIT_FORMS(name, kind)                                    \
	OPN(name##_rr_)                                          \
	{                                                        \
		unsigned int n = (unsigned int)RX(op->b) % BITS; \
		UINT a = RX(op->a);                              \
		set_cf(REGS, a >> n & 1);                        \
		if (kind != BIT_T)                               \
			WX(op->a, bit_op(kind, a, n));           \
		NEXT;                                            \
	}                                                        \
	OPN(name##_ri_)                                          \
	{                                                        \
		unsigned int n = (unsigned int)op->imm % BITS;   \
		UINT a = RX(op->a);                              \
		set_cf(REGS, a >> n & 1);                        \
		if (kind != BIT_T)                               \
			WX(op->a, bit_op(kind, a, n));           \
		NEXT;                                            \
	}
#define FOR_EACH_BIT(X) X(bt, BIT_T) X(bts, BIT_S) X(btr, BIT_R) X(btc, BIT_C)
FOR_EACH_BIT(BIT_FORMS)

/* The destination keeps its value where the source is 0, as on real processors. */
#define SCAN(name, expr)                                              \
	OPN(name##_)                                                  \
	{                                                             \
		UINT b = RX(op->b);                                   \
		if (b)                                                \
			WX(op->a, (UINT)(expr));                      \
		x86_flags_arith_set(REGS, b ? 0 : FLAG_ZF | FLAG_PF); \
		NEXT;                                                 \
	}
SCAN(bsf, __builtin_ctzll(b))
SCAN(bsr, 63 - __builtin_clzll(b))

OPN(popcnt_)
{
	UINT b = RX(op->b);
	WX(op->a, (UINT)__builtin_popcountll(b));
	x86_flags_arith_set(REGS, b ? 0 : FLAG_ZF);
	NEXT;
}

/* SHLD, SHRD: `a` shifted, filled from `b`. Counts above 16 with 16-bit operands go round. */
static ALWAYS_INLINE UINT double_shift(struct x86_regs *regs, bool left, UINT a, UINT b,
				       unsigned int count)
{
	UINT before, d;

	if (!count)
		return a;
#if BITS == 16
	u64 wide = left ? (u64)a << 32 | (u64)b << 16 | a : (u64)a << 32 | (u64)b << 16 | a;
	if (left) {
		before = (UINT)(wide << (count - 1) >> 32);
		d = (UINT)(wide << count >> 32);
	} else {
		u64 right = (u64)a << 32 | (u64)b << 16 | a;
		before = (UINT)(right >> (count - 1));
		d = (UINT)(right >> count);
	}
#else
	if (left) {
		before = count == 1 ? a : (UINT)(a << (count - 1) | b >> (BITS - count + 1));
		d = (UINT)(a << count | b >> (BITS - count));
	} else {
		before = count == 1 ? a : (UINT)(a >> (count - 1) | b << (BITS - count + 1));
		d = (UINT)(a >> count | b << (BITS - count));
	}
#endif
	set_cc(regs, left ? CC_SHL : CC_SHR, d, before);
	return d;
}
#define DOUBLE_SHIFT(name, left)                                                                \
	OPN(name##_ri_)                                                                         \
	{                                                                                       \
		UINT d = double_shift(REGS, left, RX(op->a), RX(op->b), (unsigned int)op->imm); \
		WX(op->a, d);                                                                   \
		NEXT;                                                                           \
	}                                                                                       \
	OPN(name##_rc_)                                                                         \
	{                                                                                       \
		unsigned int n = R(8, REG(RCX)) & COUNT_MASK;                                   \
		UINT d = double_shift(REGS, left, RX(op->a), RX(op->b), n);                     \
		WX(op->a, d);                                                                   \
		NEXT;                                                                           \
	}
DOUBLE_SHIFT(shld, true)
DOUBLE_SHIFT(shrd, false)
#endif

#if BITS == 32
OPN(bswap_)
{
	WX(op->a, __builtin_bswap32(RX(op->a)));
	NEXT;
}
#elif BITS == 64
OPN(bswap_)
{
	WX(op->a, __builtin_bswap64(RX(op->a)));
	NEXT;
}
#endif

/* --- exchange and add, compare and exchange --- */

OPN(xadd_rr_)
{
	UINT a = RX(op->a), b = RX(op->b);
	set_cc(REGS, CC_ADD, a + b, b);
	WX(op->b, a);
	WX(op->a, (UINT)(a + b));
	NEXT;
}
OPN(cmpxchg_rr_)
{
	UINT acc = RX(REG(RAX)), a = RX(op->a);
	set_cc(REGS, CC_SUB, acc - a, a);
	if (acc == a)
		WX(op->a, RX(op->b));
	else
		WX(REG(RAX), a);
	NEXT;
}

/*
 * Atomic forms, with or without LOCK: XCHG, XADD, CMPXCHG and LOCKed arithmetic on memory. RAM is
 * operated on with C11 atomics, also where the inline probe missed because the page holds code or
 * is clean; elsewhere (registers of devices, page crossings) a load and a store must do.
 */
#ifdef RATITE_DIRECT
#define ATOMIC_ADDRESS(var)    \
	EA_sg(va, SIZE, true); \
	UINT *var = GUEST_HOST(UINT, va)
#define ATOMIC_DONE	    (void)0
#define ATOMIC_PINNED(...)  PINNED(__VA_ARGS__)
#define ATOMIC_IN_RAM(host) true
#else
#define ATOMIC_ADDRESS(var)                                                     \
	EA_sg(va, SIZE, true);                                                  \
	UINT *var;                                                              \
	bool slow_ = false;                                                     \
	do {                                                                    \
		void *host_at_;                                                 \
		if (LIKELY(tlb_write(v, va, SIZE, &host_at_))) {                \
			var = host_at_;                                         \
		} else {                                                        \
			slow_ = true;                                           \
			SLOW(var = vcpu_atomic_host(v, va, SIZE, v->mmu_mode)); \
		}                                                               \
	} while (0)
#define ATOMIC_DONE                                                       \
	do {                                                              \
		if (UNLIKELY(slow_))                                      \
			SLOW(vcpu_atomic_done(v, va, SIZE, v->mmu_mode)); \
	} while (0)
#define ATOMIC_IN_RAM(host) LIKELY((host) != NULL)
#define ATOMIC_PINNED(...)  __VA_ARGS__
#endif

/* Old value of memory and what takes its place; `expr` gives the new value from `old`. */
#define ATOMIC_UPDATE(old, expr)                                                             \
	ATOMIC_ADDRESS(host_);                                                               \
	UINT old;                                                                            \
	if (ATOMIC_IN_RAM(host_)) {                                                          \
		ATOMIC_PINNED(old = __atomic_load_n(host_, __ATOMIC_RELAXED);                \
			      while (!__atomic_compare_exchange_n(host_, &old, (UINT)(expr), \
								  false, __ATOMIC_SEQ_CST,   \
								  __ATOMIC_RELAXED)););      \
		ATOMIC_DONE;                                                                 \
	} else {                                                                             \
		SLOW(old = (UINT)vcpu_load_slow(v, va, SIZE, v->mmu_mode);                   \
		     vcpu_store_slow(v, va, SIZE, (UINT)(expr), v->mmu_mode));               \
	}

OPN_MEM(xchg_mr_)
{
	ATOMIC_ADDRESS(host);
	UINT old, value = RX(op->a);
	if (ATOMIC_IN_RAM(host)) {
		ATOMIC_PINNED(old = __atomic_exchange_n(host, value, __ATOMIC_SEQ_CST));
		ATOMIC_DONE;
	} else {
		SLOW(old = (UINT)vcpu_load_slow(v, va, SIZE, v->mmu_mode);
		     vcpu_store_slow(v, va, SIZE, value, v->mmu_mode));
	}
	WX(op->a, old);
	NEXT;
}
OPN_MEM(xadd_mr_)
{
	UINT add = RX(op->a);
	ATOMIC_UPDATE(old, old + add);
	set_cc(REGS, CC_ADD, old + add, add);
	WX(op->a, old);
	NEXT;
}
OPN_MEM(cmpxchg_mr_)
{
	UINT acc = RX(REG(RAX)), value = RX(op->a);
	ATOMIC_UPDATE(old, old == acc ? value : old);
	set_cc(REGS, CC_SUB, acc - old, old);
	if (old != acc)
		WX(REG(RAX), old);
	NEXT;
}

#define LOCKED_ALU(name, kind, form, operand)                        \
	OPN_MEM(locked_##name##form##_)                              \
	{                                                            \
		UINT b = operand;                                    \
		struct x86_regs *regs_ = REGS;                       \
		ATOMIC_UPDATE(old, alu(regs_, kind, old, b, false)); \
		alu(regs_, kind, old, b, true);                      \
		NEXT;                                                \
	}
#define LOCKED_ALU_BOTH(name, kind)            \
	LOCKED_ALU(name, kind, _mr, RX(op->a)) \
	LOCKED_ALU(name, kind, _mi, (UINT)op->imm)
#define FOR_EACH_LOCKED(X) \
	X(add, ALU_ADD)    \
	X(or, ALU_OR)      \
	X(adc, ALU_ADC) X(sbb, ALU_SBB) X(and, ALU_AND) X(sub, ALU_SUB) X(xor, ALU_XOR)
FOR_EACH_LOCKED(LOCKED_ALU_BOTH)

#define LOCKED_UNARY(name, kind)                                    \
	OPN_MEM(locked_##name##_)                                   \
	{                                                           \
		struct x86_regs *regs_ = REGS;                      \
		ATOMIC_UPDATE(old, unary(regs_, kind, old, false)); \
		unary(regs_, kind, old, true);                      \
		NEXT;                                               \
	}
FOR_EACH_UNARY(LOCKED_UNARY)

#if BITS != 8
/* A register bit number reaches memory around the operand: the decoder's EA is that of bit 0. */
#define BIT_MEM(name, kind)                                    \
	OPN_MEM(name##_mi_)                                    \
	{                                                      \
		unsigned int n = (unsigned int)op->imm % BITS; \
		ATOMIC_UPDATE(old, bit_op(kind, old, n));      \
		set_cf(REGS, old >> n & 1);                    \
		NEXT;                                          \
	}
FOR_EACH_BIT(BIT_MEM)
#endif

/* --- the table --- */

#ifndef RATITE_BODIES_ONLY
#define H(name)	    PASTE(x86_op_##name, BITS)
#define KINDS(name) {H(name##_f64_), H(name##_f32_), H(name##_sg_), H(name##_abs_)}

const struct int_handlers SIZED(x86_int) = {
#define ALU_ENTRY(name, kind)                                     \
	.alu_rr[kind] = {H(name##_rr_0_), H(name##_rr_1_)},       \
	.alu_ri[kind] = {H(name##_ri_0_), H(name##_ri_1_)},       \
	.alu_rm[kind] = {KINDS(name##_rm_0), KINDS(name##_rm_1)}, \
	.alu_mr[kind] = {KINDS(name##_mr_0), KINDS(name##_mr_1)}, \
	.alu_mi[kind] = {KINDS(name##_mi_0), KINDS(name##_mi_1)},
	FOR_EACH_ALU(ALU_ENTRY)
#define UNARY_ENTRY(name, kind)                                  \
	.unary_r[kind] = {H(name##_r_0_), H(name##_r_1_)},       \
	.unary_m[kind] = {KINDS(name##_m_0), KINDS(name##_m_1)}, \
	.locked_unary[kind] = H(locked_##name##_),
		FOR_EACH_UNARY(UNARY_ENTRY)
#define SHIFT_ENTRY(name, kind)                                                                \
	.shift_ri[kind] = {H(name##_ri_0_), H(name##_ri_1_)},                                  \
	.shift_rc[kind] = {H(name##_rc_0_), H(name##_rc_1_)}, .shift_mi[kind] = H(name##_mi_), \
	.shift_mc[kind] = H(name##_mc_),
			FOR_EACH_SHIFT(SHIFT_ENTRY)
#define LOCKED_ENTRY(name, kind)                       \
	.locked_alu_mr[kind] = H(locked_##name##_mr_), \
	.locked_alu_mi[kind] = H(locked_##name##_mi_),
				FOR_EACH_LOCKED(LOCKED_ENTRY)
					.mov_rr = H(mov_rr_),
	.mov_ri = H(mov_ri_),
	.mov_rm = KINDS(mov_rm),
	.mov_mr = KINDS(mov_mr),
	.mov_mi = KINDS(mov_mi),
	.load_tmp = KINDS(load_tmp),
	.xchg_rr = H(xchg_rr_),
	.xchg_mr = H(xchg_mr_),
	.mul = H(mul_),
	.imul = H(imul_),
	.div = H(div_),
	.idiv = H(idiv_),
	.xadd_rr = H(xadd_rr_),
	.cmpxchg_rr = H(cmpxchg_rr_),
	.xadd_mr = H(xadd_mr_),
	.cmpxchg_mr = H(cmpxchg_mr_),
#if BITS != 16
#define JCC_ENTRY(cc)                                                                     \
	.cmp_jcc_rr[cc] = H(cmp_jcc_rr_##cc##_), .cmp_jcc_ri[cc] = H(cmp_jcc_ri_##cc##_), \
	.test_jcc_rr[cc] = H(test_jcc_rr_##cc##_), .test_jcc_ri[cc] = H(test_jcc_ri_##cc##_),
	FOR_EACH_CC(JCC_ENTRY)
#endif
#if BITS != 8
		.movzx8_rr = H(movzx8_rr_),
	.movzx8_rm = KINDS(movzx8_rm),
	.movsx8_rr = H(movsx8_rr_),
	.movsx8_rm = KINDS(movsx8_rm),
	.movzx16_rr = H(movzx16_rr_),
	.movzx16_rm = KINDS(movzx16_rm),
	.movsx16_rr = H(movsx16_rr_),
	.movsx16_rm = KINDS(movsx16_rm),
	.lea = H(lea_),
	.imul_rr = {H(imul_rr_0_), H(imul_rr_1_)},
	.imul_rri = {H(imul_rri_0_), H(imul_rri_1_)},
	.bsf = H(bsf_),
	.bsr = H(bsr_),
	.popcnt = H(popcnt_),
	.shld_ri = H(shld_ri_),
	.shld_rc = H(shld_rc_),
	.shrd_ri = H(shrd_ri_),
	.shrd_rc = H(shrd_rc_),
#define CMOV_ENTRY(cc) .cmov_rr[cc] = H(cmov_rr_##cc##_), .cmov_rm[cc] = H(cmov_rm_##cc##_),
	FOR_EACH_CC(CMOV_ENTRY)
#define BIT_ENTRY(name, kind) \
	.bit_rr[kind] = H(name##_rr_), .bit_ri[kind] = H(name##_ri_), .bit_mi[kind] = H(name##_mi_),
		FOR_EACH_BIT(BIT_ENTRY)
#endif
#if BITS >= 32
#define JCC_SLOTS(name) {H(name##4_), H(name##5_), H(name##8_), H(name##9_)}
#define ALU_JCC_ENTRY(name, kind)                      \
	.alu_jcc_rr[kind] = JCC_SLOTS(name##_jcc_rr_), \
	.alu_jcc_ri[kind] = JCC_SLOTS(name##_jcc_ri_),
			FOR_EACH_ALU_JCC(ALU_JCC_ENTRY)
#define UNARY_JCC_ENTRY(name, kind) .unary_jcc[kind] = JCC_SLOTS(name##_jcc_),
				FOR_EACH_UNARY_JCC(UNARY_JCC_ENTRY)
					.bswap = H(bswap_),
#endif
};
#endif
