/* Tests of lib/openflow/of_packet_nicira.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static void both_forms_are_read_back_in_every_version(void **state)
{
    static const uint8_t frame[14] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x12, 0x34};
    static const uint8_t data[] = {1, 2, 3};
    struct of_message message = {.type = OF_PACKET_IN,
                                 .packet_in = {.buffer_id = OF_NO_BUFFER,
                                               .total_size = 60,
                                               .reason = PACKET_IN_ACTION,
                                               .table = 3,
                                               .cookie = 5,
                                               .data = frame,
                                               .data_size = sizeof frame}};
    struct writer w;
    writer_init(&w);
    match_set(&message.packet_in.match, FIELD_IN_PORT, field_value_u64(PORT_LOCAL));
    match_set(&message.packet_in.match, FIELD_REG3, field_value_u64(9));
    for (size_t i = 0; i < 2 * OPENFLOW_VERSIONS; i++) {
        bool has_data = i % 2 == 1;
        message.version = openflow_versions[i / 2];
        message.form = has_data ? OF_FORM_NICIRA2 : OF_FORM_NICIRA;
        message.packet_in.userdata = has_data ? data : NULL;
        message.packet_in.userdata_size = has_data ? sizeof data : 0;
        struct of_message out = openflow_over_the_wire(message, &w);
        assert_int_equal(out.form, message.form);
        assert_int_equal(out.packet_in.total_size, 60);
        assert_int_equal(out.packet_in.table, 3);
        assert_int_equal(out.packet_in.cookie, 5);
        assert_true(match_equal(&out.packet_in.match, &message.packet_in.match));
        assert_int_equal(out.packet_in.data_size, sizeof frame);
        assert_memory_equal(out.packet_in.data, frame, sizeof frame);
        assert_int_equal(out.packet_in.userdata_size, has_data ? sizeof data : 0);
    }
    writer_fini(&w);
}

static void what_is_left_comes_back_with_its_packet(void **state)
{
    static const uint8_t frame[] = {1, 2, 3}, left[] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
    struct of_packet_in in = {.buffer_id = OF_NO_BUFFER, .total_size = 3, .reason = 1, .table = 4, .cookie = 6, .data = frame, .data_size = 3,
                              .continuation = left, .continuation_size = sizeof left};
    struct writer w;
    writer_init(&w);
    match_init(&in.match);
    match_set(&in.match, FIELD_IN_PORT, field_value_u64(2));
    for (size_t i = 0; i < 2 * OPENFLOW_VERSIONS; i++) {
        bool is_back = i % 2 == 1;
        struct of_message message = {.type = is_back ? OF_RESUME : OF_PACKET_IN, .version = openflow_versions[i / 2]};
        message.form = is_back ? OF_FORM_NICIRA : OF_FORM_NICIRA2;
        message.packet_in = in;
        struct of_message out = openflow_over_the_wire(message, &w);
        const struct of_packet_in *heard = is_back ? &out.resume : &out.packet_in;
        assert_int_equal(out.type, message.type);
        assert_int_equal(heard->continuation_size, sizeof left);
        assert_memory_equal(heard->continuation, left, sizeof left);
        assert_int_equal(heard->data_size, 3);
        assert_memory_equal(heard->data, frame, 3);
        assert_true(match_equal(&heard->match, &in.match));
    }
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_are_read_back_in_every_version),
        cmocka_unit_test(what_is_left_comes_back_with_its_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
