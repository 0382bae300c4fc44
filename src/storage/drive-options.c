#include "storage/drive-options.h"

#include "base/optstr.h"
#include "storage/block.h"
#include "storage/image.h"
#include "vm/device.h"
#include "vm/machine.h"

#include <stdio.h>
#include <string.h>

/* Connectors on one bus of an interface; 0: a single bus of any length. */
struct interface {
	const char *name;
	unsigned int units;
	enum block_media media;
};

static const struct interface interfaces[] = {
	{"ide", 2, MEDIA_DISK},	   {"scsi", 7, MEDIA_DISK}, {"floppy", 0, MEDIA_FLOPPY},
	{"virtio", 0, MEDIA_DISK}, {"sd", 0, MEDIA_DISK},   {"pflash", 0, MEDIA_DISK},
	{"mtd", 0, MEDIA_DISK},	   {"none", 0, MEDIA_DISK}, {"xen", 0, MEDIA_DISK},
};

/* A -drive that is parsed and not yet placed. */
struct drive_option {
	struct drive values;		   /* what the drive will be; id may be NULL */
	const struct interface *interface; /* NULL: the board's default */
	int index, bus, unit;		   /* -1: free */
	bool explicit_id;
};

static GPtrArray *pending; /* struct drive_option *, emptied by drives_open() */
static bool snapshot_all, no_defaults;
static struct {
	unsigned int cyls, heads, secs;
	int translation;
} hda_geometry;

static const char *const media_names[] = {"disk", "cdrom", NULL};
static const char *const trans_names[] = {"auto", "none", "lba", "large", NULL};
static const char *const cache_names[] = {"default",	"writethrough", "writeback", "none",
					  "directsync", "unsafe",	"off",	     NULL};
static const char *const action_names[] = {"report", "ignore", "stop", "enospc", NULL};
static const char *const aio_names[] = {"threads", "native", "io_uring", NULL};
static const char *const discard_names[] = {"ignore", "off", "unmap", "on", NULL};
static const char *const detect_names[] = {"off", "on", "unmap", NULL};
static const char *const locking_names[] = {"auto", "on", "off", NULL};

static const struct interface *interface_find(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(interfaces); i++)
		if (!strcmp(interfaces[i].name, name))
			return &interfaces[i];
	return NULL;
}

/* --- parsing --- */

static struct error *parse_interface(struct optstr *o, struct drive_option *d)
{
	const char *names[G_N_ELEMENTS(interfaces) + 1] = {NULL};
	unsigned int which;

	if (!optstr_has(o, "if"))
		return NULL;
	for (unsigned int i = 0; i < G_N_ELEMENTS(interfaces); i++)
		names[i] = interfaces[i].name;
	struct error *err = optstr_choice(o, "if", names, &which);
	if (!err) {
		d->interface = &interfaces[which];
		d->values.media = interfaces[which].media;
	}
	return err;
}

static struct error *parse_int(struct optstr *o, const char *key, unsigned int max, int *value)
{
	unsigned int n = 0;

	if (!optstr_has(o, key))
		return NULL;
	struct error *err = optstr_uint(o, key, 0, max, &n);
	*value = (int)n;
	return err;
}

static struct error *parse_place(struct optstr *o, struct drive_option *d)
{
	struct error *err = parse_int(o, "index", 255, &d->index);

	if (!err)
		err = parse_int(o, "bus", 255, &d->bus);
	if (!err)
		err = parse_int(o, "unit", 255, &d->unit);
	if (!err && d->index >= 0 && (d->bus >= 0 || d->unit >= 0))
		err = error_new("index cannot be used with bus and unit");
	return err;
}

static struct error *parse_geometry(struct optstr *o, struct drive *v)
{
	unsigned int trans = 0;
	struct error *err = optstr_uint(o, "cyls", 1, 65535, &v->cyls);

	if (!err)
		err = optstr_uint(o, "heads", 1, 255, &v->heads);
	if (!err)
		err = optstr_uint(o, "secs", 1, 255, &v->secs);
	if (!err)
		err = optstr_choice(o, "trans", trans_names, &trans);
	if (err)
		return err;
	v->translation = (int)trans;
	bool any = v->cyls || v->heads || v->secs;
	if (any && !(v->cyls && v->heads && v->secs))
		return error_new("cyls, heads and secs belong together");
	if (trans && !any)
		return error_new("trans needs cyls, heads and secs");
	return NULL;
}

static struct error *parse_media(struct optstr *o, struct drive_option *d)
{
	unsigned int media = 0;

	if (!optstr_has(o, "media"))
		return NULL;
	struct error *err = optstr_choice(o, "media", media_names, &media);
	if (err)
		return err;
	if (media && d->values.cyls)
		return error_new("media=cdrom has no cyls, heads and secs");
	if (media)
		d->values.media = MEDIA_CDROM;
	return NULL;
}

static struct error *parse_policy(struct optstr *o, struct drive *v)
{
	unsigned int cache = CACHE_DEFAULT, werror = BLOCK_ERROR_ENOSPC, rerror = 0, discard = 0;
	unsigned int unused = 0, locking = 0;
	struct error *err = optstr_choice(o, "cache", cache_names, &cache);

	if (!err)
		err = optstr_choice(o, "werror", action_names, &werror);
	if (!err)
		err = optstr_choice(o, "rerror", action_names, &rerror);
	if (!err && rerror == BLOCK_ERROR_ENOSPC)
		err = error_new("rerror=enospc: reads do not run out of space; use report, ignore "
				"or stop");
	if (!err)
		err = optstr_choice(o, "aio", aio_names, &unused);
	if (!err)
		err = optstr_choice(o, "discard", discard_names, &discard);
	if (!err)
		err = optstr_choice(o, "detect-zeroes", detect_names, &unused);
	if (!err)
		err = optstr_choice(o, "file.locking", locking_names, &locking);
	v->cache = cache == G_N_ELEMENTS(cache_names) - 2 ? CACHE_NONE : (enum block_cache)cache;
	v->werror = (enum block_error_action)werror;
	v->rerror = (enum block_error_action)rerror;
	v->discard = discard >= 2;
	v->locking_off = locking == 2;
	return err;
}

static struct error *parse_flags(struct optstr *o, struct drive *v)
{
	bool unused;
	struct error *err = optstr_bool(o, "snapshot", &v->snapshot);

	if (!err)
		err = optstr_bool(o, "readonly", &v->readonly);
	if (!err)
		err = optstr_bool(o, "read-only", &v->readonly);
	if (!err)
		err = optstr_bool(o, "copy-on-read", &unused);
	return err;
}

static struct error *parse_strings(struct optstr *o, struct drive_option *d)
{
	struct drive *v = &d->values;
	const char *format = optstr_get(o, "format"), *driver = optstr_get(o, "driver");
	const char *file = optstr_get(o, "file"), *serial = optstr_get(o, "serial");
	const char *id = optstr_get(o, "id");

	if (!file)
		file = optstr_get(o, "file.filename");
	if (!format)
		format = driver;
	if (format) {
		const struct image_driver *known = image_driver_find(format);
		if (!known || known->protocol) {
			GString *names = g_string_new(NULL);
			for (unsigned int i = 0; image_driver_at(i); i++)
				if (!image_driver_at(i)->protocol)
					g_string_append_printf(names, " %s",
							       image_driver_at(i)->name);
			struct error *err = error_new("format=%s: unknown format; there are:%s",
						      format, names->str);
			g_string_free(names, TRUE);
			return err;
		}
	}
	if (serial && strlen(serial) > 36)
		return error_new("serial=%s: longer than 36 characters", serial);
	v->file = file && *file ? g_strdup(file) : NULL;
	v->format = g_strdup(format);
	v->serial = g_strdup(serial);
	v->id = g_strdup(id);
	d->explicit_id = id != NULL;
	return NULL;
}

static void drive_option_free(struct drive_option *d)
{
	g_free(d->values.file);
	g_free(d->values.format);
	g_free(d->values.serial);
	g_free(d->values.id);
	g_free(d);
}

struct error *drive_option_add(struct machine *m, const char *text)
{
	struct drive_option *d = g_new0(struct drive_option, 1);
	struct optstr *o = optstr_parse(text, NULL);
	struct error *err;

	d->index = d->bus = d->unit = -1;
	err = parse_interface(o, d);
	if (!err)
		err = parse_place(o, d);
	if (!err)
		err = parse_geometry(o, &d->values);
	if (!err)
		err = parse_media(o, d);
	if (!err)
		err = parse_policy(o, &d->values);
	if (!err)
		err = parse_flags(o, &d->values);
	if (!err)
		err = parse_strings(o, d);
	if (!err)
		err = optstr_finish(o);
	optstr_free(o);
	if (err) {
		drive_option_free(d);
		return err;
	}
	if (!pending)
		pending = g_ptr_array_new();
	g_ptr_array_add(pending, d);
	return NULL;
}

struct error *drive_option_add_file(struct machine *m, const char *file, const char *options)
{
	char *escaped = optstr_escape(file);
	char *text =
		g_strdup_printf("file=%s%s%s", escaped, options ? "," : "", options ? options : "");
	struct error *err = drive_option_add(m, text);

	g_free(text);
	g_free(escaped);
	return err;
}

struct error *drive_option_hdachs(struct machine *m, const char *text)
{
	char trans[8] = "auto";
	unsigned int c, h, s, t;
	int end = 0;
	int n = sscanf(text, "%u,%u,%u%n,%7[a-z]%n", &c, &h, &s, &end, trans, &end);

	if (n < 3 || text[end])
		return error_new("-hdachs %s: expects cyls,heads,secs[,trans]", text);
	if (c < 1 || c > 16383 || h < 1 || h > 16 || s < 1 || s > 63)
		return error_new("-hdachs %s: cylinders are 1 to 16383, heads 1 to 16, sectors 1 "
				 "to 63",
				 text);
	for (t = 0; trans_names[t] && strcmp(trans_names[t], trans); t++)
		;
	if (!trans_names[t])
		return error_prefix(unknown_name_error("translation", trans, trans_names),
				    "-hdachs %s", text);
	hda_geometry.cyls = c;
	hda_geometry.heads = h;
	hda_geometry.secs = s;
	hda_geometry.translation = (int)t;
	return NULL;
}

void drive_option_snapshot(bool on)
{
	snapshot_all = on;
}

void drive_option_no_defaults(void)
{
	no_defaults = true;
}

/* --- placing --- */

/* First free connector at or behind (bus, unit); a given bus or unit stays. */
static void find_free(const struct drive_option *o, const struct interface *i, unsigned int *bus,
		      unsigned int *unit)
{
	while (drive_get(i->name, *bus, *unit)) {
		if (o->unit >= 0) {
			(*bus)++;
			continue;
		}
		(*unit)++;
		if (i->units && *unit >= i->units && o->bus < 0) {
			*unit = 0;
			(*bus)++;
		}
	}
}

static char *default_id(const struct interface *i, enum block_media media, unsigned int bus,
			unsigned int unit)
{
	const char *kind = media == MEDIA_CDROM ? "-cd" : media == MEDIA_DISK ? "-hd" : "";

	if (i->units)
		return g_strdup_printf("%s%u%s%u", i->name, bus, kind, unit);
	return g_strdup_printf("%s%u", i->name, unit);
}

static struct error *place(struct machine *m, const struct drive_option *o)
{
	const struct interface *i = o->interface;
	const char *board = m->class->drive_interface ? m->class->drive_interface : "ide";
	unsigned int bus = o->bus < 0 ? 0 : (unsigned int)o->bus;
	unsigned int unit = o->unit < 0 ? 0 : (unsigned int)o->unit;

	if (!i)
		i = interface_find(board);
	if (!i)
		return error_new("the board has no default drive interface; say if=");
	if (o->index >= 0) {
		bus = i->units ? (unsigned int)o->index / i->units : 0;
		unit = i->units ? (unsigned int)o->index % i->units : (unsigned int)o->index;
	} else if (o->bus < 0 || o->unit < 0) {
		find_free(o, i, &bus, &unit);
	}
	if (i->units && unit >= i->units)
		return error_new("unit %u is too big: %s has units 0 to %u", unit, i->name,
				 i->units - 1);
	if (strcmp(i->name, "none") && drive_get(i->name, bus, unit))
		return error_new("drive with bus=%u, unit=%u (index=%u) of %s exists", bus, unit,
				 i->units ? bus * i->units + unit : unit, i->name);
	enum block_media media = o->values.media;
	if (o->explicit_id && drive_find(o->values.id))
		return error_new("duplicate id '%s'", o->values.id);
	struct drive *d = drive_new(i->name, bus, unit,
				    o->explicit_id ? g_strdup(o->values.id)
						   : default_id(i, media, bus, unit));
	const struct drive *v = &o->values;
	d->media = media;
	d->file = g_strdup(v->file);
	d->format = g_strdup(v->format);
	d->serial = g_strdup(v->serial);
	d->cache = v->cache;
	d->discard = v->discard;
	d->locking_off = v->locking_off;
	d->readonly = v->readonly;
	d->snapshot = v->snapshot || snapshot_all;
	d->cyls = v->cyls;
	d->heads = v->heads;
	d->secs = v->secs;
	d->translation = v->translation;
	d->werror = v->werror;
	d->rerror = v->rerror;
	return error_prefix(drive_open(d), "-drive file=%s", v->file ? v->file : "");
}

static struct error *place_default(struct machine *m, const char *interface, int index,
				   enum block_media media)
{
	struct drive_option o = {.index = index, .bus = -1, .unit = -1};
	const struct interface *i = interface_find(interface);
	unsigned int bus = i->units ? (unsigned int)index / i->units : 0;
	unsigned int unit = i->units ? (unsigned int)index % i->units : (unsigned int)index;

	if (drive_get(interface, bus, unit))
		return NULL;
	o.interface = i;
	o.values.media = media;
	o.values.werror = BLOCK_ERROR_ENOSPC;
	return place(m, &o);
}

static void *lookup_drive(const char *id)
{
	return drive_find(id);
}

struct error *drives_open(struct machine *m)
{
	const char *board = m->class->drive_interface ? m->class->drive_interface : "ide";
	struct error *err = NULL;

	prop_set_lookup(PROP_KIND_DRIVE, lookup_drive);
	for (unsigned int i = 0; pending && i < pending->len && !err; i++)
		err = place(m, g_ptr_array_index(pending, i));
	for (unsigned int i = 0; pending && i < pending->len; i++)
		drive_option_free(g_ptr_array_index(pending, i));
	if (pending)
		g_ptr_array_set_size(pending, 0);
	if (!err && !no_defaults && !m->class->no_cdrom &&
	    (!strcmp(board, "ide") || !strcmp(board, "scsi")))
		err = place_default(m, board, 2, MEDIA_CDROM);
	if (!err && !no_defaults && !m->class->no_floppy)
		err = place_default(m, "floppy", 0, MEDIA_FLOPPY);
	struct drive *hda = drive_get("ide", 0, 0);
	if (hda && hda_geometry.cyls) {
		hda->cyls = hda_geometry.cyls;
		hda->heads = hda_geometry.heads;
		hda->secs = hda_geometry.secs;
		hda->translation = hda_geometry.translation;
	}
	return err;
}
