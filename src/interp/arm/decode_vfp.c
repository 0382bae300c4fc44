/* VFP. Source: ARM DDI 0100I, C4; DDI 0406C, A7.5 to A7.9. */
#include "interp/arm/decode.h"
#include "interp/arm/neon.h"
#include "interp/arm/ops_vfp.h"

/* Register numbers: the extra bit is the lowest of an S, the highest of a D. */
static unsigned int reg(u32 w, unsigned int field, unsigned int bit, bool wide)
{
	return wide ? BIT(w, bit) << 4 | FIELD(w, field, 4) : FIELD(w, field, 4) << 1 | BIT(w, bit);
}
#define VD(w, wide) reg(w, 12, 22, wide)
#define VN(w, wide) reg(w, 16, 7, wide)
#define VM(w, wide) reg(w, 0, 5, wide)

static bool exists(struct arm_insn *i, unsigned int d, bool wide)
{
	return !wide || d < 16 || has(i, F_VFP3);
}

/* --- data processing --- */

static bool arithmetic(struct arm_insn *i, enum vfp_op what, bool wide, bool has_n)
{
	u32 w = i->word;
	unsigned int d = VD(w, wide), n = VN(w, wide), m = VM(w, wide);
	struct op *op;

	if (!exists(i, d, wide) || !exists(i, m, wide) || (has_n && !exists(i, n, wide)))
		return false;
	if (i->mode & MODE_VECTOR) {
		op = arm_emit_pure(i, arm_h_vfp_vector);
		op->s = (u8)what;
		op->disp = wide;
	} else {
		op = arm_emit(i, arm_vfp_op[what][wide]);
	}
	op->a = (u8)d;
	op->b = (u8)(has_n ? n : d);
	op->x = (u8)m;
	return true;
}

/* VMOV's 8-bit constants. */
static u64 expand(u32 imm8, bool wide)
{
	u64 sign = BIT(imm8, 7), top = BIT(imm8, 6), rest = imm8 & 0x3f;

	if (wide)
		return sign << 63 | (top ? UINT64_C(0x3fc0) : UINT64_C(0x4000)) << 48 | rest << 48;
	return sign << 31 | (top ? UINT64_C(0x3e000000) : UINT64_C(0x40000000)) | rest << 19;
}

static bool constant(struct arm_insn *i, bool wide)
{
	u32 w = i->word;
	struct op *op;

	if (!has(i, F_VFP3) || BIT(w, 5) || BIT(w, 7))
		return false;
	if (i->mode & MODE_VECTOR) {
		op = arm_emit_pure(i, arm_h_vfp_const_vector);
		op->disp = wide;
	} else {
		op = arm_emit(i, arm_vfp_const[wide]);
	}
	op->a = (u8)VD(w, wide);
	op->imm = expand(FIELD(w, 16, 4) << 4 | FIELD(w, 0, 4), wide);
	return true;
}

static bool compare(struct arm_insn *i, bool wide, bool zero)
{
	u32 w = i->word;

	if (!exists(i, VD(w, wide), wide) || !exists(i, VM(w, wide), wide))
		return false;
	struct op *op = arm_emit(i, arm_vfp_cmp[wide]);
	op->a = (u8)VD(w, wide);
	op->x = (u8)VM(w, wide);
	op->s = (u8)(BIT(w, 7) | zero << 1);
	return true;
}

static bool convert_precision(struct arm_insn *i, bool wide)
{
	u32 w = i->word;

	if (!exists(i, VD(w, !wide), !wide) || !exists(i, VM(w, wide), wide))
		return false;
	struct op *op = arm_emit(i, wide ? arm_op_vcvt_sd : arm_op_vcvt_ds);
	op->a = (u8)VD(w, !wide);
	op->x = (u8)VM(w, wide);
	return true;
}

static bool convert_int(struct arm_insn *i, bool wide, unsigned int kind)
{
	u32 w = i->word;
	bool to_int = kind & 4;
	struct op *op;

	if (!exists(i, to_int ? VM(w, wide) : VD(w, wide), wide))
		return false;
	if (to_int) {
		op = arm_emit(i, arm_vcvt_to_int[wide]);
		op->a = (u8)VD(w, false);
		op->x = (u8)VM(w, wide);
		op->s = (u8)((kind & 1) | BIT(w, 7) << 1);
	} else {
		op = arm_emit(i, arm_vcvt_from_int[wide]);
		op->a = (u8)VD(w, wide);
		op->x = (u8)VM(w, false);
		op->s = (u8)BIT(w, 7);
	}
	return true;
}

static bool convert_fixed(struct arm_insn *i, bool wide)
{
	u32 w = i->word;
	s32 size = BIT(w, 7) ? 32 : 16, fraction = size - (s32)(FIELD(w, 0, 4) << 1 | BIT(w, 5));

	if (!has(i, F_VFP3) || fraction < 0)
		return false;
	struct op *op = arm_emit_pure(i, arm_h_vcvt_fixed);
	op->a = (u8)VD(w, wide);
	op->s = (u8)(wide | BIT(w, 18) << 1 | BIT(w, 16) << 2 | BIT(w, 7) << 3);
	op->disp = fraction;
	return true;
}

static bool convert_half(struct arm_insn *i, bool wide)
{
	u32 w = i->word;

	if (wide || !has(i, F_HALF))
		return false;
	struct op *op = arm_emit_pure(i, arm_h_vcvt_half);
	op->a = (u8)VD(w, false);
	op->x = (u8)VM(w, false);
	op->s = (u8)(BIT(w, 7) | BIT(w, 16) << 1);
	return true;
}

static bool extension(struct arm_insn *i, bool wide)
{
	u32 w = i->word;
	unsigned int kind = FIELD(w, 16, 4);

	if (!BIT(w, 6))
		return constant(i, wide);
	switch (kind) {
	case 0: return arithmetic(i, BIT(w, 7) ? VFP_ABS : VFP_MOV, wide, false);
	case 1: return arithmetic(i, BIT(w, 7) ? VFP_SQRT : VFP_NEG, wide, false);
	case 2:
	case 3: return convert_half(i, wide);
	case 4:
	case 5: return compare(i, wide, kind & 1);
	case 7: return BIT(w, 7) && convert_precision(i, wide);
	case 8:
	case 12:
	case 13: return convert_int(i, wide, kind);
	case 10:
	case 11:
	case 14:
	case 15: return convert_fixed(i, wide);
	default: return false;
	}
}

static bool data_processing(struct arm_insn *i)
{
	static const u8 ops[7][2] = {{VFP_MLA, VFP_MLS}, {VFP_NMLS, VFP_NMLA}, {VFP_MUL, VFP_NMUL},
				     {VFP_ADD, VFP_SUB}, {VFP_DIV, 0xff},      {VFP_FNMS, VFP_FNMA},
				     {VFP_FMA, VFP_FMS}};
	u32 w = i->word;
	unsigned int kind = BIT(w, 23) << 2 | FIELD(w, 20, 2);
	bool wide = BIT(w, 8);

	if (kind == 7)
		return extension(i, wide);
	u8 what = ops[kind][BIT(w, 6)];
	if (what == 0xff || (kind >= 5 && !has(i, F_FMA)))
		return false;
	return arithmetic(i, (enum vfp_op)what, wide, true);
}

/* --- transfers --- */

static bool scalar(struct arm_insn *i)
{
	u32 w = i->word, lane = FIELD(w, 21, 2) << 2 | FIELD(w, 5, 2);
	bool load = BIT(w, 20);
	unsigned int d = VN(w, true), log2, offset;
	struct op *op;

	if (!exists(i, d, true))
		return false;
	if (!load && BIT(w, 23)) { /* VDUP */
		unsigned int size = BIT(w, 22) << 1 | BIT(w, 5);
		if (!has(i, F_NEON) || size == 3 || BIT(w, 6) || (BIT(w, 21) && d & 1))
			return false;
		op = arm_emit(i, arm_op_neon_dup_core);
		op->s = (u8)((size == 0 ? 2 : size == 1 ? 1 : 0) | BIT(w, 21) << 2);
	} else {
		if (lane & 8) {
			log2 = 0;
			offset = 8 * (lane & 7);
		} else if (lane & 1) {
			log2 = 1;
			offset = 16 * (lane >> 1 & 3);
		} else if (!(lane & 2)) {
			log2 = 2;
			offset = 32 * (lane >> 2 & 1);
		} else {
			return false;
		}
		if (log2 != 2 && !has(i, F_NEON))
			return false;
		op = arm_emit(i, load ? arm_op_neon_from_lane : arm_op_neon_to_lane);
		op->x = (u8)offset;
		op->s = (u8)(log2 | (load && !BIT(w, 23) && log2 < 2) << 2);
	}
	op->a = REG(FIELD(w, 12, 4));
	op->b = (u8)d;
	return true;
}

static bool system_register(struct arm_insn *i)
{
	u32 w = i->word;
	unsigned int number = FIELD(w, 16, 4), rt = FIELD(w, 12, 4);
	struct op *op;

	if (BIT(w, 20) && number == 1 && rt == PC && i->mode & MODE_VFP) {
		arm_emit(i, arm_op_vmrs_flags);
		arm_emit_flags(i, 0, 15, NULL);
		return true;
	}
	op = BIT(w, 20) ? arm_emit_call(i, arm_h_vmrs) : arm_emit_system_end(i, arm_h_vmsr);
	op->a = REG(rt);
	op->s = (u8)number;
	return true;
}

static bool transfer(struct arm_insn *i)
{
	u32 w = i->word;
	struct op *op;

	if (BIT(w, 8))
		return i->mode & MODE_VFP && scalar(i);
	if (FIELD(w, 21, 3) == 7)
		return system_register(i);
	if (FIELD(w, 21, 3) || !(i->mode & MODE_VFP))
		return false;
	op = arm_emit(i, BIT(w, 20) ? arm_op_vmov_rs : arm_op_vmov_sr);
	op->a = REG(FIELD(w, 12, 4));
	op->b = (u8)VN(w, false);
	return true;
}

static bool transfer_two(struct arm_insn *i)
{
	u32 w = i->word;
	bool wide = BIT(w, 8);
	unsigned int m = VM(w, wide);

	if ((w & 0xd0) != 0x10 || !exists(i, m, wide) || (!wide && m == 31))
		return false;
	struct op *op = arm_emit(i, BIT(w, 20) ? arm_op_vmov_rd : arm_op_vmov_dr);
	op->a = REG(FIELD(w, 12, 4));
	op->s = REG(FIELD(w, 16, 4));
	op->b = (u8)(wide ? 2 * m : m);
	return true;
}

/* --- loads and stores --- */

static bool load_store(struct arm_insn *i)
{
	u32 w = i->word, words = w & 0xff;
	bool wide = BIT(w, 8), load = BIT(w, 20), before = BIT(w, 24), up = BIT(w, 23);
	bool wback = BIT(w, 21);
	unsigned int d = VD(w, wide), first = wide ? 2 * d : d, rn = FIELD(w, 16, 4);
	s32 offset = (s32)(4 * words);
	struct op *op;
	u8 base = REG(rn);

	if (!exists(i, d, wide) || (before && up && wback) || (!before && !up))
		return false;
	if (before && !wback) { /* VLDR, VSTR */
		offset = up ? offset : -offset;
		if (rn == PC) {
			base = REG_ZERO;
			offset += (s32)(pc_value(i) & ~3u);
		}
		op = arm_emit(i, load ? i->mem->vfp_load[wide] : i->mem->vfp_store[wide]);
		op->disp = offset;
	} else {
		if (wide)
			words &= ~1u;
		/* FSTMX stores one word more than it has registers for. */
		if (!words || first + words > (has(i, F_VFP3) || !wide ? 64u : 32u) ||
		    (!wide && first + words > 32))
			return false;
		if (rn == PC && !wback)
			base = arm_src(i, PC, REG_TMP2);
		op = arm_emit(i, load ? i->mem->vfp_load_multiple : i->mem->vfp_store_multiple);
		op->imm = words;
		op->disp = before ? -offset : 0;
		op->imm2 = (u64)(u32)(up ? offset : -offset);
		op->s = wback;
	}
	op->a = (u8)first;
	op->b = base;
	arm_emit_info(i)->leaves = true;
	i->b->accesses++;
	return true;
}

bool arm_decode_vfp(struct arm_insn *i)
{
	u32 w = i->word;

	if (FIELD(w, 24, 4) == 14 && BIT(w, 4)) {
		/* VMRS and VMSR reach some registers while VFP is off. */
		if (!(i->mode & (MODE_VFP | MODE_VFP_OFF_EN)))
			return false;
		return transfer(i);
	}
	if (!(i->mode & MODE_VFP))
		return false;
	if (FIELD(w, 24, 4) == 14)
		return data_processing(i);
	if (FIELD(w, 21, 7) == 0x62)
		return transfer_two(i);
	return load_store(i);
}
