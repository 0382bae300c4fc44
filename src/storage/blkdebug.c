/*
 * The "blkdebug" protocol: lets requests to the node below fail where its rules say so, and can
 * bring the limits of devices to it. For tests. As in QEMU 7.2:
 *
 *	blkdebug:CONFIG:IMAGE, or the options config=, image.*, inject-error.N.*, set-state.N.*,
 *	align=, max-transfer=, max-write-zero=, max-discard= (and opt-*=, which are hints)
 *
 * CONFIG is a file of groups [inject-error] (event, errno, iotype, state, sector, once) and
 * [set-state] (event, state, new_state). Formats tell the events that they know by image_event();
 * a rule holds from its event to the next one that has a rule. Any other request is read_aio,
 * write_aio or flush_to_disk. Writes tell of their own steps, where breakpoints (gate.h) can hold
 * them up: pwritev, pwritev_done, and where blocks are read first, pwritev_rmw_head,
 * pwritev_rmw_after_head, and the same with tail.
 */
#include "storage/drivers.h"

#include "base/optstr.h"
#include "storage/gate.h"

#include <errno.h>
#include <string.h>

struct rule {
	bool sets_state, once, spent;
	char *event;
	uint64_t state, new_state; /* state 0: any */
	uint64_t error, sector;	   /* sector UINT64_MAX: any */
	char *iotype;		   /* NULL: any */
};

struct blkdebug {
	GPtrArray *rules;   /* struct rule */
	GHashTable *by_key; /* "inject-error.0" to struct rule, not owned */
	uint64_t state;
	char *event; /* the last that was told, or NULL */
	uint64_t align, max_transfer, max_zero, max_discard;
	struct gate *gate; /* NULL: requests are never held up */
};

static struct blkdebug *of(struct image *img)
{
	return img->state;
}

/* --- rules --- */

static void rule_free(void *opaque)
{
	struct rule *r = opaque;

	g_free(r->event);
	g_free(r->iotype);
	g_free(r);
}

static struct rule *rule_new(struct blkdebug *b, bool sets_state)
{
	struct rule *r = g_new0(struct rule, 1);

	r->sets_state = sets_state;
	r->error = EIO;
	r->sector = UINT64_MAX;
	g_ptr_array_add(b->rules, r);
	return r;
}

static struct error *rule_set(struct rule *r, const char *key, const char *value)
{
	if (!strcmp(key, "event")) {
		g_free(r->event);
		r->event = g_strdup(value);
	} else if (!strcmp(key, "iotype")) {
		g_free(r->iotype);
		r->iotype = g_strdup(value);
	} else if (!strcmp(key, "state")) {
		return parse_u64(value, 0, INT32_MAX, &r->state);
	} else if (!strcmp(key, "new_state")) {
		return parse_u64(value, 0, INT32_MAX, &r->new_state);
	} else if (!strcmp(key, "errno")) {
		return parse_u64(value, 1, 4095, &r->error);
	} else if (!strcmp(key, "sector")) {
		return *value == '-' ? NULL : parse_u64(value, 0, INT64_MAX, &r->sector);
	} else if (!strcmp(key, "once")) {
		return parse_bool(value, &r->once);
	} else if (strcmp(key, "immediately")) {
		return error_new("unknown key \"%s\" of a rule", key);
	}
	return NULL;
}

static struct error *config_line(struct blkdebug *b, char *line, struct rule **rule)
{
	char *equals;

	g_strstrip(line);
	if (!*line || *line == '#')
		return NULL;
	if (!strcmp(line, "[inject-error]") || !strcmp(line, "[set-state]")) {
		*rule = rule_new(b, line[1] == 's');
		return NULL;
	}
	equals = strchr(line, '=');
	if (!*rule || !equals)
		return error_new("\"%s\": expects [inject-error], [set-state] or KEY = \"VALUE\"",
				 line);
	*equals = 0;
	char *value = g_strstrip(equals + 1);
	size_t n = strlen(value);
	if (n > 1 && value[0] == '"' && value[n - 1] == '"') {
		value[n - 1] = 0;
		value++;
	}
	return rule_set(*rule, g_strstrip(line), value);
}

static struct error *read_config(struct blkdebug *b, const char *path)
{
	struct rule *rule = NULL;
	struct error *err = NULL;
	char *text;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return error_new("Could not read blkdebug config file '%s'", path);
	char **lines = g_strsplit(text, "\n", -1);
	for (unsigned int i = 0; lines[i] && !err; i++)
		err = error_prefix(config_line(b, lines[i], &rule), "%s:%u", path, i + 1);
	g_strfreev(lines);
	g_free(text);
	return err;
}

/* "inject-error.0.event": the rule is made by the first of its keys. */
static struct error *rule_option(struct blkdebug *b, const char *key, const char *value)
{
	const char *dot = strrchr(key, '.');
	char *name = g_strndup(key, (size_t)(dot - key));
	struct rule *r = g_hash_table_lookup(b->by_key, name);

	if (!r) {
		r = rule_new(b, *key == 's');
		g_hash_table_insert(b->by_key, g_strdup(name), r);
	}
	g_free(name);
	return rule_set(r, dot + 1, value);
}

static bool blkdebug_configure(struct image *img, const char *key, const char *value,
			       struct error **err)
{
	struct blkdebug *b = of(img);
	const struct {
		const char *name;
		uint64_t *to;
	} sizes[] = {
		{"align", &b->align},
		{"max-transfer", &b->max_transfer},
		{"max-write-zero", &b->max_zero},
		{"max-discard", &b->max_discard},
		{"opt-write-zero", NULL},
		{"opt-discard", NULL},
	};

	if (!strcmp(key, "config")) {
		*err = read_config(b, value);
		return true;
	}
	if (g_str_has_prefix(key, "inject-error.") || g_str_has_prefix(key, "set-state.")) {
		*err = strchr(strchr(key, '.') + 1, '.') ? rule_option(b, key, value)
							 : error_new("%s: expects a list", key);
		return true;
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(sizes); i++) {
		uint64_t size;
		if (strcmp(key, sizes[i].name))
			continue;
		*err = parse_size(value, 1, &size);
		if (!*err && sizes[i].to == &b->align && (size & (size - 1) || size > 1 << 20))
			*err = error_new("Cannot meet constraints with align %s", value);
		if (!*err && sizes[i].to)
			*sizes[i].to = size;
		return true;
	}
	return false;
}

/* --- events --- */

static void blkdebug_event(struct image *img, const char *event)
{
	struct blkdebug *b = of(img);

	for (unsigned int i = 0; i < b->rules->len; i++) {
		struct rule *r = g_ptr_array_index(b->rules, i);
		if (!r->sets_state && !g_strcmp0(r->event, event)) {
			g_free(b->event);
			b->event = g_strdup(event);
		}
		if (r->sets_state && !g_strcmp0(r->event, event) &&
		    (!r->state || r->state == b->state)) {
			b->state = r->new_state;
			break;
		}
	}
}

/* The error of a request, 0: it may pass. */
static int inject(struct image *img, const char *iotype, const char *event, uint64_t offset,
		  uint64_t len)
{
	struct blkdebug *b = of(img);

	for (unsigned int i = 0; i < b->rules->len; i++) {
		struct rule *r = g_ptr_array_index(b->rules, i);
		bool now = !g_strcmp0(r->event, event) ||
			   (b->event && !g_strcmp0(r->event, b->event)) ||
			   !g_strcmp0(r->event, "none");
		bool here = r->sector == UINT64_MAX ||
			    (offset / SECTOR_SIZE <= r->sector &&
			     r->sector < (offset + len + SECTOR_SIZE - 1) / SECTOR_SIZE);
		/* a flush fails for rules about flushes only */
		bool meant = r->iotype ? !strcmp(r->iotype, iotype)
				       : strcmp(iotype, "flush") || !strcmp(r->event, event);
		if (r->sets_state || r->spent || !r->event || !now || !here || !meant ||
		    (r->state && r->state != b->state))
			continue;
		r->spent = r->once;
		return (int)r->error;
	}
	return 0;
}

/* --- data --- */

static int one_request(struct image *img, uint64_t offset, uint8_t *buf, size_t len, bool write)
{
	int err = inject(img, write ? "write" : "read", write ? "write_aio" : "read_aio", offset,
			 len);

	if (err)
		return err;
	err = write ? image_pwrite(img->file, offset, buf, len)
		    : image_pread_padded(img->file, offset, buf, len);
	img->size = img->file->size;
	return err;
}

/* Requests of whole blocks, no longer than the limit. */
static int aligned(struct image *img, uint64_t offset, uint8_t *buf, size_t len, bool write)
{
	const struct blkdebug *b = of(img);
	size_t most = b->max_transfer ? b->max_transfer : len;
	int err = 0;

	for (size_t done = 0; done < len && !err; done += MIN(most, len - done))
		err = one_request(img, offset + done, buf + done, MIN(most, len - done), write);
	return err;
}

static int unaligned_read(struct image *img, uint64_t offset, uint8_t *buf, size_t len)
{
	const uint64_t a = of(img)->align;
	uint64_t from = offset & ~(a - 1), to = (offset + len + a - 1) & ~(a - 1);
	uint8_t *all = g_malloc(to - from);
	int err = aligned(img, from, all, to - from, false);

	memcpy(buf, all + (offset - from), len);
	g_free(all);
	return err;
}

static void told_read(struct gate *g, bool head, bool tail, bool after)
{
	if (head)
		gate_event(g, after ? "pwritev_rmw_after_head" : "pwritev_rmw_head");
	if (tail)
		gate_event(g, after ? "pwritev_rmw_after_tail" : "pwritev_rmw_tail");
}

/* The blocks that [offset, end) covers in part, into `all`, which begins at `from`. */
static int read_edges(struct image *img, uint64_t offset, uint64_t end, uint64_t from, uint64_t to,
		      uint8_t *all)
{
	const uint64_t a = of(img)->align;
	struct gate *g = of(img)->gate;
	bool head = offset != from, tail = end != to, one = to - from == a;
	int err = 0;

	if (head || one) {
		told_read(g, head, tail && one, false);
		err = aligned(img, from, all, a, false);
		told_read(g, head, tail && one, true);
	}
	if (!err && tail && !one) {
		told_read(g, false, true, false);
		err = aligned(img, to - a, all + (to - a - from), a, false);
		told_read(g, false, true, true);
	}
	return err;
}

static int unaligned_write(struct image *img, uint64_t offset, const uint8_t *buf, size_t len)
{
	const uint64_t a = of(img)->align, end = offset + len;
	uint64_t from = offset & ~(a - 1), to = (end + a - 1) & ~(a - 1);
	struct gate *g = of(img)->gate;
	struct gate_range *range = gate_enter(g, from, to, true);
	uint8_t *all = g_malloc(to - from);
	const uint64_t size = img->size;
	int err = read_edges(img, offset, end, from, to, all);

	if (!err) {
		memcpy(all + (offset - from), buf, len);
		/* the end of the file stays where it is */
		to = MIN(to, MAX(size, end));
		gate_event(g, "pwritev");
		err = aligned(img, from, all, to - from, true);
		gate_event(g, "pwritev_done");
	}
	g_free(all);
	gate_leave(g, range);
	return err;
}

static bool is_aligned(struct image *img, uint64_t offset, size_t len)
{
	const uint64_t a = MAX(of(img)->align, 1);

	return ((offset | len) & (a - 1)) == 0;
}

static int blkdebug_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	return is_aligned(img, offset, len) ? aligned(img, offset, buf, len, false)
					    : unaligned_read(img, offset, buf, len);
}

static int blkdebug_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct gate *g = of(img)->gate;

	if (!is_aligned(img, offset, len))
		return unaligned_write(img, offset, buf, len);
	struct gate_range *range = gate_enter(g, offset, offset + len, false);
	gate_event(g, "pwritev");
	int err = aligned(img, offset, (uint8_t *)(uintptr_t)buf, len, true);
	gate_event(g, "pwritev_done");
	gate_leave(g, range);
	return err;
}

/* Formats keep state of their own while a request is under way; raw does not. */
bool blkdebug_set_gate(struct image *top, struct gate *g)
{
	struct image *img = top;

	while (img && img->driver == &raw_driver)
		img = img->file;
	if (!img || img->driver != &blkdebug_driver)
		return false;
	of(img)->gate = g;
	return true;
}

static int blkdebug_flush(struct image *img)
{
	int err = inject(img, "flush", "flush_to_disk", 0, 0);

	return err ? err : image_flush(img->file);
}

static int blkdebug_discard(struct image *img, uint64_t offset, uint64_t len)
{
	const uint64_t most = of(img)->max_discard ? of(img)->max_discard : UINT64_MAX;
	const uint64_t end = offset + len;
	int err = inject(img, "discard", "discard", offset, len);

	/* cut where whole clusters end, or the ones in between would stay */
	for (uint64_t n; offset < end && !err; offset += n) {
		n = MIN(most - offset % most, end - offset);
		err = image_discard(img->file, offset, n);
	}
	return err;
}

static int blkdebug_write_zeroes(struct image *img, uint64_t offset, uint64_t len,
				 unsigned int flags)
{
	const uint64_t most = of(img)->max_zero ? of(img)->max_zero : len;
	int err = inject(img, "write-zeroes", "write_aio", offset, len);

	for (uint64_t done = 0; done < len && !err; done += MIN(most, len - done))
		err = image_write_zeroes(img->file, offset + done, MIN(most, len - done), flags);
	img->size = img->file->size;
	return err;
}

static int blkdebug_map(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e)
{
	int err = inject(img, "block-status", "block_status", offset, len);

	return err ? err : image_map(img->file, offset, len, e);
}

static struct error *blkdebug_truncate(struct image *img, uint64_t size, const char *preallocation)
{
	struct error *err = image_truncate(img->file, size, preallocation);

	img->size = img->file->size;
	return err;
}

/* --- open and close --- */

char *blkdebug_split(const char *filename, char **config)
{
	const char *rest = filename + strlen("blkdebug:");
	const char *colon = strchr(rest, ':');

	*config = g_strndup(rest, colon ? (size_t)(colon - rest) : 0);
	return g_strdup(colon ? colon + 1 : rest);
}

/* The child is there where options opened it. */
static struct error *blkdebug_open(struct image *img)
{
	struct blkdebug *b = of(img);
	struct error *err = NULL;

	b->rules = g_ptr_array_new_with_free_func(rule_free);
	b->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	b->state = 1;
	if (!img->file) {
		char *config, *name = blkdebug_split(img->filename, &config);
		if (*config)
			err = read_config(b, config);
		if (!err)
			err = image_open_file(name, img->flags, &img->file);
		g_free(config);
		g_free(name);
	}
	if (err) {
		g_ptr_array_free(b->rules, TRUE);
		g_hash_table_destroy(b->by_key);
		return err;
	}
	img->size = img->file->size;
	img->zero_init = img->file->zero_init;
	return NULL;
}

static void blkdebug_close(struct image *img)
{
	struct blkdebug *b = of(img);

	g_ptr_array_free(b->rules, TRUE);
	g_hash_table_destroy(b->by_key);
	g_free(b->event);
}

const struct image_driver blkdebug_driver = {
	.name = "blkdebug",
	.help = "requests that fail by rules, for tests",
	.protocol = "blkdebug:",
	.growable = true,
	.state_size = sizeof(struct blkdebug),
	.open = blkdebug_open,
	.close = blkdebug_close,
	.configure = blkdebug_configure,
	.event = blkdebug_event,
	.pread = blkdebug_pread,
	.pwrite = blkdebug_pwrite,
	.flush = blkdebug_flush,
	.discard = blkdebug_discard,
	.write_zeroes = blkdebug_write_zeroes,
	.map = blkdebug_map,
	.truncate = blkdebug_truncate,
};
