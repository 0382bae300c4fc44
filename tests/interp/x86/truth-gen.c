/*
 * Makes the case of a seed: a random state and up to eight instructions from the tables, with
 * memory operands that point into the scratch area, near its edges, and now and then anywhere.
 *
 * Addresses are worked out from the initial register values, so bases and indexes are registers
 * that nothing before has changed.
 */
#include "truth-gen.h"

#include <string.h>

struct gen {
	struct rng rng;
	struct tcase *t;
	const struct group *theme;
	bool only_theme;
	u16 clobbered, kept; /* registers that have changed; that should not */
};

/* The instruction being made. */
struct enc {
	const struct insn_row *row;
	struct insn *in;
	bool p66, p67, lock, modrm_mem;
	u8 rep, rex;
	s8 seg;
	unsigned int opsize, addrsize; /* bytes */
	u8 reg, rm;
	u8 modrm[8]; /* ModRM, SIB, displacement */
	unsigned int modrm_len, disp_at, disp_len;
	u64 target; /* linear address of the memory operand, 0: unknown */
};

static const u8 seg_prefix[6] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};

/* --- addresses --- */

static u32 seg_base(const struct gen *g, unsigned int seg)
{
	u16 sel = g->t->in.seg[seg];

	if (g->t->mode == CODE64)
		return seg == T_FS ? FS_BASE : seg == T_GS ? GS_BASE : 0;
	if (sel & 4 && sel >> 3 < TRUTH_LDT)
		return truth_ldt[sel >> 3].base;
	return 0;
}

static u64 pick_target(struct gen *g, unsigned int size, bool align16)
{
	struct rng *r = &g->rng;
	u32 at;

	switch (rnd_below(r, 24)) {
	case 0: at = PAGE * (1 + rnd_below(r, DATA_PAGES - 1)) - rnd_below(r, size + 1); break;
	case 1: at = DATA_SIZE - rnd_below(r, size + 2); break;
	case 2:
		at = rnd_below(r, 4) ? DATA_RW + rnd_below(r, PAGE - 64)
				     : 0 - rnd_below(r, size + 1);
		break;
	default:
		at = rnd_below(r, DATA_RW - 128);
		if (!once_in(r, 3))
			at &= ~(size & (size - 1) ? 7 : size - 1);
		break;
	}
	if (align16 && !once_in(r, 16))
		at &= ~15u;
	return (u64)(u32)(DATA_BASE + at);
}

/* A register that still has its initial value; -1: none was found. */
static int pick_base(struct gen *g)
{
	unsigned int count = g->t->mode == CODE64 ? 16 : 8;

	for (unsigned int i = 0; i < 6; i++) {
		unsigned int reg = rnd_below(&g->rng, count);
		if (!(g->clobbered >> reg & 1))
			return (int)reg;
	}
	return -1;
}

static void put_disp(struct enc *e, u32 disp, unsigned int len)
{
	e->disp_at = e->modrm_len;
	e->disp_len = len;
	memcpy(e->modrm + e->modrm_len, &disp, len);
	e->modrm_len += len;
}

static void put_modrm(struct enc *e, unsigned int mod, unsigned int rm)
{
	e->modrm[0] = (u8)(mod << 6 | (e->reg & 7) << 3 | (rm & 7));
	e->modrm_len = 1;
}

static void put_sib(struct enc *e, unsigned int scale, unsigned int index, unsigned int base)
{
	e->modrm[1] = (u8)(scale << 6 | (index & 7) << 3 | (base & 7));
	e->modrm_len = 2;
}

static u64 addr_mask(const struct enc *e)
{
	return e->addrsize == 8 ? ~UINT64_C(0) : e->addrsize == 4 ? 0xffffffff : 0xffff;
}

static bool fits32(const struct enc *e, u64 disp)
{
	return e->addrsize == 4 || disp == (u64)(s64)(s32)disp;
}

static void mem_absolute(struct gen *g, struct enc *e, u64 offset)
{
	bool is64 = g->t->mode == CODE64;

	if (is64 && !once_in(&g->rng, 4)) { /* RIP-relative */
		put_modrm(e, 0, 5);
		e->in->rip_target = (u32)offset;
		e->in->rip_at = 1; /* patched by put_insn() */
		put_disp(e, 0, 4);
	} else if (is64 || once_in(&g->rng, 4)) {
		put_modrm(e, 0, 4);
		put_sib(e, 0, 4, 5);
		put_disp(e, (u32)offset, 4);
	} else {
		put_modrm(e, 0, 5);
		put_disp(e, (u32)offset, 4);
	}
}

/* 32- and 64-bit addressing to `offset` with a base and perhaps an index. */
static bool mem_based(struct gen *g, struct enc *e, u64 offset, int base)
{
	const u64 *r = g->t->in.r;
	int index = once_in(&g->rng, 2) ? pick_base(g) : -1;
	unsigned int scale = rnd_below(&g->rng, 4);
	u64 disp = (offset - r[base]) & addr_mask(e);

	if (index == 4)
		index = -1;
	if (index >= 0 && fits32(e, disp - (r[index] << scale)))
		disp = (disp - (r[index] << scale)) & addr_mask(e);
	else
		index = -1;
	if (!fits32(e, disp))
		return false;
	bool small = (u32)disp == (u32)(s32)(s8)disp;
	unsigned int mod = small && !once_in(&g->rng, 3) ? 1 : 2;
	if ((u32)disp == 0 && (base & 7) != 5 && once_in(&g->rng, 2))
		mod = 0;
	bool sib = index >= 0 || (base & 7) == 4 || once_in(&g->rng, 12);
	put_modrm(e, mod, sib ? 4 : (unsigned int)base);
	if (sib)
		put_sib(e, scale, index >= 0 ? (unsigned int)index : 4, (unsigned int)base);
	if (mod)
		put_disp(e, (u32)disp, mod == 1 ? 1 : 4);
	e->rex |= (u8)(base >> 3 | (index > 7 ? 2 : 0));
	return true;
}

/* An index and no base. */
static bool mem_indexed(struct gen *g, struct enc *e, u64 offset)
{
	int index = pick_base(g);
	unsigned int scale = rnd_below(&g->rng, 4);

	if (index < 0 || index == 4)
		return false;
	u64 disp = (offset - (g->t->in.r[index] << scale)) & addr_mask(e);
	if (!fits32(e, disp))
		return false;
	put_modrm(e, 0, 4);
	put_sib(e, scale, (unsigned int)index, 5);
	put_disp(e, (u32)disp, 4);
	e->rex |= index > 7 ? 2 : 0;
	return true;
}

static void mem16(struct gen *g, struct enc *e, u32 offset)
{
	static const s8 first[8] = {3, 3, 5, 5, 6, 7, 5, 3},
			second[8] = {6, 7, 6, 7, -1, -1, -1, -1};
	unsigned int rm = rnd_below(&g->rng, 8);
	u16 changed = g->clobbered;

	if (changed >> first[rm] & 1 || (second[rm] >= 0 && changed >> second[rm] & 1)) {
		put_modrm(e, 0, 6);
		put_disp(e, offset, 2);
		return;
	}
	u16 disp = (u16)(offset - g->t->in.r[first[rm]] -
			 (second[rm] >= 0 ? g->t->in.r[second[rm]] : 0));
	unsigned int mod = disp == (u16)(s16)(s8)disp && !once_in(&g->rng, 3) ? 1 : 2;
	if (disp == 0 && rm != 6)
		mod = 0;
	put_modrm(e, mod, rm);
	if (mod)
		put_disp(e, disp, mod == 1 ? 1 : 2);
}

/* Which segment the operand would use without a prefix. */
static unsigned int default_seg(int base)
{
	return base == 4 || base == 5 ? T_SS : T_DS;
}

/* How far from the operand BT's register bit number reaches. */
static s64 bit_reach(const struct gen *g, const struct enc *e)
{
	unsigned int bits = 8 * e->opsize;
	s64 number = (s64)(g->t->in.r[e->reg] << (64 - bits)) >> (64 - bits);

	return (number >> __builtin_ctz(bits)) * (s64)e->opsize;
}

static void make_mem(struct gen *g, struct enc *e, unsigned int size)
{
	u64 target = pick_target(g, size, e->row->form & A16);
	int base = pick_base(g);

	if (once_in(&g->rng, 40)) /* anywhere */
		target = (u32)rnd_value(&g->rng);
	else if (e->row->form & BITMEM && !once_in(&g->rng, 6))
		target -= (u64)bit_reach(g, e);
	e->target = target;
	if (e->addrsize == 2) {
		u32 base16 = seg_base(g, e->seg >= 0 ? (unsigned int)e->seg : T_DS);
		mem16(g, e, (u32)target - base16);
		e->target = base16 + (u16)(target - base16);
		return;
	}
	/* In 16-bit code SS has the base of DS. */
	u64 offset = target - seg_base(g, e->seg >= 0 ? (unsigned int)e->seg : default_seg(base));
	if (e->addrsize == 4)
		offset = (u32)offset;
	unsigned int kind = rnd_below(&g->rng, 8);
	if (kind == 0 && mem_indexed(g, e, offset))
		return;
	if (kind != 1 && base >= 0 && mem_based(g, e, offset, base))
		return;
	mem_absolute(g, e, offset);
}

/* --- registers --- */

static u8 pick_reg(struct gen *g, bool changed, bool vec)
{
	unsigned int count = g->t->mode == CODE64 ? 16 : 8;
	u8 reg = 0;

	if (vec)
		return (u8)rnd_below(&g->rng, count);
	for (unsigned int i = 0; i < 4; i++) {
		reg = (u8)rnd_below(&g->rng, count);
		if (!changed || !((g->kept | 1 << 4) >> reg & 1) || once_in(&g->rng, 20))
			return reg;
	}
	return reg;
}

static void clobber(struct gen *g, struct enc *e, u8 reg)
{
	g->clobbered |= (u16)(1 << reg);
	if (e->row->form & BYTE)
		g->clobbered |= (u16)(1 << (reg & 3));
}

static void make_modrm(struct gen *g, struct enc *e, unsigned int size)
{
	const struct insn_row *row = e->row;
	bool vec = row->form & VEC;
	bool mem = row->form & MEM && (!(row->form & REGS) || once_in(&g->rng, 2));

	e->reg = row->ext >= 0 ? (u8)row->ext
			       : pick_reg(g, row->form & CL_REG, vec && !(row->form & CL_REG));
	e->modrm_mem = mem;
	if (mem) {
		make_mem(g, e, size);
	} else {
		e->rm = pick_reg(g, row->form & CL_RM, vec && !(row->form & CL_RM));
		if (row->rm_last)
			e->rm = (u8)(row->rm_first +
				     rnd_below(&g->rng, row->rm_last - row->rm_first + 1u));
		else if (row->rm_first)
			e->rm = (u8)row->rm_first;
		put_modrm(e, 3, e->rm);
		e->rex |= e->rm >> 3;
		if (row->form & CL_RM)
			clobber(g, e, e->rm);
	}
	if (row->form & CL_REG && row->ext < 0)
		clobber(g, e, e->reg);
	e->rex |= (u8)((e->reg >> 3) << 2);
}

/* --- sizes and prefixes --- */

static void choose_sizes(struct gen *g, struct enc *e)
{
	u32 form = e->row->form;
	enum code_mode mode = g->t->mode;
	bool other = form & V && once_in(&g->rng, 4);
	bool wide = mode == CODE64 && (form & (V | WD | REXW_ANY)) &&
		    once_in(&g->rng, form & D64 ? 10 : 3);

	e->p66 = other;
	if (wide)
		e->rex |= 8;
	if (mode == CODE64)
		e->opsize = form & BYTE ? 1 : wide ? 8 : other ? 2 : form & D64 ? 8 : 4;
	else
		e->opsize = form & BYTE ? 1 : (mode == CODE32) != other ? 4 : 2;
	e->p67 = once_in(&g->rng, mode == CODE16 ? 3 : mode == CODE32 ? 7 : 12);
	e->addrsize = mode == CODE64 ? (e->p67 ? 4 : 8) : (mode == CODE32) != e->p67 ? 4 : 2;
	e->seg = -1;
	if (once_in(&g->rng, 10))
		e->seg = (s8)rnd_below(&g->rng, 6);
	/* 16-bit addresses reach the scratch area through a segment with a base. */
	if (mode == CODE32 && e->p67 && !once_in(&g->rng, 6))
		e->seg = (s8)(T_FS + rnd_below(&g->rng, 2));
	if (form & (JB | JZ)) {
		e->seg = -1;
		e->p67 = e->p67 && form & JB && (e->row->opcode & 0xf0) == 0xe0;
	}
	if (form & LOCKED && once_in(&g->rng, 6))
		e->lock = true;
	if (!e->row->prefix && form & LOCKED && once_in(&g->rng, 200))
		e->rep = once_in(&g->rng, 2) ? 0xf2 : 0xf3;
	if (form & REP)
		e->rep = (u8[]){0, 0xf2, 0xf3, 0xf3}[rnd_below(&g->rng, 4)];
	if (mode == CODE64 && !e->rex && once_in(&g->rng, 12))
		e->rex = 0x40;
}

static void put(struct insn *in, u64 value, unsigned int len)
{
	memcpy(in->bytes + in->len, &value, len);
	in->len = (u8)(in->len + len);
}

static void put_prefixes(struct gen *g, struct enc *e)
{
	u8 list[8];
	unsigned int n = 0;

	if (e->seg >= 0)
		list[n++] = seg_prefix[e->seg];
	if (e->p66)
		list[n++] = 0x66;
	if (e->p67)
		list[n++] = 0x67;
	if (e->lock)
		list[n++] = 0xf0;
	if (e->rep)
		list[n++] = e->rep;
	if (e->row->prefix)
		list[n++] = e->row->prefix;
	while (n) {
		unsigned int i = rnd_below(&g->rng, n);
		put(e->in, list[i], 1);
		list[i] = list[--n];
	}
	if (e->rex)
		put(e->in, e->rex | 0x40, 1);
}

static void put_opcode(struct enc *e)
{
	const struct insn_row *row = e->row;

	if (row->map)
		put(e->in, 0x0f, 1);
	if (row->map > 1)
		put(e->in, row->map == 2 ? 0x38 : 0x3a, 1);
	put(e->in, row->form & OR ? row->opcode + (e->rm & 7u) : row->opcode, 1);
}

static u64 edge_imm(struct gen *g)
{
	return rnd_value(&g->rng);
}

static u16 pick_selector(struct gen *g)
{
	static const u16 some[] = {SEL_CS32,
				   SEL_CS32,
				   SEL_CS64,
				   SEL_LDT_CS16,
				   SEL_LDT_CS16,
				   SEL_LDT_XO,
				   SEL_LDT_CODE,
				   SEL_DS,
				   SEL_LDT_DATA,
				   SEL_LDT_NP,
				   SEL_CS32 & ~3,
				   0,
				   3,
				   0x08,
				   0x10,
				   0x40,
				   0x50,
				   0x80};

	if (once_in(&g->rng, 12))
		return (u16)(rnd(&g->rng) | 1);
	return some[rnd_below(&g->rng, sizeof(some) / sizeof(some[0]))];
}

static void put_immediates(struct gen *g, struct enc *e)
{
	u32 form = e->row->form;
	/* Far RET adds the size of what it pops to the immediate within 16 bits, when it goes from
	 * 16-bit to 64-bit code: no manual says so. */
	u64 imm_mask = e->row->opcode == 0xca ? 0x7fff : 0xffff;

	if (form & MOFFS) {
		u64 at = pick_target(g, e->opsize, false);
		at -= seg_base(g, e->seg >= 0 ? (unsigned int)e->seg : T_DS);
		put(e->in, e->addrsize == 4 ? (u32)at : at, e->addrsize);
	}
	if (form & IW)
		put(e->in, once_in(&g->rng, 3) ? rnd_below(&g->rng, 64) : edge_imm(g) & imm_mask,
		    2);
	if (form & IB)
		put(e->in, form & IW ? rnd_below(&g->rng, 6) : edge_imm(g), 1);
	if (form & IZ)
		put(e->in, edge_imm(g), e->opsize == 2 ? 2 : 4);
	if (form & IV)
		put(e->in, edge_imm(g), e->opsize);
	if (form & FAR_PTR) {
		e->in->skip = 0;
		e->in->abs_at = e->in->len;
		e->in->rel_size = (u8)e->opsize;
		e->in->selector = pick_selector(g);
		put(e->in, 0, e->opsize);
		put(e->in, e->in->selector, 2);
	}
	if (form & (JB | JZ)) {
		e->in->skip = (s8)rnd_below(&g->rng, 3);
		e->in->rel_at = e->in->len;
		e->in->rel_size = form & JB ? 1 : g->t->mode == CODE16 ? 2 : 4;
		put(e->in, 0, e->in->rel_size);
	}
}

/* --- flags --- */

static void shift_flags(struct enc *e)
{
	struct insn *in = e->in;
	const struct insn_row *row = e->row;
	unsigned int width = 8 * e->opsize;
	bool is_double = row->map == 1, rotates = !is_double && row->ext < 4;
	unsigned int count = in->bytes[in->len - 1] & (width == 64 ? 63 : 31);
	bool by_cl = row->form & COUNT_CL;

	if (!by_cl && count == 0) {
		in->writes = in->undefined = 0;
	} else if (by_cl || count != 1) {
		in->writes = by_cl ? 0 : in->writes & ~OF;
		in->undefined |= OF;
		if (!rotates && (is_double || row->ext != 7) &&
		    (by_cl ? width < 32 : count >= width))
			in->undefined |= CF;
		if (is_double && width == 16 && (by_cl || count > 16))
			in->undefined = ARITH;
		if (is_double && by_cl && width == 16)
			in->writes = 0;
	}
}

/* --- instructions --- */

static unsigned int operand_size(const struct enc *e)
{
	const struct insn_row *row = e->row;

	if (row->size)
		return row->size;
	if (row->form & BYTE)
		return 1;
	if (row->opcode == 0x62 && !row->map)
		return 2 * e->opsize;
	if (row->opcode == 0xff && (row->ext == 3 || row->ext == 5))
		return e->opsize + 2;
	return e->opsize;
}

static void add_insn(struct gen *g, const struct insn_row *row)
{
	struct insn *in = &g->t->insn[g->t->count];
	struct enc e = {.row = row, .in = in};

	*in = (struct insn){.row = row,
			    .skip = -1,
			    .reads = row->reads,
			    .writes = row->writes,
			    .undefined = row->undefined};
	choose_sizes(g, &e);
	if (row->form & M) {
		make_modrm(g, &e, operand_size(&e));
	} else if (row->form & OR) {
		e.rm = pick_reg(g, row->form & CL_RM, false);
		e.rex |= e.rm >> 3;
		if (row->form & CL_RM)
			clobber(g, &e, e.rm);
	}
	if (row->form & LOCKED && !e.modrm_mem && !once_in(&g->rng, 40))
		e.lock = false;
	put_prefixes(g, &e);
	put_opcode(&e);
	unsigned int modrm_at = in->len;
	memcpy(in->bytes + in->len, e.modrm, e.modrm_len);
	in->len = (u8)(in->len + e.modrm_len);
	if (in->rip_at)
		in->rip_at = (u8)(modrm_at + e.disp_at);
	put_immediates(g, &e);
	if (row->form & (COUNT_CL | COUNT_IB))
		shift_flags(&e);
	if (e.modrm_mem) {
		in->mem_at = e.target;
		in->mem_len = operand_size(&e);
	}
	if (row->form & FPENV) {
		bool small = g->t->mode == CODE16;
		in->ignore_at = (u32)(e.target - DATA_BASE) + (small ? 6 : 12);
		in->ignore_len = small ? 8 : 16;
	}
	if (e.rep && row->form & REP) /* nothing is compared if the count is 0 */
		in->writes = 0;
	g->clobbered |= row->clobbers;
	g->t->count++;
}

static const struct insn_row *row_named(const char *name)
{
	for (unsigned int i = 0; i < truth_row_count; i++)
		if (!strcmp(truth_rows[i].name, name))
			return &truth_rows[i];
	return NULL;
}

static bool row_fits(const struct gen *g, const struct insn_row *row)
{
	return !(row->form & (g->t->mode == CODE64 ? NO64 : ONLY64));
}

static const struct insn_row *pick_row(struct gen *g, const struct group *group)
{
	for (;;) {
		const struct insn_row *row =
			&truth_rows[group->first + rnd_below(&g->rng, group->count)];
		if (row->weight > rnd_below(&g->rng, 8) && row_fits(g, row))
			return row;
	}
}

static const struct group *pick_group(struct gen *g, bool fp)
{
	for (;;) {
		int at = (int)rnd_below(&g->rng, 1000);
		for (unsigned int i = 0; i < truth_group_count; i++) {
			const struct group *group = &truth_groups[i];
			at -= (int)group->weight;
			if (at < 0 && (fp || !group->fp) && group->modes >> g->t->mode & 1)
				return group;
			if (at < 0)
				break;
		}
	}
}

/* Leaves all flags defined. */
static void add_cmp(struct gen *g)
{
	struct insn *in = &g->t->insn[g->t->count++];
	static const struct insn_row *row;

	if (!row)
		row = row_named("cmp");
	*in = (struct insn){.row = row, .skip = -1, .writes = ARITH, .len = 2};
	in->bytes[0] = 0x38;
	in->bytes[1] = (u8)(0xc0 | (rnd(&g->rng) & 0x3f));
}

/* Makes a good dividend now and then: xor edx, edx or cdq. */
static void add_dividend(struct gen *g)
{
	struct insn *in = &g->t->insn[g->t->count];
	static const struct insn_row * xor, *cwd;

	if (!xor) {
		xor = row_named("xor");
		cwd = row_named("cwd");
	}
	bool sign = once_in(&g->rng, 2);
	*in = (struct insn){.row = sign ? cwd : xor, .skip = -1};
	if (g->t->mode == CODE64 && once_in(&g->rng, 2))
		put(in, 0x48, 1);
	if (sign) {
		put(in, 0x99, 1);
	} else {
		put(in, 0xd231, 2);
		in->writes = ARITH & ~AF;
		in->undefined = AF;
	}
	g->clobbered |= 1 << 2;
	g->t->count++;
}

/* PUSH of the address behind the next instruction or so, for RET to take. */
static void add_push_target(struct gen *g)
{
	struct insn *in = &g->t->insn[g->t->count++];

	*in = (struct insn){.row = row_named("push"), .skip = 1};
	put(in, 0x68, 1);
	in->abs_at = in->len;
	in->rel_size = g->t->mode == CODE16 ? 2 : 4;
	put(in, 0, in->rel_size);
	g->clobbered |= 1 << 4;
}

/* What a far return (or IRET) takes, pushed by instructions of the code's own size. */
static void add_far_frame(struct gen *g, bool with_flags)
{
	u16 selector = pick_selector(g);

	if (with_flags) {
		add_push_target(g);
		struct insn *flags = &g->t->insn[g->t->count - 1];
		u32 value = (u32)rnd(&g->rng) & 0x240fd5;
		memcpy(flags->bytes + flags->abs_at, &value, flags->rel_size);
		flags->abs_at = flags->rel_size = 0;
		flags->skip = -1;
	}
	add_push_target(g);
	struct insn *cs = &g->t->insn[g->t->count - 1];
	memset(cs->bytes + cs->abs_at, 0, cs->rel_size);
	memcpy(cs->bytes + cs->abs_at, &selector, 2);
	cs->abs_at = cs->rel_size = 0;
	cs->skip = -1;
	add_push_target(g);
	g->t->insn[g->t->count - 1].selector = selector;
}

static void add_random(struct gen *g)
{
	const struct group *group = g->theme;

	if (!g->only_theme && once_in(&g->rng, 3))
		group = pick_group(g, false);
	const struct insn_row *row = pick_row(g, group);
	/* More than one where branches go past the first. */
	while (case_undefined(g->t, g->t->count) & row->reads)
		add_cmp(g);
	if (row->form & DIVIDE && once_in(&g->rng, 2))
		add_dividend(g);
	if (!row->map && (row->opcode & 0xfe) == 0xc2 && !once_in(&g->rng, 3))
		add_push_target(g);
	if (!strcmp(row->group, "far") && row->opcode < 0xe0 && row->opcode != 0x9a &&
	    g->t->mode != CODE64 && !once_in(&g->rng, 4))
		add_far_frame(g, row->opcode == 0xcf);
	add_insn(g, row);
	if (row->tolerance)
		g->t->tolerance = row->tolerance;
}

u16 case_undefined(const struct tcase *t, unsigned int n)
{
	u16 at[SEQ_ROOM + 1] = {0};

	for (unsigned int i = 0; i < n; i++) {
		const struct insn *in = &t->insn[i];
		u16 out = (u16)((at[i] & ~in->writes) | in->undefined);
		at[i + 1] |= out;
		if (in->skip >= 0 && i + 1 + (unsigned int)in->skip <= n)
			at[i + 1 + (unsigned int)in->skip] |= out;
		else if (in->skip >= 0)
			at[n] |= out;
	}
	return at[n];
}

/* --- layout --- */

static void fix_insn(struct tcase *t, unsigned int i)
{
	struct insn *in = &t->insn[i];
	bool based = in->selector ? in->selector == SEL_LDT_CS16 || in->selector == SEL_LDT_XO
				  : t->mode == CODE16;
	u32 ip = based ? t->start : CODE_BASE + t->start;
	u32 next = t->at[i + 1];

	if (in->rip_at) {
		u32 disp = in->rip_target - (CODE_BASE + t->start + next);
		memcpy(in->bytes + in->rip_at, &disp, 4);
	}
	if (in->skip >= 0) {
		unsigned int to = i + 1 + (unsigned int)in->skip;
		u32 target = t->at[to < t->count ? to : t->count];
		u32 value = in->abs_at ? ip + target : target - next;
		memcpy(in->bytes + (in->abs_at ? in->abs_at : in->rel_at), &value, in->rel_size);
	}
	memcpy(t->code + t->at[i], in->bytes, in->len);
}

void case_layout(struct tcase *t)
{
	t->at[0] = 0;
	for (unsigned int i = 0; i < t->count; i++)
		t->at[i + 1] = (u16)(t->at[i] + t->insn[i].len);
	t->size = t->at[t->count];
	if (t->cut && t->count) /* only part of the last instruction is there */
		t->start = CODE_PAGES * PAGE - t->at[t->count - 1] -
			   (t->insn[t->count - 1].len + 1u) / 2;
	for (unsigned int i = 0; i < t->count; i++)
		fix_insn(t, i);
	if (t->cut && t->count)
		t->size = CODE_PAGES * PAGE - t->start;
	t->in.rip = t->mode == CODE16 ? t->start : CODE_BASE + t->start;
}

static void choose_start(struct gen *g)
{
	struct tcase *t = g->t;

	t->start = rnd_below(&g->rng, 0x700);
	if (once_in(&g->rng, 8))
		t->start = PAGE - rnd_below(&g->rng, t->at[t->count] + 4u);
	t->cut = once_in(&g->rng, 60);
}

static enum code_mode pick_mode(struct gen *g)
{
	static const u8 modes[8] = {CODE64, CODE64, CODE64, CODE64, CODE32, CODE32, CODE32, CODE16};

	return native_has_ldt() ? modes[rnd_below(&g->rng, 8)] : CODE64;
}

static const struct group *group_named(const char *name)
{
	for (unsigned int i = 0; i < truth_group_count; i++)
		if (!strcmp(truth_groups[i].name, name))
			return &truth_groups[i];
	return NULL;
}

void case_generate(struct tcase *t, u64 seed, const char *group)
{
	struct gen g = {.rng = {seed * UINT64_C(0x2545f4914f6cdd1d) + 1}, .t = t};
	u16 pointers = 1 << 4;

	t->seed = seed;
	t->count = 0;
	t->tolerance = EXACT;
	t->cut = false;
	t->start = 0;
	t->mode = pick_mode(&g);
	g.theme = group ? group_named(group) : NULL;
	g.only_theme = g.theme;
	if (g.theme && !(g.theme->modes >> t->mode & 1))
		t->mode = CODE32;
	if (!g.theme)
		g.theme = pick_group(&g, true);
	for (unsigned int i = 0; i < 16; i++)
		if (once_in(&g.rng,
			    i == 6 || i == 7 || i == 3 || i == 5 ? 1 + rnd_below(&g.rng, 2) : 3))
			pointers |= (u16)(1 << i);
	g.kept = (u16)(pointers & rnd(&g.rng) & rnd(&g.rng));
	state_random(&g.rng, &t->in, t->mode, g.theme->fp, pointers);
	if (once_in(&g.rng, 2)) /* a short count for strings and shifts */
		t->in.r[1] = rnd_below(&g.rng, 70);
	unsigned int want = 1 + rnd_below(&g.rng, SEQ_MAX);
	for (unsigned int i = 0; i < want; i++) {
		add_random(&g);
		if (t->insn[t->count - 1].row->form & LAST)
			break;
	}
	case_layout(t);
	choose_start(&g);
	case_layout(t);
}
