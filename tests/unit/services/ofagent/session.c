/* Tests of services/ofagent/session.c: HELLO, liveness, pauses, through a whole agent. */
#include "tests/unit/services/ofagent/bench.h"

static struct session *only_session(const struct bench *b)
{
    const struct bridge *bridge = bridge_find(b->agent, 1);
    assert_int_equal(bridge->n_sessions, 1);
    return bridge->sessions;
}

static void hellos_with_a_version_in_common_make_a_session_active(void **state)
{
    struct client c;

    client_open(*state, &c);
    assert_int_equal(only_session(*state)->state, SESSION_ACTIVE);
    client_close(&c);
    bench_step(*state, NS_PER_MS);
    assert_int_equal(bridge_find(((struct bench *)*state)->agent, 1)->n_sessions, 0);
}

static void without_a_version_in_common_the_peer_is_told_and_cut_off(void **state)
{
    static const uint8_t hello11[] = {2, OF_HELLO, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 1 << 2};
    struct bench *b = *state;
    struct client c;

    client_connect(b, &c);
    bench_step(b, NS_PER_MS);
    assert_int_equal(send(c.fd, hello11, sizeof hello11, 0), sizeof hello11);
    bench_step(b, NS_PER_MS);
    client_expect_error(b, &c, OF_ERROR_HELLO_FAILED_INCOMPATIBLE);
    assert_true(c.message.error.data_size > 20);
    assert_int_equal(recv(c.fd, &(uint8_t){0}, 1, MSG_DONTWAIT), 0);
    client_close(&c);
}

static void the_highest_version_in_common_is_spoken_and_protocols_narrow_it(void **state)
{
    static char *const only_13[] = {"OpenFlow13", "OpenFlow10"};
    struct bench *b = *state;
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    static const uint8_t versions[] = {OF_VERSION_10, OF_VERSION_13, OF_VERSION_14, OF_VERSION_15};

    for (size_t i = 0; i < sizeof versions; i++) {
        struct client c;
        client_open_in(b, &c, versions[i]);
        assert_int_equal(c.message.hello.versions, OF_VERSIONS);
        assert_int_equal(only_session(b)->version, versions[i]);
        client_barrier(b, &c);
        client_expect(b, &c, OF_BARRIER_REPLY);
        client_close(&c);
        bench_step(b, NS_PER_MS);
    }
    row.name = (char *)(uintptr_t) "br0";
    row.n_protocols = 2;
    row.protocols = (char **)(uintptr_t)only_13;
    bench_commit_row(b, CFG_BRIDGE, 1, &row.base);
    struct client c;
    client_open(b, &c);
    assert_int_equal(c.message.hello.versions, 1 << OF_VERSION_13 | 1 << OF_VERSION_10);
    client_close(&c);
}

static void a_peer_that_says_nothing_is_cut_off_after_ten_seconds(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_connect(b, &c);
    bench_step(b, NS_PER_MS);
    bench_step(b, 9 * NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 1);
    bench_step(b, 2 * NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0);
    client_close(&c);
}

static void bytes_that_are_no_openflow_end_the_session_and_nothing_else(void **state)
{
    struct bench *b = *state;
    struct client bad, good;
    uint8_t noise[4096];

    client_open(b, &good);
    client_connect(b, &bad);
    bench_step(b, NS_PER_MS);
    memset(noise, 0xff, sizeof noise);
    noise[2] = noise[3] = 0; /* a length of zero cannot be stepped over */
    assert_int_equal(send(bad.fd, noise, sizeof noise, 0), sizeof noise);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(only_session(b)->state, SESSION_ACTIVE);
    client_barrier(b, &good);
    client_expect(b, &good, OF_BARRIER_REPLY);
    client_close(&bad);
    client_close(&good);
}

static void a_truncated_message_is_answered_with_its_xid(void **state)
{
    static const uint8_t flow_mod[] = {4, OF_FLOW_MOD, 0, 16, 0, 0, 0, 42, 1, 2, 3, 4, 5, 6, 7, 8};
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    assert_int_equal(send(c.fd, flow_mod, sizeof flow_mod, 0), sizeof flow_mod);
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_BAD_LEN);
    assert_int_equal(c.message.xid, 42);
    client_close(&c);
}

static void a_barrier_waits_for_the_floor_of_every_shard(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_barrier(b, &c);
    assert_false(client_next(b, &c));
    bench_floor(b, b->agent->cfg->version.n - 1);
    assert_false(client_next(b, &c));
    bench_floor(b, b->agent->cfg->version.n);
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_int_equal(c.message.xid, 99);
    client_close(&c);
}

static void a_barrier_does_not_wait_for_a_shard_that_left(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_barrier(b, &c);
    assert_false(client_next(b, &c));
    bench_commit_row(b, CFG_SERVICE, BENCH_SHARD, NULL);
    client_expect(b, &c, OF_BARRIER_REPLY);
    client_close(&c);
}

static void what_follows_a_barrier_waits_for_its_reply(void **state)
{
    struct bench *b = *state;
    struct of_message echo = {.type = OF_ECHO_REQUEST, .xid = 5};
    struct client c;

    bench_join(b);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_barrier(b, &c);
    client_send(b, &c, &echo);
    assert_false(client_next(b, &c));
    bench_floor(b, b->agent->cfg->version.n);
    assert_true(client_next(b, &c));
    assert_int_equal(c.message.type, OF_BARRIER_REPLY);
    assert_true(client_next(b, &c));
    assert_int_equal(c.message.type, OF_ECHO_REPLY);
    client_close(&c);
}

/* Nothing more may come from the peer, so nobody would be woken for it. */
static void what_came_behind_a_barrier_that_waits_for_nothing_is_read_in_the_same_step(void **state)
{
    static const uint8_t both[] = {4, 20 /* BARRIER_REQUEST */, 0, 8, 0, 0, 0, 8, 4, OF_ECHO_REQUEST, 0, 8, 0, 0, 0, 7};
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    assert_int_equal(send(c.fd, both, sizeof both, 0), sizeof both);
    b->now_ns += NS_PER_MS;
    ofagent_step(b->agent, b->now_ns, b->now_ns);
    uint8_t replies[64];
    assert_int_equal(recv(c.fd, replies, sizeof replies, MSG_DONTWAIT), 16);
    assert_true(replies[7] == 8 && replies[15] == 7);
    client_close(&c);
}

static void errors_of_lost_changes_come_before_the_barrier_reply(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=1,actions=output:1");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=2,actions=output:1");
    client_barrier(b, &c);
    assert_false(client_next(b, &c));
    fake_cfg_refuse(b->agent->cfg, -ERROR_TIMEOUT, "silence");
    b->agent->cfg->automatic = true;
    for (int i = 0; i < 2; i++) {
        assert_true(client_next(b, &c));
        assert_int_equal(c.message.type, OF_ERROR);
        assert_int_equal(c.message.xid, 77);
    }
    assert_true(client_next(b, &c));
    assert_int_equal(c.message.type, OF_BARRIER_REPLY);
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 0);
    client_close(&c);
}

static void a_peer_that_leaves_while_its_barrier_waits_is_let_go(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_barrier(b, &c);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 1);
    client_close(&c);
    bench_step(b, NS_PER_MS);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0);
}

static void shards_far_behind_make_controllers_wait(void **state)
{
    struct bench *b = *state;
    struct of_message echo = {.type = OF_ECHO_REQUEST};
    struct client c;

    bench_join(b);
    client_open(b, &c);
    bridge_find(b->agent, 1)->followed_total -= BRIDGE_BEHIND_MAX + 1;
    bridge_find(b->agent, 1)->behind_total -= BRIDGE_BEHIND_MAX + 1;
    bridge_find(b->agent, 1)->behind_version = (struct version){.epoch = 1, .n = b->agent->cfg->version.n + 1};
    client_send(b, &c, &echo);
    assert_false(client_next(b, &c));
    bench_floor(b, b->agent->cfg->version.n + 1);
    client_expect(b, &c, OF_ECHO_REPLY);
    client_close(&c);
}

static void silence_is_probed_and_then_ended(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client c;

    bench_run(b, 50 * NS_PER_MS);
    client_attach(&c, accept(listener, NULL, NULL));
    client_hello(b, &c);
    bench_step(b, 5 * NS_PER_S);
    client_expect(b, &c, OF_ECHO_REQUEST);
    bench_step(b, 4 * NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 1);
    bench_step(b, 2 * NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0);
    client_close(&c);
    bench_controller_stop(b, listener);
}

static void after_a_stall_the_peer_still_has_a_whole_probe_to_answer(void **state)
{
    struct bench *b = *state;
    struct of_message reply = {.type = OF_ECHO_REPLY};
    int listener = bench_controller(b);
    struct client c;

    bench_run(b, 50 * NS_PER_MS);
    client_attach(&c, accept(listener, NULL, NULL));
    client_hello(b, &c);
    bench_step(b, 30 * NS_PER_S); /* far more than two probes */
    bench_step(b, 4 * NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 1);
    client_expect(b, &c, OF_ECHO_REQUEST);
    client_send(b, &c, &reply);
    bench_step(b, 4 * NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 1);
    bench_step(b, 2 * NS_PER_S); /* probed again, never answered */
    bench_step(b, 6 * NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0);
    client_close(&c);
    bench_controller_stop(b, listener);
}

static void a_removal_is_told_as_the_version_knows_it(void **state)
{
    struct bench *b = *state;
    static const uint8_t versions[] = {OF_VERSION_10, OF_VERSION_13, OF_VERSION_14, OF_VERSION_15};
    struct of_message removed = {.type = OF_FLOW_REMOVED};

    match_init(&removed.flow_removed.match);
    for (size_t i = 0; i < sizeof versions; i++) {
        struct client c;
        client_open_in(b, &c, versions[i]);
        for (uint8_t reason = OF_REMOVED_METER_DELETE; reason <= OF_REMOVED_EVICTION; reason++) {
            removed.flow_removed.reason = reason;
            session_send(bridge_find(b->agent, 1)->sessions, &removed);
            client_expect(b, &c, OF_FLOW_REMOVED);
            assert_int_equal(c.message.flow_removed.reason, versions[i] >= OF_VERSION_14 ? reason : OF_REMOVED_DELETE);
            assert_int_equal(removed.flow_removed.reason, reason); /* the next session may know it */
        }
        client_close(&c);
        bench_step(b, NS_PER_MS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_removal_is_told_as_the_version_knows_it),
        CLAIM(hellos_with_a_version_in_common_make_a_session_active),
        CLAIM(without_a_version_in_common_the_peer_is_told_and_cut_off),
        CLAIM(the_highest_version_in_common_is_spoken_and_protocols_narrow_it),
        CLAIM(a_peer_that_says_nothing_is_cut_off_after_ten_seconds),
        CLAIM(bytes_that_are_no_openflow_end_the_session_and_nothing_else),
        CLAIM(a_truncated_message_is_answered_with_its_xid),
        CLAIM(a_barrier_waits_for_the_floor_of_every_shard),
        CLAIM(a_barrier_does_not_wait_for_a_shard_that_left),
        CLAIM(what_follows_a_barrier_waits_for_its_reply),
        CLAIM(what_came_behind_a_barrier_that_waits_for_nothing_is_read_in_the_same_step),
        CLAIM(errors_of_lost_changes_come_before_the_barrier_reply),
        CLAIM(a_peer_that_leaves_while_its_barrier_waits_is_let_go),
        CLAIM(shards_far_behind_make_controllers_wait),
        CLAIM(silence_is_probed_and_then_ended),
        CLAIM(after_a_stall_the_peer_still_has_a_whole_probe_to_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
