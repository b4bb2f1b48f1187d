/* AF_XDP sockets on a veth of four queues. Unit test that needs root; skipped, saying so, without.
 * What may never happen: a refused zero-copy leaves something in the way of copy mode, or one queue has two sockets.
 * One thread. */
#include "tests/unit/services/fastpath/netns.h"

#include <time.h>

#include "services/fastpath/link.h"
#include "services/fastpath/xsk.h"

enum { TRIES = 200, PAUSE_NS = 5000000 };

static struct umem *new_umem(void)
{
    struct umem *umem;
    assert_int_equal(umem_new(256, 4, &umem), 0);
    return umem;
}

/* The kernel lets go of a queue some 35 ms after its socket has closed: no time of ours, so this waits for it. */
static int open_soon(const struct umem *umem, uint32_t queue, const struct xsk *shared, struct xsk *out_xsk)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int err = -EBUSY;
    for (int i = 0; i < TRIES && err == -EBUSY; i++) {
        err = xsk_open(umem, if_nametoindex("a"), queue, shared, false, out_xsk);
        if (err == -EBUSY) {
            nanosleep(&pause, NULL);
        }
    }
    return err;
}

static void veth_has_no_zero_copy_and_refusing_it_harms_nothing(void **state)
{
    NETNS_NEEDED(state);
    struct umem *umem = new_umem();
    struct xsk xsk;
    assert_false(link_has_zero_copy(if_nametoindex("a")));
    int err = xsk_open(umem, if_nametoindex("a"), 0, NULL, true, &xsk);
    assert_true(err == -EOPNOTSUPP || err == -EINVAL);
    assert_int_equal(xsk_open(umem, if_nametoindex("a"), 0, NULL, false, &xsk), 0); /* at once: the queue is free */
    assert_false(xsk.is_zero_copy);
    xsk_close(&xsk);
    umem_destroy(&umem);
}

static void sockets_of_one_kind_share_the_umem(void **state)
{
    NETNS_NEEDED(state);
    struct umem *umem = new_umem();
    struct xsk xsk[4], other;
    assert_int_equal(open_soon(umem, 0, NULL, &xsk[0]), 0);
    for (uint32_t queue = 1; queue < 4; queue++) {
        assert_int_equal(open_soon(umem, queue, &xsk[queue - 1], &xsk[queue]), 0);
        assert_int_equal(xsk[queue].takes_pieces, xsk[0].takes_pieces);
    }
    /* A queue has one socket, a device no fifth queue, and any open one can be joined when the first has gone. */
    assert_int_equal(xsk_open(umem, if_nametoindex("a"), 1, &xsk[0], false, &other), -EBUSY);
    assert_true(xsk_open(umem, if_nametoindex("a"), 4, &xsk[0], false, &other) < 0);
    xsk_close(&xsk[0]);
    assert_int_equal(xsk[0].fd, -1);
    assert_int_equal(open_soon(umem, 0, &xsk[3], &xsk[0]), 0);
    for (uint32_t queue = 0; queue < 4; queue++) {
        xsk_close(&xsk[queue]);
    }
    umem_destroy(&umem);
}

static void the_memory_can_be_registered_twice(void **state)
{
    NETNS_NEEDED(state);
    struct umem *umem = new_umem();
    struct xsk first, second;
    assert_int_equal(open_soon(umem, 0, NULL, &first), 0);
    assert_int_equal(open_soon(umem, 1, NULL, &second), 0); /* as for devices of the other kind */
    xsk_close(&first);
    xsk_close(&second);
    umem_destroy(&umem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(veth_has_no_zero_copy_and_refusing_it_harms_nothing),
        cmocka_unit_test(sockets_of_one_kind_share_the_umem),
        cmocka_unit_test(the_memory_can_be_registered_twice),
    };
    return cmocka_run_group_tests(tests, netns_enter, NULL);
}
