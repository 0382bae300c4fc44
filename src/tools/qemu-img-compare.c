/* qemu-img compare and bench. */
#include "tools/qemu-img.h"

#include "base/clock.h"
#include "base/optstr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *operand(const struct img_args *a, unsigned int i)
{
	return i < a->operands->len ? g_ptr_array_index(a->operands, i) : NULL;
}

/* --- compare: 0 the same, 1 different, from 2 on errors --- */

enum {
	COMPARE_SAME = 0,
	COMPARE_DIFFERENT = 1,
	COMPARE_OPEN = 2,
	COMPARE_MAP = 3,
	COMPARE_READ = 4
};

#define COMPARE_CHUNK (2u << 20)

static uint64_t first_difference(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i])
			return i;
	return len;
}

static bool has_data(const struct image_extent *e)
{
	return !e->zero && (e->data || e->allocated);
}

static bool read_failed(struct image *img, uint64_t at, void *buf, size_t len)
{
	int err = image_pread(img, at, buf, len);

	if (err)
		tool_fail_text("Error while reading offset %" G_GUINT64_FORMAT " of %s: %s", at,
			       img->filename, g_strerror(err));
	return err != 0;
}

/* Compares where both have bytes. */
static int compare_common(struct img_args *a, struct image *x, struct image *y, uint64_t size,
			  struct progress *p)
{
	uint8_t *b1 = g_malloc(COMPARE_CHUNK), *b2 = g_malloc(COMPARE_CHUNK);
	int status = COMPARE_SAME;

	for (uint64_t at = 0; at < size && status == COMPARE_SAME;) {
		struct image_extent e1, e2;
		unsigned int depth;
		uint64_t n = MIN(size - at, UINT64_C(1) << 30);
		if (image_map_chain(x, NULL, at, n, &e1, &depth, NULL) ||
		    image_map_chain(y, NULL, at, n, &e2, &depth, NULL)) {
			status = COMPARE_MAP;
			tool_fail_text("Sector allocation test failed at offset %" G_GUINT64_FORMAT,
				       at);
			break;
		}
		n = MIN(e1.length, e2.length);
		if (a->strict && e1.allocated != e2.allocated) {
			img_say(a,
				"Strict mode: Offset %" G_GUINT64_FORMAT
				" block status mismatch!\n",
				at);
			status = COMPARE_DIFFERENT;
			break;
		}
		if (has_data(&e1) || has_data(&e2)) {
			n = MIN(n, COMPARE_CHUNK);
			if (read_failed(x, at, b1, n) || read_failed(y, at, b2, n)) {
				status = COMPARE_READ;
				break;
			}
			if (memcmp(b1, b2, n)) {
				img_say(a, "Content mismatch at offset %" G_GUINT64_FORMAT "!\n",
					at + first_difference(b1, b2, n) / 512 * 512);
				status = COMPARE_DIFFERENT;
			}
		}
		at += n;
		progress_show(p, at, size);
	}
	g_free(b1);
	g_free(b2);
	return status;
}

/* What only the longer image has must be zeroes. */
static int compare_rest(struct img_args *a, struct image *img, uint64_t from)
{
	uint8_t *buf = g_malloc(COMPARE_CHUNK);
	int status = COMPARE_SAME;

	while (from < img->size && status == COMPARE_SAME) {
		struct image_extent e;
		unsigned int depth;
		uint64_t n = img->size - from;
		if (image_map_chain(img, NULL, from, n, &e, &depth, NULL)) {
			status = COMPARE_MAP;
			break;
		}
		n = e.length;
		if (has_data(&e)) {
			n = MIN(n, COMPARE_CHUNK);
			if (read_failed(img, from, buf, n)) {
				status = COMPARE_READ;
			} else if (!buffer_is_zero(buf, n)) {
				img_say(a, "Content mismatch at offset %" G_GUINT64_FORMAT "!\n",
					from);
				status = COMPARE_DIFFERENT;
			}
		}
		from += n;
	}
	g_free(buf);
	return status;
}

static int compare(struct img_args *a, struct image *x, struct image *y)
{
	struct progress p;
	uint64_t common = MIN(x->size, y->size);

	if (a->strict && x->size != y->size) {
		img_say(a, "Strict mode: Image size mismatch!\n");
		return COMPARE_DIFFERENT;
	}
	progress_start(&p, a->progress && !a->quiet);
	int status = compare_common(a, x, y, common, &p);
	if (!status && x->size != y->size) {
		img_say(a, "Warning: Image size mismatch!\n");
		status = compare_rest(a, x->size > y->size ? x : y, common);
	}
	if (!status) {
		progress_end(&p);
		img_say(a, "Images are identical.\n");
	}
	return status;
}

int img_compare(struct img_args *a)
{
	struct image *x, *y;
	unsigned int flags = 0;
	bool through;
	struct error *err = image_cache_flags(a->source_cache, &flags, &through);

	if (!err)
		err = image_args_open_as(&a->image, operand(a, 0), a->image.format, flags, &x);
	if (err) {
		tool_fail(err);
		return COMPARE_OPEN;
	}
	err = image_args_open_as(&a->image, operand(a, 1), a->format2, flags, &y);
	if (err) {
		img_close(x, 1);
		tool_fail(err);
		return COMPARE_OPEN;
	}
	int status = compare(a, x, y);
	img_close(x, 1);
	img_close(y, 1);
	return status;
}

/* --- bench --- */

struct bench {
	uint64_t count, depth, offset, size, step, pattern, flush_interval;
};

static struct error *number(const char *text, const char *what, uint64_t max, uint64_t *value)
{
	if (!text)
		return NULL;
	struct error *err = parse_size(text, 1, value);
	if (!err && *value > max)
		err = error_new("larger than %" G_GUINT64_FORMAT, max);
	return error_prefix(err, "Invalid %s specified", what);
}

static struct error *read_bench(struct img_args *a, struct bench *b)
{
	struct error *err = number(a->count, "request count", INT32_MAX, &b->count);

	if (!err)
		err = number(a->depth, "queue depth", INT32_MAX, &b->depth);
	if (!err)
		err = number(a->offset, "offset", INT64_MAX, &b->offset);
	if (!err)
		err = number(a->buffer_size, "buffer size", INT32_MAX, &b->size);
	b->step = b->size;
	if (!err)
		err = number(a->step_size, "step size", INT32_MAX, &b->step);
	if (!err)
		err = number(a->pattern, "pattern byte", 255, &b->pattern);
	if (!err)
		err = number(a->flush_interval, "flush interval", INT32_MAX, &b->flush_interval);
	if (!err && b->flush_interval && !a->write)
		err = error_new("--flush-interval is only available in write tests");
	if (!b->step)
		b->step = b->size;
	return err;
}

static int run_bench(struct img_args *a, struct image *img, struct bench *b)
{
	uint8_t *buf;
	uint64_t at = b->offset;
	int err = 0;

	if (posix_memalign((void **)&buf, 4096, b->size))
		return ENOMEM;
	memset(buf, (int)b->pattern, b->size);
	if (img->size <= b->size || at > img->size - b->size)
		at = 0;
	for (uint64_t i = 0; i < b->count && !err; i++) {
		err = a->write ? image_pwrite(img, at, buf, b->size)
			       : image_pread(img, at, buf, b->size);
		if (!err && b->flush_interval && (i + 1) % b->flush_interval == 0)
			err = image_flush(img);
		at += b->step;
		if (at > img->size - b->size)
			at = img->size > b->size ? at % (img->size - b->size + 1) / 512 * 512 : 0;
	}
	free(buf);
	return err;
}

int img_bench(struct img_args *a)
{
	struct bench b = {.count = 75000, .depth = 64, .size = 4096};
	unsigned int flags = a->write ? IMAGE_RDWR : 0;
	struct image *img;
	bool through;
	struct error *err = read_bench(a, &b);

	if (!err)
		err = image_cache_flags(a->image.cache, &flags, &through);
	if (!err)
		err = image_args_open_as(&a->image, operand(a, 0), a->image.format, flags, &img);
	if (err)
		return tool_fail(err);
	if (img->size < b.size || !b.size) {
		img_close(img, 1);
		return tool_fail_text("Buffer size must be between 1 and the size of the image");
	}
	img_say(a,
		"Sending %" G_GUINT64_FORMAT " %s requests, %" G_GUINT64_FORMAT
		" bytes each, %" G_GUINT64_FORMAT
		" in parallel (starting at offset %" G_GUINT64_FORMAT
		", step size %" G_GUINT64_FORMAT ")\n",
		b.count, a->write ? "write" : "read", b.size, b.depth, b.offset, b.step);
	if (b.flush_interval)
		img_say(a, "Sending flush every %" G_GUINT64_FORMAT " requests\n",
			b.flush_interval);
	int64_t start = host_monotonic_ns();
	int e = run_bench(a, img, &b);
	double seconds = (double)(host_monotonic_ns() - start) / 1e9;
	if (!e && a->write)
		e = image_flush(img);
	img_close(img, e);
	if (e)
		return tool_fail_text("Failed request: %s", g_strerror(e));
	img_say(a, "Run completed in %3.3f seconds.\n", seconds);
	return 0;
}
