/* From texts to settings: which machine, how large, what time it is there. */
#include "base/optstr.h"
#include "interp/accel.h"
#include "tools/program.h"
#include "tools/system.h"

#include <inttypes.h>
#include <string.h>

const char *const keyboard_layouts[] = {
	"ar",	 "da",	  "de", "de-ch", "en-gb", "en-us", "es", "et", "fi", "fo", "fr", "fr-be",
	"fr-ca", "fr-ch", "hr", "hu",	 "is",	  "it",	   "ja", "lt", "lv", "mk", "nl", "nl-be",
	"no",	 "pl",	  "pt", "pt-br", "ru",	  "sl",	   "sv", "th", "tr", NULL};

/* --- which machine --- */

static bool target_has(const struct machine_class *class, const char *target)
{
	return machine_class_find(target, class->name) == class;
}

static const char *machine_name_at(unsigned int i, void *opaque)
{
	const struct machine_class *class = machine_class_at(i);
	return target_has(class, opaque) ? class->name : NULL;
}

static struct error *find_machine(struct system_config *c, const char *name)
{
	const char *target = c->program->target;

	c->m->class = machine_class_find(target, name);
	if (c->m->class)
		return NULL;
	const char *best =
		closest_name(name, machine_class_count(), machine_name_at, (void *)target);
	if (best)
		return error_new("-M %s: unknown machine; did you mean \"%s\"? (-M ? lists them)",
				 name, best);
	return error_new("-M %s: unknown machine (-M ? lists them)", name);
}

static bool is_default_for(const struct machine_class *class, const char *target)
{
	if (!class->default_for)
		return false;
	char **words = g_strsplit(class->default_for, " ", -1);
	bool found = g_strv_contains((const char *const *)words, target);

	g_strfreev(words);
	return found;
}

static struct error *default_machine(struct system_config *c)
{
	for (unsigned int i = 0; i < machine_class_count() && !c->m->class; i++)
		if (is_default_for(machine_class_at(i), c->program->target))
			c->m->class = machine_class_at(i);
	if (c->m->class)
		return NULL;
	return error_new("no default machine; choose one with -M (-M ? lists them)");
}

static void machine_option(void *opaque, const char *key, const char *value)
{
	struct system_config *c = opaque;

	if (strcmp(key, "type") == 0)
		return;
	if (strcmp(key, "accel") == 0 && !c->accel)
		c->accel = g_strdup(value ? value : "");
	g_hash_table_replace(c->m->options, g_strdup(key), g_strdup(value ? value : "on"));
}

struct error *system_choose_class(struct system_config *c)
{
	if (c->m->class)
		return NULL;
	if (!c->machine)
		return default_machine(c);
	struct optstr *o = optstr_parse(c->machine, "type");
	const char *type = optstr_get(o, "type");
	struct error *err = type ? find_machine(c, type) : default_machine(c);

	optstr_each(o, machine_option, c);
	optstr_free(o);
	return err;
}

/* --- processors --- */

/* Fills in what was not given: sockets first, as today's command lines expect. */
static struct error *complete_topology(struct machine *m)
{
	unsigned int sockets = m->sockets, cores = m->cores, threads = m->threads;

	if (!m->cpus)
		m->cpus = m->max_cpus ? m->max_cpus
				      : MAX(sockets, 1) * MAX(cores, 1) * MAX(threads, 1);
	if (!m->max_cpus)
		m->max_cpus = MAX(m->cpus, sockets * cores * threads);
	m->threads = MAX(threads, 1);
	m->cores = cores ? cores : sockets ? MAX(m->max_cpus / (sockets * m->threads), 1) : 1;
	m->sockets = sockets ? sockets : MAX(m->max_cpus / (m->cores * m->threads), 1);
	uint64_t product = (uint64_t)m->sockets * m->cores * m->threads;
	if (product != m->max_cpus)
		return error_new("%u sockets * %u cores * %u threads are not %u processors",
				 m->sockets, m->cores, m->threads, m->max_cpus);
	if (m->cpus > m->max_cpus)
		return error_new("%u processors are more than maxcpus=%u", m->cpus, m->max_cpus);
	return NULL;
}

static struct error *parse_smp(struct machine *m, const char *text)
{
	static const char *const keys[] = {"cpus", "maxcpus", "sockets", "cores", "threads"};
	unsigned int *const values[] = {&m->cpus, &m->max_cpus, &m->sockets, &m->cores,
					&m->threads};
	struct optstr *o = optstr_parse(text, "cpus");
	struct error *err = NULL;

	for (unsigned int i = 0; i < G_N_ELEMENTS(keys) && !err; i++)
		err = optstr_uint(o, keys[i], 1, 65535, values[i]);
	if (!err)
		err = optstr_finish(o);
	optstr_free(o);
	return err ? err : complete_topology(m);
}

static struct error *choose_processors(struct system_config *c)
{
	struct machine *m = c->m;
	unsigned int limit = m->class->max_cpus ? m->class->max_cpus : 1;
	struct error *err = parse_smp(m, c->smp ? c->smp : "1");

	if (!err && m->max_cpus > limit)
		err = error_new("machine \"%s\" has at most %u processor%s", m->class->name, limit,
				limit > 1 ? "s" : "");
	if (err)
		return error_prefix(err, "-smp %s", c->smp);
	if (!m->cpu_model) {
		bool wide = m->target_64bit && m->class->default_cpu_64;
		m->cpu_model = g_strdup(wide ? m->class->default_cpu_64 : m->class->default_cpu);
	}
	return NULL;
}

/* --- memory --- */

static struct error *parse_memory(struct machine *m, const char *text)
{
	struct optstr *o = optstr_parse(text, "size");
	uint64_t ignored = 0;
	struct error *err = optstr_size(o, "size", 1 << 20, &m->ram_size);

	if (!err)
		err = optstr_u64(o, "slots", 0, 256, &ignored);
	if (!err)
		err = optstr_size(o, "maxmem", 1 << 20, &ignored);
	if (!err)
		err = optstr_finish(o);
	optstr_free(o);
	return err;
}

static struct error *choose_memory(struct system_config *c)
{
	struct machine *m = c->m;
	struct error *err = NULL;

	m->ram_size = m->class->default_ram ? m->class->default_ram : UINT64_C(128) << 20;
	if (c->memory)
		err = parse_memory(m, c->memory);
	if (!err && m->ram_size < 4096)
		err = error_new("a machine needs some memory");
	if (!err && m->class->max_ram && m->ram_size > m->class->max_ram)
		err = error_new("machine \"%s\" takes at most %" PRIu64 " MiB", m->class->name,
				m->class->max_ram >> 20);
	m->ram_size &= ~UINT64_C(4095);
	return error_prefix(err, "-m %s", c->memory);
}

/* --- boot order --- */

static struct error *check_boot_letters(const char *order)
{
	for (const char *p = order; *p; p++) {
		if (*p < 'a' || *p > 'p')
			return error_new("\"%c\" is no boot device (a to p)", *p);
		if (strchr(p + 1, *p))
			return error_new("boot device \"%c\" is given twice", *p);
	}
	return NULL;
}

static struct error *choose_boot(struct system_config *c)
{
	struct machine *m = c->m;
	struct optstr *o = optstr_parse(c->boot ? c->boot : "", "order");
	const char *order = optstr_get(o, "order"), *once = optstr_get(o, "once");
	bool strict = false;
	const char *fallback = m->class->default_boot ? m->class->default_boot : "c";
	struct error *err = optstr_bool(o, "menu", &m->boot_menu);

	if (!err)
		err = optstr_bool(o, "strict", &strict);
	if (!err)
		err = optstr_finish(o);
	if (!err)
		err = check_boot_letters(order ? order : "");
	if (!err)
		err = check_boot_letters(once ? once : "");
	m->boot_order = g_strdup(order && *order ? order : fallback);
	m->boot_once = g_strdup(once);
	optstr_free(o);
	return error_prefix(err, "-boot %s", c->boot);
}

/* --- identity --- */

static struct error *check_uuid(const char *uuid)
{
	if (!uuid || g_uuid_string_is_valid(uuid))
		return NULL;
	return error_new("-uuid %s: not of the form 01234567-89ab-cdef-0123-456789abcdef", uuid);
}

/* -name text[,process=..]: today's form has keys. */
static struct error *choose_name(struct machine *m)
{
	if (!m->name)
		return NULL;
	struct optstr *o = optstr_parse(m->name, "guest");
	char *guest = g_strdup(optstr_get(o, "guest"));
	bool threads = false;
	struct error *err = NULL;

	optstr_get(o, "process");
	err = optstr_bool(o, "debug-threads", &threads);
	if (!err)
		err = optstr_finish(o);
	optstr_free(o);
	err = error_prefix(err, "-name %s", m->name);
	g_free(m->name);
	m->name = guest;
	return err;
}

static struct error *check_keyboard(const struct system_config *c)
{
	if (!c->keyboard || g_strv_contains(keyboard_layouts, c->keyboard))
		return NULL;
	return error_prefix(unknown_name_error("layout", c->keyboard, keyboard_layouts), "-k %s",
			    c->keyboard);
}

static struct error *check_display(struct system_config *c)
{
	if (c->vnc && strcmp(c->vnc, "none") != 0)
		return error_new("-vnc %s: VNC is not built yet; \"none\" is", c->vnc);
	if (c->display && strcmp(c->display, "none") != 0)
		return error_new("-display %s: not built yet; \"none\" is", c->display);
	if (!c->display && !c->vnc && !c->m->nographic)
		warn_report("no display is built yet: the guest runs without one "
			    "(-display none says so, -nographic uses the terminal)");
	return NULL;
}

struct error *system_choose_machine(struct system_config *c)
{
	struct error *err = system_choose_class(c);

	err = err ? err : tier_configure(c->accel);
	err = err ? err : choose_processors(c);
	err = err ? err : choose_memory(c);
	err = err ? err : choose_boot(c);
	err = err ? err : check_uuid(c->m->uuid);
	err = err ? err : choose_name(c->m);
	err = err ? err : check_keyboard(c);
	err = err ? err : check_display(c);
	return err;
}
