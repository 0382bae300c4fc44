/* JSON (RFC 8259) as far as image options need it, with QEMU's strings in single quotes. */
#include "storage/image-options.h"

#include <string.h>

#define MAX_DEPTH 64u

struct json {
	const char *p;
	struct image_options *options;
	unsigned int depth;
};

static struct error *bad(struct json *j)
{
	return error_new("JSON parse error at '%.20s'", j->p);
}

static void skip_space(struct json *j)
{
	j->p += strspn(j->p, " \t\r\n");
}

static bool take(struct json *j, char c)
{
	skip_space(j);
	if (*j->p != c)
		return false;
	j->p++;
	return true;
}

static bool parse_escape(struct json *j, GString *s)
{
	static const char from[] = "\"'\\/bfnrt", to[] = "\"'\\/\b\f\n\r\t";
	unsigned int code = 0;

	if (*j->p == 'u') {
		for (unsigned int i = 1; i <= 4; i++) {
			int digit = g_ascii_xdigit_value(j->p[i]);
			if (digit < 0)
				return false;
			code = code << 4 | (unsigned int)digit;
		}
		j->p += 5;
		if (!code || (code >= 0xd800 && code < 0xe000))
			return false;
		g_string_append_unichar(s, code);
		return true;
	}
	const char *at = *j->p ? strchr(from, *j->p) : NULL;
	if (!at)
		return false;
	g_string_append_c(s, to[at - from]);
	j->p++;
	return true;
}

/* NULL where there is no string, or a broken one. */
static char *parse_string(struct json *j)
{
	skip_space(j);
	const char quote = *j->p;
	GString *s = g_string_new(NULL);
	bool ok = quote == '"' || quote == '\'';

	for (j->p += ok; ok && *j->p != quote;) {
		if (*j->p == '\\') {
			j->p++;
			ok = parse_escape(j, s);
		} else if (*j->p) {
			g_string_append_c(s, *j->p++);
		} else {
			ok = false;
		}
	}
	if (ok)
		j->p++;
	return g_string_free(s, !ok);
}

static struct error *parse_value(struct json *j, const char *key);

static struct error *parse_members(struct json *j, const char *key, char end)
{
	const bool object = end == '}';
	const char *dot = *key ? "." : "";
	unsigned int index = 0;
	struct error *err = NULL;

	if (take(j, end))
		return NULL;
	if (++j->depth > MAX_DEPTH)
		return error_new("JSON nests too deeply");
	do {
		char *name = object ? parse_string(j) : g_strdup_printf("%u", index++);
		char *full = name ? g_strconcat(key, dot, name, NULL) : NULL;
		err = full && (!object || take(j, ':')) ? parse_value(j, full) : bad(j);
		g_free(full);
		g_free(name);
	} while (!err && take(j, ','));
	j->depth--;
	if (!err && !take(j, end))
		err = bad(j);
	return err;
}

static void store(struct json *j, const char *key, const char *value)
{
	if (!image_options_has(j->options, key))
		image_options_set(j->options, key, value);
}

/* null is stored as an empty text: there is none. */
static struct error *parse_word(struct json *j, const char *key)
{
	static const struct {
		const char *name, *value;
	} words[] = {{"true", "on"}, {"false", "off"}, {"null", ""}};
	size_t n = strspn(j->p, "-+.0123456789eE");

	for (unsigned int i = 0; i < G_N_ELEMENTS(words); i++) {
		if (!g_str_has_prefix(j->p, words[i].name))
			continue;
		store(j, key, words[i].value);
		j->p += strlen(words[i].name);
		return NULL;
	}
	if (!n)
		return bad(j);
	char *number = g_strndup(j->p, n);
	store(j, key, number);
	g_free(number);
	j->p += n;
	return NULL;
}

static struct error *parse_value(struct json *j, const char *key)
{
	if (take(j, '{'))
		return parse_members(j, key, '}');
	if (take(j, '['))
		return parse_members(j, key, ']');
	if (*j->p != '"' && *j->p != '\'')
		return parse_word(j, key);
	char *text = parse_string(j);
	if (!text)
		return bad(j);
	store(j, key, text);
	g_free(text);
	return NULL;
}

struct error *image_options_parse_json(struct image_options *o, const char *prefix,
				       const char *text)
{
	struct json j = {.p = text, .options = o};
	char *key = g_strndup(prefix, strlen(prefix) - (*prefix != 0));
	struct error *err = take(&j, '{') ? parse_members(&j, key, '}') : NULL;

	if (!err && j.p == text)
		err = error_new("Invalid JSON object given");
	skip_space(&j);
	if (!err && *j.p)
		err = bad(&j);
	g_free(key);
	return err ? error_prefix(err, "Could not parse the JSON options") : NULL;
}
