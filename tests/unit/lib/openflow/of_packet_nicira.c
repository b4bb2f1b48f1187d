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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_are_read_back_in_every_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
