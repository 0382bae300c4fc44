/* The "fat:" protocol: options, geometry, and sectors made up as they are read. See vvfat.h. */
#include "storage/vvfat.h"

#include "base/bytes.h"
#include "storage/drivers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the file system's own sectors --- */

static void make_mbr(const struct vvfat *v, uint8_t *b)
{
	uint8_t *e = b + 446;
	uint32_t last = v->start + v->sectors - 1;
	uint32_t per_cyl = v->heads * v->secs, cyl = MIN(last / per_cyl, 1023);

	store_le32(b + 440, 0xbe1afdfa);
	e[0] = 0x80;
	e[1] = 1; /* head 1, sector 1: the first is for the table */
	e[2] = 1;
	e[3] = 0;
	e[4] = v->type == 12 ? 0x01 : v->type == 16 ? 0x06 : 0x0c;
	e[5] = (uint8_t)(v->heads - 1);
	e[6] = (uint8_t)(v->secs | (cyl >> 2 & 0xc0));
	e[7] = (uint8_t)cyl;
	store_le32(e + 8, v->start);
	store_le32(e + 12, v->sectors);
	b[510] = 0x55;
	b[511] = 0xaa;
}

static void make_boot_sector(const struct vvfat *v, uint8_t *b)
{
	static const uint8_t jump[3] = {0xeb, 0x3e, 0x90};
	unsigned int ext = v->type == 32 ? 64 : 36;

	memcpy(b, jump, 3);
	memcpy(b + 3, "MSWIN4.1", 8);
	store_le16(b + 11, 512);
	b[13] = (uint8_t)v->per_cluster;
	store_le16(b + 14, (uint16_t)v->fat_at);
	b[16] = 2;
	store_le16(b + 17, v->type == 32 ? 0 : FAT_ROOT_MAX);
	store_le16(b + 19, v->sectors < 65536 && v->type != 32 ? (uint16_t)v->sectors : 0);
	b[21] = v->floppy ? 0xf0 : 0xf8;
	store_le16(b + 22, v->type == 32 ? 0 : (uint16_t)v->fat_sectors);
	store_le16(b + 24, (uint16_t)v->secs);
	store_le16(b + 26, (uint16_t)v->heads);
	store_le32(b + 28, v->start);
	store_le32(b + 32, v->sectors < 65536 && v->type != 32 ? 0 : v->sectors);
	if (v->type == 32) {
		store_le32(b + 36, v->fat_sectors);
		store_le32(b + 44, v->root->first);
		store_le16(b + 48, 1); /* information sector */
		store_le16(b + 50, 6); /* backup */
	}
	b[ext] = v->floppy ? 0 : 0x80;
	b[ext + 2] = 0x29;
	store_le32(b + ext + 3, 0xfabe1afd);
	memcpy(b + ext + 7, "QEMU VVFAT ", 11);
	memcpy(b + ext + 18,
	       v->type == 12   ? "FAT12   "
	       : v->type == 16 ? "FAT16   "
			       : "FAT32   ",
	       8);
	b[510] = 0x55;
	b[511] = 0xaa;
}

static void make_info_sector(const struct vvfat *v, uint8_t *b)
{
	store_le32(b, 0x41615252);
	store_le32(b + 484, 0x61417272);
	store_le32(b + 488, v->clusters - (v->next_cluster - 2));
	store_le32(b + 492, v->next_cluster);
	store_le32(b + 508, 0xaa550000);
}

/* --- data clusters --- */

static struct fat_node *node_of(const struct vvfat *v, uint32_t cluster)
{
	unsigned int low = 0, high = v->by_cluster->len;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		struct fat_node *n = g_ptr_array_index(v->by_cluster, mid);
		if (cluster < n->first)
			high = mid;
		else if (cluster >= n->first + n->clusters)
			low = mid + 1;
		else
			return n;
	}
	return NULL;
}

static int read_host(struct vvfat *v, const struct fat_node *n, uint64_t offset, uint8_t *buf)
{
	if (v->open_node != n) {
		if (v->fd >= 0)
			close(v->fd);
		v->open_node = NULL;
		v->fd = open(n->path, O_RDONLY | O_CLOEXEC);
		if (v->fd < 0)
			return errno;
		v->open_node = n;
	}
	/* What has been cut off the file since reads as zeroes. */
	ssize_t got = pread(v->fd, buf, 512, (off_t)offset);
	if (got < 0)
		return errno;
	if (offset + 512 > n->size && n->size > offset)
		memset(buf + (n->size - offset), 0, 512 - (n->size - offset));
	return 0;
}

static void copy_part(const GByteArray *from, uint64_t offset, uint8_t *buf)
{
	if (offset < from->len)
		memcpy(buf, from->data + offset, MIN(512, from->len - offset));
}

static int read_data_sector(struct vvfat *v, uint32_t sector, uint8_t *buf)
{
	uint32_t cluster = sector / v->per_cluster + 2;
	struct fat_node *n = node_of(v, cluster);

	if (!n)
		return 0;
	uint64_t offset =
		((uint64_t)(cluster - n->first) * v->per_cluster + sector % v->per_cluster) * 512;
	if (!n->folder)
		return read_host(v, n, offset, buf);
	copy_part(n->entries, offset, buf);
	return 0;
}

int vvfat_base_sector(struct vvfat *v, uint64_t sector, uint8_t *buf)
{
	memset(buf, 0, 512);
	if (sector < v->start) {
		if (!sector)
			make_mbr(v, buf);
		return 0;
	}
	uint32_t s = (uint32_t)(sector - v->start);
	if (s >= v->sectors)
		return 0;
	if (s == 0 || (v->type == 32 && s == 6)) {
		make_boot_sector(v, buf);
	} else if (v->type == 32 && (s == 1 || s == 7)) {
		make_info_sector(v, buf);
	} else if (s >= v->data_at) {
		return read_data_sector(v, s - v->data_at, buf);
	} else if (s >= v->root_at) {
		copy_part(v->root->entries, (s - v->root_at) * 512ull, buf);
	} else if (s >= v->fat_at) {
		memcpy(buf, v->fat + (s - v->fat_at) % v->fat_sectors * 512ull, 512);
	}
	return 0;
}

/* --- the overlay --- */

static bool is_written(const struct vvfat *v, uint64_t sector)
{
	return v->written && (v->written[sector / 8] >> (sector % 8) & 1);
}

int vvfat_read_sector(struct image *img, uint64_t sector, uint8_t *buf)
{
	struct vvfat *v = img->state;

	if (!is_written(v, sector))
		return vvfat_base_sector(v, sector, buf);
	ssize_t n = pread(v->overlay, buf, 512, (off_t)(sector * 512));
	return n == 512 ? 0 : n < 0 ? errno : EIO;
}

int vvfat_keep_sector(struct vvfat *v, uint64_t sector, const uint8_t *buf)
{
	if (pwrite(v->overlay, buf, 512, (off_t)(sector * 512)) != 512)
		return errno ? errno : ENOSPC;
	v->written[sector / 8] |= (uint8_t)(1 << (sector % 8));
	return 0;
}

static int vvfat_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	uint8_t *b = buf, sector[512];
	int err = 0;

	while (len && !err) {
		size_t skip = offset % 512, n = MIN(len, 512 - skip);
		err = vvfat_read_sector(img, offset / 512, sector);
		memcpy(b, sector + skip, n);
		b += n;
		offset += n;
		len -= n;
	}
	return err;
}

static int vvfat_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct vvfat *v = img->state;
	const uint8_t *b = buf;
	uint8_t sector[512];
	int err = 0;

	while (len && !err) {
		size_t skip = offset % 512, n = MIN(len, 512 - skip);
		err = n < 512 ? vvfat_read_sector(img, offset / 512, sector) : 0;
		memcpy(sector + skip, b, n);
		if (!err)
			err = vvfat_keep_sector(v, offset / 512, sector);
		b += n;
		offset += n;
		len -= n;
	}
	v->dirty = true;
	return err;
}

static int vvfat_flush(struct image *img)
{
	struct vvfat *v = img->state;

	if (!v->dirty)
		return 0;
	v->dirty = false;
	return vvfat_commit(img);
}

/* --- open --- */

/* The size of the file system, and what follows from it. */
static void set_layout(struct vvfat *v)
{
	uint32_t total;

	if (v->floppy) {
		v->cyls = 80;
		v->heads = 2;
		v->secs = v->type == 12 ? 18 : 36;
	} else {
		v->cyls = v->type == 12 ? 64 : v->type == 16 ? 1024 : 4096;
		v->heads = 16;
		v->secs = 63;
	}
	v->start = v->floppy ? 0 : v->secs;
	total = v->cyls * v->heads * v->secs;
	v->sectors = total - v->start;
	v->per_cluster = v->floppy ? (v->type == 12 ? 1 : 2) : v->type == 32 ? 8 : 16;
	v->fat_at = v->type == 32 ? 32 : 1;
	v->root_sectors = v->type == 32 ? 0 : FAT_ROOT_MAX * FAT_DIR_ENTRY / 512;
	/* The table's length depends on the clusters, and they on it. */
	v->fat_sectors = 1;
	for (;;) {
		v->root_at = v->fat_at + 2 * v->fat_sectors;
		v->data_at = v->root_at + v->root_sectors;
		v->clusters = (v->sectors - v->data_at) / v->per_cluster;
		uint32_t bytes = ((v->clusters + 2) * v->type + 7) / 8;
		if ((bytes + 511) / 512 <= v->fat_sectors)
			break;
		v->fat_sectors++;
	}
}

static struct error *make_overlay(struct vvfat *v, uint64_t sectors)
{
	char path[] = "/var/tmp/vl.XXXXXX";

	v->overlay = mkostemp(path, O_CLOEXEC);
	if (v->overlay < 0)
		return error_errno(errno, "Could not create '%s'", path);
	unlink(path);
	v->written = g_malloc0(sectors / 8 + 1);
	return NULL;
}

static void vvfat_close(struct image *img)
{
	struct vvfat *v = img->state;

	if (v->fd >= 0)
		close(v->fd);
	if (v->overlay >= 0)
		close(v->overlay);
	g_free(v->written);
	g_free(v->fat);
	if (v->by_cluster)
		g_ptr_array_free(v->by_cluster, TRUE);
	fat_node_free(v->root);
}

static struct error *vvfat_open(struct image *img)
{
	struct vvfat *v = img->state;
	const char *p = img->filename + strlen("fat:");

	v->fd = v->overlay = -1;
	for (;;) {
		if (g_str_has_prefix(p, "floppy:")) {
			v->floppy = true;
			p += 7;
		} else if (g_str_has_prefix(p, "rw:")) {
			v->writable = true;
			p += 3;
		} else if (g_str_has_prefix(p, "12:") || g_str_has_prefix(p, "16:") ||
			   g_str_has_prefix(p, "32:")) {
			v->type = (unsigned int)g_ascii_strtoull(p, NULL, 10);
			p += 3;
		} else {
			break;
		}
	}
	if (!v->type)
		v->type = v->floppy ? 12 : 16;
	if (v->floppy && v->type == 32)
		return error_new("floppies have FAT12 or FAT16");
	set_layout(v);
	img->size = (uint64_t)(v->start + v->sectors) * 512;
	/* Without rw: the disk is there, and refuses to be written. */
	if (!v->writable)
		img->readonly = true;
	struct error *err = vvfat_build(v, p);
	if (!err && !img->readonly)
		err = make_overlay(v, img->size / 512);
	if (err)
		vvfat_close(img);
	return err;
}

static uint64_t vvfat_host_size(struct image *img)
{
	return UINT64_MAX;
}

const struct image_driver vvfat_driver = {
	.name = "vvfat",
	.help = "a folder as a FAT disk",
	.protocol = "fat:",
	.state_size = sizeof(struct vvfat),
	.open = vvfat_open,
	.close = vvfat_close,
	.pread = vvfat_pread,
	.pwrite = vvfat_pwrite,
	.flush = vvfat_flush,
	.host_size = vvfat_host_size,
};
