#ifndef HW_ADC_STELLARIS_ADC_H
#define HW_ADC_STELLARIS_ADC_H

#include "hw/misc/mmio.h"

#define ADC_SEQUENCERS 4
#define ADC_FIFO       8

struct adc_sequencer {
	uint32_t mux, control; /* SSMUX, SSCTL */
	uint16_t fifo[ADC_FIFO];
	uint8_t head, count;
};

struct stellaris_adc {
	struct mmio mmio;   /* output n: interrupt of sequencer n */
	struct irq trigger; /* from the timers */
	struct adc_sequencer seq[ADC_SEQUENCERS];
	uint32_t actss, ris, im, ostat, emux, ustat, sspri, sac, tmlb;
	uint32_t noise;
};

#endif
