#include "suite.h"

#include "vm/cpu.h"
#include "vm/device.h"
#include "vm/memory.h"

#include <glib.h>
#include <string.h>

/* Registers that write down what they were asked. */
struct probe {
	struct region region;
	struct {
		uint64_t offset, value;
		unsigned int size;
		bool write;
	} log[16];
	unsigned int count;
	uint8_t bytes[64];
	bool big_endian;
};

static uint64_t probe_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct probe *p = opaque;
	uint64_t value = 0;

	ck_assert_uint_lt(p->count, 16);
	p->log[p->count].offset = offset;
	p->log[p->count].size = size;
	p->log[p->count++].write = false;
	for (unsigned int i = 0; i < size; i++) {
		unsigned int shift = p->big_endian ? size - 1 - i : i;
		value |= (uint64_t)p->bytes[offset + i] << (8 * shift);
	}
	return value;
}

static void probe_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct probe *p = opaque;

	ck_assert_uint_lt(p->count, 16);
	p->log[p->count].offset = offset;
	p->log[p->count].value = value;
	p->log[p->count].size = size;
	p->log[p->count++].write = true;
	for (unsigned int i = 0; i < size; i++) {
		unsigned int shift = p->big_endian ? size - 1 - i : i;
		p->bytes[offset + i] = (uint8_t)(value >> (8 * shift));
	}
}

static struct region root;
static struct address_space as;

static void space_make(void)
{
	region_init(&root, "root", UINT64_MAX);
	address_space_init(&as, "test", &root);
}

static struct probe *probe_new(struct region_ops *ops, uint64_t addr, uint64_t size)
{
	struct probe *p = g_new0(struct probe, 1);

	ops->read = probe_read;
	ops->write = probe_write;
	p->big_endian = ops->big_endian;
	for (unsigned int i = 0; i < sizeof(p->bytes); i++)
		p->bytes[i] = (uint8_t)i;
	region_init_io(&p->region, "probe", size, ops, p);
	region_add(&root, addr, &p->region, 0);
	return p;
}

static void ram_make(struct region *r, const char *name, uint64_t size)
{
	struct error *err = region_init_ram(r, name, size);
	ck_assert_ptr_null(err);
}

static void count(void *opaque)
{
	++*(unsigned int *)opaque;
}

static const struct region *at(uint64_t addr, uint64_t offset)
{
	const struct flat_range *range = address_space_find(&as, addr);

	if (!range)
		return NULL;
	ck_assert_uint_eq(range->offset + (addr - range->start), offset);
	return range->region;
}

START_TEST(empty)
{
	space_make();
	uint32_t v;
	ck_assert_ptr_null(address_space_find(&as, 0));
	ck_assert_ptr_null(address_space_find(&as, UINT64_MAX));
	ck_assert_int_eq(mem_read(&as, 5, &v, 4), MEM_UNASSIGNED);
	ck_assert_uint_eq(v, 0xffffffff);
	ck_assert_uint_eq(mem_load_le(&as, UINT64_MAX - 1, 2), 0xffff);
	as.unassigned = 0;
	ck_assert_uint_eq(mem_load_le(&as, 0x1234, 8), 0);
}
END_TEST

START_TEST(priorities)
{
	space_make();
	struct region low, high, same;
	ram_make(&low, "low", 0x10000);
	ram_make(&high, "high", 0x1000);
	ram_make(&same, "same", 0x1000);
	region_add(&root, 0, &low, 0);
	region_add(&root, 0x2000, &high, 1);
	ck_assert_ptr_eq(at(0x1fff, 0x1fff), &low);
	ck_assert_ptr_eq(at(0x2000, 0), &high);
	ck_assert_ptr_eq(at(0x2fff, 0xfff), &high);
	ck_assert_ptr_eq(at(0x3000, 0x3000), &low);
	ck_assert_uint_eq(as.view->count, 3);
	/* Equal priority: the later added wins. */
	region_add(&root, 0xf800, &same, 0);
	ck_assert_ptr_eq(at(0xf7ff, 0xf7ff), &low);
	ck_assert_ptr_eq(at(0xf800, 0), &same);
	ck_assert_ptr_eq(at(0x107ff, 0xfff), &same);
	ck_assert_ptr_null(at(0x10800, 0));
	region_set_enabled(&high, false);
	ck_assert_ptr_eq(at(0x2800, 0x2800), &low);
	region_set_addr(&same, 0x4000);
	ck_assert_ptr_eq(at(0x4000, 0), &same);
	region_remove(&same);
	ck_assert_ptr_eq(at(0x4000, 0x4000), &low);
	ck_assert_uint_eq(as.view->count, 1);
}
END_TEST

START_TEST(containers_clip)
{
	space_make();
	struct region box, inner, below;
	region_init(&box, "box", 0x1000);
	ram_make(&inner, "inner", 0x4000);
	ram_make(&below, "below", 0x10000);
	region_add(&box, 0x800, &inner, 0);
	region_add(&root, 0x1000, &box, 5);
	region_add(&root, 0, &below, 0);
	ck_assert_ptr_eq(at(0x17ff, 0x17ff),
			 &below); /* holes of a container show what is under it */
	ck_assert_ptr_eq(at(0x1800, 0), &inner);
	ck_assert_ptr_eq(at(0x1fff, 0x7ff), &inner);
	ck_assert_ptr_eq(at(0x2000, 0x2000), &below);
}
END_TEST

START_TEST(aliases)
{
	space_make();
	struct region ram, window, again;
	ram_make(&ram, "ram", 0x100000);
	region_init_alias(&window, "window", &ram, 0xa0000, 0x20000);
	region_init_alias(&again, "again", &window, 0x1000, 0x1000);
	region_add(&root, 0xfff00000, &window, 0);
	region_add(&root, 0x5000, &again, 0);
	ck_assert_ptr_eq(at(0xfff00000, 0xa0000), &ram);
	ck_assert_ptr_eq(at(0xfff1ffff, 0xbffff), &ram);
	ck_assert_ptr_eq(at(0x5000, 0xa1000), &ram);
	ck_assert_ptr_null(address_space_find(&as, 0x6000));
	mem_store_le(&as, 0x5004, 0x12345678, 4);
	ck_assert_uint_eq(mem_load_be(&as, 0xfff01004, 4), 0x78563412);
	region_set_alias_offset(&window, 0);
	ck_assert_ptr_eq(at(0x5000, 0x1000), &ram);
	region_set_readonly(&window, true);
	mem_store_le(&as, 0x5004, 1, 4);
	ck_assert_uint_eq(mem_load_le(&as, 0x5004, 4), 0);
	ck_assert_int_eq(mem_write_rom(&as, 0x5004, "abcd", 4), MEM_OK);
	ck_assert_mem_eq(ram.ram->host + 0x1004, "abcd", 4);
}
END_TEST

START_TEST(whole_space)
{
	space_make();
	static struct region_ops ops = {.max_size = 8};
	struct probe *p = probe_new(&ops, 0, UINT64_MAX);
	ck_assert_ptr_eq(at(UINT64_MAX, UINT64_MAX), &p->region);
	ck_assert_uint_eq(as.view->count, 1);
}
END_TEST

START_TEST(batches_and_listeners)
{
	space_make();
	struct region ram;
	unsigned int calls = 0;
	ram_make(&ram, "ram", 0x1000);
	address_space_listen(&as, count, &calls);
	region_batch_begin();
	region_batch_begin();
	region_add(&root, 0, &ram, 0);
	region_set_addr(&ram, 0x3000);
	region_batch_end();
	ck_assert_uint_eq(calls, 0);
	ck_assert_ptr_null(address_space_find(&as, 0x3000));
	region_batch_end();
	ck_assert_uint_eq(calls, 1);
	ck_assert_ptr_eq(at(0x3000, 0), &ram);
	region_batch_begin(); /* nothing changes in the end: nobody is told */
	region_set_enabled(&ram, false);
	region_set_enabled(&ram, true);
	region_batch_end();
	ck_assert_uint_eq(calls, 1);
	address_space_unlisten(&as, count, &calls);
	region_destroy(&ram);
	ck_assert_uint_eq(calls, 1);
	ck_assert_ptr_null(address_space_find(&as, 0x3000));
}
END_TEST

START_TEST(splitting)
{
	space_make();
	static struct region_ops ops = {.min_size = 1, .max_size = 2};
	struct probe *p = probe_new(&ops, 0x100, 16);
	ck_assert_uint_eq(mem_load_le(&as, 0x100, 8), 0x0706050403020100);
	ck_assert_uint_eq(p->count, 4);
	ck_assert_uint_eq(p->log[3].offset, 6);
	p->count = 0;
	ck_assert_uint_eq(mem_load_le(&as, 0x101, 4), 0x04030201);
	ck_assert_uint_eq(p->count, 3); /* 1 + 2 + 1 */
	ck_assert_uint_eq(p->log[1].size, 2);
	p->count = 0;
	mem_store_le(&as, 0x102, 0xaabbccdd, 4);
	ck_assert_uint_eq(p->count, 2);
	ck_assert_uint_eq(p->log[0].value, 0xccdd);
	ck_assert_uint_eq(p->log[1].value, 0xaabb);
	ck_assert_uint_eq(mem_load_be(&as, 0x102, 4), 0xddccbbaa);
}
END_TEST

START_TEST(widening)
{
	space_make();
	static struct region_ops ops = {.min_size = 4, .max_size = 4};
	struct probe *p = probe_new(&ops, 0x100, 16);
	ck_assert_uint_eq(mem_load_le(&as, 0x106, 1), 6);
	ck_assert_uint_eq(p->log[0].offset, 4);
	ck_assert_uint_eq(p->log[0].size, 4);
	ck_assert_uint_eq(mem_load_le(&as, 0x106, 2), 0x0706);
	mem_store_le(&as, 0x109, 0x55, 1);
	ck_assert_uint_eq(p->log[2].offset, 9);
	ck_assert_uint_eq(p->log[2].size, 1);
}
END_TEST

START_TEST(big_endian)
{
	space_make();
	static struct region_ops ops = {.min_size = 4, .max_size = 4, .big_endian = true};
	struct probe *p = probe_new(&ops, 0x100, 16);
	ck_assert_uint_eq(mem_load_be(&as, 0x104, 4), 0x04050607);
	ck_assert_uint_eq(mem_load_le(&as, 0x104, 4), 0x07060504);
	ck_assert_uint_eq(mem_load_be(&as, 0x105, 1), 5);
	ck_assert_uint_eq(mem_load_be(&as, 0x106, 2), 0x0607);
	ck_assert_uint_eq(mem_load_be(&as, 0x100, 8), 0x0001020304050607);
	p->count = 0;
	mem_store_be(&as, 0x108, 0x11223344, 4);
	ck_assert_uint_eq(p->log[0].value, 0x11223344);
	uint8_t buf[6];
	mem_read(&as, 0x107, buf, 6);
	ck_assert_mem_eq(buf, "\x07\x11\x22\x33\x44\x0c", 6);
}
END_TEST

START_TEST(across_ranges)
{
	space_make();
	static struct region_ops ops = {.max_size = 4};
	struct region ram;
	ram_make(&ram, "ram", 0x1000);
	region_add(&root, 0, &ram, 0);
	probe_new(&ops, 0x1000, 3);
	memcpy(ram.ram->host + 0xffe, "\xaa\xbb", 2);
	ck_assert_uint_eq(mem_load_le(&as, 0xffe, 4), 0x0100bbaa);
	ck_assert_uint_eq(mem_load_le(&as, 0x1000, 4), 0xff020100);
	uint8_t buf[8];
	ck_assert_int_eq(mem_read(&as, 0xfff, buf, 8), MEM_UNASSIGNED);
	ck_assert_mem_eq(buf, "\xbb\x00\x01\x02\xff\xff\xff\xff", 8);
	ck_assert_int_eq(mem_write(&as, 0xffe, "12345", 5), MEM_OK);
	ck_assert_uint_eq(mem_load_be(&as, 0xffe, 4), 0x31323334);
}
END_TEST

static unsigned int hooked;
static void code_hook(struct ram *ram, uint64_t offset, uint64_t len)
{
	hooked++;
}

START_TEST(dirty_and_code)
{
	space_make();
	struct region ram;
	ram_make(&ram, "ram", 0x4001);
	ck_assert_uint_eq(ram.ram->size, 0x5000);
	ck_assert_uint_eq((uintptr_t)ram.ram->host & 0xfff, 0);
	region_add(&root, 0, &ram, 0);
	ram_set_code_hook(code_hook);
	ram.ram->code[0] = 1 << 2;
	mem_write(&as, 0x0fff, "ab", 2);
	ck_assert_uint_eq(ram.ram->dirty[0], RAM_DIRTY_VGA | RAM_DIRTY_MIGRATION);
	ck_assert_uint_eq(ram.ram->dirty[1], RAM_DIRTY_VGA | RAM_DIRTY_MIGRATION);
	ck_assert_uint_eq(ram.ram->dirty[2], 0);
	ck_assert_uint_eq(hooked, 0);
	mem_store_le(&as, 0x1ffe, 0, 4);
	ck_assert_uint_eq(hooked, 1);
}
END_TEST

START_TEST(ram_addresses)
{
	struct region a, b, c, d;
	ram_make(&a, "a", 0x10000);
	ram_make(&b, "b", 0x3000);
	ram_make(&c, "c", 0x10000);
	ck_assert_uint_eq(b.ram->base, 0x10000);
	ck_assert_uint_eq(c.ram->base, 0x13000);
	region_destroy(&b);
	ram_make(&d, "d", 0x2000);
	ck_assert_uint_eq(d.ram->base, 0x10000);
	struct error *err = region_init_ram(&b, "huge", UINT64_MAX);
	ck_assert_ptr_nonnull(err);
	error_free(err);
	struct region lazy;
	ram_make(&lazy, "lazy", UINT64_C(64) << 30); /* reserved, not committed */
	region_destroy(&lazy);
}
END_TEST

START_TEST(rom_and_flash)
{
	space_make();
	static struct region_ops ops = {.max_size = 4};
	struct probe p = {0};
	struct region rom, flash, shadow;
	ops.read = probe_read;
	ops.write = probe_write;
	ck_assert_ptr_null(region_init_rom(&rom, "rom", 0x1000, NULL, NULL));
	ck_assert_ptr_null(region_init_rom(&flash, "flash", 0x1000, &ops, &p));
	region_init_alias(&shadow, "shadow", &flash, 0, 0x1000);
	region_set_readonly(&shadow, true);
	region_add(&root, 0, &rom, 0);
	region_add(&root, 0x1000, &flash, 0);
	region_add(&root, 0x2000, &shadow, 0);
	mem_write_rom(&as, 0, "boot", 4);
	mem_store_le(&as, 0, 0, 4);
	ck_assert_uint_eq(mem_load_be(&as, 0, 4), 0x626f6f74);
	mem_store_le(&as, 0x1010, 0x90, 1);
	ck_assert_uint_eq(p.count, 1);
	mem_store_le(&as, 0x2010, 0x90, 1);
	ck_assert_uint_eq(p.count, 1);
	ck_assert_uint_eq(mem_load_le(&as, 0x1010, 1), 0);
	unsigned int calls = 0;
	address_space_listen(&as, count, &calls);
	region_set_rom_readable(&flash, false);
	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_eq(mem_load_le(&as, 0x2010, 1), 0x90);
	ck_assert_uint_eq(p.count, 2);
	region_set_rom_readable(&flash, true);
	ck_assert_uint_eq(mem_load_le(&as, 0x1010, 1), 0);
}
END_TEST

/* A device that is told to copy its own registers over themselves. */
static uint64_t loop_read(void *opaque, uint64_t offset, unsigned int size)
{
	return mem_load_le(&as, 0x100, 4);
}

START_TEST(reentry)
{
	space_make();
	static struct region_ops ops = {.read = loop_read};
	struct region r;
	region_init_io(&r, "loop", 16, &ops, NULL);
	region_add(&root, 0x100, &r, 0);
	ck_assert_uint_eq(mem_load_le(&as, 0x100, 4), 0xffffffff);
	struct device dev = {.in_dma = true};
	static struct region_ops quiet = {.max_size = 4};
	struct probe *p = probe_new(&quiet, 0x200, 16);
	p->region.owner = &dev;
	ck_assert_uint_eq(mem_load_le(&as, 0x200, 1), 0xff);
	dev.in_dma = false;
	ck_assert_uint_eq(mem_load_le(&as, 0x201, 1), 1);
}
END_TEST

START_TEST(lock_taken_for_registers)
{
	space_make();
	static struct region_ops ops = {.max_size = 4};
	probe_new(&ops, 0x100, 16);
	machine_unlock();
	ck_assert_uint_eq(mem_load_le(&as, 0x101, 1), 1);
	mem_store_le(&as, 0x101, 7, 1);
	ck_assert(!machine_locked());
	machine_lock();
	ck_assert_uint_eq(mem_load_le(&as, 0x101, 1), 7);
}
END_TEST

/* A model that paints regions one by one, lowest first, against the views. */
START_TEST(random_trees)
{
	enum { REGIONS = 12, SPAN = 256 };
	GRand *rand = g_rand_new_with_seed(1);
	for (unsigned int round = 0; round < 300; round++) {
		struct region box, r[REGIONS];
		static struct region_ops ops;
		region_init(&box, "box", SPAN);
		struct address_space space;
		address_space_init(&space, "random", &box);
		const struct region *model[SPAN] = {NULL};
		int prio[SPAN];
		for (unsigned int i = 0; i < REGIONS; i++) {
			uint64_t addr = g_rand_int_range(rand, 0, SPAN);
			uint64_t size = g_rand_int_range(rand, 1, SPAN);
			int priority = g_rand_int_range(rand, -2, 3);
			region_init_io(&r[i], "r", size, &ops, NULL);
			region_add(&box, addr, &r[i], priority);
			for (uint64_t a = addr; a < addr + size && a < SPAN; a++) {
				if (model[a] && prio[a] > priority)
					continue;
				model[a] = &r[i];
				prio[a] = priority;
			}
		}
		for (uint64_t a = 0; a < SPAN; a++) {
			const struct flat_range *range = address_space_find(&space, a);
			ck_assert_ptr_eq(range ? range->region : NULL, model[a]);
			if (range)
				ck_assert_uint_eq(range->offset + a - range->start,
						  a - model[a]->addr);
		}
		for (unsigned int i = 0; i < REGIONS; i++)
			region_remove(&r[i]);
		ck_assert_uint_eq(space.view->count, 0);
		address_space_destroy(&space);
	}
	machine_quiesce(); /* frees retired views */
	machine_resume();
	g_rand_free(rand);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		empty,	       priorities,     containers_clip,
		aliases,       whole_space,    batches_and_listeners,
		splitting,     widening,       big_endian,
		across_ranges, dirty_and_code, ram_addresses,
		rom_and_flash, reentry,	       lock_taken_for_registers,
		random_trees,  NULL,
	};
	return run_suite("memory", tests);
}
