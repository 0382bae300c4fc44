/*
 * Flat views: the tree of regions, drawn onto one line of addresses.
 *
 * Regions are visited in the order in which they win, and each fills only the gaps that are left.
 * A view is built aside and published with one release store; vCPUs may still be reading the old
 * one, so it is retired and freed at the next quiesce point.
 */
#include "vm/memory-internal.h"

#include "base/loop.h"
#include "vm/cpu.h"

#include <glib.h>

/* Aliases that show themselves would recurse for ever. */
#define MAX_DEPTH 64
/* Retired views that are worth a quiesce point of their own: a guest that switches SMRAM or VGA
 * banks makes a view of a few KiB each time. */
#define RECLAIM_BYTES (4 << 20)

struct space_listener {
	space_changed_fn *fn;
	void *opaque;
	struct space_listener *next;
};

static struct {
	struct address_space *first;
	unsigned int batch;
	bool pending, force;
	GPtrArray *retired;
	size_t retired_bytes;
	bool reclaim_posted;
} spaces;

/* Addresses while drawing: an alias may begin below zero or end above 2^64. */
typedef __int128 wide;

struct clip {
	wide start, last;
};

static wide region_last(const struct region *r)
{
	return r->size == UINT64_MAX ? (wide)UINT64_MAX : (wide)r->size - 1;
}

static void range_insert(GArray *view, unsigned int at, struct region *r, wide base, wide start,
			 wide last, bool dropped)
{
	struct flat_range range = {
		.start = (uint64_t)start,
		.last = (uint64_t)last,
		.region = r,
		.offset = (uint64_t)(start - base),
		.readonly = dropped || r->kind == REGION_ROM,
		.dropped = dropped,
	};
	g_array_insert_val(view, at, range);
}

/* Draws a leaf into what is still free of [clip.start, clip.last]. */
static void fill_gaps(GArray *view, struct region *r, wide base, struct clip clip, bool dropped)
{
	wide start = clip.start;
	unsigned int i = 0;

	for (; i < view->len && start <= clip.last; i++) {
		struct flat_range *taken = &g_array_index(view, struct flat_range, i);
		wide taken_start = taken->start, taken_last = taken->last;
		if (taken_last < start)
			continue;
		if (taken_start > clip.last)
			break;
		if (taken_start > start)
			range_insert(view, i++, r, base, start, taken_start - 1, dropped);
		start = taken_last + 1;
	}
	if (start <= clip.last)
		range_insert(view, i, r, base, start, clip.last, dropped);
}

/* Draws `r`, whose byte 0 is at `base`, as far as it is inside the clip. */
static void draw(GArray *view, struct region *r, wide base, struct clip clip, bool dropped,
		 unsigned int depth)
{
	if (!r->enabled || r->size == 0)
		return;
	g_assert(depth < MAX_DEPTH);
	clip.start = MAX(clip.start, base);
	clip.last = MIN(clip.last, base + region_last(r));
	if (clip.start > clip.last)
		return;
	dropped |= r->readonly;
	for (struct region *child = r->children; child; child = child->sibling)
		draw(view, child, base + child->addr, clip, dropped, depth + 1);
	if (r->kind == REGION_ALIAS)
		draw(view, r->target, base - r->target_offset, clip, dropped, depth + 1);
	else if (r->kind != REGION_CONTAINER)
		fill_gaps(view, r, base, clip, dropped);
}

/* The region goes on where the range before it stopped. */
static bool continues(const struct flat_range *a, const struct flat_range *b)
{
	return a->region == b->region && a->last + 1 == b->start && a->dropped == b->dropped &&
	       b->offset - a->offset == b->start - a->start;
}

static struct flat_view *view_pack(GArray *drawn)
{
	struct flat_view *view =
		g_malloc(sizeof(*view) + (drawn->len + 1) * sizeof(struct flat_range));

	view->count = view->last = 0;
	for (unsigned int i = 0; i < drawn->len; i++) {
		const struct flat_range *range = &g_array_index(drawn, struct flat_range, i);
		struct flat_range *end = &view->ranges[view->count];
		if (view->count && continues(end - 1, range)) {
			end[-1].last = range->last;
			continue;
		}
		*end = *range;
		view->count++;
	}
	return view;
}

static struct flat_view *view_build(struct region *root)
{
	GArray *drawn = g_array_new(false, false, sizeof(struct flat_range));
	struct clip all = {0, UINT64_MAX};

	draw(drawn, root, 0, all, false, 0);
	struct flat_view *view = view_pack(drawn);
	g_array_free(drawn, true);
	return view;
}

static bool range_equal(const struct flat_range *a, const struct flat_range *b)
{
	return a->start == b->start && a->last == b->last && a->region == b->region &&
	       a->offset == b->offset && a->readonly == b->readonly && a->dropped == b->dropped;
}

static bool view_equal(const struct flat_view *a, const struct flat_view *b)
{
	if (!a || a->count != b->count)
		return false;
	for (unsigned int i = 0; i < a->count; i++)
		if (!range_equal(&a->ranges[i], &b->ranges[i]))
			return false;
	return true;
}

static void reclaim_now(void *opaque)
{
	spaces.reclaim_posted = false;
	machine_quiesce();
	machine_resume();
}

static void view_retire(struct flat_view *view)
{
	if (!view)
		return;
	if (!spaces.retired)
		spaces.retired = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(spaces.retired, view);
	spaces.retired_bytes += sizeof(*view) + view->count * sizeof(struct flat_range);
	if (spaces.retired_bytes > RECLAIM_BYTES && !spaces.reclaim_posted) {
		spaces.reclaim_posted = true;
		loop_post(reclaim_now, NULL);
	}
}

void address_spaces_reclaim(void)
{
	if (spaces.retired)
		g_ptr_array_set_size(spaces.retired, 0);
	spaces.retired_bytes = 0;
}

/* Returns whether listeners have to know. */
static bool space_rebuild(struct address_space *as, bool force)
{
	struct flat_view *view = view_build(as->root);

	if (view_equal(as->view, view)) {
		g_free(view);
		return force;
	}
	struct flat_view *old = as->view;
	__atomic_store_n(&as->view, view, __ATOMIC_RELEASE);
	view_retire(old);
	return true;
}

static void space_notify(struct address_space *as)
{
	for (struct space_listener *l = as->listeners, *next; l; l = next) {
		next = l->next;
		l->fn(l->opaque);
	}
}

void address_spaces_changed(bool force)
{
	spaces.force |= force;
	if (spaces.batch) {
		spaces.pending = true;
		return;
	}
	force = spaces.force;
	spaces.force = spaces.pending = false;
	for (struct address_space *as = spaces.first; as; as = as->next)
		if (space_rebuild(as, force))
			space_notify(as);
}

void region_batch_begin(void)
{
	spaces.batch++;
}

void region_batch_end(void)
{
	g_assert(spaces.batch);
	if (--spaces.batch == 0 && spaces.pending)
		address_spaces_changed(false);
}

void address_space_init(struct address_space *as, const char *name, struct region *root)
{
	*as = (struct address_space){.name = name, .root = root, .unassigned = 0xff};
	if (!root->space)
		root->space = as;
	as->next = spaces.first;
	spaces.first = as;
	space_rebuild(as, false);
}

void address_space_destroy(struct address_space *as)
{
	struct address_space **at = &spaces.first;

	while (*at && *at != as)
		at = &(*at)->next;
	if (*at)
		*at = as->next;
	if (as->root->space == as)
		as->root->space = NULL;
	while (as->listeners)
		address_space_unlisten(as, as->listeners->fn, as->listeners->opaque);
	view_retire(as->view);
	as->view = NULL;
}

void address_space_listen(struct address_space *as, space_changed_fn *fn, void *opaque)
{
	struct space_listener *l = g_new(struct space_listener, 1);

	*l = (struct space_listener){fn, opaque, as->listeners};
	as->listeners = l;
}

void address_space_unlisten(struct address_space *as, space_changed_fn *fn, void *opaque)
{
	for (struct space_listener **at = &as->listeners; *at; at = &(*at)->next) {
		struct space_listener *l = *at;
		if (l->fn == fn && l->opaque == opaque) {
			*at = l->next;
			g_free(l);
			return;
		}
	}
}

/* The first range that ends at or after addr; view->count if there is none. */
static unsigned int view_search(const struct flat_view *view, uint64_t addr)
{
	unsigned int low = 0, high = view->count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;
		if (view->ranges[middle].last < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool range_has(const struct flat_range *range, uint64_t addr)
{
	return addr - range->start <= range->last - range->start;
}

const struct flat_range *address_space_find(const struct address_space *as, uint64_t addr)
{
	struct flat_view *view = __atomic_load_n(&as->view, __ATOMIC_ACQUIRE);
	/* Guests poll: mostly it is the same range again. */
	unsigned int last = __atomic_load_n(&view->last, __ATOMIC_RELAXED);

	if (last < view->count && range_has(&view->ranges[last], addr))
		return &view->ranges[last];
	unsigned int i = view_search(view, addr);
	if (i == view->count || view->ranges[i].start > addr)
		return NULL;
	__atomic_store_n(&view->last, i, __ATOMIC_RELAXED);
	return &view->ranges[i];
}
