/* Big-endian, without a library: prints, and exits with 7 if numbers in memory have the order that
 * they should. */
static int call(int nr, int a, const void *b, int c)
{
	register int r7 asm("r7") = nr;
	register int r0 asm("r0") = a;
	register const void *r1 asm("r1") = b;
	register int r2 asm("r2") = c;

	asm volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
	return r0;
}

void _start(void)
{
	volatile unsigned int word = 0x11223344;
	const unsigned char *bytes = (const unsigned char *)&word;
	struct {
		int sec, nsec;
	} now = {0};

	call(4, 1, "big endian\n", 11);
	/* A clock that has the right order counts years, not ages. */
	if (call(263, 1, &now, 0) || now.nsec >= 1000000000 || now.sec < 0)
		call(1, 9, 0, 0);
	call(1, bytes[0] == 0x11 ? 7 : 8, 0, 0);
	for (;;)
		;
}
