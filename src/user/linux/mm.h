/*
 * Inside of the memory map: mm.c, code-pages.c.
 */
#ifndef USER_LINUX_MM_H
#define USER_LINUX_MM_H

#include "interp/block.h"
#include "user/linux/user.h"

struct mm {
	struct process *p;
	uint8_t *base;
	uint64_t size; /* of the reservation, and the end of guest addresses */
	GRWLock lock;  /* areas; writers change the host's mappings with it */
	GArray *areas;
	uint64_t brk_start, brk;
	GHashTable *segments; /* address of shmat() to its length */
	struct code_pages *code;
};

/* With the lock held: the area of an address. */
bool mm_find_locked(const struct mm *mm, uint64_t addr, struct mm_area *area);

/* --- code-pages.c --- */

struct code_pages *code_pages_new(void);
/* The block cache's guard. */
enum code_guard mm_guard_code(struct ram *ram, uint64_t offset);
/* mm_code_release() with the lock held. */
bool mm_code_release_locked(struct mm *mm, uint64_t addr, uint64_t len);
/* With the lock held: a range has new protections. */
void mm_code_forget(struct mm *mm, uint64_t addr, uint64_t len);

#endif
