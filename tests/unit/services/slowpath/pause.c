/* controller(pause): what is left goes up with the packet, and is done when it comes back, as if it had not waited. */
#include "lib/msg/continuation.h"
#include "lib/msg/pipeline_fields.h"
#include "tests/unit/services/slowpath/fixture.h"

/* What is left by the translation's last action, which sends the packet to its controller. */
static struct continuation left_of(const struct fixture *f)
{
    static uint8_t bytes[DP_PIPELINE_MAX];
    struct continuation left;
    const uint8_t *rest;
    size_t rest_size, size = 0;
    const struct dp_action *actions = f->translation.actions;

    assert_int_equal(dp_actions_check(actions, f->translation.n_actions, NULL), 0);
    for (size_t i = 0; i < f->translation.n_actions; i++) {
        if (actions[i].type == DP_ACTION_CONTROLLER) {
            size = dp_controller_pipeline(&actions[i].controller, bytes);
        }
    }
    (void)pipeline_fields_split(bytes, size, &rest, &rest_size);
    assert_int_equal(continuation_read(rest, rest_size, &left, NULL), 0);
    return left;
}

/* As packet.c does when it comes back, with what rules had written beside it. */
static void resume(struct fixture *f, const char *packet, const char *written)
{
    struct continuation left = left_of(f);
    struct flow_key key = fixture_key(packet, 11);
    struct translate_input input = fixture_input(f, true);
    struct action_list list = {0};

    assert_int_equal(action_list_parse(written, NULL, &list, NULL), 0);
    translate_packet_out(&input, FIXTURE_BRIDGE, 1, &list, &left, &key, &f->translation);
    action_list_fini(&list);
    continuation_fini(&left);
}

static bool waits(const struct fixture *f)
{
    size_t n = f->translation.n_actions;
    return n > 1 && f->translation.actions[n - 1].type == DP_ACTION_CONTROLLER;
}

static void everything_left_is_done_on_return_and_nothing_before(void **state)
{
    (void)state;
    static const char end[] = "set_field:10.0.0.9->nw_dst,output:13,output:14,output:12";
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,actions=load:0x5->NXM_NX_REG1[],push:NXM_NX_REG1[],resubmit(,3),output:4,write_actions(output:2),goto_table:6");
    fixture_rule(&f, "table=3,priority=1,ip,actions=pop:NXM_NX_REG2[],set_field:10.0.0.9->ip_dst,output:3");
    fixture_rule(&f, "table=6,reg1=5,reg2=5,ip,nw_dst=10.0.0.9,actions=write_metadata:0x7,goto_table:7");
    fixture_rule(&f, "table=7,metadata=0x7,actions=load:1->NXM_NX_REG0[]");
    fixture_expect(&f, "ip", 11, end);
    fixture_rule(&f, "table=3,priority=2,ip,cookie=0x77,actions=controller(pause,userdata=01.02),pop:NXM_NX_REG2[],set_field:10.0.0.9->ip_dst,output:3");
    fixture_translate(&f, "ip", 11);
    assert_true(waits(&f));
    const struct dp_controller *to = &f.translation.actions[f.translation.n_actions - 1].controller;
    assert_int_equal(to->cookie, 0x77);
    assert_int_equal(to->rule_table, 3);
    assert_int_equal(to->max_len, UINT16_MAX);
    for (size_t i = 0; i + 1 < f.translation.n_actions; i++) {
        assert_int_equal(f.translation.actions[i].type, DP_ACTION_USERDATA);
    }
    resume(&f, "ip", "set_field:0x5->reg1");
    fixture_expect_actions(&f, end);
    assert_true(f.translation.is_single);
    fixture_close(&f);
}

static void a_table_without_a_rule_ends_the_resubmit_only(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,actions=resubmit(,3),output:4");
    fixture_rule(&f, "table=3,ip,actions=controller(pause),write_metadata:1,goto_table:9");
    fixture_translate(&f, "ip", 11);
    assert_true(waits(&f));
    resume(&f, "ip", "");
    fixture_expect_actions(&f, "output:14");
    fixture_close(&f);
}

static void who_pauses_in_a_copy_does_not_hold_up_the_rest(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=clone(controller(pause),output:2),output:3");
    fixture_translate(&f, "ip", 11);
    assert_int_equal(f.translation.actions[f.translation.n_actions - 1].type, DP_ACTION_OUTPUT);
    assert_int_equal(f.translation.actions[f.translation.n_actions - 1].port, 13);
    resume(&f, "ip", "");
    fixture_expect_actions(&f, "output:12");
    fixture_close(&f);
}

static void a_packet_may_wait_more_than_once_and_leave_by_exit(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,actions=controller(pause),resubmit(,1),output:4");
    fixture_rule(&f, "table=1,ip,actions=output:2,controller(pause),output:3,exit");
    fixture_translate(&f, "ip", 11);
    resume(&f, "ip", "");
    assert_int_equal(f.translation.actions[0].port, 12);
    assert_true(waits(&f));
    resume(&f, "ip", "");
    fixture_expect_actions(&f, "output:13");
    fixture_close(&f);
}

static void a_packet_out_into_the_tables_goes_on_behind_them(void **state)
{
    (void)state;
    struct fixture f;
    struct action_list list = {0};
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=controller(pause),output:2,write_actions(output:3)");
    struct flow_key key = fixture_key("ip", 11);
    struct translate_input input = fixture_input(&f, true);
    assert_int_equal(action_list_parse("table,output:4", NULL, &list, NULL), 0);
    translate_packet_out(&input, FIXTURE_BRIDGE, 1, &list, NULL, &key, &f.translation);
    assert_true(waits(&f));
    resume(&f, "ip", "");
    fixture_expect_actions(&f, "output:12,output:13,output:14");
    action_list_fini(&list);
    fixture_close(&f);
}

/* A bucket's packet is a copy, which waits by itself; a packet-out's group that leads into the tables is the way there. */
static void who_pauses_in_a_bucket_does_not_hold_up_the_rest(void **state)
{
    (void)state;
    struct fixture f;
    struct action_list list = {0};
    struct group group = {.bridge = FIXTURE_BRIDGE, .group_id = 1, .type = GROUP_TYPE_ALL, .n_buckets = 1};
    fixture_open(&f);
    group.id = f.next_id++;
    group.buckets = memory_array(1, sizeof *group.buckets);
    group.buckets[0] = (struct bucket){.watch_port = PORT_ANY, .watch_group = GROUP_ANY};
    assert_int_equal(action_list_parse("set_field:10.0.0.9->nw_dst,table", NULL, &group.buckets[0].actions, NULL), 0);
    world_set_group(&f.world, &group);
    fixture_rule(&f, "ip,nw_dst=10.0.0.9,actions=controller(pause),output:2");
    struct flow_key key = fixture_key("ip", 11);
    struct translate_input input = fixture_input(&f, true);
    assert_int_equal(action_list_parse("group:1,output:4", NULL, &list, NULL), 0);
    translate_packet_out(&input, FIXTURE_BRIDGE, 1, &list, NULL, &key, &f.translation);
    assert_int_equal(f.translation.actions[0].type, DP_ACTION_CLONE);
    assert_int_equal(f.translation.actions[f.translation.n_actions - 1].type, DP_ACTION_OUTPUT);
    assert_int_equal(f.translation.actions[f.translation.n_actions - 1].port, 14);
    resume(&f, "ip,nw_dst=10.0.0.9", "");
    fixture_expect_actions(&f, "output:12");
    action_list_fini(&list);
    fixture_close(&f);
}

/* Whoever sent it back: it is the rule's packet still. */
static void what_is_told_on_return_is_the_rules(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,cookie=0x9,actions=controller(pause),output:controller");
    fixture_translate(&f, "ip", 11);
    resume(&f, "ip", "");
    assert_int_equal(f.translation.n_actions, 1);
    assert_int_equal(f.translation.actions[0].type, DP_ACTION_CONTROLLER);
    assert_int_equal(f.translation.actions[0].controller.reason, PACKET_IN_ACTION);
    assert_int_equal(f.translation.actions[0].controller.cookie, 9);
    fixture_close(&f);
}

static void what_is_left_has_a_limit(void **state)
{
    (void)state;
    struct fixture f;
    char text[8192] = "ip,actions=controller(pause)";
    size_t length = strlen(text);
    fixture_open(&f);
    for (size_t i = 0; i < 700; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, ",output:2");
    }
    fixture_rule(&f, text);
    fixture_expect(&f, "ip", 11, "drop(pipeline_limit)");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_left_is_done_on_return_and_nothing_before),
        cmocka_unit_test(a_table_without_a_rule_ends_the_resubmit_only),
        cmocka_unit_test(who_pauses_in_a_copy_does_not_hold_up_the_rest),
        cmocka_unit_test(a_packet_may_wait_more_than_once_and_leave_by_exit),
        cmocka_unit_test(a_packet_out_into_the_tables_goes_on_behind_them),
        cmocka_unit_test(who_pauses_in_a_bucket_does_not_hold_up_the_rest),
        cmocka_unit_test(what_is_told_on_return_is_the_rules),
        cmocka_unit_test(what_is_left_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
