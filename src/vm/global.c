/* -global: defaults of device properties that the user sets for every device of a class. */
#include "vm/device.h"
#include "vm/prop.h"

#include <glib.h>
#include <string.h>

struct global {
	const struct device_class *class;
	char *prop, *value;
};

static GArray *globals; /* struct global, in the order of the command line */

struct error *device_add_global(const char *driver, const char *prop, const char *value)
{
	const struct device_class *class = device_class_find(driver);

	if (!class)
		return error_new("unknown device \"%s\"", driver);
	/* a trial device says now what would be wrong later */
	struct device *trial = device_new(class);
	struct error *err = device_set(trial, prop, value);
	device_free(trial);
	if (err)
		return err;
	if (!globals)
		globals = g_array_new(FALSE, FALSE, sizeof(struct global));
	struct global g = {class, g_strdup(prop), g_strdup(value)};
	g_array_append_val(globals, g);
	return NULL;
}

void device_apply_globals(struct device *dev)
{
	for (unsigned int i = 0; globals && i < globals->len; i++) {
		const struct global *g = &g_array_index(globals, struct global, i);
		if (g->class == dev->class)
			error_free(device_set(dev, g->prop, g->value));
	}
}
