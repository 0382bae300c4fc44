/*
 * One network card (FUZZ_CARD) under a driver and a wire that do anything: the input is a program
 * of register accesses, writes to memory, frames from outside and passing time.
 */
#include "rig.h"

#include "../fuzz.h"
#include "base/bytes.h"
#include "base/loop.h"
#include "vm/clock.h"

#include <string.h>

enum { CLEARED = 256 << 10, STEPS = 2000 };

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
		if (op & 0x40)
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
