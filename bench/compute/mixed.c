/* A load like an embedded program's: lists, small matrices, a state machine and a CRC over all. */
#include "bench.h"

struct item {
	struct item *next;
	int16_t key, value;
};

static uint16_t crc16(uint16_t crc, uint16_t data)
{
	for (int bit = 0; bit < 16; bit++) {
		uint16_t low = (crc ^ data) & 1;
		crc = (uint16_t)(crc >> 1 ^ (low ? 0xa001 : 0));
		data >>= 1;
	}
	return crc;
}

static struct item *merge(struct item *a, struct item *b, int by_key)
{
	struct item head, *tail = &head;

	while (a && b) {
		struct item **least = (by_key ? a->key <= b->key : a->value <= b->value) ? &a : &b;
		tail->next = *least;
		tail = *least;
		*least = (*least)->next;
	}
	tail->next = a ? a : b;
	return head.next;
}

static struct item *sort_list(struct item *list, size_t count, int by_key)
{
	struct item *middle = list, *second;

	if (count < 2)
		return list;
	for (size_t i = 1; i < count / 2; i++)
		middle = middle->next;
	second = middle->next;
	middle->next = NULL;
	return merge(sort_list(list, count / 2, by_key),
		     sort_list(second, count - count / 2, by_key), by_key);
}

static uint16_t lists(uint16_t crc, uint32_t *state)
{
	enum { N = 200 };
	struct item items[N], *list = items;

	for (int i = 0; i < N; i++) {
		uint32_t r = next_random(state);
		items[i] = (struct item){i + 1 < N ? &items[i + 1] : NULL, (int16_t)r,
					 (int16_t)(r >> 16)};
	}
	list = sort_list(list, N, 1);
	for (const struct item *at = list; at; at = at->next)
		crc = crc16(crc, (uint16_t)at->value);
	list = sort_list(list, N, 0);
	return crc16(crc, (uint16_t)list->key);
}

static uint16_t matrices(uint16_t crc, uint32_t *state)
{
	enum { N = 12 };
	int16_t a[N][N], b[N][N];

	for (int i = 0; i < N * N; i++) {
		a[i / N][i % N] = (int16_t)(next_random(state) & 0xff);
		b[i / N][i % N] = (int16_t)(next_random(state) & 0xff);
	}
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			int32_t sum = 0;
			for (int k = 0; k < N; k++)
				sum += a[i][k] * b[k][j];
			crc = crc16(crc, (uint16_t)(sum >> 4));
		}
	}
	return crc;
}

static uint16_t states(uint16_t crc, uint32_t *state)
{
	enum { START, DIGITS, POINT, EXPONENT, OTHER, STATES } now = START;
	uint16_t visits[STATES] = {0};

	for (int i = 0; i < 400; i++) {
		uint32_t c = next_random(state) % 16;
		switch (now) {
		case START: now = c < 10 ? DIGITS : OTHER; break;
		case DIGITS:
			now = c < 12 ? DIGITS : c < 14 ? POINT : c == 14 ? EXPONENT : START;
			break;
		case POINT: now = c < 10 ? POINT : c < 13 ? EXPONENT : START; break;
		case EXPONENT: now = c < 8 ? EXPONENT : START; break;
		default: now = c == 15 ? START : OTHER; break;
		}
		visits[now]++;
	}
	for (int i = 0; i < STATES; i++)
		crc = crc16(crc, visits[i]);
	return crc;
}

uint64_t bench_mixed(void)
{
	uint32_t state = 3415;
	uint16_t crc = 0;

	for (int pass = 0; pass < 2500; pass++) {
		crc = lists(crc, &state);
		crc = matrices(crc, &state);
		crc = states(crc, &state);
	}
	return crc;
}
