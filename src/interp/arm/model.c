/*
 * Models. Sources: the cores' technical reference manuals (CP15 register 0): ARM925T (TI SPRU694),
 * ARM926EJ-S DDI 0198, ARM946E-S DDI 0201, ARM1026EJ-S DDI 0244, ARM1136 DDI 0211, ARM1176 DDI
 * 0301, ARM11 MPCore DDI 0360, Cortex-A8 DDI 0344, Cortex-A9 DDI 0388, Cortex-M3 DDI 0337, Intel
 * XScale 278534, PXA27x 280000, StrongARM SA-1100 278088.
 */
#include "interp/arm/model.h"

#include <string.h>

#define V5    F_V5
#define V5E   (F_V5 | F_V5E)
#define V5J   (V5E | F_V5J)
#define V6    (V5J | F_V6 | F_AUX)
#define V6K   (V6 | F_V6K)
#define V7    (V6K | F_THUMB2 | F_V7)
#define XS    (V5E | F_XSCALE)
#define PXA27 (XS | F_IWMMXT)

/* Bits of SCTLR that software can change. */
#define W_V5 0x0000f38f
#define W_V6 0x3fe7ffff

/* What models of one family share. */
#define OMAP	  .features = F_OMAP, .ctr = 0x05109149, .sctlr_reset = 0x70, .sctlr_writable = W_V5
#define CACHE_926 .ctr = 0x1dd20d2, .sctlr_reset = 0x00090078, .sctlr_writable = W_V5
#define ARM11	  .ctr = 0x1dd20d2, .sctlr_reset = 0x00050078, .sctlr_writable = W_V6
#define ARM1136                                                                                  \
	ARM11, .fpsid = 0x410120b4, .mvfr0 = 0x11111111, .id_pfr = {0x111, 0x1}, .id_dfr0 = 0x2, \
		.id_afr0 = 0x3, .id_mmfr = {0x01130003, 0x10030302, 0x01222110},                 \
		.id_isar = {0x00140011, 0x12002111, 0x11231111, 0x01102131, 0x141}
#define CORTEX_A  .sctlr_reset = 0x00c50078, .sctlr_writable = 0x7ffdffff & ~0x400070u
#define STRONGARM .sctlr_reset = 0x70, .sctlr_writable = W_V5
#define PXA(name_, midr_, features_) \
	{.name = (name_),            \
	 .midr = (midr_),            \
	 .features = (features_),    \
	 .ctr = 0x0b172172,          \
	 .sctlr_reset = 0x78,        \
	 .sctlr_writable = W_V5}

static const struct arm_model models[] = {
	{.name = "arm920t",
	 .midr = 0x41129200,
	 .ctr = 0x0d172172,
	 .sctlr_reset = 0x78,
	 .sctlr_writable = W_V5},
	{.name = "arm925t", .midr = 0x54029252, OMAP},
	{.name = "ti925t", .midr = 0x54029252, OMAP},
	{.name = "arm926",
	 .midr = 0x41069265,
	 .features = V5J | F_VFP2,
	 CACHE_926,
	 .fpsid = 0x41011090},
	{.name = "arm946",
	 .midr = 0x41059461,
	 .features = V5E | F_MPU,
	 .ctr = 0x0f004006,
	 .sctlr_reset = 0x78,
	 .sctlr_writable = W_V5 | 0xf0000},
	{.name = "arm1026",
	 .midr = 0x4106a262,
	 .features = V5J | F_VFP2 | F_AUX,
	 CACHE_926,
	 .fpsid = 0x410110a0},
	{.name = "arm1136", .midr = 0x4117b363, .features = V6K | F_VFP2, ARM1136},
	{.name = "arm1136-r2", .midr = 0x4107b362, .features = V6 | F_VFP2, ARM1136},
	{.name = "arm1176",
	 .midr = 0x410fb767,
	 .features = V6K | F_VFP2,
	 ARM11,
	 .fpsid = 0x410120b5,
	 .mvfr0 = 0x11111111,
	 .id_pfr = {0x111, 0x11},
	 .id_dfr0 = 0x33,
	 .id_mmfr = {0x01130003, 0x10030302, 0x01222100},
	 .id_isar = {0x0140011, 0x12002111, 0x11231121, 0x01102131, 0x01141}},
	{.name = "arm11mpcore",
	 .midr = 0x410fb022,
	 .features = V6K | F_VFP2 | F_MPCORE,
	 .ctr = 0x1d192992,
	 .sctlr_reset = 0x00050078,
	 .sctlr_writable = W_V6,
	 .fpsid = 0x410120b4,
	 .mvfr0 = 0x11111111,
	 .id_pfr = {0x111, 0x1},
	 .id_afr0 = 0x2,
	 .id_mmfr = {0x01100103, 0x10020302, 0x01222000},
	 .id_isar = {0x00100011, 0x12002111, 0x11221011, 0x01102131, 0x141}},
	{.name = "cortex-a8",
	 .midr = 0x410fc080,
	 .features = V7 | F_VFP2 | F_VFP3 | F_NEON | F_T2EE,
	 .ctr = 0x82048004,
	 CORTEX_A,
	 .fpsid = 0x410330c0,
	 .mvfr0 = 0x11110222,
	 .mvfr1 = 0x00011111,
	 .id_pfr = {0x1031, 0x11},
	 .id_dfr0 = 0x400,
	 .id_mmfr = {0x31100003, 0x20000000, 0x01202000, 0x11},
	 .id_isar = {0x00101111, 0x12112111, 0x21232031, 0x11112131, 0x00111142},
	 .clidr = (1 << 27) | (2 << 24) | 3,
	 .ccsidr = {0xe007e01a, 0x2007e01a, 0xf0000000}},
	{.name = "cortex-a9",
	 .midr = 0x410fc090,
	 .features = V7 | F_VFP2 | F_VFP3 | F_NEON | F_T2EE | F_MPCORE | F_HALF,
	 .ctr = 0x80038003,
	 CORTEX_A,
	 .fpsid = 0x41033090,
	 .mvfr0 = 0x11110222,
	 .mvfr1 = 0x01111111,
	 .id_pfr = {0x1031, 0x11},
	 .id_mmfr = {0x00100103, 0x20000000, 0x01230000, 0x00002111},
	 .id_isar = {0x00101111, 0x13112111, 0x21232041, 0x11112131, 0x00111142},
	 .clidr = (1 << 27) | (1 << 24) | 3,
	 .ccsidr = {0xe00fe019, 0x200fe019}},
	{.name = "cortex-m3",
	 .midr = 0x410fc231,
	 .features = V5E | F_V6 | F_V6K | F_V7 | F_THUMB2 | F_M | F_DIV},
	PXA("pxa250", 0x69052100, XS),
	{.name = "sa1100", .midr = 0x4401a11b, STRONGARM},
	{.name = "sa1110", .midr = 0x6901b119, STRONGARM},
	PXA("pxa255", 0x69052d00, XS),
	PXA("pxa260", 0x69052903, XS),
	PXA("pxa261", 0x69052d05, XS),
	PXA("pxa262", 0x69052d06, XS),
	PXA("pxa270", 0x69054110, PXA27),
	PXA("pxa270-a0", 0x69054110, PXA27),
	PXA("pxa270-a1", 0x69054111, PXA27),
	PXA("pxa270-b0", 0x69054112, PXA27),
	PXA("pxa270-b1", 0x69054113, PXA27),
	PXA("pxa270-c0", 0x69054114, PXA27),
	PXA("pxa270-c5", 0x69054117, PXA27),
	/* Everything: for user-mode emulation. */
	{.name = "any",
	 .midr = 0x410fc0f0,
	 .features = V7 | F_VFP2 | F_VFP3 | F_NEON | F_T2EE | F_DIV | F_DIV_ARM | F_HALF | F_FMA |
		     F_MPCORE | F_USER_ANY,
	 .ctr = 0x80038003,
	 CORTEX_A,
	 .fpsid = 0x410330f0,
	 .mvfr0 = 0x10110222,
	 .mvfr1 = 0x11111111,
	 .id_pfr = {0x1131, 0x11},
	 .id_mmfr = {0x10101105, 0x40000000, 0x01240000, 0x02102211},
	 .id_isar = {0x02101110, 0x13112111, 0x21232042, 0x01112131, 0x10011142}},
};

struct error *arm_model_set(struct arm_cpu *c, const char *text)
{
	for (size_t n = 0; n < G_N_ELEMENTS(models); n++) {
		if (strcmp(models[n].name, text) != 0)
			continue;
		c->model = &models[n];
		c->features = models[n].features;
		return NULL;
	}
	return error_new("%s: unknown processor model (-cpu ? lists them)", text);
}

void arm_models_list(FILE *out)
{
	fprintf(out, "Available CPUs:\n");
	for (size_t n = 0; n < G_N_ELEMENTS(models); n++)
		fprintf(out, "  %s\n", models[n].name);
}
