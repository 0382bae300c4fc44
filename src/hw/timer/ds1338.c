/* DS1338 I2C real time clock with 56 bytes of RAM. Source: Maxim DS1338 data sheet, 19-5217. */
#include "hw/i2c/i2c.h"

#include "vm/clock.h"

#include <time.h>

enum { SECONDS, MINUTES, HOURS, DAY, DATE, MONTH, YEAR, CONTROL, RAM, REGISTERS = 64 };

#define HOURS_12 0x40
#define HOURS_PM 0x20

struct ds1338 {
	struct i2c_device i2c;
	int64_t offset;		 /* seconds from the guest's calendar */
	uint8_t day_offset;	 /* of DAY from the weekday, Sunday 1 */
	uint8_t regs[REGISTERS]; /* the time as it was at the start of the transfer */
	uint8_t pointer;
	uint8_t written; /* registers of the time that this transfer has set */
	bool addressed;	 /* the next byte is data, not the pointer */
};

static uint8_t to_bcd(int v)
{
	return (uint8_t)(v / 10 << 4 | v % 10);
}

static int from_bcd(uint8_t v)
{
	return (v >> 4) * 10 + (v & 15);
}

static time_t now(const struct ds1338 *d)
{
	return (time_t)(clock_rtc_now() / NS_PER_S + d->offset);
}

static uint8_t hours_encode(int hour, bool twelve)
{
	if (!twelve)
		return to_bcd(hour);
	return (uint8_t)(HOURS_12 | (hour >= 12 ? HOURS_PM : 0) | to_bcd((hour + 11) % 12 + 1));
}

static int hours_decode(uint8_t v)
{
	if (!(v & HOURS_12))
		return from_bcd(v & 0x3f);
	return from_bcd(v & 0x1f) % 12 + (v & HOURS_PM ? 12 : 0);
}

static void latch(struct ds1338 *d)
{
	time_t t = now(d);
	struct tm tm;

	gmtime_r(&t, &tm);
	d->regs[SECONDS] = to_bcd(tm.tm_sec);
	d->regs[MINUTES] = to_bcd(tm.tm_min);
	d->regs[HOURS] = hours_encode(tm.tm_hour, d->regs[HOURS] & HOURS_12);
	d->regs[DAY] = (uint8_t)((tm.tm_wday + d->day_offset) % 7 + 1);
	d->regs[DATE] = to_bcd(tm.tm_mday);
	d->regs[MONTH] = to_bcd(tm.tm_mon + 1);
	d->regs[YEAR] = to_bcd((tm.tm_year + 1900) % 100);
}

/* DAY counts by itself: it does not follow from the date. */
static void set_day(struct ds1338 *d)
{
	time_t t = now(d);
	struct tm tm;

	gmtime_r(&t, &tm);
	d->day_offset = (uint8_t)(((d->regs[DAY] & 7) + 6 - tm.tm_wday + 7) % 7);
}

/* The registers have become the time; years are 2000 to 2099. */
static void set_time(struct ds1338 *d)
{
	struct tm tm = {
		.tm_sec = from_bcd(d->regs[SECONDS] & 0x7f),
		.tm_min = from_bcd(d->regs[MINUTES] & 0x7f),
		.tm_hour = hours_decode(d->regs[HOURS]),
		.tm_mday = from_bcd(d->regs[DATE] & 0x3f),
		.tm_mon = from_bcd(d->regs[MONTH] & 0x1f) - 1,
		.tm_year = from_bcd(d->regs[YEAR]) + 100,
	};

	d->offset += (int64_t)timegm(&tm) - (int64_t)now(d);
	set_day(d);
}

/* The registers that a transfer has written count together: alone, the 31st might not exist yet. */
static void commit(struct ds1338 *d)
{
	if (d->written & ~(1u << DAY))
		set_time(d);
	else if (d->written)
		set_day(d);
	d->written = 0;
}

static void write_register(struct ds1338 *d, uint8_t value)
{
	uint8_t n = d->pointer;

	d->regs[n] = n == CONTROL ? value & 0xb3 : value;
	if (n < CONTROL)
		d->written |= (uint8_t)(1u << n);
}

static struct ds1338 *ds1338(struct i2c_device *i2c)
{
	return (struct ds1338 *)i2c;
}

static bool on_start(struct i2c_device *i2c, bool read)
{
	ds1338(i2c)->addressed = false;
	commit(ds1338(i2c));
	latch(ds1338(i2c));
	return true;
}

static void advance(struct ds1338 *d)
{
	d->pointer = (d->pointer + 1) % REGISTERS;
}

static bool on_write(struct i2c_device *i2c, uint8_t byte)
{
	struct ds1338 *d = ds1338(i2c);

	if (!d->addressed) {
		d->addressed = true;
		d->pointer = byte % REGISTERS;
		return true;
	}
	write_register(d, byte);
	advance(d);
	return true;
}

static uint8_t on_read(struct i2c_device *i2c)
{
	struct ds1338 *d = ds1338(i2c);
	uint8_t value = d->regs[d->pointer];

	advance(d);
	return value;
}

static void on_stop(struct i2c_device *i2c)
{
	commit(ds1338(i2c));
}

static const struct i2c_ops ops = {
	.start = on_start, .write = on_write, .read = on_read, .stop = on_stop};

static struct error *ds1338_init(struct device *dev)
{
	return NULL;
}

/* It has a battery: only the bus forgets. */
static void ds1338_reset(struct device *dev)
{
	struct ds1338 *d = (struct ds1338 *)dev;

	d->pointer = d->written = 0;
	d->addressed = false;
}

static struct error *ds1338_post_load(struct device *dev)
{
	const struct ds1338 *d = (struct ds1338 *)dev;

	/* a few centuries either way are more than its registers can say */
	if (d->pointer >= REGISTERS || d->day_offset > 6 || d->written > 0x7f ||
	    d->offset > INT64_C(20000000000) || d->offset < -INT64_C(20000000000))
		return error_new("ds1338: impossible state");
	return NULL;
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_INT(struct ds1338, offset),
	F_U8(struct ds1338, day_offset),
	F_BYTES(struct ds1338, regs),
	F_U8(struct ds1338, pointer),
	F_U8(struct ds1338, written),
	F_BOOL(struct ds1338, addressed),
	FIELD_END,
};

DEVICE_CLASS(ds1338, .name = "ds1338", .help = "I2C real time clock", .bus = "I2C",
	     .size = sizeof(struct ds1338), .props = props, .state = state, .init = ds1338_init,
	     .reset = ds1338_reset, .post_load = ds1338_post_load, .bus_info = &ops,
	     .bus_props = i2c_props);
