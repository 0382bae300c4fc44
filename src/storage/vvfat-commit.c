/*
 * Carrying what the guest wrote over to the folder.
 *
 * The guest's file system is walked as it is now, from the root. Only if all of it makes sense (no
 * chain that leaves the table or goes round in circles, no name with a slash) is the folder
 * touched: files and folders that are new or differ are written, and those of the first layout that
 * are gone are removed. The bytes of a file that is removed or replaced are kept first, since
 * clusters may still show them: a guest may be in the middle of a rename.
 */
#include "storage/vvfat.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct found {
	char *path; /* on the host */
	bool folder;
	uint32_t first, size;
};

struct walk {
	struct image *img;
	struct vvfat *v;
	uint8_t *fat;
	uint8_t *seen;	  /* one bit a cluster */
	GPtrArray *found; /* struct found, parents before children */
};

static void found_free(void *opaque)
{
	struct found *f = opaque;

	g_free(f->path);
	g_free(f);
}

/* --- reading the guest's file system --- */

static int read_sectors(struct walk *w, uint64_t sector, uint32_t count, uint8_t *buf)
{
	int err = 0;

	for (uint32_t i = 0; i < count && !err; i++)
		err = vvfat_read_sector(w->img, w->v->start + sector + i, buf + 512 * i);
	return err;
}

static int read_cluster(struct walk *w, uint32_t cluster, uint8_t *buf)
{
	const struct vvfat *v = w->v;

	return read_sectors(w, v->data_at + (uint64_t)(cluster - 2) * v->per_cluster,
			    v->per_cluster, buf);
}

/* The cluster behind `cluster`; 0 at the end; -1 where the chain makes no sense. */
static int64_t next_cluster(struct walk *w, uint32_t cluster)
{
	uint32_t next = vvfat_fat_get(w->v, w->fat, cluster);

	if (vvfat_is_end(w->v, next))
		return 0;
	return next < 2 || next >= w->v->clusters + 2 ? -1 : (int64_t)next;
}

/* Notes a chain; false where it is broken, too short, or crosses another one. */
static bool check_chain(struct walk *w, uint32_t first, uint64_t bytes)
{
	uint64_t size = w->v->per_cluster * 512ull, have = 0;
	int64_t c = first;

	if (!first)
		return bytes == 0;
	if (first < 2 || first >= w->v->clusters + 2)
		return false;
	for (; c > 0; c = next_cluster(w, (uint32_t)c)) {
		if (w->seen[c / 8] >> (c % 8) & 1)
			return false;
		w->seen[c / 8] |= (uint8_t)(1 << (c % 8));
		have += size;
	}
	return c == 0 && have >= bytes;
}

static uint8_t *read_chain(struct walk *w, uint32_t first, size_t *len)
{
	uint32_t size = w->v->per_cluster * 512;
	GByteArray *all = g_byte_array_new();

	for (int64_t c = first; c > 0; c = next_cluster(w, (uint32_t)c)) {
		g_byte_array_set_size(all, all->len + size);
		if (read_cluster(w, (uint32_t)c, all->data + all->len - size)) {
			g_byte_array_free(all, TRUE);
			return NULL;
		}
	}
	*len = all->len;
	return g_byte_array_free(all, FALSE);
}

/* --- names --- */

static void add_long_part(gunichar2 *name, const uint8_t *e)
{
	static const uint8_t places[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	unsigned int part = (e[0] & 0x1f) - 1u;

	for (unsigned int i = 0; i < 13 && part < 20; i++)
		name[part * 13 + i] = load_le16(e + places[i]);
}

static char *short_name(const uint8_t *e)
{
	GString *s = g_string_new(NULL);
	bool low_base = e[12] & 0x08, low_ext = e[12] & 0x10;

	for (unsigned int i = 0; i < 8 && e[i] != ' '; i++)
		g_string_append_c(s, low_base ? g_ascii_tolower((char)e[i]) : (char)e[i]);
	if (e[8] != ' ')
		g_string_append_c(s, '.');
	for (unsigned int i = 8; i < 11 && e[i] != ' '; i++)
		g_string_append_c(s, low_ext ? g_ascii_tolower((char)e[i]) : (char)e[i]);
	return g_string_free(s, FALSE);
}

/* A name that may not lead out of its folder. */
static bool name_is_safe(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..") &&
	       strlen(name) < 256;
}

/* Short names are told apart from the long ones of the first layout by their node. */
static char *host_name(struct walk *w, const struct fat_node *dir, const uint8_t *e,
		       const gunichar2 *long_name)
{
	if (long_name[0])
		return g_utf16_to_utf8(long_name, -1, NULL, NULL, NULL);
	for (unsigned int i = 0; dir && i < dir->children->len; i++) {
		const struct fat_node *n = g_ptr_array_index(dir->children, i);
		if (!memcmp(n->short_name, e, 11))
			return g_strdup(n->name);
	}
	return short_name(e);
}

/* The folder of the first layout at `path`, NULL where that was a file, or nothing. */
static const struct fat_node *folder_at(const struct fat_node *dir, const char *path)
{
	for (unsigned int i = 0; dir && i < dir->children->len; i++) {
		const struct fat_node *n = g_ptr_array_index(dir->children, i);
		if (!strcmp(n->path, path))
			return n->folder ? n : NULL;
	}
	return NULL;
}

/* --- walking --- */

static bool walk_folder(struct walk *w, const char *path, const struct fat_node *was,
			const uint8_t *entries, size_t len, unsigned int depth);

static bool add_found(struct walk *w, const char *dir, const struct fat_node *was, const uint8_t *e,
		      const gunichar2 *long_name, unsigned int depth)
{
	uint32_t first =
		(w->v->type == 32 ? (uint32_t)load_le16(e + 20) << 16 : 0) | load_le16(e + 26);
	char *name = host_name(w, was, e, long_name);
	bool ok = name && name_is_safe(name), folder = e[11] & FAT_ATTR_DIR;

	if (!ok) {
		g_free(name);
		return false;
	}
	struct found *f = g_new0(struct found, 1);
	f->path = g_build_filename(dir, name, NULL);
	f->folder = folder;
	f->first = first;
	f->size = folder ? 0 : load_le32(e + 28);
	g_free(name);
	g_ptr_array_add(w->found, f);
	if (!check_chain(w, first, f->size))
		return false;
	if (!folder)
		return true;
	size_t len;
	uint8_t *inner = first && depth < FAT_MAX_DEPTH ? read_chain(w, first, &len) : NULL;
	ok = inner && walk_folder(w, f->path, folder_at(was, f->path), inner, len, depth + 1);
	g_free(inner);
	return ok;
}

static bool walk_folder(struct walk *w, const char *path, const struct fat_node *was,
			const uint8_t *entries, size_t len, unsigned int depth)
{
	gunichar2 long_name[20 * 13 + 1] = {0};

	for (size_t i = 0; i + FAT_DIR_ENTRY <= len; i += FAT_DIR_ENTRY) {
		const uint8_t *e = entries + i;
		if (!e[0])
			break;
		if (e[0] == FAT_DELETED) {
			long_name[0] = 0;
			continue;
		}
		if ((e[11] & 0x3f) == FAT_ATTR_LONG) {
			if (e[0] & 0x40)
				memset(long_name, 0, sizeof(long_name));
			add_long_part(long_name, e);
			continue;
		}
		bool ok = (e[11] & FAT_ATTR_LABEL) || e[0] == '.' ||
			  add_found(w, path, was, e, long_name, depth);
		memset(long_name, 0, sizeof(long_name));
		if (!ok)
			return false;
	}
	return true;
}

static bool walk_root(struct walk *w)
{
	struct vvfat *v = w->v;
	size_t len = v->root_sectors * 512ull;
	uint8_t *entries;

	if (v->type == 32) {
		if (!check_chain(w, v->root->first, 0))
			return false;
		entries = read_chain(w, v->root->first, &len);
	} else {
		entries = g_malloc(len);
		if (read_sectors(w, v->root_at, v->root_sectors, entries)) {
			g_free(entries);
			return false;
		}
	}
	bool ok = entries && walk_folder(w, v->root->path, v->root, entries, len, 0);
	g_free(entries);
	return ok;
}

/* --- writing the folder --- */

static struct found *find_path(struct walk *w, const char *path)
{
	for (unsigned int i = 0; i < w->found->len; i++) {
		struct found *f = g_ptr_array_index(w->found, i);
		if (!strcmp(f->path, path))
			return f;
	}
	return NULL;
}

/* The clusters that show a host file keep its bytes in the overlay from now on. */
static int keep_bytes(struct walk *w, const struct fat_node *n)
{
	struct vvfat *v = w->v;
	uint64_t first = v->start + v->data_at + (uint64_t)(n->first - 2) * v->per_cluster;
	uint8_t buf[512];
	int err = 0;

	for (uint64_t i = 0; n->clusters && i < (uint64_t)n->clusters * v->per_cluster && !err;
	     i++) {
		if (v->written[(first + i) / 8] >> ((first + i) % 8) & 1)
			continue;
		err = vvfat_base_sector(v, first + i, buf);
		if (!err)
			err = vvfat_keep_sector(v, first + i, buf);
	}
	return err;
}

static struct fat_node *find_node(struct fat_node *dir, const char *path)
{
	for (unsigned int i = 0; i < dir->children->len; i++) {
		struct fat_node *n = g_ptr_array_index(dir->children, i);
		struct fat_node *inner;
		if (!strcmp(n->path, path))
			return n;
		if (n->folder && (inner = find_node(n, path)))
			return inner;
	}
	return NULL;
}

/* Does the host's file hold just these bytes? */
static bool is_same(const struct found *f, const uint8_t *data)
{
	char *host;
	gsize len;
	struct stat st;

	if (stat(f->path, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != f->size)
		return false;
	if (!g_file_get_contents(f->path, &host, &len, NULL))
		return false;
	bool same = len == f->size && (!len || !memcmp(host, data, len));
	g_free(host);
	return same;
}

static int write_file(struct walk *w, const struct found *f)
{
	size_t len = 0;
	uint8_t *data = f->first ? read_chain(w, f->first, &len) : NULL;
	int err = 0;

	if (f->first && !data)
		return EIO;
	if (!is_same(f, data)) {
		struct fat_node *n = find_node(w->v->root, f->path);
		err = n && !n->folder ? keep_bytes(w, n) : 0;
		/* written beside and renamed: a crash leaves the old or the new file */
		if (!err && !g_file_set_contents(f->path, data ? (char *)data : "", f->size, NULL))
			err = EIO;
		if (w->v->open_node && !strcmp(w->v->open_node->path, f->path)) {
			close(w->v->fd);
			w->v->fd = -1;
			w->v->open_node = NULL;
		}
	}
	g_free(data);
	return err;
}

static int remove_missing(struct walk *w, struct fat_node *dir)
{
	int err = 0;

	for (unsigned int i = 0; i < dir->children->len && !err; i++) {
		struct fat_node *n = g_ptr_array_index(dir->children, i);
		if (n->folder)
			err = remove_missing(w, n);
		if (err || find_path(w, n->path))
			continue;
		if (n->folder) {
			if (rmdir(n->path) && errno != ENOENT && errno != ENOTEMPTY)
				err = errno;
		} else {
			err = access(n->path, F_OK) ? 0 : keep_bytes(w, n);
			if (!err && unlink(n->path) && errno != ENOENT)
				err = errno;
		}
	}
	return err;
}

static int carry_over(struct walk *w)
{
	int err = 0;

	for (unsigned int i = 0; i < w->found->len && !err; i++) {
		const struct found *f = g_ptr_array_index(w->found, i);
		if (!f->folder)
			err = write_file(w, f);
		else if (mkdir(f->path, 0777) && errno != EEXIST)
			err = errno;
	}
	return err ? err : remove_missing(w, w->v->root);
}

int vvfat_commit(struct image *img)
{
	struct vvfat *v = img->state;
	struct walk w = {.img = img, .v = v};
	int err;

	w.fat = g_malloc(v->fat_sectors * 512ull);
	w.seen = g_malloc0((v->clusters + 2) / 8 + 1);
	w.found = g_ptr_array_new_with_free_func(found_free);
	err = read_sectors(&w, v->fat_at, v->fat_sectors, w.fat);
	/* A file system in the middle of a change is looked at again at the next flush. */
	if (!err && walk_root(&w))
		err = carry_over(&w);
	else
		v->dirty = !err;
	g_ptr_array_free(w.found, TRUE);
	g_free(w.seen);
	g_free(w.fat);
	return err;
}
