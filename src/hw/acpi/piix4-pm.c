/*
 * 82371AB (PIIX4) function 3: power management and SMBus. Intel 290562-001, chapters 7 and 11;
 * Advanced Configuration and Power Interface 1.0b, section 4.7 (fixed registers).
 */
#include "hw/acpi/piix4-pm.h"
#include "hw/pci/pci-regs.h"

#include "base/bytes.h"
#include "base/log.h"
#include "vm/runstate.h"

#include <string.h>

/* Configuration registers. */
enum {
	DEVACTB = 0x58,
	PMREGMISC = 0x80,
	SMBBA = 0x90,
	SMBHSTCFG = 0xd2,
	SMBREV = 0xd6,
};

#define DEVACTB_APMC_EN	 0x02000000u
#define PMREGMISC_PMIOSE 0x01
#define SMBHSTCFG_EN	 0x01

/* Registers from PMBA. */
enum {
	PMSTS = 0x00,
	PMEN = 0x02,
	PMCNTRL = 0x04,
	PMTMR = 0x08,
	GPSTS = 0x0c,
	GPEN = 0x0e,
	PCNTRL = 0x10,
	GLBSTS = 0x18,
	DEVSTS = 0x1c,
	GLBEN = 0x20,
	GLBCTL = 0x28,
	DEVCTL = 0x2c,
	GPIREG = 0x30,
	GPOREG = 0x34,
};

#define PM_TMROF       0x0001
#define PM_BM	       0x0010
#define PM_GBL	       0x0020
#define PM_PWRBTN      0x0100
#define PM_RTC	       0x0400
#define PM_WAK	       0x8000
#define PMSTS_WRITABLE (PM_TMROF | PM_BM | PM_GBL | PM_PWRBTN | PM_RTC | PM_WAK)
#define PMEN_WRITABLE  (PM_TMROF | PM_GBL | PM_PWRBTN | PM_RTC)

#define CNTRL_SCI_EN	 0x0001
#define CNTRL_SUS_EN	 0x2000
#define CNTRL_SUS_TYP(v) ((v) >> 10 & 7)
#define CNTRL_WRITABLE	 0x1c03
#define SUS_TYP_OFF	 0 /* SUS_TYP: S5; 1 is S3 */

#define PM_TIMER_HZ   3579545
#define PM_TIMER_MASK 0xffffffu
#define PM_TIMER_HALF 0x800000 /* TMROF is set whenever bit 23 changes */

/* --- timer --- */

static int64_t timer_clocks(void)
{
	return (int64_t)mul_div_u64((uint64_t)clock_now(CLOCK_VIRTUAL), PM_TIMER_HZ, NS_PER_S);
}

static void overflow_note(struct piix4_pm *s)
{
	int64_t now = timer_clocks();

	if (now / PM_TIMER_HALF != s->timer_seen / PM_TIMER_HALF)
		s->pmsts |= PM_TMROF;
	s->timer_seen = now;
}

static void sci_update(struct piix4_pm *s)
{
	bool level;

	overflow_note(s);
	level = (s->pmcntrl & CNTRL_SCI_EN) &&
		((s->pmsts & s->pmen & PMEN_WRITABLE) || (s->gpsts & s->gpen));
	if (level != s->sci_level) {
		s->sci_level = level;
		irq_set(s->sci, level);
	}
	if ((s->pmen & PM_TMROF) && !(s->pmsts & PM_TMROF)) {
		uint64_t next = ((uint64_t)s->timer_seen / PM_TIMER_HALF + 1) * PM_TIMER_HALF;

		timer_set(&s->overflow, (int64_t)mul_div_u64(next, NS_PER_S, PM_TIMER_HZ) + 1);
	} else {
		timer_cancel(&s->overflow);
	}
}

static void overflow_fired(void *opaque)
{
	sci_update(opaque);
}

/* --- registers --- */

static void sleep_enter(struct piix4_pm *s, unsigned int type)
{
	if (type != SUS_TYP_OFF)
		log_printf(LOG_UNIMP, "piix4: sleep type %u is taken for power off\n", type);
	machine_request_shutdown();
}

static void control_write(struct piix4_pm *s, uint16_t value)
{
	s->pmcntrl = value & CNTRL_WRITABLE;
	if (value & CNTRL_SUS_EN)
		sleep_enter(s, CNTRL_SUS_TYP(value));
}

/* The registers as 16-bit words; wider and narrower accesses are composed of them. */
static uint16_t word_read(struct piix4_pm *s, unsigned int offset)
{
	switch (offset) {
	case PMSTS: sci_update(s); return s->pmsts;
	case PMEN: return s->pmen;
	case PMCNTRL: return s->pmcntrl;
	case PMTMR: return (uint16_t)timer_clocks();
	case PMTMR + 2: return (uint16_t)((timer_clocks() & PM_TIMER_MASK) >> 16);
	case GPSTS: return s->gpsts;
	case GPEN: return s->gpen;
	case PCNTRL: return (uint16_t)s->pcntrl;
	case PCNTRL + 2: return (uint16_t)(s->pcntrl >> 16);
	case GLBSTS: return s->glbsts;
	case DEVSTS: return (uint16_t)s->devsts;
	case DEVSTS + 2: return (uint16_t)(s->devsts >> 16);
	case GLBEN: return s->glben;
	case GLBCTL: return (uint16_t)s->glbctl;
	case GLBCTL + 2: return (uint16_t)(s->glbctl >> 16);
	case DEVCTL: return (uint16_t)s->devctl;
	case DEVCTL + 2: return (uint16_t)(s->devctl >> 16);
	case GPOREG: return (uint16_t)s->gpo;
	case GPOREG + 2: return (uint16_t)(s->gpo >> 16);
	default: return 0;
	}
}

static void half_set(uint32_t *reg, bool high, uint16_t value)
{
	*reg = high ? (*reg & 0xffff) | (uint32_t)value << 16 : (*reg & 0xffff0000) | value;
}

static void word_write(struct piix4_pm *s, unsigned int offset, uint16_t value)
{
	switch (offset) {
	case PMSTS:
		overflow_note(s);
		s->pmsts &= (uint16_t)~(value & PMSTS_WRITABLE);
		break;
	case PMEN: s->pmen = value & PMEN_WRITABLE; break;
	case PMCNTRL: control_write(s, value); break;
	case GPSTS: s->gpsts &= (uint16_t)~value; break;
	case GPEN: s->gpen = value; break;
	case PCNTRL:
	case PCNTRL + 2: half_set(&s->pcntrl, offset & 2, value); break;
	case GLBSTS: s->glbsts &= (uint16_t)~value; break;
	case GLBEN: s->glben = value; break;
	case GLBCTL:
	case GLBCTL + 2: half_set(&s->glbctl, offset & 2, value); break;
	case DEVCTL:
	case DEVCTL + 2: half_set(&s->devctl, offset & 2, value); break;
	case GPOREG:
	case GPOREG + 2: half_set(&s->gpo, offset & 2, value); break;
	default: break;
	}
	sci_update(s);
}

/* Status bits are cleared by ones: a byte write must not carry ones of the other byte. */
static bool write_one_clears(unsigned int word)
{
	return word == PMSTS || word == GPSTS || word == GLBSTS;
}

static uint64_t pm_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct piix4_pm *s = opaque;
	unsigned int at = (unsigned int)offset;

	if ((at & ~3u) == PMTMR)
		return (timer_clocks() & PM_TIMER_MASK) >> (8 * (at & 3));
	if (size == 1)
		return word_read(s, at & ~1u) >> (8 * (at & 1)) & 0xff;
	if (size == 2)
		return word_read(s, at & ~1u);
	return word_read(s, at & ~1u) | (uint32_t)word_read(s, (at & ~1u) + 2) << 16;
}

static void pm_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct piix4_pm *s = opaque;
	unsigned int at = (unsigned int)offset & ~1u, shift = 8 * (offset & 1);

	if (size == 1) {
		uint16_t other = write_one_clears(at) ? 0 : word_read(s, at) & ~(0xff << shift);

		word_write(s, at, (uint16_t)(other | (value & 0xff) << shift));
		return;
	}
	word_write(s, at, (uint16_t)value);
	if (size == 4)
		word_write(s, at + 2, (uint16_t)(value >> 16));
}

static uint64_t smb_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct piix4_pm *s = opaque;
	return smbus_host_read(&s->smbus_host, (unsigned int)offset);
}

static void smb_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct piix4_pm *s = opaque;
	smbus_host_write(&s->smbus_host, &s->smbus, (unsigned int)offset, (uint8_t)value);
}

/* --- advanced power management control, B2h and B3h --- */

static uint64_t apm_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct piix4_pm *s = opaque;
	return offset ? s->apms : s->apmc;
}

/*
 * The ACPI enable and disable commands are meant for firmware's SMI handler; the chip carries them
 * out itself, so that firmware without one will do.
 */
static void apm_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct piix4_pm *s = opaque;

	if (offset) {
		s->apms = (uint8_t)value;
		return;
	}
	s->apmc = (uint8_t)value;
	if (value == PIIX4_ACPI_ENABLE)
		s->pmcntrl |= CNTRL_SCI_EN;
	else if (value == PIIX4_ACPI_DISABLE)
		s->pmcntrl &= (uint16_t)~CNTRL_SCI_EN;
	else if (load_le32(s->pci.config + DEVACTB) & DEVACTB_APMC_EN)
		irq_pulse(s->smi);
	sci_update(s);
}

static const struct region_ops pm_ops = {.read = pm_read, .write = pm_write, .max_size = 4};
static const struct region_ops smb_ops = {.read = smb_read, .write = smb_write, .max_size = 1};
static const struct region_ops apm_ops = {.read = apm_read, .write = apm_write, .max_size = 1};

/* --- configuration space --- */

uint16_t piix4_pm_base(const struct piix4_pm *s)
{
	return load_le16(s->pci.config + PIIX4_PM_PMBA) & 0xffc0;
}

static void ports_map(struct piix4_pm *s, struct region *ports, uint64_t *mapped, uint64_t addr)
{
	if (addr == *mapped)
		return;
	if (*mapped)
		region_remove(ports);
	*mapped = addr;
	if (addr)
		region_add(s->pci.pci_bus->io, addr, ports, 0);
}

static void ports_update(struct piix4_pm *s)
{
	const uint8_t *c = s->pci.config;
	uint64_t smb = load_le16(c + SMBBA) & 0xfff0;

	ports_map(s, &s->pm_ports, &s->mapped_pm,
		  c[PMREGMISC] & PMREGMISC_PMIOSE ? piix4_pm_base(s) : 0);
	ports_map(s, &s->smb_ports, &s->mapped_smb, c[SMBHSTCFG] & SMBHSTCFG_EN ? smb : 0);
}

static void config_written(struct pci_device *dev, unsigned int offset, unsigned int size)
{
	ports_update((struct piix4_pm *)dev);
}

/* --- device --- */

static void power_button(void *opaque)
{
	struct piix4_pm *s = opaque;

	s->pmsts |= PM_PWRBTN;
	sci_update(s);
}

static void writable_init(uint8_t *w)
{
	store_le16(w + PCI_COMMAND, PCI_COMMAND_IO);
	store_le32(w + PIIX4_PM_PMBA, 0xffc0);
	for (unsigned int reg = 0x44; reg <= 0x78; reg += 4) /* CNTA to DEVRESJ */
		store_le32(w + reg, UINT32_MAX);
	w[PMREGMISC] = PMREGMISC_PMIOSE;
	store_le32(w + SMBBA, 0xfff0);
	w[SMBHSTCFG] = 0x0f;
	memset(w + 0xd3, 0xff, 3); /* SMBSLVC, SMBSHDW1 and 2 */
}

static struct error *piix4_pm_init(struct device *dev)
{
	struct piix4_pm *s = (struct piix4_pm *)dev;

	writable_init(s->pci.writable);
	timer_init(&s->overflow, CLOCK_VIRTUAL, overflow_fired, s);
	region_init_io(&s->pm_ports, "piix4-pm", 64, &pm_ops, s);
	region_init_io(&s->smb_ports, "piix4-smbus", 16, &smb_ops, s);
	region_init_io(&s->apm_ports, "apm", 2, &apm_ops, s);
	region_add(s->pci.pci_bus->io, PIIX4_SMI_COMMAND, &s->apm_ports, 0);
	machine_set_powerdown(power_button, s);
	return NULL;
}

static void piix4_pm_reset(struct device *dev)
{
	struct piix4_pm *s = (struct piix4_pm *)dev;
	uint8_t *c = s->pci.config;

	memset(c + PIIX4_PM_PMBA, 0, 0x80 - PIIX4_PM_PMBA);
	c[PIIX4_PM_PMBA] = 1;
	/* tells firmware that there is no system management mode to set up */
	if (!s->smm)
		store_le32(c + DEVACTB, DEVACTB_APMC_EN);
	c[PMREGMISC] = 0;
	store_le32(c + SMBBA, 1);
	memset(c + SMBHSTCFG, 0, 4);
	c[SMBREV] = 0;
	store_le16(c + PCI_STATUS, 0x0280);
	s->pmsts = s->pmen = s->pmcntrl = s->gpsts = s->gpen = 0;
	s->pcntrl = s->devctl = s->devsts = s->glbctl = 0;
	s->glbsts = s->glben = 0;
	s->gpo = 0x7fffbfff;
	s->apmc = s->apms = 0;
	s->timer_seen = timer_clocks();
	s->sci_level = false;
	timer_cancel(&s->overflow);
	smbus_host_reset(&s->smbus_host);
	ports_update(s);
}

static struct error *piix4_pm_post_load(struct device *dev)
{
	struct piix4_pm *s = (struct piix4_pm *)dev;

	if (s->timer_seen < 0)
		return error_new("piix4: impossible timer");
	ports_update(s);
	return NULL;
}

static const struct prop piix4_pm_props[] = {
	PROP_PTR("sci", struct piix4_pm, sci),
	PROP_PTR("smi", struct piix4_pm, smi),
	PROP_BOOL("smm", struct piix4_pm, smm, 0, "firmware may use system management mode"),
	PROP_END,
};

static const struct field piix4_pm_state[] = {
	F_PCI(struct piix4_pm, pci),
	F_BOOL(struct piix4_pm, sci_level),
	F_U16(struct piix4_pm, pmsts),
	F_U16(struct piix4_pm, pmen),
	F_U16(struct piix4_pm, pmcntrl),
	F_U16(struct piix4_pm, gpsts),
	F_U16(struct piix4_pm, gpen),
	F_U32(struct piix4_pm, pcntrl),
	F_U32(struct piix4_pm, devctl),
	F_U32(struct piix4_pm, gpo),
	F_U16(struct piix4_pm, glbsts),
	F_U16(struct piix4_pm, glben),
	F_U32(struct piix4_pm, devsts),
	F_U32(struct piix4_pm, glbctl),
	F_U8(struct piix4_pm, apmc),
	F_U8(struct piix4_pm, apms),
	F_U64(struct piix4_pm, timer_seen),
	F_TIMER(struct piix4_pm, overflow),
	F_STRUCT(struct piix4_pm, smbus_host, smbus_host_state),
	FIELD_END,
};

static const struct pci_info piix4_pm_info = {
	.vendor = 0x8086,
	.device = 0x7113,
	.class_code = 0x0680,
	.revision = 3,
	.interrupt_pin = 1,
	.config_written = config_written,
};

DEVICE_CLASS(piix4_pm, .name = "PIIX4_PM", .help = "82371AB power management", .bus = "PCI",
	     .size = sizeof(struct piix4_pm), .props = piix4_pm_props, .state = piix4_pm_state,
	     .init = piix4_pm_init, .reset = piix4_pm_reset, .post_load = piix4_pm_post_load,
	     .bus_info = &piix4_pm_info, .bus_props = pci_props, .hidden = true);
