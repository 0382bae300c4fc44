/*
 * PCI: configuration space, BARs, ROMs, interrupt pins, bus mastering.
 * Source: PCI Local Bus Specification 2.2 (chapter 6), PCI-to-PCI Bridge 1.1.
 *
 * A PCI function embeds `struct pci_device` as its first member and describes itself with
 * PCI_DEVICE(). The bus owns configuration space; a function that has side effects on it hooks
 * config_write. All with the machine lock held.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "vm/device.h"
#include "vm/irq.h"
#include "vm/memory.h"

#define PCI_CONFIG_SIZE		  256
#define PCI_BARS		  6
#define PCI_ROM_SLOT		  6
#define PCI_DEVFN(slot, function) (((slot) << 3) | (function))

struct pci_bus;
struct pci_device;

/* bus_info of a PCI device class. */
struct pci_info {
	uint16_t vendor, device, class_code; /* class_code: base << 8 | sub */
	uint8_t prog_if, revision, header_type;
	uint16_t subsystem_vendor, subsystem; /* 0: 1af4:1100 */
	uint8_t interrupt_pin;		      /* 0 none, 1 INTA# ... */
	const char *rom; /* default expansion ROM file (firmware_find), or NULL */
	/* Before the bus reads: brings `config` up to date. May be NULL. */
	void (*config_read)(struct pci_device *dev, unsigned int offset, unsigned int size);
	/* After the bus stored a write; `old` is not kept. May be NULL. */
	void (*config_written)(struct pci_device *dev, unsigned int offset, unsigned int size);
};

enum pci_bar_kind { PCI_BAR_IO = 1, PCI_BAR_MEM = 0, PCI_BAR_MEM_PREFETCH = 8, PCI_BAR_MEM64 = 4 };

struct pci_bar {
	struct region *region; /* NULL: not implemented */
	uint64_t size;
	enum pci_bar_kind kind;
	uint64_t addr; /* where it is mapped now, PCI_UNMAPPED if it is not */
};
#define PCI_UNMAPPED UINT64_MAX

struct pci_device {
	struct device dev;
	struct pci_bus *pci_bus;
	int32_t devfn; /* property "addr"; -1: first free slot */
	bool multifunction;
	char *romfile; /* property "romfile"; NULL: the class's */
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* bits that configuration writes change */
	uint8_t write_one_clear[PCI_CONFIG_SIZE];
	struct pci_bar bars[PCI_BARS + 1]; /* the last is the expansion ROM */
	struct region rom;
	struct region master,
		master_alias; /* what DMA sees; the alias is enabled by the bus-master bit */
	struct address_space dma;
	int irq_level;	   /* of its pin */
	uint16_t caps_end; /* first free byte behind the capabilities */
};

/* State list that every PCI function's own list starts with: F_PCI(struct e1000, pci). */
extern const struct field pci_device_fields[];
#define F_PCI(type, member) F_STRUCT(type, member, pci_device_fields)
extern const struct prop pci_props[];

/* Registers a PCI function class. `info` is a struct pci_info. */
#define PCI_DEVICE(ident, type, name_, help_, info_, props_, state_, init_, reset_, settle_)      \
	DEVICE_CLASS(ident, .name = (name_), .help = (help_), .bus = "PCI", .size = sizeof(type), \
		     .props = (props_), .state = (state_), .init = (init_), .reset = (reset_),    \
		     .settle = (settle_), .bus_info = (info_), .bus_props = pci_props)

/* Offers a BAR; call from init. The size is the region's, a power of two (memory >= 16, I/O >= 4).
 */
void pci_add_bar(struct pci_device *dev, unsigned int bar, struct region *region,
		 enum pci_bar_kind kind);
/* Drives the function's interrupt pin. */
void pci_set_irq(struct pci_device *dev, int level);
/* Level of the pin as the bus sees it (0 while the command register disables it). */
int pci_irq_asserted(const struct pci_device *dev);
/* Restores config space to its reset values; the bus calls it before the device's own reset. */
void pci_device_reset(struct pci_device *dev);
/* Adds a capability of `size` bytes; returns its offset in config space. */
uint8_t pci_add_capability(struct pci_device *dev, uint8_t id, uint8_t size);

/* Bus mastering: nothing happens (reads give 0xff) unless the command register allows it. */
void pci_dma_read(struct pci_device *dev, uint64_t addr, void *buf, uint64_t len);
void pci_dma_write(struct pci_device *dev, uint64_t addr, const void *buf, uint64_t len);

/* --- for host bridges and boards --- */
struct pci_bus {
	const char *name;
	struct pci_device *devices[256];
	struct region *memory, *io; /* where BARs are mapped */
	struct address_space *dma;  /* the host side of bus mastering */
	/* Pin `pin` (0..3) of `dev` changed to `level`: already swizzled by nothing; the bridge
	 * maps. */
	void (*set_irq)(void *opaque, struct pci_device *dev, int pin, int level);
	void *opaque;
	int irq_counts[4];
	unsigned int first_slot; /* the lowest that a device without address gets */
};

void pci_bus_init(struct pci_bus *bus, const char *name, struct region *memory, struct region *io,
		  struct address_space *dma);
/* Maps all BARs anew after a state was loaded; the host bridge's post_load calls it. */
void pci_bus_post_load(struct pci_bus *bus);
/* Plugs and realizes a device made by device_new(); devfn from its property or -1. */
struct error *pci_plug(struct pci_bus *bus, struct device *dev) NODISCARD;
/* Boards: make by class name at devfn (-1: first free slot). Aborts on a wrong name. */
struct error *pci_create(struct pci_bus *bus, const char *name, int devfn,
			 struct pci_device **dev) NODISCARD;
uint32_t pci_config_read(struct pci_bus *bus, unsigned int bus_nr, unsigned int devfn,
			 unsigned int offset, unsigned int size);
void pci_config_write(struct pci_bus *bus, unsigned int bus_nr, unsigned int devfn,
		      unsigned int offset, uint32_t value, unsigned int size);
/*
 * Registers of a type 1 host bridge (CF8h/CFCh): an address latch and a data window. Accesses of
 * other than four bytes to the latch pass it by; the reset control register of PIIX bridges lies
 * there (CF9h), so the owner may set byte_ops to get the byte accesses at CF8h + offset.
 */
struct pci_type1 {
	struct pci_bus *bus;
	uint32_t address;
	struct region address_region, data_region;
	const struct region_ops *byte_ops;
	void *byte_opaque;
};
void pci_type1_init(struct pci_type1 *t, struct pci_bus *bus);
/* "info pci" */
void pci_print(struct pci_bus *bus, FILE *out);

#endif
