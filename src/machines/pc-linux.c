/*
 * -kernel: a Linux bzImage or zImage, handed to the firmware through fw_cfg; an option ROM copies
 * it to its place and starts it. Source: Linux Documentation/arch/x86/boot.rst (boot
 * protocol 2.15).
 */
#include "machines/pc.h"

#include "base/bytes.h"

#include <string.h>

#define IMAGE_LIMIT (1u << 30)

/* Offsets of the setup header. */
enum {
	SETUP_SECTS = 0x1f1,
	VID_MODE = 0x1fa,
	HEADER = 0x202, /* behind the jump: "HdrS" */
	VERSION = 0x206,
	TYPE_OF_LOADER = 0x210,
	LOADFLAGS = 0x211,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	HEAP_END_PTR = 0x224,
	CMD_LINE_PTR = 0x228,
	INITRD_ADDR_MAX = 0x22c,
	HEADER_END = 0x268,
};

#define LOADED_HIGH  0x01
#define CAN_USE_HEAP 0x80
#define LOADER_TYPE  0xb0 /* assigned to this kind of loader */

/* What the firmware keeps at the top of low memory: its tables. */
#define FIRMWARE_RESERVE 0x20000u

struct kernel {
	struct pc *pc;
	GByteArray *image, *initrd;
	const char *cmdline;
	uint16_t version;
	uint32_t setup_size;
	uint32_t setup_addr, cmdline_addr, kernel_addr, initrd_addr;
};

static struct error *kernel_check(struct kernel *k, const char *file)
{
	const uint8_t *image = k->image->data;
	uint32_t sects;

	if (k->image->len < HEADER_END || load_le16(image + 0x1fe) != 0xaa55)
		return error_new("\"%s\" is neither a Linux kernel nor a multiboot image", file);
	k->version = 0;
	if (memcmp(image + HEADER, "HdrS", 4) == 0)
		k->version = load_le16(image + VERSION);
	sects = image[SETUP_SECTS] ? image[SETUP_SECTS] : 4;
	k->setup_size = (sects + 1) * 512;
	if (k->setup_size > k->image->len)
		return error_new("\"%s\" is cut off: its setup code alone has %u bytes", file,
				 k->setup_size);
	return NULL;
}

/* Protocols before 2.02 want the command line within the setup's segment. */
static void choose_addresses(struct kernel *k)
{
	bool high = k->version >= 0x200 && (k->image->data[LOADFLAGS] & LOADED_HIGH);

	if (!high) { /* zImage */
		k->setup_addr = 0x90000;
		k->cmdline_addr = 0x9a000 - ((strlen(k->cmdline) + 16) & ~UINT32_C(15));
		k->kernel_addr = 0x10000;
	} else if (k->version < 0x202) {
		k->setup_addr = 0x90000;
		k->cmdline_addr = 0x9a000 - ((strlen(k->cmdline) + 16) & ~UINT32_C(15));
		k->kernel_addr = 0x100000;
	} else {
		k->setup_addr = 0x10000;
		k->cmdline_addr = 0x20000;
		k->kernel_addr = 0x100000;
	}
}

static void patch_cmdline(struct kernel *k)
{
	uint8_t *setup = k->image->data;

	if (k->version >= 0x202) {
		store_le32(setup + CMD_LINE_PTR, k->cmdline_addr);
		return;
	}
	store_le16(setup + 0x20, 0xa33f); /* magic, and offset from the setup segment */
	store_le16(setup + 0x22, (uint16_t)(k->cmdline_addr - k->setup_addr));
}

/* vga= is for the boot loader: normal, ext, ask or a number. */
static void patch_video_mode(struct kernel *k)
{
	const char *p = strstr(k->cmdline, "vga=");
	uint16_t mode;

	if (!p || (p != k->cmdline && p[-1] != ' '))
		return;
	p += 4;
	if (g_str_has_prefix(p, "normal"))
		mode = 0xffff;
	else if (g_str_has_prefix(p, "ext"))
		mode = 0xfffe;
	else if (g_str_has_prefix(p, "ask"))
		mode = 0xfffd;
	else
		mode = (uint16_t)strtoul(p, NULL, 0);
	store_le16(k->image->data + VID_MODE, mode);
}

static void patch_loader(struct kernel *k)
{
	uint8_t *setup = k->image->data;

	if (k->version >= 0x200)
		setup[TYPE_OF_LOADER] = LOADER_TYPE;
	if (k->version >= 0x201) {
		setup[LOADFLAGS] |= CAN_USE_HEAP;
		store_le16(setup + HEAP_END_PTR,
			   (uint16_t)(k->cmdline_addr - k->setup_addr - 0x200));
	}
}

/* As high as the kernel and the RAM allow: decompression must not reach it. */
static struct error *place_initrd(struct kernel *k)
{
	uint8_t *setup = k->image->data;
	uint64_t max = 0x37ffffff, size = k->initrd->len;

	if (k->version < 0x200)
		return error_new("this kernel is too old for an initrd");
	if (k->version >= 0x203)
		max = load_le32(setup + INITRD_ADDR_MAX);
	if (k->pc->low_ram < FIRMWARE_RESERVE + 0x100000)
		return error_new("an initrd needs more RAM");
	max = MIN(max, k->pc->low_ram - FIRMWARE_RESERVE - 1);
	if (size > max || ((max - size + 1) & ~UINT64_C(4095)) < k->kernel_addr)
		return error_new("the initrd of %" G_GUINT64_FORMAT " bytes does not fit into RAM",
				 size);
	k->initrd_addr = (uint32_t)((max - size + 1) & ~UINT64_C(4095));
	store_le32(setup + RAMDISK_IMAGE, k->initrd_addr);
	store_le32(setup + RAMDISK_SIZE, (uint32_t)size);
	fw_cfg_add_u32(k->pc->fw, FW_CFG_INITRD_ADDR, k->initrd_addr);
	fw_cfg_add_u32(k->pc->fw, FW_CFG_INITRD_SIZE, (uint32_t)size);
	fw_cfg_add_bytes(k->pc->fw, FW_CFG_INITRD_DATA, k->initrd->data, k->initrd->len);
	return NULL;
}

static struct error *hand_over(struct kernel *k)
{
	struct fw_cfg *fw = k->pc->fw;
	const uint8_t *image = k->image->data;
	uint32_t size = k->image->len - k->setup_size;

	fw_cfg_add_u32(fw, FW_CFG_CMDLINE_ADDR, k->cmdline_addr);
	fw_cfg_add_u32(fw, FW_CFG_CMDLINE_SIZE, (uint32_t)strlen(k->cmdline) + 1);
	fw_cfg_add_string(fw, FW_CFG_CMDLINE_DATA, k->cmdline);
	fw_cfg_add_u32(fw, FW_CFG_KERNEL_ADDR, k->kernel_addr);
	fw_cfg_add_u32(fw, FW_CFG_KERNEL_SIZE, size);
	fw_cfg_add_bytes(fw, FW_CFG_KERNEL_DATA, image + k->setup_size, size);
	fw_cfg_add_u32(fw, FW_CFG_SETUP_ADDR, k->setup_addr);
	fw_cfg_add_u32(fw, FW_CFG_SETUP_SIZE, k->setup_size);
	fw_cfg_add_bytes(fw, FW_CFG_SETUP_DATA, image, k->setup_size);
	return pc_add_rom(k->pc, "linuxboot_dma.bin", true);
}

static struct error *load_linux(struct pc *pc, GByteArray *image)
{
	struct machine *m = pc->m;
	struct kernel k = {.pc = pc, .image = image, .cmdline = m->append ? m->append : ""};
	struct error *err = kernel_check(&k, m->kernel);

	if (err)
		return err;
	choose_addresses(&k);
	patch_cmdline(&k);
	patch_video_mode(&k);
	patch_loader(&k);
	if (m->initrd) {
		err = file_load(m->initrd, IMAGE_LIMIT, &k.initrd);
		if (err)
			return err;
		err = place_initrd(&k);
		g_byte_array_unref(k.initrd);
	}
	return err ? err : hand_over(&k);
}

struct error *pc_load_kernel(struct pc *pc)
{
	struct error *err;
	GByteArray *image;
	bool multiboot = false;

	if (!pc->m->kernel)
		return NULL;
	err = file_load(pc->m->kernel, IMAGE_LIMIT, &image);
	if (err)
		return err;
	err = pc_load_multiboot(pc, image, &multiboot);
	if (!err && !multiboot)
		err = load_linux(pc, image);
	g_byte_array_unref(image);
	return err;
}
