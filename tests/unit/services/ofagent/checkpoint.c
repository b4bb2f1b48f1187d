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

/* Group row 7 of br0 with one bucket, which counts as number 3. */
static void set_group(struct bench *b)
{
    Busbar__GroupRow row = BUSBAR__GROUP_ROW__INIT;
    Busbar__BucketMessage bucket = BUSBAR__BUCKET_MESSAGE__INIT, *buckets[] = {&bucket};

    bucket.counter = 3;
    row.bridge = 1;
    row.group_id = 70;
    row.buckets = buckets;
    row.n_buckets = 1;
    fake_cfg_set(b->agent->cfg, CFG_GROUP, 7, &row.base);
}

static void groups_and_buckets_are_written_and_read_like_rules(void **state)
{
    struct bench *b = *state;
    const uint64_t group = counter_id(COUNTER_GROUP, 7), bucket = counter_id(COUNTER_BUCKET, 7 << 16 | 3), table = counter_id(COUNTER_TABLE, 1 << 8);
    uint64_t values[COUNTERS_VALUES_MAX];

    bench_join(b);
    set_group(b);
    owner_reload(bridge_find(b->agent, 1));
    bench_run(b, 50 * NS_PER_MS);
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
    row.n_shard_instance = 0; /* of an older version */
    set_group(b);
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

static void many_rows_are_read_over_several_steps_and_not_written_again(void **state)
{
    struct bench *b = *state;
    struct counters_part parts[COUNTERS_PARTS_MAX];
    uint64_t id;
    size_t n_parts, n_steps = 0;

    ofagent_destroy(&b->agent);
    bus_destroy(&b->bus);
    bench_start_agent(b, 9);
    b->agent->load_rows = 10;
    Busbar__CounterRow row = BUSBAR__COUNTER_ROW__INIT;
    row.packets = 5;
    for (uint64_t i = 0; i < 95; i++) {
        fake_cfg_set(b->agent->cfg, CFG_COUNTER, 1000 + i, &row.base);
    }
    fake_cfg_show(b->agent->cfg, true);
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 501);
    size_t before = counters_size(b->agent->rule_counters);
    for (; !b->agent->is_loaded && n_steps < 50; n_steps++) {
        bench_step(b, NS_PER_MS);
        assert_true(counters_size(b->agent->rule_counters) <= before + 10);
        before = counters_size(b->agent->rule_counters);
        if (n_steps == 3) { /* a shard tells more of one that has been read, and of one that has not */
            counters_report(b->agent->rule_counters, 501, counter_id(COUNTER_RULE, 1001), (uint64_t[]){2, 200});
            counters_report(b->agent->rule_counters, 501, counter_id(COUNTER_RULE, 1090), (uint64_t[]){3, 300});
            before++;
        }
    }
    assert_in_range(n_steps, 10, 12);
    uint64_t sum = 0;
    size_t n_changed = 0;
    while (counters_next_changed(b->agent->rule_counters, &id, parts, &n_parts)) {
        sum += counter_id_number(id);
        n_changed++;
    }
    assert_true(n_changed == 0 || (n_changed == 2 && sum == 1001 + 1090)); /* no more than the shard has told; handed out already: nobody's here */
    uint64_t values[COUNTERS_VALUES_MAX];
    counters_total(b->agent->rule_counters, counter_id(COUNTER_RULE, 1090), values);
    assert_int_equal(values[0], 8);
}

/* A second bridge of ours, with one rule, row 900. */
static void second_bridge(struct bench *b, uint64_t rule)
{
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    Busbar__RuleRow *copy = (Busbar__RuleRow *)fake_copy(cfg_row(b->agent->cfg, CFG_RULE, rule));

    row.name = (char *)(uintptr_t) "br1";
    copy->bridge = 2;
    fake_cfg_set(b->agent->cfg, CFG_RULE, 900, &copy->base);
    protobuf_c_message_free_unpacked(&copy->base, NULL);
    bench_commit_row(b, CFG_BRIDGE, 2, &row.base);
    bench_run(b, 50 * NS_PER_MS);
    assert_non_null(flow_table_by_id(bridge_find(b->agent, 2)->flows, 900));
}

static void a_bridge_that_is_lost_takes_no_counts_of_others_along(void **state)
{
    struct bench *b = *state;
    struct counters_part parts[COUNTERS_PARTS_MAX];
    uint64_t id;
    size_t n;

    bench_join(b);
    uint64_t rule = add_rule(b, "ip,actions=output:1")->rule.id;
    second_bridge(b, rule);
    bench_run(b, 2 * NS_PER_S);
    bench_report(b, false, counter_id(COUNTER_RULE, 950), 5, 0); /* another ofagent's */
    bench_run(b, 2 * NS_PER_S);
    b->agent->cfg->automatic = false;
    bench_report(b, false, counter_id(COUNTER_RULE, rule), 21, 0);
    bench_report(b, false, counter_id(COUNTER_RULE, 900), 22, 0);
    bench_run(b, NS_PER_S + 100 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->n_txns, 2); /* one for each bridge */
    bool is_first_lost = b->agent->cfg->txns[0]->ops[0].id == 2;
    if (is_first_lost) {
        fake_cfg_refuse(b->agent->cfg, -ERROR_OWNER, "another's");
        fake_cfg_commit(b->agent->cfg);
    } else {
        fake_cfg_commit(b->agent->cfg);
        fake_cfg_refuse(b->agent->cfg, -ERROR_OWNER, "another's");
    }
    assert_int_equal(counter_row(b, rule)->shard_packets[0], 21);
    assert_null(counter_row(b, 900));
    assert_true(counters_next_changed(b->agent->rule_counters, &id, parts, &n));
    assert_int_equal(id, counter_id(COUNTER_RULE, 900)); /* and nothing else is written again */
    assert_false(counters_has_changed(b->agent->rule_counters));
    b->agent->cfg->automatic = true;
}

static void what_is_counted_while_the_tables_are_loaded_is_written_afterwards(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    uint64_t rule = add_rule(b, "ip,actions=output:1")->rule.id;
    bench_run(b, 2 * NS_PER_S);
    b->agent->cfg->automatic = false;
    owner_reload(bridge_find(b->agent, 1));
    bench_report(b, false, counter_id(COUNTER_RULE, rule), 21, 0);
    bench_run(b, 2 * NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 1)->state, BRIDGE_CLAIMING);
    assert_null(counter_row(b, rule));
    b->agent->cfg->automatic = true;
    bench_run(b, 2 * NS_PER_S);
    assert_non_null(counter_row(b, rule));
    assert_int_equal(counter_row(b, rule)->shard_packets[0], 21);
}

static void ids_of_nobody_here_are_looked_at_in_several_steps(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    for (uint64_t i = 0; i < CHECKPOINT_LOOKS; i++) {
        counters_report(b->agent->rule_counters, 501, counter_id(COUNTER_RULE, 100000 + i), (uint64_t[]){1, 100});
    }
    uint64_t until_ns = b->now_ns + 2 * NS_PER_S;
    size_t n_steps = 0; /* after which some are left */
    while (b->now_ns < until_ns && counters_has_changed(b->agent->rule_counters)) {
        struct counters_part parts[COUNTERS_PARTS_MAX];
        uint64_t first = 0;
        size_t n;
        assert_true(counters_next_changed(b->agent->rule_counters, &first, parts, &n)); /* the last marked, which goes first */
        counters_mark(b->agent->rule_counters, first);
        bench_step(b, 10 * NS_PER_MS);
        uint64_t now_first = first;
        if (counters_next_changed(b->agent->rule_counters, &now_first, parts, &n)) {
            counters_mark(b->agent->rule_counters, now_first);
            n_steps += now_first != first;
        }
    }
    assert_true(n_steps > 0);
    assert_false(counters_has_changed(b->agent->rule_counters));
}

static Busbar__CounterRow counter_of(uint64_t packets, uint64_t *start, uint64_t *shard_packets, uint64_t *shard_bytes, uint32_t *instance)
{
    Busbar__CounterRow row = BUSBAR__COUNTER_ROW__INIT;

    row.packets = packets;
    row.bytes = packets * 100;
    row.n_shard_start = row.n_shard_packets = row.n_shard_bytes = row.n_shard_instance = start != NULL;
    row.shard_start = start;
    row.shard_packets = shard_packets;
    row.shard_bytes = shard_bytes;
    row.shard_instance = instance;
    return row;
}

static uint64_t packets_of(const struct bench *b, uint64_t rule)
{
    uint64_t values[COUNTERS_VALUES_MAX];

    counters_total(b->agent->rule_counters, counter_id(COUNTER_RULE, rule), values);
    return values[0];
}

static void give_to(struct bench *b, uint64_t start, uint64_t epoch)
{
    Busbar__OwnerRow row = BUSBAR__OWNER_ROW__INIT;

    row.start = start;
    row.epoch = epoch;
    bench_commit_row(b, CFG_OWNER, 1, &row.base);
    bench_run(b, 50 * NS_PER_MS);
}

static void peer_ofagent(struct bench *b)
{
    Busbar__ServiceRow service = BUSBAR__SERVICE_ROW__INIT;

    service.kind = PROCESS_OFAGENT;
    service.instance = 2;
    service.start = 8;
    service.session = service.usage = service.packet = service.mac = service.control = (char *)(uintptr_t) "";
    bench_commit_row(b, CFG_SERVICE, 70, &service.base);
}

static void another_owner_writes_and_we_take_over_from_what_he_wrote(void **state)
{
    struct bench *b = *state;
    uint64_t start = 501, packets = 40, bytes = 4000;
    uint32_t instance = 1;

    bench_join(b);
    uint64_t rule = add_rule(b, "ip,actions=output:1")->rule.id;
    bench_report(b, false, counter_id(COUNTER_RULE, rule), 21, 0);
    bench_run(b, NS_PER_S + 100 * NS_PER_MS);
    assert_int_equal(counter_row(b, rule)->shard_packets[0], 21);
    peer_ofagent(b);
    give_to(b, 8, 2);
    uint64_t n = b->agent->cfg->n_committed;
    bench_report(b, false, counter_id(COUNTER_RULE, rule), 30, 0);
    bench_run(b, 3 * NS_PER_S);
    assert_int_equal(b->agent->cfg->n_committed, n); /* what is his is not written by us, and still counted */
    assert_int_equal(packets_of(b, rule), 30);
    /* He has heard 40 of that shard, and 100 of one that we never saw. */
    Busbar__CounterRow his = counter_of(100, &start, &packets, &bytes, &instance);
    fake_cfg_set(b->agent->cfg, CFG_COUNTER, rule, &his.base);
    give_to(b, 7, 3);
    assert_int_equal(bridge_find(b->agent, 1)->state, BRIDGE_READY);
    assert_int_equal(packets_of(b, rule), 140);
    bench_report(b, false, counter_id(COUNTER_RULE, rule), 35, 0); /* older than what he had heard */
    assert_int_equal(packets_of(b, rule), 140);
    bench_report(b, false, counter_id(COUNTER_RULE, rule), 50, 0);
    assert_int_equal(packets_of(b, rule), 150);
    bench_run(b, NS_PER_S + 100 * NS_PER_MS);
    assert_int_equal(counter_row(b, rule)->packets, 100);
    assert_int_equal(counter_row(b, rule)->shard_packets[0], 50);
    assert_int_equal(counter_row(b, rule)->shard_instance[0], 1);
}

static void a_shard_that_both_have_folded_is_counted_once(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    uint64_t rule = add_rule(b, "ip,actions=output:1")->rule.id;
    bench_report(b, false, counter_id(COUNTER_RULE, rule), 21, 0);
    peer_ofagent(b);
    give_to(b, 8, 2);
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 502); /* another life: 21 are in our base */
    Busbar__CounterRow his = counter_of(20, NULL, NULL, NULL, NULL); /* and 20 in his: the last report did not reach him */
    fake_cfg_set(b->agent->cfg, CFG_COUNTER, rule, &his.base);
    give_to(b, 7, 3);
    assert_int_equal(packets_of(b, rule), 21);
    bench_run(b, NS_PER_S + 100 * NS_PER_MS);
    assert_int_equal(counter_row(b, rule)->packets, 21);
}

static void a_shard_that_he_had_not_folded_yet_is_counted_once(void **state)
{
    struct bench *b = *state;
    uint64_t start = 501, packets = 25, bytes = 2500;
    uint32_t instance = 1;

    bench_join(b);
    uint64_t rule = add_rule(b, "ip,actions=output:1")->rule.id;
    bench_report(b, false, counter_id(COUNTER_RULE, rule), 21, 0);
    peer_ofagent(b);
    give_to(b, 8, 2);
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 502);
    Busbar__CounterRow his = counter_of(7, &start, &packets, &bytes, &instance);
    fake_cfg_set(b->agent->cfg, CFG_COUNTER, rule, &his.base);
    give_to(b, 7, 3);
    assert_int_equal(packets_of(b, rule), 32);
}

static void rows_are_read_anew_only_when_a_shard_has_died_since_and_before_they_are_needed(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    bench_run(b, 3 * NS_PER_S);
    peer_ofagent(b);
    give_to(b, 8, 2);
    give_to(b, 7, 3);
    assert_int_equal(b->agent->cfg->n_refreshes, 0); /* nobody but us lived then */
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 502);
    bench_run(b, 1400 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->n_refreshes, 0);
    bench_run(b, 300 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->n_refreshes, 1); /* he has written what he knows of it */
    bench_run(b, 3 * NS_PER_S);
    give_to(b, 8, 20);
    uint64_t epoch = 21;
    give_to(b, 7, epoch);
    assert_int_equal(b->agent->cfg->n_refreshes, 1);
    assert_int_equal(bridge_find(b->agent, 1)->state, BRIDGE_READY);
    assert_int_equal(((const Busbar__OwnerRow *)cfg_row(b->agent->cfg, CFG_OWNER, 1))->epoch, epoch + 1); /* that snapshot was no reason for doubt */
}

static void rows_are_not_read_early_while_somebody_waits_for_the_mirror(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    peer_ofagent(b);
    client_open(b, &c);
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 502);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_barrier(b, &c); /* which no shard follows */
    bench_run(b, 3 * NS_PER_S);
    assert_int_equal(b->agent->cfg->n_refreshes, 0);
    client_close(&c);
    bench_run(b, 100 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->n_refreshes, 1);
}

static void what_one_has_written_who_lived_between_two_steps_is_read(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    bench_run(b, 3 * NS_PER_S);
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 502);
    peer_ofagent(b);
    bench_commit_row(b, CFG_SERVICE, 70, NULL); /* as after we stood still */
    bench_run(b, 2 * NS_PER_S);
    assert_int_equal(b->agent->cfg->n_refreshes, 1);
}

static void a_bridge_that_is_needed_at_once_waits_for_its_rows(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    peer_ofagent(b);
    give_to(b, 8, 2);
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 502);
    bench_run(b, 1200 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->n_refreshes, 0);
    give_to(b, 7, 3);
    assert_int_equal(b->agent->cfg->n_refreshes, 1);
}

static void after_a_restart_a_shard_that_is_away_may_come_back_until_another_life_joins(void **state)
{
    struct bench *b = *state;
    uint64_t start = 501, packets = 10, bytes = 1000;
    uint32_t instance = 1;

    ofagent_destroy(&b->agent);
    bus_destroy(&b->bus);
    bench_start_agent(b, 9);
    Busbar__CounterRow row = counter_of(5, &start, &packets, &bytes, &instance);
    fake_cfg_set(b->agent->cfg, CFG_COUNTER, 33, &row.base);
    fake_cfg_show(b->agent->cfg, true);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(packets_of(b, 33), 15);
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 501); /* it only stood still */
    bench_run(b, 50 * NS_PER_MS);
    bench_report(b, true, counter_id(COUNTER_RULE, 33), 12, 0);
    assert_int_equal(packets_of(b, 33), 17);
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 502);
    counters_report(b->agent->rule_counters, 501, counter_id(COUNTER_RULE, 33), (uint64_t[]){99, 9900}); /* folded: not taken any more */
    assert_int_equal(packets_of(b, 33), 17);
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
        CLAIM(many_rows_are_read_over_several_steps_and_not_written_again),
        CLAIM(a_bridge_that_is_lost_takes_no_counts_of_others_along),
        CLAIM(what_is_counted_while_the_tables_are_loaded_is_written_afterwards),
        CLAIM(ids_of_nobody_here_are_looked_at_in_several_steps),
        CLAIM(another_owner_writes_and_we_take_over_from_what_he_wrote),
        CLAIM(a_shard_that_both_have_folded_is_counted_once),
        CLAIM(a_shard_that_he_had_not_folded_yet_is_counted_once),
        CLAIM(rows_are_read_anew_only_when_a_shard_has_died_since_and_before_they_are_needed),
        CLAIM(rows_are_not_read_early_while_somebody_waits_for_the_mirror),
        CLAIM(what_one_has_written_who_lived_between_two_steps_is_read),
        CLAIM(a_bridge_that_is_needed_at_once_waits_for_its_rows),
        CLAIM(after_a_restart_a_shard_that_is_away_may_come_back_until_another_life_joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
