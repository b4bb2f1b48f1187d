/* Tests of services/ofagent/ofagent.c: following the mirror, what to poll for. */
#include "services/ofagent/ofagent.h"

#include "tests/unit/services/ofagent/bench.h"

#include <sys/stat.h>

static void it_registers_with_its_kind_and_control_endpoint(void **state)
{
    struct bench *b = *state;
    assert_int_equal(b->agent->cfg->service.kind, PROCESS_OFAGENT);
    assert_string_equal(b->agent->cfg->service.control, "control");
}

static void bridges_come_and_go_with_their_rows(void **state)
{
    struct bench *b = *state;
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;

    row.name = (char *)(uintptr_t) "br1";
    bench_commit_row(b, CFG_BRIDGE, 2, &row.base);
    bench_run(b, 50 * NS_PER_MS);
    assert_non_null(bridge_by_name(b->agent, "br1"));
    assert_int_equal(bridge_by_name(b->agent, "br1")->state, BRIDGE_READY);
    assert_non_null(bridge_by_name(b->agent, "br0"));
    bench_commit_row(b, CFG_BRIDGE, 2, NULL);
    assert_null(bridge_by_name(b->agent, "br1"));
    assert_non_null(bridge_by_name(b->agent, "br0"));
}

static void a_version_is_applied_when_its_bridges_are_served(void **state)
{
    struct bench *b = *state;
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;

    b->agent->cfg->automatic = false;
    row.name = (char *)(uintptr_t) "br1";
    bench_commit_row(b, CFG_BRIDGE, 2, &row.base);
    bench_run(b, 50 * NS_PER_MS);
    assert_true(b->agent->cfg->applied.n < b->agent->cfg->version.n);
    assert_false(ofagent_is_settled(b->agent));
    b->agent->cfg->automatic = true;
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->applied.n, b->agent->cfg->version.n);
    assert_true(bridge_by_name(b->agent, "br1")->listener >= 0 && ofagent_is_settled(b->agent));
    assert_int_equal(b->agent->cfg->n_applied_errors, 0);
}

/* configdb holds deltas back after 8192 unacknowledged versions, and a claim is known by its delta. */
static void a_version_is_applied_before_configdb_holds_deltas_back(void **state)
{
    struct bench *b = *state;
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    struct version before = b->agent->cfg->applied;

    b->agent->cfg->automatic = false;
    row.name = (char *)(uintptr_t) "br1";
    for (int i = 0; i < 2047; i++) {
        bench_commit_row(b, CFG_BRIDGE, 2, &row.base);
    }
    bench_step(b, NS_PER_MS);
    assert_int_equal(b->agent->cfg->applied.n, before.n);
    bench_commit_row(b, CFG_BRIDGE, 2, &row.base);
    bench_step(b, NS_PER_MS);
    assert_int_equal(b->agent->cfg->applied.n, b->agent->cfg->version.n);
}

/* Few versions of many bytes fill its window as well. */
static void many_bytes_are_applied_before_configdb_holds_deltas_back(void **state)
{
    struct bench *b = *state;
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;

    b->agent->cfg->automatic = false;
    row.name = (char *)(uintptr_t) "br1";
    bench_commit_row(b, CFG_BRIDGE, 2, &row.base);
    b->agent->cfg->unapplied_bytes = 4 * 1024 * 1024 - 1;
    bench_step(b, NS_PER_MS);
    assert_true(b->agent->cfg->applied.n < b->agent->cfg->version.n);
    b->agent->cfg->unapplied_bytes++;
    bench_step(b, NS_PER_MS);
    assert_int_equal(b->agent->cfg->applied.n, b->agent->cfg->version.n);
}

static void a_version_is_applied_after_a_while_at_the_latest(void **state)
{
    struct bench *b = *state;
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;

    b->agent->cfg->automatic = false;
    row.name = (char *)(uintptr_t) "br1";
    bench_commit_row(b, CFG_BRIDGE, 2, &row.base);
    bench_run(b, NS_PER_S);
    assert_true(b->agent->cfg->applied.n < b->agent->cfg->version.n);
    bench_run(b, NS_PER_S + 20 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->applied.n, b->agent->cfg->version.n);
}

static void a_snapshot_far_ahead_is_applied_when_its_bridges_are_served(void **state)
{
    struct bench *b = *state;

    b->agent->cfg->automatic = false;
    b->agent->cfg->version.n += 1000;
    fake_cfg_show(b->agent->cfg, true);
    bench_step(b, NS_PER_MS);
    assert_true(b->agent->cfg->applied.n < b->agent->cfg->version.n);
    b->agent->cfg->automatic = true;
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->applied.n, b->agent->cfg->version.n);
}

static void a_socket_that_cannot_be_made_is_an_error_of_the_bridges_row(void **state)
{
    struct bench *b = *state;
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;

    char *path = memory_format("%s/br1.mgmt", b->dir);
    assert_int_equal(mkdir(path, 0700), 0); /* in its place */
    row.name = (char *)(uintptr_t) "br1";
    bench_commit_row(b, CFG_BRIDGE, 2, &row.base);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->n_applied_errors, 1);
    assert_int_equal(b->agent->cfg->applied.n, b->agent->cfg->version.n);
    assert_int_equal(rmdir(path), 0);
    bench_run(b, 2 * NS_PER_S); /* it tries again */
    assert_true(bridge_by_name(b->agent, "br1")->listener >= 0);
    free(path);
}

static bool is_polled(struct bench *b, int fd, short events)
{
    uint64_t next_ns;
    size_t n;
    const struct pollfd *fds = ofagent_fds(b->agent, &n, &next_ns);

    for (size_t i = 0; i < n; i++) {
        if (fds[i].fd == fd) {
            return (fds[i].events & events) != 0;
        }
    }
    return false;
}

static void listeners_and_sessions_are_polled_for(void **state)
{
    struct bench *b = *state;
    struct client c;

    assert_true(is_polled(b, bridge_find(b->agent, 1)->listener, POLLIN));
    client_open(b, &c);
    assert_true(is_polled(b, conn_fd(bridge_find(b->agent, 1)->sessions->conn), POLLIN));
    client_close(&c);
}

static void a_session_that_is_paused_is_not_polled_for(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=drop");
    client_barrier(b, &c);
    assert_false(is_polled(b, conn_fd(bridge_find(b->agent, 1)->sessions->conn), POLLIN));
    client_close(&c);
}

/* The floor comes behind it, and one waking is enough; but what waits to be sent goes with the answer. */
static void an_answer_that_barriers_alone_wait_for_is_not_polled_for(void **state)
{
    struct bench *b = *state;
    struct client c, other;
    const int fd = 4000;

    bench_join(b);
    b->agent->cfg->fd = fd;
    b->agent->cfg->automatic = false;
    client_open(b, &c);
    client_open(b, &other);
    bench_run(b, NS_PER_S);
    assert_true(is_polled(b, fd, POLLIN));
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=drop");
    assert_true(is_polled(b, fd, POLLIN)); /* nobody has asked for a floor */
    client_barrier(b, &c);
    assert_false(is_polled(b, fd, POLLIN));
    client_flow_mod(b, &other, FLOW_MOD_ADD, "arp,actions=drop");
    assert_true(is_polled(b, fd, POLLIN));
    b->agent->cfg->automatic = true;
    bench_run(b, 50 * NS_PER_MS);
    bench_floor(b, b->agent->cfg->version.n);
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_true(is_polled(b, fd, POLLIN));
    b->agent->cfg->fd = 0;
    client_close(&other);
    client_close(&c);
}

/* Poll() has been asked just before: what it has not named is not looked at in the step behind it, and in the next one is. */
static void what_poll_has_not_named_is_not_read(void **state)
{
    static const uint8_t echo[] = {4, OF_ECHO_REQUEST, 0, 8, 0, 0, 0, 7};
    struct bench *b = *state;
    struct client c;
    uint64_t next_ns;
    size_t n;

    client_open(b, &c);
    int fd = conn_fd(bridge_find(b->agent, 1)->sessions->conn);
    struct pollfd *fds = ofagent_fds(b->agent, &n, &next_ns);
    for (size_t i = 0; i < n; i++) {
        fds[i].revents = 0;
    }
    ofagent_polled(b->agent, fds, n);
    assert_false(agent_may_have(b->agent, fd, POLLIN));
    assert_true(agent_may_have(b->agent, fd, POLLOUT)); /* that was not asked */
    assert_true(agent_may_have(b->agent, 1 << 20, POLLIN));
    assert_true(agent_may_have(b->agent, -1, POLLIN));
    assert_int_equal(send(c.fd, echo, sizeof echo, 0), sizeof echo);
    uint64_t heard_ns = bridge_find(b->agent, 1)->sessions->heard_ns;
    b->now_ns += NS_PER_MS;
    ofagent_step(b->agent, b->now_ns, b->now_ns);
    assert_true(bridge_find(b->agent, 1)->sessions->heard_ns == heard_ns);
    client_expect(b, &c, OF_ECHO_REPLY);
    client_close(&c);
}

static void an_idle_agent_does_not_spin(void **state)
{
    struct bench *b = *state;
    uint64_t next_ns;
    size_t n;

    bench_join(b);
    bench_run(b, NS_PER_S);
    (void)ofagent_fds(b->agent, &n, &next_ns);
    assert_true(next_ns >= b->now_ns + 20 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(it_registers_with_its_kind_and_control_endpoint),
        CLAIM(bridges_come_and_go_with_their_rows),
        CLAIM(a_version_is_applied_when_its_bridges_are_served),
        CLAIM(a_version_is_applied_before_configdb_holds_deltas_back),
        CLAIM(many_bytes_are_applied_before_configdb_holds_deltas_back),
        CLAIM(a_version_is_applied_after_a_while_at_the_latest),
        CLAIM(a_snapshot_far_ahead_is_applied_when_its_bridges_are_served),
        CLAIM(a_socket_that_cannot_be_made_is_an_error_of_the_bridges_row),
        CLAIM(listeners_and_sessions_are_polled_for),
        CLAIM(a_session_that_is_paused_is_not_polled_for),
        CLAIM(an_answer_that_barriers_alone_wait_for_is_not_polled_for),
        CLAIM(what_poll_has_not_named_is_not_read),
        CLAIM(an_idle_agent_does_not_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
