/*
 * From an LLVM function to code in memory: passes, instruction selection, ORC.
 *
 * LLVM keeps all constants and types of a context for ever, so a worker starts a new context (and
 * reads the bodies that it needs anew) after so many regions.
 */
#include "jit-llvm/jit.h"

#include "base/log.h"

#include <inttypes.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Object.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REGIONS_PER_CONTEXT 400

/* Nearly all of what O2 gives here, at under half of its cost. */
#define PASSES "function(sroa,early-cse<memssa>,sccp,simplifycfg,early-cse,adce)"

struct compiler {
	LLVMContextRef context;
	struct bodies *bodies;
	LLVMTargetMachineRef machine;
	LLVMTargetDataRef layout;
	LLVMPassBuilderOptionsRef options;
	unsigned int regions; /* made in this context */
};

static LLVMOrcLLJITRef jit;
static uint32_t serial; /* atomic */

/* Of the worker: what compilation costs, whoever else uses the host. */
static int64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static struct error *llvm_error(LLVMErrorRef e, const char *what)
{
	if (!e)
		return NULL;
	char *text = LLVMGetErrorMessage(e);
	struct error *err = error_new("%s: %s", what, text);
	LLVMDisposeErrorMessage(text);
	return err;
}

struct error *compile_init(void)
{
	LLVMOrcDefinitionGeneratorRef generator;
	/* LLVM 19 makes MOVZX of a byte load into a part of the register that is also its address
	 * (X86FixupBWInsts), and so loses the rest of that register. */
	const char *const options[] = {"ratite", "-fixup-byte-word-insts=0",
				       g_getenv("LSR") ? "-disable-lsr=0" : "-disable-lsr"};

	LLVMParseCommandLineOptions(G_N_ELEMENTS(options), options, NULL);
	LLVMInitializeNativeTarget();
	LLVMInitializeNativeAsmPrinter();
	LLVMInitializeNativeAsmParser();
	struct error *err = llvm_error(LLVMOrcCreateLLJIT(&jit, NULL), "LLJIT");
	if (err)
		return err;
	err = llvm_error(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
				 &generator, LLVMOrcLLJITGetGlobalPrefix(jit), NULL, NULL),
			 "LLJIT symbols");
	if (!err)
		LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(jit), generator);
	return err;
}

/* The host's processor, without AVX: bodies hold SSE instructions as they stand, and going from one
 * encoding to the other is slow. */
static LLVMTargetMachineRef machine_new(struct error **err)
{
	char *triple = LLVMGetDefaultTargetTriple(), *cpu = LLVMGetHostCPUName(), *message = NULL;
	char *host = LLVMGetHostCPUFeatures();
	char *features =
		g_strconcat(host, strstr(triple, "x86") ? ",-avx,-avx2,-avx512f" : "", NULL);
	LLVMTargetMachineRef machine = NULL;
	LLVMTargetRef target;

	if (LLVMGetTargetFromTriple(triple, &target, &message))
		*err = error_new("LLVM target: %s", message);
	else
		machine =
			LLVMCreateTargetMachine(target, triple, cpu, features, LLVMCodeGenLevelLess,
						LLVMRelocPIC, LLVMCodeModelJITDefault);
	LLVMDisposeMessage(message);
	LLVMDisposeMessage(triple);
	LLVMDisposeMessage(cpu);
	LLVMDisposeMessage(host);
	g_free(features);
	return machine;
}

struct compiler *compiler_new(struct error **err)
{
	LLVMTargetMachineRef machine = machine_new(err);

	if (!machine)
		return NULL;
	struct compiler *c = g_new0(struct compiler, 1);
	c->machine = machine;
	c->options = LLVMCreatePassBuilderOptions();
	return c;
}

/* (A layout remembers what it knows of structures by their addresses: each context has its own.) */
static void context_start(struct compiler *c)
{
	c->context = LLVMContextCreate();
	c->layout = LLVMCreateTargetDataLayout(c->machine);
	c->bodies = bodies_new(c->context);
}

static void context_end(struct compiler *c)
{
	if (!c->context)
		return;
	bodies_free(c->bodies);
	LLVMDisposeTargetData(c->layout);
	LLVMContextDispose(c->context);
	c->context = NULL;
	c->regions = 0;
}

void compiler_free(struct compiler *c)
{
	context_end(c);
	LLVMDisposePassBuilderOptions(c->options);
	LLVMDisposeTargetMachine(c->machine);
	g_free(c);
}

/* --- code --- */

static void show_module(LLVMModuleRef module, const char *when)
{
	if (!log_on(LOG_OUT_ASM))
		return;
	char *text = LLVMPrintModuleToString(module);
	log_printf(LOG_OUT_ASM, "; %s\n%s\n", when, text);
	LLVMDisposeMessage(text);
}

/* How long the region's function is. */
static uint64_t symbol_size(LLVMMemoryBufferRef object, const char *name)
{
	char *message = NULL;
	LLVMBinaryRef binary = LLVMCreateBinary(object, NULL, &message);
	uint64_t size = 0;

	if (!binary) {
		LLVMDisposeMessage(message);
		return 0;
	}
	LLVMSymbolIteratorRef i = LLVMObjectFileCopySymbolIterator(binary);
	for (; !LLVMObjectFileIsSymbolIteratorAtEnd(binary, i); LLVMMoveToNextSymbol(i))
		if (strcmp(LLVMGetSymbolName(i), name) == 0)
			size = LLVMGetSymbolSize(i);
	LLVMDisposeSymbolIterator(i);
	LLVMDisposeBinary(binary);
	return size;
}

static bool run_passes(struct compiler *c, LLVMModuleRef module)
{
	if (log_on(LOG_OUT_ASM) || getenv("RATITE_JIT_VERIFY")) {
		char *message = NULL;
		bool bad = LLVMVerifyModule(module, LLVMReturnStatusAction, &message);
		if (bad) {
			show_module(module, "invalid");
			warn_report("jit: invalid module: %s", message);
		}
		LLVMDisposeMessage(message);
		if (bad)
			return false;
	}
	LLVMErrorRef e = LLVMRunPasses(module, PASSES, c->machine, c->options);
	if (e) {
		struct error *err = llvm_error(e, "jit");
		warn_report("%s", err->message);
		error_free(err);
		return false;
	}
	return true;
}

/* Makes an object of the module and adds it to the process. */
static bool emit_code(struct compiler *c, LLVMModuleRef module, struct code_region *r)
{
	LLVMMemoryBufferRef object;
	char *message = NULL, name[32];
	LLVMOrcExecutorAddress address = 0;

	g_snprintf(name, sizeof(name), "region%u",
		   __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED));
	LLVMSetValueName2(LLVMGetNamedFunction(module, "region"), name, strlen(name));
	if (LLVMTargetMachineEmitToMemoryBuffer(c->machine, module, LLVMObjectFile, &message,
						&object)) {
		warn_report("jit: %s", message);
		LLVMDisposeMessage(message);
		return false;
	}
	r->code_size = symbol_size(object, name);
	LLVMOrcResourceTrackerRef tracker =
		LLVMOrcJITDylibCreateResourceTracker(LLVMOrcLLJITGetMainJITDylib(jit));
	LLVMErrorRef e = LLVMOrcLLJITAddObjectFileWithRT(jit, tracker, object);
	e = e ? e : LLVMOrcLLJITLookup(jit, &address, name);
	if (e) {
		struct error *err = llvm_error(e, "jit: linking");
		warn_report("%s", err->message);
		error_free(err);
		LLVMOrcReleaseResourceTracker(tracker);
		return false;
	}
	r->code_address = address;
	r->code = (region_code *)(uintptr_t)address;
	r->code_handle = tracker;
	return true;
}

void code_free(struct code_region *r)
{
	if (!r->code_handle)
		return;
	LLVMErrorRef e = LLVMOrcResourceTrackerRemove(r->code_handle);
	if (e)
		LLVMConsumeError(e);
	LLVMOrcReleaseResourceTracker(r->code_handle);
	r->code_handle = NULL;
}

static void region_fill(struct code_region *r, const struct job *job, const struct built *built)
{
	r->entry = job->entry;
	r->exact = job->exact;
	r->fault_ops = (const struct op **)g_ptr_array_free(built->fault_ops, FALSE);
	r->exits = built->exits;
	r->plain_fp = built->plain_fp;
	r->quick = built->quick;
	r->fp_enter = job->isa->fp_enter;
	r->fp_leave = job->isa->fp_leave;
	r->exit_count = built->exit_count;
	r->block_count = job->block_count;
	r->blocks = g_new(struct block *, job->block_count);
	for (unsigned int i = 0; i < job->block_count; i++)
		r->blocks[i] = job->blocks[i].block;
	r->insns = job->insns;
}

struct code_region *compile_job(struct compiler *c, const struct job *job)
{
	struct code_region *r = g_new0(struct code_region, 1);
	struct built built;
	int64_t start = thread_cpu_ns();

	if (c->regions >= REGIONS_PER_CONTEXT)
		context_end(c);
	if (!c->context)
		context_start(c);
	c->regions++;
	if (!build_region(c->bodies, c->context, c->layout, job, r, &built)) {
		g_free(r);
		return NULL;
	}
	int64_t passes = thread_cpu_ns();
	show_module(built.module, "as built");
	bool ok = run_passes(c, built.module);
	sink_into_exits(c->context, LLVMGetNamedFunction(built.module, "region"));
	int64_t codegen = thread_cpu_ns();
	show_module(built.module, "after passes");
	ok = ok && emit_code(c, built.module, r);
	LLVMDisposeModule(built.module);
	if (!ok) {
		g_free(built.exits);
		g_ptr_array_free(built.fault_ops, TRUE);
		g_free(r);
		return NULL;
	}
	region_fill(r, job, &built);
	r->compile_ns = thread_cpu_ns() - start;
	log_printf(LOG_JIT,
		   "jit: region 0x%" PRIx64 ": %u blocks, %u instructions, %u exits, %u helpers, "
		   "%u lost, %" PRIu64 " bytes; build %.2f passes %.2f code %.2f ms\n",
		   job->blocks[0].pc, job->block_count, job->insns, built.exit_count,
		   built.helper_ops, built.lost_ops, r->code_size, (double)(passes - start) / 1e6,
		   (double)(codegen - passes) / 1e6, (double)(thread_cpu_ns() - codegen) / 1e6);
	return r;
}
