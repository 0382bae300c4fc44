#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

int main(void)
{
	int id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600);
	char *p = shmat(id, NULL, 0);
	struct shmid_ds ds;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (fork() == 0) {
		strcpy(p, "from the child");
		_exit(0);
	}
	wait(NULL);
	printf("shm: %s\n", p);
	shmctl(id, IPC_STAT, &ds);
	printf("stat: %d %d %o\n", (int)ds.shm_segsz, (int)ds.shm_nattch, ds.shm_perm.mode & 0777);
	printf("detach: %d", shmdt(p));
	printf(" %d\n", shmctl(id, IPC_RMID, NULL));

	int sem = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
	unsigned short values[3] = {1, 2, 3};
	union semun arg = {.array = values};
	semctl(sem, 0, SETALL, arg);
	struct sembuf op = {1, -2, 0};
	semop(sem, &op, 1);
	memset(values, 0, sizeof(values));
	semctl(sem, 0, GETALL, arg);
	printf("sem: %d %d %d\n", values[0], values[1], values[2]);
	arg.val = 9;
	semctl(sem, 2, SETVAL, arg);
	printf("getval: %d\n", semctl(sem, 2, GETVAL));
	struct semid_ds sds;
	arg.buf = &sds;
	semctl(sem, 0, IPC_STAT, arg);
	printf("nsems: %d\n", (int)sds.sem_nsems);
	struct timespec wait_time = {0, 10000000};
	op = (struct sembuf){1, -1, 0};
	printf("semtimedop: %s\n", semtimedop(sem, &op, 1, &wait_time) < 0 ? strerrorname_np(errno) : "?");
	semctl(sem, 0, IPC_RMID);

	int q = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	struct {
		long type;
		char text[32];
	} m = {7, "message"}, got = {0};
	msgsnd(q, &m, 8, 0);
	struct msqid_ds mds;
	msgctl(q, IPC_STAT, &mds);
	printf("msg: %d", (int)mds.msg_qnum);
	printf(" %d", (int)msgrcv(q, &got, (size_t)-1, 7, 0)); /* takes no message */
	printf(" %d", (int)msgrcv(q, &got, 32, 7, 0));
	printf(" %ld %s\n", got.type, got.text);
	msgctl(q, IPC_RMID, NULL);

	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64}, back;
	mqd_t mq = mq_open("/guest-test", O_CREAT | O_RDWR, 0600, &attr);
	mq_getattr(mq, &back);
	printf("mq: %ld %ld\n", back.mq_maxmsg, back.mq_msgsize);
	mq_send(mq, "queued", 7, 3);
	char text[64];
	unsigned int prio = 0;
	printf("mq_receive: %d", (int)mq_receive(mq, text, sizeof(text), &prio));
	printf(" %s %u\n", text, prio);
	mq_unlink("/guest-test");
	return 0;
}
