/*
 * sendkey and the mouse. Keys of several sendkey commands are played one after the other: a
 * keyboard controller has room for a few bytes only, and a script does not wait.
 */
#include "monitor/command.h"

#include "vm/clock.h"
#include "vm/input.h"

#include <stdlib.h>
#include <string.h>

#define HOLD_MS	 100 /* how long keys stay down unless the command says it */
#define PAUSE_MS 20  /* between two combinations */
#define KEYS_MAX 16  /* pressed at once */

struct combination {
	unsigned int keys[KEYS_MAX], count;
	uint64_t hold_ms;
};

static struct {
	GQueue waiting; /* struct combination * */
	struct combination *held;
	struct timer timer;
	bool ready, pausing;
} player;

static void player_arm(uint64_t ms)
{
	timer_set(&player.timer, clock_now(CLOCK_REALTIME_HOST) + (int64_t)ms * NS_PER_MS);
}

static void player_release(void)
{
	struct combination *c = player.held;

	for (unsigned int i = c->count; i-- > 0;)
		input_key(c->keys[i], false);
	g_free(c);
	player.held = NULL;
	player.pausing = true;
	player_arm(PAUSE_MS);
}

static void player_press_next(void)
{
	struct combination *c = g_queue_pop_head(&player.waiting);

	player.pausing = false;
	player.held = c;
	if (!c)
		return;
	for (unsigned int i = 0; i < c->count; i++)
		input_key(c->keys[i], true);
	player_arm(c->hold_ms);
}

static void player_step(void *opaque)
{
	if (player.held)
		player_release();
	else
		player_press_next();
}

static void play(struct combination *c)
{
	if (!player.ready) {
		timer_init(&player.timer, CLOCK_REALTIME_HOST, player_step, NULL);
		player.ready = true;
	}
	g_queue_push_tail(&player.waiting, c);
	if (!player.held && !player.pausing)
		player_press_next();
}

/* "ctrl", "a", "#29", "#0x1d" */
static struct error *parse_key(const char *text, unsigned int *keycode)
{
	char *end;

	if (*text != '#') {
		*keycode = input_key_by_name(text);
		return *keycode ? NULL : error_new("unknown key \"%s\"", text);
	}
	unsigned long v = strtoul(text + 1, &end, 0);
	if (!text[1] || *end || v == 0 || v > 0xff)
		return error_new("\"%s\" is no key code (#1 to #0xff)", text);
	*keycode = (unsigned int)v;
	return NULL;
}

static struct error *parse_keys(const char *text, struct combination *c)
{
	/* "-" joins keys; a key cannot be called "-" (its name is "minus") */
	char **names = g_strsplit(text, "-", -1);
	struct error *err = NULL;

	for (char **name = names; *name && !err; name++) {
		if (c->count == KEYS_MAX)
			err = error_new("at most %u keys at once", KEYS_MAX);
		else
			err = parse_key(*name, &c->keys[c->count++]);
	}
	g_strfreev(names);
	return err;
}

static struct error *run_sendkey(struct command_call *call)
{
	struct combination *c = g_new0(struct combination, 1);
	struct error *err = parse_keys(call->args[0].text, c);

	if (err) {
		g_free(c);
		return err;
	}
	c->hold_ms = call->args[1].given ? MIN(call->args[1].value, 60000) : HOLD_MS;
	play(c);
	return NULL;
}

/* --- mouse --- */

static unsigned int buttons; /* as mouse_button left them: the guest sees them with every move */

static struct error *run_mouse_move(struct command_call *call)
{
	input_pointer((int)call->args[0].value, (int)call->args[1].value, (int)call->args[2].value,
		      buttons);
	return NULL;
}

/* The command counts 1 left, 2 middle, 4 right. */
static struct error *run_mouse_button(struct command_call *call)
{
	uint64_t v = call->args[0].value;

	buttons = (v & 1 ? POINTER_LEFT : 0) | (v & 2 ? POINTER_MIDDLE : 0) |
		  (v & 4 ? POINTER_RIGHT : 0);
	input_pointer(0, 0, 0, buttons);
	return NULL;
}

static struct error *run_mouse_set(struct command_call *call)
{
	if (call->args[0].value > 255 || !input_pointer_select((unsigned int)call->args[0].value))
		return error_new("there is no such mouse (info mice lists them)");
	return NULL;
}

const struct command commands_input[] = {
	{"sendkey", "keys:key hold_ms:expr?", "keys [hold_ms]",
	 "send keys to the guest, e.g. sendkey ctrl-alt-f1", run_sendkey},
	{"mouse_move", "dx:expr dy:expr dz:expr?", "dx dy [dz]", "send mouse move events",
	 run_mouse_move},
	{"mouse_button", "state:expr", "state", "change mouse buttons (1 = L, 2 = M, 4 = R)",
	 run_mouse_button},
	{"mouse_set", "index:expr", "index", "set which mouse receives events", run_mouse_set},
	{NULL},
};
