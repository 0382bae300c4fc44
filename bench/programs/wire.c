/*
 * wire TAP PORT: joins a tap interface and an emulator that connects to 127.0.0.1:PORT with
 * -netdev socket,connect=: the host's end of a socket network, the same for every emulator.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { FRAME = 65550, BUFFER = 1 << 20 };

static uint8_t out[BUFFER], in[BUFFER];

static int open_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

static int accept_one(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s, 1) < 0) {
		perror("listen");
		exit(1);
	}
	puts("ready");
	fflush(stdout);
	int fd = accept(s, NULL, NULL);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* What the tap has now, as one write. */
static void to_emulator(int tap, int fd)
{
	size_t len = 0;

	while (len + 4 + FRAME <= sizeof(out)) {
		ssize_t n = read(tap, out + len + 4, FRAME);
		if (n <= 0)
			break;
		uint32_t header = htonl((uint32_t)n);
		memcpy(out + len, &header, 4);
		len += 4 + (size_t)n;
	}
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, out + at, len - at);
		if (n <= 0)
			exit(0);
		at += (size_t)n;
	}
}

static void to_tap(int fd, int tap)
{
	static size_t have;
	size_t at = 0;
	ssize_t n = read(fd, in + have, sizeof(in) - have);

	if (n <= 0)
		exit(0);
	have += (size_t)n;
	while (have - at >= 4) {
		uint32_t len;
		memcpy(&len, in + at, 4);
		len = ntohl(len);
		if (len > FRAME || have - at < 4 + len)
			break;
		if (write(tap, in + at + 4, len) < 0)
			perror("tap");
		at += 4 + len;
	}
	have -= at;
	memmove(in, in + at, have);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 1;
	int tap = open_tap(argv[1]), fd = accept_one(atoi(argv[2]));
	struct pollfd p[2] = {{.fd = tap, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

	while (poll(p, 2, -1) >= 0) {
		if (p[0].revents)
			to_emulator(tap, fd);
		if (p[1].revents)
			to_tap(fd, tap);
	}
	return 0;
}
