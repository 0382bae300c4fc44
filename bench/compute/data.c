/* Memory: walks, linked nodes and sorting. */
#include "bench.h"
#include <stdlib.h>

/* Copies and strided reads over 4 MiB. */
uint64_t bench_memory(void)
{
	enum { N = 1 << 20 };
	static uint32_t from[N], to[N];
	uint32_t state = 12345;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < N; i++)
		from[i] = next_random(&state);
	for (uint32_t pass = 0; pass < 60; pass++) {
		for (uint32_t i = 0; i < N; i++)
			to[i] = from[i] + pass;
		for (uint32_t i = 0; i < N; i += 3)
			sum += to[(i * 17) & (N - 1)];
	}
	return sum;
}

/* A chain through 128 K nodes in random order, then searches in a binary tree of them. */
struct node {
	struct node *next, *left, *right;
	uint32_t key;
};

static void insert(struct node **at, struct node *node)
{
	while (*at)
		at = node->key < (*at)->key ? &(*at)->left : &(*at)->right;
	*at = node;
}

uint64_t bench_pointers(void)
{
	enum { N = 1 << 17 };
	struct node *nodes = calloc(N, sizeof(*nodes)), *root = NULL, *at;
	uint32_t *order = malloc(N * sizeof(*order)), state = 99;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < N; i++)
		order[i] = i;
	for (uint32_t i = N - 1; i > 0; i--) {
		uint32_t other = next_random(&state) % (i + 1), swap = order[i];
		order[i] = order[other];
		order[other] = swap;
	}
	for (uint32_t i = 0; i < N; i++) {
		nodes[order[i]].next = &nodes[order[(i + 1) % N]];
		nodes[order[i]].key = next_random(&state);
		insert(&root, &nodes[order[i]]);
	}
	at = nodes;
	for (uint32_t i = 0; i < 8 * N; i++) {
		sum += at->key;
		at = at->next;
	}
	for (uint32_t i = 0; i < N; i++) {
		uint32_t key = i & 1 ? at->key : next_random(&state);
		const struct node *n = root;
		while (n && n->key != key) {
			n = key < n->key ? n->left : n->right;
			sum++;
		}
		at = at->next;
	}
	free(nodes);
	free(order);
	return sum;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void heap_sort(uint32_t *v, size_t count)
{
	for (size_t start = count / 2, end = count; end > 1;) {
		if (start > 0) {
			start--;
		} else {
			uint32_t top = v[0];
			v[0] = v[--end];
			v[end] = top;
		}
		size_t at = start, child;
		uint32_t value = v[at];
		while ((child = 2 * at + 1) < end) {
			if (child + 1 < end && v[child + 1] > v[child])
				child++;
			if (v[child] <= value)
				break;
			v[at] = v[child];
			at = child;
		}
		v[at] = value;
	}
}

/* The library's sort, which calls back, and a heap sort. */
uint64_t bench_sort(void)
{
	enum { N = 200000 };
	static uint32_t v[N];
	uint32_t state = 2026;
	uint64_t sum = 0;

	for (int pass = 0; pass < 4; pass++) {
		for (uint32_t i = 0; i < N; i++)
			v[i] = next_random(&state);
		if (pass & 1)
			heap_sort(v, N);
		else
			qsort(v, N, sizeof(v[0]), by_value);
		for (uint32_t i = 0; i < N; i += 1000)
			sum = sum * 31 + v[i];
	}
	return sum;
}
