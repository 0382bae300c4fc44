/*
 * The gdb server: gdb's remote serial protocol on a character device (-gdb, -s, gdbserver).
 * Source: "Debugging with GDB", appendix E. Machine lock held throughout.
 */
#ifndef MONITOR_GDB_H
#define MONITOR_GDB_H

#include "base/error.h"

/* Serves on the device that `spec` names, as for chardev_open(); "none" ends the server. A client
 * that comes stops the machine. */
struct error *gdb_server_start(const char *spec) NODISCARD;

#endif
