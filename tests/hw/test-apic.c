/* Local APICs, I/O APIC, and messages between them. */
#include "board.h"

#include <check.h>

enum {
	ID = 0x20,
	TPR = 0x80,
	PPR = 0xa0,
	EOI = 0xb0,
	LDR = 0xd0,
	DFR = 0xe0,
	SVR = 0xf0,
	ISR = 0x100,
	TMR = 0x180,
	IRR = 0x200,
	ESR = 0x280,
	ICR = 0x300,
	ICR2 = 0x310,
	LVTT = 0x320,
	LVT0 = 0x350,
	LVTE = 0x370,
	TICR = 0x380,
	TCCR = 0x390,
	TDCR = 0x3e0
};

static void ioapic_set(unsigned int pin, uint64_t entry)
{
	poke32(IOAPIC_BASE, 0x10 + 2 * pin);
	poke32(IOAPIC_BASE + 0x10, (uint32_t)entry);
	poke32(IOAPIC_BASE, 0x11 + 2 * pin);
	poke32(IOAPIC_BASE + 0x10, (uint32_t)(entry >> 32));
}

static uint32_t ioapic_low(unsigned int pin)
{
	poke32(IOAPIC_BASE, 0x10 + 2 * pin);
	return peek32(IOAPIC_BASE + 0x10);
}

static struct irq *pin(unsigned int n)
{
	return &((struct ioapic *)board_device("ioapic"))->inputs[n];
}

START_TEST(identity)
{
	board_new("pc", 3);
	ck_assert_uint_eq(apic_peek(2, ID), 2u << 24);
	ck_assert_uint_eq(apic_peek(0, 0x30), 0x50014);
	ck_assert_uint_eq(apic_peek(1, SVR), 0xff);
	ck_assert_uint_eq(apic_peek(1, LVT0), 0x10000);
	ck_assert_uint_eq(apic_peek(0, LVT0), 0x700);
	ck_assert_uint_eq(apic_peek(0, DFR), 0xffffffff);
	poke32(IOAPIC_BASE, 1);
	ck_assert_uint_eq(peek32(IOAPIC_BASE + 0x10), 0x170011);
}
END_TEST

START_TEST(self_ipi_priorities)
{
	board_new("pc", 1);
	apic_poke(0, SVR, 0x1ff);
	apic_poke(0, ICR, 0x40041);
	apic_poke(0, ICR, 0x40052);
	ck_assert_uint_eq(apic_peek(0, IRR + 0x20), 1u << 1 | 1u << 18);
	ck_assert_int_eq(accept_interrupt(0), 0x52);
	ck_assert_uint_eq(apic_peek(0, PPR), 0x50);
	ck_assert_int_eq(accept_interrupt(0), -1);
	apic_poke(0, ICR, 0x40061);
	ck_assert_int_eq(accept_interrupt(0), 0x61);
	apic_poke(0, EOI, 0);
	apic_poke(0, EOI, 0);
	ck_assert_int_eq(accept_interrupt(0), 0x41);
	apic_poke(0, EOI, 0);
	apic_poke(0, TPR, 0x70);
	apic_poke(0, ICR, 0x40075);
	ck_assert_int_eq(accept_interrupt(0), -1);
	apic_poke(0, TPR, 0x60);
	ck_assert_int_eq(accept_interrupt(0), 0x75);
}
END_TEST

START_TEST(start_up)
{
	board_new("pc", 2);
	apic_poke(0, SVR, 0x1ff);
	apic_poke(1, SVR, 0x1ff);
	apic_poke(0, ICR2, 1u << 24);
	apic_poke(0, ICR, 0xc500);
	ck_assert_uint_eq(board_cpu(1)->edges[X86_LINE_INIT], 1);
	ck_assert_uint_eq(board_cpu(0)->edges[X86_LINE_INIT], 0);
	ck_assert_uint_eq(apic_peek(1, SVR), 0xff); /* reset by it */
	apic_poke(0, ICR, 0x8500);		    /* de-assert: nothing */
	ck_assert_uint_eq(board_cpu(1)->edges[X86_LINE_INIT], 1);
	apic_poke(0, ICR, 0x46a5);
	ck_assert_int_eq(board_cpu(1)->sipi, 0xa5);
	apic_poke(0, ICR, 0xc4400); /* NMI to all but self */
	ck_assert_uint_eq(board_cpu(1)->edges[X86_LINE_NMI], 1);
	ck_assert_uint_eq(board_cpu(0)->edges[X86_LINE_NMI], 0);
}
END_TEST

START_TEST(logical_destinations)
{
	board_new("pc", 3);
	for (unsigned int i = 0; i < 3; i++) {
		apic_poke(i, SVR, 0x1ff);
		apic_poke(i, LDR, 1u << (24 + i));
	}
	apic_poke(0, ICR2, 6u << 24);
	apic_poke(0, ICR, 0x4833);
	ck_assert_int_eq(accept_interrupt(0), -1);
	ck_assert_int_eq(accept_interrupt(1), 0x33);
	ck_assert_int_eq(accept_interrupt(2), 0x33);
	/* clusters: 1.1, 1.2 and 2.1 */
	for (unsigned int i = 0; i < 3; i++) {
		apic_poke(i, EOI, 0);
		apic_poke(i, DFR, 0x0fffffff);
	}
	apic_poke(0, LDR, 0x11u << 24);
	apic_poke(1, LDR, 0x12u << 24);
	apic_poke(2, LDR, 0x21u << 24);
	apic_poke(0, ICR2, 0x13u << 24);
	apic_poke(0, ICR, 0x4834);
	ck_assert_int_eq(accept_interrupt(0), 0x34);
	ck_assert_int_eq(accept_interrupt(1), 0x34);
	ck_assert_int_eq(accept_interrupt(2), -1);
}
END_TEST

START_TEST(lowest_priority)
{
	board_new("pc", 2);
	apic_poke(0, SVR, 0x1ff);
	apic_poke(1, SVR, 0x1ff);
	apic_poke(0, LDR, 1u << 24);
	apic_poke(1, LDR, 2u << 24);
	apic_poke(0, TPR, 0x20);
	apic_poke(0, ICR2, 3u << 24);
	apic_poke(0, ICR, 0x4944);
	ck_assert_int_eq(accept_interrupt(1), 0x44);
	ck_assert_int_eq(accept_interrupt(0), -1);
}
END_TEST

START_TEST(count_down)
{
	board_new("pc", 1);
	apic_poke(0, SVR, 0x1ff);
	apic_poke(0, TDCR, 0xb); /* divide by 1 */
	apic_poke(0, LVTT, 0x40);
	apic_poke(0, TICR, 1000);
	run_ns(400);
	ck_assert_uint_eq(apic_peek(0, TCCR), 600);
	run_ns(599);
	ck_assert_int_eq(accept_interrupt(0), -1);
	run_ns(1);
	ck_assert_int_eq(accept_interrupt(0), 0x40);
	ck_assert_uint_eq(apic_peek(0, TCCR), 0);
	apic_poke(0, EOI, 0);
	run_ns(5000);
	ck_assert_int_eq(accept_interrupt(0), -1);
	/* periodic, divided by 16 */
	apic_poke(0, TDCR, 3);
	apic_poke(0, LVTT, 0x20041);
	apic_poke(0, TICR, 1000);
	for (unsigned int i = 0; i < 5; i++) {
		run_ns(15999);
		ck_assert_int_eq(accept_interrupt(0), -1);
		run_ns(1);
		ck_assert_int_eq(accept_interrupt(0), 0x41);
		apic_poke(0, EOI, 0);
	}
	apic_poke(0, LVTT, 0x30041); /* masked */
	run_ns(100000);
	ck_assert_int_eq(accept_interrupt(0), -1);
	apic_poke(0, TICR, 0);
	ck_assert_uint_eq(apic_peek(0, TCCR), 0);
}
END_TEST

START_TEST(errors)
{
	board_new("pc", 1);
	apic_poke(0, SVR, 0x1ff);
	apic_poke(0, LVTE, 0xfe);
	apic_poke(0, ICR, 0x40005);
	ck_assert_int_eq(accept_interrupt(0), 0xfe);
	ck_assert_uint_eq(apic_peek(0, ESR), 0);
	apic_poke(0, ESR, 0);
	ck_assert_uint_eq(apic_peek(0, ESR), 0x20);
	apic_poke(0, ESR, 0);
	ck_assert_uint_eq(apic_peek(0, ESR), 0);
}
END_TEST

START_TEST(ioapic_edge_and_level)
{
	board_new("pc", 1);
	apic_poke(0, SVR, 0x1ff);
	ioapic_set(4, 0x34);
	irq_raise(pin(4));
	irq_lower(pin(4));
	ck_assert_int_eq(accept_interrupt(0), 0x34);
	apic_poke(0, EOI, 0);
	ck_assert_int_eq(accept_interrupt(0), -1);
	ioapic_set(10, 0x8035);
	irq_raise(pin(10));
	ck_assert_uint_eq(ioapic_low(10), 0xc035);
	ck_assert_int_eq(accept_interrupt(0), 0x35);
	ck_assert_uint_eq(apic_peek(0, TMR + 0x10), 1u << 0x15);
	apic_poke(0, EOI, 0);
	/* still asserted: again */
	ck_assert_int_eq(accept_interrupt(0), 0x35);
	irq_lower(pin(10));
	apic_poke(0, EOI, 0);
	ck_assert_uint_eq(ioapic_low(10), 0x8035);
	ck_assert_int_eq(accept_interrupt(0), -1);
	ioapic_set(10, 0x18035);
	irq_raise(pin(10));
	ck_assert_int_eq(accept_interrupt(0), -1);
	ioapic_set(10, 0x8035);
	ck_assert_int_eq(accept_interrupt(0), 0x35);
}
END_TEST

START_TEST(virtual_wire)
{
	board_new("pc", 2);
	pics_init();
	irq_raise(i8259_input((struct i8259 *)board_device("isa-pic"), 6));
	ck_assert_int_eq(accept_interrupt(1), -1);
	ck_assert_int_eq(accept_interrupt(0), 8 + 6);
	outb(0x20, 0x20);
	apic_poke(0, SVR, 0x1ff);
	apic_poke(0, LVT0, 0x10700);
	irq_raise(i8259_input((struct i8259 *)board_device("isa-pic"), 7));
	ck_assert_int_eq(accept_interrupt(0), -1);
	apic_poke(0, LVT0, 0x700);
	ck_assert_int_eq(accept_interrupt(0), 8 + 7);
}
END_TEST

START_TEST(message_signalled)
{
	struct machine *m = board_new("pc", 2);
	struct pci_bus *bus = (struct pci_bus *)m->pci;

	apic_poke(1, SVR, 0x1ff);
	mem_store_le(bus->dma, 0xfee01000, 0x4077, 4);
	ck_assert_int_eq(accept_interrupt(1), 0x77);
	ck_assert_int_eq(accept_interrupt(0), -1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		identity,	 self_ipi_priorities, start_up, logical_destinations,
		lowest_priority, count_down,	      errors,	ioapic_edge_and_level,
		virtual_wire,	 message_signalled,   NULL};
	return board_suite("apic", tests);
}
