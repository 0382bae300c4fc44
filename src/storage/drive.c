/* The list of drives: finding them, their media, and what the monitor shows of them. */
#include "storage/block-int.h"
#include "storage/image.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static struct drive *drives; /* in the order of their definition */

struct drive *drive_first(void)
{
	return drives;
}

struct drive *drive_get(const char *interface, unsigned int bus, unsigned int unit)
{
	for (struct drive *d = drives; d; d = d->next)
		if (!strcmp(d->interface, interface) && d->bus == bus && d->unit == unit)
			return d;
	return NULL;
}

struct drive *drive_find(const char *id)
{
	for (struct drive *d = drives; d; d = d->next)
		if (!strcmp(d->id, id))
			return d;
	return NULL;
}

struct drive *drive_new(const char *interface, unsigned int bus, unsigned int unit, char *id)
{
	struct drive *d = g_new0(struct drive, 1), **end = &drives;

	d->interface = g_strdup(interface);
	d->bus = bus;
	d->unit = unit;
	d->id = id;
	while (*end)
		end = &(*end)->next;
	*end = d;
	return d;
}

struct image *drive_image(struct drive *d)
{
	return d->block ? block_image(d->block) : NULL;
}

uint64_t drive_size(const struct drive *d)
{
	return d->block ? block_image(d->block)->size : 0;
}

bool drive_readonly(const struct drive *d)
{
	return d->readonly || d->media == MEDIA_CDROM ||
	       (d->block && block_image(d->block)->readonly);
}

/* --- opening --- */

static unsigned int open_flags(const struct drive *d)
{
	unsigned int flags = 0;

	if (!d->readonly && d->media != MEDIA_CDROM)
		flags |= IMAGE_RDWR;
	/* A write-protected floppy is an ordinary thing; a read-only hard disk must be asked for.
	 */
	if (d->media == MEDIA_FLOPPY)
		flags |= IMAGE_AUTO_RDONLY;
	if (d->cache == CACHE_NONE || d->cache == CACHE_DIRECTSYNC)
		flags |= IMAGE_NOCACHE;
	if (d->cache == CACHE_UNSAFE)
		flags |= IMAGE_NOFLUSH;
	if (d->discard)
		flags |= IMAGE_DISCARD;
	if (d->locking_off)
		flags |= IMAGE_NO_LOCK;
	return flags;
}

static struct error *open_image(const struct drive *d, const char *file, const char *format,
				struct block **out)
{
	unsigned int flags = open_flags(d);
	struct image *image;
	bool through = d->cache == CACHE_WRITETHROUGH || d->cache == CACHE_DIRECTSYNC;
	struct error *err;

	if (d->snapshot && d->media != MEDIA_CDROM) {
		err = image_open(file, format, flags & ~(unsigned int)IMAGE_RDWR, &image);
		if (!err)
			err = image_open_snapshot(image, flags, &image);
		through = false;
	} else {
		err = image_open(file, format, flags, &image);
	}
	if (err)
		return err;
	if (d->cache == CACHE_DEFAULT && !d->snapshot)
		through = strcmp(image->driver->name, "qcow2") != 0;
	*out = block_new(image, through && !image->readonly);
	return NULL;
}

/* What is no disk at all: an image without a whole sector. A raw one shows its last sector padded,
 * so its file is asked. */
static struct error *check_disk(struct drive *d)
{
	const struct image *image = block_image(d->block);
	bool raw = strcmp(image->driver->name, "raw") == 0 && image->file;
	uint64_t size = raw ? image->file->size : image->size;

	if (d->media != MEDIA_DISK || size >= 512)
		return NULL;
	block_free(d->block);
	d->block = NULL;
	return error_new("'%s' has %" PRIu64 " bytes; a disk has at least one sector of 512",
			 d->file, size);
}

struct error *drive_open(struct drive *d)
{
	struct error *err;

	if (!d->file)
		return NULL;
	err = open_image(d, d->file, d->format, &d->block);
	return err ? err : check_disk(d);
}

static void medium_changed(struct drive *d)
{
	if (d->changed)
		d->changed(d->changed_opaque);
}

static void close_medium(struct drive *d)
{
	drives_drain();
	if (d->block)
		block_free(d->block);
	d->block = NULL;
	g_free(d->file);
	d->file = NULL;
}

struct error *drive_change(struct drive *d, const char *file, const char *format)
{
	struct block *block;
	struct error *err;

	if (d->media == MEDIA_DISK && strcmp(d->interface, "sd"))
		return error_new("Device '%s' is not removable", d->id);
	if (d->locked && !d->tray_open)
		return error_new("Device '%s' is locked", d->id);
	err = open_image(d, file, format, &block);
	if (err)
		return err;
	if (d->block) {
		close_medium(d);
		d->tray_open = false;
		medium_changed(d); /* the device sees the empty drive first */
	}
	d->block = block;
	d->file = g_strdup(file);
	d->tray_open = false;
	medium_changed(d);
	return NULL;
}

struct error *drive_eject(struct drive *d, bool force)
{
	if (d->media == MEDIA_DISK && strcmp(d->interface, "sd"))
		return error_new("Device '%s' is not removable", d->id);
	if (d->locked && !d->tray_open && !force)
		return error_new("Device '%s' is locked", d->id);
	close_medium(d);
	d->tray_open = d->media == MEDIA_CDROM;
	medium_changed(d);
	return NULL;
}

void drive_set_tray(struct drive *d, bool open)
{
	struct image *img = drive_image(d);

	if (d->tray_open == open)
		return;
	d->tray_open = open;
	if (img && img->file && img->file->driver->eject)
		img->file->driver->eject(img->file, open);
}

void drive_set_locked(struct drive *d, bool locked)
{
	struct image *img = drive_image(d);

	d->locked = locked;
	if (img && img->file && img->file->driver->lock_medium)
		img->file->driver->lock_medium(img->file, locked);
}

bool drive_has_medium(struct drive *d)
{
	struct image *img = drive_image(d);

	if (!img || d->tray_open)
		return false;
	if (img->file && img->file->driver->media_present)
		return img->file->driver->media_present(img->file);
	return true;
}

void drives_close(void)
{
	drives_drain();
	for (struct drive *d = drives; d; d = d->next) {
		int err = d->block ? block_free(d->block) : 0;
		if (err)
			warn_report("%s: last flush: %s", d->id, g_strerror(err));
		d->block = NULL;
	}
}

/* --- commit --- */

/* Copies what the layer holds into its backing image, then empties the layer if it can be. */
static int commit_layer(struct image *img)
{
	const size_t chunk = 1 << 20;
	uint8_t *buf = g_malloc(chunk);
	uint64_t at = 0, end = MIN(img->size, img->backing->size);
	int err = 0;

	while (at < end && !err) {
		struct image_extent e;
		err = image_map(img, at, MIN(chunk, end - at), &e);
		if (!err && e.allocated) {
			err = image_pread(img, at, buf, e.length);
			if (!err)
				err = image_pwrite(img->backing, at, buf, e.length);
		}
		at += e.length;
	}
	g_free(buf);
	if (!err)
		err = image_flush(img->backing);
	if (!err && img->driver->make_empty)
		err = img->driver->make_empty(img);
	return err;
}

/* The backing image again, but writable. */
static struct error *backing_reopen(struct image *img, bool writable)
{
	struct image *old = img->backing, *new;
	unsigned int flags = old->flags & ~(unsigned int)IMAGE_RDWR;
	char *name = g_strdup(old->filename), *format = g_strdup(old->driver->name);
	struct error *err;

	image_close(old);
	img->backing = NULL;
	err = image_open(name, format, flags | (writable ? IMAGE_RDWR : 0), &new);
	if (err && writable) {
		struct error *again = image_open(name, format, flags, &new);
		if (again)
			error_free(again);
	}
	img->backing = new;
	g_free(name);
	g_free(format);
	return err;
}

static struct error *drive_commit(struct drive *d)
{
	struct image *img = drive_image(d);
	struct error *err;

	if (!img)
		return error_new("Device '%s' has no medium", d->id);
	if (!img->backing)
		return error_new("Device '%s' has no backing file", d->id);
	drives_drain();
	err = backing_reopen(img, true);
	if (err)
		return err;
	int code = commit_layer(img);
	err = backing_reopen(img, false);
	if (code) {
		error_free(err);
		err = error_errno(code, "commit of '%s'", d->id);
	}
	return err;
}

struct error *drives_commit(const char *id)
{
	if (strcmp(id, "all")) {
		struct drive *d = drive_find(id);
		return d ? drive_commit(d) : error_new("Device '%s' not found", id);
	}
	for (struct drive *d = drives; d; d = d->next) {
		struct image *img = drive_image(d);
		struct error *err = img && img->backing ? drive_commit(d) : NULL;
		if (err)
			return err;
	}
	return NULL;
}

/* --- the monitor's tables --- */

static void print_drive(struct drive *d, GString *out)
{
	struct image *img = drive_image(d);

	if (!img) {
		g_string_append_printf(out, "%s: [not inserted]\n", d->id);
	} else {
		g_string_append_printf(out, "%s: %s (%s%s)\n", d->id, d->file, img->driver->name,
				       img->readonly ? ", read-only" : "");
	}
	if (d->media != MEDIA_DISK)
		g_string_append_printf(out, "    Removable device: %slocked, tray %s\n",
				       d->locked ? "" : "not ", d->tray_open ? "open" : "closed");
	if (!img)
		return;
	static const char *const modes[] = {
		[CACHE_DEFAULT] = "default",	   [CACHE_WRITETHROUGH] = "writethrough",
		[CACHE_WRITEBACK] = "writeback",   [CACHE_NONE] = "writeback, direct",
		[CACHE_DIRECTSYNC] = "directsync", [CACHE_UNSAFE] = "writeback, ignore flushes",
	};
	g_string_append_printf(out, "    Cache mode:       %s\n", modes[d->cache]);
	if (img->backing)
		g_string_append_printf(out, "    Backing file:     %s\n", img->backing->filename);
	if (img->encrypted)
		g_string_append(out, "    Encrypted\n");
}

void drives_print(GString *out)
{
	for (struct drive *d = drives; d; d = d->next)
		print_drive(d, out);
}

void drives_print_stats(GString *out)
{
	for (struct drive *d = drives; d; d = d->next)
		g_string_append_printf(
			out,
			"%s: rd_bytes=%" G_GUINT64_FORMAT " wr_bytes=%" G_GUINT64_FORMAT
			" rd_operations=%" G_GUINT64_FORMAT " wr_operations=%" G_GUINT64_FORMAT
			" flush_operations=%" G_GUINT64_FORMAT "\n",
			d->id, d->rd_bytes, d->wr_bytes, d->rd_ops, d->wr_ops, d->flush_ops);
}
