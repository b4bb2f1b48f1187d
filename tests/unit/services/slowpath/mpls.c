/* Labels in translation: what becomes known, what is looked at, and what a key cannot tell behind a popped label. */
#include "tests/unit/services/slowpath/fixture.h"

static struct flow_key labelled(uint32_t first, uint32_t second)
{
    struct flow_key key = fixture_key("mpls", 11);
    key.mpls[0] = be32(first);
    key.mpls[1] = be32(second);
    return key;
}

static void expect_key(struct fixture *f, const struct flow_key *key, const char *expected)
{
    struct translate_input input = fixture_input(f, true);
    translate_key(&input, key, &f->translation);
    fixture_expect_actions(f, expected);
}

/* The packet as it comes back, with this behind its labels. */
static struct flow_key uncovered(struct fixture *f, const struct flow_key *outer, const char *inner)
{
    const size_t first = offsetof(struct flow_key, tcp_flags);
    struct flow_key key = f->translation.needs_more ? translate_again(&f->translation, outer, NULL, 0) : *outer, from = fixture_key(inner, 11);
    memcpy(from.mpls, key.mpls, sizeof from.mpls);
    memcpy((uint8_t *)&key + first, (const uint8_t *)&from + first, sizeof key - first);
    return key;
}

static void a_pushed_label_hides_the_packet_from_later_tables(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,actions=push_mpls:0x8847,set_mpls_label:7,goto_table:1");
    fixture_rule(&f, "table=1,priority=2,ip,actions=output:1");
    fixture_rule(&f, "table=1,priority=1,mpls,mpls_label=7,mpls_bos=1,actions=output:2");
    fixture_expect(&f, "tcp,nw_ttl=9,tp_dst=80", 13, "push_mpls:0x8847,set_field:7->mpls_label,output:12");
    assert_false(fixture_looked(&f, FIELD_IP_TTL));
    assert_false(fixture_looked(&f, FIELD_TCP_DST));
    assert_true(fixture_looked(&f, FIELD_ETH_TYPE));
    fixture_close(&f);
}

static void the_ttl_of_a_new_label_is_looked_at_when_somebody_asks(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,ip,actions=dec_ttl,push_mpls:0x8847,goto_table:1");
    fixture_rule(&f, "table=1,priority=2,mpls,mpls_ttl=8,actions=output:1");
    fixture_rule(&f, "table=1,priority=1,actions=output:2");
    fixture_expect(&f, "ip,nw_ttl=9", 13, "dec_ttl,push_mpls:0x8847,output:11");
    assert_int_equal(f.translation.mask.ip_ttl, 0xff);
    fixture_expect(&f, "ip,nw_ttl=10", 13, "dec_ttl,push_mpls:0x8847,output:12");
    assert_int_equal(f.translation.mask.ip_ttl, 0xff);
    fixture_close(&f);
}

static void what_a_pop_uncovers_is_asked_for_when_rules_look_at_it(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "priority=4,mpls,mpls_label=1,actions=pop_mpls:0x0800,set_field:10.0.0.1->nw_dst,output:2");
    fixture_rule(&f, "priority=4,mpls,mpls_label=2,actions=pop_mpls:0x0800,goto_table:1");
    fixture_rule(&f, "priority=4,mpls,mpls_label=3,actions=pop_mpls:0x0800,dec_ttl,output:2");
    fixture_rule(&f, "table=1,ip,nw_dst=10.0.0.1,actions=output:3");
    struct flow_key key = labelled(1 << 12 | 0x140, 0);
    expect_key(&f, &key, "pop_mpls:0x0800,set_field:10.0.0.1->nw_dst,output:12");
    key = labelled(2 << 12 | 0x140, 0);
    expect_key(&f, &key, "recirc(134217730,labels=1,uncovers=0x0800)");
    assert_true(f.translation.needs_more);
    assert_int_equal(f.translation.n_counters, 0); /* the other way counts */
    key = uncovered(&f, &key, "tcp,nw_dst=10.0.0.1,nw_ttl=9,tp_dst=80");
    expect_key(&f, &key, "pop_mpls:0x0800,output:13");
    assert_int_equal(host32(f.translation.mask.recirc_id), UINT32_MAX);
    assert_true(fixture_looked(&f, FIELD_IPV4_DST));
    assert_false(fixture_looked(&f, FIELD_TCP_DST));
    key = uncovered(&f, &key, "tcp,nw_dst=10.0.0.2");
    expect_key(&f, &key, "drop(no_rule)");
    key = labelled(3 << 12 | 0x140, 0);
    expect_key(&f, &key, "recirc(134217730,labels=1,uncovers=0x0800)");
    key = uncovered(&f, &key, "ip,nw_ttl=9");
    expect_key(&f, &key, "pop_mpls:0x0800,dec_ttl,output:12");
    assert_int_not_equal(f.translation.mask.ip_ttl, 0);
    fixture_close(&f);
}

/* Registers, metadata, the action set and the stack are those that the rules before the pop have made, for the packet goes through them again. */
static void what_rules_did_before_the_pop_is_still_done(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "mpls,actions=load:5->NXM_NX_REG0[],push:NXM_NX_REG0[],pop_mpls:0x86dd,write_actions(output:2),write_metadata:7,goto_table:1");
    fixture_rule(&f, "table=1,priority=2,ipv6,reg0=5,metadata=7,tcp6,tp_dst=80,actions=pop:NXM_NX_REG1[],resubmit(,2)");
    fixture_rule(&f, "table=2,reg1=5,actions=output:3");
    struct flow_key key = labelled(2 << 12 | 0x140, 0);
    expect_key(&f, &key, "recirc(2262630402,labels=1,uncovers=0x86dd)");
    key = uncovered(&f, &key, "tcp6,tp_dst=80");
    expect_key(&f, &key, "pop_mpls:0x86dd,output:13,output:12");
    fixture_close(&f);
}

/* A rule before the pop must not see what the key shows from behind the label. */
static void what_labels_cover_stays_out_of_sight_until_they_are_off(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "mpls,actions=resubmit(,1),pop_mpls:0x0800,goto_table:1");
    fixture_rule(&f, "table=1,priority=2,ip,nw_dst=10.0.0.1,actions=output:2");
    fixture_rule(&f, "table=1,priority=1,mpls,actions=output:3");
    struct flow_key key = labelled(2 << 12 | 0x140, 0);
    expect_key(&f, &key, "recirc(134217730,labels=1,uncovers=0x0800)");
    key = uncovered(&f, &key, "ip,nw_dst=10.0.0.1");
    expect_key(&f, &key, "output:13,pop_mpls:0x0800,output:12");
    fixture_close(&f);
}

static void a_label_pushed_here_gives_back_what_it_covered(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=set_field:10.0.0.9->nw_dst,push_mpls:0x8847,push_mpls:0x8847,pop_mpls:0x8847,pop_mpls:0x0800,goto_table:1");
    fixture_rule(&f, "table=1,priority=2,ip,nw_dst=10.0.0.9,nw_src=10.0.0.3,actions=output:2");
    fixture_rule(&f, "arp,actions=push_mpls:0x8847,pop_mpls:0x0800,goto_table:1");
    fixture_expect(&f, "ip,nw_src=10.0.0.3", 11,
                   "set_field:10.0.0.9->nw_dst,push_mpls:0x8847,push_mpls:0x8847,pop_mpls:0x8847,pop_mpls:0x0800,output:12");
    assert_true(fixture_looked(&f, FIELD_IPV4_SRC));
    assert_false(fixture_looked(&f, FIELD_IPV4_DST));
    fixture_expect(&f, "arp", 11, "drop(header_unseen)"); /* it is no IP */
    fixture_close(&f);
}

static void only_one_place_behind_labels_is_shown(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "mpls,actions=clone(pop_mpls:0x86dd,resubmit(,1)),pop_mpls:0x0800,goto_table:1");
    fixture_rule(&f, "table=1,udp,tp_dst=53,actions=output:2");
    fixture_rule(&f, "table=1,udp6,tp_dst=53,actions=output:3");
    struct flow_key key = labelled(2 << 12 | 0x140, 0);
    expect_key(&f, &key, "recirc(2262630402,labels=1,uncovers=0x86dd)");
    key = uncovered(&f, &key, "udp6,tp_dst=53");
    expect_key(&f, &key, "drop(header_unseen)");
    fixture_close(&f);
}

/* Both detours: what labels cover is what the group chooses by, and the hash is known on the last way. */
static void hash_and_labels_come_back_together(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct group_text parsed;
    assert_int_equal(group_parse("group_id=1,type=select,selection_method=dp_hash,bucket=output:2,bucket=output:2", GROUP_ADD, NULL, &parsed, NULL), 0);
    parsed.group.id = f.next_id++;
    parsed.group.bridge = FIXTURE_BRIDGE;
    world_set_group(&f.world, &parsed.group);
    fixture_rule(&f, "mpls,actions=pop_mpls:0x0800,goto_table:1");
    fixture_rule(&f, "table=1,udp,tp_dst=53,actions=group:1");
    struct flow_key key = labelled(2 << 12 | 0x140, 0);
    expect_key(&f, &key, "recirc(134217730,labels=1,uncovers=0x0800)");
    key = uncovered(&f, &key, "udp,tp_dst=53");
    expect_key(&f, &key, "hash(symmetric_l4,basis=0),recirc(134217731)");
    key = translate_again(&f.translation, &key, NULL, 0);
    assert_int_not_equal(host32(key.dp_hash), 0);
    expect_key(&f, &key, "pop_mpls:0x0800,output:12");
    key.recirc_id = be32(RECIRC_HASHED | 5 << RECIRC_TYPE_SHIFT); /* no translation has made that */
    struct translate_input input = fixture_input(&f, true);
    translate_key(&input, &key, &f.translation);
    assert_true(f.translation.is_refused);
    fixture_close(&f);
}

static void inner_labels_come_up_one_by_one(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "table=0,mpls,actions=pop_mpls:0x8847,goto_table:1");
    fixture_rule(&f, "table=1,priority=2,mpls,mpls_label=5,actions=output:2");
    fixture_rule(&f, "table=1,priority=1,actions=output:3");
    struct flow_key key = labelled(1 << 12, 5 << 12 | 0x100);
    expect_key(&f, &key, "pop_mpls:0x8847,output:12");
    assert_int_equal(host32(f.translation.mask.mpls[1]), UINT32_MAX);
    key = labelled(1 << 12 | 0x100, 0); /* the type says MPLS, the stack that it is at its end */
    expect_key(&f, &key, "drop(header_unseen)");
    fixture_close(&f);
}

static void ttls_are_copied_to_the_header_that_a_pop_uncovers(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "priority=4,mpls,mpls_label=1,actions=copy_ttl_in,pop_mpls:0x0800,output:2");
    fixture_rule(&f, "priority=4,mpls,mpls_label=2,actions=write_actions(copy_ttl_in,pop_mpls:0x86dd,output:2)");
    fixture_rule(&f, "priority=4,mpls,mpls_label=3,actions=copy_ttl_in,pop_mpls:0x0806,output:2");
    fixture_rule(&f, "priority=4,mpls,mpls_label=4,actions=copy_ttl_in,controller");
    fixture_rule(&f, "priority=4,mpls,mpls_label=5,actions=copy_ttl_in,push_mpls:0x8847,pop_mpls:0x8847,pop_mpls:0x0800,output:2,set_field:7->ip_ttl,output:3");
    fixture_rule(&f, "ip,actions=push_mpls:0x8847,set_mpls_ttl(3),copy_ttl_in,pop_mpls:0x0800,output:2");
    struct flow_key key = labelled(1 << 12 | 0x100 | 9, 0);
    expect_key(&f, &key, "pop_mpls:0x0800,set_field:9->nw_ttl,output:12");
    assert_int_equal(host32(f.translation.mask.mpls[0]) & 0xff, 0xff);
    key = labelled(2 << 12 | 0x100 | 44, 0);
    expect_key(&f, &key, "pop_mpls:0x86dd,set_field:44->nw_ttl,output:12");
    key = labelled(3 << 12 | 0x100 | 44, 0);
    expect_key(&f, &key, "pop_mpls:0x0806,output:12"); /* has no TTL */
    key = labelled(4 << 12 | 0x100 | 44, 0);
    expect_key(&f, &key, "drop(header_unseen)");
    key = labelled(5 << 12 | 0x100 | 44, 0);
    expect_key(&f, &key, "push_mpls:0x8847,pop_mpls:0x8847,pop_mpls:0x0800,set_field:44->nw_ttl,output:12,set_field:7->nw_ttl,output:13");
    fixture_expect(&f, "ip,nw_ttl=77", 11, "push_mpls:0x8847,set_field:3->mpls_ttl,pop_mpls:0x0800,set_field:3->nw_ttl,output:12");
    fixture_close(&f);
}

/* The copy in is due until the pop; a copy out before it takes what was copied in and not what the header still says. */
static void ttl_that_was_copied_in_is_what_is_copied_out(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=push_mpls:0x8847,set_mpls_ttl(3),copy_ttl_in,set_mpls_ttl(9),copy_ttl_out,pop_mpls:0x0800,output:2");
    fixture_rule(&f, "priority=4,mpls,mpls_label=1,actions=copy_ttl_in,set_mpls_ttl(9),copy_ttl_out,pop_mpls:0x0800,output:2");
    fixture_expect(&f, "ip,nw_ttl=77", 11,
                   "push_mpls:0x8847,set_field:3->mpls_ttl,set_field:9->mpls_ttl,set_field:3->mpls_ttl,pop_mpls:0x0800,set_field:3->nw_ttl,output:12");
    struct flow_key key = labelled(1 << 12 | 0x100 | 44, 0);
    expect_key(&f, &key, "set_field:9->mpls_ttl,set_field:44->mpls_ttl,pop_mpls:0x0800,set_field:44->nw_ttl,output:12");
    fixture_close(&f);
}

static void ttls_are_copied_between_labels(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "priority=4,mpls,mpls_label=1,actions=copy_ttl_out,output:2");
    fixture_rule(&f, "priority=4,mpls,mpls_label=2,actions=copy_ttl_in,output:2");
    fixture_rule(&f, "ip,actions=push_mpls:0x8847,set_mpls_ttl(3),copy_ttl_out,output:2");
    struct flow_key key = labelled(1 << 12 | 9, 5 << 12 | 0x100 | 44);
    expect_key(&f, &key, "set_field:44->mpls_ttl,output:12");
    key = labelled(2 << 12 | 9, 5 << 12 | 0x100 | 44);
    expect_key(&f, &key,
               "pop_mpls:0x8847,set_field:9->mpls_ttl,push_mpls:0x8847,set_field:2->mpls_label,set_field:0->mpls_tc,"
               "set_field:9->mpls_ttl,output:12");
    key = labelled(1 << 12 | 0x100 | 9, 0);
    expect_key(&f, &key, "drop(header_unseen)"); /* the IP header behind is not in the key */
    key = labelled(2 << 12 | 0x100 | 9, 0);
    expect_key(&f, &key, "drop(header_unseen)"); /* and is not written behind a label */
    fixture_expect(&f, "ip,nw_ttl=77", 11, "push_mpls:0x8847,set_field:3->mpls_ttl,set_field:77->mpls_ttl,output:12");
    assert_int_equal(f.translation.mask.ip_ttl, 0xff);
    fixture_close(&f);
}

static void a_label_without_ttl_goes_to_the_controller(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "mpls,actions=dec_mpls_ttl,output:2");
    struct flow_key key = labelled(0x101, 0);
    struct translate_input input = fixture_input(&f, true);
    translate_key(&input, &key, &f.translation);
    assert_int_equal(f.translation.n_actions, 1);
    assert_int_equal(f.translation.actions[0].type, DP_ACTION_CONTROLLER);
    assert_int_equal(f.translation.actions[0].controller.reason, PACKET_IN_INVALID_TTL);
    key = labelled(0x102, 0);
    expect_key(&f, &key, "dec_mpls_ttl,output:12");
    fixture_close(&f);
}

static void a_label_is_not_put_in_front_of_tags_that_pushes_hide(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "actions=push_vlan:0x8100,push_vlan:0x8100,push_mpls:0x8847,output:2");
    fixture_expect(&f, "dl_vlan=5", 11, "drop(pipeline_limit)"); /* a third tag */
    fixture_expect(&f, "arp", 11,
                   "push_vlan:0x8100(vid=0,pcp=0),push_vlan:0x8100(vid=0,pcp=0),push_mpls:0x8847,output:12");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pushed_label_hides_the_packet_from_later_tables),
        cmocka_unit_test(the_ttl_of_a_new_label_is_looked_at_when_somebody_asks),
        cmocka_unit_test(what_a_pop_uncovers_is_asked_for_when_rules_look_at_it),
        cmocka_unit_test(what_rules_did_before_the_pop_is_still_done),
        cmocka_unit_test(what_labels_cover_stays_out_of_sight_until_they_are_off),
        cmocka_unit_test(a_label_pushed_here_gives_back_what_it_covered),
        cmocka_unit_test(only_one_place_behind_labels_is_shown),
        cmocka_unit_test(hash_and_labels_come_back_together),
        cmocka_unit_test(inner_labels_come_up_one_by_one),
        cmocka_unit_test(ttl_that_was_copied_in_is_what_is_copied_out),
        cmocka_unit_test(ttls_are_copied_between_labels),
        cmocka_unit_test(ttls_are_copied_to_the_header_that_a_pop_uncovers),
        cmocka_unit_test(a_label_without_ttl_goes_to_the_controller),
        cmocka_unit_test(a_label_is_not_put_in_front_of_tags_that_pushes_hide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
