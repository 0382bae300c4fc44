/* The first process of a measured guest: runs the compute set, waits at a prompt, powers off. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argc;
	mount("proc", "/proc", "proc", 0, NULL);
	puts("BOOTED");
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		argv[0] = (char *)"compute"; /* the kernel hands on the words it does not know */
		execv("/compute", argv);
		_exit(127);
	}
	waitpid(child, NULL, 0);
	puts("PROMPT-READY");
	fflush(stdout);
	sleep(2);
	reboot(RB_POWER_OFF);
	return 1;
}
