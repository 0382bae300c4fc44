/*
 * PS/2 keyboard: IBM PS/2 Hardware Interface Technical Reference, "Keyboard (101- and 102-key)",
 * October 1990. Sets 1, 2 and 3; key repeat is the host's.
 */
#include "hw/input/ps2.h"

#include <glib.h>

enum {
	CMD_LEDS = 0xed,
	CMD_ECHO = 0xee,
	CMD_SET = 0xf0,
	CMD_ID = 0xf2,
	CMD_RATE = 0xf3,
	CMD_ENABLE = 0xf4,
	CMD_DEFAULT_DISABLE = 0xf5,
	CMD_DEFAULT = 0xf6,
	CMD_ALL_TYPEMATIC = 0xf7, /* to FAh: key types of set 3 */
	CMD_ALL_BOTH = 0xfa,
	CMD_KEY_TYPEMATIC = 0xfb, /* to FDh, with a key as argument */
	CMD_KEY_MAKE = 0xfd,
	CMD_RESEND = 0xfe,
	CMD_RESET = 0xff,
};

#define REPLY_ACK    0xfa
#define REPLY_BAT    0xaa
#define REPLY_RESEND 0xfe
#define REPLY_ECHO   0xee

#define KEY_EXTENDED	 0x80
#define KEY_CTRL	 0x1d
#define KEY_ALT		 0x38
#define KEY_PRINT_SCREEN (0x37 | KEY_EXTENDED)
#define KEY_PAUSE	 (0x46 | KEY_EXTENDED)

/* The 8042's table (same source, "keyboard controller"): set 2 code to set 1 code. */
static const uint8_t set2_to_set1[128] = {
	0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29,
	0x59, 0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11,
	0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14,
	0x13, 0x06, 0x5d, 0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24,
	0x16, 0x08, 0x09, 0x5f, 0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35,
	0x26, 0x27, 0x19, 0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36,
	0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c,
	0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
	0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

/* Set 3 by set 1 code, where it differs from set 2; the second table is for extended keys. */
static const uint8_t set3_plain[128] = {
	[0x01] = 0x08, [0x1d] = 0x11, [0x2b] = 0x5c, [0x37] = 0x7e, [0x38] = 0x19, [0x3a] = 0x14,
	[0x3b] = 0x07, [0x3c] = 0x0f, [0x3d] = 0x17, [0x3e] = 0x1f, [0x3f] = 0x27, [0x40] = 0x2f,
	[0x41] = 0x37, [0x42] = 0x3f, [0x43] = 0x47, [0x44] = 0x4f, [0x45] = 0x76, [0x46] = 0x5f,
	[0x4a] = 0x84, [0x4e] = 0x7c, [0x54] = 0x57, [0x56] = 0x13, [0x57] = 0x56, [0x58] = 0x5e,
};
static const uint8_t set3_extended[128] = {
	[0x1c] = 0x79, [0x1d] = 0x58, [0x35] = 0x4a, [0x37] = 0x57, [0x38] = 0x39,
	[0x46] = 0x62, [0x47] = 0x6e, [0x48] = 0x63, [0x49] = 0x6f, [0x4b] = 0x61,
	[0x4d] = 0x6a, [0x4f] = 0x65, [0x50] = 0x60, [0x51] = 0x6d, [0x52] = 0x67,
	[0x53] = 0x64, [0x5b] = 0x8b, [0x5c] = 0x8c, [0x5d] = 0x8d,
};

uint8_t ps2_translate(uint8_t set2)
{
	if (set2 < 0x80)
		return set2_to_set1[set2];
	if (set2 == 0x83) /* F7 */
		return 0x41;
	if (set2 == 0x84) /* SysRq */
		return 0x54;
	return set2;
}

static uint8_t set1_to_set2(uint8_t code)
{
	if (code == 0x41)
		return 0x83;
	if (code == 0x54)
		return 0x84;
	for (unsigned int i = 1; i < sizeof(set2_to_set1); i++) {
		if (set2_to_set1[i] == code)
			return (uint8_t)i;
	}
	return 0;
}

/* --- keys --- */

struct sequence {
	uint8_t bytes[16];
	unsigned int len;
};

static void put(struct sequence *s, uint8_t byte)
{
	if (s->len < sizeof(s->bytes))
		s->bytes[s->len++] = byte;
}

/* One make or break code of a set 1 key in set 1 or 2. */
static void put_code(const struct ps2_keyboard *k, struct sequence *s, uint8_t prefix, uint8_t code,
		     bool down)
{
	if (prefix)
		put(s, prefix);
	if (k->set == 1) {
		put(s, code | (down ? 0 : 0x80));
		return;
	}
	if (!down)
		put(s, 0xf0);
	put(s, set1_to_set2(code));
}

/* Pause has no break code; with Ctrl it is Break. */
static void put_pause(const struct ps2_keyboard *k, struct sequence *s, bool down)
{
	if (!down)
		return;
	if (k->ctrl) {
		put_code(k, s, 0xe0, 0x46, true);
		put_code(k, s, 0xe0, 0x46, false);
		return;
	}
	put_code(k, s, 0xe1, 0x1d, true);
	put_code(k, s, 0, 0x45, true);
	put_code(k, s, 0xe1, 0x1d, false);
	put_code(k, s, 0, 0x45, false);
}

static void put_print_screen(const struct ps2_keyboard *k, struct sequence *s, bool down)
{
	if (k->alt) { /* SysRq */
		put_code(k, s, 0, 0x54, down);
		return;
	}
	if (down)
		put_code(k, s, 0xe0, 0x2a, true);
	put_code(k, s, 0xe0, 0x37, down);
	if (!down)
		put_code(k, s, 0xe0, 0x2a, false);
}

static void put_set3(struct sequence *s, unsigned int keycode, bool down)
{
	uint8_t plain = keycode & 0x7f;
	uint8_t code = keycode & KEY_EXTENDED ? set3_extended[plain] : set3_plain[plain];

	if (!code && !(keycode & KEY_EXTENDED))
		code = set1_to_set2(plain);
	if (!code)
		return;
	if (!down)
		put(s, 0xf0);
	put(s, code);
}

void ps2_keyboard_key(struct ps2_keyboard *k, unsigned int keycode, bool down)
{
	struct sequence s = {.len = 0};

	keycode &= 0xff;
	if (!k->scanning || (keycode & 0x7f) == 0)
		return;
	if (k->set == 3)
		put_set3(&s, keycode, down);
	else if (keycode == KEY_PAUSE)
		put_pause(k, &s, down);
	else if (keycode == KEY_PRINT_SCREEN)
		put_print_screen(k, &s, down);
	else
		put_code(k, &s, keycode & KEY_EXTENDED ? 0xe0 : 0, keycode & 0x7f, down);
	if ((keycode & 0x7f) == KEY_CTRL)
		k->ctrl = down;
	if ((keycode & 0x7f) == KEY_ALT)
		k->alt = down;
	ps2_event(&k->queue, s.bytes, s.len);
}

/* --- commands --- */

static void set_defaults(struct ps2_keyboard *k)
{
	k->set = 2;
	k->rate = 0x2b;
	k->command = 0;
	ps2_flush(&k->queue);
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
	set_defaults(k);
	k->scanning = true;
	k->leds = 0;
	k->ctrl = k->alt = false;
}

static void write_argument(struct ps2_keyboard *k, uint8_t value)
{
	uint8_t command = k->command;

	k->command = 0;
	switch (command) {
	case CMD_LEDS: k->leds = value & 7; break;
	case CMD_RATE: k->rate = value & 0x7f; break;
	case CMD_SET:
		if (value > 3) {
			k->command = command;
			ps2_reply(&k->queue, REPLY_RESEND);
			return;
		}
		ps2_reply(&k->queue, REPLY_ACK);
		if (value == 0)
			ps2_reply(&k->queue, k->set);
		else
			k->set = value;
		return;
	default: break; /* types of single keys: every key makes and breaks */
	}
	ps2_reply(&k->queue, REPLY_ACK);
}

static void write_command(struct ps2_keyboard *k, uint8_t value)
{
	switch (value) {
	case CMD_ECHO: ps2_reply(&k->queue, REPLY_ECHO); return;
	case CMD_RESEND: ps2_reply(&k->queue, k->queue.last); return;
	case CMD_LEDS:
	case CMD_SET:
	case CMD_RATE:
	case CMD_KEY_TYPEMATIC ... CMD_KEY_MAKE: k->command = value; break;
	case CMD_ID:
		ps2_reply(&k->queue, REPLY_ACK);
		ps2_reply(&k->queue, 0xab);
		ps2_reply(&k->queue, 0x83);
		return;
	case CMD_ENABLE:
		ps2_flush(&k->queue);
		k->scanning = true;
		break;
	case CMD_DEFAULT_DISABLE:
		set_defaults(k);
		k->scanning = false;
		break;
	case CMD_DEFAULT: set_defaults(k); break;
	case CMD_ALL_TYPEMATIC ... CMD_ALL_BOTH: break;
	case CMD_RESET:
		ps2_keyboard_reset(k);
		ps2_reply(&k->queue, REPLY_ACK);
		ps2_reply(&k->queue, REPLY_BAT);
		return;
	default: ps2_reply(&k->queue, REPLY_RESEND); return;
	}
	ps2_reply(&k->queue, REPLY_ACK);
}

void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t value)
{
	if (k->command && value < CMD_LEDS)
		write_argument(k, value);
	else {
		k->command = 0;
		write_command(k, value);
	}
}

void ps2_keyboard_init(struct ps2_keyboard *k, void (*ready)(void *opaque), void *opaque)
{
	k->queue.ready = ready;
	k->queue.opaque = opaque;
}

const struct field ps2_keyboard_state[] = {
	F_STRUCT(struct ps2_keyboard, queue, ps2_queue_state),
	F_U8(struct ps2_keyboard, command),
	F_BOOL(struct ps2_keyboard, scanning),
	F_U8(struct ps2_keyboard, set),
	F_U8(struct ps2_keyboard, leds),
	F_U8(struct ps2_keyboard, rate),
	F_BOOL(struct ps2_keyboard, ctrl),
	F_BOOL(struct ps2_keyboard, alt),
	FIELD_END,
};
