/* Debug registers and traps: Intel SDM volume 3, chapter 17. */
#include "bed.h"

#include "../../check-main.h"

#define BS (1u << 14)
#define BD (1u << 13)

GUEST(steps, 32, "pushl $0x102\npopfl\nmovl $1, %eax\nmovl $2, %eax\nmovl $3, %eax");

START_TEST(single_step)
{
	bed_start32();
	bed_run(steps);
	bed_expect(EXC_DB, 0);
	/* The trap comes after the instruction behind POPF. */
	ck_assert_uint_eq(bed->r.r[RAX], 1);
	ck_assert_uint_eq(bed_stack32(0), BED_CODE + 6 + 5);
	ck_assert(bed->dr[6] & BS);
	ck_assert(bed_stack32(2) & FLAG_TF);
	ck_assert(!(bed->eflags & FLAG_TF));
}
END_TEST

/* Stepping by IRET: every instruction, branches included. */
GUEST(loop, 32,
      "pushl $0x102\npopfl\nmovl $3, %ecx\n1: decl %ecx\njnz 1b\ncli\n"
      "pushl $2\npopfl");

GUEST(step_handler, 32, "incl %esi\niret");

START_TEST(step_through)
{
	bed_start32();
	bed_place(BED_HANDLERS + 0x800, step_handler);
	bed_gate(EXC_DB, SEL_CODE0, BED_HANDLERS + 0x800, 0x8e);
	bed->r.r[RSI] = 0;
	bed_run(loop);
	bed_expect_none();
	/* MOV, three times DEC and JNZ, CLI, PUSH, and the POPF that ends it. */
	ck_assert_uint_eq(bed->r.r[RSI], 10);
}
END_TEST

GUEST(fault_step, 32, "pushl $0x102\npopfl\nud2");

START_TEST(fault_while_stepping)
{
	bed_start32();
	bed_run(fault_step);
	bed_expect(EXC_UD, 0);
	ck_assert(!(bed->dr[6] & BS));
	ck_assert(!(bed->v.events & X86_EVENT_TRAP));
}
END_TEST

/* The trap of MOV SS is held back by one instruction. */
GUEST(step_ss, 32,
      "movl %ss, %edx\npushl $0x102\npopfl\nmovl %edx, %ss\nmovl $2, %eax\nmovl $3, %eax");

START_TEST(step_over_mov_ss)
{
	bed_start32();
	bed_run(step_ss);
	bed_expect(EXC_DB, 0);
	ck_assert_uint_eq(bed->r.r[RAX], 2);
}
END_TEST

GUEST(three, 32, "movl $1, %eax\nmovl $2, %eax\nmovl $3, %eax");

START_TEST(code_breakpoint)
{
	bed_start32();
	bed->dr[0] = BED_CODE + 5;
	x86_set_dr(bed, 7, 1);
	bed_run(three);
	bed_expect(EXC_DB, 0);
	ck_assert_uint_eq(bed->r.r[RAX], 1); /* a fault: before the instruction */
	ck_assert_uint_eq(bed_stack32(0), BED_CODE + 5);
	ck_assert(bed_stack32(2) & FLAG_RF);
	ck_assert_uint_eq(bed->dr[6] & 15, 1);
	/* IRET with RF lets it pass. */
	bed_put(BED_HANDLERS + 4 * EXC_DB, 1, 0xcf);
	bed->v.pc = BED_HANDLERS + 4 * EXC_DB;
	bed->v.cpu.halted = false;
	bed_continue();
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RAX], 3);
}
END_TEST

GUEST(stores, 32, "movl %eax, 0x200000\nmovl %eax, 0x200008\nmovl $7, %ebx\nmovl 0x200008, %ecx");

static void watch(unsigned int kind, unsigned int len)
{
	bed_start32();
	bed->dr[2] = BED_DATA + 8;
	x86_set_dr(bed, 7, 1 << 4 | kind << 24 | len << 26);
}

START_TEST(data_breakpoint)
{
	watch(1, 3); /* writes of 4 bytes */
	bed_run(stores);
	bed_expect(EXC_DB, 0);
	ck_assert_uint_eq(bed_stack32(0), BED_CODE + 10); /* a trap: behind it */
	ck_assert_uint_eq(bed->r.r[RBX], 0);
	ck_assert_uint_eq(bed->dr[6] & 15, 4);
	watch(3, 0);
	bed_put(BED_DATA + 8, 4, 0);
	bed->r.r[RAX] = 0;
	bed_run(stores);
	bed_expect(EXC_DB, 0);
	ck_assert_uint_eq(bed_stack32(0), BED_CODE + 10);
	/* Only reads and writes that touch it. */
	watch(1, 3);
	bed->dr[2] = BED_DATA + 4;
	x86_set_dr(bed, 2, BED_DATA + 4);
	bed_run(stores);
	bed_expect_none();
}
END_TEST

GUEST(general_detect, 32, "movl %dr0, %eax");
GUEST(dr4, 32, "movl %dr4, %eax");

START_TEST(registers)
{
	bed_start32();
	bed->dr[7] |= 1 << 13;
	bed_run(general_detect);
	bed_expect(EXC_DB, 0);
	ck_assert(bed->dr[6] & BD);
	ck_assert(!(bed->dr[7] & 1 << 13));
	bed_start32();
	bed_run(dr4);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RAX], 0xffff0ff0);
	bed_start32();
	x86_set_cr4(bed, CR4_DE);
	bed_run(dr4);
	bed_expect(EXC_UD, 0);
}
END_TEST

GUEST(int1, 32, ".byte 0xf1");

START_TEST(icebp)
{
	bed_start32();
	bed_run(int1);
	bed_expect(EXC_DB, 0);
	ck_assert_uint_eq(bed_stack32(0), BED_CODE + 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("x86 debugging");
	TCase *t = tcase_create("all");

	tcase_add_test(t, single_step);
	tcase_add_test(t, step_through);
	tcase_add_test(t, fault_while_stepping);
	tcase_add_test(t, step_over_mov_ss);
	tcase_add_test(t, code_breakpoint);
	tcase_add_test(t, data_breakpoint);
	tcase_add_test(t, registers);
	tcase_add_test(t, icebp);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
