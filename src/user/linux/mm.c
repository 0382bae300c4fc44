/*
 * The guest's memory map: what mmap() and its family make of the reservation.
 *
 * Areas are a sorted array without overlaps; neighbours that are alike are joined. What is in no
 * area is reserved on the host (PROT_NONE), so nothing of the emulator's ever lands there. Guest
 * pages that may be executed are readable on the host, never executable.
 */
#include "user/linux/mm.h"

#include "base/loop.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __x86_64__
#include <asm/prctl.h>
#endif

#define PAGE		GUEST_PAGE_SIZE
#define PAGE_ALIGN(x)	(((x) + PAGE - 1) & GUEST_PAGE_MASK)
#define STACK_GAP	(UINT64_C(16) << 20) /* between mappings and the end: stack, trampolines */
#define MAP_GUEST_32BIT 0x40
#define GUARD		(64 << 10) /* behind the end, for accesses that start before it */
#define RESERVE		(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define PROT_GUEST	(PROT_READ | PROT_WRITE | PROT_EXEC)

/* --- areas --- */

static struct mm_area *area_at(const struct mm *mm, unsigned int i)
{
	return &g_array_index(mm->areas, struct mm_area, i);
}

/* The first area that ends behind `addr`. */
static unsigned int area_find(const struct mm *mm, uint64_t addr)
{
	unsigned int low = 0, high = mm->areas->len;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		if (area_at(mm, mid)->end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool range_is_free(const struct mm *mm, uint64_t start, uint64_t end)
{
	unsigned int i = area_find(mm, start);

	return i == mm->areas->len || area_at(mm, i)->start >= end;
}

static bool range_is_mapped(const struct mm *mm, uint64_t start, uint64_t end)
{
	for (unsigned int i = area_find(mm, start); start < end; i++) {
		if (i == mm->areas->len || area_at(mm, i)->start > start)
			return false;
		start = area_at(mm, i)->end;
	}
	return true;
}

/* Makes `addr` a border between areas. */
static void area_split(struct mm *mm, uint64_t addr)
{
	unsigned int i = area_find(mm, addr);

	if (i == mm->areas->len || area_at(mm, i)->start >= addr)
		return;
	struct mm_area second = *area_at(mm, i);
	second.start = addr;
	area_at(mm, i)->end = addr;
	g_array_insert_val(mm->areas, i + 1, second);
}

static bool alike(const struct mm_area *a, const struct mm_area *b)
{
	return a->end == b->start && a->prot == b->prot && a->file == b->file &&
	       a->shared == b->shared;
}

static void areas_join(struct mm *mm, unsigned int i)
{
	if (i + 1 < mm->areas->len && alike(area_at(mm, i), area_at(mm, i + 1))) {
		area_at(mm, i)->end = area_at(mm, i + 1)->end;
		g_array_remove_index(mm->areas, i + 1);
	}
}

static void range_clear(struct mm *mm, uint64_t start, uint64_t end)
{
	area_split(mm, start);
	area_split(mm, end);
	unsigned int first = area_find(mm, start), last = first;
	while (last < mm->areas->len && area_at(mm, last)->start < end)
		last++;
	if (last > first)
		g_array_remove_range(mm->areas, first, last - first);
}

static void range_set(struct mm *mm, struct mm_area area)
{
	range_clear(mm, area.start, area.end);
	unsigned int i = area_find(mm, area.start);
	g_array_insert_val(mm->areas, i, area);
	areas_join(mm, i);
	if (i)
		areas_join(mm, i - 1);
}

static void range_protect(struct mm *mm, uint64_t start, uint64_t end, int prot)
{
	area_split(mm, start);
	area_split(mm, end);
	unsigned int first = area_find(mm, start), i = first;
	for (; i < mm->areas->len && area_at(mm, i)->start < end; i++)
		area_at(mm, i)->prot = (uint8_t)prot;
	for (unsigned int k = i; k-- > first;)
		areas_join(mm, k);
	if (first)
		areas_join(mm, first - 1);
}

/* The highest free place below `top`, or 0. */
static uint64_t find_free(const struct mm *mm, uint64_t len, uint64_t top)
{
	const uint64_t lowest = 0x10000;
	unsigned int i = area_find(mm, top);

	if (i < mm->areas->len && area_at(mm, i)->start < top)
		i++;
	for (;; i--) {
		const struct mm_area *below = i ? area_at(mm, i - 1) : NULL;
		uint64_t start = below ? MAX(below->end, lowest) : lowest;
		if (top >= start && top - start >= len)
			return top - len;
		if (!below)
			return 0;
		top = below->start;
	}
}

bool mm_find_locked(const struct mm *mm, uint64_t addr, struct mm_area *area)
{
	unsigned int i = area_find(mm, addr);

	if (i == mm->areas->len || area_at(mm, i)->start > addr)
		return false;
	*area = *area_at(mm, i);
	return true;
}

bool mm_find(struct mm *mm, uint64_t addr, struct mm_area *area)
{
	g_rw_lock_reader_lock(&mm->lock);
	bool found = mm_find_locked(mm, addr, area);
	g_rw_lock_reader_unlock(&mm->lock);
	return found;
}

void mm_each(struct mm *mm, void (*fn)(void *opaque, const struct mm_area *area), void *opaque)
{
	g_rw_lock_reader_lock(&mm->lock);
	for (unsigned int i = 0; i < mm->areas->len; i++)
		fn(opaque, area_at(mm, i));
	g_rw_lock_reader_unlock(&mm->lock);
}

/* --- the host's side --- */

static int host_prot(int prot)
{
	if (prot & PROT_EXEC)
		prot |= PROT_READ;
	return prot & (PROT_READ | PROT_WRITE);
}

/* Gives pages back to the reservation. */
static void host_reserve(struct mm *mm, uint64_t start, uint64_t len)
{
	void *at = mmap(mm->base + start, len, PROT_NONE, RESERVE | MAP_FIXED, -1, 0);

	g_assert(at != MAP_FAILED || errno == ENOMEM);
}

/* What processors remember of a range is wrong now. */
static void forget(struct thread *t, uint64_t start, uint64_t len)
{
	struct process *p = t->process;

	mm_code_forget(p->mm, start, len);
	guest_written(t, start, len);
	if (p->ram.ram && t->cpu)
		vcpu_tlb_flush_range(thread_vcpu(t), start, len);
	if (cpu_count() < 2)
		return;
	machine_lock();
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		if (cpu != t->cpu)
			cpu_run_on(cpu, vcpu_tlb_flush_work, NULL);
	machine_unlock();
}

static bool range_ok(const struct mm *mm, uint64_t addr, uint64_t len)
{
	return len && addr <= mm->size && len <= mm->size - addr;
}

static uint64_t mmap_top(const struct mm *mm, const struct process *p)
{
	uint64_t gap = p->stack_size + STACK_GAP;

	return mm->size > 8 * gap ? (mm->size - gap) & GUEST_PAGE_MASK : mm->size / 8 * 7;
}

/* Where a mapping goes that may go anywhere; 0: no room. */
static uint64_t choose_place(const struct mm *mm, uint64_t hint, uint64_t len, int flags)
{
	uint64_t top = mmap_top(mm, mm->p);

	hint = hint & GUEST_PAGE_MASK;
	if (flags & MAP_GUEST_32BIT && mm->size > UINT64_C(1) << 32)
		top = UINT64_C(1) << 31;
	else if (hint && hint >= 0x10000 && range_ok(mm, hint, len) &&
		 range_is_free(mm, hint, hint + len))
		return hint;
	return find_free(mm, len, top);
}

/* --- mmap --- */

static int64_t map_locked(struct thread *t, uint64_t addr, uint64_t len, int prot, int flags,
			  int fd, uint64_t offset)
{
	struct mm *mm = t->process->mm;
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

	if (fixed) {
		if (addr & ~GUEST_PAGE_MASK)
			return -EINVAL;
		if (!range_ok(mm, addr, len))
			return -ENOMEM;
		if (flags & MAP_FIXED_NOREPLACE && !range_is_free(mm, addr, addr + len))
			return -EEXIST;
	} else {
		addr = choose_place(mm, addr, len, flags);
		if (!addr)
			return -ENOMEM;
	}
	bool was_free = range_is_free(mm, addr, addr + len);
	int host_flags =
		(flags & ~(MAP_FIXED_NOREPLACE | MAP_GUEST_32BIT | MAP_GROWSDOWN)) | MAP_FIXED;
	void *at = mmap(mm->base + addr, len, host_prot(prot), host_flags, fd, (off_t)offset);
	if (at == MAP_FAILED) {
		int code = errno;
		if (was_free)
			host_reserve(mm, addr, len);
		return -code;
	}
	range_set(mm, (struct mm_area){.start = addr,
				       .end = addr + len,
				       .prot = prot & PROT_GUEST,
				       .file = !(flags & MAP_ANONYMOUS),
				       .shared = (flags & MAP_TYPE) != MAP_PRIVATE});
	if (!was_free)
		forget(t, addr, len);
	return (int64_t)addr;
}

int64_t mm_map(struct thread *t, uint64_t addr, uint64_t len, int prot, int flags, int fd,
	       uint64_t offset)
{
	struct mm *mm = t->process->mm;

	if (!len)
		return -EINVAL;
	if (len > mm->size || PAGE_ALIGN(len) > mm->size)
		return -ENOMEM;
	g_rw_lock_writer_lock(&mm->lock);
	int64_t result = map_locked(t, addr, PAGE_ALIGN(len), prot, flags, fd, offset);
	g_rw_lock_writer_unlock(&mm->lock);
	return result;
}

int64_t mm_unmap(struct thread *t, uint64_t addr, uint64_t len)
{
	struct mm *mm = t->process->mm;

	if (addr & ~GUEST_PAGE_MASK || !range_ok(mm, addr, len) ||
	    !range_ok(mm, addr, PAGE_ALIGN(len)))
		return -EINVAL;
	len = PAGE_ALIGN(len);
	g_rw_lock_writer_lock(&mm->lock);
	if (!range_is_free(mm, addr, addr + len)) {
		host_reserve(mm, addr, len);
		range_clear(mm, addr, addr + len);
		forget(t, addr, len);
	}
	g_rw_lock_writer_unlock(&mm->lock);
	return 0;
}

static int64_t protect_locked(struct thread *t, uint64_t addr, uint64_t len, int prot)
{
	struct mm *mm = t->process->mm;

	if (prot & PROT_GROWSDOWN) {
		unsigned int i = area_find(mm, addr);
		if (i < mm->areas->len && area_at(mm, i)->start <= addr) {
			len += addr - area_at(mm, i)->start;
			addr = area_at(mm, i)->start;
		}
	}
	if (!range_is_mapped(mm, addr, addr + len))
		return -ENOMEM;
	if (mprotect(mm->base + addr, len, host_prot(prot)))
		return -errno;
	range_protect(mm, addr, addr + len, prot & PROT_GUEST);
	forget(t, addr, len);
	return 0;
}

int64_t mm_protect(struct thread *t, uint64_t addr, uint64_t len, int prot)
{
	struct mm *mm = t->process->mm;

	if (addr & ~GUEST_PAGE_MASK || prot & ~(PROT_GUEST | PROT_GROWSDOWN | PROT_GROWSUP | 8))
		return -EINVAL;
	if (!len)
		return 0;
	if (!range_ok(mm, addr, len) || !range_ok(mm, addr, PAGE_ALIGN(len)))
		return -ENOMEM;
	g_rw_lock_writer_lock(&mm->lock);
	int64_t result = protect_locked(t, addr, PAGE_ALIGN(len), prot);
	g_rw_lock_writer_unlock(&mm->lock);
	return result;
}

/* --- mremap --- */

/* Moves to a place of its own, or to the one asked for. */
static int64_t remap_move(struct thread *t, const struct mm_area *area, uint64_t old,
			  uint64_t old_len, uint64_t new_len, int flags, uint64_t addr)
{
	struct mm *mm = t->process->mm;

	if (!(flags & MREMAP_FIXED))
		addr = choose_place(mm, 0, new_len, 0);
	if (!addr)
		return -ENOMEM;
	void *at = mremap(mm->base + old, old_len, new_len,
			  (flags & ~MREMAP_FIXED) | MREMAP_MAYMOVE | MREMAP_FIXED, mm->base + addr);
	if (at == MAP_FAILED)
		return -errno;
	struct mm_area moved = *area;
	if (old_len && !(flags & MREMAP_DONTUNMAP)) {
		host_reserve(mm, old, old_len);
		range_clear(mm, old, old + old_len);
	}
	moved.start = addr;
	moved.end = addr + new_len;
	range_set(mm, moved);
	forget(t, old, old_len);
	forget(t, addr, new_len);
	return (int64_t)addr;
}

/*
 * What is reserved behind a mapping makes way. Anonymous memory is put over it at once: a hole,
 * were it only for a moment, would be a place for mappings of the emulator's other threads.
 */
static bool grow_in_place(struct mm *mm, const struct mm_area *area, uint64_t old, uint64_t old_len,
			  uint64_t new_len)
{
	uint8_t *end = mm->base + old + old_len;

	if (!area->file && !area->shared)
		return mmap(end, new_len - old_len, host_prot(area->prot),
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
	munmap(end, new_len - old_len);
	return mremap(mm->base + old, old_len, new_len, 0) != MAP_FAILED;
}

static int64_t remap_locked(struct thread *t, uint64_t old, uint64_t old_len, uint64_t new_len,
			    int flags, uint64_t addr)
{
	struct mm *mm = t->process->mm;
	unsigned int i = area_find(mm, old);

	if (i == mm->areas->len || area_at(mm, i)->start > old ||
	    area_at(mm, i)->end - old < old_len)
		return -EFAULT;
	struct mm_area area = *area_at(mm, i);
	/* The host moves one mapping, not the pieces that protected pages make of it. */
	mm_code_release_locked(mm, old, old_len);
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return remap_move(t, &area, old, old_len, new_len, flags, addr);
	if (new_len <= old_len) {
		if (new_len < old_len) {
			host_reserve(mm, old + new_len, old_len - new_len);
			range_clear(mm, old + new_len, old + old_len);
			forget(t, old + new_len, old_len - new_len);
		}
		return (int64_t)old;
	}
	if (range_ok(mm, old, new_len) && area.end == old + old_len &&
	    range_is_free(mm, old + old_len, old + new_len)) {
		if (grow_in_place(mm, &area, old, old_len, new_len)) {
			area.start = old;
			area.end = old + new_len;
			range_set(mm, area);
			return (int64_t)old;
		}
		host_reserve(mm, old + old_len, new_len - old_len);
	}
	if (!(flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	return remap_move(t, &area, old, old_len, new_len, flags, 0);
}

int64_t mm_remap(struct thread *t, uint64_t old, uint64_t old_len, uint64_t new_len, int flags,
		 uint64_t new_addr)
{
	struct mm *mm = t->process->mm;

	if (old & ~GUEST_PAGE_MASK || !new_len || new_len > mm->size || old_len > mm->size ||
	    flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	old_len = PAGE_ALIGN(old_len);
	new_len = PAGE_ALIGN(new_len);
	if (!range_ok(mm, old, old_len ? old_len : 1))
		return -EFAULT;
	if (flags & MREMAP_FIXED &&
	    (new_addr & ~GUEST_PAGE_MASK || !range_ok(mm, new_addr, new_len) ||
	     !(flags & MREMAP_MAYMOVE) || (new_addr < old + old_len && old < new_addr + new_len)))
		return -EINVAL;
	g_rw_lock_writer_lock(&mm->lock);
	int64_t result = remap_locked(t, old, old_len, new_len, flags, new_addr);
	g_rw_lock_writer_unlock(&mm->lock);
	return result;
}

/* --- System V shared memory --- */

static int64_t shmat_locked(struct thread *t, int id, uint64_t addr, uint64_t len, int flags)
{
	struct mm *mm = t->process->mm;

	if (addr) {
		if (flags & SHM_RND)
			addr &= GUEST_PAGE_MASK;
		if (addr & ~GUEST_PAGE_MASK || !range_ok(mm, addr, len))
			return -EINVAL;
		if (!(flags & SHM_REMAP) && !range_is_free(mm, addr, addr + len))
			return -EINVAL;
	} else {
		addr = choose_place(mm, 0, len, 0);
		if (!addr)
			return -ENOMEM;
	}
	if (shmat(id, mm->base + addr, (flags & ~SHM_RND) | SHM_REMAP) == (void *)-1)
		return -errno;
	range_set(mm,
		  (struct mm_area){.start = addr,
				   .end = addr + len,
				   .prot = flags & SHM_RDONLY ? PROT_READ : PROT_READ | PROT_WRITE,
				   .shared = true});
	g_hash_table_insert(mm->segments, GSIZE_TO_POINTER(addr), GSIZE_TO_POINTER(len));
	forget(t, addr, len);
	return (int64_t)addr;
}

int64_t mm_shmat(struct thread *t, int id, uint64_t addr, int flags)
{
	struct mm *mm = t->process->mm;
	struct shmid_ds info;

	if (shmctl(id, IPC_STAT, &info))
		return -errno;
	if (!info.shm_segsz || info.shm_segsz > mm->size)
		return -ENOMEM;
	g_rw_lock_writer_lock(&mm->lock);
	int64_t result = shmat_locked(t, id, addr, PAGE_ALIGN(info.shm_segsz), flags);
	g_rw_lock_writer_unlock(&mm->lock);
	return result;
}

int64_t mm_shmdt(struct thread *t, uint64_t addr)
{
	struct mm *mm = t->process->mm;
	int64_t result = -EINVAL;

	g_rw_lock_writer_lock(&mm->lock);
	uint64_t len = GPOINTER_TO_SIZE(g_hash_table_lookup(mm->segments, GSIZE_TO_POINTER(addr)));
	if (len && !shmdt(mm->base + addr)) {
		g_hash_table_remove(mm->segments, GSIZE_TO_POINTER(addr));
		host_reserve(mm, addr, len);
		range_clear(mm, addr, addr + len);
		forget(t, addr, len);
		result = 0;
	}
	g_rw_lock_writer_unlock(&mm->lock);
	return result;
}

/* --- brk --- */

void mm_set_brk(struct mm *mm, uint64_t addr)
{
	mm->brk_start = mm->brk = PAGE_ALIGN(addr);
}

static void brk_locked(struct thread *t, uint64_t addr)
{
	struct mm *mm = t->process->mm;
	uint64_t old = PAGE_ALIGN(mm->brk), new = PAGE_ALIGN(addr);

	if (new > old) {
		if (!range_is_free(mm, old, new) ||
		    map_locked(t, old, new - old, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) < 0)
			return;
	} else if (new < old) {
		host_reserve(mm, new, old - new);
		range_clear(mm, new, old);
		forget(t, new, old - new);
	}
	mm->brk = addr;
}

int64_t mm_brk(struct thread *t, uint64_t addr)
{
	struct mm *mm = t->process->mm;

	g_rw_lock_writer_lock(&mm->lock);
	if (addr >= mm->brk_start && addr < mm->size - PAGE)
		brk_locked(t, addr);
	int64_t result = (int64_t)mm->brk;
	g_rw_lock_writer_unlock(&mm->lock);
	return result;
}

/* --- making and forking --- */

uint64_t mm_task_size(const struct mm *mm)
{
	return mm->size;
}

/* As much as the host has room for, where the guest may have that much. */
static void *reserve_some(uint64_t base, uint64_t *size)
{
	const uint64_t least = UINT64_C(1) << 30;

	for (; *size >= least; *size /= 2) {
		void *at = mmap((void *)(uintptr_t)base, *size + GUARD, PROT_NONE,
				RESERVE | (base ? MAP_FIXED_NOREPLACE : 0), -1, 0);
		if (at != MAP_FAILED)
			return at;
	}
	return MAP_FAILED;
}

/* Where handlers reach guest memory by (interp/direct.h). Threads inherit it. */
static void set_guest_segment(void *base)
{
#ifdef __x86_64__
	syscall(SYS_arch_prctl, ARCH_SET_GS, base);
#endif
}

struct error *mm_new(struct process *p, uint64_t base, uint64_t size)
{
	uint64_t got = size;
	void *at = reserve_some(base, &got);

	if (at == MAP_FAILED)
		return error_errno(errno,
				   "cannot reserve %" G_GUINT64_FORMAT " MiB of address space",
				   size >> 20);
	struct mm *mm = g_new0(struct mm, 1);
	mm->p = p;
	mm->base = at;
	mm->size = got;
	g_rw_lock_init(&mm->lock);
	mm->areas = g_array_new(FALSE, FALSE, sizeof(struct mm_area));
	mm->segments = g_hash_table_new(g_direct_hash, g_direct_equal);
	mm->code = code_pages_new();
	blocks_set_guard(mm_guard_code);
	set_guest_segment(at);
	p->mm = mm;
	p->base = at;
	return NULL;
}

void mm_fork_lock(struct mm *mm)
{
	g_rw_lock_writer_lock(&mm->lock);
}

/* The child's lock has no holder that could let it go. */
void mm_fork_unlock(struct mm *mm, bool child)
{
	if (child)
		g_rw_lock_init(&mm->lock);
	else
		g_rw_lock_writer_unlock(&mm->lock);
}
