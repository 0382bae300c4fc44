/*
 * Runs a bare ARM program without a board: an ELF file or a flat image in RAM from address 0.
 *
 *	arm-run [-cpu MODEL] [-semihosting TEXT] [-linux] [-insns] [-singlestep] FILE
 *
 * With -linux it knows the system calls write, exit and exit_group (EABI), so that the same file
 *runs under qemu-arm; with -semihosting Angel's calls. A flat image is for v7-M: it begins with
 *vectors.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/loop.h"
#include "interp/arm/cpu.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAM_SIZE (64u << 20)
#define SRAM	 0x20000000u

static struct address_space memory;
static struct cpu *cpu;
static bool done;
static int status;

static void fail(const char *what)
{
	fprintf(stderr, "arm-run: %s\n", what);
	exit(2);
}

static void memory_new(void)
{
	static struct region root, ram, sram;

	region_init(&root, "memory", UINT64_MAX);
	struct error *err = region_init_ram(&ram, "ram", RAM_SIZE);
	if (!err)
		err = region_init_ram(&sram, "sram", 1 << 20);
	if (err)
		fail(err->message);
	region_add(&root, 0, &ram, 0);
	region_add(&root, SRAM, &sram, 0);
	address_space_init(&memory, "memory", &root);
}

/* Loads PT_LOAD segments; returns the entry point. */
static uint32_t load_elf(struct bytes file)
{
	uint32_t entry = load_le32(file.data + 24), phoff = load_le32(file.data + 28);
	unsigned int count = load_le16(file.data + 44);

	for (unsigned int n = 0; n < count; n++) {
		const uint8_t *ph = bytes_at(file, phoff + 32 * n, 32);
		if (!ph)
			fail("truncated program headers");
		if (load_le32(ph) != 1)
			continue;
		uint32_t size = load_le32(ph + 16);
		const uint8_t *data = bytes_at(file, load_le32(ph + 4), size);
		if (!data)
			fail("truncated segment");
		mem_write(&memory, load_le32(ph + 8), data, size);
	}
	return entry;
}

static void stop(int code)
{
	done = true;
	status = code;
	cpu->exit_request = 1;
}

static bool linux_call(void *opaque, struct cpu *c, enum arm_trap trap, uint32_t number)
{
	uint32_t r0 = arm_cpu_get_reg(c, 0), r1 = arm_cpu_get_reg(c, 1), r2 = arm_cpu_get_reg(c, 2);
	static uint8_t buf[1 << 16];

	if (trap == ARM_TRAP_BKPT)
		return false;
	switch (arm_cpu_get_reg(c, 7)) {
	case 1:
	case 248: stop((int)r0); return true;
	case 4:
		if (r2 > sizeof(buf))
			fail("write is too long");
		mem_read(&memory, r1, buf, r2);
		if (write((int)r0, buf, r2) < 0)
			fail("write");
		arm_cpu_set_reg(c, 0, r2);
		return true;
	}
	return false;
}

static void run(bool insns)
{
	int64_t start = host_monotonic_ns();
	unsigned int faults = 0;

	while (!done && !cpu->halted && faults < 1000000) {
		cpu->exit_request = 0;
		cpu->class->run(cpu);
		faults++;
	}
	if (insns)
		fprintf(stderr, "%llu instructions, %.3f s\n",
			(unsigned long long)cpu->instructions,
			(double)(host_monotonic_ns() - start) / 1e9);
}

int main(int argc, char **argv)
{
	const char *model = "any", *semihosting = NULL;
	bool linux_calls = false, insns = false;
	gchar *data = NULL;
	gsize size = 0;
	int n = 1;

	for (; n < argc && argv[n][0] == '-'; n++) {
		if (strcmp(argv[n], "-cpu") == 0 && n + 1 < argc)
			model = argv[++n];
		else if (strcmp(argv[n], "-semihosting") == 0 && n + 1 < argc)
			semihosting = argv[++n];
		else if (strcmp(argv[n], "-linux") == 0)
			linux_calls = true;
		else if (strcmp(argv[n], "-singlestep") == 0)
			exec_options.singlestep = true;
		else if (strcmp(argv[n], "-insns") == 0)
			insns = true;
	}
	if (n >= argc || !g_file_get_contents(argv[n], &data, &size, NULL) || size < 64)
		fail("no file");
	machine_lock();
	memory_new();
	struct bytes file = {(const uint8_t *)data, size};
	bool elf = memcmp(data, "\177ELF", 4) == 0;
	uint32_t entry = 0;
	if (elf)
		entry = load_elf(file);
	else
		mem_write(&memory, 0, data, size);
	g_free(data);
	struct error *err = cpu_new(&arm_cpu_class, model, &memory, NULL, &cpu);
	if (err)
		fail(err->message);
	cpu->class->reset(cpu);
	if (!arm_has(arm_cpu(cpu), F_M)) {
		arm_cpu_enter(cpu, entry, 0, 0, 0);
		arm_cpu_set_reg(cpu, SP, RAM_SIZE - 4096);
		if (linux_calls) {
			struct arm_cpu *c = arm_cpu(cpu);
			/* As a program finds it: User mode, FPU on, unaligned accesses allowed. */
			c->features |= F_USER_ANY;
			c->cpacr = 0x00f00000;
			c->cpar = 3;
			c->fpexc = 1u << 30;
			arm_cpsr_set(c, MODE_USR, PSR_M | PSR_I | PSR_F | PSR_A);
		}
	}
	if (semihosting)
		arm_cpu_set_semihosting(cpu, semihosting, 0, RAM_SIZE);
	if (linux_calls)
		arm_cpu_set_trap_hook(cpu, linux_call, NULL);
	machine_unlock();
	run(insns);
	if (!done) {
		fprintf(stderr, "arm-run: halted\n");
		arm_dump(cpu, stderr);
		return 3;
	}
	return status;
}
