/*
 * The log of `-d ITEM[,ITEM...]` and `-D FILE`: one mask, one stream, one process-wide log.
 *
 * Lines go to the file of -D, else to stderr. Any thread may log; a call writes its text whole.
 * Code that is hot guards itself with log_on(), which is one load and a test.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"

#include <stdint.h>
#include <stdio.h>

enum log_item {
	LOG_IN_ASM = 1 << 0,	   /* guest code as it is decoded */
	LOG_OP = 1 << 1,	   /* op records of each block */
	LOG_OUT_ASM = 1 << 2,	   /* host code made by the JIT */
	LOG_INT = 1 << 3,	   /* interrupts and exceptions */
	LOG_EXEC = 1 << 4,	   /* each block entered */
	LOG_CPU = 1 << 5,	   /* registers before each block */
	LOG_PCALL = 1 << 6,	   /* x86 protected-mode far transfers and task switches */
	LOG_RESET = 1 << 7,	   /* registers at CPU reset */
	LOG_GUEST_ERRORS = 1 << 8, /* what the guest did wrong to a device */
	LOG_UNIMP = 1 << 9,	   /* what the guest asked and we do not have */
	LOG_JIT = 1 << 10,	   /* regions formed, committed, dropped */
	LOG_NOCHAIN = 1 << 11,	   /* blocks are never chained, so that exec shows each */
	LOG_MMU = 1 << 12,	   /* page walks */
	LOG_STRACE = 1 << 13,	   /* system calls of user mode */
};

extern uint32_t log_mask; /* read through log_on() */

static inline bool log_on(enum log_item item)
{
	return __builtin_expect(log_mask & (uint32_t)item, 0);
}

/* Writes to the log if the item is on. */
void log_printf(enum log_item item, const char *format, ...) PRINTF(2, 3);
/* Sets the items from "int,exec" ("none" and "" clear, "all" sets every item); unknown names fail
 * with the closest name. */
struct error *log_set_items(const char *items) NODISCARD;
/* Writes to `path` from now on; NULL is stderr. */
struct error *log_set_file(const char *path) NODISCARD;
/* The stream itself, for register dumps; never NULL. Hold flockfile() around several writes. */
FILE *log_stream(void);
/* Prints the table of items (`-d help`). */
void log_help(FILE *out);

#endif
