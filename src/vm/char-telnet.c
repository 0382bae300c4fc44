/* The telnet protocol on a byte stream: RFC 854, options of RFC 856, 857 and 858. */
#include "vm/char-telnet.h"

#include <string.h>

enum { SE = 240, BRK = 243, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 };
enum { BINARY = 0, ECHO_ = 1, SUPPRESS_GO_AHEAD = 3 };

enum { DATA, COMMAND, OPTION, SUBNEGOTIATION, SUBNEGOTIATION_IAC };

/* We echo and send characters one by one, and both sides use all eight bits. */
static const uint8_t greeting[] = {
	IAC, WILL, ECHO_, IAC, WILL, SUPPRESS_GO_AHEAD, IAC, WILL, BINARY, IAC, DO, BINARY,
};

const uint8_t *telnet_greeting(size_t *len)
{
	*len = sizeof(greeting);
	return greeting;
}

void telnet_start(struct telnet *t)
{
	*t = (struct telnet){.state = DATA};
}

/* What a byte is worth: itself, or a telnet event. */
static int data_byte(struct telnet *t, uint8_t c)
{
	bool after_cr = t->last_cr;

	if (c == IAC) {
		t->state = COMMAND;
		return TELNET_NOTHING;
	}
	t->last_cr = c == '\r';
	/* Until the peer is binary its Return is CR NUL. */
	return after_cr && c == '\0' && !t->peer_binary ? TELNET_NOTHING : c;
}

static int command_byte(struct telnet *t, uint8_t c)
{
	t->state = DATA;
	switch (c) {
	case IAC: return IAC;
	case BRK: return TELNET_BREAK;
	case SB: t->state = SUBNEGOTIATION; return TELNET_NOTHING;
	case WILL:
	case WONT:
	case DO:
	case DONT:
		t->verb = c;
		t->state = OPTION;
		return TELNET_NOTHING;
	default: return TELNET_NOTHING;
	}
}

int telnet_input(struct telnet *t, uint8_t c)
{
	switch (t->state) {
	case DATA: return data_byte(t, c);
	case COMMAND: return command_byte(t, c);
	case OPTION:
		if (c == BINARY && (t->verb == WILL || t->verb == WONT))
			t->peer_binary = t->verb == WILL;
		t->state = DATA;
		break;
	case SUBNEGOTIATION:
		if (c == IAC)
			t->state = SUBNEGOTIATION_IAC;
		break;
	case SUBNEGOTIATION_IAC: t->state = c == SE ? DATA : SUBNEGOTIATION; break;
	}
	return TELNET_NOTHING;
}

void telnet_encode(const uint8_t *buf, size_t len, GByteArray *out)
{
	while (len) {
		const uint8_t *iac = memchr(buf, IAC, len);
		size_t n = iac ? (size_t)(iac - buf) + 1 : len;
		g_byte_array_append(out, buf, (unsigned int)n);
		if (iac)
			g_byte_array_append(out, iac, 1);
		buf += n;
		len -= n;
	}
}
