/*
 * The debugger's points in the execution core (vm/debug.h). All of it is looked at only while
 * v->debugging: blocks then end before a breakpoint and do not start at one, pages with watchpoints
 * take the slow path, and the loop asks here before every block.
 */
#ifndef INTERP_DEBUG_H
#define INTERP_DEBUG_H

#include "interp/block.h"

/* cpu_class.debug_changed */
void vcpu_debug_changed(struct cpu *cpu);
/* In the loop, before the block at v's pc. False: a stop was reported, leave. `*limit`: so many
 * instructions at most, 0: any number. */
bool vcpu_debug_before_block(struct vcpu *v, unsigned int *limit);
/* ... and behind what it ran, or behind the exception that it raised instead. */
void vcpu_debug_after_block(struct vcpu *v);
/* An access through the slow path: leaves for the loop where a watchpoint covers it. */
void vcpu_debug_access(struct vcpu *v, uint64_t va, uint64_t size, bool read, bool write);
/* Where the block being decoded must end at the latest: a pc, or UINT64_MAX. */
uint64_t vcpu_debug_block_end(const struct vcpu *v);

#endif
