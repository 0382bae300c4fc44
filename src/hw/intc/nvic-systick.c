/* SysTick. Source: ARM DDI 0403E, B3.3. */
#include "hw/intc/nvic.h"

enum { SYST_CSR = 0x10, SYST_RVR = 0x14, SYST_CVR = 0x18, SYST_CALIB = 0x1c };
enum { CSR_ENABLE = 1, CSR_TICKINT = 2, CSR_CLKSOURCE = 4, CSR_COUNTFLAG = 1 << 16 };
enum { COUNTER_MASK = 0xffffff, CALIB_NOREF = 1u << 31 };

static void apply_clock(struct nvic *n)
{
	bool core = n->syst_csr & CSR_CLKSOURCE || !n->reference_hz;

	down_counter_set_hz(&n->systick, core ? n->core_hz : n->reference_hz);
}

static void core_clock_changed(void *opaque, uint32_t hz)
{
	struct nvic *n = opaque;

	n->core_hz = hz;
	apply_clock(n);
}

static void expired(void *opaque, uint64_t times)
{
	struct nvic *n = opaque;

	n->syst_csr |= CSR_COUNTFLAG;
	if (n->syst_csr & CSR_TICKINT)
		nvic_set_pending(n, ARM_M_SYSTICK, true);
}

void systick_init(struct nvic *n)
{
	down_counter_init(&n->systick, 1, expired, n);
	if (n->clock)
		clock_source_listen(n->clock, &n->listener, core_clock_changed, n);
}

void systick_reset(struct nvic *n)
{
	n->syst_csr = n->syst_rvr = 0;
	down_counter_reset(&n->systick);
	apply_clock(n);
}

/* 0 is reloaded at the next tick, without a COUNTFLAG; that tick is counted too. */
static void start_from(struct nvic *n, uint32_t value)
{
	down_counter_set(&n->systick, value ? value : n->syst_rvr + 1);
}

static uint32_t current(struct nvic *n)
{
	uint64_t value = down_counter_get(&n->systick);

	return value > n->syst_rvr ? 0 : (uint32_t)value;
}

static void write_csr(struct nvic *n, uint32_t value)
{
	uint32_t was = n->syst_csr;

	down_counter_get(&n->systick); /* what is due counts under the old settings */
	n->syst_csr = (n->syst_csr & CSR_COUNTFLAG) |
		      (value & (CSR_ENABLE | CSR_TICKINT | CSR_CLKSOURCE));
	apply_clock(n);
	if ((was ^ value) & CSR_ENABLE) {
		if (!(value & CSR_ENABLE)) {
			down_counter_stop(&n->systick);
		} else if (n->syst_rvr) {
			start_from(n, (uint32_t)down_counter_get(&n->systick));
			down_counter_start(&n->systick, true);
		}
	}
}

uint32_t systick_read(struct nvic *n, unsigned int offset)
{
	uint32_t value;

	switch (offset) {
	case SYST_CSR:
		down_counter_get(&n->systick);
		value = n->syst_csr | (n->reference_hz ? 0 : CSR_CLKSOURCE);
		n->syst_csr &= ~(uint32_t)CSR_COUNTFLAG;
		return value;
	case SYST_RVR: return n->syst_rvr;
	case SYST_CVR: return current(n);
	default: return n->reference_hz ? n->reference_hz / 100 - 1 : CALIB_NOREF;
	}
}

void systick_write(struct nvic *n, unsigned int offset, uint32_t value)
{
	switch (offset) {
	case SYST_CSR: write_csr(n, value); break;
	case SYST_RVR:
		n->syst_rvr = value & COUNTER_MASK;
		down_counter_set_reload(&n->systick, n->syst_rvr);
		/* Without a reload value it does not count; with one it starts again. */
		if (!n->syst_rvr) {
			down_counter_stop(&n->systick);
		} else if (n->syst_csr & CSR_ENABLE && !n->systick.running) {
			start_from(n, (uint32_t)down_counter_get(&n->systick));
			down_counter_start(&n->systick, true);
		}
		break;
	case SYST_CVR: /* any write clears it */
		start_from(n, 0);
		n->syst_csr &= ~(uint32_t)CSR_COUNTFLAG;
		break;
	default: break;
	}
}
