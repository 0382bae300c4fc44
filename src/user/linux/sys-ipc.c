/* System V IPC: control structures of each ABI, messages with a long in front, and ipc(). */
#include "user/linux/syscall.h"

#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

/* The calls of ipc(), <linux/ipc.h>. */
enum {
	SEMOP = 1,
	SEMGET,
	SEMCTL,
	SEMTIMEDOP,
	MSGSND = 11,
	MSGRCV,
	MSGGET,
	MSGCTL,
	SHMAT = 21,
	SHMDT,
	SHMGET,
	SHMCTL,
};

#define IPC_64_FLAG 0x100
#define MESSAGE_MAX (1 << 20)

int64_t sys_shmat(struct thread *t, const struct call *call, const uint64_t *a)
{
	return mm_shmat(t, (int)a[0], a[1], (int)a[2]);
}

int64_t sys_shmdt(struct thread *t, const struct call *call, const uint64_t *a)
{
	return mm_shmdt(t, a[0]);
}

/* A control call whose structure goes one way or both. */
static int64_t control(struct thread *t, long host, int id, int cmd, enum layout_id layout,
		       uint64_t addr, bool set, uint64_t middle)
{
	uint8_t buffer[LAYOUT_MAX] __attribute__((aligned(8))) = {0};
	bool sem = host == SYS_semctl;

	if (set && !layout_read(t, layout, addr, buffer))
		return -EFAULT;
	int64_t result = sem ? HOST(t, host, id, middle, cmd, HPTR(buffer))
			     : HOST(t, host, id, cmd, HPTR(buffer));
	if (result >= 0 && !set && !layout_write(t, layout, addr, buffer))
		return -EFAULT;
	return result;
}

static int64_t shm_control(struct thread *t, int id, int cmd, uint64_t addr)
{
	cmd &= ~IPC_64_FLAG;
	switch (cmd) {
	case IPC_STAT:
	case SHM_STAT: return control(t, SYS_shmctl, id, cmd, L_shmid_ds, addr, false, 0);
	case IPC_SET: return control(t, SYS_shmctl, id, cmd, L_shmid_ds, addr, true, 0);
	case IPC_INFO: return control(t, SYS_shmctl, id, cmd, L_shminfo, addr, false, 0);
	case SHM_INFO: return control(t, SYS_shmctl, id, cmd, L_shm_info, addr, false, 0);
	default: return HOST(t, SYS_shmctl, id, cmd, 0);
	}
}

static int64_t msg_control(struct thread *t, int id, int cmd, uint64_t addr)
{
	cmd &= ~IPC_64_FLAG;
	switch (cmd) {
	case IPC_STAT:
	case MSG_STAT: return control(t, SYS_msgctl, id, cmd, L_msqid_ds, addr, false, 0);
	case IPC_SET: return control(t, SYS_msgctl, id, cmd, L_msqid_ds, addr, true, 0);
	case IPC_INFO:
	case MSG_INFO: return control(t, SYS_msgctl, id, cmd, L_msginfo, addr, false, 0);
	default: return HOST(t, SYS_msgctl, id, cmd, 0);
	}
}

/* All values of a set: 16-bit numbers, as many as the set has. */
static int64_t sem_array(struct thread *t, int id, int cmd, uint64_t addr)
{
	struct semid_ds info;
	uint16_t values[32000];

	int64_t result = HOST(t, SYS_semctl, id, 0, IPC_STAT, HPTR(&info));
	if (result < 0)
		return result;
	if (info.sem_nsems > G_N_ELEMENTS(values))
		return -EINVAL;
	for (unsigned int i = 0; cmd == SETALL && i < info.sem_nsems; i++) {
		uint64_t value;
		if (!guest_get(t, addr + 2 * i, 2, &value))
			return -EFAULT;
		values[i] = (uint16_t)value;
	}
	result = HOST(t, SYS_semctl, id, 0, cmd, HPTR(values));
	for (unsigned int i = 0; result >= 0 && cmd == GETALL && i < info.sem_nsems; i++)
		if (!guest_put(t, addr + 2 * i, 2, values[i]))
			return -EFAULT;
	return result;
}

static int64_t sem_control(struct thread *t, int id, int n, int cmd, uint64_t arg)
{
	cmd &= ~IPC_64_FLAG;
	switch (cmd) {
	case IPC_STAT:
	case SEM_STAT: return control(t, SYS_semctl, id, cmd, L_semid_ds, arg, false, (uint64_t)n);
	case IPC_SET: return control(t, SYS_semctl, id, cmd, L_semid_ds, arg, true, (uint64_t)n);
	case IPC_INFO:
	case SEM_INFO: return control(t, SYS_semctl, id, cmd, L_seminfo, arg, false, (uint64_t)n);
	case GETALL:
	case SETALL: return sem_array(t, id, cmd, arg);
	default: return HOST(t, SYS_semctl, id, n, cmd, (uint32_t)arg);
	}
}

int64_t sys_shmctl(struct thread *t, const struct call *call, const uint64_t *a)
{
	return shm_control(t, (int)a[0], (int)a[1], a[2]);
}

int64_t sys_msgctl(struct thread *t, const struct call *call, const uint64_t *a)
{
	return msg_control(t, (int)a[0], (int)a[1], a[2]);
}

int64_t sys_semctl(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t arg = t->abi->word == 4 ? (uint32_t)a[3] : a[3];

	return sem_control(t, (int)a[0], (int)a[1], (int)a[2], arg);
}

/* --- messages: a long of the ABI's, then bytes --- */

static int64_t send(struct thread *t, int id, uint64_t addr, uint64_t len, int flags)
{
	unsigned int w = t->abi->word;
	uint64_t type;

	if (len > MESSAGE_MAX)
		return -EINVAL;
	int64_t *buffer = g_malloc(len + 8), result = -EFAULT;
	if (guest_get(t, addr, w, &type) && guest_read(t, buffer + 1, addr + w, len)) {
		buffer[0] = w == 4 ? (int32_t)type : (int64_t)type;
		result = HOST(t, SYS_msgsnd, id, HPTR(buffer), len, flags);
	}
	g_free(buffer);
	return result;
}

static int64_t receive(struct thread *t, int id, uint64_t addr, uint64_t len, int64_t type,
		       int flags)
{
	unsigned int w = t->abi->word;

	if ((int64_t)len < 0)
		return -EINVAL;
	len = MIN(len, MESSAGE_MAX);
	int64_t *buffer = g_malloc(len + 8);
	int64_t result = HOST(t, SYS_msgrcv, id, HPTR(buffer), len, type, flags);
	if (result >= 0 && (!guest_put(t, addr, w, (uint64_t)buffer[0]) ||
			    !guest_write(t, addr + w, buffer + 1, (uint64_t)result)))
		result = -EFAULT;
	g_free(buffer);
	return result;
}

int64_t sys_msgsnd(struct thread *t, const struct call *call, const uint64_t *a)
{
	return send(t, (int)a[0], a[1], a[2], (int)a[3]);
}

int64_t sys_msgrcv(struct thread *t, const struct call *call, const uint64_t *a)
{
	return receive(t, (int)a[0], a[1], a[2], (int64_t)a[3], (int)a[4]);
}

/* --- ipc(): call, first, second, third, ptr, fifth --- */

static int64_t ipc_shmat(struct thread *t, const uint64_t *a)
{
	int64_t at = mm_shmat(t, (int)a[1], (uint32_t)a[4], (int)a[2]);

	if (at < 0 && at > -4096)
		return at;
	return guest_put(t, (uint32_t)a[3], 4, (uint64_t)at) ? 0 : -EFAULT;
}

static int64_t ipc_msgrcv(struct thread *t, const uint64_t *a, bool old)
{
	uint64_t addr = a[4], type = a[5];

	if (old && (!guest_get(t, a[4], 4, &addr) || !guest_get(t, a[4] + 4, 4, &type)))
		return -EFAULT;
	return receive(t, (int)a[1], addr, (uint64_t)(int32_t)a[2], (int32_t)type, (int)a[3]);
}

static int64_t ipc_semtimedop(struct thread *t, const uint64_t *a, bool timed)
{
	struct timespec time;

	timed = timed && a[5];
	if (timed && !layout_read(t, L_timespec, (uint32_t)a[5], &time))
		return -EFAULT;
	return HOST(t, SYS_semtimedop, a[1], HPTR(guest_pointer(t, a[4], 6)), (uint32_t)a[2],
		    HPTR(timed ? &time : NULL));
}

int64_t sys_ipc(struct thread *t, const struct call *call, const uint64_t *a)
{
	unsigned int version = (unsigned int)a[0] >> 16;
	uint64_t arg;

	switch (a[0] & 0xffff) {
	case SEMOP: return ipc_semtimedop(t, a, false);
	case SEMTIMEDOP: return ipc_semtimedop(t, a, true);
	case SEMGET: return HOST(t, SYS_semget, a[1], a[2], a[3]);
	case SEMCTL:
		if (!guest_get(t, a[4], 4, &arg))
			return -EFAULT;
		return sem_control(t, (int)a[1], (int)a[2], (int)a[3], arg);
	case MSGSND: return send(t, (int)a[1], a[4], (uint64_t)(int32_t)a[2], (int)a[3]);
	case MSGRCV: return ipc_msgrcv(t, a, version == 0);
	case MSGGET: return HOST(t, SYS_msgget, a[1], a[2]);
	case MSGCTL: return msg_control(t, (int)a[1], (int)a[2], a[4]);
	case SHMAT: return ipc_shmat(t, a);
	case SHMDT: return mm_shmdt(t, a[4]);
	case SHMGET: return HOST(t, SYS_shmget, a[1], (uint32_t)a[2], a[3]);
	case SHMCTL: return shm_control(t, (int)a[1], (int)a[2], a[4]);
	default: return -ENOSYS;
	}
}
