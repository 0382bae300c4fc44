/*
 * Every x87, MMX and SSE instruction that the decoder has, run on the host and emulated from the
 * same random state: all registers, flags, status words and memory must come out the same, masked
 * or unmasked exceptions included.
 *
 * RATITE_CASES multiplies the number of states per instruction, RATITE_SEED changes them,
 * RATITE_OPCODE=66,1,58 (prefix, map, opcode in hexadecimal) picks one instruction.
 */
#include <string.h>

#include "guest.h"
#include "tests/softfloat/fptest.h"

#define FLAGS_ARITH 0x8d5

static uint8_t page[4096] __attribute__((aligned(4096)));
#define MEMORY	    (page + 1024)
#define MEMORY_SIZE 512

struct insn {
	uint8_t bytes[16];
	size_t size;
	uint8_t prefix, map, opcode, modrm;
	bool is_mem;
};

/* --- random states --- */

/* 16 bytes of something that is interesting as some type. */
static void rand_lanes(struct rng *r, uint64_t out[2])
{
	struct f80 f;
	uint32_t s[4];

	switch (rng_below(r, 4)) {
	case 0:
		s[0] = rand_f32(r);
		for (int i = 1; i < 4; i++)
			s[i] = rand_near_f32(r, s[i - 1]);
		memcpy(out, s, 16);
		break;
	case 1:
		out[0] = rand_f64(r);
		out[1] = rand_near_f64(r, out[0]);
		break;
	case 2:
		f = rand_f80(r);
		out[0] = f.frac;
		out[1] = f.se;
		break;
	default: out[0] = (uint64_t)rand_int(r); out[1] = rand_bits(r, 64);
	}
}

static uint32_t rand_mxcsr(struct rng *r)
{
	uint32_t csr = rng_below(r, 64) | 0x1f80;

	if (rng_below(r, 2))
		csr |= rng_below(r, 4) << 13 | rng_below(r, 2) << 15 | rng_below(r, 2) << 6;
	return csr;
}

static void rand_x87(struct rng *r, struct fxsave *fx, bool unmask)
{
	fx->fcw = (uint16_t)(0x7f | rng_below(r, 4) << 10 |
			     (rng_below(r, 2) ? 3 : rng_below(r, 3) & 2) << 8);
	if (unmask)
		fx->fcw &= (uint16_t)~rng_below(r, 64);
	fx->fsw = (uint16_t)(rng_below(r, 128) | rng_below(r, 8) << 11 | (rng_next(r) & 0x4700));
	/* Nothing is pending. */
	fx->fsw &= (uint16_t)~(~fx->fcw & 0x3f);
	fx->ftw = rng_below(r, 2) ? 0xff : (uint8_t)rng_next(r);
	/* Mostly room for a push. */
	if (rng_below(r, 4))
		fx->ftw &= (uint8_t)~(1u << (((fx->fsw >> 11) - 1) & 7));
	for (int i = 0; i < 8; i++) {
		struct f80 v =
			i ? rand_near_f80(r, (struct f80){fx->st[i - 1].frac, fx->st[i - 1].se})
			  : rand_f80(r);
		if (rng_below(r, 3) == 0)
			v.se = (uint16_t)((v.se & 0x8000) | (16383 - 3 + rng_below(r, 70)));
		fx->st[i].frac = v.frac;
		fx->st[i].se = v.se;
	}
}

static void rand_state(struct rng *r, struct native_state *s, bool unmask)
{
	memset(s, 0, sizeof(*s));
	rand_x87(r, &s->fx, unmask);
	s->fx.mxcsr = rand_mxcsr(r);
	if (unmask)
		s->fx.mxcsr &= ~(rng_below(r, 64) << 7);
	for (int i = 0; i < 16; i++) {
		rand_lanes(r, s->fx.xmm[i]);
		s->gpr[i] = (uint64_t)rand_int(r);
	}
	s->gpr[3] = (uint64_t)MEMORY;
	s->flags = 0x202 | (rng_next(r) & FLAGS_ARITH);
	for (size_t i = 0; i < MEMORY_SIZE; i += 16)
		rand_lanes(r, (uint64_t *)(MEMORY + i));
}

/* Where digits above 9 would be loaded, and FXRSTOR would see reserved MXCSR bits. */
static void fix_memory(struct rng *r, const struct insn *n)
{
	struct fp_status st = {.rules = &fp_rules_x87};
	unsigned int reg = n->modrm >> 3 & 7;
	uint32_t csr;

	if (n->map == 0 && n->opcode == 0xdf && reg == 4)
		f80_to_bcd(f80_from_i64(rand_int(r) / 16, &st), MEMORY, &st);
	if (n->map == 1 && n->opcode == 0xae) {
		csr = rand_mxcsr(r);
		memcpy(MEMORY + (reg == 1 ? 24 : 0), &csr, 4);
	}
}

/* --- encodings --- */

static void make_insn(struct insn *n, uint8_t prefix, unsigned int map, uint8_t opcode,
		      uint8_t modrm, uint8_t rex, int imm)
{
	uint8_t *p = n->bytes;

	*n = (struct insn){.prefix = prefix, .map = (uint8_t)map, .opcode = opcode, .modrm = modrm};
	n->is_mem = modrm < 0xc0;
	if (prefix)
		*p++ = prefix;
	if (rex)
		*p++ = rex;
	if (map)
		*p++ = 0x0f;
	if (map >= 2)
		*p++ = map == 2 ? 0x38 : 0x3a;
	*p++ = opcode;
	*p++ = modrm;
	if (imm >= 0)
		*p++ = (uint8_t)imm;
	n->size = (size_t)(p - n->bytes);
}

/* Registers 4 (RSP) and 15 as general operands are the harness's; so neither is ever named. */
static uint8_t rand_modrm(struct rng *r, uint8_t *rex)
{
	static const uint8_t regs[] = {0, 1, 2, 5, 6, 7, 8, 9, 10, 13};
	uint8_t reg = regs[rng_below(r, sizeof(regs))], rm = regs[rng_below(r, sizeof(regs))];

	*rex = rng_below(r, 4) ? 0 : 0x40 | (rng_below(r, 2) ? 8 : 0);
	if (rng_below(r, 2)) {
		*rex |= reg >= 8 ? 0x44 : 0;
		return (uint8_t)((reg & 7) << 3 | 3);
	}
	*rex |= (reg >= 8 ? 0x44 : 0) | (rm >= 8 ? 0x41 : 0);
	return (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* --- comparison --- */

static void print_state(const char *name, const struct native_state *s)
{
	printf("%s: fcw %04x fsw %04x ftw %02x mxcsr %04x flags %03x\n", name, s->fx.fcw, s->fx.fsw,
	       s->fx.ftw, s->fx.mxcsr, (unsigned int)s->flags & FLAGS_ARITH);
	for (int i = 0; i < 8; i++)
		printf("  st%d %04x.%016" PRIx64 "%s", i, s->fx.st[i].se, s->fx.st[i].frac,
		       i % 4 == 3 ? "\n" : "");
	for (int i = 0; i < 16; i++)
		printf("  x%-2d %016" PRIx64 "_%016" PRIx64 " r%-2d %016" PRIx64 "%s", i,
		       s->fx.xmm[i][1], s->fx.xmm[i][0], i, s->gpr[i], i & 1 ? "\n" : "");
}

static bool same_x87(const struct fxsave *a, const struct fxsave *b)
{
	for (int i = 0; i < 8; i++)
		if (a->st[i].frac != b->st[i].frac || a->st[i].se != b->st[i].se)
			return false;
	return a->fcw == b->fcw && a->fsw == b->fsw && a->ftw == b->ftw;
}

static bool same_state(const struct native_state *a, const struct native_state *b, bool exception)
{
	if (!same_x87(&a->fx, &b->fx) || a->fx.mxcsr != b->fx.mxcsr ||
	    memcmp(a->fx.xmm, b->fx.xmm, sizeof(a->fx.xmm)) != 0)
		return false;
	if (exception)
		return true;
	for (int i = 0; i < 15; i++)
		if (i != 4 && a->gpr[i] != b->gpr[i])
			return false;
	return ((a->flags ^ b->flags) & FLAGS_ARITH) == 0;
}

/* Instruction and data pointers of the x87 are the harness's own, and of a model that hosts vary
 * in. */
static void forget_pointers(const struct insn *n, uint8_t *memory)
{
	unsigned int reg = n->modrm >> 3 & 7;

	if (n->map == 0 && ((n->opcode == 0xd9 || n->opcode == 0xdd) && reg == 6))
		memset(memory + (n->prefix == 0x66 ? 6 : 12), 0, n->prefix == 0x66 ? 8 : 16);
	if (n->map == 1 && n->opcode == 0xae && reg == 0) {
		memset(memory + 6, 0, 18);
		memset(memory + 28, 0, 4);
		memset(memory + 416, 0, 96);
		for (int i = 0; i < 8; i++)
			memset(memory + 32 + 16 * i + 10, 0, 6);
	}
}

static int vector_of(enum native_exception e)
{
	/* #XM and #MF are both SIGFPE; alignment's #GP is SIGSEGV. */
	return e == NATIVE_NONE ? -1 : e == NATIVE_ILL ? 6 : e == NATIVE_SEGV ? 13 : 19;
}

static void run_case(const struct insn *n, struct native_state *start)
{
	static uint8_t before[MEMORY_SIZE], after[MEMORY_SIZE];
	struct native_state host = *start, guest = *start;
	struct guest_result result;
	int vector;
	bool ok;

	memcpy(before, MEMORY, MEMORY_SIZE);
	vector = vector_of(native_run(n->bytes, n->size, &host));
	memcpy(after, MEMORY, MEMORY_SIZE);
	memcpy(MEMORY, before, MEMORY_SIZE);
	result = guest_run(n->bytes, n->size, &guest);
	forget_pointers(n, after);
	forget_pointers(n, MEMORY);
	if (result.vector == 16)
		result.vector = 19;
	ok = result.known && result.vector == vector && same_state(&host, &guest, vector >= 0) &&
	     memcmp(after, MEMORY, MEMORY_SIZE) == 0;
	if (ok)
		return;
	print_state("start", start);
	print_state("host", &host);
	print_state("guest", &guest);
	for (size_t i = 0; i < n->size; i++)
		printf("%02x ", n->bytes[i]);
	printf("\n");
	for (size_t i = 0; i < MEMORY_SIZE; i++)
		if (after[i] != MEMORY[i])
			printf("memory +%zd: was %02x host %02x guest %02x\n", i, before[i],
			       after[i], MEMORY[i]);
	fflush(stdout);
	ck_abort_msg("prefix %02x map %d opcode %02x modrm %02x: vectors %d (host), %d; known %d",
		     n->prefix, n->map, n->opcode, n->modrm, vector, result.vector, result.known);
}

/* --- which instructions --- */

static bool selected(uint8_t prefix, unsigned int map, uint8_t opcode)
{
	const char *only = getenv("RATITE_OPCODE");
	unsigned int p, m, o;

	if (!only || sscanf(only, "%x,%x,%x", &p, &m, &o) != 3)
		return true;
	return p == prefix && m == map && o == opcode;
}

/* What the host does not have, or what has no fixed result. */
static bool is_excluded(uint8_t prefix, unsigned int map, uint8_t opcode)
{
	if (map != 1)
		return false;
	/* 3DNow!, prefetch hints, and MASKMOV, whose operand is at RDI */
	return opcode == 0x0d || opcode == 0x0e || opcode == 0x0f || opcode == 0x18 ||
	       opcode == 0xf7;
}

#ifdef RATITE_PORTABLE_FP
/* The bits of these are the host's alone. */
static bool is_approximation(unsigned int map, uint8_t opcode)
{
	return map == 1 && (opcode == 0x52 || opcode == 0x53);
}
#else
static bool is_approximation(unsigned int map, uint8_t opcode)
{
	return false;
}
#endif

static void run_simd(struct rng *r, uint8_t prefix, unsigned int map, uint8_t opcode, bool unmask,
		     long count)
{
	struct native_state start;
	struct insn n;
	uint8_t rex, modrm;
	bool imm8;

	if (!selected(prefix, map, opcode) || is_excluded(prefix, map, opcode) ||
	    !guest_knows(map, prefix, opcode, &imm8) || is_approximation(map, opcode))
		return;
	for (long i = 0; i < count; i++) {
		modrm = rand_modrm(r, &rex);
		/* 0FAE: FXSAVE, FXRSTOR, LDMXCSR and STMXCSR. */
		if (map == 1 && opcode == 0xae) {
			modrm = (uint8_t)(3 | rng_below(r, 4) << 3);
			rex = 0x48;
		}
		make_insn(&n, prefix, map, opcode, modrm, rex,
			  imm8 ? (int)(rng_next(r) & 255) : -1);
		rand_state(r, &start, unmask);
		fix_memory(r, &n);
		run_case(&n, &start);
	}
}

static void run_all_simd(bool unmask, long count)
{
	static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
	struct rng r = rng_new(unmask);

	for (unsigned int map = 1; map <= 3; map++)
		for (unsigned int opcode = 0; opcode < 256; opcode++)
			for (unsigned int p = 0; p < 4; p++)
				run_simd(&r, prefixes[p], map, (uint8_t)opcode, unmask, count);
}

START_TEST(simd_masked)
{
	run_all_simd(false, cases(300));
}
END_TEST

START_TEST(simd_unmasked)
{
	run_all_simd(true, cases(100));
}
END_TEST

static void run_x87(struct rng *r, uint8_t opcode, uint8_t modrm, bool unmask, long count)
{
	struct native_state start;
	struct insn n;

	if (!selected(0, 0, opcode))
		return;
	for (long i = 0; i < count; i++) {
		make_insn(&n, 0, 0, opcode, modrm, 0, -1);
		rand_state(r, &start, unmask);
		fix_memory(r, &n);
		run_case(&n, &start);
	}
}

/* All registers, and memory at RBX. */
static void run_all_x87(bool unmask, long count)
{
	struct rng r = rng_new(10 + unmask);

	for (unsigned int opcode = 0xd8; opcode <= 0xdf; opcode++) {
		for (unsigned int reg = 0; reg < 8; reg++)
			run_x87(&r, (uint8_t)opcode, (uint8_t)(reg << 3 | 3), unmask, 4 * count);
		for (unsigned int modrm = 0xc0; modrm < 0x100; modrm++)
			run_x87(&r, (uint8_t)opcode, (uint8_t)modrm, unmask, count);
	}
}

START_TEST(x87_masked)
{
	run_all_x87(false, cases(200));
}
END_TEST

START_TEST(x87_unmasked)
{
	run_all_x87(true, cases(200));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {simd_masked, simd_unmasked, x87_masked, x87_unmasked};

	native_init();
	guest_init(page);
	return run_tests("x86-fpu", tests, sizeof(tests) / sizeof(*tests));
}
