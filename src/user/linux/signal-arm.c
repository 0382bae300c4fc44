/*
 * Signal frames of ARM (EABI). Source: the kernel's arch/arm/kernel/signal.h and
 * arch/arm/include/uapi/asm/{sigcontext,ucontext}.h.
 */
#include "user/linux/arm.h"

#include "base/bytes.h"

#include <string.h>

#define SA_RESTORER_FLAG 0x04000000
#define VFP_MAGIC	 0x56465001
#define VFP_SIZE	 288
#define OLD_FRAME	 0x5ac3c35a /* uc_flags of frames without siginfo */

/* struct ucontext: where its parts are. */
enum {
	UC_STACK = 8,
	UC_CONTEXT = 20,
	UC_MASK = UC_CONTEXT + 84,
	UC_REGSPACE = 232,
	UC_SIZE = UC_REGSPACE + 512,
	FRAME_SIZE = UC_SIZE + 16, /* four words of code that nobody runs any more */
	INFO_SIZE = 128,
};

#define CPSR_KEPT 0xf80f0000u /* NZCVQ and GE */

struct cursor {
	const struct abi *abi;
	uint8_t *bytes;
	unsigned int at;
};

static void put(struct cursor *m, uint32_t value)
{
	store_le32(m->bytes + m->at, (uint32_t)abi_number(m->abi, value, 4));
	m->at += 4;
}

static uint32_t take(struct cursor *m)
{
	m->at += 4;
	return (uint32_t)abi_number(m->abi, load_le32(m->bytes + m->at - 4), 4);
}

static void put64(struct cursor *m, uint64_t value)
{
	store_le64(m->bytes + m->at, abi_number(m->abi, value, 8));
	m->at += 8;
}

static uint64_t take64(struct cursor *m)
{
	m->at += 8;
	return abi_number(m->abi, load_le64(m->bytes + m->at - 8), 8);
}

static void put_vfp(struct cursor *m, const struct arm_cpu *c)
{
	if (!arm_has(c, F_VFP2))
		return;
	put(m, VFP_MAGIC);
	put(m, VFP_SIZE);
	for (unsigned int i = 0; i < 32; i++)
		put64(m, c->r.d[i]);
	put(m, arm_fpscr_get(c));
	put(m, 0);
	put(m, c->fpexc);
	put(m, c->fpinst[0]);
	put(m, c->fpinst[1]);
}

static void take_vfp(struct cursor *m, struct arm_cpu *c)
{
	if (!arm_has(c, F_VFP2) || take(m) != VFP_MAGIC || take(m) != VFP_SIZE)
		return;
	for (unsigned int i = 0; i < 32; i++)
		c->r.d[i] = take64(m);
	arm_fpscr_set(c, take(m));
}

static void put_context(struct cursor *m, const struct arm_cpu *c, const struct guest_signal *s)
{
	put(m, (uint32_t)s->trap);
	put(m, (uint32_t)s->error);
	put(m, (uint32_t)s->mask);
	for (unsigned int i = 0; i < 15; i++)
		put(m, c->r.r[i]);
	put(m, (uint32_t)c->v.pc);
	put(m, arm_cpsr_get(c));
	put(m, (uint32_t)s->address);
}

static void put_ucontext(struct cursor *m, struct thread *t, const struct guest_signal *s, bool rt)
{
	struct arm_cpu *c = arm_of(t);

	put(m, rt ? 0 : OLD_FRAME);
	put(m, 0);
	put(m, (uint32_t)t->altstack.sp);
	put(m, t->altstack.flags);
	put(m, (uint32_t)t->altstack.size);
	put_context(m, c, s);
	put(m, (uint32_t)s->mask);
	put(m, (uint32_t)(s->mask >> 32));
	m->at += UC_REGSPACE - UC_MASK - 8;
	put_vfp(m, c);
}

static uint32_t restorer(const struct guest_action *a, bool rt)
{
	if (a->flags & SA_RESTORER_FLAG)
		return (uint32_t)a->restorer;
	return ARM_SIGRETURN + (rt ? 16 : 0) + (a->handler & 1 ? 8 + 1 : 0);
}

bool arm_frame(struct thread *t, const struct guest_signal *s, const struct guest_action *a)
{
	struct arm_cpu *c = arm_of(t);
	bool rt = a->flags & SA_SIGINFO;
	uint8_t frame[INFO_SIZE + FRAME_SIZE] = {0};
	unsigned int info = rt ? INFO_SIZE : 0, size = info + FRAME_SIZE;
	struct cursor m = {t->abi, frame + info, 0};
	uint32_t sp = (uint32_t)signal_stack(t, a, c->r.r[SP]);

	sp = (sp - size) & ~7u;
	if (rt)
		siginfo_to_guest(t->abi, &s->info, frame);
	put_ucontext(&m, t, s, rt);
	if (!guest_write(t, sp, frame, size))
		return false;
	c->r.r[0] = (uint32_t)s->signo;
	if (rt) {
		c->r.r[1] = sp;
		c->r.r[2] = sp + info;
	}
	c->r.r[SP] = sp;
	c->r.r[LR] = restorer(a, rt);
	c->v.mode &= ~CONTEXT_MASK;
	arm_branch_exchange(c, (uint32_t)a->handler);
	return true;
}

static void take_context(struct cursor *m, struct arm_cpu *c)
{
	uint32_t regs[15];

	m->at += 12;
	for (unsigned int i = 0; i < 15; i++)
		regs[i] = take(m);
	uint32_t pc = take(m), cpsr = take(m);
	memcpy(c->r.r, regs, sizeof(regs));
	arm_cpsr_set(c, cpsr, CPSR_KEPT | PSR_T | PSR_IT | PSR_E);
	c->v.pc = pc & (cpsr & PSR_T ? ~1u : ~3u);
	m->at += 4;
}

bool arm_sigreturn(struct thread *t, bool rt, uint64_t *mask)
{
	struct arm_cpu *c = arm_of(t);
	uint8_t frame[INFO_SIZE + FRAME_SIZE];
	unsigned int info = rt ? INFO_SIZE : 0;
	struct cursor m = {t->abi, frame + info, UC_STACK};

	if (c->r.r[SP] & 7 || !guest_read(t, frame, c->r.r[SP], info + FRAME_SIZE))
		return false;
	uint32_t sp = take(&m), flags = take(&m), size = take(&m);
	take_context(&m, c);
	*mask = take(&m);
	*mask |= (uint64_t)take(&m) << 32;
	m.at = UC_REGSPACE;
	take_vfp(&m, c);
	arm_mode_changed(c);
	if (rt) {
		t->altstack.sp = sp;
		t->altstack.size = size;
		t->altstack.flags = flags & SS_DISABLE;
	}
	return true;
}
