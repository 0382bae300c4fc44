/* Loads and stores of structures: VLD1-4 and VST1-4. Source: ARM DDI 0406C, A8.8.320 and following.
 */
#include "interp/arm/neon.h"

#include "base/bytes.h"

#define REG_OF(c, off)	    (*(uint32_t *)((char *)&(c)->r + (off)))
#define FIELD(w, low, bits) ((w) >> (low) & ((1u << (bits)) - 1))
#define BIT(w, n)	    ((w) >> (n) & 1)

/* An element's place in the registers. */
struct place {
	u8 reg, offset;
};

struct transfer {
	unsigned int log2, count;
	struct place at[32];
};

static u64 load(struct arm_cpu *c, u32 va, unsigned int log2)
{
	if (log2 < 3)
		return arm_load(c, va, 1u << log2, c->v.mmu_mode);
	u64 first = arm_load(c, va, 4, c->v.mmu_mode),
	    second = arm_load(c, va + 4, 4, c->v.mmu_mode);
	return c->v.mode & MODE_BE ? first << 32 | second : second << 32 | first;
}

static void store(struct arm_cpu *c, u32 va, unsigned int log2, u64 value)
{
	bool be = c->v.mode & MODE_BE;

	if (log2 < 3) {
		arm_store(c, va, 1u << log2, (u32)value, c->v.mmu_mode);
		return;
	}
	arm_store(c, va, 4, (u32)(be ? value >> 32 : value), c->v.mmu_mode);
	arm_store(c, va + 4, 4, (u32)(be ? value : value >> 32), c->v.mmu_mode);
}

static u8 *lane(struct arm_cpu *c, struct place p)
{
	return (u8 *)&c->r.d[p.reg & 31] + p.offset;
}

/* Everything is loaded before a register changes, and all pages are writable before one is written.
 */
static void run(struct arm_cpu *c, const struct op *op, const struct transfer *t, bool is_load)
{
	u32 base = REG_OF(c, op->b), size = 1u << t->log2, bytes = t->count * size;
	u64 values[32];

	if (!is_load) {
		vcpu_probe_write(&c->v, base, 1, c->v.mmu_mode);
		vcpu_probe_write(&c->v, base + bytes - 1, 1, c->v.mmu_mode);
	}
	for (unsigned int i = 0; i < t->count; i++) {
		if (is_load)
			values[i] = load(c, base + i * size, t->log2);
		else
			store(c, base + i * size, t->log2, load_le(lane(c, t->at[i]), size));
	}
	for (unsigned int i = 0; is_load && i < t->count; i++)
		store_le(lane(c, t->at[i]), size, values[i]);
	if (op->s)
		REG_OF(c, op->b) = base + (op->s == 1 ? bytes : REG_OF(c, op->x));
}

void arm_h_neon_multiple(struct arm_cpu *c, const struct op *op)
{
	/* By type: registers in a structure, structures side by side, distance of a structure's
	 * registers. */
	static const struct {
		u8 elements, groups, step;
	} types[11] = {{4, 1, 1}, {4, 1, 2}, {1, 4, 1}, {2, 2, 2}, {3, 1, 1}, {3, 1, 2},
		       {1, 3, 1}, {1, 1, 1}, {2, 1, 1}, {2, 1, 2}, {1, 2, 1}};
	u32 w = (u32)op->imm, type = FIELD(w, 8, 4);
	struct transfer t = {.log2 = FIELD(w, 6, 2)};
	unsigned int lanes = 8u >> t.log2;

	for (unsigned int g = 0; g < types[type].groups; g++)
		for (unsigned int l = 0; l < lanes; l++)
			for (unsigned int e = 0; e < types[type].elements; e++)
				t.at[t.count++] = (struct place){
					(u8)(op->a + g + e * types[type].step), (u8)(l << t.log2)};
	run(c, op, &t, BIT(w, 21));
}

void arm_h_neon_single(struct arm_cpu *c, const struct op *op)
{
	u32 w = (u32)op->imm;
	struct transfer t = {.log2 = FIELD(w, 10, 2)};
	unsigned int index = FIELD(w, 5 + t.log2, 3 - t.log2);
	unsigned int step = t.log2 == 0 ? 1 : t.log2 == 1 ? BIT(w, 5) + 1 : BIT(w, 6) + 1;

	for (unsigned int e = 0; e <= FIELD(w, 8, 2); e++)
		t.at[t.count++] = (struct place){(u8)(op->a + e * step), (u8)(index << t.log2)};
	run(c, op, &t, BIT(w, 21));
}

/* One element to all lanes of each register. */
void arm_h_neon_all(struct arm_cpu *c, const struct op *op)
{
	u32 w = (u32)op->imm, base = REG_OF(c, op->b);
	unsigned int elements = FIELD(w, 8, 2) + 1, size = FIELD(w, 6, 2),
		     log2 = size == 3 ? 2 : size;
	unsigned int regs = elements == 1 ? BIT(w, 5) + 1 : 1;
	unsigned int step = elements == 1 ? 1 : BIT(w, 5) + 1;
	u64 values[4];

	for (unsigned int e = 0; e < elements; e++) {
		values[e] = load(c, base + (e << log2), log2);
		for (unsigned int bits = 8u << log2; bits < 64; bits *= 2)
			values[e] |= values[e] << bits;
	}
	for (unsigned int e = 0; e < elements; e++)
		for (unsigned int r = 0; r < regs; r++)
			c->r.d[(op->a + e * step + r) & 31] = values[e];
	if (op->s)
		REG_OF(c, op->b) = base + (op->s == 1 ? elements << log2 : REG_OF(c, op->x));
}
