/*
 * One network card (FUZZ_CARD) under a driver and a wire that do anything: the input is a program
 * of register accesses, writes to memory, frames from outside and passing time. One step sets the
 * card up as a driver does, with rings that the input has filled, so that programs of a few bytes
 * get behind the set-up.
 */
#include "rig.h"

#include "../fuzz.h"
#include "base/bytes.h"
#include "base/loop.h"
#include "vm/clock.h"

#include <string.h>

enum { CLEARED = 256 << 10, STEPS = 500 };

static struct rig rig;

/* Addresses that point into the part of memory that programs write. */
static uint32_t take_value(struct input *in)
{
	uint32_t kind = take(in, 1);

	switch (kind & 3) {
	case 0: return take(in, 4);
	case 1: return take(in, 2) << 2 & (CLEARED - 1);
	case 2: return take(in, 1) << 10;
	default: return kind >> 2;
	}
}

static void write_memory(struct input *in)
{
	uint32_t at = take(in, 2) << 2 & (CLEARED - 1), count = take(in, 1);

	for (uint32_t i = 0; i < count && at + 4 <= CLEARED; i++, at += 4)
		store_le32(rig_ram(&rig, at), take_value(in));
}

static void frame(struct input *in, bool large)
{
	static uint8_t buf[4096];
	size_t len = take(in, 2) & 0xfff, given = MIN(len, in->size);

	memset(buf, 0, len);
	memcpy(buf, in->data, given);
	in->data += given;
	in->size -= given;
	if (len && large)
		net_send_large(rig.wire, buf, len, take(in, 2));
	else if (len)
		rig_send(&rig, buf, len);
}

/* --- a driver's set-up --- */

enum { TX_RING = 0x10000, RX_RING = 0x14000, TX_BUF = 0x20000, RX_BUF = 0x28000, ENTRIES = 8 };

static void out(unsigned int port, unsigned int size, uint32_t value)
{
	rig_out(&rig, RIG_BAR_IO + port, size, value);
}

static void mem(unsigned int offset, unsigned int size, uint32_t value)
{
	rig_write(&rig, RIG_BAR_MEM + offset, size, value);
}

/* `step` bytes a descriptor: what a card owns at first, then the driver's choice. */
static void fill_ring(struct input *in, uint32_t ring, uint32_t step, uint32_t buffers)
{
	for (uint32_t i = 0; i < ENTRIES; i++) {
		for (uint32_t at = 0; at < step; at += 4)
			store_le32(rig_ram(&rig, ring + i * step + at),
				   at == 0 && buffers ? buffers + 2048 * i : take_value(in));
	}
}

static void start_ne2k(struct input *in)
{
	static const uint8_t writes[][2] = {
		{0, 0x21}, {14, 0x49}, {13, 0},	  {12, 0x1c}, {1, 0x46}, {2, 0x80},
		{3, 0x46}, {4, 0x40},  {0, 0x61}, {7, 0x47},  {0, 0x22}, {15, 0x7f},
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(writes); i++)
		out(writes[i][0], 1, writes[i][1]);
	out(5, 1, take(in, 1));
	out(6, 1, take(in, 1) & 7);
	out(0, 1, 0x26);
}

static void start_e1000(struct input *in)
{
	fill_ring(in, TX_RING, 16, take(in, 1) & 1 ? TX_BUF : 0);
	fill_ring(in, RX_RING, 16, RX_BUF);
	mem(0x3800, 4, TX_RING);
	mem(0x3808, 4, ENTRIES * 16);
	mem(0x0400, 4, 2);
	mem(0x2800, 4, RX_RING);
	mem(0x2808, 4, ENTRIES * 16);
	mem(0x2818, 4, ENTRIES - 1);
	mem(0x5000, 4, 0x300);
	mem(0x00d0, 4, 0xff);
	mem(0x0100, 4, 0x0400801a | take(in, 4));
	mem(0x3818, 4, take(in, 1) % ENTRIES);
}

static void start_rtl8139(struct input *in)
{
	bool cplus = take(in, 1) & 1;

	out(0x37, 1, 0x10);
	out(0xe0, 2, cplus ? 0x23 | take(in, 2) : 0);
	fill_ring(in, TX_RING, 16, 0);
	fill_ring(in, RX_RING, 16, 0x80000800); /* owned by the card, 2 KiB and more */
	for (uint32_t i = 0; i < ENTRIES; i++)
		store_le64(rig_ram(&rig, RX_RING + 16 * i + 8), RX_BUF + 2048 * i);
	out(0xe4, 4, RX_RING);
	out(0x20, 4, TX_RING);
	out(0x24, 4, 0);
	out(0x30, 4, RX_BUF);
	out(0x37, 1, 0x0c);
	out(0x44, 4, 0x8f | take(in, 2));
	out(0x3c, 2, 0xffff);
	if (cplus)
		out(0xd9, 1, 0x40);
	else
		out(0x10, 4, take(in, 2) & 0x1fff);
}

static void start_pcnet(struct input *in)
{
	static const uint32_t logs = 3u << 20 | 3u << 28;
	uint32_t style = take(in, 1) % 4,
		 block[] = {logs, 0x12005452, 0x5634, ~0u, ~0u, RX_RING, TX_RING};

	for (unsigned int i = 0; i < G_N_ELEMENTS(block); i++)
		store_le32(rig_ram(&rig, 0x8000 + 4 * i), block[i]);
	fill_ring(in, TX_RING, 16, 0);
	fill_ring(in, RX_RING, 16, RX_BUF);
	for (uint32_t i = 0; i < ENTRIES; i++)
		store_le32(rig_ram(&rig, RX_RING + 16 * i + 4), 0x8000f800);
	out(0x12, 2, 20);
	out(0x16, 2, style);
	out(0x12, 2, 1);
	out(0x10, 2, 0x8000);
	out(0x12, 2, 2);
	out(0x10, 2, 0);
	out(0x12, 2, 0);
	out(0x10, 2, 0x43);
	out(0x10, 2, 0x48);
}

static void start_i82551(struct input *in)
{
	fill_ring(in, TX_RING, 16, 0);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		uint32_t rfd = RX_BUF + 2048 * i;
		store_le32(rig_ram(&rig, rfd), i == ENTRIES - 1 ? 1u << 31 : 0);
		store_le32(rig_ram(&rig, rfd + 4), RX_BUF + 2048 * ((i + 1) % ENTRIES));
		store_le32(rig_ram(&rig, rfd + 12), 1520u << 16);
		store_le32(rig_ram(&rig, TX_RING + 16 * i + 4), TX_RING + 16 * ((i + 1) % ENTRIES));
	}
	mem(4, 4, RX_BUF);
	mem(2, 1, 1);
	mem(4, 4, TX_RING);
	mem(2, 1, 0x10);
}

static void start_virtio(struct input *in)
{
	enum { AVAIL = 256 * 16, QUEUE = 0x4000 };

	out(18, 1, 0);
	out(18, 1, 3);
	out(4, 4, take(in, 4));
	for (uint32_t n = 0; n < 3; n++) {
		uint32_t ring = TX_RING + n * QUEUE;
		out(14, 2, n);
		out(8, 4, ring / 4096);
		fill_ring(in, ring, 16, RX_BUF);
		for (uint32_t i = 0; i < ENTRIES; i++) {
			store_le32(rig_ram(&rig, ring + 16 * i + 4), 0);
			store_le16(rig_ram(&rig, ring + AVAIL + 4 + 2 * i), (uint16_t)i);
		}
		store_le16(rig_ram(&rig, ring + AVAIL + 2), ENTRIES);
	}
	out(18, 1, 7);
	for (uint32_t n = 0; n < 3; n++)
		out(16, 2, n);
}

static const struct {
	const char *card;
	void (*start)(struct input *in);
} starts[] = {
	{"ne2k_pci", start_ne2k}, {"e1000", start_e1000},   {"rtl8139", start_rtl8139},
	{"pcnet", start_pcnet},	  {"i82551", start_i82551}, {"virtio-net-pci", start_virtio},
};

static void start(struct input *in)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(starts); i++) {
		if (strcmp(starts[i].card, FUZZ_CARD) == 0)
			starts[i].start(in);
	}
}

/* --- programs --- */

static void step(struct input *in)
{
	uint32_t op = take(in, 1), offset;
	unsigned int size = 1u << (op >> 4 & 3) % 3;

	switch (op & 7) {
	case 0:
		offset = take(in, 1);
		rig_out(&rig, RIG_BAR_IO + offset, size, take_value(in));
		break;
	case 1: rig_in(&rig, RIG_BAR_IO + take(in, 1), size); break;
	case 2:
		offset = take(in, 2);
		rig_write(&rig, RIG_BAR_MEM + offset, size, take_value(in));
		break;
	case 3: rig_read(&rig, RIG_BAR_MEM + take(in, 2), size); break;
	case 4: write_memory(in); break;
	case 5: frame(in, op & 0x80); break;
	case 6:
		clock_run_timers(CLOCK_VIRTUAL);
		net_set_link(rig.wire, !(op & 0x80));
		break;
	default:
		if (!(op & 0x40))
			start(in);
		else
			pci_config_write(&rig.bus, 0, (unsigned int)rig.card->devfn,
					 take(in, 1) & 0xfc, take(in, 4), 4);
		break;
	}
}

static void forget_sent(void)
{
	for (unsigned int i = 0; i < rig.sent->len; i++)
		g_byte_array_unref(g_ptr_array_index(rig.sent, i));
	g_ptr_array_set_size(rig.sent, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	machine_lock();
	if (!rig.card) {
		rig_init(&rig, FUZZ_CARD, true);
		clock_start();
	}
	net_set_link(rig.wire, true);
	rig_reset(&rig);
	memset(rig_ram(&rig, 0), 0, CLEARED);
	for (unsigned int i = 0; i < STEPS && in.size; i++) {
		step(&in);
		if (rig.sent->len > 64)
			forget_sent();
	}
	forget_sent();
	machine_unlock();
	return 0;
}
