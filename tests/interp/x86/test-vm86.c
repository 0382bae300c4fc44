/* Virtual-8086 mode and its extensions: Intel SDM volume 3, chapter 20. */
#include "bed.h"

#include "../../check-main.h"

#define VM_CS 0x1000 /* at 10000h */

GUEST(nothing, 16, "nop");
GUEST(int21, 16, "int $0x21");
GUEST(cli, 16, "cli\nint3");
GUEST(sti, 16, "sti\nint3");
GUEST(pushf, 16, "pushf\npopw %ax\nint3");
GUEST(popf_if, 16, "pushw $0x200\npopfw\nint3");
GUEST(popf_tf, 16, "pushw $0x100\npopfw\nint3");
GUEST(popf_long, 16, "pushfl\nint3");
GUEST(iret16, 16, "pushw $0x246\npushw %cs\npushw $done\niret\ndone = . - guest_iret16\nint3");
GUEST(out80, 16, "outb %al, $0x80\nint3");
GUEST(segments, 16,
      "movw $0x2000, %ax\nmovw %ax, %ds\nmovw 0, %bx\nljmp $0x1000, $1f - guest_segments\n1: int3");
GUEST(load_top, 16, "movl $0xffff, %ebx\nmovw (%bx), %ax\nint3");

/* Enters V86 mode through IRET, as an operating system does, and runs code at 1000:0. */
static void vm_run(const uint8_t *code, const uint8_t *end, uint32_t flags)
{
	struct x86_stack st;

	bed_copy(VM_CS << 4, code, end);
	x86_stack_current(bed, &st);
	for (unsigned int i = 0; i < 4; i++)
		x86_stack_push(&st, 4, 0); /* GS FS DS ES */
	x86_stack_push(&st, 4, 0x1000);	   /* SS */
	x86_stack_push(&st, 4, 0x8000);
	x86_stack_push(&st, 4, flags | FLAG_VM | FLAG_1);
	x86_stack_push(&st, 4, VM_CS);
	x86_stack_push(&st, 4, 0);
	x86_stack_commit(&st);
	static const uint8_t iret[] = {0xcf};
	bed_go(iret, iret + 1);
}

#define VM_RUN(name, flags) vm_run(guest_##name, guest_##name##_end, flags)
#define IOPL(n)		    ((n) << 12)

/* IVT entry of a vector at 3000:n. */
static void vm_vector(uint8_t vector)
{
	bed_put(vector * 4u, 4, 0x30000000 | vector);
	bed_put(0x30000u + vector, 1, 0xcc); /* int3 tells */
}

static void vm_start(bool vme)
{
	bed_start32();
	if (vme)
		x86_set_cr4(bed, CR4_VME);
	/* The I/O bitmap behind the redirection bitmap, both in the TSS. */
	bed_put(BED_TSS + 102, 2, 0x88);
	vm_vector(0x21);
}

START_TEST(entry_and_exception)
{
	vm_start(false);
	VM_RUN(nothing, IOPL(0)); /* ends with HLT, which is #GP here */
	bed_expect(EXC_GP, 0);
	ck_assert(!(bed->eflags & FLAG_VM));
	ck_assert_uint_eq(x86_cpl(bed), 0);
	ck_assert_uint_eq(bed_stack32(1), 1);	   /* IP */
	ck_assert_uint_eq(bed_stack32(2), VM_CS);  /* CS */
	ck_assert(bed_stack32(3) & FLAG_VM);	   /* flags */
	ck_assert_uint_eq(bed_stack32(4), 0x8000); /* SP */
	ck_assert_uint_eq(bed_stack32(5), 0x1000); /* SS */
	ck_assert_uint_eq(bed_stack32(6), 0);	   /* ES */
	ck_assert(!bed->seg[DS].usable);
	ck_assert_uint_eq(bed->r.r[RSP], BED_STACK0 - 40);
}
END_TEST

START_TEST(segment_loads)
{
	vm_start(false);
	bed_put(0x20000, 2, 0x4711);
	VM_RUN(segments, IOPL(3));
	bed_expect(EXC_BP, 0);
	ck_assert_uint_eq((uint16_t)bed->r.r[RBX], 0x4711);
	vm_start(false);
	VM_RUN(load_top, IOPL(3));
	bed_expect(EXC_GP, 0);
}
END_TEST

/* IOPL 3 without VME: INT n goes to the IDT. IOPL 0: #GP. */
START_TEST(int_n)
{
	vm_start(false);
	VM_RUN(int21, IOPL(3));
	bed_expect(0x21, 0);
	vm_start(false);
	VM_RUN(int21, IOPL(0));
	bed_expect(EXC_GP, 0);
	ck_assert_uint_eq(bed_stack32(1), 0);
}
END_TEST

/* With VME a clear bit of the redirection bitmap sends it to the program's own IVT. */
START_TEST(redirection)
{
	for (unsigned int iopl = 0; iopl <= 3; iopl += 3) {
		vm_start(true);
		VM_RUN(int21, IOPL(iopl) | FLAG_IF | FLAG_VIF);
		bed_expect(EXC_BP, 0);
		ck_assert_uint_eq(bed_stack32(1), 0x3000); /* CS of the handler in the IVT */
		ck_assert_uint_eq(bed_stack32(0), 0x22);
		/* Its frame: IP, CS, flags. */
		ck_assert_uint_eq(bed_get(0x10000 + 0x8000 - 6, 2), 2);
		ck_assert_uint_eq(bed_get(0x10000 + 0x8000 - 4, 2), VM_CS);
		uint32_t pushed = (uint32_t)bed_get(0x10000 + 0x8000 - 2, 2);
		ck_assert_uint_eq(pushed & (FLAG_IOPL | FLAG_IF), IOPL(3) | FLAG_IF);
		uint32_t flags = bed_stack32(2);
		if (iopl == 3)
			ck_assert(!(flags & FLAG_IF) && flags & FLAG_VIF);
		else
			ck_assert(flags & FLAG_IF && !(flags & FLAG_VIF));
	}
	/* A set bit: as without VME. */
	vm_start(true);
	bed_put(BED_TSS + 0x68 + 0x21 / 8, 1, 1 << (0x21 % 8));
	VM_RUN(int21, IOPL(0));
	bed_expect(EXC_GP, 0);
	vm_start(true);
	bed_put(BED_TSS + 0x68 + 0x21 / 8, 1, 1 << (0x21 % 8));
	VM_RUN(int21, IOPL(3));
	bed_expect(0x21, 0);
}
END_TEST

START_TEST(virtual_if)
{
	vm_start(false);
	VM_RUN(cli, IOPL(0) | FLAG_IF);
	bed_expect(EXC_GP, 0);
	vm_start(false);
	VM_RUN(cli, IOPL(3) | FLAG_IF);
	bed_expect(EXC_BP, 0);
	ck_assert(!(bed_stack32(2) & FLAG_IF));
	vm_start(true);
	VM_RUN(cli, IOPL(0) | FLAG_IF | FLAG_VIF);
	bed_expect(EXC_BP, 0);
	ck_assert((bed_stack32(2) & (FLAG_IF | FLAG_VIF)) == FLAG_IF);
	vm_start(true);
	VM_RUN(sti, IOPL(0) | FLAG_IF);
	bed_expect(EXC_BP, 0);
	ck_assert(bed_stack32(2) & FLAG_VIF);
	/* STI with an interrupt waiting. */
	vm_start(true);
	VM_RUN(sti, IOPL(0) | FLAG_IF | FLAG_VIP);
	bed_expect(EXC_GP, 0);
}
END_TEST

START_TEST(flags)
{
	vm_start(false);
	VM_RUN(pushf, IOPL(2));
	bed_expect(EXC_GP, 0);
	vm_start(true);
	VM_RUN(pushf, IOPL(0) | FLAG_VIF);
	bed_expect(EXC_BP, 0);
	ck_assert_uint_eq(bed->r.r[RAX] & (FLAG_IOPL | FLAG_IF), IOPL(3) | FLAG_IF);
	vm_start(true);
	VM_RUN(popf_if, IOPL(0));
	bed_expect(EXC_BP, 0);
	ck_assert((bed_stack32(2) & (FLAG_IF | FLAG_VIF)) == FLAG_VIF);
	vm_start(true);
	VM_RUN(popf_if, IOPL(0) | FLAG_VIP);
	bed_expect(EXC_GP, 0);
	vm_start(true);
	VM_RUN(popf_tf, IOPL(0));
	bed_expect(EXC_GP, 0);
	vm_start(true);
	VM_RUN(popf_long, IOPL(0)); /* the 32-bit forms are not extended */
	bed_expect(EXC_GP, 0);
}
END_TEST

START_TEST(iret)
{
	vm_start(false);
	VM_RUN(iret16, IOPL(3));
	bed_expect(EXC_BP, 0);
	ck_assert(bed_stack32(2) & FLAG_IF);
	ck_assert_uint_eq(bed_stack32(2) & FLAG_IOPL, IOPL(3));
	vm_start(false);
	VM_RUN(iret16, IOPL(0));
	bed_expect(EXC_GP, 0);
	vm_start(true);
	VM_RUN(iret16, IOPL(0));
	bed_expect(EXC_BP, 0);
	ck_assert((bed_stack32(2) & (FLAG_IF | FLAG_VIF)) == FLAG_VIF);
	vm_start(true);
	VM_RUN(iret16, IOPL(0) | FLAG_VIP);
	bed_expect(EXC_GP, 0);
}
END_TEST

/* Ports go by the bitmap alone, whatever IOPL says. */
START_TEST(ports)
{
	vm_start(false);
	VM_RUN(out80, IOPL(3));
	bed_expect(EXC_BP, 0);
	vm_start(false);
	bed_put(BED_TSS + 0x88 + 0x80 / 8, 1, 1);
	VM_RUN(out80, IOPL(3));
	bed_expect(EXC_GP, 0);
	vm_start(false);
	bed_put(BED_TSS + 102, 2, 0x7f8); /* the bitmap ends before it */
	VM_RUN(out80, IOPL(3));
	bed_expect(EXC_GP, 0);
}
END_TEST

/* PVI: the same virtual IF for level 3 of protected mode. */
GUEST(pvi_cli, 32, "cli\nint $0xff");

START_TEST(pvi)
{
	bed_start32();
	bed_level3();
	bed_run(pvi_cli);
	bed_expect(EXC_GP, 0);
	bed_start32();
	x86_set_cr4(bed, CR4_PVI);
	bed_level3();
	bed->eflags |= FLAG_VIF | FLAG_IF;
	bed_run(pvi_cli);
	bed_expect(0xff, 0);
	ck_assert((bed_stack32(2) & (FLAG_IF | FLAG_VIF)) == FLAG_IF);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("x86 virtual-8086 mode");
	TCase *t = tcase_create("all");

	tcase_add_test(t, entry_and_exception);
	tcase_add_test(t, segment_loads);
	tcase_add_test(t, int_n);
	tcase_add_test(t, redirection);
	tcase_add_test(t, virtual_if);
	tcase_add_test(t, flags);
	tcase_add_test(t, iret);
	tcase_add_test(t, ports);
	tcase_add_test(t, pvi);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
