/* Which flows a change marks, in which order they wait, and that nothing is left behind. */
#include "services/slowpath/flow_index.h"
#include "tests/unit/services/slowpath/fixture.h"

static struct flow *put(struct flow_index *index, struct fixture *f, const char *packet, uint32_t port)
{
    bool is_new;
    struct flow_key key = fixture_key(packet, port);
    struct translate_input input = fixture_input(f, true);
    translate_key(&input, &key, &f->translation);
    return flow_index_put(index, &key, &f->translation.mask, &f->translation, &is_new);
}

static size_t mark(struct flow_index *index, struct fixture *f, uint64_t n)
{
    flow_index_mark_changes(index, f->world.changes, f->world.n_changes, n);
    world_clear_changes(&f->world);
    return flow_index_count_marked(index);
}

static void rules_mark_the_flows_they_may_match_and_no_others(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,priority=5,ip,nw_dst=10.0.0.0/24,actions=output:2");
    fixture_rule(&f, "table=0,priority=4,arp,actions=goto_table:1");
    fixture_rule(&f, "table=1,in_port=1,actions=output:2");
    struct flow_index *index = flow_index_new();
    struct flow *ip = put(index, &f, "ip,nw_dst=10.0.0.1", 11), *arp = put(index, &f, "arp", 11);
    world_clear_changes(&f.world);
    assert_int_equal(flow_index_count(index), 2);
    fixture_rule(&f, "table=0,ip,nw_dst=10.0.1.0/24,actions=drop");
    assert_int_equal(mark(index, &f, 1), 0);
    fixture_rule(&f, "table=1,ip,actions=drop");
    fixture_rule(&f, "table=1,in_port=2,actions=drop");
    fixture_rule(&f, "table=2,actions=drop");
    assert_int_equal(mark(index, &f, 2), 0);
    fixture_rule(&f, "table=0,ip,nw_dst=10.0.0.9,actions=drop");
    assert_int_equal(mark(index, &f, 3), 1);
    assert_ptr_equal(flow_index_marked(index), ip);
    fixture_rule(&f, "table=1,in_port=1,arp,actions=drop");
    assert_int_equal(mark(index, &f, 4), 2);
    assert_ptr_equal(flow_index_marked_after(index, ip), arp);
    assert_true(arp->marked_n == 4 && ip->marked_n == 3);
    flow_index_destroy(&index);
    fixture_close(&f);
}

static void rewritten_fields_are_not_compared(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,nw_dst=10.0.0.1,actions=set_field:10.0.0.2->nw_dst,goto_table:1");
    struct flow_index *index = flow_index_new();
    (void)put(index, &f, "ip,nw_dst=10.0.0.1", 11);
    world_clear_changes(&f.world);
    fixture_rule(&f, "table=1,ip,nw_dst=10.0.0.2,actions=output:2");
    assert_int_equal(mark(index, &f, 1), 1);
    flow_index_destroy(&index);
    fixture_close(&f);
}

static void meters_that_come_or_go_concern_the_flows_that_ask_for_some(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=meter:1,output:2");
    fixture_rule(&f, "arp,actions=output:2");
    struct flow_index *index = flow_index_new();
    struct flow *metered = put(index, &f, "ip", 11);
    (void)put(index, &f, "arp", 11);
    world_clear_changes(&f.world);
    world_set_meter(&f.world, 71, FIXTURE_BRIDGE, 1);
    assert_int_equal(mark(index, &f, 1), 1);
    assert_ptr_equal(flow_index_marked(index), metered);
    flow_index_destroy(&index);
    fixture_close(&f);
}

static void versions_wait_before_events_and_a_version_outranks_an_event(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_bridge(&f, false);
    struct flow_index *index = flow_index_new();
    struct flow *a = put(index, &f, "dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:09", 11);
    struct flow *b = put(index, &f, "dl_src=00:00:00:00:00:02,dl_dst=00:00:00:00:00:09", 12);
    struct mac_name name = {.bridge = FIXTURE_BRIDGE, .mac = {0, 0, 0, 0, 0, 9}};
    flow_index_mark_mac(index, &name);
    assert_int_equal(flow_index_count_marked(index), 2);
    assert_ptr_equal(flow_index_marked(index), a);
    flow_index_mark(index, b, 7);
    assert_ptr_equal(flow_index_marked(index), b);
    assert_ptr_equal(flow_index_marked_after(index, b), a);
    assert_null(flow_index_marked_after(index, a));
    flow_index_mark(index, b, 9);
    assert_int_equal(b->marked_n, 7);
    flow_index_remove(index, b);
    assert_int_equal(flow_index_count_marked(index), 1);
    flow_index_mark_mac(index, &name);
    assert_int_equal(flow_index_count_marked(index), 1);
    flow_index_destroy(&index);
    fixture_close(&f);
}

/* The shard may ignore an answer, never a correction: until one is sent, the flow waits. */
static void an_answer_takes_no_mark_off(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=output:2");
    struct flow_index *index = flow_index_new();
    struct flow *flow = put(index, &f, "ip", 11);
    assert_false(flow->is_marked || flow->is_unsure);
    flow_index_mark(index, flow, 7);
    assert_ptr_equal(put(index, &f, "ip", 11), flow);
    assert_true(flow->is_marked && flow->is_unsure);
    assert_int_equal(flow->marked_n, 7);
    assert_ptr_equal(flow_index_marked(index), flow);
    flow_index_update(index, flow, &f.translation);
    assert_false(flow->is_marked || flow->is_unsure);
    flow_index_mark(index, flow, 0);
    (void)put(index, &f, "ip", 11);
    assert_true(flow->is_marked && flow->is_unsure);
    assert_int_equal(flow_index_count_marked(index), 1);
    flow_index_destroy(&index);
    fixture_close(&f);
}

static void too_many_concerned_flows_are_to_be_removed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct flow_index *index = flow_index_new();
    struct translation translation = {.bridge = FIXTURE_BRIDGE, .in_ofport = 1, .visited = {1}};
    struct flow_key key = {.in_port = be32(11)}, mask = {.in_port = be32(UINT32_MAX)};
    bool is_new;
    memset(mask.eth_src, 0xff, sizeof mask.eth_src);
    for (uint32_t i = 0; i <= FLOW_INDEX_CORRECTIONS_MAX; i++) {
        memcpy(key.eth_src, &i, sizeof i);
        (void)flow_index_put(index, &key, &mask, &translation, &is_new);
        assert_true(is_new);
    }
    world_clear_changes(&f.world);
    fixture_rule(&f, "in_port=1,actions=drop");
    assert_int_equal(mark(index, &f, 1), FLOW_INDEX_CORRECTIONS_MAX + 1);
    assert_true(flow_index_marked(index)->is_removal);
    flow_index_destroy(&index);
    fixture_close(&f);
}

/* Flows with lists that fit into their places and lists that do not, which come, go and come again. */
static void places_are_used_again_and_lists_keep_their_contents(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct flow_index *index = flow_index_new();
    struct dp_action actions[4];
    uint64_t counters[8];
    struct flow_key key = {.in_port = be32(11)}, mask = {.in_port = be32(UINT32_MAX)};
    static struct flow *flows[N];
    bool is_new;
    memset(mask.eth_src, 0xff, sizeof mask.eth_src);
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < N; i++) {
            struct translation translation = {.actions = actions, .n_actions = (i + round) % 4, .counters = counters, .n_counters = i % 8};
            for (size_t k = 0; k < 8; k++) {
                counters[k] = i * 8 + k + round;
                actions[k % 4] = (struct dp_action){.type = DP_ACTION_OUTPUT, .port = i + (uint32_t)k % 4};
            }
            memcpy(key.eth_src, &i, sizeof i);
            flows[i] = flow_index_put(index, &key, &mask, &translation, &is_new);
            assert_true(is_new == (round == 0 || i % 3 == 0));
        }
        for (uint32_t i = 0; i < N; i++) {
            memcpy(key.eth_src, &i, sizeof i);
            struct flow *flow = flow_index_find(index, key_flow_id(&key, &mask));
            assert_ptr_equal(flow, flows[i]);
            assert_int_equal(flow->n_actions, (i + round) % 4);
            assert_int_equal(flow->n_counters, i % 8);
            assert_true(flow->n_actions == 0 || flow->actions[flow->n_actions - 1].port == i + flow->n_actions - 1);
            assert_true(flow->n_counters == 0 || flow->counters[flow->n_counters - 1] == i * 8 + flow->n_counters - 1 + round);
        }
        for (uint32_t i = 0; i < N; i += 3) {
            flow_index_remove(index, flows[i]);
        }
        assert_int_equal(flow_index_count(index), N - (N + 2) / 3);
    }
    flow_index_destroy(&index);
}

/* Flows with long lists have a bound of memory; what one gives back is the next one's. */
static void long_lists_have_a_bound_in_all(void **state)
{
    (void)state;
    struct flow_index *index = flow_index_new();
    static struct dp_action actions[DP_ACTIONS_MAX];
    static uint64_t counters[TRANSLATE_COUNTERS_MAX];
    struct translation large = {.actions = actions, .n_actions = DP_ACTIONS_MAX, .counters = counters, .n_counters = TRANSLATE_COUNTERS_MAX};
    struct translation small = {.actions = actions, .n_actions = 1, .counters = counters, .n_counters = 2};
    struct flow_key key = {.in_port = be32(11)}, mask = {.in_port = be32(UINT32_MAX)};
    struct flow *last = NULL;
    uint32_t n = 0;
    bool is_new;
    memset(mask.eth_src, 0xff, sizeof mask.eth_src);
    while (flow_index_has_room(index, &large)) {
        assert_true(n < 2000);
        memcpy(key.eth_src, &n, sizeof n);
        last = flow_index_put(index, &key, &mask, &large, &is_new);
        n++;
    }
    assert_in_range(n, 400, 2000);
    assert_true(flow_index_has_room(index, &small));
    flow_index_update(index, last, &small);
    assert_true(flow_index_has_room(index, &large));
    flow_index_update(index, last, &large);
    assert_false(flow_index_has_room(index, &large));
    flow_index_remove(index, last);
    assert_true(flow_index_has_room(index, &large));
    flow_index_destroy(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_mark_the_flows_they_may_match_and_no_others),
        cmocka_unit_test(rewritten_fields_are_not_compared),
        cmocka_unit_test(meters_that_come_or_go_concern_the_flows_that_ask_for_some),
        cmocka_unit_test(versions_wait_before_events_and_a_version_outranks_an_event),
        cmocka_unit_test(an_answer_takes_no_mark_off),
        cmocka_unit_test(places_are_used_again_and_lists_keep_their_contents),
        cmocka_unit_test(long_lists_have_a_bound_in_all),
        cmocka_unit_test(too_many_concerned_flows_are_to_be_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
