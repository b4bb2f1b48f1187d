/* Ports in memory.
 *
 * A device keeps bytes, not frames: what the test puts in is copied into a free frame at rx(), what is sent is copied out of its frame
 * at tx() and the frame is free again, so that frame accounting is the same as with a kernel at the other end.
 * Tests and simulator only; allocates; one thread.
 */
#include "services/fastpath/io_mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "services/fastpath/io_null.h"
#include "services/fastpath/io_pcap.h"

enum { DEVICES_MAX = 256, NAME_BYTES = 16 };

struct packet {
    uint8_t *bytes;
    uint32_t size;
};

struct queue {
    struct packet packets[IO_MEM_QUEUE];
    uint32_t head, tail; /* free running */
};

struct device {
    char name[NAME_BYTES];
    bool is_there;
    struct io_port_mem *opened;
    struct queue in, out;
    uint32_t tx_room;
};

struct io_mem {
    struct device *devices[DEVICES_MAX];
    size_t n_devices;
};

struct io_port_mem {
    struct io io;
    struct umem *umem;
    struct device *device;
    enum io_kind kind;
    struct io_stats stats;
};

static bool queue_push(struct queue *q, const void *bytes, size_t size)
{
    if (q->tail - q->head == IO_MEM_QUEUE) {
        return false;
    }
    q->packets[q->tail % IO_MEM_QUEUE] = (struct packet){.bytes = memory_copy(bytes, size), .size = (uint32_t)size};
    q->tail++;
    return true;
}

static struct packet *queue_first(struct queue *q)
{
    return q->head != q->tail ? &q->packets[q->head % IO_MEM_QUEUE] : NULL;
}

static void queue_drop_first(struct queue *q)
{
    free(q->packets[q->head % IO_MEM_QUEUE].bytes);
    q->head++;
}

static void queue_clear(struct queue *q)
{
    while (queue_first(q) != NULL) {
        queue_drop_first(q);
    }
}

static unsigned mem_rx(struct io *io, struct io_frame *out_frames, unsigned max)
{
    struct io_port_mem *port = (struct io_port_mem *)io;
    unsigned n = 0;
    for (struct packet *p; n < max && port->device->is_there && (p = queue_first(&port->device->in)) != NULL;) {
        uint64_t frame = umem_take(port->umem, p->size, FRAME_WORKER);
        if (p->size > UMEM_LARGE_ROOM) {
            port->stats.too_long++;
        } else if (frame == UMEM_NONE) {
            port->stats.no_frame++;
        } else {
            memcpy(port->umem->base + frame + UMEM_HEADROOM, p->bytes, p->size);
            out_frames[n++] = (struct io_frame){.frame = frame, .offset = UMEM_HEADROOM, .size = p->size};
        }
        queue_drop_first(&port->device->in);
    }
    return n;
}

static unsigned mem_tx(struct io *io, const struct io_frame *frames, unsigned n)
{
    struct io_port_mem *port = (struct io_port_mem *)io;
    struct device *device = port->device;
    for (unsigned i = 0; i < n; i++) {
        if (device->tx_room == 0 || !device->is_there) {
            return i;
        }
        if (!queue_push(&device->out, port->umem->base + frames[i].frame + frames[i].offset, frames[i].size)) {
            return i;
        }
        device->tx_room -= device->tx_room != UINT32_MAX;
        umem_move(port->umem, frames[i].frame, FRAME_WORKER, FRAME_TX);
        umem_give(port->umem, frames[i].frame, FRAME_TX);
    }
    return n;
}

static void mem_flush(struct io *io)
{
}

static int mem_fd(const struct io *io, unsigned i)
{
    return -1;
}

static void mem_stats(struct io *io, struct io_stats *out_stats)
{
    *out_stats = ((struct io_port_mem *)io)->stats;
}

static void mem_close(struct io *io)
{
    struct io_port_mem *port = (struct io_port_mem *)io;
    port->device->opened = NULL;
    port->device->is_there = port->device->is_there && !(io->is_forgotten && port->kind == IO_INTERNAL);
    queue_clear(&port->device->in);
    free(port);
}

static const struct io_ops mem_ops = {
    .rx = mem_rx, .tx = mem_tx, .flush = mem_flush, .fd = mem_fd, .stats = mem_stats, .close = mem_close};

static struct device *find(struct io_mem *mem, const char *name)
{
    for (size_t i = 0; i < mem->n_devices; i++) {
        if (strcmp(mem->devices[i]->name, name) == 0) {
            return mem->devices[i];
        }
    }
    return NULL;
}

static int mem_open(void *context, const struct io_request *request, struct umem *umem, struct io **out_io, struct error_detail *detail)
{
    if (request->kind == IO_PCAP) {
        return io_pcap_open(request, umem, out_io, detail);
    }
    if (request->kind == IO_NULL || request->kind == IO_PATCH) {
        *out_io = io_null_open(umem, request->kind == IO_PATCH ? "patch" : "null");
        return 0;
    }
    struct device *device = find(context, request->name);
    if (device == NULL && request->kind == IO_INTERNAL) {
        io_mem_add(context, request->name);
        device = find(context, request->name);
    }
    if (device == NULL || !device->is_there) {
        return error_set(detail, -ENODEV, "%s: no such interface", request->name);
    }
    if (device->opened != NULL) {
        return error_set(detail, -EBUSY, "%s: in use", request->name);
    }
    struct io_port_mem *port = memory_zeroed(sizeof *port);
    port->io = (struct io){.ops = &mem_ops, .mode = "memory", .frame_bytes = UMEM_LARGE_ROOM};
    port->umem = umem;
    port->device = device;
    port->kind = request->kind;
    device->opened = port;
    *out_io = &port->io;
    return 0;
}

static void mem_forget(void *context, enum io_kind kind, const char *name)
{
    if (kind == IO_INTERNAL) {
        io_mem_remove(context, name);
    }
}

struct io_mem *io_mem_new(void)
{
    return memory_zeroed(sizeof(struct io_mem));
}

void io_mem_destroy(struct io_mem **mem)
{
    if (*mem == NULL) {
        return;
    }
    for (size_t i = 0; i < (*mem)->n_devices; i++) {
        queue_clear(&(*mem)->devices[i]->in);
        queue_clear(&(*mem)->devices[i]->out);
        free((*mem)->devices[i]);
    }
    free(*mem);
    *mem = NULL;
}

void io_mem_add(struct io_mem *mem, const char *name)
{
    struct device *device = find(mem, name);
    if (device == NULL && mem->n_devices < DEVICES_MAX && strlen(name) < NAME_BYTES) {
        device = memory_zeroed(sizeof *device);
        memcpy(device->name, name, strlen(name));
        device->tx_room = UINT32_MAX;
        mem->devices[mem->n_devices++] = device;
    }
    if (device != NULL) {
        device->is_there = true;
    }
}

void io_mem_remove(struct io_mem *mem, const char *name)
{
    struct device *device = find(mem, name);
    if (device != NULL) {
        device->is_there = false;
    }
}

struct io_factory io_mem_factory(struct io_mem *mem)
{
    return (struct io_factory){.open = mem_open, .forget = mem_forget, .context = mem};
}

bool io_mem_put(struct io_mem *mem, const char *name, const void *bytes, size_t size)
{
    struct device *device = find(mem, name);
    return device != NULL && device->is_there && device->opened != NULL && queue_push(&device->in, bytes, size);
}

size_t io_mem_get(struct io_mem *mem, const char *name, void *bytes, size_t room)
{
    struct device *device = find(mem, name);
    struct packet *p = device != NULL ? queue_first(&device->out) : NULL;
    if (p == NULL) {
        return 0;
    }
    size_t size = p->size;
    memcpy(bytes, p->bytes, size < room ? size : room);
    queue_drop_first(&device->out);
    return size;
}

void io_mem_set_tx_room(struct io_mem *mem, const char *name, uint32_t room)
{
    struct device *device = find(mem, name);
    if (device != NULL) {
        device->tx_room = room;
    }
}
