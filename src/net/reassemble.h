/*
 * Putting IPv4 fragments together (RFC 791, section 3.2), for receivers that take datagrams of any
 * size. Machine lock held.
 */
#ifndef NET_REASSEMBLE_H
#define NET_REASSEMBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reassembler;

struct reassembler *reassembler_new(void);
void reassembler_free(struct reassembler *r); /* NULL is allowed */

/* Whether a frame is an IPv4 fragment, whole in itself or not. */
bool frame_is_fragment(const uint8_t *frame, size_t len);
/*
 * Takes a fragment. Returns the whole datagram's frame, with *whole_len bytes and a right IP
 * checksum, once nothing is missing; it is valid until the next call. Else NULL.
 */
const uint8_t *reassembler_add(struct reassembler *r, const uint8_t *frame, size_t len, int64_t now,
			       size_t *whole_len);

#endif
