/*
 * Errors: a message for the user, made where the fact is known and carried up to main().
 *
 * A function that can fail returns `struct error *`: NULL is success, else the caller owns the
 * error and must pass it on, print it or free it. Library code never prints and never exits.
 *
 *	struct error *err = image_open(path, &img);
 *	if (err)
 *		return error_prefix(err, "-hda %s", path);
 *
 * Messages have no trailing newline, no program name and no capital; they say what was asked, what
 * is wrong and what would be right. Thread-safe: an error is an ordinary heap object.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#define NODISCARD    __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

struct error {
	char *message; /* owned */
	int code;      /* errno value where the host gave one, else 0 */
};

/* A new error. */
struct error *error_new(const char *format, ...) NODISCARD PRINTF(1, 2);
/* A new error from an errno value: "<format>: <strerror(code)>". */
struct error *error_errno(int code, const char *format, ...) NODISCARD PRINTF(2, 3);
/* Puts "<format>: " in front of the message; takes and returns `err` (NULL stays NULL). */
struct error *error_prefix(struct error *err, const char *format, ...) NODISCARD PRINTF(2, 3);
/* Appends text to the message; takes and returns `err` (NULL stays NULL). */
struct error *error_append(struct error *err, const char *format, ...) NODISCARD PRINTF(2, 3);
/* Frees an error; NULL is allowed. */
void error_free(struct error *err);

/* The program's name as messages show it: the base name of argv[0]. */
void program_name_set(const char *argv0);
const char *program_name(void);

/* Prints "PROGRAM: <message>" on stderr and frees the error. */
void error_report(struct error *err);
/* Prints "PROGRAM: warning: ..." on stderr. */
void warn_report(const char *format, ...) PRINTF(1, 2);

/*
 * The best "did you mean" among `count` names for a misspelt `word` (edit distance at most a third
 * of its length), or NULL. `name(i, opaque)` returns the i-th name, or NULL to skip it.
 */
const char *closest_name(const char *word, unsigned int count,
			 const char *(*name)(unsigned int i, void *opaque), void *opaque);

#endif
