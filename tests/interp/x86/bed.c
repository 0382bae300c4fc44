#include "bed.h"

#include <check.h>
#include <string.h>

struct x86_cpu *bed;
struct address_space *bed_memory;

static void memory_new(struct address_space **io)
{
	struct region *memory_root = g_new0(struct region, 1), *io_root = g_new0(struct region, 1);
	struct region *ram = g_new0(struct region, 1);

	region_init(memory_root, "memory", UINT64_MAX);
	region_init(io_root, "io", 0x10000);
	error_free(region_init_ram(ram, "bed.ram", BED_RAM));
	region_add(memory_root, 0, ram, 0);
	bed_memory = g_new0(struct address_space, 1);
	*io = g_new0(struct address_space, 1);
	address_space_init(bed_memory, "memory", memory_root);
	address_space_init(*io, "io", io_root);
}

/* Each test runs in a process of its own (Check forks): nothing is ever torn down. */
void bed_new(const char *model)
{
	struct address_space *io;
	struct cpu *cpu;

	machine_lock();
	memory_new(&io);
	struct error *err = cpu_new(&x86_cpu_class, model ? model : "max", bed_memory, io, &cpu);
	ck_assert_msg(!err, "%s", err ? err->message : "");
	bed = x86_cpu(cpu);
	x86_cpu_set_bsp(cpu, true);
	cpu->class->reset(cpu);
	machine_unlock();
}

void bed_put(uint32_t pa, unsigned int size, uint64_t value)
{
	uint8_t bytes[8];

	store_le(bytes, size, value);
	mem_write(bed_memory, pa, bytes, size);
}

uint64_t bed_get(uint32_t pa, unsigned int size)
{
	uint8_t bytes[8];

	mem_read(bed_memory, pa, bytes, size);
	return load_le(bytes, size);
}

void bed_descriptor(uint16_t selector, uint32_t base, uint32_t limit, uint32_t attr)
{
	uint32_t table = selector & 4 ? BED_LDT : BED_GDT;
	uint32_t lo = (limit & 0xffff) | base << 16;
	uint32_t hi = (base >> 16 & 0xff) | (attr & 0xff) << 8 | (limit & 0xf0000) |
		      (attr & 0xf00) << 12 | (base & 0xff000000);

	bed_put(table + (selector & ~7u), 4, lo);
	bed_put(table + (selector & ~7u) + 4, 4, hi);
}

static void gate(uint32_t at, uint16_t selector, uint32_t offset, uint8_t access, uint8_t low)
{
	bed_put(at, 4, (offset & 0xffff) | (uint32_t)selector << 16);
	bed_put(at + 4, 4, (offset & 0xffff0000) | (uint32_t)access << 8 | low);
}

void bed_gate(uint8_t vector, uint16_t selector, uint32_t offset, uint8_t access)
{
	gate(BED_IDT + vector * 8u, selector, offset, access, 0);
}

void bed_gate64(uint8_t vector, uint16_t selector, uint64_t offset, uint8_t access, uint8_t ist)
{
	gate(BED_IDT + vector * 16u, selector, (uint32_t)offset, access, ist);
	bed_put(BED_IDT + vector * 16u + 8, 8, offset >> 32);
}

void bed_call_gate(uint16_t selector, uint16_t code, uint32_t offset, uint8_t access,
		   uint8_t params)
{
	gate(BED_GDT + (selector & ~7u), code, offset, access, params);
}

static void handlers(void)
{
	for (unsigned int i = 0; i < 256; i++)
		bed_put(BED_HANDLERS + 4 * i, 4, 0x909090f4); /* hlt; nop */
}

void bed_start16(void)
{
	bed_new(NULL);
	handlers();
	for (unsigned int i = 0; i < 256; i++)
		bed_put(4 * i, 4, BED_HANDLERS + 4 * i);
	for (unsigned int s = ES; s <= GS; s++)
		x86_seg_set_real(bed, (enum x86_seg_name)s, 0);
	bed->r.r[RSP] = BED_STACK0;
	x86_mode_changed(bed);
}

static void common_tables(void)
{
	handlers();
	bed_descriptor(SEL_CODE0, 0, 0xfffff, D_CODE | D_32 | D_PAGES);
	bed_descriptor(SEL_DATA0, 0, 0xfffff, D_DATA | D_32 | D_PAGES);
	bed_descriptor(SEL_CODE3, 0, 0xfffff, D_CODE | D_DPL3 | D_32 | D_PAGES);
	bed_descriptor(SEL_DATA3, 0, 0xfffff, D_DATA | D_DPL3 | D_32 | D_PAGES);
	bed_descriptor(SEL_TSS, BED_TSS, 0x7ff, 0x8b);
	bed_descriptor(SEL_LDT, BED_LDT, 0x7ff, 0x82);
	bed_descriptor(SEL_CODE16, 0, 0xffff, D_CODE);
	bed_descriptor(SEL_DATA16, 0, 0xffff, D_DATA);
	bed_descriptor(SEL_CODE64, 0, 0xfffff, D_CODE | D_64 | D_PAGES);
	bed_descriptor(SEL_CODE64_3, 0, 0xfffff, D_CODE | D_DPL3 | D_64 | D_PAGES);
	bed->gdt.base = BED_GDT;
	bed->gdt.limit = 0x7ff;
	bed->idt.base = BED_IDT;
	x86_seg_set(bed, SEG_LDT, SEL_LDT, BED_LDT, 0x7ff, 0x8200);
	x86_seg_set(bed, SEG_TSS, SEL_TSS, BED_TSS, 0x7ff, 0x8b00);
}

static void load_flat(uint16_t cs, uint16_t ss, uint32_t cs_attr)
{
	uint32_t dpl = (cs & 3u) << SEG_DPL_SHIFT;
	uint32_t data = SEG_P | SEG_S | SEG_W | SEG_A | SEG_DB | SEG_G | dpl;

	for (unsigned int s = ES; s <= GS; s++)
		x86_seg_set(bed, (enum x86_seg_name)s, ss, 0, UINT32_MAX, data);
	x86_seg_set(bed, CS, cs, 0, UINT32_MAX,
		    SEG_P | SEG_S | SEG_CODE | SEG_R | SEG_A | SEG_G | dpl | cs_attr);
	x86_mode_changed(bed);
}

void bed_start32(void)
{
	bed_new(NULL);
	bed->cr0 = CR0_ET | CR0_PE;
	bed->v.mode = MODE_PE;
	common_tables();
	for (unsigned int i = 0; i < 256; i++)
		bed_gate((uint8_t)i, SEL_CODE0, BED_HANDLERS + 4 * i, 0xee);
	bed->idt.limit = 0x7ff;
	bed_put(BED_TSS + 4, 4, BED_STACK0);
	bed_put(BED_TSS + 8, 4, SEL_DATA0);
	bed_put(BED_TSS + 102, 2, 104);
	load_flat(SEL_CODE0, SEL_DATA0, SEG_DB);
	bed->r.r[RSP] = BED_STACK0;
}

void bed_start64(void)
{
	bed_new(NULL);
	bed->cr0 = CR0_ET | CR0_PE | CR0_PG | CR0_WP;
	bed->cr4 = CR4_PAE;
	bed->efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
	bed->cr3 = BED_TABLES;
	bed_put(BED_TABLES, 8, (BED_TABLES + 0x1000) | 7);
	bed_put(BED_TABLES + 0x1000, 8, (BED_TABLES + 0x2000) | 7);
	for (unsigned int i = 0; i < 4; i++)
		bed_put(BED_TABLES + 0x2000 + 8 * i, 8, i << 21 | 0x87);
	bed->v.mode = MODE_PE | MODE_LMA | MODE_64;
	common_tables();
	for (unsigned int i = 0; i < 256; i++)
		bed_gate64((uint8_t)i, SEL_CODE64, BED_HANDLERS + 4 * i, 0xee, 0);
	bed->idt.limit = 0xfff;
	bed_put(BED_TSS + 4, 8, BED_STACK0);
	bed_put(BED_TSS + 36, 8, BED_IST1);
	load_flat(SEL_CODE64, SEL_DATA0, SEG_L);
	bed->r.r[RSP] = BED_STACK0;
}

void bed_level3(void)
{
	if (x86_code64(bed))
		load_flat(SEL_CODE64_3, SEL_DATA3, SEG_L);
	else
		load_flat(SEL_CODE3, SEL_DATA3, SEG_DB);
	bed->r.r[RSP] = BED_STACK3;
}

void bed_paging32(void)
{
	for (unsigned int i = 0; i < BED_RAM >> 12; i++)
		bed_put(BED_TABLES + 0x1000 + 4 * i, 4, i << 12 | 7);
	for (unsigned int i = 0; i < BED_RAM >> 22; i++)
		bed_put(BED_TABLES + 4 * i, 4, (BED_TABLES + 0x1000 + (i << 12)) | 7);
	bed->cr3 = BED_TABLES;
	bed->cr0 |= CR0_PG | CR0_WP;
	vcpu_tlb_flush(&bed->v);
	x86_mode_changed(bed);
}

/* --- running --- */

void bed_copy(uint32_t pa, const uint8_t *code, const uint8_t *end)
{
	mem_write(bed_memory, pa, code, (uint64_t)(end - code));
}

void bed_continue(void)
{
	struct cpu *cpu = &bed->v.cpu;

	/* A request to come back is the vCPU loop's business: here it is just started again. */
	for (unsigned int i = 0; i < 1000; i++) {
		cpu->exit_request = 0;
		if (!cpu->halted || x86_has_work(cpu)) {
			cpu->halted = false;
			cpu->class->run(cpu);
		}
		if (cpu->halted && !x86_has_work(cpu))
			return;
	}
	ck_abort_msg("the guest does not halt");
}

void bed_go(const uint8_t *code, const uint8_t *end)
{
	bed_copy(BED_CODE, code, end);
	bed->v.pc = BED_CODE;
	bed->v.cpu.halted = false;
	bed_continue();
}

int bed_vector(void)
{
	uint64_t at = bed->v.code_base + bed->v.pc - 1;

	if (at < BED_HANDLERS || at >= BED_HANDLERS + 0x400)
		return -1;
	return (int)((at - BED_HANDLERS) / 4);
}

uint32_t bed_stack32(unsigned int index)
{
	return (uint32_t)bed_get((uint32_t)(bed->seg[SS].base + bed->r.r[RSP]) + 4 * index, 4);
}

uint64_t bed_stack64(unsigned int index)
{
	return bed_get((uint32_t)bed->r.r[RSP] + 8 * index, 8);
}

void bed_expect_(int vector, uint32_t error, const char *file, int line)
{
	bool has_error =
		vector == EXC_DF || (vector >= EXC_TS && vector <= EXC_PF) || vector == EXC_AC;

	ck_assert_msg(!bed->shutdown, "%s:%d: the processor has shut down", file, line);
	ck_assert_msg(bed_vector() == vector, "%s:%d: vector %d, not %d", file, line, bed_vector(),
		      vector);
	if (vector < 0 || !has_error || !(bed->cr0 & CR0_PE))
		return;
	uint32_t got = x86_code64(bed) ? (uint32_t)bed_stack64(0) : bed_stack32(0);
	ck_assert_msg(got == error, "%s:%d: error code %#x, not %#x", file, line, got, error);
}
