/* Integer ops on 64-bit operands. */
#define BITS 64
#define LOG2 3
#include "interp/x86/ops_int.tmpl.h"
