/* A queue: frames in and out of its rings.
 *
 *     fill ring --kernel copies a frame in--> rx ring --rx()--> worker --tx()--> tx ring --sendto, 32 a call--> completion ring --> free
 *
 * Frames larger than a chunk come as pieces (XDP_PKT_CONTD), are put together in a large frame, and leave as pieces again, which needs
 * no copy because a large frame is made of chunks. In copy mode nothing is sent without sendto(), at most 32 frames a call, so flush()
 * calls it until the ring is empty or the kernel wants no more. EBUSY from it says that the device has dropped one frame, the last one
 * taken: it is counted as failed and the next call goes on behind it. Completions and the fill ring are served every round.
 * In copy mode the ring is only looked at: the core that takes the interrupt copies, ours sends, and both work at a time. Making the driver
 * receive here, by recvfrom(), halved what a veth forwards from a sender in the kernel. A zero-copy driver has nothing to copy, so
 * there it is done while frames come; a queue that falls silent is left to its interrupt and costs nothing.
 * A VLAN tag that the peer's offload took out of the frame is in the eight bytes before it (bpf/rx_meta.h) and is put back here.
 * Cost: the kernel's, some 700 ns a frame in copy mode; ours is some 10. Worker thread.
 * Invariants: I4; a frame lent to a socket carries this queue's number as holder, so that all come back when it closes.
 */
#include "services/fastpath/xdp_queue.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/socket.h>

#include "services/fastpath/bpf/rx_meta.h"

enum {
    FILL_MAX = XSK_RX_RING, /* frames lent to a queue; more than the receive ring holds are of no use */
    FILL_START = 128,       /* grows while the queue shows that it needs more */
    FILL_LEAST = 16,        /* what every queue may have, though the frames kept for waiting packets and copies shrink */
    KICKS_MAX = 8,          /* calls in one flush: a burst of 256 */
    POLL_ROUNDS = 32,       /* a queue that gave nothing so many times is left to its interrupt */
    TAG_BYTES = 4,
    MACS_BYTES = 12,
    PIECE_CONTINUES = 1 << 0, /* XDP_PKT_CONTD */
    PIECES_MAX = UMEM_LARGE_CHUNKS + 1,
};

void xdp_queue_stats(const struct xdp_queue *queue, struct io_stats *stats)
{
    struct xdp_statistics s = {0};
    socklen_t size = sizeof s;
    if (getsockopt(queue->xsk.fd, SOL_XDP, XDP_STATISTICS, &s, &size) == 0) {
        stats->receive_ring_full += s.rx_dropped + s.rx_ring_full;
    }
}

/* Frames that came to the socket and found no frame or no place. */
static uint64_t count_lost(const struct tier_rx *rx)
{
    const struct xdp_queue *queue = (const struct xdp_queue *)((const char *)rx - offsetof(struct xdp_queue, tier));
    struct io_stats stats = {0};
    xdp_queue_stats(queue, &stats);
    return stats.receive_ring_full;
}

void xdp_queue_init(struct xdp_queue *queue, const struct xsk *xsk, struct umem *umem, uint32_t number, uint16_t holder,
                    const volatile uint64_t *has_tags)
{
    *queue = (struct xdp_queue){
        .xsk = *xsk, .umem = umem, .number = number, .holder = holder, .has_tags = has_tags, .fill_target = FILL_START};
    queue->tier = (struct tier_rx){
        .number = number, .holder = holder, .n_outstanding = &queue->n_outstanding, .count_lost = count_lost};
}

/* ---- receiving ---- */

/* Frames to lend now. All queues together get half of the small frames, and a quarter stays free: idle ports must not hold what busy ones
 * and waiting packets need. Only a queue that has next to nothing may go into that quarter, so that late ports receive too. */
static uint32_t fill_wanted(const struct xdp_queue *queue, uint32_t n_queues)
{
    const struct umem *umem = queue->umem;
    uint32_t share = umem->n_small / 2 / n_queues;
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

void xdp_queue_fill(struct xdp_queue *queue, uint32_t n_queues)
{
    uint32_t wanted = queue->is_leaving ? 0 : fill_wanted(queue, n_queues), at;
    if (wanted == 0) {
        return;
    }
    wanted = wanted < xsk_prod_nb_free(&queue->xsk.fill, wanted) ? wanted : xsk_prod_nb_free(&queue->xsk.fill, wanted);
    uint32_t n = 0;
    if (xsk_ring_prod__reserve(&queue->xsk.fill, wanted, &at) != wanted) {
        return;
    }
    for (; n < wanted; n++) {
        uint64_t frame = umem_take(queue->umem, UMEM_SMALL_ROOM, FRAME_WORKER);
        if (frame == UMEM_NONE) {
            break;
        }
        umem_lend(queue->umem, frame, FRAME_WORKER, FRAME_FILL, queue->holder);
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

static bool one_piece(struct xdp_queue *queue, const struct xdp_desc *desc, struct io_frame *out_frame)
{
    uint64_t frame = umem_frame_of(queue->umem, desc->addr);
    *out_frame = (struct io_frame){.frame = frame, .offset = (uint32_t)(desc->addr - frame), .size = desc->len};
    umem_move(queue->umem, frame, FRAME_FILL, FRAME_WORKER);
    if (queue->has_tags != NULL && *queue->has_tags != 0) {
        struct io_frame before = *out_frame;
        put_back_tag(queue->umem, out_frame);
        if (before.offset == out_frame->offset) {
            clear_meta(queue->umem, out_frame);
        }
    }
    return true;
}

/* Copies the pieces into a large frame and frees theirs. */
static bool put_together(struct xdp_queue *queue, struct io_stats *stats, uint32_t at, uint32_t n_pieces, struct io_frame *out_frame)
{
    struct umem *umem = queue->umem;
    struct xsk_ring_cons *rx = &queue->xsk.rx;
    struct io_frame first, whole = {.offset = UMEM_HEADROOM};
    size_t size = 0;
    for (uint32_t i = 0; i < n_pieces; i++) {
        size += xsk_ring_cons__rx_desc(rx, at + i)->len;
    }
    whole.frame = size > UMEM_SMALL_ROOM && size <= UMEM_LARGE_ROOM - TAG_BYTES ? umem_take(umem, size, FRAME_WORKER) : UMEM_NONE;
    stats->too_long += size > UMEM_LARGE_ROOM - TAG_BYTES;
    stats->no_frame += whole.frame == UMEM_NONE && size <= UMEM_LARGE_ROOM - TAG_BYTES;
    for (uint32_t i = 0; i < n_pieces; i++) {
        const struct xdp_desc *desc = xsk_ring_cons__rx_desc(rx, at + i);
        uint32_t tag_bytes = 0, from = 0;
        if (i == 0) {
            (void)one_piece(queue, desc, &first);
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

unsigned xdp_queue_rx(struct xdp_queue *queue, struct io_stats *stats, struct io_frame *out_frames, unsigned max)
{
    struct xsk_ring_cons *rx = &queue->xsk.rx;
    if (queue->xsk.is_zero_copy && queue->n_idle < POLL_ROUNDS && !queue->is_leaving && xsk_cons_nb_avail(rx, 1) == 0) {
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
        bool is_good = pieces == 1 ? one_piece(queue, xsk_ring_cons__rx_desc(rx, at + done), &out_frames[n_frames])
                                   : put_together(queue, stats, at + done, pieces, &out_frames[n_frames]);
        n_frames += is_good;
        done += pieces;
        queue->tier.n_received++;
    }
    queue->n_idle = done > 0 ? 0 : queue->n_idle;
    xsk_ring_cons__cancel(rx, n - done);
    xsk_ring_cons__release(rx, done);
    queue->n_filled -= done;
    return n_frames;
}

uint32_t xdp_queue_waiting(struct xdp_queue *queue)
{
    return xsk_cons_nb_avail(&queue->xsk.rx, UINT32_MAX);
}

/* ---- sending ---- */

static uint32_t pieces_of(const struct io_frame *frame)
{
    uint32_t first = frame->offset / UMEM_CHUNK_BYTES, last = (frame->offset + frame->size - 1) / UMEM_CHUNK_BYTES;
    return last - first + 1;
}

unsigned xdp_queue_tx(struct xdp_queue *queue, const struct io_frame *frames, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint32_t n_pieces = pieces_of(&frames[i]), at, done = 0;
        if (xsk_ring_prod__reserve(&queue->xsk.tx, n_pieces, &at) != n_pieces) {
            return i;
        }
        umem_lend(queue->umem, frames[i].frame, FRAME_WORKER, FRAME_TX, queue->holder);
        *umem_pieces(queue->umem, frames[i].frame) = (uint8_t)n_pieces;
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
    }
    return n;
}

static void take_completions(struct xdp_queue *queue)
{
    uint32_t at, n;
    while (queue->n_outstanding > 0 && (n = xsk_ring_cons__peek(&queue->xsk.completion, 64, &at)) > 0) {
        for (uint32_t i = 0; i < n; i++) {
            uint64_t frame = umem_frame_of(queue->umem, *xsk_ring_cons__comp_addr(&queue->xsk.completion, at + i));
            if (--*umem_pieces(queue->umem, frame) == 0) {
                umem_give(queue->umem, frame, FRAME_TX);
            }
        }
        xsk_ring_cons__release(&queue->xsk.completion, n);
        queue->n_outstanding -= n;
    }
}

static uint32_t n_unsent(const struct xdp_queue *queue)
{
    return *queue->xsk.tx.producer - __atomic_load_n(queue->xsk.tx.consumer, __ATOMIC_ACQUIRE);
}

static const struct xdp_desc *sent_desc(const struct xdp_queue *queue, uint32_t at)
{
    return (const struct xdp_desc *)queue->xsk.tx.ring + (at & queue->xsk.tx.mask);
}

/* The device has dropped the frame that the kernel took last. (It may not have said yet how far it is: then the size is a neighbour's.) */
static void count_failed(const struct xdp_queue *queue, struct io *io)
{
    uint32_t at = *queue->xsk.tx.consumer - 1;
    io->n_failed++;
    io->failed_bytes += sent_desc(queue, at)->len;
    while ((sent_desc(queue, at - 1)->options & PIECE_CONTINUES) != 0) {
        io->failed_bytes += sent_desc(queue, --at)->len;
    }
}

/* One call to the kernel. False: it wants no more now. */
static bool kick(struct xdp_queue *queue, struct io *io)
{
    if (sendto(queue->xsk.fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0 || errno == EAGAIN) {
        return true;
    }
    if (errno != EBUSY) {
        return false; /* down or gone: it stays in the ring */
    }
    if (!queue->xsk.is_zero_copy) {
        count_failed(queue, io);
    }
    return !queue->xsk.is_zero_copy;
}

void xdp_queue_flush(struct xdp_queue *queue, struct io *io)
{
    /* A zero-copy driver sends by itself, and wants to be woken only when it says so. */
    bool may_kick = !queue->xsk.is_zero_copy || xsk_ring_prod__needs_wakeup(&queue->xsk.tx);
    for (unsigned i = 0; may_kick && i < KICKS_MAX && n_unsent(queue) > 0; i++) {
        may_kick = kick(queue, io) && !queue->xsk.is_zero_copy;
        take_completions(queue);
    }
    take_completions(queue);
    if (queue->xsk.is_zero_copy && xsk_ring_prod__needs_wakeup(&queue->xsk.fill)) {
        (void)recvfrom(queue->xsk.fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
    }
}

void xdp_queue_give_up(struct xdp_queue *queue, struct io *io)
{
    for (uint32_t left = n_unsent(queue), end = *queue->xsk.tx.producer; left > 0; left--) {
        const struct xdp_desc *desc = sent_desc(queue, end - left);
        io->n_failed += (desc->options & PIECE_CONTINUES) == 0;
        io->failed_bytes += desc->len;
    }
}
