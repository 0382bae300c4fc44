/*
 * ioctl(): a table from request to the structure that its argument points to. Requests are alike on
 * our guests and hosts; those that encode the size of a structure that differs have the guest's
 * number in the table.
 */
#include "user/linux/syscall.h"

#include "base/log.h"

#include <asm/termbits.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/fiemap.h>
#include <linux/kd.h>
#include <linux/loop.h>
#include <linux/nsfs.h>
#include <linux/random.h>
#include <linux/rtc.h>
#include <linux/sockios.h>
#include <linux/vt.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* PLAIN: the argument is a number or nothing. RAW: it points to what is alike in all ABIs, but for
 * the order of bytes: numbers of fixed size, aligned by hand. */
enum direction { PLAIN, READS, WRITES, BOTH, RAW };

static const struct request {
	uint32_t guest, host;
	uint8_t direction, layout;
} requests[] = {
#define SAME(request, direction, layout) {request, request, direction, L_##layout}
#define ALIKE(request)			 {request, request, RAW, L_NONE}
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
	SAME(VT_ACTIVATE, PLAIN, NONE),
	SAME(VT_WAITACTIVE, PLAIN, NONE),
	SAME(VT_DISALLOCATE, PLAIN, NONE),
	ALIKE(VT_GETSTATE),
	ALIKE(VT_GETMODE),
	ALIKE(VT_SETMODE),
	SAME(KDSETMODE, PLAIN, NONE),
	SAME(KDSKBMODE, PLAIN, NONE),
	SAME(KDSKBMETA, PLAIN, NONE),
	SAME(KDSETLED, PLAIN, NONE),
	SAME(KIOCSOUND, PLAIN, NONE),
	SAME(KDMKTONE, PLAIN, NONE),
	SAME(KDGKBMODE, READS, int),
	SAME(KDGKBMETA, READS, int),
	ALIKE(KDGETLED),
	ALIKE(KDGKBLED),
	ALIKE(KDGKBENT),
	ALIKE(KDSKBENT),
	ALIKE(TIOCSTI),
	ALIKE(TIOCLINUX),
	ALIKE(TIOCGICOUNT),
	ALIKE(TIOCGRS485),
	ALIKE(TIOCSRS485),
	ALIKE(TIOCGLCKTRMIOS),
	ALIKE(TIOCSLCKTRMIOS),
	SAME(TIOCGDEV, READS, uint),
	SAME(TIOCGEXCL, READS, int),
	SAME(TIOCCONS, PLAIN, NONE),
	SAME(TIOCMIWAIT, PLAIN, NONE),
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
	SAME(FIFREEZE, PLAIN, NONE),
	SAME(FITHAW, PLAIN, NONE),
	ALIKE(FITRIM),
	ALIKE(FICLONERANGE),
	ALIKE(FIDEDUPERANGE),
	ALIKE(FS_IOC_FIEMAP),
	ALIKE(FS_IOC_FSGETXATTR),
	ALIKE(FS_IOC_FSSETXATTR),
	ALIKE(FS_IOC_GETFSLABEL),
	ALIKE(FS_IOC_SETFSLABEL),
	{0x80047601, FS_IOC_GETVERSION, READS, L_int},
	{0x40047602, FS_IOC_SETVERSION, WRITES, L_int},
	SAME(FS_IOC_GETVERSION, READS, int),
	SAME(FS_IOC_SETVERSION, WRITES, int),
	SAME(BLKROSET, WRITES, int),
	ALIKE(BLKDISCARD),
	ALIKE(BLKSECDISCARD),
	ALIKE(BLKZEROOUT),
	SAME(BLKIOMIN, READS, uint),
	SAME(BLKIOOPT, READS, uint),
	SAME(BLKALIGNOFF, READS, int),
	SAME(BLKPBSZGET, READS, uint),
	SAME(BLKDISCARDZEROES, READS, uint),
	ALIKE(BLKROTATIONAL),
	ALIKE(BLKSECTGET),
	SAME(BLKRAGET, READS, long),
	SAME(BLKRASET, PLAIN, NONE),
	SAME(LOOP_SET_FD, PLAIN, NONE),
	SAME(LOOP_CLR_FD, PLAIN, NONE),
	SAME(LOOP_CHANGE_FD, PLAIN, NONE),
	SAME(LOOP_SET_CAPACITY, PLAIN, NONE),
	SAME(LOOP_SET_DIRECT_IO, PLAIN, NONE),
	SAME(LOOP_SET_BLOCK_SIZE, PLAIN, NONE),
	SAME(LOOP_CTL_ADD, PLAIN, NONE),
	SAME(LOOP_CTL_REMOVE, PLAIN, NONE),
	SAME(LOOP_CTL_GET_FREE, PLAIN, NONE),
	ALIKE(LOOP_SET_STATUS64),
	ALIKE(LOOP_GET_STATUS64),
	ALIKE(LOOP_CONFIGURE),
	SAME(NS_GET_USERNS, PLAIN, NONE),
	SAME(NS_GET_PARENT, PLAIN, NONE),
	SAME(NS_GET_NSTYPE, PLAIN, NONE),
	SAME(NS_GET_OWNER_UID, READS, uint),
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
	SAME(RNDADDTOENTCNT, WRITES, int),
	ALIKE(RNDADDENTROPY),
	SAME(RNDCLEARPOOL, PLAIN, NONE),
	SAME(RNDRESEEDCRNG, PLAIN, NONE),
	SAME(RTC_AIE_ON, PLAIN, NONE),
	SAME(RTC_AIE_OFF, PLAIN, NONE),
	SAME(RTC_UIE_ON, PLAIN, NONE),
	SAME(RTC_UIE_OFF, PLAIN, NONE),
	ALIKE(RTC_RD_TIME),
	ALIKE(RTC_SET_TIME),
	ALIKE(RTC_ALM_READ),
	ALIKE(RTC_ALM_SET),
	ALIKE(RTC_WKALM_RD),
	ALIKE(RTC_WKALM_SET),
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
	SAME(SIOCGIFPFLAGS, BOTH, ifreq_name),
	SAME(SIOCSIFHWADDR, WRITES, ifreq_addr),
	SAME(SIOCSIFNETMASK, WRITES, ifreq_addr),
	SAME(SIOCSIFDSTADDR, WRITES, ifreq_addr),
	SAME(SIOCSIFTXQLEN, WRITES, ifreq_int),
	ALIKE(SIOCBRADDBR),
	ALIKE(SIOCBRDELBR),
	ALIKE(SIOCGARP),
	ALIKE(SIOCSARP),
	ALIKE(SIOCDARP),
	SAME(TUNSETPERSIST, PLAIN, NONE),
	SAME(TUNSETOWNER, PLAIN, NONE),
	SAME(TUNSETGROUP, PLAIN, NONE),
	SAME(TUNSETNOCSUM, PLAIN, NONE),
	SAME(TUNSETDEBUG, PLAIN, NONE),
	SAME(TUNSETOFFLOAD, PLAIN, NONE),
	SAME(TUNSETLINK, PLAIN, NONE),
	SAME(TUNGETIFF, BOTH, ifreq_name),
	SAME(TUNGETFEATURES, READS, uint),
	SAME(TUNGETVNETHDRSZ, READS, int),
	SAME(TUNSETVNETHDRSZ, WRITES, int),
	SAME(TUNSETSNDBUF, WRITES, int),
	SAME(TUNGETSNDBUF, READS, int),
	SAME(TUNSETQUEUE, WRITES, ifreq_name),
#undef SAME
#undef ALIKE
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
	if (r->direction == RAW)
		return t->abi->big_endian
			       ? -ENOTTY
			       : HOST(t, SYS_ioctl, fd, r->host, HPTR(guest_pointer(t, arg, 1)));
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
	log_printf(LOG_UNIMP, "qemu: Unsupported ioctl: cmd=0x%04x\n", request);
	return -ENOTTY;
}
