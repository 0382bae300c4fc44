/* Finding commands, parsing their arguments, completing their names. */
#include "monitor/command.h"

#include "base/optstr.h"
#include "monitor/expr.h"
#include "storage/block.h"
#include "vm/cpu.h"
#include "vm/input.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static const struct command *const tables[] = {commands_run,   commands_memory, commands_media,
					       commands_input, commands_log,	commands_info,
					       commands_later};

void command_each(void (*fn)(void *opaque, const struct command *command), void *opaque)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(tables); i++)
		for (const struct command *c = tables[i]; c->names; c++)
			fn(opaque, c);
}

/* --- names --- */

/* Whether `word` of `len` bytes is one of "help|?". */
static bool has_name(const char *names, const char *word, size_t len)
{
	for (const char *p = names; *p;) {
		size_t n = strcspn(p, "|");
		if (n == len && strncmp(p, word, len) == 0)
			return true;
		p += n + (p[n] == '|');
	}
	return false;
}

struct search {
	const char *word;
	size_t len;
	const struct command *found;
};

static void search_one(void *opaque, const struct command *c)
{
	struct search *s = opaque;

	if (has_name(c->names, s->word, s->len))
		s->found = c;
}

static const struct command *command_find(const char *word, size_t len)
{
	struct search s = {word, len, NULL};

	command_each(search_one, &s);
	return s.found;
}

static void add_names(void *opaque, const struct command *c)
{
	char **names = g_strsplit(c->names, "|", -1);

	for (char **name = names; *name; name++)
		g_ptr_array_add(opaque, g_strdup(*name));
	g_strfreev(names);
}

static struct error *unknown_command(const char *word)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	command_each(add_names, names);
	g_ptr_array_add(names, NULL);
	struct error *err = unknown_name_error("command", word, (const char *const *)names->pdata);
	g_ptr_array_unref(names);
	return err;
}

/* --- arguments --- */

struct arg_type {
	char name[16], type[16];
	bool optional;
};

/* The next "name:type" of a table's args; false at its end. */
static bool next_arg_type(const char **args, struct arg_type *t)
{
	const char *p = *args + strspn(*args, " ");
	size_t len = strcspn(p, " ");
	const char *colon = memchr(p, ':', len);

	*args = p + len;
	if (!colon)
		return false;
	g_strlcpy(t->name, p, MIN(sizeof(t->name), (size_t)(colon - p) + 1));
	g_strlcpy(t->type, colon + 1, MIN(sizeof(t->type), (size_t)(p + len - colon)));
	size_t type_len = strlen(t->type);
	t->optional = type_len && t->type[type_len - 1] == '?';
	if (t->optional)
		t->type[type_len - 1] = 0;
	return true;
}

static struct error *parse_quoted(const char **p, char **text)
{
	GString *s = g_string_new(NULL);

	for ((*p)++; **p && **p != '"'; (*p)++) {
		char c = **p;
		if (c == '\\' && (*p)[1]) {
			c = *++(*p);
			c = c == 'n' ? '\n' : c == 'r' ? '\r' : c;
		}
		g_string_append_c(s, c);
	}
	*text = g_string_free(s, FALSE);
	if (**p != '"')
		return error_new("missing \"");
	(*p)++;
	return NULL;
}

static struct error *parse_string(const char **p, char **text)
{
	if (**p == '"')
		return parse_quoted(p, text);
	size_t len = strcspn(*p, " \t");
	*text = g_strndup(*p, len);
	*p += len;
	return NULL;
}

static unsigned int size_of_letter(char c)
{
	switch (c) {
	case 'b': return 1;
	case 'h': return 2;
	case 'w': return 4;
	case 'g':
	case 'L': return 8;
	default: return 0;
	}
}

/* "/10xw": what is not said stays as it was last. */
static struct error *parse_format(const char **p, struct command_call *call)
{
	struct dump_format f = call->state->format;
	bool sized = false;
	uint64_t count = 0;

	f.count = 1;
	if (**p == '/') {
		for ((*p)++; g_ascii_isdigit(**p); (*p)++)
			count = MIN(count * 10 + (uint64_t)(**p - '0'), UINT32_MAX);
		f.count = count ? (unsigned int)count : 1;
		for (; **p && **p != ' '; (*p)++) {
			if (size_of_letter(**p)) {
				f.size = size_of_letter(**p);
				sized = true;
			} else if (strchr("xduoci", **p)) {
				f.format = **p;
			} else {
				return error_new(
					"\"%c\" is no format (x d u o c i) or size (b h w g)", **p);
			}
		}
	}
	if (!sized && f.format == 'c')
		f.size = 1;
	if (!sized && f.format == 'i')
		f.size = 0;
	call->format = f;
	call->state->format = f;
	if (!f.size)
		call->state->format.size = 4;
	return NULL;
}

/* "-f" where it stands next; a flag is never an error. */
static bool parse_flag(const char **p, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(*p, name, len) != 0 || ((*p)[len] && (*p)[len] != ' '))
		return false;
	*p += len;
	return true;
}

static struct error *parse_arg(const struct arg_type *t, const char **p, struct command_call *call,
			       struct command_arg *arg)
{
	*p += strspn(*p, " \t");
	if (strcmp(t->type, "flag") == 0) {
		arg->given = parse_flag(p, t->name);
		return NULL;
	}
	if (strcmp(t->type, "fmt") == 0)
		return parse_format(p, call);
	if (!**p)
		return t->optional ? NULL : error_new("%s is missing", t->name);
	arg->given = true;
	if (strcmp(t->type, "expr") == 0)
		return error_prefix(expr_eval(p, command_cpu(call), &arg->value), "%s", t->name);
	if (strcmp(t->type, "rest") == 0) {
		arg->text = g_strdup(*p);
		*p += strlen(*p);
		return NULL;
	}
	return parse_string(p, &arg->text);
}

static struct error *parse_args(const struct command *c, const char *p, struct command_call *call)
{
	const char *args = c->args;
	struct arg_type t;
	struct error *err = NULL;

	for (unsigned int i = 0; !err && next_arg_type(&args, &t); i++)
		err = parse_arg(&t, &p, call, &call->args[i]);
	p += strspn(p, " \t");
	if (!err && *p)
		err = error_new("unexpected \"%s\"", p);
	return err;
}

struct cpu *command_cpu(const struct command_call *call)
{
	struct cpu *cpu = cpu_at(call->state->cpu);
	return cpu ? cpu : cpu_first();
}

struct error *command_execute(const char *line, struct monitor_state *state, FILE *out)
{
	line += strspn(line, " \t");
	size_t len = strcspn(line, " \t/");
	if (!*line)
		return NULL;
	const struct command *c = command_find(line, len);
	if (!c) {
		char *word = g_strndup(line, len);
		struct error *err = unknown_command(word);
		g_free(word);
		return err;
	}
	if (!c->run)
		return error_new("%.*s: not available yet", (int)len, line);
	struct command_call call = {.out = out, .state = state};
	struct error *err = parse_args(c, line + len, &call);
	if (err)
		err = error_append(err, " (%.*s %s)", (int)len, line, c->params);
	else
		err = c->run(&call);
	for (unsigned int i = 0; i < COMMAND_ARGS; i++)
		g_free(call.args[i].text);
	return error_prefix(err, "%.*s", (int)len, line);
}

/* --- help --- */

static void help_one(void *opaque, const struct command *c)
{
	const char *state = c->run ? "" : " (not available yet)";
	fprintf(opaque, "%s %s -- %s%s\n", c->names, c->params, c->help, state);
}

void command_help(const char *name, FILE *out)
{
	const struct command *c = name ? command_find(name, strlen(name)) : NULL;

	if (c)
		help_one(out, c);
	else if (name)
		fprintf(out, "unknown command \"%s\"\n", name);
	else
		command_each(help_one, out);
}

/* --- completion --- */

struct completion {
	const char *typed;
	size_t len;
	GPtrArray *words;
};

static void offer(void *opaque, const char *word)
{
	const struct completion *c = opaque;

	if (strncmp(word, c->typed, c->len) == 0)
		g_ptr_array_add(c->words, g_strdup(word));
}

static void offer_command(void *opaque, const struct command *command)
{
	char **names = g_strsplit(command->names, "|", -1);

	for (char **name = names; *name; name++)
		offer(opaque, *name);
	g_strfreev(names);
}

static void offer_files(struct completion *c)
{
	const char *slash = strrchr(c->typed, '/');
	char *folder = slash ? g_strndup(c->typed, slash - c->typed + 1) : g_strdup("");
	DIR *dir = opendir(*folder ? folder : ".");

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_name[0] == '.' && !(slash && slash[1] == '.'))
			continue;
		bool is_folder = e->d_type == DT_DIR;
		char *path = g_strconcat(folder, e->d_name, is_folder ? "/" : "", NULL);
		offer(c, path);
		g_free(path);
	}
	if (dir)
		closedir(dir);
	g_free(folder);
}

static void offer_drives(struct completion *c)
{
	for (struct drive *d = drive_first(); d; d = d->next)
		offer(c, d->id);
}

/* Keys are joined by "-": the last one is completed. */
static void offer_keys(struct completion *c)
{
	const char *dash = strrchr(c->typed, '-');
	char *before = dash ? g_strndup(c->typed, dash - c->typed + 1) : g_strdup("");

	for (unsigned int i = 0; input_key_name_at(i); i++) {
		char *word = g_strconcat(before, input_key_name_at(i), NULL);
		offer(c, word);
		g_free(word);
	}
	g_free(before);
}

static void offer_for_type(const char *type, struct completion *c)
{
	if (strcmp(type, "file") == 0)
		offer_files(c);
	else if (strcmp(type, "drive") == 0)
		offer_drives(c);
	else if (strcmp(type, "key") == 0)
		offer_keys(c);
	else if (strcmp(type, "command") == 0)
		command_each(offer_command, c);
	else if (strcmp(type, "info") == 0)
		info_each_name(offer, c);
}

size_t command_complete(const char *before, GPtrArray *words)
{
	const char *last = strrchr(before, ' ');
	const char *start = last ? last + 1 : before;
	struct completion c = {start, strlen(start), words};
	size_t first_len = strcspn(before, " ");

	if (start == before) {
		command_each(offer_command, &c);
		return 0;
	}
	const struct command *command = command_find(before, first_len);
	const char *args = command ? command->args : "";
	struct arg_type t = {0};
	/* the word being typed is the n-th; flags that were not typed do not count */
	for (const char *p = before + first_len; p <= last && *args; p++) {
		if (*p == ' ' && p[1] != ' ' && p[1] != '-')
			while (next_arg_type(&args, &t) && strcmp(t.type, "flag") == 0)
				;
	}
	offer_for_type(t.type, &c);
	return (size_t)(start - before);
}
