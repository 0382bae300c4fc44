/*
 * Angel's semihosting calls on the host. Source: ARM DUI 0203, chapter 8, "Semihosting".
 *
 * Parameters are words in guest memory at R1, reached by the debugger's view; a word that cannot be
 * read is 0. Files are the host's, opened with the rights of whoever runs the emulator.
 */
#include "interp/arm/cpu.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	SYS_OPEN = 1,
	SYS_CLOSE,
	SYS_WRITEC,
	SYS_WRITE0,
	SYS_WRITE,
	SYS_READ,
	SYS_READC,
	SYS_ISERROR,
	SYS_ISTTY,
	SYS_SEEK,
	SYS_FLEN = 12,
	SYS_TMPNAM,
	SYS_REMOVE,
	SYS_RENAME,
	SYS_CLOCK,
	SYS_TIME,
	SYS_SYSTEM,
	SYS_ERRNO,
	SYS_GET_CMDLINE = 21,
	SYS_HEAPINFO,
	SYS_EXIT = 24,
	SYS_EXIT_EXTENDED = 32,
	SYS_ELAPSED = 48,
	SYS_TICKFREQ,
};
#define STOPPED_APPLICATION_EXIT 0x20026
#define FILES			 64
#define MAX_TEXT		 4096

struct arm_semihosting {
	char *command_line;
	uint32_t ram_base, ram_end;
	int fd[FILES]; /* by handle - 1; -1: free */
	int error;
	int64_t start_ns;
};

void arm_cpu_set_semihosting(struct cpu *cpu, const char *command_line, uint32_t ram_base,
			     uint32_t ram_end)
{
	struct arm_semihosting *s = g_new0(struct arm_semihosting, 1);

	s->command_line = g_strdup(command_line ? command_line : "");
	s->ram_base = ram_base;
	s->ram_end = ram_end;
	s->start_ns = host_monotonic_ns();
	for (unsigned int n = 0; n < FILES; n++)
		s->fd[n] = -1;
	arm_semihosting_free(arm_cpu(cpu)->semihosting);
	arm_cpu(cpu)->semihosting = s;
}

void arm_semihosting_free(struct arm_semihosting *s)
{
	if (!s)
		return;
	g_free(s->command_line);
	g_free(s);
}

/* --- guest memory --- */

static uint32_t word(struct arm_cpu *c, unsigned int n)
{
	uint8_t bytes[4] = {0};

	cpu_read_virtual(&c->v.cpu, c->r.r[1] + 4 * n, bytes, 4);
	return c->v.mode & MODE_BE ? load_be32(bytes) : load_le32(bytes);
}

static void word_set(struct arm_cpu *c, uint32_t va, uint32_t value)
{
	uint8_t bytes[4];

	if (c->v.mode & MODE_BE)
		store_be32(bytes, value);
	else
		store_le32(bytes, value);
	cpu_write_virtual(&c->v.cpu, va, bytes, 4);
}

/* A text of known length, or NULL. */
static char *text(struct arm_cpu *c, uint32_t va, uint32_t len)
{
	char *s;

	if (len > MAX_TEXT)
		return NULL;
	s = g_malloc0(len + 1);
	if (cpu_read_virtual(&c->v.cpu, va, s, len))
		return s;
	g_free(s);
	return NULL;
}

static uint32_t result(struct arm_semihosting *s, int64_t value)
{
	if (value < 0)
		s->error = errno;
	return (uint32_t)value;
}

/* --- files --- */

static int *file_of(struct arm_semihosting *s, uint32_t handle)
{
	if (handle == 0 || handle > FILES || s->fd[handle - 1] < 0) {
		errno = EBADF;
		return NULL;
	}
	return &s->fd[handle - 1];
}

static int open_host(const char *name, uint32_t mode)
{
	static const int flags[3] = {O_RDONLY, O_WRONLY | O_CREAT | O_TRUNC,
				     O_WRONLY | O_CREAT | O_APPEND};
	int how = flags[mode / 4];

	if (strcmp(name, ":tt") == 0)
		return dup(mode < 4 ? STDIN_FILENO : mode < 8 ? STDOUT_FILENO : STDERR_FILENO);
	if (mode & 2)
		how = (how & ~O_ACCMODE) | O_RDWR;
	return open(name, how | O_CLOEXEC, 0644);
}

static uint32_t sys_open(struct arm_cpu *c, struct arm_semihosting *s)
{
	uint32_t mode = word(c, 1);
	char *name = text(c, word(c, 0), word(c, 2));
	unsigned int n = 0;

	while (n < FILES && s->fd[n] >= 0)
		n++;
	errno = EINVAL;
	if (name && mode < 12 && n < FILES)
		s->fd[n] = open_host(name, mode);
	g_free(name);
	return n < FILES && s->fd[n] >= 0 ? n + 1 : result(s, -1);
}

static uint32_t sys_close(struct arm_cpu *c, struct arm_semihosting *s)
{
	int *fd = file_of(s, word(c, 0));

	if (!fd)
		return result(s, -1);
	int r = close(*fd);
	*fd = -1;
	return result(s, r);
}

/* Both return how many bytes were not transferred. */
static uint32_t sys_write(struct arm_cpu *c, struct arm_semihosting *s)
{
	int *fd = file_of(s, word(c, 0));
	uint32_t va = word(c, 1), left = word(c, 2);
	uint8_t buf[4096];

	while (fd && left) {
		uint32_t n = MIN(left, (uint32_t)sizeof(buf));
		if (!cpu_read_virtual(&c->v.cpu, va, buf, n))
			break;
		ssize_t done = write(*fd, buf, n);
		if (done <= 0) {
			s->error = errno;
			break;
		}
		va += (uint32_t)done;
		left -= (uint32_t)done;
	}
	return left;
}

static uint32_t sys_read(struct arm_cpu *c, struct arm_semihosting *s)
{
	int *fd = file_of(s, word(c, 0));
	uint32_t va = word(c, 1), left = word(c, 2);
	uint8_t buf[4096];

	while (fd && left) {
		ssize_t done = read(*fd, buf, MIN(left, (uint32_t)sizeof(buf)));
		if (done <= 0 || !cpu_write_virtual(&c->v.cpu, va, buf, (uint64_t)done))
			break;
		va += (uint32_t)done;
		left -= (uint32_t)done;
	}
	return left;
}

static uint32_t sys_flen(struct arm_cpu *c, struct arm_semihosting *s)
{
	int *fd = file_of(s, word(c, 0));
	struct stat st;

	if (!fd || fstat(*fd, &st) < 0)
		return result(s, -1);
	return (uint32_t)st.st_size;
}

static uint32_t sys_seek(struct arm_cpu *c, struct arm_semihosting *s)
{
	int *fd = file_of(s, word(c, 0));

	if (!fd || lseek(*fd, word(c, 1), SEEK_SET) < 0)
		return result(s, -1);
	return 0;
}

/* --- the rest --- */

static void write_text(struct arm_cpu *c, uint32_t va)
{
	char byte;

	while (cpu_read_virtual(&c->v.cpu, va++, &byte, 1) && byte)
		if (write(STDOUT_FILENO, &byte, 1) != 1)
			break;
}

static uint32_t sys_rename(struct arm_cpu *c, struct arm_semihosting *s)
{
	char *from = text(c, word(c, 0), word(c, 1)), *to = text(c, word(c, 2), word(c, 3));
	int r = -1;

	errno = EINVAL;
	if (from && to)
		r = rename(from, to);
	g_free(from);
	g_free(to);
	return result(s, r);
}

static uint32_t sys_remove(struct arm_cpu *c, struct arm_semihosting *s)
{
	char *name = text(c, word(c, 0), word(c, 1));
	int r = -1;

	errno = EINVAL;
	if (name)
		r = unlink(name);
	g_free(name);
	return result(s, r);
}

static uint32_t sys_tmpnam(struct arm_cpu *c)
{
	char name[32];
	uint32_t len = (uint32_t)g_snprintf(name, sizeof(name), "/tmp/angel-%05d-%02x",
					    (int)getpid(), word(c, 1) & 0xff) +
		       1;

	if (len > word(c, 2) || !cpu_write_virtual(&c->v.cpu, word(c, 0), name, len))
		return UINT32_MAX;
	return 0;
}

static uint32_t sys_get_cmdline(struct arm_cpu *c, struct arm_semihosting *s)
{
	uint32_t len = (uint32_t)strlen(s->command_line);

	if (len + 1 > word(c, 1) ||
	    !cpu_write_virtual(&c->v.cpu, word(c, 0), s->command_line, len + 1))
		return UINT32_MAX;
	word_set(c, c->r.r[1] + 4, len);
	return 0;
}

/* Heap base and limit, stack base and limit. */
static uint32_t sys_heapinfo(struct arm_cpu *c, struct arm_semihosting *s)
{
	uint32_t at = word(c, 0), middle = s->ram_base + (s->ram_end - s->ram_base) / 2;
	const uint32_t words[4] = {middle, s->ram_end, s->ram_end, middle};

	for (unsigned int n = 0; n < 4; n++)
		word_set(c, at + 4 * n, words[n]);
	return 0;
}

static void sys_exit(struct arm_cpu *c, uint32_t why, uint32_t code)
{
	if (why == STOPPED_APPLICATION_EXIT)
		exit((int)(code & 0xff));
	exit(1);
}

static uint32_t sys_readc(void)
{
	uint8_t byte;

	return read(STDIN_FILENO, &byte, 1) == 1 ? byte : UINT32_MAX;
}

static uint32_t call(struct arm_cpu *c, struct arm_semihosting *s, uint32_t op)
{
	uint32_t r1 = c->r.r[1];
	char byte = 0;
	int *fd;

	switch (op) {
	case SYS_OPEN: return sys_open(c, s);
	case SYS_CLOSE: return sys_close(c, s);
	case SYS_WRITEC:
		cpu_read_virtual(&c->v.cpu, r1, &byte, 1);
		return write(STDOUT_FILENO, &byte, 1) == 1 ? 0 : UINT32_MAX;
	case SYS_WRITE0: write_text(c, r1); return 0;
	case SYS_WRITE: return sys_write(c, s);
	case SYS_READ: return sys_read(c, s);
	case SYS_READC: return sys_readc();
	case SYS_ISERROR: return (int32_t)word(c, 0) < 0;
	case SYS_ISTTY:
		fd = file_of(s, word(c, 0));
		return fd ? (uint32_t)isatty(*fd) : result(s, -1);
	case SYS_SEEK: return sys_seek(c, s);
	case SYS_FLEN: return sys_flen(c, s);
	case SYS_TMPNAM: return sys_tmpnam(c);
	case SYS_REMOVE: return sys_remove(c, s);
	case SYS_RENAME: return sys_rename(c, s);
	case SYS_CLOCK: return (uint32_t)((host_monotonic_ns() - s->start_ns) / 10000000);
	case SYS_TIME: return (uint32_t)time(NULL);
	case SYS_SYSTEM: errno = ENOSYS; return result(s, -1);
	case SYS_ERRNO: return (uint32_t)s->error;
	case SYS_GET_CMDLINE: return sys_get_cmdline(c, s);
	case SYS_HEAPINFO: return sys_heapinfo(c, s);
	case SYS_EXIT: sys_exit(c, r1, 0); return 0;
	case SYS_EXIT_EXTENDED: sys_exit(c, word(c, 0), word(c, 1)); return 0;
	case SYS_TICKFREQ: return 1000000000;
	default:
		log_printf(LOG_GUEST_ERRORS, "semihosting: unknown call %02x\n", op);
		return UINT32_MAX;
	}
}

bool arm_semihosting_call(struct arm_cpu *c, enum arm_trap trap, uint32_t number)
{
	if (number != (trap == ARM_TRAP_SVC ? 0x123456u : 0xabu))
		return false;
	c->r.r[0] = call(c, c->semihosting, c->r.r[0]);
	return true;
}
