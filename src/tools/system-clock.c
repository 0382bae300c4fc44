/* -rtc, -localtime, -startdate, -icount, -clock: the guest's time. */
#include "base/optstr.h"
#include "tools/system.h"
#include "vm/clock.h"
#include "vm/cpu.h"

#include <string.h>
#include <time.h>

/* Wall time shown as local time: UTC plus the zone's offset now. */
static int64_t local_now(void)
{
	int64_t now = host_realtime_ns();
	time_t seconds = (time_t)(now / NS_PER_S);
	struct tm local;

	localtime_r(&seconds, &local);
	return now + (int64_t)local.tm_gmtoff * NS_PER_S;
}

/* "2006-06-17T16:01:21" or "2006-06-17". */
static struct error *parse_date(const char *text, int64_t *ns)
{
	struct tm when = {0};
	const char *end = strptime(text, "%Y-%m-%d", &when);

	if (end && *end == 'T')
		end = strptime(end, "T%H:%M:%S", &when);
	if (!end || *end)
		return error_new("\"%s\" is no date; dates look like 2006-06-17T16:01:21 or "
				 "2006-06-17",
				 text);
	*ns = (int64_t)timegm(&when) * NS_PER_S;
	return NULL;
}

static struct error *set_base(struct system_config *c, const char *base)
{
	int64_t ns = host_realtime_ns();

	c->m->rtc_localtime = strcmp(base, "localtime") == 0;
	if (c->m->rtc_localtime)
		ns = local_now();
	else if (strcmp(base, "utc") != 0 && strcmp(base, "now") != 0) {
		struct error *err = parse_date(base, &ns);
		if (err)
			return err;
	}
	clock_rtc_set(ns);
	return NULL;
}

static struct error *apply_rtc(struct system_config *c)
{
	static const char *const clocks[] = {"vm", "host", "rt", NULL};
	static const char *const fixes[] = {"none", "slew", NULL};
	unsigned int clock = 0, fix = c->m->rtc_td_hack;
	struct optstr *o = optstr_parse(c->rtc ? c->rtc : "", NULL);
	const char *base = optstr_get(o, "base");
	struct error *err = optstr_choice(o, "clock", clocks, &clock);

	if (!err)
		err = optstr_choice(o, "driftfix", fixes, &fix);
	if (!err)
		err = optstr_finish(o);
	if (!err)
		err = set_base(c, base ? base : c->localtime ? "localtime" : "utc");
	c->m->rtc_td_hack = fix;
	optstr_free(o);
	return error_prefix(err, "-rtc %s", c->rtc);
}

static struct error *parse_icount(const char *text)
{
	struct optstr *o = optstr_parse(text, "shift");
	const char *shift = optstr_get(o, "shift");
	unsigned int value = 0;
	bool sleep = true, align = false;
	struct error *err = NULL;

	exec_options.icount = true;
	exec_options.icount_auto = shift && strcmp(shift, "auto") == 0;
	if (!shift)
		err = error_new("shift= is missing");
	else if (!exec_options.icount_auto)
		err = optstr_uint(o, "shift", 0, 10, &value);
	if (!err)
		err = optstr_bool(o, "sleep", &sleep);
	if (!err)
		err = optstr_bool(o, "align", &align);
	if (!err)
		err = optstr_finish(o);
	optstr_free(o);
	exec_options.icount_shift = exec_options.icount_auto ? 3 : value;
	exec_options.icount_nosleep = !sleep;
	return err;
}

static struct error *check_timer(const char *text)
{
	static const char *const names[] = {"timerfd", "dynticks", "hpet", "rtc", "unix", NULL};
	char **words = g_strsplit(text, ",", -1);
	struct error *err = NULL;

	for (char **word = words; *word && !err; word++)
		if (!g_strv_contains(names, *word))
			err = unknown_name_error("timer", *word, names);
	g_strfreev(words);
	return err;
}

struct error *system_apply_clocks(struct system_config *c)
{
	struct error *err = apply_rtc(c);

	if (!err && c->startdate)
		err = error_prefix(set_base(c, c->startdate), "-startdate %s", c->startdate);
	if (!err && c->icount)
		err = error_prefix(parse_icount(c->icount), "-icount %s", c->icount);
	if (!err && c->clock)
		err = error_prefix(check_timer(c->clock), "-clock %s", c->clock);
	return err;
}
