/*
 * Keys and pointers: who gets them, and the names that sendkey knows.
 * Codes are those of the PC/AT scan code set 1 (IBM PS/2 Hardware Interface Technical Reference,
 * "Keyboard and Auxiliary Device Controller"), E0h-prefixed ones with bit 7 set; Sun's and the
 * multimedia keys have the codes that QEMU's key maps give them.
 */
#include "vm/input.h"

#include <glib.h>
#include <string.h>

struct keyboard {
	const struct input_keyboard_ops *ops;
	void *opaque;
};

struct pointer {
	const struct input_pointer_ops *ops;
	void *opaque;
};

static struct {
	GArray *keyboards; /* the last gets the keys */
	GArray *pointers;
	unsigned int active; /* of pointers */
} input;

void input_add_keyboard(const struct input_keyboard_ops *ops, void *opaque)
{
	struct keyboard k = {ops, opaque};

	if (!input.keyboards)
		input.keyboards = g_array_new(false, false, sizeof(struct keyboard));
	g_array_append_val(input.keyboards, k);
}

void input_add_pointer(const struct input_pointer_ops *ops, void *opaque)
{
	struct pointer p = {ops, opaque};

	if (!input.pointers)
		input.pointers = g_array_new(false, false, sizeof(struct pointer));
	g_array_append_val(input.pointers, p);
	input.active = input.pointers->len - 1;
}

static void keyboards_remove(const void *opaque)
{
	for (unsigned int i = input.keyboards ? input.keyboards->len : 0; i-- > 0;)
		if (g_array_index(input.keyboards, struct keyboard, i).opaque == opaque)
			g_array_remove_index(input.keyboards, i);
}

static void pointers_remove(const void *opaque)
{
	for (unsigned int i = input.pointers ? input.pointers->len : 0; i-- > 0;) {
		if (g_array_index(input.pointers, struct pointer, i).opaque != opaque)
			continue;
		g_array_remove_index(input.pointers, i);
		if (input.active > i || input.active == input.pointers->len)
			input.active = input.active ? input.active - 1 : 0;
	}
}

void input_remove(void *opaque)
{
	keyboards_remove(opaque);
	pointers_remove(opaque);
}

void input_key(unsigned int keycode, bool down)
{
	if (!input.keyboards || !input.keyboards->len)
		return;
	const struct keyboard *k =
		&g_array_index(input.keyboards, struct keyboard, input.keyboards->len - 1);
	k->ops->key(k->opaque, keycode, down);
}

static const struct pointer *active_pointer(void)
{
	if (!input.pointers || input.active >= input.pointers->len)
		return NULL;
	return &g_array_index(input.pointers, struct pointer, input.active);
}

void input_pointer(int x, int y, int dz, unsigned int buttons)
{
	const struct pointer *p = active_pointer();

	if (p)
		p->ops->event(p->opaque, x, y, dz, buttons);
}

bool input_pointer_absolute(void)
{
	const struct pointer *p = active_pointer();
	return p && p->ops->absolute;
}

const struct input_pointer_ops *input_pointer_at(unsigned int i, bool *active)
{
	if (!input.pointers || i >= input.pointers->len)
		return NULL;
	*active = i == input.active;
	return g_array_index(input.pointers, struct pointer, i).ops;
}

bool input_pointer_select(unsigned int i)
{
	if (!input.pointers || i >= input.pointers->len)
		return false;
	input.active = i;
	return true;
}

/* --- names --- */

static const struct {
	const char *name;
	uint8_t keycode;
} keys[] = {
	{"shift", 0x2a},
	{"shift_r", 0x36},
	{"alt", 0x38},
	{"alt_r", 0xb8},
	{"altgr", 0x64},
	{"altgr_r", 0xe4},
	{"ctrl", 0x1d},
	{"ctrl_r", 0x9d},
	{"menu", 0xdd},
	{"esc", 0x01},
	{"1", 0x02},
	{"2", 0x03},
	{"3", 0x04},
	{"4", 0x05},
	{"5", 0x06},
	{"6", 0x07},
	{"7", 0x08},
	{"8", 0x09},
	{"9", 0x0a},
	{"0", 0x0b},
	{"minus", 0x0c},
	{"equal", 0x0d},
	{"backspace", 0x0e},
	{"tab", 0x0f},
	{"q", 0x10},
	{"w", 0x11},
	{"e", 0x12},
	{"r", 0x13},
	{"t", 0x14},
	{"y", 0x15},
	{"u", 0x16},
	{"i", 0x17},
	{"o", 0x18},
	{"p", 0x19},
	{"bracket_left", 0x1a},
	{"bracket_right", 0x1b},
	{"ret", 0x1c},
	{"a", 0x1e},
	{"s", 0x1f},
	{"d", 0x20},
	{"f", 0x21},
	{"g", 0x22},
	{"h", 0x23},
	{"j", 0x24},
	{"k", 0x25},
	{"l", 0x26},
	{"semicolon", 0x27},
	{"apostrophe", 0x28},
	{"grave_accent", 0x29},
	{"backslash", 0x2b},
	{"z", 0x2c},
	{"x", 0x2d},
	{"c", 0x2e},
	{"v", 0x2f},
	{"b", 0x30},
	{"n", 0x31},
	{"m", 0x32},
	{"comma", 0x33},
	{"dot", 0x34},
	{"slash", 0x35},
	{"asterisk", 0x37},
	{"spc", 0x39},
	{"caps_lock", 0x3a},
	{"f1", 0x3b},
	{"f2", 0x3c},
	{"f3", 0x3d},
	{"f4", 0x3e},
	{"f5", 0x3f},
	{"f6", 0x40},
	{"f7", 0x41},
	{"f8", 0x42},
	{"f9", 0x43},
	{"f10", 0x44},
	{"num_lock", 0x45},
	{"scroll_lock", 0x46},
	{"kp_divide", 0xb5},
	{"kp_multiply", 0x37},
	{"kp_subtract", 0x4a},
	{"kp_add", 0x4e},
	{"kp_enter", 0x9c},
	{"kp_decimal", 0x53},
	{"sysrq", 0x54},
	{"kp_0", 0x52},
	{"kp_1", 0x4f},
	{"kp_2", 0x50},
	{"kp_3", 0x51},
	{"kp_4", 0x4b},
	{"kp_5", 0x4c},
	{"kp_6", 0x4d},
	{"kp_7", 0x47},
	{"kp_8", 0x48},
	{"kp_9", 0x49},
	{"<", 0x56},
	{"less", 0x56},
	{"f11", 0x57},
	{"f12", 0x58},
	{"print", 0xb7},
	{"home", 0xc7},
	{"pgup", 0xc9},
	{"pgdn", 0xd1},
	{"end", 0xcf},
	{"left", 0xcb},
	{"up", 0xc8},
	{"down", 0xd0},
	{"right", 0xcd},
	{"insert", 0xd2},
	{"delete", 0xd3},
	{"pause", 0xc6},
	{"stop", 0xf0},
	{"again", 0xf1},
	{"props", 0xf2},
	{"undo", 0xf3},
	{"front", 0xf4},
	{"copy", 0xf5},
	{"open", 0xf6},
	{"paste", 0xf7},
	{"find", 0xf8},
	{"cut", 0xf9},
	{"lf", 0xfa},
	{"help", 0xfb},
	{"meta_l", 0xdb},
	{"meta_r", 0xdc},
	{"compose", 0xdd},
	{"kp_equals", 0x59},
	{"kp_comma", 0x7e},
	{"ro", 0x73},
	{"hiragana", 0x77},
	{"henkan", 0x79},
	{"muhenkan", 0x7b},
	{"yen", 0x7d},
	{"katakanahiragana", 0x70},
	{"power", 0xde},
	{"sleep", 0xdf},
	{"wake", 0xe3},
	{"audionext", 0x99},
	{"audioprev", 0x90},
	{"audiostop", 0xa4},
	{"audioplay", 0xa2},
	{"audiomute", 0xa0},
	{"volumeup", 0xb0},
	{"volumedown", 0xae},
	{"calculator", 0xa1},
	{"computer", 0xeb},
	{"mail", 0xec},
	{"mediaselect", 0xed},
	{"ac_home", 0xb2},
	{"ac_bookmarks", 0xe6},
	{"ac_refresh", 0xe7},
	{"ac_forward", 0xe9},
	{"ac_back", 0xea},
};

unsigned int input_key_by_name(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return keys[i].keycode;
	return 0;
}

const char *input_key_name_at(unsigned int i)
{
	return i < G_N_ELEMENTS(keys) ? keys[i].name : NULL;
}
