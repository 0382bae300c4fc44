/* -cpu texts, CPUID, MSRs. */
#include "bed.h"

#include "interp/x86/model.h"

#include "../../check-main.h"

#include <string.h>

static uint32_t cpuid(uint32_t leaf, unsigned int word)
{
	uint32_t out[4];

	x86_cpuid(bed, leaf, 0, out);
	return out[word];
}

static void expect_error(const char *text, const char *part)
{
	struct error *err = x86_model_set(bed, text);

	ck_assert_msg(err != NULL, "%s", text);
	ck_assert_msg(strstr(err->message, part) != NULL, "%s", err->message);
	error_free(err);
}

START_TEST(all_models)
{
	static const char *const names[] = {"486",    "pentium",  "pentium2", "pentium3", "athlon",
					    "n270",   "core2duo", "coreduo",  "phenom",	  "qemu32",
					    "qemu64", "max",	  "base",     "kvm32",	  "kvm64"};

	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++) {
		bed_new(names[i]);
		ck_assert_uint_ne(cpuid(0, 1), 0);
		ck_assert_uint_ne(cpuid(1, 0), 0);
		ck_assert(cpuid(1, 3) & 1);
	}
}
END_TEST

START_TEST(signatures)
{
	bed_new("phenom");
	ck_assert_uint_eq(cpuid(1, 0), 0x00100f23);
	bed_new("qemu64,family=6,model=26,stepping=5");
	ck_assert_uint_eq(cpuid(1, 0), 0x000106a5);
	bed_new("pentium3");
	ck_assert_uint_eq(cpuid(1, 0), 0x673);
	ck_assert_uint_eq(bed->r.r[RDX], 0x673);
	ck_assert_uint_eq(cpuid(0x80000000, 0), 0);
}
END_TEST

START_TEST(features)
{
	bed_new("qemu64,-sse2,+ssse3,popcnt=on,nx=off");
	ck_assert(!(cpuid(1, 3) & 1 << 26));
	ck_assert(cpuid(1, 2) & 1 << 9);
	ck_assert(cpuid(1, 2) & 1 << 23);
	ck_assert(!(cpuid(0x80000001, 3) & 1 << 20));
	bed_new("max,model_id=Some processor,vendor=GenuineIntel");
	ck_assert_uint_eq(cpuid(0, 1), 0x756e6547);
	uint32_t out[4];
	x86_cpuid(bed, 0x80000002, 0, out);
	ck_assert(!memcmp(out, "Some processor", 14));
}
END_TEST

START_TEST(errors)
{
	bed_new("max");
	expect_error("pentium4", "did you mean \"pentium");
	expect_error("qemu64,+sse9", "did you mean");
	expect_error("qemu64,family=foo", "family");
	expect_error("qemu64,vendor=Me", "12 characters");
}
END_TEST

GUEST(rdmsr, 32, "rdmsr");
GUEST(wrmsr, 32, "wrmsr");

static void read_msr(const char *model, uint32_t msr, int vector)
{
	bed_start32();
	ck_assert(!x86_model_set(bed, model));
	bed->r.r[RCX] = msr;
	bed_run(rdmsr);
	bed_expect(vector, 0);
}

static void write_msr(uint32_t msr, uint64_t value, int vector)
{
	bed_start32();
	bed->r.r[RCX] = msr;
	bed->r.r[RAX] = (uint32_t)value;
	bed->r.r[RDX] = value >> 32;
	bed_run(wrmsr);
	bed_expect(vector, 0);
}

START_TEST(msrs)
{
	read_msr("max", 0x277, -1);
	ck_assert_uint_eq(bed->r.r[RAX], 0x00070406);
	read_msr("pentium", 0x277, EXC_GP);
	read_msr("max", 0x12345, EXC_GP);
	read_msr("pentium3", 0xc0000080, EXC_GP);
	read_msr("max", 0x1b, -1);
	ck_assert_uint_eq(bed->r.r[RAX], 0xfee00900);
	read_msr("max", 0xfe, -1);
	ck_assert_uint_eq(bed->r.r[RAX], 0x508);
	write_msr(0x277, UINT64_C(0x0007040600070402), EXC_GP); /* type 2 is reserved */
	write_msr(0x277, UINT64_C(0x0007010600070106), -1);
	ck_assert_uint_eq(bed->pat, UINT64_C(0x0007010600070106));
	write_msr(0x200, 0x80000006, -1);
	ck_assert_uint_eq(bed->mtrr_phys[0], 0x80000006);
	write_msr(0x200, 0x80000003, EXC_GP);
	write_msr(0xfe, 0, EXC_GP);
	write_msr(0x174, 0x10, -1);
	write_msr(0xc0000082, UINT64_C(0x800000000000), EXC_GP);
	write_msr(0xc0000080, 1 << 20, EXC_GP);
}
END_TEST

GUEST(rdtsc, 32, "rdtsc");

START_TEST(tsc)
{
	bed_start32();
	bed_run(rdtsc);
	bed_expect_none();
	bed_start32();
	x86_set_cr4(bed, CR4_TSD);
	bed_level3();
	bed_run(rdtsc);
	bed_expect(EXC_GP, 0);
	write_msr(0x10, 5000, -1);
	ck_assert_uint_ge(x86_tsc(bed), 5000);
	ck_assert_uint_lt(x86_tsc(bed), UINT64_C(5000) + 1000000000 * UINT64_C(10));
}
END_TEST

/* Reset values: SDM table 9-1. */
START_TEST(reset)
{
	bed_new("pentium3");
	bed->r.r[RBX] = 5;
	bed->cr4 = 1;
	bed->v.cpu.class->reset(&bed->v.cpu);
	ck_assert_uint_eq(bed->r.r[RBX], 0);
	ck_assert_uint_eq(bed->r.r[RDX], 0x673);
	ck_assert_uint_eq(bed->v.pc, 0xfff0);
	ck_assert_uint_eq(bed->seg[CS].selector, 0xf000);
	ck_assert_uint_eq(bed->seg[CS].base, 0xffff0000);
	ck_assert_uint_eq(bed->cr0, 0x60000010);
	ck_assert_uint_eq(x86_flags_get(bed), 2);
	ck_assert_uint_eq(bed->dr[6], 0xffff0ff0);
	ck_assert_uint_eq(bed->dr[7], 0x400);
	ck_assert_uint_eq(bed->cr4, 0);
}
END_TEST

/* --- saved states --- */

START_TEST(post_load)
{
	bed_start64();
	uint32_t mode = bed->v.mode;
	bed->v.mode = 0;
	bed->seg[SEG_FLAT].limit = 5;
	bed->seg[DS].read_ok = false;
	ck_assert(!bed->v.cpu.class->post_load(&bed->v.cpu));
	ck_assert_uint_eq(bed->v.mode, mode);
	ck_assert(bed->seg[DS].read_ok);
	ck_assert_uint_eq(bed->seg[SEG_FLAT].limit, UINT32_MAX);
	bed->cr4 &= ~(uint64_t)CR4_PAE;
	struct error *err = bed->v.cpu.class->post_load(&bed->v.cpu);
	ck_assert(err != NULL);
	error_free(err);
	bed_start32();
	bed->r.cc_op = 1000;
	err = bed->v.cpu.class->post_load(&bed->v.cpu);
	ck_assert(err != NULL);
	error_free(err);
}
END_TEST

/* What the board needs for multiboot. */
START_TEST(enter_flat32)
{
	bed_new(NULL);
	bed_put(BED_CODE, 1, 0xf4);
	x86_cpu_enter_flat32(&bed->v.cpu, BED_CODE, 0x2badb002, 0x9000);
	bed_continue();
	ck_assert_uint_eq(bed->v.pc, BED_CODE + 1);
	ck_assert_uint_eq(bed->r.r[RAX], 0x2badb002);
	ck_assert(bed->v.mode & MODE_FLAT && bed->v.mode & MODE_CS32);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("x86 models");
	TCase *t = tcase_create("all");

	tcase_add_test(t, all_models);
	tcase_add_test(t, signatures);
	tcase_add_test(t, features);
	tcase_add_test(t, errors);
	tcase_add_test(t, msrs);
	tcase_add_test(t, tsc);
	tcase_add_test(t, reset);
	tcase_add_test(t, post_load);
	tcase_add_test(t, enter_flat32);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
