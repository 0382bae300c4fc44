/* PrimeCell Multimedia Card Interface (PL180, PL181). Source: ARM DDI 0205B. */
#include "hw/sd/pl181.h"

#include "hw/misc/primecell.h"

#include "base/bytes.h"
#include "base/log.h"

enum {
	MCIPower = 0x00,
	MCIClock = 0x04,
	MCIArgument = 0x08,
	MCICommand = 0x0c,
	MCIRespCmd = 0x10,
	MCIResponse0 = 0x14,
	MCIDataTimer = 0x24,
	MCIDataLength = 0x28,
	MCIDataCtrl = 0x2c,
	MCIDataCnt = 0x30,
	MCIStatus = 0x34,
	MCIClear = 0x38,
	MCIMask0 = 0x3c,
	MCIMask1 = 0x40,
	MCISelect = 0x44,
	MCIFifoCnt = 0x48,
	MCIFIFO = 0x80,
	MCIFIFO_END = 0xc0,
};

#define ID 0x00041181u

#define COMMAND_INDEX  0x03f
#define COMMAND_RESP   0x040
#define COMMAND_LONG   0x080
#define COMMAND_ENABLE 0x400

#define DATA_ENABLE    0x01
#define DATA_FROM_CARD 0x02

#define CmdTimeOut	0x000004u
#define DataTimeOut	0x000008u
#define RxOverrun	0x000020u
#define CmdRespEnd	0x000040u
#define CmdSent		0x000080u
#define DataEnd		0x000100u
#define DataBlockEnd	0x000400u
#define TxActive	0x001000u
#define RxActive	0x002000u
#define TxFifoHalfEmpty 0x004000u
#define RxFifoHalfFull	0x008000u
#define TxFifoFull	0x010000u
#define RxFifoFull	0x020000u
#define TxFifoEmpty	0x040000u
#define RxFifoEmpty	0x080000u
#define TxDataAvlbl	0x100000u
#define RxDataAvlbl	0x200000u
#define STATIC_FLAGS	0x0007ffu

#define CARD_CLOCK 25000000u /* Hz, at most: for the data timeout */

static bool is_active(const struct pl181 *m)
{
	return m->datactrl & DATA_ENABLE;
}

static bool from_card(const struct pl181 *m)
{
	return m->datactrl & DATA_FROM_CARD;
}

static uint32_t status(const struct pl181 *m)
{
	uint32_t s = m->flags;
	unsigned int n = m->fifo_count;

	if (is_active(m) && !from_card(m)) {
		s |= TxActive | (n <= PL181_FIFO / 2 ? TxFifoHalfEmpty : 0);
		s |= n ? TxDataAvlbl : TxFifoEmpty;
		s |= n > PL181_FIFO - 4 ? TxFifoFull : 0;
		return s;
	}
	s |= is_active(m) ? RxActive : 0;
	s |= n ? RxDataAvlbl : RxFifoEmpty;
	s |= n >= PL181_FIFO / 2 ? RxFifoHalfFull : 0;
	s |= n == PL181_FIFO ? RxFifoFull : 0;
	return s;
}

static void update_irq(struct pl181 *m)
{
	uint32_t s = status(m);

	irq_set(m->mmio.irqs[0], (s & m->mask[0]) != 0);
	irq_set(m->mmio.irqs[1], (s & m->mask[1]) != 0);
}

/* --- FIFO: bytes here, words for the guest --- */

static void fifo_put(struct pl181 *m, uint8_t byte)
{
	m->fifo[(m->fifo_head + m->fifo_count++) % PL181_FIFO] = byte;
}

static uint8_t fifo_get(struct pl181 *m)
{
	uint8_t byte = m->fifo[m->fifo_head];

	m->fifo_head = (uint8_t)((m->fifo_head + 1) % PL181_FIFO);
	m->fifo_count--;
	return byte;
}

/* --- data path --- */

static void timeout_start(struct pl181 *m)
{
	timer_set(&m->timeout, clock_now(CLOCK_VIRTUAL) +
				       (int64_t)m->datatimer * NS_PER_S / CARD_CLOCK + NS_PER_S);
}

static void timed_out(void *opaque)
{
	struct pl181 *m = opaque;

	if (!is_active(m))
		return;
	if (sd_busy(m->card)) { /* the host is slow: that is not the guest's time */
		timeout_start(m);
		return;
	}
	m->flags |= DataTimeOut;
	m->datactrl &= ~(uint32_t)DATA_ENABLE;
	update_irq(m);
}

static bool pump_in(struct pl181 *m)
{
	uint8_t byte;
	bool moved = false;

	while (m->datacnt && m->fifo_count < PL181_FIFO && sd_read(m->card, &byte, 1)) {
		fifo_put(m, byte);
		m->datacnt--;
		moved = true;
	}
	return moved;
}

static bool pump_out(struct pl181 *m)
{
	bool moved = false;

	while (m->datacnt && m->fifo_count) {
		uint8_t byte = m->fifo[m->fifo_head];
		if (!sd_write(m->card, &byte, 1))
			break;
		fifo_get(m);
		m->datacnt--;
		moved = true;
	}
	return moved;
}

/* All has passed. Towards the guest the path stays active until the FIFO is empty. */
static void data_end(struct pl181 *m)
{
	if (!m->ended)
		m->flags |= DataEnd | DataBlockEnd;
	m->ended = true;
	timer_cancel(&m->timeout);
	if (!from_card(m)) /* padding of the last word */
		m->fifo_count = 0;
	if (!m->fifo_count)
		m->datactrl &= ~(uint32_t)DATA_ENABLE;
}

/* Moves what can be moved between the card and the FIFO. */
static void pump(void *opaque)
{
	struct pl181 *m = opaque;

	if (!is_active(m)) {
		update_irq(m);
		return;
	}
	if (from_card(m) ? pump_in(m) : pump_out(m))
		timeout_start(m);
	/* a card that still programs the last block makes the host wait */
	if (!m->datacnt && (from_card(m) || !sd_busy(m->card)))
		data_end(m);
	update_irq(m);
}

static uint32_t fifo_read(struct pl181 *m)
{
	uint32_t value = 0;

	if (is_active(m) && !from_card(m))
		return 0;
	for (unsigned int i = 0; i < 4 && m->fifo_count; i++)
		value |= (uint32_t)fifo_get(m) << 8 * i;
	pump(m);
	return value;
}

static void fifo_write(struct pl181 *m, uint32_t value)
{
	if (!is_active(m) || from_card(m) || m->fifo_count > PL181_FIFO - 4) {
		log_printf(LOG_GUEST_ERRORS, "pl181: write to a FIFO that takes nothing\n");
		return;
	}
	for (unsigned int i = 0; i < 4; i++)
		fifo_put(m, (uint8_t)(value >> 8 * i));
	pump(m);
}

static void datactrl_write(struct pl181 *m, uint32_t value)
{
	m->datactrl = value & 0xff;
	if (!is_active(m)) {
		timer_cancel(&m->timeout);
		return;
	}
	m->datacnt = m->datalength;
	m->fifo_count = 0;
	m->ended = false;
	timeout_start(m);
	pump(m);
}

/* --- commands --- */

static void send_command(struct pl181 *m)
{
	uint8_t response[16] = {0};
	unsigned int len = sd_command(m->card, m->command & COMMAND_INDEX, m->argument, response);

	if (!(m->command & COMMAND_RESP)) {
		m->flags |= CmdSent;
	} else if (len == 0) {
		m->flags |= CmdTimeOut;
	} else {
		m->respcmd = m->command & COMMAND_INDEX;
		for (unsigned int n = 0; n < 4; n++)
			m->response[n] = load_be32(response + 4 * n);
		m->response[3] &= ~UINT32_C(1); /* the end bit is not kept */
		m->flags |= CmdRespEnd;
	}
	pump(m);
}

static void command_write(struct pl181 *m, uint32_t value)
{
	m->command = value & 0x7ff;
	if (value & COMMAND_ENABLE) {
		m->command &= ~(uint32_t)COMMAND_ENABLE;
		send_command(m);
	}
}

/* --- registers --- */

static uint64_t pl181_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl181 *m = opaque;
	uint64_t id;

	if (offset >= MCIFIFO && offset < MCIFIFO_END)
		return fifo_read(m);
	switch (offset) {
	case MCIPower: return m->power;
	case MCIClock: return m->clock;
	case MCIArgument: return m->argument;
	case MCICommand: return m->command;
	case MCIRespCmd: return m->respcmd;
	case MCIResponse0 ... MCIResponse0 + 12: return m->response[(offset - MCIResponse0) / 4];
	case MCIDataTimer: return m->datatimer;
	case MCIDataLength: return m->datalength;
	case MCIDataCtrl: return m->datactrl;
	case MCIDataCnt: return m->datacnt;
	case MCIStatus: return status(m);
	case MCIMask0: return m->mask[0];
	case MCIMask1: return m->mask[1];
	case MCISelect: return m->select;
	/* words that have still to pass between the FIFO and the card */
	case MCIFifoCnt: return (m->datacnt + 3) / 4;
	}
	if (primecell_id_read(ID, offset, &id))
		return id;
	log_printf(LOG_GUEST_ERRORS, "pl181: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void register_write(struct pl181 *m, unsigned int offset, uint32_t value)
{
	switch (offset) {
	case MCIPower: m->power = value & 0xff; break;
	case MCIClock: m->clock = value & 0xfff; break;
	case MCIArgument: m->argument = value; break;
	case MCICommand: command_write(m, value); break;
	case MCIDataTimer: m->datatimer = value; break;
	case MCIDataLength: m->datalength = value & 0xffff; break;
	case MCIDataCtrl: datactrl_write(m, value); break;
	case MCIClear: m->flags &= ~(value & STATIC_FLAGS); break;
	case MCIMask0: m->mask[0] = value & 0x3fffff; break;
	case MCIMask1: m->mask[1] = value & 0x3fffff; break;
	case MCISelect: m->select = value & 0xf; break;
	default: log_printf(LOG_GUEST_ERRORS, "pl181: write of register %03x\n", offset);
	}
}

static void pl181_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pl181 *m = opaque;

	if (offset >= MCIFIFO && offset < MCIFIFO_END)
		fifo_write(m, (uint32_t)value);
	else
		register_write(m, (unsigned int)offset, (uint32_t)value);
	update_irq(m);
}

static const struct region_ops pl181_ops = {
	.read = pl181_read, .write = pl181_write, .min_size = 4, .max_size = 4};

/* --- device --- */

static struct error *pl181_init(struct device *dev)
{
	struct pl181 *m = (struct pl181 *)dev;

	region_init_io(&m->mmio.regs, "pl181", 0x1000, &pl181_ops, m);
	timer_init(&m->timeout, CLOCK_VIRTUAL, timed_out, m);
	struct error *err = sd_card_new(m->drive, &m->card);
	if (!err)
		sd_connect(m->card, pump, m);
	return err;
}

static void pl181_reset(struct device *dev)
{
	struct pl181 *m = (struct pl181 *)dev;

	timer_cancel(&m->timeout);
	m->power = m->clock = m->argument = m->command = m->respcmd = 0;
	m->datatimer = m->datalength = m->datactrl = m->datacnt = m->flags = m->select = 0;
	m->mask[0] = m->mask[1] = 0;
	for (unsigned int n = 0; n < 4; n++)
		m->response[n] = 0;
	m->fifo_head = m->fifo_count = 0;
	m->ended = false;
}

static void pl181_settle(struct device *dev)
{
	update_irq((struct pl181 *)dev);
}

static struct error *pl181_post_load(struct device *dev)
{
	const struct pl181 *m = (struct pl181 *)dev;

	if (m->fifo_head >= PL181_FIFO || m->fifo_count > PL181_FIFO)
		return error_new("pl181: impossible FIFO");
	return NULL;
}

static const struct prop props[] = {
	PROP_DRIVE("drive", struct pl181, drive, "image of the card"),
	PROP_END,
};

static const struct field state[] = {
	F_U32(struct pl181, power),
	F_U32(struct pl181, clock),
	F_U32(struct pl181, argument),
	F_U32(struct pl181, command),
	F_U32(struct pl181, respcmd),
	F_ARRAY(struct pl181, response),
	F_U32(struct pl181, datatimer),
	F_U32(struct pl181, datalength),
	F_U32(struct pl181, datactrl),
	F_U32(struct pl181, datacnt),
	F_U32(struct pl181, flags),
	F_ARRAY(struct pl181, mask),
	F_U32(struct pl181, select),
	F_BYTES(struct pl181, fifo),
	F_U8(struct pl181, fifo_head),
	F_U8(struct pl181, fifo_count),
	F_BOOL(struct pl181, ended),
	F_TIMER(struct pl181, timeout),
	FIELD_END,
};

DEVICE_CLASS(pl181, .name = "pl181", .help = "PrimeCell multimedia card interface", .bus = "System",
	     .size = sizeof(struct pl181), .props = props, .state = state, .init = pl181_init,
	     .reset = pl181_reset, .settle = pl181_settle, .post_load = pl181_post_load,
	     .hidden = true);
