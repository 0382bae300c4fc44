/*
 * Disk images as bytes: what every format and protocol driver implements, and how they are opened.
 *
 * An image is a tree of nodes. The top node has a format (raw, qcow2 ...), below it `file` is the
 * protocol that holds its bytes (file, nbd, fat), and `backing` is the image that shows through
 * where a copy-on-write format has nothing. Everything here is synchronous: one thread at a time
 * uses a tree (storage/block.h puts a worker behind each for devices; the tools call directly).
 *
 * Functions that move data return 0 or a positive errno value; those that the user waits for
 * return a struct error. Offsets and lengths are in bytes, of any alignment.
 */
#ifndef STORAGE_IMAGE_H
#define STORAGE_IMAGE_H

#include "base/error.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SECTOR_SIZE 512u
/* No image is larger: file offsets are signed, and sums of two of them must not overflow. */
#define IMAGE_MAX_SIZE (UINT64_C(1) << 62)

enum image_flags {
	IMAGE_RDWR = 1 << 0,
	IMAGE_NOCACHE = 1 << 1,	    /* O_DIRECT */
	IMAGE_NOFLUSH = 1 << 2,	    /* cache=unsafe: flushes do nothing */
	IMAGE_NO_BACKING = 1 << 3,  /* leave `backing` closed */
	IMAGE_FORCE_SHARE = 1 << 4, /* no locks against others; read-only use */
	IMAGE_NO_LOCK = 1 << 5,	    /* temporary files */
	IMAGE_CHECK = 1 << 6,	    /* also open what is marked corrupt: for qemu-img check */
	IMAGE_NO_IO = 1 << 7,	    /* only the header is wanted: an encrypted image needs no key */
	IMAGE_DISCARD = 1 << 8,	    /* discards reach the host */
	IMAGE_PROBED = 1 << 9,	    /* format was guessed: see raw.c */
	IMAGE_AUTO_RDONLY = 1 << 10, /* fall back to read-only where writing is not allowed */
	IMAGE_UNMAP = 1 << 11,	     /* image_write_zeroes() may free clusters */
};

struct image;
struct image_create;

/* What a run of bytes is made of. */
struct image_extent {
	uint64_t length;
	bool data;	 /* reading gives bytes that are stored somewhere */
	bool zero;	 /* reading gives zeroes */
	bool allocated;	 /* this layer decides; else the backing image does */
	bool compressed; /* stored compressed */
	bool has_offset; /* `offset` is where the bytes are in `file` */
	uint64_t offset;
};

struct image_snapshot {
	char *id, *name; /* owned */
	uint64_t vm_state_size;
	int64_t date_sec;
	uint32_t date_nsec;
	uint64_t vm_clock_ns;
	uint64_t icount; /* UINT64_MAX: none */
	uint64_t disk_size;
};

enum { CHECK_FIX_LEAKS = 1, CHECK_FIX_ERRORS = 2 };

struct image_check {
	uint64_t corruptions, leaks, check_errors;
	uint64_t corruptions_fixed, leaks_fixed;
	uint64_t image_end_offset;
	uint64_t total_clusters, allocated_clusters, compressed_clusters, fragmented_clusters;
	FILE *out; /* where each finding is told; NULL: nowhere */
};

enum image_opt_kind { OPT_STRING, OPT_BOOL, OPT_SIZE, OPT_NUMBER };

/* One -o option of qemu-img create. */
struct image_opt {
	const char *name, *help;
	enum image_opt_kind kind;
	const char *def; /* shown by `-o help`; NULL: none */
};

/* Format-specific facts for qemu-img info: printed in order. */
struct image_fact {
	const char *name, *json; /* `json`: literal JSON text of the value is in `value` */
	char *value;
};

struct image_driver {
	const char *name;
	const char *help;
	/* Prefixes of names ("nbd: nbd+"), "" for files; NULL: a format. */
	const char *protocol;
	bool supports_backing;
	bool supports_compress;
	bool growable; /* protocols: writing behind the end makes the file longer */
	bool no_probe;
	size_t state_size;
	const struct image_opt *create_options;
	/* How sure the format is that it wrote these first bytes: 0 no ... 100. */
	int (*probe)(const uint8_t *head, size_t len, const char *filename);
	/* `img` has file (formats), filename, flags; sets size and what else it finds. */
	struct error *(*open)(struct image *img);
	void (*close)(struct image *img);
	/* Takes an option of image-options.h after the opening; false: it knows no such. */
	bool (*configure)(struct image *img, const char *key, const char *value,
			  struct error **err);
	/* Is told what the node above is about to do: image_event(). */
	void (*event)(struct image *img, const char *event);
	struct error *(*create)(struct image_create *c);
	/* Within [0, size) always. */
	int (*pread)(struct image *img, uint64_t offset, void *buf, size_t len);
	int (*pwrite)(struct image *img, uint64_t offset, const void *buf, size_t len);
	/* Optional from here on. */
	int (*pwrite_compressed)(struct image *img, uint64_t offset, const void *buf, size_t len);
	/* Places bytes that compress_cluster() made, for `len` guest bytes at `offset`. Any thread
	 * may call compress. Returns the size, or 0 where the result is not smaller. */
	size_t (*compress)(struct image *img, const void *in, size_t len, void *out);
	int (*pwrite_prepared)(struct image *img, uint64_t offset, const void *packed, size_t size);
	int (*flush)(struct image *img);
	int (*discard)(struct image *img, uint64_t offset, uint64_t len);
	int (*write_zeroes)(struct image *img, uint64_t offset, uint64_t len, unsigned int flags);
	int (*map)(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e);
	struct error *(*truncate)(struct image *img, uint64_t size, const char *preallocation);
	struct error *(*check)(struct image *img, unsigned int fix, struct image_check *result);
	struct error *(*set_backing)(struct image *img, const char *file, const char *format);
	/* Empties the image after a commit; NULL: write zeroes is no substitute, so it stays. */
	int (*make_empty)(struct image *img);
	struct error *(*snapshot_list)(struct image *img, GPtrArray *list);
	struct error *(*snapshot_create)(struct image *img, struct image_snapshot *sn);
	struct error *(*snapshot_goto)(struct image *img, const char *id);
	struct error *(*snapshot_delete)(struct image *img, const char *id);
	/* Shows a read-only image as a snapshot has it, until it is closed. */
	struct error *(*snapshot_load)(struct image *img, const char *id);
	int (*vmstate_read)(struct image *img, uint64_t offset, void *buf, size_t len);
	int (*vmstate_write)(struct image *img, uint64_t offset, const void *buf, size_t len);
	uint64_t (*vmstate_offset)(struct image *img);	 /* where it is, for those who ask */
	void (*facts)(struct image *img, GArray *facts); /* struct image_fact */
	struct error *(*amend)(struct image *img, struct image_create *c);
	struct error *(*set_key)(struct image *img, const char *password);
	uint64_t (*measure)(struct image_create *c, struct image *source, uint64_t *required);
	/* Removable media of the host. */
	bool (*media_present)(struct image *img);
	void (*eject)(struct image *img, bool eject);
	void (*lock_medium)(struct image *img, bool lock);
	/* Bytes that the image takes on the host; UINT64_MAX unknown. */
	uint64_t (*host_size)(struct image *img);
};

struct image {
	const struct image_driver *driver;
	void *state; /* state_size zeroed bytes, freed after close */
	char *filename;
	unsigned int flags;
	bool readonly;
	bool probed; /* the format was guessed */
	bool encrypted, key_missing;
	bool zero_init;	       /* a fresh image of this format reads as zeroes */
	uint64_t size;	       /* of the disk, bytes */
	uint32_t cluster_size; /* 0: none */
	struct image *file;    /* protocol below a format */
	struct image *backing; /* NULL: none, or not open */
	char *backing_file;    /* as the header gives it, or NULL */
	char *backing_format;  /* or NULL */
	char *key_secret;      /* the secret that is its key, or NULL: to be asked for */
};

/* --- opening --- */

/*
 * Opens `filename` (a path or a protocol's text) as `format` (NULL: guess), with its backing
 * chain. Errors read "Could not open 'NAME': why".
 */
struct error *image_open(const char *filename, const char *format, unsigned int flags,
			 struct image **img) NODISCARD;
/* The same, with errors that only say why: for those who name the image in words of their own. */
struct error *image_open_unnamed(const char *filename, const char *format, unsigned int flags,
				 struct image **img) NODISCARD;
/* Opens the protocol only. */
struct error *image_open_file(const char *filename, unsigned int flags,
			      struct image **img) NODISCARD;
/* Opens a format on a protocol that is open; takes `file` also on error. */
struct error *image_open_on(struct image *file, const char *format, unsigned int flags,
			    struct image **img) NODISCARD;
/* Opens img->backing_file now; for images opened with IMAGE_NO_BACKING. */
struct error *image_open_backing(struct image *img) NODISCARD;
/* Flushes and closes a tree; NULL is allowed. Returns the error of the flush. */
int image_close(struct image *img);
/* A temporary copy-on-write layer on `base` (taken, also on error), gone when it is closed. */
struct error *image_open_snapshot(struct image *base, unsigned int flags,
				  struct image **img) NODISCARD;

const struct image_driver *image_driver_find(const char *name);
const struct image_driver *image_driver_at(unsigned int i); /* NULL after the last */
const struct image_driver *image_driver_probe(struct image *file);
const struct image_driver *image_driver_protocol(const char *filename);
/* `name` as seen from the image `from`: absolute, a protocol, or beside it. Owned by the caller. */
char *image_path_relative(const char *from, const char *name);
/* True where the text names a protocol ("nbd:...") rather than a path. */
bool image_path_has_protocol(const char *filename);

/* --- data --- */

int image_pread(struct image *img, uint64_t offset, void *buf, size_t len);
/* The same for files whose end may be missing: what lies behind it reads as zeroes. */
int image_pread_padded(struct image *img, uint64_t offset, void *buf, size_t len);
int image_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len);
int image_flush(struct image *img);
int image_discard(struct image *img, uint64_t offset, uint64_t len);
int image_write_zeroes(struct image *img, uint64_t offset, uint64_t len, unsigned int flags);
/* What [offset, offset+len) of this layer is; e->length is at least 1 and at most len. */
int image_map(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e);
/* The same through the chain; *depth is the layer that decides (0: img itself), allocated is false
 * where none does. Stops above `base`, which may be NULL. */
int image_map_chain(struct image *img, struct image *base, uint64_t offset, uint64_t len,
		    struct image_extent *e, unsigned int *depth, struct image **node);
/* For drivers: tells the node below what comes, by blkdebug's names. */
void image_event(struct image *img, const char *event);
/* For drivers: reads what is below them; zeroes where there is no backing image or beyond it. */
int image_read_backing(struct image *img, uint64_t offset, void *buf, size_t len);
struct error *image_truncate(struct image *img, uint64_t size, const char *preallocation) NODISCARD;
uint64_t image_host_size(struct image *img);
bool buffer_is_zero(const void *buf, size_t len);

/* --- creating --- */

/* A parsed set of creation options. */
struct image_create {
	const struct image_driver *driver;
	const char *filename;
	GHashTable *values; /* char * to char *, owned */
};

/* Knows no values yet. */
void image_create_init(struct image_create *c, const struct image_driver *driver,
		       const char *filename);
void image_create_clear(struct image_create *c);
/* Adds "a=b,c=d" (commas doubled); unknown names are errors. */
struct error *image_create_parse(struct image_create *c, const char *text) NODISCARD;
void image_create_set(struct image_create *c, const char *name, const char *value);
const char *image_create_str(const struct image_create *c, const char *name); /* or NULL */
struct error *image_create_bool(const struct image_create *c, const char *name, bool def,
				bool *value) NODISCARD;
struct error *image_create_size(const struct image_create *c, const char *name, uint64_t def,
				uint64_t *value) NODISCARD;
/* Makes the image. On error nothing is left that was not there before. */
struct error *image_create(struct image_create *c) NODISCARD;
/* For drivers: an empty file, open for writing. */
struct error *image_create_file(const char *filename, uint64_t size, struct image **file) NODISCARD;
void image_snapshot_free(void *snapshot);
/* By id, else by name; index in `list` or -1. */
int image_snapshot_find(GPtrArray *list, const char *id_or_name);

/* `text` as a JSON string, in quotes; owned by the caller. */
char *json_quote(const char *text);
/* Adds a fact; its value is printf-style. `json`: "s" quotes it, other letters take it as it is,
 * "j" is for JSON alone and NULL for people alone. */
void image_fact_add(GArray *facts, const char *name, const char *json, const char *format, ...)
	PRINTF(4, 5);

#endif
