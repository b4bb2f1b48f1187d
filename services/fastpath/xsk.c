/* AF_XDP sockets set up by hand; the rings are then worked with libxdp's inline functions.
 *
 * Why not libxdp's own set-up: it ties a umem to the first socket made for it, whose device then cannot be let go while others use
 * the umem; ports come and go here in any order. The kernel asks only that a socket which joins names one that is bound: any.
 * A umem as the kernel knows it is either zero-copy for all of its sockets or for none, and what the devices can do differs. So the same
 * memory is registered twice when both kinds are there: sockets join one of their own kind.
 * Control code. Invariant: a closed socket leaves no mapping behind.
 */
#include "services/fastpath/xsk.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif

struct ring_shape {
    uint32_t size;
    uint64_t page; /* mmap offset */
    size_t entry_bytes;
};

static int set_ring(int fd, int option, uint32_t size)
{
    return setsockopt(fd, SOL_XDP, option, &size, sizeof size) != 0 ? -errno : 0;
}

static int register_umem(const struct umem *umem, int fd)
{
    struct xdp_umem_reg request = {.addr = (uintptr_t)umem->base, .len = umem->size_bytes, .chunk_size = UMEM_CHUNK_BYTES};
    return setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &request, sizeof request) != 0 ? -errno : 0;
}

/* Maps one ring; where producer, consumer and descriptors are, the kernel says. */
static int map_ring(int fd, const struct ring_shape *shape, const struct xdp_ring_offset *at, struct xsk_map *out_map)
{
    size_t size = (size_t)at->desc + (size_t)shape->size * shape->entry_bytes;
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)shape->page);
    if (base == MAP_FAILED) {
        return -errno;
    }
    *out_map = (struct xsk_map){.base = base, .size = size};
    return 0;
}

static void place_producer(struct xsk_ring_prod *ring, const struct xsk_map *map, const struct xdp_ring_offset *at, uint32_t size)
{
    uint8_t *base = map->base;
    *ring = (struct xsk_ring_prod){.cached_cons = size,
                                   .mask = size - 1,
                                   .size = size,
                                   .producer = (uint32_t *)(void *)(base + at->producer),
                                   .consumer = (uint32_t *)(void *)(base + at->consumer),
                                   .ring = base + at->desc,
                                   .flags = (uint32_t *)(void *)(base + at->flags)};
}

static void place_consumer(struct xsk_ring_cons *ring, const struct xsk_map *map, const struct xdp_ring_offset *at, uint32_t size)
{
    uint8_t *base = map->base;
    *ring = (struct xsk_ring_cons){.mask = size - 1,
                                   .size = size,
                                   .producer = (uint32_t *)(void *)(base + at->producer),
                                   .consumer = (uint32_t *)(void *)(base + at->consumer),
                                   .ring = base + at->desc,
                                   .flags = (uint32_t *)(void *)(base + at->flags)};
}

static int map_rings(struct xsk *xsk)
{
    struct xdp_mmap_offsets at;
    socklen_t size = sizeof at;
    if (getsockopt(xsk->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size) != 0) {
        return -errno;
    }
    const struct ring_shape shapes[4] = {
        {XSK_RX_RING, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc)},
        {XSK_TX_RING, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc)},
        {XSK_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t)},
        {XSK_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t)},
    };
    const struct xdp_ring_offset *offsets[4] = {&at.rx, &at.tx, &at.fr, &at.cr};
    for (size_t i = 0; i < 4; i++) {
        int err = map_ring(xsk->fd, &shapes[i], offsets[i], &xsk->maps[i]);
        if (err != 0) {
            return err;
        }
    }
    place_consumer(&xsk->rx, &xsk->maps[0], &at.rx, XSK_RX_RING);
    place_producer(&xsk->tx, &xsk->maps[1], &at.tx, XSK_TX_RING);
    place_producer(&xsk->fill, &xsk->maps[2], &at.fr, XSK_FILL_RING);
    place_consumer(&xsk->completion, &xsk->maps[3], &at.cr, XSK_COMPLETION_RING);
    return 0;
}

static int set_rings(int fd)
{
    const struct {
        int option;
        uint32_t size;
    } rings[] = {{XDP_UMEM_FILL_RING, XSK_FILL_RING},
                 {XDP_UMEM_COMPLETION_RING, XSK_COMPLETION_RING},
                 {XDP_RX_RING, XSK_RX_RING},
                 {XDP_TX_RING, XSK_TX_RING}};
    for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++) {
        int err = set_ring(fd, rings[i].option, rings[i].size);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* The first socket decides for the umem whether frames may be in pieces and whether they are copied; the ones that join take that over. A
 * zero-copy driver is told when to go on (need_wakeup), which spares it from asking all the time; copy mode sends in our call anyway. */
static int bind_to(struct xsk *xsk, unsigned ifindex, uint32_t queue, const struct xsk *shared)
{
    struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_ifindex = ifindex, .sxdp_queue_id = queue};
    const uint16_t mode = xsk->is_zero_copy ? XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP : XDP_COPY;
    if (shared != NULL) {
        address.sxdp_flags = XDP_SHARED_UMEM;
        address.sxdp_shared_umem_fd = (uint32_t)shared->fd;
        xsk->takes_pieces = shared->takes_pieces;
        return bind(xsk->fd, (struct sockaddr *)&address, sizeof address) != 0 ? -errno : 0;
    }
    address.sxdp_flags = mode | XDP_USE_SG;
    if (bind(xsk->fd, (struct sockaddr *)&address, sizeof address) == 0) {
        xsk->takes_pieces = true;
        return 0;
    }
    if (errno == EBUSY) {
        return -EBUSY;
    }
    address.sxdp_flags = mode;
    return bind(xsk->fd, (struct sockaddr *)&address, sizeof address) != 0 ? -errno : 0;
}

/* Lets recvfrom() do the receiving on our core while packets come. What the kernel does not know it refuses; then interrupts do it. */
static void prefer_busy_poll(int fd)
{
    int on = 1, usec = 20, budget = 64;
    (void)setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &usec, sizeof usec);
    (void)setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof budget);
}

int xsk_open(const struct umem *umem, unsigned ifindex, uint32_t queue, const struct xsk *shared, bool zero_copy,
             struct xsk *out_xsk)
{
    struct xsk xsk = {.fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), .is_zero_copy = zero_copy};
    int err = xsk.fd < 0 ? -errno : 0;
    if (err == 0 && shared == NULL) {
        err = register_umem(umem, xsk.fd);
    }
    if (err == 0) {
        err = set_rings(xsk.fd);
    }
    if (err == 0) {
        err = map_rings(&xsk);
    }
    if (err == 0) {
        err = bind_to(&xsk, ifindex, queue, shared);
    }
    if (err != 0) {
        xsk_close(&xsk);
        return err;
    }
    if (zero_copy) {
        prefer_busy_poll(xsk.fd); /* in copy mode another core may do the copying, see xdp_queue.c */
    }
    *out_xsk = xsk;
    return 0;
}

void xsk_close(struct xsk *xsk)
{
    for (size_t i = 0; i < 4; i++) {
        if (xsk->maps[i].base != NULL) {
            munmap(xsk->maps[i].base, xsk->maps[i].size);
        }
    }
    if (xsk->fd >= 0) {
        close(xsk->fd);
    }
    *xsk = (struct xsk){.fd = -1};
}
