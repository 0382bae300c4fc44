/* 82C59A: modes, priorities, cascade, poll, edge and level inputs. */
#include "board.h"

#include <check.h>

static struct irq *line(unsigned int n)
{
	return i8259_input((struct i8259 *)board_device("isa-pic"), n);
}

START_TEST(edge_and_priority)
{
	board_new("isapc", 1);
	pics_init();
	irq_raise(line(5));
	ck_assert_int_eq(board_cpu(0)->lines[X86_LINE_INTR], 1);
	irq_raise(line(3));
	ck_assert_int_eq(accept_interrupt(0), 8 + 3);
	/* 5 is lower: waits for the end of 3 */
	ck_assert_int_eq(accept_interrupt(0), -1);
	outb(0x20, 0x0b);
	ck_assert_uint_eq(inb(0x20), 0x08);
	outb(0x20, 0x0a);
	ck_assert_uint_eq(inb(0x20), 0x20);
	irq_raise(line(1)); /* nests, and is not forgotten */
	irq_lower(line(1));
	ck_assert_int_eq(accept_interrupt(0), 9);
	outb(0x20, 0x20);
	outb(0x20, 0x20);
	ck_assert_int_eq(accept_interrupt(0), 8 + 5);
	outb(0x20, 0x65);
	ck_assert_int_eq(accept_interrupt(0), -1);
	/* the line is still high: no new edge */
	irq_raise(line(5));
	ck_assert_int_eq(accept_interrupt(0), -1);
}
END_TEST

START_TEST(cascade)
{
	board_new("isapc", 1);
	pics_init();
	irq_raise(line(14));
	irq_raise(line(12));
	ck_assert_int_eq(accept_interrupt(0), 0x70 + 4);
	ck_assert_int_eq(accept_interrupt(0), -1);
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
	ck_assert_int_eq(accept_interrupt(0), 0x70 + 6);
	/* the master's end first */
	outb(0x20, 0x20);
	outb(0xa0, 0x20);
	ck_assert_int_eq(accept_interrupt(0), -1);
	/* slave with automatic end: the next one is not lost */
	outb(0xa0, 0x11);
	outb(0xa1, 0x70);
	outb(0xa1, 0x02);
	outb(0xa1, 0x03);
	irq_lower(line(12));
	irq_lower(line(14));
	irq_raise(line(12));
	irq_raise(line(14));
	ck_assert_int_eq(accept_interrupt(0), 0x74);
	outb(0x20, 0x20);
	ck_assert_int_eq(accept_interrupt(0), 0x76);
}
END_TEST

START_TEST(level_inputs)
{
	board_new("isapc", 1);
	pics_init();
	outb(0x4d1, 0xff);
	ck_assert_uint_eq(inb(0x4d1), 0xde);
	outb(0x4d0, 0xff);
	ck_assert_uint_eq(inb(0x4d0), 0xf8);
	irq_raise(line(11));
	ck_assert_int_eq(accept_interrupt(0), 0x73);
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
	ck_assert_int_eq(accept_interrupt(0), 0x73); /* still asserted */
	irq_lower(line(11));
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
	ck_assert_int_eq(accept_interrupt(0), -1);
	/* goes away before it is acknowledged */
	irq_raise(line(11));
	irq_lower(line(11));
	ck_assert_int_eq(board_cpu(0)->lines[X86_LINE_INTR], 0);
}
END_TEST

START_TEST(spurious_and_mask)
{
	board_new("isapc", 1);
	pics_init();
	irq_raise(line(4));
	outb(0x21, 0x10);
	ck_assert_int_eq(board_cpu(0)->lines[X86_LINE_INTR], 0);
	ck_assert_int_eq(i8259_acknowledge((struct i8259 *)board_device("isa-pic")), 8 + 7);
	outb(0x21, 0x00);
	ck_assert_int_eq(accept_interrupt(0), 8 + 4);
	ck_assert_uint_eq(inb(0x21), 0);
}
END_TEST

START_TEST(rotation)
{
	board_new("isapc", 1);
	pics_init();
	outb(0x20, 0xc3); /* 3 is lowest: 4 highest */
	irq_raise(line(3));
	irq_raise(line(4));
	irq_raise(line(1));
	ck_assert_int_eq(accept_interrupt(0), 8 + 4);
	outb(0x20, 0xa0); /* rotate on end: 4 lowest, 5 highest */
	ck_assert_int_eq(accept_interrupt(0), 8 + 1);
	outb(0x20, 0xe1); /* specific rotate: 1 lowest */
	ck_assert_int_eq(accept_interrupt(0), 8 + 3);
	outb(0x20, 0x63);
}
END_TEST

START_TEST(special_mask)
{
	board_new("isapc", 1);
	pics_init();
	irq_raise(line(1));
	ck_assert_int_eq(accept_interrupt(0), 9);
	irq_raise(line(6));
	ck_assert_int_eq(accept_interrupt(0), -1);
	outb(0x20, 0x68);
	outb(0x21, 0x02);
	ck_assert_int_eq(accept_interrupt(0), 8 + 6);
	outb(0x20, 0x48);
}
END_TEST

START_TEST(poll)
{
	board_new("isapc", 1);
	pics_init();
	outb(0x20, 0x0c);
	ck_assert_uint_eq(inb(0x20), 0x00);
	irq_raise(line(6));
	outb(0x20, 0x0c);
	ck_assert_uint_eq(inb(0x20), 0x86);
	outb(0x20, 0x0b);
	ck_assert_uint_eq(inb(0x20), 0x40);
	ck_assert_int_eq(accept_interrupt(0), -1);
}
END_TEST

START_TEST(auto_eoi)
{
	board_new("isapc", 1);
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 0x04);
	outb(0x21, 0x03);
	outb(0x21, 0x00);
	outb(0x20, 0x80); /* rotate in automatic end */
	irq_raise(line(1));
	irq_raise(line(3));
	ck_assert_int_eq(accept_interrupt(0), 0x21);
	ck_assert_int_eq(accept_interrupt(0), 0x23);
	irq_lower(line(1));
	irq_lower(line(3));
	irq_raise(line(1));
	irq_raise(line(4));
	ck_assert_int_eq(accept_interrupt(0), 0x24); /* 3 was lowest, so 4 is highest */
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {edge_and_priority,
				      cascade,
				      level_inputs,
				      spurious_and_mask,
				      rotation,
				      special_mask,
				      poll,
				      auto_eoi,
				      NULL};
	return board_suite("i8259", tests);
}
