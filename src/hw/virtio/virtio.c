/* Virtio's PCI transport; see virtio.h. */
#include "hw/virtio/virtio.h"

#include "base/bytes.h"
#include "base/log.h"

#include <string.h>

/* Legacy registers in BAR 0 (section 4.1.4.8). */
enum {
	LEGACY_HOST_FEATURES = 0,
	LEGACY_GUEST_FEATURES = 4,
	LEGACY_QUEUE_PFN = 8,
	LEGACY_QUEUE_SIZE = 12,
	LEGACY_QUEUE_SELECT = 14,
	LEGACY_QUEUE_NOTIFY = 16,
	LEGACY_STATUS = 18,
	LEGACY_ISR = 19,
	LEGACY_CONFIG = 20, /* behind the vectors, while MSI-X is enabled */
	LEGACY_CONFIG_VECTOR = 20,
	LEGACY_QUEUE_VECTOR = 22,
	LEGACY_VECTORS_SIZE = 4,
	LEGACY_PAGE = 4096,
};

/* The modern window in BAR 4: a page for each structure. */
enum {
	MODERN_COMMON = 0x0000,
	MODERN_ISR = 0x1000,
	MODERN_DEVICE = 0x2000,
	MODERN_NOTIFY = 0x3000,
	MODERN_SIZE = 0x4000,
	NOTIFY_MULTIPLIER = 4,

	COMMON_FEATURE_SELECT = 0x00,
	COMMON_FEATURE = 0x04,
	COMMON_DRIVER_SELECT = 0x08,
	COMMON_DRIVER_FEATURE = 0x0c,
	COMMON_MSIX = 0x10,
	COMMON_QUEUES = 0x12,
	COMMON_STATUS = 0x14,
	COMMON_GENERATION = 0x15,
	COMMON_QUEUE_SELECT = 0x16,
	COMMON_QUEUE_SIZE = 0x18,
	COMMON_QUEUE_MSIX = 0x1a,
	COMMON_QUEUE_ENABLE = 0x1c,
	COMMON_QUEUE_NOTIFY = 0x1e,
	COMMON_QUEUE_DESC = 0x20,
	COMMON_QUEUE_DRIVER = 0x28,
	COMMON_QUEUE_DEVICE = 0x30,
	COMMON_END = 0x38,
	NO_VECTOR = 0xffff,

	MSIX_BAR = 1,
	MODERN_BAR = 4,
	CAP_VENDOR = 0x09,
	CAP_COMMON = 1,
	CAP_NOTIFY = 2,
	CAP_ISR = 3,
	CAP_DEVICE = 4,
	CAP_WINDOW = 5,
	WINDOW_BAR = 4, /* fields of the window's capability */
	WINDOW_OFFSET = 8,
	WINDOW_LENGTH = 12,
	WINDOW_DATA = 16,
	WINDOW_SIZE = 20,
};

enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

/* --- interrupts --- */

static void update_irq(struct virtio *v)
{
	pci_set_irq(&v->pci, v->isr && !pci_msix_enabled(&v->msix));
}

static void raise(struct virtio *v, uint8_t cause, uint16_t vector)
{
	if (pci_msix_enabled(&v->msix)) {
		pci_msix_raise(&v->msix, vector);
		return;
	}
	v->isr |= cause;
	update_irq(v);
}

void virtio_fail(struct virtio *v)
{
	if (v->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	v->status |= VIRTIO_STATUS_NEEDS_RESET;
	raise(v, ISR_CONFIG, v->config_vector);
}

void virtio_signal(struct virtio *v, unsigned int n)
{
	struct virtqueue *q = &v->queues[n];

	if (q->broken)
		virtio_fail(v);
	else if (q->enabled && virtq_should_signal(q))
		raise(v, ISR_QUEUE, v->queue_vectors[n]);
}

void virtio_config_changed(struct virtio *v)
{
	if (!(v->status & VIRTIO_STATUS_DRIVER_OK))
		return;
	v->generation++;
	raise(v, ISR_CONFIG, v->config_vector);
}

static uint8_t isr_read(struct virtio *v)
{
	uint8_t value = v->isr;

	v->isr = 0;
	update_irq(v);
	return value;
}

/* --- state of the device --- */

/* Everything but the interrupt pin, which a bus reset drops by itself. */
static void clear(struct virtio *v)
{
	v->driver_features = 0;
	v->feature_select = v->driver_feature_select = 0;
	v->queue_select = 0;
	v->status = v->isr = v->generation = 0;
	v->config_vector = NO_VECTOR;
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		virtq_reset(&v->queues[i], i < v->ops->queues ? VIRTQ_SIZE_MAX : 0);
		v->queue_vectors[i] = NO_VECTOR;
	}
	if (v->ops->reset)
		v->ops->reset(v);
}

void virtio_reset(struct virtio *v)
{
	clear(v);
	pci_msix_reset(&v->msix);
}

static void set_features(struct virtio *v, uint64_t features)
{
	v->driver_features = features & v->host_features;
	for (unsigned int i = 0; i < v->ops->queues; i++)
		v->queues[i].event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX);
}

static void status_write(struct virtio *v, uint8_t value)
{
	if (value == 0) {
		clear(v);
		update_irq(v);
		return;
	}
	/* A modern driver must take VERSION_1, and what it took must be what was offered. */
	if (value & VIRTIO_STATUS_FEATURES_OK && !(v->status & VIRTIO_STATUS_FEATURES_OK) &&
	    !virtio_has(v, VIRTIO_F_VERSION_1))
		value &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	v->status = value | (v->status & VIRTIO_STATUS_NEEDS_RESET);
	if (v->ops->status)
		v->ops->status(v);
}

static struct virtqueue *selected(struct virtio *v)
{
	return v->queue_select < v->ops->queues ? &v->queues[v->queue_select] : NULL;
}

static void notify(struct virtio *v, unsigned int n)
{
	if (n >= v->ops->queues || !v->queues[n].enabled || !(v->pci.config[4] & 4))
		return;
	v->ops->notify(v, n);
	if (v->queues[n].broken)
		virtio_fail(v);
}

/* Which message an event sends; the driver reads back whether it was taken. */
static void vector_write(const struct virtio *v, uint16_t *place, uint64_t value)
{
	*place = value < v->msix.vectors ? (uint16_t)value : NO_VECTOR;
}

static uint16_t *selected_vector(struct virtio *v)
{
	return selected(v) ? &v->queue_vectors[v->queue_select] : NULL;
}

/* --- device configuration: bytes --- */

static uint64_t config_read(struct virtio *v, unsigned int offset, unsigned int size)
{
	if (offset + size > v->ops->config_size)
		return 0;
	if (v->ops->config_read)
		v->ops->config_read(v);
	return load_le(v->config + offset, size);
}

static void config_write(struct virtio *v, unsigned int offset, uint64_t value, unsigned int size)
{
	if (offset + size > v->ops->config_size)
		return;
	store_le(v->config + offset, size, value);
	if (v->ops->config_written)
		v->ops->config_written(v, offset, size);
}

/* --- legacy --- */

static void legacy_queue_place(struct virtio *v, uint32_t pfn)
{
	struct virtqueue *q = selected(v);

	if (!q)
		return;
	if (pfn == 0) {
		virtq_reset(q, VIRTQ_SIZE_MAX);
		return;
	}
	uint64_t base = (uint64_t)pfn * LEGACY_PAGE;
	q->desc = base;
	q->avail = base + 16u * q->size;
	/* The used ring starts a page of its own, behind the available ring and its event index. */
	q->used = (q->avail + 6 + 2u * q->size + LEGACY_PAGE - 1) & ~UINT64_C(0xfff);
	q->event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX);
	q->enabled = true;
}

static unsigned int legacy_config(const struct virtio *v)
{
	return LEGACY_CONFIG + (pci_msix_enabled(&v->msix) ? LEGACY_VECTORS_SIZE : 0);
}

static uint64_t legacy_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct virtio *v = opaque;
	struct virtqueue *q = selected(v);
	unsigned int config = legacy_config(v);

	switch (offset) {
	case LEGACY_HOST_FEATURES: return (uint32_t)v->host_features;
	case LEGACY_GUEST_FEATURES: return (uint32_t)v->driver_features;
	case LEGACY_QUEUE_PFN: return q && q->enabled ? q->desc / LEGACY_PAGE : 0;
	case LEGACY_QUEUE_SIZE: return q ? q->size : 0;
	case LEGACY_QUEUE_SELECT: return v->queue_select;
	case LEGACY_STATUS: return v->status;
	case LEGACY_ISR: return isr_read(v);
	default: break;
	}
	if (offset >= config)
		return config_read(v, (unsigned int)offset - config, size);
	if (offset == LEGACY_CONFIG_VECTOR)
		return v->config_vector;
	return offset == LEGACY_QUEUE_VECTOR && q ? *selected_vector(v) : NO_VECTOR;
}

static void legacy_vector_write(struct virtio *v, uint64_t offset, uint64_t value)
{
	if (offset == LEGACY_CONFIG_VECTOR)
		vector_write(v, &v->config_vector, value);
	else if (offset == LEGACY_QUEUE_VECTOR && selected(v))
		vector_write(v, selected_vector(v), value);
}

static void legacy_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct virtio *v = opaque;
	unsigned int config = legacy_config(v);

	switch (offset) {
	case LEGACY_GUEST_FEATURES: set_features(v, (uint32_t)value & ~VIRTIO_F_VERSION_1); break;
	case LEGACY_QUEUE_PFN: legacy_queue_place(v, (uint32_t)value); break;
	case LEGACY_QUEUE_SELECT: v->queue_select = (uint16_t)value; break;
	case LEGACY_QUEUE_NOTIFY: notify(v, (unsigned int)value & 0xffff); break;
	case LEGACY_STATUS: status_write(v, (uint8_t)value); break;
	default:
		if (offset >= config)
			config_write(v, (unsigned int)offset - config, value, size);
		else
			legacy_vector_write(v, offset, value);
		break;
	}
}

/* Byte counts differ between fields and the device's part is not aligned to doublewords. */
static const struct region_ops legacy_ops = {.read = legacy_read,
					     .write = legacy_write,
					     .min_size = 1,
					     .max_size = 4,
					     .unaligned = true};

/* --- modern --- */

static uint64_t half(uint64_t value, unsigned int offset)
{
	return offset & 4 ? value >> 32 : (uint32_t)value;
}

static void set_half(uint64_t *place, unsigned int offset, uint64_t value, unsigned int size)
{
	if (size == 8)
		*place = value;
	else if (offset & 4)
		*place = (*place & 0xffffffff) | value << 32;
	else
		*place = (*place & ~UINT64_C(0xffffffff)) | (uint32_t)value;
}

static uint64_t queue_read(const struct virtqueue *q, const struct virtio *v, unsigned int offset)
{
	if (!q)
		return offset == COMMON_QUEUE_MSIX ? NO_VECTOR : 0;
	switch (offset) {
	case COMMON_QUEUE_SIZE: return q->size;
	case COMMON_QUEUE_MSIX: return v->queue_vectors[v->queue_select];
	case COMMON_QUEUE_ENABLE: return q->enabled;
	case COMMON_QUEUE_NOTIFY: return v->queue_select;
	case COMMON_QUEUE_DESC:
	case COMMON_QUEUE_DESC + 4: return half(q->desc, offset);
	case COMMON_QUEUE_DRIVER:
	case COMMON_QUEUE_DRIVER + 4: return half(q->avail, offset);
	case COMMON_QUEUE_DEVICE:
	case COMMON_QUEUE_DEVICE + 4: return half(q->used, offset);
	default: return 0;
	}
}

static uint64_t common_read(struct virtio *v, unsigned int offset)
{
	switch (offset) {
	case COMMON_FEATURE_SELECT: return v->feature_select;
	case COMMON_FEATURE:
		return v->feature_select > 1 ? 0 : half(v->host_features, v->feature_select * 4);
	case COMMON_DRIVER_SELECT: return v->driver_feature_select;
	case COMMON_DRIVER_FEATURE:
		return v->driver_feature_select > 1
			       ? 0
			       : half(v->driver_features, v->driver_feature_select * 4);
	case COMMON_MSIX: return v->config_vector;
	case COMMON_QUEUES: return v->ops->queues;
	case COMMON_STATUS: return v->status;
	case COMMON_GENERATION: return v->generation;
	case COMMON_QUEUE_SELECT: return v->queue_select;
	default: return queue_read(selected(v), v, offset);
	}
}

static void queue_write(struct virtqueue *q, unsigned int offset, uint64_t value, unsigned int size)
{
	if (!q || q->enabled)
		return;
	switch (offset) {
	case COMMON_QUEUE_SIZE:
		if (value && value <= VIRTQ_SIZE_MAX && !(value & (value - 1)))
			q->size = (uint16_t)value;
		else
			log_printf(LOG_GUEST_ERRORS, "virtio: queue of %u\n", (unsigned int)value);
		break;
	case COMMON_QUEUE_ENABLE: q->enabled = value == 1; break;
	case COMMON_QUEUE_DESC:
	case COMMON_QUEUE_DESC + 4: set_half(&q->desc, offset, value, size); break;
	case COMMON_QUEUE_DRIVER:
	case COMMON_QUEUE_DRIVER + 4: set_half(&q->avail, offset, value, size); break;
	case COMMON_QUEUE_DEVICE:
	case COMMON_QUEUE_DEVICE + 4: set_half(&q->used, offset, value, size); break;
	default: break;
	}
}

static void driver_feature_write(struct virtio *v, uint32_t value)
{
	uint64_t features = v->driver_features;

	if (v->driver_feature_select > 1 || v->status & VIRTIO_STATUS_FEATURES_OK)
		return;
	set_half(&features, v->driver_feature_select * 4, value, 4);
	set_features(v, features);
}

static void common_write(struct virtio *v, unsigned int offset, uint64_t value, unsigned int size)
{
	switch (offset) {
	case COMMON_FEATURE_SELECT: v->feature_select = (uint32_t)value; break;
	case COMMON_DRIVER_SELECT: v->driver_feature_select = (uint32_t)value; break;
	case COMMON_DRIVER_FEATURE: driver_feature_write(v, (uint32_t)value); break;
	case COMMON_MSIX: vector_write(v, &v->config_vector, value); break;
	case COMMON_STATUS: status_write(v, (uint8_t)value); break;
	case COMMON_QUEUE_SELECT: v->queue_select = (uint16_t)value; break;
	case COMMON_QUEUE_MSIX:
		if (selected(v))
			vector_write(v, selected_vector(v), value);
		break;
	default: queue_write(selected(v), offset, value, size); break;
	}
}

static uint64_t modern_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct virtio *v = opaque;
	unsigned int in_page = (unsigned int)offset & 0xfff;

	switch (offset & ~UINT64_C(0xfff)) {
	case MODERN_COMMON: return in_page < COMMON_END ? common_read(v, in_page) : 0;
	case MODERN_ISR: return in_page == 0 ? isr_read(v) : 0;
	case MODERN_DEVICE: return config_read(v, in_page, size);
	default: return 0;
	}
}

static void modern_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct virtio *v = opaque;
	unsigned int in_page = (unsigned int)offset & 0xfff;

	switch (offset & ~UINT64_C(0xfff)) {
	case MODERN_COMMON: common_write(v, in_page, value, size); break;
	case MODERN_DEVICE: config_write(v, in_page, value, size); break;
	case MODERN_NOTIFY: notify(v, in_page / NOTIFY_MULTIPLIER); break;
	default: break;
	}
}

static const struct region_ops modern_ops = {
	.read = modern_read, .write = modern_write, .min_size = 1, .max_size = 8};

/* --- the window for drivers without access to the BARs (section 4.1.4.9) --- */

/* Where configuration accesses at `offset` lead to in the modern BAR; false: not to the window. */
static bool window_place(const struct virtio *v, unsigned int offset, uint32_t *place,
			 uint32_t *length)
{
	const uint8_t *cap = v->pci.config + v->window;

	*place = load_le32(cap + WINDOW_OFFSET);
	*length = load_le32(cap + WINDOW_LENGTH);
	return offset == v->window + (unsigned int)WINDOW_DATA && cap[WINDOW_BAR] == MODERN_BAR &&
	       (*length == 1 || *length == 2 || *length == 4) && *place % *length == 0 &&
	       *place < MODERN_SIZE;
}

void virtio_config_read(struct pci_device *pci, unsigned int offset, unsigned int size)
{
	struct virtio *v = (struct virtio *)pci;
	uint32_t place, length;

	if (window_place(v, offset, &place, &length))
		store_le(pci->config + offset, length, modern_read(v, place, length));
}

void virtio_config_written(struct pci_device *pci, unsigned int offset, unsigned int size)
{
	struct virtio *v = (struct virtio *)pci;
	uint32_t place, length;

	pci_msix_config_written(&v->msix, offset, size);
	update_irq(v);
	if (window_place(v, offset, &place, &length))
		modern_write(v, place, load_le(pci->config + offset, length), length);
}

static uint8_t *add_capability(struct virtio *v, uint8_t kind, uint32_t offset, uint8_t size)
{
	uint8_t at = pci_add_capability(&v->pci, CAP_VENDOR, size);
	uint8_t *cap = v->pci.config + at;

	cap[2] = size;
	cap[3] = kind;
	cap[4] = MODERN_BAR;
	store_le32(cap + 8, offset);
	store_le32(cap + 12, 0x1000);
	if (kind == CAP_NOTIFY)
		store_le32(cap + 16, NOTIFY_MULTIPLIER);
	return cap;
}

static void add_window(struct virtio *v)
{
	uint8_t *cap = add_capability(v, CAP_WINDOW, 0, WINDOW_SIZE);

	v->window = (uint8_t)(cap - v->pci.config);
	memset(cap + WINDOW_BAR, 0, WINDOW_SIZE - WINDOW_BAR);
	v->pci.writable[v->window + WINDOW_BAR] = 0xff;
	memset(v->pci.writable + v->window + WINDOW_OFFSET, 0xff, WINDOW_SIZE - WINDOW_OFFSET);
}

struct error *virtio_init(struct virtio *v, const struct virtio_ops *ops)
{
	v->ops = ops;
	v->host_features |= ops->features | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_INDIRECT_DESC |
			    VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1;
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		v->queues[i].dma = &v->pci.dma;
	region_init_io(&v->legacy, "virtio-legacy", 128, &legacy_ops, v);
	region_init_io(&v->modern, "virtio-modern", MODERN_SIZE, &modern_ops, v);
	pci_add_bar(&v->pci, 0, &v->legacy, PCI_BAR_IO);
	pci_add_bar(&v->pci, MODERN_BAR, &v->modern, PCI_BAR_MEM);
	pci_msix_init(&v->msix, &v->pci, MSIX_BAR, ops->queues + 1);
	add_capability(v, CAP_COMMON, MODERN_COMMON, 16);
	add_capability(v, CAP_ISR, MODERN_ISR, 16);
	add_capability(v, CAP_DEVICE, MODERN_DEVICE, 16);
	add_capability(v, CAP_NOTIFY, MODERN_NOTIFY, 20);
	add_window(v);
	return NULL;
}

struct error *virtio_post_load(struct virtio *v)
{
	v->driver_features &= v->host_features;
	for (unsigned int i = 0; i < v->ops->queues; i++) {
		struct virtqueue *q = &v->queues[i];
		if (!q->size || q->size > VIRTQ_SIZE_MAX || q->size & (q->size - 1))
			return error_new("virtio: a queue of %u entries", q->size);
	}
	return NULL;
}

const struct field virtio_fields[] = {
	F_PCI(struct virtio, pci),
	F_U64(struct virtio, driver_features),
	F_U32(struct virtio, feature_select),
	F_U32(struct virtio, driver_feature_select),
	F_U16(struct virtio, queue_select),
	F_U8(struct virtio, status),
	F_U8(struct virtio, isr),
	F_U8(struct virtio, generation),
	F_STRUCTS(struct virtio, queues, virtqueue_fields),
	F_BYTES(struct virtio, config),
	F_STRUCT(struct virtio, msix, pci_msix_fields),
	F_U16(struct virtio, config_vector),
	F_ARRAY(struct virtio, queue_vectors),
	FIELD_END,
};
