/* SD card, Ethernet and PCI bridge of the ARM boards by their registers. */
#include "../storage/temp-image.h"
#include "../vm/suite.h"
#include "arm-rig.h"

#include "hw/net/nic.h"
#include "hw/pci/versatile-pci.h"
#include "net/net.h"
#include "storage/block.h"

#include <glib.h>
#include <string.h>

#define MCI  0x10005000u
#define SMC  0x10010000u
#define SELF 0x41000000u

static const uint32_t image[4] = {0xeafffffe};
static char *path;

static void board_with_card(off_t size)
{
	struct drive *d = drive_new("sd", 0, 0, g_strdup("sd0"));

	path = temp_image(size);
	d->file = g_strdup(path);
	d->format = g_strdup("raw");
	d->cache = CACHE_WRITEBACK;
	ck_assert_ptr_null(drive_open(d));
	arm_rig_new("versatilepb", image, sizeof(image));
}

enum { RESPONSE = 0x40, LONG = 0xc0 };

/* Status bits that the command left: 40h response, 4 timeout, 80h sent. */
static uint32_t command(unsigned int index, uint32_t arg, uint32_t flags)
{
	uint32_t status;

	poke(MCI + 0x38, 0x7ff);
	poke(MCI + 8, arg);
	poke(MCI + 0xc, 0x400 | flags | index);
	status = peek(MCI + 0x34) & 0xc4;
	return status;
}

static uint32_t app_command(uint32_t rca, unsigned int index, uint32_t arg)
{
	ck_assert_uint_eq(command(55, rca, RESPONSE), 0x40);
	ck_assert_uint_eq(peek(MCI + 0x14) & 0x20, 0x20);
	return command(index, arg, RESPONSE);
}

/* To the transfer state; returns RCA << 16. */
static uint32_t identify(void)
{
	uint32_t rca;

	ck_assert_uint_eq(command(0, 0, 0), 0x80);
	ck_assert_uint_eq(command(8, 0x1aa, RESPONSE), 0x40);
	ck_assert_uint_eq(peek(MCI + 0x14), 0x1aa);
	ck_assert_uint_eq(app_command(0, 41, 0x40300000), 0x40);
	ck_assert_uint_eq(peek(MCI + 0x14) >> 31, 1);
	ck_assert_uint_eq(command(2, 0, LONG), 0x40);
	ck_assert_uint_eq(command(3, 0, RESPONSE), 0x40);
	rca = peek(MCI + 0x14) & 0xffff0000;
	ck_assert_uint_eq(command(9, rca, LONG), 0x40);
	ck_assert_uint_eq(command(7, rca, RESPONSE), 0x40);
	return rca;
}

static void data_path(uint32_t length, bool in)
{
	poke(MCI + 0x24, 1000000);
	poke(MCI + 0x28, length);
	poke(MCI + 0x2c, 0x91 | (in ? 2 : 0));
}

static void take(uint32_t *words, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (!(peek(MCI + 0x34) & 0x200000))
			drives_drain();
		ck_assert_uint_eq(peek(MCI + 0x34) & 0x200000, 0x200000);
		words[i] = peek(MCI + 0x80);
	}
}

static void give(const uint32_t *words, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (peek(MCI + 0x34) & 0x10000)
			drives_drain();
		ck_assert_uint_eq(peek(MCI + 0x34) & 0x10000, 0);
		poke(MCI + 0x80, words[i]);
	}
	drives_drain();
}

START_TEST(card_size)
{
	board_with_card(16 << 20);
	identify();
	/* CSD 1.0: (C_SIZE + 1) << (C_SIZE_MULT + 2 + READ_BL_LEN) */
	uint32_t csd[4];
	command(7, 0, 0);
	command(9, 0x45670000, LONG);
	for (unsigned int i = 0; i < 4; i++)
		csd[i] = peek(MCI + 0x14 + 4 * i);
	uint32_t c_size = (csd[1] & 0x3ff) << 2 | csd[2] >> 30, mult = csd[2] >> 15 & 7;
	ck_assert_uint_eq((c_size + 1) << (mult + 2 + (csd[1] >> 16 & 15)), 16 << 20);
	unlink(path);
}
END_TEST

START_TEST(card_blocks)
{
	uint32_t out[256], in[256];

	board_with_card(1 << 20);
	identify();
	for (unsigned int i = 0; i < 256; i++)
		out[i] = i * 0x9e3779b9;
	/* two blocks at once, and the stop */
	ck_assert_uint_eq(command(25, 4096, RESPONSE), 0x40);
	data_path(1024, false);
	give(out, 256);
	ck_assert_uint_eq(peek(MCI + 0x34) & 0x100, 0x100);
	ck_assert_uint_eq(command(12, 0, RESPONSE), 0x40);
	drives_drain();
	ck_assert_uint_eq(command(13, 0x45670000, RESPONSE), 0x40);
	ck_assert_uint_eq(peek(MCI + 0x14), 0x900); /* transfer state, ready, no errors */
	/* back, one block a command */
	for (unsigned int n = 0; n < 2; n++) {
		data_path(512, true);
		ck_assert_uint_eq(command(17, 4096 + 512 * n, RESPONSE), 0x40);
		take(in + 128 * n, 128);
		ck_assert_uint_eq(peek(MCI + 0x2c) & 1, 0);
	}
	ck_assert(memcmp(in, out, sizeof(in)) == 0);
	/* and in one, saved in the middle */
	data_path(1024, true);
	ck_assert_uint_eq(command(18, 4096, RESPONSE), 0x40);
	take(in, 100);
	arm_rig_save_load();
	take(in + 100, 156);
	ck_assert(memcmp(in, out, sizeof(in)) == 0);
	ck_assert_uint_eq(command(12, 0, RESPONSE), 0x40);
	/* beyond the end */
	ck_assert_uint_eq(command(17, 1 << 20, RESPONSE), 0x40);
	ck_assert_uint_eq(peek(MCI + 0x14) >> 31, 1);
	/* erased blocks */
	command(32, 4096, RESPONSE);
	command(33, 4096, RESPONSE);
	command(38, 0, RESPONSE);
	drives_drain();
	data_path(512, true);
	command(17, 4096, RESPONSE);
	take(in, 128);
	ck_assert_uint_eq(in[0] | in[127], 0);
	unlink(path);
}
END_TEST

START_TEST(card_missing)
{
	arm_rig_new("versatilepb", image, sizeof(image));
	ck_assert_uint_eq(command(0, 0, 0), 0x80);
	ck_assert_uint_eq(command(8, 0x1aa, RESPONSE), 4); /* timeout */
	data_path(512, true);
	ck_assert_uint_eq(peek(MCI + 0x34) & 8, 0);
	pass_ns(INT64_C(3000000000));
	ck_assert_uint_eq(peek(MCI + 0x34) & 8, 8);
}
END_TEST

/* --- Ethernet --- */

static uint8_t seen[2048];
static size_t seen_len;

static bool wire_receive(void *opaque, const uint8_t *frame, size_t len)
{
	memcpy(seen, frame, MIN(len, sizeof(seen)));
	seen_len = len;
	return true;
}

static const struct net_port_ops wire_ops = {.kind = "wire", .receive = wire_receive};

static void smc16(unsigned int bank, unsigned int reg, uint16_t value)
{
	mem_store_le(&machine_get()->memory, SMC + 14, bank, 2);
	mem_store_le(&machine_get()->memory, SMC + reg, value, 2);
}

static uint16_t smc_get(unsigned int bank, unsigned int reg)
{
	mem_store_le(&machine_get()->memory, SMC + 14, bank, 2);
	return (uint16_t)mem_load_le(&machine_get()->memory, SMC + reg, 2);
}

static struct net_port *ethernet(void)
{
	struct net_port *wire;

	arm_rig_new("versatilepb", image, sizeof(image));
	wire = net_port_new(&wire_ops, NULL, "wire");
	ck_assert_ptr_null(net_join(net_port_next(NULL), wire));
	ck_assert_uint_eq(smc_get(3, 10) & 0xf0, 0x90);
	smc16(0, 0, 0x0081); /* transmit, pad */
	smc16(0, 4, 0x0300); /* receive, without the CRC */
	return wire;
}

START_TEST(ethernet_send)
{
	ethernet();
	smc16(2, 0, 1 << 5); /* allocate */
	ck_assert_uint_eq(smc_get(2, 12) & 8, 8);
	smc16(2, 2, smc_get(2, 2) >> 8);
	smc16(2, 6, 0x4000);
	mem_store_le(&machine_get()->memory, SMC + 8, (6u + 20) << 16, 4);
	for (unsigned int i = 0; i < 20; i += 4)
		mem_store_le(&machine_get()->memory, SMC + 8, 0x03020100 + i * 0x01010101, 4);
	mem_store_le(&machine_get()->memory, SMC + 8, 0x2000 | 0x77, 2); /* an odd byte */
	smc16(2, 0, 6 << 5);
	ck_assert_uint_eq(seen_len, 60);
	for (unsigned int i = 0; i < 20; i++)
		ck_assert_uint_eq(seen[i], i);
	ck_assert_uint_eq(seen[20], 0x77);
	ck_assert_uint_eq(seen[21], 0);
	ck_assert_uint_eq(smc_get(2, 12) & 6, 6); /* sent, and nothing left */
	arm_rig_save_load();
	smc16(2, 12, 2);
	ck_assert_uint_eq(smc_get(2, 12) & 2, 0);
	/* a packet that was not allocated, and one that is too short, do nothing */
	seen_len = 0;
	smc16(2, 2, 3);
	smc16(2, 0, 6 << 5);
	ck_assert_uint_eq(seen_len, 0);
}
END_TEST

START_TEST(ethernet_receive)
{
	struct net_port *wire = ethernet();
	uint8_t frame[61] = {0x52, 0x54, 0, 0x12, 0x34, 0x56, 2};

	frame[60] = 0x99;
	smc16(2, 12, 0x0100);		     /* mask: receive */
	for (unsigned int i = 0; i < 6; i++) /* four fit, two wait */
		net_send(wire, frame, sizeof(frame));
	ck_assert_uint_eq(smc_get(2, 12) & 1, 1);
	ck_assert_uint_eq(smc_get(0, 8) >> 8, 0);
	arm_rig_save_load();
	for (unsigned int i = 0; i < 6; i++) {
		ck_assert_uint_eq(smc_get(2, 4) & 0x8000, 0);
		smc16(2, 6, 0xe000);
		ck_assert_uint_eq(mem_load_le(&machine_get()->memory, SMC + 8, 4),
				  0x1000 | (60u + 6) << 16);
		ck_assert_uint_eq(mem_load_le(&machine_get()->memory, SMC + 8, 4), 0x12005452);
		smc16(2, 6, 0xe000 + 64);
		ck_assert_uint_eq(mem_load_le(&machine_get()->memory, SMC + 8, 2), 0x2099);
		smc16(2, 0, 4 << 5); /* remove and release */
	}
	ck_assert_uint_eq(smc_get(2, 4) & 0x8000, 0x8000);
	/* for others; for everybody */
	frame[5] = 0;
	net_send(wire, frame, sizeof(frame));
	ck_assert_uint_eq(smc_get(2, 4) & 0x8000, 0x8000);
	memset(frame, 0xff, 6);
	net_send(wire, frame, sizeof(frame));
	ck_assert_uint_eq(smc_get(2, 4) & 0x8000, 0);
}
END_TEST

/* --- PCI --- */

START_TEST(pci_bridge)
{
	arm_rig_new("versatilepb", image, sizeof(image));
	struct versatile_pci *p = (struct versatile_pci *)arm_rig_device("versatile_pci", 0);

	ck_assert_uint_eq(peek(SELF + (11 << 11)), 0x030010ee);
	ck_assert_uint_eq(peek(SELF + (11 << 11) + 8) >> 16, 0x0b40);
	ck_assert_uint_eq(peek(SELF + (5 << 11)), 0xffffffff);
	/* a window's upper bits come from IMAP */
	struct region probe;
	ck_assert_ptr_null(region_init_ram(&probe, "probe", 4096));
	region_add(&p->pci_memory, 0x50001000, &probe, 0);
	poke(0x10001000 + 4, 5);
	poke(0x50001000, 0x1234);
	ck_assert_uint_eq(*(uint32_t *)probe.ram->host, 0x1234);
	arm_rig_save_load();
	ck_assert_uint_eq(peek(0x50001000), 0x1234);
	poke(0x10001000 + 4, 6);
	ck_assert_uint_ne(peek(0x50001000), 0x1234);
	/* slots of the backplane, and the pin alone */
	ck_assert_int_eq(versatile_pci_line(p, 31, 0), 1);
	ck_assert_int_eq(versatile_pci_line(p, 30, 3), 3);
	p->broken_irq_mapping = true;
	ck_assert_int_eq(versatile_pci_line(p, 31, 0), 0);
}
END_TEST

/* Every board: all its devices' states are saved and read back. */
START_TEST(boards_save)
{
	static const char *const boards[] = {"versatilepb", "versatileab",	  "integratorcp",
					     "realview-eb", "realview-eb-mpcore", "realview-pb-a8"};

	arm_rig_new(boards[_i], image, sizeof(image));
	arm_rig_save_load();
	pass_ns(1000000);
	arm_rig_save_load();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {card_size,	card_blocks, card_missing, ethernet_send,
				      ethernet_receive, pci_bridge,  NULL};
	Suite *suite = suite_create("arm-boards");
	TCase *cases = tcase_create("save");

	tcase_add_checked_fixture(cases, lock_machine, unlock_machine);
	tcase_add_loop_test(cases, boards_save, 0, 6);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : run_suite("arm-cards", tests);
}
