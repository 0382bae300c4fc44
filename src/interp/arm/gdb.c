/* The registers as gdb sees them. Source: "Debugging with GDB", G.5.3 (ARM features). */
#include "interp/arm/cpu.h"

#include "base/bytes.h"
#include "vm/gdb-registers.h"

static void read_general(struct cpu *cpu, unsigned int n, uint8_t *value)
{
	store_le32(value, arm_cpu(cpu)->r.r[n]);
}

static void write_general(struct cpu *cpu, unsigned int n, const uint8_t *value)
{
	arm_cpu(cpu)->r.r[n] = load_le32(value);
}

static void read_pc(struct cpu *cpu, unsigned int arg, uint8_t *value)
{
	store_le32(value, (uint32_t)cpu->class->get_pc(cpu));
}

static void write_pc(struct cpu *cpu, unsigned int arg, const uint8_t *value)
{
	cpu->class->set_pc(cpu, load_le32(value));
}

static void read_cpsr(struct cpu *cpu, unsigned int arg, uint8_t *value)
{
	store_le32(value, arm_cpsr_get(arm_cpu(cpu)));
}

/* The flags; mode and state are the program's own business. */
static void write_cpsr(struct cpu *cpu, unsigned int arg, const uint8_t *value)
{
	arm_flags_set(arm_cpu(cpu), load_le32(value));
}

static void read_xpsr(struct cpu *cpu, unsigned int arg, uint8_t *value)
{
	store_le32(value, arm_m_xpsr(arm_cpu(cpu)));
}

static void read_double(struct cpu *cpu, unsigned int n, uint8_t *value)
{
	store_le64(value, arm_cpu(cpu)->r.d[n]);
}

static void write_double(struct cpu *cpu, unsigned int n, const uint8_t *value)
{
	arm_cpu(cpu)->r.d[n] = load_le64(value);
}

static void read_fpscr(struct cpu *cpu, unsigned int arg, uint8_t *value)
{
	store_le32(value, arm_fpscr_get(arm_cpu(cpu)));
}

static void write_fpscr(struct cpu *cpu, unsigned int arg, const uint8_t *value)
{
	arm_fpscr_set(arm_cpu(cpu), load_le32(value));
}

#define GENERAL(name, type, n) {name, 32, type, read_general, write_general, n}
#define R(n)		       GENERAL("r" #n, "uint32", n)
#define D(n)		       {"d" #n, 64, "ieee_double", read_double, write_double, n}

#define CORE                                                                             \
	R(0), R(1), R(2), R(3), R(4), R(5), R(6), R(7), R(8), R(9), R(10), R(11), R(12), \
		GENERAL("sp", "data_ptr", 13), GENERAL("lr", "code_ptr", 14),            \
		{"pc", 32, "code_ptr", read_pc, write_pc, 0}
#define D0_15                                                                                   \
	D(0), D(1), D(2), D(3), D(4), D(5), D(6), D(7), D(8), D(9), D(10), D(11), D(12), D(13), \
		D(14), D(15)
#define D16_31                                                                                     \
	D(16), D(17), D(18), D(19), D(20), D(21), D(22), D(23), D(24), D(25), D(26), D(27), D(28), \
		D(29), D(30), D(31)
#define FPSCR {"fpscr", 32, "int", read_fpscr, write_fpscr, 0}

static const struct gdb_register core[] = {CORE, {"cpsr", 32, "uint32", read_cpsr, write_cpsr, 0}};
static const struct gdb_register m_core[] = {CORE, {"xpsr", 32, "uint32", read_xpsr, NULL, 0}};
static const struct gdb_register vfp2[] = {D0_15, FPSCR};
static const struct gdb_register vfp3[] = {D0_15, D16_31, FPSCR};

#define FEATURE_CORE GDB_FEATURE("org.gnu.gdb.arm.core", NULL, core)

static const struct gdb_feature plain_features[] = {FEATURE_CORE};
static const struct gdb_feature m_features[] = {
	GDB_FEATURE("org.gnu.gdb.arm.m-profile", NULL, m_core)};
static const struct gdb_feature vfp2_features[] = {FEATURE_CORE,
						   GDB_FEATURE("org.gnu.gdb.arm.vfp", NULL, vfp2)};
static const struct gdb_feature vfp3_features[] = {FEATURE_CORE,
						   GDB_FEATURE("org.gnu.gdb.arm.vfp", NULL, vfp3)};

const struct gdb_description *arm_gdb_description(struct cpu *cpu)
{
	static const struct gdb_description plain = {"arm", plain_features, 1},
					    m = {"arm", m_features, 1},
					    with_vfp2 = {"arm", vfp2_features, 2},
					    with_vfp3 = {"arm", vfp3_features, 2};
	const struct arm_cpu *c = arm_cpu(cpu);

	if (arm_has(c, F_M))
		return &m;
	if (arm_has(c, F_VFP3))
		return &with_vfp3;
	return arm_has(c, F_VFP2) ? &with_vfp2 : &plain;
}
