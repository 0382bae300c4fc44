/*
 * A bare program that takes every exception of the A profile and walks every format of page tables,
 * and prints what handlers saw. RAM from 0; semihosting. Built by test-system with -DV6 for ARM1136
 * and Cortex-A8 (v6 tables), without for ARM926 (subpages, tiny pages).
 */
typedef unsigned int u32;

static int semihost(u32 op, const void *arg)
{
	register u32 r0 __asm__("r0") = op;
	register const void *r1 __asm__("r1") = arg;

	__asm__ volatile("svc 0x123456" : "+r"(r0) : "r"(r1) : "memory", "lr");
	return (int)r0;
}

static void print(const char *s)
{
	semihost(4, s);
}

static void hex(const char *name, u32 v)
{
	char b[10];

	for (int i = 0; i < 8; i++)
		b[i] = "0123456789abcdef"[v >> (28 - 4 * i) & 15];
	b[8] = 0;
	print(name);
	print(b);
}

/* What the last exception left. */
volatile u32 seen[8]; /* number, lr, spsr, cpsr, resume address, r0 at the exception */
volatile u32 resume;

/* Vectors: each puts its number into r0 (old r0 into sp_<mode>'s scratch) and goes on in common. */
__asm__(".arm\n.globl vectors\nvectors:\n"
	"ldr pc, =h_reset\nldr pc, =h_undef\nldr pc, =h_svc\nldr pc, =h_pabt\nldr pc, =h_dabt\n"
	"nop\nldr pc, =h_irq\nldr pc, =h_fiq\n.ltorg\nvectors_end:\n"
	".macro handler name, number\n\\name: ldr sp, =scratch\nstr r0, [sp]\nmov r0, #\\number\nb "
	"common\n.endm\n"
	"handler h_reset, 0\nhandler h_undef, 1\nhandler h_svc, 2\nhandler h_pabt, 3\nhandler "
	"h_dabt, 4\n"
	"handler h_irq, 6\nhandler h_fiq, 7\n"
	"common: str r1, [sp, #4]\nldr r1, =seen\nstr r0, [r1]\nstr lr, [r1, #4]\nmrs r0, "
	"spsr\nstr r0, [r1, #8]\n"
	"mrs r0, cpsr\nstr r0, [r1, #12]\nldr r0, =resume\nldr lr, [r0]\nldr r0, [sp]\nldr r1, "
	"[sp, #4]\n"
	"movs pc, lr\n.ltorg\n.bss\nscratch: .space 16\n.text\n");

/* Where the instruction is that traps. */
volatile u32 origin;
volatile u32 got;

static u32 dfsr(void)
{
	u32 v;
	__asm__ volatile("mrc p15, 0, %0, c5, c0, 0" : "=r"(v));
	return v;
}
static u32 ifsr(void)
{
	u32 v;
	__asm__ volatile("mrc p15, 0, %0, c5, c0, 1" : "=r"(v));
	return v;
}
static u32 dfar(void)
{
	u32 v;
	__asm__ volatile("mrc p15, 0, %0, c6, c0, 0" : "=r"(v));
	return v;
}
static void set_sctlr(u32 v)
{
	__asm__ volatile("mcr p15, 0, %0, c1, c0, 0" ::"r"(v) : "memory");
}
static u32 sctlr(void)
{
	u32 v;
	__asm__ volatile("mrc p15, 0, %0, c1, c0, 0" : "=r"(v));
	return v;
}
static void flush(void)
{
	__asm__ volatile("mcr p15, 0, %0, c8, c7, 0" ::"r"(0) : "memory");
}

static void report(const char *name)
{
	print(name);
	hex(": exc ", seen[0]);
	if (seen[0] != 99) {
		hex(" lr-pc ", seen[1] - origin);
		hex(" spsr ", seen[2] & 0x3f);
		hex(" cpsr ", seen[3] & 0xff);
		if (seen[0] == 4) {
			hex(" dfsr ", dfsr());
			hex(" dfar ", dfar());
		}
		if (seen[0] == 3)
			hex(" ifsr ", ifsr());
	}
	print("\n");
}

/* One access at an address, in User mode if asked (LDRT, STRT). */
enum { LOAD, STORE, LOAD_USER, STORE_USER, CALL };
static void access(const char *name, u32 va, int how)
{
	seen[0] = 99;
	got = 0;
	__asm__ volatile("adr r2, 1f\nldr r3, =resume\nstr r2, [r3]\n"
			 "adr r2, 2f\nldr r3, =origin\nstr r2, [r3]\n"
			 "mov r2, %0\nmov r3, #0x5a\nadd pc, pc, %1, lsl #3\nnop\n"
			 "2:ldr r3, [r2]\nb 1f\nstr r3, [r2]\nb 1f\nldrt r3, [r2]\nb 1f\nstrt r3, "
			 "[r2]\nb 1f\n"
			 "adr lr, 1f\nbx r2\n"
			 "1:ldr r2, =got\nstr r3, [r2]\n" ::"r"(va),
			 "r"(how)
			 : "r2", "r3", "lr", "memory", "cc");
	print(name);
	hex(" ", va);
	hex(" how ", (u32)how);
	hex(" exc ", seen[0]);
	if (seen[0] == 4) {
		hex(" dfsr ", dfsr());
		hex(" dfar ", dfar());
	} else if (seen[0] == 3) {
		hex(" ifsr ", ifsr());
	} else if (how == LOAD || how == LOAD_USER) {
		hex(" value ", got);
	}
	print("\n");
}

static u32 l1[4096] __attribute__((aligned(16384)));
static u32 coarse[256] __attribute__((aligned(4096)));
static u32 fine[1024] __attribute__((aligned(4096)));

#define DATA 0x300000u /* physical page with known words; filled below */

static void all(const char *name, u32 va)
{
	for (int how = LOAD; how <= STORE_USER; how++)
		access(name, va, how);
}

static void fill(void)
{
	for (u32 n = 0; n < 0x20000; n += 4)
		*(volatile u32 *)(DATA + n) = 0xe12fff1e; /* bx lr */
	for (u32 n = 0; n < 0x20000; n += 0x400)
		*(volatile u32 *)(DATA + n + 4) = DATA + n;
}

#ifdef V6
#define SECTION 0x02 /* bit 4 is XN */
#else
#define SECTION 0x12
#endif

static void tables(void)
{
	for (u32 n = 0; n < 4096; n++)
		l1[n] = 0;
	l1[0] = 0xc00 | SECTION; /* this program: RW for all, domain 0 */
	for (u32 n = 1; n < 4; n++)
		l1[n] = n << 20 | 0xc00 | SECTION;
	for (u32 ap = 0; ap < 4; ap++) /* sections with each AP */
		l1[0x100 + ap] = DATA >> 20 << 20 | ap << 10 | SECTION;
	l1[0x110] = 0x00300c00 | SECTION | 1 << 5; /* domain 1: none */
	l1[0x111] = 0x00300000 | SECTION | 2 << 5; /* domain 2: manager */
	l1[0x112] = (u32)coarse | (SECTION & 0x10) | 1;
	l1[0x113] = 0;
	coarse[0] = DATA | 0xff2; /* small, all */
	coarse[1] = DATA | 0x002;
	coarse[2] = DATA | 0x552;
	coarse[3] = DATA | 0xaa2;
	for (u32 n = 16; n < 32; n++) /* large, quarters differ */
		coarse[n] = (DATA & 0xffff0000) | 0xe41;
#ifdef V6
	for (u32 ap = 0; ap < 4; ap++) { /* APX, XN */
		l1[0x120 + ap] = DATA | ap << 10 | 1 << 15 | 0x2;
		l1[0x130 + ap] = DATA | ap << 10 | 1 << 4 | 0x2;
	}
	for (u32 n = 0; n < 16; n++)
		l1[0x140 + n] = 1 << 18 | 0xc02; /* supersection of 0 */
	coarse[4] = DATA | 0x33;		 /* small, XN */
	coarse[5] = DATA | 0x232;		 /* APX */
#else
	coarse[4] = DATA | 0xe42; /* quarters of a small page differ */
	l1[0x114] = (u32)fine | 0x13;
	for (u32 n = 0; n < 8; n++) /* tiny pages, backwards */
		fine[n] = (DATA + 0x400 * (7 - n)) | (n & 3) << 4 | 3;
#endif
}

static void mmu_on(void)
{
	__asm__ volatile("mcr p15, 0, %0, c2, c0, 0" ::"r"(l1));
	__asm__ volatile("mcr p15, 0, %0, c3, c0, 0" ::"r"(1 | 3 << 4));
	flush();
#ifdef V6
	set_sctlr(sctlr() | 1 | 1 << 23);
#else
	set_sctlr(sctlr() | 1);
#endif
}

static void walk(void)
{
	for (u32 ap = 0; ap < 4; ap++)
		all("section", 0x10000004 + (ap << 20));
	all("domain-none", 0x11000004);
	all("domain-manager", 0x11100004);
	for (u32 n = 0; n < 4; n++) { /* domain 1 comes and goes, domain 2 becomes a client */
		__asm__ volatile("mcr p15, 0, %0, c3, c0, 0" ::"r"(n & 1 ? 1 | 1 << 2 | 1 << 4
									 : 1 | 3 << 4));
		access("dacr", 0x11000004, LOAD);
		access("dacr", 0x11100004, STORE_USER);
	}
	__asm__ volatile("mcr p15, 0, %0, c3, c0, 0" ::"r"(1 | 3 << 4));
	access("nothing", 0x11300004, LOAD);
	access("nothing", 0x11300004, CALL);
	access("page-nothing", 0x11280004, STORE);
	for (u32 n = 0; n < 4; n++)
		all("small", 0x11200004 + (n << 12));
	for (u32 n = 0; n < 4; n++)
		all("large", 0x11210004 + (n << 14));
	access("call", 0x10300000, CALL);
#ifdef V6
	for (u32 ap = 0; ap < 4; ap++) {
		all("read-only", 0x12000004 + (ap << 20));
		access("xn", 0x13000000 + (ap << 20), CALL);
	}
	access("super", 0x14300004, LOAD);
	access("super", 0x14f00004, LOAD);
	access("xn-small", 0x11204000, CALL);
	all("apx-small", 0x11205004);
#else
	for (u32 n = 0; n < 4; n++)
		all("subpage", 0x11204004 + (n << 10));
	for (u32 n = 0; n < 8; n++)
		all("tiny", 0x11400004 + (n << 10));
	access("tiny-call", 0x11400c00, CALL);
	access("tiny-call", 0x11400000, CALL);
	__asm__ volatile("mcr p15, 0, %0, c1, c0, 0" ::"r"(sctlr() | 1 << 8));
	all("S", 0x10000004);
	__asm__ volatile("mcr p15, 0, %0, c1, c0, 0" ::"r"((sctlr() & ~(1u << 8)) | 1 << 9));
	all("R", 0x10000004);
#endif
}

static void traps(void)
{
#define SHOW(name, insn)                                                                   \
	seen[0] = 99;                                                                      \
	__asm__ volatile("adr r0, 1f\nldr r1, =resume\nstr r0, [r1]\nadr r0, 2f\nldr r1, " \
			 "=origin\nstr r0, [r1]\n"                                         \
			 "2: " insn "\n1:\n" ::                                            \
				 : "r0", "r1", "r2", "r3", "lr", "memory", "cc");          \
	report(name)
	SHOW("undef", ".word 0xe7f000f0");
	SHOW("coproc", "mrc p3, 0, r2, c0, c0, 0");
	SHOW("bkpt", "bkpt 1");
	/* In System mode, where SVC does not destroy what this code stands on. */
	__asm__ volatile(
		"mrs r2, cpsr\norr r2, r2, #0x1f\nmov r3, sp\nmsr cpsr_c, r2\nmov sp, r3\n" ::
			: "r2", "r3", "memory");
	SHOW("svc", "svc 77");
}

__attribute__((used)) void cmain(void)
{
	extern u32 vectors[], vectors_end[];

	for (u32 *from = vectors, *to = (u32 *)0; from < vectors_end;)
		*(volatile u32 *)to++ = *from++;
	traps();
	fill();
	tables();
	mmu_on();
	walk();
	print("DONE\n");
	u32 exit_code[2] = {0x20026, 0};
	semihost(24, (void *)exit_code[0]);
	for (;;)
		;
}

__attribute__((naked)) void _start(void)
{
	__asm__ volatile("ldr sp, =0x280000\nb cmain\n");
}
