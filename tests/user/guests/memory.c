#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *error(int failed)
{
	return failed ? strerrorname_np(errno) : "ok";
}

int main(void)
{
	char *p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 7, 16384);
	printf("hole: %s\n", error(munmap(p + 4096, 4096)));
	char *q = mmap(p + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	printf("fixed: %d %d\n", q == p + 4096, q[0]);
	printf("noreplace: %s\n",
	       error(mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			  0) == MAP_FAILED));
	munmap(p + 8192, 4096);
	printf("mprotect over a hole: %s\n", error(mprotect(p, 16384, PROT_READ)));
	printf("msync, madvise: %s", error(msync(p, 4096, MS_SYNC)));
	printf(" %s\n", error(madvise(p + 8192, 4096, MADV_DONTNEED)));

	char *r = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	strcpy(r, "moved");
	r = mremap(r, 8192, 1 << 20, MREMAP_MAYMOVE);
	r[(1 << 20) - 1] = 1;
	printf("mremap: %s\n", r);
	char *big = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *to = mremap(r, 1 << 20, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, big);
	printf("mremap fixed: %d %s\n", to == big, to);
	printf("mremap nothing: %s\n", error(mremap(r, 4096, 8192, 0) == MAP_FAILED));

	char name[] = "/tmp/map-XXXXXX";
	int fd = mkstemp(name);
	unlink(name);
	write(fd, "0123456789", 10);
	char *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *v = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	s[0] = 'S';
	v[1] = 'P';
	char text[11] = {0};
	pread(fd, text, 10, 0);
	printf("shared: %s %.10s\n", text, v);
	printf("bad: %s", error(mmap(NULL, 4096, PROT_READ, MAP_SHARED, -1, 0) == MAP_FAILED));
	printf(" %s", error(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			    MAP_FAILED));
	printf(" %s\n", error(munmap(s + 1, 4096)));

	char *old = sbrk(0);
	printf("brk: %d", sbrk(100000) == old);
	memset(old, 1, 100000);
	printf(" %d\n", sbrk(-100000) != (void *)-1 && sbrk(0) == old);

	unsigned char vec[4];
	printf("mincore: %s\n", error(mincore(p, 4096, vec)));
	printf("efault: %s", error(read(fd, (void *)16, 10) < 0));
	printf(" %s\n", error(write(fd, (void *)16, 10) < 0));

	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	int found = 0, exe = 0;
	unsigned long start, end;
	while (fgets(line, sizeof(line), maps)) {
		sscanf(line, "%lx-%lx", &start, &end);
		found |= (unsigned long)&found >= start && (unsigned long)&found < end;
		exe |= strstr(line, "memory-") != NULL && (unsigned long)main >= start &&
		       (unsigned long)main < end;
	}
	printf("maps: %d %d\n", found, exe);
	return 0;
}
