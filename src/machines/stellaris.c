/*
 * Luminary Micro's evaluation boards of the Stellaris LM3S811 and LM3S6965: a Cortex-M3 with flash,
 * RAM and peripherals on one chip. Sources: the chips' data sheets (memory map, interrupts, device
 * capabilities) and the boards' user's manuals (what the pins are connected to).
 */
#include "hw/adc/stellaris-adc.h"
#include "hw/display/ssd0323.h"
#include "hw/gpio/pl061.h"
#include "hw/i2c/stellaris-i2c.h"
#include "hw/input/stellaris-gamepad.h"
#include "hw/intc/nvic.h"
#include "hw/misc/armv7m-bitband.h"
#include "hw/misc/stellaris-flash.h"
#include "hw/misc/stellaris-sysctl.h"
#include "hw/net/stellaris-enet.h"
#include "hw/sd/ssi-sd.h"
#include "hw/ssi/pl022.h"
#include "machines/arm-boot.h"
#include "machines/elf.h"
#include "vm/runstate.h"

#include <string.h>

#define IMAGE_LIMIT (UINT64_C(1) << 28) /* with debugging information */
enum { PORTS = 7, TIMERS = 4, UARTS = 3 };
enum { PORT_A, PORT_B, PORT_C, PORT_D, PORT_E, PORT_F, PORT_G };
#define SRAM_BASE	0x20000000u
#define PERIPHERAL_BASE 0x40000000u
/* PeriphID registers of Luminary's variants of the PrimeCells. */
#define LUMINARY_UART 0x01180011
#define LUMINARY_SSI  0x01180022
#define LUMINARY_GPIO 0x01180061

struct stellaris {
	struct machine *m;
	const struct stellaris_part *part;
	struct cpu *cpu;
	struct nvic *nvic;
	struct stellaris_sysctl *sysctl;
	struct pl061 *ports[PORTS];
	struct stellaris_adc *adc;
	struct stellaris_i2c *i2c;
	struct pl022 *ssi;
	struct ssd0323 *oled;
	struct irq oled_select, sd_select;
	struct region flash;
	struct bitband bitbands[2];
	uint32_t sram_size;
};

static const struct stellaris_part lm3s811 = {
	.name = "LM3S811",
	.did1 = 0x0032000e,
	.dc = {0x001f001f, 0x001132bf, 0x01071013, 0x3f0f01ff, 0x0000001f},
	.rcc_reset = 0x07803ac0,
	.crystal = 6000000,
};
static const struct stellaris_part lm3s6965 = {
	.name = "LM3S6965",
	.did0 = 0x10010002,
	.did1 = 0x1073402e,
	.dc = {0x00ff007f, 0x001133ff, 0x030f5317, 0x0f0f87ff, 0x5000007f},
	.rcc_reset = 0x07803ad1,
	.crystal = 8000000,
};

/* --- core --- */

static struct irq *input(struct stellaris *s, unsigned int number)
{
	return &s->nvic->inputs[number];
}

static struct error *create_memory(struct stellaris *s)
{
	struct machine *m = s->m;
	uint32_t flash_size = ((s->part->dc[0] & 0xffff) + 1) * 2048;
	struct error *err = region_init_rom(&s->flash, "stellaris.flash", flash_size, NULL, NULL);

	s->sram_size = ((s->part->dc[0] >> 16) + 1) * 256;
	err = err ? err : region_init_ram(&m->ram, "stellaris.sram", s->sram_size);
	if (err)
		return err;
	region_add(&m->memory_root, 0, &s->flash, 0);
	region_add(&m->memory_root, SRAM_BASE, &m->ram, 0);
	bitband_init(&s->bitbands[0], &m->memory, &m->memory_root, SRAM_BASE);
	bitband_init(&s->bitbands[1], &m->memory, &m->memory_root, PERIPHERAL_BASE);
	return NULL;
}

/* System control is made first, for others to find its clock, and realized last: at a reset the
 * clock changes when nothing counts any more. */
static struct error *create_core(struct stellaris *s)
{
	struct machine *m = s->m;
	const char *model = m->cpu_model ? m->cpu_model : m->class->default_cpu;
	struct error *err = cpu_new(&arm_cpu_class, model, &m->memory, NULL, &s->cpu);

	if (err)
		return err;
	s->sysctl = (struct stellaris_sysctl *)device_new_named("stellaris-sysctl");
	device_set_ptr(&s->sysctl->mmio.dev, "part", (void *)s->part);
	struct device *dev = device_new_named("armv7m_nvic");
	s->nvic = (struct nvic *)dev;
	device_set_ptr(dev, "cpu", s->cpu);
	device_set_ptr(dev, "cpu-ops", (void *)&arm_m_cpu_ops);
	device_set_ptr(dev, "clock", &s->sysctl->clock);
	device_set_u64(dev, "priority-bits", 3);
	device_set_u64(dev, "reference-clock", 1000000);
	err = device_realize(dev);
	if (!err)
		region_add(&m->memory_root, NVIC_BASE, &s->nvic->scs, 1);
	return err;
}

static struct error *place(struct stellaris *s, struct device *dev, uint32_t addr)
{
	return mmio_place(dev, &s->m->memory_root, addr);
}

static struct error *create_sysctl(struct stellaris *s)
{
	mmio_connect(&s->sysctl->mmio.dev, 0, input(s, 28));
	return place(s, &s->sysctl->mmio.dev, 0x400fe000);
}

static struct error *create_flash_control(struct stellaris *s)
{
	struct device *dev = device_new_named("stellaris-flash");

	device_set_ptr(dev, "memory", &s->flash);
	mmio_connect(dev, 0, input(s, 29));
	return place(s, dev, 0x400fd000);
}

/* --- peripherals; which of them a chip has is in DC1, DC2 and DC4 --- */

static bool has(const struct stellaris *s, unsigned int dc, unsigned int bit)
{
	return s->part->dc[dc] >> bit & 1;
}

static struct error *create_ports(struct stellaris *s)
{
	static const uint32_t at[PORTS] = {0x40004000, 0x40005000, 0x40006000, 0x40007000,
					   0x40024000, 0x40025000, 0x40026000};
	static const uint8_t lines[PORTS] = {0, 1, 2, 3, 4, 30, 31};
	struct error *err = NULL;

	for (unsigned int n = 0; n < PORTS && !err; n++) {
		if (!has(s, 4, n))
			continue;
		struct device *dev = device_new_named("pl061");
		s->ports[n] = (struct pl061 *)dev;
		device_set_u64(dev, "id", LUMINARY_GPIO);
		s->ports[n]->luminary = true;
		if (n == PORT_D)
			device_set_u64(dev, "pullups", 1); /* chip select of the SD card */
		mmio_connect(dev, 0, input(s, lines[n]));
		err = place(s, dev, at[n]);
	}
	return err;
}

static struct error *create_uarts(struct stellaris *s)
{
	static const uint8_t lines[UARTS] = {5, 6, 33};
	struct error *err = NULL;

	for (unsigned int n = 0; n < UARTS && !err; n++) {
		if (!has(s, 2, n))
			continue;
		struct device *dev = device_new_named("pl011");
		device_set_u64(dev, "id", LUMINARY_UART);
		if (n < s->m->serial_count && s->m->serial[n])
			device_set_ptr(dev, "chardev", s->m->serial[n]);
		mmio_connect(dev, 0, input(s, lines[n]));
		err = place(s, dev, 0x4000c000 + n * 0x1000);
	}
	return err;
}

static struct error *create_adc(struct stellaris *s)
{
	struct device *dev = device_new_named("stellaris-adc");

	s->adc = (struct stellaris_adc *)dev;
	for (unsigned int n = 0; n < ADC_SEQUENCERS; n++)
		mmio_connect(dev, n, input(s, 14 + n));
	return place(s, dev, 0x40038000);
}

static struct error *create_timers(struct stellaris *s)
{
	static const uint8_t lines[TIMERS] = {19, 21, 23, 35};
	struct error *err = NULL;

	for (unsigned int n = 0; n < TIMERS && !err; n++) {
		if (!has(s, 2, 16 + n))
			continue;
		struct device *dev = device_new_named("stellaris-gptm");
		device_set_ptr(dev, "clock", &s->sysctl->clock);
		mmio_connect(dev, 0, input(s, lines[n]));
		mmio_connect(dev, 1, input(s, lines[n] + 1u));
		mmio_connect(dev, 2, &s->adc->trigger);
		err = place(s, dev, 0x40030000 + n * 0x1000);
	}
	return err;
}

static struct error *create_watchdog(struct stellaris *s)
{
	struct device *dev = device_new_named("stellaris-watchdog");

	device_set_ptr(dev, "clock", &s->sysctl->clock);
	mmio_connect(dev, 0, input(s, 18));
	return place(s, dev, 0x40000000);
}

static struct error *create_i2c(struct stellaris *s)
{
	static const uint8_t lines[2] = {8, 37}, bits[2] = {12, 14};
	struct error *err = NULL;

	for (unsigned int n = 0; n < 2 && !err; n++) {
		if (!has(s, 2, bits[n]))
			continue;
		struct device *dev = device_new_named("stellaris-i2c");
		if (n == 0)
			s->i2c = (struct stellaris_i2c *)dev;
		mmio_connect(dev, 0, input(s, lines[n]));
		err = place(s, dev, 0x40020000 + n * 0x1000);
	}
	return err;
}

static struct error *create_ssi(struct stellaris *s)
{
	struct device *dev = device_new_named("pl022");

	s->ssi = (struct pl022 *)dev;
	device_set_u64(dev, "id", LUMINARY_SSI);
	mmio_connect(dev, 0, input(s, 7));
	return place(s, dev, 0x40008000);
}

static struct error *create_ethernet(struct stellaris *s)
{
	struct machine *m = s->m;
	struct device *dev;
	struct error *err;

	if (!has(s, 4, 28))
		return NULL;
	if (m->nics && m->nics->len) {
		err = nic_new(g_ptr_array_index(m->nics, 0), m->class->default_nic, "System", &dev);
		if (err)
			return err;
		if (strcmp(dev->class->name, "stellaris_enet") != 0) {
			err = error_new("-net nic,model=%s: this board's network controller is "
					"\"stellaris_enet\"",
					dev->class->name);
			device_free(dev);
			return err;
		}
	} else {
		dev = device_new_named("stellaris_enet");
	}
	mmio_connect(dev, 0, input(s, 42));
	err = place(s, dev, 0x40048000);
	if (!err)
		memcpy(s->sysctl->mac, ((struct stellaris_enet *)dev)->nic.mac, 6);
	return err;
}

/* --- what is soldered to the chips --- */

static void ssi_selected_low(void *opaque, int number, int level)
{
	ssi_select(opaque, !level);
}

/* The card shares SSI0 with the display; PD0 selects it. */
static struct error *create_sd_card(struct stellaris *s)
{
	struct device *dev = device_new_named("ssi-sd");
	struct ssi_sd *sd = (struct ssi_sd *)dev;

	sd->drive = drive_get("sd", 0, 0);
	struct error *err = device_realize(dev);
	if (err)
		return err;
	ssi_bus_add(&s->ssi->bus, &sd->ssi);
	irq_init(&s->sd_select, ssi_selected_low, &sd->ssi, 0);
	s->ports[PORT_D]->out[0] = &s->sd_select;
	return NULL;
}

/* The display is on SSI0, whose frame signal is pin PA3, with D/C# on PC7. */
static struct error *create_lm3s6965evb_parts(struct stellaris *s)
{
	static const uint8_t ports[GAMEPAD_KEYS] = {PORT_E, PORT_E, PORT_E, PORT_E, PORT_F};
	static const uint8_t pins[GAMEPAD_KEYS] = {0, 1, 2, 3, 1};
	struct device *dev = device_new_named("ssd0323");
	struct error *err = device_realize(dev);

	if (err)
		return err;
	s->oled = (struct ssd0323 *)dev;
	ssi_bus_add(&s->ssi->bus, &s->oled->ssi);
	irq_init(&s->oled_select, ssi_selected_low, &s->oled->ssi, 0);
	s->ports[PORT_A]->out[3] = &s->oled_select;
	s->ports[PORT_C]->out[7] = &s->oled->dc;

	err = create_sd_card(s);
	if (err)
		return err;
	dev = device_new_named("stellaris-gamepad");
	for (unsigned int n = 0; n < GAMEPAD_KEYS; n++)
		((struct stellaris_gamepad *)dev)->keys[n] = &s->ports[ports[n]]->in[pins[n]];
	return device_realize(dev);
}

static struct error *create_lm3s811evb_parts(struct stellaris *s)
{
	struct device *dev;

	return i2c_create(&s->i2c->bus, "ssd0303", 0x3d, &dev);
}

/* --- images --- */

static void enter(void *opaque)
{
	arm_m_reset_vectors(((struct stellaris *)opaque)->cpu);
}

static struct error *load_image(struct stellaris *s, struct loader *l)
{
	struct elf_info info;
	GByteArray *data;
	struct error *err = file_load(s->m->kernel, IMAGE_LIMIT, &data);

	if (err)
		return err;
	struct bytes file = {data->data, data->len};
	if (elf_is(file))
		err = arm_boot_load_elf(l, file, &info);
	else
		err = loader_add(l, 0, file, file.size);
	g_byte_array_unref(data);
	return err;
}

static struct error *load_kernel(struct stellaris *s)
{
	struct loader *l = loader_new(&s->m->memory);

	l->enter = enter;
	l->opaque = s;
	arm_boot_set_semihosting(s->m, SRAM_BASE, s->sram_size);
	if (s->m->kernel)
		return error_prefix(load_image(s, l), "-kernel %s", s->m->kernel);
	if (run_options.start_stopped)
		return NULL; /* a debugger may load something */
	return error_new("this board has no firmware: -kernel gives it an ELF file, or a raw image "
			 "of its flash");
}

static struct error *stellaris_init(struct machine *m, const struct stellaris_part *part)
{
	struct stellaris *s = g_new0(struct stellaris, 1);
	struct error *err;

	s->m = m;
	s->part = part;
	region_init(&m->memory_root, "memory", UINT64_MAX);
	address_space_init(&m->memory, "memory", &m->memory_root);
	m->memory.unassigned = 0; /* there is no bus fault; what is not there reads as zero */
	region_batch_begin();
	err = create_memory(s);
	err = err ? err : create_core(s);
	err = err ? err : create_ports(s);
	err = err ? err : create_uarts(s);
	err = err ? err : create_adc(s);
	err = err ? err : create_timers(s);
	err = err ? err : create_watchdog(s);
	err = err ? err : create_i2c(s);
	err = err ? err : create_ssi(s);
	err = err ? err : create_ethernet(s);
	err = err ? err : create_flash_control(s);
	if (!err)
		err = part == &lm3s811 ? create_lm3s811evb_parts(s) : create_lm3s6965evb_parts(s);
	err = err ? err : create_sysctl(s);
	region_batch_end();
	return err ? err : load_kernel(s);
}

static struct error *lm3s811evb_init(struct machine *m)
{
	return stellaris_init(m, &lm3s811);
}

static struct error *lm3s6965evb_init(struct machine *m)
{
	return stellaris_init(m, &lm3s6965);
}

MACHINE(lm3s811evb, .name = "lm3s811evb", .help = "Stellaris LM3S811EVB", .targets = "arm",
	.cpu_class = &arm_cpu_class, .default_cpu = "cortex-m3", .max_cpus = 1,
	.default_ram = 8 << 10, .default_vga = "none", .default_boot = "c",
	.drive_interface = "none", .no_floppy = true, .no_cdrom = true, .init = lm3s811evb_init);

MACHINE(lm3s6965evb, .name = "lm3s6965evb", .help = "Stellaris LM3S6965EVB", .targets = "arm",
	.cpu_class = &arm_cpu_class, .default_cpu = "cortex-m3", .max_cpus = 1,
	.default_ram = 64 << 10, .default_vga = "none", .default_boot = "c",
	.default_nic = "stellaris_enet", .drive_interface = "sd", .no_floppy = true,
	.no_cdrom = true, .init = lm3s6965evb_init);
