/* main() of a unit test: CHECK_MAIN(suite_function). */
#ifndef TESTS_CHECK_MAIN_H
#define TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

#define CHECK_MAIN(suite)                                    \
	int main(void)                                       \
	{                                                    \
		SRunner *runner = srunner_create(suite());   \
		srunner_run_all(runner, CK_ENV);             \
		int failed = srunner_ntests_failed(runner);  \
		srunner_free(runner);                        \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS; \
	}

#endif
