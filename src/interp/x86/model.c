/*
 * The processor models of -cpu, and its feature flags.
 * Sources: CPUID of the real parts as Intel AP-485 and AMD's revision guides document them.
 * Features that are not implemented are left out of every model.
 */
#include "interp/x86/model.h"

#include "base/optstr.h"

#include <string.h>

/* --- feature names --- */

static const char *const feature_names[FEAT_WORDS][32] = {
	[FEAT_1_EDX] = {"fpu",	"vme",	 "de",	 "pse",	    "tsc",  "msr", "pae",  "mce",
			"cx8",	"apic",	 NULL,	 "sep",	    "mtrr", "pge", "mca",  "cmov",
			"pat",	"pse36", "pn",	 "clflush", NULL,   "ds",  "acpi", "mmx",
			"fxsr", "sse",	 "sse2", "ss",	    "ht",   "tm",  "ia64", "pbe"},
	[FEAT_1_ECX] = {"pni",		"pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx",
			"smx",		"est",	     "tm2",    "ssse3",	  "cid",    NULL,
			"fma",		"cx16",	     "xtpr",   "pdcm",	  NULL,	    "pcid",
			"dca",		"sse4.1",    "sse4.2", "x2apic",  "movbe",  "popcnt",
			"tsc-deadline", "aes",	     "xsave",  "osxsave", "avx",    "f16c",
			"rdrand",	"hypervisor"},
	[FEAT_8000_0001_EDX] = {[11] = "syscall",
				[19] = "mp",
				[20] = "nx",
				[22] = "mmxext",
				[25] = "fxsr_opt",
				[26] = "pdpe1gb",
				[27] = "rdtscp",
				[29] = "lm",
				[30] = "3dnowext",
				[31] = "3dnow"},
	[FEAT_8000_0001_ECX] = {"lahf_lm", "cmp_legacy", "svm", "extapic", "cr8legacy", "abm",
				"sse4a", "misalignsse", "3dnowprefetch", "osvw", "ibs", "xop",
				"skinit", "wdt"},
	[FEAT_7_0_EBX] = {[0] = "fsgsbase",
			  [3] = "bmi1",
			  [5] = "avx2",
			  [7] = "smep",
			  [8] = "bmi2",
			  [9] = "erms",
			  [10] = "invpcid",
			  [18] = "rdseed",
			  [19] = "adx",
			  [20] = "smap",
			  [29] = "sha_ni"},
};

static const struct {
	const char *name, *canonical;
} aliases[] = {{"sse3", "pni"},	       {"sse4_1", "sse4.1"},  {"sse4_2", "sse4.2"},
	       {"cmpxchg16b", "cx16"}, {"i64", "lm"},	      {"xd", "nx"},
	       {"ffxsr", "fxsr_opt"},  {"lahf-lm", "lahf_lm"}};

#define BIT(n) (UINT32_C(1) << (n))

/* --- sets of features --- */

#define F_486 (BIT(0) | BIT(1) | BIT(3))			   /* fpu vme pse */
#define F_P5  (F_486 | BIT(2) | BIT(4) | BIT(5) | BIT(7) | BIT(8)) /* de tsc msr mce cx8 */
#define F_P6                                                                                  \
	(F_P5 | BIT(6) | BIT(9) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(15) | BIT(16) | \
	 BIT(17))			/* pae apic sep mtrr pge mca cmov pat pse36 */
#define F_P2 (F_P6 | BIT(23) | BIT(24)) /* mmx fxsr */
#define F_P3 (F_P2 | BIT(25))		/* sse */
#define F_P4 (F_P3 | BIT(26) | BIT(19)) /* sse2 clflush */

#define EDX_SSE BIT(25)
#define EDX_SS	BIT(27)
#define EDX_HT	BIT(28)

#define ECX_SSE3       BIT(0)
#define ECX_SSSE3      BIT(9)
#define ECX_CX16       BIT(13)
#define ECX_SSE4_1     BIT(19)
#define ECX_SSE4_2     BIT(20)
#define ECX_MOVBE      BIT(22)
#define ECX_POPCNT     BIT(23)
#define ECX_X2APIC     BIT(21)
#define ECX_HYPERVISOR BIT(31)
#define ECX_CRYPTO     (BIT(1) | BIT(25)) /* pclmulqdq aes */

#define EXT_SYSCALL BIT(11)
#define EXT_NX	    BIT(20)
#define EXT_MMXEXT  BIT(22)
#define EXT_FFXSR   BIT(25)
#define EXT_1GB	    BIT(26)
#define EXT_RDTSCP  BIT(27)
#define EXT_LM	    BIT(29)
#define EXT_3DNOW   (BIT(31) | BIT(30))
/* AMD repeats what it has of leaf 1. */
#define EXT_COPY UINT32_C(0x0183f3ff)

#define X_LAHF	   BIT(0)
#define X_CR8	   BIT(4)
#define X_ABM	   BIT(5)
#define X_SSE4A	   BIT(6)
#define X_PREFETCH BIT(8)

#define EBX_FSGSBASE BIT(0)
#define EBX_SMEP     BIT(7)
#define EBX_ERMS     BIT(9)

/* What the core can do: anything else is taken out of a model, or refused when asked for. */
static const uint32_t implemented[FEAT_WORDS] = {
	[FEAT_1_EDX] = F_P4 | BIT(22) | EDX_SS | EDX_HT,
	[FEAT_1_ECX] = ECX_SSE3 | ECX_SSSE3 | ECX_CX16 | ECX_SSE4_1 | ECX_SSE4_2 | ECX_MOVBE |
		       ECX_POPCNT | ECX_CRYPTO | ECX_X2APIC | ECX_HYPERVISOR,
	[FEAT_8000_0001_EDX] = EXT_COPY | EXT_SYSCALL | EXT_NX | EXT_MMXEXT | EXT_FFXSR | EXT_1GB |
			       EXT_RDTSCP | EXT_LM | EXT_3DNOW | BIT(19),
	[FEAT_8000_0001_ECX] = X_LAHF | BIT(1) | BIT(3) | X_CR8 | X_PREFETCH,
	[FEAT_7_0_EBX] = EBX_FSGSBASE | EBX_SMEP | EBX_ERMS,
};

/* CPUID 2: TLBs of 4 KiB pages, L1 caches of 32 KiB, an L2 of 2 MiB. */
#define CACHES .descriptors = {1, 0, 0, 0x2c307d}

/* --- models --- */

#define RATITE_ID "Ratite Virtual CPU version " RATITE_VERSION

#define VERSION(f, m, s)		     .family = (f), .model = (m), .stepping = (s)
#define LEAVES(standard, extended)	     .level = (standard), .xlevel = (extended)
#define FEATURES(edx, ecx, ext_edx, ext_ecx) .features = {(edx), (ecx), (ext_edx), (ext_ecx)}

#define INTEL(name_, help_) .name = (name_), .help = (help_), .vendor = "GenuineIntel"
#define AMD(name_, help_)   .name = (name_), .help = (help_), .vendor = "AuthenticAMD"

#define ECX_CORE2 (ECX_SSE3 | ECX_SSSE3 | ECX_CX16)
#define ECX_I7	  (ECX_CORE2 | ECX_SSE4_1 | ECX_SSE4_2 | ECX_POPCNT)
#define EXT_64	  (EXT_SYSCALL | EXT_NX | EXT_LM)
#define EXT_PHENOM \
	((F_P4 & EXT_COPY) | EXT_64 | EXT_MMXEXT | EXT_FFXSR | EXT_1GB | EXT_RDTSCP | EXT_3DNOW)
#define X_PHENOM (X_LAHF | X_CR8 | X_ABM | X_SSE4A | X_PREFETCH)

/* The virtual processors that 32-bit and 64-bit machines have unless told otherwise. */
#define VIRTUAL32                                                                        \
	.model_id = RATITE_ID, VERSION(6, 6, 3), LEAVES(4, 0x80000004), .phys_bits = 36, \
	FEATURES(F_P4, ECX_SSE3 | ECX_HYPERVISOR, EXT_NX, 0), CACHES

static const struct x86_model models[] = {
	{INTEL("486", "Intel 486 DX4"), VERSION(4, 8, 0), LEAVES(1, 0), .phys_bits = 32,
	 FEATURES(F_486, 0, 0, 0)},
	{INTEL("pentium", "Intel Pentium"), VERSION(5, 4, 3), LEAVES(1, 0), .phys_bits = 32,
	 FEATURES(F_P5, 0, 0, 0)},
	{INTEL("pentium2", "Intel Pentium II"), VERSION(6, 5, 2), LEAVES(2, 0), .phys_bits = 36,
	 FEATURES(F_P2, 0, 0, 0), CACHES},
	{INTEL("pentium3", "Intel Pentium III"), VERSION(6, 7, 3), LEAVES(2, 0), .phys_bits = 36,
	 FEATURES(F_P3, 0, 0, 0), CACHES},
	{AMD("athlon", "AMD Athlon"), .model_id = RATITE_ID, VERSION(6, 2, 3),
	 LEAVES(2, 0x80000008), .phys_bits = 36,
	 FEATURES(F_P3 & ~EDX_SSE, 0, (F_P3 & EXT_COPY) | EXT_MMXEXT | EXT_3DNOW | EXT_SYSCALL, 0),
	 CACHES},
	{INTEL("n270", "Intel Atom N270"), .model_id = "Intel(R) Atom(TM) CPU N270   @ 1.60GHz",
	 VERSION(6, 28, 2), LEAVES(10, 0x80000008), .phys_bits = 32,
	 FEATURES(F_P4 | EDX_SS, ECX_SSE3 | ECX_SSSE3 | ECX_MOVBE, EXT_NX, X_LAHF), CACHES},
	{INTEL("core2duo", "Intel Core 2 Duo T7700"),
	 .model_id = "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz", VERSION(6, 15, 11),
	 LEAVES(10, 0x80000008), .phys_bits = 36,
	 FEATURES(F_P4 | EDX_SS, ECX_CORE2, EXT_64, X_LAHF), CACHES},
	{INTEL("coreduo", "Intel Core Duo T2600"),
	 .model_id = "Genuine Intel(R) CPU           T2600  @ 2.16GHz", VERSION(6, 14, 8),
	 LEAVES(10, 0x80000008), .phys_bits = 32, FEATURES(F_P4 | EDX_SS, ECX_SSE3, EXT_NX, 0),
	 CACHES},
	{AMD("phenom", "AMD Phenom 9550"), .model_id = "AMD Phenom(tm) 9550 Quad-Core Processor",
	 VERSION(16, 2, 3), LEAVES(5, 0x8000001a), .phys_bits = 40,
	 FEATURES(F_P4, ECX_SSE3 | ECX_CX16 | ECX_POPCNT, EXT_PHENOM, X_PHENOM), CACHES},
	{INTEL("nehalem", "Intel Core i7 9xx"),
	 .model_id = "Intel Core i7 9xx (Nehalem Class Core i7)", VERSION(6, 26, 3),
	 LEAVES(11, 0x80000008), .phys_bits = 40, FEATURES(F_P4, ECX_I7, EXT_64, X_LAHF), CACHES},
	{INTEL("qemu32", "32-bit virtual processor"), VIRTUAL32},
	{AMD("qemu64", "64-bit virtual processor"), .model_id = RATITE_ID, VERSION(15, 107, 1),
	 LEAVES(13, 0x8000000a), .phys_bits = 40,
	 FEATURES(F_P4, ECX_SSE3 | ECX_CX16 | ECX_HYPERVISOR, (F_P4 & EXT_COPY) | EXT_64, X_LAHF),
	 CACHES},
	{INTEL("kvm32", "the same as qemu32"), VIRTUAL32},
	{INTEL("kvm64", "the same as qemu64"), .model_id = RATITE_ID, VERSION(15, 6, 1),
	 LEAVES(13, 0x80000008), .phys_bits = 40,
	 FEATURES(F_P4, ECX_SSE3 | ECX_CX16 | ECX_HYPERVISOR, EXT_64, X_LAHF), CACHES},
	{AMD("base", "a model without features"), .model_id = RATITE_ID, VERSION(6, 0, 0),
	 LEAVES(1, 0), .phys_bits = 32, FEATURES(F_486, 0, 0, 0)},
	{AMD("max", "everything that is implemented"), .model_id = RATITE_ID, VERSION(15, 107, 1),
	 LEAVES(13, 0x8000000a), .phys_bits = 40,
	 .features = {F_P4, ECX_I7 | ECX_MOVBE | ECX_CRYPTO | ECX_X2APIC | ECX_HYPERVISOR,
		      EXT_PHENOM, X_PHENOM, EBX_FSGSBASE | EBX_SMEP | EBX_ERMS},
	 CACHES},
};

#define MODEL_COUNT (sizeof(models) / sizeof(models[0]))

/* --- errors that help --- */

static const char *model_name(unsigned int i, void *opaque)
{
	return models[i].name;
}

static struct error *unknown_model(const char *name)
{
	const char *closest = closest_name(name, MODEL_COUNT, model_name, NULL);

	if (closest)
		return error_new("-cpu %s: unknown model; did you mean \"%s\"? (-cpu ? lists them)",
				 name, closest);
	return error_new("-cpu %s: unknown model (-cpu ? lists them)", name);
}

static const char *feature_name(unsigned int i, void *opaque)
{
	return feature_names[i / 32][i % 32];
}

static struct error *unknown_feature(const char *name)
{
	const char *closest = closest_name(name, FEAT_WORDS * 32, feature_name, NULL);

	if (closest)
		return error_new("-cpu: unknown feature \"%s\"; did you mean \"%s\"?", name,
				 closest);
	return error_new("-cpu: unknown feature \"%s\" (-cpu ? lists them)", name);
}

/* --- setting --- */

static bool find_feature(const char *name, unsigned int *word, unsigned int *bit)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(aliases); i++)
		if (!strcmp(name, aliases[i].name))
			name = aliases[i].canonical;
	for (unsigned int i = 0; i < FEAT_WORDS * 32; i++) {
		if (feature_name(i, NULL) && !strcmp(name, feature_name(i, NULL))) {
			*word = i / 32;
			*bit = i % 32;
			return true;
		}
	}
	return false;
}

static struct error *set_feature(struct x86_model *m, const char *name, bool on)
{
	unsigned int word, bit;

	if (!find_feature(name, &word, &bit))
		return unknown_feature(name);
	uint32_t mask = BIT(bit);
	if (on && !(implemented[word] & mask)) {
		warn_report("-cpu: feature \"%s\" is not implemented and stays off", name);
		return NULL;
	}
	m->features[word] = on ? m->features[word] | mask : m->features[word] & ~mask;
	/* AMD's copy of leaf 1. */
	if (word == FEAT_1_EDX && mask & EXT_COPY && !strcmp(m->vendor, "AuthenticAMD") &&
	    m->xlevel)
		m->features[FEAT_8000_0001_EDX] =
			(m->features[FEAT_8000_0001_EDX] & ~mask) | (on ? mask : 0);
	return NULL;
}

static struct error *set_number(const char *key, const char *value, uint64_t max, uint64_t *number)
{
	return error_prefix(parse_u64(value, 0, max, number), "-cpu: %s=%s", key, value);
}

/* A key=value item. */
static struct error *set_key(struct x86_identity *id, const char *key, const char *value)
{
	struct x86_model *m = &id->m;
	struct error *err;
	uint64_t n = 0;
	bool on;

	if (!strcmp(key, "model_id") || !strcmp(key, "model-id")) {
		if (strlen(value) > 48)
			return error_new("-cpu: model_id \"%s\" has more than 48 characters",
					 value);
		g_strlcpy(id->model_id, value, sizeof(id->model_id));
		m->model_id = id->model_id;
		return NULL;
	}
	if (!strcmp(key, "vendor")) {
		if (strlen(value) != 12)
			return error_new("-cpu: vendor \"%s\" must have 12 characters", value);
		g_strlcpy(m->vendor, value, sizeof(m->vendor));
		return NULL;
	}
	if (!strcmp(key, "family")) {
		err = set_number(key, value, 0xff + 0xf, &n);
		m->family = (uint16_t)n;
	} else if (!strcmp(key, "model")) {
		err = set_number(key, value, 0xff, &n);
		m->model = (uint16_t)n;
	} else if (!strcmp(key, "stepping")) {
		err = set_number(key, value, 0xf, &n);
		m->stepping = (uint16_t)n;
	} else if (!strcmp(key, "level")) {
		err = set_number(key, value, 0x1f, &n);
		m->level = (uint32_t)n;
	} else if (!strcmp(key, "xlevel")) {
		err = set_number(key, value, UINT32_MAX, &n);
		m->xlevel = n && n < 0x80000000 ? (uint32_t)n + 0x80000000 : (uint32_t)n;
	} else {
		err = parse_bool(value, &on);
		if (err)
			return error_prefix(err, "-cpu: %s=%s", key, value);
		return set_feature(m, key, on);
	}
	return err;
}

static struct error *set_item(struct x86_identity *id, char *item)
{
	char *equals = strchr(item, '=');

	if (equals) {
		*equals = 0;
		return set_key(id, item, equals + 1);
	}
	if (*item == '+' || *item == '-')
		return set_feature(&id->m, item + 1, *item == '+');
	if (!strcmp(item, "enforce") || !strcmp(item, "check"))
		return NULL;
	return set_feature(&id->m, item, true);
}

static void identity_start(struct x86_identity *id, const struct x86_model *m)
{
	id->m = *m;
	for (unsigned int w = 0; w < FEAT_WORDS; w++)
		id->m.features[w] &= implemented[w];
}

struct error *x86_model_set(struct x86_cpu *c, const char *text)
{
	char **items = g_strsplit(*text ? text : "qemu64", ",", -1);
	struct x86_identity *id = g_new0(struct x86_identity, 1);
	const struct x86_model *m = NULL;
	struct error *err = NULL;

	for (unsigned int i = 0; i < MODEL_COUNT; i++)
		if (!g_ascii_strcasecmp(items[0], models[i].name))
			m = &models[i];
	if (m)
		identity_start(id, m);
	else
		err = unknown_model(items[0]);
	for (unsigned int i = 1; !err && items[i]; i++)
		if (*items[i])
			err = set_item(id, items[i]);
	g_strfreev(items);
	if (err) {
		g_free(id);
		return err;
	}
	g_free((void *)(uintptr_t)c->model);
	c->model = &id->m;
	memcpy(c->features, id->m.features, sizeof(c->features));
	c->phys_mask = (UINT64_C(1) << id->m.phys_bits) - 1;
	return NULL;
}

void x86_models_list(FILE *out)
{
	fprintf(out, "Available CPUs:\n");
	for (unsigned int i = 0; i < MODEL_COUNT; i++)
		fprintf(out, "x86 %-12s %s\n", models[i].name, models[i].help);
	fprintf(out, "\nRecognized CPUID flags:\n");
	for (unsigned int w = 0; w < FEAT_WORDS; w++) {
		fprintf(out, " ");
		for (unsigned int b = 0; b < 32; b++)
			if (feature_names[w][b] && implemented[w] & BIT(b))
				fprintf(out, " %s", feature_names[w][b]);
		fprintf(out, "\n");
	}
}
