/*
 * ARM Versatile: the Platform Baseboard for the ARM926EJ-S (PB) and the Application Baseboard (AB).
 * Sources: ARM DUI 0225D, DUI 0276A.
 */
#include "hw/intc/pl190.h"
#include "hw/intc/versatile-sic.h"
#include "hw/misc/arm-sysctl.h"
#include "machines/arm-board.h"
#include "vm/arm-cpu.h"

#define ID_PB 387 /* Linux machine types */
#define ID_AB 606

#define VIC_SIC 31

static const struct arm_row vic_rows[] = {
	{"sp804", 0x101e2000, {4, -1}},
	{"sp804", 0x101e3000, {5, -1}},
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

static struct error *create_devices(struct versatile *v)
{
	struct arm_board *b = v->board;
	struct error *err = create_interrupts(v);

	err = err ? err : arm_place_named(b, "arm-sysctl", 0x10000000, NULL);
	err = err ? err : arm_place_rows(b, vic_rows, G_N_ELEMENTS(vic_rows), v->vic->inputs);
	err = err ? err : create_uarts(v);
	return err;
}

static struct error *versatile_init(struct machine *m, uint32_t board_id)
{
	struct versatile *v = g_new0(struct versatile, 1);
	struct error *err;

	v->board = arm_board_new(m);
	region_batch_begin();
	err = arm_board_create_cpus(v->board);
	err = err ? err : arm_board_create_ram(v->board, 0);
	err = err ? err : create_devices(v);
	region_batch_end();
	v->board->boot.board_id = board_id;
	return err ? err : arm_boot_load(&v->board->boot);
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
