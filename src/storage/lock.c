#include "storage/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

enum { USED_BASE = 100, DENIED_BASE = 200, PERM_COUNT = 4 };

static const char *const permission_names[PERM_COUNT] = {
	"consistent read",
	"write",
	"write unchanged",
	"resize",
};

static int lock_byte(int fd, int command, int byte, short type, short *found)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	int err = fcntl(fd, command, &lock) < 0 ? errno : 0;

	if (found)
		*found = lock.l_type;
	return err;
}

/* Locks the bytes of `bits` at `base`. */
static int lock_bits(int fd, int base, unsigned int bits)
{
	for (int i = 0; i < PERM_COUNT; i++) {
		if (!(bits >> i & 1))
			continue;
		int err = lock_byte(fd, F_OFD_SETLK, base + i, F_RDLCK, NULL);
		if (err)
			return err;
	}
	return 0;
}

/* Number of the first permission of `bits` that somebody else holds at `base`, or -1. */
static int find_conflict(int fd, int base, unsigned int bits)
{
	for (int i = 0; i < PERM_COUNT; i++) {
		short type = F_UNLCK;
		if ((bits >> i & 1) && !lock_byte(fd, F_OFD_GETLK, base + i, F_WRLCK, &type) &&
		    type != F_UNLCK)
			return i;
	}
	return -1;
}

static struct error *conflict(int fd, const char *filename, const char *shared, int permission)
{
	file_unlock(fd);
	struct error *err = error_new("Failed to get %s\"%s\" lock\nIs another process using the "
				      "image [%s]?",
				      shared, permission_names[permission], filename);
	err->code = EAGAIN;
	return err;
}

struct error *file_lock(int fd, const char *filename, unsigned int used, unsigned int denied)
{
	int err = lock_bits(fd, USED_BASE, used);

	if (!err)
		err = lock_bits(fd, DENIED_BASE, denied);
	if (err == EINVAL || err == ENOLCK || err == ENOTSUP)
		return NULL; /* a file system without locks */
	if (err) {
		file_unlock(fd);
		return error_errno(err, "Failed to lock byte %d", USED_BASE);
	}
	int who = find_conflict(fd, DENIED_BASE, used);
	if (who >= 0)
		return conflict(fd, filename, "", who);
	who = find_conflict(fd, USED_BASE, denied);
	if (who >= 0)
		return conflict(fd, filename, "shared ", who);
	return NULL;
}

void file_unlock(int fd)
{
	struct flock lock = {.l_type = F_UNLCK,
			     .l_whence = SEEK_SET,
			     .l_start = USED_BASE,
			     .l_len = DENIED_BASE + PERM_COUNT - USED_BASE};

	fcntl(fd, F_OFD_SETLK, &lock);
}
