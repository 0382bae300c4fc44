/* Interrupt controllers of the ARM boards by their registers. */
#include "../vm/suite.h"
#include "arm-rig.h"

#include "hw/intc/gic.h"
#include "hw/intc/integrator-pic.h"
#include "hw/intc/pl190.h"
#include "hw/intc/versatile-sic.h"
#include "hw/timer/mpcore-timer.h"

#include <glib.h>

#define VIC	 0x10140000u
#define SIC	 0x10003000u
#define PIC	 0x14000000u
#define GIC_CPU	 0x10040000u
#define GIC_DIST 0x10041000u
#define MP_SCU	 0x10100000u
#define MP_CPU	 0x10100100u
#define MP_CPU1	 0x10100300u
#define MP_DIST	 0x10101000u
#define MP_TIMER 0x10100600u

static const uint32_t image[4] = {0xeafffffe};

static int nirq(const char *name, unsigned int output)
{
	return ((struct mmio *)arm_rig_device(name, 0))->irqs[output]->level;
}

START_TEST(vic)
{
	arm_rig_new("versatilepb", image, sizeof(image));
	struct pl190 *v = (struct pl190 *)arm_rig_device("pl190", 0);

	poke(VIC + 0x34, 0xdef0);
	poke(VIC + 0x100, 0x1000); /* slot 0: input 5 */
	poke(VIC + 0x200, 0x25);
	poke(VIC + 0x10c, 0x3000); /* slot 3: input 2 */
	poke(VIC + 0x20c, 0x22);
	poke(VIC + 0x10, 0x124); /* 2, 5 and 8 */
	ck_assert_int_eq(nirq("pl190", PL190_IRQ), 0);
	irq_set(&v->inputs[8], 1);
	ck_assert_int_eq(nirq("pl190", PL190_IRQ), 1);
	ck_assert_uint_eq(peek(VIC + 0x30), 0xdef0); /* not vectored */
	ck_assert_int_eq(nirq("pl190", PL190_IRQ), 0);
	irq_set(&v->inputs[2], 1);
	ck_assert_int_eq(nirq("pl190", PL190_IRQ), 1);
	ck_assert_uint_eq(peek(VIC + 0x30), 0x3000);
	irq_set(&v->inputs[5], 1);
	arm_rig_save_load();
	ck_assert_uint_eq(peek(VIC + 0x30), 0x1000); /* above the others */
	ck_assert_int_eq(nirq("pl190", PL190_IRQ), 0);
	irq_set(&v->inputs[5], 0);
	poke(VIC + 0x30, 0);
	ck_assert_int_eq(nirq("pl190", PL190_IRQ), 0); /* the handler of 2 goes on */
	irq_set(&v->inputs[2], 0);
	poke(VIC + 0x30, 0);
	poke(VIC + 0x30, 0);
	ck_assert_int_eq(nirq("pl190", PL190_IRQ), 1); /* 8 is still up */
	poke(VIC + 0xc, 0x100);
	ck_assert_int_eq(nirq("pl190", PL190_IRQ), 0);
	ck_assert_int_eq(nirq("pl190", PL190_FIQ), 1);
	poke(VIC + 0x14, 0x100);
	ck_assert_int_eq(nirq("pl190", PL190_FIQ), 0);
	poke(VIC + 0x18, 4); /* by software */
	ck_assert_uint_eq(peek(VIC), 4);
}
END_TEST

START_TEST(sic)
{
	arm_rig_new("versatilepb", image, sizeof(image));
	struct versatile_sic *s = (struct versatile_sic *)arm_rig_device("versatile-sic", 0);

	poke(SIC + 8, 0x08);
	irq_set(&s->inputs[3], 1);
	ck_assert_uint_eq(peek(SIC), 8);
	ck_assert_uint_eq(peek(VIC + 8), UINT32_C(1) << 31);
	poke(SIC + 0xc, 8);
	ck_assert_uint_eq(peek(VIC + 8), 0);
	/* passed on one by one */
	irq_set(&s->inputs[25], 1);
	ck_assert_uint_eq(peek(VIC + 8), 0);
	poke(SIC + 0x20, 1 << 25);
	ck_assert_uint_eq(peek(VIC + 8), 1 << 25);
	arm_rig_save_load();
	poke(SIC + 0x24, 1 << 25);
	ck_assert_uint_eq(peek(VIC + 8), 0);
}
END_TEST

START_TEST(integrator)
{
	arm_rig_new("integratorcp", image, sizeof(image));
	struct integrator_pic *p = (struct integrator_pic *)arm_rig_device("integrator-pic", 0);

	irq_set(&p->inputs[4], 1);
	ck_assert_uint_eq(peek(PIC + 4), 0x10);
	ck_assert_uint_eq(peek(PIC), 0);
	poke(PIC + 8, 0x11);
	ck_assert_int_eq(p->mmio.irqs[0]->level, 1);
	poke(PIC + 0xc, 0x10);
	ck_assert_int_eq(p->mmio.irqs[0]->level, 0);
	poke(PIC + 0x28, 0x10);
	ck_assert_int_eq(p->mmio.irqs[1]->level, 1);
	poke(PIC + 0x10, 1);
	arm_rig_save_load();
	ck_assert_uint_eq(peek(PIC), 1);
	/* the core module: locked clocks, the size of its memory, 24 MHz */
	ck_assert_uint_eq(peek(0x10000020), 0xe);
	poke(0x10000008, 5);
	ck_assert_uint_ne(peek(0x10000008), 5);
	poke(0x10000014, 0xa05f);
	poke(0x10000008, 5);
	ck_assert_uint_eq(peek(0x10000008), 5);
	uint32_t t = peek(0x10000028);
	pass_ns(1000000);
	ck_assert_uint_eq(peek(0x10000028) - t, 24000);
	/* timer 1 counts 1 MHz */
	poke(0x13000100, 100);
	poke(0x13000108, 0xe2);
	pass_ns(100000);
	ck_assert_uint_eq(peek(PIC + 4) >> 6 & 1, 1);
	poke(0x1300010c, 0);
	ck_assert_uint_eq(peek(PIC + 4) >> 6 & 1, 0);
}
END_TEST

/* Enables SPI n with a priority, for processor 0. */
static void spi(uint32_t dist, unsigned int n, uint8_t priority)
{
	unsigned int id = 32 + n;

	mem_store_le(&machine_get()->memory, dist + 0x400 + id, priority, 1);
	mem_store_le(&machine_get()->memory, dist + 0x800 + id, 1, 1);
	poke(dist + 0x100 + id / 32 * 4, UINT32_C(1) << id % 32);
}

START_TEST(gic_priorities)
{
	arm_rig_new("realview-eb", image, sizeof(image));
	struct gic *g = (struct gic *)arm_rig_device("gic", 0);

	ck_assert_uint_eq(peek(GIC_DIST + 4), 2); /* 96 interrupts, one processor */
	poke(GIC_DIST, 1);
	poke(GIC_CPU, 1);
	poke(GIC_CPU + 4, 0xf0);
	ck_assert_uint_eq(peek(GIC_CPU + 0xc), 1023);
	spi(GIC_DIST, 4, 0x80);
	spi(GIC_DIST, 40, 0x40);
	irq_set(&g->inputs[4], 1);
	ck_assert_int_eq(nirq("gic", 0), 1);
	ck_assert_uint_eq(peek(GIC_CPU + 0x18), 36);
	ck_assert_uint_eq(peek(GIC_CPU + 0xc), 36);
	ck_assert_int_eq(nirq("gic", 0), 0);
	irq_set(&g->inputs[40], 1); /* above it */
	ck_assert_int_eq(nirq("gic", 0), 1);
	ck_assert_uint_eq(peek(GIC_CPU + 0xc), 72);
	ck_assert_uint_eq(peek(GIC_CPU + 0x14), 0x40);
	arm_rig_save_load();
	irq_set(&g->inputs[40], 0);
	poke(GIC_CPU + 0x10, 72);
	ck_assert_uint_eq(peek(GIC_CPU + 0x14), 0x80);
	ck_assert_int_eq(nirq("gic", 0), 0);
	poke(GIC_CPU + 0x10, 36); /* the level is still there */
	ck_assert_int_eq(nirq("gic", 0), 1);
	poke(GIC_CPU + 4, 0x80); /* not above the mask */
	ck_assert_int_eq(nirq("gic", 0), 0);
	poke(GIC_CPU + 4, 0xf0);
	irq_set(&g->inputs[4], 0);
	ck_assert_int_eq(nirq("gic", 0), 0);
	/* edges are kept */
	poke(GIC_DIST + 0xc00 + 4 * 2, 2 << 8);
	irq_set(&g->inputs[4], 1);
	irq_set(&g->inputs[4], 0);
	ck_assert_uint_eq(peek(GIC_CPU + 0xc), 36);
	poke(GIC_CPU + 0x10, 36);
	ck_assert_int_eq(nirq("gic", 0), 0);
}
END_TEST

START_TEST(mpcore)
{
	arm_rig_new_smp("realview-eb-mpcore", image, sizeof(image), 2);
	struct mpcore_timer *t = (struct mpcore_timer *)arm_rig_device("mpcore-timer", 0);
	struct gic *g = t ? (struct gic *)arm_rig_device("gic", 0) : NULL;

	ck_assert_uint_eq(peek(MP_SCU + 4), 0x31);
	ck_assert_uint_eq(peek(MP_DIST + 4), 0x21);
	poke(MP_DIST, 1);
	for (unsigned int i = 0; i < 2; i++) {
		poke(MP_CPU + 0x100 + 0x100 * i, 1);
		poke(MP_CPU + 0x100 + 0x100 * i + 4, 0xf0);
	}
	/* software interrupt 3 from 0 to 1 */
	poke(MP_DIST + 0xf00, 0x00020003);
	ck_assert_int_eq(g->mmio.irqs[0]->level, 0);
	ck_assert_int_eq(g->mmio.irqs[1]->level, 1);
	arm_rig_save_load();
	ck_assert_uint_eq(peek(MP_CPU1 + 0xc), 3);
	ck_assert_int_eq(g->mmio.irqs[1]->level, 0);
	poke(MP_CPU1 + 0x10, 3);
	/* the timer of processor 0, 100 MHz, and its private interrupt */
	poke(MP_DIST + 0x100, UINT32_C(1) << 29);
	poke(MP_TIMER, 99999);
	poke(MP_TIMER + 8, 7);
	pass_ns(999000);
	ck_assert_int_eq(g->mmio.irqs[0]->level, 0);
	pass_ns(1000);
	ck_assert_int_eq(g->mmio.irqs[0]->level, 1);
	ck_assert_uint_eq(peek(MP_CPU + 0xc), 29);
	poke(MP_TIMER + 0xc, 1);
	poke(MP_CPU + 0x10, 29);
	ck_assert_int_eq(g->mmio.irqs[0]->level, 0);
	pass_ns(1000000);
	ck_assert_int_eq(g->mmio.irqs[0]->level, 1);
	/* the watchdog as a timer, and as a watchdog that can be left */
	poke(MP_TIMER + 0x20, 1000);
	poke(MP_TIMER + 0x28, 9);
	poke(MP_TIMER + 0x28, 1);
	ck_assert_uint_eq(peek(MP_TIMER + 0x28), 9);
	poke(MP_TIMER + 0x34, 0x12345678);
	poke(MP_TIMER + 0x34, 0x87654321);
	poke(MP_TIMER + 0x28, 0);
	ck_assert_uint_eq(peek(MP_TIMER + 0x28), 0);
	/* what the board raises reaches the tile and the board's own controller */
	spi(MP_DIST, 4, 0);
	poke(0x10009000 + 0x38, 0x20); /* UART0: transmitter empty */
	poke(0x10009000, 'x');
	ck_assert_uint_eq(peek(MP_DIST + 0x204) >> 4 & 1, 1);
	ck_assert_uint_eq(peek(GIC_DIST + 0x204) >> 12 & 1, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {vic, sic, integrator, gic_priorities, mpcore, NULL};

	return run_suite("arm-intc", tests);
}
