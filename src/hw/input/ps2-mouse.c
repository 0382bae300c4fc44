/*
 * PS/2 mouse: IBM PS/2 Hardware Interface Technical Reference, "Mouse"; the wheel protocols are
 * Microsoft's IntelliMouse (ID 3) and IntelliMouse Explorer (ID 4), unlocked by a sequence of
 * sample rates.
 */
#include "hw/input/ps2.h"

#include "vm/input.h"

#include <glib.h>

enum {
	CMD_SCALING_1 = 0xe6,
	CMD_SCALING_2 = 0xe7,
	CMD_RESOLUTION = 0xe8,
	CMD_STATUS = 0xe9,
	CMD_STREAM = 0xea,
	CMD_READ_DATA = 0xeb,
	CMD_RESET_WRAP = 0xec,
	CMD_WRAP = 0xee,
	CMD_REMOTE = 0xf0,
	CMD_ID = 0xf2,
	CMD_RATE = 0xf3,
	CMD_ENABLE = 0xf4,
	CMD_DISABLE = 0xf5,
	CMD_DEFAULT = 0xf6,
	CMD_RESEND = 0xfe,
	CMD_RESET = 0xff,
};

#define REPLY_ACK   0xfa
#define REPLY_BAT   0xaa
#define REPLY_ERROR 0xfc

#define STATUS_REMOTE  0x40
#define STATUS_ENABLED 0x20
#define STATUS_SCALING 0x10

#define PACKET_ONE 0x08
#define PACKET_XS  0x10
#define PACKET_YS  0x20

/* Movement is gathered while this much is unread: a slow guest gets few, large moves. */
#define BACKLOG 16

static bool packet_due(const struct ps2_mouse *m)
{
	return m->dx || m->dy || m->dz || m->buttons != m->reported_buttons;
}

/* Takes the gathered movement, as much as a packet can carry. */
static unsigned int packet_make(struct ps2_mouse *m, uint8_t packet[4])
{
	int dx = CLAMP(m->dx, -255, 255), dy = CLAMP(m->dy, -255, 255), dz = CLAMP(m->dz, -8, 7);

	m->dx -= dx;
	m->dy -= dy;
	m->dz -= dz;
	m->reported_buttons = m->buttons;
	packet[0] = (uint8_t)(PACKET_ONE | (dx < 0 ? PACKET_XS : 0) | (dy < 0 ? PACKET_YS : 0) |
			      (m->buttons & 7));
	packet[1] = (uint8_t)dx;
	packet[2] = (uint8_t)dy;
	switch (m->id) {
	case 3: packet[3] = (uint8_t)dz; return 4;
	case 4: packet[3] = (uint8_t)((dz & 15) | (m->buttons & 0x18) << 1); return 4;
	default: m->dz = 0; return 3;
	}
}

static void packet_send(struct ps2_mouse *m)
{
	uint8_t packet[4];
	unsigned int len;

	while (packet_due(m) && m->queue.count < BACKLOG) {
		len = packet_make(m, packet);
		ps2_event(&m->queue, packet, len);
	}
}

void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, unsigned int buttons)
{
	if (!m->reporting && !m->remote)
		return;
	/* the screen counts downwards, the mouse upwards */
	m->dx = CLAMP(m->dx + CLAMP(dx, -4096, 4096), -65536, 65536);
	m->dy = CLAMP(m->dy - CLAMP(dy, -4096, 4096), -65536, 65536);
	m->dz = CLAMP(m->dz + CLAMP(dz, -64, 64), -64, 64);
	m->buttons = buttons & 0x1f;
	if (m->reporting && !m->remote)
		packet_send(m);
}

static void set_defaults(struct ps2_mouse *m)
{
	m->rate = 100;
	m->resolution = 2;
	m->scaling = m->remote = m->reporting = m->wrap = false;
	m->command = 0;
	m->dx = m->dy = m->dz = 0;
	m->knock[0] = m->knock[1] = 0;
	ps2_flush(&m->queue);
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
	set_defaults(m);
	m->id = 0;
	m->buttons = m->reported_buttons = 0;
}

static void set_rate(struct ps2_mouse *m, uint8_t rate)
{
	if (m->knock[0] == 200 && m->knock[1] == 100 && rate == 80)
		m->id = 3;
	else if (m->knock[0] == 200 && m->knock[1] == 200 && rate == 80)
		m->id = 4;
	m->knock[0] = m->knock[1];
	m->knock[1] = rate;
	m->rate = rate;
}

static void reply_status(struct ps2_mouse *m)
{
	/* the status byte has left, middle, right in bits 2, 1, 0 */
	ps2_reply(&m->queue,
		  (uint8_t)((m->remote ? STATUS_REMOTE : 0) | (m->reporting ? STATUS_ENABLED : 0) |
			    (m->scaling ? STATUS_SCALING : 0) |
			    (m->buttons & POINTER_LEFT ? 4 : 0) |
			    (m->buttons & POINTER_MIDDLE ? 2 : 0) |
			    (m->buttons & POINTER_RIGHT ? 1 : 0)));
	ps2_reply(&m->queue, m->resolution);
	ps2_reply(&m->queue, m->rate);
}

static void reply_data(struct ps2_mouse *m)
{
	uint8_t packet[4];
	unsigned int len = packet_make(m, packet);

	for (unsigned int i = 0; i < len; i++)
		ps2_reply(&m->queue, packet[i]);
}

static void write_argument(struct ps2_mouse *m, uint8_t value)
{
	if (m->command == CMD_RATE)
		set_rate(m, value);
	else
		m->resolution = value & 3;
	m->command = 0;
	ps2_reply(&m->queue, REPLY_ACK);
}

static void write_command(struct ps2_mouse *m, uint8_t value)
{
	if (value == CMD_RESEND) {
		ps2_reply(&m->queue, m->queue.last);
		return;
	}
	switch (value) {
	case CMD_DISABLE:
	case CMD_DEFAULT:
	case CMD_RESET:
		/* the reply follows a flush */
		if (value == CMD_RESET)
			ps2_mouse_reset(m);
		else if (value == CMD_DEFAULT)
			set_defaults(m);
		else
			m->reporting = false;
		break;
	default: break;
	}
	ps2_reply(&m->queue, REPLY_ACK);
	switch (value) {
	case CMD_SCALING_1: m->scaling = false; break;
	case CMD_SCALING_2: m->scaling = true; break;
	case CMD_RESOLUTION:
	case CMD_RATE: m->command = value; break;
	case CMD_STATUS: reply_status(m); break;
	case CMD_STREAM: m->remote = false; break;
	case CMD_READ_DATA: reply_data(m); break;
	case CMD_RESET_WRAP: m->wrap = false; break;
	case CMD_WRAP: m->wrap = true; break;
	case CMD_REMOTE: m->remote = true; break;
	case CMD_ID: ps2_reply(&m->queue, m->id); break;
	case CMD_ENABLE: m->reporting = true; break;
	case CMD_RESET:
		ps2_reply(&m->queue, REPLY_BAT);
		ps2_reply(&m->queue, m->id);
		break;
	default: break;
	}
}

static bool known(uint8_t value)
{
	return (value >= CMD_SCALING_1 && value <= CMD_RESET_WRAP) || value == CMD_WRAP ||
	       value == CMD_REMOTE || (value >= CMD_ID && value <= CMD_DEFAULT) ||
	       value >= CMD_RESEND;
}

void ps2_mouse_write(struct ps2_mouse *m, uint8_t value)
{
	if (m->wrap && value != CMD_RESET && value != CMD_RESET_WRAP)
		ps2_reply(&m->queue, value);
	else if (m->command)
		write_argument(m, value);
	else if (known(value))
		write_command(m, value);
	else
		ps2_reply(&m->queue, REPLY_ERROR);
}

void ps2_mouse_init(struct ps2_mouse *m, void (*ready)(void *opaque), void *opaque)
{
	m->queue.ready = ready;
	m->queue.opaque = opaque;
}

const struct field ps2_mouse_state[] = {
	F_STRUCT(struct ps2_mouse, queue, ps2_queue_state),
	F_U8(struct ps2_mouse, command),
	F_BOOL(struct ps2_mouse, reporting),
	F_BOOL(struct ps2_mouse, remote),
	F_BOOL(struct ps2_mouse, wrap),
	F_BOOL(struct ps2_mouse, scaling),
	F_U8(struct ps2_mouse, resolution),
	F_U8(struct ps2_mouse, rate),
	F_U8(struct ps2_mouse, id),
	F_ARRAY(struct ps2_mouse, knock),
	F_U8(struct ps2_mouse, buttons),
	F_U8(struct ps2_mouse, reported_buttons),
	F_INT(struct ps2_mouse, dx),
	F_INT(struct ps2_mouse, dy),
	F_INT(struct ps2_mouse, dz),
	FIELD_END,
};
