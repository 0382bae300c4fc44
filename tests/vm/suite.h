/* What every test of this folder needs: the machine lock held, and a main(). */
#ifndef TESTS_VM_SUITE_H
#define TESTS_VM_SUITE_H

#include "base/loop.h"

#include <check.h>
#include <stdlib.h>

static inline void lock_machine(void)
{
	machine_lock();
}

static inline void unlock_machine(void)
{
	machine_unlock();
}

/* Runs `tests` (ends with NULL), each in its own process with the lock held. */
static inline int run_suite(const char *name, const TTest *const *tests)
{
	Suite *suite = suite_create(name);
	TCase *cases = tcase_create(name);

	tcase_add_checked_fixture(cases, lock_machine, unlock_machine);
	tcase_set_timeout(cases, 60);
	for (; *tests; tests++)
		tcase_add_test(cases, *tests);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
