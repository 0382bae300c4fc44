/* EFLAGS as a whole: the lazy arithmetic flags, DF, and the rest. */
#include "interp/x86/system.h"

/* Flags that block keys depend on. */
#define FLAGS_OF_MODE (FLAG_TF | FLAG_IOPL | FLAG_VM | FLAG_AC)

uint32_t x86_flags_get(const struct x86_cpu *c)
{
	return c->eflags | x86_flags_arith(&c->r) | (c->r.df ? FLAG_DF : 0);
}

void x86_flags_set(struct x86_cpu *c, uint32_t value, uint32_t mask)
{
	uint32_t system = mask & ~(FLAGS_ARITH | FLAG_DF);
	uint32_t arith = mask & FLAGS_ARITH;

	if (arith == FLAGS_ARITH)
		x86_flags_arith_set(&c->r, value & FLAGS_ARITH);
	else if (arith)
		x86_flags_arith_set(&c->r, (x86_flags_arith(&c->r) & ~arith) | (value & arith));
	if (mask & FLAG_DF)
		c->r.df = !!(value & FLAG_DF);
	uint32_t flags = (c->eflags & ~system) | (value & system) | FLAG_1;
	uint32_t changed = c->eflags ^ flags;
	c->eflags = flags;
	if (changed & FLAGS_OF_MODE)
		x86_mode_changed(c);
}
