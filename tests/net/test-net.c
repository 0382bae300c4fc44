#include "../vm/suite.h"

#include "base/bytes.h"
#include "net/net.h"
#include "vm/clock.h"
#include "vm/machine.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint8_t guest_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t broadcast[6] = {255, 255, 255, 255, 255, 255};

/* A guest's end that keeps what it gets, or refuses it. */
struct guest {
	struct net_port *port;
	GPtrArray *frames; /* GByteArray * */
	bool refuse;
	unsigned int writable;
};

static bool guest_can_receive(void *opaque)
{
	return !((struct guest *)opaque)->refuse;
}

static bool guest_receive(void *opaque, const uint8_t *frame, size_t len)
{
	GByteArray *copy = g_byte_array_new();

	g_byte_array_append(copy, frame, (guint)len);
	g_ptr_array_add(((struct guest *)opaque)->frames, copy);
	return true;
}

static void guest_writable(void *opaque)
{
	((struct guest *)opaque)->writable++;
}

static const struct net_port_ops guest_ops = {.kind = "guest",
					      .nic = true,
					      .can_receive = guest_can_receive,
					      .receive = guest_receive,
					      .writable = guest_writable};

static struct guest *guest_new(void)
{
	struct guest *g = g_new0(struct guest, 1);

	g->frames = g_ptr_array_new();
	g->port = net_port_new(&guest_ops, g, NULL);
	return g;
}

static GByteArray *frame_at(struct guest *g, unsigned int n)
{
	ck_assert_uint_lt(n, g->frames->len);
	return g_ptr_array_index(g->frames, n);
}

static struct machine *machine(void)
{
	struct machine *m = g_new0(struct machine, 1);
	m->nics = g_ptr_array_new();
	return m;
}

/* Runs the loop until `count` frames are there, at most 5 s. */
static void wait_frames(struct guest *g, unsigned int count)
{
	int64_t end = host_monotonic_ns() + 5 * NS_PER_S;

	while (g->frames->len < count && host_monotonic_ns() < end) {
		loop_turn(false);
		machine_unlock();
		g_usleep(1000);
		machine_lock();
	}
	ck_assert_uint_ge(g->frames->len, count);
}

static void fails(struct error *err, const char *part)
{
	ck_assert_ptr_nonnull(err);
	ck_assert_msg(strstr(err->message, part) != NULL, "\"%s\"", err->message);
	error_free(err);
}

static void works(struct error *err)
{
	ck_assert_msg(!err, "%s", err ? err->message : "");
}

START_TEST(queue_and_link)
{
	struct guest *a = guest_new(), *b = guest_new();
	uint8_t frame[60] = {1};

	works(net_join(a->port, b->port));
	fails(net_join(a->port, b->port), "already connected");
	b->refuse = true;
	for (unsigned int i = 0; i < 400; i++) {
		frame[1] = (uint8_t)i;
		net_send(a->port, frame, sizeof(frame));
	}
	ck_assert_uint_eq(b->frames->len, 0);
	ck_assert(!net_can_send(a->port));
	b->refuse = false;
	net_flush(b->port);
	ck_assert_uint_eq(b->frames->len, 400);
	for (unsigned int i = 0; i < 400; i++)
		ck_assert_uint_eq(frame_at(b, i)->data[1], i & 255);
	ck_assert_uint_eq(a->writable, 1);
	ck_assert(net_can_send(a->port));
	net_set_link(a->port, false);
	ck_assert(!net_link_up(b->port));
	net_send(a->port, frame, sizeof(frame));
	net_send(b->port, frame, sizeof(frame));
	ck_assert_uint_eq(b->frames->len, 400);
	ck_assert_uint_eq(a->frames->len, 0);
	net_set_link(a->port, true);
	b->refuse = true;
	for (unsigned int i = 0; i < 5000; i++)
		net_send(a->port, frame, sizeof(frame));
	ck_assert_uint_gt(net_port_stats(b->port)->dropped, 3000);
	net_port_free(b->port);
	net_send(a->port, frame, sizeof(frame));
}
END_TEST

START_TEST(printed)
{
	struct guest *a = guest_new(), *b = guest_new();
	uint8_t frame[60] = {1};
	char *text;
	size_t len;

	works(net_join(a->port, b->port));
	for (unsigned int i = 0; i < 3; i++)
		net_send(a->port, frame, sizeof(frame));
	net_set_link(b->port, false);
	net_send(a->port, frame, sizeof(frame));
	FILE *out = open_memstream(&text, &len);
	net_print(out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "sent 4 frames (240 bytes), received 0 (0), lost 1"));
	ck_assert_ptr_nonnull(strstr(text, "sent 0 frames (0 bytes), received 3 (180), lost 0"));
	ck_assert_ptr_nonnull(strstr(text, "link=off"));
	free(text);
}
END_TEST

START_TEST(hub)
{
	struct guest *g[3];
	uint8_t frame[60] = {1};

	for (unsigned int i = 0; i < 3; i++) {
		g[i] = guest_new();
		works(net_join(g[i]->port, net_hub_port(7)));
	}
	g[2]->refuse = true;
	for (unsigned int i = 0; i < 300; i++)
		net_send(g[0]->port, frame, sizeof(frame));
	ck_assert_uint_eq(g[0]->frames->len, 0);
	ck_assert_uint_eq(g[1]->frames->len, 300);
	ck_assert(net_can_send(g[0]->port)); /* one slow member holds nobody back */
	g[2]->refuse = false;
	net_flush(g[2]->port);
	ck_assert_uint_eq(g[2]->frames->len, 300);
}
END_TEST

/* Answers each frame at once with one whose first byte is one more, up to 9. */
static bool answer(void *opaque, const uint8_t *frame, size_t len)
{
	struct guest *g = opaque;
	uint8_t copy[60];

	guest_receive(g, frame, len);
	memcpy(copy, frame, sizeof(copy));
	if (copy[0]++ < 9)
		net_send(g->port, copy, sizeof(copy));
	return true;
}

static const struct net_port_ops answer_ops = {.kind = "answer", .receive = answer};

START_TEST(hub_order)
{
	struct guest *asks = guest_new(), *answers = g_new0(struct guest, 1), *hears = guest_new();
	uint8_t frame[60] = {0};

	answers->frames = g_ptr_array_new();
	answers->port = net_port_new(&answer_ops, answers, NULL);
	works(net_join(asks->port, net_hub_port(1)));
	works(net_join(answers->port, net_hub_port(1)));
	works(net_join(hears->port, net_hub_port(1)));
	net_send(asks->port, frame, sizeof(frame));
	ck_assert_uint_eq(asks->frames->len, 1);
	ck_assert_uint_eq(hears->frames->len, 2);
	ck_assert_uint_eq(frame_at(hears, 0)->data[0], 0);
	ck_assert_uint_eq(frame_at(hears, 1)->data[0], 1);
}
END_TEST

START_TEST(options)
{
	struct machine *m = machine();
	uint8_t mac[6];

	works(net_parse_mac("52:54:00:ab:cd:ef", mac));
	ck_assert_uint_eq(mac[5], 0xef);
	fails(net_parse_mac("52:54:00:ab:cd", mac), "no MAC");
	fails(net_parse_mac("01:54:00:ab:cd:01", mac), "group");
	works(net_option_netdev("user,id=u,net=192.168.7.0/24,host=192.168.7.9,ipv6=off"));
	works(net_option_net(m, "nic,model=e1000,macaddr=52:54:00:00:00:01,netdev=u"));
	works(net_option_net(m, "nic,vlan=3"));
	works(net_finish(m));
	ck_assert_uint_eq(m->nics->len, 2);
	struct nic_config *nic = g_ptr_array_index(m->nics, 0);
	ck_assert_str_eq(nic->model, "e1000");
	ck_assert_ptr_eq(nic->netdev, net_port_find("u"));
	ck_assert_uint_eq(nic->mac[5], 1);
	nic = g_ptr_array_index(m->nics, 1);
	ck_assert_uint_eq(nic->mac[5], 0x56);
	net_close();
}
END_TEST

static const struct {
	const char *netdev, *message;
} mistakes[] = {
	{"usr,id=a", "did you mean \"user\""},
	{"user", "id"},
	{"user,id=a,nett=1", "net"},
	{"user,id=a,net=1.2.3", "address"},
	{"user,id=a,host=1.2.3.4", "not in the network"},
	{"user,id=a,hostfwd=tcp:x", "hostfwd"},
	{"user,id=a,hostfwd=icmp::1-:2", "protocol"},
	{"user,id=a,hostfwd=tcp::99999-:2", "99999"},
	{"user,id=a,tftp=/nowhere", "/nowhere"},
	{"socket,id=a", "give one of"},
	{"socket,id=a,connect=127.0.0.1:1", "refused"},
	{"socket,id=a,connect=127.0.0.1", "host:port"},
	{"socket,id=a,mcast=1.2.3.4:5", "multicast"},
	{"socket,id=a,fd=77", "Bad file"},
	{"socket,id=a,listen=:70000", "port number"},
	{"stream,id=a", "addr.type"},
	{"stream,id=a,addr.type=unix,addr.path=/nowhere/s", "/nowhere/s"},
	{"dgram,id=a", "remote.type"},
	{"vde,id=a,sock=/nowhere", "/nowhere"},
	{"vde,id=a,mode=99", "octal"},
	{"tap,id=a,ifname=abcdefghijklmnopqrst,script=no", "longer"},
	{"tap,id=a,fd=0,ifname=x", "alone"},
	{"tap,id=a,fd=0", "no tap"},
};

START_TEST(option_mistakes)
{
	works(net_option_netdev(mistakes[_i].netdev));
	fails(net_finish(machine()), mistakes[_i].message);
}
END_TEST

/* --- the user network --- */

static struct guest *user_guest(const char *options)
{
	struct machine *m = machine();
	struct guest *g = guest_new();

	clock_start();
	works(net_option_netdev(options));
	works(net_finish(m));
	works(net_join(g->port, net_port_find("u")));
	return g;
}

static void ether(uint8_t *f, const uint8_t *to, uint16_t type)
{
	memcpy(f, to, 6);
	memcpy(f + 6, guest_mac, 6);
	store_be16(f + 12, type);
}

static uint16_t ip_sum(const uint8_t *p, unsigned int len)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < len; i += 2)
		sum += load_be16(p + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t udp(uint8_t *f, const uint8_t *to_mac, uint32_t from, uint32_t to, uint16_t sport,
		  uint16_t dport, const void *data, size_t len)
{
	uint8_t *ip = f + 14;

	memset(f, 0, 42);
	ether(f, to_mac, 0x0800);
	ip[0] = 0x45;
	store_be16(ip + 2, (uint16_t)(28 + len));
	ip[8] = 64;
	ip[9] = 17;
	store_be32(ip + 12, from);
	store_be32(ip + 16, to);
	store_be16(ip + 10, ip_sum(ip, 20));
	store_be16(ip + 20, sport);
	store_be16(ip + 22, dport);
	store_be16(ip + 24, (uint16_t)(8 + len));
	memcpy(ip + 28, data, len);
	return 42 + len;
}

static size_t dhcp(uint8_t *f, uint8_t type)
{
	uint8_t b[300] = {1, 1, 6, 0, 1, 2, 3, 4};
	static const uint8_t magic[4] = {0x63, 0x82, 0x53, 0x63};

	memcpy(b + 28, guest_mac, 6);
	memcpy(b + 236, magic, 4);
	uint8_t options[] = {53, 1, type, 255};
	memcpy(b + 240, options, sizeof(options));
	return udp(f, broadcast, 0, 0xffffffff, 68, 67, b, sizeof(b));
}

static void arp_reply(uint8_t *f, const uint8_t *request)
{
	static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 2};

	memset(f, 0, 60);
	ether(f, request + 6, 0x0806);
	memcpy(f + 14, head, 8);
	memcpy(f + 22, guest_mac, 6);
	store_be32(f + 28, 0x0a00020f);
	memcpy(f + 32, request + 22, 10);
}

/* Answers ARP requests and waits for an IP packet; its frame is the last one. */
static GByteArray *wait_ip(struct guest *g)
{
	for (;;) {
		unsigned int have = g->frames->len;
		wait_frames(g, have + 1);
		GByteArray *f = frame_at(g, g->frames->len - 1);
		if (load_be16(f->data + 12) == 0x0800)
			return f;
		uint8_t reply[60];
		if (load_be16(f->data + 12) != 0x0806)
			continue;
		have = g->frames->len;
		arp_reply(reply, f->data);
		net_send(g->port, reply, sizeof(reply));
		if (g->frames->len > have)
			return frame_at(g, g->frames->len - 1);
	}
}

START_TEST(user_dhcp)
{
	struct guest *g = user_guest("user,id=u,ipv6=off,hostname=box");
	uint8_t f[600];

	net_send(g->port, f, dhcp(f, 1));
	wait_frames(g, 1);
	GByteArray *offer = frame_at(g, g->frames->len - 1);
	ck_assert_uint_eq(load_be16(offer->data + 12), 0x0800);
	ck_assert_uint_eq(load_be32(offer->data + 14 + 28 + 16), 0x0a00020f);
	ck_assert_ptr_nonnull(memmem(offer->data, offer->len, "box", 3));
	net_close();
}
END_TEST

START_TEST(user_tftp)
{
	char *dir = g_dir_make_tmp("net-XXXXXX", NULL);
	char *file = g_build_filename(dir, "file", NULL);
	g_file_set_contents(file, "contents of it", -1, NULL);
	char *options = g_strdup_printf("user,id=u,ipv6=off,tftp=%s", dir);
	struct guest *g = user_guest(options);
	uint8_t f[600];
	static const char request[] = "\0\1file\0octet";

	net_send(g->port, f, dhcp(f, 1));
	wait_frames(g, 1);
	uint8_t router[6];
	memcpy(router, frame_at(g, 0)->data + 6, 6);
	net_send(g->port, f,
		 udp(f, router, 0x0a00020f, 0x0a000202, 1111, 69, request, sizeof(request)));
	GByteArray *data = g->frames->len > 1 ? frame_at(g, g->frames->len - 1) : wait_ip(g);
	if (load_be16(data->data + 12) == 0x0806) {
		arp_reply(f, data->data);
		net_send(g->port, f, 60);
		data = frame_at(g, g->frames->len - 1);
	}
	ck_assert_ptr_nonnull(memmem(data->data, data->len, "contents of it", 14));
	g_unlink(file);
	g_rmdir(dir);
	net_close();
}
END_TEST

START_TEST(dump_file)
{
	struct machine *m = machine();
	struct guest *a = guest_new(), *b = guest_new();
	char *path = g_strdup_printf("/tmp/net-test-%d.pcap", getpid());
	char *text = g_strdup_printf("dump,vlan=1,file=%s,len=100", path), *data;
	uint8_t frame[200] = {9};
	gsize len;

	works(net_join(a->port, net_hub_port(1)));
	works(net_join(b->port, net_hub_port(1)));
	works(net_option_net(m, text));
	works(net_finish(m));
	net_send(a->port, frame, 200);
	net_send(b->port, frame, 60);
	net_close();
	ck_assert(g_file_get_contents(path, &data, &len, NULL));
	ck_assert_uint_eq(len, 24 + 16 + 100 + 16 + 60);
	ck_assert_uint_eq(load_le32(data), 0xa1b2c3d4);
	ck_assert_uint_eq(load_le32(data + 24 + 8), 100);
	ck_assert_uint_eq(load_le32(data + 24 + 12), 200);
	unlink(path);
}
END_TEST

/* --- pairs of back ends that meet on this host --- */

static const struct {
	const char *a, *b;
} pairs[] = {
	{"socket,id=a,listen=127.0.0.1:17799", "socket,id=b,connect=127.0.0.1:17799"},
	{"socket,id=a,mcast=230.0.0.1:17798,localaddr=127.0.0.1",
	 "socket,id=b,mcast=230.0.0.1:17798,localaddr=127.0.0.1"},
	{"socket,id=a,udp=127.0.0.1:17797,localaddr=127.0.0.1:17796",
	 "socket,id=b,udp=127.0.0.1:17796,localaddr=127.0.0.1:17797"},
	{"stream,id=a,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=17795",
	 "stream,id=b,addr.type=inet,addr.host=127.0.0.1,addr.port=17795"},
	{"stream,id=a,server=on,addr.type=unix,addr.path=/tmp/net-test-stream",
	 "stream,id=b,addr.type=unix,addr.path=/tmp/net-test-stream,reconnect=1"},
	{"dgram,id=a,local.type=unix,local.path=/tmp/net-test-da,remote.type=unix,"
	 "remote.path=/tmp/net-test-db",
	 "dgram,id=b,local.type=unix,local.path=/tmp/net-test-db,remote.type=unix,"
	 "remote.path=/tmp/net-test-da"},
	{"dgram,id=a,local.type=inet,local.host=127.0.0.1,local.port=17791,remote.type=inet,"
	 "remote.host=127.0.0.1,remote.port=17792",
	 "dgram,id=b,local.type=inet,local.host=127.0.0.1,local.port=17792,remote.type=inet,"
	 "remote.host=127.0.0.1,remote.port=17791"},
};

START_TEST(pair)
{
	struct guest *a = guest_new(), *b = guest_new();
	uint8_t frame[1500];

	works(net_option_netdev(pairs[_i].a));
	works(net_option_netdev(pairs[_i].b));
	works(net_finish(machine()));
	works(net_join(a->port, net_port_find("a")));
	works(net_join(b->port, net_port_find("b")));
	for (unsigned int i = 0; i < 20; i++)
		loop_turn(false);
	for (unsigned int i = 0; i < 500; i++) {
		memset(frame, (int)i, sizeof(frame));
		store_be32(frame, i);
		net_send(a->port, frame, 60 + i);
		net_send(b->port, frame, 1500 - i);
		if (i % 50 == 49) {
			wait_frames(b, i + 1);
			wait_frames(a, i + 1);
		}
	}
	ck_assert_uint_eq(a->frames->len, 500);
	ck_assert_uint_eq(b->frames->len, 500);
	for (unsigned int i = 0; i < 500; i++) {
		ck_assert_uint_eq(frame_at(b, i)->len, 60 + i);
		ck_assert_uint_eq(load_be32(frame_at(b, i)->data), i);
		ck_assert_uint_eq(frame_at(a, i)->len, 1500 - i);
	}
	/* a receiver that stalls holds a stream back and loses nothing of it */
	if (_i == 0 || _i == 3 || _i == 4) {
		b->refuse = true;
		for (unsigned int i = 0; i < 3000; i++) {
			store_be32(frame, i);
			net_send(a->port, frame, 1500);
			loop_turn(false);
		}
		b->refuse = false;
		net_flush(b->port);
		wait_frames(b, 500 + 1500);
		for (unsigned int i = 0; i < 1500; i++)
			ck_assert_uint_eq(load_be32(frame_at(b, 500 + i)->data), i);
	}
	net_close();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {queue_and_link, printed,	 hub,	    hub_order, options,
				      user_dhcp,      user_tftp, dump_file, NULL};
	Suite *suite = suite_create("net");
	TCase *cases = tcase_create("net");

	tcase_add_checked_fixture(cases, lock_machine, unlock_machine);
	tcase_set_timeout(cases, 60);
	for (unsigned int i = 0; tests[i]; i++)
		tcase_add_test(cases, tests[i]);
	tcase_add_loop_test(cases, option_mistakes, 0, G_N_ELEMENTS(mistakes));
	tcase_add_loop_test(cases, pair, 0, G_N_ELEMENTS(pairs));
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
