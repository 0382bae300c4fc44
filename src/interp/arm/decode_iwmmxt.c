/* iWMMXt. */
#include "interp/arm/decode.h"

bool arm_decode_iwmmxt(struct arm_insn *i)
{
	return false;
}
