/* The gdb server of user mode (-g). */
#ifndef TOOLS_USER_GDB_H
#define TOOLS_USER_GDB_H

#include "user/linux/user.h"

/* Waits for a client at a TCP port, or a UNIX socket, and lets it look at the program, which is
 * loaded and about to start. Returns when the client lets it run. */
struct error *user_gdb_start(struct thread *t, const char *port) NODISCARD;

#endif
