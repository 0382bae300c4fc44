/*
 * A job becomes an LLVM function: the copies of its blocks' bodies, the edges between them, the
 * accounting of instructions, and the ways out.
 *
 * The function's variables for guest registers are filled from the processor at its entry and
 * stored back at each exit. An op that its body leaves to the interpreter ends a path, unless its
 * handler can be called: then registers go to memory, tier_run_one() runs that one op, and the path
 * goes on with registers from memory.
 */
#include "jit-llvm/jit.h"

#include "base/log.h"
#include "interp/stats.h"

#include <stddef.h>
#include <string.h>

/* For go_on_if(): of a way that is hardly ever taken. */
#define RARELY 2000

struct way_out {
	const struct op *op;
	LLVMBasicBlockRef block;
	uint8_t kind;
	bool temporaries; /* leaves in the middle of an instruction */
};

/* Where registers go to memory and come back, to be filled in when all that are used are known. */
struct exchange {
	LLVMBasicBlockRef store, load;
};

struct state {
	struct builder *b;
	const struct job *job;
	struct code_region *region;
	struct built *out;
	GArray *ways_out;	 /* struct way_out */
	GArray *exchanges;	 /* struct exchange */
	GHashTable *cut;	 /* ops of the cache that cannot be copied */
	struct label *bodies;	 /* by block: its first op */
	LLVMBasicBlockRef *gate; /* by block: where its instructions have been charged */
	struct label *ops;	 /* by op of the current block */
	unsigned int plain_fp;	 /* what bodies count on; the caller of the region checks it */
	unsigned int at, k;	 /* current block, op */
	unsigned int left_by;	 /* bit n: the current body left so */
};

static const struct job_block *current(struct state *s)
{
	return &s->job->blocks[s->at];
}

static const struct op *op_in_cache(struct state *s, unsigned int k)
{
	return &current(s)->block->ops[k];
}

/* --- ways out --- */

/* Ends the path here. */
static void leave_region(struct state *s, enum region_exit_kind kind, const struct op *op)
{
	bool temporaries = (kind == EXIT_INTERPRET || kind == EXIT_REST) &&
			   !starts_instruction(current(s)->where, s->k);

	if (kind != EXIT_LEAVE && kind != EXIT_RESUME)
		flush_pending(s->b, temporaries);

	for (unsigned int i = 0; i < s->ways_out->len; i++) {
		struct way_out *w = &g_array_index(s->ways_out, struct way_out, i);
		if (w->op == op && w->kind == kind) {
			w->temporaries |= temporaries;
			LLVMBuildBr(s->b->ir, w->block);
			return;
		}
	}
	struct way_out w = {op, new_block(s->b), (uint8_t)kind, temporaries};
	g_array_append_val(s->ways_out, w);
	LLVMBuildBr(s->b->ir, w.block);
}

static bool is_in_memory_only(struct builder *b, unsigned int i)
{
	return b->slots[i].offset == b->isa->zero_offset;
}

static void store_registers(struct builder *b, bool temporaries)
{
	if (b->write_through)
		return;
	for (unsigned int i = 0; i < b->slot_count; i++) {
		if (!b->dirty[i] || is_in_memory_only(b, i) ||
		    (b->slots[i].temporary && !temporaries))
			continue;
		LLVMValueRef v = LLVMBuildLoad2(b->ir, b->slot_type[i], slot_variable(b, i), "");
		LLVMBuildStore(b->ir, v, register_address(b, i));
	}
}

static void load_registers(struct builder *b)
{
	for (unsigned int i = 0; i < b->slot_count; i++) {
		if (!b->used[i] || is_in_memory_only(b, i))
			continue;
		LLVMValueRef v = LLVMBuildLoad2(b->ir, b->slot_type[i], register_address(b, i), "");
		LLVMBuildStore(b->ir, v, slot_variable(b, i));
	}
}

static LLVMValueRef call_fp(struct state *s, void *fn, LLVMTypeRef result)
{
	struct builder *b = s->b;
	LLVMTypeRef types[2] = {b->ptr, b->i32};
	/* (Values hold at the entry alone.) */
	LLVMValueRef args[2] = {b->vcpu, const_int(b->i32, s->plain_fp & FP_QUESTION_MASK)};
	LLVMTypeRef type = LLVMFunctionType(result, types, 2, false);

	return LLVMBuildCall2(b->ir, type, const_pointer(b, fn), args, 2, "");
}

static void fp_leave(struct state *s)
{
	if (s->plain_fp)
		call_fp(s, (void *)s->b->isa->fp_leave, LLVMVoidTypeInContext(s->b->context));
}

/* Goes on at a new block, or leaves in front of `op`. */
static void fp_enter(struct state *s, const struct op *op)
{
	struct builder *b = s->b;

	if (!s->plain_fp)
		return;
	LLVMBasicBlockRef yes = new_block(b), no = new_block(b);
	LLVMBuildCondBr(b->ir, call_fp(s, (void *)b->isa->fp_enter, b->i1), yes, no);
	position(b, no);
	leave_region(s, EXIT_REST, op);
	position(b, yes);
}

static void build_return(struct builder *b, LLVMValueRef exit, LLVMValueRef left)
{
	LLVMTypeRef type = LLVMGetReturnType(LLVMGlobalGetValueType(b->function));
	LLVMValueRef result = LLVMBuildInsertValue(b->ir, LLVMGetPoison(type), exit, 0, "");

	LLVMBuildRet(b->ir, LLVMBuildInsertValue(b->ir, result, left, 1, ""));
}

static void fill_way_out(struct state *s, unsigned int number, const struct way_out *w)
{
	struct builder *b = s->b;
	LLVMValueRef exit = const_int(b->i64, number);

	position(b, w->block);
	LLVMValueRef left = LLVMBuildLoad2(b->ir, b->i64, slot_variable(b, b->slot_count), "");
	if (w->kind != EXIT_LEAVE && w->kind != EXIT_RESUME) /* their handler has left it there */
		store_registers(b, w->temporaries);
	build_return(b, exit, left);
	s->out->exits[number] = (struct region_exit){.op = w->op, .kind = w->kind};
}

static void fill_exchange(struct builder *b, const struct exchange *x)
{
	LLVMPositionBuilderBefore(b->ir, LLVMGetBasicBlockTerminator(x->store));
	store_registers(b, true);
	LLVMPositionBuilderBefore(b->ir, LLVMGetBasicBlockTerminator(x->load));
	load_registers(b);
}

/* --- edges --- */

static LLVMValueRef budget_get(struct builder *b)
{
	return slot_get(b, b->slot_count);
}

static void budget_add(struct builder *b, int64_t n)
{
	LLVMValueRef sum = LLVMBuildAdd(b->ir, budget_get(b), const_int(b->i64, (uint64_t)n), "");

	if (n)
		slot_set(b, b->slot_count, sum);
}

/* Whether a block at `target` may be entered from the current one without asking the page tables:
 * as block_link() has it. */
static bool may_link(struct state *s, const struct job_block *target)
{
	const struct job_block *from = current(s);

	return target->single_page &&
	       ((from->base + from->pc) ^ (target->base + target->pc)) < GUEST_PAGE_SIZE;
}

/* The jump cache proves that a pc is mapped as it was. (In user mode blocks go with their pages.)
 */
static void check_jump_cache(struct state *s, const struct job_block *target,
			     LLVMBasicBlockRef rest)
{
	struct builder *b = s->b;

	if (s->job->direct)
		return;
	uint64_t index = (target->pc ^ (target->pc >> JUMP_CACHE_BITS)) & (JUMP_CACHE_SIZE - 1);
	LLVMValueRef at = const_int(b->i64, index * sizeof(struct jump_cache_entry));
	LLVMValueRef cache = load_host(b, b->ptr, vcpu_field(b, offsetof(struct vcpu, jump_cache)));
	LLVMValueRef generation =
		load_host(b, b->i64, vcpu_field(b, offsetof(struct vcpu, jump_generation)));
	LLVMValueRef entry = LLVMBuildGEP2(b->ir, b->i8, cache, &at, 1, "");
	LLVMValueRef key = load_host(b, b->i64, entry);
	LLVMValueRef wanted = LLVMBuildXor(b->ir, generation, const_int(b->i64, target->pc), "");

	go_on_if(b, LLVMBuildICmp(b->ir, LLVMIntEQ, key, wanted, ""), rest, RARELY);
	at = const_int(b->i64, offsetof(struct jump_cache_entry, block));
	LLVMValueRef block = load_host(b, b->i64, LLVMBuildGEP2(b->ir, b->i8, entry, &at, 1, ""));
	wanted = const_int(b->i64, (uintptr_t)target->block);
	go_on_if(b, LLVMBuildICmp(b->ir, LLVMIntEQ, block, wanted, ""), rest, RARELY);
}

/* Enters a block of the region: its instructions are charged. `gives_back`: what the current one
 * leaves behind. */
static void enter_block(struct state *s, unsigned int to, unsigned int gives_back)
{
	struct builder *b = s->b;

	flush_pending(b, false);

	budget_add(b, (int64_t)gives_back - s->job->blocks[to].insns);
	if (!s->gate[to])
		s->gate[to] = new_block(b);
	LLVMBuildBr(b->ir, s->gate[to]);
}

/* Goes on where there is budget left and nobody waits. */
static void go_on_if_undisturbed(struct builder *b, LLVMBasicBlockRef out)
{
	LLVMValueRef zero = const_int(b->i64, 0);

	go_on_if(b, LLVMBuildICmp(b->ir, LLVMIntSGE, budget_get(b), zero, ""), out, RARELY);
	LLVMValueRef request =
		load_host(b, b->i32, vcpu_field(b, offsetof(struct vcpu, cpu.exit_request)));
	LLVMSetVolatile(request, true); /* each time: nothing in the region changes it */
	go_on_if(b, LLVMBuildICmp(b->ir, LLVMIntEQ, request, const_int(b->i32, 0), ""), out,
		 RARELY);
}

static void fill_gate(struct state *s, unsigned int to)
{
	struct builder *b = s->b;
	const struct job_block *jb = &s->job->blocks[to];
	LLVMBasicBlockRef out = new_block(b);

	position(b, s->gate[to]);
	b->known = (struct known){{NULL}};
	go_on_if_undisturbed(b, out);
	LLVMBuildBr(b->ir, s->bodies[to].block);
	position(b, out);
	leave_region(s, EXIT_BUDGET, jb->block->ops);
}

/* Op k of the current block is where another one begins, which goes on. It may be longer than what
 * has been charged. */
static void join_block(struct state *s, unsigned int k)
{
	struct builder *b = s->b;
	const struct job_block *jb = current(s), *to = &s->job->blocks[jb->joins];
	int64_t more = to->insns - (int64_t)(jb->insns - jb->where[k].insn);
	LLVMBasicBlockRef out = NULL;

	flush_pending(b, false);
	budget_add(b, -more);
	if (more > 0) {
		out = new_block(b);
		go_on_if_undisturbed(b, out);
	}
	LLVMBuildBr(b->ir, s->bodies[jb->joins].block);
	if (out) {
		position(b, out);
		budget_add(b, more);
		leave_region(s, EXIT_REST, op_in_cache(s, k));
	}
}

/* --- how bodies leave --- */

/* The op's branch is taken. */
static void take_branch(struct state *s)
{
	struct builder *b = s->b;
	const struct op *op = b->op;
	int to = job_block_at(s->job, op->imm);
	struct known known = b->known;
	LLVMBasicBlockRef out = NULL;

	if (to < 0 || s->job->blocks[to].mode != current(s)->mode) {
		leave_region(s, EXIT_BRANCH, b->op_at);
		return;
	}
	if (!may_link(s, &s->job->blocks[to])) {
		out = new_block(b);
		check_jump_cache(s, &s->job->blocks[to], out);
	}
	enter_block(s, (unsigned int)to, op->x);
	if (out) {
		position(b, out);
		b->known = known;
		leave_region(s, EXIT_BRANCH, b->op_at);
	}
}

/* An indirect branch to b->pc: goes on within the region where that is a pc it is known to take. */
static void branch_to_pc(struct state *s)
{
	struct builder *b = s->b;
	LLVMBasicBlockRef out = new_block(b);
	LLVMValueRef pc = b->pc;
	struct known known = b->known;

	for (unsigned int i = 0; i < s->job->targets->len; i++) {
		const struct job_target *t = &g_array_index(s->job->targets, struct job_target, i);
		int to = t->op == b->op_at ? job_block_at(s->job, t->pc) : -1;
		if (to < 0)
			continue;
		const struct job_block *target = &s->job->blocks[to];
		LLVMBasicBlockRef yes = new_block(b), no = new_block(b);
		LLVMValueRef hit =
			LLVMBuildICmp(b->ir, LLVMIntEQ, pc, const_int(b->i64, t->pc), "");
		LLVMBuildCondBr(b->ir, hit, yes, no);
		position(b, yes);
		b->known = known;
		if (b->isa->jumps_change_mode) {
			LLVMValueRef mode =
				load_host(b, b->i32, vcpu_field(b, offsetof(struct vcpu, mode)));
			LLVMValueRef wanted = const_int(b->i32, target->mode);
			go_on_if(b, LLVMBuildICmp(b->ir, LLVMIntEQ, mode, wanted, ""), out, RARELY);
		}
		check_jump_cache(s, target, out);
		enter_block(s, (unsigned int)to, 0);
		position(b, no);
		b->known = known;
	}
	LLVMBuildBr(b->ir, out);
	position(b, out);
	LLVMBuildStore(b->ir, pc, vcpu_field(b, offsetof(struct vcpu, pc)));
	leave_region(s, EXIT_DONE, b->op_at);
}

static void go_to_op(struct state *s, unsigned int k)
{
	label_reach(s->b, &s->ops[k], false);
	LLVMBuildBr(s->b->ir, s->ops[k].block);
}

/* NULL: the job's blocks are no longer there. */
static const struct op *shadow_of_op(struct state *s)
{
	const struct job_block *jb = current(s);
	const struct op *shadow = NULL;

	code_cache_lock();
	if (code_cache_generation() == s->job->generation)
		shadow = block_shadow(jb->block, jb->ops, jb->where, s->k);
	code_cache_unlock();
	return shadow;
}

/* Runs the current op by its handler and goes on. */
static void call_handler(struct state *s)
{
	struct builder *b = s->b;
	const struct op *shadow = shadow_of_op(s);

	if (!shadow) { /* the cache has been emptied: all this is in vain */
		leave_region(s, EXIT_INTERPRET, b->op_at);
		return;
	}
	flush_pending(b, true);
	struct exchange x = {new_block(b), new_block(b)};
	LLVMBasicBlockRef call = new_block(b), resume = new_block(b), leave = new_block(b);
	LLVMTypeRef types[4] = {b->ptr, b->ptr, b->i64, b->ptr};
	LLVMTypeRef type = LLVMFunctionType(b->i32, types, 4, false);

	LLVMBuildBr(b->ir, x.store);
	position(b, x.store);
	LLVMBuildBr(b->ir, call);
	position(b, call);
	fp_leave(s);
	LLVMValueRef args[4] = {b->vcpu, const_pointer(b, shadow), budget_get(b),
				const_pointer(b, s->region)};
	LLVMValueRef how =
		LLVMBuildCall2(b->ir, type, const_pointer(b, (void *)tier_run_one), args, 4, "");
	LLVMValueRef sw = LLVMBuildSwitch(b->ir, how, resume, 2);
	LLVMAddCase(sw, const_int(b->i32, 1), x.load);
	LLVMAddCase(sw, const_int(b->i32, 0), leave);
	position(b, leave);
	leave_region(s, EXIT_LEAVE, NULL);
	position(b, resume);
	leave_region(s, EXIT_RESUME, NULL);
	position(b, x.load);
	LLVMValueRef budget = b->known.slot[b->slot_count];
	b->known = (struct known){{NULL}};
	b->known.slot[b->slot_count] = budget;
	s->k++;
	fp_enter(s, op_in_cache(s, s->k));
	s->k--;
	go_to_op(s, s->k + 1);
	g_array_append_val(s->exchanges, x);
	s->out->helper_ops++;
}

/* Whether the current op's handler may be called: it always goes on behind it, or leaves for good.
 */
static bool may_call_handler(struct state *s, const struct template *t)
{
	const unsigned int others = 1u << BODY_BRANCH | 1u << BODY_SKIP | 1u << BODY_DONE;

	return s->k + 1 < current(s)->op_count && t && !(t->ways & others) && !s->job->check;
}

static void leave_op(struct builder *b, enum body_exit how)
{
	struct state *s = b->state;

	s->left_by |= 1u << how;
	switch (how) {
	case BODY_NEXT: go_to_op(s, s->k + 1); break;
	case BODY_SKIP: go_to_op(s, s->k + 1 + b->op->x); break;
	case BODY_BRANCH: take_branch(s); break;
	case BODY_DONE: branch_to_pc(s); break;
	default: leave_region(s, EXIT_INTERPRET, b->op_at); break;
	}
}

/* The same for an op that is often left to the interpreter: its handler is called. */
static void leave_slow_op(struct builder *b, enum body_exit how)
{
	struct state *s = b->state;

	if (how == BODY_INTERPRET) {
		s->left_by |= 1u << how;
		call_handler(s);
	} else {
		leave_op(b, how);
	}
}

/* --- ops --- */

/* op_count_block, under -stats. */
static void count_block(struct state *s)
{
	struct builder *b = s->b;
	const struct {
		size_t offset;
		uint64_t n;
	} counters[] = {{offsetof(struct vcpu, stats.blocks_run), 1},
			{offsetof(struct vcpu, stats.accesses), b->op->imm}};

	for (unsigned int i = 0; i < G_N_ELEMENTS(counters); i++) {
		LLVMValueRef p = vcpu_field(b, counters[i].offset);
		LLVMValueRef n = LLVMBuildAdd(b->ir, LLVMBuildLoad2(b->ir, b->i64, p, ""),
					      const_int(b->i64, counters[i].n), "");
		LLVMBuildStore(b->ir, n, p);
	}
	go_to_op(s, s->k + 1);
}

/* False: the region must be built again without this op. */
static bool build_op(struct state *s)
{
	struct builder *b = s->b;
	const struct job_block *jb = current(s);

	b->op = &jb->ops[s->k];
	b->op_at = op_in_cache(s, s->k);
	s->left_by = 0;
	if (b->op->fn == op_count_block) {
		count_block(s);
		return true;
	}
	const struct template *t = bodies_find(b->bodies, b->isa, b->op->fn);
	bool callable = may_call_handler(s, t);
	if (!t || t->ways == 1u << BODY_INTERPRET || g_hash_table_contains(s->cut, b->op_at)) {
		if (callable)
			call_handler(s);
		else
			leave_op(b, BODY_INTERPRET);
		s->out->lost_ops += !callable;
		return true;
	}
	b->leave = callable && job_has_hint(s->job, b->op_at, EXIT_INTERPRET) ? leave_slow_op
									      : leave_op;
	if (emit_body(b, t))
		return true;
	log_printf(LOG_JIT, "jit: %s is not copied: %s\n", t->name, b->failure);
	g_hash_table_add(s->cut, (void *)b->op_at);
	return false;
}

static bool build_block(struct state *s, unsigned int at)
{
	struct builder *b = s->b;
	unsigned int count = s->job->blocks[at].used_ops;
	bool ok = true;

	s->at = at;
	s->ops = g_new0(struct label, s->job->blocks[at].op_count + 1);
	s->ops[0] = s->bodies[at];
	for (unsigned int k = 0; k < count && ok; k++) {
		if (!s->ops[k].block)
			continue; /* nothing leads here */
		s->k = k;
		position(b, s->ops[k].block);
		b->known = s->ops[k].known;
		if (starts_instruction(current(s)->where, k))
			drop_temporaries(b);
		ok = build_op(s);
	}
	for (unsigned int k = count; ok && k <= s->job->blocks[at].op_count; k++) {
		if (!s->ops[k].block)
			continue;
		s->k = k;
		position(b, s->ops[k].block);
		b->known = s->ops[k].known;
		if (k == count && current(s)->joins >= 0)
			join_block(s, k);
		else if (k < s->job->blocks[at].op_count)
			leave_region(s, EXIT_REST, op_in_cache(s, k));
		else /* no block ends so */
			LLVMBuildUnreachable(b->ir);
	}
	g_free(s->ops);
	return ok;
}

/* --- the function --- */

static LLVMValueRef alias_scopes(LLVMContextRef context)
{
	LLVMMetadataRef name = LLVMMDStringInContext2(context, "emulator", 8);
	LLVMMetadataRef domain = LLVMMDNodeInContext2(context, &name, 1);
	LLVMMetadataRef parts[2] = {LLVMMDStringInContext2(context, "guest", 5), domain};
	LLVMMetadataRef scope = LLVMMDNodeInContext2(context, parts, 2);

	return LLVMMetadataAsValue(context, LLVMMDNodeInContext2(context, &scope, 1));
}

static unsigned int metadata_kind(LLVMContextRef context, const char *name)
{
	return LLVMGetMDKindIDInContext(context, name, (unsigned int)strlen(name));
}

static void builder_start(struct builder *b, LLVMContextRef c)
{
	b->context = c;
	b->i1 = LLVMInt1TypeInContext(c);
	b->i8 = LLVMInt8TypeInContext(c);
	b->i32 = LLVMInt32TypeInContext(c);
	b->i64 = LLVMInt64TypeInContext(c);
	b->ptr = LLVMPointerTypeInContext(c, 0);
	b->v2i64 = LLVMVectorType(b->i64, 2);
	b->ir = LLVMCreateBuilderInContext(c);
	b->module = LLVMModuleCreateWithNameInContext("region", c);
	b->guest_scopes = alias_scopes(c);
	b->metadata_scope = metadata_kind(c, "alias.scope");
	b->metadata_noalias = metadata_kind(c, "noalias");
	b->metadata_prof = metadata_kind(c, "prof");
	LLVMSetModuleDataLayout(b->module, b->layout);
	LLVMTypeRef pair[2] = {b->i64, b->i64}, params[2] = {b->ptr, b->i64};
	LLVMTypeRef type =
		LLVMFunctionType(LLVMStructTypeInContext(c, pair, 2, false), params, 2, false);
	b->function = LLVMAddFunction(b->module, "region", type);
	LLVMAddAttributeAtIndex(
		b->function, LLVMAttributeFunctionIndex,
		LLVMCreateEnumAttribute(c, LLVMGetEnumAttributeKindForName("nounwind", 8), 0));
	b->vcpu = LLVMGetParam(b->function, 0);
	b->entry = new_block(b);
	make_slots(b);
}

/* Registers whose values the region counts on. */
static void set_known_slots(struct state *s)
{
	struct builder *b = s->b;
	uint64_t value;

	for (unsigned int i = 0; s->plain_fp & ~FP_QUESTION_MASK && i < b->slot_count; i++)
		if (b->used[i] && b->isa->fp_known(s->plain_fp, b->slots[i].offset, &value))
			LLVMBuildStore(b->ir, const_int(b->slot_type[i], value),
				       slot_variable(b, i));
}

/* The entry: variables (already there), registers, the first block. */
static void fill_entry(struct state *s)
{
	struct builder *b = s->b;

	position(b, b->entry);
	load_registers(b);
	set_known_slots(s);
	shared_pages_start(b);
	LLVMBuildStore(b->ir, LLVMGetParam(b->function, 1), slot_variable(b, b->slot_count));
	LLVMBuildBr(b->ir, s->bodies[0].block);
}

/* What of it the bodies ask for. */
static unsigned int needed_plain_fp(struct state *s)
{
	struct builder *b = s->b;
	unsigned int needed = 0;

	for (unsigned int i = 0; i < s->job->block_count && s->job->plain_fp; i++) {
		const struct job_block *jb = &s->job->blocks[i];
		for (unsigned int k = 0; k < jb->used_ops; k++) {
			const struct template *t = bodies_find(b->bodies, b->isa, jb->ops[k].fn);
			needed |= t ? t->plain_fp : 0;
		}
	}
	needed &= s->job->plain_fp;
	if (needed & b->isa->fp_valued)
		needed |= s->job->plain_fp & ~FP_QUESTION_MASK;
	return needed;
}

static bool build_all(struct state *s)
{
	struct builder *b = s->b;
	bool ok = true;

	for (unsigned int i = 0; i < s->job->block_count; i++)
		s->bodies[i].block = new_block(b);
	s->out->plain_fp = s->plain_fp = needed_plain_fp(s);
	for (unsigned int i = 0; i < s->job->block_count && ok; i++)
		ok = build_block(s, i);
	if (!ok)
		return false;
	for (unsigned int i = 0; i < s->job->block_count; i++)
		if (s->gate[i])
			fill_gate(s, i);
	for (unsigned int i = 0; i < s->exchanges->len; i++)
		fill_exchange(b, &g_array_index(s->exchanges, struct exchange, i));
	s->out->exit_count = s->ways_out->len;
	s->out->exits = g_new0(struct region_exit, s->ways_out->len);
	for (unsigned int i = 0; i < s->ways_out->len; i++)
		fill_way_out(s, i, &g_array_index(s->ways_out, struct way_out, i));
	fill_entry(s);
	s->out->module = b->module;
	return true;
}

/* It is not good enough. */
static void built_free(struct built *out)
{
	LLVMDisposeModule(out->module);
	g_free(out->exits);
}

/* One attempt. */
static bool build_once(struct builder *b, struct state *s)
{
	builder_start(b, b->context);
	s->b = b;
	b->state = s;
	s->ways_out = g_array_new(FALSE, FALSE, sizeof(struct way_out));
	s->exchanges = g_array_new(FALSE, FALSE, sizeof(struct exchange));
	s->bodies = g_new0(struct label, s->job->block_count);
	s->gate = g_new0(LLVMBasicBlockRef, s->job->block_count);
	bool ok = build_all(s);
	g_array_free(s->ways_out, TRUE);
	g_array_free(s->exchanges, TRUE);
	g_free(s->bodies);
	g_free(s->gate);
	LLVMDisposeBuilder(b->ir);
	if (!ok)
		LLVMDisposeModule(b->module);
	return ok;
}

/*
 * Where registers are stored at exits alone, a loop runs at its best; but code for exits, and the
 * time to compile it, grows with exits times registers. So that is for small regions, and for those
 * where it has turned out to be worth while. (In user mode accesses are no exits.)
 */
#define SMALL_INSNS 100

static bool is_quick(const struct job *job)
{
	return job->insns > SMALL_INSNS && !job->direct && !job->thorough;
}

bool build_region(struct bodies *bodies, LLVMContextRef context, LLVMTargetDataRef layout,
		  const struct job *job, struct code_region *region, struct built *out)
{
	GHashTable *cut = g_hash_table_new(g_direct_hash, g_direct_equal);
	struct slot_map map = {0};
	bool ok = false;

	slot_map_improve(&map, job->isa);
	for (unsigned int tries = 0; tries < 64 && !ok; tries++) {
		struct builder b = {.context = context,
				    .map = &map,
				    .layout = layout,
				    .bodies = bodies,
				    .write_through = job->exact || is_quick(job),
				    .fault_ops = g_ptr_array_new(),
				    .isa = job->isa,
				    .job = job};
		struct state s = {.job = job, .region = region, .out = out, .cut = cut};
		*out = (struct built){0};
		ok = build_once(&b, &s);
		out->fault_ops = b.fault_ops;
		if (ok && tries < 60 && slot_map_improve(&map, job->isa)) {
			built_free(out);
			ok = false;
		}
		if (!ok)
			g_ptr_array_free(b.fault_ops, TRUE);
	}
	g_hash_table_destroy(cut);
	out->quick = is_quick(job);
	return ok;
}
