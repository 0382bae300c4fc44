/*
 * The firmware configuration device ("fw_cfg"): items of bytes by 16-bit key, and named files.
 *
 * Documented by the projects that use it: key numbers, the file directory, and the DMA interface
 * are an agreement between emulator and firmware. Items must not change their size once the guest
 * may have read the directory. The device owns copies of all data.
 */
#ifndef HW_MISC_FW_CFG_H
#define HW_MISC_FW_CFG_H

#include "vm/device.h"
#include "vm/memory.h"

#include <glib.h>

enum fw_cfg_key {
	FW_CFG_SIGNATURE = 0x00,
	FW_CFG_ID = 0x01,
	FW_CFG_UUID = 0x02,
	FW_CFG_RAM_SIZE = 0x03,
	FW_CFG_NOGRAPHIC = 0x04,
	FW_CFG_NB_CPUS = 0x05,
	FW_CFG_MACHINE_ID = 0x06,
	FW_CFG_KERNEL_ADDR = 0x07,
	FW_CFG_KERNEL_SIZE = 0x08,
	FW_CFG_KERNEL_CMDLINE = 0x09,
	FW_CFG_INITRD_ADDR = 0x0a,
	FW_CFG_INITRD_SIZE = 0x0b,
	FW_CFG_BOOT_DEVICE = 0x0c,
	FW_CFG_NUMA = 0x0d,
	FW_CFG_BOOT_MENU = 0x0e,
	FW_CFG_MAX_CPUS = 0x0f,
	FW_CFG_KERNEL_ENTRY = 0x10,
	FW_CFG_KERNEL_DATA = 0x11,
	FW_CFG_INITRD_DATA = 0x12,
	FW_CFG_CMDLINE_ADDR = 0x13,
	FW_CFG_CMDLINE_SIZE = 0x14,
	FW_CFG_CMDLINE_DATA = 0x15,
	FW_CFG_SETUP_ADDR = 0x16,
	FW_CFG_SETUP_SIZE = 0x17,
	FW_CFG_SETUP_DATA = 0x18,
	FW_CFG_FILE_DIR = 0x19,
	FW_CFG_FILE_FIRST = 0x20,
	/* of the architecture */
	FW_CFG_ARCH_LOCAL = 0x8000,
	FW_CFG_X86_ACPI_TABLES = 0x8000,
	FW_CFG_X86_SMBIOS = 0x8001,
	FW_CFG_X86_IRQ0_OVERRIDE = 0x8002,
	FW_CFG_X86_E820 = 0x8003,
	FW_CFG_X86_HPET = 0x8004,
};

#define FW_CFG_FILES 128
#define FW_CFG_KEYS  (FW_CFG_FILE_FIRST + FW_CFG_FILES)

typedef void fw_cfg_select_fn(void *opaque);

struct fw_cfg_item {
	uint8_t *data; /* owned */
	uint32_t size;
	fw_cfg_select_fn *select; /* called when the guest selects it: may change the bytes */
	void *opaque;
};

struct fw_cfg_file {
	char name[56];
	uint16_t key;
};

struct fw_cfg {
	struct device dev;
	struct address_space *memory;		  /* property: what its DMA sees; NULL: no DMA */
	struct fw_cfg_item items[2][FW_CFG_KEYS]; /* generic, of the architecture */
	struct fw_cfg_file files[FW_CFG_FILES];
	uint32_t file_count;
	uint16_t key;
	uint32_t offset;
	uint64_t dma_address;
	struct region ports;	     /* selector and data as I/O ports of the PC */
	struct region control, data; /* the same as memory: 2 and 1 bytes (8 on some boards) */
	struct region dma;	     /* 8 bytes */
};

/* Boards: items before the machine runs; a key that is already there is replaced. */
void fw_cfg_add_bytes(struct fw_cfg *s, unsigned int key, const void *data, size_t size);
void fw_cfg_add_string(struct fw_cfg *s, unsigned int key, const char *text);
void fw_cfg_add_u16(struct fw_cfg *s, unsigned int key, uint16_t value);
void fw_cfg_add_u32(struct fw_cfg *s, unsigned int key, uint32_t value);
void fw_cfg_add_u64(struct fw_cfg *s, unsigned int key, uint64_t value);
/* A named file; the name is at most 55 characters. Replaces one of the same name. */
struct error *fw_cfg_add_file(struct fw_cfg *s, const char *name, const void *data,
			      size_t size) NODISCARD;
/* The bytes of a file, for select callbacks that bring them up to date; NULL if there is none. */
uint8_t *fw_cfg_file_data(struct fw_cfg *s, const char *name, size_t *size);
void fw_cfg_on_select(struct fw_cfg *s, const char *name, fw_cfg_select_fn *fn, void *opaque);
/* -fw_cfg [name=]N,file=F | string=S */
struct error *fw_cfg_add_option(struct fw_cfg *s, const char *text) NODISCARD;

#endif
