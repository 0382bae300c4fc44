/*
 * Paging: the walk behind the software TLB. Source: Intel SDM volume 3, chapter 4.
 *
 * One walk serves 32-bit, PAE and 4-level tables: a format says how many levels there are and how
 * wide entries are. Accessed and dirty bits are set by compare-and-swap on guest RAM; if another
 * processor changed the entry in between, the walk starts again. A page gets a writable TLB entry
 * only when its dirty bit is set, so that the first store comes here.
 */
#include "interp/x86/mmu.h"

#include "base/log.h"

#include <inttypes.h>

static const struct x86_paging paging_32 = {2, 10, 4}, paging_pae = {2, 9, 8},
			       paging_long = {4, 9, 8};

const struct x86_paging *x86_paging_now(const struct x86_cpu *c)
{
	if (!(c->cr0 & CR0_PG))
		return NULL;
	if (c->efer & EFER_LMA)
		return &paging_long;
	return c->cr4 & CR4_PAE ? &paging_pae : &paging_32;
}

/* --- table entries --- */

/* An entry's place in host memory; host is NULL where it is not in plain RAM. */
struct entry_place {
	struct ram *ram;
	uint64_t offset;
	uint8_t *host;
	bool readonly;
};

static struct entry_place entry_find(const struct x86_cpu *c, uint64_t pa)
{
	const struct flat_range *f = address_space_find(c->v.cpu.memory, pa);

	if (UNLIKELY(!f || f->region->kind != REGION_RAM || f->last - pa < 7))
		return (struct entry_place){0};
	uint64_t offset = f->offset + (pa - f->start);
	return (struct entry_place){f->region->ram, offset, f->region->ram->host + offset,
				    f->readonly};
}

uint64_t x86_entry_read(struct x86_cpu *c, uint64_t pa, unsigned int size)
{
	uint8_t *host = entry_find(c, pa).host;

	if (UNLIKELY(!host))
		return mem_load_le(c->v.cpu.memory, pa, size);
	if (size == 4)
		return __atomic_load_n((uint32_t *)host, __ATOMIC_ACQUIRE);
	return __atomic_load_n((uint64_t *)host, __ATOMIC_ACQUIRE);
}

static bool swap32(uint8_t *host, uint32_t old, uint32_t value)
{
	return __atomic_compare_exchange_n((uint32_t *)host, &old, value, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

static bool swap64(uint8_t *host, uint64_t old, uint64_t value)
{
	return __atomic_compare_exchange_n((uint64_t *)host, &old, value, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

/* Sets bits of an entry that held `old`; false where it has changed since. */
static bool entry_or(struct x86_cpu *c, uint64_t pa, unsigned int size, uint64_t old, uint64_t bits)
{
	struct entry_place at = entry_find(c, pa);

	if (!at.host || at.readonly) {
		mem_store_le(c->v.cpu.memory, pa, old | bits, size);
		return true;
	}
	bool done = size == 4 ? swap32(at.host, (uint32_t)old, (uint32_t)(old | bits))
			      : swap64(at.host, old, old | bits);
	if (done)
		ram_written(at.ram, at.offset, size);
	return done;
}

unsigned int x86_level_shift(const struct x86_paging *p, unsigned int level)
{
	return GUEST_PAGE_BITS + level * p->index_bits;
}

bool x86_entry_is_leaf(const struct x86_cpu *c, unsigned int level, uint64_t entry)
{
	if (level == 0)
		return true;
	if (!(entry & PTE_PS) || level > 2)
		return false;
	if (level == 2)
		return x86_has(c, FEAT_8000_0001_EDX, 26);
	return c->cr4 & (CR4_PSE | CR4_PAE) || c->efer & EFER_LMA;
}

uint64_t x86_leaf_address(const struct x86_paging *p, unsigned int level, uint64_t entry)
{
	uint64_t page = ~((UINT64_C(1) << x86_level_shift(p, level)) - 1);

	if (p->entry_size == 4 && level == 1) /* PSE-36: bits 13-20 are address bits 32-39 */
		return (entry & 0xffc00000) | (entry & 0x001fe000) << 19;
	return entry & PTE_ADDR & page;
}

/* Bits that must be zero in an entry. */
static uint64_t reserved_bits(const struct x86_cpu *c, const struct x86_paging *p,
			      unsigned int level, uint64_t entry)
{
	if (p->entry_size == 4) {
		if (level == 0 || !x86_entry_is_leaf(c, level, entry))
			return 0;
		uint64_t high = x86_has(c, FEAT_1_EDX, 17) ? c->phys_mask >> 32 : 0;
		return 0x003fe000 & ~(high << 13 & 0x001fe000);
	}
	uint64_t bits = PTE_ADDR & ~c->phys_mask;
	if (!(c->efer & EFER_NXE))
		bits |= PTE_NX;
	if (p->levels == 2)
		bits |= UINT64_C(0x7ff) << 52;
	if (level == 3 || (level == 2 && !x86_has(c, FEAT_8000_0001_EDX, 26)))
		bits |= PTE_PS;
	else if (level && entry & PTE_PS)
		bits |= ((UINT64_C(1) << x86_level_shift(p, level)) - 1) & ~UINT64_C(0x1fff);
	return bits;
}

/* --- the walk --- */

struct walk {
	uint64_t va; /* linear address, cut to 32 bits outside of long mode */
	enum mem_access access;
	bool user;
	/* how it went */
	uint64_t pa, page_size;
	uint64_t allowed; /* PTE_W, PTE_U of all levels; PTE_NX of any */
	uint32_t error;	  /* if it failed */
	unsigned int count, leaf_level;
	struct {
		uint64_t pa, value;
	} entries[4];
};

/* Where the first table is; false: not present. */
static bool walk_root(struct x86_cpu *c, const struct x86_paging *p, uint64_t va, uint64_t *table)
{
	if (p->levels == 4) {
		*table = c->cr3 & PTE_ADDR;
	} else if (p->entry_size == 8) {
		uint64_t pdpte = c->pdpte[va >> 30 & 3];
		*table = pdpte & PTE_ADDR;
		return pdpte & PTE_P;
	} else {
		*table = c->cr3 & 0xfffff000;
	}
	return true;
}

/* Follows the tables; false with w->error = PF_P and PF_RSVD as they are. */
static bool walk_tables(struct x86_cpu *c, const struct x86_paging *p, struct walk *w)
{
	uint64_t table;

	w->count = 0;
	w->error = 0;
	w->allowed = PTE_W | PTE_U;
	if (!walk_root(c, p, w->va, &table))
		return false;
	for (unsigned int level = p->levels; level-- > 0;) {
		unsigned int shift = x86_level_shift(p, level);
		uint64_t index = w->va >> shift & ((1u << p->index_bits) - 1);
		uint64_t pa = (table + index * p->entry_size) & c->a20_mask;
		uint64_t entry = x86_entry_read(c, pa, p->entry_size);
		if (!(entry & PTE_P))
			return false;
		if (entry & reserved_bits(c, p, level, entry)) {
			w->error = PF_P | PF_RSVD;
			return false;
		}
		w->entries[w->count].pa = pa;
		w->entries[w->count++].value = entry;
		w->allowed &= entry | ~(uint64_t)(PTE_W | PTE_U);
		w->allowed |= entry & PTE_NX;
		if (x86_entry_is_leaf(c, level, entry)) {
			w->page_size = UINT64_C(1) << shift;
			w->pa = x86_leaf_address(p, level, entry) | (w->va & (w->page_size - 1));
			return true;
		}
		table = entry & (p->entry_size == 4 ? 0xfffff000 : PTE_ADDR);
	}
	return false;
}

/* What may be done with the page that was found: PROT_*. */
static unsigned int walk_prot(const struct x86_cpu *c, const struct walk *w)
{
	bool user_page = w->allowed & PTE_U;
	unsigned int prot = 0;

	if (w->user && !user_page)
		return 0;
	prot = PROT_R;
	if (w->allowed & PTE_W || (!w->user && !(c->cr0 & CR0_WP)))
		prot |= PROT_W;
	if (!(w->allowed & PTE_NX) && !(!w->user && user_page && c->cr4 & CR4_SMEP))
		prot |= PROT_X;
	return prot;
}

static unsigned int prot_needed(enum mem_access access)
{
	return access == ACCESS_READ ? PROT_R : access == ACCESS_WRITE ? PROT_W : PROT_X;
}

/* Sets accessed and dirty bits; false: an entry changed meanwhile. */
static bool walk_mark(struct x86_cpu *c, const struct x86_paging *p, struct walk *w)
{
	for (unsigned int i = 0; i < w->count; i++) {
		uint64_t want = PTE_A;
		if (i == w->count - 1 && w->access == ACCESS_WRITE)
			want |= PTE_D;
		uint64_t value = w->entries[i].value;
		if ((value & want) == want)
			continue;
		if (!entry_or(c, w->entries[i].pa, p->entry_size, value, want))
			return false;
		w->entries[i].value = value | want;
	}
	return true;
}

static uint32_t fault_error(const struct x86_cpu *c, const struct walk *w)
{
	uint32_t error = w->error;

	if (w->access == ACCESS_WRITE)
		error |= PF_W;
	if (w->user)
		error |= PF_U;
	if (w->access == ACCESS_EXEC &&
	    (c->cr4 & CR4_SMEP || (c->cr4 & CR4_PAE && c->efer & EFER_NXE)))
		error |= PF_I;
	return error;
}

/* Non-canonical address: #SS where it is the stack's. */
static void NORETURN raise_noncanonical(struct x86_cpu *c, uint64_t va, enum mem_access access)
{
	bool stack = access != ACCESS_EXEC && x86_code64(c) && c->v.op && x86_insn_wants_ss(c, va);

	x86_raise_error(c, stack ? EXC_SS : EXC_GP, 0);
}

static bool fill_unpaged(struct x86_cpu *c, uint64_t va, unsigned int mode)
{
	unsigned int prot = PROT_R | PROT_W | PROT_X | x86_debug_prot(c, (uint32_t)va);

	vcpu_tlb_set(&c->v, mode, va, (uint32_t)va & c->a20_mask, prot, GUEST_PAGE_SIZE);
	return true;
}

bool x86_tlb_fill(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access,
		  unsigned int mode, bool probe)
{
	struct x86_cpu *c = x86_cpu(&v->cpu);
	const struct x86_paging *p = x86_paging_now(c);
	struct walk w = {.va = va, .access = access, .user = mode == MMU_USER};
	unsigned int prot;

	if (!p)
		return fill_unpaged(c, va, mode);
	/* Compatibility mode's code is below 4 GiB; descriptor tables and TSS may be above. */
	if (p->levels != 4 || (access == ACCESS_EXEC && !x86_code64(c))) {
		w.va = (uint32_t)va;
	} else if (UNLIKELY(!canonical(va) || !canonical(va + size - 1))) {
		if (probe)
			return false;
		raise_noncanonical(c, va, access);
	}
	do {
		if (!walk_tables(c, p, &w))
			goto fault;
		prot = walk_prot(c, &w);
		if (!(prot & prot_needed(access))) {
			w.error = PF_P;
			goto fault;
		}
	} while (!walk_mark(c, p, &w));
	if (!(w.entries[w.count - 1].value & PTE_D))
		prot &= ~(unsigned int)PROT_W;
	prot |= x86_debug_prot(c, w.va);
	vcpu_tlb_set(v, mode, va, w.pa & c->a20_mask, prot, w.page_size);
	return true;
fault:
	if (probe)
		return false;
	/* What lies beyond the code segment is not even looked up. */
	if (access == ACCESS_EXEC && !(c->v.mode & (MODE_64 | MODE_FLAT)) &&
	    c->v.pc > c->seg[CS].limit)
		x86_raise_error(c, EXC_GP, 0);
	x86_raise_page_fault(c, w.va, fault_error(c, &w));
}

bool x86_translate(struct cpu *cpu, uint64_t va, uint64_t *pa)
{
	struct x86_cpu *c = x86_cpu(cpu);
	const struct x86_paging *p = x86_paging_now(c);
	struct walk w = {.va = va};

	if (!p) {
		*pa = (uint32_t)va & c->a20_mask;
		return true;
	}
	if (p->levels != 4)
		w.va = (uint32_t)va;
	else if (!canonical(va))
		return false;
	if (!walk_tables(c, p, &w))
		return false;
	*pa = w.pa & c->a20_mask;
	return true;
}

/* --- PAE's registers --- */

bool x86_pdptes_read(struct x86_cpu *c, uint64_t cr3, uint64_t pdpte[4])
{
	uint64_t table = cr3 & 0xffffffe0 & c->a20_mask;
	uint64_t reserved = ~(c->phys_mask | 0xfff) | UINT64_C(0x1e6);

	for (unsigned int i = 0; i < 4; i++) {
		pdpte[i] = x86_entry_read(c, table + 8 * i, 8);
		if (pdpte[i] & PTE_P && pdpte[i] & reserved)
			return false;
	}
	return true;
}
