/* Port 61h; property "pit" is the struct i8254 whose counter 2 it gates. */
#ifndef HW_MISC_PORT61_H
#define HW_MISC_PORT61_H

#include "hw/timer/i8254.h"

struct port61 {
	struct device dev;
	struct i8254 *pit;
	uint8_t value;
	struct region port;
};

#endif
