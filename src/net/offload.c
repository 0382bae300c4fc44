/* Sources: RFC 791, 793, 768, 1071 (checksum), 8200. */
#include "net/offload.h"

#include "base/bytes.h"

enum {
	ETHER_HEADER = 14,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_CWR = 0x80,
	SEGMENT_MAX = 65535,
};

uint32_t inet_sum(const uint8_t *data, size_t len, uint32_t sum)
{
	uint64_t wide = 0;

	/* The sum does not care about byte order, so add host words and swap once. */
	for (; len >= 4; data += 4, len -= 4) {
		uint32_t word;
		memcpy(&word, data, 4);
		wide += word;
	}
	wide = (wide & 0xffff) + (wide >> 16 & 0xffff) + (wide >> 32 & 0xffff) + (wide >> 48);
	while (wide >> 16)
		wide = (wide & 0xffff) + (wide >> 16);
	uint32_t total = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
				 ? __builtin_bswap16((uint16_t)wide)
				 : (uint32_t)wide;
	if (len >= 2) {
		total += load_be16(data);
		data += 2;
		len -= 2;
	}
	if (len)
		total += (uint32_t)*data << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	return sum + total;
}

uint16_t inet_finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool parse_ipv4(const uint8_t *frame, size_t len, struct frame_layout *l, uint8_t *protocol)
{
	const uint8_t *ip = frame + l->l3;

	if (len < l->l3 + 20 || ip[0] >> 4 != 4)
		return false;
	size_t header = (ip[0] & 15) * 4u, total = load_be16(ip + 2);
	if (header < 20 || l->l3 + header > len)
		return false;
	/* A length of 0 is what drivers leave in frames that are to be cut. */
	if (total == 0 || l->l3 + total > len)
		total = len - l->l3;
	if (total < header)
		return false;
	l->ipv4 = true;
	l->fragment = (load_be16(ip + 6) & 0x3fff) != 0;
	l->l4 = l->l3 + header;
	l->l4_len = total - header;
	*protocol = ip[9];
	return true;
}

static bool parse_ipv6(const uint8_t *frame, size_t len, struct frame_layout *l, uint8_t *protocol)
{
	const uint8_t *ip = frame + l->l3;

	if (len < l->l3 + 40 || ip[0] >> 4 != 6)
		return false;
	size_t payload = load_be16(ip + 4);
	l->ipv6 = true;
	l->l4 = l->l3 + 40;
	l->l4_len = payload && l->l4 + payload <= len ? payload : len - l->l4;
	*protocol = ip[6];
	return true;
}

bool frame_parse(const uint8_t *frame, size_t len, struct frame_layout *l)
{
	uint8_t protocol = 0;
	bool good = false;

	*l = (struct frame_layout){.l3 = ETHER_HEADER};
	if (len < ETHER_HEADER)
		return false;
	uint16_t type = load_be16(frame + 12);
	if (type == TYPE_VLAN && len >= ETHER_HEADER + 4) {
		type = load_be16(frame + 16);
		l->l3 += 4;
	}
	if (type == TYPE_IPV4)
		good = parse_ipv4(frame, len, l, &protocol);
	else if (type == TYPE_IPV6)
		good = parse_ipv6(frame, len, l, &protocol);
	if (!good || l->fragment)
		return good;
	if (protocol == PROTOCOL_UDP && l->l4_len >= 8) {
		l->udp = true;
		l->payload = l->l4 + 8;
	} else if (protocol == PROTOCOL_TCP && l->l4_len >= 20) {
		size_t header = (frame[l->l4 + 12] >> 4) * 4u;
		l->tcp = header >= 20 && header <= l->l4_len;
		l->payload = l->l4 + header;
	}
	return true;
}

uint32_t frame_pseudo_sum(const uint8_t *frame, const struct frame_layout *l, size_t len)
{
	const uint8_t *ip = frame + l->l3;
	uint32_t sum = (uint32_t)len + (l->tcp ? PROTOCOL_TCP : PROTOCOL_UDP);

	return l->ipv4 ? inet_sum(ip + 12, 8, sum) : inet_sum(ip + 8, 32, sum);
}

void frame_ip_checksum(uint8_t *frame, const struct frame_layout *l)
{
	uint8_t *ip = frame + l->l3;

	if (!l->ipv4)
		return;
	store_be16(ip + 10, 0);
	store_be16(ip + 10, inet_finish(inet_sum(ip, l->l4 - l->l3, 0)));
}

static uint16_t l4_sum(const uint8_t *frame, const struct frame_layout *l)
{
	uint32_t sum = frame_pseudo_sum(frame, l, l->l4_len);
	return inet_finish(inet_sum(frame + l->l4, l->l4_len, sum));
}

void frame_l4_checksum(uint8_t *frame, const struct frame_layout *l)
{
	uint8_t *field = frame + l->l4 + (l->tcp ? 16 : 6);

	if (!l->tcp && !l->udp)
		return;
	store_be16(field, 0);
	uint16_t sum = l4_sum(frame, l);
	/* Zero means "none" in UDP, so it is sent as its other form. */
	store_be16(field, l->udp && sum == 0 ? 0xffff : sum);
}

bool frame_ip_valid(const uint8_t *frame, const struct frame_layout *l)
{
	return !l->ipv4 || inet_finish(inet_sum(frame + l->l3, l->l4 - l->l3, 0)) == 0;
}

bool frame_l4_valid(const uint8_t *frame, const struct frame_layout *l)
{
	if (l->udp && load_be16(frame + l->l4 + 6) == 0)
		return true;
	return l4_sum(frame, l) == 0;
}

/* Lengths, ids and checksums of one cut; the TCP header is in place. */
static void finish_segment(uint8_t *out, struct frame_layout *l, size_t payload, uint16_t id)
{
	uint8_t *ip = out + l->l3;

	l->l4_len = l->payload - l->l4 + payload;
	if (l->ipv4) {
		store_be16(ip + 2, (uint16_t)(l->l4 - l->l3 + l->l4_len));
		store_be16(ip + 4, id);
		frame_ip_checksum(out, l);
	} else {
		store_be16(ip + 4, (uint16_t)l->l4_len);
	}
	frame_l4_checksum(out, l);
}

bool frame_large_prepare(uint8_t *frame, size_t len, struct frame_layout *l)
{
	if (!frame_parse(frame, len, l) || !l->tcp || len - l->l3 > SEGMENT_MAX)
		return false;
	l->l4_len = len - l->l4;
	if (l->ipv4) {
		store_be16(frame + l->l3 + 2, (uint16_t)(len - l->l3));
		frame_ip_checksum(frame, l);
	} else {
		store_be16(frame + l->l3 + 4, (uint16_t)(len - l->l3 - 40));
	}
	store_be16(frame + l->l4 + 16,
		   (uint16_t)~inet_finish(frame_pseudo_sum(frame, l, l->l4_len)));
	return true;
}

void frame_segment(uint8_t *frame, size_t len, size_t mss,
		   void (*send)(void *opaque, const uint8_t *frame, size_t len), void *opaque)
{
	struct frame_layout l;
	uint8_t out[SEGMENT_MAX + 18];

	if (mss == 0 || !frame_parse(frame, len, &l) || !l.tcp || l.payload + mss > sizeof(out)) {
		send(opaque, frame, len);
		return;
	}
	uint32_t sequence = load_be32(frame + l.l4 + 4);
	uint16_t id = l.ipv4 ? load_be16(frame + l.l3 + 4) : 0;
	uint8_t flags = frame[l.l4 + 13];
	size_t left = len - l.payload;
	const uint8_t *data = frame + l.payload;

	memcpy(out, frame, l.payload);
	do {
		size_t part = left < mss ? left : mss;
		memcpy(out + l.payload, data, part);
		store_be32(out + l.l4 + 4, sequence);
		out[l.l4 + 13] = left > part ? flags & (uint8_t)~(TCP_FIN | TCP_PSH) : flags;
		finish_segment(out, &l, part, id++);
		send(opaque, out, l.payload + part);
		flags &= (uint8_t)~TCP_CWR;
		sequence += (uint32_t)part;
		data += part;
		left -= part;
	} while (left);
}
