/*
 * ARM RealView: the Emulation Baseboard (EB) with a core tile, and the Platform Baseboard for
 * Cortex-A8 (PB-A8). Sources: ARM DUI 0303E (EB), DUI 0318 (ARM11 MPCore core tile), DUI 0417D
 * (PB-A8).
 */
#include "hw/display/pl110.h"
#include "hw/gpio/pl061.h"
#include "hw/misc/arm-sysctl.h"
#include "hw/misc/mpcore.h"
#include "hw/pci/versatile-pci.h"
#include "machines/arm-board.h"
#include "machines/arm-smp.h"
#include "vm/arm-cpu.h"

#include <string.h>

#define ID_EB	 827 /* Linux machine types */
#define ID_PB_A8 1897

#define INPUTS	  64 /* interrupts of the board */
#define TILE_GICS 4
#define PEN_ADDR  0xe0000000u /* nothing of the board is there */

static const struct arm_row rows[] = {
	{"sp805", 0x10010000, {0, -1}},	       {"sp804", 0x10011000, {4, -1}},
	{"sp804", 0x10012000, {5, -1}},	       {"pl061", 0x10013000, {6, -1}},
	{"pl061", 0x10014000, {7, -1}},	       {"pl031", 0x10017000, {10, -1}},
	{"pl022", 0x1000d000, {11, -1}},       {"pl050-keyboard", 0x10006000, {20, -1}},
	{"pl050-mouse", 0x10007000, {21, -1}}, {"versatile-i2c", 0x10002000, {-1, -1}},
};
static const uint32_t uarts[] = {0x10009000, 0x1000a000, 0x1000b000, 0x1000c000};
enum { UART0_IRQ = 12, MMCI_IRQ = 17, LCD_IRQ = 23, DMA_IRQ = 24, ETHERNET_IRQ = 28, PCI_IRQ = 48 };

/* Where the core tile with ARM11 MPCore puts the board's interrupts, by its own numbers; the
 * others it has from the board's controllers only. */
static const int8_t tile_inputs[32] = {
	-1, -1, -1, -1, 1, 2, -1, -1, -1, -1, 6,  -1, 4, 5, -1, -1,
	-1, 14, 15, 0,	7, 8, -1, -1, -1, -1, -1, -1, 9, 3, -1, -1,
};
enum { TILE_CASCADE = 10 }; /* of the board's first controller */

struct realview {
	struct arm_board *board;
	bool is_pb;
	struct mpcore *mpcore; /* NULL: a single core */
	struct gic *gics[TILE_GICS];
	struct irq inputs[INPUTS];
	struct irq card_detect, write_protect;
	struct pl061 *gpio2;
	struct arm_sysctl *sysctl;
	struct region ram_low;
	struct arm_pen pen;
};

/* --- interrupts --- */

static void input_set(void *opaque, int n, int level)
{
	struct realview *r = opaque;

	for (unsigned int i = 0; i < TILE_GICS && r->gics[i]; i++)
		irq_set(&r->gics[i]->inputs[n], level);
	if (r->mpcore && n < 32 && tile_inputs[n] >= 0)
		irq_set(&r->mpcore->gic->inputs[tile_inputs[n]], level);
}

static struct error *create_gic(struct realview *r, unsigned int i, uint32_t addr, struct irq *out)
{
	struct device *dev = device_new_named("gic");
	struct error *err;

	device_set_u64(dev, "irqs", 32 + INPUTS);
	err = arm_place(r->board, dev, addr + 0x1000, out);
	if (err)
		return err;
	r->gics[i] = (struct gic *)dev;
	region_add(&r->board->m->memory_root, addr, &r->gics[i]->own, 0);
	return NULL;
}

static struct error *create_mpcore(struct realview *r)
{
	struct arm_board *b = r->board;
	struct device *dev = device_new_named("arm11mpcore-priv");
	struct error *err;

	r->mpcore = (struct mpcore *)dev;
	device_set_u64(dev, "cpus", b->m->cpus);
	for (unsigned int i = 0; i < b->m->cpus; i++)
		mmio_connect(dev, i, &b->irq[i]);
	err = mmio_place(dev, &b->m->memory_root, 0x10100000);
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		arm_cpu_set_private_base(cpu, 0x10100000);
	for (unsigned int i = 0; i < TILE_GICS && !err; i++)
		err = create_gic(r, i, 0x10040000 + i * 0x10000,
				 &r->mpcore->gic->inputs[TILE_CASCADE + i]);
	return err;
}

static struct error *create_interrupts(struct realview *r, bool mpcore)
{
	for (int n = 0; n < INPUTS; n++)
		irq_init(&r->inputs[n], input_set, r, n);
	if (mpcore)
		return create_mpcore(r);
	return create_gic(r, 0, r->is_pb ? 0x1e000000 : 0x10040000, &r->board->irq[0]);
}

/* --- system registers, cards, LCD --- */

/* What SYS_PROCID0 says of the core tile. */
static uint32_t proc_id(const char *model)
{
	static const struct {
		const char *prefix;
		uint32_t id;
	} tiles[] = {
		{"cortex-a9", 0x0c000000},
		{"cortex-a8", 0x0e000000},
		{"arm11mpcore", 0x06000000},
		{"arm11", 0x04000000},
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(tiles); i++) {
		if (g_str_has_prefix(model, tiles[i].prefix))
			return tiles[i].id;
	}
	return 0x02000000; /* ARM9 */
}

static struct error *create_sysctl(struct realview *r)
{
	struct device *dev = device_new_named("arm-sysctl");

	device_set_u64(dev, "sys-id", r->is_pb ? 0x01780500 : 0xc1400400);
	device_set_u64(dev, "proc-id", proc_id(r->board->m->cpu_model));
	device_set_u64(dev, "reset-bits", r->is_pb ? 0x104 : 0x108);
	r->sysctl = (struct arm_sysctl *)dev;
	return arm_place(r->board, dev, 0x10000000, NULL);
}

/* The card's switches go to the system registers and, card detect the other way round, to the last
 * GPIO block. */
static void card_detect_set(void *opaque, int n, int level)
{
	struct realview *r = opaque;

	irq_set(&r->sysctl->card_detect, level);
	irq_set(&r->gpio2->in[0], !level);
}

static void write_protect_set(void *opaque, int n, int level)
{
	struct realview *r = opaque;

	irq_set(&r->sysctl->write_protect, level);
	irq_set(&r->gpio2->in[1], level);
}

static struct error *create_card(struct realview *r)
{
	struct device *gpio = device_new_named("pl061");
	struct pl181 *mmci;
	struct error *err;

	r->gpio2 = (struct pl061 *)gpio;
	err = arm_place(r->board, gpio, 0x10015000, &r->inputs[8]);
	err = err ? err
		  : arm_place_mmci(r->board, 0, 0x10005000, &r->inputs[MMCI_IRQ],
				   &r->inputs[MMCI_IRQ + 1], &mmci);
	if (err)
		return err;
	irq_init(&r->card_detect, card_detect_set, r, 0);
	irq_init(&r->write_protect, write_protect_set, r, 0);
	mmci->card->inserted = &r->card_detect;
	mmci->card->readonly = &r->write_protect;
	return NULL;
}

static struct error *create_pci(struct realview *r)
{
	struct arm_board *b = r->board;
	struct device *dev = device_new_named("realview_pci");
	struct versatile_pci *pci = (struct versatile_pci *)dev;
	struct error *err;

	device_set_ptr(dev, "parent", &b->m->memory_root);
	for (unsigned int n = 1; n < 4; n++)
		mmio_connect(dev, n, &r->inputs[PCI_IRQ + n]);
	err = arm_place_master(b, dev, 0x10019000, &r->inputs[PCI_IRQ]);
	if (err)
		return err;
	b->m->pci = (struct bus *)&pci->bus;
	return arm_plug_cards(b, &pci->bus);
}

static struct error *create_devices(struct realview *r)
{
	struct arm_board *b = r->board;
	struct irq *in = r->inputs;
	struct error *err = create_sysctl(r);

	err = err ? err : arm_place_rows(b, rows, G_N_ELEMENTS(rows), in);
	for (unsigned int i = 0; i < G_N_ELEMENTS(uarts) && !err; i++)
		err = arm_place_uart(b, i, uarts[i], &in[UART0_IRQ + i]);
	err = err ? err : arm_place_master(b, device_new_named("pl081"), 0x10030000, &in[DMA_IRQ]);
	err = err ? err : arm_place_master(b, device_new_named("pl111"), 0x10020000, &in[LCD_IRQ]);
	err = err ? err : create_card(r);
	err = err ? err : arm_place_smc91c111(b, 0x4e000000, &in[ETHERNET_IRQ]);
	return err ? err : create_pci(r);
}

/* --- boards --- */

/* The PB-A8 has its memory at 70000000h; the first 256 MiB are also at 0. */
static struct error *create_ram(struct realview *r)
{
	struct machine *m = r->board->m;
	struct error *err = arm_board_create_ram(r->board, r->is_pb ? 0x70000000 : 0);

	if (err || !r->is_pb)
		return err;
	region_init_alias(&r->ram_low, "ram-low", &m->ram, 0,
			  MIN(m->ram_size, UINT64_C(256) << 20));
	region_add(&m->memory_root, 0, &r->ram_low, 0);
	return NULL;
}

static struct error *check_processors(const struct machine *m, bool mpcore)
{
	if (m->cpus == 1 || mpcore)
		return NULL;
	return error_new("-smp %u: only the core tile with ARM11 MPCore (-cpu arm11mpcore) has "
			 "more than one processor",
			 m->cpus);
}

static struct error *realview_init(struct machine *m, bool is_pb)
{
	struct realview *r = g_new0(struct realview, 1);
	bool mpcore = strcmp(m->cpu_model, "arm11mpcore") == 0;
	struct error *err = check_processors(m, mpcore);

	if (err)
		return err;
	r->board = arm_board_new(m);
	r->is_pb = is_pb;
	r->board->boot.board_id = is_pb ? ID_PB_A8 : ID_EB;
	region_batch_begin();
	err = arm_board_create_cpus(r->board);
	err = err ? err : create_ram(r);
	err = err ? err : create_interrupts(r, mpcore);
	err = err ? err : create_devices(r);
	/* the boot monitor's flags are SYS_FLAGS */
	if (!err && mpcore)
		err = arm_pen_create(&r->pen, r->board, PEN_ADDR, 0x10000030, 0x10100100);
	region_batch_end();
	return err ? err : arm_boot_load(&r->board->boot);
}

static struct error *realview_eb_init(struct machine *m)
{
	return realview_init(m, false);
}

static struct error *realview_pb_init(struct machine *m)
{
	return realview_init(m, true);
}

#define REALVIEW                                                                           \
	.targets = "arm", .cpu_class = &arm_cpu_class, .default_ram = UINT64_C(128) << 20, \
	.default_nic = "smc91c111", .default_vga = "none", .default_boot = "c",            \
	.drive_interface = "scsi", .no_floppy = true

MACHINE(realview_eb, .name = "realview-eb", .alias = "realview",
	.help = "ARM RealView Emulation Baseboard (ARM926EJ-S)", .default_cpu = "arm926",
	.max_cpus = 4, .max_ram = UINT64_C(256) << 20, .init = realview_eb_init, REALVIEW);
MACHINE(realview_eb_mpcore, .name = "realview-eb-mpcore",
	.help = "ARM RealView Emulation Baseboard (ARM11MPCore)", .default_cpu = "arm11mpcore",
	.max_cpus = 4, .max_ram = UINT64_C(256) << 20, .init = realview_eb_init, REALVIEW);
MACHINE(realview_pb_a8, .name = "realview-pb-a8",
	.help = "ARM RealView Platform Baseboard for Cortex-A8", .default_cpu = "cortex-a8",
	.max_cpus = 1, .max_ram = UINT64_C(512) << 20, .init = realview_pb_init, REALVIEW);
