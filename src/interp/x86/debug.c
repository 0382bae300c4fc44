/*
 * Debug registers and breakpoints. Source: Intel SDM volume 3, chapter 17.2 and 17.3.
 *
 * With a breakpoint enabled or TF set, the loop runs one instruction at a time (X86_EVENT_STEP).
 * Pages with a data breakpoint take the slow path of loads and stores, which comes to x86_watch().
 */
#include "interp/x86/emit_int.h"
#include "interp/x86/system.h"

#define DR6_FIXED UINT64_C(0xffff0ff0)
#define DR6_BD	  (UINT64_C(1) << 13)
#define DR6_BS	  (UINT64_C(1) << 14)
#define DR7_GD	  (UINT64_C(1) << 13)
#define DR7_FIXED UINT64_C(0x400)

enum break_kind { BREAK_EXEC, BREAK_WRITE, BREAK_IO, BREAK_ACCESS };

static bool break_enabled(const struct x86_cpu *c, unsigned int n)
{
	return c->dr[7] >> (2 * n) & 3;
}

static enum break_kind break_kind(const struct x86_cpu *c, unsigned int n)
{
	return (enum break_kind)(c->dr[7] >> (16 + 4 * n) & 3);
}

static unsigned int break_size(const struct x86_cpu *c, unsigned int n)
{
	static const uint8_t sizes[4] = {1, 2, 8, 4};

	return sizes[c->dr[7] >> (18 + 4 * n) & 3];
}

/* Whether [start, start+size) touches breakpoint `n`, which is aligned to its length. */
static bool break_touches(const struct x86_cpu *c, unsigned int n, uint64_t start, uint64_t size)
{
	uint64_t len = break_size(c, n), first = c->dr[n] & ~(len - 1);

	return start < first + len && first < start + size;
}

void x86_debug_trap(struct x86_cpu *c, uint64_t dr6_bits)
{
	c->dr6_pending |= dr6_bits;
	x86_event_set(c, X86_EVENT_TRAP);
}

/* --- before an instruction --- */

void x86_check_breakpoint(struct x86_cpu *c, const struct op *op)
{
	uint64_t hit = 0;

	/* RF is good for one instruction. */
	if (c->eflags & FLAG_RF) {
		c->eflags &= ~(uint32_t)FLAG_RF;
		return;
	}
	vcpu_sync_pc(&c->v);
	uint64_t pc = c->v.code_base + c->v.pc;
	if (!x86_code64(c))
		pc = (uint32_t)pc;
	for (unsigned int n = 0; n < 4; n++)
		if (break_enabled(c, n) && break_kind(c, n) == BREAK_EXEC && c->dr[n] == pc)
			hit |= 1u << n;
	if (!hit)
		return;
	c->dr[6] |= hit;
	x86_raise(c, EXC_DB);
}

void x86_arm_trap(struct x86_cpu *c, const struct op *op)
{
	x86_debug_trap(c, DR6_BS);
}

/* --- accesses --- */

unsigned int x86_debug_prot(const struct x86_cpu *c, uint64_t va)
{
	if (LIKELY(!(c->v.mode & MODE_WATCH)))
		return 0;
	va &= GUEST_PAGE_MASK;
	for (unsigned int n = 0; n < 4; n++)
		if (break_enabled(c, n) && break_kind(c, n) & 1 &&
		    break_touches(c, n, va, GUEST_PAGE_SIZE))
			return PROT_WATCH;
	return 0;
}

void x86_watch(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access)
{
	struct x86_cpu *c = x86_cpu(&v->cpu);
	uint64_t hit = 0;

	if (LIKELY(!(v->mode & MODE_WATCH)))
		return;
	for (unsigned int n = 0; n < 4; n++) {
		enum break_kind kind = break_kind(c, n);
		if (break_enabled(c, n) &&
		    (kind == BREAK_ACCESS || (kind == BREAK_WRITE && access == ACCESS_WRITE)) &&
		    break_touches(c, n, va, size))
			hit |= 1u << n;
	}
	if (hit)
		x86_debug_trap(c, hit);
}

void x86_debug_check_io(struct x86_cpu *c, uint16_t port, unsigned int size)
{
	uint64_t hit = 0;

	if (LIKELY(!(c->dr[7] & 0xff) || !(c->cr4 & CR4_DE)))
		return;
	for (unsigned int n = 0; n < 4; n++)
		if (break_enabled(c, n) && break_kind(c, n) == BREAK_IO &&
		    break_touches(c, n, port, size))
			hit |= 1u << n;
	if (hit)
		x86_debug_trap(c, hit);
}

/* --- the registers --- */

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE is set. With DR7.GD any access is a fault. */
static unsigned int dr_number(struct x86_cpu *c, unsigned int n)
{
	if (n == 4 || n == 5) {
		if (c->cr4 & CR4_DE)
			x86_raise(c, EXC_UD);
		n += 2;
	}
	if (c->dr[7] & DR7_GD) {
		c->dr[6] |= DR6_BD;
		c->dr[7] &= ~DR7_GD;
		x86_raise(c, EXC_DB);
	}
	return n;
}

uint64_t x86_get_dr(struct x86_cpu *c, unsigned int n)
{
	return c->dr[dr_number(c, n)];
}

void x86_set_dr(struct x86_cpu *c, unsigned int n, uint64_t value)
{
	n = dr_number(c, n);
	if (n >= 6 && value >> 32)
		x86_raise_error(c, EXC_GP, 0);
	if (n == 6)
		value = (value & 0xe00f) | DR6_FIXED;
	else if (n == 7)
		value = (value & 0xffff2bff) | DR7_FIXED;
	bool was_watching = c->v.mode & MODE_WATCH;
	c->dr[n] = value;
	c->eflags &= ~(uint32_t)FLAG_RF;
	if (n == 7)
		x86_mode_changed(c);
	if (was_watching || c->v.mode & MODE_WATCH)
		vcpu_tlb_flush(&c->v);
}
