/* What the SMBIOS structures say of a PC board. */
#include "machines/pc.h"

#include "hw/firmware/smbios.h"

struct error *pc_add_smbios(struct pc *pc)
{
	struct machine *m = pc->m;
	struct smbios_machine d = {
		.manufacturer = "Ratite",
		.product = m->class->help,
		.version = m->class->name,
		.uuid = m->uuid,
		.cpu_name = m->class->name,
		.sockets = MAX(m->sockets, 1),
		.cores = MAX(m->cores, 1),
		.threads = MAX(m->threads, 1),
		.low_ram = pc->low_ram,
		.high_ram = pc->high_ram,
		.options = m->smbios,
	};

	/* without PCI there was no SMBIOS yet; firmware then makes none either */
	return pc->has_pci || (m->smbios && m->smbios->len) ? smbios_add(pc->fw, &d) : NULL;
}
