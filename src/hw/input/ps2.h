/*
 * PS/2 keyboard and mouse: what is behind the wires of a controller (i8042, pl050 ...).
 *
 * A controller owns the struct, writes command bytes with ps2_*_write(), and is told by `ready`
 * that ps2_pop() has something. The keyboard speaks scan code sets 1 to 3; translation to set 1 is
 * the controller's.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "vm/device.h"

#include <stdbool.h>
#include <stdint.h>

#define PS2_QUEUE 64

/* Bytes to the host: replies to commands go before events. */
struct ps2_queue {
	uint8_t data[PS2_QUEUE], head, count;
	uint8_t reply[16], reply_head, reply_count;
	uint8_t last; /* for RESEND */
	void (*ready)(void *opaque);
	void *opaque;
};

extern const struct field ps2_queue_state[];
bool ps2_pending(const struct ps2_queue *q);
uint8_t ps2_pop(struct ps2_queue *q); /* 0 where nothing is pending */
void ps2_flush(struct ps2_queue *q);
void ps2_reply(struct ps2_queue *q, uint8_t byte);
/* An event of `len` bytes, whole or not at all; false if it does not fit. */
bool ps2_event(struct ps2_queue *q, const uint8_t *bytes, unsigned int len);
void ps2_notify(struct ps2_queue *q);
struct error *ps2_queue_check(const struct ps2_queue *q);

struct ps2_keyboard {
	struct ps2_queue queue;
	uint8_t command; /* that waits for its argument, 0: none */
	bool scanning;
	uint8_t set, leds, rate;
	bool ctrl, alt; /* held: they change Pause and Print Screen */
};

struct ps2_mouse {
	struct ps2_queue queue;
	uint8_t command;
	bool reporting, remote, wrap, scaling;
	uint8_t resolution, rate, id;
	uint8_t knock[2]; /* the last two sample rates, which unlock the wheel */
	uint8_t buttons, reported_buttons;
	int32_t dx, dy, dz;
};

extern const struct field ps2_keyboard_state[], ps2_mouse_state[];

void ps2_keyboard_init(struct ps2_keyboard *k, void (*ready)(void *opaque), void *opaque);
void ps2_keyboard_reset(struct ps2_keyboard *k);
void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t value);
void ps2_keyboard_key(struct ps2_keyboard *k, unsigned int keycode, bool down);

void ps2_mouse_init(struct ps2_mouse *m, void (*ready)(void *opaque), void *opaque);
void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_write(struct ps2_mouse *m, uint8_t value);
void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, unsigned int buttons);

/* Scan code set 2 to set 1 as the 8042 does it; 0xff where it has none. */
uint8_t ps2_translate(uint8_t set2);

#endif
