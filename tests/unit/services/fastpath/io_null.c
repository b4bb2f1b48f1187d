/* Null ports take what they are given and give every frame back. Unit test, one thread.
 * What may never happen: a frame stays with such a port, or one that is not the worker's is taken.
 * Nothing here looks at what is in the frames: neither does the port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/fastpath/io_null.h"

static unsigned send_frames(struct umem *umem, struct io *io, unsigned n, size_t size)
{
    struct io_frame frames[IO_BURST];
    for (unsigned i = 0; i < n; i++) {
        frames[i] = (struct io_frame){.frame = umem_take(umem, size, FRAME_WORKER), .offset = UMEM_HEADROOM, .size = (uint32_t)size};
        assert_true(frames[i].frame != UMEM_NONE);
    }
    unsigned n_taken = io->ops->tx(io, frames, n);
    for (unsigned i = n_taken; i < n; i++) {
        umem_give(umem, frames[i].frame, FRAME_WORKER);
    }
    return n_taken;
}

static void frames_are_sent_until_flush_and_free_after_it(void **state)
{
    struct umem *umem;
    assert_int_equal(umem_new(512, 2, &umem), 0);
    struct io *io = io_null_open(umem, "null");
    assert_string_equal(io->mode, "null");
    assert_int_equal(send_frames(umem, io, IO_BURST, 60), IO_BURST);
    assert_int_equal(send_frames(umem, io, 1, 9000), 1);
    assert_int_equal(umem_count(umem, FRAME_TX), IO_BURST + 1);
    io->ops->flush(io);
    assert_int_equal(umem_count(umem, FRAME_FREE), umem_total(umem));
    assert_true(umem_is_sound(umem));
    io->ops->close(io);
    umem_destroy(&umem);
}

static void full_ring_leaves_the_rest_to_the_worker(void **state)
{
    struct umem *umem;
    unsigned n_taken = 0;
    assert_int_equal(umem_new(512, 2, &umem), 0);
    struct io *io = io_null_open(umem, "null");
    for (int i = 0; i < 10; i++) {
        n_taken += send_frames(umem, io, IO_BURST, 60);
    }
    assert_int_equal(n_taken, 256);
    assert_int_equal(umem_count(umem, FRAME_TX), 256);
    assert_int_equal(umem_count(umem, FRAME_WORKER), 0);
    umem_take_back(umem, 7);
    assert_int_equal(umem_count(umem, FRAME_TX), 256);
    io->ops->close(io);
    assert_int_equal(umem_count(umem, FRAME_FREE), umem_total(umem));
    umem_destroy(&umem);
}

static void nothing_is_received_and_nothing_is_waited_for(void **state)
{
    struct umem *umem;
    struct io_frame frames[IO_BURST];
    struct io_stats stats;
    assert_int_equal(umem_new(16, 2, &umem), 0);
    struct io *io = io_null_open(umem, "null");
    assert_int_equal(io->ops->rx(io, frames, IO_BURST), 0);
    assert_int_equal(io->ops->fd(io, 0), -1);
    io->ops->stats(io, &stats);
    assert_int_equal(stats.too_long + stats.no_frame + stats.receive_ring_full + stats.not_written, 0);
    io->ops->close(io);
    umem_destroy(&umem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_sent_until_flush_and_free_after_it),
        cmocka_unit_test(full_ring_leaves_the_rest_to_the_worker),
        cmocka_unit_test(nothing_is_received_and_nothing_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
