/* Tests of services/ofagent/controller.c: back-off, status, fail-open. */
#include "tests/unit/services/ofagent/bench.h"

static struct controller *only_controller(const struct bench *b)
{
    return bridge_find(b->agent, 1)->controllers;
}

static void a_controller_is_connected_to_and_its_status_says_so(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client c;

    bench_run(b, 50 * NS_PER_MS);
    client_attach(&c, accept(listener, NULL, NULL));
    assert_false(bench_status(b)->is_connected);
    client_hello(b, &c);
    bench_step(b, NS_PER_MS);
    assert_true(bench_status(b)->is_connected);
    assert_string_equal(bench_status(b)->state, "active");
    assert_string_equal(bench_status(b)->role, "equal");
    client_close(&c);
    bench_run(b, 50 * NS_PER_MS);
    assert_false(bench_status(b)->is_connected);
    assert_string_equal(bench_status(b)->last_error, "closed by the peer");
    bench_controller_stop(b, listener);
}

static void attempts_back_off_to_the_limit(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    uint64_t attempts[6];
    size_t n = 0;

    bench_controller_stop(b, listener); /* nobody listens: refused at once */
    uint64_t last = 0;
    while (n < 6) {
        bench_step(b, 50 * NS_PER_MS);
        if (only_controller(b)->tried_ns != last) {
            attempts[n++] = last = only_controller(b)->tried_ns;
        }
    }
    assert_int_equal((attempts[1] - attempts[0]) / NS_PER_S, 1);
    assert_int_equal((attempts[2] - attempts[1]) / NS_PER_S, 2);
    assert_int_equal((attempts[3] - attempts[2]) / NS_PER_S, 4);
    assert_int_equal((attempts[4] - attempts[3]) / NS_PER_S, 8);
    assert_int_equal((attempts[5] - attempts[4]) / NS_PER_S, 8);
    assert_string_equal(bench_status(b)->state, "fail-open");
    assert_true(strlen(bench_status(b)->last_error) > 0);
}

static void all_controllers_silent_for_three_probes_is_fail_open(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client c;

    bench_run(b, 50 * NS_PER_MS);
    client_attach(&c, accept(listener, NULL, NULL));
    client_hello(b, &c);
    bench_step(b, NS_PER_MS);
    client_close(&c);
    bench_controller_stop(b, listener);
    bench_run(b, 14 * NS_PER_S);
    assert_string_not_equal(bench_status(b)->state, "fail-open");
    bench_run(b, 2 * NS_PER_S);
    assert_string_equal(bench_status(b)->state, "fail-open");
}

static void a_controller_that_comes_back_ends_fail_open_and_finds_its_rules(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client c, tool;

    client_open(b, &tool);
    client_flow_mod(b, &tool, FLOW_MOD_ADD, "ip,actions=output:1");
    client_close(&tool);
    bench_run(b, 16 * NS_PER_S); /* it listens but never says HELLO */
    assert_string_equal(bench_status(b)->state, "fail-open");
    int fd = accept(listener, NULL, NULL);
    while (true) { /* the connections that timed out are in the queue too: the last one lives */
        int next = accept(listener, NULL, NULL);
        if (next < 0) {
            break;
        }
        close(fd);
        fd = next;
    }
    client_attach(&c, fd);
    client_hello(b, &c);
    bench_step(b, NS_PER_MS);
    assert_string_equal(bench_status(b)->state, "active");
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 1);
    client_close(&c);
    bench_controller_stop(b, listener);
}

static void a_secure_bridge_never_fails_open(void **state)
{
    struct bench *b = *state;
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    int listener = bench_controller(b);

    bench_controller_stop(b, listener);
    row.name = (char *)(uintptr_t) "br0";
    row.fail_mode = (char *)(uintptr_t) "secure";
    bench_commit_row(b, CFG_BRIDGE, 1, &row.base);
    bench_run(b, 30 * NS_PER_S);
    assert_string_not_equal(bench_status(b)->state, "fail-open");
}

static void a_controller_taken_out_is_disconnected_and_its_status_withdrawn(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client c;

    bench_run(b, 50 * NS_PER_MS);
    client_attach(&c, accept(listener, NULL, NULL));
    client_hello(b, &c);
    bench_commit_row(b, CFG_CONTROLLER, 5, NULL);
    bench_run(b, 50 * NS_PER_MS);
    assert_null(bench_status(b));
    assert_null(only_controller(b));
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0);
    client_close(&c);
    bench_controller_stop(b, listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_controller_is_connected_to_and_its_status_says_so),
        CLAIM(attempts_back_off_to_the_limit),
        CLAIM(all_controllers_silent_for_three_probes_is_fail_open),
        CLAIM(a_controller_that_comes_back_ends_fail_open_and_finds_its_rules),
        CLAIM(a_secure_bridge_never_fails_open),
        CLAIM(a_controller_taken_out_is_disconnected_and_its_status_withdrawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
