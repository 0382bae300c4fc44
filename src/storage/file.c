/* The protocol of plain files and block devices of the host. */
#include "storage/file.h"

#include "storage/drivers.h"
#include "storage/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/cdrom.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECT_ALIGNMENT 4096u

/* --- open and close --- */

static struct error *find_size(struct image *img, const struct stat *st)
{
	struct file_state *f = img->state;

	if (!f->device) {
		img->size = (uint64_t)st->st_size;
		return NULL;
	}
	if (f->cdrom && ioctl(f->fd, CDROM_DRIVE_STATUS, CDSL_CURRENT) != CDS_DISC_OK)
		return NULL; /* no disc: size 0 */
	off_t end = lseek(f->fd, 0, SEEK_END);
	if (end < 0)
		return error_errno(errno, "Could not find the size of '%s'", img->filename);
	img->size = (uint64_t)end;
	return NULL;
}

static struct error *take_locks(struct image *img)
{
	struct file_state *f = img->state;
	unsigned int used = PERM_CONSISTENT_READ;

	if ((img->flags & (IMAGE_NO_LOCK | IMAGE_FORCE_SHARE)) || f->device)
		return NULL;
	if (!img->readonly)
		used |= PERM_WRITE | PERM_RESIZE;
	f->locked = true;
	return file_lock(f->fd, img->filename, used, PERM_WRITE | PERM_RESIZE);
}

struct error *file_open(struct image *img)
{
	struct file_state *f = img->state;
	struct stat st;
	int flags = O_CLOEXEC | (img->readonly ? O_RDONLY : O_RDWR);

	if (img->flags & IMAGE_NOCACHE)
		flags |= O_DIRECT;
	if (!stat(img->filename, &st) && !S_ISREG(st.st_mode))
		flags |= O_NONBLOCK; /* an empty CD-ROM drive */
	f->fd = open(img->filename, flags);
	if (f->fd < 0 && errno == EINVAL && (flags & O_DIRECT))
		return error_errno(EINVAL, "file system may not support O_DIRECT");
	if (f->fd < 0 || fstat(f->fd, &st))
		return error_errno(errno, "Could not open '%s'", img->filename);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode)) {
		close(f->fd);
		return error_new("'%s' is neither a regular file nor a block device",
				 img->filename);
	}
	f->device = !S_ISREG(st.st_mode);
	f->cdrom = S_ISBLK(st.st_mode) && ioctl(f->fd, CDROM_DRIVE_STATUS, CDSL_CURRENT) >= 0;
	f->alignment = img->flags & IMAGE_NOCACHE ? DIRECT_ALIGNMENT : 1;
	img->zero_init = !f->device;
	struct error *err = take_locks(img);
	if (!err)
		err = find_size(img, &st);
	if (err)
		close(f->fd);
	return err;
}

static void file_close(struct image *img)
{
	struct file_state *f = img->state;

	if (f->locked)
		file_unlock(f->fd);
	close(f->fd);
}

/* --- data --- */

/* Reads what there is; what is behind the end of the file is zeroes. */
static int read_all(int fd, uint64_t offset, uint8_t *buf, size_t len)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0) {
			memset(buf, 0, len);
			return 0;
		}
		buf += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_all(int fd, uint64_t offset, const uint8_t *buf, size_t len)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return ENOSPC;
		buf += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static bool is_aligned(const struct file_state *f, uint64_t offset, const void *buf, size_t len)
{
	return f->alignment == 1 || !((offset | len | (uintptr_t)buf) & (f->alignment - 1));
}

/*
 * O_DIRECT with a request that the host cannot take: through an aligned buffer of up to 1 MiB, for
 * writes with the neighbours read first.
 */
static int bounce(struct file_state *f, uint64_t offset, uint8_t *buf, size_t len, bool write)
{
	const uint32_t a = f->alignment;
	size_t size = 1 << 20;
	uint8_t *aligned = aligned_alloc(a, size);
	int err = 0;

	if (!aligned)
		return ENOMEM;
	while (len && !err) {
		uint64_t start = offset & ~(uint64_t)(a - 1);
		size_t skip = (size_t)(offset - start), n = MIN(len, size - skip);
		size_t span = (skip + n + a - 1) & ~(size_t)(a - 1);
		if (!write || span != n)
			err = read_all(f->fd, start, aligned, span);
		if (!err && write) {
			memcpy(aligned + skip, buf, n);
			err = write_all(f->fd, start, aligned, span);
		} else if (!err) {
			memcpy(buf, aligned + skip, n);
		}
		buf += n;
		offset += n;
		len -= n;
	}
	free(aligned);
	return err;
}

static int file_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	struct file_state *f = img->state;

	if (!is_aligned(f, offset, buf, len))
		return bounce(f, offset, buf, len, false);
	return read_all(f->fd, offset, buf, len);
}

static int file_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct file_state *f = img->state;
	int err;

	if (f->device && (offset > img->size || len > img->size - offset))
		return ENOSPC;
	if (!is_aligned(f, offset, buf, len)) {
		err = bounce(f, offset, (uint8_t *)(uintptr_t)buf, len, true);
		/* The padding of a last block is not part of the file. */
		if (!err && !f->device && ftruncate(f->fd, (off_t)MAX(img->size, offset + len)))
			err = errno;
	} else {
		err = write_all(f->fd, offset, buf, len);
	}
	if (!err && offset + len > img->size)
		img->size = offset + len;
	return err;
}

static int file_flush(struct image *img)
{
	struct file_state *f = img->state;

	if (img->flags & IMAGE_NOFLUSH)
		return 0;
	/* The host has thrown away what it could not write: trying again would seem to work. */
	if (!f->lost && fdatasync(f->fd) && errno != EINVAL)
		f->lost = errno;
	return f->lost;
}

static int file_discard(struct image *img, uint64_t offset, uint64_t len)
{
	struct file_state *f = img->state;

	if (f->no_punch)
		return 0;
	if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)len) < 0)
		f->no_punch = true; /* a hint only */
	return 0;
}

static int file_write_zeroes(struct image *img, uint64_t offset, uint64_t len, unsigned int flags)
{
	struct file_state *f = img->state;
	int mode = FALLOC_FL_ZERO_RANGE;

	if (f->device && (offset > img->size || len > img->size - offset))
		return ENOSPC;
	if (!f->device && offset >= img->size) {
		if (ftruncate(f->fd, (off_t)(offset + len)))
			return errno;
		img->size = offset + len;
		return 0;
	}
	if ((flags & IMAGE_UNMAP) && !f->device && !f->no_punch && offset + len <= img->size)
		mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	else if (f->no_zero_range)
		return ENOTSUP;
	if (fallocate(f->fd, mode, (off_t)offset, (off_t)len) < 0) {
		if (errno == ENOSPC || errno == EIO)
			return errno;
		if (mode == FALLOC_FL_ZERO_RANGE)
			f->no_zero_range = true;
		else
			f->no_punch = true;
		return ENOTSUP;
	}
	img->size = MAX(img->size, offset + len);
	return 0;
}

static int file_map(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e)
{
	struct file_state *f = img->state;

	*e = (struct image_extent){.length = len,
				   .data = true,
				   .allocated = true,
				   .has_offset = true,
				   .offset = offset};
	if (f->device || f->no_seek_data)
		return 0;
	off_t data = lseek(f->fd, (off_t)offset, SEEK_DATA);
	if (data < 0 && errno != ENXIO) {
		f->no_seek_data = true;
		return 0;
	}
	if (data < 0 || (uint64_t)data > offset) { /* a hole here */
		e->data = false;
		e->zero = true;
		if (data >= 0)
			e->length = MIN(len, (uint64_t)data - offset);
		return 0;
	}
	off_t hole = lseek(f->fd, (off_t)offset, SEEK_HOLE);
	if (hole > 0 && (uint64_t)hole > offset)
		e->length = MIN(len, (uint64_t)hole - offset);
	return 0;
}

static struct error *preallocate(struct image *img, uint64_t from, uint64_t to, const char *how)
{
	struct file_state *f = img->state;
	int err;

	if (!how || !strcmp(how, "off") || !strcmp(how, "metadata") || to <= from)
		return NULL;
	if (!strcmp(how, "falloc")) {
		err = posix_fallocate(f->fd, (off_t)from, (off_t)(to - from));
		return err ? error_errno(err, "Could not preallocate data for the new file") : NULL;
	}
	if (strcmp(how, "full"))
		return error_new("Invalid parameter '%s'", how);
	size_t chunk = 1 << 20;
	uint8_t *zeroes = g_malloc0(chunk);
	for (err = 0; from < to && !err; from += chunk)
		err = write_all(f->fd, from, zeroes, MIN(chunk, to - from));
	g_free(zeroes);
	return err ? error_errno(err, "Could not write zeros for preallocation") : NULL;
}

static struct error *file_truncate(struct image *img, uint64_t size, const char *preallocation)
{
	struct file_state *f = img->state;
	uint64_t old = img->size;

	if (f->device)
		return size <= img->size ? NULL : error_new("Cannot grow device files");
	if (ftruncate(f->fd, (off_t)size))
		return error_errno(errno, "Failed to resize file");
	struct error *err = preallocate(img, old, size, preallocation);
	if (err) {
		if (ftruncate(f->fd, (off_t)old))
			return error_append(err, " (and the file keeps its new size)");
		return err;
	}
	img->size = size;
	return NULL;
}

static uint64_t file_host_size(struct image *img)
{
	struct file_state *f = img->state;
	struct stat st;

	return fstat(f->fd, &st) ? UINT64_MAX : (uint64_t)st.st_blocks * 512;
}

/* --- host drives --- */

static bool file_media_present(struct image *img)
{
	struct file_state *f = img->state;

	return !f->cdrom || ioctl(f->fd, CDROM_DRIVE_STATUS, CDSL_CURRENT) == CDS_DISC_OK;
}

static void file_eject(struct image *img, bool eject)
{
	struct file_state *f = img->state;

	if (f->cdrom)
		ioctl(f->fd, eject ? CDROMEJECT : CDROMCLOSETRAY, 0);
}

static void file_lock_medium(struct image *img, bool lock)
{
	struct file_state *f = img->state;

	if (f->cdrom)
		ioctl(f->fd, CDROM_LOCKDOOR, lock ? 1 : 0);
}

#define FILE_METHODS                                                                              \
	.state_size = sizeof(struct file_state), .open = file_open, .close = file_close,          \
	.pread = file_pread, .pwrite = file_pwrite, .flush = file_flush, .discard = file_discard, \
	.write_zeroes = file_write_zeroes, .map = file_map, .truncate = file_truncate,            \
	.host_size = file_host_size

const struct image_driver file_driver = {
	.name = "file",
	.help = "files of the host",
	.protocol = "",
	.growable = true,
	FILE_METHODS,
	.media_present = file_media_present,
	.eject = file_eject,
	.lock_medium = file_lock_medium,
};

const struct image_driver host_device_driver = {
	.name = "host_device",
	.help = "block devices of the host",
	.protocol = "host_device:",
	FILE_METHODS,
	.media_present = file_media_present,
	.eject = file_eject,
	.lock_medium = file_lock_medium,
};
