/*
 * -kernel, -initrd, -dtb and -append of every ARM board: what a boot loader would do. Sources:
 * Linux Documentation/arm/booting.rst, Documentation/devicetree/booting-without-of.rst.
 *
 * A board fills in a struct arm_boot and calls arm_boot_load() at the end of its init, when its
 * memory is mapped (behind region_batch_end()).
 */
#ifndef MACHINES_ARM_BOOT_H
#define MACHINES_ARM_BOOT_H

#include "hw/misc/loader.h"
#include "vm/machine.h"

struct arm_boot {
	/* --- the board's; must stay --- */
	struct machine *m;
	uint32_t ram_base; /* of the memory that Linux is told of */
	uint64_t ram_size;
	uint32_t board_id; /* machine type (arch/arm/tools/mach-types): r1 of a Linux kernel */
	/* Processors other than the first start here with r0 = 0, or stay in reset if it is 0. */
	uint32_t secondary_entry;
	/* More ATAGs, by arm_boot_tag(); may be NULL. */
	void (*add_tags)(struct arm_boot *b, GByteArray *tags);
	/* What the board wants changed in a device tree (libfdt, in place); may be NULL. */
	struct error *(*fix_dtb)(struct arm_boot *b, void *fdt);

	/* --- arm_boot_load()'s --- */
	struct loader *loader; /* the board may add its own pieces */
	uint32_t entry;	       /* bit 0: Thumb */
	uint32_t low, high;    /* what the image covers; high is exclusive */
	bool is_linux;
	bool big_endian;		      /* an image with big-endian data (BE8) */
	uint32_t initrd, initrd_size, params; /* addresses; params: ATAGs or device tree */
	bool has_kernel;
};

/* Loads what the options ask for; without -kernel the processors start at their reset vectors. */
struct error *arm_boot_load(struct arm_boot *b) NODISCARD;

/* The parts that boards without Linux share: an ELF file for ARM, -semihosting where it is on. */
struct elf_info;
struct error *arm_boot_load_elf(struct loader *l, struct bytes file,
				struct elf_info *info) NODISCARD;
void arm_boot_set_semihosting(struct machine *m, uint32_t ram_base, uint64_t ram_size);

/* Appends one ATAG: its number and its words. */
void arm_boot_tag(GByteArray *tags, uint32_t number, const uint32_t *words, unsigned int count);
/* arm-boot-params.c: puts ATAGs or the device tree into memory and sets b->params. */
struct error *arm_boot_add_params(struct arm_boot *b) NODISCARD;

#endif
