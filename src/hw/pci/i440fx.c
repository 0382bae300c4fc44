/*
 * 82441FX PCI and memory controller (PMC), Intel 290549-001.
 * Register numbers and names are those of chapter 3; see i440fx.h for the memory map.
 */
#include "hw/pci/i440fx.h"
#include "hw/pci/pci-regs.h"

#include "base/log.h"
#include "base/bytes.h"

#include <string.h>

enum {
	PAM0 = 0x59, /* to 5Fh */
	SMRAM = 0x72,
};

#define PAM_BASE 0xc0000u
#define PAM_SIZE 0x40000u
#define VGA_BASE 0xa0000u
#define VGA_SIZE 0x20000u

#define PAM_RE 1
#define PAM_WE 2

#define SMRAM_D_OPEN   0x40
#define SMRAM_D_CLS    0x20
#define SMRAM_D_LCK    0x10
#define SMRAM_G_SMRAME 0x08

static uint64_t segment_base(unsigned int n)
{
	return n == 0 ? 0xf0000 : PAM_BASE + (n - 1) * 0x4000;
}

static uint64_t segment_size(unsigned int n)
{
	return n == 0 ? 0x10000 : 0x4000;
}

/* Segment 0 (F0000h) is the high nibble of PAM0; 1 and 2 are the nibbles of PAM1, and so on. */
static uint8_t segment_mode(const struct i440fx *s, unsigned int n)
{
	unsigned int nibble = n + 1;
	return s->pci.config[PAM0 + nibble / 2] >> (nibble & 1 ? 4 : 0) & 3;
}

/*
 * Write only: the way to copy a ROM over itself. Reads must still show PCI, and code runs from
 * there, so the segment becomes a ROM with what PCI shows at this moment, whose writes go on to
 * RAM.
 */
static void shadow_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct i440fx *s = opaque;
	uint64_t addr = PAM_BASE + offset;

	if (size > PAM_SIZE - offset)
		return;
	store_le(s->ram->ram->host + addr, size, value);
	ram_written(s->ram->ram, addr, size);
}

static const struct region_ops shadow_ops = {.write = shadow_write, .max_size = 8};

static void shadow_fill(struct i440fx *s, unsigned int n)
{
	uint64_t base = segment_base(n), offset = base - PAM_BASE;

	mem_read(&s->pci_space, base, s->shadow_rom.ram->host + offset, segment_size(n));
	ram_written(s->shadow_rom.ram, offset, segment_size(n));
}

static void segment_update(struct i440fx *s, unsigned int n)
{
	struct i440fx_segment *seg = &s->segments[n];
	uint8_t mode = segment_mode(s, n);

	if (mode == s->modes[n])
		return;
	if (mode == PAM_WE)
		shadow_fill(s, n);
	s->modes[n] = mode;
	region_set_enabled(&seg->pci, mode == 0);
	region_set_enabled(&seg->rom, mode == PAM_RE);
	region_set_enabled(&seg->shadow, mode == PAM_WE);
}

static void memory_update(struct i440fx *s)
{
	uint8_t smram = s->pci.config[SMRAM];

	region_batch_begin();
	for (unsigned int n = 0; n < I440FX_PAM_SEGMENTS; n++)
		segment_update(s, n);
	region_set_enabled(&s->vga_window, !(smram & SMRAM_G_SMRAME) || !(smram & SMRAM_D_OPEN));
	region_set_enabled(&s->smm_ram, smram & SMRAM_G_SMRAME);
	region_batch_end();
}

/* D_LCK clears D_OPEN and freezes the register until reset. */
static void smram_written(struct i440fx *s)
{
	uint8_t *reg = &s->pci.config[SMRAM];

	if (!(*reg & SMRAM_D_LCK))
		return;
	*reg &= (uint8_t)~SMRAM_D_OPEN;
	s->pci.writable[SMRAM] = SMRAM_D_CLS;
}

static void config_written(struct pci_device *dev, unsigned int offset, unsigned int size)
{
	struct i440fx *s = (struct i440fx *)dev;

	if (offset <= SMRAM && offset + size > SMRAM)
		smram_written(s);
	if (offset + size > PAM0 && offset <= SMRAM)
		memory_update(s);
}

static struct error *map_segments(struct i440fx *s)
{
	struct error *err = region_init_rom(&s->shadow_rom, "pam-shadow", PAM_SIZE, &shadow_ops, s);

	if (err)
		return err;
	for (unsigned int n = 0; n < I440FX_PAM_SEGMENTS; n++) {
		struct i440fx_segment *seg = &s->segments[n];
		uint64_t base = segment_base(n), size = segment_size(n);

		region_init_alias(&seg->pci, "pam-pci", s->pci.pci_bus->memory, base, size);
		region_init_alias(&seg->rom, "pam-rom", s->ram, base, size);
		region_set_readonly(&seg->rom, true);
		region_init_alias(&seg->shadow, "pam-write-only", &s->shadow_rom, base - PAM_BASE,
				  size);
		region_add(s->system, base, &seg->pci, 1);
		region_add(s->system, base, &seg->rom, 1);
		region_add(s->system, base, &seg->shadow, 1);
		region_set_enabled(&seg->rom, false);
		region_set_enabled(&seg->shadow, false);
	}
	return NULL;
}

static uint64_t nobody_read(void *opaque, uint64_t offset, unsigned int size)
{
	return UINT64_MAX;
}

static void nobody_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
}

static const struct region_ops nobody_ops = {
	.read = nobody_read, .write = nobody_write, .max_size = 8};

static void map_smram(struct i440fx *s)
{
	/* a window on PCI where nothing is must not show the RAM behind it */
	region_init_io(&s->nobody, "pci-hole", 0x100000 - VGA_BASE, &nobody_ops, s);
	region_add(s->pci.pci_bus->memory, VGA_BASE, &s->nobody, -1);
	region_init_alias(&s->vga_window, "vga-window", s->pci.pci_bus->memory, VGA_BASE, VGA_SIZE);
	region_add(s->system, VGA_BASE, &s->vga_window, 1);
	region_init(&s->smm_root, "smm", UINT64_MAX);
	region_init_alias(&s->smm_system, "smm-system", s->system, 0, s->system->size);
	region_add(&s->smm_root, 0, &s->smm_system, 0);
	region_init_alias(&s->smm_ram, "smm-ram", s->ram, VGA_BASE, VGA_SIZE);
	region_add(&s->smm_root, VGA_BASE, &s->smm_ram, 1);
	region_set_enabled(&s->smm_ram, false);
	address_space_init(&s->smm_space, "smm", &s->smm_root);
	address_space_init(&s->pci_space, "pci", s->pci.pci_bus->memory);
}

static struct error *i440fx_init(struct device *dev)
{
	struct i440fx *s = (struct i440fx *)dev;
	uint8_t *w = s->pci.writable;
	struct error *err;

	if (s->ram->size < 0x100000)
		return error_new("this machine needs at least 1 MiB of RAM");
	pci_type1_init(&s->type1, s->pci.pci_bus);
	region_add(s->pci.pci_bus->io, 0xcf8, &s->type1.address_region, 0);
	region_add(s->pci.pci_bus->io, 0xcfc, &s->type1.data_region, 0);
	region_batch_begin();
	err = map_segments(s);
	if (!err)
		map_smram(s);
	region_batch_end();
	/* memory and master are always on; only SERR# and the DRAM set-up can be written */
	store_le16(w + PCI_COMMAND, PCI_COMMAND_SERR | PCI_COMMAND_PARITY);
	w[0x50] = w[0x51] = 0xff; /* PMCCFG */
	w[0x57] = 0xff;		  /* DRAMC */
	w[0x58] = 0xff;		  /* DRAMT */
	memset(w + PAM0, 0x33, 7);
	w[PAM0] = 0x30;
	memset(w + 0x60, 0xff, 8); /* DRB */
	w[0x68] = 0xff;		   /* FDHC */
	w[0x70] = 0xff;		   /* MTT */
	w[0x71] = 0xff;		   /* CLT */
	w[0x93] = 0xff;		   /* TRC */
	return err;
}

static void i440fx_reset(struct device *dev)
{
	struct i440fx *s = (struct i440fx *)dev;
	uint8_t *c = s->pci.config;

	s->type1.address = 0;
	store_le16(c + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	store_le16(c + PCI_STATUS, 0x0280);
	memset(c + PAM0, 0, 7);
	c[SMRAM] = 0x02; /* C_BASE_SEG: A0000h, fixed */
	s->pci.writable[SMRAM] = SMRAM_D_OPEN | SMRAM_D_CLS | SMRAM_D_LCK | SMRAM_G_SMRAME;
	memory_update(s);
}

static struct error *i440fx_post_load(struct device *dev)
{
	struct i440fx *s = (struct i440fx *)dev;
	uint8_t mode;

	/* the shadow's contents were saved as RAM: enable it without filling it anew */
	for (unsigned int n = 0; n < I440FX_PAM_SEGMENTS; n++) {
		mode = segment_mode(s, n);
		s->modes[n] = mode;
		region_set_enabled(&s->segments[n].pci, mode == 0);
		region_set_enabled(&s->segments[n].rom, mode == PAM_RE);
		region_set_enabled(&s->segments[n].shadow, mode == PAM_WE);
	}
	s->pci.writable[SMRAM] =
		s->pci.config[SMRAM] & SMRAM_D_LCK
			? SMRAM_D_CLS
			: SMRAM_D_OPEN | SMRAM_D_CLS | SMRAM_D_LCK | SMRAM_G_SMRAME;
	memory_update(s);
	pci_bus_post_load(s->pci.pci_bus);
	return NULL;
}

static const struct prop i440fx_props[] = {
	PROP_PTR("system", struct i440fx, system),
	PROP_PTR("ram", struct i440fx, ram),
	PROP_END,
};

static const struct field i440fx_state[] = {
	F_PCI(struct i440fx, pci),
	F_U32(struct i440fx, type1.address),
	FIELD_END,
};

static const struct pci_info i440fx_info = {
	.vendor = 0x8086,
	.device = 0x1237,
	.class_code = 0x0600,
	.revision = 2,
	.config_written = config_written,
};

DEVICE_CLASS(i440fx, .name = "i440FX", .help = "82441FX host bridge", .bus = "PCI",
	     .size = sizeof(struct i440fx), .props = i440fx_props, .state = i440fx_state,
	     .init = i440fx_init, .reset = i440fx_reset, .post_load = i440fx_post_load,
	     .bus_info = &i440fx_info, .bus_props = pci_props, .hidden = true);
