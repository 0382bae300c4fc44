/* "info tlb" and "info mem": what the page tables map, as the monitor shows it. */
#include "interp/x86/mmu.h"

#include <inttypes.h>

typedef void leaf_fn(void *opaque, uint64_t va, unsigned int shift, uint64_t entry, uint64_t pa,
		     uint64_t allowed);

struct visit {
	struct x86_cpu *c;
	const struct x86_paging *p;
	leaf_fn *fn;
	void *opaque;
};

static uint64_t sign_extend_va(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16);
}

static void visit_table(const struct visit *t, uint64_t table, unsigned int level, uint64_t base,
			uint64_t allowed)
{
	const struct x86_paging *p = t->p;
	unsigned int shift = x86_level_shift(p, level);

	for (uint64_t i = 0; i < 1u << p->index_bits; i++) {
		uint64_t pa = (table + i * p->entry_size) & t->c->a20_mask;
		uint64_t entry = x86_entry_read(t->c, pa, p->entry_size);
		uint64_t va = base + (i << shift);
		if (!(entry & PTE_P))
			continue;
		uint64_t rights = allowed & (entry | ~(uint64_t)(PTE_W | PTE_U));
		if (x86_entry_is_leaf(t->c, level, entry))
			t->fn(t->opaque, p->levels == 4 ? sign_extend_va(va) : va, shift, entry,
			      x86_leaf_address(p, level, entry), rights);
		else
			visit_table(t, entry & (p->entry_size == 4 ? 0xfffff000 : PTE_ADDR),
				    level - 1, va, rights);
	}
}

static void visit_leaves(struct x86_cpu *c, const struct x86_paging *p, leaf_fn *fn, void *opaque)
{
	struct visit t = {c, p, fn, opaque};
	uint64_t all = PTE_W | PTE_U;

	if (p->levels == 4) {
		visit_table(&t, c->cr3 & PTE_ADDR, 3, 0, all);
	} else if (p->entry_size == 4) {
		visit_table(&t, c->cr3 & 0xfffff000, 1, 0, all);
	} else {
		for (uint64_t i = 0; i < 4; i++)
			if (c->pdpte[i] & PTE_P)
				visit_table(&t, c->pdpte[i] & PTE_ADDR, 1, i << 30, all);
	}
}

/* --- info tlb --- */

struct print {
	FILE *out;
	int digits;
};

static void print_leaf(void *opaque, uint64_t va, unsigned int shift, uint64_t entry, uint64_t pa,
		       uint64_t allowed)
{
	const struct print *print = opaque;

	fprintf(print->out, "%0*" PRIx64 ": %0*" PRIx64 " %c%c%c%c%c%c%c%c%c\n", print->digits, va,
		print->digits, pa, entry & PTE_NX ? 'X' : '-', entry & PTE_G ? 'G' : '-',
		shift > GUEST_PAGE_BITS ? 'P' : '-', entry & PTE_D ? 'D' : '-',
		entry & PTE_A ? 'A' : '-', entry & 1 << 4 ? 'C' : '-', entry & 1 << 3 ? 'T' : '-',
		entry & PTE_U ? 'U' : '-', entry & PTE_W ? 'W' : '-');
}

void x86_info_tlb(struct cpu *cpu, FILE *out)
{
	struct x86_cpu *c = x86_cpu(cpu);
	const struct x86_paging *p = x86_paging_now(c);

	if (!p) {
		fprintf(out, "PG disabled\n");
		return;
	}
	struct print print = {out, p->entry_size == 4 ? 8 : 16};
	visit_leaves(c, p, print_leaf, &print);
}

/* --- info mem --- */

/* A run of pages with the same rights that is not printed yet. */
struct run {
	FILE *out;
	int digits;
	bool open;
	uint64_t start, last, rights;
};

static void run_print(struct run *run)
{
	if (!run->open)
		return;
	fprintf(run->out, "%0*" PRIx64 "-%0*" PRIx64 " %0*" PRIx64 " %c%c%c\n", run->digits,
		run->start, run->digits, run->last + 1, run->digits, run->last + 1 - run->start,
		run->rights & PTE_U ? 'u' : '-', 'r', run->rights & PTE_W ? 'w' : '-');
	run->open = false;
}

static void extend_run(void *opaque, uint64_t va, unsigned int shift, uint64_t entry, uint64_t pa,
		       uint64_t allowed)
{
	struct run *run = opaque;
	uint64_t last = va + ((UINT64_C(1) << shift) - 1);

	if (run->open && run->last + 1 == va && run->rights == allowed) {
		run->last = last;
		return;
	}
	run_print(run);
	run->open = true;
	run->start = va;
	run->last = last;
	run->rights = allowed;
}

void x86_info_mem(struct cpu *cpu, FILE *out)
{
	struct x86_cpu *c = x86_cpu(cpu);
	const struct x86_paging *p = x86_paging_now(c);

	if (!p) {
		fprintf(out, "PG disabled\n");
		return;
	}
	struct run run = {.out = out, .digits = p->entry_size == 4 ? 8 : 16};
	visit_leaves(c, p, extend_run, &run);
	run_print(&run);
}
