/*
 * System-management mode: SMI entry and RSM. Sources: Intel SDM volume 3, chapter 31 (32-bit save
 * map, table 31-1; the hidden parts as P6 processors keep them), AMD APM volume 2, section 10.2
 * (64-bit save map).
 */
#include "interp/x86/system.h"

#include "base/log.h"
#include "base/loop.h"

#define SMRAM_MAP		 0x8000 /* offsets below count from here */
#define REVISION_BASE_RELOCATION 0x20000

static bool map_is_64(const struct x86_cpu *c)
{
	return x86_has(c, FEAT_8000_0001_EDX, 29);
}

/* The map is in physical memory, seen with SMM's address decoding. */
static void put(struct x86_cpu *c, unsigned int offset, unsigned int size, uint64_t value)
{
	mem_store_le(c->v.cpu.memory, c->smbase + SMRAM_MAP + offset, value, size);
}

static uint64_t get(struct x86_cpu *c, unsigned int offset, unsigned int size)
{
	return mem_load_le(c->v.cpu.memory, c->smbase + SMRAM_MAP + offset, size);
}

/* --- 32-bit map --- */

/* Where a segment's selector and hidden part are. */
static const struct {
	enum x86_seg_name seg;
	uint16_t selector, hidden;
} map32[] = {
	{ES, 0x7fa8, 0x7f84},	   {CS, 0x7fac, 0x7f90},      {SS, 0x7fb0, 0x7f9c},
	{DS, 0x7fb4, 0x7f2c},	   {FS, 0x7fb8, 0x7f38},      {GS, 0x7fbc, 0x7f44},
	{SEG_LDT, 0x7fc0, 0x7f78}, {SEG_TSS, 0x7fc4, 0x7f60},
};

/* Attribute word of both maps: descriptor bits 8-15 and 20-23. */
static uint32_t attr_pack(const struct x86_seg *seg)
{
	return (seg->attr >> 8 & 0xf0ff) | (seg->usable ? 0 : 0x10000);
}

static void save32(struct x86_cpu *c)
{
	put(c, 0x7ffc, 4, c->cr0);
	put(c, 0x7ff8, 4, c->cr3);
	put(c, 0x7ff4, 4, x86_flags_get(c));
	put(c, 0x7ff0, 4, c->v.pc);
	for (unsigned int i = 0; i < 8; i++)
		put(c, 0x7fd0 + 4 * i, 4, c->r.r[i]);
	put(c, 0x7fcc, 4, c->dr[6]);
	put(c, 0x7fc8, 4, c->dr[7]);
	for (unsigned int i = 0; i < G_N_ELEMENTS(map32); i++) {
		const struct x86_seg *seg = &c->seg[map32[i].seg];
		put(c, map32[i].selector, 4, seg->selector);
		put(c, map32[i].hidden + 8u, 4, seg->base);
		put(c, map32[i].hidden + 4u, 4, seg->limit);
		put(c, map32[i].hidden, 4, attr_pack(seg));
	}
	put(c, 0x7f74, 4, c->gdt.base);
	put(c, 0x7f70, 4, c->gdt.limit);
	put(c, 0x7f58, 4, c->idt.base);
	put(c, 0x7f54, 4, c->idt.limit);
	put(c, 0x7f14, 4, c->cr4);
	put(c, 0x7efc, 4, REVISION_BASE_RELOCATION);
	put(c, 0x7ef8, 4, c->smbase);
	put(c, 0x7f02, 2, c->hlt);
}

static void restore_seg(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector, uint64_t base,
			uint32_t limit, uint32_t packed)
{
	struct x86_seg *seg = &c->seg[s];

	*seg = (struct x86_seg){.base = base,
				.limit = limit,
				.selector = selector,
				.attr = (packed & 0xf0ff) << 8,
				.usable = !(packed & 0x10000)};
}

static void restore_flags(struct x86_cpu *c, uint32_t flags)
{
	x86_flags_arith_set(&c->r, flags & FLAGS_ARITH);
	c->r.df = !!(flags & FLAG_DF);
	c->eflags = (flags & 0x3f7fd5 & ~(uint32_t)(FLAGS_ARITH | FLAG_DF)) | FLAG_1;
}

static void restore32(struct x86_cpu *c)
{
	c->cr0 = get(c, 0x7ffc, 4) | CR0_ET;
	c->cr3 = get(c, 0x7ff8, 4);
	c->cr4 = get(c, 0x7f14, 4);
	c->v.pc = get(c, 0x7ff0, 4);
	for (unsigned int i = 0; i < 8; i++)
		c->r.r[i] = get(c, 0x7fd0 + 4 * i, 4);
	c->dr[6] = get(c, 0x7fcc, 4);
	c->dr[7] = get(c, 0x7fc8, 4);
	for (unsigned int i = 0; i < G_N_ELEMENTS(map32); i++)
		restore_seg(c, map32[i].seg, (uint16_t)get(c, map32[i].selector, 4),
			    get(c, map32[i].hidden + 8u, 4),
			    (uint32_t)get(c, map32[i].hidden + 4u, 4),
			    (uint32_t)get(c, map32[i].hidden, 4));
	c->gdt.base = get(c, 0x7f74, 4);
	c->gdt.limit = (uint32_t)get(c, 0x7f70, 4);
	c->idt.base = get(c, 0x7f58, 4);
	c->idt.limit = (uint32_t)get(c, 0x7f54, 4);
	restore_flags(c, (uint32_t)get(c, 0x7ff4, 4));
	c->hlt = c->v.cpu.halted = get(c, 0x7f02, 2) & 1;
	if (get(c, 0x7efc, 4) & REVISION_BASE_RELOCATION)
		c->smbase = (uint32_t)get(c, 0x7ef8, 4);
}

/* --- 64-bit map --- */

/* 16 bytes each: selector, attributes, limit, base. */
static const struct {
	enum x86_seg_name seg;
	uint16_t offset;
} map64[] = {
	{ES, 0x7e00}, {CS, 0x7e10}, {SS, 0x7e20},      {DS, 0x7e30},
	{FS, 0x7e40}, {GS, 0x7e50}, {SEG_LDT, 0x7e70}, {SEG_TSS, 0x7e90},
};

static void save64(struct x86_cpu *c)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(map64); i++) {
		const struct x86_seg *seg = &c->seg[map64[i].seg];
		uint32_t packed = attr_pack(seg);
		put(c, map64[i].offset, 2, seg->selector);
		/* The attributes are twelve bits together; bit 15 keeps "unusable". */
		put(c, map64[i].offset + 2u, 2,
		    (packed & 0xff) | (packed >> 4 & 0xf00) | (packed >> 1 & 0x8000));
		put(c, map64[i].offset + 4u, 4, seg->limit);
		put(c, map64[i].offset + 8u, 8, seg->base);
	}
	put(c, 0x7e64, 4, c->gdt.limit);
	put(c, 0x7e68, 8, c->gdt.base);
	put(c, 0x7e84, 4, c->idt.limit);
	put(c, 0x7e88, 8, c->idt.base);
	put(c, 0x7ec8, 1, c->hlt);
	put(c, 0x7ed0, 8, c->efer);
	put(c, 0x7efc, 4, REVISION_BASE_RELOCATION | 0x64);
	put(c, 0x7f00, 4, c->smbase);
	put(c, 0x7f48, 8, c->cr4);
	put(c, 0x7f50, 8, c->cr3);
	put(c, 0x7f58, 8, c->cr0);
	put(c, 0x7f60, 8, c->dr[7]);
	put(c, 0x7f68, 8, c->dr[6]);
	put(c, 0x7f70, 8, x86_flags_get(c));
	put(c, 0x7f78, 8, c->v.pc);
	for (unsigned int i = 0; i < 16; i++)
		put(c, 0x7ff8 - 8 * i, 8, c->r.r[i]);
}

static void restore64(struct x86_cpu *c)
{
	c->efer = get(c, 0x7ed0, 8);
	c->cr0 = (uint32_t)get(c, 0x7f58, 8) | CR0_ET;
	c->cr3 = get(c, 0x7f50, 8);
	c->cr4 = get(c, 0x7f48, 8);
	c->dr[7] = (uint32_t)get(c, 0x7f60, 8);
	c->dr[6] = (uint32_t)get(c, 0x7f68, 8);
	for (unsigned int i = 0; i < G_N_ELEMENTS(map64); i++) {
		uint32_t attr = (uint32_t)get(c, map64[i].offset + 2u, 2);
		restore_seg(c, map64[i].seg, (uint16_t)get(c, map64[i].offset, 2),
			    get(c, map64[i].offset + 8u, 8),
			    (uint32_t)get(c, map64[i].offset + 4u, 4),
			    (attr & 0xff) | (attr & 0xf00) << 4 | (attr & 0x8000) << 1);
	}
	c->gdt.limit = (uint32_t)get(c, 0x7e64, 4);
	c->gdt.base = get(c, 0x7e68, 8);
	c->idt.limit = (uint32_t)get(c, 0x7e84, 4);
	c->idt.base = get(c, 0x7e88, 8);
	restore_flags(c, (uint32_t)get(c, 0x7f70, 8));
	c->v.pc = get(c, 0x7f78, 8);
	for (unsigned int i = 0; i < 16; i++)
		c->r.r[i] = get(c, 0x7ff8 - 8 * i, 8);
	c->hlt = c->v.cpu.halted = get(c, 0x7ec8, 1) & 1;
	if (get(c, 0x7efc, 4) & REVISION_BASE_RELOCATION)
		c->smbase = (uint32_t)get(c, 0x7f00, 4);
}

/* --- entry and return --- */

static void memory_changed(void *opaque)
{
	struct x86_cpu *c = opaque;

	if (cpu_current() == &c->v.cpu || !c->v.cpu.created)
		vcpu_tlb_flush(&c->v);
	else
		cpu_run_on(&c->v.cpu, vcpu_tlb_flush_work, NULL);
}

/* SMRAM is seen in one mode only: there are two address spaces. The TLB must be flushed. */
void x86_smm_switch(struct x86_cpu *c, bool smm)
{
	struct cpu *cpu = &c->v.cpu;

	c->smm = smm;
	if (!cpu->smm_memory || (!c->normal_memory && !smm))
		return;
	if (!c->normal_memory) {
		bool locked = machine_locked();
		if (!locked)
			machine_lock();
		address_space_listen(cpu->smm_memory, memory_changed, c);
		if (!locked)
			machine_unlock();
		c->normal_memory = cpu->memory;
	}
	cpu->memory = smm ? cpu->smm_memory : c->normal_memory;
}

void x86_smm_reset(struct x86_cpu *c)
{
	x86_smm_switch(c, false);
	c->smbase = 0x30000;
}

void x86_smm_enter(struct x86_cpu *c)
{
	x86_event_clear(c, X86_EVENT_SMI);
	log_printf(LOG_INT, "x86: cpu %u: SMI at %04x:%llx\n", c->v.cpu.index, c->seg[CS].selector,
		   (unsigned long long)c->v.pc);
	x86_smm_switch(c, true);
	c->smi_blocked_nmi = c->nmi_blocked;
	c->nmi_blocked = true;
	if (map_is_64(c))
		save64(c);
	else
		save32(c);
	c->hlt = c->v.cpu.halted = false;
	c->efer = 0;
	c->cr0 &= ~(uint64_t)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
	c->cr4 = 0;
	c->dr[7] = 0x400;
	x86_flags_arith_set(&c->r, 0);
	c->r.df = 0;
	c->eflags = FLAG_1;
	c->v.pc = 0x8000;
	c->v.mode = 0;
	x86_seg_set(c, CS, (uint16_t)(c->smbase >> 4), c->smbase, UINT32_MAX,
		    SEG_P | SEG_S | SEG_W | SEG_A | SEG_G);
	static const enum x86_seg_name data[] = {ES, SS, DS, FS, GS};
	for (unsigned int i = 0; i < G_N_ELEMENTS(data); i++)
		x86_seg_set(c, data[i], 0, 0, UINT32_MAX, SEG_P | SEG_S | SEG_W | SEG_A | SEG_G);
	vcpu_tlb_flush(&c->v);
	x86_mode_changed(c);
}

/* A state that cannot be makes the processor shut down, as do reserved bits. */
static bool state_possible(const struct x86_cpu *c)
{
	if (c->cr0 & CR0_PG && !(c->cr0 & CR0_PE))
		return false;
	if (c->cr0 & CR0_NW && !(c->cr0 & CR0_CD))
		return false;
	return !(c->efer & EFER_LMA) || (c->cr0 & CR0_PG && c->cr4 & CR4_PAE);
}

void x86_rsm(struct x86_cpu *c)
{
	c->v.op = NULL;
	if (map_is_64(c))
		restore64(c);
	else
		restore32(c);
	c->nmi_blocked = c->smi_blocked_nmi;
	x86_smm_switch(c, false);
	vcpu_tlb_flush(&c->v);
	if (!state_possible(c)) {
		c->cr0 = CR0_ET;
		c->efer = c->cr4 = 0;
		x86_mode_changed(c);
		c->shutdown = true;
		vcpu_escape(&c->v);
	}
	if (c->cr0 & CR0_PG && c->cr4 & CR4_PAE && !(c->efer & EFER_LMA))
		x86_pdptes_read(c, c->cr3, c->pdpte);
	c->v.mode = c->cr0 & CR0_PE ? MODE_PE : 0;
	x86_mode_changed(c);
	for (unsigned int s = ES; s <= GS; s++)
		x86_seg_update(c, (enum x86_seg_name)s);
	x86_mode_changed(c);
}
