/*
 * -chardev, -serial, -parallel, -monitor, -mon, and what they are when nobody says. In short: with
 * -nographic the terminal is shared by the first serial port and the monitor; otherwise nothing
 * sits on the terminal unless an option puts it there.
 */
#include "base/optstr.h"
#include "monitor/monitor.h"
#include "tools/system.h"
#include "vm/chardev.h"

#include <string.h>

/* Opens `use`; *chr stays NULL for "none". A "mon:" device gets a monitor too. */
static struct error *open_use(struct system_config *c, const char *id, const struct option_use *use,
			      struct chardev **chr)
{
	struct error *err = chardev_open(id, use->value, chr);

	if (!err && *chr && g_str_has_prefix(use->value, "mon:"))
		monitor_new(*chr);
	return option_use_error(err, use);
}

/* The ports of one kind; "none" as the first leaves them all out. */
static struct error *open_ports(struct system_config *c, GPtrArray *uses, const char *kind,
				struct chardev **ports, unsigned int limit, unsigned int *count)
{
	struct error *err = NULL;

	if (uses->len > limit)
		return error_new("-%s: at most %u are possible", kind, limit);
	for (unsigned int i = 0; i < uses->len && !err; i++) {
		char *id = g_strdup_printf("%s%u", kind, i);
		err = open_use(c, id, uses->pdata[i], &ports[i]);
		g_free(id);
	}
	const struct option_use *first = uses->len ? uses->pdata[0] : NULL;
	*count = first && strcmp(first->value, "none") == 0 && uses->len == 1 ? 0 : uses->len;
	return err;
}

static struct error *open_monitors(struct system_config *c)
{
	struct error *err = NULL;

	for (unsigned int i = 0; i < c->monitors->len && !err; i++) {
		const struct option_use *use = c->monitors->pdata[i];
		char *id = g_strdup_printf("compat_monitor%u", i);
		struct chardev *chr;
		err = open_use(c, id, use, &chr);
		g_free(id);
		if (!err && chr && !g_str_has_prefix(use->value, "mon:"))
			monitor_new(chr);
	}
	return err;
}

static struct error *open_mon(const char *text)
{
	static const char *const modes[] = {"readline", "control", NULL};
	struct optstr *o = optstr_parse(text, "chardev");
	const char *id;
	unsigned int mode = 0;
	struct error *err = optstr_require(o, "chardev", &id);

	if (!err)
		err = optstr_choice(o, "mode", modes, &mode);
	if (!err)
		err = optstr_finish(o);
	if (!err && mode == 1)
		err = error_new("QMP (mode=control) is not built yet");
	if (!err && !chardev_find(id))
		err = error_new("there is no character device \"%s\"", id);
	if (!err)
		monitor_new(chardev_find(id));
	optstr_free(o);
	return err;
}

static bool is_stdio(GPtrArray *uses)
{
	const struct option_use *use = uses->len ? uses->pdata[0] : NULL;
	return use && strcmp(use->value, "stdio") == 0;
}

/* Adds what -nographic and its absence imply where an option is missing. */
static void add_defaults(struct system_config *c)
{
	bool no_monitor = !c->monitors->len && !c->mons->len;
	bool terminal = c->m->nographic;

	if (c->nodefaults)
		return;
	if (terminal && no_monitor && is_stdio(c->serials)) {
		/* as without -serial: they share it */
		struct option_use *use = c->serials->pdata[0];
		g_free(use->value);
		use->value = g_strdup("mon:stdio");
		return;
	}
	if (terminal && no_monitor && !c->serials->len) {
		option_use_add(c->serials, "serial", g_strdup("mon:stdio"));
		return;
	}
	if (!c->serials->len)
		option_use_add(c->serials, "serial", g_strdup(terminal ? "stdio" : "null"));
	if (terminal && no_monitor)
		option_use_add(c->monitors, "monitor", g_strdup("stdio"));
}

struct error *system_open_chardevs(struct system_config *c)
{
	struct machine *m = c->m;
	struct error *err = NULL;

	add_defaults(c);
	if (!c->nodefaults && !c->parallels->len)
		option_use_add(c->parallels, "parallel", g_strdup("null"));
	for (unsigned int i = 0; i < c->chardevs->len && !err; i++) {
		const struct option_use *use = c->chardevs->pdata[i];
		err = option_use_error(chardev_open_options(use->value), use);
	}
	if (!err)
		err = open_ports(c, c->serials, "serial", m->serial, MAX_SERIALS, &m->serial_count);
	if (!err)
		err = open_ports(c, c->parallels, "parallel", m->parallel, MAX_PARALLELS,
				 &m->parallel_count);
	if (!err)
		err = open_monitors(c);
	for (unsigned int i = 0; i < c->mons->len && !err; i++) {
		const struct option_use *use = c->mons->pdata[i];
		err = option_use_error(open_mon(use->value), use);
	}
	return err;
}
