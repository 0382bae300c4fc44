/*
 * System calls as a table: one row a call, with its number in each ABI and its arguments' types.
 * From the types follow how arguments are taken from registers, converted and checked, and what
 * -strace prints. A row without a function is done by syscall.c from the types alone.
 */
#ifndef USER_LINUX_SYSCALL_H
#define USER_LINUX_SYSCALL_H

#include "user/linux/layout.h"

#include <sys/syscall.h>

enum arg_kind {
	ARG_NONE,
	ARG_INT,  /* 32 bits, signed; also descriptors */
	ARG_UINT, /* 32 bits */
	ARG_LONG, /* of the ABI's word size, signed */
	ARG_ULONG,
	ARG_OFF64,  /* 64 bits: two registers of 32-bit ABIs */
	ARG_PATH,   /* a file that is looked up: the prefix of -L applies */
	ARG_STRING, /* a name that the kernel reads itself */
	ARG_PTR,    /* memory that the kernel or a function reads */
	ARG_BUF_IN, /* bytes; the next argument is their number */
	ARG_BUF_OUT,
	ARG_STRUCT_IN,
	ARG_STRUCT_OUT,
	ARG_STRUCT_INOUT,
};

/* How -strace shows a number. */
enum arg_show {
	SHOW_DECIMAL,
	SHOW_HEX,
	SHOW_OCTAL,
	SHOW_ATFD,
	SHOW_PROT,
	SHOW_open,
	SHOW_mmap,
};

struct arg {
	uint8_t kind;
	uint8_t id; /* enum layout_id of structures, enum arg_show of others */
};

#define INT	    {ARG_INT, 0}
#define UINT	    {ARG_UINT, 0}
#define LONG	    {ARG_LONG, 0}
#define ULONG	    {ARG_ULONG, 0}
#define SIZE	    {ARG_ULONG, 0}
#define OFF64	    {ARG_OFF64, 0}
#define FD	    {ARG_INT, 0}
#define ATFD	    {ARG_INT, SHOW_ATFD}
#define OCT	    {ARG_UINT, SHOW_OCTAL}
#define HEX	    {ARG_ULONG, SHOW_HEX}
#define ADDR	    {ARG_ULONG, SHOW_HEX}
#define PROT	    {ARG_UINT, SHOW_PROT}
#define FLAGS(kind) {ARG_UINT, SHOW_##kind}
#define PATH	    {ARG_PATH, 0}
#define NAME	    {ARG_STRING, 0}
#define STR	    {ARG_STRING, 0}
#define PTR	    {ARG_PTR, 0}
#define SOCKADDR    {ARG_PTR, 0}
#define BUF_IN	    {ARG_BUF_IN, 0}
#define BUF_OUT	    {ARG_BUF_OUT, 0}
#define IN(name)    {ARG_STRUCT_IN, L_##name}
#define OUT(name)   {ARG_STRUCT_OUT, L_##name}
#define INOUT(name) {ARG_STRUCT_INOUT, L_##name}

struct call;
/* `a`: arguments as their types say, pointers as guest addresses. Returns the result or -errno,
 * -RESTART_CALL, -STATE_IS_SET. */
typedef int64_t call_fn(struct thread *t, const struct call *call, const uint64_t *a);

struct call {
	const char *name;
	int16_t nr[ABI_COUNT]; /* -1: the ABI does not have it */
	int16_t host;	       /* the host's number, -1: none */
	struct arg args[6];
	call_fn *fn; /* NULL: by the types */
};

extern const struct call system_calls[];
extern const unsigned int system_call_count;

/* The row of a number, NULL: unknown. */
const struct call *call_find(const struct abi *abi, uint64_t nr);
/* A call by its types. */
call_fn call_generic;

/* -strace (strace.c): before and after. */
void strace_enter(struct thread *t, const struct call *call, const uint64_t *a);
void strace_leave(struct thread *t, const struct call *call, const uint64_t *a, int64_t result);
void strace_signal(struct thread *t, const struct guest_signal *s);

/* --- what functions of calls share --- */

/* Host call of a row with these arguments. */
#define HOST(t, nr, ...) HOST_(t, nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define HOST_(t, nr, a, b, c, d, e, f, ...)                                          \
	host_call(t, nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), \
		  (uint64_t)(e), (uint64_t)(f))
#define HPTR(p) ((uint64_t)(uintptr_t)(p))

/* A path argument on the host: in `buffer` (PATH_MAX bytes), or the guest's own bytes. 0 or
 * -errno. */
int64_t path_argument(struct thread *t, uint64_t addr, char *buffer, const char **path);
/* Whether the call is one of those with 64-bit times of a 32-bit ABI: its kind of timespec. */
enum layout_id timespec_of(const struct thread *t, const struct call *call);
/* open()'s flags, as also dup3() and others have them. */
int open_flags_to_host(const struct abi *abi, int flags);
int open_flags_to_guest(const struct abi *abi, int flags);
/* A signal set of `size` bytes at `addr`. */
bool sigset_read(struct thread *t, uint64_t addr, uint64_t *set) NODISCARD;
bool sigset_write(struct thread *t, uint64_t addr, uint64_t set) NODISCARD;
/* iovecs as the host has them, NULL and errno: bad. g_free() */
struct iovec;
struct iovec *iovec_read(struct thread *t, uint64_t addr, uint64_t count, int64_t *error);
/* Files that show the guest and not the emulator (procfs.c): a descriptor, -errno, or
 * -NO_SUCH_CALL where the path is none of them. */
int64_t proc_open(struct thread *t, const char *path, int flags);
/* The same for links: text's length. */
int64_t proc_readlink(struct thread *t, const char *path, char *buffer, size_t size);
int64_t user_execve(struct thread *t, int dirfd, const char *path, uint64_t argv, uint64_t envp,
		    int flags);

call_fn sys_none;
/* The same with a line in the log: programs can hardly do without. */
call_fn sys_missing;
call_fn sys_accept, sys_affinity, sys_arm_fadvise, sys_bind, sys_brk, sys_cap, sys_chown16,
	sys_clock_gettime, sys_clone, sys_clone3, sys_dup3, sys_epoll_pwait2, sys_epoll_wait,
	sys_execve, sys_exit, sys_exit_group, sys_fcntl, sys_flags, sys_fork, sys_futex,
	sys_get_robust_list, sys_getdents, sys_getdents64, sys_getid16, sys_getresid16,
	sys_getrlimit, sys_getsockopt, sys_gettimeofday, sys_groups, sys_groups16, sys_ioctl,
	sys_ipc, sys_kcmp, sys_keyctl, sys_llseek, sys_madvise, sys_mincore, sys_mlockall, sys_mmap,
	sys_mmsg, sys_mprotect, sys_mq_notify, sys_mq_open, sys_mremap, sys_msgctl, sys_msgrcv,
	sys_msgsnd, sys_munmap, sys_nice, sys_old_mmap, sys_old_select, sys_open,
	sys_open_by_handle, sys_openat2, sys_pause, sys_personality, sys_pipe, sys_poll, sys_ppoll,
	sys_prctl, sys_prlimit, sys_pselect6, sys_readlink, sys_recvfrom, sys_recvmsg,
	sys_rt_sigaction, sys_rt_sigpending, sys_rt_sigprocmask, sys_rt_sigqueueinfo,
	sys_rt_sigsuspend, sys_rt_sigtimedwait, sys_select, sys_semctl, sys_sendmsg, sys_sendto,
	sys_set_robust_list, sys_set_tid_address, sys_setid16, sys_setrlimit, sys_setsockopt,
	sys_sgetmask, sys_shmat, sys_shmctl, sys_shmdt, sys_sigaction, sys_sigaltstack, sys_signal,
	sys_signalfd, sys_sigprocmask, sys_sigreturn, sys_sigsuspend, sys_sleep, sys_socket,
	sys_socketcall, sys_socketpair, sys_ssetmask, sys_statfs64, sys_stime, sys_sync_range2,
	sys_time, sys_timer_create, sys_umount, sys_uname, sys_utimensat, sys_utimes, sys_vector,
	sys_vfork, sys_waitid, sys_waitpid;

#endif
