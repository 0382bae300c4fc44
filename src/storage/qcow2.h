/*
 * qcow2, versions 2 and 3, after its specification (docs/interop/qcow2.txt of its authors).
 *
 * Order of writes. Tables are cached; what changed goes to the file in qcow2_write_back():
 *
 *	data and refcount blocks, refcount table | flush | L2 tables | flush | L1 | flush | frees
 *
 * so a crash between any two of them leaves at most clusters that nobody uses (leaks). A cluster
 * that loses its last user is not free, and not used again, before the table that no longer names
 * it is safe: `frees` collects these until the end of that sequence.
 * Operations on snapshots change counts and "copied" bits together; version 3 images carry the
 * dirty bit while that goes on, and are repaired when they are next opened.
 */
#ifndef STORAGE_QCOW2_H
#define STORAGE_QCOW2_H

#include "storage/image.h"

#define QCOW2_MAGIC		 0x514649fbu
#define QCOW2_COPIED		 (UINT64_C(1) << 63)
#define QCOW2_COMPRESSED	 (UINT64_C(1) << 62)
#define QCOW2_ZERO		 UINT64_C(1)
#define QCOW2_OFFSET_MASK	 UINT64_C(0x00fffffffffffe00)
#define QCOW2_MAX_L1		 (32u << 20) /* bytes */
#define QCOW2_MAX_REFTABLE	 (8u << 20)  /* bytes */
#define QCOW2_MAX_SNAPSHOTS	 65536u
#define QCOW2_MAX_SNAPSHOT_TABLE (64u << 20)

enum qcow2_header {
	H_MAGIC = 0,
	H_VERSION = 4,
	H_BACKING_OFFSET = 8,
	H_BACKING_SIZE = 16,
	H_CLUSTER_BITS = 20,
	H_SIZE = 24,
	H_CRYPT = 32,
	H_L1_SIZE = 36,
	H_L1_OFFSET = 40,
	H_REFTABLE_OFFSET = 48,
	H_REFTABLE_CLUSTERS = 56,
	H_SNAPSHOT_COUNT = 60,
	H_SNAPSHOT_OFFSET = 64,
	H_INCOMPATIBLE = 72,
	H_COMPATIBLE = 80,
	H_AUTOCLEAR = 88,
	H_REFCOUNT_ORDER = 96,
	H_LENGTH = 100,
	H_COMPRESSION = 104,
	H_V2_SIZE = 72,
	H_V3_SIZE = 112,
};

enum {
	INCOMPAT_DIRTY = 1 << 0,
	INCOMPAT_CORRUPT = 1 << 1,
	INCOMPAT_DATA_FILE = 1 << 2,
	INCOMPAT_COMPRESSION = 1 << 3,
	INCOMPAT_EXTENDED_L2 = 1 << 4,
	INCOMPAT_KNOWN = INCOMPAT_DIRTY | INCOMPAT_CORRUPT | INCOMPAT_COMPRESSION,
	COMPAT_LAZY_REFCOUNTS = 1 << 0,
};

enum {
	EXT_END = 0,
	EXT_BACKING_FORMAT = 0xe2792aca,
	EXT_FEATURE_NAMES = 0x6803f857,
	EXT_BITMAPS = 0x23852875,
	EXT_CRYPTO = 0x0537be77,
	EXT_DATA_FILE = 0x44415441,
};

/* One cluster of the file kept in memory. */
struct table {
	uint64_t offset;
	uint8_t *data;
	uint32_t dirty_from, dirty_to; /* bytes; equal: clean */
	uint64_t used;		       /* when, for finding the oldest */
};

struct table_cache {
	GHashTable *map;    /* offset to struct table */
	struct table *last; /* used last, or NULL */
	unsigned int max;
	uint64_t clock;
	bool dirty;
};

/* `count` users fewer of the cluster at `offset`. */
struct pending_free {
	uint64_t offset, count;
};

struct qcow2_snapshot {
	uint64_t l1_offset;
	uint32_t l1_size;
	struct image_snapshot info; /* id and name owned */
	GByteArray *extra;	    /* behind what we know of the extra data; or NULL */
};

struct qcow2_extension {
	uint32_t type;
	GBytes *data;
};

struct qcow2 {
	uint32_t version, cluster_bits, cluster_size, l2_bits, refcount_order, header_length;
	uint32_t crypt, compression;
	uint64_t incompatible, compatible, autoclear;
	uint64_t l1_offset;
	uint32_t l1_size; /* entries */
	uint64_t *l1;	  /* host order */
	uint32_t l1_dirty_from, l1_dirty_to;
	uint32_t vm_state_l1; /* first L1 entry behind the disk */
	uint64_t reftable_offset;
	uint32_t reftable_size; /* entries */
	uint64_t *reftable;
	uint32_t reftable_dirty_from, reftable_dirty_to;
	struct table_cache l2, refblocks;
	GArray *frees;	      /* struct pending_free */
	uint64_t free_hint;   /* cluster index: none free below */
	uint64_t pack_offset; /* next byte of a partly used cluster of compressed data, or 0 */
	uint64_t snapshot_offset;
	uint32_t snapshot_table_size;
	GArray *snapshots;  /* struct qcow2_snapshot */
	GArray *extensions; /* struct qcow2_extension: those that are kept as they are */
	struct aes_key *key;
	GThreadPool *helpers; /* unpack clusters; NULL: not needed so far */
	uint8_t *unpacked;    /* the compressed cluster last read */
	uint64_t unpacked_offset;
	bool broken;	     /* no more writes: corruption was found, or */
	bool header_unknown; /* a change of the header failed halfway */
	bool interrupted;    /* work on snapshots failed halfway: the image stays dirty */
};

static inline struct qcow2 *qcow2_of(struct image *img)
{
	return img->state;
}

static inline uint64_t qcow2_offset_in_cluster(const struct qcow2 *q, uint64_t offset)
{
	return offset & (q->cluster_size - 1);
}

static inline uint64_t qcow2_clusters(const struct qcow2 *q, uint64_t bytes)
{
	return (bytes >> q->cluster_bits) + (qcow2_offset_in_cluster(q, bytes) != 0);
}

/* L1 entries that a disk of `size` bytes needs. */
static inline uint64_t qcow2_l1_entries(const struct qcow2 *q, uint64_t size)
{
	unsigned int shift = q->cluster_bits + q->l2_bits;

	return (size >> shift) + ((size & ((UINT64_C(1) << shift) - 1)) != 0);
}

/* How far into the file counts can reach. */
static inline uint64_t qcow2_countable(const struct qcow2 *q)
{
	uint64_t clusters =
		QCOW2_MAX_REFTABLE / 8 * (q->cluster_size * UINT64_C(8) >> q->refcount_order);

	return clusters << q->cluster_bits;
}

/* --- tables (qcow2-table.c) --- */

void table_cache_init(struct table_cache *c, unsigned int max);
void table_cache_clear(struct table_cache *c);
/* The cluster at `offset`, read unless `fresh` (then zeroes). Valid until the next call. */
int qcow2_table_get(struct image *img, struct table_cache *c, uint64_t offset, bool fresh,
		    struct table **t);
void qcow2_table_dirty(struct table_cache *c, struct table *t, uint32_t from, uint32_t len);
void qcow2_table_forget(struct table_cache *c, uint64_t offset);
/* Everything that changed goes to the file, in the order above. */
int qcow2_write_back(struct image *img);
int qcow2_patch_header(struct image *img, unsigned int at, const void *bytes, size_t len);
int qcow2_set_incompatible(struct image *img, uint64_t bits);
void qcow2_corrupt(struct image *img, const char *format, ...) PRINTF(2, 3);
void qcow2_l1_set(struct qcow2 *q, uint32_t index, uint64_t value);
int qcow2_grow_l1(struct image *img, uint64_t entries);

/* --- counts (qcow2-refcount.c) --- */

int qcow2_refcount_get(struct image *img, uint64_t cluster, uint64_t *count);
/* Adds to the counts of the clusters that [offset, offset+len) touches; at once, in the cache. */
int qcow2_refcount_add(struct image *img, uint64_t offset, uint64_t len, int64_t delta);
/* `count` contiguous clusters with a count of 1; *offset is where. */
int qcow2_alloc(struct image *img, uint64_t count, uint64_t *offset);
/* As many of up to *count clusters as are free in one run at the first free place. */
int qcow2_alloc_run(struct image *img, uint64_t *count, uint64_t *offset);
/* Bytes for compressed data. */
int qcow2_alloc_bytes(struct image *img, uint32_t size, uint64_t *offset);
/* One user fewer, once the tables are safe. */
void qcow2_free_later(struct image *img, uint64_t offset, uint64_t len);
int qcow2_apply_frees(struct image *img);
uint64_t qcow2_count_in_block(const struct qcow2 *q, const uint8_t *block, uint64_t index);
void qcow2_count_set_in_block(const struct qcow2 *q, uint8_t *block, uint64_t index,
			      uint64_t count);

/* --- mapping (qcow2-cluster.c) --- */

/* The L2 table that covers `offset`, NULL where there is none. */
int qcow2_l2_find(struct image *img, uint64_t offset, struct table **t);
/* The same for writing: made, or copied if it is shared. */
int qcow2_l2_for_write(struct image *img, uint64_t offset, struct table **t);
uint32_t qcow2_l2_index(const struct qcow2 *q, uint64_t offset);
uint64_t qcow2_entry_get(const struct table *t, uint32_t index);
void qcow2_entry_set(struct qcow2 *q, struct table *t, uint32_t index, uint64_t entry);
/* Frees (later) what an L2 entry names. */
void qcow2_free_entry(struct image *img, uint64_t entry);
int qcow2_do_read(struct image *img, uint64_t offset, uint8_t *buf, size_t len);
int qcow2_do_write(struct image *img, uint64_t offset, const uint8_t *buf, size_t len);
int qcow2_zero_range(struct image *img, uint64_t offset, uint64_t len, unsigned int flags);
int qcow2_discard_range(struct image *img, uint64_t offset, uint64_t len);
int qcow2_map_range(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e);

/* --- compressed clusters (qcow2-packed.c, qcow2-compress.c) --- */

void qcow2_compressed_span(const struct qcow2 *q, uint64_t entry, uint64_t *offset, uint32_t *size);
/* Reads from the compressed cluster at `offset`, whose table is `t`, and those behind it; *done is
 * how much of `len`. */
int qcow2_read_packed(struct image *img, const struct table *t, uint64_t offset, uint8_t *buf,
		      size_t len, size_t *done);
int qcow2_write_packed(struct image *img, uint64_t offset, const void *packed, size_t size);
/* `kind` is the header's compression type. */
int qcow2_decompress(uint32_t kind, const void *in, size_t in_len, void *out, size_t out_len);
/* Raw deflate as qcow and qcow2 use it; 0 where the result is not smaller. */
size_t zlib_compress_cluster(const void *in, size_t len, void *out);
size_t qcow2_compress(struct image *img, const void *in, size_t len, void *out);

/* --- others --- */

struct error *qcow2_read_snapshots(struct image *img) NODISCARD;
void qcow2_free_snapshots(struct qcow2 *q);
struct error *qcow2_snapshot_list(struct image *img, GPtrArray *list) NODISCARD;
struct error *qcow2_snapshot_create(struct image *img, struct image_snapshot *sn) NODISCARD;
struct error *qcow2_snapshot_goto(struct image *img, const char *id) NODISCARD;
struct error *qcow2_snapshot_delete(struct image *img, const char *id) NODISCARD;
struct error *qcow2_snapshot_load(struct image *img, const char *id) NODISCARD;
struct error *qcow2_check(struct image *img, unsigned int fix, struct image_check *r) NODISCARD;
struct error *qcow2_create(struct image_create *c) NODISCARD;
struct error *qcow2_truncate(struct image *img, uint64_t size, const char *prealloc) NODISCARD;
int qcow2_preallocate(struct image *img, uint64_t from, uint64_t to);
int qcow2_make_empty(struct image *img);
struct error *qcow2_write_header(struct image *img) NODISCARD;
struct error *qcow2_set_backing(struct image *img, const char *file, const char *format) NODISCARD;
struct error *qcow2_amend(struct image *img, struct image_create *c) NODISCARD;
extern const struct image_opt qcow2_options[];

#endif
