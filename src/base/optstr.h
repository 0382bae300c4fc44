/*
 * Option texts: "implied,key=value,flag,key=a,,b".
 *
 * Items are separated by commas; a comma in a value is written twice. The first item may be a bare
 * value, which then belongs to the implied key. Any other item without "=" is a flag: "server" is
 * server=on, and "nowait" answers for wait=off. A key may be given twice: the last one wins, and
 * optstr_each() sees all of them.
 *
 *	struct optstr *o = optstr_parse("disk.img,snapshot", "file");
 *	const char *file = optstr_get(o, "file");
 *	err = optstr_bool(o, "snapshot", &snapshot);
 *	if (!err)
 *		err = optstr_finish(o);     (complains about keys that nobody asked for)
 *	optstr_free(o);
 *
 * Strings that come back belong to the optstr. An optstr is used by one thread.
 */
#ifndef BASE_OPTSTR_H
#define BASE_OPTSTR_H

#include "base/error.h"

#include <stdint.h>

struct optstr;

/* Splits `text`; `implied` is the key of a bare first value, or NULL. Never fails. */
struct optstr *optstr_parse(const char *text, const char *implied);
void optstr_free(struct optstr *o); /* NULL is allowed */

/* The value of a key, NULL if it is not there or is a bare flag. Marks the key as known. */
const char *optstr_get(struct optstr *o, const char *key);
/* The n-th (from 0) value of a key that may be given several times, NULL after the last. */
const char *optstr_at(struct optstr *o, const char *key, unsigned int n);
/* The value of a key that must be there and not be empty. */
struct error *optstr_require(struct optstr *o, const char *key, const char **value) NODISCARD;
/* Whether the key is there in any form ("key", "key=..", "nokey"). Marks it as known. */
bool optstr_has(struct optstr *o, const char *key);
/* Calls fn for every item in order (value NULL for flags) and marks all as known. */
void optstr_each(struct optstr *o, void (*fn)(void *opaque, const char *key, const char *value),
		 void *opaque);

/*
 * Typed values. Where the key is missing, *value keeps what it had and NULL is returned; messages
 * name the key. Sizes take a suffix of b, k, M, G, T, P or E (powers of 1024) and may have a
 * fraction ("1.5G"); without one they count `unit` bytes.
 */
struct error *optstr_bool(struct optstr *o, const char *key, bool *value) NODISCARD;
struct error *optstr_u64(struct optstr *o, const char *key, uint64_t min, uint64_t max,
			 uint64_t *value) NODISCARD;
struct error *optstr_uint(struct optstr *o, const char *key, unsigned int min, unsigned int max,
			  unsigned int *value) NODISCARD;
struct error *optstr_size(struct optstr *o, const char *key, uint64_t unit,
			  uint64_t *value) NODISCARD;
/* One of `names` (ends with NULL); *index is its place. */
struct error *optstr_choice(struct optstr *o, const char *key, const char *const *names,
			    unsigned int *index) NODISCARD;

/* An error for the first key that none of the calls above asked for, with the closest key. */
struct error *optstr_finish(struct optstr *o) NODISCARD;

/* The same parsing for values that stand alone. Messages say what is wrong with the text only. */
struct error *parse_bool(const char *text, bool *value) NODISCARD;
struct error *parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value) NODISCARD;
struct error *parse_size(const char *text, uint64_t unit, uint64_t *value) NODISCARD;
/* An error that `word` is not among `names` (ends with NULL): "unknown WHAT "word"; did ...". */
struct error *unknown_name_error(const char *what, const char *word,
				 const char *const *names) NODISCARD;

/* `value` with its commas doubled, to be put into an option text; g_free() it. */
char *optstr_escape(const char *value);
/* Whether a text asks for a list: "?" or "help". */
bool optstr_is_help(const char *text);

#endif
