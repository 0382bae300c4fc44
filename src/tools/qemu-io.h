/* qemu-io: a shell of single requests to a disk image, for tests. */
#ifndef TOOLS_QEMU_IO_H
#define TOOLS_QEMU_IO_H

#include "tools/image-args.h"

struct io_shell {
	struct image *image;	/* NULL: none is open */
	struct image_args args; /* of the command line, and of the last open */
	char *name;
	bool through; /* each write is flushed */
	bool misalign, quit, failed;
	struct gate *gate;
};

/* Letters of one command's options, and its operands. */
struct io_words {
	struct io_shell *shell;
	const struct io_command *command;
	int argc; /* operands; argv[0] is the first of them */
	char **argv;
	bool has[128]; /* by letter */
	const char *value[128];
};

struct io_command {
	const char *name, *alias;
	const char *letters; /* options as getopt() takes them */
	int min, max;	     /* operands; max -1: any number */
	bool no_image;	     /* works with no image open */
	bool writes;
	bool async; /* runs on a thread; the command returns where it is done or held up */
	int (*run)(struct io_words *w); /* 0 or a positive errno value, told already */
	const char *args, *summary, *help;
};

/* Tables of commands; each ends with a NULL name. */
extern const struct io_command io_data_commands[], io_image_commands[], io_shell_commands[],
	io_break_commands[];

/* Runs a command on a thread of its own; its error if it is done when this returns, else 0. */
int io_run_async(struct io_words *w);

/* Prints to stdout what is wrong, and returns EINVAL. */
int io_wrong(const char *format, ...) PRINTF(1, 2);
int io_usage(const struct io_command *c);
/* An offset or a length with suffix; false where it is none, which has been told. */
bool io_number(const char *text, uint64_t *value);
/* "64 KiB", "1.500 MiB", "10 bytes" */
char *io_amount(double bytes);

#endif
