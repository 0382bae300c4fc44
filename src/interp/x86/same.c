/* Whether two x86 register files mean the same to the guest, for -accel check: lazy flags count by
 * the flags that they stand for, temporaries not at all. */
#include "interp/x86/cpu.h"
#include "interp/x86/flags.h"

#include <inttypes.h>
#include <string.h>

static bool same(const char *name, unsigned int n, uint64_t a, uint64_t b, FILE *out)
{
	if (a != b && out)
		fprintf(out, "%s%u: %016" PRIx64 ", region %016" PRIx64 "\n", name, n, a, b);
	return a == b;
}

static bool same_x87(const struct x86_regs *a, const struct x86_regs *b, FILE *out)
{
	bool ok = same("fcw", 0, a->fcw, b->fcw, out);

	ok &= same("fsw", 0, a->fsw, b->fsw, out);
	ok &= same("ftop", 0, a->ftop, b->ftop, out);
	ok &= same("ftag", 0, a->ftag, b->ftag, out);
	for (unsigned int n = 0; n < 8; n++) {
		ok &= same("st.frac", n, a->st[n].frac, b->st[n].frac, out);
		ok &= same("st.se", n, a->st[n].se, b->st[n].se, out);
	}
	return ok;
}

bool x86_same_regs(const void *first, const void *second, FILE *out)
{
	const struct x86_regs *a = first, *b = second;
	bool ok = true;

	for (unsigned int n = 0; n < SLOT_TMP0; n++)
		ok &= same("r", n, a->r[n], b->r[n], out);
	ok &= same("flags", 0, x86_flags_arith(a), x86_flags_arith(b), out);
	ok &= same("df", 0, a->df, b->df, out);
	ok &= same_x87(a, b, out);
	ok &= same("mxcsr", 0, a->mxcsr, b->mxcsr, out);
	for (unsigned int n = 0; n < XMM_TMP0; n++) {
		ok &= same("xmm.low", n, a->xmm[n].q[0], b->xmm[n].q[0], out);
		ok &= same("xmm.high", n, a->xmm[n].q[1], b->xmm[n].q[1], out);
	}
	return ok;
}
