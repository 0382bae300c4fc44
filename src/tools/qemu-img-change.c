/* qemu-img create, resize, amend, snapshot, commit, rebase. */
#include "tools/qemu-img.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static const char *operand(const struct img_args *a, unsigned int i)
{
	return i < a->operands->len ? g_ptr_array_index(a->operands, i) : NULL;
}

/* --- create --- */

/* The size of the new image: given, or the backing image's. */
static struct error *find_size(const struct img_args *a, struct image_create *c)
{
	const char *text = operand(a, 1), *backing = image_create_str(c, "backing_file");
	struct image *img;
	char number[24];
	uint64_t size;
	struct error *err;

	if (text) {
		err = img_size(text, &size);
		if (err)
			return err;
		g_snprintf(number, sizeof(number), "%" G_GUINT64_FORMAT, size);
		image_create_set(c, "size", number);
	}
	if (!backing || (a->unsafe && image_create_str(c, "size")))
		return backing || image_create_str(c, "size")
			       ? NULL
			       : error_new("Image creation needs a size parameter");
	if (a->unsafe)
		return error_new("Image creation needs a size parameter");
	char *path = image_path_relative(c->filename, backing);
	err = image_open_unnamed(path, image_create_str(c, "backing_fmt"), IMAGE_NO_IO, &img);
	g_free(path);
	if (err)
		return error_append(err, "\nCould not open backing image.");
	if (!image_create_str(c, "size")) {
		g_snprintf(number, sizeof(number), "%" G_GUINT64_FORMAT, img->size);
		image_create_set(c, "size", number);
	}
	if (!image_create_str(c, "backing_fmt"))
		image_create_set(c, "backing_fmt", img->driver->name);
	image_close(img);
	return NULL;
}

static bool same_file(const char *a, const char *b)
{
	char *x = realpath(a, NULL), *y = realpath(b, NULL);
	bool same = x && y && !strcmp(x, y);

	free(x);
	free(y);
	return same;
}

static struct error *backing_options(const struct img_args *a, struct image_create *c)
{
	if (a->has_backing) {
		if (!c->driver->supports_backing)
			return error_new("Backing file not supported for file format '%s'",
					 c->driver->name);
		image_create_set(c, "backing_file", a->backing);
	}
	if (a->backing_format) {
		if (!c->driver->supports_backing)
			return error_new("Backing format not supported for file format '%s'",
					 c->driver->name);
		if (!image_driver_find(a->backing_format))
			return error_new("Unknown backing file format '%s'", a->backing_format);
		image_create_set(c, "backing_fmt", a->backing_format);
	}
	const char *backing = image_create_str(c, "backing_file");
	if (backing && !*backing) {
		g_hash_table_remove(c->values, "backing_file");
		backing = NULL;
	}
	if (backing) {
		char *path = image_path_relative(c->filename, backing);
		bool same = same_file(path, c->filename);
		g_free(path);
		if (same)
			return error_new("Error: Trying to create an image with the same filename "
					 "as the backing file");
	}
	return NULL;
}

/* "Formatting 'x', fmt=qcow2 size=1024 ..." */
static void say_formatting(const struct img_args *a, const struct image_create *c)
{
	if (a->quiet)
		return;
	printf("Formatting '%s', fmt=%s", c->filename, c->driver->name);
	for (const struct image_opt *o = c->driver->create_options; o && o->name; o++) {
		const char *value = image_create_str(c, o->name);
		if (!value)
			value = o->def;
		if (value && strcmp(o->name, "compat"))
			printf(" %s=%s", o->name, value);
	}
	printf("\n");
	fflush(stdout); /* errors come after it */
}

static struct error *create(const struct img_args *a, struct image_create *c)
{
	struct error *err = img_creation_options(a, c);

	if (!err)
		err = backing_options(a, c);
	if (!err)
		err = find_size(a, c);
	if (err)
		return error_prefix(err, "%s", c->filename);
	say_formatting(a, c);
	return error_prefix(image_create(c), "%s", c->filename);
}

int img_create(struct img_args *a)
{
	const char *format = a->image.format ? a->image.format : "raw", *name = operand(a, 0);
	const struct image_driver *driver = image_driver_find(format);
	struct image_create c;

	if (!driver)
		return tool_fail_text("%s: Unknown file format '%s'", name ? name : "", format);
	if (driver->protocol)
		driver = image_driver_find("raw");
	if (!driver->create)
		return tool_fail_text("%s: Format driver '%s' does not support image creation",
				      name ? name : "", format);
	if (a->options_help) {
		img_options_help(driver, NULL);
		return 0;
	}
	image_create_init(&c, driver, name);
	struct error *err = create(a, &c);
	image_create_clear(&c);
	return err ? tool_fail(err) : 0;
}

/* --- resize --- */

int img_resize(struct img_args *a)
{
	const char *name = operand(a, 0), *text = operand(a, 1);
	int sign = *text == '+' ? 1 : *text == '-' ? -1 : 0;
	struct image *img;
	uint64_t size;
	struct error *err = img_size(text + (sign != 0), &size);

	if (err)
		return tool_fail(err);
	err = image_args_open_as(&a->image, name, a->image.format,
				 IMAGE_RDWR | IMAGE_UNMAP | IMAGE_NO_IO, &img);
	if (err)
		return tool_fail(err);
	if (sign < 0 && size > img->size) {
		img_close(img, 1);
		return tool_fail_text("New image size must be positive");
	}
	size = sign > 0 ? img->size + size : sign < 0 ? img->size - size : size;
	size = (size + SECTOR_SIZE - 1) & ~(uint64_t)(SECTOR_SIZE - 1);
	if (!size) {
		img_close(img, 1);
		return tool_fail_text("New image size must be positive");
	}
	if (size < img->size && !a->shrink) {
		img_close(img, 1);
		error_report(error_new("Use the --shrink option to perform a shrink operation."));
		warn_report("Shrinking an image will delete all data beyond the shrunken image's "
			    "end. Before performing such an operation, make sure there is no "
			    "important data there.");
		return EXIT_FAILURE;
	}
	err = image_truncate(img, size, a->preallocation);
	if (err) {
		img_close(img, 1);
		return tool_fail(err);
	}
	int status = img_close(img, 0);
	if (!status)
		img_say(a, "Image resized.\n");
	return status;
}

/* --- amend --- */

int img_amend(struct img_args *a)
{
	struct image *img;
	struct image_create c;
	struct error *err;

	if (!a->options->len)
		return tool_fail_text("Must specify options (-o)");
	err = image_args_open_as(&a->image, operand(a, 0), a->image.format,
				 IMAGE_RDWR | IMAGE_NO_IO, &img);
	if (err)
		return tool_fail(err);
	if (a->options_help) {
		img_options_help(img->driver, NULL);
		return img_close(img, 0);
	}
	if (!img->driver->amend) {
		const char *name = img->driver->name;
		img_close(img, 1);
		return tool_fail_text("Format driver '%s' does not support option amendment", name);
	}
	image_create_init(&c, img->driver, operand(a, 0));
	err = img_creation_options(a, &c);
	if (!err)
		err = img->driver->amend(img, &c);
	image_create_clear(&c);
	int status = img_close(img, err != NULL);
	return err ? tool_fail(err) : status;
}

/* --- snapshot --- */

static struct error *snapshot_create(struct image *img, const char *name)
{
	struct timeval now;
	struct image_snapshot sn = {.name = (char *)(uintptr_t)name, .icount = UINT64_MAX};

	gettimeofday(&now, NULL);
	sn.date_sec = now.tv_sec;
	sn.date_nsec = (uint32_t)now.tv_usec * 1000;
	return img->driver->snapshot_create(img, &sn);
}

static struct error *snapshot_goto(struct image *img, const char *name)
{
	struct error *err = img->driver->snapshot_goto(img, name);

	if (!err || g_str_has_prefix(err->message, "Could not"))
		return err;
	int code = err->code; /* what is wrong with the snapshot gets a line of its own */
	error_report(err);
	return error_errno(code, "Could not apply snapshot '%s': Failed to load snapshot", name);
}

static struct error *snapshot_work(struct img_args *a, struct image *img)
{
	if (!img->driver->snapshot_list)
		return error_errno(ENOTSUP, "Could not %s snapshot%s%s%s",
				   a->snapshot_op == 'c'   ? "create"
				   : a->snapshot_op == 'd' ? "delete"
				   : a->snapshot_op == 'a' ? "apply"
							   : "list",
				   a->snapshot ? " '" : "s", a->snapshot ? a->snapshot : "",
				   a->snapshot ? "'" : "");
	switch (a->snapshot_op) {
	case 'c': return snapshot_create(img, a->snapshot);
	case 'a': return snapshot_goto(img, a->snapshot);
	case 'd': return img->driver->snapshot_delete(img, a->snapshot);
	default: break;
	}
	GPtrArray *list = g_ptr_array_new_with_free_func(image_snapshot_free);
	struct error *err = img->driver->snapshot_list(img, list);
	if (!err && list->len) {
		printf("Snapshot list:\n");
		img_print_snapshots(list);
	}
	g_ptr_array_free(list, TRUE);
	return err;
}

int img_snapshot(struct img_args *a)
{
	struct image *img;

	if (!a->snapshot_op)
		a->snapshot_op = 'l';
	bool write = a->snapshot_op != 'l';
	struct error *err =
		image_args_open_as(&a->image, operand(a, 0), a->image.format,
				   (write ? IMAGE_RDWR : 0) | IMAGE_UNMAP | IMAGE_NO_IO, &img);
	if (err)
		return tool_fail(err);
	/* A snapshot that is not there is no error of list, and is one of the others. */
	err = snapshot_work(a, img);
	int status = img_close(img, err != NULL);
	return err ? tool_fail(err) : status;
}

/* --- commit --- */

/* Copies what the layers above `base` hold into it. */
static int copy_down(struct image *img, struct image *base, struct progress *p)
{
	const size_t chunk = 1 << 20;
	uint8_t *buf = g_malloc(chunk);
	uint64_t at = 0, end = MIN(img->size, base->size);
	int err = 0;

	while (at < end && !err) {
		struct image_extent e;
		unsigned int depth;
		err = image_map_chain(img, base, at, MIN(chunk, end - at), &e, &depth, NULL);
		if (err)
			break;
		if (e.allocated && e.zero) {
			err = image_write_zeroes(base, at, e.length, 0);
		} else if (e.allocated) {
			err = image_pread(img, at, buf, e.length);
			if (!err)
				err = image_pwrite(base, at, buf, e.length);
		}
		at += e.length;
		progress_show(p, at, end);
	}
	g_free(buf);
	return err ? err : image_flush(base);
}

/* The image of the chain that -b names, else the first below. */
static struct image *find_base(struct image *img, const char *name)
{
	if (!name)
		return img->backing;
	for (struct image *b = img->backing; b; b = b->backing) {
		if (!strcmp(b->filename, name) || same_file(b->filename, name))
			return b;
		if (img->backing_file && !strcmp(img->backing_file, name) && b == img->backing)
			return b;
	}
	return NULL;
}

/* Opens `base` of the chain again, for writing. */
static struct error *reopen_writable(struct image *above, unsigned int flags)
{
	struct image *old = above->backing, *new;
	char *name = g_strdup(old->filename), *format = g_strdup(old->driver->name);

	image_close(old);
	above->backing = NULL;
	struct error *err = image_open(name, format, flags | IMAGE_RDWR, &new);
	above->backing = err ? NULL : new;
	g_free(name);
	g_free(format);
	return err;
}

static struct error *commit(struct img_args *a, struct image *img, unsigned int flags)
{
	struct progress p;

	if (!img->backing_file)
		return error_new("Image does not have a backing file");
	struct image *base = find_base(img, a->backing), *above = img;
	if (!base)
		return error_new("Did not find '%s' in the backing chain of '%s'", a->backing,
				 img->filename);
	while (above->backing != base)
		above = above->backing;
	struct error *err = reopen_writable(above, flags);
	if (err)
		return err;
	base = above->backing;
	if (img->size > base->size) {
		err = image_truncate(base, img->size, NULL);
		if (err)
			return error_prefix(err, "Could not resize the base image");
	}
	progress_start(&p, a->progress);
	int e = copy_down(img, base, &p);
	if (!e && !a->keep && !a->backing && img->driver->make_empty)
		e = img->driver->make_empty(img);
	if (e)
		return error_errno(e, "Commit failed");
	progress_end(&p);
	return NULL;
}

int img_commit(struct img_args *a)
{
	struct image *img;
	unsigned int flags = 0;
	bool through;
	struct error *err = image_cache_flags(a->image.cache, &flags, &through);

	if (!err)
		err = image_args_open_as(&a->image, operand(a, 0), a->image.format,
					 flags | IMAGE_RDWR | IMAGE_UNMAP, &img);
	if (err)
		return tool_fail(err);
	err = commit(a, img, flags);
	int status = img_close(img, err != NULL);
	if (err)
		return tool_fail(err);
	if (!status)
		img_say(a, "Image committed.\n");
	return status;
}

/* --- rebase --- */

static int read_padded(struct image *img, uint64_t offset, uint8_t *buf, size_t len)
{
	size_t n = img && offset < img->size ? MIN(len, img->size - offset) : 0;

	memset(buf + n, 0, len - n);
	return n ? image_pread(img, offset, buf, n) : 0;
}

/* Copies into the image what would look different over the new backing image. */
static int copy_differences(struct image *img, struct image *new, struct progress *p)
{
	const size_t chunk = MAX(img->cluster_size, 65536);
	uint8_t *was = g_malloc(chunk), *will = g_malloc(chunk);
	uint64_t at = 0;
	int err = 0;

	while (at < img->size && !err) {
		struct image_extent e;
		size_t n = MIN(chunk - at % chunk, img->size - at);
		err = image_map(img, at, n, &e);
		n = e.length;
		if (!err && !e.allocated) {
			err = read_padded(img->backing, at, was, n);
			if (!err)
				err = read_padded(new, at, will, n);
			if (!err && memcmp(was, will, n))
				err = image_pwrite(img, at, was, n);
		}
		at += n;
		progress_show(p, at, img->size);
	}
	g_free(was);
	g_free(will);
	return err;
}

static struct error *rebase(struct img_args *a, struct image *img, unsigned int flags)
{
	struct image *new = NULL;
	struct progress p;
	struct error *err = NULL;

	if (!img->driver->set_backing)
		return error_new("Image format '%s' has no backing files", img->driver->name);
	if (a->backing_format && !image_driver_find(a->backing_format))
		return error_new("Invalid format name: '%s'", a->backing_format);
	if (*a->backing && !a->backing_format)
		return error_new("Could not change the backing file to '%s': backing format must "
				 "be specified",
				 a->backing);
	if (!a->unsafe && *a->backing) {
		char *path = image_path_relative(img->filename, a->backing);
		err = image_open(path, a->backing_format, flags, &new);
		g_free(path);
		if (err)
			return error_prefix(err, "Could not open new backing file '%s'",
					    a->backing);
	}
	progress_start(&p, a->progress);
	int e = a->unsafe ? 0 : copy_differences(img, new, &p);
	if (!e)
		e = image_flush(img);
	if (!e)
		err = img->driver->set_backing(img, a->backing, a->backing_format);
	if (e)
		err = error_errno(e, "Could not copy the differences");
	image_close(new);
	if (!err)
		progress_end(&p);
	return error_prefix(err, "Could not change the backing file to '%s'", a->backing);
}

int img_rebase(struct img_args *a)
{
	unsigned int flags = 0, source_flags = 0;
	struct image *img;
	bool through;
	struct error *err = image_cache_flags(a->image.cache, &flags, &through);

	if (!a->has_backing)
		return tool_fail_text("rebase: say -b backing_file (empty: none)");
	if (!err)
		err = image_cache_flags(a->source_cache, &source_flags, &through);
	flags |= IMAGE_RDWR | IMAGE_UNMAP | (a->unsafe ? IMAGE_NO_BACKING | IMAGE_NO_IO : 0);
	if (!err)
		err = image_args_open_as(&a->image, operand(a, 0), a->image.format, flags, &img);
	if (err)
		return tool_fail(err);
	err = rebase(a, img, source_flags);
	int status = img_close(img, err != NULL);
	return err ? tool_fail(err) : status;
}
