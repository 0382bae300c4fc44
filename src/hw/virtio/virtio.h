/*
 * Virtio devices on PCI, legacy and modern ("transitional").
 * Source: "Virtual I/O Device (VIRTIO) Version 1.1", sections 2 and 4.1.
 *
 * A device embeds `struct virtio` as its first member, fills in `ops` in its init and calls
 * virtio_init(); the transport calls it back. Machine lock held.
 */
#ifndef HW_VIRTIO_VIRTIO_H
#define HW_VIRTIO_VIRTIO_H

#include "hw/pci/msix.h"
#include "hw/pci/pci.h"
#include "hw/virtio/virtqueue.h"

enum { VIRTIO_QUEUES_MAX = 8, VIRTIO_CONFIG_MAX = 64 };

enum {
	VIRTIO_STATUS_ACKNOWLEDGE = 1,
	VIRTIO_STATUS_DRIVER = 2,
	VIRTIO_STATUS_DRIVER_OK = 4,
	VIRTIO_STATUS_FEATURES_OK = 8,
	VIRTIO_STATUS_NEEDS_RESET = 64,
	VIRTIO_STATUS_FAILED = 128,
};

/* Features that belong to the transport. */
#define VIRTIO_F_ANY_LAYOUT    (UINT64_C(1) << 27)
#define VIRTIO_F_INDIRECT_DESC (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX     (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1     (UINT64_C(1) << 32)

struct virtio;

struct virtio_ops {
	uint64_t features; /* of the device itself */
	unsigned int queues, config_size;
	/* The driver made something available in queue n. */
	void (*notify)(struct virtio *v, unsigned int n);
	/* Brings v->config up to date before a read; may be NULL. */
	void (*config_read)(struct virtio *v);
	/* After the driver wrote [offset, offset + size) of v->config; may be NULL. */
	void (*config_written)(struct virtio *v, unsigned int offset, unsigned int size);
	void (*status)(struct virtio *v); /* v->status changed; may be NULL */
	void (*reset)(struct virtio *v);
};

struct virtio {
	struct pci_device pci;
	const struct virtio_ops *ops;
	uint64_t host_features, driver_features;
	uint32_t feature_select, driver_feature_select;
	uint16_t queue_select;
	uint8_t status, isr, generation;
	struct virtqueue queues[VIRTIO_QUEUES_MAX];
	uint8_t config[VIRTIO_CONFIG_MAX];
	struct pci_msix msix;
	uint16_t config_vector, queue_vectors[VIRTIO_QUEUES_MAX];
	uint8_t window; /* the capability that is a window into the BARs */
	struct region legacy, modern;
};

extern const struct field virtio_fields[]; /* F_STRUCT(struct x, virtio, virtio_fields) first */

struct error *virtio_init(struct virtio *v, const struct virtio_ops *ops) NODISCARD;
void virtio_reset(struct virtio *v); /* from the device's reset */
struct error *virtio_post_load(struct virtio *v) NODISCARD;
/* The same-named hooks of the class's struct pci_info. */
void virtio_config_read(struct pci_device *pci, unsigned int offset, unsigned int size);
void virtio_config_written(struct pci_device *pci, unsigned int offset, unsigned int size);

static inline bool virtio_has(const struct virtio *v, uint64_t feature)
{
	return (v->driver_features & feature) != 0;
}
static inline bool virtio_running(const struct virtio *v)
{
	return v->status & VIRTIO_STATUS_DRIVER_OK && !(v->status & VIRTIO_STATUS_NEEDS_RESET);
}

/* Interrupts for queue n where the driver wants one; looks for breakage too. */
void virtio_signal(struct virtio *v, unsigned int n);
/* Configuration changed by itself. */
void virtio_config_changed(struct virtio *v);
/* The device cannot go on: tells the driver to reset it. */
void virtio_fail(struct virtio *v);

#endif
