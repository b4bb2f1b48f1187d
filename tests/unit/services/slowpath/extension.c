/* Open vSwitch's own actions and matches in translation. */
#include "tests/unit/services/slowpath/fixture.h"

static void exit_ends_the_actions_of_all_tables_but_not_the_set(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,actions=output:1,resubmit(,1),output:3,write_actions(output:4),goto_table:2");
    fixture_rule(&f, "table=1,priority=5,ip,actions=output:2,exit,output:4");
    fixture_rule(&f, "table=1,priority=5,arp,actions=clone(output:2,exit,output:4)");
    fixture_rule(&f, "table=2,actions=output:4");
    fixture_expect(&f, "ip", 13, "output:11,output:12");
    fixture_expect(&f, "arp", 14, "output:11,clone(output:12),output:13");
    fixture_rule(&f, "table=0,priority=65535,udp,actions=resubmit(,3),output:1");
    fixture_rule(&f, "table=3,actions=exit");
    fixture_expect(&f, "udp", 13, "drop");
    fixture_rule(&f, "table=0,priority=65535,tcp,actions=write_actions(output:2),goto_table:3");
    fixture_expect(&f, "tcp", 13, "output:12");
    fixture_close(&f);
}

static void a_clone_leaves_packet_registers_and_stack_as_they_were(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,actions=load:0x1->NXM_NX_REG0[],push:NXM_NX_REG0[],"
                     "clone(set_field:10.0.0.1->nw_dst,load:0x2->NXM_NX_REG0[],pop:NXM_NX_REG1[],output:2),"
                     "pop:NXM_NX_REG2[],resubmit(,1)");
    fixture_rule(&f, "table=1,reg0=0x1,reg1=0,reg2=0x1,ip,nw_dst=10.0.0.9,actions=output:3");
    fixture_expect(&f, "ip,nw_dst=10.0.0.9", 11, "clone(set_field:10.0.0.1->nw_dst,output:12),output:13");
    fixture_close(&f);
}

static void a_register_names_the_port(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "priority=5,ip,actions=move:NXM_OF_IP_DST[0..7]->NXM_NX_REG0[0..7],output:NXM_NX_REG0[0..15]");
    fixture_rule(&f, "priority=5,arp,actions=load:0xfffb->NXM_NX_REG0[],output:NXM_NX_REG0[0..15]");
    fixture_expect(&f, "ip,nw_dst=10.0.0.3", 11, "output:13");
    assert_int_equal(f.translation.mask.ip_dst[3], 0xff);
    assert_int_equal(f.translation.mask.ip_dst[2], 0);
    fixture_expect(&f, "ip,nw_dst=10.0.0.1", 11, "drop"); /* where it came from */
    fixture_expect(&f, "ip,nw_dst=10.0.0.77", 11, "drop(output_no_port)");
    fixture_expect(&f, "arp", 11, "output:12,output:13,output:14,output:10");
    fixture_close(&f);
}

static void one_output_is_truncated_and_no_other(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "actions=output(port=2,max_len=64),output:3,output(port=in_port,max_len=20)");
    fixture_expect(&f, "ip", 11, "truncate(64),output:12,output:13,truncate(20),output:11");
    fixture_close(&f);
}

static void the_stack_gives_back_what_was_pushed_last(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=push:NXM_OF_ETH_SRC[],push:NXM_OF_IP_SRC[],pop:NXM_OF_IP_DST[],pop:NXM_OF_ETH_DST[0..15],"
                     "pop:NXM_OF_ETH_DST[],output:2");
    fixture_expect(&f, "ip,dl_src=00:00:00:00:05:06,nw_src=1.2.3.4", 11,
                   "set_field:1.2.3.4->nw_dst,set_field:00:00:00:00:05:06/00:00:00:00:ff:ff->dl_dst,output:12");
    assert_true(fixture_looked(&f, FIELD_IPV4_SRC));
    assert_true(fixture_looked(&f, FIELD_ETH_SRC));
    assert_false(fixture_looked(&f, FIELD_IPV4_DST));
    fixture_close(&f);
}

static void a_stack_that_grows_without_end_is_cut(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,actions=push:NXM_NX_REG0[],push:NXM_NX_REG0[],resubmit(,0)");
    fixture_expect(&f, "ip", 11, "drop(pipeline_limit)");
    fixture_close(&f);
}

static void a_conjunction_holds_when_all_its_clauses_are_met_at_one_priority(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "priority=10,ip,nw_src=10.0.0.1,actions=conjunction(7,1/2)");
    fixture_rule(&f, "priority=10,ip,nw_src=10.0.0.2,actions=conjunction(7,1/2),conjunction(8,1/2)");
    fixture_rule(&f, "priority=10,tcp,tp_dst=80,actions=conjunction(7,2/2)");
    fixture_rule(&f, "priority=11,tcp,tp_dst=81,actions=conjunction(7,2/2)");
    uint64_t clause = fixture_rule(&f, "priority=10,tcp,tp_dst=82,actions=conjunction(8,2/2)");
    fixture_rule(&f, "priority=10,conj_id=7,ip,actions=output:2");
    fixture_rule(&f, "priority=10,conj_id=8,ip,actions=output:3");
    fixture_rule(&f, "priority=1,actions=output:4");
    fixture_expect(&f, "tcp,nw_src=10.0.0.1,tp_dst=80", 11, "output:12");
    assert_true(f.translation.mask.l4_dst.raw != 0 && f.translation.mask.ip_src[3] != 0);
    fixture_expect(&f, "tcp,nw_src=10.0.0.2,tp_dst=80", 11, "output:12");
    fixture_expect(&f, "tcp,nw_src=10.0.0.2,tp_dst=82", 11, "output:13");
    fixture_expect(&f, "tcp,nw_src=10.0.0.1,tp_dst=82", 11, "output:14"); /* of 8 only the second */
    fixture_expect(&f, "tcp,nw_src=10.0.0.1,tp_dst=81", 11, "output:14"); /* at another priority */
    fixture_expect(&f, "tcp,nw_src=10.0.0.3,tp_dst=80", 11, "output:14");
    world_remove_rule(&f.world, clause);
    fixture_expect(&f, "tcp,nw_src=10.0.0.2,tp_dst=82", 11, "output:14");
    fixture_rule(&f, "priority=20,tcp,tp_dst=80,actions=output:1"); /* above all clauses */
    fixture_expect(&f, "tcp,nw_src=10.0.0.1,tp_dst=80", 13, "output:11");
    fixture_close(&f);
}

static void a_conjunction_without_its_rule_decides_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "priority=10,ip,actions=conjunction(7,1/2),conjunction(9,1/2)");
    fixture_rule(&f, "priority=10,tcp,actions=conjunction(7,2/2),conjunction(9,2/2)");
    fixture_expect(&f, "tcp", 11, "drop(no_rule)");
    fixture_rule(&f, "priority=3,conj_id=9,tcp,actions=output:3");
    fixture_expect(&f, "tcp", 11, "output:13");
    fixture_expect(&f, "udp", 11, "drop(no_rule)");
    fixture_close(&f);
}

static void registers_have_long_names_too(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,actions=set_field:0x100000002->xreg1,load:0x5->NXM_NX_XXREG1[0..31],goto_table:1");
    fixture_rule(&f, "table=1,reg2=1,reg3=2,xxreg1=0x5/0xffff,actions=output:2");
    fixture_expect(&f, "ip", 11, "output:12");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_ends_the_actions_of_all_tables_but_not_the_set),
        cmocka_unit_test(a_clone_leaves_packet_registers_and_stack_as_they_were),
        cmocka_unit_test(a_register_names_the_port),
        cmocka_unit_test(one_output_is_truncated_and_no_other),
        cmocka_unit_test(the_stack_gives_back_what_was_pushed_last),
        cmocka_unit_test(a_stack_that_grows_without_end_is_cut),
        cmocka_unit_test(a_conjunction_holds_when_all_its_clauses_are_met_at_one_priority),
        cmocka_unit_test(a_conjunction_without_its_rule_decides_nothing),
        cmocka_unit_test(registers_have_long_names_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
