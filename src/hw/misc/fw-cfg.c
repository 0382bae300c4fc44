/* Firmware configuration device: see fw-cfg.h. Values are little endian, the directory is not. */
#include "hw/misc/fw-cfg.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/optstr.h"
#include "vm/machine.h"

#include <string.h>

#define KEY_WRITE 0x4000
#define KEY_MASK  0x3fff

#define ID_TRADITIONAL 1u
#define ID_DMA	       2u

#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) /* "QEMU CFG" */

#define DMA_ERROR  0x01u
#define DMA_READ   0x02u
#define DMA_SKIP   0x04u
#define DMA_SELECT 0x08u
#define DMA_WRITE  0x10u

/* struct FWCfgDmaAccess: control, length, address; big endian */
#define DMA_ACCESS_SIZE 16

#define DIRECTORY_ENTRY 64

/* --- items --- */

static struct fw_cfg_item *item_at(struct fw_cfg *s, unsigned int key)
{
	unsigned int number = key & KEY_MASK;

	return number < FW_CFG_KEYS ? &s->items[key >> 15 & 1][number] : NULL;
}

void fw_cfg_add_bytes(struct fw_cfg *s, unsigned int key, const void *data, size_t size)
{
	struct fw_cfg_item *item = item_at(s, key);

	g_assert(item && size <= UINT32_MAX);
	g_free(item->data);
	*item = (struct fw_cfg_item){g_memdup2(data, size), (uint32_t)size, NULL, NULL};
}

void fw_cfg_add_string(struct fw_cfg *s, unsigned int key, const char *text)
{
	fw_cfg_add_bytes(s, key, text, strlen(text) + 1);
}

void fw_cfg_add_u16(struct fw_cfg *s, unsigned int key, uint16_t value)
{
	uint8_t bytes[2];

	store_le16(bytes, value);
	fw_cfg_add_bytes(s, key, bytes, sizeof(bytes));
}

void fw_cfg_add_u32(struct fw_cfg *s, unsigned int key, uint32_t value)
{
	uint8_t bytes[4];

	store_le32(bytes, value);
	fw_cfg_add_bytes(s, key, bytes, sizeof(bytes));
}

void fw_cfg_add_u64(struct fw_cfg *s, unsigned int key, uint64_t value)
{
	uint8_t bytes[8];

	store_le64(bytes, value);
	fw_cfg_add_bytes(s, key, bytes, sizeof(bytes));
}

/* --- files --- */

static void directory_build(struct fw_cfg *s)
{
	uint32_t size = 4 + s->file_count * DIRECTORY_ENTRY;
	uint8_t *bytes = g_malloc0(size), *p = bytes + 4;

	store_be32(bytes, s->file_count);
	for (uint32_t i = 0; i < s->file_count; i++, p += DIRECTORY_ENTRY) {
		store_be32(p, item_at(s, s->files[i].key)->size);
		store_be16(p + 4, s->files[i].key);
		memcpy(p + 8, s->files[i].name, sizeof(s->files[i].name));
	}
	fw_cfg_add_bytes(s, FW_CFG_FILE_DIR, bytes, size);
	g_free(bytes);
}

static struct fw_cfg_file *file_find(struct fw_cfg *s, const char *name)
{
	for (uint32_t i = 0; i < s->file_count; i++) {
		if (strcmp(s->files[i].name, name) == 0)
			return &s->files[i];
	}
	return NULL;
}

struct error *fw_cfg_add_file(struct fw_cfg *s, const char *name, const void *data, size_t size)
{
	struct fw_cfg_file *file = file_find(s, name);

	if (strlen(name) >= sizeof(file->name))
		return error_new("fw_cfg file name \"%s\" has more than %zu characters", name,
				 sizeof(file->name) - 1);
	if (size > UINT32_MAX)
		return error_new("fw_cfg file \"%s\" is larger than 4 GiB", name);
	if (!file) {
		if (s->file_count == FW_CFG_FILES)
			return error_new("no room for fw_cfg file \"%s\": there are %d already",
					 name, FW_CFG_FILES);
		file = &s->files[s->file_count];
		g_strlcpy(file->name, name, sizeof(file->name));
		file->key = (uint16_t)(FW_CFG_FILE_FIRST + s->file_count++);
	}
	fw_cfg_add_bytes(s, file->key, data, size);
	directory_build(s);
	return NULL;
}

uint8_t *fw_cfg_file_data(struct fw_cfg *s, const char *name, size_t *size)
{
	struct fw_cfg_file *file = file_find(s, name);

	*size = file ? item_at(s, file->key)->size : 0;
	return file ? item_at(s, file->key)->data : NULL;
}

void fw_cfg_on_select(struct fw_cfg *s, const char *name, fw_cfg_select_fn *fn, void *opaque)
{
	struct fw_cfg_file *file = file_find(s, name);

	g_assert(file);
	item_at(s, file->key)->select = fn;
	item_at(s, file->key)->opaque = opaque;
}

struct error *fw_cfg_add_option(struct fw_cfg *s, const char *text)
{
	struct optstr *o = optstr_parse(text, "name");
	const char *name = optstr_get(o, "name"), *file = optstr_get(o, "file");
	const char *string = optstr_get(o, "string");
	struct error *err = optstr_finish(o);
	GByteArray *data;

	if (!err && (!name || !*name))
		err = error_new("name= is missing");
	else if (!err && !file == !string)
		err = error_new("exactly one of file= and string= is needed");
	else if (!err && string)
		err = fw_cfg_add_file(s, name, string, strlen(string));
	else if (!err) {
		err = file_load(file, UINT32_MAX, &data);
		if (!err) {
			err = fw_cfg_add_file(s, name, data->data, data->len);
			g_byte_array_unref(data);
		}
	}
	err = error_prefix(err, "-fw_cfg %s", text);
	optstr_free(o);
	return err;
}

/* --- the guest's side --- */

static void select_key(struct fw_cfg *s, uint16_t key)
{
	struct fw_cfg_item *item = item_at(s, key);

	s->key = key;
	s->offset = 0;
	if (key & KEY_WRITE)
		log_printf(LOG_GUEST_ERRORS, "fw_cfg: key %04x: items cannot be written\n", key);
	if (item && item->select)
		item->select(item->opaque);
}

/* What is left of the selected item. */
static struct bytes rest(struct fw_cfg *s)
{
	struct fw_cfg_item *item = item_at(s, s->key);

	if (!item || !item->data || s->offset >= item->size)
		return (struct bytes){NULL, 0};
	return (struct bytes){item->data + s->offset, item->size - s->offset};
}

static uint8_t data_next(struct fw_cfg *s)
{
	struct bytes b = rest(s);

	if (!b.size)
		return 0;
	s->offset++;
	return b.data[0];
}

static void advance(struct fw_cfg *s, uint32_t len)
{
	s->offset = (uint32_t)MIN((uint64_t)s->offset + len, UINT32_MAX);
}

/* Past the end of an item there are zeros. */
static bool dma_copy(struct fw_cfg *s, uint64_t addr, uint32_t len)
{
	static const uint8_t zeros[4096];
	struct bytes b = rest(s);
	uint32_t from_item = (uint32_t)MIN(b.size, len), chunk;

	advance(s, len);
	if (from_item && mem_write(s->memory, addr, b.data, from_item) != MEM_OK)
		return false;
	addr += from_item;
	for (len -= from_item; len; len -= chunk, addr += chunk) {
		chunk = MIN(len, (uint32_t)sizeof(zeros));
		if (mem_write(s->memory, addr, zeros, chunk) != MEM_OK)
			return false;
	}
	return true;
}

static uint32_t dma_execute(struct fw_cfg *s, uint32_t control, uint32_t len, uint64_t addr)
{
	if (control & DMA_SELECT)
		select_key(s, (uint16_t)(control >> 16));
	if (control & DMA_READ)
		return dma_copy(s, addr, len) ? 0 : DMA_ERROR;
	if (control & DMA_WRITE)
		return DMA_ERROR;
	if (control & DMA_SKIP)
		advance(s, len);
	return 0;
}

static void dma_start(struct fw_cfg *s)
{
	uint8_t access[DMA_ACCESS_SIZE], status[4];
	uint64_t at = s->dma_address;

	s->dma_address = 0;
	if (mem_read(s->memory, at, access, sizeof(access)) != MEM_OK) {
		log_printf(LOG_GUEST_ERRORS, "fw_cfg: DMA descriptor is not in memory\n");
		store_be32(status, DMA_ERROR);
	} else {
		store_be32(status, dma_execute(s, load_be32(access), load_be32(access + 4),
					       load_be64(access + 8)));
	}
	mem_write(s->memory, at, status, sizeof(status));
}

static uint64_t dma_read(void *opaque, uint64_t offset, unsigned int size)
{
	return DMA_SIGNATURE >> (8 * (8 - offset - size)) &
	       (size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1);
}

/* The address is big endian; writing its low half starts the transfer. */
static void dma_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct fw_cfg *s = opaque;

	if (size == 8) {
		s->dma_address = value;
		dma_start(s);
	} else if (size == 4 && offset == 0) {
		s->dma_address = value << 32;
	} else if (size == 4) {
		s->dma_address |= value;
		dma_start(s);
	}
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned int size)
{
	return size == 1 && offset == 1 ? data_next(opaque) : 0;
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	if (size == 2)
		select_key(opaque, (uint16_t)value);
}

static uint64_t control_read(void *opaque, uint64_t offset, unsigned int size)
{
	return 0;
}

static void control_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	select_key(opaque, (uint16_t)value);
}

/* A wide read of the data register is a run of bytes, the first one highest. */
static uint64_t data_read(void *opaque, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | data_next(opaque);
	return value;
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
}

static const struct region_ops port_ops = {.read = ports_read, .write = ports_write, .max_size = 2};
static const struct region_ops control_ops = {
	.read = control_read, .write = control_write, .max_size = 2, .big_endian = true};
static const struct region_ops data_ops = {
	.read = data_read, .write = data_write, .max_size = 8, .big_endian = true};
static const struct region_ops dma_ops = {
	.read = dma_read, .write = dma_write, .max_size = 8, .big_endian = true};

/* --- device --- */

static struct error *fw_cfg_init(struct device *dev)
{
	struct fw_cfg *s = (struct fw_cfg *)dev;

	region_init_io(&s->ports, "fwcfg", 2, &port_ops, s);
	region_init_io(&s->control, "fwcfg.ctl", 2, &control_ops, s);
	region_init_io(&s->data, "fwcfg.data", 8, &data_ops, s);
	region_init_io(&s->dma, "fwcfg.dma", 8, &dma_ops, s);
	fw_cfg_add_bytes(s, FW_CFG_SIGNATURE, "QEMU", 4);
	fw_cfg_add_u32(s, FW_CFG_ID, ID_TRADITIONAL | (s->memory ? ID_DMA : 0));
	directory_build(s);
	return NULL;
}

static void fw_cfg_reset(struct device *dev)
{
	struct fw_cfg *s = (struct fw_cfg *)dev;

	s->key = 0;
	s->offset = 0;
	s->dma_address = 0;
}

static const struct prop fw_cfg_props[] = {
	PROP_PTR("memory", struct fw_cfg, memory),
	PROP_END,
};

static const struct field fw_cfg_state[] = {
	F_U16(struct fw_cfg, key),
	F_U32(struct fw_cfg, offset),
	F_U64(struct fw_cfg, dma_address),
	FIELD_END,
};

DEVICE(fw_cfg, struct fw_cfg, "fw_cfg", "firmware configuration", fw_cfg_props, fw_cfg_state,
       fw_cfg_init, fw_cfg_reset, NULL);
