/*
 * Packed decimal, for FBLD and FBSTP (Intel SDM volume 1, 4.7).
 */
#include <string.h>
#include "interp/softfloat/fpnum.h"

#define BCD_DIGITS 18
#define BCD_LIMIT  1000000000000000000 /* 10^18 */

void f80_to_bcd(struct f80 a, uint8_t bcd[10], struct fp_status *st)
{
	static const uint8_t indefinite[10] = {[7] = 0xc0, 0xff, 0xff};
	struct fp_status t = *st;
	int64_t v = f80_to_i64(a, st->round, &t);
	uint64_t digits = v < 0 ? -(uint64_t)v : (uint64_t)v;

	/* The integer indefinite, 2^63, is beyond the limit, too. */
	if (digits >= BCD_LIMIT) {
		st->flags |= FP_INVALID;
		st->rounded_up = false;
		memcpy(bcd, indefinite, sizeof(indefinite));
		return;
	}
	st->flags = t.flags;
	st->rounded_up = t.rounded_up;
	for (int i = 0; i < BCD_DIGITS / 2; i++) {
		bcd[i] = (uint8_t)(digits % 10 | digits / 10 % 10 << 4);
		digits /= 100;
	}
	/* The sign survives even if nothing else does: -0.3 becomes -0. */
	bcd[9] = a.se >> 15 ? 0x80 : 0;
}

struct f80 f80_from_bcd(const uint8_t bcd[10])
{
	struct fp_status st = {.rules = &fp_rules_x87};
	uint64_t v = 0;

	for (int i = BCD_DIGITS / 2 - 1; i >= 0; i--)
		v = v * 100 + (bcd[i] >> 4) * 10u + (bcd[i] & 15);
	return fp_result(f80, fp_from_u64(bcd[9] >> 7, v), &st);
}
