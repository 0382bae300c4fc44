/* The x86 register file: what lives in SSA values. x87 state is indexed at run time and stays. */
#include "jit-llvm/jit.h"

#include "interp/x86/cpu.h"

#define R8(n)	{offsetof(struct x86_regs, r) + 8 * (n), 8, (n) >= SLOT_TMP0}
#define XMM(n)	{offsetof(struct x86_regs, xmm) + 16 * (n), 16, (n) >= 16}
#define WORD(m) {offsetof(struct x86_regs, m), sizeof(((struct x86_regs *)0)->m), false}

/* SLOT_ZERO (16) is never written: it is a register like the others and loads as 0. */
static const struct jit_slot slots[] = {
	R8(0),	     R8(1),	     R8(2),    R8(3),	R8(4),	 R8(5),	       R8(6),
	R8(7),	     R8(8),	     R8(9),    R8(10),	R8(11),	 R8(12),       R8(13),
	R8(14),	     R8(15),	     R8(16),   R8(17),	R8(18),	 WORD(cc_dst), WORD(cc_src),
	WORD(cc_op), WORD(cc_carry), WORD(df), XMM(0),	XMM(1),	 XMM(2),       XMM(3),
	XMM(4),	     XMM(5),	     XMM(6),   XMM(7),	XMM(8),	 XMM(9),       XMM(10),
	XMM(11),     XMM(12),	     XMM(13),  XMM(14), XMM(15), XMM(16),      XMM(17),
};

const struct jit_isa jit_isa_x86 = {
	.name = "x86",
	.regs_offset = offsetof(struct x86_cpu, r),
	.regs_size = sizeof(struct x86_regs),
	.slots = slots,
	.slot_count = G_N_ELEMENTS(slots),
	.zero_offset = REG_ZERO,
};
