/*
 * The DSDT of the i440FX board: the PCI root with its windows and interrupt routing, the devices
 * at ISA addresses, processors, and how to power off. Source: ACPI 1.0b; PIRQ registers 60h-63h of
 * the 82371SB.
 */
#include "machines/pc.h"
#include "machines/pc-acpi.h"

#include <stdio.h>

static const char *const link_names[4] = {"LNKA", "LNKB", "LNKC", "LNKD"};
static const char *const pirq_names[4] = {"PRQ0", "PRQ1", "PRQ2", "PRQ3"};

/* What PIRQs may be routed to: the MADT calls these level triggered. */
static const uint8_t pirq_targets[] = {5, 10, 11};

#define FIELD_BYTE_ACCESS 0x01 /* no lock, preserve */

/* --- PCI root --- */

static void root_windows(struct aml *a, const struct pc *pc)
{
	aml_name(a, "_CRS");
	aml_buffer_resources(a);
	aml_res_bus(a, 0, 255);
	aml_res_io(a, 0xcf8, 1, 8);
	aml_res_io_window(a, 0x0000, 0x0cf7);
	aml_res_io_window(a, 0x0d00, 0xffff);
	aml_res_memory_window(a, 0x000a0000, 0x000bffff, true);
	aml_res_memory_window(a, (uint32_t)pc->low_ram, (uint32_t)PC_HOLE_END - 1, false);
	aml_end_resources(a);
}

static void route(struct aml *a, unsigned int slot, unsigned int pin)
{
	aml_package(a, 4);
	aml_int(a, slot << 16 | 0xffff);
	aml_int(a, pin);
	aml_ref(a, link_names[piix3_pirq_of(PCI_DEVFN(slot, 0), pin)]);
	aml_int(a, 0);
	aml_end(a);
}

static void root_routing(struct aml *a)
{
	aml_name(a, "_PRT");
	aml_package(a, 4 * 31);
	for (unsigned int slot = 1; slot < 32; slot++) {
		for (unsigned int pin = 0; pin < 4; pin++)
			route(a, slot, pin);
	}
	aml_end(a);
}

/* --- interrupt links --- */

/* A register with bit 7 set routes nowhere. */
static void link_status(struct aml *a, const char *pirq)
{
	aml_method(a, "_STA", 0, false);
	aml_if(a);
	aml_op(a, AML_AND);
	aml_ref(a, pirq);
	aml_int(a, 0x80);
	aml_op(a, AML_NULL);
	aml_op(a, AML_RETURN);
	aml_int(a, 0x09);
	aml_end(a);
	aml_op(a, AML_RETURN);
	aml_int(a, 0x0b);
	aml_end(a);
}

static void link_disable(struct aml *a, const char *pirq)
{
	aml_method(a, "_DIS", 0, false);
	aml_op(a, AML_OR);
	aml_ref(a, pirq);
	aml_int(a, 0x80);
	aml_ref(a, pirq);
	aml_end(a);
}

/* The interrupt number is at byte 5 of an extended interrupt descriptor. */
static void link_current(struct aml *a, const char *pirq)
{
	static const uint8_t none[] = {0};

	aml_method(a, "_CRS", 0, true);
	aml_name(a, "PRR0");
	aml_buffer_resources(a);
	aml_res_interrupts(a, none, 1);
	aml_end_resources(a);
	aml_op(a, AML_CREATE_DWORD_FIELD);
	aml_ref(a, "PRR0");
	aml_int(a, 5);
	aml_ref(a, "PRRI");
	aml_if(a);
	aml_op(a, AML_LLESS);
	aml_ref(a, pirq);
	aml_int(a, 0x80);
	aml_op(a, AML_STORE);
	aml_ref(a, pirq);
	aml_ref(a, "PRRI");
	aml_end(a);
	aml_op(a, AML_RETURN);
	aml_ref(a, "PRR0");
	aml_end(a);
}

static void link_set(struct aml *a, const char *pirq)
{
	aml_method(a, "_SRS", 1, false);
	aml_op(a, AML_CREATE_DWORD_FIELD);
	aml_op(a, AML_ARG0);
	aml_int(a, 5);
	aml_ref(a, "PRRI");
	aml_op(a, AML_STORE);
	aml_ref(a, "PRRI");
	aml_ref(a, pirq);
	aml_end(a);
}

static void interrupt_link(struct aml *a, unsigned int n)
{
	char pirq[64];

	snprintf(pirq, sizeof(pirq), "\\_SB.PCI0.ISA.%s", pirq_names[n]);
	aml_device(a, link_names[n]);
	aml_name_eisaid(a, "_HID", "PNP0C0F");
	aml_name_int(a, "_UID", n + 1);
	aml_name(a, "_PRS");
	aml_buffer_resources(a);
	aml_res_interrupts(a, pirq_targets, sizeof(pirq_targets));
	aml_end_resources(a);
	link_status(a, pirq);
	link_disable(a, pirq);
	link_current(a, pirq);
	link_set(a, pirq);
	aml_end(a);
}

/* --- ISA devices --- */

static void isa_device(struct aml *a, const char *name, const char *id, int uid)
{
	aml_device(a, name);
	aml_name_eisaid(a, "_HID", id);
	if (uid >= 0)
		aml_name_int(a, "_UID", (uint64_t)uid);
	aml_name(a, "_CRS");
	aml_buffer_resources(a);
}

static void isa_device_end(struct aml *a)
{
	aml_end_resources(a);
	aml_end(a);
}

static void keyboard_and_mouse(struct aml *a)
{
	isa_device(a, "KBD", "PNP0303", -1);
	aml_res_io(a, 0x60, 1, 1);
	aml_res_io(a, 0x64, 1, 1);
	aml_res_irq(a, 1);
	isa_device_end(a);
	isa_device(a, "MOU", "PNP0F13", -1);
	aml_res_irq(a, 12);
	isa_device_end(a);
}

static void serial_and_parallel(struct aml *a, const struct machine *m)
{
	static const uint16_t com[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8}, lpt[3] = {0x378, 0x278, 0x3bc};
	static const uint8_t com_irq[4] = {4, 3, 4, 3}, lpt_irq[3] = {7, 7, 7};
	char name[8];

	for (unsigned int i = 0; i < m->serial_count && i < 4; i++) {
		if (!m->serial[i])
			continue;
		snprintf(name, sizeof(name), "COM%u", i + 1);
		isa_device(a, name, "PNP0501", (int)i + 1);
		aml_res_io(a, com[i], 8, 8);
		aml_res_irq(a, com_irq[i]);
		isa_device_end(a);
	}
	for (unsigned int i = 0; i < m->parallel_count && i < 3; i++) {
		if (!m->parallel[i])
			continue;
		snprintf(name, sizeof(name), "LPT%u", i + 1);
		isa_device(a, name, "PNP0400", (int)i + 1);
		aml_res_io(a, lpt[i], 8, 8);
		aml_res_irq(a, lpt_irq[i]);
		isa_device_end(a);
	}
}

static void floppy(struct aml *a)
{
	if (!device_class_find("isa-fdc"))
		return;
	isa_device(a, "FDC0", "PNP0700", -1);
	aml_res_io(a, 0x3f2, 0, 4);
	aml_res_io(a, 0x3f7, 0, 1);
	aml_res_irq(a, 6);
	aml_res_dma(a, 2);
	isa_device_end(a);
}

static void isa_bridge(struct aml *a, const struct pc *pc)
{
	aml_device(a, "ISA");
	aml_name_int(a, "_ADR", 0x00010000);
	aml_region(a, "P40C", 2, 0x60, 4);
	aml_field(a, "P40C", FIELD_BYTE_ACCESS);
	for (unsigned int n = 0; n < 4; n++)
		aml_field_unit(a, pirq_names[n], 8);
	aml_end(a);
	isa_device(a, "RTC", "PNP0B00", -1);
	aml_res_io(a, 0x70, 1, 8);
	aml_res_irq(a, 8);
	isa_device_end(a);
	keyboard_and_mouse(a);
	floppy(a);
	serial_and_parallel(a, pc->m);
	aml_end(a);
}

/* --- the rest --- */

static void hpet(struct aml *a)
{
	aml_device(a, "HPET");
	aml_name_eisaid(a, "_HID", "PNP0103");
	aml_name_int(a, "_UID", 0);
	aml_name_int(a, "_STA", 0x0f);
	aml_name(a, "_CRS");
	aml_buffer_resources(a);
	aml_res_memory32(a, (uint32_t)HPET_BASE, 0x400, false);
	aml_end_resources(a);
	aml_end(a);
}

static void firmware_configuration(struct aml *a)
{
	aml_device(a, "FWCF");
	aml_name(a, "_HID");
	aml_string(a, "QEMU0002");
	aml_name_int(a, "_STA", 0x0b);
	aml_name(a, "_CRS");
	aml_buffer_resources(a);
	aml_res_io(a, 0x510, 1, 12);
	aml_end_resources(a);
	aml_end(a);
}

static void processors(struct aml *a, unsigned int count)
{
	char name[8];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		aml_processor(a, name, (uint8_t)i);
		aml_end(a);
	}
}

/* SLP_TYP of soft off. */
static void sleep_states(struct aml *a)
{
	aml_name(a, "\\_S5");
	aml_package(a, 4);
	for (unsigned int i = 0; i < 4; i++)
		aml_int(a, 0);
	aml_end(a);
}

void pc_dsdt(struct aml *a, const struct pc *pc)
{
	sleep_states(a);
	aml_scope(a, "\\_SB");
	processors(a, pc->m->cpus);
	aml_device(a, "PCI0");
	aml_name_eisaid(a, "_HID", "PNP0A03");
	aml_name_int(a, "_ADR", 0);
	aml_name_int(a, "_UID", 0);
	root_windows(a, pc);
	root_routing(a);
	isa_bridge(a, pc);
	firmware_configuration(a);
	aml_end(a);
	for (unsigned int n = 0; n < 4; n++)
		interrupt_link(a, n);
	if (pc->hpet)
		hpet(a);
	aml_end(a);
}
