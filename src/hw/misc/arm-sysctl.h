/* System registers of the Versatile and RealView boards: class "arm-sysctl". */
#ifndef HW_MISC_ARM_SYSCTL_H
#define HW_MISC_ARM_SYSCTL_H

#include "hw/misc/mmio.h"

enum { ARM_SYSCTL_CLCD_MUX }; /* output: SYS_CLCD[1:0], the LCD's colour format */

struct arm_sysctl {
	struct mmio mmio;
	struct irq card_detect, write_protect;	     /* inputs from the first card slot */
	uint32_t sys_id, proc_id, panel, reset_bits; /* properties */
	uint32_t led, lock, flags, nvflags, resetctl, mci, flash, clcd, clcdser, iosel, pldinit;
	uint32_t osc[5], oscreset[5], cfgdata[2], dmapsr[3];
};

#endif
