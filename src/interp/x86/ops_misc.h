/* Helpers and single-form ops of ops_misc.c, for the decoder. */
#ifndef INTERP_X86_OPS_MISC_H
#define INTERP_X86_OPS_MISC_H

#include "interp/x86/ops.h"

handler_fn x86_op_cbw, x86_op_cwde, x86_op_cdqe, x86_op_cwd, x86_op_cdq, x86_op_cqo, x86_op_movsxd,
	x86_op_movbe, x86_op_cmc, x86_op_clc, x86_op_stc, x86_op_cld, x86_op_std, x86_op_lahf,
	x86_op_sahf, x86_op_salc;

x86_helper x86_aaa, x86_aas, x86_daa, x86_das, x86_aam, x86_aad, x86_cmpxchg8b, x86_cmpxchg16b,
	x86_bit_mr, x86_enter, x86_xlat, x86_pusha, x86_popa, x86_pop_mem, x86_double_shift_mem;

#endif
