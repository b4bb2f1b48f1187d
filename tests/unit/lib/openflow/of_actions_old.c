/* Tests of lib/openflow/of_actions_old.c. */
#include "tests/unit/lib/openflow/openflow_test.h"
#include "lib/openflow/of_actions.h"

static void each_is_read_as_what_does_the_same_and_written_to_1_0(void **state)
{
    static const struct {
        const char *text;
        uint8_t body[8]; /* subtype and six bytes */
    } rows[] = {
        {"set_queue:3", {0, 4, 0, 0, 0, 0, 0, 3}},       {"pop_queue", {0, 5}},
        {"dec_ttl", {0, 18}},                            {"push_mpls:0x8847", {0, 23, 0x88, 0x47}},
        {"pop_mpls:0x0800", {0, 24, 8, 0}},              {"set_mpls_ttl(7)", {0, 25, 7}},
        {"dec_mpls_ttl", {0, 26}},                       {"group:5", {0, 40, 0, 0, 0, 0, 0, 5}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[16] = {0xff, 0xff, 0, 16, 0, 0, 0x23, 0x20};
        memcpy(bytes + 8, rows[i].body, 8);
        openflow_assert_actions10(rows[i].text, bytes, sizeof bytes);
    }
}

static void a_ttl_names_its_controllers(void **state)
{
    /* Open vSwitch's own: dec_ttl(1,2) */
    static const uint8_t named[24] = {0xff, 0xff, 0, 24, 0, 0, 0x23, 0x20, 0, 21, 0, 2, 0, 0, 0, 0, 0, 1, 0, 2};
    static const uint8_t alone[24] = {0xff, 0xff, 0, 24, 0, 0, 0x23, 0x20, 0, 21, 0, 1};
    static const uint8_t none[16] = {0xff, 0xff, 0, 16, 0, 0, 0x23, 0x20, 0, 21};
    static const uint8_t cut[24] = {0xff, 0xff, 0, 24, 0, 0, 0x23, 0x20, 0, 21, 0, 5};
    static const uint8_t plain[8] = {0, 24, 0, 8};
    struct action_list list;
    struct of_error error;
    struct writer w;

    openflow_assert_actions10("dec_ttl(1,2)", named, sizeof named);
    writer_init(&w);
    for (size_t i = 0; i < 2; i++) {
        struct reader r = reader_of(i == 0 ? named : alone, 24);
        assert_int_equal(of_actions_decode(&r, OF_VERSION_13, &list, &error), 0);
        writer_clear(&w);
        of_actions_encode(&w, OF_VERSION_13, &list);
        assert_int_equal(w.size, i == 0 ? sizeof named : sizeof plain); /* id 0 alone is what the standard's means */
        assert_memory_equal(w.bytes, i == 0 ? named : plain, w.size);
        action_list_fini(&list);
    }
    struct reader r = reader_of(none, sizeof none);
    assert_int_not_equal(of_actions_decode(&r, OF_VERSION_13, &list, &error), 0);
    assert_int_equal(error.number, OF_ERROR_BAD_ACTION_BAD_ARGUMENT);
    action_list_fini(&list);
    r = reader_of(cut, sizeof cut);
    assert_int_not_equal(of_actions_decode(&r, OF_VERSION_13, &list, &error), 0);
    assert_int_equal(error.number, OF_ERROR_BAD_ACTION_BAD_LEN);
    action_list_fini(&list);
    writer_fini(&w);
}

static void metadata_is_set_under_its_mask(void **state)
{
    static const uint8_t bytes[32] = {0xff, 0xff, 0, 32, 0, 0, 0x23, 0x20, 0, 22, [23] = 5, [31] = 0xff};
    struct action_list list = openflow_actions10_of("write_metadata", bytes, sizeof bytes);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].set_field.field, FIELD_METADATA);
    assert_int_equal(field_value_to_u64(list.items[0].set_field.value), 5);
    assert_int_equal(field_value_to_u64(list.items[0].set_field.mask), 0xff);
    action_list_fini(&list);
}

static void a_wrong_length_is_refused(void **state)
{
    static const uint8_t bytes[24] = {0xff, 0xff, 0, 24, 0, 0, 0x23, 0x20, 0, 18};
    struct action_list list;
    struct of_error error;
    struct reader r = reader_of(bytes, sizeof bytes);
    assert_int_not_equal(of_actions_decode(&r, OF_VERSION_10, &list, &error), 0);
    assert_int_equal(error.number, OF_ERROR_BAD_ACTION_BAD_LEN);
    action_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_read_as_what_does_the_same_and_written_to_1_0),
        cmocka_unit_test(a_ttl_names_its_controllers),
        cmocka_unit_test(metadata_is_set_under_its_mask),
        cmocka_unit_test(a_wrong_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
