/* What all PC boards have: processors, interrupt wiring and the devices at ISA addresses. */
#include "machines/pc.h"

#include "hw/net/nic.h"
#include "storage/block.h"

#include "vm/x86-cpu.h"

#include <string.h>

struct pc *pc_new(struct machine *m)
{
	struct pc *pc = g_new0(struct pc, 1);

	pc->m = m;
	pc->boot_list = g_string_new(NULL);
	region_init(&m->memory_root, "memory", UINT64_MAX);
	region_init(&m->io_root, "io", 0x10000);
	address_space_init(&m->memory, "memory", &m->memory_root);
	address_space_init(&m->io, "I/O", &m->io_root);
	m->memory.unassigned = m->io.unassigned = 0xff;
	pc->isa.io = &m->io_root;
	pc->isa.memory = &m->memory_root;
	m->isa = (struct bus *)&pc->isa;
	return pc;
}

/* --- interrupts --- */

/*
 * A global system interrupt goes to both controllers; the guest masks one of them. The timer's,
 * which the 8259s have as input 0, is pin 2 of the I/O APIC (the MADT says so).
 */
static void gsi_set(void *opaque, int n, int level)
{
	struct pc *pc = opaque;

	if (n < 16)
		irq_set(i8259_input(pc->pic, (unsigned int)n), level);
	if (pc->ioapic)
		irq_set(&pc->ioapic->inputs[n == 0 ? 2 : n], level);
}

static bool has_apics(const struct pc *pc)
{
	return pc->apic_bus.count != 0;
}

/* INTR of the 8259s: to LINT0 of the local APICs, or to the processor itself. */
static void intr_set(void *opaque, int n, int level)
{
	struct pc *pc = opaque;
	struct cpu *cpu = cpu_first();

	if (has_apics(pc)) {
		apic_bus_set_lint0(&pc->apic_bus, level);
		return;
	}
	cpu->class->set_line(cpu, X86_LINE_INTR, level);
	if (level)
		cpu_kick(cpu);
}

static int pic_acknowledge(void *opaque)
{
	return i8259_acknowledge(((struct pc *)opaque)->pic);
}

static const struct x86_intc_ops pic_only_ops = {.acknowledge = pic_acknowledge};

/* The keyboard controller and port 92h both move the gate; the last one wins. */
static void a20_set(void *opaque, int n, int level)
{
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		cpu->class->set_line(cpu, X86_LINE_A20, level);
}

static void smi_set(void *opaque, int n, int level)
{
	struct cpu *cpu = cpu_first();

	if (!level)
		return;
	cpu->class->set_line(cpu, X86_LINE_SMI, 1);
	cpu_kick(cpu);
}

/* FERR# of the processor is IRQ 13; port F0h acknowledges it. */
static void ferr_set(void *opaque, int n, int level)
{
	irq_set(&((struct pc *)opaque)->gsi[13], level);
}

void pc_create_gsis(struct pc *pc)
{
	for (int n = 0; n < PC_GSIS; n++)
		irq_init(&pc->gsi[n], gsi_set, pc, n);
	for (int n = 0; n < 16; n++)
		pc->isa.irqs[n] = &pc->gsi[n];
	irq_init(&pc->intr, intr_set, pc, 0);
	irq_init(&pc->a20, a20_set, pc, 0);
	irq_init(&pc->smi, smi_set, pc, 0);
	irq_init(&pc->ferr, ferr_set, pc, 0);
}

/* --- processors --- */

static struct error *create_apic(struct pc *pc, struct cpu *cpu)
{
	struct device *dev = device_new_named("apic");

	device_set_ptr(dev, "cpu", cpu);
	device_set_ptr(dev, "bus", &pc->apic_bus);
	return device_realize(dev);
}

static struct error *create_cpu(struct pc *pc, unsigned int index)
{
	struct machine *m = pc->m;
	const struct machine_class *class = m->class;
	const char *model = m->cpu_model;
	struct cpu *cpu;
	struct error *err;

	if (!model)
		model = m->target_64bit && class->default_cpu_64 ? class->default_cpu_64
								 : class->default_cpu;
	err = cpu_new(class->cpu_class, model, &m->memory, &m->io, &cpu);
	if (err)
		return err;
	x86_cpu_set_bsp(cpu, index == 0);
	if (index == 0)
		x86_cpu_set_ferr(cpu, &pc->ferr);
	if (x86_cpu_has_apic(cpu))
		return create_apic(pc, cpu);
	if (index != 0)
		return error_new("-smp: processor model \"%s\" has no local APIC", model);
	cpu->intc = pc;
	cpu->intc_ops = &pic_only_ops;
	return NULL;
}

struct error *pc_create_cpus(struct pc *pc)
{
	struct error *err = NULL;

	apic_bus_init(&pc->apic_bus);
	pc->apic_bus.acknowledge = pic_acknowledge;
	pc->apic_bus.acknowledge_opaque = pc;
	for (unsigned int i = 0; i < pc->m->cpus && !err; i++)
		err = create_cpu(pc, i);
	if (!err && has_apics(pc))
		region_add(&pc->m->memory_root, APIC_DEFAULT_BASE, &pc->apic_bus.registers, 2);
	return err;
}

/* --- small ports --- */

static uint64_t ones_read(void *opaque, uint64_t offset, unsigned int size)
{
	return UINT32_MAX >> (32 - 8 * size);
}

static void write_ignored(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
}

/* F0h: clear busy; F1h: reset coprocessor. Both end the processor's error signal. */
static void coprocessor_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pc *pc = opaque;

	irq_set(&pc->gsi[13], 0);
	if (offset == 0)
		x86_cpu_set_ignne(cpu_first());
}

static const struct region_ops port_80_ops = {
	.read = ones_read, .write = write_ignored, .max_size = 4};
static const struct region_ops port_f0_ops = {
	.read = ones_read, .write = coprocessor_write, .max_size = 1};

static void create_ports(struct pc *pc)
{
	region_init_io(&pc->port_80, "post-code", 1, &port_80_ops, pc);
	region_init_io(&pc->port_f0, "coprocessor", 2, &port_f0_ops, pc);
	region_add(&pc->m->io_root, 0x80, &pc->port_80, 0);
	region_add(&pc->m->io_root, 0xf0, &pc->port_f0, 0);
}

/* --- devices --- */

static struct error *create_simple(struct pc *pc, const char *name, const char *pointer,
				   void *value)
{
	struct device *dev = device_new_named(name);

	if (pointer)
		device_set_ptr(dev, pointer, value);
	return isa_plug(&pc->isa, dev);
}

static struct error *create_hpet(struct pc *pc)
{
	struct device *dev;
	struct error *err;

	if (!pc->has_hpet)
		return NULL;
	dev = device_new_named("hpet");
	device_set_ptr(dev, "gsis", pc->gsi);
	err = device_realize(dev);
	if (err)
		return err;
	pc->hpet = (struct hpet *)dev;
	region_add(&pc->m->memory_root, HPET_BASE, &pc->hpet->registers, 0);
	return NULL;
}

static struct error *create_pit(struct pc *pc)
{
	struct device *dev = device_new_named("isa-pit");
	struct error *err;

	device_set_ptr(dev, "out", &pc->gsi[0]);
	pc->pit = (struct i8254 *)dev;
	err = isa_plug(&pc->isa, dev);
	if (!err && pc->hpet)
		hpet_set_pit(pc->hpet, pc->pit);
	return err ? err : create_simple(pc, "isa-pcspk", "pit", pc->pit);
}

static struct error *create_rtc(struct pc *pc)
{
	struct device *dev = device_new_named("mc146818rtc");

	if (pc->m->rtc_td_hack)
		*(bool *)device_prop(dev, "lost-ticks", PROP_KIND_BOOL) = true;
	if (pc->hpet)
		device_set_ptr(dev, "line", &pc->hpet->rtc_in);
	pc->rtc = (struct mc146818 *)dev;
	return isa_plug(&pc->isa, dev);
}

static struct error *create_interrupt_controllers(struct pc *pc)
{
	struct device *dev = device_new_named("isa-pic");
	struct error *err;

	device_set_ptr(dev, "out", &pc->intr);
	pc->pic = (struct i8259 *)dev;
	err = isa_plug(&pc->isa, dev);
	if (err || !pc->has_ioapic || !has_apics(pc))
		return err;
	dev = device_new_named("ioapic");
	device_set_ptr(dev, "bus", &pc->apic_bus);
	err = device_realize(dev);
	if (err)
		return err;
	pc->ioapic = (struct ioapic *)dev;
	region_add(&pc->m->memory_root, IOAPIC_BASE, &pc->ioapic->registers, 2);
	return NULL;
}

static struct error *create_port(struct pc *pc, const char *name, unsigned int index,
				 struct chardev *chr)
{
	struct device *dev;

	if (!chr)
		return NULL;
	dev = device_new_named(name);
	device_set_u64(dev, "index", index);
	device_set_ptr(dev, "chardev", chr);
	return isa_plug(&pc->isa, dev);
}

static struct error *create_serial_and_parallel(struct pc *pc)
{
	struct machine *m = pc->m;
	struct error *err = NULL;

	for (unsigned int i = 0; i < m->serial_count && i < MAX_SERIALS && !err; i++)
		err = create_port(pc, "isa-serial", i, m->serial[i]);
	for (unsigned int i = 0; i < m->parallel_count && i < MAX_PARALLELS && !err; i++)
		err = create_port(pc, "isa-parallel", i, m->parallel[i]);
	return err;
}

struct error *pc_create_isa_devices(struct pc *pc)
{
	struct address_space *dma = pc->has_pci ? &pc->dma : &pc->m->memory;
	struct error *err = create_interrupt_controllers(pc);

	create_ports(pc);
	err = err ? err : create_hpet(pc);
	err = err ? err : create_pit(pc);
	err = err ? err : create_rtc(pc);
	err = err ? err : create_simple(pc, "i8237", "memory", dma);
	err = err ? err : create_simple(pc, "i8042", "a20", &pc->a20);
	err = err ? err : create_simple(pc, "port92", "a20", &pc->a20);
	err = err ? err : create_serial_and_parallel(pc);
	err = err ? err : pc_create_optional(pc, "isa-fdc", -1);
	return err;
}

struct error *pc_create_optional(struct pc *pc, const char *name, int devfn)
{
	const struct device_class *class = device_class_find(name);
	struct device *dev;

	if (!class)
		return NULL;
	dev = device_new(class);
	if (strcmp(class->bus, "ISA") == 0)
		return isa_plug(&pc->isa, dev);
	((struct pci_device *)dev)->devfn = devfn;
	return pci_plug(&pc->pci, dev);
}

/* --- cards --- */

static struct error *create_nic(struct pc *pc, struct nic_config *config)
{
	struct device *dev;
	struct error *err = nic_new(config, pc->m->class->default_nic, NULL, &dev);

	if (err)
		return err;
	if (strcmp(dev->class->bus, "ISA") == 0)
		return isa_plug(&pc->isa, dev);
	if (strcmp(dev->class->bus, "PCI") == 0 && pc->has_pci)
		return nic_plug(config, &pc->pci, dev);
	err = error_new(
		"-net nic,model=%s: this card needs a %s bus, which machine \"%s\" does not have",
		dev->class->name, dev->class->bus, pc->m->class->name);
	device_free(dev);
	return err;
}

struct error *pc_create_nics(struct pc *pc)
{
	struct error *err = NULL;

	for (unsigned int i = 0; pc->m->nics && i < pc->m->nics->len && !err; i++)
		err = create_nic(pc, g_ptr_array_index(pc->m->nics, i));
	return err;
}

/* -drive if=virtio: one card a disk, in the order of their numbers. */
struct error *pc_create_virtio_disks(struct pc *pc)
{
	struct error *err = NULL;

	for (struct drive *d = drive_first(); d && !err; d = d->next) {
		if (strcmp(d->interface, "virtio") != 0)
			continue;
		struct device *dev = device_new_named("virtio-blk-pci");
		device_set_ptr(dev, "drive", d);
		err = pci_plug(&pc->pci, dev);
	}
	return err;
}

/* Class names of the cards of -vga, best first; a card that is not built falls back to the next. */
static const struct {
	const char *vga, *pci[2], *isa[2];
} vga_cards[] = {
	{"std", {"VGA", NULL}, {"isa-vga", NULL}},
	{"cirrus", {"cirrus-vga", "VGA"}, {"isa-cirrus-vga", "isa-vga"}},
	{"vmware", {"vmware-svga", "VGA"}, {"isa-vga", NULL}},
};

struct error *pc_create_vga(struct pc *pc)
{
	const char *vga = pc->m->vga ? pc->m->vga : pc->m->class->default_vga;

	for (unsigned int i = 0; i < G_N_ELEMENTS(vga_cards); i++) {
		const char *const *names = pc->has_pci ? vga_cards[i].pci : vga_cards[i].isa;

		if (!vga || strcmp(vga_cards[i].vga, vga) != 0)
			continue;
		for (unsigned int n = 0; n < 2 && names[n]; n++) {
			if (device_class_find(names[n]))
				return pc_create_optional(pc, names[n], -1);
		}
	}
	return NULL;
}
