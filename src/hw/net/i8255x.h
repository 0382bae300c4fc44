/* The state of an Intel 8255x; see i8255x.c. */
#ifndef HW_NET_I8255X_H
#define HW_NET_I8255X_H

#include "hw/net/eeprom93.h"
#include "hw/net/nic.h"
#include "hw/pci/pci.h"

/* The control/status registers ("CSR"), byte offsets. */
enum {
	SCB_STATUS = 0x00,
	SCB_ACK = 0x01,
	SCB_COMMAND = 0x02,
	SCB_MASK = 0x03,
	SCB_POINTER = 0x04,
	SCB_PORT = 0x08,
	EEPROM_CONTROL = 0x0e,
	MDI_CONTROL = 0x10,
	FLOW_CONTROL = 0x19,
	PMDR = 0x1b,
	GENERAL_CONTROL = 0x1c,
	GENERAL_STATUS = 0x1d,
	CSR_SIZE = 0x40,
};

enum {
	ACK_CX = 0x80,
	ACK_FR = 0x40,
	ACK_CNA = 0x20,
	ACK_RNR = 0x10,
	ACK_MDI = 0x08,
	ACK_SWI = 0x04,
};

enum i8255x_cu { CU_IDLE, CU_SUSPENDED, CU_ACTIVE };
enum i8255x_ru { RU_IDLE = 0, RU_SUSPENDED = 1, RU_NO_RESOURCES = 2, RU_READY = 4 };

enum { I8255X_CONFIG = 22, I8255X_FRAME_MAX = 65536 };

struct i8255x {
	struct pci_device pci;
	struct nic nic;
	uint8_t csr[CSR_SIZE];
	uint16_t phy[32];
	struct eeprom93 eeprom;
	uint8_t cu, ru;
	uint32_t cu_base, cu_offset, ru_base, ru_offset, counters_at;
	uint8_t config[I8255X_CONFIG], address[6];
	uint64_t multicast; /* hash filter */
	uint32_t counters[16];
	int irq_level;
	/* not saved */
	bool running;
	uint32_t work;	   /* bytes of this run of the command unit */
	struct timer more; /* the rest of a list that is too much for one run */
	struct region mmio, io, flash;
};

/* i8255x.c */
void i8255x_raise(struct i8255x *s, uint8_t causes);
/* i8255x-cu.c */
void i8255x_cu_run(struct i8255x *s);
void i8255x_cu_more(void *opaque);
void i8255x_dump_counters(struct i8255x *s, bool reset);
void i8255x_config_default(struct i8255x *s);
/* i8255x-ru.c */
bool i8255x_can_receive(void *opaque);
bool i8255x_receive(void *opaque, const uint8_t *frame, size_t len);

/* The counters, in the order of the dump. */
enum i8255x_counter {
	COUNT_TX_GOOD = 0,
	COUNT_RX_GOOD = 9,
	COUNT_RX_RESOURCE = 12,
	COUNT_RX_SHORT = 15
};

/* Bits of the configuration block, by byte. */
static inline bool i8255x_extended_tcb(const struct i8255x *s)
{
	return !(s->config[6] & 0x10);
}
static inline bool i8255x_promiscuous(const struct i8255x *s)
{
	return s->config[15] & 0x01;
}
static inline bool i8255x_no_broadcast(const struct i8255x *s)
{
	return s->config[15] & 0x02;
}
static inline bool i8255x_all_multicast(const struct i8255x *s)
{
	return s->config[21] & 0x08;
}
static inline bool i8255x_save_crc(const struct i8255x *s)
{
	return s->config[18] & 0x04;
}

#endif
