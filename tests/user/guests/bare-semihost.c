/* Angel's semihosting calls: text, command line, heap, exit status. */
static int angel(int op, const void *arg)
{
	register int r0 asm("r0") = op;
	register const void *r1 asm("r1") = arg;

#ifdef __thumb__
	asm volatile("svc 0xab" : "+r"(r0) : "r"(r1) : "memory", "lr");
#else
	asm volatile("svc 0x123456" : "+r"(r0) : "r"(r1) : "memory", "lr");
#endif
	return r0;
}

void start(void)
{
	char line[128];
	const void *command[2] = {line, (void *)sizeof(line)};
	unsigned int heap[4], *at = heap;
	const char *last = line;
	unsigned int status[2] = {0x20026, 5};

	angel(4, "angel ");
	if (angel(0x15, command))
		angel(4, "no command line ");
	for (const char *c = line; *c; c++)
		if (*c == ' ')
			last = c + 1;
	angel(4, last);
	angel(4, "\n");
	angel(0x16, &at);
	*(volatile unsigned int *)heap[0] = 42; /* the heap is memory */
	if (*(volatile unsigned int *)heap[0] == 42 && heap[1] > heap[0])
		angel(4, "heap\n");
	angel(0x20, status);
	angel(0x18, (void *)0x20026);
	for (;;)
		;
}

asm(".globl _start\n_start:\n\tb start\n");
