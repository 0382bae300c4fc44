#include "hw/intc/gic.h"

#include "hw/misc/primecell.h"

#include "base/log.h"
#include "vm/cpu.h"
#include "vm/info.h"

#include <glib.h>
#include <string.h>

#define ID	 0x00041390u
#define IIDR	 0x0000043bu /* ARM */
#define SPURIOUS 1023u
#define IDLE	 0x100u /* running priority of a processor that handles nothing */

/* Distributor. */
enum {
	ICDDCR = 0x000,
	ICDICTR = 0x004,
	ICDIIDR = 0x008,
	ICDISR = 0x080,
	ICDISER = 0x100,
	ICDICER = 0x180,
	ICDISPR = 0x200,
	ICDICPR = 0x280,
	ICDABR = 0x300,
	ICDABR_END = 0x400,
	ICDIPR = 0x400,
	ICDIPTR = 0x800,
	ICDICFR = 0xc00,
	ICDICFR_END = 0xd00,
	ICDSGIR = 0xf00,
};

/* Processor interface. */
enum {
	ICCICR = 0x00,
	ICCPMR = 0x04,
	ICCBPR = 0x08,
	ICCIAR = 0x0c,
	ICCEOIR = 0x10,
	ICCRPR = 0x14,
	ICCHPIR = 0x18,
	ICCIIDR = 0xfc,
};

/* Processors write priorities in steps of 16. */
#define PRIORITY_BITS 0xf0

/* --- which interrupt a processor should take --- */

static uint32_t pending_word(const struct gic *g, const struct gic_cpu *c, unsigned int w)
{
	if (w == 0)
		return c->pending | c->level;
	return g->pending[w] | (g->level[w] & ~g->edge[w]);
}

static uint32_t active_anywhere(const struct gic *g, unsigned int w)
{
	uint32_t active = 0;

	for (unsigned int n = 0; n < g->cpus; n++)
		active |= g->cpu[n].active[w];
	return active;
}

static bool is_target(const struct gic *g, const struct gic_cpu *c, unsigned int n)
{
	return n < GIC_PRIVATE || g->cpus == 1 || (g->target[n] >> c->index & 1);
}

static unsigned int priority(const struct gic *g, const struct gic_cpu *c, unsigned int n)
{
	return n < GIC_PRIVATE ? c->priority[n] : g->priority[n];
}

/* The one of highest priority that is pending and enabled; SPURIOUS. */
static unsigned int highest_pending(const struct gic *g, const struct gic_cpu *c)
{
	unsigned int best = SPURIOUS, best_priority = 0x100;

	for (unsigned int w = 0; w < g->irqs / 32; w++) {
		uint32_t ready = pending_word(g, c, w) & (w ? g->enabled[w] : c->enabled);
		ready &= ~(w ? active_anywhere(g, w) : c->active[0]);
		for (; ready; ready &= ready - 1) {
			unsigned int n = w * 32 + (unsigned int)__builtin_ctz(ready);
			if (!is_target(g, c, n) || priority(g, c, n) >= best_priority)
				continue;
			best = n;
			best_priority = priority(g, c, n);
		}
	}
	return best;
}

static unsigned int running_priority(const struct gic *g, const struct gic_cpu *c)
{
	unsigned int lowest = IDLE;

	for (unsigned int w = 0; w < g->irqs / 32; w++) {
		for (uint32_t bits = c->active[w]; bits; bits &= bits - 1) {
			unsigned int n = w * 32 + (unsigned int)__builtin_ctz(bits);
			lowest = MIN(lowest, priority(g, c, n));
		}
	}
	return lowest;
}

/* What it may take now: enabled, above the mask and above what it is handling. */
static unsigned int signalled(const struct gic *g, const struct gic_cpu *c)
{
	unsigned int group = 0xff << (c->bpr + 1) & 0xff, n, p;

	if (!(g->ctlr & 1) || !(c->ctlr & 1))
		return SPURIOUS;
	n = highest_pending(g, c);
	if (n == SPURIOUS)
		return n;
	p = priority(g, c, n);
	if (p >= c->pmr || (p & group) >= (running_priority(g, c) & (group | IDLE)))
		return SPURIOUS;
	return n;
}

static void update(struct gic *g)
{
	for (unsigned int i = 0; i < g->cpus; i++) {
		struct gic_cpu *c = &g->cpu[i];
		bool level = signalled(g, c) != SPURIOUS;
		if (level == c->asserted)
			continue;
		c->asserted = level;
		irq_set(g->mmio.irqs[i], level);
	}
}

/* --- inputs --- */

static void spi_set(void *opaque, int number, int level)
{
	struct gic *g = opaque;
	unsigned int n = (unsigned int)number, w = n / 32;
	uint32_t bit = UINT32_C(1) << n % 32, old = g->level[w];

	if (((old & bit) != 0) == (level != 0))
		return;
	g->level[w] = level ? old | bit : old & ~bit;
	if (level && (g->edge[w] & bit))
		g->pending[w] |= bit;
	update(g);
}

static void ppi_set(void *opaque, int n, int level)
{
	struct gic_cpu *c = opaque;
	uint32_t bit = UINT32_C(1) << n;

	c->level = level ? c->level | bit : c->level & ~bit;
	update(c->gic);
}

/* --- processor interface --- */

static uint32_t acknowledge(struct gic *g, struct gic_cpu *c)
{
	unsigned int n = signalled(g, c), source = 0;
	uint32_t bit = UINT32_C(1) << n % 32;

	if (n == SPURIOUS)
		return n;
	c->active[n / 32] |= bit;
	if (n >= GIC_PRIVATE) {
		g->pending[n / 32] &= ~bit;
	} else if (n >= 16) {
		c->pending &= ~bit;
	} else {
		source = (unsigned int)__builtin_ctz(c->sgi_sources[n] | 0x100);
		source &= 7;
		c->sgi_sources[n] &= (uint8_t)~(1u << source);
		c->active_source[n] = (uint8_t)source;
		if (!c->sgi_sources[n])
			c->pending &= ~bit;
	}
	update(g);
	return n | source << 10;
}

static void end_of_interrupt(struct gic *g, struct gic_cpu *c, uint32_t value)
{
	unsigned int n = value & 0x3ff;

	if (n >= g->irqs) /* a spurious one */
		return;
	if (!(c->active[n / 32] >> n % 32 & 1))
		log_printf(LOG_GUEST_ERRORS, "gic: end of interrupt %u, which is not active\n", n);
	c->active[n / 32] &= ~(UINT32_C(1) << n % 32);
	update(g);
}

static uint32_t highest_pending_register(const struct gic *g, const struct gic_cpu *c)
{
	unsigned int n = g->ctlr & 1 ? highest_pending(g, c) : SPURIOUS;
	unsigned int source = 0;

	if (n < 16)
		source = (unsigned int)__builtin_ctz(c->sgi_sources[n] | 0x100) & 7;
	return n | source << 10;
}

static uint32_t interface_read(struct gic *g, struct gic_cpu *c, uint64_t offset)
{
	switch (offset) {
	case ICCICR: return c->ctlr;
	case ICCPMR: return c->pmr;
	case ICCBPR: return c->bpr;
	case ICCIAR: return acknowledge(g, c);
	case ICCRPR: return MIN(running_priority(g, c), 0xff);
	case ICCHPIR: return highest_pending_register(g, c);
	case ICCIIDR: return 0x3901043b;
	}
	log_printf(LOG_GUEST_ERRORS, "gic: read of interface register %02x\n",
		   (unsigned int)offset);
	return 0;
}

static void interface_write(struct gic *g, struct gic_cpu *c, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case ICCICR: c->ctlr = value & 1; break;
	case ICCPMR: c->pmr = value & PRIORITY_BITS; break;
	case ICCBPR: c->bpr = MAX(value & 7, 3); break;
	case ICCEOIR: end_of_interrupt(g, c, value); break;
	default:
		log_printf(LOG_GUEST_ERRORS, "gic: write of interface register %02x\n",
			   (unsigned int)offset);
	}
	update(g);
}

/* Whoever looks; debuggers and bus masters see processor 0's. */
static struct gic_cpu *current(struct gic *g)
{
	const struct cpu *cpu = cpu_current();

	return &g->cpu[cpu && cpu->index < g->cpus ? cpu->index : 0];
}

static uint64_t own_read(void *opaque, uint64_t offset, unsigned int size)
{
	return interface_read(opaque, current(opaque), offset);
}

static void own_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	interface_write(opaque, current(opaque), offset, (uint32_t)value);
}

static uint64_t cpu_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct gic_cpu *c = opaque;
	return interface_read(c->gic, c, offset);
}

static void cpu_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct gic_cpu *c = opaque;
	interface_write(c->gic, c, offset, (uint32_t)value);
}

static const struct region_ops own_ops = {
	.read = own_read, .write = own_write, .min_size = 4, .max_size = 4};
static const struct region_ops cpu_ops = {
	.read = cpu_read, .write = cpu_write, .min_size = 4, .max_size = 4};

/* --- distributor: registers of one bit an interrupt --- */

static uint32_t word_read(const struct gic *g, const struct gic_cpu *c, uint64_t bank,
			  unsigned int w)
{
	switch (bank) {
	case ICDISER:
	case ICDICER: return w ? g->enabled[w] : c->enabled;
	case ICDISPR:
	case ICDICPR: return pending_word(g, c, w);
	case ICDABR:
	case ICDABR + 0x80: return w ? active_anywhere(g, w) : c->active[0];
	default: return 0; /* ICDISR: everything is secure */
	}
}

/* Software interrupts are made pending by ICDSGIR alone. */
static void pending_set(struct gic *g, struct gic_cpu *c, unsigned int w, uint32_t bits)
{
	if (w)
		g->pending[w] |= bits;
	else
		c->pending |= bits & 0xffff0000;
}

static void pending_clear(struct gic *g, struct gic_cpu *c, unsigned int w, uint32_t bits)
{
	if (w)
		g->pending[w] &= ~bits;
	else
		c->pending &= ~(bits & 0xffff0000);
}

static void word_write(struct gic *g, struct gic_cpu *c, uint64_t bank, unsigned int w,
		       uint32_t value)
{
	switch (bank) {
	case ICDISER: *(w ? &g->enabled[w] : &c->enabled) |= value; break;
	case ICDICER: /* software interrupts cannot be disabled */
		*(w ? &g->enabled[w] : &c->enabled) &= ~(w ? value : value & 0xffff0000);
		break;
	case ICDISPR: pending_set(g, c, w, value); break;
	case ICDICPR: pending_clear(g, c, w, value); break;
	}
}

/* --- distributor: registers of one byte an interrupt --- */

static uint8_t byte_read(const struct gic *g, const struct gic_cpu *c, uint64_t offset)
{
	unsigned int n = offset & 0x3ff;

	if (n >= g->irqs)
		return 0;
	if (offset < ICDIPTR)
		return (uint8_t)priority(g, c, n);
	if (g->cpus == 1)
		return 0;
	return n < GIC_PRIVATE ? (uint8_t)(1u << c->index) : g->target[n];
}

static void byte_write(struct gic *g, struct gic_cpu *c, uint64_t offset, uint8_t value)
{
	unsigned int n = offset & 0x3ff;

	if (n >= g->irqs)
		return;
	if (offset >= ICDIPTR) {
		if (n >= GIC_PRIVATE)
			g->target[n] = value & (uint8_t)((1u << g->cpus) - 1);
	} else if (n < GIC_PRIVATE) {
		c->priority[n] = value & PRIORITY_BITS;
	} else {
		g->priority[n] = value & PRIORITY_BITS;
	}
}

/* --- distributor: two bits an interrupt, edge and (11MPCore) 1-N --- */

static uint32_t config_read(const struct gic *g, unsigned int first)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < 16 && first + i < g->irqs; i++) {
		unsigned int n = first + i;
		uint32_t edge = n < 16 ? 1 : g->edge[n / 32] >> n % 32 & 1;
		uint32_t one = g->one_of_many[n / 8] >> n % 8 & 1;
		value |= (edge << 1 | one) << 2 * i;
	}
	return value;
}

static void config_write(struct gic *g, unsigned int first, uint32_t value)
{
	for (unsigned int i = 0; i < 16 && first + i < g->irqs; i++) {
		unsigned int n = first + i;
		uint32_t bit = UINT32_C(1) << n % 32;
		if (n < GIC_PRIVATE)
			continue;
		if (value >> (2 * i + 1) & 1)
			g->edge[n / 32] |= bit;
		else
			g->edge[n / 32] &= ~bit;
		g->one_of_many[n / 8] &= (uint8_t)~(1u << n % 8);
		g->one_of_many[n / 8] |= (uint8_t)((value >> 2 * i & 1) << n % 8);
	}
}

/* --- distributor --- */

static void send_sgi(struct gic *g, const struct gic_cpu *from, uint32_t value)
{
	static const char *const reserved = "gic: reserved target list filter\n";
	uint32_t all = (1u << g->cpus) - 1, self = 1u << from->index, targets = 0;
	unsigned int n = value & 15;

	switch (value >> 24 & 3) {
	case 0: targets = value >> 16 & all; break;
	case 1: targets = all & ~self; break;
	case 2: targets = self; break;
	default: log_printf(LOG_GUEST_ERRORS, "%s", reserved);
	}
	for (unsigned int i = 0; i < g->cpus; i++) {
		if (!(targets >> i & 1))
			continue;
		g->cpu[i].sgi_sources[n] |= (uint8_t)self;
		g->cpu[i].pending |= UINT32_C(1) << n;
	}
}

static uint32_t distributor_word(struct gic *g, struct gic_cpu *c, uint64_t offset)
{
	unsigned int w = offset / 4 & 31;
	uint64_t id;

	if (offset >= ICDISR && offset < ICDABR_END)
		return w < g->irqs / 32 ? word_read(g, c, offset & ~UINT64_C(0x7f), w) : 0;
	if (offset >= ICDICFR && offset < ICDICFR_END)
		return config_read(g, (unsigned int)(offset - ICDICFR) * 4);
	switch (offset) {
	case ICDDCR: return g->ctlr;
	case ICDICTR: return (g->irqs / 32 - 1) | (g->cpus - 1) << 5;
	case ICDIIDR: return IIDR;
	}
	if (primecell_id_read(ID, offset, &id))
		return (uint32_t)id;
	log_printf(LOG_GUEST_ERRORS, "gic: read of distributor register %03x\n",
		   (unsigned int)offset);
	return 0;
}

static bool is_bytes(uint64_t offset)
{
	return offset >= ICDIPR && offset < ICDICFR;
}

static uint64_t distributor_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct gic *g = opaque;
	struct gic_cpu *c = current(g);
	uint64_t value = 0;

	if (!is_bytes(offset))
		return distributor_word(g, c, offset & ~UINT64_C(3)) >> (offset & 3) * 8;
	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)byte_read(g, c, offset + i) << 8 * i;
	return value;
}

static void distributor_write_word(struct gic *g, struct gic_cpu *c, uint64_t offset,
				   uint32_t value)
{
	unsigned int w = offset / 4 & 31;

	if (offset >= ICDISR && offset < ICDABR_END) {
		if (w < g->irqs / 32)
			word_write(g, c, offset & ~UINT64_C(0x7f), w, value);
	} else if (offset >= ICDICFR && offset < ICDICFR_END) {
		config_write(g, (unsigned int)(offset - ICDICFR) * 4, value);
	} else if (offset == ICDDCR) {
		g->ctlr = value & 1;
	} else if (offset == ICDSGIR) {
		send_sgi(g, c, value);
	} else {
		log_printf(LOG_GUEST_ERRORS, "gic: write of distributor register %03x\n",
			   (unsigned int)offset);
	}
}

static void distributor_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct gic *g = opaque;
	struct gic_cpu *c = current(g);

	if (!is_bytes(offset)) /* narrow writes leave the other bits 0: all are set or clear bits */
		distributor_write_word(g, c, offset & ~UINT64_C(3),
				       (uint32_t)(value << (offset & 3) * 8));
	else
		for (unsigned int i = 0; i < size; i++)
			byte_write(g, c, offset + i, (uint8_t)(value >> 8 * i));
	update(g);
}

static const struct region_ops distributor_ops = {
	.read = distributor_read, .write = distributor_write, .max_size = 4};

/* --- device --- */

static void cpu_init(struct gic *g, unsigned int index)
{
	struct gic_cpu *c = &g->cpu[index];

	c->gic = g;
	c->index = index;
	region_init_io(&c->regs, "gic-cpu-n", 0x100, &cpu_ops, c);
	for (int n = 0; n < GIC_PRIVATE; n++)
		irq_init(&c->ppi[n], ppi_set, c, n);
}

static struct error *gic_init(struct device *dev)
{
	struct gic *g = (struct gic *)dev;

	if (g->cpus < 1 || g->cpus > GIC_CPUS || g->irqs % 32 || g->irqs < 64 || g->irqs > GIC_IRQS)
		return error_new("gic: %u processors and %u interrupts are not possible", g->cpus,
				 g->irqs);
	region_init_io(&g->mmio.regs, "gic-distributor", 0x1000, &distributor_ops, g);
	region_init_io(&g->own, "gic-cpu", 0x100, &own_ops, g);
	for (unsigned int i = 0; i < GIC_CPUS; i++)
		cpu_init(g, i);
	for (int n = 0; n < (int)GIC_IRQS - GIC_PRIVATE; n++)
		irq_init(&g->inputs[n], spi_set, g, n + GIC_PRIVATE);
	return NULL;
}

static void cpu_reset(struct gic_cpu *c)
{
	c->ctlr = c->pmr = c->pending = c->level = 0;
	c->bpr = 3;
	c->enabled = 0xffff; /* the software interrupts */
	memset(c->active, 0, sizeof(c->active));
	memset(c->priority, 0, sizeof(c->priority));
	memset(c->sgi_sources, 0, sizeof(c->sgi_sources));
	memset(c->active_source, 0, sizeof(c->active_source));
	c->asserted = false;
}

static void gic_reset(struct device *dev)
{
	struct gic *g = (struct gic *)dev;

	for (unsigned int i = 0; i < GIC_CPUS; i++)
		cpu_reset(&g->cpu[i]);
	g->ctlr = 0;
	memset(g->enabled, 0, sizeof(g->enabled));
	memset(g->pending, 0, sizeof(g->pending));
	memset(g->level, 0, sizeof(g->level));
	memset(g->edge, 0, sizeof(g->edge));
	memset(g->priority, 0, sizeof(g->priority));
	memset(g->target, 1, sizeof(g->target));
	memset(g->one_of_many, 0, sizeof(g->one_of_many));
}

static void gic_settle(struct device *dev)
{
	struct gic *g = (struct gic *)dev;

	for (unsigned int i = 0; i < g->cpus; i++)
		irq_set(g->mmio.irqs[i], g->cpu[i].asserted);
	update(g);
}

static struct error *gic_post_load(struct device *dev)
{
	const struct gic *g = (struct gic *)dev;

	for (unsigned int i = 0; i < GIC_CPUS; i++) {
		if (g->cpu[i].bpr < 3 || g->cpu[i].bpr > 7)
			return error_new("gic: impossible binary point");
	}
	return NULL;
}

static const struct prop props[] = {
	PROP_U32("cpus", struct gic, cpus, 1, "processors"),
	PROP_U32("irqs", struct gic, irqs, 96, "interrupts, the 32 private ones included"),
	PROP_END,
};

static const struct field cpu_state[] = {
	F_U32(struct gic_cpu, ctlr),	      F_U32(struct gic_cpu, pmr),
	F_U32(struct gic_cpu, bpr),	      F_U32(struct gic_cpu, enabled),
	F_U32(struct gic_cpu, pending),	      F_U32(struct gic_cpu, level),
	F_ARRAY(struct gic_cpu, active),      F_BYTES(struct gic_cpu, priority),
	F_BYTES(struct gic_cpu, sgi_sources), F_BYTES(struct gic_cpu, active_source),
	F_BOOL(struct gic_cpu, asserted),     FIELD_END,
};

static const struct field state[] = {
	F_STRUCTS(struct gic, cpu, cpu_state),
	F_U32(struct gic, ctlr),
	F_ARRAY(struct gic, enabled),
	F_ARRAY(struct gic, pending),
	F_ARRAY(struct gic, level),
	F_ARRAY(struct gic, edge),
	F_BYTES(struct gic, priority),
	F_BYTES(struct gic, target),
	F_BYTES(struct gic, one_of_many),
	FIELD_END,
};

DEVICE_CLASS(gic, .name = "gic", .help = "Generic interrupt controller", .bus = "System",
	     .size = sizeof(struct gic), .props = props, .state = state, .init = gic_init,
	     .reset = gic_reset, .settle = gic_settle, .post_load = gic_post_load, .hidden = true);

static void print(struct machine *m, FILE *out)
{
	for (struct device *dev = device_first(); dev; dev = dev->next) {
		const struct gic *g = (struct gic *)dev;
		if (dev->class != &gic_class)
			continue;
		for (unsigned int w = 1; w < g->irqs / 32; w++)
			fprintf(out, "gic: %u to %u: enabled %08x pending %08x level %08x\n",
				w * 32, w * 32 + 31, g->enabled[w], g->pending[w], g->level[w]);
		for (unsigned int i = 0; i < g->cpus; i++)
			fprintf(out, "gic: cpu %u: enabled %08x pending %08x mask %02x irq %u\n", i,
				g->cpu[i].enabled, g->cpu[i].pending | g->cpu[i].level,
				g->cpu[i].pmr, g->cpu[i].asserted);
	}
}
INFO(gic, "gic", "state of the generic interrupt controllers", print);
