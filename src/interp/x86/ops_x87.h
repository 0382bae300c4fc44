/* Handlers of ops_x87.c and ops_x87_misc.c, for decode_x87.c. */
#ifndef INTERP_X86_OPS_X87_H
#define INTERP_X86_OPS_X87_H

#include "interp/x86/decode.h"

enum x87_size { X87_16, X87_32, X87_64, X87_80, X87_SIZES };

/* Memory to TMP0 (80 bits: and TMP1), pending exceptions first. */
extern handler_fn *const x86_x87_load[X87_SIZES][KIND_COUNT];
/* TMP0 to memory, fx_scratch[0] to the status word, imm pops. 80 bits: FSTP m80 as a whole. */
extern handler_fn *const x86_x87_store[X87_SIZES][KIND_COUNT];
/* By enum x87_store. */
extern handler_fn *const x86_x87_convert[8];
/* By enum x87_arith and enum x87_source. */
extern handler_fn *const x86_x87_arith[6][5];
extern handler_fn *const x86_x87_com[5];

handler_fn x86_op_x87_push_f32, x86_op_x87_push_f64, x86_op_x87_push_f80, x86_op_x87_push_i16,
	x86_op_x87_push_i32, x86_op_x87_push_i64, x86_op_x87_push_st, x86_op_x87_push_constant;
handler_fn x86_op_x87_ucom_st, x86_op_x87_comi_st, x86_op_x87_ucomi_st, x86_op_x87_ftst;
handler_fn x86_op_x87_fst, x86_op_x87_fxch, x86_op_x87_sign, x86_op_x87_fcmov, x86_op_x87_ffree,
	x86_op_x87_move_top, x86_op_x87_fwait, x86_op_x87_fnstsw_ax, x86_op_x87_get_cw,
	x86_op_x87_get_sw, x86_op_x87_fldcw;
/* D9 F0 to FF, by the low nibble in b; two of them have their own handlers. */
handler_fn x86_op_x87_function, x86_op_x87_fsqrt, x86_op_x87_frndint, x86_op_x87_note;

/* Instructions as a whole (ops_x87_misc.c, fpu-env.c); s is the operand size of the layouts. */
x86_helper x87_fxam, x87_fbld, x87_fbstp, x87_fnclex, x87_fninit;
x86_helper x87_fnstenv, x87_fldenv, x87_fnsave, x87_frstor, x86_fxsave, x86_fxrstor;

#endif
