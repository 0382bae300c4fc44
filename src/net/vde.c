/*
 * -net vde: a port of a VDE switch, or anything that libvdeplug's URLs reach. Source: vde_open(3).
 */
#include "net/net-internal.h"

#include "base/loop.h"
#include "net/coalesce.h"
#include "net/vde-open.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { READS_A_TURN = 64 };

struct vde_net {
	struct net_port *port;
	VDECONN *conn;
	struct coalescer *arrived;
	unsigned int data_watch, control_watch;
	bool gone;
	char *where;
};

static void readable(void *opaque, GIOCondition condition);

static void watch_data(struct vde_net *v, bool on)
{
	if (on && !v->data_watch && !v->gone) {
		v->data_watch = loop_watch_fd(vde_datafd(v->conn), G_IO_IN, readable, v);
	} else if (!on && v->data_watch) {
		loop_unwatch(v->data_watch);
		v->data_watch = 0;
	}
}

static void switch_gone(struct vde_net *v)
{
	if (!v->gone)
		warn_report("-net vde,sock=%s: the switch closed the connection", v->where);
	v->gone = true;
	watch_data(v, false);
	loop_unwatch(v->control_watch);
	v->control_watch = 0;
}

/* The library's receive may wait, so the descriptor is asked first. */
static bool has_data(struct vde_net *v)
{
	struct pollfd p = {.fd = vde_datafd(v->conn), .events = POLLIN};
	return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

static void read_frames(struct vde_net *v)
{
	uint8_t frame[VDE_ETHBUFSIZE + 64];

	for (unsigned int i = 0; i < READS_A_TURN && has_data(v); i++) {
		if (!net_can_send(v->port)) {
			watch_data(v, false);
			return;
		}
		ssize_t n = vde_recv(v->conn, frame, sizeof(frame), MSG_DONTWAIT);
		if (n > 1) /* one byte is a plug's way of saying nothing */
			coalescer_send(v->arrived, frame, (size_t)n);
		else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			switch_gone(v);
			return;
		}
	}
}

static void readable(void *opaque, GIOCondition condition)
{
	struct vde_net *v = opaque;

	read_frames(v);
	coalescer_flush(v->arrived);
}

static void control(void *opaque, GIOCondition condition)
{
	struct vde_net *v = opaque;
	char buf[512];
	ssize_t n = recv(vde_ctlfd(v->conn), buf, sizeof(buf), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		switch_gone(v);
}

static bool vde_receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct vde_net *v = opaque;

	if (!v->gone && len <= VDE_ETHBUFSIZE)
		vde_send(v->conn, frame, len, MSG_DONTWAIT);
	return true;
}

static void vde_writable(void *opaque)
{
	watch_data(opaque, true);
}

static void vde_destroy(void *opaque)
{
	struct vde_net *v = opaque;

	watch_data(v, false);
	loop_unwatch(v->control_watch);
	vde_close(v->conn);
	coalescer_free(v->arrived);
	g_free(v->where);
	g_free(v);
}

static const struct net_port_ops vde_ops = {
	.kind = "vde", .receive = vde_receive, .writable = vde_writable, .destroy = vde_destroy};

static struct error *open_args(struct optstr *o, struct vde_open_args *args)
{
	const char *mode = optstr_get(o, "mode"), *group = optstr_get(o, "group");
	unsigned int port = 0;
	struct error *err = optstr_uint(o, "port", 0, 65535, &port);

	if (!err && group && !getgrnam(group))
		return error_new("group=%s: there is no such group", group);
	*args = (struct vde_open_args){
		.port = (int)port, .group = (char *)(uintptr_t)group, .mode = 0700};
	if (!err && mode) {
		char *end;
		unsigned long value = strtoul(mode, &end, 8);
		if (!*mode || *end || value > 0777)
			return error_new("mode=%s is no octal mode (such as 0660)", mode);
		args->mode = (mode_t)value;
	}
	return err;
}

struct error *net_vde_create(struct optstr *o, const char *name, struct net_port **port)
{
	const char *sock = optstr_get(o, "sock");
	struct vde_open_args args;
	struct error *err = open_args(o, &args);

	if (err)
		return err;
	VDECONN *conn = NULL;
	err = net_vde_open(sock, "ratite", &args, &conn);
	if (err)
		return err;
	struct vde_net *v = g_new0(struct vde_net, 1);
	v->conn = conn;
	v->where = g_strdup(sock ? sock : "(default)");
	v->port = net_port_new(&vde_ops, v, name);
	v->arrived = coalescer_new(v->port);
	net_port_describe(v->port, "sock=%s,fd=%d", v->where, vde_datafd(conn));
	watch_data(v, true);
	if (vde_ctlfd(conn) >= 0 && vde_ctlfd(conn) != vde_datafd(conn))
		v->control_watch = loop_watch_fd(vde_ctlfd(conn), G_IO_IN | G_IO_HUP, control, v);
	*port = v->port;
	return NULL;
}
