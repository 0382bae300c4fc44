/* Integrator core module: class "integrator-cm". */
#ifndef HW_MISC_INTEGRATOR_CM_H
#define HW_MISC_INTEGRATOR_CM_H

#include "base/bytes.h"
#include "hw/misc/mmio.h"

struct integrator_cm {
	struct mmio mmio;
	uint32_t memory_mib;	    /* property */
	struct region *flash_alias; /* of the flash at 0, until REMAP; NULL: always RAM */
	uint8_t spd[256];
	uint32_t osc, ctrl, lock, auxosc, sdram, init, flags, nvflags;
};

#endif
