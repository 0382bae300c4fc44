/* Handlers of loads and stores, for the decoder; filled by ops_mem.tmpl.h once a variant. */
#ifndef INTERP_ARM_OPS_MEM_H
#define INTERP_ARM_OPS_MEM_H

#include "interp/arm/ops.h"

enum arm_mem_size { MEM_W, MEM_B, MEM_H, MEM_SB, MEM_SH, MEM_SIZES };
/* How the address is made: b + disp; the same, written back; b, then b + disp written back; b plus
 * x shifted left by s; b (a temporary) with TMP1 written back to x. */
enum arm_address { ADDR_I, ADDR_PRE, ADDR_POST, ADDR_R, ADDR_WB, ADDR_KINDS };

/* How a multiple transfer or a jump treats bit 0 of a loaded PC. */
enum { JUMP_NO_EXCHANGE, JUMP_EXCHANGES };

struct arm_mem_handlers {
	handler_fn *load[MEM_SIZES][ADDR_KINDS], *store[3][ADDR_KINDS];
	/* Two words, a and s; b + disp, TMP1 written back to x (TMP1 itself: no writeback). */
	handler_fn *load_double, *store_double;
	/* LDR PC: b + disp, then as above; imm: JUMP_*. */
	handler_fn *load_pc;
	/*
	 * imm: register list; first address is b + disp; b + imm2 is written back where s is set.
	 * load_multiple_pc has the PC in its list; x: JUMP_*.
	 */
	handler_fn *load_multiple, *load_multiple_pc, *store_multiple;
	/* VLDR, VSTR: S register a (the first of two in the double form) and b + disp; VLDM, VSTM:
	 * imm words from S register a on, otherwise as load_multiple. */
	handler_fn *vfp_load[2], *vfp_store[2], *vfp_load_multiple, *vfp_store_multiple;
	/* VLD1, VST1 of disp whole D registers; otherwise as arm_h_neon_multiple() wants it. Not
	 * for big-endian data. */
	handler_fn *neon_load, *neon_store;
};
extern const struct arm_mem_handlers arm_mem_le, arm_mem_st, arm_mem_be;

#endif
