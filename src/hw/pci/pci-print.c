/* "info pci": functions, their interrupt and their base addresses. */
#include "hw/pci/pci.h"
#include "hw/pci/pci-regs.h"

#include "base/bytes.h"

#include <inttypes.h>

static const struct {
	uint16_t class_code;
	const char *text;
} class_names[] = {
	{0x0001, "VGA controller"},
	{0x0100, "SCSI controller"},
	{0x0101, "IDE controller"},
	{0x0102, "Floppy controller"},
	{0x0106, "SATA controller"},
	{0x0107, "SAS controller"},
	{0x0180, "Storage controller"},
	{0x0200, "Ethernet controller"},
	{0x0280, "Network controller"},
	{0x0300, "VGA controller"},
	{0x0301, "XGA controller"},
	{0x0302, "3D controller"},
	{0x0380, "Display controller"},
	{0x0400, "Video controller"},
	{0x0401, "Audio controller"},
	{0x0402, "Phone"},
	{0x0403, "Audio controller"},
	{0x0500, "RAM controller"},
	{0x0501, "Flash controller"},
	{0x0580, "Memory controller"},
	{0x0600, "Host bridge"},
	{0x0601, "ISA bridge"},
	{0x0602, "EISA bridge"},
	{0x0604, "PCI bridge"},
	{0x0607, "CardBus bridge"},
	{0x0680, "Bridge"},
	{0x0700, "Serial port"},
	{0x0701, "Parallel port"},
	{0x0800, "Interrupt controller"},
	{0x0801, "DMA controller"},
	{0x0802, "Timer"},
	{0x0803, "RTC"},
	{0x0900, "Keyboard"},
	{0x0902, "Mouse"},
	{0x0c00, "FireWire controller"},
	{0x0c03, "USB controller"},
	{0x0c05, "SMBus"},
};

static void print_class(uint16_t code, FILE *out)
{
	for (size_t i = 0; i < sizeof(class_names) / sizeof(class_names[0]); i++) {
		if (class_names[i].class_code == code) {
			fprintf(out, "    %s", class_names[i].text);
			return;
		}
	}
	fprintf(out, "    Class %04x", code);
}

static void print_bar(const struct pci_device *dev, unsigned int n, FILE *out)
{
	const struct pci_bar *bar = &dev->bars[n];

	fprintf(out, "      BAR%u: ", n);
	if (bar->kind & PCI_BAR_IO)
		fprintf(out, "I/O at 0x%04" PRIx64 " [0x%04" PRIx64 "].\n",
			bar->addr == PCI_UNMAPPED ? 0xffff : bar->addr,
			bar->addr == PCI_UNMAPPED ? bar->size - 2 : bar->addr + bar->size - 1);
	else
		fprintf(out, "%d bit%s memory at 0x%08" PRIx64 " [0x%08" PRIx64 "].\n",
			bar->kind & PCI_BAR_MEM64 ? 64 : 32,
			bar->kind & PCI_BAR_MEM_PREFETCH ? " prefetchable" : "", bar->addr,
			bar->addr == PCI_UNMAPPED ? bar->size - 2 : bar->addr + bar->size - 1);
}

static void print_device(const struct pci_device *dev, FILE *out)
{
	const uint8_t *c = dev->config;

	fprintf(out, "  Bus %2d, device %3d, function %d:\n", 0, dev->devfn >> 3, dev->devfn & 7);
	print_class(load_le16(c + PCI_CLASS), out);
	fprintf(out, ": PCI device %04x:%04x\n", load_le16(c + PCI_VENDOR_ID),
		load_le16(c + PCI_DEVICE_ID));
	if (c[PCI_INTERRUPT_PIN])
		fprintf(out, "      IRQ %d, pin %c\n", c[PCI_INTERRUPT_LINE],
			'A' + c[PCI_INTERRUPT_PIN] - 1);
	for (unsigned int n = 0; n <= PCI_ROM_SLOT; n++) {
		if (dev->bars[n].region)
			print_bar(dev, n, out);
	}
	fprintf(out, "      id \"%s\"\n", dev->dev.id ? dev->dev.id : "");
}

void pci_print(struct pci_bus *bus, FILE *out)
{
	for (unsigned int i = 0; i < 256; i++) {
		if (bus->devices[i])
			print_device(bus->devices[i], out);
	}
}
