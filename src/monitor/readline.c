#include "monitor/readline.h"

#include <string.h>

void readline_init(struct readline *rl, const struct readline_ops *ops, const char *prompt)
{
	*rl = (struct readline){.ops = *ops};
	rl->prompt = g_strdup(prompt);
	rl->line = g_string_new(NULL);
	rl->history = g_ptr_array_new_with_free_func(g_free);
}

void readline_destroy(struct readline *rl)
{
	g_free(rl->prompt);
	g_string_free(rl->line, TRUE);
	g_ptr_array_unref(rl->history);
	g_free(rl->typed);
}

/* --- the screen --- */

static void put(struct readline *rl, const char *text, size_t len)
{
	rl->ops.write(rl->ops.opaque, text, len);
}

static void put_text(struct readline *rl, const char *text)
{
	put(rl, text, strlen(text));
}

static void move_cursor(struct readline *rl, size_t to)
{
	for (; rl->shown_cursor > to; rl->shown_cursor--)
		put_text(rl, "\033[D");
	for (; rl->shown_cursor < to; rl->shown_cursor++)
		put_text(rl, "\033[C");
}

/* Brings the screen in line with the buffer; appending, the common case, costs one byte. */
static void show(struct readline *rl, size_t changed_from)
{
	if (changed_from < rl->line->len || rl->shown_len > rl->line->len) {
		move_cursor(rl, changed_from);
		put(rl, rl->line->str + changed_from, rl->line->len - changed_from);
		rl->shown_cursor = rl->line->len;
		if (rl->shown_len > rl->line->len)
			put_text(rl, "\033[K");
		rl->shown_len = rl->line->len;
	}
	move_cursor(rl, rl->cursor);
}

void readline_redraw(struct readline *rl)
{
	put_text(rl, rl->prompt);
	rl->shown_cursor = rl->shown_len = 0;
	show(rl, 0);
}

void readline_prompt(struct readline *rl)
{
	g_string_truncate(rl->line, 0);
	rl->cursor = 0;
	rl->history_at = rl->history->len;
	readline_redraw(rl);
}

/* --- editing --- */

static void insert(struct readline *rl, const char *text, size_t len)
{
	size_t at = rl->cursor;

	if (rl->line->len + len > READLINE_MAX)
		return;
	g_string_insert_len(rl->line, (gssize)at, text, (gssize)len);
	rl->cursor += len;
	show(rl, at);
}

/* Removes [from, to) and leaves the cursor at `from`. */
static void erase(struct readline *rl, size_t from, size_t to)
{
	if (from >= to)
		return;
	g_string_erase(rl->line, (gssize)from, (gssize)(to - from));
	rl->cursor = from;
	show(rl, from);
}

static void go_to(struct readline *rl, size_t to)
{
	rl->cursor = to;
	move_cursor(rl, to);
}

static void erase_word(struct readline *rl)
{
	size_t from = rl->cursor;

	while (from && rl->line->str[from - 1] == ' ')
		from--;
	while (from && rl->line->str[from - 1] != ' ')
		from--;
	erase(rl, from, rl->cursor);
}

static void set_line(struct readline *rl, const char *text)
{
	g_string_assign(rl->line, text);
	rl->cursor = rl->line->len;
	show(rl, 0);
}

/* --- history --- */

static void remember(struct readline *rl)
{
	GPtrArray *h = rl->history;

	if (!rl->line->len)
		return;
	if (h->len && strcmp(h->pdata[h->len - 1], rl->line->str) == 0)
		return;
	if (h->len == READLINE_HISTORY)
		g_ptr_array_remove_index(h, 0);
	g_ptr_array_add(h, g_strdup(rl->line->str));
}

static void history_move(struct readline *rl, int by)
{
	int to = (int)rl->history_at + by;

	if (to < 0 || to > (int)rl->history->len)
		return;
	if (rl->history_at == rl->history->len) {
		g_free(rl->typed);
		rl->typed = g_strdup(rl->line->str);
	}
	rl->history_at = (unsigned int)to;
	set_line(rl, to == (int)rl->history->len ? rl->typed : rl->history->pdata[to]);
}

/* --- completion --- */

static size_t common_prefix(const GPtrArray *words)
{
	const char *first = words->pdata[0];
	size_t len = strlen(first);

	for (unsigned int i = 1; i < words->len; i++) {
		const char *word = words->pdata[i];
		size_t same = 0;
		while (same < len && word[same] == first[same])
			same++;
		len = same;
	}
	return len;
}

static void show_choices(struct readline *rl, const GPtrArray *words)
{
	size_t width = 0;

	for (unsigned int i = 0; i < words->len; i++)
		width = MAX(width, strlen(words->pdata[i]) + 2);
	unsigned int columns = (unsigned int)MAX(79 / width, 1);
	for (unsigned int i = 0; i < words->len; i++) {
		bool last = i % columns == columns - 1 || i + 1 == words->len;
		char *cell = g_strdup_printf("%s%-*s", i % columns ? "" : "\r\n",
					     last ? 0 : (int)width, (char *)words->pdata[i]);
		put_text(rl, cell);
		g_free(cell);
	}
	put_text(rl, "\r\n");
	readline_redraw(rl);
}

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void complete(struct readline *rl)
{
	GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
	char *before = g_strndup(rl->line->str, rl->cursor);
	size_t start = rl->ops.complete(rl->ops.opaque, before, words);
	size_t typed = rl->cursor - start;

	g_ptr_array_sort(words, compare_words);
	if (words->len) {
		const char *word = words->pdata[0];
		size_t common = common_prefix(words);
		if (common > typed)
			insert(rl, word + typed, common - typed);
		if (words->len == 1 && !g_str_has_suffix(word, "/"))
			insert(rl, " ", 1);
		else if (words->len > 1 && common <= typed)
			show_choices(rl, words);
	}
	g_free(before);
	g_ptr_array_unref(words);
}

/* --- keys --- */

static void enter(struct readline *rl)
{
	put_text(rl, "\r\n");
	remember(rl);
	char *line = g_strdup(rl->line->str);
	g_string_truncate(rl->line, 0);
	rl->cursor = rl->shown_cursor = rl->shown_len = 0;
	rl->ops.line(rl->ops.opaque, line);
	g_free(line);
}

#define CTRL(c) ((c) & 0x1f)

static void plain_byte(struct readline *rl, uint8_t byte)
{
	size_t len = rl->line->len, at = rl->cursor;

	switch (byte) {
	case CTRL('a'): go_to(rl, 0); break;
	case CTRL('b'): go_to(rl, at ? at - 1 : 0); break;
	case CTRL('d'): erase(rl, at, MIN(at + 1, len)); break;
	case CTRL('e'): go_to(rl, len); break;
	case CTRL('f'): go_to(rl, MIN(at + 1, len)); break;
	case CTRL('k'): erase(rl, at, len); break;
	case CTRL('l'):
		put_text(rl, "\033[2J\033[1;1H");
		readline_redraw(rl);
		break;
	case CTRL('n'): history_move(rl, 1); break;
	case CTRL('p'): history_move(rl, -1); break;
	case CTRL('u'): erase(rl, 0, at); break;
	case CTRL('w'): erase_word(rl); break;
	case '\t': complete(rl); break;
	case '\r':
	case '\n': enter(rl); break;
	case '\b':
	case 0x7f: erase(rl, at ? at - 1 : 0, at); break;
	case 0x1b: rl->state = RL_ESCAPE; break;
	default:
		if (byte >= 0x20)
			insert(rl, (const char *)&byte, 1);
	}
}

/* The last byte of "ESC [ number byte" or "ESC O byte". */
static void csi_byte(struct readline *rl, uint8_t byte)
{
	static const char tilde_keys[] = {[1] = CTRL('a'),
					  [3] = CTRL('d'),
					  [4] = CTRL('e'),
					  [7] = CTRL('a'),
					  [8] = CTRL('e')};
	rl->state = RL_PLAIN;
	switch (byte) {
	case 'A': plain_byte(rl, CTRL('p')); break;
	case 'B': plain_byte(rl, CTRL('n')); break;
	case 'C': plain_byte(rl, CTRL('f')); break;
	case 'D': plain_byte(rl, CTRL('b')); break;
	case 'F': plain_byte(rl, CTRL('e')); break;
	case 'H': plain_byte(rl, CTRL('a')); break;
	case '~':
		if (rl->csi_number < sizeof(tilde_keys) && tilde_keys[rl->csi_number])
			plain_byte(rl, (uint8_t)tilde_keys[rl->csi_number]);
		break;
	default:
		/* parameters: only the first number counts, "1;5C" is Ctrl and an arrow */
		if (byte < 0x20 || byte > 0x3f)
			return;
		rl->state = RL_CSI;
		if (g_ascii_isdigit(byte) && !rl->csi_more)
			rl->csi_number = (rl->csi_number * 10 + byte - '0') % 1000;
		else
			rl->csi_more = true;
	}
}

void readline_byte(struct readline *rl, uint8_t byte)
{
	bool end_of_crlf = rl->last_was_cr && byte == '\n';

	rl->last_was_cr = byte == '\r';
	if (end_of_crlf)
		return;
	if (rl->state == RL_CSI) {
		csi_byte(rl, byte);
	} else if (rl->state == RL_ESCAPE) {
		rl->csi_number = 0;
		rl->csi_more = false;
		rl->state = byte == '[' || byte == 'O' ? RL_CSI : RL_PLAIN;
	} else {
		plain_byte(rl, byte);
	}
}
