/*
 * Disks as devices see them: a back end of bytes with a worker thread behind it.
 *
 * Requests are made with the machine lock held and complete through the event loop, in any order,
 * on the main thread with the lock held. Buffers belong to the caller and must stay until then.
 * Offsets and lengths are multiples of 512 unless the image says otherwise; they are checked.
 */
#ifndef STORAGE_BLOCK_H
#define STORAGE_BLOCK_H

#include "base/error.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct block; /* an open image, with its backing chain and worker */
struct image; /* storage/image.h */

enum block_media { MEDIA_DISK, MEDIA_CDROM, MEDIA_FLOPPY };
enum block_error_action {
	BLOCK_ERROR_REPORT,
	BLOCK_ERROR_IGNORE,
	BLOCK_ERROR_STOP,
	BLOCK_ERROR_ENOSPC
};
enum block_cache {
	CACHE_DEFAULT, /* writeback for qcow2 and snapshots, writethrough for the rest */
	CACHE_WRITETHROUGH,
	CACHE_WRITEBACK,
	CACHE_NONE,	  /* write back, past the host's page cache */
	CACHE_DIRECTSYNC, /* write through, past the host's page cache */
	CACHE_UNSAFE,	  /* write back, flushes ignored */
};

/* A place for a medium: what -drive, -hda ... define and a disk controller plugs in. */
struct drive {
	char *id;	 /* "ide0-hd0", "ide1-cd0", "floppy0", or id= */
	char *interface; /* "ide", "scsi", "floppy", "virtio", "sd", "pflash", "mtd", "none" */
	unsigned int bus, unit;
	enum block_media media;
	struct block *block; /* NULL: empty */
	char *file;	     /* as given; NULL: empty */
	char *format;	     /* format=, or NULL: guessed */
	char *serial;	     /* serial=, or NULL */
	enum block_cache cache;
	bool discard; /* discards reach the host */
	bool locking_off;
	bool readonly, snapshot, locked, tray_open;
	unsigned int cyls, heads, secs; /* 0: guess */
	int translation;		/* 0 auto, 1 none, 2 lba, 3 large */
	enum block_error_action rerror, werror;
	bool claimed; /* a device uses it */
	/* the medium changed (monitor's change, eject); set by the device; may be NULL */
	void (*changed)(void *opaque);
	void *changed_opaque;
	/* statistics for info blockstats */
	uint64_t rd_bytes, wr_bytes, rd_ops, wr_ops, flush_ops;
	struct drive *next;
};

/* Drive with (interface, bus, unit), or NULL. */
struct drive *drive_get(const char *interface, unsigned int bus, unsigned int unit);
struct drive *drive_find(const char *id);
struct drive *drive_first(void);

uint64_t drive_size(const struct drive *d); /* bytes, 0 where empty */
bool drive_readonly(const struct drive *d);
/* Physical geometry as given, guessed from the partition table, or the largest that fits, and the
 * BIOS translation (1 none, 2 LBA, 3 large) that goes with it: the PC board puts it into CMOS. */
void drive_geometry(struct drive *d, uint32_t *cyls, uint32_t *heads, uint32_t *secs,
		    int *translation);

/* `error` is 0 or an errno value. */
typedef void drive_done_fn(void *opaque, int error);

void drive_read(struct drive *d, uint64_t offset, void *buf, size_t len, drive_done_fn *done,
		void *opaque);
void drive_write(struct drive *d, uint64_t offset, const void *buf, size_t len, drive_done_fn *done,
		 void *opaque);
void drive_discard(struct drive *d, uint64_t offset, uint64_t len, drive_done_fn *done,
		   void *opaque);
void drive_write_zeroes(struct drive *d, uint64_t offset, uint64_t len, bool unmap,
			drive_done_fn *done, void *opaque);
void drive_flush(struct drive *d, drive_done_fn *done, void *opaque);

/* --- media (machine lock held; requests in flight are waited for) --- */

/* Opens d->file with what else the drive says; on error the drive is empty. */
struct error *drive_open(struct drive *d) NODISCARD;
/* Monitor's change: another file (format NULL: guess). The old medium stays on error. */
struct error *drive_change(struct drive *d, const char *file, const char *format) NODISCARD;
/* Monitor's eject: fails where the guest has locked the door, unless forced. */
struct error *drive_eject(struct drive *d, bool force) NODISCARD;
/* The device opens or closes the tray, and locks the door (ATAPI, floppy). */
void drive_set_tray(struct drive *d, bool open);
void drive_set_locked(struct drive *d, bool locked);
/* A medium is in the drive (also false where a host drive is empty). */
bool drive_has_medium(struct drive *d);
/* Adds an empty drive to the list; `interface` is borrowed, `id` owned by the drive. */
struct drive *drive_new(const char *interface, unsigned int bus, unsigned int unit, char *id);
/* The image itself, NULL where empty; only between drives_drain() and the next request. */
struct image *drive_image(struct drive *d);
/* Monitor's commit: writes a drive's (id) or every drive's ("all") changes to its backing image. */
struct error *drives_commit(const char *id) NODISCARD;
/* Appends the text of "info block" and "info blockstats". */
void drives_print(GString *out);
void drives_print_stats(GString *out);
/* Waits (machine lock held) until no request of any drive is in flight; completions have run. */
void drives_drain(void);
/* Flushes and closes all images; at exit. */
void drives_close(void);

#endif
