/* Character back ends against real files, sockets and pseudo terminals. */
#include "suite.h"

#include "base/clock.h"
#include "vm/char-telnet.h"
#include "vm/chardev.h"
#include "vm/input.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Small things that live as long as their test's process. */
static void *kept(void *p)
{
	static GPtrArray *all;
	if (!all)
		all = g_ptr_array_new();
	g_ptr_array_add(all, p);
	return p;
}

/* --- a front end that keeps what it gets --- */

struct front {
	GString *got, *events;
	unsigned int room; /* bytes it takes at once */
	unsigned int writable;
};

static unsigned int front_can_receive(void *opaque)
{
	return ((struct front *)opaque)->room;
}

static void front_receive(void *opaque, const uint8_t *buf, unsigned int len)
{
	struct front *f = opaque;
	ck_assert_uint_le(len, f->room);
	g_string_append_len(f->got, (const char *)buf, len);
}

static void front_event(void *opaque, enum chardev_event event)
{
	g_string_append_c(((struct front *)opaque)->events, "ocbIO"[event]);
}

static void front_writable(void *opaque)
{
	((struct front *)opaque)->writable++;
}

static const struct chardev_handlers handlers = {front_can_receive, front_receive, front_event,
						 front_writable};

static struct front *front_new(struct chardev *chr)
{
	struct front *f = kept(g_new0(struct front, 1));
	f->got = g_string_new("");
	f->events = g_string_new("");
	f->room = 4096;
	chardev_attach(chr, &handlers, f);
	return f;
}

/* --- helpers --- */

static struct chardev *opened(const char *spec)
{
	struct chardev *chr;
	struct error *err = chardev_open(NULL, spec, &chr);
	ck_assert_msg(!err, "%s: %s", spec, err ? err->message : "");
	return chr;
}

static char *refused(const char *spec)
{
	struct chardev *chr;
	struct error *err = chardev_open(NULL, spec, &chr);
	ck_assert_msg(err != NULL, "%s was taken", spec);
	ck_assert_ptr_null(chr);
	char *message = g_strdup(err->message);
	error_free(err);
	return message;
}

/* Turns the loop until the string is as expected; fails after five seconds. */
static void expect(const GString *s, const char *text)
{
	int64_t end = host_monotonic_ns() + 5 * NS_PER_S;
	while (strcmp(s->str, text) != 0 && host_monotonic_ns() < end) {
		loop_turn(false);
		g_usleep(200);
	}
	ck_assert_str_eq(s->str, text);
}

static void turn(unsigned int times)
{
	for (unsigned int i = 0; i < times; i++) {
		loop_turn(false);
		g_usleep(500);
	}
}

/* Reads from a descriptor of the test's side while the loop turns. */
static void expect_fd(int fd, const char *text, size_t len)
{
	char buf[4096];
	size_t n = 0;
	int64_t end = host_monotonic_ns() + 5 * NS_PER_S;
	while (n < len && host_monotonic_ns() < end) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		loop_turn(false);
		if (poll(&p, 1, 1) == 1) {
			ssize_t got = read(fd, buf + n, len - n);
			ck_assert_int_gt(got, 0);
			n += (size_t)got;
		}
	}
	ck_assert_uint_eq(n, len);
	ck_assert_mem_eq(buf, text, len);
}

static void say(int fd, const char *text, size_t len)
{
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
}

static int tcp_connect(unsigned int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static unsigned int port_of(struct chardev *chr)
{
	unsigned int port = 0;
	ck_assert_int_eq(sscanf(chardev_description(chr), "disconnected:tcp:127.0.0.1:%u,", &port),
			 1);
	return port;
}

static char *temp_name(const char *name)
{
	char *dir = g_dir_make_tmp("char-XXXXXX", NULL);
	char *path = kept(g_build_filename(dir, name, NULL));
	g_free(dir);
	return path;
}

/* --- tests --- */

START_TEST(names_and_errors)
{
	char *m = refused("stdoi");
	ck_assert_ptr_nonnull(strstr(m, "did you mean \"stdio\""));
	g_free(m);
	m = refused("null,colour=red");
	ck_assert_ptr_nonnull(strstr(m, "colour"));
	g_free(m);
	g_free(refused("tcp:nowhere"));
	g_free(refused("tcp:127.0.0.1:1")); /* nobody listens there */
	g_free(refused("file:/no/such/folder/x"));
	g_free(refused("pipe:/no/such/fifo"));
	g_free(refused("/dev/null")); /* not a serial port */
	g_free(refused("braille"));
	g_free(refused("chardev:x"));
	g_free(refused("ringbuf,size=1000"));
	struct error *err = chardev_open_options("null");
	ck_assert_ptr_nonnull(strstr(err->message, "id="));
	error_free(err);
	ck_assert_ptr_null(chardev_open_options("null,id=a"));
	err = chardev_open_options("null,id=a");
	ck_assert_ptr_nonnull(err);
	error_free(err);
	struct chardev *chr;
	ck_assert_ptr_null(chardev_open(NULL, "none", &chr));
	ck_assert_ptr_null(chr);
	ck_assert_uint_eq(chardev_write(chr, "x", 1), 1);
	ck_assert_int_eq(chardev_control(chr, CHR_SERIAL_GET_TIOCM, NULL), -ENOTSUP);
	ck_assert_ptr_eq(opened("chardev:a"), chardev_find("a"));
	ck_assert_str_eq(chardev_id(chardev_at(0)), "a");
	ck_assert_str_eq(chardev_description(opened("vc:80Cx24C")), "vc");
	chardev_close_all();
	ck_assert_ptr_null(chardev_at(0));
}
END_TEST

START_TEST(ring_and_file)
{
	struct chardev *ring = opened("ringbuf,size=8");
	char buf[16];
	chardev_printf(ring, "%s", "0123456789");
	ck_assert_uint_eq(chardev_ring_read(ring, buf, 3), 3);
	ck_assert_mem_eq(buf, "234", 3);
	chardev_write(ring, "ab", 2);
	ck_assert_uint_eq(chardev_ring_read(ring, buf, 16), 7);
	ck_assert_mem_eq(buf, "56789ab", 7);

	char *path = temp_name("out,put"), *spec = kept(g_strconcat("file:", path, NULL)), *text;
	struct chardev *file = opened(spec);
	ck_assert_uint_eq(chardev_ring_read(file, buf, 16), 0);
	chardev_write(file, "hello", 5);
	chardev_close(file);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "hello");
	g_free(text);
	remove(path);
	chardev_close_all();
}
END_TEST

START_TEST(pipes)
{
	char *path = temp_name("fifo"), *in = kept(g_strconcat(path, ".in", NULL));
	char *out = kept(g_strconcat(path, ".out", NULL)),
	     *spec = kept(g_strconcat("pipe:", path, NULL));
	ck_assert_int_eq(mkfifo(in, 0600), 0);
	ck_assert_int_eq(mkfifo(out, 0600), 0);
	struct chardev *chr = opened(spec);
	struct front *f = front_new(chr);
	int to = open(in, O_WRONLY), from = open(out, O_RDONLY | O_NONBLOCK);
	say(to, "ping", 4);
	expect(f->got, "ping");
	chardev_write(chr, "pong", 4);
	expect_fd(from, "pong", 4);
	ck_assert_str_eq(f->events->str, "o");
	chardev_close_all();
	remove(in);
	remove(out);
}
END_TEST

START_TEST(ptys)
{
	struct chardev *chr = opened("pty");
	struct front *f = front_new(chr);
	const char *name = strchr(chardev_description(chr), ':') + 1;
	turn(20);
	ck_assert(!chardev_is_open(chr)); /* nobody has it open */
	ck_assert_uint_eq(chardev_write(chr, "lost", 4), 4);
	int fd = open(name, O_RDWR | O_NOCTTY);
	chardev_write(chr, "hi\n", 3);
	expect_fd(fd, "hi\n", 3);
	say(fd, "yo\r", 3);
	expect(f->got, "yo\r");
	close(fd);
	expect(f->events, "ococ"); /* open at first, then closed, ... */
	fd = open(name, O_RDWR | O_NOCTTY);
	expect(f->events, "ococo"); /* seen without a write */
	say(fd, "again", 5);
	expect(f->got, "yo\ragain");
	close(fd);
	chardev_close_all();
}
END_TEST

START_TEST(tcp_server)
{
	struct chardev *chr = opened("tcp:127.0.0.1:0,server,nowait");
	struct front *f = front_new(chr);
	unsigned int port = port_of(chr);
	chardev_write(chr, "nobody hears this", 17);
	int fd = tcp_connect(port), second = tcp_connect(port);
	expect(f->events, "o");
	ck_assert_ptr_nonnull(strstr(chardev_description(chr), " <-> tcp:127.0.0.1:"));
	say(second, "later", 5);
	say(fd, "first", 5);
	chardev_write(chr, "hello\xff", 6);
	expect_fd(fd, "hello\xff", 6);
	expect(f->got, "first");
	close(fd);
	expect(f->events, "oco"); /* the second was waiting */
	expect(f->got, "firstlater");
	/* One byte at a time, when the front end says so. */
	f->room = 0;
	g_string_truncate(f->got, 0);
	say(second, "abc", 3);
	turn(20);
	ck_assert_str_eq(f->got->str, "");
	f->room = 1;
	chardev_accept_input(chr);
	expect(f->got, "abc");
	/* What was sent before the end is not lost. */
	f->room = 0;
	say(second, "bye", 3);
	close(second);
	turn(20);
	ck_assert_str_eq(f->events->str, "oco");
	f->room = 2;
	chardev_accept_input(chr);
	expect(f->got, "abcbye");
	expect(f->events, "ococ");
	chardev_attach(chr, NULL, f);
	chardev_close_all();
}
END_TEST

START_TEST(tcp_pressure)
{
	struct chardev *chr = opened("tcp:127.0.0.1:0,server=on,wait=off,nodelay");
	struct front *f = front_new(chr);
	int fd = tcp_connect(port_of(chr));
	expect(f->events, "o");
	/* The peer does not read: sooner or later a write falls short. */
	static char block[65536], got[65536];
	uint64_t sent = 0, received = 0;
	GRand *rand = g_rand_new_with_seed(3);
	for (unsigned int i = 0; i < sizeof(block); i++)
		block[i] = (char)g_rand_int(rand);
	for (;;) {
		size_t from = sent % sizeof(block);
		size_t n = chardev_write(chr, block + from, sizeof(block) - from);
		sent += n;
		if (n < sizeof(block) - from)
			break;
		ck_assert_uint_lt(sent, UINT64_C(1) << 30);
	}
	ck_assert_uint_eq(f->writable, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (received < sent) {
		loop_turn(false);
		ssize_t n = read(fd, got, 1000);
		if (n < 0)
			continue;
		for (ssize_t i = 0; i < n; i++)
			ck_assert_int_eq(got[i], block[(received + (uint64_t)i) % sizeof(block)]);
		received += (uint64_t)n;
	}
	ck_assert_uint_eq(f->writable, 1);
	g_rand_free(rand);
	close(fd);
	chardev_close_all();
}
END_TEST

START_TEST(telnet)
{
	struct chardev *chr = opened("telnet:127.0.0.1:0,server,nowait");
	struct front *f = front_new(chr);
	int fd = tcp_connect(port_of(chr));
	expect_fd(fd, "\xff\xfb\1\xff\xfb\3\xff\xfb\0\xff\xfd\0", 12);
	chardev_write(chr, "a\xff\xff z", 5);
	expect_fd(fd, "a\xff\xff\xff\xff z", 7);
	/* Do echo, a terminal type, a doubled FFh, a break in the middle, Return of an ASCII peer.
	 */
	static const char stream[] = "\xff\xfd\1x\xff\xfa\x18\0vt100\xff\xff\xff\xf0y\xff\xff"
				     "\xff\xf3z\r\0\xff\xf1.";
	for (size_t i = 0; i < sizeof(stream) - 1; i++) {
		say(fd, stream + i, 1); /* cut everywhere */
		turn(1);
	}
	expect(f->got, "xy\xffz\r.");
	ck_assert_str_eq(f->events->str, "ob");
	/* A binary peer means its NULs. */
	g_string_truncate(f->got, 0);
	say(fd, "\xff\xfb\0\r\0!", 6);
	int64_t end = host_monotonic_ns() + 5 * NS_PER_S;
	while (f->got->len < 3 && host_monotonic_ns() < end)
		turn(1);
	ck_assert_uint_eq(f->got->len, 3);
	ck_assert_mem_eq(f->got->str, "\r\0!", 3);
	close(fd);
	chardev_close_all();
}
END_TEST

START_TEST(unix_sockets)
{
	char *path = temp_name("sock");
	char *server_spec = kept(g_strconcat("unix:", path, ",server,nowait", NULL));
	char *client_spec = kept(g_strconcat("unix:", path, NULL));
	char *again_spec = kept(g_strconcat("unix:", path, ",reconnect=1", NULL));
	g_free(refused(client_spec));
	struct chardev *client = opened(again_spec); /* nobody there yet */
	struct front *cf = front_new(client);
	struct chardev *server = opened(server_spec);
	struct front *sf = front_new(server);
	expect(cf->events, "o");
	expect(sf->events, "o");
	chardev_write(client, "to server", 9);
	chardev_write(server, "to client", 9);
	expect(sf->got, "to server");
	expect(cf->got, "to client");
	chardev_close(server);
	ck_assert_int_ne(access(path, F_OK), 0); /* it takes its name along */
	expect(cf->events, "oc");
	server = opened(server_spec);
	expect(cf->events, "oco");
	chardev_close_all();
	g_free(refused("unix:/tmp/"
		       "01234567890123456789012345678901234567890123456789"
		       "01234567890123456789012345678901234567890123456789"
		       "0123456789"));
}
END_TEST

static void *connect_later(void *opaque)
{
	const char *path = opaque;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
	while (connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0)
		g_usleep(1000);
	say(fd, "early", 5);
	return GINT_TO_POINTER(fd);
}

START_TEST(server_waits)
{
	char *path = temp_name("sock"), *spec = kept(g_strconcat("unix:", path, ",server", NULL));
	GThread *thread = g_thread_new("client", connect_later, path);
	struct chardev *chr = opened(spec);
	ck_assert(chardev_is_open(chr));
	struct front *f = front_new(chr);
	ck_assert_str_eq(f->events->str, "o");
	expect(f->got, "early");
	close(GPOINTER_TO_INT(g_thread_join(thread)));
	expect(f->events, "oc");
	chardev_close_all();
}
END_TEST

START_TEST(udp)
{
	struct sockaddr_in a = {.sin_family = AF_INET}, from;
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	getsockname(fd, (struct sockaddr *)&a, &len);
	char *spec = kept(g_strdup_printf("udp:127.0.0.1:%u@127.0.0.1:0", ntohs(a.sin_port)));
	struct chardev *chr = opened(spec);
	struct front *f = front_new(chr);
	chardev_write(chr, "net console", 11);
	char buf[32];
	ck_assert_int_eq(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), 11);
	sendto(fd, "answer", 6, 0, (struct sockaddr *)&from, len);
	sendto(fd, "", 0, 0, (struct sockaddr *)&from, len);
	sendto(fd, "!", 1, 0, (struct sockaddr *)&from, len);
	expect(f->got, "answer!");
	close(fd);
	chardev_write(chr, "x", 1); /* refused by the host, which is not the end */
	turn(10);
	chardev_write(chr, "y", 1);
	ck_assert_str_eq(f->events->str, "o");
	chardev_close_all();
}
END_TEST

/* --- mux --- */

static unsigned int quits, commits;
static void quit(void)
{
	quits++;
}
static void commit(void)
{
	commits++;
}

START_TEST(mux)
{
	static const struct chardev_mux_actions actions = {quit, commit};
	char *path = temp_name("sock"),
	     *spec = kept(g_strconcat("mon:unix:", path, ",server,nowait", NULL));
	struct chardev *chr = opened(spec);
	struct front *serial = front_new(chr), *monitor = front_new(chr);
	ck_assert_str_eq(serial->events->str, "I");
	ck_assert_str_eq(monitor->events->str, "");
	chardev_focus(chr, monitor);
	ck_assert_str_eq(serial->events->str, "IO");
	ck_assert_str_eq(monitor->events->str, "I");
	chardev_focus(chr, serial);
	chardev_set_mux_actions(&actions);
	int fd = GPOINTER_TO_INT(connect_later(path));
	expect(serial->got, "early");
	expect(serial->events, "IOIo");
	ck_assert_str_eq(monitor->events->str, "IO"); /* it must not greet into the console */
	say(fd, "a\1cb\1cc\1\1d", 10);
	expect(serial->got, "earlyac\1d");
	expect(monitor->got, "b");
	say(fd, "\1b\1x\1s\1z.", 9);
	expect(serial->got, "earlyac\1d.");
	ck_assert_str_eq(serial->events->str, "IOIoOIb");
	ck_assert_str_eq(monitor->events->str, "IOoIO");
	ck_assert_uint_eq(quits, 1);
	ck_assert_uint_eq(commits, 1);
	expect_fd(fd, "\r\nQuit", 6);
	/* A guest that does not read: keys still work, and nothing that fits is lost. */
	serial->room = 0;
	g_string_truncate(serial->got, 0);
	char many[41] = "0123456789012345678901234567890123456789";
	say(fd, many, 40);
	turn(20);
	say(fd, "\1x", 2);
	turn(20);
	ck_assert_uint_eq(quits, 2);
	serial->room = 5;
	chardev_accept_input(chr);
	ck_assert_uint_eq(serial->got->len, 32);
	/* Without the keys it is flow control. */
	serial->room = 0;
	g_string_truncate(serial->got, 0);
	say(fd, many, 40);
	turn(20);
	serial->room = 5;
	chardev_accept_input(chr);
	expect(serial->got, many);
	chardev_attach(chr, NULL, serial);
	say(fd, "to the monitor", 14);
	expect(monitor->got, "bto the monitor");
	close(fd);
	chardev_close_all();
}
END_TEST

START_TEST(mux_output)
{
	struct chardev *chr = opened("mon:ringbuf");
	struct chardev *base = chardev_find("mux-base");
	char buf[400];
	chardev_set_escape(0x14);
	chardev_write(chr, "one\n", 4);
	ck_assert_uint_eq(chardev_ring_read(base, buf, sizeof(buf)), 4);
	chardev_close_all();
	/* Ctrl-t t: stamps from the next line on; Ctrl-t h: help. */
	char *path = temp_name("sock"),
	     *spec = kept(g_strconcat("mon:unix:", path, ",server,nowait", NULL));
	chr = opened(spec);
	int fd = GPOINTER_TO_INT(connect_later(path));
	struct front *f = front_new(chr);
	say(fd, "\x14t", 2);
	expect(f->got, "early");
	turn(10);
	chardev_write(chr, "a\nb\n", 4);
	expect_fd(fd, "a\n[00:00:00.", 12);
	ssize_t n = read(fd, buf, sizeof(buf));
	ck_assert_mem_eq(buf + n - 3, " b\n", 3);
	say(fd, "\x14h", 2);
	turn(10);
	n = read(fd, buf, sizeof(buf) - 1);
	buf[n] = '\0';
	ck_assert_ptr_nonnull(strstr(buf, "C-t h     show these keys\r\n"));
	ck_assert_ptr_nonnull(strstr(buf, "C-t C-t   send the escape"));
	chardev_close_all();
}
END_TEST

/* --- terminals --- */

START_TEST(stdio_terminal)
{
	struct termios before, during, after;
	int master, slave;
	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	tcgetattr(slave, &before);
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		dup2(slave, 0);
		dup2(slave, 1);
		struct chardev *chr;
		error_free(chardev_open("serial0", "mon:stdio", &chr));
		struct front *f = front_new(chr);
		struct chardev *other;
		struct error *err = chardev_open("other", "stdio", &other);
		chardev_printf(chr, err ? "ready\n" : "stdio was given twice\n");
		error_free(err);
		while (!strchr(f->got->str, 'q'))
			loop_turn(true);
		chardev_printf(chr, "got %u\n", (unsigned int)f->got->len);
		exit(0); /* without closing: the terminal is put back all the same */
	}
	expect_fd(master, "ready\r\n", 7);
	tcgetattr(slave, &during);
	ck_assert(!(during.c_lflag & (ICANON | ECHO | ISIG)));
	ck_assert(during.c_oflag & OPOST);
	say(master, "\3\x1aq", 3); /* Ctrl-C and Ctrl-Z are the guest's */
	expect_fd(master, "got 3\r\n", 7);
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	tcgetattr(slave, &after);
	ck_assert_uint_eq(after.c_lflag, before.c_lflag);
	ck_assert_uint_eq(after.c_iflag, before.c_iflag);
	close(master);
	close(slave);
}
END_TEST

static void wait_lflag(int fd, tcflag_t flag, bool set)
{
	struct termios t;
	int64_t end = host_monotonic_ns() + 5 * NS_PER_S;
	do {
		g_usleep(1000);
		tcgetattr(fd, &t);
	} while (!(t.c_lflag & flag) == set && host_monotonic_ns() < end);
	ck_assert_int_eq((t.c_lflag & flag) != 0, set);
}

START_TEST(stdio_job_control)
{
	int master, slave, status;
	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	pid_t session = fork();
	if (session == 0) {
		/* A shell's part: it leads the session, the emulator is its foreground job. */
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		pid_t job = fork();
		if (job == 0) {
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(slave, getpid());
			signal(SIGTTOU, SIG_DFL);
			dup2(slave, 0);
			dup2(slave, 1);
			struct chardev *chr;
			error_free(chardev_open("serial0", "stdio", &chr));
			struct front *f = front_new(chr);
			while (!strchr(f->got->str, 'q'))
				loop_turn(true);
			exit(7);
		}
		waitpid(job, &status, WUNTRACED);
		bool stopped = WIFSTOPPED(status);
		g_usleep(200000); /* the test looks at the terminal now */
		kill(job, SIGCONT);
		waitpid(job, &status, 0);
		_exit(stopped && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	wait_lflag(slave, ICANON, false);
	say(master, "\x1a", 1); /* signals are on without mon: */
	wait_lflag(slave, ICANON, true);
	wait_lflag(slave, ICANON, false);
	say(master, "q", 1);
	ck_assert_int_eq(waitpid(session, &status, 0), session);
	ck_assert_int_eq(WEXITSTATUS(status), 7);
}
END_TEST

START_TEST(serial_port)
{
	int master, slave;
	char name[64];
	struct termios t;
	ck_assert_int_eq(openpty(&master, &slave, name, NULL, NULL), 0);
	struct chardev *chr = opened(name);
	struct front *f = front_new(chr);
	ck_assert_str_eq(chardev_description(chr), name);
	struct chardev_serial_params p = {9600, 7, 2, 'E'};
	ck_assert_int_eq(chardev_control(chr, CHR_SERIAL_SET_PARAMS, &p), 0);
	tcgetattr(slave, &t);
	ck_assert_uint_eq(cfgetospeed(&t), B9600);
	ck_assert(t.c_cflag & CSTOPB);
	p = (struct chardev_serial_params){115074, 8, 1, 'N'};
	ck_assert_int_eq(chardev_control(chr, CHR_SERIAL_SET_PARAMS, &p), 0);
	tcgetattr(slave, &t);
	ck_assert_uint_eq(cfgetospeed(&t), B115200);
	say(master, "modem", 5);
	expect(f->got, "modem");
	chardev_write(chr, "ATZ\n", 4);
	expect_fd(master, "ATZ\n", 4);
	chardev_close_all();
}
END_TEST

START_TEST(mouse)
{
	struct chardev *chr = opened("msmouse");
	struct front *f = front_new(chr);
	int lines = TIOCM_RTS | TIOCM_DTR;
	input_pointer(3, -2, 0, POINTER_LEFT);
	ck_assert_uint_eq(f->got->len, 3);
	ck_assert_mem_eq(f->got->str, "\x6c\x03\x3e", 3); /* dy's bits 7..6 are ones */
	g_string_truncate(f->got, 0);
	input_pointer(0, 0, 0, POINTER_MIDDLE);
	ck_assert_uint_eq(f->got->len, 4);
	ck_assert_mem_eq(f->got->str, "\x40\0\0\x20", 4);
	g_string_truncate(f->got, 0);
	ck_assert_int_eq(chardev_control(chr, CHR_SERIAL_SET_TIOCM, &lines), 0);
	ck_assert_str_eq(f->got->str, "M3");
	ck_assert_int_eq(chardev_control(chr, CHR_SERIAL_GET_TIOCM, &lines), 0);
	ck_assert_int_eq(lines, TIOCM_CTS | TIOCM_DSR);
	/* A long way while nobody reads arrives in steps. */
	input_pointer(0, 0, 0, 0);
	g_string_truncate(f->got, 0);
	f->room = 0;
	for (unsigned int i = 0; i < 10; i++)
		input_pointer(50, 0, 0, 0);
	f->room = 64;
	for (unsigned int i = 0; i < 10; i++)
		chardev_accept_input(chr);
	int x = 0;
	ck_assert_uint_eq(f->got->len % 3, 0);
	for (unsigned int i = 0; i < f->got->len; i += 3)
		x += (int8_t)((f->got->str[i] & 3) << 6 | f->got->str[i + 1]);
	ck_assert_int_eq(x, 500);
	chardev_close_all();
	input_pointer(1, 1, 0, 0); /* unplugged */
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		names_and_errors, ring_and_file,     pipes,	   ptys,  tcp_server, tcp_pressure,
		telnet,		  unix_sockets,	     server_waits, udp,	  mux,	      mux_output,
		stdio_terminal,	  stdio_job_control, serial_port,  mouse, NULL,
	};
	return run_suite("char", tests);
}
