/* Character back ends: the list of them, and the two queues between a back end and its front end.
 */
#include "vm/char-backend.h"

#include "vm/device.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static struct {
	struct chardev *first;
	unsigned int made;
} chardevs;

void *chardev_alloc(size_t size, const struct chardev_ops *ops)
{
	struct chardev *chr = g_malloc0(size);

	chr->ops = ops;
	chr->in = g_byte_array_new();
	chr->out = g_byte_array_new();
	chr->in_fd = chr->out_fd = -1;
	return chr;
}

void chardev_describe(struct chardev *chr, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_free(chr->description);
	chr->description = g_strdup_vprintf(format, args);
	va_end(args);
}

static void *find_for_property(const char *id)
{
	return chardev_find(id);
}

void chardev_register(struct chardev *chr, const char *id)
{
	struct chardev **at = &chardevs.first;

	prop_set_lookup(PROP_KIND_CHR, find_for_property);
	chr->id = id ? g_strdup(id) : g_strdup_printf("char%u", chardevs.made);
	chardevs.made++;
	while (*at)
		at = &(*at)->next;
	*at = chr;
}

void chardev_free(struct chardev *chr)
{
	if (chr->ops->close)
		chr->ops->close(chr);
	g_byte_array_unref(chr->in);
	g_byte_array_unref(chr->out);
	g_free(chr->id);
	g_free(chr->description);
	g_free(chr);
}

struct chardev *chardev_find(const char *id)
{
	for (struct chardev *chr = chardevs.first; chr; chr = chr->next)
		if (strcmp(chr->id, id) == 0)
			return chr;
	return NULL;
}

struct chardev *chardev_at(unsigned int i)
{
	struct chardev *chr = chardevs.first;

	while (chr && i--)
		chr = chr->next;
	return chr;
}

const char *chardev_id(const struct chardev *chr)
{
	return chr->id;
}

const char *chardev_description(const struct chardev *chr)
{
	return chr->description ? chr->description : "";
}

bool chardev_is_open(const struct chardev *chr)
{
	return chr && chr->open;
}

void chardev_close(struct chardev *chr)
{
	struct chardev **at = &chardevs.first;

	if (!chr)
		return;
	while (*at && *at != chr)
		at = &(*at)->next;
	if (*at)
		*at = chr->next;
	chr->handlers = NULL;
	chardev_free(chr);
}

void chardev_close_all(void)
{
	/* A mux closes its base, which came before it. */
	while (chardevs.first) {
		struct chardev *last = chardevs.first;
		while (last->next)
			last = last->next;
		chardev_close(last);
	}
}

/* --- to the front end --- */

static size_t front_room(const struct chardev *chr)
{
	if (!chr->handlers || !chr->handlers->can_receive)
		return 0;
	return chr->handlers->can_receive(chr->opaque);
}

void chardev_event(struct chardev *chr, enum chardev_event event)
{
	if (chr->handlers && chr->handlers->event)
		chr->handlers->event(chr->opaque, event);
}

static void input_finished(struct chardev *chr)
{
	if (!chr->close_wanted)
		return;
	chr->close_wanted = false;
	chardev_event(chr, CHR_EVENT_CLOSED);
}

/* Hands over what is there. The front end may call chardev_accept_input() from inside. */
static void deliver(struct chardev *chr)
{
	if (chr->delivering)
		return;
	chr->delivering = true;
	while (chr->in->len) {
		uint8_t buf[CHARDEV_IN_MAX];
		size_t n = MIN(MIN(front_room(chr), chr->in->len), sizeof(buf));
		if (!n)
			break;
		memcpy(buf, chr->in->data, n);
		g_byte_array_remove_range(chr->in, 0, (unsigned int)n);
		chr->handlers->receive(chr->opaque, buf, (unsigned int)n);
	}
	chr->delivering = false;
	if (!chr->in->len)
		input_finished(chr);
}

size_t chardev_input_room(const struct chardev *chr)
{
	return chr->in->len < CHARDEV_IN_MAX ? CHARDEV_IN_MAX - chr->in->len : 0;
}

void chardev_input(struct chardev *chr, const uint8_t *buf, size_t len)
{
	g_byte_array_append(chr->in, buf, (unsigned int)len);
	deliver(chr);
}

void chardev_accept_input(struct chardev *chr)
{
	if (!chr)
		return;
	if (chr->ops->accept_input) {
		chr->ops->accept_input(chr);
		return;
	}
	deliver(chr);
	if (chr->ops->resume && chardev_input_room(chr))
		chr->ops->resume(chr);
}

void chardev_opened(struct chardev *chr)
{
	input_finished(chr);
	chr->open = true;
	chardev_event(chr, CHR_EVENT_OPENED);
}

void chardev_closed(struct chardev *chr)
{
	if (!chr->open)
		return;
	chr->open = false;
	chr->close_wanted = true;
	if (!chr->in->len || !chr->handlers)
		input_finished(chr);
}

void chardev_attach(struct chardev *chr, const struct chardev_handlers *handlers, void *opaque)
{
	if (!chr)
		return;
	if (chr->ops->attach) {
		chr->ops->attach(chr, handlers, opaque);
		return;
	}
	chr->handlers = handlers;
	chr->opaque = handlers ? opaque : NULL;
	if (!handlers)
		return;
	if (chr->open)
		chardev_event(chr, CHR_EVENT_OPENED);
	chardev_accept_input(chr);
}

void chardev_focus(struct chardev *chr, void *opaque)
{
	if (chr && chr->ops->attach)
		char_mux_focus(chr, opaque);
}

/* --- from the front end --- */

void chardev_flush(struct chardev *chr)
{
	size_t sent = 0, n = 0;

	do {
		n = chr->out->len - sent;
		if (n && chr->ops->send)
			n = chr->ops->send(chr, chr->out->data + sent, n);
		sent += n;
	} while (n && sent < chr->out->len);
	if (sent)
		g_byte_array_remove_range(chr->out, 0, (unsigned int)sent);
	if (chr->short_write && chr->out->len < CHARDEV_OUT_MAX / 2) {
		chr->short_write = false;
		if (chr->handlers && chr->handlers->writable)
			chr->handlers->writable(chr->opaque);
	}
}

size_t chardev_write(struct chardev *chr, const void *buf, size_t len)
{
	if (!chr)
		return len;
	size_t room = chr->out->len < CHARDEV_OUT_MAX ? CHARDEV_OUT_MAX - chr->out->len : 0;
	size_t taken = MIN(len, room);
	bool was_empty = !chr->out->len;
	if (chr->ops->encode)
		chr->ops->encode(chr, buf, taken, chr->out);
	else
		g_byte_array_append(chr->out, buf, (unsigned int)taken);
	/* With older bytes waiting the host has said that it will tell. */
	if (was_empty)
		chardev_flush(chr);
	if (taken < len)
		chr->short_write = true;
	return taken;
}

void chardev_printf(struct chardev *chr, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);
	va_end(args);
	chardev_write(chr, text, strlen(text));
	g_free(text);
}

int chardev_control(struct chardev *chr, enum chardev_control what, void *arg)
{
	return chr && chr->ops->control ? chr->ops->control(chr, what, arg) : -ENOTSUP;
}
