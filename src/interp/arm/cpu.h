/*
 * An ARM processor, v4T to v7-A and v7-M. Source: ARM DDI 0100I, DDI 0406C, DDI 0403E.
 *
 * `struct arm_regs` holds what op bodies compute with; everything else is in `struct arm_cpu`.
 * Register operands are byte offsets into `struct arm_regs`. R15 is never kept: the decoder makes a
 * constant of it.
 */
#ifndef INTERP_ARM_CPU_H
#define INTERP_ARM_CPU_H

#include "interp/softfloat/softfloat.h"
#include "interp/vcpu.h"
#include "vm/arm-cpu.h"

enum { SP = 13, LR = 14, PC = 15 };
/* Slots behind the general registers. TMP0 and TMP1 carry addresses and new base registers to the
 * last op of an instruction, TMP2 a PC operand, TMP3 a second one. */
enum { SLOT_ZERO = 16, SLOT_TMP0, SLOT_TMP1, SLOT_TMP2, SLOT_TMP3, SLOT_TMP4, SLOT_COUNT };
#define REG(n)	 ((uint8_t)((n) * 4))
#define REG_ZERO REG(SLOT_ZERO)
#define REG_TMP0 REG(SLOT_TMP0)
#define REG_TMP1 REG(SLOT_TMP1)
#define REG_TMP2 REG(SLOT_TMP2)
#define REG_TMP3 REG(SLOT_TMP3)
#define REG_TMP4 REG(SLOT_TMP4)

struct arm_regs {
	uint32_t r[SLOT_COUNT];
	/* Flags, each in the form that is cheapest to make: N is bit 31 of n, Z is z == 0, C is c,
	 * V is bit 31 of v. */
	uint32_t n, z, c, v;
	uint32_t fpn, fpz, fpc, fpv; /* FPSCR's, in the same form */
	uint32_t shc;		     /* carry out of a shift by register, for the op behind it */
	uint32_t q;		     /* 0 or 1 */
	uint32_t ge;		     /* a mask of bytes */
	/* VFP and NEON: S2n is the low half of Dn, Q n is D2n and D2n+1 */
	uint64_t d[32] __attribute__((aligned(16)));
	uint64_t wr[16]; /* iWMMXt */
};

enum {
	PSR_N = 1u << 31,
	PSR_Z = 1 << 30,
	PSR_C = 1 << 29,
	PSR_V = 1 << 28,
	PSR_Q = 1 << 27,
	PSR_J = 1 << 24,
	PSR_GE = 0xf << 16,
	PSR_IT = 0x0600fc00,
	PSR_E = 1 << 9,
	PSR_A = 1 << 8,
	PSR_I = 1 << 7,
	PSR_F = 1 << 6,
	PSR_T = 1 << 5,
	PSR_M = 0x1f,
};
enum {
	MODE_USR = 0x10,
	MODE_FIQ,
	MODE_IRQ,
	MODE_SVC,
	MODE_ABT = 0x17,
	MODE_UND = 0x1b,
	MODE_SYS = 0x1f
};
/* Banks of SP and LR; SYS shares USR's. */
enum { BANK_USR, BANK_FIQ, BANK_IRQ, BANK_SVC, BANK_ABT, BANK_UND, BANK_COUNT };

/* What the decoder and the system part ask a model for. */
enum arm_feature {
	F_V5 = 1 << 0,	/* v5T: BLX, CLZ, interworking loads */
	F_V5E = 1 << 1, /* saturating and halfword multiply, LDRD */
	F_V5J = 1 << 2,
	F_V6 = 1 << 3,
	F_V6K = 1 << 4,
	F_V7 = 1 << 5,
	F_THUMB2 = 1 << 6,
	F_M = 1 << 7,	/* v7-M */
	F_MPU = 1 << 8, /* protection unit in place of an MMU */
	F_VFP2 = 1 << 9,
	F_VFP3 = 1 << 10, /* with 32 double registers */
	F_NEON = 1 << 11,
	F_XSCALE = 1 << 12,
	F_IWMMXT = 1 << 13,
	F_OMAP = 1 << 14, /* 925T's own CP15 registers */
	F_DIV = 1 << 15,  /* SDIV, UDIV in Thumb */
	F_DIV_ARM = 1 << 16,
	F_HALF = 1 << 17,   /* VCVTB, VCVTT */
	F_FMA = 1 << 18,    /* VFPv4 */
	F_AUX = 1 << 19,    /* has an auxiliary control register */
	F_MPCORE = 1 << 20, /* CP15 of a multiprocessor */
	F_T2EE = 1 << 21,
	F_USER_ANY = 1 << 22,  /* unaligned accesses always work, as user-mode emulation has it */
	F_NO_ROTATE = 1 << 23, /* does not rotate misaligned words though it is older than v6 */
};

/* SCTLR (CP15 c1 c0 0). */
enum {
	SCTLR_M = 1 << 0,
	SCTLR_A = 1 << 1,
	SCTLR_C = 1 << 2,
	SCTLR_B = 1 << 7,
	SCTLR_S = 1 << 8,
	SCTLR_R = 1 << 9,
	SCTLR_V = 1 << 13,
	SCTLR_U = 1 << 22,
	SCTLR_XP = 1 << 23,
	SCTLR_VE = 1 << 24,
	SCTLR_EE = 1 << 25,
	SCTLR_TRE = 1 << 28,
	SCTLR_AFE = 1 << 29,
	SCTLR_TE = 1 << 30,
};

/*
 * Mode bits of block keys, which v.mode holds: all that decoding depends on. arm_mode_changed()
 * recomputes all but T and ITSTATE, which branches and CPSR writes keep up to date.
 */
enum {
	MODE_T = 1 << 0,	   /* Thumb */
	MODE_PRIV = 1 << 1,	   /* any mode but User */
	MODE_STRICT = 1 << 2,	   /* misaligned accesses fault or rotate */
	MODE_BE = 1 << 3,	   /* data are big-endian */
	MODE_BE_CODE = 1 << 4,	   /* ... and instructions, too */
	MODE_VFP = 1 << 5,	   /* VFP and NEON are enabled here */
	MODE_VECTOR = 1 << 6,	   /* FPSCR.LEN or STRIDE is not zero */
	MODE_WMMX = 1 << 7,	   /* CP0 and CP1 are enabled */
	MODE_SYSUSR = 1 << 8,	   /* User or System mode: there is no SPSR */
	MODE_HANDLER = 1 << 9,	   /* v7-M: handler mode */
	MODE_VFP_OFF_EN = 1 << 10, /* VFP is reachable, but FPEXC.EN is clear */
	MODE_IT_SHIFT = CONTEXT_SHIFT,
};

/*
 * MMU modes of the software TLB: bit 0 is User mode. Bit 1 says which of the last two values of
 * DACR the entries were made under: kernels that keep User mode's pages out of their own reach
 * switch between two with every system call, and need not lose the TLB by it.
 */
enum { MMU_PRIV, MMU_USER, MMU_DACR };

/* v->events */
enum {
	ARM_EVENT_IRQ = 1 << 0,
	ARM_EVENT_FIQ = 1 << 1,
	ARM_EVENT_RESET = 1 << 2,
	ARM_EVENT_HELD = 1 << 3, /* the reset line is up */
	ARM_EVENT_WAKE = 1 << 4, /* SEV */
};

enum arm_exception {
	EXC_RESET,
	EXC_UNDEF,
	EXC_SVC,
	EXC_PABT,
	EXC_DABT,
	EXC_RESERVED,
	EXC_IRQ,
	EXC_FIQ,
	/* v7-M only */
	EXC_M_USAGE,
	EXC_BKPT,
};

struct arm_model;

struct arm_coproc {
	const struct arm_coproc_ops *ops;
	void *opaque;
};

struct arm_semihosting;

struct arm_cpu {
	struct vcpu v;
	struct arm_regs r;
	/* CPSR without NZCVQ, GE, T and IT; whole by arm_cpsr_get(). M profile: unused */
	uint32_t cpsr;
	uint32_t spsr[BANK_COUNT], bank_sp[BANK_COUNT], bank_lr[BANK_COUNT];
	uint32_t bank_fiq[5], bank_usr[5]; /* R8-R12 of FIQ mode, and of the others */
	uint32_t features;
	const struct arm_model *model;
	/* exclusive monitor */
	bool exclusive;
	uint32_t exclusive_addr;
	uint64_t exclusive_value;
	/* exception that is being raised */
	uint8_t exc;
	uint32_t exc_fsr, exc_far;
	/* CP15, A profile */
	uint32_t sctlr, actlr, cpacr, ttbr0, ttbr1, ttbcr, dacr;
	uint32_t dfsr, ifsr, dfar, ifar;
	uint32_t dacr_seen[2]; /* by MMU_DACR of the TLB */
	unsigned int dacr_slot;
	uint32_t fcse, contextidr, tpidrurw, tpidruro, tpidrprw, par;
	uint32_t csselr, prrr, nmrr, vbar, scr;
	uint32_t cpar;					   /* XScale: coprocessor access */
	uint32_t pmu[8];				   /* performance monitor */
	uint32_t lockdown[4], tcm[2];			   /* what is only kept */
	uint32_t ti_config, ti_i_max, ti_i_min, ti_thread; /* 925T */
	uint32_t mpu_data, mpu_insn; /* 946: access permissions (extended form) */
	uint32_t mpu_region[8], mpu_c2[3];
	uint32_t teecr, teehbr;
	bool high_vectors;
	bool be_data, be_code; /* big-endian all the time, as user-mode emulation has it */
	uint32_t id, private_base;
	/* VFP */
	uint32_t fpexc,
		fpscr; /* without exception flags (fp_status has them) and NZCV (arm_regs) */
	struct fp_status fp, fp_std; /* VFP's, and NEON's standard arithmetic */
	uint32_t fpinst[2];
	/* iWMMXt */
	uint32_t wc[16];
	/* M profile */
	uint32_t primask, faultmask, basepri, control, m_exception;
	uint32_t other_sp; /* the SP that is not in use */
	bool m_stacking;   /* an exception's frame is being written */
	bool m_lockup;	   /* only a reset gets it out */
	bool in_wfe;	   /* halted by WFE, or was: an event wakes it */
	struct arm_m_scb scb;
	/* board */
	struct arm_coproc coproc[16];
	arm_trap_fn *trap;
	void *trap_opaque;
	struct arm_semihosting *semihosting;
};

static inline struct arm_cpu *arm_cpu(struct cpu *cpu)
{
	return (struct arm_cpu *)cpu;
}

static inline bool arm_has(const struct arm_cpu *c, uint32_t features)
{
	return (c->features & features) == features;
}

static inline unsigned int arm_itstate(const struct arm_cpu *c)
{
	return c->v.mode >> CONTEXT_SHIFT;
}

/* --- status registers (psr.c) --- */
uint32_t arm_cpsr_get(const struct arm_cpu *c);
/* Sets the bits of `mask`; switches banks, changes v.mode. */
void arm_cpsr_set(struct arm_cpu *c, uint32_t value, uint32_t mask);
uint32_t arm_spsr_get(const struct arm_cpu *c);
void arm_spsr_set(struct arm_cpu *c, uint32_t value, uint32_t mask);
uint32_t arm_flags_get(const struct arm_cpu *c); /* NZCV in bits 31-28 */
void arm_flags_set(struct arm_cpu *c, uint32_t value);
/* The register of User mode, or of another one, whatever is current. */
uint32_t arm_bank_reg(struct arm_cpu *c, unsigned int mode, unsigned int n);
void arm_bank_reg_set(struct arm_cpu *c, unsigned int mode, unsigned int n, uint32_t value);
bool arm_mode_valid(const struct arm_cpu *c, unsigned int mode);
/* Recomputes v.mode (but T, IT) and the MMU mode. */
void arm_mode_changed(struct arm_cpu *c);

/* --- exceptions (exception.c); they end the current instruction and do not return --- */
NORETURN void arm_raise(struct arm_cpu *c, enum arm_exception exc);
NORETURN void arm_raise_abort(struct arm_cpu *c, enum mem_access access, uint32_t va, uint32_t fsr);
NORETURN void arm_raise_m_usage(struct arm_cpu *c, uint32_t cfsr);
void arm_deliver_exception(struct vcpu *v);
void arm_events(struct vcpu *v);
bool arm_has_work(struct cpu *cpu);
/* Events that would be taken now. */
uint32_t arm_events_due(const struct arm_cpu *c, uint32_t events);
void arm_event_set(struct arm_cpu *c, uint32_t event);
void arm_event_clear(struct arm_cpu *c, uint32_t event);
/* Enters an exception of the A profile; `lr` is what the handler finds in LR. Sets v.pc. */
void arm_take_exception(struct arm_cpu *c, enum arm_exception exc, uint32_t lr);
/* To an address with the interworking bit, as BX does. Sets v.pc. */
void arm_branch_exchange(struct arm_cpu *c, uint32_t target);

/* --- v7-M (mprofile.c) --- */
void arm_m_deliver(struct arm_cpu *c);
void arm_m_events(struct arm_cpu *c, uint32_t events);
/* An exception return value reached the PC in handler mode. */
void arm_m_return(struct arm_cpu *c, uint32_t value);
void arm_m_reset(struct arm_cpu *c);
uint32_t arm_m_xpsr(const struct arm_cpu *c);
uint32_t arm_m_sysreg_read(struct arm_cpu *c, unsigned int sysm);
void arm_m_sysreg_write(struct arm_cpu *c, unsigned int sysm, unsigned int mask, uint32_t value);

/* --- memory (mmu.c, mpu.c, access.c) --- */
bool arm_tlb_fill(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access,
		  unsigned int mode, bool probe);
bool arm_translate(struct cpu *cpu, uint64_t va, uint64_t *pa);
/* One translation; 0 or the fault status (with its domain). */
struct arm_walk {
	uint32_t va, pa;
	enum mem_access access;
	bool user;
	unsigned int prot;  /* PROT_* */
	uint32_t page_size; /* what it holds for */
};
uint32_t arm_walk(struct arm_cpu *c, struct arm_walk *w);
uint32_t arm_mpu_walk(struct arm_cpu *c, struct arm_walk *w);
/* Slow paths of loads and stores by the current alignment rules and byte order. */
uint32_t arm_load(struct arm_cpu *c, uint32_t va, unsigned int size, unsigned int mmu_mode);
void arm_store(struct arm_cpu *c, uint32_t va, unsigned int size, uint32_t value,
	       unsigned int mmu_mode);
/* Address of a multiple transfer: its alignment check. */
uint32_t arm_multiple_address(struct arm_cpu *c, uint32_t va, enum mem_access access);

/* --- CP15 (cp15.c, cp15-write.c) --- */
/* `insn` is the MRC or MCR; false: there is no such register (for this mode). */
bool arm_cp15_read(struct arm_cpu *c, uint32_t insn, uint32_t *value);
bool arm_cp15_write(struct arm_cpu *c, uint32_t insn, uint32_t value);
void arm_cp15_reset(struct arm_cpu *c);

/* --- VFP state (vfp.c) --- */
uint32_t arm_fpscr_get(const struct arm_cpu *c);
void arm_fpscr_set(struct arm_cpu *c, uint32_t value);
void arm_vfp_reset(struct arm_cpu *c);
/* Conversions that NEON shares (vfp_helpers.c): fixed-point numbers of `width` bits, half precision
 * by FPSCR.AHP. */
int64_t arm_to_fixed(bool wide, uint64_t bits, unsigned int fraction, unsigned int width,
		     bool is_unsigned, enum fp_round round, struct fp_status *st);
uint64_t arm_from_fixed(bool wide, int64_t value, unsigned int fraction, struct fp_status *st);
f32 arm_half_to_single(struct arm_cpu *c, f16 h, struct fp_status *st);
f16 arm_single_to_half(struct arm_cpu *c, f32 value, struct fp_status *st);

/* --- models --- */
struct error *arm_model_set(struct arm_cpu *c, const char *text) NODISCARD;
void arm_models_list(FILE *out);

/* --- semihosting --- */
bool arm_semihosting_call(struct arm_cpu *c, enum arm_trap trap, uint32_t number);
void arm_semihosting_free(struct arm_semihosting *s);

/* isa.same_regs (same.c) */
bool arm_same_regs(const void *a, const void *b, FILE *out);
void arm_decode(struct vcpu *v, struct block_builder *b);
void arm_dump(struct cpu *cpu, FILE *out);
extern const struct cpu_register arm_registers[];
const struct gdb_description *arm_gdb_description(struct cpu *cpu);
extern const struct field arm_state[];
struct error *arm_post_load(struct cpu *cpu);
extern const struct isa arm_isa;

#endif
