/*
 * An x86 processor, 8086 to x86_64. Source: Intel SDM volumes 1-3, AMD APM volumes 2 and 5.
 *
 * `struct x86_regs` holds what op bodies compute with; everything else is in `struct x86_cpu`.
 * Register operands are byte offsets into `struct x86_regs`, so that AH is RAX's second byte and an
 * absent base or index is REG_ZERO.
 */
#ifndef INTERP_X86_CPU_H
#define INTERP_X86_CPU_H

#include "interp/softfloat/softfloat.h"
#include "interp/vcpu.h"
#include "vm/irq.h"
#include "vm/x86-cpu.h"

enum x86_gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* Slots of x86_regs.r behind the general registers; their byte offsets are operands too. */
enum { SLOT_ZERO = 16, SLOT_TMP0, SLOT_TMP1, SLOT_COUNT };
#define REG(n)	 ((uint8_t)((n) * 8))
#define REG_ZERO REG(SLOT_ZERO)
#define REG_TMP0 REG(SLOT_TMP0)
#define REG_TMP1 REG(SLOT_TMP1)

union x86_xmm {
	uint64_t q[2];
	uint32_t d[4];
	uint16_t w[8];
	uint8_t b[16];
	double f64[2];
	float f32[4];
} __attribute__((aligned(16)));

struct x86_regs {
	uint64_t r[SLOT_COUNT];
	/* Lazy flags (flags.h): kind of the last operation, its result and second operand. */
	uint64_t cc_dst, cc_src;
	uint32_t cc_op, cc_carry; /* cc_carry: carry in of ADC, SBB */
	uint32_t df;		  /* 0 or 1: EFLAGS.DF */
	/* x87: physical registers, MMX registers are their significands */
	struct f80 st[8];
	uint16_t fcw;
	uint32_t fsw, ftop; /* fsw without TOP */
	uint32_t ftag;	    /* bit n set: physical register n is empty */
	/* The last instruction, for FSTENV; noted piece by piece while it runs */
	uint64_t fip, fdp;
	uint32_t fcs, fds, fop;
	uint32_t mxcsr;
	union x86_xmm xmm[18]; /* the last two are the temporaries of memory operands */
};
#define XMM_TMP0 16
#define XMM_TMP1 17

/* SEG_FLAT is no register: base 0 and no limit, for 64-bit mode's segments without a base. */
enum x86_seg_name { ES, CS, SS, DS, FS, GS, SEG_FLAT, SEG_LDT, SEG_TSS, SEG_COUNT };

/*
 * A segment register with its cached descriptor. An access of `size` bytes at offset `off` is
 * allowed where off - lo <= span and off + size - 1 - lo <= span, with the span of its kind of
 * access and read_ok or write_ok is set. Anything else goes to x86_seg_fault(), which finds the
 * exception. In 64-bit mode every segment but FS and GS is used through SEG_FLAT, and those two
 * have lo 0 and span UINT64_MAX.
 */
struct x86_seg {
	uint64_t base;
	uint32_t limit; /* in bytes, granularity applied */
	uint32_t attr;	/* descriptor's second dword, bits 8-23 */
	uint16_t selector;
	bool usable; /* false: null or never loaded */
	bool read_ok, write_ok;
	uint64_t lo, span;
};

enum {
	SEG_A = 1 << 8,
	SEG_W = 1 << 9,
	SEG_R = 1 << 9,
	SEG_E = 1 << 10,
	SEG_C = 1 << 10,
	SEG_CODE = 1 << 11,
	SEG_S = 1 << 12,
	SEG_DPL_SHIFT = 13,
	SEG_P = 1 << 15,
	SEG_AVL = 1 << 20,
	SEG_L = 1 << 21,
	SEG_DB = 1 << 22,
	SEG_G = 1 << 23,
};

enum {
	FLAG_CF = 1 << 0,
	FLAG_1 = 1 << 1,
	FLAG_PF = 1 << 2,
	FLAG_AF = 1 << 4,
	FLAG_ZF = 1 << 6,
	FLAG_SF = 1 << 7,
	FLAG_TF = 1 << 8,
	FLAG_IF = 1 << 9,
	FLAG_DF = 1 << 10,
	FLAG_OF = 1 << 11,
	FLAG_IOPL = 3 << 12,
	FLAG_NT = 1 << 14,
	FLAG_RF = 1 << 16,
	FLAG_VM = 1 << 17,
	FLAG_AC = 1 << 18,
	FLAG_VIF = 1 << 19,
	FLAG_VIP = 1 << 20,
	FLAG_ID = 1 << 21,
};
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

enum {
	CR0_PE = 1 << 0,
	CR0_MP = 1 << 1,
	CR0_EM = 1 << 2,
	CR0_TS = 1 << 3,
	CR0_ET = 1 << 4,
	CR0_NE = 1 << 5,
	CR0_WP = 1 << 16,
	CR0_AM = 1 << 18,
	CR0_NW = 1 << 29,
	CR0_CD = 1 << 30,
};
#define CR0_PG (UINT32_C(1) << 31)
enum {
	CR4_VME = 1 << 0,
	CR4_PVI = 1 << 1,
	CR4_TSD = 1 << 2,
	CR4_DE = 1 << 3,
	CR4_PSE = 1 << 4,
	CR4_PAE = 1 << 5,
	CR4_MCE = 1 << 6,
	CR4_PGE = 1 << 7,
	CR4_PCE = 1 << 8,
	CR4_OSFXSR = 1 << 9,
	CR4_OSXMMEXCPT = 1 << 10,
	CR4_UMIP = 1 << 11,
	CR4_FSGSBASE = 1 << 16,
	CR4_PCIDE = 1 << 17,
	CR4_OSXSAVE = 1 << 18,
	CR4_SMEP = 1 << 20,
	CR4_SMAP = 1 << 21,
};
enum {
	EFER_SCE = 1 << 0,
	EFER_LME = 1 << 8,
	EFER_LMA = 1 << 10,
	EFER_NXE = 1 << 11,
	EFER_FFXSR = 1 << 14
};

enum x86_vector {
	EXC_DE,
	EXC_DB,
	EXC_NMI,
	EXC_BP,
	EXC_OF,
	EXC_BR,
	EXC_UD,
	EXC_NM,
	EXC_DF,
	EXC_CSO,
	EXC_TS,
	EXC_NP,
	EXC_SS,
	EXC_GP,
	EXC_PF,
	EXC_MF = 16,
	EXC_AC,
	EXC_MC,
	EXC_XM,
};

/* v->events */
enum {
	X86_EVENT_INTR = 1 << 0, /* external interrupt line is up */
	X86_EVENT_NMI = 1 << 1,
	X86_EVENT_SMI = 1 << 2,
	X86_EVENT_INIT = 1 << 3,
	X86_EVENT_SIPI = 1 << 4,
	X86_EVENT_TRAP = 1 << 6,      /* a debug trap (dr6_pending) is due before the next one */
	X86_EVENT_WAIT_SIPI = 1 << 7, /* stopped after INIT */
	X86_EVENT_STEP = 1 << 8, /* MODE_TF, MODE_BP or MODE_WATCH: instruction by instruction */
	X86_EVENT_MCE = 1 << 10, /* machine check line */
};

/*
 * Mode bits of block keys: all that decoding depends on. cpu->v.mode holds the current value;
 * x86_mode_changed() recomputes it.
 */
enum {
	MODE_CPL = 3 << 0,
	MODE_64 = 1 << 2,	/* 64-bit code */
	MODE_CS32 = 1 << 3,	/* default operand and address size is 32 */
	MODE_SS32 = 1 << 4,	/* stack pointer is ESP (16 bits otherwise; 64-bit mode: RSP) */
	MODE_PE = 1 << 5,	/* protected mode (also in V86 mode) */
	MODE_VM = 1 << 6,	/* V86 mode */
	MODE_LMA = 1 << 7,	/* long mode is active (64-bit or compatibility) */
	MODE_FLAT = 1 << 8,	/* DS, ES, SS: base 0, limit 4 GiB, writable; CS base 0, 4 GiB */
	MODE_TF = 1 << 9,	/* single-step: one instruction a block, then a trap */
	MODE_BP = 1 << 10,	/* an instruction breakpoint is enabled in DR7 */
	MODE_IOPL_OK = 1 << 11, /* CPL <= IOPL */
	MODE_FPU_OFF = 1 << 12, /* CR0.EM or CR0.TS: x87, MMX go to their check */
	MODE_SSE_OFF = 1 << 13, /* CR4.OSFXSR clear, CR0.EM or CR0.TS */
	MODE_AC = 1 << 14,	/* CR0.AM, EFLAGS.AC and CPL 3: alignment is checked */
	MODE_SMM = 1 << 15,
	MODE_WATCH = 1 << 16, /* a data breakpoint is enabled in DR7 */
};

/* MMU modes of the software TLB. */
enum { MMU_SUPER, MMU_USER };

struct x86_model;
struct x86_delivery;

/* CPUID words that -cpu's feature flags name. */
enum x86_feature_word {
	FEAT_1_EDX,
	FEAT_1_ECX,
	FEAT_8000_0001_EDX,
	FEAT_8000_0001_ECX,
	FEAT_7_0_EBX,
	FEAT_WORDS
};

#define INHIBIT_NONE UINT64_MAX

struct x86_cpu {
	struct vcpu v;
	struct x86_regs r;
	/* EFLAGS without the arithmetic flags and DF, bit 1 set; whole by x86_flags_get() */
	uint32_t eflags;
	struct x86_seg seg[SEG_COUNT];
	struct {
		uint64_t base;
		uint32_t limit;
	} gdt, idt;
	uint64_t cr0, cr2, cr3, cr4, efer, dr[8];
	uint64_t xcr0;
	uint64_t pdpte[4]; /* PAE paging outside long mode: loaded with CR3 */
	uint8_t flat_segs; /* bit n: segment register n is flat (MODE_FLAT) */
	struct fp_status fp_status, sse_status;
	struct irq *ferr; /* FERR# */
	bool ignne;
	/* exception that is being raised */
	uint8_t exc_vector;
	uint32_t exc_error;
	bool exc_has_error;
	bool exc_software; /* INT n, INT3, INTO: return address is the next instruction */
	uint64_t exc_next; /* ... this one */
	bool delivering;   /* for double faults: exc_first is being delivered */
	uint8_t exc_first;
	bool exc_double; /* a double fault is being delivered */
	/* After STI, MOV SS, POP SS: the instruction at this pc runs before interrupts are taken
	 * (after those of SS, before debug traps and NMI too). INHIBIT_NONE: nothing is held back.
	 */
	uint64_t inhibit_pc;
	bool inhibit_ss;
	bool ext_event; /* what is delivered came from outside or is an exception: EXT is set */
	bool hlt;	/* an interrupt will find it in HLT; v.cpu.halted is clear by then */
	bool shutdown;	/* after a triple fault: only INIT, SMI and NMI get it out */
	bool nmi_blocked, smm, bsp, sipi_ready;
	uint8_t sipi_vector;
	bool a20;
	uint64_t a20_mask; /* physical addresses are masked with it */
	uint64_t dr6_pending;
	uint32_t smbase;
	bool smi_blocked_nmi;		     /* what nmi_blocked was before the SMI */
	struct address_space *normal_memory; /* v.cpu.memory outside of SMM */
	uint64_t phys_mask;		     /* physical address width */
	/* MSRs */
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp,
		sysenter_eip;
	uint64_t tsc_offset, tsc_aux, pat, misc_enable, apic_base;
	uint64_t mtrr_def, mtrr_phys[16], mtrr_fixed[11], mcg_status, mcg_ctl, mce_banks[40];
	/* model */
	const struct x86_model *model;
	uint32_t features[FEAT_WORDS];
	uint64_t fx_scratch[4];
	/* User mode: takes every exception and software interrupt, in place of the IDT. SYSCALL
	 * (also SYSENTER) comes as `d` NULL, with the next pc in v.pc. */
	void (*trap)(struct x86_cpu *c, const struct x86_delivery *d);
};

static inline struct x86_cpu *x86_cpu(struct cpu *cpu)
{
	return (struct x86_cpu *)cpu;
}

static inline unsigned int x86_cpl(const struct x86_cpu *c)
{
	return c->v.mode & MODE_CPL;
}

static inline bool x86_has(const struct x86_cpu *c, enum x86_feature_word word, unsigned int bit)
{
	return c->features[word] >> bit & 1;
}

/* --- exceptions (exception.c); all end the current instruction and do not return --- */
NORETURN void x86_raise(struct x86_cpu *c, enum x86_vector vector);
NORETURN void x86_raise_error(struct x86_cpu *c, enum x86_vector vector, uint32_t error);
/* INT n, INT3, INTO, INT1 of an instruction that ends at `next`. */
NORETURN void x86_raise_software(struct x86_cpu *c, unsigned int vector, uint64_t next);
NORETURN void x86_raise_page_fault(struct x86_cpu *c, uint64_t va, uint32_t error);
/* isa.exception: delivers what x86_raise recorded, turning faults in between into double faults
 * and those into shutdown (a reset). */
void x86_deliver_exception(struct vcpu *v);
/* Enters the handler of a vector through the IDT (or IVT), from pc/flags as they are. */
void x86_interrupt(struct x86_cpu *c, unsigned int vector, bool software, bool has_error,
		   uint32_t error, uint64_t return_pc);
void x86_iret(struct x86_cpu *c, unsigned int opsize_log2);
/* isa.unaligned: #AC */
void x86_unaligned(struct vcpu *v, uint64_t va);
/* isa.events */
void x86_events(struct vcpu *v);

/* --- flags --- */
uint32_t x86_flags_get(const struct x86_cpu *c); /* whole EFLAGS, RF and VM included */
/* Sets the flags of `mask` from `value` (arithmetic flags and DF too) and updates the mode. */
void x86_flags_set(struct x86_cpu *c, uint32_t value, uint32_t mask);

/* --- segments (segment.c) --- */
/* Refreshes lo, span, read_ok and write_ok after base, limit or attr changed. */
void x86_seg_update(struct x86_cpu *c, enum x86_seg_name s);
/* MOV/POP/LxS to a data segment register: checks and loads; raises. In real and V86 mode it sets
 * base = selector * 16. */
void x86_load_seg(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector);
/* An access outside of the span: raises #GP or #SS (error 0) or returns if it is allowed. */
void x86_seg_fault(struct x86_cpu *c, enum x86_seg_name s, uint64_t offset, unsigned int size,
		   bool write);
/* Far transfers: new CS:pc, stack switches and task switches included. `next` is the return pc;
 * opsize_log2 is 1, 2 or 3. They set v.pc. */
void x86_far_jump(struct x86_cpu *c, uint16_t selector, uint64_t offset, uint64_t next,
		  unsigned int opsize_log2);
void x86_far_call(struct x86_cpu *c, uint16_t selector, uint64_t offset, uint64_t next,
		  unsigned int opsize_log2);
void x86_far_return(struct x86_cpu *c, unsigned int opsize_log2, unsigned int pop_bytes);
enum x86_task_switch { TASK_JMP, TASK_CALL, TASK_IRET, TASK_INT };
void x86_task_switch(struct x86_cpu *c, uint16_t selector, const uint64_t *descriptor,
		     enum x86_task_switch why, uint64_t next_pc);

/* Recomputes v.mode, MMU mode and v.code_base from CRx, EFER, segments and EFLAGS. */
void x86_mode_changed(struct x86_cpu *c);

/* --- paging (mmu.c) --- */
bool x86_tlb_fill(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access,
		  unsigned int mode, bool probe);
bool x86_translate(struct cpu *cpu, uint64_t va, uint64_t *pa);
void x86_set_cr0(struct x86_cpu *c, uint64_t value);
void x86_set_cr3(struct x86_cpu *c, uint64_t value);
void x86_set_cr4(struct x86_cpu *c, uint64_t value);
void x86_set_efer(struct x86_cpu *c, uint64_t value);
void x86_info_tlb(struct cpu *cpu, FILE *out);
void x86_info_mem(struct cpu *cpu, FILE *out);

/* Linear-address accesses of the processor itself (descriptor tables, TSS, gates): supervisor. */
uint64_t x86_sys_load(struct x86_cpu *c, uint64_t va, unsigned int size);
void x86_sys_store(struct x86_cpu *c, uint64_t va, unsigned int size, uint64_t value);
/* The same at the current privilege: for instruction helpers. */
uint64_t x86_load(struct x86_cpu *c, uint64_t va, unsigned int size);
void x86_store(struct x86_cpu *c, uint64_t va, unsigned int size, uint64_t value);

/* --- models, CPUID, MSRs (model.c, cpuid.c, msr.c) --- */
struct error *x86_model_set(struct x86_cpu *c, const char *text) NODISCARD;
void x86_models_list(FILE *out);
void x86_cpuid(struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
void x86_rdmsr(struct x86_cpu *c); /* ECX to EDX:EAX; raises #GP */
void x86_wrmsr(struct x86_cpu *c);
uint64_t x86_tsc(struct x86_cpu *c);

/* --- SMM (smm.c) --- */
void x86_smm_enter(struct x86_cpu *c);
void x86_rsm(struct x86_cpu *c);

/* --- x87 and SSE state (fpu.c) --- */
void x86_fpu_reset(struct x86_cpu *c);

/* --- debug registers (debug.c) --- */
void x86_set_dr(struct x86_cpu *c, unsigned int n, uint64_t value);
uint64_t x86_get_dr(struct x86_cpu *c, unsigned int n);
void x86_watch(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access);

/* isa.same_regs (same.c) */
bool x86_same_regs(const void *a, const void *b, FILE *out);

/* --- decoder --- */
void x86_decode(struct vcpu *v, struct block_builder *b);
/* Whether the current instruction reaches non-canonical address `va` through SS: #SS, not #GP. */
bool x86_insn_wants_ss(struct x86_cpu *c, uint64_t va);

extern const struct isa x86_isa;

#endif
