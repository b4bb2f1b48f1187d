/* Tests of services/ofagent/on_flow.c. */
#include "tests/unit/services/ofagent/bench.h"

static size_t n_rules(const struct bench *b)
{
    return flow_table_size(bridge_find(b->agent, 1)->flows);
}

static void a_flow_mod_becomes_a_row_and_says_nothing(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    assert_false(client_next(b, &c));
    assert_int_equal(n_rules(b), 1);
    assert_non_null(cfg_row(b->agent->cfg, CFG_RULE, flow_table_first(bridge_find(b->agent, 1)->flows, 0)->rule.id));
    client_close(&c);
}

static void a_refused_flow_mod_leaves_no_trace(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=group:4");
    client_expect_error(b, &c, OF_ERROR_BAD_ACTION_BAD_OUT_GROUP);
    assert_int_equal(c.message.xid, 77);
    assert_int_equal(n_rules(b), 0);
    assert_int_equal(b->agent->cfg->n_txns, 0);
    client_close(&c);
}

static void without_configdb_changes_are_refused_and_rules_stay(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    b->agent->cfg->is_connected = false;
    client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
    client_expect_error(b, &c, OF_ERROR_FLOW_MOD_FAILED_UNKNOWN);
    assert_int_equal(n_rules(b), 1);
    client_close(&c);
}

static void a_barrier_without_changes_is_answered_at_once(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_flow_mod_becomes_a_row_and_says_nothing),
        CLAIM(a_refused_flow_mod_leaves_no_trace),
        CLAIM(without_configdb_changes_are_refused_and_rules_stay),
        CLAIM(a_barrier_without_changes_is_answered_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
