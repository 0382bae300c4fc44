/* The 8255x's receive unit: address filter and receive frame descriptors.
 * Source: Open Source Software Developer Manual, section 6.4.3. */
#include "hw/net/i8255x.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

enum {
	RFD_C = 0x8000, /* status */
	RFD_OK = 0x2000,
	RFD_TYPE_LENGTH = 0x0020,
	RFD_NO_MATCH = 0x0004,
	RFD_NOT_IA = 0x0002,
	RFD_EL = 0x8000, /* command */
	RFD_S = 0x4000,
	RFD_H = 0x0010,
	RFD_SF = 0x0008,
	RFD_EOF = 0x8000, /* actual count */
	RFD_F = 0x4000,
	RFD_HEADER = 16,
	FCS = 4,
};

bool i8255x_can_receive(void *opaque)
{
	const struct i8255x *s = opaque;

	/* An idle unit loses what comes; one that lacks buffers gets it later. */
	return s->ru == RU_READY || s->ru == RU_IDLE;
}

/* The status bits that say which filter took the frame; false: none did. */
static bool accepted(const struct i8255x *s, const uint8_t *frame, uint16_t *match)
{
	*match = RFD_NOT_IA;
	if (memcmp(frame, s->address, 6) == 0) {
		*match = 0;
		return true;
	}
	if (ether_is_broadcast(frame) && !i8255x_no_broadcast(s))
		return true;
	if (ether_is_multicast(frame) && !ether_is_broadcast(frame) &&
	    (i8255x_all_multicast(s) || s->multicast >> ether_hash_be(frame) & 1))
		return true;
	*match |= RFD_NO_MATCH;
	return i8255x_promiscuous(s);
}

static void no_resources(struct i8255x *s)
{
	s->ru = RU_NO_RESOURCES;
	i8255x_raise(s, ACK_RNR);
}

static void store(struct i8255x *s, uint32_t at, const uint8_t *data, uint32_t len, uint16_t status)
{
	uint8_t word[2];

	pci_dma_write(&s->pci, at + RFD_HEADER, data, len);
	store_le16(word, (uint16_t)(RFD_EOF | RFD_F | len));
	pci_dma_write(&s->pci, at + 12, word, sizeof(word));
	store_le16(word, status);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pci_dma_write(&s->pci, at, word, sizeof(word));
}

bool i8255x_receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct i8255x *s = opaque;
	uint8_t rfd[RFD_HEADER], data[ETHER_MAX + 64 + FCS];
	uint16_t match;

	if (s->ru == RU_IDLE || len < ETHER_HEADER || len > ETHER_MAX + 4 ||
	    !accepted(s, frame, &match))
		return true;
	uint32_t at = s->ru_base + s->ru_offset;
	pci_dma_read(&s->pci, at, rfd, sizeof(rfd));
	uint16_t command = load_le16(rfd + 2);
	uint32_t size = load_le16(rfd + 14) & 0x3fff;
	if (command & RFD_SF)
		log_printf(LOG_UNIMP, "i8255x: receive buffer descriptors\n");
	/* The end of the list with no room is a mark, not a buffer: it is not touched. */
	if (size == 0 || command & RFD_SF) {
		s->counters[COUNT_RX_RESOURCE]++;
		no_resources(s);
		return false;
	}
	memcpy(data, frame, len);
	if (len < ETHER_MIN) {
		memset(data + len, 0, ETHER_MIN - len);
		len = ETHER_MIN;
	}
	if (i8255x_save_crc(s)) {
		store_le32(data + len, ether_crc(data, len));
		len += FCS;
	}
	store(s, at, data, (uint32_t)MIN(len, size),
	      (uint16_t)(RFD_C | RFD_OK | match |
			 (load_be16(data + 12) >= 0x600 ? RFD_TYPE_LENGTH : 0)));
	s->counters[COUNT_RX_GOOD]++;
	s->ru_offset = load_le32(rfd + 4);
	i8255x_raise(s, ACK_FR);
	if (command & RFD_EL) {
		no_resources(s);
	} else if (command & RFD_S) {
		s->ru = RU_SUSPENDED;
		i8255x_raise(s, ACK_RNR);
	}
	return true;
}
