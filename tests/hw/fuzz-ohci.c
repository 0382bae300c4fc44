/*
 * An OHCI controller with a keyboard, a mouse and a tablet behind a hub, under a driver that does
 * anything: the input is a program of register accesses, descriptors, requests, keys and frames.
 */
#include "../fuzz.h"
#include "rig.h"

#include "base/bytes.h"
#include "base/loop.h"
#include "vm/clock.h"
#include "vm/input.h"
#include "vm/plug.h"

#include <string.h>

enum { STEPS = 100, HCCA = 0x1000, EDS = 0x2000, TDS = 0x3000, DATA = 0x4000, LOW = 0x8000 };

static struct rig rig;
static int64_t now;

static int64_t now_read(void *opaque)
{
	return now;
}

static void put(uint32_t addr, uint32_t value)
{
	store_le32(rig_ram(&rig, addr), value);
}

/* Descriptors whose pointers lead to each other. */
static void step_descriptors(struct input *in)
{
	uint32_t ed = EDS + 16 * (take(in, 1) & 7), td = TDS + 16 * (take(in, 1) & 15);

	put(ed, take(in, 4));
	put(ed + 4, TDS + 16 * (take(in, 1) & 15));
	put(ed + 8, td);
	put(ed + 12, take(in, 1) & 1 ? EDS + 16 * (take(in, 1) & 7) : 0);
	put(td, take(in, 4));
	put(td + 4, DATA + take(in, 2) % 0x2000);
	put(td + 8, TDS + 16 * (take(in, 1) & 15));
	put(td + 12, DATA + take(in, 2) % 0x2000);
	put(HCCA + 4 * (take(in, 1) & 31), EDS + 16 * (take(in, 1) & 7));
}

/* A whole request to one of the devices. */
static void step_request(struct input *in)
{
	bool to_host = take(in, 1) & 1;
	uint32_t len = take(in, 1);

	put(EDS, 8u << 16 | (take(in, 1) & 7));
	put(EDS + 4, TDS + 48);
	put(EDS + 8, TDS);
	put(EDS + 12, 0);
	for (unsigned int n = 0; n < 8; n++)
		*rig_ram(&rig, DATA - 8 + n) = (uint8_t)take(in, 1);
	for (unsigned int n = 0; n < 3; n++) {
		put(TDS + 16 * n, n == 0		? 0xf2040000
				  : to_host == (n == 1) ? 0xf3140000
							: 0xf30c0000);
		put(TDS + 16 * n + 8, TDS + 16 * n + 16);
		put(TDS + 16 * n + 4, n == 0 ? DATA - 8 : n == 1 && len ? DATA : 0);
		put(TDS + 16 * n + 12, n == 0 ? DATA - 1 : DATA + len - 1);
	}
	rig_write(&rig, RIG_BAR_MEM + 0x20, 4, EDS);
	rig_write(&rig, RIG_BAR_MEM + 0x08, 4, 2);
}

static void step(struct input *in)
{
	uint32_t offset;

	switch (take(in, 1) % 8) {
	case 0 ... 1:
		offset = (take(in, 1) % 25) * 4;
		rig_write(&rig, RIG_BAR_MEM + offset, 4, take(in, 4));
		break;
	case 2: rig_read(&rig, RIG_BAR_MEM + take(in, 2) % 0x1000, 4); break;
	case 3: step_descriptors(in); break;
	case 4 ... 5: step_request(in); break;
	case 6:
		input_key(take(in, 1), take(in, 1) & 1);
		input_pointer((int16_t)take(in, 2), (int16_t)take(in, 2), (int8_t)take(in, 1),
			      take(in, 1));
		break;
	default:
		for (uint32_t n = take(in, 1) & 15; n; n--) {
			now += 1000000;
			clock_run_timers(CLOCK_VIRTUAL);
		}
	}
}

static void prepare(void)
{
	static const char *const devices[] = {"usb-hub", "usb-kbd", "usb-mouse",
					      "usb-tablet,port=1.1"};

	clock_use_icount(0, now_read, NULL);
	rig_init(&rig, "pci-ohci", false);
	for (unsigned int n = 0; n < G_N_ELEMENTS(devices); n++) {
		if (plug_device(devices[n]))
			g_error("cannot plug %s", devices[n]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = fuzz_begin(data, size, prepare);

	memset(rig_ram(&rig, 0), 0, LOW);
	rig_reset(&rig);
	rig_write(&rig, RIG_BAR_MEM + 0x18, 4, HCCA);
	rig_write(&rig, RIG_BAR_MEM + 0x04, 4, 0xb4);
	for (unsigned int n = 0; n < 3; n++)
		rig_write(&rig, RIG_BAR_MEM + 0x54 + 4 * n, 4, 0x10);
	for (unsigned int i = 0; i < STEPS && in.size; i++)
		step(&in);
	return 0;
}
