/*
 * INS and OUTS. Source: Intel SDM volume 2, "INS", "OUTS".
 *
 * A run that lies in one page of plain RAM is moved with the machine lock taken once: PIO disk
 * transfers are REP INSW and REP OUTSW of a sector and more.
 */
#include "base/loop.h"

#include "interp/x86/emit_int.h"
#include "interp/x86/strings.h"
#include "interp/x86/system.h"

#include <string.h>

/* Elements of one run; keeps other vCPUs from waiting long. */
#define IO_RUN_MAX 512

static unsigned int element_size(const struct op *op)
{
	return 1u << (op->b & 3);
}

/* Host memory of up to *elements upwards from `va`, NULL where they must go one by one. */
static u8 *io_run(struct x86_cpu *c, const struct op *op, u64 va, bool write, u64 *elements)
{
	u64 span = 0;

	if (c->r.df || !(c->v.mode & (MODE_64 | MODE_FLAT)))
		return NULL;
	u8 *host =
		vcpu_host_span(&c->v, va, write ? ACCESS_WRITE : ACCESS_READ, c->v.mmu_mode, &span);
	if (!host || span < element_size(op))
		return NULL;
	*elements = MIN(MIN(*elements, span / element_size(op)), IO_RUN_MAX);
	return host;
}

static void finish_run(struct x86_cpu *c, const struct op *op, enum x86_gpr index, u64 *count,
		       u64 n)
{
	x86_string_step(c, op, index, n);
	*count -= n;
	x86_string_count_set(c, op, *count);
	if (*count && __atomic_load_n(&c->v.cpu.exit_request, __ATOMIC_RELAXED))
		vcpu_leave(&c->v);
}

static void in_run(struct x86_cpu *c, u8 *to, u64 n, unsigned int size)
{
	u16 port = (u16)c->r.r[RDX];

	machine_lock();
	for (u64 k = 0; k < n; k++) {
		u64 value = mem_load_le(c->v.cpu.io, port, size);
		memcpy(to + k * size, &value, size);
	}
	machine_unlock();
}

static void out_run(struct x86_cpu *c, const u8 *from, u64 n, unsigned int size)
{
	u16 port = (u16)c->r.r[RDX];

	machine_lock();
	for (u64 k = 0; k < n; k++) {
		u64 value = 0;
		memcpy(&value, from + k * size, size);
		mem_store_le(c->v.cpu.io, port, value, size);
	}
	machine_unlock();
}

void x86_ins(struct x86_cpu *c, const struct op *op)
{
	unsigned int size = element_size(op);
	u64 count = x86_string_count(c, op);

	x86_check_io(c, (u16)c->r.r[RDX], size);
	while (count) {
		u64 n = count, offset = x86_string_index(c, op, RDI);
		u64 va = x86_string_linear(c, op, ES, offset, size, true);
		u8 *to = io_run(c, op, va, true, &n);
		vcpu_before_io(&c->v);
		if (to) {
			in_run(c, to, n, size);
		} else {
			/* What a device gives away must not be lost to a page fault. */
			u64 value = 0;
			n = 1;
			vcpu_probe_write(&c->v, va, size, c->v.mmu_mode);
			in_run(c, (u8 *)&value, 1, size);
			x86_store(c, va, size, value);
		}
		finish_run(c, op, RDI, &count, n);
	}
}

void x86_outs(struct x86_cpu *c, const struct op *op)
{
	enum x86_seg_name seg = (enum x86_seg_name)S_SEG(op->s);
	unsigned int size = element_size(op);
	u64 count = x86_string_count(c, op);

	x86_check_io(c, (u16)c->r.r[RDX], size);
	while (count) {
		u64 n = count, offset = x86_string_index(c, op, RSI);
		u64 va = x86_string_linear(c, op, seg, offset, size, false);
		u8 *from = io_run(c, op, va, false, &n);
		vcpu_before_io(&c->v);
		if (from) {
			out_run(c, from, n, size);
		} else {
			n = 1;
			u64 value = x86_load(c, va, size);
			out_run(c, (const u8 *)&value, 1, size);
		}
		finish_run(c, op, RSI, &count, n);
	}
}
