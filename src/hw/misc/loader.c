#include "hw/misc/loader.h"

#include "base/log.h"

#include <inttypes.h>

struct loader_blob {
	uint64_t addr, size;
	GByteArray *data; /* the rest of `size` is zeroes */
};

struct loader *loader_new(struct address_space *memory)
{
	struct device *dev = device_new_named("loader");

	device_set_ptr(dev, "memory", memory);
	/* its init cannot fail */
	error_free(device_realize(dev));
	return (struct loader *)dev;
}

/* How many bytes from `addr` on are memory, in however many regions; at most `size`. */
static uint64_t memory_at(const struct address_space *as, uint64_t addr, uint64_t size)
{
	uint64_t at = addr, end = addr + size < addr ? UINT64_MAX : addr + size;

	while (at < end) {
		const struct flat_range *r = address_space_find(as, at);
		if (!r || (r->region->kind != REGION_RAM && r->region->kind != REGION_ROM))
			break;
		if (r->last >= end - 1)
			return end - addr;
		at = r->last + 1;
	}
	return at - addr;
}

struct error *loader_add(struct loader *l, uint64_t addr, struct bytes data, uint64_t size)
{
	struct loader_blob blob = {addr, MAX(size, data.size), NULL};
	uint64_t room = memory_at(l->memory, addr, blob.size);

	if (room < data.size)
		return error_new("0x%" PRIx64 " to 0x%" PRIx64 " is not all memory of this machine",
				 addr, addr + blob.size - 1);
	if (room < blob.size)
		warn_report("loader: 0x%" PRIx64 " to 0x%" PRIx64
			    ", to be zeroes, is not all memory of"
			    " this machine",
			    addr, addr + blob.size - 1);
	blob.size = room;
	if (!blob.size)
		return NULL;
	for (guint i = 0; i < l->blobs->len; i++) {
		const struct loader_blob *b = &g_array_index(l->blobs, struct loader_blob, i);
		if (addr < b->addr + b->size && b->addr < addr + blob.size)
			return error_new("0x%" PRIx64 " to 0x%" PRIx64 " is already taken by what "
					 "is loaded at 0x%" PRIx64,
					 addr, addr + blob.size - 1, b->addr);
	}
	blob.data = g_byte_array_new();
	g_byte_array_append(blob.data, data.data, (guint)data.size);
	g_array_append_val(l->blobs, blob);
	return NULL;
}

static void blob_write(const struct loader *l, const struct loader_blob *b)
{
	static const uint8_t zeroes[4096];
	enum mem_result res = mem_write_rom(l->memory, b->addr, b->data->data, b->data->len);

	for (uint64_t at = b->data->len; at < b->size && res == MEM_OK; at += sizeof(zeroes))
		res = mem_write_rom(l->memory, b->addr + at, zeroes,
				    MIN(sizeof(zeroes), b->size - at));
	if (res != MEM_OK)
		log_printf(LOG_GUEST_ERRORS, "loader: no memory at 0x%" PRIx64 " now\n", b->addr);
}

static struct error *loader_init(struct device *dev)
{
	((struct loader *)dev)->blobs = g_array_new(FALSE, FALSE, sizeof(struct loader_blob));
	return NULL;
}

static void loader_reset(struct device *dev)
{
}

static void loader_settle(struct device *dev)
{
	struct loader *l = (struct loader *)dev;

	for (guint i = 0; i < l->blobs->len; i++)
		blob_write(l, &g_array_index(l->blobs, struct loader_blob, i));
	if (l->enter)
		l->enter(l->opaque);
}

static const struct prop loader_props[] = {
	PROP_PTR("memory", struct loader, memory),
	PROP_END,
};

static const struct field loader_state[] = {FIELD_END};

DEVICE(loader, struct loader, "loader", "what is in memory at reset", loader_props, loader_state,
       loader_init, loader_reset, loader_settle);
