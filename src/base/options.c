#include "base/options.h"

#include <glib.h>
#include <string.h>

struct parser {
	const struct option_set *set;
	int argc, index; /* of the next word */
	char *const *argv;
	void *opaque;
	bool stop_at_operand, stopped;
};

static const char *set_name_at(unsigned int i, void *opaque)
{
	const struct option_set *set = opaque;
	const struct option_spec *option = &set->options[i];

	return option->heading || option->hidden ? NULL : option->name;
}

static struct error *unknown_option(const struct option_set *set, const char *word)
{
	const char *name = word + strspn(word, "-");
	const char *best = closest_name(name, set->count, set_name_at, (void *)set);
	const char *dashes = set->style == OPTIONS_QEMU ? "-" : "--";

	if (best)
		return error_new("%s: unknown option; did you mean \"%s%s\"?", word, dashes, best);
	return error_new("%s: unknown option (--help lists them)", word);
}

static const struct option_spec *find_exact(const struct option_set *set, const char *name)
{
	for (unsigned int i = 0; i < set->count; i++) {
		const struct option_spec *option = &set->options[i];
		if (!option->heading && option->name && strcmp(option->name, name) == 0)
			return option;
	}
	return NULL;
}

static const struct option_spec *find_letter(const struct option_set *set, char letter)
{
	for (unsigned int i = 0; i < set->count; i++) {
		const struct option_spec *option = &set->options[i];
		if (!option->heading && option->letter == letter)
			return option;
	}
	return NULL;
}

/* A long name or an abbreviation that only one name begins with. */
static struct error *find_abbreviated(const struct option_set *set, const char *word,
				      const char *name, const struct option_spec **found)
{
	*found = find_exact(set, name);
	for (unsigned int i = 0; !*found && i < set->count; i++) {
		const struct option_spec *option = &set->options[i];
		if (option->heading || !option->name || !g_str_has_prefix(option->name, name))
			continue;
		for (unsigned int j = i + 1; j < set->count; j++) {
			const struct option_spec *other = &set->options[j];
			if (!other->heading && other->name && g_str_has_prefix(other->name, name))
				return error_new("%s: ambiguous: \"--%s\" or \"--%s\"?", word,
						 option->name, other->name);
		}
		*found = option;
	}
	return *found ? NULL : unknown_option(set, word);
}

static struct error *apply(struct parser *p, const struct option_spec *option, const char *shown,
			   const char *value)
{
	return error_prefix(option->apply(p->opaque, option, value), "%s", shown);
}

/* Takes the next word as the argument of an option that wants one. */
static struct error *apply_with_next_word(struct parser *p, const struct option_spec *option,
					  const char *shown)
{
	const char *next = p->index < p->argc ? p->argv[p->index] : NULL;

	if (!option->arg)
		return apply(p, option, shown, NULL);
	if (option->optional && (!next || *next == '-'))
		return apply(p, option, shown, NULL);
	if (!next)
		return error_new("%s: needs an argument (%s %s)", shown, shown, option->arg);
	p->index++;
	return apply(p, option, shown, next);
}

static struct error *parse_qemu_word(struct parser *p, const char *word)
{
	const char *name = word + (word[1] == '-' ? 2 : 1);
	const struct option_spec *option = find_exact(p->set, name);
	char *shown;

	if (!option)
		return unknown_option(p->set, word);
	shown = g_strconcat("-", name, NULL);
	struct error *err = apply_with_next_word(p, option, shown);
	g_free(shown);
	return err;
}

static struct error *parse_long_word(struct parser *p, const char *word)
{
	const char *equals = strchr(word, '=');
	char *name = equals ? g_strndup(word + 2, equals - word - 2) : g_strdup(word + 2);
	const struct option_spec *option;
	struct error *err = find_abbreviated(p->set, word, name, &option);

	g_free(name);
	if (err)
		return err;
	char *shown = g_strconcat("--", option->name, NULL);
	if (equals && !option->arg)
		err = error_new("%s: takes no argument", shown);
	else if (equals)
		err = apply(p, option, shown, equals + 1);
	else
		err = apply_with_next_word(p, option, shown);
	g_free(shown);
	return err;
}

static struct error *parse_letters(struct parser *p, const char *word)
{
	for (const char *letter = word + 1; *letter; letter++) {
		const struct option_spec *option = find_letter(p->set, *letter);
		char shown[3] = {'-', *letter, 0};
		if (!option)
			return unknown_option(p->set, shown);
		if (option->arg && letter[1])
			return apply(p, option, shown, letter + 1);
		struct error *err = apply_with_next_word(p, option, shown);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *parse_operand(struct parser *p, const char *word)
{
	if (!p->set->operand)
		return error_new("%s: unexpected argument (--help lists the options)", word);
	return p->set->operand(p->opaque, word);
}

static struct error *parse_word(struct parser *p, bool *only_operands)
{
	const char *word = p->argv[p->index];
	bool is_option = word[0] == '-' && word[1] && !*only_operands;

	if (!is_option && p->stop_at_operand) {
		p->stopped = true;
		return NULL;
	}
	p->index++;
	if (!is_option)
		return parse_operand(p, word);
	if (p->set->style == OPTIONS_QEMU)
		return parse_qemu_word(p, word);
	if (strcmp(word, "--") == 0) {
		*only_operands = true;
		return NULL;
	}
	return word[1] == '-' ? parse_long_word(p, word) : parse_letters(p, word);
}

static struct error *parse_all(struct parser *p)
{
	bool only_operands = false;

	while (p->index < p->argc && !p->stopped) {
		struct error *err = parse_word(p, &only_operands);
		if (err)
			return err;
	}
	return NULL;
}

struct error *options_parse(const struct option_set *set, int argc, char *const *argv, void *opaque)
{
	struct parser p = {.set = set, .argc = argc, .index = 1, .argv = argv, .opaque = opaque};
	return parse_all(&p);
}

struct error *options_parse_until_operand(const struct option_set *set, int argc, char *const *argv,
					  void *opaque, int *next)
{
	struct parser p = {.set = set,
			   .argc = argc,
			   .index = 1,
			   .argv = argv,
			   .opaque = opaque,
			   .stop_at_operand = true};
	struct error *err = parse_all(&p);

	*next = p.index;
	return err;
}
