/*
 * The gdb server's commands. Threads are the processors, numbered from 1; all of them stop and go
 * together, except that a step may leave the others where they are.
 */
#include "monitor/gdb.h"

#include "base/loop.h"
#include "monitor/gdb-link.h"
#include "monitor/gdb-registers.h"
#include "monitor/monitor.h"
#include "vm/chardev.h"
#include "vm/debug.h"
#include "vm/memory.h"
#include "vm/runstate.h"

#include <stdlib.h>
#include <string.h>

enum signal_number { GDB_SIGINT = 2, GDB_SIGTRAP = 5, GDB_SIGABRT = 6 };

struct gdb_server {
	struct chardev *chr;
	struct gdb_link *link;
	bool client;	    /* somebody is there */
	bool wants_stop;    /* ... and waits for a stop reply */
	bool physical;	    /* memory commands take physical addresses */
	struct cpu *cpu;    /* of g, G, m, M ... (Hg) */
	struct cpu *listed; /* where qsThreadInfo goes on */
};

/* One a program, like the machine. */
static struct {
	struct gdb_server *server; /* NULL: none */
	bool listening;		   /* to run states */
} gdb;

/* --- threads --- */

static unsigned int thread_id(const struct cpu *cpu)
{
	return cpu->index + 1;
}

/* -1 and 0 mean any. */
static struct cpu *thread_find(const char *id)
{
	long n = strtol(id, NULL, 16);

	return n <= 0 ? cpu_first() : cpu_at((unsigned int)n - 1);
}

/* --- replies --- */

static void reply(struct gdb_server *s, const char *text)
{
	gdb_link_send_text(s->link, text);
}

static void reply_hex(struct gdb_server *s, const void *data, size_t len)
{
	GString *out = g_string_new(NULL);

	gdb_append_hex(out, data, len);
	reply(s, out->str);
	g_string_free(out, TRUE);
}

static void reply_ok(struct gdb_server *s, bool ok)
{
	reply(s, ok ? "OK" : "E22");
}

/* Why the machine stands still. */
static void reply_stop(struct gdb_server *s)
{
	static const char *const names[] = {
		[DEBUG_WATCH_WRITE] = "watch",
		[DEBUG_WATCH_READ] = "rwatch",
		[DEBUG_WATCH_ACCESS] = "awatch",
	};
	const struct debug_stop *stop = debug_stopped_at();
	bool debug = run_state_get() == RUN_DEBUG && stop->cpu;
	char text[80];

	if (debug)
		s->cpu = stop->cpu;
	if (debug && stop->reason == DEBUG_REASON_WATCH)
		g_snprintf(text, sizeof(text), "T%02xthread:%02x;%s:%" G_GINT64_MODIFIER "x;",
			   GDB_SIGTRAP, thread_id(s->cpu), names[stop->point.kind], stop->point.va);
	else
		g_snprintf(text, sizeof(text), "T%02xthread:%02x;",
			   debug ? GDB_SIGTRAP : GDB_SIGINT, thread_id(s->cpu));
	reply(s, text);
}

/* --- registers and memory --- */

static void read_registers(struct gdb_server *s)
{
	GString *out = g_string_new(NULL);
	uint8_t value[GDB_REGISTER_BYTES];
	size_t size;

	for (unsigned int n = 0; (size = gdb_register_read(s->cpu, n, value)) != 0; n++)
		gdb_append_hex(out, value, size);
	reply(s, out->str);
	g_string_free(out, TRUE);
}

static void write_registers(struct gdb_server *s, const char *text)
{
	uint8_t data[GDB_PACKET_MAX / 2];
	size_t len = gdb_parse_hex(text, data, sizeof(data)), at = 0, size;

	for (unsigned int n = 0;
	     at < len && (size = gdb_register_write(s->cpu, n, data + at, len - at)) != 0; n++)
		at += size;
	reply_ok(s, true);
}

static void read_register(struct gdb_server *s, const char *text)
{
	uint8_t value[GDB_REGISTER_BYTES];
	size_t size = gdb_register_read(s->cpu, (unsigned int)strtoul(text, NULL, 16), value);

	if (size)
		reply_hex(s, value, size);
	else
		reply(s, "E14");
}

static void write_register(struct gdb_server *s, const char *text)
{
	uint8_t value[GDB_REGISTER_BYTES];
	char *end;
	unsigned int number = (unsigned int)strtoul(text, &end, 16);
	size_t len = *end == '=' ? gdb_parse_hex(end + 1, value, sizeof(value)) : 0;

	reply_ok(s, len && gdb_register_write(s->cpu, number, value, len));
}

static bool read_bytes(struct gdb_server *s, uint64_t va, void *data, size_t len)
{
	if (s->physical)
		return mem_read(s->cpu->memory, va, data, len) == MEM_OK;
	return cpu_read_virtual(s->cpu, va, data, len);
}

static bool write_bytes(struct gdb_server *s, uint64_t va, const void *data, size_t len)
{
	if (s->physical)
		return mem_write_rom(s->cpu->memory, va, data, len) == MEM_OK;
	return cpu_write_virtual(s->cpu, va, data, len);
}

/* "address,length": false where it is neither, or too long for a packet. */
static bool parse_range(const char *text, uint64_t *va, size_t *len, const char **rest)
{
	char *end;

	*va = g_ascii_strtoull(text, &end, 16);
	if (*end != ',')
		return false;
	*len = (size_t)g_ascii_strtoull(end + 1, &end, 16);
	*rest = end;
	return *len <= GDB_PACKET_MAX / 2;
}

static void read_memory(struct gdb_server *s, const char *text)
{
	uint8_t data[GDB_PACKET_MAX / 2];
	uint64_t va;
	size_t len;

	if (parse_range(text, &va, &len, &text) && read_bytes(s, va, data, len))
		reply_hex(s, data, len);
	else
		reply(s, "E14");
}

static void write_memory(struct gdb_server *s, const char *text)
{
	uint8_t data[GDB_PACKET_MAX / 2];
	uint64_t va;
	size_t len;

	reply_ok(s, parse_range(text, &va, &len, &text) && *text == ':' &&
			    gdb_parse_hex(text + 1, data, len) == len &&
			    write_bytes(s, va, data, len));
}

static void write_binary(struct gdb_server *s, const char *text, const char *end)
{
	uint64_t va;
	size_t len;

	reply_ok(s, parse_range(text, &va, &len, &text) && *text == ':' &&
			    (size_t)(end - text - 1) == len && write_bytes(s, va, text + 1, len));
}

/* --- going on --- */

static void go(struct gdb_server *s)
{
	s->wants_stop = true;
	machine_start();
}

/* c and s, C and S: `text` may hold an address. The others stand still during a step. */
static void resume(struct gdb_server *s, bool step, const char *text)
{
	if (*text)
		s->cpu->class->set_pc(s->cpu, g_ascii_strtoull(text, NULL, 16));
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		debug_set_step(cpu, step && cpu == s->cpu);
		debug_set_held(cpu, step && cpu != s->cpu);
	}
	go(s);
}

/* One action of vCont for the threads it names: false where it is none. */
static bool vcont_action(const char *action, bool *taken)
{
	const char *thread = strchr(action, ':');
	bool all = !thread || thread[1] == '-';
	bool step = *action == 's' || *action == 'S';

	if (!strchr("cCsS", *action))
		return false;
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		if (taken[cpu->index] || !(all || thread_find(thread + 1) == cpu))
			continue;
		taken[cpu->index] = true;
		debug_set_step(cpu, step);
		debug_set_held(cpu, false);
	}
	return true;
}

static void vcont(struct gdb_server *s, const char *text)
{
	char **actions = g_strsplit(text, ";", -1);
	bool *taken = g_new0(bool, cpu_count()), good = true;

	for (unsigned int n = 0; good && actions[n]; n++)
		good = vcont_action(actions[n], taken);
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		if (!taken[cpu->index])
			debug_set_held(cpu, true);
	g_free(taken);
	g_strfreev(actions);
	if (good)
		go(s);
	else
		reply(s, "E22");
}

static void release_all(void)
{
	debug_remove_all();
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		debug_set_step(cpu, false);
		debug_set_held(cpu, false);
	}
}

static void detach(struct gdb_server *s)
{
	release_all();
	s->wants_stop = false;
	reply(s, "OK");
	machine_start();
}

/* Z and z: "kind,address,length". */
static void change_point(struct gdb_server *s, bool insert, const char *text)
{
	struct debug_point point = {.kind = (enum debug_kind)(*text - '0')};
	size_t len;

	if (*text < '0' || *text >= '0' + DEBUG_KINDS) {
		reply(s, "");
		return;
	}
	if (text[1] != ',' || !parse_range(text + 2, &point.va, &len, &text)) {
		reply_ok(s, false);
		return;
	}
	point.len = len ? len : 1;
	if (insert)
		debug_insert(&point);
	reply_ok(s, insert || debug_remove(&point));
}

/* --- queries --- */

/* "offset,length" of a document. */
static void reply_part(struct gdb_server *s, const GString *document, const char *range)
{
	uint64_t offset;
	size_t len;
	const char *rest;

	if (!parse_range(range, &offset, &len, &rest) || offset > document->len) {
		reply(s, "E00");
		return;
	}
	size_t left = document->len - (size_t)offset;
	GString *out = g_string_new(left > len ? "m" : "l");
	g_string_append_len(out, document->str + offset, (gssize)MIN(left, len));
	gdb_link_send(s->link, out->str, out->len);
	g_string_free(out, TRUE);
}

static void query_features(struct gdb_server *s, const char *text)
{
	GString *xml = g_string_new(NULL);

	gdb_describe(cpu_first(), xml);
	reply_part(s, xml, text);
	g_string_free(xml, TRUE);
}

static void query_threads(struct gdb_server *s, const char *text)
{
	char id[16];

	if (!s->listed) {
		reply(s, "l");
		return;
	}
	g_snprintf(id, sizeof(id), "m%02x", thread_id(s->listed));
	s->listed = s->listed->next;
	reply(s, id);
}

static void query_first_thread(struct gdb_server *s, const char *text)
{
	s->listed = cpu_first();
	query_threads(s, text);
}

static void query_thread_info(struct gdb_server *s, const char *text)
{
	const struct cpu *cpu = thread_find(text);
	char info[40];

	if (!cpu) {
		reply(s, "E22");
		return;
	}
	g_snprintf(info, sizeof(info), "CPU#%u [%s]", cpu->index,
		   cpu->halted ? "halted" : "running");
	reply_hex(s, info, strlen(info));
}

static void query_current_thread(struct gdb_server *s, const char *text)
{
	char id[16];

	g_snprintf(id, sizeof(id), "QC%02x", thread_id(s->cpu));
	reply(s, id);
}

/* "monitor COMMAND" in gdb. */
static void query_command(struct gdb_server *s, const char *text)
{
	char line[GDB_PACKET_MAX / 2 + 1], *output = NULL;
	size_t len = gdb_parse_hex(text, (uint8_t *)line, sizeof(line) - 1), size = 0;

	line[len] = '\0';
	FILE *out = open_memstream(&output, &size);
	monitor_execute(line, out);
	fclose(out);
	/* Long output comes in several pieces before the final OK. */
	for (size_t at = 0; at < size;) {
		size_t piece = MIN(size - at, (size_t)GDB_PACKET_MAX / 2 - 1);
		GString *hex = g_string_new("O");
		gdb_append_hex(hex, output + at, piece);
		reply(s, hex->str);
		g_string_free(hex, TRUE);
		at += piece;
	}
	free(output);
	reply(s, "OK");
}

static void query_supported(struct gdb_server *s, const char *text)
{
	char features[128];

	g_snprintf(features, sizeof(features),
		   "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;swbreak-",
		   GDB_PACKET_MAX);
	reply(s, features);
}

static void query_attached(struct gdb_server *s, const char *text)
{
	reply(s, "1");
}

static void query_symbol(struct gdb_server *s, const char *text)
{
	reply(s, "OK");
}

/* Steps keep interrupts and timers away from the program: the only way that is offered. */
static void query_step_bits(struct gdb_server *s, const char *text)
{
	reply(s, "ENABLE=1,NOIRQ=2,NOTIMER=4");
}

static void query_step(struct gdb_server *s, const char *text)
{
	reply(s, "0x7");
}

static void set_step(struct gdb_server *s, const char *text)
{
	reply_ok(s, strtoul(text, NULL, 16) == 7);
}

static void query_physical(struct gdb_server *s, const char *text)
{
	reply(s, s->physical ? "1" : "0");
}

static void set_physical(struct gdb_server *s, const char *text)
{
	s->physical = *text == '1';
	reply_ok(s, true);
}

static void start_no_ack(struct gdb_server *s, const char *text)
{
	reply(s, "OK");
	gdb_link_stop_acknowledging(s->link);
}

static const struct {
	const char *name; /* what the packet begins with; longer names first */
	void (*run)(struct gdb_server *s, const char *rest);
} queries[] = {
	{"qXfer:features:read:target.xml:", query_features},
	{"qfThreadInfo", query_first_thread},
	{"qsThreadInfo", query_threads},
	{"qThreadExtraInfo,", query_thread_info},
	{"qSupported", query_supported},
	{"qAttached", query_attached},
	{"qSymbol", query_symbol},
	{"qRcmd,", query_command},
	{"qqemu.sstepbits", query_step_bits},
	{"qqemu.sstep", query_step},
	{"Qqemu.sstep=", set_step},
	{"qqemu.PhyMemMode", query_physical},
	{"Qqemu.PhyMemMode:", set_physical},
	{"QStartNoAckMode", start_no_ack},
	{"qC", query_current_thread},
};

static void query(struct gdb_server *s, const char *packet)
{
	for (size_t n = 0; n < G_N_ELEMENTS(queries); n++) {
		if (g_str_has_prefix(packet, queries[n].name)) {
			queries[n].run(s, packet + strlen(queries[n].name));
			return;
		}
	}
	reply(s, "");
}

/* --- packets --- */

static void set_thread(struct gdb_server *s, const char *text)
{
	struct cpu *cpu = thread_find(text + 1);

	/* Hc -1 means all: what resumes is told by vCont. */
	if (cpu && (*text == 'g' || text[1] != '-'))
		s->cpu = cpu;
	reply_ok(s, cpu != NULL);
}

static void verbose_packet(struct gdb_server *s, const char *text)
{
	if (g_str_has_prefix(text, "Cont?"))
		reply(s, "vCont;c;C;s;S");
	else if (g_str_has_prefix(text, "Cont;"))
		vcont(s, text + strlen("Cont;"));
	else if (g_str_has_prefix(text, "Kill"))
		machine_request_quit(0);
	else
		reply(s, "");
}

static void on_packet(void *opaque, const char *packet, size_t len)
{
	struct gdb_server *s = opaque;
	const char *rest = packet + 1, *address = strchr(packet, ';');

	if (len == 0)
		return;
	/* All of it wants the machine to stand still. */
	if (machine_running() && *packet != 'v')
		machine_stop(RUN_PAUSED);
	switch (*packet) {
	case '?': reply_stop(s); break;
	case 'g': read_registers(s); break;
	case 'G': write_registers(s, rest); break;
	case 'p': read_register(s, rest); break;
	case 'P': write_register(s, rest); break;
	case 'm': read_memory(s, rest); break;
	case 'M': write_memory(s, rest); break;
	case 'X': write_binary(s, rest, packet + len); break;
	case 'c': resume(s, false, rest); break;
	case 's': resume(s, true, rest); break;
	case 'C': resume(s, false, address ? address + 1 : ""); break;
	case 'S': resume(s, true, address ? address + 1 : ""); break;
	case 'Z': change_point(s, true, rest); break;
	case 'z': change_point(s, false, rest); break;
	case 'H': set_thread(s, rest); break;
	case 'T': reply_ok(s, thread_find(rest) != NULL); break;
	case 'D': detach(s); break;
	case 'k': machine_request_quit(0); break;
	case 'v': verbose_packet(s, rest); break;
	case 'q':
	case 'Q': query(s, packet); break;
	default: reply(s, ""); break;
	}
}

static void on_interrupt(void *opaque)
{
	if (machine_running())
		machine_stop(RUN_PAUSED);
}

static void on_write(void *opaque, const void *data, size_t len)
{
	chardev_write(((struct gdb_server *)opaque)->chr, data, len);
}

static const struct gdb_link_handlers link_handlers = {on_packet, on_interrupt, on_write};

/* --- the device and the machine --- */

static void on_run_state(void *opaque, bool running, enum run_state state)
{
	struct gdb_server *s = gdb.server;

	if (running || !s || !s->client || !s->wants_stop)
		return;
	s->wants_stop = false;
	if (state == RUN_SHUTDOWN)
		reply(s, "W00");
	else
		reply_stop(s);
}

static unsigned int can_receive(void *opaque)
{
	return 4096;
}

static void receive(void *opaque, const uint8_t *data, unsigned int len)
{
	gdb_link_receive(((struct gdb_server *)opaque)->link, data, len);
}

static void on_event(void *opaque, enum chardev_event event)
{
	struct gdb_server *s = opaque;

	if (event == CHR_EVENT_OPENED) {
		s->client = true;
		s->physical = s->wants_stop = false;
		s->cpu = cpu_first();
		gdb_link_reset(s->link);
		machine_stop(RUN_PAUSED);
	} else if (event == CHR_EVENT_CLOSED && s->client) {
		s->client = false;
		release_all();
		machine_start();
	}
}

static const struct chardev_handlers handlers = {can_receive, receive, on_event, NULL};

static void server_end(void)
{
	struct gdb_server *s = gdb.server;

	gdb.server = NULL;
	if (s->client)
		release_all();
	chardev_attach(s->chr, NULL, s);
	chardev_close(s->chr);
	gdb_link_free(s->link);
	g_free(s);
}

static void server_new(struct chardev *chr)
{
	struct gdb_server *s = g_new0(struct gdb_server, 1);

	s->chr = chr;
	s->cpu = cpu_first();
	s->link = gdb_link_new(&link_handlers, s);
	gdb.server = s;
	if (!gdb.listening)
		run_state_listen(on_run_state, NULL);
	gdb.listening = true;
	chardev_attach(chr, &handlers, s);
}

struct error *gdb_server_start(const char *spec)
{
	struct chardev *chr;
	struct error *err;

	if (!cpu_first() || !cpu_first()->class->gdb)
		return error_new("gdb cannot debug this machine: it has no processor, or one whose "
				 "registers are not described yet");
	if (gdb.server)
		server_end();
	/* A TCP address is where the server listens. */
	bool tcp = g_str_has_prefix(spec, "tcp:") && !strstr(spec, "server");
	char *full = g_strconcat(spec, tcp ? ",server,nowait" : "", NULL);
	err = chardev_open("gdb", full, &chr);
	g_free(full);
	if (!err && chr)
		server_new(chr);
	return err;
}
