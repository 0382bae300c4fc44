#include "rig.h"

#include "vm/state.h"

#include <string.h>

static void set_irq(void *opaque, struct pci_device *dev, int pin, int level)
{
	struct rig *r = opaque;
	r->irq = level;
}

static bool wire_receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct rig *r = opaque;
	GByteArray *copy = g_byte_array_new();

	g_byte_array_append(copy, frame, (guint)len);
	g_ptr_array_add(r->sent, copy);
	return true;
}

static const struct net_port_ops wire_ops = {.kind = "wire", .receive = wire_receive};

static void map_bars(struct rig *r)
{
	uint32_t io = RIG_BAR_IO, mem = RIG_BAR_MEM;
	unsigned int devfn = (unsigned int)r->card->devfn;

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &r->card->bars[i];
		if (!bar->region)
			continue;
		bool is_io = bar->kind & PCI_BAR_IO;
		pci_config_write(&r->bus, 0, devfn, 0x10 + 4 * i, is_io ? io : mem, 4);
		if (is_io)
			io += 0x400;
		else
			mem += 0x2000000;
	}
	pci_config_write(&r->bus, 0, devfn, 4, 7, 2);
}

void rig_reset(struct rig *r)
{
	devices_reset();
	map_bars(r);
}

/* Not Check's: fuzz targets use the rig too. */
static void must(struct error *err)
{
	if (err)
		g_error("%s", err->message);
}

static void rig_create(struct rig *r, const char *card, struct net_port *peer)
{
	memset(r, 0, sizeof(*r));
	r->sent = g_ptr_array_new();
	region_init(&r->memory_root, "memory", UINT64_MAX);
	region_init(&r->io_root, "io", 65536);
	must(region_init_ram(&r->ram, "ram", 16 << 20));
	region_add(&r->memory_root, 0, &r->ram, 0);
	address_space_init(&r->memory, "memory", &r->memory_root);
	address_space_init(&r->io, "io", &r->io_root);
	r->memory.unassigned = r->io.unassigned = 0xff;
	pci_bus_init(&r->bus, "pci.0", &r->memory_root, &r->io_root, &r->memory);
	r->bus.set_irq = set_irq;
	r->bus.opaque = r;
	struct device *dev = device_new_named(card);
	if (peer)
		device_set_ptr(dev, "netdev", peer);
	r->card = (struct pci_device *)dev;
	g_free(r->card->romfile);
	r->card->romfile = g_strdup("");
	must(pci_plug(&r->bus, dev));
	rig_reset(r);
}

void rig_init(struct rig *r, const char *card, bool wire)
{
	struct net_port *port = wire ? net_port_new(&wire_ops, r, "wire") : NULL;

	rig_create(r, card, port);
	r->wire = port;
}

void rig_init_peer(struct rig *r, const char *card, struct net_port *peer)
{
	rig_create(r, card, peer);
}

void rig_out(struct rig *r, unsigned int port, unsigned int size, uint32_t value)
{
	mem_store_le(&r->io, port, value, size);
}

uint32_t rig_in(struct rig *r, unsigned int port, unsigned int size)
{
	return (uint32_t)mem_load_le(&r->io, port, size);
}

void rig_write(struct rig *r, uint64_t addr, unsigned int size, uint32_t value)
{
	mem_store_le(&r->memory, addr, value, size);
}

uint32_t rig_read(struct rig *r, uint64_t addr, unsigned int size)
{
	return (uint32_t)mem_load_le(&r->memory, addr, size);
}

uint8_t *rig_ram(struct rig *r, uint32_t addr)
{
	return r->ram.ram->host + addr;
}

void rig_frame(uint8_t *frame, size_t len, const uint8_t to[6])
{
	static const uint8_t from[6] = {2, 0, 0, 0, 0, 1};

	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = 0x08;
	frame[13] = 0x06;
	for (size_t i = 14; i < len; i++)
		frame[i] = (uint8_t)(i * 7);
}

void rig_send(struct rig *r, const uint8_t *frame, size_t len)
{
	net_send(r->wire, frame, len);
}

GByteArray *rig_sent(struct rig *r, unsigned int n)
{
	ck_assert_uint_lt(n, r->sent->len);
	return g_ptr_array_index(r->sent, n);
}

void rig_save_load(struct rig *r)
{
	GByteArray *first = g_byte_array_new(), *second = g_byte_array_new();

	state_save_all(first);
	devices_reset();
	struct error *err = state_load_all((struct bytes){first->data, first->len});
	ck_assert_msg(!err, "%s", err ? err->message : "");
	pci_bus_post_load(&r->bus);
	state_save_all(second);
	ck_assert_uint_eq(first->len, second->len);
	ck_assert_mem_eq(first->data, second->data, first->len);
	g_byte_array_unref(first);
	g_byte_array_unref(second);
}

uint32_t rig_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}
