/* A multiboot kernel to be debugged: counts for ever, by a call, with a store at each turn. */
	.section .multiboot, "a"
	.long 0x1badb002, 0, -0x1badb002
	.text
	.globl _start, count, counter, table, turn
_start:
	mov	$stack_top, %esp
	mov	$1, %ebx
turn:
	call	count
	mov	counter, %ecx
	and	$15, %ecx
	mov	table(, %ecx, 4), %edx
	jmp	turn
count:
	mov	counter, %eax
	inc	%eax
	mov	%eax, counter
	ret
	.data
counter:
	.long 100
table:
	.rept 16
	.long 0x1234
	.endr
	.bss
	.space 4096
stack_top:
