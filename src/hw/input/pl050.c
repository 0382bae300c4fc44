/*
 * PrimeCell PS/2 Keyboard/Mouse Interface (PL050). Source: ARM DDI 0143C. Output 0 is KMIINTR.
 * What is sent to the keyboard or mouse arrives at once.
 */
#include "hw/input/ps2.h"
#include "hw/misc/mmio.h"
#include "hw/misc/primecell.h"

#include "base/log.h"
#include "vm/input.h"

enum { KMICR = 0x00, KMISTAT = 0x04, KMIDATA = 0x08, KMICLKDIV = 0x0c, KMIIR = 0x10 };

#define ID 0x00041050u

#define CR_TXINTEN 0x08
#define CR_RXINTEN 0x10

#define STAT_KMID     0x01
#define STAT_KMIC     0x02
#define STAT_RXPARITY 0x04
#define STAT_RXFULL   0x10
#define STAT_TXEMPTY  0x40

#define IR_RX 0x01
#define IR_TX 0x02

struct pl050 {
	struct mmio mmio;
	bool is_mouse;
	struct ps2_keyboard keyboard;
	struct ps2_mouse mouse;
	uint8_t cr, clkdiv, last;
};

static struct ps2_queue *queue(struct pl050 *k)
{
	return k->is_mouse ? &k->mouse.queue : &k->keyboard.queue;
}

static uint8_t interrupts(struct pl050 *k)
{
	return (ps2_pending(queue(k)) ? IR_RX : 0) | IR_TX;
}

static void update(void *opaque)
{
	struct pl050 *k = opaque;
	uint8_t enabled = (k->cr & CR_RXINTEN ? IR_RX : 0) | (k->cr & CR_TXINTEN ? IR_TX : 0);

	irq_set(k->mmio.irqs[0], (interrupts(k) & enabled) != 0);
}

/* The parity bit makes the number of ones odd. */
static uint32_t status(struct pl050 *k)
{
	uint32_t parity = __builtin_parity(k->last) ? 0 : STAT_RXPARITY;

	return parity | STAT_KMIC | STAT_KMID | STAT_TXEMPTY |
	       (ps2_pending(queue(k)) ? STAT_RXFULL : 0);
}

static uint32_t data_read(struct pl050 *k)
{
	if (ps2_pending(queue(k)))
		k->last = ps2_pop(queue(k));
	update(k);
	return k->last;
}

static uint64_t pl050_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl050 *k = opaque;
	uint64_t id;

	switch (offset) {
	case KMICR: return k->cr;
	case KMISTAT: return status(k);
	case KMIDATA: return data_read(k);
	case KMICLKDIV: return k->clkdiv;
	case KMIIR: return interrupts(k);
	}
	if (primecell_id_read(ID, offset, &id))
		return id;
	log_printf(LOG_GUEST_ERRORS, "pl050: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void pl050_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pl050 *k = opaque;

	switch (offset) {
	case KMICR: k->cr = value & 0x3f; break;
	case KMIDATA:
		if (k->is_mouse)
			ps2_mouse_write(&k->mouse, (uint8_t)value);
		else
			ps2_keyboard_write(&k->keyboard, (uint8_t)value);
		break;
	case KMICLKDIV: k->clkdiv = value & 0x0f; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "pl050: write of register %03x\n",
			   (unsigned int)offset);
	}
	update(k);
}

static const struct region_ops pl050_ops = {
	.read = pl050_read, .write = pl050_write, .min_size = 4, .max_size = 4};

/* --- host's side --- */

static void host_key(void *opaque, unsigned int keycode, bool down)
{
	ps2_keyboard_key(&((struct pl050 *)opaque)->keyboard, keycode, down);
}

static int host_leds(void *opaque)
{
	return ((struct pl050 *)opaque)->keyboard.leds;
}

static void host_pointer(void *opaque, int x, int y, int dz, unsigned int buttons)
{
	ps2_mouse_move(&((struct pl050 *)opaque)->mouse, x, y, dz, buttons);
}

static const struct input_keyboard_ops host_keyboard = {
	.name = "PS/2 Keyboard", .key = host_key, .leds = host_leds};
static const struct input_pointer_ops host_mouse = {.name = "PS/2 Mouse", .event = host_pointer};

/* --- device --- */

static void common_init(struct pl050 *k)
{
	region_init_io(&k->mmio.regs, "pl050", 0x1000, &pl050_ops, k);
	ps2_keyboard_init(&k->keyboard, update, k);
	ps2_mouse_init(&k->mouse, update, k);
}

static struct error *keyboard_init(struct device *dev)
{
	common_init((struct pl050 *)dev);
	input_add_keyboard(&host_keyboard, dev);
	return NULL;
}

static struct error *mouse_init(struct device *dev)
{
	((struct pl050 *)dev)->is_mouse = true;
	common_init((struct pl050 *)dev);
	input_add_pointer(&host_mouse, dev);
	return NULL;
}

static void pl050_reset(struct device *dev)
{
	struct pl050 *k = (struct pl050 *)dev;

	k->cr = k->clkdiv = k->last = 0;
	ps2_keyboard_reset(&k->keyboard);
	ps2_mouse_reset(&k->mouse);
}

static void pl050_settle(struct device *dev)
{
	update(dev);
}

static struct error *pl050_post_load(struct device *dev)
{
	struct pl050 *k = (struct pl050 *)dev;
	struct error *err = ps2_queue_check(&k->keyboard.queue);

	return err ? err : ps2_queue_check(&k->mouse.queue);
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_STRUCT(struct pl050, keyboard, ps2_keyboard_state),
	F_STRUCT(struct pl050, mouse, ps2_mouse_state),
	F_U8(struct pl050, cr),
	F_U8(struct pl050, clkdiv),
	F_U8(struct pl050, last),
	FIELD_END,
};

#define PL050(ident, name_, help_, init_)                                           \
	DEVICE_CLASS(ident, .name = (name_), .help = (help_), .bus = "System",      \
		     .size = sizeof(struct pl050), .props = props, .state = state,  \
		     .init = (init_), .reset = pl050_reset, .settle = pl050_settle, \
		     .post_load = pl050_post_load, .hidden = true)

PL050(pl050_keyboard, "pl050-keyboard", "PrimeCell interface with a PS/2 keyboard", keyboard_init);
PL050(pl050_mouse, "pl050-mouse", "PrimeCell interface with a PS/2 mouse", mouse_init);
