/*
 * A BIOS that was copied into RAM before the processor started: boards whose chip set has no
 * registers for it still have RAM there. Properties "rom" (region), "ram" (region), "addr", "size":
 * the last `size` bytes of the ROM go to `addr` of the RAM at every reset.
 */
#include "vm/device.h"
#include "vm/memory.h"

#include <string.h>

struct bios_shadow {
	struct device dev;
	struct region *rom, *ram;
	uint64_t addr, size;
};

static struct error *shadow_init(struct device *dev)
{
	struct bios_shadow *s = (struct bios_shadow *)dev;

	if (s->size > s->rom->size || s->addr > s->ram->size || s->size > s->ram->size - s->addr)
		return error_new("the BIOS's shadow does not fit into memory");
	return NULL;
}

static void shadow_reset(struct device *dev)
{
	struct bios_shadow *s = (struct bios_shadow *)dev;

	memcpy(s->ram->ram->host + s->addr, s->rom->ram->host + s->rom->size - s->size, s->size);
	ram_written(s->ram->ram, s->addr, s->size);
}

static const struct prop shadow_props[] = {
	PROP_PTR("rom", struct bios_shadow, rom),
	PROP_PTR("ram", struct bios_shadow, ram),
	PROP_U64("addr", struct bios_shadow, addr, 0, "where in RAM"),
	PROP_U64("size", struct bios_shadow, size, 0, "bytes"),
	PROP_END,
};

static const struct field shadow_state[] = {FIELD_END};

DEVICE(bios_shadow, struct bios_shadow, "bios-shadow", "BIOS copied into RAM", shadow_props,
       shadow_state, shadow_init, shadow_reset, NULL);
