/* System calls on files, where the types of the table do not say it all. */
#include "user/linux/syscall.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- flags of open() --- */

/* ARM's values that differ; everything else is alike on all our guests and hosts. */
static const struct {
	int guest, host;
} arm_flags[] = {
	{0x4000, O_DIRECTORY},
	{0x8000, O_NOFOLLOW},
	{0x10000, O_DIRECT},
	{0x20000, 0}, /* O_LARGEFILE, as every 64-bit host has it */
};
#define ARM_OWN (0x4000 | 0x8000 | 0x10000 | 0x20000)

int open_flags_to_host(const struct abi *abi, int flags)
{
	int host = flags & ~ARM_OWN;

	if (!abi->arm_open_flags)
		return flags & ~(abi->word == 4 ? 0100000 : 0);
	for (unsigned int i = 0; i < G_N_ELEMENTS(arm_flags); i++)
		if (flags & arm_flags[i].guest)
			host |= arm_flags[i].host;
	return host;
}

int open_flags_to_guest(const struct abi *abi, int flags)
{
	int own = O_DIRECTORY | O_NOFOLLOW | O_DIRECT, guest = flags & ~own;

	if (abi->arm_open_flags) {
		for (unsigned int i = 0; i < G_N_ELEMENTS(arm_flags); i++)
			if (flags & arm_flags[i].host)
				guest |= arm_flags[i].guest;
		flags = guest;
	}
	return abi->word == 4 ? flags | (abi->arm_open_flags ? 0x20000 : 0100000) : flags;
}

/* --- opening --- */

/* An absolute name below the prefix, if it is there; new files are never made there. */
static int64_t open_at(struct thread *t, int dirfd, uint64_t addr, int flags, uint64_t mode)
{
	char name[PATH_MAX], buffer[PATH_MAX];
	int64_t len = guest_string(t, name, addr, sizeof(name));

	if (len < 0)
		return len;
	flags = open_flags_to_host(t->abi, flags);
	int64_t result = proc_open(t, name, flags);
	if (result != -NO_SUCH_CALL)
		return result;
	return HOST(t, SYS_openat, dirfd, HPTR(prefix_path(t->process, name, buffer)), flags, mode);
}

int64_t sys_open(struct thread *t, const struct call *call, const uint64_t *a)
{
	if (call->host == SYS_openat)
		return open_at(t, (int)a[0], a[1], (int)a[2], a[3]);
	return open_at(t, AT_FDCWD, a[0], (int)a[1], a[2]);
}

int64_t sys_openat2(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t how[3];

	if (a[3] < sizeof(how))
		return -EINVAL;
	for (unsigned int i = 0; i < 3; i++)
		if (!guest_get(t, a[2] + 8 * i, 8, &how[i]))
			return -EFAULT;
	if (!how[2])
		return open_at(t, (int)a[0], a[1], (int)how[0], how[1]);
	how[0] = (uint64_t)open_flags_to_host(t->abi, (int)how[0]);
	return HOST(t, SYS_openat2, a[0], HPTR(guest_pointer(t, a[1], 1)), HPTR(how), sizeof(how));
}

int64_t sys_open_by_handle(struct thread *t, const struct call *call, const uint64_t *a)
{
	return HOST(t, SYS_open_by_handle_at, a[0], HPTR(guest_pointer(t, a[1], 8)),
		    open_flags_to_host(t->abi, (int)a[2]));
}

int64_t sys_dup3(struct thread *t, const struct call *call, const uint64_t *a)
{
	return HOST(t, SYS_dup3, a[0], a[1], open_flags_to_host(t->abi, (int)a[2]));
}

/* The last argument is flags like open()'s: inotify_init1(), eventfd2() and their like. */
int64_t sys_flags(struct thread *t, const struct call *call, const uint64_t *a)
{
	unsigned int last = call->args[1].kind ? 1 : 0;
	uint64_t host[2] = {a[0], a[1]};

	host[last] = (uint64_t)open_flags_to_host(t->abi, (int)a[last]);
	return HOST(t, call->host, host[0], host[1]);
}

int64_t sys_pipe(struct thread *t, const struct call *call, const uint64_t *a)
{
	int fds[2];
	int64_t result = HOST(t, SYS_pipe2, HPTR(fds), open_flags_to_host(t->abi, (int)a[1]));

	if (call->host == SYS_pipe)
		result = HOST(t, SYS_pipe, HPTR(fds));
	if (result < 0)
		return result;
	if (!guest_put(t, a[0], 4, (uint32_t)fds[0]) ||
	    !guest_put(t, a[0] + 4, 4, (uint32_t)fds[1]))
		return -EFAULT;
	return 0;
}

/* --- vectors --- */

struct iovec *iovec_read(struct thread *t, uint64_t addr, uint64_t count, int64_t *error)
{
	unsigned int word = t->abi->word;

	*error = -EINVAL;
	if (count > IOV_MAX)
		return NULL;
	struct iovec *list = g_new0(struct iovec, count + 1);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t base, len;
		*error = -EFAULT;
		if (!guest_get(t, addr + 2 * word * i, word, &base) ||
		    !guest_get(t, addr + (2 * i + 1) * word, word, &len)) {
			g_free(list);
			return NULL;
		}
		list[i].iov_base = guest_pointer(t, base, 1);
		list[i].iov_len = len;
		if (word == 4 && len > INT32_MAX) {
			*error = -EINVAL;
			g_free(list);
			return NULL;
		}
	}
	*error = 0;
	return list;
}

static void vector_written(struct thread *t, const struct iovec *list, int64_t bytes)
{
	for (unsigned int i = 0; bytes > 0; i++) {
		uint64_t len = MIN((uint64_t)bytes, list[i].iov_len);
		guest_written(t, (uint64_t)((uint8_t *)list[i].iov_base - t->process->base), len);
		bytes -= (int64_t)len;
	}
}

/* readv() and its family: descriptor, vector, and what follows as it is. The offset of the p-forms
 * comes in two words of the ABI; 64-bit kernels look at the first alone. */
int64_t sys_vector(struct thread *t, const struct call *call, const uint64_t *a)
{
	bool reads =
		call->host == SYS_readv || call->host == SYS_preadv || call->host == SYS_preadv2;
	uint64_t low = a[3], high = a[4];
	int64_t error;
	struct iovec *list = iovec_read(t, a[1], (uint32_t)a[2], &error);

	if (!list)
		return error;
	if (t->abi->word == 4 && call->host != SYS_vmsplice) {
		low = (uint32_t)a[3] | a[4] << 32;
		high = 0;
	}
	int64_t result = HOST(t, call->host, a[0], HPTR(list), a[2], low, high, a[5]);
	if (reads)
		vector_written(t, list, result);
	g_free(list);
	return result;
}

/* --- positions and sizes --- */

int64_t sys_llseek(struct thread *t, const struct call *call, const uint64_t *a)
{
	int64_t at = HOST(t, SYS_lseek, a[0], a[1] << 32 | (uint32_t)a[2], a[4]);

	if (at < 0)
		return at;
	return guest_put(t, a[3], 8, (uint64_t)at) ? 0 : -EFAULT;
}

int64_t sys_arm_fadvise(struct thread *t, const struct call *call, const uint64_t *a)
{
	return HOST(t, SYS_fadvise64, a[0], a[2], a[3], a[1]);
}

int64_t sys_sync_range2(struct thread *t, const struct call *call, const uint64_t *a)
{
	return HOST(t, SYS_sync_file_range, a[0], a[2], a[3], a[1]);
}

/* The size in the middle must be that of the structure; EABI's padded one is taken, too. */
int64_t sys_statfs64(struct thread *t, const struct call *call, const uint64_t *a)
{
	char buffer[PATH_MAX];
	const char *path = NULL;
	struct statfs st;
	int64_t result = 0;

	if (a[1] != 84 && a[1] != 88)
		return -EINVAL;
	if (call->host == SYS_statfs)
		result = path_argument(t, a[0], buffer, &path);
	if (!result)
		result =
			HOST(t, call->host, path ? HPTR(path) : (uint64_t)(int32_t)a[0], HPTR(&st));
	if (result < 0)
		return result;
	uint8_t guest[LAYOUT_MAX];
	layout_to_guest(t->abi, L_statfs64, &st, guest);
	return guest_write(t, a[2], guest, 84) ? 0 : -EFAULT;
}

/* --- names and owners --- */

int64_t sys_readlink(struct thread *t, const struct call *call, const uint64_t *a)
{
	char name[PATH_MAX], buffer[PATH_MAX], text[PATH_MAX];
	bool at = call->host == SYS_readlinkat;
	int dirfd = at ? (int)a[0] : AT_FDCWD;

	a += at;
	int64_t len = guest_string(t, name, a[0], sizeof(name));
	if (len < 0)
		return len;
	if ((int64_t)a[2] <= 0 || (t->abi->word == 4 && (int32_t)a[2] <= 0))
		return -EINVAL;
	len = proc_readlink(t, name, text, MIN(a[2], sizeof(text)));
	if (len == -NO_SUCH_CALL)
		len = HOST(t, SYS_readlinkat, dirfd, HPTR(prefix_path(t->process, name, buffer)),
			   HPTR(text), MIN(a[2], sizeof(text)));
	if (len < 0)
		return len;
	return guest_write(t, a[1], text, (uint64_t)len) ? len : -EFAULT;
}

static int wide_id(uint64_t id)
{
	return (uint16_t)id == UINT16_MAX ? -1 : (uint16_t)id;
}

int64_t sys_chown16(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t file = call->host == SYS_fchown ? a[0] : HPTR(guest_pointer(t, a[0], 1));

	return HOST(t, call->host, file, wide_id(a[1]), wide_id(a[2]));
}

int64_t sys_umount(struct thread *t, const struct call *call, const uint64_t *a)
{
	return HOST(t, SYS_umount2, HPTR(guest_pointer(t, a[0], 1)), 0);
}

/* --- times of files --- */

/* Two of a kind. */
static bool read_two(struct thread *t, enum layout_id id, uint64_t addr, void *host, size_t size)
{
	return layout_read(t, id, addr, host) &&
	       layout_read(t, id, addr + layout_size(t->abi, id), (char *)host + size);
}

int64_t sys_utimes(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct timeval times[2];
	char buffer[PATH_MAX];
	const char *path;
	bool at = call->host == SYS_futimesat;
	int dirfd = at ? (int)a[0] : AT_FDCWD;

	a += at;
	int64_t result = path_argument(t, a[0], buffer, &path);
	if (result)
		return result;
	if (a[1] && !read_two(t, L_timeval, a[1], times, sizeof(*times)))
		return -EFAULT;
	return HOST(t, SYS_futimesat, dirfd, HPTR(path), HPTR(a[1] ? times : NULL));
}

int64_t sys_utimensat(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct timespec times[2];
	char buffer[PATH_MAX];
	const char *path = NULL;
	int64_t result = a[1] ? path_argument(t, a[1], buffer, &path) : 0;

	if (result)
		return result;
	if (a[2] && !read_two(t, timespec_of(t, call), a[2], times, sizeof(*times)))
		return -EFAULT;
	return HOST(t, SYS_utimensat, a[0], HPTR(path), HPTR(a[2] ? times : NULL), a[3]);
}

/* --- directories --- */

struct host_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* A whole directory buffer of the host's, cut to what the guest's has room for. */
#define DIRENT_BUFFER 32768

static unsigned int old_dirent_size(const struct abi *abi, size_t name_len)
{
	/* d_ino, d_off, d_reclen, the name with its NUL, then d_type in the last byte */
	return (unsigned int)((2u * abi->word + 2 + name_len + 2 + abi->word - 1) &
			      ~(abi->word - 1u));
}

static unsigned int put_old_dirent(const struct abi *abi, const struct host_dirent *d, uint8_t *to)
{
	size_t name_len = strlen(d->name);
	unsigned int size = old_dirent_size(abi, name_len), w = abi->word;

	memset(to, 0, size);
	store_le(to, w, abi_number(abi, d->ino, w));
	store_le(to + w, w, abi_number(abi, (uint64_t)d->off, w));
	store_le(to + 2 * w, 2, abi_number(abi, size, 2));
	memcpy(to + 2 * w + 2, d->name, name_len);
	to[size - 1] = d->type;
	return size;
}

static unsigned int put_dirent64(const struct abi *abi, const struct host_dirent *d, uint8_t *to)
{
	memcpy(to, d, d->reclen);
	store_le(to, 8, abi_number(abi, d->ino, 8));
	store_le(to + 8, 8, abi_number(abi, (uint64_t)d->off, 8));
	store_le(to + 16, 2, abi_number(abi, d->reclen, 2));
	return d->reclen;
}

static int64_t read_directory(struct thread *t, int fd, uint64_t addr, uint64_t room,
			      unsigned int (*put)(const struct abi *abi,
						  const struct host_dirent *d, uint8_t *to))
{
	uint8_t *host = g_malloc(DIRENT_BUFFER), *guest = g_malloc(2 * DIRENT_BUFFER);
	uint64_t used = 0, at = 0;
	int64_t got = HOST(t, SYS_getdents64, fd, HPTR(host), MIN(room, DIRENT_BUFFER));
	int64_t last = -1;

	while ((int64_t)at < got) {
		const struct host_dirent *d = (const struct host_dirent *)(host + at);
		uint8_t one[512];
		unsigned int size = put(t->abi, d, one);
		if (used + size > room) { /* the rest is for the next time */
			lseek(fd, last, SEEK_SET);
			break;
		}
		memcpy(guest + used, one, size);
		used += size;
		last = d->off;
		at += d->reclen;
	}
	int64_t result = got;
	if (got > 0)
		result = !used				     ? -EINVAL
			 : guest_write(t, addr, guest, used) ? (int64_t)used
							     : -EFAULT;
	g_free(host);
	g_free(guest);
	return result;
}

int64_t sys_getdents(struct thread *t, const struct call *call, const uint64_t *a)
{
	return read_directory(t, (int)a[0], a[1], (uint32_t)a[2], put_old_dirent);
}

int64_t sys_getdents64(struct thread *t, const struct call *call, const uint64_t *a)
{
	if (!t->abi->big_endian)
		return call_generic(t, call, a);
	return read_directory(t, (int)a[0], a[1], (uint32_t)a[2], put_dirent64);
}

/* --- fcntl --- */

#define F_GETOWNER_UIDS 17 /* the real and the effective one: not in the C library's headers */

enum { GUEST_GETLK64 = 12, GUEST_SETLK64, GUEST_SETLKW64 };

static int64_t lock_call(struct thread *t, int fd, int cmd, enum layout_id id, uint64_t addr)
{
	struct flock lock;

	if (!layout_read(t, id, addr, &lock))
		return -EFAULT;
	int64_t result = HOST(t, SYS_fcntl, fd, cmd, HPTR(&lock));
	bool asks = cmd == F_GETLK || cmd == F_OFD_GETLK;
	if (result >= 0 && asks && !layout_write(t, id, addr, &lock))
		return -EFAULT;
	return result;
}

int64_t sys_fcntl(struct thread *t, const struct call *call, const uint64_t *a)
{
	int fd = (int)a[0], cmd = (int)a[1];
	enum layout_id old = t->abi->word == 8 ? L_flock64 : L_flock;
	int owner[2];
	int64_t result;

	switch (cmd) {
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW: return lock_call(t, fd, cmd, old, a[2]);
	case GUEST_GETLK64:
	case GUEST_SETLK64:
	case GUEST_SETLKW64:
		if (t->abi->word == 8)
			return -EINVAL;
		return lock_call(t, fd, cmd - GUEST_GETLK64 + F_GETLK, L_flock64, a[2]);
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW: return lock_call(t, fd, cmd, L_flock64, a[2]);
	case F_GETFL:
		result = HOST(t, SYS_fcntl, fd, cmd, 0);
		return result < 0 ? result : open_flags_to_guest(t->abi, (int)result);
	case F_SETFL: return HOST(t, SYS_fcntl, fd, cmd, open_flags_to_host(t->abi, (int)a[2]));
	case F_GETOWN_EX:
		result = HOST(t, SYS_fcntl, fd, cmd, HPTR(owner));
		if (result >= 0 && !layout_write(t, L_f_owner_ex, a[2], owner))
			return -EFAULT;
		return result;
	case F_SETOWN_EX:
		if (!layout_read(t, L_f_owner_ex, a[2], owner))
			return -EFAULT;
		return HOST(t, SYS_fcntl, fd, cmd, HPTR(owner));
	case F_GETOWNER_UIDS:
	case F_GET_RW_HINT:
	case F_SET_RW_HINT:
	case F_GET_FILE_RW_HINT:
	case F_SET_FILE_RW_HINT:
		return HOST(t, SYS_fcntl, fd, cmd, HPTR(guest_pointer(t, a[2], 8)));
	default: return HOST(t, SYS_fcntl, fd, cmd, a[2]);
	}
}
