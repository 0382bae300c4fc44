/* Making VMDK images: descriptor, sparse and flat extents. See vmdk.h. */
#include "storage/vmdk.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define GRAIN	     128u /* sectors */
#define GTES	     512u
#define DESC_SECTORS 20u
/* Sectors of an extent of the twoGb formats: 2 GiB less a little. */
#define SPLIT_SECTORS ((UINT64_C(2) << 20) * 2 - 2048 * 2)

const struct image_opt vmdk_options[] = {
	{"size", "Virtual disk size", OPT_SIZE, NULL},
	{"adapter_type",
	 "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or "
	 "legacyESX",
	 OPT_STRING, NULL},
	{"backing_file", "File name of a base image", OPT_STRING, NULL},
	{"backing_fmt", "Must be 'vmdk' if present", OPT_STRING, NULL},
	{"compat6", "VMDK version 6 image", OPT_BOOL, "off"},
	{"hwversion", "VMDK hardware version", OPT_STRING, "undefined"},
	{"subformat",
	 "VMDK flat extent format, can be one of {monolithicSparse (default) | "
	 "monolithicFlat | twoGbMaxExtentSparse | twoGbMaxExtentFlat} ",
	 OPT_STRING, NULL},
	{"toolsversion", "VMware guest tools version", OPT_STRING, NULL},
	{"zeroed_grain", "Enable efficient zero writes using the zeroed-grain GTE feature",
	 OPT_BOOL, "off"},
	{NULL, NULL, 0, NULL},
};

struct plan {
	uint64_t sectors;
	const char *subformat, *adapter, *hwversion, *backing, *tools;
	bool flat, split, zeroed_grain;
	uint32_t parent_cid;
};

/* Header, room for the descriptor, both directories with all their tables. */
static int write_sparse(struct image *file, uint64_t sectors, bool zeroed, bool descriptor)
{
	uint64_t grains = (sectors + GRAIN - 1) / GRAIN, tables = (grains + GTES - 1) / GTES;
	uint64_t table_sectors = GTES * 4 / 512, dir_sectors = (tables * 4 + 511) / 512;
	uint64_t rgd = 1 + DESC_SECTORS, gd = rgd + dir_sectors + tables * table_sectors;
	uint64_t data = (gd + dir_sectors + tables * table_sectors + GRAIN - 1) / GRAIN * GRAIN;
	uint8_t h[512] = {0};

	if (data > UINT32_MAX)
		return EFBIG;
	store_le32(h, VMDK4_MAGIC);
	store_le32(h + 4, zeroed ? 2 : 1);
	store_le32(h + V_FLAGS,
		   VMDK_FLAG_NEWLINE | VMDK_FLAG_RGD | (zeroed ? VMDK_FLAG_ZERO_GRAIN : 0));
	store_le64(h + V_CAPACITY, sectors);
	store_le64(h + V_GRAIN, GRAIN);
	store_le64(h + V_DESC_OFFSET, descriptor ? 1 : 0);
	store_le64(h + V_DESC_SIZE, descriptor ? DESC_SECTORS : 0);
	store_le32(h + V_GTES, GTES);
	store_le64(h + V_RGD, rgd);
	store_le64(h + V_GD, gd);
	store_le64(h + V_DATA, data);
	memcpy(h + V_CHECK, "\n \r\n", 4);
	int err = image_pwrite(file, 0, h, sizeof(h));
	uint32_t *dir = g_malloc0(dir_sectors * 512);
	const uint64_t at[2] = {rgd, gd};
	for (unsigned int d = 0; d < 2 && !err; d++) {
		for (uint64_t i = 0; i < tables; i++)
			store_le32(&dir[i], (uint32_t)(at[d] + dir_sectors + i * table_sectors));
		err = image_pwrite(file, at[d] * 512, dir, dir_sectors * 512);
	}
	g_free(dir);
	return err ? err : image_write_zeroes(file, data * 512 - 512, 512, 0);
}

static struct error *make_extent(const char *path, uint64_t sectors, const struct plan *p)
{
	struct image *file;
	struct error *err = image_create_file(path, p->flat ? sectors * 512 : 0, &file);

	if (err)
		return err;
	int e = p->flat ? 0 : write_sparse(file, sectors, p->zeroed_grain, !p->split);
	int closed = image_close(file);
	return e || closed ? error_errno(e ? e : closed, "Could not write '%s'", path) : NULL;
}

static char *descriptor_text(const struct plan *p, const char *extents)
{
	uint64_t cyls = p->sectors / (16 * 63);
	bool ide = !strcmp(p->adapter, "ide");
	char *parent = p->backing ? g_strdup_printf("parentFileNameHint=\"%s\"\n", p->backing)
				  : g_strdup("");
	char *text = g_strdup_printf(
		"# Disk "
		"DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\ncreateType=\"%s\"\n%s\n"
		"# Extent description\n%s\n# The Disk Data Base\n#DDB\n\n"
		"ddb.virtualHWVersion = \"%s\"\nddb.geometry.cylinders = \"%" G_GUINT64_FORMAT
		"\"\n"
		"ddb.geometry.heads = \"%u\"\nddb.geometry.sectors = \"63\"\n"
		"ddb.adapterType = \"%s\"\nddb.toolsVersion = \"%s\"\n",
		g_random_int() & 0xfffffffe, p->parent_cid, p->subformat, parent, extents,
		p->hwversion, MIN(cyls, ide ? 16383 : 65535), ide ? 16 : 255, p->adapter, p->tools);
	g_free(parent);
	return text;
}

/* "disk.vmdk" gives "disk-flat.vmdk", "disk-s001.vmdk", "disk-f001.vmdk". */
static char *extent_path(const char *filename, const char *suffix)
{
	const char *dot = strrchr(filename, '.'), *slash = strrchr(filename, '/');

	if (!dot || (slash && dot < slash))
		return g_strdup_printf("%s-%s", filename, suffix);
	return g_strdup_printf("%.*s-%s%s", (int)(dot - filename), filename, suffix, dot);
}

/* Extents in files of their own; their lines are appended to `lines`. */
static struct error *make_extents(const char *filename, const struct plan *p, GString *lines)
{
	uint64_t left = p->sectors;
	struct error *err = NULL;

	for (unsigned int i = 1; (left || i == 1) && !err; i++) {
		uint64_t n = p->split ? MIN(left, SPLIT_SECTORS) : left;
		char *suffix = p->split ? g_strdup_printf("%c%03u", p->flat ? 'f' : 's', i)
					: g_strdup("flat");
		char *path = extent_path(filename, suffix), *name = g_path_get_basename(path);
		err = make_extent(path, n, p);
		g_string_append_printf(lines, "RW %" G_GUINT64_FORMAT " %s \"%s\"%s\n", n,
				       p->flat ? "FLAT" : "SPARSE", name, p->flat ? " 0" : "");
		left -= n;
		g_free(name);
		g_free(path);
		g_free(suffix);
	}
	return err;
}

static struct error *write_described(struct image_create *c, const struct plan *p)
{
	GString *lines = g_string_new(NULL);
	struct image *file;
	struct error *err = make_extents(c->filename, p, lines);

	if (!err)
		err = image_create_file(c->filename, 0, &file);
	if (!err) {
		char *text = descriptor_text(p, lines->str);
		int e = image_pwrite(file, 0, text, strlen(text));
		int closed = image_close(file);
		g_free(text);
		if (e || closed)
			err = error_errno(e ? e : closed, "Could not write the descriptor");
	}
	g_string_free(lines, TRUE);
	return err;
}

static struct error *write_monolithic(struct image_create *c, const struct plan *p)
{
	char *name = g_path_get_basename(c->filename);
	char *line = g_strdup_printf("RW %" G_GUINT64_FORMAT " SPARSE \"%s\"\n", p->sectors, name);
	char *text = descriptor_text(p, line);
	struct image *file;
	struct error *err = NULL;

	if (strlen(text) > DESC_SECTORS * 512)
		err = error_new("the descriptor is too long");
	if (!err)
		err = make_extent(c->filename, p->sectors, p);
	if (!err)
		err = image_open_file(c->filename, IMAGE_RDWR, &file);
	if (!err) {
		int e = image_pwrite(file, 512, text, strlen(text));
		int closed = image_close(file);
		if (e || closed)
			err = error_errno(e ? e : closed, "Could not write the descriptor");
	}
	g_free(text);
	g_free(line);
	g_free(name);
	return err;
}

static struct error *find_parent(struct image_create *c, struct plan *p)
{
	struct image *img;
	uint32_t cid = 0;

	p->parent_cid = UINT32_MAX;
	if (!p->backing)
		return NULL;
	char *path = image_path_relative(c->filename, p->backing);
	struct error *err = image_open(path, image_create_str(c, "backing_fmt"),
				       IMAGE_NO_BACKING | IMAGE_NO_IO, &img);
	g_free(path);
	if (err)
		return err;
	if (strcmp(img->driver->name, "vmdk"))
		err = error_new("Invalid backing file format: %s. Must be vmdk", img->driver->name);
	else
		cid = ((struct vmdk *)img->state)->cid;
	image_close(img);
	p->parent_cid = cid;
	return err;
}

struct error *vmdk_create(struct image_create *c)
{
	static const char *const subformats[] = {"monolithicSparse", "monolithicFlat",
						 "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
						 NULL};
	static const char *const adapters[] = {"ide", "buslogic", "lsilogic", "legacyESX", NULL};
	struct plan p = {0};
	bool compat6;
	uint64_t size;
	struct error *err = image_create_size(c, "size", 0, &size);

	if (!err)
		err = image_create_bool(c, "compat6", false, &compat6);
	if (!err)
		err = image_create_bool(c, "zeroed_grain", false, &p.zeroed_grain);
	if (err)
		return err;
	p.sectors = size / 512;
	p.subformat = image_create_str(c, "subformat");
	p.adapter = image_create_str(c, "adapter_type");
	p.hwversion = image_create_str(c, "hwversion");
	p.backing = image_create_str(c, "backing_file");
	p.tools = image_create_str(c, "toolsversion");
	if (!p.subformat)
		p.subformat = subformats[0];
	if (!p.adapter)
		p.adapter = adapters[0];
	if (!p.tools)
		p.tools = "2147483647";
	if (p.hwversion && compat6 && strcmp(p.hwversion, "undefined"))
		return error_new("compat6 cannot be enabled with hwversion set");
	if (!p.hwversion || !strcmp(p.hwversion, "undefined"))
		p.hwversion = compat6 ? "6" : "4";
	if (!g_strv_contains(subformats, p.subformat))
		return error_new("Invalid subformat '%s'", p.subformat);
	if (!g_strv_contains(adapters, p.adapter))
		return error_new("Unknown adapter type: %s", p.adapter);
	p.flat = strstr(p.subformat, "Flat") != NULL;
	p.split = g_str_has_prefix(p.subformat, "twoGb");
	if (p.flat && p.backing)
		return error_new("Flat image can't have backing file");
	if (p.flat && p.zeroed_grain)
		return error_new("Flat image can't enable zeroed grain");
	err = find_parent(c, &p);
	if (err)
		return err;
	return p.flat || p.split ? write_described(c, &p) : write_monolithic(c, &p);
}
