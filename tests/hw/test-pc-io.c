/* UART, keyboard controller, DMA, PCI and memory map, power management, CMOS. */
#include "board.h"

#include "hw/dma/i8237.h"
#include "hw/input/i8042.h"
#include "vm/chardev.h"
#include "vm/input.h"
#include "vm/runstate.h"
#include "vm/state.h"

#include <check.h>
#include <string.h>

/* --- UART --- */

static void board_with_serial(void)
{
	struct machine *m = machine_get();

	ck_assert_ptr_null(chardev_open("s0", "null", &m->serial[0]));
	m->serial_count = 1;
	board_new("isapc", 1);
	pics_init();
}

START_TEST(uart_registers)
{
	board_with_serial();
	ck_assert_uint_eq(inb(0x3fd), 0x60);
	ck_assert_uint_eq(inb(0x3fa), 0x01);
	outb(0x3fb, 0x80);
	outb(0x3f8, 0x34);
	outb(0x3f9, 0x12);
	ck_assert_uint_eq(inb(0x3f8), 0x34);
	ck_assert_uint_eq(inb(0x3f9), 0x12);
	outb(0x3fb, 0x03);
	outb(0x3ff, 0x5a);
	ck_assert_uint_eq(inb(0x3ff), 0x5a);
	outb(0x3f9, 0xff);
	ck_assert_uint_eq(inb(0x3f9), 0x0f);
	outb(0x3fa, 0x01);
	ck_assert_uint_eq(inb(0x3fa) & 0xc0, 0xc0);
}
END_TEST

START_TEST(uart_transmit_interrupt)
{
	board_with_serial();
	outb(0x3fc, 0x08);
	outb(0x3f9, 0x02); /* THR is empty: interrupts at once */
	ck_assert_int_eq(accept_interrupt(0), 12);
	ck_assert_uint_eq(inb(0x3fa), 0x02);
	ck_assert_uint_eq(inb(0x3fa), 0x01);
	outb(0x20, 0x20);
	ck_assert_int_eq(accept_interrupt(0), -1);
	outb(0x3f8, 'x');
	ck_assert_int_eq(accept_interrupt(0), 12);
	ck_assert_uint_eq(inb(0x3fd), 0x60);
	/* OUT2 gates the line */
	outb(0x20, 0x20);
	outb(0x3fc, 0x00);
	outb(0x3f8, 'y');
	ck_assert_int_eq(accept_interrupt(0), -1);
}
END_TEST

START_TEST(uart_loopback)
{
	board_with_serial();
	outb(0x3fc, 0x10);
	outb(0x3fa, 0x81); /* FIFOs, trigger 8 */
	outb(0x3f9, 0x01);
	for (unsigned int i = 0; i < 7; i++)
		outb(0x3f8, (uint8_t)('a' + i));
	ck_assert_uint_eq(inb(0x3fa) & 15, 0x01);
	run_ns(100 * NS_PER_MS); /* four characters' time */
	ck_assert_uint_eq(inb(0x3fa) & 15, 0x0c);
	ck_assert_uint_eq(inb(0x3f8), 'a');
	ck_assert_uint_eq(inb(0x3fa) & 15, 0x01);
	outb(0x3f8, 'h');
	outb(0x3f8, 'i');
	ck_assert_uint_eq(inb(0x3fa) & 15, 0x04);
	for (unsigned int i = 0; i < 8; i++)
		ck_assert_uint_eq(inb(0x3f8), 'b' + i);
	ck_assert_uint_eq(inb(0x3fd), 0x60);
	for (unsigned int i = 0; i < 17; i++)
		outb(0x3f8, (uint8_t)i);
	ck_assert_uint_eq(inb(0x3fd), 0x63); /* overrun */
	ck_assert_uint_eq(inb(0x3fd), 0x61);
	/* modem lines */
	outb(0x3fc, 0x1f);
	ck_assert_uint_eq(inb(0x3fe) & 0xf0, 0xf0);
	outb(0x3fc, 0x10);
	ck_assert_uint_eq(inb(0x3fe), 0x0f);
	ck_assert_uint_eq(inb(0x3fe), 0x00);
}
END_TEST

/* --- keyboard controller --- */

static int kbd(void)
{
	return inb(0x64) & 1 ? inb(0x60) : -1;
}

START_TEST(keyboard)
{
	board_new("isapc", 1);
	pics_init();
	outb(0x64, 0xaa);
	ck_assert_int_eq(kbd(), 0x55);
	outb(0x64, 0xab);
	ck_assert_int_eq(kbd(), 0x00);
	outb(0x64, 0x60);
	outb(0x60, 0x41); /* interrupt, translation */
	outb(0x60, 0xf2);
	run_ns(NS_PER_MS);
	ck_assert_int_eq(kbd(), 0xfa);
	run_ns(NS_PER_MS);
	ck_assert_int_eq(kbd(), 0xab);
	run_ns(NS_PER_MS);
	ck_assert_int_eq(kbd(), 0x41); /* 83h, translated */
	run_ns(NS_PER_MS);
	while (accept_interrupt(0) >= 0)
		outb(0x20, 0x20);
	input_key(0x1e, true);
	ck_assert_int_eq(accept_interrupt(0), 9);
	ck_assert_int_eq(kbd(), 0x1e);
	ck_assert_uint_eq(inb(0x60), 0x1e); /* still there */
	outb(0x20, 0x20);
	input_key(0x1e, false);
	run_ns(NS_PER_MS);
	ck_assert_int_eq(kbd(), 0x9e);
	input_key(0xc8, true); /* cursor up */
	run_ns(NS_PER_MS);
	ck_assert_int_eq(kbd(), 0xe0);
	run_ns(NS_PER_MS);
	ck_assert_int_eq(kbd(), 0x48);
	run_ns(NS_PER_MS);
	/* set 2 as it comes */
	outb(0x64, 0x60);
	outb(0x60, 0x01);
	input_key(0x1e, false);
	run_ns(NS_PER_MS);
	ck_assert_int_eq(kbd(), 0xf0);
	run_ns(NS_PER_MS);
	ck_assert_int_eq(kbd(), 0x1c);
	run_ns(NS_PER_MS);
	outb(0x60, 0xff);
	run_ns(NS_PER_MS);
	ck_assert_int_eq(kbd(), 0xfa);
	run_ns(NS_PER_MS);
	ck_assert_int_eq(kbd(), 0xaa);
}
END_TEST

static int aux(void)
{
	run_ns(NS_PER_MS);
	return (inb(0x64) & 0x21) == 0x21 ? inb(0x60) : -1;
}

static void mouse(uint8_t byte)
{
	outb(0x64, 0xd4);
	outb(0x60, byte);
	ck_assert_int_eq(aux(), 0xfa);
}

START_TEST(wheel_mouse)
{
	static const uint8_t knock[] = {0xf3, 200, 0xf3, 100, 0xf3, 80};

	board_new("isapc", 1);
	pics_init();
	outb(0x64, 0x60);
	outb(0x60, 0x02);
	mouse(0xff);
	ck_assert_int_eq(aux(), 0xaa);
	ck_assert_int_eq(aux(), 0x00);
	for (unsigned int i = 0; i < sizeof(knock); i++)
		mouse(knock[i]);
	mouse(0xf2);
	ck_assert_int_eq(aux(), 0x03);
	mouse(0xf4);
	while (accept_interrupt(0) >= 0) {
		outb(0xa0, 0x20);
		outb(0x20, 0x20);
	}
	run_ns(NS_PER_MS);
	input_pointer(5, 3, -1, POINTER_LEFT);
	ck_assert_int_eq(accept_interrupt(0), 0x74);
	ck_assert_int_eq(aux(), 0x29);
	ck_assert_int_eq(aux(), 5);
	ck_assert_int_eq(aux(), 0xfd);
	ck_assert_int_eq(aux(), 0xff);
	ck_assert_int_eq(aux(), -1);
	/* much movement is not lost, only gathered */
	for (unsigned int i = 0; i < 100; i++)
		input_pointer(10, 0, 0, 0);
	int sum = 0, first;
	while ((first = aux()) >= 0) {
		sum += aux();
		aux();
		aux();
		input_pointer(0, 0, 0, 0);
	}
	ck_assert_int_eq(sum, 1000);
}
END_TEST

START_TEST(a20_gate)
{
	board_new("isapc", 1);
	outb(0x92, 0x00);
	ck_assert_int_eq(board_cpu(0)->lines[X86_LINE_A20], 0);
	outb(0x92, 0x02);
	ck_assert_int_eq(board_cpu(0)->lines[X86_LINE_A20], 1);
	outb(0x64, 0xd1);
	outb(0x60, 0xdd);
	ck_assert_int_eq(board_cpu(0)->lines[X86_LINE_A20], 0);
	outb(0x64, 0xdf);
	ck_assert_int_eq(board_cpu(0)->lines[X86_LINE_A20], 1);
}
END_TEST

/* --- DMA --- */

static uint32_t transfer_in(void *opaque, unsigned int channel, uint32_t pos, uint32_t size)
{
	struct isa_bus *bus = opaque;
	uint8_t bytes[4] = {1, 2, 3, 4};
	uint32_t n = MIN(size - pos, 4);

	bus->dma->write(bus->dma_opaque, channel, bytes, pos, n);
	return pos + n;
}

START_TEST(dma_write_and_autoinit)
{
	struct isa_bus *bus = (struct isa_bus *)board_new("isapc", 1)->isa;

	bus->dma->attach(bus->dma_opaque, 2, transfer_in, bus);
	outb(0x0c, 0);
	outb(0x04, 0xfe);
	outb(0x04, 0xff); /* FFFEh: wraps within the page */
	outb(0x05, 0x05);
	outb(0x05, 0x00); /* six bytes */
	outb(0x81, 0x12);
	outb(0x0b, 0x46); /* single, write, channel 2 */
	outb(0x0a, 0x02);
	bus->dma->hold_dreq(bus->dma_opaque, 2, true);
	run_ns(NS_PER_MS);
	ck_assert_uint_eq(peek8(0x12fffe), 1);
	ck_assert_uint_eq(peek8(0x12ffff), 2);
	ck_assert_uint_eq(peek8(0x120000), 3);
	ck_assert_uint_eq(peek8(0x120003), 2);
	ck_assert_uint_eq(peek8(0x120004), 0);
	ck_assert_uint_eq(inb(0x08) & 4, 4);
	ck_assert_uint_eq(inb(0x08) & 4, 0);
	ck_assert_uint_eq(inb(0x0f) & 4, 4); /* masked at terminal count */
	ck_assert_uint_eq(inb(0x05), 0xff);
	ck_assert_uint_eq(inb(0x05), 0xff);
	bus->dma->hold_dreq(bus->dma_opaque, 2, false);
}
END_TEST

/* --- PCI and memory map --- */

static uint32_t config_read(unsigned int devfn, unsigned int reg)
{
	outl(0xcf8, 0x80000000 | devfn << 8 | (reg & 0xfc));
	return inl(0xcfc);
}

static void config_write8(unsigned int devfn, unsigned int reg, uint8_t value)
{
	outl(0xcf8, 0x80000000 | devfn << 8 | (reg & 0xfc));
	outb((uint16_t)(0xcfc + (reg & 3)), value);
}

START_TEST(pci_identity)
{
	board_new("pc", 1);
	ck_assert_uint_eq(config_read(0x00, 0), 0x12378086);
	ck_assert_uint_eq(config_read(0x08, 0), 0x70008086);
	ck_assert_uint_eq(config_read(0x0b, 0), 0x71138086);
	ck_assert_uint_eq(config_read(0x08, 0x0c) >> 16 & 0x80, 0x80);
	ck_assert_uint_eq(config_read(0xf8, 0), 0xffffffff);
	outl(0xcf8, 0x80010000);
	ck_assert_uint_eq(inl(0xcfc), 0xffffffff); /* bus 1 */
	outl(0xcf8, 0);
	ck_assert_uint_eq(inl(0xcfc), 0xffffffff);
	ck_assert_uint_eq(inl(0xcf8), 0);
	/* identity cannot be written */
	config_write8(0x00, 0, 0xaa);
	ck_assert_uint_eq(config_read(0x00, 0), 0x12378086);
}
END_TEST

START_TEST(shadowing)
{
	uint32_t rom;

	board_new("pc", 1);
	rom = peek32(0xffff0);
	ck_assert_uint_eq(rom, peek32(0xfffffff0));
	poke32(0xffff0, 0x11111111);
	ck_assert_uint_eq(peek32(0xffff0), rom);
	config_write8(0, 0x59, 0x20); /* write only */
	ck_assert_uint_eq(peek32(0xffff0), rom);
	poke32(0xffff0, 0x22222222);
	ck_assert_uint_eq(peek32(0xffff0), rom);
	config_write8(0, 0x59, 0x10); /* read only */
	ck_assert_uint_eq(peek32(0xffff0), 0x22222222);
	poke32(0xffff0, 0x33333333);
	ck_assert_uint_eq(peek32(0xffff0), 0x22222222);
	config_write8(0, 0x59, 0x30);
	poke32(0xffff0, 0x44444444);
	ck_assert_uint_eq(peek32(0xffff0), 0x44444444);
	config_write8(0, 0x5d, 0x03); /* D8000h only */
	poke32(0xd0000, 1);
	poke32(0xd8000, 2);
	ck_assert_uint_eq(peek32(0xd8000), 2);
	ck_assert_uint_eq(peek32(0xd0000), 0xffffffff);
	config_write8(0, 0x5c, 0x03);
	ck_assert_uint_eq(peek32(0xd0000), 0);
	poke32(0xd0000, 2);
	ck_assert_uint_eq(peek32(0xd0000), 2);
	devices_reset();
	ck_assert_uint_eq(peek32(0xffff0), rom);
}
END_TEST

START_TEST(system_management_ram)
{
	struct address_space *smm;

	board_new("pc", 1);
	smm = cpu_first()->smm_memory;
	poke32(0xa0000, 1);
	ck_assert_uint_eq(peek32(0xa0000), 0xffffffff);
	config_write8(0, 0x72, 0x4a); /* open */
	poke32(0xa0000, 0x12345678);
	ck_assert_uint_eq(peek32(0xa0000), 0x12345678);
	config_write8(0, 0x72, 0x0a);
	ck_assert_uint_eq(peek32(0xa0000), 0xffffffff);
	ck_assert_uint_eq(mem_load_le(smm, 0xa0000, 4), 0x12345678);
	ck_assert_uint_eq(mem_load_le(smm, 0x100000, 4), peek32(0x100000));
	config_write8(0, 0x72, 0x5a); /* lock: D_OPEN falls and stays */
	ck_assert_uint_eq(peek32(0xa0000), 0xffffffff);
	config_write8(0, 0x72, 0x4a);
	ck_assert_uint_eq(peek32(0xa0000), 0xffffffff);
}
END_TEST

START_TEST(reset_ports)
{
	board_new("pc", 1);
	outb(0xcf9, 0x02);
	ck_assert_uint_eq(inb(0xcf9), 0x02);
	ck_assert_uint_eq(inl(0xcf8), 0);
}
END_TEST

START_TEST(power_management)
{
	board_new("pc", 1);
	pics_init();
	outb(0x21, 0xfb);
	outl(0xcf8, 0x80000b40);
	outl(0xcfc, 0x601);
	config_write8(0x0b, 0x80, 1);
	ck_assert_uint_eq(inl(0x608), 0);
	run_ns(NS_PER_S);
	ck_assert_uint_eq(inl(0x608), 3579545);
	ck_assert_uint_eq(inw(0x600) & 1, 0);
	run_ns(2 * NS_PER_S); /* bit 23 changes after 2.34 s */
	ck_assert_uint_eq(inw(0x600) & 1, 1);
	outw(0x600, 1);
	ck_assert_uint_eq(inw(0x600) & 1, 0);
	outb(0xb2, 0xf1);
	ck_assert_uint_eq(inw(0x604) & 1, 1);
	outw(0x602, 0x0101);
	ck_assert_int_eq(accept_interrupt(0), -1);
	run_ns(3 * NS_PER_S);
	ck_assert_int_eq(accept_interrupt(0), 0x71);
	outb(0xb2, 0xf0);
	ck_assert_uint_eq(inw(0x604) & 1, 0);
	/* SMI by the command port, once it is enabled */
	outb(0xb2, 0x00);
	ck_assert_uint_eq(board_cpu(0)->edges[X86_LINE_SMI], 0);
	config_write8(0x0b, 0x5b, 0x02);
	outb(0xb2, 0x00);
	ck_assert_uint_eq(board_cpu(0)->edges[X86_LINE_SMI], 1);
}
END_TEST

START_TEST(smbus_spd)
{
	board_new("pc", 1);
	outl(0xcf8, 0x80000b90);
	outl(0xcfc, 0x701);
	config_write8(0x0b, 0xd2, 0x09);
	outb(0x704, 0xa1);
	outb(0x703, 2);
	outb(0x702, 0x48);
	ck_assert_uint_eq(inb(0x700), 0x02);
	ck_assert_uint_eq(inb(0x705), 4); /* SDRAM */
	outb(0x700, 0xff);
	outb(0x704, 0x91); /* nobody */
	outb(0x702, 0x48);
	ck_assert_uint_eq(inb(0x700), 0x04);
}
END_TEST

START_TEST(cmos_memory)
{
	board_new("pc", 2);
	outb(0x70, 0x30);
	ck_assert_uint_eq(inb(0x71), 0x00);
	outb(0x70, 0x31);
	ck_assert_uint_eq(inb(0x71), 0x3c); /* 15 MiB above 1 MiB */
	outb(0x70, 0x5f);
	ck_assert_uint_eq(inb(0x71), 1);
	outb(0x70, 0x3d);
	ck_assert_uint_eq(inb(0x71), 0x12); /* disk, floppy */
}
END_TEST

/* --- saved states --- */

static void stir(void)
{
	pics_init();
	outb(0x43, 0x34);
	outb(0x40, 0xa9);
	outb(0x40, 0x04);
	outb(0x61, 0x03);
	outb(0x70, 0x0b);
	outb(0x71, 0x42);
	outb(0x0a, 0x02);
	outb(0x60, 0xed);
	input_key(0x1e, true);
	outw(0x510, 0x19);
	inb(0x511);
	run_ns(12345678);
}

static void round_trip(const char *name)
{
	GByteArray *first = g_byte_array_new(), *second = g_byte_array_new();

	board_new(name, 1);
	stir();
	state_save_all(first);
	devices_reset();
	run_ns(NS_PER_MS);
	struct error *err = state_load_all((struct bytes){first->data, first->len});
	if (err)
		ck_abort_msg("%s", err->message);
	state_save_all(second);
	ck_assert_uint_eq(first->len, second->len);
	for (guint i = 0; i < first->len; i++)
		ck_assert_msg(first->data[i] == second->data[i], "byte %u differs", i);
}

START_TEST(state_pc)
{
	round_trip("pc");
}
END_TEST

START_TEST(state_isapc)
{
	round_trip("isapc");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {uart_registers,
				      uart_transmit_interrupt,
				      uart_loopback,
				      keyboard,
				      wheel_mouse,
				      a20_gate,
				      dma_write_and_autoinit,
				      pci_identity,
				      shadowing,
				      system_management_ram,
				      reset_ports,
				      power_management,
				      smbus_spd,
				      cmos_memory,
				      state_pc,
				      state_isapc,
				      NULL};
	return board_suite("pc-io", tests);
}
