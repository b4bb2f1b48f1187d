/* Sending through a packet socket on a veth. Unit test that needs root; skipped, saying so, without.
 * What may never happen: a frame counts as sent and as failed, or as neither (I5), or its frame does not come back (I4).
 * One thread. */
#include "tests/unit/services/fastpath/netns.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/fastpath/packet_tx.h"

enum { N = IO_BURST, MARK = 0xa5 };

/* A packet socket that hears what arrives at b. */
static int listen_at_b(void)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = __builtin_bswap16(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex("b")};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, address.sll_protocol);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void make_frames(struct umem *umem, const uint32_t *sizes, unsigned n, struct io_frame *out_frames)
{
    for (unsigned i = 0; i < n; i++) {
        out_frames[i] = (struct io_frame){.frame = umem_take(umem, sizes[i], FRAME_WORKER), .offset = UMEM_HEADROOM, .size = sizes[i]};
        assert_true(out_frames[i].frame != UMEM_NONE);
        uint8_t *data = umem->base + out_frames[i].frame + UMEM_HEADROOM;
        memset(data, MARK, sizes[i]);
        data[12] = 0x88; /* an ethertype for experiments */
        data[13] = 0xb5;
        data[14] = (uint8_t)i;
    }
}

/* Frames of ours that have arrived at b, in order: their numbers. */
static unsigned heard(int fd, uint8_t *out_numbers, unsigned room)
{
    uint8_t data[2048];
    unsigned n = 0;
    for (ssize_t size; (size = recv(fd, data, sizeof data, 0)) > 0;) {
        if (size >= 60 && data[0] == MARK && n < room) {
            out_numbers[n++] = data[14];
        }
    }
    return n;
}

static void a_burst_arrives_in_order_and_its_frames_are_free(void **state)
{
    NETNS_NEEDED(state);
    struct umem *umem;
    struct io io = {0};
    struct io_frame frames[N];
    uint32_t sizes[N];
    uint8_t numbers[2 * N];
    int fd, listener = listen_at_b();
    assert_int_equal(umem_new(64, 4, &umem), 0);
    for (unsigned i = 0; i < N; i++) {
        sizes[i] = 60 + 10 * i;
    }
    make_frames(umem, sizes, N, frames);
    assert_int_equal(packet_tx_open(if_nametoindex("a"), &fd), 0);
    assert_int_equal(packet_tx_send(fd, umem, &io, frames, N), N);
    assert_int_equal(io.n_failed, 0);
    assert_int_equal(heard(listener, numbers, 2 * N), N);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(numbers[i], i);
    }
    assert_int_equal(umem_count(umem, FRAME_FREE), umem_total(umem));
    close(listener);
    close(fd);
    umem_destroy(&umem);
}

static void a_frame_the_kernel_refuses_is_counted_and_the_others_are_sent(void **state)
{
    NETNS_NEEDED(state);
    struct umem *umem;
    struct io io = {0};
    struct io_frame frames[3];
    const uint32_t sizes[3] = {60, 3000, 61}; /* the second is larger than the device's MTU */
    uint8_t numbers[8];
    int fd, listener = listen_at_b();
    assert_int_equal(umem_new(64, 4, &umem), 0);
    make_frames(umem, sizes, 3, frames);
    assert_int_equal(packet_tx_open(if_nametoindex("a"), &fd), 0);
    assert_int_equal(packet_tx_send(fd, umem, &io, frames, 3), 3);
    assert_true(io.n_failed == 1 && io.failed_bytes == 3000);
    assert_int_equal(heard(listener, numbers, 8), 2);
    assert_true(numbers[0] == 0 && numbers[1] == 2);
    assert_int_equal(umem_count(umem, FRAME_FREE), umem_total(umem));
    close(listener);
    close(fd);
    umem_destroy(&umem);
}

static void a_device_that_is_down_takes_nothing(void **state)
{
    NETNS_NEEDED(state);
    struct umem *umem;
    struct io io = {0};
    struct io_frame frames[N];
    uint32_t sizes[N];
    int fd;
    assert_int_equal(umem_new(64, 4, &umem), 0);
    for (unsigned i = 0; i < N; i++) {
        sizes[i] = 60;
    }
    make_frames(umem, sizes, N, frames);
    assert_int_equal(packet_tx_open(if_nametoindex("a"), &fd), 0);
    assert_int_equal(system("ip link set dev a down"), 0);
    unsigned n = packet_tx_send(fd, umem, &io, frames, N);
    assert_int_equal(io.n_failed, n);
    for (unsigned i = n; i < N; i++) { /* no room: still the worker's */
        umem_give(umem, frames[i].frame, FRAME_WORKER);
    }
    assert_int_equal(umem_count(umem, FRAME_FREE), umem_total(umem));
    assert_int_equal(system("ip link set dev a up"), 0);
    close(fd);
    umem_destroy(&umem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_arrives_in_order_and_its_frames_are_free),
        cmocka_unit_test(a_frame_the_kernel_refuses_is_counted_and_the_others_are_sent),
        cmocka_unit_test(a_device_that_is_down_takes_nothing),
    };
    return cmocka_run_group_tests(tests, netns_enter, NULL);
}
