/*
 * What runs behind a hot block: the blocks that are entered next, in order, for the second tier to
 * form a region of (docs/design.md, "LLVM tier").
 *
 * While a vCPU records, each block goes back to the loop: it runs with a budget that is far below
 * zero, and what is charged is put right behind it. That costs some 50 ns a block, a thousand times
 * for each region.
 */
#ifndef INTERP_RECORD_H
#define INTERP_RECORD_H

#include "interp/block.h"

#define RECORD_BLOCKS 1024

struct job; /* of the module: what the record is for */

struct block_record {
	struct job *job;
	unsigned int generation; /* of the block cache when it began */
	unsigned int count;
	struct block *blocks[RECORD_BLOCKS];
};

/* On the vCPU's thread. False: it is recording already, or a debugger looks at every block; the job
 * stays the caller's. Else the module gets the job back when the record is full. */
bool record_start(struct vcpu *v, struct job *job);
/* Runs a block of the cache and notes it; the loop's way to enter one while v->recording. */
void record_block(struct vcpu *v, struct block *b);
/* After a block has been left, however it was. */
static inline void record_settle(struct vcpu *v)
{
	v->budget += v->record_shift;
	v->budget_start += v->record_shift;
	v->record_shift = 0;
}
void record_free(struct vcpu *v);

#endif
