/*
 * What the files of the x87, MMX and SSE instructions share: control and status bits, operands, the
 * checks in front of every instruction, and the slow halves of op bodies.
 *
 * Sources: Intel SDM volume 1, chapters 8 (x87), 9 (MMX), 10 to 12 (SSE), volume 2 for each
 * instruction, volume 3 chapter 2.5 and table 2-2 for which exception comes first.
 *
 * Operands of op records: XMM registers by number (XMM_TMP0 is a memory operand that an op before
 * has loaded); MMX registers by MM_REG(), their place in struct x86_regs in units of 8 bytes
 * (MM_TMP likewise); x87 registers relative to the top of the stack. An x87 op keeps the pc of its
 * instruction in imm and the opcode's 11 bits in imm2.
 */
#ifndef INTERP_X86_FPU_H
#define INTERP_X86_FPU_H

#include "interp/softfloat/hostfp.h"
#include "interp/x86/decode.h"

/* x87 status word. ES and B are kept in x86_regs.fsw, TOP is not. */
enum {
	FSW_IE = 1 << 0,
	FSW_DE = 1 << 1,
	FSW_ZE = 1 << 2,
	FSW_OE = 1 << 3,
	FSW_UE = 1 << 4,
	FSW_PE = 1 << 5,
	FSW_SF = 1 << 6,
	FSW_ES = 1 << 7,
	FSW_C0 = 1 << 8,
	FSW_C1 = 1 << 9,
	FSW_C2 = 1 << 10,
	FSW_C3 = 1 << 14,
	FSW_B = 1 << 15,
};
#define FSW_CC	(FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3)
#define FSW_TOP (7 << 11)

#define FCW_INIT    0x037f
#define MXCSR_INIT  0x1f80
#define MXCSR_FLAGS 0x003f
#define MXCSR_DAZ   0x0040
#define MXCSR_MASKS 0x1f80
#define MXCSR_FTZ   0x8000
#define MXCSR_VALID 0xffff

/* CPUID bits that select instructions here. */
enum {
	CPUID_1_EDX_CMOV = 15,
	CPUID_1_EDX_CLFSH = 19,
	CPUID_1_EDX_MMX = 23,
	CPUID_1_EDX_FXSR = 24,
	CPUID_1_EDX_SSE = 25,
	CPUID_1_EDX_SSE2 = 26,
	CPUID_1_ECX_SSE3 = 0,
	CPUID_1_ECX_PCLMUL = 1,
	CPUID_1_ECX_SSSE3 = 9,
	CPUID_1_ECX_SSE41 = 19,
	CPUID_1_ECX_SSE42 = 20,
	CPUID_1_ECX_AES = 25,
	CPUID_AMD_EDX_MMXEXT = 22,
	CPUID_AMD_EDX_3DNOWEXT = 30,
	CPUID_AMD_EDX_3DNOW = 31,
};

/* --- MMX and XMM operands --- */

#define MM_REG(n) ((u8)(offsetof(struct x86_regs, st) / 8 + 2 * ((n) & 7)))
#define MM_TMP	  ((u8)SLOT_TMP0)
_Static_assert(offsetof(struct x86_regs, st) % 8 == 0 && sizeof(struct f80) == 16, "MM_REG");

#define MM(index) (((u64 *)REGS)[index])
/* Every instruction that writes an MMX register sets the exponent that shares the place. */
#define MM_WRITE(index, value)                           \
	do {                                             \
		MM(index) = (value);                     \
		((u16 *)REGS)[(index) * 4 + 4] = 0xffff; \
	} while (0)

/*
 * In front of every MMX instruction but EMMS: pending x87 exceptions, then TOP becomes 0 and all
 * registers valid.
 */
#define MMX_ENTER                                                             \
	do {                                                                  \
		if (UNLIKELY(REGS->ftop | REGS->ftag | (REGS->fsw & FSW_ES))) \
			FPU_SLOW(x86_mmx_enter(CPU));                         \
	} while (0)

/* --- x87 --- */

/* Number of the physical register that is `i` below the top. */
#define ST_INDEX(i) ((REGS->ftop + (i)) & 7)

/*
 * For calls that return true where the processor must wait, in front of this instruction, for the
 * interrupt that reports the pending exception (FERR#).
 */
#ifdef RATITE_BITCODE
#define FPU_SLOW(call) return BODY_INTERPRET
#else
#define FPU_SLOW(call)                                             \
	do {                                                       \
		v->op = op;                                        \
		v->budget = budget;                                \
		if (call)                                          \
			MUSTTAIL return op_dropped(v, op, budget); \
	} while (0)
#endif

/* In front of every waiting x87 instruction. */
#define X87_WAIT                                    \
	do {                                        \
		if (UNLIKELY(REGS->fsw & FSW_ES))   \
			FPU_SLOW(x87_pending(CPU)); \
	} while (0)

/* Notes the instruction for FSTENV: all but control instructions. */
#define X87_NOTE                                   \
	do {                                       \
		REGS->fip = op->imm;               \
		REGS->fop = (u16)op->imm2;         \
		REGS->fcs = CPU->seg[CS].selector; \
	} while (0)

/* Pops `count` (0 or 1) registers, without a branch. */
static ALWAYS_INLINE void x87_drop(struct x86_regs *r, unsigned int count)
{
	r->ftag |= (u8)(count << r->ftop);
	r->ftop = (r->ftop + count) & 7;
}

/* Operands of x87 arithmetic: a register, or what a load op put into TMP0. */
enum x87_source { X87_REG, X87_F32, X87_F64, X87_I16, X87_I32 };
enum x87_arith { X87_ADD, X87_MUL, X87_SUB, X87_SUBR, X87_DIV, X87_DIVR, X87_ARITH_COUNT };
enum x87_compare { X87_COM, X87_UCOM, X87_COMI, X87_UCOMI };
enum x87_store {
	X87_STORE_F32,
	X87_STORE_F64,
	X87_STORE_I16,
	X87_STORE_I32,
	X87_STORE_I64,
	X87_STORE_I16_TRUNC,
	X87_STORE_I32_TRUNC,
	X87_STORE_I64_TRUNC
};

/* --- fpu.c --- */

/* An exception is pending: raises #MF; with CR0.NE clear true where the processor must wait for
 * the interrupt instead, or false where it may go on. */
bool x87_pending(struct x86_cpu *c);
/* MMX_ENTER's slow half; returns as x87_pending(). */
bool x86_mmx_enter(struct x86_cpu *c);
/* Records exceptions; returns true where one of them is unmasked (and now pending). */
bool x87_record(struct x86_cpu *c, unsigned int flags);
/* After fcw or fsw were loaded: whether an exception is pending now. */
void x87_update_summary(struct x86_cpu *c);
/* The status word with TOP. */
u16 x87_status_word(const struct x86_cpu *c);
void x87_set_status_word(struct x86_cpu *c, u16 value);
/* The 16-bit tag word of FSTENV, worked out from the registers' contents, and back. */
u16 x87_tag_word(const struct x86_cpu *c);
void x87_init(struct x86_cpu *c);
/* Rounding, precision and enabled exceptions as in FCW. */
struct fp_status x87_status(const struct x86_regs *r);

/* Conditions in which a group of instructions is not available; raises #UD or #NM if they hold,
 * for blocks that were decoded with MODE_FPU_OFF or MODE_SSE_OFF. */
x86_helper x86_x87_unavailable, x86_wait_unavailable, x86_mmx_unavailable, x86_sse_unavailable;

/* LDMXCSR's work: #GP for reserved bits. */
void x86_set_mxcsr(struct x86_cpu *c, u32 value);
struct fp_status x86_sse_status(const struct x86_regs *r);
/* Takes over the flags of SSE operations; raises #XM (or #UD) where one is unmasked. */
void x86_sse_raise(struct x86_cpu *c, const struct fp_status *st);

/* --- x87-slow.c: op bodies in full, by soft-float; all may leave exceptions pending --- */

void x87_arith_slow(struct x86_cpu *c, const struct op *op, enum x87_arith kind,
		    enum x87_source source);
void x87_compare_slow(struct x86_cpu *c, const struct op *op, enum x87_compare kind,
		      enum x87_source source);
void x87_push_slow(struct x86_cpu *c, const struct op *op, enum x87_source source);
/* Converts ST(0) for a store into TMP0 and the new status word into fx_scratch[0]; false: nothing
 * is to be stored, and the instruction is done. */
bool x87_convert_slow(struct x86_cpu *c, const struct op *op, enum x87_store kind);
/* FST ST(i) and FXCH with an empty register. */
void x87_fst_slow(struct x86_cpu *c, const struct op *op);
void x87_fxch_slow(struct x86_cpu *c, const struct op *op);
/* FSQRT, FRNDINT and the functions that the host does not do in line. */
enum x87_function {
	X87_2XM1,
	X87_YL2X,
	X87_PTAN,
	X87_PATAN,
	X87_XTRACT,
	X87_PREM1,
	X87_PREM = 8,
	X87_YL2XP1,
	X87_SQRT,
	X87_SINCOS_,
	X87_RNDINT,
	X87_SCALE,
	X87_SIN_,
	X87_COS_,
};
void x87_function(struct x86_cpu *c, const struct op *op, enum x87_function which);

/* Notes the instruction as X87_NOTE does. */
void x87_note(struct x86_cpu *c, const struct op *op);
/* Raises a stack fault; true where the masked response is due. */
bool x87_stack_fault(struct x86_cpu *c, bool overflow);
/* The same, and the masked response: the indefinite is pushed, or replaces ST(i). */
void x87_stack_overflow(struct x86_cpu *c);
void x87_stack_underflow(struct x86_cpu *c, unsigned int i);
/* Takes over flags and C1; true where nothing of the result may be delivered. */
bool x87_finish(struct x86_cpu *c, struct fp_status *st);
bool x87_is_empty(const struct x86_cpu *c, unsigned int i);
struct f80 x87_get(const struct x86_cpu *c, unsigned int i);
void x87_set(struct x86_cpu *c, unsigned int i, struct f80 value);
void x87_push(struct x86_cpu *c, struct f80 value);
struct f80 x87_indefinite(void);

/* --- decoders --- */

x86_emit_fn *x86_x87_lookup(const struct x86_insn *i, unsigned int *encoding);
x86_emit_fn *x86_simd_lookup(const struct x86_insn *i, unsigned int *encoding);

#endif
