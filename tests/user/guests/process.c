#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int status_of(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int again(int argc, char **argv)
{
	/* Names of files differ from run to run. */
	for (int i = 0; i < 4 && argv[i]; i++)
		if (argv[i][0] == '/')
			argv[i] = "(file)";
	printf("again: %s %s %s env %s\n", argv[0], argv[2], argv[3] ? argv[3] : "-",
	       getenv("KEPT") ? getenv("KEPT") : "none");
	return 42;
}

int main(int argc, char **argv)
{
	char self[512], text[64], script[] = "/tmp/script-XXXXXX";
	int fds[2];
	extern char **environ;

	if (argc > 1 && strcmp(argv[1], "again") == 0)
		return again(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[len] = 0;
	printf("exe: %d\n", strstr(self, "process-") != NULL);
	printf("auxv: %lu %d %d\n", getauxval(AT_PAGESZ), getauxval(AT_PHNUM) > 0,
	       strstr((char *)getauxval(AT_EXECFN), "process-") != NULL);

	pipe(fds);
	if (fork() == 0) {
		dup2(fds[1], 1);
		printf("child");
		fflush(stdout);
		_exit(3);
	}
	len = read(fds[0], text, sizeof(text));
	printf("fork: %.*s %d\n", (int)len, text, status_of(-1));

	volatile int shared = 1;
	pid_t pid = vfork();
	if (pid == 0) {
		shared = 2;
		_exit(9);
	}
	printf("vfork: %d shared %d\n", status_of(pid), shared);

	pid = fork();
	if (pid == 0) {
		setenv("KEPT", "yes, with a comma", 1);
		execl(self, "name", "again", "one", "two", NULL);
		_exit(99);
	}
	printf("execve: %d\n", status_of(pid));

	char *args[] = {"spawned", "again", "x", NULL};
	printf("spawn: %d", posix_spawn(&pid, self, NULL, NULL, args, environ));
	printf(" %d\n", status_of(pid));
	printf("spawn nothing: %s\n",
	       strerrorname_np(posix_spawn(&pid, "/nonexistent", NULL, NULL, args, environ)));

	pid = fork();
	if (pid == 0) {
		char *by_fd[] = {"by fd", "again", "y", NULL};
		fexecve(open(self, O_RDONLY | O_CLOEXEC), by_fd, environ);
		_exit(97);
	}
	printf("fexecve: %d\n", status_of(pid));
	int fd = mkstemp(script);
	dprintf(fd, "#!%s again\n", self);
	fchmod(fd, 0755);
	close(fd);
	pid = fork();
	if (pid == 0) {
		execl(script, "s", "arg", NULL);
		_exit(98);
	}
	printf("script: %d\n", status_of(pid));
	unlink(script);
	execl("/etc/passwd", "x", NULL);
	printf("not executable: %s\n", strerrorname_np(errno));
	execl("/tmp", "x", NULL);
	printf("folder: %s\n", strerrorname_np(errno));

	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	kill(pid, SIGKILL);
	siginfo_t info = {0};
	waitid(P_PID, pid, &info, WEXITED);
	printf("waitid: %d %d %d\n", info.si_pid == pid, info.si_code == CLD_KILLED, info.si_status);
	printf("no child: %s\n", wait(NULL) < 0 ? strerrorname_np(errno) : "?");

	struct rlimit lim = {100, 200}, now;
	setrlimit(RLIMIT_NOFILE, &lim);
	getrlimit(RLIMIT_NOFILE, &now);
	printf("rlimit: %d %d\n", (int)now.rlim_cur, (int)now.rlim_max);
	struct utsname name;
	uname(&name);
	printf("uname: %s %d\n", name.sysname, name.machine[0] != 0);
	FILE *f = fopen("/proc/self/cmdline", "r");
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = 0;
	printf("cmdline: %d\n", len == (ssize_t)strnlen(argv[0], 63) + 1 || len == 63);
	int own;
	char comm[32];
	f = fopen("/proc/self/stat", "r");
	fscanf(f, "%d (%31[^)]", &own, comm);
	printf("stat: %d %.8s\n", own == getpid(), comm);
	return 0;
}
