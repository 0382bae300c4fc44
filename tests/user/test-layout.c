/* Layouts of system call structures against the sizes and offsets that the kernel's headers give,
 * and conversions there and back. */
#include "../check-main.h"
#include "base/bytes.h"
#include "user/linux/syscall.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>

static const struct {
	enum layout_id id;
	uint16_t x86_64, i386, arm;
} sizes[] = {
	{L_timespec, 16, 8, 8},	   {L_timespec64, 16, 16, 16},	{L_timeval, 16, 8, 8},
	{L_itimerval, 32, 16, 16}, {L_itimerspec, 32, 16, 16},	{L_tms, 32, 16, 16},
	{L_stat_old, 0, 64, 64},   {L_stat64, 0, 96, 104},	{L_stat, 144, 0, 0},
	{L_statx, 256, 256, 256},  {L_statfs, 120, 64, 64},	{L_statfs64, 0, 84, 88},
	{L_rlimit, 16, 8, 8},	   {L_rusage, 144, 72, 72},	{L_sysinfo, 112, 64, 64},
	{L_timex, 208, 128, 128},  {L_timex64, 208, 208, 208},	{L_flock, 32, 16, 16},
	{L_flock64, 32, 24, 32},   {L_epoll_event, 12, 12, 16}, {L_mq_attr, 64, 32, 32},
	{L_shmid_ds, 112, 84, 84}, {L_semid_ds, 104, 64, 64},	{L_msqid_ds, 120, 88, 88},
	{L_termios, 36, 36, 36},   {L_ifreq_int, 40, 32, 32},	{L_ifreq_addr, 40, 32, 32},
	{L_pollfd, 8, 8, 8},	   {L_hd_geometry, 16, 8, 8},
};

START_TEST(layout_sizes)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(sizes); i++) {
		const char *name = layout_get(sizes[i].id)->name;
		if (sizes[i].x86_64)
			ck_assert_msg(layout_size(&abi_x86_64, sizes[i].id) == sizes[i].x86_64,
				      "%s of x86_64: %u", name,
				      layout_size(&abi_x86_64, sizes[i].id));
		if (sizes[i].i386)
			ck_assert_msg(layout_size(&abi_i386, sizes[i].id) == sizes[i].i386,
				      "%s of i386: %u", name, layout_size(&abi_i386, sizes[i].id));
		if (sizes[i].arm)
			ck_assert_msg(layout_size(&abi_arm, sizes[i].id) == sizes[i].arm,
				      "%s of ARM: %u", name, layout_size(&abi_arm, sizes[i].id));
	}
}
END_TEST

START_TEST(layouts_fit)
{
	static const struct abi *const abis[] = {&abi_x86_64, &abi_i386, &abi_arm, &abi_armeb};

	for (unsigned int id = 1; id < L_COUNT; id++) {
		ck_assert_ptr_nonnull(layout_get(id)->name);
		ck_assert_uint_le(layout_get(id)->host_size, LAYOUT_MAX);
		for (unsigned int k = 0; k < 4; k++)
			ck_assert_uint_le(layout_size(abis[k], id), LAYOUT_MAX);
	}
	ck_assert(layout_same(&abi_x86_64, L_stat));
	ck_assert(layout_same(&abi_x86_64, L_rusage));
	ck_assert(!layout_same(&abi_i386, L_timespec));
	ck_assert(!layout_same(&abi_arm, L_timespec64)); /* the padding */
	ck_assert(layout_same(&abi_x86_64, L_timespec64));
	ck_assert(!layout_same(&abi_armeb, L_timespec64));
}
END_TEST

START_TEST(stat64_by_offset)
{
	struct stat st = {.st_dev = 0x1122,
			  .st_ino = 0x33445566,
			  .st_mode = 0100644,
			  .st_nlink = 2,
			  .st_uid = 3,
			  .st_gid = 4,
			  .st_size = 0x123456789a,
			  .st_blocks = 99};
	uint8_t guest[LAYOUT_MAX];

	layout_to_guest(&abi_arm, L_stat64, &st, guest);
	ck_assert_uint_eq(load_le32(guest + 12), 0x33445566);
	ck_assert_uint_eq(load_le32(guest + 16), 0100644);
	ck_assert_uint_eq(load_le64(guest + 48), 0x123456789a);
	ck_assert_uint_eq(load_le64(guest + 64), 99);
	ck_assert_uint_eq(load_le64(guest + 96), 0x33445566);
	layout_to_guest(&abi_i386, L_stat64, &st, guest);
	ck_assert_uint_eq(load_le64(guest + 44), 0x123456789a);
	ck_assert_uint_eq(load_le64(guest + 88), 0x33445566);
	layout_to_guest(&abi_armeb, L_stat64, &st, guest);
	ck_assert_uint_eq(load_be64(guest + 48), 0x123456789a);
}
END_TEST

START_TEST(there_and_back)
{
	struct timespec time = {-5, 999999999}, back;
	uint8_t guest[LAYOUT_MAX];

	layout_to_guest(&abi_armeb, L_timespec, &time, guest);
	ck_assert_uint_eq(guest[0], 0xff);
	ck_assert_uint_eq(guest[3], 0xfb);
	layout_to_host(&abi_armeb, L_timespec, guest, &back);
	ck_assert_int_eq(back.tv_sec, -5); /* the sign comes back */
	ck_assert_int_eq(back.tv_nsec, 999999999);
}
END_TEST

/* Every row names something, and no number has two. */
START_TEST(call_table)
{
	for (unsigned int k = 0; k < ABI_COUNT; k++) {
		GHashTable *seen = g_hash_table_new(g_direct_hash, g_direct_equal);
		for (unsigned int i = 0; i < system_call_count; i++) {
			const struct call *call = &system_calls[i];
			ck_assert_msg(call->fn || call->host >= 0, "%s", call->name);
			if (call->nr[k] < 0)
				continue;
			ck_assert_msg(g_hash_table_add(seen, GINT_TO_POINTER(call->nr[k] + 1)),
				      "%s: number %d twice", call->name, call->nr[k]);
		}
		g_hash_table_destroy(seen);
	}
	ck_assert_str_eq(call_find(&abi_x86_64, 0)->name, "read");
	ck_assert_str_eq(call_find(&abi_i386, 3)->name, "read");
	ck_assert_str_eq(call_find(&abi_arm, 397)->name, "statx");
	ck_assert_ptr_null(call_find(&abi_arm, 100000));
}
END_TEST

START_TEST(siginfo_of_each_kind)
{
	siginfo_t info = {.si_signo = SIGCHLD, .si_code = CLD_EXITED}, back;
	uint8_t guest[128];

	info.si_pid = 77;
	info.si_status = 3;
	siginfo_to_guest(&abi_i386, &info, guest);
	ck_assert_uint_eq(load_le32(guest + 12), 77);
	ck_assert_uint_eq(load_le32(guest + 20), 3);
	siginfo_to_guest(&abi_x86_64, &info, guest);
	ck_assert_uint_eq(load_le32(guest + 16), 77);
	ck_assert_uint_eq(load_le32(guest + 24), 3);
	info = (siginfo_t){.si_signo = SIGUSR1, .si_code = SI_QUEUE};
	info.si_value.sival_int = 1234;
	siginfo_to_guest(&abi_armeb, &info, guest);
	ck_assert_uint_eq(guest[23], 1234 & 0xff);
	siginfo_from_guest(&abi_armeb, guest, &back);
	ck_assert_int_eq(back.si_value.sival_int, 1234);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("user layouts");
	TCase *c = tcase_create("layouts");

	tcase_add_test(c, layout_sizes);
	tcase_add_test(c, layouts_fit);
	tcase_add_test(c, stat64_by_offset);
	tcase_add_test(c, there_and_back);
	tcase_add_test(c, call_table);
	tcase_add_test(c, siginfo_of_each_kind);
	suite_add_tcase(s, c);
	return s;
}

CHECK_MAIN(suite)
