/* Tests of services/ofagent/meter_mod.c. */
#include "services/ofagent/meter_mod.h"

#include "tests/unit/services/ofagent/bench.h"

static enum of_error_number mod(struct bench *b, enum of_meter_command command, const char *text)
{
    struct meter meter;
    size_t n_changes;
    assert_int_equal(meter_parse(text, command == OF_METER_DELETE, &meter, NULL), 0);
    enum of_error_number error = meter_mod_apply(bridge_find(b->agent, 1), command, &meter, &n_changes);
    meter_fini(&meter);
    bench_run(b, 20 * NS_PER_MS);
    return error;
}

static struct meter_entry *entry_of(struct bench *b, uint32_t id)
{
    struct meter_entry *entry = meter_table_find(bridge_find(b->agent, 1)->meters, id);
    assert_non_null(entry);
    return entry;
}

static void expect_packets(struct bench *b, uint32_t id, uint64_t n)
{
    struct of_meter_stats stats = meter_mod_stats(bridge_find(b->agent, 1), entry_of(b, id));
    assert_int_equal(stats.n_packets, n);
    of_meter_stats_fini(&stats);
}

static void a_meter_lives_from_add_to_delete_and_takes_its_rules_along(void **state)
{
    struct bench *b = *state;
    struct client c;
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=meter:1,output:1");
    client_expect_error(b, &c, OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    assert_int_equal(mod(b, OF_METER_MODIFY, "meter=1,bands=type=drop,rate=5"), OF_ERROR_METER_MOD_FAILED_UNKNOWN_METER);
    assert_int_equal(mod(b, OF_METER_ADD, "meter=1,bands=type=drop,rate=5"), OF_ERROR_NONE);
    uint64_t row = entry_of(b, 1)->meter.id;
    assert_int_not_equal(row, 0);
    assert_ptr_equal(meter_table_by_row(bridge_find(b->agent, 1)->meters, row), entry_of(b, 1));
    assert_int_equal(mod(b, OF_METER_ADD, "meter=1,bands=type=drop,rate=5"), OF_ERROR_METER_MOD_FAILED_METER_EXISTS);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=meter:1,output:1");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,actions=output:1");
    bench_run(b, 20 * NS_PER_MS);
    assert_int_equal(mod(b, OF_METER_MODIFY, "meter=1,bands=type=drop,rate=6"), OF_ERROR_NONE);
    assert_int_equal(entry_of(b, 1)->meter.id, row);
    const Busbar__MeterRow *stored = (const Busbar__MeterRow *)cfg_row(b->agent->cfg, CFG_METER, row);
    assert_int_equal(stored->bands[0]->rate, 6);
    meter_mod_count_references(bridge_find(b->agent, 1));
    struct of_meter_stats stats = meter_mod_stats(bridge_find(b->agent, 1), entry_of(b, 1));
    assert_int_equal(stats.n_flows, 1);
    of_meter_stats_fini(&stats);
    assert_int_equal(mod(b, OF_METER_DELETE, "meter=2"), OF_ERROR_NONE); /* of none is no error */
    assert_int_equal(mod(b, OF_METER_DELETE, ""), OF_ERROR_NONE);
    assert_int_equal(meter_table_size(bridge_find(b->agent, 1)->meters), 0);
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 1);
    assert_null(cfg_row(b->agent->cfg, CFG_METER, row));
    client_close(&c);
}

static void meters_outlive_the_loading_of_the_tables(void **state)
{
    struct bench *b = *state;
    assert_int_equal(mod(b, OF_METER_ADD, "meter=1,bands=type=drop,rate=5"), OF_ERROR_NONE);
    struct meter_counts counts = {.n_packets = 4};
    meter_mod_report(b->agent, entry_of(b, 1)->meter.id, &counts);
    owner_load(bridge_find(b->agent, 1));
    assert_int_equal(entry_of(b, 1)->meter.bands[0].rate, 5);
    expect_packets(b, 1, 4);
}

/* An ofagent that starts is told what there is before it has loaded its tables, and not again. */
static void what_is_told_too_early_is_kept_and_what_is_told_too_late_is_not(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);
    struct meter_counts counts = {.n_packets = 4};
    assert_int_equal(mod(b, OF_METER_ADD, "meter=1,bands=type=drop,rate=5"), OF_ERROR_NONE);
    uint64_t row = entry_of(b, 1)->meter.id;
    meter_table_destroy(&bridge->meters);
    bridge->meters = meter_table_new();
    bridge->state = BRIDGE_LOADING;
    meter_mod_report(b->agent, row, &counts);
    bridge->state = BRIDGE_READY;
    owner_load(bridge);
    expect_packets(b, 1, 4);
    assert_int_equal(mod(b, OF_METER_DELETE, "meter=1"), OF_ERROR_NONE);
    assert_null(b->agent->meter_uses);
    meter_mod_report(b->agent, row, &counts);
    assert_null(b->agent->meter_uses);
    meter_mod_report(b->agent, row + 1, &counts); /* perhaps of one whose insertion is not answered yet */
    assert_non_null(b->agent->meter_uses);
}

static void report(struct bench *b, uint64_t row, uint64_t packets, uint64_t dropped)
{
    Busbar__UsageReport message = BUSBAR__USAGE_REPORT__INIT;
    Busbar__MeterUsage meter = BUSBAR__METER_USAGE__INIT;
    Busbar__MeterUsage *meters[] = {&meter};
    uint64_t band_packets[] = {dropped}, band_bytes[] = {dropped * 100};
    message.sequence = ++b->sequence;
    message.last = true;
    message.meters = meters;
    message.n_meters = 1;
    meter.meter = row;
    meter.packets = packets;
    meter.bytes = packets * 100;
    meter.band_packets = band_packets;
    meter.band_bytes = band_bytes;
    meter.n_band_packets = meter.n_band_bytes = 1;
    assert_int_equal(msg_send(b->usage, &b->ofagent_on_usage, MESSAGE_USAGE_REPORT, &message.base), 0);
    bench_step(b, NS_PER_MS);
}

/* Several shards tell of the same buckets, some later than others. */
static void the_greatest_that_any_shard_told_is_the_count(void **state)
{
    struct bench *b = *state;
    bench_join(b);
    assert_int_equal(mod(b, OF_METER_ADD, "meter=1,bands=type=drop,rate=5"), OF_ERROR_NONE);
    uint64_t row = entry_of(b, 1)->meter.id;
    report(b, row, 10, 3);
    report(b, row, 8, 2);
    report(b, row + 7, 100, 100); /* of none of ours */
    struct of_meter_stats stats = meter_mod_stats(bridge_find(b->agent, 1), entry_of(b, 1));
    assert_int_equal(stats.n_packets, 10);
    assert_int_equal(stats.n_bytes, 1000);
    assert_int_equal(stats.n_bands, 1);
    assert_int_equal(stats.bands[0].n_packets, 3);
    assert_int_equal(stats.bands[0].n_bytes, 300);
    of_meter_stats_fini(&stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_meter_lives_from_add_to_delete_and_takes_its_rules_along),
        CLAIM(meters_outlive_the_loading_of_the_tables),
        CLAIM(what_is_told_too_early_is_kept_and_what_is_told_too_late_is_not),
        CLAIM(the_greatest_that_any_shard_told_is_the_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
