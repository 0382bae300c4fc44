#include "hw/misc/mpcore.h"

#include "base/log.h"

enum { SCU_CONTROL = 0x00, SCU_CONFIG = 0x04, SCU_CPU_STATUS = 0x08, SCU_INVALIDATE = 0x0c };

/* Places in the private memory. */
enum {
	INTERFACE = 0x100,
	INTERFACES = 0x200, /* 100h each */
	TIMER = 0x600,
	TIMERS = 0x700,
	DISTRIBUTOR = 0x1000,
	PRIVATE_SIZE = 0x2000,
};
enum { PPI_TIMER = 29, PPI_WATCHDOG = 30 };

static uint64_t scu_read(void *opaque, uint64_t offset, unsigned int size)
{
	const struct mpcore *p = opaque;

	switch (offset) {
	case SCU_CONTROL: return p->control;
	case SCU_CONFIG: return (p->cpus - 1) | ((1u << p->cpus) - 1) << 4;
	case SCU_CPU_STATUS: return p->cpu_status;
	case SCU_INVALIDATE: return 0;
	}
	log_printf(LOG_GUEST_ERRORS, "scu: read of register %02x\n", (unsigned int)offset);
	return 0;
}

static void scu_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct mpcore *p = opaque;

	switch (offset) {
	case SCU_CONTROL: p->control = (uint32_t)value; break;
	case SCU_CPU_STATUS: p->cpu_status = (uint32_t)value; break;
	case SCU_INVALIDATE: break; /* no caches */
	default:
		log_printf(LOG_GUEST_ERRORS, "scu: write of register %02x\n", (unsigned int)offset);
	}
}

static const struct region_ops scu_ops = {
	.read = scu_read, .write = scu_write, .min_size = 4, .max_size = 4};

static struct error *create_parts(struct mpcore *p)
{
	struct device *gic = device_new_named("gic"), *timer = device_new_named("mpcore-timer");

	p->gic = (struct gic *)gic;
	p->timer = (struct mpcore_timer *)timer;
	device_set_u64(gic, "cpus", p->cpus);
	device_set_u64(gic, "irqs", p->irqs);
	device_set_u64(timer, "cpus", p->cpus);
	for (unsigned int i = 0; i < p->cpus && i < MMIO_IRQS; i++) {
		mmio_connect(gic, i, p->mmio.irqs[i]);
		p->timer->cpu[i].timer.irq = &p->gic->cpu[i].ppi[PPI_TIMER];
		p->timer->cpu[i].watchdog.irq = &p->gic->cpu[i].ppi[PPI_WATCHDOG];
	}
	struct error *err = mmio_place(gic, &p->mmio.regs, DISTRIBUTOR);
	return err ? err : mmio_place(timer, &p->mmio.regs, TIMER);
}

static struct error *mpcore_init(struct device *dev)
{
	struct mpcore *p = (struct mpcore *)dev;
	struct error *err;

	region_init(&p->mmio.regs, "mpcore-private", PRIVATE_SIZE);
	region_init_io(&p->scu, "scu", 0x100, &scu_ops, p);
	region_add(&p->mmio.regs, 0, &p->scu, 0);
	err = create_parts(p);
	if (err)
		return err;
	region_add(&p->mmio.regs, INTERFACE, &p->gic->own, 0);
	for (unsigned int i = 0; i < p->cpus; i++)
		region_add(&p->mmio.regs, INTERFACES + 0x100 * i, &p->gic->cpu[i].regs, 0);
	region_add(&p->mmio.regs, TIMERS, &p->timer->all, 0);
	return NULL;
}

static void mpcore_reset(struct device *dev)
{
	struct mpcore *p = (struct mpcore *)dev;

	p->control = p->cpu_status = 0;
}

static const struct prop props[] = {
	PROP_U32("cpus", struct mpcore, cpus, 1, "processors"),
	PROP_U32("irqs", struct mpcore, irqs, 64, "interrupts, the 32 private ones included"),
	PROP_END,
};

static const struct field state[] = {
	F_U32(struct mpcore, control),
	F_U32(struct mpcore, cpu_status),
	FIELD_END,
};

DEVICE(mpcore, struct mpcore, "arm11mpcore-priv", "private memory of ARM11 MPCore", props, state,
       mpcore_init, mpcore_reset, NULL);
