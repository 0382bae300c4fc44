/* Large TCP frames: handed over whole or cut, and made of pieces that arrive together. */
#include "../vm/suite.h"

#include "base/bytes.h"
#include "net/coalesce.h"
#include "net/net.h"
#include "net/offload.h"
#include "net/reassemble.h"

#include <glib.h>
#include <string.h>

enum { HEADERS = 14 + 20 + 20, ACK = 0x10, PSH = 0x08, FIN = 0x01 };

/* A receiver that notes what it is given. */
struct sink {
	struct net_port *port;
	bool whole; /* takes large frames */
	GArray *sizes, *mss;
	GByteArray *payload;
	unsigned int bad_sums;
};

static void note(struct sink *s, const uint8_t *frame, size_t len, size_t mss)
{
	struct frame_layout l;
	unsigned int size = (unsigned int)len, cut = (unsigned int)mss;

	g_array_append_val(s->sizes, size);
	g_array_append_val(s->mss, cut);
	if (!frame_parse(frame, len, &l) || !l.tcp)
		return;
	if (!frame_ip_valid(frame, &l))
		s->bad_sums++;
	if (mss) {
		ck_assert_uint_eq(load_be16(frame + l.l4 + 16),
				  (uint16_t)~inet_finish(frame_pseudo_sum(frame, &l, l.l4_len)));
	} else if (!frame_l4_valid(frame, &l)) {
		s->bad_sums++;
	}
	g_byte_array_append(s->payload, frame + l.payload, (guint)(len - l.payload));
}

static bool sink_receive(void *opaque, const uint8_t *frame, size_t len)
{
	note(opaque, frame, len, 0);
	return true;
}

static bool sink_takes_large(void *opaque)
{
	return ((struct sink *)opaque)->whole;
}

static bool sink_receive_large(void *opaque, uint8_t *frame, size_t len, size_t mss)
{
	note(opaque, frame, len, mss);
	return true;
}

static const struct net_port_ops sink_ops = {.kind = "sink",
					     .nic = true,
					     .receive = sink_receive,
					     .takes_large = sink_takes_large,
					     .receive_large = sink_receive_large};
static const struct net_port_ops source_ops = {.kind = "source", .receive = sink_receive};

static struct sink *sink_alone(bool whole)
{
	struct sink *s = g_new0(struct sink, 1);

	s->whole = whole;
	s->sizes = g_array_new(false, false, sizeof(unsigned int));
	s->mss = g_array_new(false, false, sizeof(unsigned int));
	s->payload = g_byte_array_new();
	s->port = net_port_new(&sink_ops, s, NULL);
	return s;
}

static struct sink *sink_new(bool whole, struct net_port **source)
{
	struct sink *s = sink_alone(whole);

	*source = net_port_new(&source_ops, NULL, NULL);
	ck_assert_ptr_null(net_join(s->port, *source));
	return s;
}

static unsigned int size_at(const struct sink *s, unsigned int n)
{
	ck_assert_uint_lt(n, s->sizes->len);
	return g_array_index(s->sizes, unsigned int, n);
}

static uint8_t payload_byte(uint32_t sequence)
{
	return (uint8_t)(sequence ^ sequence / 251);
}

/* A segment from `port` that starts at `sequence`, with all sums right. */
static size_t segment(uint8_t *f, uint16_t port, uint32_t sequence, size_t payload, uint8_t flags)
{
	struct frame_layout l;

	memset(f, 0, HEADERS);
	memset(f, 0x52, 12);
	store_be16(f + 12, 0x0800);
	f[14] = 0x45;
	store_be16(f + 16, (uint16_t)(40 + payload));
	f[22] = 64;
	f[23] = 6;
	store_be32(f + 26, 0x0a000202);
	store_be32(f + 30, 0x0a00020f);
	store_be16(f + 34, port);
	store_be16(f + 36, 5555);
	store_be32(f + 38, sequence);
	f[46] = 5 << 4;
	f[47] = flags;
	store_be16(f + 48, 0xffff);
	for (size_t i = 0; i < payload; i++)
		f[HEADERS + i] = payload_byte(sequence + (uint32_t)i);
	ck_assert(frame_parse(f, HEADERS + payload, &l) && l.tcp);
	frame_ip_checksum(f, &l);
	frame_l4_checksum(f, &l);
	return HEADERS + payload;
}

static void stream_is(const struct sink *s, size_t len)
{
	ck_assert_uint_eq(s->bad_sums, 0);
	ck_assert_uint_eq(s->payload->len, len);
	for (unsigned int i = 0; i < len; i++)
		ck_assert_uint_eq(s->payload->data[i], payload_byte(i));
}

START_TEST(whole_or_cut)
{
	struct net_port *source;
	struct sink *s = sink_new(_i == 1, &source);
	uint8_t frame[65536];
	size_t len = segment(frame, 80, 0, 14001, ACK | PSH | FIN);

	net_send_large(source, frame, len, 1400);
	ck_assert_uint_eq(s->sizes->len, _i == 1 ? 1 : 11);
	ck_assert_uint_eq(size_at(s, 0), _i == 1 ? len : HEADERS + 1400);
	stream_is(s, 14001);
	/* what fits into one piece is no large frame */
	len = segment(frame, 80, 14001, 1400, ACK);
	net_send_large(source, frame, len, 1400);
	ck_assert_uint_eq(g_array_index(s->mss, unsigned int, s->mss->len - 1), 0);
	stream_is(s, 15401);
	/* nor is what no header allows */
	net_send_large(source, frame, 20, 1400);
	net_send_large(source, frame, 0, 0);
}
END_TEST

static void watch(void *opaque, const uint8_t *frame, size_t len)
{
	ck_assert_uint_le(len, HEADERS + 1400);
	++*(unsigned int *)opaque;
}

static void plug(struct net_port *port, unsigned int hub)
{
	ck_assert_ptr_null(net_join(port, net_hub_port(hub)));
}

/* A hub of two is a cable; with a third member all see what a wire would carry. */
START_TEST(through_hub)
{
	struct net_port *source = net_port_new(&source_ops, NULL, NULL);
	struct sink *s = sink_alone(true), *third = sink_alone(true);
	uint8_t frame[65536];

	plug(source, 7);
	plug(s->port, 7);
	net_send_large(source, frame, segment(frame, 80, 0, 5000, ACK), 1400);
	ck_assert_uint_eq(s->sizes->len, 1);
	stream_is(s, 5000);
	plug(third->port, 7);
	ck_assert(!net_takes_large(source));
	net_send_large(source, frame, segment(frame, 80, 5000, 5000, ACK), 1400);
	ck_assert_uint_eq(s->sizes->len, 1 + 4);
	ck_assert_uint_eq(third->sizes->len, 4);
	stream_is(s, 10000);
}
END_TEST

/* A dump holds what a wire would carry. */
START_TEST(watched)
{
	struct net_port *source;
	struct sink *s = sink_new(true, &source);
	uint8_t frame[65536];
	unsigned int seen = 0;

	net_port_watch(s->port, watch, &seen);
	net_send_large(source, frame, segment(frame, 80, 0, 5000, ACK), 1400);
	ck_assert_uint_eq(seen, 4);
	stream_is(s, 5000);
}
END_TEST

START_TEST(joined)
{
	struct net_port *source;
	struct sink *s = sink_new(_i == 1, &source);
	struct coalescer *c = coalescer_new(source);
	uint8_t frame[2000];

	for (unsigned int i = 0; i < 100; i++) {
		size_t len = segment(frame, 80, i * 1400, 1400, i == 99 ? ACK | PSH : ACK);
		coalescer_send(c, frame, len);
	}
	/* PSH ends what is held without a flush; 46 pieces are what an IP datagram takes */
	ck_assert_uint_eq(s->sizes->len, _i == 1 ? 3 : 100);
	stream_is(s, 140000);
	if (_i == 1)
		ck_assert_uint_eq(g_array_index(s->mss, unsigned int, 0), 1400);
	coalescer_flush(c);
	ck_assert_uint_eq(s->sizes->len, _i == 1 ? 3 : 100);
	coalescer_free(c);
}
END_TEST

/* What is not the next piece of the same stream stays apart, and nothing overtakes. */
START_TEST(kept_apart)
{
	struct net_port *source;
	struct sink *s = sink_new(true, &source);
	struct coalescer *c = coalescer_new(source);
	uint8_t frame[2000];
	static const struct {
		uint16_t port;
		uint32_t sequence;
		size_t payload;
		uint8_t flags;
	} steps[] = {
		{80, 0, 1000, ACK},    {80, 2000, 1000, ACK},	   {81, 3000, 1000, ACK},
		{80, 4000, 300, ACK},  {80, 4300, 0, ACK},	   {80, 4300, 900, ACK},
		{80, 5200, 1000, ACK}, {80, 6200, 500, ACK | FIN},
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(steps); i++) {
		size_t len = segment(frame, steps[i].port, steps[i].sequence, steps[i].payload,
				     steps[i].flags);
		coalescer_send(c, frame, len);
	}
	coalescer_flush(c);
	ck_assert_uint_eq(s->sizes->len, G_N_ELEMENTS(steps));
	for (unsigned int i = 0; i < G_N_ELEMENTS(steps); i++)
		ck_assert_uint_eq(size_at(s, i), HEADERS + steps[i].payload);
	ck_assert_uint_eq(s->bad_sums, 0);
	coalescer_free(c);
}
END_TEST

/* --- fragments --- */

/* Piece [from, from + len) of a datagram of 3000 bytes behind an IP header. */
static size_t fragment(uint8_t *f, unsigned int from, unsigned int len, unsigned int id)
{
	memset(f, 0, 34);
	store_be16(f + 12, 0x0800);
	f[14] = 0x45;
	store_be16(f + 16, (uint16_t)(20 + len));
	store_be16(f + 18, (uint16_t)id);
	store_be16(f + 20, (uint16_t)(from / 8 | (from + len < 3000 ? 0x2000 : 0)));
	f[22] = 64;
	f[23] = 17;
	for (unsigned int i = 0; i < len; i++)
		f[34 + i] = (uint8_t)((from + i) * 7 + id);
	return 34 + len;
}

static const struct order {
	unsigned int from, len;
} orders[][4] = {
	{{0, 1480}, {1480, 1480}, {2960, 40}},		     /* as they are sent */
	{{2960, 40}, {1480, 1480}, {0, 1480}},		     /* the last one first */
	{{1480, 1480}, {1480, 1480}, {2960, 40}, {0, 1480}}, /* one twice */
	{{0, 1480}, {1000, 1480}, {2960, 40}, {2480, 480}},  /* overlapping */
};

START_TEST(fragments)
{
	struct reassembler *r = reassembler_new();
	static uint8_t f[2000];
	const uint8_t *whole = NULL;
	struct frame_layout l;
	size_t len = 0;

	for (unsigned int i = 0; i < 4 && orders[_i][i].len; i++) {
		ck_assert_ptr_null(whole);
		size_t n = fragment(f, orders[_i][i].from, orders[_i][i].len, 5);
		ck_assert(frame_is_fragment(f, n));
		whole = reassembler_add(r, f, n, 1000, &len);
	}
	ck_assert_ptr_nonnull(whole);
	ck_assert_uint_eq(len, 3034);
	ck_assert(!frame_is_fragment(whole, len));
	ck_assert(frame_parse(whole, len, &l) && frame_ip_valid(whole, &l));
	for (unsigned int i = 0; i < 3000; i++)
		ck_assert_uint_eq(whole[34 + i], (uint8_t)(i * 7 + 5));
	reassembler_free(r);
}
END_TEST

/* Impossible ones are dropped, lonely ones forgotten, and more than there is room for too. */
START_TEST(fragments_hostile)
{
	struct reassembler *r = reassembler_new();
	static uint8_t f[2000];
	size_t len;

	fragment(f, 1480, 1480, 1);
	store_be16(f + 16, 20); /* empty */
	ck_assert_ptr_null(reassembler_add(r, f, 1514, 1, &len));
	fragment(f, 0, 1480, 1);
	store_be16(f + 16, 20 + 1477); /* no multiple of eight */
	ck_assert_ptr_null(reassembler_add(r, f, 1514, 1, &len));
	fragment(f, 0, 1480, 1);
	store_be16(f + 20, 0x1fff); /* beyond the largest datagram */
	ck_assert_ptr_null(reassembler_add(r, f, 1514, 1, &len));
	ck_assert_ptr_null(reassembler_add(r, f, 100, 1, &len)); /* cut off */
	/* half a minute later the first part is gone */
	ck_assert_ptr_null(reassembler_add(r, f, fragment(f, 0, 2000 - 40, 3), 1, &len));
	int64_t later = INT64_C(31000000000);
	ck_assert_ptr_null(reassembler_add(r, f, fragment(f, 1960, 1040, 3), later, &len));
	/* the oldest of nine is gone */
	for (unsigned int id = 10; id < 19; id++)
		ck_assert_ptr_null(
			reassembler_add(r, f, fragment(f, 0, 1960, id), later + id, &len));
	ck_assert_ptr_null(reassembler_add(r, f, fragment(f, 1960, 1040, 10), later + 50, &len));
	ck_assert_ptr_nonnull(reassembler_add(r, f, fragment(f, 1960, 1040, 18), later + 51, &len));
	reassembler_free(r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("large");
	TCase *cases = tcase_create("large");

	tcase_add_checked_fixture(cases, lock_machine, unlock_machine);
	tcase_add_loop_test(cases, whole_or_cut, 0, 2);
	tcase_add_test(cases, through_hub);
	tcase_add_test(cases, watched);
	tcase_add_loop_test(cases, joined, 0, 2);
	tcase_add_test(cases, kept_apart);
	tcase_add_loop_test(cases, fragments, 0, G_N_ELEMENTS(orders));
	tcase_add_test(cases, fragments_hostile);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
