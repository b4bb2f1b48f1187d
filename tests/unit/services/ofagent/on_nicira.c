/* Tests of services/ofagent/on_nicira.c. */
#include "tests/unit/services/ofagent/bench.h"

static void formats_are_kept_and_unknown_ones_refused(void **state)
{
    struct bench *b = *state;
    struct of_message flow = {.type = OF_SET_FLOW_FORMAT, .number = {.number = OF_FLOW_FORMAT_NXM}};
    struct of_message packet = {.type = OF_SET_PACKET_IN_FORMAT, .number = {.number = OF_PACKET_IN_NXM2}};
    struct of_message table = {.type = OF_FLOW_MOD_TABLE_ID, .flow_mod_table_id = {.is_set = 1}};
    struct of_message id = {.type = OF_SET_CONTROLLER_ID, .controller_id = {.id = 77}};
    struct client c;

    client_open_in(b, &c, OF_VERSION_10);
    const struct session *session = bridge_find(b->agent, 1)->sessions;
    client_send(b, &c, &flow);
    client_send(b, &c, &packet);
    client_send(b, &c, &table);
    client_send(b, &c, &id);
    assert_int_equal(session->flow_format, OF_FLOW_FORMAT_NXM);
    assert_int_equal(session->packet_in_format, OF_PACKET_IN_NXM2);
    assert_true(session->has_table_id);
    assert_int_equal(session->controller_id, 77);
    packet.number.number = 3;
    client_send(b, &c, &packet);
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_EPERM);
    assert_int_equal(session->packet_in_format, OF_PACKET_IN_NXM2);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(formats_are_kept_and_unknown_ones_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
