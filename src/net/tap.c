/*
 * -net tap: a tap interface of the host. Source: Linux Documentation/networking/tuntap.
 *
 * The network script sets the interface up (bridge, addresses) with its name as argument; the down
 * script undoes it at the end.
 */
#include "net/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_SCRIPT	    "/etc/qemu-ifup"
#define DEFAULT_DOWN_SCRIPT "/etc/qemu-ifdown"
#define DEFAULT_HELPER	    "/usr/lib/qemu/qemu-bridge-helper"

static struct error *run_script(const char *script, const char *ifname)
{
	char *argv[] = {(char *)(uintptr_t)script, (char *)(uintptr_t)ifname, NULL};
	int status = 0;
	GError *why = NULL;

	if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, NULL, NULL,
			  &status, &why)) {
		struct error *err = error_new(
			"cannot run the network script (script=no runs none): %s", why->message);
		g_error_free(why);
		return err;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_new("the network script \"%s\" failed", script);
	return NULL;
}

struct down {
	char *script, *ifname;
};

static void run_down(void *opaque)
{
	struct down *d = opaque;
	struct error *err = run_script(d->script, d->ifname);

	if (err)
		error_report(err);
	g_free(d->script);
	g_free(d->ifname);
	g_free(d);
}

/*
 * Makes the port of a tap interface. Interfaces with the virtio header pass TCP frames that the
 * other side may cut, if it must, and leave the sums to us.
 */
static struct net_port *tap_port(const char *name, int fd, const char *where)
{
	struct ifreq request = {.ifr_flags = 0};
	struct net_port *port = net_packet_new(name, "tap", fd, NULL, 0, where);
	int header = sizeof(struct virtio_net_hdr);

	net_packet_look_for_answers(port);
	if (ioctl(fd, TUNGETIFF, &request) < 0 || !(request.ifr_flags & IFF_VNET_HDR))
		return port;
	ioctl(fd, TUNSETVNETHDRSZ, &header);
	ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
	net_packet_use_vnet_header(port);
	return port;
}

static struct error *tap_open(const char *wanted, bool header, char name[IFNAMSIZ], int *fd)
{
	struct ifreq request = {.ifr_flags =
					(short)(IFF_TAP | IFF_NO_PI | (header ? IFF_VNET_HDR : 0))};

	if (wanted && strlen(wanted) >= IFNAMSIZ)
		return error_new("ifname=%s is longer than %d characters", wanted, IFNAMSIZ - 1);
	int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tap < 0)
		return error_errno(errno, "cannot open /dev/net/tun");
	if (wanted)
		g_strlcpy(request.ifr_name, wanted, IFNAMSIZ);
	else
		g_strlcpy(request.ifr_name, "tap%d", IFNAMSIZ);
	if (ioctl(tap, TUNSETIFF, &request) < 0) {
		struct error *err =
			wanted ? error_errno(errno, "cannot use the tap interface \"%s\"", wanted)
			       : error_errno(errno, "cannot make a tap interface");
		close(tap);
		return err;
	}
	g_strlcpy(name, request.ifr_name, IFNAMSIZ);
	*fd = tap;
	return NULL;
}

static bool is_no(const char *script)
{
	return *script == 0 || strcmp(script, "no") == 0;
}

static struct error *new_interface(struct optstr *o, const char *name, struct net_port **port)
{
	const char *script = optstr_get(o, "script"), *down = optstr_get(o, "downscript");
	char ifname[IFNAMSIZ];
	bool header = true;
	int fd = -1;
	struct error *err = optstr_bool(o, "vnet_hdr", &header);

	if (!err)
		err = tap_open(optstr_get(o, "ifname"), header, ifname, &fd);
	if (err)
		return err;
	if (!script)
		script = DEFAULT_SCRIPT;
	/* Nobody misses a default down script that is not there. */
	if (!down)
		down = access(DEFAULT_DOWN_SCRIPT, X_OK) == 0 ? DEFAULT_DOWN_SCRIPT : "no";
	if (!is_no(script))
		err = run_script(script, ifname);
	if (err) {
		close(fd);
		return err;
	}
	char *where = g_strdup_printf("ifname=%s,script=%s,downscript=%s", ifname, script, down);
	*port = tap_port(name, fd, where);
	g_free(where);
	if (!is_no(down)) {
		struct down *d = g_new(struct down, 1);
		*d = (struct down){g_strdup(down), g_strdup(ifname)};
		net_packet_at_end(*port, run_down, d);
	}
	return NULL;
}

static struct error *given_fd(const char *text, const char *name, struct net_port **port)
{
	int fd = -1;
	struct ifreq request;
	struct error *err = net_parse_fd(text, &fd);

	if (err)
		return err;
	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return error_new("fd=%s is no tap interface", text);
	char *where = g_strdup_printf("fd=%s,ifname=%s", text, request.ifr_name);
	*port = tap_port(name, fd, where);
	g_free(where);
	return NULL;
}

/* The helper makes the interface, puts it into the bridge and sends its descriptor back. */
static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 0)
		return -1;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static struct error *from_helper(const char *helper, const char *bridge, const char *name,
				 struct net_port **port)
{
	int pair[2], status = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return error_errno(errno, "no socket");
	char *fd_arg = g_strdup_printf("--fd=%d", pair[1]);
	char *br_arg = g_strdup_printf("--br=%s", bridge);
	pid_t child = fork();
	if (child == 0) {
		close(pair[0]);
		execl(helper, helper, fd_arg, br_arg, (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	int fd = child < 0 ? -1 : receive_fd(pair[0]);
	close(pair[0]);
	if (child > 0)
		waitpid(child, &status, 0);
	g_free(fd_arg);
	g_free(br_arg);
	if (fd < 0)
		return error_new("the bridge helper \"%s\" gave no interface for \"%s\"", helper,
				 bridge);
	char *where = g_strdup_printf("helper=%s,br=%s", helper, bridge);
	*port = tap_port(name, fd, where);
	g_free(where);
	return NULL;
}

struct error *net_tap_create(struct optstr *o, const char *name, struct net_port **port)
{
	static const char *const ignored[] = {"sndbuf", "vhost", "queues", "vhostforce", "poll-us"};
	const char *fd = optstr_get(o, "fd"), *helper = optstr_get(o, "helper");
	const char *bridge = optstr_get(o, "br");

	/* Speed settings that change nothing here. */
	for (unsigned int i = 0; i < G_N_ELEMENTS(ignored); i++)
		optstr_get(o, ignored[i]);
	if (fd && (helper || optstr_get(o, "ifname") || optstr_get(o, "script")))
		return error_new("fd= stands alone: the interface is set up already");
	if (fd)
		return given_fd(fd, name, port);
	if (helper)
		return from_helper(helper, bridge ? bridge : "br0", name, port);
	return new_interface(o, name, port);
}

struct error *net_bridge_create(struct optstr *o, const char *name, struct net_port **port)
{
	const char *helper = optstr_get(o, "helper"), *bridge = optstr_get(o, "br");

	return from_helper(helper ? helper : DEFAULT_HELPER, bridge ? bridge : "br0", name, port);
}
