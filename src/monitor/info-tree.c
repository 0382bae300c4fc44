/* info mtree, qtree, qdm: what the machine is made of. */
#include "monitor/info-tree.h"

#include "monitor/command.h"
#include "vm/cpu.h"
#include "vm/device.h"
#include "vm/machine.h"

#include <inttypes.h>
#include <string.h>

/* --- memory --- */

static const char *const kinds[] = {"container", "ram", "rom", "i/o", "alias"};

static void print_region(FILE *out, const struct region *r, uint64_t base, unsigned int depth)
{
	uint64_t last = base + (r->size ? r->size - 1 : 0);

	fprintf(out, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", (int)depth * 2, "", base,
		last, r->priority, kinds[r->kind], r->name);
	if (r->kind == REGION_ALIAS)
		fprintf(out, " -> %s @%016" PRIx64, r->target->name, r->target_offset);
	fprintf(out, "%s\n", r->enabled ? "" : " [disabled]");
}

static int compare_regions(const void *a, const void *b)
{
	const struct region *const *x = a, *const *y = b;

	if ((*x)->addr != (*y)->addr)
		return (*x)->addr < (*y)->addr ? -1 : 1;
	return (*y)->priority - (*x)->priority;
}

static void print_tree(FILE *out, const struct region *r, uint64_t base, unsigned int depth)
{
	GPtrArray *children = g_ptr_array_new();

	print_region(out, r, base, depth);
	for (struct region *c = r->children; c; c = c->sibling)
		g_ptr_array_add(children, c);
	g_ptr_array_sort(children, compare_regions);
	for (unsigned int i = 0; i < children->len; i++) {
		const struct region *c = children->pdata[i];
		print_tree(out, c, base + c->addr, depth + 1);
	}
	g_ptr_array_unref(children);
}

void info_mtree(struct command_call *call)
{
	struct machine *m = machine_get();
	struct address_space *spaces[] = {&m->memory, &m->io};

	for (unsigned int i = 0; i < G_N_ELEMENTS(spaces); i++) {
		if (!spaces[i]->root)
			continue;
		fprintf(call->out, "%saddress-space: %s\n", i ? "\n" : "", spaces[i]->name);
		print_tree(call->out, spaces[i]->root, 0, 1);
	}
}

/* --- devices --- */

static uint64_t number_at(const void *p, enum prop_kind kind)
{
	switch (kind) {
	case PROP_KIND_BOOL:
	case PROP_KIND_U8: return *(const uint8_t *)p;
	case PROP_KIND_U16: return *(const uint16_t *)p;
	case PROP_KIND_U32: return *(const uint32_t *)p;
	default: return *(const uint64_t *)p;
	}
}

static void print_prop(FILE *out, const struct device *dev, const struct prop *prop)
{
	const void *p = (const char *)dev + prop->offset;
	const uint8_t *mac = p;

	switch (prop->kind) {
	case PROP_KIND_STRING:
		fprintf(out, "    %s = \"%s\"\n", prop->name,
			*(char *const *)p ? *(char *const *)p : "");
		break;
	case PROP_KIND_MAC:
		fprintf(out, "    %s = \"%02x:%02x:%02x:%02x:%02x:%02x\"\n", prop->name, mac[0],
			mac[1], mac[2], mac[3], mac[4], mac[5]);
		break;
	case PROP_KIND_DEVFN:
		fprintf(out, "    %s = %02x.%x\n", prop->name, (*(const int32_t *)p >> 3) & 0x1f,
			*(const int32_t *)p & 7);
		break;
	case PROP_KIND_CHR:
	case PROP_KIND_DRIVE:
	case PROP_KIND_NETDEV:
	case PROP_KIND_PTR: break;
	default:
		fprintf(out, "    %s = %" PRIu64 " (0x%" PRIx64 ")\n", prop->name,
			number_at(p, prop->kind), number_at(p, prop->kind));
	}
}

void info_qtree(struct command_call *call)
{
	for (struct device *dev = device_first(); dev; dev = dev->next) {
		fprintf(call->out, "dev: %s, id \"%s\", bus %s\n", dev->class->name,
			dev->id ? dev->id : "", dev->class->bus);
		for (const struct prop *p = dev->class->props; p && p->name; p++)
			print_prop(call->out, dev, p);
		for (const struct prop *p = dev->class->bus_props; p && p->name; p++)
			print_prop(call->out, dev, p);
	}
}

void info_qdm(struct command_call *call)
{
	for (unsigned int i = 0; i < device_class_count(); i++) {
		const struct device_class *class = device_class_at(i);
		if (!class->hidden)
			fprintf(call->out, "name \"%s\", bus %s, desc \"%s\"\n", class->name,
				class->bus, class->help ? class->help : "");
	}
}
