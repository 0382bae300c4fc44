/* The telnet protocol on a byte stream, for sockets with telnet=on. */
#ifndef VM_CHAR_TELNET_H
#define VM_CHAR_TELNET_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct telnet {
	int state;
	uint8_t verb;
	bool last_cr, peer_binary;
};

enum { TELNET_NOTHING = -1, TELNET_BREAK = -2 };

void telnet_start(struct telnet *t);
/* The option requests that open a connection. */
const uint8_t *telnet_greeting(size_t *len);
/* Takes a byte from the peer; returns the data byte that it stands for (0..255), or one of above.
 */
int telnet_input(struct telnet *t, uint8_t c);
/* Appends data with its FFh bytes doubled. */
void telnet_encode(const uint8_t *buf, size_t len, GByteArray *out);

#endif
