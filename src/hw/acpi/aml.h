/*
 * A writer of ACPI machine language. Source: ACPI 1.0b, chapter 16; resource descriptors 6.4.
 *
 *	aml_scope(&a, "\\_SB");
 *		aml_device(&a, "HPET");
 *			aml_name(&a, "_HID"), aml_eisaid(&a, "PNP0103");
 *		aml_end(&a);
 *	aml_end(&a);
 *
 * What opens a package is closed by aml_end(); operands follow their operator, as in the byte code.
 */
#ifndef HW_ACPI_AML_H
#define HW_ACPI_AML_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define AML_DEPTH 16

struct aml {
	GByteArray *out;
	guint starts[AML_DEPTH];
	unsigned int depth;
};

enum aml_op {
	AML_STORE = 0x70,
	AML_AND = 0x7b,
	AML_OR = 0x7d,
	AML_LOCAL0 = 0x60,
	AML_ARG0 = 0x68,
	AML_LEQUAL = 0x93,
	AML_LLESS = 0x95,
	AML_RETURN = 0xa4,
	AML_CREATE_DWORD_FIELD = 0x8a,
	AML_NULL = 0x00,
};

void aml_init(struct aml *a);
void aml_end(struct aml *a);

/* Packages. */
void aml_scope(struct aml *a, const char *name);
void aml_device(struct aml *a, const char *name);
void aml_method(struct aml *a, const char *name, unsigned int args, bool serialized);
void aml_processor(struct aml *a, const char *name, uint8_t id);
void aml_if(struct aml *a);
void aml_package(struct aml *a, uint8_t count);
void aml_field(struct aml *a, const char *region, uint8_t flags);
void aml_buffer_resources(struct aml *a); /* closed by aml_end_resources() */
void aml_end_resources(struct aml *a);

/* Objects and operators. */
void aml_byte(struct aml *a, uint8_t byte);
void aml_op(struct aml *a, enum aml_op op);
void aml_name(struct aml *a, const char *name); /* its value follows */
void aml_ref(struct aml *a, const char *name);
void aml_int(struct aml *a, uint64_t value);
void aml_string(struct aml *a, const char *text);
void aml_eisaid(struct aml *a, const char *id);
/* space: 0 memory, 1 I/O, 2 PCI configuration */
void aml_region(struct aml *a, const char *name, uint8_t space, uint64_t offset, uint64_t len);
void aml_field_unit(struct aml *a, const char *name, unsigned int bits);
void aml_name_int(struct aml *a, const char *name, uint64_t value);
void aml_name_eisaid(struct aml *a, const char *name, const char *id);

/* Resource descriptors. */
void aml_res_io(struct aml *a, uint16_t base, uint8_t align, uint8_t len);
void aml_res_irq(struct aml *a, unsigned int irq);
void aml_res_dma(struct aml *a, unsigned int channel);
void aml_res_memory32(struct aml *a, uint32_t base, uint32_t len, bool writable);
void aml_res_interrupts(struct aml *a, const uint8_t *irqs,
			uint8_t count); /* level, high, shared */
void aml_res_bus(struct aml *a, uint16_t first, uint16_t last);
void aml_res_io_window(struct aml *a, uint16_t first, uint16_t last);
void aml_res_memory_window(struct aml *a, uint32_t first, uint32_t last, bool cacheable);

#endif
