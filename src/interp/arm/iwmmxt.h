/* iWMMXt, for its decoder. */
#ifndef INTERP_ARM_IWMMXT_H
#define INTERP_ARM_IWMMXT_H

#include "interp/arm/ops.h"

/* Data processing between wR registers; imm: the instruction, a form that arm_wmmx_known() knows.
 */
arm_helper arm_h_wmmx;
bool arm_wmmx_known(u32 word);
/* Moves between core and wR or control registers, TMIA, flags; the same. */
arm_helper arm_h_wmmx_core;
bool arm_wmmx_core_known(u32 word);
/* Loads and stores: address b + disp, with s the base a gets the offset; imm: the instruction. */
arm_helper arm_h_wmmx_memory;

#endif
