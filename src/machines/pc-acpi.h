/* Between pc-acpi.c and pc-dsdt.c. */
#ifndef MACHINES_PC_ACPI_H
#define MACHINES_PC_ACPI_H

#include "hw/acpi/aml.h"

struct pc;

void pc_dsdt(struct aml *a, const struct pc *pc);

#endif
