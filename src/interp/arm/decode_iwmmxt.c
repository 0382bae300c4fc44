/* iWMMXt. Source: Intel Wireless MMX Technology Developer Guide, 251793, chapter 4 and appendix A.
 */
#include "interp/arm/decode.h"
#include "interp/arm/iwmmxt.h"

static bool memory(struct arm_insn *i)
{
	u32 w = i->word;
	s32 offset = (s32)((w & 0xff) << (BIT(w, 8) ? 2 : 0));
	bool pre = BIT(w, 24), wback = BIT(w, 21);
	u8 base = arm_src(i, FIELD(w, 16, 4), REG_TMP2);

	if (!BIT(w, 23))
		offset = -offset;
	struct op *op = arm_emit_call(i, arm_h_wmmx_memory);
	op->b = base;
	op->disp = pre ? offset : 0;
	op->a = REG(FIELD(w, 16, 4));
	op->s = wback;
	i->wrote_flags = false;
	return true;
}

bool arm_decode_iwmmxt(struct arm_insn *i)
{
	u32 w = i->word;

	if (FIELD(w, 25, 3) == 6 && (w & 0x0fe00ff0) != 0x0c400000)
		return memory(i);
	if (arm_wmmx_core_known(w)) {
		arm_emit_call(i, arm_h_wmmx_core);
		return true;
	}
	if (arm_wmmx_known(w)) {
		arm_emit_pure(i, arm_h_wmmx);
		return true;
	}
	return false;
}
