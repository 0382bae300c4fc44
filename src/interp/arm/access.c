/*
 * Slow paths of loads and stores: alignment by the rules of the core, byte order, and then the
 * TLB's own slow path. Source: ARM DDI 0100I, A2.8 (v6: table A2-14); DDI 0406C, A3.2.
 */
#include "interp/arm/cpu.h"

enum { FSR_ALIGNMENT = 1 };

static bool aligned_only(const struct arm_cpu *c)
{
	if (c->features & F_M)
		return c->scb.ccr & 1 << 3;
	return c->sctlr & SCTLR_A;
}

NORETURN static void alignment_fault(struct arm_cpu *c, uint32_t va, enum mem_access access)
{
	if (c->features & F_M)
		arm_raise_m_usage(c, 1 << 24);
	arm_raise_abort(c, access, va, FSR_ALIGNMENT);
}

static uint32_t swap(uint32_t value, unsigned int size)
{
	return size == 4   ? __builtin_bswap32(value)
	       : size == 2 ? __builtin_bswap16((uint16_t)value)
			   : value;
}

uint32_t arm_load(struct arm_cpu *c, uint32_t va, unsigned int size, unsigned int mmu_mode)
{
	unsigned int low = va & (size - 1), rotate = 0;

	if (UNLIKELY(low && c->v.mode & MODE_STRICT)) {
		if (aligned_only(c))
			alignment_fault(c, va, ACCESS_READ);
		/* Before v6: the word's bytes rotated, so that the addressed one is the lowest. */
		va -= low;
		if (size == 4)
			rotate = 8 * low;
	}
	uint32_t value = (uint32_t)vcpu_load_slow(&c->v, va, size, mmu_mode);
	if (c->v.mode & MODE_BE)
		value = swap(value, size);
	return rotate ? value >> rotate | value << (32 - rotate) : value;
}

void arm_store(struct arm_cpu *c, uint32_t va, unsigned int size, uint32_t value,
	       unsigned int mmu_mode)
{
	unsigned int low = va & (size - 1);

	if (UNLIKELY(low && c->v.mode & MODE_STRICT)) {
		if (aligned_only(c))
			alignment_fault(c, va, ACCESS_WRITE);
		va -= low;
	}
	if (c->v.mode & MODE_BE)
		value = swap(value, size);
	vcpu_store_slow(&c->v, va, size, value, mmu_mode);
}

/* Multiple and double transfers: misaligned ones fault on v6 and later in any case, and lose the
 * low bits before that. */
uint32_t arm_multiple_address(struct arm_cpu *c, uint32_t va, enum mem_access access)
{
	if (!(va & 3) || c->features & F_USER_ANY)
		return va;
	if (aligned_only(c) || c->features & (F_V7 | F_M) ||
	    (c->features & F_V6 && c->sctlr & SCTLR_U))
		alignment_fault(c, va, access);
	return va & ~3u;
}
