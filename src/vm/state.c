/*
 * The state of the whole machine: one section for the clock, for each processor, each device and
 * each object that joined by itself.
 */
#include "vm/state-internal.h"

#include "vm/clock.h"
#include "vm/cpu.h"

#include <inttypes.h>
#include <string.h>

static const char magic[8] = "RATITEvm";
#define STATE_VERSION 1

struct section {
	const char *name;
	unsigned int instance;
	const struct field *fields;
	void *object;
	struct error *(*post_load)(void *object);
	bool loaded;
};

static GArray *registered; /* struct section */

void state_register(const char *name, unsigned int instance, const struct field *fields,
		    void *object, struct error *(*post_load)(void *object))
{
	struct section s = {name, instance, fields, object, post_load, false};

	if (!registered)
		registered = g_array_new(false, false, sizeof(struct section));
	g_array_append_val(registered, s);
}

/* --- what has a section --- */

struct clock_state {
	int64_t virtual_ns, rtc_ns;
};

static const struct field clock_fields[] = {
	F_INT(struct clock_state, virtual_ns),
	F_INT(struct clock_state, rtc_ns),
	FIELD_END,
};

static const struct field cpu_fields[] = {
	F_BOOL(struct cpu, halted),
	F_U64(struct cpu, instructions),
	FIELD_END,
};

static struct error *clock_post_load(void *object)
{
	struct clock_state *s = object;

	if (s->virtual_ns < 0)
		return error_new("virtual time %" PRId64 " is negative", s->virtual_ns);
	clock_set_virtual(s->virtual_ns);
	clock_rtc_set(s->rtc_ns);
	return NULL;
}

static struct error *cpu_post_load(void *object)
{
	struct cpu *cpu = object;
	return cpu->class->post_load ? cpu->class->post_load(cpu) : NULL;
}

static struct error *device_post_load(void *object)
{
	struct device *dev = object;
	return dev->class->post_load ? dev->class->post_load(dev) : NULL;
}

/* How many devices of its class came before it. */
static unsigned int device_instance(const struct device *dev)
{
	unsigned int n = 0;

	for (const struct device *d = device_first(); d != dev; d = d->next)
		n += d->class == dev->class;
	return n;
}

static void section_add(GArray *list, const char *name, unsigned int instance,
			const struct field *fields, void *object,
			struct error *(*post_load)(void *object))
{
	struct section s = {name, instance, fields, object, post_load, false};
	g_array_append_val(list, s);
}

/* In the order in which they are saved; the clock first, as the timers go by it. */
static GArray *sections_list(struct clock_state *clock)
{
	GArray *list = g_array_new(false, false, sizeof(struct section));

	section_add(list, "clock", 0, clock_fields, clock, clock_post_load);
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		section_add(list, "vcpu", cpu->index, cpu_fields, cpu, NULL);
		if (cpu->class->state)
			section_add(list, cpu->class->isa, cpu->index, cpu->class->state, cpu,
				    cpu_post_load);
	}
	if (registered)
		g_array_append_vals(list, registered->data, registered->len);
	for (struct device *dev = device_first(); dev; dev = dev->next)
		if (dev->class->state)
			section_add(list, dev->class->name, device_instance(dev), dev->class->state,
				    dev, device_post_load);
	return list;
}

static struct clock_state clock_saved(void)
{
	return (struct clock_state){clock_now(CLOCK_VIRTUAL), clock_rtc_now()};
}

/* --- saving --- */

void state_save_all(GByteArray *out)
{
	struct clock_state clock = clock_saved();
	GArray *list = sections_list(&clock);

	g_byte_array_append(out, (const uint8_t *)magic, sizeof(magic));
	state_put_u32(out, STATE_VERSION);
	for (unsigned int i = 0; i < list->len; i++) {
		const struct section *s = &g_array_index(list, struct section, i);
		state_put_name(out, s->name);
		state_put_u32(out, s->instance);
		unsigned int start = state_begin_length(out);
		state_save_fields(out, s->fields, s->object);
		state_end_length(out, start);
	}
	g_array_free(list, true);
}

void state_dump_all(FILE *out)
{
	struct clock_state clock = clock_saved();
	GArray *list = sections_list(&clock);

	fputs("[\n", out);
	for (unsigned int i = 0; i < list->len; i++) {
		const struct section *s = &g_array_index(list, struct section, i);
		fprintf(out, "  {\"name\": \"%s\", \"instance\": %u, \"fields\": ", s->name,
			s->instance);
		state_dump_fields(out, s->fields, s->object, 1);
		fprintf(out, "}%s\n", i + 1 < list->len ? "," : "");
	}
	fputs("]\n", out);
	g_array_free(list, true);
}

/* --- loading --- */

static struct error *header_check(struct bytes *in)
{
	struct bytes found;
	uint32_t version;

	if (!state_take(in, sizeof(magic), &found) || memcmp(found.data, magic, sizeof(magic)) != 0)
		return error_new("this is not a saved state");
	if (!state_take_u32(in, &version) || version != STATE_VERSION)
		return error_new("the state has another format than version %u", STATE_VERSION);
	return NULL;
}

static struct section *section_find(GArray *list, struct bytes name, uint32_t instance)
{
	for (unsigned int i = 0; i < list->len; i++) {
		struct section *s = &g_array_index(list, struct section, i);
		if (s->instance == instance && state_name_is(name, s->name))
			return s;
	}
	return NULL;
}

static struct error *section_load(GArray *list, struct bytes *in)
{
	struct bytes name, fields;
	uint32_t instance;

	if (!state_take_name(in, &name) || !state_take_u32(in, &instance) ||
	    !state_take_block(in, &fields))
		return error_new("the state is cut short or damaged");
	struct section *s = section_find(list, name, instance);
	if (!s) {
		/* The name goes to a terminal. */
		char *safe = g_strndup((const char *)name.data, MIN(name.size, 64));
		g_strcanon(safe, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_. ", '?');
		struct error *err = error_new("the state is of a machine with another device: "
					      "there is no %s #%u here",
					      safe, instance);
		g_free(safe);
		return err;
	}
	if (s->loaded)
		return error_new("%s #%u is in the state twice", s->name, s->instance);
	s->loaded = true;
	return error_prefix(state_load_fields(fields, s->fields, s->object), "%s #%u", s->name,
			    s->instance);
}

static struct error *all_post_load(GArray *list)
{
	for (unsigned int i = 0; i < list->len; i++) {
		struct section *s = &g_array_index(list, struct section, i);
		if (!s->loaded)
			return error_new("the state is of a machine without %s #%u", s->name,
					 s->instance);
		struct error *err = s->post_load ? s->post_load(s->object) : NULL;
		if (err)
			return error_prefix(err, "%s #%u", s->name, s->instance);
	}
	return NULL;
}

struct error *state_load_all(struct bytes in)
{
	struct clock_state clock = {0};
	struct error *err = header_check(&in);

	if (err)
		return err;
	GArray *list = sections_list(&clock);
	while (in.size && !err)
		err = section_load(list, &in);
	if (!err)
		err = all_post_load(list);
	g_array_free(list, true);
	return err;
}
