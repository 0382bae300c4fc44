/* Whether two ARM register files mean the same to the guest, for -accel check: flags count as NZCV,
 * temporaries not at all. */
#include "interp/arm/cpu.h"

#include <inttypes.h>

static bool same(const char *name, unsigned int n, uint64_t a, uint64_t b, FILE *out)
{
	if (a != b && out)
		fprintf(out, "%s%u: %016" PRIx64 ", region %016" PRIx64 "\n", name, n, a, b);
	return a == b;
}

static unsigned int nzcv(uint32_t n, uint32_t z, uint32_t c, uint32_t v)
{
	return (n >> 31) << 3 | (z == 0) << 2 | (c & 1) << 1 | v >> 31;
}

bool arm_same_regs(const void *first, const void *second, FILE *out)
{
	const struct arm_regs *a = first, *b = second;
	bool ok = true;

	for (unsigned int n = 0; n < PC; n++)
		ok &= same("r", n, a->r[n], b->r[n], out);
	ok &= same("nzcv", 0, nzcv(a->n, a->z, a->c, a->v), nzcv(b->n, b->z, b->c, b->v), out);
	ok &= same("fpscr", 0, nzcv(a->fpn, a->fpz, a->fpc, a->fpv),
		   nzcv(b->fpn, b->fpz, b->fpc, b->fpv), out);
	ok &= same("q", 0, a->q, b->q, out);
	ok &= same("ge", 0, a->ge, b->ge, out);
	for (unsigned int n = 0; n < 32; n++)
		ok &= same("d", n, a->d[n], b->d[n], out);
	for (unsigned int n = 0; n < 16; n++)
		ok &= same("wr", n, a->wr[n], b->wr[n], out);
	return ok;
}
