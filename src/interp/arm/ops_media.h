/* Handlers of ops_media.c. a, b, x: the registers d, n, m. */
#ifndef INTERP_ARM_OPS_MEDIA_H
#define INTERP_ARM_OPS_MEDIA_H

#include "interp/arm/ops.h"

handler_fn arm_op_uadd8, arm_op_usub8, arm_op_sel;

#endif
