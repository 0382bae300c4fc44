/* The bytes of an NBD connection, in the clear or by TLS. */
#include "storage/nbd.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

bool nbd_recv(struct nbd_stream *s, void *buf, size_t len)
{
	uint8_t *p = buf;

	if (s->tls)
		return tls_recv(s->tls, buf, len);
	while (len) {
		ssize_t n = read(s->fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool nbd_send(struct nbd_stream *s, const void *buf, size_t len)
{
	return nbd_send_two(s, buf, len, NULL, 0);
}

bool nbd_send_two(struct nbd_stream *s, const void *head, size_t head_len, const void *data,
		  size_t len)
{
	struct iovec v[2] = {{(void *)(uintptr_t)head, head_len}, {(void *)(uintptr_t)data, len}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};

	if (s->tls)
		return tls_send(s->tls, head, head_len) && tls_send(s->tls, data, len);
	while (v[0].iov_len + v[1].iov_len) {
		ssize_t n = sendmsg(s->fd, &m, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		for (unsigned int i = 0; i < 2; i++) {
			size_t part = MIN((size_t)n, v[i].iov_len);
			v[i].iov_base = (uint8_t *)v[i].iov_base + part;
			v[i].iov_len -= part;
			n -= (ssize_t)part;
		}
	}
	return true;
}

bool nbd_skip(struct nbd_stream *s, uint64_t len)
{
	uint8_t trash[4096];

	while (len) {
		size_t n = MIN(len, sizeof(trash));
		if (!nbd_recv(s, trash, n))
			return false;
		len -= n;
	}
	return true;
}

void nbd_close_stream(struct nbd_stream *s)
{
	tls_session_free(s->tls);
	s->tls = NULL;
	close(s->fd);
}
