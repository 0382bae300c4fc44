/* What the data-processing instructions compute. Source: ARM DDI 0100I, A2.7, A5.1 and A4.1. */
#ifndef INTERP_ARM_ALU_H
#define INTERP_ARM_ALU_H

#include "interp/arm/flags.h"

/* In the order of the ARM opcode field; ORN is Thumb-2's. */
enum arm_dp {
	DP_AND,
	DP_EOR,
	DP_SUB,
	DP_RSB,
	DP_ADD,
	DP_ADC,
	DP_SBC,
	DP_RSC,
	DP_TST,
	DP_TEQ,
	DP_CMP,
	DP_CMN,
	DP_ORR,
	DP_MOV,
	DP_BIC,
	DP_MVN,
	DP_ORN,
	DP_KINDS,
};
enum arm_shift { SHIFT_LSL, SHIFT_LSR, SHIFT_ASR, SHIFT_ROR, SHIFT_RRX, SHIFT_KINDS };

/* Carry of the shifter that leaves C as it is. */
#define CARRY_SAME 2

static inline bool dp_is_logical(enum arm_dp op)
{
	return !((op >= DP_SUB && op <= DP_RSC) || op == DP_CMP || op == DP_CMN);
}

static inline bool dp_is_compare(enum arm_dp op)
{
	return op >= DP_TST && op <= DP_CMN;
}

static inline bool dp_uses_carry(enum arm_dp op)
{
	return op >= DP_ADC && op <= DP_RSC;
}

static inline bool dp_has_rn(enum arm_dp op)
{
	return op != DP_MOV && op != DP_MVN;
}

static ALWAYS_INLINE uint32_t alu_add(struct arm_regs *r, bool s, uint32_t a, uint32_t b)
{
	uint32_t sum = a + b;

	if (s) {
		r->n = r->z = sum;
		r->c = sum < a;
		r->v = ~(a ^ b) & (a ^ sum);
	}
	return sum;
}

static ALWAYS_INLINE uint32_t alu_sub(struct arm_regs *r, bool s, uint32_t a, uint32_t b)
{
	uint32_t diff = a - b;

	if (s) {
		r->n = r->z = diff;
		r->c = a >= b;
		r->v = (a ^ b) & (a ^ diff);
	}
	return diff;
}

/* a + b + carry; subtraction is that of ~b. */
static ALWAYS_INLINE uint32_t alu_adc(struct arm_regs *r, bool s, uint32_t a, uint32_t b)
{
	uint64_t sum = (uint64_t)a + b + r->c;

	if (s) {
		r->n = r->z = (uint32_t)sum;
		r->c = (uint32_t)(sum >> 32);
		r->v = ~(a ^ b) & (a ^ (uint32_t)sum);
	}
	return (uint32_t)sum;
}

static ALWAYS_INLINE uint32_t alu_logic(struct arm_regs *r, bool s, uint32_t res, uint32_t carry)
{
	if (s) {
		r->n = r->z = res;
		if (carry != CARRY_SAME)
			r->c = carry;
	}
	return res;
}

static ALWAYS_INLINE uint32_t alu(struct arm_regs *r, enum arm_dp op, bool s, uint32_t a,
				  uint32_t b, uint32_t carry)
{
	switch (op) {
	case DP_AND:
	case DP_TST: return alu_logic(r, s, a & b, carry);
	case DP_EOR:
	case DP_TEQ: return alu_logic(r, s, a ^ b, carry);
	case DP_SUB:
	case DP_CMP: return alu_sub(r, s, a, b);
	case DP_RSB: return alu_sub(r, s, b, a);
	case DP_ADD:
	case DP_CMN: return alu_add(r, s, a, b);
	case DP_ADC: return alu_adc(r, s, a, b);
	case DP_SBC: return alu_adc(r, s, a, ~b);
	case DP_RSC: return alu_adc(r, s, b, ~a);
	case DP_ORR: return alu_logic(r, s, a | b, carry);
	case DP_MOV: return alu_logic(r, s, b, carry);
	case DP_BIC: return alu_logic(r, s, a & ~b, carry);
	case DP_MVN: return alu_logic(r, s, ~b, carry);
	default: return alu_logic(r, s, a | ~b, carry);
	}
}

/* By a constant: LSL 1-31, LSR and ASR 1-32, ROR 1-31, RRX 1. */
static ALWAYS_INLINE uint32_t shift_imm(enum arm_shift type, uint32_t value, unsigned int n,
					uint32_t carry_in, uint32_t *carry)
{
	switch (type) {
	case SHIFT_LSL: *carry = value >> (32 - n) & 1; return value << n;
	case SHIFT_LSR: *carry = value >> (n - 1) & 1; return (uint32_t)((uint64_t)value >> n);
	case SHIFT_ASR:
		*carry = value >> (n - 1) & 1;
		return (uint32_t)((int64_t)(int32_t)value >> n);
	case SHIFT_ROR: *carry = value >> (n - 1) & 1; return value >> n | value << (32 - n);
	default: *carry = value & 1; return carry_in << 31 | value >> 1;
	}
}

/* By the low byte of a register; *carry is C on entry and stays it for a count of 0. */
static ALWAYS_INLINE uint32_t shift_reg(enum arm_shift type, uint32_t value, uint32_t count,
					uint32_t *carry)
{
	unsigned int n = count & 0xff;

	if (n == 0)
		return value;
	switch (type) {
	case SHIFT_LSL:
		*carry = n <= 32 ? (uint32_t)((uint64_t)value << n >> 32) & 1 : 0;
		return n < 32 ? value << n : 0;
	case SHIFT_LSR:
		*carry = n <= 32 ? (uint32_t)((uint64_t)value >> (n - 1)) & 1 : 0;
		return n < 32 ? value >> n : 0;
	case SHIFT_ASR:
		if (n > 32)
			n = 32;
		*carry = (uint32_t)((int64_t)(int32_t)value >> (n - 1)) & 1;
		return (uint32_t)((int64_t)(int32_t)value >> n);
	default:
		n &= 31;
		value = n ? value >> n | value << (32 - n) : value;
		*carry = value >> 31;
		return value;
	}
}

#endif
