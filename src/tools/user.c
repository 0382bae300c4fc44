/*
 * qemu-i386, qemu-x86_64, qemu-arm, qemu-armeb: Linux programs of other processors. Options as the
 * QEMU 0.10 manual has them, chapter "QEMU User space emulator", and those that have come since;
 * each has an environment variable.
 */
#include "base/log.h"
#include "base/loop.h"
#include "interp/accel.h"
#include "tools/program.h"
#include "tools/user-gdb.h"
#include "user/linux/user.h"
#include "vm/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

struct user_args {
	const struct abi *abi;
	char **env; /* the guest's environment */
	const char *prefix, *cpu, *argv0, *uname;
	uint64_t stack_size, guest_base, reserved;
	const char *gdb; /* where its server listens */
	bool strace, accel; /* accel: it was given */
	GPtrArray *kept; /* options that programs started by execve() get */
};

enum { OPT_PREFIX, OPT_CPU, OPT_ARGV0, OPT_UNAME };

static void keep(struct user_args *a, const struct option_spec *option, const char *value)
{
	g_ptr_array_add(a->kept, g_strconcat("-", option->name, NULL));
	if (value)
		g_ptr_array_add(a->kept, g_strdup(value));
}

static struct error *opt_text(void *opaque, const struct option_spec *option, const char *value)
{
	struct user_args *a = opaque;

	switch (option->tag) {
	case OPT_PREFIX: a->prefix = value; break;
	case OPT_CPU: a->cpu = value; break;
	case OPT_UNAME: a->uname = value; break;
	default: a->argv0 = value; return NULL;
	}
	keep(a, option, value);
	return NULL;
}

/* A number with K, M or G behind it, decimal, octal or hexadecimal. */
static struct error *parse_size(const char *value, uint64_t *size)
{
	static const char units[] = "bkmgt";
	char *end;

	errno = 0;
	*size = strtoull(value, &end, 0);
	const char *unit = *end ? strchr(units, g_ascii_tolower(*end)) : units;
	if (errno || end == value || !unit || (*end && end[1]))
		return error_new("%s: not a size; a number of bytes, or with K, M or G behind it",
				 value);
	*size <<= 10 * (unit - units);
	return NULL;
}

static struct error *opt_stack(void *opaque, const struct option_spec *option, const char *value)
{
	struct user_args *a = opaque;
	struct error *err = parse_size(value, &a->stack_size);

	if (!err && a->stack_size < 16384)
		err = error_new("%s: a stack needs at least 16384 bytes", value);
	if (!err)
		keep(a, option, value);
	return err;
}

static struct error *opt_reserved(void *opaque, const struct option_spec *option, const char *value)
{
	struct user_args *a = opaque;
	struct error *err = parse_size(value, &a->reserved);

	if (!err && a->reserved && (a->reserved < 1 << 24 || a->reserved & 4095))
		err = error_new("%s: must be a multiple of 4096 and at least 16M", value);
	if (!err)
		keep(a, option, value);
	return err;
}

static struct error *opt_base(void *opaque, const struct option_spec *option, const char *value)
{
	struct user_args *a = opaque;
	struct error *err = parse_size(value, &a->guest_base);

	if (!err && a->guest_base & 4095)
		err = error_new("%s: must be a multiple of 4096", value);
	if (!err)
		keep(a, option, value);
	return err;
}

static struct error *opt_setenv(void *opaque, const struct option_spec *option, const char *value)
{
	struct user_args *a = opaque;
	char *name = g_strdup(value), *equals = strchr(name, '=');

	if (!equals) {
		g_free(name);
		return error_new("%s: must be VARIABLE=VALUE", value);
	}
	*equals = 0;
	a->env = g_environ_setenv(a->env, name, equals + 1, TRUE);
	g_free(name);
	return NULL;
}

/* Several, separated by commas. */
static struct error *each_word(struct user_args *a, const char *list,
			       struct error *(*fn)(void *opaque, const struct option_spec *option,
						   const char *value))
{
	char **words = g_strsplit(list, ",", -1);
	struct error *err = NULL;

	for (unsigned int i = 0; words[i] && !err; i++)
		if (*words[i])
			err = fn(a, NULL, words[i]);
	g_strfreev(words);
	return err;
}

static struct error *opt_env(void *opaque, const struct option_spec *option, const char *value)
{
	return each_word(opaque, value, opt_setenv);
}

static struct error *unset_one(void *opaque, const struct option_spec *option, const char *value)
{
	struct user_args *a = opaque;

	if (strchr(value, '='))
		return error_new("%s: a variable's name has no \"=\"", value);
	a->env = g_environ_unsetenv(a->env, value);
	return NULL;
}

static struct error *opt_unset(void *opaque, const struct option_spec *option, const char *value)
{
	return each_word(opaque, value, unset_one);
}

static struct error *opt_log(void *opaque, const struct option_spec *option, const char *value)
{
	struct user_args *a = opaque;

	if (strcmp(value, "help") == 0 || strcmp(value, "?") == 0) {
		log_help(stdout);
		exit(0);
	}
	struct error *err = log_set_items(value);
	if (!err)
		keep(a, option, value);
	a->strace |= log_on(LOG_STRACE);
	return err;
}

/* "%d" in the name is the process's id, so that children have files of their own. */
static struct error *opt_log_file(void *opaque, const struct option_spec *option, const char *value)
{
	const char *at = strstr(value, "%d");
	char *path = at ? g_strdup_printf("%.*s%d%s", (int)(at - value), value, getpid(), at + 2)
			: g_strdup(value);
	struct error *err = log_set_file(path);

	g_free(path);
	if (!err)
		keep(opaque, option, value);
	return err;
}

static struct error *opt_strace(void *opaque, const struct option_spec *option, const char *value)
{
	struct user_args *a = opaque;

	a->strace = true;
	keep(a, option, NULL);
	return NULL;
}

static struct error *opt_singlestep(void *opaque, const struct option_spec *option,
				    const char *value)
{
	exec_options.singlestep = true;
	keep(opaque, option, NULL);
	return NULL;
}

static struct error *opt_accel(void *opaque, const struct option_spec *option, const char *value)
{
	if (strcmp(value, "help") == 0 || strcmp(value, "?") == 0) {
		tier_help(stdout);
		exit(0);
	}
	struct error *err = tier_configure(value);
	((struct user_args *)opaque)->accel = true;
	if (!err)
		keep(opaque, option, value);
	return err;
}

static struct error *opt_page_size(void *opaque, const struct option_spec *option,
				   const char *value)
{
	uint64_t size;
	struct error *err = parse_size(value, &size);

	if (!err && (size == 0 || size & (size - 1)))
		err = error_new("%s: page sizes are powers of two", value);
	/* Larger pages than the host's change nothing that a program sees but mmap's failures. */
	return err;
}

static struct error *opt_gdb(void *opaque, const struct option_spec *option, const char *value)
{
	((struct user_args *)opaque)->gdb = value;
	return NULL;
}

static struct error *opt_seed(void *opaque, const struct option_spec *option, const char *value)
{
	return error_new("%s: random numbers come from the host; there is no seed", value);
}

static struct error *opt_version(void *opaque, const struct option_spec *option, const char *value)
{
	char *what = g_strconcat("qemu-", ((struct user_args *)opaque)->abi->name, NULL);

	program_print_version(what);
	exit(0);
}

static struct error *opt_help(void *opaque, const struct option_spec *option, const char *value);

static const struct option_spec options[] = {
	OPTION_HEADING("Options"),
	{"h", 0, NULL, "print this help and exit", opt_help},
	{"help", 0, NULL, "print this help and exit", opt_help},
	{"version", 0, NULL, "print the version and exit (QEMU_VERSION)", opt_version},
	{"L", 0, "path", "folder of the guest's files, such as its libraries (QEMU_LD_PREFIX)",
	 opt_text, OPT_PREFIX},
	{"s", 0, "size", "size of the stack in bytes (QEMU_STACK_SIZE)", opt_stack},
	{"cpu", 0, "model", "select the processor; ? lists them (QEMU_CPU)", opt_text, OPT_CPU},
	{"E", 0, "var=value", "set a variable of the program's environment (QEMU_SET_ENV)",
	 opt_env},
	{"U", 0, "var", "remove a variable from the program's environment (QEMU_UNSET_ENV)",
	 opt_unset},
	{"setenv", 0, "var=value", "as -E, one variable whose value may have commas", opt_setenv,
	 .hidden = true},
	{"0", 0, "argv0", "what the program finds as argv[0] (QEMU_ARGV0)", opt_text, OPT_ARGV0},
	{"r", 0, "uname", "release of the kernel that uname tells (QEMU_UNAME)", opt_text,
	 OPT_UNAME},
	{"B", 0, "address", "where guest address 0 is on the host (QEMU_GUEST_BASE)", opt_base},
	{"R", 0, "size", "size of the guest's address space (QEMU_RESERVED_VA)", opt_reserved},
	{"accel", 0, "name", "what runs the program's code; help lists it (QEMU_ACCEL)", opt_accel},
	OPTION_HEADING("Debug options"),
	{"d", 0, "item[,...]", "log items; help lists them (QEMU_LOG)", opt_log},
	{"D", 0, "logfile", "write the log to logfile (QEMU_LOG_FILENAME)", opt_log_file},
	{"strace", 0, NULL, "log system calls (QEMU_STRACE)", opt_strace},
	{"singlestep", 0, NULL, "run instruction by instruction (QEMU_SINGLESTEP)", opt_singlestep},
	{"one-insn-per-tb", 0, NULL, "the same as -singlestep", opt_singlestep, .hidden = true},
	{"p", 0, "pagesize", "act as if the host's pages had this size (QEMU_PAGESIZE)",
	 opt_page_size},
	{"g", 0, "port", "wait for gdb at a port (QEMU_GDB)", opt_gdb},
	{"seed", 0, "number", "seed of random numbers (QEMU_RAND_SEED)", opt_seed, .hidden = true},
};

static const struct option_set user_options = {
	.style = OPTIONS_QEMU,
	.options = options,
	.count = G_N_ELEMENTS(options),
	.usage = "[options] program [arguments...]",
	.summary = "run Linux programs of another processor",
	.description = "Programs that the program starts by execve() run in an emulator of their "
		       "own, with\nthe same options. Every option has an environment variable that "
		       "does the same.",
};

static struct error *opt_help(void *opaque, const struct option_spec *option, const char *value)
{
	options_print_help(&user_options, program_name(), stdout);
	printf("\nDefaults:\nQEMU_LD_PREFIX  = /etc/qemu-binfmt/%s\nQEMU_STACK_SIZE = 8388608 "
	       "byte\n",
	       ((struct user_args *)opaque)->abi->name);
	exit(0);
}

/* --- environment variables --- */

static const struct {
	const char *variable, *option;
} variables[] = {
	{"QEMU_VERSION", "version"}, {"QEMU_LD_PREFIX", "L"},
	{"QEMU_STACK_SIZE", "s"},    {"QEMU_CPU", "cpu"},
	{"QEMU_SET_ENV", "E"},	     {"QEMU_UNSET_ENV", "U"},
	{"QEMU_ARGV0", "0"},	     {"QEMU_UNAME", "r"},
	{"QEMU_GUEST_BASE", "B"},    {"QEMU_RESERVED_VA", "R"},
	{"QEMU_LOG", "d"},	     {"QEMU_LOG_FILENAME", "D"},
	{"QEMU_STRACE", "strace"},   {"QEMU_SINGLESTEP", "singlestep"},
	{"QEMU_PAGESIZE", "p"},	     {"QEMU_GDB", "g"},
	{"QEMU_ACCEL", "accel"},
};

static const struct option_spec *find_option(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(options); i++)
		if (options[i].name && strcmp(options[i].name, name) == 0)
			return &options[i];
	g_assert_not_reached();
}

static struct error *apply_environment(struct user_args *a)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(variables); i++) {
		const char *value = getenv(variables[i].variable);
		if (!value)
			continue;
		const struct option_spec *option = find_option(variables[i].option);
		struct error *err = option->apply(a, option, option->arg ? value : NULL);
		if (err)
			return error_prefix(err, "%s", variables[i].variable);
	}
	/* They are in the environment of what the program starts, too. */
	g_ptr_array_set_size(a->kept, 1);
	return NULL;
}

/* --- starting --- */

static char *default_prefix(const struct abi *abi)
{
	char *path = g_strconcat("/etc/qemu-binfmt/", abi->name, NULL);

	if (g_file_test(path, G_FILE_TEST_IS_DIR))
		return path;
	g_free(path);
	return NULL;
}

/* As an absolute path without a "/" at its end; NULL for "/", which changes nothing. */
static char *clean_prefix(const char *prefix)
{
	char *path = g_canonicalize_filename(prefix, NULL);

	if (strcmp(path, "/") != 0)
		return path;
	g_free(path);
	return NULL;
}

/* A name without a "/" is the file of the working folder, or below the prefix. */
static char *find_program(const struct process *p, const char *name, char *shown)
{
	char buffer[PATH_MAX];
	const char *path = access(name, F_OK) ? prefix_path(p, name, buffer) : name;
	char *real = realpath(path, NULL);

	g_strlcpy(shown, path, PATH_MAX);
	return real ? real : strdup(path);
}

/* Small pages: a thread touches one of them. */
static struct error *init_kernel_region(struct process *p)
{
	uint64_t size = (uint64_t)KERNEL_PAGES_MAX << GUEST_PAGE_BITS;
	void *host = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (host == MAP_FAILED)
		return error_errno(errno, "cannot map descriptor tables");
	return region_init_ram_host(&p->kernel, "kernel", host, size);
}

static struct error *make_process(struct process *p, const struct user_args *a)
{
	uint64_t size = a->reserved ? MIN(a->reserved, a->abi->task_size) : a->abi->task_size;
	struct error *err = mm_new(p, a->guest_base, size);

	if (err)
		return err;
	size = mm_task_size(p->mm);
	region_init(&p->root, "user", UINT64_MAX);
	err = region_init_ram_host(&p->ram, "guest", p->base, size);
	if (!err)
		err = init_kernel_region(p);
	if (err)
		return err;
	region_add(&p->root, 0, &p->ram, 0);
	region_add(&p->root, size, &p->kernel, 0);
	address_space_init(&p->space, "user", &p->root);
	return NULL;
}

static struct error *start_program(struct process *p, struct thread *t, const struct user_args *a,
				   const char *name, char **argv)
{
	struct image img;
	char shown[PATH_MAX];
	uint64_t sp;

	p->exe = find_program(p, name, shown);
	t->abi->map_fixed(t);
	struct error *err = image_load(t, shown, &img);
	if (err)
		return err;
	if (img.read_implies_exec)
		p->personality |= 0x0400000;
	p->flat = img.flat;
	if (img.flat)
		p->data_start = img.flat_data;
	mm_set_brk(p->mm, img.brk);
	if (a->argv0)
		argv[0] = (char *)a->argv0;
	err = stack_build(t, &img, argv, a->env, shown, &sp);
	if (!err)
		t->abi->start(t, img.start, sp, img.flags);
	return err;
}

/* By binfmt_misc with flag P: the program's path, its argv[0], then its arguments. */
static bool started_by_kernel(void)
{
	return getauxval(AT_FLAGS) & 1;
}

static struct error *run(const struct program *self, struct user_args *a, int argc, char **argv)
{
	struct process *p = g_new0(struct process, 1);
	struct thread *t;
	const char *name = NULL;
	int first = 0;
	struct error *err = apply_environment(a);

	if (!err && started_by_kernel() && argc > 2) {
		name = argv[1];
		first = 2;
	} else if (!err) {
		err = options_parse_until_operand(&user_options, argc, argv, a, &first);
		name = argv[first];
	}
	if (err)
		return err;
	if (!a->accel)
		err = tier_configure(NULL);
	if (err)
		return err;
	if (a->cpu && (strcmp(a->cpu, "?") == 0 || strcmp(a->cpu, "help") == 0)) {
		a->abi->cpu_class->list_models(stdout);
		exit(0);
	}
	if (first == argc)
		return error_new("which program? (-h lists the options)");
	g_ptr_array_add(a->kept, NULL);
	p->abi = a->abi;
	p->self_args = (char **)a->kept->pdata;
	p->prefix = a->prefix ? clean_prefix(a->prefix) : default_prefix(a->abi);
	p->cpu_model = a->cpu ? a->cpu : a->abi->default_cpu;
	p->uname_release = g_strdup(a->uname);
	p->stack_size = a->stack_size;
	p->strace = a->strace;
	machine_lock();
	clock_start();
	err = make_process(p, a);
	if (!err)
		err = user_thread_new(p, &t);
	machine_unlock();
	if (err)
		return err;
	t->tid = getpid();
	thread_set_self(t);
	signals_init(t);
	err = start_program(p, t, a, name, argv + first);
	if (!err && a->gdb)
		err = user_gdb_start(t, a->gdb);
	if (!err)
		user_loop(t);
	return err;
}

static const struct abi *find_abi(const char *name)
{
	static const struct abi *const abis[] = {&abi_x86_64, &abi_i386, &abi_arm, &abi_armeb};

	for (unsigned int i = 0; i < G_N_ELEMENTS(abis); i++)
		if (strcmp(abis[i]->name, name) == 0)
			return abis[i];
	g_assert_not_reached();
}

static int user_main(const struct program *self, int argc, char **argv)
{
	struct user_args a = {
		.abi = find_abi(self->target),
		.env = g_strdupv(environ),
		.stack_size = 8 << 20,
		.kept = g_ptr_array_new(),
	};

	g_ptr_array_add(a.kept, g_strdup(self->name));
	error_report(run(self, &a, argc, argv));
	return 1;
}

#define USER_PROGRAM(arch)                                                                     \
	PROGRAM(qemu_##arch, .name = "qemu-" #arch, .target = #arch, .options = &user_options, \
		.main = user_main)

USER_PROGRAM(i386);
USER_PROGRAM(x86_64);
USER_PROGRAM(arm);
USER_PROGRAM(armeb);
