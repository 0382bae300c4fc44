/*
 * Properties: the members of a device that options set. Text is checked here, once: kind, range,
 * and that what an id names exists.
 */
#include "vm/prop.h"

#include "base/optstr.h"

#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static prop_lookup_fn *lookups[PROP_KIND_PTR];

static const struct {
	const char *type;
	size_t size;  /* of the member */
	uint64_t max; /* of the number kinds */
} kinds[] = {
	[PROP_KIND_BOOL] = {"on/off", sizeof(bool), 1},
	[PROP_KIND_U8] = {"number", 1, UINT8_MAX},
	[PROP_KIND_U16] = {"number", 2, UINT16_MAX},
	[PROP_KIND_U32] = {"number", 4, UINT32_MAX},
	[PROP_KIND_U64] = {"number", 8, UINT64_MAX},
	[PROP_KIND_SIZE] = {"size", 8, UINT64_MAX},
	[PROP_KIND_STRING] = {"text", 0, 0},
	[PROP_KIND_MAC] = {"xx:xx:xx:xx:xx:xx", 0, 0},
	[PROP_KIND_CHR] = {"chardev id", 0, 0},
	[PROP_KIND_DRIVE] = {"drive id", 0, 0},
	[PROP_KIND_NETDEV] = {"netdev id", 0, 0},
	[PROP_KIND_DEVFN] = {"slot[.function]", 4, 0},
	[PROP_KIND_PTR] = {NULL, 0, 0},
};

static bool is_number(enum prop_kind kind)
{
	return kinds[kind].max != 0;
}

static bool is_pointer(enum prop_kind kind)
{
	return kind == PROP_KIND_CHR || kind == PROP_KIND_DRIVE || kind == PROP_KIND_NETDEV ||
	       kind == PROP_KIND_PTR;
}

static void *prop_member(struct device *dev, const struct prop *prop)
{
	return (char *)dev + prop->offset;
}

static void number_store(void *member, size_t size, uint64_t value)
{
	switch (size) {
	case 1: *(uint8_t *)member = (uint8_t)value; break;
	case 2: *(uint16_t *)member = (uint16_t)value; break;
	case 4: *(uint32_t *)member = (uint32_t)value; break;
	default: *(uint64_t *)member = value; break;
	}
}

/* --- walking: a class's own properties, then those of its bus --- */

static const struct prop *props_next(const struct device_class *class, const struct prop *prop)
{
	prop = prop ? prop + 1 : class->props;
	if (prop && !prop->name && class->bus_props) {
		/* The end of the own list, or of the bus's? */
		for (const struct prop *p = class->bus_props;; p++) {
			if (p == prop)
				return NULL;
			if (!p->name)
				break;
		}
		prop = class->bus_props;
	} else if (!prop) {
		prop = class->bus_props;
	}
	return prop && prop->name ? prop : NULL;
}

static const struct prop *prop_find(const struct device_class *class, const char *name)
{
	for (const struct prop *p = props_next(class, NULL); p; p = props_next(class, p))
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static const char *prop_name_at(unsigned int i, void *opaque)
{
	const struct device_class *class = opaque;
	const struct prop *p = props_next(class, NULL);

	while (i-- && p)
		p = props_next(class, p);
	return p && p->kind != PROP_KIND_PTR ? p->name : NULL;
}

static unsigned int prop_count(const struct device_class *class)
{
	unsigned int n = 0;

	for (const struct prop *p = props_next(class, NULL); p; p = props_next(class, p))
		n++;
	return n;
}

void props_set_defaults(struct device *dev)
{
	const struct device_class *class = dev->class;

	for (const struct prop *p = props_next(class, NULL); p; p = props_next(class, p))
		if (is_number(p->kind) || p->kind == PROP_KIND_DEVFN)
			number_store(prop_member(dev, p), kinds[p->kind].size, (uint64_t)p->def);
}

void props_free(struct device *dev)
{
	const struct device_class *class = dev->class;

	for (const struct prop *p = props_next(class, NULL); p; p = props_next(class, p))
		if (p->kind == PROP_KIND_STRING)
			g_free(*(char **)prop_member(dev, p));
}

/* --- text to values --- */

static struct error *set_number(const struct prop *p, void *member, const char *text)
{
	uint64_t value = 0;
	bool flag = false;
	struct error *err;

	if (p->kind == PROP_KIND_BOOL) {
		err = parse_bool(text, &flag);
		value = flag;
	} else if (p->kind == PROP_KIND_SIZE) {
		err = parse_size(text, 1, &value);
	} else {
		err = parse_u64(text, 0, kinds[p->kind].max, &value);
	}
	if (!err)
		number_store(member, kinds[p->kind].size, value);
	return err;
}

static struct error *set_mac(uint8_t *mac, const char *text)
{
	const char *s = text;
	uint8_t bytes[6];

	for (unsigned int i = 0; i < 6; i++) {
		if (!g_ascii_isxdigit(s[0]) || !g_ascii_isxdigit(s[1]) ||
		    (i < 5 ? s[2] != ':' && s[2] != '-' : s[2] != '\0'))
			return error_new("\"%s\" is not a MAC address such as 52:54:00:12:34:56",
					 text);
		bytes[i] = (uint8_t)(g_ascii_xdigit_value(s[0]) << 4 | g_ascii_xdigit_value(s[1]));
		s += 3;
	}
	memcpy(mac, bytes, sizeof(bytes));
	return NULL;
}

/* "slot.function" or "slot", hexadecimal as lspci shows them. */
static struct error *set_devfn(int32_t *devfn, const char *text)
{
	char *end;
	unsigned long slot = strtoul(text, &end, 16), function = 0;
	bool ok = end != text;

	if (ok && *end == '.') {
		const char *s = end + 1;
		function = strtoul(s, &end, 16);
		ok = end != s;
	}
	if (!ok || *end || slot > 31 || function > 7)
		return error_new("\"%s\" is not a PCI address such as 4 or 1f.2", text);
	*devfn = (int32_t)(slot << 3 | function);
	return NULL;
}

static struct error *set_pointer(const struct prop *p, void **member, const char *text)
{
	prop_lookup_fn *lookup = p->kind == PROP_KIND_PTR ? NULL : lookups[p->kind];
	void *found = lookup ? lookup(text) : NULL;

	if (!found)
		return error_new("there is no %.*s with id \"%s\"",
				 (int)strcspn(kinds[p->kind].type, " "), kinds[p->kind].type, text);
	*member = found;
	return NULL;
}

static struct error *set_by_kind(const struct prop *p, void *member, const char *text)
{
	if (is_number(p->kind))
		return set_number(p, member, text);
	if (p->kind == PROP_KIND_MAC)
		return set_mac(member, text);
	if (p->kind == PROP_KIND_DEVFN)
		return set_devfn(member, text);
	if (is_pointer(p->kind))
		return set_pointer(p, member, text);
	g_free(*(char **)member);
	*(char **)member = g_strdup(text);
	return NULL;
}

static struct error *prop_unknown(const struct device *dev, const char *name)
{
	const struct device_class *class = dev->class;
	const char *best =
		closest_name(name, prop_count(class), prop_name_at, (void *)(uintptr_t)class);

	if (best)
		return error_new("%s has no property \"%s\"; did you mean \"%s\"?", class->name,
				 name, best);
	return error_new("%s has no property \"%s\" (-device %s,? lists them)", class->name, name,
			 class->name);
}

struct error *device_set(struct device *dev, const char *name, const char *value)
{
	const struct prop *p = prop_find(dev->class, name);

	if (!p && strcmp(name, "id") == 0) {
		g_free(dev->id);
		dev->id = g_strdup(value);
		return NULL;
	}
	if (!p || p->kind == PROP_KIND_PTR)
		return prop_unknown(dev, name);
	return error_prefix(set_by_kind(p, prop_member(dev, p), value), "%s: %s", dev->class->name,
			    name);
}

/* --- boards: a mistake is a bug of the board --- */

static const struct prop *prop_expect(struct device *dev, const char *name,
				      bool ok_kind(enum prop_kind))
{
	const struct prop *p = prop_find(dev->class, name);

	if (!p || !ok_kind(p->kind))
		g_error("device %s has no property \"%s\" of that kind", dev->class->name, name);
	return p;
}

static bool number_or_devfn(enum prop_kind kind)
{
	return is_number(kind) || kind == PROP_KIND_DEVFN;
}

static bool is_text(enum prop_kind kind)
{
	return kind == PROP_KIND_STRING;
}

void device_set_u64(struct device *dev, const char *name, uint64_t value)
{
	const struct prop *p = prop_expect(dev, name, number_or_devfn);

	if (is_number(p->kind) && value > kinds[p->kind].max)
		g_error("device %s: %s=%" PRIu64 " is out of range", dev->class->name, name, value);
	number_store(prop_member(dev, p), kinds[p->kind].size, value);
}

void device_set_str(struct device *dev, const char *name, const char *value)
{
	char **member = prop_member(dev, prop_expect(dev, name, is_text));

	g_free(*member);
	*member = g_strdup(value);
}

void device_set_ptr(struct device *dev, const char *name, void *value)
{
	*(void **)prop_member(dev, prop_expect(dev, name, is_pointer)) = value;
}

void *device_prop(struct device *dev, const char *name, enum prop_kind kind)
{
	const struct prop *p = prop_find(dev->class, name);

	return p && p->kind == kind ? prop_member(dev, p) : NULL;
}

void prop_set_lookup(enum prop_kind kind, prop_lookup_fn *fn)
{
	g_assert(kind < PROP_KIND_PTR);
	lookups[kind] = fn;
}

void device_class_help(const struct device_class *class, FILE *out)
{
	fprintf(out, "%s options:\n", class->name);
	for (const struct prop *p = props_next(class, NULL); p; p = props_next(class, p))
		if (p->kind != PROP_KIND_PTR)
			fprintf(out, "  %s=<%s>%*s - %s\n", p->name, kinds[p->kind].type,
				(int)MAX(0,
					 24 - (int)(strlen(p->name) + strlen(kinds[p->kind].type))),
				"", p->help ? p->help : "");
}
