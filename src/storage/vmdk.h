/*
 * VMDK ("Virtual Disk Format 1.1" of VMware): a descriptor text and extents, each a file of its own
 * or the one that holds the descriptor.
 */
#ifndef STORAGE_VMDK_H
#define STORAGE_VMDK_H

#include "storage/image.h"

#define VMDK4_MAGIC	    0x564d444bu /* "KDMV" */
#define VMDK3_MAGIC	    0x44574f43u /* "COWD" */
#define VMDK_MAX_DESCRIPTOR (2u << 20)
#define VMDK_MAX_DIRECTORY  (64u << 20)
#define VMDK_GD_AT_END	    UINT64_MAX

enum vmdk_header {
	V_FLAGS = 8,
	V_CAPACITY = 12,
	V_GRAIN = 20,
	V_DESC_OFFSET = 28,
	V_DESC_SIZE = 36,
	V_GTES = 44,
	V_RGD = 48,
	V_GD = 56,
	V_DATA = 64,
	V_CHECK = 73,
	V_COMPRESSION = 77,
};

enum {
	VMDK_FLAG_NEWLINE = 1,
	VMDK_FLAG_RGD = 2,
	VMDK_FLAG_ZERO_GRAIN = 4,
	VMDK_FLAG_COMPRESSED = 1 << 16,
	VMDK_FLAG_MARKERS = 1 << 17,
};

enum vmdk_kind { VMDK_FLAT, VMDK_SPARSE, VMDK_ZERO };

struct vmdk_extent {
	enum vmdk_kind kind;
	struct image *file; /* not closed here where it is the image's own */
	bool own_file, readonly;
	uint64_t start, sectors; /* of the disk */
	uint64_t offset;	 /* VMDK_FLAT: sectors into the file */
	/* VMDK_SPARSE */
	uint32_t version, grain, gtes;		/* sectors a grain, entries a grain table */
	uint32_t *directory, *backup_directory; /* host order; sector numbers */
	uint32_t directory_size;
	bool compressed, markers, zero_grains;
	/* grain tables last used */
	uint32_t *table;
	uint32_t table_at; /* sector; 0: none */
	uint8_t *unpacked;
	uint64_t unpacked_grain;
};

struct vmdk {
	struct vmdk_extent *extents;
	unsigned int count;
	char *create_type;
	uint32_t cid, parent_cid;
	char *descriptor;
	struct image *desc_file; /* where the descriptor is */
	uint64_t desc_offset, desc_size;
	bool cid_written;
};

/* vmdk-grain.c: within one grain of a sparse extent; offsets are the disk's */
int vmdk_read_grain(struct image *img, struct vmdk_extent *e, uint64_t offset, uint8_t *buf,
		    size_t len);
int vmdk_write_grain(struct image *img, struct vmdk_extent *e, uint64_t offset, const uint8_t *buf,
		     size_t len);
/* What the grains from byte `in` of the extent are; *run: bytes that are alike, at least to the end
 * of the first. */
int vmdk_map_grains(struct vmdk_extent *e, uint64_t in, uint64_t len, struct image_extent *x,
		    uint64_t *run);
struct error *vmdk_check_extent(struct vmdk_extent *e, struct image_check *r) NODISCARD;

/* vmdk-create.c */
extern const struct image_opt vmdk_options[];
struct error *vmdk_create(struct image_create *c) NODISCARD;

#endif
