/*
 * A host folder as a FAT file system: "fat:[floppy:][rw:][12:|16:|32:]FOLDER".
 * Source: "Microsoft Extensible Firmware Initiative FAT32 File System Specification" 1.03.
 *
 * The file system is laid out once, when it is opened (vvfat-build.c); sectors are then made up as
 * they are read (vvfat.c). With rw: written sectors are kept in a temporary file, and a flush
 * carries what changed over to the folder (vvfat-commit.c).
 */
#ifndef STORAGE_VVFAT_H
#define STORAGE_VVFAT_H

#include "storage/image.h"

#define FAT_DIR_ENTRY  32u
#define FAT_ROOT_MAX   512u /* entries of the root of FAT12 and FAT16 */
#define FAT_MAX_DEPTH  64u
#define FAT_ATTR_DIR   0x10u
#define FAT_ATTR_LABEL 0x08u
#define FAT_ATTR_LONG  0x0fu
#define FAT_DELETED    0xe5u

struct fat_node {
	char *path; /* on the host */
	char *name;
	uint8_t short_name[11];
	bool folder;
	uint64_t size; /* bytes, of a file */
	int64_t mtime;
	uint32_t first, clusters;
	struct fat_node *parent; /* NULL: the root */
	GPtrArray *children;	 /* owned */
	GByteArray *entries;	 /* of a folder: what its clusters hold */
};

struct vvfat {
	unsigned int type; /* 12, 16, 32 */
	bool floppy, writable;
	uint32_t start;	  /* sector of the boot sector */
	uint32_t sectors; /* of the file system */
	uint32_t per_cluster, fat_sectors, root_sectors, clusters;
	uint32_t fat_at, root_at, data_at; /* sectors, from `start` */
	uint32_t cyls, heads, secs;
	struct fat_node *root;
	GPtrArray *by_cluster; /* nodes with clusters, by their first; not owned */
	uint8_t *fat;	       /* as on the disk, one copy */
	uint32_t next_cluster;
	/* file read last */
	int fd;
	const struct fat_node *open_node;
	/* rw: */
	int overlay;	  /* temporary file, -1: none */
	uint8_t *written; /* one bit a sector */
	bool dirty;
};

/* vvfat-build.c */
struct error *vvfat_build(struct vvfat *v, const char *folder) NODISCARD;
void fat_node_free(void *node);
uint32_t vvfat_fat_get(const struct vvfat *v, const uint8_t *fat, uint32_t cluster);
bool vvfat_is_end(const struct vvfat *v, uint32_t entry);

/* vvfat.c */
int vvfat_read_sector(struct image *img, uint64_t sector, uint8_t *buf);
/* The bytes that the folder gave a sector, whatever was written since. */
int vvfat_base_sector(struct vvfat *v, uint64_t sector, uint8_t *buf);
int vvfat_keep_sector(struct vvfat *v, uint64_t sector, const uint8_t *buf);

/* vvfat-commit.c */
int vvfat_commit(struct image *img);

#endif
