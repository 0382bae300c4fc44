/* -hda and its like, -drive and -blockdev, handed to the storage layer. */
#include "base/optstr.h"
#include "storage/block.h"
#include "storage/drive-options.h"
#include "tools/system.h"

#include <string.h>

/* What each file option means as -drive text; no entry: the value is such a text itself. */
static const struct {
	const char *option, *text;
} file_options[] = {
	{"hda", "index=0,media=disk"},	  {"hdb", "index=1,media=disk"},
	{"hdc", "index=2,media=disk"},	  {"hdd", "index=3,media=disk"},
	{"cdrom", "index=2,media=cdrom"}, {"fda", "if=floppy,index=0"},
	{"fdb", "if=floppy,index=1"},	  {"sd", "if=sd"},
	{"mtdblock", "if=mtd"},		  {"pflash", "if=pflash"},
};

static struct error *add_use(struct machine *m, const struct option_use *use)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(file_options); i++)
		if (strcmp(file_options[i].option, use->option) == 0)
			return drive_option_add_file(m, use->value, file_options[i].text);
	return drive_option_add(m, use->value);
}

/* --- -blockdev --- */

/* A protocol node waits for the format node that names it; alone it is a raw image. */
struct file_node {
	char *name, *path;
	bool readonly, used;
};

static void file_node_free(void *p)
{
	struct file_node *node = p;
	g_free(node->name);
	g_free(node->path);
	g_free(node);
}

static struct file_node *file_node_find(GPtrArray *nodes, const char *name)
{
	for (unsigned int i = 0; i < nodes->len; i++) {
		struct file_node *node = nodes->pdata[i];
		if (name && strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

static struct error *add_node(struct machine *m, const char *format, const char *name,
			      const char *path, bool readonly)
{
	char *file = optstr_escape(path), *id = optstr_escape(name);
	char *text = g_strdup_printf("if=none,id=%s,format=%s,readonly=%s,file=%s", id, format,
				     readonly ? "on" : "off", file);
	struct error *err = drive_option_add(m, text);

	g_free(text);
	g_free(file);
	g_free(id);
	return err;
}

/* A format node: its file is another node, or "file.filename=" says it here. */
static struct error *add_format_node(struct machine *m, struct optstr *o, GPtrArray *nodes,
				     const char *driver, const char *name, bool readonly)
{
	const char *file = optstr_get(o, "file"), *path = optstr_get(o, "file.filename");
	struct file_node *node = file_node_find(nodes, file);

	optstr_get(o, "file.driver");
	if (file && !node)
		return error_new("there is no node \"%s\"", file);
	if (node) {
		node->used = true;
		path = node->path;
	}
	if (!path)
		return error_new("file= is missing");
	return add_node(m, driver, name, path, readonly);
}

static struct error *add_blockdev(struct machine *m, struct optstr *o, GPtrArray *nodes)
{
	const char *driver, *name;
	bool readonly = false;
	struct error *err = optstr_require(o, "driver", &driver);

	if (!err)
		err = optstr_require(o, "node-name", &name);
	if (!err)
		err = optstr_bool(o, "read-only", &readonly);
	if (err)
		return err;
	if (strcmp(driver, "file") != 0 && strcmp(driver, "host_device") != 0)
		return add_format_node(m, o, nodes, driver, name, readonly);
	const char *path;
	err = optstr_require(o, "filename", &path);
	if (err)
		return err;
	struct file_node *node = g_new(struct file_node, 1);
	*node = (struct file_node){g_strdup(name), g_strdup(path), readonly, false};
	g_ptr_array_add(nodes, node);
	return NULL;
}

static struct error *add_blockdevs(struct system_config *c)
{
	GPtrArray *nodes = g_ptr_array_new_with_free_func(file_node_free);
	struct error *err = NULL;

	for (unsigned int i = 0; i < c->blockdevs->len && !err; i++) {
		const struct option_use *use = c->blockdevs->pdata[i];
		struct optstr *o = optstr_parse(use->value, "driver");
		err = add_blockdev(c->m, o, nodes);
		if (!err)
			err = optstr_finish(o);
		optstr_free(o);
		err = option_use_error(err, use);
	}
	for (unsigned int i = 0; i < nodes->len && !err; i++) {
		const struct file_node *node = nodes->pdata[i];
		if (!node->used)
			err = add_node(c->m, "raw", node->name, node->path, node->readonly);
	}
	g_ptr_array_unref(nodes);
	return err;
}

/* A disk that no device of the machine took would be missing without a word. */
struct error *system_check_drives(struct system_config *c)
{
	for (struct drive *d = drive_first(); d; d = d->next)
		if (d->file && !d->claimed && strcmp(d->interface, "none"))
			return error_new("'%s': machine \"%s\" has no place for if=%s,bus=%u,unit=%u",
					 d->file, c->m->class->name, d->interface, d->bus, d->unit);
	return NULL;
}

struct error *system_open_drives(struct system_config *c)
{
	struct error *err = NULL;

	drive_option_snapshot(c->snapshot);
	if (c->nodefaults)
		drive_option_no_defaults();
	for (unsigned int i = 0; i < c->drives->len && !err; i++) {
		const struct option_use *use = c->drives->pdata[i];
		err = option_use_error(add_use(c->m, use), use);
	}
	if (!err)
		err = add_blockdevs(c);
	if (!err && c->hdachs)
		err = error_prefix(drive_option_hdachs(c->m, c->hdachs), "-hdachs %s", c->hdachs);
	return err ? err : drives_open(c->m);
}
