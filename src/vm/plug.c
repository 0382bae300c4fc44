#include "vm/plug.h"

#include "base/optstr.h"

#include <glib.h>
#include <string.h>

struct plug_bus {
	const char *kind, *name;
	void *bus;
	plug_fn *plug;
	struct plug_bus *next;
};

static struct plug_bus *buses, **last_bus = &buses;

void plug_add_bus(const char *kind, const char *name, void *bus, plug_fn *plug)
{
	struct plug_bus *b = g_new(struct plug_bus, 1);

	*b = (struct plug_bus){kind, name, bus, plug, NULL};
	*last_bus = b;
	last_bus = &b->next;
}

void plug_remove_bus(void *bus)
{
	for (struct plug_bus **at = &buses; *at; at = &(*at)->next) {
		struct plug_bus *b = *at;
		if (b->bus != bus)
			continue;
		*at = b->next;
		if (!b->next)
			last_bus = at;
		g_free(b);
		return;
	}
}

static struct error *find_bus(const char *kind, const char *name, struct plug_bus **found)
{
	for (struct plug_bus *b = buses; b; b = b->next) {
		if (strcmp(name ? b->name : b->kind, name ? name : kind) != 0)
			continue;
		if (strcmp(b->kind, kind) != 0)
			return error_new("bus \"%s\" is of kind %s; the device wants %s", name,
					 b->kind, kind);
		*found = b;
		return NULL;
	}
	if (name)
		return error_new("there is no bus \"%s\"", name);
	return error_new("this machine has no %s bus for it", kind);
}

static const char *class_name_at(unsigned int i, void *opaque)
{
	const struct device_class *class = device_class_at(i);
	return class->hidden ? NULL : class->name;
}

static struct error *find_class(const char *driver, const struct device_class **class)
{
	*class = device_class_find(driver);
	if (*class && !(*class)->hidden)
		return NULL;
	if (*class)
		return error_new("\"%s\" is part of a board and cannot be added", driver);
	const char *best = closest_name(driver, device_class_count(), class_name_at, NULL);
	if (best)
		return error_new(
			"unknown device \"%s\"; did you mean \"%s\"? (-device ? lists them)",
			driver, best);
	return error_new("unknown device \"%s\" (-device ? lists them)", driver);
}

struct setting {
	struct device *dev;
	struct error *err;
};

static void set_one(void *opaque, const char *key, const char *value)
{
	struct setting *s = opaque;

	if (s->err || strcmp(key, "driver") == 0 || strcmp(key, "bus") == 0)
		return;
	if (strcmp(key, "id") == 0) {
		if (value && device_find(value))
			s->err = error_new("the id \"%s\" is taken", value);
		g_free(s->dev->id);
		s->dev->id = g_strdup(value);
		return;
	}
	s->err = device_set(s->dev, key, value ? value : "on");
}

static struct error *make(struct optstr *o)
{
	const char *driver, *bus_name = optstr_get(o, "bus");
	const struct device_class *class;
	struct plug_bus *bus = NULL;
	struct error *err = optstr_require(o, "driver", &driver);

	if (!err)
		err = find_class(driver, &class);
	if (!err)
		err = find_bus(class->bus, bus_name, &bus);
	if (err)
		return err;
	struct setting s = {device_new(class), NULL};
	optstr_each(o, set_one, &s);
	if (s.err) {
		device_free(s.dev);
		return s.err;
	}
	return bus->plug(bus->bus, s.dev);
}

struct error *plug_device(const char *text)
{
	struct optstr *o = optstr_parse(text, "driver");
	struct error *err = make(o);

	optstr_free(o);
	return err;
}
