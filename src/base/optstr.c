#include "base/optstr.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

struct item {
	char *key;
	char *value; /* NULL: a flag */
	bool known;
};

struct optstr {
	GArray *items;	  /* struct item */
	GPtrArray *asked; /* char *: keys that the reader knows, for "did you mean" */
};

/* --- splitting --- */

/* One item up to a single comma, with double commas made single; *text moves past it. */
static char *next_item(const char **text)
{
	GString *item = g_string_new(NULL);
	const char *p = *text;

	for (; *p; p++) {
		if (*p == ',' && *++p != ',')
			break;
		g_string_append_c(item, *p);
	}
	*text = p;
	return g_string_free(item, FALSE);
}

static void item_clear(void *p)
{
	struct item *item = p;
	g_free(item->key);
	g_free(item->value);
}

static struct item item_make(const char *text, const char *implied)
{
	const char *equals = strchr(text, '=');

	/* A bare first value may hold "=" only after something that is no key: "/dev/a=b". */
	if (equals && implied && strcspn(text, "/:.") < (size_t)(equals - text))
		equals = NULL;
	if (equals)
		return (struct item){g_strndup(text, equals - text), g_strdup(equals + 1), false};
	if (implied)
		return (struct item){g_strdup(implied), g_strdup(text), false};
	return (struct item){g_strdup(text), NULL, false};
}

struct optstr *optstr_parse(const char *text, const char *implied)
{
	struct optstr *o = g_new0(struct optstr, 1);

	o->items = g_array_new(FALSE, FALSE, sizeof(struct item));
	g_array_set_clear_func(o->items, item_clear);
	o->asked = g_ptr_array_new_with_free_func(g_free);
	while (*text) {
		char *one = next_item(&text);
		if (*one || implied) {
			struct item item = item_make(one, implied);
			g_array_append_val(o->items, item);
		}
		implied = NULL;
		g_free(one);
	}
	return o;
}

void optstr_free(struct optstr *o)
{
	if (!o)
		return;
	g_array_unref(o->items);
	g_ptr_array_unref(o->asked);
	g_free(o);
}

char *optstr_escape(const char *value)
{
	GString *out = g_string_new(NULL);

	for (; *value; value++)
		g_string_append(out, *value == ',' ? ",," : (const char[]){*value, 0});
	return g_string_free(out, FALSE);
}

bool optstr_is_help(const char *text)
{
	return strcmp(text, "?") == 0 || strcmp(text, "help") == 0;
}

/* --- looking up --- */

static bool asked_before(struct optstr *o, const char *key)
{
	for (unsigned int i = 0; i < o->asked->len; i++)
		if (strcmp(o->asked->pdata[i], key) == 0)
			return true;
	return false;
}

static bool is_negation(const struct item *item, const char *key)
{
	return !item->value && strncmp(item->key, "no", 2) == 0 && strcmp(item->key + 2, key) == 0;
}

/* The last item that speaks of `key`; all of them become known. */
static struct item *item_find(struct optstr *o, const char *key)
{
	struct item *found = NULL;

	if (!asked_before(o, key))
		g_ptr_array_add(o->asked, g_strdup(key));
	for (unsigned int i = 0; i < o->items->len; i++) {
		struct item *item = &g_array_index(o->items, struct item, i);
		if (strcmp(item->key, key) == 0 || is_negation(item, key)) {
			item->known = true;
			found = item;
		}
	}
	return found;
}

const char *optstr_get(struct optstr *o, const char *key)
{
	const struct item *item = item_find(o, key);
	return item ? item->value : NULL;
}

const char *optstr_at(struct optstr *o, const char *key, unsigned int n)
{
	item_find(o, key);
	for (unsigned int i = 0; i < o->items->len; i++) {
		const struct item *item = &g_array_index(o->items, struct item, i);
		if (item->value && strcmp(item->key, key) == 0 && n-- == 0)
			return item->value;
	}
	return NULL;
}

struct error *optstr_require(struct optstr *o, const char *key, const char **value)
{
	*value = optstr_get(o, key);
	if (!*value || !**value)
		return error_new("%s= is missing", key);
	return NULL;
}

bool optstr_has(struct optstr *o, const char *key)
{
	return item_find(o, key) != NULL;
}

void optstr_each(struct optstr *o, void (*fn)(void *opaque, const char *key, const char *value),
		 void *opaque)
{
	for (unsigned int i = 0; i < o->items->len; i++) {
		struct item *item = &g_array_index(o->items, struct item, i);
		item->known = true;
		fn(opaque, item->key, item->value);
	}
}

/* --- values --- */

struct error *parse_bool(const char *text, bool *value)
{
	static const char *const yes[] = {"on", "yes", "true", "y", "1"};
	static const char *const no[] = {"off", "no", "false", "n", "0"};

	for (unsigned int i = 0; i < G_N_ELEMENTS(yes); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*value = strcmp(text, yes[i]) == 0;
			return NULL;
		}
	}
	return error_new("\"%s\" is neither \"on\" nor \"off\"", text);
}

struct error *parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	unsigned long long v = strtoull(text, &end, 0);
	if (!g_ascii_isdigit(*text) || *end)
		return error_new("\"%s\" is not a number", text);
	if (errno || v < min || v > max)
		return error_new("%s is out of range (%llu to %llu)", text, (unsigned long long)min,
				 (unsigned long long)max);
	*value = v;
	return NULL;
}

/* The power of 1024 that a suffix stands for, -1 if it is none. */
static int suffix_power(char c)
{
	static const char suffixes[] = "bkmgtpe";
	const char *found = c ? strchr(suffixes, g_ascii_tolower(c)) : NULL;

	return found ? (int)(found - suffixes) : -1;
}

/* The fraction ".5" of `scale`, exact enough for what people type; *text moves past it. */
static uint64_t parse_fraction(const char **text, uint64_t scale)
{
	uint64_t digits = 0, power = 1;
	const char *p = *text + 1;

	for (; g_ascii_isdigit(*p); p++) {
		if (power < UINT64_C(1000000000)) {
			digits = digits * 10 + (uint64_t)(*p - '0');
			power *= 10;
		}
	}
	*text = p;
	return (uint64_t)((unsigned __int128)digits * scale / power);
}

struct error *parse_size(const char *text, uint64_t unit, uint64_t *value)
{
	char *rest;

	errno = 0;
	unsigned long long whole = strtoull(text, &rest, 0);
	if (!g_ascii_isdigit(*text))
		return error_new("\"%s\" is not a size", text);
	const char *suffix = rest;
	if (*suffix == '.')
		suffix += 1 + strspn(suffix + 1, "0123456789");
	int power = suffix_power(*suffix);
	if (*suffix && (power < 0 || suffix[1]))
		return error_new("\"%s\" is not a size; sizes end in k, M, G, T, P or E", text);
	uint64_t scale = *suffix ? UINT64_C(1) << (10 * power) : unit;
	uint64_t total;
	if (errno || __builtin_mul_overflow(whole, scale, &total))
		return error_new("\"%s\" is too large", text);
	const char *dot = rest;
	if (*dot == '.' && __builtin_add_overflow(total, parse_fraction(&dot, scale), &total))
		return error_new("\"%s\" is too large", text);
	*value = total;
	return NULL;
}

/* The text of a key that wants a value; false if the key is not there. */
static bool value_wanted(struct optstr *o, const char *key, const char **text, struct error **err)
{
	const struct item *item = item_find(o, key);

	*err = NULL;
	if (!item)
		return false;
	*text = item->value;
	if (!item->value)
		*err = error_new("%s needs a value (%s=...)", item->key, key);
	return *err == NULL;
}

struct error *optstr_bool(struct optstr *o, const char *key, bool *value)
{
	const struct item *item = item_find(o, key);

	if (!item)
		return NULL;
	if (!item->value) {
		*value = strcmp(item->key, key) == 0;
		return NULL;
	}
	return error_prefix(parse_bool(item->value, value), "%s", key);
}

struct error *optstr_u64(struct optstr *o, const char *key, uint64_t min, uint64_t max,
			 uint64_t *value)
{
	const char *text;
	struct error *err;

	if (!value_wanted(o, key, &text, &err))
		return err;
	return error_prefix(parse_u64(text, min, max, value), "%s", key);
}

struct error *optstr_uint(struct optstr *o, const char *key, unsigned int min, unsigned int max,
			  unsigned int *value)
{
	uint64_t wide = *value;
	struct error *err = optstr_u64(o, key, min, max, &wide);

	*value = (unsigned int)wide;
	return err;
}

struct error *optstr_size(struct optstr *o, const char *key, uint64_t unit, uint64_t *value)
{
	const char *text;
	struct error *err;

	if (!value_wanted(o, key, &text, &err))
		return err;
	return error_prefix(parse_size(text, unit, value), "%s", key);
}

static const char *name_at(unsigned int i, void *names)
{
	return ((const char *const *)names)[i];
}

struct error *unknown_name_error(const char *what, const char *word, const char *const *names)
{
	unsigned int count = g_strv_length((char **)names);
	const char *best = closest_name(word, count, name_at, (void *)names);

	if (best)
		return error_new("unknown %s \"%s\"; did you mean \"%s\"?", what, word, best);
	if (count == 0 || count > 12)
		return error_new("unknown %s \"%s\"", what, word);
	char *list = g_strjoinv(", ", (char **)names);
	struct error *err = error_new("unknown %s \"%s\" (known: %s)", what, word, list);
	g_free(list);
	return err;
}

struct error *optstr_choice(struct optstr *o, const char *key, const char *const *names,
			    unsigned int *index)
{
	const char *text;
	struct error *err;

	if (!value_wanted(o, key, &text, &err))
		return err;
	for (unsigned int i = 0; names[i]; i++) {
		if (strcmp(names[i], text) == 0) {
			*index = i;
			return NULL;
		}
	}
	return unknown_name_error(key, text, names);
}

struct error *optstr_finish(struct optstr *o)
{
	for (unsigned int i = 0; i < o->items->len; i++) {
		const struct item *item = &g_array_index(o->items, struct item, i);
		if (item->known)
			continue;
		g_ptr_array_add(o->asked, NULL);
		struct error *err =
			unknown_name_error("key", item->key, (const char *const *)o->asked->pdata);
		g_ptr_array_set_size(o->asked, (int)o->asked->len - 1);
		return err;
	}
	return NULL;
}
