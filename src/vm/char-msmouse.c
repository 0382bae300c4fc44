/*
 * A serial mouse of two or three buttons: 1200 baud, 7N1, packets of three bytes ("Microsoft"
 * protocol), a fourth while the middle button is or was down (Logitech's extension). Raising RTS
 * and DTR powers it up, and it says "M", "M3" with three buttons.
 */
#include "vm/char-backend.h"

#include "vm/input.h"

#include <errno.h>
#include <sys/ioctl.h>

struct msmouse {
	struct chardev chr;
	int dx, dy; /* not yet reported */
	unsigned int buttons, sent_buttons;
	int lines; /* TIOCM_* that the guest drives */
};

static void report(struct msmouse *m)
{
	int dx = CLAMP(m->dx, -128, 127), dy = CLAMP(m->dy, -128, 127);
	uint8_t x = (uint8_t)dx, y = (uint8_t)dy;
	bool middle = m->buttons & POINTER_MIDDLE;
	uint8_t packet[4] = {
		(uint8_t)(0x40 | (m->buttons & POINTER_LEFT ? 0x20 : 0) |
			  (m->buttons & POINTER_RIGHT ? 0x10 : 0) | (y >> 6) << 2 | x >> 6),
		x & 0x3f,
		y & 0x3f,
		middle ? 0x20 : 0,
	};
	size_t len = middle || (m->sent_buttons & POINTER_MIDDLE) ? 4 : 3;

	m->dx -= dx;
	m->dy -= dy;
	m->sent_buttons = m->buttons;
	chardev_input(&m->chr, packet, len);
}

/* Sends as much as the front end takes; the rest of a movement waits. */
static void report_all(struct msmouse *m)
{
	while ((m->dx || m->dy || m->buttons != m->sent_buttons) && m->chr.in->len < 4)
		report(m);
}

static void mouse_event(void *opaque, int x, int y, int dz, unsigned int buttons)
{
	struct msmouse *m = opaque;

	m->dx = CLAMP(m->dx + x, -4096, 4096);
	m->dy = CLAMP(m->dy + y, -4096, 4096);
	m->buttons = buttons;
	report_all(m);
}

static const struct input_pointer_ops mouse_ops = {
	.name = "Microsoft serial mouse",
	.event = mouse_event,
};

static void msmouse_resume(struct chardev *chr)
{
	report_all((struct msmouse *)chr);
}

static void power_up(struct msmouse *m)
{
	g_byte_array_set_size(m->chr.in, 0);
	m->dx = m->dy = 0;
	chardev_input(&m->chr, (const uint8_t *)"M3", 2);
}

static int msmouse_control(struct chardev *chr, enum chardev_control what, void *arg)
{
	struct msmouse *m = (struct msmouse *)chr;
	const int power = TIOCM_RTS | TIOCM_DTR;

	if (what == CHR_SERIAL_GET_TIOCM) {
		/* It drives CTS and DSR with the power it takes. */
		*(int *)arg = (m->lines & power) == power ? TIOCM_CTS | TIOCM_DSR : 0;
		return 0;
	}
	if (what != CHR_SERIAL_SET_TIOCM)
		return -ENOTSUP;
	bool was_up = (m->lines & power) == power;
	m->lines = *(const int *)arg & power;
	if (!was_up && m->lines == power)
		power_up(m);
	return 0;
}

static void msmouse_close(struct chardev *chr)
{
	input_remove(chr);
}

static const struct chardev_ops msmouse_ops = {
	.resume = msmouse_resume,
	.control = msmouse_control,
	.close = msmouse_close,
};

struct error *char_msmouse_open(struct optstr *o, const char *id, struct chardev **chr)
{
	struct msmouse *m = chardev_alloc(sizeof(*m), &msmouse_ops);

	m->chr.open = true;
	input_add_pointer(&mouse_ops, m);
	*chr = &m->chr;
	return NULL;
}
