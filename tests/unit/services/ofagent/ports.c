/* Tests of services/ofagent/ports.c: port-status messages; descriptions are tested in on_multipart.c. */
#include "services/ofagent/ports.h"

#include "tests/unit/services/ofagent/bench.h"

/* A local peer that asks for asynchronous messages. */
static void open_listening(struct bench *b, struct client *c)
{
    struct of_message set = {.type = OF_SET_CONFIG, .config = {.miss_send_len = 128}};
    client_open(b, c);
    client_send(b, c, &set);
}

static void a_new_port_a_changed_link_and_a_deleted_port_are_told(void **state)
{
    struct bench *b = *state;
    struct client c;

    open_listening(b, &c);
    bench_port(b, 9, "p9", 9);
    client_expect(b, &c, OF_PORT_STATUS);
    assert_int_equal(c.message.port_status.reason, OF_PORT_ADD);
    assert_int_equal(c.message.port_status.port.port_no, 9);
    client_expect(b, &c, OF_PORT_STATUS);
    assert_int_equal(c.message.port_status.reason, OF_PORT_MODIFY);
    assert_int_equal(c.message.port_status.port.state, OF_PORT_LIVE);
    fake_cfg_set(b->agent->cfg, CFG_PORT_STATUS, 9, NULL);
    client_expect(b, &c, OF_PORT_STATUS);
    assert_int_equal(c.message.port_status.port.state, OF_PORT_LINK_DOWN);
    bench_commit_row(b, CFG_PORT, 9, NULL);
    client_expect(b, &c, OF_PORT_STATUS);
    assert_int_equal(c.message.port_status.reason, OF_PORT_DELETE);
    client_close(&c);
}

static void the_same_status_again_is_not_told(void **state)
{
    struct bench *b = *state;
    struct client c;

    open_listening(b, &c);
    bench_port(b, 2, "p1", 1);
    assert_false(client_next(b, &c));
    client_close(&c);
}

static void a_peer_that_did_not_ask_is_not_told(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    bench_port(b, 9, "p9", 9);
    assert_false(client_next(b, &c));
    client_close(&c);
}

static void names_are_those_of_the_bridge(void **state)
{
    struct bench *b = *state;
    struct match_ports names = ports_names(bridge_find(b->agent, 1));
    uint32_t number = 0;

    assert_true(names.by_name(names.context, "p2", &number));
    assert_int_equal(number, 2);
    assert_false(names.by_name(names.context, "p3", &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_new_port_a_changed_link_and_a_deleted_port_are_told),
        CLAIM(the_same_status_again_is_not_told),
        CLAIM(a_peer_that_did_not_ask_is_not_told),
        CLAIM(names_are_those_of_the_bridge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
