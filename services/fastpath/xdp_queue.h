/* One receive queue of a device by AF_XDP: the frames lent to it, and what comes and goes. Used by io_xdp.c. */
#ifndef BUSBAR_FASTPATH_XDP_QUEUE_H
#define BUSBAR_FASTPATH_XDP_QUEUE_H

#include "services/fastpath/io.h"
#include "services/fastpath/tier.h"
#include "services/fastpath/xsk.h"

struct xdp_queue {
    struct xsk xsk;
    struct umem *umem;
    uint32_t number; /* the device's */
    uint16_t holder; /* of the frames lent to it */
    const volatile uint64_t *has_tags; /* of rx_program.h */
    bool is_leaving; /* gets no frames any more, what it has is still taken */
    uint64_t left_ns;
    uint32_t fill_target;   /* frames it should have in fill and receive ring */
    uint32_t n_filled;      /* frames it has there */
    uint32_t n_idle;        /* calls of rx since it gave something */
    uint32_t n_outstanding; /* descriptors in transmit and completion ring */
    struct tier_rx tier;    /* its account with the kernel's tier */
};

/* Around the open socket of queue `number`. */
void xdp_queue_init(struct xdp_queue *queue, const struct xsk *xsk, struct umem *umem, uint32_t number, uint16_t holder,
                    const volatile uint64_t *has_tags);
/* Lends free frames for receiving; n_queues: of all devices of the shard, which share them. */
void xdp_queue_fill(struct xdp_queue *queue, uint32_t n_queues);
unsigned xdp_queue_rx(struct xdp_queue *queue, struct io_stats *stats, struct io_frame *out_frames, unsigned max);
uint32_t xdp_queue_waiting(struct xdp_queue *queue);
/* As io_ops.tx and flush; what the kernel refuses is counted in io. */
unsigned xdp_queue_tx(struct xdp_queue *queue, const struct io_frame *frames, unsigned n);
void xdp_queue_flush(struct xdp_queue *queue, struct io *io);
/* Before it closes: what was not sent counts as failed. */
void xdp_queue_give_up(struct xdp_queue *queue, struct io *io);
/* Adds what the kernel has counted. */
void xdp_queue_stats(const struct xdp_queue *queue, struct io_stats *stats);

#endif
