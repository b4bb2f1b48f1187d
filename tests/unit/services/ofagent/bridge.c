/* Tests of services/ofagent/bridge.c: FLOW_REMOVED, the end of a bridge. */
#include "tests/unit/services/ofagent/bench.h"

static void open_listening(struct bench *b, struct client *c)
{
    struct of_message set = {.type = OF_SET_CONFIG, .config = {.miss_send_len = 128}};
    client_open(b, c);
    client_send(b, c, &set);
}

static uint64_t first_id(const struct bench *b)
{
    return counter_id(COUNTER_RULE, flow_table_first(bridge_find(b->agent, 1)->flows, 0)->rule.id);
}

static void flow_removed_comes_once_after_the_floor_with_final_counts(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    open_listening(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,cookie=3,hard_timeout=1,send_flow_rem,actions=output:1");
    uint64_t id = first_id(b);
    bench_report(b, false, id, 10, 0);
    bench_run(b, NS_PER_S + 300 * NS_PER_MS);
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 0);
    assert_false(client_next(b, &c)); /* the shard still counts for it */
    bench_floor(b, b->agent->cfg->version.n);
    assert_false(client_next(b, &c));
    bench_report(b, false, id, 14, 0);
    client_expect(b, &c, OF_FLOW_REMOVED);
    assert_int_equal(c.message.flow_removed.reason, OF_REMOVED_HARD);
    assert_int_equal(c.message.flow_removed.n_packets, 14);
    assert_int_equal(c.message.flow_removed.cookie, 3);
    assert_int_equal(b->retired, id);
    bench_run(b, 5 * NS_PER_S);
    assert_false(client_next(b, &c));
    client_close(&c);
}

static void flow_removed_does_not_wait_for_ever(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    open_listening(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,send_flow_rem,actions=output:1");
    client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
    assert_false(client_next(b, &c));
    bench_run(b, 4 * NS_PER_S);
    client_expect(b, &c, OF_FLOW_REMOVED);
    assert_int_equal(c.message.flow_removed.reason, OF_REMOVED_DELETE);
    client_close(&c);
}

static void flow_removed_needs_the_flag_and_not_a_replacement(void **state)
{
    struct bench *b = *state;
    struct client c;

    open_listening(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,send_flow_rem,actions=output:1");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,send_flow_rem,reset_counts,actions=output:1");
    bench_run(b, 4 * NS_PER_S);
    assert_false(client_next(b, &c));
    client_close(&c);
}

static void no_flow_removed_for_a_deletion_that_was_not_committed(void **state)
{
    struct bench *b = *state;
    struct client c;

    open_listening(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,send_flow_rem,actions=output:1");
    b->agent->cfg->automatic = false;
    client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
    fake_cfg_refuse(b->agent->cfg, -ERROR_TIMEOUT, "silence");
    b->agent->cfg->automatic = true;
    client_expect_error(b, &c, OF_ERROR_FLOW_MOD_FAILED_UNKNOWN);
    bench_run(b, 4 * NS_PER_S);
    assert_false(client_next(b, &c));
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 1);
    client_close(&c);
}

static void a_deleted_bridge_closes_its_sessions_and_socket(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    bench_commit_row(b, CFG_BRIDGE, 1, NULL);
    bench_step(b, NS_PER_MS);
    assert_null(b->agent->bridges);
    assert_int_equal(recv(c.fd, &(uint8_t){0}, 1, MSG_DONTWAIT), 0);
    char *path = memory_format("%s/br0.mgmt", b->dir);
    assert_int_equal(access(path, F_OK), -1);
    free(path);
    client_close(&c);
}

static void two_hundred_tools_at_once_are_served(void **state)
{
    struct bench *b = *state;
    struct client c[200];

    for (size_t i = 0; i < 200; i++) {
        client_open(b, &c[i]);
    }
    for (size_t i = 0; i < 200; i++) {
        client_barrier(b, &c[i]);
        client_expect(b, &c[i], OF_BARRIER_REPLY);
        client_close(&c[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(flow_removed_comes_once_after_the_floor_with_final_counts),
        CLAIM(flow_removed_does_not_wait_for_ever),
        CLAIM(flow_removed_needs_the_flag_and_not_a_replacement),
        CLAIM(no_flow_removed_for_a_deletion_that_was_not_committed),
        CLAIM(a_deleted_bridge_closes_its_sessions_and_socket),
        CLAIM(two_hundred_tools_at_once_are_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
