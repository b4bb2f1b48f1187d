/* Tests of lib/bus/bus_zmq.c on real ipc sockets: addressing one life, order, bounds, reconnection, and bad input of every kind. All of them also with
 * bus_direct.c at one end or at both, since these promise the same and speak the same protocol.
 *
 * ZeroMQ connects in its own thread, so these wait by poll() on the sockets with a deadline, never by sleeping.
 */
#include "lib/bus/bus.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/bus/direct.h"
#include "lib/bus/envelope.h"

enum { PATIENCE_MS = 5000 };

static const struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 11};
static const struct bus_identity replica = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 22};

/* Which ends are bus_direct.c's in the group that runs. */
static bool is_binder_direct, is_connector_direct;

static struct bus *new_bus(const struct bus_identity *self)
{
    struct bus *bus = bus_zmq_new(self);
    bool is_direct = self->kind == PROCESS_FASTPATH ? is_binder_direct : is_connector_direct;
    bus_zmq_set_direct(bus, is_direct ? 1u << WIRE_SESSION : 0);
    return bus;
}

struct net {
    char dir[64], endpoint[128];
    struct bus *a, *b;
    struct bus_socket *binder, *connector;
};

static int setup(void **state)
{
    static struct net n;
    n = (struct net){0};
    snprintf(n.dir, sizeof n.dir, "%s/bus.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(n.dir));
    assert_int_equal(bus_endpoint(n.dir, WIRE_SESSION, PROCESS_FASTPATH, 1, n.endpoint, sizeof n.endpoint), 0);
    n.a = new_bus(&shard);
    n.b = new_bus(&replica);
    assert_int_equal(bus_bind(n.a, WIRE_SESSION, n.endpoint, &n.binder), 0);
    assert_int_equal(bus_connect(n.b, WIRE_SESSION, n.endpoint, &n.connector), 0);
    *state = &n;
    return 0;
}

static int teardown(void **state)
{
    struct net *n = *state;
    bus_destroy(&n->a);
    bus_destroy(&n->b);
    unlink(n->endpoint + strlen("ipc://"));
    assert_int_equal(rmdir(n->dir), 0);
    return 0;
}

/* What an owner does at each turn of its loop: what waits for room goes out. Nothing is there to be received. */
static void turn(struct bus_socket *socket)
{
    struct bus_message m;
    if (socket != NULL) {
        assert_int_equal(bus_recv(socket, &m), -EAGAIN);
    }
}

/* One try, then poll for as long as it takes: what a loop of a service does; `other`, if any, is the sender, who takes its turns too. */
static int recv_turns(struct bus_socket *socket, struct bus_message *out_message, struct bus_socket *other)
{
    uint64_t deadline = clock_now_ns() + PATIENCE_MS * NS_PER_MS;
    int err;
    while ((err = bus_recv(socket, out_message)) == -EAGAIN && clock_now_ns() < deadline) {
        struct pollfd pfd = {.fd = bus_fd(socket), .events = POLLIN};
        poll(&pfd, 1, 10);
        turn(other);
    }
    return err;
}

static int recv_soon(struct bus_socket *socket, struct bus_message *out_message)
{
    return recv_turns(socket, out_message, NULL);
}

static int send_turns(struct bus_socket *socket, const struct bus_identity *to, enum message_type type, const void *body,
                      size_t size, struct bus_socket *other)
{
    uint64_t deadline = clock_now_ns() + PATIENCE_MS * NS_PER_MS;
    int err;
    while ((err = bus_send(socket, to, type, body, size)) < 0 && clock_now_ns() < deadline) {
        struct pollfd pfd = {.fd = bus_fd(socket), .events = POLLIN};
        turn(other);
        poll(&pfd, 1, 5);
    }
    return err;
}

static int send_soon(struct bus_socket *socket, const struct bus_identity *to, enum message_type type, const void *body,
                     size_t size)
{
    return send_turns(socket, to, type, body, size, NULL);
}

static void greet(struct net *n)
{
    struct bus_message m;
    assert_int_equal(send_turns(n->connector, NULL, MESSAGE_SESSION_HELLO, "hi", 2, n->binder), 0);
    assert_int_equal(recv_soon(n->binder, &m), 0);
    assert_int_equal(m.type, MESSAGE_SESSION_HELLO);
    assert_true(bus_identity_equal(&m.from, &replica));
    assert_int_equal(m.size, 2);
    assert_memory_equal(m.body, "hi", 2);
    bus_message_fini(&m);
}

static void messages_go_both_ways_with_sender_and_sequence(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    greet(n);
    for (uint64_t i = 1; i <= 100; i++) {
        assert_int_equal(bus_send(n->binder, &replica, MESSAGE_MISS_BATCH, &i, sizeof i), 0);
    }
    for (uint64_t i = 1; i <= 100; i++) {
        assert_int_equal(recv_soon(n->connector, &m), 0);
        assert_int_equal(m.type, MESSAGE_MISS_BATCH);
        assert_true(m.sequence == i && memcmp(m.body, &i, sizeof i) == 0);
        assert_true(bus_identity_equal(&m.from, &shard));
        bus_message_fini(&m);
    }
    assert_int_equal(bus_socket_counters(n->binder)->sent, 100);
    assert_int_equal(bus_socket_counters(n->connector)->received, 100);
}

/* Small bodies libzmq copies, large ones it shares: both arrive whole, also when the sender has let go of them. */
static void a_shared_body_arrives_whole_as_often_as_it_is_sent(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    static uint8_t body[100000];
    greet(n);
    for (size_t size = 0; size <= sizeof body; size = size * 10 + 10) {
        memset(body, (int)(size % 251), size);
        struct bus_shared *shared = bus_share(n->binder, body, size);
        memset(body, 0xff, size);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(bus_send_shared(n->binder, &replica, MESSAGE_MISS_BATCH, shared), 0);
        }
        struct bus_identity nobody = {.kind = PROCESS_SLOWPATH, .instance = 99, .start = 99};
        assert_int_equal(bus_send_shared(n->binder, &nobody, MESSAGE_MISS_BATCH, shared), -ERROR_NOT_CONNECTED);
        bus_shared_free(&shared);
        bus_shared_free(&shared);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(recv_soon(n->connector, &m), 0);
            assert_int_equal(m.size, size);
            for (size_t k = 0; k < size; k++) {
                assert_int_equal(m.body[k], size % 251);
            }
            bus_message_fini(&m);
        }
    }
}

static void a_message_never_reaches_another_life(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    struct bus_identity reborn = replica;
    reborn.start++;
    greet(n);
    assert_int_equal(bus_send(n->binder, &reborn, MESSAGE_SESSION_BEAT, NULL, 0), -ERROR_NOT_CONNECTED);
    assert_int_equal(bus_send(n->binder, NULL, MESSAGE_SESSION_BEAT, NULL, 0), -ERROR_NOT_CONNECTED);
    bus_destroy(&n->b);
    n->b = new_bus(&reborn);
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, n->endpoint, &n->connector), 0);
    assert_int_equal(send_turns(n->connector, NULL, MESSAGE_SESSION_HELLO, NULL, 0, n->binder), 0);
    assert_int_equal(recv_soon(n->binder, &m), 0);
    assert_true(bus_identity_equal(&m.from, &reborn));
    bus_message_fini(&m);
    int err =
        bus_send(n->binder, &replica, MESSAGE_SESSION_BEAT, NULL, 0); /* until ZeroMQ has seen the end of the old connection */
    assert_true(err == 0 || err == -ERROR_NOT_CONNECTED);
    assert_int_equal(bus_send(n->binder, &reborn, MESSAGE_SESSION_WELCOME, NULL, 0), 0);
    assert_int_equal(recv_soon(n->connector, &m), 0);
    assert_int_equal(m.type, MESSAGE_SESSION_WELCOME);
    bus_message_fini(&m);
}

static void without_a_binder_nothing_is_queued(void **state)
{
    struct net *n = *state;
    struct bus_socket *lonely;
    char endpoint[160];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/nobody", n->dir);
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, endpoint, &lonely), 0);
    assert_int_equal(bus_send(lonely, NULL, MESSAGE_SESSION_BEAT, NULL, 0), -EAGAIN);
    bus_close(&lonely);
}

static void connector_finds_a_returned_binder_by_itself(void **state)
{
    struct net *n = *state;
    greet(n);
    for (int life = 0; life < 3; life++) {
        bus_destroy(&n->a);
        n->a = new_bus(&shard);
        assert_int_equal(bus_bind(n->a, WIRE_SESSION, n->endpoint, &n->binder), 0);
        struct bus_message m;
        uint64_t deadline = clock_now_ns() + PATIENCE_MS * NS_PER_MS;
        int err = -EAGAIN;
        while (err < 0 && clock_now_ns() < deadline) { /* what is said before the break is noticed may be lost */
            int sent = bus_send(n->connector, NULL, MESSAGE_SESSION_HELLO, NULL, 0);
            assert_true(sent == 0 || sent == -EAGAIN);
            struct pollfd pfd = {.fd = bus_fd(n->binder), .events = POLLIN};
            poll(&pfd, 1, 5);
            err = bus_recv(n->binder, &m);
        }
        assert_int_equal(err, 0);
        bus_message_fini(&m);
    }
}

static void a_full_queue_refuses_and_nothing_refused_arrives(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    uint64_t taken = 0;
    greet(n);
    while (bus_send(n->binder, &replica, MESSAGE_SESSION_BEAT, &taken, sizeof taken) == 0) {
        taken++;
        assert_true(taken < 1000000);
    }
    assert_true(taken >= BUS_QUEUE_MESSAGES);
    for (uint64_t i = 0; i < taken; i++) {
        assert_int_equal(recv_turns(n->connector, &m, n->binder), 0);
        assert_true(m.sequence == i + 1 && memcmp(m.body, &i, sizeof i) == 0);
        bus_message_fini(&m);
    }
    assert_int_equal(bus_recv(n->connector, &m), -EAGAIN);
    assert_int_equal(send_soon(n->binder, &replica, MESSAGE_SESSION_BEAT, NULL, 0), 0);
}

static bool is_readable(struct bus_socket *socket, int timeout_ms)
{
    struct pollfd pfd = {.fd = bus_fd(socket), .events = POLLIN};
    return poll(&pfd, 1, timeout_ms) == 1;
}

/* Sleeps in poll() only, as a service does; every message must wake it, also behind sends of its own and when it reads one at a time. */
static void fd_is_readable_while_messages_wait(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    uint64_t n_received = 0;
    greet(n);
    for (int round = 0; round < 2000; round++) {
        assert_int_equal(send_soon(n->binder, &replica, MESSAGE_SESSION_BEAT, NULL, 0), 0);
        assert_int_equal(send_soon(n->binder, &replica, MESSAGE_SESSION_BEAT, NULL, 0), 0);
        (void)!bus_send(n->connector, NULL, MESSAGE_SESSION_BEAT, NULL, 0); /* may swallow the news */
        for (int i = 0; i < 2; i++) {
            do {
                assert_true(is_readable(n->connector, PATIENCE_MS));
            } while (bus_recv(n->connector, &m) != 0);
            bus_message_fini(&m);
            n_received++;
        }
        while (bus_recv(n->binder, &m) == 0) {
            bus_message_fini(&m);
        }
    }
    int tries = 0;
    do { /* what ZeroMQ still has to do in the background may wake in vain, but not for ever */
        assert_int_equal(bus_recv(n->connector, &m), -EAGAIN);
    } while (is_readable(n->connector, 20) && ++tries < 100);
    assert_true(tries < 100);
    assert_int_equal(n_received, 4000);
}

static void a_large_message_arrives_whole(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    size_t size = BUS_MESSAGE_MAX_BYTES;
    uint8_t *body = calloc(1, size);
    body[size - 1] = 0x5a;
    greet(n);
    assert_int_equal(bus_send(n->connector, NULL, MESSAGE_ANSWER_BATCH, body, size), 0);
    assert_int_equal(recv_turns(n->binder, &m, n->connector), 0);
    assert_true(m.size == size && m.body[size - 1] == 0x5a);
    bus_message_fini(&m);
    free(body);
}

static void bad_endpoints_are_refused(void **state)
{
    struct net *n = *state;
    struct bus_socket *s = NULL;
    char longest[200] = "ipc://";
    memset(longest + 6, 'x', 108);
    const struct {
        const char *endpoint;
        int error;
    } rows[] = {{"", -ERROR_SYNTAX},
                {"ipc://", -ERROR_SYNTAX},
                {"inproc://x", -ERROR_SYNTAX},
                {"tcp://localhost", -ERROR_SYNTAX},
                {"tcp://x:port", -ERROR_SYNTAX},
                {longest, -ENAMETOOLONG},
                {n->endpoint, -EADDRINUSE},
                {"ipc:///nonexistent/d/s", -ENOENT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int err = bus_bind(n->a, WIRE_SESSION, rows[i].endpoint, &s);
        if (err != rows[i].error) {
            fail_msg("%s: %d, not %d", rows[i].endpoint, err, rows[i].error);
        }
        assert_null(s);
    }
    greet(n); /* the living one was not disturbed */
}

static void stale_socket_file_is_replaced(void **state)
{
    struct net *n = *state;
    struct bus_socket *s;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/stale", n->dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd); /* as a killed process leaves it */
    char endpoint[160];
    snprintf(endpoint, sizeof endpoint, "ipc://%s", address.sun_path);
    assert_int_equal(bus_bind(n->a, WIRE_SESSION, endpoint, &s), 0);
    bus_close(&s);
    unlink(address.sun_path);
}

static void socket_file_has_the_rights_of_the_umask(void **state)
{
    struct net *n = *state;
    struct bus_socket *s;
    struct stat st;
    char endpoint[160];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/tight", n->dir);
    mode_t old = umask(0077);
    assert_int_equal(bus_bind(n->a, WIRE_SESSION, endpoint, &s), 0);
    umask(old);
    assert_int_equal(stat(endpoint + strlen("ipc://"), &st), 0);
    assert_int_equal(st.st_mode & 0077, 0);
    bus_close(&s);
    unlink(endpoint + strlen("ipc://"));
}

/* A DEALER without our manners. */
struct raw {
    void *context, *handle;
};

static struct raw raw_connect(const struct net *n, const void *id, size_t id_size)
{
    struct raw r = {.context = zmq_ctx_new()};
    int zero = 0;
    r.handle = zmq_socket(r.context, ZMQ_DEALER);
    zmq_setsockopt(r.handle, ZMQ_LINGER, &zero, sizeof zero);
    if (id_size > 0) {
        assert_int_equal(zmq_setsockopt(r.handle, ZMQ_ROUTING_ID, id, id_size), 0);
    }
    assert_int_equal(zmq_connect(r.handle, n->endpoint), 0);
    return r;
}

static void raw_close(struct raw *r)
{
    zmq_close(r->handle);
    zmq_ctx_term(r->context);
}

static size_t good_envelope(const struct bus_identity *from, uint8_t bytes[ENVELOPE_MAX_BYTES])
{
    struct envelope e = {.wire = WIRE_SESSION,
                         .protocol = envelope_protocol(WIRE_SESSION),
                         .type = MESSAGE_SESSION_HELLO,
                         .sequence = 1,
                         .from = *from};
    return envelope_pack(&e, bytes);
}

/* The binder answers a good message of `n->connector` after the garbage: it lives, and refused the rest. */
static uint64_t refused_of(const struct bus_counters *c)
{
    return c->malformed + c->wrong_wire + c->wrong_version + c->wrong_sender + c->wrong_key + c->unknown_type + c->too_large;
}

static void expect_refused(struct net *n, uint64_t n_refused)
{
    uint64_t deadline = clock_now_ns() + PATIENCE_MS * NS_PER_MS;
    struct bus_message m;
    while (refused_of(bus_socket_counters(n->binder)) < n_refused && clock_now_ns() < deadline) {
        assert_int_equal(bus_recv(n->binder, &m), -EAGAIN);
        struct pollfd pfd = {.fd = bus_fd(n->binder), .events = POLLIN};
        poll(&pfd, 1, 5);
    }
    assert_int_equal(refused_of(bus_socket_counters(n->binder)), n_refused);
}

static void wrong_numbers_of_frames_are_refused(void **state)
{
    struct net *n = *state;
    uint8_t id[ROUTING_ID_BYTES], head[ENVELOPE_MAX_BYTES];
    struct bus_identity from = {.kind = PROCESS_SLOWPATH, .instance = 5, .start = 5};
    routing_id_encode(&from, id);
    size_t size = good_envelope(&from, head);
    struct raw r = raw_connect(n, id, sizeof id);
    zmq_send(r.handle, head, size, 0); /* no body */
    zmq_send(r.handle, "", 0, 0);
    for (int frames = 3; frames < 10; frames++) { /* too many */
        for (int i = 1; i < frames; i++) {
            zmq_send(r.handle, head, size, ZMQ_SNDMORE);
        }
        zmq_send(r.handle, head, size, 0);
    }
    expect_refused(n, 9);
    assert_int_equal(bus_socket_counters(n->binder)->malformed, 9);
    zmq_send(r.handle, head, size, ZMQ_SNDMORE);
    zmq_send(r.handle, "", 0, 0);
    struct bus_message m;
    assert_int_equal(recv_soon(n->binder, &m), 0); /* the same socket with a good one is heard */
    assert_true(bus_identity_equal(&m.from, &from));
    bus_message_fini(&m);
    raw_close(&r);
    greet(n);
}

static void envelope_and_route_must_agree(void **state)
{
    struct net *n = *state;
    uint8_t id[ROUTING_ID_BYTES], head[ENVELOPE_MAX_BYTES];
    struct bus_identity liar = {.kind = PROCESS_SLOWPATH, .instance = 5, .start = 5}, victim = replica;
    routing_id_encode(&liar, id);
    size_t size = good_envelope(&victim, head);
    struct raw r = raw_connect(n, id, sizeof id);
    zmq_send(r.handle, head, size, ZMQ_SNDMORE);
    zmq_send(r.handle, "x", 1, 0);
    expect_refused(n, 1);
    raw_close(&r);
    struct raw nameless = raw_connect(n, NULL, 0); /* ZeroMQ gives it a random id of 5 bytes */
    zmq_send(nameless.handle, head, size, ZMQ_SNDMORE);
    zmq_send(nameless.handle, "x", 1, 0);
    expect_refused(n, 2);
    assert_int_equal(bus_socket_counters(n->binder)->wrong_sender, 2);
    raw_close(&nameless);
    greet(n);
}

static void garbage_frames_are_refused_and_nobody_dies(void **state)
{
    struct net *n = *state;
    struct random r;
    uint64_t seed = 99;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    struct bus_identity from = {.kind = PROCESS_SLOWPATH, .instance = 5, .start = 5};
    uint8_t id[ROUTING_ID_BYTES], bytes[300];
    routing_id_encode(&from, id);
    struct raw raw = raw_connect(n, id, sizeof id);
    uint64_t n_sent = 0;
    for (int i = 0; i < 500; i++) {
        for (int frames = (int)random_below(&r, 4); frames >= 0; frames--) {
            size_t size = (size_t)random_below(&r, sizeof bytes);
            for (size_t k = 0; k < size; k++) {
                bytes[k] = (uint8_t)random_u64(&r);
            }
            zmq_send(raw.handle, bytes, size, frames > 0 ? ZMQ_SNDMORE : 0);
        }
        n_sent++;
    }
    expect_refused(n, n_sent);
    raw_close(&raw);
    greet(n);
}

static void frame_beyond_the_limit_ends_that_connection_only(void **state)
{
    struct net *n = *state;
    uint8_t id[ROUTING_ID_BYTES], head[ENVELOPE_MAX_BYTES];
    struct bus_identity from = {.kind = PROCESS_SLOWPATH, .instance = 5, .start = 5};
    routing_id_encode(&from, id);
    size_t size = good_envelope(&from, head);
    struct raw r = raw_connect(n, id, sizeof id);
    zmq_send(r.handle, head, size, ZMQ_SNDMORE);
    zmq_msg_t huge;
    zmq_msg_init_size(&huge, (size_t)BUS_MESSAGE_MAX_BYTES + 1);
    memset(zmq_msg_data(&huge), 0, zmq_msg_size(&huge));
    assert_true(zmq_msg_send(&huge, r.handle, 0) > 0);
    greet(n);
    struct bus_message m;
    struct pollfd pfd = {.fd = bus_fd(n->binder), .events = POLLIN};
    poll(&pfd, 1, 50);
    assert_int_equal(bus_recv(n->binder, &m), -EAGAIN);
    raw_close(&r);
    greet(n);
}

static int raw_unix_connect(const struct net *n)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", n->endpoint + strlen("ipc://"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Waits until the other side has closed. */
static void drain(const struct net *n, int fd)
{
    char bytes[256];
    uint64_t deadline = clock_now_ns() + PATIENCE_MS * NS_PER_MS;
    ssize_t got = -1;
    while (clock_now_ns() < deadline && ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0 || (got < 0 && errno == EAGAIN))) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        turn(n->binder);
        poll(&pfd, 1, 1);
    }
    assert_true(got == 0 || errno == ECONNRESET);
    close(fd);
}

/* Bytes that are no ZeroMQ at all, straight into the socket; libzmq takes some of them for its oldest protocol. */
static void strangers_on_the_socket_do_no_harm(void **state)
{
    struct net *n = *state;
    struct random r;
    uint64_t seed = 5;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    static const char http[] = "GET / HTTP/1.1\r\nHost: nobody\r\n\r\nGET / HTTP/1.1\r\nHost: nobody at all\r\n\r\n";
    for (int i = 0; i < 200; i++) {
        uint8_t bytes[300];
        size_t size = 100 + (size_t)random_below(&r, sizeof bytes - 100);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (uint8_t)random_u64(&r);
        }
        if (i % 4 == 0) {
            memcpy(bytes, http, sizeof http);
        } else if (i % 4 == 1) { /* a greeting of ZeroMQ 3 and then nonsense */
            memcpy(bytes, "\xff\0\0\0\0\0\0\0\1\x7f", 10);
            bytes[10] = (uint8_t)random_below(&r, 5);
        } else if (i % 4 == 2) { /* an empty routing id and messages of the oldest protocol */
            memcpy(bytes, "\1\0\2\0x\2\0y\1\0", 10);
        }
        int fd = raw_unix_connect(n);
        assert_true(send(fd, bytes, size, MSG_NOSIGNAL) > 0);
        shutdown(fd, SHUT_WR);
        drain(n, fd);
    }
    greet(n);
}

/* What a process of another user gets from the socket: 0 = closed at once. gid, more: its groups, if not 0. */
static ssize_t read_as_nobody(const struct net *n, gid_t gid, gid_t more)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", n->endpoint + strlen("ipc://"));
        char byte;
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        alarm(10);
        if (gid != 0 && (setgroups(more != 0 ? 1 : 0, &more) < 0 || setresgid(gid, gid, gid) < 0)) {
            _exit(103);
        }
        if (setresuid(65534, 65534, 65534) < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
            _exit(100);
        }
        ssize_t got = read(fd, &byte, 1);
        _exit(got < 0 ? (errno == ECONNRESET ? 0 : 101) : (int)got);
    }
    int status;
    pid_t ended;
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0) { /* the alarm ends it */
        struct pollfd pfd = {.fd = bus_fd(n->binder), .events = POLLIN};
        turn(n->binder);
        poll(&pfd, 1, 5);
    }
    assert_int_equal(ended, pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 102;
}

static void process_of_another_user_is_turned_away(void **state)
{
    struct net *n = *state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chmod(n->dir, 0777), 0);
    assert_int_equal(chmod(n->endpoint + strlen("ipc://"), 0777), 0);
    assert_int_equal(read_as_nobody(n, 0, 0), 0);
    greet(n);
}

/* The directory's group, if it is setgid and theirs to write: the first group of a process, or another one where the kernel says so (libzmq goes by names
 * of the group file). */
static void group_of_a_setgid_directory_is_let_in(void **state)
{
    enum { OURS = 60123, OTHER = 60124 };
    const struct {
        mode_t mode;
        gid_t gid, more;
        bool is_let_in;
    } cases[] = {{02770, OURS, 0, true}, {02770, OTHER, OURS, is_binder_direct}, {02770, OTHER, 0, false}, {0770, OURS, 0, false}, {02750, OURS, 0, false}};
    struct net *n = *state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chown(n->dir, 0, OURS), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bus_destroy(&n->a);
        assert_int_equal(chmod(n->dir, cases[i].mode), 0);
        n->a = new_bus(&shard);
        assert_int_equal(bus_bind(n->a, WIRE_SESSION, n->endpoint, &n->binder), 0);
        assert_int_equal(chmod(n->dir, cases[i].mode | 0005), 0); /* the credentials alone are to decide */
        assert_int_equal(chmod(n->endpoint + strlen("ipc://"), 0777), 0);
        assert_int_equal(read_as_nobody(n, cases[i].gid, cases[i].more), cases[i].is_let_in ? 1 : 0);
    }
}

static void a_newer_build_is_told_what_to_speak(void **state)
{
    struct net *n = *state;
    uint32_t own = bus_protocol(n->connector, NULL);
    struct bus_message m;
    bus_set_protocol_ahead(n->b, 1);
    uint64_t deadline = clock_now_ns() + 5 * NS_PER_S;
    bool has_changed = false, is_heard = false;
    while (!(has_changed && is_heard) && clock_now_ns() < deadline) {
        (void)!bus_send(n->connector, NULL, MESSAGE_SESSION_BEAT, NULL, 0);
        is_heard = bus_recv(n->binder, &m) == 0;
        assert_true(!is_heard || has_changed);
        if (is_heard) {
            bus_message_fini(&m);
        }
        assert_int_equal(bus_recv(n->connector, &m), -EAGAIN); /* the refusal is for the bus alone */
        has_changed = has_changed || bus_take_version_change(n->connector);
        sched_yield();
    }
    assert_true(has_changed && is_heard);
    assert_int_equal(bus_protocol(n->connector, NULL), own);
    assert_true(bus_socket_counters(n->binder)->wrong_version > 0);
}

static void the_socket_file_goes_with_its_binder(void **state)
{
    struct net *n = *state;
    const char *path = n->endpoint + strlen("ipc://");
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    bus_destroy(&n->a);
    assert_int_equal(lstat(path, &status), -1);
    assert_int_equal(errno, ENOENT);

    /* What somebody else has put there in the meantime is his. */
    n->a = new_bus(&shard);
    assert_int_equal(bus_bind(n->a, WIRE_SESSION, n->endpoint, &n->binder), 0);
    assert_int_equal(unlink(path), 0);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    bus_destroy(&n->a);
    assert_int_equal(lstat(path, &status), 0);
    close(fd);
}

#define BUS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    int n_failed = 0;
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        BUS_TEST(messages_go_both_ways_with_sender_and_sequence),
        BUS_TEST(a_shared_body_arrives_whole_as_often_as_it_is_sent),
        BUS_TEST(a_message_never_reaches_another_life),
        BUS_TEST(without_a_binder_nothing_is_queued),
        BUS_TEST(connector_finds_a_returned_binder_by_itself),
        BUS_TEST(a_full_queue_refuses_and_nothing_refused_arrives),
        BUS_TEST(fd_is_readable_while_messages_wait),
        BUS_TEST(a_large_message_arrives_whole),
        BUS_TEST(bad_endpoints_are_refused),
        BUS_TEST(stale_socket_file_is_replaced),
        BUS_TEST(the_socket_file_goes_with_its_binder),
        BUS_TEST(socket_file_has_the_rights_of_the_umask),
        BUS_TEST(wrong_numbers_of_frames_are_refused),
        BUS_TEST(envelope_and_route_must_agree),
        BUS_TEST(garbage_frames_are_refused_and_nobody_dies),
        BUS_TEST(frame_beyond_the_limit_ends_that_connection_only),
        BUS_TEST(strangers_on_the_socket_do_no_harm),
        BUS_TEST(process_of_another_user_is_turned_away),
        BUS_TEST(group_of_a_setgid_directory_is_let_in),
        BUS_TEST(a_newer_build_is_told_what_to_speak),
    };
    for (int ends = 0; ends < 4; ends++) {
        is_binder_direct = (ends & 1) != 0;
        is_connector_direct = (ends & 2) != 0;
        printf("binder %s, connector %s\n", is_binder_direct ? "direct" : "libzmq", is_connector_direct ? "direct" : "libzmq");
        n_failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    return n_failed;
}
