/* ARM Integrator/CP, a compact platform with a CM926EJ-S core module. Source: ARM DUI 0159B. */
#include "hw/intc/integrator-pic.h"
#include "hw/misc/integrator-cm.h"
#include "hw/misc/integrator-cp.h"
#include "machines/arm-board.h"
#include "vm/arm-cpu.h"

#define ID 0x113 /* Linux machine type */

/* Inputs of the primary controller. */
enum {
	IRQ_UART0 = 1,
	IRQ_UART1,
	IRQ_KEYBOARD,
	IRQ_MOUSE,
	IRQ_TIMER0,
	IRQ_RTC = 8,
	IRQ_CORE_MODULE = 11,
	IRQ_LCD = 22,
	IRQ_MMCI0,
	IRQ_MMCI1,
	IRQ_SECONDARY = 26,
	IRQ_ETHERNET,
};
enum { SECONDARY_CARD = 3 };

static const struct arm_row rows[] = {
	{"pl031", 0x15000000, {IRQ_RTC, -1}},
	{"pl050-keyboard", 0x18000000, {IRQ_KEYBOARD, -1}},
	{"pl050-mouse", 0x19000000, {IRQ_MOUSE, -1}},
	{"integrator-leds", 0x1a000000, {-1, -1}},
};

struct integratorcp {
	struct arm_board *board;
	struct integrator_pic *pic, *secondary;
	struct region ram_alias;
};

static struct error *create_pic(struct integratorcp *i, uint32_t addr, struct irq *irq,
				struct irq *fiq, struct integrator_pic **pic)
{
	struct device *dev = device_new_named("integrator-pic");

	*pic = (struct integrator_pic *)dev;
	mmio_connect(dev, 1, fiq);
	return arm_place(i->board, dev, addr, irq);
}

static struct error *create_interrupts(struct integratorcp *i)
{
	struct arm_board *b = i->board;
	struct integrator_pic *core;
	struct error *err = create_pic(i, 0x14000000, &b->irq[0], &b->fiq[0], &i->pic);

	err = err ? err : create_pic(i, 0x10000040, &i->pic->inputs[IRQ_CORE_MODULE], NULL, &core);
	return err ? err
		   : create_pic(i, 0xca000000, &i->pic->inputs[IRQ_SECONDARY], NULL, &i->secondary);
}

static struct error *create_timers(struct integratorcp *i)
{
	struct device *dev = device_new_named("integrator-timer");

	for (unsigned int n = 1; n < 3; n++)
		mmio_connect(dev, n, &i->pic->inputs[IRQ_TIMER0 + n]);
	return arm_place(i->board, dev, 0x13000000, &i->pic->inputs[IRQ_TIMER0]);
}

/* The core module's registers, below its interrupt controller, and the board's own. */
static struct error *create_system(struct integratorcp *i, struct integrator_cp **control)
{
	struct arm_board *b = i->board;
	struct device *module = device_new_named("integrator-cm");
	struct device *board = device_new_named("integrator-cp-control");
	struct error *err;

	device_set_u64(module, "memory", b->m->ram_size >> 20);
	*control = (struct integrator_cp *)board;
	err = arm_place(b, board, 0xcb000000, &i->secondary->inputs[SECONDARY_CARD]);
	if (err)
		return err;
	err = device_realize(module);
	if (!err)
		region_add(&b->m->memory_root, 0x10000000, &((struct mmio *)module)->regs, -1);
	return err;
}

static struct error *create_card(struct integratorcp *i, struct integrator_cp *control)
{
	struct irq *in = i->pic->inputs;
	struct pl181 *mmci;
	struct error *err =
		arm_place_mmci(i->board, 0, 0x1c000000, &in[IRQ_MMCI0], &in[IRQ_MMCI1], &mmci);

	if (err)
		return err;
	mmci->card->inserted = &control->card_detect;
	mmci->card->readonly = &control->write_protect;
	return NULL;
}

static struct error *create_devices(struct integratorcp *i)
{
	struct arm_board *b = i->board;
	struct integrator_cp *control;
	struct irq *in;
	struct error *err = create_interrupts(i);

	if (err)
		return err;
	in = i->pic->inputs;
	err = create_system(i, &control);
	err = err ? err : create_timers(i);
	err = err ? err : arm_place_rows(b, rows, G_N_ELEMENTS(rows), in);
	err = err ? err : arm_place_uart(b, 0, 0x16000000, &in[IRQ_UART0]);
	err = err ? err : arm_place_uart(b, 1, 0x17000000, &in[IRQ_UART1]);
	err = err ? err : create_card(i, control);
	err = err ? err : arm_place_master(b, device_new_named("pl110"), 0xc0000000, &in[IRQ_LCD]);
	return err ? err : arm_place_smc91c111(b, 0xc8000000, &in[IRQ_ETHERNET]);
}

/* The module's memory is also at 80000000h. */
static struct error *create_ram(struct integratorcp *i)
{
	struct machine *m = i->board->m;
	struct error *err = arm_board_create_ram(i->board, 0);

	if (err)
		return err;
	region_init_alias(&i->ram_alias, "ram-alias", &m->ram, 0, m->ram_size);
	region_add(&m->memory_root, 0x80000000, &i->ram_alias, 0);
	return NULL;
}

static struct error *integratorcp_init(struct machine *m)
{
	struct integratorcp *i = g_new0(struct integratorcp, 1);
	struct error *err;

	i->board = arm_board_new(m);
	i->board->boot.board_id = ID;
	region_batch_begin();
	err = arm_board_create_cpus(i->board);
	err = err ? err : create_ram(i);
	err = err ? err : create_devices(i);
	region_batch_end();
	return err ? err : arm_boot_load(&i->board->boot);
}

MACHINE(integratorcp, .name = "integratorcp", .help = "ARM Integrator/CP (ARM926EJ-S)",
	.targets = "arm", .default_for = "arm", .cpu_class = &arm_cpu_class,
	.default_cpu = "arm926", .max_cpus = 1, .default_ram = UINT64_C(128) << 20,
	.max_ram = UINT64_C(256) << 20, .default_nic = "smc91c111", .default_vga = "none",
	.default_boot = "c", .drive_interface = "sd", .no_floppy = true, .no_cdrom = true,
	.init = integratorcp_init);
