/*
 * An ARM board whose processor does not run: tests drive its registers and its clock. May be made
 * once a process (Check forks one for each test).
 */
#ifndef TESTS_HW_ARM_RIG_H
#define TESTS_HW_ARM_RIG_H

#include "vm/arm-cpu.h"
#include "vm/machine.h"

#include <stdint.h>

/* Makes the board with `image` as its -kernel, resets it, at time 0. */
struct machine *arm_rig_new(const char *name, const void *image, size_t size);
struct machine *arm_rig_new_smp(const char *name, const void *image, size_t size,
				unsigned int cpus);
struct device *arm_rig_device(const char *name, unsigned int n);
uint32_t peek(uint32_t addr);
void poke(uint32_t addr, uint32_t value);
/* Lets virtual time pass, firing timers at their deadlines. */
void pass_ns(int64_t ns);
/* Saves, resets, loads and saves again; both must be equal. */
void arm_rig_save_load(void);

#endif
