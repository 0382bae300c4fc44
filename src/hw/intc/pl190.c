/* PrimeCell Vectored Interrupt Controller (PL190). Source: ARM DDI 0181E. */
#include "hw/intc/pl190.h"

#include "hw/misc/primecell.h"

#include "base/log.h"
#include "vm/info.h"

#include <string.h>

enum {
	VICIRQSTATUS = 0x000,
	VICFIQSTATUS = 0x004,
	VICRAWINTR = 0x008,
	VICINTSELECT = 0x00c,
	VICINTENABLE = 0x010,
	VICINTENCLEAR = 0x014,
	VICSOFTINT = 0x018,
	VICSOFTINTCLEAR = 0x01c,
	VICPROTECTION = 0x020,
	VICVECTADDR = 0x030,
	VICDEFVECTADDR = 0x034,
	VICVECTADDR0 = 0x100,
	VICVECTCNTL0 = 0x200,
};

#define ID	      0x00041190u
#define VECTCNTL_E    0x20
#define NONVECTORED   PL190_VECTORS /* its priority: below all vectored ones */
#define PRIORITY_NONE (PL190_VECTORS + 1)

static uint32_t raw(const struct pl190 *v)
{
	return v->level | v->soft;
}

static uint32_t irq_pending(const struct pl190 *v)
{
	return raw(v) & v->enable & ~v->select;
}

/* Vectored ones by their slots, then all others together. */
static unsigned int highest_pending(const struct pl190 *v)
{
	uint32_t pending = irq_pending(v);

	for (unsigned int n = 0; n < PL190_VECTORS; n++) {
		uint32_t c = v->vect_cntl[n];
		if ((c & VECTCNTL_E) && (pending >> (c & 31) & 1))
			return n;
	}
	return pending ? NONVECTORED : PRIORITY_NONE;
}

static unsigned int current(const struct pl190 *v)
{
	return v->active ? (unsigned int)__builtin_ctz(v->active) : PRIORITY_NONE;
}

static void update(struct pl190 *v)
{
	irq_set(v->mmio.irqs[PL190_IRQ], highest_pending(v) < current(v));
	irq_set(v->mmio.irqs[PL190_FIQ], (raw(v) & v->enable & v->select) != 0);
}

static void input_set(void *opaque, int n, int level)
{
	struct pl190 *v = opaque;
	uint32_t old = v->level;

	v->level = (v->level & ~(UINT32_C(1) << n)) | (uint32_t)(level != 0) << n;
	if (v->level != old)
		update(v);
}

/* Tells where the handler is; what is not above it must wait until the end is written. */
static uint32_t acknowledge(struct pl190 *v)
{
	unsigned int n = highest_pending(v);

	if (n < current(v))
		v->active |= UINT32_C(1) << n;
	update(v);
	return n < PL190_VECTORS ? v->vect_addr[n] : v->default_addr;
}

static uint64_t pl190_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl190 *v = opaque;
	uint64_t id;

	if (offset >= VICVECTADDR0 && offset < VICVECTADDR0 + 4 * PL190_VECTORS)
		return v->vect_addr[(offset - VICVECTADDR0) / 4];
	if (offset >= VICVECTCNTL0 && offset < VICVECTCNTL0 + 4 * PL190_VECTORS)
		return v->vect_cntl[(offset - VICVECTCNTL0) / 4];
	switch (offset) {
	case VICIRQSTATUS: return irq_pending(v);
	case VICFIQSTATUS: return raw(v) & v->enable & v->select;
	case VICRAWINTR: return raw(v);
	case VICINTSELECT: return v->select;
	case VICINTENABLE: return v->enable;
	case VICSOFTINT: return v->soft;
	case VICPROTECTION: return v->protection;
	case VICVECTADDR: return acknowledge(v);
	case VICDEFVECTADDR: return v->default_addr;
	}
	if (primecell_id_read(ID, offset, &id))
		return id;
	log_printf(LOG_GUEST_ERRORS, "pl190: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void register_write(struct pl190 *v, unsigned int offset, uint32_t value)
{
	switch (offset) {
	case VICINTSELECT: v->select = value; break;
	case VICINTENABLE: v->enable |= value; break;
	case VICINTENCLEAR: v->enable &= ~value; break;
	case VICSOFTINT: v->soft |= value; break;
	case VICSOFTINTCLEAR: v->soft &= ~value; break;
	case VICPROTECTION: v->protection = value & 1; break;
	case VICVECTADDR: v->active &= v->active - 1; break; /* the end of the highest */
	case VICDEFVECTADDR: v->default_addr = value; break;
	default: log_printf(LOG_GUEST_ERRORS, "pl190: write of register %03x\n", offset);
	}
}

static void pl190_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pl190 *v = opaque;

	if (offset >= VICVECTADDR0 && offset < VICVECTADDR0 + 4 * PL190_VECTORS)
		v->vect_addr[(offset - VICVECTADDR0) / 4] = (uint32_t)value;
	else if (offset >= VICVECTCNTL0 && offset < VICVECTCNTL0 + 4 * PL190_VECTORS)
		v->vect_cntl[(offset - VICVECTCNTL0) / 4] = value & 0x3f;
	else
		register_write(v, (unsigned int)offset, (uint32_t)value);
	update(v);
}

static const struct region_ops pl190_ops = {
	.read = pl190_read, .write = pl190_write, .min_size = 4, .max_size = 4};

static struct error *pl190_init(struct device *dev)
{
	struct pl190 *v = (struct pl190 *)dev;

	region_init_io(&v->mmio.regs, "pl190", 0x1000, &pl190_ops, v);
	for (int n = 0; n < 32; n++)
		irq_init(&v->inputs[n], input_set, v, n);
	return NULL;
}

static void pl190_reset(struct device *dev)
{
	struct pl190 *v = (struct pl190 *)dev;

	v->level = v->soft = v->enable = v->select = v->active = 0;
	v->default_addr = 0;
	v->protection = 0;
	memset(v->vect_addr, 0, sizeof(v->vect_addr));
	memset(v->vect_cntl, 0, sizeof(v->vect_cntl));
}

static void pl190_settle(struct device *dev)
{
	update((struct pl190 *)dev);
}

static const struct field state[] = {
	F_U32(struct pl190, level),	  F_U32(struct pl190, soft),
	F_U32(struct pl190, enable),	  F_U32(struct pl190, select),
	F_U32(struct pl190, active),	  F_U32(struct pl190, default_addr),
	F_U8(struct pl190, protection),	  F_ARRAY(struct pl190, vect_addr),
	F_ARRAY(struct pl190, vect_cntl), FIELD_END,
};

static struct error *pl190_post_load(struct device *dev)
{
	const struct pl190 *v = (struct pl190 *)dev;

	return v->active >> PRIORITY_NONE ? error_new("pl190: impossible priority") : NULL;
}

static const struct prop props[] = {PROP_END};

DEVICE_CLASS(pl190, .name = "pl190", .help = "PrimeCell vectored interrupt controller",
	     .bus = "System", .size = sizeof(struct pl190), .props = props, .state = state,
	     .init = pl190_init, .reset = pl190_reset, .settle = pl190_settle,
	     .post_load = pl190_post_load, .hidden = true);

static void print(struct machine *m, FILE *out)
{
	for (struct device *dev = device_first(); dev; dev = dev->next) {
		const struct pl190 *v = (struct pl190 *)dev;
		if (dev->class != &pl190_class)
			continue;
		fprintf(out, "pl190: raw %08x enabled %08x fiq %08x active %05x\n", raw(v),
			v->enable, v->select, v->active);
	}
}
INFO(vic, "vic", "state of the PL190 interrupt controllers", print);
