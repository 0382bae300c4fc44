/*
 * The structures, and the conversion. Sources: the kernel's include/uapi headers; stat and stat64
 * of arch/x86/include/uapi/asm/stat.h and arch/arm/include/uapi/asm/stat.h.
 */
#include "user/linux/layout.h"

#include "base/bytes.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/hdreg.h>
#include <mqueue.h>
#include <net/if.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>

/* A count of M_ALIGN: as the ABI has it in struct epoll_event. */
#define ALIGN_EPOLL UINT16_MAX

#define TWO_LONGS(T, a, b) MEMBER(M_LONG, T, a), MEMBER(M_LONG, T, b)

struct one_int {
	int32_t value;
};
struct one_long {
	int64_t value;
};
struct int_pair {
	int32_t first, second;
};
struct utimbuf_host {
	int64_t actime, modtime;
};
struct ucred_host {
	int32_t pid, uid, gid;
};
struct owner_host {
	int32_t type, pid;
};

static const struct member m_int[] = {MEMBER(M_I32, struct one_int, value)};
static const struct member m_uint[] = {MEMBER(M_U32, struct one_int, value)};
static const struct member m_long[] = {MEMBER(M_LONG, struct one_long, value)};
static const struct member m_u64[] = {MEMBER(M_I64, struct one_long, value)};
static const struct member m_int_pair[] = {MEMBER(M_I32, struct int_pair, first),
					   MEMBER(M_I32, struct int_pair, second)};
static const struct member m_timespec[] = {TWO_LONGS(struct timespec, tv_sec, tv_nsec)};
static const struct member m_timespec64[] = {MEMBER(M_I64, struct timespec, tv_sec),
					     MEMBER(M_NSEC, struct timespec, tv_nsec)};
static const struct member m_timeval[] = {TWO_LONGS(struct timeval, tv_sec, tv_usec)};
static const struct member m_timezone[] = {MEMBER(M_I32, struct timezone, tz_minuteswest),
					   MEMBER(M_I32, struct timezone, tz_dsttime)};
static const struct member m_itimerval[] = {
	TWO_LONGS(struct itimerval, it_interval.tv_sec, it_interval.tv_usec),
	TWO_LONGS(struct itimerval, it_value.tv_sec, it_value.tv_usec)};
static const struct member m_itimerspec[] = {
	TWO_LONGS(struct itimerspec, it_interval.tv_sec, it_interval.tv_nsec),
	TWO_LONGS(struct itimerspec, it_value.tv_sec, it_value.tv_nsec)};
static const struct member m_itimerspec64[] = {
	MEMBER(M_I64, struct itimerspec, it_interval.tv_sec),
	MEMBER(M_NSEC, struct itimerspec, it_interval.tv_nsec),
	MEMBER(M_I64, struct itimerspec, it_value.tv_sec),
	MEMBER(M_NSEC, struct itimerspec, it_value.tv_nsec)};

#define TIMEX(W)                                                                            \
	MEMBER(M_U32, struct timex, modes), {M_ALIGN, 0, 0, (W) == M_I64 ? 8 : 1},          \
		MEMBER(W, struct timex, offset), MEMBER(W, struct timex, freq),             \
		MEMBER(W, struct timex, maxerror), MEMBER(W, struct timex, esterror),       \
		MEMBER(M_I32, struct timex, status), {M_ALIGN, 0, 0, (W) == M_I64 ? 8 : 1}, \
		MEMBER(W, struct timex, constant), MEMBER(W, struct timex, precision),      \
		MEMBER(W, struct timex, tolerance), MEMBER(W, struct timex, time.tv_sec),   \
		MEMBER(W, struct timex, time.tv_usec), MEMBER(W, struct timex, tick),       \
		MEMBER(W, struct timex, ppsfreq), MEMBER(W, struct timex, jitter),          \
		MEMBER(M_I32, struct timex, shift), {M_ALIGN, 0, 0, (W) == M_I64 ? 8 : 1},  \
		MEMBER(W, struct timex, stabil), MEMBER(W, struct timex, jitcnt),           \
		MEMBER(W, struct timex, calcnt), MEMBER(W, struct timex, errcnt),           \
		MEMBER(W, struct timex, stbcnt), MEMBER(M_I32, struct timex, tai), MEMBER_PAD(44)
static const struct member m_timex[] = {TIMEX(M_LONG)};
static const struct member m_timex64[] = {TIMEX(M_I64)};

static const struct member m_tms[] = {TWO_LONGS(struct tms, tms_utime, tms_stime),
				      TWO_LONGS(struct tms, tms_cutime, tms_cstime)};
static const struct member m_utimbuf[] = {TWO_LONGS(struct utimbuf_host, actime, modtime)};

/* 64-bit guests: the host's own. */
static const struct member m_stat[] = {MEMBER(M_ULONG, struct stat, st_dev),
				       MEMBER(M_ULONG, struct stat, st_ino),
				       MEMBER(M_ULONG, struct stat, st_nlink),
				       MEMBER(M_U32, struct stat, st_mode),
				       MEMBER(M_U32, struct stat, st_uid),
				       MEMBER(M_U32, struct stat, st_gid),
				       MEMBER_ZERO(M_U32),
				       MEMBER(M_ULONG, struct stat, st_rdev),
				       MEMBER(M_LONG, struct stat, st_size),
				       MEMBER(M_LONG, struct stat, st_blksize),
				       MEMBER(M_LONG, struct stat, st_blocks),
				       MEMBER(M_ULONG, struct stat, st_atime),
				       MEMBER(M_ULONG, struct stat, st_atim.tv_nsec),
				       MEMBER(M_ULONG, struct stat, st_mtime),
				       MEMBER(M_ULONG, struct stat, st_mtim.tv_nsec),
				       MEMBER(M_ULONG, struct stat, st_ctime),
				       MEMBER(M_ULONG, struct stat, st_ctim.tv_nsec),
				       MEMBER_PAD(24)};
/* newstat of i386 and ARM. */
static const struct member m_stat_old[] = {MEMBER(M_ULONG, struct stat, st_dev),
					   MEMBER(M_ULONG, struct stat, st_ino),
					   MEMBER(M_U16, struct stat, st_mode),
					   MEMBER(M_U16, struct stat, st_nlink),
					   MEMBER(M_U16, struct stat, st_uid),
					   MEMBER(M_U16, struct stat, st_gid),
					   MEMBER(M_ULONG, struct stat, st_rdev),
					   MEMBER(M_ULONG, struct stat, st_size),
					   MEMBER(M_ULONG, struct stat, st_blksize),
					   MEMBER(M_ULONG, struct stat, st_blocks),
					   MEMBER(M_ULONG, struct stat, st_atime),
					   MEMBER(M_ULONG, struct stat, st_atim.tv_nsec),
					   MEMBER(M_ULONG, struct stat, st_mtime),
					   MEMBER(M_ULONG, struct stat, st_mtim.tv_nsec),
					   MEMBER(M_ULONG, struct stat, st_ctime),
					   MEMBER(M_ULONG, struct stat, st_ctim.tv_nsec),
					   MEMBER_PAD(8)};
static const struct member m_stat64[] = {MEMBER(M_U64, struct stat, st_dev),
					 MEMBER_PAD(4),
					 MEMBER(M_ULONG, struct stat, st_ino),
					 MEMBER(M_U32, struct stat, st_mode),
					 MEMBER(M_U32, struct stat, st_nlink),
					 MEMBER(M_U32, struct stat, st_uid),
					 MEMBER(M_U32, struct stat, st_gid),
					 MEMBER(M_U64, struct stat, st_rdev),
					 MEMBER_PAD(4),
					 MEMBER(M_I64, struct stat, st_size),
					 MEMBER(M_ULONG, struct stat, st_blksize),
					 MEMBER(M_U64, struct stat, st_blocks),
					 MEMBER(M_ULONG, struct stat, st_atime),
					 MEMBER(M_ULONG, struct stat, st_atim.tv_nsec),
					 MEMBER(M_ULONG, struct stat, st_mtime),
					 MEMBER(M_ULONG, struct stat, st_mtim.tv_nsec),
					 MEMBER(M_ULONG, struct stat, st_ctime),
					 MEMBER(M_ULONG, struct stat, st_ctim.tv_nsec),
					 MEMBER(M_U64, struct stat, st_ino)};

#define STATX_TIME(name)                                                                     \
	MEMBER(M_I64, struct statx, name.tv_sec), MEMBER(M_U32, struct statx, name.tv_nsec), \
		MEMBER_PAD(4)
static const struct member m_statx[] = {MEMBER(M_U32, struct statx, stx_mask),
					MEMBER(M_U32, struct statx, stx_blksize),
					MEMBER(M_U64, struct statx, stx_attributes),
					MEMBER(M_U32, struct statx, stx_nlink),
					MEMBER(M_U32, struct statx, stx_uid),
					MEMBER(M_U32, struct statx, stx_gid),
					MEMBER(M_U16, struct statx, stx_mode),
					MEMBER_PAD(2),
					MEMBER(M_U64, struct statx, stx_ino),
					MEMBER(M_U64, struct statx, stx_size),
					MEMBER(M_U64, struct statx, stx_blocks),
					MEMBER(M_U64, struct statx, stx_attributes_mask),
					STATX_TIME(stx_atime),
					STATX_TIME(stx_btime),
					STATX_TIME(stx_ctime),
					STATX_TIME(stx_mtime),
					MEMBER(M_U32, struct statx, stx_rdev_major),
					MEMBER(M_U32, struct statx, stx_rdev_minor),
					MEMBER(M_U32, struct statx, stx_dev_major),
					MEMBER(M_U32, struct statx, stx_dev_minor),
					MEMBER(M_U64, struct statx, stx_mnt_id),
					MEMBER_PAD(104)};

#define STATFS(W)                                                                                  \
	MEMBER(M_LONG, struct statfs, f_type), MEMBER(M_LONG, struct statfs, f_bsize),             \
		MEMBER(W, struct statfs, f_blocks), MEMBER(W, struct statfs, f_bfree),             \
		MEMBER(W, struct statfs, f_bavail), MEMBER(W, struct statfs, f_files),             \
		MEMBER(W, struct statfs, f_ffree), MEMBER_BYTES(struct statfs, f_fsid),            \
		MEMBER(M_LONG, struct statfs, f_namelen), MEMBER(M_LONG, struct statfs, f_frsize), \
		MEMBER(M_LONG, struct statfs, f_flags), MEMBER_ZERO(M_LONG), MEMBER_ZERO(M_LONG),  \
		MEMBER_ZERO(M_LONG), MEMBER_ZERO(M_LONG)
static const struct member m_statfs[] = {STATFS(M_ULONG)};
static const struct member m_statfs64[] = {STATFS(M_U64)};

static const struct member m_rlimit[] = {MEMBER(M_ULONG, struct rlimit, rlim_cur),
					 MEMBER(M_ULONG, struct rlimit, rlim_max)};
static const struct member m_rlimit64[] = {MEMBER(M_U64, struct rlimit, rlim_cur),
					   MEMBER(M_U64, struct rlimit, rlim_max)};
static const struct member m_rusage[] = {
	TWO_LONGS(struct rusage, ru_utime.tv_sec, ru_utime.tv_usec),
	TWO_LONGS(struct rusage, ru_stime.tv_sec, ru_stime.tv_usec),
	TWO_LONGS(struct rusage, ru_maxrss, ru_ixrss),
	TWO_LONGS(struct rusage, ru_idrss, ru_isrss),
	TWO_LONGS(struct rusage, ru_minflt, ru_majflt),
	TWO_LONGS(struct rusage, ru_nswap, ru_inblock),
	TWO_LONGS(struct rusage, ru_oublock, ru_msgsnd),
	TWO_LONGS(struct rusage, ru_msgrcv, ru_nsignals),
	TWO_LONGS(struct rusage, ru_nvcsw, ru_nivcsw)};
static const struct member m_sysinfo[] = {
	MEMBER(M_LONG, struct sysinfo, uptime),	    MEMBER(M_ULONG, struct sysinfo, loads[0]),
	MEMBER(M_ULONG, struct sysinfo, loads[1]),  MEMBER(M_ULONG, struct sysinfo, loads[2]),
	MEMBER(M_ULONG, struct sysinfo, totalram),  MEMBER(M_ULONG, struct sysinfo, freeram),
	MEMBER(M_ULONG, struct sysinfo, sharedram), MEMBER(M_ULONG, struct sysinfo, bufferram),
	MEMBER(M_ULONG, struct sysinfo, totalswap), MEMBER(M_ULONG, struct sysinfo, freeswap),
	MEMBER(M_U16, struct sysinfo, procs),	    MEMBER_PAD(2),
	MEMBER(M_ULONG, struct sysinfo, totalhigh), MEMBER(M_ULONG, struct sysinfo, freehigh),
	MEMBER(M_U32, struct sysinfo, mem_unit),    {M_PAD, 4, 0, 8}};

#define FLOCK(W)                                                                    \
	MEMBER(M_U16, struct flock, l_type), MEMBER(M_U16, struct flock, l_whence), \
		MEMBER(W, struct flock, l_start), MEMBER(W, struct flock, l_len),   \
		MEMBER(M_I32, struct flock, l_pid)
static const struct member m_flock[] = {FLOCK(M_LONG)};
static const struct member m_flock64[] = {FLOCK(M_I64)};
static const struct member m_f_owner_ex[] = {MEMBER(M_I32, struct owner_host, type),
					     MEMBER(M_I32, struct owner_host, pid)};
static const struct member m_sched_param[] = {MEMBER(M_I32, struct one_int, value)};
static const struct member m_pollfd[] = {MEMBER(M_I32, struct pollfd, fd),
					 MEMBER(M_U16, struct pollfd, events),
					 MEMBER(M_U16, struct pollfd, revents)};
/* Unaligned on x86; the ABI's flag takes the M_ALIGN away. The data are the guest's own. */
static const struct member m_epoll_event[] = {MEMBER(M_U32, struct epoll_event, events),
					      {M_ALIGN, 0, 0, ALIGN_EPOLL},
					      MEMBER_BYTES(struct epoll_event, data)};
static const struct member m_mq_attr[] = {TWO_LONGS(struct mq_attr, mq_flags, mq_maxmsg),
					  TWO_LONGS(struct mq_attr, mq_msgsize, mq_curmsgs),
					  MEMBER_ZERO(M_LONG),
					  MEMBER_ZERO(M_LONG),
					  MEMBER_ZERO(M_LONG),
					  MEMBER_ZERO(M_LONG)};

#define IPC_PERM(T, p)                                                                        \
	MEMBER(M_I32, T, p.__key), MEMBER(M_U32, T, p.uid), MEMBER(M_U32, T, p.gid),          \
		MEMBER(M_U32, T, p.cuid), MEMBER(M_U32, T, p.cgid), MEMBER(M_U16, T, p.mode), \
		MEMBER_PAD(2), MEMBER(M_U16, T, p.__seq), MEMBER_PAD(2), {M_ALIGN, 0, 0, 0},  \
		MEMBER_ZERO(M_ULONG), MEMBER_ZERO(M_ULONG)
/* A time of 32-bit ABIs has its upper half behind it. */
#define IPC_TIME(T, name) MEMBER(M_LONG, T, name), {M_PAD, 4, 0, 4}
static const struct member m_shmid_ds[] = {IPC_PERM(struct shmid_ds, shm_perm),
					   MEMBER(M_ULONG, struct shmid_ds, shm_segsz),
					   IPC_TIME(struct shmid_ds, shm_atime),
					   IPC_TIME(struct shmid_ds, shm_dtime),
					   IPC_TIME(struct shmid_ds, shm_ctime),
					   MEMBER(M_I32, struct shmid_ds, shm_cpid),
					   MEMBER(M_I32, struct shmid_ds, shm_lpid),
					   MEMBER(M_ULONG, struct shmid_ds, shm_nattch),
					   MEMBER_ZERO(M_ULONG),
					   MEMBER_ZERO(M_ULONG)};
static const struct member m_semid_ds[] = {IPC_PERM(struct semid_ds, sem_perm),
					   MEMBER(M_LONG, struct semid_ds, sem_otime),
					   MEMBER_ZERO(M_ULONG),
					   MEMBER(M_LONG, struct semid_ds, sem_ctime),
					   MEMBER_ZERO(M_ULONG),
					   MEMBER(M_ULONG, struct semid_ds, sem_nsems),
					   MEMBER_ZERO(M_ULONG),
					   MEMBER_ZERO(M_ULONG)};
static const struct member m_msqid_ds[] = {IPC_PERM(struct msqid_ds, msg_perm),
					   IPC_TIME(struct msqid_ds, msg_stime),
					   IPC_TIME(struct msqid_ds, msg_rtime),
					   IPC_TIME(struct msqid_ds, msg_ctime),
					   MEMBER(M_ULONG, struct msqid_ds, __msg_cbytes),
					   MEMBER(M_ULONG, struct msqid_ds, msg_qnum),
					   MEMBER(M_ULONG, struct msqid_ds, msg_qbytes),
					   MEMBER(M_I32, struct msqid_ds, msg_lspid),
					   MEMBER(M_I32, struct msqid_ds, msg_lrpid),
					   MEMBER_ZERO(M_ULONG),
					   MEMBER_ZERO(M_ULONG)};
static const struct member m_shminfo[] = {MEMBER(M_ULONG, struct shminfo, shmmax),
					  MEMBER(M_ULONG, struct shminfo, shmmin),
					  MEMBER(M_ULONG, struct shminfo, shmmni),
					  MEMBER(M_ULONG, struct shminfo, shmseg),
					  MEMBER(M_ULONG, struct shminfo, shmall),
					  MEMBER_ZERO(M_ULONG),
					  MEMBER_ZERO(M_ULONG),
					  MEMBER_ZERO(M_ULONG),
					  MEMBER_ZERO(M_ULONG)};
static const struct member m_shm_info[] = {MEMBER(M_I32, struct shm_info, used_ids),
					   MEMBER(M_ULONG, struct shm_info, shm_tot),
					   MEMBER(M_ULONG, struct shm_info, shm_rss),
					   MEMBER(M_ULONG, struct shm_info, shm_swp),
					   MEMBER(M_ULONG, struct shm_info, swap_attempts),
					   MEMBER(M_ULONG, struct shm_info, swap_successes)};
static const struct member m_seminfo[] = {
	MEMBER_BYTES(struct { char all[sizeof(struct seminfo)]; }, all)};
static const struct member m_msginfo[] = {
	MEMBER_BYTES(struct { char all[sizeof(struct msginfo)]; }, all)};
static const struct member m_cap_header[] = {
	MEMBER(M_U32, struct __user_cap_header_struct, version),
	MEMBER(M_I32, struct __user_cap_header_struct, pid)};
static const struct member m_cap_data[] = {
	MEMBER(M_U32, struct __user_cap_data_struct, effective),
	MEMBER(M_U32, struct __user_cap_data_struct, permitted),
	MEMBER(M_U32, struct __user_cap_data_struct, inheritable)};

#define TERMIOS(T)                                                                       \
	MEMBER(M_U32, T, c_iflag), MEMBER(M_U32, T, c_oflag), MEMBER(M_U32, T, c_cflag), \
		MEMBER(M_U32, T, c_lflag), MEMBER(M_U8, T, c_line), MEMBER_BYTES(T, c_cc)
static const struct member m_termios[] = {TERMIOS(struct termios)};
static const struct member m_termios2[] = {TERMIOS(struct termios2),
					   MEMBER(M_U32, struct termios2, c_ispeed),
					   MEMBER(M_U32, struct termios2, c_ospeed)};
static const struct member m_winsize[] = {
	MEMBER(M_U16, struct winsize, ws_row), MEMBER(M_U16, struct winsize, ws_col),
	MEMBER(M_U16, struct winsize, ws_xpixel), MEMBER(M_U16, struct winsize, ws_ypixel)};
/* 32 bytes where long has 4, 40 where it has 8: struct ifmap is the longest member. */
static const struct member m_ifreq_name[] = {MEMBER_BYTES(struct ifreq, ifr_name),
					     MEMBER_BYTES(struct ifreq, ifr_newname),
					     {M_PAD, 8, 0, 8}};
static const struct member m_ifreq_int[] = {MEMBER_BYTES(struct ifreq, ifr_name),
					    MEMBER(M_I32, struct ifreq, ifr_ifindex),
					    MEMBER_PAD(12),
					    {M_PAD, 8, 0, 8}};
static const struct member m_ifreq_addr[] = {MEMBER_BYTES(struct ifreq, ifr_name),
					     MEMBER(M_U16, struct ifreq, ifr_addr.sa_family),
					     MEMBER_BYTES(struct ifreq, ifr_addr.sa_data),
					     {M_PAD, 8, 0, 8}};
static const struct member m_ucred[] = {MEMBER(M_I32, struct ucred_host, pid),
					MEMBER(M_I32, struct ucred_host, uid),
					MEMBER(M_I32, struct ucred_host, gid)};
static const struct member m_linger[] = {MEMBER(M_I32, struct linger, l_onoff),
					 MEMBER(M_I32, struct linger, l_linger)};
static const struct member m_hd_geometry[] = {
	MEMBER(M_U8, struct hd_geometry, heads), MEMBER(M_U8, struct hd_geometry, sectors),
	MEMBER(M_U16, struct hd_geometry, cylinders), MEMBER(M_ULONG, struct hd_geometry, start)};

#define ROW(name, type) [L_##name] = {#name, sizeof(type), G_N_ELEMENTS(m_##name), m_##name}
static const struct layout layouts[L_COUNT] = {
	ROW(int, struct one_int),
	ROW(uint, struct one_int),
	ROW(long, struct one_long),
	ROW(u64, struct one_long),
	ROW(int_pair, struct int_pair),
	ROW(timespec, struct timespec),
	ROW(timespec64, struct timespec),
	ROW(timeval, struct timeval),
	ROW(timezone, struct timezone),
	ROW(itimerval, struct itimerval),
	ROW(itimerspec, struct itimerspec),
	ROW(itimerspec64, struct itimerspec),
	ROW(timex, struct timex),
	ROW(timex64, struct timex),
	ROW(tms, struct tms),
	ROW(utimbuf, struct utimbuf_host),
	ROW(stat, struct stat),
	ROW(stat_old, struct stat),
	ROW(stat64, struct stat),
	ROW(statx, struct statx),
	ROW(statfs, struct statfs),
	ROW(statfs64, struct statfs),
	ROW(rlimit, struct rlimit),
	ROW(rlimit64, struct rlimit),
	ROW(rusage, struct rusage),
	ROW(sysinfo, struct sysinfo),
	ROW(flock, struct flock),
	ROW(flock64, struct flock),
	ROW(f_owner_ex, struct owner_host),
	ROW(sched_param, struct one_int),
	ROW(pollfd, struct pollfd),
	ROW(epoll_event, struct epoll_event),
	ROW(mq_attr, struct mq_attr),
	ROW(shmid_ds, struct shmid_ds),
	ROW(semid_ds, struct semid_ds),
	ROW(msqid_ds, struct msqid_ds),
	ROW(shminfo, struct shminfo),
	ROW(shm_info, struct shm_info),
	ROW(seminfo, struct seminfo),
	ROW(msginfo, struct msginfo),
	ROW(cap_header, struct __user_cap_header_struct),
	ROW(cap_data, struct __user_cap_data_struct),
	ROW(termios, struct termios),
	ROW(termios2, struct termios2),
	ROW(winsize, struct winsize),
	ROW(ifreq_name, struct ifreq),
	ROW(ifreq_int, struct ifreq),
	ROW(ifreq_addr, struct ifreq),
	ROW(ucred, struct ucred_host),
	ROW(linger, struct linger),
	ROW(hd_geometry, struct hd_geometry),
};

const struct layout *layout_get(enum layout_id id)
{
	return &layouts[id];
}

/* --- placing members by an ABI's rules --- */

struct place {
	unsigned int offset, size, align; /* `align`: of the whole so far */
};

static unsigned int kind_size(const struct abi *abi, const struct member *m)
{
	static const uint8_t sizes[] = {1, 1, 2, 4, 4, 8, 8, 8};

	switch (m->kind) {
	case M_LONG:
	case M_ULONG: return abi->word;
	case M_BYTES: return m->count;
	/* A pad of 32-bit ABIs or 64-bit ones alone says which word size it is for. */
	case M_PAD: return !m->host_size || m->host_size == abi->word ? m->count : 0;
	case M_ALIGN: return 0;
	default: return sizes[m->kind];
	}
}

static unsigned int kind_align(const struct abi *abi, const struct member *m, unsigned int size)
{
	switch (m->kind) {
	case M_BYTES:
	case M_PAD: return 1;
	case M_ALIGN:
		if (m->count == ALIGN_EPOLL)
			return abi->epoll_packed ? 1 : abi->align64;
		return m->count ? m->count : abi->word;
	default: return size == 8 ? abi->align64 : size;
	}
}

/* Moves on to the next member: where it is. */
static void place_next(const struct abi *abi, const struct member *m, struct place *p)
{
	p->offset += p->size;
	p->size = kind_size(abi, m);
	unsigned int align = kind_align(abi, m, p->size);
	p->offset = (p->offset + align - 1) & ~(align - 1);
	p->align = MAX(p->align, align);
}

unsigned int layout_size(const struct abi *abi, enum layout_id id)
{
	const struct layout *l = &layouts[id];
	struct place p = {.align = 1};

	for (unsigned int i = 0; i < l->count; i++)
		place_next(abi, &l->members[i], &p);
	return (p.offset + p.size + p.align - 1) & ~(p.align - 1);
}

bool layout_same(const struct abi *abi, enum layout_id id)
{
	const struct layout *l = &layouts[id];
	struct place p = {.align = 1};

	if (abi->big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ||
	    layout_size(abi, id) != l->host_size)
		return false;
	for (unsigned int i = 0; i < l->count; i++) {
		const struct member *m = &l->members[i];
		place_next(abi, m, &p);
		if (m->kind < M_BYTES && m->host_size &&
		    (m->host_size != p.size || m->host_offset != p.offset))
			return false;
		if (m->kind == M_NSEC && abi->word == 4)
			return false;
		if (m->kind == M_BYTES && m->host_offset != p.offset)
			return false;
	}
	return true;
}

static bool is_signed(const struct member *m)
{
	return m->kind == M_I8 || m->kind == M_I32 || m->kind == M_I64 || m->kind == M_LONG;
}

static uint64_t extend(uint64_t value, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (uint64_t)((int64_t)(value << shift) >> shift);
}

void layout_to_host(const struct abi *abi, enum layout_id id, const void *guest, void *host)
{
	const struct layout *l = &layouts[id];
	struct place p = {.align = 1};

	memset(host, 0, l->host_size);
	for (unsigned int i = 0; i < l->count; i++) {
		const struct member *m = &l->members[i];
		place_next(abi, m, &p);
		const char *from = (const char *)guest + p.offset;
		char *to = (char *)host + m->host_offset;
		if (m->kind == M_BYTES) {
			memcpy(to, from, p.size);
		} else if (m->kind < M_BYTES && m->host_size) {
			uint64_t value = abi_number(abi, load_le(from, p.size), p.size);
			if (m->kind == M_NSEC && abi->word == 4)
				value = (uint32_t)value;
			store_le(to, m->host_size, is_signed(m) ? extend(value, p.size) : value);
		}
	}
}

void layout_to_guest(const struct abi *abi, enum layout_id id, const void *host, void *guest)
{
	const struct layout *l = &layouts[id];
	struct place p = {.align = 1};

	memset(guest, 0, layout_size(abi, id));
	for (unsigned int i = 0; i < l->count; i++) {
		const struct member *m = &l->members[i];
		place_next(abi, m, &p);
		char *to = (char *)guest + p.offset;
		const char *from = (const char *)host + m->host_offset;
		if (m->kind == M_BYTES) {
			memcpy(to, from, p.size);
		} else if (m->kind < M_BYTES && m->host_size) {
			uint64_t value = load_le(from, m->host_size);
			if (is_signed(m))
				value = extend(value, m->host_size);
			store_le(to, p.size, abi_number(abi, value, p.size));
		}
	}
}

bool layout_read(struct thread *t, enum layout_id id, uint64_t addr, void *host)
{
	uint8_t guest[LAYOUT_MAX];

	if (!guest_read(t, guest, addr, layout_size(t->abi, id)))
		return false;
	layout_to_host(t->abi, id, guest, host);
	return true;
}

bool layout_write(struct thread *t, enum layout_id id, uint64_t addr, const void *host)
{
	uint8_t guest[LAYOUT_MAX];

	layout_to_guest(t->abi, id, host, guest);
	return guest_write(t, addr, guest, layout_size(t->abi, id));
}
