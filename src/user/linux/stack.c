/*
 * The stack that a program finds: strings, auxiliary vector, environment, arguments, as the
 * kernel's create_elf_tables() lays them out. Source: System V ABI, processor supplements.
 */
#include "user/linux/user.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define AUX_MAX 32

struct stack {
	struct thread *t;
	uint64_t sp;
	bool failed;
};

static uint64_t push_bytes(struct stack *s, const void *bytes, uint64_t len)
{
	s->sp -= len;
	if (!guest_write(s->t, s->sp, bytes, len))
		s->failed = true;
	return s->sp;
}

static void push_word(struct stack *s, uint64_t value)
{
	s->sp -= s->t->abi->word;
	if (!guest_put(s->t, s->sp, s->t->abi->word, value))
		s->failed = true;
}

static uint64_t push_string(struct stack *s, const char *text)
{
	return push_bytes(s, text, strlen(text) + 1);
}

/* Strings of a list, last first, so that the first has the lowest address. */
static uint64_t *push_strings(struct stack *s, char **list, unsigned int *count)
{
	*count = g_strv_length(list);
	uint64_t *at = g_new0(uint64_t, *count + 1);

	for (unsigned int i = *count; i-- > 0 && !s->failed;)
		at[i] = push_string(s, list[i]);
	return at;
}

struct aux {
	uint64_t type, value;
};

static unsigned int make_aux(struct thread *t, const struct image *img, struct aux *aux,
			     uint64_t platform, uint64_t name, uint64_t random)
{
	const struct abi *abi = t->abi;
	struct aux list[AUX_MAX] = {
		{AT_PHDR, img->phdr},
		{AT_PHENT, img->phent},
		{AT_PHNUM, img->phnum},
		{AT_PAGESZ, GUEST_PAGE_SIZE},
		{AT_BASE, img->interp_base},
		{AT_FLAGS, 0},
		{AT_ENTRY, img->entry},
		{AT_UID, getuid()},
		{AT_EUID, geteuid()},
		{AT_GID, getgid()},
		{AT_EGID, getegid()},
		{AT_HWCAP, abi->hwcap(t, 0)},
		{AT_HWCAP2, abi->hwcap(t, 1)},
		{AT_CLKTCK, (uint64_t)sysconf(_SC_CLK_TCK)},
		{AT_SECURE, getauxval(AT_SECURE)},
		{AT_PLATFORM, platform},
		{AT_RANDOM, random},
		{AT_EXECFN, name},
	};
	unsigned int count = 18;

	memcpy(aux, list, sizeof(list));
	aux[count++] = (struct aux){AT_NULL, 0};
	return count;
}

static void push_vector(struct stack *s, const uint64_t *at, unsigned int count)
{
	push_word(s, 0);
	for (unsigned int i = count; i-- > 0;)
		push_word(s, at[i]);
}

/* Room for the stack itself; its upper end. */
static struct error *map_stack(struct thread *t, const struct image *img, uint64_t *top)
{
	struct process *p = t->process;
	uint64_t size = MAX(p->stack_size, img->flat_stack);
	uint64_t end = mm_task_size(p->mm);
	int prot = PROT_READ | PROT_WRITE | (img->exec_stack ? PROT_EXEC : 0);

	/* The last pages of 32-bit address spaces are trampolines and kernel helpers. */
	end -= UINT64_C(1) << 20;
	size = (size + GUEST_PAGE_SIZE - 1) & GUEST_PAGE_MASK;
	if (size > end / 2)
		return error_new("-s: there is no room for so large a stack");
	int64_t at =
		mm_map(t, end - size, size, prot,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (at < 0)
		return error_errno((int)-at, "cannot map the stack");
	*top = end;
	return NULL;
}

struct error *stack_build(struct thread *t, const struct image *img, char **argv, char **envp,
			  const char *exec_name, uint64_t *sp)
{
	struct process *p = t->process;
	const struct abi *abi = t->abi;
	struct stack s = {.t = t};
	uint8_t random[16];
	struct aux aux[AUX_MAX];
	unsigned int argc, envc;
	struct error *err = map_stack(t, img, &s.sp);

	if (err)
		return err;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_errno(errno, "no random numbers");
	push_word(&s, 0);
	uint64_t name = push_string(&s, exec_name);
	p->env_end = s.sp;
	uint64_t *env = push_strings(&s, envp, &envc);
	p->env_start = p->arg_end = s.sp;
	uint64_t *args = push_strings(&s, argv, &argc);
	p->arg_start = s.sp;
	uint64_t platform = push_string(&s, abi->platform);
	s.sp &= ~UINT64_C(15);
	uint64_t at_random = push_bytes(&s, random, sizeof(random));
	unsigned int aux_count = make_aux(t, img, aux, platform, name, at_random);
	/* The stack pointer is a multiple of 16 when everything is there. */
	uint64_t words = 1 + argc + 1 + envc + 1 + (img->flat ? 2 : 2 * aux_count);
	s.sp = ((s.sp - words * abi->word) & ~UINT64_C(15)) + words * abi->word;
	if (!img->flat) {
		p->auxv_end = s.sp;
		for (unsigned int i = aux_count; i-- > 0;) {
			push_word(&s, aux[i].value);
			push_word(&s, aux[i].type);
		}
		p->auxv_start = s.sp;
	}
	push_vector(&s, env, envc);
	uint64_t envp_at = s.sp;
	push_vector(&s, args, argc);
	uint64_t argv_at = s.sp;
	if (img->flat) { /* argv and envp are handed over by pointer */
		push_word(&s, envp_at);
		push_word(&s, argv_at);
	}
	push_word(&s, argc);
	p->stack_start = s.sp;
	g_free(env);
	g_free(args);
	*sp = s.sp;
	return s.failed ? error_new("arguments and environment do not fit the stack (-s)") : NULL;
}
