/* Opening, closing and the checked data paths of storage/image.h. */
#include "storage/drivers.h"
#include "storage/image-options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longest backing chain; a loop of hard links under other names ends here at the latest. */
#define MAX_CHAIN 256

/* --- names --- */

bool image_path_has_protocol(const char *filename)
{
	size_t n = strcspn(filename, ":/");
	return filename[n] == ':';
}

char *image_path_relative(const char *from, const char *name)
{
	if (g_path_is_absolute(name) || image_path_has_protocol(name))
		return g_strdup(name);
	if (g_str_has_prefix(from, "file:"))
		from += 5;
	const char *slash = strrchr(from, '/');
	if (!slash)
		return g_strdup(name);
	return g_strdup_printf("%.*s%s", (int)(slash + 1 - from), from, name);
}

/* --- nodes --- */

static struct image *node_new(const struct image_driver *driver, const char *filename,
			      unsigned int flags)
{
	struct image *img = g_new0(struct image, 1);

	img->driver = driver;
	img->state = driver->state_size ? g_malloc0(driver->state_size) : NULL;
	img->filename = g_strdup(filename);
	img->flags = flags;
	img->readonly = !(flags & IMAGE_RDWR);
	return img;
}

/* Frees a node whose driver is closed, with everything below it. */
static int node_free(struct image *img)
{
	int err = 0;

	if (img->backing)
		image_close(img->backing);
	if (img->file)
		err = image_close(img->file);
	g_free(img->backing_file);
	g_free(img->backing_format);
	g_free(img->key_secret);
	g_free(img->filename);
	g_free(img->state);
	g_free(img);
	return err;
}

int image_close(struct image *img)
{
	if (!img)
		return 0;
	int err = img->readonly ? 0 : image_flush(img);
	if (img->driver->close)
		img->driver->close(img);
	int below = node_free(img);
	return err ? err : below;
}

/* --- opening --- */

struct error *image_open_file(const char *filename, unsigned int flags, struct image **out)
{
	const struct image_driver *driver = image_driver_protocol(filename);

	*out = NULL;
	if (!driver)
		return error_new("Unknown protocol '%.*s'", (int)strcspn(filename, ":"), filename);
	bool stripped = driver == &file_driver && g_str_has_prefix(filename, "file:");
	if (stripped)
		filename += 5;
	struct image *img = node_new(driver, filename, flags);
	/* What follows "file:" is a path, whatever it looks like. */
	if (stripped && image_path_has_protocol(filename)) {
		g_free(img->filename);
		img->filename = g_strconcat("./", filename, NULL);
	}
	struct error *err = driver->open(img);
	if (err && (flags & IMAGE_AUTO_RDONLY) && (flags & IMAGE_RDWR) &&
	    (err->code == EACCES || err->code == EROFS || err->code == EPERM)) {
		error_free(err);
		node_free(img);
		return image_open_file(filename, flags & ~(unsigned int)IMAGE_RDWR, out);
	}
	if (err) {
		node_free(img);
		return err;
	}
	*out = img;
	return NULL;
}

struct error *image_node_over(const struct image_driver *driver, struct image *file,
			      const char *filename, unsigned int flags, struct image **out)
{
	struct image *img = node_new(driver, filename, flags);
	struct error *err;

	*out = NULL;
	img->file = file;
	err = driver->open(img);
	if (err)
		node_free(img);
	else
		*out = img;
	return err;
}

static struct error *chain_open(const char *filename, const char *format, unsigned int flags,
				GPtrArray *seen, struct image **out);

/* Opens the backing image that the header names. `seen` holds the files above it. */
static struct error *backing_open(struct image *img, GPtrArray *seen)
{
	unsigned int flags = (img->flags & ~(unsigned int)(IMAGE_RDWR | IMAGE_PROBED)) |
			     (img->backing_format ? 0 : IMAGE_PROBED);
	if (img->backing_format && !image_driver_find(img->backing_format))
		return error_new("Could not open backing file: Unknown driver '%s'",
				 img->backing_format);
	char *path = image_path_relative(img->filename, img->backing_file);
	struct error *err = chain_open(path, img->backing_format, flags, seen, &img->backing);

	g_free(path);
	return error_prefix(err, "Could not open backing file");
}

static struct error *open_on(struct image *file, const char *format, unsigned int flags,
			     GPtrArray *seen, struct image **out)
{
	const struct image_driver *driver =
		format ? image_driver_find(format) : image_driver_probe(file);
	struct error *err;

	*out = NULL;
	if (!driver || driver->protocol) {
		image_close(file);
		return error_new("Unknown driver '%s'", format);
	}
	if (file->readonly)
		flags &= ~(unsigned int)IMAGE_RDWR;
	struct image *img = node_new(driver, file->filename, flags);
	img->file = file;
	img->probed = !format;
	err = driver->open(img);
	if (err) {
		node_free(img);
		return err;
	}
	if (img->backing_file && !(flags & IMAGE_NO_BACKING))
		err = backing_open(img, seen);
	if (err) {
		image_close(img);
		return err;
	}
	*out = img;
	return NULL;
}

struct error *image_open_on(struct image *file, const char *format, unsigned int flags,
			    struct image **out)
{
	GPtrArray *seen = g_ptr_array_new_with_free_func(g_free);
	struct error *err = open_on(file, format, flags, seen, out);

	g_ptr_array_free(seen, TRUE);
	return err;
}

/* Notes the file in `seen`; false where it is there already. */
static bool chain_note(GPtrArray *seen, const char *filename)
{
	char *real = image_path_has_protocol(filename) ? NULL : realpath(filename, NULL);
	char *key = g_strdup(real ? real : filename);

	free(real);
	for (unsigned int i = 0; i < seen->len; i++) {
		if (!strcmp(g_ptr_array_index(seen, i), key)) {
			g_free(key);
			return false;
		}
	}
	g_ptr_array_add(seen, key);
	return true;
}

static struct error *json_open(const char *filename, const char *format, unsigned int flags,
			       struct image **out)
{
	struct image_options *o = image_options_new();
	struct error *err;

	image_options_set(o, "filename", filename);
	if (format)
		image_options_set(o, "driver", format);
	err = image_options_open(o, flags, out);
	image_options_free(o);
	return err;
}

static struct error *chain_open(const char *filename, const char *format, unsigned int flags,
				GPtrArray *seen, struct image **out)
{
	struct image *file;
	struct error *err;

	*out = NULL;
	if (seen->len >= MAX_CHAIN)
		return error_new("Backing chain is longer than %d images", MAX_CHAIN);
	if (image_options_is_json(filename))
		return json_open(filename, format, flags, out);
	if (!chain_note(seen, filename))
		return error_new("Backing file chain loops back to '%s'", filename);
	err = image_open_file(filename, flags, &file);
	if (!err)
		err = open_on(file, format, flags, seen, out);
	return err;
}

struct error *image_open_unnamed(const char *filename, const char *format, unsigned int flags,
				 struct image **out)
{
	GPtrArray *seen = g_ptr_array_new_with_free_func(g_free);
	struct error *err = chain_open(filename, format, flags, seen, out);

	g_ptr_array_free(seen, TRUE);
	return err;
}

struct error *image_open(const char *filename, const char *format, unsigned int flags,
			 struct image **out)
{
	return error_prefix(image_open_unnamed(filename, format, flags, out), "Could not open '%s'",
			    filename);
}

struct error *image_open_backing(struct image *img)
{
	GPtrArray *seen;
	struct error *err;

	if (img->backing || !img->backing_file)
		return NULL;
	seen = g_ptr_array_new_with_free_func(g_free);
	chain_note(seen, img->filename);
	err = backing_open(img, seen);
	g_ptr_array_free(seen, TRUE);
	return err;
}

/* --- data --- */

static bool in_range(const struct image *img, uint64_t offset, uint64_t len)
{
	return offset <= img->size && len <= img->size - offset;
}

int image_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	if (!in_range(img, offset, len))
		return EIO;
	if (img->key_missing)
		return EACCES;
	return len ? img->driver->pread(img, offset, buf, len) : 0;
}

int image_pread_padded(struct image *img, uint64_t offset, void *buf, size_t len)
{
	size_t n = offset < img->size ? MIN(len, img->size - offset) : 0;

	if (len > n)
		memset((uint8_t *)buf + n, 0, len - n);
	return image_pread(img, n ? offset : 0, buf, n);
}

int image_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	if (img->readonly || !img->driver->pwrite)
		return EPERM;
	if (img->key_missing)
		return EACCES;
	if (offset > IMAGE_MAX_SIZE || len > IMAGE_MAX_SIZE - offset)
		return EFBIG;
	if (!img->driver->growable && !in_range(img, offset, len))
		return EIO;
	return len ? img->driver->pwrite(img, offset, buf, len) : 0;
}

void image_event(struct image *img, const char *event)
{
	if (img->driver->event)
		img->driver->event(img, event);
}

int image_flush(struct image *img)
{
	int err = img->driver->flush ? img->driver->flush(img) : 0;

	if (!err && img->file && !img->readonly)
		err = image_flush(img->file);
	return err;
}

int image_discard(struct image *img, uint64_t offset, uint64_t len)
{
	if (img->readonly)
		return EPERM;
	if (!in_range(img, offset, len))
		return EIO;
	return len && img->driver->discard ? img->driver->discard(img, offset, len) : 0;
}

static int write_zero_buffers(struct image *img, uint64_t offset, uint64_t len)
{
	size_t chunk = MIN(len, 1 << 20);
	void *zeroes = g_malloc0(chunk);
	int err = 0;

	while (len && !err) {
		size_t n = MIN(len, chunk);
		err = image_pwrite(img, offset, zeroes, n);
		offset += n;
		len -= n;
	}
	g_free(zeroes);
	return err;
}

int image_write_zeroes(struct image *img, uint64_t offset, uint64_t len, unsigned int flags)
{
	if (img->readonly)
		return EPERM;
	if (!img->driver->growable && !in_range(img, offset, len))
		return EIO;
	if (!len)
		return 0;
	int err = img->driver->write_zeroes ? img->driver->write_zeroes(img, offset, len, flags)
					    : ENOTSUP;
	return err == ENOTSUP ? write_zero_buffers(img, offset, len) : err;
}

int image_map(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e)
{
	*e = (struct image_extent){.length = len, .data = true, .allocated = true};
	if (!len || !in_range(img, offset, len))
		return EIO;
	return img->driver->map ? img->driver->map(img, offset, len, e) : 0;
}

int image_map_chain(struct image *img, struct image *base, uint64_t offset, uint64_t len,
		    struct image_extent *e, unsigned int *depth, struct image **node)
{
	struct image *layer = img;
	unsigned int d = 0;

	for (; layer && layer != base; layer = layer->backing, d++) {
		if (offset >= layer->size) {
			*e = (struct image_extent){.length = len, .zero = true, .allocated = d > 0};
			break;
		}
		uint64_t here = MIN(len, layer->size - offset);
		int err = image_map(layer, offset, here, e);
		if (err)
			return err;
		len = e->length;
		if (e->allocated || !layer->backing || layer->backing == base)
			break;
	}
	*depth = d;
	if (node)
		*node = layer;
	return 0;
}

int image_read_backing(struct image *img, uint64_t offset, void *buf, size_t len)
{
	struct image *backing = img->backing;
	size_t n = 0;

	if (backing && offset < backing->size)
		n = MIN(len, backing->size - offset);
	memset((uint8_t *)buf + n, 0, len - n);
	return n ? image_pread(backing, offset, buf, n) : 0;
}

struct error *image_truncate(struct image *img, uint64_t size, const char *preallocation)
{
	if (img->readonly)
		return error_new("Image is read-only");
	if (!img->driver->truncate)
		return error_errno(ENOTSUP, "Image format driver '%s' does not support resize",
				   img->driver->name);
	if (size > IMAGE_MAX_SIZE)
		return error_errno(EFBIG, "Required too big image size");
	return img->driver->truncate(img, size, preallocation);
}

uint64_t image_host_size(struct image *img)
{
	if (img->driver->host_size)
		return img->driver->host_size(img);
	return img->file ? image_host_size(img->file) : UINT64_MAX;
}

bool buffer_is_zero(const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t head = MIN(len, 16);

	for (size_t i = 0; i < head; i++)
		if (p[i])
			return false;
	return len <= 16 || !memcmp(p, p + 16, len - 16);
}

/* --- snapshots and facts --- */

void image_snapshot_free(void *snapshot)
{
	struct image_snapshot *sn = snapshot;

	g_free(sn->id);
	g_free(sn->name);
	g_free(sn);
}

int image_snapshot_find(GPtrArray *list, const char *id_or_name)
{
	for (unsigned int i = 0; i < list->len; i++) {
		struct image_snapshot *sn = g_ptr_array_index(list, i);
		if (!strcmp(sn->id, id_or_name))
			return (int)i;
	}
	for (unsigned int i = 0; i < list->len; i++) {
		struct image_snapshot *sn = g_ptr_array_index(list, i);
		if (!strcmp(sn->name, id_or_name))
			return (int)i;
	}
	return -1;
}

char *json_quote(const char *text)
{
	GString *s = g_string_new("\"");

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_printf(s, "\\%c", *p);
		else if (*p < 0x20)
			g_string_append_printf(s, "\\u%04x", *p);
		else
			g_string_append_c(s, (char)*p);
	}
	g_string_append_c(s, '"');
	return g_string_free(s, FALSE);
}

void image_fact_add(GArray *facts, const char *name, const char *json, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	struct image_fact fact = {name, json, g_strdup_vprintf(format, args)};
	va_end(args);
	g_array_append_val(facts, fact);
}
