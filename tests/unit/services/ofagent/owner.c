/* Tests of services/ofagent/owner.c. */
#include "tests/unit/services/ofagent/bench.h"

#include "lib/msg/rule.h"

static const Busbar__OwnerRow *owner_row(const struct bench *b)
{
    return (const Busbar__OwnerRow *)cfg_row(b->agent->cfg, CFG_OWNER, 1);
}

static void add_rule(struct bench *b, const char *text)
{
    struct client c;
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, text);
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    client_close(&c);
}

static void a_bridge_without_owner_is_claimed_and_served(void **state)
{
    struct bench *b = *state;

    assert_int_equal(owner_row(b)->start, 7);
    assert_int_equal(owner_row(b)->epoch, 1);
    assert_int_equal(bridge_find(b->agent, 1)->state, BRIDGE_READY);
}

static void a_failed_transaction_leads_to_the_next_epoch_and_the_rules_of_configdb(void **state)
{
    struct bench *b = *state;
    struct client c;

    add_rule(b, "ip,actions=output:1");
    client_open(b, &c);
    b->agent->cfg->automatic = false;
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,actions=output:1");
    client_flow_mod(b, &c, FLOW_MOD_MODIFY, "ip,actions=output:9");
    fake_cfg_refuse(b->agent->cfg, -ERROR_TIMEOUT, "silence");
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 1);
    assert_actions(bridge_find(b->agent, 1)->flows, "ip", "output:1");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,actions=output:1"); /* not ours to change until claimed again */
    client_expect_error(b, &c, OF_ERROR_FLOW_MOD_FAILED_UNKNOWN);
    b->agent->cfg->automatic = true;
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(owner_row(b)->epoch, 2);
    assert_int_equal(bridge_find(b->agent, 1)->state, BRIDGE_READY);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,actions=output:1");
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 2);
    client_close(&c);
}

static void a_transaction_of_unknown_outcome_that_was_done_after_all_is_found(void **state)
{
    struct bench *b = *state;
    struct client c;
    struct rule rule;
    struct error_detail detail;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    const ProtobufCMessage *written = b->agent->cfg->txns[0]->ops[1].row;
    assert_int_equal(msg_rule_decode(0, (const Busbar__RuleRow *)written, &rule, &detail), 0);
    rule_fini(&rule);
    bench_commit_row(b, CFG_RULE, 500, written); /* committed, but the answer is lost */
    fake_cfg_refuse(b->agent->cfg, -ERROR_TIMEOUT, "silence");
    b->agent->cfg->automatic = true;
    bench_run(b, 50 * NS_PER_MS);
    assert_non_null(flow_table_by_id(bridge_find(b->agent, 1)->flows, 500));
    client_close(&c);
}

static void another_living_owner_is_left_alone_and_our_sessions_end(void **state)
{
    struct bench *b = *state;
    Busbar__OwnerRow row = BUSBAR__OWNER_ROW__INIT;
    Busbar__ServiceRow service = BUSBAR__SERVICE_ROW__INIT;
    struct client c;

    client_open(b, &c);
    service.kind = PROCESS_OFAGENT;
    service.instance = 2;
    service.start = 8;
    service.session = service.usage = service.packet = service.mac = service.control = (char *)(uintptr_t) "";
    bench_commit_row(b, CFG_SERVICE, 70, &service.base);
    row.start = 8;
    row.epoch = 2;
    bench_commit_row(b, CFG_OWNER, 1, &row.base);
    bench_run(b, NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 1)->state, BRIDGE_UNOWNED);
    assert_int_equal(bridge_find(b->agent, 1)->listener, -1);
    assert_int_equal(recv(c.fd, &(uint8_t){0}, 1, MSG_DONTWAIT), 0);
    bench_commit_row(b, CFG_SERVICE, 70, NULL); /* it dies */
    bench_run(b, NS_PER_S);
    assert_int_equal(owner_row(b)->start, 7);
    assert_int_equal(owner_row(b)->epoch, 3);
    assert_int_equal(bridge_find(b->agent, 1)->state, BRIDGE_READY);
    client_close(&c);
}

static void rules_are_there_again_after_a_restart_with_their_age(void **state)
{
    struct bench *b = *state;
    struct cfg *old;
    Busbar__RuleRow *row;

    add_rule(b, "ip,hard_timeout=100,actions=output:1");
    bench_run(b, 10 * NS_PER_S);
    struct flow_entry *entry = flow_table_first(bridge_find(b->agent, 1)->flows, 0);
    old = b->agent->cfg;
    row = (Busbar__RuleRow *)fake_copy(cfg_row(old, CFG_RULE, entry->rule.id));
    ofagent_destroy(&b->agent);
    bus_destroy(&b->bus);
    bench_start_agent(b, 9);
    fake_cfg_set(b->agent->cfg, CFG_RULE, 77, &row->base);
    protobuf_c_message_free_unpacked(&row->base, NULL);
    fake_cfg_show(b->agent->cfg, true);
    bench_run(b, 50 * NS_PER_MS);
    struct bridge *bridge = bridge_find(b->agent, 1);
    assert_int_equal(bridge->state, BRIDGE_READY);
    assert_int_equal(bridge_rule_stats(bridge, flow_table_by_id(bridge->flows, 77)).duration_ns / NS_PER_S, 10);
}

static void what_table_mods_set_is_there_after_a_restart(void **state)
{
    struct bench *b = *state;
    struct client c;
    struct of_message mod = {.type = OF_TABLE_MOD,
                             .table_mod = {.table = 3,
                                           .config = OF_TABLE_EVICTION | OF_TABLE_VACANCY_EVENTS,
                                           .has_vacancy = true,
                                           .vacancy_down = 10,
                                           .vacancy_up = 20}};

    bench_join(b);
    client_open_in(b, &c, OF_VERSION_14);
    client_send(b, &c, &mod);
    client_barrier(b, &c);
    assert_false(client_next(b, &c)); /* the shard does not follow yet */
    bench_floor(b, b->agent->cfg->version.n);
    client_expect(b, &c, OF_BARRIER_REPLY);
    client_close(&c);
    Busbar__OwnerRow *row = (Busbar__OwnerRow *)fake_copy(cfg_row(b->agent->cfg, CFG_OWNER, 1));
    assert_int_equal(row->n_tables, 1);
    ofagent_destroy(&b->agent);
    bus_destroy(&b->bus);
    bench_start_agent(b, 9);
    fake_cfg_set(b->agent->cfg, CFG_OWNER, 1, &row->base);
    fake_cfg_show(b->agent->cfg, true);
    bench_run(b, 50 * NS_PER_MS);
    const struct bridge *bridge = bridge_find(b->agent, 1);
    assert_int_equal(bridge->state, BRIDGE_READY);
    assert_int_equal(owner_row(b)->epoch, row->epoch + 1);
    assert_int_equal(bridge->tables[3].config, OF_TABLE_EVICTION | OF_TABLE_VACANCY_EVENTS);
    assert_true(bridge->tables[3].vacancy_down == 10 && bridge->tables[3].vacancy_up == 20 && bridge->has_vacancy_events);
    assert_int_equal(bridge->tables[2].config, 0);
    protobuf_c_message_free_unpacked(&row->base, NULL);
}

static void the_deprecated_bits_of_a_table_mod_mean_nothing(void **state)
{
    struct bench *b = *state;
    struct client c13, c14;
    struct of_message mod = {.type = OF_TABLE_MOD, .table_mod = {.table = 3, .config = OF_TABLE_DEPRECATED}};

    client_open(b, &c13);
    client_open_in(b, &c14, OF_VERSION_14);
    client_send(b, &c13, &mod);
    client_barrier(b, &c13);
    client_expect(b, &c13, OF_BARRIER_REPLY);
    mod.table_mod.config = OF_TABLE_DEPRECATED | OF_TABLE_EVICTION;
    client_send(b, &c14, &mod);
    client_barrier(b, &c14);
    client_expect(b, &c14, OF_BARRIER_REPLY);
    assert_int_equal(bridge_find(b->agent, 1)->tables[3].config, OF_TABLE_EVICTION);
    mod.table_mod.config = OF_TABLE_EVICTION; /* unknown before 1.4 */
    client_send(b, &c13, &mod);
    client_expect_error(b, &c13, OF_ERROR_TABLE_MOD_FAILED_BAD_CONFIG);
    client_close(&c13);
    client_close(&c14);
}

static void a_table_mod_that_is_not_kept_is_answered_with_an_error_and_forgotten(void **state)
{
    struct bench *b = *state;
    struct client c;
    struct of_message mod = {.type = OF_TABLE_MOD, .table_mod = {.table = 3, .config = OF_TABLE_EVICTION}};

    bench_join(b);
    client_open_in(b, &c, OF_VERSION_14);
    b->agent->cfg->automatic = false;
    client_send(b, &c, &mod);
    client_barrier(b, &c);
    assert_false(client_next(b, &c)); /* the barrier waits */
    assert_int_equal(b->agent->cfg->n_txns, 1);
    fake_cfg_refuse(b->agent->cfg, -ERROR_OWNER, "no");
    b->agent->cfg->automatic = true;
    client_expect_error(b, &c, OF_ERROR_TABLE_MOD_FAILED_EPERM);
    client_expect(b, &c, OF_BARRIER_REPLY);
    bench_run(b, 500 * NS_PER_MS);
    assert_int_equal(bridge_find(b->agent, 1)->tables[3].config, 0);
    client_close(&c);
}

static void limits_that_people_set_are_followed(void **state)
{
    static char field[] = "NXM_OF_IN_PORT[]", *groups[] = {field};
    struct bench *b = *state;
    Busbar__FlowTableRow row = BUSBAR__FLOW_TABLE_ROW__INIT;
    struct client c;

    bench_join(b);
    row.bridge = 1;
    row.number = 0;
    row.has_flow_limit = true;
    row.flow_limit = 2;
    bench_commit_row(b, CFG_FLOW_TABLE, 40, &row.base);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=1,ip,actions=drop");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=2,ip,hard_timeout=100,actions=drop");
    assert_int_equal(bridge_vacancy(bridge_find(b->agent, 1), 0), 0);
    assert_in_range(bridge_vacancy(bridge_find(b->agent, 1), 1), 99, 100);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=3,ip,actions=drop");
    client_expect_error(b, &c, OF_ERROR_FLOW_MOD_FAILED_TABLE_FULL);
    row.overflow_policy = (char *)(uintptr_t) "evict";
    bench_commit_row(b, CFG_FLOW_TABLE, 40, &row.base);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=3,ip,actions=drop");
    assert_false(client_next(b, &c));
    const struct flow_entry *first = flow_table_first(bridge_find(b->agent, 1)->flows, 0);
    assert_true(first->rule.priority == 1 && first->next->rule.priority == 3);
    row.groups = groups;
    row.n_groups = 1;
    bench_commit_row(b, CFG_FLOW_TABLE, 40, &row.base);
    assert_true(bridge_find(b->agent, 1)->tables[0].groups->parts[0].field == FIELD_IN_PORT);
    assert_null(bridge_find(b->agent, 1)->tables[1].groups);
    bench_commit_row(b, CFG_FLOW_TABLE, 40, NULL);
    assert_null(bridge_find(b->agent, 1)->tables[0].groups);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=4,ip,actions=drop");
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 3);
    client_close(&c);
}

static void a_snapshot_later_on_makes_us_look_again(void **state)
{
    struct bench *b = *state;

    add_rule(b, "ip,actions=output:1");
    uint64_t id = flow_table_first(bridge_find(b->agent, 1)->flows, 0)->rule.id;
    fake_cfg_set(b->agent->cfg, CFG_RULE, id, NULL); /* configdb has come back without it */
    fake_cfg_show(b->agent->cfg, true);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 0);
    assert_int_equal(owner_row(b)->epoch, 2);
}

/* Rules in configdb: n of each bridge from row 1000 on, in turns. */
static void set_rules(struct bench *b, unsigned n, unsigned n_bridges)
{
    uint64_t from = flow_table_first(bridge_find(b->agent, 1)->flows, 0)->rule.id;
    Busbar__RuleRow *row = (Busbar__RuleRow *)fake_copy(cfg_row(b->agent->cfg, CFG_RULE, from));

    for (unsigned i = 0; i < n * n_bridges; i++) {
        row->bridge = 1 + i % n_bridges;
        row->priority = 100 + i;
        fake_cfg_set(b->agent->cfg, CFG_RULE, 1000 + i, &row->base);
    }
    protobuf_c_message_free_unpacked(&row->base, NULL);
}

static void many_rules_are_loaded_over_several_steps(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);
    size_t n_steps = 0, before = 0;
    uint64_t next_ns;
    size_t n;

    add_rule(b, "priority=1,ip,actions=output:1");
    set_rules(b, 95, 1);
    b->agent->load_rows = 10;
    owner_reload(bridge);
    for (; n_steps < 30 && (bridge->state != BRIDGE_READY || bridge->must_reload); n_steps++) {
        assert_int_equal(flow_table_size(bridge->flows), 1); /* shown as they were */
        bench_step(b, NS_PER_MS);
        if (bridge->loading != NULL) {
            assert_true(flow_table_size(bridge->loading) <= before + 10);
            before = flow_table_size(bridge->loading);
            (void)ofagent_fds(b->agent, &n, &next_ns);
            assert_int_equal(next_ns, b->now_ns); /* and nobody sleeps between */
        }
    }
    assert_in_range(n_steps, 10, 15);
    assert_int_equal(flow_table_size(bridge->flows), 96);
    bench_run(b, 200 * NS_PER_MS);
    assert_null(bridge->old);
    assert_int_equal(owner_row(b)->epoch, 2);
}

static void one_pass_loads_all_bridges(void **state)
{
    struct bench *b = *state;
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    size_t n_steps = 0;

    add_rule(b, "priority=1,ip,actions=output:1");
    row.name = (char *)(uintptr_t) "br1";
    bench_commit_row(b, CFG_BRIDGE, 2, &row.base);
    bench_run(b, 50 * NS_PER_MS);
    set_rules(b, 50, 2);
    b->agent->load_rows = 10;
    struct bridge *first = bridge_find(b->agent, 1), *second = bridge_find(b->agent, 2);
    owner_reload(first);
    owner_reload(second);
    for (; n_steps < 40 && (first->must_reload || first->state != BRIDGE_READY); n_steps++) {
        bench_step(b, NS_PER_MS);
    }
    assert_in_range(n_steps, 10, 16);
    assert_int_equal(second->state, BRIDGE_READY);
    assert_int_equal(flow_table_size(first->flows), 51);
    assert_int_equal(flow_table_size(second->flows), 50);
}

static void a_snapshot_while_rules_are_loaded_begins_the_load_again(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);

    add_rule(b, "priority=1,ip,actions=output:1");
    set_rules(b, 95, 1);
    b->agent->load_rows = 10;
    owner_reload(bridge);
    for (int i = 0; i < 20 && (bridge->loading == NULL || flow_table_size(bridge->loading) < 30); i++) {
        bench_step(b, NS_PER_MS);
    }
    assert_non_null(flow_table_by_id(bridge->loading, 1001));
    fake_cfg_set(b->agent->cfg, CFG_RULE, 1001, NULL); /* configdb has come back without it */
    fake_cfg_show(b->agent->cfg, true);
    for (int i = 0; i < 60; i++) {
        bench_step(b, NS_PER_MS);
        assert_true(bridge->state != BRIDGE_READY || flow_table_by_id(bridge->flows, 1001) == NULL); /* not for a moment */
    }
    assert_int_equal(bridge->state, BRIDGE_READY);
    assert_int_equal(flow_table_size(bridge->flows), 95);
}

static void a_use_that_is_told_while_rules_are_loaded_counts(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);

    add_rule(b, "priority=1,ip,actions=output:1");
    bench_join(b);
    set_rules(b, 95, 1);
    owner_reload(bridge);
    bench_run(b, 50 * NS_PER_MS);
    b->agent->load_rows = 10;
    owner_reload(bridge);
    for (int i = 0; i < 20 && (bridge->loading == NULL || flow_table_size(bridge->loading) < 30); i++) {
        bench_step(b, NS_PER_MS);
    }
    bench_run(b, 10 * NS_PER_MS);
    assert_non_null(bridge->loading);
    bench_report(b, false, counter_id(COUNTER_RULE, 1001), 5, 0); /* read already */
    bench_report(b, false, counter_id(COUNTER_RULE, 1090), 5, 0); /* not yet */
    int64_t told_ns = (int64_t)b->now_ns;
    bench_run(b, 300 * NS_PER_MS);
    assert_int_equal(bridge->state, BRIDGE_READY);
    assert_true(flow_table_by_id(bridge->flows, 1001)->used_ns >= told_ns - (int64_t)(5 * NS_PER_MS));
    assert_true(flow_table_by_id(bridge->flows, 1090)->used_ns >= told_ns - (int64_t)(5 * NS_PER_MS));
}

static void a_refused_change_does_not_load_everything_in_one_step(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);
    struct client c;

    add_rule(b, "priority=1,ip,actions=output:1");
    set_rules(b, 95, 1);
    client_open(b, &c);
    b->agent->cfg->automatic = false;
    b->agent->load_rows = 10;
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,actions=output:1");
    fake_cfg_refuse(b->agent->cfg, -ERROR_TIMEOUT, "silence");
    assert_non_null(bridge->loading);
    assert_in_range(flow_table_size(bridge->loading), 0, 10);
    bench_run(b, 200 * NS_PER_MS); /* it cannot be claimed, and what configdb has is shown */
    assert_int_not_equal(bridge->state, BRIDGE_READY);
    assert_int_equal(flow_table_size(bridge->flows), 96);
    b->agent->cfg->automatic = true;
    bench_run(b, 300 * NS_PER_MS);
    assert_int_equal(bridge->state, BRIDGE_READY);
    assert_int_equal(flow_table_size(bridge->flows), 96);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_bridge_without_owner_is_claimed_and_served),
        CLAIM(a_failed_transaction_leads_to_the_next_epoch_and_the_rules_of_configdb),
        CLAIM(a_transaction_of_unknown_outcome_that_was_done_after_all_is_found),
        CLAIM(another_living_owner_is_left_alone_and_our_sessions_end),
        CLAIM(rules_are_there_again_after_a_restart_with_their_age),
        CLAIM(what_table_mods_set_is_there_after_a_restart),
        CLAIM(the_deprecated_bits_of_a_table_mod_mean_nothing),
        CLAIM(a_table_mod_that_is_not_kept_is_answered_with_an_error_and_forgotten),
        CLAIM(limits_that_people_set_are_followed),
        CLAIM(a_snapshot_later_on_makes_us_look_again),
        CLAIM(many_rules_are_loaded_over_several_steps),
        CLAIM(one_pass_loads_all_bridges),
        CLAIM(a_snapshot_while_rules_are_loaded_begins_the_load_again),
        CLAIM(a_use_that_is_told_while_rules_are_loaded_counts),
        CLAIM(a_refused_change_does_not_load_everything_in_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
