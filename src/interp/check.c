/*
 * -accel check. A region is run first; what it stores is noted with what was there before. Then
 * memory and registers are put back, and the interpreter runs the same number of instructions. It
 * does so with an empty jump cache, in blocks of just so many instructions that are never linked,
 * and with a TLB that always misses, so that its stores are seen, too.
 *
 * Other processors and devices may write what both read: where the two differ, both are run again,
 * and only what differs every time counts.
 */
#include "interp/check.h"

#include "base/bytes.h"
#include "base/log.h"
#include "interp/disas.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A run is cut after so many instructions. */
#define MAX_INSNS 400
/* These many runs of a region are all checked, then one in SPARSE. */
#define ALL_RUNS 48
#define SPARSE	 61
#define TRIES	 4

struct store {
	uint8_t *host;
	uint64_t size;
	uint8_t before[16], region[16];
	bool seen; /* the interpreter wrote there, too */
};

/* What a processor computes with. */
struct snapshot {
	char *regs, *side;
};

struct check {
	GArray *stores; /* struct store, as the region made them */
	struct jump_cache_entry *empty;
	struct snapshot start, region; /* before, and after the region */
	/* What the interpreter stored and the region did not. */
	const uint8_t *stray;
	uint64_t stray_size;
};

static char *registers(struct vcpu *v)
{
	return (char *)v + v->isa->regs_offset;
}

static char *side_state(struct vcpu *v)
{
	return (char *)v + v->isa->side_offset;
}

static void snapshot_init(struct vcpu *v, struct snapshot *s)
{
	s->regs = g_malloc(v->isa->regs_size);
	s->side = g_malloc(v->isa->side_size);
}

static void snapshot_take(struct vcpu *v, struct snapshot *s)
{
	memcpy(s->regs, registers(v), v->isa->regs_size);
	memcpy(s->side, side_state(v), v->isa->side_size);
}

static void snapshot_free(struct snapshot *s)
{
	g_free(s->regs);
	g_free(s->side);
}

static struct check *check_get(struct vcpu *v)
{
	if (!v->check) {
		v->check = g_new0(struct check, 1);
		v->check->stores = g_array_new(FALSE, FALSE, sizeof(struct store));
		v->check->empty = g_new(struct jump_cache_entry, JUMP_CACHE_ENTRIES);
		snapshot_init(v, &v->check->start);
		snapshot_init(v, &v->check->region);
	}
	return v->check;
}

void check_free(struct check *c)
{
	if (!c)
		return;
	g_array_free(c->stores, TRUE);
	g_free(c->empty);
	snapshot_free(&c->start);
	snapshot_free(&c->region);
	g_free(c);
}

void check_store(struct vcpu *v, void *host, uint64_t size)
{
	struct store s = {.host = host, .size = size};

	g_assert(size <= sizeof(s.before));
	memcpy(s.before, host, size);
	if (v->check)
		g_array_append_val(v->check->stores, s);
}

void check_interpreted_store(struct vcpu *v, void *host, uint64_t size, uint64_t value)
{
	struct check *c = v->check;
	const uint8_t *p = host;
	uint64_t covered = 0;

	if (load_le(host, (unsigned int)size) == value)
		return; /* compiled code may do without a store that changes nothing */
	for (unsigned int i = 0; i < c->stores->len; i++) {
		struct store *s = &g_array_index(c->stores, struct store, i);
		if (p < s->host + s->size && s->host < p + size) {
			s->seen = true;
			covered += s->size;
		}
	}
	if (covered < size)
		c->stray = host, c->stray_size = size;
}

/* --- the two runs --- */

struct outcome {
	uint64_t pc;
	int64_t left; /* budget */
	bool within;  /* in front of an op that the interpreter runs: what it stored comes again */
	bool inside;  /* ... which is not the first of its instruction: others have run already */
};

/* Where the guest is when the region has left by an exit. */
static struct outcome outcome_of(struct vcpu *v, const struct region_exit *x, int64_t budget)
{
	switch (x->kind) {
	case EXIT_INTERPRET:
	case EXIT_REST: {
		const struct block *b = block_of_op(v, x->op);
		bool inside = !starts_instruction(b->op_where, (size_t)(x->op - b->ops));
		v->op = x->op;
		v->budget = budget;
		vcpu_sync_pc(v);
		return (struct outcome){v->pc, v->budget, true, inside};
	}
	case EXIT_BRANCH: return (struct outcome){x->op->imm, budget + x->op->x, false, false};
	case EXIT_BUDGET: {
		const struct block *b = block_of_first_op(x->op);
		return (struct outcome){b->pc, budget + b->insns, false, false};
	}
	default: return (struct outcome){v->pc, budget, false, false};
	}
}

static struct outcome run_region(struct vcpu *v, struct code_region *r, int64_t budget)
{
	g_array_set_size(v->check->stores, 0);
	v->check->stray = NULL;
	snapshot_take(v, &v->check->start);
	bool may_run = region_may_run(v, r); /* as before, but the host's flags may have changed */
	g_assert(may_run);
	struct region_result result = region_call(v, r, budget);
	struct region_exit *x = &r->exits[result.exit];
	struct outcome out = outcome_of(v, x, result.budget);

	x->count++;
	snapshot_take(v, &v->check->region);
	for (unsigned int i = 0; i < v->check->stores->len; i++) {
		struct store *s = &g_array_index(v->check->stores, struct store, i);
		memcpy(s->region, s->host, s->size);
	}
	return out;
}

static void put_back(struct vcpu *v, struct code_region *r, uint32_t mode)
{
	for (unsigned int i = v->check->stores->len; i-- > 0;) {
		struct store *s = &g_array_index(v->check->stores, struct store, i);
		memcpy(s->host, s->before, s->size);
	}
	memcpy(registers(v), v->check->start.regs, v->isa->regs_size);
	memcpy(side_state(v), v->check->start.side, v->isa->side_size);
	v->mode = mode;
	v->pc = r->entry->pc;
	v->op = NULL;
}

/* Runs so many instructions from v->pc; v->budget is charged. */
static void interpret(struct vcpu *v, int64_t count)
{
	while (count > 0) {
		int64_t before = v->budget;
		v->insn_limit = (unsigned int)MIN(count, BLOCK_MAX_INSNS);
		struct block *b = block_lookup(v);
		b->ops[0].fn(v, b->ops, v->budget - b->insns);
		v->op = NULL;
		if (v->budget == before)
			break; /* it was asked to leave */
		count -= before - v->budget;
	}
	v->insn_limit = 0;
}

/* The same with everything seen. What sigsetjmp() returned: 0, or why it escaped. */
static int interpret_watched(struct vcpu *v, int64_t count)
{
	struct jump_cache_entry *jump_cache = v->jump_cache;
	sigjmp_buf outer;

	memcpy(&outer, &v->escape, sizeof(outer));
	v->jump_cache = v->check->empty;
	vcpu_jump_cache_clear(v);
	vcpu_set_checking(v, true);
	int why = sigsetjmp(v->escape, 0);
	if (!why)
		interpret(v, count);
	vcpu_set_checking(v, false);
	v->insn_limit = 0;
	v->jump_cache = jump_cache;
	memset(v->jump_pages, 0xff,
	       sizeof(v->jump_pages)); /* those of the other cache were noted */
	memcpy(&v->escape, &outer, sizeof(outer));
	return why;
}

/* --- comparison --- */

static void report_stray(const struct check *c, FILE *out)
{
	fprintf(out, "the interpreter stored %" PRIu64 " bytes at %p, the region at", c->stray_size,
		(const void *)c->stray);
	for (unsigned int i = 0; i < c->stores->len; i++) {
		const struct store *s = &g_array_index(c->stores, struct store, i);
		fprintf(out, " %p+%" PRIu64, (const void *)s->host, s->size);
	}
	fputc('\n', out);
}

static bool same_stores(struct vcpu *v, const struct outcome *region, FILE *out)
{
	unsigned int count = v->check->stores->len;
	bool same = true;

	/* Those of an instruction that the interpreter has not begun. */
	while (region->within && count > 0 &&
	       !g_array_index(v->check->stores, struct store, count - 1).seen)
		count--;
	for (unsigned int i = 0; i < count && same; i++) {
		const struct store *s = &g_array_index(v->check->stores, struct store, i);
		if (memcmp(s->host, s->region, s->size) == 0)
			continue;
		same = false;
		if (out)
			fprintf(out, "store %u of %" PRIu64 " bytes differs\n", i, s->size);
	}
	if (v->check->stray) {
		same = false;
		if (out)
			report_stray(v->check, out);
	}
	return same;
}

static bool same_side(struct vcpu *v, FILE *out)
{
	size_t at = 0;

	while (at < v->isa->side_size && side_state(v)[at] == v->check->region.side[at])
		at++;
	if (at == v->isa->side_size)
		return true;
	if (out)
		fprintf(out,
			"state outside the registers differs, from byte %zu of the processor\n",
			at + v->isa->side_offset);
	return false;
}

static bool same_outcome(struct vcpu *v, const struct outcome *region, FILE *out)
{
	bool same = v->pc == region->pc && v->budget == region->left;

	if (!same && out)
		fprintf(out,
			"pc %016" PRIx64 " budget %" PRId64 ", region pc %016" PRIx64
			" budget %" PRId64 "\n",
			v->pc, v->budget, region->pc, region->left);
	same &= same_side(v, out);
	return v->isa->same_regs(registers(v), v->check->region.regs, out) &&
	       same_stores(v, region, out) && same;
}

static NORETURN void report(struct vcpu *v, struct code_region *r, const struct outcome *region,
			    int64_t count)
{
	FILE *out = stderr;

	fprintf(out,
		"%s: -accel check: region at pc %016" PRIx64
		" and the interpreter differ (interpreter first):\n",
		program_name(), r->entry->pc);
	same_outcome(v, region, out);
	fprintf(out, "%" PRId64 " instructions, to pc %016" PRIx64 "\n", count, region->pc);
	for (unsigned int i = 0; i < r->block_count; i++) {
		const struct block *b = r->blocks[i];
		fprintf(out, "block %u, %u instructions\n", i, b->insns);
		uint8_t code[2048];
		unsigned int size = MIN(b->size, (unsigned int)sizeof(code));
		if (cpu_read_virtual(&v->cpu, b->base + b->pc, code, size))
			disas_bytes(v, out, code, size, b->base + b->pc);
	}
	fflush(NULL);
	_exit(1);
}

bool check_region(struct vcpu *v, struct code_region *r, int64_t budget)
{
	uint32_t mode = v->mode;
	struct outcome region;
	int64_t given = MIN(budget, MAX_INSNS), rest = budget - given, count = 0;
	bool same = false;

	if (r->runs > ALL_RUNS && r->runs % SPARSE)
		return true;
	check_get(v);
	for (unsigned int tries = 0; tries < TRIES && !same; tries++) {
		region = run_region(v, r, given);
		region.left += rest;
		put_back(v, r, mode);
		v->budget = budget + r->entry->insns;
		count = v->budget - region.left;
		int why = interpret_watched(v, MAX(count, 1));
		if (why && count == 0)
			siglongjmp(v->escape, why);
		/* What the first ops of an instruction changed cannot be compared. */
		same = count == 0 || region.inside || (!why && same_outcome(v, &region, NULL));
		if (!same && tries + 1 == TRIES)
			report(v, r, &region, count);
		if (!same)
			put_back(v, r, mode);
	}
	return false;
}
