/*
 * Sockets. Addresses are bytes in network order but for the family, which only byte order touches;
 * message headers and control messages have longs and pointers and are rebuilt.
 */
#include "user/linux/syscall.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/net.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define ADDRESS_MAX 256 /* more than struct sockaddr_storage; longer ones are EINVAL */
#define CONTROL_MAX (64 << 10)

/* --- addresses --- */

static void swap_family(const struct abi *abi, uint8_t *address, uint64_t len)
{
	if (len >= 2)
		store_le16(address, (uint16_t)abi_number(abi, load_le16(address), 2));
}

static int64_t address_read(struct thread *t, uint64_t addr, uint64_t len, uint8_t *address)
{
	if (len > ADDRESS_MAX)
		return -EINVAL;
	if (!guest_read(t, address, addr, len))
		return -EFAULT;
	swap_family(t->abi, address, len);
	return 0;
}

/* As much as the guest has room for, then the true length. */
static bool address_write(struct thread *t, uint64_t addr, uint64_t len_addr, uint64_t room,
			  uint8_t *address, socklen_t len)
{
	swap_family(t->abi, address, len);
	return guest_write(t, addr, address, MIN(room, len)) && guest_put(t, len_addr, 4, len);
}

int64_t sys_bind(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint8_t address[ADDRESS_MAX];
	int64_t result = address_read(t, a[1], a[2], address);

	return result ? result : HOST(t, call->host, a[0], HPTR(address), a[2]);
}

/* accept(), accept4(), getsockname(), getpeername() */
int64_t sys_accept(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint8_t address[ADDRESS_MAX];
	uint64_t room = 0;
	socklen_t len = sizeof(address);
	bool flags = call->host == SYS_accept4;

	if (!a[1] && (flags || call->host == SYS_accept))
		return HOST(t, call->host, a[0], 0, 0, flags ? a[3] : 0);
	if (!guest_get(t, a[2], 4, &room))
		return -EFAULT;
	if ((int32_t)room < 0)
		return -EINVAL;
	int64_t result = HOST(t, call->host, a[0], HPTR(address), HPTR(&len), flags ? a[3] : 0);
	if (result >= 0 && !address_write(t, a[1], a[2], room, address, len))
		return -EFAULT;
	return result;
}

/* --- making --- */

int64_t sys_socket(struct thread *t, const struct call *call, const uint64_t *a)
{
	return HOST(t, SYS_socket, a[0], open_flags_to_host(t->abi, (int)a[1]), a[2]);
}

int64_t sys_socketpair(struct thread *t, const struct call *call, const uint64_t *a)
{
	int fds[2];
	int64_t result = HOST(t, SYS_socketpair, a[0], open_flags_to_host(t->abi, (int)a[1]), a[2],
			      HPTR(fds));

	if (result < 0)
		return result;
	if (!guest_put(t, a[3], 4, (uint32_t)fds[0]) ||
	    !guest_put(t, a[3] + 4, 4, (uint32_t)fds[1]))
		return -EFAULT;
	return 0;
}

/* --- plain data --- */

int64_t sys_sendto(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint8_t address[ADDRESS_MAX];
	bool named = call->args[4].kind && a[4];
	int64_t result = named ? address_read(t, a[4], a[5], address) : 0;

	if (result)
		return result;
	return HOST(t, SYS_sendto, a[0], HPTR(guest_pointer(t, a[1], 1)), a[2], a[3],
		    HPTR(named ? address : NULL), named ? a[5] : 0);
}

int64_t sys_recvfrom(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint8_t address[ADDRESS_MAX];
	socklen_t len = sizeof(address);
	bool named = call->args[4].kind && a[4];
	uint64_t room = 0;

	if (named && !guest_get(t, a[5], 4, &room))
		return -EFAULT;
	int64_t result = HOST(t, SYS_recvfrom, a[0], HPTR(guest_pointer(t, a[1], 1)), a[2], a[3],
			      HPTR(named ? address : NULL), HPTR(named ? &len : NULL));
	if (result < 0)
		return result;
	guest_written(t, a[1], (uint64_t)result);
	if (named && !address_write(t, a[4], a[5], room, address, len))
		return -EFAULT;
	return result;
}

/* --- control messages --- */

/* Header of the guest's: a long and two ints; data aligned to a long. */
static unsigned int guest_header(const struct abi *abi)
{
	return abi->word + 8u;
}

static uint64_t guest_align(const struct abi *abi, uint64_t len)
{
	return (len + abi->word - 1) & ~(uint64_t)(abi->word - 1);
}

/* Data of one message; whole 32-bit numbers but for timestamps. */
static void convert_data(const struct abi *abi, const uint8_t *from, uint8_t *to, uint64_t len)
{
	memcpy(to, from, len);
	for (uint64_t i = 0; abi->big_endian && i + 4 <= len; i += 4)
		store_le32(to + i, (uint32_t)abi_number(abi, load_le32(from + i), 4));
}

static int64_t control_to_host(struct thread *t, uint64_t addr, uint64_t len, uint8_t *out,
			       uint64_t room, uint64_t *used)
{
	const struct abi *abi = t->abi;
	unsigned int header = guest_header(abi), w = abi->word;
	uint8_t *in = g_malloc(len + 1);

	*used = 0;
	if (!guest_read(t, in, addr, len)) {
		g_free(in);
		return -EFAULT;
	}
	for (uint64_t at = 0; at + header <= len;) {
		uint64_t size = abi_number(abi, load_le(in + at, w), w);
		if (size < header || size > len - at || *used + CMSG_SPACE(size - header) > room) {
			g_free(in);
			return -EINVAL;
		}
		struct cmsghdr *c = (struct cmsghdr *)(out + *used);
		c->cmsg_len = CMSG_LEN(size - header);
		c->cmsg_level = (int)abi_number(abi, load_le32(in + at + w), 4);
		c->cmsg_type = (int)abi_number(abi, load_le32(in + at + w + 4), 4);
		convert_data(abi, in + at + header, CMSG_DATA(c), size - header);
		*used += CMSG_SPACE(size - header);
		at += guest_align(abi, size);
	}
	g_free(in);
	return 0;
}

/* A timestamp has longs, everything else that sockets tell is 32-bit numbers. */
static uint64_t put_data(const struct abi *abi, const struct cmsghdr *c, uint8_t *to)
{
	uint64_t len = c->cmsg_len - CMSG_LEN(0);

	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMP &&
	    len == sizeof(struct timeval)) {
		layout_to_guest(abi, L_timeval, CMSG_DATA(c), to);
		return layout_size(abi, L_timeval);
	}
	convert_data(abi, CMSG_DATA(c), to, len);
	return len;
}

/* Descriptors that there is no room for must not stay open. */
static void close_rest(const struct cmsghdr *c, uint64_t taken)
{
	if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	for (uint64_t at = taken & ~UINT64_C(3); at + 4 <= c->cmsg_len - CMSG_LEN(0); at += 4)
		close((int)load_le32(CMSG_DATA(c) + at));
}

/* Returns the bytes used; `*flags` gets MSG_CTRUNC where the room is too small. */
static uint64_t control_to_guest(const struct abi *abi, struct msghdr *m, uint8_t *out,
				 uint64_t room, int *flags)
{
	unsigned int header = guest_header(abi), w = abi->word;
	uint64_t used = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		uint8_t *data = g_malloc(c->cmsg_len + 64);
		uint64_t len = put_data(abi, c, data), size = header + len;
		if (used + header > room) {
			*flags |= MSG_CTRUNC;
			close_rest(c, 0);
			g_free(data);
			continue;
		}
		if (used + size > room) {
			*flags |= MSG_CTRUNC;
			size = room - used;
			close_rest(c, size - header);
		}
		store_le(out + used, w, abi_number(abi, size, w));
		store_le32(out + used + w, (uint32_t)abi_number(abi, (uint32_t)c->cmsg_level, 4));
		store_le32(out + used + w + 4,
			   (uint32_t)abi_number(abi, (uint32_t)c->cmsg_type, 4));
		memcpy(out + used + header, data, size - header);
		g_free(data);
		used = MIN(used + guest_align(abi, size), room);
	}
	return used;
}

/* --- message headers --- */

/* name, its length, vector, its length, control, its length, flags: all of the ABI's words but the
 * second and the last. */
struct guest_msg {
	uint64_t name, namelen, iov, iovlen, control, controllen, flags;
};

enum { MSG_NAMELEN, MSG_CONTROLLEN, MSG_FLAGS };

static unsigned int msg_offset(const struct abi *abi, unsigned int which)
{
	static const uint8_t words[] = {1, 5, 6};

	return words[which] * abi->word;
}

static bool msg_read(struct thread *t, uint64_t addr, struct guest_msg *m)
{
	unsigned int w = t->abi->word;

	return guest_get(t, addr, w, &m->name) && guest_get(t, addr + w, 4, &m->namelen) &&
	       guest_get(t, addr + 2 * w, w, &m->iov) &&
	       guest_get(t, addr + 3 * w, w, &m->iovlen) &&
	       guest_get(t, addr + 4 * w, w, &m->control) &&
	       guest_get(t, addr + 5 * w, w, &m->controllen) &&
	       guest_get(t, addr + 6 * w, 4, &m->flags);
}

/* The host's header and what it points to. */
struct message {
	struct guest_msg guest;
	struct msghdr host;
	uint8_t name[ADDRESS_MAX];
	struct iovec *iov;
	uint8_t *control;
};

static void message_free(struct message *m)
{
	g_free(m->iov);
	g_free(m->control);
}

static int64_t message_read(struct thread *t, uint64_t addr, bool send, struct message *m)
{
	int64_t error = 0;

	memset(m, 0, offsetof(struct message, name));
	m->iov = NULL;
	m->control = NULL;
	if (!msg_read(t, addr, &m->guest))
		return -EFAULT;
	if (m->guest.name && m->guest.namelen) {
		if ((int32_t)m->guest.namelen < 0)
			return -EINVAL;
		m->host.msg_name = m->name;
		m->host.msg_namelen = (socklen_t)MIN(m->guest.namelen, sizeof(m->name));
		if (send)
			error = address_read(t, m->guest.name, m->host.msg_namelen, m->name);
	}
	if (error)
		return error;
	m->iov = iovec_read(t, m->guest.iov, m->guest.iovlen, &error);
	if (!m->iov)
		return error == -EINVAL ? -EMSGSIZE : error;
	m->host.msg_iov = m->iov;
	m->host.msg_iovlen = m->guest.iovlen;
	if (m->guest.control && m->guest.controllen) {
		if (m->guest.controllen > CONTROL_MAX)
			return -ENOBUFS;
		uint64_t room = 4 * m->guest.controllen + 256, used = room;
		m->control = g_malloc0(room);
		if (send)
			error = control_to_host(t, m->guest.control, m->guest.controllen,
						m->control, room, &used);
		m->host.msg_control = m->control;
		m->host.msg_controllen = used;
	}
	return error;
}

static int64_t message_write(struct thread *t, uint64_t addr, struct message *m, int64_t result)
{
	unsigned int w = t->abi->word;
	uint64_t used = 0, left = (uint64_t)result;
	int flags = m->host.msg_flags & ~MSG_CMSG_CLOEXEC;

	for (size_t i = 0; left && i < m->host.msg_iovlen; i++) {
		uint64_t len = MIN(left, m->iov[i].iov_len);
		guest_written(t, (uint64_t)((uint8_t *)m->iov[i].iov_base - t->process->base), len);
		left -= len;
	}
	if (m->host.msg_name &&
	    !address_write(t, m->guest.name, addr + msg_offset(t->abi, MSG_NAMELEN),
			   m->guest.namelen, m->name, m->host.msg_namelen))
		return -EFAULT;
	if (m->control) {
		uint8_t *out = g_malloc0(m->guest.controllen);
		used = control_to_guest(t->abi, &m->host, out, m->guest.controllen, &flags);
		bool ok = guest_write(t, m->guest.control, out, used);
		g_free(out);
		if (!ok)
			return -EFAULT;
	}
	if (!guest_put(t, addr + msg_offset(t->abi, MSG_CONTROLLEN), w, used) ||
	    !guest_put(t, addr + msg_offset(t->abi, MSG_FLAGS), 4, (uint32_t)flags))
		return -EFAULT;
	return result;
}

static int64_t send_message(struct thread *t, int fd, uint64_t addr, uint64_t flags)
{
	struct message m;
	int64_t result = message_read(t, addr, true, &m);

	if (!result)
		result = HOST(t, SYS_sendmsg, fd, HPTR(&m.host), flags);
	message_free(&m);
	return result;
}

static int64_t receive_message(struct thread *t, int fd, uint64_t addr, uint64_t flags)
{
	struct message m;
	int64_t result = message_read(t, addr, false, &m);

	if (!result)
		result = HOST(t, SYS_recvmsg, fd, HPTR(&m.host), flags);
	if (result >= 0)
		result = message_write(t, addr, &m, result);
	message_free(&m);
	return result;
}

int64_t sys_sendmsg(struct thread *t, const struct call *call, const uint64_t *a)
{
	return send_message(t, (int)a[0], a[1], a[2]);
}

int64_t sys_recvmsg(struct thread *t, const struct call *call, const uint64_t *a)
{
	return receive_message(t, (int)a[0], a[1], a[2]);
}

/* Several, one after the other: headers with the length of each behind them. */
int64_t sys_mmsg(struct thread *t, const struct call *call, const uint64_t *a)
{
	bool send = call->host == SYS_sendmmsg;
	unsigned int w = t->abi->word, size = 8 * w, done;
	uint64_t flags = (uint32_t)a[3];

	for (done = 0; done < MIN((uint32_t)a[2], 1024); done++) {
		uint64_t at = a[1] + (uint64_t)done * size;
		int64_t result = send ? send_message(t, (int)a[0], at, flags)
				      : receive_message(t, (int)a[0], at, flags & ~MSG_WAITFORONE);
		if (result < 0)
			return done ? (int64_t)done : result;
		if (!guest_put(t, at + 7 * w, 4, (uint32_t)result))
			return -EFAULT;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
	}
	return done;
}

/* --- options --- */

/* Options that are no plain int, by level. */
static enum layout_id option_layout(int level, int name)
{
	if (level != SOL_SOCKET)
		return L_NONE;
	switch (name) {
	case SO_LINGER: return L_linger;
	case SO_RCVTIMEO:
	case SO_SNDTIMEO: return L_timeval;
	case SO_PEERCRED: return L_ucred;
	default: return L_NONE;
	}
}

/* 32-bit programs of newer libraries use the 64-bit forms of the times. */
static int option_name(const struct abi *abi, int level, int name, enum layout_id *id)
{
	*id = option_layout(level, name);
	if (level != SOL_SOCKET || abi->word == 8)
		return name;
	if (name == 66 || name == 67) { /* SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW */
		*id = L_timespec64;
		return name == 66 ? SO_RCVTIMEO : SO_SNDTIMEO;
	}
	return name;
}

int64_t sys_setsockopt(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint8_t host[LAYOUT_MAX];
	enum layout_id id;
	int level = (int)a[1], name = option_name(t->abi, level, (int)a[2], &id);
	uint64_t len = a[4], value;

	if (id) {
		if (len < layout_size(t->abi, id))
			return -EINVAL;
		if (!layout_read(t, id, a[3], host))
			return -EFAULT;
		return HOST(t, SYS_setsockopt, a[0], level, name, HPTR(host),
			    layout_get(id)->host_size);
	}
	if (level == SOL_SOCKET && (name == SO_ATTACH_FILTER || name == SO_ATTACH_REUSEPORT_CBPF) &&
	    t->abi->word == 4) {
		uint64_t count, list;
		struct {
			uint16_t len;
			void *filter;
		} program;
		if (!guest_get(t, a[3], 2, &count) || !guest_get(t, a[3] + 4, 4, &list))
			return -EFAULT;
		program.len = (uint16_t)count;
		program.filter = guest_pointer(t, list, 8 * count);
		return HOST(t, SYS_setsockopt, a[0], level, name, HPTR(&program), sizeof(program));
	}
	if (t->abi->big_endian && len == 4) {
		if (!guest_get(t, a[3], 4, &value))
			return -EFAULT;
		uint32_t word = (uint32_t)value;
		return HOST(t, SYS_setsockopt, a[0], level, name, HPTR(&word), 4);
	}
	return HOST(t, SYS_setsockopt, a[0], level, name, HPTR(guest_pointer(t, a[3], 1)), len);
}

static int64_t get_structured(struct thread *t, const uint64_t *a, int name, enum layout_id id,
			      uint64_t room)
{
	uint8_t host[LAYOUT_MAX], guest[LAYOUT_MAX];
	socklen_t len = layout_get(id)->host_size;
	int64_t result = HOST(t, SYS_getsockopt, a[0], a[1], name, HPTR(host), HPTR(&len));

	if (result < 0)
		return result;
	layout_to_guest(t->abi, id, host, guest);
	uint64_t size = MIN(room, layout_size(t->abi, id));
	if (!guest_write(t, a[3], guest, size) || !guest_put(t, a[4], 4, size))
		return -EFAULT;
	return 0;
}

int64_t sys_getsockopt(struct thread *t, const struct call *call, const uint64_t *a)
{
	enum layout_id id;
	int level = (int)a[1], name = option_name(t->abi, level, (int)a[2], &id);
	uint64_t room;

	if (!guest_get(t, a[4], 4, &room))
		return -EFAULT;
	if ((int32_t)room < 0)
		return -EINVAL;
	if (id)
		return get_structured(t, a, name, id, room);
	socklen_t len = (socklen_t)room;
	uint32_t word;
	bool swap = t->abi->big_endian && room == 4;
	void *to = swap ? &word : guest_pointer(t, a[3], 1);
	int64_t result = HOST(t, SYS_getsockopt, a[0], level, name, HPTR(to), HPTR(&len));
	if (result < 0)
		return result;
	if (swap && !guest_put(t, a[3], len, word))
		return -EFAULT;
	return guest_put(t, a[4], 4, len) ? 0 : -EFAULT;
}

/* --- socketcall --- */

int64_t sys_socketcall(struct thread *t, const struct call *call, const uint64_t *a)
{
	static const struct {
		const char *name;
		uint8_t args;
	} calls[] = {
		[SYS_SOCKET] = {"socket", 3},
		[SYS_BIND] = {"bind", 3},
		[SYS_CONNECT] = {"connect", 3},
		[SYS_LISTEN] = {"listen", 2},
		[SYS_ACCEPT] = {"accept", 3},
		[SYS_GETSOCKNAME] = {"getsockname", 3},
		[SYS_GETPEERNAME] = {"getpeername", 3},
		[SYS_SOCKETPAIR] = {"socketpair", 4},
		[SYS_SEND] = {"send", 4},
		[SYS_RECV] = {"recv", 4},
		[SYS_SENDTO] = {"sendto", 6},
		[SYS_RECVFROM] = {"recvfrom", 6},
		[SYS_SHUTDOWN] = {"shutdown", 2},
		[SYS_SETSOCKOPT] = {"setsockopt", 5},
		[SYS_GETSOCKOPT] = {"getsockopt", 5},
		[SYS_SENDMSG] = {"sendmsg", 3},
		[SYS_RECVMSG] = {"recvmsg", 3},
		[SYS_ACCEPT4] = {"accept4", 4},
		[SYS_RECVMMSG] = {"recvmmsg", 5},
		[SYS_SENDMMSG] = {"sendmmsg", 4},
	};
	uint64_t which = a[0], args[6] = {0};

	if (which >= G_N_ELEMENTS(calls) || !calls[which].name)
		return -EINVAL;
	for (unsigned int i = 0; i < calls[which].args; i++)
		if (!guest_get(t, a[1] + 4 * i, 4, &args[i]))
			return -EFAULT;
	for (unsigned int i = 0; i < system_call_count; i++) {
		const struct call *row = &system_calls[i];
		if (strcmp(row->name, calls[which].name) != 0)
			continue;
		return row->fn ? row->fn(t, row, args) : call_generic(t, row, args);
	}
	return -EINVAL;
}
