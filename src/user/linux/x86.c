/*
 * The x86 ABIs: registers of calls, exceptions as signals, segments. Sources: System V ABI, i386
 * and AMD64 supplements; arch/x86/include/uapi/asm/ of the kernel (ldt.h, prctl.h).
 *
 * Descriptor tables are in pages of the emulator's that only descriptor loads see: linear
 * addresses KERNEL_GDT and KERNEL_LDT of the supervisor's MMU mode.
 */
#include "user/linux/x86.h"

#include "interp/x86/gdb.h"
#include "interp/x86/mmu.h"

#include "base/log.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <string.h>
#include <sys/syscall.h>

#define KERNEL_GDT   UINT64_C(0xffff0000)
#define KERNEL_LDT   UINT64_C(0xfffe0000)
#define KERNEL_PAGES 16 /* of the LDT, the process's; one page a thread follows */
#define GDT_LIMIT    (16 * 8 - 1)

#define ATTR_CODE (SEG_P | SEG_S | SEG_CODE | SEG_R | SEG_A | SEG_G | 3 << SEG_DPL_SHIFT)
#define ATTR_DATA (SEG_P | SEG_S | SEG_W | SEG_A | SEG_G | SEG_DB | 3 << SEG_DPL_SHIFT)

/* --- memory --- */

/* The page of a supervisor's access, as an offset into the kernel's region. */
static bool kernel_page(struct thread *t, uint64_t va, uint64_t *offset)
{
	if (va - KERNEL_LDT < KERNEL_PAGES * GUEST_PAGE_SIZE) {
		*offset = va - KERNEL_LDT;
		return true;
	}
	*offset = (KERNEL_PAGES + t->segments[7]) * GUEST_PAGE_SIZE;
	return va - KERNEL_GDT < GUEST_PAGE_SIZE;
}

static uint8_t *gdt_of(struct thread *t)
{
	return t->process->kernel.ram->host + (KERNEL_PAGES + t->segments[7]) * GUEST_PAGE_SIZE;
}

static bool tlb_fill(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access,
		     unsigned int mode, bool probe)
{
	struct x86_cpu *c = x86_cpu(&v->cpu);
	struct thread *t = thread_of(v);
	uint64_t offset;
	uint32_t error = PF_U;

	if (mode == MMU_SUPER && kernel_page(t, va & GUEST_PAGE_MASK, &offset)) {
		vcpu_tlb_set(v, mode, va, mm_task_size(t->process->mm) + offset, PROT_R | PROT_W,
			     GUEST_PAGE_SIZE);
		return true;
	}
	t->bus = false;
	if (canonical(va) && user_tlb_fill(v, va, access, mode))
		return true;
	if (probe)
		return false;
	if (!canonical(va))
		x86_raise_error(c, EXC_GP, 0);
	struct mm_area area;
	if (mm_find(t->process->mm, va, &area))
		error |= PF_P;
	if (access == ACCESS_WRITE)
		error |= PF_W;
	if (access == ACCESS_EXEC)
		error |= PF_I;
	x86_raise_page_fault(c, va, error);
}

static NORETURN void host_fault(struct thread *t, uint64_t va, bool write)
{
	struct mm_area area;
	uint32_t error = PF_U | (write ? PF_W : 0);

	if (t->abi->word == 4)
		va = (uint32_t)va;
	else if (!canonical(va))
		x86_raise_error(x86_of(t), EXC_GP, 0);
	if (mm_find(t->process->mm, va, &area))
		error |= PF_P;
	x86_raise_page_fault(x86_of(t), va, error);
}

/* --- exceptions --- */

static void fault(struct thread *t, int signo, int code, uint64_t addr)
{
	t->trap = TRAP_SIGNAL;
	t->fault.signo = signo;
	t->fault.info = (siginfo_t){.si_signo = signo, .si_code = code};
	t->fault.info.si_addr = (void *)(uintptr_t)addr;
}

/* Code of SIGFPE from x87's or SSE's status bits. */
static int fpe_code(uint32_t status)
{
	return status & FSW_IE		    ? FPE_FLTINV
	       : status & FSW_ZE	    ? FPE_FLTDIV
	       : status & FSW_OE	    ? FPE_FLTOVF
	       : status & (FSW_UE | FSW_DE) ? FPE_FLTUND
	       : status & FSW_PE	    ? FPE_FLTRES
					    : 0;
}

static void page_fault(struct thread *t, struct x86_cpu *c, uint32_t error)
{
	if (t->bus)
		fault(t, SIGBUS, t->bus_code, c->cr2);
	else
		fault(t, SIGSEGV, error & PF_P ? SEGV_ACCERR : SEGV_MAPERR, c->cr2);
	t->bus = false;
}

static void exception(struct thread *t, struct x86_cpu *c, const struct x86_delivery *d)
{
	uint64_t pc = c->v.pc;

	switch (d->vector) {
	case EXC_DE: fault(t, SIGFPE, FPE_INTDIV, pc); break;
	case EXC_DB: fault(t, SIGTRAP, TRAP_TRACE, pc); break;
	case EXC_BP: fault(t, SIGTRAP, SI_KERNEL, 0); break;
	case EXC_UD: fault(t, SIGILL, ILL_ILLOPN, pc); break;
	case EXC_NP:
	case EXC_SS: fault(t, SIGBUS, SI_KERNEL, 0); break;
	case EXC_PF: page_fault(t, c, d->error); break;
	case EXC_MF:
		fault(t, SIGFPE, fpe_code(x87_status_word(c) & ~(uint32_t)c->r.fcw & 0x3f), pc);
		break;
	case EXC_AC: fault(t, SIGBUS, BUS_ADRALN, 0); break;
	case EXC_XM: fault(t, SIGFPE, fpe_code(c->r.mxcsr & ~(c->r.mxcsr >> 7) & 0x3f), pc); break;
	default: fault(t, SIGSEGV, SI_KERNEL, 0); break;
	}
	t->fault.trap = d->vector;
	t->fault.error = d->has_error ? d->error : 0;
	t->fault.address = c->cr2;
}

/* In place of the IDT. INT n of a vector that user programs have no gate for is #GP there. */
static void trap(struct x86_cpu *c, const struct x86_delivery *d)
{
	struct thread *t = thread_of(&c->v);

	__atomic_store_n(&c->v.cpu.exit_request, 1, __ATOMIC_SEQ_CST);
	if (!d) {
		t->trap = TRAP_CALL;
		return;
	}
	if (!d->software) {
		exception(t, c, d);
		return;
	}
	bool gate = d->vector == EXC_BP || d->vector == EXC_OF || d->vector == 0x80;
	vcpu_sync_pc(&c->v);
	if (gate)
		c->v.pc = d->return_pc;
	if (d->vector == 0x80) {
		t->trap = TRAP_CALL;
		return;
	}
	struct x86_delivery gp = {.vector = gate ? d->vector : EXC_GP,
				  .has_error = !gate,
				  .error = d->vector * 8u + 2};
	exception(t, c, &gp);
}

/* --- segments --- */

static void put_desc(uint8_t *at, uint32_t base, uint32_t limit, uint32_t attr)
{
	if (limit > 0xfffff) {
		limit >>= 12;
		attr |= SEG_G;
	}
	store_le32(at, (limit & 0xffff) | base << 16);
	store_le32(at + 4, (base >> 16 & 0xff) | (base & 0xff000000) | (limit & 0xf0000) | attr);
}

bool x86_user_load_seg(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector)
{
	struct vcpu *v = &c->v;

	v->op = NULL;
	if (sigsetjmp(v->escape, 0))
		return false;
	x86_load_seg(c, s, selector);
	return true;
}

void x86_user_set_code(struct x86_cpu *c, uint16_t cs, uint16_t ss)
{
	bool code64 = cs == USER64_CS;

	x86_seg_set(c, CS, cs, 0, UINT32_MAX, ATTR_CODE | (code64 ? SEG_L : SEG_DB));
	if (c->seg[SS].selector != ss || !c->seg[SS].usable)
		x86_seg_set(c, SS, ss, 0, UINT32_MAX, ATTR_DATA);
	x86_mode_changed(c);
}

static void init_tables(struct thread *t, struct x86_cpu *c)
{
	uint8_t *gdt = gdt_of(t);

	put_desc(gdt + (USER32_CS & ~7), 0, UINT32_MAX, ATTR_CODE | SEG_DB);
	put_desc(gdt + (USER_DS & ~7), 0, UINT32_MAX, ATTR_DATA);
	put_desc(gdt + (USER64_CS & ~7), 0, UINT32_MAX, ATTR_CODE | SEG_L);
	c->gdt.base = KERNEL_GDT;
	c->gdt.limit = GDT_LIMIT;
	c->idt.limit = 0;
	x86_seg_set(c, SEG_LDT, 0, KERNEL_LDT, 0xffff, SEG_P | DESC_LDT << 8);
	/* No I/O permission map: every port is refused. */
	x86_seg_set(c, SEG_TSS, 0, 0, 0, SEG_P | DESC_TSS32_BUSY << 8);
}

/* A page for a thread's GDT. With so many threads that none is left, the last one is shared: its
 * users have each other's TLS selectors, which 64-bit programs never load. */
static unsigned int slot_take(struct process *p)
{
	unsigned int slot = 0, count = KERNEL_PAGES_MAX - KERNEL_PAGES;

	while (slot < count - 1 && p->kernel_used[slot / 8] >> (slot % 8) & 1)
		slot++;
	p->kernel_used[slot / 8] |= (uint8_t)(1u << (slot % 8));
	return slot;
}

static void release(struct thread *t)
{
	uint64_t slot = t->segments[7];

	t->process->kernel_used[slot / 8] &= (uint8_t)~(1u << (slot % 8));
	memset(gdt_of(t), 0, GDT_LIMIT + 1);
}

static struct isa user_isa;

/* A signal is there, or the processor has made one (a single step): not one instruction more. */
static void events(struct vcpu *v)
{
	struct thread *t = thread_of(v);

	if (!t->noted)
		x86_events(v);
	if (t->noted || t->trap != TRAP_NONE) {
		__atomic_store_n(&v->cpu.exit_request, 1, __ATOMIC_SEQ_CST);
		vcpu_leave(v);
	}
}

static void init(struct thread *t)
{
	struct x86_cpu *c = x86_of(t);
	bool wide = t->abi->word == 8;

	user_isa = x86_isa;
	user_isa.tlb_fill = tlb_fill;
	user_isa.events = events;
	c->v.isa = &user_isa;
	c->trap = trap;
	c->v.cpu.halted = false;
	c->v.events = 0;
	t->segments[7] = slot_take(t->process);
	c->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	c->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	if (x86_has(c, FEAT_7_0_EBX, 0))
		c->cr4 |= CR4_FSGSBASE;
	c->efer = EFER_SCE | EFER_NXE | (wide ? EFER_LME | EFER_LMA : 0);
	c->eflags = FLAG_1 | FLAG_IF;
	c->v.mode = MODE_PE;
	init_tables(t, c);
	x86_seg_set_null(c, FS, 0);
	x86_seg_set_null(c, GS, 0);
	for (unsigned int s = ES; s <= DS; s++)
		if (s != CS)
			x86_seg_set(c, (enum x86_seg_name)s, USER_DS, 0, UINT32_MAX, ATTR_DATA);
	x86_user_set_code(c, wide ? USER64_CS : USER32_CS, USER_DS);
	c->r.fcw = FCW_INIT;
	c->r.ftag = 0xff;
}

static void start(struct thread *t, uint64_t pc, uint64_t sp, uint64_t flags)
{
	struct x86_cpu *c = x86_of(t);

	memset(c->r.r, 0, sizeof(c->r.r));
	c->r.r[RSP] = sp;
	c->v.pc = pc;
}

/* Everything behind the core's own state; what names the thread or is owned stays its own. */
static void copy(struct thread *child, const struct thread *parent)
{
	struct x86_cpu *to = x86_of(child), *from = x86_cpu(parent->cpu);
	const struct x86_model *model = to->model;
	uint64_t slot = child->segments[7];

	memcpy((char *)to + offsetof(struct x86_cpu, r), (char *)from + offsetof(struct x86_cpu, r),
	       sizeof(*to) - offsetof(struct x86_cpu, r));
	to->model = model;
	to->v.pc = from->v.pc;
	memcpy(child->segments, parent->segments, sizeof(child->segments));
	child->segments[7] = slot;
	memcpy(gdt_of(child), gdt_of((struct thread *)parent), GDT_LIMIT + 1);
	x86_mode_changed(to);
}

static void set_sp(struct thread *t, uint64_t sp)
{
	x86_of(t)->r.r[RSP] = sp;
}

static uint64_t get_sp(struct thread *t)
{
	return x86_of(t)->r.r[RSP];
}

static uint64_t get_pc(struct thread *t)
{
	return t->cpu ? x86_of(t)->v.pc : 0;
}

/* --- thread areas --- */

static bool area_is_empty(const struct user_desc *d)
{
	return d->base_addr == 0 && d->limit == 0 && !d->contents && d->read_exec_only &&
	       !d->seg_32bit && !d->limit_in_pages && d->seg_not_present && !d->useable;
}

static void put_area(uint8_t *at, const struct user_desc *d)
{
	uint32_t attr = SEG_S | SEG_A | 3 << SEG_DPL_SHIFT | (uint32_t)d->contents << 10;

	if (area_is_empty(d) ||
	    (!d->base_addr && !d->limit && d->read_exec_only == 1 && d->seg_not_present == 1)) {
		memset(at, 0, 8);
		return;
	}
	attr |= (d->read_exec_only ? 0 : SEG_W) | (d->seg_not_present ? 0 : SEG_P) |
		(d->useable ? SEG_AVL : 0) | (d->seg_32bit ? SEG_DB : 0) |
		(d->limit_in_pages ? SEG_G : 0);
	store_le32(at, (d->limit & 0xffff) | d->base_addr << 16);
	store_le32(at + 4, (d->base_addr >> 16 & 0xff) | (d->base_addr & 0xff000000) |
				   (d->limit & 0xf0000) | attr);
}

/* struct user_desc is the same everywhere: four words. */
static int64_t set_thread_area(struct thread *t, uint64_t addr, bool choose)
{
	struct user_desc d;
	uint8_t *gdt = gdt_of(t);

	if (!guest_read(t, &d, addr, sizeof(d)))
		return -EFAULT;
	if (d.entry_number == UINT32_MAX && choose) {
		unsigned int n = TLS_FIRST;
		while (n < TLS_FIRST + TLS_COUNT && load_le64(gdt + 8 * n))
			n++;
		if (n == TLS_FIRST + TLS_COUNT)
			return -ESRCH;
		d.entry_number = n;
		if (!guest_put(t, addr, 4, n))
			return -EFAULT;
	}
	if (d.entry_number - TLS_FIRST >= TLS_COUNT)
		return -EINVAL;
	put_area(gdt + (size_t)8 * d.entry_number, &d);
	return 0;
}

static int64_t get_thread_area(struct thread *t, uint64_t addr)
{
	struct user_desc d;

	if (!guest_read(t, &d, addr, sizeof(d)))
		return -EFAULT;
	if (d.entry_number - TLS_FIRST >= TLS_COUNT)
		return -EINVAL;
	const uint8_t *at = gdt_of(t) + (size_t)8 * d.entry_number;
	uint32_t lo = load_le32(at), hi = load_le32(at + 4);
	unsigned int entry = d.entry_number;
	d = (struct user_desc){
		.entry_number = entry,
		.base_addr = lo >> 16 | (hi & 0xff) << 16 | (hi & 0xff000000),
		.limit = (lo & 0xffff) | (hi & 0xf0000),
		.seg_32bit = !!(hi & SEG_DB),
		.contents = hi >> 10 & 3,
		.read_exec_only = !(hi & SEG_W),
		.limit_in_pages = !!(hi & SEG_G),
		.seg_not_present = !(hi & SEG_P),
		.useable = !!(hi & SEG_AVL),
	};
	return guest_write(t, addr, &d, sizeof(d)) ? 0 : -EFAULT;
}

/* The descriptors of segment registers in use follow theirs. */
static void reload_segments(struct thread *t)
{
	struct x86_cpu *c = x86_of(t);

	for (unsigned int s = ES; s <= GS; s++)
		if (s != CS && s != SS && c->seg[s].usable)
			x86_user_load_seg(c, (enum x86_seg_name)s, c->seg[s].selector);
}

static int64_t modify_ldt(struct thread *t, int func, uint64_t addr, uint64_t len)
{
	uint8_t *ldt = t->process->kernel.ram->host;
	struct user_desc d;

	switch (func) {
	case 0:
		len = MIN(len, KERNEL_PAGES * GUEST_PAGE_SIZE);
		return guest_write(t, addr, ldt, len) ? (int64_t)len : -EFAULT;
	case 2: return 0;
	case 1:
	case 0x11:
		if (len != sizeof(d))
			return -EINVAL;
		if (!guest_read(t, &d, addr, sizeof(d)))
			return -EFAULT;
		if (d.entry_number >= LDT_ENTRIES || d.contents == 3)
			return -EINVAL;
		if (func == 1)
			d.useable = 0; /* as it was before there was such a bit */
		put_area(ldt + (size_t)8 * d.entry_number, &d);
		reload_segments(t);
		return 0;
	default: return -ENOSYS;
	}
}

static int64_t arch_prctl(struct thread *t, uint64_t code, uint64_t value)
{
	struct x86_cpu *c = x86_of(t);

	switch (code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (value >= UINT64_C(1) << 47)
			return -EPERM;
		c->seg[code == ARCH_SET_FS ? FS : GS].base = value;
		return 0;
	case ARCH_GET_FS: return guest_put(t, value, 8, c->seg[FS].base) ? 0 : -EFAULT;
	case ARCH_GET_GS: return guest_put(t, value, 8, c->seg[GS].base) ? 0 : -EFAULT;
	default: return -EINVAL;
	}
}

static int set_tls_32(struct thread *t, uint64_t addr)
{
	int64_t result = set_thread_area(t, addr, false);

	if (!result)
		reload_segments(t);
	return (int)-result;
}

static int set_tls_64(struct thread *t, uint64_t value)
{
	x86_of(t)->seg[FS].base = value;
	return 0;
}

/* --- calls --- */

static uint64_t get_call_64(struct thread *t, uint64_t regs[7])
{
	static const uint8_t order[] = {RDI, RSI, RDX, R10, R8, R9};
	struct x86_cpu *c = x86_of(t);

	for (unsigned int i = 0; i < 6; i++)
		regs[i] = c->r.r[order[i]];
	regs[6] = 0;
	return (uint32_t)c->r.r[RAX];
}

static uint64_t get_call_32(struct thread *t, uint64_t regs[7])
{
	static const uint8_t order[] = {RBX, RCX, RDX, RSI, RDI, RBP};
	struct x86_cpu *c = x86_of(t);

	for (unsigned int i = 0; i < 6; i++)
		regs[i] = (uint32_t)c->r.r[order[i]];
	regs[6] = 0;
	return (uint32_t)c->r.r[RAX];
}

static void set_result_64(struct thread *t, int64_t result)
{
	x86_of(t)->r.r[RAX] = (uint64_t)result;
}

static void set_result_32(struct thread *t, int64_t result)
{
	x86_of(t)->r.r[RAX] = (uint32_t)result;
}

/* INT 80h and SYSCALL are both two bytes long. */
static void restart(struct thread *t, uint64_t nr)
{
	struct x86_cpu *c = x86_of(t);

	c->r.r[RAX] = nr;
	c->v.pc -= 2;
}

static bool own_call_64(struct thread *t, uint64_t nr, const uint64_t *a, int64_t *result)
{
	switch (nr) {
	case SYS_arch_prctl: *result = arch_prctl(t, a[0], a[1]); return true;
	case SYS_modify_ldt: *result = (int32_t)modify_ldt(t, (int)a[0], a[1], a[2]); return true;
	default: return false;
	}
}

static bool own_call_32(struct thread *t, uint64_t nr, const uint64_t *a, int64_t *result)
{
	switch (nr) {
	case 123: *result = modify_ldt(t, (int)a[0], a[1], a[2]); return true;
	case 243: *result = set_thread_area(t, a[0], true); return true;
	case 244: *result = get_thread_area(t, a[0]); return true;
	default: return false;
	}
}

static uint64_t hwcap(struct thread *t, unsigned int n)
{
	return n ? 0 : x86_of(t)->features[FEAT_1_EDX];
}

/* What has no restorer returns through here: sigreturn() and rt_sigreturn(). */
static void map_fixed(struct thread *t)
{
	static const uint8_t code[] = {
		0x58, 0xb8, 0x77, 0, 0, 0,    0xcd, 0x80, /* pop eax; mov eax, 119; int 80h */
		0xb8, 0xad, 0,	  0, 0, 0xcd, 0x80,	  /* mov eax, 173; int 80h */
	};
	struct process *p = t->process;

	if (t->abi->word == 8)
		return;
	p->trampolines = mm_task_size(p->mm) - (UINT64_C(1) << 20);
	int64_t at = mm_map(t, p->trampolines, GUEST_PAGE_SIZE, 3, 0x32, -1, 0);
	if (at < 0 || !guest_write(t, p->trampolines, code, sizeof(code)))
		log_printf(LOG_UNIMP, "no page for signal returns\n");
	mm_protect(t, p->trampolines, GUEST_PAGE_SIZE, 5);
}

#define X86_COMMON                                                                              \
	.cpu_arch = "x86", .cpu_class = &x86_cpu_class, .init = init, .start = start,           \
	.copy = copy, .set_sp = set_sp, .get_sp = get_sp, .get_pc = get_pc, .restart = restart, \
	.release = release, .host_fault = host_fault, .hwcap = hwcap, .map_fixed = map_fixed,   \
	.epoll_packed = true

const struct abi abi_x86_64 = {
	X86_COMMON,
	.name = "x86_64",
	.default_cpu = "max",
	.uname = "x86_64",
	.platform = "x86_64",
	.index = ABI_X86_64,
	.elf_machine = 62,
	.word = 8,
	.align64 = 8,
	.task_size = UINT64_C(1) << 46,
	.exec_base = 170,
	.set_tls = set_tls_64,
	.get_call = get_call_64,
	.set_result = set_result_64,
	.own_call = own_call_64,
	.frame = x86_frame_64,
	.sigreturn = x86_sigreturn_64,
};

const struct abi abi_i386 = {
	X86_COMMON,
	.name = "i386",
	.default_cpu = "max",
	.uname = "i686",
	.platform = "i686",
	.index = ABI_I386,
	.gdb = x86_gdb_description_32,
	.elf_machine = 3,
	.word = 4,
	.align64 = 4,
	.task_size = UINT64_C(0xfffe0000),
	.exec_base = 85,
	.set_tls = set_tls_32,
	.get_call = get_call_32,
	.set_result = set_result_32,
	.own_call = own_call_32,
	.frame = x86_frame_32,
	.sigreturn = x86_sigreturn_32,
};
