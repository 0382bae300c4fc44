/*
 * The SCRIPTS processor of the LSI53C895A. Source: LSI53C895A Technical Manual (S14030.B),
 * chapter 5.
 *
 * A script runs when DSP is written, until it raises an interrupt or waits for the bus. One that
 * does neither for long is interrupted, and goes on a little later: a script that polls memory may
 * loop for ever, and others may be made to.
 */
#include "hw/scsi/lsi53c895a.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>


enum { BUDGET = 10000, PAUSE_NS = 50000, BYTES_A_STEP = 1024 };

static uint32_t fetch(struct lsi *l)
{
	uint32_t dsp = lsi_get32(l, DSP);
	uint8_t word[4];

	pci_dma_read(&l->pci, dsp, word, 4);
	lsi_set32(l, DSP, dsp + 4);
	return load_le32(word);
}

static uint32_t read_word(struct lsi *l, uint64_t addr)
{
	uint8_t word[4];

	pci_dma_read(&l->pci, addr, word, 4);
	return load_le32(word);
}

static uint32_t sign_extend_24(uint32_t value)
{
	return (uint32_t)((int32_t)(value << 8) >> 8);
}

static void illegal(struct lsi *l, uint32_t insn)
{
	log_printf(LOG_GUEST_ERRORS, "lsi53c895a: illegal instruction %08x\n", insn);
	lsi_dma_interrupt(l, DSTAT_IID);
}

/* The instruction that is being executed is done again when the target goes on. */
static void wait_for_target(struct lsi *l, uint32_t insn_at)
{
	lsi_set32(l, DSP, insn_at);
	l->state = SCRIPT_WAIT_TARGET;
}

/* --- block moves --- */

/* The target has gone to another phase than the script expects: to the script's handler, with what
 * it has to know, or an interrupt. */
static void phase_mismatch(struct lsi *l)
{
	bool inwards = l->reg[DCMD] & 1, second;

	if (!(l->reg[CCNTL0] & CCNTL0_ENPMJ)) {
		lsi_scsi_interrupt(l, SIST0_MA, 0);
		return;
	}
	/* PMJCTL chooses by direction, else by WSR, which is never set: transfers are narrow */
	second = l->reg[CCNTL0] & CCNTL0_PMJCTL && inwards;
	lsi_set32(l, RBC, lsi_get24(l, DBC) | (uint32_t)l->reg[DCMD] << 24);
	lsi_set32(l, UA, lsi_get32(l, DNAD));
	lsi_set24(l, SBC, (lsi_get24(l, SBC) - lsi_get24(l, DBC)) & 0xffffff);
	lsi_set32(l, CSBC, lsi_get32(l, CSBC) + lsi_get24(l, SBC));
	lsi_set32(l, DSP, lsi_get32(l, second ? PMJAD2 : PMJAD1));
}

static unsigned int continue_move(struct lsi *l)
{
	enum lsi_phase wanted = (enum lsi_phase)(l->reg[DCMD] & 7);
	uint32_t count = lsi_get24(l, DBC);
	unsigned int steps = 1;

	l->move_active = true;
	while (count) {
		enum lsi_phase phase = lsi_phase(l);
		uint32_t addr = lsi_get32(l, DNAD);

		if (phase == PHASE_NONE && l->target != LSI_NO_TARGET) {
			l->state = SCRIPT_WAIT_TARGET;
			return steps;
		}
		/* SeaBIOS sends IDENTIFY though it selected without ATN. */
		if (phase == PHASE_COMMAND && wanted == PHASE_MESSAGE_OUT && !l->identified)
			phase = wanted;
		if (phase != wanted) {
			l->move_active = false;
			phase_mismatch(l);
			return steps;
		}
		l->reg[SSTAT1] = (uint8_t)((l->reg[SSTAT1] & ~7u) | phase);
		uint32_t n = lsi_move(l, phase, l->move_high | addr, count);
		count -= n;
		lsi_set24(l, DBC, count);
		lsi_set32(l, DNAD, addr + n);
		steps += n / BYTES_A_STEP;
	}
	l->move_active = false;
	return steps;
}

/* The upper half of an address by the first word of its table entry. */
static uint64_t table_high(const struct lsi *l, uint32_t word)
{
	unsigned int selector = word >> 24 & 0x1f;

	if (!(l->reg[CCNTL1] & CCNTL1_EN64TIBMV))
		return 0;
	if (l->reg[CCNTL1] & CCNTL1_64TIMOD)
		return (uint64_t)(word >> 24) << 32;
	if (selector < 16)
		return (uint64_t)lsi_get32(l, SCRATCHC + 4 * selector) << 32;
	return selector < 22 ? (uint64_t)lsi_get32(l, MMRS + 4 * (selector - 16)) << 32 : 0;
}

static unsigned int block_move(struct lsi *l, uint32_t insn, uint32_t arg, uint32_t insn_at)
{
	uint32_t count = insn & 0xffffff;

	l->move_high = 0;
	if (insn >> 28 & 1) {
		uint32_t entry = lsi_get32(l, DSA) + sign_extend_24(arg);
		uint32_t word = read_word(l, entry);
		lsi_set32(l, ESA, entry);
		count = word & 0xffffff;
		l->move_high = table_high(l, word);
		arg = read_word(l, (uint64_t)entry + 4);
	} else if (l->reg[CCNTL1] & CCNTL1_EN64DBMV) {
		l->move_high = (uint64_t)fetch(l) << 32;
	}
	if (insn >> 29 & 1)
		arg = read_word(l, l->move_high | arg);
	if (!count) {
		illegal(l, insn);
		return 1;
	}
	lsi_set24(l, DBC, count);
	lsi_set24(l, SBC, count);
	lsi_set32(l, DNAD, arg);
	lsi_set32(l, IA, insn_at);
	return continue_move(l);
}

/* --- I/O instructions --- */

static void select_target(struct lsi *l, uint32_t insn, uint32_t jump)
{
	uint32_t id = insn >> 16 & 0xf;

	if (insn >> 25 & 1) { /* SCNTL3, id, SXFER in the table */
		uint32_t word = read_word(l, lsi_get32(l, DSA) + sign_extend_24(insn));
		id = word >> 16 & 0xf;
		l->reg[SCNTL3] = (uint8_t)(word >> 24);
	}
	l->reg[SDID] = (uint8_t)id;
	if (l->target != LSI_NO_TARGET) {
		lsi_set32(l, DSP, jump);
		return;
	}
	l->unanswered = !lsi_select(l, id, insn >> 24 & 1);
}

static void wait_reselect(struct lsi *l, uint32_t jump)
{
	lsi_set32(l, DNAD, jump);
	if (l->reg[ISTAT0] & ISTAT0_SIGP)
		lsi_set32(l, DSP, jump);
	else
		l->state = SCRIPT_WAIT_RESELECT;
}

static void set_or_clear(struct lsi *l, uint32_t insn, bool set)
{
	if (insn & 1 << 3)
		l->atn = set && l->target != LSI_NO_TARGET;
	if (insn & 1 << 10)
		l->carry = set;
	if (insn & 1 << 9)
		log_printf(LOG_UNIMP, "lsi53c895a: target mode\n");
}

static uint8_t operate(struct lsi *l, unsigned int how, uint8_t a, uint8_t data)
{
	unsigned int sum;
	bool carry = l->carry;

	switch (how) {
	case 0: return data;
	case 1: l->carry = a >> 7; return (uint8_t)(a << 1 | carry);
	case 2: return a | data;
	case 3: return a ^ data;
	case 4: return a & data;
	case 5: l->carry = a & 1; return (uint8_t)(a >> 1 | carry << 7);
	default:
		sum = a + data + (how == 7 && carry);
		l->carry = sum > 0xff;
		return (uint8_t)sum;
	}
}

/* Opcode 5 takes SFBR and writes the register, 6 the other way round, 7 changes the register. */
static void register_move(struct lsi *l, uint32_t insn)
{
	unsigned int opcode = insn >> 27 & 7, how = insn >> 24 & 7;
	unsigned int reg = (insn >> 16 & 0x7f) | (insn & 0x80);
	uint8_t data = insn >> 23 & 1 ? l->reg[SFBR] : (uint8_t)(insn >> 8), a = 0, result;

	if (opcode == 5)
		a = l->reg[SFBR];
	else if (how) /* reading has side effects */
		a = lsi_read_register(l, reg);
	result = operate(l, how, a, data);
	if (opcode == 6)
		l->reg[SFBR] = result;
	else
		lsi_write_register(l, reg, result);
}

static void io_instruction(struct lsi *l, uint32_t insn, uint32_t arg, uint32_t insn_at)
{
	unsigned int opcode = insn >> 27 & 7;
	uint32_t jump = insn >> 26 & 1 ? lsi_get32(l, DSP) + sign_extend_24(arg) : arg;

	switch (opcode) {
	case 0: select_target(l, insn, jump); break;
	case 1: /* WAIT DISCONNECT */
		if (l->target != LSI_NO_TARGET)
			wait_for_target(l, insn_at);
		break;
	case 2: wait_reselect(l, jump); break;
	case 3:
	case 4: set_or_clear(l, insn, opcode == 3); break;
	default: register_move(l, insn); break;
	}
}

/* --- transfer control --- */

/* Whether all that the instruction compares comes out as it says. PHASE_NONE: not known yet. */
static bool condition(struct lsi *l, uint32_t insn, enum lsi_phase phase)
{
	bool wanted = insn >> 19 & 1;
	uint8_t mask = (uint8_t)~(insn >> 8);

	if (insn >> 21 & 1 && l->carry != wanted)
		return false;
	if (insn >> 17 & 1 && (phase == (insn >> 24 & 7)) != wanted)
		return false;
	if (insn >> 18 & 1 && ((l->reg[SFBR] & mask) == (insn & mask)) != wanted)
		return false;
	return insn & 0x260000 ? true : wanted;
}

static void transfer_control(struct lsi *l, uint32_t insn, uint32_t arg, uint32_t insn_at)
{
	uint32_t next = lsi_get32(l, DSP);
	uint32_t target = insn >> 23 & 1 ? next + sign_extend_24(arg) : arg;
	enum lsi_phase phase = PHASE_NONE;

	if (insn >> 17 & 1) {
		phase = lsi_phase(l);
		if (phase == PHASE_NONE && insn >> 16 & 1 && l->target != LSI_NO_TARGET) {
			wait_for_target(l, insn_at);
			return;
		}
		if (phase != PHASE_NONE)
			l->reg[SSTAT1] = (uint8_t)((l->reg[SSTAT1] & ~7u) | phase);
	}
	if (!condition(l, insn, phase))
		return;
	switch (insn >> 27 & 7) {
	case 0: lsi_set32(l, DSP, target); break;
	case 1:
		lsi_set32(l, TEMP, next);
		lsi_set32(l, DSP, target);
		break;
	case 2: lsi_set32(l, DSP, lsi_get32(l, TEMP)); break;
	case 3:
		if (insn >> 20 & 1) { /* on the fly */
			l->reg[ISTAT0] |= ISTAT0_INTF;
			lsi_update_irq(l);
		} else {
			lsi_dma_interrupt(l, DSTAT_SIR);
		}
		break;
	default: illegal(l, insn);
	}
}

/* --- memory --- */

/* The number of one of the chip's own registers that the bus shows at an address, or -1: an access
 * of the chip to itself does not go over the bus. */
static int own_register(const struct lsi *l, uint32_t addr)
{
	const struct pci_bar *bar = &l->pci.bars[1];

	if (bar->addr == PCI_UNMAPPED || addr < bar->addr || addr - bar->addr >= LSI_REGISTERS)
		return -1;
	return (int)(addr - bar->addr);
}

static void read_bytes(struct lsi *l, uint32_t addr, uint8_t *bytes, uint32_t len)
{
	int reg = own_register(l, addr);

	if (reg < 0) {
		pci_dma_read(&l->pci, addr, bytes, len);
		return;
	}
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = lsi_read_register(l, ((unsigned int)reg + i) % LSI_REGISTERS);
}

static void write_bytes(struct lsi *l, uint32_t addr, const uint8_t *bytes, uint32_t len)
{
	int reg = own_register(l, addr);

	if (reg < 0) {
		pci_dma_write(&l->pci, addr, bytes, len);
		return;
	}
	for (uint32_t i = 0; i < len; i++)
		lsi_write_register(l, ((unsigned int)reg + i) % LSI_REGISTERS, bytes[i]);
}

static unsigned int memory_move(struct lsi *l, uint32_t insn, uint32_t source)
{
	uint32_t count = insn & 0xffffff, to = fetch(l);
	uint8_t bytes[4096];

	for (uint32_t done = 0; done < count;) {
		uint32_t n = MIN(count - done, sizeof(bytes));

		read_bytes(l, source + done, bytes, n);
		write_bytes(l, to + done, bytes, n);
		done += n;
	}
	return 1 + count / BYTES_A_STEP;
}

static void load_store(struct lsi *l, uint32_t insn, uint32_t arg)
{
	uint32_t addr = insn >> 28 & 1 ? lsi_get32(l, DSA) + sign_extend_24(arg) : arg;
	uint32_t count = insn & 7;
	unsigned int reg = insn >> 16 & 0xff;
	uint8_t bytes[8];

	if (!count || count > 4 || (reg & 3) + count > 4) {
		illegal(l, insn);
		return;
	}
	if (insn >> 24 & 1) {
		read_bytes(l, addr, bytes, count);
		for (uint32_t i = 0; i < count; i++)
			lsi_write_register(l, reg + i, bytes[i]);
	} else {
		for (uint32_t i = 0; i < count; i++)
			bytes[i] = lsi_read_register(l, reg + i);
		write_bytes(l, addr, bytes, count);
	}
}

/* --- the loop --- */

static unsigned int execute(struct lsi *l)
{
	uint32_t insn_at = lsi_get32(l, DSP);
	uint32_t insn = fetch(l);

	/* A word of zeroes is passed over: SeaBIOS has two of them where a command has no data. */
	if (!insn)
		return 1;
	uint32_t arg = fetch(l);

	lsi_set24(l, DBC, insn & 0xffffff);
	l->reg[DCMD] = (uint8_t)(insn >> 24);
	lsi_set32(l, DSPS, arg);
	/* A selection goes on while the next instructions are fetched; the timeout finds the first
	 * that has to wait for the target. */
	if (l->unanswered && (insn >> 30 == 0 || insn >> 30 == 2)) {
		l->unanswered = false;
		lsi_scsi_interrupt(l, 0, SIST1_STO);
		return 1;
	}
	switch (insn >> 30) {
	case 0: return block_move(l, insn, arg, insn_at);
	case 1: io_instruction(l, insn, arg, insn_at); break;
	case 2: transfer_control(l, insn, arg, insn_at); break;
	default:
		if (!(insn >> 29 & 1))
			return memory_move(l, insn, arg);
		load_store(l, insn, arg);
	}
	return 1;
}

void lsi_run(struct lsi *l)
{
	unsigned int steps = 0;

	if (l->in_run)
		return;
	l->in_run = true;
	timer_cancel(&l->script_timer);
	while (l->state == SCRIPT_RUNNING && steps < BUDGET) {
		steps += l->move_active ? continue_move(l) : execute(l);
		if (l->reg[DCNTL] & DCNTL_SSM && l->state == SCRIPT_RUNNING)
			lsi_dma_interrupt(l, DSTAT_SSI);
	}
	l->in_run = false;
	if (l->state == SCRIPT_RUNNING)
		timer_set(&l->script_timer, clock_now(CLOCK_VIRTUAL) + PAUSE_NS);
}
