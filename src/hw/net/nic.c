#include "hw/net/nic.h"

#include "hw/pci/pci.h"

#include <glib.h>
#include <string.h>
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#else
#include <zlib.h>
#endif

static const struct {
	const char *model, *class;
} aliases[] = {
	{"virtio", "virtio-net-pci"}, {"virtio-net", "virtio-net-pci"}, {"ne2000", "ne2k_pci"},
	{"ne2k", "ne2k_pci"},	      {"e1000-82540em", "e1000"},
};

const char *nic_class_name(const char *model)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(aliases); i++) {
		if (strcmp(aliases[i].model, model) == 0)
			return aliases[i].class;
	}
	return model;
}

static bool is_nic(const struct device_class *class)
{
	for (const struct prop *p = class->props; p && p->name; p++) {
		if (p->kind == PROP_KIND_NETDEV)
			return true;
	}
	return false;
}

static const char *nic_name_at(unsigned int i, void *opaque)
{
	const struct device_class *class = device_class_at(i);
	return is_nic(class) ? class->name : NULL;
}

static struct error *unknown_model(const char *model)
{
	const char *best = closest_name(model, device_class_count(), nic_name_at, NULL);

	if (best)
		return error_new("-net nic,model=%s: unknown network card; did you mean \"%s\"? "
				 "(model=? lists them)",
				 model, best);
	return error_new("-net nic,model=%s: unknown network card (model=? lists them)", model);
}

struct error *nic_new(struct nic_config *config, const char *default_model, const char *bus,
		      struct device **dev)
{
	const char *model = config->model ? config->model : default_model;
	const struct device_class *class = device_class_find(nic_class_name(model));

	if (!class || !is_nic(class))
		return unknown_model(model);
	if (bus && strcmp(class->bus, bus) != 0)
		return error_new("-net nic,model=%s: this card is for the %s bus, not for %s",
				 model, class->bus, bus);
	*dev = device_new(class);
	struct error *err = nic_attach(*dev, config);
	if (err)
		device_free(*dev);
	return err;
}

struct error *nic_attach(struct device *dev, struct nic_config *config)
{
	struct error *err = NULL;

	memcpy(device_prop(dev, "mac", PROP_KIND_MAC), config->mac, 6);
	device_set_ptr(dev, "netdev", config->netdev);
	if (config->name)
		device_set_str(dev, "name", config->name);
	if (config->addr && strcmp(dev->class->bus, "PCI") != 0)
		err = error_new("%s is no PCI card and has no address", dev->class->name);
	else if (config->addr)
		err = device_set(dev, "addr", config->addr);
	config->used = true;
	return error_prefix(err, "-net nic,addr=%s", config->addr);
}

struct error *nic_plug(const struct nic_config *config, struct pci_bus *bus, struct device *dev)
{
	struct error *err = pci_plug(bus, dev);

	return config->addr ? error_prefix(err, "-net nic,addr=%s", config->addr)
			    : error_prefix(err, "-net nic");
}

struct error *nic_init(struct device *dev, struct nic *nic, const struct net_port_ops *ops)
{
	static const uint8_t unset[6];
	const uint8_t *m = nic->mac;
	struct error *err = NULL;

	if (memcmp(nic->mac, unset, 6) == 0)
		net_default_mac(nic->mac);
	nic->port = net_port_new(ops, dev, nic->name ? nic->name : dev->id);
	net_port_describe(nic->port, "model=%s,macaddr=%02x:%02x:%02x:%02x:%02x:%02x", ops->kind,
			  m[0], m[1], m[2], m[3], m[4], m[5]);
	if (nic->netdev)
		err = net_join(nic->port, nic->netdev);
	if (err) {
		net_port_free(nic->port);
		nic->port = NULL;
	}
	return error_prefix(err, "%s", dev->class->name);
}

uint32_t ether_crc(const uint8_t *data, size_t len)
{
#ifdef HAVE_LIBDEFLATE
	return libdeflate_crc32(0, data, len); /* many times as fast as zlib's */
#else
	return (uint32_t)crc32(0, data, (unsigned int)len);
#endif
}

unsigned int ether_hash_be(const uint8_t mac[6])
{
	uint32_t crc = 0xffffffff;

	for (unsigned int i = 0; i < 6; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			bool carry = (crc >> 31 ^ mac[i] >> bit) & 1;
			crc = crc << 1 ^ (carry ? 0x04c11db7 : 0);
		}
	}
	return crc >> 26;
}
