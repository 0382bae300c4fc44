/*
 * The registers as gdb sees them. Source: "Debugging with GDB", G.5.5 (i386 features); formats as
 * FSAVE (tag word) and FXSAVE have them, Intel SDM volume 1, 8.1 and 10.5.
 */
#include "interp/x86/gdb.h"
#include "interp/x86/fpu.h"
#include "interp/x86/system.h"

#include "base/bytes.h"
#include "vm/gdb-registers.h"

#include <string.h>

static void read_general(struct cpu *cpu, unsigned int n, uint8_t *value)
{
	memcpy(value, &x86_cpu(cpu)->r.r[n & 15], n & 16 ? 4 : 8);
}

static void write_general(struct cpu *cpu, unsigned int n, const uint8_t *value)
{
	x86_cpu(cpu)->r.r[n & 15] = load_le(value, n & 16 ? 4 : 8);
}

static void read_pc(struct cpu *cpu, unsigned int size, uint8_t *value)
{
	store_le(value, size, x86_cpu(cpu)->v.pc);
}

static void write_pc(struct cpu *cpu, unsigned int size, const uint8_t *value)
{
	x86_cpu(cpu)->v.pc = load_le(value, size);
}

static void read_flags(struct cpu *cpu, unsigned int arg, uint8_t *value)
{
	store_le(value, 4, x86_flags_get(x86_cpu(cpu)));
}

static void write_flags(struct cpu *cpu, unsigned int arg, const uint8_t *value)
{
	/* What the program itself can change; the mode stays as it is. */
	x86_flags_set(x86_cpu(cpu), (uint32_t)load_le(value, 4),
		      FLAGS_ARITH | FLAG_DF | FLAG_IF | FLAG_NT | FLAG_ID);
}

static void read_selector(struct cpu *cpu, unsigned int n, uint8_t *value)
{
	store_le(value, 4, x86_cpu(cpu)->seg[n].selector);
}

static void read_st(struct cpu *cpu, unsigned int n, uint8_t *value)
{
	const struct x86_regs *r = &x86_cpu(cpu)->r;
	const struct f80 *st = &r->st[(r->ftop + n) & 7];

	store_le(value, 8, st->frac);
	store_le(value + 8, 2, st->se);
}

static void write_st(struct cpu *cpu, unsigned int n, const uint8_t *value)
{
	struct x86_regs *r = &x86_cpu(cpu)->r;
	struct f80 *st = &r->st[(r->ftop + n) & 7];

	st->frac = load_le(value, 8);
	st->se = (uint16_t)load_le(value + 8, 2);
}

enum { FCTRL, FSTAT, FTAG, FISEG, FIOFF, FOSEG, FOOFF, FOP };

static void read_fpu(struct cpu *cpu, unsigned int which, uint8_t *value)
{
	const struct x86_cpu *c = x86_cpu(cpu);
	uint64_t n = 0;

	switch (which) {
	case FCTRL: n = c->r.fcw; break;
	case FSTAT: n = x87_status_word(c); break;
	case FTAG: n = x87_tag_word(c); break;
	case FISEG: n = c->r.fcs; break;
	case FIOFF: n = c->r.fip; break;
	case FOSEG: n = c->r.fds; break;
	case FOOFF: n = c->r.fdp; break;
	case FOP: n = c->r.fop; break;
	}
	store_le(value, 4, n);
}

static void write_fpu(struct cpu *cpu, unsigned int which, const uint8_t *value)
{
	struct x86_cpu *c = x86_cpu(cpu);

	if (which == FCTRL) {
		c->r.fcw = (uint16_t)load_le(value, 4);
		x87_update_summary(c);
	} else if (which == FSTAT) {
		x87_set_status_word(c, (uint16_t)load_le(value, 4));
		x87_update_summary(c);
	}
}

static void read_xmm(struct cpu *cpu, unsigned int n, uint8_t *value)
{
	memcpy(value, x86_cpu(cpu)->r.xmm[n].b, 16);
}

static void write_xmm(struct cpu *cpu, unsigned int n, const uint8_t *value)
{
	memcpy(x86_cpu(cpu)->r.xmm[n].b, value, 16);
}

static void read_mxcsr(struct cpu *cpu, unsigned int arg, uint8_t *value)
{
	store_le(value, 4, x86_cpu(cpu)->r.mxcsr);
}

static void write_mxcsr(struct cpu *cpu, unsigned int arg, const uint8_t *value)
{
	x86_cpu(cpu)->r.mxcsr = (uint32_t)load_le(value, 4) & 0xffff;
}

#define REG64(name, type, n) {name, 64, type, read_general, write_general, n}
#define REG32(name, type, n) {name, 32, type, read_general, write_general, (n) | 16}
#define PC(name, bits)	     {name, bits, "code_ptr", read_pc, write_pc, (bits) / 8}
#define SELECTOR(name, n)    {name, 32, NULL, read_selector, NULL, n}
#define ST(n)		     {"st" #n, 80, "i387_ext", read_st, write_st, n}
#define FPU_REG(name, n)     {name, 32, NULL, read_fpu, write_fpu, n}
#define XMM(n)		     {"xmm" #n, 128, "vec128", read_xmm, write_xmm, n}

#define FLAGS_AND_SEGMENTS                                                                      \
	{"eflags", 32, "i386_eflags", read_flags, write_flags, 0}, SELECTOR("cs", CS),          \
		SELECTOR("ss", SS), SELECTOR("ds", DS), SELECTOR("es", ES), SELECTOR("fs", FS), \
		SELECTOR("gs", GS)
#define X87                                                                                \
	ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7), FPU_REG("fctrl", FCTRL),   \
		FPU_REG("fstat", FSTAT), FPU_REG("ftag", FTAG), FPU_REG("fiseg", FISEG),   \
		FPU_REG("fioff", FIOFF), FPU_REG("foseg", FOSEG), FPU_REG("fooff", FOOFF), \
		FPU_REG("fop", FOP)
#define MXCSR {"mxcsr", 32, "i386_mxcsr", read_mxcsr, write_mxcsr, 0}

static const struct gdb_register core64[] = {REG64("rax", "int64", RAX),
					     REG64("rbx", "int64", RBX),
					     REG64("rcx", "int64", RCX),
					     REG64("rdx", "int64", RDX),
					     REG64("rsi", "int64", RSI),
					     REG64("rdi", "int64", RDI),
					     REG64("rbp", "data_ptr", RBP),
					     REG64("rsp", "data_ptr", RSP),
					     REG64("r8", "int64", R8),
					     REG64("r9", "int64", R9),
					     REG64("r10", "int64", R10),
					     REG64("r11", "int64", R11),
					     REG64("r12", "int64", R12),
					     REG64("r13", "int64", R13),
					     REG64("r14", "int64", R14),
					     REG64("r15", "int64", R15),
					     PC("rip", 64),
					     FLAGS_AND_SEGMENTS,
					     X87};

static const struct gdb_register core32[] = {REG32("eax", NULL, RAX),
					     REG32("ecx", NULL, RCX),
					     REG32("edx", NULL, RDX),
					     REG32("ebx", NULL, RBX),
					     REG32("esp", "data_ptr", RSP),
					     REG32("ebp", "data_ptr", RBP),
					     REG32("esi", NULL, RSI),
					     REG32("edi", NULL, RDI),
					     PC("eip", 32),
					     FLAGS_AND_SEGMENTS,
					     X87};

static const struct gdb_register sse64[] = {XMM(0),  XMM(1),  XMM(2),  XMM(3),	XMM(4),	 XMM(5),
					    XMM(6),  XMM(7),  XMM(8),  XMM(9),	XMM(10), XMM(11),
					    XMM(12), XMM(13), XMM(14), XMM(15), MXCSR};

static const struct gdb_register sse32[] = {XMM(0), XMM(1), XMM(2), XMM(3), XMM(4),
					    XMM(5), XMM(6), XMM(7), MXCSR};

#define FLAG_FIELD(name, bit) "<field name=\"" name "\" start=\"" #bit "\" end=\"" #bit "\"/>"

static const char core_types[] = "<flags id=\"i386_eflags\" size=\"4\">" FLAG_FIELD("CF", 0)
	FLAG_FIELD("PF", 2) FLAG_FIELD("AF", 4) FLAG_FIELD("ZF", 6) FLAG_FIELD("SF", 7)
		FLAG_FIELD("TF", 8) FLAG_FIELD("IF", 9) FLAG_FIELD("DF", 10) FLAG_FIELD("OF", 11)
			FLAG_FIELD("NT", 14) FLAG_FIELD("RF", 16) FLAG_FIELD("VM", 17)
				FLAG_FIELD("AC", 18) FLAG_FIELD("ID", 21) "</flags>";

static const char sse_types[] =
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
	"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
	"<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
	"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	"<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
	"<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
	"<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
	"<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" "
	"type=\"uint128\"/></union>"
	"<flags id=\"i386_mxcsr\" size=\"4\">" FLAG_FIELD("IE", 0) FLAG_FIELD("DE", 1)
		FLAG_FIELD("ZE", 2) FLAG_FIELD("OE", 3) FLAG_FIELD("UE", 4) FLAG_FIELD("PE", 5)
			FLAG_FIELD("DAZ", 6) FLAG_FIELD("IM", 7) FLAG_FIELD("DM", 8)
				FLAG_FIELD("ZM", 9) FLAG_FIELD("OM", 10) FLAG_FIELD("UM", 11)
					FLAG_FIELD("PM", 12) FLAG_FIELD("FZ", 15) "</flags>";

static const struct gdb_feature features64[] = {
	GDB_FEATURE("org.gnu.gdb.i386.core", core_types, core64),
	GDB_FEATURE("org.gnu.gdb.i386.sse", sse_types, sse64)};

static const struct gdb_feature features32[] = {
	GDB_FEATURE("org.gnu.gdb.i386.core", core_types, core32),
	GDB_FEATURE("org.gnu.gdb.i386.sse", sse_types, sse32)};

/* By what the model can do, not by the mode of the moment: gdb asks once. */
const struct gdb_description *x86_gdb_description_32(struct cpu *cpu)
{
	static const struct gdb_description i386 = {"i386", features32, 2};

	return &i386;
}

const struct gdb_description *x86_gdb_description(struct cpu *cpu)
{
	static const struct gdb_description amd64 = {"i386:x86-64", features64, 2};

	return x86_has(x86_cpu(cpu), FEAT_8000_0001_EDX, 29 /* LM */) ? &amd64
								      : x86_gdb_description_32(cpu);
}
