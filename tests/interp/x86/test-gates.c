/* Far transfers, call gates and returns to outer levels: Intel SDM volume 3, section 5.8. */
#include "bed.h"

#include "../../check-main.h"

/* --- direct transfers --- */

GUEST(far_jump, 32, "ljmp $0x80, $0xa000");
GUEST(far_call, 32, "lcall $0x80, $0xa000\nmovl $1, %ecx");
GUEST(target, 32, "movl $7, %eax");
GUEST(target_ret, 32, "movl $7, %eax\nlret");
GUEST(target_ret8, 32, "movl 8(%esp), %eax\nmovl 12(%esp), %ebx\nlret $8");

static void jump_expect(uint32_t attr, int vector, uint32_t error)
{
	bed_start32();
	bed_descriptor(SEL_TEST, 0, 0xfffff, attr);
	bed_place(BED_CODE2, target);
	bed_run(far_jump);
	bed_expect(vector, error);
	if (vector < 0)
		ck_assert_uint_eq(bed->r.r[RAX], 7);
}

START_TEST(jumps)
{
	jump_expect(D_CODE | D_32, -1, 0);
	jump_expect(D_CONF | D_32, -1, 0);
	jump_expect(D_CODE | D_DPL3 | D_32, EXC_GP, SEL_TEST);
	jump_expect(D_CONF | D_DPL3 | D_32, EXC_GP, SEL_TEST);
	jump_expect((D_CODE & ~0x80u) | D_32, EXC_NP, SEL_TEST);
	jump_expect(D_DATA | D_32, EXC_GP, SEL_TEST);
	jump_expect(0x82, EXC_GP, SEL_TEST);
	jump_expect(0x8b, EXC_GP, SEL_TEST); /* a busy TSS */
}
END_TEST

START_TEST(call_and_return)
{
	bed_start32();
	bed_descriptor(SEL_TEST, 0, 0xfffff, D_CODE | D_32 | D_PAGES);
	bed_place(BED_CODE2, target_ret);
	bed_run(far_call);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RAX], 7);
	ck_assert_uint_eq(bed->r.r[RCX], 1);
	ck_assert_uint_eq(bed->r.r[RSP], BED_STACK0);
	ck_assert_uint_eq(bed->seg[CS].selector, SEL_CODE0);
}
END_TEST

/* --- call gates --- */

GUEST(gate_from3, 32, "pushl $0x1111\npushl $0x2222\nlcall $0x83, $0\nint $0xff");
GUEST(gate_from0, 32, "lcall $0x80, $0");

static void gate32(uint8_t access, uint8_t params)
{
	bed_start32();
	bed_call_gate(SEL_TEST, SEL_CODE0, BED_CODE2, access, params);
}

START_TEST(gate_inner)
{
	gate32(0xec, 2);
	bed_place(BED_CODE2, target);
	bed_level3();
	bed_run(gate_from3);
	bed_expect_none();
	ck_assert_uint_eq(x86_cpl(bed), 0);
	ck_assert_uint_eq(bed->seg[SS].selector, SEL_DATA0);
	ck_assert_uint_eq(bed->r.r[RSP], BED_STACK0 - 24);
	ck_assert_uint_eq(bed_stack32(1), SEL_CODE3);
	ck_assert_uint_eq(bed_stack32(2), 0x2222);
	ck_assert_uint_eq(bed_stack32(3), 0x1111);
	ck_assert_uint_eq(bed_stack32(4), BED_STACK3 - 8);
	ck_assert_uint_eq(bed_stack32(5), SEL_DATA3);
}
END_TEST

START_TEST(gate_and_return)
{
	gate32(0xec, 2);
	bed_place(BED_CODE2, target_ret8);
	bed_level3();
	x86_seg_set(bed, FS, SEL_DATA0, 0, UINT32_MAX, SEG_P | SEG_S | SEG_W | SEG_A | SEG_DB);
	bed_run(gate_from3);
	bed_expect(0xff, 0);
	ck_assert_uint_eq(bed->r.r[RAX], 0x2222);
	ck_assert_uint_eq(bed->r.r[RBX], 0x1111);
	ck_assert_uint_eq(bed_stack32(1), SEL_CODE3);
	ck_assert_uint_eq(bed_stack32(3), BED_STACK3); /* parameters are gone on both stacks */
	ck_assert(!bed->seg[FS].usable);	       /* too privileged for level 3 */
	ck_assert(bed->seg[DS].usable);
}
END_TEST

START_TEST(gate_16)
{
	gate32(0xe4, 1);
	bed_descriptor(SEL_TEST2, 0, 0xffff, D_CODE);
	bed_call_gate(SEL_TEST, SEL_TEST2, BED_CODE2, 0xe4, 1);
	bed_put(BED_CODE2, 1, 0xf4);
	bed_level3();
	bed_run(gate_from3);
	ck_assert_uint_eq(bed->r.r[RSP], BED_STACK0 - 10);
	ck_assert_uint_eq(bed_get(BED_STACK0 - 8, 2), SEL_CODE3);
	ck_assert_uint_eq(bed_get(BED_STACK0 - 6, 2), 0x2222);
	ck_assert_uint_eq(bed_get(BED_STACK0 - 4, 2), BED_STACK3 - 8);
	ck_assert_uint_eq(bed_get(BED_STACK0 - 2, 2), SEL_DATA3);
}
END_TEST

START_TEST(gate_same_level)
{
	gate32(0x8c, 3);
	bed_place(BED_CODE2, target);
	bed_run(gate_from0);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RSP], BED_STACK0 - 8); /* no parameters are copied */
}
END_TEST

START_TEST(gate_faults)
{
	gate32(0x8c, 0); /* DPL 0 */
	bed_level3();
	bed_run(gate_from3);
	bed_expect(EXC_GP, SEL_TEST);
	gate32(0x6c, 0); /* not present */
	bed_level3();
	bed_run(gate_from3);
	bed_expect(EXC_NP, SEL_TEST);
	gate32(0xec, 0);
	bed_call_gate(SEL_TEST, 0, BED_CODE2, 0xec, 0);
	bed_level3();
	bed_run(gate_from3);
	bed_expect(EXC_GP, 0);
	gate32(0xec, 0);
	bed_call_gate(SEL_TEST, SEL_DATA0, BED_CODE2, 0xec, 0);
	bed_level3();
	bed_run(gate_from3);
	bed_expect(EXC_GP, SEL_DATA0);
}
END_TEST

GUEST(ret_inner, 32, "pushl $0x8\npushl $0xa000\nlret");
GUEST(ret_null, 32, "pushl $0\npushl $0xa000\nlret");
GUEST(ret_bad_stack, 32, "pushl $0x10\npushl $0x7000\npushl $0x1b\npushl $0xa000\nlret");

START_TEST(return_faults)
{
	bed_start32();
	bed_level3();
	bed_run(ret_inner);
	bed_expect(EXC_GP, 8);
	bed_start32();
	bed_run(ret_null);
	bed_expect(EXC_GP, 0);
	bed_start32();
	bed_run(ret_bad_stack);
	bed_expect(EXC_GP, SEL_DATA0);
}
END_TEST

GUEST(ret_outer, 32, "pushl $0x23\npushl $0x7000\npushl $0x1b\npushl $0xa000\nlret");
GUEST(level3_end, 32, "int $0xff");

START_TEST(return_outer)
{
	bed_start32();
	bed_place(BED_CODE2, level3_end);
	bed_run(ret_outer);
	bed_expect(0xff, 0);
	ck_assert_uint_eq(bed_stack32(1), SEL_CODE3);
	ck_assert_uint_eq(bed_stack32(3), 0x7000);
	ck_assert_uint_eq(bed_stack32(4), SEL_DATA3);
	ck_assert(!bed->seg[DS].usable);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("x86 gates");
	TCase *t = tcase_create("all");

	tcase_add_test(t, jumps);
	tcase_add_test(t, call_and_return);
	tcase_add_test(t, gate_inner);
	tcase_add_test(t, gate_and_return);
	tcase_add_test(t, gate_16);
	tcase_add_test(t, gate_same_level);
	tcase_add_test(t, gate_faults);
	tcase_add_test(t, return_faults);
	tcase_add_test(t, return_outer);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
