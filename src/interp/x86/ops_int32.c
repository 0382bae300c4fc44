/* Integer ops on 32-bit operands. */
#define BITS 32
#define LOG2 2
#include "interp/x86/ops_int.tmpl.h"
