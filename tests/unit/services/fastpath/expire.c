/* Idle flows and the flow limit. Unit test on the memory bus with a scripted replica.
 * What may never happen: more flows than the limit, or a flow in use that expires.
 * One thread, fake clock. */
#include "tests/unit/services/fastpath/rig.h"

static void idle_flow_expires_once_and_used_one_stays(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id used = rig_make_flow(rig, 0, 1, 32, 10), idle = rig_make_flow(rig, 0, 2, 32, 10);
    for (int i = 0; i < 110; i++) {
        rig_beat(rig, 0);
        rig_put(rig, "p1", 1, 1, 1);
        rig_run(rig, 100);
        assert_int_equal(rig_got(rig, "p2"), 1);
    }
    assert_non_null(flow_table_find(rig->shard->flows, used));
    assert_null(flow_table_find(rig->shard->flows, idle));
    Busbar__FlowGone *gone = rig_take(rig, 0, MESSAGE_FLOW_GONE);
    assert_int_equal(gone->n_ids, 1);
    assert_true(gone->ids[0]->high == idle.high && gone->ids[0]->low == idle.low);
    protobuf_c_message_free_unpacked(&gone->base, NULL);
    assert_false(rig_heard(rig, 0, MESSAGE_FLOW_GONE));
    rig_end(rig);
}

static void full_table_gives_up_the_least_used(void **state)
{
    struct rig *rig = rig_new(256);
    rig->shard->flow_limit = 20;
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id first = rig_make_flow(rig, 0, 0, 32, 10);
    for (uint16_t i = 1; i < 60; i++) {
        rig_run(rig, 1);
        rig_put(rig, "p1", 0, 1, 1);
        rig_run(rig, 1);
        assert_int_equal(rig_got(rig, "p2"), 1);
        (void)rig_make_flow(rig, 0, i, 32, 10);
        rig_forget_heard(&rig->replicas[0]);
        assert_true(flow_table_count(rig->shard->flows) <= 20);
    }
    assert_non_null(flow_table_find(rig->shard->flows, first));
    assert_int_equal(rig->shard->counts.evicted, 40);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_flow_expires_once_and_used_one_stays),
        cmocka_unit_test(full_table_gives_up_the_least_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
