/*
 * The tree of regions: making, placing and changing them. Every change ends in
 * address_spaces_changed(), which rebuilds the flat views (flatview.c).
 */
#include "vm/memory-internal.h"

#include "vm/cpu.h"

#include <glib.h>

static void region_base(struct region *r, const char *name, enum region_kind kind, uint64_t size)
{
	*r = (struct region){.name = name, .kind = kind, .enabled = true, .size = size};
}

void region_init(struct region *r, const char *name, uint64_t size)
{
	region_base(r, name, REGION_CONTAINER, size);
}

void region_init_io(struct region *r, const char *name, uint64_t size, const struct region_ops *ops,
		    void *opaque)
{
	region_base(r, name, REGION_IO, size);
	r->ops = ops;
	r->opaque = opaque;
}

struct error *region_init_ram(struct region *r, const char *name, uint64_t size)
{
	region_base(r, name, REGION_RAM, size);
	return ram_new(name, size, &r->ram);
}

struct error *region_init_ram_host(struct region *r, const char *name, void *host, uint64_t size)
{
	region_base(r, name, REGION_RAM, size);
	return ram_new_host(name, host, size, &r->ram);
}

struct error *region_init_rom(struct region *r, const char *name, uint64_t size,
			      const struct region_ops *ops, void *opaque)
{
	region_base(r, name, REGION_ROM, size);
	r->ops = ops;
	r->opaque = opaque;
	return ram_new(name, size, &r->ram);
}

void region_init_alias(struct region *r, const char *name, struct region *target, uint64_t offset,
		       uint64_t size)
{
	region_base(r, name, REGION_ALIAS, size);
	r->target = target;
	r->target_offset = offset;
}

void region_destroy(struct region *r)
{
	region_batch_begin();
	region_remove(r);
	while (r->children)
		region_remove(r->children);
	region_batch_end();
	if (r->ram) {
		/* A vCPU may still be storing through its TLB. */
		machine_quiesce();
		ram_free(r->ram);
		machine_resume();
		r->ram = NULL;
	}
}

/* Children are kept in the order in which they win: higher priority first, then later added. */
static void children_insert(struct region *parent, struct region *child)
{
	struct region **at = &parent->children;

	while (*at && ((*at)->priority > child->priority ||
		       ((*at)->priority == child->priority && (*at)->order > child->order)))
		at = &(*at)->sibling;
	child->sibling = *at;
	*at = child;
}

void region_add(struct region *parent, uint64_t addr, struct region *child, int priority)
{
	static unsigned int next_order;

	g_assert(!child->parent && !child->space);
	child->parent = parent;
	child->addr = addr;
	child->priority = priority;
	child->order = ++next_order;
	children_insert(parent, child);
	address_spaces_changed(false);
}

void region_remove(struct region *child)
{
	if (!child->parent)
		return;
	struct region **at = &child->parent->children;
	while (*at != child)
		at = &(*at)->sibling;
	*at = child->sibling;
	child->sibling = NULL;
	child->parent = NULL;
	address_spaces_changed(false);
}

void region_set_enabled(struct region *r, bool enabled)
{
	if (r->enabled == enabled)
		return;
	r->enabled = enabled;
	address_spaces_changed(false);
}

void region_set_addr(struct region *r, uint64_t addr)
{
	if (r->addr == addr)
		return;
	r->addr = addr;
	address_spaces_changed(false);
}

void region_set_readonly(struct region *r, bool readonly)
{
	if (r->readonly == readonly)
		return;
	r->readonly = readonly;
	address_spaces_changed(false);
}

void region_set_alias_offset(struct region *r, uint64_t offset)
{
	if (r->target_offset == offset)
		return;
	r->target_offset = offset;
	address_spaces_changed(false);
}

void region_set_rom_readable(struct region *r, bool readable)
{
	enum region_kind kind = readable ? REGION_ROM : REGION_IO;

	g_assert(r->ram && r->ops);
	if (r->kind == kind)
		return;
	r->kind = kind;
	/* The ranges stay the same; what a TLB knows of them does not. */
	address_spaces_changed(true);
}
