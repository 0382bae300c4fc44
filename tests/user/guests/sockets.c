#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void pass_fd(void)
{
	int pair[2], pipefd[2], got;
	char data[4] = "abc", control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = {data, 3};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			   .msg_controllen = CMSG_SPACE(sizeof(int))};

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	pipe(pipefd);
	int on = 1;
	setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &pipefd[1], sizeof(int));
	printf("sendmsg %d\n", (int)sendmsg(pair[0], &m, 0));
	memset(control, 0, sizeof(control));
	memset(data, 0, sizeof(data));
	m.msg_controllen = sizeof(control);
	int r = (int)recvmsg(pair[1], &m, 0);
	printf("recvmsg %d %s flags %x\n", r, data, m.msg_flags);
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct ucred cred;
		if (c->cmsg_type == SCM_RIGHTS)
			memcpy(&got, CMSG_DATA(c), sizeof(int));
		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			printf("credentials %d\n", cred.pid == getpid());
		}
	}
	write(got, "through", 7);
	char text[8] = {0};
	read(pipefd[0], text, 7);
	printf("passed: %s\n", text);
}

static void tcp(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client, peer, value = 0;

	bind(server, (void *)&addr, sizeof(addr));
	listen(server, 1);
	getsockname(server, (void *)&addr, &len);
	printf("sockname %d %d\n", addr.sin_family == AF_INET, (int)len);
	client = socket(AF_INET, SOCK_STREAM, 0);
	printf("connect %d\n", connect(client, (void *)&addr, sizeof(addr)));
	peer = accept4(server, (void *)&addr, &len, SOCK_NONBLOCK);
	printf("nonblock %d %d\n", !!(fcntl(peer, F_GETFL) & O_NONBLOCK),
	       !!(fcntl(server, F_GETFD) & FD_CLOEXEC));
	char byte;
	printf("empty: %s\n", recv(peer, &byte, 1, 0) < 0 ? strerrorname_np(errno) : "?");
	send(client, "hello", 5, 0);
	struct pollfd p = {.fd = peer, .events = POLLIN};
	int r = poll(&p, 1, 1000);
	printf("poll %d %d\n", r, p.revents);
	ioctl(peer, FIONREAD, &value);
	printf("fionread %d\n", value);
	int on = 1;
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	value = 0;
	len = sizeof(value);
	getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &value, &len);
	printf("nodelay %d %d\n", !!value, (int)len);
	struct timeval tv = {0, 30000}, back = {0};
	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	len = sizeof(back);
	getsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &back, &len);
	printf("timeout %d %d: %s\n", (int)back.tv_sec, back.tv_usec >= 30000,
	       recv(client, &byte, 1, 0) < 0 ? strerrorname_np(errno) : "?");
	struct linger l = {1, 5}, l2 = {0};
	setsockopt(client, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	len = sizeof(l2);
	getsockopt(client, SOL_SOCKET, SO_LINGER, &l2, &len);
	printf("linger %d %d\n", l2.l_onoff, l2.l_linger);
	fd_set set;
	FD_ZERO(&set);
	FD_SET(peer, &set);
	tv = (struct timeval){1, 0};
	r = select(peer + 1, &set, NULL, NULL, &tv);
	printf("select %d %d\n", r, FD_ISSET(peer, &set) != 0);
}

static void udp(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
	socklen_t len = sizeof(a), flen = sizeof(from);
	int s = socket(AF_INET, SOCK_DGRAM, 0), r = socket(AF_INET, SOCK_DGRAM, 0);
	char text[16] = {0};

	bind(r, (void *)&a, sizeof(a));
	getsockname(r, (void *)&a, &len);
	struct iovec iov[2] = {{"one", 3}, {"two", 3}};
	struct mmsghdr mm[2] = {{{.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov[0],
				  .msg_iovlen = 1}},
				{{.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov[1],
				  .msg_iovlen = 1}}};
	int sent = sendmmsg(s, mm, 2, 0);
	printf("sendmmsg %d %u\n", sent, mm[1].msg_len);
	printf("recvfrom %d", (int)recvfrom(r, text, sizeof(text), 0, (void *)&from, &flen));
	printf(" %s family %d\n", text, from.sin_family == AF_INET);
	printf("refused: %s\n",
	       connect(s, (void *)&(struct sockaddr_in){.sin_family = 9999}, sizeof(from)) < 0
		       ? strerrorname_np(errno)
		       : "?");
}

static void epolls(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), ev = eventfd(0, EFD_NONBLOCK);
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, out[4];

	epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e);
	printf("epoll empty %d\n", epoll_wait(ep, out, 4, 0));
	write(ev, &(unsigned long long){5}, 8);
	int n = epoll_wait(ep, out, 4, 1000);
	printf("epoll %d %x %llx\n", n, out[0].events, (unsigned long long)out[0].data.u64);
	unsigned long long value;
	read(ev, &value, 8);
	printf("eventfd %llu\n", value);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	pass_fd();
	tcp();
	udp();
	epolls();
	return 0;
}
