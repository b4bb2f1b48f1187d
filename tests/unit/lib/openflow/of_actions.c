/* Tests of lib/openflow/of_actions.c. */
#include "lib/openflow/of_actions.h"

#include <errno.h>

#include "lib/base/memory.h"
#include "tests/unit/lib/openflow/openflow_test.h"

static void lists_arrive_as_they_were_sent(void **state)
{
    const char *const texts[] = {
        "output:1,CONTROLLER:64,IN_PORT", "push_vlan:0x8100,set_field:4101->vlan_vid,pop_vlan",
        "push_mpls:0x8847,set_field:3->mpls_label,set_mpls_ttl:4,dec_mpls_ttl,copy_ttl_in,copy_ttl_out,pop_mpls:0x0800",
        "mod_nw_ttl:3,dec_ttl,set_queue:7,group:8,set_field:::1->ipv6_src", "drop"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct action_list list = model_actions(texts[i]), out;
        struct writer w;
        writer_init(&w);
        of_actions_encode(&w, OF_VERSION_13, &list);
        assert_int_equal(w.size % 8, 0);
        struct reader r = reader_of(w.bytes, w.size);
        assert_int_equal(of_actions_decode(&r, OF_VERSION_13, &out, NULL), 0);
        assert_true(action_list_equal(&list, &out));
        action_list_fini(&list);
        action_list_fini(&out);
        writer_fini(&w);
    }
}

static void a_cut_list_is_refused_and_what_was_read_can_be_freed(void **state)
{
    struct action_list list = model_actions("output:1,set_field:00:00:00:00:00:01->eth_src,group:2");
    struct writer w;

    writer_init(&w);
    of_actions_encode(&w, OF_VERSION_13, &list);
    for (size_t size = 1; size < w.size; size++) {
        struct action_list out;
        struct of_error error = {.number = OF_ERROR_NONE};
        uint8_t *copy = memory_copy(w.bytes, size);
        struct reader r = reader_of(copy, size);
        int err = of_actions_decode(&r, OF_VERSION_13, &out, &error);
        assert_int_equal(err, size == 16 || size == 32 ? 0 : -EPROTO);
        assert_int_equal(error.number, err == 0 ? OF_ERROR_NONE : OF_ERROR_BAD_ACTION_BAD_LEN);
        action_list_fini(&out);
        free(copy);
    }
    action_list_fini(&list);
    writer_fini(&w);
}

static void the_length_of_an_output_matters_to_controllers_only(void **state)
{
    const uint8_t output[] = {0, 0, 0, 16, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0, 0};
    struct reader r = reader_of(output, sizeof output);
    struct action_list out;

    assert_int_equal(of_actions_decode(&r, OF_VERSION_13, &out, NULL), 0);
    assert_int_equal(out.items[0].output.max_len, 0);
    action_list_fini(&out);
}

/* OpenFlow 1.5 wants the bit of a tag in every set_field of a VLAN id, which Open vSwitch refuses without it too; before, a part is a load. */
static void a_part_of_a_vlan_id_is_said_as_each_version_has_it(void **state)
{
    static const uint8_t part[] = {0, 25, 0, 16, 0x80, 0, 0x0d, 4, 0x10, 0x01, 0x10, 0x03, 0, 0, 0, 0};
    static const uint8_t whole[] = {0, 25, 0, 16, 0x80, 0, 0x0c, 2, 0x10, 0x05, 0, 0, 0, 0, 0, 0};
    static const uint8_t load[] = {0xff, 0xff, 0, 24, 0, 0, 0x23, 0x20, 0, 7, 0, 1, 0x80, 0, 0x0c, 2, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t without[] = {0, 25, 0, 16, 0x80, 0, 0x0d, 4, 0, 1, 0, 3, 0, 0, 0, 0};
    const struct {
        const char *text;
        uint8_t version;
        const uint8_t *bytes;
        size_t size;
    } cases[] = {{"load:1->OXM_OF_VLAN_VID[0..1]", OF_VERSION_15, part, sizeof part},
                 {"set_field:0x1001/0x1003->vlan_vid", OF_VERSION_15, part, sizeof part},
                 {"load:5->OXM_OF_VLAN_VID[]", OF_VERSION_15, whole, sizeof whole},
                 {"load:1->OXM_OF_VLAN_VID[0..1]", OF_VERSION_13, load, sizeof load},
                 {"set_field:0x1001/0x1003->vlan_vid", OF_VERSION_14, load, sizeof load}};
    struct writer w;
    writer_init(&w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct action_list list = model_actions(cases[i].text), out;
        writer_clear(&w);
        of_actions_encode(&w, cases[i].version, &list);
        assert_int_equal(w.size, cases[i].size);
        assert_memory_equal(w.bytes, cases[i].bytes, w.size);
        struct reader r = reader_of(w.bytes, w.size);
        assert_int_equal(of_actions_decode(&r, cases[i].version, &out, NULL), 0);
        assert_true(cases[i].bytes == whole || action_list_equal(&list, &out));
        action_list_fini(&list);
        action_list_fini(&out);
    }
    struct of_error error = {.number = OF_ERROR_NONE};
    struct action_list out;
    struct reader r = reader_of(without, sizeof without);
    assert_int_not_equal(of_actions_decode(&r, OF_VERSION_15, &out, &error), 0);
    assert_int_equal(error.number, OF_ERROR_BAD_ACTION_BAD_SET_ARGUMENT);
    action_list_fini(&out);
    writer_fini(&w);
}

static void faults_of_the_model_have_their_errors(void **state)
{
    const struct {
        const char *match;
        const char *actions;
        enum of_error_number number;
    } cases[] = {
        {"", "dec_ttl", OF_ERROR_BAD_ACTION_MATCH_INCONSISTENT},
        {"dl_vlan=1", "set_field:5->vlan_vid", OF_ERROR_BAD_ACTION_BAD_SET_ARGUMENT},
        {"", "push_vlan:0x1234", OF_ERROR_BAD_ACTION_BAD_ARGUMENT},
        {"", "push_vlan:0x8100,push_vlan:0x8100,push_vlan:0x8100", OF_ERROR_BAD_ACTION_BAD_TAG},
        {"", "group:4294967295", OF_ERROR_BAD_ACTION_BAD_OUT_GROUP},
        {"", "output:1", OF_ERROR_NONE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct match match = model_match(cases[i].match);
        struct action_list list = model_actions(cases[i].actions);
        struct of_error error = {.number = OF_ERROR_NONE};
        int err = of_actions_check(&list, OF_VERSION_13, &match, &error);
        assert_int_equal(err != 0, cases[i].number != OF_ERROR_NONE);
        assert_int_equal(error.number, cases[i].number);
        action_list_fini(&list);
    }
}

static void instructions_have_errors_of_their_own(void **state)
{
    struct match any = model_match("");
    struct instructions back = model_instructions("goto_table:1"), meter = model_instructions("meter:4294967295");
    struct instructions set = model_instructions("write_actions(resubmit(,1))");
    struct of_error error;

    assert_int_equal(of_instructions_check(&back, OF_VERSION_13, &any, 0, 2, &error), 0);
    assert_int_equal(of_instructions_check(&back, OF_VERSION_13, &any, 1, 2, &error), -EPROTO);
    assert_int_equal(error.number, OF_ERROR_BAD_INSTRUCTION_BAD_TABLE_ID);
    assert_int_equal(of_instructions_check(&meter, OF_VERSION_13, &any, 0, 2, &error), -EPROTO);
    assert_int_equal(error.number, OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    assert_int_equal(of_instructions_check(&set, OF_VERSION_13, &any, 0, 2, &error), -EPROTO);
    assert_int_equal(error.number, OF_ERROR_BAD_ACTION_BAD_TYPE);
    instructions_fini(&set);
}

static void the_actions_we_offer_are_those_we_read(void **state)
{
    uint32_t supported = of_actions_supported();

    assert_int_equal(supported & 1, 1);       /* output */
    assert_int_equal(supported >> 25 & 1, 1); /* set_field */
    assert_int_equal(supported >> 26 & 3, 0); /* no PBB */
    for (uint16_t type = 0; type < 32; type++) {
        uint8_t bytes[16] = {0, (uint8_t)type, 0, 16};
        struct reader r = reader_of(bytes, sizeof bytes);
        struct action_list out;
        struct of_error error = {.number = OF_ERROR_NONE};
        (void)!of_actions_decode(&r, OF_VERSION_13, &out, &error);
        assert_int_equal(error.number == OF_ERROR_BAD_ACTION_BAD_TYPE, (supported >> type & 1) == 0);
        action_list_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_arrive_as_they_were_sent),
        cmocka_unit_test(a_cut_list_is_refused_and_what_was_read_can_be_freed),
        cmocka_unit_test(the_length_of_an_output_matters_to_controllers_only),
        cmocka_unit_test(a_part_of_a_vlan_id_is_said_as_each_version_has_it),
        cmocka_unit_test(faults_of_the_model_have_their_errors),
        cmocka_unit_test(instructions_have_errors_of_their_own),
        cmocka_unit_test(the_actions_we_offer_are_those_we_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
