/* VMDK: descriptors, extents, and which of them holds what. See vmdk.h. */
#include "storage/vmdk.h"

#include "base/bytes.h"
#include "storage/drivers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int vmdk_probe(const uint8_t *head, size_t len, const char *filename)
{
	if (len >= 4 && (load_le32(head) == VMDK4_MAGIC || load_le32(head) == VMDK3_MAGIC))
		return 100;
	/* a descriptor: comments and blank lines, then its version */
	for (size_t i = 0; i < len && head[i];) {
		const uint8_t *end = memchr(head + i, '\n', len - i);
		size_t n = end ? (size_t)(end - head) - i : len - i;
		if (n && head[i + n - 1] == '\r')
			n--;
		if (n >= 9 && !memcmp(head + i, "version=", 8) && head[i + 8] >= '1' &&
		    head[i + 8] <= '3')
			return 100;
		if (!(n == 0 || head[i] == '#' || head[i] == ' ') || !end)
			return 0;
		i = (size_t)(end - head) + 1;
	}
	return 0;
}

/* --- reading --- */

static struct vmdk_extent *extent_at(struct vmdk *v, uint64_t sector)
{
	for (unsigned int i = 0; i < v->count; i++)
		if (sector - v->extents[i].start < v->extents[i].sectors)
			return &v->extents[i];
	return NULL;
}

/* Cuts [offset, offset+len) to what one extent (and grain) holds. */
static size_t cut(const struct vmdk_extent *e, uint64_t offset, size_t len)
{
	uint64_t in = offset - e->start * 512;

	len = MIN(len, e->sectors * 512 - in);
	if (e->kind == VMDK_SPARSE)
		len = MIN(len, e->grain * 512ull - in % (e->grain * 512ull));
	return len;
}

static int vmdk_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	struct vmdk *v = img->state;
	uint8_t *b = buf;
	int err = 0;

	while (len && !err) {
		struct vmdk_extent *e = extent_at(v, offset / 512);
		if (!e)
			return EIO;
		size_t n = cut(e, offset, len);
		switch (e->kind) {
		case VMDK_FLAT:
			err = image_pread_padded(e->file, (e->offset - e->start) * 512 + offset, b,
						 n);
			break;
		case VMDK_ZERO: memset(b, 0, n); break;
		default: err = vmdk_read_grain(img, e, offset, b, n); break;
		}
		b += n;
		offset += n;
		len -= n;
	}
	return err;
}

/* --- writing --- */

/* The content ID changes with the first write, so that children notice. */
static int change_cid(struct image *img)
{
	struct vmdk *v = img->state;

	if (v->cid_written || !v->descriptor)
		return 0;
	v->cid_written = true;
	char *line = strstr(v->descriptor, "\nCID=");
	if (!line || strlen(line) < 13)
		return 0;
	char text[9];
	g_snprintf(text, sizeof(text), "%08x", g_random_int() & 0xfffffffe);
	memcpy(line + 5, text, 8);
	return image_pwrite(v->desc_file, v->desc_offset + (uint64_t)(line + 5 - v->descriptor),
			    text, 8);
}

static int vmdk_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct vmdk *v = img->state;
	const uint8_t *b = buf;
	int err = change_cid(img);

	while (len && !err) {
		struct vmdk_extent *e = extent_at(v, offset / 512);
		if (!e || e->readonly)
			return e ? EPERM : EIO;
		size_t n = cut(e, offset, len);
		switch (e->kind) {
		case VMDK_FLAT:
			err = image_pwrite(e->file, (e->offset - e->start) * 512 + offset, b, n);
			break;
		case VMDK_ZERO: err = EPERM; break;
		default: err = vmdk_write_grain(img, e, offset, b, n); break;
		}
		b += n;
		offset += n;
		len -= n;
	}
	return err;
}

static int vmdk_flush(struct image *img)
{
	struct vmdk *v = img->state;
	int err = 0;

	for (unsigned int i = 0; i < v->count && !err; i++)
		if (v->extents[i].own_file && !img->readonly)
			err = image_flush(v->extents[i].file);
	return err;
}

static int vmdk_map(struct image *img, uint64_t offset, uint64_t len, struct image_extent *x)
{
	struct vmdk *v = img->state;
	struct vmdk_extent *e = extent_at(v, offset / 512);

	if (!e)
		return EIO;
	*x = (struct image_extent){.allocated = true};
	x->length = MIN(len, (e->start + e->sectors) * 512 - offset);
	if (e->kind == VMDK_ZERO) {
		x->zero = true;
		return 0;
	}
	if (e->kind == VMDK_FLAT) {
		x->data = true;
		return 0;
	}
	uint64_t n;
	int err = vmdk_map_grains(e, offset - e->start * 512, x->length, x, &n);
	x->length = MIN(x->length, n);
	if (!x->allocated && !img->backing_file)
		x->zero = true;
	return err;
}

/* --- opening sparse extents --- */

static struct error *read_directory(struct vmdk_extent *e, uint64_t sector, uint32_t **out)
{
	uint64_t bytes = e->directory_size * 4ull;

	if (sector > IMAGE_MAX_SIZE / 512 || sector * 512 > e->file->size ||
	    bytes > e->file->size - sector * 512 + 65536)
		return error_new("the grain directory lies behind the end of the file");
	*out = g_malloc(MAX(bytes, 4));
	int err = image_pread_padded(e->file, sector * 512, *out, bytes);
	for (uint32_t i = 0; i < e->directory_size; i++)
		(*out)[i] = load_le32(&(*out)[i]);
	return err ? error_errno(err, "Could not read the grain directory") : NULL;
}

/* Bounds what the header says before anything is allocated. */
static struct error *check_sparse(struct vmdk_extent *e, uint64_t capacity)
{
	if (!e->gtes || e->gtes > 512 * 64)
		return error_new("L2 table size too big");
	if (!e->grain || e->grain > 0x200000 || (e->grain & (e->grain - 1)))
		return error_new("Invalid granularity, image may be corrupt");
	uint64_t span = (uint64_t)e->grain * e->gtes;
	if (capacity > IMAGE_MAX_SIZE / 512)
		return error_new("L1 size too big");
	uint64_t entries = (capacity + span - 1) / span;
	if (entries > VMDK_MAX_DIRECTORY / 4)
		return error_new("L1 size too big");
	e->directory_size = (uint32_t)entries;
	return NULL;
}

static struct error *open_vmdk3(struct vmdk_extent *e, const uint8_t *h, uint64_t *capacity)
{
	e->version = 3;
	e->gtes = 4096;
	e->grain = load_le32(h + 16);
	*capacity = load_le32(h + 12);
	uint32_t entries = load_le32(h + 24);
	struct error *err = check_sparse(e, *capacity);
	if (!err && entries > VMDK_MAX_DIRECTORY / 4)
		err = error_new("L1 size too big");
	if (err)
		return err;
	e->directory_size = MAX(e->directory_size, entries);
	return read_directory(e, load_le32(h + 20), &e->directory);
}

/* Stream-optimized files have the directory's place in a copy of the header at their end. */
static int read_footer(struct vmdk_extent *e, uint8_t *h)
{
	uint8_t f[1536];

	if (e->file->size < sizeof(f) ||
	    image_pread_padded(e->file, e->file->size - sizeof(f), f, sizeof(f)))
		return EIO;
	if (load_le32(f + 512) != VMDK4_MAGIC || load_le32(f + 12) != 3)
		return EINVAL;
	memcpy(h, f + 512, 512);
	return 0;
}

static struct error *open_vmdk4(struct vmdk_extent *e, uint8_t *h, uint64_t *capacity)
{
	if (load_le64(h + V_GD) == VMDK_GD_AT_END && read_footer(e, h))
		return error_new("Footer is invalid");
	uint32_t version = load_le32(h + 4), flags = load_le32(h + V_FLAGS);
	if (version > 3)
		return error_new("Unsupported VMDK version %u", version);
	if (version == 3 && !(flags & VMDK_FLAG_COMPRESSED) && !e->readonly)
		return error_new("VMDK version 3 must be read only");
	e->version = 4;
	e->gtes = load_le32(h + V_GTES);
	uint64_t grain = load_le64(h + V_GRAIN);
	e->grain = grain > UINT32_MAX ? 0 : (uint32_t)grain;
	e->compressed = load_le16(h + V_COMPRESSION) == 1;
	e->markers = flags & VMDK_FLAG_MARKERS;
	e->zero_grains = flags & VMDK_FLAG_ZERO_GRAIN;
	*capacity = load_le64(h + V_CAPACITY);
	struct error *err = check_sparse(e, *capacity);
	if (!err)
		err = read_directory(e, load_le64(h + V_GD), &e->directory);
	if (!err && (flags & VMDK_FLAG_RGD) && load_le64(h + V_RGD))
		err = read_directory(e, load_le64(h + V_RGD), &e->backup_directory);
	return err;
}

static struct error *open_sparse(struct vmdk_extent *e, uint64_t *capacity)
{
	uint8_t h[512];
	int err = image_pread_padded(e->file, 0, h, sizeof(h));

	if (err)
		return error_errno(err, "Could not read header from file '%s'", e->file->filename);
	e->kind = VMDK_SPARSE;
	e->unpacked_grain = UINT64_MAX;
	if (load_le32(h) == VMDK4_MAGIC)
		return open_vmdk4(e, h, capacity);
	if (load_le32(h) == VMDK3_MAGIC)
		return open_vmdk3(e, h, capacity);
	return error_new("Image not in VMDK format");
}

/* --- descriptor --- */

static struct error *read_descriptor(struct image *img, uint64_t offset, uint64_t size)
{
	struct vmdk *v = img->state;

	if (!size)
		return NULL;
	if (size > VMDK_MAX_DESCRIPTOR || offset > img->file->size)
		return error_new("the descriptor is too long");
	v->desc_offset = offset;
	v->desc_size = size;
	v->desc_file = img->file;
	v->descriptor = g_malloc0(size + 1);
	int err = image_pread_padded(img->file, offset, v->descriptor, size);
	return err ? error_errno(err, "Could not read the descriptor") : NULL;
}

/* The value of `key="value"` or key=value on a line of its own; NULL where there is none. */
static char *get_value(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, key, n) || line[n] != '=')
			continue;
		line += n + 1;
		bool quoted = *line == '"';
		line += quoted;
		return g_strndup(line, strcspn(line, quoted ? "\"\r\n" : "\r\n"));
	}
	return NULL;
}

static struct error *parent_of(struct image *img)
{
	struct vmdk *v = img->state;
	char *cid = get_value(v->descriptor, "CID"),
	     *parent = get_value(v->descriptor, "parentCID");

	v->cid = cid ? (uint32_t)strtoul(cid, NULL, 16) : 0;
	v->parent_cid = parent ? (uint32_t)strtoul(parent, NULL, 16) : UINT32_MAX;
	g_free(cid);
	g_free(parent);
	v->create_type = get_value(v->descriptor, "createType");
	if (v->parent_cid != UINT32_MAX) {
		img->backing_file = get_value(v->descriptor, "parentFileNameHint");
		if (img->backing_file && strlen(img->backing_file) > 1023)
			return error_new("the name of the parent is too long");
	}
	return NULL;
}

static struct vmdk_extent *add_extent(struct image *img, struct image *file, uint64_t sectors)
{
	struct vmdk *v = img->state;
	uint64_t start =
		v->count ? v->extents[v->count - 1].start + v->extents[v->count - 1].sectors : 0;

	v->extents = g_renew(struct vmdk_extent, v->extents, v->count + 1);
	struct vmdk_extent *e = &v->extents[v->count++];
	*e = (struct vmdk_extent){
		.file = file, .start = start, .sectors = sectors, .readonly = img->readonly};
	return e;
}

/* One line: RW 4192256 SPARSE "name" [offset] */
static struct error *parse_extent(struct image *img, const char *line)
{
	char access[8], type[16], name[512];
	long long sectors, offset = -1;
	int n = sscanf(line, "%7s %lld %15s \"%511[^\n\r\"]\" %lld", access, &sectors, type, name,
		       &offset);
	uint64_t capacity = 0;

	if (n < 3 || (strcmp(access, "RW") && strcmp(access, "RDONLY")))
		return NULL; /* no extent */
	if (sectors <= 0 || (uint64_t)sectors > IMAGE_MAX_SIZE / 1024)
		return error_new("Invalid extent line: %.60s", line);
	if (!strcmp(type, "ZERO")) {
		add_extent(img, NULL, (uint64_t)sectors)->kind = VMDK_ZERO;
		return NULL;
	}
	bool flat = !strcmp(type, "FLAT") || !strcmp(type, "VMFS");
	bool sparse = !strcmp(type, "SPARSE") || !strcmp(type, "VMFSSPARSE");
	if (n < 4 || (!flat && !sparse) || (!strcmp(type, "FLAT") && (n != 5 || offset < 0)))
		return error_new(flat || sparse ? "Invalid extent line: %.60s"
						: "Unsupported extent type in line: %.60s",
				 line);
	if (offset > INT64_MAX / 1024 || (!strcmp(type, "VMFS") && n == 5))
		return error_new("Invalid extent line: %.60s", line);
	char *path = image_path_relative(img->filename, name);
	struct image *file;
	struct error *err = image_open_file(path, img->flags, &file);
	if (err)
		err = error_prefix(err, "Could not open extent '%s'", path);
	g_free(path);
	if (err)
		return err;
	struct vmdk_extent *e = add_extent(img, file, (uint64_t)sectors);
	e->own_file = true;
	e->readonly |= !strcmp(access, "RDONLY");
	e->offset = offset > 0 ? (uint64_t)offset : 0;
	return flat ? NULL : open_sparse(e, &capacity);
}

static struct error *open_described(struct image *img)
{
	struct vmdk *v = img->state;
	struct error *err = read_descriptor(img, 0, MIN(img->file->size, VMDK_MAX_DESCRIPTOR));

	if (!err)
		err = parent_of(img);
	if (err)
		return err;
	static const char *const known[] = {"monolithicFlat",
					    "vmfs",
					    "vmfsSparse",
					    "twoGbMaxExtentSparse",
					    "twoGbMaxExtentFlat",
					    "monolithicSparse",
					    NULL};
	if (!v->create_type || !g_strv_contains(known, v->create_type))
		return error_new("Unsupported image type '%s'",
				 v->create_type ? v->create_type : "(none)");
	for (const char *line = v->descriptor; line && !err;) {
		err = parse_extent(img, line);
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return err;
}

/* A sparse extent that holds its own descriptor. */
static struct error *open_monolithic(struct image *img, const uint8_t *h)
{
	uint64_t capacity = 0;
	struct vmdk_extent *e = add_extent(img, img->file, 0);
	struct error *err = open_sparse(e, &capacity);

	if (err)
		return err;
	e->sectors = capacity;
	if (load_le32(h) != VMDK4_MAGIC) {
		/* COWD has the parent's name at its end of header: not used by any program now */
		return NULL;
	}
	uint64_t at = load_le64(h + V_DESC_OFFSET), size = load_le64(h + V_DESC_SIZE);
	if (at > IMAGE_MAX_SIZE / 512 || size > VMDK_MAX_DESCRIPTOR / 512)
		return error_new("Unsupported image: the descriptor is too long");
	err = read_descriptor(img, at * 512, at ? size * 512 : 0);
	struct vmdk *v = img->state;
	return err || !v->descriptor ? err : parent_of(img);
}

static void vmdk_close(struct image *img)
{
	struct vmdk *v = img->state;

	for (unsigned int i = 0; i < v->count; i++) {
		struct vmdk_extent *e = &v->extents[i];
		if (e->own_file)
			image_close(e->file);
		g_free(e->directory);
		g_free(e->backup_directory);
		g_free(e->table);
		g_free(e->unpacked);
	}
	g_free(v->extents);
	g_free(v->create_type);
	g_free(v->descriptor);
}

static struct error *vmdk_open(struct image *img)
{
	struct vmdk *v = img->state;
	uint8_t h[512];
	int e = image_pread_padded(img->file, 0, h, sizeof(h));
	struct error *err;

	if (e)
		return error_errno(e, "Could not read the header");
	bool sparse = load_le32(h) == VMDK4_MAGIC || load_le32(h) == VMDK3_MAGIC;
	if (!sparse && !vmdk_probe(h, sizeof(h), ""))
		return error_new("Invalid VMDK image descriptor");
	err = sparse ? open_monolithic(img, h) : open_described(img);
	if (!err && !v->count)
		err = error_new("the descriptor names no extent");
	if (err) {
		vmdk_close(img);
		return err;
	}
	for (unsigned int i = 0; i < v->count; i++) {
		img->size += v->extents[i].sectors * 512;
		if (v->extents[i].kind == VMDK_SPARSE)
			img->cluster_size = v->extents[i].grain * 512;
	}
	img->zero_init = true;
	return NULL;
}

static uint64_t vmdk_host_size(struct image *img)
{
	struct vmdk *v = img->state;
	uint64_t sum = image_host_size(img->file);

	for (unsigned int i = 0; i < v->count; i++)
		if (v->extents[i].own_file)
			sum += image_host_size(v->extents[i].file);
	return sum;
}

/* For people, and for programs. */
static void extent_facts(const struct vmdk *v, GArray *facts)
{
	GString *list = g_string_new(NULL), *json = g_string_new("[");

	for (unsigned int i = 0; i < v->count; i++) {
		const struct vmdk_extent *e = &v->extents[i];
		bool sparse = e->kind == VMDK_SPARSE;
		const char *kind = sparse ? "SPARSE" : e->kind == VMDK_ZERO ? "ZERO" : "FLAT";
		uint64_t size = e->sectors * SECTOR_SIZE;
		const char *name = e->file ? e->file->filename : "";
		char *quoted = json_quote(name);
		g_string_append_printf(list,
				       "\n        [%u]:\n"
				       "            virtual size: %" G_GUINT64_FORMAT "\n"
				       "            filename: %s\n            format: %s",
				       i, size, name, kind);
		g_string_append_printf(json,
				       "%s{\"virtual-size\": %" G_GUINT64_FORMAT
				       ", \"filename\": %s, \"format\": \"%s\"",
				       i ? ", " : "", size, quoted, kind);
		if (sparse) {
			g_string_append_printf(list, "\n            cluster size: %u",
					       e->grain * SECTOR_SIZE);
			g_string_append_printf(json, ", \"cluster-size\": %u",
					       e->grain * SECTOR_SIZE);
		}
		g_string_append_c(json, '}');
		g_free(quoted);
	}
	g_string_append_c(json, ']');
	image_fact_add(facts, "extents", NULL, "%s", list->str);
	image_fact_add(facts, "extents", "j", "%s", json->str);
	g_string_free(list, TRUE);
	g_string_free(json, TRUE);
}

static void vmdk_facts(struct image *img, GArray *facts)
{
	struct vmdk *v = img->state;

	image_fact_add(facts, "cid", "n", "%u", v->cid);
	image_fact_add(facts, "parent cid", "n", "%u", v->parent_cid);
	image_fact_add(facts, "create type", "s", "%s", v->create_type ? v->create_type : "");
	extent_facts(v, facts);
}

static struct error *vmdk_check(struct image *img, unsigned int fix, struct image_check *r)
{
	struct vmdk *v = img->state;
	struct error *err = NULL;

	for (unsigned int i = 0; i < v->count && !err; i++)
		if (v->extents[i].kind == VMDK_SPARSE)
			err = vmdk_check_extent(&v->extents[i], r);
	return err;
}

const struct image_driver vmdk_driver = {
	.name = "vmdk",
	.help = "disk images of VMware",
	.supports_backing = true,
	.state_size = sizeof(struct vmdk),
	.create_options = vmdk_options,
	.probe = vmdk_probe,
	.open = vmdk_open,
	.close = vmdk_close,
	.create = vmdk_create,
	.pread = vmdk_pread,
	.pwrite = vmdk_pwrite,
	.flush = vmdk_flush,
	.map = vmdk_map,
	.check = vmdk_check,
	.facts = vmdk_facts,
	.host_size = vmdk_host_size,
};
