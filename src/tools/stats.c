#include "tools/stats.h"

#include "base/error.h"
#include "interp/accel.h"
#include "vm/cpu.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct writer {
	FILE *text, *json;
	unsigned int fields; /* of this processor so far */
};

static void add(void *opaque, const char *name, double value)
{
	struct writer *w = opaque;

	fprintf(w->text, "  %-32s %.17g\n", name, value);
	if (w->json)
		fprintf(w->json, "%s\"%s\": %.17g", w->fields ? ", " : "", name, value);
	w->fields++;
}

static void print_cpu(struct writer *w, struct cpu *cpu)
{
	w->fields = 0;
	fprintf(w->text, "cpu %u\n", cpu->index);
	if (w->json)
		fprintf(w->json, "%s    {", cpu->index ? ",\n" : "");
	add(w, "instructions", (double)cpu->instructions);
	if (cpu->class->stats)
		cpu->class->stats(cpu, add, w);
	if (w->json)
		fputs("}", w->json);
}

void stats_print(void)
{
	struct writer w = {.text = stderr};
	const char *path = exec_options.stats_json;

	if (!exec_options.stats)
		return;
	if (path) {
		w.json = fopen(path, "we");
		if (!w.json)
			warn_report("-stats: cannot write \"%s\": %s", path, strerror(errno));
	}
	if (w.json)
		fputs("{\"cpus\": [\n", w.json);
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		print_cpu(&w, cpu);
	tier_report(stderr);
	if (w.json) {
		fputs("\n]}\n", w.json);
		fclose(w.json);
	}
}
