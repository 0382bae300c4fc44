/*
 * What cards do to frames for their drivers: checksums, cutting large TCP segments, checking what
 * came in. Frames are Ethernet without FCS; every length inside of them is checked here.
 */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sum of 16-bit big-endian words (an odd last byte is the upper half), not folded. */
uint32_t inet_sum(const uint8_t *data, size_t len, uint32_t sum);
/* Folds and complements: what goes into a checksum field. */
uint16_t inet_finish(uint32_t sum);

/* Where the headers of a frame are. */
struct frame_layout {
	bool ipv4, ipv6, tcp, udp;
	bool fragment;	       /* not the whole datagram: its layer 4 is not looked at */
	size_t l3, l4, l4_len; /* offsets; l4_len is what the IP header says, cut to the frame */
	size_t payload;	       /* after the TCP or UDP header */
};
/* False where the frame holds no IP, or headers that do not fit into it. */
bool frame_parse(const uint8_t *frame, size_t len, struct frame_layout *layout);

/* Sum of the pseudo header for layer 4 of `len` bytes. */
uint32_t frame_pseudo_sum(const uint8_t *frame, const struct frame_layout *layout, size_t len);
/* Fills in the checksums. */
void frame_ip_checksum(uint8_t *frame, const struct frame_layout *layout);
void frame_l4_checksum(uint8_t *frame, const struct frame_layout *layout);
/* Whether they are right; a UDP checksum of zero is. */
bool frame_ip_valid(const uint8_t *frame, const struct frame_layout *layout);
bool frame_l4_valid(const uint8_t *frame, const struct frame_layout *layout);

/*
 * Makes a large TCP frame whole for those who take it uncut: IP length and checksum, and in the TCP
 * checksum the sum of the pseudo header. False where it is no TCP, or too large for an IP datagram.
 */
bool frame_large_prepare(uint8_t *frame, size_t len, struct frame_layout *layout);

/*
 * Cuts a frame whose TCP payload is too large into frames of at most `mss` bytes of payload, with
 * lengths, ids, sequence numbers, flags and checksums made right, and hands each to `send`. A frame
 * that is not TCP, or not larger, is sent as it is. `frame` is changed.
 */
void frame_segment(uint8_t *frame, size_t len, size_t mss,
		   void (*send)(void *opaque, const uint8_t *frame, size_t len), void *opaque);

#endif
