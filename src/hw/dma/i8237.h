/* The two 8237A of the PC. Property "memory": the address space that ISA masters see. */
#ifndef HW_DMA_I8237_H
#define HW_DMA_I8237_H

#include "hw/isa/isa.h"

struct i8237_channel {
	uint16_t base_address, base_count;
	uint32_t pos; /* bytes of the block that are done */
	uint8_t mode;
	isa_dma_fn *fn;
	void *opaque;
};

struct i8237_chip {
	struct i8237_channel channels[4];
	uint8_t command, status, mask, dreq, request;
	bool flip_flop; /* the high byte is next */
};

struct i8237 {
	struct device dev;
	struct address_space *memory;
	struct i8237_chip chips[2];
	uint8_t pages[15]; /* ports 81h to 8Fh */
	struct timer timer;
	bool running;
	struct region byte_ports, word_ports, page_ports;
};

#endif
