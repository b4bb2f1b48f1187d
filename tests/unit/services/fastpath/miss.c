/* Asking: deadlines, another replica, full queues. Unit test on the memory bus with scripted replicas.
 * What may never happen: two open asks for one flow hash, or a packet that waits for ever.
 * One thread, fake clock. */
#include "tests/unit/services/fastpath/rig.h"

static size_t asks_of(struct rig *rig, size_t r)
{
    size_t n = 0;
    for (Busbar__MissBatch *batch; (batch = rig_take(rig, r, MESSAGE_MISS_BATCH)) != NULL;) {
        n += batch->n_asks;
        protobuf_c_message_free_unpacked(&batch->base, NULL);
    }
    return n;
}

static void unanswered_ask_goes_to_another_replica_and_then_the_packet_is_dropped(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_hello(rig, 1, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    size_t first = asks_of(rig, 0) == 1 ? 0 : 1;
    (void)asks_of(rig, 1);
    for (int i = 0; i < 6; i++) {
        rig_beat(rig, 0);
        rig_beat(rig, 1);
        rig_run(rig, 100);
    }
    assert_int_equal(asks_of(rig, 1 - first), 1);
    for (int i = 0; i < 6; i++) {
        rig_beat(rig, 0);
        rig_beat(rig, 1);
        rig_run(rig, 100);
    }
    assert_int_equal(asks_of(rig, 0) + asks_of(rig, 1), 0);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_MISS_TIMEOUT], 1);
    assert_int_equal(rig->shard->worker.pending.n_packets, 0);
    rig_end(rig);
}

static void asks_of_a_closed_session_are_asked_of_the_others_in_order(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 1);
    rig_put(rig, "p1", 1, 1, 2);
    rig_run(rig, 0);
    uint64_t old = rig_ask(rig, 0, NULL);
    rig_hello(rig, 1, 10, MSG_KEY_LAYOUT);
    session_close(rig->shard, &rig->shard->sessions[0], "test", rig->now_ns);
    rig_run(rig, 0);
    uint64_t again = rig_ask(rig, 1, NULL);
    assert_int_not_equal(again, 0);
    assert_int_not_equal(again, old);
    rig_answer(rig, 1, &(struct rig_answer){.ask = old, .mask = &mask, .port = 3, .version = 10});
    assert_int_equal(rig_got(rig, "p3"), -1);
    rig_answer(rig, 1, &(struct rig_answer){.ask = again, .mask = &mask, .port = 3, .version = 10});
    assert_int_equal(rig_got(rig, "p3"), 1);
    assert_int_equal(rig_got(rig, "p3"), 2);
    rig_end(rig);
}

static void a_lonely_ask_says_so_once(void **state)
{
    struct rig *rig = rig_new(4096);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_run(rig, 0);
    assert_false(rig->shard->asked_alone); /* nothing has been asked */
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    assert_int_equal(asks_of(rig, 0), 1);
    assert_true(rig->shard->asked_alone);
    rig->shard->asked_alone = false;
    rig_run(rig, 1);
    assert_false(rig->shard->asked_alone); /* nothing new */
    rig_put(rig, "p1", 2, 1, 1);
    rig_run(rig, 1);
    assert_int_equal(asks_of(rig, 0), 1);
    assert_false(rig->shard->asked_alone); /* the first one is under way */
    rig_end(rig);
}

static bool poll_and_flush_alone(struct rig *rig)
{
    (void)worker_poll(&rig->shard->worker, rig->now_ns);
    bool is_sent = miss_flush_alone(rig->shard);
    bus_hub_step(rig->hub, rig->now_ns);
    rig_listen(&rig->replicas[0]);
    return is_sent;
}

static void a_burst_after_a_pause_is_asked_about_before_all_else(void **state)
{
    struct rig *rig = rig_new(4096);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_run(rig, 0);
    assert_false(poll_and_flush_alone(rig)); /* nothing came */
    rig_put(rig, "p1", 1, 1, 1);
    rig_put(rig, "p1", 2, 1, 1);
    assert_true(poll_and_flush_alone(rig));
    assert_int_equal(asks_of(rig, 0), 2);
    assert_false(poll_and_flush_alone(rig)); /* sent already */
    rig_put(rig, "p1", 3, 1, 1);
    assert_false(poll_and_flush_alone(rig)); /* others are under way: it gathers */
    assert_int_equal(asks_of(rig, 0), 0);
    rig_run(rig, 1);
    assert_int_equal(asks_of(rig, 0), 1);
    rig_end(rig);
}

static void whoever_has_enough_to_work_on_gets_whole_batches(void **state)
{
    struct rig *rig = rig_new(4096);
    struct flow_key mask = mask_source(32), key;
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint16_t i = 0; i < MISS_UNDER_WAY_ENOUGH; i++) {
        rig_put(rig, "p1", (uint16_t)(10 + i), 1, 1);
        rig_run(rig, 0);
    }
    session_flush_all(rig->shard);
    bus_hub_step(rig->hub, rig->now_ns);
    rig_listen(&rig->replicas[0]);
    uint64_t first = rig_ask(rig, 0, &key);
    assert_int_equal(asks_of(rig, 0), MISS_UNDER_WAY_ENOUGH - 1);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 2);
    assert_int_equal(asks_of(rig, 0), 0);
    rig_answer(rig, 0, &(struct rig_answer){.ask = first, .mask = &mask, .port = 2, .version = 10});
    rig_run(rig, 1);
    assert_int_equal(asks_of(rig, 0), 1);
    rig_put(rig, "p2", 2, 1, 1);
    rig_run(rig, MISS_GATHER_MAX_US / 1000 - 2);
    assert_int_equal(asks_of(rig, 0), 0);
    rig_run(rig, 2);
    assert_int_equal(asks_of(rig, 0), 1); /* some answers may be lost: it does not wait for ever */
    rig_end(rig);
}

static void slow_replica_does_not_hold_up_what_another_is_asked(void **state)
{
    enum { N = 40 };
    struct rig *rig = rig_new(4096);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_hello(rig, 1, 10, MSG_KEY_LAYOUT);
    rig->shard->sessions[0].n_under_way = 10 * MISS_UNDER_WAY_ENOUGH;
    for (uint16_t i = 0; i < N; i++) {
        rig_put(rig, "p1", (uint16_t)(10 + i), 1, 1);
    }
    rig_run(rig, 0);
    rig_run(rig, 1);
    size_t n_asked = asks_of(rig, 1);
    assert_true(n_asked > 0 && n_asked < N);
    assert_int_equal(asks_of(rig, 0), 0);
    rig_run(rig, MISS_GATHER_MAX_US / 1000);
    assert_int_equal(asks_of(rig, 0), N - n_asked);
    rig_end(rig);
}

static void asks_wait_for_others_only_while_some_are_under_way(void **state)
{
    struct rig *rig = rig_new(4096);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    assert_int_equal(asks_of(rig, 0), 1); /* nothing was under way: at once */
    rig_put(rig, "p1", 2, 1, 1);
    rig_run(rig, 0);
    rig_put(rig, "p1", 3, 1, 1);
    rig_run(rig, 0);
    assert_int_equal(asks_of(rig, 0), 0); /* the first one has no answer yet, and no time has passed */
    session_flush_all(rig->shard);
    bus_hub_step(rig->hub, rig->now_ns);
    rig_listen(&rig->replicas[0]);
    assert_int_equal(asks_of(rig, 0), 2);
    rig_put(rig, "p1", 4, 1, 1);
    rig_run(rig, 1);
    assert_int_equal(asks_of(rig, 0), 1);
    for (uint16_t i = 0; i < MISS_BATCH; i++) { /* a whole batch does not wait */
        rig_put(rig, "p1", (uint16_t)(10 + i), 1, 1);
    }
    for (unsigned i = 0; i < MISS_BATCH / IO_BURST; i++) {
        rig_run(rig, 0);
    }
    assert_int_equal(asks_of(rig, 0), MISS_BATCH);
    rig_end(rig);
}

/* A killed replica's connection falls when something is sent: what was to be asked there is asked elsewhere, in the next step. */
static void an_ask_over_a_fallen_connection_waits_for_another_replica(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_hello(rig, 1, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    size_t first = rig_heard(rig, 0, MESSAGE_MISS_BATCH) ? 0 : 1;
    rig_run(rig, 1);
    rig_hello(rig, 2, 10, MSG_KEY_LAYOUT);
    struct pending_list *list = rig->shard->worker.pending.oldest;
    worker_drop_list(&rig->shard->worker, list, DROP_RULE); /* answered */
    rig->shard->sessions[first].n_under_way = 0;
    memset(rig->shard->buckets, (int)first, sizeof rig->shard->buckets);
    bus_close(&rig->replicas[first].socket);
    rig_put(rig, "p1", 1, 1, 2);
    rig_run(rig, 0); /* asked: the connection is found to have fallen */
    assert_int_equal(rig->shard->worker.totals.drops[DROP_MISS_QUEUE_FULL], 0);
    assert_int_equal(rig->shard->worker.pending.n_packets, 1);
    rig_run(rig, 1);
    assert_int_equal(rig->shard->worker.pending.n_packets, 1);
    assert_int_not_equal(rig->shard->sessions[first].state, SESSION_OPEN);
    uint64_t ask = 0;
    size_t other = 0;
    for (size_t r = 0; r < RIG_REPLICAS && ask == 0; r++) {
        ask = r != first ? rig_ask(rig, r, NULL) : 0;
        other = r;
    }
    assert_int_not_equal(ask, 0);
    rig_answer(rig, other, &(struct rig_answer){.ask = ask, .mask = &mask, .port = 3, .version = 10});
    assert_int_equal(rig_got(rig, "p3"), 2);
    rig_end(rig);
}

static void last_session_that_closes_takes_no_packet_with_it_unnamed(void **state)
{
    struct rig *rig = rig_new(1024);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint16_t i = 0; i < 50; i++) {
        rig_put(rig, "p1", i, 1, 1);
    }
    rig_run(rig, 1);
    session_close_all(rig->shard, "test", rig->now_ns);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_NO_SLOWPATH], 50);
    assert_int_equal(rig->shard->worker.pending.n_lists, 0);
    rig_end(rig);
}

static void misses_travel_in_batches(void **state)
{
    struct rig *rig = rig_new(1024);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint16_t i = 0; i < 30; i++) {
        rig_put(rig, "p1", i, 1, 1);
    }
    rig_run(rig, 0);
    Busbar__MissBatch *batch = rig_take(rig, 0, MESSAGE_MISS_BATCH);
    assert_int_equal(batch->n_asks, 30);
    protobuf_c_message_free_unpacked(&batch->base, NULL);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unanswered_ask_goes_to_another_replica_and_then_the_packet_is_dropped),
        cmocka_unit_test(asks_of_a_closed_session_are_asked_of_the_others_in_order),
        cmocka_unit_test(a_lonely_ask_says_so_once),
        cmocka_unit_test(a_burst_after_a_pause_is_asked_about_before_all_else),
        cmocka_unit_test(whoever_has_enough_to_work_on_gets_whole_batches),
        cmocka_unit_test(slow_replica_does_not_hold_up_what_another_is_asked),
        cmocka_unit_test(asks_wait_for_others_only_while_some_are_under_way),
        cmocka_unit_test(last_session_that_closes_takes_no_packet_with_it_unnamed),
        cmocka_unit_test(an_ask_over_a_fallen_connection_waits_for_another_replica),
        cmocka_unit_test(misses_travel_in_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
