/*
 * The program around the test cases of truth.py, which has it as hexadecimal words (make-driver puts
 * them there). For each case: fill 512 bytes around SP, load flags and registers, jump to the case; it
 * comes back to `back`, which stores everything and writes it to file 1.
 *
 * Literals behind the code are filled in by truth.py: BUF + 0x800, number of cases, PATTERN, CASES.
 */
	.syntax unified
	.arm
	.global _start
_start:
	ldr	sp, buf
	mov	r0, #0
	str	r0, [sp, #-0x700]
next:
	ldr	r1, [sp, #-0x700]
	ldr	r2, count
	cmp	r1, r2
	beq	finish
	add	r3, r1, #1
	str	r3, [sp, #-0x700]
	ldr	r4, pattern
	sub	r5, sp, #256
	mov	r6, #128
1:	ldr	r7, [r4], #4
	str	r7, [r5], #4
	subs	r6, r6, #1
	bne	1b
	ldr	r2, cases
	add	r2, r2, r1, lsl #9
	ldr	r3, [r2]
	str	r3, [sp, #-0x6fc]
#ifdef WMMX
	wldrw	wCASF, [r2, #8]
	add	r3, r2, #128
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	wldrd	wR\n, [r3, #8 * \n]
	.endr
#endif
#ifdef VFP
	ldr	r3, [r2, #8]
	vmsr	fpscr, r3
	add	r3, r2, #128
	vldmia	r3!, {d0-d15}
#if VFP > 16
	vldmia	r3!, {d16-d31}
#endif
#endif
	ldr	r3, [r2, #4]
#ifdef GE
	msr	CPSR_fs, r3
#else
	msr	CPSR_f, r3
#endif
	add	r2, r2, #16
	ldmia	r2, {r0-r12, lr}
	ldr	pc, [sp, #-0x6fc]
back:
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,14
	str	r\n, [sp, #-0x600 + 4 * \n]
	.endr
	mrs	r0, CPSR
	str	r0, [sp, #-0x600 + 52]
#ifdef WMMX
	tmrc	r0, wCASF
	str	r0, [sp, #-0x600 + 60]
	tmrc	r0, wCSSF
	str	r0, [sp, #-0x5c0 + 128]
	sub	r0, sp, #0x5c0
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	wstrd	wR\n, [r0, #8 * \n]
	.endr
#endif
#ifdef VFP
	vmrs	r0, fpscr
	str	r0, [sp, #-0x600 + 60]
	mov	r0, #0
	vmsr	fpscr, r0
	sub	r0, sp, #0x5c0
	vstmia	r0!, {d0-d15}
#if VFP > 16
	vstmia	r0!, {d16-d31}
#endif
#endif
	mov	r0, #1
	sub	r1, sp, #0x600
	mov	r2, #0x700
	mov	r7, #4
	svc	0
	b	next
finish:
	mov	r0, #0
	mov	r7, #248
	svc	0
buf:	.word 0
count:	.word 0
pattern: .word 0
cases:	.word 0
here:	.word back - _start
