/*
 * The kernel's helpers for user programs. Source: Documentation/arm/kernel_user_helpers.rst: entry
 * points, arguments and what they promise; version 5.
 */
#include "user/linux/arm.h"

#include "base/bytes.h"

#include <sys/mman.h>

enum { CMPXCHG64 = 0xf60, BARRIER = 0xfa0, CMPXCHG = 0xfc0, GET_TLS = 0xfe0, VERSION = 0xffc };

/* SVC numbers of helpers on processors before v6K; no call of either ABI. */
enum { SVC_CMPXCHG64 = 0x9ffff0, SVC_BARRIER, SVC_CMPXCHG, SVC_GET_TLS };

#define BX_LR	  0xe12fff1e
#define SVC(n)	  (0xef000000 | (n))
#define WORDS_MAX 12

struct helper {
	uint16_t offset;
	uint32_t words[WORDS_MAX];
};

static const struct helper v6k[] = {
	{CMPXCHG64,
	 {
		 0xe92d00f0, /* push {r4-r7} */
		 0xe1c040d0, /* ldrd r4, [r0] */
		 0xe1c160d0, /* ldrd r6, [r1] */
		 0xe1b20f9f, /* 1: ldrexd r0, [r2] */
		 0xe0303004, /* eors r3, r0, r4 */
		 0x00313005, /* eorseq r3, r1, r5 */
		 0x01a23f96, /* strexdeq r3, r6, [r2] */
		 0x03330001, /* teqeq r3, #1 */
		 0x0afffff9, /* beq 1b */
		 0xe2730000, /* rsbs r0, r3, #0 */
		 0xe8bd00f0, /* pop {r4-r7} */
		 BX_LR,
	 }},
	{BARRIER, {0xee070fba /* mcr p15, 0, r0, c7, c10, 5 */, BX_LR}},
	{CMPXCHG,
	 {
		 0xe1923f9f, /* 1: ldrex r3, [r2] */
		 0xe0533000, /* subs r3, r3, r0 */
		 0x01823f91, /* strexeq r3, r1, [r2] */
		 0x03330001, /* teqeq r3, #1 */
		 0x0afffffa, /* beq 1b */
		 0xe2730000, /* rsbs r0, r3, #0 */
		 BX_LR,
	 }},
	{GET_TLS, {0xee1d0f70 /* mrc p15, 0, r0, c13, c0, 3 */, BX_LR}},
};

static const struct helper before_v6k[] = {
	{CMPXCHG64, {SVC(SVC_CMPXCHG64), BX_LR}},
	{BARRIER, {SVC(SVC_BARRIER), BX_LR}},
	{CMPXCHG, {SVC(SVC_CMPXCHG), BX_LR}},
	{GET_TLS, {SVC(SVC_GET_TLS), BX_LR}},
};

/* sigreturn and rt_sigreturn, each in ARM and in Thumb code (two halfwords). */
static const uint32_t returns[] = {
	0xe3a07077, 0xef900077,				/* mov r7, #119; svc */
	0xdf002777, 0,		0xe3a070ad, 0xef9000ad, /* mov r7, #173; svc */
	0xdf0027ad, 0,
};

static void put_code(uint8_t *at, uint32_t word, bool big, bool thumb)
{
	if (!big)
		store_le32(at, word);
	else if (thumb)
		store_be32(at, word << 16 | word >> 16);
	else
		store_be32(at, word);
}

void arm_put_helpers(struct thread *t, bool big_code)
{
	uint8_t page[GUEST_PAGE_SIZE] = {0};
	const struct helper *list = arm_has(arm_of(t), F_V6K) ? v6k : before_v6k;

	for (unsigned int i = 0; i < G_N_ELEMENTS(v6k); i++)
		for (unsigned int k = 0; k < WORDS_MAX && list[i].words[k]; k++)
			put_code(page + list[i].offset + 4 * k, list[i].words[k], big_code, false);
	for (unsigned int i = 0; i < G_N_ELEMENTS(returns); i++)
		put_code(page + (ARM_SIGRETURN - ARM_VECTORS) + 4 * i, returns[i], big_code,
			 i % 4 >= 2);
	store_le32(page + VERSION, (uint32_t)abi_number(t->abi, 5, 4));
	if (guest_write(t, ARM_VECTORS, page, sizeof(page)))
		mm_protect(t, ARM_VECTORS, sizeof(page), PROT_READ | PROT_EXEC);
}

/* --- for processors without LDREX --- */

static bool swap_if(struct thread *t, uint64_t addr, unsigned int size, uint64_t old, uint64_t new)
{
	uint32_t narrow = (uint32_t)abi_number(t->abi, old, 4);
	uint64_t wide = abi_number(t->abi, old, 8), probe;
	void *host = guest_pointer(t, addr, size);

	struct mm_area area;
	if (addr & (size - 1) || !mm_find(t->process->mm, addr, &area) ||
	    !(area.prot & PROT_WRITE) || !guest_get(t, addr, size, &probe))
		return false;
	if (size == 4)
		return __atomic_compare_exchange_n((uint32_t *)host, &narrow,
						   (uint32_t)abi_number(t->abi, new, 4), false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return __atomic_compare_exchange_n((uint64_t *)host, &wide, abi_number(t->abi, new, 8),
					   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

bool arm_helper_call(struct thread *t, uint32_t number)
{
	struct arm_cpu *c = arm_of(t);
	uint64_t old = c->r.r[0], new = c->r.r[1];
	bool done;

	switch (number) {
	case SVC_BARRIER: return true;
	case SVC_GET_TLS: c->r.r[0] = c->tpidruro; return true;
	case SVC_CMPXCHG: done = swap_if(t, c->r.r[2], 4, old, new); break;
	case SVC_CMPXCHG64:
		done = guest_get(t, c->r.r[0], 8, &old) && guest_get(t, c->r.r[1], 8, &new) &&
		       swap_if(t, c->r.r[2], 8, old, new);
		break;
	default: return false;
	}
	c->r.r[0] = !done;
	c->r.c = done;
	return true;
}
