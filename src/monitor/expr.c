#include "monitor/expr.h"

#include "vm/cpu.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define EXPR_DEPTH 64 /* nested parentheses and unary operators */

struct parser {
	const char *p;
	struct cpu *cpu;
	struct error *err; /* the first one; values mean nothing after it */
	unsigned int depth;
};

static uint64_t binary(struct parser *s, unsigned int level);

static void skip_blanks(struct parser *s)
{
	s->p += strspn(s->p, " \t");
}

static uint64_t fail(struct parser *s, struct error *err)
{
	if (s->err)
		error_free(err);
	else
		s->err = err;
	return 0;
}

static uint64_t number(struct parser *s)
{
	char *end;

	errno = 0;
	uint64_t v = strtoull(s->p, &end, 0);
	if (errno == ERANGE)
		return fail(s, error_new("number too large"));
	s->p = end;
	return v;
}

static const char *register_name_at(unsigned int i, void *registers)
{
	return ((const struct cpu_register *)registers)[i].name;
}

static uint64_t read_register(struct parser *s)
{
	size_t len = 0;
	unsigned int count = 0;

	while (g_ascii_isalnum(s->p[len]) || s->p[len] == '_')
		len++;
	char *name = g_strndup(s->p, len);
	const struct cpu_register *r = s->cpu ? s->cpu->class->registers : NULL;
	s->p += len;
	for (; r && r[count].name; count++) {
		if (g_ascii_strcasecmp(r[count].name, name) == 0) {
			g_free(name);
			return r[count].read(s->cpu, r[count].arg);
		}
	}
	const char *best = closest_name(name, count, register_name_at, (void *)r);
	struct error *err =
		best ? error_new("unknown register \"$%s\"; did you mean \"$%s\"?", name, best)
		     : error_new("unknown register \"$%s\"", name);
	g_free(name);
	return fail(s, err);
}

static uint64_t character(struct parser *s)
{
	if (!s->p[0] || s->p[1] != '\'')
		return fail(s, error_new("missing \"'\""));
	uint8_t c = (uint8_t)s->p[0];
	s->p += 2;
	return c;
}

static uint64_t parenthesis(struct parser *s)
{
	uint64_t v = binary(s, 0);

	skip_blanks(s);
	if (*s->p != ')')
		return fail(s, error_new("\")\" expected"));
	s->p++;
	return v;
}

static uint64_t primary(struct parser *s)
{
	uint64_t v;

	skip_blanks(s);
	if (++s->depth > EXPR_DEPTH)
		return fail(s, error_new("expression nested too deeply"));
	switch (*s->p) {
	case '+':
		s->p++;
		v = primary(s);
		break;
	case '-':
		s->p++;
		v = -primary(s);
		break;
	case '~':
		s->p++;
		v = ~primary(s);
		break;
	case '(':
		s->p++;
		v = parenthesis(s);
		break;
	case '$':
		s->p++;
		v = read_register(s);
		break;
	case '\'':
		s->p++;
		v = character(s);
		break;
	default:
		if (g_ascii_isdigit(*s->p))
			v = number(s);
		else
			v = fail(s, *s->p ? error_new("\"%.20s\" is no number or register", s->p)
					  : error_new("number expected"));
	}
	s->depth--;
	return v;
}

/* Binary operators, weakest level first. */
static const char *const levels[] = {"|", "^", "&", "<>", "+-", "*/%"};

static char take_operator(struct parser *s, unsigned int level)
{
	bool after_blank = *s->p == ' ' || *s->p == '\t' || s->p[-1] == ' ' || s->p[-1] == '\t';

	skip_blanks(s);
	char c = *s->p;
	if (!c || !strchr(levels[level], c))
		return 0;
	/* "256 /tmp/file" are two arguments, "256 / 2" and "256/2" are one */
	if (c == '/' && after_blank && !g_ascii_isspace(s->p[1]))
		return 0;
	if (c == '<' || c == '>') {
		if (s->p[1] != c)
			return 0;
		s->p++;
	}
	s->p++;
	return c;
}

static uint64_t apply(struct parser *s, char op, uint64_t a, uint64_t b)
{
	switch (op) {
	case '|': return a | b;
	case '^': return a ^ b;
	case '&': return a & b;
	case '<': return b < 64 ? a << b : 0;
	case '>': return b < 64 ? a >> b : 0;
	case '+': return a + b;
	case '-': return a - b;
	case '*': return a * b;
	}
	if (b == 0)
		return fail(s, error_new("division by zero"));
	return op == '/' ? a / b : a % b;
}

static uint64_t binary(struct parser *s, unsigned int level)
{
	if (level == G_N_ELEMENTS(levels))
		return primary(s);
	uint64_t v = binary(s, level + 1);
	for (char op; !s->err && (op = take_operator(s, level));)
		v = apply(s, op, v, binary(s, level + 1));
	return v;
}

struct error *expr_eval(const char **text, struct cpu *cpu, uint64_t *value)
{
	struct parser s = {.p = *text, .cpu = cpu};

	*value = binary(&s, 0);
	*text = s.p;
	return s.err;
}
