/* Tests of lib/openflow/of_packet.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static const uint8_t arp[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 1, 2, 3, 4, 5, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1};

static void a_packet_in_carries_match_and_packet(void **state)
{
    struct of_message message = {.type = OF_PACKET_IN,
                                 .packet_in = {.buffer_id = OF_NO_BUFFER,
                                               .total_size = 1500,
                                               .reason = PACKET_IN_ACTION,
                                               .table = 3,
                                               .cookie = 5,
                                               .data = arp,
                                               .data_size = sizeof arp}};
    struct writer w;

    writer_init(&w);
    message.packet_in.match = model_match("in_port=2,metadata=7,reg3=9");
    struct of_message out = openflow_over_the_wire(message, &w);
    assert_int_equal(out.packet_in.total_size, 1500);
    assert_int_equal(out.packet_in.reason, PACKET_IN_ACTION);
    assert_int_equal(out.packet_in.table, 3);
    assert_true(match_equal(&out.packet_in.match, &message.packet_in.match));
    assert_int_equal(out.packet_in.data_size, sizeof arp);
    assert_memory_equal(out.packet_in.data, arp, sizeof arp);
    writer_fini(&w);
}

static struct of_message packet_out(const char *actions, uint32_t in_port)
{
    return (struct of_message){.type = OF_PACKET_OUT,
                               .packet_out = {.buffer_id = OF_NO_BUFFER,
                                              .in_port = in_port,
                                              .actions = model_actions(actions),
                                              .data = arp,
                                              .data_size = sizeof arp}};
}

static enum of_error_number refusal(const char *actions, uint32_t in_port)
{
    struct of_message message = packet_out(actions, in_port);
    enum of_error_number number = openflow_refusal_of(message);
    of_message_fini(&message);
    return number;
}

static void a_packet_out_carries_actions_and_packet(void **state)
{
    struct of_message message = packet_out("output:2,FLOOD", PORT_CONTROLLER);
    struct writer w;

    writer_init(&w);
    struct of_message out = openflow_over_the_wire(message, &w);
    assert_true(action_list_equal(&out.packet_out.actions, &message.packet_out.actions));
    assert_memory_equal(out.packet_out.data, arp, sizeof arp);
    of_message_fini(&out);
    of_message_fini(&message);
    writer_fini(&w);
}

static void the_actions_of_a_packet_out_must_fit_its_packet(void **state)
{
    assert_int_equal(refusal("set_field:2->arp_op,output:1", 1), OF_ERROR_NONE);
    assert_int_equal(refusal("set_field:80->tcp_dst,output:1", 1), OF_ERROR_BAD_ACTION_MATCH_INCONSISTENT);
    assert_int_equal(refusal("pop_vlan,output:1", 1), OF_ERROR_BAD_ACTION_MATCH_INCONSISTENT);
    assert_int_equal(refusal("push_vlan:0x8100,pop_vlan,output:1", 1), OF_ERROR_NONE);
}

static void a_packet_comes_from_a_port_or_from_none(void **state)
{
    assert_int_equal(refusal("TABLE", 0), OF_ERROR_NONE);
    assert_int_equal(refusal("TABLE", PORT_ANY), OF_ERROR_NONE);
    assert_int_equal(refusal("TABLE", PORT_LOCAL), OF_ERROR_NONE);
    assert_int_equal(refusal("TABLE", PORT_FLOOD), OF_ERROR_BAD_REQUEST_BAD_PORT);
    assert_int_equal(refusal("TABLE", 70000), OF_ERROR_BAD_ACTION_BAD_OUT_PORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_in_carries_match_and_packet),
        cmocka_unit_test(a_packet_out_carries_actions_and_packet),
        cmocka_unit_test(the_actions_of_a_packet_out_must_fit_its_packet),
        cmocka_unit_test(a_packet_comes_from_a_port_or_from_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
