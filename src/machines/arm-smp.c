#include "machines/arm-smp.h"

#include "base/bytes.h"

/* Interrupts stay masked in the CPSR: one that the controller's interface lets through ends WFI all
 * the same. */
static const uint32_t code[] = {
	0xe59f2024, /*	ldr	r2, interface	*/
	0xe59f1024, /*	ldr	r1, flags	*/
	0xe3a00001, /*	mov	r0, #1		*/
	0xe5820000, /*	str	r0, [r2]	@ ICCICR: enable */
	0xe3a000ff, /*	mov	r0, #0xff	*/
	0xe5820004, /*	str	r0, [r2, #4]	@ ICCPMR: all priorities */
	0xee070f90, /* 1:	mcr	p15, 0, r0, c7, c0, 4	@ WFI */
	0xe5910000, /*	ldr	r0, [r1]	*/
	0xe3500000, /*	cmp	r0, #0		*/
	0x0afffffb, /*	beq	1b		*/
	0xe12fff10, /*	bx	r0		*/
		    /* interface, flags */
};
#define CODE_WORDS G_N_ELEMENTS(code)

struct error *arm_pen_create(struct arm_pen *pen, struct arm_board *b, uint32_t addr,
			     uint32_t flags, uint32_t interface)
{
	struct error *err = region_init_rom(&pen->rom, "boot-monitor", 4096, NULL, NULL);
	uint8_t *to;

	if (err)
		return err;
	to = pen->rom.ram->host;
	for (unsigned int i = 0; i < CODE_WORDS; i++)
		store_le32(to + 4 * i, code[i]);
	store_le32(to + 4 * CODE_WORDS, interface);
	store_le32(to + 4 * CODE_WORDS + 4, flags);
	region_add(&b->m->memory_root, addr, &pen->rom, 0);
	b->boot.secondary_entry = addr;
	return NULL;
}
