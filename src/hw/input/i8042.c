/*
 * 8042 keyboard and auxiliary device controller.
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
 * Controller", October 1990.
 *
 * A byte stays readable after it was read until the next comes over the wire: handlers that are
 * chained on the keyboard interrupt all read it. So the next byte of a device is taken into the
 * output buffer REFILL_NS after a read, not at once.
 */
#include "hw/input/i8042.h"

#include "base/log.h"
#include "vm/input.h"
#include "vm/runstate.h"

#define REFILL_NS (200 * NS_PER_US)

#define STATUS_OBF	0x01
#define STATUS_SYS	0x04
#define STATUS_A2	0x08 /* the last write was a command */
#define STATUS_UNLOCKED 0x10
#define STATUS_AUX	0x20

#define CB_KEYBOARD_INT	    0x01
#define CB_AUX_INT	    0x02
#define CB_SYS		    0x04
#define CB_KEYBOARD_DISABLE 0x10
#define CB_AUX_DISABLE	    0x20
#define CB_TRANSLATE	    0x40

#define OUT_RESET 0x01 /* active low */
#define OUT_A20	  0x02
#define OUT_IRQ1  0x10
#define OUT_IRQ12 0x20

enum {
	CMD_READ_RAM = 0x20,  /* to 3Fh */
	CMD_WRITE_RAM = 0x60, /* to 7Fh */
	CMD_TEST_PASSWORD = 0xa4,
	CMD_AUX_DISABLE = 0xa7,
	CMD_AUX_ENABLE = 0xa8,
	CMD_AUX_TEST = 0xa9,
	CMD_SELF_TEST = 0xaa,
	CMD_KEYBOARD_TEST = 0xab,
	CMD_KEYBOARD_DISABLE = 0xad,
	CMD_KEYBOARD_ENABLE = 0xae,
	CMD_READ_INPUT_PORT = 0xc0,
	CMD_READ_OUTPUT_PORT = 0xd0,
	CMD_WRITE_OUTPUT_PORT = 0xd1,
	CMD_WRITE_KEYBOARD_OBUF = 0xd2,
	CMD_WRITE_AUX_OBUF = 0xd3,
	CMD_WRITE_AUX = 0xd4,
	CMD_A20_OFF = 0xdd,
	CMD_A20_ON = 0xdf,
	CMD_READ_TEST = 0xe0,
	CMD_PULSE = 0xf0, /* to FFh: clear bits of the low nibble pulse output port bits */
};

static uint8_t command_byte(const struct i8042 *s)
{
	return s->ram[0];
}

/* --- output buffer --- */

static void update_irqs(struct i8042 *s)
{
	bool full = s->status & STATUS_OBF, aux = s->status & STATUS_AUX;
	bool irq1 = full && !aux && (command_byte(s) & CB_KEYBOARD_INT);
	bool irq12 = full && aux && (command_byte(s) & CB_AUX_INT);

	s->output_port &= (uint8_t)~(OUT_IRQ1 | OUT_IRQ12);
	s->output_port |= (irq1 ? OUT_IRQ1 : 0) | (irq12 ? OUT_IRQ12 : 0);
	irq_set(s->keyboard_irq, irq1);
	irq_set(s->mouse_irq, irq12);
}

static void obuf_fill(struct i8042 *s, uint8_t value, bool aux)
{
	s->obuf = value;
	s->status = (uint8_t)((s->status & ~STATUS_AUX) | STATUS_OBF | (aux ? STATUS_AUX : 0));
	update_irqs(s);
}

/* Set 2 to set 1; the break prefix is swallowed. False where there is nothing to pass on yet. */
static bool translate(struct i8042 *s, uint8_t *value)
{
	if (!(command_byte(s) & CB_TRANSLATE))
		return true;
	if (*value == 0xf0) {
		s->translate_break = true;
		return false;
	}
	*value = ps2_translate(*value);
	if (s->translate_break && *value < 0x80)
		*value |= 0x80;
	s->translate_break = false;
	return true;
}

static bool take_keyboard(struct i8042 *s)
{
	while (!(command_byte(s) & CB_KEYBOARD_DISABLE) && ps2_pending(&s->keyboard.queue)) {
		uint8_t value = ps2_pop(&s->keyboard.queue);

		if (!translate(s, &value))
			continue;
		obuf_fill(s, value, false);
		return true;
	}
	return false;
}

/* Moves the next byte into the empty output buffer: the controller's, the keyboard's, the mouse's.
 */
static void obuf_refill(void *opaque)
{
	struct i8042 *s = opaque;

	if (s->status & STATUS_OBF)
		return;
	if (s->reply_pending) {
		s->reply_pending = false;
		obuf_fill(s, s->reply, s->reply_aux);
		return;
	}
	if (take_keyboard(s))
		return;
	if (!(command_byte(s) & CB_AUX_DISABLE) && ps2_pending(&s->mouse.queue))
		obuf_fill(s, ps2_pop(&s->mouse.queue), true);
}

static void device_ready(void *opaque)
{
	struct i8042 *s = opaque;

	if (!timer_pending(&s->refill))
		obuf_refill(s);
}

/* A controller's answer replaces what is in the buffer only if that was read. */
static void controller_reply(struct i8042 *s, uint8_t value, bool aux)
{
	s->reply = value;
	s->reply_aux = aux;
	s->reply_pending = true;
	obuf_refill(s);
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct i8042 *s = opaque;
	uint8_t value = s->obuf;

	if (!(s->status & STATUS_OBF))
		return value;
	s->status &= (uint8_t)~(STATUS_OBF | STATUS_AUX);
	update_irqs(s);
	if (s->reply_pending)
		obuf_refill(s);
	else
		timer_set(&s->refill, clock_now(CLOCK_VIRTUAL) + REFILL_NS);
	return value;
}

static uint64_t status_read(void *opaque, uint64_t offset, unsigned int size)
{
	return ((struct i8042 *)opaque)->status;
}

/* --- output port --- */

static void output_port_write(struct i8042 *s, uint8_t value)
{
	s->output_port = (uint8_t)((value & ~(OUT_IRQ1 | OUT_IRQ12)) |
				   (s->output_port & (OUT_IRQ1 | OUT_IRQ12)));
	irq_set(s->a20, (value & OUT_A20) != 0);
	if (!(value & OUT_RESET))
		machine_request_reset();
}

/* --- commands and data --- */

static void command_byte_write(struct i8042 *s, uint8_t value)
{
	s->ram[0] = value;
	s->status = (uint8_t)((s->status & ~STATUS_SYS) | (value & CB_SYS ? STATUS_SYS : 0));
	update_irqs(s);
	device_ready(s);
}

static void self_test(struct i8042 *s)
{
	s->status |= STATUS_SYS;
	s->ram[0] |= CB_SYS;
	controller_reply(s, 0x55, false);
}

static void command_execute(struct i8042 *s, uint8_t value)
{
	switch (value) {
	case CMD_READ_RAM ... CMD_READ_RAM + 31:
		controller_reply(s, s->ram[value & 31], false);
		break;
	case CMD_WRITE_RAM ... CMD_WRITE_RAM + 31:
	case CMD_WRITE_OUTPUT_PORT:
	case CMD_WRITE_KEYBOARD_OBUF:
	case CMD_WRITE_AUX_OBUF:
	case CMD_WRITE_AUX: s->command = value; break;
	case CMD_TEST_PASSWORD: controller_reply(s, 0xf1, false); break; /* none installed */
	case CMD_AUX_DISABLE: command_byte_write(s, command_byte(s) | CB_AUX_DISABLE); break;
	case CMD_AUX_ENABLE:
		command_byte_write(s, command_byte(s) & (uint8_t)~CB_AUX_DISABLE);
		break;
	case CMD_AUX_TEST:
	case CMD_KEYBOARD_TEST: controller_reply(s, 0x00, false); break;
	case CMD_SELF_TEST: self_test(s); break;
	case CMD_KEYBOARD_DISABLE:
		command_byte_write(s, command_byte(s) | CB_KEYBOARD_DISABLE);
		break;
	case CMD_KEYBOARD_ENABLE:
		command_byte_write(s, command_byte(s) & (uint8_t)~CB_KEYBOARD_DISABLE);
		break;
	case CMD_READ_INPUT_PORT: controller_reply(s, 0x80, false); break; /* not locked */
	case CMD_READ_OUTPUT_PORT: controller_reply(s, s->output_port, false); break;
	case CMD_A20_OFF: output_port_write(s, s->output_port & (uint8_t)~OUT_A20); break;
	case CMD_A20_ON: output_port_write(s, s->output_port | OUT_A20); break;
	case CMD_READ_TEST: controller_reply(s, 0x00, false); break;
	case CMD_PULSE ... CMD_PULSE + 15:
		if (!(value & OUT_RESET))
			machine_request_reset();
		break;
	default: log_printf(LOG_GUEST_ERRORS, "i8042: unknown command %02x\n", value);
	}
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct i8042 *s = opaque;

	s->status |= STATUS_A2;
	s->command = 0;
	command_execute(s, (uint8_t)value);
}

static void keyboard_write(struct i8042 *s, uint8_t value)
{
	/* sending to the keyboard switches it on */
	s->ram[0] &= (uint8_t)~CB_KEYBOARD_DISABLE;
	ps2_keyboard_write(&s->keyboard, value);
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct i8042 *s = opaque;
	uint8_t command = s->command, byte = (uint8_t)value;

	s->status &= (uint8_t)~STATUS_A2;
	s->command = 0;
	switch (command) {
	case 0: keyboard_write(s, byte); break;
	case CMD_WRITE_RAM: command_byte_write(s, byte); break;
	case CMD_WRITE_RAM + 1 ... CMD_WRITE_RAM + 31: s->ram[command & 31] = byte; break;
	case CMD_WRITE_OUTPUT_PORT: output_port_write(s, byte); break;
	case CMD_WRITE_KEYBOARD_OBUF: controller_reply(s, byte, false); break;
	case CMD_WRITE_AUX_OBUF: controller_reply(s, byte, true); break;
	default: /* CMD_WRITE_AUX */
		s->ram[0] &= (uint8_t)~CB_AUX_DISABLE;
		ps2_mouse_write(&s->mouse, byte);
	}
}

static const struct region_ops data_ops = {.read = data_read, .write = data_write, .max_size = 1};
static const struct region_ops command_ops = {
	.read = status_read, .write = command_write, .max_size = 1};

/* --- host's side --- */

static void host_key(void *opaque, unsigned int keycode, bool down)
{
	ps2_keyboard_key(&((struct i8042 *)opaque)->keyboard, keycode, down);
}

static int host_leds(void *opaque)
{
	return ((struct i8042 *)opaque)->keyboard.leds;
}

static void host_pointer(void *opaque, int x, int y, int dz, unsigned int buttons)
{
	ps2_mouse_move(&((struct i8042 *)opaque)->mouse, x, y, dz, buttons);
}

static const struct input_keyboard_ops host_keyboard = {
	.name = "PS/2 Keyboard",
	.key = host_key,
	.leds = host_leds,
};
static const struct input_pointer_ops host_mouse = {
	.name = "PS/2 Mouse",
	.event = host_pointer,
};

/* --- device --- */

static struct error *i8042_init(struct device *dev)
{
	struct i8042 *s = (struct i8042 *)dev;

	s->keyboard_irq = isa_irq(dev, 1);
	s->mouse_irq = isa_irq(dev, 12);
	timer_init(&s->refill, CLOCK_VIRTUAL, obuf_refill, s);
	ps2_keyboard_init(&s->keyboard, device_ready, s);
	ps2_mouse_init(&s->mouse, device_ready, s);
	region_init_io(&s->data_port, "i8042-data", 1, &data_ops, s);
	region_init_io(&s->command_port, "i8042-cmd", 1, &command_ops, s);
	isa_map_io(dev, 0x60, &s->data_port);
	isa_map_io(dev, 0x64, &s->command_port);
	input_add_keyboard(&host_keyboard, s);
	input_add_pointer(&host_mouse, s);
	return NULL;
}

static void i8042_reset(struct device *dev)
{
	struct i8042 *s = (struct i8042 *)dev;

	timer_cancel(&s->refill);
	for (unsigned int i = 0; i < sizeof(s->ram); i++)
		s->ram[i] = 0;
	s->ram[0] = CB_KEYBOARD_INT | CB_AUX_INT;
	s->status = STATUS_A2 | STATUS_UNLOCKED;
	s->output_port = OUT_RESET | OUT_A20;
	s->obuf = s->command = s->reply = s->reply_aux = 0;
	s->translate_break = s->reply_pending = false;
	ps2_keyboard_reset(&s->keyboard);
	ps2_mouse_reset(&s->mouse);
}

static void i8042_settle(struct device *dev)
{
	struct i8042 *s = (struct i8042 *)dev;

	update_irqs(s);
	irq_set(s->a20, (s->output_port & OUT_A20) != 0);
}

static struct error *i8042_post_load(struct device *dev)
{
	struct i8042 *s = (struct i8042 *)dev;
	struct error *err = ps2_queue_check(&s->keyboard.queue);

	if (!err)
		err = ps2_queue_check(&s->mouse.queue);
	return err;
}

static const struct prop i8042_props[] = {
	PROP_PTR("a20", struct i8042, a20),
	PROP_END,
};

static const struct field i8042_state[] = {
	F_STRUCT(struct i8042, keyboard, ps2_keyboard_state),
	F_STRUCT(struct i8042, mouse, ps2_mouse_state),
	F_BYTES(struct i8042, ram),
	F_U8(struct i8042, status),
	F_U8(struct i8042, output_port),
	F_U8(struct i8042, obuf),
	F_U8(struct i8042, command),
	F_BOOL(struct i8042, translate_break),
	F_U8(struct i8042, reply),
	F_U8(struct i8042, reply_aux),
	F_BOOL(struct i8042, reply_pending),
	F_TIMER(struct i8042, refill),
	FIELD_END,
};

DEVICE_CLASS(i8042, .name = "i8042", .help = "keyboard and mouse controller", .bus = "ISA",
	     .size = sizeof(struct i8042), .props = i8042_props, .state = i8042_state,
	     .init = i8042_init, .reset = i8042_reset, .settle = i8042_settle,
	     .post_load = i8042_post_load, .hidden = true);
