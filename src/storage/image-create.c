/* Creation options, and making images so that a failure leaves nothing half made. */
#include "storage/drivers.h"

#include "base/optstr.h"
#include "storage/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void image_create_init(struct image_create *c, const struct image_driver *driver,
		       const char *filename)
{
	c->driver = driver;
	c->filename = filename;
	c->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void image_create_clear(struct image_create *c)
{
	g_hash_table_destroy(c->values);
}

static const struct image_opt *find_option(const struct image_driver *driver, const char *name)
{
	for (const struct image_opt *o = driver->create_options; o && o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

/* The text up to the next single comma, with doubled ones undone; *text moves behind it. */
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

struct error *image_create_parse(struct image_create *c, const char *text)
{
	while (*text) {
		char *item = next_item(&text);
		char *equals = strchr(item, '=');
		if (equals)
			*equals = 0;
		const struct image_opt *o = find_option(c->driver, item);
		if (!o) {
			struct error *err = error_new("Invalid parameter '%s'", item);
			g_free(item);
			return err;
		}
		image_create_set(c, item, equals ? equals + 1 : "on");
		g_free(item);
	}
	return NULL;
}

void image_create_set(struct image_create *c, const char *name, const char *value)
{
	g_hash_table_replace(c->values, g_strdup(name), g_strdup(value));
}

const char *image_create_str(const struct image_create *c, const char *name)
{
	return g_hash_table_lookup(c->values, name);
}

struct error *image_create_bool(const struct image_create *c, const char *name, bool def,
				bool *value)
{
	const char *text = image_create_str(c, name);

	*value = def;
	if (!text)
		return NULL;
	*value = !strcmp(text, "on") || !strcmp(text, "yes") || !strcmp(text, "true") ||
		 !strcmp(text, "y");
	if (!*value && strcmp(text, "off") && strcmp(text, "no") && strcmp(text, "false") &&
	    strcmp(text, "n"))
		return error_new("Parameter '%s' expects 'on' or 'off'", name);
	return NULL;
}

struct error *image_create_size(const struct image_create *c, const char *name, uint64_t def,
				uint64_t *value)
{
	const char *text = image_create_str(c, name);

	*value = def;
	return text ? error_prefix(parse_size(text, 1, value), "Parameter '%s'", name) : NULL;
}

/* A file to be written: what it held is lost only after the locks are ours. */
struct error *image_create_file(const char *filename, uint64_t size, struct image **out)
{
	const struct image_driver *protocol = image_driver_protocol(filename);
	struct error *err;
	struct stat st;

	*out = NULL;
	if (!protocol || !protocol->pwrite)
		return error_new("Could not create '%s': the protocol cannot be written", filename);
	if (protocol == &file_driver) {
		const char *path = g_str_has_prefix(filename, "file:") ? filename + 5 : filename;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0)
			return error_errno(errno, "Could not create '%s'", path);
		bool regular = !fstat(fd, &st) && S_ISREG(st.st_mode);
		err = NULL;
		if (regular)
			err = file_lock(fd, path, PERM_WRITE | PERM_RESIZE,
					PERM_WRITE | PERM_RESIZE);
		if (!err && regular && (ftruncate(fd, 0) || ftruncate(fd, (off_t)size)))
			err = error_errno(errno, "Could not resize file");
		close(fd);
		if (err)
			return err;
	}
	err = image_open_file(filename, IMAGE_RDWR, out);
	if (!err && size > (*out)->size && !(*out)->driver->growable) {
		image_close(*out);
		*out = NULL;
		return error_errno(ENOSPC, "'%s' is smaller than the image", filename);
	}
	return err;
}

/* Sectors are whole; the format's own limits come later. */
static struct error *check_size(struct image_create *c)
{
	uint64_t size;
	struct error *err = image_create_size(c, "size", 0, &size);

	if (err)
		return err;
	if (size > INT64_MAX - SECTOR_SIZE)
		return error_new("Image size must be less than 8 EiB!");
	if (!image_create_str(c, "size"))
		return NULL;
	char text[24];
	g_snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT,
		   (size + SECTOR_SIZE - 1) & ~(uint64_t)(SECTOR_SIZE - 1));
	image_create_set(c, "size", text);
	return NULL;
}

struct error *image_create(struct image_create *c)
{
	bool existed = !access(c->filename, F_OK);
	struct error *err;

	if (!c->driver->create)
		return error_new("Format driver '%s' does not support image creation",
				 c->driver->name);
	err = check_size(c);
	if (err)
		return err;
	err = c->driver->create(c);
	if (err && !existed && !image_path_has_protocol(c->filename))
		unlink(c->filename);
	return err;
}
