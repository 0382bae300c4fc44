/* Control flow: recursion, an interpreter's dispatch loop, branches that are hard to guess. */
#include "bench.h"

static __attribute__((noinline)) uint32_t fibonacci(uint32_t n)
{
	return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static __attribute__((noinline)) uint32_t ackermann(uint32_t m, uint32_t n)
{
	if (m == 0)
		return n + 1;
	return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

uint64_t bench_calls(void)
{
	return (uint64_t)fibonacci(36) * 100000 + ackermann(2, 900);
}

/* A stack machine: the steps that all numbers below LIMIT take to 1 by Collatz' rule. */
enum opcode { PUSH, LOAD, STORE, ADD, SUB, MUL, DIV, MOD, LESS, JUMP, JUMP_ZERO, HALT };

struct instruction {
	uint32_t opcode, operand;
};

static uint32_t run(const struct instruction *code)
{
	uint32_t stack[16] = {0}, variables[8] = {0}, *top = stack;

	for (const struct instruction *at = code;; at++) {
		switch (at->opcode) {
		case PUSH: *++top = at->operand; break;
		case LOAD: *++top = variables[at->operand]; break;
		case STORE: variables[at->operand] = *top--; break;
		case ADD:
			top--;
			top[0] += top[1];
			break;
		case SUB:
			top--;
			top[0] -= top[1];
			break;
		case MUL:
			top--;
			top[0] *= top[1];
			break;
		case DIV:
			top--;
			top[0] /= top[1];
			break;
		case MOD:
			top--;
			top[0] %= top[1];
			break;
		case LESS:
			top--;
			top[0] = top[0] < top[1];
			break;
		case JUMP: at = code + at->operand - 1; break;
		case JUMP_ZERO:
			if (*top-- == 0)
				at = code + at->operand - 1;
			break;
		default: return *top;
		}
	}
}

uint64_t bench_bytecode(void)
{
	enum { NUMBER, X, COUNT, LIMIT = 25000 };
	enum { OUTER = 2, INNER = 8, EVEN = 23, COUNTED = 27, FOLLOWING = 32, END = 37 };
	static const struct instruction collatz[] = {
		{PUSH, 1},
		{STORE, NUMBER},
		/* OUTER: */
		{LOAD, NUMBER},
		{PUSH, LIMIT},
		{LESS, 0},
		{JUMP_ZERO, END},
		{LOAD, NUMBER},
		{STORE, X},
		/* INNER: */
		{LOAD, X},
		{PUSH, 1},
		{SUB, 0},
		{JUMP_ZERO, FOLLOWING},
		{LOAD, X},
		{PUSH, 2},
		{MOD, 0},
		{JUMP_ZERO, EVEN},
		{LOAD, X},
		{PUSH, 3},
		{MUL, 0},
		{PUSH, 1},
		{ADD, 0},
		{STORE, X},
		{JUMP, COUNTED},
		/* EVEN: */
		{LOAD, X},
		{PUSH, 2},
		{DIV, 0},
		{STORE, X},
		/* COUNTED: */
		{LOAD, COUNT},
		{PUSH, 1},
		{ADD, 0},
		{STORE, COUNT},
		{JUMP, INNER},
		/* FOLLOWING: */
		{LOAD, NUMBER},
		{PUSH, 1},
		{ADD, 0},
		{STORE, NUMBER},
		{JUMP, OUTER},
		/* END: */
		{LOAD, COUNT},
		{HALT, 0},
	};

	return run(collatz);
}

/* A scanner of numbers and names in random text: a state machine of short, unlikely branches. */
uint64_t bench_branches(void)
{
	static const char alphabet[] = "0123456789abcxyz+-.,eE  \n\n";
	static char text[1 << 16];
	uint64_t counts[6] = {0};
	uint32_t state = 31337;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = alphabet[next_random(&state) % (sizeof(alphabet) - 1)];
	for (int pass = 0; pass < 300; pass++) {
		enum { SPACE, SIGN, INTEGER, FRACTION, NAME, BROKEN } now = SPACE;
		for (size_t i = 0; i < sizeof(text); i++) {
			char c = text[i];
			if (c >= '0' && c <= '9') {
				if (now == SPACE || now == SIGN)
					now = INTEGER;
			} else if (c == '.') {
				now = now == INTEGER || now == SIGN ? FRACTION : BROKEN;
			} else if (c == '+' || c == '-') {
				now = now == SPACE ? SIGN : BROKEN;
			} else if (c >= 'a' && c <= 'z') {
				now = now == SPACE || now == NAME ? NAME : BROKEN;
			} else {
				counts[now] += i;
				now = SPACE;
			}
		}
		text[pass] = alphabet[counts[BROKEN] % 10];
	}
	for (int i = 1; i < 6; i++)
		counts[0] = counts[0] * 31 + counts[i];
	return counts[0];
}
