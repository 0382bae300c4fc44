/* What a Linux kernel finds at the address in r2: ATAGs, or the device tree of -dtb. */
#include "machines/arm-boot.h"

#include <inttypes.h>
#include <libfdt.h>

#define TAGS_OFFSET 0x100u
#define TAGS_LIMIT  0x3f00u /* page tables begin at 4000h */
#define DTB_LIMIT   (2u << 20)
#define DTB_ROOM    4096u /* for what is added */

enum {
	ATAG_NONE = 0,
	ATAG_CORE = 0x54410001,
	ATAG_MEM = 0x54410002,
	ATAG_INITRD2 = 0x54420005,
	ATAG_CMDLINE = 0x54410009,
};

/* --- tags --- */

void arm_boot_tag(GByteArray *tags, uint32_t number, const uint32_t *words, unsigned int count)
{
	uint8_t word[4];

	store_le32(word, count + 2);
	g_byte_array_append(tags, word, 4);
	store_le32(word, number);
	g_byte_array_append(tags, word, 4);
	for (unsigned int i = 0; i < count; i++) {
		store_le32(word, words[i]);
		g_byte_array_append(tags, word, 4);
	}
}

static void add_command_line(GByteArray *tags, const char *text)
{
	unsigned int words = (unsigned int)(strlen(text) + 4) / 4;
	uint8_t *bytes = g_malloc0(words * 4);
	uint32_t *values = g_new(uint32_t, words);

	memcpy(bytes, text, strlen(text));
	for (unsigned int i = 0; i < words; i++)
		values[i] = load_le32(bytes + 4 * i);
	arm_boot_tag(tags, ATAG_CMDLINE, values, words);
	g_free(values);
	g_free(bytes);
}

static struct error *add_tags(struct arm_boot *b)
{
	GByteArray *tags = g_byte_array_new();
	struct error *err = NULL;

	arm_boot_tag(tags, ATAG_CORE, (uint32_t[]){1, 4096, 0}, 3);
	arm_boot_tag(tags, ATAG_MEM, (uint32_t[]){(uint32_t)b->ram_size, b->ram_base}, 2);
	if (b->initrd_size)
		arm_boot_tag(tags, ATAG_INITRD2, (uint32_t[]){b->initrd, b->initrd_size}, 2);
	if (b->m->append && *b->m->append)
		add_command_line(tags, b->m->append);
	if (b->add_tags)
		b->add_tags(b, tags);
	static const uint8_t none[8]; /* ATAG_NONE has size 0 */
	g_byte_array_append(tags, none, sizeof(none));
	if (tags->len > TAGS_LIMIT)
		err = error_new("-append: %zu characters are too many", strlen(b->m->append));
	b->params = b->ram_base + TAGS_OFFSET;
	if (!err)
		err = loader_add(b->loader, b->params, (struct bytes){tags->data, tags->len}, 0);
	g_byte_array_unref(tags);
	return err;
}

/* --- device tree --- */

static struct error *fdt_error(int code)
{
	return code >= 0 ? NULL : error_new("%s", fdt_strerror(code));
}

/* Where libfdt has only one node to give or take, its error is the result. */
static int node_get(void *fdt, int parent, const char *name)
{
	int node = fdt_subnode_offset(fdt, parent, name);

	return node == -FDT_ERR_NOTFOUND ? fdt_add_subnode(fdt, parent, name) : node;
}

/* An address or size in as many cells as the root says. */
static int append_cells(void *fdt, int node, const char *prop, int cells, uint64_t value)
{
	if (cells == 2)
		return fdt_appendprop_u64(fdt, node, prop, value);
	return fdt_appendprop_u32(fdt, node, prop, (uint32_t)value);
}

/* The memory nodes that the tree has describe another configuration. */
static void remove_memory(void *fdt)
{
	int node, next;

	for (node = fdt_first_subnode(fdt, 0); node >= 0; node = next) {
		const char *type = fdt_getprop(fdt, node, "device_type", NULL);

		next = fdt_next_subnode(fdt, node);
		if (type && strcmp(type, "memory") == 0)
			fdt_nop_node(fdt, node);
	}
}

static struct error *set_memory(const struct arm_boot *b, void *fdt)
{
	int address_cells = fdt_address_cells(fdt, 0), size_cells = fdt_size_cells(fdt, 0);
	char *name = g_strdup_printf("memory@%x", b->ram_base);

	if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2) {
		g_free(name);
		return error_new("the root's #address-cells and #size-cells must be 1 or 2");
	}
	remove_memory(fdt);
	int node = fdt_add_subnode(fdt, 0, name);
	int code = node;
	if (code >= 0)
		code = fdt_setprop_string(fdt, node, "device_type", "memory");
	if (code >= 0)
		code = append_cells(fdt, node, "reg", address_cells, b->ram_base);
	if (code >= 0)
		code = append_cells(fdt, node, "reg", size_cells, b->ram_size);
	g_free(name);
	return error_prefix(fdt_error(code), "/memory");
}

static struct error *set_chosen(const struct arm_boot *b, void *fdt)
{
	int node = node_get(fdt, 0, "chosen"), code = node;

	if (code >= 0 && b->m->append && *b->m->append)
		code = fdt_setprop_string(fdt, node, "bootargs", b->m->append);
	if (code >= 0 && b->initrd_size)
		code = fdt_setprop_u32(fdt, node, "linux,initrd-start", b->initrd);
	if (code >= 0 && b->initrd_size)
		code = fdt_setprop_u32(fdt, node, "linux,initrd-end", b->initrd + b->initrd_size);
	return error_prefix(fdt_error(code), "/chosen");
}

/* A larger copy of the file's tree, with what the options say. */
static struct error *make_tree(struct arm_boot *b, const GByteArray *file, void **out)
{
	size_t size = file->len + DTB_ROOM + (b->m->append ? strlen(b->m->append) : 0);
	void *fdt = g_malloc0(size);
	struct error *err;

	*out = fdt;
	if (fdt_check_full(file->data, file->len) != 0)
		return error_new("this is no (or a damaged) flattened device tree");
	err = fdt_error(fdt_open_into(file->data, fdt, (int)size));
	err = err ? err : set_memory(b, fdt);
	err = err ? err : set_chosen(b, fdt);
	if (!err && b->fix_dtb)
		err = b->fix_dtb(b, fdt);
	if (!err)
		err = fdt_error(fdt_pack(fdt));
	return err;
}

static struct error *add_tree(struct arm_boot *b)
{
	uint64_t at = ((uint64_t)b->initrd + b->initrd_size + 4095) & ~UINT64_C(4095);
	GByteArray *file;
	struct error *err = file_load(b->m->dtb, DTB_LIMIT, &file);
	void *fdt;

	if (err)
		return err;
	err = make_tree(b, file, &fdt);
	if (!err)
		err = loader_add(b->loader, at, (struct bytes){fdt, fdt_totalsize(fdt)}, 0);
	b->params = (uint32_t)at;
	g_free(fdt);
	g_byte_array_unref(file);
	return err;
}

struct error *arm_boot_add_params(struct arm_boot *b)
{
	if (b->m->dtb)
		return error_prefix(add_tree(b), "-dtb %s", b->m->dtb);
	return add_tags(b);
}
