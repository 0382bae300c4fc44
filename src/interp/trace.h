/* What `-d in_asm,op,exec,cpu` shows of the execution core. */
#ifndef INTERP_TRACE_H
#define INTERP_TRACE_H

#include "base/log.h"
#include "interp/block.h"

/* A block was decoded (-d in_asm, -d op). Cache lock held. */
void trace_block_built(struct vcpu *v, const struct block *b, const struct block_builder *from);
/* The loop enters a block (-d exec, -d cpu). */
void trace_block_entered(struct vcpu *v, const struct block *b);

static inline bool trace_every_block(void)
{
	return log_on(LOG_EXEC | LOG_CPU | LOG_NOCHAIN);
}

#endif
