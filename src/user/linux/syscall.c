/*
 * From a trap to a row of the table: arguments out of registers, the call by its types, the result
 * back into registers.
 */
#include "user/linux/syscall.h"

#include "base/log.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- the host's call --- */

/*
 * host_call_stub(noted, nr, a .. f): the call, unless *noted is set before it is made. A signal
 * handler that finds the pc between host_call_start and host_call_end sets it to host_call_abort:
 * the kernel has not made the call yet, or wants it made again.
 */
#ifdef __x86_64__
__asm__(".text\n"
	".type host_call_stub, @function\n"
	"host_call_stub:\n"
	"	push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	mov %rsi, %rax\n"
	"	mov %rdx, %rdi\n"
	"	mov %rcx, %rsi\n"
	"	mov %r8, %rdx\n"
	"	mov %r9, %r10\n"
	"	mov 16(%rsp), %r8\n"
	"	mov 24(%rsp), %r9\n"
	".globl host_call_start\n"
	".hidden host_call_start\n"
	"host_call_start:\n"
	"	cmpl $0, (%rbx)\n"
	"	jne host_call_abort\n"
	"	syscall\n"
	".globl host_call_end\n"
	".hidden host_call_end\n"
	"host_call_end:\n"
	"	pop %rbx\n"
	"	ret\n"
	".globl host_call_abort\n"
	".hidden host_call_abort\n"
	"host_call_abort:\n"
	"	mov $-512, %rax\n"
	"	pop %rbx\n"
	"	ret\n"
	".size host_call_stub, . - host_call_stub\n");
int64_t host_call_stub(const uint32_t *noted, long nr, uint64_t a, uint64_t b, uint64_t c,
		       uint64_t d, uint64_t e, uint64_t f);
#else
/* Another host needs its stub here; without it a signal right before a call that blocks waits until
 * that returns. */
static int64_t host_call_stub(const uint32_t *noted, long nr, uint64_t a, uint64_t b, uint64_t c,
			      uint64_t d, uint64_t e, uint64_t f)
{
	if (__atomic_load_n(noted, __ATOMIC_ACQUIRE))
		return -RESTART_CALL;
	long result = syscall(nr, a, b, c, d, e, f);
	return result == -1 ? -errno : result;
}
#endif

int64_t host_call(struct thread *t, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
		  uint64_t e, uint64_t f)
{
	int64_t result = host_call_stub(&t->noted, nr, a, b, c, d, e, f);

	/* It may have met a page that is protected because there is code on it. */
	if (UNLIKELY(result == -EFAULT) && mm_code_release(t->process->mm, 0, UINT64_MAX))
		result = host_call_stub(&t->noted, nr, a, b, c, d, e, f);
	return result;
}

/* --- finding the row --- */

#define NUMBERS_MAX 512

const struct call *call_find(const struct abi *abi, uint64_t nr)
{
	static const struct call *by_number[ABI_COUNT][NUMBERS_MAX];
	static gsize once;

	if (g_once_init_enter(&once)) {
		for (unsigned int i = 0; i < system_call_count; i++)
			for (unsigned int k = 0; k < ABI_COUNT; k++)
				if (system_calls[i].nr[k] >= 0)
					by_number[k][system_calls[i].nr[k]] = &system_calls[i];
		g_once_init_leave(&once, 1);
	}
	return nr < NUMBERS_MAX ? by_number[abi->index][nr] : NULL;
}

/* --- arguments --- */

/* As the types say: signs extended, halves put together. */
static void take_arguments(const struct abi *abi, const struct call *call, const uint64_t *regs,
			   uint64_t *a)
{
	unsigned int r = 0;

	for (unsigned int i = 0; i < 6; i++) {
		if (call->args[i].kind == ARG_OFF64 && abi->word == 4) {
			if (abi->even_pairs)
				r = (r + 1) & ~1u;
			uint64_t first = (uint32_t)regs[r], second = (uint32_t)regs[r + 1];
			a[i] = abi->big_endian ? first << 32 | second : second << 32 | first;
			r += 2;
			continue;
		}
		uint64_t value = r < 7 ? regs[r++] : 0;
		switch (call->args[i].kind) {
		case ARG_INT: value = (uint64_t)(int64_t)(int32_t)value; break;
		case ARG_UINT: value = (uint32_t)value; break;
		case ARG_LONG:
			if (abi->word == 4)
				value = (uint64_t)(int64_t)(int32_t)value;
			break;
		default: break;
		}
		a[i] = value;
	}
}

/* An unpacked system has empty folders where the kernel's file systems are to be mounted; and the
 * root is the host's, as it is for chdir(). */
static bool is_hosts(const char *path)
{
	static const char *const roots[] = {"/proc", "/sys", "/dev"};

	for (unsigned int i = 0; i < G_N_ELEMENTS(roots); i++) {
		size_t len = strlen(roots[i]);
		if (!strncmp(path, roots[i], len) && (!path[len] || path[len] == '/'))
			return true;
	}
	return !path[strspn(path, "/")];
}

const char *prefix_path(const struct process *p, const char *path, char *buffer)
{
	struct stat st;

	if (!p->prefix || path[0] != '/' || is_hosts(path))
		return path;
	if (strlen(p->prefix) + strlen(path) >= PATH_MAX)
		return path;
	strcpy(buffer, p->prefix);
	strcat(buffer, path);
	return lstat(buffer, &st) ? path : buffer;
}

int64_t path_argument(struct thread *t, uint64_t addr, char *buffer, const char **path)
{
	char name[PATH_MAX];

	if (!addr)
		return -EFAULT;
	if (!t->process->prefix) {
		*path = guest_pointer(t, addr, 1);
		return 0;
	}
	int64_t len = guest_string(t, name, addr, sizeof(name));
	if (len < 0)
		return len;
	*path = prefix_path(t->process, name, buffer);
	if (*path == name)
		*path = guest_pointer(t, addr, 1);
	return 0;
}

enum layout_id timespec_of(const struct thread *t, const struct call *call)
{
	return t->abi->word == 4 && g_str_has_suffix(call->name, "64") ? L_timespec64 : L_timespec;
}

/* --- a call by its types --- */

/* Room for what arguments are converted into; two paths or structures a call. */
struct conversion {
	uint64_t host[6];
	char paths[2][PATH_MAX];
	uint8_t structs[4][LAYOUT_MAX] __attribute__((aligned(8)));
	unsigned int path_count, struct_count;
};

static int64_t convert_struct(struct thread *t, const struct arg *arg, uint64_t value,
			      uint64_t *host, struct conversion *c)
{
	if (!value) {
		*host = 0;
		return 0;
	}
	if (layout_same(t->abi, arg->id)) {
		*host = HPTR(guest_pointer(t, value, layout_size(t->abi, arg->id)));
		return 0;
	}
	g_assert(c->struct_count < G_N_ELEMENTS(c->structs));
	uint8_t *room = c->structs[c->struct_count++];
	*host = HPTR(room);
	if (arg->kind == ARG_STRUCT_OUT) {
		memset(room, 0, layout_get(arg->id)->host_size);
		return 0;
	}
	return layout_read(t, arg->id, value, room) ? 0 : -EFAULT;
}

static int64_t convert(struct thread *t, const struct call *call, const uint64_t *a,
		       struct conversion *c)
{
	int64_t result = 0;

	for (unsigned int i = 0; i < 6 && result >= 0; i++) {
		const struct arg *arg = &call->args[i];
		c->host[i] = a[i];
		switch (arg->kind) {
		case ARG_PATH: {
			const char *path;
			result = path_argument(t, a[i], c->paths[c->path_count++ & 1], &path);
			c->host[i] = HPTR(path);
			break;
		}
		case ARG_STRING:
		case ARG_PTR: c->host[i] = HPTR(guest_pointer(t, a[i], 1)); break;
		case ARG_BUF_IN: c->host[i] = HPTR(guest_pointer(t, a[i], 1)); break;
		case ARG_BUF_OUT: /* its length follows */
			mm_code_release(t->process->mm, a[i], i < 5 ? a[i + 1] : 1);
			c->host[i] = HPTR(guest_pointer(t, a[i], 1));
			break;
		case ARG_STRUCT_IN:
		case ARG_STRUCT_OUT:
		case ARG_STRUCT_INOUT: result = convert_struct(t, arg, a[i], &c->host[i], c); break;
		default: break;
		}
	}
	return result;
}

/* What the kernel has written goes to the guest. */
static int64_t convert_back(struct thread *t, const struct call *call, const uint64_t *a,
			    const struct conversion *c, int64_t result)
{
	for (unsigned int i = 0; i < 6; i++) {
		const struct arg *arg = &call->args[i];
		if (!a[i])
			continue;
		if (arg->kind == ARG_BUF_OUT) {
			guest_written(t, a[i], (uint64_t)result);
		} else if (arg->kind == ARG_STRUCT_OUT || arg->kind == ARG_STRUCT_INOUT) {
			if (layout_same(t->abi, arg->id))
				guest_written(t, a[i], layout_size(t->abi, arg->id));
			else if (!layout_write(t, arg->id, a[i],
					       (const void *)(uintptr_t)c->host[i]))
				result = -EFAULT;
		}
	}
	return result;
}

int64_t call_generic(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct conversion c;

	c.path_count = c.struct_count = 0;
	int64_t result = convert(t, call, a, &c);
	if (result < 0)
		return result;
	if (call->host < 0)
		return -ENOSYS;
	result = host_call(t, call->host, c.host[0], c.host[1], c.host[2], c.host[3], c.host[4],
			   c.host[5]);
	return result < 0 ? result : convert_back(t, call, a, &c, result);
}

int64_t sys_none(struct thread *t, const struct call *call, const uint64_t *a)
{
	return -ENOSYS;
}

/* Whether it is the first time that this number is asked for; all that no table has count as one.
 */
static bool is_news(uint64_t nr)
{
	static uint32_t told[NUMBERS_MAX / 32 + 1];
	uint32_t n = (uint32_t)MIN(nr, NUMBERS_MAX), bit = 1u << (n % 32);

	return !(__atomic_fetch_or(&told[n / 32], bit, __ATOMIC_RELAXED) & bit);
}

int64_t sys_missing(struct thread *t, const struct call *call, const uint64_t *a)
{
	if (is_news((uint64_t)call->nr[t->abi->index]))
		log_printf(LOG_UNIMP, "qemu: Unsupported syscall: %s\n", call->name);
	return -ENOSYS;
}

/* --- the trap --- */

static int64_t unknown_call(struct thread *t, uint64_t nr)
{
	if (is_news(nr))
		log_printf(LOG_UNIMP, "qemu: Unsupported syscall: %u\n", (unsigned int)nr);
	return -ENOSYS;
}

void user_system_call(struct thread *t)
{
	const struct abi *abi = t->abi;
	uint64_t regs[7], a[6] = {0};
	uint64_t nr = abi->get_call(t, regs);
	int64_t result;

	const struct call *call = call_find(abi, nr);
	if (call) {
		take_arguments(abi, call, regs, a);
		if (UNLIKELY(t->process->strace))
			strace_enter(t, call, a);
		result = call->fn ? call->fn(t, call, a) : call_generic(t, call, a);
		if (UNLIKELY(t->process->strace))
			strace_leave(t, call, a, result);
	} else if (!abi->own_call || !abi->own_call(t, nr, regs, &result)) {
		result = unknown_call(t, nr);
	}
	if (result == -STATE_IS_SET)
		return;
	if (result == -RESTART_CALL)
		abi->restart(t, nr);
	else
		abi->set_result(t, result);
}
