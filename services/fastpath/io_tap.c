/* TAP devices.
 *
 * The interface is persistent, so the host keeps the address it has given it while the fastpath restarts; it is deleted when the port
 * leaves the configuration. It has many queues: each shard opens one of its own, and the kernel chooses among those that are open by
 * flow, the queue that last sent a flow's answers first. A TAP that an older version left with a single queue is made anew.
 * Frames go through read() and write(), one call each: the one port type for which a system call per packet is unavoidable without a
 * vhost kernel thread, and LOCAL carries the host's own little traffic.
 * A frame is read into a small frame and what is longer into a spare buffer; only then is a large frame taken.
 * Worker thread. Invariant: a frame is the device's only inside a call, so closing has none to give back.
 */
#include "services/fastpath/io_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "services/fastpath/link.h"

enum { SPARE_BYTES = UMEM_LARGE_ROOM };

struct io_tap {
    struct io io;
    struct umem *umem;
    int fd;
    struct io_stats stats;
    uint8_t spare[SPARE_BYTES];
};

/* The frame goes on in the spare buffer: both parts into a large frame. */
static bool make_large(struct io_tap *tap, uint64_t small, size_t size, struct io_frame *out_frame)
{
    uint64_t large = size <= UMEM_LARGE_ROOM ? umem_take(tap->umem, size, FRAME_WORKER) : UMEM_NONE;
    tap->stats.too_long += size > UMEM_LARGE_ROOM;
    tap->stats.no_frame += size <= UMEM_LARGE_ROOM && large == UMEM_NONE;
    if (large != UMEM_NONE) {
        uint8_t *data = tap->umem->base + large + UMEM_HEADROOM;
        memcpy(data, tap->umem->base + small + UMEM_HEADROOM, UMEM_SMALL_ROOM);
        memcpy(data + UMEM_SMALL_ROOM, tap->spare, size - UMEM_SMALL_ROOM);
        *out_frame = (struct io_frame){.frame = large, .offset = UMEM_HEADROOM, .size = (uint32_t)size};
    }
    umem_give(tap->umem, small, FRAME_WORKER);
    return large != UMEM_NONE;
}

static unsigned tap_rx(struct io *io, struct io_frame *out_frames, unsigned max)
{
    struct io_tap *tap = (struct io_tap *)io;
    unsigned n = 0;
    while (n < max) {
        uint64_t frame = umem_take(tap->umem, UMEM_SMALL_ROOM, FRAME_WORKER);
        if (frame == UMEM_NONE) {
            return n; /* it waits in the TAP's queue */
        }
        struct iovec parts[2] = {{.iov_base = tap->umem->base + frame + UMEM_HEADROOM, .iov_len = UMEM_SMALL_ROOM},
                                 {.iov_base = tap->spare, .iov_len = sizeof tap->spare}};
        ssize_t size = readv(tap->fd, parts, 2);
        if (size <= 0) {
            umem_give(tap->umem, frame, FRAME_WORKER);
            return n;
        }
        if (size > UMEM_SMALL_ROOM) {
            n += make_large(tap, frame, (size_t)size, &out_frames[n]);
        } else {
            out_frames[n++] = (struct io_frame){.frame = frame, .offset = UMEM_HEADROOM, .size = (uint32_t)size};
        }
    }
    return n;
}

static unsigned tap_tx(struct io *io, const struct io_frame *frames, unsigned n)
{
    struct io_tap *tap = (struct io_tap *)io;
    for (unsigned i = 0; i < n; i++) {
        if (write(tap->fd, tap->umem->base + frames[i].frame + frames[i].offset, frames[i].size) < 0) {
            return i; /* its queue is full, or it was set down this moment */
        }
        umem_move(tap->umem, frames[i].frame, FRAME_WORKER, FRAME_TX);
        umem_give(tap->umem, frames[i].frame, FRAME_TX);
    }
    return n;
}

static void tap_flush(struct io *io)
{
}

static int tap_fd(const struct io *io, unsigned i)
{
    return i == 0 ? ((const struct io_tap *)io)->fd : -1;
}

static void tap_stats(struct io *io, struct io_stats *out_stats)
{
    *out_stats = ((struct io_tap *)io)->stats;
}

static void tap_close(struct io *io)
{
    struct io_tap *tap = (struct io_tap *)io;
    if (tap->fd >= 0) {
        if (io->is_forgotten) {
            (void)ioctl(tap->fd, TUNSETPERSIST, 0); /* it goes with the last queue */
        }
        close(tap->fd);
    }
    free(tap);
}

static const struct io_ops tap_ops = {
    .rx = tap_rx, .tx = tap_tx, .flush = tap_flush, .fd = tap_fd, .stats = tap_stats, .close = tap_close};

/* Opens a queue of the TAP of this name, making it when there is none. Returns the descriptor or a negative error. */
static int open_tun(const char *name, int flags)
{
    struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags)};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) != 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

static void delete_tun(const char *name, int flags)
{
    int fd = if_nametoindex(name) != 0 ? open_tun(name, flags) : -ENODEV;
    if (fd >= 0) {
        (void)ioctl(fd, TUNSETPERSIST, 0);
        close(fd);
    }
}

static int open_queue(const char *name)
{
    int fd = open_tun(name, IFF_MULTI_QUEUE);
    if (fd == -EINVAL) {
        delete_tun(name, 0); /* succeeds only if it is a TAP of one queue that nobody uses */
        fd = open_tun(name, IFF_MULTI_QUEUE);
    }
    return fd;
}

int io_tap_open(const struct io_request *request, struct umem *umem, struct io **out_io, struct error_detail *detail)
{
    int fd = open_queue(request->name);
    if (fd == -EINVAL || fd == -EBUSY) {
        return error_set(detail, fd, "%s: an interface of this name exists and is no free TAP", request->name);
    }
    if (fd < 0) {
        return error_set(detail, fd, "%s: TAP: %s", request->name, error_text(fd));
    }
    int err = ioctl(fd, TUNSETPERSIST, 1) != 0 ? -errno : link_set_up(request->name);
    if (err != 0) {
        close(fd);
        return error_set(detail, err, "%s: %s", request->name, error_text(err));
    }
    struct io_tap *tap = memory_zeroed(sizeof *tap);
    tap->io = (struct io){.ops = &tap_ops, .mode = "tap", .rx_is_call = true, .open_checksums = true, .frame_bytes = UMEM_LARGE_ROOM,
                          .speed_mbps = link_speed_mbps(request->name)};
    tap->umem = umem;
    tap->fd = fd;
    *out_io = &tap->io;
    return 0;
}

void io_tap_forget(const char *name)
{
    delete_tun(name, IFF_MULTI_QUEUE);
}
