/*
 * A disk whose every sector says which write it is from, and a random workload on it: so that after
 * an accident one can tell whether each sector holds what it may hold.
 */
#ifndef TESTS_STORAGE_STAMP_DISK_H
#define TESTS_STORAGE_STAMP_DISK_H

#include "storage/image.h"

#define DISK_SIZE (1u << 20)
#define SECTORS	  (DISK_SIZE / SECTOR_SIZE)

struct stamp_disk {
	/* What a sector may hold after an accident: stamps; the last is what it holds now. */
	GArray *allowed[SECTORS];
	GPtrArray *saved; /* snapshots: struct saved_stamps */
	uint32_t stamps;
	bool snapshots; /* some steps make, apply and delete them */
	GRand *dice;
};

/* `dice` stays the caller's. */
void stamp_disk_init(struct stamp_disk *d, GRand *dice, bool snapshots);
void stamp_disk_clear(struct stamp_disk *d);
/* One random piece of work, tried twice. After an error the image is not to be worked with: what
 * it holds may be old or new. */
int stamp_disk_step(struct stamp_disk *d, struct image *img);
/* Ends the test unless the image holds what it may, and its check finds no corruption. Returns
 * whether there are leaks. */
bool stamp_disk_verify(struct stamp_disk *d, struct image *img, const char *when);

/* The kinds of qcow2 image that are tried; the last has NULL options. */
struct stamp_kind {
	const char *options;
	bool snapshots;
};
extern const struct stamp_kind stamp_kinds[];
#define STAMP_KINDS 5

/* The bytes of a fresh image, in a buffer of `room` bytes. */
uint8_t *stamp_kind_image(const struct stamp_kind *kind, size_t room, uint64_t *size);

/* A protocol node over bytes in memory, made without opening: `state` becomes the node's. */
struct image *node_over(const struct image_driver *driver, void *state, uint64_t size);

void must(struct error *err);

#endif
