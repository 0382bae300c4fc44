/*
 * A file in memory, for fuzzers: opening one costs no system call. All nodes show the same bytes;
 * there is one file a program.
 */
#ifndef TESTS_STORAGE_MEMORY_FILE_H
#define TESTS_STORAGE_MEMORY_FILE_H

#include "storage/image.h"

#define MEMORY_FILE_MAX (4u << 20)

/*
 * The file is these bytes now, followed by zeroes up to `size`. Writes beyond `room` bytes find no
 * space.
 */
void memory_file_set(const uint8_t *data, size_t len, uint64_t size, uint64_t room);
/* A protocol node over it. */
struct image *memory_file_open(unsigned int flags);

#endif
