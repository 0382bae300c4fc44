/*
 * Hostile saved states: whatever the bytes are, loading must end in an error or in a state that
 * saves again to what was loaded.
 */
#include "base/loop.h"
#include "vm/irq.h"
#include "vm/state.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct entry {
	uint16_t id;
	uint8_t bytes[3];
};

struct target {
	struct device dev;
	uint8_t u8;
	uint64_t u64[2];
	bool flag;
	uint8_t raw[4];
	struct timer timer;
	struct irq irq;
	struct entry entries[2];
};

static const struct field entry_fields[] = {
	F_U16(struct entry, id),
	F_ARRAY(struct entry, bytes),
	FIELD_END,
};

static const struct field fields[] = {
	F_U8(struct target, u8),
	F_ARRAY(struct target, u64),
	F_BOOL(struct target, flag),
	F_BYTES(struct target, raw),
	F_TIMER(struct target, timer),
	F_IRQ(struct target, irq),
	F_STRUCTS(struct target, entries, entry_fields),
	FIELD_END,
};

static void nothing(void *opaque)
{
}

static struct error *target_init(struct device *dev)
{
	timer_init(&((struct target *)dev)->timer, CLOCK_VIRTUAL, nothing, NULL);
	return NULL;
}

DEVICE(target, struct target, "target", NULL, NULL, fields, target_init, NULL, NULL);

static void start(void)
{
	machine_lock();
	if (device_realize(device_new_named("target")))
		abort();
	clock_rtc_set(0);
}

static void check_round_trip(void)
{
	struct target *t = (struct target *)device_first();
	GByteArray *one = g_byte_array_new(), *two = g_byte_array_new();

	state_save_fields(one, fields, t);
	if (state_load_fields((struct bytes){one->data, one->len}, fields, t))
		abort();
	state_save_fields(two, fields, t);
	if (one->len != two->len || memcmp(one->data, two->data, one->len) != 0)
		abort();
	g_byte_array_unref(one);
	g_byte_array_unref(two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = {data, size};

	if (!machine_locked())
		start();
	struct error *err = state_load_all(in);
	if (!err)
		check_round_trip();
	error_free(err);
	/* The format of fields alone is found sooner without a header around it. */
	err = state_load_fields(in, fields, device_first());
	if (!err)
		check_round_trip();
	error_free(err);
	return 0;
}
