/* Recording what runs behind a hot block: record.h. */
#include "interp/record.h"

#include "interp/tier.h"

/* Below every budget, far from what an int64_t cannot hold. */
#define RECORD_SHIFT (INT64_C(1) << 61)

bool record_start(struct vcpu *v, struct job *job)
{
	if (v->recording || v->debugging)
		return false;
	if (!v->record)
		v->record = g_new(struct block_record, 1);
	v->record->job = job;
	v->record->generation = code_cache_generation();
	v->record->count = 0;
	v->recording = true;
	return true;
}

static void finish(struct vcpu *v)
{
	struct job *job = v->record->job;

	v->recording = false;
	v->record->job = NULL;
	tier_recorded(v, job, v->record);
}

void record_block(struct vcpu *v, struct block *b)
{
	struct block_record *r = v->record;

	r->blocks[r->count++] = b;
	if (r->count == RECORD_BLOCKS)
		finish(v);
	handler_fn *fn = entry_of(b);
	if (fn == op_run_region || fn == op_profile)
		fn = b->entry_fn;
	v->record_shift = RECORD_SHIFT;
	v->budget_start -= RECORD_SHIFT;
	fn(v, b->ops, v->budget - RECORD_SHIFT - b->insns);
	record_settle(v);
}

void record_free(struct vcpu *v)
{
	if (v->recording)
		tier_recorded(v, v->record->job, NULL);
	g_free(v->record);
}
