/*
 * qrap: starts an emulator with a descriptor that is connected to passt.
 *
 * passt serves one emulator at a time, each instance on a UNIX socket of its own. The sockets
 * /tmp/passt_1.socket to /tmp/passt_64.socket are tried in turn; the first that answers an ARP
 * request is taken.
 */
#include "base/bytes.h"
#include "tools/program.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOCKETS = 64, DEFAULT_FD = 5, ARP_FRAME = 42, ANSWER_MS = 500 };

/* "Who has 0.0.0.1? Tell 0.0.0.2", with the length that the protocol puts before a frame. */
static void make_probe(uint8_t probe[4 + ARP_FRAME])
{
	static const uint8_t head[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00,
				       0x00, 0x01, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04,
				       0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01};

	memset(probe, 0, 4 + ARP_FRAME);
	store_be32(probe, ARP_FRAME);
	memcpy(probe + 4, head, sizeof(head));
	probe[4 + 31] = 2;
	probe[4 + 41] = 1;
}

/* Whether something that speaks frames is behind the socket; its answer is read away. */
static bool answers(int s)
{
	struct timeval wait = {.tv_usec = ANSWER_MS * 1000};
	uint8_t probe[4 + ARP_FRAME], answer[2048];
	size_t have = 0;

	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	make_probe(probe);
	if (send(s, probe, sizeof(probe), MSG_NOSIGNAL) != sizeof(probe))
		return false;
	while (have < 4 || have < 4 + (size_t)load_be32(answer)) {
		if (have >= 4 && load_be32(answer) > sizeof(answer) - 4)
			return false;
		ssize_t n = recv(s, answer + have, sizeof(answer) - have, 0);
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	struct timeval forever = {0};
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	return true;
}

/* One round over the sockets; *there tells whether anybody took the connection at all. */
static int try_sockets(bool *there)
{
	for (unsigned int i = 1; i <= SOCKETS; i++) {
		struct sockaddr_un addr = {.sun_family = AF_UNIX};
		snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/passt_%u.socket", i);
		int s = socket(AF_UNIX, SOCK_STREAM, 0);
		if (s < 0)
			return -1;
		if (connect(s, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
			*there = true;
			if (answers(s))
				return s;
		}
		close(s);
	}
	return -1;
}

static struct error *find_passt(int *fd)
{
	bool there = false;

	/* One that has just lost its emulator may need a moment to see that. */
	for (unsigned int round = 0; round < 3 && *fd < 0; round++) {
		if (round && !there)
			break;
		if (round)
			g_usleep(200000);
		*fd = try_sockets(&there);
	}
	if (*fd >= 0)
		return NULL;
	return error_new("no passt answers on /tmp/passt_1.socket to /tmp/passt_%d.socket",
			 SOCKETS);
}

/* --- the command line --- */

static char *find_emulator(void)
{
	static const char *const names[] = {"qemu-kvm",
					    "kvm",
					    "qemu",
					    "qemu-system-x86_64",
					    "qemu-system-i386",
					    "qemu-system-aarch64",
					    "qemu-system-ppc64",
					    NULL};
	static const char *const outside[] = {"/usr/libexec/qemu-kvm", NULL};
	char *path = NULL;

	for (unsigned int i = 0; names[i] && !path; i++)
		path = g_find_program_in_path(names[i]);
	for (unsigned int i = 0; outside[i] && !path; i++) {
		if (access(outside[i], X_OK) == 0)
			path = g_strdup(outside[i]);
	}
	return path;
}

static bool is_option(const char *word, const char *name)
{
	return word[0] == '-' && strcmp(word + (word[1] == '-' ? 2 : 1), name) == 0;
}

/* Whether an option with its value would be in the way of the card that is added. */
static bool conflicts(const char *option, const char *value)
{
	static const char *const cards[] = {"virtio-net-pci", "virtio-net-ccw", "e1000",
					    "e1000e",	      "rtl8139",	NULL};

	if (is_option(option, "netdev") || is_option(option, "net"))
		return true;
	if (!is_option(option, "device"))
		return false;
	for (unsigned int i = 0; cards[i]; i++) {
		size_t len = strlen(cards[i]);
		if (strncmp(value, cards[i], len) == 0 && (value[len] == ',' || !value[len]))
			return true;
	}
	return false;
}

/* The emulator's arguments without what conflicts, and with a card on `fd`. */
static char **patch(const char *emulator, char **words, int fd)
{
	GPtrArray *args = g_ptr_array_new();
	bool ccw = strstr(emulator, "s390") != NULL;

	g_ptr_array_add(args, g_strdup(emulator));
	for (char **w = words; *w; w++) {
		if (w[1] && conflicts(w[0], w[1]))
			w++;
		else
			g_ptr_array_add(args, g_strdup(*w));
	}
	g_ptr_array_add(args, g_strdup("-netdev"));
	g_ptr_array_add(args, g_strdup_printf("socket,fd=%d,id=hostnet0", fd));
	g_ptr_array_add(args, g_strdup("-device"));
	g_ptr_array_add(args, g_strdup_printf("virtio-net-%s,netdev=hostnet0,id=net0",
					      ccw ? "ccw" : "pci"));
	g_ptr_array_add(args, NULL);
	return (char **)g_ptr_array_free(args, FALSE);
}

static bool parse_fd(const char *text, int *fd)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (!g_ascii_isdigit(*text) || *end || value < 3 || value > 1023)
		return false;
	*fd = (int)value;
	return true;
}

static struct error *run(char **words)
{
	int fd = DEFAULT_FD, found = -1;
	char **argv;
	struct error *err;

	if (words[0] && words[1] && parse_fd(words[0], &fd)) {
		argv = words + 1;
	} else {
		char *emulator = find_emulator();
		if (!emulator)
			return error_new("no emulator (qemu-kvm, kvm, qemu, qemu-system-...) in "
					 "PATH");
		argv = patch(emulator, words, fd);
	}
	err = find_passt(&found);
	if (err)
		return err;
	if (found != fd) {
		if (dup2(found, fd) < 0)
			return error_errno(errno, "descriptor %d", fd);
		close(found);
	}
	execvp(argv[0], argv);
	return error_errno(errno, "cannot run \"%s\"", argv[0]);
}

static struct error *opt_help(void *opaque, const struct option_spec *option, const char *value)
{
	return NULL;
}

static const struct option_spec options[] = {
	{"help", 'h', NULL, "print this help and exit", opt_help},
};

static const struct option_set qrap_options = {
	.style = OPTIONS_QEMU,
	.options = options,
	.count = G_N_ELEMENTS(options),
	.usage = "[fdnum emulator] [options of the emulator]",
	.summary = "run an emulator connected to passt",
	.description =
		"Looks for a running passt on /tmp/passt_1.socket to /tmp/passt_64.socket, sends "
		"it "
		"an ARP\nrequest, and runs the emulator with the first that answers as descriptor "
		"fdnum.\n\nWithout fdnum and emulator, the emulator is searched in PATH, and its "
		"options are changed:\n-netdev, -net and -device with virtio-net-pci, "
		"virtio-net-ccw, e1000, e1000e or rtl8139 are\ntaken out, and a virtio network "
		"card "
		"on descriptor 5 is put in.",
};

static int qrap_main(const struct program *self, int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
		options_print_help(&qrap_options, self->name, argc < 2 ? stderr : stdout);
		return argc < 2;
	}
	error_report(run(argv + 1));
	return 1;
}

PROGRAM(qrap, .name = "qrap", .options = &qrap_options, .main = qrap_main);
