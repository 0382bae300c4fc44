#include "interp/x86/flags.h"

/* AF, OF and the operand they come from, for sums: a + b (+ carry) = d. */
static uint32_t sum_flags(uint64_t a, uint64_t b, uint64_t d, uint64_t msb)
{
	uint32_t flags = ((a ^ b ^ d) & 0x10) ? FLAG_AF : 0;
	return flags | (((a ^ d) & (b ^ d) & msb) ? FLAG_OF : 0);
}

static uint32_t difference_flags(uint64_t a, uint64_t b, uint64_t d, uint64_t msb)
{
	uint32_t flags = ((a ^ b ^ d) & 0x10) ? FLAG_AF : 0;
	return flags | (((a ^ b) & (a ^ d) & msb) ? FLAG_OF : 0);
}

static uint32_t af_of(const struct x86_regs *r, uint64_t msb)
{
	uint64_t d = r->cc_dst, s = r->cc_src;
	uint32_t flags = 0;

	switch (CC_KIND(r->cc_op)) {
	case CC_ADD: return sum_flags(d - s, s, d, msb);
	case CC_ADC: return sum_flags(d - s - r->cc_carry, s, d, msb);
	case CC_SUB: return difference_flags(d + s, s, d, msb);
	case CC_SBB: return difference_flags(d + s + r->cc_carry, s, d, msb);
	case CC_INC: flags = (d & 0xf) == 0 ? FLAG_AF : 0; return flags | (d == msb ? FLAG_OF : 0);
	case CC_DEC:
		flags = (d & 0xf) == 0xf ? FLAG_AF : 0;
		return flags | (d == msb - 1 ? FLAG_OF : 0);
	case CC_SHL:
	case CC_SHR: return ((d ^ s) & msb) ? FLAG_OF : 0;
	case CC_MUL: return s ? FLAG_OF : 0;
	default: return 0;
	}
}

uint32_t x86_flags_arith(const struct x86_regs *r)
{
	uint64_t msb = UINT64_C(1) << ((8u << CC_LOG2(r->cc_op)) - 1);

	if (CC_KIND(r->cc_op) == CC_FLAGS)
		return (uint32_t)r->cc_src;
	uint32_t flags = af_of(r, msb);
	flags |= x86_cf(r) ? FLAG_CF : 0;
	flags |= __builtin_parity((uint8_t)r->cc_dst) ? 0 : FLAG_PF;
	flags |= r->cc_dst == 0 ? FLAG_ZF : 0;
	flags |= r->cc_dst & msb ? FLAG_SF : 0;
	return flags;
}
