/*
 * Putting IPv4 fragments together; see reassemble.h. Each datagram has a buffer of the largest
 * size and a flag for each unit of eight bytes, so that fragments may come in any order, twice, or
 * overlapping (the later bytes win).
 */
#include "net/reassemble.h"

#include "base/bytes.h"
#include "net/offload.h"

#include <glib.h>
#include <string.h>

enum {
	ETHER = 14,
	DATAGRAMS = 8,
	DATA_MAX = 65535 - 20,
	UNITS = (DATA_MAX + 7) / 8,
	HEADER_MAX = ETHER + 60,
	MORE_FRAGMENTS = 0x2000,
	OFFSET = 0x1fff,
};
#define LIFETIME_NS INT64_C(30000000000)

struct datagram {
	int64_t deadline; /* 0: free */
	uint8_t key[12];  /* addresses, id, protocol */
	uint8_t header[HEADER_MAX];
	size_t header_len; /* 0: the first fragment is missing */
	size_t data_len;   /* 0: the last fragment is missing */
	uint8_t have[UNITS];
	uint8_t data[DATA_MAX + 8];
};

struct reassembler {
	struct datagram *datagrams[DATAGRAMS]; /* made when first needed */
	uint8_t whole[ETHER + 65535];
};

struct reassembler *reassembler_new(void)
{
	return g_new0(struct reassembler, 1);
}

void reassembler_free(struct reassembler *r)
{
	for (unsigned int i = 0; r && i < DATAGRAMS; i++)
		g_free(r->datagrams[i]);
	g_free(r);
}

bool frame_is_fragment(const uint8_t *frame, size_t len)
{
	return len >= ETHER + 20 && load_be16(frame + 12) == 0x0800 && frame[ETHER] >> 4 == 4 &&
	       load_be16(frame + ETHER + 6) & (MORE_FRAGMENTS | OFFSET);
}

static void make_key(const uint8_t *ip, uint8_t *key)
{
	memcpy(key, ip + 12, 8);
	memcpy(key + 8, ip + 4, 2);
	key[10] = ip[9];
	key[11] = 0;
}

static void begin(struct datagram *d, const uint8_t *key, int64_t now)
{
	d->deadline = now + LIFETIME_NS;
	memcpy(d->key, key, sizeof(d->key));
	d->header_len = d->data_len = 0;
	memset(d->have, 0, sizeof(d->have));
}

/* The datagram that a fragment belongs to; where all places are taken the oldest one gives way. */
static struct datagram *find(struct reassembler *r, const uint8_t *key, int64_t now)
{
	struct datagram **oldest = &r->datagrams[0];

	for (unsigned int i = 0; i < DATAGRAMS; i++) {
		struct datagram **d = &r->datagrams[i];
		if (!*d)
			*d = g_new0(struct datagram, 1);
		if ((*d)->deadline <= now)
			(*d)->deadline = 0;
		else if (memcmp((*d)->key, key, sizeof((*d)->key)) == 0)
			return *d;
		if ((*d)->deadline < (*oldest)->deadline)
			oldest = d;
	}
	begin(*oldest, key, now);
	return *oldest;
}

static void mark(struct datagram *d, size_t from, size_t len)
{
	memset(d->have + from / 8, 1, (len + 7) / 8);
}

static bool complete(const struct datagram *d)
{
	return d->header_len && d->data_len && !memchr(d->have, 0, (d->data_len + 7) / 8);
}

static const uint8_t *finish(struct reassembler *r, struct datagram *d, size_t *whole_len)
{
	struct frame_layout l;
	size_t ip_len = d->header_len - ETHER + d->data_len;

	d->deadline = 0;
	if (ip_len > 65535)
		return NULL;
	memcpy(r->whole, d->header, d->header_len);
	memcpy(r->whole + d->header_len, d->data, d->data_len);
	store_be16(r->whole + ETHER + 2, (uint16_t)ip_len);
	store_be16(r->whole + ETHER + 6, 0);
	*whole_len = ETHER + ip_len;
	if (!frame_parse(r->whole, *whole_len, &l))
		return NULL;
	frame_ip_checksum(r->whole, &l);
	return r->whole;
}

const uint8_t *reassembler_add(struct reassembler *r, const uint8_t *frame, size_t len, int64_t now,
			       size_t *whole_len)
{
	const uint8_t *ip = frame + ETHER;
	unsigned int place = load_be16(ip + 6), header = (ip[0] & 15) * 4u,
		     total = load_be16(ip + 2);
	size_t from = (place & OFFSET) * 8;
	uint8_t key[12];

	if (header < 20 || total <= header || ETHER + total > len)
		return NULL;
	size_t bytes = total - header;
	if ((place & MORE_FRAGMENTS && bytes % 8) || from + bytes > DATA_MAX)
		return NULL;
	make_key(ip, key);
	struct datagram *d = find(r, key, now);
	if (from == 0) {
		d->header_len = ETHER + header;
		memcpy(d->header, frame, d->header_len);
	}
	if (!(place & MORE_FRAGMENTS))
		d->data_len = from + bytes;
	memcpy(d->data + from, ip + header, bytes);
	mark(d, from, bytes);
	return complete(d) ? finish(r, d, whole_len) : NULL;
}
