/*
 * Signal frames of x86. Source: the kernel's arch/x86/include/uapi/asm/sigcontext.h and
 * asm/sigframe.h: what the handler finds on its stack, and what sigreturn() takes from there.
 */
#include "user/linux/x86.h"

#include <string.h>

#define FX_SIZE		 512
#define FSAVE_SIZE	 112 /* the 32-bit frame has it in front of the FXSAVE image */
#define RED_ZONE	 128
#define SA_RESTORER_FLAG 0x04000000

/* Flags of a handler's start; those that sigreturn() gives back. */
#define FLAGS_CLEAR   (FLAG_DF | FLAG_TF | FLAG_RF)
#define FLAGS_RESTORE (FLAGS_ARITH | FLAG_DF | FLAG_TF | FLAG_AC | FLAG_RF | FLAG_NT | FLAG_ID)

/* A structure being written or read, little endian, any alignment. */
struct cursor {
	uint8_t *bytes;
	unsigned int at;
};

static void put(struct cursor *m, unsigned int size, uint64_t value)
{
	store_le(m->bytes + m->at, size, value);
	m->at += size;
}

static uint64_t take(struct cursor *m, unsigned int size)
{
	m->at += size;
	return load_le(m->bytes + m->at - size, size);
}

/* --- floating point --- */

static void fx_save(const struct x86_cpu *c, uint8_t *out, unsigned int xmm_count)
{
	struct cursor m = {out, 0};

	memset(out, 0, FX_SIZE);
	put(&m, 2, c->r.fcw);
	put(&m, 2, x87_status_word(c));
	put(&m, 2, (uint8_t)~c->r.ftag);
	put(&m, 2, c->r.fop & 0x7ff);
	put(&m, 8, c->r.fip);
	put(&m, 8, c->r.fdp);
	put(&m, 4, c->r.mxcsr);
	put(&m, 4, MXCSR_VALID);
	for (unsigned int i = 0; i < 8; i++) {
		const struct f80 *st = &c->r.st[(c->r.ftop + i) & 7];
		put(&m, 8, st->frac);
		put(&m, 8, st->se);
	}
	for (unsigned int i = 0; i < xmm_count; i++) {
		put(&m, 8, c->r.xmm[i].q[0]);
		put(&m, 8, c->r.xmm[i].q[1]);
	}
}

static void fx_restore_x87(struct x86_cpu *c, uint8_t *in)
{
	struct cursor m = {in, 0};

	c->r.fcw = ((uint16_t)take(&m, 2) & 0x1f3f) | 0x40;
	uint16_t status = (uint16_t)take(&m, 2);
	c->r.ftag = (uint8_t)~take(&m, 2);
	c->r.fop = take(&m, 2) & 0x7ff;
	c->r.fip = take(&m, 8);
	c->r.fdp = take(&m, 8);
	x87_set_status_word(c, status);
	m.at = 32;
	for (unsigned int i = 0; i < 8; i++) {
		struct f80 *st = &c->r.st[(c->r.ftop + i) & 7];
		st->frac = take(&m, 8);
		st->se = (uint16_t)take(&m, 8);
	}
}

static void fx_restore_sse(struct x86_cpu *c, uint8_t *in, unsigned int xmm_count)
{
	struct cursor m = {in, 24};

	c->r.mxcsr = (uint32_t)take(&m, 4) & MXCSR_VALID;
	m.at = 160;
	for (unsigned int i = 0; i < xmm_count; i++) {
		c->r.xmm[i].q[0] = take(&m, 8);
		c->r.xmm[i].q[1] = take(&m, 8);
	}
}

static void fsave(const struct x86_cpu *c, uint8_t *out)
{
	struct cursor m = {out, 0};

	memset(out, 0, FSAVE_SIZE);
	put(&m, 4, 0xffff0000 | c->r.fcw);
	put(&m, 4, 0xffff0000 | x87_status_word(c));
	put(&m, 4, 0xffff0000 | x87_tag_word(c));
	put(&m, 4, (uint32_t)c->r.fip);
	put(&m, 4, c->r.fcs | (uint32_t)(c->r.fop & 0x7ff) << 16);
	put(&m, 4, (uint32_t)c->r.fdp);
	put(&m, 4, 0xffff0000 | c->r.fds);
	for (unsigned int i = 0; i < 8; i++) {
		const struct f80 *st = &c->r.st[(c->r.ftop + i) & 7];
		put(&m, 8, st->frac);
		put(&m, 2, st->se);
	}
	put(&m, 2, x87_status_word(c));
}

static void frestore(struct x86_cpu *c, uint8_t *in)
{
	struct cursor m = {in, 0};

	c->r.fcw = ((uint16_t)take(&m, 4) & 0x1f3f) | 0x40;
	uint16_t status = (uint16_t)take(&m, 4), tags = (uint16_t)take(&m, 4);
	c->r.fip = take(&m, 4);
	uint32_t cs_op = (uint32_t)take(&m, 4);
	c->r.fcs = (uint16_t)cs_op;
	c->r.fop = cs_op >> 16 & 0x7ff;
	c->r.fdp = take(&m, 4);
	c->r.fds = (uint16_t)take(&m, 4);
	x87_set_status_word(c, status);
	c->r.ftag = 0;
	for (unsigned int i = 0; i < 8; i++)
		if ((tags >> 2 * i & 3) == 3)
			c->r.ftag |= (uint8_t)(1u << i);
	for (unsigned int i = 0; i < 8; i++) {
		struct f80 *st = &c->r.st[(c->r.ftop + i) & 7];
		st->frac = take(&m, 8);
		st->se = (uint16_t)take(&m, 2);
	}
}

static void clear_fpu(struct x86_cpu *c)
{
	c->r.fcw = FCW_INIT;
	x87_set_status_word(c, 0);
	c->r.ftag = 0xff;
	c->r.mxcsr = MXCSR_INIT;
}

static void put_stack(struct cursor *m, const struct thread *t, unsigned int word)
{
	put(m, word, t->altstack.sp);
	put(m, word, t->altstack.flags); /* 64-bit: with its padding */
	put(m, word, t->altstack.size);
}

static void set_altstack(struct thread *t, uint64_t sp, uint32_t flags, uint64_t size)
{
	t->altstack.sp = sp;
	t->altstack.size = size;
	t->altstack.flags = flags & SS_DISABLE;
}

static void set_flags(struct x86_cpu *c, uint64_t flags)
{
	x86_flags_set(c, (uint32_t)flags, FLAGS_RESTORE);
}

/* --- 64-bit --- */

enum { UC64_SIZE = 304, FRAME64_SIZE = 8 + UC64_SIZE + 128 };

static const uint8_t order_64[] = {R8,	R9,  R10, R11, R12, R13, R14, R15,
				   RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP};

static void put_context_64(struct cursor *m, const struct x86_cpu *c, const struct guest_signal *s,
			   uint64_t fp)
{
	for (unsigned int i = 0; i < sizeof(order_64); i++)
		put(m, 8, c->r.r[order_64[i]]);
	put(m, 8, c->v.pc);
	put(m, 8, x86_flags_get(c));
	put(m, 2, c->seg[CS].selector);
	put(m, 2, c->seg[GS].selector);
	put(m, 2, c->seg[FS].selector);
	put(m, 2, c->seg[SS].selector);
	put(m, 8, s->error);
	put(m, 8, s->trap);
	put(m, 8, s->mask);
	put(m, 8, s->address);
	put(m, 8, fp);
	m->at += 64;
}

bool x86_frame_64(struct thread *t, const struct guest_signal *s, const struct guest_action *a)
{
	struct x86_cpu *c = x86_of(t);
	uint8_t frame[FRAME64_SIZE] = {0}, fx[FX_SIZE];
	struct cursor m = {frame, 0};
	uint64_t sp = c->r.r[RSP];

	sp = signal_stack(t, a, sp);
	if (sp == c->r.r[RSP])
		sp -= RED_ZONE;
	uint64_t fp = (sp - FX_SIZE) & ~UINT64_C(63);
	sp = ((fp - FRAME64_SIZE) & ~UINT64_C(15)) - 8;
	put(&m, 8, a->restorer);
	put(&m, 8, 6); /* uc_flags: SS is there and is restored */
	put(&m, 8, 0);
	put_stack(&m, t, 8);
	put_context_64(&m, c, s, fp);
	put(&m, 8, s->mask);
	siginfo_to_guest(t->abi, &s->info, frame + 8 + UC64_SIZE);
	fx_save(c, fx, 16);
	if (!guest_write(t, fp, fx, sizeof(fx)) || !guest_write(t, sp, frame, sizeof(frame)))
		return false;
	c->r.r[RDI] = (uint64_t)s->signo;
	c->r.r[RSI] = sp + 8 + UC64_SIZE;
	c->r.r[RDX] = sp + 8;
	c->r.r[RAX] = 0;
	c->r.r[RSP] = sp;
	c->v.pc = a->handler;
	x86_flags_set(c, 0, FLAGS_CLEAR);
	x86_user_set_code(c, USER64_CS, USER_DS);
	clear_fpu(c);
	return true;
}

bool x86_sigreturn_64(struct thread *t, bool rt, uint64_t *mask)
{
	struct x86_cpu *c = x86_of(t);
	uint8_t frame[FRAME64_SIZE], fx[FX_SIZE];
	struct cursor m = {frame, 24};

	if (!guest_read(t, frame, c->r.r[RSP] - 8, sizeof(frame)))
		return false;
	uint64_t sp = take(&m, 8), flags = take(&m, 8), size = take(&m, 8), regs[16];
	for (unsigned int i = 0; i < 16; i++)
		regs[i] = take(&m, 8);
	uint64_t pc = take(&m, 8), eflags = take(&m, 8);
	uint16_t cs = (uint16_t)take(&m, 2);
	m.at += 6 + 32;
	uint64_t fp = take(&m, 8);
	m.at += 64;
	*mask = take(&m, 8);
	if (cs != USER64_CS || (fp && !guest_read(t, fx, fp, sizeof(fx))))
		return false;
	for (unsigned int i = 0; i < 16; i++)
		c->r.r[order_64[i]] = regs[i];
	c->v.pc = pc;
	set_flags(c, eflags);
	if (fp) {
		fx_restore_x87(c, fx);
		fx_restore_sse(c, fx, 16);
	} else {
		clear_fpu(c);
	}
	set_altstack(t, sp, (uint32_t)flags, size);
	return true;
}

/* --- 32-bit --- */

enum {
	SC32_SIZE = 88,
	OLD32_SIZE = 8 + SC32_SIZE + 624 + 4 + 8,
	RT32_INFO = 16,
	RT32_UC = RT32_INFO + 128,
	RT32_SIZE = RT32_UC + 116 + 8,
};

static void put_context_32(struct cursor *m, const struct x86_cpu *c, const struct guest_signal *s,
			   uint64_t fp)
{
	static const uint8_t segs[] = {GS, FS, ES, DS};
	static const uint8_t regs[] = {RDI, RSI, RBP, RSP, RBX, RDX, RCX, RAX};

	for (unsigned int i = 0; i < 4; i++)
		put(m, 4, c->seg[segs[i]].selector);
	for (unsigned int i = 0; i < 8; i++)
		put(m, 4, (uint32_t)c->r.r[regs[i]]);
	put(m, 4, s->trap);
	put(m, 4, s->error);
	put(m, 4, (uint32_t)c->v.pc);
	put(m, 4, c->seg[CS].selector);
	put(m, 4, x86_flags_get(c));
	put(m, 4, (uint32_t)c->r.r[RSP]);
	put(m, 4, c->seg[SS].selector);
	put(m, 4, fp);
	put(m, 4, (uint32_t)s->mask);
	put(m, 4, (uint32_t)s->address);
}

static bool take_context_32(struct thread *t, struct cursor *m, uint32_t *oldmask)
{
	static const uint8_t segs[] = {GS, FS, ES, DS};
	static const uint8_t order[] = {RDI, RSI, RBP, RSP, RBX, RDX, RCX, RAX};
	struct x86_cpu *c = x86_of(t);
	uint8_t fx[FSAVE_SIZE + FX_SIZE];
	uint16_t selectors[4];
	uint32_t regs[8];

	for (unsigned int i = 0; i < 4; i++)
		selectors[i] = (uint16_t)take(m, 4);
	for (unsigned int i = 0; i < 8; i++)
		regs[i] = (uint32_t)take(m, 4);
	m->at += 8;
	uint32_t pc = (uint32_t)take(m, 4);
	m->at += 4;
	uint32_t flags = (uint32_t)take(m, 4);
	m->at += 8;
	uint32_t fp = (uint32_t)take(m, 4);
	*oldmask = (uint32_t)take(m, 4);
	m->at += 4;
	if (fp && !guest_read(t, fx, fp, sizeof(fx)))
		return false;
	for (unsigned int i = 0; i < 4; i++)
		if (c->seg[segs[i]].selector != selectors[i] &&
		    !x86_user_load_seg(c, (enum x86_seg_name)segs[i], selectors[i]))
			return false;
	for (unsigned int i = 0; i < 8; i++)
		c->r.r[order[i]] = regs[i];
	c->v.pc = pc;
	set_flags(c, flags);
	if (fp) {
		frestore(c, fx);
		fx_restore_sse(c, fx + FSAVE_SIZE, 8);
	} else {
		clear_fpu(c);
	}
	x86_mode_changed(c);
	return true;
}

/* Floating point and frame below the interrupted stack; addresses of both. */
static uint32_t place_32(struct thread *t, const struct guest_action *a, uint32_t size,
			 uint32_t *fp)
{
	uint32_t sp = (uint32_t)signal_stack(t, a, (uint32_t)x86_of(t)->r.r[RSP]);

	*fp = ((sp - FX_SIZE) & ~63u) - FSAVE_SIZE;
	return ((*fp - size + 4) & ~15u) - 4;
}

static void enter_32(struct thread *t, const struct guest_signal *s, const struct guest_action *a,
		     uint32_t sp, uint32_t info, uint32_t uc)
{
	struct x86_cpu *c = x86_of(t);

	c->r.r[RAX] = (uint64_t)s->signo;
	c->r.r[RDX] = info;
	c->r.r[RCX] = uc;
	c->r.r[RSP] = sp;
	c->v.pc = (uint32_t)a->handler;
	x86_flags_set(c, 0, FLAGS_CLEAR);
	x86_user_load_seg(c, DS, USER_DS);
	x86_user_load_seg(c, ES, USER_DS);
	x86_user_set_code(c, USER32_CS, USER_DS);
	clear_fpu(c);
}

static uint64_t restorer_32(const struct thread *t, const struct guest_action *a, bool rt)
{
	if (a->flags & SA_RESTORER_FLAG)
		return a->restorer;
	return t->process->trampolines + (rt ? 8 : 0);
}

bool x86_frame_32(struct thread *t, const struct guest_signal *s, const struct guest_action *a)
{
	struct x86_cpu *c = x86_of(t);
	bool rt = a->flags & SA_SIGINFO;
	uint8_t frame[OLD32_SIZE] = {0}, fx[FSAVE_SIZE + FX_SIZE];
	uint32_t size = rt ? RT32_SIZE : OLD32_SIZE, fp;
	uint32_t sp = place_32(t, a, size, &fp);
	struct cursor m = {frame, 0};

	put(&m, 4, restorer_32(t, a, rt));
	put(&m, 4, (uint32_t)s->signo);
	if (rt) {
		put(&m, 4, sp + RT32_INFO);
		put(&m, 4, sp + RT32_UC);
		siginfo_to_guest(t->abi, &s->info, frame + RT32_INFO);
		m.at = RT32_UC + 8; /* no flags, no link */
		put_stack(&m, t, 4);
		put_context_32(&m, c, s, fp);
		put(&m, 8, s->mask);
	} else {
		put_context_32(&m, c, s, fp);
		m.at += 624;
		put(&m, 4, s->mask >> 32);
	}
	fsave(c, fx);
	fx_save(c, fx + FSAVE_SIZE, 8);
	if (!guest_write(t, fp, fx, sizeof(fx)) || !guest_write(t, sp, frame, size))
		return false;
	enter_32(t, s, a, sp, rt ? sp + RT32_INFO : 0, rt ? sp + RT32_UC : 0);
	return true;
}

bool x86_sigreturn_32(struct thread *t, bool rt, uint64_t *mask)
{
	uint32_t sp = (uint32_t)x86_of(t)->r.r[RSP], low;
	uint8_t frame[OLD32_SIZE];
	struct cursor m = {frame, rt ? RT32_UC + 8 : 8};

	if (!guest_read(t, frame, sp - (rt ? 4 : 8), rt ? RT32_SIZE : OLD32_SIZE))
		return false;
	if (rt) {
		uint64_t stack = take(&m, 4), flags = take(&m, 4), size = take(&m, 4);
		if (!take_context_32(t, &m, &low))
			return false;
		*mask = take(&m, 8);
		set_altstack(t, stack, (uint32_t)flags, size);
		return true;
	}
	if (!take_context_32(t, &m, &low))
		return false;
	m.at += 624;
	*mask = low | take(&m, 4) << 32;
	return true;
}
