/* Memory calls: arguments of the map's functions (mm.c). */
#include "user/linux/syscall.h"

#include "interp/block.h"

#include <string.h>
#include <sys/mman.h>

static bool reads_imply_exec(const struct thread *t)
{
	return t->process->personality & 0x0400000;
}

static int64_t map(struct thread *t, uint64_t addr, uint64_t len, int prot, int flags, int fd,
		   uint64_t offset)
{
	if (offset & ~GUEST_PAGE_MASK)
		return -EINVAL;
	if (prot & PROT_READ && reads_imply_exec(t))
		prot |= PROT_EXEC;
	return mm_map(t, addr, len, prot, flags, flags & MAP_ANONYMOUS ? -1 : fd, offset);
}

int64_t sys_mmap(struct thread *t, const struct call *call, const uint64_t *a)
{
	/* mmap2() counts pages. */
	uint64_t offset = t->abi->word == 4 ? (a[5] & UINT32_MAX) << GUEST_PAGE_BITS : a[5];

	return map(t, a[0], a[1], (int)a[2], (int)a[3], (int)a[4], offset);
}

int64_t sys_old_mmap(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t v[6];

	for (unsigned int i = 0; i < 6; i++)
		if (!guest_get(t, a[0] + 4 * i, 4, &v[i]))
			return -EFAULT;
	return map(t, v[0], v[1], (int)v[2], (int)v[3], (int)v[4], v[5]);
}

int64_t sys_munmap(struct thread *t, const struct call *call, const uint64_t *a)
{
	return mm_unmap(t, a[0], a[1]);
}

int64_t sys_mprotect(struct thread *t, const struct call *call, const uint64_t *a)
{
	int prot = (int)a[2];

	if (call->host == SYS_pkey_mprotect && (int)a[3] != -1)
		return -EINVAL;
	if (prot & PROT_READ && reads_imply_exec(t))
		prot |= PROT_EXEC;
	return mm_protect(t, a[0], a[1], prot);
}

int64_t sys_mremap(struct thread *t, const struct call *call, const uint64_t *a)
{
	return mm_remap(t, a[0], a[1], a[2], (int)a[3], a[4]);
}

int64_t sys_brk(struct thread *t, const struct call *call, const uint64_t *a)
{
	return mm_brk(t, a[0]);
}

/* Advice on what is not mapped must not reach the reservation. */
static bool all_mapped(struct thread *t, uint64_t addr, uint64_t len)
{
	struct mm_area area;

	for (uint64_t at = addr; at < addr + len; at = area.end)
		if (!mm_find(t->process->mm, at, &area))
			return false;
	return true;
}

int64_t sys_madvise(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t len = (a[1] + GUEST_PAGE_SIZE - 1) & GUEST_PAGE_MASK;

	if (a[0] & ~GUEST_PAGE_MASK || (len < a[1]))
		return -EINVAL;
	if (!len)
		return 0;
	if (len > mm_task_size(t->process->mm) || a[0] > mm_task_size(t->process->mm) - len ||
	    !all_mapped(t, a[0], len))
		return -ENOMEM;
	int64_t result = HOST(t, SYS_madvise, HPTR(t->process->base + a[0]), len, a[2]);
	guest_written(t, a[0], len);
	return result;
}

/* Never the emulator's own pages, of which there are many that nobody will touch. */
int64_t sys_mlockall(struct thread *t, const struct call *call, const uint64_t *a)
{
	return (int)a[0] & ~7 || !(int)a[0] ? -EINVAL : 0;
}

int64_t sys_mincore(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t len = (a[1] + GUEST_PAGE_SIZE - 1) & GUEST_PAGE_MASK;

	if (a[0] & ~GUEST_PAGE_MASK)
		return -EINVAL;
	if (len > mm_task_size(t->process->mm) || a[0] > mm_task_size(t->process->mm) - len ||
	    !all_mapped(t, a[0], len))
		return -ENOMEM;
	return HOST(t, SYS_mincore, HPTR(t->process->base + a[0]), len,
		    HPTR(guest_pointer(t, a[2], len >> GUEST_PAGE_BITS)));
}
