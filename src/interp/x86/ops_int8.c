/* Integer ops on 8-bit operands. */
#define BITS 8
#define LOG2 0
#include "interp/x86/ops_int.tmpl.h"
