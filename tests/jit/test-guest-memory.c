/*
 * Compiled code and guest memory: translations that accesses of a page share must not be used for
 * longer, or for more, than they hold. Each program is run in the LLVM tier from its first loop on,
 * and its result compared with what C makes of the same.
 */
#include "../interp/x86/bed.h"

#include "interp/tier.h"

#include "base/error.h"

#include "../check-main.h"

enum { ROUNDS = 20000 };

#define PAGE	0x1000u
#define PTE(pa) (BED_TABLES + 0x1000 + 4 * ((pa) >> 12))

static uint32_t rol(uint32_t v, unsigned int n)
{
	return v << n | v >> (32 - n);
}

static uint32_t reg(enum x86_gpr r)
{
	return (uint32_t)bed->r.r[r];
}

static void start(void)
{
	struct error *err = tier_configure("jit,sync,threshold=20");

	ck_assert_ptr_null(err);
	bed_new(NULL);
	bed_start32();
	bed_paging32();
}

/* A page is mapped elsewhere in every round, between two loads from it, and INVLPG says so. */
GUEST(remap, 32,
      "xorl %eax, %eax\n"
      "movl $20000, %ecx\n"
      "movl $0x200000, %esi\n"
      "movl $0x101800, %edi\n"
      "1: movl (%esi), %edx\n"
      "xorl $0x1000, (%edi)\n"
      "invlpg (%esi)\n"
      "addl (%esi), %eax\n"
      "addl %ecx, (%esi)\n"
      "roll $1, %eax\n"
      "decl %ecx\n"
      "jnz 1b");

START_TEST(remapping)
{
	uint32_t page[2] = {3, 5}, sum = 0;

	start();
	ck_assert_uint_eq(PTE(BED_DATA), 0x101800);
	bed_put(BED_DATA, 4, page[0]);
	bed_put(BED_DATA + PAGE, 4, page[1]);
	bed_run(remap);
	for (uint32_t round = ROUNDS, at = 0; round; round--) {
		at ^= 1;
		sum = rol(sum + page[at], 1);
		page[at] += round;
	}
	bed_expect_none();
	ck_assert_uint_eq(reg(RAX), sum);
	ck_assert_uint_eq(bed_get(BED_DATA, 4), page[0]);
	ck_assert_uint_eq(bed_get(BED_DATA + PAGE, 4), page[1]);
}
END_TEST

/* Pointers that go through many pages, and now and then lie across two. */
GUEST(march, 32,
      "xorl %eax, %eax\n"
      "movl $20000, %ecx\n"
      "movl $0x200001, %esi\n"
      "movl $0x220002, %edi\n"
      "1: addl (%esi), %eax\n"
      "addl 6(%esi), %eax\n"
      "roll $3, %eax\n"
      "movl %eax, (%edi)\n"
      "movw %cx, 9(%edi)\n"
      "addl -4(%edi), %eax\n"
      "addl $3, %esi\n"
      "addl $5, %edi\n"
      "decl %ecx\n"
      "jnz 1b");

static uint32_t word_at(const uint8_t *memory, uint32_t pa)
{
	uint32_t v;

	memcpy(&v, memory + pa - BED_DATA, 4);
	return v;
}

START_TEST(marching)
{
	static uint8_t memory[0x60000];
	uint32_t sum = 0, from = 0x200001, to = 0x220002;

	start();
	for (unsigned int i = 0; i < sizeof(memory); i++)
		memory[i] = (uint8_t)(i * 37 + (i >> 8));
	mem_write(bed_memory, BED_DATA, memory, sizeof(memory));
	bed_run(march);
	for (uint32_t round = ROUNDS; round; round--, from += 3, to += 5) {
		uint16_t half = (uint16_t)round;
		sum = rol(sum + word_at(memory, from) + word_at(memory, from + 6), 3);
		memcpy(memory + to - BED_DATA, &sum, 4);
		memcpy(memory + to + 9 - BED_DATA, &half, 2);
		sum += word_at(memory, to - 4);
	}
	bed_expect_none();
	ck_assert_uint_eq(reg(RAX), sum);
	for (unsigned int i = 0; i < sizeof(memory); i++)
		ck_assert_uint_eq(bed_get(BED_DATA + i, 1), memory[i]);
}
END_TEST

/* Reads and writes by one register up to a page that may not be written. */
GUEST(fill, 32,
      "movl $0x200000, %edi\n"
      "movl $20000, %ecx\n"
      "1: addl (%edi), %eax\n"
      "movl %ecx, (%edi)\n"
      "addl $8, %edi\n"
      "decl %ecx\n"
      "jnz 1b");

START_TEST(read_only)
{
	start();
	bed_put(PTE(BED_DATA + 4 * PAGE), 4, (BED_DATA + 4 * PAGE) | 5);
	bed_run(fill);
	bed_expect(EXC_PF, 3);
	ck_assert_uint_eq(reg(RDI), BED_DATA + 4 * PAGE);
	ck_assert_uint_eq(reg(RCX), ROUNDS - 4 * PAGE / 8);
	ck_assert_uint_eq(bed->cr2, BED_DATA + 4 * PAGE);
}
END_TEST

/* The same towards a page that is not there, downwards, in loads alone. */
GUEST(sum_down, 32,
      "movl $0x210000, %esi\n"
      "movl $20000, %ecx\n"
      "1: subl $4, %esi\n"
      "addl (%esi), %eax\n"
      "addl 0x9000, %eax\n"
      "decl %ecx\n"
      "jnz 1b");

START_TEST(not_present)
{
	start();
	bed_put(PTE(BED_DATA + 7 * PAGE), 4, 0);
	bed_run(sum_down);
	bed_expect(EXC_PF, 0);
	ck_assert_uint_eq(reg(RSI), BED_DATA + 8 * PAGE - 4);
}
END_TEST

/* Stores into the page of the loop itself, and to its own bytes: an operand that counts. */
GUEST(own_code, 32,
      "xorl %eax, %eax\n"
      "movl $2000, %ecx\n"
      "movl $0x9000, %edi\n"
      "1: movl %ecx, 0x800(%edi)\n"
      "2: addl $0x12345678, %eax\n"
      "movl %ecx, 0x804(%edi)\n"
      "movl %ecx, 2b + 1 - guest_own_code(%edi)\n"
      "decl %ecx\n"
      "jnz 1b");

START_TEST(own_code_changes)
{
	uint32_t sum = 0x12345678;

	start();
	bed_run(own_code);
	for (uint32_t round = 2000; round > 1; round--)
		sum += round; /* what each round but the last has left for the next */
	bed_expect_none();
	ck_assert_uint_eq(reg(RAX), sum);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("guest memory of compiled code");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, remapping);
	tcase_add_test(t, marching);
	tcase_add_test(t, read_only);
	tcase_add_test(t, not_present);
	tcase_add_test(t, own_code_changes);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
