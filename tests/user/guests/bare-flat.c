/* Without a library, for bFLT: a table of pointers (relocations), bss, arguments. Exits with the
 * number of arguments. */
static int call(int nr, int a, const void *b, int c)
{
	register int r7 asm("r7") = nr;
	register int r0 asm("r0") = a;
	register const void *r1 asm("r1") = b;
	register int r2 asm("r2") = c;

	asm volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
	return r0;
}

static const char *const words[] = {"flat ", "works\n"};
static const char *const *volatile table = words;
static int zero[1000];

static int length(const char *text)
{
	int n = 0;

	while (text[n])
		n++;
	return n;
}

void start(int *sp)
{
	char **argv = (char **)sp[1];
	int sum = 0;

	for (int i = 0; i < 2; i++)
		call(4, 1, table[i], length(table[i]));
	call(4, 1, argv[1], length(argv[1]));
	for (int i = 0; i < 1000; i++)
		sum += zero[i];
	call(1, sum ? 99 : sp[0], 0, 0);
}

asm(".globl _start\n_start:\n\tmov r0, sp\n\tb start\n");
