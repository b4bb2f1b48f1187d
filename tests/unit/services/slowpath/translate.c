/* What becomes of packets by rules in text: tables, actions, the action set, ports, masks and reasons. */
#include "lib/msg/pipeline_fields.h"
#include "lib/msg/counter_id.h"
#include "tests/unit/services/slowpath/fixture.h"

static void a_rule_outputs_and_only_what_it_matches_is_looked_at(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "priority=5,ip,nw_dst=10.0.0.0/8,actions=output:2");
    fixture_expect(&f, "tcp,nw_dst=10.1.2.3,tp_dst=80", 11, "output:12");
    assert_true(fixture_looked(&f, FIELD_IPV4_DST));
    assert_false(fixture_looked(&f, FIELD_TCP_DST));
    assert_false(fixture_looked(&f, FIELD_ETH_SRC));
    assert_true(host32(f.translation.mask.in_port) == UINT32_MAX);
    fixture_expect(&f, "tcp,nw_dst=11.1.2.3", 11, "drop(no_rule)");
    fixture_close(&f);
}

static void a_packet_does_not_go_back_unless_told_to(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "priority=5,ip,actions=output:1,output:2");
    fixture_rule(&f, "priority=5,arp,actions=in_port");
    fixture_expect(&f, "ip", 11, "output:12");
    fixture_expect(&f, "arp", 11, "output:11");
    fixture_close(&f);
}

static void floods_leave_out_the_input_port_and_ports_that_do_not_flood(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_port(&f, 12, 2, VLAN_NONE, PORT_CONFIG_NO_FLOOD);
    fixture_port(&f, 13, 3, VLAN_NONE, PORT_CONFIG_NO_FWD);
    fixture_rule(&f, "arp,actions=flood");
    fixture_rule(&f, "ip,actions=all");
    fixture_expect(&f, "arp", 11, "output:14,output:10");
    fixture_expect(&f, "ip", 11, "output:12,output:14,output:10");
    fixture_close(&f);
}

static void goto_metadata_and_registers_need_no_mask_bits(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,in_port=1,actions=load:0x7->NXM_NX_REG3[],write_metadata:0x5,goto_table:1");
    fixture_rule(&f, "table=1,ip,metadata=0x5,reg3=0x7,actions=set_field:10.0.0.9->nw_dst,goto_table:2");
    fixture_rule(&f, "table=1,priority=1,actions=goto_table:2");
    fixture_rule(&f, "table=2,ip,nw_dst=10.0.0.9,actions=output:3");
    fixture_expect(&f, "ip,nw_dst=1.2.3.4", 11, "set_field:10.0.0.9->nw_dst,output:13");
    assert_false(fixture_looked(&f, FIELD_IPV4_DST));
    assert_true(f.translation.visited[0] == 7);
    assert_true((f.translation.rewritten_words & (1u << (offsetof(struct flow_key, ip_dst) / 8))) != 0);
    fixture_close(&f);
}

static void moving_a_field_looks_at_it(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],output:2");
    fixture_expect(&f, "dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02", 11,
                   "set_field:00:00:00:00:00:01->dl_dst,output:12");
    assert_true(fixture_looked(&f, FIELD_ETH_SRC));
    assert_false(fixture_looked(&f, FIELD_ETH_DST));
    fixture_close(&f);
}

static void an_expired_ttl_is_told_to_the_controllers_it_names(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,actions=dec_ttl(7,0),output:2");
    fixture_expect(&f, "ip,nw_ttl=64", 11, "dec_ttl,output:12");
    fixture_translate(&f, "ip,nw_ttl=1", 11);
    assert_int_equal(f.translation.n_actions, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(f.translation.actions[i].type, DP_ACTION_CONTROLLER);
        assert_int_equal(f.translation.actions[i].controller.reason, PACKET_IN_INVALID_TTL);
        assert_int_equal(f.translation.actions[i].controller.id, i == 0 ? 7 : 0);
    }
    fixture_close(&f);
}

static void ttl_is_proved_by_one_bit_and_looked_at_whole_when_asked_later(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,actions=dec_ttl,output:2");
    fixture_expect(&f, "ip,nw_ttl=64", 11, "dec_ttl,output:12");
    assert_int_equal(f.translation.mask.ip_ttl, 64);
    fixture_expect(&f, "ip,nw_ttl=3", 11, "dec_ttl,output:12");
    assert_int_equal(f.translation.mask.ip_ttl, 2);
    fixture_translate(&f, "ip,nw_ttl=1", 11);
    assert_int_equal(f.translation.n_actions, 1);
    assert_int_equal(f.translation.actions[0].type, DP_ACTION_CONTROLLER);
    assert_int_equal(f.translation.actions[0].controller.reason, PACKET_IN_INVALID_TTL);
    assert_int_equal(f.translation.mask.ip_ttl, 0xfe);
    fixture_rule(&f, "table=0,priority=40000,ip,nw_proto=6,actions=dec_ttl,resubmit(,1)");
    fixture_rule(&f, "table=1,ip,nw_ttl=63,actions=output:3");
    fixture_expect(&f, "tcp,nw_ttl=64", 11, "dec_ttl,output:13");
    assert_int_equal(f.translation.mask.ip_ttl, 0xff);
    fixture_rule(&f, "table=0,priority=40000,ip,nw_proto=17,actions=dec_ttl,dec_ttl,output:4");
    fixture_expect(&f, "udp,nw_ttl=64", 11, "dec_ttl,dec_ttl,output:14");
    assert_int_equal(f.translation.mask.ip_ttl, 64);
    fixture_expect(&f, "udp,nw_ttl=3", 11, "dec_ttl,dec_ttl,output:14");
    assert_int_equal(f.translation.mask.ip_ttl, 0xff);
    fixture_close(&f);
}

static void the_action_set_runs_once_at_the_end_in_its_order(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(
        &f, "table=0,ip,actions=output:4,write_actions(output:2,set_field:10.0.0.1->nw_src,push_vlan:0x8100),goto_table:1");
    fixture_rule(&f, "table=1,ip,nw_proto=6,actions=write_actions(output:3)");
    fixture_rule(&f, "table=1,ip,nw_proto=17,actions=clear_actions");
    fixture_expect(&f, "tcp", 11, "output:14,push_vlan:0x8100(vid=0,pcp=0),set_field:10.0.0.1->nw_src,output:13");
    fixture_expect(&f, "udp", 11, "output:14");
    fixture_expect(&f, "icmp", 11, "output:14");
    fixture_rule(&f, "table=0,arp,actions=write_actions(output:2),goto_table:2");
    fixture_rule(&f, "table=2,actset_output=2,actions=write_actions(output:3),goto_table:3");
    fixture_rule(&f, "table=3,actset_output=3,actions=output:1,output:4");
    fixture_expect(&f, "arp", 11, "output:14,output:13");
    fixture_close(&f);
}

static void vlan_tags_are_pushed_set_and_popped(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "in_port=1,actions=mod_vlan_vid:5,output:2");
    fixture_rule(&f, "priority=40000,in_port=1,dl_vlan=9,actions=mod_vlan_vid:5,output:2");
    fixture_rule(&f, "in_port=2,vlan_tci=0x1000/0x1000,actions=strip_vlan,output:1");
    fixture_translate(&f, "vlan_tci=0", 11);
    assert_int_equal(f.translation.n_actions, 3);
    assert_int_equal(f.translation.actions[0].type, DP_ACTION_PUSH_VLAN);
    fixture_translate(&f, "dl_vlan=9", 11);
    assert_int_equal(f.translation.n_actions, 2);
    assert_int_equal(f.translation.actions[0].type, DP_ACTION_SET_FIELD);
    fixture_expect(&f, "dl_vlan=9", 12, "pop_vlan,output:11");
    fixture_expect(&f, "vlan_tci=0", 12, "drop(no_rule)");
    fixture_close(&f);
}

static void resubmits_return_and_are_bounded(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,arp,actions=resubmit(,1),output:2");
    fixture_rule(&f, "table=1,arp,actions=output:3");
    fixture_rule(&f, "table=0,ip,actions=output:3,resubmit(,0)");
    fixture_expect(&f, "arp", 11, "output:13,output:12");
    fixture_expect(&f, "ip", 11, "drop(pipeline_limit)");
    fixture_close(&f);
}

/* A rule of table 0, above those before it, with n resubmits to table 1. */
static void many_resubmits(struct fixture *f, size_t n)
{
    size_t size = n * 16 + 64;
    char *text = memory_zeroed(size), *end = text + snprintf(text, size, "table=0,priority=%u,arp,actions=output:2", (unsigned)f->next_id);
    for (size_t i = 0; i < n; i++) {
        end += snprintf(end, 16, ",resubmit(,1)");
    }
    fixture_rule(f, text);
    free(text);
}

static size_t times_counted(const struct fixture *f, uint64_t id)
{
    size_t n = 0;
    for (size_t i = 0; i < f->translation.n_counters; i++) {
        n += f->translation.counters[i] == id;
    }
    return n;
}

/* Two thousand masks, looked through by each of a thousand resubmits: more than a packet may cost. */
static void looking_through_too_much_drops_by_name(void **state)
{
    (void)state;
    struct fixture f;
    char text[128];
    fixture_open(&f);
    for (unsigned i = 0; i < 2000; i++) {
        (void)snprintf(text, sizeof text, "table=1,arp,reg1=1/0x%x,actions=drop", 2 * i + 1);
        fixture_rule(&f, text);
    }
    many_resubmits(&f, 100);
    fixture_expect(&f, "arp", 11, "output:12");
    assert_in_range(f.translation.work, 100 * 2000, TRANSLATE_WORK_MAX);
    many_resubmits(&f, 1000);
    fixture_expect(&f, "arp", 11, "drop(pipeline_work)");
    assert_in_range(f.translation.work, TRANSLATE_WORK_MAX, TRANSLATE_WORK_MAX + 10000);
    fixture_close(&f);
}

static void each_of_thousands_of_visits_counts_and_no_more_than_open_vswitch_allows(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    uint64_t rule = fixture_rule(&f, "table=1,arp,actions=drop");
    many_resubmits(&f, 128);
    fixture_expect(&f, "arp", 11, "output:12");
    assert_int_equal(times_counted(&f, counter_id(COUNTER_RULE, rule)), 128);
    many_resubmits(&f, 4096);
    fixture_expect(&f, "arp", 11, "output:12");
    assert_int_equal(times_counted(&f, counter_id(COUNTER_RULE, rule)), 4096);
    many_resubmits(&f, 4097);
    fixture_expect(&f, "arp", 11, "drop(pipeline_limit)");
    fixture_rule(&f, "table=1,priority=40000,arp,actions=goto_table:2");
    fixture_rule(&f, "table=2,arp,actions=drop");
    many_resubmits(&f, 2048);
    fixture_expect(&f, "arp", 11, "output:12");
    many_resubmits(&f, 2049); /* a goto is one, as with Open vSwitch */
    fixture_expect(&f, "arp", 11, "drop(pipeline_limit)");
    assert_in_range(f.translation.actions_room, 0, TRANSLATE_KEPT_MAX);
    fixture_expect(&f, "ip", 11, "drop(no_rule)");
    assert_in_range(f.translation.counters_room, 0, TRANSLATE_KEPT_MAX); /* of what was long nothing is kept */
    fixture_close(&f);
}

static void table_miss_rules_say_so_to_the_controller(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "priority=0,cookie=0x77,actions=controller:100");
    fixture_translate(&f, "ip", 11);
    assert_int_equal(f.translation.n_actions, 1);
    const struct dp_controller *to = &f.translation.actions[0].controller;
    assert_int_equal(to->reason, PACKET_IN_NO_MATCH);
    assert_int_equal(to->max_len, 100);
    assert_true(to->bridge == FIXTURE_BRIDGE && to->cookie == 0x77 && to->rule_table == 0);
    fixture_port(&f, 11, 1, VLAN_NONE, PORT_CONFIG_NO_PACKET_IN);
    fixture_expect(&f, "ip", 11, "drop(port_config)");
    fixture_close(&f);
}

static void expect_told(struct fixture *f, enum packet_in_reason reason, uint64_t cookie, uint8_t table)
{
    fixture_translate(f, "ip", 11);
    assert_int_equal(f->translation.n_actions, 1);
    assert_int_equal(f->translation.actions[0].type, DP_ACTION_CONTROLLER);
    const struct dp_controller *to = &f->translation.actions[0].controller;
    assert_int_equal(to->reason, reason);
    assert_int_equal(to->cookie, cookie);
    assert_int_equal(to->rule_table, table);
}

/* The tables that Open vSwitch tells controllers of OpenFlow 1.0 of: the first, and those that a goto leads to, not those of a resubmit. */
static void what_no_rule_matches_goes_to_controllers_that_want_it(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "arp,actions=output:2");
    fixture_expect(&f, "ip", 11, "drop(no_rule)");
    world_set_misses(&f.world, FIXTURE_BRIDGE, true);
    assert_int_equal(f.world.changes[f.world.n_changes - 1].kind, CHANGE_BRIDGE);
    expect_told(&f, PACKET_IN_NO_RULE, 0, 0);
    assert_int_equal(f.translation.actions[0].controller.max_len, UINT16_MAX);
    fixture_expect(&f, "arp", 11, "output:12");
    fixture_rule(&f, "priority=1,ip,cookie=5,actions=goto_table:3");
    expect_told(&f, PACKET_IN_NO_RULE, 0, 3);
    fixture_rule(&f, "priority=2,ip,actions=resubmit(,3)");
    fixture_expect(&f, "ip", 11, "drop(no_rule)");
    fixture_rule(&f, "priority=3,ip,actions=output:2,resubmit(,3)");
    fixture_expect(&f, "ip", 11, "output:12");
    fixture_rule(&f, "priority=4,ip,actions=resubmit(,4)");
    fixture_rule(&f, "table=4,ip,actions=goto_table:5");
    expect_told(&f, PACKET_IN_NO_RULE, 0, 5);
    fixture_port(&f, 11, 1, VLAN_NONE, PORT_CONFIG_NO_PACKET_IN);
    fixture_expect(&f, "ip", 11, "drop(port_config)");
    fixture_port(&f, 11, 1, VLAN_NONE, 0);
    world_set_misses(&f.world, FIXTURE_BRIDGE, false);
    fixture_expect(&f, "ip", 11, "drop(no_rule)");
    world_set_misses(&f.world, 77, true); /* may come before the bridge */
    assert_true(world_bridge(&f.world, 77)->tells_misses);
    world_set_misses(&f.world, 77, false);
    assert_null(world_bridge(&f.world, 77));
    fixture_close(&f);
}

static void unknown_ports_are_refused_and_closed_ones_drop(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_translate(&f, "ip", 99);
    assert_true(f.translation.is_refused);
    fixture_port(&f, 11, 1, VLAN_NONE, PORT_CONFIG_NO_RECV);
    fixture_expect(&f, "ip", 11, "drop(port_config)");
    fixture_close(&f);
}

static void packet_outs_go_where_they_are_told_or_through_the_tables(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=output:3");
    struct flow_key key = fixture_key("ip", 0);
    struct translate_input input = fixture_input(&f, true);
    const struct {
        const char *actions, *expected;
        uint32_t in_port;
    } cases[] = {{"output:2,output:1", "output:12,output:11", PORT_CONTROLLER},
                 {"output:2,output:1", "output:12", 1},
                 {"flood", "output:11,output:12,output:13,output:14,output:10", PORT_CONTROLLER},
                 {"table", "output:13", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct action_list list = {0};
        assert_int_equal(action_list_parse(cases[i].actions, NULL, &list, NULL), 0);
        translate_packet_out(&input, FIXTURE_BRIDGE, cases[i].in_port, &list, NULL, &key, &f.translation);
        fixture_expect_actions(&f, cases[i].expected);
        assert_true(f.translation.is_single);
        action_list_fini(&list);
    }
    fixture_close(&f);
}

static void meters_stand_where_their_rule_is_met(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,actions=meter:1,dec_ttl,goto_table:1");
    fixture_rule(&f, "table=1,ip,actions=meter:2,output:2");
    fixture_rule(&f, "table=0,arp,actions=meter:1");
    fixture_expect(&f, "ip,nw_ttl=64", 11, "dec_ttl,output:12"); /* there are no meters of these numbers */
    assert_true(f.translation.uses_meters);
    world_set_meter(&f.world, 71, FIXTURE_BRIDGE, 1);
    world_set_meter(&f.world, 72, FIXTURE_BRIDGE, 2);
    fixture_expect(&f, "ip,nw_ttl=64", 11, "meter(71),dec_ttl,meter(72),output:12");
    fixture_expect(&f, "arp", 11, "meter(71)"); /* measured, then dropped */
    fixture_expect(&f, "dl_type=0x88cc", 11, "drop(no_rule)");
    assert_false(f.translation.uses_meters);
    fixture_close(&f);
}

static void user_data_and_the_number_of_controllers_come_along(void **state)
{
    (void)state;
    struct fixture f;
    uint8_t bytes[DP_USERDATA_MAX];
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=controller(id=7,max_len=50,userdata=01.02.03.04.05.06.07.08.09.0a.0b.0c.0d.0e.0f.10.11.12.13.14.15.16.17.18.19."
                     "1a.1b.1c.1d.1e.1f.20.21),output:2");
    fixture_translate(&f, "ip", 11);
    assert_int_equal(f.translation.n_actions, 4);
    assert_int_equal(f.translation.actions[2].type, DP_ACTION_CONTROLLER);
    assert_int_equal(f.translation.actions[3].type, DP_ACTION_OUTPUT);
    assert_int_equal(dp_actions_check(f.translation.actions, f.translation.n_actions, NULL), 0);
    const struct dp_controller *to = &f.translation.actions[2].controller;
    assert_true(to->id == 7 && to->max_len == 50);
    assert_int_equal(dp_controller_userdata(to, bytes), 33);
    assert_true(bytes[0] == 1 && bytes[31] == 0x20 && bytes[32] == 0x21);
    world_set_meter(&f.world, 71, FIXTURE_BRIDGE, METER_CONTROLLER);
    fixture_translate(&f, "ip", 11);
    assert_int_equal(f.translation.n_actions, 6);
    assert_int_equal(f.translation.actions[0].clone.n_actions, 4);
    assert_int_equal(f.translation.actions[1].type, DP_ACTION_METER);
    assert_int_equal(dp_actions_check(f.translation.actions, f.translation.n_actions, NULL), 0);
    fixture_close(&f);
}

static void what_rules_have_written_goes_up_with_the_packet(void **state)
{
    (void)state;
    struct fixture f;
    struct match match;
    uint8_t bytes[DP_USERDATA_MAX];
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,actions=load:0x11->NXM_NX_REG3[],set_field:5->tun_id,write_metadata:0x77,goto_table:1");
    fixture_rule(&f, "table=1,ip,actions=move:NXM_OF_IP_SRC[]->NXM_NX_REG0[],controller(max_len=50,userdata=01),load:9->NXM_NX_REG4[],output:2");
    fixture_translate(&f, "ip,nw_src=10.0.0.1", 11);
    const struct dp_action *actions = f.translation.actions;
    assert_int_equal(dp_actions_check(actions, f.translation.n_actions, NULL), 0);
    assert_int_equal(f.translation.n_actions, 5); /* two of fields, one of user data, the packet-in, the output */
    assert_int_equal(actions[3].type, DP_ACTION_CONTROLLER);
    assert_int_equal(dp_controller_userdata(&actions[3].controller, bytes), 1);
    size_t size = dp_controller_pipeline(&actions[3].controller, bytes);
    match_init(&match);
    assert_int_equal(pipeline_fields_read(bytes, size, &match), 0);
    assert_int_equal(host64(match.value.metadata), 0x77);
    assert_int_equal(host64(match.value.tunnel_id), 5);
    assert_int_equal(host32(match.value.reg[3]), 0x11);
    assert_int_equal(host32(match.value.reg[0]), 0x0a000001);
    assert_int_equal(match.mask.reg[4].raw, 0); /* later */
    assert_true(fixture_looked(&f, FIELD_IPV4_SRC)); /* or another address would come with this register */
    fixture_rule(&f, "table=0,arp,actions=controller");
    fixture_translate(&f, "arp", 11);
    assert_int_equal(f.translation.n_actions, 1);
    assert_int_equal(f.translation.actions[0].controller.n_pipeline, 0);
    fixture_close(&f);
}

static void the_meter_of_controllers_measures_what_goes_there_and_nothing_else(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=controller,output:2");
    fixture_rule(&f, "arp,actions=controller(meter_id=5),output:2"); /* has one of its own */
    world_set_meter(&f.world, 71, FIXTURE_BRIDGE, METER_CONTROLLER);
    world_set_meter(&f.world, 72, FIXTURE_BRIDGE, 5);
    fixture_translate(&f, "arp", 11);
    assert_int_equal(f.translation.actions[1].type, DP_ACTION_METER);
    assert_int_equal(f.translation.actions[1].meter, 72);
    fixture_translate(&f, "ip", 11);
    assert_int_equal(f.translation.n_actions, 4);
    assert_int_equal(f.translation.actions[0].type, DP_ACTION_CLONE);
    assert_int_equal(f.translation.actions[0].clone.n_actions, 2);
    assert_int_equal(f.translation.actions[1].type, DP_ACTION_METER);
    assert_int_equal(f.translation.actions[2].type, DP_ACTION_CONTROLLER);
    assert_int_equal(f.translation.actions[3].type, DP_ACTION_OUTPUT);
    world_remove_meter(&f.world, 71);
    fixture_translate(&f, "ip", 11);
    assert_int_equal(f.translation.n_actions, 2);
    assert_true(f.translation.uses_meters); /* it may come again */
    fixture_close(&f);
}

static void the_silent_controllers_bridge_learns_and_the_lonely_ones_misses_do(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "priority=1,arp,actions=drop");
    const char *packet = "dl_src=00:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp";
    fixture_bridge(&f, false);
    fixture_expect(&f, packet, 11, "drop");
    fixture_expect(&f, "dl_src=00:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,ip", 11, "output:12,output:13,output:14,output:10");
    world_set_controller(&f.world, 50, FIXTURE_BRIDGE);
    fixture_expect(&f, "ip", 11, "drop(no_rule)");
    world_set_controller_status(&f.world, 50, true);
    fixture_expect(&f, packet, 11, "output:12,output:13,output:14,output:10");
    fixture_close(&f);
}

static void fragments_are_dropped_by_name_where_the_bridge_says_so(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "actions=output:2");
    fixture_expect(&f, "udp,ip_frag=first", 11, "output:12");
    assert_false(fixture_looked(&f, FIELD_IP_FRAG));
    world_clear_changes(&f.world);
    world_set_fragments(&f.world, FIXTURE_BRIDGE, true);
    assert_int_equal(f.world.n_changes, 1); /* flows of the bridge are looked at again */
    fixture_expect(&f, "udp,ip_frag=first", 11, "drop(fragment)");
    assert_true(fixture_looked(&f, FIELD_IP_FRAG));
    fixture_expect(&f, "ip,ip_frag=later", 11, "drop(fragment)");
    fixture_expect(&f, "ipv6,ip_frag=later", 11, "drop(fragment)");
    fixture_expect(&f, "udp", 11, "output:12");
    assert_true(fixture_looked(&f, FIELD_IP_FRAG)); /* or this flow would let fragments through */
    fixture_expect(&f, "arp", 11, "output:12");
    world_set_fragments(&f.world, FIXTURE_BRIDGE, true);
    assert_int_equal(f.world.n_changes, 1);
    world_set_fragments(&f.world, FIXTURE_BRIDGE, false);
    fixture_expect(&f, "udp,ip_frag=first", 11, "output:12");
    world_set_fragments(&f.world, 77, true); /* may come before the bridge */
    assert_true(world_bridge(&f.world, 77)->drops_fragments);
    world_set_fragments(&f.world, 77, false);
    assert_null(world_bridge(&f.world, 77));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_outputs_and_only_what_it_matches_is_looked_at),
        cmocka_unit_test(a_packet_does_not_go_back_unless_told_to),
        cmocka_unit_test(floods_leave_out_the_input_port_and_ports_that_do_not_flood),
        cmocka_unit_test(goto_metadata_and_registers_need_no_mask_bits),
        cmocka_unit_test(moving_a_field_looks_at_it),
        cmocka_unit_test(an_expired_ttl_is_told_to_the_controllers_it_names),
        cmocka_unit_test(ttl_is_proved_by_one_bit_and_looked_at_whole_when_asked_later),
        cmocka_unit_test(the_action_set_runs_once_at_the_end_in_its_order),
        cmocka_unit_test(vlan_tags_are_pushed_set_and_popped),
        cmocka_unit_test(resubmits_return_and_are_bounded),
        cmocka_unit_test(looking_through_too_much_drops_by_name),
        cmocka_unit_test(each_of_thousands_of_visits_counts_and_no_more_than_open_vswitch_allows),
        cmocka_unit_test(table_miss_rules_say_so_to_the_controller),
        cmocka_unit_test(what_no_rule_matches_goes_to_controllers_that_want_it),
        cmocka_unit_test(unknown_ports_are_refused_and_closed_ones_drop),
        cmocka_unit_test(packet_outs_go_where_they_are_told_or_through_the_tables),
        cmocka_unit_test(meters_stand_where_their_rule_is_met),
        cmocka_unit_test(user_data_and_the_number_of_controllers_come_along),
        cmocka_unit_test(what_rules_have_written_goes_up_with_the_packet),
        cmocka_unit_test(the_meter_of_controllers_measures_what_goes_there_and_nothing_else),
        cmocka_unit_test(fragments_are_dropped_by_name_where_the_bridge_says_so),
        cmocka_unit_test(the_silent_controllers_bridge_learns_and_the_lonely_ones_misses_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
