/*
 * Lazy arithmetic flags. Source: Intel SDM volume 1, 3.4.3.1 and appendix A.
 *
 * An operation leaves cc_op (kind and operand size), cc_dst (its result, zero-extended) and cc_src;
 * flags are worked out when somebody asks. For every kind ZF is cc_dst == 0.
 *
 *  kind      cc_src
 *  CC_FLAGS  the flags themselves (cc_dst is !ZF)
 *  CC_ADD    second operand             CC_SUB    second operand
 *  CC_ADC    the same, cc_carry is CF in   CC_SBB likewise
 *  CC_LOGIC  unused                     CC_MUL    1 where the upper half matters, else 0
 *  CC_INC, CC_DEC  CF as it was
 *  CC_SHL, CC_SHR  the operand shifted by one less than the count (SHR: also SAR)
 */
#ifndef INTERP_X86_FLAGS_H
#define INTERP_X86_FLAGS_H

#include "interp/x86/cpu.h"

enum cc_kind {
	CC_FLAGS,
	CC_ADD,
	CC_ADC,
	CC_SUB,
	CC_SBB,
	CC_LOGIC,
	CC_INC,
	CC_DEC,
	CC_SHL,
	CC_SHR,
	CC_MUL,
};

#define CC_OP(kind, log2) ((uint32_t)(kind) << 2 | (log2))
#define CC_KIND(op)	  ((op) >> 2)
#define CC_LOG2(op)	  ((op) & 3)

/* CF PF AF ZF SF OF of the lazy state. */
uint32_t x86_flags_arith(const struct x86_regs *r);

static inline void x86_flags_arith_set(struct x86_regs *r, uint32_t value)
{
	r->cc_op = CC_OP(CC_FLAGS, 0);
	r->cc_src = value & FLAGS_ARITH;
	r->cc_dst = !(value & FLAG_ZF);
}

/* What ADC, SBB, RCL, INC ... need. */
static ALWAYS_INLINE bool x86_cf(const struct x86_regs *r)
{
	unsigned int shift = 64 - (8u << CC_LOG2(r->cc_op));
	uint64_t dst = r->cc_dst << shift, src = r->cc_src << shift;

	switch (CC_KIND(r->cc_op)) {
	case CC_FLAGS: return r->cc_src & FLAG_CF;
	case CC_ADD: return dst < src;
	case CC_ADC: return r->cc_carry ? dst <= src : dst < src;
	case CC_SUB: return ((r->cc_dst + r->cc_src) << shift) < src;
	case CC_SBB:
		return r->cc_carry ? ((r->cc_dst + r->cc_src + 1) << shift) <= src
				   : ((r->cc_dst + r->cc_src) << shift) < src;
	case CC_INC:
	case CC_DEC:
	case CC_MUL: return r->cc_src;
	case CC_SHL: return (int64_t)src < 0;
	case CC_SHR: return r->cc_src & 1;
	default: return false;
	}
}

/* Condition `cc` of Jcc, SETcc and CMOVcc (low 4 bits of the opcode); cheap where the last
 * operation was a compare or a test. */
static ALWAYS_INLINE bool x86_cond(const struct x86_regs *r, unsigned int cc)
{
	static const uint32_t single[] = {FLAG_OF,	     FLAG_CF, FLAG_ZF,
					  FLAG_CF | FLAG_ZF, FLAG_SF, FLAG_PF};
	unsigned int kind = CC_KIND(r->cc_op), shift = 64 - (8u << CC_LOG2(r->cc_op));
	uint64_t a = (r->cc_dst + r->cc_src) << shift, b = r->cc_src << shift;
	int64_t sign = (int64_t)(r->cc_dst << shift);
	bool yes;

	if ((cc >> 1) == 2)
		return (r->cc_dst == 0) != (cc & 1);
	if (kind == CC_SUB && cc >> 1 == 1)
		return (a < b) != (cc & 1);
	if (kind == CC_SUB && cc >> 1 == 3)
		return (a <= b) != (cc & 1);
	if (kind == CC_SUB && cc >> 1 == 6)
		return ((int64_t)a < (int64_t)b) != (cc & 1);
	if (kind == CC_SUB && cc >> 1 == 7)
		return ((int64_t)a <= (int64_t)b) != (cc & 1);
	if (kind == CC_LOGIC && cc >> 1 == 7)
		return (sign <= 0) != (cc & 1);
	if (kind != CC_FLAGS && cc >> 1 == 4)
		return (sign < 0) != (cc & 1);
	if (cc >> 1 == 1)
		return x86_cf(r) != (cc & 1);
	uint32_t flags = x86_flags_arith(r);
	bool less = !(flags & FLAG_SF) != !(flags & FLAG_OF);
	if (cc >> 1 == 6)
		yes = less;
	else if (cc >> 1 == 7)
		yes = less || (flags & FLAG_ZF);
	else
		yes = flags & single[cc >> 1];
	return yes != (cc & 1);
}

/* The same for a compare or test whose operands (zero-extended) are at hand. */
static ALWAYS_INLINE bool x86_compare(unsigned int cc, unsigned int log2, uint64_t a, uint64_t b)
{
	unsigned int shift = 64 - (8u << log2);
	uint64_t diff = (a - b) << shift;
	int64_t sa = (int64_t)(a << shift), sb = (int64_t)(b << shift);
	bool yes;

	switch (cc >> 1) {
	case 0: yes = (int64_t)(((a ^ b) & (a ^ (a - b))) << shift) < 0; break;
	case 1: yes = (a << shift) < (b << shift); break;
	case 2: yes = diff == 0; break;
	case 3: yes = (a << shift) <= (b << shift); break;
	case 4: yes = (int64_t)diff < 0; break;
	case 5: yes = !__builtin_parity((uint8_t)(a - b)); break;
	case 6: yes = sa < sb; break;
	default: yes = sa <= sb; break;
	}
	return yes != (cc & 1);
}

static ALWAYS_INLINE bool x86_test_result(unsigned int cc, unsigned int log2, uint64_t result)
{
	int64_t sign = (int64_t)(result << (64 - (8u << log2)));
	bool yes;

	switch (cc >> 1) {
	case 0:
	case 1: yes = false; break;
	case 2:
	case 3: yes = sign == 0; break;
	case 4:
	case 6: yes = sign < 0; break;
	case 5: yes = !__builtin_parity((uint8_t)result); break;
	default: yes = sign <= 0; break;
	}
	return yes != (cc & 1);
}

#endif
