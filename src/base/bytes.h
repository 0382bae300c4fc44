/*
 * Bytes from guests, images and networks: fixed-order loads and stores, and a checked reader.
 *
 * The load and store functions take unaligned pointers to memory that the caller has already
 * bounded. Where a length comes from outside, use `struct bytes`: it never reads past its end.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BYTES_LOAD_STORE(bits, swap)                                            \
	static inline uint##bits##_t load_le##bits(const void *p)               \
	{                                                                       \
		uint##bits##_t v;                                               \
		memcpy(&v, p, sizeof(v));                                       \
		return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : swap(v); \
	}                                                                       \
	static inline uint##bits##_t load_be##bits(const void *p)               \
	{                                                                       \
		uint##bits##_t v;                                               \
		memcpy(&v, p, sizeof(v));                                       \
		return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v : swap(v);    \
	}                                                                       \
	static inline void store_le##bits(void *p, uint##bits##_t v)            \
	{                                                                       \
		v = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : swap(v);    \
		memcpy(p, &v, sizeof(v));                                       \
	}                                                                       \
	static inline void store_be##bits(void *p, uint##bits##_t v)            \
	{                                                                       \
		v = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v : swap(v);       \
		memcpy(p, &v, sizeof(v));                                       \
	}

BYTES_LOAD_STORE(16, __builtin_bswap16)
BYTES_LOAD_STORE(32, __builtin_bswap32)
BYTES_LOAD_STORE(64, __builtin_bswap64)

/* A load or store of 1, 2, 4 or 8 bytes, little endian; `size` is the caller's, not a guest's. */
static inline uint64_t load_le(const void *p, unsigned int size)
{
	switch (size) {
	case 1: return *(const uint8_t *)p;
	case 2: return load_le16(p);
	case 4: return load_le32(p);
	default: return load_le64(p);
	}
}

static inline void store_le(void *p, unsigned int size, uint64_t v)
{
	switch (size) {
	case 1: *(uint8_t *)p = (uint8_t)v; break;
	case 2: store_le16(p, (uint16_t)v); break;
	case 4: store_le32(p, (uint32_t)v); break;
	default: store_le64(p, v); break;
	}
}

/* A bounded run of bytes that belongs to somebody else. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

/* A pointer to `count` bytes at `offset`, or NULL where they are not all inside. */
static inline const uint8_t *bytes_at(struct bytes b, uint64_t offset, uint64_t count)
{
	if (offset > b.size || count > b.size - offset)
		return NULL;
	return b.data + offset;
}

/* Reads a little-endian value of 1, 2, 4 or 8 bytes; false (and *v = 0) outside. */
static inline bool bytes_read_le(struct bytes b, uint64_t offset, unsigned int size, uint64_t *v)
{
	const uint8_t *p = bytes_at(b, offset, size);
	*v = p ? load_le(p, size) : 0;
	return p != NULL;
}

#endif
