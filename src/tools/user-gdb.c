/*
 * -g in user mode: a gdb server that the stopped thread itself runs, all other threads being out of
 * guest code. Source: "Debugging with GDB", appendix E. Threads have their Linux ids; programs
 * that the program starts, and children of fork(), are not debugged.
 */
#include "tools/user-gdb.h"

#include "base/loop.h"
#include "interp/tier.h"
#include "monitor/gdb-link.h"
#include "monitor/gdb-registers.h"
#include "vm/debug.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
	int fd; /* of the client; -1: none (any more) */
	struct gdb_link *link;
	struct cpu *cpu;    /* of g, G, m, M ... (Hg) */
	struct cpu *listed; /* where qsThreadInfo goes on */
	struct thread *stopped;
	bool going;	 /* a packet has told so */
	int give_signal; /* ... and that the thread gets this one (Linux's number) */
	/* Between the thread that listens while the program runs and the program's. */
	GMutex lock;
	GCond changed;
	bool running;
	bool interrupt; /* atomic: Ctrl-C has come */
} gdb = {.fd = -1};

/* --- numbers of signals: gdb has its own --- */

static const uint8_t gdb_signals[32] = {
	[1] = 1,   [2] = 2,   [3] = 3,	 [4] = 4,   [5] = 5,   [6] = 6,	  [7] = 10,  [8] = 8,
	[9] = 9,   [10] = 30, [11] = 11, [12] = 31, [13] = 13, [14] = 14, [15] = 15, [17] = 20,
	[18] = 19, [19] = 17, [20] = 18, [21] = 21, [22] = 22, [23] = 16, [24] = 24, [25] = 25,
	[26] = 26, [27] = 27, [28] = 28, [29] = 23, [30] = 32, [31] = 12,
};

static int to_gdb(int signo)
{
	if (signo < 32)
		return gdb_signals[signo] ? gdb_signals[signo] : 143;
	return signo == 32 ? 77 : signo < 64 ? signo + 12 : 78;
}

static int from_gdb(int number)
{
	for (int signo = 1; signo <= 64; signo++)
		if (to_gdb(signo) == number && number != 143)
			return signo;
	return 0;
}

/* --- replies --- */

static struct thread *thread_at(struct cpu *cpu)
{
	return cpu->intc;
}

/* -1 and 0 mean any. */
static struct cpu *thread_find(const char *id)
{
	long tid = strtol(id, NULL, 16);

	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		if (tid <= 0 || thread_at(cpu)->tid == tid)
			return cpu;
	return NULL;
}

static void reply(const char *text)
{
	gdb_link_send_text(gdb.link, text);
}

static void reply_ok(bool ok)
{
	reply(ok ? "OK" : "E22");
}

static void reply_hex(const void *data, size_t len)
{
	GString *out = g_string_new(NULL);

	gdb_append_hex(out, data, len);
	reply(out->str);
	g_string_free(out, TRUE);
}

static char stop_text[80];

static void note_stop(struct thread *t, int signo, const struct debug_stop *stop)
{
	static const char *const names[] = {
		[DEBUG_WATCH_WRITE] = "watch",
		[DEBUG_WATCH_READ] = "rwatch",
		[DEBUG_WATCH_ACCESS] = "awatch",
	};
	int len = g_snprintf(stop_text, sizeof(stop_text), "T%02xthread:%x;",
			     (unsigned int)to_gdb(signo), (unsigned int)t->tid);

	if (stop && stop->reason == DEBUG_REASON_WATCH)
		g_snprintf(stop_text + len, sizeof(stop_text) - (size_t)len,
			   "%s:%" G_GINT64_MODIFIER "x;", names[stop->point.kind], stop->point.va);
}

/* --- registers and memory --- */

static void read_registers(const char *text)
{
	GString *out = g_string_new(NULL);
	uint8_t value[GDB_REGISTER_BYTES];
	size_t size;

	for (unsigned int n = 0; (size = gdb_register_read(gdb.cpu, n, value)) != 0; n++)
		gdb_append_hex(out, value, size);
	reply(out->str);
	g_string_free(out, TRUE);
}

static void write_registers(const char *text)
{
	uint8_t data[GDB_PACKET_MAX / 2];
	size_t len = gdb_parse_hex(text, data, sizeof(data)), at = 0, size;

	for (unsigned int n = 0;
	     at < len && (size = gdb_register_write(gdb.cpu, n, data + at, len - at)) != 0; n++)
		at += size;
	reply_ok(true);
}

static void read_register(const char *text)
{
	uint8_t value[GDB_REGISTER_BYTES];
	size_t size = gdb_register_read(gdb.cpu, (unsigned int)strtoul(text, NULL, 16), value);

	if (size)
		reply_hex(value, size);
	else
		reply("E14");
}

static void write_register(const char *text)
{
	uint8_t value[GDB_REGISTER_BYTES];
	char *end;
	unsigned int number = (unsigned int)strtoul(text, &end, 16);
	size_t len = *end == '=' ? gdb_parse_hex(end + 1, value, sizeof(value)) : 0;

	reply_ok(len && gdb_register_write(gdb.cpu, number, value, len));
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

static void read_memory(const char *text)
{
	uint8_t data[GDB_PACKET_MAX / 2];
	uint64_t va;
	size_t len;

	if (parse_range(text, &va, &len, &text) && guest_read(gdb.stopped, data, va, len))
		reply_hex(data, len);
	else
		reply("E14");
}

static void write_memory(const char *text)
{
	uint8_t data[GDB_PACKET_MAX / 2];
	uint64_t va;
	size_t len;

	reply_ok(parse_range(text, &va, &len, &text) && *text == ':' &&
		 gdb_parse_hex(text + 1, data, len) == len &&
		 guest_write(gdb.stopped, va, data, len));
}

/* --- going on --- */

/* One action of vCont for the threads it names: false where it is none. */
static bool vcont_action(const char *action, GHashTable *taken)
{
	const char *thread = strchr(action, ':');
	bool all = !thread || thread[1] == '-';
	bool step = *action == 's' || *action == 'S';

	if (!strchr("cCsS", *action))
		return false;
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		if (g_hash_table_contains(taken, cpu) || !(all || thread_find(thread + 1) == cpu))
			continue;
		g_hash_table_add(taken, cpu);
		debug_set_step(cpu, step);
		debug_set_held(cpu, false);
		if (cpu == gdb.stopped->cpu && (*action == 'C' || *action == 'S'))
			gdb.give_signal = from_gdb((int)strtol(action + 1, NULL, 16));
	}
	return true;
}

static void vcont(const char *text)
{
	char **actions = g_strsplit(text, ";", -1);
	GHashTable *taken = g_hash_table_new(g_direct_hash, g_direct_equal);
	bool good = true;

	for (unsigned int n = 0; good && actions[n]; n++)
		good = vcont_action(actions[n], taken);
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		if (!g_hash_table_contains(taken, cpu))
			debug_set_held(cpu, true);
	g_hash_table_destroy(taken);
	g_strfreev(actions);
	gdb.going = good;
	if (!good)
		reply("E22");
}

/* c, s, C and S: all threads go, or one steps. */
static void resume(char how, const char *text)
{
	bool step = how == 's' || how == 'S';

	if (how == 'C' || how == 'S') {
		gdb.give_signal = from_gdb((int)strtol(text, NULL, 16));
		text = strchr(text, ';') ? strchr(text, ';') + 1 : "";
	}
	if (*text)
		gdb.cpu->class->set_pc(gdb.cpu, g_ascii_strtoull(text, NULL, 16));
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		debug_set_step(cpu, step && cpu == gdb.cpu);
		debug_set_held(cpu, step && cpu != gdb.cpu);
	}
	gdb.going = true;
}

static void release_all(void)
{
	debug_remove_all();
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		debug_set_step(cpu, false);
		debug_set_held(cpu, false);
	}
}

/* The program goes on alone. */
static void client_gone(void)
{
	release_all();
	if (gdb.fd >= 0)
		close(gdb.fd);
	gdb.fd = -1;
	gdb.going = true;
	user_debugger = NULL;
}

/* Z and z: "kind,address,length". */
static void change_point(bool insert, const char *text)
{
	struct debug_point point = {.kind = (enum debug_kind)(*text - '0')};
	size_t len;

	if (*text < '0' || *text >= '0' + DEBUG_KINDS) {
		reply("");
		return;
	}
	if (text[1] != ',' || !parse_range(text + 2, &point.va, &len, &text)) {
		reply_ok(false);
		return;
	}
	point.len = len ? len : 1;
	if (insert)
		debug_insert(&point);
	reply_ok(insert || debug_remove(&point));
}

/* --- queries --- */

/* "offset,length" of a document. */
static void reply_part(const GString *document, const char *range)
{
	uint64_t offset;
	size_t len;
	const char *rest;

	if (!parse_range(range, &offset, &len, &rest) || offset > document->len) {
		reply("E00");
		return;
	}
	size_t left = document->len - (size_t)offset;
	GString *out = g_string_new(left > len ? "m" : "l");
	g_string_append_len(out, document->str + offset, (gssize)MIN(left, len));
	gdb_link_send(gdb.link, out->str, out->len);
	g_string_free(out, TRUE);
}

static void query_features(const char *text)
{
	GString *xml = g_string_new(NULL);

	gdb_describe(gdb.stopped->cpu, xml);
	reply_part(xml, text);
	g_string_free(xml, TRUE);
}

/* Tells where a position-independent program is. */
static void query_auxv(const char *text)
{
	const struct process *p = gdb.stopped->process;
	uint64_t len = p->auxv_end - p->auxv_start;
	GString *out = g_string_new(NULL);

	g_string_set_size(out, MIN(len, 4096));
	if (!guest_read(gdb.stopped, out->str, p->auxv_start, out->len))
		g_string_set_size(out, 0);
	reply_part(out, text);
	g_string_free(out, TRUE);
}

static void query_exec_file(const char *text)
{
	const char *range = strchr(text, ':');
	GString *out = g_string_new(gdb.stopped->process->exe);

	reply_part(out, range ? range + 1 : "");
	g_string_free(out, TRUE);
}

static void query_threads(const char *text)
{
	char id[24];

	if (!gdb.listed) {
		reply("l");
		return;
	}
	g_snprintf(id, sizeof(id), "m%x", (unsigned int)thread_at(gdb.listed)->tid);
	gdb.listed = gdb.listed->next;
	reply(id);
}

static void query_first_thread(const char *text)
{
	gdb.listed = cpu_first();
	query_threads(text);
}

static void query_current_thread(const char *text)
{
	char id[24];

	g_snprintf(id, sizeof(id), "QC%x", (unsigned int)gdb.stopped->tid);
	reply(id);
}

static void query_supported(const char *text)
{
	char features[160];

	g_snprintf(features, sizeof(features),
		   "PacketSize=%x;qXfer:features:read+;qXfer:auxv:read+;qXfer:exec-file:read+;"
		   "QStartNoAckMode+;vContSupported+",
		   GDB_PACKET_MAX);
	reply(features);
}

static void query_attached(const char *text)
{
	reply("0");
}

static void start_no_ack(const char *text)
{
	reply("OK");
	gdb_link_stop_acknowledging(gdb.link);
}

static const struct {
	const char *name; /* what the packet begins with; longer names first */
	void (*run)(const char *rest);
} queries[] = {
	{"qXfer:features:read:target.xml:", query_features},
	{"qXfer:exec-file:read:", query_exec_file},
	{"qXfer:auxv:read::", query_auxv},
	{"qfThreadInfo", query_first_thread},
	{"qsThreadInfo", query_threads},
	{"qSupported", query_supported},
	{"qAttached", query_attached},
	{"QStartNoAckMode", start_no_ack},
	{"qC", query_current_thread},
};

static void query(const char *packet)
{
	for (size_t n = 0; n < G_N_ELEMENTS(queries); n++) {
		if (g_str_has_prefix(packet, queries[n].name)) {
			queries[n].run(packet + strlen(queries[n].name));
			return;
		}
	}
	reply("");
}

/* --- packets --- */

static void set_thread(const char *text)
{
	struct cpu *cpu = thread_find(text + 1);

	if (cpu && atol(text + 1) <= 0)
		cpu = gdb.stopped->cpu;
	if (cpu && (*text == 'g' || text[1] != '-'))
		gdb.cpu = cpu;
	reply_ok(cpu != NULL);
}

static void kill_program(void)
{
	close(gdb.fd);
	_exit(1);
}

static void verbose_packet(const char *text)
{
	if (g_str_has_prefix(text, "Cont?"))
		reply("vCont;c;C;s;S");
	else if (g_str_has_prefix(text, "Cont;"))
		vcont(text + strlen("Cont;"));
	else if (g_str_has_prefix(text, "Kill")) {
		reply("OK");
		kill_program();
	} else {
		reply("");
	}
}

static void on_packet(void *opaque, const char *packet, size_t len)
{
	const char *rest = packet + 1;

	if (len == 0 || !gdb.stopped)
		return;
	switch (*packet) {
	case '?': reply(stop_text); break;
	case 'g': read_registers(rest); break;
	case 'G': write_registers(rest); break;
	case 'p': read_register(rest); break;
	case 'P': write_register(rest); break;
	case 'm': read_memory(rest); break;
	case 'M': write_memory(rest); break;
	case 'c':
	case 's':
	case 'C':
	case 'S': resume(*packet, rest); break;
	case 'Z': change_point(true, rest); break;
	case 'z': change_point(false, rest); break;
	case 'H': set_thread(rest); break;
	case 'T': reply_ok(thread_find(rest) != NULL); break;
	case 'D':
		reply("OK");
		client_gone();
		break;
	case 'k': kill_program(); break;
	case 'v': verbose_packet(rest); break;
	case 'q':
	case 'Q': query(packet); break;
	default: reply(""); break;
	}
}

static void on_interrupt(void *opaque)
{
	__atomic_store_n(&gdb.interrupt, true, __ATOMIC_SEQ_CST);
}

static void on_write(void *opaque, const void *data, size_t len)
{
	while (len && gdb.fd >= 0) {
		ssize_t n = send(gdb.fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data = (const char *)data + n;
		len -= (size_t)n;
	}
}

static const struct gdb_link_handlers link_handlers = {on_packet, on_interrupt, on_write};

/* False: the client is gone. */
static bool receive(void)
{
	uint8_t data[4096];
	ssize_t n = recv(gdb.fd, data, sizeof(data), 0);

	if (n < 0 && errno == EINTR)
		return true;
	if (n > 0)
		gdb_link_receive(gdb.link, data, (size_t)n);
	return n > 0;
}

/* --- the program's side --- */

static void set_running(bool running)
{
	g_mutex_lock(&gdb.lock);
	gdb.running = running;
	g_cond_broadcast(&gdb.changed);
	g_mutex_unlock(&gdb.lock);
}

/* Answers the client until it lets the program go on. `tell`: it waits to hear of a stop. */
static void serve(struct thread *t, bool tell)
{
	struct cpu *cpu = t->cpu;

	machine_lock();
	machine_quiesce();
	set_running(false);
	gdb.stopped = t;
	gdb.cpu = cpu;
	gdb.give_signal = 0;
	gdb.going = false;
	__atomic_store_n(&gdb.interrupt, false, __ATOMIC_SEQ_CST);
	if (tell)
		reply(stop_text);
	while (!gdb.going)
		if (!receive())
			client_gone();
	gdb.stopped = NULL;
	set_running(gdb.fd >= 0);
	machine_resume();
	machine_unlock();
}

/* On the thread of the vCPU, within guest code. */
static bool note_point(const struct debug_stop *stop)
{
	struct thread *t = thread_at(stop->cpu);

	t->debug_stop = *stop;
	t->has_debug_stop = true;
	__atomic_store_n(&t->cpu->exit_request, 1, __ATOMIC_SEQ_CST);
	return true;
}

static void look(struct thread *t)
{
	if (t->has_debug_stop) {
		t->has_debug_stop = false;
		note_stop(t, SIGTRAP, &t->debug_stop);
	} else if (__atomic_load_n(&gdb.interrupt, __ATOMIC_SEQ_CST)) {
		note_stop(t, SIGINT, NULL);
	} else {
		return;
	}
	serve(t, true);
}

static int on_signal(struct thread *t, int signo)
{
	note_stop(t, signo, NULL);
	serve(t, true);
	return gdb.fd < 0 ? signo : gdb.give_signal;
}

static void ended(bool killed, int status)
{
	char text[8];

	g_snprintf(text, sizeof(text), "%c%02x", killed ? 'X' : 'W',
		   (unsigned int)(killed ? to_gdb(status) : status & 0xff));
	reply(text);
}

static void forked(void)
{
	close(gdb.fd);
	gdb.fd = -1;
	user_debugger = NULL;
	release_all();
}

static const struct user_debugger debugger = {look, on_signal, ended, forked};

/* While the program runs: an interrupt of the client's. */
static void *listener(void *opaque)
{
	for (;;) {
		g_mutex_lock(&gdb.lock);
		while (!gdb.running)
			g_cond_wait(&gdb.changed, &gdb.lock);
		struct pollfd p = {.fd = gdb.fd, .events = POLLIN};
		if (poll(&p, 1, 50) > 0) {
			if (!receive())
				on_interrupt(NULL);
			gdb.running = !__atomic_load_n(&gdb.interrupt, __ATOMIC_SEQ_CST);
		}
		bool interrupt = !gdb.running;
		g_mutex_unlock(&gdb.lock);
		if (!interrupt)
			continue;
		machine_lock();
		for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
			cpu_kick(cpu);
		machine_unlock();
	}
	return NULL;
}

/* --- listening --- */

static int bind_port(const char *port, struct error **err)
{
	char *end;
	unsigned long number = strtoul(port, &end, 10);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	bool tcp = end != port && !*end, bound;
	int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (tcp && (number == 0 || number > 65535)) {
		*err = error_new("%s: ports are 1 to 65535", port);
	} else if (tcp) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		bound = !bind(fd, (struct sockaddr *)&in, sizeof(in)) && !listen(fd, 1);
		*err = bound ? NULL : error_errno(errno, "%s", port);
	} else if (strlen(port) >= sizeof(un.sun_path)) {
		*err = error_new("%s: the name of a socket has at most %zu bytes", port,
				 sizeof(un.sun_path) - 1);
	} else {
		g_strlcpy(un.sun_path, port, sizeof(un.sun_path));
		unlink(port);
		bound = !bind(fd, (struct sockaddr *)&un, sizeof(un)) && !listen(fd, 1);
		*err = bound ? NULL : error_errno(errno, "%s", port);
	}
	return fd;
}

struct error *user_gdb_start(struct thread *t, const char *port)
{
	struct error *err = NULL;
	int fd;

	if (!t->cpu->class->gdb)
		return error_new("the registers of this processor are not described for gdb");
	fd = bind_port(port, &err);
	if (err) {
		close(fd);
		return err;
	}
	gdb.fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	close(fd);
	if (gdb.fd < 0)
		return error_errno(errno, "no client");
	gdb.link = gdb_link_new(&link_handlers, NULL);
	debug_set_hook(note_point);
	tier_set_exact();
	user_debugger = &debugger;
	note_stop(t, SIGTRAP, NULL);
	serve(t, false);
	if (gdb.fd >= 0)
		g_thread_unref(tier_thread_new("gdb", listener, NULL));
	return NULL;
}
