/*
 * -accel check: each run of a region is done twice, by its code and by the interpreter, from the
 * same state; registers, flags and stores must agree.
 */
#ifndef INTERP_CHECK_H
#define INTERP_CHECK_H

#include "interp/tier.h"

/* True: the caller runs the region (there is nothing to compare it with now). False: both were run,
 * v->pc is where the guest is and v->budget what is left. Ends the program where they differ. */
bool check_region(struct vcpu *v, struct code_region *r, int64_t budget);
/* From regions built for check: `size` bytes at `host` are about to be written. */
void check_store(struct vcpu *v, void *host, uint64_t size);

/* From the slow path of stores while v->checking, before they are made. */
void check_interpreted_store(struct vcpu *v, void *host, uint64_t size, uint64_t value);
void check_free(struct check *c);

#endif
