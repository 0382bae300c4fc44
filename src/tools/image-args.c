/* Options, objects and the opening of images, for all programs with images. */
#include "tools/image-args.h"

#include "base/optstr.h"
#include "base/tls.h"
#include "storage/image-options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* --- options --- */

struct error *arg_set_text(void *opaque, const struct option_spec *option, const char *value)
{
	char **p = (char **)((char *)opaque + option->tag);

	g_free(*p);
	*p = g_strdup(value);
	return NULL;
}

struct error *arg_set_flag(void *opaque, const struct option_spec *option, const char *value)
{
	*((bool *)opaque + option->tag) = true;
	return NULL;
}

struct error *arg_ignore(void *opaque, const struct option_spec *option, const char *value)
{
	return NULL;
}

struct error *arg_add_object(void *opaque, const struct option_spec *option, const char *value)
{
	return image_add_object(value);
}

struct error *arg_check_aio(void *opaque, const struct option_spec *option, const char *value)
{
	if (strcmp(value, "threads") && strcmp(value, "native") && strcmp(value, "io_uring"))
		return error_new("Invalid aio option: %s", value);
	return NULL;
}

/* --- messages --- */

int tool_fail(struct error *err)
{
	error_report(err);
	return EXIT_FAILURE;
}

int tool_fail_text(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);
	va_end(args);
	struct error *err = error_new("%s", text);
	g_free(text);
	return tool_fail(err);
}

char *size_text(uint64_t bytes)
{
	static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
	int exponent;

	/* 1000 KiB is shown as 0.977 MiB */
	frexp((double)bytes / (1000.0 / 1024.0), &exponent);
	int unit = bytes ? (exponent - 1) / 10 : 0;
	return g_strdup_printf("%0.3g %sB", (double)bytes / (double)(UINT64_C(1) << (unit * 10)),
			       units[unit]);
}

GArray *image_facts(struct image *img)
{
	GArray *facts = g_array_new(FALSE, FALSE, sizeof(struct image_fact));

	if (img->driver->facts)
		img->driver->facts(img, facts);
	return facts;
}

void image_facts_free(GArray *facts)
{
	for (unsigned int i = 0; i < facts->len; i++)
		g_free(g_array_index(facts, struct image_fact, i).value);
	g_array_free(facts, TRUE);
}

void print_image_facts(struct image *img)
{
	GArray *facts = image_facts(img);

	if (facts->len)
		printf("Format specific information:\n");
	for (unsigned int i = 0; i < facts->len; i++) {
		const struct image_fact *f = &g_array_index(facts, struct image_fact, i);
		if (!f->json || *f->json != 'j')
			printf("    %s:%s%s\n", f->name, *f->value == '\n' ? "" : " ", f->value);
	}
	image_facts_free(facts);
}

/* --- secrets and keys --- */

static GHashTable *secrets;

static struct error *add_secret(struct optstr *o, const char *text)
{
	const char *id = optstr_get(o, "id"), *data = optstr_get(o, "data");
	const char *file = optstr_get(o, "file");
	char *content = NULL;

	if (!id || (!data == !file))
		return error_new("%s: expects secret,id=ID,data=TEXT or file=PATH", text);
	if (file && !g_file_get_contents(file, &content, NULL, NULL))
		return error_new("unable to read %s", file);
	if (!secrets)
		secrets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_hash_table_replace(secrets, g_strdup(id), content ? content : g_strdup(data));
	return NULL;
}

struct error *image_add_object(const char *text)
{
	struct optstr *o = optstr_parse(text, "qom-type");
	const char *type = optstr_get(o, "qom-type");
	struct error *err;

	if (type && tls_creds_is_type(type))
		err = tls_creds_add(type, o);
	else if (type && !strcmp(type, "secret"))
		err = add_secret(o, text);
	else
		err = error_new("%s: expects secret, tls-creds-x509, tls-creds-psk or "
				"tls-creds-anon",
				type ? type : text);
	if (!err)
		err = optstr_finish(o);
	optstr_free(o);
	return err;
}

/* Asks on the terminal, without echo where it is one. */
static char *ask_password(const char *name)
{
	struct termios old, quiet;
	bool tty = !tcgetattr(STDIN_FILENO, &old);
	char line[256];

	fprintf(stderr, "Disk image '%s' is encrypted.\nPassword: ", name);
	if (tty) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	char *got = fgets(line, sizeof(line), stdin);
	if (tty)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	fputc('\n', stderr);
	if (!got)
		return g_strdup("");
	line[strcspn(line, "\r\n")] = 0;
	return g_strdup(line);
}

static struct error *unlock(struct image *img)
{
	for (; img; img = img->backing) {
		if (!img->encrypted || !img->key_missing || !img->driver->set_key)
			continue;
		const char *known = img->key_secret && secrets
					    ? g_hash_table_lookup(secrets, img->key_secret)
					    : NULL;
		if (img->key_secret && !known)
			return error_new("No secret with id '%s'", img->key_secret);
		char *password = known ? g_strdup(known) : ask_password(img->filename);
		struct error *err = img->driver->set_key(img, password);
		g_free(password);
		if (err)
			return err;
	}
	return NULL;
}

/* --- opening --- */

struct error *image_cache_flags(const char *cache, unsigned int *flags, bool *through)
{
	static const struct {
		const char *name;
		unsigned int flags;
		bool through;
	} modes[] = {
		{"writeback", 0, false},
		{"none", IMAGE_NOCACHE, false},
		{"off", IMAGE_NOCACHE, false},
		{"writethrough", 0, true},
		{"directsync", IMAGE_NOCACHE, true},
		{"unsafe", IMAGE_NOFLUSH, false},
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(modes); i++) {
		if (cache && strcmp(cache, modes[i].name))
			continue;
		*flags |= modes[i].flags;
		*through = modes[i].through;
		return NULL;
	}
	return error_new("Invalid cache option: %s", cache);
}

static struct error *discard_flags(const char *discard, unsigned int *flags)
{
	if (!discard || !strcmp(discard, "ignore") || !strcmp(discard, "off"))
		return NULL;
	if (strcmp(discard, "unmap") && strcmp(discard, "on"))
		return error_new("Invalid discard option: %s", discard);
	*flags |= IMAGE_DISCARD;
	return NULL;
}

/* "driver=qcow2,file.filename=a.img", "driver=nbd,host=..." */
static struct error *open_by_options(const char *text, unsigned int flags, struct image **img)
{
	struct image_options *o = image_options_new();
	struct error *err;

	image_options_parse(o, text);
	err = image_options_open(o, flags, img);
	image_options_free(o);
	if (!err && !(flags & IMAGE_NO_IO))
		err = unlock(*img);
	return err;
}

static struct error *open_unnamed(const struct image_args *a, const char *name, const char *format,
				  unsigned int flags, struct image **img)
{
	if (a->force_share) {
		if (flags & IMAGE_RDWR)
			return error_new("-U allows reading only");
		flags |= IMAGE_FORCE_SHARE;
	}
	if (a->image_opts)
		return open_by_options(name, flags, img);
	if (format) {
		const struct image_driver *d = image_driver_find(format);
		if (!d)
			return error_new("Unknown driver '%s'", format);
		if (d->protocol) /* "file", "nbd": the protocol itself, as bytes */
			format = "raw";
	}
	struct error *err = image_open_unnamed(name, format, flags, img);
	if (!err && !(flags & IMAGE_NO_IO))
		err = unlock(*img);
	return err;
}

struct error *image_args_open_as(const struct image_args *a, const char *name, const char *format,
				 unsigned int flags, struct image **img)
{
	return error_prefix(open_unnamed(a, name, format, flags, img), "Could not open '%s'", name);
}

struct error *image_args_open(const struct image_args *a, const char *name, bool *through,
			      struct image **img)
{
	unsigned int flags = a->readonly || a->snapshot ? 0 : IMAGE_RDWR;
	struct error *err = image_cache_flags(a->nocache ? "none" : a->cache, &flags, through);

	if (!err)
		err = discard_flags(a->discard, &flags);
	if (!err)
		err = open_unnamed(a, name, a->format, flags, img);
	if (!err && a->snapshot)
		err = image_open_snapshot(*img, flags, img);
	return err;
}
