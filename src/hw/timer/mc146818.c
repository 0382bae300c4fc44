/*
 * MC146818A real-time clock and RAM, Motorola ADI1039; 128 bytes as in the PC's successors of it.
 *
 * Time of day is the guest's wall clock (clock_rtc_now) and is computed when it is read. While SET
 * or a stopped divider holds the clock, the registers hold what the guest wrote; releasing it sets
 * the wall clock.
 */
#include "hw/timer/mc146818.h"

#include "base/log.h"

#include <glib.h>
#include <time.h>

enum {
	SECONDS = 0,
	SECONDS_ALARM = 1,
	MINUTES = 2,
	MINUTES_ALARM = 3,
	HOURS = 4,
	HOURS_ALARM = 5,
	DAY_OF_WEEK = 6,
	DAY_OF_MONTH = 7,
	MONTH = 8,
	YEAR = 9,
	REGISTER_A = 10,
	REGISTER_B = 11,
	REGISTER_C = 12,
	REGISTER_D = 13,
	CENTURY = 0x32,	    /* IBM PC convention */
	CENTURY_PS2 = 0x37, /* the PS/2's place for it */
};

#define A_UIP 0x80
#define A_DV  0x70
#define A_RS  0x0f

#define B_SET 0x80
#define B_PIE 0x40
#define B_AIE 0x20
#define B_UIE 0x10
#define B_DM  0x04 /* 1: binary */
#define B_24H 0x02

#define C_IRQF 0x80
#define C_PF   0x40
#define C_AF   0x20
#define C_UF   0x10

#define D_VRT 0x80

#define ALARM_ANY 0xc0

#define RTC_HZ 32768

/* UIP rises this long before the update (t_BUC). */
#define UIP_NS (244 * NS_PER_US)

#define CATCH_UP_NS NS_PER_S
#define LOST_MAX    1024

static bool running(const struct mc146818 *s)
{
	return !(s->cmos[REGISTER_B] & B_SET) && (s->cmos[REGISTER_A] & A_DV) <= 0x20;
}

/* --- representation --- */

static uint8_t encode(const struct mc146818 *s, int value)
{
	if (s->cmos[REGISTER_B] & B_DM)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static int decode(const struct mc146818 *s, uint8_t value)
{
	if (s->cmos[REGISTER_B] & B_DM)
		return value;
	return (value >> 4) * 10 + (value & 15);
}

static uint8_t encode_hour(const struct mc146818 *s, int hour)
{
	if (s->cmos[REGISTER_B] & B_24H)
		return encode(s, hour);
	return encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

static int decode_hour(const struct mc146818 *s, uint8_t value)
{
	if (s->cmos[REGISTER_B] & B_24H)
		return decode(s, value);
	return decode(s, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

static void time_to_registers(struct mc146818 *s)
{
	time_t t = (time_t)(clock_rtc_now() / NS_PER_S);
	uint8_t *c = s->cmos;
	struct tm tm;

	gmtime_r(&t, &tm);
	c[SECONDS] = encode(s, tm.tm_sec);
	c[MINUTES] = encode(s, tm.tm_min);
	c[HOURS] = encode_hour(s, tm.tm_hour);
	c[DAY_OF_WEEK] = encode(s, tm.tm_wday + 1);
	c[DAY_OF_MONTH] = encode(s, tm.tm_mday);
	c[MONTH] = encode(s, tm.tm_mon + 1);
	c[YEAR] = encode(s, tm.tm_year % 100);
	/* the century is BCD whatever DM says: firmware, not the clock, defines it */
	c[CENTURY] = (uint8_t)((tm.tm_year + 1900) / 1000 << 4 | (tm.tm_year + 1900) / 100 % 10);
	c[CENTURY_PS2] = c[CENTURY];
}

static void registers_to_time(struct mc146818 *s)
{
	const uint8_t *c = s->cmos;
	int century = (c[CENTURY] >> 4) * 10 + (c[CENTURY] & 15);
	struct tm tm = {
		.tm_sec = decode(s, c[SECONDS]),
		.tm_min = decode(s, c[MINUTES]),
		.tm_hour = decode_hour(s, c[HOURS]),
		.tm_mday = decode(s, c[DAY_OF_MONTH]),
		.tm_mon = decode(s, c[MONTH]) - 1,
		.tm_year = century * 100 + decode(s, c[YEAR]) - 1900,
	};

	/* the guest may write any digits; nanoseconds reach to the year 2262 */
	clock_rtc_set(CLAMP((int64_t)timegm(&tm), 0, INT64_C(9000000000)) * NS_PER_S);
}

/* --- interrupts --- */

static void update_irq(struct mc146818 *s)
{
	uint8_t *c = s->cmos;
	bool on = c[REGISTER_B] & c[REGISTER_C] & (C_PF | C_AF | C_UF);

	if (on)
		c[REGISTER_C] |= C_IRQF;
	else
		c[REGISTER_C] &= (uint8_t)~C_IRQF;
	irq_set(s->irq, on);
}

static void flag_set(struct mc146818 *s, uint8_t flag)
{
	s->cmos[REGISTER_C] |= flag;
	update_irq(s);
}

/* Periodic rates with the 32768 Hz base: RS 1 and 2 are those of 8 and 9. */
static int64_t periodic_clocks(const struct mc146818 *s)
{
	unsigned int rs = s->cmos[REGISTER_A] & A_RS;

	if (rs == 0)
		return 0;
	return INT64_C(1) << (rs <= 2 ? rs + 6 : rs - 1);
}

/* The divider chain is in phase with virtual time 0. */
static void periodic_arm(struct mc146818 *s, int64_t from)
{
	int64_t clocks = periodic_clocks(s), now;

	if (!clocks || !(s->cmos[REGISTER_B] & B_PIE) || (s->cmos[REGISTER_A] & A_DV) > 0x20) {
		timer_cancel(&s->periodic);
		return;
	}
	now = (int64_t)mul_div_u64((uint64_t)from, RTC_HZ, NS_PER_S);
	now = (now / clocks + 1) * clocks;
	s->next_periodic = (int64_t)(((unsigned __int128)now * NS_PER_S + RTC_HZ - 1) / RTC_HZ);
	timer_set(&s->periodic, s->next_periodic);
}

static void periodic_fired(void *opaque)
{
	struct mc146818 *s = opaque;
	int64_t now = clock_now(CLOCK_VIRTUAL), at = s->next_periodic;

	if (now - at > CATCH_UP_NS)
		at = now;
	if (s->lost_ticks && (s->cmos[REGISTER_C] & C_PF) && s->lost < LOST_MAX)
		s->lost++;
	flag_set(s, C_PF);
	periodic_arm(s, at);
}

static bool alarm_part(const struct mc146818 *s, unsigned int alarm, unsigned int now)
{
	return (s->cmos[alarm] & ALARM_ANY) == ALARM_ANY || s->cmos[alarm] == s->cmos[now];
}

static bool alarm_matches(struct mc146818 *s)
{
	return alarm_part(s, SECONDS_ALARM, SECONDS) && alarm_part(s, MINUTES_ALARM, MINUTES) &&
	       alarm_part(s, HOURS_ALARM, HOURS);
}

static void second_arm(struct mc146818 *s)
{
	int64_t rest = NS_PER_S - clock_rtc_now() % NS_PER_S;

	timer_set(&s->second, clock_now(CLOCK_VIRTUAL) + rest);
}

/* The update cycle: once a second while the clock runs. */
static void second_fired(void *opaque)
{
	struct mc146818 *s = opaque;

	second_arm(s);
	if (!running(s))
		return;
	time_to_registers(s);
	if (alarm_matches(s))
		flag_set(s, C_AF);
	flag_set(s, C_UF);
}

/* --- registers --- */

static void write_b(struct mc146818 *s, uint8_t value)
{
	bool was_running = running(s);

	if (was_running)
		time_to_registers(s); /* in the old representation */
	if (value & B_SET)
		value &= (uint8_t)~B_UIE; /* SET clears UIE */
	s->cmos[REGISTER_B] = value;
	if (!was_running && running(s)) {
		registers_to_time(s);
		second_arm(s);
	}
	periodic_arm(s, clock_now(CLOCK_VIRTUAL));
	update_irq(s);
}

static void write_a(struct mc146818 *s, uint8_t value)
{
	bool was_running = running(s);

	if (was_running)
		time_to_registers(s);
	s->cmos[REGISTER_A] = value & (uint8_t)~A_UIP;
	if (!was_running && running(s)) {
		registers_to_time(s);
		second_arm(s);
	}
	periodic_arm(s, clock_now(CLOCK_VIRTUAL));
}

/* A change of the date while the clock runs takes effect at once. */
static void write_time(struct mc146818 *s, unsigned int index, uint8_t value)
{
	if (!running(s)) {
		s->cmos[index] = value;
		return;
	}
	time_to_registers(s);
	if (index == CENTURY_PS2)
		index = CENTURY;
	s->cmos[index] = value;
	registers_to_time(s);
	second_arm(s);
}

static void cmos_write(struct mc146818 *s, uint8_t value)
{
	switch (s->index) {
	case REGISTER_A: write_a(s, value); break;
	case REGISTER_B: write_b(s, value); break;
	case REGISTER_C:
	case REGISTER_D: break; /* read only */
	case SECONDS:
	case MINUTES:
	case HOURS:
	case DAY_OF_WEEK:
	case DAY_OF_MONTH:
	case MONTH:
	case YEAR:
	case CENTURY:
	case CENTURY_PS2: write_time(s, s->index, value); break;
	default: s->cmos[s->index] = value;
	}
}

static uint8_t read_a(const struct mc146818 *s)
{
	bool uip = running(s) && clock_rtc_now() % NS_PER_S >= NS_PER_S - UIP_NS;

	return s->cmos[REGISTER_A] | (uip ? A_UIP : 0);
}

static uint8_t read_c(struct mc146818 *s)
{
	uint8_t value = s->cmos[REGISTER_C];

	s->cmos[REGISTER_C] = 0;
	update_irq(s);
	if (s->lost && (s->cmos[REGISTER_B] & B_PIE)) {
		s->lost--;
		flag_set(s, C_PF);
	}
	return value;
}

static uint8_t cmos_read(struct mc146818 *s)
{
	switch (s->index) {
	case REGISTER_A: return read_a(s);
	case REGISTER_C: return read_c(s);
	case REGISTER_D: return D_VRT;
	default: break;
	}
	if (running(s))
		time_to_registers(s);
	return s->cmos[s->index];
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct mc146818 *s = opaque;

	/* the index register is write only on the PC */
	return offset & 1 ? cmos_read(s) : 0xff;
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct mc146818 *s = opaque;

	/* bit 7 of the index is the PC's NMI mask, which has nothing to mask here */
	if (offset & 1)
		cmos_write(s, (uint8_t)value);
	else
		s->index = value & 0x7f;
}

static const struct region_ops port_ops = {.read = ports_read, .write = ports_write, .max_size = 1};

void mc146818_set(struct mc146818 *s, unsigned int index, uint8_t value)
{
	s->cmos[index & 0x7f] = value;
}

uint8_t mc146818_get(const struct mc146818 *s, unsigned int index)
{
	return s->cmos[index & 0x7f];
}

/* --- device --- */

static struct error *mc146818_init(struct device *dev)
{
	struct mc146818 *s = (struct mc146818 *)dev;

	if (s->irq_number > 15)
		return error_new("mc146818: irq %u: lines are 0 to 15", s->irq_number);
	if (!s->irq)
		s->irq = isa_irq(dev, s->irq_number);
	timer_init(&s->periodic, CLOCK_VIRTUAL, periodic_fired, s);
	timer_init(&s->second, CLOCK_VIRTUAL, second_fired, s);
	region_init_io(&s->ports, "rtc", 2, &port_ops, s);
	isa_map_io(dev, s->iobase, &s->ports);
	/* the battery keeps these over a reset */
	s->cmos[REGISTER_A] = 0x26;
	s->cmos[REGISTER_B] = B_24H;
	s->cmos[REGISTER_D] = D_VRT;
	return NULL;
}

/* RESET# clears the interrupt enables and flags and nothing else. */
static void mc146818_reset(struct device *dev)
{
	struct mc146818 *s = (struct mc146818 *)dev;

	s->cmos[REGISTER_B] &= (uint8_t)~(B_PIE | B_AIE | B_UIE);
	s->cmos[REGISTER_C] = 0;
	s->lost = 0;
	timer_cancel(&s->periodic);
	second_arm(s);
}

static void mc146818_settle(struct device *dev)
{
	update_irq((struct mc146818 *)dev);
}

static struct error *mc146818_post_load(struct device *dev)
{
	struct mc146818 *s = (struct mc146818 *)dev;

	s->index &= 0x7f;
	if (s->next_periodic < 0 || s->lost > LOST_MAX)
		return error_new("mc146818: impossible state");
	return NULL;
}

static const struct prop mc146818_props[] = {
	PROP_U16("iobase", struct mc146818, iobase, 0x70, "first port"),
	PROP_U8("irq", struct mc146818, irq_number, 8, "interrupt line"),
	PROP_BOOL("lost-ticks", struct mc146818, lost_ticks, 0, "deliver missed interrupts later"),
	PROP_PTR("line", struct mc146818, irq),
	PROP_END,
};

static const struct field mc146818_state[] = {
	F_U8(struct mc146818, index),
	F_BYTES(struct mc146818, cmos),
	F_U32(struct mc146818, lost),
	F_U64(struct mc146818, next_periodic),
	F_TIMER(struct mc146818, periodic),
	F_TIMER(struct mc146818, second),
	FIELD_END,
};

DEVICE_CLASS(mc146818, .name = "mc146818rtc", .help = "MC146818A real-time clock", .bus = "ISA",
	     .size = sizeof(struct mc146818), .props = mc146818_props, .state = mc146818_state,
	     .init = mc146818_init, .reset = mc146818_reset, .settle = mc146818_settle,
	     .post_load = mc146818_post_load, .hidden = true);
