#include "hw/timer/arm-timer.h"

#include "base/log.h"

enum {
	TimerLoad = 0x00,
	TimerValue = 0x04,
	TimerControl = 0x08,
	TimerIntClr = 0x0c,
	TimerRIS = 0x10,
	TimerMIS = 0x14,
	TimerBGLoad = 0x18,
};

#define CONTROL_ONE_SHOT 0x01
#define CONTROL_32BIT	 0x02
#define CONTROL_PRE	 0x0c
#define CONTROL_INT	 0x20
#define CONTROL_PERIODIC 0x40
#define CONTROL_ENABLE	 0x80

static uint32_t mask(const struct arm_timer *t)
{
	return t->control & CONTROL_32BIT ? UINT32_MAX : 0xffff;
}

static void expired(void *opaque, uint64_t times)
{
	struct arm_timer *t = opaque;

	t->interrupt = true;
	t->changed(t->opaque);
}

void arm_timer_init(struct arm_timer *t, uint32_t hz, void (*changed)(void *opaque), void *opaque)
{
	*t = (struct arm_timer){.changed = changed, .opaque = opaque, .hz = hz};
	down_counter_init(&t->counter, 0, expired, t);
}

/* What follows 0: the load value, or all ones in free-running mode. */
static uint64_t reload(const struct arm_timer *t)
{
	return t->control & CONTROL_PERIODIC ? t->load & mask(t) : (uint64_t)mask(t) + 1;
}

/* The counter follows the control register. */
static void apply(struct arm_timer *t)
{
	static const uint8_t shifts[4] = {0, 4, 8, 8};

	down_counter_set_hz(&t->counter, t->hz >> shifts[(t->control & CONTROL_PRE) >> 2]);
	down_counter_set_reload(&t->counter, reload(t));
	if (t->control & CONTROL_ENABLE)
		down_counter_start(&t->counter, !(t->control & CONTROL_ONE_SHOT));
	else
		down_counter_stop(&t->counter);
}

void arm_timer_reset(struct arm_timer *t)
{
	t->load = 0;
	t->control = CONTROL_INT;
	t->interrupt = false;
	down_counter_reset(&t->counter);
	down_counter_set_hz(&t->counter, t->hz);
	down_counter_set(&t->counter, mask(t));
}

bool arm_timer_irq(const struct arm_timer *t)
{
	return t->interrupt && (t->control & CONTROL_INT);
}

uint32_t arm_timer_read(struct arm_timer *t, unsigned int offset)
{
	switch (offset) {
	case TimerLoad:
	case TimerBGLoad: return t->load;
	case TimerValue: return (uint32_t)down_counter_get(&t->counter) & mask(t);
	case TimerControl: return t->control;
	case TimerRIS:
		/* an expiry that the clock has passed shows at once */
		down_counter_get(&t->counter);
		return t->interrupt;
	case TimerMIS: down_counter_get(&t->counter); return arm_timer_irq(t);
	}
	log_printf(LOG_GUEST_ERRORS, "arm-timer: read of register %02x\n", offset);
	return 0;
}

static void control_write(struct arm_timer *t, uint32_t value)
{
	t->control = value & 0xef;
	apply(t);
	t->changed(t->opaque);
}

void arm_timer_write(struct arm_timer *t, unsigned int offset, uint32_t value)
{
	switch (offset) {
	case TimerLoad:
		t->load = value;
		down_counter_set(&t->counter, value & mask(t));
		apply(t);
		break;
	case TimerBGLoad:
		t->load = value;
		down_counter_set_reload(&t->counter, reload(t));
		break;
	case TimerControl: control_write(t, value); break;
	case TimerIntClr:
		down_counter_get(&t->counter);
		t->interrupt = false;
		t->changed(t->opaque);
		break;
	default: log_printf(LOG_GUEST_ERRORS, "arm-timer: write of register %02x\n", offset);
	}
}

struct error *arm_timer_post_load(struct arm_timer *t)
{
	return down_counter_post_load(&t->counter);
}

const struct field arm_timer_state[] = {
	F_STRUCT(struct arm_timer, counter, down_counter_state),
	F_U32(struct arm_timer, load),
	F_U32(struct arm_timer, control),
	F_BOOL(struct arm_timer, interrupt),
	FIELD_END,
};
