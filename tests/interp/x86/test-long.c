/* Long mode: delivery with IST, SYSCALL, SYSENTER, canonical addresses, mode switches. */
#include "bed.h"

#include "../../check-main.h"

GUEST(ud, 64, "ud2");
GUEST(int80, 64, "int $0x80");
GUEST(page, 64, "movabsl 0x7fffff000000, %eax");
GUEST(iretq, 64, "int $0x80\nmovl $3, %ebx\nint $0xff");

START_TEST(same_level)
{
	bed_start64();
	bed->r.r[RSP] = BED_STACK0 - 4; /* is aligned to 16 */
	bed_run(ud);
	bed_expect(EXC_UD, 0);
	ck_assert_uint_eq(bed->r.r[RSP], BED_STACK0 - 16 - 40);
	ck_assert_uint_eq(bed_stack64(0), BED_CODE);
	ck_assert_uint_eq(bed_stack64(1), SEL_CODE64);
	ck_assert(bed_stack64(2) & FLAG_RF);
	ck_assert_uint_eq(bed_stack64(3), BED_STACK0 - 4);
	ck_assert_uint_eq(bed_stack64(4), SEL_DATA0);
}
END_TEST

START_TEST(inner_level)
{
	bed_start64();
	bed_level3();
	bed_run(int80);
	bed_expect(0x80, 0);
	ck_assert_uint_eq(bed->r.r[RSP], BED_STACK0 - 40);
	ck_assert_uint_eq(bed_stack64(1), SEL_CODE64_3);
	ck_assert_uint_eq(bed_stack64(3), BED_STACK3);
	ck_assert_uint_eq(bed_stack64(4), SEL_DATA3);
	ck_assert_uint_eq(bed->seg[SS].selector, 0); /* null, with RPL = CPL */
	ck_assert_uint_eq(x86_cpl(bed), 0);
}
END_TEST

START_TEST(ist)
{
	bed_start64();
	bed_gate64(EXC_UD, SEL_CODE64, BED_HANDLERS + 4 * EXC_UD, 0x8e, 1);
	bed_run(ud);
	bed_expect(EXC_UD, 0);
	ck_assert_uint_eq(bed->r.r[RSP], BED_IST1 - 40);
	ck_assert_uint_eq(bed->seg[SS].selector, SEL_DATA0);
	/* A non-canonical one is #SS(0), contributory while #GP is delivered. */
	bed_start64();
	bed_gate64(EXC_UD, SEL_CODE64, BED_HANDLERS + 4 * EXC_UD, 0x8e, 1);
	bed_put(BED_TSS + 36, 8, UINT64_C(0x800000000000));
	bed_run(ud);
	bed_expect(EXC_SS, 1);
}
END_TEST

START_TEST(gate_faults)
{
	bed_start64();
	bed_gate64(0x80, SEL_CODE0, BED_HANDLERS, 0xee, 0); /* 32-bit code */
	bed_run(int80);
	bed_expect(EXC_GP, SEL_CODE0);
	bed_start64();
	bed_gate64(0x80, SEL_CODE64, UINT64_C(0x800000000000), 0xee, 0);
	bed_run(int80);
	bed_expect(EXC_GP, 0);
	bed_start64();
	bed_gate64(0x80, SEL_CODE64, BED_HANDLERS, 0xe5, 0); /* task gate */
	bed_run(int80);
	bed_expect(EXC_GP, 0x80 * 8 + 2);
}
END_TEST

START_TEST(return_to_level3)
{
	bed_start64();
	bed_put(BED_HANDLERS + 4 * 0x80, 2, 0xcf48); /* iretq */
	bed_level3();
	bed_run(iretq);
	bed_expect(0xff, 0);
	ck_assert_uint_eq(bed->r.r[RBX], 3);
	ck_assert_uint_eq(bed_stack64(3), BED_STACK3);
}
END_TEST

START_TEST(page_fault)
{
	bed_start64();
	bed_run(page);
	bed_expect(EXC_PF, 0);
	ck_assert_uint_eq(bed->cr2, UINT64_C(0x7fffff000000));
}
END_TEST

/* --- canonical addresses --- */

GUEST(noncanonical, 64, "movabsq $0x800000000000, %rbx\nmovl (%rbx), %eax");
GUEST(noncanonical_stack, 64, "movabsq $0x800000000010, %rsp\npushq %rax");
GUEST(noncanonical_jump, 64, "movabsq $0x800000000000, %rax\njmp *%rax");

START_TEST(canonical_addresses)
{
	bed_start64();
	bed_run(noncanonical);
	bed_expect(EXC_GP, 0);
	bed_start64();
	bed_gate64(EXC_SS, SEL_CODE64, BED_HANDLERS + 4 * EXC_SS, 0x8e, 1);
	bed_run(noncanonical_stack);
	bed_expect(EXC_SS, 0);
	bed_start64();
	bed_run(noncanonical_jump);
	bed_expect(EXC_GP, 0);
}
END_TEST

/* --- system calls --- */

GUEST(syscall, 64, "syscall\nmovl $5, %esi\nint $0xff");
GUEST(kernel, 64, "movl $1, %edi\nsysretq");
GUEST(kernel_stop, 64, "movl $1, %edi");

static void syscall_bed(void)
{
	bed_start64();
	/* SYSRET: CS = STAR + 16, SS = STAR + 8 of the upper half. */
	bed->star = (uint64_t)SEL_CODE64 << 32 | UINT64_C(0x50) << 48;
	bed->lstar = BED_CODE2;
	bed->sfmask = FLAG_IF | FLAG_TF;
	bed_level3();
}

START_TEST(syscall_entry)
{
	syscall_bed();
	bed_place(BED_CODE2, kernel_stop);
	x86_flags_set(bed, FLAG_IF | FLAG_CF, FLAG_IF | FLAG_CF);
	bed_run(syscall);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RDI], 1);
	ck_assert_uint_eq(bed->r.r[RCX], BED_CODE + 2);
	ck_assert_uint_eq(bed->r.r[R11], FLAG_IF | FLAG_CF | FLAG_1);
	ck_assert_uint_eq(x86_flags_get(bed) & (FLAG_IF | FLAG_CF), FLAG_CF);
	ck_assert_uint_eq(bed->seg[CS].selector, SEL_CODE64);
	ck_assert_uint_eq(bed->seg[SS].selector, SEL_CODE64 + 8);
	ck_assert_uint_eq(x86_cpl(bed), 0);
}
END_TEST

START_TEST(syscall_return)
{
	syscall_bed();
	bed_place(BED_CODE2, kernel);
	bed->eflags |= FLAG_IF;
	bed_run(syscall);
	bed_expect(0xff, 0);
	ck_assert_uint_eq(bed->r.r[RSI], 5);
	ck_assert_uint_eq(bed_stack64(1), 0x63);
	ck_assert_uint_eq(bed_stack64(4), 0x5b);
	ck_assert(bed_stack64(2) & FLAG_IF);
	ck_assert_uint_eq(bed_stack64(3), BED_STACK3);
}
END_TEST

START_TEST(syscall_off)
{
	syscall_bed();
	bed->efer &= ~(uint64_t)EFER_SCE;
	bed_run(syscall);
	bed_expect(EXC_UD, 0);
}
END_TEST

GUEST(sysenter, 32, "sysenter\nnop");
GUEST(sysexit, 32, "movl $0x9002, %edx\nmovl $0x7000, %ecx\nsysexit");
GUEST(sysenter_back, 32, "sysenter\nint $0xff");

START_TEST(sysenter_32)
{
	bed_start32();
	bed_level3();
	bed_run(sysenter);
	bed_expect(EXC_GP, 0); /* SYSENTER_CS is null */
	bed_start32();
	bed->sysenter_cs = SEL_CODE0;
	bed->sysenter_esp = BED_STACK0;
	bed->sysenter_eip = BED_CODE2;
	bed_place(BED_CODE2, sysexit);
	bed_level3();
	bed->eflags |= FLAG_IF;
	bed_run(sysenter_back);
	bed_expect(0xff, 0);
	ck_assert_uint_eq(bed_stack32(1), SEL_CODE0 + 16 + 3);
	ck_assert_uint_eq(bed_stack32(4), SEL_CODE0 + 24 + 3);
	ck_assert(!(bed_stack32(2) & FLAG_IF));
}
END_TEST

/* --- bases --- */

GUEST(swapgs, 64, "swapgs\nmovq %gs:8, %rax");
GUEST(bases, 64,
      "movl $0xc0000100, %ecx\nmovl $0x200000, %eax\nxorl %edx, %edx\nwrmsr\n"
      "movq %fs:0x10, %rbx\nrdmsr");

START_TEST(segment_bases)
{
	bed_start64();
	bed->kernel_gs_base = BED_DATA;
	bed_put(BED_DATA + 8, 8, UINT64_C(0x1122334455667788));
	bed_run(swapgs);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RAX], UINT64_C(0x1122334455667788));
	ck_assert_uint_eq(bed->kernel_gs_base, 0);
	bed_start64();
	bed_put(BED_DATA + 0x10, 8, 77);
	bed_run(bases);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RBX], 77);
	ck_assert_uint_eq(bed->r.r[RAX], BED_DATA);
}
END_TEST

/* --- switching modes --- */

/* From protected mode to 64-bit code and back through a compatibility segment. */
GUEST(enter_long, 32,
      "movl $0x20, %eax\nmovl %eax, %cr4\nmovl $0x100000, %eax\nmovl %eax, %cr3\n"
      "movl $0xc0000080, %ecx\nrdmsr\norl $0x100, %eax\nwrmsr\n"
      "movl %cr0, %eax\norl $0x80000000, %eax\nmovl %eax, %cr0\nljmp $0x58, $0xa000");
GUEST(in_long, 64, "movabsq $0x123456789abcdef0, %rbx\npushq $0x8\npushq $0xa100\nlretq");
GUEST(in_compat, 32, "movl $5, %edx\ndecl %edx"); /* DEC EDX is a REX prefix in 64-bit code */

START_TEST(activation)
{
	bed_start32();
	bed_put(BED_TABLES, 8, (BED_TABLES + 0x1000) | 7);
	bed_put(BED_TABLES + 0x1000, 8, (BED_TABLES + 0x2000) | 7);
	for (unsigned int i = 0; i < 4; i++)
		bed_put(BED_TABLES + 0x2000 + 8 * i, 8, i << 21 | 0x87);
	bed_place(BED_CODE2, in_long);
	bed_place(BED_CODE2 + 0x100, in_compat);
	bed_run(enter_long);
	bed_expect_none();
	ck_assert(bed->efer & EFER_LMA);
	ck_assert_uint_eq(bed->r.r[RBX], UINT64_C(0x123456789abcdef0));
	ck_assert_uint_eq(bed->r.r[RDX], 4);
	ck_assert(!x86_code64(bed));
}
END_TEST

GUEST(pae_off, 64, "movq $0, %rax\nmovq %rax, %cr4");
GUEST(pg_off, 64, "movl $0x11, %eax\nmovq %rax, %cr0");
GUEST(lme_off, 64, "movl $0xc0000080, %ecx\nxorl %eax, %eax\nxorl %edx, %edx\nwrmsr");
GUEST(cr0_high, 64, "movabsq $0x180050033, %rax\nmovq %rax, %cr0");

START_TEST(forbidden)
{
	bed_start64();
	bed_run(pae_off);
	bed_expect(EXC_GP, 0);
	bed_start64();
	bed_run(pg_off);
	bed_expect(EXC_GP, 0);
	bed_start64();
	bed_run(lme_off);
	bed_expect(EXC_GP, 0);
	bed_start64();
	bed_run(cr0_high);
	bed_expect(EXC_GP, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("x86 long mode");
	TCase *t = tcase_create("all");

	tcase_add_test(t, same_level);
	tcase_add_test(t, inner_level);
	tcase_add_test(t, ist);
	tcase_add_test(t, gate_faults);
	tcase_add_test(t, return_to_level3);
	tcase_add_test(t, page_fault);
	tcase_add_test(t, canonical_addresses);
	tcase_add_test(t, syscall_entry);
	tcase_add_test(t, syscall_return);
	tcase_add_test(t, syscall_off);
	tcase_add_test(t, sysenter_32);
	tcase_add_test(t, segment_bases);
	tcase_add_test(t, activation);
	tcase_add_test(t, forbidden);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
