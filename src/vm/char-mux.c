/*
 * The mux: several front ends (a serial port and the monitor, say) on one back end. All may write;
 * input goes to the one with the focus, which keys after the escape character move. Each front end
 * has a few bytes of buffer, so that the keys work while a guest does not read its serial port.
 */
#include "vm/char-backend.h"

#include "base/clock.h"

#include <string.h>

#define MAX_FRONTS   8
#define FRONT_BUFFER 32

struct front {
	const struct chardev_handlers *handlers;
	void *opaque;
	uint8_t buffer[FRONT_BUFFER];
	unsigned int used;
	bool opened; /* it has seen CHR_EVENT_OPENED for this client */
};

struct mux {
	struct chardev chr;
	struct chardev *base;
	struct front fronts[MAX_FRONTS];
	unsigned int count, focus;
	bool escaped;
	/* Ctrl-a t: the time since then at the start of each line */
	bool timestamps, line_start;
	int64_t timestamps_from;
	bool delivering;
};

static uint8_t escape_char = 0x01;
static const struct chardev_mux_actions *actions;

void chardev_set_escape(uint8_t c)
{
	escape_char = c;
}

void chardev_set_mux_actions(const struct chardev_mux_actions *a)
{
	actions = a;
}

static struct front *focused(struct mux *mux)
{
	return mux->focus < mux->count ? &mux->fronts[mux->focus] : NULL;
}

static void front_event(const struct front *f, enum chardev_event event)
{
	if (f && f->handlers->event)
		f->handlers->event(f->opaque, event);
}

/* --- input --- */

static void front_deliver(struct front *f)
{
	while (f->used) {
		unsigned int n = f->handlers->can_receive ? f->handlers->can_receive(f->opaque) : 0;
		uint8_t bytes[FRONT_BUFFER];
		n = MIN(n, f->used);
		if (!n)
			return;
		memcpy(bytes, f->buffer, n);
		f->used -= n;
		memmove(f->buffer, f->buffer + n, f->used);
		f->handlers->receive(f->opaque, bytes, n);
	}
}

static void mux_deliver(struct mux *mux)
{
	struct front *f = focused(mux);

	if (!f || mux->delivering)
		return;
	mux->delivering = true;
	front_deliver(f);
	mux->delivering = false;
}

/* Front ends greet a client: only the one that has the focus may, the others when they get it. */
static void front_opened(struct mux *mux)
{
	struct front *f = focused(mux);

	if (!f || f->opened || !mux->base->open)
		return;
	f->opened = true;
	front_event(f, CHR_EVENT_OPENED);
}

static void take_focus(struct mux *mux, unsigned int focus)
{
	mux->focus = focus;
	front_opened(mux);
	front_event(focused(mux), CHR_EVENT_MUX_IN);
}

static void set_focus(struct mux *mux, unsigned int focus)
{
	front_event(focused(mux), CHR_EVENT_MUX_OUT);
	take_focus(mux, focus);
}

static void write_base(struct mux *mux, const char *text)
{
	chardev_write(mux->base, text, strlen(text));
}

static void print_key(struct mux *mux, const char *key, const char *what)
{
	char escape[8];

	if (escape_char > 0 && escape_char < 27)
		g_snprintf(escape, sizeof(escape), "C-%c", escape_char - 1 + 'a');
	else
		g_snprintf(escape, sizeof(escape), "0x%02x", escape_char);
	if (key)
		chardev_printf(mux->base, "%s %-4s  %s\r\n", escape, key, what);
	else
		chardev_printf(mux->base, "%s %-4s  %s\r\n", escape, escape, what);
}

static void print_help(struct mux *mux)
{
	write_base(mux, "\r\n");
	print_key(mux, "h", "show these keys");
	print_key(mux, "x", "quit the emulator");
	print_key(mux, "s", "commit the changes of -snapshot to the images");
	print_key(mux, "t", "switch time stamps at line starts on or off");
	print_key(mux, "b", "send a break");
	print_key(mux, "c", "switch between the console and the monitor");
	print_key(mux, NULL, "send the escape character itself");
}

static void toggle_timestamps(struct mux *mux)
{
	mux->timestamps = !mux->timestamps;
	mux->timestamps_from = host_monotonic_ns();
	mux->line_start = false;
}

/* What follows the escape character; true where it is a byte for the front end. */
static bool escape_key(struct mux *mux, uint8_t c)
{
	if (c == escape_char)
		return true;
	switch (c) {
	case 'h':
	case '?': print_help(mux); break;
	case 'x':
		write_base(mux, "\r\nQuit by the escape key.\r\n");
		if (actions && actions->quit)
			actions->quit();
		break;
	case 's':
		if (actions && actions->commit)
			actions->commit();
		break;
	case 't': toggle_timestamps(mux); break;
	case 'b': front_event(focused(mux), CHR_EVENT_BREAK); break;
	case 'c':
		if (mux->count)
			set_focus(mux, (mux->focus + 1) % mux->count);
		break;
	default: break;
	}
	return false;
}

static void mux_byte(struct mux *mux, uint8_t c)
{
	bool plain = true;

	if (mux->escaped) {
		mux->escaped = false;
		plain = escape_key(mux, c);
	} else if (c == escape_char) {
		mux->escaped = true;
		plain = false;
	}
	struct front *f = focused(mux);
	if (plain && f && f->used < FRONT_BUFFER)
		f->buffer[f->used++] = c;
}

static unsigned int mux_can_receive(void *opaque)
{
	struct mux *mux = opaque;
	struct front *f = focused(mux);

	if (!f || f->used < FRONT_BUFFER || mux->escaped)
		return 1;
	/* A guest that reads nothing must not keep its user from the keys: with one in sight, what
	 * is typed before it is lost. */
	return mux->base->in->len && memchr(mux->base->in->data, escape_char, mux->base->in->len);
}

static void mux_receive(void *opaque, const uint8_t *buf, unsigned int len)
{
	struct mux *mux = opaque;

	for (unsigned int i = 0; i < len; i++)
		mux_byte(mux, buf[i]);
	mux_deliver(mux);
}

static void fronts_closed(struct mux *mux)
{
	for (unsigned int i = 0; i < mux->count; i++) {
		struct front *f = &mux->fronts[i];
		if (!f->opened)
			continue;
		f->opened = false;
		front_event(f, CHR_EVENT_CLOSED);
	}
}

static void mux_event(void *opaque, enum chardev_event event)
{
	struct mux *mux = opaque;

	mux->chr.open = mux->base->open;
	if (event == CHR_EVENT_BREAK)
		front_event(focused(mux), event);
	else if (event == CHR_EVENT_OPENED)
		front_opened(mux);
	else if (event == CHR_EVENT_CLOSED)
		fronts_closed(mux);
}

static void mux_writable(void *opaque)
{
	chardev_flush(&((struct mux *)opaque)->chr);
}

static const struct chardev_handlers mux_handlers = {
	.can_receive = mux_can_receive,
	.receive = mux_receive,
	.event = mux_event,
	.writable = mux_writable,
};

static void mux_accept_input(struct chardev *chr)
{
	struct mux *mux = (struct mux *)chr;

	mux_deliver(mux);
	chardev_accept_input(mux->base);
}

/* --- attaching --- */

static void front_remove(struct mux *mux, unsigned int i)
{
	memmove(&mux->fronts[i], &mux->fronts[i + 1],
		(mux->count - i - 1) * sizeof(mux->fronts[0]));
	mux->count--;
	if (mux->focus > i)
		mux->focus--;
	else if (mux->focus == i && mux->count)
		take_focus(mux, i % mux->count);
}

static void front_add(struct mux *mux, const struct chardev_handlers *handlers, void *opaque)
{
	if (mux->count == MAX_FRONTS) {
		warn_report("%s: more than %u users of one mux; the last gets no input",
			    mux->chr.id, MAX_FRONTS);
		return;
	}
	mux->fronts[mux->count] = (struct front){.handlers = handlers, .opaque = opaque};
	if (++mux->count == 1)
		take_focus(mux, 0);
}

static struct front *front_find(struct mux *mux, const void *opaque)
{
	for (unsigned int i = 0; i < mux->count; i++)
		if (mux->fronts[i].opaque == opaque)
			return &mux->fronts[i];
	return NULL;
}

static void mux_attach(struct chardev *chr, const struct chardev_handlers *handlers, void *opaque)
{
	struct mux *mux = (struct mux *)chr;
	struct front *f = front_find(mux, opaque);

	if (f && handlers)
		f->handlers = handlers;
	else if (f)
		front_remove(mux, (unsigned int)(f - mux->fronts));
	else if (handlers)
		front_add(mux, handlers, opaque);
	mux_accept_input(chr);
}

void char_mux_focus(struct chardev *chr, void *opaque)
{
	struct mux *mux = (struct mux *)chr;
	struct front *f = front_find(mux, opaque);

	if (f && f != focused(mux))
		set_focus(mux, (unsigned int)(f - mux->fronts));
	mux_accept_input(chr);
}

/* --- output --- */

static void put_timestamp(struct mux *mux, GByteArray *out)
{
	int64_t ms = (host_monotonic_ns() - mux->timestamps_from) / NS_PER_MS;
	char text[40];

	g_snprintf(text, sizeof(text), "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000),
		   (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
	g_byte_array_append(out, (const uint8_t *)text, (unsigned int)strlen(text));
}

static void mux_encode(struct chardev *chr, const uint8_t *buf, size_t len, GByteArray *out)
{
	struct mux *mux = (struct mux *)chr;

	for (size_t i = 0; i < len; i++) {
		if (mux->timestamps && mux->line_start) {
			put_timestamp(mux, out);
			mux->line_start = false;
		}
		g_byte_array_append(out, &buf[i], 1);
		if (buf[i] == '\n')
			mux->line_start = true;
	}
}

static size_t mux_send(struct chardev *chr, const uint8_t *buf, size_t len)
{
	return chardev_write(((struct mux *)chr)->base, buf, len);
}

static void fronts_writable(void *opaque)
{
	struct mux *mux = opaque;

	for (unsigned int i = 0; i < mux->count; i++)
		if (mux->fronts[i].handlers->writable)
			mux->fronts[i].handlers->writable(mux->fronts[i].opaque);
}

/* The mux's own output queue tells its front ends through this. */
static const struct chardev_handlers front_handlers = {.writable = fronts_writable};

static int mux_control(struct chardev *chr, enum chardev_control what, void *arg)
{
	return chardev_control(((struct mux *)chr)->base, what, arg);
}

static void mux_close(struct chardev *chr)
{
	chardev_close(((struct mux *)chr)->base);
}

static const struct chardev_ops mux_ops = {
	.send = mux_send,
	.encode = mux_encode,
	.control = mux_control,
	.close = mux_close,
	.attach = mux_attach,
	.accept_input = mux_accept_input,
};

struct chardev *chardev_mux_new(struct chardev *base)
{
	struct mux *mux = chardev_alloc(sizeof(*mux), &mux_ops);

	mux->base = base;
	mux->chr.handlers = &front_handlers;
	mux->chr.opaque = mux;
	mux->chr.open = base->open;
	chardev_describe(&mux->chr, "mux:%s", chardev_description(base));
	chardev_attach(base, &mux_handlers, mux);
	return &mux->chr;
}
