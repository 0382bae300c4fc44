/* The processor models of -cpu. */
#ifndef INTERP_ARM_MODEL_H
#define INTERP_ARM_MODEL_H

#include "interp/arm/cpu.h"

struct arm_model {
	const char *name;
	uint32_t midr; /* CP15 c0 c0 0; CPUID of v7-M */
	uint32_t features;
	uint32_t ctr; /* cache type */
	uint32_t sctlr_reset, sctlr_writable;
	uint32_t fpsid, mvfr0, mvfr1;
	/* c0 c1 0-7 and c0 c2 0-5, v6 and later */
	uint32_t id_pfr[2], id_dfr0, id_afr0, id_mmfr[4], id_isar[6];
	uint32_t clidr, ccsidr[3];
	uint32_t tcmtr;
};

#endif
