/*
 * SMBIOS structures for the firmware. Source: DMTF DSP0134, System Management BIOS Reference
 * Specification 2.8.0.
 */
#ifndef HW_FIRMWARE_SMBIOS_H
#define HW_FIRMWARE_SMBIOS_H

#include "hw/misc/fw-cfg.h"

#include "base/error.h"

#include <glib.h>
#include <stdint.h>

/* What the structures describe; strings are borrowed. */
struct smbios_machine {
	const char *manufacturer, *product, *version;
	const char *uuid; /* text, or NULL */
	const char *cpu_name;
	unsigned int sockets, cores, threads;
	uint64_t low_ram, high_ram; /* bytes below and above 4 GiB */
	GPtrArray *options;	    /* char *: texts of -smbios */
};

/* Makes "etc/smbios/smbios-tables" and "etc/smbios/smbios-anchor". */
struct error *smbios_add(struct fw_cfg *fw, const struct smbios_machine *m) NODISCARD;

#endif
