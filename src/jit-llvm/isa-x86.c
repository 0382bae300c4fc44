/* The x86 register file: what lives in SSA values. x87 state is indexed at run time and stays. */
#include "jit-llvm/jit.h"

#include "interp/x86/cpu.h"
#include "interp/x86/simd_fp.h"

#define R8(n)	    {offsetof(struct x86_regs, r) + 8 * (n), 8, (n) >= SLOT_TMP0}
#define XMM_SLOT(n) {offsetof(struct x86_regs, xmm) + 16 * (n), 16, (n) >= 16}
#define WORD(m)	    {offsetof(struct x86_regs, m), sizeof(((struct x86_regs *)0)->m), false}
#define LAZY(m)	    {offsetof(struct x86_regs, m), sizeof(((struct x86_regs *)0)->m), false, true}

/* SLOT_ZERO (16) is never written: it is a register like the others and loads as 0. */
static const struct jit_slot slots[] = {
	R8(0),	      R8(1),	    R8(2),	  R8(3),	R8(4),		R8(5),
	R8(6),	      R8(7),	    R8(8),	  R8(9),	R8(10),		R8(11),
	R8(12),	      R8(13),	    R8(14),	  R8(15),	R8(16),		R8(17),
	R8(18),	      LAZY(cc_dst), LAZY(cc_src), LAZY(cc_op),	LAZY(cc_carry), WORD(df),
	LAZY(fsw),    LAZY(ftop),   LAZY(ftag),	  LAZY(fip),	LAZY(fdp),	LAZY(fcs),
	LAZY(fds),    LAZY(fop),    XMM_SLOT(0),  XMM_SLOT(1),	XMM_SLOT(2),	XMM_SLOT(3),
	XMM_SLOT(4),  XMM_SLOT(5),  XMM_SLOT(6),  XMM_SLOT(7),	XMM_SLOT(8),	XMM_SLOT(9),
	XMM_SLOT(10), XMM_SLOT(11), XMM_SLOT(12), XMM_SLOT(13), XMM_SLOT(14),	XMM_SLOT(15),
	XMM_SLOT(16), XMM_SLOT(17),
};

enum { PLAIN_SSE = 1, PLAIN_X87 = 2, QUESTIONS = 3 };

/* With PLAIN_X87: TOP and the tags, which code as a rule has the same at a place each time. */
#define KNOWN_STACK  4
#define STACK_TOP(w) ((w) >> 8 & 7)
#define STACK_TAG(w) ((w) >> 16 & 0xff)
#define STACK(r)     (KNOWN_STACK | (r)->ftop << 8 | (r)->ftag << 16)

/* Of the control word: all masked, 64 bits, to nearest. */
#define FCW_SETTINGS 0x0f3f
#define FCW_PLAIN    0x033f

/*
 * While a region runs that counts on PLAIN_SSE, the host's MXCSR is as the guest's: to nearest, all
 * masked, and the sticky flags of the host are the guest's once it leaves. The host may have no
 * flags that the guest does not have yet.
 */
static unsigned int fp_plain(struct vcpu *v)
{
	const struct x86_regs *r = &x86_cpu(&v->cpu)->r;
	bool sse = HOST_HAS_SSE && (r->mxcsr & ~(u32)MXCSR_FLAGS) == MXCSR_MASKS;
	bool x87 = HOST_HAS_X87 && (r->fcw & FCW_SETTINGS) == FCW_PLAIN;

	return (sse ? PLAIN_SSE : 0) | (x87 ? PLAIN_X87 | STACK(r) : 0);
}

static bool fp_enter(struct vcpu *v, unsigned int which)
{
	unsigned int now = fp_plain(v);

	if ((which & PLAIN_SSE) && (fp_host_csr() & ~x86_cpu(&v->cpu)->r.mxcsr & MXCSR_FLAGS))
		fp_host_clear();
	return !(which & ~now & QUESTIONS) &&
	       (!(which & KNOWN_STACK) || (which ^ now) <= QUESTIONS);
}

static void fp_leave(struct vcpu *v, unsigned int which)
{
	u32 *guest = &x86_cpu(&v->cpu)->r.mxcsr;

	if ((which & PLAIN_SSE) && (fp_host_csr() & ~*guest & MXCSR_FLAGS))
		*guest |= fp_host_csr() & MXCSR_FLAGS;
}

static bool fp_known(unsigned int which, unsigned int offset, uint64_t *value)
{
	bool top = offset == offsetof(struct x86_regs, ftop);

	*value = top ? STACK_TOP(which) : STACK_TAG(which);
	return which & KNOWN_STACK && (top || offset == offsetof(struct x86_regs, ftag));
}

const struct jit_isa jit_isa_x86 = {
	.name = "x86",
	.regs_offset = offsetof(struct x86_cpu, r),
	.regs_size = sizeof(struct x86_regs),
	.slots = slots,
	.slot_count = G_N_ELEMENTS(slots),
	.zero_offset = REG_ZERO,
	.fp_questions = {"jit_assumes_plain_fp", "jit_assumes_plain_x87"},
	.fp_plain = fp_plain,
	.fp_valued = PLAIN_X87,
	.fp_known = fp_known,
	.fp_enter = fp_enter,
	.fp_leave = fp_leave,
};
