/*
 * The LLVM tier's own header: how a region becomes code.
 *
 *	former.c   blocks that run together -> struct job (copies of their ops)
 *	bodies.c   bitcode of op bodies -> struct template, parsed when first needed
 *	copy.c, emit.c, slots.c   a template, given an op record -> code in the region's function:
 *		   its blocks, their instructions, the registers that they reach
 *	probe.c    where guest memory is on the host
 *	build.c    a job -> an LLVM function, its exits and its accounting
 *	sink.c     what only exits look at is computed there
 *	compile.c  that function -> code in memory (passes, target machine, ORC)
 *	module.c   queue, workers, publication, reclamation, statistics
 *
 * Nothing here knows a guest's instruction set but for struct jit_isa (isa-*.c).
 */
#ifndef JIT_LLVM_JIT_H
#define JIT_LLVM_JIT_H

#include "interp/record.h"
#include "interp/tier.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>

#define JIT_MAX_SLOTS	 96
#define JIT_FP_QUESTIONS 2
#define FP_QUESTION_MASK ((1u << JIT_FP_QUESTIONS) - 1)

/* A register that lives in an SSA value while a region runs. */
struct jit_slot {
	uint16_t offset; /* into the register file */
	uint8_t size;	 /* 4, 8 or 16 bytes */
	bool temporary;	 /* means nothing between two instructions */
	bool deferred;	 /* written often, read seldom: goes to memory as late as possible */
	bool part;	 /* of a vector register: a float or double, or the whole */
};

struct jit_isa {
	const char *name; /* as in cpu_class.isa: handlers are <name>_op_*, bodies body_<name>_* */
	unsigned int regs_offset, regs_size; /* the register file in the processor's struct */
	const struct jit_slot *slots;	     /* the rest of the file stays in memory */
	unsigned int slot_count;
	unsigned int zero_offset; /* of the register that is always 0 */
	bool jumps_change_mode;	  /* indirect branches may set v->mode */
	/* Vector registers (slots of 16 bytes) are seen as smaller ones, too: a region has them in
	 * the parts that suit it. */
	bool vectors_split;
	uint64_t no_page; /* a page that no access has; 0: there is none, but code can be read */
	/* What bodies may ask to hold throughout a region, by calling a function of that name;
	 * which bits of it hold now. */
	const char *fp_questions[JIT_FP_QUESTIONS];
	unsigned int (*fp_plain)(struct vcpu *v);
	/* Those where further bits are values that hold, too: the slots that they tell. */
	unsigned int fp_valued;
	bool (*fp_known)(unsigned int which, unsigned int offset, uint64_t *value);
	/* For regions that count on some. At their entry and behind what may have changed it:
	 * whether they still hold; where registers go to memory: takes over what the host's FPU has
	 * noted. */
	bool (*fp_enter)(struct vcpu *v, unsigned int which);
	void (*fp_leave)(struct vcpu *v, unsigned int which);
};

const struct jit_isa *jit_isa_find(const char *name);
extern const struct jit_isa jit_isa_x86, jit_isa_arm;

/* Bitcode that is linked into the module (blobs.c is made by the build). */
struct jit_blob {
	const char *name; /* <isa>_<source file> */
	const char *start, *end;
};
extern const struct jit_blob jit_blobs[];
extern const unsigned int jit_blob_count;

/* --- templates (bodies.c) --- */

/* Bit of the question that a function's name is (jit_isa.fp_questions); 0: none. */
unsigned int fp_question(const struct jit_isa *isa, const char *name);

enum operand_kind {
	OPERAND_INST,	/* result of instruction `index` of the template */
	OPERAND_ARG,	/* argument `index` of the function */
	OPERAND_CONST,	/* value holds as it is */
	OPERAND_GLOBAL, /* a constant in memory: value is the variable, offset bytes into it */
	OPERAND_CALLEE, /* value is a function */
	OPERAND_OTHER,	/* metadata and what cannot be copied */
};

struct operand {
	uint8_t kind;
	uint32_t index;
	int64_t offset;
	LLVMValueRef value;
};

struct tinst {
	LLVMValueRef inst;
	LLVMTypeRef type;
	LLVMOpcode opcode;
	unsigned int operand_count;
	struct operand *operands;
	unsigned int *blocks; /* PHI: where the operands come from; terminators: successors */
	unsigned int block_count;
	bool guest; /* reaches guest memory */
};

struct tblock {
	unsigned int first, count; /* instructions */
	unsigned int pred_count;
	bool loop_head; /* entered from a later block, too */
	bool only_ret;	/* at most a PHI and the return of it */
};

struct template
{
	const char *name;
	LLVMValueRef function;
	struct tinst *insts;
	unsigned int inst_count;
	struct tblock *blocks; /* in reverse post-order */
	unsigned int block_count;
	bool usable;
	unsigned int ways;     /* bit n: may return n (enum body_exit) */
	unsigned int plain_fp; /* questions that it asks */
};

/* Bodies in one LLVM context; each worker has its own. */
struct bodies;
struct bodies *bodies_new(LLVMContextRef context);
void bodies_free(struct bodies *b);
/* The body of a handler, NULL: there is none (that can be copied). */
const struct template *bodies_find(struct bodies *b, const struct jit_isa *isa, handler_fn *fn);
/* A function that bodies call, if its bitcode is there. */
const struct template *bodies_function(struct bodies *b, const struct jit_isa *isa,
				       const char *name);

/* --- jobs (former.c) --- */

struct job_block {
	struct block *block;
	uint64_t pc, base;
	uint32_t mode;
	unsigned int insns, op_count;
	unsigned int used_ops; /* those that are compiled */
	int joins;	       /* the block that goes on behind them; -1: none, the rest is left */
	bool single_page;
	const struct op *ops; /* copies */
	const struct op_where *where;
	uint32_t heat;		    /* times it was entered, as far as was counted */
	float entry_weight, weight; /* of its first op, of the op behind those that are used */
};

#define JOB_MAX_BLOCKS	96
#define JOB_MAX_INSNS	160
#define JOB_MAX_TARGETS 12

/* An exit of an earlier version that was taken often. */
struct job_hint {
	const struct op *op;
	enum region_exit_kind kind;
};

/* Where an indirect branch went. */
struct job_target {
	const struct op *op; /* of the cache */
	uint64_t pc;
};

struct job {
	const struct jit_isa *isa;
	unsigned int generation;
	bool check;
	unsigned int plain_fp; /* jit_isa.fp_plain() when it was formed */
	bool exact;	       /* faults must find exact state, see emit-user.c */
	uint8_t *direct;       /* vcpu.direct */
	/* A page that may be read while the region runs, and host - guest address there; 0: not
	 * known. */
	uint64_t first_page, first_addend;
	bool only_vcpu; /* the machine has no other */
	struct block *entry;
	struct job_block blocks[JOB_MAX_BLOCKS];
	unsigned int block_count, insns;
	GArray *targets;	 /* struct job_target */
	struct code_region *old; /* what this one is better than; may be freed meanwhile */
	int64_t queued_ns;
	unsigned int version; /* how often the region has been formed before for more to be in it */
	bool thorough;	      /* much time was spent in it: code is to be at its best */
	GArray *hints;	      /* struct job_hint */
};

/* What versions of a region have shown, for the next one. */
struct region_hints {
	GArray *targets, *exits; /* struct job_target, struct job_hint */
	unsigned int version, plain_fp;
	bool thorough;
	GArray *shape; /* struct job_part, by which a quick one can be built again; NULL: it need
			  not */
};

struct job_part {
	struct block *block;
	unsigned int used_ops;
	int joins;
};

/* What is to become a region around a hot block, or a better one than `old`, which is left by `hot`
 * often. On the vCPU's thread. */
struct job *job_new(struct vcpu *v, struct block *entry, struct code_region *old,
		    const struct region_exit *hot);
/* The same region as one that was compiled quickly; without blocks, if it is no longer valid. */
struct job *job_again(struct vcpu *v, struct code_region *old);
GArray *job_shape(const struct job *job);
/* Takes in what ran behind the block; false: that is not worth it. */
bool job_form(struct job *job, const struct block_record *record);
void job_free(struct job *job);
/* Whether an earlier version left often by this exit of an op. */
bool job_has_hint(const struct job *job, const struct op *op, enum region_exit_kind kind);
/* Index of the block at a pc, or -1. */
int job_block_at(const struct job *job, uint64_t pc);

/* --- emission (emit.c) --- */

enum value_kind { VALUE_PLAIN, VALUE_REGS, VALUE_OP, VALUE_VCPU, VALUE_PROBE };

/* A value while a template is copied: pointers into the register file, the op record and the
 * processor's struct are kept as offsets. A probe (probe.c) is true here, and v the block where it
 * is false. */
struct value {
	uint8_t kind;
	int64_t offset;
	LLVMValueRef v;
};

/* What is known of the slots at a point of the function; the last one is the budget. `pending`: bit
 * n: slot n (of the first 64) has a known value that is yet to be stored (write_through). */
struct known {
	LLVMValueRef slot[JIT_MAX_SLOTS + 1];
	uint64_t pending;
	uint32_t pages; /* bit n: the builder's pages[n] hold a translation */
};

/* A page that accesses by one base register share: see probe.c. */
#define SHARED_PAGES 8
struct shared_page {
	unsigned int slot;
	bool write;
	LLVMValueRef page, addend; /* variables */
};

struct label {
	LLVMBasicBlockRef block, first; /* where the first edge comes from */
	struct known known;
	unsigned int edges;
};

struct builder;

/* In what parts a region has the vector registers of an ISA where they are split: by slot of the
 * ISA, bytes of a part, and how often bodies reached so many (by log2). */
struct slot_map {
	uint8_t part[JIT_MAX_SLOTS];
	unsigned int seen[JIT_MAX_SLOTS][5];
};

/* Where the body's kinds of leaving lead; called with the position at the end of a block. */
typedef void leave_fn(struct builder *b, enum body_exit how);

struct builder {
	LLVMContextRef context;
	LLVMModuleRef module;
	LLVMBuilderRef ir;
	LLVMTargetDataRef layout;
	LLVMValueRef function, vcpu;
	LLVMBasicBlockRef entry;
	LLVMTypeRef i1, i8, i32, i64, ptr, v2i64;
	struct bodies *bodies;
	const struct jit_isa *isa;
	const struct job *job;
	/* slots */
	struct slot_map *map;
	struct jit_slot slots[JIT_MAX_SLOTS];
	unsigned int slot_count;
	LLVMValueRef slot[JIT_MAX_SLOTS + 1];
	LLVMTypeRef slot_type[JIT_MAX_SLOTS + 1];
	bool used[JIT_MAX_SLOTS + 1], dirty[JIT_MAX_SLOTS + 1];
	bool write_through;	  /* registers are stored when they are written, not at exits */
	int8_t slot_at[4096 / 4]; /* by offset / 4; -1: memory */
	struct known known;
	/* the op that is being copied */
	const struct op *op;	/* its copy */
	const struct op *op_at; /* the op in the cache */
	leave_fn *leave;
	unsigned int ways;   /* in which the body may leave */
	LLVMValueRef pc;     /* what the body stored to v->pc */
	LLVMValueRef probed; /* the last probe's pointer */
	const char *failure; /* why the op cannot be copied */
	LLVMValueRef guest_scopes;
	GPtrArray *fault_ops; /* of exact regions: ops of the cache */
	struct shared_page pages[SHARED_PAGES];
	unsigned int page_count;
	unsigned int metadata_scope, metadata_noalias, metadata_prof;
	void *state; /* of build.c */
};

/* Copies a body behind the current position. False: it cannot be copied (b->failure). */
bool emit_body(struct builder *b, const struct template *t);
/* The current point leads to a label, whose known values become what all ways there agree on; the
 * caller adds the branch. */
void label_reach(struct builder *b, struct label *label, bool loop_head);
/* Stores what is pending, in write_through. */
void flush_pending(struct builder *b, bool temporaries);
void drop_temporaries(struct builder *b);

/* Parts that suit what has been seen; false: they are so already. */
bool slot_map_improve(struct slot_map *map, const struct jit_isa *isa);
void make_slots(struct builder *b);
LLVMValueRef slot_get(struct builder *b, unsigned int s);
/* The variable behind it. */
LLVMValueRef slot_variable(struct builder *b, unsigned int s);
void slot_set(struct builder *b, unsigned int s, LLVMValueRef value);
LLVMValueRef register_address(struct builder *b, unsigned int s);
LLVMValueRef vcpu_field(struct builder *b, uint64_t offset);
LLVMValueRef const_int(LLVMTypeRef type, uint64_t value);
/* A constant pointer of this process. */
LLVMValueRef const_pointer(struct builder *b, const void *p);
/* Loads of the emulator's own memory, which guest stores do not change. */
LLVMValueRef load_host(struct builder *b, LLVMTypeRef type, LLVMValueRef p);
/* Moves to a new block that is reached from here alone. */
LLVMBasicBlockRef new_block(struct builder *b);
void position(struct builder *b, LLVMBasicBlockRef at);

/* Goes on where a condition holds; that is `weight` times as likely as `rest`. */
void go_on_if(struct builder *b, LLVMValueRef condition, LLVMBasicBlockRef rest,
	      unsigned int weight);

/* --- probe.c --- */

/* At the region's entry. */
void shared_pages_start(struct builder *b);

/* --- emit-user.c --- */

void before_guest_access(struct builder *b);
void after_guest_access(struct builder *b);
/* A pointer of guest code as one of this process. */
LLVMValueRef guest_host_pointer(struct builder *b, LLVMValueRef p);

/* --- build.c --- */

struct built {
	LLVMModuleRef module;
	struct region_exit *exits;
	unsigned int exit_count;
	GPtrArray *fault_ops;
	unsigned int plain_fp;		   /* questions whose answers it counts on */
	bool quick;			   /* code_region.quick */
	unsigned int helper_ops, lost_ops; /* run by their handlers; that end a path */
};

/* False: nothing of it can be built. */
bool build_region(struct bodies *bodies, LLVMContextRef context, LLVMTargetDataRef layout,
		  const struct job *job, struct code_region *region, struct built *out);

/* --- sink.c --- */

void sink_into_exits(LLVMContextRef context, LLVMValueRef function);

/* --- compile.c --- */

struct compiler; /* one a worker */
struct compiler *compiler_new(struct error **err);
void compiler_free(struct compiler *c);
/* Builds and compiles; the region is complete but for its publication. NULL: not possible. */
struct code_region *compile_job(struct compiler *c, const struct job *job);
void code_free(struct code_region *r);
struct error *compile_init(void);

void perfmap_add(uint64_t address, uint64_t size, uint64_t pc);

#endif
