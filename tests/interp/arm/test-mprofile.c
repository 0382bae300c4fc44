/*
 * v7-M exceptions with an interrupt controller of a few lines: entry and return, stacks, faults and
 * what escalates, masks. Code is Thumb, at 0x400 in flat RAM; SP starts at 0x8000.
 */
#include "../../check-main.h"

#include "base/bytes.h"
#include "base/loop.h"
#include "interp/arm/cpu.h"

#include <string.h>

#define CODE	 0x400
#define HANDLERS 0x1000 /* of exception n: + 0x40 n */

static struct address_space memory;
static struct cpu *cpu;
static struct arm_cpu *c;
static uint32_t pending, active;
static bool usage_enabled;

static int acknowledge(void *opaque)
{
	if (!pending)
		return -1;
	int n = __builtin_ctz(pending);
	pending &= ~(1u << n);
	active |= 1u << n;
	cpu->class->set_line(cpu, ARM_LINE_IRQ, 0);
	return n;
}

static bool complete(void *opaque, int number)
{
	bool was = active >> number & 1;

	active &= ~(1u << number);
	return was;
}

static bool set_pending(void *opaque, int number)
{
	bool off = number == ARM_M_MEM_MANAGE || (number == ARM_M_USAGE_FAULT && !usage_enabled);

	if (active & 1 << ARM_M_HARD_FAULT)
		return false;
	if (off) {
		number = ARM_M_HARD_FAULT;
		c->scb.hfsr |= 1 << 30;
	}
	pending |= 1u << number;
	return true;
}

static const struct arm_nvic_ops ops = {
	.acknowledge = acknowledge, .complete = complete, .set_pending = set_pending};

static void put16(uint32_t at, const uint16_t *code, unsigned int count)
{
	for (unsigned int n = 0; n < count; n++)
		mem_store_le(&memory, at + 2 * n, code[n], 2);
}
#define PUT(at, ...)                                    \
	do {                                            \
		const uint16_t code_[] = {__VA_ARGS__}; \
		put16(at, code_, G_N_ELEMENTS(code_));  \
	} while (0)

static void setup(void)
{
	static struct region root, ram;

	machine_lock();
	region_init(&root, "memory", UINT64_MAX);
	error_free(region_init_ram(&ram, "ram", 0x10000));
	region_add(&root, 0, &ram, 0);
	address_space_init(&memory, "memory", &root);
	mem_store_le(&memory, 0, 0x8000, 4);
	mem_store_le(&memory, 4, CODE | 1, 4);
	for (uint32_t n = 2; n < 32; n++)
		mem_store_le(&memory, 4 * n, (HANDLERS + 0x40 * n) | 1, 4);
	struct error *err = cpu_new(&arm_cpu_class, "cortex-m3", &memory, NULL, &cpu);
	ck_assert(!err);
	c = arm_cpu(cpu);
	cpu->intc_ops = &ops;
	cpu->class->reset(cpu);
	machine_unlock();
}

/* Runs until WFI. */
static void run(void)
{
	for (int n = 0; n < 100 && !cpu->halted; n++) {
		cpu->exit_request = 0;
		cpu->class->run(cpu);
	}
	ck_assert(cpu->halted);
}

#define MOVS(r, imm) (0x2000 | (r) << 8 | (imm))
#define WFI	     0xbf30
#define BX_LR	     0x4770
#define SVC	     0xdf00
#define UDF	     0xde00

START_TEST(svc_and_return)
{
	PUT(CODE, MOVS(0, 1), MOVS(1, 2), SVC | 5, MOVS(2, 3), WFI);
	PUT(HANDLERS + 0x40 * ARM_M_SVCALL, MOVS(1, 9), 0x466b /* mov r3, sp */,
	    0x6818 /* ldr r0, [r3] */, 0x4674 /* mov r4, lr */, BX_LR);
	run();
	ck_assert_uint_eq(c->r.r[1], 2); /* restored from the frame */
	ck_assert_uint_eq(c->r.r[2], 3);
	ck_assert_uint_eq(c->r.r[4], 0xfffffff9);
	ck_assert_uint_eq(c->r.r[SP], 0x8000);
	ck_assert_uint_eq(c->m_exception, 0);
	ck_assert_uint_eq(active, 0);
}
END_TEST

START_TEST(process_stack)
{
	/* msr psp, r0; msr control, r1; svc; mrs r5, control */
	PUT(CODE, MOVS(0, 0x60), 0x0200 /* lsls r0, r0, #8 */, 0xf380, 0x8809, MOVS(1, 2), 0xf381,
	    0x8814, SVC, 0xf3ef, 0x8514, WFI);
	PUT(HANDLERS + 0x40 * ARM_M_SVCALL, 0x4674 /* mov r4, lr */, 0x466e /* mov r6, sp */,
	    0xf3ef, 0x8709, BX_LR);
	run();
	ck_assert_uint_eq(c->r.r[4], 0xfffffffd);
	ck_assert_uint_eq(c->r.r[6], 0x8000);
	ck_assert_uint_eq(c->r.r[7], 0x6000 - 32);
	ck_assert_uint_eq(c->r.r[5], 2);
	ck_assert_uint_eq(c->r.r[SP], 0x6000);
	ck_assert_uint_eq(c->other_sp, 0x8000);
}
END_TEST

START_TEST(faults)
{
	usage_enabled = true;
	PUT(CODE, UDF, MOVS(2, 7), UDF, WFI);
	/* step over: frame's pc += 2; the second time UsageFault is off and HardFault runs */
	PUT(HANDLERS + 0x40 * ARM_M_USAGE_FAULT, 0x9806, 0x3002, 0x9006, 0x3401 /* adds r4, #1 */,
	    WFI, BX_LR);
	PUT(HANDLERS + 0x40 * ARM_M_HARD_FAULT, 0x9806, 0x3002, 0x9006, 0x3501 /* adds r5, #1 */,
	    BX_LR);
	run(); /* stops in the handler */
	ck_assert_uint_eq(c->m_exception, ARM_M_USAGE_FAULT);
	ck_assert_uint_eq(c->scb.cfsr, 1 << 16);
	usage_enabled = false;
	cpu->halted = false;
	run();
	ck_assert_uint_eq(c->r.r[4], 1);
	ck_assert_uint_eq(c->r.r[5], 1);
	ck_assert_uint_eq(c->r.r[2], 7);
	ck_assert_uint_eq(c->scb.hfsr, 1 << 30);
}
END_TEST

START_TEST(interrupt_in_it_block)
{
	/* cmp r0, r0; ittt eq; svc; moveq r1, #1; moveq r2, #2: ITSTATE goes through the frame */
	PUT(CODE, 0x4280, 0xbf02, SVC, MOVS(1, 1), MOVS(2, 2), WFI);
	PUT(HANDLERS + 0x40 * ARM_M_SVCALL, 0x2801 /* cmp r0, #1 */, BX_LR);
	run();
	ck_assert_uint_eq(c->r.r[1], 1);
	ck_assert_uint_eq(c->r.r[2], 2);
	ck_assert_uint_eq(arm_itstate(c), 0);
}
END_TEST

START_TEST(interrupt_line)
{
	PUT(CODE, WFI, MOVS(1, 1), WFI);
	PUT(HANDLERS + 0x40 * 16, 0xf3ef, 0x8405 /* mrs r4, ipsr */, BX_LR);
	run();
	machine_lock();
	pending |= 1 << 16;
	cpu->class->set_line(cpu, ARM_LINE_IRQ, 1);
	ck_assert(cpu->class->has_work(cpu));
	cpu->halted = false;
	machine_unlock();
	run();
	ck_assert_uint_eq(c->r.r[4], 16);
	ck_assert_uint_eq(c->r.r[1], 1);
}
END_TEST

START_TEST(no_thumb)
{
	/* BX to an even address is a fault of the target; a frame that the MPU forbids is another
	 */
	usage_enabled = true;
	PUT(CODE, MOVS(0, 0), 0x4700 /* bx r0 */);
	PUT(HANDLERS + 0x40 * ARM_M_USAGE_FAULT, WFI);
	run();
	ck_assert_uint_eq(c->m_exception, ARM_M_USAGE_FAULT);
	ck_assert_uint_eq(c->scb.cfsr, 1 << 17);
}
END_TEST

START_TEST(division)
{
	usage_enabled = true;
	c->scb.ccr |= 1 << 4;
	PUT(CODE, MOVS(0, 0), MOVS(1, 8), 0xfb91, 0xf2f0 /* sdiv r2, r1, r0 */, WFI);
	PUT(HANDLERS + 0x40 * ARM_M_USAGE_FAULT, WFI);
	run();
	ck_assert_uint_eq(c->scb.cfsr, 1 << 25);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("v7-M");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, svc_and_return);
	tcase_add_test(t, process_stack);
	tcase_add_test(t, faults);
	tcase_add_test(t, interrupt_in_it_block);
	tcase_add_test(t, interrupt_line);
	tcase_add_test(t, no_thumb);
	tcase_add_test(t, division);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
