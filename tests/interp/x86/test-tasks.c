/* Task switches: Intel SDM volume 3, chapter 7. */
#include "bed.h"

#include "../../check-main.h"

GUEST(jump_task, 32, "movl $5, %esi\nljmp $0x70, $0\nmovl $1, %edx");
GUEST(call_task, 32, "movl $5, %esi\nlcall $0x70, $0\nmovl $1, %edx");
GUEST(int_task, 32, "int $0x40\nmovl $1, %edx");
GUEST(task2, 32, "addl $1, %eax");
GUEST(task2_iret, 32, "addl $1, %eax\niret\naddl $2, %eax");
GUEST(task2_jump, 32, "addl $1, %eax\nljmp $0x28, $0");

/* A second 32-bit task that starts at BED_CODE2 with EAX = 100. */
static void second_task(uint32_t flags)
{
	bed_descriptor(SEL_TSS2, BED_TSS2, 0x67, 0x89);
	for (unsigned int i = 0; i < 0x68; i += 4)
		bed_put(BED_TSS2 + i, 4, 0);
	bed_put(BED_TSS2 + 0x04, 4, BED_STACK0 - 0x400);
	bed_put(BED_TSS2 + 0x08, 4, SEL_DATA0);
	bed_put(BED_TSS2 + 0x20, 4, BED_CODE2);
	bed_put(BED_TSS2 + 0x24, 4, flags | 2);
	bed_put(BED_TSS2 + 0x28, 4, 100);
	bed_put(BED_TSS2 + 0x38, 4, BED_STACK0 - 0x400);
	bed_put(BED_TSS2 + 0x48, 4, SEL_DATA0);
	bed_put(BED_TSS2 + 0x4c, 4, SEL_CODE0);
	bed_put(BED_TSS2 + 0x50, 4, SEL_DATA0);
	bed_put(BED_TSS2 + 0x54, 4, SEL_DATA0);
	bed_put(BED_TSS2 + 0x60, 4, SEL_LDT);
}

static unsigned int type_of(uint16_t selector)
{
	return bed_get(BED_GDT + selector + 5, 1) & 15;
}

START_TEST(jump)
{
	bed_start32();
	second_task(0);
	bed_place(BED_CODE2, task2);
	bed_run(jump_task);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RAX], 101);
	ck_assert_uint_eq(bed->seg[SEG_TSS].selector, SEL_TSS2);
	ck_assert_uint_eq(type_of(SEL_TSS), DESC_TSS32);
	ck_assert_uint_eq(type_of(SEL_TSS2), DESC_TSS32_BUSY);
	ck_assert(!(bed->eflags & FLAG_NT));
	ck_assert(bed->cr0 & CR0_TS);
	ck_assert_uint_eq(bed_get(BED_TSS + 0x40, 4), 5);		 /* ESI was saved */
	ck_assert_uint_eq(bed_get(BED_TSS + 0x20, 4), BED_CODE + 5 + 7); /* EIP after the jump */
}
END_TEST

START_TEST(call_and_iret)
{
	bed_start32();
	second_task(0);
	bed_place(BED_CODE2, task2_iret);
	bed_run(call_task);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RDX], 1);
	ck_assert_uint_eq(bed->r.r[RSI], 5);
	ck_assert_uint_eq(bed->seg[SEG_TSS].selector, SEL_TSS);
	ck_assert_uint_eq(type_of(SEL_TSS), DESC_TSS32_BUSY);
	ck_assert_uint_eq(type_of(SEL_TSS2), DESC_TSS32);
	ck_assert_uint_eq(bed_get(BED_TSS2, 2), SEL_TSS); /* back link */
	ck_assert(!(bed_get(BED_TSS2 + 0x24, 4) & FLAG_NT));
	ck_assert_uint_eq(bed_get(BED_TSS2 + 0x28, 4), 101);
	ck_assert_uint_eq(bed_get(BED_TSS2 + 0x20, 4), BED_CODE2 + 4); /* behind the IRET */
}
END_TEST

START_TEST(jump_back)
{
	bed_start32();
	second_task(0);
	bed_place(BED_CODE2, task2_jump);
	bed_run(jump_task);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RDX], 1);
}
END_TEST

START_TEST(interrupt_gate)
{
	bed_start32();
	second_task(0);
	bed_place(BED_CODE2, task2_iret);
	bed_gate(0x40, SEL_TSS2, 0, 0xe5);
	bed_run(int_task);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RDX], 1);
	ck_assert_uint_eq(bed_get(BED_TSS + 0x20, 4), BED_CODE + 2);
}
END_TEST

/* An exception with an error code pushes it on the new task's stack. */
GUEST(fault_np, 32, "movw $0x80, %ax\nmovw %ax, %es");

START_TEST(exception_gate)
{
	bed_start32();
	second_task(0);
	bed_place(BED_CODE2, task2);
	bed_gate(EXC_NP, SEL_TSS2, 0, 0x85);
	bed_descriptor(SEL_TEST, 0, 0xfff, D_DATA & ~0x80);
	bed_run(fault_np);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RAX], 101);
	ck_assert_uint_eq(bed_stack32(0), SEL_TEST);
	ck_assert_uint_eq(bed->r.r[RSP], BED_STACK0 - 0x404);
	ck_assert(bed->eflags & FLAG_NT);
	ck_assert_uint_eq(bed_get(BED_TSS + 0x20, 4), BED_CODE + 4);
	ck_assert(bed_get(BED_TSS + 0x24, 4) & FLAG_RF);
}
END_TEST

START_TEST(tss16)
{
	bed_start32();
	bed_descriptor(SEL_TSS2, BED_TSS2, 0x2b, 0x81);
	bed_descriptor(SEL_TEST, 0, 0xffff, D_CODE);
	bed_put(BED_TSS2 + 0x0e, 2, BED_CODE2);
	bed_put(BED_TSS2 + 0x10, 2, 2);
	bed_put(BED_TSS2 + 0x12, 2, 100);
	bed_put(BED_TSS2 + 0x1a, 2, BED_STACK0 - 0x400);
	bed_put(BED_TSS2 + 0x22, 2, SEL_DATA0);
	bed_put(BED_TSS2 + 0x24, 2, SEL_TEST);
	bed_put(BED_TSS2 + 0x26, 2, SEL_DATA16);
	bed_put(BED_TSS2 + 0x28, 2, SEL_DATA0);
	bed_put(BED_TSS2 + 0x2a, 2, 0);
	bed_put(BED_CODE2, 4, 0xf4cf40); /* inc ax; iret */
	bed_run(call_task);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RDX], 1);
	ck_assert_uint_eq(bed_get(BED_TSS2 + 0x12, 2), 101);
}
END_TEST

START_TEST(faults_before)
{
	bed_start32();
	second_task(0);
	bed_descriptor(SEL_TSS2, BED_TSS2, 0x67, 0x8b); /* busy */
	bed_run(call_task);
	bed_expect(EXC_GP, SEL_TSS2);
	bed_start32();
	second_task(0);
	bed_descriptor(SEL_TSS2, BED_TSS2, 0x66, 0x89); /* too short */
	bed_run(call_task);
	bed_expect(EXC_TS, SEL_TSS2);
	bed_start32();
	second_task(0);
	bed_descriptor(SEL_TSS2, BED_TSS2, 0x67, 0x09); /* not present */
	bed_run(call_task);
	bed_expect(EXC_NP, SEL_TSS2);
	ck_assert_uint_eq(bed->seg[SEG_TSS].selector, SEL_TSS);
	ck_assert_uint_eq(type_of(SEL_TSS), DESC_TSS32_BUSY);
}
END_TEST

/* Faults of the new task's segments happen in the new task. */
static void new_task_expect(uint32_t offset, uint16_t selector, int vector, uint16_t error)
{
	bed_start32();
	second_task(0);
	bed_descriptor(SEL_TEST, 0, 0xfffff, D_DATA & ~0x80);
	bed_put(BED_TSS2 + offset, 4, selector);
	bed_run(call_task);
	bed_expect(vector, error);
	ck_assert_uint_eq(bed->seg[SEG_TSS].selector, SEL_TSS2);
	ck_assert_uint_eq(bed_stack32(1), BED_CODE2);
}

START_TEST(faults_after)
{
	new_task_expect(0x54, SEL_TEST, EXC_NP, SEL_TEST); /* DS */
	new_task_expect(0x54, SEL_TEST | 3, EXC_TS, SEL_TEST);
	new_task_expect(0x48, 0x7f8, EXC_TS, 0x7f8); /* ES: an empty descriptor */
}
END_TEST

/* A bad LDT is found before SS is loaded: there is no stack for any handler at this level. */
START_TEST(no_stack)
{
	bed_start32();
	second_task(0);
	bed_put(BED_TSS2 + 0x60, 4, SEL_DATA0);
	bed_run(call_task);
	ck_assert(bed->shutdown);
}
END_TEST

/* The T bit: a debug trap before the task's first instruction. */
START_TEST(trap_bit)
{
	bed_start32();
	second_task(0);
	bed_put(BED_TSS2 + 0x64, 2, 1);
	bed_place(BED_CODE2, task2);
	bed_run(jump_task);
	bed_expect(EXC_DB, 0);
	ck_assert_uint_eq(bed_stack32(0), BED_CODE2);
	ck_assert(bed->dr[6] & 1 << 15);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("x86 tasks");
	TCase *t = tcase_create("all");

	tcase_add_test(t, jump);
	tcase_add_test(t, call_and_iret);
	tcase_add_test(t, jump_back);
	tcase_add_test(t, interrupt_gate);
	tcase_add_test(t, exception_gate);
	tcase_add_test(t, tss16);
	tcase_add_test(t, faults_before);
	tcase_add_test(t, faults_after);
	tcase_add_test(t, no_stack);
	tcase_add_test(t, trap_bit);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
