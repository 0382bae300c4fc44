/* qemu-img info, map, check, measure: looking at images. */
#include "tools/qemu-img.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *operand(const struct img_args *a, unsigned int i)
{
	return i < a->operands->len ? g_ptr_array_index(a->operands, i) : NULL;
}

/* --- snapshots --- */

void img_print_snapshots(GPtrArray *list)
{
	printf("%-9s %-16s %8s %19s %15s %10s\n", "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK",
	       "ICOUNT");
	for (unsigned int i = 0; i < list->len; i++) {
		const struct image_snapshot *s = g_ptr_array_index(list, i);
		time_t when = (time_t)s->date_sec;
		uint64_t ms = s->vm_clock_ns / 1000000;
		char date[32], clock[32], icount[24] = "";
		char *size = size_text(s->vm_state_size);
		struct tm tm;
		localtime_r(&when, &tm);
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
		g_snprintf(clock, sizeof(clock), "%02u:%02u:%02u.%03u",
			   (unsigned int)(ms / 3600000), (unsigned int)(ms / 60000 % 60),
			   (unsigned int)(ms / 1000 % 60), (unsigned int)(ms % 1000));
		if (s->icount != UINT64_MAX)
			g_snprintf(icount, sizeof(icount), "%" G_GUINT64_FORMAT, s->icount);
		printf("%-9s %-16s %8s %19s %15s %10s\n", s->id, s->name, size, date, clock,
		       icount);
		g_free(size);
	}
}

static GPtrArray *snapshots_of(struct image *img)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(image_snapshot_free);

	if (img->driver->snapshot_list)
		error_free(img->driver->snapshot_list(img, list));
	return list;
}

/* --- info --- */

static void info_human(struct image *img)
{
	char *virtual = size_text(img->size);
	uint64_t host = image_host_size(img);
	char *disk = host == UINT64_MAX ? g_strdup("unavailable") : size_text(host);

	printf("image: %s\nfile format: %s\nvirtual size: %s (%" G_GUINT64_FORMAT
	       " bytes)\ndisk size: %s\n",
	       img->filename, img->driver->name, virtual, img->size, disk);
	if (img->encrypted)
		printf("encrypted: yes\n");
	if (img->cluster_size)
		printf("cluster_size: %u\n", img->cluster_size);
	if (img->backing_file) {
		char *path = image_path_relative(img->filename, img->backing_file);
		printf("backing file: %s", img->backing_file);
		if (strcmp(path, img->backing_file))
			printf(" (actual path: %s)", path);
		printf("\n");
		g_free(path);
	}
	if (img->backing_format)
		printf("backing file format: %s\n", img->backing_format);
	GPtrArray *list = snapshots_of(img);
	if (list->len) {
		printf("Snapshot list:\n");
		img_print_snapshots(list);
	}
	g_ptr_array_free(list, TRUE);
	print_image_facts(img);
	g_free(virtual);
	g_free(disk);
}

static void json_text(const char *indent, const char *key, const char *value)
{
	char *quoted = json_quote(value);

	printf("%s\"%s\": %s,\n", indent, key, quoted);
	g_free(quoted);
}

static void json_snapshots(struct image *img, const char *in)
{
	GPtrArray *list = snapshots_of(img);

	if (list->len)
		printf("%s\"snapshots\": [\n", in);
	for (unsigned int i = 0; i < list->len; i++) {
		const struct image_snapshot *s = g_ptr_array_index(list, i);
		char *id = json_quote(s->id), *name = json_quote(s->name);
		printf("%s    {\n", in);
		if (s->icount != UINT64_MAX)
			printf("%s        \"icount\": %" G_GUINT64_FORMAT ",\n", in, s->icount);
		printf("%s        \"vm-clock-nsec\": %u,\n%s        \"name\": %s,\n"
		       "%s        \"date-sec\": %" G_GINT64_FORMAT
		       ",\n%s        \"date-nsec\": %u,\n"
		       "%s        \"vm-clock-sec\": %" G_GUINT64_FORMAT ",\n%s        \"id\": %s,\n"
		       "%s        \"vm-state-size\": %" G_GUINT64_FORMAT "\n%s    }%s\n",
		       in, (unsigned int)(s->vm_clock_ns % 1000000000), in, name, in, s->date_sec,
		       in, s->date_nsec, in, s->vm_clock_ns / 1000000000, in, id, in,
		       s->vm_state_size, in, i + 1 < list->len ? "," : "");
		g_free(id);
		g_free(name);
	}
	if (list->len)
		printf("%s],\n", in);
	g_ptr_array_free(list, TRUE);
}

/* "refcount bits" is "refcount-bits" here. */
static void json_facts(struct image *img, const char *in)
{
	GArray *facts = image_facts(img);

	if (facts->len)
		printf("%s\"format-specific\": {\n%s    \"type\": \"%s\",\n%s    \"data\": {\n", in,
		       in, img->driver->name, in);
	const char *comma = "";
	for (unsigned int i = 0; i < facts->len; i++) {
		struct image_fact *f = &g_array_index(facts, struct image_fact, i);
		if (!f->json)
			continue;
		char *key = g_strdelimit(g_strdup(f->name), " ", '-');
		char *value = *f->json == 's' ? json_quote(f->value) : g_strdup(f->value);
		printf("%s%s        \"%s\": %s", comma, in, key, value);
		comma = ",\n";
		g_free(key);
		g_free(value);
	}
	if (facts->len)
		printf("\n%s    }\n%s},\n", in, in);
	image_facts_free(facts);
}

static void info_json(struct image *img, const char *in)
{
	uint64_t host = image_host_size(img);

	if (img->backing_format)
		json_text(in, "backing-filename-format", img->backing_format);
	json_snapshots(img, in);
	printf("%s\"virtual-size\": %" G_GUINT64_FORMAT ",\n", in, img->size);
	json_text(in, "filename", img->filename);
	if (img->cluster_size)
		printf("%s\"cluster-size\": %u,\n", in, img->cluster_size);
	json_text(in, "format", img->driver->name);
	if (host != UINT64_MAX)
		printf("%s\"actual-size\": %" G_GUINT64_FORMAT ",\n", in, host);
	if (img->encrypted)
		printf("%s\"encrypted\": true,\n", in);
	json_facts(img, in);
	if (img->backing_file) {
		char *path = image_path_relative(img->filename, img->backing_file);
		json_text(in, "full-backing-filename", path);
		json_text(in, "backing-filename", img->backing_file);
		g_free(path);
	}
	printf("%s\"dirty-flag\": false\n", in);
}

static bool chain_has(GPtrArray *chain, const char *name)
{
	for (unsigned int i = 0; i < chain->len; i++)
		if (!strcmp(((struct image *)g_ptr_array_index(chain, i))->filename, name))
			return true;
	return false;
}

/* Opens the image, and with --backing-chain each one below it by itself. */
static struct error *open_chain(struct img_args *a, GPtrArray *chain)
{
	struct image_args args = a->image;
	char *name = g_strdup(operand(a, 0)), *format = g_strdup(args.format);
	struct error *err = NULL;

	while (name && !err) {
		struct image *img;
		if (chain_has(chain, name)) {
			err = error_new("Backing file '%s' creates an infinite loop.", name);
			break;
		}
		err = image_args_open_as(&args, name, format, IMAGE_NO_IO | IMAGE_NO_BACKING, &img);
		g_free(name);
		g_free(format);
		name = format = NULL;
		if (err)
			break;
		g_ptr_array_add(chain, img);
		if (a->backing_chain && img->backing_file) {
			name = image_path_relative(img->filename, img->backing_file);
			format = g_strdup(img->backing_format);
		}
		args.image_opts = false;
	}
	g_free(name);
	g_free(format);
	return err;
}

static void print_chain(struct img_args *a, GPtrArray *chain)
{
	const char *in = a->backing_chain ? "        " : "    ";
	bool json = img_json(a);

	if (json && a->backing_chain)
		printf("[\n");
	for (unsigned int i = 0; i < chain->len; i++) {
		struct image *img = g_ptr_array_index(chain, i);
		if (json) {
			printf("%s{\n", in + 4);
			info_json(img, in);
			printf("%s}%s\n", in + 4, i + 1 < chain->len ? "," : "");
		} else {
			if (i)
				printf("\n");
			info_human(img);
		}
	}
	if (json && a->backing_chain)
		printf("]\n");
}

int img_info(struct img_args *a)
{
	GPtrArray *chain = g_ptr_array_new();
	struct error *err = open_chain(a, chain);
	int status = 0;

	if (!err)
		print_chain(a, chain);
	for (unsigned int i = 0; i < chain->len; i++)
		status = img_close(g_ptr_array_index(chain, i), status);
	g_ptr_array_free(chain, TRUE);
	return err ? tool_fail(err) : status;
}

/* --- map --- */

struct map_entry {
	uint64_t start, length, offset;
	unsigned int depth;
	bool data, zero, present, has_offset;
	const char *file;
};

static void print_entry(const struct img_args *a, const struct map_entry *e, bool *first)
{
	if (!img_json(a)) {
		if (e->data && !e->has_offset) {
			tool_fail_text("File contains external, encrypted or compressed clusters.");
			exit(1);
		}
		if (e->data && !e->zero)
			printf("%#-16" G_GINT64_MODIFIER "x%#-16" G_GINT64_MODIFIER
			       "x%#-16" G_GINT64_MODIFIER "x%s\n",
			       e->start, e->length, e->offset, e->file);
		return;
	}
	printf("%s{ \"start\": %" G_GUINT64_FORMAT ", \"length\": %" G_GUINT64_FORMAT
	       ", \"depth\": %u, \"present\": %s, \"zero\": %s, \"data\": %s",
	       *first ? "[" : ",\n", e->start, e->length, e->depth, e->present ? "true" : "false",
	       e->zero ? "true" : "false", e->data ? "true" : "false");
	if (e->has_offset)
		printf(", \"offset\": %" G_GUINT64_FORMAT, e->offset);
	printf("}");
	*first = false;
}

static bool joins(const struct map_entry *a, const struct map_entry *b)
{
	return a->data == b->data && a->zero == b->zero && a->present == b->present &&
	       a->depth == b->depth && a->has_offset == b->has_offset && a->file == b->file &&
	       (!a->has_offset || a->offset + a->length == b->offset);
}

/* What the protocol below knows of a run of data: a hole in the file reads as zeroes. */
static int look_below(struct image *node, struct map_entry *e)
{
	struct image_extent x;

	if (!node->file || !e->data || !e->has_offset || e->offset >= node->file->size)
		return 0;
	int err =
		image_map(node->file, e->offset, MIN(e->length, node->file->size - e->offset), &x);
	if (err)
		return err;
	e->length = MIN(e->length, x.length);
	if (x.zero) {
		e->zero = true;
		e->data = x.data;
	}
	return 0;
}

static int get_entry(struct image *img, uint64_t at, uint64_t len, struct map_entry *e)
{
	struct image_extent x;
	struct image *node;
	unsigned int depth;
	int err = image_map_chain(img, NULL, at, len, &x, &depth, &node);

	if (err)
		return err;
	*e = (struct map_entry){.start = at,
				.length = x.length,
				.depth = depth,
				.data = x.data,
				.zero = x.zero,
				.present = x.allocated};
	e->has_offset = x.has_offset;
	e->offset = x.has_offset ? x.offset : 0;
	e->file = x.has_offset && node && node->file ? node->file->filename : NULL;
	return node ? look_below(node, e) : 0;
}

int img_map(struct img_args *a)
{
	uint64_t at = 0, end, max;
	struct map_entry now, last = {0};
	bool first = true;
	struct image *img;
	struct error *err = image_args_open_as(&a->image, operand(a, 0), a->image.format, 0, &img);

	if (err)
		return tool_fail(err);
	end = img->size;
	if (a->start_offset)
		err = img_size(a->start_offset, &at);
	if (!err && a->max_length) {
		err = img_size(a->max_length, &max);
		end = err ? 0 : MIN(end, at + max);
	}
	if (err) {
		img_close(img, 1);
		return tool_fail(err);
	}
	if (!img_json(a))
		printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
	while (at < end) {
		int e = get_entry(img, at, MIN(end - at, UINT64_C(1) << 30), &now);
		if (e) {
			img_close(img, 1);
			return tool_fail_text("Failed to read image metadata: %s", g_strerror(e));
		}
		if (last.length && joins(&last, &now)) {
			last.length += now.length;
		} else {
			if (last.length)
				print_entry(a, &last, &first);
			last = now;
		}
		at += now.length;
	}
	if (last.length)
		print_entry(a, &last, &first);
	if (img_json(a))
		printf(first ? "[]\n" : "]\n");
	return img_close(img, 0);
}

/* --- check --- */

enum {
	CHECK_OK = 0,
	CHECK_INTERNAL = 1,
	CHECK_CORRUPT = 2,
	CHECK_LEAKS = 3,
	CHECK_UNSUPPORTED = 63
};

static void check_human(const struct img_args *a, const struct image_check *r)
{
	if (!r->corruptions && !r->leaks && !r->check_errors)
		img_say(a, "No errors were found on the image.\n");
	if (r->corruptions)
		img_say(a,
			"\n%" G_GUINT64_FORMAT " errors were found on the image.\n"
			"Data may be corrupted, or further writes to the image may corrupt it.\n",
			r->corruptions);
	if (r->leaks)
		img_say(a,
			"\n%" G_GUINT64_FORMAT " leaked clusters were found on the image.\n"
			"This means waste of disk space, but no harm to data.\n",
			r->leaks);
	if (r->check_errors)
		img_say(a,
			"\n%" G_GUINT64_FORMAT " internal errors have occurred during the check.\n",
			r->check_errors);
	if (r->total_clusters && r->allocated_clusters)
		img_say(a,
			"%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
			" = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% compressed clusters\n",
			r->allocated_clusters, r->total_clusters,
			100.0 * (double)r->allocated_clusters / (double)r->total_clusters,
			100.0 * (double)r->fragmented_clusters / (double)r->allocated_clusters,
			100.0 * (double)r->compressed_clusters / (double)r->allocated_clusters);
	if (r->image_end_offset)
		img_say(a, "Image end offset: %" G_GUINT64_FORMAT "\n", r->image_end_offset);
}

static void check_json(const struct image_check *r, const char *name, const char *format)
{
	const struct {
		const char *key;
		uint64_t value;
	} optional[] = {
		{"total-clusters", r->total_clusters},
		{"allocated-clusters", r->allocated_clusters},
		{"fragmented-clusters", r->fragmented_clusters},
		{"compressed-clusters", r->compressed_clusters},
		{"corruptions", r->corruptions},
		{"leaks", r->leaks},
		{"corruptions-fixed", r->corruptions_fixed},
		{"leaks-fixed", r->leaks_fixed},
		{"image-end-offset", r->image_end_offset},
	};
	char *quoted = json_quote(name);

	printf("{\n");
	for (unsigned int i = 0; i < G_N_ELEMENTS(optional); i++)
		if (optional[i].value)
			printf("    \"%s\": %" G_GUINT64_FORMAT ",\n", optional[i].key,
			       optional[i].value);
	printf("    \"check-errors\": %" G_GUINT64_FORMAT ",\n    \"filename\": %s,\n"
	       "    \"format\": \"%s\"\n}\n",
	       r->check_errors, quoted, format);
	g_free(quoted);
}

static int check_status(const struct image_check *r)
{
	if (r->corruptions)
		return CHECK_CORRUPT;
	if (r->leaks)
		return CHECK_LEAKS;
	return r->check_errors ? CHECK_INTERNAL : CHECK_OK;
}

/* A repair is followed by a second look. */
static struct error *check(const struct img_args *a, struct image *img, unsigned int fix,
			   struct image_check *r)
{
	r->out = a->quiet ? NULL : img_json(a) ? stderr : stdout;
	struct error *err = img->driver->check(img, fix, r);

	if (err || !(r->leaks_fixed || r->corruptions_fixed))
		return err;
	uint64_t leaks = r->leaks_fixed, corruptions = r->corruptions_fixed;
	if (!img_json(a))
		img_say(a,
			"The following inconsistencies were found and repaired:\n\n    "
			"%" G_GUINT64_FORMAT " leaked clusters\n    %" G_GUINT64_FORMAT
			" corruptions\n\nDouble checking the fixed image now...\n",
			leaks, corruptions);
	*r = (struct image_check){.out = r->out};
	err = img->driver->check(img, 0, r);
	r->leaks_fixed = leaks;
	r->corruptions_fixed = corruptions;
	return err;
}

int img_check(struct img_args *a)
{
	unsigned int fix = 0, flags = IMAGE_CHECK | IMAGE_NO_BACKING | IMAGE_NO_IO;
	struct image_check r = {0};
	struct image *img;

	if (a->repair && !strcmp(a->repair, "leaks"))
		fix = CHECK_FIX_LEAKS;
	else if (a->repair && !strcmp(a->repair, "all"))
		fix = CHECK_FIX_LEAKS | CHECK_FIX_ERRORS;
	else if (a->repair)
		return tool_fail_text("Unknown option value for -r (expects 'leaks' or 'all'): %s",
				      a->repair);
	struct error *err = image_args_open_as(&a->image, operand(a, 0), a->image.format,
					       flags | (fix ? IMAGE_RDWR : 0), &img);
	if (err)
		return tool_fail(err);
	if (!img->driver->check) {
		tool_fail_text("This image format does not support checks");
		img_close(img, 1);
		return CHECK_UNSUPPORTED;
	}
	err = check(a, img, fix, &r);
	if (err) {
		img_close(img, 1);
		return tool_fail(err);
	}
	if (img_json(a))
		check_json(&r, operand(a, 0), img->driver->name);
	else
		check_human(a, &r);
	return img_close(img, check_status(&r));
}

/* --- measure --- */

/* Clusters of refcount table and blocks that count `clusters` and themselves. */
static uint64_t refcount_clusters(uint64_t clusters, uint64_t cluster, uint64_t bits)
{
	uint64_t table = 0, blocks = 0, n = 0, last;

	do {
		last = n;
		blocks =
			(clusters + table + blocks + cluster * 8 / bits - 1) / (cluster * 8 / bits);
		table = (blocks + cluster / 8 - 1) / (cluster / 8);
		n = clusters + blocks + table;
	} while (n != last);
	return blocks + table;
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static uint64_t qcow2_full_size(uint64_t size, uint64_t cluster, uint64_t bits)
{
	uint64_t data = round_up(size, cluster);
	uint64_t l2 = round_up(data / cluster, cluster / 8);
	uint64_t l1 = round_up(l2 * 8 / cluster, cluster / 8);
	uint64_t meta = cluster + l2 * 8 + l1 * 8;

	return data + meta + refcount_clusters((meta + data) / cluster, cluster, bits) * cluster;
}

/* Bytes of clusters of the image that hold data. */
static int count_data(struct image *img, uint64_t cluster, uint64_t *bytes)
{
	uint64_t at = 0, counted_to = 0;

	*bytes = 0;
	while (at < img->size) {
		struct map_entry e;
		int err = get_entry(img, at, MIN(img->size - at, UINT64_C(1) << 30), &e);
		if (err)
			return err;
		uint64_t end = round_up(at + e.length, cluster),
			 start = MAX(at / cluster * cluster, counted_to);
		if (e.data && !e.zero && end > start) {
			*bytes += end - start;
			counted_to = end;
		}
		at += e.length;
	}
	return 0;
}

static void print_measure(const struct img_args *a, uint64_t required, uint64_t full, bool bitmaps)
{
	if (img_json(a)) {
		printf("{\n%s    \"required\": %" G_GUINT64_FORMAT
		       ",\n    \"fully-allocated\": %" G_GUINT64_FORMAT "\n}\n",
		       bitmaps ? "    \"bitmaps\": 0,\n" : "", required, full);
		return;
	}
	printf("required size: %" G_GUINT64_FORMAT "\nfully allocated size: %" G_GUINT64_FORMAT
	       "\n",
	       required, full);
	if (bitmaps)
		printf("bitmaps size: 0\n");
}

static struct error *measure(struct img_args *a, const struct image_driver *driver,
			     struct image *img, uint64_t size, uint64_t *required, uint64_t *full)
{
	struct image_create c;
	uint64_t cluster = 65536, bits = 16, data;
	const char *preallocation = NULL;
	struct error *err;

	image_create_init(&c, driver, "");
	err = img_creation_options(a, &c);
	if (!err)
		err = image_create_size(&c, "cluster_size", cluster, &cluster);
	if (!err)
		err = image_create_size(&c, "refcount_bits", bits, &bits);
	preallocation = image_create_str(&c, "preallocation");
	bool filled = preallocation &&
		      (!strcmp(preallocation, "full") || !strcmp(preallocation, "falloc"));
	image_create_clear(&c);
	if (err)
		return err;
	if (cluster < 512 || cluster > 2 << 20 || (cluster & (cluster - 1)) || !bits || bits > 64 ||
	    (bits & (bits - 1)))
		return error_new("Cluster size must be a power of two between 512 and 2048k");
	if (!strcmp(driver->name, "raw")) {
		*required = *full = round_up(size, 512);
		return NULL;
	}
	*full = qcow2_full_size(size, cluster, bits);
	data = 0;
	int e = img ? count_data(img, cluster, &data) : 0;
	if (e)
		return error_errno(e, "Failed to read the image");
	*required = filled ? *full : *full - round_up(size, cluster) + data;
	return NULL;
}

int img_measure(struct img_args *a)
{
	const char *format = a->output_format ? a->output_format : "raw", *name = operand(a, 0);
	const struct image_driver *driver = image_driver_find(format);
	uint64_t size = 0, required, full;
	struct image *img = NULL;
	struct error *err = NULL;

	if (!driver)
		return tool_fail_text("Unknown file format '%s'", format);
	if (!name == !a->size_text)
		return tool_fail_text(name ? "--size N cannot be used together with a filename."
					   : "Either --size N or one filename must be specified.");
	if (strcmp(format, "raw") && strcmp(format, "qcow2"))
		return tool_fail_text("Block driver '%s' does not support size measurement",
				      format);
	if (a->size_text)
		err = img_size(a->size_text, &size);
	else
		err = image_args_open_as(&a->image, name, a->image.format, 0, &img);
	if (img)
		size = img->size;
	if (!err)
		err = measure(a, driver, img, size, &required, &full);
	if (img)
		img_close(img, 1);
	if (err)
		return tool_fail(err);
	print_measure(a, required, full, img && !strcmp(format, "qcow2"));
	return 0;
}
