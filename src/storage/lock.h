/*
 * Locks on image files, byte for byte those that QEMU takes, so that both programs see each other.
 *
 * Each permission has two bytes in the file: one is locked (shared) by whoever uses the permission,
 * the other by whoever does not let others use it. A user first locks its own bytes, then looks
 * whether anybody holds the opposite ones. The locks are open-file-description locks.
 */
#ifndef STORAGE_LOCK_H
#define STORAGE_LOCK_H

#include "base/error.h"

enum lock_permission {
	PERM_CONSISTENT_READ = 1 << 0,
	PERM_WRITE = 1 << 1,
	PERM_WRITE_UNCHANGED = 1 << 2,
	PERM_RESIZE = 1 << 3,
};

/* Takes the locks for using `used` while others may not use `denied`; on failure takes none. */
struct error *file_lock(int fd, const char *filename, unsigned int used,
			unsigned int denied) NODISCARD;
void file_unlock(int fd);

#endif
