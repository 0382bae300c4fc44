/* qemu-io's commands that move data: read, write, their vectored and aio_ forms, discard. */
#include "tools/qemu-io.h"

#include "base/optstr.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LENGTH INT32_MAX
#define FILLER	   0xcd /* of writes without a pattern */
#define UNREAD	   0xab /* of buffers that are read into */

/* --- reports --- */

static void report(const struct io_words *w, const char *verb, uint64_t offset, uint64_t want,
		   uint64_t done, double seconds)
{
	if (w->has['q'])
		return;
	char *rate = io_amount((double)done / seconds), *total = io_amount((double)done);
	double left = seconds;
	unsigned int hours = (unsigned int)(left / 3600);
	left -= hours * 3600.0;
	unsigned int minutes = (unsigned int)(left / 60);
	left -= minutes * 60.0;

	if (w->has['C']) {
		printf("%" G_GUINT64_FORMAT ",1,%u:%02u:%05.2f,%.3f,%.3f\n", done, hours, minutes,
		       left, (double)done / seconds, 1 / seconds);
	} else {
		char *span = hours || minutes
				     ? g_strdup_printf("%u:%02u:%05.2f", hours, minutes, left)
				     : g_strdup_printf("%05.2f sec", left);
		printf("%s %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
		       " bytes at offset %" G_GUINT64_FORMAT "\n"
		       "%s, 1 ops; %s (%s/sec and %.4f ops/sec)\n",
		       verb, done, want, offset, total, span, rate, 1 / seconds);
		g_free(span);
	}
	g_free(rate);
	g_free(total);
}

static int failed(const struct io_words *w, int err)
{
	printf("%s failed: %s\n", w->command->name, g_strerror(err));
	return err;
}

static void dump(const uint8_t *buf, uint64_t offset, size_t len)
{
	for (size_t i = 0; i < len; i += 16) {
		size_t n = MIN(16, len - i);
		printf("%08" G_GINT64_MODIFIER "x:  ", offset + i);
		for (size_t j = 0; j < n; j++)
			printf("%02x ", buf[i + j]);
		putchar(' ');
		for (size_t j = 0; j < n; j++)
			putchar(isalnum(buf[i + j]) ? buf[i + j] : '.');
		putchar('\n');
	}
}

/* --- parameters --- */

static bool parse_pattern(const char *text, uint8_t *pattern)
{
	char *end;
	long value = strtol(text, &end, 0);

	if (*end || end == text || value < 0 || value > 255) {
		io_wrong("%s is not a valid pattern byte", text);
		return false;
	}
	*pattern = (uint8_t)value;
	return true;
}

/* OFFSET LEN [LEN...]: vectors are as one request of their sum. */
static bool parse_range(const struct io_words *w, uint64_t *offset, uint64_t *len)
{
	*len = 0;
	if (!io_number(w->argv[0], offset))
		return false;
	for (int i = 1; i < w->argc; i++) {
		uint64_t n;
		if (!io_number(w->argv[i], &n))
			return false;
		if (n > MAX_LENGTH || *len + n > MAX_LENGTH) {
			io_wrong("length cannot exceed %d bytes, given %s", MAX_LENGTH, w->argv[i]);
			return false;
		}
		*len += n;
	}
	return true;
}

struct buffer {
	uint8_t *bytes;
	void *block;
};

/* Aligned for O_DIRECT, or with --misalign just not. */
static bool buffer_make(struct buffer *b, const struct io_words *w, size_t len, int fill)
{
	if (posix_memalign(&b->block, 4096, len + 4096)) {
		io_wrong("no memory for %zu bytes", len);
		return false;
	}
	b->bytes = (uint8_t *)b->block + (w->shell->misalign ? 16 : 0);
	memset(b->bytes, fill, len);
	return true;
}

/* --- reading --- */

struct compare {
	bool on;
	uint8_t pattern;
	uint64_t from, len; /* within the buffer */
};

static bool parse_compare(const struct io_words *w, uint64_t len, struct compare *c)
{
	c->on = w->has['P'];
	c->len = len;
	if (c->on && !parse_pattern(w->value['P'], &c->pattern))
		return false;
	if (!c->on && (w->has['s'] || w->has['l'])) {
		io_usage(w->command);
		return false;
	}
	if (w->has['s'] && !io_number(w->value['s'], &c->from))
		return false;
	if (c->from > len) {
		io_wrong("pattern verification range exceeds end of read data");
		return false;
	}
	c->len = len - c->from;
	if (w->has['l'] && !io_number(w->value['l'], &c->len))
		return false;
	if (c->len > len - c->from) {
		io_wrong("pattern verification range exceeds end of read data");
		return false;
	}
	return true;
}

static bool compare(const struct compare *c, const uint8_t *buf, uint64_t offset)
{
	for (uint64_t i = 0; c->on && i < c->len; i++) {
		if (buf[c->from + i] != c->pattern) {
			printf("Pattern verification failed at offset %" G_GUINT64_FORMAT
			       ", %" G_GUINT64_FORMAT " bytes\n",
			       offset + c->from, c->len);
			return false;
		}
	}
	return true;
}

static int read_bytes(const struct io_words *w, uint64_t offset, void *buf, size_t len)
{
	struct image *img = w->shell->image;

	if (!w->has['b'])
		return image_pread(img, offset, buf, len);
	return img->driver->vmstate_read ? img->driver->vmstate_read(img, offset, buf, len)
					 : ENOTSUP;
}

static int cmd_read(struct io_words *w)
{
	struct buffer b;
	struct compare c = {0};
	uint64_t offset, len;

	if (w->has['i']) {
		printf("injecting invalid read request\n");
		return 0;
	}
	if (!parse_range(w, &offset, &len) || !parse_compare(w, len, &c))
		return EINVAL;
	if (w->has['b'] && ((offset | len) & 511))
		return io_wrong("%s is not a sector-aligned value for '%s'",
				w->argv[offset & 511 ? 0 : 1], offset & 511 ? "offset" : "count");
	if (!buffer_make(&b, w, len, UNREAD))
		return ENOMEM;
	gint64 start = g_get_monotonic_time();
	int err = read_bytes(w, offset, b.bytes, len);
	double seconds = (double)MAX(g_get_monotonic_time() - start, 1) / 1e6;
	if (err) {
		failed(w, err);
	} else {
		if (!compare(&c, b.bytes, offset))
			err = EINVAL;
		if (w->has['v'] && !w->has['q'])
			dump(b.bytes, offset, len);
		report(w, "read", offset, len, len, seconds);
	}
	free(b.block);
	return err;
}

/* --- writing --- */

static bool check_write_options(const struct io_words *w, uint64_t offset, uint64_t len)
{
	const bool *has = w->has;
	const char *wrong = NULL;

	if (has['b'] && has['c'])
		wrong = "-b and -c cannot be specified at the same time";
	else if (has['b'] && has['z'])
		wrong = "-b and -z cannot be specified at the same time";
	else if (has['f'] && (has['b'] || has['c']))
		wrong = "-f and -b or -c cannot be specified at the same time";
	else if (has['n'] && !has['z'])
		wrong = "-n requires -z to be specified";
	else if (has['u'] && !has['z'])
		wrong = "-u requires -z to be specified";
	else if (has['z'] + has['P'] + (has['s'] && strchr(w->command->letters, 's')) > 1)
		wrong = "Only one of -z, -P, and -s can be specified at the same time";
	if (wrong) {
		io_wrong("%s", wrong);
		return false;
	}
	if ((has['b'] || has['c']) && ((offset | len) & 511)) {
		io_wrong("%s is not a sector-aligned value for '%s'", w->argv[offset & 511 ? 0 : 1],
			 offset & 511 ? "offset" : "count");
		return false;
	}
	return true;
}

/* The bytes of a file, over and over. */
static bool fill_from_file(uint8_t *buf, size_t len, const char *path)
{
	char *bytes = NULL;
	gsize size = 0;

	if (!g_file_get_contents(path, &bytes, &size, NULL) || !size) {
		io_wrong("%s: cannot be read, or is empty", path);
		g_free(bytes);
		return false;
	}
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)bytes[i % size];
	g_free(bytes);
	return true;
}

static int write_zeroes(const struct io_words *w, uint64_t offset, uint64_t len)
{
	struct image *img = w->shell->image;

	if (w->has['n'] && !img->driver->write_zeroes)
		return ENOTSUP;
	return image_write_zeroes(img, offset, len, w->has['u'] ? IMAGE_UNMAP : 0);
}

static int write_compressed(struct image *img, uint64_t offset, const uint8_t *buf, size_t len)
{
	if (!img->driver->pwrite_compressed)
		return ENOTSUP;
	if (offset > img->size || len > img->size - offset)
		return EIO;
	for (size_t i = 0; i < len; i += img->cluster_size) {
		int err = img->driver->pwrite_compressed(img, offset + i, buf + i,
							 MIN(len - i, img->cluster_size));
		if (err)
			return err;
	}
	return 0;
}

static int write_bytes(const struct io_words *w, uint64_t offset, const uint8_t *buf, uint64_t len)
{
	struct image *img = w->shell->image;
	int err;

	if (w->has['z'])
		err = write_zeroes(w, offset, len);
	else if (w->has['c'])
		err = write_compressed(img, offset, buf, len);
	else if (!w->has['b'])
		err = image_pwrite(img, offset, buf, len);
	else
		err = img->driver->vmstate_write ? img->driver->vmstate_write(img, offset, buf, len)
						 : ENOTSUP;
	return !err && (w->has['f'] || w->shell->through) ? image_flush(img) : err;
}

static int cmd_write(struct io_words *w)
{
	struct buffer b = {0};
	uint64_t offset, len;
	uint8_t pattern = FILLER;

	if (w->has['i']) {
		printf("injecting invalid write request\n");
		return 0;
	}
	if (w->has['P'] && !parse_pattern(w->value['P'], &pattern))
		return EINVAL;
	if (!parse_range(w, &offset, &len) || !check_write_options(w, offset, len))
		return EINVAL;
	if (!w->has['z'] && !buffer_make(&b, w, len, pattern))
		return ENOMEM;
	if (w->has['s'] && !fill_from_file(b.bytes, len, w->value['s'])) {
		free(b.block);
		return EINVAL;
	}
	gint64 start = g_get_monotonic_time();
	int err = write_bytes(w, offset, b.bytes, len);
	double seconds = (double)MAX(g_get_monotonic_time() - start, 1) / 1e6;
	if (err)
		failed(w, err);
	else
		report(w, "wrote", offset, len, len, seconds);
	free(b.block);
	return err;
}

static int cmd_discard(struct io_words *w)
{
	uint64_t offset, len;

	if (!parse_range(w, &offset, &len))
		return EINVAL;
	gint64 start = g_get_monotonic_time();
	int err = image_discard(w->shell->image, offset, len);
	double seconds = (double)MAX(g_get_monotonic_time() - start, 1) / 1e6;
	if (err)
		failed(w, err);
	else
		report(w, "discard", offset, len, len, seconds);
	return err;
}

#define READ_HELP                                                                        \
	" -C  figures for programs\n -P  the bytes that are expected\n -q  no figures\n" \
	" -v  shows the bytes"
#define WRITE_HELP                                                                           \
	" -C  figures for programs\n -P  the byte that is written (0xcd)\n -q  no figures\n" \
	" -f  flushes behind the write"

const struct io_command io_data_commands[] = {
	{"read", "r", "abCl:pP:qs:v", 2, 2, false, false, false, cmd_read,
	 "[-abCqv] [-P pattern [-s off] [-l len]] off len", "reads bytes of the disk",
	 READ_HELP "\n -b  from the VM state, not the disk\n -s  where in the bytes that were read "
		   "the pattern begins\n -l  how long it is"},
	{"readv", NULL, "CP:qv", 2, -1, false, false, false, cmd_read,
	 "[-Cqv] [-P pattern] off len [len..]", "reads into several buffers", READ_HELP},
	{"write", "w", "bcCfnpP:qs:uz", 2, 2, false, true, false, cmd_write,
	 "[-bcCfnquz] [-P pattern | -s source_file] off len", "writes bytes of the disk",
	 WRITE_HELP "\n -b  to the VM state, not the disk\n -c  compressed\n -s  the bytes of a "
		    "file\n -z  zeroes\n -u  -z may free the space\n -n  -z only if it is quick"},
	{"writev", NULL, "CfqP:", 2, -1, false, true, false, cmd_write,
	 "[-Cfq] [-P pattern] off len [len..]", "writes from several buffers", WRITE_HELP},
	{"aio_read", NULL, "CP:iqv", 2, -1, false, false, true, cmd_read,
	 "[-Ciqv] [-P pattern] off len [len..]", "reads; does not wait for the end", READ_HELP},
	{"aio_write", NULL, "CfiP:quz", 2, -1, false, true, true, cmd_write,
	 "[-Cfiquz] [-P pattern] off len [len..]", "writes; does not wait for the end", WRITE_HELP},
	{"discard", "d", "Cq", 2, 2, false, true, false, cmd_discard, "[-Cq] off len",
	 "gives bytes of the disk up", " -C  figures for programs\n -q  no figures"},
	{0},
};
