/*
 * Where guest memory is on the host: the TLB's probe in line, shared by accesses of one page.
 *
 * Accesses by the same base register mostly stay in a page. Its number and the way from the guest's
 * to the host's address are kept in variables of the region, a pair for each base register, apart
 * for reads and writes; where the pair fits, four instructions do.
 *
 *  - Reads keep their pair while the region runs, as only the vCPU itself changes its TLB for
 *    reads, outside of regions (tier_run_one() leaves them where an instruction flushes it). Before
 * the first probe the pair is that of a page that can surely be read, the one that the region's
 * code is in (or of one that no access has).
 *  - Writes keep theirs likewise on a machine of one processor. Where there are others they keep it
 *    up to the next entry of a block: another vCPU may find code in the page, and then wants to be
 *    told of stores. Of no page is it known that it may be written, so here a pair may be none, and
 *    serves aligned accesses alone.
 */
#include "jit-llvm/emit.h"

#include <stddef.h>
#include <string.h>

/* --- pairs --- */

/* Slot of the register that holds a value; -1: none. */
static int slot_that_holds(struct builder *b, LLVMValueRef v)
{
	for (unsigned int s = 0; s < b->slot_count; s++)
		if (b->known.slot[s] == v)
			return (int)s;
	return -1;
}

/* Slot of the register that an address is made of; of two that are added, the first. */
static int base_slot(struct builder *b, LLVMValueRef va, unsigned int depth)
{
	int s = slot_that_holds(b, va);

	if (s >= 0 || depth == 0 || !LLVMIsAInstruction(va))
		return s;
	switch (LLVMGetInstructionOpcode(va)) {
	case LLVMAdd:
	case LLVMAnd:
		s = base_slot(b, LLVMGetOperand(va, 0), depth - 1);
		return s >= 0 ? s : base_slot(b, LLVMGetOperand(va, 1), depth - 1);
	case LLVMSub:
	case LLVMShl:
	case LLVMZExt:
	case LLVMTrunc: return base_slot(b, LLVMGetOperand(va, 0), depth - 1);
	default: return -1;
	}
}

/* The pair for an address; -1: it has none. */
static int pair_for(struct builder *b, LLVMValueRef va, bool write)
{
	int slot = base_slot(b, va, 4);

	if (slot < 0)
		return -1;
	for (unsigned int i = 0; i < b->page_count; i++)
		if (b->pages[i].slot == (unsigned int)slot && b->pages[i].write == write)
			return (int)i;
	if (b->page_count == SHARED_PAGES)
		return -1;
	b->pages[b->page_count] = (struct shared_page){
		.slot = (unsigned int)slot,
		.write = write,
		.page = entry_variable(b, b->i64),
		.addend = entry_variable(b, b->i64),
	};
	return (int)b->page_count++;
}

/* In a pair for writes: no page. (A bit that is of neither a page nor the alignment of an access.)
 */
#define NO_PAIR 0x800

static bool outlives_blocks(struct builder *b, const struct shared_page *p)
{
	return p->write ? b->job->only_vcpu : b->job->first_page != 0;
}

void shared_pages_start(struct builder *b)
{
	for (unsigned int i = 0; i < b->page_count; i++) {
		const struct shared_page *p = &b->pages[i];
		if (!outlives_blocks(b, p))
			continue;
		uint64_t page = p->write ? NO_PAIR : b->job->first_page;
		uint64_t addend = p->write ? 0 : b->job->first_addend;
		LLVMBuildStore(b->ir, const_int(b->i64, page), p->page);
		LLVMBuildStore(b->ir, const_int(b->i64, addend), p->addend);
	}
}

/* --- the probe --- */

/* Goes on where the whole access is in the pair's page, else to `miss`. */
static void try_pair(struct builder *b, const struct shared_page *p, LLVMValueRef va, uint64_t size,
		     LLVMBasicBlockRef miss)
{
	LLVMValueRef page = LLVMBuildLoad2(b->ir, b->i64, p->page, ""), fits;

	if (p->write) {
		LLVMValueRef mask = const_int(b->i64, GUEST_PAGE_MASK | (size - 1));
		fits = LLVMBuildICmp(b->ir, LLVMIntEQ, LLVMBuildAnd(b->ir, va, mask, ""), page, "");
	} else {
		LLVMValueRef last = const_int(b->i64, GUEST_PAGE_SIZE - size);
		fits = LLVMBuildICmp(b->ir, LLVMIntULE, LLVMBuildSub(b->ir, va, page, ""), last,
				     "");
	}
	go_on_if(b, fits, miss, 16);
}

/* The TLB's entry (interp/vcpu.h: tlb_slot(), tlb_tag()): its addend, and the page. Goes on where
 * it fits, else to `slow`. */
static LLVMValueRef ask_tlb(struct builder *b, LLVMValueRef va, uint64_t size, bool write,
			    LLVMBasicBlockRef slow, LLVMValueRef *page)
{
	size_t tag_at =
		write ? offsetof(struct tlb_entry, write) : offsetof(struct tlb_entry, read);
	LLVMValueRef mask = load_host(b, b->i64, vcpu_field(b, offsetof(struct vcpu, tlb.mask)));
	LLVMValueRef entries =
		load_host(b, b->ptr, vcpu_field(b, offsetof(struct vcpu, tlb.entries)));
	LLVMValueRef index = LLVMBuildLShr(b->ir, va, const_int(b->i64, GUEST_PAGE_BITS - 5), "");

	_Static_assert(sizeof(struct tlb_entry) == 1 << 5, "index");
	index = LLVMBuildAnd(b->ir, index, mask, "");
	LLVMValueRef entry = LLVMBuildGEP2(b->ir, b->i8, entries, &index, 1, "");
	LLVMValueRef tag = load_host(b, b->i64, offset_pointer(b, entry, (int64_t)tag_at));
	LLVMValueRef end = LLVMBuildAdd(b->ir, va, const_int(b->i64, size - 1), "");
	*page = LLVMBuildAnd(b->ir, end, const_int(b->i64, GUEST_PAGE_MASK), "");
	go_on_if(b, LLVMBuildICmp(b->ir, LLVMIntEQ, tag, *page, ""), slow, 2000);
	return load_host(b, b->i64, offset_pointer(b, entry, offsetof(struct tlb_entry, addend)));
}

void emit_probe(struct builder *b, LLVMValueRef va, uint64_t size, bool write,
		LLVMBasicBlockRef slow)
{
	int i = pair_for(b, va, write);
	const struct shared_page *p = i < 0 ? NULL : &b->pages[i];
	bool filled = p && (b->known.pages >> i & 1 || outlives_blocks(b, p));
	LLVMBasicBlockRef join = filled ? new_block(b) : NULL;
	LLVMValueRef page, addend;

	if (filled) {
		LLVMBasicBlockRef miss = new_block(b);
		try_pair(b, p, va, size, miss);
		LLVMBuildBr(b->ir, join);
		position(b, miss);
	}
	addend = ask_tlb(b, va, size, write, slow, &page);
	if (p) {
		LLVMBuildStore(b->ir, page, p->page);
		LLVMBuildStore(b->ir, addend, p->addend);
		b->known.pages |= 1u << i;
	}
	if (filled) {
		LLVMBuildBr(b->ir, join);
		position(b, join);
		addend = LLVMBuildLoad2(b->ir, b->i64, p->addend, "");
	}
	b->probed = LLVMBuildIntToPtr(b->ir, LLVMBuildAdd(b->ir, addend, va, ""), b->ptr, "");
}
