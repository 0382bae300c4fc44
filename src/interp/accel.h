/* -accel: what runs guest code. */
#ifndef INTERP_ACCEL_H
#define INTERP_ACCEL_H

#include "base/error.h"

#include <stdio.h>

enum accel { ACCEL_INTERP, ACCEL_JIT, ACCEL_CHECK };

struct tier_options {
	enum accel accel;
	unsigned int threshold; /* entries of a block before it is compiled */
	unsigned int workers;
	bool sync; /* the vCPU compiles */
	bool perf_map;
	unsigned int code_mib; /* cap of the code's size */
};
/* Set once before vCPUs start. */
extern struct tier_options tier_options;

/* Takes the text of -accel: "jit,threshold=100", or wishes as in "kvm:tcg". NULL: the default. */
struct error *tier_configure(const char *text) NODISCARD;
/* -accel ? */
void tier_help(FILE *out);
/* Before the program ends, vCPUs stopped: nobody compiles any more. */
void tier_stop(void);
/* The regions that ran most, one a line, for -stats. */
void tier_report(FILE *out);
/* Where the module is; NULL: nowhere. The caller frees it. */
char *tier_module_path(void);

#endif
