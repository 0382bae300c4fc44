/* Laying a folder out as FAT: names, clusters, directory entries, the allocation table. */
#include "storage/vvfat.h"

#include "base/bytes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

void fat_node_free(void *opaque)
{
	struct fat_node *n = opaque;

	if (!n)
		return;
	if (n->children)
		g_ptr_array_free(n->children, TRUE);
	if (n->entries)
		g_byte_array_free(n->entries, TRUE);
	g_free(n->path);
	g_free(n->name);
	g_free(n);
}

/* --- scanning the folder --- */

static gint by_name(gconstpointer a, gconstpointer b)
{
	const struct fat_node *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static struct error *scan(struct fat_node *dir, unsigned int depth)
{
	DIR *d = opendir(dir->path);
	struct error *err = NULL;
	struct dirent *entry;

	if (!d)
		return error_errno(errno, "Could not read directory %s", dir->path);
	if (depth > FAT_MAX_DEPTH)
		err = error_new("%s: folders are nested too deeply", dir->path);
	dir->children = g_ptr_array_new_with_free_func(fat_node_free);
	while (!err && (entry = readdir(d))) {
		struct stat st;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		char *path = g_build_filename(dir->path, entry->d_name, NULL);
		/* Links to files are followed, links to folders could go round in circles. */
		bool usable = !stat(path, &st) &&
			      (S_ISREG(st.st_mode) ||
			       (S_ISDIR(st.st_mode) && !lstat(path, &st) && S_ISDIR(st.st_mode)));
		if (usable && st.st_size > UINT32_MAX && S_ISREG(st.st_mode))
			err = error_new("File %s is larger than 4GB", path);
		if (!usable || err) {
			g_free(path);
			continue;
		}
		struct fat_node *n = g_new0(struct fat_node, 1);
		n->path = path;
		n->name = g_strdup(entry->d_name);
		n->folder = S_ISDIR(st.st_mode);
		n->size = n->folder ? 0 : (uint64_t)st.st_size;
		n->mtime = st.st_mtime;
		n->parent = dir;
		g_ptr_array_add(dir->children, n);
		if (n->folder)
			err = scan(n, depth + 1);
	}
	closedir(d);
	g_ptr_array_sort(dir->children, by_name);
	return err;
}

/* --- names --- */

static bool is_short_char(unsigned char c)
{
	return isupper(c) || isdigit(c) || (c && strchr("$%'-_@~`!(){}^#&", c));
}

static unsigned int copy_short(uint8_t *out, unsigned int max, const char *from, const char *end)
{
	unsigned int n = 0;

	for (; from < end && n < max; from++) {
		unsigned char c = (unsigned char)toupper((unsigned char)*from);
		if (c == ' ' || c == '.')
			continue;
		out[n++] = is_short_char(c) ? c : '_';
	}
	return n;
}

static bool short_is_used(const struct fat_node *dir, const struct fat_node *self)
{
	for (unsigned int i = 0; i < dir->children->len; i++) {
		const struct fat_node *n = g_ptr_array_index(dir->children, i);
		if (n == self)
			return false; /* those behind it have none yet */
		if (!memcmp(n->short_name, self->short_name, 11))
			return true;
	}
	return false;
}

static void put_number(uint8_t name[8], unsigned int base_len, unsigned int number)
{
	char tail[9];
	unsigned int n = (unsigned int)g_snprintf(tail, sizeof(tail), "~%u", number);

	memcpy(name + MIN(base_len, 8 - n), tail, n);
}

/* True where the long name is needed besides the short one. */
static bool make_short_name(const struct fat_node *dir, struct fat_node *n)
{
	const char *dot = strrchr(n->name, '.'), *end = n->name + strlen(n->name);
	char plain[13];
	unsigned int k = 0;

	if (dot == n->name)
		dot = NULL;
	memset(n->short_name, ' ', 11);
	unsigned int base = copy_short(n->short_name, 8, n->name, dot ? dot : end);
	if (dot)
		copy_short(n->short_name + 8, 3, dot + 1, end);
	for (unsigned int i = 0; i < 11; i++) {
		if (i == 8 && n->short_name[8] != ' ')
			plain[k++] = '.';
		if (n->short_name[i] != ' ')
			plain[k++] = (char)n->short_name[i];
	}
	plain[k] = 0;
	if (!base)
		n->short_name[0] = '_';
	bool exact = !strcmp(plain, n->name);
	if (exact && !short_is_used(dir, n))
		return false;
	if (!exact && g_ascii_strcasecmp(plain, n->name))
		put_number(n->short_name, MAX(base, 1), 1);
	for (unsigned int i = 1; short_is_used(dir, n) && i < 100000; i++)
		put_number(n->short_name, MAX(base, 1), i);
	return true;
}

/* --- directory entries --- */

static uint8_t short_checksum(const uint8_t name[11])
{
	uint8_t sum = 0;

	for (unsigned int i = 0; i < 11; i++)
		sum = (uint8_t)((sum >> 1 | sum << 7) + name[i]);
	return sum;
}

static void put_long_name(GByteArray *out, const struct fat_node *n)
{
	static const uint8_t places[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	glong len = 0;
	gunichar2 *utf16 = g_utf8_to_utf16(n->name, -1, NULL, &len, NULL);

	if (!utf16 || len > 255) { /* not UTF-8: the short name has to do */
		g_free(utf16);
		return;
	}
	uint8_t count = (uint8_t)((len + 12) / 13);
	for (uint8_t part = count; part > 0; part--) {
		uint8_t e[FAT_DIR_ENTRY] = {0};
		e[0] = (uint8_t)(part | (part == count ? 0x40 : 0));
		e[11] = FAT_ATTR_LONG;
		e[13] = short_checksum(n->short_name);
		for (unsigned int i = 0; i < 13; i++) {
			glong at = (part - 1) * 13 + (glong)i;
			store_le16(e + places[i], at < len ? utf16[at] : at == len ? 0 : 0xffff);
		}
		g_byte_array_append(out, e, sizeof(e));
	}
	g_free(utf16);
}

static void put_entry(GByteArray *out, const uint8_t name[11], uint8_t attributes, uint32_t cluster,
		      uint32_t size, int64_t mtime)
{
	uint8_t e[FAT_DIR_ENTRY] = {0};
	time_t when = (time_t)mtime;
	struct tm tm;

	localtime_r(&when, &tm);
	uint16_t date = 1 << 5 | 1, clock = 0;
	if (tm.tm_year >= 80 && tm.tm_year < 80 + 128) {
		date = (uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
		clock = (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
	}
	memcpy(e, name, 11);
	e[11] = attributes;
	store_le16(e + 14, clock);
	store_le16(e + 16, date);
	store_le16(e + 18, date);
	store_le16(e + 20, (uint16_t)(cluster >> 16));
	store_le16(e + 22, clock);
	store_le16(e + 24, date);
	store_le16(e + 26, (uint16_t)cluster);
	store_le32(e + 28, size);
	g_byte_array_append(out, e, sizeof(e));
}

static const uint8_t label[11] = "QEMU VVFAT ";

/* All entries of a folder; clusters of what is in it may still be unknown (then 0). */
static void render(struct fat_node *dir)
{
	GByteArray *out = dir->entries ? dir->entries : g_byte_array_new();

	g_byte_array_set_size(out, 0);
	dir->entries = out;
	if (!dir->parent) {
		put_entry(out, label, FAT_ATTR_LABEL, 0, 0, dir->mtime);
	} else {
		put_entry(out, (const uint8_t *)".          ", FAT_ATTR_DIR, dir->first, 0,
			  dir->mtime);
		put_entry(out, (const uint8_t *)"..         ", FAT_ATTR_DIR,
			  dir->parent->parent ? dir->parent->first : 0, 0, dir->mtime);
	}
	for (unsigned int i = 0; i < dir->children->len; i++) {
		struct fat_node *n = g_ptr_array_index(dir->children, i);
		if (make_short_name(dir, n))
			put_long_name(out, n);
		put_entry(out, n->short_name, n->folder ? FAT_ATTR_DIR : 0x20, n->first,
			  (uint32_t)n->size, n->mtime);
	}
}

/* --- clusters --- */

static void fat_set(struct vvfat *v, uint32_t cluster, uint32_t value)
{
	uint8_t *p;

	switch (v->type) {
	case 12:
		p = v->fat + cluster * 3 / 2;
		if (cluster & 1) {
			p[0] = (uint8_t)((p[0] & 0x0f) | value << 4);
			p[1] = (uint8_t)(value >> 4);
		} else {
			p[0] = (uint8_t)value;
			p[1] = (uint8_t)((p[1] & 0xf0) | (value >> 8 & 0x0f));
		}
		break;
	case 16: store_le16(v->fat + 2 * cluster, (uint16_t)value); break;
	default: store_le32(v->fat + 4 * cluster, value & 0x0fffffff); break;
	}
}

uint32_t vvfat_fat_get(const struct vvfat *v, const uint8_t *fat, uint32_t cluster)
{
	const uint8_t *p = fat + cluster * 3 / 2;

	switch (v->type) {
	case 12: return cluster & 1 ? p[0] >> 4 | p[1] << 4 : p[0] | (p[1] & 0x0f) << 8;
	case 16: return load_le16(fat + 2 * cluster);
	default: return load_le32(fat + 4 * cluster) & 0x0fffffff;
	}
}

bool vvfat_is_end(const struct vvfat *v, uint32_t entry)
{
	return entry >= (v->type == 12 ? 0xff8u : v->type == 16 ? 0xfff8u : 0x0ffffff8u);
}

static bool take_clusters(struct vvfat *v, struct fat_node *n, uint64_t bytes)
{
	uint64_t size = v->per_cluster * 512ull;
	uint64_t count = (bytes + size - 1) / size;

	if (!count)
		return true;
	if (count > v->clusters + 2 - v->next_cluster)
		return false;
	n->first = v->next_cluster;
	n->clusters = (uint32_t)count;
	for (uint32_t i = 0; i < n->clusters; i++)
		fat_set(v, n->first + i, i + 1 < n->clusters ? n->first + i + 1 : 0x0fffffff);
	v->next_cluster += n->clusters;
	g_ptr_array_add(v->by_cluster, n);
	return true;
}

static bool assign(struct vvfat *v, struct fat_node *dir)
{
	render(dir); /* for its length */
	bool fixed_root = !dir->parent && v->type != 32;
	if (fixed_root ? dir->entries->len > FAT_ROOT_MAX * FAT_DIR_ENTRY
		       : !take_clusters(v, dir, dir->entries->len))
		return false;
	for (unsigned int i = 0; i < dir->children->len; i++) {
		struct fat_node *n = g_ptr_array_index(dir->children, i);
		if (n->folder ? !assign(v, n) : !take_clusters(v, n, n->size))
			return false;
	}
	return true;
}

static void render_all(struct fat_node *dir)
{
	render(dir);
	for (unsigned int i = 0; i < dir->children->len; i++) {
		struct fat_node *n = g_ptr_array_index(dir->children, i);
		if (n->folder)
			render_all(n);
	}
}

struct error *vvfat_build(struct vvfat *v, const char *folder)
{
	struct stat st;

	if (stat(folder, &st) || !S_ISDIR(st.st_mode))
		return error_errno(S_ISDIR(st.st_mode) ? errno : ENOTDIR, "%s", folder);
	v->root = g_new0(struct fat_node, 1);
	v->root->path = g_strdup(folder);
	v->root->name = g_strdup("");
	v->root->folder = true;
	v->root->mtime = st.st_mtime;
	struct error *err = scan(v->root, 0);
	if (err)
		return err;
	v->by_cluster = g_ptr_array_new();
	v->fat = g_malloc0(v->fat_sectors * 512ull);
	fat_set(v, 0, 0x0fffff00 | (v->floppy ? 0xf0 : 0xf8));
	fat_set(v, 1, 0x0fffffff);
	v->next_cluster = 2;
	if (!assign(v, v->root))
		return error_new("Directory does not fit in FAT%u (capacity %.2f MB)", v->type,
				 v->sectors / 2048.0);
	render_all(v->root);
	return NULL;
}
