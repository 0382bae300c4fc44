/*
 * Structures of system calls as data: which members a guest's structure has, in its order, and
 * where each is in the host's. From the members' kinds and the ABI's rules (size of long, alignment
 * of 64-bit members, byte order) follow offsets and sizes, so one list serves every ABI that agrees
 * on the order. Where guest and host come out the same, nothing is copied.
 */
#ifndef USER_LINUX_LAYOUT_H
#define USER_LINUX_LAYOUT_H

#include "user/linux/user.h"

enum member_kind {
	M_I8,
	M_U8,
	M_U16,
	M_I32,
	M_U32,
	M_I64,
	M_U64,
	M_NSEC, /* 64 bits, of which 32-bit ABIs' libraries write the lower half alone */
	M_LONG, /* signed, of the ABI's word size */
	M_ULONG,
	M_BYTES, /* `count` bytes as they are */
	M_PAD,	 /* `count` bytes that are zero */
	M_ALIGN, /* nothing, but aligned to `count` */
};

struct member {
	uint8_t kind, host_size;
	uint16_t host_offset, count;
};

#define MEMBER(kind, type, name) {kind, sizeof(((type *)0)->name), offsetof(type, name), 1}
#define MEMBER_BYTES(type, name) {M_BYTES, 1, offsetof(type, name), sizeof(((type *)0)->name)}
#define MEMBER_PAD(count)	 {M_PAD, 0, 0, count}
#define MEMBER_ZERO(kind)	 {kind, 0, 0, 1}

struct layout {
	const char *name;
	uint16_t host_size;
	uint8_t count;
	const struct member *members;
};

/* Structures that calls and ioctls name. */
enum layout_id {
	L_NONE,
#define LAYOUT(name) L_##name,
#include "user/linux/layouts.h"
#undef LAYOUT
	L_COUNT
};

const struct layout *layout_get(enum layout_id id);
/* Bytes that it has in a guest, padding at the end included. */
unsigned int layout_size(const struct abi *abi, enum layout_id id);
/* Whether guest and host have it alike. */
bool layout_same(const struct abi *abi, enum layout_id id);
void layout_to_host(const struct abi *abi, enum layout_id id, const void *guest, void *host);
void layout_to_guest(const struct abi *abi, enum layout_id id, const void *host, void *guest);

#define LAYOUT_MAX 512 /* bytes, of either side */

/* Reads or writes one of the guest's. */
bool layout_read(struct thread *t, enum layout_id id, uint64_t addr, void *host) NODISCARD;
bool layout_write(struct thread *t, enum layout_id id, uint64_t addr, const void *host) NODISCARD;

#endif
