/* Hostile NBD peers. SIDE says who is tested: the input is what the other side sends. */
#include "storage/nbd.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
	int fd;
	const uint8_t *data;
	size_t size;
};

/* Sends the input, and swallows what comes back. */
static void *peer_thread(void *opaque)
{
	struct peer *p = opaque;
	uint8_t trash[4096];

	nbd_send(&(struct nbd_stream){.fd = p->fd}, p->data, p->size);
	shutdown(p->fd, SHUT_WR);
	while (read(p->fd, trash, sizeof(trash)) > 0)
		;
	close(p->fd);
	return NULL;
}

static void server(const uint8_t *data, size_t size)
{
	struct nbd_export e = {.name = "", .description = "", .size = 1 << 20};
	int fd = memfd_create("disk", MFD_CLOEXEC), pair[2];
	char path[64];

	g_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (ftruncate(fd, 1 << 20) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return;
	error_free(image_open(path, "raw", IMAGE_RDWR | IMAGE_NO_LOCK, &e.image));
	g_mutex_init(&e.mutex);
	struct peer p = {pair[0], data, size};
	GThread *t = g_thread_new("peer", peer_thread, &p);
	if (size & 1)
		nbd_transmit(&e, pair[1]), close(pair[1]);
	else
		nbd_serve(&e, pair[1]);
	g_thread_join(t);
	image_close(e.image);
	close(fd);
}

struct listener {
	int fd;
	struct peer peer;
};

static void *accept_thread(void *opaque)
{
	struct listener *l = opaque;

	l->peer.fd = accept(l->fd, NULL, NULL);
	return peer_thread(&l->peer);
}

static void client(const uint8_t *data, size_t size)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct listener l = {.fd = socket(AF_UNIX, SOCK_STREAM, 0), .peer = {-1, data, size}};
	static uint8_t buf[70000];
	struct image *img;

	g_snprintf(sun.sun_path, sizeof(sun.sun_path), "/tmp/fuzz-nbd.%d", getpid());
	unlink(sun.sun_path);
	if (bind(l.fd, (struct sockaddr *)&sun, sizeof(sun)) || listen(l.fd, 1))
		return;
	GThread *t = g_thread_new("peer", accept_thread, &l);
	char *name = g_strdup_printf("nbd:unix:%s", sun.sun_path);
	struct error *err = image_open_file(name, IMAGE_RDWR, &img);
	if (err) {
		error_free(err);
	} else {
		image_pread(img, 0, buf, MIN(img->size, sizeof(buf)));
		image_pwrite(img, 0, buf, MIN(img->size, 1000));
		image_flush(img);
		image_close(img);
	}
	g_thread_join(t);
	g_free(name);
	close(l.fd);
	unlink(sun.sun_path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!strcmp(SIDE, "server"))
		server(data, size);
	else
		client(data, size);
	return 0;
}
