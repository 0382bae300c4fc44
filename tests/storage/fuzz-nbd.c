/*
 * Hostile NBD peers. SIDE says who is tested: the input is what the other side sends. The bytes of
 * the connection (nbd-stream.c) are the input itself, without sockets or threads.
 */
#include "memory-file.h"
#include "storage/nbd-address.h"
#include "storage/nbd.h"

#include <stdint.h>
#include <string.h>

#define DISK_SIZE 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool __wrap_nbd_recv(struct nbd_stream *s, void *buf, size_t len);
bool __wrap_nbd_send(struct nbd_stream *s, const void *buf, size_t len);
bool __wrap_nbd_send_two(struct nbd_stream *s, const void *head, size_t head_len, const void *data,
			 size_t len);
bool __wrap_nbd_skip(struct nbd_stream *s, uint64_t len);
void __wrap_nbd_close_stream(struct nbd_stream *s);
struct error *__wrap_nbd_address_connect(const struct nbd_address *a, int *fd);

/* --- the connection --- */

static struct {
	const uint8_t *data;
	size_t left;
	uint8_t sum; /* of all bytes sent, so that each is looked at */
} wire;

bool __wrap_nbd_recv(struct nbd_stream *s, void *buf, size_t len)
{
	if (len > wire.left)
		return false;
	if (len)
		memcpy(buf, wire.data, len);
	wire.data += len;
	wire.left -= len;
	return true;
}

bool __wrap_nbd_send(struct nbd_stream *s, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		wire.sum += p[i];
	return true;
}

bool __wrap_nbd_send_two(struct nbd_stream *s, const void *head, size_t head_len, const void *data,
			 size_t len)
{
	return __wrap_nbd_send(s, head, head_len) && __wrap_nbd_send(s, data, len);
}

bool __wrap_nbd_skip(struct nbd_stream *s, uint64_t len)
{
	if (len > wire.left)
		return false;
	wire.data += len;
	wire.left -= len;
	return true;
}

void __wrap_nbd_close_stream(struct nbd_stream *s)
{
}

struct error *__wrap_nbd_address_connect(const struct nbd_address *a, int *fd)
{
	*fd = 0;
	return NULL;
}

/* --- both sides --- */

static void server(bool negotiated)
{
	struct nbd_export e = {.name = "", .description = "", .size = DISK_SIZE};

	memory_file_set(NULL, 0, DISK_SIZE, DISK_SIZE);
	error_free(image_open_on(memory_file_open(IMAGE_RDWR), "raw", IMAGE_RDWR, &e.image));
	g_mutex_init(&e.mutex);
	if (negotiated)
		nbd_transmit(&e, 0);
	else
		nbd_serve(&e, -1);
	image_close(e.image);
}

static void client(void)
{
	static uint8_t buf[70000];
	struct image_extent extent;
	struct image *img;
	struct error *err = image_open_file("nbd:unix:/nowhere", IMAGE_RDWR, &img);

	if (err) {
		error_free(err);
		return;
	}
	image_map(img, 0, img->size, &extent);
	image_pread(img, 0, buf, MIN(img->size, sizeof(buf)));
	image_pwrite(img, 0, buf, MIN(img->size, 1000));
	image_write_zeroes(img, 0, MIN(img->size, 4096), IMAGE_UNMAP);
	image_discard(img, 0, MIN(img->size, 4096));
	image_flush(img);
	image_close(img);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	wire.data = data;
	wire.left = size;
	if (!strcmp(SIDE, "server"))
		server(size & 1);
	else
		client();
	return 0;
}
