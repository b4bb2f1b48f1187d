/* Tests of services/ofagent/checkpoint.c. */
#include "services/ofagent/checkpoint.h"

#include "tests/unit/services/ofagent/bench.h"

static struct flow_entry *add_rule(struct bench *b, const char *text)
{
    struct client c;
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, text);
    client_close(&c);
    bench_step(b, NS_PER_MS);
    return flow_table_first(bridge_find(b->agent, 1)->flows, 0);
}

static const Busbar__CounterRow *counter_row(const struct bench *b, uint64_t rule)
{
    return (const Busbar__CounterRow *)cfg_row(b->agent->cfg, CFG_COUNTER, rule);
}

static void changed_counters_are_written_within_a_second_and_without_a_version(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    struct flow_entry *entry = add_rule(b, "ip,actions=output:1");
    uint64_t n = b->agent->cfg->version.n;
    bench_report(b, false, counter_id(COUNTER_RULE, entry->rule.id), 21, 0);
    bench_run(b, NS_PER_S + 100 * NS_PER_MS);
    assert_int_equal(counter_row(b, entry->rule.id)->packets, 0);
    assert_int_equal(counter_row(b, entry->rule.id)->n_shard_start, 1);
    assert_int_equal(counter_row(b, entry->rule.id)->shard_start[0], 501);
    assert_int_equal(counter_row(b, entry->rule.id)->shard_packets[0], 21);
    assert_int_equal(b->agent->cfg->version.n, n);
    uint64_t n_committed = b->agent->cfg->n_committed;
    bench_run(b, 3 * NS_PER_S);
    assert_int_equal(b->agent->cfg->n_committed, n_committed); /* nothing new, nothing written */
}

static void a_shard_that_another_life_replaced_is_in_the_base_of_the_next_checkpoint(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    struct flow_entry *entry = add_rule(b, "ip,actions=output:1");
    bench_report(b, false, counter_id(COUNTER_RULE, entry->rule.id), 21, 0);
    bench_commit_row(b, CFG_SERVICE, BENCH_SHARD, NULL);
    bench_run(b, 2 * NS_PER_S);
    assert_int_equal(counter_row(b, entry->rule.id)->n_shard_start, 1); /* it may come back */
    bench_service(b, BENCH_SHARD + 1, PROCESS_FASTPATH, 502);
    bench_run(b, 2 * NS_PER_S);
    assert_int_equal(counter_row(b, entry->rule.id)->packets, 21);
    assert_int_equal(counter_row(b, entry->rule.id)->n_shard_start, 0);
}

/* Loads a row with a base of 5 and 10 of shard 501 into a new agent. */
static uint64_t total_after_restart(struct bench *b, bool is_shard_alive)
{
    Busbar__CounterRow row = BUSBAR__COUNTER_ROW__INIT;
    uint64_t values[COUNTERS_VALUES_MAX];
    uint64_t start[] = {501}, packets[] = {10}, bytes[] = {1000};

    ofagent_destroy(&b->agent);
    bus_destroy(&b->bus);
    bench_start_agent(b, 9);
    row.packets = 5;
    row.bytes = 500;
    row.n_shard_start = row.n_shard_packets = row.n_shard_bytes = 1;
    row.shard_start = start;
    row.shard_packets = packets;
    row.shard_bytes = bytes;
    fake_cfg_set(b->agent->cfg, CFG_COUNTER, 33, &row.base);
    if (is_shard_alive) {
        Busbar__ServiceRow service = BUSBAR__SERVICE_ROW__INIT;
        service.kind = PROCESS_FASTPATH;
        service.instance = 1;
        service.start = 501;
        service.session = service.mac = service.control = service.packet = (char *)(uintptr_t) "";
        service.usage = (char *)(uintptr_t) "usage";
        fake_cfg_set(b->agent->cfg, CFG_SERVICE, BENCH_SHARD, &service.base);
    }
    fake_cfg_show(b->agent->cfg, true);
    bench_run(b, 50 * NS_PER_MS);
    if (is_shard_alive) {
        bench_report(b, true, counter_id(COUNTER_RULE, 33), 12, 0);
    }
    counters_total(b->agent->rule_counters, counter_id(COUNTER_RULE, 33), values);
    return values[0];
}

static void after_a_restart_a_living_shard_is_counted_once(void **state)
{
    assert_int_equal(total_after_restart(*state, true), 17);
}

static void after_a_restart_a_dead_shard_is_not_forgotten(void **state)
{
    assert_int_equal(total_after_restart(*state, false), 15);
}

static void groups_and_buckets_are_written_and_read_like_rules(void **state)
{
    struct bench *b = *state;
    const uint64_t group = counter_id(COUNTER_GROUP, 7), bucket = counter_id(COUNTER_BUCKET, 7 << 16 | 3), table = counter_id(COUNTER_TABLE, 1 << 8);
    uint64_t values[COUNTERS_VALUES_MAX];

    bench_join(b);
    bench_report(b, false, group, 21, 0);
    bench_report(b, false, bucket, 20, 0);
    bench_report(b, false, table, 30, 0);
    bench_run(b, NS_PER_S + 100 * NS_PER_MS);
    assert_int_equal(counter_row(b, group)->shard_packets[0], 21);
    assert_int_equal(counter_row(b, bucket)->shard_packets[0], 20);
    assert_null(counter_row(b, table));
    Busbar__CounterRow row = *counter_row(b, bucket);
    row.packets = 5;
    ofagent_destroy(&b->agent);
    bus_destroy(&b->bus);
    bench_start_agent(b, 9);
    uint64_t starts[] = {501}, packets[] = {20}, bytes[] = {2000};
    row.n_shard_start = row.n_shard_packets = row.n_shard_bytes = 1;
    row.shard_start = starts;
    row.shard_packets = packets;
    row.shard_bytes = bytes;
    fake_cfg_set(b->agent->cfg, CFG_COUNTER, bucket, &row.base);
    fake_cfg_show(b->agent->cfg, true);
    bench_run(b, 50 * NS_PER_MS);
    counters_total(b->agent->rule_counters, bucket, values);
    assert_int_equal(values[0], 25); /* that shard is dead: its part is in the base */
}

static void a_refused_checkpoint_is_tried_again(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    struct flow_entry *entry = add_rule(b, "ip,actions=output:1");
    b->agent->cfg->automatic = false;
    bench_report(b, false, counter_id(COUNTER_RULE, entry->rule.id), 21, 0);
    bench_run(b, NS_PER_S + 100 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->n_txns, 1);
    fake_cfg_refuse(b->agent->cfg, -ERROR_TIMEOUT, "silence");
    b->agent->cfg->automatic = true;
    bench_run(b, 2 * NS_PER_S);
    assert_int_equal(counter_row(b, entry->rule.id)->shard_packets[0], 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(changed_counters_are_written_within_a_second_and_without_a_version),
        CLAIM(groups_and_buckets_are_written_and_read_like_rules),
        CLAIM(a_shard_that_another_life_replaced_is_in_the_base_of_the_next_checkpoint),
        CLAIM(after_a_restart_a_living_shard_is_counted_once),
        CLAIM(after_a_restart_a_dead_shard_is_not_forgotten),
        CLAIM(a_refused_checkpoint_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
