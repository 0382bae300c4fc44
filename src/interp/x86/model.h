/* Processor models: what -cpu names. */
#ifndef INTERP_X86_MODEL_H
#define INTERP_X86_MODEL_H

#include "interp/x86/cpu.h"

struct x86_model {
	const char *name, *help;
	char vendor[13];
	const char *model_id; /* 48 characters of CPUID 80000002h-4h, or NULL */
	uint16_t family, model, stepping;
	uint32_t level, xlevel; /* highest standard and extended leaf */
	uint32_t features[FEAT_WORDS];
	uint8_t phys_bits;
	/* CPUID 2 */
	uint32_t descriptors[4];
};

/* What belongs to one processor: its model with the changes that -cpu asked for. */
struct x86_identity {
	struct x86_model m;
	char model_id[49];
};

static inline const struct x86_model *x86_model(const struct x86_cpu *c)
{
	return c->model;
}

#endif
