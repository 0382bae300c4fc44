/*
 * A virtual processor as machines, devices, the monitor and the gdb stub see it.
 *
 * The execution core (interp/) embeds `struct cpu` as the first member of its own and fills in the
 * class. Everything here is independent of the guest's instruction set.
 *
 * Threads: each vCPU runs on its own host thread (all on one under -icount). Fields of the running
 * vCPU belong to its thread; others ask with cpu_run_on() or while the machine is quiesced.
 */
#ifndef VM_CPU_H
#define VM_CPU_H

#include "base/error.h"
#include "vm/device.h"
#include "vm/memory.h"

#include <stdint.h>
#include <stdio.h>

struct cpu;
struct cpu_model;
struct gdb_description;

/* A register that the monitor shows as $name. */
struct cpu_register {
	const char *name;
	uint64_t (*read)(struct cpu *cpu, unsigned int arg);
	void (*write)(struct cpu *cpu, unsigned int arg, uint64_t value); /* NULL: read only */
	unsigned int arg;
};

struct cpu_class {
	const char *isa; /* "x86", "arm", ... */
	size_t size;
	/* Called once after allocation. `model` is the text of -cpu ("qemu64,+f,-f"), never NULL.
	 */
	struct error *(*init)(struct cpu *cpu, const char *model);
	void (*destroy)(struct cpu *cpu);
	/* Power-on or reset state. Machine lock held and the vCPU not running. */
	void (*reset)(struct cpu *cpu);
	/* An input line of the processor changed; lines are numbered by the ISA (vm/x86-cpu.h ...).
	 * Machine lock held, any thread. */
	void (*set_line)(struct cpu *cpu, int line, int level);
	/*
	 * Runs guest code; called without the machine lock. Returns soon after cpu->exit_request
	 * was set (which the caller clears, never the core), when cpu->halted, or when the
	 * instructions that cpu_icount_budget() gave on entry are used up. Adds what it ran to
	 * cpu->instructions.
	 */
	void (*run)(struct cpu *cpu);
	/* True where the processor would wake from halt (the vCPU loop then clears cpu->halted
	 * before it calls run). Machine lock held. */
	bool (*has_work)(struct cpu *cpu);
	uint64_t (*get_pc)(struct cpu *cpu);
	void (*set_pc)(struct cpu *cpu, uint64_t pc);
	/* Debugger's translation: no side effects, no faults; false where nothing is mapped. */
	bool (*translate)(struct cpu *cpu, uint64_t va, uint64_t *pa);
	void (*dump)(struct cpu *cpu, FILE *out);
	void (*list_models)(FILE *out);	      /* -cpu ? */
	const struct cpu_register *registers; /* ends with name NULL */
	const struct field *state;
	struct error *(*post_load)(struct cpu *cpu);
	/* Disassembles at va (debugger's view) into `out`, `count` instructions; returns next va.
	 * `wordsize` is 2, 4 or 8 where the ISA has widths, 0 for the current one. */
	uint64_t (*disassemble)(struct cpu *cpu, FILE *out, uint64_t va, unsigned int count,
				unsigned int wordsize, bool physical);
	/* Monitor commands of some ISAs; may be NULL. */
	void (*info_tlb)(struct cpu *cpu, FILE *out);
	void (*info_mem)(struct cpu *cpu, FILE *out);
	/* Counters of -stats, as "name value" pairs through `add`. */
	void (*stats)(struct cpu *cpu, void (*add)(void *opaque, const char *name, double value),
		      void *opaque);
	/* The debugger's points (vm/debug.h) have changed. Quiesced; may be NULL. */
	void (*debug_changed)(struct cpu *cpu);
	/* The registers as gdb knows them (vm/gdb-registers.h); may be NULL. */
	const struct gdb_description *(*gdb)(struct cpu *cpu);
	bool big_endian;
};

struct cpu_work;

struct cpu {
	const struct cpu_class *class;
	unsigned int index;
	struct address_space *memory; /* of this vCPU */
	/* x86: what the processor sees instead of `memory` in system management mode; NULL: the
	 * same */
	struct address_space *smm_memory;
	struct address_space *io; /* port space, NULL where the ISA has none */
	/* Looked at with the budget at every block: cpu_kick() sets it to bring the vCPU back; the
	 * vCPU loop clears it before it looks at what was asked. */
	uint32_t exit_request;
	bool halted;  /* waits for has_work(); its thread writes it, others read */
	bool stopped; /* by the run state or before start-up */
	bool created;
	bool debug_step; /* stops after one instruction (vm/debug.h) */
	bool debug_held; /* stays out of guest code while others run */
	bool running;	       /* inside class->run; machine lock */
	uint64_t instructions; /* run so far; exact when stopped or under -icount */
	void *thread;	       /* GThread * */
	struct cpu_work *work; /* queued by cpu_run_on(), newest first; atomic */
	struct cpu *next;
	void *intc; /* the local interrupt controller's device, opaque to the core */
	const void *intc_ops;
};

/* Creates a vCPU of a class; the caller (a board) owns none of it afterwards. */
struct error *cpu_new(const struct cpu_class *class, const char *model,
		      struct address_space *memory, struct address_space *io,
		      struct cpu **cpu) NODISCARD;
struct cpu *cpu_first(void);
struct cpu *cpu_at(unsigned int index);
unsigned int cpu_count(void);
/* The vCPU whose thread this is, or NULL. */
struct cpu *cpu_current(void);

/* Makes the vCPU look at its requests soon (leaves halt, ends its budget). Any thread. */
void cpu_kick(struct cpu *cpu);
/* Runs fn on the vCPU's thread between two instructions; asynchronous. Any thread. */
void cpu_run_on(struct cpu *cpu, void (*fn)(struct cpu *cpu, void *opaque), void *opaque);

/* Starts the vCPU threads (once, after the machine is built; they wait while stopped). */
void cpus_start(void);

/*
 * User mode: the vCPU runs on a thread of the caller's, which loops over cpu_run_here(). That runs
 * queued work, waits while others keep vCPUs out, and is back after class->run. cpu_remove() frees
 * a vCPU (quiesced, not running). After fork() the child has only `cpu` left: the machine lock is
 * held and quiesced by this thread, as it was in the parent.
 */
void cpu_run_here(struct cpu *cpu);
void cpu_remove(struct cpu *cpu);
void cpus_forked(struct cpu *cpu);

/* Resets every vCPU (machine lock held, quiesced): machine_reset() calls it. */
void cpus_reset(void);

/*
 * Counting instructions. Under -icount all vCPUs share one thread and run in turns; virtual time is
 * the sum of their cpu->instructions. A core's run() does:
 *
 *	int64_t budget = cpu_icount_budget(cpu);  // INT64_MAX without -icount
 *	... run at most `budget` instructions ...
 *	cpu_icount_account(cpu, executed);	  // and before every device access
 *
 * so that a device that reads the clock sees the instructions up to and including the one that
 * accesses it. A device that sets an earlier deadline sets exit_request: the core looks at it after
 * a device access and returns at the next instruction (or block) boundary, where a new budget is
 * made. Timers thus fire between two instructions, always the same two.
 */
int64_t cpu_icount_budget(struct cpu *cpu);
static inline void cpu_icount_account(struct cpu *cpu, uint64_t executed)
{
	/* One writer; other threads read it for the clock and for statistics. */
	__atomic_store_n(&cpu->instructions, cpu->instructions + executed, __ATOMIC_RELAXED);
}

/*
 * The quiesce point: machine_quiesce() returns with every vCPU out of guest code and kept out until
 * machine_resume() by the same thread; nestable; machine lock held. savevm, gdb, reset and
 * reclamation use it. A vCPU thread may call it from its slow paths (it counts as stopped itself).
 */
void machine_quiesce(void);
void machine_resume(void);

/* Debugger's access to virtual memory; false where not mapped. */
bool cpu_read_virtual(struct cpu *cpu, uint64_t va, void *buf, uint64_t len);
bool cpu_write_virtual(struct cpu *cpu, uint64_t va, const void *buf, uint64_t len);

/* Execution options, set once by main() before cpus_start(). */
struct exec_options {
	bool singlestep;     /* -singlestep: one instruction a block */
	bool icount;	     /* -icount */
	bool icount_auto;    /* the shift follows real time */
	bool icount_nosleep; /* idle guests jump to the next deadline without waiting for it */
	unsigned int icount_shift;
	bool stats;		/* -stats */
	const char *stats_json; /* -stats json=FILE */
};
extern struct exec_options exec_options;

#endif
