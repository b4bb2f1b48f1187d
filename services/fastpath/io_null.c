/* A port without a device.
 *
 * A frame sent to it takes the road it would take with a network card: from the worker to the ring of a device (FRAME_TX), and free again
 * when the device has completed it, at flush(). So what is measured with such a port is what a switch pays itself, and nothing else.
 * Cost: under 3 ns a frame in bursts. Worker thread.
 * Invariant: frames in FRAME_TX with this device are those in its ring (I4); flush() and close() leave none.
 */
#include "services/fastpath/io_null.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/memory.h"

enum { RING = 256 /* a flush comes every burst of 32; more would only be colder */ };

struct io_null {
    struct io io;
    struct umem *umem;
    unsigned n;
    uint64_t ring[RING];
};

static unsigned null_rx(struct io *io, struct io_frame *out_frames, unsigned max)
{
    return 0;
}

static unsigned null_tx(struct io *io, const struct io_frame *frames, unsigned n)
{
    struct io_null *null = (struct io_null *)io;
    uint64_t *tail = null->ring + null->n;
    n = n < RING - null->n ? n : RING - null->n;
    for (unsigned i = 0; i < n; i++) {
        tail[i] = frames[i].frame;
    }
    umem_lend_n(null->umem, tail, n, FRAME_WORKER, FRAME_TX, UMEM_HOLDER_OWN);
    null->n += n;
    return n;
}

static void null_flush(struct io *io)
{
    struct io_null *null = (struct io_null *)io;
    umem_give_n(null->umem, null->ring, null->n, FRAME_TX);
    null->n = 0;
}

static int null_fd(const struct io *io, unsigned i)
{
    return -1;
}

static void null_stats(struct io *io, struct io_stats *out_stats)
{
    *out_stats = (struct io_stats){0};
}

static void null_close(struct io *io)
{
    null_flush(io);
    free(io);
}

static const struct io_ops null_ops = {
    .rx = null_rx, .tx = null_tx, .flush = null_flush, .fd = null_fd, .stats = null_stats, .close = null_close};

struct io *io_null_open(struct umem *umem, const char *mode)
{
    struct io_null *null = memory_zeroed(sizeof *null);
    null->io = (struct io){.ops = &null_ops, .frame_bytes = UMEM_LARGE_ROOM};
    (void)snprintf(null->io.mode, sizeof null->io.mode, "%s", mode);
    null->umem = umem;
    return &null->io;
}
