/* The raw figures of `dp stats`: they say what the shard counted, and change nothing.
 * What may never happen: a stage, reason or state that is not told. One thread, fake clock. */
#include "tests/unit/services/fastpath/rig.h"

#include "services/fastpath/stats.h"

static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void figures_are_those_of_the_packets_that_came(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    (void)rig_make_flow(rig, 0, 1, 16, 10);
    for (int i = 0; i < 20; i++) {
        rig_put(rig, "p1", 1, 1, 0);
        rig_run(rig, 0);
        assert_int_equal(rig_got(rig, "p2"), 0);
    }
    json_t *said = stats_json(rig->shard, rig->now_ns, 2.5e9);
    const json_t *stages = json_object_get(said, "stages"), *lookups = json_object_get(said, "lookups"), *exact = json_object_get(said, "exact");
    assert_int_equal(json_array_size(stages), STAGE_COUNT);
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        const struct stage_counts *counts = &rig->shard->worker.stages[i];
        assert_int_equal(number(json_array_get(stages, i), "packets"), counts->packets);
        assert_int_equal(number(json_array_get(stages, i), "sampled_cycles"), counts->sampled_cycles);
    }
    assert_string_equal(json_string_value(json_object_get(json_array_get(stages, STAGE_PARSE), "stage")), "parse");
    assert_int_equal(number(json_array_get(stages, STAGE_PARSE), "packets"), 21);
    assert_int_equal(number(lookups, "exact_hits") + number(lookups, "megaflow_hits"), 20);
    assert_int_equal(number(lookups, "misses"), 1);
    assert_true(number(lookups, "megaflow_lookups") > 0);
    assert_int_equal(number(said, "received"), 21);
    assert_int_equal(number(said, "flows"), 1);
    assert_int_equal(number(said, "masks"), 1);
    assert_int_equal(number(said, "programs"), 1);
    assert_string_equal(json_string_value(json_object_get(exact, "lookup")), rig->shard->worker.exact.lookup_name);
    assert_int_equal(number(exact, "made_for"), EXACT_MIN);
    assert_int_equal(number(json_object_get(said, "frames"), "total"), umem_total(rig->umem));
    assert_true(json_is_true(json_object_get(json_object_get(said, "frames"), "sound")));
    assert_true(json_real_value(json_object_get(said, "cycles_per_s")) == 2.5e9);
    json_decref(said);
    rig_end(rig);
}

static void the_exact_cache_is_estimated_near_what_is_in_it(void **state)
{
    struct rig *rig = rig_new(256);
    struct exact_cache *cache = &rig->shard->worker.exact;
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow *flow = flow_table_find(rig->shard->flows, rig_make_flow(rig, 0, 1, 16, 10));
    for (uint32_t i = 0; i < 8000; i++) {
        exact_insert(cache, i * 2654435761u, flow);
    }
    json_t *said = stats_json(rig->shard, rig->now_ns, 0);
    json_int_t n = number(json_object_get(said, "exact"), "used_estimate");
    assert_true(n > 7000 && n < 9000);
    json_decref(said);
    install_remove_all_flows(rig->shard);
    said = stats_json(rig->shard, rig->now_ns, 0);
    assert_int_equal(number(json_object_get(said, "exact"), "used_estimate"), 0); /* entries that lead to nothing any more */
    json_decref(said);
    rig_end(rig);
}

static void drops_are_named_and_zeros_left_out(void **state)
{
    uint64_t drops[DROP_REASON_COUNT] = {[DROP_METER] = 4, [DROP_RULE] = 1};
    json_t *said = stats_drops_json(drops);
    assert_int_equal(json_object_size(said), 2);
    assert_int_equal(number(said, "meter"), 4);
    json_decref(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_the_packets_that_came),
        cmocka_unit_test(the_exact_cache_is_estimated_near_what_is_in_it),
        cmocka_unit_test(drops_are_named_and_zeros_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
