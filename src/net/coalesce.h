/*
 * Joins the pieces of a TCP stream that a back end brings in one go into large frames, where the
 * peer takes them: a guest then handles one frame instead of forty. Machine lock held.
 */
#ifndef NET_COALESCE_H
#define NET_COALESCE_H

#include "net/net.h"

struct coalescer;

struct coalescer *coalescer_new(struct net_port *port);
void coalescer_free(struct coalescer *c); /* what it holds is lost */
/* Sends a frame out of the port, now or with those behind it. */
void coalescer_send(struct coalescer *c, const uint8_t *frame, size_t len);
/* Sends what it holds. A back end calls this before it returns to the main loop. */
void coalescer_flush(struct coalescer *c);

#endif
