/* System calls on objects of the kernel: keys (keyctl(2)) and the comparison of two (kcmp(2)). */
#include "user/linux/syscall.h"

#include <linux/kcmp.h>
#include <linux/keyctl.h>

/* --- keys --- */

#define P(n) (1u << (n)) /* argument n is a pointer */

/* Operations with pointers in them. What they point to is bytes and text, the same for all. */
static const uint8_t key_pointers[] = {
	[KEYCTL_JOIN_SESSION_KEYRING] = P(1),
	[KEYCTL_UPDATE] = P(2),
	[KEYCTL_DESCRIBE] = P(2),
	[KEYCTL_SEARCH] = P(2) | P(3),
	[KEYCTL_READ] = P(2),
	[KEYCTL_INSTANTIATE] = P(2),
	[KEYCTL_GET_SECURITY] = P(2),
	[KEYCTL_RESTRICT_KEYRING] = P(2) | P(3),
	[KEYCTL_CAPABILITIES] = P(1),
};

#undef P

/* Those whose structures would have to be converted, which nobody has asked for yet. */
static bool key_structures(uint64_t op)
{
	return op == KEYCTL_INSTANTIATE_IOV || op == KEYCTL_DH_COMPUTE ||
	       (op >= KEYCTL_PKEY_QUERY && op <= KEYCTL_PKEY_VERIFY);
}

int64_t sys_keyctl(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t op = (uint32_t)a[0], host[5] = {op};
	unsigned int pointers = op < G_N_ELEMENTS(key_pointers) ? key_pointers[op] : 0;

	if (key_structures(op))
		return -EOPNOTSUPP;
	for (unsigned int i = 1; i < 5; i++)
		host[i] = pointers >> i & 1   ? HPTR(guest_pointer(t, a[i], 1))
			  : t->abi->word == 4 ? (uint64_t)(int64_t)(int32_t)a[i]
					      : a[i];
	int64_t result = HOST(t, SYS_keyctl, host[0], host[1], host[2], host[3], host[4]);
	for (unsigned int i = 1; i < 4 && result > 0; i++)
		if (pointers >> i & 1 && a[i])
			guest_written(t, a[i], MIN((uint64_t)result, a[i + 1]));
	return result;
}

/* --- comparison --- */

int64_t sys_kcmp(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct kcmp_epoll_slot slot;
	uint64_t second = a[4], part[3];

	if ((int)a[2] == KCMP_EPOLL_TFD) {
		for (unsigned int i = 0; i < 3; i++)
			if (!guest_get(t, a[4] + 4 * i, 4, &part[i]))
				return -EFAULT;
		slot = (struct kcmp_epoll_slot){(uint32_t)part[0], (uint32_t)part[1],
						(uint32_t)part[2]};
		second = HPTR(&slot);
	}
	return HOST(t, SYS_kcmp, a[0], a[1], a[2], a[3], second);
}
