/* One AF_XDP socket: four rings on one queue of a device, over the shard's umem. */
#ifndef BUSBAR_FASTPATH_XSK_H
#define BUSBAR_FASTPATH_XSK_H

#include <xdp/xsk.h>

#include "services/fastpath/umem.h"

enum {
    XSK_RX_RING = 2048,
    XSK_FILL_RING = 2 * XSK_RX_RING,
    XSK_TX_RING = 2048,
    XSK_COMPLETION_RING = 2 * XSK_TX_RING,
};

struct xsk_map {
    void *base;
    size_t size;
};

struct xsk {
    int fd;
    struct xsk_ring_cons rx, completion;
    struct xsk_ring_prod fill, tx;
    struct xsk_map maps[4];
    bool takes_pieces; /* frames larger than a chunk come and go in pieces (kernel 6.6) */
    bool is_zero_copy;
};

/* `shared`: any open socket over the same umem that is zero-copy too, or copies too; NULL when there is none. Zero-copy that the driver
 * refuses is an error (-EOPNOTSUPP, -EINVAL); -EBUSY: the queue has a socket. */
int xsk_open(const struct umem *umem, unsigned ifindex, uint32_t queue, const struct xsk *shared, bool zero_copy,
             struct xsk *out_xsk) MUST_CHECK;
void xsk_close(struct xsk *xsk);

#endif
