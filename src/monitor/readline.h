/*
 * Line editing for a terminal that sends bytes and understands a few VT100 sequences.
 *
 * Keys: arrows, Home, End, Delete, Backspace, Ctrl-a b d e f h k l n p u w, Tab completes. The
 * editor owns no descriptor: bytes come in by readline_byte() and go out by the write callback.
 */
#ifndef MONITOR_READLINE_H
#define MONITOR_READLINE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define READLINE_MAX	 4095 /* bytes a line holds */
#define READLINE_HISTORY 64   /* lines */

struct readline_ops {
	void (*write)(void *opaque, const char *text, size_t len);
	/* A whole line, without its end. The prompt is shown again by readline_prompt(). */
	void (*line)(void *opaque, const char *line);
	/* Adds to `words` every way to go on with the last word of `before` (the text left of the
	 * cursor), each as the whole word; returns where in `before` that word starts. */
	size_t (*complete)(void *opaque, const char *before, GPtrArray *words);
	void *opaque;
};

struct readline {
	struct readline_ops ops;
	char *prompt;
	GString *line;
	size_t cursor, shown_cursor, shown_len;
	enum { RL_PLAIN, RL_ESCAPE, RL_CSI } state;
	unsigned int csi_number;
	bool csi_more;		 /* past its first parameter */
	GPtrArray *history;	 /* char *, oldest first */
	unsigned int history_at; /* == history->len: the line being typed */
	char *typed;		 /* that line while older ones are shown */
	bool last_was_cr;	 /* swallows the LF of CR LF */
};

void readline_init(struct readline *rl, const struct readline_ops *ops, const char *prompt);
void readline_destroy(struct readline *rl);
/* Starts an empty line and shows the prompt. */
void readline_prompt(struct readline *rl);
/* Shows prompt and line again, after something else was printed. */
void readline_redraw(struct readline *rl);
void readline_byte(struct readline *rl, uint8_t byte);

#endif
