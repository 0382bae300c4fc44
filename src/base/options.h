/*
 * Command-line options as one table, from which parsing, --help, the man page and the shell's
 * completion are all made.
 *
 * Two styles. OPTIONS_QEMU: a name has one dash or two ("-m 64", "--m 64"), must be spelt out, and
 * its argument is the next word. OPTIONS_GETOPT: as getopt_long() does it ("-p 1024", "-p1024",
 * "-rv", "--port=1024", "--po 1024", "--" ends the options); an abbreviation that fits two names
 * is refused with both of them.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/error.h"

#include <stdio.h>

struct option_set;

struct option_spec {
	const char *name; /* long name without dashes, or NULL */
	char letter;	  /* OPTIONS_GETOPT: short name, or 0 */
	const char *arg;  /* what it takes, as help shows it ("file"); NULL: nothing */
	const char *help; /* one sentence, without a full stop */
	/* Called for each use, in order; `value` is NULL for an option without argument. Its errors
	 * are given the option's name. */
	struct error *(*apply)(void *opaque, const struct option_spec *option, const char *value);
	int tag;       /* the handler's own */
	bool optional; /* the argument may be missing: the next word counts if it has no dash */
	bool hidden;   /* not in help */
	const char *heading; /* a line of its own: starts a group; no other member is looked at */
};

#define OPTION_HEADING(text) {.heading = (text)}

enum option_style { OPTIONS_QEMU, OPTIONS_GETOPT };

struct option_set {
	enum option_style style;
	const struct option_spec *options;
	unsigned int count;
	const char *usage;	 /* after the program's name: "[options] [disk_image]" */
	const char *summary;	 /* what the program is, one line, for the man page's NAME */
	const char *description; /* paragraphs for help and the man page, may be NULL */
	/* A word that is no option; NULL: there may be none. */
	struct error *(*operand)(void *opaque, const char *word);
};

/* Parses argv[1..argc-1]. Stops at the first error, whose message starts with the option. */
struct error *options_parse(const struct option_set *set, int argc, char *const *argv,
			    void *opaque) NODISCARD;
/* As options_parse(), but stops before the first operand and says where; for programs that run
 * other programs. */
struct error *options_parse_until_operand(const struct option_set *set, int argc, char *const *argv,
					  void *opaque, int *next) NODISCARD;

/* The text of --help. */
void options_print_help(const struct option_set *set, const char *program, FILE *out);
/* A man page in section 1. */
void options_print_man(const struct option_set *set, const char *program, FILE *out);
/* A bash function `_ratite_PROGRAM` and its `complete` line. */
void options_print_completion(const struct option_set *set, const char *program, FILE *out);

#endif
