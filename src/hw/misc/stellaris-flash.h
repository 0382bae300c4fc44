#ifndef HW_MISC_STELLARIS_FLASH_H
#define HW_MISC_STELLARIS_FLASH_H

#include "hw/misc/mmio.h"

struct stellaris_flash {
	struct mmio mmio;      /* output 0: the interrupt */
	struct region *memory; /* what is programmed: REGION_ROM, at address 0 */
	uint32_t fma, fmd, fcris, fcim;
};

#endif
