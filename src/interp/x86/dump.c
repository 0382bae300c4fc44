/* What "info registers", -d cpu and the monitor's $name show of an x86 processor. */
#include "interp/x86/system.h"

#include <inttypes.h>

static void dump_general(const struct x86_cpu *c, FILE *out, bool wide)
{
	static const char names32[][4] = {"EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP", "ESP"};
	static const char names64[][4] = {"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP",
					  "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15"};
	static const uint8_t order[16] = {RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP,
					  R8,  R9,  R10, R11, R12, R13, R14, R15};

	for (unsigned int i = 0; i < (wide ? 16 : 8); i++) {
		char end = i % 4 == 3 ? '\n' : ' ';
		if (wide)
			fprintf(out, "%s=%016" PRIx64 "%c", names64[i], c->r.r[order[i]], end);
		else
			fprintf(out, "%s=%08x%c", names32[i], (uint32_t)c->r.r[order[i]], end);
	}
}

static void dump_flags(const struct x86_cpu *c, FILE *out, bool wide)
{
	static const char letters[] = "DOSZAPC";
	static const uint32_t bits[] = {FLAG_DF, FLAG_OF, FLAG_SF, FLAG_ZF,
					FLAG_AF, FLAG_PF, FLAG_CF};
	uint32_t flags = x86_flags_get(c);

	if (wide)
		fprintf(out, "RIP=%016" PRIx64 " RFL=%08x [", c->v.pc, flags);
	else
		fprintf(out, "EIP=%08x EFL=%08x [", (uint32_t)c->v.pc, flags);
	for (unsigned int i = 0; i < 7; i++)
		fputc(flags & bits[i] ? letters[i] : '-', out);
	fprintf(out, "] CPL=%u II=%d A20=%d SMM=%d HLT=%d\n", x86_cpl(c), c->inhibit_pc == c->v.pc,
		c->a20, c->smm, c->v.cpu.halted);
}

static const char *segment_kind(const struct x86_seg *seg, bool lma)
{
	if (!(seg->attr & SEG_P))
		return "";
	if (!(seg->attr & SEG_S))
		return "";
	if (!(seg->attr & SEG_CODE))
		return seg->attr & SEG_DB ? "DS  " : "DS16";
	if (lma && seg->attr & SEG_L)
		return "CS64";
	return seg->attr & SEG_DB ? "CS32" : "CS16";
}

static const char *system_kind(unsigned int type, bool lma)
{
	static const char *const names[16] = {"Reserved",   "TSS16-avl", "LDT",	      "TSS16-busy",
					      "CallGate16", "TaskGate",	 "IntGate16", "TrapGate16",
					      "Reserved",   "TSS32-avl", "Reserved",  "TSS32-busy",
					      "CallGate32", "Reserved",	 "IntGate32", "TrapGate32"};
	static const char *const names64[16] = {
		"<hiword>",   "Reserved", "LDT",       "Reserved",  "Reserved", "Reserved",
		"Reserved",   "Reserved", "Reserved",  "TSS64-avl", "Reserved", "TSS64-busy",
		"CallGate64", "Reserved", "IntGate64", "TrapGate64"};

	return (lma ? names64 : names)[type & 15];
}

static void dump_segment(const struct x86_cpu *c, FILE *out, const char *name,
			 const struct x86_seg *seg, bool wide)
{
	uint32_t attr = seg->attr | (seg->limit >> (seg->attr & SEG_G ? 12 : 0) & 0xf0000);
	bool lma = x86_long_mode(c);

	fprintf(out, "%-3s=%04x %0*" PRIx64 " %08x %08x", name, seg->selector, wide ? 16 : 8,
		seg->base, seg->limit, attr);
	if (!(c->cr0 & CR0_PE) || !(seg->attr & SEG_P)) {
		fputc('\n', out);
		return;
	}
	fprintf(out, " DPL=%u ", seg->attr >> SEG_DPL_SHIFT & 3);
	if (!(seg->attr & SEG_S))
		fprintf(out, "%s\n", system_kind(seg->attr >> 8, lma));
	else if (seg->attr & SEG_CODE)
		fprintf(out, "%s [%c%c%c]\n", segment_kind(seg, lma), seg->attr & SEG_C ? 'C' : '-',
			seg->attr & SEG_R ? 'R' : '-', seg->attr & SEG_A ? 'A' : '-');
	else
		fprintf(out, "%s [%c%c%c]\n", segment_kind(seg, lma), seg->attr & SEG_E ? 'E' : '-',
			seg->attr & SEG_W ? 'W' : '-', seg->attr & SEG_A ? 'A' : '-');
}

static void dump_control(const struct x86_cpu *c, FILE *out, bool wide)
{
	int n = wide ? 16 : 8;

	fprintf(out, "GDT=     %0*" PRIx64 " %08x\n", n, c->gdt.base, c->gdt.limit);
	fprintf(out, "IDT=     %0*" PRIx64 " %08x\n", n, c->idt.base, c->idt.limit);
	fprintf(out, "CR0=%08x CR2=%0*" PRIx64 " CR3=%0*" PRIx64 " CR4=%08x\n", (uint32_t)c->cr0, n,
		c->cr2, n, c->cr3, (uint32_t)c->cr4);
	for (unsigned int i = 0; i < 4; i++)
		fprintf(out, "DR%u=%0*" PRIx64 "%c", i, n, c->dr[i], i == 3 ? '\n' : ' ');
	fprintf(out, "DR6=%0*" PRIx64 " DR7=%0*" PRIx64 "\n", n, c->dr[6], n, c->dr[7]);
	fprintf(out, "EFER=%016" PRIx64 "\n", c->efer);
}

static void dump_fpu(const struct x86_cpu *c, FILE *out, bool wide)
{
	fprintf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", c->r.fcw,
		(unsigned int)(c->r.fsw | c->r.ftop << 11), c->r.ftop, (uint8_t)~c->r.ftag,
		c->r.mxcsr);
	for (unsigned int i = 0; i < 8; i++)
		fprintf(out, "FPR%u=%016" PRIx64 " %04x%c", i, c->r.st[i].frac, c->r.st[i].se,
			i & 1 ? '\n' : ' ');
	for (unsigned int i = 0; i < (wide ? 16 : 8); i++)
		fprintf(out, "XMM%02u=%016" PRIx64 " %016" PRIx64 "%c", i, c->r.xmm[i].q[1],
			c->r.xmm[i].q[0], i & 1 ? '\n' : ' ');
}

void x86_cpu_dump(struct cpu *cpu, FILE *out)
{
	static const struct {
		const char *name;
		enum x86_seg_name seg;
	} segs[] = {{"ES", ES}, {"CS", CS}, {"SS", SS},	      {"DS", DS},
		    {"FS", FS}, {"GS", GS}, {"LDT", SEG_LDT}, {"TR", SEG_TSS}};
	const struct x86_cpu *c = x86_cpu(cpu);
	bool wide = x86_code64(c);

	dump_general(c, out, wide);
	dump_flags(c, out, wide);
	for (unsigned int i = 0; i < G_N_ELEMENTS(segs); i++)
		dump_segment(c, out, segs[i].name, &c->seg[segs[i].seg], x86_long_mode(c));
	dump_control(c, out, x86_long_mode(c));
	dump_fpu(c, out, wide);
}

/* --- $name --- */

static uint64_t mask_of(const struct x86_cpu *c)
{
	return x86_code64(c) ? UINT64_MAX : UINT32_MAX;
}

static uint64_t read_general(struct cpu *cpu, unsigned int n)
{
	return x86_cpu(cpu)->r.r[n] & mask_of(x86_cpu(cpu));
}

static void write_general(struct cpu *cpu, unsigned int n, uint64_t value)
{
	x86_cpu(cpu)->r.r[n] = value & mask_of(x86_cpu(cpu));
}

static uint64_t read_pc(struct cpu *cpu, unsigned int arg)
{
	return x86_cpu(cpu)->v.pc;
}

static void write_pc(struct cpu *cpu, unsigned int arg, uint64_t value)
{
	x86_cpu(cpu)->v.pc = value & mask_of(x86_cpu(cpu));
}

static uint64_t read_linear_pc(struct cpu *cpu, unsigned int arg)
{
	return x86_cpu(cpu)->v.code_base + x86_cpu(cpu)->v.pc;
}

static uint64_t read_flags(struct cpu *cpu, unsigned int arg)
{
	return x86_flags_get(x86_cpu(cpu));
}

static void write_flags(struct cpu *cpu, unsigned int arg, uint64_t value)
{
	/* A debugger changes no privileges. */
	x86_flags_set(x86_cpu(cpu), (uint32_t)value,
		      FLAGS_ARITH | FLAG_DF | FLAG_TF | FLAG_IF | FLAG_AC | FLAG_ID | FLAG_NT);
}

static uint64_t read_selector(struct cpu *cpu, unsigned int n)
{
	return x86_cpu(cpu)->seg[n].selector;
}

static uint64_t read_base(struct cpu *cpu, unsigned int n)
{
	return x86_cpu(cpu)->seg[n].base;
}

static uint64_t read_control(struct cpu *cpu, unsigned int n)
{
	const struct x86_cpu *c = x86_cpu(cpu);

	switch (n) {
	case 0: return c->cr0;
	case 2: return c->cr2;
	case 3: return c->cr3;
	case 4: return c->cr4;
	default: return c->efer;
	}
}

#define GENERAL(name, n) {name, read_general, write_general, n}
const struct cpu_register x86_registers[] = {
	GENERAL("eax", RAX),
	GENERAL("ecx", RCX),
	GENERAL("edx", RDX),
	GENERAL("ebx", RBX),
	GENERAL("esp", RSP),
	GENERAL("ebp", RBP),
	GENERAL("esi", RSI),
	GENERAL("edi", RDI),
	GENERAL("sp", RSP),
	GENERAL("fp", RBP),
	GENERAL("rax", RAX),
	GENERAL("rcx", RCX),
	GENERAL("rdx", RDX),
	GENERAL("rbx", RBX),
	GENERAL("rsp", RSP),
	GENERAL("rbp", RBP),
	GENERAL("rsi", RSI),
	GENERAL("rdi", RDI),
	GENERAL("r8", R8),
	GENERAL("r9", R9),
	GENERAL("r10", R10),
	GENERAL("r11", R11),
	GENERAL("r12", R12),
	GENERAL("r13", R13),
	GENERAL("r14", R14),
	GENERAL("r15", R15),
	{"eip", read_pc, write_pc, 0},
	{"rip", read_pc, write_pc, 0},
	{"pc", read_linear_pc, NULL, 0},
	{"eflags", read_flags, write_flags, 0},
	{"rflags", read_flags, write_flags, 0},
	{"cs", read_selector, NULL, CS},
	{"ds", read_selector, NULL, DS},
	{"es", read_selector, NULL, ES},
	{"ss", read_selector, NULL, SS},
	{"fs", read_selector, NULL, FS},
	{"gs", read_selector, NULL, GS},
	{"cs.base", read_base, NULL, CS},
	{"ds.base", read_base, NULL, DS},
	{"es.base", read_base, NULL, ES},
	{"ss.base", read_base, NULL, SS},
	{"fs.base", read_base, NULL, FS},
	{"gs.base", read_base, NULL, GS},
	{"cr0", read_control, NULL, 0},
	{"cr2", read_control, NULL, 2},
	{"cr3", read_control, NULL, 3},
	{"cr4", read_control, NULL, 4},
	{"efer", read_control, NULL, 5},
	{NULL, NULL, NULL, 0},
};
