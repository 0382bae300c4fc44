/*
 * Where the processors of a multi-core board wait that its boot monitor has not started yet. They
 * sleep until an interrupt comes and a register of the board holds an address, and go there.
 */
#ifndef MACHINES_ARM_SMP_H
#define MACHINES_ARM_SMP_H

#include "machines/arm-board.h"

struct arm_pen {
	struct region rom;
};

/* Puts the code at `addr` and tells the loader. `flags`: address of the register; `interface`: of
 * the interrupt controller's registers of whoever looks. */
struct error *arm_pen_create(struct arm_pen *pen, struct arm_board *b, uint32_t addr,
			     uint32_t flags, uint32_t interface) NODISCARD;

#endif
