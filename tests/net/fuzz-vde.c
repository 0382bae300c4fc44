/*
 * What comes from a VDE network: -net vde on the module "multi", with links that speak the
 * handshake well or badly, send frames or anything else, and leave. Stands in for libvdeplug, whose
 * modules cannot be loaded into a sanitized program.
 */
#include "fuzz-port.h"

#include "vm/clock.h"
#include "vm/machine.h"

#include "../../src/tools/vdeplug/multi.c"

enum { PEERS = 4 };

static struct net_port *sink;
static char *folder;
static struct peer {
	int control, data;
} peers[PEERS];

/* --- libvdeplug --- */

VDECONN *vde_open_real(char *url, char *description, int version, struct vde_open_args *args)
{
	char path[100];

	g_strlcpy(path, url + strlen("multi://"), sizeof(path));
	return multi_open(path, description, version, args);
}

ssize_t vde_recv(VDECONN *conn, void *buf, size_t len, int flags)
{
	return multi_recv(conn, buf, len, flags);
}

ssize_t vde_send(VDECONN *conn, const void *buf, size_t len, int flags)
{
	return multi_send(conn, buf, len, flags);
}

int vde_datafd(VDECONN *conn)
{
	return multi_datafd(conn);
}

int vde_ctlfd(VDECONN *conn)
{
	return multi_ctlfd(conn);
}

int vde_close(VDECONN *conn)
{
	return multi_close(conn);
}

/* --- hostile links --- */

static void peer_path(char *path, int n)
{
	g_snprintf(path, 100, "%s/p%d", folder, n);
}

static void remove_folder(void)
{
	char path[100];

	for (int i = 0; i < PEERS; i++) {
		peer_path(path, i);
		unlink(path);
	}
	rmdir(folder);
}

static void start(void)
{
	static struct machine m;
	char *name = g_dir_make_tmp("fuzz-vde-XXXXXX", NULL);

	folder = name;
	m.nics = g_ptr_array_new();
	clock_start();
	char *option = g_strdup_printf("vde,id=v,sock=multi://%s/m", name);
	error_free(net_option_netdev(option));
	struct error *err = net_finish(&m);
	if (err)
		g_error("%s", err->message);
	g_free(option);
	atexit(remove_folder);
	atexit(net_close);
	sink = sink_for(net_port_find("v"));
	for (unsigned int i = 0; i < PEERS; i++)
		peers[i] = (struct peer){-1, -1};
}

static void leave(struct peer *p)
{
	if (p->control >= 0)
		close(p->control);
	if (p->data >= 0)
		close(p->data);
	*p = (struct peer){-1, -1};
}

static void call(struct peer *p)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	leave(p);
	p->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/m/ctl", folder);
	if (connect(p->control, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		leave(p);
}

/* A request as it should be, with an abstract address of this process, or with changes. */
static void request(struct peer *p, struct input *in, bool broken)
{
	struct request r = {(uint32_t)REQUEST_MAGIC, REQUEST_VERSION, REQUEST_NEW, {0}};
	struct sockaddr_un own = {.sun_family = AF_UNIX};
	size_t len = sizeof(r);

	if (p->data >= 0)
		close(p->data);
	p->data = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	peer_path(own.sun_path, (int)(p - peers));
	unlink(own.sun_path);
	if (bind(p->data, (struct sockaddr *)&own, sizeof(own)) < 0)
		abort();
	memcpy(&r.sock, &own, sizeof(own));
	if (broken) {
		((uint8_t *)&r)[take(in, 1) % sizeof(r)] = (uint8_t)take(in, 1);
		len = take(in, 1) & 1 ? take(in, 1) % sizeof(r) : len;
	}
	if (len && send(p->control, &r, len, MSG_NOSIGNAL) < 0)
		leave(p);
}

/* Reads the answer, if there is one, and connects to the address in it. */
static void connect_data(struct peer *p)
{
	struct sockaddr_un addr;

	if (p->control >= 0 && p->data >= 0 &&
	    recv(p->control, &addr, sizeof(addr), 0) == sizeof(addr) &&
	    connect(p->data, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		leave(p);
}

static void say(int fd, struct input *in, size_t max)
{
	static uint8_t buf[4096];
	size_t len = take(in, 2) & 0xfff, given;

	if (fd < 0)
		return;
	len = MIN(len, max);
	given = MIN(len, in->size);
	memset(buf, 0, len);
	memcpy(buf, in->data, given);
	in->data += given;
	in->size -= given;
	if (len && send(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

static void step(struct input *in)
{
	uint32_t op = take(in, 1);
	struct peer *p = &peers[op >> 3 & (PEERS - 1)];
	static uint8_t frame[2000];

	switch (op & 7) {
	case 0:
		call(p);
		if (p->control >= 0 && op & 0x40)
			request(p, in, op & 0x80);
		break;
	case 1:
		if (p->control >= 0)
			request(p, in, op & 0x80);
		break;
	case 2: say(p->control, in, 600); break;
	case 3:
	case 4: say(p->data, in, 4095); break;
	case 5:
		if (op & 0x80)
			leave(p);
		else
			connect_data(p);
		break;
	case 6: net_send(sink, frame, 1 + take(in, 2) % sizeof(frame)); break;
	default:
		sink_refuses = op & 0x80;
		if (!sink_refuses)
			net_flush(sink);
		break;
	}
	loop_turn(false);
	if (op & 0x40)
		connect_data(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	machine_lock();
	if (!sink)
		start();
	for (unsigned int i = 0; i < 60 && in.size; i++)
		step(&in);
	sink_refuses = false;
	net_flush(sink);
	for (unsigned int i = 0; i < PEERS; i++)
		leave(&peers[i]);
	for (unsigned int i = 0; i < 3; i++)
		loop_turn(false);
	machine_unlock();
	return 0;
}
