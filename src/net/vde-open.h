/* Connecting to a VDE switch. */
#ifndef NET_VDE_OPEN_H
#define NET_VDE_OPEN_H

#include "base/error.h"

#include <libvdeplug.h>

/*
 * vde_open(3) with an end: a switch that does not answer within some seconds is an error. `sock` is
 * its folder, any URL of vdeplug, or NULL for the default switch; `who` is what it calls the port.
 * Called while there are no other threads that wait for SIGALRM.
 */
struct error *net_vde_open(const char *sock, const char *who, struct vde_open_args *args,
			   VDECONN **conn) NODISCARD;

#endif
