/* Memory ports keep bytes and give frames back. Unit test, one thread.
 * What may never happen: a frame stays with a port that was closed.
 * The other tests of this folder stand on these ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/fastpath/io_mem.h"
#include "tests/unit/services/fastpath/frames.h"

static struct io *open_port(struct io_mem *mem, struct umem *umem, const char *name)
{
    struct io_factory factory = io_mem_factory(mem);
    struct io_request request = {.kind = IO_SYSTEM, .name = name, .port = 1};
    struct io *io = NULL;
    int err = factory.open(factory.context, &request, umem, &io, NULL);
    return err == 0 ? io : NULL;
}

static void what_is_put_in_is_received_and_what_is_sent_comes_out(void **state)
{
    struct umem *umem;
    struct io_mem *mem = io_mem_new();
    struct io_frame frames[IO_BURST];
    uint8_t frame[FRAME_BYTES], out[FRAME_BYTES];
    assert_int_equal(umem_new(16, 2, &umem), 0);
    io_mem_add(mem, "a");
    assert_false(io_mem_put(mem, "a", frame, 1));
    struct io *io = open_port(mem, umem, "a");
    frame_udp(frame, 1, 2, 3);
    assert_true(io_mem_put(mem, "a", frame, sizeof frame));
    assert_int_equal(io->ops->rx(io, frames, IO_BURST), 1);
    assert_int_equal(frames[0].size, FRAME_BYTES);
    assert_memory_equal(umem->base + frames[0].frame + frames[0].offset, frame, FRAME_BYTES);
    io_mem_set_tx_room(mem, "a", 0);
    assert_int_equal(io->ops->tx(io, frames, 1), 0);
    io_mem_set_tx_room(mem, "a", UINT32_MAX);
    assert_int_equal(io->ops->tx(io, frames, 1), 1);
    assert_int_equal(io_mem_get(mem, "a", out, sizeof out), FRAME_BYTES);
    assert_memory_equal(out, frame, FRAME_BYTES);
    assert_int_equal(umem_count(umem, FRAME_FREE), umem_total(umem));
    io->ops->close(io);
    io_mem_destroy(&mem);
    umem_destroy(&umem);
}

static void device_that_is_not_there_or_taken_is_refused(void **state)
{
    struct umem *umem;
    struct io_mem *mem = io_mem_new();
    assert_int_equal(umem_new(16, 2, &umem), 0);
    assert_null(open_port(mem, umem, "a"));
    io_mem_add(mem, "a");
    struct io *io = open_port(mem, umem, "a");
    assert_non_null(io);
    assert_null(open_port(mem, umem, "a"));
    io->ops->close(io);
    io_mem_remove(mem, "a");
    assert_null(open_port(mem, umem, "a"));
    io_mem_destroy(&mem);
    umem_destroy(&umem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_in_is_received_and_what_is_sent_comes_out),
        cmocka_unit_test(device_that_is_not_there_or_taken_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
