/*
 * The x86 decoder: prefixes, opcode, ModRM, and how a block begins and ends.
 *
 * What an opcode does is said by emit functions: emit_int.c for the integer instructions,
 * decode_sys.c and decode_fpu.c for theirs. Source: Intel SDM volume 2, chapter 2 and appendix A.
 */
#include "interp/x86/decode.h"

#include "interp/x86/emit_int.h"
#include "interp/x86/ops_int.h"
#include "interp/x86/ops_misc.h"

#define MAX_INSN_SIZE 15

/* --- bytes --- */

u8 insn_u8(struct x86_insn *i)
{
	return builder_byte(i->b, i->pos++);
}

u16 insn_u16(struct x86_insn *i)
{
	u16 low = insn_u8(i);
	return (u16)(low | insn_u8(i) << 8);
}

u32 insn_u32(struct x86_insn *i)
{
	u32 low = insn_u16(i);
	return low | (u32)insn_u16(i) << 16;
}

u64 insn_u64(struct x86_insn *i)
{
	u64 low = insn_u32(i);
	return low | (u64)insn_u32(i) << 32;
}

u64 insn_imm(struct x86_insn *i, unsigned int log2)
{
	switch (log2) {
	case 0: return (u64)(s8)insn_u8(i);
	case 1: return (u64)(s16)insn_u16(i);
	default: return (u64)(s32)insn_u32(i);
	}
}

/* Cuts a pc to the width of the code segment. */
static u64 pc_cut(const struct x86_insn *i, u64 pc)
{
	return i->mode & MODE_64 ? pc : (u32)pc;
}

u64 insn_next_pc(const struct x86_insn *i)
{
	return pc_cut(i, i->b->pc + i->pos);
}

u8 reg8(const struct x86_insn *i, unsigned int number)
{
	if (!i->rex && number >= 4 && number < 8)
		return (u8)(REG(number - 4) + 1);
	return REG(number);
}

/* --- emitting --- */

struct op *emit(struct x86_insn *i, handler_fn *fn)
{
	return builder_op(i->b, fn);
}

struct op_info *emit_info(struct x86_insn *i)
{
	return &i->b->info[i->b->op_count - 1];
}

/* Address of an operand without registers. */
static u64 absolute_address(const struct x86_insn *i)
{
	u64 address = i->absolute;

	if (i->rip_relative)
		address += insn_next_pc(i);
	return address & ea_mask(i->asize);
}

static void fill_mem(struct x86_insn *i, struct op *op)
{
	op->b = i->base;
	op->x = i->index;
	op->disp = i->disp;
	op->s = S_MAKE(i->scale, i->mem_seg, i->asize, i->mode & MODE_64);
}

/* The sg form keeps addresses that do not fit a displacement in a temporary. */
static void prepare_sg(struct x86_insn *i)
{
	if (!i->is_absolute)
		return;
	u64 address = absolute_address(i);
	if (address == (u64)(s64)(s32)address) {
		i->disp = (s32)address;
		return;
	}
	struct op *op = emit(i, x86_int64.mov_ri);
	op->a = REG_TMP1;
	op->imm = address;
	i->base = REG_TMP1;
	i->disp = 0;
}

struct op *emit_mem(struct x86_insn *i, handler_fn *const fns[KIND_COUNT])
{
	enum x86_ea_kind kind = fns[i->kind] ? i->kind : KIND_sg;

	if (kind == KIND_sg)
		prepare_sg(i);
	struct op *op = emit(i, fns[kind]);
	fill_mem(i, op);
	if (kind == KIND_abs)
		op->imm2 = absolute_address(i);
	i->b->accesses++;
	emit_info(i)->leaves = true;
	return op;
}

struct op *emit_mem_sg(struct x86_insn *i, handler_fn *fn)
{
	handler_fn *const fns[KIND_COUNT] = {[KIND_sg] = fn};
	return emit_mem(i, fns);
}

static struct op *emit_helper(struct x86_insn *i, handler_fn *fn, x86_helper *helper)
{
	if (i->is_mem)
		prepare_sg(i);
	struct op *op = emit(i, fn);
	if (i->is_mem)
		fill_mem(i, op);
	op->imm2 = (u64)(uintptr_t)helper;
	emit_info(i)->leaves = true;
	return op;
}

struct op *emit_call(struct x86_insn *i, x86_helper *fn)
{
	return emit_helper(i, x86_op_call_helper, fn);
}

struct op *emit_call_end(struct x86_insn *i, x86_helper *fn)
{
	struct op *op = emit_call(i, fn);
	struct op *leave = emit(i, x86_op_leave_at);

	leave->imm = insn_next_pc(i);
	i->end = true;
	return op;
}

struct op *emit_call_jump(struct x86_insn *i, x86_helper *fn)
{
	struct op *op = emit_helper(i, x86_op_call_helper_jump, fn);

	op->imm = insn_next_pc(i);
	i->end = true;
	return op;
}

static void emit_raise(struct x86_insn *i, enum x86_vector vector, bool has_error)
{
	struct op *op = emit(i, x86_op_raise);

	op->a = (u8)vector;
	op->b = has_error;
	emit_info(i)->leaves = true;
	i->end = true;
}

void emit_exception(struct x86_insn *i, enum x86_vector vector)
{
	emit_raise(i, vector,
		   vector == EXC_GP || vector == EXC_SS || vector == EXC_NP || vector == EXC_TS ||
			   vector == EXC_AC);
}

/* --- ModRM --- */

static void mem_default_seg(struct x86_insn *i, enum x86_seg_name seg)
{
	i->mem_seg = (u8)(i->seg >= 0 ? i->seg : (s8)seg);
	i->mem_ss = i->mem_seg == SS;
	if (i->mode & MODE_64 && i->mem_seg != FS && i->mem_seg != GS)
		i->mem_seg = SEG_FLAT;
}

static void modrm16(struct x86_insn *i, unsigned int mod, unsigned int rm)
{
	static const u8 bases[8] = {REG(RBX), REG(RBX), REG(RBP), REG(RBP),
				    REG(RSI), REG(RDI), REG(RBP), REG(RBX)};
	static const u8 indexes[8] = {REG(RSI), REG(RDI), REG(RSI), REG(RDI),
				      REG_ZERO, REG_ZERO, REG_ZERO, REG_ZERO};

	i->base = bases[rm];
	i->index = indexes[rm];
	if (mod == 0 && rm == 6) {
		i->base = REG_ZERO;
		i->disp = (s16)insn_u16(i);
		mem_default_seg(i, DS);
		return;
	}
	if (mod == 1)
		i->disp = (s8)insn_u8(i);
	else if (mod == 2)
		i->disp = (s16)insn_u16(i);
	mem_default_seg(i, i->base == REG(RBP) ? SS : DS);
}

static void sib(struct x86_insn *i, unsigned int mod)
{
	u8 byte = insn_u8(i);
	unsigned int base = (byte & 7) | (i->rex & 1) << 3;
	unsigned int index = (byte >> 3 & 7) | (i->rex & 2) << 2;

	i->scale = byte >> 6;
	i->index = index == 4 ? REG_ZERO : REG(index);
	if ((base & 7) == 5 && mod == 0) {
		i->base = REG_ZERO;
		i->disp = (s32)insn_u32(i);
		i->absolute = (u64)(s64)i->disp;
		i->is_absolute = i->index == REG_ZERO;
	} else {
		i->base = REG(base);
	}
}

static void modrm32(struct x86_insn *i, unsigned int mod, unsigned int rm)
{
	i->index = REG_ZERO;
	if (rm == 4) {
		sib(i, mod);
	} else if (rm == 5 && mod == 0) {
		i->base = REG_ZERO;
		i->absolute = (u64)(s64)(s32)insn_u32(i);
		i->disp = (s32)i->absolute;
		i->is_absolute = true;
		i->rip_relative = i->mode & MODE_64;
	} else {
		i->base = REG(rm | (i->rex & 1) << 3);
	}
	if (mod == 1)
		i->disp = (s8)insn_u8(i);
	else if (mod == 2)
		i->disp = (s32)insn_u32(i);
	mem_default_seg(i, i->base == REG(RSP) || i->base == REG(RBP) ? SS : DS);
}

/* Which form of handler reaches the operand: see ops.h. */
static enum x86_ea_kind mem_kind(const struct x86_insn *i)
{
	if (i->mode & MODE_64) {
		if (i->mem_seg != SEG_FLAT || i->asize != 3)
			return KIND_sg;
		return i->is_absolute ? KIND_abs : KIND_f64;
	}
	if (!(i->mode & MODE_FLAT) || i->asize != 2 || i->mem_seg == CS || i->mem_seg >= FS)
		return KIND_sg;
	return i->is_absolute ? KIND_abs : KIND_f32;
}

static void decode_modrm(struct x86_insn *i)
{
	i->modrm = insn_u8(i);
	unsigned int mod = i->modrm >> 6, rm = i->modrm & 7;
	i->reg = (u8)((i->modrm >> 3 & 7) | (i->rex & 4) << 1);
	i->rm = (u8)(rm | (i->rex & 1) << 3);
	if (mod == 3)
		return;
	i->is_mem = true;
	if (i->asize == 1)
		modrm16(i, mod, rm);
	else
		modrm32(i, mod, rm);
	i->kind = mem_kind(i);
}

void insn_set_moffs(struct x86_insn *i)
{
	i->is_mem = i->is_absolute = true;
	i->base = i->index = REG_ZERO;
	i->absolute = i->asize == 3 ? insn_u64(i) : i->asize == 2 ? insn_u32(i) : insn_u16(i);
	mem_default_seg(i, DS);
	i->kind = mem_kind(i);
}

/* --- prefixes --- */

static bool prefix(struct x86_insn *i, u8 byte)
{
	switch (byte) {
	case 0x26: i->seg = ES; return true;
	case 0x2e: i->seg = CS; return true;
	case 0x36: i->seg = SS; return true;
	case 0x3e: i->seg = DS; return true;
	case 0x64: i->seg = FS; return true;
	case 0x65: i->seg = GS; return true;
	case 0x66: i->opsize_prefix = true; return true;
	case 0x67: i->asize = 0xff; return true; /* resolved by set_sizes() */
	case 0xf0: i->lock = true; return true;
	case 0xf2:
	case 0xf3: i->rep = byte; return true;
	default: return false;
	}
}

static void set_sizes(struct x86_insn *i)
{
	bool other = i->asize == 0xff;

	if (i->mode & MODE_64) {
		i->asize = other ? 2 : 3;
		i->opsize = i->rex & 8 ? 3 : i->opsize_prefix ? 1 : 2;
		/* CS, DS, ES and SS overrides mean nothing. */
		if (i->seg >= 0 && i->seg != FS && i->seg != GS)
			i->seg = -1;
	} else {
		bool is32 = i->mode & MODE_CS32;
		i->asize = is32 != other ? 2 : 1;
		i->opsize = is32 != i->opsize_prefix ? 2 : 1;
	}
}

static void decode_prefixes(struct x86_insn *i)
{
	u8 byte = insn_u8(i);

	/* REX counts only where it is right before the opcode. */
	for (unsigned int n = 0; n < MAX_INSN_SIZE; n++) {
		if (i->mode & MODE_64 && (byte & 0xf0) == 0x40)
			i->rex = byte;
		else if (prefix(i, byte))
			i->rex = 0;
		else
			break;
		byte = insn_u8(i);
	}
	set_sizes(i);
	if (byte == 0x0f) {
		i->map = 1;
		byte = insn_u8(i);
		if (byte == 0x38 || byte == 0x3a) {
			i->map = byte == 0x38 ? 2 : 3;
			byte = insn_u8(i);
		}
	}
	i->opcode = byte;
}

/* --- instructions --- */

static x86_emit_fn *lookup(const struct x86_insn *i, unsigned int *encoding)
{
	x86_emit_fn *fn = x86_int_lookup(i, encoding);

	if (!fn)
		fn = x86_sys_lookup(i, encoding);
	if (!fn)
		fn = x86_fpu_lookup(i, encoding);
	return fn;
}

static void start_insn(struct x86_insn *i, struct x86_cpu *c, struct block_builder *b)
{
	*i = (struct x86_insn){.c = c, .b = b, .mode = b->mode, .pos = b->size, .seg = -1};
	i->base = i->index = REG_ZERO;
	b->insn_offset = b->size;
	if (b->op_count) {
		i->before = b->ops[b->op_count - 1];
		i->before_info = b->info[b->op_count - 1];
	}
}

/* Drops what the current instruction has emitted. */
static void unemit(struct x86_insn *i, unsigned int first_op)
{
	struct block_builder *b = i->b;

	b->op_count = first_op;
	if (first_op) {
		b->ops[first_op - 1] = i->before;
		b->info[first_op - 1] = i->before_info;
	}
	i->end = false;
}

/* Opcodes without a meaning that still have operands: the processor fetches them before #UD. */
static bool hole_has_modrm(const struct x86_insn *i)
{
	u8 op = i->opcode;

	if (i->map == 0)
		return op == 0x82;
	if (i->map != 1)
		return true;
	return (op >= 0x10 && op < 0x18) || (op >= 0x28 && op < 0x30) ||
	       (op >= 0x50 && op < 0x77) || (op >= 0x78 && op < 0x80) ||
	       (op >= 0xc2 && op < 0xc7) || op >= 0xd0;
}

static bool beyond_cs_limit(const struct x86_insn *i, u64 pc)
{
	return !(i->mode & (MODE_64 | MODE_FLAT)) &&
	       pc + (i->pos - i->b->insn_offset) - 1 > i->c->seg[CS].limit;
}

/* The missing bytes lie beyond the limit: that is what the processor finds first. */
static bool missing_beyond_cs_limit(const struct x86_insn *i)
{
	const struct block_builder *b = i->b;

	return b->insns == 0 && !(i->mode & (MODE_64 | MODE_FLAT)) &&
	       b->pc + b->avail + b->next_avail > i->c->seg[CS].limit;
}

/* Decodes one instruction and appends its ops; i->end says whether the block ends with it. */
static void decode_insn(struct x86_insn *i)
{
	unsigned int first_op = i->b->op_count, encoding = 0;
	u64 pc = i->b->pc + i->pos;

	if (i->mode & MODE_BP)
		emit_call(i, x86_check_breakpoint);
	if (i->mode & MODE_TF)
		emit_call(i, x86_arm_trap);
	decode_prefixes(i);
	x86_emit_fn *fn = lookup(i, &encoding);
	if (fn) {
		if (encoding & ENC_MODRM)
			decode_modrm(i);
		if (encoding & ENC_IMM8)
			i->imm = insn_u8(i);
		fn(i);
		/* Emit functions that accept LOCK clear it. */
		if (i->lock) {
			unemit(i, first_op);
			emit_ud(i);
		}
	} else {
		if (hole_has_modrm(i))
			decode_modrm(i);
		emit_ud(i);
	}
	if (i->pos - i->b->insn_offset > MAX_INSN_SIZE || beyond_cs_limit(i, pc)) {
		unemit(i, first_op);
		emit_exception(i, EXC_GP);
	}
}

/* --- which fault a non-canonical address is --- */

/* The bytes at the pc, as far as they can be fetched. */
static unsigned int insn_bytes(struct x86_cpu *c, u8 bytes[MAX_INSN_SIZE])
{
	u64 at = c->v.code_base + c->v.pc;
	unsigned int n;

	for (n = 0; n < MAX_INSN_SIZE; n++) {
		if (n && !((at + n) & ~GUEST_PAGE_MASK) &&
		    !c->v.isa->tlb_fill(&c->v, at + n, 1, ACCESS_EXEC, c->v.mmu_mode, true))
			break;
		bytes[n] = vcpu_fetch_byte(&c->v, at + n);
	}
	return n;
}

/* PUSH, POP, CALL, RET, ENTER, LEAVE and the like: they reach the stack by themselves. */
static bool reaches_stack(const struct x86_insn *i)
{
	unsigned int reg = i->modrm >> 3 & 7;

	if (i->map == 1)
		return (i->opcode & 0xf6) == 0xa0;
	switch (i->opcode) {
	case 0x68:
	case 0x6a:
	case 0x8f:
	case 0x9c:
	case 0x9d:
	case 0xe8: return true;
	case 0xff: return reg == 2 || reg == 3 || reg == 6;
	default:
		return i->map == 0 && ((i->opcode & 0xf0) == 0x50 || (i->opcode & 0xf6) == 0xc2 ||
				       (i->opcode & 0xfe) == 0xc8);
	}
}

bool x86_insn_wants_ss(struct x86_cpu *c, u64 va)
{
	struct block_builder *b = g_new0(struct block_builder, 1);
	u8 bytes[MAX_INSN_SIZE];
	unsigned int encoding = 0;
	struct x86_insn i;
	bool wants;

	vcpu_sync_pc(&c->v);
	b->avail = insn_bytes(c, bytes);
	b->code = bytes;
	b->pc = c->v.pc;
	b->mode = c->v.mode;
	start_insn(&i, c, b);
	decode_prefixes(&i);
	if (lookup(&i, &encoding) && encoding & ENC_MODRM)
		decode_modrm(&i);
	wants = i.mem_ss;
	/* With a memory operand too: it is the stack's address if it is near the stack pointer. */
	if (reaches_stack(&i))
		wants |= !i.is_mem || va - (c->r.r[RSP] - 16) < 32;
	g_free(b);
	return wants;
}

/* --- blocks --- */

/* True where a branch from this block to `pc` may be linked: both in one page. */
bool insn_linkable(const struct x86_insn *i, u64 pc)
{
	return ((i->b->base + pc) ^ (i->b->base + i->b->pc)) < GUEST_PAGE_SIZE;
}

static void finish_branches(struct block_builder *b)
{
	for (unsigned int n = 0; n < b->op_count; n++) {
		if (b->info[n].branch)
			b->ops[n].x = (u8)(b->insns - (b->where[n].insn + b->info[n].branch));
	}
}

void x86_decode(struct vcpu *v, struct block_builder *b)
{
	struct x86_cpu *c = (struct x86_cpu *)v;
	unsigned int max = b->mode & (MODE_TF | MODE_BP) ? 1 : b->max_insns;
	struct x86_insn i = {0};

	while (b->insns < max && b->op_count < BLOCK_MAX_OPS) {
		unsigned int first_op = b->op_count;
		start_insn(&i, c, b);
		decode_insn(&i);
		if (b->overrun) {
			unemit(&i, first_op);
			i.pos = b->size;
			if (!missing_beyond_cs_limit(&i))
				break;
			b->overrun = false;
			i.pos += b->avail;
			emit_exception(&i, EXC_GP);
		}
		b->insns++;
		b->size = i.pos;
		if (i.end || b->size >= b->avail || b->pc + b->size == b->end_pc)
			break;
	}
	if (!b->insns)
		return;
	if (!i.end) {
		struct op *op;
		b->insn_offset = b->size;
		op = emit(&i, x86_op_next_block);
		op->imm = insn_next_pc(&i);
		op->s = insn_linkable(&i, op->imm);
	}
	finish_branches(b);
	if (!i.end)
		b->info[b->op_count - 1].branch = 1;
	builder_drop_dead_flags(b, FLAGS_ARITH);
}
