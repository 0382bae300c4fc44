/* /tmp/perf-PID.map, by which perf(1) names addresses of compiled code. One line a symbol: start,
 * size (hexadecimal), name. Source: Linux, tools/perf/Documentation/jit-interface.txt. */
#include "jit-llvm/jit.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

void perfmap_add(uint64_t address, uint64_t size, uint64_t pc)
{
	static FILE *out; /* callers hold the module's lock */
	static bool tried;

	if (!tried) {
		char path[64];
		tried = true;
		snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
		out = fopen(path, "we");
	}
	if (!out)
		return;
	fprintf(out, "%" PRIx64 " %" PRIx64 " guest_%016" PRIx64 "\n", address, size, pc);
	fflush(out);
}
