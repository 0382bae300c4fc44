/*
 * Virtio block device. Source: VIRTIO 1.1, section 5.2.
 *
 * A request is a header, data and a status byte; its data goes through a buffer of its own, so that
 * the image's worker never touches guest memory.
 */
#include "base/bytes.h"
#include "base/log.h"
#include "hw/virtio/virtio.h"
#include "storage/block.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

enum {
	F_SEG_MAX = 1 << 2,
	F_GEOMETRY = 1 << 4,
	F_RO = 1 << 5,
	F_BLK_SIZE = 1 << 6,
	F_FLUSH = 1 << 9,
	F_DISCARD = 1 << 13,
	F_WRITE_ZEROES = 1 << 14,

	T_IN = 0,
	T_OUT = 1,
	T_FLUSH = 4,
	T_GET_ID = 8,
	T_DISCARD = 11,
	T_WRITE_ZEROES = 13,

	STATUS_OK = 0,
	STATUS_ERROR = 1,
	STATUS_UNSUPPORTED = 2,

	SECTOR = 512,
	HEADER = 16,
	RANGE = 16, /* discard and write zeroes: sector, count, flags */
	ID_SIZE = 20,
	SEG_MAX = VIRTQ_SIZE_MAX - 2,
	SECTORS_MAX = 32768, /* of one discard */
	DATA_MAX = 64 << 20,
	CONFIG_SIZE = 60,
};

struct virtio_blk {
	struct virtio virtio;
	struct drive *drive;
	/* not saved: a state is only taken when nothing is in flight */
	unsigned int epoch; /* counts resets: older requests are forgotten */
	unsigned int in_flight;
};

struct request {
	struct virtio_blk *s;
	unsigned int epoch;
	struct virtq_element e;
	uint32_t type;
	uint8_t *data;
	size_t len;
};

static struct virtio_blk *blk_of(struct virtio *v)
{
	return (struct virtio_blk *)v;
}

static void request_free(struct request *r)
{
	g_free(r->data);
	g_free(r);
}

/* The status is the last byte that the driver left room for. */
static void complete(struct request *r, uint8_t status)
{
	struct virtio_blk *s = r->s;
	struct virtqueue *q = &s->virtio.queues[0];
	uint32_t written = 1;

	if (r->epoch == s->epoch) {
		if (status == STATUS_OK && (r->type == T_IN || r->type == T_GET_ID))
			written += (uint32_t)virtq_write(q, &r->e, 0, r->data, r->len);
		virtq_write(q, &r->e, r->e.in_len - 1, &status, 1);
		virtq_push(q, &r->e, written);
		virtio_signal(&s->virtio, 0);
	}
	request_free(r);
}

static void host_done(void *opaque, int error)
{
	struct request *r = opaque;

	r->s->in_flight--;
	complete(r, error ? STATUS_ERROR : STATUS_OK);
}

static bool sectors_valid(const struct virtio_blk *s, uint64_t sector, uint64_t len)
{
	uint64_t size = drive_size(s->drive);

	return len % SECTOR == 0 && len <= size && sector <= (size - len) / SECTOR;
}

static void transfer(struct request *r, uint64_t sector)
{
	struct virtio_blk *s = r->s;
	bool out = r->type == T_OUT;
	uint64_t len = out ? r->e.out_len - HEADER : r->e.in_len - 1;

	if (len > DATA_MAX || !sectors_valid(s, sector, len) || (out && drive_readonly(s->drive))) {
		complete(r, STATUS_ERROR);
		return;
	}
	if (len == 0) {
		complete(r, STATUS_OK);
		return;
	}
	r->len = len;
	r->data = g_malloc(len);
	s->in_flight++;
	if (out) {
		virtq_read(&s->virtio.queues[0], &r->e, HEADER, r->data, len);
		drive_write(s->drive, sector * SECTOR, r->data, len, host_done, r);
	} else {
		drive_read(s->drive, sector * SECTOR, r->data, len, host_done, r);
	}
}

static void get_id(struct request *r)
{
	const char *serial = r->s->drive->serial;

	r->len = MIN(r->e.in_len - 1, (uint64_t)ID_SIZE);
	r->data = g_malloc0(ID_SIZE);
	if (serial)
		memcpy(r->data, serial, MIN(strlen(serial), (size_t)ID_SIZE));
	complete(r, STATUS_OK);
}

static void discard(struct request *r)
{
	struct virtio_blk *s = r->s;
	uint8_t range[RANGE];

	if (virtq_read(&s->virtio.queues[0], &r->e, HEADER, range, RANGE) < RANGE) {
		complete(r, STATUS_ERROR);
		return;
	}
	uint64_t sector = load_le64(range), len = (uint64_t)load_le32(range + 8) * SECTOR;
	if (!sectors_valid(s, sector, len) || len > (uint64_t)SECTORS_MAX * SECTOR ||
	    drive_readonly(s->drive)) {
		complete(r, STATUS_ERROR);
		return;
	}
	s->in_flight++;
	if (r->type == T_DISCARD)
		drive_discard(s->drive, sector * SECTOR, len, host_done, r);
	else
		drive_write_zeroes(s->drive, sector * SECTOR, len, load_le32(range + 12) & 1,
				   host_done, r);
}

static void start(struct virtio_blk *s, struct request *r)
{
	uint8_t header[HEADER];

	if (virtq_read(&s->virtio.queues[0], &r->e, 0, header, HEADER) < HEADER ||
	    r->e.in_len < 1) {
		log_printf(LOG_GUEST_ERRORS, "virtio-blk: a request without header or status\n");
		s->virtio.queues[0].broken = true;
		request_free(r);
		return;
	}
	r->type = load_le32(header) & 0x7fffffff; /* bit 31 was a barrier once */
	switch (r->type) {
	case T_IN:
	case T_OUT: transfer(r, load_le64(header + 8)); break;
	case T_FLUSH:
		s->in_flight++;
		drive_flush(s->drive, host_done, r);
		break;
	case T_GET_ID: get_id(r); break;
	case T_DISCARD:
	case T_WRITE_ZEROES: discard(r); break;
	default: complete(r, STATUS_UNSUPPORTED); break;
	}
}

static void notify(struct virtio *v, unsigned int n)
{
	struct virtio_blk *s = blk_of(v);
	struct virtqueue *q = &v->queues[0];

	if (!virtio_running(v))
		return;
	for (unsigned int i = 0; i < q->size; i++) {
		struct request *r = g_new(struct request, 1);
		*r = (struct request){.s = s, .epoch = s->epoch};
		if (!virtq_pop(q, &r->e)) {
			g_free(r);
			break;
		}
		start(s, r);
	}
}

static void config_read(struct virtio *v)
{
	struct virtio_blk *s = blk_of(v);
	uint8_t *c = v->config;
	uint32_t cyls = 0, heads = 0, secs = 0;
	int translation = 0;

	drive_geometry(s->drive, &cyls, &heads, &secs, &translation);
	memset(c, 0, CONFIG_SIZE);
	store_le64(c, drive_size(s->drive) / SECTOR);
	store_le32(c + 12, SEG_MAX);
	store_le16(c + 16, (uint16_t)MIN(cyls, 0xffffu));
	c[18] = (uint8_t)heads;
	c[19] = (uint8_t)secs;
	store_le32(c + 20, SECTOR);
	c[32] = 1; /* write back */
	store_le32(c + 36, SECTORS_MAX);
	store_le32(c + 40, 1);
	store_le32(c + 44, 1);
	store_le32(c + 48, SECTORS_MAX);
	store_le32(c + 52, 1);
	c[56] = 1; /* write zeroes may unmap */
}

static void device_reset(struct virtio *v)
{
	blk_of(v)->epoch++;
}

static const struct virtio_ops ops = {
	.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_DISCARD | F_WRITE_ZEROES | F_GEOMETRY,
	.queues = 1,
	.config_size = CONFIG_SIZE,
	.notify = notify,
	.config_read = config_read,
	.reset = device_reset,
};

static void medium_changed(void *opaque)
{
	virtio_config_changed(opaque);
}

static struct error *virtio_blk_init(struct device *dev)
{
	struct virtio_blk *s = (struct virtio_blk *)dev;

	if (!s->drive)
		return error_new("virtio-blk-pci: drive= is missing");
	if (s->drive->claimed)
		return error_new("virtio-blk-pci: drive \"%s\" is already in use", s->drive->id);
	if (!s->drive->block)
		return error_new("virtio-blk-pci: drive \"%s\" is empty", s->drive->id);
	s->drive->claimed = true;
	s->drive->changed = medium_changed;
	s->drive->changed_opaque = s;
	if (drive_readonly(s->drive))
		s->virtio.host_features |= F_RO;
	return virtio_init(&s->virtio, &ops);
}

static void virtio_blk_reset(struct device *dev)
{
	virtio_reset(&((struct virtio_blk *)dev)->virtio);
}

static struct error *virtio_blk_post_load(struct device *dev)
{
	struct virtio_blk *s = (struct virtio_blk *)dev;

	s->epoch++;
	return virtio_post_load(&s->virtio);
}

static void virtio_blk_exit(struct device *dev)
{
	struct virtio_blk *s = (struct virtio_blk *)dev;

	drives_drain();
	s->drive->claimed = false;
	s->drive->changed = NULL;
}

static const struct prop props[] = {
	PROP_DRIVE("drive", struct virtio_blk, drive, "disk (-drive id)"),
	PROP_END,
};

static const struct field state[] = {
	F_STRUCT(struct virtio_blk, virtio, virtio_fields),
	FIELD_END,
};

static const struct pci_info info = {
	.vendor = 0x1af4,
	.device = 0x1001,
	.class_code = 0x0100,
	.subsystem_vendor = 0x1af4,
	.subsystem = 2,
	.interrupt_pin = 1,
	.config_read = virtio_config_read,
	.config_written = virtio_config_written,
};

DEVICE_CLASS(virtio_blk, .name = "virtio-blk-pci", .help = "virtio disk", .bus = "PCI",
	     .size = sizeof(struct virtio_blk), .props = props, .state = state,
	     .init = virtio_blk_init, .reset = virtio_blk_reset, .exit = virtio_blk_exit,
	     .post_load = virtio_blk_post_load, .bus_info = &info, .bus_props = pci_props);
