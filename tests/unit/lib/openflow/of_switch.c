/* Tests of lib/openflow/of_switch.c. */
#include "lib/base/memory.h"
#include "tests/unit/lib/openflow/openflow_test.h"

static void features_arrive_as_they_were_sent(void **state)
{
    struct writer w;
    writer_init(&w);
    struct of_message out = openflow_over_the_wire((struct of_message){.type = OF_FEATURES_REPLY,
                                                                       .features = {.datapath_id = UINT64_C(0x1122334455667788),
                                                                                    .n_buffers = 3,
                                                                                    .n_tables = 254,
                                                                                    .auxiliary_id = 1,
                                                                                    .capabilities = OF_CAPABILITY_PORT_STATS}},
                                                   &w);
    assert_true(out.features.datapath_id == UINT64_C(0x1122334455667788));
    assert_int_equal(out.features.n_tables, 254);
    assert_int_equal(out.features.auxiliary_id, 1);
    assert_int_equal(out.features.capabilities, OF_CAPABILITY_PORT_STATS);
    assert_int_equal(w.size, 32);
    writer_fini(&w);
}

static void fragment_modes_are_the_standards_three_and_niciras(void **state)
{
    struct of_message message = {.type = OF_SET_CONFIG, .config = {.flags = OF_FRAG_REASM, .miss_send_len = 128}};
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_NONE);
    message.config.flags = OF_FRAG_NX_MATCH;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_NONE);
    message.config.flags = 4;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_SWITCH_CONFIG_FAILED_BAD_FLAGS);
}

static void a_description_arrives_with_texts_cut_to_fit(void **state)
{
    struct of_desc desc = {.manufacturer = "m", .software = "s", .serial = "n"}, out;
    struct of_multipart mp;
    struct writer w;

    memset(desc.hardware, 'h', sizeof desc.hardware);
    writer_init(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_DESC, OF_FORM_STANDARD);
    assert_int_equal(of_desc_encode(&mp, &desc), 0);
    struct reader r = openflow_items(&mp);
    assert_int_equal(reader_left(&r), 1056);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_desc_decode, struct of_desc);
    assert_int_equal(of_desc_decode(&r, OF_VERSION_13, &out), 0);
    assert_string_equal(out.manufacturer, "m");
    assert_int_equal(strlen(out.hardware), sizeof out.hardware - 1);
    assert_string_equal(out.serial, "n");
    assert_string_equal(out.datapath, "");
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_arrive_as_they_were_sent),
        cmocka_unit_test(fragment_modes_are_the_standards_three_and_niciras),
        cmocka_unit_test(a_description_arrives_with_texts_cut_to_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
