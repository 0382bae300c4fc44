/* CPUID. Source: Intel SDM volume 2, "CPUID"; AMD CPUID specification (25481). */
#include "interp/x86/model.h"

#include "base/bytes.h"
#include "interp/x86/system.h"
#include "vm/machine.h"

#include <string.h>

static void vendor_words(const struct x86_model *m, uint32_t out[4])
{
	out[1] = load_le32(m->vendor);
	out[3] = load_le32(m->vendor + 4);
	out[2] = load_le32(m->vendor + 8);
}

static uint32_t signature(const struct x86_model *m)
{
	uint32_t family = m->family > 15 ? 15 : m->family;
	uint32_t extended = m->family > 15 ? m->family - 15u : 0;

	return m->stepping | (m->model & 15u) << 4 | family << 8 | (m->model >> 4 & 15u) << 16 |
	       extended << 20;
}

/* Logical processors in the package, and this one's number. */
static unsigned int threads_per_package(void)
{
	const struct machine *machine = machine_get();

	if (!machine || !machine->cores || !machine->threads)
		return 1;
	return machine->cores * machine->threads;
}

static bool apic_on(const struct x86_cpu *c)
{
	return c->apic_base & 1 << 11;
}

static bool has_x2apic(const struct x86_cpu *c)
{
	const struct x86_intc_ops *ops = c->v.cpu.intc_ops;

	return c->features[FEAT_1_ECX] >> 21 & 1 && ops && ops->read_msr;
}

static void leaf_1(struct x86_cpu *c, uint32_t out[4])
{
	unsigned int logical = threads_per_package();

	out[0] = signature(c->model);
	out[1] = c->v.cpu.index << 24 | 8 << 8; /* CLFLUSH covers 8 quadwords */
	out[2] = c->features[FEAT_1_ECX];
	out[3] = c->features[FEAT_1_EDX];
	if (!has_x2apic(c))
		out[2] &= ~(UINT32_C(1) << 21);
	if (!apic_on(c))
		out[3] &= ~(UINT32_C(1) << 9);
	if (logical > 1) {
		out[1] |= (logical & 0xff) << 16;
		out[3] |= 1 << 28;
	}
}

/* Deterministic cache parameters: L1D, L1I, L2. */
static void leaf_4(uint32_t subleaf, uint32_t out[4])
{
	unsigned int cores = threads_per_package();
	uint32_t package = (cores - 1) << 26;

	memset(out, 0, 16);
	switch (subleaf) {
	case 0: /* data, level 1, 8 ways of 64 lines */
		out[0] = 1 | 1 << 5 | 1 << 8 | package;
		out[1] = 63 | 7 << 22;
		out[2] = 63;
		out[3] = 1;
		break;
	case 1: /* instructions */
		out[0] = 2 | 1 << 5 | 1 << 8 | package;
		out[1] = 63 | 7 << 22;
		out[2] = 63;
		out[3] = 1;
		break;
	case 2: /* unified, level 2, 16 ways of 4096 lines */
		out[0] = 3 | 2 << 5 | 1 << 8 | package;
		out[1] = 63 | 15 << 22;
		out[2] = 4095;
		out[3] = 1;
		break;
	default: break;
	}
}

static unsigned int bits_for(unsigned int count)
{
	unsigned int bits = 0;

	while (1u << bits < count)
		bits++;
	return bits;
}

/* Topology of x2APIC ids. */
static void leaf_b(struct x86_cpu *c, uint32_t subleaf, uint32_t out[4])
{
	const struct machine *machine = machine_get();
	unsigned int threads = machine && machine->threads ? machine->threads : 1;

	out[0] = out[1] = 0;
	out[2] = subleaf & 0xff;
	out[3] = c->v.cpu.index;
	if (subleaf == 0) {
		out[0] = bits_for(threads);
		out[1] = threads;
		out[2] |= 1 << 8;
	} else if (subleaf == 1) {
		out[0] = bits_for(threads_per_package());
		out[1] = threads_per_package();
		out[2] |= 2 << 8;
	}
}

static void standard_leaf(struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	switch (leaf) {
	case 0:
		out[0] = c->model->level;
		vendor_words(c->model, out);
		break;
	case 1: leaf_1(c, out); break;
	case 2: memcpy(out, c->model->descriptors, 16); break;
	case 4: leaf_4(subleaf, out); break;
	case 7:
		if (subleaf == 0)
			out[1] = c->features[FEAT_7_0_EBX];
		break;
	case 0xb:
		if (has_x2apic(c))
			leaf_b(c, subleaf, out);
		break;
	default: break;
	}
}

/* 16 characters of the name. */
static void brand(const struct x86_model *m, unsigned int part, uint32_t out[4])
{
	char name[48] = {0};

	if (m->model_id)
		memcpy(name, m->model_id, MIN(strlen(m->model_id), sizeof(name)));
	for (unsigned int i = 0; i < 4; i++)
		out[i] = load_le32(name + 16 * part + 4 * i);
}

static bool is_amd(const struct x86_model *m)
{
	return !strcmp(m->vendor, "AuthenticAMD");
}

bool x86_is_amd(const struct x86_cpu *c)
{
	return is_amd(c->model);
}

static void extended_leaf(struct x86_cpu *c, uint32_t leaf, uint32_t out[4])
{
	unsigned int logical = threads_per_package();
	bool lm = c->features[FEAT_8000_0001_EDX] >> 29 & 1;

	switch (leaf & 0xff) {
	case 0x00:
		out[0] = c->model->xlevel;
		vendor_words(c->model, out);
		break;
	case 0x01:
		if (is_amd(c->model))
			out[0] = signature(c->model);
		out[2] = c->features[FEAT_8000_0001_ECX];
		out[3] = c->features[FEAT_8000_0001_EDX];
		if (is_amd(c->model) && !apic_on(c))
			out[3] &= ~(UINT32_C(1) << 9);
		if (is_amd(c->model) && logical > 1)
			out[2] |= 2; /* CmpLegacy: cores, not threads */
		break;
	case 0x02:
	case 0x03:
	case 0x04: brand(c->model, (leaf & 0xff) - 2, out); break;
	case 0x05: /* L1: 64 KiB each, 2 ways, and TLBs */
		if (is_amd(c->model)) {
			out[0] = out[1] = 0x01ff01ff;
			out[2] = out[3] = 64u << 24 | 2 << 16 | 1 << 8 | 64;
		}
		break;
	case 0x06: /* L2: 512 KiB, 16 ways */
		out[2] = 512u << 16 | 8 << 12 | 1 << 8 | 64;
		if (is_amd(c->model))
			out[1] = 0x42004200;
		break;
	case 0x07: /* the TSC runs at a fixed rate in every state */
		out[3] = c->features[FEAT_1_EDX] >> 4 & 1 ? 1 << 8 : 0;
		break;
	case 0x08:
		out[0] = c->model->phys_bits | (lm ? 48 : 32) << 8;
		if (is_amd(c->model) && logical > 1)
			out[2] = bits_for(logical) << 12 | (logical - 1);
		break;
	default: break;
	}
}

void x86_cpuid(struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	memset(out, 0, 16);
	if (leaf >= 0x80000000) {
		if (leaf <= c->model->xlevel)
			extended_leaf(c, leaf, out);
		return;
	}
	if ((leaf & 0xf0000000) == 0x40000000)
		return;
	/* Beyond the end, Intel's parts show their last leaf; zero serves as well. */
	if (leaf <= c->model->level)
		standard_leaf(c, leaf, subleaf, out);
}
