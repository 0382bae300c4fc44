/*
 * Monitor commands as tables. One row is a command; its arguments are described by `args`, from
 * which the line is parsed before the function is called:
 *
 *	{"memsave", "addr:expr size:expr file:file", "addr size file", "save ...", run_memsave},
 *
 * Types: expr (64-bit expression), string, file, drive, key, command, rest (all that is left,
 *blanks included), fmt ("/10xw", must follow the command at once or after a blank), flag (its name
 *is
 * "-d"). A type that ends in "?" may be missing. Strings may be quoted with ", and then hold \",
 * \\ and \n.
 */
#ifndef MONITOR_COMMAND_H
#define MONITOR_COMMAND_H

#include "base/error.h"

#include <glib.h>
#include <stdint.h>
#include <stdio.h>

#define COMMAND_ARGS 6

/* "/COUNT FORMAT SIZE" of x, xp and print. */
struct dump_format {
	unsigned int count;
	char format;	   /* x d u o c i */
	unsigned int size; /* bytes: 1, 2, 4, 8; 0 for i without one */
};

struct command_arg {
	bool given;
	char *text;	/* strings; owned */
	uint64_t value; /* expr */
};

/* What outlives a command: one for each monitor. */
struct monitor_state {
	unsigned int cpu;	   /* index: whose registers and memory, set by "cpu" */
	struct dump_format format; /* as last used */
	GPtrArray *history;	   /* char *; NULL: none */
};

struct command_call {
	FILE *out;
	struct monitor_state *state;
	struct command_arg args[COMMAND_ARGS]; /* in the order of the table */
	struct dump_format format;
};

struct command {
	const char *names;  /* "help|?" */
	const char *args;   /* as above */
	const char *params; /* as help shows them */
	const char *help;
	/* NULL: the command is known and not available yet. */
	struct error *(*run)(struct command_call *call);
};

/* All commands: tables of the command-*.c files, each ended by names == NULL; ended by NULL. */
extern const struct command commands_run[], commands_memory[], commands_media[], commands_input[],
	commands_log[], commands_info[], commands_later[];

/* Runs one line. */
struct error *command_execute(const char *line, struct monitor_state *state, FILE *out) NODISCARD;
/* readline's completion. */
size_t command_complete(const char *before, GPtrArray *words);
/* "help [NAME]" */
void command_help(const char *name, FILE *out);
/* Calls fn for every command. */
void command_each(void (*fn)(void *opaque, const struct command *command), void *opaque);
/* info.c: words that "info" takes. */
void info_each_name(void (*fn)(void *opaque, const char *name), void *opaque);

struct cpu;
/* Makes the processors decode anew: what they do for a block depends on log items and on
 * -singlestep. Machine quiesced. */
void command_drop_code(void);
/* The processor that "cpu" selected, NULL where there is none. */
struct cpu *command_cpu(const struct command_call *call);

#endif
