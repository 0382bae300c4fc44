/*
 * ELF images for -kernel: segments go to their physical addresses. Source: System V ABI, "Object
 * Files". Both classes and byte orders; everything read is checked.
 */
#ifndef MACHINES_ELF_H
#define MACHINES_ELF_H

#include "hw/misc/loader.h"

struct elf_info {
	bool wide, big_endian; /* ELFCLASS64, ELFDATA2MSB */
	uint16_t machine;      /* EM_* of <elf.h> */
	uint32_t flags;	       /* e_flags */
	uint64_t entry;	       /* physical: translated by the segment that has it */
	uint64_t low, high;    /* what the segments cover; high is exclusive */
};

bool elf_is(struct bytes file);
/* Reads the header and segment table; fails where they do not make sense. */
struct error *elf_read_info(struct bytes file, struct elf_info *info) NODISCARD;
/* Adds all segments, `offset` bytes away from where they say. */
struct error *elf_load(struct bytes file, struct loader *l, uint64_t offset) NODISCARD;
/* "x86-64" for EM_X86_64; "machine 1234" for what is not known. Owned by the caller. */
char *elf_machine_name(uint16_t machine);

#endif
