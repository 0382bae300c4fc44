/*
 * LSI53C895A PCI to Ultra2 SCSI host adapter: its registers and interrupts. Source: LSI53C895A
 * Technical Manual (S14030.B), chapter 4. Most registers are only kept; the SCRIPTS processor that
 * does the work is in lsi-scripts.c, the bus in lsi-bus.c.
 */
#include "hw/scsi/lsi53c895a.h"
#include "hw/scsi/lsi.h"

#include "base/bytes.h"
#include "storage/block.h"

#include <glib.h>
#include <string.h>

uint32_t lsi_get32(const struct lsi *l, unsigned int reg)
{
	return load_le32(l->reg + reg);
}

void lsi_set32(struct lsi *l, unsigned int reg, uint32_t value)
{
	store_le32(l->reg + reg, value);
}

uint32_t lsi_get24(const struct lsi *l, unsigned int reg)
{
	return load_le32(l->reg + reg) & 0xffffff;
}

void lsi_set24(struct lsi *l, unsigned int reg, uint32_t value)
{
	store_le16(l->reg + reg, (uint16_t)value);
	l->reg[reg + 2] = (uint8_t)(value >> 16);
}

/* --- interrupts --- */

void lsi_update_irq(struct lsi *l)
{
	bool on = l->reg[ISTAT0] & ISTAT0_INTF || l->reg[DSTAT] & l->reg[DIEN] ||
		  l->reg[SIST0] & l->reg[SIEN0] || l->reg[SIST1] & l->reg[SIEN1];

	pci_set_irq(&l->pci, on && !(l->reg[DCNTL] & DCNTL_IRQD));
}

void lsi_dma_interrupt(struct lsi *l, uint8_t dstat)
{
	l->reg[DSTAT] |= dstat;
	l->state = SCRIPT_STOPPED;
	lsi_update_irq(l);
}

/* Conditions that are neither fatal nor enabled do not stop the script. */
void lsi_scsi_interrupt(struct lsi *l, uint8_t sist0, uint8_t sist1)
{
	l->reg[SIST0] |= sist0;
	l->reg[SIST1] |= sist1;
	if (sist0 & (l->reg[SIEN0] | SIST0_FATAL) || sist1 & (l->reg[SIEN1] | SIST1_FATAL)) {
		l->state = SCRIPT_STOPPED;
		l->move_active = false;
	}
	lsi_update_irq(l);
}

static uint8_t read_istat0(const struct lsi *l)
{
	uint8_t value = l->reg[ISTAT0] & (ISTAT0_SIGP | ISTAT0_SEM | ISTAT0_INTF);

	if (l->reg[SCNTL1] & SCNTL1_CON)
		value |= ISTAT0_CON;
	if (l->reg[DSTAT])
		value |= ISTAT0_DIP;
	if (l->reg[SIST0] & (l->reg[SIEN0] | SIST0_FATAL) ||
	    l->reg[SIST1] & (l->reg[SIEN1] | SIST1_FATAL))
		value |= ISTAT0_SIP;
	return value;
}

/* --- timers --- */

static void general_timer_expired(void *opaque)
{
	lsi_scsi_interrupt(opaque, 0, SIST1_GEN);
}

/* STIME1.GEN: 125 us, doubled with each step; 0 turns it off. */
static void start_general_timer(struct lsi *l)
{
	unsigned int gen = l->reg[STIME1] & 0xf;

	if (gen)
		timer_set(&l->general_timer,
			  clock_now(CLOCK_VIRTUAL) + (INT64_C(125000) << (gen - 1)));
	else
		timer_cancel(&l->general_timer);
}

static void script_goes_on(void *opaque)
{
	lsi_run(opaque);
}

/* --- registers --- */

static void soft_reset(struct lsi *l)
{
	lsi_disconnect(l);
	memset(l->reg, 0, sizeof(l->reg));
	l->reg[SCNTL0] = 0xc0;
	l->reg[GPREG] = 0x7f;
	l->reg[CTEST1] = 0xf0;
	l->reg[MACNTL] = 0xf0;
	l->reg[GPCNTL] = 0x0f;
	l->reg[STEST4] = 0xe0; /* LVD */
	l->state = SCRIPT_STOPPED;
	l->carry = l->move_active = l->unanswered = false;
	l->move_high = 0;
	timer_cancel(&l->script_timer);
	timer_cancel(&l->general_timer);
}

static uint8_t read_and_clear(struct lsi *l, unsigned int reg)
{
	uint8_t value = l->reg[reg];

	l->reg[reg] = 0;
	lsi_update_irq(l);
	return value;
}

/* Lines of the bus as SBCL shows them: BSY, ATN and the phase. */
static uint8_t bus_lines(struct lsi *l)
{
	enum lsi_phase phase = lsi_phase(l);

	if (l->target == LSI_NO_TARGET)
		return 0;
	return (uint8_t)(0x20 | (l->atn ? 0x08 : 0) | (phase == PHASE_NONE ? 0 : 0x80 | phase));
}

uint8_t lsi_read_register(struct lsi *l, unsigned int reg)
{
	uint8_t value;

	switch (reg) {
	case DSTAT: return read_and_clear(l, DSTAT) | DSTAT_DFE;
	case SIST0:
	case SIST1: return read_and_clear(l, reg);
	case ISTAT0: return read_istat0(l);
	case SBCL: return bus_lines(l);
	case SSTAT0: return l->reg[SCNTL1] & SCNTL1_RST ? 2 : 0;
	case CTEST2: /* reading it takes SIGP back */
		value = l->reg[ISTAT0] & ISTAT0_SIGP ? 0x40 : 0;
		l->reg[ISTAT0] &= (uint8_t)~ISTAT0_SIGP;
		return value | 0x31; /* I/O and memory mapped, DMA idle */
	case SSTAT2:
	case SIDL:
	case SIDL + 1:
	case SBDL:
	case SBDL + 1: return 0;
	default: return l->reg[reg % LSI_REGISTERS];
	}
}

static void start_script(struct lsi *l)
{
	l->state = SCRIPT_RUNNING;
	l->move_active = false;
	lsi_run(l);
}

static void write_istat0(struct lsi *l, uint8_t value)
{
	uint8_t kept = l->reg[ISTAT0] & ISTAT0_INTF;

	if (value & ISTAT0_INTF)
		kept = 0;
	l->reg[ISTAT0] = kept | (value & (ISTAT0_SIGP | ISTAT0_SEM));
	if (value & ISTAT0_SRST) {
		soft_reset(l);
	} else if (value & ISTAT0_ABRT) {
		l->move_active = false;
		lsi_dma_interrupt(l, DSTAT_ABRT);
	} else if (value & ISTAT0_SIGP && l->state == SCRIPT_WAIT_RESELECT) {
		lsi_set32(l, DSP, lsi_get32(l, DNAD));
		l->state = SCRIPT_RUNNING;
		lsi_run(l);
	}
	lsi_update_irq(l);
}

static void write_scntl1(struct lsi *l, uint8_t value)
{
	bool was = l->reg[SCNTL1] & SCNTL1_RST;

	l->reg[SCNTL1] = (uint8_t)((value & ~SCNTL1_CON) | (l->reg[SCNTL1] & SCNTL1_CON));
	if (value & SCNTL1_RST && !was) {
		lsi_bus_reset(l);
		lsi_scsi_interrupt(l, SIST0_RST, 0);
	}
}

void lsi_write_register(struct lsi *l, unsigned int reg, uint8_t value)
{
	switch (reg) {
	case SCNTL1: write_scntl1(l, value); break;
	case ISTAT0: write_istat0(l, value); break;
	case SSID:
	case SBCL:
	case DSTAT:
	case SSTAT0:
	case SSTAT1:
	case SSTAT2:
	case SIST0:
	case SIST1:
	case CTEST1:
	case STEST0:
	case STEST4:
	case SIDL:
	case SIDL + 1:
	case SBDL:
	case SBDL + 1:
	case ADDER ... ADDER + 3: break; /* cannot be written */
	case CTEST2: l->reg[CTEST2] = value & 0x08; break;
	case CTEST3: l->reg[CTEST3] = value & 0x03; break; /* FLF, CLF: the FIFO is empty */
	case MACNTL: l->reg[MACNTL] = 0xf0 | (value & 0x0f); break;
	case DSP + 3:
		l->reg[reg] = value;
		if (!(l->reg[DMODE] & DMODE_MAN))
			start_script(l);
		break;
	case DCNTL:
		l->reg[DCNTL] = value & (uint8_t)~DCNTL_STD;
		if (value & DCNTL_STD)
			start_script(l);
		lsi_update_irq(l);
		break;
	case STIME1:
		l->reg[STIME1] = value;
		start_general_timer(l);
		break;
	case DIEN:
	case SIEN0:
	case SIEN1:
		l->reg[reg] = value;
		lsi_update_irq(l);
		break;
	default: l->reg[reg % LSI_REGISTERS] = value;
	}
}

static uint64_t regs_read(void *opaque, uint64_t offset, unsigned int size)
{
	return lsi_read_register(opaque, (unsigned int)offset % LSI_REGISTERS);
}

static void regs_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	lsi_write_register(opaque, (unsigned int)offset % LSI_REGISTERS, (uint8_t)value);
}

static const struct region_ops ops = {
	.read = regs_read, .write = regs_write, .min_size = 1, .max_size = 1};

/* --- the device --- */

/* Buses are numbered in the order of their adapters. */
static char *bus_name(const struct device *dev)
{
	unsigned int n = 0;

	for (const struct device *d = device_first(); d; d = d->next)
		n += d != dev && d->class->init == dev->class->init;
	return g_strdup_printf("scsi.%u", n);
}

static struct error *lsi_init(struct device *dev)
{
	struct lsi *l = lsi_of(dev);
	char *name = g_strdup_printf("lsi53c895a-%02x.ram", (unsigned int)l->pci.devfn);
	struct error *err = region_init_ram(&l->ram, name, LSI_RAM);

	if (err)
		return err;
	region_init_io(&l->ports, "lsi-io", LSI_REGISTERS, &ops, l);
	region_init_io(&l->mmio, "lsi-mmio", 0x400, &ops, l);
	pci_add_bar(&l->pci, 0, &l->ports, PCI_BAR_IO);
	pci_add_bar(&l->pci, 1, &l->mmio, PCI_BAR_MEM);
	pci_add_bar(&l->pci, 2, &l->ram, PCI_BAR_MEM);
	l->pci.config[0x3e] = 0x11; /* MIN_GNT, MAX_LAT: units of 1/4 us */
	l->pci.config[0x3f] = 0x40;
	timer_init(&l->script_timer, CLOCK_VIRTUAL, script_goes_on, l);
	timer_init(&l->general_timer, CLOCK_VIRTUAL, general_timer_expired, l);
	scsi_bus_init(&l->bus, bus_name(dev), SCSI_IDS, 7, lsi_target_changed, l);
	return NULL;
}

static void lsi_reset(struct device *dev)
{
	struct lsi *l = lsi_of(dev);

	soft_reset(l);
	l->identified = l->command_sent = l->final_message = false;
	l->lun = 0;
	memset(l->message, 0, sizeof(l->message));
	memset(l->ram.ram->host, 0, LSI_RAM);
}

static struct error *lsi_post_load(struct device *dev)
{
	struct lsi *l = lsi_of(dev);
	bool connected = l->target != LSI_NO_TARGET;

	if (l->state > SCRIPT_WAIT_TARGET || l->message_len > sizeof(l->message) ||
	    l->message_pos > l->message_len || l->move_high & UINT32_MAX || l->lun > 7)
		return error_new("%s: register out of range", dev->class->name);
	if (connected && (l->target >= SCSI_IDS || !l->bus.targets[l->target]))
		return error_new("%s: there is no target %u", dev->class->name, l->target);
	return NULL;
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_PCI(struct lsi, pci),
	F_TIMER(struct lsi, script_timer),
	F_TIMER(struct lsi, general_timer),
	F_BYTES(struct lsi, reg),
	F_U8(struct lsi, state),
	F_BOOL(struct lsi, carry),
	F_BOOL(struct lsi, move_active),
	F_U64(struct lsi, move_high),
	F_U8(struct lsi, target),
	F_BOOL(struct lsi, atn),
	F_BOOL(struct lsi, unanswered),
	F_BOOL(struct lsi, identified),
	F_BOOL(struct lsi, command_sent),
	F_BOOL(struct lsi, final_message),
	F_U8(struct lsi, lun),
	F_BYTES(struct lsi, message),
	F_U8(struct lsi, message_len),
	F_U8(struct lsi, message_pos),
	FIELD_END,
};

static const struct pci_info info = {
	.vendor = 0x1000,
	.device = 0x0012,
	.class_code = 0x0100,
	.subsystem_vendor = 0x1000,
	.subsystem = 0x1000,
	.interrupt_pin = 1,
};

#define LSI(ident, name_)                                                                          \
	DEVICE_CLASS(ident, .name = name_, .help = "LSI53C895A SCSI host adapter", .bus = "PCI",   \
		     .size = sizeof(struct lsi), .props = props, .state = state, .init = lsi_init, \
		     .reset = lsi_reset, .post_load = lsi_post_load, .bus_info = &info,            \
		     .bus_props = pci_props)

LSI(lsi53c895a, "lsi53c895a");
LSI(lsi_short, "lsi");

/* --- for boards --- */

struct error *lsi_create(struct pci_bus *pci, unsigned int number)
{
	struct pci_device *dev;
	struct error *err = pci_create(pci, "lsi53c895a", -1, &dev);

	return err ? err : scsi_plug_drives(&lsi_of(&dev->dev)->bus, number);
}

struct error *lsi_create_for_drives(struct pci_bus *pci)
{
	unsigned int buses = 0;
	struct error *err = NULL;

	for (struct drive *d = drive_first(); d; d = d->next) {
		if (strcmp(d->interface, "scsi") == 0)
			buses = MAX(buses, d->bus + 1);
	}
	for (unsigned int n = 0; n < buses && !err; n++)
		err = lsi_create(pci, n);
	return err;
}
