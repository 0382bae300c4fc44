/*
 * An ARM board (FUZZ_BOARD) under a processor that does anything: the input is a program of
 * accesses to its peripherals (FUZZ_RANGES: addresses of blocks of 4 KiB), keys, frames and passing
 * time.
 */
#include "arm-rig.h"

#include "../fuzz.h"
#include "base/loop.h"
#include "net/net.h"
#include "vm/device.h"
#include "vm/display.h"
#include "vm/input.h"

#include <glib.h>
#include <string.h>

enum { STEPS = 2000 };

static const uint32_t ranges[] = {FUZZ_RANGES};

static uint32_t take_address(struct input *in)
{
	return ranges[take(in, 1) % G_N_ELEMENTS(ranges)] + (take(in, 2) & 0xfff);
}

static void step_access(struct input *in, bool write)
{
	struct address_space *memory = &machine_get()->memory;
	unsigned int how = take(in, 1) % 8, size = how < 6 ? 4 : how == 6 ? 2 : 1;
	uint32_t addr = take_address(in) & ~(how < 6 ? 3u : 0u);

	if (write)
		mem_store_le(memory, addr, take(in, 4), size);
	else
		mem_load_le(memory, addr, size);
}

static void step_frame(struct input *in)
{
	static uint8_t frame[2048];
	size_t len = take(in, 2) % sizeof(frame);

	memset(frame, (int)take(in, 1), sizeof(frame));
	for (unsigned int n = 0; n < 14; n++)
		frame[n] = (uint8_t)take(in, 1);
	struct net_port *wire = net_port_find("fuzz-wire");
	if (wire)
		net_send(wire, frame, len);
}

static void step(struct input *in)
{
	unsigned int shift;

	switch (take(in, 1) % 16) {
	case 0 ... 7: step_access(in, true); break;
	case 8 ... 11: step_access(in, false); break;
	case 12:
		shift = take(in, 1) % 16;
		pass_ns((int64_t)take(in, 2) << shift);
		break;
	case 13: step_frame(in); break;
	case 14:
		if (display_first())
			display_refresh(display_first(), true);
		break;
	default: input_key(take(in, 1), take(in, 1) & 1);
	}
}

static bool wire_receive(void *opaque, const uint8_t *frame, size_t len)
{
	return true;
}

static const struct net_port_ops wire_ops = {.kind = "wire", .receive = wire_receive};

static void prepare(void)
{
	static const uint32_t image[64] = {0x20001000, 0x101};
	struct net_port *wire, *card = NULL;

	arm_rig_new(FUZZ_BOARD, image, sizeof(image));
	card = net_port_next(NULL);
	wire = net_port_new(&wire_ops, NULL, "fuzz-wire");
	if (card && net_join(card, wire))
		g_error("cannot join the network card");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = fuzz_begin(data, size, prepare);

	cpus_reset();
	devices_reset();
	for (unsigned int i = 0; i < STEPS && in.size; i++)
		step(&in);
	return 0;
}
