/* Handlers and helpers of the system instructions, for decode_sys.c. */
#ifndef INTERP_X86_OPS_SYS_H
#define INTERP_X86_OPS_SYS_H

#include "interp/x86/ops.h"

/* ops_sys.c: cli, sti where they need no check; sti has the next pc in imm. sys_call runs a helper
 * and goes back to the loop only where that changed the mode or an event waits. */
handler_fn x86_op_cli, x86_op_sti, x86_op_sys_call, x86_op_in, x86_op_out, x86_op_swapgs,
	x86_op_rdfsbase, x86_op_wrfsbase, x86_op_rdselector, x86_op_rdselector16, x86_op_smsw,
	x86_op_smsw16;

/* sys.c. In helpers without a note, `a` is a register operand and imm the operand size's log2. */
x86_helper x86_cli_virtual, x86_sti_virtual; /* imm: next pc */
x86_helper x86_pushf, x86_popf, x86_hlt, x86_int_n, x86_int3, x86_into, x86_int1, x86_iret_op;
x86_helper x86_mov_cr_read, x86_mov_cr_write, x86_mov_dr_read, x86_mov_dr_write, x86_clts, x86_lmsw,
	x86_smsw_mem, x86_invlpg, x86_wbinvd, x86_cpuid_op, x86_rdtsc, x86_rdtscp, x86_rdpmc,
	x86_rdmsr_op, x86_wrmsr_op, x86_rsm_op;

/* sysseg.c */
x86_helper x86_mov_seg_reg, x86_mov_seg_mem, x86_mov_mem_seg, x86_push_seg, x86_pop_seg,
	x86_load_far_pointer, x86_far_jump_imm, x86_far_call_imm, x86_far_jump_mem,
	x86_far_call_mem, x86_far_ret, x86_sgdt, x86_sidt, x86_lgdt, x86_lidt, x86_lldt, x86_ltr,
	x86_lar, x86_lsl, x86_verr, x86_verw, x86_arpl, x86_bound;

/* syscall.c */
x86_helper x86_syscall, x86_sysret, x86_sysenter, x86_sysexit;

#endif
