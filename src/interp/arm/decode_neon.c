/* Advanced SIMD. */
#include "interp/arm/decode.h"

bool arm_decode_neon_data(struct arm_insn *i, u32 word)
{
	return false;
}

bool arm_decode_neon_ls(struct arm_insn *i, u32 word)
{
	return false;
}

bool arm_decode_iwmmxt(struct arm_insn *i)
{
	return false;
}
