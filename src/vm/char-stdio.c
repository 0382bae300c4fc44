/*
 * Standard input and output. A terminal is made raw and put back in order at exit, when the process
 * is stopped from the keyboard, and whatever else ends it in an orderly way.
 */
#include "vm/char-backend.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* The terminal is the process's, so this is too; signal handlers look at it. */
static struct {
	struct chardev *user;
	bool is_tty;
	struct termios original, raw;
	volatile sig_atomic_t active;
} terminal;

static void terminal_restore(void)
{
	if (terminal.active)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal.original);
}

static void terminal_raw(void)
{
	/* From the background this would stop us; a terminal that does not control us cannot. */
	pid_t foreground = tcgetpgrp(STDIN_FILENO);
	if (terminal.active && (foreground < 0 || foreground == getpgrp()))
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal.raw);
}

static void on_tstp(int sig)
{
	int saved_errno = errno;

	terminal_restore();
	raise(SIGSTOP);
	errno = saved_errno;
}

static void on_cont(int sig)
{
	int saved_errno = errno;

	terminal_raw();
	errno = saved_errno;
}

static void catch_signal(int sig, void (*fn)(int))
{
	struct sigaction action = {.sa_handler = fn, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	sigaction(sig, &action, NULL);
}

static void make_raw(struct termios *t, bool signals)
{
	t->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	t->c_oflag |= OPOST;
	t->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
	if (!signals)
		t->c_lflag &= ~(tcflag_t)ISIG;
	t->c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	t->c_cflag |= CS8;
	t->c_cc[VMIN] = 1;
	t->c_cc[VTIME] = 0;
}

static void terminal_take(bool signals)
{
	static bool exit_hooked;

	terminal.is_tty = tcgetattr(STDIN_FILENO, &terminal.original) == 0;
	if (!terminal.is_tty)
		return;
	terminal.raw = terminal.original;
	make_raw(&terminal.raw, signals);
	terminal.active = 1;
	if (!exit_hooked)
		atexit(terminal_restore);
	exit_hooked = true;
	catch_signal(SIGTSTP, on_tstp);
	catch_signal(SIGCONT, on_cont);
	terminal_raw();
}

static void stdio_close(struct chardev *chr)
{
	chardev_fd_close(chr);
	terminal_restore();
	terminal.active = 0;
	terminal.user = NULL;
}

static const struct chardev_ops stdio_ops = {
	.send = chardev_fd_send,
	.resume = chardev_fd_resume,
	.close = stdio_close,
};

struct error *char_stdio_open(struct optstr *o, const char *id, struct chardev **chr)
{
	bool signals = true;
	struct error *err = optstr_bool(o, "signal", &signals);

	if (err)
		return err;
	if (terminal.user)
		return error_new("standard input is taken by another device; \"mon:stdio\" shares "
				 "it with the monitor");
	*chr = chardev_alloc(sizeof(struct chardev), &stdio_ops);
	terminal.user = *chr;
	terminal_take(signals);
	/* The shell and other programs share it, so it is not made non-blocking. */
	(*chr)->polite = true;
	chardev_fd_start(*chr, STDIN_FILENO, STDOUT_FILENO);
	return NULL;
}
