/* What is made of an option table besides parsing: help, man pages, completion. */
#include "base/options.h"

#include <glib.h>
#include <string.h>

#define HELP_COLUMN 24
#define HELP_WIDTH  79

/* "-m size" or "-p, --port=port". */
static char *option_head(const struct option_set *set, const struct option_spec *option)
{
	GString *head = g_string_new(NULL);
	const char *arg = option->arg ? option->arg : "";
	bool getopt_long = set->style == OPTIONS_GETOPT;

	if (option->letter && getopt_long)
		g_string_append_printf(head, "-%c%s", option->letter, option->name ? ", " : "");
	if (option->name)
		g_string_append_printf(head, "%s%s", getopt_long ? "--" : "-", option->name);
	if (option->arg && option->optional)
		g_string_append_printf(head, " [%s]", arg);
	else if (option->arg)
		g_string_append_printf(head, "%s%s", getopt_long && option->name ? "=" : " ", arg);
	return g_string_free(head, FALSE);
}

/* Prints words in lines up to HELP_WIDTH, the next ones indented. */
static void print_wrapped(FILE *out, const char *text, int column)
{
	char **words = g_strsplit(text, " ", -1);
	int at = column;

	for (char **word = words; *word; word++) {
		int len = (int)strlen(*word);
		if (at > column && at + 1 + len > HELP_WIDTH) {
			fprintf(out, "\n%*s", column, "");
			at = column;
		}
		at += fprintf(out, "%s%s", at > column ? " " : "", *word);
	}
	fputc('\n', out);
	g_strfreev(words);
}

static void print_help_line(const struct option_set *set, const struct option_spec *option,
			    FILE *out)
{
	char *head = option_head(set, option);

	if (strlen(head) < HELP_COLUMN - 1)
		fprintf(out, "%-*s", HELP_COLUMN, head);
	else
		fprintf(out, "%s\n%*s", head, HELP_COLUMN, "");
	print_wrapped(out, option->help, HELP_COLUMN);
	g_free(head);
}

void options_print_help(const struct option_set *set, const char *program, FILE *out)
{
	fprintf(out, "usage: %s %s\n", program, set->usage);
	if (set->summary)
		fprintf(out, "%s\n", set->summary);
	if (set->description)
		fprintf(out, "\n%s\n", set->description);
	for (unsigned int i = 0; i < set->count; i++) {
		const struct option_spec *option = &set->options[i];
		if (option->heading)
			fprintf(out, "\n%s:\n", option->heading);
		else if (!option->hidden)
			print_help_line(set, option, out);
	}
}

/* Text for roff: backslashes and dashes escaped, no line begins with a control character. */
static void print_roff(FILE *out, const char *text)
{
	bool line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
		line_start = *text == '\n';
	}
}

static void print_man_option(const struct option_set *set, const struct option_spec *option,
			     FILE *out)
{
	char *head = option_head(set, option);

	fputs(".TP\n.B ", out);
	print_roff(out, head);
	fputc('\n', out);
	print_roff(out, option->help);
	fputs(".\n", out);
	g_free(head);
}

static void print_upper(FILE *out, const char *text)
{
	char *upper = g_ascii_strup(text, -1);

	print_roff(out, upper);
	g_free(upper);
}

void options_print_man(const struct option_set *set, const char *program, FILE *out)
{
	fputs(".TH ", out);
	print_upper(out, program);
	fprintf(out, " 1 \"\" \"Ratite %s\" \"User Commands\"\n", RATITE_VERSION);
	fprintf(out, ".SH NAME\n");
	print_roff(out, program);
	fputs(" \\- ", out);
	print_roff(out, set->summary ? set->summary : "part of Ratite");
	fputs("\n.SH SYNOPSIS\n.B ", out);
	print_roff(out, program);
	fputc('\n', out);
	print_roff(out, set->usage);
	fputc('\n', out);
	if (set->description) {
		fputs(".SH DESCRIPTION\n", out);
		print_roff(out, set->description);
		fputc('\n', out);
	}
	fputs(".SH OPTIONS\n", out);
	for (unsigned int i = 0; i < set->count; i++) {
		const struct option_spec *option = &set->options[i];
		if (option->heading) {
			fputs(".SS ", out);
			print_roff(out, option->heading);
			fputc('\n', out);
		} else if (!option->hidden) {
			print_man_option(set, option, out);
		}
	}
}

/* A shell identifier made of a program's name. */
static char *completion_function(const char *program)
{
	char *name = g_strconcat("_ratite_", program, NULL);
	return g_strcanon(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS, '_');
}

static void print_words(const struct option_set *set, bool files_only, FILE *out)
{
	const char *dashes = set->style == OPTIONS_QEMU ? "-" : "--";
	const char *separator = files_only ? "|" : "";

	if (files_only)
		fputs("\"\"", out); /* there may be no other pattern; this one matches nothing */
	for (unsigned int i = 0; i < set->count; i++) {
		const struct option_spec *option = &set->options[i];
		if (option->heading || option->hidden || !option->name)
			continue;
		if (files_only && (!option->arg || option->optional))
			continue;
		fprintf(out, "%s%s%s", separator, dashes, option->name);
		separator = files_only ? "|" : " ";
	}
}

void options_print_completion(const struct option_set *set, const char *program, FILE *out)
{
	char *function = completion_function(program);

	fprintf(out, "%s()\n{\n", function);
	fprintf(out, "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n");
	fprintf(out, "\tcase $before in\n\t");
	print_words(set, true, out);
	fprintf(out, ")\n\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n\t\treturn ;;\n\tesac\n");
	fprintf(out, "\tif [[ $word == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W \"");
	print_words(set, false, out);
	fprintf(out,
		"\" -- \"$word\"))\n\telse\n\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n\tfi\n");
	fprintf(out, "}\ncomplete -o filenames -F %s %s\n", function, program);
	g_free(function);
}
