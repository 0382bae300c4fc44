/*
 * ACPI tables of the i440FX board besides the DSDT: FACS, FADT, MADT, HPET, WAET, and the user's.
 * Sources: ACPI 1.0b, chapter 5; IA-PC HPET 1.0a, section 3.2.4; Windows ACPI Emulated devices
 * table 1.0.
 */
#include "machines/pc.h"
#include "machines/pc-acpi.h"

#include "base/bytes.h"
#include "hw/acpi/tables.h"

#include <string.h>

/* Where firmware puts the power management ports if it has not done so yet. */
#define DEFAULT_PM_BASE 0x600

/* Offsets in the FADT. */
enum {
	FADT_FACS = 36,
	FADT_DSDT = 40,
	FADT_PM1A_EVT = 56,
	FADT_PM1A_CNT = 64,
	FADT_PM_TMR = 76,
	FADT_GPE0 = 80,
	FADT_SIZE = 116,
};

#define FADT_WBINVD	(1u << 0)
#define FADT_PROC_C1	(1u << 2)
#define FADT_SLP_BUTTON (1u << 5) /* there is no fixed one */
#define FADT_RTC_S4	(1u << 7)

/* MPS INTI flags of interrupt source overrides. */
#define INTI_LEVEL_HIGH 0x000d

static guint add_facs(struct acpi_tables *t)
{
	uint8_t facs[64] = "FACS";
	guint at;

	acpi_align(t, 64);
	at = t->blob->len;
	store_le32(facs + 4, sizeof(facs));
	acpi_put_bytes(t, facs, sizeof(facs));
	return at;
}

static struct error *add_dsdt(struct acpi_tables *t, const struct pc *pc, guint *start)
{
	struct aml a;

	aml_init(&a);
	pc_dsdt(&a, pc);
	*start = acpi_begin(t, "DSDT", 1);
	acpi_put_bytes(t, a.out->data, a.out->len);
	g_byte_array_unref(a.out);
	return acpi_end(t, *start, false);
}

static void fadt_ports(uint8_t *fadt, uint32_t base)
{
	store_le32(fadt + FADT_PM1A_EVT, base);
	store_le32(fadt + FADT_PM1A_CNT, base + PIIX4_PM_CONTROL);
	store_le32(fadt + FADT_PM_TMR, base + PIIX4_PM_TIMER);
	store_le32(fadt + FADT_GPE0, base + PIIX4_PM_GPE0);
}

static struct error *add_fadt(struct acpi_tables *t, struct pc *pc, guint facs, guint dsdt)
{
	guint start = acpi_begin(t, "FACP", 1);
	uint8_t fadt[FADT_SIZE] = {0};

	fadt[44] = 1; /* INT_MODEL: multiple APIC */
	store_le16(fadt + 46, PC_SCI_IRQ);
	store_le32(fadt + 48, PIIX4_SMI_COMMAND);
	fadt[52] = PIIX4_ACPI_ENABLE;
	fadt[53] = PIIX4_ACPI_DISABLE;
	fadt_ports(fadt, DEFAULT_PM_BASE);
	fadt[88] = 4;		      /* PM1_EVT_LEN */
	fadt[89] = 2;		      /* PM1_CNT_LEN */
	fadt[91] = 4;		      /* PM_TM_LEN */
	fadt[92] = 4;		      /* GPE0_BLK_LEN */
	store_le16(fadt + 96, 0xfff); /* P_LVL2_LAT, P_LVL3_LAT: no C2, no C3 */
	store_le16(fadt + 98, 0xfff);
	fadt[108] = 0x32; /* CENTURY */
	store_le32(fadt + 112, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_RTC_S4);
	acpi_put_bytes(t, fadt + ACPI_HEADER, sizeof(fadt) - ACPI_HEADER);
	acpi_link(t, start + FADT_FACS, facs);
	acpi_link(t, start + FADT_DSDT, dsdt);
	pc->fadt_offset = start;
	return acpi_end(t, start, true);
}

static void madt_override(struct acpi_tables *t, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	acpi_put8(t, 2);
	acpi_put8(t, 10);
	acpi_put8(t, 0); /* ISA */
	acpi_put8(t, irq);
	acpi_put32(t, gsi);
	acpi_put16(t, flags);
}

static void madt_ioapic(struct acpi_tables *t)
{
	static const uint8_t level_irqs[] = {5, 9, 10, 11};

	acpi_put8(t, 1);
	acpi_put8(t, 12);
	acpi_put8(t, 0);
	acpi_put8(t, 0);
	acpi_put32(t, (uint32_t)IOAPIC_BASE);
	acpi_put32(t, 0);
	madt_override(t, 0, 2, 0);
	for (unsigned int i = 0; i < sizeof(level_irqs); i++)
		madt_override(t, level_irqs[i], level_irqs[i], INTI_LEVEL_HIGH);
}

static struct error *add_madt(struct acpi_tables *t, const struct pc *pc)
{
	guint start = acpi_begin(t, "APIC", 1);

	acpi_put32(t, (uint32_t)APIC_DEFAULT_BASE);
	acpi_put32(t, 1); /* PCAT_COMPAT: there are 8259s */
	for (unsigned int i = 0; i < pc->m->cpus; i++) {
		acpi_put8(t, 0);
		acpi_put8(t, 8);
		acpi_put8(t, (uint8_t)i);
		acpi_put8(t, (uint8_t)i);
		acpi_put32(t, 1);
	}
	madt_ioapic(t);
	/* NMI is LINT1 of every processor */
	acpi_put8(t, 4);
	acpi_put8(t, 6);
	acpi_put8(t, 0xff);
	acpi_put16(t, 0);
	acpi_put8(t, 1);
	return acpi_end(t, start, true);
}

static struct error *add_hpet(struct acpi_tables *t, const struct pc *pc)
{
	guint start;

	if (!pc->hpet)
		return NULL;
	start = acpi_begin(t, "HPET", 1);
	acpi_put32(t, HPET_ID);
	acpi_put32(t, 0); /* address: in memory, of any width */
	acpi_put64(t, HPET_BASE);
	acpi_put8(t, 0);
	acpi_put16(t, 0);
	acpi_put8(t, 0);
	return acpi_end(t, start, true);
}

/* The PM timer reads right the first time. */
static struct error *add_waet(struct acpi_tables *t)
{
	guint start = acpi_begin(t, "WAET", 1);

	acpi_put32(t, 2);
	return acpi_end(t, start, true);
}

/* Firmware has moved the ports by the time it reads the tables. */
static void tables_selected(void *opaque)
{
	struct pc *pc = opaque;
	size_t size;
	uint8_t *data = fw_cfg_file_data(pc->fw, ACPI_TABLES_FILE, &size);
	uint16_t base = piix4_pm_base(pc->pm);

	if (base && data && pc->fadt_offset + FADT_SIZE <= size)
		fadt_ports(data + pc->fadt_offset, base);
}

struct error *pc_add_acpi(struct pc *pc)
{
	struct machine *m = pc->m;
	struct acpi_tables t;
	struct error *err;
	guint facs, dsdt;

	if (!pc->pm)
		return NULL;
	acpi_tables_init(&t);
	facs = add_facs(&t);
	err = add_dsdt(&t, pc, &dsdt);
	err = err ? err : add_fadt(&t, pc, facs, dsdt);
	err = err ? err : add_madt(&t, pc);
	err = err ? err : add_hpet(&t, pc);
	err = err ? err : add_waet(&t);
	for (guint i = 0; m->acpi_tables && i < m->acpi_tables->len && !err; i++)
		err = acpi_add_option(&t, g_ptr_array_index(m->acpi_tables, i));
	err = err ? err : acpi_finish(&t, pc->fw);
	if (!err)
		fw_cfg_on_select(pc->fw, ACPI_TABLES_FILE, tables_selected, pc);
	return err;
}
