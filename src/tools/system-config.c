/* The store behind the options, and the lists that "?" asks for. */
#include "base/log.h"
#include "base/optstr.h"
#include "interp/accel.h"
#include "tools/program.h"
#include "tools/system.h"
#include "vm/chardev.h"
#include "vm/device.h"

#include <string.h>

static void option_use_free(void *p)
{
	struct option_use *use = p;
	g_free(use->value);
	g_free(use);
}

static GPtrArray *use_list(void)
{
	return g_ptr_array_new_with_free_func(option_use_free);
}

void option_use_add(GPtrArray *list, const char *option, char *value)
{
	struct option_use *use = g_new(struct option_use, 1);
	*use = (struct option_use){option, value};
	g_ptr_array_add(list, use);
}

struct error *option_use_error(struct error *err, const struct option_use *use)
{
	return error_prefix(err, "-%s %s", use->option, use->value);
}

static GPtrArray *text_list(void)
{
	return g_ptr_array_new_with_free_func(g_free);
}

static void machine_lists_init(struct machine *m)
{
	m->option_roms = text_list();
	m->acpi_tables = text_list();
	m->smbios = text_list();
	m->fw_cfg = text_list();
	m->devices = text_list();
	m->soundhw = text_list();
	m->usb_devices = text_list();
	m->numa = text_list();
	m->prom_env = text_list();
	m->nics = g_ptr_array_new();
	m->options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void system_config_init(struct system_config *c, const struct program *program)
{
	*c = (struct system_config){.program = program, .m = machine_get()};
	GPtrArray **lists[] = {&c->drives, &c->blockdevs, &c->nets,    &c->netdevs,   &c->nics,
			       &c->slirp,  &c->chardevs,  &c->serials, &c->parallels, &c->monitors,
			       &c->mons,   &c->devices,	  &c->objects, &c->globals};
	for (unsigned int i = 0; i < G_N_ELEMENTS(lists); i++)
		*lists[i] = use_list();
	c->m->target = program->target;
	c->m->target_64bit = strstr(program->target, "64") != NULL;
	machine_lists_init(c->m);
}

/* --- lists --- */

/* Whether `word` is one of the words of `words`, which are separated by blanks. */
static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; p && (p = strstr(p, word)); p += len) {
		bool starts = p == words || p[-1] == ' ';
		if (starts && (p[len] == ' ' || p[len] == 0))
			return true;
	}
	return false;
}

static void list_machines(const struct system_config *c)
{
	const char *target = c->program->target;

	printf("Machines of %s:\n", c->program->name);
	for (unsigned int i = 0; i < machine_class_count(); i++) {
		const struct machine_class *class = machine_class_at(i);
		if (!has_word(class->targets, target))
			continue;
		const char *is_default = has_word(class->default_for, target) ? " (default)" : "";
		printf("%-20s %s%s\n", class->name, class->help, is_default);
		if (class->alias)
			printf("%-20s alias of %s\n", class->alias, class->name);
	}
}

static int compare_device_classes(const void *a, const void *b)
{
	const struct device_class *const *x = a, *const *y = b;
	int bus = strcmp((*x)->bus, (*y)->bus);

	return bus ? bus : strcmp((*x)->name, (*y)->name);
}

static void list_devices(void)
{
	GPtrArray *classes = g_ptr_array_new();

	for (unsigned int i = 0; i < device_class_count(); i++)
		if (!device_class_at(i)->hidden)
			g_ptr_array_add(classes, (void *)device_class_at(i));
	g_ptr_array_sort(classes, compare_device_classes);
	for (unsigned int i = 0; i < classes->len; i++) {
		const struct device_class *class = classes->pdata[i];
		printf("name \"%s\", bus %s, desc \"%s\"\n", class->name, class->bus,
		       class->help ? class->help : "");
	}
	g_ptr_array_unref(classes);
}

/* `-device NAME,?`: the properties of a known device. */
static bool list_device_properties(const char *text)
{
	struct optstr *o = optstr_parse(text, "driver");
	const char *driver = optstr_get(o, "driver");
	const struct device_class *class = driver ? device_class_find(driver) : NULL;
	bool asked = optstr_has(o, "?") || optstr_has(o, "help");

	optstr_free(o);
	if (asked && class)
		device_class_help(class, stdout);
	return asked && class;
}

static bool list_for_devices(const struct system_config *c)
{
	for (unsigned int i = 0; i < c->devices->len; i++) {
		const struct option_use *use = c->devices->pdata[i];
		if (optstr_is_help(use->value)) {
			list_devices();
			return true;
		}
		if (list_device_properties(use->value))
			return true;
	}
	return false;
}

static void list_words(const char *title, const char *const *words)
{
	printf("%s:\n", title);
	for (; *words; words++)
		printf("%s\n", *words);
}

/* The models of the machine that is chosen, or of the default one. */
static bool list_cpus(struct system_config *c)
{
	if (!c->m->cpu_model || !optstr_is_help(c->m->cpu_model))
		return false;
	struct error *err = system_choose_class(c);
	const struct cpu_class *class = err ? NULL : c->m->class->cpu_class;
	error_free(err); /* an unknown machine is complained about later */
	if (class)
		class->list_models(stdout);
	return class;
}

static bool list_chardevs(const struct system_config *c)
{
	const struct option_use *first = c->chardevs->len ? c->chardevs->pdata[0] : NULL;

	if (!first || !optstr_is_help(first->value))
		return false;
	chardev_help(stdout);
	return true;
}

static bool list_for_texts(struct system_config *c)
{
	static const char *const clocks[] = {"timerfd  timer of the host's kernel (default)", NULL};
	static const char *const vgas[] = {"std     standard VGA with Bochs VBE extensions",
					   "cirrus  Cirrus Logic GD5446", "vmware  VMware SVGA II",
					   "none    no graphics card", NULL};

	if (c->accel && optstr_is_help(c->accel))
		tier_help(stdout);
	else if (c->clock && optstr_is_help(c->clock))
		list_words("Host timers", clocks);
	else if (c->m->vga && optstr_is_help(c->m->vga))
		list_words("Graphics cards", vgas);
	else if (c->log_items && optstr_is_help(c->log_items))
		log_help(stdout);
	else if (c->keyboard && optstr_is_help(c->keyboard))
		list_words("Keyboard layouts", keyboard_layouts);
	else
		return false;
	return true;
}

bool system_print_lists(struct system_config *c)
{
	if (c->help)
		options_print_help(&system_options, c->program->name, stdout);
	else if (c->machine && optstr_is_help(c->machine))
		list_machines(c);
	else
		return list_for_texts(c) || list_cpus(c) || list_for_devices(c) ||
		       list_chardevs(c) || system_list_net(c) || system_list_sound_cards(c);
	return true;
}
