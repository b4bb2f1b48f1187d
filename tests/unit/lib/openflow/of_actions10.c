/* Tests of lib/openflow/of_actions10.c. */
#include "tests/unit/lib/openflow/openflow_test.h"
#include "lib/openflow/of_actions10.h"

#include "lib/openflow/of_actions.h"

#define ASSERT_SAME(text, ...)                                                                                                 \
    do {                                                                                                                       \
        static const uint8_t bytes_[] = {__VA_ARGS__};                                                                         \
        openflow_assert_actions10(text, bytes_, sizeof bytes_);                                                                  \
    } while (0)

static void each_action_is_read_and_written_again(void **state)
{
    ASSERT_SAME("output:2", 0, 0, 0, 8, 0, 2, 0, 0);
    ASSERT_SAME("set_field:4103->vlan_vid", 0, 1, 0, 8, 0, 7, 0, 0);
    ASSERT_SAME("pop_vlan", 0, 3, 0, 8, 0, 0, 0, 0);
    ASSERT_SAME("set_field:00:00:00:00:00:05->eth_dst", 0, 5, 0, 16, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0);
    ASSERT_SAME("set_field:10.0.0.1->ip_src", 0, 6, 0, 8, 10, 0, 0, 1);
    ASSERT_SAME("set_field:8->ip_dscp", 0, 8, 0, 8, 32, 0, 0, 0);
    ASSERT_SAME("set_queue:2,output:1,pop_queue", 0, 11, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
}

static void a_port_is_that_of_the_protocol_that_the_match_names(void **state)
{
    static const uint8_t set_dst[] = {0, 10, 0, 8, 0, 80, 0, 0};
    struct match match;
    struct action_list list = openflow_actions10_of("set_tp_dst", set_dst, sizeof set_dst);
    assert_int_equal(list.count, 2); /* TCP's and UDP's */
    match_init(&match);
    match_set(&match, FIELD_ETH_TYPE, field_value_u64(0x800));
    match_set(&match, FIELD_IP_PROTO, field_value_u64(17));
    of_actions10_narrow(&list, &match);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].set_field.field, FIELD_UDP_DST);
    action_list_fini(&list);
}

static void wrong_actions_are_refused(void **state)
{
    static const uint8_t unknown[] = {0, 12, 0, 8, 0, 0, 0, 0};
    static const uint8_t vlan[] = {0, 1, 0, 8, 0x10, 0, 0, 0};
    static const uint8_t tos[] = {0, 8, 0, 8, 1, 0, 0, 0};
    static const uint8_t length[] = {0, 5, 0, 8, 0, 0, 0, 0};
    static const struct {
        const uint8_t *bytes;
        enum of_error_number number;
    } rows[] = {{unknown, OF_ERROR_BAD_ACTION_BAD_TYPE},
                {vlan, OF_ERROR_BAD_ACTION_BAD_ARGUMENT},
                {tos, OF_ERROR_BAD_ACTION_BAD_ARGUMENT},
                {length, OF_ERROR_BAD_ACTION_BAD_LEN}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct action_list list;
        struct of_error error;
        struct reader r = reader_of(rows[i].bytes, 8);
        assert_int_not_equal(of_actions_decode(&r, OF_VERSION_10, &list, &error), 0);
        assert_int_equal(error.number, rows[i].number);
        action_list_fini(&list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_action_is_read_and_written_again),
        cmocka_unit_test(a_port_is_that_of_the_protocol_that_the_match_names),
        cmocka_unit_test(wrong_actions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
