/*
 * Guest memory as the emulator itself reads and writes it.
 *
 * The host's protections are the guest's, so a copy is a plain one with the host's fault caught.
 * Addresses are checked here, once: everything else gets host pointers from these functions.
 */
#include "user/linux/user.h"

#include "base/bytes.h"
#include "interp/block.h"

#include <string.h>

static bool in_guest(const struct thread *t, uint64_t addr, uint64_t len)
{
	uint64_t size = mm_task_size(t->process->mm);

	return addr <= size && len <= size - addr;
}

void *guest_pointer(struct thread *t, uint64_t addr, uint64_t len)
{
	if (!addr)
		return NULL;
	if (!in_guest(t, addr, len))
		return (void *)(uintptr_t)-4096; /* the kernel says EFAULT */
	mm_code_release(t->process->mm, addr, len);
	return t->process->base + addr;
}

/* A copy whose faults come back here; not inlined, as setjmp() would cost the callers registers. */
static NOINLINE bool copy(struct thread *t, void *to, const void *from, uint64_t len)
{
	sigjmp_buf jump, *outer = t->fault_jump;

	if (sigsetjmp(jump, 0)) {
		t->fault_jump = outer;
		return false;
	}
	t->fault_jump = &jump;
	__asm__ volatile("" ::: "memory");
	memcpy(to, from, len);
	__asm__ volatile("" ::: "memory");
	t->fault_jump = outer;
	return true;
}

bool guest_read(struct thread *t, void *to, uint64_t addr, uint64_t len)
{
	return in_guest(t, addr, len) && copy(t, to, t->process->base + addr, len);
}

bool guest_write(struct thread *t, uint64_t addr, const void *from, uint64_t len)
{
	if (!in_guest(t, addr, len) || !copy(t, t->process->base + addr, from, len))
		return false;
	guest_written(t, addr, len);
	return true;
}

int64_t guest_string(struct thread *t, char *to, uint64_t addr, uint64_t size)
{
	for (uint64_t n = 0; n < size;) {
		uint64_t piece = MIN(size - n, GUEST_PAGE_SIZE - ((addr + n) & ~GUEST_PAGE_MASK));
		if (!guest_read(t, to + n, addr + n, piece))
			return -EFAULT;
		const char *end = memchr(to + n, 0, piece);
		if (end)
			return end - to;
		n += piece;
	}
	return -ENAMETOOLONG;
}

bool guest_get(struct thread *t, uint64_t addr, unsigned int size, uint64_t *value)
{
	uint8_t bytes[8];

	if (!guest_read(t, bytes, addr, size))
		return false;
	*value = abi_number(t->abi, load_le(bytes, size), size);
	return true;
}

bool guest_put(struct thread *t, uint64_t addr, unsigned int size, uint64_t value)
{
	uint8_t bytes[8];

	store_le(bytes, size, abi_number(t->abi, value, size));
	return guest_write(t, addr, bytes, size);
}

/* Drops code page by page, where there is some: ranges may be much longer than what runs. */
static void invalidate(struct ram *ram, uint64_t addr, uint64_t len)
{
	uint64_t end = addr + len;

	while (addr < end) {
		uint64_t page = addr >> GUEST_PAGE_BITS;
		uint64_t next = MIN(end, (page + 1) << GUEST_PAGE_BITS);
		uint8_t bits = __atomic_load_n(&ram->code[page / 8], __ATOMIC_ACQUIRE);
		if (bits >> (page % 8) & 1)
			blocks_invalidate(ram, addr, next - addr);
		else if (!bits)
			next = MIN(end, ((page | 7) + 1) << GUEST_PAGE_BITS);
		addr = next;
	}
}

void guest_written(struct thread *t, uint64_t addr, uint64_t len)
{
	struct ram *ram = t->process->ram.ram;

	if (!len || !in_guest(t, addr, len))
		return;
	/* Whole bytes of the map, eight pages each: most of them are zero. */
	for (uint64_t at = addr >> GUEST_PAGE_BITS >> 3;
	     at <= (addr + len - 1) >> GUEST_PAGE_BITS >> 3; at++) {
		if (__atomic_load_n(&ram->code[at], __ATOMIC_ACQUIRE)) {
			invalidate(ram, addr, len);
			return;
		}
	}
}
