#include "board.h"

#include "base/loop.h"
#include "vm/clock.h"
#include "vm/runstate.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static int64_t now;

static int64_t now_read(void *opaque)
{
	return now;
}

/* --- processors that execute nothing --- */

static void stub_reset(struct cpu *cpu)
{
}

static void stub_line(struct cpu *cpu, int line, int level)
{
	struct stub_cpu *s = (struct stub_cpu *)cpu;

	if (level && !s->lines[line])
		s->edges[line]++;
	s->lines[line] = level;
	if (line == X86_LINE_SIPI)
		s->sipi = level;
	/* edge inputs are pulses */
	if (line != X86_LINE_INTR && line != X86_LINE_A20)
		s->lines[line] = 0;
}

static bool stub_has_work(struct cpu *cpu)
{
	return false;
}

const struct cpu_class x86_cpu_class = {
	.isa = "x86",
	.size = sizeof(struct stub_cpu),
	.reset = stub_reset,
	.set_line = stub_line,
	.has_work = stub_has_work,
};

void x86_cpu_set_ferr(struct cpu *cpu, struct irq *irq)
{
}

void x86_cpu_set_ignne(struct cpu *cpu)
{
}

void x86_cpu_set_bsp(struct cpu *cpu, bool bsp)
{
}

bool x86_cpu_has_apic(struct cpu *cpu)
{
	return strcmp(machine_get()->class->name, "isapc") != 0;
}

bool x86_cpu_in_smm(struct cpu *cpu)
{
	return false;
}

void x86_cpu_enter_flat32(struct cpu *cpu, uint32_t eip, uint32_t eax, uint32_t ebx)
{
}

/* --- the board --- */

static void machine_configure(struct machine *m, unsigned int cpus)
{
	m->ram_size = 16 << 20;
	m->cpus = m->max_cpus = cpus;
	m->cores = m->threads = 1;
	m->sockets = cpus;
	m->target = "i386";
	m->vga = (char *)"none";
	m->nics = g_ptr_array_new();
	m->option_roms = g_ptr_array_new();
	m->fw_cfg = g_ptr_array_new();
	/* tests may have given these */
	m->acpi_tables = m->acpi_tables ? m->acpi_tables : g_ptr_array_new();
	m->smbios = m->smbios ? m->smbios : g_ptr_array_new();
	m->numa = g_ptr_array_new();
	m->options = g_hash_table_new(g_str_hash, g_str_equal);
}

struct machine *board_new(const char *name, unsigned int cpus)
{
	struct machine *m = machine_get();
	struct error *err;

	now = 0;
	clock_use_icount(0, now_read, NULL);
	m->class = machine_class_find("i386", name);
	g_assert(m->class); /* not Check's: the fuzzer is no test case */
	machine_configure(m, cpus);
	err = m->class->init(m);
	if (err)
		g_error("%s", err->message);
	devices_reset();
	return m;
}

struct stub_cpu *board_cpu(unsigned int index)
{
	return (struct stub_cpu *)cpu_at(index);
}

struct device *board_device(const char *name)
{
	for (struct device *dev = device_first(); dev; dev = dev->next) {
		if (strcmp(dev->class->name, name) == 0)
			return dev;
	}
	ck_abort_msg("no device %s", name);
	return NULL;
}

/* --- accesses --- */

void outb(uint16_t port, uint8_t value)
{
	mem_store_le(&machine_get()->io, port, value, 1);
}

void outw(uint16_t port, uint16_t value)
{
	mem_store_le(&machine_get()->io, port, value, 2);
}

void outl(uint16_t port, uint32_t value)
{
	mem_store_le(&machine_get()->io, port, value, 4);
}

uint8_t inb(uint16_t port)
{
	return (uint8_t)mem_load_le(&machine_get()->io, port, 1);
}

uint16_t inw(uint16_t port)
{
	return (uint16_t)mem_load_le(&machine_get()->io, port, 2);
}

uint32_t inl(uint16_t port)
{
	return (uint32_t)mem_load_le(&machine_get()->io, port, 4);
}

uint32_t peek32(uint64_t addr)
{
	return (uint32_t)mem_load_le(&machine_get()->memory, addr, 4);
}

uint8_t peek8(uint64_t addr)
{
	return (uint8_t)mem_load_le(&machine_get()->memory, addr, 1);
}

void poke32(uint64_t addr, uint32_t value)
{
	mem_store_le(&machine_get()->memory, addr, value, 4);
}

void poke8(uint64_t addr, uint8_t value)
{
	mem_store_le(&machine_get()->memory, addr, value, 1);
}

void run_ns(int64_t ns)
{
	int64_t end = now + ns;

	for (int64_t next; (next = clock_next_deadline(CLOCK_VIRTUAL)) <= end;) {
		now = MAX(now, next);
		clock_run_timers(CLOCK_VIRTUAL);
	}
	now = end;
}

int accept_interrupt(unsigned int index)
{
	struct cpu *cpu = cpu_at(index);
	const struct x86_intc_ops *ops = cpu->intc_ops;

	return board_cpu(index)->lines[X86_LINE_INTR] ? ops->acknowledge(cpu->intc) : -1;
}

struct apic_access {
	unsigned int reg;
	uint32_t value;
	bool write;
};

static void apic_access(struct cpu *cpu, void *opaque)
{
	struct apic_access *a = opaque;

	if (a->write)
		poke32(APIC_DEFAULT_BASE + a->reg, a->value);
	else
		a->value = peek32(APIC_DEFAULT_BASE + a->reg);
}

/* cpu_take_requests() makes the processor current while its queued work runs. */
void cpu_take_requests(struct cpu *cpu);

uint32_t apic_peek(unsigned int cpu, unsigned int reg)
{
	struct apic_access a = {reg, 0, false};

	cpu_run_on(cpu_at(cpu), apic_access, &a);
	cpu_take_requests(cpu_at(cpu));
	return a.value;
}

void apic_poke(unsigned int cpu, unsigned int reg, uint32_t value)
{
	struct apic_access a = {reg, value, true};

	cpu_run_on(cpu_at(cpu), apic_access, &a);
	cpu_take_requests(cpu_at(cpu));
}

void pics_init(void)
{
	static const uint8_t words[][2] = {{0x20, 0x11}, {0x21, 0x08}, {0x21, 0x04}, {0x21, 0x01},
					   {0xa0, 0x11}, {0xa1, 0x70}, {0xa1, 0x02}, {0xa1, 0x01},
					   {0x21, 0x00}, {0xa1, 0x00}};

	for (unsigned int i = 0; i < G_N_ELEMENTS(words); i++)
		outb(words[i][0], words[i][1]);
}

/* --- suites --- */

static void lock(void)
{
	machine_lock();
}

static void unlock(void)
{
	machine_unlock();
}

int board_suite(const char *name, const TTest *const *tests)
{
	Suite *suite = suite_create(name);
	TCase *cases = tcase_create(name);
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(cases, lock, unlock);
	tcase_set_timeout(cases, 60);
	for (; *tests; tests++)
		tcase_add_test(cases, *tests);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
