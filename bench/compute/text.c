/* Strings by the C library, and words counted by hand. */
#include "bench.h"
#include <string.h>

uint64_t bench_strings(void)
{
	static char text[1 << 16], copy[1 << 16];
	uint32_t state = 77;
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + next_random(&state) % 26);
	for (uint32_t pass = 0; pass < 6000; pass++) {
		memcpy(copy, text, sizeof(text));
		copy[pass] = 'Z';
		sum += strlen(copy) + (size_t)(strchr(copy, 'Z') - copy);
		sum += (uint64_t)(memcmp(copy, text, sizeof(text)) != 0);
		sum += strstr(copy + pass, "Zabcq") == NULL;
	}
	return sum;
}

/* Words of a text, counted in a hash table with linear probing. */
uint64_t bench_words(void)
{
	enum { SLOTS = 1 << 12, LONGEST = 8 };
	static char text[1 << 17];
	static struct {
		char word[LONGEST];
		uint32_t count;
	} table[SLOTS];
	uint32_t state = 5;
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(text); i++) {
		uint32_t r = next_random(&state);
		text[i] = r % 4 == 0 ? ' ' : (char)('a' + (r >> 8) % 6);
	}
	for (int pass = 0; pass < 40; pass++) {
		memset(table, 0, sizeof(table));
		for (size_t at = 0; at < sizeof(text);) {
			char word[LONGEST] = "";
			uint32_t hash = 5381;
			size_t length = 0;
			for (; at < sizeof(text) && text[at] != ' '; at++) {
				if (length == 5)
					continue;
				word[length++] = text[at];
				hash = hash * 33 + (uint32_t)text[at];
			}
			at++;
			uint32_t slot = hash % SLOTS, tries = 0;
			while (table[slot].count && strcmp(table[slot].word, word) != 0 &&
			       tries++ < 64)
				slot = (slot + 1) % SLOTS;
			if (!table[slot].count)
				memcpy(table[slot].word, word, LONGEST);
			table[slot].count++;
		}
		for (uint32_t slot = 0; slot < SLOTS; slot++)
			sum = sum * 3 + table[slot].count;
	}
	return sum;
}
