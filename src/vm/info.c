#include "vm/info.h"

/* Bounds of the section that INFO() fills; weak, as it may be empty. */
extern const struct info_item *const __start_ratite_infos[] __attribute__((weak));
extern const struct info_item *const __stop_ratite_infos[] __attribute__((weak));

unsigned int info_item_count(void)
{
	return (unsigned int)(__stop_ratite_infos - __start_ratite_infos);
}

const struct info_item *info_item_at(unsigned int i)
{
	return __start_ratite_infos[i];
}
