#include "../vm/suite.h"
#include "rig.h"

#include "base/bytes.h"
#include "net/offload.h"
#include "vm/clock.h"

#include <string.h>

static struct rig rig;
static const uint8_t card_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t broadcast[6] = {255, 255, 255, 255, 255, 255};
static const uint8_t other[6] = {2, 1, 1, 1, 1, 1};
static uint8_t frame[2000];

static void in(unsigned int len, const uint8_t *to)
{
	rig_frame(frame, len, to);
	rig_send(&rig, frame, len);
}

/* --- NE2000 --- */

static void ne(unsigned int reg, unsigned int value)
{
	rig_out(&rig, RIG_BAR_IO + reg, 1, value);
}

static unsigned int ne_in(unsigned int reg)
{
	return rig_in(&rig, RIG_BAR_IO + reg, 1);
}

static void ne_remote(unsigned int command, unsigned int addr, unsigned int count)
{
	ne(8, addr & 255);
	ne(9, addr >> 8);
	ne(10, count & 255);
	ne(11, count >> 8);
	ne(0, command | 2);
}

static void ne_start(void)
{
	rig_init(&rig, "ne2k_pci", true);
	ne(0, 0x21);
	ne(14, 0x49);
	ne(13, 0);
	ne(12, 4); /* broadcast */
	ne(1, 0x46);
	ne(2, 0x80);
	ne(3, 0x46);
	ne(0, 0x61);
	for (unsigned int i = 0; i < 6; i++)
		ne(1 + i, card_mac[i]);
	ne(7, 0x47);
	ne(0, 0x22);
	ne(15, 0x7f);
	ne(7, 0xff);
}

START_TEST(ne2k)
{
	ne_start();
	/* the PROM holds the address twice */
	ne_remote(8, 0, 32);
	uint16_t first = (uint16_t)rig_in(&rig, RIG_BAR_IO + 0x10, 2);
	ck_assert_uint_eq(first, 0x5252);
	ne(7, 0x40);
	/* send */
	rig_frame(frame, 100, other);
	ne_remote(0x10, 0x4000, 100);
	for (unsigned int i = 0; i < 100; i += 2)
		rig_out(&rig, RIG_BAR_IO + 0x10, 2, load_le16(frame + i));
	ck_assert_uint_eq(ne_in(7) & 0x40, 0x40);
	ne(4, 0x40);
	ne(5, 100);
	ne(6, 0);
	ne(0, 0x26);
	ck_assert_uint_eq(rig_sent(&rig, 0)->len, 100);
	ck_assert_mem_eq(rig_sent(&rig, 0)->data, frame, 100);
	ck_assert_uint_eq(ne_in(7) & 2, 2);
	ck_assert_int_eq(rig.irq, 1);
	ne(7, 0x7f);
	ck_assert_int_eq(rig.irq, 0);
	/* receive: to the card, to all, to somebody else */
	in(200, card_mac);
	ck_assert_uint_eq(ne_in(7) & 1, 1);
	ne_remote(8, 0x4700, 204);
	uint8_t got[204];
	for (unsigned int i = 0; i < 204; i += 2)
		store_le16(got + i, (uint16_t)rig_in(&rig, RIG_BAR_IO + 0x10, 2));
	ck_assert_uint_eq(got[0] & 1, 1);
	ck_assert_uint_eq(got[1], 0x48);
	ck_assert_uint_eq(load_le16(got + 2), 204);
	ck_assert_mem_eq(got + 4, frame, 200);
	ne(0, 0x62);
	unsigned int current = ne_in(7);
	ne(0, 0x22);
	ne(7, 1);
	in(200, other);
	in(60, broadcast);
	ne(0, 0x62);
	ck_assert_uint_eq(ne_in(7), current + 1);
	ne(0, 0x22);
	ne(7, 1);
	/* fill the ring: what does not fit waits for the boundary to move */
	for (unsigned int i = 0; i < 20; i++)
		in(1514, broadcast);
	ne(0, 0x62);
	current = ne_in(7);
	ne(0, 0x22);
	ne(3, current - 1);
	ne(7, 1);
	ne(0, 0x62);
	ck_assert_uint_ne(ne_in(7), current);
	rig_save_load(&rig);
}
END_TEST

static unsigned int ne_current(void)
{
	ne(0, 0x62);
	unsigned int current = ne_in(7);
	ne(0, 0x22);
	return current;
}

static void ne_send_numbered(unsigned int number)
{
	rig_frame(frame, 60 + number * 97 % 1455, broadcast);
	store_le16(frame + 14, (uint16_t)number);
	rig_send(&rig, frame, 60 + number * 97 % 1455);
}

/* What Linux does in an interrupt: nine frames at most, then PRX is acknowledged, whatever came in
 * between. `late` frames arrive just before that. */
static unsigned int ne_interrupt(unsigned int expected, unsigned int *next, unsigned int late)
{
	for (unsigned int i = 0; i < 9; i++) {
		unsigned int page = ne_in(3) + 1;
		if (page >= 0x80)
			page = 0x46;
		if (page == ne_current())
			break;
		ne_remote(8, page * 256, 20);
		uint8_t head[20];
		for (unsigned int j = 0; j < 20; j += 2)
			store_le16(head + j, (uint16_t)rig_in(&rig, RIG_BAR_IO + 0x10, 2));
		ck_assert_uint_eq(load_le16(head + 18), expected++);
		ne(3, head[1] == 0x46 ? 0x7f : head[1] - 1u);
	}
	while (late--)
		ne_send_numbered((*next)++);
	ne(7, 1);
	return expected;
}

/* Every frame of a sender that waits reaches a driver that looks only when it is called. */
START_TEST(ne2k_bursts)
{
	unsigned int next = 0, taken = 0;

	ne_start();
	while (next < 700)
		ne_send_numbered(next++);
	for (unsigned int calls = 0; rig.irq && calls < 4000; calls++) {
		ck_assert_uint_eq(ne_in(7) & 0x10, 0);
		taken = ne_interrupt(taken, &next, next < 2000 && calls % 3 == 0);
		ne(7, 0x7e);
	}
	ck_assert_uint_eq(taken, next);
	ck_assert_uint_gt(taken, 700);
}
END_TEST

/* A driver that polls and acknowledges nothing gets a burst now and then. */
START_TEST(ne2k_polled)
{
	unsigned int taken = 0, next = 0;

	ne_start();
	clock_start();
	for (unsigned int i = 0; i < 40; i++)
		ne_send_numbered(next++);
	while (taken < 40) {
		while (ne_in(3) != (ne_current() == 0x46 ? 0x7f : ne_current() - 1)) {
			unsigned int page = ne_in(3) + 1 == 0x80 ? 0x46 : ne_in(3) + 1;
			ne_remote(8, page * 256, 4);
			unsigned int head = rig_in(&rig, RIG_BAR_IO + 0x10, 2);
			ne(3, head >> 8 == 0x46 ? 0x7f : (head >> 8) - 1);
			taken++;
		}
		clock_run_timers(CLOCK_VIRTUAL);
	}
	clock_stop();
}
END_TEST

/* --- 82540EM --- */

static void e1(unsigned int reg, uint32_t value)
{
	rig_write(&rig, RIG_BAR_MEM + reg, 4, value);
}

static uint32_t e1_in(unsigned int reg)
{
	return rig_read(&rig, RIG_BAR_MEM + reg, 4);
}

enum { TX_RING = 0x10000, RX_RING = 0x11000, TX_BUF = 0x20000, RX_BUF = 0x40000, ENTRIES = 16 };

static void e1_start(void)
{
	rig_init(&rig, "e1000", true);
	e1(0x5400, load_le32(card_mac));
	e1(0x5404, load_le16(card_mac + 4) | 1u << 31);
	e1(0x3800, TX_RING);
	e1(0x3808, ENTRIES * 16);
	e1(0x0400, 2);
	for (unsigned int i = 0; i < ENTRIES; i++)
		store_le64(rig_ram(&rig, RX_RING + 16 * i), RX_BUF + 2048 * i);
	e1(0x2800, RX_RING);
	e1(0x2808, ENTRIES * 16);
	e1(0x2818, ENTRIES - 1);
	e1(0x5000, 0x300);
	e1(0x00d0, 0xff);
	e1(0x0100, 2 | 1 << 15 | 1 << 26);
}

/* One word of the EEPROM through the pins of EECD. */
static unsigned int e1_eeprom(unsigned int word)
{
	unsigned int command = 6u << 6 | word, value = 0;

	e1(0x10, 0x40);
	e1(0x10, 0x42);
	for (int i = 8; i >= 0; i--) {
		unsigned int di = (command >> i & 1) << 2;
		e1(0x10, 0x42 | di);
		e1(0x10, 0x43 | di);
		e1(0x10, 0x42 | di);
	}
	for (int i = 0; i < 16; i++) {
		e1(0x10, 0x43);
		value = value << 1 | (e1_in(0x10) >> 3 & 1);
		e1(0x10, 0x42);
	}
	e1(0x10, 0x40);
	return value;
}

START_TEST(e1000)
{
	e1_start();
	unsigned int sum = 0;
	for (unsigned int i = 0; i < 64; i++)
		sum += e1_eeprom(i);
	ck_assert_uint_eq(sum & 0xffff, 0xbaba);
	ck_assert_uint_eq(e1_eeprom(0), load_le16(card_mac));
	e1(0x20, 1u << 21 | 2u << 16 | 2u << 26);
	ck_assert_uint_eq(e1_in(0x20) & 0xffff, 0x0141);
	/* a legacy descriptor in two parts */
	rig_frame(frame, 300, other);
	memcpy(rig_ram(&rig, TX_BUF), frame, 300);
	uint8_t *d = rig_ram(&rig, TX_RING);
	store_le64(d, TX_BUF);
	store_le32(d + 8, 100);
	store_le64(d + 16, TX_BUF + 100);
	store_le32(d + 24, 200 | 0x09u << 24);
	e1(0x3818, 2);
	ck_assert_uint_eq(rig_sent(&rig, 0)->len, 300);
	ck_assert_mem_eq(rig_sent(&rig, 0)->data, frame, 300);
	ck_assert_uint_eq(d[28] & 1, 1);
	ck_assert_int_eq(rig.irq, 1);
	ck_assert_uint_eq(e1_in(0xc0) & 1, 1);
	ck_assert_int_eq(rig.irq, 0);
	/* receive */
	in(500, card_mac);
	d = rig_ram(&rig, RX_RING);
	ck_assert_uint_eq(load_le16(d + 8), 500);
	ck_assert_uint_eq(d[12] & 3, 3);
	ck_assert_mem_eq(rig_ram(&rig, RX_BUF), frame, 500);
	ck_assert_uint_eq(e1_in(0xc0) & 0x80, 0x80);
	in(500, other);
	ck_assert_uint_eq(e1_in(0x2810), 1);
	for (unsigned int i = 0; i < 30; i++)
		in(60, broadcast);
	ck_assert_uint_eq(e1_in(0x2810), ENTRIES - 1);
	e1(0x2818, ENTRIES - 2);
	ck_assert_uint_eq(e1_in(0x2810), ENTRIES - 2);
	ck_assert_uint_eq(e1_in(0x4078), 29);
	rig_save_load(&rig);
}
END_TEST

/* A TCP frame with `payload` bytes and no checksums. */
static size_t tcp_frame(uint8_t *f, size_t payload)
{
	memset(f, 0, 54);
	memcpy(f, other, 6);
	memcpy(f + 6, card_mac, 6);
	store_be16(f + 12, 0x0800);
	f[14] = 0x45;
	store_be16(f + 16, (uint16_t)(40 + payload));
	store_be16(f + 18, 77);
	f[22] = 64;
	f[23] = 6;
	store_be32(f + 26, 0x0a00020f);
	store_be32(f + 30, 0x0a000202);
	store_be32(f + 38, 1000);
	f[46] = 0x50;
	f[47] = 0x19; /* ACK PSH FIN */
	for (size_t i = 0; i < payload; i++)
		f[54 + i] = (uint8_t)(i * 3);
	return 54 + payload;
}

START_TEST(e1000_segmentation)
{
	static uint8_t big[10000];
	struct frame_layout l;

	e1_start();
	size_t len = tcp_frame(big, 4000);
	memcpy(rig_ram(&rig, TX_BUF), big, len);
	uint8_t *d = rig_ram(&rig, TX_RING);
	/* context: TSE, header 54, MSS 1460 */
	static const uint8_t context[8] = {14, 24, 33, 0, 34, 50, 0, 0};
	memcpy(d, context, 8);
	store_le32(d + 8, 4000 | (0x20u | 0x07u) << 24);
	d[13] = 54;
	store_le16(d + 14, 1460);
	store_le64(d + 16, TX_BUF);
	store_le32(d + 24, (uint32_t)len | 1u << 20 | (0x20u | 0x0du) << 24);
	d[29] = 3;
	e1(0x3818, 2);
	ck_assert_uint_eq(rig.sent->len, 3);
	size_t at = 0;
	for (unsigned int i = 0; i < 3; i++) {
		GByteArray *f = rig_sent(&rig, i);
		ck_assert(frame_parse(f->data, f->len, &l));
		ck_assert(l.tcp && frame_ip_valid(f->data, &l) && frame_l4_valid(f->data, &l));
		ck_assert_uint_eq(load_be32(f->data + 38), 1000 + at);
		ck_assert_uint_eq(load_be16(f->data + 18), 77 + i);
		ck_assert_uint_eq(f->data[47], i == 2 ? 0x19 : 0x10);
		ck_assert_mem_eq(f->data + 54, big + 54 + at, f->len - 54);
		at += f->len - 54;
	}
	ck_assert_uint_eq(at, 4000);
	/* received with its sums checked */
	GByteArray *f = rig_sent(&rig, 0);
	memcpy(f->data, card_mac, 6);
	rig_send(&rig, f->data, f->len);
	d = rig_ram(&rig, RX_RING);
	ck_assert_uint_eq(d[12], 0x63);
	ck_assert_uint_eq(d[13], 0);
	f->data[60] ^= 1;
	rig_send(&rig, f->data, f->len);
	ck_assert_uint_eq(d[16 + 13], 0x20);
}
END_TEST

/* --- RTL8139 --- */

START_TEST(rtl8139)
{
	rig_init(&rig, "rtl8139", true);
	ck_assert_uint_eq(rig_in(&rig, RIG_BAR_IO, 4), load_le32(card_mac));
	/* plain mode */
	rig_out(&rig, RIG_BAR_IO + 0x30, 4, RX_BUF);
	rig_out(&rig, RIG_BAR_IO + 0x37, 1, 0x0c);
	rig_out(&rig, RIG_BAR_IO + 0x44, 4, 0x8f);
	rig_out(&rig, RIG_BAR_IO + 0x3c, 2, 0xffff);
	rig_frame(frame, 222, other);
	memcpy(rig_ram(&rig, TX_BUF), frame, 222);
	rig_out(&rig, RIG_BAR_IO + 0x20, 4, TX_BUF);
	rig_out(&rig, RIG_BAR_IO + 0x10, 4, 222);
	ck_assert_uint_eq(rig_sent(&rig, 0)->len, 222);
	ck_assert_uint_eq(rig_in(&rig, RIG_BAR_IO + 0x10, 4) & 0xa000, 0xa000);
	ck_assert_int_eq(rig.irq, 1);
	rig_out(&rig, RIG_BAR_IO + 0x3e, 2, 0xffff);
	ck_assert_int_eq(rig.irq, 0);
	in(300, card_mac);
	ck_assert_uint_eq(rig_in(&rig, RIG_BAR_IO + 0x37, 1) & 1, 0);
	ck_assert_uint_eq(load_le16(rig_ram(&rig, RX_BUF + 2)), 304);
	ck_assert_mem_eq(rig_ram(&rig, RX_BUF + 4), frame, 300);
	rig_out(&rig, RIG_BAR_IO + 0x38, 2, 308 - 16);
	ck_assert_uint_eq(rig_in(&rig, RIG_BAR_IO + 0x37, 1) & 1, 1);
	for (unsigned int i = 0; i < 100; i++)
		in(1000, broadcast);
	rig_save_load(&rig);
	/* C+ mode */
	rig_out(&rig, RIG_BAR_IO + 0x37, 1, 0x10);
	rig_out(&rig, RIG_BAR_IO + 0xe0, 2, 0x23);
	rig_out(&rig, RIG_BAR_IO + 0xe4, 4, RX_RING);
	rig_out(&rig, RIG_BAR_IO + 0x20, 4, TX_RING);
	rig_out(&rig, RIG_BAR_IO + 0x24, 4, 0);
	for (unsigned int i = 0; i < ENTRIES; i++) {
		uint8_t *d = rig_ram(&rig, RX_RING + 16 * i);
		store_le32(d, 1u << 31 | (i == ENTRIES - 1 ? 1u << 30 : 0) | 1536);
		store_le64(d + 8, RX_BUF + 2048 * i);
	}
	rig_out(&rig, RIG_BAR_IO + 0x37, 1, 0x0c);
	rig_out(&rig, RIG_BAR_IO + 0x44, 4, 0x0f);
	rig_out(&rig, RIG_BAR_IO + 0x3e, 2, 0xffff);
	in(1000, broadcast);
	uint8_t *d = rig_ram(&rig, RX_RING);
	ck_assert_uint_eq(load_le32(d) >> 31, 0);
	ck_assert_uint_eq(load_le32(d) & 0x3fff, 1004);
	uint8_t *t = rig_ram(&rig, TX_RING);
	store_le32(t, 1u << 31 | 3u << 28 | 222);
	store_le64(t + 8, TX_BUF);
	rig_out(&rig, RIG_BAR_IO + 0xd9, 1, 0x40);
	ck_assert_uint_eq(rig.sent->len, 2);
	ck_assert_uint_eq(load_le32(t) >> 31, 0);
}
END_TEST

/* --- virtio --- */

enum { VQ_SIZE = 256, VQ_BASE = 0x100000, VQ_STEP = 0x10000 };

struct vring {
	uint32_t desc, avail, used;
	uint16_t made;
};

static struct vring vring_legacy(unsigned int n)
{
	uint32_t base = VQ_BASE + n * VQ_STEP;
	struct vring q = {base, base + 16 * VQ_SIZE, 0, 0};

	q.used = (q.avail + 6 + 2 * VQ_SIZE + 4095) & ~4095u;
	rig_out(&rig, RIG_BAR_IO + 14, 2, n);
	ck_assert_uint_eq(rig_in(&rig, RIG_BAR_IO + 12, 2), VQ_SIZE);
	rig_out(&rig, RIG_BAR_IO + 8, 4, base / 4096);
	return q;
}

static void vring_desc(struct vring *q, unsigned int i, uint64_t addr, uint32_t len,
		       unsigned int flags, unsigned int next)
{
	uint8_t *d = rig_ram(&rig, q->desc + 16 * i);

	store_le64(d, addr);
	store_le32(d + 8, len);
	store_le16(d + 12, (uint16_t)flags);
	store_le16(d + 14, (uint16_t)next);
}

static void vring_offer(struct vring *q, unsigned int head)
{
	store_le16(rig_ram(&rig, q->avail + 4 + 2 * (q->made % VQ_SIZE)), (uint16_t)head);
	store_le16(rig_ram(&rig, q->avail + 2), ++q->made);
}

START_TEST(virtio_net)
{
	rig_init(&rig, "virtio-net-pci", true);
	rig_out(&rig, RIG_BAR_IO + 18, 1, 3);
	ck_assert_uint_eq(rig_in(&rig, RIG_BAR_IO + 0, 4) & 0x8021, 0x8021);
	rig_out(&rig, RIG_BAR_IO + 4, 4, 0x8021 | 1 << 28); /* CSUM, MAC, MRG_RXBUF, indirect */
	for (unsigned int i = 0; i < 6; i++)
		ck_assert_uint_eq(rig_in(&rig, RIG_BAR_IO + 20 + i, 1), card_mac[i]);
	struct vring rx = vring_legacy(0), tx = vring_legacy(1);
	rig_out(&rig, RIG_BAR_IO + 18, 1, 7);
	/* transmit: header and data apart, through an indirect table */
	rig_frame(frame, 99, other);
	memcpy(rig_ram(&rig, TX_BUF + 100), frame, 99);
	struct vring table = {.desc = 0x80000};
	vring_desc(&table, 0, TX_BUF, 12, 1, 1);
	vring_desc(&table, 1, TX_BUF + 100, 99, 0, 0);
	vring_desc(&tx, 5, 0x80000, 32, 4, 0);
	vring_offer(&tx, 5);
	rig_out(&rig, RIG_BAR_IO + 16, 2, 1);
	ck_assert_uint_eq(rig_sent(&rig, 0)->len, 99);
	ck_assert_mem_eq(rig_sent(&rig, 0)->data, frame, 99);
	ck_assert_uint_eq(load_le16(rig_ram(&rig, tx.used + 2)), 1);
	ck_assert_uint_eq(load_le32(rig_ram(&rig, tx.used + 4)), 5);
	ck_assert_int_eq(rig.irq, 1);
	ck_assert_uint_eq(rig_in(&rig, RIG_BAR_IO + 19, 1), 1);
	ck_assert_int_eq(rig.irq, 0);
	/* receive over three small buffers */
	for (unsigned int i = 0; i < 3; i++) {
		vring_desc(&rx, i, RX_BUF + 256 * i, 100, 2, 0);
		vring_offer(&rx, i);
	}
	in(250, card_mac);
	ck_assert_uint_eq(load_le16(rig_ram(&rig, rx.used + 2)), 3);
	ck_assert_uint_eq(load_le16(rig_ram(&rig, RX_BUF + 10)), 3);
	ck_assert_mem_eq(rig_ram(&rig, RX_BUF + 12), frame, 88);
	ck_assert_mem_eq(rig_ram(&rig, RX_BUF + 256), frame + 88, 100);
	ck_assert_mem_eq(rig_ram(&rig, RX_BUF + 512), frame + 188, 62);
	/* no room: it waits for the driver */
	in(120, broadcast);
	ck_assert_uint_eq(load_le16(rig_ram(&rig, rx.used + 2)), 3);
	for (unsigned int i = 3; i < 5; i++) {
		vring_desc(&rx, i, RX_BUF + 256 * i, 100, 2, 0);
		vring_offer(&rx, i);
	}
	rig_out(&rig, RIG_BAR_IO + 16, 2, 0);
	ck_assert_uint_eq(load_le16(rig_ram(&rig, rx.used + 2)), 5);
	rig_save_load(&rig);
	/* a chain that loops breaks the queue, and the device says so */
	vring_desc(&tx, 7, TX_BUF, 12, 1, 7);
	vring_offer(&tx, 7);
	rig_out(&rig, RIG_BAR_IO + 16, 2, 1);
	ck_assert_uint_eq(rig_in(&rig, RIG_BAR_IO + 18, 1) & 64, 64);
	rig_out(&rig, RIG_BAR_IO + 18, 1, 0);
	ck_assert_uint_eq(rig_in(&rig, RIG_BAR_IO + 18, 1), 0);
}
END_TEST

/* --- whatever the guest writes, and whatever comes in --- */

static const char *const cards[] = {"ne2k_pci", "e1000",	  "rtl8139", "pcnet",
				    "i82551",	"virtio-net-pci", "i82557b"};

START_TEST(random_use)
{
	uint32_t seed = 99 + (uint32_t)_i;

	rig_init(&rig, cards[(unsigned int)_i % G_N_ELEMENTS(cards)], true);
	for (unsigned int i = 0; i < 64 * 1024; i += 4)
		store_le32(rig_ram(&rig, 0x10000 + i), rig_random(&seed) & 0x80ffffff);
	for (unsigned int i = 0; i < 20000; i++) {
		uint32_t v = rig_random(&seed), w = rig_random(&seed);
		unsigned int size = 1u << (v & 3) % 3;
		if ((v >> 4 & 3) == 0)
			rig_out(&rig, RIG_BAR_IO + (v >> 8 & 0xff), size, w);
		else if ((v >> 4 & 3) == 1)
			rig_in(&rig, RIG_BAR_IO + (v >> 8 & 0xff), size);
		else if ((v >> 4 & 3) == 2)
			rig_write(&rig, RIG_BAR_MEM + (v >> 8 & 0x5ffc), 4,
				  v & 0x80000000 ? w & 0x1ffff : w);
		else
			in(14 + w % 1600, v & 0x100 ? broadcast : card_mac);
		if (rig.sent->len > 100)
			g_ptr_array_set_size(rig.sent, 0);
	}
	rig_save_load(&rig);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {ne2k,    ne2k_bursts, ne2k_polled, e1000, e1000_segmentation,
				      rtl8139, virtio_net};
	Suite *suite = suite_create("nic");
	TCase *cases = tcase_create("nic");

	tcase_add_checked_fixture(cases, lock_machine, unlock_machine);
	tcase_set_timeout(cases, 60);
	for (unsigned int i = 0; i < G_N_ELEMENTS(tests); i++)
		tcase_add_test(cases, tests[i]);
	tcase_add_loop_test(cases, random_use, 0, 3 * G_N_ELEMENTS(cards));
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
