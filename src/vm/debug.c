/* Breakpoints and watchpoints, and the stop that one of them brought about. */
#include "vm/debug.h"

#include "base/loop.h"
#include "vm/cpu.h"
#include "vm/runstate.h"

#include <glib.h>

static struct {
	GArray *points; /* of struct debug_point; NULL: there never were any */
	struct debug_stop stop;
	bool (*hook)(const struct debug_stop *stop);
} debug;

static const struct debug_point *point_at(unsigned int n)
{
	return &g_array_index(debug.points, struct debug_point, n);
}

static unsigned int point_count(void)
{
	return debug.points ? debug.points->len : 0;
}

/* Every core looks at the points anew. */
static void points_changed(void)
{
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		if (cpu->class->debug_changed)
			cpu->class->debug_changed(cpu);
}

void debug_insert(const struct debug_point *point)
{
	if (!debug.points)
		debug.points = g_array_new(FALSE, FALSE, sizeof(*point));
	machine_quiesce();
	g_array_append_val(debug.points, *point);
	points_changed();
	machine_resume();
}

bool debug_remove(const struct debug_point *point)
{
	for (unsigned int n = 0; n < point_count(); n++) {
		const struct debug_point *p = point_at(n);
		if (p->kind != point->kind || p->va != point->va || p->len != point->len)
			continue;
		machine_quiesce();
		g_array_remove_index(debug.points, n);
		points_changed();
		machine_resume();
		return true;
	}
	return false;
}

void debug_remove_all(void)
{
	if (!point_count())
		return;
	machine_quiesce();
	g_array_set_size(debug.points, 0);
	points_changed();
	machine_resume();
}

void debug_set_step(struct cpu *cpu, bool step)
{
	cpu->debug_step = step;
}

void debug_set_held(struct cpu *cpu, bool held)
{
	cpu->debug_held = held;
}

bool debug_any(void)
{
	return point_count() != 0;
}

static bool is_break(const struct debug_point *p)
{
	return p->kind <= DEBUG_BREAK_HARDWARE;
}

bool debug_breaks_at(uint64_t va)
{
	for (unsigned int n = 0; n < point_count(); n++)
		if (is_break(point_at(n)) && point_at(n)->va == va)
			return true;
	return false;
}

uint64_t debug_next_break(uint64_t va)
{
	uint64_t next = UINT64_MAX;

	for (unsigned int n = 0; n < point_count(); n++)
		if (is_break(point_at(n)) && point_at(n)->va > va)
			next = MIN(next, point_at(n)->va);
	return next;
}

const struct debug_point *debug_watch_find(uint64_t va, uint64_t len, bool read, bool write)
{
	for (unsigned int n = 0; n < point_count(); n++) {
		const struct debug_point *p = point_at(n);
		bool wanted = (write && p->kind != DEBUG_WATCH_READ) ||
			      (read && p->kind != DEBUG_WATCH_WRITE);
		if (!is_break(p) && wanted && va - p->va + len - 1 < p->len + len - 1)
			return p;
	}
	return NULL;
}

const struct debug_stop *debug_stopped_at(void)
{
	return &debug.stop;
}

void debug_set_hook(bool (*fn)(const struct debug_stop *stop))
{
	debug.hook = fn;
}

bool debug_report(const struct debug_stop *stop)
{
	if (debug.hook)
		return debug.hook(stop);
	machine_lock();
	/* Of several processors that stop at once the first is heard. */
	bool first = !machine_request_pending();
	if (first) {
		debug.stop = *stop;
		machine_request_debug();
	}
	machine_unlock();
	return first;
}
