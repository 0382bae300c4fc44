/*
 * Reading and writing for the formats that map fixed-size clusters with one table: qcow, cow, vdi,
 * vpc, parallels, bochs, cloop. The format says where a cluster is; this does the rest.
 */
#ifndef STORAGE_CLUSTER_IO_H
#define STORAGE_CLUSTER_IO_H

#include "storage/image.h"

enum cluster_kind {
	CLUSTER_ABSENT, /* the backing image shows, or zeroes */
	CLUSTER_ZERO,
	CLUSTER_DATA,	/* at `offset` of the file */
	CLUSTER_PACKED, /* at `offset`, `size` bytes, to be unpacked */
};

struct cluster_place {
	enum cluster_kind kind;
	uint64_t offset;
	uint32_t size;
};

struct cluster_ops {
	int (*find)(struct image *img, uint64_t index, struct cluster_place *p);
	int (*unpack)(struct image *img, const struct cluster_place *p, const uint8_t *packed,
		      uint8_t *out);
	/* Space for a cluster whose bytes are zeroes until they are written. NULL: read-only. */
	int (*allocate)(struct image *img, uint64_t index, struct cluster_place *p);
	/* The bytes are written: puts the cluster into the table. */
	int (*enter)(struct image *img, uint64_t index, const struct cluster_place *p);
};

/* First member of such a driver's state. */
struct cluster_io {
	const struct cluster_ops *ops;
	uint32_t size;	     /* of a cluster, bytes */
	struct aes_key *key; /* or NULL */
	uint8_t *unpacked;
	uint64_t unpacked_index;
};

void cluster_io_init(struct image *img, const struct cluster_ops *ops, uint32_t size);
void cluster_io_clear(struct image *img);
int cluster_pread(struct image *img, uint64_t offset, void *buf, size_t len);
int cluster_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len);
int cluster_map(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e);
/* Reads `count` 32-bit entries; the table must lie in the file. */
struct error *cluster_read_table(struct image *img, uint64_t offset, uint64_t count,
				 uint64_t max_bytes, uint32_t **table) NODISCARD;
/* The end of the file, rounded up to `align`; the file then ends `len` bytes later. */
int cluster_append(struct image *img, uint64_t align, uint64_t len, uint64_t *offset);

#endif
