/* Registers by their numbers in the remote protocol, and the target description. */
#include "monitor/gdb-registers.h"

#include "vm/gdb-registers.h"

static const struct gdb_register *find(struct cpu *cpu, unsigned int number)
{
	const struct gdb_description *d = cpu->class->gdb(cpu);

	for (size_t f = 0; f < d->count; f++) {
		if (number < d->features[f].count)
			return &d->features[f].registers[number];
		number -= (unsigned int)d->features[f].count;
	}
	return NULL;
}

static void describe_feature(const struct gdb_feature *feature, GString *xml)
{
	g_string_append_printf(xml, "<feature name=\"%s\">%s", feature->name,
			       feature->types ? feature->types : "");
	for (size_t n = 0; n < feature->count; n++) {
		const struct gdb_register *r = &feature->registers[n];
		g_string_append_printf(xml, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>",
				       r->name, r->bits, r->type ? r->type : "int");
	}
	g_string_append(xml, "</feature>");
}

void gdb_describe(struct cpu *cpu, GString *xml)
{
	const struct gdb_description *d = cpu->class->gdb(cpu);

	g_string_append_printf(xml,
			       "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
			       "<target><architecture>%s</architecture>",
			       d->architecture);
	for (size_t f = 0; f < d->count; f++)
		describe_feature(&d->features[f], xml);
	g_string_append(xml, "</target>");
}

size_t gdb_register_read(struct cpu *cpu, unsigned int number, uint8_t value[GDB_REGISTER_BYTES])
{
	const struct gdb_register *r = find(cpu, number);

	if (!r)
		return 0;
	r->read(cpu, r->arg, value);
	return r->bits / 8;
}

size_t gdb_register_write(struct cpu *cpu, unsigned int number, const uint8_t *value, size_t len)
{
	const struct gdb_register *r = find(cpu, number);

	if (!r || len < r->bits / 8)
		return 0;
	if (r->write)
		r->write(cpu, r->arg, value);
	return r->bits / 8;
}
