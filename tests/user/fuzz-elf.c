/*
 * Hostile programs: whatever the bytes are, loading ends in an error or in an image. The first byte
 * chooses the ABI.
 */
#include "base/loop.h"
#include "user/linux/user.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct thread *make(const struct abi *abi)
{
	static const struct abi *made[4];
	static struct thread *threads[4];
	unsigned int i = 0;

	for (; i < 4 && made[i]; i++)
		if (made[i] == abi)
			return threads[i];
	struct process *p = calloc(1, sizeof(*p));
	struct thread *t = calloc(1, sizeof(*t));
	p->abi = t->abi = abi;
	t->process = p;
	p->prefix = strdup("/nonexistent");
	if (mm_new(p, 0, UINT64_C(1) << 32))
		abort();
	region_init(&p->root, "user", UINT64_MAX);
	if (region_init_ram_host(&p->ram, "guest", p->base, mm_task_size(p->mm)))
		abort();
	signals_init(t); /* copies into the program may fault */
	thread_set_self(t);
	made[i] = abi;
	threads[i] = t;
	return t;
}

struct range {
	uint64_t start[64], len[64];
	unsigned int count;
};

static void collect(void *opaque, const struct mm_area *area)
{
	struct range *r = opaque;

	if (r->count < 64) {
		r->start[r->count] = area->start;
		r->len[r->count++] = area->end - area->start;
	}
}

static void unmap_all(struct thread *t)
{
	struct range r;

	do {
		r.count = 0;
		mm_each(t->process->mm, collect, &r);
		for (unsigned int i = 0; i < r.count; i++)
			mm_unmap(t, r.start[i], r.len[i]);
	} while (r.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct abi *const abis[] = {&abi_x86_64, &abi_i386, &abi_arm, &abi_armeb};
	struct image img;
	char path[64];

	if (size < 1)
		return 0;
	struct thread *t = make(abis[data[0] % 4]);
	int fd = memfd_create("program", 0);
	if (write(fd, data + 1, size - 1) != (ssize_t)(size - 1))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	thread_set_self(t);
	error_free(image_load(t, path, &img));
	unmap_all(t);
	close(fd);
	return 0;
}
