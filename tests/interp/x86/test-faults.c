/* Double faults, shutdown, error codes of delivery, interrupts: Intel SDM volume 3, chapter 6. */
#include "bed.h"

#include "../../check-main.h"

GUEST(divide, 32, "xorl %ecx, %ecx\ndivl %ecx");
GUEST(ud, 32, "ud2");
GUEST(gp, 32, "movw $0x7f8, %ax\nmovw %ax, %es");
GUEST(page, 32, "movl 0x200000, %eax");
GUEST(int30, 32, "int $0x30");

static void not_present(uint8_t vector)
{
	bed_gate(vector, SEL_CODE0, BED_HANDLERS, 0x6e);
}

/* Table 6-5. */
START_TEST(double_faults)
{
	bed_start32();
	not_present(EXC_DE); /* contributory, then #NP */
	bed_run(divide);
	bed_expect(EXC_DF, 0);
	bed_start32();
	not_present(EXC_GP);
	bed_run(gp);
	bed_expect(EXC_DF, 0);
	bed_start32();
	bed_paging32();
	bed_put(BED_TABLES + 0x1000 + 4 * (BED_DATA >> 12), 4, 0);
	not_present(EXC_PF); /* page fault, then #NP */
	bed_run(page);
	bed_expect(EXC_DF, 0);
	/* A benign one, then #NP: the second is taken as it is, with EXT and IDT. */
	bed_start32();
	not_present(EXC_UD);
	bed_run(ud);
	bed_expect(EXC_NP, EXC_UD * 8 + 3);
}
END_TEST

/* Contributory, then a page fault: the page fault is taken. */
START_TEST(page_fault_second)
{
	bed_start32();
	bed_paging32();
	/* #DE's gate on the missing page, those of #PF and #DF are not. */
	bed->idt.base = BED_DATA + 0x1000 - 8;
	for (unsigned int i = 0; i < 0x100; i += 4)
		bed_put(BED_DATA + 0x1000 - 8 + i, 4, bed_get(BED_IDT + i, 4));
	bed_put(BED_TABLES + 0x1000 + 4 * (BED_DATA >> 12), 4, 0);
	bed_run(divide);
	bed_expect(EXC_PF, 0);
	ck_assert_uint_eq(bed->cr2, BED_DATA + 0x1000 - 8);
}
END_TEST

START_TEST(triple_fault)
{
	bed_start32();
	not_present(EXC_GP);
	not_present(EXC_DF);
	bed_run(gp);
	ck_assert(bed->shutdown);
	ck_assert(bed->v.cpu.halted);
	/* Interrupts do not wake it, NMI would. */
	bed->eflags |= FLAG_IF;
	bed->v.cpu.class->set_line(&bed->v.cpu, X86_LINE_INTR, 1);
	ck_assert(!x86_has_work(&bed->v.cpu));
	bed->v.cpu.class->set_line(&bed->v.cpu, X86_LINE_NMI, 1);
	ck_assert(x86_has_work(&bed->v.cpu));
}
END_TEST

/* Software interrupts: the gate's DPL, and error codes without EXT. */
GUEST(int30_level3, 32, "int $0x30");

START_TEST(software_interrupts)
{
	bed_start32();
	bed_gate(0x30, SEL_CODE0, BED_HANDLERS + 4 * 0x30, 0x8e);
	bed_level3();
	bed_run(int30_level3);
	bed_expect(EXC_GP, 0x30 * 8 + 2);
	ck_assert_uint_eq(bed_stack32(1), BED_CODE);
	bed_start32();
	not_present(0x30);
	bed_run(int30);
	bed_expect(EXC_NP, 0x30 * 8 + 2);
	bed_start32();
	bed->idt.limit = 0x30 * 8 + 6;
	bed_run(int30);
	bed_expect(EXC_GP, 0x30 * 8 + 2);
	bed_start32();
	bed_gate(0x30, SEL_DATA0, BED_HANDLERS, 0xee);
	bed_run(int30);
	bed_expect(EXC_GP, SEL_DATA0);
	bed_start32();
	bed_run(int30);
	bed_expect(0x30, 0);
	ck_assert_uint_eq(bed_stack32(0), BED_CODE + 2);
	ck_assert(!(bed_stack32(2) & FLAG_RF));
}
END_TEST

START_TEST(frames)
{
	bed_start32();
	bed->eflags |= FLAG_IF | FLAG_NT;
	bed_run(ud);
	bed_expect(EXC_UD, 0);
	ck_assert_uint_eq(bed_stack32(0), BED_CODE);
	ck_assert_uint_eq(bed_stack32(1), SEL_CODE0);
	ck_assert((bed_stack32(2) & (FLAG_IF | FLAG_NT | FLAG_RF)) ==
		  (FLAG_IF | FLAG_NT | FLAG_RF));
	ck_assert(!(bed->eflags & (FLAG_IF | FLAG_NT | FLAG_RF)));
	/* A trap gate leaves IF. */
	bed_start32();
	bed->eflags |= FLAG_IF;
	bed_gate(EXC_UD, SEL_CODE0, BED_HANDLERS + 4 * EXC_UD, 0x8f);
	bed_run(ud);
	bed_expect(EXC_UD, 0);
	ck_assert(bed->eflags & FLAG_IF);
	/* A 16-bit gate. */
	bed_start32();
	bed_gate(EXC_UD, SEL_CODE0, BED_HANDLERS + 4 * EXC_UD, 0x86);
	bed_run(ud);
	ck_assert_uint_eq(bed->r.r[RSP], BED_STACK0 - 6);
	ck_assert_uint_eq(bed_get(BED_STACK0 - 6, 2), BED_CODE);
}
END_TEST

/* What is wrong with the inner stack of the TSS is #TS, which here is taken at level 3 itself. */
static void inner_stack(uint16_t ss, uint32_t attr)
{
	bed_start32();
	bed_descriptor(SEL_TEST, 0, 0xfffff, attr);
	bed_put(BED_TSS + 8, 4, ss);
	bed_gate(EXC_TS, SEL_CODE3, BED_HANDLERS + 4 * EXC_TS, 0xee);
	bed_gate(EXC_SS, SEL_CODE3, BED_HANDLERS + 4 * EXC_SS, 0xee);
	/* Its handler ends by repairing the TSS and an INT. */
	for (unsigned int v = EXC_TS; v <= EXC_SS; v++) {
		static const uint8_t repair[] = {0x66, 0xc7, 0x05, 0x08, 0x30,
						 0,    0,    0x10, 0, /* movw */
						 0xcd, 0x00};
		uint8_t code[11];
		memcpy(code, repair, 11);
		code[10] = (uint8_t)(0x80 + v);
		bed_copy(0x6000 + 32 * v, code, code + 11);
		bed_gate((uint8_t)v, SEL_CODE3, 0x6000 + 32 * v, 0xee);
	}
	bed_level3();
	bed_run(int30_level3);
}

START_TEST(inner_stacks)
{
	inner_stack(SEL_TEST, D_RO | D_32);
	bed_expect(0x80 + EXC_TS, 0);
	ck_assert_uint_eq(bed_get(BED_STACK3 - 16, 4), SEL_TEST);
	inner_stack(SEL_TEST, (D_DATA | D_32) & ~0x80u);
	bed_expect(0x80 + EXC_SS, 0);
	ck_assert_uint_eq(bed_get(BED_STACK3 - 16, 4), SEL_TEST);
	inner_stack(SEL_DATA3, D_DATA);
	bed_expect(0x80 + EXC_TS, 0);
	ck_assert_uint_eq(bed_get(BED_STACK3 - 16, 4), SEL_DATA3 & ~3);
	inner_stack(0, D_DATA);
	bed_expect(0x80 + EXC_TS, 0);
	ck_assert_uint_eq(bed_get(BED_STACK3 - 16, 4), 0);
}
END_TEST

/* --- external interrupts --- */

static int vector_to_give;
static unsigned int acknowledged;

static int give(void *opaque)
{
	acknowledged++;
	bed->v.cpu.class->set_line(&bed->v.cpu, X86_LINE_INTR, 0);
	return vector_to_give;
}

static const struct x86_intc_ops intc = {.acknowledge = give};

static void interrupt_bed(int vector)
{
	bed_start32();
	bed->v.cpu.intc_ops = &intc;
	vector_to_give = vector;
	acknowledged = 0;
	bed->v.cpu.class->set_line(&bed->v.cpu, X86_LINE_INTR, 1);
}

GUEST(sti_two, 32, "movl $1, %eax\nsti\nmovl $2, %eax\nmovl $3, %eax\nmovl $4, %eax");
GUEST(sti_hlt, 32, "sti\nhlt\nmovl $3, %eax");
GUEST(sti_cli, 32, "sti\ncli\nmovl $3, %eax");
GUEST(popf_on, 32, "pushl $0x202\nmovl $1, %eax\npopfl\nmovl $2, %eax");

START_TEST(sti_shadow)
{
	interrupt_bed(0x50);
	bed_run(sti_two);
	bed_expect(0x50, 0);
	ck_assert_uint_eq(bed->r.r[RAX], 2); /* one instruction behind STI has run */
	ck_assert_uint_eq(bed_stack32(0), BED_CODE + 11);
	interrupt_bed(0x50);
	bed_run(sti_cli);
	bed_expect_none();
	ck_assert_uint_eq(acknowledged, 0);
	interrupt_bed(0x50);
	bed_run(sti_hlt);
	bed_expect(0x50, 0);
	ck_assert_uint_eq(bed_stack32(0), BED_CODE + 2);
	interrupt_bed(0x50);
	bed_run(popf_on); /* POPF has no shadow */
	bed_expect(0x50, 0);
	ck_assert_uint_eq(bed->r.r[RAX], 1);
}
END_TEST

START_TEST(spurious)
{
	interrupt_bed(-1);
	bed_run(sti_two);
	bed_expect_none();
	ck_assert_uint_eq(acknowledged, 1);
	ck_assert_uint_eq(bed->r.r[RAX], 4);
}
END_TEST

GUEST(nmi_twice, 32, "movl $1, %eax\nmovl $2, %eax");

START_TEST(nmi)
{
	bed_start32();
	bed->v.cpu.class->set_line(&bed->v.cpu, X86_LINE_NMI, 1);
	bed_run(nmi_twice);
	bed_expect(EXC_NMI, 0);
	ck_assert(bed->nmi_blocked);
	/* Another one waits for IRET. */
	bed->v.cpu.class->set_line(&bed->v.cpu, X86_LINE_NMI, 1);
	ck_assert(!x86_has_work(&bed->v.cpu));
	bed_put(BED_HANDLERS + 4 * EXC_NMI, 2, 0xf4cf); /* iret */
	bed->v.pc = BED_HANDLERS + 4 * EXC_NMI;
	bed->v.cpu.halted = false;
	bed_continue();
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RAX], 2);
	ck_assert(!bed->nmi_blocked);
}
END_TEST

/* --- processors that wait for SIPI --- */

START_TEST(init_sipi)
{
	bed_start16();
	struct cpu *cpu = &bed->v.cpu;
	x86_cpu_set_bsp(cpu, false);
	cpu->class->reset(cpu);
	ck_assert(cpu->halted);
	ck_assert(!x86_has_work(cpu));
	bed_put(0x9a000, 1, 0xf4);
	cpu->class->set_line(cpu, X86_LINE_INIT, 1);
	cpu->class->set_line(cpu, X86_LINE_SIPI, 0x9a);
	bed_continue();
	ck_assert_uint_eq(bed->seg[CS].selector, 0x9a00);
	ck_assert_uint_eq(bed->seg[CS].base, 0x9a000);
	ck_assert_uint_eq(bed->v.pc, 1);
	/* A SIPI that nobody waits for is nothing. */
	cpu->class->set_line(cpu, X86_LINE_SIPI, 0x10);
	ck_assert(!x86_has_work(cpu));
}
END_TEST

START_TEST(init_bsp)
{
	bed_start32();
	struct cpu *cpu = &bed->v.cpu;
	bed->r.r[RBX] = 5;
	bed->pat = 6;
	cpu->class->set_line(cpu, X86_LINE_INIT, 1);
	x86_events(&bed->v);
	ck_assert_uint_eq(bed->v.pc, 0xfff0);
	ck_assert_uint_eq(bed->seg[CS].base, 0xffff0000);
	ck_assert_uint_eq(bed->r.r[RBX], 0);
	ck_assert_uint_eq(bed->pat, 6); /* MSRs stay */
	ck_assert(!cpu->halted);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("x86 faults and interrupts");
	TCase *t = tcase_create("all");

	tcase_add_test(t, double_faults);
	tcase_add_test(t, page_fault_second);
	tcase_add_test(t, triple_fault);
	tcase_add_test(t, software_interrupts);
	tcase_add_test(t, frames);
	tcase_add_test(t, inner_stacks);
	tcase_add_test(t, sti_shadow);
	tcase_add_test(t, spurious);
	tcase_add_test(t, nmi);
	tcase_add_test(t, init_sipi);
	tcase_add_test(t, init_bsp);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
