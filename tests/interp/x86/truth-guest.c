/*
 * The guest side: one x86 processor with some RAM, page tables that map the scratch addresses and
 * nothing else, and a GDT and LDT like those of a Linux process. It runs at CPL 3 in long or
 * compatibility mode. Exceptions are caught before they are delivered: the state is then that of
 * the faulting instruction. The code ends with the same jump to the native stub as it does
 * natively; nothing is there for the guest.
 */
#include "truth.h"

#include "base/loop.h"
#include "interp/block.h"
#include "interp/disas.h"
#include "interp/tier.h"
#include "interp/x86/cpu.h"
#include "interp/x86/flags.h"
#include "interp/x86/system.h"

#include <capstone/capstone.h>
#include <stdlib.h>
#include <string.h>

/* Physical memory. */
enum {
	PHYS_PML4 = 0x1000,
	PHYS_PDPT = 0x2000,
	PHYS_PD = 0x3000,
	PHYS_PT = 0x4000,
	PHYS_PDPT2 = 0xb000,
	PHYS_PD2 = 0xc000,
	PHYS_PT2 = 0xd000,
	PHYS_GDT = 0x5000,
	PHYS_LDT = 0x6000,
	PHYS_IDT = 0x7000,
	PHYS_TSS = 0x8000,
	PHYS_STACK = 0x9000,
	PHYS_HANDLERS = 0xa000,
	PHYS_CODE = 0x10000,
	PHYS_DATA = 0x20000,
	PHYS_SIZE = 0x40000,
};
/* Where the processor's tables are in virtual memory: supervisor pages, in the order above, in the
 * upper half, which is the kernel's in the native process. */
#define TABLES_BASE    UINT64_C(0xffff800000000000)
#define TABLE_VA(phys) (TABLES_BASE + ((phys) - PHYS_GDT))

static struct region root, memory;
static struct address_space space;
static struct x86_cpu *cpu;
static struct isa test_isa;
static bool stopped;
static unsigned int runs;

static u8 *phys(u32 at)
{
	return memory.ram->host + at;
}

static void put64(u32 at, u64 value)
{
	memcpy(phys(at), &value, 8);
}

/* All pages have their accessed and dirty bits. */
enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_AD = 0x60 };
#define PTE_NX (UINT64_C(1) << 63)

static void map_page(u64 va, u32 pa, u64 bits)
{
	u32 table = va >> 47 ? PHYS_PT2 : PHYS_PT;

	put64(table + (va >> 12 & 0x1ff) * 8, pa | bits | PTE_P | PTE_AD);
}

static void tables_make(void)
{
	u64 table = PTE_P | PTE_W | PTE_U | PTE_AD;

	put64(PHYS_PML4, PHYS_PDPT | table);
	put64(PHYS_PDPT, PHYS_PD | table);
	put64(PHYS_PD + (CODE_BASE >> 21 & 0x1ff) * 8, PHYS_PT | table);
	put64(PHYS_PML4 + 256 * 8, PHYS_PDPT2 | table);
	put64(PHYS_PDPT2, PHYS_PD2 | table);
	put64(PHYS_PD2, PHYS_PT2 | table);
	for (u32 i = 0; i < CODE_PAGES; i++)
		map_page(CODE_BASE + i * PAGE, PHYS_CODE + i * PAGE, PTE_U);
	for (u32 i = 0; i < DATA_PAGES; i++)
		map_page(DATA_BASE + i * PAGE, PHYS_DATA + i * PAGE,
			 PTE_U | PTE_NX | (i < DATA_PAGES - 1 ? PTE_W : 0));
	for (u32 at = PHYS_GDT; at <= PHYS_HANDLERS; at += PAGE)
		map_page(TABLE_VA(at), at, PTE_W);
}

/* --- descriptors --- */

static void put_desc(u32 at, u32 base, u32 limit, u32 attr)
{
	bool pages = limit > 0xfffff;
	u32 units = pages ? limit >> 12 : limit;
	u32 lo = base << 16 | (units & 0xffff);
	u32 hi = (base & 0xff000000) | (base >> 16 & 0xff) | attr | (units & 0xf0000) |
		 (pages ? SEG_G : 0);

	put64(at, lo | (u64)hi << 32);
}

#define DATA_ATTR (SEG_S | SEG_P | SEG_A | SEG_W)
#define CODE_ATTR (SEG_S | SEG_P | SEG_A | SEG_R | SEG_CODE)
#define DPL3	  (3 << SEG_DPL_SHIFT)

/* As Linux has it (arch/x86/include/asm/segment.h). */
static void gdt_make(void)
{
	put_desc(PHYS_GDT + 0x08, 0, 0xffffffff, CODE_ATTR | SEG_DB);
	put_desc(PHYS_GDT + 0x10, 0, 0xffffffff, CODE_ATTR | SEG_L);
	put_desc(PHYS_GDT + 0x18, 0, 0xffffffff, DATA_ATTR | SEG_DB);
	put_desc(PHYS_GDT + 0x20, 0, 0xffffffff, CODE_ATTR | SEG_DB | DPL3);
	put_desc(PHYS_GDT + 0x28, 0, 0xffffffff, DATA_ATTR | SEG_DB | DPL3);
	put_desc(PHYS_GDT + 0x30, 0, 0xffffffff, CODE_ATTR | SEG_L | DPL3);
	put_desc(PHYS_GDT + 0x40, 0x1000, 0x206f, SEG_P | 0x0b00);
	put_desc(PHYS_GDT + 0x50, 0x1000, TRUTH_LDT * 8 - 1, SEG_P | 0x0200);
}

static void ldt_make(void)
{
	for (unsigned int i = 0; i < TRUTH_LDT; i++) {
		const struct ldt_entry *e = &truth_ldt[i];
		u32 attr = SEG_S | SEG_A | DPL3 | (e->missing ? 0 : SEG_P) | (e->big ? SEG_DB : 0);
		if (e->code)
			attr |= SEG_CODE | (e->readonly ? 0 : SEG_R);
		else
			attr |= (e->down ? SEG_E : 0) | (e->readonly ? 0 : SEG_W);
		put_desc(PHYS_LDT + 8 * i, e->base, e->limit, attr);
	}
}

/* --- exceptions --- */

/*
 * Faults are caught when they are raised. What is delivered in another way (INT3, INTO, INT1,
 * single steps) goes through the IDT to a handler that halts.
 */
static void idt_make(void)
{
	u64 stack = TABLE_VA(PHYS_STACK) + PAGE;

	for (u32 vector = 0; vector < 32; vector++) {
		u64 handler = TABLE_VA(PHYS_HANDLERS) + vector;
		u32 type = SEG_P | 0x0e00 | (vector == 3 || vector == 4 ? DPL3 : 0);
		put64(PHYS_IDT + 16 * vector,
		      (handler & 0xffff) | 0x10 << 16 | (u64)((handler & 0xffff0000) | type) << 32);
		put64(PHYS_IDT + 16 * vector + 8, handler >> 32);
	}
	memset(phys(PHYS_HANDLERS), 0xf4, 32);
	memcpy(phys(PHYS_TSS + 4), &stack, 8);
	phys(PHYS_TSS)[102] = 0x68; /* no port is allowed */
	cpu->idt.base = TABLE_VA(PHYS_IDT);
	cpu->idt.limit = 32 * 16 - 1;
	x86_seg_set(cpu, SEG_TSS, 0x40, TABLE_VA(PHYS_TSS), 0x67, SEG_P | 0x0b00);
}

/* Takes what the delivered exception has pushed. */
static void take_frame(struct state *out)
{
	u64 frame[5];

	memcpy(frame, phys(PHYS_STACK + PAGE - 40), 40);
	out->raised = true;
	out->vector = (u8)(cpu->v.pc - 1 - TABLE_VA(PHYS_HANDLERS));
	out->error = 0;
	out->rip = frame[0];
	out->seg[T_CS] = (u16)frame[1];
	out->flags = frame[2];
	out->r[4] = frame[3];
	out->seg[T_SS] = (u16)frame[4];
}

static void caught(struct vcpu *v)
{
	stopped = true;
	v->cpu.exit_request = 1;
}

/* --- set-up --- */

static void fail(struct error *err)
{
	if (!err)
		return;
	error_report(err);
	exit(1);
}

/* RATITE_ACCEL: jit or check; each case is compiled before it runs. */
static void choose_tier(void)
{
	const char *accel = getenv("RATITE_ACCEL");
	char *text = g_strdup_printf("%s,sync,threshold=1", accel ? accel : "interp");

	fail(tier_configure(text));
	g_free(text);
}

void guest_init(const char *model)
{
	struct cpu *c;

	choose_tier();

	machine_lock();
	region_init(&root, "root", UINT64_MAX);
	address_space_init(&space, "test", &root);
	fail(region_init_ram(&memory, "ram", PHYS_SIZE));
	region_add(&root, 0, &memory, 0);
	memset(memory.ram->dirty, 0xff, PHYS_SIZE / PAGE);
	fail(cpu_new(&x86_cpu_class, model, &space, NULL, &c));
	cpu = x86_cpu(c);
	c->class->reset(c);
	test_isa = x86_isa;
	test_isa.exception = caught;
	cpu->v.isa = &test_isa;
	tables_make();
	gdt_make();
	ldt_make();
	idt_make();
	x86_set_cr0(cpu, CR0_PE | CR0_NE | CR0_ET | CR0_MP | CR0_WP | CR0_AM);
	x86_set_cr4(cpu, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PGE);
	x86_set_cr3(cpu, PHYS_PML4);
	x86_set_efer(cpu, EFER_LME | EFER_NXE | EFER_SCE);
	x86_set_cr0(cpu, cpu->cr0 | CR0_PG);
	cpu->gdt.base = TABLES_BASE;
	cpu->gdt.limit = 0x7f;
	/* LSL shows the number of the native processor. */
	put_desc(PHYS_GDT + 0x78, 0, native_limit(0x7b),
		 SEG_S | SEG_P | SEG_A | DPL3 | SEG_E | SEG_DB);
	x86_seg_set(cpu, SEG_LDT, 0x50, TABLE_VA(PHYS_LDT), TRUTH_LDT * 8 - 1, SEG_P | 0x0200);
	machine_unlock();
}

/* --- states --- */

static void set_segment(enum x86_seg_name s, u16 selector)
{
	u32 at = (selector & 4 ? PHYS_LDT : PHYS_GDT) + (selector & ~7u);
	struct x86_desc d;

	if (s != CS && selector < 4) {
		x86_seg_set_null(cpu, s, selector);
		return;
	}
	memcpy(&d.lo, phys(at), 4);
	memcpy(&d.hi, phys(at + 4), 4);
	x86_seg_set_desc(cpu, s, selector, d);
}

static void set_segments(const struct tcase *t)
{
	static const enum x86_seg_name order[6] = {CS, SS, DS, ES, FS, GS};

	for (unsigned int i = 0; i < 6; i++) {
		set_segment(order[i], t->in.seg[order[i]]);
		if (i == 0)
			x86_mode_changed(cpu);
	}
	if (t->mode == CODE64) {
		cpu->seg[FS].base = FS_BASE;
		cpu->seg[GS].base = GS_BASE;
		x86_seg_update(cpu, FS);
		x86_seg_update(cpu, GS);
	}
	x86_mode_changed(cpu);
}

static void set_fpu(const u8 *fx)
{
	struct x86_regs *r = &cpu->r;
	u16 fcw, fsw;
	u32 mxcsr;

	memcpy(&fcw, fx, 2);
	memcpy(&fsw, fx + 2, 2);
	memcpy(&mxcsr, fx + 24, 4);
	r->fcw = fcw;
	r->fsw = fsw & ~(7u << 11);
	r->ftop = fsw >> 11 & 7;
	r->ftag = (u8)~fx[4];
	for (unsigned int i = 0; i < 8; i++) {
		struct f80 *st = &r->st[(r->ftop + i) & 7];
		memcpy(&st->frac, fx + 32 + 16 * i, 8);
		memcpy(&st->se, fx + 40 + 16 * i, 2);
	}
	r->mxcsr = mxcsr;
	memcpy(r->xmm, fx + 160, 256);
}

static void get_fpu(u8 *fx)
{
	struct x86_regs *r = &cpu->r;
	u16 fsw = (u16)(r->fsw | r->ftop << 11), fcw = r->fcw;
	u32 mxcsr = r->mxcsr;

	memset(fx, 0, 512);
	memcpy(fx, &fcw, 2);
	memcpy(fx + 2, &fsw, 2);
	fx[4] = (u8)~r->ftag;
	memcpy(fx + 24, &mxcsr, 4);
	for (unsigned int i = 0; i < 8; i++) {
		struct f80 *st = &r->st[(r->ftop + i) & 7];
		memcpy(fx + 32 + 16 * i, &st->frac, 8);
		memcpy(fx + 40 + 16 * i, &st->se, 2);
	}
	memcpy(fx + 160, r->xmm, 256);
}

static void put_code(const struct tcase *t)
{
	code_write(phys(PHYS_CODE), t);
	blocks_invalidate(memory.ram, PHYS_CODE, CODE_PAGES * PAGE);
	if (++runs % 2000 == 0) {
		machine_lock();
		blocks_flush_all();
		machine_unlock();
	}
}

static void set_state(const struct tcase *t)
{
	cpu->v.events = 0;
	cpu->dr6_pending = 0;
	cpu->exc_double = false;
	cpu->delivering = cpu->v.cpu.halted = false;
	cpu->v.cpu.exit_request = 0;
	cpu->cr2 = 0;
	memcpy(cpu->r.r, t->in.r, sizeof(t->in.r));
	set_segments(t);
	cpu->inhibit_pc = ~UINT64_C(0);
	cpu->inhibit_ss = false;
	x86_flags_set(cpu, (u32)t->in.flags, ~0u);
	x86_mode_changed(cpu);
	set_fpu(t->in.fx);
	memcpy(phys(PHYS_DATA), t->in.data, DATA_SIZE);
	cpu->v.pc = t->in.rip;
}

void guest_run(const struct tcase *t, struct state *out)
{
	static const enum x86_seg_name segs[6] = {ES, CS, SS, DS, FS, GS};

	put_code(t);
	set_state(t);
	stopped = false;
	vcpu_run(&cpu->v.cpu);
	out->raised = true;
	out->rip = cpu->v.pc;
	out->vector = cpu->exc_vector;
	out->error = cpu->exc_has_error ? cpu->exc_error : 0;
	out->cr2 = cpu->cr2;
	out->flags = x86_flags_get(cpu);
	memcpy(out->r, cpu->r.r, sizeof(out->r));
	for (unsigned int i = 0; i < 6; i++)
		out->seg[i] = cpu->seg[segs[i]].selector;
	if (!stopped)
		take_frame(out);
	if (out->rip == EXIT_ADDRESS && (out->vector == 14 || out->vector == 1)) {
		/* came to the end; the jump to the stub is not part of the case */
		out->raised = false;
		out->rip = t->in.rip + t->size;
		out->seg[T_CS] = t->in.seg[T_CS];
	}
	get_fpu(out->fx);
	memcpy(out->data, phys(PHYS_DATA), DATA_SIZE);
}

void case_print(const struct tcase *t, FILE *out)
{
	static const unsigned int modes[] = {CS_MODE_64, CS_MODE_32, CS_MODE_16};

	for (unsigned int i = 0; i < t->count; i++) {
		const u8 *p = t->code + t->at[i];
		unsigned int len = t->insn[i].len;
		char hex[48] = "";
		for (unsigned int k = 0; k < len; k++)
			snprintf(hex + 2 * k, 3, "%02x", p[k]);
		fprintf(out, "  %-30s ", hex);
		disas_one(out, CS_ARCH_X86, modes[t->mode], p, len, t->in.rip + t->at[i]);
	}
	if (t->cut)
		fprintf(out, "  (cut by the end of the page)\n");
}
