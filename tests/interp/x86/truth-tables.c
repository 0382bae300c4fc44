/*
 * The instructions: encodings, what they change, and which flags they leave undefined.
 * Source: Intel SDM volume 2, appendix A and the instructions' own pages.
 *
 * Not compared, because real processors differ or the host has no such instruction:
 *  - flags that the manual calls undefined (column `undefined`), until an instruction sets them;
 *  - FIP, FDP, FOP and their selectors: newer processors store zero selectors and update FDP and
 *    FOP only on exceptions;
 *  - the last bits of the transcendental x87 instructions (within 2 units; C1 and PE too), and
 *    RCPPS, RSQRTPS beyond their promised 1.5 * 2^-12;
 *  - BSF and BSR of 0, BSWAP of 16 bits, SHLD and SHRD of 16 bits by more than 16: no result is
 *    promised. They are run, and the destination is compared where the host is known to behave;
 *  - CPUID, RDTSC, RDPMC, RDRAND: the answer is the machine's; SYSEXIT: AMD's have none in long
 * mode;
 *  - 3DNow!: no Intel processor has it.
 */
#include "truth-gen.h"

#include <string.h>

#define MAX_ROWS   4000
#define MAX_GROUPS 40

struct insn_row truth_rows[MAX_ROWS];
unsigned int truth_row_count;
struct group truth_groups[MAX_GROUPS];
unsigned int truth_group_count;

#define M64	  (1u << CODE64)
#define M32	  (1u << CODE32 | 1u << CODE16)
#define ALL_MODES (M64 | M32)

#define RA   (1 << 0)
#define RC   (1 << 1)
#define RD   (1 << 2)
#define RB   (1 << 3)
#define RSP_ (1 << 4)
#define RBP_ (1 << 5)
#define RSI_ (1 << 6)
#define RDI_ (1 << 7)

static void group(const char *name, unsigned int weight, unsigned int modes)
{
	struct group *g = &truth_groups[truth_group_count++];

	*g = (struct group){
		.name = name, .weight = weight, .modes = modes, .first = truth_row_count};
}

static void fp_group(const char *name, unsigned int weight)
{
	group(name, weight, ALL_MODES);
	truth_groups[truth_group_count - 1].fp = true;
}

static struct insn_row *add(const char *name, u8 map, u8 opcode, int ext, u32 form, u16 reads,
			    u16 writes, u16 undefined)
{
	struct insn_row *row = &truth_rows[truth_row_count++];
	struct group *g = &truth_groups[truth_group_count - 1];

	if (form & M && !(form & (MEM | REGS)))
		form |= MEM | REGS;
	*row = (struct insn_row){.name = name,
				 .group = g->name,
				 .map = map,
				 .opcode = opcode,
				 .ext = (s8)ext,
				 .form = form,
				 .reads = reads,
				 .writes = writes,
				 .undefined = undefined,
				 .weight = 4};
	g->count++;
	return row;
}

/* --- integer --- */

static void alu_rows(void)
{
	static const char *const names[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};

	group("alu", 150, ALL_MODES);
	for (unsigned int k = 0; k < 8; k++) {
		u16 reads = k == 2 || k == 3 ? CF : 0;
		u16 undefined = k == 1 || k == 4 || k == 6 ? AF : 0, writes = ARITH & ~undefined;
		u32 dst = k == 7 ? 0 : CL_RM | LOCKED, reg = k == 7 ? 0 : CL_REG;
		u8 op = (u8)(8 * k);
		add(names[k], 0, op, -1, M | BYTE | dst, reads, writes, undefined);
		add(names[k], 0, op + 1, -1, M | V | dst, reads, writes, undefined);
		add(names[k], 0, op + 2, -1, M | BYTE | reg, reads, writes, undefined);
		add(names[k], 0, op + 3, -1, M | V | reg, reads, writes, undefined);
		add(names[k], 0, op + 4, -1, BYTE | IB, reads, writes, undefined)->clobbers =
			k == 7 ? 0 : RA;
		add(names[k], 0, op + 5, -1, V | IZ, reads, writes, undefined)->clobbers =
			k == 7 ? 0 : RA;
		add(names[k], 0, 0x80, (int)k, M | BYTE | IB | dst, reads, writes, undefined);
		add(names[k], 0, 0x81, (int)k, M | V | IZ | dst, reads, writes, undefined);
		add(names[k], 0, 0x82, (int)k, M | BYTE | IB | dst | NO64, reads, writes, undefined)
			->weight = 1;
		add(names[k], 0, 0x83, (int)k, M | V | IB | dst, reads, writes, undefined);
	}
	add("test", 0, 0x84, -1, M | BYTE, 0, ARITH & ~AF, AF);
	add("test", 0, 0x85, -1, M | V, 0, ARITH & ~AF, AF);
	add("test", 0, 0xa8, -1, BYTE | IB, 0, ARITH & ~AF, AF);
	add("test", 0, 0xa9, -1, V | IZ, 0, ARITH & ~AF, AF);
	for (int ext = 0; ext < 2; ext++) {
		add("test", 0, 0xf6, ext, M | BYTE | IB, 0, ARITH & ~AF, AF);
		add("test", 0, 0xf7, ext, M | V | IZ, 0, ARITH & ~AF, AF);
		add("incdec", 0, 0xfe, ext, M | BYTE | CL_RM | LOCKED, 0, ARITH & ~CF, 0);
		add("incdec", 0, 0xff, ext, M | V | CL_RM | LOCKED, 0, ARITH & ~CF, 0);
	}
	add("inc", 0, 0x40, -1, OR | V | CL_RM | NO64, 0, ARITH & ~CF, 0);
	add("dec", 0, 0x48, -1, OR | V | CL_RM | NO64, 0, ARITH & ~CF, 0);
	add("not", 0, 0xf6, 2, M | BYTE | CL_RM | LOCKED, 0, 0, 0);
	add("not", 0, 0xf7, 2, M | V | CL_RM | LOCKED, 0, 0, 0);
	add("neg", 0, 0xf6, 3, M | BYTE | CL_RM | LOCKED, 0, ARITH, 0);
	add("neg", 0, 0xf7, 3, M | V | CL_RM | LOCKED, 0, ARITH, 0);
}

static void shift_rows(void)
{
	static const char *const names[] = {"rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar"};

	group("shift", 100, ALL_MODES);
	for (int k = 0; k < 8; k++) {
		u16 reads = k == 2 || k == 3 ? CF : 0;
		/* The generator works out the rest from the count. */
		u16 writes = k < 4 ? CF | OF : ARITH & ~AF, undefined = k < 4 ? 0 : AF;
		add(names[k], 0, 0xc0, k, M | BYTE | IB | CL_RM | COUNT_IB, reads, writes,
		    undefined);
		add(names[k], 0, 0xc1, k, M | V | IB | CL_RM | COUNT_IB, reads, writes, undefined);
		add(names[k], 0, 0xd0, k, M | BYTE | CL_RM, reads, writes, undefined);
		add(names[k], 0, 0xd1, k, M | V | CL_RM, reads, writes, undefined);
		add(names[k], 0, 0xd2, k, M | BYTE | CL_RM | COUNT_CL, reads, writes, undefined);
		add(names[k], 0, 0xd3, k, M | V | CL_RM | COUNT_CL, reads, writes, undefined);
	}
	for (unsigned int k = 0; k < 2; k++) {
		u8 op = (u8)(0xa4 + 8 * k);
		add("shxd", 1, op, -1, M | V | IB | CL_RM | COUNT_IB, 0, ARITH & ~AF, AF)->weight =
			8;
		add("shxd", 1, op + 1, -1, M | V | CL_RM | COUNT_CL, 0, ARITH & ~AF, AF)->weight =
			8;
	}
}

static void mul_rows(void)
{
	u16 u = SF | ZF | AF | PF;

	group("mul", 60, ALL_MODES);
	for (int ext = 4; ext < 6; ext++) {
		add("mul", 0, 0xf6, ext, M | BYTE, 0, CF | OF, u)->clobbers = RA;
		add("mul", 0, 0xf7, ext, M | V, 0, CF | OF, u)->clobbers = RA | RD;
	}
	for (int ext = 6; ext < 8; ext++) {
		add("div", 0, 0xf6, ext, M | BYTE | DIVIDE, 0, 0, ARITH)->clobbers = RA;
		add("div", 0, 0xf7, ext, M | V | DIVIDE, 0, 0, ARITH)->clobbers = RA | RD;
	}
	add("imul", 1, 0xaf, -1, M | V | CL_REG, 0, CF | OF, u);
	add("imul", 0, 0x69, -1, M | V | IZ | CL_REG, 0, CF | OF, u);
	add("imul", 0, 0x6b, -1, M | V | IB | CL_REG, 0, CF | OF, u);
}

static void move_rows(void)
{
	group("move", 80, ALL_MODES);
	add("mov", 0, 0x88, -1, M | BYTE | CL_RM, 0, 0, 0);
	add("mov", 0, 0x89, -1, M | V | CL_RM, 0, 0, 0);
	add("mov", 0, 0x8a, -1, M | BYTE | CL_REG, 0, 0, 0);
	add("mov", 0, 0x8b, -1, M | V | CL_REG, 0, 0, 0);
	add("mov", 0, 0xa0, -1, BYTE | MOFFS, 0, 0, 0)->clobbers = RA;
	add("mov", 0, 0xa1, -1, V | MOFFS, 0, 0, 0)->clobbers = RA;
	add("mov", 0, 0xa2, -1, BYTE | MOFFS, 0, 0, 0);
	add("mov", 0, 0xa3, -1, V | MOFFS, 0, 0, 0);
	add("mov", 0, 0xb0, -1, BYTE | OR | IB | CL_RM, 0, 0, 0);
	add("mov", 0, 0xb8, -1, V | OR | IV | CL_RM, 0, 0, 0);
	add("mov", 0, 0xc6, 0, M | BYTE | IB | CL_RM, 0, 0, 0);
	add("mov", 0, 0xc7, 0, M | V | IZ | CL_RM, 0, 0, 0);
	add("lea", 0, 0x8d, -1, M | V | MEM | CL_REG, 0, 0, 0);
	add("movsxd", 0, 0x63, -1, M | V | CL_REG | ONLY64, 0, 0, 0);
	add("movzx", 1, 0xb6, -1, M | V | CL_REG, 0, 0, 0)->size = 1;
	add("movzx", 1, 0xb7, -1, M | V | CL_REG, 0, 0, 0)->size = 2;
	add("movsx", 1, 0xbe, -1, M | V | CL_REG, 0, 0, 0)->size = 1;
	add("movsx", 1, 0xbf, -1, M | V | CL_REG, 0, 0, 0)->size = 2;
	add("xchg", 0, 0x86, -1, M | BYTE | CL_RM | CL_REG | LOCKED, 0, 0, 0);
	add("xchg", 0, 0x87, -1, M | V | CL_RM | CL_REG | LOCKED, 0, 0, 0);
	add("xchg", 0, 0x90, -1, V | OR | CL_RM, 0, 0, 0)->clobbers = RA;
	add("cbw", 0, 0x98, -1, V, 0, 0, 0)->clobbers = RA;
	add("cwd", 0, 0x99, -1, V, 0, 0, 0)->clobbers = RD;
	add("bswap", 1, 0xc8, -1, WD | OR | CL_RM, 0, 0, 0);
	add("movnti", 1, 0xc3, -1, M | MEM | WD, 0, 0, 0);
	add("xlat", 0, 0xd7, -1, 0, 0, 0, 0)->clobbers = RA;
	for (u8 op = 0xf0; op < 0xf2; op++)
		add("movbe", 2, op, -1, M | V | MEM | CL_REG, 0, 0, 0);
	add("nop", 1, 0x1f, -1, M | V, 0, 0, 0);
	add("prefetch", 1, 0x18, -1, M | MEM, 0, 0, 0)->weight = 1;
	add("prefetchw", 1, 0x0d, -1, M | MEM, 0, 0, 0)->weight = 1;
}

static const u16 cc_reads[8] = {OF, CF, ZF, CF | ZF, SF, PF, SF | OF, SF | OF | ZF};

static void cond_rows(void)
{
	group("cond", 70, ALL_MODES);
	for (u8 cc = 0; cc < 16; cc++) {
		u16 reads = cc_reads[cc >> 1];
		add("cmov", 1, 0x40 + cc, -1, M | V | CL_REG, reads, 0, 0);
		add("setcc", 1, 0x90 + cc, -1, M | BYTE | CL_RM, reads, 0, 0);
		add("jcc", 0, 0x70 + cc, -1, JB, reads, 0, 0);
		add("jcc", 1, 0x80 + cc, -1, JZ, reads, 0, 0);
	}
	add("jmp", 0, 0xeb, -1, JB, 0, 0, 0);
	add("jmp", 0, 0xe9, -1, JZ, 0, 0, 0);
	add("loopne", 0, 0xe0, -1, JB, ZF, 0, 0)->clobbers = RC;
	add("loope", 0, 0xe1, -1, JB, ZF, 0, 0)->clobbers = RC;
	add("loop", 0, 0xe2, -1, JB, 0, 0, 0)->clobbers = RC;
	add("jcxz", 0, 0xe3, -1, JB, 0, 0, 0);
}

static void bit_rows(void)
{
	u16 u = OF | SF | AF | PF;

	group("bit", 70, ALL_MODES);
	for (u8 k = 0; k < 4; k++) {
		u32 dst = k ? CL_RM | LOCKED : 0;
		add("bt", 1, (u8)(0xa3 + 8 * k), -1, M | V | BITMEM | dst, 0, CF, u);
		add("bt", 1, 0xba, 4 + k, M | V | IB | dst, 0, CF, u);
	}
	add("bsf", 1, 0xbc, -1, M | V | CL_REG, 0, ZF, ARITH & ~ZF);
	add("bsr", 1, 0xbd, -1, M | V | CL_REG, 0, ZF, ARITH & ~ZF);
	add("popcnt", 1, 0xb8, -1, M | V | CL_REG, 0, ARITH, 0)->prefix = 0xf3;
	add("crc32", 2, 0xf0, -1, M | CL_REG | REXW_ANY, 0, 0, 0)->prefix = 0xf2;
	add("crc32", 2, 0xf1, -1, M | V | CL_REG, 0, 0, 0)->prefix = 0xf2;
}

static void exchange_rows(void)
{
	group("exchange", 40, ALL_MODES);
	add("xadd", 1, 0xc0, -1, M | BYTE | CL_RM | CL_REG | LOCKED, 0, ARITH, 0);
	add("xadd", 1, 0xc1, -1, M | V | CL_RM | CL_REG | LOCKED, 0, ARITH, 0);
	add("cmpxchg", 1, 0xb0, -1, M | BYTE | CL_RM | LOCKED, 0, ARITH, 0)->clobbers = RA;
	add("cmpxchg", 1, 0xb1, -1, M | V | CL_RM | LOCKED, 0, ARITH, 0)->clobbers = RA;
	struct insn_row *r = add("cmpxchg8b", 1, 0xc7, 1, M | MEM | WD | A16 | LOCKED, 0, ZF, 0);
	r->clobbers = RA | RD;
	r->size = 16;
}

static void string_rows(void)
{
	static const u8 ops[] = {0xa4, 0xa6, 0xaa, 0xac, 0xae};
	static const u16 regs[] = {RSI_ | RDI_, RSI_ | RDI_, RDI_, RSI_ | RA, RDI_};

	group("string", 60, ALL_MODES);
	for (unsigned int i = 0; i < 5; i++) {
		u16 writes = ops[i] == 0xa6 || ops[i] == 0xae ? ARITH : 0;
		add("string", 0, ops[i], -1, BYTE | REP, 0, writes, 0)->clobbers = regs[i] | RC;
		add("string", 0, ops[i] + 1, -1, V | REP, 0, writes, 0)->clobbers = regs[i] | RC;
	}
}

static void flag_rows(void)
{
	group("flags", 40, ALL_MODES);
	add("cmc", 0, 0xf5, -1, 0, CF, 0, 0);
	add("clc", 0, 0xf8, -1, 0, 0, CF, 0);
	add("stc", 0, 0xf9, -1, 0, 0, CF, 0);
	add("cld", 0, 0xfc, -1, 0, 0, 0, 0);
	add("std", 0, 0xfd, -1, 0, 0, 0, 0);
	add("sahf", 0, 0x9e, -1, 0, 0, ARITH & ~OF, 0);
	add("lahf", 0, 0x9f, -1, 0, ARITH & ~OF, 0, 0)->clobbers = RA;
	add("pushf", 0, 0x9c, -1, V | D64 | STACK, ARITH, 0, 0)->clobbers = RSP_;
	add("popf", 0, 0x9d, -1, V | D64 | STACK, 0, ARITH, 0)->clobbers = RSP_;
}

static void stack_rows(void)
{
	group("stack", 60, ALL_MODES);
	add("push", 0, 0x50, -1, V | D64 | OR | STACK, 0, 0, 0)->clobbers = RSP_;
	add("pop", 0, 0x58, -1, V | D64 | OR | CL_RM | STACK, 0, 0, 0)->clobbers = RSP_;
	add("push", 0, 0x68, -1, V | D64 | IZ | STACK, 0, 0, 0)->clobbers = RSP_;
	add("push", 0, 0x6a, -1, V | D64 | IB | STACK, 0, 0, 0)->clobbers = RSP_;
	add("push", 0, 0xff, 6, M | V | D64 | STACK, 0, 0, 0)->clobbers = RSP_;
	add("pop", 0, 0x8f, 0, M | V | D64 | CL_RM | STACK, 0, 0, 0)->clobbers = RSP_;
	add("enter", 0, 0xc8, -1, V | D64 | IW | IB | STACK, 0, 0, 0)->clobbers = RSP_ | RBP_;
	add("leave", 0, 0xc9, -1, V | D64 | STACK, 0, 0, 0)->clobbers = RSP_ | RBP_;
	add("pusha", 0, 0x60, -1, V | NO64 | STACK, 0, 0, 0)->clobbers = RSP_;
	add("popa", 0, 0x61, -1, V | NO64 | STACK, 0, 0, 0)->clobbers = 0xff;
	add("call", 0, 0xe8, -1, JZ | STACK, 0, 0, 0)->clobbers = RSP_;
	add("call", 0, 0xff, 2, M | WD | STACK | LAST, 0, 0, 0)->clobbers = RSP_;
	add("jmp", 0, 0xff, 4, M | WD | LAST, 0, 0, 0)->clobbers = 0;
	add("ret", 0, 0xc3, -1, STACK | LAST, 0, 0, 0)->clobbers = RSP_;
	add("ret", 0, 0xc2, -1, IW | STACK | LAST, 0, 0, 0)->clobbers = RSP_;
	for (u8 s = 0; s < 4; s++) {
		add("push sreg", 0, (u8)(0x06 + 8 * s), -1, V | NO64 | STACK, 0, 0, 0)->clobbers =
			RSP_;
	}
	for (u8 s = 0; s < 2; s++)
		add("push sreg", 1, (u8)(0xa0 + 8 * s), -1, V | D64 | STACK, 0, 0, 0)->clobbers =
			RSP_;
}

static void legacy_rows(void)
{
	group("legacy", 50, M32);
	add("daa", 0, 0x27, -1, 0, AF | CF, ARITH & ~OF, OF)->clobbers = RA;
	add("das", 0, 0x2f, -1, 0, AF | CF, ARITH & ~OF, OF)->clobbers = RA;
	add("aaa", 0, 0x37, -1, 0, AF, AF | CF, OF | SF | ZF | PF)->clobbers = RA;
	add("aas", 0, 0x3f, -1, 0, AF, AF | CF, OF | SF | ZF | PF)->clobbers = RA;
	add("aam", 0, 0xd4, -1, IB, 0, SF | ZF | PF, OF | AF | CF)->clobbers = RA;
	add("aad", 0, 0xd5, -1, IB, 0, SF | ZF | PF, OF | AF | CF)->clobbers = RA;
	add("salc", 0, 0xd6, -1, 0, CF, 0, 0)->clobbers = RA;
	add("bound", 0, 0x62, -1, M | V | MEM, 0, 0, 0);
	add("into", 0, 0xce, -1, 0, OF, 0, 0);
	add("arpl", 0, 0x63, -1, M | CL_RM, 0, ZF, 0)->size = 2;
}

/* Selectors: the data segments of Linux's GDT and of our LDT. */
static void segment_rows(void)
{
	group("segment", 40, ALL_MODES);
	add("mov r,sreg", 0, 0x8c, -1, M | V | CL_RM, 0, 0, 0)->size = 2;
	add("mov sreg,r", 0, 0x8e, -1, M | V, 0, 0, 0)->size = 2;
	for (u8 s = 0; s < 4; s++) {
		if (s != 1)
			add("pop sreg", 0, (u8)(0x07 + 8 * s), -1, V | NO64 | STACK, 0, 0, 0)
				->clobbers = RSP_;
	}
	for (u8 s = 0; s < 2; s++)
		add("pop sreg", 1, (u8)(0xa1 + 8 * s), -1, V | D64 | STACK, 0, 0, 0)->clobbers =
			RSP_;
	add("les", 0, 0xc4, -1, M | V | MEM | NO64 | CL_REG, 0, 0, 0);
	add("lds", 0, 0xc5, -1, M | V | MEM | NO64 | CL_REG, 0, 0, 0);
	add("lss", 1, 0xb2, -1, M | V | MEM | CL_REG, 0, 0, 0);
	add("lfs", 1, 0xb4, -1, M | V | MEM | CL_REG, 0, 0, 0);
	add("lgs", 1, 0xb5, -1, M | V | MEM | CL_REG, 0, 0, 0);
	add("lar", 1, 0x02, -1, M | V | CL_REG, 0, ZF, 0)->size = 2;
	add("lsl", 1, 0x03, -1, M | V | CL_REG, 0, ZF, 0)->size = 2;
	add("verr", 1, 0x00, 4, M, 0, ZF, 0)->size = 2;
	add("verw", 1, 0x00, 5, M, 0, ZF, 0)->size = 2;
}

/* Far transfers at the same privilege level, between the code segments of the GDT and our LDT. */
static void far_rows(void)
{
	group("far", 15, ALL_MODES);
	add("ljmp", 0, 0xea, -1, V | FAR_PTR | NO64 | LAST, 0, 0, 0)->weight = 8;
	add("lcall", 0, 0x9a, -1, V | FAR_PTR | NO64 | STACK | LAST, 0, 0, 0)->weight = 8;
	add("ljmp", 0, 0xff, 5, M | MEM | V | LAST, 0, 0, 0);
	add("lcall", 0, 0xff, 3, M | MEM | V | STACK | LAST, 0, 0, 0);
	add("lret", 0, 0xca, -1, V | IW | STACK | LAST, 0, 0, 0);
	add("lret", 0, 0xcb, -1, V | STACK | LAST, 0, 0, 0);
	add("iret", 0, 0xcf, -1, V | STACK | LAST, 0, 0, ARITH);
}

/* What a user program may not do, and what is no instruction. */
static void trap_rows(void)
{
	static const u8 io[] = {0x6c, 0x6d, 0x6e, 0x6f, 0xec, 0xed, 0xee, 0xef};

	group("trap", 25, ALL_MODES);
	add("int3", 0, 0xcc, -1, LAST, 0, 0, 0);
	add("icebp", 0, 0xf1, -1, LAST, 0, 0, 0)->weight = 1;
	add("hlt", 0, 0xf4, -1, 0, 0, 0, 0);
	add("cli", 0, 0xfa, -1, 0, 0, 0, 0);
	add("sti", 0, 0xfb, -1, 0, 0, 0, 0);
	add("ud2", 1, 0x0b, -1, 0, 0, 0, 0);
	add("ud1", 1, 0xb9, -1, M, 0, 0, 0);
	add("clts", 1, 0x06, -1, 0, 0, 0, 0);
	add("invd", 1, 0x08, -1, 0, 0, 0, 0);
	add("wbinvd", 1, 0x09, -1, 0, 0, 0, 0);
	add("wrmsr", 1, 0x30, -1, 0, 0, 0, 0);
	add("rdmsr", 1, 0x32, -1, 0, 0, 0, 0);
	add("mov cr", 1, 0x20, 0, M | REGS, 0, 0, 0);
	add("mov cr", 1, 0x22, 3, M | REGS, 0, 0, 0);
	add("mov dr", 1, 0x21, 7, M | REGS, 0, 0, 0);
	add("mov dr", 1, 0x23, 7, M | REGS, 0, 0, 0);
	add("lgdt", 1, 0x01, 2, M | MEM, 0, 0, 0);
	add("lidt", 1, 0x01, 3, M | MEM, 0, 0, 0);
	add("lmsw", 1, 0x01, 6, M, 0, 0, 0);
	add("invlpg", 1, 0x01, 7, M | MEM, 0, 0, 0);
	add("lldt", 1, 0x00, 2, M, 0, 0, 0);
	add("ltr", 1, 0x00, 3, M, 0, 0, 0);
	add("in", 0, 0xe4, -1, IB, 0, 0, 0);
	add("in", 0, 0xe5, -1, IB | V, 0, 0, 0);
	add("out", 0, 0xe6, -1, IB, 0, 0, 0);
	add("out", 0, 0xe7, -1, IB | V, 0, 0, 0);
	for (unsigned int i = 0; i < sizeof(io); i++)
		add("io", 0, io[i], -1, io[i] & 1 ? V : 0, 0, 0, 0);
	add("rsm", 1, 0xaa, -1, 0, 0, 0, 0);
	/* no instructions: groups' holes */
	for (int ext = 1; ext < 8; ext++)
		add("hole", 0, 0x8f, ext, M | MEM, 0, 0, 0)->weight =
			ext == 1 ? 0 : 0; /* XOP on AMD */
	for (int ext = 2; ext < 8; ext++)
		add("hole", 0, 0xfe, ext, M, 0, 0, 0)->weight = 1;
	add("hole", 0, 0xff, 7, M, 0, 0, 0)->weight = 1;
	for (int ext = 1; ext < 8; ext++)
		add("hole", 0, 0xc6, ext, M | IB | MEM, 0, 0, 0)->weight = 1;
	for (int ext = 0; ext < 4; ext++)
		add("hole", 1, 0xba, ext, M | IB, 0, 0, 0)->weight = 1;
	add("hole", 0, 0x8d, -1, M | REGS, 0, 0, 0)->weight = 1;
	for (u8 op = 0x06; op < 0x20; op = (u8)(op + 8)) {
		add("hole", 0, op, -1, ONLY64, 0, 0, 0)->weight = 1;
		add("hole", 0, op == 0x0e ? 0x27 : op + 1, -1, ONLY64, 0, 0, 0)->weight = 1;
	}
	add("hole", 0, 0x60, -1, ONLY64, 0, 0, 0)->weight = 1;
	add("hole", 0, 0x61, -1, ONLY64, 0, 0, 0)->weight = 1;
	add("hole", 0, 0xce, -1, ONLY64, 0, 0, 0)->weight = 1;
	add("hole", 0, 0xd4, -1, ONLY64 | IB, 0, 0, 0)->weight = 1;
	add("hole", 0, 0xd6, -1, ONLY64, 0, 0, 0)->weight = 1;
	add("hole", 0, 0x82, -1, ONLY64 | M | IB, 0, 0, 0)->weight = 1;
	for (u8 op = 0x24; op < 0x28; op++)
		add("hole", 1, op, -1, M, 0, 0, 0)->weight = 1;
	add("hole", 1, 0x04, -1, 0, 0, 0, 0)->weight = 1;
	add("hole", 1, 0x0a, -1, 0, 0, 0, 0)->weight = 1;
}

/* --- x87 --- */

static struct insn_row *x87_mem(u8 opcode, int ext, u8 size)
{
	struct insn_row *r = add("x87", 0, opcode, ext, M | MEM | VEC, 0, 0, 0);

	r->size = size;
	return r;
}

static struct insn_row *x87_reg(u8 opcode, int ext, u16 first, u16 last)
{
	struct insn_row *r = add("x87", 0, opcode, ext, M | REGS | VEC, 0, 0, 0);

	r->rm_first = first;
	r->rm_last = last;
	return r;
}

static void x87_rows(void)
{
	static const u8 sizes[8] = {4, 0, 4, 0, 8, 0, 2, 0};

	fp_group("x87", 130);
	for (u8 i = 0; i < 8; i++) {
		for (int ext = 0; ext < 8 && sizes[i]; ext++)
			x87_mem(0xd8 + i, ext, sizes[i]);
	}
	/* D9: single, control word */
	x87_mem(0xd9, 0, 4);
	x87_mem(0xd9, 1, 4);
	x87_mem(0xd9, 2, 4);
	x87_mem(0xd9, 3, 4);
	x87_mem(0xd9, 4, 28)->weight = 1; /* FLDENV */
	x87_mem(0xd9, 5, 2);
	x87_mem(0xd9, 6, 28)->form |= FPENV | LAST;
	x87_mem(0xd9, 7, 2);
	/* DB, DD, DF */
	for (int ext = 0; ext < 8; ext++) {
		x87_mem(0xdb, ext, ext < 4 ? 4 : 10);
		if (ext != 4 && ext != 6)
			x87_mem(0xdd, ext, ext < 4 ? 8 : 2);
		x87_mem(0xdf, ext, ext < 4 ? 2 : ext & 1 ? 8 : 10);
	}
	x87_mem(0xdd, 4, 108)->weight = 1; /* FRSTOR */
	x87_mem(0xdd, 6, 108)->form |= FPENV | LAST;
	/* registers */
	for (int ext = 0; ext < 8; ext++) {
		x87_reg(0xd8, ext, 0, 7);
		x87_reg(0xdc, ext, 0, 7);
		x87_reg(0xde, ext, 0, 7);
		if (ext < 4) {
			x87_reg(0xd9, ext, 0, 7);
			x87_reg(0xda, ext, 0, 7);
			x87_reg(0xdb, ext, 0, 7);
		}
		if (ext < 6)
			x87_reg(0xdd, ext, 0, 7);
		if (ext < 4 || ext == 7)
			x87_reg(0xdf, ext, 0, 7)->weight = ext < 4 ? 2 : 1;
	}
	x87_reg(0xda, 5, 0, 7)->weight = 2; /* FUCOMPP */
	x87_reg(0xdb, 4, 0, 4)->weight = 2; /* FNCLEX, FNINIT and obsolete ones */
	x87_reg(0xdf, 4, 0, 0)->weight = 2; /* FNSTSW AX */
	truth_rows[truth_row_count - 1].clobbers = RA;
	for (unsigned int k = 5; k < 7; k++) { /* FUCOMI, FCOMI */
		x87_reg(0xdb, (int)k, 0, 7)->writes = ARITH;
		x87_reg(0xdf, (int)k, 0, 7)->writes = ARITH;
	}
	for (unsigned int k = 0; k < 4; k++) { /* FCMOV */
		static const u16 reads[4] = {CF, ZF, CF | ZF, PF};
		for (unsigned int i = truth_groups[truth_group_count - 1].first;
		     i < truth_row_count; i++) {
			struct insn_row *r = &truth_rows[i];
			if ((r->opcode == 0xda || r->opcode == 0xdb) && r->form & REGS &&
			    r->ext == (s8)k)
				r->reads = reads[k];
		}
	}
	x87_reg(0xd9, 4, 0, 7);		    /* FCHS, FABS, FTST, FXAM */
	x87_reg(0xd9, 5, 0, 7)->weight = 6; /* constants */
	x87_reg(0xd9, 6, 4, 7)->weight = 6; /* FXTRACT, FPREM1, FDECSTP, FINCSTP */
	x87_reg(0xd9, 7, 0, 0)->weight = 4; /* FPREM */
	x87_reg(0xd9, 7, 2, 2)->weight = 6; /* FSQRT */
	x87_reg(0xd9, 7, 4, 5)->weight = 6; /* FRNDINT, FSCALE */
	add("fwait", 0, 0x9b, -1, VEC, 0, 0, 0);
}

static void x87_math_rows(void)
{
	static const u8 rm[] = {0, 1, 2, 3, 9, 11, 14, 15};

	fp_group("x87math", 15);
	for (unsigned int i = 0; i < sizeof(rm); i++) {
		struct insn_row *r = x87_reg(0xd9, rm[i] < 8 ? 6 : 7, rm[i] & 7, rm[i] & 7);
		r->form |= LAST;
		r->tolerance = X87_APPROX;
	}
}

/* --- MMX and SSE --- */

static struct insn_row *vec(u8 prefix, u8 map, u8 opcode, int ext, u32 form)
{
	struct insn_row *r = add("sse", map, opcode, ext, form | M | VEC, 0, 0, 0);

	r->prefix = prefix;
	r->size = 16;
	r->weight = 2;
	return r;
}

static const u8 prefixes[4] = {0, 0x66, 0xf3, 0xf2};

static void vec_all(u8 opcode, u32 form)
{
	for (unsigned int p = 0; p < 4; p++)
		vec(prefixes[p], 1, opcode, -1, form | (p < 2 ? A16 : 0));
}

static void sse_fp_rows(void)
{
	fp_group("ssefp", 110);
	vec_all(0x2a, 0);
	for (u8 op = 0x2c; op < 0x2e; op++)
		vec_all(op, CL_REG);
	for (u8 op = 0x2e; op < 0x30; op++) {
		vec(0, 1, op, -1, 0)->writes = ARITH;
		vec(0x66, 1, op, -1, 0)->writes = ARITH;
	}
	for (unsigned int p = 0; p < 4; p++) {
		for (unsigned int op = 0x51; op < 0x60; op++) {
			if (op >= 0x52 && op < 0x58)
				continue;
			vec(prefixes[p], 1, (u8)op, -1, A16);
		}
		vec(prefixes[p], 1, 0xc2, -1, A16 | IB);
	}
	vec_all(0xe6, 0);
	vec_all(0x7c, 0);
	vec_all(0x7d, 0);
	vec_all(0xd0, 0);
	for (u8 op = 0x08; op < 0x0c; op++)
		vec(0x66, 3, op, -1, A16 | IB);
	vec(0x66, 3, 0x40, -1, A16 | IB);
	vec(0x66, 3, 0x41, -1, A16 | IB);
	struct insn_row *r = add("ldmxcsr", 1, 0xae, 2, M | MEM | VEC, 0, 0, 0);
	r->size = 4;
	r->weight = 1;
	r = add("stmxcsr", 1, 0xae, 3, M | MEM | VEC, 0, 0, 0);
	r->size = 4;
}

static void rcp_rows(void)
{
	fp_group("ssercp", 5);
	for (u8 op = 0x52; op < 0x54; op++) {
		for (unsigned int p = 0; p < 4; p += 2) {
			struct insn_row *r = vec(prefixes[p], 1, op, -1, A16 | LAST);
			r->tolerance = RCP_APPROX;
		}
		vec(0x66, 1, op, -1, 0)->weight = 1;
		vec(0xf2, 1, op, -1, 0)->weight = 1;
	}
}

static void sse_int_rows(void)
{
	fp_group("sse", 110);
	for (u8 op = 0x10; op < 0x18; op++)
		vec_all(op, 0);
	vec_all(0x28, 0);
	vec_all(0x29, 0);
	vec_all(0x2b, 0);
	vec_all(0x50, CL_REG);
	for (u8 op = 0x54; op < 0x58; op++)
		vec_all(op, 0);
	for (u8 op = 0x60; op < 0x70; op++)
		vec_all(op, 0);
	vec_all(0x70, IB);
	for (u8 op = 0x71; op < 0x74; op++)
		for (int ext = 0; ext < 8; ext++)
			for (unsigned int p = 0; p < 2; p++)
				vec(prefixes[p], 1, op, ext, REGS | IB)->weight = 1;
	for (u8 op = 0x74; op < 0x77; op++)
		vec_all(op, 0);
	add("emms", 1, 0x77, -1, VEC, 0, 0, 0)->weight = 4;
	vec_all(0x7e, CL_RM);
	vec_all(0x7f, 0);
	vec_all(0xc4, IB);
	vec_all(0xc5, IB | CL_REG);
	vec_all(0xc6, IB);
	for (unsigned int op = 0xd1; op < 0xff; op++) {
		if (op == 0xe6 || op == 0xd7 || op == 0xd6)
			continue;
		vec_all((u8)op, 0);
		for (unsigned int k = 1; op == 0xf7 && k <= 4; k++)
			truth_rows[truth_row_count - k].name = "maskmov";
	}
	vec_all(0xd6, 0);
	vec_all(0xd7, CL_REG);
	for (u8 op = 0; op < 0x0c; op++) {
		vec(0, 2, op, -1, 0);
		vec(0x66, 2, op, -1, A16);
	}
	for (u8 op = 0x1c; op < 0x1f; op++) {
		vec(0, 2, op, -1, 0);
		vec(0x66, 2, op, -1, A16);
	}
	static const u8 sse4[] = {0x10, 0x14, 0x15, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x28,
				  0x29, 0x2a, 0x2b, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x37,
				  0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41};
	for (unsigned int i = 0; i < sizeof(sse4); i++)
		vec(0x66, 2, sse4[i], -1, A16);
	vec(0x66, 2, 0x17, -1, A16)->writes = ARITH; /* PTEST */
	for (u8 op = 0x0c; op < 0x10; op++)
		vec(0x66, 3, op, -1, A16 | IB);
	vec(0, 3, 0x0f, -1, IB);
	for (u8 op = 0x14; op < 0x18; op++)
		vec(0x66, 3, op, -1, IB | CL_RM | REXW_ANY);
	for (u8 op = 0x20; op < 0x23; op++)
		vec(0x66, 3, op, -1, IB | REXW_ANY);
	vec(0x66, 3, 0x42, -1, A16 | IB);
	for (u8 op = 0x60; op < 0x64; op++) {
		struct insn_row *r = vec(0x66, 3, op, -1, IB | REXW_ANY);
		r->writes = ARITH;
		r->clobbers = RC;
		r->weight = 6;
	}
}

static void finish(void)
{
	unsigned int total = 0;

	for (unsigned int i = 0; i < truth_group_count; i++)
		total += truth_groups[i].weight;
	for (unsigned int i = 0; i < truth_group_count; i++)
		truth_groups[i].weight = truth_groups[i].weight * 1000 / total;
}

void tables_init(void)
{
	alu_rows();
	shift_rows();
	mul_rows();
	move_rows();
	cond_rows();
	bit_rows();
	exchange_rows();
	string_rows();
	flag_rows();
	stack_rows();
	legacy_rows();
	segment_rows();
	far_rows();
	trap_rows();
	x87_rows();
	x87_math_rows();
	sse_fp_rows();
	rcp_rows();
	sse_int_rows();
	finish();
}
