/* Loads and stores: little-endian, any alignment. */
#define VARIANT le
#include "interp/arm/ops_mem.tmpl.h"
