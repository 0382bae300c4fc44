/* Integer ops on 16-bit operands. */
#define BITS 16
#define LOG2 1
#include "interp/x86/ops_int.tmpl.h"
