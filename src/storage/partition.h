/* Partition tables: MBR with logical partitions, and GPT. For qemu-nbd -P. */
#ifndef STORAGE_PARTITION_H
#define STORAGE_PARTITION_H

#include "storage/image.h"

/* Offset and size in bytes of partition `number` (from 1). */
struct error *partition_find(struct image *img, unsigned int number, uint64_t *offset,
			     uint64_t *size) NODISCARD;

#endif
