/* -accel: what runs guest code. */
#include "interp/tier.h"

#include "base/optstr.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef RATITE_MODULE_DIR
#define RATITE_MODULE_DIR "/usr/lib/ratite"
#endif
#define MODULE_NAME "jit-llvm.so"

struct tier_options tier_options = {.threshold = 20000, .workers = 1, .code_mib = 64};

static const struct {
	const char *name, *help;
	enum accel accel;
} accels[] = {
	{"jit", "compiles hot code with LLVM, interprets the rest (default)", ACCEL_JIT},
	{"tcg", "the same", ACCEL_JIT},
	{"interp", "interprets all code", ACCEL_INTERP},
	{"check",
	 "compares what compiled code does with the interpreter, and ends where it differs",
	 ACCEL_CHECK},
};

/* What other emulators have and this one has not. */
static const char *const foreign[] = {"kvm", "kqemu", "hax", "hvf", "whpx", "xen", "nvmm"};

char *tier_module_path(void)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *path = NULL;

	if (n > 0) {
		exe[n] = 0;
		char *folder = g_path_get_dirname(exe);
		path = g_build_filename(folder, "..", "lib", "ratite", MODULE_NAME, NULL);
		g_free(folder);
		if (access(path, R_OK) == 0)
			return path;
		g_free(path);
	}
	path = g_build_filename(RATITE_MODULE_DIR, MODULE_NAME, NULL);
	if (access(path, R_OK) == 0)
		return path;
	g_free(path);
	return NULL;
}

static bool module_exists(void)
{
	char *path = tier_module_path();

	g_free(path);
	return path != NULL;
}

void tier_help(FILE *out)
{
	fprintf(out, "Ways to run guest code:\n");
	for (unsigned int i = 0; i < G_N_ELEMENTS(accels); i++)
		fprintf(out, "  %-8s %s\n", accels[i].name, accels[i].help);
	fprintf(out,
		"Suboptions: threshold=N (entries of a block before it is compiled), workers=N "
		"(threads that compile), sync (the guest waits for the compiler), code=MIB (cap "
		"of compiled code), perfmap (write /tmp/perf-PID.map)\n");
	if (!module_exists())
		fprintf(out, "The LLVM tier is not built in or not installed here.\n");
}

/* The first wish of "kvm:tcg" that is there; an error for one that nobody knows. */
static struct error *choose(const char *text, enum accel *accel)
{
	const char *names[G_N_ELEMENTS(accels) + G_N_ELEMENTS(foreign) + 1] = {NULL};
	char **wishes = g_strsplit(text, ":", -1);
	struct error *err = NULL;
	bool found = false;
	unsigned int n = 0;

	for (unsigned int i = 0; i < G_N_ELEMENTS(accels); i++)
		names[n++] = accels[i].name;
	for (unsigned int i = 0; i < G_N_ELEMENTS(foreign); i++)
		names[n++] = foreign[i];
	for (char **wish = wishes; *wish && !err; wish++) {
		if (!g_strv_contains(names, *wish))
			err = unknown_name_error("accelerator", *wish, names);
		for (unsigned int i = 0; i < G_N_ELEMENTS(accels) && !found && !err; i++) {
			if (strcmp(*wish, accels[i].name) == 0) {
				*accel = accels[i].accel;
				found = true;
			}
		}
	}
	if (!err && !found)
		err = error_new("there is no such thing here; \"jit\" and \"interp\" are");
	g_strfreev(wishes);
	return err;
}

struct error *tier_configure(const char *text)
{
	struct tier_options o = tier_options;
	struct error *err = NULL;

	o.accel = module_exists() ? ACCEL_JIT : ACCEL_INTERP;
	if (text) {
		struct optstr *s = optstr_parse(text, "accel");
		const char *name = optstr_get(s, "accel");
		err = name ? choose(name, &o.accel) : NULL;
		err = err ? err : optstr_uint(s, "threshold", 1, 1000000000, &o.threshold);
		err = err ? err : optstr_uint(s, "workers", 1, 64, &o.workers);
		err = err ? err : optstr_uint(s, "code", 1, 4096, &o.code_mib);
		err = err ? err : optstr_bool(s, "sync", &o.sync);
		err = err ? err : optstr_bool(s, "perfmap", &o.perf_map);
		/* What QEMU's accelerators take and nothing here depends on. */
		optstr_has(s, "thread");
		optstr_has(s, "tb-size");
		optstr_has(s, "one-insn-per-tb");
		err = err ? err : optstr_finish(s);
		if (!err && o.accel == ACCEL_CHECK && !module_exists())
			err = error_new("the LLVM tier is not built in; \"interp\" is");
		if (o.accel == ACCEL_JIT && !module_exists())
			o.accel = ACCEL_INTERP;
		optstr_free(s);
	}
	if (!err)
		tier_options = o;
	return error_prefix(err, "-accel %s", text);
}
