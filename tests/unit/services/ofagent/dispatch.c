/* Tests of services/ofagent/dispatch.c: who may say what. */
#include "tests/unit/services/ofagent/bench.h"

static void a_message_only_a_switch_sends_is_refused(void **state)
{
    struct bench *b = *state;
    struct of_message message = {.type = OF_BARRIER_REPLY, .xid = 3};
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &message);
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_BAD_TYPE);
    assert_int_equal(c.message.xid, 3);
    client_close(&c);
}

static void an_unknown_type_is_refused(void **state)
{
    static const uint8_t unknown[] = {4, 99, 0, 8, 0, 0, 0, 7};
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    assert_int_equal(send(c.fd, unknown, sizeof unknown, 0), sizeof unknown);
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_BAD_TYPE);
    assert_int_equal(c.message.xid, 7);
    client_close(&c);
}

static void a_slave_may_ask_but_not_change(void **state)
{
    struct bench *b = *state;
    struct of_message role = {.type = OF_ROLE_REQUEST, .role = {.role = OF_ROLE_SLAVE, .generation_id = 1}};
    struct of_message features = {.type = OF_FEATURES_REQUEST};
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &role);
    client_expect(b, &c, OF_ROLE_REPLY);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_IS_SLAVE);
    client_send(b, &c, &features);
    client_expect(b, &c, OF_FEATURES_REPLY);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_message_only_a_switch_sends_is_refused),
        CLAIM(an_unknown_type_is_refused),
        CLAIM(a_slave_may_ask_but_not_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
