/* Page tables, as the walk (mmu.c) and the monitor (mmu-info.c) see them. */
#ifndef INTERP_X86_MMU_H
#define INTERP_X86_MMU_H

#include "interp/x86/system.h"

enum {
	PTE_P = 1 << 0,
	PTE_W = 1 << 1,
	PTE_U = 1 << 2,
	PTE_A = 1 << 5,
	PTE_D = 1 << 6,
	PTE_PS = 1 << 7,
	PTE_G = 1 << 8,
};
#define PTE_NX	 (UINT64_C(1) << 63)
#define PTE_ADDR UINT64_C(0x000ffffffffff000)

/* Page-fault error code. */
enum { PF_P = 1 << 0, PF_W = 1 << 1, PF_U = 1 << 2, PF_RSVD = 1 << 3, PF_I = 1 << 4 };

/* A format of tables. PAE's top level is not among the levels: it is in registers. */
struct x86_paging {
	uint8_t levels, index_bits, entry_size;
};

/* The format in use, NULL: no paging. */
const struct x86_paging *x86_paging_now(const struct x86_cpu *c);
uint64_t x86_entry_read(struct x86_cpu *c, uint64_t pa, unsigned int size);
/* Whether an entry of `level` (0: PTE) maps a page by itself. */
bool x86_entry_is_leaf(const struct x86_cpu *c, unsigned int level, uint64_t entry);
/* log2 of the bytes that an entry of `level` maps. */
unsigned int x86_level_shift(const struct x86_paging *p, unsigned int level);
/* Physical address of the page that a leaf maps. */
uint64_t x86_leaf_address(const struct x86_paging *p, unsigned int level, uint64_t entry);

#endif
