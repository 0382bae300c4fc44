/* The ARM register file. NEON's Q registers are pairs of D registers, which are pairs of S
 * registers. */
#include "jit-llvm/jit.h"

#include "interp/arm/cpu.h"
#include "interp/softfloat/hostfp.h"

#define R4(n)	{offsetof(struct arm_regs, r) + 4 * (n), 4, (n) >= SLOT_TMP0}
#define WORD(m) {offsetof(struct arm_regs, m), 4, false}
#define LAZY(m) {offsetof(struct arm_regs, m), 4, false, true}
#define Q(n)	{offsetof(struct arm_regs, d) + 16 * (n), 16, false}

static const struct jit_slot slots[] = {
	R4(0),	 R4(1),	    R4(2),     R4(3),	  R4(4),     R4(5),	R4(6),	 R4(7),
	R4(8),	 R4(9),	    R4(10),    R4(11),	  R4(12),    R4(13),	R4(14),	 R4(15),
	R4(16),	 R4(17),    R4(18),    R4(19),	  R4(20),    LAZY(n),	LAZY(z), LAZY(c),
	LAZY(v), LAZY(fpn), LAZY(fpz), LAZY(fpc), LAZY(fpv), WORD(shc), WORD(q), WORD(ge),
	Q(0),	 Q(1),	    Q(2),      Q(3),	  Q(4),	     Q(5),	Q(6),	 Q(7),
	Q(8),	 Q(9),	    Q(10),     Q(11),	  Q(12),     Q(13),	Q(14),	 Q(15),
};

enum { PLAIN_FP = 1, INEXACT_RECORDED = 2 };

/* What VFP's flags can be of the host's, which notes denormal operands, too. */
#define HOST_FLAGS (FP_FLAGS & ~(uint32_t)FP_DENORMAL)

/*
 * While a region runs that counts on PLAIN_FP, VFP rounds to nearest and flushes nothing, as the
 * host does, and the sticky flags of the host are the guest's once it leaves. The host may have no
 * flags that the guest does not have yet. NEON, which flushes to zero whatever FPSCR says, uses the
 * host where that makes no difference, but may have it note an inexact result that is flushed then.
 */
static unsigned int fp_plain(struct vcpu *v)
{
	const struct arm_cpu *c = arm_cpu(&v->cpu);
	const struct fp_status *st = &c->fp;

	if (!HOST_HAS_SSE || st->round != FP_RND_NEAREST || st->ftz || st->daz || st->traps)
		return 0;
	return PLAIN_FP | ((st->flags | c->fp_std.flags) & FP_INEXACT ? INEXACT_RECORDED : 0);
}

static bool fp_enter(struct vcpu *v, unsigned int which)
{
	if (fp_host_csr() & ~(uint32_t)arm_cpu(&v->cpu)->fp.flags & HOST_FLAGS)
		fp_host_clear();
	return !(which & ~fp_plain(v));
}

static void fp_leave(struct vcpu *v, unsigned int which)
{
	(void)which;
	arm_cpu(&v->cpu)->fp.flags |= (uint8_t)(fp_host_csr() & HOST_FLAGS);
}

const struct jit_isa jit_isa_arm = {
	.name = "arm",
	.regs_offset = offsetof(struct arm_cpu, r),
	.regs_size = sizeof(struct arm_regs),
	.slots = slots,
	.slot_count = G_N_ELEMENTS(slots),
	.jumps_change_mode = true,
	.vectors_split = true,
	.no_page = UINT64_C(1) << 32,
	.zero_offset = REG_ZERO,
	.fp_questions = {"jit_assumes_plain_fp", "jit_assumes_inexact"},
	.fp_plain = fp_plain,
	.fp_enter = fp_enter,
	.fp_leave = fp_leave,
};
