/*
 * The MMU's table walks: the format up to v5, which v6 has as well (subpages, tiny pages), and that
 * of v6 and v7 (execute never, access flag). Source: ARM DDI 0100I, B4; DDI 0406C, B3.
 */
#include "interp/arm/cpu.h"

/* Fault status, as for sections; pages have FS_PAGE added. */
enum {
	FS_TRANSLATION = 5,
	FS_ACCESS_FLAG = 3,
	FS_DOMAIN = 9,
	FS_PERMISSION = 13,
	FS_PAGE = 2,
	FS_WALK_1 = 12,
	FS_WALK_2 = 14
};

/* The access flag fault of pages does not follow the pattern. */
enum { FS_ACCESS_FLAG_PAGE = 6 };

static uint32_t table_read(struct arm_cpu *c, uint32_t pa)
{
	struct address_space *as = c->v.cpu.memory;

	return (uint32_t)(c->sctlr & SCTLR_EE ? mem_load_be(as, pa, 4) : mem_load_le(as, pa, 4));
}

/* --- permissions --- */

static unsigned int rights(bool user, unsigned int priv_prot, unsigned int user_prot)
{
	return user ? user_prot : priv_prot;
}

/* The two AP bits, with S and R of the control register. */
static unsigned int prot_v5(const struct arm_cpu *c, unsigned int ap, bool user)
{
	const unsigned int rx = PROT_R | PROT_X, rwx = rx | PROT_W;

	switch (ap) {
	case 0:
		if (c->sctlr & SCTLR_R)
			return rights(user, rx, rx);
		return rights(user, c->sctlr & SCTLR_S ? rx : 0, 0);
	case 1: return rights(user, rwx, 0);
	case 2: return rights(user, rwx, rx);
	default: return rwx;
	}
}

/* APX:AP and XN. */
static unsigned int prot_v6(const struct arm_cpu *c, unsigned int ap, bool xn, bool user)
{
	const unsigned int x = xn ? 0 : PROT_X, ro = PROT_R | x, rw = ro | PROT_W;

	switch (ap) {
	case 1: return rights(user, rw, 0);
	case 2: return rights(user, rw, ro);
	case 3: return rw;
	case 5: return rights(user, ro, 0);
	case 6:
	case 7: return ro;
	default: return ap == 0 ? prot_v5(c, 0, user) & ~(xn ? (unsigned int)PROT_X : 0) : 0;
	}
}

static unsigned int prot_needed(enum mem_access access)
{
	return access == ACCESS_READ ? PROT_R : access == ACCESS_WRITE ? PROT_W : PROT_X;
}

/* Domain and permission: 0 or the fault status. `page` is 0 or FS_PAGE. */
static uint32_t check(struct arm_cpu *c, struct arm_walk *w, unsigned int domain, unsigned int prot,
		      uint32_t page)
{
	unsigned int access = c->dacr >> (2 * domain) & 3;

	if (access == 0 || access == 2)
		return (FS_DOMAIN + page) | domain << 4;
	if (access == 3)
		prot = PROT_R | PROT_W | PROT_X;
	w->prot |= prot;
	if (!(prot & prot_needed(w->access)))
		return (FS_PERMISSION + page) | domain << 4;
	return 0;
}

/* --- second level --- */

static void map(struct arm_walk *w, uint32_t base, uint32_t size)
{
	w->pa = (base & ~(size - 1)) | (w->va & (size - 1));
	w->page_size = size;
}

/* Pages with AP fields for quarters. Where those of a small page differ, it counts as 1 KiB. */
static uint32_t page_v5(struct arm_cpu *c, struct arm_walk *w, uint32_t desc, unsigned int domain,
			bool fine)
{
	unsigned int ap;

	switch (desc & 3) {
	case 1:
		map(w, desc, 0x10000);
		ap = desc >> (4 + 2 * (w->va >> 14 & 3)) & 3;
		break;
	case 2:
		map(w, desc, 0x1000);
		ap = desc >> (4 + 2 * (w->va >> 10 & 3)) & 3;
		if ((desc >> 4 & 0xff) != ap * 0x55)
			w->page_size = 0x400;
		break;
	case 3: /* tiny in fine tables, else an extended small page */
		map(w, desc, fine ? 0x400 : 0x1000);
		ap = desc >> 4 & 3;
		break;
	default: return (FS_TRANSLATION + FS_PAGE) | domain << 4;
	}
	return check(c, w, domain, prot_v5(c, ap, w->user), FS_PAGE);
}

static uint32_t page_v6(struct arm_cpu *c, struct arm_walk *w, uint32_t desc, unsigned int domain)
{
	unsigned int ap = (desc >> 4 & 3) | (desc >> 7 & 4);
	bool xn;

	switch (desc & 3) {
	case 0: return (FS_TRANSLATION + FS_PAGE) | domain << 4;
	case 1:
		map(w, desc, 0x10000);
		xn = desc >> 15 & 1;
		break;
	default:
		map(w, desc, 0x1000);
		xn = desc & 1;
		break;
	}
	if (c->sctlr & SCTLR_AFE) {
		if (!(ap & 1))
			return FS_ACCESS_FLAG_PAGE | domain << 4;
		ap |= 1;
	}
	return check(c, w, domain, prot_v6(c, ap, xn, w->user), FS_PAGE);
}

/* --- first level --- */

static uint32_t section(struct arm_cpu *c, struct arm_walk *w, uint32_t desc, bool v6)
{
	unsigned int domain = desc >> 5 & 0xf, ap = desc >> 10 & 3, prot;

	if (v6 && desc & 1 << 18) {
		domain = 0;
		map(w, desc, 0x1000000);
	} else {
		map(w, desc, 0x100000);
	}
	if (v6) {
		ap |= desc >> 13 & 4;
		if (c->sctlr & SCTLR_AFE) {
			if (!(ap & 1))
				return FS_ACCESS_FLAG | domain << 4;
			ap |= 1;
		}
		prot = prot_v6(c, ap, desc >> 4 & 1, w->user);
	} else {
		prot = prot_v5(c, ap, w->user);
	}
	return check(c, w, domain, prot, 0);
}

static uint32_t first_level_address(const struct arm_cpu *c, uint32_t va)
{
	unsigned int n = arm_has(c, F_V6) ? c->ttbcr & 7 : 0;

	if (n && va >> (32 - n))
		return (c->ttbr1 & 0xffffc000) | (va >> 18 & 0x3ffc);
	return (c->ttbr0 & (UINT32_MAX << (14 - n))) | (va >> 18 & (0x3ffcu >> n));
}

static uint32_t walk_tables(struct arm_cpu *c, struct arm_walk *w)
{
	bool v6 = arm_has(c, F_V7) || (arm_has(c, F_V6) && c->sctlr & SCTLR_XP);
	uint32_t desc = table_read(c, first_level_address(c, w->va));
	unsigned int domain = desc >> 5 & 0xf;

	switch (desc & 3) {
	case 1: desc = table_read(c, (desc & 0xfffffc00) | (w->va >> 10 & 0x3fc)); break;
	case 2: return section(c, w, desc, v6);
	case 3:
		if (!arm_has(c, F_V6)) {
			desc = table_read(c, (desc & 0xfffff000) | (w->va >> 8 & 0xffc));
			return page_v5(c, w, desc, domain, true);
		}
		/* fallthrough */
	default: return FS_TRANSLATION | (arm_has(c, F_V6) ? 0 : domain << 4);
	}
	return v6 ? page_v6(c, w, desc, domain) : page_v5(c, w, desc, domain, false);
}

/* --- translation --- */

uint32_t arm_walk(struct arm_cpu *c, struct arm_walk *w)
{
	w->prot = 0;
	if (c->features & (F_MPU | F_M))
		return arm_mpu_walk(c, w);
	if (w->va < 0x2000000)
		w->va += c->fcse;
	if (!(c->sctlr & SCTLR_M)) {
		w->pa = w->va;
		w->prot = PROT_R | PROT_W | PROT_X;
		w->page_size = GUEST_PAGE_SIZE;
		return 0;
	}
	return walk_tables(c, w);
}

bool arm_tlb_fill(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access,
		  unsigned int mode, bool probe)
{
	struct arm_cpu *c = arm_cpu(&v->cpu);
	struct arm_walk w = {.va = (uint32_t)va, .access = access, .user = mode & MMU_USER};
	uint32_t fault = arm_walk(c, &w);

	if (fault) {
		if (probe)
			return false;
		arm_raise_abort(c, access, w.va, fault);
	}
	if (w.page_size < GUEST_PAGE_SIZE)
		vcpu_tlb_set(v, mode, va, w.pa, w.prot | PROT_SMALL, GUEST_PAGE_SIZE);
	else
		vcpu_tlb_set(v, mode, va, w.pa & (uint32_t)GUEST_PAGE_MASK, w.prot, w.page_size);
	return true;
}

bool arm_translate(struct cpu *cpu, uint64_t va, uint64_t *pa)
{
	struct arm_walk w = {.va = (uint32_t)va, .access = ACCESS_READ};
	uint32_t fault = arm_walk(arm_cpu(cpu), &w);

	*pa = w.pa;
	return !fault;
}
