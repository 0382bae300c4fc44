/*
 * "info NAME" of the monitor, offered by whoever knows: a device file says
 *
 *	INFO(pic, "pic", "state of the interrupt controllers", print_pic);
 *
 * and the monitor lists and runs it. The machine is quiesced and the lock held during a call.
 */
#ifndef VM_INFO_H
#define VM_INFO_H

#include <stdio.h>

struct machine;

struct info_item {
	const char *name, *help;
	void (*print)(struct machine *m, FILE *out);
};

#define INFO(ident, name_, help_, print_)                                          \
	static const struct info_item ident##_info = {(name_), (help_), (print_)}; \
	static const struct info_item *const ident##_info_entry                    \
		__attribute__((used, section("ratite_infos"))) = &ident##_info

unsigned int info_item_count(void);
const struct info_item *info_item_at(unsigned int i);

#endif
