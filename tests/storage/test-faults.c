/*
 * Failing hosts: qcow2 over a file of which one read, write or flush fails, each in turn.
 *
 * A workload runs; its n-th request to the file fails, a write after half of its bytes. What failed
 * is done again, as a guest would after a pause. Whatever comes of it: no crash, and at the end the
 * file, as it is and once it has been closed in order, holds no corruption and every sector what
 * it may. FAULTS=n sets how many requests fail at most, FAULT_STEPS=n how long the workload is.
 */
#include "../check-main.h"
#include "stamp-disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (8u << 20)

struct fault_file {
	uint8_t *bytes;
	unsigned int requests, fail_at; /* fail_at 0: never */
	int error;
};

static bool fails(struct image *img)
{
	struct fault_file *f = img->state;

	return ++f->requests == f->fail_at;
}

static int fault_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	struct fault_file *f = img->state;

	if (fails(img))
		return f->error;
	memcpy(buf, f->bytes + offset, len);
	return 0;
}

static int fault_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct fault_file *f = img->state;
	bool failed = fails(img);

	if (offset + len > FILE_MAX)
		return ENOSPC;
	if (failed)
		len = len / 2 & ~(size_t)(SECTOR_SIZE - 1);
	memcpy(f->bytes + offset, buf, len);
	img->size = MAX(img->size, offset + len);
	return failed ? f->error : 0;
}

static int fault_flush(struct image *img)
{
	return fails(img) ? ((struct fault_file *)img->state)->error : 0;
}

static const struct image_driver fault_driver = {
	.name = "fault",
	.protocol = "fault:",
	.growable = true,
	.pread = fault_pread,
	.pwrite = fault_pwrite,
	.flush = fault_flush,
};

static struct image *file_over(uint8_t *bytes, uint64_t size)
{
	struct fault_file *f = g_new0(struct fault_file, 1);

	f->bytes = bytes;
	return node_over(&fault_driver, f, size);
}

/* Opens a copy of the bytes as they are: what a crash at this moment leaves. */
static void verify_copy(struct stamp_disk *d, const uint8_t *bytes, uint64_t size, const char *when)
{
	uint8_t *copy = g_memdup2(bytes, FILE_MAX);
	struct image *img;

	must(image_open_on(file_over(copy, size), "qcow2", IMAGE_RDWR, &img));
	stamp_disk_verify(d, img, when);
	image_close(img);
	g_free(copy);
}

/* Runs the workload with one fault; returns how many requests there were. */
static unsigned int run(const struct stamp_kind *kind, unsigned int seed, unsigned int steps,
			unsigned int fail_at, int error)
{
	GRand *dice = g_rand_new_with_seed(seed);
	struct stamp_disk d;
	struct image *img;
	uint64_t size;
	uint8_t *bytes = stamp_kind_image(kind, FILE_MAX, &size);
	struct image *file = file_over(bytes, size);
	struct fault_file *f = file->state;
	char when[64];
	int err = 0;

	g_snprintf(when, sizeof(when), "after request %u failed (%s)", fail_at, kind->options);
	stamp_disk_init(&d, dice, kind->snapshots);
	must(image_open_on(file, "qcow2", IMAGE_RDWR, &img));
	f->error = error;
	f->fail_at = fail_at ? f->requests + fail_at : 0;
	unsigned int before = f->requests;
	for (unsigned int i = 0; i < steps && !err; i++)
		err = stamp_disk_step(&d, img); /* an error: the driver has given up */
	unsigned int requests = f->requests - before;
	verify_copy(&d, bytes, file->size, when);
	f->fail_at = 0;
	size = file->size;
	image_close(img);
	verify_copy(&d, bytes, MAX(size, FILE_MAX / 2), when);
	stamp_disk_clear(&d);
	g_rand_free(dice);
	g_free(bytes);
	return requests;
}

static unsigned int number_of(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned int)atoi(text) : otherwise;
}

START_TEST(one_fault_harms_nothing)
{
	const struct stamp_kind *kind = &stamp_kinds[_i / 2];
	unsigned int steps = number_of("FAULT_STEPS", 60), most = number_of("FAULTS", 100);
	unsigned int seed = number_of("FAULT_SEED", 1) + (unsigned int)_i;
	unsigned int requests = run(kind, seed, steps, 0, 0);
	/* evenly over the run, if it is longer than what there is time for */
	unsigned int stride = MAX(requests / most, 1), n = 0;

	for (unsigned int at = 1; at <= requests; at += stride, n++)
		run(kind, seed, steps, at, _i % 2 ? ENOSPC : EIO);
	if (getenv("FAULTS"))
		printf("%s: %u of %u requests failed\n", kind->options, n, requests);
}
END_TEST

static Suite *faults_suite(void)
{
	Suite *s = suite_create("faults");
	TCase *tc = tcase_create("faults");

	tcase_set_timeout(tc, 100000);
	tcase_add_loop_test(tc, one_fault_harms_nothing, 0, 2 * STAMP_KINDS);
	suite_add_tcase(s, tc);
	return s;
}

CHECK_MAIN(faults_suite)
