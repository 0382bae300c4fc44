/* qemu-io's requests that do not wait (aio_), and the commands that hold them up and let them go.
 */
#include "storage/drivers.h"
#include "storage/gate.h"
#include "tools/qemu-io.h"

#include <errno.h>
#include <string.h>

/* --- requests --- */

/* Words of their own: those of the line are gone when the request goes on. */
struct async {
	struct io_words words;
	char **argv, *values[128];
	int err;
	bool done, left; /* left: the command has returned */
};

static struct async *async_new(const struct io_words *w)
{
	struct async *a = g_new0(struct async, 1);

	a->words = *w;
	a->argv = g_new0(char *, (gsize)w->argc + 1);
	for (int i = 0; i < w->argc; i++)
		a->argv[i] = g_strdup(w->argv[i]);
	a->words.argv = a->argv;
	for (unsigned int i = 0; i < G_N_ELEMENTS(a->values); i++)
		a->words.value[i] = a->values[i] = g_strdup(w->value[i]);
	return a;
}

static void async_free(struct async *a)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(a->values); i++)
		g_free(a->values[i]);
	g_strfreev(a->argv);
	g_free(a);
}

static void async_run(void *opaque)
{
	struct async *a = opaque;

	a->err = a->words.command->run(&a->words);
	a->done = true;
	if (!a->left)
		return;
	a->words.shell->failed |= a->err != 0;
	async_free(a);
}

int io_run_async(struct io_words *w)
{
	struct async *a = async_new(w);

	gate_request(w->shell->gate, async_run, a);
	if (!a->done) {
		a->left = true;
		return 0;
	}
	int err = a->err;
	async_free(a);
	return err;
}

static int cmd_aio_flush(struct io_words *w)
{
	unsigned int held = gate_drain(w->shell->gate);

	return held ? io_wrong("aio_flush: %u requests were still held up; they are let go", held)
		    : 0;
}

/* --- breakpoints --- */

static int cmd_break(struct io_words *w)
{
	if (!blkdebug_set_gate(w->shell->image, w->shell->gate))
		return io_wrong("Could not set a breakpoint: the image is not a raw one over "
				"blkdebug");
	gate_break(w->shell->gate, w->argv[0], w->argv[1]);
	return 0;
}

static int cmd_remove_break(struct io_words *w)
{
	return gate_remove_break(w->shell->gate, w->argv[0])
		       ? 0
		       : io_wrong("Could not remove a breakpoint: there is none named %s",
				  w->argv[0]);
}

static int cmd_resume(struct io_words *w)
{
	return gate_resume(w->shell->gate, w->argv[0])
		       ? 0
		       : io_wrong("Could not resume request: none is held up at %s", w->argv[0]);
}

/* All that can run has run: a request that is not held up by now never will be. */
static int cmd_wait_break(struct io_words *w)
{
	return gate_is_held(w->shell->gate, w->argv[0])
		       ? 0
		       : io_wrong("no request is held up at %s, nor will be", w->argv[0]);
}

const struct io_command io_break_commands[] = {
	{"aio_flush", NULL, "", 0, 0, false, false, false, cmd_aio_flush, "",
	 "waits for the end of all aio_ requests", NULL},
	{"break", NULL, "", 2, 2, false, false, false, cmd_break, "event tag",
	 "holds up the next request that comes to an event",
	 "The image is a raw one over blkdebug. Events: pwritev, pwritev_done, pwritev_rmw_head,\n"
	 "pwritev_rmw_after_head, pwritev_rmw_tail, pwritev_rmw_after_tail."},
	{"remove_break", NULL, "", 1, 1, false, false, false, cmd_remove_break, "tag",
	 "forgets a breakpoint, and lets go whom it holds up", NULL},
	{"resume", NULL, "", 1, 1, false, false, false, cmd_resume, "tag",
	 "lets the request go on that is held up at a breakpoint", NULL},
	{"wait_break", NULL, "", 1, 1, false, false, false, cmd_wait_break, "tag",
	 "waits until a request is held up at a breakpoint", NULL},
	{0},
};
