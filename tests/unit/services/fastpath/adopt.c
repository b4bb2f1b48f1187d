/* Orphaned flows: offered, kept, changed, removed, taken back. Unit test on the memory bus with scripted replicas.
 * What may never happen: a flow stops forwarding because its session closed, or two sessions hold it.
 * One thread, fake clock. */
#include "tests/unit/services/fastpath/rig.h"

static struct flow_id next_offer(struct rig *rig, size_t r)
{
    Busbar__FlowOfferBatch *batch = rig_take(rig, r, MESSAGE_FLOW_OFFER_BATCH);
    struct flow_id id = {0};
    if (batch != NULL) {
        struct flow_key key;
        assert_int_equal(batch->n_offers, 1);
        assert_int_equal(key_decode(&batch->offers[0]->key, &key), 0);
        id = (struct flow_id){.high = batch->offers[0]->id->high, .low = batch->offers[0]->id->low};
        protobuf_c_message_free_unpacked(&batch->base, NULL);
    }
    return id;
}

static void orphan_forwards_is_offered_and_adopted(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id id = rig_make_flow(rig, 0, 1, 32, 10);
    session_close_all(rig->shard, "test", rig->now_ns);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p2"), 1);
    rig_hello(rig, 1, 11, MSG_KEY_LAYOUT);
    struct flow_id offered = next_offer(rig, 1);
    assert_true(flow_id_equal(offered, id));
    rig_change(rig, 1, id, 3, 11);
    assert_int_equal(rig->shard->counts.adopted, 1);
    rig_put(rig, "p1", 1, 1, 2);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p3"), 2);
    const struct flow *flow = flow_table_find(rig->shard->flows, id);
    assert_int_equal(rig->shard->sessions[flow->owner].who.instance, 2);
    rig_end(rig);
}

static void offer_of_a_session_that_closes_is_made_to_another(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id id = rig_make_flow(rig, 0, 1, 32, 10);
    session_close_all(rig->shard, "test", rig->now_ns);
    rig_hello(rig, 1, 11, MSG_KEY_LAYOUT);
    assert_true(flow_id_equal(next_offer(rig, 1), id));
    session_close_all(rig->shard, "test", rig->now_ns);
    rig_hello(rig, 2, 11, MSG_KEY_LAYOUT);
    assert_true(flow_id_equal(next_offer(rig, 2), id));
    rig_change(rig, 1, id, 3, 11);
    assert_int_equal(rig->shard->counts.adopted, 0);
    rig_change(rig, 2, id, 0, 11);
    assert_int_equal(flow_table_count(rig->shard->flows), 0);
    assert_int_equal(session_count_open(rig->shard), 1);
    rig_end(rig);
}

static void keeping_with_an_older_version_adopts_and_leaves_the_newer_program(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id id = rig_make_flow(rig, 0, 1, 32, 10);
    session_close_all(rig->shard, "test", rig->now_ns);
    rig_hello(rig, 1, 11, MSG_KEY_LAYOUT);
    assert_true(flow_id_equal(next_offer(rig, 1), id));
    rig_change(rig, 1, id, 3, 9);
    const struct flow *flow = flow_table_find(rig->shard->flows, id);
    assert_int_equal(rig->shard->counts.adopted, 1);
    assert_int_equal(rig->shard->sessions[flow->owner].who.instance, 2);
    assert_int_equal(flow->offered, OWNER_NONE);
    assert_int_equal(flow->version_n, 10);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p2"), 1);
    rig_reached(rig, 1, 12);
    assert_int_equal(rig->shard->floor.n, 12);
    rig_end(rig);
}

static void removing_with_an_older_version_makes_a_new_offer(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id id = rig_make_flow(rig, 0, 1, 32, 10);
    session_close_all(rig->shard, "test", rig->now_ns);
    rig_hello(rig, 1, 11, MSG_KEY_LAYOUT);
    assert_true(flow_id_equal(next_offer(rig, 1), id));
    rig_change(rig, 1, id, 0, 9);
    assert_non_null(flow_table_find(rig->shard->flows, id));
    rig_run(rig, 0);
    assert_true(flow_id_equal(next_offer(rig, 1), id));
    rig_change(rig, 1, id, 0, 11);
    assert_int_equal(flow_table_count(rig->shard->flows), 0);
    rig_end(rig);
}

static void thousands_are_offered_within_the_window(void **state)
{
    struct rig *rig = rig_new(8192);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint16_t i = 0; i < OFFERS_MAX + 500; i++) {
        (void)rig_make_flow(rig, 0, i, 32, 10);
        rig_forget_heard(&rig->replicas[0]);
    }
    session_close_all(rig->shard, "test", rig->now_ns);
    rig_hello(rig, 1, 11, MSG_KEY_LAYOUT);
    size_t n_offered = 0, n_adopted = 0;
    for (int round = 0; round < 200 && n_adopted < OFFERS_MAX + 500; round++) {
        rig_beat(rig, 1);
        rig_run(rig, 5);
        for (Busbar__FlowOfferBatch *batch; (batch = rig_take(rig, 1, MESSAGE_FLOW_OFFER_BATCH)) != NULL;) {
            n_offered += batch->n_offers;
            for (size_t i = 0; round > 20 && i < batch->n_offers; i++) {
                rig_change(rig, 1, (struct flow_id){batch->offers[i]->id->high, batch->offers[i]->id->low}, 2, 11);
            }
            n_adopted += round > 20 ? batch->n_offers : 0;
            if (round <= 20) {
                assert_true(n_offered <= OFFERS_MAX);
            }
            protobuf_c_message_free_unpacked(&batch->base, NULL);
        }
        if (round == 20) {
            assert_int_equal(n_offered, OFFERS_MAX);
            session_close_all(rig->shard, "test", rig->now_ns);
            rig_hello(rig, 1, 11, MSG_KEY_LAYOUT);
        }
    }
    assert_int_equal(n_adopted, OFFERS_MAX + 500);
    assert_int_equal(rig->shard->counts.adopted, OFFERS_MAX + 500);
    rig_end(rig);
}

static size_t count_offered(struct rig *rig, size_t r)
{
    size_t n = 0;
    for (Busbar__FlowOfferBatch *batch; (batch = rig_take(rig, r, MESSAGE_FLOW_OFFER_BATCH)) != NULL;) {
        n += batch->n_offers;
        protobuf_c_message_free_unpacked(&batch->base, NULL);
    }
    return n;
}

static void while_packets_wait_few_are_offered(void **state)
{
    enum { N = 600 };
    struct rig *rig = rig_new(8192);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint16_t i = 0; i < N; i++) {
        (void)rig_make_flow(rig, 0, i, 32, 10);
        rig_forget_heard(&rig->replicas[0]);
    }
    rig_hello(rig, 1, 11, MSG_KEY_LAYOUT);
    for (uint16_t i = 0; i < 2 * OFFERS_BUSY_LISTS; i++) {
        rig_put(rig, i % 2 == 0 ? "p1" : "p2", N + i, 1, 1);
        rig_run(rig, 0);
    }
    session_close(rig->shard, &rig->shard->sessions[0], "test", rig->now_ns);
    for (int round = 0; round < 20; round++) {
        rig_run(rig, 1);
    }
    size_t n_busy = count_offered(rig, 1);
    assert_int_equal(n_busy, OFFERS_MAX_BUSY * OFFERS_BUSY_LISTS / rig->shard->worker.pending.n_lists + 1);
    size_t n_all = n_busy;
    for (int round = 0; round < 300; round++) { /* nobody answers: they are dropped in the end, and the rest is offered */
        rig_beat(rig, 1);
        rig_run(rig, 5);
        n_all += count_offered(rig, 1);
        rig_forget_heard(&rig->replicas[1]);
    }
    assert_int_equal(rig->shard->worker.pending.n_lists, 0);
    assert_int_equal(n_all, N);
    rig_end(rig);
}

static size_t adopt_what_is_offered(struct rig *rig, size_t r)
{
    size_t n = 0;
    for (Busbar__FlowOfferBatch *batch; (batch = rig_take(rig, r, MESSAGE_FLOW_OFFER_BATCH)) != NULL;) {
        for (size_t i = 0; i < batch->n_offers; i++) {
            rig_change(rig, r, (struct flow_id){batch->offers[i]->id->high, batch->offers[i]->id->low}, 2, 11);
        }
        n += batch->n_offers;
        protobuf_c_message_free_unpacked(&batch->base, NULL);
    }
    return n;
}

static void session_that_does_not_answer_keeps_no_flow_from_another(void **state)
{
    enum { N = 2 * OFFERS_MAX + 1000 };
    struct rig *rig = rig_new(8192);
    size_t n_adopted = 0, n_left = 0;
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint16_t i = 0; i < N; i++) {
        (void)rig_make_flow(rig, 0, i, 32, 10);
        rig_forget_heard(&rig->replicas[0]);
    }
    session_close_all(rig->shard, "test", rig->now_ns);
    rig_hello(rig, 1, 11, MSG_KEY_LAYOUT);
    rig_hello(rig, 2, 11, MSG_KEY_LAYOUT);
    for (int round = 0; round < 300; round++) {
        rig_beat(rig, 1);
        rig_beat(rig, 2);
        rig_run(rig, 5);
        n_adopted += adopt_what_is_offered(rig, 2);
    }
    size_t cursor = 0;
    for (const struct flow *flow; (flow = flow_table_next(rig->shard->flows, &cursor)) != NULL;) {
        const struct session *answers = &rig->shard->sessions[rig->shard->buckets[flow->id.high % SESSION_BUCKETS]];
        bool is_adopted = rig->shard->sessions[flow->owner].who.instance == 3;
        assert_true(is_adopted || answers->who.instance == 2 || flow->offered != OWNER_NONE);
        n_left += !is_adopted;
    }
    assert_true(n_left > OFFERS_MAX + 256); /* or the window of the silent one would not have been full */
    assert_int_equal(n_adopted, N - n_left);
    rig_end(rig);
}

static void closed_sessions_are_merged_when_there_is_no_place(void **state)
{
    struct rig *rig = rig_new(256);
    for (uint16_t i = 0; i < SESSIONS_MAX + 3; i++) {
        rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
        assert_int_equal(session_count_open(rig->shard), 1);
        (void)rig_make_flow(rig, 0, i, 32, 10);
        rig_forget_heard(&rig->replicas[0]);
    }
    assert_int_equal(flow_table_count(rig->shard->flows), SESSIONS_MAX + 3);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orphan_forwards_is_offered_and_adopted),
        cmocka_unit_test(offer_of_a_session_that_closes_is_made_to_another),
        cmocka_unit_test(keeping_with_an_older_version_adopts_and_leaves_the_newer_program),
        cmocka_unit_test(removing_with_an_older_version_makes_a_new_offer),
        cmocka_unit_test(thousands_are_offered_within_the_window),
        cmocka_unit_test(while_packets_wait_few_are_offered),
        cmocka_unit_test(session_that_does_not_answer_keeps_no_flow_from_another),
        cmocka_unit_test(closed_sessions_are_merged_when_there_is_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
