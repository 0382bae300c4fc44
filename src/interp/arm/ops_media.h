/* Handlers of ops_media.c. a, b, x: the registers d, n, m. */
#ifndef INTERP_ARM_OPS_MEDIA_H
#define INTERP_ARM_OPS_MEDIA_H

#include "interp/arm/ops.h"

handler_fn arm_op_sel, arm_op_rbit;
handler_fn arm_op_pkhbt, arm_op_pkhtb; /* s: amount */
handler_fn arm_op_umaal;	       /* a, s: low and high half */
/* By kind and operation as encoded; NULL: there is none. */
extern handler_fn *const arm_parallel[8][8];

#endif
