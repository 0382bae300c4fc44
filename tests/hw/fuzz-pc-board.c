/*
 * A whole PC board (FUZZ_BOARD) under a processor that does anything: the input is a program of
 * port and memory accesses, DMA descriptors, configuration cycles, keys, and passing time.
 */
#include "board.h"

#include "../fuzz.h"
#include "base/loop.h"
#include "vm/clock.h"
#include "vm/input.h"

#include <string.h>

enum { STEPS = 1000, LOW_MEMORY = 0x20000 };

/* Ranges of ports with something behind them. */
static const struct {
	uint16_t first, count;
} ranges[] = {
	{0x00, 16},  {0x20, 2},	 {0x40, 4},   {0x60, 5},   {0x70, 2},	 {0x80, 16},
	{0x92, 1},   {0xa0, 2},	 {0xb2, 2},   {0xc0, 32},  {0xf0, 2},	 {0x170, 8},
	{0x1f0, 8},  {0x376, 1}, {0x378, 8},  {0x3f0, 8},  {0x3f8, 8},	 {0x4d0, 2},
	{0x510, 12}, {0xcf8, 8}, {0x600, 64}, {0x700, 16}, {0xc000, 16}, {0x3c0, 32},
};

static uint16_t take_port(struct input *in)
{
	uint32_t which = take(in, 1) % (G_N_ELEMENTS(ranges) + 1);

	if (which == G_N_ELEMENTS(ranges))
		return (uint16_t)take(in, 2);
	return (uint16_t)(ranges[which].first + take(in, 1) % ranges[which].count);
}

static uint64_t take_address(struct input *in)
{
	switch (take(in, 1) & 7) {
	case 0: return IOAPIC_BASE + (take(in, 1) & 0x1f);
	case 1: return HPET_BASE + (take(in, 2) & 0x3ff);
	case 2: return 0xa0000 + (take(in, 3) & 0x5ffff);
	case 3: return take(in, 4);
	case 4: return 0xfee00000u + (take(in, 3) & 0xfffff);
	default: return take(in, 3) & (LOW_MEMORY - 1);
	}
}

static void step_port(struct input *in, bool write)
{
	struct address_space *io = &machine_get()->io;
	unsigned int size = 1u << take(in, 1) % 3;
	uint16_t port = take_port(in);

	if (write)
		mem_store_le(io, port, take(in, size), size);
	else
		mem_load_le(io, port, size);
}

static void step_memory(struct input *in, bool write)
{
	struct address_space *memory = &machine_get()->memory;
	unsigned int size = 1u << take(in, 1) % 4;
	uint64_t addr = take_address(in);

	if (write)
		mem_store_le(memory, addr, take(in, 4) * UINT64_C(0x100000001), size);
	else
		mem_load_le(memory, addr, size);
}

/* Bus masters see messages where processors see their APICs. */
static void step_dma_space(struct input *in)
{
	struct pci_bus *bus = (struct pci_bus *)machine_get()->pci;

	if (bus)
		mem_store_le(bus->dma, take_address(in), take(in, 4), 4);
}

static void step_config(struct input *in)
{
	static const uint8_t functions[] = {0x00, 0x08, 0x09, 0x0b, 0x10};

	outl(0xcf8, 0x80000000u | (uint32_t)functions[take(in, 1) % sizeof(functions)] << 8 |
			    (take(in, 1) & 0xfc));
	outl(0xcfc, take(in, 4));
}

static void step_firmware_dma(struct input *in)
{
	uint8_t access[16];

	store_be32(access, take(in, 1) | take(in, 1) << 16);
	store_be32(access + 4, take(in, 3));
	store_be64(access + 8, take_address(in));
	mem_write(&machine_get()->memory, 0x1000, access, sizeof(access));
	outl(0x514, 0);
	outl(0x518, 0x00100000);
}

static void step_apic(struct input *in)
{
	unsigned int cpu = take(in, 1) % cpu_count(), reg = take(in, 2) & 0xfff;

	if (reg & 0x800)
		apic_peek(cpu, reg & 0x7f0);
	else
		apic_poke(cpu, reg & 0x7f0, take(in, 4));
}

static void step_time(struct input *in)
{
	unsigned int shift = take(in, 1) % 14;

	run_ns((int64_t)take(in, 2) << shift);
}

static void step(struct input *in)
{
	switch (take(in, 1) % 16) {
	case 0 ... 4: step_port(in, true); break;
	case 5 ... 6: step_port(in, false); break;
	case 7: step_memory(in, true); break;
	case 8: step_memory(in, false); break;
	case 9: step_dma_space(in); break;
	case 10: step_config(in); break;
	case 11: step_firmware_dma(in); break;
	case 12: step_apic(in); break;
	case 13: step_time(in); break;
	case 14: accept_interrupt(0); break;
	default:
		input_key(take(in, 1), take(in, 1) & 1);
		input_pointer((int8_t)take(in, 1), (int8_t)take(in, 1), (int8_t)take(in, 1),
			      take(in, 1));
	}
}

static void prepare(void)
{
	board_new(FUZZ_BOARD, 2 - (FUZZ_BOARD[0] == 'i'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = fuzz_begin(data, size, prepare);
	struct ram *ram;

	ram = machine_get()->ram.ram;
	memset(ram->host, 0, LOW_MEMORY);
	devices_reset();
	for (unsigned int i = 0; i < STEPS && in.size; i++)
		step(&in);
	return 0;
}
