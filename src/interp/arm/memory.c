/* Rare memory instructions: User mode's accesses, SWP, exclusives, multiple transfers with ^. */
#include "interp/arm/ops_mem.h"
#include "interp/arm/system.h"

#include "base/bytes.h"

#define REG_OF(c, off) (*(uint32_t *)((char *)&(c)->r + (off)))

static const uint8_t bytes_of[MEM_SIZES] = {4, 1, 2, 1, 2};

void arm_h_load_user(struct arm_cpu *c, const struct op *op)
{
	uint32_t value = arm_load(c, REG_OF(c, op->b), bytes_of[op->s], c->v.mmu_mode | MMU_USER);

	REG_OF(c, op->x) = REG_OF(c, REG_TMP1);
	REG_OF(c, op->a) = op->s == MEM_SB   ? (uint32_t)(int8_t)value
			   : op->s == MEM_SH ? (uint32_t)(int16_t)value
					     : value;
}

void arm_h_store_user(struct arm_cpu *c, const struct op *op)
{
	arm_store(c, REG_OF(c, op->b), bytes_of[op->s], REG_OF(c, op->a), c->v.mmu_mode | MMU_USER);
	REG_OF(c, op->x) = REG_OF(c, REG_TMP1);
}

/* --- multiple transfers of every kind --- */

/* s: bit 0 load, 1 before, 2 up, 3 writeback, 4 the ^ form; disp: what R15 is stored as. */
void arm_h_multiple(struct arm_cpu *c, const struct op *op)
{
	uint32_t list = (uint32_t)op->imm, base = REG_OF(c, op->b), values[16] = {0};
	unsigned int bytes = 4 * (unsigned int)__builtin_popcount(list);
	bool load = op->s & 1, before = op->s & 2, up = op->s & 4, caret = op->s & 16;
	bool pc = list >> PC & 1, user = caret && !(load && pc);
	unsigned int mode = user ? MODE_USR : c->cpsr & PSR_M;
	uint32_t after = up ? base + bytes : base - bytes;
	uint32_t va = up ? base + (before ? 4 : 0) : base - bytes + (before ? 0 : 4);

	va = arm_multiple_address(c, va, load ? ACCESS_READ : ACCESS_WRITE);
	if (!load)
		vcpu_probe_write(&c->v, va + bytes - 4, 4, c->v.mmu_mode);
	for (unsigned int n = 0; n < 16; n++) {
		if (!(list >> n & 1))
			continue;
		if (load)
			values[n] = arm_load(c, va, 4, c->v.mmu_mode);
		else
			arm_store(c, va, 4,
				  n == PC	      ? (uint32_t)op->disp
				  : c->features & F_M ? c->r.r[n]
						      : arm_bank_reg(c, mode, n),
				  c->v.mmu_mode);
		va += 4;
	}
	if (op->s & 8)
		REG_OF(c, op->b) = after;
	if (!load)
		return;
	for (unsigned int n = 0; n < PC; n++) {
		if (!(list >> n & 1))
			continue;
		if (c->features & F_M)
			c->r.r[n] = values[n];
		else
			arm_bank_reg_set(c, mode, n, values[n]);
	}
	if (!pc)
		return;
	c->r.r[SLOT_TMP3] = values[PC];
	struct op jump = {.a = REG_TMP3, .imm = 1};
	if (c->features & F_M)
		arm_h_m_jump(c, &jump);
	else
		arm_h_exception_return(c, &jump);
}

/* --- SWP and exclusives --- */

static bool cas_host(void *host, unsigned int size, uint64_t old, uint64_t value)
{
#define CAS(type)                                                                  \
	({                                                                         \
		type o_ = (type)old;                                               \
		__atomic_compare_exchange_n((type *)host, &o_, (type)value, false, \
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);   \
	})
	switch (size) {
	case 1: return CAS(uint8_t);
	case 2: return CAS(uint16_t);
	case 4: return CAS(uint32_t);
	default: return CAS(uint64_t);
	}
#undef CAS
}

/* A compare-and-swap of guest memory where RAM is behind it; else load and store. */
static bool cas(struct arm_cpu *c, uint32_t va, unsigned int size, uint64_t old, uint64_t value)
{
	struct vcpu *v = &c->v;
	void *host = va & (size - 1) ? NULL : vcpu_atomic_host(v, va, size, v->mmu_mode);

	if (host) {
		bool done = cas_host(host, size, old, value);
		vcpu_atomic_done(v, va, size, v->mmu_mode);
		return done;
	}
	vcpu_probe_write(v, va, size, v->mmu_mode);
	if (vcpu_load_slow(v, va, size, v->mmu_mode) != old)
		return false;
	vcpu_store_slow(v, va, size, value, v->mmu_mode);
	return true;
}

/* Bytes of a register value as they stand in memory, read as a little-endian number. */
static uint64_t to_memory(const struct arm_cpu *c, uint32_t value, unsigned int size)
{
	if (!(c->v.mode & MODE_BE))
		return size == 1 ? (uint8_t)value : size == 2 ? (uint16_t)value : value;
	return size == 1   ? (uint8_t)value
	       : size == 2 ? __builtin_bswap16((uint16_t)value)
			   : __builtin_bswap32(value);
}

void arm_h_swp(struct arm_cpu *c, const struct op *op)
{
	unsigned int size = op->s ? 1 : 4;
	uint32_t va = REG_OF(c, op->b), value = REG_OF(c, op->x), old;
	uint32_t at = size == 4 ? va & ~3u : va;

	vcpu_probe_write(&c->v, va, size, c->v.mmu_mode);
	do {
		old = arm_load(c, va, size, c->v.mmu_mode);
		uint32_t raw = size == 4 && va & 3 ? arm_load(c, at, 4, c->v.mmu_mode) : old;
		if (cas(c, at, size, to_memory(c, raw, size), to_memory(c, value, size)))
			break;
	} while (true);
	REG_OF(c, op->a) = old;
}

static void exclusive_alignment(struct arm_cpu *c, uint32_t va, unsigned int size,
				enum mem_access access)
{
	if (!(va & (size - 1)))
		return;
	if (c->features & F_M)
		arm_raise_m_usage(c, 1 << 24);
	arm_raise_abort(c, access, va, 1);
}

static uint64_t exclusive_load(struct arm_cpu *c, uint32_t va, unsigned int log2)
{
	return vcpu_load_slow(&c->v, va, 1u << log2, c->v.mmu_mode);
}

void arm_h_ldrex(struct arm_cpu *c, const struct op *op)
{
	uint32_t va = REG_OF(c, op->b) + (uint32_t)op->disp;

	exclusive_alignment(c, va, 1u << op->s, ACCESS_READ);
	uint64_t raw = exclusive_load(c, va, op->s);
	c->exclusive = true;
	c->exclusive_addr = va;
	c->exclusive_value = raw;
	if (op->s == 3) {
		REG_OF(c, op->a) = (uint32_t)to_memory(c, (uint32_t)raw, 4);
		REG_OF(c, op->x) = (uint32_t)to_memory(c, (uint32_t)(raw >> 32), 4);
	} else {
		REG_OF(c, op->a) = (uint32_t)to_memory(c, (uint32_t)raw, 1u << op->s);
	}
}

void arm_h_strex(struct arm_cpu *c, const struct op *op)
{
	uint32_t va = REG_OF(c, op->b) + (uint32_t)op->disp;
	uint64_t value;

	exclusive_alignment(c, va, 1u << op->s, ACCESS_WRITE);
	bool ok = c->exclusive && c->exclusive_addr == va;
	if (op->s == 3)
		value = to_memory(c, REG_OF(c, op->x), 4) | to_memory(c, REG_OF(c, op->imm), 4)
								    << 32;
	else
		value = to_memory(c, REG_OF(c, op->x), 1u << op->s);
	ok = ok && cas(c, va, 1u << op->s, c->exclusive_value, value);
	c->exclusive = false;
	REG_OF(c, op->a) = !ok;
}

void arm_h_clrex(struct arm_cpu *c, const struct op *op)
{
	c->exclusive = false;
}
