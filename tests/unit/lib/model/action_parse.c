/* Tests of lib/model/action_parse.c: what ovs-ofctl's words mean, and what is refused by name. */
#include "tests/unit/lib/model/model_test.h"

static void words_mean_what_ovs_ofctl_makes_of_them_for_openflow_13(void **state)
{
    const char *const pairs[][2] = {
        {"2", "output:2"},
        {" output:1 , output:2 ,", "output:1,output:2"},
        {"normal,flood,all,in_port,local,table", "NORMAL,FLOOD,ALL,IN_PORT,LOCAL,TABLE"},
        {"LOCAL", "LOCAL"},
        {"controller", "CONTROLLER:65535"},
        {"controller:128", "CONTROLLER:128"},
        {"controller(max_len=128)", "CONTROLLER:128"},
        {"controller(pause)", "controller(pause)"},
        {"controller(meter_id=3,pause,id=2)", "controller(id=2,pause,meter_id=3)"},
        {"controller(pause,max_len=9,userdata=01)", "controller(max_len=9,userdata=01,pause)"},
        {"set_field:0x1001/0x1003->vlan_vid", "load:0x1->OXM_OF_VLAN_VID[0..1]"},
        {"controller(id=3,reason=invalid_ttl,max_len=9)", "controller(reason=invalid_ttl,max_len=9,id=3)"},
        {"65533", "CONTROLLER:65535"},
        {"mod_vlan_vid:5", "push_vlan:0x8100,set_field:4101->vlan_vid"},
        {"mod_vlan_vid:5,mod_vlan_pcp:2", "push_vlan:0x8100,set_field:4101->vlan_vid,set_field:2->vlan_pcp"},
        {"strip_vlan", "pop_vlan"},
        {"mod_dl_src:00:00:00:00:00:01", "set_field:00:00:00:00:00:01->eth_src"},
        {"mod_nw_dst:10.0.0.1", "set_field:10.0.0.1->ip_dst"},
        {"mod_nw_tos:16", "set_field:4->ip_dscp"},
        {"mod_nw_ttl:3,dec_ttl,dec_ttl(0)", "mod_nw_ttl:3,dec_ttl,dec_ttl"},
        {"dec_ttl(1,65535),dec_ttl(0,0)", "dec_ttl(1,65535),dec_ttl(0,0)"},
        {"set_tunnel:5", "set_field:0x5->tun_id"},
        {"load:5->reg0[0..3]", "load:0x5->NXM_NX_REG0[0..3]"},
        {"load:5->NXM_NX_REG0[]", "set_field:0x5->reg0"},
        {"set_field:0x55/0xf0f->reg0", "load:0x5->NXM_NX_REG0[0..3],load:0->NXM_NX_REG0[8..11]"},
        {"move:reg0[0..7]->reg1[8..15]", "move:NXM_NX_REG0[0..7]->NXM_NX_REG1[8..15]"},
        {"resubmit:3,resubmit(,1),resubmit(3,1),resubmit(in_port,1)", "resubmit:3,resubmit(,1),resubmit(3,1),resubmit(,1)"},
        {"push_mpls:0x8847,pop_mpls:0x800,set_mpls_ttl:3", "push_mpls:0x8847,pop_mpls:0x0800,set_mpls_ttl(3)"},
        {"meter:3,1,clear_actions,write_actions(2,group:4),write_metadata:5/7,goto_table:6",
         "meter:3,output:1,clear_actions,write_actions(output:2,group:4),write_metadata:0x5/0x7,goto_table:6"},
        {"output:reg1,output:reg1[16..31]", "output:NXM_NX_REG1[],output:NXM_NX_REG1[16..31]"},
        {"output(port=in_port,max_len=64)", "output(port=IN_PORT,max_len=64)"},
        {"clone(1,clone(exit)),clone()", "clone(output:1,clone(exit)),clone(drop)"},
        {"note:0102.03", "note:01.02.03.00.00.00"},
        {"note", "note:00.00.00.00.00.00"},
        {"controller(userdata=010203,max_len=9)", "controller(max_len=9,userdata=01.02.03)"},
        {"push:reg2[],pop:NXM_NX_REG3[3..9]", "push:NXM_NX_REG2[],pop:NXM_NX_REG3[3..9]"},
        {"conjunction(1234, 2/3)", "conjunction(1234,2/3)"},
        {"", "drop"},
        {"drop", "drop"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct instructions in = model_instructions(pairs[i][0]);
        char *text = instructions_format(&in, NULL);
        assert_string_equal(text, pairs[i][1]);
        free(text);
        instructions_fini(&in);
    }
}

static const struct refusal {
    const char *text;
    int err;
    const char *names; /* stands in the message */
} refusals[] = {
    {"foo", -ERROR_UNKNOWN_NAME, "foo"},
    {"foo:3", -ERROR_UNKNOWN_NAME, "foo"},
    {"output:", -ERROR_SYNTAX, "output"},
    {"output(port=1,max_len=9)", -ERROR_RANGE, "output"},
    {"output(max_len=90)", -ERROR_RANGE, "output"},
    {"output(port=1,len=90)", -ERROR_UNKNOWN_NAME, "len"},
    {"output:NXM_NX_REG0[32]", -ERROR_RANGE, "REG0"},
    {"controller(buffer=1)", -ERROR_UNSUPPORTED, "buffer"},
    {"controller(userdata=1)", -ERROR_SYNTAX, "userdata"},
    {"note:0g", -ERROR_SYNTAX, "note"},
    {"exit:1", -ERROR_SYNTAX, "exit"},
    {"clone(output:1", -ERROR_SYNTAX, "clone"},
    {"clone(foo)", -ERROR_UNKNOWN_NAME, "foo"},
    {"clone(goto_table:1)", -ERROR_SYNTAX, "goto_table"},
    {"clone(clone(clone(clone(clone(clone(clone(clone(clone()))))))))", -ERROR_RANGE, "clone"},
    {"pop:in_phy_port", -ERROR_REFUSED, "in_phy_port"},
    {"push", -ERROR_SYNTAX, "push"},
    {"conjunction(1)", -ERROR_SYNTAX, "conjunction"},
    {"conjunction(1,3/2)", -ERROR_RANGE, "conjunction"},
    {"conjunction(1,1/65)", -ERROR_RANGE, "conjunction"},
    {"drop,output:1", -ERROR_SYNTAX, "drop"},
    {"normal:1", -ERROR_SYNTAX, "normal"},
    {"pop_vlan:1", -ERROR_SYNTAX, "pop_vlan"},
    {"group:", -ERROR_SYNTAX, "group"},
    {"group:x", -ERROR_SYNTAX, "group"},
    {"group:4294967296", -ERROR_RANGE, "group"},
    {"mod_vlan_vid:4096", -ERROR_RANGE, "mod_vlan_vid"},
    {"mod_nw_tos:17", -ERROR_RANGE, "mod_nw_tos"},
    {"mod_tp_dst:80", -ERROR_PREREQUISITE, "mod_tp_dst"},
    {"dec_ttl(1,2,3,4,5,6,7,8,9)", -ERROR_TOO_LARGE, "dec_ttl"},
    {"dec_ttl(65536)", -ERROR_RANGE, "dec_ttl"},
    {"dec_ttl(00000012)", -ERROR_RANGE, "dec_ttl"},
    {"set_field:1", -ERROR_SYNTAX, "set_field"},
    {"set_field:1->foo", -ERROR_UNKNOWN_NAME, "foo"},
    {"set_field:1->in_port", -ERROR_REFUSED, "in_port"},
    {"set_field:1->eth_type", -ERROR_REFUSED, "eth_type"},
    {"set_field:*->reg0", -ERROR_MASK, "set_field"},
    {"load:16->reg0[0..3]", -ERROR_RANGE, "load"},
    {"load:1->ipv6_src[]", -ERROR_RANGE, "load"},
    {"load:1->nw_proto[]", -ERROR_REFUSED, "load"},
    {"move:reg0[0..3]->reg1[0..4]", -ERROR_RANGE, "move"},
    {"move:reg0->eth_type", -ERROR_RANGE, "move"},
    {"controller(reason=foo)", -ERROR_UNKNOWN_NAME, "foo"},
    {"resubmit", -ERROR_SYNTAX, "resubmit"},
    {"resubmit(,256)", -ERROR_RANGE, "resubmit"},
    {"apply_actions(output:1)", -ERROR_SYNTAX, "apply_actions"},
    {"goto_table:1,output:2", -ERROR_SYNTAX, "goto_table"},
    {"goto_table:1,goto_table:2", -ERROR_DUPLICATE, "goto_table"},
    {"goto_table:256", -ERROR_RANGE, "goto_table"},
    {"output:1,meter:3", -ERROR_SYNTAX, "meter"},
    {"meter:0", -ERROR_RANGE, "meter"},
    {"write_actions(goto_table:1)", -ERROR_SYNTAX, "goto_table"},
    {"write_actions(output:1", -ERROR_SYNTAX, "write_actions"},
    {"write_metadata", -ERROR_SYNTAX, "write_metadata"},
};

static void what_cannot_be_understood_is_refused_by_name(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct instructions in = {.meter_id = 77};
        struct error_detail detail = {""};
        int err = instructions_parse(refusals[i].text, NULL, &in, &detail);
        if (err != refusals[i].err || strstr(detail.text, refusals[i].names) == NULL) {
            print_error("%s: %d \"%s\"\n", refusals[i].text, err, detail.text);
            fail();
        }
        assert_int_equal(in.meter_id, 77);
    }
}

static void instructions_have_no_place_in_a_list_of_actions(void **state)
{
    struct action_list list = {.count = 77};

    assert_int_equal(action_list_parse("output:1,goto_table:2", NULL, &list, NULL), -ERROR_SYNTAX);
    assert_int_equal(action_list_parse("clear_actions", NULL, &list, NULL), -ERROR_SYNTAX);
    assert_int_equal(list.count, 77);
}

static bool name_of_seven(const void *context, const char *name, uint32_t *out_ofport)
{
    *out_ofport = 7;
    return strcmp(name, "eth7") == 0;
}

static void ports_have_the_names_of_the_resolver(void **state)
{
    const struct match_ports ports = {.by_name = name_of_seven};
    struct action_list list;

    assert_int_equal(action_list_parse("eth7,output:eth7,resubmit(eth7,2)", &ports, &list, NULL), 0);
    assert_int_equal(list.items[0].output.port, 7);
    assert_int_equal(list.items[1].output.port, 7);
    assert_int_equal(list.items[2].resubmit.in_port, 7);
    action_list_fini(&list);
    assert_int_not_equal(action_list_parse("eth8", &ports, &list, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_mean_what_ovs_ofctl_makes_of_them_for_openflow_13),
        cmocka_unit_test(what_cannot_be_understood_is_refused_by_name),
        cmocka_unit_test(instructions_have_no_place_in_a_list_of_actions),
        cmocka_unit_test(ports_have_the_names_of_the_resolver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
