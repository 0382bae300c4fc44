/* Frames of gdb's remote protocol: escapes, checksums, noise, packets that are asked for again. */
#include "monitor/gdb-link.h"

#include "../check-main.h"

#include <string.h>

struct client {
	GString *packets, *written; /* packets separated by | */
	unsigned int interrupts;
};

static void on_packet(void *opaque, const char *data, size_t len)
{
	struct client *c = opaque;

	g_string_append_len(c->packets, data, (gssize)len);
	g_string_append_c(c->packets, '|');
}

static void on_interrupt(void *opaque)
{
	((struct client *)opaque)->interrupts++;
}

static void on_write(void *opaque, const void *data, size_t len)
{
	g_string_append_len(((struct client *)opaque)->written, data, (gssize)len);
}

static const struct gdb_link_handlers handlers = {on_packet, on_interrupt, on_write};
static struct client client;
static struct gdb_link *link_;

static void setup(void)
{
	client = (struct client){g_string_new(NULL), g_string_new(NULL), 0};
	link_ = gdb_link_new(&handlers, &client);
}

static void teardown(void)
{
	gdb_link_free(link_);
	g_string_free(client.packets, TRUE);
	g_string_free(client.written, TRUE);
}

static void receive(const char *text)
{
	gdb_link_receive(link_, (const uint8_t *)text, strlen(text));
}

START_TEST(a_packet_is_acknowledged)
{
	receive("$m1000,4#8e");
	ck_assert_str_eq(client.packets->str, "m1000,4|");
	ck_assert_str_eq(client.written->str, "+");
}
END_TEST

START_TEST(a_wrong_checksum_asks_again)
{
	receive("$m1000,4#8f$g#67");
	ck_assert_str_eq(client.packets->str, "g|");
	ck_assert_str_eq(client.written->str, "-+");
}
END_TEST

START_TEST(escapes_are_undone)
{
	receive("$X}\x03}]#b2");
	ck_assert_str_eq(client.packets->str, "X#}|");
}
END_TEST

START_TEST(noise_between_packets_is_skipped)
{
	receive("+++abc\x03$?#3f");
	ck_assert_str_eq(client.packets->str, "?|");
	ck_assert_uint_eq(client.interrupts, 1);
}
END_TEST

START_TEST(what_is_sent_is_escaped_and_sent_again)
{
	gdb_link_send_text(link_, "a#b");
	ck_assert_str_eq(client.written->str, "$a}\x03"
					      "b#43");
	receive("-");
	ck_assert_uint_eq(client.written->len, 2 * strlen("$a}\x03"
							  "b#43"));
}
END_TEST

START_TEST(too_long_a_packet_is_refused)
{
	char *text = g_strnfill(GDB_PACKET_MAX + 1, 'A');
	unsigned int sum = (GDB_PACKET_MAX + 1) * 'A' & 0xff;
	char *packet = g_strdup_printf("$%s#%02x", text, sum);

	receive(packet);
	ck_assert_str_eq(client.packets->str, "");
	ck_assert_str_eq(client.written->str, "-");
	g_free(packet);
	g_free(text);
}
END_TEST

START_TEST(without_acknowledgements_nothing_is_written)
{
	gdb_link_stop_acknowledging(link_);
	receive("$g#67");
	ck_assert_str_eq(client.packets->str, "g|");
	ck_assert_uint_eq(client.written->len, 0);
}
END_TEST

START_TEST(hexadecimal_stops_where_it_ends)
{
	uint8_t data[4];

	ck_assert_uint_eq(gdb_parse_hex("0aFfz1", data, sizeof(data)), 2);
	ck_assert_uint_eq(data[1], 0xff);
	ck_assert_uint_eq(gdb_parse_hex("0", data, sizeof(data)), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("gdb-link");
	TCase *tc = tcase_create("link");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_packet_is_acknowledged);
	tcase_add_test(tc, a_wrong_checksum_asks_again);
	tcase_add_test(tc, escapes_are_undone);
	tcase_add_test(tc, noise_between_packets_is_skipped);
	tcase_add_test(tc, what_is_sent_is_escaped_and_sent_again);
	tcase_add_test(tc, too_long_a_packet_is_refused);
	tcase_add_test(tc, without_acknowledgements_nothing_is_written);
	tcase_add_test(tc, hexadecimal_stops_where_it_ends);
	suite_add_tcase(s, tc);
	return s;
}

CHECK_MAIN(suite)
