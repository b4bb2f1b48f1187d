/* Tests of lib/msg/rule_read.c: what is read in one walk is what the messages say; everything that a controller may write is read so, and bytes that were
 * meddled with are read as the other way reads them or left to it. */
#include "lib/msg/rule_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/random.h"
#include "lib/msg/rule.h"

enum { ROOM = 8000 };

static size_t bytes_of(const struct rule *rule, uint8_t *out)
{
    struct msg_rule_room room;
    const Busbar__RuleRow *row = msg_rule_encode(rule, &room);
    assert_true(busbar__rule_row__get_packed_size(row) <= ROOM);
    size_t size = busbar__rule_row__pack(row, out);
    msg_rule_room_fini(&room);
    return size;
}

static bool is_same(const struct rule *a, const struct rule *b)
{
    return a->id == b->id && a->bridge == b->bridge && a->cookie == b->cookie && a->created_wall_ns == b->created_wall_ns &&
           a->priority == b->priority && a->table == b->table && a->flags == b->flags && a->importance == b->importance &&
           a->idle_timeout_s == b->idle_timeout_s && a->hard_timeout_s == b->hard_timeout_s && match_equal(&a->match, &b->match) &&
           instructions_equal(&a->instructions, &b->instructions);
}

/* Whether the walk takes them; if so the messages say the same. The bytes are in memory of just their size, whose end the sanitizer guards. */
static bool agree(const uint8_t *bytes, size_t size)
{
    struct rule_read read;
    struct rule other;
    uint8_t *exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    memset(&read, 0x5a, sizeof read);
    bool is_read = rule_read(7, exact, size, &read);
    if (is_read) {
        Busbar__RuleRow *row = busbar__rule_row__unpack(NULL, size, exact);
        assert_non_null(row);
        struct error_detail detail = {""};
        int err = msg_rule_decode(7, row, &other, &detail);
        if (err != 0) {
            fail_msg("read, but refused: %s", detail.text);
        }
        assert_true(is_same(&read.rule, &other));
        rule_fini(&other);
        busbar__rule_row__free_unpacked(row, NULL);
    }
    free(exact);
    return is_read;
}

static const char *const texts[] = {
    "actions=drop",
    "priority=0,actions=NORMAL",
    "table=3,priority=100,ip,nw_dst=10.0.0.0/8,actions=output:2",
    "tcp,in_port=1,nw_src=192.168.0.0/255.255.0.255,tp_dst=80,actions=dec_ttl,output:2",
    "udp,tp_src=0x10/0xfff0,actions=controller",
    "tcp6,ipv6_src=2001:db8::/32,tp_dst=443,actions=output:1",
    "arp,arp_op=1,arp_tpa=10.0.0.1,arp_sha=02:00:00:00:00:01,actions=FLOOD",
    "icmp,icmp_type=8,icmp_code=0,actions=output:1",
    "icmp6,icmp_type=135,icmp_code=0,nd_target=fe80::1,actions=output:1",
    "dl_vlan=5,dl_vlan_pcp=3,actions=strip_vlan,output:4",
    "vlan_tci=0x1000/0x1000,actions=output:4",
    "ip,nw_tos=32,nw_ttl=64,nw_ecn=1,actions=output:1",
    "ip,ip_frag=later,actions=drop",
    "mpls,mpls_label=5,mpls_tc=1,mpls_bos=1,actions=pop_mpls:0x0800,output:1",
    "metadata=0x1234/0xffff,reg0=7,reg15=0x1/0x1,tun_id=9,actions=goto_table:5",
    "tcp,tcp_flags=+syn-ack,actions=output:1",
    "priority=65535,cookie=0xffffffffffffffff,idle_timeout=65535,hard_timeout=1,importance=3,send_flow_rem,"
    "actions=push_vlan:0x8100,set_field:4101->vlan_vid,output:1",
    "actions=write_metadata:0x5/0xff,goto_table:9",
    "ip,actions=meter:9,write_actions(set_field:10.0.0.1->ip_dst,group:4),goto_table:9",
    "actions=move:NXM_NX_REG0[0..15]->NXM_NX_REG1[4..19],resubmit(2,3),clone(output:1,set_queue:0),note:01.02.03",
    "actions=conjunction(7,1/2),conjunction(8,2/3)",
    "conj_id=7,ip,actions=load:5->NXM_NX_REG3[],controller(max_len=9,id=3,reason=no_match,userdata=01.02.03.04)",
};

static size_t rule_of_text(const char *text, uint8_t *out_bytes)
{
    struct flow_mod mod;
    struct error_detail detail;
    if (flow_mod_parse(text, FLOW_MOD_ADD, NULL, &mod, &detail) != 0) {
        fail_msg("%s: %s", text, detail.text);
    }
    struct rule rule = {.bridge = 3, .match = mod.match, .instructions = mod.instructions, .cookie = mod.cookie, .created_wall_ns = UINT64_MAX,
                        .priority = mod.priority, .idle_timeout_s = mod.idle_timeout_s, .hard_timeout_s = mod.hard_timeout_s,
                        .importance = mod.importance, .flags = mod.flags, .table = mod.table == TABLE_ALL ? 0 : mod.table};
    size_t size = bytes_of(&rule, out_bytes);
    flow_mod_fini(&mod);
    return size;
}

static void what_controllers_write_is_read_in_one_walk(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t bytes[ROOM];
        size_t size = rule_of_text(texts[i], bytes);
        if (!agree(bytes, size)) {
            fail_msg("%s: left to the other way", texts[i]);
        }
    }
}

/* Each field alone, exact and masked, with and without what it needs: taken if and only if the messages are. */
static void every_field_is_taken_as_the_messages_are(void **state)
{
    (void)state;
    static const uint8_t protocols[] = {0, 6, 17, 132, 1, 58};
    static const uint16_t types[] = {0, 0x0800, 0x86dd, 0x0806, 0x8847};
    struct random r;
    random_seed(&r, 5);
    size_t n_taken = 0;
    for (unsigned round = 0; round < FIELD_COUNT * 5 * 6 * 8; round++) {
        enum field_id id = (enum field_id)(round % FIELD_COUNT);
        uint16_t type = types[round / FIELD_COUNT % 5];
        uint8_t protocol = protocols[round / FIELD_COUNT / 5 % 6];
        struct rule rule;
        uint8_t bytes[ROOM];
        rule_init(&rule);
        if (type != 0) {
            match_set(&rule.match, FIELD_ETH_TYPE, field_value_u64(type));
        }
        if (protocol != 0 && (type == 0x0800 || type == 0x86dd)) {
            match_set(&rule.match, FIELD_IP_PROTO, field_value_u64(protocol));
        }
        if (random_below(&r, 2) == 0) {
            match_set_masked(&rule.match, FIELD_VLAN_TCI, field_value_u64(0x1000), field_value_u64(0x1000));
        }
        struct field_value mask = field_all_ones(id), value = field_all_ones(id);
        for (size_t b = 0; b < sizeof mask.bytes; b++) {
            mask.bytes[b] &= random_below(&r, 3) > 0 ? 0xff : (uint8_t)random_u64(&r);
            value.bytes[b] &= (uint8_t)random_u64(&r) & mask.bytes[b];
        }
        if (id == FIELD_ETH_TYPE || id == FIELD_IP_PROTO || id == FIELD_VLAN_TCI) {
            continue;
        }
        match_set_masked(&rule.match, id, value, mask);
        bool is_good = match_check(&rule.match, NULL) == 0, is_read = agree(bytes, bytes_of(&rule, bytes));
        n_taken += is_read;
        if (is_good && !is_read && id != FIELD_PACKET_TYPE && id != FIELD_VLAN_PCP) {
            fail_msg("%s: left to the other way", field_table[id].name);
        }
    }
    assert_true(n_taken > 1000);
}

static void meddle(struct random *r, uint8_t *bytes, size_t *size)
{
    size_t at = (size_t)random_below(r, *size);
    switch (random_below(r, 4)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << random_below(r, 8));
        break;
    case 1:
        memmove(&bytes[at], &bytes[at + 1], *size - at - 1);
        (*size)--;
        break;
    case 2:
        memmove(&bytes[at + 1], &bytes[at], *size - at);
        bytes[at] = (uint8_t)random_u64(r);
        (*size)++;
        break;
    default:
        bytes[at] = (uint8_t)random_below(r, 20); /* tags and lengths */
        break;
    }
}

static void bytes_meddled_with_are_read_alike_or_not_at_all(void **state)
{
    (void)state;
    struct random r;
    uint64_t seed = 31;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    size_t n_read = 0, n_left = 0;
    for (int round = 0; round < 60000; round++) {
        uint8_t bytes[ROOM];
        size_t size = rule_of_text(texts[random_below(&r, sizeof texts / sizeof texts[0])], bytes);
        for (uint64_t n = random_below(&r, 4); n > 0 && size > 1; n--) {
            meddle(&r, bytes, &size);
        }
        bool is_read = agree(bytes, size);
        n_read += is_read;
        n_left += !is_read;
    }
    assert_true(n_read > 1000 && n_left > 1000);
}

static void longer_lists_than_there_is_room_for_are_left(void **state)
{
    (void)state;
    struct action output = {.type = ACTION_OUTPUT, .output = {.port = 5}};
    for (size_t n = RULE_READ_ACTIONS - 1; n <= RULE_READ_ACTIONS + 1; n++) {
        struct rule rule;
        uint8_t bytes[ROOM];
        rule_init(&rule);
        for (size_t i = 0; i < n; i++) {
            action_list_add(i < 20 ? &rule.instructions.apply : &rule.instructions.write, &output);
        }
        rule.instructions.has_apply = rule.instructions.has_write = true;
        assert_int_equal(agree(bytes, bytes_of(&rule, bytes)), n <= RULE_READ_ACTIONS);
        rule_fini(&rule);
    }
}

static void what_is_given_twice_or_out_of_range_is_left(void **state)
{
    (void)state;
    struct rule_read read;
    static const uint8_t two_instructions[] = {0x2a, 2, 0x18, 1, 0x2a, 2, 0x20, 1}; /* messages are merged: has_apply and has_write */
    static const uint8_t unknown[] = {0x60, 1}, of_other_type[] = {0x0d, 1, 0, 0, 0}, long_number[] = {0x10, 0x80, 0x80, 0x80, 0x80, 0x10};
    static const uint8_t table_254[] = {0x10, 0xfe, 1}, not_whole[] = {0x2a, 5, 0x18};
    assert_false(rule_read(1, two_instructions, sizeof two_instructions, &read));
    assert_true(rule_read(1, two_instructions, 4, &read));
    assert_false(rule_read(1, unknown, sizeof unknown, &read));
    assert_false(rule_read(1, of_other_type, sizeof of_other_type, &read));
    assert_false(rule_read(1, long_number, sizeof long_number, &read));
    assert_false(rule_read(1, table_254, sizeof table_254, &read));
    assert_false(rule_read(1, not_whole, sizeof not_whole, &read));
    assert_true(rule_read(1, NULL, 0, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_controllers_write_is_read_in_one_walk),
        cmocka_unit_test(every_field_is_taken_as_the_messages_are),
        cmocka_unit_test(bytes_meddled_with_are_read_alike_or_not_at_all),
        cmocka_unit_test(longer_lists_than_there_is_room_for_are_left),
        cmocka_unit_test(what_is_given_twice_or_out_of_range_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
