/* Tests of services/ofagent/follow.c: rules are mirrored of the bridges that are ours, and of no others. */
#include "services/ofagent/follow.h"

#include "tests/unit/services/ofagent/bench.h"

static struct cfg *cfg_of(const struct bench *b)
{
    return b->agent->cfg;
}

static void ofagent(struct bench *b, bool lives)
{
    Busbar__ServiceRow service = BUSBAR__SERVICE_ROW__INIT;

    service.kind = PROCESS_OFAGENT;
    service.instance = 2;
    service.start = 8;
    service.session = service.usage = service.packet = service.mac = service.control = (char *)(uintptr_t) "";
    bench_commit_row(b, CFG_SERVICE, 70, lives ? &service.base : NULL);
}

static void owned_by(struct bench *b, uint64_t start, uint64_t epoch)
{
    Busbar__OwnerRow row = BUSBAR__OWNER_ROW__INIT;

    row.start = start;
    row.epoch = epoch;
    bench_commit_row(b, CFG_OWNER, 1, &row.base);
}

static void add_rule(struct bench *b)
{
    struct client c;

    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    client_close(&c);
}

static void a_bridge_of_ours_is_followed_and_nothing_is_said_twice(void **state)
{
    struct bench *b = *state;

    assert_true(bridge_find(b->agent, 1)->is_followed && bridge_set_has(&cfg_of(b)->followed, 1));
    assert_false(cfg_of(b)->followed.is_all);
    assert_true(follow_is_complete(b->agent));
    size_t n = cfg_of(b)->n_follows;
    bench_run(b, NS_PER_S);
    assert_int_equal(cfg_of(b)->n_follows, n);
}

static void anothers_bridge_is_followed_no_more_and_again_from_the_claim_on(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);

    add_rule(b);
    ofagent(b, true);
    owned_by(b, 8, 2);
    bench_run(b, NS_PER_S);
    assert_false(bridge->is_followed || bridge_set_has(&cfg_of(b)->followed, 1) || follow_is_complete(b->agent));
    assert_int_equal(b->agent->n_followed, 0);
    cfg_of(b)->holds_rules_back = true;
    ofagent(b, false);
    bench_run(b, NS_PER_S);
    assert_true(bridge->is_followed && bridge_set_has(&cfg_of(b)->followed, 1));
    assert_int_equal(bridge->state, BRIDGE_LOADING); /* ours, but its rules have not come */
    cfg_of(b)->holds_rules_back = false;
    bench_run(b, 100 * NS_PER_MS);
    assert_int_equal(bridge->state, BRIDGE_READY);
    assert_int_equal(flow_table_size(bridge->flows), 1);
}

static void a_claim_that_is_refused_leaves_the_bridge_followed(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);

    size_t n = cfg_of(b)->n_follows;
    owner_reload(bridge);
    cfg_of(b)->automatic = false;
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(bridge->state, BRIDGE_CLAIMING);
    fake_cfg_refuse(cfg_of(b), -ERROR_TIMEOUT, "silence");
    bench_step(b, NS_PER_MS);
    assert_int_equal(bridge->state, BRIDGE_UNOWNED);
    assert_true(bridge->is_followed);
    cfg_of(b)->automatic = true;
    bench_run(b, NS_PER_S);
    assert_int_equal(bridge->state, BRIDGE_READY);
    assert_int_equal(cfg_of(b)->n_follows, n);
}

static void a_bridge_that_is_deleted_is_not_followed_any_more(void **state)
{
    struct bench *b = *state;

    bench_commit_row(b, CFG_BRIDGE, 1, NULL);
    bench_step(b, NS_PER_MS);
    bench_step(b, NS_PER_MS);
    assert_int_equal(cfg_of(b)->followed.n, 0);
    assert_int_equal(b->agent->n_followed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_bridge_of_ours_is_followed_and_nothing_is_said_twice),
        CLAIM(anothers_bridge_is_followed_no_more_and_again_from_the_claim_on),
        CLAIM(a_claim_that_is_refused_leaves_the_bridge_followed),
        CLAIM(a_bridge_that_is_deleted_is_not_followed_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
