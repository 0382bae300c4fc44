#include "arm-rig.h"

#include "base/loop.h"
#include "vm/clock.h"
#include "vm/device.h"
#include "vm/state.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

static int64_t now;

static int64_t now_read(void *opaque)
{
	return now;
}

static char *image_file(const void *image, size_t size)
{
	char *path = g_strdup("/tmp/ratite-image-XXXXXX");
	int fd = g_mkstemp(path);

	g_assert(fd >= 0);
	g_assert(write(fd, image, size) == (ssize_t)size);
	close(fd);
	return path;
}

struct machine *arm_rig_new(const char *name, const void *image, size_t size)
{
	return arm_rig_new_smp(name, image, size, 1);
}

struct machine *arm_rig_new_smp(const char *name, const void *image, size_t size, unsigned int cpus)
{
	struct machine *m = machine_get();
	struct error *err;

	now = 0;
	clock_use_icount(0, now_read, NULL);
	m->class = machine_class_find("arm", name);
	g_assert(m->class); /* not Check's: fuzz targets use this too */
	m->ram_size = m->class->default_ram;
	m->cpus = m->max_cpus = m->sockets = cpus;
	m->cores = m->threads = 1;
	m->cpu_model = (char *)m->class->default_cpu;
	m->target = "arm";
	m->vga = (char *)"none";
	m->options = g_hash_table_new(g_str_hash, g_str_equal);
	m->kernel = image_file(image, size);
	err = m->class->init(m);
	if (err)
		g_error("%s", err->message);
	unlink(m->kernel);
	cpus_reset();
	devices_reset();
	return m;
}

struct device *arm_rig_device(const char *name, unsigned int n)
{
	for (struct device *dev = device_first(); dev; dev = dev->next) {
		if (strcmp(dev->class->name, name) == 0 && n-- == 0)
			return dev;
	}
	g_error("no device %s", name);
}

uint32_t peek(uint32_t addr)
{
	return (uint32_t)mem_load_le(&machine_get()->memory, addr, 4);
}

void poke(uint32_t addr, uint32_t value)
{
	mem_store_le(&machine_get()->memory, addr, value, 4);
}

void pass_ns(int64_t ns)
{
	int64_t end = now + ns;

	while (clock_next_deadline(CLOCK_VIRTUAL) <= end) {
		now = MAX(now, clock_next_deadline(CLOCK_VIRTUAL));
		clock_run_timers(CLOCK_VIRTUAL);
	}
	now = end;
}

void arm_rig_save_load(void)
{
	GByteArray *first = g_byte_array_new(), *second = g_byte_array_new();

	state_save_all(first);
	cpus_reset();
	devices_reset();
	struct error *err = state_load_all((struct bytes){first->data, first->len});
	ck_assert_msg(!err, "%s", err ? err->message : "");
	state_save_all(second);
	ck_assert_uint_eq(first->len, second->len);
	ck_assert_mem_eq(first->data, second->data, first->len);
	g_byte_array_unref(first);
	g_byte_array_unref(second);
}
