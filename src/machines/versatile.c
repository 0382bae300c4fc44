/*
 * ARM Versatile: the Platform Baseboard for the ARM926EJ-S (PB) and the Application Baseboard (AB).
 * Sources: ARM DUI 0225D, DUI 0276A.
 */
#include "hw/display/pl110.h"
#include "hw/intc/pl190.h"
#include "hw/intc/versatile-sic.h"
#include "hw/misc/arm-sysctl.h"
#include "hw/pci/versatile-pci.h"
#include "machines/arm-board.h"
#include "vm/arm-cpu.h"

#define ID_PB 387 /* Linux machine types */
#define ID_AB 606

#define VIC_SIC 31

static const struct arm_row vic_rows[] = {
	{"sp804", 0x101e2000, {4, -1}},	 {"sp804", 0x101e3000, {5, -1}},
	{"pl061", 0x101e4000, {6, -1}},	 {"pl061", 0x101e5000, {7, -1}},
	{"pl061", 0x101e6000, {8, -1}},	 {"pl061", 0x101e7000, {9, -1}},
	{"pl031", 0x101e8000, {10, -1}}, {"sp810", 0x101e0000, {-1, -1}},
	{"sp805", 0x101e1000, {0, -1}},	 {"pl022", 0x101f4000, {11, -1}},
};

static const struct arm_row sic_rows[] = {
	{"pl050-keyboard", 0x10006000, {3, -1}},
	{"pl050-mouse", 0x10007000, {4, -1}},
	{"versatile-i2c", 0x10002000, {-1, -1}},
};

static const struct {
	uint32_t addr;
	int vic, sic;
} uarts[] = {{0x101f1000, 12, -1}, {0x101f2000, 13, -1}, {0x101f3000, 14, -1}, {0x10009000, -1, 6}};

struct versatile {
	struct arm_board *board;
	struct pl190 *vic;
	struct versatile_sic *sic;
};

static struct error *create_interrupts(struct versatile *v)
{
	struct arm_board *b = v->board;
	struct device *vic = device_new_named("pl190"), *sic = device_new_named("versatile-sic");
	struct error *err;

	v->vic = (struct pl190 *)vic;
	v->sic = (struct versatile_sic *)sic;
	mmio_connect(vic, PL190_FIQ, &b->fiq[0]);
	err = arm_place(b, vic, 0x10140000, &b->irq[0]);
	if (err)
		return err;
	for (unsigned int n = 21; n <= 30; n++)
		v->sic->direct[n] = &v->vic->inputs[n];
	return arm_place(b, sic, 0x10003000, &v->vic->inputs[VIC_SIC]);
}

static struct error *create_uarts(struct versatile *v)
{
	struct error *err = NULL;

	for (unsigned int i = 0; i < G_N_ELEMENTS(uarts) && !err; i++) {
		struct irq *irq = uarts[i].vic >= 0 ? &v->vic->inputs[uarts[i].vic]
						    : &v->sic->inputs[uarts[i].sic];
		err = arm_place_uart(v->board, i, uarts[i].addr, irq);
	}
	return err;
}

/* The board's registers, and the LCD whose colours they select. */
static struct error *create_system(struct versatile *v)
{
	struct arm_board *b = v->board;
	struct device *sysctl = device_new_named("arm-sysctl");
	struct device *lcd = device_new_named("pl110-versatile");
	struct error *err;

	device_set_ptr(lcd, "memory", &b->m->memory);
	err = arm_place(b, lcd, 0x10120000, &v->vic->inputs[16]);
	if (!err)
		err = arm_place(b, sysctl, 0x10000000, &((struct pl110 *)lcd)->mux);
	return err;
}

static struct error *create_cards(struct versatile *v)
{
	struct irq *in = v->sic->inputs;
	struct error *err = arm_place_mmci(v->board, 0, 0x10005000, &in[22], &in[1], NULL);

	return err ? err : arm_place_mmci(v->board, 1, 0x1000b000, &in[23], &in[2], NULL);
}

static struct error *create_pci(struct versatile *v)
{
	struct arm_board *b = v->board;
	struct device *dev = device_new_named("versatile_pci");
	struct versatile_pci *pci = (struct versatile_pci *)dev;
	struct error *err;

	device_set_ptr(dev, "parent", &b->m->memory_root);
	for (unsigned int n = 0; n < 4; n++)
		mmio_connect(dev, n, &v->sic->inputs[27 + n]);
	err = arm_place_master(b, dev, 0x10001000, &v->sic->inputs[27]);
	if (err)
		return err;
	b->m->pci = (struct bus *)&pci->bus;
	return arm_plug_cards(b, &pci->bus);
}

static struct error *create_devices(struct versatile *v)
{
	struct arm_board *b = v->board;
	struct error *err = create_interrupts(v);

	err = err ? err : create_system(v);
	err = err ? err : arm_place_rows(b, vic_rows, G_N_ELEMENTS(vic_rows), v->vic->inputs);
	err = err ? err : arm_place_rows(b, sic_rows, G_N_ELEMENTS(sic_rows), v->sic->inputs);
	err = err ? err : create_uarts(v);
	err = err ? err
		  : arm_place_master(b, device_new_named("pl080"), 0x10130000, &v->vic->inputs[17]);
	err = err ? err : create_cards(v);
	err = err ? err : arm_place_smc91c111(b, 0x10010000, &v->vic->inputs[25]);
	err = err ? err : create_pci(v);
	return err;
}

static struct error *versatile_init(struct machine *m, uint32_t board_id)
{
	struct versatile v = {.board = arm_board_new(m)};
	struct error *err;

	region_batch_begin();
	err = arm_board_create_cpus(v.board);
	err = err ? err : arm_board_create_ram(v.board, 0);
	err = err ? err : create_devices(&v);
	region_batch_end();
	v.board->boot.board_id = board_id;
	return err ? err : arm_boot_load(&v.board->boot);
}

static struct error *versatilepb_init(struct machine *m)
{
	return versatile_init(m, ID_PB);
}

static struct error *versatileab_init(struct machine *m)
{
	return versatile_init(m, ID_AB);
}

#define VERSATILE                                                                              \
	.targets = "arm", .cpu_class = &arm_cpu_class, .default_cpu = "arm926", .max_cpus = 1, \
	.default_ram = UINT64_C(128) << 20, .max_ram = UINT64_C(256) << 20,                    \
	.default_nic = "smc91c111", .default_vga = "none", .default_boot = "c",                \
	.drive_interface = "scsi", .no_floppy = true

MACHINE(versatilepb, .name = "versatilepb", .help = "ARM Versatile/PB (ARM926EJ-S)",
	.init = versatilepb_init, VERSATILE);
MACHINE(versatileab, .name = "versatileab", .help = "ARM Versatile/AB (ARM926EJ-S)",
	.init = versatileab_init, VERSATILE);
