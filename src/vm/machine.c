/* The table of boards, the files they load, and the one machine of this process. */
#include "vm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct machine_class *const __start_ratite_machines[] __attribute__((weak));
extern const struct machine_class *const __stop_ratite_machines[] __attribute__((weak));

/* Where the distribution's firmware packages put their files. */
static const char *const firmware_folders[] = {
	"/usr/share/seabios",	 "/usr/share/qemu", "/usr/share/vgabios",  "/usr/lib/ipxe/qemu",
	"/usr/share/ipxe",	 "/usr/lib/ipxe",   "/usr/share/openbios", "/usr/share/qemu-kvm",
	"/usr/local/share/qemu", "/usr/share/ovmf", "/usr/share/OVMF",
};

static GPtrArray *user_folders; /* of -L, in order */

unsigned int machine_class_count(void)
{
	return (unsigned int)(__stop_ratite_machines - __start_ratite_machines);
}

const struct machine_class *machine_class_at(unsigned int i)
{
	return __start_ratite_machines[i];
}

/* Whether `word` is one of the blank-separated words of `list`. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; at && (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
			return true;
	return false;
}

const struct machine_class *machine_class_find(const char *target, const char *name)
{
	for (unsigned int i = 0; i < machine_class_count(); i++) {
		const struct machine_class *class = machine_class_at(i);
		if (target && !has_word(class->targets, target))
			continue;
		if (strcmp(class->name, name) == 0 ||
		    (class->alias && strcmp(class->alias, name) == 0))
			return class;
	}
	return NULL;
}

void firmware_add_path(const char *folder)
{
	if (!user_folders)
		user_folders = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(user_folders, g_strdup(folder));
}

static char *file_in(const char *folder, const char *file)
{
	char *path = g_build_filename(folder, file, NULL);

	if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return path;
	g_free(path);
	return NULL;
}

char *firmware_find(const char *file)
{
	char *path = NULL;

	if (g_file_test(file, G_FILE_TEST_IS_REGULAR))
		return g_strdup(file);
	if (strchr(file, '/'))
		return NULL;
	for (unsigned int i = 0; !path && user_folders && i < user_folders->len; i++)
		path = file_in(g_ptr_array_index(user_folders, i), file);
	for (unsigned int i = 0; !path && i < G_N_ELEMENTS(firmware_folders); i++)
		path = file_in(firmware_folders[i], file);
	return path;
}

/* Reads to the end or to one byte more than `limit`: files in /proc and pipes have no size. */
static struct error *read_all(int fd, const char *path, uint64_t limit, GByteArray *data)
{
	uint8_t buf[65536];

	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(errno, "cannot read \"%s\"", path);
		if (n == 0)
			return NULL;
		if ((uint64_t)n > limit - data->len)
			return error_new("\"%s\" is too large: at most %" PRIu64 " bytes fit here",
					 path, limit);
		g_byte_array_append(data, buf, (unsigned int)n);
	}
}

struct error *file_load(const char *path, uint64_t limit, GByteArray **out)
{
	*out = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(errno, "cannot open \"%s\"", path);
	GByteArray *data = g_byte_array_new();
	struct error *err = read_all(fd, path, MIN(limit, UINT32_MAX / 2), data);
	close(fd);
	if (err)
		g_byte_array_unref(data);
	else
		*out = data;
	return err;
}

static void machine_make_lists(struct machine *m)
{
	m->option_roms = g_ptr_array_new();
	m->acpi_tables = g_ptr_array_new();
	m->smbios = g_ptr_array_new();
	m->nics = g_ptr_array_new();
	m->devices = g_ptr_array_new();
	m->soundhw = g_ptr_array_new();
	m->usb_devices = g_ptr_array_new();
	m->numa = g_ptr_array_new();
	m->prom_env = g_ptr_array_new();
	m->options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

struct machine *machine_get(void)
{
	static struct machine machine;

	if (!machine.options)
		machine_make_lists(&machine);
	return &machine;
}
