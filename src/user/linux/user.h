/*
 * Linux user mode: one guest process in one host process, one host thread a guest thread.
 *
 * The guest's address space is a host reservation: guest address A is host address base + A, with
 * the host's protections the same as the guest's. So pointers that only the kernel follows are
 * passed on as they are, and a stale TLB entry ends in a host fault that becomes the guest's.
 *
 * A system call, an exception or a signal brings the thread out of cpu_run_here() into loop.c, with
 * exact state; nothing else happens while guest code runs.
 */
#ifndef USER_LINUX_USER_H
#define USER_LINUX_USER_H

#include "base/error.h"
#include "interp/vcpu.h"
#include "vm/debug.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct thread;
struct process;

/* What system calls return beside errno values. */
enum {
	RESTART_CALL = 512, /* not started or to be started again: the pc goes back to it */
	STATE_IS_SET = 513, /* registers are as they shall be (sigreturn, execve) */
	NO_SUCH_CALL = ENOSYS,
};

/* --- ABIs --- */

enum abi_index { ABI_X86_64, ABI_I386, ABI_ARM, ABI_COUNT };

#define GUEST_NSIG 64

/* A guest's struct sigaction in one form. */
struct guest_action {
	uint64_t handler, flags, restorer, mask;
};

/* A signal on its way to the guest; the host's siginfo with guest addresses. */
struct guest_signal {
	int signo;
	siginfo_t info;
	uint64_t mask; /* of the moment before, which the frame keeps */
	/* x86: of the exception, for the frame's sigcontext */
	uint64_t trap, error, address;
};

struct abi {
	const char *name;     /* of the architecture, as programs' names have it: "i386" */
	const char *cpu_arch; /* which is its processor's cpu_class.isa */
	const char *default_cpu;
	const char *uname;    /* machine field of uname() */
	const char *platform; /* AT_PLATFORM */
	enum abi_index index; /* column of system call numbers */
	uint16_t elf_machine;
	uint8_t word;	 /* bytes of a long and of a pointer: 4 or 8 */
	uint8_t align64; /* alignment of 64-bit members of structures */
	bool big_endian;
	bool even_pairs;     /* 64-bit arguments of calls start at an even register */
	bool arm_open_flags; /* O_DIRECTORY and its neighbours have ARM's values */
	bool epoll_packed;   /* struct epoll_event has no padding */
	uint64_t task_size;  /* end of the address space, where the host can give so much */
	uint64_t exec_base;  /* where position-independent programs go, as part of task_size in
			      * 1/256 */
	const struct cpu_class *cpu_class;
	/* Registers for gdb, where they are not those of the class. */
	const struct gdb_description *(*gdb)(struct cpu *cpu);

	/* A vCPU has been made: sets hooks and the state in which programs start. */
	void (*init)(struct thread *t);
	void (*start)(struct thread *t, uint64_t pc, uint64_t sp, uint64_t flags);
	/* The thread ends (quiesced); may be NULL. */
	void (*release)(struct thread *t);
	/* `child` has been made for a thread that starts as `parent`'s copy. */
	void (*copy)(struct thread *child, const struct thread *parent);
	void (*set_sp)(struct thread *t, uint64_t sp);
	uint64_t (*get_sp)(struct thread *t);
	uint64_t (*get_pc)(struct thread *t);
	int (*set_tls)(struct thread *t, uint64_t value); /* clone's argument; 0 or errno */
	/* System calls: number and registers that arguments lie in. */
	uint64_t (*get_call)(struct thread *t, uint64_t regs[7]);
	void (*set_result)(struct thread *t, int64_t result);
	void (*restart)(struct thread *t, uint64_t nr); /* pc back at the call */
	/* Calls of this ABI alone; false: not one of them. */
	bool (*own_call)(struct thread *t, uint64_t nr, const uint64_t *regs, int64_t *result);
	/* Makes a frame on the guest's stack and enters the handler; false: no room for it. */
	bool (*frame)(struct thread *t, const struct guest_signal *s,
		      const struct guest_action *action);
	/* The frame that a handler leaves; new signal mask. False: it cannot be read. */
	bool (*sigreturn)(struct thread *t, bool rt, uint64_t *mask);
	/* An access of guest code faulted on the host: raises what the guest's processor would. On
	 * x86-64, NOT_CANONICAL stands for an address that the host's does not tell. */
	NORETURN void (*host_fault)(struct thread *t, uint64_t va, bool write);
	uint64_t (*hwcap)(struct thread *t, unsigned int n); /* AT_HWCAP, AT_HWCAP2 */
	/* Pages that every process has: trampolines, ARM's kernel helpers. */
	void (*map_fixed)(struct thread *t);
	void (*cpuinfo)(struct thread *t, FILE *out); /* /proc/cpuinfo; NULL: the host's */
};

#define NOT_CANONICAL (UINT64_C(1) << 63)

extern const struct abi abi_x86_64, abi_i386, abi_arm, abi_armeb;

/* --- threads and the process --- */

enum trap_kind { TRAP_NONE, TRAP_CALL, TRAP_SIGNAL };

/* Actions of signals; shared by threads, copied by fork and vfork. */
struct sighand {
	GMutex lock;
	int users;
	struct guest_action action[GUEST_NSIG + 1];
};

struct thread {
	struct cpu *cpu;
	struct process *process;
	const struct abi *abi;
	pid_t tid;
	/* why guest code was left */
	enum trap_kind trap;
	struct guest_signal fault; /* TRAP_SIGNAL */
	bool bus;		   /* the fault that is being raised is SIGBUS */
	int bus_code;
	/* signals (signal.c) */
	uint32_t noted; /* a host signal waits in `note`; read by the call stub */
	siginfo_t note;
	uint64_t mask;	    /* the guest's */
	uint64_t call_mask; /* mask during a call that sets one (ppoll, sigsuspend) */
	bool has_call_mask;
	uint64_t held; /* asynchronous SIGSEGV and SIGBUS while they are masked */
	siginfo_t held_info[2];
	struct {
		uint64_t sp, size;
		uint32_t flags;
	} altstack;
	struct sighand *hand;
	sigjmp_buf *fault_jump; /* where a fault of guest_read() and its like goes */
	/* end of the thread */
	uint64_t clear_child_tid, robust_list;
	uint64_t segments[8]; /* x86: what set_thread_area() and its like keep */
	bool vfork_child;
	/* a stop of the debugger's that is to be told */
	bool has_debug_stop;
	struct debug_stop debug_stop;
};

/* Who debugs the program (-g); NULL: nobody. */
struct user_debugger {
	/* In the loop: stops here if there is a reason. */
	void (*look)(struct thread *t);
	/* A signal is about to be delivered: the one that takes its place, or 0. */
	int (*signal)(struct thread *t, int signo);
	void (*ended)(bool killed, int status);
	/* This is a child of fork() now. */
	void (*forked)(void);
};
extern const struct user_debugger *user_debugger;

struct mm;

#define KERNEL_PAGES_MAX 16384 /* of the region that only descriptor loads see */

struct process {
	const struct abi *abi;
	struct mm *mm;
	uint8_t *base; /* host address of guest address 0 */
	char *prefix;  /* -L */
	char *exe;     /* path of the program, resolved */
	char *uname_release;
	char **self_args; /* options that an emulator started for execve() gets */
	int self_fd;	  /* the emulator's executable */
	uint64_t stack_size;
	uint64_t arg_start, arg_end, env_start, env_end, auxv_start, auxv_end, stack_start;
	uint64_t code_start, code_end, data_start, data_end, entry;
	uint64_t trampolines; /* guest page of signal returns */
	uint32_t personality;
	bool strace, flat; /* flat: a bFLT program */
	const char *cpu_model;
	struct region root, ram, kernel; /* address space of the vCPUs */
	struct address_space space;
	/* pages of `kernel` that threads have, a bit each; changed while vCPUs are quiesced */
	uint8_t kernel_used[KERNEL_PAGES_MAX / 8];
	struct rlimit limits[RLIM_NLIMITS]; /* those that are kept from the host */
	bool limit_set[RLIM_NLIMITS];
};

/* The thread that this host thread runs; NULL in helpers. */
struct thread *thread_self(void);
void thread_set_self(struct thread *t);

static inline struct thread *thread_of(struct vcpu *v)
{
	return v->cpu.intc;
}

static inline struct vcpu *thread_vcpu(struct thread *t)
{
	return (struct vcpu *)t->cpu;
}

/* --- guest memory (access.c): the only ways in --- */

/* Host address of a guest pointer that only the kernel follows: NULL stays NULL, and an address
 * outside of the guest becomes one that faults. */
void *guest_pointer(struct thread *t, uint64_t addr, uint64_t len);
/* Copies; false: EFAULT. */
bool guest_read(struct thread *t, void *to, uint64_t addr, uint64_t len) NODISCARD;
bool guest_write(struct thread *t, uint64_t addr, const void *from, uint64_t len) NODISCARD;
/* A NUL-terminated string of at most size - 1 bytes: its length, or -EFAULT, -ENAMETOOLONG. */
int64_t guest_string(struct thread *t, char *to, uint64_t addr, uint64_t size);
/* One number of `size` bytes in guest order. */
bool guest_get(struct thread *t, uint64_t addr, unsigned int size, uint64_t *value) NODISCARD;
bool guest_put(struct thread *t, uint64_t addr, unsigned int size, uint64_t value) NODISCARD;
/* The kernel has written there: code on it is dropped. */
void guest_written(struct thread *t, uint64_t addr, uint64_t len);

static inline uint64_t abi_number(const struct abi *abi, uint64_t value, unsigned int size)
{
	return abi->big_endian ? __builtin_bswap64(value) >> (64 - 8 * size) : value;
}

/* --- memory map (mm.c) --- */

struct mm_area {
	uint64_t start, end;
	uint8_t prot; /* PROT_READ ... */
	bool file;    /* backed by a file: may be shorter than the mapping */
	bool shared;
};

struct error *mm_new(struct process *p, uint64_t base, uint64_t size) NODISCARD;
uint64_t mm_task_size(const struct mm *mm);
/* The area of an address; false: nothing is mapped. Any thread. */
bool mm_find(struct mm *mm, uint64_t addr, struct mm_area *area);
/* As the system calls; results are addresses or -errno. */
int64_t mm_map(struct thread *t, uint64_t addr, uint64_t len, int prot, int flags, int fd,
	       uint64_t offset);
int64_t mm_unmap(struct thread *t, uint64_t addr, uint64_t len);
int64_t mm_protect(struct thread *t, uint64_t addr, uint64_t len, int prot);
int64_t mm_remap(struct thread *t, uint64_t old, uint64_t old_len, uint64_t new_len, int flags,
		 uint64_t new_addr);
int64_t mm_shmat(struct thread *t, int id, uint64_t addr, int flags);
int64_t mm_shmdt(struct thread *t, uint64_t addr);
/* Pages with code that the guest may write are protected (code-pages.c). A store of the guest's or
 * the emulator's faulted at `addr`: true if it may be made now. */
bool mm_code_written(struct mm *mm, uint64_t addr);
/* Before the kernel writes there: nothing of the range is protected so. True: something was. */
bool mm_code_release(struct mm *mm, uint64_t addr, uint64_t len);
void mm_set_brk(struct mm *mm, uint64_t addr);
int64_t mm_brk(struct thread *t, uint64_t addr);
/* Calls with each area in order; NULL lock: for /proc. */
void mm_each(struct mm *mm, void (*fn)(void *opaque, const struct mm_area *area), void *opaque);
void mm_fork_lock(struct mm *mm);
void mm_fork_unlock(struct mm *mm, bool child);

/* --- loading (elf.c, flat.c, stack.c) --- */

/* What a loaded program is; for the stack's auxiliary vector. */
struct image {
	uint64_t entry, interp_base, phdr, load_base;
	uint16_t phent, phnum;
	uint64_t start, flags; /* of the first instruction; e_flags */
	uint64_t brk;
	bool exec_stack, read_implies_exec;
	bool flat;	     /* bFLT: no auxiliary vector, argv and envp by pointer */
	uint64_t flat_stack; /* bytes of stack that its header asks for */
	uint64_t flat_data;
};

/* What a file is, by its first bytes: for execve(), too. */
enum file_kind { FILE_OTHER, FILE_GUEST, FILE_SCRIPT, FILE_FOREIGN };
enum file_kind image_kind(const struct abi *abi, const uint8_t *head, size_t len,
			  const char **foreign);
struct error *image_load(struct thread *t, const char *path, struct image *img) NODISCARD;
struct error *user_elf_load(struct thread *t, int fd, const char *path,
			    struct image *img) NODISCARD;
struct error *flat_load(struct thread *t, int fd, struct image *img) NODISCARD;
/* Makes the stack with arguments, environment and auxiliary vector; its pointer. */
struct error *stack_build(struct thread *t, const struct image *img, char **argv, char **envp,
			  const char *exec_name, uint64_t *sp) NODISCARD;

/* --- running --- */

struct error *user_thread_new(struct process *p, struct thread **out) NODISCARD;
void user_thread_free(struct thread *t);
NORETURN void user_loop(struct thread *t);
/* TLB fill of user mode: what the page map says. False: fault, with t->bus and bus_code set; the
 * ISA raises it. */
bool user_tlb_fill(struct vcpu *v, uint64_t va, enum mem_access access, unsigned int mode);

/* --- signals (signal.c) --- */

void signals_init(struct thread *t);
/* Delivers what is noted or forced, in the loop. `result`: of the call that was interrupted. */
void signals_deliver(struct thread *t);
/* The thread's instruction did it: as the kernel's force_sig(). */
void signal_force(struct thread *t, const struct guest_signal *s);
int64_t signals_set_mask(struct thread *t, uint64_t mask);
/* The host's set for a guest's mask: without what the emulator must see. */
uint64_t signal_host_mask(uint64_t mask);
int64_t signal_sigaction(struct thread *t, int sig, const struct guest_action *new,
			 struct guest_action *old);
bool on_altstack(const struct thread *t, uint64_t sp);
/* Where a frame of `size` bytes goes for an action, by SA_ONSTACK. */
uint64_t signal_stack(struct thread *t, const struct guest_action *a, uint64_t sp);
/* Dies of a signal as the guest would have. */
NORETURN void signal_die(struct thread *t, int sig);
/* siginfo in the guest's layout: 128 bytes. */
void siginfo_to_guest(const struct abi *abi, const siginfo_t *info, uint8_t out[128]);
void siginfo_from_guest(const struct abi *abi, const uint8_t in[128], siginfo_t *info);
void sighand_unref(struct sighand *h);
struct sighand *sighand_copy(struct sighand *h);

/* --- system calls --- */

/* The host's call; -errno, or -RESTART_CALL where a signal came before it or asks for a restart. */
int64_t host_call(struct thread *t, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
		  uint64_t e, uint64_t f);
void user_system_call(struct thread *t);
/* Path of a file as the guest names it: below the prefix where it is there. `buffer` holds
 * PATH_MAX bytes. */
const char *prefix_path(const struct process *p, const char *path, char *buffer);

NORETURN void thread_exit(struct thread *t, int status);

#endif
