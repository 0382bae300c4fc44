/*
 * From option texts to back ends. The short forms of -serial and its like ("tcp:h:p,server") are
 * turned into the long form of -chardev ("socket,host=h,port=p,server"), which is the only one that
 * back ends see.
 */
#include "vm/char-backend.h"

#include <signal.h>
#include <string.h>

#define BACKEND(name, fn, help) {name, help, fn, NULL}

static struct chardev_backend own[] = {
	BACKEND("null", char_null_open, "takes everything and says nothing"),
	BACKEND("vc", char_vc_open, "a text console of the user interface"),
	BACKEND("ringbuf", char_ringbuf_open, "keeps the last size=N bytes written"),
	BACKEND("memory", char_ringbuf_open, "the same"),
	BACKEND("file", char_file_open, "writes to path=FILE (append=on: at its end)"),
	BACKEND("pipe", char_pipe_open, "path=FIFO, or FIFO.in and FIFO.out"),
	BACKEND("stdio", char_stdio_open,
		"standard input and output (signal=off: Ctrl-C is input)"),
	BACKEND("pty", char_pty_open, "a new pseudo terminal"),
	BACKEND("serial", char_serial_open, "the host's serial port path=/dev/ttyN"),
	BACKEND("tty", char_serial_open, "the same"),
	BACKEND("parallel", char_parport_open, "the host's parallel port path=/dev/parportN"),
	BACKEND("parport", char_parport_open, "the same"),
	BACKEND("socket", char_socket_open,
		"TCP host=,port= or UNIX path=; server=on, wait=off, telnet=on, nodelay=on, "
		"reconnect=SECONDS"),
	BACKEND("udp", char_udp_open, "datagrams to host=,port= from localaddr=,localport="),
	BACKEND("msmouse", char_msmouse_open, "a Microsoft serial mouse"),
	BACKEND("braille", char_braille_open, "a Braille display"),
};

static struct chardev_backend *added;

void chardev_backend_register(struct chardev_backend *backend)
{
	backend->next = added;
	added = backend;
}

static const struct chardev_backend *backend_find(const char *name)
{
	for (const struct chardev_backend *b = added; b; b = b->next)
		if (strcmp(b->name, name) == 0)
			return b;
	for (unsigned int i = 0; i < G_N_ELEMENTS(own); i++)
		if (strcmp(own[i].name, name) == 0)
			return &own[i];
	return NULL;
}

static struct error *backend_unknown(const char *name)
{
	const char *names[G_N_ELEMENTS(own) + 1];

	for (unsigned int i = 0; i < G_N_ELEMENTS(own); i++)
		names[i] = own[i].name;
	names[G_N_ELEMENTS(own)] = NULL;
	return unknown_name_error("character back end", name, names);
}

void chardev_help(FILE *out)
{
	fprintf(out, "Character back ends:\n");
	for (const struct chardev_backend *b = added; b; b = b->next)
		fprintf(out, "  %-10s %s\n", b->name, b->help);
	for (unsigned int i = 0; i < G_N_ELEMENTS(own); i++)
		fprintf(out, "  %-10s %s\n", own[i].name, own[i].help);
}

/* --- the long form --- */

static struct chardev *register_mux(struct chardev *base, const char *id)
{
	char *base_id = g_strdup_printf("%s-base", id ? id : "mux");

	chardev_register(base, base_id);
	g_free(base_id);
	struct chardev *mux = chardev_mux_new(base);
	chardev_register(mux, id);
	return mux;
}

static struct error *open_backend(struct optstr *o, const char *id, struct chardev **out)
{
	const char *name;
	struct chardev *chr = NULL;
	bool mux = false;
	struct error *err = optstr_require(o, "backend", &name);

	if (err)
		return err;
	const struct chardev_backend *backend = backend_find(name);
	if (!backend)
		return backend_unknown(name);
	err = optstr_bool(o, "mux", &mux);
	if (!err)
		err = backend->open(o, id, &chr);
	if (!err)
		err = optstr_finish(o);
	if (err) {
		if (chr)
			chardev_free(chr);
		return err;
	}
	if (!chr->description)
		chardev_describe(chr, "%s", name);
	*out = chr;
	if (mux)
		*out = register_mux(chr, id);
	else
		chardev_register(chr, id);
	return NULL;
}

static struct error *open_text(const char *id, const char *text, bool id_needed,
			       struct chardev **out)
{
	struct optstr *o = optstr_parse(text, "backend");
	const char *given = optstr_get(o, "id");
	struct error *err = NULL;

	/* A client that goes away must not take the machine with it. */
	signal(SIGPIPE, SIG_IGN);
	*out = NULL;
	if (given && id_needed)
		id = given;
	if (id_needed && !id)
		err = error_new("id=NAME is missing: what is to be made needs a name");
	else if (id && chardev_find(id))
		err = error_new("there is a character back end \"%s\" already", id);
	else
		err = open_backend(o, id, out);
	optstr_free(o);
	return err;
}

struct error *chardev_open_options(const char *options)
{
	struct chardev *chr;
	return open_text(NULL, options, true, &chr);
}

/* --- the short form --- */

/* If `text` starts with `prefix`, the rest; else NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* Splits "host:port", "[v6]:port" or ":port" that ends at `end`. */
static bool split_host_port(const char *text, const char *end, char **host, char **port)
{
	const char *colon = g_strrstr_len(text, end - text, ":");

	if (!colon)
		return false;
	const char *from = text, *to = colon;
	if (*from == '[' && to > from && to[-1] == ']') {
		from++;
		to--;
	}
	*host = g_strndup(from, (size_t)(to - from));
	*port = g_strndup(colon + 1, (size_t)(end - colon - 1));
	return true;
}

static void append_key(GString *s, const char *key, const char *value)
{
	if (!*value)
		return;
	char *escaped = optstr_escape(value);
	g_string_append_printf(s, ",%s=%s", key, escaped);
	g_free(escaped);
}

static struct error *short_address(GString *s, const char *text, const char *end,
				   const char *host_key, const char *port_key)
{
	char *host, *port;

	if (!split_host_port(text, end, &host, &port))
		return error_new("\"%.*s\" is not HOST:PORT", (int)(end - text), text);
	append_key(s, host_key, host);
	append_key(s, port_key, port);
	g_free(host);
	g_free(port);
	return NULL;
}

/* "host:port,server,nowait" */
static struct error *short_socket(GString *s, const char *text)
{
	const char *end = text + strcspn(text, ",");
	struct error *err = short_address(s, text, end, "host", "port");

	g_string_append(s, end);
	return err;
}

/* "path,server,nowait" */
static struct error *short_unix(GString *s, const char *text)
{
	const char *end = text + strcspn(text, ",");
	char *path = g_strndup(text, (size_t)(end - text));

	append_key(s, "path", path);
	g_free(path);
	g_string_append(s, end);
	return NULL;
}

/* "[host]:port[@[host]:port]" */
static struct error *short_udp(GString *s, const char *text)
{
	const char *end = text + strcspn(text, ",");
	const char *at = memchr(text, '@', (size_t)(end - text));
	struct error *err = short_address(s, text, at ? at : end, "host", "port");

	if (!err && at)
		err = short_address(s, at + 1, end, "localaddr", "localport");
	g_string_append(s, end);
	return err;
}

static const struct {
	const char *prefix, *backend;
	struct error *(*rest)(GString *s, const char *text); /* NULL: the rest is the path */
} forms[] = {
	{"tcp:", "socket", short_socket}, {"telnet:", "socket,telnet=on", short_socket},
	{"unix:", "socket", short_unix},  {"udp:", "udp", short_udp},
	{"file:", "file", NULL},	  {"pipe:", "pipe", NULL},
};

static bool is_parport(const char *path)
{
	return after(path, "/dev/parport") || after(path, "/dev/ppi");
}

static struct error *short_form(GString *s, const char *spec)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(forms); i++) {
		const char *rest = after(spec, forms[i].prefix);
		if (!rest)
			continue;
		g_string_append(s, forms[i].backend);
		if (forms[i].rest)
			return forms[i].rest(s, rest);
		append_key(s, "path", rest);
		return NULL;
	}
	if (after(spec, "/dev/")) {
		g_string_append(s, is_parport(spec) ? "parport" : "serial");
		append_key(s, "path", spec);
	} else if (after(spec, "vc:")) {
		g_string_append(s, "vc");
		append_key(s, "geometry", spec + 3);
	} else {
		/* "null", "stdio", "pty", ... and the long forms without an id. */
		g_string_append(s, spec);
	}
	return NULL;
}

struct error *chardev_open(const char *id, const char *spec, struct chardev **out)
{
	const char *rest;

	*out = NULL;
	if (strcmp(spec, "none") == 0)
		return NULL;
	rest = after(spec, "chardev:");
	if (rest) {
		*out = chardev_find(rest);
		return *out ? NULL : error_new("there is no character back end \"%s\"", rest);
	}
	rest = after(spec, "mon:");
	GString *s = g_string_new("");
	struct error *err = short_form(s, rest ? rest : spec);
	if (rest)
		g_string_append(s, ",mux=on");
	/* On a terminal shared with the monitor Ctrl-C is the guest's; Ctrl-a x quits. */
	if (rest && strcmp(rest, "stdio") == 0)
		g_string_append(s, ",signal=off");
	if (!err)
		err = open_text(id, s->str, false, out);
	g_string_free(s, true);
	return err;
}
