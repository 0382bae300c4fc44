/*
 * Where decode.c finds x87, MMX, SSE and 3DNow! instructions.
 */
#include "interp/x86/fpu.h"

x86_emit_fn *x86_fpu_lookup(const struct x86_insn *i, unsigned int *encoding)
{
	x86_emit_fn *fn = x86_x87_lookup(i, encoding);

	return fn ? fn : x86_simd_lookup(i, encoding);
}
