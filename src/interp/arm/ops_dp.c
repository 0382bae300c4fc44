/* Data processing: one body for each opcode, form of the second operand, and use of the flags. */
#include "interp/arm/ops_dp.h"

#define FOR_EACH_DP(X)                                                                            \
	X(and, DP_AND)                                                                            \
	X(eor, DP_EOR)                                                                            \
	X(sub, DP_SUB) X(rsb, DP_RSB) X(add, DP_ADD) X(adc, DP_ADC) X(sbc, DP_SBC) X(rsc, DP_RSC) \
		X(orr, DP_ORR) X(mov, DP_MOV) X(bic, DP_BIC) X(mvn, DP_MVN) X(orn, DP_ORN)
#define FOR_EACH_COMPARE(X) X(tst, DP_TST) X(teq, DP_TEQ) X(cmp, DP_CMP) X(cmn, DP_CMN)

#define DP_SHIFT(name, kind, sname, shift)                                             \
	OP(name##_##sname)                                                             \
	{                                                                              \
		u32 carry, value = shift_imm(shift, R(op->x), op->s, REGS->c, &carry); \
		W(op->a, alu(REGS, kind, false, R(op->b), value, carry));              \
		NEXT;                                                                  \
	}                                                                              \
	OP(name##s_##sname)                                                            \
	{                                                                              \
		u32 carry, value = shift_imm(shift, R(op->x), op->s, REGS->c, &carry); \
		W(op->a, alu(REGS, kind, true, R(op->b), value, carry));               \
		NEXT;                                                                  \
	}

#define DP(name, kind)                                                                \
	OP(name##_ri)                                                                 \
	{                                                                             \
		W(op->a, alu(REGS, kind, false, R(op->b), (u32)op->imm, CARRY_SAME)); \
		NEXT;                                                                 \
	}                                                                             \
	OP(name##s_ri)                                                                \
	{                                                                             \
		W(op->a, alu(REGS, kind, true, R(op->b), (u32)op->imm, op->x));       \
		NEXT;                                                                 \
	}                                                                             \
	OP(name##_rr)                                                                 \
	{                                                                             \
		W(op->a, alu(REGS, kind, false, R(op->b), R(op->x), CARRY_SAME));     \
		NEXT;                                                                 \
	}                                                                             \
	OP(name##s_rr)                                                                \
	{                                                                             \
		W(op->a, alu(REGS, kind, true, R(op->b), R(op->x), CARRY_SAME));      \
		NEXT;                                                                 \
	}                                                                             \
	OP(name##s_rc)                                                                \
	{                                                                             \
		W(op->a, alu(REGS, kind, true, R(op->b), R(op->x), REGS->shc));       \
		NEXT;                                                                 \
	}                                                                             \
	DP_SHIFT(name, kind, lsl, SHIFT_LSL)                                          \
	DP_SHIFT(name, kind, lsr, SHIFT_LSR)                                          \
	DP_SHIFT(name, kind, asr, SHIFT_ASR)                                          \
	DP_SHIFT(name, kind, ror, SHIFT_ROR)                                          \
	DP_SHIFT(name, kind, rrx, SHIFT_RRX)
FOR_EACH_DP(DP)

#define COMPARE_SHIFT(name, kind, sname, shift)                                        \
	OP(name##s_##sname)                                                            \
	{                                                                              \
		u32 carry, value = shift_imm(shift, R(op->x), op->s, REGS->c, &carry); \
		alu(REGS, kind, true, R(op->b), value, carry);                         \
		NEXT;                                                                  \
	}

#define COMPARE(name, kind)                                            \
	OP(name##s_ri)                                                 \
	{                                                              \
		alu(REGS, kind, true, R(op->b), (u32)op->imm, op->x);  \
		NEXT;                                                  \
	}                                                              \
	OP(name##s_rr)                                                 \
	{                                                              \
		alu(REGS, kind, true, R(op->b), R(op->x), CARRY_SAME); \
		NEXT;                                                  \
	}                                                              \
	OP(name##s_rc)                                                 \
	{                                                              \
		alu(REGS, kind, true, R(op->b), R(op->x), REGS->shc);  \
		NEXT;                                                  \
	}                                                              \
	COMPARE_SHIFT(name, kind, lsl, SHIFT_LSL)                      \
	COMPARE_SHIFT(name, kind, lsr, SHIFT_LSR)                      \
	COMPARE_SHIFT(name, kind, asr, SHIFT_ASR)                      \
	COMPARE_SHIFT(name, kind, ror, SHIFT_ROR)                      \
	COMPARE_SHIFT(name, kind, rrx, SHIFT_RRX)
FOR_EACH_COMPARE(COMPARE)

/* --- moves and shifts --- */

OP(mov_i)
{
	W(op->a, (u32)op->imm);
	NEXT;
}

OP(mov_r)
{
	W(op->a, R(op->b));
	NEXT;
}

OP(movt)
{
	W(op->a, (R(op->a) & 0xffff) | (u32)op->imm);
	NEXT;
}

#define SHIFT_RR(sname, shift)                                                             \
	OP(shift_##sname)                                                                  \
	{                                                                                  \
		u32 carry = 0;                                                             \
		W(op->a, shift_reg(shift, R(op->b), R(op->x), &carry));                    \
		NEXT;                                                                      \
	}                                                                                  \
	OP(shift_carry_##sname)                                                            \
	{                                                                                  \
		u32 carry = REGS->c;                                                       \
		W(op->a, shift_reg(shift, R(op->b), R(op->x), &carry));                    \
		REGS->shc = carry;                                                         \
		NEXT;                                                                      \
	}                                                                                  \
	OP(shifts_##sname)                                                                 \
	{                                                                                  \
		u32 carry = REGS->c, value = shift_reg(shift, R(op->b), R(op->x), &carry); \
		W(op->a, alu_logic(REGS, true, value, carry));                             \
		NEXT;                                                                      \
	}
SHIFT_RR(lsl, SHIFT_LSL)
SHIFT_RR(lsr, SHIFT_LSR)
SHIFT_RR(asr, SHIFT_ASR)
SHIFT_RR(ror, SHIFT_ROR)

/* --- compare and branch: one op for two instructions --- */

#define COMPARE_BRANCH(name, cc)                     \
	OP(cmp_b_rr_##name)                          \
	{                                            \
		u32 a = R(op->a), b = R(op->b);      \
		alu_sub(REGS, true, a, b);           \
		if (arm_cond_cmp(a, b, cc))          \
			BRANCH_TAKEN;                \
		NEXT;                                \
	}                                            \
	OP(cmp_b_ri_##name)                          \
	{                                            \
		u32 a = R(op->a), b = (u32)op->disp; \
		alu_sub(REGS, true, a, b);           \
		if (arm_cond_cmp(a, b, cc))          \
			BRANCH_TAKEN;                \
		NEXT;                                \
	}
FOR_EACH_CC(COMPARE_BRANCH)

#define TEST_BRANCH(name, cc)                                                \
	OP(tst_b_rr_##name)                                                  \
	{                                                                    \
		alu_logic(REGS, true, R(op->a) & R(op->b), CARRY_SAME);      \
		if (arm_cond(REGS, cc))                                      \
			BRANCH_TAKEN;                                        \
		NEXT;                                                        \
	}                                                                    \
	OP(tst_b_ri_##name)                                                  \
	{                                                                    \
		alu_logic(REGS, true, R(op->a) & (u32)op->disp, CARRY_SAME); \
		if (arm_cond(REGS, cc))                                      \
			BRANCH_TAKEN;                                        \
		NEXT;                                                        \
	}
TEST_BRANCH(eq, CC_EQ)
TEST_BRANCH(ne, CC_NE)
TEST_BRANCH(mi, CC_MI)
TEST_BRANCH(pl, CC_PL)

#ifndef RATITE_BITCODE
#define SH(name, sname) {arm_op_##name##_##sname, arm_op_##name##s_##sname}
#define DP_ENTRY(name, kind)                                 \
	[kind] = {{arm_op_##name##_ri, arm_op_##name##s_ri}, \
		  {arm_op_##name##_rr, arm_op_##name##s_rr}, \
		  arm_op_##name##s_rc,                       \
		  {SH(name, lsl), SH(name, lsr), SH(name, asr), SH(name, ror), SH(name, rrx)}},
#define CSH(name, sname) {NULL, arm_op_##name##s_##sname}
#define COMPARE_ENTRY(name, kind)            \
	[kind] = {                           \
		{NULL, arm_op_##name##s_ri}, \
		{NULL, arm_op_##name##s_rr}, \
		arm_op_##name##s_rc,         \
		{CSH(name, lsl), CSH(name, lsr), CSH(name, asr), CSH(name, ror), CSH(name, rrx)}},
const struct arm_dp_handlers arm_dp[DP_KINDS] = {FOR_EACH_DP(DP_ENTRY)
							 FOR_EACH_COMPARE(COMPARE_ENTRY)};
handler_fn *const arm_shift_rr[4][2] = {{arm_op_shift_lsl, arm_op_shift_carry_lsl},
					{arm_op_shift_lsr, arm_op_shift_carry_lsr},
					{arm_op_shift_asr, arm_op_shift_carry_asr},
					{arm_op_shift_ror, arm_op_shift_carry_ror}};
handler_fn *const arm_shifts_rr[4] = {arm_op_shifts_lsl, arm_op_shifts_lsr, arm_op_shifts_asr,
				      arm_op_shifts_ror};
#define CMP_RR(name, cc) arm_op_cmp_b_rr_##name,
#define CMP_RI(name, cc) arm_op_cmp_b_ri_##name,
handler_fn *const arm_cmp_b_rr[14] = {FOR_EACH_CC(CMP_RR)};
handler_fn *const arm_cmp_b_ri[14] = {FOR_EACH_CC(CMP_RI)};
handler_fn *const arm_tst_b_rr[14] = {[CC_EQ] = arm_op_tst_b_rr_eq,
				      [CC_NE] = arm_op_tst_b_rr_ne,
				      [CC_MI] = arm_op_tst_b_rr_mi,
				      [CC_PL] = arm_op_tst_b_rr_pl};
handler_fn *const arm_tst_b_ri[14] = {[CC_EQ] = arm_op_tst_b_ri_eq,
				      [CC_NE] = arm_op_tst_b_ri_ne,
				      [CC_MI] = arm_op_tst_b_ri_mi,
				      [CC_PL] = arm_op_tst_b_ri_pl};
#endif
