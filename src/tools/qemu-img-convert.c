/*
 * qemu-img convert and dd.
 *
 * Compressing takes nearly all the time of a convert -c, so clusters are compressed by a pool of
 * threads: the main thread reads a batch, waits for the batch before it, and writes that one.
 */
#include "tools/qemu-img.h"

#include "base/optstr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (2u << 20)

static const char *operand(const struct img_args *a, unsigned int i)
{
	return i < a->operands->len ? g_ptr_array_index(a->operands, i) : NULL;
}

/* A cluster on its way through the pool. */
struct packed {
	uint64_t offset;
	size_t len, packed_len; /* packed_len 0: stored as it is */
	uint8_t *data, *out;
};

struct convert {
	struct img_args *args;
	GPtrArray *sources;
	struct image *target;
	uint64_t size;
	bool target_zero; /* what is not written reads as zeroes */
	bool over_backing;
	bool salvage;
	uint64_t sparse;
	struct progress progress;
	/* compressing */
	GThreadPool *pool;
	GMutex mutex;
	GCond finished;
	unsigned int running;
	GPtrArray *batch; /* struct packed *, in order */
	unsigned int batch_max;
};

/* --- sources: one after the other --- */

static struct image *source_at(struct convert *c, uint64_t at, uint64_t *offset)
{
	for (unsigned int i = 0; i < c->sources->len; i++) {
		struct image *img = g_ptr_array_index(c->sources, i);
		if (at < img->size) {
			*offset = at;
			return img;
		}
		at -= img->size;
	}
	return NULL;
}

static int read_salvaging(struct convert *c, struct image *img, uint64_t at, uint8_t *buf, size_t n)
{
	int err = image_pread(img, at, buf, n);

	if (!err || !c->salvage)
		return err;
	for (size_t i = 0; i < n; i += SECTOR_SIZE) {
		size_t len = MIN(SECTOR_SIZE, n - i);
		err = image_pread(img, at + i, buf + i, len);
		if (!err)
			continue;
		warn_report("error while reading offset %" G_GUINT64_FORMAT ": %s", at + i,
			    g_strerror(err));
		memset(buf + i, 0, len);
	}
	return 0;
}

/* --- compressing --- */

static void compress_one(void *item, void *opaque)
{
	struct packed *p = item;
	struct convert *c = opaque;
	struct image *t = c->target;

	if (p->len < t->cluster_size)
		memset(p->data + p->len, 0, t->cluster_size - p->len);
	p->packed_len = t->driver->compress(t, p->data, t->cluster_size, p->out);
	g_mutex_lock(&c->mutex);
	if (!--c->running)
		g_cond_signal(&c->finished);
	g_mutex_unlock(&c->mutex);
}

static void packed_free(void *item)
{
	struct packed *p = item;

	g_free(p->data);
	g_free(p->out);
	g_free(p);
}

static void wait_for_pool(struct convert *c)
{
	g_mutex_lock(&c->mutex);
	while (c->running)
		g_cond_wait(&c->finished, &c->mutex);
	g_mutex_unlock(&c->mutex);
}

/* Writes the batch that the pool has finished. */
static int write_batch(struct convert *c)
{
	struct image *t = c->target;
	int err = 0;

	wait_for_pool(c);
	for (unsigned int i = 0; i < c->batch->len && !err; i++) {
		struct packed *p = g_ptr_array_index(c->batch, i);
		err = p->packed_len
			      ? t->driver->pwrite_prepared(t, p->offset, p->out, p->packed_len)
			      : image_pwrite(t, p->offset, p->data, p->len);
	}
	g_ptr_array_set_size(c->batch, 0);
	return err;
}

static int compress_cluster(struct convert *c, uint64_t at, const uint8_t *buf, size_t n)
{
	uint32_t cluster = c->target->cluster_size;
	int err = c->batch->len >= c->batch_max ? write_batch(c) : 0;

	if (err)
		return err;
	struct packed *p = g_new0(struct packed, 1);
	p->offset = at;
	p->len = n;
	p->data = g_malloc(cluster);
	p->out = g_malloc(cluster);
	memcpy(p->data, buf, n);
	g_ptr_array_add(c->batch, p);
	g_mutex_lock(&c->mutex);
	c->running++;
	g_mutex_unlock(&c->mutex);
	g_thread_pool_push(c->pool, p, NULL);
	return 0;
}

/* --- writing --- */

static int put_zeroes(struct convert *c, uint64_t at, uint64_t len)
{
	if (c->target_zero && !c->over_backing)
		return 0;
	return image_write_zeroes(c->target, at, len, c->sparse ? IMAGE_UNMAP : 0);
}

/* Runs of zeroes of at least the sparse size are left out; what is between them is written. */
static int put_data(struct convert *c, uint64_t at, const uint8_t *buf, size_t len)
{
	/* A cluster takes its space whole, so holes within one save nothing. */
	size_t unit = c->sparse ? MAX(c->sparse, MIN(c->target->cluster_size, 65536)) : len;
	size_t start = 0, i = 0;
	int err = 0;

	while (i < len && !err) {
		size_t n = MIN(unit - (at + i) % unit, len - i);
		if (!c->sparse || !buffer_is_zero(buf + i, n)) {
			i += n;
			continue;
		}
		if (i > start)
			err = image_pwrite(c->target, at + start, buf + start, i - start);
		start = i;
		while (i < len && buffer_is_zero(buf + i, MIN(unit - (at + i) % unit, len - i)))
			i += MIN(unit - (at + i) % unit, len - i);
		if (!err)
			err = put_zeroes(c, at + start, i - start);
		start = i;
	}
	return !err && len > start ? image_pwrite(c->target, at + start, buf + start, len - start)
				   : err;
}

static int put_compressed(struct convert *c, uint64_t at, const uint8_t *buf, size_t len)
{
	uint32_t cluster = c->target->cluster_size;
	int err = 0;

	for (size_t i = 0; i < len && !err; i += cluster) {
		size_t n = MIN(cluster, len - i);
		if (!buffer_is_zero(buf + i, n))
			err = c->pool ? compress_cluster(c, at + i, buf + i, n)
				      : c->target->driver->pwrite_compressed(c->target, at + i,
									     buf + i, n);
	}
	return err;
}

/* --- the loop --- */

/* Reads [at, at+len), which may touch several sources, clusters at a time for compression. */
static int copy_compressed(struct convert *c, uint8_t *buf)
{
	uint64_t at = 0;
	int err = 0;

	while (at < c->size && !err) {
		size_t len = MIN(CHUNK, c->size - at), done = 0;
		bool any = false;
		while (done < len && !err) {
			struct image_extent e;
			unsigned int depth;
			uint64_t offset;
			struct image *img = source_at(c, at + done, &offset);
			size_t n = MIN(len - done, img->size - offset);
			err = image_map_chain(img, NULL, offset, n, &e, &depth, NULL);
			if (err)
				break;
			if (e.zero || (!e.allocated && !e.data)) {
				memset(buf + done, 0, e.length);
			} else {
				err = read_salvaging(c, img, offset, buf + done, e.length);
				any = true;
			}
			done += e.length;
		}
		if (!err && any)
			err = put_compressed(c, at, buf, len);
		at += len;
		progress_show(&c->progress, at, c->size);
	}
	return err ? err : write_batch(c);
}

static int copy_plain(struct convert *c, uint8_t *buf)
{
	uint64_t at = 0;
	int err = 0;

	while (at < c->size && !err) {
		struct image_extent e;
		unsigned int depth;
		uint64_t offset, want = MIN(c->size - at, UINT64_C(1) << 30);
		struct image *img = source_at(c, at, &offset);
		want = MIN(want, img->size - offset);
		err = c->over_backing ? image_map(img, offset, want, &e)
				      : image_map_chain(img, NULL, offset, want, &e, &depth, NULL);
		if (err)
			break;
		uint64_t n = e.length;
		if (c->over_backing && !e.allocated) {
			; /* the backing image shows it */
		} else if ((e.zero || (!e.allocated && !e.data)) && c->sparse) {
			err = put_zeroes(c, at, n);
		} else {
			n = MIN(n, CHUNK - at % CHUNK);
			err = read_salvaging(c, img, offset, buf, n);
			if (!err)
				err = put_data(c, at, buf, n);
		}
		at += n;
		progress_show(&c->progress, at, c->size);
	}
	return err;
}

static void start_pool(struct convert *c)
{
	unsigned int threads = MAX(g_get_num_processors(), 1);

	c->batch = g_ptr_array_new_with_free_func(packed_free);
	if (!c->args->compress || !c->target->driver->compress || c->target->encrypted)
		return;
	g_mutex_init(&c->mutex);
	g_cond_init(&c->finished);
	c->batch_max = MAX((8u << 20) / c->target->cluster_size, 4);
	c->pool = g_thread_pool_new(compress_one, c, (gint)MIN(threads, 16), TRUE, NULL);
}

static int copy_all(struct convert *c)
{
	uint8_t *buf = NULL;

	if (posix_memalign((void **)&buf, 4096, CHUNK + 4096))
		return ENOMEM;
	start_pool(c);
	int err = c->args->compress ? copy_compressed(c, buf) : copy_plain(c, buf);
	if (c->pool) {
		wait_for_pool(c);
		g_thread_pool_free(c->pool, FALSE, TRUE);
	}
	g_ptr_array_free(c->batch, TRUE);
	free(buf);
	return err ? err : image_flush(c->target);
}

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
		g_ptr_array_add(c->sources, img);
		c->size += img->size;
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
	if (c->sources->len != 1)
		return error_new("No support for concatenating multiple snapshot");
	if (g_str_has_prefix(id, "snapshot.id="))
		id += 12;
	else if (g_str_has_prefix(id, "snapshot.name="))
		id += 14;
	struct image *img = g_ptr_array_index(c->sources, 0);
	if (!img->driver->snapshot_load)
		return error_new("Failed to load snapshot: not supported by '%s'",
				 img->driver->name);
	struct error *err = img->driver->snapshot_load(img, id);
	c->size = img->size;
	return error_prefix(err, "Failed to load snapshot");
}

static struct error *create_target(struct convert *c, const char *name,
				   const struct image_driver *driver)
{
	struct img_args *a = c->args;
	struct image_create create;
	char size[24];

	image_create_init(&create, driver, name);
	g_snprintf(size, sizeof(size), "%" G_GUINT64_FORMAT, c->size);
	struct error *err = img_creation_options(a, &create);
	if (!err && !image_create_str(&create, "size"))
		image_create_set(&create, "size", size);
	if (!err && a->has_backing && !driver->supports_backing)
		err = error_new("Backing file not supported for file format '%s'", driver->name);
	if (!err && a->has_backing)
		image_create_set(&create, "backing_file", a->backing);
	if (!err && a->backing_format)
		image_create_set(&create, "backing_fmt", a->backing_format);
	c->over_backing = image_create_str(&create, "backing_file") != NULL;
	if (!err && a->compress && (!driver->supports_compress || !driver->pwrite_compressed))
		err = error_new("Compression not supported for this file format");
	const char *prealloc = image_create_str(&create, "preallocation");
	if (!err && a->compress && prealloc && strcmp(prealloc, "off"))
		err = error_new("Compression and preallocation not supported at the same time");
	if (!err)
		err = image_create(&create);
	if (!err)
		c->target_zero =
			!prealloc || !strcmp(prealloc, "off") || strcmp(driver->name, "raw");
	image_create_clear(&create);
	return error_prefix(err, "%s: error while converting %s", name, driver->name);
}

static bool is_source(struct convert *c, const char *name)
{
	char *target = realpath(name, NULL);
	bool same = false;

	for (unsigned int i = 0; target && i < c->sources->len && !same; i++) {
		struct image *img = g_ptr_array_index(c->sources, i);
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
	err = image_args_open_as(&open_args, name, driver->name, flags, &c->target);
	if (err)
		return err;
	c->target_zero = a->no_create ? a->target_is_zero : c->target_zero && c->target->zero_init;
	if (a->compress && !c->target->driver->pwrite_compressed)
		return error_new("Compression not supported for this file format");
	if (c->target->size < c->size)
		return error_new("output file is smaller than input file");
	return NULL;
}

static void close_sources(struct convert *c)
{
	for (unsigned int i = 0; i < c->sources->len; i++)
		image_close(g_ptr_array_index(c->sources, i));
	g_ptr_array_free(c->sources, TRUE);
}

int img_convert(struct img_args *a)
{
	struct convert c = {
		.args = a, .sources = g_ptr_array_new(), .sparse = 4096, .salvage = a->salvage};
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
		err = img_size(a->sparse, &c.sparse);
		if (!err && (c.sparse & 511))
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
		progress_start(&c.progress, a->progress && !a->quiet);
		e = copy_all(&c);
		if (e)
			err = error_errno(e, "error while converting to '%s'", name);
		else
			progress_end(&c.progress);
	}
	if (c.target)
		status = img_close(c.target, err != NULL);
	close_sources(&c);
	/* A half-written file of ours is of no use to anybody. */
	if (err && c.target && !existed && !a->no_create)
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
