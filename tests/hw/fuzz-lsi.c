/*
 * The LSI53C895A with a disk and a CD-ROM drive under a driver that does anything: the input is a
 * program of register accesses, scripts, commands and passing time.
 */
#include "scsi-rig.h"

#include "../fuzz.h"
#include "base/bytes.h"
#include "base/loop.h"
#include "hw/scsi/lsi53c895a.h"
#include "storage/block.h"
#include "vm/clock.h"

#include <string.h>

enum { STEPS = 20, SCRIPT_AT = 0x1000, CDB_AT = 0x2000, LOW_MEMORY = 0x4000 };

static struct rig rig;
static int64_t now;

static int64_t now_read(void *opaque)
{
	return now;
}

/* A sequence as drivers have it, with numbers of the input's. */
static void step_command(struct input *in)
{
	uint32_t id = take(in, 1) & 3, len = take(in, 1) & 15, bytes = take(in, 2);
	uint32_t phase = take(in, 1) & 1;
	const uint32_t words[] = {0x41000000 | id << 16,
				  0,
				  0x0e000001,
				  CDB_AT - 16,
				  0x0a000000 | (len + 1),
				  CDB_AT,
				  0x08000000 | phase << 24 | (bytes + 1),
				  0x8000,
				  0x0b000001,
				  CDB_AT - 8,
				  0x0f000001,
				  CDB_AT - 4,
				  0x98080000,
				  0};

	for (unsigned int n = 0; n < 16; n++)
		*rig_ram(&rig, CDB_AT + n) = (uint8_t)take(in, 1);
	*rig_ram(&rig, CDB_AT - 16) = 0x80;
	for (unsigned int n = 0; n < G_N_ELEMENTS(words); n++)
		store_le32(rig_ram(&rig, SCRIPT_AT + 4 * n), words[n]);
	rig_write(&rig, RIG_BAR_MEM + DSP, 4, SCRIPT_AT);
}

static void step_script(struct input *in)
{
	uint32_t count = take(in, 1) % 16;

	for (uint32_t n = 0; n < count; n++)
		store_le32(rig_ram(&rig, SCRIPT_AT + 4 * n), take(in, 4));
	rig_write(&rig, RIG_BAR_MEM + DSP, 4, SCRIPT_AT);
}

static void step(struct input *in)
{
	uint32_t reg;

	switch (take(in, 1) % 8) {
	case 0 ... 1:
		reg = take(in, 1);
		rig_write(&rig, RIG_BAR_MEM + reg, 1, take(in, 1));
		break;
	case 2: rig_read(&rig, RIG_BAR_MEM + take(in, 1), 1); break;
	case 3 ... 4: step_command(in); break;
	case 5: step_script(in); break;
	case 6: drives_drain(); break;
	default: now += (int64_t)take(in, 3); clock_run_timers(CLOCK_VIRTUAL);
	}
}

static void prepare(void)
{
	clock_use_icount(0, now_read, NULL);
	scsi_rig_init(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = fuzz_begin(data, size, prepare);

	memset(rig_ram(&rig, 0), 0, LOW_MEMORY);
	rig_reset(&rig);
	for (unsigned int i = 0; i < STEPS && in.size; i++)
		step(&in);
	drives_drain();
	return 0;
}
