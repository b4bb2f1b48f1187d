/* Tests of lib/bus/curve.c with the rest of the bus, on loopback: keys that are known and fit speak, every other one is refused and counted,
 * a key taken away is refused at the next message, identities cannot be claimed by another key, and ipc goes on beside it.
 *
 * ZeroMQ connects in its own thread, so these wait by poll() on the sockets with a deadline, never by sleeping.
 */
#include "lib/bus/curve.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <unistd.h>
#include <zmq.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/bus/key_table.h"
#include "lib/bus/routes.h"

enum { PATIENCE_MS = 5000, REFUSAL_MS = 300 };

static const struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 11};
static const struct bus_identity replica = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 22};

struct net {
    char dir[64], endpoint[128];
    struct key_pair shard_pair, replica_pair;
    struct bus *a, *b;
    struct bus_socket *binder, *connector;
};

static struct bus *bus_of(const struct bus_identity *self, const struct key_pair *pair)
{
    struct bus *bus = bus_zmq_new(self);
    assert_int_equal(bus_zmq_use_keys(bus, pair), 0);
    return bus;
}

static int setup(void **state)
{
    static struct net n;
    n = (struct net){{0}};
    snprintf(n.dir, sizeof n.dir, "%s/curve.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(n.dir));
    assert_int_equal(bus_endpoint(n.dir, WIRE_SESSION, PROCESS_FASTPATH, 1, n.endpoint, sizeof n.endpoint), 0);
    assert_int_equal(key_pair_make("shard", &n.shard_pair), 0);
    assert_int_equal(key_pair_make("replica", &n.replica_pair), 0);
    n.a = bus_of(&shard, &n.shard_pair);
    assert_int_equal(bus_zmq_listen(n.a, "tcp://127.0.0.1", 0), 0);
    assert_int_equal(bus_bind(n.a, WIRE_SESSION, n.endpoint, &n.binder), 0);
    n.b = bus_of(&replica, &n.replica_pair);
    *state = &n;
    return 0;
}

static int teardown(void **state)
{
    struct net *n = *state;
    bus_destroy(&n->b);
    bus_destroy(&n->a);
    unlink(n->endpoint + strlen("ipc://"));
    assert_int_equal(rmdir(n->dir), 0);
    return 0;
}

static int recv_within(struct bus_socket *socket, struct bus_message *out_message, uint64_t ms)
{
    uint64_t deadline = clock_now_ns() + ms * NS_PER_MS;
    int err;
    while ((err = bus_recv(socket, out_message)) == -EAGAIN && clock_now_ns() < deadline) {
        struct pollfd pfd = {.fd = bus_fd(socket), .events = POLLIN};
        poll(&pfd, 1, 20);
    }
    return err;
}

static int send_within(struct bus_socket *socket, const struct bus_identity *to, enum message_type type, uint64_t ms)
{
    uint64_t deadline = clock_now_ns() + ms * NS_PER_MS;
    int err;
    while ((err = bus_send(socket, to, type, "x", 1)) == -EAGAIN && clock_now_ns() < deadline) {
        struct pollfd pfd = {.fd = bus_fd(socket), .events = POLLIN};
        poll(&pfd, 1, 20);
    }
    return err;
}

static void know(struct net *n, const struct key_pair *pair, enum bus_role role)
{
    key_table_set(bus_keys(n->a), pair->public_key, pair->name, role);
}

/* The replica says hello and is answered. */
static void converse(struct net *n)
{
    struct bus_message m;
    assert_int_equal(send_within(n->connector, NULL, MESSAGE_SESSION_HELLO, PATIENCE_MS), 0);
    assert_int_equal(recv_within(n->binder, &m, PATIENCE_MS), 0);
    assert_true(bus_identity_equal(&m.from, &replica));
    bus_message_fini(&m);
    assert_int_equal(bus_send(n->binder, &replica, MESSAGE_SESSION_WELCOME, "y", 1), 0);
    assert_int_equal(recv_within(n->connector, &m, PATIENCE_MS), 0);
    assert_int_equal(m.type, MESSAGE_SESSION_WELCOME);
    bus_message_fini(&m);
}

static void known_keys_converse_and_the_role_is_told(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    know(n, &n->replica_pair, ROLE_SLOWPATH);
    assert_true(endpoint_is_tcp(bus_socket_endpoint(n->binder)));
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, bus_socket_endpoint(n->binder), &n->connector), 0);
    converse(n);
    assert_int_equal(send_within(n->connector, NULL, MESSAGE_SESSION_BEAT, PATIENCE_MS), 0);
    assert_int_equal(recv_within(n->binder, &m, PATIENCE_MS), 0);
    assert_int_equal(m.role, ROLE_SLOWPATH);
    assert_string_equal(m.key, n->replica_pair.public_key);
    bus_message_fini(&m);
}

static void ipc_goes_on_beside_tcp(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, n->endpoint, &n->connector), 0);
    converse(n);
    assert_int_equal(send_within(n->connector, NULL, MESSAGE_SESSION_BEAT, PATIENCE_MS), 0);
    assert_int_equal(recv_within(n->binder, &m, PATIENCE_MS), 0);
    assert_int_equal(m.role, ROLE_SLOWPATH);
    assert_null(m.key);
    bus_message_fini(&m);
}

static void an_unknown_key_is_kept_out_until_it_is_known(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, bus_socket_endpoint(n->binder), &n->connector), 0);
    assert_int_equal(send_within(n->connector, NULL, MESSAGE_SESSION_HELLO, REFUSAL_MS), -EAGAIN);
    assert_int_equal(bus_recv(n->binder, &m), -EAGAIN);
    know(n, &n->replica_pair, ROLE_SLOWPATH);
    converse(n);
}

static void a_key_speaks_for_its_own_kind_only(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    know(n, &n->replica_pair, ROLE_OFAGENT);
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, bus_socket_endpoint(n->binder), &n->connector), 0);
    assert_int_equal(send_within(n->connector, NULL, MESSAGE_SESSION_HELLO, PATIENCE_MS), 0);
    assert_int_equal(recv_within(n->binder, &m, REFUSAL_MS), -EAGAIN);
    assert_int_equal(bus_socket_counters(n->binder)->wrong_key, 1);
}

static void a_key_taken_away_is_refused_at_the_next_message_both_ways(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    know(n, &n->replica_pair, ROLE_SLOWPATH);
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, bus_socket_endpoint(n->binder), &n->connector), 0);
    converse(n);
    key_table_remove(bus_keys(n->a), n->replica_pair.public_key);
    assert_int_equal(bus_send(n->binder, &replica, MESSAGE_SESSION_BEAT, "y", 1), -ERROR_NOT_CONNECTED);
    assert_int_equal(bus_send(n->connector, NULL, MESSAGE_SESSION_BEAT, "x", 1), 0);
    assert_int_equal(recv_within(n->binder, &m, REFUSAL_MS), -EAGAIN);
    assert_int_equal(bus_socket_counters(n->binder)->wrong_key, 1);
}

static void an_identity_stays_with_its_key(void **state)
{
    struct net *n = *state;
    struct bus_message m;
    struct key_pair thief_pair;
    struct bus_socket *claim;
    assert_int_equal(key_pair_make("thief", &thief_pair), 0);
    know(n, &n->replica_pair, ROLE_SLOWPATH);
    know(n, &thief_pair, ROLE_SLOWPATH);
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, bus_socket_endpoint(n->binder), &n->connector), 0);
    converse(n);
    struct bus *thief = bus_of(&replica, &thief_pair);
    assert_int_equal(bus_connect(thief, WIRE_SESSION, bus_socket_endpoint(n->binder), &claim), 0);
    assert_int_equal(send_within(claim, NULL, MESSAGE_SESSION_HELLO, PATIENCE_MS), 0);
    assert_int_equal(recv_within(n->binder, &m, REFUSAL_MS), -EAGAIN);
    assert_int_equal(bus_socket_counters(n->binder)->wrong_sender, 1);
    converse(n); /* and what is sent goes to the one who was there */
    assert_int_equal(bus_recv(claim, &m), -EAGAIN);
    bus_destroy(&thief);
}

static void a_wrong_server_key_connects_to_nobody(void **state)
{
    struct net *n = *state;
    char endpoint[ENDPOINT_TEXT_MAX + 1], address[ENDPOINT_ADDRESS_MAX + 1], key[KEY_TEXT_SIZE + 1];
    know(n, &n->replica_pair, ROLE_SLOWPATH);
    assert_int_equal(endpoint_split(bus_socket_endpoint(n->binder), address, key), 0);
    assert_int_equal(endpoint_with_key(address, n->replica_pair.public_key, endpoint), 0);
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, endpoint, &n->connector), 0);
    assert_int_equal(send_within(n->connector, NULL, MESSAGE_SESSION_HELLO, REFUSAL_MS), -EAGAIN);
}

static void without_keys_there_is_no_tcp(void **state)
{
    struct net *n = *state;
    struct bus_socket *s = NULL;
    struct bus *bare = bus_zmq_new(&replica);
    char address[ENDPOINT_ADDRESS_MAX + 1], key[KEY_TEXT_SIZE + 1];
    assert_int_equal(bus_connect(bare, WIRE_SESSION, bus_socket_endpoint(n->binder), &s), -ERROR_REFUSED);
    assert_int_equal(bus_zmq_listen(bare, "tcp://127.0.0.1", 0), -ERROR_REFUSED);
    assert_int_equal(endpoint_split(bus_socket_endpoint(n->binder), address, key), 0);
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, address, &s), -ERROR_REFUSED);
    assert_null(s);
    bus_destroy(&bare);
}

/* A DEALER that speaks NULL, and bytes that are no ZeroMQ. */
static void strangers_are_closed_and_do_no_harm(void **state)
{
    struct net *n = *state;
    char address[ENDPOINT_ADDRESS_MAX + 1], key[KEY_TEXT_SIZE + 1];
    uint8_t id[ROUTING_ID_BYTES];
    struct bus_message m;
    int zero = 0, one = 1;
    know(n, &n->replica_pair, ROLE_SLOWPATH);
    assert_int_equal(endpoint_split(bus_socket_endpoint(n->binder), address, key), 0);
    void *context = zmq_ctx_new(), *plain = zmq_socket(context, ZMQ_DEALER);
    routing_id_encode(&replica, id);
    zmq_setsockopt(plain, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(plain, ZMQ_IMMEDIATE, &one, sizeof one);
    zmq_setsockopt(plain, ZMQ_ROUTING_ID, id, sizeof id);
    assert_int_equal(zmq_connect(plain, address), 0);
    uint64_t seed = random_start_number();
    print_message("seed %llu\n", (unsigned long long)seed);
    struct random random;
    random_seed(&random, seed);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10))};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    for (int i = 0; i < 10; i++) {
        uint8_t bytes[300];
        for (size_t k = 0; k < sizeof bytes; k++) {
            bytes[k] = (uint8_t)random_u64(&random);
        }
        if (i % 2 == 0) {
            memcpy(bytes, "\xff\0\0\0\0\0\0\0\1\x7f\3\0CURVE\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
        }
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        assert_true(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0);
        close(fd);
    }
    assert_int_equal(recv_within(n->binder, &m, REFUSAL_MS), -EAGAIN);
    assert_true(zmq_send(plain, "", 0, ZMQ_DONTWAIT) < 0 && errno == EAGAIN); /* no connection was ever made */
    assert_int_equal(bus_connect(n->b, WIRE_SESSION, bus_socket_endpoint(n->binder), &n->connector), 0);
    converse(n);
    zmq_close(plain);
    zmq_ctx_term(context);
}

static void given_ports_are_taken_one_by_one(void **state)
{
    struct net *n = *state;
    struct bus_identity self = {.kind = PROCESS_SLOWPATH, .instance = 9, .start = 9};
    struct bus *bus = NULL;
    struct bus_socket *first = NULL, *second = NULL, *none = NULL;
    char packet[160], mac[160], third[160], next[ENDPOINT_TEXT_MAX + 1];
    snprintf(packet, sizeof packet, "ipc://%s/p", n->dir);
    snprintf(mac, sizeof mac, "ipc://%s/m", n->dir);
    unsigned port = 20000;
    for (int err = -1; err != 0 && port < 30000; port += 7) { /* a pair that is free on this machine */
        bus_destroy(&bus);
        bus = bus_of(&self, &n->replica_pair);
        assert_int_equal(bus_zmq_listen(bus, "tcp://127.0.0.1", port), 0);
        err = bus_bind(bus, WIRE_PACKET, packet, &first);
        err = err == 0 ? bus_bind(bus, WIRE_MAC, mac, &second) : err;
    }
    assert_int_equal(endpoint_next(bus_socket_endpoint(first), 1, next), 0);
    assert_string_equal(bus_socket_endpoint(second), next);
    snprintf(third, sizeof third, "ipc://%s/c", n->dir);
    struct bus *other = bus_of(&self, &n->replica_pair);
    assert_int_equal(bus_zmq_listen(other, "tcp://127.0.0.1", port - 7), 0);
    assert_int_equal(bus_bind(other, WIRE_CONTROL, third, &none), -EADDRINUSE);
    assert_null(none);
    bus_destroy(&other);
    bus_destroy(&bus);
    unlink(packet + strlen("ipc://"));
    unlink(mac + strlen("ipc://"));
    unlink(third + strlen("ipc://"));
}

int main(void)
{
#define CURVE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CURVE_TEST(known_keys_converse_and_the_role_is_told),
        CURVE_TEST(ipc_goes_on_beside_tcp),
        CURVE_TEST(an_unknown_key_is_kept_out_until_it_is_known),
        CURVE_TEST(a_key_speaks_for_its_own_kind_only),
        CURVE_TEST(a_key_taken_away_is_refused_at_the_next_message_both_ways),
        CURVE_TEST(an_identity_stays_with_its_key),
        CURVE_TEST(a_wrong_server_key_connects_to_nobody),
        CURVE_TEST(without_keys_there_is_no_tcp),
        CURVE_TEST(strangers_are_closed_and_do_no_harm),
        CURVE_TEST(given_ports_are_taken_one_by_one),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
