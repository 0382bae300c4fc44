/*
 * User mode's way to memory: guest address A is host address vcpu.direct + A, and no TLB is asked.
 *
 * Bodies that reach memory (OP_MEM) are built twice from the same source: for the TLB, and with
 * RATITE_DIRECT as `<isa>_op_direct_<name>`. When a block is made while vcpu.direct is set, each op
 * gets the second form of its handler (op_direct()). On x86-64 hosts vcpu.direct is the base of the
 * GS segment, so an access is one instruction and takes no register.
 *
 * The host's pages have the guest's protections, so an access may fault. Bodies make all accesses
 * before they change a register, so whoever handles the fault only needs to know the op: PINNED()
 * keeps v, op and budget in the registers that handlers get them in (clang on x86-64, at no cost),
 * or notes them. DIRECT_FAULT_* say where they are.
 */
#ifndef INTERP_DIRECT_H
#define INTERP_DIRECT_H

#include "interp/vcpu.h"

#ifdef __x86_64__
#define GUEST_SPACE __seg_gs
#define GUEST_BASE  0
#else
#define GUEST_SPACE
#define GUEST_BASE (uintptr_t)v->direct
#endif

#ifdef RATITE_BITCODE
#define GUEST(type, va) (*(type GUEST_SPACE *)(GUEST_BASE + (uintptr_t)(va)))
#define PINNED(...)	__VA_ARGS__
#elif defined(__x86_64__) && __has_attribute(preserve_none)
#define DIRECT_FAULT_REGISTERS /* r12, r13, r14: v, op, budget */
#define GUEST(type, va)	       (*(volatile type GUEST_SPACE *)(GUEST_BASE + (uintptr_t)(va)))
#define PIN                                                               \
	do {                                                              \
		register struct vcpu *r12_ __asm__("r12") = v;            \
		register const struct op *r13_ __asm__("r13") = op;       \
		register int64_t r14_ __asm__("r14") = budget;            \
		__asm__ volatile("" : : "r"(r12_), "r"(r13_), "r"(r14_)); \
	} while (0)
#define PINNED(...)          \
	do {                 \
		PIN;         \
		__VA_ARGS__; \
		PIN;         \
	} while (0)
#else
#define GUEST(type, va) (*(volatile type GUEST_SPACE *)(GUEST_BASE + (uintptr_t)(va)))
#define PINNED(...)                                        \
	do {                                               \
		*(const struct op *volatile *)&v->op = op; \
		*(volatile int64_t *)&v->budget = budget;  \
		__VA_ARGS__;                               \
	} while (0)
#endif

/* The same where a pointer is needed (atomics). */
#define GUEST_HOST(type, va) ((type *)((uintptr_t)v->direct + (uintptr_t)(va)))

/* A handler and its form for user mode; the build collects them in a section. */
struct op_twin {
	handler_fn *tlb, *direct;
};

/* The form for user mode of a handler, or itself. */
handler_fn *op_direct(handler_fn *fn);
/* Whether the host's pc is in a handler: registers are as DIRECT_FAULT_REGISTERS says. */
bool pc_in_handlers(uintptr_t pc);

#endif
