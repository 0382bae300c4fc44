/*
 * Op records and the way handlers are written (docs/design.md, "Execution core").
 *
 * A decoder turns guest instructions into op records; each names its handler. A handler does its
 * work and tail-calls the next record's handler, so that a run of guest code is a chain of jumps:
 *
 *	OP(mov_rr32)
 *	{
 *		REGS_W32(op->a, REGS_R32(op->b));
 *		NEXT;
 *	}
 *
 * The same source builds three ways: as interpreter handlers (clang: preserve_none + musttail; gcc:
 * ordinary sibling calls, which tests/interp proves to be jumps), and with RATITE_BITCODE as
 * functions `body_<name>` that return how the op left, for the LLVM tier to inline. Hence the
 * rules: a body reaches guest registers through `r` and everything else through `c`, makes all its
 * memory accesses before it changes a register, and keeps slow paths in noinline functions.
 */
#ifndef INTERP_OP_H
#define INTERP_OP_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;
struct op;

#ifndef __has_attribute
#define __has_attribute(x) 0
#endif

#if __has_attribute(preserve_none) && __has_attribute(musttail)
#define HANDLER	 __attribute__((preserve_none))
#define MUSTTAIL __attribute__((musttail))
#else
#define HANDLER
#define MUSTTAIL
#endif
/* On definitions: handlers are not instrumented by sanitizers, which would make frames of them, and
 * guests race on their own memory. Slow paths and helpers, where lengths come from guests, are. */
#define UNSANITIZED __attribute__((no_sanitize("address", "undefined", "thread")))

#define NOINLINE      __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NORETURN      __attribute__((noreturn))
#define LIKELY(x)     __builtin_expect(!!(x), 1)
#define UNLIKELY(x)   __builtin_expect(!!(x), 0)

typedef HANDLER void handler_fn(struct vcpu *v, const struct op *op, int64_t budget);

/*
 * One guest instruction, part of one, or a fused pair: 32 bytes. What the fields mean is up to the
 * handler; the ISA's ops.h gives them names.
 */
struct op {
	handler_fn *fn;
	uint64_t imm;
	union {
		const struct op *link; /* branches: first op of the chained block, NULL: not yet */
		uint64_t imm2;
	};
	int32_t disp;
	uint8_t a, b, x, s;
};
_Static_assert(sizeof(struct op) == 32, "two op records fill a cache line");

/* How a body left, in the bitcode build. */
enum body_exit {
	BODY_NEXT,	/* go on with the following op */
	BODY_BRANCH,	/* the op's branch is taken */
	BODY_SKIP,	/* go on behind the following op->x ops */
	BODY_DONE,	/* an indirect branch: the pc is in the processor's state */
	BODY_INTERPRET, /* nothing has changed: the interpreter must run this same op */
};

#endif
