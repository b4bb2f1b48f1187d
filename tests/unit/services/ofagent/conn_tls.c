/* Tests of services/ofagent/conn_tls.c: two conns over a socketpair, one the server. */
#include "services/ofagent/conn_tls.h"

#include "tests/unit/services/ofagent/certificates.h"

#include <errno.h>
#include <sys/socket.h>

#include "services/ofagent/conn.h"

struct side {
    struct tls *tls;
    struct conn *conn;
    int result; /* of the last step, below 0: it has failed */
    uint8_t *bytes;
    size_t size; /* of the messages that came */
};
struct pair {
    char dir[32];
    struct authority one, two;
    struct side client, server;
};

static int set_up(void **state)
{
    struct pair *p = memory_zeroed(sizeof *p);

    (void)snprintf(p->dir, sizeof p->dir, "/tmp/conn-tls-test-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->one = authority_new("one");
    p->two = authority_new("two");
    authority_write(&p->one, p->dir, "one");
    authority_write(&p->two, p->dir, "two");
    certificate_write(&p->one, p->dir, "switch", false);
    certificate_write(&p->one, p->dir, "controller", true);
    certificate_write(&p->two, p->dir, "stranger", true);
    p->client.tls = tls_new();
    p->server.tls = tls_new();
    *state = p;
    return 0;
}

static void close_side(struct side *side)
{
    conn_destroy(&side->conn);
    free(side->bytes);
    side->bytes = NULL;
    side->size = 0;
    side->result = 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;

    close_side(&p->client);
    close_side(&p->server);
    tls_destroy(&p->client.tls);
    tls_destroy(&p->server.tls);
    authority_free(&p->one);
    authority_free(&p->two);
    certificates_remove(p->dir);
    free(p);
    return 0;
}

static void configure(struct pair *p, struct side *side, const char *who, const char *trusts, bool bootstrap)
{
    char *key = memory_format("%s/%s.key", p->dir, who), *certificate = memory_format("%s/%s.crt", p->dir, who);
    char *ca = memory_format("%s/%s.ca", p->dir, trusts);
    tls_configure(side->tls, key, certificate, ca, bootstrap);
    free(key);
    free(certificate);
    free(ca);
}

static void open_pair(struct pair *p)
{
    struct error_detail detail = {{0}};
    struct channel *channel;
    int fds[2];

    close_side(&p->client);
    close_side(&p->server);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(conn_tls_new(p->client.tls, fds[0], false, &channel, &detail), 0);
    p->client.conn = conn_new(fds[0], channel);
    assert_int_equal(conn_tls_new(p->server.tls, fds[1], true, &channel, &detail), 0);
    p->server.conn = conn_new(fds[1], channel);
}

static void step(struct side *side)
{
    const uint8_t *bytes;
    size_t size;

    if (side->result < 0) {
        return;
    }
    conn_begin_step(side->conn, true);
    while ((side->result = conn_next(side->conn, &bytes, &size)) > 0) {
        side->bytes = memory_resize(side->bytes, side->size + size);
        memcpy(side->bytes + side->size, bytes, size);
        side->size += size;
    }
    if (side->result == 0) {
        side->result = conn_flush(side->conn);
    }
}

static void run(struct pair *p)
{
    for (int i = 0; i < 400; i++) {
        step(&p->client);
        step(&p->server);
    }
}

static const uint8_t echo[] = {4, OF_ECHO_REQUEST, 0, 12, 0, 0, 0, 1, 'a', 'b', 'c', 'd'};

static void messages_pass_between_those_of_one_authority(void **state)
{
    struct pair *p = *state;

    configure(p, &p->client, "switch", "one", false);
    configure(p, &p->server, "controller", "one", false);
    open_pair(p);
    writer_bytes(conn_output(p->client.conn), echo, sizeof echo);
    writer_bytes(conn_output(p->server.conn), echo, sizeof echo);
    run(p);
    assert_int_equal(p->client.result, 0);
    assert_int_equal(p->server.result, 0);
    assert_int_equal(p->server.size, sizeof echo);
    assert_memory_equal(p->server.bytes, echo, sizeof echo);
    assert_int_equal(p->client.size, sizeof echo);
    assert_int_equal(conn_events(p->client.conn, true), POLLIN);
}

static void a_long_backlog_arrives_whole(void **state)
{
    struct pair *p = *state;
    enum { MESSAGES = 30, SIZE = 60000 };
    static uint8_t message[SIZE] = {4, OF_ECHO_REQUEST, SIZE >> 8, SIZE & 0xff};

    configure(p, &p->client, "switch", "one", false);
    configure(p, &p->server, "controller", "one", false);
    open_pair(p);
    for (uint8_t i = 0; i < MESSAGES; i++) {
        memset(message + 8, i, sizeof message - 8);
        writer_bytes(conn_output(p->client.conn), message, sizeof message);
    }
    run(p);
    assert_int_equal(p->server.size, (size_t)MESSAGES * SIZE);
    for (size_t i = 0; i < MESSAGES; i++) {
        assert_int_equal(p->server.bytes[i * SIZE + SIZE - 1], i);
    }
}

static void the_end_of_the_stream_is_told(void **state)
{
    struct pair *p = *state;

    configure(p, &p->client, "switch", "one", false);
    configure(p, &p->server, "controller", "one", false);
    open_pair(p);
    writer_bytes(conn_output(p->client.conn), echo, sizeof echo);
    run(p);
    conn_destroy(&p->client.conn);
    p->client.result = -1;
    run(p);
    assert_int_equal(p->server.result, -EPIPE);
    assert_string_equal(conn_why(p->server.conn, -EPIPE), "closed by the peer");
}

static void says(const struct side *side, const char *words)
{
    assert_true(side->result < 0);
    if (strstr(conn_why(side->conn, side->result), words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, conn_why(side->conn, side->result));
    }
}

/* A connection between these two ends without a byte of the client's: the one that refuses says the peer's certificate is, the other has heard it. */
static void refuses(struct pair *p, const char *client, const char *server, struct side *refusing, struct side *refused)
{
    configure(p, &p->client, client, "one", false);
    configure(p, &p->server, server, "one", false);
    open_pair(p);
    writer_bytes(conn_output(p->client.conn), echo, sizeof echo);
    run(p);
    says(refusing, "the peer's certificate is refused: self-signed certificate in certificate chain");
    says(refused, "the peer refuses: tlsv1 alert unknown ca");
    assert_int_equal(p->server.size, 0);
}

static void a_controller_of_another_authority_is_refused_and_both_say_why(void **state)
{
    struct pair *p = *state;
    refuses(p, "switch", "stranger", &p->client, &p->server);
}

static void a_switch_of_another_authority_is_refused_and_both_say_why(void **state)
{
    struct pair *p = *state;
    refuses(p, "stranger", "controller", &p->server, &p->client);
}

static void who_speaks_no_tls_is_told_apart(void **state)
{
    struct pair *p = *state;
    struct error_detail detail = {{0}};
    struct channel *channel;
    int fds[2];

    configure(p, &p->server, "controller", "one", false);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(conn_tls_new(p->server.tls, fds[1], true, &channel, &detail), 0);
    p->server.conn = conn_new(fds[1], channel);
    assert_int_equal(send(fds[0], echo, sizeof echo, 0), sizeof echo);
    step(&p->server);
    step(&p->server);
    says(&p->server, "TLS: ");
    close(fds[0]);
}

static void a_peer_that_only_connects_costs_no_busy_loop(void **state)
{
    struct pair *p = *state;
    struct error_detail detail = {{0}};
    struct channel *channel;
    int fds[2];

    configure(p, &p->server, "controller", "one", false);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(conn_tls_new(p->server.tls, fds[1], true, &channel, &detail), 0);
    p->server.conn = conn_new(fds[1], channel);
    writer_bytes(conn_output(p->server.conn), echo, sizeof echo);
    step(&p->server);
    assert_int_equal(conn_events(p->server.conn, true), POLLIN); /* and not POLLOUT, although there is something to send */
    assert_false(conn_has_more(p->server.conn));
    close(fds[0]);
    step(&p->server);
    says(&p->server, "the peer has ended the handshake");
}

static void the_authority_is_taken_once_from_the_first_controller(void **state)
{
    struct pair *p = *state;

    configure(p, &p->client, "switch", "new", true);
    configure(p, &p->server, "controller", "one", false);
    open_pair(p);
    writer_bytes(conn_output(p->client.conn), echo, sizeof echo);
    run(p);
    says(&p->client, "CA certificate has been taken into");
    assert_int_equal(p->server.size, 0); /* that connection was not checked: nothing was said over it */
    open_pair(p);
    writer_bytes(conn_output(p->client.conn), echo, sizeof echo);
    run(p);
    assert_int_equal(p->server.size, sizeof echo);
    configure(p, &p->server, "stranger", "one", false);
    open_pair(p);
    run(p);
    says(&p->client, "the peer's certificate is refused");
}

static void a_controller_that_does_not_show_its_authority_is_not_believed(void **state)
{
    struct pair *p = *state;
    char *path = memory_format("%s/new.ca", p->dir);

    configure(p, &p->client, "controller", "new", true);
    configure(p, &p->server, "switch", "two", false); /* its authority is not in its file, and not among those it trusts */
    open_pair(p);
    run(p);
    says(&p->client, "does not send the certificate of its CA");
    assert_int_equal(access(path, F_OK), -1);
    free(path);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(messages_pass_between_those_of_one_authority),
        CLAIM(a_long_backlog_arrives_whole),
        CLAIM(the_end_of_the_stream_is_told),
        CLAIM(a_controller_of_another_authority_is_refused_and_both_say_why),
        CLAIM(a_switch_of_another_authority_is_refused_and_both_say_why),
        CLAIM(who_speaks_no_tls_is_told_apart),
        CLAIM(a_peer_that_only_connects_costs_no_busy_loop),
        CLAIM(the_authority_is_taken_once_from_the_first_controller),
        CLAIM(a_controller_that_does_not_show_its_authority_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
