/* System-management mode: Intel SDM volume 3, chapter 31; AMD APM volume 2, chapter 10. */
#include "bed.h"

#include "../../check-main.h"

GUEST(count, 32, "movl $1, %eax\nmovl $2, %ebx\nmovl $3, %ecx");
GUEST(rsm, 16, "movw $0x77, %bp\nrsm");
/* Moves SMBASE to 50000h in the save map. */
GUEST(relocate32, 16, "movl $0x3fef8, %esi\nmovl $0x50000, (%esi)\nrsm");
GUEST(relocate64, 16, "movl $0x3ff00, %esi\nmovl $0x50000, (%esi)\nrsm");

static void smi(void)
{
	bed->v.cpu.class->set_line(&bed->v.cpu, X86_LINE_SMI, 1);
}

static void check_entry(void)
{
	ck_assert(bed->smm);
	ck_assert_uint_eq(bed->seg[CS].selector, 0x3000);
	ck_assert_uint_eq(bed->seg[CS].base, 0x30000);
	ck_assert_uint_eq(bed->v.pc, 0x8001);
	ck_assert(!(bed->cr0 & (CR0_PE | CR0_PG)));
	ck_assert_uint_eq(bed->cr4, 0);
	ck_assert_uint_eq(bed->efer, 0);
	ck_assert_uint_eq(bed->seg[DS].limit, UINT32_MAX);
}

START_TEST(entry)
{
	bed_start64();
	bed_put(0x38000, 1, 0xf4);
	smi();
	bed_run(count);
	check_entry();
	/* 64-bit map */
	ck_assert_uint_eq(bed_get(0x3ff78, 8), BED_CODE);
	ck_assert_uint_eq(bed_get(0x3fefc, 4), 0x20064);
	ck_assert_uint_eq(bed_get(0x3fff8 - 8 * RSP, 8), BED_STACK0);
	ck_assert_uint_eq(bed_get(0x3fe10, 2), SEL_CODE64);
}
END_TEST

static void there_and_back(void)
{
	bed_place(0x38000, rsm);
	bed->r.r[RBP] = 0x12345678;
	bed->eflags |= FLAG_IF;
	uint64_t cr0 = bed->cr0, cr3 = bed->cr3, cr4 = bed->cr4, efer = bed->efer;
	uint32_t mode = bed->v.mode;
	smi();
	bed_run(count);
	bed_expect_none();
	ck_assert(!bed->smm);
	ck_assert_uint_eq(bed->r.r[RAX], 1);
	ck_assert_uint_eq(bed->r.r[RCX], 3);
	ck_assert_uint_eq(bed->r.r[RBP], 0x12345678);
	ck_assert_uint_eq(bed->cr0, cr0);
	ck_assert_uint_eq(bed->cr3, cr3);
	ck_assert_uint_eq(bed->cr4, cr4);
	ck_assert_uint_eq(bed->efer, efer);
	ck_assert_uint_eq(bed->v.mode, mode);
	ck_assert(bed->eflags & FLAG_IF);
	ck_assert_uint_eq(bed->gdt.base, BED_GDT);
	ck_assert_uint_eq(bed->idt.base, BED_IDT);
	ck_assert_uint_eq(bed->seg[SEG_TSS].base, BED_TSS);
	ck_assert_uint_eq(bed->seg[SS].selector, SEL_DATA0);
}

START_TEST(return_protected)
{
	bed_start32();
	there_and_back();
	bed_start32();
	bed_paging32();
	there_and_back();
}
END_TEST

START_TEST(return_long)
{
	bed_start64();
	there_and_back();
}
END_TEST

/* The P6 map, with a model that has no long mode. */
static void start_p6(void)
{
	bed_start32();
	struct error *err = x86_model_set(bed, "pentium3");
	ck_assert(!err);
}

START_TEST(return_p6)
{
	start_p6();
	there_and_back();
	start_p6();
	bed_put(0x38000, 1, 0xf4);
	smi();
	bed_run(count);
	check_entry();
	ck_assert_uint_eq(bed_get(0x3fff0, 4), BED_CODE);
	ck_assert_uint_eq(bed_get(0x3ffe0, 4), BED_STACK0); /* ESP */
	ck_assert_uint_eq(bed_get(0x3fefc, 4), 0x20000);
}
END_TEST

START_TEST(relocation)
{
	start_p6();
	bed_place(0x38000, relocate32);
	smi();
	bed_run(count);
	bed_expect_none();
	ck_assert_uint_eq(bed->smbase, 0x50000);
	bed_start32();
	bed_place(0x38000, relocate64);
	smi();
	bed_run(count);
	bed_expect_none();
	ck_assert_uint_eq(bed->smbase, 0x50000);
	bed_put(0x58000, 1, 0xf4);
	smi();
	bed_run(count);
	ck_assert_uint_eq(bed->seg[CS].base, 0x50000);
}
END_TEST

START_TEST(blocked)
{
	bed_start32();
	bed_put(0x38000, 1, 0xf4);
	smi();
	bed_run(count);
	ck_assert(bed->smm);
	/* Neither SMI nor NMI come in SMM. */
	smi();
	bed->v.cpu.class->set_line(&bed->v.cpu, X86_LINE_NMI, 1);
	ck_assert(!x86_has_work(&bed->v.cpu));
}
END_TEST

GUEST(rsm_outside, 32, "rsm");
GUEST(hlt_first, 32, "hlt\nmovl $5, %edi");

START_TEST(outside)
{
	bed_start32();
	bed_run(rsm_outside);
	bed_expect(EXC_UD, 0);
}
END_TEST

/* An SMI takes the processor out of HLT; RSM goes back into it. */
START_TEST(halted)
{
	bed_start32();
	bed_place(0x38000, rsm);
	bed_run(hlt_first);
	smi();
	bed_continue();
	ck_assert(!bed->smm);
	ck_assert(bed->v.cpu.halted);
	ck_assert_uint_eq(bed->v.pc, BED_CODE + 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("x86 system-management mode");
	TCase *t = tcase_create("all");

	tcase_add_test(t, entry);
	tcase_add_test(t, return_protected);
	tcase_add_test(t, return_long);
	tcase_add_test(t, return_p6);
	tcase_add_test(t, relocation);
	tcase_add_test(t, blocked);
	tcase_add_test(t, outside);
	tcase_add_test(t, halted);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
