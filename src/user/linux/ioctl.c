/*
 * ioctl(): a table from request to the structure that its argument points to. Requests are alike on
 * our guests and hosts; those that encode the size of a structure that differs have the guest's
 * number in the table.
 */
#include "user/linux/syscall.h"

#include <asm/termbits.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kd.h>
#include <linux/random.h>
#include <linux/rtc.h>
#include <linux/sockios.h>
#include <linux/vt.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum direction { PLAIN, READS, WRITES, BOTH }; /* PLAIN: the argument is a number or nothing */

static const struct request {
	uint32_t guest, host;
	uint8_t direction, layout;
} requests[] = {
#define SAME(request, direction, layout) {request, request, direction, L_##layout}
	/* terminals */
	SAME(TCGETS, READS, termios),
	SAME(TCSETS, WRITES, termios),
	SAME(TCSETSW, WRITES, termios),
	SAME(TCSETSF, WRITES, termios),
	SAME(TCGETS2, READS, termios2),
	SAME(TCSETS2, WRITES, termios2),
	SAME(TCSETSW2, WRITES, termios2),
	SAME(TCSETSF2, WRITES, termios2),
	SAME(TIOCGWINSZ, READS, winsize),
	SAME(TIOCSWINSZ, WRITES, winsize),
	SAME(TIOCGPGRP, READS, int),
	SAME(TIOCSPGRP, WRITES, int),
	SAME(TIOCGSID, READS, int),
	SAME(TIOCOUTQ, READS, int),
	SAME(TIOCGETD, READS, int),
	SAME(TIOCSETD, WRITES, int),
	SAME(TIOCMGET, READS, int),
	SAME(TIOCMSET, WRITES, int),
	SAME(TIOCMBIS, WRITES, int),
	SAME(TIOCMBIC, WRITES, int),
	SAME(TIOCGSOFTCAR, READS, int),
	SAME(TIOCSSOFTCAR, WRITES, int),
	SAME(TIOCPKT, WRITES, int),
	SAME(TIOCGPTN, READS, uint),
	SAME(TIOCSPTLCK, WRITES, int),
	SAME(TIOCGPTLCK, READS, int),
	SAME(TIOCGPKT, READS, int),
	SAME(TCSBRK, PLAIN, NONE),
	SAME(TCSBRKP, PLAIN, NONE),
	SAME(TCXONC, PLAIN, NONE),
	SAME(TCFLSH, PLAIN, NONE),
	SAME(TIOCEXCL, PLAIN, NONE),
	SAME(TIOCNXCL, PLAIN, NONE),
	SAME(TIOCSCTTY, PLAIN, NONE),
	SAME(TIOCNOTTY, PLAIN, NONE),
	SAME(TIOCGPTPEER, PLAIN, NONE),
	SAME(TIOCSBRK, PLAIN, NONE),
	SAME(TIOCCBRK, PLAIN, NONE),
	SAME(TIOCVHANGUP, PLAIN, NONE),
	SAME(KDGETMODE, READS, int),
	SAME(KDGKBTYPE, READS, int),
	SAME(VT_OPENQRY, READS, int),
	/* files */
	SAME(FIONREAD, READS, int),
	SAME(FIONBIO, WRITES, int),
	SAME(FIOASYNC, WRITES, int),
	SAME(FIOCLEX, PLAIN, NONE),
	SAME(FIONCLEX, PLAIN, NONE),
	SAME(FIOQSIZE, READS, u64),
	SAME(FIGETBSZ, READS, int),
	SAME(FIBMAP, BOTH, int),
	SAME(FICLONE, PLAIN, NONE),
	SAME(BLKROSET, WRITES, int),
	SAME(BLKROGET, READS, int),
	SAME(BLKRRPART, PLAIN, NONE),
	SAME(BLKFLSBUF, PLAIN, NONE),
	SAME(BLKGETSIZE, READS, long),
	SAME(BLKSSZGET, READS, int),
	SAME(BLKBSZGET, READS, int),
	{0x80041272, BLKGETSIZE64, READS, L_u64},
	SAME(BLKGETSIZE64, READS, u64),
	SAME(0x301 /* HDIO_GETGEO */, READS, hd_geometry),
	{0x80046601, FS_IOC_GETFLAGS, READS, L_int},
	{0x40046602, FS_IOC_SETFLAGS, WRITES, L_int},
	SAME(FS_IOC_GETFLAGS, READS, int),
	SAME(FS_IOC_SETFLAGS, WRITES, int),
	SAME(RNDGETENTCNT, READS, int),
	/* sockets and interfaces */
	SAME(SIOCATMARK, READS, int),
	SAME(FIOGETOWN, READS, int),
	SAME(FIOSETOWN, WRITES, int),
	SAME(SIOCGPGRP, READS, int),
	SAME(SIOCSPGRP, WRITES, int),
	SAME(TIOCINQ, READS, int),
	SAME(SIOCGIFNAME, BOTH, ifreq_int),
	SAME(SIOCGIFINDEX, BOTH, ifreq_int),
	SAME(SIOCGIFFLAGS, BOTH, ifreq_name),
	SAME(SIOCSIFFLAGS, WRITES, ifreq_name),
	SAME(SIOCGIFMTU, BOTH, ifreq_int),
	SAME(SIOCSIFMTU, WRITES, ifreq_int),
	SAME(SIOCGIFMETRIC, BOTH, ifreq_int),
	SAME(SIOCGIFTXQLEN, BOTH, ifreq_int),
	SAME(SIOCGIFHWADDR, BOTH, ifreq_addr),
	SAME(SIOCGIFADDR, BOTH, ifreq_addr),
	SAME(SIOCSIFADDR, WRITES, ifreq_addr),
	SAME(SIOCGIFBRDADDR, BOTH, ifreq_addr),
	SAME(SIOCSIFBRDADDR, WRITES, ifreq_addr),
	SAME(SIOCGIFNETMASK, BOTH, ifreq_addr),
	SAME(SIOCSIFNETMASK, WRITES, ifreq_addr),
	SAME(SIOCGIFDSTADDR, BOTH, ifreq_addr),
	SAME(TUNSETIFF, BOTH, ifreq_name),
	SAME(TUNSETPERSIST, PLAIN, NONE),
#undef SAME
};

static const struct request *find_request(uint32_t guest)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(requests); i++)
		if (requests[i].guest == guest)
			return &requests[i];
	return NULL;
}

/* The list of interfaces: as many of the guest's structures as it has room for. */
static int64_t interface_list(struct thread *t, int fd, uint64_t addr)
{
	unsigned int w = t->abi->word, size = layout_size(t->abi, L_ifreq_addr);
	uint64_t room, buffer;

	if (!guest_get(t, addr, 4, &room) || !guest_get(t, addr + w, w, &buffer))
		return -EFAULT;
	uint64_t count = MIN(room, 1 << 20) / size;
	struct ifreq *list = g_new0(struct ifreq, count + 1);
	struct ifconf conf = {.ifc_len = (int)(count * sizeof(*list)), .ifc_req = list};
	if (!buffer)
		conf = (struct ifconf){0};
	int64_t result = HOST(t, SYS_ioctl, fd, SIOCGIFCONF, HPTR(&conf));
	uint64_t got = (uint64_t)conf.ifc_len / sizeof(*list);
	for (uint64_t i = 0; result >= 0 && buffer && i < got; i++)
		if (!layout_write(t, L_ifreq_addr, buffer + i * size, &list[i]))
			result = -EFAULT;
	g_free(list);
	if (result >= 0 && !guest_put(t, addr, 4, got * size))
		result = -EFAULT;
	return result;
}

static int64_t by_table(struct thread *t, int fd, const struct request *r, uint64_t arg)
{
	uint8_t host[LAYOUT_MAX] __attribute__((aligned(8))) = {0};

	if (r->direction == PLAIN)
		return HOST(t, SYS_ioctl, fd, r->host, arg);
	if (layout_same(t->abi, r->layout)) {
		int64_t result = HOST(t, SYS_ioctl, fd, r->host, HPTR(guest_pointer(t, arg, 1)));
		guest_written(t, arg, layout_size(t->abi, r->layout));
		return result;
	}
	if (r->direction != READS && !layout_read(t, r->layout, arg, host))
		return -EFAULT;
	int64_t result = HOST(t, SYS_ioctl, fd, r->host, HPTR(host));
	if (result >= 0 && r->direction != WRITES && !layout_write(t, r->layout, arg, host))
		return -EFAULT;
	return result;
}

int64_t sys_ioctl(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint32_t request = (uint32_t)a[1];
	const struct request *r = find_request(request);

	if (r)
		return by_table(t, (int)a[0], r, a[2]);
	if (request == SIOCGIFCONF)
		return interface_list(t, (int)a[0], a[2]);
	/* Between ABIs that have everything alike, what is not known can be tried: a pointer is one
	 * that lies in the guest. Elsewhere a wrong guess would write where it must not. */
	if (t->abi->word == 8 && !t->abi->big_endian) {
		struct mm_area area;
		bool pointer = mm_find(t->process->mm, a[2], &area);
		return HOST(t, SYS_ioctl, a[0], request,
			    pointer ? HPTR(t->process->base + a[2]) : a[2]);
	}
	return -ENOTTY;
}
