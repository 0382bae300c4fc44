/*
 * The programs inside the one executable. Each is an entry made by PROGRAM() in its own file
 * under tools/; the executable looks its own name up (argv[0], a link to `ratite`), and
 * `ratite NAME ...` runs any of them. Links, man pages and completion are made from the entries.
 *
 *	PROGRAM(qemu_img, .name = "qemu-img", .options = &qemu_img_options, .main = qemu_img_main);
 */
#ifndef TOOLS_PROGRAM_H
#define TOOLS_PROGRAM_H

#include "base/options.h"

struct program {
	const char *name;		  /* of the link */
	const struct option_set *options; /* its summary is the one line of `ratite --help` */
	/* argv[0] is `name`'s; returns the exit status. */
	int (*main)(const struct program *self, int argc, char **argv);
	const char *target; /* what programs that share a main() differ in ("i386"), or NULL */
	/* More of its man page and completion, for programs with subcommands; may be NULL. */
	const struct option_set *const *subcommands; /* ends with NULL */
	void (*print_man_more)(FILE *out);	     /* roff after OPTIONS; may be NULL */
};

#define PROGRAM(ident, ...)                                          \
	static const struct program ident##_program = {__VA_ARGS__}; \
	static const struct program *const ident##_program_entry     \
		__attribute__((used, section("ratite_programs"))) = &ident##_program

/* Prints the version line that every program answers to -version with. */
void program_print_version(const char *what);

#endif
