/* Tests of lib/bus/bus_hub.c: order, faults, bounds and repeatability of the bus in memory, with time as an argument. */
#include "lib/bus/bus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"

static const struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 11};

static struct bus_identity replica(uint32_t instance)
{
    return (struct bus_identity){.kind = PROCESS_SLOWPATH, .instance = instance, .start = 100 + instance};
}

struct net {
    struct bus_hub *hub;
    struct bus *shard, *slow;
    struct bus_socket *binder, *connector;
};

static struct net net_new(uint64_t seed)
{
    struct net n = {.hub = bus_hub_new(seed)};
    struct bus_identity id = replica(1);
    n.shard = bus_memory_new(n.hub, &shard);
    n.slow = bus_memory_new(n.hub, &id);
    assert_int_equal(bus_bind(n.shard, WIRE_SESSION, "s", &n.binder), 0);
    assert_int_equal(bus_connect(n.slow, WIRE_SESSION, "s", &n.connector), 0);
    bus_hub_step(n.hub, 1);
    return n;
}

static void net_destroy(struct net *n)
{
    bus_destroy(&n->slow);
    bus_destroy(&n->shard);
    bus_hub_destroy(&n->hub);
}

static int up(struct net *n, uint64_t value)
{
    return bus_send(n->connector, NULL, MESSAGE_SESSION_BEAT, &value, sizeof value);
}

/* The next value at the socket, or 0. */
static uint64_t next_value(struct bus_socket *socket)
{
    struct bus_message m;
    uint64_t value = 0;
    if (bus_recv(socket, &m) == 0) {
        assert_int_equal(m.size, sizeof value);
        memcpy(&value, m.body, sizeof value);
        bus_message_fini(&m);
    }
    return value;
}

static void messages_keep_their_order_under_any_delay(void **state)
{
    uint64_t seed = 7;
    printf("seed %llu\n", (unsigned long long)seed);
    struct net n = net_new(seed);
    bus_hub_set_faults(n.hub, 0, 1 * NS_PER_MS, 50 * NS_PER_MS);
    for (uint64_t i = 1; i <= 500; i++) {
        assert_int_equal(up(&n, i), 0);
    }
    uint64_t expected = 1;
    for (uint64_t t = 0; t <= 60; t++) {
        bus_hub_step(n.hub, t * NS_PER_MS);
        for (uint64_t value; (value = next_value(n.binder)) != 0;) {
            assert_true(value == expected++);
        }
        assert_true(t >= 1 || expected == 1); /* nothing before the least delay */
    }
    assert_int_equal(expected, 501);
    net_destroy(&n);
}

static void connection_needs_a_binder_and_comes_by_itself(void **state)
{
    struct bus_hub *hub = bus_hub_new(1);
    struct bus_identity id = replica(1);
    struct bus *slow = bus_memory_new(hub, &id), *other;
    struct bus_socket *c, *b, *second;
    assert_int_equal(bus_connect(slow, WIRE_SESSION, "s", &c), 0);
    bus_hub_step(hub, 1);
    assert_int_equal(bus_send(c, NULL, MESSAGE_SESSION_BEAT, NULL, 0), -EAGAIN);
    other = bus_memory_new(hub, &shard);
    assert_int_equal(bus_bind(other, WIRE_SESSION, "s", &b), 0);
    assert_int_equal(bus_bind(other, WIRE_SESSION, "s", &second), -EADDRINUSE);
    assert_int_equal(bus_bind(other, WIRE_SESSION, "", &second), -ERROR_SYNTAX);
    bus_hub_step(hub, 2);
    assert_int_equal(bus_send(c, NULL, MESSAGE_SESSION_BEAT, NULL, 0), 0);
    assert_int_equal(bus_fd(c), -1);
    bus_destroy(&other);
    assert_int_equal(bus_send(c, NULL, MESSAGE_SESSION_BEAT, NULL, 0), -EAGAIN);
    bus_destroy(&slow);
    bus_hub_destroy(&hub);
}

static void full_queue_refuses_until_it_is_read(void **state)
{
    struct net n = net_new(1);
    for (uint64_t i = 1; i <= BUS_QUEUE_MESSAGES; i++) {
        assert_int_equal(up(&n, i), 0);
    }
    assert_int_equal(up(&n, 1), -EAGAIN);
    bus_hub_step(n.hub, 2);
    assert_int_equal(up(&n, 1), -EAGAIN); /* delivered, but not read */
    assert_int_equal(next_value(n.binder), 1);
    assert_int_equal(up(&n, 1), 0);
    net_destroy(&n);
}

static void cut_process_loses_what_was_under_way_and_comes_back(void **state)
{
    struct net n = net_new(1);
    assert_int_equal(up(&n, 5), 0);
    struct bus_identity id = replica(1);
    bus_hub_cut(n.hub, &id, true);
    assert_int_equal(up(&n, 6), -EAGAIN);
    for (uint64_t t = 1; t < 10; t++) {
        bus_hub_step(n.hub, t * NS_PER_S);
    }
    assert_int_equal(next_value(n.binder), 0);
    bus_hub_cut(n.hub, &id, false);
    bus_hub_step(n.hub, 11 * NS_PER_S);
    assert_int_equal(up(&n, 7), 0);
    bus_hub_step(n.hub, 11 * NS_PER_S);
    assert_int_equal(next_value(n.binder), 7);
    net_destroy(&n);
}

static void delivered_messages_outlive_their_connection(void **state)
{
    struct net n = net_new(1);
    assert_int_equal(up(&n, 5), 0);
    bus_hub_step(n.hub, 2);
    bus_destroy(&n.slow);
    assert_int_equal(next_value(n.binder), 5);
    struct bus_identity id = replica(1);
    assert_int_equal(bus_send(n.binder, &id, MESSAGE_SESSION_BEAT, NULL, 0), -ERROR_NOT_CONNECTED);
    net_destroy(&n);
}

static void newer_connection_of_an_identity_takes_its_place(void **state)
{
    struct net n = net_new(1);
    struct bus_socket *newer;
    struct bus_identity id = replica(1);
    uint64_t value = 9;
    assert_int_equal(bus_connect(n.slow, WIRE_SESSION, "s", &newer), 0);
    bus_hub_step(n.hub, 2);
    assert_int_equal(bus_send(n.binder, &id, MESSAGE_SESSION_BEAT, &value, sizeof value), 0);
    bus_hub_step(n.hub, 3);
    assert_int_equal(next_value(newer), 9);
    assert_int_equal(next_value(n.connector), 0);
    assert_int_equal(up(&n, 1), -EAGAIN);
    net_destroy(&n);
}

static void message_its_sender_may_not_say_is_dropped(void **state)
{
    struct net n = net_new(1);
    assert_int_equal(bus_send(n.connector, NULL, MESSAGE_MISS_BATCH, NULL, 0), 0); /* only a shard has misses */
    assert_int_equal(bus_send(n.connector, NULL, (enum message_type)77, NULL, 0), 0);
    assert_int_equal(up(&n, 3), 0);
    bus_hub_step(n.hub, 2);
    assert_int_equal(next_value(n.binder), 3);
    assert_int_equal(bus_socket_counters(n.binder)->wrong_sender, 1);
    assert_int_equal(bus_socket_counters(n.binder)->unknown_type, 1);
    assert_int_equal(bus_socket_counters(n.binder)->received, 1);
    net_destroy(&n);
}

/* A digest of everything three replicas receive and lose in 20 simulated seconds under faults. */
static uint64_t run_with_faults(uint64_t seed, uint64_t *out_n_jumps)
{
    struct net n = net_new(seed);
    uint64_t digest = 1, last = 0, sent = 0, received = 0;
    bus_hub_set_faults(n.hub, 20, 0, 5 * NS_PER_MS);
    for (uint64_t t = 1; t <= 20000; t++) {
        bus_hub_step(n.hub, t * NS_PER_MS);
        sent += up(&n, t) == 0 ? 1 : 0;
        struct bus_message m;
        while (bus_recv(n.binder, &m) == 0) {
            received++;
            assert_true(m.sequence > last); /* order survives losses; a loss is a jump */
            *out_n_jumps += m.sequence != last + 1 ? 1 : 0;
            last = m.sequence;
            digest = digest * 31 + m.sequence * t;
            bus_message_fini(&m);
        }
    }
    assert_true(received < sent && received > sent / 2);
    net_destroy(&n);
    return digest;
}

static void one_seed_gives_one_run_and_every_loss_is_a_jump(void **state)
{
    uint64_t jumps_a = 0, jumps_b = 0, jumps_c = 0;
    uint64_t a = run_with_faults(3, &jumps_a), b = run_with_faults(3, &jumps_b), c = run_with_faults(4, &jumps_c);
    assert_true(a == b && jumps_a == jumps_b);
    assert_true(a != c);
    assert_true(jumps_a > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_keep_their_order_under_any_delay),
        cmocka_unit_test(connection_needs_a_binder_and_comes_by_itself),
        cmocka_unit_test(full_queue_refuses_until_it_is_read),
        cmocka_unit_test(cut_process_loses_what_was_under_way_and_comes_back),
        cmocka_unit_test(delivered_messages_outlive_their_connection),
        cmocka_unit_test(newer_connection_of_an_identity_takes_its_place),
        cmocka_unit_test(message_its_sender_may_not_say_is_dropped),
        cmocka_unit_test(one_seed_gives_one_run_and_every_loss_is_a_jump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
