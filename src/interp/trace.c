#include "interp/trace.h"

#include "interp/disas.h"

#include <inttypes.h>

void trace_block_built(struct vcpu *v, const struct block *b, const struct block_builder *from)
{
	FILE *out = log_stream();

	if (log_on(LOG_IN_ASM)) {
		flockfile(out);
		fprintf(out, "----------------\nIN: cpu %u, %u instructions\n", v->cpu.index,
			b->insns);
		disas_bytes(v, out, from->code, MIN(b->size, from->avail), b->base + b->pc);
		if (b->size > from->avail)
			fprintf(out, "0x%08" PRIx64 ":  (reaches into the next page)\n",
				b->base + b->pc);
		fputc('\n', out);
		funlockfile(out);
	}
	if (log_on(LOG_OP)) {
		flockfile(out);
		fprintf(out, "OP: block 0x%" PRIx64 " mode %08x\n", b->pc, b->mode);
		for (unsigned int i = 0; i < b->op_count; i++) {
			const struct op *op = &b->ops[i];
			fprintf(out,
				" +%03x fn %p a %02x b %02x x %02x s %02x disp %08x imm %" PRIx64
				"\n",
				b->op_where[i].offset, (void *)op->fn, op->a, op->b, op->x, op->s,
				(uint32_t)op->disp, op->imm);
		}
		funlockfile(out);
	}
}

void trace_block_entered(struct vcpu *v, const struct block *b)
{
	FILE *out = log_stream();

	if (log_on(LOG_EXEC))
		log_printf(LOG_EXEC, "Trace %u: %p [%016" PRIx64 "/%08x]\n", v->cpu.index,
			   (const void *)b, b->base + b->pc, b->mode);
	if (log_on(LOG_CPU))
		v->cpu.class->dump(&v->cpu, out);
}
