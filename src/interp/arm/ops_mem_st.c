/* Loads and stores: little-endian, misaligned accesses are special. */
#define VARIANT st
#include "interp/arm/ops_mem.tmpl.h"
