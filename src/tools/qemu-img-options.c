/* The option tables of qemu-img's subcommands. */
#include "tools/qemu-img.h"

#include "base/optstr.h"

#include <string.h>

static struct error *set_options(void *opaque, const struct option_spec *option, const char *value)
{
	struct img_args *a = opaque;

	if (optstr_is_help(value) || strstr(value, ",help") || g_str_has_prefix(value, "help,"))
		a->options_help = true;
	if (!*value || *value == ',' ||
	    (g_str_has_suffix(value, ",") && !g_str_has_suffix(value, ",,")))
		return error_new("Invalid option list: %s", value);
	g_ptr_array_add(a->options, g_strdup(value));
	return NULL;
}

static struct error *set_backing(void *opaque, const struct option_spec *option, const char *value)
{
	((struct img_args *)opaque)->has_backing = true;
	return arg_set_text(opaque, option, value);
}

static struct error *set_snapshot(void *opaque, const struct option_spec *option, const char *value)
{
	struct img_args *a = opaque;

	if (a->snapshot_op)
		return error_new("Cannot mix '-l', '-a', '-c', '-d'");
	a->snapshot_op = (char)option->tag;
	a->snapshot = g_strdup(value);
	return NULL;
}

static struct error *add_operand(void *opaque, const char *word)
{
	g_ptr_array_add(((struct img_args *)opaque)->operands, g_strdup(word));
	return NULL;
}

#define STRING(member) ((int)offsetof(struct img_args, member))
#define TEXT(letter, name, member, arg, help) \
	ARG_TEXT(letter, name, struct img_args, member, arg, help)
#define FLAG(letter, name, member, help) ARG_FLAG(letter, name, struct img_args, member, help)

#define OPT_QUIET    FLAG('q', "quiet", quiet, "Prints errors only")
#define OPT_PROGRESS FLAG('p', "progress", progress, "Shows how far the work is")
#define OPT_OUTPUT   TEXT(0, "output", output, "ofmt", "Form of the output: human or json")
#define OPT_CACHE    TEXT('t', NULL, image.cache, "cache", "Cache mode of the image that is written")
#define OPT_SOURCE   TEXT('T', NULL, source_cache, "src_cache", "Cache mode of what is read")
#define OPT_OPTIONS                                        \
	{.letter = 'o',                                    \
	 .arg = "options",                                 \
	 .help = "Options of the format; help lists them", \
	 .apply = set_options}

#define SET(ident, usage_, ...)                                          \
	static const struct option_spec ident##_specs[] = {__VA_ARGS__}; \
	static const struct option_set ident##_set = {                   \
		.style = OPTIONS_GETOPT,                                 \
		.options = ident##_specs,                                \
		.count = G_N_ELEMENTS(ident##_specs),                    \
		.usage = usage_,                                         \
		.summary = "qemu-img " #ident,                           \
		.operand = add_operand,                                  \
	}

SET(amend, "[-p] [-q] [-f fmt] [-t cache] [--force] -o options filename", IMAGE_ARG_OBJECT,
    IMAGE_ARG_OPTS, OPT_PROGRESS, OPT_QUIET, IMAGE_ARG_FORMAT, OPT_CACHE, OPT_OPTIONS,
    FLAG(0, "force", force, "Accepts changes that cannot be undone"));

SET(bench,
    "[-c count] [-d depth] [-f fmt] [--flush-interval=n] [-i aio] [-n] [--no-drain] [-o offset] "
    "[--pattern=n] [-q] [-s buffer_size] [-S step_size] [-t cache] [-w] [-U] filename",
    IMAGE_ARG_OBJECT, IMAGE_ARG_OPTS, TEXT('c', "count", count, "count", "Number of requests"),
    TEXT('d', "depth", depth, "depth", "Requests under way at once"), IMAGE_ARG_FORMAT,
    TEXT(0, "flush-interval", flush_interval, "n", "A flush after so many writes"), IMAGE_ARG_AIO,
    ARG_IGNORED('n', "native", NULL),
    FLAG(0, "no-drain", no_drain, "Does not wait for requests before a flush"),
    TEXT('o', "offset", offset, "offset", "Where the first request goes"),
    TEXT(0, "pattern", pattern, "n", "Byte that is written"), OPT_QUIET,
    TEXT('s', "buffer-size", buffer_size, "size", "Bytes a request"),
    TEXT('S', "step-size", step_size, "size", "Distance of requests"), OPT_CACHE,
    FLAG('w', "write", write, "Writes instead of reading"), IMAGE_ARG_SHARE);

SET(check, "[-q] [-f fmt] [--output=ofmt] [-r [leaks | all]] [-T src_cache] [-U] filename",
    IMAGE_ARG_OBJECT, IMAGE_ARG_OPTS, OPT_QUIET, IMAGE_ARG_FORMAT, OPT_OUTPUT,
    TEXT('r', "repair", repair, "what", "Repairs leaks, or all"), OPT_SOURCE, IMAGE_ARG_SHARE);

SET(commit, "[-q] [-f fmt] [-t cache] [-b base] [-r rate_limit] [-d] [-p] filename",
    IMAGE_ARG_OBJECT, IMAGE_ARG_OPTS, OPT_QUIET, IMAGE_ARG_FORMAT, OPT_CACHE,
    {.letter = 'b',
     .arg = "base",
     .help = "Image of the chain that gets the changes",
     .apply = set_backing,
     .tag = STRING(backing)},
    ARG_IGNORED('r', NULL, "rate_limit"), FLAG('d', NULL, keep, "Leaves the overlay as it is"),
    OPT_PROGRESS);

SET(compare, "[-f fmt] [-F fmt] [-T src_cache] [-p] [-q] [-s] [-U] filename1 filename2",
    IMAGE_ARG_OBJECT, IMAGE_ARG_OPTS, IMAGE_ARG_FORMAT,
    TEXT('F', NULL, format2, "fmt", "Format of the second image"), OPT_SOURCE, OPT_PROGRESS,
    OPT_QUIET, FLAG('s', NULL, strict, "Sizes and allocation must be the same, too"),
    IMAGE_ARG_SHARE);

SET(convert,
    "[-U] [-c] [-e] [-6] [-p] [-q] [-n] [-f fmt] [-t cache] [-T src_cache] [-O output_fmt] "
    "[-B backing_file [-F backing_fmt]] [-o options] [-l snapshot_param] [-S sparse_size] "
    "[-m n] [-W] [--salvage] filename [filename2 [...]] output_filename",
    IMAGE_ARG_OBJECT, IMAGE_ARG_OPTS,
    FLAG(0, "target-image-opts", target_image_opts, "The output name is a list of options"),
    FLAG(0, "target-is-zero", target_is_zero, "The output is known to be all zeroes"),
    FLAG(0, "bitmaps", bitmaps, "Copies dirty bitmaps"), IMAGE_ARG_SHARE,
    ARG_IGNORED('C', NULL, NULL), FLAG('c', NULL, compress, "Compresses the output"),
    FLAG('e', NULL, encrypt, "Encrypts the output"),
    FLAG('6', NULL, compat6, "VMDK of compatibility level 6"), OPT_PROGRESS, OPT_QUIET,
    FLAG('n', NULL, no_create, "Writes into an image that is there"), IMAGE_ARG_FORMAT, OPT_CACHE,
    OPT_SOURCE, TEXT('O', NULL, output_format, "output_fmt", "Format of the output"),
    {.letter = 'B',
     .name = "backing",
     .arg = "backing_file",
     .help = "Backing image of the output",
     .apply = set_backing,
     .tag = STRING(backing)},
    TEXT('F', NULL, backing_format, "backing_fmt", "Format of the backing image"), OPT_OPTIONS,
    TEXT('l', NULL, snapshot, "snapshot_param", "Snapshot to convert"),
    TEXT('S', NULL, sparse, "sparse_size", "Zeroes of this length become holes"),
    ARG_IGNORED('r', NULL, "rate_limit"), TEXT('m', NULL, depth, "n", "Threads that compress"),
    FLAG('W', NULL, no_drain, "Accepted: the order of writes is ours"),
    FLAG(0, "salvage", salvage, "Reads what cannot be read as zeroes"));

SET(create,
    "[-q] [-e] [-6] [-f fmt] [-b backing_file [-F backing_fmt]] [-u] [-o options] filename [size]",
    IMAGE_ARG_OBJECT, OPT_QUIET, FLAG('e', NULL, encrypt, "Encrypts the image"),
    FLAG('6', NULL, compat6, "VMDK of compatibility level 6"), IMAGE_ARG_FORMAT,
    {.letter = 'b',
     .name = "backing",
     .arg = "backing_file",
     .help = "Backing image",
     .apply = set_backing,
     .tag = STRING(backing)},
    TEXT('F', "backing-format", backing_format, "backing_fmt", "Format of the backing image"),
    FLAG('u', "backing-unsafe", unsafe, "Does not open the backing image"), OPT_OPTIONS);

SET(dd, "[-U] [-f fmt] [-O output_fmt] [bs=size] [count=blocks] [skip=blocks] if=input of=output",
    IMAGE_ARG_OBJECT, IMAGE_ARG_OPTS, IMAGE_ARG_SHARE, IMAGE_ARG_FORMAT,
    TEXT('O', NULL, output_format, "output_fmt", "Format of the output"));

SET(info, "[-f fmt] [--output=ofmt] [--backing-chain] [-U] filename", IMAGE_ARG_OBJECT,
    IMAGE_ARG_OPTS, IMAGE_ARG_FORMAT, OPT_OUTPUT,
    FLAG(0, "backing-chain", backing_chain, "Also the images below"), IMAGE_ARG_SHARE);

SET(map, "[-f fmt] [--start-offset=n] [--max-length=n] [--output=ofmt] [-U] filename",
    IMAGE_ARG_OBJECT, IMAGE_ARG_OPTS, IMAGE_ARG_FORMAT,
    TEXT('s', "start-offset", start_offset, "offset", "Where to start"),
    TEXT('l', "max-length", max_length, "len", "How far to go"), OPT_OUTPUT, IMAGE_ARG_SHARE);

SET(measure, "[--output=ofmt] [-O output_fmt] [-o options] [--size N | [-f fmt] filename]",
    IMAGE_ARG_OBJECT, IMAGE_ARG_OPTS, OPT_OUTPUT,
    TEXT('O', NULL, output_format, "output_fmt", "Format of the output"), OPT_OPTIONS,
    TEXT('s', "size", size_text, "N", "Size of a disk that is not there yet"), IMAGE_ARG_FORMAT,
    TEXT('l', NULL, snapshot, "snapshot_param", "Snapshot to measure"), IMAGE_ARG_SHARE);

SET(rebase,
    "[-U] [-q] [-f fmt] [-t cache] [-T src_cache] [-p] [-u] -b backing_file "
    "[-F backing_fmt] filename",
    IMAGE_ARG_OBJECT, IMAGE_ARG_OPTS, IMAGE_ARG_SHARE, OPT_QUIET, IMAGE_ARG_FORMAT, OPT_CACHE,
    OPT_SOURCE, OPT_PROGRESS, FLAG('u', NULL, unsafe, "Changes the name only"),
    {.letter = 'b',
     .arg = "backing_file",
     .help = "New backing image; empty: none",
     .apply = set_backing,
     .tag = STRING(backing)},
    TEXT('F', NULL, backing_format, "backing_fmt", "Format of the backing image"));

SET(resize, "[-f fmt] [--preallocation=prealloc] [-q] [--shrink] filename [+ | -]size",
    IMAGE_ARG_OBJECT, IMAGE_ARG_OPTS, IMAGE_ARG_FORMAT,
    TEXT(0, "preallocation", preallocation, "prealloc", "off, metadata, falloc or full"), OPT_QUIET,
    FLAG(0, "shrink", shrink, "Allows to cut data off"));

SET(snapshot, "[-U] [-q] [-l | -a snapshot | -c snapshot | -d snapshot] filename", IMAGE_ARG_OBJECT,
    IMAGE_ARG_OPTS, IMAGE_ARG_SHARE, OPT_QUIET, IMAGE_ARG_FORMAT,
    {.letter = 'l', .help = "Lists the snapshots", .apply = set_snapshot, .tag = 'l'},
    {.letter = 'a',
     .arg = "snapshot",
     .help = "Goes back to a snapshot",
     .apply = set_snapshot,
     .tag = 'a'},
    {.letter = 'c',
     .arg = "snapshot",
     .help = "Makes a snapshot",
     .apply = set_snapshot,
     .tag = 'c'},
    {.letter = 'd',
     .arg = "snapshot",
     .help = "Deletes a snapshot",
     .apply = set_snapshot,
     .tag = 'd'});

const struct img_subcommand img_subcommands[] = {
	{"amend", img_amend, &amend_set, 1, 1},
	{"bench", img_bench, &bench_set, 1, 1},
	{"check", img_check, &check_set, 1, 1},
	{"commit", img_commit, &commit_set, 1, 1},
	{"compare", img_compare, &compare_set, 2, 2},
	{"convert", img_convert, &convert_set, 2, 1000},
	{"create", img_create, &create_set, 1, 2},
	{"dd", img_dd, &dd_set, 1, 10},
	{"info", img_info, &info_set, 1, 1},
	{"map", img_map, &map_set, 1, 1},
	{"measure", img_measure, &measure_set, 0, 1},
	{"snapshot", img_snapshot, &snapshot_set, 1, 1},
	{"rebase", img_rebase, &rebase_set, 1, 1},
	{"resize", img_resize, &resize_set, 2, 2},
	{NULL, NULL, NULL, 0, 0},
};

extern const struct option_set *const img_option_sets[];
const struct option_set *const img_option_sets[] = {
	&amend_set,   &bench_set,    &check_set,  &commit_set, &compare_set,
	&convert_set, &create_set,   &dd_set,	  &info_set,   &map_set,
	&measure_set, &snapshot_set, &rebase_set, &resize_set, NULL,
};
