/*
 * execve(). A guest's program runs in an emulator of its own: this executable, started again with
 * the same options. It needs no binfmt_misc, and does no harm where there is one. Scripts start
 * their interpreter likewise; anything else is the host's to run or to refuse.
 */
#include "user/linux/syscall.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRINGS_MAX (1 << 16)
#define SCRIPT_HEAD 256

/* A guest's array of strings; NULL and *error where it cannot be read. */
static char **read_strings(struct thread *t, uint64_t addr, int64_t *error)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	unsigned int w = t->abi->word;
	char *text = g_malloc(128 << 10);

	*error = 0;
	for (uint64_t at = addr; addr; at += w) {
		uint64_t string;
		int64_t len;
		if (!guest_get(t, at, w, &string))
			*error = -EFAULT;
		if (*error || !string)
			break;
		len = guest_string(t, text, string, 128 << 10);
		if (len == -ENAMETOOLONG || list->len > STRINGS_MAX)
			*error = -E2BIG;
		else if (len < 0)
			*error = len;
		if (*error)
			break;
		g_ptr_array_add(list, g_strdup(text));
	}
	g_free(text);
	g_ptr_array_add(list, NULL);
	if (*error) {
		g_ptr_array_free(list, TRUE);
		return NULL;
	}
	return (char **)g_ptr_array_free(list, FALSE);
}

/* Variables that the host's dynamic linker would take for its own. */
static bool is_for_loader(const char *variable)
{
	return g_str_has_prefix(variable, "LD_") || g_str_has_prefix(variable, "GLIBC_TUNABLES=") ||
	       g_str_has_prefix(variable, "MALLOC_");
}

static int64_t run(const char *path, GPtrArray *argv, char **envp)
{
	g_ptr_array_add(argv, NULL);
	execve(path, (char **)argv->pdata, envp);
	return -errno;
}

/* A name that is still good in the emulator that starts: descriptors named by /proc may be closed
 * by then. A file without any other name keeps one open. */
static char *lasting_name(const char *path)
{
	struct stat by_fd, by_name;

	if (!g_str_has_prefix(path, "/proc/self/fd/"))
		return g_strdup(path);
	char *name = g_file_read_link(path, NULL);
	if (name && !stat(path, &by_fd) && !stat(name, &by_name) &&
	    by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino)
		return name;
	g_free(name);
	return g_strdup_printf("/proc/self/fd/%d", open(path, O_RDONLY));
}

/* Starts the emulator again on `path`, the argument list being `args`. */
static int64_t run_guest(struct thread *t, const char *path, char **args, char **envp)
{
	const struct process *p = t->process;
	GPtrArray *argv = g_ptr_array_new(), *env = g_ptr_array_new();
	char *shown = path[0] == '-' ? g_strconcat("./", path, NULL) : lasting_name(path);

	for (unsigned int i = 0; p->self_args[i]; i++)
		g_ptr_array_add(argv, p->self_args[i]);
	for (unsigned int i = 0; envp[i]; i++) {
		if (is_for_loader(envp[i])) {
			g_ptr_array_add(argv, (char *)"-setenv");
			g_ptr_array_add(argv, envp[i]);
		} else {
			g_ptr_array_add(env, envp[i]);
		}
	}
	g_ptr_array_add(env, NULL);
	g_ptr_array_add(argv, (char *)"-0");
	g_ptr_array_add(argv, args[0] ? args[0] : shown);
	g_ptr_array_add(argv, shown);
	for (unsigned int i = 1; args[0] && args[i]; i++)
		g_ptr_array_add(argv, args[i]);
	int64_t result = run("/proc/self/exe", argv, (char **)env->pdata);
	g_ptr_array_free(argv, TRUE);
	g_ptr_array_free(env, TRUE);
	g_free(shown);
	return result;
}

/* "#! interpreter argument": NULL where there is none. Parts are the caller's to free. */
static char *script_interpreter(char *head, char **argument)
{
	char *line = head + 2, *end = strchr(line, '\n');

	*argument = NULL;
	if (end)
		*end = 0;
	g_strstrip(line);
	if (!*line)
		return NULL;
	size_t len = strcspn(line, " \t");
	if (line[len])
		*argument = g_strdup(g_strstrip(line + len));
	return g_strndup(line, len);
}

static int64_t run_file(struct thread *t, const char *path, char **args, char **envp,
			unsigned int depth);

static int64_t run_script(struct thread *t, const char *path, char *head, char **args, char **envp,
			  unsigned int depth)
{
	char *argument, *interpreter = script_interpreter(head, &argument), buffer[PATH_MAX];

	if (!interpreter || depth > 4) {
		int64_t error = interpreter ? -ELOOP : -ENOEXEC;
		g_free(interpreter);
		g_free(argument);
		return error;
	}
	GPtrArray *list = g_ptr_array_new();
	char *shown = lasting_name(path);
	g_ptr_array_add(list, interpreter);
	if (argument)
		g_ptr_array_add(list, argument);
	g_ptr_array_add(list, shown);
	for (unsigned int i = 1; args[0] && args[i]; i++)
		g_ptr_array_add(list, args[i]);
	g_ptr_array_add(list, NULL);
	int64_t result = run_file(t, prefix_path(t->process, interpreter, buffer),
				  (char **)list->pdata, envp, depth + 1);
	g_ptr_array_free(list, TRUE);
	g_free(interpreter);
	g_free(argument);
	g_free(shown);
	return result;
}

static int64_t run_file(struct thread *t, const char *path, char **args, char **envp,
			unsigned int depth)
{
	char head[SCRIPT_HEAD] = {0};
	const char *foreign;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == EACCES) { /* may still be executable for the host */
		execve(path, args, envp);
		return -errno;
	}
	if (fd < 0)
		return -errno;
	ssize_t len = read(fd, head, sizeof(head) - 1);
	bool regular = !fstat(fd, &st) && S_ISREG(st.st_mode);
	close(fd);
	if (!regular || access(path, X_OK))
		return -EACCES;
	switch (image_kind(t->abi, (uint8_t *)head, len < 0 ? 0 : (size_t)len, &foreign)) {
	case FILE_GUEST: return run_guest(t, path, args, envp);
	case FILE_SCRIPT: return run_script(t, path, head, args, envp, depth);
	default: execve(path, args, envp); return -errno;
	}
}

/* The name of a file that execveat() names by descriptor. */
static int64_t name_of(int dirfd, const char *path, int flags, char *buffer, const char **name)
{
	*name = path;
	if (dirfd == AT_FDCWD || path[0] == '/')
		return 0;
	if (!*path && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	if (g_snprintf(buffer, PATH_MAX, "/proc/self/fd/%d%s%s", dirfd, *path ? "/" : "", path) >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	*name = buffer;
	return 0;
}

int64_t user_execve(struct thread *t, int dirfd, const char *path, uint64_t argv, uint64_t envp,
		    int flags)
{
	char by_fd[PATH_MAX], below[PATH_MAX], link[PATH_MAX];
	const char *name;
	int64_t result = name_of(dirfd, path, flags, by_fd, &name), len;

	if (result)
		return result;
	len = proc_readlink(t, name, link, sizeof(link) - 1);
	if (len >= 0) {
		link[len] = 0;
		name = link;
	} else {
		name = prefix_path(t->process, name, below);
	}
	char **args = read_strings(t, argv, &result), **env = NULL;
	if (!result)
		env = read_strings(t, envp, &result);
	if (!result) {
		uint64_t mask = t->mask, none;
		fflush(NULL);
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &none, 8);
		result = run_file(t, name, args, env, 0);
		signals_set_mask(t, t->mask);
	}
	g_strfreev(args);
	g_strfreev(env);
	return result;
}
