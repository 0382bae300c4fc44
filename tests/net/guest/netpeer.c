/*
 * The guest's end of network tests and benchmarks: bulk TCP with a checksum, UDP echo, round-trip
 * times. It has no C library, so that one compiler makes it for x86_64 and, with -m32, for i386.
 *
 *	netpeer send HOST PORT BYTES	connects and sends; prints "SENT bytes crc"
 *	netpeer fetch HOST PORT BYTES	connects and reads; prints "GOT bytes crc"
 *	netpeer serve PORT BYTES	listens; reads and prints "GOT bytes crc", once
 *	netpeer offer PORT BYTES	listens; sends and prints "SENT bytes crc", once
 *	netpeer echo PORT COUNT		answers COUNT datagrams; prints "ECHOED count"
 *	netpeer ask HOST PORT COUNT	sends COUNT datagrams and checks each answer: "ANSWERED count"
 *	netpeer resolve SERVER NAME	asks a name server: "ADDRESS a.b.c.d"
 *	netpeer ping HOST COUNT		echo requests; prints "PING min-us median-us count"
 *	netpeer ping HOST COUNT PORT	the same with datagrams that a server sends back
 *
 * The byte stream is the same for every run: byte i is low bits of a counter mixed with i / 251, so
 * that lost, doubled and exchanged pieces change the CRC-32. Receivers answer the last byte with one
 * byte, so that a sender knows when all has arrived. With BYTES as 1000000n the CRC is not computed.
 */
#include <stddef.h>
#include <stdint.h>

/* --- system calls --- */

#ifdef __x86_64__
enum {
	NR_READ = 0, NR_WRITE = 1, NR_EXIT = 60, NR_SOCKET = 41, NR_CONNECT = 42, NR_ACCEPT = 288,
	NR_SENDTO = 44, NR_RECVFROM = 45, NR_BIND = 49, NR_LISTEN = 50, NR_SETSOCKOPT = 54,
	NR_CLOCK_GETTIME = 228,
};

static long call(long n, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#else
enum {
	NR_READ = 3, NR_WRITE = 4, NR_EXIT = 1, NR_SOCKET = 359, NR_CONNECT = 362, NR_ACCEPT = 364,
	NR_SENDTO = 369, NR_RECVFROM = 371, NR_BIND = 361, NR_LISTEN = 363, NR_SETSOCKOPT = 366,
	NR_CLOCK_GETTIME = 265,
};

static long call(long n, long a, long b, long c, long d, long e, long f)
{
	long result;
	long stack[2] = {n, f};

	__asm__ volatile("push %%ebp\n mov 4(%%eax), %%ebp\n mov (%%eax), %%eax\n int $0x80\n pop %%ebp"
			 : "=a"(result)
			 : "a"(stack), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return result;
}

__asm__(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n"
	" call begin\n");
#endif

#define CALL(n, a, b, c, d, e, f) \
	call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);

void *memset(void *p, int c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile uint8_t *)p)[i] = (uint8_t)c;
	return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
	return to;
}

/* --- text --- */

static void print(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	CALL(NR_WRITE, 1, text, n, 0, 0, 0);
}

static void print_number(const char *before, uint32_t value, unsigned int base)
{
	char buf[16];
	unsigned int at = sizeof(buf) - 1;

	buf[at] = 0;
	do {
		buf[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value || (base == 16 && at > sizeof(buf) - 1 - 8));
	print(before);
	print(buf + at);
}

static void leave(int code)
{
	for (;;)
		CALL(NR_EXIT, code, 0, 0, 0, 0, 0);
}

static long check(long result, const char *what)
{
	if (result >= 0)
		return result;
	print_number("NETPEER-FAILED ", (uint32_t)-result, 10);
	print(" ");
	print(what);
	print("\n");
	leave(1);
	return 0;
}

static uint32_t number(const char *text)
{
	uint32_t value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (uint32_t)(*text - '0');
	return value;
}

static int ends_with_n(const char *text)
{
	while (*text >= '0' && *text <= '9')
		text++;
	return *text == 'n';
}

/* --- sockets --- */

enum { FAMILY_INET = 2, STREAM = 1, DATAGRAM = 2, RAW = 3, ICMP = 1, BLOCK = 65536 };

struct address {
	uint16_t family, port;
	uint8_t ip[4];
	uint8_t zero[8];
};

static struct address address(const char *host, uint32_t port)
{
	struct address a = {.family = FAMILY_INET,
			    .port = (uint16_t)((port >> 8 & 0xff) | (port & 0xff) << 8)};

	for (unsigned int i = 0; i < 4; i++) {
		a.ip[i] = (uint8_t)number(host);
		while (*host && *host != '.')
			host++;
		host += *host == '.';
	}
	return a;
}

static long open_socket(int type, int protocol)
{
	return check(CALL(NR_SOCKET, FAMILY_INET, type, protocol, 0, 0, 0), "socket");
}

static long tcp_connect(const char *host, const char *port)
{
	struct address a = address(host, number(port));
	long fd = open_socket(STREAM, 0);

	check(CALL(NR_CONNECT, fd, &a, sizeof(a), 0, 0, 0), "connect");
	return fd;
}

static long bound(int type, const char *port)
{
	struct address a = address("0.0.0.0", number(port));
	long fd = open_socket(type, 0);
	int one = 1;

	CALL(NR_SETSOCKOPT, fd, 1, 2, &one, sizeof(one), 0); /* SO_REUSEADDR */
	check(CALL(NR_BIND, fd, &a, sizeof(a), 0, 0, 0), "bind");
	return fd;
}

static long tcp_accept(const char *port)
{
	long fd = bound(STREAM, port);

	check(CALL(NR_LISTEN, fd, 1, 0, 0, 0, 0), "listen");
	print("LISTENING\n");
	return check(CALL(NR_ACCEPT, fd, 0, 0, 0, 0, 0), "accept");
}

/* --- bulk data --- */

static uint32_t crc_table[256];
static uint8_t block[BLOCK] __attribute__((aligned(64)));

static void crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (unsigned int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
		crc_table[i] = c;
	}
}

static uint32_t crc_add(uint32_t crc, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		crc = crc >> 8 ^ crc_table[(crc ^ p[i]) & 0xff];
	return crc;
}

static void fill(uint8_t *p, uint32_t from, size_t n)
{
	for (size_t i = 0; i < n; i++, from++)
		p[i] = (uint8_t)(from ^ from / 251);
}

static void report(const char *what, uint32_t bytes, uint32_t crc)
{
	print_number(what, bytes, 10);
	print_number(" ", ~crc, 16);
	print("\n");
}

static void send_all(long fd, const char *count)
{
	uint32_t total = number(count), crc = ~0u;
	int plain = ends_with_n(count);
	uint8_t last;

	fill(block, 0, BLOCK);
	for (uint32_t done = 0; done < total;) {
		size_t want = total - done < BLOCK ? total - done : BLOCK;
		if (!plain) {
			fill(block, done, want);
			crc = crc_add(crc, block, want);
		}
		for (size_t at = 0; at < want;)
			at += (size_t)check(CALL(NR_WRITE, fd, block + at, want - at, 0, 0, 0),
					    "send");
		done += (uint32_t)want;
	}
	if (check(CALL(NR_READ, fd, &last, 1, 0, 0, 0), "answer") != 1)
		check(-104, "the peer closed before it had everything");
	report("SENT ", total, crc);
}

static void receive_all(long fd, const char *count)
{
	uint32_t total = number(count), done = 0, crc = ~0u;
	int plain = ends_with_n(count);

	while (done < total) {
		long n = check(CALL(NR_READ, fd, block, BLOCK, 0, 0, 0), "receive");
		if (n == 0)
			break;
		if (!plain)
			crc = crc_add(crc, block, (size_t)n);
		done += (uint32_t)n;
	}
	CALL(NR_WRITE, fd, "!", 1, 0, 0, 0);
	report("GOT ", done, crc);
}

/* --- datagrams --- */

static void set_timeout(long fd, long seconds)
{
	long value[2] = {seconds, 0};

	CALL(NR_SETSOCKOPT, fd, 1, 20, value, sizeof(value), 0); /* SO_RCVTIMEO */
}

static void echo(const char *port, const char *count)
{
	long fd = bound(DATAGRAM, port);
	uint32_t n = 0;

	print("LISTENING\n");
	for (; n < number(count); n++) {
		struct address from;
		uint32_t size = sizeof(from);
		long len = check(CALL(NR_RECVFROM, fd, block, BLOCK, 0, &from, &size), "receive");
		check(CALL(NR_SENDTO, fd, block, len, 0, &from, size), "send");
	}
	print_number("ECHOED ", n, 10);
	print("\n");
}

static void ask(const char *host, const char *port, const char *count)
{
	struct address a = address(host, number(port));
	long fd = open_socket(DATAGRAM, 0);
	uint32_t good = 0;

	set_timeout(fd, 2);
	check(CALL(NR_CONNECT, fd, &a, sizeof(a), 0, 0, 0), "connect");
	for (uint32_t i = 0; i < number(count); i++) {
		size_t len = 16 + i * 97 % 1400;
		fill(block, i, len);
		check(CALL(NR_WRITE, fd, block, len, 0, 0, 0), "send");
		long n = CALL(NR_READ, fd, block + BLOCK / 2, BLOCK / 2, 0, 0, 0);
		int same = n == (long)len;
		for (size_t k = 0; same && k < len; k++)
			same = block[k] == block[BLOCK / 2 + k];
		good += (uint32_t)same;
	}
	print_number("ANSWERED ", good, 10);
	print("\n");
}

/* RFC 1035: one question for an A record; the address ends the answer. */
static void resolve(const char *server, const char *name)
{
	static const uint8_t head[12] = {0x52, 0x54, 1, 0, 0, 1}, tail[5] = {0, 0, 1, 0, 1};
	struct address a = address(server, 53);
	long fd = open_socket(DATAGRAM, 0), n;
	size_t len = sizeof(head);

	memcpy(block, head, sizeof(head));
	while (*name) {
		size_t label = len++;
		while (*name && *name != '.')
			block[len++] = (uint8_t)*name++;
		block[label] = (uint8_t)(len - label - 1);
		name += *name == '.';
	}
	memcpy(block + len, tail, sizeof(tail));
	set_timeout(fd, 5);
	check(CALL(NR_SENDTO, fd, block, len + sizeof(tail), 0, &a, sizeof(a)), "send");
	n = check(CALL(NR_READ, fd, block, BLOCK, 0, 0, 0), "answer");
	if (n < 16 || block[7] == 0)
		check(-2, "no such name");
	for (unsigned int i = 0; i < 4; i++)
		print_number(i ? "." : "ADDRESS ", block[n - 4 + i], 10);
	print("\n");
}

/* --- round trips --- */

static uint32_t now_us(void)
{
	long t[2] = {0, 0};

	CALL(NR_CLOCK_GETTIME, 1, t, 0, 0, 0, 0);
	return (uint32_t)t[0] * 1000000u + (uint32_t)t[1] / 1000u;
}

static uint16_t inet_checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* An echo request; the server of datagrams sends back the same bytes. Raw sockets give the IP header
 * too. */
static int one_ping(long fd, const struct address *a, int raw, uint16_t sequence, uint32_t *us)
{
	uint8_t request[64] = {raw ? 8 : 0, 0, 0, 0, 0x52, 0x54};
	uint32_t start;

	request[6] = (uint8_t)(sequence >> 8);
	request[7] = (uint8_t)sequence;
	uint16_t sum = inet_checksum(request, sizeof(request));
	request[2] = (uint8_t)(sum >> 8);
	request[3] = (uint8_t)sum;
	start = now_us();
	check(CALL(NR_SENDTO, fd, request, sizeof(request), 0, a, sizeof(*a)), "send");
	for (;;) {
		long n = CALL(NR_READ, fd, block, BLOCK, 0, 0, 0);
		const uint8_t *reply = raw ? block + (block[0] & 15) * 4 : block;
		if (n < 28)
			return 0;
		if (reply[0] == 0 && reply[4] == 0x52 && reply[6] == request[6] &&
		    reply[7] == request[7])
			break;
	}
	*us = now_us() - start;
	return 1;
}

static void ping(const char *host, const char *count, const char *port)
{
	struct address a = address(host, port ? number(port) : 0);
	long fd = port ? open_socket(DATAGRAM, 0) : open_socket(RAW, ICMP);
	uint32_t times[1024], n = 0, us;

	set_timeout(fd, 2);
	for (uint32_t i = 0; i < number(count) && i < 1024; i++) {
		if (!one_ping(fd, &a, !port, (uint16_t)i, &us))
			continue;
		uint32_t at = n++;
		for (; at && times[at - 1] > us; at--)
			times[at] = times[at - 1];
		times[at] = us;
	}
	print_number("PING ", n ? times[0] : 0, 10);
	print_number(" ", n ? times[n / 2] : 0, 10);
	print_number(" ", n, 10);
	print("\n");
}

/* --- main --- */

static int is(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

__attribute__((used, noreturn)) void begin(const long *stack);

void begin(const long *stack)
{
	long argc = stack[0];
	const char *const *argv = (const char *const *)(stack + 1);

	crc_init();
	if (argc == 5 && is(argv[1], "send"))
		send_all(tcp_connect(argv[2], argv[3]), argv[4]);
	else if (argc == 5 && is(argv[1], "fetch"))
		receive_all(tcp_connect(argv[2], argv[3]), argv[4]);
	else if (argc == 4 && is(argv[1], "serve"))
		receive_all(tcp_accept(argv[2]), argv[3]);
	else if (argc == 4 && is(argv[1], "offer"))
		send_all(tcp_accept(argv[2]), argv[3]);
	else if (argc == 4 && is(argv[1], "echo"))
		echo(argv[2], argv[3]);
	else if (argc == 5 && is(argv[1], "ask"))
		ask(argv[2], argv[3], argv[4]);
	else if (argc == 4 && is(argv[1], "resolve"))
		resolve(argv[2], argv[3]);
	else if ((argc == 4 || argc == 5) && is(argv[1], "ping"))
		ping(argv[2], argv[3], argv[4]);
	else
		check(-22, "netpeer: see the head of netpeer.c");
	leave(0);
	__builtin_unreachable();
}
