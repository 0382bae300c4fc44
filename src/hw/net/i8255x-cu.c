/* The 8255x's command unit: action commands, transmission, counters.
 * Source: Open Source Software Developer Manual, section 6.4. */
#include "hw/net/i8255x.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

enum {
	CB_C = 0x8000, /* status: complete, OK */
	CB_OK = 0x2000,
	CB_EL = 0x8000, /* command: end of list, suspend, interrupt, flexible mode */
	CB_S = 0x4000,
	CB_I = 0x2000,
	CB_SF = 0x0008,
	CB_COMMAND = 0x0007,

	ACTION_NOP = 0,
	ACTION_ADDRESS,
	ACTION_CONFIGURE,
	ACTION_MULTICAST,
	ACTION_TRANSMIT,
	ACTION_MICROCODE,
	ACTION_DUMP,
	ACTION_DIAGNOSE,

	TBD_EL = 0x10000,
	/* What one run may do before others get their turn: a list need not have an end. */
	RUN_BLOCKS = 512,
	RUN_BYTES = 4 << 20,
	HASH_COST = 32, /* a byte of an address that is hashed takes as long as so many copied */
	BUFFERS_MAX = 256,
	DUMP_COMPLETE = 0xa005,
	DUMP_RESET_COMPLETE = 0xa007,
};

/* A command block, as far as all kinds have it. */
struct command_block {
	uint32_t at;
	uint16_t command;
	uint32_t link;
	uint8_t rest[24]; /* from offset 8 */
};

struct gathered {
	uint8_t data[I8255X_FRAME_MAX];
	uint32_t len;
};

/* After reset: 82557 rules, sane lengths (the manual's table of defaults). */
void i8255x_config_default(struct i8255x *s)
{
	static const uint8_t config[I8255X_CONFIG] = {
		0x16, 0x08, 0x00, 0x00, 0x00, 0x00, 0x32, 0x07, 0x01, 0x00, 0x2e,
		0x00, 0x60, 0x00, 0xf2, 0xc8, 0x00, 0x40, 0xf2, 0x80, 0x3f, 0x05,
	};

	memcpy(s->config, config, sizeof(s->config));
}

void i8255x_dump_counters(struct i8255x *s, bool reset)
{
	uint8_t d[84] = {0};
	/* Standard: 16 counters; extended: flow control, and TCO where that is enabled. */
	unsigned int size = s->config[6] & 0x20 ? 64 : s->config[6] & 0x04 ? 80 : 76;

	for (unsigned int i = 0; i < 16; i++)
		store_le32(d + 4 * i, s->counters[i]);
	store_le32(d + size, reset ? DUMP_RESET_COMPLETE : DUMP_COMPLETE);
	pci_dma_write(&s->pci, s->counters_at, d, size + 4);
	if (reset)
		memset(s->counters, 0, sizeof(s->counters));
}

/* --- transmission --- */

static void gather(struct i8255x *s, struct gathered *g, uint32_t addr, uint32_t len)
{
	len = len > sizeof(g->data) - g->len ? (uint32_t)sizeof(g->data) - g->len : len;
	pci_dma_read(&s->pci, addr, g->data + g->len, len);
	g->len += len;
	s->work += len;
}

/* Follows up to `count` buffer descriptors; true where the last one was marked so. */
static bool gather_buffers(struct i8255x *s, struct gathered *g, uint32_t at, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint8_t tbd[8];
		s->work += 64; /* so that empty ones count too */
		pci_dma_read(&s->pci, at + 8 * i, tbd, sizeof(tbd));
		gather(s, g, load_le32(tbd), load_le32(tbd + 4) & 0x3fff);
		if (load_le32(tbd + 4) & TBD_EL)
			return true;
	}
	return false;
}

static void transmit(struct i8255x *s, const struct command_block *cb)
{
	uint32_t array = load_le32(cb->rest), inside = load_le16(cb->rest + 4) & 0x3fff;
	unsigned int count = cb->rest[7];
	struct gathered g;

	g.len = 0;
	if (!(cb->command & CB_SF)) {
		gather(s, &g, cb->at + 16, inside);
	} else {
		/* The extended form holds its first two descriptors itself. */
		unsigned int own = i8255x_extended_tcb(s) ? MIN(count, 2u) : 0;
		bool last = false;
		if (inside && !own)
			gather(s, &g, cb->at + 16, inside);
		if (own)
			last = gather_buffers(s, &g, cb->at + 16, own);
		if (!last && array != UINT32_MAX)
			gather_buffers(s, &g, array, MIN(count - own, (unsigned int)BUFFERS_MAX));
	}
	if (g.len >= ETHER_HEADER) {
		s->counters[COUNT_TX_GOOD]++;
		net_send(s->nic.port, g.data, g.len);
	}
}

/* --- action commands --- */

static void configure(struct i8255x *s, const struct command_block *cb)
{
	unsigned int count = MIN(cb->rest[0] & 0x3fu, (unsigned int)I8255X_CONFIG);

	memcpy(s->config, cb->rest, count);
	net_flush(s->nic.port);
}

static void multicast_setup(struct i8255x *s, const struct command_block *cb)
{
	unsigned int bytes = load_le16(cb->rest) & 0x3fff;
	uint8_t list[0x3fff];

	s->work += bytes * HASH_COST;
	pci_dma_read(&s->pci, cb->at + 10, list, bytes);
	s->multicast = 0;
	for (unsigned int i = 0; i + 6 <= bytes; i += 6) {
		if (ether_is_multicast(list + i))
			s->multicast |= UINT64_C(1) << ether_hash_be(list + i);
	}
}

static void carry_out(struct i8255x *s, const struct command_block *cb)
{
	switch (cb->command & CB_COMMAND) {
	case ACTION_ADDRESS: memcpy(s->address, cb->rest, 6); break;
	case ACTION_CONFIGURE: configure(s, cb); break;
	case ACTION_MULTICAST: multicast_setup(s, cb); break;
	case ACTION_TRANSMIT: transmit(s, cb); break;
	case ACTION_DUMP: log_printf(LOG_UNIMP, "i8255x: dump of internal registers\n"); break;
	default: break; /* nop, microcode and diagnosis have nothing to show */
	}
}

static void read_block(struct i8255x *s, struct command_block *cb)
{
	uint8_t b[32];

	cb->at = s->cu_base + s->cu_offset;
	pci_dma_read(&s->pci, cb->at, b, sizeof(b));
	cb->command = load_le16(b + 2);
	cb->link = load_le32(b + 4);
	memcpy(cb->rest, b + 8, sizeof(cb->rest));
}

/* One block; false where the unit stops after it. */
static bool one_block(struct i8255x *s)
{
	struct command_block cb;
	uint8_t status[2];

	read_block(s, &cb);
	carry_out(s, &cb);
	store_le16(status, CB_C | CB_OK);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pci_dma_write(&s->pci, cb.at, status, sizeof(status));
	s->cu_offset = cb.link;
	if (cb.command & CB_I)
		i8255x_raise(s, ACK_CX);
	if (!(cb.command & (CB_EL | CB_S)))
		return true;
	s->cu = cb.command & CB_EL ? CU_IDLE : CU_SUSPENDED;
	i8255x_raise(s, ACK_CNA);
	return false;
}

void i8255x_cu_run(struct i8255x *s)
{
	if (s->running)
		return;
	s->running = true;
	s->work = 0;
	unsigned int blocks = 0;
	while (s->cu == CU_ACTIVE && one_block(s)) {
		if (++blocks >= RUN_BLOCKS || s->work >= RUN_BYTES) {
			timer_set(&s->more, clock_now(CLOCK_VIRTUAL));
			break;
		}
	}
	s->running = false;
}

void i8255x_cu_more(void *opaque)
{
	i8255x_cu_run(opaque);
}
