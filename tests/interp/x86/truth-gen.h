/* Between the generator and its tables of instructions. */
#ifndef TESTS_TRUTH_GEN_H
#define TESTS_TRUTH_GEN_H

#include "truth.h"

/* How operands are encoded and what the instruction touches. */
enum {
	M = 1 << 0,    /* ModRM */
	MEM = 1 << 1,  /* ... that names memory; with REGS: either */
	REGS = 1 << 2, /* ... that names a register */
	BYTE = 1 << 3, /* 8-bit operands */
	V = 1 << 4,    /* 16, 32 or 64 bits by prefix */
	D64 = 1 << 5,  /* with V: 64 bits by default in 64-bit mode */
	IB = 1 << 6,
	IZ = 1 << 7,
	IV = 1 << 8,
	IW = 1 << 9,	  /* immediates */
	OR = 1 << 10,	  /* register in the low bits of the opcode */
	CL_RM = 1 << 11,  /* changes the general register in rm */
	CL_REG = 1 << 12, /* ... in reg */
	LOCKED = 1 << 13, /* may have LOCK */
	REP = 1 << 14,	  /* string instruction */
	JB = 1 << 15,
	JZ = 1 << 16, /* relative branch */
	NO64 = 1 << 17,
	ONLY64 = 1 << 18,
	A16 = 1 << 19, /* memory operand wants alignment */
	VEC = 1 << 20, /* rm and reg are no general registers */
	MOFFS = 1 << 21,
	COUNT_CL = 1 << 22,
	COUNT_IB = 1 << 23, /* shifts: flags depend on the count */
	BITMEM = 1 << 24,   /* register bit number on memory */
	LAST = 1 << 25,	    /* results are approximations: nothing follows */
	DIVIDE = 1 << 26,
	STACK = 1 << 27,
	WD = 1 << 28 /* W makes it 64 bits, no 66h */,
	FPENV = 1 << 29, /* stores instruction and operand pointers */
	REXW_ANY = 1 << 30,
};
/* Far pointer: an immediate like IZ and a selector. */
#define FAR_PTR (1u << 31)

struct insn_row {
	const char *name, *group;
	u8 prefix, map, opcode; /* mandatory prefix; 0 one-byte, 1 0F, 2 0F38, 3 0F3A */
	s8 ext;			/* ModRM.reg, -1: any */
	u32 form;
	u8 size;		      /* of the memory operand; 0: by the operand size */
	u16 clobbers;		      /* general registers */
	u16 reads, writes, undefined; /* flags */
	u16 rm_first, rm_last;	      /* register forms: range of rm (x87), 0: any */
	u8 tolerance;
	u8 weight;
};

#define CF    1u
#define PF    4u
#define AF    0x10u
#define ZF    0x40u
#define SF    0x80u
#define DF    0x400u
#define OF    0x800u
#define ARITH (CF | PF | AF | ZF | SF | OF)

extern struct insn_row truth_rows[];
extern unsigned int truth_row_count;

struct group {
	const char *name;
	unsigned int weight;	   /* in a thousand sequences */
	unsigned int modes;	   /* 1 << enum code_mode */
	unsigned int first, count; /* its rows */
	bool fp;		   /* states of the floating-point units matter */
};
extern struct group truth_groups[];
extern unsigned int truth_group_count;

/* --- random numbers --- */

struct rng {
	u64 s;
};

static inline u64 rnd(struct rng *g)
{
	u64 z = g->s += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline u32 rnd_below(struct rng *g, u32 n)
{
	return (u32)((rnd(g) >> 32) * n >> 32);
}

/* True once in n. */
static inline bool once_in(struct rng *g, u32 n)
{
	return rnd_below(g, n) == 0;
}

/* --- truth-state.c: random states --- */

u64 rnd_value(struct rng *g); /* an integer, often at an edge */
void state_random(struct rng *g, struct state *s, enum code_mode mode, bool fp, u16 pointers);
/* The read-only page of the scratch area. */
void data_readonly_page(u8 *page);

#endif
