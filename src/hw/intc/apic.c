/*
 * Local APIC: registers, priorities and what goes to the processor.
 * Source: Intel SDM volume 3A, chapter 11 (325462-081). The timer is in apic-timer.c, messages in
 * apic-bus.c.
 *
 * After power on, LINT0 of the bootstrap processor is an unmasked ExtINT, as BIOSes program it:
 * without that, an operating system that ignores the APIC would get no interrupts from the 8259s
 * before the BIOS has run.
 */
#include "hw/intc/apic-internal.h"

#include "base/log.h"

#include <inttypes.h>
#include <string.h>

/* Register number: address bits 11:4. */
enum {
	REG_ID = 0x02,
	REG_VERSION = 0x03,
	REG_TPR = 0x08,
	REG_APR = 0x09,
	REG_PPR = 0x0a,
	REG_EOI = 0x0b,
	REG_RRD = 0x0c,
	REG_LDR = 0x0d,
	REG_DFR = 0x0e,
	REG_SVR = 0x0f,
	REG_ISR = 0x10, /* to 17h */
	REG_TMR = 0x18,
	REG_IRR = 0x20,
	REG_ESR = 0x28,
	REG_ICR_LOW = 0x30,
	REG_ICR_HIGH = 0x31,
	REG_LVT_TIMER = 0x32,
	REG_LVT_THERMAL = 0x33,
	REG_LVT_PERF = 0x34,
	REG_LVT_LINT0 = 0x35,
	REG_LVT_LINT1 = 0x36,
	REG_LVT_ERROR = 0x37,
	REG_INITIAL_COUNT = 0x38,
	REG_CURRENT_COUNT = 0x39,
	REG_DIVIDE = 0x3e,
};

#define VERSION (0x14u | (LVT_COUNT - 1) << 16)

#define BASE_BSP    UINT64_C(0x100)
#define BASE_X2APIC UINT64_C(0x400)
#define BASE_ENABLE UINT64_C(0x800)

#define SVR_ENABLE 0x100u

#define ESR_SEND_ILLEGAL_VECTOR	   0x20u
#define ESR_RECEIVE_ILLEGAL_VECTOR 0x40u
#define ESR_ILLEGAL_REGISTER	   0x80u

#define ICR_PENDING 0x1000u
#define ICR_LOGICAL 0x800u
#define ICR_ASSERT  0x4000u
#define ICR_LEVEL   0x8000u

#define LVT_REMOTE_IRR 0x4000u
#define LVT_LEVEL      0x8000u

/* Bits that can be written; mask, vector and what 11.5.1 gives each entry. */
static const uint32_t lvt_writable[LVT_COUNT] = {
	[LVT_TIMER] = LVT_MASKED | LVT_PERIODIC | 0xff,
	[LVT_THERMAL] = LVT_MASKED | 0x7ff,
	[LVT_PERF] = LVT_MASKED | 0x7ff,
	[LVT_LINT0] = LVT_MASKED | LVT_LEVEL | 0x2000 | 0x7ff,
	[LVT_LINT1] = LVT_MASKED | LVT_LEVEL | 0x2000 | 0x7ff,
	[LVT_ERROR] = LVT_MASKED | 0xff,
};

/* --- vectors --- */

static bool vector_test(const uint32_t *set, unsigned int v)
{
	return set[v >> 5] >> (v & 31) & 1;
}

static void vector_set(uint32_t *set, unsigned int v)
{
	set[v >> 5] |= 1u << (v & 31);
}

static void vector_clear(uint32_t *set, unsigned int v)
{
	set[v >> 5] &= ~(1u << (v & 31));
}

static int vector_highest(const uint32_t *set)
{
	for (int i = 7; i >= 0; i--) {
		if (set[i])
			return 32 * i + 31 - __builtin_clz(set[i]);
	}
	return -1;
}

/* Processor priority (11.8.3.1). */
static uint32_t ppr(const struct apic *s)
{
	int service = vector_highest(s->isr);
	uint32_t isrv = service < 0 ? 0 : (uint32_t)service & 0xf0;

	return (s->tpr & 0xf0) >= isrv ? s->tpr : isrv;
}

/* The vector that may interrupt the processor now, or -1. */
static int deliverable(const struct apic *s)
{
	int vector = vector_highest(s->irr);

	if (vector < 0 || !(s->svr & SVR_ENABLE) || !(s->base & BASE_ENABLE))
		return -1;
	return ((uint32_t)vector & 0xf0) > (ppr(s) & 0xf0) ? vector : -1;
}

static bool enabled(const struct apic *s)
{
	return s->base & BASE_ENABLE;
}

/* Whether the 8259s reach the processor: LINT0 as ExtINT, or no APIC at all. */
static bool extint_open(const struct apic *s)
{
	uint32_t lint0 = s->lvt[LVT_LINT0];

	if (!enabled(s))
		return s->base & BASE_BSP;
	return !(lint0 & LVT_MASKED) && (lint0 >> 8 & 7) == APIC_EXTINT;
}

static void cpu_line(struct apic *s, enum x86_line line, int level)
{
	if (!s->cpu)
		return;
	s->cpu->class->set_line(s->cpu, line, level);
	if (level || line == X86_LINE_SIPI)
		cpu_kick(s->cpu);
}

static void update(struct apic *s)
{
	bool level = deliverable(s) >= 0 || (s->pic_level && extint_open(s));

	if (level == s->intr)
		return;
	s->intr = level;
	cpu_line(s, X86_LINE_INTR, level);
}

static void error_note(struct apic *s, uint32_t bit)
{
	if (s->errors & bit)
		return;
	s->errors |= bit;
	apic_lvt_deliver(s, LVT_ERROR);
}

static void accept_fixed(struct apic *s, uint8_t vector, bool level_triggered)
{
	if (!(s->svr & SVR_ENABLE) || !enabled(s))
		return;
	if (vector < 16) {
		error_note(s, ESR_RECEIVE_ILLEGAL_VECTOR);
		return;
	}
	if (level_triggered)
		vector_set(s->tmr, vector);
	else
		vector_clear(s->tmr, vector);
	vector_set(s->irr, vector);
	update(s);
}

void apic_accept(struct apic *s, const struct apic_message *m)
{
	switch (m->delivery) {
	case APIC_FIXED:
	case APIC_LOWEST: accept_fixed(s, m->vector, m->level_triggered); break;
	case APIC_SMI: cpu_line(s, X86_LINE_SMI, 1); break;
	case APIC_NMI: cpu_line(s, X86_LINE_NMI, 1); break;
	case APIC_INIT:
		/* the de-assert only synchronizes arbitration IDs (11.6.1) */
		if (m->deassert && m->level_triggered)
			break;
		apic_init_reset(s);
		cpu_line(s, X86_LINE_INIT, 1);
		break;
	case APIC_STARTUP: cpu_line(s, X86_LINE_SIPI, m->vector); break;
	case APIC_EXTINT: {
		int vector =
			s->bus->acknowledge ? s->bus->acknowledge(s->bus->acknowledge_opaque) : -1;
		if (vector >= 16)
			accept_fixed(s, (uint8_t)vector, false);
		break;
	}
	default: log_printf(LOG_GUEST_ERRORS, "apic: reserved delivery mode\n"); break;
	}
}

uint32_t apic_arbitration_priority(const struct apic *s)
{
	return ppr(s);
}

bool apic_accepts_fixed(const struct apic *s)
{
	return enabled(s) && (s->svr & SVR_ENABLE);
}

bool apic_is_destination(const struct apic *s, uint32_t dest, bool logical)
{
	uint32_t mda = dest & 0xff, ldr = s->ldr >> 24;

	if (!enabled(s))
		return false;
	if (!logical)
		return mda == 0xff || mda == s->id;
	if (s->dfr >> 28 == 0xf) /* flat */
		return (mda & ldr) != 0;
	/* cluster: cluster number, then a member's bit; Fh is all clusters */
	return (mda >> 4 == 0xf || mda >> 4 == ldr >> 4) && (mda & ldr & 0xf);
}

void apic_lvt_deliver(struct apic *s, enum apic_lvt n)
{
	uint32_t lvt = s->lvt[n];
	struct apic_message m = {.delivery = lvt >> 8 & 7, .vector = (uint8_t)lvt};

	if (n == LVT_TIMER || n == LVT_ERROR)
		m.delivery = APIC_FIXED;
	if (lvt & LVT_MASKED)
		return;
	if (n == LVT_ERROR && m.vector < 16) /* would report itself for ever */
		return;
	m.level_triggered = n == LVT_LINT0 && (lvt & LVT_LEVEL);
	apic_accept(s, &m);
}

/* LINT0 carries the 8259s' INTR. As ExtINT it is a level; otherwise its rising edge counts. */
void apic_set_lint0(struct apic *s, bool level)
{
	bool rising = level && !s->pic_level;
	uint32_t lvt = s->lvt[LVT_LINT0];

	s->pic_level = level;
	if (enabled(s) && rising && !(lvt & LVT_MASKED) && (lvt >> 8 & 7) != APIC_EXTINT)
		apic_lvt_deliver(s, LVT_LINT0);
	update(s);
}

/* --- what the processor asks --- */

static int apic_acknowledge(void *opaque)
{
	struct apic *s = opaque;
	int vector = deliverable(s);

	if (vector >= 0) {
		vector_clear(s->irr, (unsigned int)vector);
		vector_set(s->isr, (unsigned int)vector);
	} else if (s->pic_level && extint_open(s)) {
		vector = s->bus->acknowledge(s->bus->acknowledge_opaque);
	} else if (enabled(s) && (s->svr & SVR_ENABLE) && vector_highest(s->irr) >= 0) {
		vector = s->svr & 0xff; /* spurious (11.9): TPR was raised in between */
	}
	update(s);
	return vector;
}

static uint64_t apic_get_base(void *opaque)
{
	return ((struct apic *)opaque)->base;
}

static bool apic_set_base(void *opaque, uint64_t value)
{
	struct apic *s = opaque;

	if (value & ~(UINT64_C(0xfffffff000) | BASE_BSP | BASE_ENABLE))
		return false;
	if ((value & ~UINT64_C(0xfff)) != APIC_DEFAULT_BASE)
		log_printf(LOG_UNIMP, "apic: registers cannot be moved to %" PRIx64 "\n", value);
	if (enabled(s) && !(value & BASE_ENABLE))
		apic_init_reset(s); /* 11.4.3: disabling by the MSR loses the state */
	s->base = value;
	update(s);
	return true;
}

static uint8_t apic_get_tpr(void *opaque)
{
	return (uint8_t)(((struct apic *)opaque)->tpr >> 4);
}

static void apic_set_tpr(void *opaque, uint8_t cr8)
{
	struct apic *s = opaque;

	s->tpr = (cr8 & 15u) << 4;
	update(s);
}

static const struct x86_intc_ops apic_intc_ops = {
	.acknowledge = apic_acknowledge,
	.get_base = apic_get_base,
	.set_base = apic_set_base,
	.get_tpr = apic_get_tpr,
	.set_tpr = apic_set_tpr,
};

/* --- registers --- */

static void end_of_interrupt(struct apic *s)
{
	int vector = vector_highest(s->isr);

	if (vector < 0)
		return;
	vector_clear(s->isr, (unsigned int)vector);
	if (vector_test(s->tmr, (unsigned int)vector) && s->bus->ioapic)
		ioapic_eoi(s->bus->ioapic, (uint8_t)vector);
	update(s);
}

static void svr_write(struct apic *s, uint32_t value)
{
	s->svr = value & 0x3ff;
	if (!(s->svr & SVR_ENABLE)) {
		for (unsigned int i = 0; i < LVT_COUNT; i++)
			s->lvt[i] |= LVT_MASKED;
	}
	update(s);
}

static void lvt_write(struct apic *s, enum apic_lvt n, uint32_t value)
{
	value &= lvt_writable[n];
	if (!(s->svr & SVR_ENABLE))
		value |= LVT_MASKED;
	s->lvt[n] = value;
	if (n == LVT_TIMER)
		apic_timer_reconfigure(s);
	update(s);
}

/* Destination shorthand 1: self, 2: all, 3: all but self (11.6.1). */
static void icr_send(struct apic *s)
{
	uint32_t low = s->icr[0], shorthand = low >> 18 & 3;
	struct apic_message m = {
		.destination = s->icr[1] >> 24,
		.logical = low & ICR_LOGICAL,
		.level_triggered = low & ICR_LEVEL,
		.deassert = !(low & ICR_ASSERT),
		.delivery = low >> 8 & 7,
		.vector = (uint8_t)low,
	};

	if (m.delivery != APIC_INIT)
		m.level_triggered = false; /* IPIs are edges (table 11-3) */
	if (m.delivery <= APIC_LOWEST && m.vector < 16) {
		error_note(s, ESR_SEND_ILLEGAL_VECTOR);
		return;
	}
	if (shorthand == 0) {
		apic_bus_send(s->bus, &m);
	} else if (shorthand == 1) {
		apic_accept(s, &m);
	} else {
		for (unsigned int i = 0; i < s->bus->count; i++) {
			if (shorthand == 2 || s->bus->apics[i] != s)
				apic_accept(s->bus->apics[i], &m);
		}
	}
}

static uint32_t register_read(struct apic *s, unsigned int reg)
{
	switch (reg) {
	case REG_ID: return s->id << 24;
	case REG_VERSION: return VERSION;
	case REG_TPR: return s->tpr;
	case REG_APR:
	case REG_PPR: return ppr(s);
	case REG_EOI:
	case REG_RRD: return 0;
	case REG_LDR: return s->ldr;
	case REG_DFR: return s->dfr;
	case REG_SVR: return s->svr;
	case REG_ISR ... REG_ISR + 7: return s->isr[reg - REG_ISR];
	case REG_TMR ... REG_TMR + 7: return s->tmr[reg - REG_TMR];
	case REG_IRR ... REG_IRR + 7: return s->irr[reg - REG_IRR];
	case REG_ESR: return s->esr;
	case REG_ICR_LOW: return s->icr[0];
	case REG_ICR_HIGH: return s->icr[1];
	case REG_LVT_TIMER ... REG_LVT_ERROR: return s->lvt[reg - REG_LVT_TIMER];
	case REG_INITIAL_COUNT: return s->initial_count;
	case REG_CURRENT_COUNT: return apic_timer_count(s);
	case REG_DIVIDE: return s->divide;
	default:
		log_printf(LOG_GUEST_ERRORS, "apic: read of reserved register %03xh\n", reg << 4);
		error_note(s, ESR_ILLEGAL_REGISTER);
		return 0;
	}
}

static void register_write(struct apic *s, unsigned int reg, uint32_t value)
{
	switch (reg) {
	case REG_ID: s->id = value >> 24; break;
	case REG_TPR:
		s->tpr = value & 0xff;
		update(s);
		break;
	case REG_EOI: end_of_interrupt(s); break;
	case REG_LDR: s->ldr = value & 0xff000000; break;
	case REG_DFR: s->dfr = value | 0x0fffffff; break;
	case REG_SVR: svr_write(s, value); break;
	case REG_ESR:
		s->esr = s->errors;
		s->errors = 0;
		break;
	case REG_ICR_LOW:
		s->icr[0] = value & 0xccfff & ~ICR_PENDING;
		icr_send(s);
		break;
	case REG_ICR_HIGH: s->icr[1] = value & 0xff000000; break;
	case REG_LVT_TIMER ... REG_LVT_ERROR: lvt_write(s, reg - REG_LVT_TIMER, value); break;
	case REG_INITIAL_COUNT: apic_timer_load(s, value); break;
	case REG_DIVIDE:
		s->divide = value & 0xb;
		apic_timer_reconfigure(s);
		break;
	case REG_VERSION:
	case REG_APR:
	case REG_PPR:
	case REG_CURRENT_COUNT: break; /* read only */
	default:
		log_printf(LOG_GUEST_ERRORS, "apic: write of reserved register %03xh\n", reg << 4);
		error_note(s, ESR_ILLEGAL_REGISTER);
	}
}

/* The APIC of the processor that makes the access. */
static struct apic *own_apic(void)
{
	struct cpu *cpu = cpu_current();
	struct apic *s = cpu && cpu->intc_ops == &apic_intc_ops ? cpu->intc : NULL;

	return s && enabled(s) ? s : NULL;
}

uint64_t apic_mmio_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct apic *s = own_apic();

	if (!s || offset >= 0x1000)
		return UINT32_MAX >> (32 - 8 * size);
	/* only aligned double words are architectural; bytes are cut out of one */
	return register_read(s, (unsigned int)offset >> 4) >> (8 * (offset & 3));
}

void apic_mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct apic *s = own_apic();

	if (s && offset < 0x1000 && !(offset & 3))
		register_write(s, (unsigned int)offset >> 4, (uint32_t)value);
}

/* --- device --- */

static struct error *apic_device_init(struct device *dev)
{
	struct apic *s = (struct apic *)dev;

	if (s->bus->count == APIC_MAX)
		return error_new("too many local APICs; %u are possible", APIC_MAX);
	s->bus->apics[s->bus->count++] = s;
	s->cpu->intc = s;
	s->cpu->intc_ops = &apic_intc_ops;
	timer_init(&s->timer, CLOCK_VIRTUAL, apic_timer_fired, s);
	return NULL;
}

void apic_init_reset(struct apic *s)
{
	s->tpr = s->ldr = 0;
	s->dfr = UINT32_MAX;
	s->svr = 0xff;
	s->icr[0] = s->icr[1] = s->esr = s->errors = 0;
	memset(s->isr, 0, sizeof(s->isr));
	memset(s->tmr, 0, sizeof(s->tmr));
	memset(s->irr, 0, sizeof(s->irr));
	for (unsigned int i = 0; i < LVT_COUNT; i++)
		s->lvt[i] = LVT_MASKED;
	s->divide = s->initial_count = 0;
	s->count_start = 0;
	timer_cancel(&s->timer);
	update(s);
}

static void apic_reset(struct device *dev)
{
	struct apic *s = (struct apic *)dev;
	bool bsp = s->cpu->index == 0;

	s->id = s->cpu->index;
	s->base = APIC_DEFAULT_BASE | BASE_ENABLE | (bsp ? BASE_BSP : 0);
	s->pic_level = false;
	s->intr = false;
	apic_init_reset(s);
	if (bsp)
		s->lvt[LVT_LINT0] = APIC_EXTINT << 8;
}

static void apic_settle(struct device *dev)
{
	struct apic *s = (struct apic *)dev;

	cpu_line(s, X86_LINE_INTR, s->intr);
}

static struct error *apic_post_load(struct device *dev)
{
	struct apic *s = (struct apic *)dev;

	s->dfr |= 0x0fffffff;
	s->divide &= 0xb;
	cpu_line(s, X86_LINE_INTR, s->intr);
	return NULL;
}

void apic_print(const struct apic *s, FILE *out)
{
	fprintf(out,
		"apic %u: base=%" PRIx64 " tpr=%02x ppr=%02x svr=%03x ldr=%08x dfr=%08x intr=%d\n",
		s->id, s->base, s->tpr, ppr(s), s->svr, s->ldr, s->dfr, s->intr);
	for (unsigned int i = 0; i < LVT_COUNT; i++)
		fprintf(out, "  lvt%u=%08x", i, s->lvt[i]);
	fprintf(out, "\n  irr=%d isr=%d (highest) count=%u of %u\n", vector_highest(s->irr),
		vector_highest(s->isr), apic_timer_count(s), s->initial_count);
}

static const struct prop apic_props[] = {
	PROP_PTR("cpu", struct apic, cpu),
	PROP_PTR("bus", struct apic, bus),
	PROP_END,
};

static const struct field apic_state[] = {
	F_U64(struct apic, base),	   F_U32(struct apic, id),
	F_U32(struct apic, tpr),	   F_U32(struct apic, svr),
	F_U32(struct apic, ldr),	   F_U32(struct apic, dfr),
	F_ARRAY(struct apic, icr),	   F_U32(struct apic, esr),
	F_U32(struct apic, errors),	   F_ARRAY(struct apic, isr),
	F_ARRAY(struct apic, tmr),	   F_ARRAY(struct apic, irr),
	F_ARRAY(struct apic, lvt),	   F_U32(struct apic, divide),
	F_U32(struct apic, initial_count), F_U64(struct apic, count_start),
	F_TIMER(struct apic, timer),	   F_BOOL(struct apic, pic_level),
	F_BOOL(struct apic, intr),	   FIELD_END,
};

DEVICE_CLASS(apic, .name = "apic", .help = "local APIC", .bus = "System",
	     .size = sizeof(struct apic), .props = apic_props, .state = apic_state,
	     .init = apic_device_init, .reset = apic_reset, .settle = apic_settle,
	     .post_load = apic_post_load, .hidden = true);
