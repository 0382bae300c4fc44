/* qemu-io's commands that ask about an image or change it as a whole, and those that hurt. */
#include "tools/qemu-io.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int tell(struct error *err)
{
	int code = err->code ? err->code : EINVAL;

	error_report(err);
	return code;
}

static int cmd_flush(struct io_words *w)
{
	int err = w->shell->image->readonly ? 0 : image_flush(w->shell->image);

	return err ? tell(error_errno(err, "flush")) : 0;
}

static int cmd_truncate(struct io_words *w)
{
	static const char *const modes[] = {"off", "metadata", "falloc", "full"};
	const char *mode = w->value['m'];
	uint64_t size;

	if (!io_number(w->argv[0], &size))
		return EINVAL;
	for (unsigned int i = 0; mode && strcmp(mode, modes[i]);)
		if (++i == G_N_ELEMENTS(modes))
			return tell(error_new("Invalid preallocation mode '%s'", mode));
	struct error *err = image_truncate(w->shell->image, size, mode);
	return err ? tell(err) : 0;
}

static int cmd_length(struct io_words *w)
{
	char *text = io_amount((double)w->shell->image->size);

	printf("%s\n", text);
	g_free(text);
	return 0;
}

static int cmd_info(struct io_words *w)
{
	struct image *img = w->shell->image;

	printf("format name: %s\n", img->driver->name);
	if (img->cluster_size) {
		char *cluster = io_amount(img->cluster_size);
		printf("cluster size: %s\n", cluster);
		g_free(cluster);
	} else {
		printf("cluster size: 0 bytes\n");
	}
	char *state = io_amount(
		(double)(img->driver->vmstate_offset ? img->driver->vmstate_offset(img) : 0));
	printf("vm state offset: %s\n", state);
	g_free(state);
	print_image_facts(img);
	return 0;
}

/* Bytes from `offset` on, at most `len`, that this image (not a backing one) does or does not
 * have. */
static int allocated_run(struct image *img, uint64_t offset, uint64_t len, bool *allocated,
			 uint64_t *run)
{
	struct image_extent e;

	for (*run = 0; *run < len; *run += e.length) {
		int err = image_map(img, offset + *run, len - *run, &e);
		if (err)
			return err;
		if (!*run)
			*allocated = e.allocated;
		else if (*allocated != e.allocated)
			break;
	}
	return 0;
}

static int cmd_alloc(struct io_words *w)
{
	struct image *img = w->shell->image;
	uint64_t offset, count = 512, sum = 0, run;
	bool allocated = false;

	if (!io_number(w->argv[0], &offset) || (w->argc > 1 && !io_number(w->argv[1], &count)))
		return EINVAL;
	count = offset < img->size ? MIN(count, img->size - offset) : 0;
	for (uint64_t done = 0; done < count; done += run) {
		int err = allocated_run(img, offset + done, count - done, &allocated, &run);
		if (err)
			return io_wrong("is_allocated failed: %s", g_strerror(err));
		sum += allocated ? run : 0;
	}
	char *at = io_amount((double)offset);
	printf("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " bytes allocated at offset %s\n", sum,
	       count, at);
	g_free(at);
	return 0;
}

static int cmd_map(struct io_words *w)
{
	struct image *img = w->shell->image;
	uint64_t run;
	bool allocated = false;

	for (uint64_t at = 0; at < img->size; at += run) {
		int err = allocated_run(img, at, img->size - at, &allocated, &run);
		if (err)
			return tell(error_errno(err, "Failed to get allocation status"));
		char *length = io_amount((double)run), *offset = io_amount((double)at);
		printf("%s (0x%" G_GINT64_MODIFIER "x) bytes %s allocated at offset %s "
		       "(0x%" G_GINT64_MODIFIER "x)\n",
		       length, run, allocated ? "   " : "not", offset, at);
		g_free(length);
		g_free(offset);
	}
	return 0;
}

static int cmd_sleep(struct io_words *w)
{
	uint64_t ms;

	if (!io_number(w->argv[0], &ms))
		return EINVAL;
	g_usleep(ms * 1000);
	return 0;
}

static int cmd_abort(struct io_words *w)
{
	abort();
}

static int cmd_sigraise(struct io_words *w)
{
	uint64_t number;

	if (!io_number(w->argv[0], &number))
		return EINVAL;
	if (number > INT32_MAX)
		return io_wrong("signal argument '%s' is too large to be a valid signal number",
				w->argv[0]);
	/* The guest of this kill is a test of what a crash leaves behind. */
	fflush(stdout);
	raise((int)number);
	return 0;
}

const struct io_command io_image_commands[] = {
	{"flush", "f", "", 0, 0, false, false, false, cmd_flush, "", "makes all writes safe", NULL},
	{"truncate", "t", "m:", 1, 1, false, true, false, cmd_truncate, "[-m prealloc_mode] off",
	 "changes the size of the disk", " -m  off, metadata, falloc or full"},
	{"length", "l", "", 0, 0, false, false, false, cmd_length, "", "tells the size of the disk",
	 NULL},
	{"info", "i", "", 0, 0, false, false, false, cmd_info, "", "tells about the image", NULL},
	{"alloc", "a", "", 1, 2, false, false, false, cmd_alloc, "offset [count]",
	 "tells how many of some bytes this image has itself", NULL},
	{"map", NULL, "", 0, 0, false, false, false, cmd_map, "",
	 "lists what this image has itself", NULL},
	{"sleep", NULL, "", 1, 1, true, false, false, cmd_sleep, "milliseconds", "waits", NULL},
	{"abort", NULL, "", 0, 0, true, false, false, cmd_abort, "", "crashes the program", NULL},
	{"sigraise", NULL, "", 1, 1, true, false, false, cmd_sigraise, "signal",
	 "sends the program a signal", NULL},
	{0},
};
