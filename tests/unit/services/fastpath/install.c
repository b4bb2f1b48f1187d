/* Answers and changes: what they may touch, and what they may not. Unit test on the memory bus with a scripted replica.
 * What may never happen: an old version replaces a newer one, a session changes what it does not hold, counts are lost or doubled.
 * One thread, fake clock. */
#include "tests/unit/services/fastpath/rig.h"

static const struct flow *find(struct rig *rig, struct flow_id id)
{
    return flow_table_find(rig->shard->flows, id);
}

static uint64_t value_of(struct rig *rig, uint64_t id)
{
    while (!expire_settle_some(rig->shard)) {
    }
    return rig->shard->counters.counters[counter_set_slot(&rig->shard->counters, id)].packets;
}

static void answer_to_another_ask_is_counted_and_does_nothing(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 5);
    rig_run(rig, 0);
    uint64_t ask = rig_ask(rig, 0, NULL);
    rig_answer(rig, 0, &(struct rig_answer){.ask = ask + (UINT64_C(1) << 32), .mask = &mask, .port = 2, .version = 10});
    rig_answer(rig, 0, &(struct rig_answer){.ask = 0, .mask = &mask, .port = 2, .version = 10});
    assert_int_equal(rig->shard->counts.stale_answers, 2);
    assert_int_equal(flow_table_count(rig->shard->flows), 0);
    rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .mask = &mask, .port = 2, .version = 10});
    assert_int_equal(rig_got(rig, "p2"), 5);
    rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .mask = &mask, .port = 2, .version = 10});
    assert_int_equal(rig->shard->counts.stale_answers, 3);
    assert_int_equal(session_count_open(rig->shard), 1);
    rig_end(rig);
}

static void install_of_an_older_version_leaves_the_newer_flow(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(24);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 1);
    rig_put(rig, "p1", 2, 1, 2);
    rig_run(rig, 0);
    Busbar__MissBatch *batch = rig_take(rig, 0, MESSAGE_MISS_BATCH);
    assert_int_equal(batch->n_asks, 2);
    rig_answer(rig, 0, &(struct rig_answer){.ask = batch->asks[0], .mask = &mask, .port = 2, .version = 12});
    rig_answer(rig, 0, &(struct rig_answer){.ask = batch->asks[1], .mask = &mask, .port = 3, .version = 11});
    assert_int_equal(rig_got(rig, "p2"), 1);
    assert_int_equal(rig_got(rig, "p2"), 2);
    assert_int_equal(rig_got(rig, "p3"), -1);
    assert_int_equal(rig->shard->counts.old_versions, 1);
    assert_int_equal(flow_table_count(rig->shard->flows), 1);
    protobuf_c_message_free_unpacked(&batch->base, NULL);
    rig_end(rig);
}

static void change_is_seen_by_the_very_next_packet(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id id = rig_make_flow(rig, 0, 1, 32, 10);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p2"), 1);
    rig_change(rig, 0, id, 3, 11);
    rig_put(rig, "p1", 1, 1, 2);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p3"), 2);
    rig_change(rig, 0, id, 2, 10);
    assert_int_equal(rig->shard->counts.old_versions, 1);
    rig_change(rig, 0, id, 0, 12);
    rig_put(rig, "p1", 1, 1, 3);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p3"), -1);
    assert_int_not_equal(rig_ask(rig, 0, NULL), 0);
    rig_end(rig);
}

static void session_cannot_change_the_flow_of_another(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id id = rig_make_flow(rig, 0, 1, 32, 10);
    rig_hello(rig, 1, 10, MSG_KEY_LAYOUT);
    rig_change(rig, 1, id, 3, 11);
    rig_change(rig, 1, id, 0, 11);
    rig_change(rig, 1, (struct flow_id){1, 2}, 3, 11);
    assert_int_equal(rig->shard->counts.unknown_flows, 3);
    assert_non_null(find(rig, id));
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p2"), 1);
    rig_end(rig);
}

static void packets_are_credited_to_the_list_they_went_through(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_name_counter(rig, 0, 1, 0x0100000000000007);
    rig_put(rig, "p1", 1, 1, 1);
    rig_put(rig, "p1", 1, 1, 2);
    rig_run(rig, 0);
    uint64_t ask = rig_ask(rig, 0, NULL);
    rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .mask = &mask, .port = 2, .counter = 1, .version = 10});
    rig_put(rig, "p1", 1, 1, 3);
    rig_run(rig, 0);
    assert_int_equal(value_of(rig, 0x0100000000000007), 3);
    size_t cursor = 0;
    const struct flow *flow = flow_table_next(rig->shard->flows, &cursor);
    rig_put(rig, "p1", 1, 1, 4);
    rig_run(rig, 0);
    rig_change(rig, 0, flow->id, 2, 11);
    rig_put(rig, "p1", 1, 1, 5);
    rig_run(rig, 0);
    assert_int_equal(value_of(rig, 0x0100000000000007), 4);
    rig_end(rig);
}

/* A list as long as a translation can make it; of a longer one nothing is done. */
static void a_counter_is_credited_as_often_as_the_list_names_it(void **state)
{
    static uint32_t numbers[MSG_COUNTERS_MAX + 1];
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_name_counter(rig, 0, 1, 77);
    rig_name_counter(rig, 0, 2, 78);
    for (size_t i = 0; i <= MSG_COUNTERS_MAX; i++) {
        numbers[i] = i < 3 ? 1 : 2;
    }
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    struct rig_answer answer = {.ask = rig_ask(rig, 0, NULL), .mask = &mask, .port = 2, .counters = numbers, .n_counters = MSG_COUNTERS_MAX, .version = 10};
    rig_answer(rig, 0, &answer);
    rig_put(rig, "p1", 1, 1, 2);
    rig_run(rig, 0);
    assert_int_equal(value_of(rig, 77), 2 * 3);
    assert_int_equal(value_of(rig, 78), 2 * (MSG_COUNTERS_MAX - 3));
    rig_put(rig, "p1", 2, 1, 3);
    rig_run(rig, 0);
    answer.ask = rig_ask(rig, 0, NULL);
    answer.n_counters++;
    rig_answer(rig, 0, &answer);
    assert_int_equal(rig->shard->counts.bad_programs, 1);
    assert_int_equal(flow_table_count(rig->shard->flows), 1);
    rig_end(rig);
}

static void mask_without_the_ingress_port_makes_no_flow(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    mask.in_port.raw = 0;
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    uint64_t ask = rig_ask(rig, 0, NULL);
    rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .mask = &mask, .port = 2, .version = 10});
    assert_int_equal(rig_got(rig, "p2"), 1);
    assert_int_equal(flow_table_count(rig->shard->flows), 0);
    assert_int_equal(rig->shard->counts.bad_masks, 1);
    rig_end(rig);
}

static void say_malformed_answer(struct rig *rig, uint64_t ask)
{
    struct dp_action output = {.type = DP_ACTION_OUTPUT, .port = 0};
    Busbar__AnswerBatch batch = BUSBAR__ANSWER_BATCH__INIT;
    Busbar__Answer answer = BUSBAR__ANSWER__INIT, *pointer = &answer;
    answer.ask = ask;
    answer.actions = dp_actions_encode(&output, 1);
    answer.n_actions = 1;
    batch.n_answers = 1;
    batch.answers = &pointer;
    rig_say(rig, 0, MESSAGE_ANSWER_BATCH, &batch.base);
    dp_actions_message_free(answer.actions, 1);
    rig_run(rig, 0);
}

static void actions_nobody_understands_cost_only_the_packets_they_are_for(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id id = rig_make_flow(rig, 0, 9, 32, 10);
    rig_put(rig, "p1", 1, 1, 1);
    rig_put(rig, "p1", 1, 1, 2);
    rig_run(rig, 0);
    say_malformed_answer(rig, rig_ask(rig, 0, NULL));
    assert_int_equal(rig->shard->counts.bad_programs, 1);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_MISS_REFUSED], 2);
    assert_int_equal(rig->shard->worker.pending.n_packets, 0);
    assert_int_equal(session_count_open(rig->shard), 1);
    assert_non_null(find(rig, id));
    rig_end(rig);
}

/* Five packets of five sources wait; a batch answers them: "to port 2", a refusal, and three that are like number likes[i] of the batch. */
static void say_likes(struct rig *rig, const uint32_t likes[3])
{
    struct dp_action output = {.type = DP_ACTION_OUTPUT, .port = 2};
    struct flow_key mask = mask_source(32);
    Busbar__AnswerBatch batch = BUSBAR__ANSWER_BATCH__INIT;
    Busbar__Answer answers[5], *pointers[5];
    Busbar__Version version;
    uint32_t counter = 1;
    for (uint16_t i = 0; i < 5; i++) {
        rig_put(rig, "p1", (uint16_t)(1 + i), 1, (uint8_t)(1 + i));
    }
    rig_run(rig, 0);
    Busbar__MissBatch *asked = rig_take(rig, 0, MESSAGE_MISS_BATCH);
    assert_int_equal(asked->n_asks, 5);
    version_encode((struct version){.epoch = 1, .n = 10}, &version);
    for (size_t i = 0; i < 5; i++) {
        pointers[i] = &answers[i];
        busbar__answer__init(&answers[i]);
        answers[i].ask = asked->asks[i];
        answers[i].like = i >= 2 ? likes[i - 2] : 0;
    }
    answers[0].actions = dp_actions_encode(&output, 1);
    answers[0].n_actions = 1;
    answers[0].counters = &counter;
    answers[0].n_counters = 1;
    answers[0].version = &version;
    answers[0].mask = key_encode(&mask);
    answers[1].refused = true;
    batch.n_answers = 5;
    batch.answers = pointers;
    rig_name_counter(rig, 0, 1, 77);
    rig_say(rig, 0, MESSAGE_ANSWER_BATCH, &batch.base);
    dp_actions_message_free(answers[0].actions, 1);
    protobuf_c_message_free_unpacked(&asked->base, NULL);
    rig_run(rig, 0);
}

static void answers_like_another_make_flows_of_their_own_with_its_actions(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    say_likes(rig, (const uint32_t[]){1, 1, 1});
    assert_int_equal(session_count_open(rig->shard), 1);
    assert_int_equal(flow_table_count(rig->shard->flows), 4);
    assert_int_equal(program_table_count(rig->shard->programs), 1);
    static const int expected[] = {1, 3, 4, 5, -1};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(rig_got(rig, "p2"), expected[i]);
    }
    assert_int_equal(value_of(rig, 77), 4);
    install_remove_all_flows(rig->shard);
    assert_int_equal(program_table_count(rig->shard->programs), 0); /* the batch holds none */
    rig_end(rig);
}

static void an_answer_is_only_like_a_whole_one_that_stands_before_it(void **state)
{
    static const uint32_t cases[][3] = {{1, 3, 1}, {2, 1, 1}, {4, 1, 1}, {3, 1, 1}, {1, 1, 6}, {UINT32_MAX, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *rig = rig_new(256);
        rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
        say_likes(rig, cases[i]);
        assert_int_equal(rig->shard->counts.malformed, 1);
        assert_int_equal(session_count_open(rig->shard), 0);
        rig_end(rig);
    }
}

static void flows_that_go_are_told_with_the_answers_handled_so_far(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    (void)rig_make_flow(rig, 0, 1, 32, 10);
    (void)rig_make_flow(rig, 0, 2, 32, 10);
    rig_forget_heard(&rig->replicas[0]);
    install_remove_port_flows(rig->shard, 1, true);
    rig_run(rig, 0);
    Busbar__FlowGone *gone = rig_take(rig, 0, MESSAGE_FLOW_GONE);
    assert_non_null(gone);
    assert_int_equal(gone->n_ids, 2);
    assert_int_equal(gone->answers, 2);
    protobuf_c_message_free_unpacked(&gone->base, NULL);
    assert_int_equal(flow_table_count(rig->shard->flows), 0);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_to_another_ask_is_counted_and_does_nothing),
        cmocka_unit_test(install_of_an_older_version_leaves_the_newer_flow),
        cmocka_unit_test(change_is_seen_by_the_very_next_packet),
        cmocka_unit_test(session_cannot_change_the_flow_of_another),
        cmocka_unit_test(packets_are_credited_to_the_list_they_went_through),
        cmocka_unit_test(a_counter_is_credited_as_often_as_the_list_names_it),
        cmocka_unit_test(mask_without_the_ingress_port_makes_no_flow),
        cmocka_unit_test(actions_nobody_understands_cost_only_the_packets_they_are_for),
        cmocka_unit_test(answers_like_another_make_flows_of_their_own_with_its_actions),
        cmocka_unit_test(an_answer_is_only_like_a_whole_one_that_stands_before_it),
        cmocka_unit_test(flows_that_go_are_told_with_the_answers_handled_so_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
