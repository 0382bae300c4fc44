/*
 * A library for LD_PRELOAD that lets calls of the C library fail, to see what programs make of it.
 *
 *	FAULT_CALL=read|write|sync|alloc   which kind of call
 *	FAULT_AT=n			   the n-th one fails, once; 0: as FAULT_WHILE says
 *	FAULT_WHILE=PATH		   all fail for as long as this file exists
 *	FAULT_ERRNO=n			   with this error (EIO)
 *	FAULT_COUNT=PATH		   at the end, the number of such calls is written there
 *
 * Reads and writes are those with an offset, which is how images are accessed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { CALL_NONE, CALL_READ, CALL_WRITE, CALL_SYNC, CALL_ALLOC };

static enum call wanted;
static unsigned long fail_at;
static int fail_errno = EIO;
static const char *while_path;
static atomic_ulong calls;

static void __attribute__((constructor)) set_up(void)
{
	static const char *const names[] = {"none", "read", "write", "sync", "alloc"};
	const char *call = getenv("FAULT_CALL"), *at = getenv("FAULT_AT");
	const char *error = getenv("FAULT_ERRNO");

	while_path = getenv("FAULT_WHILE");
	fail_at = at ? strtoul(at, NULL, 10) : 0;
	fail_errno = error ? atoi(error) : EIO;
	for (unsigned int i = 0; call && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(call, names[i]))
			wanted = (enum call)i;
}

static void __attribute__((destructor)) tell(void)
{
	const char *path = getenv("FAULT_COUNT");
	FILE *f = path ? fopen(path, "w") : NULL;

	if (!f)
		return;
	fprintf(f, "%lu\n", atomic_load(&calls));
	fclose(f);
}

static bool fails(enum call call)
{
	if (call != wanted)
		return false;
	unsigned long n = atomic_fetch_add(&calls, 1) + 1;
	if (fail_at ? n != fail_at : !while_path || access(while_path, F_OK))
		return false;
	errno = call == CALL_ALLOC ? ENOMEM : fail_errno;
	return true;
}

/* The next definition of a symbol, which is the C library's. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define POSITIONED(name, call, buffer)                                      \
	ssize_t name(int fd, buffer buf, size_t len, off_t offset)          \
	{                                                                   \
		return fails(call) ? -1 : NEXT(name)(fd, buf, len, offset); \
	}

POSITIONED(pread, CALL_READ, void *)
POSITIONED(pwrite, CALL_WRITE, const void *)
#undef pread64
#undef pwrite64
POSITIONED(pread64, CALL_READ, void *)
POSITIONED(pwrite64, CALL_WRITE, const void *)

int fdatasync(int fd)
{
	return fails(CALL_SYNC) ? -1 : NEXT(fdatasync)(fd);
}

int ftruncate(int fd, off_t size)
{
	return fails(CALL_WRITE) ? -1 : NEXT(ftruncate)(fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	return fails(CALL_WRITE) ? -1 : NEXT(fallocate)(fd, mode, offset, len);
}

/* glibc's own names, since dlsym() itself allocates. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	return fails(CALL_ALLOC) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(CALL_ALLOC) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails(CALL_ALLOC) ? NULL : __libc_realloc(old, size);
}
