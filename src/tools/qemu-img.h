/* qemu-img: what its subcommands share. Sources: the manual's section "qemu-img Invocation", and
 * the options of today's program. */
#ifndef TOOLS_QEMU_IMG_H
#define TOOLS_QEMU_IMG_H

#include "tools/image-args.h"

/* Every option that some subcommand has. */
struct img_args {
	struct image_args image;	/* first member */
	char *format2, *output_format;	/* -F, -O */
	char *backing, *backing_format; /* -b, and -B of convert; -F */
	bool has_backing;
	GPtrArray *options; /* -o */
	char *source_cache;
	char *output;	  /* --output= */
	char *snapshot;	  /* -a -c -d, or -l of convert */
	char snapshot_op; /* 'l', 'a', 'c', 'd' */
	char *repair, *preallocation;
	char *size_text; /* --size */
	char *start_offset, *max_length;
	bool compress, encrypt, compat6, progress, quiet, no_create, unsafe, strict;
	bool target_image_opts, backing_chain, shrink, keep, salvage, target_is_zero;
	bool options_help, bitmaps, native, no_drain, write, force;
	char *sparse, *count, *depth, *offset, *buffer_size, *step_size, *pattern, *flush_interval;
	GPtrArray *operands;
	int status; /* exit status of an error that is reported at once */
};

typedef int img_command(struct img_args *a);
img_command img_create, img_info, img_convert, img_check, img_commit, img_snapshot, img_compare,
	img_resize, img_rebase, img_map, img_measure, img_bench, img_dd, img_amend;

/* Prints unless -q. */
void img_say(const struct img_args *a, const char *format, ...) PRINTF(2, 3);

/* "1G" as the tools take it; the message is today's. */
struct error *img_size(const char *text, uint64_t *size) NODISCARD;
/* Text as a JSON string, quoted. */
bool img_json(const struct img_args *a);

/* A progress line; shown on a terminal, or where it is asked for. */
struct progress {
	bool on;
	double shown;
};
void progress_start(struct progress *p, bool on);
void progress_show(struct progress *p, uint64_t done, uint64_t total);
void progress_end(struct progress *p);

/* Closes and reports what closing found. */
int img_close(struct image *img, int status);
void img_print_snapshots(GPtrArray *list);
/* Prints the table of `-o help`. */
void img_options_help(const struct image_driver *driver, const struct image_driver *protocol);
/* Puts -o texts, -e and -6 into `c`. */
struct error *img_creation_options(const struct img_args *a, struct image_create *c) NODISCARD;

extern const struct img_subcommand {
	const char *name;
	img_command *run;
	const struct option_set *options;
	unsigned int min_operands, max_operands;
} img_subcommands[];

#endif
