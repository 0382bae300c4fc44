/* What -strace prints, from the types of the table: "PID name(arguments) = result". */
#include "user/linux/syscall.h"

#include "base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_MAX 48 /* of strings and buffers */

struct flag {
	uint32_t value;
	const char *name;
};

static const struct flag open_names[] = {
	{O_WRONLY, "O_WRONLY"},	    {O_RDWR, "O_RDWR"},		{O_CREAT, "O_CREAT"},
	{O_EXCL, "O_EXCL"},	    {O_NOCTTY, "O_NOCTTY"},	{O_TRUNC, "O_TRUNC"},
	{O_APPEND, "O_APPEND"},	    {O_NONBLOCK, "O_NONBLOCK"}, {O_DIRECTORY, "O_DIRECTORY"},
	{O_NOFOLLOW, "O_NOFOLLOW"}, {O_CLOEXEC, "O_CLOEXEC"},	{O_DIRECT, "O_DIRECT"},
};
static const struct flag mmap_names[] = {
	{MAP_SHARED, "MAP_SHARED"},	  {MAP_PRIVATE, "MAP_PRIVATE"},
	{MAP_FIXED, "MAP_FIXED"},	  {MAP_ANONYMOUS, "MAP_ANONYMOUS"},
	{MAP_GROWSDOWN, "MAP_GROWSDOWN"}, {MAP_DENYWRITE, "MAP_DENYWRITE"},
	{MAP_LOCKED, "MAP_LOCKED"},	  {MAP_NORESERVE, "MAP_NORESERVE"},
	{MAP_POPULATE, "MAP_POPULATE"},	  {MAP_STACK, "MAP_STACK"},
};
static const struct flag prot_names[] = {
	{PROT_READ, "PROT_READ"}, {PROT_WRITE, "PROT_WRITE"}, {PROT_EXEC, "PROT_EXEC"}};

static void put_flags(GString *out, uint32_t value, const struct flag *names, unsigned int count,
		      const char *zero)
{
	bool first = true;

	for (unsigned int i = 0; i < count; i++) {
		if (!(value & names[i].value))
			continue;
		g_string_append_printf(out, "%s%s", first ? "" : "|", names[i].name);
		value &= ~names[i].value;
		first = false;
	}
	if (value)
		g_string_append_printf(out, "%s%#x", first ? "" : "|", value);
	else if (first)
		g_string_append(out, zero);
}

static void put_text(GString *out, const char *text, size_t len)
{
	g_string_append_c(out, '"');
	for (size_t i = 0; i < MIN(len, TEXT_MAX); i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\n')
			g_string_append(out, "\\n");
		else if (c == '"' || c == '\\')
			g_string_append_printf(out, "\\%c", c);
		else if (c < ' ' || c > '~')
			g_string_append_printf(out, "\\%03o", c);
		else
			g_string_append_c(out, (char)c);
	}
	g_string_append(out, len > TEXT_MAX ? "\"..." : "\"");
}

static void put_string(GString *out, struct thread *t, uint64_t addr)
{
	char text[PATH_MAX];
	int64_t len = addr ? guest_string(t, text, addr, sizeof(text)) : -1;

	if (len < 0)
		g_string_append_printf(out, "%#" PRIx64, addr);
	else
		put_text(out, text, (size_t)len);
}

static void put_buffer(GString *out, struct thread *t, uint64_t addr, uint64_t len)
{
	char text[TEXT_MAX + 1];

	if (!guest_read(t, text, addr, MIN(len, TEXT_MAX)))
		g_string_append_printf(out, "%#" PRIx64, addr);
	else
		put_text(out, text, len);
}

/* Members of a structure, by its layout. */
static void put_struct(GString *out, struct thread *t, enum layout_id id, uint64_t addr)
{
	const struct layout *l = layout_get(id);
	uint8_t host[LAYOUT_MAX];
	bool first = true;

	if (!addr || !layout_read(t, id, addr, host)) {
		g_string_append_printf(out, "%#" PRIx64, addr);
		return;
	}
	g_string_append_c(out, '{');
	for (unsigned int i = 0; i < l->count; i++) {
		const struct member *m = &l->members[i];
		if (m->kind >= M_BYTES || !m->host_size)
			continue;
		uint64_t value = 0;
		memcpy(&value, host + m->host_offset, m->host_size);
		if (m->kind == M_I32)
			value = (uint64_t)(int64_t)(int32_t)value;
		g_string_append_printf(out, "%s%" PRId64, first ? "" : ",", (int64_t)value);
		first = false;
	}
	g_string_append_c(out, '}');
}

static void put_number(GString *out, const struct arg *arg, uint64_t value)
{
	switch (arg->id) {
	case SHOW_HEX: g_string_append_printf(out, "%#" PRIx64, value); break;
	case SHOW_OCTAL: g_string_append_printf(out, "0%o", (uint32_t)value); break;
	case SHOW_ATFD:
		if ((int)value == AT_FDCWD)
			g_string_append(out, "AT_FDCWD");
		else
			g_string_append_printf(out, "%d", (int)value);
		break;
	case SHOW_PROT:
		put_flags(out, (uint32_t)value, prot_names, G_N_ELEMENTS(prot_names), "PROT_NONE");
		break;
	case SHOW_open:
		put_flags(out, (uint32_t)value, open_names, G_N_ELEMENTS(open_names), "O_RDONLY");
		break;
	case SHOW_mmap:
		put_flags(out, (uint32_t)value, mmap_names, G_N_ELEMENTS(mmap_names), "0");
		break;
	default: g_string_append_printf(out, "%" PRId64, (int64_t)value); break;
	}
}

/* Output arguments show their address before the call and what came after it. */
static void put_argument(GString *out, struct thread *t, const struct arg *arg, const uint64_t *a)
{
	switch (arg->kind) {
	case ARG_PATH:
	case ARG_STRING: put_string(out, t, *a); break;
	case ARG_BUF_IN: put_buffer(out, t, *a, a[1]); break;
	case ARG_STRUCT_IN:
	case ARG_STRUCT_INOUT: put_struct(out, t, arg->id, *a); break;
	case ARG_STRUCT_OUT:
	case ARG_BUF_OUT:
	case ARG_PTR: g_string_append_printf(out, "%#" PRIx64, *a); break;
	default: put_number(out, arg, *a); break;
	}
}

void strace_enter(struct thread *t, const struct call *call, const uint64_t *a)
{
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "%d %s(", t->tid, call->name);
	for (unsigned int i = 0; i < 6 && call->args[i].kind; i++) {
		if (i)
			g_string_append_c(out, ',');
		put_argument(out, t, &call->args[i], a + i);
	}
	g_string_append_c(out, ')');
	fputs(out->str, log_stream());

	g_string_free(out, TRUE);
}

void strace_leave(struct thread *t, const struct call *call, const uint64_t *a, int64_t result)
{
	GString *out = g_string_new(" = ");
	bool address = result > 0xfffff; /* more than a count or an id */

	if (result == -RESTART_CALL)
		g_string_append(out, "? (to be restarted)");
	else if (result == -STATE_IS_SET)
		g_string_append(out, "?");
	else if (result < 0 && result > -4096)
		g_string_append_printf(out, "-1 errno=%d (%s)", (int)-result,
				       g_strerror((int)-result));
	else
		g_string_append_printf(out, address ? "%#" PRIx64 : "%" PRId64, (uint64_t)result);
	for (unsigned int i = 0; i < 6 && result >= 0; i++) {
		if (call->args[i].kind != ARG_STRUCT_OUT || !a[i])
			continue;
		g_string_append_c(out, ' ');
		put_struct(out, t, call->args[i].id, a[i]);
	}
	fprintf(log_stream(), "%s\n", out->str);

	g_string_free(out, TRUE);
}

void strace_signal(struct thread *t, const struct guest_signal *s)
{
	fprintf(log_stream(), "--- SIG%s {si_signo=%d, si_code=%d, si_addr=%p} ---\n",
		sigabbrev_np(s->signo) ? sigabbrev_np(s->signo) : "RT", s->signo, s->info.si_code,
		s->info.si_code > 0 ? s->info.si_addr : NULL);
}
