/*
 * Nested vectored interrupt controller: which exceptions are pending and active, and which one the
 * processor enters. Source: ARM DDI 0403E, B1.5 (exception model) and B3.4. Its registers are in
 * nvic-regs.c.
 */
#include "hw/intc/nvic.h"

#include <glib.h>
#include <string.h>

enum { HFSR_FORCED = 1 << 30, HFSR_DEBUGEVT = 1u << 31, DEMCR_MON_EN = 1 << 16 };
enum { NO_PRIORITY = 256 };

/* --- priorities --- */

static int priority(const struct nvic *n, unsigned int exception)
{
	switch (exception) {
	case ARM_M_RESET: return -3;
	case ARM_M_NMI: return -2;
	case ARM_M_HARD_FAULT: return -1;
	default: return n->prio[exception];
	}
}

/* The part of a priority that decides on preemption. */
static int group(const struct nvic *n, int prio)
{
	return prio <= 0 || prio == NO_PRIORITY ? prio : prio & ~((2 << n->prigroup) - 1) & 0xff;
}

static int active_priority(const struct nvic *n)
{
	int best = NO_PRIORITY;

	for (unsigned int i = 1; i < NVIC_IRQ + n->irqs; i++) {
		if (n->active[i] && group(n, priority(n, i)) < best)
			best = group(n, priority(n, i));
	}
	return best;
}

/* What the masks let through; BASEPRI has as many bits as priorities have. */
static int mask_priority(const struct nvic *n)
{
	int limit = n->ops->priority_limit(n->cpu);
	int implemented = 0xff00 >> n->priority_bits & 0xff;

	if (limit <= 0 || limit == NO_PRIORITY)
		return limit;
	return limit & implemented ? group(n, limit & implemented) : NO_PRIORITY;
}

static int execution_priority(const struct nvic *n)
{
	int active = active_priority(n), mask = mask_priority(n);

	return MIN(active, mask);
}

static bool is_enabled(const struct nvic *n, unsigned int exception)
{
	switch (exception) {
	case ARM_M_MEM_MANAGE:
	case ARM_M_BUS_FAULT:
	case ARM_M_USAGE_FAULT: return n->enabled[exception];
	case ARM_M_DEBUG_MONITOR: return n->demcr & DEMCR_MON_EN;
	default: return exception < NVIC_IRQ || n->enabled[exception];
	}
}

unsigned int nvic_pending_exception(const struct nvic *n)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < NVIC_IRQ + n->irqs; i++) {
		if (n->pending[i] && is_enabled(n, i) &&
		    (!best || priority(n, i) < priority(n, best)))
			best = i;
	}
	return best;
}

/* The exception that is entered now, 0 if none is. */
static unsigned int preempting(const struct nvic *n, int limit)
{
	unsigned int i = nvic_pending_exception(n);

	return i && group(n, priority(n, i)) < limit ? i : 0;
}

/* WFI ends for what would be taken if PRIMASK were clear. */
static bool wakes(const struct nvic *n)
{
	int mask = mask_priority(n), active = active_priority(n);

	return preempting(n, mask == 0 ? active : MIN(mask, active)) != 0;
}

void nvic_update(struct nvic *n)
{
	const struct cpu_class *class = n->cpu->class;

	class->set_line(n->cpu, ARM_LINE_IRQ, preempting(n, execution_priority(n)) != 0);
	class->set_line(n->cpu, ARM_LINE_FIQ, wakes(n));
}

void nvic_set_pending(struct nvic *n, unsigned int exception, bool pending)
{
	bool was = n->pending[exception];

	n->pending[exception] = pending;
	if (pending && !was && n->sevonpend)
		n->ops->event(n->cpu);
	nvic_update(n);
}

/* An interrupt is pending from when its input rises; one that stays up is pending again when its
 * handler has returned. */
static void input_set(void *opaque, int number, int level)
{
	struct nvic *n = opaque;
	unsigned int exception = NVIC_IRQ + (unsigned int)number;
	bool rises = level && !n->level[exception];

	n->level[exception] = level != 0;
	if (rises && !n->active[exception])
		nvic_set_pending(n, exception, true);
}

/* --- the processor's side --- */

static int acknowledge(void *opaque)
{
	struct nvic *n = opaque;
	unsigned int exception = preempting(n, execution_priority(n));

	if (exception) {
		n->pending[exception] = 0;
		n->active[exception] = 1;
	}
	nvic_update(n);
	return exception ? (int)exception : -1;
}

static bool complete(void *opaque, int number)
{
	struct nvic *n = opaque;
	unsigned int exception = (unsigned int)number;

	if (number < 0 || number >= NVIC_EXCEPTIONS || !n->active[exception])
		return false;
	n->active[exception] = 0;
	if (n->level[exception])
		n->pending[exception] = 1;
	nvic_update(n);
	return true;
}

static bool fault_pending(void *opaque, int number)
{
	struct nvic *n = opaque;
	unsigned int exception = (unsigned int)number;
	int now = execution_priority(n);

	if (!is_enabled(n, exception) || group(n, priority(n, exception)) >= now) {
		if (priority(n, ARM_M_HARD_FAULT) >= now)
			return false;
		n->ops->scb(n->cpu)->hfsr |=
			exception == ARM_M_DEBUG_MONITOR ? HFSR_DEBUGEVT : HFSR_FORCED;
		exception = ARM_M_HARD_FAULT;
	}
	nvic_set_pending(n, exception, true);
	return true;
}

static void masks_changed(void *opaque)
{
	nvic_update(opaque);
}

static unsigned int priority_group(void *opaque)
{
	return ((struct nvic *)opaque)->prigroup;
}

static const struct arm_nvic_ops cpu_ops = {
	.acknowledge = acknowledge,
	.complete = complete,
	.set_pending = fault_pending,
	.masks_changed = masks_changed,
	.priority_group = priority_group,
};

/* --- the device --- */

static struct error *nvic_init(struct device *dev)
{
	struct nvic *n = (struct nvic *)dev;

	if (n->irqs > NVIC_MAX_IRQS || n->priority_bits < 2 || n->priority_bits > 8)
		return error_new("an NVIC has at most %u interrupts and 2 to 8 bits of priority",
				 NVIC_MAX_IRQS);
	n->cpu->intc = n;
	n->cpu->intc_ops = &cpu_ops;
	for (unsigned int i = 0; i < NVIC_MAX_IRQS; i++)
		irq_init(&n->inputs[i], input_set, n, (int)i);
	region_init_io(&n->scs, "system-control-space", 0x1000, &nvic_regs_ops, n);
	systick_init(n);
	return NULL;
}

static void nvic_reset(struct device *dev)
{
	struct nvic *n = (struct nvic *)dev;

	memset(n->pending, 0, sizeof(n->pending));
	memset(n->active, 0, sizeof(n->active));
	memset(n->enabled, 0, sizeof(n->enabled));
	memset(n->level, 0, sizeof(n->level));
	memset(n->prio, 0, sizeof(n->prio));
	n->prigroup = 0;
	n->actlr = n->demcr = n->mpu_rnr = 0;
	n->sevonpend = false;
	systick_reset(n);
}

static void nvic_settle(struct device *dev)
{
	nvic_update((struct nvic *)dev);
}

static struct error *nvic_post_load(struct device *dev)
{
	struct nvic *n = (struct nvic *)dev;

	if (n->prigroup > 7 || n->mpu_rnr > 7)
		return error_new("%s: register out of range", dev->class->name);
	return down_counter_post_load(&n->systick);
}

static const struct prop props[] = {
	PROP_PTR("cpu", struct nvic, cpu),
	PROP_PTR("cpu-ops", struct nvic, ops),
	PROP_PTR("clock", struct nvic, clock),
	PROP_U32("num-irq", struct nvic, irqs, 64, "external interrupts"),
	PROP_U8("priority-bits", struct nvic, priority_bits, 8, "implemented bits of a priority"),
	PROP_U32("reference-clock", struct nvic, reference_hz, 0, "Hz of SysTick's external clock"),
	PROP_END,
};

static const struct field state[] = {
	F_BYTES(struct nvic, pending),
	F_BYTES(struct nvic, active),
	F_BYTES(struct nvic, enabled),
	F_BYTES(struct nvic, level),
	F_BYTES(struct nvic, prio),
	F_U8(struct nvic, prigroup),
	F_U32(struct nvic, actlr),
	F_U32(struct nvic, demcr),
	F_U32(struct nvic, mpu_rnr),
	F_BOOL(struct nvic, sevonpend),
	F_U32(struct nvic, syst_csr),
	F_U32(struct nvic, syst_rvr),
	F_STRUCT(struct nvic, systick, down_counter_state),
	FIELD_END,
};

DEVICE_CLASS(nvic, .name = "armv7m_nvic", .help = "v7-M interrupt controller and SysTick",
	     .bus = "System", .size = sizeof(struct nvic), .props = props, .state = state,
	     .init = nvic_init, .reset = nvic_reset, .settle = nvic_settle,
	     .post_load = nvic_post_load, .hidden = true);
