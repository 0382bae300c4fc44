/* compute [-r TIMES] [NAME...]: runs the programs of the compute set, or those named, so many times
 * each (once), between marks that bench/run times from outside. `compute -l` lists them. */
#include "bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const struct {
	const char *name;
	bench_fn *run;
} set[] = {
	{"integer", bench_integer},   {"hash", bench_hash},	    {"bignum", bench_bignum},
	{"memory", bench_memory},     {"pointers", bench_pointers}, {"sort", bench_sort},
	{"calls", bench_calls},	      {"bytecode", bench_bytecode}, {"branches", bench_branches},
	{"floating", bench_floating}, {"matrix", bench_matrix},	    {"fft", bench_fft},
	{"x87", bench_x87},	      {"strings", bench_strings},   {"words", bench_words},
	{"vector", bench_vector},     {"mixed", bench_mixed},
};

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return 1;
	return argc == 1;
}

int main(int argc, char **argv)
{
	int list = argc > 1 && strcmp(argv[1], "-l") == 0;
	long times = 1;

	if (argc > 2 && strcmp(argv[1], "-r") == 0) {
		times = strtol(argv[2], NULL, 10);
		argv += 2;
		argc -= 2;
	}
	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++) {
		if (list) {
			puts(set[i].name);
			continue;
		}
		if (!wanted(set[i].name, argc, argv))
			continue;
		printf("BENCH-START %s\n", set[i].name);
		fflush(stdout);
		tcdrain(STDOUT_FILENO); /* a serial line sends in its own time */
		uint64_t value = 0;
		for (long n = 0; n < times; n++)
			value = set[i].run();
		printf("BENCH-END %s %llu\n", set[i].name, (unsigned long long)value);
		fflush(stdout);
	}
	return 0;
}
