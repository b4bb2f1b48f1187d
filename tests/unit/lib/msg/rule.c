/* Tests of lib/msg/rule.c: rules, groups and meters survive their rows bit by bit; rows that no rule can be are refused by name. */
#include "lib/msg/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "lib/msg/field_wire.h"

static Busbar__RuleRow *row_through_the_wire(const struct rule *rule)
{
    struct msg_rule_room room;
    memset(&room, 0x5a, sizeof room); /* what was there does not matter */
    const Busbar__RuleRow *lent = msg_rule_encode(rule, &room);
    size_t size = busbar__rule_row__get_packed_size(lent);
    uint8_t *bytes = memory_zeroed(size);
    busbar__rule_row__pack(lent, bytes);
    msg_rule_room_fini(&room);
    Busbar__RuleRow *row = busbar__rule_row__unpack(NULL, size, bytes);
    free(bytes);
    assert_non_null(row);
    return row;
}

static void rule_is_the_same_behind_the_wire(const struct rule *in, const char *text)
{
    struct rule out;
    struct error_detail detail = {{0}};
    Busbar__RuleRow *row = row_through_the_wire(in);
    int err = msg_rule_decode(in->id, row, &out, &detail);
    if (err != 0) {
        fail_msg("%s: %d %s", text, err, detail.text);
    }
    if (!match_equal(&in->match, &out.match)) {
        fail_msg("%s: another match", text);
    }
    assert_true(instructions_equal(&in->instructions, &out.instructions));
    assert_true(in->id == out.id && in->bridge == out.bridge && in->cookie == out.cookie &&
                in->created_wall_ns == out.created_wall_ns);
    assert_true(in->priority == out.priority && in->table == out.table && in->flags == out.flags &&
                in->importance == out.importance);
    assert_true(in->idle_timeout_s == out.idle_timeout_s && in->hard_timeout_s == out.hard_timeout_s);
    busbar__rule_row__free_unpacked(row, NULL);
    rule_fini(&out);
}

static void rules_as_people_write_them_survive(void **state)
{
    static const char *const texts[] = {
        "actions=drop",
        "priority=0,actions=NORMAL",
        "table=3,priority=100,ip,nw_dst=10.0.0.0/8,actions=output:2",
        "tcp,in_port=1,nw_src=192.168.0.0/255.255.0.255,tp_dst=80,actions=dec_ttl,output:2",
        "udp,tp_src=0x10/0xfff0,actions=controller",
        "sctp,tp_dst=5,actions=output:1",
        "tcp6,ipv6_src=2001:db8::/32,tp_dst=443,actions=output:1",
        "arp,arp_op=1,arp_tpa=10.0.0.1,arp_sha=02:00:00:00:00:01,actions=FLOOD",
        "icmp,icmp_type=8,icmp_code=0,actions=output:1",
        "icmp6,icmp_type=135,icmp_code=0,nd_target=fe80::1,actions=output:1",
        "dl_vlan=5,dl_vlan_pcp=3,actions=strip_vlan,output:4",
        "vlan_tci=0,actions=output:4",
        "vlan_tci=0x1000/0x1000,actions=output:4",
        "dl_src=01:00:00:00:00:00/01:00:00:00:00:00,actions=drop",
        "ip,nw_tos=32,nw_ttl=64,nw_ecn=1,actions=output:1",
        "ip,ip_frag=later,actions=drop",
        "metadata=0x1234/0xffff,reg0=7,reg15=0x1/0x1,tun_id=9,actions=goto_table:5",
        "tcp,tcp_flags=+syn-ack,actions=output:1",
        "priority=65535,cookie=0xffffffffffffffff,idle_timeout=65535,hard_timeout=1,importance=3,send_flow_rem,"
        "actions=push_vlan:0x8100,set_field:5->vlan_vid,output:1",
        "actions=write_metadata:0x5/0xff,goto_table:9",
        "actions=set_field:10.0.0.1->ip_dst,output:1",
    };
    size_t n_read = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct flow_mod mod;
        struct error_detail detail = {{0}};
        if (flow_mod_parse(texts[i], FLOW_MOD_ADD, NULL, &mod, &detail) != 0) {
            continue; /* the words are lib/model's affair */
        }
        n_read++;
        struct rule rule = {.id = 1000 + i,
                            .bridge = 3,
                            .match = mod.match,
                            .instructions = mod.instructions,
                            .cookie = mod.cookie,
                            .created_wall_ns = 1ull << 60,
                            .priority = mod.priority,
                            .idle_timeout_s = mod.idle_timeout_s,
                            .hard_timeout_s = mod.hard_timeout_s,
                            .importance = mod.importance,
                            .flags = mod.flags,
                            .table = mod.table};
        rule_is_the_same_behind_the_wire(&rule, texts[i]);
        flow_mod_fini(&mod);
    }
    assert_true(n_read >= sizeof texts / sizeof texts[0] - 2);
}

/* A match on random bits of random fields whose prerequisites are met. */
static void random_match(struct random *r, struct match *match)
{
    static const struct {
        uint16_t eth_type;
        uint8_t proto;
    } kinds[] = {{0, 0},      {0x0800, 0}, {0x0800, 6},  {0x0800, 17}, {0x0800, 1},
                 {0x0806, 0}, {0x86dd, 6}, {0x86dd, 58}, {0x8847, 0},  {0x0800, 132}};
    size_t k = (size_t)random_below(r, sizeof kinds / sizeof kinds[0]);
    match_init(match);
    if (kinds[k].eth_type != 0) {
        match_set(match, FIELD_ETH_TYPE, field_value_u64(kinds[k].eth_type));
    }
    if (kinds[k].proto != 0) {
        match_set(match, FIELD_IP_PROTO, field_value_u64(kinds[k].proto));
    }
    for (int i = 0; i < 8; i++) {
        enum field_id id = (enum field_id)random_below(r, FIELD_COUNT);
        if (id == FIELD_ETH_TYPE || id == FIELD_IP_PROTO || !field_prerequisite_met(id, &match->value, &match->mask)) {
            continue;
        }
        struct field_value value, mask = field_all_ones(id);
        bool is_exact = field_table[id].mask_rule == FIELD_MASK_NONE || random_below(r, 2) == 0;
        for (size_t b = 0; b < sizeof value.bytes; b++) {
            mask.bytes[b] &= is_exact ? 0xff : (uint8_t)random_u64(r);
            value.bytes[b] = (uint8_t)random_u64(r) & mask.bytes[b];
        }
        struct match before = *match;
        match_set_masked(match, id, value, mask);
        if (match_check(match, NULL) < 0) {
            *match = before;
        }
    }
}

static void random_matches_survive_bit_by_bit(void **state)
{
    struct random r;
    uint64_t seed = 17;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    size_t n_fields[FIELD_COUNT] = {0};
    for (int round = 0; round < 5000; round++) {
        struct rule rule;
        rule_init(&rule);
        random_match(&r, &rule.match);
        for (unsigned i = 0; i < FIELD_COUNT; i++) {
            n_fields[i] += field_value_is_zero(field_get((enum field_id)i, &rule.match.mask)) ? 0 : 1;
        }
        rule_is_the_same_behind_the_wire(&rule, "random");
        rule_fini(&rule);
    }
    size_t n_seen = 0;
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        n_seen += n_fields[i] > 0 ? 1 : 0;
    }
    assert_true(n_seen > FIELD_COUNT * 3 / 4);
}

static void every_bit_of_a_mask_is_said_once(void **state)
{
    struct rule rule;
    rule_init(&rule);
    match_set(&rule.match, FIELD_ETH_TYPE, field_value_u64(0x0800));
    match_set(&rule.match, FIELD_IP_PROTO, field_value_u64(17));
    match_set(&rule.match, FIELD_UDP_DST, field_value_u64(53));
    struct msg_rule_room room;
    const Busbar__RuleRow *row = msg_rule_encode(&rule, &room);
    assert_int_equal(row->n_match, 3);
    assert_int_equal(row->match[2]->field, field_wire_number(FIELD_UDP_DST)); /* the name of those bits in this packet */
    msg_rule_room_fini(&room);
    rule_fini(&rule);
}

static void expect_refused(const Busbar__RuleRow *row, int error, const char *word)
{
    struct rule out;
    struct error_detail detail = {{0}};
    memset(&out, 0x5a, sizeof out);
    int err = msg_rule_decode(1, row, &out, &detail);
    if (err != error || strstr(detail.text, word) == NULL) {
        fail_msg("%d \"%s\" instead of %d and %s", err, detail.text, error, word);
    }
    assert_true(out.bridge == 0x5a5a5a5a5a5a5a5aull); /* written on success only */
}

static void ranges_are_refused_by_name(void **state)
{
    Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
    row.table = 254;
    expect_refused(&row, -ERROR_RANGE, "table");
    row.table = 0;
    row.priority = 65536;
    expect_refused(&row, -ERROR_RANGE, "priority");
    row.priority = 0;
    row.idle_timeout_s = 65536;
    expect_refused(&row, -ERROR_RANGE, "idle_timeout_s");
    row.idle_timeout_s = 0;
    row.flags = 65536;
    expect_refused(&row, -ERROR_RANGE, "flags");
    row.flags = 0;
    Busbar__InstructionsMessage in = BUSBAR__INSTRUCTIONS_MESSAGE__INIT;
    row.instructions = &in;
    in.goto_table = 254;
    expect_refused(&row, -ERROR_RANGE, "goto_table");
    in.goto_table = 0;
    Busbar__ActionMessage good = BUSBAR__ACTION_MESSAGE__INIT, bad = BUSBAR__ACTION_MESSAGE__INIT, *actions[] = {&good, &bad};
    good.type = 1 + ACTION_DEC_NW_TTL;
    in.apply = actions;
    in.n_apply = 1;
    in.write = actions;
    in.n_write = 2;
    expect_refused(&row, -ERROR_RANGE, "action 1");
}

static void matches_that_cannot_be_are_refused_by_name(void **state)
{
    Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
    Busbar__FieldMatch a = BUSBAR__FIELD_MATCH__INIT, b = BUSBAR__FIELD_MATCH__INIT, *fields[] = {&a, &b};
    uint8_t bytes[16] = {0, 80};
    row.match = fields;
    row.n_match = 1;
    a.field = 0x7fff0001;
    expect_refused(&row, -ERROR_UNKNOWN_NAME, "7fff0001");
    a.field = field_wire_number(FIELD_TCP_DST);
    a.value = (ProtobufCBinaryData){.len = 2, .data = bytes};
    expect_refused(&row, -ERROR_PREREQUISITE, "tcp");
    a.field = field_wire_number(FIELD_IN_PORT);
    a.value.len = 4;
    b = a;
    row.n_match = 2;
    expect_refused(&row, -ERROR_DUPLICATE, "in_port");
    a.value.len = 3;
    expect_refused(&row, -ERROR_RANGE, "in_port");
}

static void random_rows_are_read_safely(void **state)
{
    struct random r;
    uint64_t seed = 23;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    struct flow_mod mod;
    assert_int_equal(
        flow_mod_parse("tcp,in_port=1,nw_src=10.0.0.0/8,tp_dst=80,actions=dec_ttl,output:2", FLOW_MOD_ADD, NULL, &mod, NULL),
        0);
    struct rule rule = {.match = mod.match, .instructions = mod.instructions};
    struct msg_rule_room room;
    uint8_t whole[1000], bytes[1000];
    size_t size = busbar__rule_row__pack(msg_rule_encode(&rule, &room), whole), n_good = 0;
    msg_rule_room_fini(&room);
    flow_mod_fini(&mod);
    for (int i = 0; i < 20000; i++) {
        memcpy(bytes, whole, size);
        for (uint64_t k = random_below(&r, 4); k > 0; k--) {
            bytes[random_below(&r, size)] ^= (uint8_t)(1u << random_below(&r, 8));
        }
        Busbar__RuleRow *row = busbar__rule_row__unpack(NULL, size, bytes);
        if (row == NULL) {
            continue;
        }
        struct rule out;
        if (msg_rule_decode(1, row, &out, NULL) == 0) {
            n_good++;
            rule_is_the_same_behind_the_wire(&out, "mutated");
            rule_fini(&out);
        }
        busbar__rule_row__free_unpacked(row, NULL);
    }
    assert_true(n_good > 1000);
}

/* As the first builds wrote them: their rows had no such fields. */
static void buckets_of_older_builds_get_ids_and_counts(void **state)
{
    struct group in = {.id = 4, .bridge = 3, .group_id = 77, .type = GROUP_TYPE_ALL, .n_buckets = 3}, out = {0};
    in.buckets = memory_array(3, sizeof *in.buckets);
    Busbar__GroupRow *row = msg_group_encode(&in);
    assert_int_equal(msg_group_decode(4, row, &out, NULL), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(out.buckets[i].bucket_id == i && out.buckets[i].counter == i);
    }
    assert_int_equal(out.next_counter, 3);
    group_fini(&out);
    row->next_counter = 7; /* ours: what is said is meant */
    row->n_buckets = 1;
    assert_int_equal(msg_group_decode(4, row, &out, NULL), 0);
    assert_true(out.buckets[0].bucket_id == 0 && out.buckets[0].counter == 0 && out.next_counter == 7);
    group_fini(&out);
    row->n_buckets = 3;
    busbar__group_row__free_unpacked(row, NULL);
    group_fini(&in);
}

static void groups_survive_and_bad_ones_are_refused(void **state)
{
    struct group in = {.id = 4, .bridge = 3, .group_id = 77, .type = GROUP_TYPE_SELECT, .n_buckets = 2}, out = {0};
    in.selection = GROUP_SELECTION_HASH;
    in.selection_param = UINT64_MAX;
    in.next_counter = 0xffff;
    in.n_fields = 2;
    in.fields[0] = (struct group_hash_field){.field = FIELD_IPV6_SRC, .mask = field_all_ones(FIELD_IPV6_SRC)};
    in.fields[1] = (struct group_hash_field){.field = FIELD_TCP_DST, .mask = field_value_u64(0xff)};
    struct action output = {.type = ACTION_OUTPUT, .output = {.port = 5, .max_len = 9}};
    in.buckets = memory_array(2, sizeof *in.buckets);
    in.buckets[0] = (struct bucket){.watch_port = PORT_ANY, .watch_group = GROUP_ANY, .weight = 100};
    in.buckets[1] = (struct bucket){.watch_port = 1, .watch_group = 2, .bucket_id = 9, .weight = 0xffff, .counter = 0xfffe};
    action_list_add(&in.buckets[1].actions, &output);
    Busbar__GroupRow *row = msg_group_encode(&in);
    assert_int_equal(msg_group_decode(4, row, &out, NULL), 0);
    assert_true(out.id == 4 && out.bridge == 3 && out.group_id == 77 && out.type == GROUP_TYPE_SELECT && out.n_buckets == 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(action_list_equal(&in.buckets[i].actions, &out.buckets[i].actions));
        assert_true(in.buckets[i].weight == out.buckets[i].weight && in.buckets[i].watch_port == out.buckets[i].watch_port);
        assert_true(in.buckets[i].watch_group == out.buckets[i].watch_group);
        assert_true(in.buckets[i].bucket_id == out.buckets[i].bucket_id && in.buckets[i].counter == out.buckets[i].counter);
    }
    assert_true(out.selection == in.selection && out.selection_param == in.selection_param && out.next_counter == in.next_counter);
    assert_int_equal(out.n_fields, 2);
    assert_memory_equal(out.fields, in.fields, 2 * sizeof in.fields[0]);
    group_fini(&out);
    row->buckets[1]->weight = 0x10000;
    assert_int_equal(msg_group_decode(4, row, &out, NULL), -ERROR_RANGE);
    row->buckets[1]->weight = 1;
    row->buckets[1]->counter = 0x10000;
    assert_int_equal(msg_group_decode(4, row, &out, NULL), -ERROR_RANGE);
    row->buckets[1]->counter = 1;
    row->selection = GROUP_SELECTION_COUNT;
    assert_int_equal(msg_group_decode(4, row, &out, NULL), -ERROR_RANGE);
    row->selection = 1;
    row->next_counter = 0x10000;
    assert_int_equal(msg_group_decode(4, row, &out, NULL), -ERROR_RANGE);
    row->next_counter = 1;
    row->hash_fields[1]->field = 0x7fff0000;
    assert_true(msg_group_decode(4, row, &out, NULL) < 0);
    row->hash_fields[1]->field = row->hash_fields[0]->field; /* its value has another length */
    assert_true(msg_group_decode(4, row, &out, NULL) < 0);
    row->n_hash_fields = 1;
    row->buckets[1]->actions[0]->type = 0;
    assert_int_equal(msg_group_decode(4, row, &out, NULL), -ERROR_RANGE);
    row->type = 4;
    assert_int_equal(msg_group_decode(4, row, &out, NULL), -ERROR_RANGE);
    row->type = 0;
    row->group_id = GROUP_ALL;
    assert_int_equal(msg_group_decode(4, row, &out, NULL), -ERROR_RANGE);
    row->n_hash_fields = 2;
    busbar__group_row__free_unpacked(row, NULL);
    group_fini(&in);
}

static void meters_survive_and_bad_ones_are_refused(void **state)
{
    struct meter in = {.id = 4, .bridge = 3, .meter_id = 9, .flags = METER_KBPS | METER_STATS, .n_bands = 2}, out = {0};
    in.bands = memory_array(2, sizeof *in.bands);
    in.bands[0] = (struct meter_band){.type = METER_BAND_DROP, .rate = 1000, .burst_size = 5};
    in.bands[1] = (struct meter_band){.type = METER_BAND_DSCP_REMARK, .rate = UINT32_MAX, .prec_level = 255};
    Busbar__MeterRow *row = msg_meter_encode(&in);
    assert_int_equal(msg_meter_decode(4, row, &out, NULL), 0);
    assert_true(out.id == 4 && out.bridge == 3 && out.meter_id == 9 && out.flags == in.flags && out.n_bands == 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(in.bands[i].type == out.bands[i].type && in.bands[i].rate == out.bands[i].rate);
        assert_true(in.bands[i].burst_size == out.bands[i].burst_size && in.bands[i].prec_level == out.bands[i].prec_level);
    }
    meter_fini(&out);
    row->bands[1]->type = 3;
    assert_int_equal(msg_meter_decode(4, row, &out, NULL), -ERROR_RANGE);
    row->bands[1]->type = 2;
    row->bands[1]->prec_level = 256;
    assert_int_equal(msg_meter_decode(4, row, &out, NULL), -ERROR_RANGE);
    row->bands[1]->prec_level = 0;
    row->flags = 16;
    assert_int_equal(msg_meter_decode(4, row, &out, NULL), -ERROR_RANGE);
    busbar__meter_row__free_unpacked(row, NULL);
    meter_fini(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_as_people_write_them_survive),         cmocka_unit_test(random_matches_survive_bit_by_bit),
        cmocka_unit_test(every_bit_of_a_mask_is_said_once),           cmocka_unit_test(ranges_are_refused_by_name),
        cmocka_unit_test(matches_that_cannot_be_are_refused_by_name), cmocka_unit_test(random_rows_are_read_safely),
        cmocka_unit_test(buckets_of_older_builds_get_ids_and_counts),
        cmocka_unit_test(groups_survive_and_bad_ones_are_refused),    cmocka_unit_test(meters_survive_and_bad_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
