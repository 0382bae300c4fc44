/*
 * IRQ lines: one wire from one source to one sink.
 *
 * A sink makes lines with irq_init(): {function, opaque, number}. A source holds `struct irq *`
 * (NULL: not connected) and drives it with irq_set(). Levels are any int, usually 0 and 1; what
 * was last driven is remembered so that saved states can restore it.
 * Driven only with the machine lock held; never from init or reset, only from settle or later.
 */
#ifndef VM_IRQ_H
#define VM_IRQ_H

typedef void irq_fn(void *opaque, int number, int level);

struct irq {
	irq_fn *fn;
	void *opaque;
	int number;
	int level;
};

static inline void irq_init(struct irq *irq, irq_fn *fn, void *opaque, int number)
{
	*irq = (struct irq){fn, opaque, number, 0};
}

static inline void irq_set(struct irq *irq, int level)
{
	if (!irq)
		return;
	irq->level = level;
	irq->fn(irq->opaque, irq->number, level);
}

static inline void irq_raise(struct irq *irq)
{
	irq_set(irq, 1);
}

static inline void irq_lower(struct irq *irq)
{
	irq_set(irq, 0);
}

static inline void irq_pulse(struct irq *irq)
{
	irq_set(irq, 1);
	irq_set(irq, 0);
}

#endif
