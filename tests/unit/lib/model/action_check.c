/* Tests of lib/model/action_check.c: which actions fit which match, as Open vSwitch 3.1 answers. */
#include "lib/model/action_check.h"

#include "tests/unit/lib/model/model_test.h"

static const struct check {
    const char *match;
    const char *actions;
    enum action_fault fault;
} checks[] = {
    {"", "output:1,output:65279,IN_PORT,LOCAL,CONTROLLER:5", ACTION_FAULT_NONE},
    {"", "set_field:1->reg0,set_field:00:00:00:00:00:01->eth_dst", ACTION_FAULT_NONE},
    {"", "set_field:10.0.0.1->ip_dst", ACTION_FAULT_INCONSISTENT},
    {"ip", "set_field:10.0.0.1->ip_dst", ACTION_FAULT_NONE},
    {"arp", "set_field:10.0.0.1->ip_dst", ACTION_FAULT_INCONSISTENT},
    {"arp", "set_field:10.0.0.1->arp_spa", ACTION_FAULT_NONE},
    {"tcp", "set_field:80->tcp_dst", ACTION_FAULT_NONE},
    {"udp", "set_field:80->tcp_dst", ACTION_FAULT_INCONSISTENT},
    {"", "set_field:4101->vlan_vid", ACTION_FAULT_INCONSISTENT},
    {"dl_vlan=1", "set_field:4101->vlan_vid", ACTION_FAULT_NONE},
    {"dl_vlan=1", "set_field:5->vlan_vid", ACTION_FAULT_SET_ARGUMENT},
    {"", "push_vlan:0x8100,set_field:4101->vlan_vid", ACTION_FAULT_NONE},
    {"", "push_vlan:0x8100,pop_vlan", ACTION_FAULT_NONE},
    {"", "push_vlan:0x8100,pop_vlan,set_field:4101->vlan_vid", ACTION_FAULT_INCONSISTENT},
    {"dl_vlan=1", "pop_vlan,pop_vlan", ACTION_FAULT_INCONSISTENT},
    {"", "push_vlan:0x8100,push_vlan:0x88a8,push_vlan:0x8100", ACTION_FAULT_TAG},
    {"", "push_vlan:0x1234", ACTION_FAULT_ARGUMENT},
    {"ip", "push_mpls:0x8847,set_field:3->mpls_label", ACTION_FAULT_NONE},
    {"ip", "push_mpls:0x8847,dec_ttl", ACTION_FAULT_INCONSISTENT},
    {"udp", "push_mpls:0x8847,pop_mpls:0x0800,set_field:3->udp_dst", ACTION_FAULT_INCONSISTENT},
    {"ip", "push_mpls:0x1234", ACTION_FAULT_ARGUMENT},
    {"mpls", "pop_mpls:0x0800,dec_ttl", ACTION_FAULT_NONE},
    {"", "pop_mpls:0x0800", ACTION_FAULT_INCONSISTENT},
    {"", "dec_ttl", ACTION_FAULT_INCONSISTENT},
    {"ipv6", "dec_ttl,mod_nw_ttl:3", ACTION_FAULT_NONE},
    {"ip", "dec_mpls_ttl", ACTION_FAULT_INCONSISTENT},
    {"", "set_mpls_ttl:3", ACTION_FAULT_INCONSISTENT},
    {"", "copy_ttl_in", ACTION_FAULT_INCONSISTENT},
    {"mpls", "copy_ttl_in,copy_ttl_out", ACTION_FAULT_NONE},
    {"", "move:NXM_OF_IP_SRC[]->NXM_NX_REG0[]", ACTION_FAULT_INCONSISTENT},
    {"ip", "move:NXM_OF_IP_SRC[]->NXM_NX_REG0[]", ACTION_FAULT_NONE},
    {"", "move:NXM_NX_REG0[0..15]->NXM_OF_TCP_DST[]", ACTION_FAULT_INCONSISTENT},
    {"", "group:4294967041", ACTION_FAULT_OUT_GROUP},
    {"", "output:0", ACTION_FAULT_OUT_PORT},
    {"", "output(port=0,max_len=64)", ACTION_FAULT_OUT_PORT},
    {"", "clone(output(port=0,max_len=64))", ACTION_FAULT_OUT_PORT},
    {"", "output(port=1,max_len=64),output(port=LOCAL,max_len=64)", ACTION_FAULT_NONE},
    {"", "group:1,resubmit(,3),set_queue:1", ACTION_FAULT_NONE},
    {"icmp6,icmp_type=135", "set_field:00:00:00:00:00:01->nd_sll", ACTION_FAULT_NONE},
    {"icmp6", "set_field:00:00:00:00:00:01->nd_sll", ACTION_FAULT_INCONSISTENT},
};

static void actions_fit_a_match_when_its_packets_have_the_headers(void **state)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        struct match match = model_match(checks[i].match);
        struct action_list list = model_actions(checks[i].actions);
        struct error_detail detail = {""};
        enum action_fault fault = action_list_check(&list, &match, false, &detail);
        if (fault != checks[i].fault) {
            print_error("%s actions=%s: fault %d (%s)\n", checks[i].match, checks[i].actions, fault, detail.text);
            fail();
        }
        assert_int_equal(detail.text[0] != '\0', fault != ACTION_FAULT_NONE);
        action_list_fini(&list);
    }
}

static void without_a_match_headers_are_believed_to_be_there(void **state)
{
    struct action_list list = model_actions("dec_ttl,pop_vlan,set_field:80->tcp_dst");
    struct action bad = {.type = ACTION_OUTPUT, .output = {.port = 70000}};

    assert_int_equal(action_list_check(&list, NULL, false, NULL), ACTION_FAULT_NONE);
    action_list_add(&list, &bad);
    assert_int_equal(action_list_check(&list, NULL, false, NULL), ACTION_FAULT_OUT_PORT);
    action_list_fini(&list);
}

static void what_cannot_be_in_an_action_set_is_refused_there(void **state)
{
    const char *const texts[] = {"resubmit(,1)", "controller(reason=no_match)", "move:NXM_NX_REG0[]->NXM_NX_REG1[]"};
    struct match any = model_match("");

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct action_list list = model_actions(texts[i]);
        assert_int_equal(action_list_check(&list, &any, true, NULL), ACTION_FAULT_TYPE);
        assert_int_equal(action_list_check(&list, &any, false, NULL), ACTION_FAULT_NONE);
        action_list_fini(&list);
    }
}

static enum action_fault check_instructions(const char *match_text, const char *text, uint8_t table, uint8_t n_tables)
{
    struct match match = model_match(match_text);
    struct instructions in = model_instructions(text);
    enum action_fault fault = instructions_check(&in, &match, table, n_tables, NULL);
    instructions_fini(&in);
    return fault;
}

static void goto_table_goes_forward_to_a_table_that_is_there(void **state)
{
    assert_int_equal(check_instructions("", "goto_table:4", 3, 254), ACTION_FAULT_NONE);
    assert_int_equal(check_instructions("", "goto_table:3", 3, 254), ACTION_FAULT_TABLE);
    assert_int_equal(check_instructions("", "goto_table:2", 3, 254), ACTION_FAULT_TABLE);
    assert_int_equal(check_instructions("", "goto_table:254", 3, 254), ACTION_FAULT_TABLE);
    assert_int_equal(check_instructions("", "goto_table:254", 3, 0), ACTION_FAULT_NONE);
    assert_int_equal(check_instructions("", "meter:4294967295", 3, 0), ACTION_FAULT_METER);
}

static void written_actions_are_checked_on_what_applied_ones_leave(void **state)
{
    assert_int_equal(check_instructions("ip", "dec_ttl,write_actions(dec_ttl)", 0, 0), ACTION_FAULT_NONE);
    assert_int_equal(check_instructions("ip", "push_mpls:0x8847,write_actions(dec_ttl)", 0, 0), ACTION_FAULT_INCONSISTENT);
    assert_int_equal(check_instructions("", "push_vlan:0x8100,write_actions(pop_vlan)", 0, 0), ACTION_FAULT_NONE);
    assert_int_equal(check_instructions("", "write_actions(set_field:4101->vlan_vid,push_vlan:0x8100)", 0, 0), ACTION_FAULT_NONE);
    assert_int_equal(check_instructions("", "write_actions(push_vlan:0x8100,pop_vlan)", 0, 0), ACTION_FAULT_INCONSISTENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_fit_a_match_when_its_packets_have_the_headers),
        cmocka_unit_test(without_a_match_headers_are_believed_to_be_there),
        cmocka_unit_test(what_cannot_be_in_an_action_set_is_refused_there),
        cmocka_unit_test(goto_table_goes_forward_to_a_table_that_is_there),
        cmocka_unit_test(written_actions_are_checked_on_what_applied_ones_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
