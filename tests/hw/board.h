/*
 * A PC board without a processor: tests drive its ports and memory and its clock. board_new() may
 * be called once a process (Check forks one for each test).
 */
#ifndef TESTS_HW_BOARD_H
#define TESTS_HW_BOARD_H

#include "base/bytes.h"
#include "machines/pc.h"
#include "vm/x86-cpu.h"

#include <stdint.h>

/* What the stub processors saw; index is the line of vm/x86-cpu.h. */
struct stub_cpu {
	struct cpu cpu;
	int lines[8];
	unsigned int edges[8]; /* how often a line rose */
	int sipi;
};

/* "pc" or "isapc" with 16 MiB and `cpus` processors; reset, time 0. Returns the machine. */
struct machine *board_new(const char *name, unsigned int cpus);
struct stub_cpu *board_cpu(unsigned int index);
/* Fields of struct pc are reached through the devices. */
struct device *board_device(const char *name);

void outb(uint16_t port, uint8_t value);
void outw(uint16_t port, uint16_t value);
void outl(uint16_t port, uint32_t value);
uint8_t inb(uint16_t port);
uint16_t inw(uint16_t port);
uint32_t inl(uint16_t port);
uint32_t peek32(uint64_t addr);
uint8_t peek8(uint64_t addr);
void poke32(uint64_t addr, uint32_t value);
void poke8(uint64_t addr, uint8_t value);

/* Lets virtual time pass, firing timers at their deadlines. */
void run_ns(int64_t ns);
/* The processor's answer to INTR: the vector, or -1 where INTR is low. */
int accept_interrupt(unsigned int cpu);
/* Register accesses that a processor makes to its own APIC. */
uint32_t apic_peek(unsigned int cpu, unsigned int reg);
void apic_poke(unsigned int cpu, unsigned int reg, uint32_t value);
/* The usual set-up of the 8259s: vectors 8 and 70h, everything unmasked. */
void pics_init(void);

/* main() of a test file: a list of test functions that ends with NULL. */
struct TTest;
int board_suite(const char *name, const struct TTest *const *tests);

#endif
