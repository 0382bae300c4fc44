/*
 * Ports: permission, IN and OUT. Source: Intel SDM volume 1, chapter 19.
 */
#include "interp/x86/system.h"

/* The TSS's bitmap: one bit a port, all of the access must be clear. */
static bool bitmap_allows(struct x86_cpu *c, uint16_t port, unsigned int size)
{
	const struct x86_seg *tss = &c->seg[SEG_TSS];
	unsigned int type = tss->attr >> 8 & 15;

	if (!tss->usable || !(type & 8) || tss->limit < 103)
		return false;
	uint32_t offset = (uint32_t)x86_mem_load(c, tss->base + 102, 2, MMU_SUPER) + port / 8;
	/* The processor always reads two bytes. */
	if (offset + 1 > tss->limit)
		return false;
	uint32_t bits = (uint32_t)x86_mem_load(c, tss->base + offset, 2, MMU_SUPER);
	return !(bits >> (port % 8) & ((1u << size) - 1));
}

void x86_check_io(struct x86_cpu *c, uint16_t port, unsigned int size)
{
	uint32_t mode = c->v.mode;

	if (LIKELY(!(mode & MODE_PE) || (mode & MODE_IOPL_OK && !(mode & MODE_VM))))
		return;
	if (!bitmap_allows(c, port, size))
		x86_raise_error(c, EXC_GP, 0);
}

uint64_t x86_port_in(struct x86_cpu *c, uint16_t port, unsigned int size)
{
	x86_check_io(c, port, size);
	vcpu_before_io(&c->v);
	c->v.stats.io_accesses++;
	uint64_t value = c->v.cpu.io ? mem_load_le(c->v.cpu.io, port, size) : UINT64_MAX;
	x86_debug_check_io(c, port, size);
	return value;
}

void x86_port_out(struct x86_cpu *c, uint16_t port, unsigned int size, uint64_t value)
{
	x86_check_io(c, port, size);
	vcpu_before_io(&c->v);
	c->v.stats.io_accesses++;
	if (c->v.cpu.io)
		mem_store_le(c->v.cpu.io, port, value, size);
	x86_debug_check_io(c, port, size);
}
