/* A monitor on a character device: bytes to lines, answers to bytes. */
#include "monitor/monitor.h"

#include "monitor/command.h"
#include "monitor/readline.h"
#include "vm/chardev.h"
#include "vm/cpu.h"

#include <stdlib.h>
#include <string.h>

#define OUTPUT_MAX (16u << 20) /* what a client that does not read may make us keep */

struct monitor {
	struct chardev *chr;
	struct readline readline;
	struct monitor_state state;
	GString *pending; /* output that the back end did not take yet */
	bool open;	  /* somebody is at the other end */
	bool in_focus;	  /* on a shared terminal: the keys come here; else always */
	bool greeted;
	struct monitor *next;
};

static struct monitor *monitors, **last_monitor = &monitors;

static struct monitor_state state_new(void)
{
	return (struct monitor_state){.format = {1, 'x', 4}};
}

/* --- output --- */

static void flush(void *opaque)
{
	struct monitor *m = opaque;

	while (m->pending->len) {
		size_t n = chardev_write(m->chr, m->pending->str, m->pending->len);
		if (n == 0)
			return;
		g_string_erase(m->pending, 0, (gssize)n);
	}
}

static void write_raw(void *opaque, const char *text, size_t len)
{
	struct monitor *m = opaque;

	if (m->pending->len + len <= OUTPUT_MAX)
		g_string_append_len(m->pending, text, (gssize)len);
	flush(m);
}

/* With the line ends of a terminal. */
static void write_text(struct monitor *m, const char *text, size_t len)
{
	GString *out = g_string_sized_new(len + len / 16);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			g_string_append_c(out, '\r');
		g_string_append_c(out, text[i]);
	}
	write_raw(m, out->str, out->len);
	g_string_free(out, TRUE);
}

/* --- input --- */

static void execute(const char *line, struct monitor_state *state, FILE *out)
{
	machine_quiesce();
	struct error *err = command_execute(line, state, out);
	machine_resume();
	if (err)
		fprintf(out, "%s\n", err->message);
	error_free(err);
}

void monitor_execute(const char *line, FILE *out)
{
	struct monitor_state state = state_new();
	execute(line, &state, out);
}

static void run_line(void *opaque, const char *line)
{
	struct monitor *m = opaque;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	m->state.history = m->readline.history;
	execute(line, &m->state, out);
	fclose(out);
	write_text(m, text, len);
	free(text);
	readline_prompt(&m->readline);
}

static size_t complete(void *opaque, const char *before, GPtrArray *words)
{
	return command_complete(before, words);
}

static unsigned int can_receive(void *opaque)
{
	return 256;
}

static void receive(void *opaque, const uint8_t *buf, unsigned int len)
{
	struct monitor *m = opaque;

	for (unsigned int i = 0; i < len; i++)
		readline_byte(&m->readline, buf[i]);
}

/* The banner, once for each client and not before it looks at us. */
static void greet(struct monitor *m)
{
	static const char banner[] = "QEMU 0.10.4 monitor (Ratite " RATITE_VERSION
				     ") - type 'help' for more information\n";

	if (!m->open || !m->in_focus || m->greeted)
		return;
	m->greeted = true;
	write_text(m, banner, strlen(banner));
	readline_prompt(&m->readline);
}

static void event(void *opaque, enum chardev_event event)
{
	struct monitor *m = opaque;

	switch (event) {
	case CHR_EVENT_OPENED:
		m->open = true;
		m->greeted = false;
		greet(m);
		break;
	case CHR_EVENT_CLOSED:
		m->open = false;
		g_string_truncate(m->pending, 0);
		break;
	case CHR_EVENT_MUX_IN:
		m->in_focus = true;
		if (m->greeted)
			readline_redraw(&m->readline);
		greet(m);
		break;
	case CHR_EVENT_MUX_OUT: m->in_focus = false; break;
	case CHR_EVENT_BREAK: break;
	}
}

void monitor_new(struct chardev *chr)
{
	struct monitor *m = g_new0(struct monitor, 1);
	const struct readline_ops ops = {write_raw, run_line, complete, m};

	m->chr = chr;
	m->state = state_new();
	m->pending = g_string_new(NULL);
	m->in_focus = true;
	readline_init(&m->readline, &ops, "(qemu) ");
	*last_monitor = m;
	last_monitor = &m->next;
}

void monitors_start(void)
{
	static const struct chardev_handlers handlers = {can_receive, receive, event, flush};

	for (struct monitor *m = monitors; m; m = m->next)
		chardev_attach(m->chr, &handlers, m);
}
