/* Which handler stands in for which in user mode, see direct.h. */
#include "interp/direct.h"

#define TABLE_BITS 13
#define TABLE_SIZE (1u << TABLE_BITS)

/* Of the sections that ops are in; there is none in programs without the second forms. */
extern const struct op_twin __start_op_twins[] __attribute__((weak));
extern const struct op_twin __stop_op_twins[] __attribute__((weak));
extern const char __start_op_handlers[] __attribute__((weak));
extern const char __stop_op_handlers[] __attribute__((weak));

static const struct op_twin *table[TABLE_SIZE];

static unsigned int slot_of(handler_fn *fn)
{
	uint64_t h = (uint64_t)(uintptr_t)fn * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned int)(h >> (64 - TABLE_BITS));
}

static void table_fill(void)
{
	g_assert(__stop_op_twins - __start_op_twins < TABLE_SIZE / 2);
	for (const struct op_twin *t = __start_op_twins; t < __stop_op_twins; t++) {
		unsigned int i = slot_of(t->tlb);
		while (table[i])
			i = (i + 1) % TABLE_SIZE;
		table[i] = t;
	}
}

handler_fn *op_direct(handler_fn *fn)
{
	static gsize once;

	if (g_once_init_enter(&once)) {
		table_fill();
		g_once_init_leave(&once, 1);
	}
	for (unsigned int i = slot_of(fn); table[i]; i = (i + 1) % TABLE_SIZE)
		if (table[i]->tlb == fn)
			return table[i]->direct;
	return fn;
}

bool pc_in_handlers(uintptr_t pc)
{
	return pc >= (uintptr_t)__start_op_handlers && pc < (uintptr_t)__stop_op_handlers;
}
