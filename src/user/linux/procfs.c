/*
 * Files of /proc that would show the emulator: those of the process itself are made here from what
 * the emulator knows, as snapshots in memory.
 */
#include "user/linux/syscall.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- maps --- */

struct host_line {
	uint64_t start, end, offset, inode;
	char dev[16], path[PATH_MAX];
};

struct maps {
	struct thread *t;
	FILE *out;
	GArray *lines; /* struct host_line of the reservation, by address */
};

/* What the host says of the reservation: files behind mappings. */
static GArray *read_host_maps(const struct process *p)
{
	GArray *lines = g_array_new(FALSE, TRUE, sizeof(struct host_line));
	FILE *in = fopen("/proc/self/maps", "re");
	char *text = NULL;
	size_t size = 0;
	uint64_t base = HPTR(p->base), limit = mm_task_size(p->mm);

	while (in && getline(&text, &size, in) > 0) {
		struct host_line l = {0};
		int at = 0;
		if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %15s %" SCNu64 " %n",
			   &l.start, &l.end, &l.offset, l.dev, &l.inode, &at) < 5)
			continue;
		if (l.start - base >= limit)
			continue;
		l.start -= base;
		l.end -= base;
		g_strlcpy(l.path, g_strchomp(text + at), sizeof(l.path));
		g_array_append_val(lines, l);
	}
	free(text);
	if (in)
		fclose(in);
	return lines;
}

static void print_area(const struct maps *m, const struct mm_area *area, uint64_t start,
		       uint64_t end, const struct host_line *l)
{
	const struct process *p = m->t->process;
	const char *name = l ? l->path : "";
	bool stack = p->stack_start >= start && p->stack_start < end;

	fprintf(m->out, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %s %-10" PRIu64, start,
		end, area->prot & PROT_READ ? 'r' : '-', area->prot & PROT_WRITE ? 'w' : '-',
		area->prot & PROT_EXEC ? 'x' : '-', area->shared ? 's' : 'p',
		l && l->inode ? l->offset + (start - l->start) : 0,
		l && l->inode ? l->dev : "00:00", l ? l->inode : 0);
	if (stack)
		name = "[stack]";
	fprintf(m->out, "%s%s\n", *name ? "                " : "", name);
}

/* One area may be several of the host's. */
static void print_maps_area(void *opaque, const struct mm_area *area)
{
	const struct maps *m = opaque;
	uint64_t at = area->start;

	for (unsigned int i = 0; i < m->lines->len && at < area->end; i++) {
		const struct host_line *l = &g_array_index(m->lines, struct host_line, i);
		if (l->end <= at)
			continue;
		if (l->start > at)
			break;
		uint64_t end = MIN(l->end, area->end);
		print_area(m, area, at, end, l);
		at = end;
	}
	if (at < area->end)
		print_area(m, area, at, area->end, NULL);
}

static void write_maps(struct thread *t, FILE *out)
{
	struct maps m = {t, out, read_host_maps(t->process)};

	mm_each(t->process->mm, print_maps_area, &m);
	g_array_free(m.lines, TRUE);
}

/* --- the rest --- */

static void copy_guest(struct thread *t, FILE *out, uint64_t start, uint64_t end)
{
	char piece[512];

	while (start < end) {
		uint64_t len = MIN(end - start, sizeof(piece));
		if (!guest_read(t, piece, start, len) || fwrite(piece, 1, len, out) != len)
			return;
		start += len;
	}
}

static void write_cmdline(struct thread *t, FILE *out)
{
	copy_guest(t, out, t->process->arg_start, t->process->arg_end);
}

static void write_environ(struct thread *t, FILE *out)
{
	copy_guest(t, out, t->process->env_start, t->process->env_end);
}

static void write_auxv(struct thread *t, FILE *out)
{
	copy_guest(t, out, t->process->auxv_start, t->process->auxv_end);
}

/* The host's fields, but for the name and the addresses (26-28 and 45-51 of proc(5)). */
static void write_stat(struct thread *t, FILE *out)
{
	const struct process *p = t->process;
	char *text = NULL, *name = g_path_get_basename(p->exe);

	if (g_file_get_contents("/proc/self/stat", &text, NULL, NULL) && strrchr(text, ')')) {
		char **fields = g_strsplit(g_strchomp(strrchr(text, ')') + 2), " ", -1);
		fprintf(out, "%d (%.15s)", getpid(), name);
		for (unsigned int i = 0; fields[i]; i++) {
			uint64_t ours = i == 23	  ? p->code_start
					: i == 24 ? p->code_end
					: i == 25 ? p->stack_start
					: i == 42 ? p->data_start
					: i == 43 ? p->data_end
					: i == 45 ? p->arg_start
					: i == 46 ? p->arg_end
					: i == 47 ? p->env_start
					: i == 48 ? p->env_end
						  : 0;
			if (ours)
				fprintf(out, " %" PRIu64, ours);
			else
				fprintf(out, " %s", fields[i]);
		}
		fprintf(out, "\n");
		g_strfreev(fields);
	}
	g_free(text);
	g_free(name);
}

static void write_cpuinfo(struct thread *t, FILE *out)
{
	t->abi->cpuinfo(t, out);
}

static const struct view {
	const char *name;
	void (*write)(struct thread *t, FILE *out);
} views[] = {
	{"maps", write_maps},	    {"smaps", write_maps}, {"cmdline", write_cmdline},
	{"environ", write_environ}, {"auxv", write_auxv},  {"stat", write_stat},
};

/* --- names --- */

/* What follows /proc/self/, /proc/PID/, /proc/thread-self/ or the like of this process; NULL: it is
 * another file. */
static const char *own_name(const char *path)
{
	char own[32];

	if (!g_str_has_prefix(path, "/proc/"))
		return NULL;
	path += 6;
	g_snprintf(own, sizeof(own), "%d/", getpid());
	const char *const prefixes[] = {"self/", "thread-self/", own};
	for (unsigned int i = 0; i < G_N_ELEMENTS(prefixes); i++)
		if (g_str_has_prefix(path, prefixes[i]))
			return path + strlen(prefixes[i]);
	return NULL;
}

static int64_t open_view(struct thread *t, void (*write)(struct thread *t, FILE *out), int flags)
{
	int fd = memfd_create("proc", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	FILE *out = fd < 0 ? NULL : fdopen(dup(fd), "w");

	if (!out) {
		if (fd >= 0)
			close(fd);
		return -EMFILE;
	}
	write(t, out);
	fclose(out);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

int64_t proc_open(struct thread *t, const char *path, int flags)
{
	const char *name;

	if (path[0] != '/' || path[1] != 'p')
		return -NO_SUCH_CALL;
	if (t->abi->cpuinfo && strcmp(path, "/proc/cpuinfo") == 0)
		return open_view(t, write_cpuinfo, flags);
	name = own_name(path);
	if (!name)
		return -NO_SUCH_CALL;
	if (strcmp(name, "exe") == 0)
		return HOST(t, SYS_openat, AT_FDCWD, HPTR(t->process->exe), flags);
	for (unsigned int i = 0; i < G_N_ELEMENTS(views); i++)
		if (strcmp(name, views[i].name) == 0)
			return flags & O_ACCMODE ? -EACCES : open_view(t, views[i].write, flags);
	return -NO_SUCH_CALL;
}

int64_t proc_readlink(struct thread *t, const char *path, char *buffer, size_t size)
{
	const char *name = own_name(path);

	if (!name || strcmp(name, "exe") != 0)
		return -NO_SUCH_CALL;
	size_t len = MIN(strlen(t->process->exe), size);
	memcpy(buffer, t->process->exe, len);
	return (int64_t)len;
}
