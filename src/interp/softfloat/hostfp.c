/*
 * The slow halves of the fast paths.
 */
#include "interp/softfloat/hostfp.h"

#if HOST_HAS_SSE
void fp_host_clear(void)
{
	uint32_t csr;

	__asm__ volatile("stmxcsr %0" : "=m"(csr));
	if (!(csr & FP_FLAGS))
		return;
	csr &= ~(uint32_t)FP_FLAGS;
	__asm__ volatile("ldmxcsr %0" : : "m"(csr));
}
#else
void fp_host_clear(void)
{
}
#endif

#define SLOW(F, op)                                          \
	F h##F##_##op##_slow(F a, F b, struct fp_status *st) \
	{                                                    \
		fp_host_clear();                             \
		return F##_##op(a, b, st);                   \
	}

SLOW(f32, add)
SLOW(f32, sub)
SLOW(f32, mul)
SLOW(f32, div)
SLOW(f64, add)
SLOW(f64, sub)
SLOW(f64, mul)
SLOW(f64, div)
