#ifndef HW_DISPLAY_SSD0323_H
#define HW_DISPLAY_SSD0323_H

#include "hw/ssi/ssi.h"
#include "vm/device.h"
#include "vm/irq.h"

struct display;

#define SSD0323_COLUMNS 64 /* of two dots */
#define SSD0323_ROWS	80

struct ssd0323 {
	struct device dev;
	struct ssi_device ssi;
	struct irq dc; /* D/C#: high for picture data */
	struct display *display;
	uint8_t command, operands_left, operand_count;
	uint8_t operands[8];
	uint8_t column, row, column_start, column_end, row_start, row_end;
	uint8_t remap, start_line, offset, mode;
	bool on, is_data;
	uint8_t ram[SSD0323_ROWS * SSD0323_COLUMNS];
};

#endif
