#include "storage/image-options.h"

#include "base/optstr.h"
#include "storage/drivers.h"

#include <string.h>

#define MAX_NODES 256u

struct value {
	char *text;
	bool used;
};

struct image_options {
	GHashTable *values; /* char * to struct value */
	unsigned int nodes; /* opened so far */
};

/* --- the list --- */

static void value_free(void *opaque)
{
	struct value *v = opaque;

	g_free(v->text);
	g_free(v);
}

struct image_options *image_options_new(void)
{
	struct image_options *o = g_new0(struct image_options, 1);

	o->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, value_free);
	return o;
}

void image_options_free(struct image_options *o)
{
	g_hash_table_destroy(o->values);
	g_free(o);
}

void image_options_set(struct image_options *o, const char *key, const char *value)
{
	struct value *v = g_new0(struct value, 1);

	v->text = g_strdup(value);
	g_hash_table_replace(o->values, g_strdup(key), v);
}

static void set_item(void *opaque, const char *key, const char *value)
{
	image_options_set(opaque, key, value ? value : "on");
}

void image_options_parse(struct image_options *o, const char *text)
{
	struct optstr *s = optstr_parse(text, NULL);

	optstr_each(s, set_item, o);
	optstr_free(s);
}

bool image_options_is_json(const char *filename)
{
	return g_str_has_prefix(filename, "json:");
}

bool image_options_has(struct image_options *o, const char *key)
{
	return g_hash_table_contains(o->values, key);
}

const char *image_options_get(struct image_options *o, const char *prefix, const char *key)
{
	char *full = g_strconcat(prefix, key, NULL);
	struct value *v = g_hash_table_lookup(o->values, full);

	g_free(full);
	if (!v)
		return NULL;
	v->used = true;
	return v->text;
}

/* Whether any option begins with the prefix and `child`. */
static bool has_child(struct image_options *o, const char *prefix, const char *child)
{
	char *start = g_strconcat(prefix, child, NULL);
	GHashTableIter i;
	void *key;
	bool found = false;

	g_hash_table_iter_init(&i, o->values);
	while (!found && g_hash_table_iter_next(&i, &key, NULL))
		found = g_str_has_prefix(key, start);
	g_free(start);
	return found;
}

static struct error *option_flag(struct image_options *o, const char *prefix, const char *key,
				 bool *value)
{
	const char *text = image_options_get(o, prefix, key);

	return text ? error_prefix(parse_bool(text, value), "%s%s", prefix, key) : NULL;
}

/* --- what all nodes take --- */

static struct error *node_flags(struct image_options *o, const char *prefix, unsigned int *flags)
{
	static const struct {
		const char *key;
		unsigned int set, clear;
	} bits[] = {
		{"read-only", 0, IMAGE_RDWR},	       {"auto-read-only", IMAGE_AUTO_RDONLY, 0},
		{"force-share", IMAGE_FORCE_SHARE, 0}, {"cache.direct", IMAGE_NOCACHE, 0},
		{"cache.no-flush", IMAGE_NOFLUSH, 0},
	};
	static const char *const switches[] = {"ignore", "off", "unmap", "on", NULL};
	const char *discard = image_options_get(o, prefix, "discard");

	image_options_get(o, prefix, "node-name");
	for (unsigned int i = 0; i < G_N_ELEMENTS(bits); i++) {
		bool on = false;
		struct error *err = option_flag(o, prefix, bits[i].key, &on);
		if (err)
			return err;
		if (on)
			*flags = (*flags | bits[i].set) & ~bits[i].clear;
	}
	if (discard && !g_strv_contains(switches, discard))
		return error_new("Invalid discard option: %s", discard);
	if (discard && (!strcmp(discard, "unmap") || !strcmp(discard, "on")))
		*flags |= IMAGE_DISCARD;
	const char *zeroes = image_options_get(o, prefix, "detect-zeroes");
	if (zeroes && strcmp(zeroes, "off"))
		return error_new("detect-zeroes=%s: only \"off\" is supported", zeroes);
	const char *locking = image_options_get(o, prefix, "locking");
	if (locking && !strcmp(locking, "off"))
		*flags |= IMAGE_NO_LOCK;
	image_options_get(o, prefix, "aio");
	return NULL;
}

/* Hands each of the node's own options to its driver. */
static struct error *configure(struct image_options *o, const char *prefix, struct image *img)
{
	GList *keys = g_list_sort(g_hash_table_get_keys(o->values), (GCompareFunc)strcmp);
	size_t n = strlen(prefix);
	struct error *err = NULL;

	for (GList *k = keys; k && !err; k = k->next) {
		const char *key = k->data;
		struct value *v = g_hash_table_lookup(o->values, key);
		if (v->used || strncmp(key, prefix, n) || !img->driver->configure)
			continue;
		v->used = img->driver->configure(img, key + n, v->text, &err);
	}
	g_list_free(keys);
	return err;
}

/* --- protocols --- */

/* The name of an NBD disk: its options become a URI. */
static char *nbd_name(struct image_options *o, const char *prefix)
{
	static const char *const keys[] = {"host",   "port",	  "path",
					   "export", "tls-creds", "tls-hostname"};
	const char *v[G_N_ELEMENTS(keys)];

	for (unsigned int i = 0; i < G_N_ELEMENTS(keys); i++) {
		char *server = g_strconcat("server.", keys[i], NULL);
		v[i] = image_options_get(o, prefix, keys[i]);
		if (!v[i])
			v[i] = image_options_get(o, prefix, server);
		g_free(server);
	}
	image_options_get(o, prefix, "server.type");
	if (!v[0] && !v[2])
		return NULL;
	char *export = g_uri_escape_string(v[3] ? v[3] : "", NULL, FALSE);
	char *path = g_uri_escape_string(v[2] ? v[2] : "", "/", FALSE);
	GString *s = g_string_new(v[4] ? "nbds" : "nbd");
	if (v[2])
		g_string_append_printf(s, "+unix:///%s?socket=%s", export, path);
	else
		g_string_append_printf(s, "://%s:%s/%s?", v[0], v[1] ? v[1] : "10809", export);
	if (v[4])
		g_string_append_printf(s, "&tls-creds=%s", v[4]);
	if (v[5])
		g_string_append_printf(s, "&tls-hostname=%s", v[5]);
	g_free(export);
	g_free(path);
	return g_string_free(s, FALSE);
}

static struct error *open_protocol(struct image_options *o, const char *prefix,
				   const struct image_driver *driver, const char *filename,
				   unsigned int flags, struct image **img)
{
	char *name = driver == &nbd_driver ? nbd_name(o, prefix) : NULL;
	struct error *err;

	if (!name && filename && driver && driver != image_driver_protocol(filename))
		name = g_strconcat(*driver->protocol ? driver->name : "file", ":", filename, NULL);
	if (!name && !filename)
		return error_new("The '%s' block driver requires a file name",
				 driver ? driver->name : "file");
	err = image_open_file(name ? name : filename, flags, img);
	g_free(name);
	return err;
}

/* --- nodes --- */

static struct error *open_node(struct image_options *o, const char *prefix, bool below,
			       unsigned int flags, struct image **img);

static struct error *open_child(struct image_options *o, const char *prefix, const char *name,
				bool below, unsigned int flags, struct image **img)
{
	char *inner = g_strconcat(prefix, name, NULL);
	struct error *err = open_node(o, inner, below, flags, img);

	g_free(inner);
	return err;
}

/* The backing image, of which options say some or all; the header knows the rest. */
static struct error *open_backing(struct image_options *o, const char *prefix, struct image *img)
{
	char *name = g_strconcat(prefix, "backing.filename", NULL);
	char *driver = g_strconcat(prefix, "backing.driver", NULL);
	struct error *err;

	if (img->backing_file && !has_child(o, prefix, "backing.file")) {
		char *path = image_path_relative(img->filename, img->backing_file);
		image_options_set(o, name, path);
		g_free(path);
	}
	if (img->backing_format && !image_options_get(o, driver, ""))
		image_options_set(o, driver, img->backing_format);
	err = open_child(o, prefix, "backing.", false, img->flags & ~(unsigned int)IMAGE_RDWR,
			 &img->backing);
	g_free(name);
	g_free(driver);
	return error_prefix(err, "Could not open backing file");
}

static struct error *open_format(struct image_options *o, const char *prefix, const char *driver,
				 const char *filename, unsigned int flags, struct image **img)
{
	const char *backing = image_options_get(o, prefix, "backing");
	bool backing_options = has_child(o, prefix, "backing.");
	struct image *file;
	struct error *err;

	if (backing && *backing)
		return error_new("backing=%s: nodes have no names here; say backing.filename=",
				 backing);
	if (filename && !has_child(o, prefix, "file.filename")) {
		char *key = g_strconcat(prefix, "file.filename", NULL);
		image_options_set(o, key, filename);
		g_free(key);
	}
	if (!has_child(o, prefix, "file."))
		return error_new("A block device must be specified for \"file\": say "
				 "%sfile.filename=",
				 prefix);
	err = open_child(o, prefix, "file.", true, flags, &file);
	if (err)
		return err;
	if (backing || backing_options)
		err = image_open_on(file, driver, flags | IMAGE_NO_BACKING, img);
	else
		err = image_open_on(file, driver, flags, img);
	if (!err)
		err = configure(o, prefix, *img);
	if (!err && backing_options && !(flags & IMAGE_NO_BACKING))
		err = open_backing(o, prefix, *img);
	return err;
}

/* What filters show of the child named by options or by their own name ("blkdebug:CONFIG:IMAGE").
 */
static struct error *open_filter(struct image_options *o, const char *prefix,
				 const struct image_driver *driver, const char *filename,
				 unsigned int flags, struct image **img)
{
	struct image *child;
	struct error *err;

	if (filename && !has_child(o, prefix, "image.file")) {
		char *config, *rest = blkdebug_split(filename, &config);
		char *key = g_strconcat(prefix, "image.filename", NULL);
		image_options_set(o, key, rest);
		g_free(key);
		key = g_strconcat(prefix, "config", NULL);
		if (*config)
			image_options_set(o, key, config);
		g_free(key);
		g_free(config);
		g_free(rest);
	}
	err = open_child(o, prefix, "image.", true, flags, &child);
	if (!err)
		err = image_node_over(driver, child, filename ? filename : child->filename, flags,
				      img);
	return err ? err : configure(o, prefix, *img);
}

/* `below`: bytes are wanted, so that without a driver nothing is guessed. */
static struct error *open_node(struct image_options *o, const char *prefix, bool below,
			       unsigned int flags, struct image **img)
{
	const char *name = image_options_get(o, prefix, "filename");
	struct error *err = NULL;

	*img = NULL;
	if (++o->nodes > MAX_NODES)
		return error_new("More than %u images in one tree", MAX_NODES);
	char *filename = g_strdup(name);
	while (!err && filename && image_options_is_json(filename)) {
		char *key = g_strconcat(prefix, "filename", NULL);
		g_hash_table_remove(o->values, key);
		err = image_options_parse_json(o, prefix, filename + 5);
		g_free(key);
		g_free(filename);
		filename = g_strdup(image_options_get(o, prefix, "filename"));
		if (++o->nodes > MAX_NODES)
			err = error_new("json: within json: too often");
	}
	const char *name_of_driver = image_options_get(o, prefix, "driver");
	const struct image_driver *driver =
		name_of_driver ? image_driver_find(name_of_driver) : NULL;
	if (!err && name_of_driver && !driver)
		err = error_new("Unknown driver '%s'", name_of_driver);
	if (!err && !driver && below)
		driver = filename ? image_driver_protocol(filename) : &file_driver;
	if (!err)
		err = node_flags(o, prefix, &flags);
	if (err) {
		g_free(filename);
		return err;
	}
	if (driver == &blkdebug_driver)
		err = open_filter(o, prefix, driver, filename, flags, img);
	else if (driver && driver->protocol)
		err = open_protocol(o, prefix, driver, filename, flags, img);
	else
		err = open_format(o, prefix, driver ? driver->name : NULL, filename, flags, img);
	if (!err && driver && driver->protocol && !below)
		err = image_open_on(*img, "raw", flags, img);
	if (err && *img) {
		image_close(*img);
		*img = NULL;
	}
	g_free(filename);
	return err;
}

struct error *image_options_open(struct image_options *o, unsigned int flags, struct image **img)
{
	struct error *err = open_node(o, "", false, flags, img);
	GHashTableIter i;
	void *key, *value;

	g_hash_table_iter_init(&i, o->values);
	while (!err && g_hash_table_iter_next(&i, &key, &value))
		if (!((struct value *)value)->used)
			err = error_new("Block format '%s' does not support the option '%s'",
					(*img)->driver->name, (char *)key);
	if (err && *img) {
		image_close(*img);
		*img = NULL;
	}
	return err;
}
