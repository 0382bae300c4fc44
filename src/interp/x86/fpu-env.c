/*
 * The x87 environment and state in memory: FSTENV, FLDENV, FSAVE, FRSTOR, FXSAVE, FXRSTOR.
 *
 * Layouts: Intel SDM volume 1, figures 8-9 to 8-12 (FSTENV), volume 2, FXSAVE (tables 3-43 and on).
 * The operand size and whether protected mode is on select one of four for FSTENV; s bits of the op
 * record are the address's, so `a` has the operand size (log2 of bytes) and `b` is spoken for.
 */
#include "interp/x86/fpu.h"
#include "interp/x86/ops_x87.h"

/* An area in memory, written or read in steps. */
struct area {
	struct x86_cpu *c;
	u64 va;
};

static void put(struct area *a, unsigned int offset, unsigned int size, u64 value)
{
	x86_store(a->c, a->va + offset, size, value);
}

static u64 take(const struct area *a, unsigned int offset, unsigned int size)
{
	return x86_load(a->c, a->va + offset, size);
}

/* Registers lie on even addresses in FSAVE's area: no larger alignment is asked of them. */
static void put_register(struct area *a, unsigned int offset, struct f80 v)
{
	for (unsigned int i = 0; i < 4; i++)
		put(a, offset + 2 * i, 2, v.frac >> 16 * i & 0xffff);
	put(a, offset + 8, 2, v.se);
}

static struct f80 take_register(const struct area *a, unsigned int offset)
{
	struct f80 v = {0, (u16)take(a, offset + 8, 2)};

	for (unsigned int i = 0; i < 4; i++)
		v.frac |= take(a, offset + 2 * i, 2) << 16 * i;
	return v;
}

static bool is_protected(const struct x86_cpu *c)
{
	return (c->v.mode & (MODE_PE | MODE_VM)) == MODE_PE;
}

/* Seven words of `size` bytes; real-mode layouts have linear addresses in pieces. */
static void store_env(struct x86_cpu *c, struct area *a, unsigned int size)
{
	u32 ip = (u32)c->r.fip, dp = (u32)c->r.fdp;
	u32 upper = size == 4 ? 0xffff0000 : 0;

	put(a, 0, size, upper | c->r.fcw);
	put(a, size, size, upper | x87_status_word(c));
	put(a, 2 * size, size, upper | x87_tag_word(c));
	if (is_protected(c)) {
		put(a, 3 * size, size, ip);
		put(a, 4 * size, size, c->r.fcs | (size == 4 ? (u32)(c->r.fop & 0x7ff) << 16 : 0));
		put(a, 5 * size, size, dp);
		put(a, 6 * size, size, upper | c->r.fds);
		return;
	}
	ip += (u32)c->r.fcs << 4;
	dp += (u32)c->r.fds << 4;
	put(a, 3 * size, size, upper | (ip & 0xffff));
	put(a, 5 * size, size, upper | (dp & 0xffff));
	if (size == 4) {
		put(a, 16, 4, (ip >> 16) << 12 | (c->r.fop & 0x7ff));
		put(a, 24, 4, (dp >> 16) << 12);
	} else {
		put(a, 8, 2, (ip >> 16 & 15) << 12 | (c->r.fop & 0x7ff));
		put(a, 12, 2, (dp >> 16 & 15) << 12);
	}
}

static void load_pointers_real(struct x86_cpu *c, const struct area *a, unsigned int size)
{
	u32 high_ip = (u32)take(a, 4 * size, size), high_dp = (u32)take(a, 6 * size, size);

	c->r.fip = take(a, 3 * size, 2) | (u64)(high_ip >> 12 & 0xffff) << 16;
	c->r.fdp = take(a, 5 * size, 2) | (u64)(high_dp >> 12 & 0xffff) << 16;
	c->r.fop = high_ip & 0x7ff;
	c->r.fcs = c->r.fds = 0;
}

static void load_env(struct x86_cpu *c, const struct area *a, unsigned int size)
{
	u16 cw = (u16)take(a, 0, 2), sw = (u16)take(a, size, 2), tags = (u16)take(a, 2 * size, 2);

	if (is_protected(c)) {
		u64 ip = take(a, 3 * size, size), dp = take(a, 5 * size, size);
		u32 cs = (u32)take(a, 4 * size, size);
		c->r.fds = (u16)take(a, 6 * size, size);
		c->r.fip = ip;
		c->r.fdp = dp;
		c->r.fcs = (u16)cs;
		c->r.fop = size == 4 ? cs >> 16 & 0x7ff : 0;
	} else {
		load_pointers_real(c, a, size);
	}
	c->r.fcw = (cw & 0x1f3f) | 0x40;
	c->r.ftag = 0;
	for (unsigned int i = 0; i < 8; i++)
		c->r.ftag |= (u8)((tags >> 2 * i & 3) == 3) << i;
	x87_set_status_word(c, sw);
}

static unsigned int env_word(const struct op *op)
{
	return op->a == 1 ? 2 : 4;
}

static struct area memory(struct x86_cpu *c, const struct op *op, unsigned int size, bool write)
{
	struct area a = {c, x86_op_ea(c, op, size, write)};

	/* Nothing may have been written where a later part faults. */
	if (write) {
		vcpu_probe_write(&c->v, a.va, op->a == 1 ? 2 : 4, c->v.mmu_mode);
		vcpu_probe_write(&c->v, a.va, size, c->v.mmu_mode);
	} else {
		take(&a, 0, op->a == 1 ? 2 : 4);
	}
	return a;
}

/* Masks all exceptions afterwards. */
void x87_fnstenv(struct x86_cpu *c, const struct op *op)
{
	unsigned int word = env_word(op);
	struct area a = memory(c, op, 7 * word, true);

	store_env(c, &a, word);
	c->r.fcw |= FP_FLAGS;
	x87_update_summary(c);
}

void x87_fldenv(struct x86_cpu *c, const struct op *op)
{
	unsigned int word = env_word(op);
	struct area a = memory(c, op, 7 * word, false);

	load_env(c, &a, word);
}

void x87_fnsave(struct x86_cpu *c, const struct op *op)
{
	unsigned int word = env_word(op), offset = 7 * word;
	struct area a = memory(c, op, offset + 80, true);

	store_env(c, &a, word);
	for (unsigned int i = 0; i < 8; i++)
		put_register(&a, offset + 10 * i, x87_get(c, i));
	x87_init(c);
}

void x87_frstor(struct x86_cpu *c, const struct op *op)
{
	unsigned int word = env_word(op), offset = 7 * word;
	struct area a = memory(c, op, offset + 80, false);
	struct f80 st[8];

	for (unsigned int i = 0; i < 8; i++)
		st[i] = take_register(&a, offset + 10 * i);
	load_env(c, &a, word);
	for (unsigned int i = 0; i < 8; i++)
		c->r.st[(c->r.ftop + i) & 7] = st[i];
}

/* --- FXSAVE --- */

enum {
	FX_FCW = 0,
	FX_FSW = 2,
	FX_FTW = 4,
	FX_FOP = 6,
	FX_FIP = 8,
	FX_FCS = 12,
	FX_FDP = 16,
	FX_FDS = 20,
	FX_MXCSR = 24,
	FX_MXCSR_MASK = 28,
	FX_ST = 32,
	FX_XMM = 160,
	FX_SIZE = 512
};

static unsigned int xmm_count(const struct x86_cpu *c)
{
	return c->v.mode & MODE_64 ? 16 : 8;
}

/* AMD's FFXSR: FXSAVE and FXRSTOR leave the XMM registers out at CPL 0 in 64-bit mode. */
static bool without_xmm(const struct x86_cpu *c)
{
	return c->efer & EFER_FFXSR && c->v.mode & MODE_64 && x86_cpl(c) == 0;
}

static struct area fx_area(struct x86_cpu *c, const struct op *op, bool write)
{
	u64 va = x86_op_ea(c, op, FX_SIZE, write);

	if (va & 15)
		x86_raise_error(c, EXC_GP, 0);
	if (write)
		vcpu_probe_write(&c->v, va, FX_XMM + 16 * xmm_count(c), c->v.mmu_mode);
	return (struct area){c, va};
}

/* `a` is the operand size: 3 (REX.W) has 64-bit pointers without selectors. */
void x86_fxsave(struct x86_cpu *c, const struct op *op)
{
	struct area a = fx_area(c, op, true);

	put(&a, FX_FCW, 2, c->r.fcw);
	put(&a, FX_FSW, 2, x87_status_word(c));
	put(&a, FX_FTW, 2, (u8)~c->r.ftag);
	put(&a, FX_FOP, 2, c->r.fop & 0x7ff);
	if (op->a == 3) {
		put(&a, FX_FIP, 8, c->r.fip);
		put(&a, FX_FDP, 8, c->r.fdp);
	} else {
		put(&a, FX_FIP, 4, (u32)c->r.fip);
		put(&a, FX_FCS, 4, c->r.fcs);
		put(&a, FX_FDP, 4, (u32)c->r.fdp);
		put(&a, FX_FDS, 4, c->r.fds);
	}
	for (unsigned int i = 0; i < 8; i++) {
		struct f80 v = x87_get(c, i);
		put(&a, FX_ST + 16 * i, 8, v.frac);
		put(&a, FX_ST + 16 * i + 8, 8, v.se);
	}
	if (!x86_has(c, FEAT_1_EDX, CPUID_1_EDX_SSE))
		return;
	put(&a, FX_MXCSR, 4, c->r.mxcsr);
	put(&a, FX_MXCSR_MASK, 4, MXCSR_VALID);
	if (!(c->cr4 & CR4_OSFXSR) || without_xmm(c))
		return;
	for (unsigned int i = 0; i < xmm_count(c); i++) {
		put(&a, FX_XMM + 16 * i, 8, c->r.xmm[i].q[0]);
		put(&a, FX_XMM + 16 * i + 8, 8, c->r.xmm[i].q[1]);
	}
}

static void fxrstor_xmm(struct x86_cpu *c, const struct area *a)
{
	union x86_xmm xmm[16];

	for (unsigned int i = 0; i < xmm_count(c); i++) {
		xmm[i].q[0] = take(a, FX_XMM + 16 * i, 8);
		xmm[i].q[1] = take(a, FX_XMM + 16 * i + 8, 8);
	}
	memcpy(c->r.xmm, xmm, xmm_count(c) * sizeof(xmm[0]));
}

void x86_fxrstor(struct x86_cpu *c, const struct op *op)
{
	struct area a = fx_area(c, op, false);
	bool sse = x86_has(c, FEAT_1_EDX, CPUID_1_EDX_SSE);
	u32 mxcsr = sse ? (u32)take(&a, FX_MXCSR, 4) : 0;
	u16 tags;

	/* The whole area must be readable before anything changes. */
	take(&a, FX_SIZE - 8, 8);
	if (mxcsr & ~(u32)MXCSR_VALID)
		x86_raise_error(c, EXC_GP, 0);
	tags = (u16)take(&a, FX_FTW, 2);
	c->r.ftag = (u8)~tags;
	c->r.fcw = ((u16)take(&a, FX_FCW, 2) & 0x1f3f) | 0x40;
	c->r.fop = take(&a, FX_FOP, 2) & 0x7ff;
	if (op->a == 3) {
		c->r.fip = take(&a, FX_FIP, 8);
		c->r.fdp = take(&a, FX_FDP, 8);
	} else {
		c->r.fip = take(&a, FX_FIP, 4);
		c->r.fcs = (u16)take(&a, FX_FCS, 2);
		c->r.fdp = take(&a, FX_FDP, 4);
		c->r.fds = (u16)take(&a, FX_FDS, 2);
	}
	x87_set_status_word(c, (u16)take(&a, FX_FSW, 2));
	for (unsigned int i = 0; i < 8; i++) {
		struct f80 *v = &c->r.st[(c->r.ftop + i) & 7];
		v->frac = take(&a, FX_ST + 16 * i, 8);
		v->se = (u16)take(&a, FX_ST + 16 * i + 8, 2);
	}
	if (!sse)
		return;
	c->r.mxcsr = mxcsr;
	if (c->cr4 & CR4_OSFXSR && !without_xmm(c))
		fxrstor_xmm(c, &a);
}
