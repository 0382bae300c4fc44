/*
 * ISA: ports, sixteen interrupt lines and the 8237's channels. Machine lock held.
 *
 * An ISA device embeds `struct device` first, has properties "iobase" and "irq" as it needs, and
 * in its init maps ports and takes its line.
 */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "vm/device.h"
#include "vm/irq.h"
#include "vm/memory.h"

/* 8237 channel as a device sees it: the controller calls `transfer` while DREQ is held and the
 * channel is unmasked. It moves at most `size` bytes from `pos` with isa_dma_read/write and returns
 * the new position; position == size is terminal count. */
typedef uint32_t isa_dma_fn(void *opaque, unsigned int channel, uint32_t pos, uint32_t size);

struct isa_bus {
	struct region *io, *memory;
	struct irq *irqs[16];	       /* inputs of the interrupt controller */
	const struct isa_dma_ops *dma; /* NULL: none */
	void *dma_opaque;
};

struct isa_dma_ops {
	void (*attach)(void *opaque, unsigned int channel, isa_dma_fn *fn, void *fn_opaque);
	void (*hold_dreq)(void *opaque, unsigned int channel, bool level);
	/* Bytes between the device and memory at `pos` of the programmed block. */
	void (*read)(void *opaque, unsigned int channel, void *buf, uint32_t pos, uint32_t len);
	void (*write)(void *opaque, unsigned int channel, const void *buf, uint32_t pos,
		      uint32_t len);
	/* Mode register bits of the channel (8237A data sheet, "Mode Register"). */
	uint8_t (*mode)(void *opaque, unsigned int channel);
};

#define ISA_DEVICE(ident, type, name_, help_, props_, state_, init_, reset_, settle_)             \
	DEVICE_CLASS(ident, .name = (name_), .help = (help_), .bus = "ISA", .size = sizeof(type), \
		     .props = (props_), .state = (state_), .init = (init_), .reset = (reset_),    \
		     .settle = (settle_))

/* Bus of a device that isa_plug() is realizing or has realized. */
struct isa_bus *isa_bus_of(struct device *dev);
/* Maps ports; ISA decodes overlap, the later wins. */
void isa_map_io(struct device *dev, uint16_t port, struct region *region);
struct irq *isa_irq(struct device *dev, unsigned int number); /* aborts above 15 */
/* Plugs and realizes. */
struct error *isa_plug(struct isa_bus *bus, struct device *dev) NODISCARD;
struct error *isa_create(struct isa_bus *bus, const char *name, struct device **dev) NODISCARD;

#endif
