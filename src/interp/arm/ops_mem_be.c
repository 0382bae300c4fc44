/* Loads and stores: big-endian. */
#define VARIANT be
#include "interp/arm/ops_mem.tmpl.h"
