/* MSI-X tables; see msix.h. */
#include "hw/pci/msix.h"

#include "base/bytes.h"

#include <string.h>

enum {
	CAP_MSIX = 0x11,
	CAP_SIZE = 12,
	MESSAGE_CONTROL = 2,
	TABLE_OFFSET = 4,
	PENDING_OFFSET = 8,
	CONTROL_ENABLE = 0x8000,
	CONTROL_MASK_ALL = 0x4000,

	ENTRY_ADDRESS = 0,
	ENTRY_DATA = 8,
	ENTRY_CONTROL = 12,
	ENTRY_MASKED = 1,

	WINDOW_PENDING = 0x800,
	WINDOW_SIZE = 0x1000,
};

static uint16_t message_control(const struct pci_msix *m)
{
	return m->capability ? load_le16(m->pci->config + m->capability + MESSAGE_CONTROL) : 0;
}

bool pci_msix_enabled(const struct pci_msix *m)
{
	return message_control(m) & CONTROL_ENABLE;
}

static bool masked(const struct pci_msix *m, unsigned int vector)
{
	const uint8_t *entry = m->table + vector * PCI_MSIX_ENTRY;
	return message_control(m) & CONTROL_MASK_ALL || entry[ENTRY_CONTROL] & ENTRY_MASKED;
}

static void send(struct pci_msix *m, unsigned int vector)
{
	const uint8_t *entry = m->table + vector * PCI_MSIX_ENTRY;

	m->pending &= (uint16_t)~(1u << vector);
	m->sending = true;
	mem_store_le(&m->pci->dma, load_le64(entry + ENTRY_ADDRESS), load_le32(entry + ENTRY_DATA),
		     4);
	m->sending = false;
}

void pci_msix_raise(struct pci_msix *m, unsigned int vector)
{
	if (vector >= m->vectors || !pci_msix_enabled(m))
		return;
	/* A message whose address is one of this function's own registers must not lead back here.
	 */
	if (m->sending || masked(m, vector))
		m->pending |= (uint16_t)(1u << vector);
	else
		send(m, vector);
}

/* Masks have changed. */
static void send_pending(struct pci_msix *m)
{
	if (m->sending || !pci_msix_enabled(m))
		return;
	for (unsigned int i = 0; i < m->vectors; i++) {
		if (m->pending >> i & 1 && !masked(m, i))
			send(m, i);
	}
}

void pci_msix_config_written(struct pci_msix *m, unsigned int offset, unsigned int size)
{
	unsigned int control = m->capability + MESSAGE_CONTROL;

	if (m->capability && offset < control + 2 && control < offset + size)
		send_pending(m);
}

static uint64_t window_read(void *opaque, uint64_t offset, unsigned int size)
{
	const struct pci_msix *m = opaque;

	if (offset + size <= m->vectors * PCI_MSIX_ENTRY)
		return load_le(m->table + offset, size);
	return offset == WINDOW_PENDING ? m->pending : 0;
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pci_msix *m = opaque;

	if (offset + size > m->vectors * PCI_MSIX_ENTRY)
		return;
	store_le(m->table + offset, size, value);
	send_pending(m);
}

/* The table knows doublewords and quadwords only. */
static const struct region_ops window_ops = {
	.read = window_read, .write = window_write, .min_size = 4, .max_size = 8};

void pci_msix_reset(struct pci_msix *m)
{
	uint8_t *control = m->pci->config + m->capability + MESSAGE_CONTROL;

	memset(m->table, 0, sizeof(m->table));
	for (unsigned int i = 0; i < m->vectors; i++)
		m->table[i * PCI_MSIX_ENTRY + ENTRY_CONTROL] = ENTRY_MASKED;
	m->pending = 0;
	store_le16(control, (uint16_t)(m->vectors - 1));
}

void pci_msix_init(struct pci_msix *m, struct pci_device *pci, unsigned int bar,
		   unsigned int vectors)
{
	m->pci = pci;
	m->vectors = vectors;
	m->capability = pci_add_capability(pci, CAP_MSIX, CAP_SIZE);
	store_le32(pci->config + m->capability + TABLE_OFFSET, bar);
	store_le32(pci->config + m->capability + PENDING_OFFSET, WINDOW_PENDING | bar);
	store_le16(pci->writable + m->capability + MESSAGE_CONTROL,
		   CONTROL_ENABLE | CONTROL_MASK_ALL);
	region_init_io(&m->window, "msix", WINDOW_SIZE, &window_ops, m);
	pci_add_bar(pci, bar, &m->window, PCI_BAR_MEM);
	pci_msix_reset(m);
}

const struct field pci_msix_fields[] = {
	F_BYTES(struct pci_msix, table),
	F_U16(struct pci_msix, pending),
	FIELD_END,
};
