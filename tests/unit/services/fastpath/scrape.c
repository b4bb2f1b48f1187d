/* The metrics say what the shard counted. What may never happen: a reason that is not told, a page that grows with the number of ports. */
#include "tests/unit/services/fastpath/rig.h"

#include "services/fastpath/scrape.h"
#include "tests/unit/lib/metrics/sample.h"

static void counters_are_those_of_the_shard(void **state)
{
    struct rig *rig = rig_new(256);
    struct page page = {.size = 0};
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    (void)rig_make_flow(rig, 0, 1, 16, 10);
    for (int i = 0; i < 20; i++) {
        rig_put(rig, "p1", 1, 1, 0);
        rig_run(rig, 0);
        assert_int_equal(rig_got(rig, "p2"), 0);
    }
    scrape_fill(rig->shard, true, &page);
    assert_false(page.is_cut);
    assert_sample(&page, "busbar_fastpath_received_packets_total", 21);
    assert_true(sample_of(&page, "busbar_fastpath_lookups_total{stage=\"exact\"}") +
                    sample_of(&page, "busbar_fastpath_lookups_total{stage=\"megaflow\"}") == 20);
    assert_sample(&page, "busbar_fastpath_lookups_total{stage=\"miss\"}", 1);
    assert_sample(&page, "busbar_fastpath_flows", 1);
    assert_sample(&page, "busbar_fastpath_sessions_open", 1);
    assert_sample(&page, "busbar_fastpath_configdb_connected", 1);
    assert_sample(&page, "busbar_fastpath_flow_setup_seconds_count", 1);
    assert_sample(&page, "busbar_fastpath_events_total{event=\"installed\"}", 1);
    assert_sample(&page, "busbar_fastpath_port_received_packets_total{port=\"p1\"}", 21);
    page_fini(&page);
    rig_end(rig);
}

static void all_drop_reasons_are_there_from_the_start(void **state)
{
    struct rig *rig = rig_new(256);
    struct page page = {.size = 0};
    rig->shard->worker.totals.drops[DROP_METER] = 4;
    scrape_fill(rig->shard, false, &page);
    for (int reason = 0; reason < DROP_REASON_COUNT; reason++) {
        char name[100];
        (void)snprintf(name, sizeof name, "busbar_fastpath_drops_total{reason=\"%s\"}", drop_name((enum drop_reason)reason));
        assert_sample(&page, name, reason == DROP_METER ? 4 : 0);
    }
    assert_sample(&page, "busbar_fastpath_configdb_connected", 0);
    rig->shard->worker.totals.drops[DROP_METER] = 0;
    page_fini(&page);
    rig_end(rig);
}

static void time_from_ask_to_flow_is_counted(void **state)
{
    struct rig *rig = rig_new(256);
    struct page page = {.size = 0};
    struct flow_key mask = mask_source(32);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 5);
    rig_run(rig, 0);
    uint64_t ask = rig_ask(rig, 0, NULL), asked_ns = rig->shard->worker.pending.oldest->asked_ns;
    rig_run(rig, 3);
    rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .mask = &mask, .port = 2, .version = 10});
    uint64_t took_ns = rig->shard->worker.now_ns - asked_ns;
    assert_true(took_ns >= 3 * NS_PER_MS);
    assert_int_equal(rig->shard->flow_setup.sum_ns, took_ns);
    scrape_fill(rig->shard, true, &page);
    assert_sample(&page, "busbar_fastpath_flow_setup_seconds_bucket{le=\"0.00256\"}", 0);
    assert_sample(&page, "busbar_fastpath_flow_setup_seconds_bucket{le=\"0.32768\"}", 1);
    page_fini(&page);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_those_of_the_shard),
        cmocka_unit_test(all_drop_reasons_are_there_from_the_start),
        cmocka_unit_test(time_from_ask_to_flow_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
