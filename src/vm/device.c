/*
 * Devices: the table of classes that the linker gathers, their lives, and machine reset.
 */
#include "vm/device.h"

#include <glib.h>
#include <string.h>

#include "vm/prop.h"

/* The linker makes these from the entries of DEVICE(); weak, for programs without any device. */
extern const struct device_class *const __start_ratite_devices[] __attribute__((weak));
extern const struct device_class *const __stop_ratite_devices[] __attribute__((weak));

static struct {
	struct device *first, **last;
} devices = {NULL, &devices.first};

unsigned int device_class_count(void)
{
	return (unsigned int)(__stop_ratite_devices - __start_ratite_devices);
}

const struct device_class *device_class_at(unsigned int i)
{
	return __start_ratite_devices[i];
}

const struct device_class *device_class_find(const char *name)
{
	for (unsigned int i = 0; i < device_class_count(); i++)
		if (strcmp(device_class_at(i)->name, name) == 0)
			return device_class_at(i);
	return NULL;
}

struct device *device_new(const struct device_class *class)
{
	g_assert(class->size >= sizeof(struct device));
	struct device *dev = g_malloc0(class->size);

	dev->class = class;
	props_set_defaults(dev);
	device_apply_globals(dev);
	return dev;
}

struct device *device_new_named(const char *name)
{
	const struct device_class *class = device_class_find(name);

	if (!class)
		g_error("no device class \"%s\" is linked in", name);
	return device_new(class);
}

static void device_unlink(struct device *dev)
{
	struct device **at = &devices.first;

	while (*at != dev)
		at = &(*at)->next;
	*at = dev->next;
	if (devices.last == &dev->next)
		devices.last = at;
}

/* A timer must not outlive its device; the state list knows them all. */
static void timers_cancel(const struct field *fields, char *object)
{
	for (const struct field *f = fields; f && f->name; f++) {
		if (f->kind == FIELD_KIND_TIMER)
			timer_cancel((struct timer *)(object + f->offset));
		for (size_t i = 0; f->kind == FIELD_KIND_STRUCT && i < f->count; i++)
			timers_cancel(f->sub, object + f->offset + i * f->size);
	}
}

void device_free(struct device *dev)
{
	if (dev->realized) {
		device_unlink(dev);
		if (dev->class->exit)
			dev->class->exit(dev);
	}
	if (dev->bus_exit)
		dev->bus_exit(dev);
	timers_cancel(dev->class->state, (char *)dev);
	props_free(dev);
	g_free(dev->id);
	g_free(dev);
}

struct error *device_realize(struct device *dev)
{
	g_assert(!dev->realized);
	struct error *err = dev->class->init ? dev->class->init(dev) : NULL;

	if (err) {
		device_free(dev);
		return err;
	}
	dev->realized = true;
	dev->next = NULL;
	*devices.last = dev;
	devices.last = &dev->next;
	return NULL;
}

struct device *device_first(void)
{
	return devices.first;
}

struct device *device_find(const char *id)
{
	for (struct device *dev = devices.first; dev; dev = dev->next)
		if (dev->id && strcmp(dev->id, id) == 0)
			return dev;
	return NULL;
}

void devices_reset(void)
{
	for (struct device *dev = devices.first; dev; dev = dev->next) {
		if (dev->bus_reset)
			dev->bus_reset(dev);
		if (dev->class->reset)
			dev->class->reset(dev);
	}
	for (struct device *dev = devices.first; dev; dev = dev->next)
		if (dev->class->settle)
			dev->class->settle(dev);
}
