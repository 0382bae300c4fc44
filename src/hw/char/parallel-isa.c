/*
 * Parallel port of the PC: the standard port of the IBM AT and the EPP registers of IEEE 1284
 * (annex to the SMSC FDC37C665GT data sheet). With a host's port behind it, registers are passed
 * through; otherwise each strobed byte goes to the back end, which acknowledges at once.
 */
#include "hw/isa/isa.h"

#include "vm/chardev.h"

enum { DATA = 0, STATUS = 1, CONTROL = 2, EPP_ADDRESS = 3, EPP_DATA = 4, PORTS = 8 };

#define STATUS_NBUSY   0x80
#define STATUS_NACK    0x40
#define STATUS_SELECT  0x10
#define STATUS_NERROR  0x08
#define STATUS_TIMEOUT 0x01
#define STATUS_READY   (STATUS_NBUSY | STATUS_NACK | STATUS_SELECT | STATUS_NERROR | 0x07)

#define CONTROL_STROBE 0x01
#define CONTROL_AUTOFD 0x02
#define CONTROL_NINIT  0x04
#define CONTROL_SELECT 0x08
#define CONTROL_IRQ    0x10
#define CONTROL_INPUT  0x20
#define CONTROL_UNUSED 0xc0

struct parallel_isa {
	struct device dev;
	struct chardev *chr;
	uint32_t index, iobase, irq_number;
	bool host_port; /* the back end is a parallel port */
	uint8_t data, status, control;
	struct irq *irq;
	struct region ports;
};

static const uint16_t default_ports[3] = {0x378, 0x278, 0x3bc};

static uint8_t host_read(struct parallel_isa *s, enum chardev_control what)
{
	uint8_t value = 0xff;

	chardev_control(s->chr, what, &value);
	return value;
}

static void host_write(struct parallel_isa *s, enum chardev_control what, uint8_t value)
{
	chardev_control(s->chr, what, &value);
}

/* nACK is a short pulse; its end is the interrupt. */
static void acknowledge(struct parallel_isa *s)
{
	if (s->control & CONTROL_IRQ)
		irq_pulse(s->irq);
}

static void control_write(struct parallel_isa *s, uint8_t value)
{
	bool strobe = value & ~s->control & CONTROL_STROBE;

	s->control = value | CONTROL_UNUSED;
	if (s->host_port) {
		host_write(s, CHR_PP_WRITE_CONTROL, value);
		return;
	}
	if (!(value & CONTROL_NINIT)) {
		s->status = STATUS_READY;
		return;
	}
	if (!strobe)
		return;
	chardev_write(s->chr, &s->data, 1);
	acknowledge(s);
}

/* Nothing answers EPP cycles but a host's device. */
static void epp_timeout(struct parallel_isa *s)
{
	s->status |= STATUS_TIMEOUT;
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct parallel_isa *s = opaque;

	switch (offset) {
	case DATA:
		if (s->host_port && (s->control & CONTROL_INPUT))
			s->data = host_read(s, CHR_PP_READ_DATA);
		return s->data;
	case STATUS: return s->host_port ? host_read(s, CHR_PP_READ_STATUS) : s->status;
	case CONTROL: return s->control;
	default: epp_timeout(s); return 0xff;
	}
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct parallel_isa *s = opaque;

	switch (offset) {
	case DATA:
		s->data = (uint8_t)value;
		if (s->host_port)
			host_write(s, CHR_PP_WRITE_DATA, s->data);
		break;
	case STATUS: s->status &= (uint8_t)~(value & STATUS_TIMEOUT); break;
	case CONTROL: control_write(s, (uint8_t)value); break;
	default: epp_timeout(s); break;
	}
}

static const struct region_ops port_ops = {.read = ports_read, .write = ports_write, .max_size = 1};

static struct error *parallel_init(struct device *dev)
{
	struct parallel_isa *s = (struct parallel_isa *)dev;
	uint8_t status;

	if (s->index > 2)
		return error_new("isa-parallel: index %u: ports are 0 to 2", s->index);
	if (s->iobase == 0)
		s->iobase = default_ports[s->index];
	if (s->irq_number > 15 || s->iobase > 0xfff8)
		return error_new("isa-parallel: irq %u or port %x does not exist", s->irq_number,
				 s->iobase);
	s->irq = isa_irq(dev, s->irq_number);
	s->host_port = s->chr && chardev_control(s->chr, CHR_PP_READ_STATUS, &status) == 0;
	/* at 3BCh the next four ports are the display's */
	region_init_io(&s->ports, "parallel", s->iobase == 0x3bc ? 4 : PORTS, &port_ops, s);
	isa_map_io(dev, (uint16_t)s->iobase, &s->ports);
	return NULL;
}

static void parallel_reset(struct device *dev)
{
	struct parallel_isa *s = (struct parallel_isa *)dev;

	s->data = 0xff;
	s->status = STATUS_READY & ~STATUS_TIMEOUT;
	s->control = CONTROL_SELECT | CONTROL_NINIT | CONTROL_UNUSED;
}

static const struct prop parallel_props[] = {
	PROP_U32("index", struct parallel_isa, index, 0, "LPT port, from 0"),
	PROP_U32("iobase", struct parallel_isa, iobase, 0, "first port; default that of the index"),
	PROP_U32("irq", struct parallel_isa, irq_number, 7, "interrupt line"),
	PROP_CHR("chardev", struct parallel_isa, chr, "back end"),
	PROP_END,
};

static const struct field parallel_state[] = {
	F_U8(struct parallel_isa, data),
	F_U8(struct parallel_isa, status),
	F_U8(struct parallel_isa, control),
	FIELD_END,
};

DEVICE_CLASS(parallel_isa, .name = "isa-parallel", .help = "parallel port", .bus = "ISA",
	     .size = sizeof(struct parallel_isa), .props = parallel_props, .state = parallel_state,
	     .init = parallel_init, .reset = parallel_reset);
