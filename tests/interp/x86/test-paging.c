/* Page faults, their error codes, accessed and dirty bits: Intel SDM volume 3, chapter 4. */
#include "bed.h"

#include "interp/x86/mmu.h"

#include "../../check-main.h"

GUEST(read, 32, "movl 0x200000, %eax");
GUEST(write, 32, "movl %eax, 0x200000");
GUEST(exec, 32, "movl $0x200000, %eax\njmp *%eax");
GUEST(read3, 32, "movl 0x200000, %eax\nint $0xff");
GUEST(write3, 32, "movl %eax, 0x200000\nint $0xff");
GUEST(rmw, 32, "addl $1, 0x200000");

enum { FORMAT_32, FORMAT_PAE, FORMAT_LONG };
enum { READ, WRITE, EXEC };

static int format;

/* Entry that maps BED_DATA: 4 KiB pages in every format. */
static uint32_t pte_address(void)
{
	unsigned int index = BED_DATA >> 12;

	return format == FORMAT_32 ? BED_TABLES + 0x1000 + 4 * index
				   : BED_TABLES + 0x10000 + 8 * index;
}

static uint32_t pde_address(void)
{
	return format == FORMAT_32 ? BED_TABLES : BED_TABLES + 0x2000 + 8 * (BED_DATA >> 21);
}

static unsigned int entry_size(void)
{
	return format == FORMAT_32 ? 4 : 8;
}

static void tables_64(void)
{
	for (unsigned int i = 0; i < BED_RAM >> 12; i++)
		bed_put(BED_TABLES + 0x10000 + 8 * i, 8, i << 12 | 7);
	for (unsigned int i = 0; i < BED_RAM >> 21; i++)
		bed_put(BED_TABLES + 0x2000 + 8 * i, 8, (BED_TABLES + 0x10000 + (i << 12)) | 7);
}

static void start(int new_format, uint64_t efer)
{
	format = new_format;
	if (format == FORMAT_LONG) {
		bed_start64();
		tables_64();
		bed->efer = (bed->efer & ~(uint64_t)EFER_NXE) | efer;
		vcpu_tlb_flush(&bed->v);
		return;
	}
	bed_start32();
	if (format == FORMAT_32) {
		bed_paging32();
		return;
	}
	tables_64();
	bed_put(BED_TABLES, 8, (BED_TABLES + 0x2000) | 1);
	x86_set_cr4(bed, CR4_PAE);
	x86_set_efer(bed, efer);
	x86_set_cr3(bed, BED_TABLES);
	x86_set_cr0(bed, bed->cr0 | CR0_PG | CR0_WP);
}

GUEST(read64, 64, "movl 0x200000, %eax");
GUEST(write64, 64, "movl %eax, 0x200000");
GUEST(exec64, 64, "movl $0x200000, %eax\njmp *%rax");
GUEST(read64_3, 64, "movl 0x200000, %eax\nint $0xff");
GUEST(write64_3, 64, "movl %eax, 0x200000\nint $0xff");

static void run_access(int access, bool user)
{
	bool wide = format == FORMAT_LONG;

	bed_put(BED_DATA, 4, user ? 0xf4ffcd : 0xf4); /* int $0xff or hlt */
	if (user)
		bed_level3();
	if (access == EXEC && !wide)
		bed_run(exec);
	else if (access == EXEC)
		bed_run(exec64);
	else if (!user && access == READ && !wide)
		bed_run(read);
	else if (!user && access == READ)
		bed_run(read64);
	else if (!user && !wide)
		bed_run(write);
	else if (!user)
		bed_run(write64);
	else if (access == READ && !wide)
		bed_run(read3);
	else if (access == READ)
		bed_run(read64_3);
	else if (!wide)
		bed_run(write3);
	else
		bed_run(write64_3);
}

static int clean_vector(bool user)
{
	return user ? 0xff : -1;
}

/* Every combination of a leaf's P, W, U and of access, privilege and CR0.WP. */
static void combinations(int new_format)
{
	for (unsigned int n = 0; n < 8 * 3 * 2 * 2; n++) {
		unsigned int pte = n & 7, access = n / 8 % 3, user = n / 24 % 2, wp = n / 48;
		start(new_format, 0);
		if (!wp)
			bed->cr0 &= ~(uint64_t)CR0_WP;
		bed_put(pte_address(), entry_size(), BED_DATA | pte);
		run_access((int)access, user);
		bool ok = pte & 1;
		if (user && !(pte & 4))
			ok = false;
		if (access == WRITE && !(pte & 2) && (user || wp))
			ok = false;
		uint32_t error =
			(pte & 1 ? PF_P : 0) | (access == WRITE ? PF_W : 0) | (user ? PF_U : 0);
		if (ok) {
			bed_expect(clean_vector(user), 0);
			uint64_t want = PTE_A | (access == WRITE ? PTE_D : 0);
			if (access == EXEC && !user)
				ck_assert_uint_eq(bed->v.pc, BED_DATA + 1);
			ck_assert_uint_eq(bed_get(pte_address(), entry_size()) & (PTE_A | PTE_D),
					  want);
			ck_assert(bed_get(pde_address(), entry_size()) & PTE_A);
		} else {
			bed_expect(EXC_PF, error);
			ck_assert_uint_eq(bed->cr2, BED_DATA);
		}
	}
}

START_TEST(combinations_32)
{
	combinations(FORMAT_32);
}
END_TEST

START_TEST(combinations_pae)
{
	combinations(FORMAT_PAE);
}
END_TEST

START_TEST(combinations_long)
{
	combinations(FORMAT_LONG);
}
END_TEST

/* Rights are the AND over all levels. */
START_TEST(upper_levels)
{
	for (int f = FORMAT_PAE; f <= FORMAT_LONG; f++) {
		start(f, 0);
		bed_put(pde_address(), 1, 5); /* not writable */
		run_access(WRITE, false);
		bed_expect(EXC_PF, PF_P | PF_W);
		start(f, 0);
		bed_put(pde_address(), 1, 3); /* not for level 3 */
		run_access(READ, true);
		bed_expect(EXC_PF, PF_P | PF_U);
		start(f, 0);
		bed_put(pde_address(), 1, 0);
		run_access(READ, false);
		bed_expect(EXC_PF, 0);
	}
}
END_TEST

START_TEST(no_execute)
{
	for (int f = FORMAT_PAE; f <= FORMAT_LONG; f++) {
		start(f, EFER_NXE);
		bed_put(pte_address(), 8, PTE_NX | BED_DATA | 7);
		run_access(EXEC, false);
		bed_expect(EXC_PF, PF_P | PF_I);
		start(f, EFER_NXE);
		bed_put(pte_address(), 8, PTE_NX | BED_DATA | 7);
		run_access(READ, true);
		bed_expect(0xff, 0);
		/* Without NXE the bit is reserved. */
		start(f, 0);
		bed_put(pte_address(), 8, PTE_NX | BED_DATA | 7);
		run_access(READ, false);
		bed_expect(EXC_PF, PF_P | PF_RSVD);
		/* A fetch that is not present still says that it was one. */
		start(f, EFER_NXE);
		bed_put(pte_address(), 8, 0);
		run_access(EXEC, true);
		bed_expect(EXC_PF, PF_U | PF_I);
	}
}
END_TEST

START_TEST(reserved_bits)
{
	for (int f = FORMAT_PAE; f <= FORMAT_LONG; f++) {
		start(f, EFER_NXE);
		bed_put(pte_address(), 8, UINT64_C(1) << 45 | BED_DATA | 7);
		run_access(WRITE, true);
		bed_expect(EXC_PF, PF_P | PF_RSVD | PF_W | PF_U);
		/* A 2 MiB page with address bits below 2 MiB. */
		start(f, EFER_NXE);
		bed_put(pde_address(), 8, BED_DATA | 0x2000 | 0x87);
		run_access(READ, false);
		bed_expect(EXC_PF, PF_P | PF_RSVD);
	}
	start(FORMAT_32, 0);
	x86_set_cr4(bed, CR4_PSE);
	bed_put(BED_TABLES, 4, 0x200087); /* bit 21 */
	uint64_t pa;
	ck_assert(!x86_translate(&bed->v.cpu, BED_DATA, &pa));
}
END_TEST

START_TEST(large_pages)
{
	uint64_t pa;

	for (int f = FORMAT_PAE; f <= FORMAT_LONG; f++) {
		start(f, 0);
		bed_put(pde_address(), 8, 0x400000 | 0x87);
		bed_put(0x400000, 4, 0x5a5a5a5a);
		run_access(READ, false);
		ck_assert_uint_eq(bed->r.r[RAX], 0x5a5a5a5a);
		ck_assert_uint_eq(bed_get(pde_address(), 8) & (PTE_A | PTE_D), PTE_A);
		ck_assert(x86_translate(&bed->v.cpu, BED_DATA + 0x12345, &pa));
		ck_assert_uint_eq(pa, 0x412345);
	}
	start(FORMAT_32, 0);
	x86_set_cr4(bed, CR4_PSE);
	bed_put(BED_TABLES, 4, 0x12e087); /* PSE-36 */
	ck_assert(!x86_translate(&bed->v.cpu, BED_DATA, &pa) || pa >> 32);
	bed_put(BED_TABLES, 4, 0x87);
	ck_assert(x86_translate(&bed->v.cpu, BED_DATA + 5, &pa));
	ck_assert_uint_eq(pa, BED_DATA + 5);
	/* 1 GiB */
	start(FORMAT_LONG, 0);
	bed_put(BED_TABLES + 0x1000, 8, 0x87);
	ck_assert(x86_translate(&bed->v.cpu, 0x3fffffff, &pa));
	ck_assert_uint_eq(pa, 0x3fffffff);
}
END_TEST

/* A page that was read first must set D at the first store. */
GUEST(read_write, 32, "movl 0x200000, %eax\nmovl %eax, 0x200004");

START_TEST(dirty_after_read)
{
	start(FORMAT_32, 0);
	bed_run(read_write);
	bed_expect_none();
	ck_assert_uint_eq(bed_get(pte_address(), 4) & 0x60, 0x60);
	start(FORMAT_32, 0);
	bed_put(pte_address(), 4, BED_DATA | 5);
	bed_run(rmw);
	bed_expect(EXC_PF, PF_P | PF_W);
}
END_TEST

/* An access over a page boundary faults at the page that is missing, and stores nothing. */
GUEST(cross, 32, "movl $-1, %eax\nmovl %eax, 0x200ffe");

START_TEST(page_crossing)
{
	start(FORMAT_32, 0);
	bed_put(pte_address() + 4, 4, 0);
	bed_run(cross);
	bed_expect(EXC_PF, PF_W);
	ck_assert_uint_eq(bed->cr2, BED_DATA + 0x1000);
	ck_assert_uint_eq(bed_get(BED_DATA + 0xffe, 2), 0);
}
END_TEST

/* INVLPG and the stale translation before it. */
GUEST(remap, 32,
      "movl 0x200000, %eax\nmovl $0x201067, 0x101800\nmovl 0x200000, %ebx\ninvlpg 0x200000\n"
      "movl 0x200000, %ecx");

START_TEST(invlpg)
{
	start(FORMAT_32, 0);
	bed_put(BED_DATA, 4, 1);
	bed_put(BED_DATA + 0x1000, 4, 2);
	bed_run(remap);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RAX], 1);
	ck_assert_uint_eq(bed->r.r[RBX], 1);
	ck_assert_uint_eq(bed->r.r[RCX], 2);
}
END_TEST

GUEST(mov_cr3, 32, "movl %eax, %cr3");

START_TEST(bad_pdpte)
{
	start(FORMAT_PAE, 0);
	bed_put(BED_TABLES + 0x8000, 8, 0x1e7);
	bed->r.r[RAX] = BED_TABLES + 0x8000;
	bed_run(mov_cr3);
	bed_expect(EXC_GP, 0);
	ck_assert_uint_eq(bed->cr3, BED_TABLES);
}
END_TEST

GUEST(read_odd, 32, "movl 0x300000, %eax");

START_TEST(a20)
{
	uint64_t pa;

	bed_start32();
	bed->v.cpu.class->set_line(&bed->v.cpu, X86_LINE_A20, 0);
	bed_put(0x200000, 4, 0x1234);
	ck_assert(x86_translate(&bed->v.cpu, 0x300000, &pa));
	ck_assert_uint_eq(pa, 0x200000);
	bed_put(BED_CODE, 4, 0);
	bed_run(read_odd);
	ck_assert_uint_eq(bed->r.r[RAX], 0x1234);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("x86 paging");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, combinations_32);
	tcase_add_test(t, combinations_pae);
	tcase_add_test(t, combinations_long);
	tcase_add_test(t, upper_levels);
	tcase_add_test(t, no_execute);
	tcase_add_test(t, reserved_bits);
	tcase_add_test(t, large_pages);
	tcase_add_test(t, dirty_after_read);
	tcase_add_test(t, page_crossing);
	tcase_add_test(t, invlpg);
	tcase_add_test(t, bad_pdpte);
	tcase_add_test(t, a20);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
