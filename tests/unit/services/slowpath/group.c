/* Groups: every bucket with its own copy, failover by liveness, select by weight, loops bounded. */
#include "tests/unit/services/slowpath/fixture.h"

#include "lib/dp/hash.h"
#include "lib/msg/counter_id.h"

static void add_group(struct fixture *f, uint32_t number, enum group_type type, const char *const *buckets,
                      const uint32_t *watch, size_t n)
{
    struct group group = {.id = f->next_id++, .bridge = FIXTURE_BRIDGE, .group_id = number, .type = type, .n_buckets = n};
    group.buckets = memory_array(n, sizeof *group.buckets);
    for (size_t i = 0; i < n; i++) {
        group.buckets[i] =
            (struct bucket){.watch_port = watch != NULL ? watch[i] : PORT_ANY, .watch_group = GROUP_ANY, .bucket_id = (uint32_t)i, .weight = 1};
        assert_int_equal(action_list_parse(buckets[i], NULL, &group.buckets[i].actions, NULL), 0);
    }
    world_set_group(&f->world, &group);
}

static void all_gives_each_bucket_its_own_copy(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    const char *buckets[] = {"set_field:10.0.0.9->nw_dst,output:2", "output:3", "drop"};
    add_group(&f, 1, GROUP_TYPE_ALL, buckets, NULL, 2);
    fixture_rule(&f, "ip,actions=group:1");
    fixture_rule(&f, "priority=40000,tcp,actions=group:1,output:4");
    fixture_expect(&f, "ip,nw_dst=1.1.1.1", 11, "clone(set_field:10.0.0.9->nw_dst,output:12),output:13");
    fixture_expect(&f, "tcp", 11, "clone(set_field:10.0.0.9->nw_dst,output:12),clone(output:13),output:14");
    assert_true(f.translation.uses_groups);
    fixture_close(&f);
}

static void expect_told(struct fixture *f, const char *rule, enum packet_in_reason reason, uint64_t cookie)
{
    fixture_rule(f, rule);
    fixture_translate(f, "ip", 11);
    assert_int_equal(f->translation.n_actions, 1);
    assert_int_equal(f->translation.actions[0].type, DP_ACTION_CONTROLLER);
    assert_int_equal(f->translation.actions[0].controller.reason, reason);
    assert_int_equal(f->translation.actions[0].controller.cookie, cookie);
}

static void expect_packet_out_told(struct fixture *f, const char *text, enum packet_in_reason reason)
{
    struct action_list actions = {0};
    struct flow_key key = fixture_key("ip", 11);
    struct translate_input input = fixture_input(f, false);
    assert_int_equal(action_list_parse(text, NULL, &actions, NULL), 0);
    translate_packet_out(&input, FIXTURE_BRIDGE, 1, &actions, NULL, &key, &f->translation);
    assert_int_equal(f->translation.n_actions, 1);
    assert_int_equal(f->translation.actions[0].controller.reason, reason);
    action_list_fini(&actions);
}

/* [OF1.4 §7.4.1], as Open vSwitch tells it. */
static void the_reason_of_a_packet_in_says_where_the_output_stands(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    const char *up[] = {"controller"};
    add_group(&f, 1, GROUP_TYPE_ALL, up, NULL, 1);
    expect_told(&f, "priority=40001,cookie=9,ip,actions=controller", PACKET_IN_ACTION, 9);
    expect_told(&f, "priority=40002,cookie=9,ip,actions=write_actions(controller)", PACKET_IN_ACTION_SET, 9);
    expect_packet_out_told(&f, "table", PACKET_IN_PACKET_OUT);
    expect_told(&f, "priority=40003,cookie=9,ip,actions=group:1", PACKET_IN_GROUP, 9);
    expect_packet_out_told(&f, "resubmit(,0)", PACKET_IN_PACKET_OUT);
    expect_told(&f, "priority=40004,cookie=9,ip,actions=write_actions(group:1)", PACKET_IN_GROUP, 9);
    expect_packet_out_told(&f, "controller", PACKET_IN_PACKET_OUT);
    expect_packet_out_told(&f, "group:1", PACKET_IN_PACKET_OUT);
    fixture_close(&f);
}

/* What Open vSwitch does of a bucket's group, output and resubmit: the first that is there. */
static void a_bucket_that_outputs_nothing_may_go_on_in_a_table(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    const char *inner[] = {"output:4"};
    const char *buckets[] = {"resubmit(,1),set_field:10.0.0.9->nw_dst", "output:2,resubmit(,1)", "resubmit(,7)", "group:2,resubmit(,1)"};
    add_group(&f, 1, GROUP_TYPE_ALL, buckets, NULL, 4);
    add_group(&f, 2, GROUP_TYPE_ALL, inner, NULL, 1);
    fixture_rule(&f, "table=0,ip,actions=group:1,output:3");
    fixture_rule(&f, "table=1,ip,nw_dst=10.0.0.9,actions=output:3,exit");
    fixture_expect(&f, "ip,nw_dst=1.1.1.1", 11, "clone(set_field:10.0.0.9->nw_dst,output:13),clone(output:12),clone(output:14),output:13");
    fixture_rule(&f, "table=7,ip,actions=write_actions(output:4)");
    fixture_expect(&f, "ip,nw_dst=1.1.1.1", 11, "clone(set_field:10.0.0.9->nw_dst,output:13),clone(output:12),clone(output:14),output:13,output:14");
    fixture_close(&f);
}

/* Open vSwitch's groups have 1,024 at most. */
static void all_of_a_thousand_buckets_get_their_copy(void **state)
{
    (void)state;
    enum { N = 1024 };
    struct fixture f;
    fixture_open(&f);
    const char *buckets[N];
    for (size_t i = 0; i < N; i++) {
        buckets[i] = i % 2 == 0 ? "output:2" : "dec_ttl,output:3";
    }
    add_group(&f, 1, GROUP_TYPE_ALL, buckets, NULL, N);
    fixture_rule(&f, "ip,actions=group:1,output:4");
    fixture_translate(&f, "ip,nw_ttl=64", 11);
    assert_int_equal(f.translation.n_actions, N / 2 * 2 + N / 2 * 3 + 1);
    assert_int_equal(f.translation.n_counters, 2 + 1 + N);
    assert_int_equal(dp_actions_check(f.translation.actions, f.translation.n_actions, NULL), 0);
    assert_int_equal(f.translation.actions[f.translation.n_actions - 1].port, 14);
    fixture_close(&f);
}

static void failover_takes_the_first_bucket_whose_link_is_up(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    const char *buckets[] = {"output:2", "output:3"};
    const uint32_t watch[] = {2, 3};
    add_group(&f, 1, GROUP_TYPE_FF, buckets, watch, 2);
    fixture_rule(&f, "ip,actions=group:1");
    fixture_expect(&f, "ip", 11, "output:12");
    world_set_link(&f.world, 12, false);
    fixture_expect(&f, "ip", 11, "output:13");
    world_set_link(&f.world, 13, false);
    fixture_expect(&f, "ip", 11, "drop");
    fixture_close(&f);
}

static void select_spreads_connections_and_keeps_each_where_it_is(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    const char *buckets[] = {"output:2", "output:3", "output:4"};
    const uint32_t watch[] = {2, 3, 4};
    add_group(&f, 1, GROUP_TYPE_SELECT, buckets, watch, 3);
    fixture_rule(&f, "ip,actions=group:1");
    unsigned n_to[20] = {0};
    uint32_t first[300];
    for (uint16_t i = 0; i < 300; i++) {
        char packet[64];
        (void)snprintf(packet, sizeof packet, "tcp,tp_src=%u", 1000u + i);
        fixture_translate(&f, packet, 11);
        first[i] = f.translation.actions[0].port;
        n_to[first[i]]++;
        assert_true(fixture_looked(&f, FIELD_TCP_SRC));
    }
    assert_true(n_to[12] > 60 && n_to[13] > 60 && n_to[14] > 60);
    world_set_link(&f.world, 14, false);
    for (uint16_t i = 0; i < 300; i++) {
        char packet[64];
        (void)snprintf(packet, sizeof packet, "tcp,tp_src=%u", 1000u + i);
        fixture_translate(&f, packet, 11);
        assert_true(first[i] == 14 || f.translation.actions[0].port == first[i]);
        assert_int_not_equal(f.translation.actions[0].port, 14);
    }
    fixture_close(&f);
}

static void add_select(struct fixture *f, const char *text)
{
    struct group_text parsed;
    struct error_detail detail = {{0}};
    if (group_parse(text, GROUP_ADD, NULL, &parsed, &detail) != 0) {
        fail_msg("%s: %s", text, detail.text);
    }
    parsed.group.id = f->next_id++;
    parsed.group.bridge = FIXTURE_BRIDGE;
    for (size_t i = 0; i < parsed.group.n_buckets; i++) {
        parsed.group.buckets[i].bucket_id = parsed.group.buckets[i].bucket_id <= BUCKET_ID_MAX ? parsed.group.buckets[i].bucket_id : (uint32_t)i;
    }
    world_set_group(&f->world, &parsed.group);
}

static void a_hash_of_fields_looks_at_these_fields_alone(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    add_select(&f, "group_id=1,type=select,selection_method=hash,fields(ip_src=255.255.255.0,tcp_dst),bucket=output:2,bucket=output:3");
    fixture_rule(&f, "ip,actions=group:1");
    unsigned n_to[20] = {0};
    for (unsigned i = 0; i < 200; i++) {
        char packet[96];
        uint32_t ports[3];
        for (unsigned k = 0; k < 3; k++) { /* what is not listed makes no difference */
            (void)snprintf(packet, sizeof packet, "tcp,nw_src=10.0.%u.%u,nw_dst=10.1.0.%u,tp_src=%u,tp_dst=80", i, k, k, k);
            fixture_translate(&f, packet, 11);
            ports[k] = f.translation.actions[0].port;
        }
        assert_true(ports[0] == ports[1] && ports[1] == ports[2]);
        n_to[ports[0]]++;
    }
    assert_true(n_to[12] > 60 && n_to[13] > 60);
    struct flow_state looked = {.key = f.translation.mask};
    assert_int_equal(field_value_to_u64(field_get(FIELD_IPV4_SRC, &looked)), 0xffffff00);
    assert_true(fixture_looked(&f, FIELD_TCP_DST));
    assert_false(fixture_looked(&f, FIELD_TCP_SRC) || fixture_looked(&f, FIELD_IPV4_DST));
    fixture_translate(&f, "udp", 11); /* has no tcp_dst */
    assert_false(fixture_looked(&f, FIELD_UDP_DST));
    fixture_close(&f);
}

/* The packet of the key with this hash, as the shard gives it back. */
static void translate_hashed(struct fixture *f, const char *packet, uint32_t hash)
{
    struct flow_key key = fixture_key(packet, 11);
    key.recirc_id = be32(RECIRC_HASHED);
    key.dp_hash = be32(hash);
    struct translate_input input = fixture_input(f, true);
    translate_key(&input, &key, &f->translation);
}

static void the_datapath_hash_spreads_without_looking_at_the_packet(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    add_select(&f, "group_id=1,type=select,selection_method=dp_hash,bucket=weight:1,watch_port:2,actions=output:2,"
                   "bucket=weight:3,watch_port:3,actions=output:3");
    fixture_rule(&f, "table=0,ip,actions=set_field:10.0.0.9->nw_dst,output:4,group:1");
    fixture_expect(&f, "tcp,tp_src=5", 11, "hash(symmetric_l4,basis=0),recirc(1)");
    assert_int_equal(f.translation.n_counters, 0); /* they are for the second look */
    assert_int_equal(host32(f.translation.mask.recirc_id), UINT32_MAX);
    assert_false(fixture_looked(&f, FIELD_TCP_SRC));
    unsigned n_to[20] = {0};
    uint32_t before[512], looked = 0;
    for (uint32_t i = 0; i < 512; i++) {
        translate_hashed(&f, "tcp,tp_src=5", i * 0x9e3779b1u);
        before[i] = f.translation.actions[f.translation.n_actions - 1].port;
        n_to[before[i]]++;
        assert_false(fixture_looked(&f, FIELD_TCP_SRC) || fixture_looked(&f, FIELD_IPV4_SRC));
        looked |= host32(f.translation.mask.dp_hash);
        assert_int_equal(host32(f.translation.mask.recirc_id), UINT32_MAX);
    }
    assert_true(n_to[12] > 90 && n_to[13] > 330); /* 128 and 384 */
    assert_int_equal(__builtin_popcount(looked), 5);
    world_set_link(&f.world, 12, false);
    for (uint32_t i = 0; i < 512; i++) {
        translate_hashed(&f, "tcp,tp_src=5", i * 0x9e3779b1u);
        assert_int_equal(f.translation.actions[f.translation.n_actions - 1].port, 13);
    }
    world_set_link(&f.world, 12, true);
    world_set_link(&f.world, 13, false);
    for (uint32_t i = 0; i < 512; i++) { /* those of the living stay where they are */
        translate_hashed(&f, "tcp,tp_src=5", i * 0x9e3779b1u);
        assert_int_equal(f.translation.actions[f.translation.n_actions - 1].port, 12);
    }
    fixture_close(&f);
}

/* Buckets before others come and go; only connections of those concerned move. */
static void buckets_that_come_or_go_move_no_others(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=group:1");
    static const char *const texts[] = {
        "group_id=1,type=select,bucket=bucket_id:0,actions=output:2,bucket=bucket_id:1,actions=output:3",
        "group_id=1,type=select,bucket=bucket_id:5,actions=output:4,bucket=bucket_id:0,actions=output:2,bucket=bucket_id:1,actions=output:3",
        "group_id=1,type=select,bucket=bucket_id:5,actions=output:4,bucket=bucket_id:1,actions=output:3",
    };
    uint32_t where[3][200];
    for (size_t t = 0; t < 3; t++) {
        add_select(&f, texts[t]);
        for (unsigned i = 0; i < 200; i++) {
            char packet[32];
            (void)snprintf(packet, sizeof packet, "tcp,tp_src=%u", 1000 + i);
            fixture_translate(&f, packet, 11);
            where[t][i] = f.translation.actions[0].port;
        }
        world_remove_group(&f.world, f.next_id - 1);
    }
    unsigned n_new = 0;
    for (unsigned i = 0; i < 200; i++) {
        assert_true(where[1][i] == where[0][i] || where[1][i] == 14);
        assert_true(where[2][i] == where[1][i] || where[1][i] == 12);
        n_new += where[1][i] == 14;
    }
    assert_true(n_new > 40 && n_new < 95);
    fixture_close(&f);
}

/* A controller's packet meets no second lookup: its hash is computed here, and is the shard's. */
static void packet_outs_are_hashed_at_once(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    add_select(&f, "group_id=1,type=select,selection_method=dp_hash,bucket=output:2,bucket=output:3");
    fixture_rule(&f, "ip,actions=group:1");
    struct translate_input input = fixture_input(&f, false);
    struct action to_group = {.type = ACTION_GROUP, .group_id = 1};
    struct action_list list = {0};
    action_list_add(&list, &to_group);
    struct dp_hash symmetric = {.algorithm = DP_HASH_SYMMETRIC_L4};
    for (unsigned i = 0; i < 20; i++) {
        char packet[32];
        (void)snprintf(packet, sizeof packet, "tcp,tp_src=%u", 1000 + i);
        struct flow_key key = fixture_key(packet, 11);
        translate_packet_out(&input, FIXTURE_BRIDGE, 1, &list, NULL, &key, &f.translation);
        assert_int_equal(f.translation.n_actions, 1);
        uint32_t port = f.translation.actions[0].port;
        translate_hashed(&f, packet, hash_packet(&key, &symmetric));
        assert_int_equal(f.translation.actions[0].port, port);
    }
    action_list_fini(&list);
    fixture_close(&f);
}

static void a_hash_needed_inside_copies_begins_all_again(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    add_select(&f, "group_id=1,type=select,selection_method=dp_hash,bucket=output:2");
    const char *buckets[] = {"output:3", "dec_ttl,group:1", "output:4"};
    add_group(&f, 2, GROUP_TYPE_ALL, buckets, NULL, 3);
    fixture_rule(&f, "ip,actions=group:2,output:1");
    fixture_expect(&f, "ip,nw_ttl=64", 12, "hash(symmetric_l4,basis=0),recirc(1)");
    translate_hashed(&f, "ip,nw_ttl=64", 77);
    fixture_expect_actions(&f, "clone(output:13),clone(dec_ttl,output:12),output:14");
    fixture_close(&f);
}

static void packets_of_an_unknown_recirculation_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=output:2");
    struct flow_key key = fixture_key("ip", 11);
    struct translate_input input = fixture_input(&f, false);
    key.recirc_id = be32(2);
    translate_key(&input, &key, &f.translation);
    assert_true(f.translation.is_refused && f.translation.is_single);
    fixture_close(&f);
}

static void groups_that_call_each_other_end(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    const char *to_2[] = {"group:2"}, *to_1[] = {"group:1"};
    add_group(&f, 1, GROUP_TYPE_INDIRECT, to_2, NULL, 1);
    add_group(&f, 2, GROUP_TYPE_INDIRECT, to_1, NULL, 1);
    fixture_rule(&f, "ip,actions=group:1");
    fixture_expect(&f, "ip", 11, "drop(pipeline_limit)");
    fixture_close(&f);
}

static void watch_groups(struct fixture *f, uint32_t number, uint32_t watch_port, uint32_t first, uint32_t second)
{
    struct group group = {
        .id = f->next_id++, .bridge = FIXTURE_BRIDGE, .group_id = number, .type = GROUP_TYPE_FF, .n_buckets = 2};
    group.buckets = memory_array(2, sizeof *group.buckets);
    group.buckets[0] = (struct bucket){.watch_port = PORT_ANY, .watch_group = first, .weight = 1};
    group.buckets[1] = (struct bucket){.watch_port = watch_port, .watch_group = second, .weight = 1};
    assert_int_equal(action_list_parse("output:2", NULL, &group.buckets[0].actions, NULL), 0);
    assert_int_equal(action_list_parse("output:3", NULL, &group.buckets[1].actions, NULL), 0);
    world_set_group(&f->world, &group);
}

/* Without a budget: 2^64 looks. */
static void groups_that_watch_themselves_and_each_other_are_dead_soon(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    watch_groups(&f, 1, PORT_ANY, 1, 1);
    watch_groups(&f, 2, PORT_ANY, 3, 3);
    watch_groups(&f, 3, PORT_ANY, 2, 2);
    watch_groups(&f, 4, 3, 1, GROUP_ANY);
    fixture_rule(&f, "ip,actions=group:1");
    fixture_rule(&f, "arp,actions=group:2");
    fixture_rule(&f, "dl_type=0x1234,actions=group:4");
    fixture_expect(&f, "ip", 11, "drop");
    fixture_expect(&f, "arp", 11, "drop");
    fixture_expect(&f, "dl_type=0x1234", 11, "output:13"); /* what is not nested is judged, however much was looked at before */
    fixture_close(&f);
}

/* Group i sends to port 2 behind a copy that goes through group i - 1: as many copies inside copies as groups. */
static void copies_nest_as_deep_as_shards_take_them(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    for (uint32_t i = 1; i <= DP_CLONE_DEPTH + 1; i++) {
        char inner[32], rule[64];
        (void)snprintf(inner, sizeof inner, i == 1 ? "output:3" : "group:%u", i - 1);
        const char *buckets[] = {inner, "output:2"};
        add_group(&f, i, GROUP_TYPE_ALL, buckets, NULL, 2);
        (void)snprintf(rule, sizeof rule, "dl_type=0x%04x,actions=group:%u", 0x9000 + i, i);
        fixture_rule(&f, rule);
    }
    char packet[32];
    (void)snprintf(packet, sizeof packet, "dl_type=0x%04x", 0x9000 + DP_CLONE_DEPTH);
    fixture_translate(&f, packet, 11);
    assert_int_equal(f.translation.actions[0].type, DP_ACTION_CLONE);
    assert_int_equal(dp_actions_check(f.translation.actions, f.translation.n_actions, NULL), 0);
    (void)snprintf(packet, sizeof packet, "dl_type=0x%04x", 0x9001 + DP_CLONE_DEPTH);
    fixture_expect(&f, packet, 11, "drop(pipeline_limit)");
    fixture_close(&f);
}

static void a_chain_of_single_buckets_needs_one_copy(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    for (uint32_t i = 1; i <= 3 * DP_CLONE_DEPTH; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, i == 1 ? "set_field:10.0.0.9->nw_dst,output:3" : "group:%u", i - 1);
        const char *bucket = text;
        add_group(&f, i, GROUP_TYPE_INDIRECT, &bucket, NULL, 1);
    }
    char rule[64];
    (void)snprintf(rule, sizeof rule, "ip,actions=group:%d,output:4", 3 * DP_CLONE_DEPTH);
    fixture_rule(&f, rule);
    fixture_expect(&f, "ip", 11, "clone(set_field:10.0.0.9->nw_dst,output:13),output:14");
    fixture_close(&f);
}

/* Which need not be its place: others may have come and gone. */
static void a_bucket_counts_under_its_own_number(void **state)
{
    (void)state;
    struct fixture f;
    struct group_text parsed;
    struct error_detail detail = {""};
    fixture_open(&f);
    assert_int_equal(group_parse("group_id=1,type=indirect,bucket=output:2", GROUP_ADD, NULL, &parsed, &detail), 0);
    parsed.group.id = 77;
    parsed.group.bridge = FIXTURE_BRIDGE;
    parsed.group.buckets[0].counter = 9;
    world_set_group(&f.world, &parsed.group);
    fixture_rule(&f, "actions=group:1");
    fixture_expect(&f, "in_port=1", 11, "output:12");
    bool is_there = false;
    for (size_t i = 0; i < f.translation.n_counters; i++) {
        is_there = is_there || f.translation.counters[i] == counter_id(COUNTER_BUCKET, 77u << 16 | 9);
    }
    assert_true(is_there);
    fixture_close(&f);
}

/* Nothing sends, so nothing is done: no packet-in for a TTL, and the TTL is not looked at. */
static void an_action_set_without_output_does_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_rule(&f, "ip,actions=write_actions(dec_ttl)");
    fixture_expect(&f, "ip,nw_ttl=1", 11, "drop");
    assert_false(fixture_looked(&f, FIELD_IP_TTL));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_gives_each_bucket_its_own_copy),
        cmocka_unit_test(the_reason_of_a_packet_in_says_where_the_output_stands),
        cmocka_unit_test(a_bucket_that_outputs_nothing_may_go_on_in_a_table),
        cmocka_unit_test(all_of_a_thousand_buckets_get_their_copy),
        cmocka_unit_test(failover_takes_the_first_bucket_whose_link_is_up),
        cmocka_unit_test(select_spreads_connections_and_keeps_each_where_it_is),
        cmocka_unit_test(a_hash_of_fields_looks_at_these_fields_alone),
        cmocka_unit_test(the_datapath_hash_spreads_without_looking_at_the_packet),
        cmocka_unit_test(buckets_that_come_or_go_move_no_others),
        cmocka_unit_test(packet_outs_are_hashed_at_once),
        cmocka_unit_test(a_hash_needed_inside_copies_begins_all_again),
        cmocka_unit_test(packets_of_an_unknown_recirculation_are_refused),
        cmocka_unit_test(groups_that_call_each_other_end),
        cmocka_unit_test(copies_nest_as_deep_as_shards_take_them),
        cmocka_unit_test(a_chain_of_single_buckets_needs_one_copy),
        cmocka_unit_test(groups_that_watch_themselves_and_each_other_are_dead_soon),
        cmocka_unit_test(a_bucket_counts_under_its_own_number),
        cmocka_unit_test(an_action_set_without_output_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
