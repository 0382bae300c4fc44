#include "base/error.h"

#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char *program = "ratite";

static struct error *error_make(int code, char *message)
{
	struct error *err = g_new0(struct error, 1);

	err->message = message;
	err->code = code;
	return err;
}

struct error *error_new(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *message = g_strdup_vprintf(format, args);
	va_end(args);
	return error_make(0, message);
}

struct error *error_errno(int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *what = g_strdup_vprintf(format, args);
	va_end(args);
	struct error *err = error_make(code, g_strdup_printf("%s: %s", what, g_strerror(code)));
	g_free(what);
	return err;
}

/* Replaces the message by `message`, which it takes. */
static struct error *error_replace(struct error *err, char *message)
{
	g_free(err->message);
	err->message = message;
	return err;
}

struct error *error_prefix(struct error *err, const char *format, ...)
{
	if (!err)
		return NULL;
	va_list args;
	va_start(args, format);
	char *prefix = g_strdup_vprintf(format, args);
	va_end(args);
	error_replace(err, g_strdup_printf("%s: %s", prefix, err->message));
	g_free(prefix);
	return err;
}

struct error *error_append(struct error *err, const char *format, ...)
{
	if (!err)
		return NULL;
	va_list args;
	va_start(args, format);
	char *suffix = g_strdup_vprintf(format, args);
	va_end(args);
	error_replace(err, g_strconcat(err->message, suffix, NULL));
	g_free(suffix);
	return err;
}

void error_free(struct error *err)
{
	if (!err)
		return;
	g_free(err->message);
	g_free(err);
}

void program_name_set(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');
	program = slash ? slash + 1 : argv0;
}

const char *program_name(void)
{
	return program;
}

void error_report(struct error *err)
{
	fprintf(stderr, "%s: %s\n", program, err->message);
	error_free(err);
}

void warn_report(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *message = g_strdup_vprintf(format, args);
	va_end(args);
	fprintf(stderr, "%s: warning: %s\n", program, message);
	g_free(message);
}

/* Levenshtein distance; words are short, so two rows on the stack do. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[2][64];
	size_t len_a = strlen(a), len_b = strlen(b);

	if (len_a >= G_N_ELEMENTS(rows[0]) || len_b >= G_N_ELEMENTS(rows[0]))
		return SIZE_MAX;
	for (size_t j = 0; j <= len_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		size_t *above = rows[(i - 1) & 1], *row = rows[i & 1];
		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			size_t swap = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = MIN(swap, 1 + MIN(above[j], row[j - 1]));
		}
	}
	return rows[len_a & 1][len_b];
}

const char *closest_name(const char *word, unsigned int count,
			 const char *(*name)(unsigned int i, void *opaque), void *opaque)
{
	size_t best = MAX((strlen(word) + 1) / 3, 1);
	const char *found = NULL;

	for (unsigned int i = 0; i < count; i++) {
		const char *candidate = name(i, opaque);
		size_t distance = candidate ? edit_distance(word, candidate) : SIZE_MAX;
		if (distance <= best && (!found || distance < best)) {
			best = distance;
			found = candidate;
		}
	}
	return found;
}
