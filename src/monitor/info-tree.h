/* The longer ones of "info". */
#ifndef MONITOR_INFO_TREE_H
#define MONITOR_INFO_TREE_H

struct command_call;

void info_mtree(struct command_call *call);
void info_qtree(struct command_call *call);
void info_qdm(struct command_call *call);

#endif
