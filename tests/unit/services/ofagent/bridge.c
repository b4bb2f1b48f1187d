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

static void a_peer_that_does_not_read_is_closed_and_counted(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);
    struct of_message status = {.type = OF_PORT_STATUS, .port_status = {.reason = OF_PORT_MODIFY, .port = {.port_no = 1}}};
    enum { STATUS_BYTES = 80, HALF = CONN_OUTPUT_MAX / 2 / STATUS_BYTES };
    struct client c;

    open_listening(b, &c);
    for (size_t i = 0; i < HALF; i++) {
        bridge_tell(bridge, &status, offsetof(struct of_async, port_status), OF_PORT_MODIFY);
    }
    bench_step(b, NS_PER_MS);
    assert_int_equal(bridge->n_sessions, 1);
    for (size_t i = 0; i < 2 * HALF; i++) {
        bridge_tell(bridge, &status, offsetof(struct of_async, port_status), OF_PORT_MODIFY);
    }
    assert_int_equal(bridge->sessions->state, SESSION_CLOSED);
    assert_string_equal(bridge->sessions->reason, "does not read");
    bench_step(b, NS_PER_MS);
    assert_int_equal(bridge->n_sessions, 0);
    assert_int_equal(bridge->n_unread, 1);
    client_close(&c);
}

static void a_backlog_that_the_peer_reads_in_time_does_no_harm(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);
    struct of_message status = {.type = OF_PORT_STATUS, .port_status = {.reason = OF_PORT_MODIFY, .port = {.port_no = 1}}};
    static uint8_t sink[256 * 1024];
    size_t n_read = 0;
    struct client c;

    open_listening(b, &c);
    while (n_read < (size_t)CONN_OUTPUT_MAX + CONN_OUTPUT_MAX / 2) {
        for (size_t i = 0; i < 1000; i++) {
            bridge_tell(bridge, &status, offsetof(struct of_async, port_status), OF_PORT_MODIFY);
        }
        bench_step(b, NS_PER_MS);
        for (ssize_t n; (n = recv(c.fd, sink, sizeof sink, MSG_DONTWAIT)) > 0;) {
            n_read += (size_t)n;
        }
    }
    assert_int_equal(bridge->n_sessions, 1);
    assert_int_equal(bridge->n_unread, 0);
    client_close(&c);
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
        CLAIM(a_peer_that_does_not_read_is_closed_and_counted),
        CLAIM(a_backlog_that_the_peer_reads_in_time_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
