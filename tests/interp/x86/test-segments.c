/* Limits, types and loads of segments: Intel SDM volume 3, sections 5.3 to 5.7. */
#include "bed.h"

#include "../../check-main.h"

/* --- limits --- */

GUEST(load_es_byte, 32, "movb %es:(%ebx), %al");
GUEST(load_es_word, 32, "movw %es:(%ebx), %ax");
GUEST(load_es_long, 32, "movl %es:(%ebx), %eax");
GUEST(store_es_long, 32, "movl %eax, %es:(%ebx)");
GUEST(load_ss_long, 32, "movl %ss:(%ebx), %eax");
GUEST(load_cs_long, 32, "movl %cs:(%ebx), %eax");
GUEST(store_cs_long, 32, "movl %eax, %cs:(%ebx)");

static void with_es(uint32_t limit, uint32_t attr, uint32_t ebx)
{
	bed_start32();
	bed_descriptor(SEL_TEST, BED_DATA, limit, attr);
	x86_load_seg(bed, ES, SEL_TEST);
	bed->r.r[RBX] = ebx;
}

START_TEST(expand_up)
{
	with_es(0xfff, D_DATA, 0xffc);
	bed_run(load_es_long);
	bed_expect_none();
	with_es(0xfff, D_DATA, 0xffd);
	bed_run(load_es_long);
	bed_expect(EXC_GP, 0);
	with_es(0xfff, D_DATA, 0xfff);
	bed_run(load_es_byte);
	bed_expect_none();
	with_es(0xfff, D_DATA, 0x1000);
	bed_run(load_es_byte);
	bed_expect(EXC_GP, 0);
	with_es(0xfff, D_DATA, 0xffffffff);
	bed_run(load_es_word);
	bed_expect(EXC_GP, 0);
}
END_TEST

START_TEST(page_granular)
{
	with_es(1, D_DATA | D_PAGES, 0x1ffc);
	bed_run(load_es_long);
	bed_expect_none();
	with_es(1, D_DATA | D_PAGES, 0x1ffd);
	bed_run(load_es_long);
	bed_expect(EXC_GP, 0);
}
END_TEST

START_TEST(expand_down)
{
	with_es(0xfff, D_DOWN, 0xfff);
	bed_run(load_es_byte);
	bed_expect(EXC_GP, 0);
	with_es(0xfff, D_DOWN, 0x1000);
	bed_run(load_es_long);
	bed_expect_none();
	/* D clear: the top is at 64 KiB. */
	with_es(0xfff, D_DOWN, 0xfffd);
	bed_run(load_es_long);
	bed_expect(EXC_GP, 0);
	with_es(0xfff, D_DOWN | D_32, 0x10000);
	bed_run(load_es_long);
	bed_expect_none();
	/* Nothing is left. */
	with_es(0xffff, D_DOWN, 0x1000);
	bed_run(load_es_byte);
	bed_expect(EXC_GP, 0);
}
END_TEST

START_TEST(stack_fault)
{
	bed_start32();
	bed_descriptor(SEL_TEST, 0, 0x8fff, D_DATA | D_32);
	x86_load_seg(bed, SS, SEL_TEST);
	bed->r.r[RBX] = 0x8ffd;
	bed_run(load_ss_long);
	bed_expect(EXC_SS, 0);
}
END_TEST

/* --- types --- */

START_TEST(types)
{
	with_es(0xfff, D_RO, 0);
	bed_run(load_es_long);
	bed_expect_none();
	with_es(0xfff, D_RO, 0);
	bed_run(store_es_long);
	bed_expect(EXC_GP, 0);
	bed_start32();
	bed->r.r[RBX] = BED_DATA;
	bed_run(load_cs_long);
	bed_expect_none();
	bed_run(store_cs_long);
	bed_expect(EXC_GP, 0);
}
END_TEST

START_TEST(null_selector)
{
	bed_start32();
	x86_load_seg(bed, ES, 3);
	bed_run(load_es_byte);
	bed_expect(EXC_GP, 0);
}
END_TEST

/* --- loads --- */

GUEST(mov_es, 32, "movw %ax, %es");
GUEST(mov_ss, 32, "movw %ax, %ss");
GUEST(mov_es3, 32, "movw %ax, %es\nint $0xff");

static void load_expect(const uint8_t *code, const uint8_t *end, uint32_t attr, uint16_t selector,
			int vector, uint32_t error)
{
	bed_start32();
	bed_descriptor(SEL_TEST, 0, 0xfffff, attr);
	bed->r.r[RAX] = selector;
	bed_go(code, end);
	bed_expect(vector, error);
}

#define LOAD_EXPECT(name, attr, selector, vector, error) \
	load_expect(guest_##name, guest_##name##_end, attr, selector, vector, error)

START_TEST(load_data)
{
	LOAD_EXPECT(mov_es, D_DATA, SEL_TEST, -1, 0);
	ck_assert_uint_eq(bed_get(BED_GDT + SEL_TEST + 5, 1), D_DATA | 1); /* accessed */
	LOAD_EXPECT(mov_es, D_DATA, SEL_TEST | 3, EXC_GP, SEL_TEST);	   /* RPL 3 > DPL 0 */
	LOAD_EXPECT(mov_es, D_DATA & ~0x80, SEL_TEST, EXC_NP, SEL_TEST);
	LOAD_EXPECT(mov_es, D_EXEC, SEL_TEST, EXC_GP, SEL_TEST);
	LOAD_EXPECT(mov_es, D_CONF, SEL_TEST | 3, -1, 0);      /* conforming: no privilege */
	LOAD_EXPECT(mov_es, 0x82, SEL_TEST, EXC_GP, SEL_TEST); /* an LDT */
}
END_TEST

START_TEST(load_outside)
{
	bed_start32();
	bed->gdt.limit = 0x86;
	bed->r.r[RAX] = SEL_TEST;
	bed_run(mov_es);
	bed_expect(EXC_GP, SEL_TEST);
	bed_start32();
	bed->r.r[RAX] = 0x807; /* LDT, beyond 7ffh */
	bed_run(mov_es);
	bed_expect(EXC_GP, 0x804);
	bed_start32();
	bed->seg[SEG_LDT].usable = false;
	bed->r.r[RAX] = 0x0c;
	bed_run(mov_es);
	bed_expect(EXC_GP, 0x0c);
}
END_TEST

START_TEST(load_stack)
{
	LOAD_EXPECT(mov_ss, D_DATA, SEL_TEST, -1, 0);
	LOAD_EXPECT(mov_ss, D_DATA, 0, EXC_GP, 0);
	LOAD_EXPECT(mov_ss, D_RO, SEL_TEST, EXC_GP, SEL_TEST);
	LOAD_EXPECT(mov_ss, D_DATA, SEL_TEST | 1, EXC_GP, SEL_TEST);
	LOAD_EXPECT(mov_ss, D_DATA | D_DPL3, SEL_TEST, EXC_GP, SEL_TEST);
	LOAD_EXPECT(mov_ss, D_DATA & ~0x80, SEL_TEST, EXC_SS, SEL_TEST);
}
END_TEST

START_TEST(load_at_level3)
{
	bed_start32();
	bed_level3();
	bed->r.r[RAX] = SEL_DATA0 | 3;
	bed_run(mov_es3);
	bed_expect(EXC_GP, SEL_DATA0);
	bed_start32();
	bed_level3();
	bed->r.r[RAX] = SEL_DATA3;
	bed_run(mov_es3);
	bed_expect(0xff, 0);
}
END_TEST

/* --- real-address mode --- */

GUEST(real_word, 16, "movw (%bx), %ax");
GUEST(real_stack, 16, "movw (%bp), %ax");
GUEST(real_long, 16, "movl (%ebx), %eax");

START_TEST(real_limits)
{
	bed_start16();
	bed->r.r[RBX] = 0xfffe;
	bed_run(real_word);
	bed_expect_none();
	bed_start16();
	bed->r.r[RBX] = 0xffff;
	bed_run(real_word);
	bed_expect(EXC_GP, 0);
	bed_start16();
	bed->r.r[RBP] = 0xffff;
	bed_run(real_stack);
	bed_expect(EXC_SS, 0);
	bed_start16();
	bed->r.r[RBX] = 0x10000;
	bed_run(real_long);
	bed_expect(EXC_GP, 0);
}
END_TEST

/* A limit loaded in protected mode stays in real-address mode. */
START_TEST(big_real)
{
	bed_start16();
	bed->seg[DS].limit = UINT32_MAX;
	x86_seg_update(bed, DS);
	bed->r.r[RBX] = BED_DATA;
	bed_put(BED_DATA, 4, 0x12345678);
	bed_run(real_long);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RAX], 0x12345678);
}
END_TEST

/* --- access checks --- */

GUEST(checks, 32,
      "lar %ax, %ecx\n setz %dl\n lsl %ax, %ebx\n setz %dh\n verr %ax\n setz %bl\n verw %ax\n"
      "setz %bh");

START_TEST(access_checks)
{
	bed_start32();
	bed_descriptor(SEL_TEST, 0, 0x12345, D_RO | D_32 | D_PAGES);
	bed->r.r[RAX] = SEL_TEST;
	bed_run(checks);
	bed_expect_none();
	ck_assert_uint_eq(bed->r.r[RCX] & ~UINT64_C(0xf0000),
			  0x00c09000); /* limit bits: undefined */
	ck_assert_uint_eq((uint16_t)bed->r.r[RDX], 0x0101);
	ck_assert_uint_eq(bed->r.r[RBX], 0x12340001); /* 12345fffh with BL 1 and BH 0 */
	bed_start32();
	bed->r.r[RAX] = 0;
	bed_run(checks);
	ck_assert_uint_eq((uint16_t)bed->r.r[RDX], 0);
}
END_TEST

/* --- code --- */

GUEST(jump_test, 32, "ljmp $0x80, $0x1000");
GUEST(nops, 32, "nop\nnop\nnop\nnop\nnop\nnop\nnop\nnop");

START_TEST(code_limits)
{
	bed_start32();
	bed_descriptor(SEL_TEST, 0, 0xfff, D_CODE | D_32);
	bed_run(jump_test);
	bed_expect(EXC_GP, 0);
	/* Running off the end: the fault is at the first instruction beyond it. */
	bed_start32();
	bed_descriptor(SEL_TEST, BED_DATA, 0x1003, D_CODE | D_32);
	bed_place(BED_DATA + 0x1000, nops);
	bed_run(jump_test);
	bed_expect(EXC_GP, 0);
	ck_assert_uint_eq(bed_stack32(1), 0x1004);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("x86 segments");
	TCase *t = tcase_create("all");

	tcase_add_test(t, expand_up);
	tcase_add_test(t, page_granular);
	tcase_add_test(t, expand_down);
	tcase_add_test(t, stack_fault);
	tcase_add_test(t, types);
	tcase_add_test(t, null_selector);
	tcase_add_test(t, load_data);
	tcase_add_test(t, load_outside);
	tcase_add_test(t, load_stack);
	tcase_add_test(t, load_at_level3);
	tcase_add_test(t, real_limits);
	tcase_add_test(t, big_real);
	tcase_add_test(t, access_checks);
	tcase_add_test(t, code_limits);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
