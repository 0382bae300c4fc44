/* The Stellaris boards: each peripheral by its registers, with the processor standing still. */
#include "../vm/suite.h"
#include "../storage/temp-image.h"
#include "arm-rig.h"

#include "hw/gpio/pl061.h"
#include "net/net.h"
#include "storage/block.h"
#include "storage/drive-options.h"
#include "vm/display.h"
#include "vm/input.h"
#include "vm/runstate.h"

#include <elf.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>

#define WATCHDOG 0x40000000u
#define GPIO_A	 0x40004000u
#define GPIO_C	 0x40006000u
#define GPIO_D	 0x40007000u
#define SSI0	 0x40008000u
#define I2C0	 0x40020000u
#define GPIO_E	 0x40024000u
#define TIMER0	 0x40030000u
#define ADC	 0x40038000u
#define ENET	 0x40048000u
#define FLASH	 0x400fd000u
#define SYSCTL	 0x400fe000u
#define SCS	 0xe000e000u
#define MS	 INT64_C(1000000)

static const uint32_t vectors[64] = {0x20001000, 0x101};

static void board(const char *name)
{
	arm_rig_new(name, vectors, sizeof(vectors));
	/* 50 MHz from the PLL */
	poke(SYSCTL + 0x60, 0x01c002c0);
}

static bool pending(unsigned int irq)
{
	return peek(SCS + 0x200 + irq / 32 * 4) >> (irq & 31) & 1;
}

static void clear(unsigned int irq)
{
	poke(SCS + 0x280 + irq / 32 * 4, 1u << (irq & 31));
}

START_TEST(reset_vector)
{
	board("lm3s6965evb");
	ck_assert_uint_eq(arm_cpu_get_reg(cpu_first(), 13), 0x20001000);
	ck_assert_uint_eq(arm_cpu_get_reg(cpu_first(), 15), 0x100);
	ck_assert_uint_eq(peek(SCS + 0xd00), 0x410fc231);
	ck_assert_uint_eq(peek(SYSCTL + 0x50) >> 6 & 1, 1); /* the PLL has locked */
	poke(SYSCTL + 0x60, 0x07800b80 | 1 << 11);	    /* XTAL = 8 MHz */
	ck_assert_uint_eq(peek(SYSCTL + 0x64), 50 << 5);    /* 8 MHz x 50 = 400 MHz */
}
END_TEST

START_TEST(systick)
{
	board("lm3s6965evb");
	poke(SCS + 0x14, 49999);
	poke(SCS + 0x18, 0);
	poke(SCS + 0x10, 7);
	pass_ns(MS - 100);
	ck_assert_uint_eq(peek(SCS + 0x10) >> 16, 0);
	ck_assert_uint_eq(peek(SCS + 0x18), 5);
	pass_ns(200);
	ck_assert_uint_eq(peek(SCS + 0xd04) >> 26 & 1, 1); /* PENDSTSET */
	ck_assert_uint_eq(peek(SCS + 0x10) >> 16, 1);
	ck_assert_uint_eq(peek(SCS + 0x10) >> 16, 0); /* cleared by reading */
	arm_rig_save_load();
	/* no drift: 1000 periods later it is at the same place */
	uint32_t at = peek(SCS + 0x18);
	pass_ns(1000 * MS);
	ck_assert_uint_eq(peek(SCS + 0x18), at);
	/* half the core clock, twice the time */
	poke(SYSCTL + 0x60, 0x03c002c0);
	at = peek(SCS + 0x18);
	pass_ns(40000);
	ck_assert_uint_eq(at - peek(SCS + 0x18), 1000);
}
END_TEST

START_TEST(priorities)
{
	board("lm3s6965evb");
	poke(SCS + 0x400, 0xffffffff);
	ck_assert_uint_eq(peek(SCS + 0x400), 0xe0e0e0e0); /* three bits */
	poke(SCS + 0x100, 0xc0000000);
	poke(SCS + 0x400 + 28, 0x40800000);
	poke(SCS + 0x200, 0xc0000000);
	ck_assert_uint_eq(peek(SCS + 0xd04) >> 12 & 0x1ff, 47); /* the more urgent one */
	poke(SCS + 0x280, 0x80000000);
	ck_assert_uint_eq(peek(SCS + 0xd04) >> 12 & 0x1ff, 46);
	mem_store_le(&machine_get()->memory, SCS + 0xd23, 0xff, 1); /* SysTick's, as a byte */
	ck_assert_uint_eq(peek(SCS + 0xd20), 0xe0000000);
	poke(SCS + 0xf00, 5);
	ck_assert(pending(5));
	arm_rig_save_load();
	ck_assert(pending(5));
}
END_TEST

START_TEST(timer_32bit)
{
	board("lm3s811evb");
	poke(TIMER0 + 4, 1); /* one shot */
	poke(TIMER0 + 0x28, 50000);
	poke(TIMER0 + 0x18, 1);
	poke(TIMER0 + 0xc, 1);
	pass_ns(MS - 1000);
	ck_assert_uint_eq(peek(TIMER0 + 0x48), 50);
	ck_assert(!pending(19));
	pass_ns(2000);
	ck_assert(pending(19));
	ck_assert_uint_eq(peek(TIMER0 + 0xc) & 1, 0); /* stopped */
	poke(TIMER0 + 0x24, 1);
	clear(19);
	ck_assert(!pending(19));
	poke(TIMER0 + 4, 2);
	poke(TIMER0 + 0x28, 49999);
	poke(TIMER0 + 0xc, 1);
	for (int n = 0; n < 3; n++) {
		pass_ns(MS);
		ck_assert_uint_eq(peek(TIMER0 + 0x20), 1);
		poke(TIMER0 + 0x24, 1);
	}
	arm_rig_save_load();
	pass_ns(MS);
	ck_assert_uint_eq(peek(TIMER0 + 0x20), 1);
}
END_TEST

START_TEST(timer_16bit)
{
	board("lm3s811evb");
	poke(TIMER0, 4);
	poke(TIMER0 + 8, 2);	 /* B: periodic */
	poke(TIMER0 + 0x3c, 49); /* 1 MHz */
	poke(TIMER0 + 0x2c, 999);
	poke(TIMER0 + 0x18, 0x101);
	poke(TIMER0 + 4, 0xa); /* A: PWM, which does not interrupt */
	poke(TIMER0 + 0x28, 99);
	poke(TIMER0 + 0xc, 0x101);
	pass_ns(MS + 1000);
	ck_assert_uint_eq(peek(TIMER0 + 0x1c), 0x100);
	ck_assert(pending(20));
	ck_assert(!pending(19));
}
END_TEST

START_TEST(timer_rtc)
{
	board("lm3s811evb");
	poke(TIMER0, 1);
	poke(TIMER0 + 0x28, 100);
	poke(TIMER0 + 0x30, 103);
	poke(TIMER0 + 0x34, 0);
	poke(TIMER0 + 0x18, 8);
	poke(TIMER0 + 0xc, 1);
	pass_ns(2999 * MS);
	ck_assert_uint_eq(peek(TIMER0 + 0x48), 102);
	ck_assert(!pending(19));
	arm_rig_save_load();
	pass_ns(2 * MS);
	ck_assert_uint_eq(peek(TIMER0 + 0x48), 103);
	ck_assert_uint_eq(peek(TIMER0 + 0x20), 8);
	ck_assert(pending(19));
}
END_TEST

START_TEST(watchdog)
{
	board("lm3s6965evb");
	poke(WATCHDOG, 50000);
	poke(WATCHDOG + 8, 3);
	poke(WATCHDOG + 0xc00, 1);
	poke(WATCHDOG + 8, 0); /* locked */
	ck_assert_uint_eq(peek(WATCHDOG + 8), 3);
	pass_ns(2 * MS - MS / 2);
	ck_assert(pending(18));
	ck_assert_uint_eq(peek(WATCHDOG + 0x14), 1);
	ck_assert(!machine_request_pending());
	arm_rig_save_load();
	pass_ns(2 * MS);
	ck_assert(machine_request_pending());
}
END_TEST

START_TEST(adc)
{
	board("lm3s6965evb");
	poke(ADC, 1 << 1);
	poke(ADC + 0x60, 0);
	poke(ADC + 0x64, 0x6808); /* temperature, input, temperature, end with interrupt */
	poke(ADC + 4 + 4, 1 << 1);
	poke(ADC + 0x28, 1 << 1);
	ck_assert(pending(15));
	ck_assert_uint_eq(peek(ADC + 0x6c) >> 8 & 1, 0);
	ck_assert_uint_eq(peek(ADC + 0x6c) >> 12 & 1, 1); /* four of four */
	ck_assert_uint_eq(peek(ADC + 0x68), 557);
	ck_assert_uint_eq(peek(ADC + 0x68) & ~7u, 0x200);
	arm_rig_save_load();
	peek(ADC + 0x68);
	peek(ADC + 0x68);
	ck_assert_uint_eq(peek(ADC + 0x6c) >> 8 & 1, 1);
	peek(ADC + 0x68);
	ck_assert_uint_eq(peek(ADC + 0x18), 1 << 1); /* underflow */
	/* a timer starts a conversion, too */
	poke(ADC + 0xc, 2);
	poke(ADC + 0x14, 5 << 4);
	poke(TIMER0 + 4, 1);
	poke(TIMER0 + 0x28, 100);
	poke(TIMER0 + 0xc, 0x21);
	pass_ns(MS);
	ck_assert_uint_eq(peek(ADC + 4), 2);
}
END_TEST

static uint32_t pixel(unsigned int x, unsigned int y)
{
	struct display_surface *s;

	display_refresh(display_first(), true);
	s = display_surface(display_first());
	return s->pixels[(size_t)y * s->stride + x];
}

static void i2c_send(unsigned int address, const uint8_t *bytes, unsigned int count)
{
	poke(I2C0, address << 1);
	for (unsigned int n = 0; n < count; n++) {
		poke(I2C0 + 8, bytes[n]);
		poke(I2C0 + 4, 1 | (n == 0 ? 2 : 0) | (n == count - 1 ? 4 : 0));
		ck_assert_uint_eq(peek(I2C0 + 4) & 2, 0);
	}
}

START_TEST(oled_on_i2c)
{
	static const uint8_t on[] = {0x80, 0xaf, 0x80, 0xb1, 0x80, 0x04, 0x80, 0x10};
	static const uint8_t dots[] = {0x40, 0x01, 0x80};

	board("lm3s811evb");
	poke(I2C0 + 0x20, 0x10);
	poke(I2C0, 0x20 << 1);
	poke(I2C0 + 4, 7);
	ck_assert_uint_eq(peek(I2C0 + 4), 0x26); /* idle, error, address not acknowledged */
	i2c_send(0x3d, on, sizeof(on));
	i2c_send(0x3d, dots, sizeof(dots));
	/* page 1, columns 4 and 5: dots (0, 8) and (1, 15), four times as large */
	ck_assert_uint_ne(pixel(0, 32), 0);
	ck_assert_uint_ne(pixel(3, 35), 0);
	ck_assert_uint_eq(pixel(4, 32), 0);
	ck_assert_uint_ne(pixel(7, 63), 0);
	ck_assert_uint_eq(pixel(0, 0), 0);
	arm_rig_save_load();
	ck_assert_uint_ne(pixel(7, 63), 0);
	ck_assert_uint_eq(peek(I2C0 + 0x14), 1);
}
END_TEST

static void ssi_command(const uint8_t *bytes, unsigned int count)
{
	for (unsigned int n = 0; n < count; n++)
		poke(SSI0 + 8, bytes[n]);
}

START_TEST(oled_on_ssi)
{
	static const uint8_t setup[] = {0xaf, 0x15, 2, 3, 0x75, 4, 5};
	static const uint8_t dots[] = {0x0f, 0xf0, 0x00, 0x08};

	board("lm3s6965evb");
	poke(SSI0, 7);
	poke(SSI0 + 4, 2);
	poke(GPIO_C + 0x400, 0x80);
	poke(GPIO_C + (0x80 << 2), 0);
	ssi_command(setup, sizeof(setup));
	poke(GPIO_C + (0x80 << 2), 0x80); /* D/C# */
	ssi_command(dots, sizeof(dots));
	ck_assert_uint_eq(pixel(3 * 4, 3 * 4) >> 8 & 0xff, 0xff); /* lower half: the left dot */
	ck_assert_uint_eq(pixel(3 * 5, 3 * 4), 0);
	ck_assert_uint_eq(pixel(3 * 7, 3 * 4) >> 8 & 0xff, 0xff);
	ck_assert_uint_eq(pixel(3 * 6, 3 * 5) >> 8 & 0xff, 0x88);
	/* not selected: PA3 is a high output */
	poke(GPIO_A + 0x400, 8);
	poke(GPIO_A + (8 << 2), 8);
	ssi_command((const uint8_t[]){0xff, 0xff, 0xff, 0xff}, 4);
	ck_assert_uint_eq(pixel(3 * 5, 3 * 4), 0);
	arm_rig_save_load();
	ck_assert_uint_eq(pixel(3 * 4, 3 * 4) >> 8 & 0xff, 0xff);
	ck_assert_uint_eq(peek(SSI0 + 0xc) & 0xc, 0xc); /* receive FIFO full */
	for (int n = 0; n < 8; n++)
		peek(SSI0 + 8);
	ck_assert_uint_eq(peek(SSI0 + 0xc) & 0xc, 0);
	ck_assert_uint_eq(peek(SSI0 + 0x18) & 1, 1); /* overrun */
}
END_TEST

START_TEST(keys)
{
	board("lm3s6965evb");
	poke(GPIO_E + 0x408, 1); /* both edges */
	poke(GPIO_E + 0x410, 1);
	ck_assert_uint_eq(peek(GPIO_E + 0x3fc) & 0xf, 0xf);
	poke(GPIO_E + 0x41c, 0xff);
	clear(4);
	input_key(0xc8, true);
	ck_assert_uint_eq(peek(GPIO_E + 0x3fc) & 0xf, 0xe);
	ck_assert_uint_eq(peek(GPIO_E + 0x418), 1);
	ck_assert(pending(4));
	arm_rig_save_load();
	poke(GPIO_E + 0x41c, 1);
	ck_assert_uint_eq(peek(GPIO_E + 0x418), 0);
	input_key(0xc8, false);
	ck_assert_uint_eq(peek(GPIO_E + 0x418), 1);
}
END_TEST

START_TEST(gpio_lock)
{
	board("lm3s6965evb");
	poke(GPIO_A + 0x420, 0x81);
	ck_assert_uint_eq(peek(GPIO_A + 0x420), 0x81);
	poke(GPIO_A + 0x524, 0);
	ck_assert_uint_eq(peek(GPIO_A + 0x524), 0xff); /* locked */
	poke(GPIO_A + 0x520, 0x1acce551);
	poke(GPIO_A + 0x524, 0x0f);
	poke(GPIO_A + 0x420, 0x02);
	ck_assert_uint_eq(peek(GPIO_A + 0x420), 0x82);
	poke(GPIO_A + 0x510, 1);
	poke(GPIO_A + 0x514, 1);
	ck_assert_uint_eq(peek(GPIO_A + 0x510), 0); /* a pin is pulled one way */
	ck_assert_uint_eq(peek(GPIO_A + 0xfe0) | peek(GPIO_A + 0xfe8) << 8, 0x1861);
}
END_TEST

/* --- network --- */

static uint8_t seen[2048];
static size_t seen_len;

static bool wire_receive(void *opaque, const uint8_t *frame, size_t len)
{
	memcpy(seen, frame, len);
	seen_len = len;
	return true;
}

static const struct net_port_ops wire_ops = {.kind = "wire", .receive = wire_receive};

static struct net_port *enet_board(void)
{
	struct net_port *wire = net_port_new(&wire_ops, NULL, "wire"), *card = NULL;

	board("lm3s6965evb");
	for (struct net_port *p = net_port_next(NULL); p; p = net_port_next(p)) {
		if (p != wire)
			card = p;
	}
	struct error *err = net_join(card, wire);
	ck_assert(!err);
	return wire;
}

START_TEST(ethernet)
{
	struct net_port *wire = enet_board();
	uint8_t frame[100] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 42};

	poke(ENET + 4, 0x7f);
	poke(ENET + 0xc, 7);
	poke(ENET + 0x10, 4 | 0xffff0000);
	for (uint32_t n = 0; n < 4; n++)
		poke(ENET + 0x10, 0x01010101 * n);
	ck_assert_uint_eq(seen_len, 0);
	poke(ENET + 0x38, 1);
	ck_assert_uint_eq(seen_len, 60); /* padded */
	ck_assert_uint_eq(seen[0], 0xff);
	ck_assert_uint_eq(seen[17], 3);
	ck_assert_uint_eq(seen[18], 0);
	ck_assert_uint_eq(peek(ENET) & 4, 4);
	ck_assert(pending(42));

	poke(ENET, 0x7f);
	net_send(wire, frame, 60); /* the receiver is off */
	ck_assert_uint_eq(peek(ENET + 0x34), 0);
	poke(ENET + 8, 1);
	net_send(wire, frame, 60);
	frame[0] = 2; /* for somebody else */
	net_send(wire, frame, 60);
	ck_assert_uint_eq(peek(ENET + 0x34), 1);
	arm_rig_save_load();
	uint32_t first = peek(ENET + 0x10);
	ck_assert_uint_eq(first & 0xffff, 66);
	for (uint32_t got = 4; got < 66; got += 4)
		peek(ENET + 0x10);
	ck_assert_uint_eq(peek(ENET + 0x34), 0);
	/* the PHY, through its registers 1 and 2 */
	poke(ENET + 0x20, 1 << 3 | 1);
	ck_assert_uint_eq(peek(ENET + 0x30) & 4, 4);
	poke(ENET + 0x20, 2 << 3 | 1);
	ck_assert_uint_eq(peek(ENET + 0x30), 0x000e);
}
END_TEST

START_TEST(ethernet_fifo)
{
	struct net_port *wire = enet_board();
	uint8_t frame[1514] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	poke(ENET + 8, 5);
	for (int n = 0; n < 40; n++)
		net_send(wire, frame, 60 + (size_t)n);
	ck_assert_uint_eq(peek(ENET + 0x34), 31);
	for (int n = 0; n < 40; n++) {
		uint32_t len = peek(ENET + 0x10) & 0xffff;
		ck_assert_uint_eq(len, 66 + (uint32_t)n);
		for (uint32_t got = 4; got < len; got += 4)
			peek(ENET + 0x10);
	}
	ck_assert_uint_eq(peek(ENET + 0x34), 0);
	/* a length that no frame can have */
	poke(ENET + 0x10, 0xffff);
	poke(ENET + 0x10, 0);
	ck_assert_uint_eq(peek(ENET) & 2, 2);
}
END_TEST

START_TEST(flash)
{
	board("lm3s6965evb");
	ck_assert_uint_eq(peek(0), 0x20001000);
	poke(0, 0); /* not by a store */
	ck_assert_uint_eq(peek(0), 0x20001000);
	poke(FLASH, 0x3fc00);
	poke(FLASH + 8, 0xa4420002);
	ck_assert_uint_eq(peek(0x3fc04), 0xffffffff);
	poke(FLASH, 0x3fc04);
	poke(FLASH + 4, 0x12345678);
	poke(FLASH + 8, 0xa4420001);
	ck_assert_uint_eq(peek(0x3fc04), 0x12345678);
	poke(FLASH + 4, 0xffff0000);
	poke(FLASH + 8, 0xa4420001);
	ck_assert_uint_eq(peek(0x3fc04), 0x12340000); /* bits are only cleared */
	poke(FLASH + 8, 0x00010002);		      /* without the key */
	ck_assert_uint_eq(peek(0x3fc04), 0x12340000);
	ck_assert_uint_eq(peek(FLASH + 0xc), 2);
}
END_TEST

/* --- SD card --- */

static uint8_t sd_byte(uint8_t out)
{
	poke(SSI0 + 8, out);
	return (uint8_t)peek(SSI0 + 8);
}

/* Sends a command; returns R1, or ffh where none comes. */
static uint8_t sd_send(unsigned int index, uint32_t arg)
{
	uint8_t r = 0xff;

	sd_byte((uint8_t)(0x40 | index));
	for (int n = 24; n >= 0; n -= 8)
		sd_byte((uint8_t)(arg >> n));
	sd_byte(0x95);
	for (int n = 0; n < 8 && r == 0xff; n++)
		r = sd_byte(0xff);
	return r;
}

/* Waits for a byte that is not `while_it_is`. */
static uint8_t sd_wait(uint8_t while_it_is)
{
	uint8_t byte = while_it_is;

	for (int n = 0; n < 1000 && byte == while_it_is; n++) {
		drives_drain();
		byte = sd_byte(0xff);
	}
	return byte;
}

static void sd_board(const char *path)
{
	struct machine *m = machine_get();

	m->class = machine_class_find("arm", "lm3s6965evb");
	struct error *err = drive_option_add_file(m, path, "if=sd,index=0,format=raw");
	err = err ? err : drives_open(m);
	ck_assert(!err);
	board("lm3s6965evb");
	poke(SSI0, 7);
	poke(SSI0 + 4, 2);
	ck_assert_uint_eq(sd_send(0, 0), 0); /* not selected: the display's pin is low */
	poke(GPIO_A + 0x400, 8);	     /* display off */
	poke(GPIO_A + (8 << 2), 8);
	poke(GPIO_D + 0x400, 1); /* PD0 low */
	poke(GPIO_D + (1 << 2), 0);
}

/* A program with more bss than the board has memory runs, as long as it does not go there. */
START_TEST(large_bss)
{
	struct {
		Elf32_Ehdr head;
		Elf32_Phdr load[2];
		uint32_t vectors[4];
	} file = {
		.head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
			 .e_type = ET_EXEC,
			 .e_machine = EM_ARM,
			 .e_version = EV_CURRENT,
			 .e_entry = 0x101,
			 .e_phoff = sizeof(Elf32_Ehdr),
			 .e_ehsize = sizeof(Elf32_Ehdr),
			 .e_phentsize = sizeof(Elf32_Phdr),
			 .e_phnum = 2},
		.load = {{.p_type = PT_LOAD, .p_filesz = 16, .p_memsz = 16},
			 {.p_type = PT_LOAD,
			  .p_vaddr = 0x20000000,
			  .p_paddr = 0x20000000,
			  .p_memsz = 1 << 20}},
		.vectors = {0x20001000, 0x101, 7, 8},
	};

	file.load[0].p_offset = (uint32_t)((char *)file.vectors - (char *)&file);
	arm_rig_new("lm3s6965evb", &file, sizeof(file));
	ck_assert_uint_eq(peek(8), 7);
	ck_assert_uint_eq(peek(0x2000fffc), 0);
	ck_assert_uint_eq(arm_cpu_get_reg(cpu_first(), 15), 0x100);
}
END_TEST

START_TEST(sd_card)
{
	char *path = temp_image(4 << 20);
	int fd = open(path, O_WRONLY);

	ck_assert_int_eq(pwrite(fd, "block three", 11, 3 * 512), 11);
	close(fd);
	sd_board(path);
	ck_assert_uint_eq(sd_send(0, 0), 1);
	ck_assert_uint_eq(sd_send(8, 0x1aa), 1);
	for (int n = 0; n < 3; n++)
		sd_byte(0xff);
	ck_assert_uint_eq(sd_byte(0xff), 0xaa);
	ck_assert_uint_eq(sd_send(17, 0), 5); /* illegal before it is initialised */
	for (int n = 0; n < 10 && sd_send(55, 0) == 1; n++)
		sd_send(41, 0x40000000);
	ck_assert_uint_eq(sd_send(58, 0), 0);
	ck_assert_uint_eq(sd_byte(0xff) & 0x80, 0x80);
	for (int n = 0; n < 3; n++)
		sd_byte(0xff);
	ck_assert_uint_eq(sd_send(17, 3 * 512), 0);
	ck_assert_uint_eq(sd_wait(0xff), 0xfe);
	ck_assert_uint_eq(sd_byte(0xff), 'b');
	arm_rig_save_load();
	ck_assert_uint_eq(sd_byte(0xff), 'l');
	for (int n = 0; n < 510 + 2; n++)
		sd_byte(0xff);
	/* write block 5 and read it again */
	ck_assert_uint_eq(sd_send(24, 5 * 512), 0);
	sd_byte(0xff);
	sd_byte(0xfe);
	for (int n = 0; n < 512 + 2; n++)
		sd_byte((uint8_t)(n * 3));
	ck_assert_uint_eq(sd_byte(0xff) & 0x1f, 5);
	ck_assert_uint_eq(sd_wait(0), 0xff);
	ck_assert_uint_eq(sd_send(13, 0), 0);
	ck_assert_uint_eq(sd_byte(0xff), 0);
	ck_assert_uint_eq(sd_send(17, 5 * 512), 0);
	ck_assert_uint_eq(sd_wait(0xff), 0xfe);
	for (int n = 0; n < 512; n++)
		ck_assert_uint_eq(sd_byte(0xff), (uint8_t)(n * 3));
	sd_byte(0xff);
	sd_byte(0xff);
	ck_assert_uint_eq(sd_send(17, 8 << 20), 0x40); /* behind the end */
	drives_close();
	unlink(path);
	g_free(path);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		reset_vector, systick,	     priorities,  timer_32bit, timer_16bit, timer_rtc,
		watchdog,     adc,	     oled_on_i2c, oled_on_ssi, keys,	    gpio_lock,
		ethernet,     ethernet_fifo, flash,	  sd_card,     large_bss,   NULL};

	return run_suite("stellaris", tests);
}
