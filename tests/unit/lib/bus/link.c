/* Tests of lib/bus/link.c: two links over a socket pair. */
#include "lib/bus/link.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static const struct bus_identity binder = {.kind = PROCESS_CONFIGDB, .instance = 1, .start = 1};
static const struct bus_identity writer = {.kind = PROCESS_OFAGENT, .instance = 7, .start = 99};
static const struct transport none;

struct pair {
    struct link *a, *b; /* b connects */
    struct link_block *spare;
};

static void open_pair(struct pair *p)
{
    struct link_message m;
    int fds[2];
    *p = (struct pair){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    p->a = link_new(fds[0], true, &none, &binder);
    p->b = link_new(fds[1], false, &none, &writer);
    assert_int_equal(link_flush(p->a), 0);
    assert_int_equal(link_flush(p->b), 0);
    assert_int_equal(link_fill(p->a, &p->spare), 1);
    assert_int_equal(link_next(p->a, &m), LINK_OPENED);
    assert_int_equal(link_next(p->a, &m), LINK_NONE);
    link_rest(p->a, &p->spare);
    assert_int_equal(link_fill(p->b, &p->spare), 1);
    assert_int_equal(link_next(p->b, &m), LINK_OPENED);
    link_rest(p->b, &p->spare);
    assert_non_null(p->spare);
}

static void close_pair(struct pair *p)
{
    link_destroy(&p->a);
    link_destroy(&p->b);
    link_block_release(&p->spare);
}

static void the_handshake_tells_who_it_is(void **state)
{
    struct pair p;
    open_pair(&p);
    assert_true(p.a->has_identity && bus_identity_equal(&p.a->who, &writer));
    assert_false(p.b->has_identity);
    close_pair(&p);
}

static void many_messages_come_with_one_read_and_a_held_one_stays(void **state)
{
    struct pair p;
    struct link_message m = {0};
    struct link_block *held = NULL;
    const uint8_t *kept = NULL;
    open_pair(&p);
    for (int i = 0; i < 100; i++) {
        link_put(p.b, "head", 4, &i, sizeof i, NULL);
    }
    assert_int_equal(p.b->n_queued, 100);
    assert_int_equal(link_flush(p.b), 0);
    assert_int_equal(p.b->n_queued, 0);
    assert_int_equal(link_fill(p.a, &p.spare), 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(link_next(p.a, &m), LINK_MESSAGE);
        assert_true(m.n_frames == 2 && m.head_size == 4 && m.body_size == sizeof i);
        assert_memory_equal(m.head, "head", 4);
        assert_memory_equal(m.body, &i, sizeof i);
        if (i == 5) {
            held = link_hold(p.a);
            kept = m.body;
        }
    }
    assert_false(link_has_more(p.a));
    assert_int_equal(link_next(p.a, &m), LINK_NONE);
    link_rest(p.a, &p.spare);
    assert_null(p.spare); /* somebody reads in it still */
    for (int i = 0; i < 100000; i++) {
        link_put(p.b, "HEAD", 4, &i, 1, NULL);
        assert_int_equal(link_flush(p.b), 0);
        assert_int_equal(link_fill(p.a, &p.spare), 1);
        assert_int_equal(link_next(p.a, &m), LINK_MESSAGE);
        assert_int_equal(link_next(p.a, &m), LINK_NONE);
        link_rest(p.a, &p.spare);
    }
    int five = 5;
    assert_memory_equal(kept, &five, sizeof five);
    link_block_release(&held);
    close_pair(&p);
}

/* Larger than the socket and the block, with shared bodies among them: in order and whole. */
static void what_the_socket_does_not_take_goes_later(void **state)
{
    struct pair p;
    struct link_message m;
    enum { SIZE = 1500000, N = 7 };
    uint8_t *body = malloc(SIZE);
    open_pair(&p);
    memset(body, 'x', SIZE);
    struct link_shared *shared = link_share(&none, body, SIZE);
    for (int i = 0; i < N; i++) {
        link_put(p.b, "h", 1, body, i % 2 == 0 ? SIZE : 3, i % 2 == 0 && i > 0 ? shared : NULL);
    }
    link_shared_release(&shared);
    assert_in_range(p.b->n_waiting, 4 * SIZE, 4 * SIZE + 100);
    assert_int_equal(link_flush(p.b), -EAGAIN);
    assert_in_range(p.b->n_waiting, 3 * SIZE, 4 * SIZE - 1);
    for (int i = 0, got = LINK_NONE; i < N; got = LINK_NONE) {
        int err = link_flush(p.b);
        assert_true(err == 0 || err == -EAGAIN);
        assert_true(link_fill(p.a, &p.spare) >= 0);
        while (i < N && (got = link_next(p.a, &m)) == LINK_MESSAGE) {
            assert_int_equal(m.body_size, i % 2 == 0 ? SIZE : 3);
            assert_memory_equal(m.body, body, m.body_size);
            i++;
        }
        assert_true(got >= 0);
        link_rest(p.a, &p.spare);
    }
    assert_int_equal(p.b->n_queued, 0);
    assert_int_equal(p.b->n_waiting, 0);
    close_pair(&p);
    free(body);
}

/* From the eighth peer on it goes out of a file, which is closed when nobody is given it any more. Peer 0 does not read until then, and 1 is gone. */
static void a_large_body_for_many_goes_out_of_a_file(void **state)
{
    enum { SIZE = 400000, PEERS = 12 };
    struct pair p[PEERS];
    struct link_message m;
    uint8_t *body = malloc(SIZE);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < SIZE; i++) {
        body[i] = (uint8_t)(i * 2654435761u >> 16);
    }
    struct link_shared *shared = link_share(&none, body, SIZE);
    for (int i = 0; i < PEERS; i++) {
        open_pair(&p[i]);
        link_put(p[i].a, "h", 1, NULL, SIZE, shared);
        assert_int_equal(shared->fd >= 0, i >= 7);
    }
    link_destroy(&p[1].b);
    assert_int_equal(link_flush(p[1].a), -ERROR_NOT_CONNECTED);
    assert_int_equal(link_flush(p[0].a), -EAGAIN);
    for (int i = 2; i <= PEERS; i++) {
        struct pair *peer = i < PEERS ? &p[i] : &p[0];
        int got;
        if (i == PEERS) {
            link_shared_end(shared);
            assert_int_equal(shared->fd, -1);
            assert_in_range(peer->a->n_waiting, 1, SIZE - 1);
        }
        do {
            int err = link_flush(peer->a);
            assert_true(err == 0 || err == -EAGAIN);
            assert_int_equal(link_fill(peer->b, &peer->spare), 1);
            got = link_next(peer->b, &m);
        } while (got == LINK_NONE);
        assert_int_equal(got, LINK_MESSAGE);
        assert_int_equal(m.body_size, SIZE);
        assert_memory_equal(m.body, body, SIZE);
        assert_int_equal(peer->a->n_waiting, 0);
    }
    link_shared_release(&shared);
    for (int i = 0; i < PEERS; i++) {
        close_pair(&p[i]);
    }
    signal(SIGPIPE, before);
    free(body);
}

/* sendfile() would end such a process when a peer is gone. */
static void there_is_no_file_where_sigpipe_kills(void **state)
{
    struct pair p;
    static uint8_t body[100000];
    void (*before)(int) = signal(SIGPIPE, SIG_DFL);
    open_pair(&p);
    struct link_shared *shared = link_share(&none, body, sizeof body);
    for (int i = 0; i < 20; i++) {
        link_put(p.a, "h", 1, NULL, sizeof body, shared);
    }
    assert_int_equal(shared->fd, -1);
    link_shared_release(&shared);
    close_pair(&p);
    signal(SIGPIPE, before);
}

/* A link that never drains whole counts what really waits, or its owner would refuse to send for nothing. */
static void what_waits_is_counted_while_more_is_put(void **state)
{
    enum { SIZE = 200, MESSAGE = SIZE + 5 }; /* two heads of two bytes, and "h" */
    struct pair p;
    struct link_message m;
    uint8_t body[SIZE] = {0};
    size_t n_put = 0, n_got = 0;
    open_pair(&p);
    while (link_flush(p.b) == 0) {
        link_put(p.b, "h", 1, body, SIZE, NULL);
        n_put++;
    }
    for (int round = 0; round < 60; round++) {
        assert_int_equal(link_fill(p.a, &p.spare), 1);
        for (; link_next(p.a, &m) == LINK_MESSAGE; n_got++) {
        }
        link_rest(p.a, &p.spare);
        for (int i = 0; i < 2000; i++, n_put++) { /* more than one read takes out */
            link_put(p.b, "h", 1, body, SIZE, NULL);
        }
        assert_int_equal(link_flush(p.b), -EAGAIN);
        assert_true(p.b->n_queued * MESSAGE <= link_waiting_bytes(p.b) + 40 * MESSAGE);
    }
    assert_true(n_put > n_got && n_got > 10000);
    close_pair(&p);
}

static void the_end_is_told_to_both(void **state)
{
    struct pair p;
    open_pair(&p);
    link_put(p.a, "h", 1, "b", 1, NULL);
    assert_int_equal(link_flush(p.a), 0);
    link_destroy(&p.a);
    link_put(p.b, "h", 1, "b", 1, NULL);
    assert_int_equal(link_flush(p.b), -ERROR_NOT_CONNECTED);
    assert_int_equal(link_fill(p.b, &p.spare), 1); /* what was said before */
    struct link_message m;
    assert_int_equal(link_next(p.b, &m), LINK_MESSAGE);
    assert_int_equal(link_fill(p.b, &p.spare), -ERROR_NOT_CONNECTED);
    close_pair(&p);
}

static void a_size_beyond_the_limit_ends_it_before_the_bytes_come(void **state)
{
    struct pair p;
    struct link_message m;
    open_pair(&p);
    const uint8_t head[9] = {2, 0, 0, 0, 0, 1, 0, 0, 1}; /* 16 MiB and one */
    assert_int_equal(send(p.b->fd, head, sizeof head, 0), sizeof head);
    assert_int_equal(link_fill(p.a, &p.spare), 1);
    assert_true(link_next(p.a, &m) < 0);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_handshake_tells_who_it_is),
        cmocka_unit_test(many_messages_come_with_one_read_and_a_held_one_stays),
        cmocka_unit_test(what_the_socket_does_not_take_goes_later),
        cmocka_unit_test(a_large_body_for_many_goes_out_of_a_file),
        cmocka_unit_test(there_is_no_file_where_sigpipe_kills),
        cmocka_unit_test(what_waits_is_counted_while_more_is_put),
        cmocka_unit_test(the_end_is_told_to_both),
        cmocka_unit_test(a_size_beyond_the_limit_ends_it_before_the_bytes_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
