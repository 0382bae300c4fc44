/* Runs cases on both sides and compares; reports and minimises differences. See truth.h. */
#include "truth-gen.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct state native, guest;
static bool strict;	/* compare undefined flags too */
static bool *in_native; /* shared with the parent: the case is running natively now */

/* --- comparison --- */

struct report {
	FILE *out; /* NULL: only whether they differ */
	bool differs;
};

static __attribute__((format(printf, 2, 3))) void differ(struct report *r, const char *format, ...)
{
	va_list args;

	r->differs = true;
	if (!r->out)
		return;
	va_start(args, format);
	vfprintf(r->out, format, args);
	va_end(args);
}

static const char *const reg_names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					  "r8",	 "r9",	"r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const seg_names[6] = {"es", "cs", "ss", "ds", "fs", "gs"};

/* Which instruction ended the case. */
static unsigned int last_insn(const struct tcase *t, const struct state *s)
{
	if (!s->raised)
		return t->count;
	for (unsigned int i = 0; i < t->count; i++) {
		if (s->rip >= t->in.rip + t->at[i] && s->rip < t->in.rip + t->at[i + 1])
			return i;
	}
	return t->count;
}

static void compare_registers(const struct tcase *t, struct report *r)
{
	u64 mask = t->mode == CODE64 ? ~UINT64_C(0) : 0xffffffff;

	for (unsigned int i = 0; i < (t->mode == CODE64 ? 16 : 8); i++) {
		if ((native.r[i] ^ guest.r[i]) & mask)
			differ(r,
			       "%s: native %016" PRIx64 " guest %016" PRIx64 " was %016" PRIx64
			       "\n",
			       reg_names[i], native.r[i], guest.r[i], t->in.r[i]);
	}
	for (unsigned int i = 0; i < 6; i++) {
		/* The kernel's IRET, at any time, clears the RPL of null selectors. */
		if (native.seg[i] == 0 && guest.seg[i] < 4)
			continue;
		if (native.seg[i] != guest.seg[i])
			differ(r, "%s: native %04x guest %04x was %04x\n", seg_names[i],
			       native.seg[i], guest.seg[i], t->in.seg[i]);
	}
}

static void compare_flags(const struct tcase *t, struct report *r)
{
	/* RF is that of the interrupt frame. */
	u64 mask = 0x3f7fd5 & ~UINT64_C(0x10000);

	if (!strict)
		mask &= ~(u64)case_undefined(t, last_insn(t, &native));
	if ((native.flags ^ guest.flags) & mask)
		differ(r,
		       "flags: native %06" PRIx64 " guest %06" PRIx64 " was %06" PRIx64
		       " (compared %06" PRIx64 ")\n",
		       native.flags, guest.flags, t->in.flags, mask);
}

/*
 * Both sides fault on one operand, but on another part of it: the order in which FSAVE and its kin,
 * FBLD, FBSTP and MASKMOVDQU touch their parts is the processor's own.
 */
static bool same_operand(const struct tcase *t)
{
	unsigned int n = last_insn(t, &native);
	u64 at, len;

	if (n >= t->count || native.rip != guest.rip)
		return false;
	const struct insn *in = &t->insn[n];
	/* ... so that a limit may come before or after a page. */
	if (in->mem_len >= 14 && in->row->form & VEC && !in->row->map &&
	    (native.vector == 14 || native.vector == 17) &&
	    (guest.vector == 12 || guest.vector == 13))
		return true;
	if (native.vector != 14 || guest.vector != 14)
		return false;
	at = in->mem_at;
	len = in->mem_len;
	if (!strncmp(in->row->name, "maskmov", 7)) {
		at = native.cr2 - 15;
		len = 31;
	} else if (len < 10 || !(in->row->form & VEC) || in->row->map) {
		return false;
	}
	return native.cr2 - at < len && guest.cr2 - at < len;
}

static void compare_exception(const struct tcase *t, struct report *r)
{
	u32 error_mask = ~0u;
	bool same = native.raised == guest.raised;

	if (native.rip != guest.rip)
		differ(r, "rip: native %" PRIx64 " guest %" PRIx64 "\n", native.rip, guest.rip);
	if (same && !native.raised)
		return;
	/* The kernel and this program itself are mapped in the native process. */
	if (native.vector == 14 && (native.cr2 >= 0x7ffffffff000 || native.cr2 >> 16 == 0x2d5b))
		error_mask &= ~1u;
	if (native.vector < 8 && native.vector != 8)
		error_mask = 0;
	same = same && native.vector == guest.vector &&
	       !((native.error ^ guest.error) & error_mask) &&
	       (native.vector != 14 || native.cr2 == guest.cr2);
	if (!same && !same_operand(t))
		differ(r,
		       "exception: native %d %u (%x) at %" PRIx64 ", guest %d %u (%x) at %" PRIx64
		       "\n",
		       native.raised, native.vector, native.error, native.cr2, guest.raised,
		       guest.vector, guest.error, guest.cr2);
}

static bool ignored(const struct tcase *t, u32 at)
{
	for (unsigned int i = 0; i < t->count; i++) {
		const struct insn *in = &t->insn[i];
		if (at - in->ignore_at < in->ignore_len)
			return true;
	}
	return false;
}

static void compare_memory(const struct tcase *t, struct report *r)
{
	unsigned int shown = 0;

	if (!memcmp(native.data, guest.data, DATA_RW))
		return;
	for (u32 i = 0; i < DATA_RW && shown < 16; i++) {
		if (native.data[i] != guest.data[i] && !ignored(t, i)) {
			differ(r, "memory %08x: native %02x guest %02x was %02x\n", DATA_BASE + i,
			       native.data[i], guest.data[i], t->in.data[i]);
			shown++;
		}
	}
}

/* --- floating point --- */

static long double f80_at(const u8 *p)
{
	long double value = 0;

	memcpy(&value, p, 10);
	return value;
}

/* Close enough for a transcendental result. */
static bool x87_close(const u8 *a, const u8 *b)
{
	u64 fa, fb;
	u16 ea, eb;

	memcpy(&fa, a, 8);
	memcpy(&fb, b, 8);
	memcpy(&ea, a + 8, 2);
	memcpy(&eb, b + 8, 2);
	if (ea == eb)
		return fa - fb + 2 <= 4;
	if ((ea & 0x7fff) == 0x7fff || (eb & 0x7fff) == 0x7fff)
		return false;
	long double x = f80_at(a), y = f80_at(b);
	return fabsl(x - y) <= fabsl(x) * 0x1p-62L;
}

static bool rcp_close(const u8 *a, const u8 *b)
{
	for (unsigned int i = 0; i < 4; i++) {
		float x, y;
		memcpy(&x, a + 4 * i, 4);
		memcpy(&y, b + 4 * i, 4);
		if (!memcmp(a + 4 * i, b + 4 * i, 4))
			continue;
		if (!(fabsf(x - y) <= fabsf(x) * 0x1.8p-11f))
			return false;
	}
	return true;
}

static u32 get32(const u8 *p)
{
	u32 v;
	memcpy(&v, p, 4);
	return v;
}

static u16 get16(const u8 *p)
{
	u16 v;
	memcpy(&v, p, 2);
	return v;
}

static void compare_fpu(const struct tcase *t, struct report *r)
{
	const u8 *n = native.fx, *g = guest.fx;
	bool approx = t->tolerance == X87_APPROX;
	u16 fsw_mask = approx ? 0xfddf & ~0x8080 : 0xffff;

	if (get16(n) != get16(g))
		differ(r, "fcw: native %04x guest %04x was %04x\n", get16(n), get16(g),
		       get16(t->in.fx));
	if ((get16(n + 2) ^ get16(g + 2)) & fsw_mask)
		differ(r, "fsw: native %04x guest %04x was %04x (fcw %04x)\n", get16(n + 2),
		       get16(g + 2), get16(t->in.fx + 2), get16(t->in.fx));
	if (n[4] != g[4])
		differ(r, "ftag: native %02x guest %02x was %02x\n", n[4], g[4], t->in.fx[4]);
	if (get32(n + 24) != get32(g + 24))
		differ(r, "mxcsr: native %08x guest %08x was %08x\n", get32(n + 24), get32(g + 24),
		       get32(t->in.fx + 24));
	for (unsigned int i = 0; i < 8; i++) {
		const u8 *a = n + 32 + 16 * i, *b = g + 32 + 16 * i, *was = t->in.fx + 32 + 16 * i;
		if (memcmp(a, b, 10) && !(approx && x87_close(a, b)))
			differ(r,
			       "st%u: native %04x %08x%08x guest %04x %08x%08x was %04x %08x%08x\n",
			       i, get16(a + 8), get32(a + 4), get32(a), get16(b + 8), get32(b + 4),
			       get32(b), get16(was + 8), get32(was + 4), get32(was));
	}
	for (unsigned int i = 0; i < 16; i++) {
		const u8 *a = n + 160 + 16 * i, *b = g + 160 + 16 * i,
			 *was = t->in.fx + 160 + 16 * i;
		if (memcmp(a, b, 16) && !(t->tolerance == RCP_APPROX && rcp_close(a, b)))
			differ(r,
			       "xmm%u: native %08x %08x %08x %08x\n      guest %08x %08x %08x "
			       "%08x\n"
			       "        was %08x %08x %08x %08x\n",
			       i, get32(a + 12), get32(a + 8), get32(a + 4), get32(a),
			       get32(b + 12), get32(b + 8), get32(b + 4), get32(b), get32(was + 12),
			       get32(was + 8), get32(was + 4), get32(was));
	}
}

static bool run_case(const struct tcase *t, FILE *out)
{
	struct report r = {out, false};

	if (in_native)
		*in_native = true;
	native_run(t, &native);
	if (in_native)
		*in_native = false;
	guest_run(t, &guest);
	compare_exception(t, &r);
	compare_registers(t, &r);
	compare_flags(t, &r);
	compare_memory(t, &r);
	compare_fpu(t, &r);
	return r.differs;
}

/* --- reports --- */

/* Leaves out instructions while the two sides still differ. */
static void minimise(struct tcase *t)
{
	struct tcase try;

	for (unsigned int i = 0; i < t->count;) {
		try = *t;
		memmove(try.insn + i, try.insn + i + 1, (try.count - i - 1) * sizeof(try.insn[0]));
		try.count--;
		if (try.cut && i == try.count)
			try.cut = false;
		case_layout(&try);
		if (try.count && run_case(&try, NULL))
			*t = try;
		else
			i++;
	}
}

static void print_state(const struct tcase *t, FILE *out)
{
	for (unsigned int i = 0; i < (t->mode == CODE64 ? 16 : 8); i++)
		fprintf(out, "%s%-3s %016" PRIx64, i % 4 ? " " : "\n  ", reg_names[i], t->in.r[i]);
	fprintf(out,
		"\n  flags %06" PRIx64
		" fcw %04x fsw %04x tags %02x mxcsr %04x  ds %x es %x fs %x gs %x\n",
		t->in.flags, get16(t->in.fx), get16(t->in.fx + 2), t->in.fx[4],
		get32(t->in.fx + 24), t->in.seg[T_DS], t->in.seg[T_ES], t->in.seg[T_FS],
		t->in.seg[T_GS]);
}

static void report(struct tcase *t, bool verbose)
{
	static const char *const modes[] = {"64-bit", "32-bit", "16-bit"};

	minimise(t);
	printf("seed %" PRIu64 " (%s)\n", t->seed, modes[t->mode]);
	case_print(t, stdout);
	run_case(t, stdout);
	if (verbose)
		print_state(t, stdout);
	fflush(stdout);
}

/* --- running --- */

/* Shared with the worker processes. */
struct worker {
	u64 seed; /* being run */
	u64 done, differences, endless;
	bool in_native;
};

static struct worker *workers;
static const char *group;
static unsigned int max_reports = 20;

static void run_seeds(struct worker *w, u64 first, u64 last, u64 step)
{
	static struct tcase t;

	for (u64 seed = first; seed < last; seed += step) {
		w->seed = seed;
		case_generate(&t, seed, group);
		if (run_case(&t, NULL)) {
			if (w->differences++ < max_reports)
				report(&t, false);
		}
		w->done++;
	}
	w->seed = UINT64_MAX;
}

static void start(const char *model)
{
	tables_init();
	native_init();
	guest_init(model);
}

static void print_crash(u64 seed, int status)
{
	struct tcase t;

	case_generate(&t, seed, group);
	printf("seed %" PRIu64 ": %s %d\n", seed, WIFSIGNALED(status) ? "killed by signal" : "exit",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	case_print(&t, stdout);
	fflush(stdout);
}

static pid_t start_worker(unsigned int n, u64 first, u64 last, u64 step, const char *model)
{
	fflush(stdout);
	pid_t pid = fork();

	if (pid)
		return pid;
	in_native = &workers[n].in_native;
	start(model);
	run_seeds(&workers[n], first, last, step);
	fflush(stdout);
	_exit(0);
}

/* Waits for a worker; where it hangs, it is killed. */
static int wait_worker(unsigned int n, pid_t pid)
{
	u64 last = UINT64_MAX;
	unsigned int same = 0;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return status;
		usleep(50000);
		same = workers[n].seed == last ? same + 1 : 0;
		last = workers[n].seed;
		if (same > (workers[n].in_native ? 40 : 400))
			kill(pid, SIGKILL);
	}
}

static u64 run_all(u64 first, u64 count, unsigned int jobs, const char *model)
{
	pid_t pid[64];
	u64 differences = 0, crashes = 0;

	for (unsigned int n = 0; n < jobs; n++)
		pid[n] = start_worker(n, first + n, first + count, jobs, model);
	for (unsigned int n = 0; n < jobs; n++) {
		for (;;) {
			int status = wait_worker(n, pid[n]);
			if (status == 0)
				break;
			u64 seed = workers[n].seed;
			if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
				exit(77);
			if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
			    workers[n].in_native) {
				workers[n].endless++; /* the code is an endless loop */
			} else {
				print_crash(seed, status);
				crashes++;
			}
			workers[n].in_native = false;
			if (crashes > max_reports || seed == UINT64_MAX)
				break;
			pid[n] = start_worker(n, seed + jobs, first + count, jobs, model);
		}
		differences += workers[n].differences;
	}
	return differences + crashes;
}

static u64 done_cases(unsigned int jobs)
{
	u64 done = 0;

	for (unsigned int n = 0; n < jobs; n++)
		done += workers[n].done;
	return done;
}

static const char *env(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value ? value : otherwise;
}

int main(int argc, char **argv)
{
	u64 count = strtoull(env("RATITE_CASES", "300000"), NULL, 0);
	u64 first = strtoull(env("RATITE_SEED", "1"), NULL, 0);
	unsigned int jobs = (unsigned int)strtoul(env("RATITE_JOBS", "1"), NULL, 0);
	const char *model = env("RATITE_CPU", "max");
	struct timespec begin, end;

	group = getenv("RATITE_GROUP");
	strict = getenv("RATITE_STRICT");
	max_reports = (unsigned int)strtoul(env("RATITE_REPORTS", "20"), NULL, 0);
	jobs = jobs < 1 ? 1 : jobs > 64 ? 64 : jobs;
	workers = mmap(NULL, sizeof(*workers) * 64, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (argc == 3 && !strcmp(argv[1], "--seed")) {
		static struct tcase t;
		start(model);
		case_generate(&t, strtoull(argv[2], NULL, 0), group);
		case_print(&t, stdout);
		bool differs = run_case(&t, stdout);
		if (differs)
			report(&t, true);
		return differs;
	}
	tables_init();
	clock_gettime(CLOCK_MONOTONIC, &begin);
	u64 bad = run_all(first, count, jobs, model);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%" PRIu64 " cases, %" PRIu64 " differences, %.1f s\n", done_cases(jobs), bad,
	       (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	return bad ? 1 : 0;
}
