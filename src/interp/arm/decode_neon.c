/* Advanced SIMD, in ARM's encoding. Source: ARM DDI 0406C, A7.4 and A7.7. */
#include "interp/arm/decode.h"
#include "interp/arm/neon.h"

#define VD(w) (BIT(w, 22) << 4 | FIELD(w, 12, 4))
#define VN(w) (BIT(w, 7) << 4 | FIELD(w, 16, 4))
#define VM(w) (BIT(w, 5) << 4 | FIELD(w, 0, 4))

static struct op *emit_regs(struct arm_insn *i, arm_helper *fn, u32 w)
{
	struct op *op = arm_emit_pure(i, fn);

	op->a = (u8)VD(w);
	op->b = (u8)VN(w);
	op->x = (u8)VM(w);
	return op;
}

/* An op of ops_neon.c, whose fields are as the decoder fills them. */
static struct op *emit_move(struct arm_insn *i, handler_fn *fn, u32 w)
{
	struct op *op = arm_emit(i, fn);

	op->a = (u8)VD(w);
	op->b = (u8)VN(w);
	op->x = (u8)VM(w);
	return op;
}

static bool emit_form(struct arm_insn *i, u32 w, struct neon_form f)
{
	struct op *op = emit_regs(i, arm_h_neon, w);
	handler_fn *fn = arm_neon_handler(&f);

	op->imm = neon_pack(&f);
	if (fn)
		op->fn = fn;
	return true;
}

/* Registers of quadword operands are even. */
static bool odd(u32 w, bool d, bool n, bool m)
{
	return (d && VD(w) & 1) || (n && VN(w) & 1) || (m && VM(w) & 1);
}

/* --- three registers of the same length --- */

#define NONE 0xff

/* Integer operations by opcode (bits 11-8) and bit 4; those that depend on more are NONE. */
static const u8 same_ops[16][2] = {
	{N_HADD, N_QADD}, {N_RHADD, NONE},   {N_HSUB, N_QSUB}, {N_CGT, N_CGE},
	{N_SHL, N_QSHL},  {N_RSHL, N_QRSHL}, {N_MAX, N_MIN},   {N_ABD, N_ABA},
	{NONE, NONE},	  {NONE, NONE},	     {N_MAX, N_MIN},   {NONE, N_ADD},
	{NONE, NONE},	  {NONE, NONE},	     {NONE, NONE},     {NONE, NONE}};

static bool same_int(struct arm_insn *i, u32 w, struct neon_form *f)
{
	static const u8 logic[2][4] = {{N_AND, N_BIC, N_ORR, N_ORN}, {N_EOR, N_BSL, N_BIT, N_BIF}};
	unsigned int kind = FIELD(w, 8, 4);
	bool b = BIT(w, 4), u = f->is_unsigned;

	f->op = same_ops[kind][b];
	switch (kind) {
	case 0:
	case 2:
		if (f->log2 == 3 && !b)
			return false;
		break;
	case 1:
		if (b) {
			f->op = logic[u][f->log2];
			f->log2 = 3;
		} else if (f->log2 == 3) {
			return false;
		}
		break;
	case 4:
	case 5: { /* the count is in n, the value in m */
		u32 n = VN(w), m = VM(w);
		w = (w & ~0x000f00afu) | (m & 15) << 16 | (m >> 4) << 7 | (n & 15) | (n >> 4) << 5;
		break;
	}
	case 8:
		f->op = b ? (u ? N_CEQ : N_TST) : (u ? N_SUB : N_ADD);
		if (b && f->log2 == 3)
			return false;
		break;
	case 9:
		f->op = b ? (u ? N_PMUL : N_MUL) : (u ? N_MLS : N_MLA);
		if (f->log2 == 3 || (b && u && f->log2))
			return false;
		break;
	case 10:
		f->shape = SHAPE_PAIR;
		if (f->quad || f->log2 == 3)
			return false;
		break;
	case 11:
		if (b) {
			f->shape = SHAPE_PAIR;
			if (u || f->quad || f->log2 == 3)
				return false;
		} else {
			f->op = u ? N_QRDMULH : N_QDMULH;
			f->is_unsigned = false;
			if (f->log2 == 0 || f->log2 == 3)
				return false;
		}
		break;
	default:
		if (f->log2 == 3)
			return false;
	}
	return emit_form(i, w, *f);
}

static bool same_float(struct arm_insn *i, u32 w, struct neon_form *f)
{
	unsigned int kind = FIELD(w, 8, 4), which = BIT(w, 21);
	bool b = BIT(w, 4), u = f->is_unsigned;
	u8 op = NONE;

	if (BIT(w, 20))
		return false;
	switch (kind) {
	case 12:
		if (b && !u && has(i, F_FMA))
			op = which ? N_FFMS : N_FFMA;
		break;
	case 13:
		if (!b && !u)
			op = which ? N_FSUB : N_FADD;
		else if (!b)
			op = which ? N_FABD : N_FADD;
		else if (!u)
			op = which ? N_FMLS : N_FMLA;
		else if (!which)
			op = N_FMUL;
		if (!b && u && !which)
			f->shape = SHAPE_PAIR;
		break;
	case 14:
		if (!b)
			op = u ? (which ? N_FCGT : N_FCGE) : which ? NONE : N_FCEQ;
		else if (u)
			op = which ? N_FACGT : N_FACGE;
		break;
	default:
		if (!b)
			op = which ? N_FMIN : N_FMAX;
		else if (!u)
			op = which ? N_FRSQRTS : N_FRECPS;
		if (!b && u)
			f->shape = SHAPE_PAIR;
		break;
	}
	if (op == NONE || (f->shape == SHAPE_PAIR && f->quad))
		return false;
	f->op = op;
	f->log2 = 2;
	return emit_form(i, w, *f);
}

static bool three_same(struct arm_insn *i, u32 w)
{
	struct neon_form f = {.log2 = (u8)FIELD(w, 20, 2),
			      .is_unsigned = BIT(w, 24),
			      .quad = BIT(w, 6),
			      .scalar = -1};

	if (f.quad && odd(w, true, true, true))
		return false;
	return FIELD(w, 8, 4) < 12 ? same_int(i, w, &f) : same_float(i, w, &f);
}

/* --- three registers of different lengths, and with a scalar --- */

static bool three_different(struct arm_insn *i, u32 w)
{
	static const struct {
		u8 op, rounded, shape;
	} ops[16] = {{N_ADD, N_ADD, SHAPE_LONG},	{N_ADD, N_ADD, SHAPE_WIDE},
		     {N_SUB, N_SUB, SHAPE_LONG},	{N_SUB, N_SUB, SHAPE_WIDE},
		     {N_ADDHN, N_RADDHN, SHAPE_NARROW}, {N_ABA, N_ABA, SHAPE_LONG},
		     {N_SUBHN, N_RSUBHN, SHAPE_NARROW}, {N_ABD, N_ABD, SHAPE_LONG},
		     {N_MLA, N_MLA, SHAPE_LONG},	{N_QDMLAL, NONE, SHAPE_LONG},
		     {N_MLS, N_MLS, SHAPE_LONG},	{N_QDMLSL, NONE, SHAPE_LONG},
		     {N_MUL, N_MUL, SHAPE_LONG},	{N_QDMULL, NONE, SHAPE_LONG},
		     {N_PMUL, NONE, SHAPE_LONG},	{NONE, NONE, 0}};
	unsigned int kind = FIELD(w, 8, 4);
	struct neon_form f = {.log2 = (u8)FIELD(w, 20, 2),
			      .is_unsigned = BIT(w, 24),
			      .scalar = -1,
			      .op = BIT(w, 24) ? ops[kind].rounded : ops[kind].op,
			      .shape = ops[kind].shape};
	bool doubling = kind == 9 || kind == 11 || kind == 13;

	if (f.op == NONE || (doubling && !f.log2) || (kind == 14 && f.log2) ||
	    odd(w, f.shape != SHAPE_NARROW, f.shape != SHAPE_LONG, f.shape == SHAPE_NARROW))
		return false;
	return emit_form(i, w, f);
}

static bool by_scalar(struct arm_insn *i, u32 w)
{
	static const struct {
		u8 op, shape;
		bool is_float;
	} ops[16] = {{N_MLA, SHAPE_SAME, false},
		     {N_FMLA, SHAPE_SAME, true},
		     {N_MLA, SHAPE_LONG, false},
		     {N_QDMLAL, SHAPE_LONG, false},
		     {N_MLS, SHAPE_SAME, false},
		     {N_FMLS, SHAPE_SAME, true},
		     {N_MLS, SHAPE_LONG, false},
		     {N_QDMLSL, SHAPE_LONG, false},
		     {N_MUL, SHAPE_SAME, false},
		     {N_FMUL, SHAPE_SAME, true},
		     {N_MUL, SHAPE_LONG, false},
		     {N_QDMULL, SHAPE_LONG, false},
		     {N_QDMULH, SHAPE_SAME, false},
		     {N_QRDMULH, SHAPE_SAME, false},
		     {NONE, 0, false},
		     {NONE, 0, false}};
	unsigned int kind = FIELD(w, 8, 4), size = FIELD(w, 20, 2), m;
	struct neon_form f = {.op = ops[kind].op, .shape = ops[kind].shape, .log2 = (u8)size};
	bool u = BIT(w, 24);

	if (f.op == NONE || size == 0 || (ops[kind].is_float && size != 2))
		return false;
	if (f.shape == SHAPE_SAME)
		f.quad = u;
	else
		f.is_unsigned = u;
	if ((kind == 3 || kind == 7 || kind == 11) && u)
		return false;
	if (odd(w, f.quad || f.shape == SHAPE_LONG, f.quad, false))
		return false;
	if (size == 1) {
		m = FIELD(w, 0, 3);
		f.scalar = (s8)(BIT(w, 5) << 1 | BIT(w, 3));
	} else {
		m = FIELD(w, 0, 4);
		f.scalar = (s8)BIT(w, 5);
	}
	emit_form(i, w, f);
	i->b->ops[i->b->op_count - 1].x = (u8)m;
	return true;
}

/* --- shifts by a constant --- */

static bool shift(struct arm_insn *i, u32 w)
{
	static const u8 plain[8][2] = {{N_SHRI, N_SHRI}, {N_SRA, N_SRA},    {N_RSHRI, N_RSHRI},
				       {N_RSRA, N_RSRA}, {NONE, N_SRI},	    {N_SHLI, N_SLI},
				       {NONE, N_QSHLUI}, {N_QSHLI, N_QSHLI}};
	static const u8 narrow[2][2][2] = {{{N_SHRN, N_RSHRN}, {N_QSHRUN, N_QRSHRUN}},
					   {{N_QSHRN, N_QRSHRN}, {N_QSHRN, N_QRSHRN}}};
	unsigned int kind = FIELD(w, 8, 4), imm = BIT(w, 7) << 6 | FIELD(w, 16, 6);
	unsigned int log2 = imm & 64 ? 3 : 31 - (unsigned int)__builtin_clz(imm) - 3;
	unsigned int bits = 8u << log2;
	bool u = BIT(w, 24), b = BIT(w, 6);
	struct neon_form f = {.log2 = (u8)log2, .is_unsigned = u, .quad = b, .scalar = -1};

	if (kind < 8) {
		f.op = plain[kind][u];
		f.aux = (u8)(kind < 5 ? 2 * bits - imm : imm - bits);
		if (log2 == 3 && kind < 5)
			f.aux = (u8)(128 - imm);
		else if (log2 == 3)
			f.aux = (u8)(imm - 64);
		if (kind == 6)
			f.is_unsigned = false;
		return f.op != NONE && !(b && odd(w, true, false, true)) && emit_form(i, w, f);
	}
	if (imm & 64)
		return false;
	f.quad = false;
	if (kind < 10) {
		f.op = narrow[kind - 8][u][b];
		f.shape = SHAPE_NARROW;
		f.aux = (u8)(2 * bits - imm);
		if (kind == 8)
			f.is_unsigned = false;
		return !odd(w, false, false, true) && emit_form(i, w, f);
	}
	if (kind == 10) { /* VSHLL, VMOVL */
		f.op = N_SHLI;
		f.shape = SHAPE_LONG;
		f.aux = (u8)(imm - bits);
		return !b && !odd(w, true, false, false) && emit_form(i, w, f);
	}
	if (kind < 14 || !(imm & 32))
		return false;
	f.op = kind == 15 ? N_FTOFIX : N_FIXTOF;
	f.log2 = 2;
	f.quad = b;
	f.aux = (u8)(64 - imm);
	return !(b && odd(w, true, false, true)) && emit_form(i, w, f);
}

/* --- constants --- */

/* AdvSIMDExpandImm(). */
static u64 expand(unsigned int cmode, bool op, u64 imm)
{
	switch (cmode >> 1) {
	case 0:
	case 1:
	case 2:
	case 3: imm <<= 8 * (cmode >> 1); return imm << 32 | imm;
	case 4:
	case 5: imm <<= 8 * (cmode >> 1 & 1); return imm * UINT64_C(0x0001000100010001);
	case 6: imm = cmode & 1 ? imm << 16 | 0xffff : imm << 8 | 0xff; return imm << 32 | imm;
	}
	if (!(cmode & 1) && !op)
		return imm * UINT64_C(0x0101010101010101);
	if (!(cmode & 1)) {
		u64 value = 0;
		for (unsigned int n = 0; n < 8; n++)
			if (imm >> n & 1)
				value |= UINT64_C(0xff) << (8 * n);
		return value;
	}
	imm = (imm & 0x80) << 24 | (imm & 0x40 ? 0x3e000000u : 0x40000000u) | (imm & 0x3f) << 19;
	return imm << 32 | imm;
}

static bool constant(struct arm_insn *i, u32 w)
{
	unsigned int cmode = FIELD(w, 8, 4);
	bool invert = BIT(w, 5), quad = BIT(w, 6), modify = cmode < 12 && cmode & 1;
	u64 imm = expand(cmode, invert, BIT(w, 24) << 7 | FIELD(w, 16, 3) << 4 | FIELD(w, 0, 4));

	if ((cmode == 15 && invert) || (quad && odd(w, true, false, false)))
		return false;
	if (!modify && invert && cmode != 14)
		imm = ~imm;
	struct op *op = emit_move(i, arm_op_neon_const, w);
	op->imm = imm;
	op->s = modify ? (invert ? 2 : 1) : 0;
	op->disp = quad;
	return true;
}

/* --- two registers --- */

static bool reverse(struct arm_insn *i, u32 w, unsigned int kind)
{
	unsigned int group = 8u >> kind, size = FIELD(w, 18, 2);

	if (1u << size >= group)
		return false;
	struct op *op = emit_move(i, arm_op_neon_rev, w);
	op->s = (u8)group;
	op->disp = (s32)size;
	op->imm = BIT(w, 6);
	return true;
}

static bool permute(struct arm_insn *i, u32 w, unsigned int kind)
{
	unsigned int size = FIELD(w, 18, 2);
	bool quad = BIT(w, 6);

	if (size == 3 || (kind == 0 && size) || (kind > 1 && size == 2 && !quad))
		return false;
	struct op *op = emit_regs(i, arm_h_neon_permute, w);
	op->s = (u8)kind;
	op->disp = (s32)size;
	op->imm = quad;
	return true;
}

static bool narrow_or_half(struct arm_insn *i, u32 w)
{
	unsigned int size = FIELD(w, 18, 2);
	bool q = BIT(w, 6);
	struct neon_form f = {.log2 = (u8)size, .scalar = -1, .shape = SHAPE_NARROW};
	struct op *op;

	switch (FIELD(w, 7, 4)) {
	case 4: f.op = q ? N_QMOVUN : N_MOV; break;
	case 5:
		f.op = N_QMOVN;
		f.is_unsigned = q;
		break;
	case 6: /* VSHLL by the size */
		f.op = N_SHLI;
		f.shape = SHAPE_LONG;
		f.aux = (u8)(8u << size);
		if (q || size == 3 || odd(w, true, false, false))
			return false;
		return emit_form(i, w, f);
	case 12:
	case 14:
		if (q || size != 1 || !has(i, F_HALF))
			return false;
		op = emit_regs(i, arm_h_neon_half, w);
		op->s = BIT(w, 8);
		return true;
	default: return false;
	}
	if (size == 3 || odd(w, false, false, true))
		return false;
	return emit_form(i, w, f);
}

static bool two_misc(struct arm_insn *i, u32 w)
{
	static const u8 ops0[16] = {NONE,  NONE,  NONE,	 NONE,	N_ADD,	 N_ADD,	  NONE,	  NONE,
				    N_CLS, N_CLZ, N_CNT, N_MVN, N_PADAL, N_PADAL, N_QABS, N_QNEG};
	static const u8 ops1[16] = {N_CGT,  N_CGE,  N_CEQ,  N_CLE,  N_CLT,  NONE, N_ABS,  N_NEG,
				    N_FCGT, N_FCGE, N_FCEQ, N_FCLE, N_FCLT, NONE, N_FABS, N_FNEG};
	static const u8 ops3[16] = {NONE,   NONE,   NONE,    NONE,     NONE,	 NONE,
				    NONE,   NONE,   N_RECPE, N_RSQRTE, N_FRECPE, N_FRSQRTE,
				    N_STOF, N_UTOF, N_FTOS,  N_FTOU};
	unsigned int group = FIELD(w, 16, 2), kind = FIELD(w, 7, 4), size = FIELD(w, 18, 2);
	struct neon_form f = {.log2 = (u8)size, .quad = BIT(w, 6), .scalar = -1};

	if (group == 2 && kind >= 4)
		return narrow_or_half(i, w);
	if (f.quad && odd(w, true, false, true))
		return false;
	if (group == 2)
		return permute(i, w, kind);
	if (group == 0 && kind < 3)
		return reverse(i, w, kind);
	f.op = group == 0 ? ops0[kind] : group == 1 ? ops1[kind] : ops3[kind];
	if (f.op == NONE)
		return false;
	if (group == 0 && (kind == 10 || kind == 11)) {
		if (size)
			return false;
		f.log2 = kind == 11 ? 3 : 0;
	} else if (size == 3 || ((group == 3 || (group == 1 && kind >= 8)) && size != 2)) {
		return false;
	}
	if (group == 0 && (f.op == N_ADD || f.op == N_PADAL)) {
		f.shape = SHAPE_PAIR_LONG;
		f.is_unsigned = kind & 1;
	}
	f.zero = group == 1 && kind % 8 < 5;
	return emit_form(i, w, f);
}

static bool extract(struct arm_insn *i, u32 w)
{
	bool quad = BIT(w, 6);
	unsigned int from = FIELD(w, 8, 4);

	if ((quad && odd(w, true, true, true)) || (!quad && from > 7))
		return false;
	struct op *op = emit_move(i, arm_op_neon_ext, w);
	op->s = (u8)from;
	op->imm = quad;
	return true;
}

static bool table(struct arm_insn *i, u32 w)
{
	unsigned int count = FIELD(w, 8, 2) + 1;

	if (VN(w) + count > 32)
		return false;
	struct op *op = emit_regs(i, arm_h_neon_tbl, w);
	op->s = (u8)count;
	op->imm = BIT(w, 6);
	return true;
}

static bool duplicate(struct arm_insn *i, u32 w)
{
	unsigned int imm = FIELD(w, 16, 4);
	bool quad = BIT(w, 6);

	if (!(imm & 7) || (quad && odd(w, true, false, false)))
		return false;
	struct op *op = emit_move(i, arm_op_neon_dup, w);
	op->s = (u8)__builtin_ctz(imm);
	op->disp = (s32)(imm >> (op->s + 1));
	op->imm = quad;
	return true;
}

bool arm_decode_neon_data(struct arm_insn *i, u32 w)
{
	if (!(i->mode & MODE_VFP))
		return false;
	if (!BIT(w, 23))
		return three_same(i, w);
	if (BIT(w, 4)) {
		if (FIELD(w, 19, 3) == 0 && !BIT(w, 7))
			return constant(i, w);
		return shift(i, w);
	}
	if (FIELD(w, 20, 2) != 3)
		return BIT(w, 6) ? by_scalar(i, w) : three_different(i, w);
	if (!BIT(w, 24))
		return extract(i, w);
	if (!BIT(w, 11))
		return two_misc(i, w);
	if (!BIT(w, 10))
		return table(i, w);
	return FIELD(w, 7, 5) == 24 && duplicate(i, w);
}

/* --- loads and stores --- */

/* How far the last register of a multiple transfer is from the first, by type. */
static bool multiple_fits(u32 w)
{
	static const u8 last[11] = {3, 6, 3, 3, 2, 4, 2, 0, 1, 2, 1};
	unsigned int type = FIELD(w, 8, 4);

	return type < 11 && VD(w) + last[type] < 32;
}

static bool single_fits(u32 w)
{
	unsigned int count = FIELD(w, 8, 2) + 1, size = FIELD(w, 10, 2), step;

	if (size == 3) /* to all lanes */
		step = count == 1 ? 1 : BIT(w, 5) + 1;
	else
		step = size == 0 ? 1 : size == 1 ? BIT(w, 5) + 1 : BIT(w, 6) + 1;
	return VD(w) + (count - 1) * step < 32;
}

/* Registers that VLD1 or VST1 transfers as a whole; 0: it is another instruction. */
static unsigned int whole_registers(const struct arm_insn *i, u32 w)
{
	static const u8 counts[16] = {[7] = 1, [10] = 2, [6] = 3, [2] = 4};

	return BIT(w, 23) || i->mode & MODE_BE ? 0 : counts[FIELD(w, 8, 4)];
}

static struct op *emit_whole(struct arm_insn *i, u32 w)
{
	struct op *op = arm_emit(i, BIT(w, 21) ? i->mem->neon_load : i->mem->neon_store);

	arm_emit_info(i)->leaves = true;
	op->disp = (s32)whole_registers(i, w);
	return op;
}

bool arm_decode_neon_ls(struct arm_insn *i, u32 w)
{
	unsigned int rm = FIELD(w, 0, 4);
	arm_helper *fn = arm_h_neon_multiple;

	if (!(i->mode & MODE_VFP) || FIELD(w, 16, 4) == PC)
		return false;
	if (!BIT(w, 23)) {
		if (!multiple_fits(w))
			return false;
	} else {
		fn = FIELD(w, 10, 2) == 3 ? arm_h_neon_all : arm_h_neon_single;
		if (!single_fits(w) || (fn == arm_h_neon_all && !BIT(w, 21)))
			return false;
	}
	struct op *op = whole_registers(i, w) ? emit_whole(i, w) : arm_emit_call(i, fn);
	op->imm = w;
	op->a = (u8)VD(w);
	op->b = REG(FIELD(w, 16, 4));
	/* Afterwards the base gets the size (SP), a register, or nothing (PC) added. */
	op->x = rm == PC ? REG_ZERO : REG(rm);
	op->s = rm == PC ? 0 : rm == SP ? 1 : 2;
	i->wrote_flags = false;
	i->b->accesses++;
	return true;
}
