/*
 * What every network card has: a MAC address, a place to plug its cable into, and a port.
 *
 * A card embeds `struct nic` and lists NIC_PROPS(struct card, nic) among its properties. A board
 * makes the cards of machine->nics:
 *
 *	struct device *dev;
 *	err = nic_new(config, "ne2k_pci", "PCI", &dev);   (properties set, not realized)
 *	if (!err)
 *		err = nic_plug(config, bus, dev);         (or isa_plug(), device_realize())
 *
 * All with the machine lock held.
 */
#ifndef HW_NET_NIC_H
#define HW_NET_NIC_H

#include "net/net.h"
#include "vm/device.h"
#include "vm/machine.h"

struct nic {
	uint8_t mac[6];		 /* property "mac"; zero: the next default address */
	struct net_port *netdev; /* property "netdev": the cable's other end, or NULL */
	struct net_port *port;
	char *name; /* of the port: -net nic,name= */
};

#define NIC_PROPS(type, member)                                                              \
	PROP_MAC("mac", type, member.mac, "MAC address"),                                    \
		PROP_NETDEV("netdev", type, member.netdev, "network back end (-netdev id)"), \
		PROP_STRING("name", type, member.name, "name for set_link and info network")

/*
 * Makes the card that `config` asks for: its model, or `default_model` where it names none. Other
 * names of models ("virtio", "ne2000") are understood. Fails where the class is unknown, no card,
 * or not for `bus` ("PCI", "ISA", "System"; NULL: any). Marks the config as used.
 */
struct error *nic_new(struct nic_config *config, const char *default_model, const char *bus,
		      struct device **dev) NODISCARD;
/* The class name for a model as -net nic,model= spells it. */
const char *nic_class_name(const char *model);
/* Sets "mac", "netdev", "name" and, where it is given, "addr" of a card that the board made itself;
 * an address that is wrong or not for this card is refused. */
struct error *nic_attach(struct device *dev, struct nic_config *config) NODISCARD;

/* Plugs and realizes a PCI card that nic_new() made. */
struct pci_bus;
struct error *nic_plug(const struct nic_config *config, struct pci_bus *bus,
		       struct device *dev) NODISCARD;

/* In a card's init: picks a MAC where none is set, makes the port, joins it to its netdev. */
struct error *nic_init(struct device *dev, struct nic *nic,
		       const struct net_port_ops *ops) NODISCARD;

/* Ethernet's CRC-32 of the given bytes as the FCS holds it (least significant bit first). */
uint32_t ether_crc(const uint8_t *data, size_t len);
/* The upper six bits of the big-endian CRC of a multicast address: the index into the 64-bit hash
 * filters of the DP8390, RTL8139 and 8255x. */
unsigned int ether_hash_be(const uint8_t mac[6]);

enum { ETHER_HEADER = 14, ETHER_MIN = 60, ETHER_MAX = 1514 }; /* without FCS */

static inline bool ether_is_broadcast(const uint8_t *frame)
{
	return (frame[0] & frame[1] & frame[2] & frame[3] & frame[4] & frame[5]) == 0xff;
}

static inline bool ether_is_multicast(const uint8_t *frame)
{
	return frame[0] & 1;
}

#endif
