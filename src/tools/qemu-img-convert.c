/* qemu-img convert and dd: sources, targets and options. qemu-img-copy.c moves the data. */
#include "tools/qemu-img-copy.h"
#include "tools/qemu-img.h"

#include "base/optstr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *operand(const struct img_args *a, unsigned int i)
{
	return i < a->operands->len ? g_ptr_array_index(a->operands, i) : NULL;
}

struct convert {
	struct img_args *args;
	struct image_copy copy;
};

/* --- setting up --- */

static struct error *open_sources(struct convert *c)
{
	struct img_args *a = c->args;
	unsigned int flags = 0;
	bool through;
	struct error *err = image_cache_flags(a->source_cache, &flags, &through);

	for (unsigned int i = 0; i + 1 < a->operands->len && !err; i++) {
		struct image *img;
		err = image_args_open_as(&a->image, operand(a, i), a->image.format, flags, &img);
		if (err)
			break;
		g_ptr_array_add(c->copy.sources, img);
		c->copy.size += img->size;
	}
	return err;
}

/* "-l": the disk as a snapshot has it. The source is opened privately, so applying it in memory
 * only would need a writable image: a temporary layer takes the change instead. */
static struct error *select_snapshot(struct convert *c)
{
	const char *id = c->args->snapshot;

	if (!id)
		return NULL;
	if (c->copy.sources->len != 1)
		return error_new("No support for concatenating multiple snapshot");
	if (g_str_has_prefix(id, "snapshot.id="))
		id += 12;
	else if (g_str_has_prefix(id, "snapshot.name="))
		id += 14;
	struct image *img = g_ptr_array_index(c->copy.sources, 0);
	if (!img->driver->snapshot_load)
		return error_new("Failed to load snapshot: not supported by '%s'",
				 img->driver->name);
	struct error *err = img->driver->snapshot_load(img, id);
	c->copy.size = img->size;
	return error_prefix(err, "Failed to load snapshot");
}

/* -B without -F, as the manual has it: the base image's own format, found now and not whenever
 * the target is opened. */
static struct error *find_base_format(struct image_create *create, const char *backing)
{
	char *path = image_path_relative(create->filename, backing);
	struct image *img;
	struct error *err = image_open_unnamed(path, NULL, IMAGE_NO_IO, &img);

	g_free(path);
	if (err)
		return error_append(err, "\nCould not open backing image.");
	image_create_set(create, "backing_fmt", img->driver->name);
	image_close(img);
	return NULL;
}

static struct error *create_target(struct convert *c, const char *name,
				   const struct image_driver *driver)
{
	struct img_args *a = c->args;
	struct image_create create;
	char size[24];

	image_create_init(&create, driver, name);
	g_snprintf(size, sizeof(size), "%" G_GUINT64_FORMAT, c->copy.size);
	struct error *err = img_creation_options(a, &create);
	if (!err && !image_create_str(&create, "size"))
		image_create_set(&create, "size", size);
	if (!err && a->has_backing && !driver->supports_backing)
		err = error_new("Backing file not supported for file format '%s'", driver->name);
	if (!err && a->has_backing)
		image_create_set(&create, "backing_file", a->backing);
	if (!err && a->backing_format)
		image_create_set(&create, "backing_fmt", a->backing_format);
	else if (!err && a->has_backing && *a->backing)
		err = find_base_format(&create, a->backing);
	c->copy.over_backing = image_create_str(&create, "backing_file") != NULL;
	if (!err && a->compress && (!driver->supports_compress || !driver->pwrite_compressed))
		err = error_new("Compression not supported for this file format");
	const char *prealloc = image_create_str(&create, "preallocation");
	if (!err && a->compress && prealloc && strcmp(prealloc, "off"))
		err = error_new("Compression and preallocation not supported at the same time");
	if (!err)
		err = image_create(&create);
	if (!err)
		c->copy.target_zero =
			!prealloc || !strcmp(prealloc, "off") || strcmp(driver->name, "raw");
	image_create_clear(&create);
	return error_prefix(err, "%s: error while converting %s", name, driver->name);
}

static bool is_source(struct convert *c, const char *name)
{
	char *target = realpath(name, NULL);
	bool same = false;

	for (unsigned int i = 0; target && i < c->copy.sources->len && !same; i++) {
		struct image *img = g_ptr_array_index(c->copy.sources, i);
		for (; img && !same; img = img->backing) {
			char *path = realpath(img->filename, NULL);
			same = path && !strcmp(path, target);
			free(path);
		}
	}
	free(target);
	return same;
}

static struct error *open_target(struct convert *c)
{
	struct img_args *a = c->args;
	const char *format = a->output_format ? a->output_format : "raw";
	const char *name = operand(a, a->operands->len - 1);
	const struct image_driver *driver = image_driver_find(format);
	/* Nobody relies on an output that is not finished. */
	unsigned int flags = IMAGE_RDWR | IMAGE_UNMAP | IMAGE_NO_BACKING;
	bool through;
	struct error *err = NULL;

	if (!driver)
		return error_new("Unknown file format '%s'", format);
	if (driver->protocol)
		driver = image_driver_find("raw");
	if (is_source(c, name))
		return error_new("Output '%s' is also an input", name);
	err = image_cache_flags(a->image.cache ? a->image.cache : "unsafe", &flags, &through);
	if (!err && !a->no_create) {
		if (!driver->create)
			return error_new("Format driver '%s' does not support image creation",
					 format);
		err = create_target(c, name, driver);
	}
	if (err)
		return err;
	struct image_args open_args = {.image_opts = a->target_image_opts};
	err = image_args_open_as(&open_args, name, driver->name, flags, &c->copy.target);
	if (err)
		return err;
	c->copy.target_zero =
		a->no_create ? a->target_is_zero : c->copy.target_zero && c->copy.target->zero_init;
	if (a->compress && !c->copy.target->driver->pwrite_compressed)
		return error_new("Compression not supported for this file format");
	if (c->copy.target->size < c->copy.size)
		return error_new("output file is smaller than input file");
	return NULL;
}

static void close_sources(struct convert *c)
{
	for (unsigned int i = 0; i < c->copy.sources->len; i++)
		image_close(g_ptr_array_index(c->copy.sources, i));
	g_ptr_array_free(c->copy.sources, TRUE);
}

int img_convert(struct img_args *a)
{
	struct convert c = {.args = a,
			    .copy = {.sources = g_ptr_array_new(),
				     .sparse = 4096,
				     .salvage = a->salvage,
				     .compress = a->compress}};
	const char *name = operand(a, a->operands->len - 1);
	bool existed = !access(name, F_OK);
	struct error *err = NULL;

	if (a->options_help) {
		const struct image_driver *d =
			image_driver_find(a->output_format ? a->output_format : "raw");
		if (!d)
			return tool_fail_text("Unknown file format '%s'", a->output_format);
		img_options_help(d, NULL);
		return 0;
	}
	if (a->sparse) {
		err = img_size(a->sparse, &c.copy.sparse);
		if (!err && (c.copy.sparse & 511))
			err = error_new("Invalid buffer size for sparse output specified. Valid "
					"sizes are multiples of 512 up to 2 MiB");
	}
	if (!err)
		err = open_sources(&c);
	if (!err)
		err = select_snapshot(&c);
	if (!err)
		err = open_target(&c);
	int status = 0, e = 0;
	if (!err) {
		progress_start(&c.copy.progress, a->progress && !a->quiet);
		e = image_copy_run(&c.copy);
		if (e)
			err = error_errno(e, "error while converting to '%s'", name);
		else
			progress_end(&c.copy.progress);
	}
	if (c.copy.target)
		status = img_close(c.copy.target, err != NULL);
	close_sources(&c);
	/* A half-written file of ours is of no use to anybody. */
	if (err && c.copy.target && !existed && !a->no_create)
		unlink(name);
	return err ? tool_fail(err) : status;
}

/* --- dd --- */

struct dd {
	char *input, *output;
	uint64_t block, count, skip;
	bool has_count;
};

static struct error *dd_word(struct dd *d, const char *word)
{
	const char *value = strchr(word, '=');
	size_t n = value ? (size_t)(value - word) : 0;
	struct error *err = NULL;

	if (!value)
		return error_new("unrecognized operand %s", word);
	value++;
	if (n == 2 && !memcmp(word, "if", n)) {
		d->input = g_strdup(value);
	} else if (n == 2 && !memcmp(word, "of", n)) {
		d->output = g_strdup(value);
	} else if (n == 2 && !memcmp(word, "bs", n)) {
		err = parse_size(value, 1, &d->block);
		if (!err && (!d->block || d->block > INT32_MAX))
			err = error_new("bs must be between 1 and 2147483647");
	} else if (n == 5 && !memcmp(word, "count", n)) {
		err = parse_size(value, 1, &d->count);
		d->has_count = true;
	} else if (n == 4 && !memcmp(word, "skip", n)) {
		err = parse_size(value, 1, &d->skip);
	} else {
		err = error_new("unrecognized operand %s", word);
	}
	return err ? error_prefix(err, "invalid number: '%s'", word) : NULL;
}

static struct error *dd_copy(struct dd *d, struct image *in, struct image *out, uint64_t from,
			     uint64_t size)
{
	size_t chunk = MIN(MAX(d->block, 65536), 16u << 20);
	uint8_t *buf = g_malloc(chunk);
	int err = 0;

	for (uint64_t at = 0; at < size && !err; at += chunk) {
		size_t n = MIN(chunk, size - at);
		err = image_pread(in, from + at, buf, n);
		if (!err)
			err = image_pwrite(out, at, buf, n);
	}
	g_free(buf);
	return err ? error_errno(err, "error while writing to output image file") : NULL;
}

int img_dd(struct img_args *a)
{
	const char *format = a->output_format ? a->output_format : "raw";
	const struct image_driver *driver = image_driver_find(format);
	struct dd d = {.block = 512};
	struct image *in, *out;
	struct image_create c;
	char text[24];
	struct error *err = NULL;

	for (unsigned int i = 0; i < a->operands->len && !err; i++)
		err = dd_word(&d, operand(a, i));
	if (!err && (!d.input || !d.output))
		err = error_new("Must specify both input and output file names");
	if (!err && !driver)
		err = error_new("Unknown file format '%s'", format);
	if (!err && !driver->create)
		err = error_new("Format driver '%s' does not support image creation", format);
	if (!err)
		err = image_args_open_as(&a->image, d.input, a->image.format, 0, &in);
	if (err)
		return tool_fail(err);
	uint64_t from = d.skip > in->size / d.block ? in->size : d.skip * d.block;
	uint64_t size = in->size - from;
	if (d.has_count && d.count < size / d.block + 1)
		size = MIN(size, d.count * d.block);
	if (from >= in->size && d.skip)
		warn_report("%s: cannot skip to specified offset", d.input);
	image_create_init(&c, driver, d.output);
	g_snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, size);
	image_create_set(&c, "size", text);
	err = image_create(&c);
	image_create_clear(&c);
	const struct image_args plain = {0};
	if (!err)
		err = image_args_open_as(&plain, d.output, driver->name, IMAGE_RDWR, &out);
	if (err) {
		img_close(in, 1);
		return tool_fail(err);
	}
	err = dd_copy(&d, in, out, from, size);
	int status = img_close(out, err != NULL);
	img_close(in, 1);
	return err ? tool_fail(err) : status;
}
