/* MRC, MCR and their like: which coprocessor answers. */
#include "interp/arm/system.h"

#include "base/log.h"
#include "base/loop.h"

#include <inttypes.h>

#define REG_OF(c, off) (*(uint32_t *)((char *)&(c)->r + (off)))

static bool board_read(struct arm_cpu *c, uint32_t w, uint32_t *value)
{
	const struct arm_coproc *cp = &c->coproc[w >> 8 & 15];
	bool ok = false;

	if (cp->ops && cp->ops->read) {
		machine_lock();
		ok = cp->ops->read(cp->opaque, w >> 16 & 15, w >> 21 & 7, w & 15, w >> 5 & 7,
				   value);
		machine_unlock();
	}
	return ok;
}

static bool board_write(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	const struct arm_coproc *cp = &c->coproc[w >> 8 & 15];
	bool ok = false;

	if (cp->ops && cp->ops->write) {
		machine_lock();
		ok = cp->ops->write(cp->opaque, w >> 16 & 15, w >> 21 & 7, w & 15, w >> 5 & 7,
				    value);
		machine_unlock();
	}
	return ok;
}

NORETURN static void no_register(struct arm_cpu *c, uint32_t w, bool write)
{
	log_printf(LOG_UNIMP, "arm: %s of p%u, %u, c%u, c%u, %u at %08" PRIx64 "\n",
		   write ? "write" : "read", w >> 8 & 15, w >> 21 & 7, w >> 16 & 15, w & 15,
		   w >> 5 & 7, c->v.pc);
	arm_raise(c, EXC_UNDEF);
}

/* XScale: CPAR says which coprocessors may be used. */
static void check_access(struct arm_cpu *c, uint32_t w)
{
	unsigned int cp = w >> 8 & 15;

	if (arm_has(c, F_XSCALE) && cp < 14 && !(c->cpar >> cp & 1))
		arm_raise(c, EXC_UNDEF);
	if (cp != 15 && cp != 14 && !c->coproc[cp].ops)
		arm_raise(c, EXC_UNDEF);
}

static uint32_t read14(struct arm_cpu *c, uint32_t w)
{
	uint32_t value = 0;

	if (board_read(c, w, &value))
		return value;
	if (arm_has(c, F_T2EE) && (w >> 21 & 7) == 6)
		return w >> 16 & 1 ? c->teehbr : c->teecr;
	if (!arm_has(c, F_V6) || !(c->v.mode & MODE_PRIV))
		no_register(c, w, false);
	return 0; /* debug registers: no breakpoints, nothing happens */
}

static void write14(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	if (board_write(c, w, value))
		return;
	if (arm_has(c, F_T2EE) && (w >> 21 & 7) == 6)
		*(w >> 16 & 1 ? &c->teehbr : &c->teecr) = value;
	else if (!arm_has(c, F_V6) || !(c->v.mode & MODE_PRIV))
		no_register(c, w, true);
}

static uint32_t coproc_read(struct arm_cpu *c, uint32_t w)
{
	uint32_t value = 0;

	check_access(c, w);
	switch (w >> 8 & 15) {
	case 15:
		if (arm_cp15_read(c, w, &value) || board_read(c, w, &value))
			return value;
		break;
	case 14: return read14(c, w);
	default:
		if (board_read(c, w, &value))
			return value;
	}
	no_register(c, w, false);
}

void arm_h_mrc(struct arm_cpu *c, const struct op *op)
{
	REG_OF(c, op->a) = coproc_read(c, (uint32_t)op->imm);
}

/* MRC to R15 sets the flags. */
void arm_h_mrc_flags(struct arm_cpu *c, const struct op *op)
{
	arm_flags_set(c, coproc_read(c, (uint32_t)op->imm));
}

void arm_h_mcr(struct arm_cpu *c, const struct op *op)
{
	uint32_t w = (uint32_t)op->imm, value = REG_OF(c, op->a);

	check_access(c, w);
	switch (w >> 8 & 15) {
	case 15:
		if (!arm_cp15_write(c, w, value) && !board_write(c, w, value))
			no_register(c, w, true);
		break;
	case 14: write14(c, w, value); break;
	default:
		if (!board_write(c, w, value))
			no_register(c, w, true);
	}
}

/* Of the double moves only CP15's range operations of the caches exist: they do nothing here. */
void arm_h_mcrr(struct arm_cpu *c, const struct op *op)
{
	uint32_t w = (uint32_t)op->imm;

	if ((w >> 8 & 15) != 15 || !arm_has(c, F_V6) || !(c->v.mode & MODE_PRIV))
		arm_raise(c, EXC_UNDEF);
}

void arm_h_mrrc(struct arm_cpu *c, const struct op *op)
{
	arm_raise(c, EXC_UNDEF);
}

/* --- XScale's 40-bit accumulator: CP0 acc0, in the first iWMMXt register --- */

static void check_accumulator(struct arm_cpu *c)
{
	if (!(c->cpar & 1))
		arm_raise(c, EXC_UNDEF);
}

static void accumulate(struct arm_cpu *c, int64_t product)
{
	int64_t sum = (int64_t)c->r.wr[0] + product;

	c->r.wr[0] = (uint64_t)(sum << 24 >> 24);
}

void arm_h_mia(struct arm_cpu *c, const struct op *op)
{
	uint32_t w = (uint32_t)op->imm, m = REG_OF(c, op->b), s = REG_OF(c, op->x);

	check_accumulator(c);
	if ((w >> 16 & 15) == 0) {
		accumulate(c, (int64_t)(int32_t)m * (int32_t)s);
	} else if ((w >> 16 & 15) == 8) {
		accumulate(c, (int64_t)(int16_t)m * (int16_t)s +
				      (int64_t)((int32_t)m >> 16) * ((int32_t)s >> 16));
	} else {
		int32_t a = w >> 17 & 1 ? (int32_t)m >> 16 : (int16_t)m;
		int32_t b = w >> 16 & 1 ? (int32_t)s >> 16 : (int16_t)s;
		accumulate(c, (int64_t)a * b);
	}
}

void arm_h_mar(struct arm_cpu *c, const struct op *op)
{
	check_accumulator(c);
	uint64_t value = (uint64_t)REG_OF(c, op->s) << 32 | REG_OF(c, op->a);
	c->r.wr[0] = (uint64_t)((int64_t)(value << 24) >> 24);
}

void arm_h_mra(struct arm_cpu *c, const struct op *op)
{
	check_accumulator(c);
	REG_OF(c, op->a) = (uint32_t)c->r.wr[0];
	REG_OF(c, op->s) = (uint32_t)(c->r.wr[0] >> 32) & 0xff;
}

void arm_cpu_set_coproc(struct cpu *cpu, unsigned int number, const struct arm_coproc_ops *ops,
			void *opaque)
{
	if (number < 16)
		arm_cpu(cpu)->coproc[number] = (struct arm_coproc){ops, opaque};
}
