/*
 * -net dump and filter-dump: frames into a libpcap file.
 * Source: "Libpcap File Format" (draft-gharris-opsawg-pcap), magic A1B2C3D4h, microseconds,
 * link type 1 (Ethernet).
 */
#include "net/net-internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct dump {
	struct net_port *port;
	char *path;
	int fd;
	uint32_t snap_len;
	int64_t start_real, start_mono; /* ns: stamps never step back with the host's clock */
};

struct pcap_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snap_len, link_type;
};

struct pcap_record {
	uint32_t seconds, microseconds, stored, length;
};

static void dump_stop(struct dump *d, int code)
{
	warn_report("%s: %s; the dump ends here", d->path, strerror(code));
	close(d->fd);
	d->fd = -1;
}

static void dump_frame(void *opaque, const uint8_t *frame, size_t len)
{
	struct dump *d = opaque;
	int64_t ns = d->start_real + host_monotonic_ns() - d->start_mono;
	struct {
		struct pcap_record head;
		uint8_t data[NET_FRAME_MAX];
	} out;

	if (d->fd < 0)
		return;
	uint32_t stored = (uint32_t)MIN(len, d->snap_len);
	out.head =
		(struct pcap_record){(uint32_t)(ns / NS_PER_S),
				     (uint32_t)(ns % NS_PER_S / NS_PER_US), stored, (uint32_t)len};
	memcpy(out.data, frame, stored);
	ssize_t want = (ssize_t)(sizeof(out.head) + stored);
	if (write(d->fd, &out, (size_t)want) != want)
		dump_stop(d, errno ? errno : ENOSPC);
}

static bool dump_receive(void *opaque, const uint8_t *frame, size_t len)
{
	dump_frame(opaque, frame, len);
	return true;
}

static void dump_destroy(void *opaque)
{
	struct dump *d = opaque;

	if (d->fd >= 0)
		close(d->fd);
	g_free(d->path);
	g_free(d);
}

static const struct net_port_ops dump_ops = {
	.kind = "dump", .receive = dump_receive, .destroy = dump_destroy};

struct error *net_dump_open(const char *path, uint64_t len, const char *name,
			    struct net_port **port)
{
	struct pcap_header head = {0xa1b2c3d4, 2, 4, 0, 0, 0, 1};

	if (len < 1 || len > NET_FRAME_MAX)
		len = NET_FRAME_MAX;
	head.snap_len = (uint32_t)len;
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_errno(errno, "cannot write \"%s\"", path);
	if (write(fd, &head, sizeof(head)) != sizeof(head)) {
		int code = errno;
		close(fd);
		return error_errno(code, "cannot write \"%s\"", path);
	}
	struct dump *d = g_new0(struct dump, 1);
	d->fd = fd;
	d->path = g_strdup(path);
	d->snap_len = (uint32_t)len;
	d->start_real = host_realtime_ns();
	d->start_mono = host_monotonic_ns();
	d->port = net_port_new(&dump_ops, d, name);
	net_port_describe(d->port, "file=%s,len=%u", path, d->snap_len);
	*port = d->port;
	return NULL;
}

void net_dump_watch(struct net_port *dump, struct net_port *target)
{
	net_port_watch(target, dump_frame, net_port_opaque(dump));
}
