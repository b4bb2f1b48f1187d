/* Tests of services/ofagent/conn.c over a socketpair. */
#include "services/ofagent/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    struct conn *conn;
    int peer;
};

static struct pair pair_open(void)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    return (struct pair){.conn = conn_new(fds[0], NULL), .peer = fds[1]};
}

static void pair_close(struct pair *p)
{
    conn_destroy(&p->conn);
    conn_destroy(&p->conn);
    close(p->peer);
}

static const uint8_t echo[] = {4, OF_ECHO_REQUEST, 0, 12, 0, 0, 0, 1, 'a', 'b', 'c', 'd'};

static void a_message_comes_whole_however_it_is_cut(void **state)
{
    const uint8_t *bytes;
    size_t size;
    struct pair p = pair_open();

    for (size_t i = 0; i < sizeof echo; i++) {
        conn_begin_step(p.conn, true);
        assert_int_equal(conn_next(p.conn, &bytes, &size), 0);
        assert_int_equal(send(p.peer, &echo[i], 1, 0), 1);
    }
    conn_begin_step(p.conn, true);
    assert_int_equal(conn_next(p.conn, &bytes, &size), 1);
    assert_int_equal(size, sizeof echo);
    assert_memory_equal(bytes, echo, sizeof echo);
    assert_int_equal(conn_next(p.conn, &bytes, &size), 0);
    pair_close(&p);
}

/* What poll() has said is not asked again, and what is here already is handed out all the same. */
static void a_socket_without_news_is_not_read(void **state)
{
    const uint8_t *bytes;
    size_t size;
    struct pair p = pair_open();

    assert_int_equal(send(p.peer, echo, sizeof echo, 0), sizeof echo);
    assert_int_equal(send(p.peer, echo, sizeof echo, 0), sizeof echo);
    conn_begin_step(p.conn, false);
    assert_int_equal(conn_next(p.conn, &bytes, &size), 0);
    assert_false(conn_has_more(p.conn));
    conn_begin_step(p.conn, true);
    assert_int_equal(conn_next(p.conn, &bytes, &size), 1);
    conn_begin_step(p.conn, false);
    assert_int_equal(conn_next(p.conn, &bytes, &size), 1);
    conn_begin_step(p.conn, true);
    assert_int_equal(send(p.peer, echo, sizeof echo, 0), sizeof echo);
    assert_int_equal(conn_next(p.conn, &bytes, &size), 1);
    assert_int_equal(send(p.peer, echo, sizeof echo, 0), sizeof echo); /* behind a read that filled less than its room: news of the next poll() */
    assert_int_equal(conn_next(p.conn, &bytes, &size), 0);
    assert_false(conn_has_more(p.conn));
    pair_close(&p);
}

static void the_end_of_the_stream_comes_after_the_last_message(void **state)
{
    const uint8_t *bytes;
    size_t size;
    struct pair p = pair_open();

    assert_int_equal(send(p.peer, echo, sizeof echo, 0), sizeof echo);
    assert_int_equal(shutdown(p.peer, SHUT_WR), 0);
    conn_begin_step(p.conn, true);
    assert_int_equal(conn_next(p.conn, &bytes, &size), 1);
    conn_begin_step(p.conn, true);
    assert_int_equal(conn_next(p.conn, &bytes, &size), -EPIPE);
    pair_close(&p);
}

static void a_length_below_the_header_cannot_be_framed(void **state)
{
    static const uint8_t lie[] = {4, 0, 0, 3, 0, 0, 0, 9};
    const uint8_t *bytes;
    size_t size;
    struct pair p = pair_open();

    assert_int_equal(send(p.peer, lie, sizeof lie, 0), sizeof lie);
    conn_begin_step(p.conn, true);
    assert_int_equal(conn_next(p.conn, &bytes, &size), -EPROTO);
    assert_int_equal(conn_xid(p.conn), 9);
    pair_close(&p);
}

static void a_peer_that_does_not_read_is_not_read_from(void **state)
{
    const uint8_t *bytes;
    size_t size;
    struct pair p = pair_open();

    writer_pad(conn_output(p.conn), CONN_OUTPUT_ROOM);
    assert_false(conn_has_room(p.conn));
    writer_pad(conn_output(p.conn), 4 * CONN_OUTPUT_STOP);
    assert_int_equal(conn_flush(p.conn), 0);
    assert_int_equal(send(p.peer, echo, sizeof echo, 0), sizeof echo);
    conn_begin_step(p.conn, true);
    assert_int_equal(conn_next(p.conn, &bytes, &size), 0);
    assert_int_equal(conn_events(p.conn, true), POLLOUT);
    static uint8_t sink[65536];
    size_t received = 0;
    while (received < CONN_OUTPUT_ROOM + 4 * CONN_OUTPUT_STOP) {
        ssize_t n = recv(p.peer, sink, sizeof sink, MSG_DONTWAIT);
        assert_true(n > 0);
        received += (size_t)n;
        assert_int_equal(conn_flush(p.conn), 0);
    }
    assert_true(conn_has_room(p.conn));
    assert_int_equal(conn_events(p.conn, true), POLLIN);
    assert_int_equal(conn_next(p.conn, &bytes, &size), 1);
    pair_close(&p);
}

static void a_flood_is_read_in_bounded_steps(void **state)
{
    static uint8_t flood[400000];
    const uint8_t *bytes;
    size_t size, n = 0, steps = 0;
    struct pair p = pair_open();
    int room = 1 << 20;

    (void)setsockopt(p.peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    for (size_t i = 0; i + sizeof echo <= sizeof flood; i += sizeof echo) {
        memcpy(flood + i, echo, sizeof echo);
    }
    ssize_t sent = send(p.peer, flood, sizeof flood / sizeof echo * sizeof echo, MSG_DONTWAIT);
    assert_true(sent > 150000);
    do {
        conn_begin_step(p.conn, true);
        steps++;
        while (conn_next(p.conn, &bytes, &size) == 1) {
            n++;
        }
    } while (conn_has_more(p.conn));
    assert_int_equal(n, (size_t)sent / sizeof echo);
    assert_true(steps >= 2);
    pair_close(&p);
}

static void sending_to_a_closed_peer_is_an_error_and_no_signal(void **state)
{
    struct pair p = pair_open();

    close(p.peer);
    writer_pad(conn_output(p.conn), 10);
    assert_int_equal(conn_flush(p.conn), -EPIPE);
    p.peer = dup(0);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_whole_however_it_is_cut),
        cmocka_unit_test(a_socket_without_news_is_not_read),
        cmocka_unit_test(the_end_of_the_stream_comes_after_the_last_message),
        cmocka_unit_test(a_length_below_the_header_cannot_be_framed),
        cmocka_unit_test(a_peer_that_does_not_read_is_not_read_from),
        cmocka_unit_test(a_flood_is_read_in_bounded_steps),
        cmocka_unit_test(sending_to_a_closed_peer_is_an_error_and_no_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
