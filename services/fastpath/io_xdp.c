/* A device by AF_XDP: one socket a receive queue, frames in the shard's umem.
 *
 *     fill ring --kernel copies a frame in--> rx ring --rx()--> worker --tx()--> tx ring --sendto, 32 a call--> completion ring --> free
 *
 * Frames larger than a chunk come as pieces (XDP_PKT_CONTD), are put together in a large frame, and leave as pieces again, which needs
 * no copy because a large frame is made of chunks. In copy mode nothing is sent without sendto(), at most 32 frames a call, so flush()
 * calls it until the ring is empty or the kernel wants no more. Completions and the fill ring are served every round.
 * While frames come, recvfrom() makes the driver receive on our core when the ring is empty: measured 1.6 times what waiting for the
 * other core's interrupt gives, one call a burst. A queue that falls silent is left to its interrupt and costs nothing.
 * A VLAN tag that the peer's offload took out of the frame is in the eight bytes before it (bpf/rx_meta.h) and is put back here.
 * Cost: the kernel's, some 700 ns a frame in copy mode; ours is some 10. Worker thread.
 * Invariants: I4; a frame lent to a socket carries this device's number, so that all come back when it closes.
 */
#include "services/fastpath/io_xdp.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "services/fastpath/bpf/rx_meta.h"
#include "services/fastpath/guard.h"
#include "services/fastpath/io_null.h"
#include "services/fastpath/io_pcap.h"
#include "services/fastpath/io_tap.h"
#include "services/fastpath/link.h"
#include "services/fastpath/rx_program.h"
#include "services/fastpath/xsk.h"

enum {
    QUEUES_MAX = 16,
    FILL_MAX = XSK_RX_RING, /* frames lent to a queue; more than the receive ring holds are of no use */
    FILL_START = 128,       /* grows while the queue shows that it needs more */
    FILL_LEAST = 16,        /* what every queue may have, though the frames kept for waiting packets and copies shrink */
    KICKS_MAX = 8, /* calls in one flush: a burst of 256 */
    POLL_ROUNDS = 32, /* a queue that gave nothing so many times is left to its interrupt */
    TAG_BYTES = 4,
    MACS_BYTES = 12,
    PIECE_CONTINUES = 1 << 0, /* XDP_PKT_CONTD */
    PIECES_MAX = UMEM_LARGE_CHUNKS + 1,
};

struct queue {
    struct xsk xsk;
    uint32_t fill_target;   /* frames it should have in fill and receive ring */
    uint32_t n_filled;      /* frames it has there */
    uint32_t n_idle;        /* calls of rx() since it gave something */
    uint32_t n_outstanding; /* descriptors in transmit and completion ring */
};

struct io_linux {
    struct io_xdp *devices; /* open ones */
    uint32_t n_queues;      /* of all devices, those being opened too */
    uint16_t next_holder;
};

struct io_xdp {
    struct io io;
    struct umem *umem;
    struct io_linux *owner;
    struct rx_program program;
    struct queue queues[QUEUES_MAX];
    uint32_t n_queues;
    uint32_t next_queue; /* to receive from */
    uint16_t holder;
    bool has_sent; /* since the last flush */
    struct io_stats stats;
    int all_fd; /* while it is open, the device receives frames for every address */
    struct io_xdp *next, **link;
};

/* ---- receiving ---- */

/* Frames to lend now. All queues together get half of the small frames, and a quarter stays free: idle ports must not hold what busy ones
 * and waiting packets need. Only a queue that has next to nothing may go into that quarter, so that late ports receive too. */
static uint32_t fill_wanted(const struct io_xdp *device, const struct queue *queue)
{
    const struct umem *umem = device->umem;
    uint32_t share = umem->n_small / 2 / device->owner->n_queues;
    uint32_t target = queue->fill_target < share ? queue->fill_target : share > FILL_LEAST ? share : FILL_LEAST;
    uint32_t kept = umem->n_small / 4;
    if (umem->n_free_small <= kept) {
        target = FILL_LEAST;
        kept = umem->n_small / 16;
    }
    uint32_t wanted = target > queue->n_filled ? target - queue->n_filled : 0;
    uint32_t room = umem->n_free_small > kept ? umem->n_free_small - kept : 0;
    uint32_t few = target < IO_BURST ? target / 2 : IO_BURST / 2; /* not worth the stores */
    return wanted < few || room < few ? 0 : wanted < room ? wanted : room;
}

static void fill(struct io_xdp *device, struct queue *queue)
{
    uint32_t wanted = fill_wanted(device, queue), at;
    if (wanted == 0) {
        return;
    }
    wanted = wanted < xsk_prod_nb_free(&queue->xsk.fill, wanted) ? wanted : xsk_prod_nb_free(&queue->xsk.fill, wanted);
    uint32_t n = 0;
    if (xsk_ring_prod__reserve(&queue->xsk.fill, wanted, &at) != wanted) {
        return;
    }
    for (; n < wanted; n++) {
        uint64_t frame = umem_take(device->umem, UMEM_SMALL_ROOM, FRAME_WORKER);
        if (frame == UMEM_NONE) {
            break;
        }
        umem_lend(device->umem, frame, FRAME_WORKER, FRAME_FILL, device->holder);
        *xsk_ring_prod__fill_addr(&queue->xsk.fill, at + n) = frame;
    }
    queue->xsk.fill.cached_prod -= wanted - n;
    xsk_ring_prod__submit(&queue->xsk.fill, n);
    queue->n_filled += n;
}

/* Puts back the tag that the device took out; there is always room before a received frame. */
static void put_back_tag(struct umem *umem, struct io_frame *frame)
{
    uint8_t *data = umem->base + frame->frame + frame->offset;
    struct rx_meta meta;
    memcpy(&meta, data - sizeof meta, sizeof meta);
    if (meta.mark != RX_META_TAG || frame->size < MACS_BYTES + 2) {
        return;
    }
    uint8_t tag[TAG_BYTES] = {(uint8_t)meta.tpid, (uint8_t)(meta.tpid >> 8), (uint8_t)(meta.tci >> 8), (uint8_t)meta.tci};
    memmove(data - TAG_BYTES, data, MACS_BYTES);
    memcpy(data - TAG_BYTES + MACS_BYTES, tag, sizeof tag);
    frame->offset -= TAG_BYTES;
    frame->size += TAG_BYTES;
}

static void clear_meta(struct umem *umem, const struct io_frame *frame)
{
    memset(umem->base + frame->frame + frame->offset - sizeof(struct rx_meta), 0, sizeof(struct rx_meta));
}

static bool one_piece(struct io_xdp *device, const struct xdp_desc *desc, struct io_frame *out_frame)
{
    uint64_t frame = umem_frame_of(device->umem, desc->addr);
    *out_frame = (struct io_frame){.frame = frame, .offset = (uint32_t)(desc->addr - frame), .size = desc->len};
    umem_move(device->umem, frame, FRAME_FILL, FRAME_WORKER);
    if (device->program.has_vlan_hint) {
        struct io_frame before = *out_frame;
        put_back_tag(device->umem, out_frame);
        if (before.offset == out_frame->offset) {
            clear_meta(device->umem, out_frame);
        }
    }
    return true;
}

/* Copies the pieces into a large frame and frees theirs. */
static bool put_together(struct io_xdp *device, struct xsk_ring_cons *rx, uint32_t at, uint32_t n_pieces, struct io_frame *out_frame)
{
    struct umem *umem = device->umem;
    struct io_frame first, whole = {.offset = UMEM_HEADROOM};
    size_t size = 0;
    for (uint32_t i = 0; i < n_pieces; i++) {
        size += xsk_ring_cons__rx_desc(rx, at + i)->len;
    }
    whole.frame = size > UMEM_SMALL_ROOM && size <= UMEM_LARGE_ROOM - TAG_BYTES ? umem_take(umem, size, FRAME_WORKER) : UMEM_NONE;
    device->stats.too_long += size > UMEM_LARGE_ROOM - TAG_BYTES;
    device->stats.no_frame += whole.frame == UMEM_NONE && size <= UMEM_LARGE_ROOM - TAG_BYTES;
    for (uint32_t i = 0; i < n_pieces; i++) {
        const struct xdp_desc *desc = xsk_ring_cons__rx_desc(rx, at + i);
        uint32_t tag_bytes = 0, from = 0;
        if (i == 0) {
            (void)one_piece(device, desc, &first);
            tag_bytes = first.size - desc->len;
            from = first.offset;
        } else {
            first.frame = umem_frame_of(umem, desc->addr);
            from = (uint32_t)(desc->addr - first.frame);
            umem_move(umem, first.frame, FRAME_FILL, FRAME_WORKER);
        }
        if (whole.frame != UMEM_NONE) {
            memcpy(umem->base + whole.frame + whole.offset + whole.size, umem->base + first.frame + from, desc->len + tag_bytes);
            whole.size += desc->len + tag_bytes;
        }
        umem_give(umem, first.frame, FRAME_WORKER);
    }
    *out_frame = whole;
    return whole.frame != UMEM_NONE;
}

static unsigned rx_queue(struct io_xdp *device, struct queue *queue, struct io_frame *out_frames, unsigned max)
{
    struct xsk_ring_cons *rx = &queue->xsk.rx;
    if (queue->n_idle < POLL_ROUNDS && xsk_cons_nb_avail(rx, 1) == 0) {
        (void)recvfrom(queue->xsk.fd, NULL, 0, MSG_DONTWAIT, NULL, NULL); /* makes the driver receive, here and now */
        queue->n_idle++;
    }
    uint32_t n_waiting = xsk_cons_nb_avail(rx, UINT32_MAX), at, n = xsk_ring_cons__peek(rx, max * PIECES_MAX, &at), done = 0;
    unsigned n_frames = 0;
    if (n_waiting > queue->fill_target / 2 && queue->fill_target < FILL_MAX) {
        queue->fill_target *= 2; /* we are slower than it fills: more room for bursts */
    }
    while (done < n && n_frames < max) {
        uint32_t pieces = 1;
        while (done + pieces <= n && (xsk_ring_cons__rx_desc(rx, at + done + pieces - 1)->options & PIECE_CONTINUES) != 0) {
            pieces++;
        }
        if (done + pieces > n) {
            break; /* the rest of this frame is not in the ring yet */
        }
        bool is_good = pieces == 1 ? one_piece(device, xsk_ring_cons__rx_desc(rx, at + done), &out_frames[n_frames])
                                   : put_together(device, rx, at + done, pieces, &out_frames[n_frames]);
        n_frames += is_good;
        done += pieces;
    }
    queue->n_idle = done > 0 ? 0 : queue->n_idle;
    xsk_ring_cons__cancel(rx, n - done);
    xsk_ring_cons__release(rx, done);
    queue->n_filled -= done;
    return n_frames;
}

static unsigned xdp_rx(struct io *io, struct io_frame *out_frames, unsigned max)
{
    struct io_xdp *device = (struct io_xdp *)io;
    unsigned n = 0;
    for (uint32_t i = 0; i < device->n_queues && n < max; i++) {
        struct queue *queue = &device->queues[(device->next_queue + i) % device->n_queues];
        n += rx_queue(device, queue, out_frames + n, max - n);
    }
    device->next_queue = device->n_queues > 1 ? (device->next_queue + 1) % device->n_queues : 0;
    return n;
}

/* ---- sending ---- */

static uint32_t pieces_of(const struct io_frame *frame)
{
    uint32_t first = frame->offset / UMEM_CHUNK_BYTES, last = (frame->offset + frame->size - 1) / UMEM_CHUNK_BYTES;
    return last - first + 1;
}

static unsigned xdp_tx(struct io *io, const struct io_frame *frames, unsigned n)
{
    struct io_xdp *device = (struct io_xdp *)io;
    struct queue *queue = &device->queues[0];
    for (unsigned i = 0; i < n; i++) {
        uint32_t n_pieces = pieces_of(&frames[i]), at, done = 0;
        if (xsk_ring_prod__reserve(&queue->xsk.tx, n_pieces, &at) != n_pieces) {
            return i;
        }
        umem_lend(device->umem, frames[i].frame, FRAME_WORKER, FRAME_TX, device->holder);
        *umem_pieces(device->umem, frames[i].frame) = (uint8_t)n_pieces;
        for (uint32_t piece = 0; piece < n_pieces; piece++) {
            uint32_t offset = frames[i].offset + done;
            uint32_t to_edge = UMEM_CHUNK_BYTES - offset % UMEM_CHUNK_BYTES, left = frames[i].size - done;
            uint32_t size = left < to_edge ? left : to_edge;
            *xsk_ring_prod__tx_desc(&queue->xsk.tx, at + piece) = (struct xdp_desc){
                .addr = frames[i].frame + offset, .len = size, .options = piece + 1 < n_pieces ? PIECE_CONTINUES : 0};
            done += size;
        }
        xsk_ring_prod__submit(&queue->xsk.tx, n_pieces);
        queue->n_outstanding += n_pieces;
        device->has_sent = true;
    }
    return n;
}

static void take_completions(struct io_xdp *device, struct queue *queue)
{
    uint32_t at, n;
    while (queue->n_outstanding > 0 && (n = xsk_ring_cons__peek(&queue->xsk.completion, 64, &at)) > 0) {
        for (uint32_t i = 0; i < n; i++) {
            uint64_t frame = umem_frame_of(device->umem, *xsk_ring_cons__comp_addr(&queue->xsk.completion, at + i));
            if (--*umem_pieces(device->umem, frame) == 0) {
                umem_give(device->umem, frame, FRAME_TX);
            }
        }
        xsk_ring_cons__release(&queue->xsk.completion, n);
        queue->n_outstanding -= n;
    }
}

static bool has_unsent(const struct queue *queue)
{
    return __atomic_load_n(queue->xsk.tx.consumer, __ATOMIC_ACQUIRE) != *queue->xsk.tx.producer;
}

static void xdp_flush(struct io *io)
{
    struct io_xdp *device = (struct io_xdp *)io;
    struct queue *queue = &device->queues[0];
    if (device->has_sent || has_unsent(queue)) {
        for (unsigned i = 0; i < KICKS_MAX && has_unsent(queue); i++) {
            if (sendto(queue->xsk.fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN) {
                break;
            }
            take_completions(device, queue);
        }
        device->has_sent = false;
    }
    take_completions(device, queue);
    for (uint32_t i = 0; i < device->n_queues; i++) {
        fill(device, &device->queues[i]);
    }
}

static int xdp_fd(const struct io *io, unsigned i)
{
    const struct io_xdp *device = (const struct io_xdp *)io;
    return i < device->n_queues ? device->queues[i].xsk.fd : -1;
}

static void xdp_stats(struct io *io, struct io_stats *out_stats)
{
    struct io_xdp *device = (struct io_xdp *)io;
    *out_stats = device->stats;
    for (uint32_t i = 0; i < device->n_queues; i++) {
        struct xdp_statistics s = {0};
        socklen_t size = sizeof s;
        if (getsockopt(device->queues[i].xsk.fd, SOL_XDP, XDP_STATISTICS, &s, &size) == 0) {
            out_stats->receive_ring_full += s.rx_dropped + s.rx_ring_full;
        }
    }
}

/* ---- opening and closing ---- */

static void xdp_close(struct io *io)
{
    struct io_xdp *device = (struct io_xdp *)io;
    rx_program_close(&device->program);
    if (device->all_fd >= 0) {
        close(device->all_fd);
    }
    for (uint32_t i = 0; i < device->n_queues; i++) {
        xsk_close(&device->queues[i].xsk);
    }
    device->owner->n_queues -= device->n_queues;
    umem_take_back(device->umem, device->holder);
    if (device->link != NULL) {
        *device->link = device->next;
        if (device->next != NULL) {
            device->next->link = device->link;
        }
    }
    free(device);
}

static const struct io_ops xdp_ops = {
    .rx = xdp_rx, .tx = xdp_tx, .flush = xdp_flush, .fd = xdp_fd, .stats = xdp_stats, .close = xdp_close};

static int open_queues(struct io_xdp *device, unsigned ifindex, const char *name, struct error_detail *detail)
{
    uint32_t wanted = link_receive_queues(name);
    int shared_fd = device->owner->devices != NULL ? device->owner->devices->queues[0].xsk.fd : -1;
    bool takes_pieces = device->owner->devices != NULL && device->owner->devices->queues[0].xsk.takes_pieces;
    if (wanted > QUEUES_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "%s: %u receive queues, more than %d (ethtool -L %s combined %d)", name, wanted, QUEUES_MAX,
                         name, QUEUES_MAX);
    }
    for (uint32_t i = 0; i < wanted; i++) {
        struct queue *queue = &device->queues[i];
        int err = xsk_open(device->umem, ifindex, i, shared_fd, &queue->xsk);
        if (err == 0) {
            device->n_queues++;
            device->owner->n_queues++;
            queue->fill_target = FILL_START;
            takes_pieces = shared_fd < 0 ? queue->xsk.takes_pieces : takes_pieces;
            queue->xsk.takes_pieces = takes_pieces;
            shared_fd = queue->xsk.fd;
            fill(device, queue);
        }
        if (err == -EBUSY) { /* the kernel lets go of a queue some 35 ms after its socket was closed */
            return error_set(detail, -EAGAIN, "%s: queue %u is in use by another AF_XDP socket", name, i);
        }
        if (err != 0) {
            return error_set(detail, err, "%s: queue %u: %s", name, i, error_text(err));
        }
    }
    return 0;
}

static int attach(struct io_xdp *device, unsigned ifindex, const char *name, struct error_detail *detail)
{
    int err = link_receive_all(ifindex, &device->all_fd);
    if (err != 0) {
        return error_set(detail, err, "%s: promiscuous mode: %s", name, error_text(err));
    }
    err = rx_program_open(ifindex, name, &device->program, detail);
    for (uint32_t i = 0; err == 0 && i < device->n_queues; i++) {
        err = rx_program_set_socket(&device->program, i, device->queues[i].xsk.fd);
    }
    return err;
}

static void describe(struct io_xdp *device, const char *name)
{
    char driver[32];
    link_driver(name, driver);
    snprintf(device->io.mode, sizeof device->io.mode, "%s", device->program.is_native ? "xdp-native" : "xdp-generic");
    snprintf(device->io.why, sizeof device->io.why, "%s", device->program.why);
    device->io.open_checksums = strcmp(driver, "veth") == 0 || strcmp(driver, "tun") == 0;
    device->io.frame_bytes = UMEM_LARGE_ROOM;
    if (!device->queues[0].xsk.takes_pieces) {
        device->io.frame_bytes = UMEM_SMALL_ROOM;
        snprintf(device->io.why, sizeof device->io.why, "frames over %d bytes need Linux 6.6; %.140s", UMEM_SMALL_ROOM,
                 device->program.why);
    }
}

/* A number no open device has; devices are opened and closed more often than 16 bits count. */
static uint16_t free_holder(struct io_linux *linux_io)
{
    const struct io_xdp *device;
    do {
        linux_io->next_holder++;
        device = linux_io->devices;
        while (device != NULL && device->holder != linux_io->next_holder) {
            device = device->next;
        }
    } while (device != NULL || linux_io->next_holder == UMEM_HOLDER_OWN);
    return linux_io->next_holder;
}

int io_xdp_open(struct io_linux *linux_io, const struct io_request *request, struct umem *umem, struct io **out_io,
                struct error_detail *detail)
{
    unsigned ifindex = if_nametoindex(request->name);
    if (ifindex == 0) {
        return error_set(detail, -ENODEV, "%s: no such interface", request->name);
    }
    int err = request->force ? 0 : guard_check(request->name, ifindex, detail);
    if (err != 0) {
        return err;
    }
    struct io_xdp *device = memory_zeroed(sizeof *device);
    *device = (struct io_xdp){.io.ops = &xdp_ops, .umem = umem, .owner = linux_io, .holder = free_holder(linux_io), .program.link_fd = -1,
                              .all_fd = -1};
    err = open_queues(device, ifindex, request->name, detail);
    if (err == 0) {
        err = attach(device, ifindex, request->name, detail);
    }
    if (err != 0) {
        xdp_close(&device->io);
        return err;
    }
    describe(device, request->name);
    device->next = linux_io->devices;
    device->link = &linux_io->devices;
    if (device->next != NULL) {
        device->next->link = &device->next;
    }
    linux_io->devices = device;
    *out_io = &device->io;
    return 0;
}

static int linux_open(void *context, const struct io_request *request, struct umem *umem, struct io **out_io, struct error_detail *detail)
{
    switch (request->kind) {
    case IO_SYSTEM:
        return io_xdp_open(context, request, umem, out_io, detail);
    case IO_INTERNAL:
        return io_tap_open(request, umem, out_io, detail);
    case IO_PCAP:
        return io_pcap_open(request, umem, out_io, detail);
    case IO_NULL:
        *out_io = io_null_open(umem);
        return 0;
    }
    return -EINVAL;
}

static void linux_forget(void *context, enum io_kind kind, const char *name)
{
    if (kind == IO_INTERNAL) {
        io_tap_forget(name);
    }
}

struct io_linux *io_linux_new(void)
{
    return memory_zeroed(sizeof(struct io_linux));
}

void io_linux_destroy(struct io_linux **linux_io)
{
    free(*linux_io);
    *linux_io = NULL;
}

struct io_factory io_linux_factory(struct io_linux *linux_io)
{
    return (struct io_factory){.open = linux_open, .forget = linux_forget, .context = linux_io};
}
