/*
 * The VGA's memory window: address decoding (chain 4, odd/even, planes), latches, the four write
 * modes and two read modes of the graphics controller.
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Graphics Controller Registers".
 */
#include "hw/display/vga.h"

#include "base/bytes.h"

enum { SR4_SEQUENTIAL = 0x04, SR4_CHAIN4 = 0x08, GR5_READ_COMPARE = 0x08, GR5_ODD_EVEN = 0x10 };

/* A byte of all ones for each plane whose bit is set. */
static inline uint32_t plane_bytes(unsigned int planes)
{
	return ((planes & 1) ? 0xffu : 0) | ((planes & 2) ? 0xff00u : 0) |
	       ((planes & 4) ? 0xff0000u : 0) | ((planes & 8) ? 0xff000000u : 0);
}

/* Where the map register puts the window; false outside of it. */
static bool window_decode(const struct vga *v, uint64_t *address)
{
	switch (v->gr[6] >> 2 & 3) {
	case 0: return true;
	case 1: return *address < 0x10000;
	case 2: *address -= 0x10000; return *address < 0x8000;
	default: *address -= 0x18000; return *address < 0x8000;
	}
}

/* Offset in vram of the four bytes at a plane offset. The display interface's bank reaches the
 * memory above the VGA's 64 KiB a plane. */
static uint64_t plane_offset(const struct vga *v, uint64_t offset)
{
	if (vbe_active(v))
		return ((offset + v->vbe[VBE_BANK] * UINT64_C(0x10000)) * 4) & (VGA_VRAM_SIZE - 4);
	return (offset & (VGA_PLANE_SIZE - 1)) * 4;
}

static inline uint32_t rotate_right(uint8_t value, unsigned int count)
{
	return ((value | (unsigned int)value << 8) >> count & 0xff) * 0x01010101u;
}

static uint32_t logical_function(const struct vga *v, uint32_t data, uint32_t latch)
{
	switch (v->gr[3] >> 3 & 3) {
	case 1: return data & latch;
	case 2: return data | latch;
	case 3: return data ^ latch;
	default: return data;
	}
}

/* What the graphics controller makes of a byte from the processor. */
static uint32_t write_data(const struct vga *v, uint8_t value, uint32_t latch)
{
	uint32_t bit_mask = v->gr[8] * 0x01010101u;
	uint32_t data;

	switch (v->gr[5] & 3) {
	case 1: return latch;
	case 0: {
		uint32_t enable = plane_bytes(v->gr[1]);
		data = rotate_right(value, v->gr[3] & 7);
		data = (data & ~enable) | (plane_bytes(v->gr[0]) & enable);
		break;
	}
	case 2: data = plane_bytes(value & 0xf); break;
	default:
		bit_mask &= rotate_right(value, v->gr[3] & 7);
		data = plane_bytes(v->gr[0]);
		break;
	}
	data = logical_function(v, data, latch);
	return (data & bit_mask) | (latch & ~bit_mask);
}

static void window_write_byte(struct vga *v, uint64_t address, uint8_t value)
{
	unsigned int planes = v->sr[2];
	uint64_t at;

	if (!window_decode(v, &address))
		return;
	if (vbe_active(v) && v->vbe[VBE_BPP] > 4) {
		at = (v->vbe[VBE_BANK] * UINT64_C(0x10000) + (address & 0xffff)) &
		     (VGA_VRAM_SIZE - 1);
		v->mem[at] = value;
		ram_written(v->vram.ram, at, 1);
		return;
	}
	if (v->sr[4] & SR4_CHAIN4) {
		planes &= 1u << (address & 3);
		address >>= 2;
	} else if (!(v->sr[4] & SR4_SEQUENTIAL)) {
		planes &= address & 1 ? 0xa : 0x5;
		address &= ~UINT64_C(1);
	}
	at = plane_offset(v, address);
	uint32_t keep = ~plane_bytes(planes);
	uint32_t data = write_data(v, value, load_le32(v->latch));
	store_le32(v->mem + at, (load_le32(v->mem + at) & keep) | (data & ~keep));
	ram_written(v->vram.ram, at, 4);
	v->font_written |= (planes & 4) != 0;
}

static uint8_t window_read_byte(struct vga *v, uint64_t address)
{
	unsigned int plane = v->gr[4] & 3;

	if (!window_decode(v, &address))
		return 0xff;
	if (vbe_active(v) && v->vbe[VBE_BPP] > 4)
		return v->mem[(v->vbe[VBE_BANK] * UINT64_C(0x10000) + (address & 0xffff)) &
			      (VGA_VRAM_SIZE - 1)];
	if (v->sr[4] & SR4_CHAIN4) {
		plane = address & 3;
		address >>= 2;
	} else if (v->gr[5] & GR5_ODD_EVEN) {
		plane = (plane & 2) | (address & 1);
		address &= ~UINT64_C(1);
	}
	memcpy(v->latch, v->mem + plane_offset(v, address), 4);
	if (!(v->gr[5] & GR5_READ_COMPARE))
		return v->latch[plane];
	uint32_t differ = (load_le32(v->latch) ^ plane_bytes(v->gr[2])) & plane_bytes(v->gr[7]);
	differ |= differ >> 16;
	return (uint8_t)~(differ | differ >> 8);
}

static uint64_t window_read(void *opaque, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)window_read_byte(opaque, offset + i) << 8 * i;
	return value;
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		window_write_byte(opaque, offset + i, (uint8_t)(value >> 8 * i));
}

const struct region_ops vga_window_ops = {
	.read = window_read, .write = window_write, .min_size = 1, .max_size = 4};

/* Whether a byte access at A0000h is simply that byte of memory: chain 4 with the graphics
 * controller doing nothing to it, or a bank of a linear mode. */
static bool window_is_linear(const struct vga *v)
{
	if ((v->gr[6] >> 2 & 3) > 1)
		return false;
	if (vbe_active(v))
		return v->vbe[VBE_BPP] > 4;
	return v->sr[4] & SR4_CHAIN4 && v->sr[2] == 0xf && v->gr[1] == 0 && v->gr[3] == 0 &&
	       v->gr[8] == 0xff && !(v->gr[5] & (GR5_READ_COMPARE | 3));
}

void vga_update_window(struct vga *v)
{
	bool linear = window_is_linear(v);
	uint64_t bank = vbe_active(v) ? v->vbe[VBE_BANK] * UINT64_C(0x10000) : 0;

	if (linear == v->linear.enabled && (!linear || bank == v->linear.target_offset))
		return;
	region_batch_begin();
	if (linear && bank != v->linear.target_offset)
		region_set_alias_offset(&v->linear, bank);
	region_set_enabled(&v->linear, linear);
	region_batch_end();
}
