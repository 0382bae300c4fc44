#include "suite.h"

#include "vm/irq.h"
#include "vm/state.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

struct part {
	uint16_t a;
	uint8_t b[3];
};

struct gizmo {
	struct device dev;
	uint8_t u8;
	int16_t s16;
	uint32_t u32;
	uint64_t u64[3];
	bool flag, flags[2];
	uint8_t raw[5];
	struct timer timer;
	struct irq irq;
	struct part part, parts[2];
	unsigned int loads;
	bool refuse;
};

static const struct field part_fields[] = {
	F_U16(struct part, a),
	F_ARRAY(struct part, b),
	FIELD_END,
};

static const struct field fields[] = {
	F_U8(struct gizmo, u8),
	F_INT(struct gizmo, s16),
	F_U32(struct gizmo, u32),
	F_ARRAY(struct gizmo, u64),
	F_BOOL(struct gizmo, flag),
	F_BYTES(struct gizmo, raw),
	F_TIMER(struct gizmo, timer),
	F_IRQ(struct gizmo, irq),
	F_STRUCT(struct gizmo, part, part_fields),
	F_STRUCTS(struct gizmo, parts, part_fields),
	FIELD_END,
};

static void nothing(void *opaque)
{
}

static struct error *gizmo_init(struct device *dev)
{
	struct gizmo *g = (struct gizmo *)dev;
	timer_init(&g->timer, CLOCK_VIRTUAL, nothing, NULL);
	return NULL;
}

static struct error *gizmo_post_load(struct device *dev)
{
	struct gizmo *g = (struct gizmo *)dev;
	g->loads++;
	return g->refuse ? error_new("impossible") : NULL;
}

DEVICE_CLASS(gizmo, .name = "gizmo", .bus = "test", .size = sizeof(struct gizmo), .state = fields,
	     .init = gizmo_init, .post_load = gizmo_post_load);

static struct gizmo *gizmo_new(void)
{
	struct gizmo *g = (struct gizmo *)device_new_named("gizmo");
	ck_assert_ptr_null(device_realize(&g->dev));
	return g;
}

static void gizmo_fill(struct gizmo *g)
{
	g->u8 = 0x12;
	g->s16 = -2;
	g->u32 = 0x89abcdef;
	g->u64[2] = UINT64_MAX - 1;
	g->flag = true;
	memcpy(g->raw, "hello", 5);
	timer_set(&g->timer, 123456789);
	g->irq.level = -1;
	g->part = (struct part){7, {1, 2, 3}};
	g->parts[1] = (struct part){0xffff, {9, 8, 7}};
}

static struct bytes view(const GByteArray *a)
{
	return (struct bytes){a->data, a->len};
}

START_TEST(round_trip)
{
	struct gizmo *a = gizmo_new(), *b = gizmo_new();
	GByteArray *one = g_byte_array_new(), *two = g_byte_array_new();
	gizmo_fill(a);
	state_save_fields(one, fields, a);
	ck_assert_ptr_null(state_load_fields(view(one), fields, b));
	ck_assert_int_eq(b->s16, -2);
	ck_assert_int_eq(b->irq.level, -1);
	ck_assert_int_eq(b->timer.deadline, 123456789);
	ck_assert_uint_eq(b->parts[1].b[0], 9);
	ck_assert(b->flag);
	state_save_fields(two, fields, b);
	ck_assert_uint_eq(one->len, two->len);
	ck_assert_mem_eq(one->data, two->data, one->len);
	g_byte_array_unref(one);
	g_byte_array_unref(two);
	device_free(&a->dev);
	device_free(&b->dev);
}
END_TEST

START_TEST(whole_machine)
{
	struct gizmo *a = gizmo_new(), *b = gizmo_new();
	GByteArray *state = g_byte_array_new(), *again = g_byte_array_new();
	gizmo_fill(b);
	clock_set_virtual(5000);
	clock_rtc_set(NS_PER_S);
	state_save_all(state);
	b->u8 = 0;
	timer_cancel(&b->timer);
	clock_set_virtual(999999);
	ck_assert_ptr_null(state_load_all(view(state)));
	ck_assert_uint_eq(a->loads, 1);
	ck_assert_uint_eq(b->loads, 1);
	ck_assert_uint_eq(b->u8, 0x12);
	ck_assert_uint_eq(a->u8, 0);
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), 5000);
	ck_assert_int_eq(clock_rtc_now(), NS_PER_S);
	state_save_all(again);
	ck_assert_uint_eq(state->len, again->len);
	ck_assert_mem_eq(state->data, again->data, state->len);

	b->refuse = true;
	struct error *err = state_load_all(view(state));
	ck_assert_str_eq(err->message, "gizmo #1: impossible");
	error_free(err);
	device_free(&b->dev);
	err = state_load_all(view(state));
	ck_assert_ptr_nonnull(strstr(err->message, "no gizmo #1 here"));
	error_free(err);
	b = gizmo_new();
	gizmo_new();
	err = state_load_all(view(state));
	ck_assert_ptr_nonnull(strstr(err->message, "without gizmo #2"));
	error_free(err);
	g_byte_array_unref(state);
	g_byte_array_unref(again);
	while (device_first())
		device_free(device_first());
}
END_TEST

static const struct field part_swapped[] = {
	F_ARRAY(struct part, b),
	F_U16(struct part, a),
	FIELD_END,
};
static const struct field part_less[] = {F_ARRAY(struct part, b), FIELD_END};

START_TEST(versions)
{
	struct part p = {0x1234, {1, 2, 3}}, q = {0};
	GByteArray *bytes = g_byte_array_new();
	state_save_fields(bytes, part_fields, &p);
	ck_assert_ptr_null(state_load_fields(view(bytes), part_swapped, &q));
	ck_assert_uint_eq(q.a, 0x1234);
	ck_assert_mem_eq(q.b, p.b, sizeof(p.b));
	q = (struct part){0};
	ck_assert_ptr_null(state_load_fields(view(bytes), part_less, &q));
	ck_assert_uint_eq(q.a, 0);
	ck_assert_uint_eq(q.b[2], 3);
	g_byte_array_set_size(bytes, 0);
	state_save_fields(bytes, part_less, &p);
	struct error *err = state_load_fields(view(bytes), part_fields, &q);
	ck_assert_str_eq(err->message, "the state has no \"a\"");
	error_free(err);
	g_byte_array_unref(bytes);
}
END_TEST

/* Every cut and every changed byte must be refused or read, never read outside. */
START_TEST(hostile)
{
	struct gizmo *g = gizmo_new();
	GByteArray *state = g_byte_array_new();
	unsigned int refused = 0;
	gizmo_fill(g);
	state_save_all(state);
	for (unsigned int len = 0; len < state->len; len++) {
		uint8_t *copy = g_memdup2(state->data, len);
		struct error *err = state_load_all((struct bytes){copy, len});
		ck_assert_ptr_nonnull(err);
		error_free(err);
		g_free(copy);
	}
	for (unsigned int i = 0; i < state->len; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			uint8_t *copy = g_memdup2(state->data, state->len);
			copy[i] ^= (uint8_t)(1 << bit);
			struct error *err = state_load_all((struct bytes){copy, state->len});
			refused += err != NULL;
			error_free(err);
			g_free(copy);
		}
	}
	ck_assert_uint_gt(refused, state->len);
	/* Noise behind a good header. */
	GRand *rand = g_rand_new_with_seed(7);
	for (unsigned int round = 0; round < 2000; round++) {
		uint8_t noise[200];
		memcpy(noise, state->data, 40);
		for (unsigned int i = 20; i < sizeof(noise); i++)
			noise[i] = (uint8_t)(g_rand_int(rand) & g_rand_int(rand));
		error_free(state_load_all((struct bytes){noise, sizeof(noise)}));
	}
	g_rand_free(rand);
	g_byte_array_unref(state);
	device_free(&g->dev);
}
END_TEST

START_TEST(json)
{
	struct gizmo *g = gizmo_new();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	gizmo_fill(g);
	state_dump_all(out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "\"u32\": 2309737967"));
	ck_assert_ptr_nonnull(strstr(text, "\"raw\": \"68656c6c6f\""));
	ck_assert_ptr_nonnull(strstr(text, "\"flag\": true"));
	ck_assert_ptr_nonnull(strstr(text, "\"u64\": [0, 0, 18446744073709551614]"));
	free(text);
	device_free(&g->dev);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {round_trip, whole_machine, versions, hostile, json, NULL};
	return run_suite("state", tests);
}
