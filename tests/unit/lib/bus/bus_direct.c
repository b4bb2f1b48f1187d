/* Tests of lib/bus/bus_direct.c: what it does beyond what bus_zmq.c promises too (those claims are in tests/unit/lib/bus/bus_zmq.c, for both). */
#include "lib/bus/direct.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

static const struct bus_identity configdb = {.kind = PROCESS_CONFIGDB, .instance = 1, .start = 11};
static const struct bus_identity ofagent = {.kind = PROCESS_OFAGENT, .instance = 1, .start = 22};

struct net {
    char dir[64], endpoint[128];
    struct bus *a, *b;
    struct bus_socket *binder, *connector;
};

static int recv_soon(struct bus_socket *socket, struct bus_message *m)
{
    uint64_t deadline = clock_now_ns() + 5 * NS_PER_S;
    int err;
    while ((err = bus_recv(socket, m)) == -EAGAIN && clock_now_ns() < deadline) {
        struct pollfd pfd = {.fd = bus_fd(socket), .events = POLLIN};
        poll(&pfd, 1, 10);
    }
    return err;
}

/* No thread does anything: each end takes turns until the first message is through. */
static void greet(struct net *n)
{
    struct bus_message m;
    uint64_t deadline = clock_now_ns() + 5 * NS_PER_S;
    while (bus_send(n->connector, NULL, MESSAGE_RENEW, "hi", 2) == -EAGAIN && clock_now_ns() < deadline) {
        assert_int_equal(bus_recv(n->binder, &m), -EAGAIN);
    }
    assert_int_equal(recv_soon(n->binder, &m), 0);
    assert_true(m.size == 2 && m.role != ROLE_NONE && m.key == NULL);
    bus_message_fini(&m);
}

static int setup(void **state)
{
    static struct net n;
    n = (struct net){0};
    snprintf(n.dir, sizeof n.dir, "%s/bus.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(n.dir));
    assert_int_equal(bus_endpoint(n.dir, WIRE_CONFIG, PROCESS_CONFIGDB, 1, n.endpoint, sizeof n.endpoint), 0);
    n.a = bus_zmq_new(&configdb);
    n.b = bus_zmq_new(&ofagent);
    assert_int_equal(bus_bind(n.a, WIRE_CONFIG, n.endpoint, &n.binder), 0);
    assert_int_equal(bus_connect(n.b, WIRE_CONFIG, n.endpoint, &n.connector), 0);
    greet(&n);
    *state = &n;
    return 0;
}

static int teardown(void **state)
{
    struct net *n = *state;
    bus_destroy(&n->a);
    bus_destroy(&n->b);
    return rmdir(n->dir); /* the socket file went with its socket */
}

static void what_is_held_goes_with_the_flush_in_order(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    bus_hold(n->binder);
    for (uint64_t i = 1; i <= 50; i++) {
        assert_int_equal(bus_send(n->binder, &ofagent, MESSAGE_RENEWED, &i, sizeof i), 0);
    }
    assert_int_equal(bus_recv(n->connector, &m), -EAGAIN);
    assert_int_equal(bus_recv(n->connector, &m), -EAGAIN);
    bus_flush(n->binder);
    for (uint64_t i = 1; i <= 50; i++) {
        assert_int_equal(recv_soon(n->connector, &m), 0);
        assert_true(m.sequence == i && memcmp(m.body, &i, sizeof i) == 0);
        bus_message_fini(&m);
    }
}

static bool is_readable(const struct bus_socket *socket)
{
    struct pollfd pfd = {.fd = bus_fd(socket), .events = POLLIN};
    return poll(&pfd, 1, 0) == 1;
}

/* What has been read from the kernel and not been taken shows on the fd behind the flush, at either end. */
static void the_fd_is_true_again_behind_the_flush(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    for (int end = 0; end < 2; end++) {
        struct bus_socket *from = end == 0 ? n->binder : n->connector, *to = end == 0 ? n->connector : n->binder;
        bus_hold(from);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(bus_send(from, end == 0 ? &ofagent : NULL, end == 0 ? MESSAGE_RENEWED : MESSAGE_RENEW, "x", 1), 0);
        }
        bus_flush(from);
        bus_hold(to);
        assert_int_equal(recv_soon(to, &m), 0);
        bus_message_fini(&m);
        bus_flush(to);
        assert_true(is_readable(to));
        bus_hold(to);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(bus_recv(to, &m), 0);
            bus_message_fini(&m);
        }
        assert_int_equal(bus_recv(to, &m), -EAGAIN);
        bus_flush(to);
        assert_false(is_readable(to));
    }
}

static void a_held_queue_has_its_bound(void **state)
{
    struct net *n = *state;
    uint8_t body[2000] = {0};
    size_t taken = 0;
    bus_hold(n->binder);
    while (bus_send(n->binder, &ofagent, MESSAGE_RENEWED, body, sizeof body) == 0) {
        assert_true(++taken < 100000);
    }
    bus_flush(n->binder);
    assert_true(taken >= BUS_QUEUE_MESSAGES);
}

static void what_waits_for_a_peer_is_bounded_in_bytes(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    enum { SIZE = 8 * 1024 * 1024 };
    uint8_t *body = calloc(1, SIZE);
    size_t taken = 0;
    while (bus_send(n->binder, &ofagent, MESSAGE_RENEWED, body, SIZE) == 0) {
        assert_true(++taken < 100);
    }
    assert_in_range(taken, DIRECT_WAITING_MAX / SIZE, DIRECT_WAITING_MAX / SIZE + 1);
    struct bus_shared *shared = bus_share(n->binder, body, SIZE);
    assert_int_equal(bus_send_shared(n->binder, &ofagent, MESSAGE_RENEWED, shared), -EAGAIN);
    for (size_t got = 0; got < taken;) { /* and when the peer reads, all of it comes, and there is room again */
        int err = bus_recv(n->connector, &m);
        assert_true(err == 0 || err == -EAGAIN);
        if (err == 0) {
            assert_int_equal(m.size, SIZE);
            bus_message_fini(&m);
            got++;
        }
        assert_int_equal(bus_recv(n->binder, &m), -EAGAIN);
    }
    assert_int_equal(bus_send_shared(n->binder, &ofagent, MESSAGE_RENEWED, shared), 0);
    bus_shared_free(&shared);
    free(body);
}

static void a_connection_too_many_is_closed_and_others_go_on(void **state)
{
    enum { N = DIRECT_LINKS_MAX + 10 };
    struct net *n = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct rlimit before, many = {.rlim_cur = 3 * N};
    struct bus_message m;
    int *fds = calloc(N, sizeof *fds);
    size_t n_closed = 0;
    memcpy(address.sun_path, n->endpoint + strlen("ipc://"), strlen(n->endpoint) - strlen("ipc://"));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    many.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &many), 0);
    for (size_t i = 0; i < N; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_true(fds[i] >= 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof address), 0);
        if (i % 32 == 0) { /* they wait in a short queue */
            (void)!bus_recv(n->binder, &m);
        }
    }
    for (int i = 0; i < 64; i++) {
        (void)!bus_recv(n->binder, &m);
    }
    for (size_t i = 0; i < N; i++) {
        uint8_t bytes[256];
        ssize_t got;
        while ((got = recv(fds[i], bytes, sizeof bytes, MSG_DONTWAIT)) > 0) { /* its greeting */
        }
        n_closed += got == 0;
    }
    assert_int_equal(n_closed, 11); /* one is the connector's */
    assert_int_equal(bus_send(n->connector, NULL, MESSAGE_RENEW, "hi", 2), 0);
    assert_int_equal(recv_soon(n->binder, &m), 0);
    bus_message_fini(&m);
    for (size_t i = 0; i < N; i++) {
        close(fds[i]);
    }
    free(fds);
    for (int i = 0; i < 200; i++) {
        (void)!bus_recv(n->binder, &m);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void what_was_said_before_the_end_is_heard(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(bus_send(n->connector, NULL, MESSAGE_RENEW, &i, sizeof i), 0);
    }
    bus_close(&n->connector);
    (void)!bus_send(n->binder, &ofagent, MESSAGE_RENEWED, NULL, 0); /* finds it gone */
    for (int i = 0; i < 20; i++) {
        assert_int_equal(recv_soon(n->binder, &m), 0);
        assert_memory_equal(m.body, &i, sizeof i);
        bus_message_fini(&m);
    }
    assert_int_equal(bus_send(n->binder, &ofagent, MESSAGE_RENEWED, NULL, 0), -ERROR_NOT_CONNECTED);
}

static void a_second_connection_of_one_life_takes_its_place(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    struct bus_socket *first = n->connector;
    assert_int_equal(bus_connect(n->b, WIRE_CONFIG, n->endpoint, &n->connector), 0);
    greet(n);
    assert_int_equal(bus_send(n->binder, &ofagent, MESSAGE_RENEWED, "x", 1), 0);
    assert_int_equal(recv_soon(n->connector, &m), 0);
    bus_message_fini(&m);
    assert_int_equal(bus_recv(first, &m), -EAGAIN);
}

static void an_idle_socket_sleeps(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    struct pollfd pfd = {.fd = bus_fd(n->connector), .events = POLLIN};
    int n_wakes = 0;
    while (poll(&pfd, 1, 20) == 1 && n_wakes++ < 10) {
        assert_int_equal(bus_recv(n->connector, &m), -EAGAIN);
    }
    assert_true(n_wakes < 10);
}

#define BUS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        BUS_TEST(what_is_held_goes_with_the_flush_in_order), BUS_TEST(a_held_queue_has_its_bound),
        BUS_TEST(the_fd_is_true_again_behind_the_flush),
        BUS_TEST(what_was_said_before_the_end_is_heard),     BUS_TEST(a_second_connection_of_one_life_takes_its_place),
        BUS_TEST(an_idle_socket_sleeps),                     BUS_TEST(what_waits_for_a_peer_is_bounded_in_bytes),
        BUS_TEST(a_connection_too_many_is_closed_and_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
