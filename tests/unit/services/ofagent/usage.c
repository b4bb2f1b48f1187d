/* Tests of services/ofagent/usage.c. */
#include "services/ofagent/usage.h"

#include "tests/unit/services/ofagent/bench.h"

static void add_rule(struct bench *b, const char *text)
{
    struct client c;
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, text);
    client_close(&c);
    bench_step(b, NS_PER_MS);
}

static struct flow_entry *first_rule(const struct bench *b)
{
    return flow_table_first(bridge_find(b->agent, 1)->flows, 0);
}

static void counts_are_credited_to_the_rule_of_the_id(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    add_rule(b, "ip,actions=output:1");
    bench_report(b, false, counter_id(COUNTER_RULE, first_rule(b)->rule.id), 12, 0);
    assert_int_equal(bridge_rule_stats(bridge_find(b->agent, 1), first_rule(b)).n_packets, 12);
}

static void a_use_that_a_shard_reports_keeps_the_rule_alive(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    add_rule(b, "ip,idle_timeout=3,actions=output:1");
    bench_run(b, 2 * NS_PER_S);
    bench_report(b, false, counter_id(COUNTER_RULE, first_rule(b)->rule.id), 1, 500 * NS_PER_MS);
    bench_run(b, 2 * NS_PER_S);
    assert_non_null(first_rule(b));
    bench_run(b, NS_PER_S);
    assert_null(first_rule(b));
}

static void nothing_expires_before_every_shard_has_reported(void **state)
{
    struct bench *b = *state;

    add_rule(b, "ip,idle_timeout=1,actions=output:1");
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 501);
    bench_run(b, 3 * NS_PER_S);
    assert_non_null(first_rule(b));
    bench_report(b, false, 0, 0, 0); /* not the whole list */
    bench_run(b, NS_PER_S);
    assert_non_null(first_rule(b));
    bench_report(b, true, 0, 0, 0);
    bench_run(b, NS_PER_S);
    assert_null(first_rule(b));
}

static void a_gap_makes_us_ask_for_everything(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    b->sequence += 5;
    bench_report(b, false, counter_id(COUNTER_RULE, 1), 5, 0);
    json_t *status = usage_status(b->agent->usage);
    assert_int_equal(json_integer_value(json_object_get(status, "gaps")), 1);
    json_decref(status);
}

static uint64_t gaps(const struct bench *b)
{
    json_t *status = usage_status(b->agent->usage);
    uint64_t n = (uint64_t)json_integer_value(json_object_get(status, "gaps"));
    json_decref(status);
    return n;
}

static void pieces_of_one_report_are_no_gap(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    add_rule(b, "ip,actions=output:1");
    uint64_t id = counter_id(COUNTER_RULE, first_rule(b)->rule.id);
    b->sequence++;
    bench_report_piece(b, false, false, 0, 0, 0);
    bench_report_piece(b, false, false, id, 7, 0);
    bench_report_piece(b, false, true, 0, 0, 0);
    assert_int_equal(gaps(b), 0);
    assert_int_equal(bridge_rule_stats(bridge_find(b->agent, 1), first_rule(b)).n_packets, 7);
    bench_report_piece(b, false, true, 0, 0, 0); /* of a report that has ended */
    assert_int_equal(gaps(b), 1);
    bench_report_piece(b, false, true, 0, 0, 0); /* it was asked for all already, once is enough */
    assert_int_equal(gaps(b), 1);
}

/* What is final when its floor is reached is in a report that begins behind it, not in one that was under way. */
static void a_report_counts_for_the_floor_before_its_first_piece(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    b->sequence++;
    bench_report_piece(b, false, false, 0, 0, 0);
    uint64_t before = floor_by_start(&b->agent->floor, 501)->floor.n;
    bench_floor(b, before + 3);
    bench_report_piece(b, false, true, 0, 0, 0);
    assert_int_equal(floor_by_start(&b->agent->floor, 501)->counted.n, before);
    bench_report(b, false, 0, 0, 0);
    assert_int_equal(floor_by_start(&b->agent->floor, 501)->counted.n, before + 3);
}

static void the_counts_of_a_shard_that_left_stay(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    add_rule(b, "ip,actions=output:1");
    uint64_t id = counter_id(COUNTER_RULE, first_rule(b)->rule.id);
    bench_report(b, false, id, 12, 0);
    bench_commit_row(b, CFG_SERVICE, BENCH_SHARD, NULL);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(bridge_rule_stats(bridge_find(b->agent, 1), first_rule(b)).n_packets, 12);
}

static void a_shard_that_registers_again_goes_on_counting_where_it_was(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    add_rule(b, "ip,actions=output:1");
    uint64_t id = counter_id(COUNTER_RULE, first_rule(b)->rule.id);
    bench_report(b, false, id, 12, 0);
    bench_commit_row(b, CFG_SERVICE, BENCH_SHARD, NULL); /* it stood still, its lease lapsed */
    bench_run(b, 50 * NS_PER_MS);
    bench_service(b, BENCH_SHARD + 1, PROCESS_FASTPATH, 501);
    bench_run(b, 50 * NS_PER_MS);
    bench_report(b, true, id, 15, 0);
    assert_int_equal(bridge_rule_stats(bridge_find(b->agent, 1), first_rule(b)).n_packets, 15);
}

static void a_rule_that_is_over_is_retired_again_and_not_counted(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    add_rule(b, "ip,actions=output:1");
    uint64_t id = counter_id(COUNTER_RULE, first_rule(b)->rule.id);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
    bench_run(b, 5 * NS_PER_S);
    assert_int_equal(b->retired, id);
    b->retired = 0;
    bench_report(b, true, id, 15, 0); /* the shard had not heard */
    bench_step(b, NS_PER_MS);
    assert_int_equal(b->retired, id);
    assert_false(counters_has(b->agent->rule_counters, id));
    uint64_t later = counter_id(COUNTER_RULE, 5000); /* its insert is not answered yet, but it is used already */
    bench_report(b, false, later, 3, 0);
    assert_true(counters_has(b->agent->rule_counters, later));
    client_close(&c);
}

static void the_rules_of_a_deleted_bridge_are_not_counted_any_more(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    add_rule(b, "ip,actions=output:1");
    bench_report(b, false, counter_id(COUNTER_RULE, first_rule(b)->rule.id), 12, 0);
    assert_int_equal(counters_size(b->agent->rule_counters), 1);
    bench_commit_row(b, CFG_BRIDGE, 1, NULL);
    bench_step(b, NS_PER_MS);
    assert_int_equal(counters_size(b->agent->rule_counters), 0);
}

static void ofagent(struct bench *b, uint64_t row, uint32_t instance, uint64_t start)
{
    Busbar__ServiceRow service = BUSBAR__SERVICE_ROW__INIT;

    service.kind = PROCESS_OFAGENT;
    service.instance = instance;
    service.start = start;
    service.session = service.usage = service.packet = service.mac = service.control = (char *)(uintptr_t) "";
    bench_commit_row(b, CFG_SERVICE, row, &service.base);
}

/* Its owner may still wait for its last count; should he die before he retires it, the first ofagent does. */
static void a_rule_of_anothers_bridge_that_is_over_is_retired_later(void **state)
{
    struct bench *b = *state;
    Busbar__OwnerRow owner = BUSBAR__OWNER_ROW__INIT;

    bench_join(b);
    add_rule(b, "ip,actions=output:1");
    uint64_t rule = first_rule(b)->rule.id;
    ofagent(b, 70, 2, 8);
    owner.start = 8;
    owner.epoch = 2;
    bench_commit_row(b, CFG_OWNER, 1, &owner.base);
    bench_run(b, 100 * NS_PER_MS);
    bench_report(b, false, counter_id(COUNTER_RULE, rule), 12, 0);
    bench_commit_row(b, CFG_RULE, rule, NULL);
    bench_run(b, 5 * NS_PER_S);
    assert_int_equal(b->retired, 0);
    assert_true(counters_has(b->agent->rule_counters, counter_id(COUNTER_RULE, rule)));
    bench_run(b, 6 * NS_PER_S);
    assert_int_equal(b->retired, counter_id(COUNTER_RULE, rule));
    assert_false(counters_has(b->agent->rule_counters, counter_id(COUNTER_RULE, rule)));
}

static void garbage_is_counted_and_survived(void **state)
{
    struct bench *b = *state;
    uint8_t noise[100];

    bench_join(b);
    memset(noise, 0xfe, sizeof noise);
    assert_int_equal(bus_send(b->usage, &b->ofagent_on_usage, MESSAGE_USAGE_REPORT, noise, sizeof noise), 0);
    bench_run(b, 50 * NS_PER_MS);
    json_t *status = usage_status(b->agent->usage);
    assert_int_equal(json_integer_value(json_object_get(status, "malformed")), 1);
    json_decref(status);
}

/* Its rules are not in the mirror: what shards count of them is kept, for the day the bridge is ours, and forgotten when we hear that it is over. */
static void a_rule_of_anothers_bridge_is_counted_unseen_until_it_is_over(void **state)
{
    struct bench *b = *state;
    Busbar__OwnerRow owner = BUSBAR__OWNER_ROW__INIT;
    Busbar__RuleRow rule = BUSBAR__RULE_ROW__INIT;
    uint64_t id = counter_id(COUNTER_RULE, 50);

    bench_join(b);
    add_rule(b, "ip,actions=output:1"); /* so that greater numbers have been seen */
    ofagent(b, 70, 2, 8);
    owner.start = 8;
    owner.epoch = 2;
    bench_commit_row(b, CFG_OWNER, 1, &owner.base);
    bench_run(b, 100 * NS_PER_MS);
    rule.bridge = 1;
    bench_commit_row(b, CFG_RULE, 50, &rule.base);
    assert_null(cfg_row(b->agent->cfg, CFG_RULE, 50));
    bench_report(b, false, id, 12, 0);
    bench_run(b, 100 * NS_PER_MS);
    assert_true(counters_has(b->agent->rule_counters, id));
    bench_run(b, 11 * NS_PER_S);
    assert_true(counters_has(b->agent->rule_counters, id));
    bench_commit_row(b, CFG_RULE, 50, NULL);
    bench_run(b, 11 * NS_PER_S);
    assert_false(counters_has(b->agent->rule_counters, id));
    assert_int_equal(b->retired, id);
}

/* It went while this ofagent did not run: nobody tells, so configdb is asked. What is there still is left alone. */
static void a_rule_of_anothers_bridge_that_went_unheard_is_forgotten(void **state)
{
    struct bench *b = *state;
    Busbar__OwnerRow owner = BUSBAR__OWNER_ROW__INIT;
    Busbar__RuleRow rule = BUSBAR__RULE_ROW__INIT;

    bench_join(b);
    add_rule(b, "ip,actions=output:1");
    ofagent(b, 70, 2, 8);
    owner.start = 8;
    owner.epoch = 2;
    bench_commit_row(b, CFG_OWNER, 1, &owner.base);
    bench_run(b, 100 * NS_PER_MS);
    rule.bridge = 1;
    bench_commit_row(b, CFG_RULE, 50, &rule.base);
    for (uint64_t i = 48; i < 52; i++) {
        bench_report(b, false, counter_id(COUNTER_RULE, i), 12, 0);
    }
    bench_run(b, 9 * NS_PER_S);
    for (uint64_t i = 48; i < 52; i++) {
        assert_true(counters_has(b->agent->rule_counters, counter_id(COUNTER_RULE, i)));
    }
    bench_run(b, 13 * NS_PER_S);
    for (uint64_t i = 48; i < 52; i++) {
        assert_int_equal(counters_has(b->agent->rule_counters, counter_id(COUNTER_RULE, i)), i == 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(counts_are_credited_to_the_rule_of_the_id),
        CLAIM(a_use_that_a_shard_reports_keeps_the_rule_alive),
        CLAIM(nothing_expires_before_every_shard_has_reported),
        CLAIM(a_gap_makes_us_ask_for_everything),
        CLAIM(pieces_of_one_report_are_no_gap),
        CLAIM(a_report_counts_for_the_floor_before_its_first_piece),
        CLAIM(the_counts_of_a_shard_that_left_stay),
        CLAIM(a_shard_that_registers_again_goes_on_counting_where_it_was),
        CLAIM(a_rule_that_is_over_is_retired_again_and_not_counted),
        CLAIM(the_rules_of_a_deleted_bridge_are_not_counted_any_more),
        CLAIM(a_rule_of_anothers_bridge_that_is_over_is_retired_later),
        CLAIM(garbage_is_counted_and_survived),
        CLAIM(a_rule_of_anothers_bridge_is_counted_unseen_until_it_is_over),
        CLAIM(a_rule_of_anothers_bridge_that_went_unheard_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
