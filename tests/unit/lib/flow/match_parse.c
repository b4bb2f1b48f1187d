/* Tests of lib/flow/match_parse.c: names with several meanings, in any order, and what is refused instead of guessed. */
#include "lib/flow/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static struct match parsed(const char *text)
{
    struct match match;
    struct error_detail detail = {{0}};
    int err = match_parse(text, NULL, &match, &detail);
    if (err != 0) {
        print_error("%s: %s\n", text, detail.text);
    }
    assert_int_equal(err, 0);
    return match;
}

static void assert_same(const char *a, const char *b)
{
    struct match first = parsed(a);
    struct match second = parsed(b);
    if (!match_equal(&first, &second)) {
        print_error("%s is not %s\n", a, b);
    }
    assert_true(match_equal(&first, &second));
}

static void no_words_match_everything(void **state)
{
    struct match all;
    struct match match = parsed("");
    match_init(&all);
    assert_true(match_equal(&all, &match));
    assert_same("", " , ,, ");
    assert_same("ip", "packet_type=(0,0),ip");
    assert_same("reg0=0,reg1=5", "xreg0=5");
    assert_same("reg4=0x11223344,reg7=0xff/0xff", "xxreg1=0x112233440000000000000000000000ff/0xffffffff0000000000000000000000ff");
    assert_same("packet_type=(1,0x800)", "packet_type=(1,2048)");
}

static void commas_and_spaces_separate_alike(void **state)
{
    assert_same("tcp,in_port=1,tp_dst=80", "  tcp in_port=1,, tp_dst=80 ");
}

static void one_match_has_many_spellings(void **state)
{
    assert_same("tcp", "ip,nw_proto=6");
    assert_same("tcp", "dl_type=0x0800,nw_proto=6");
    assert_same("tcp", "nw_proto=6,ip");
    assert_same("tcp,nw_proto=6", "ip_proto=6,eth_type=2048");
    assert_same("tcp6", "ipv6,nw_proto=6");
    assert_same("icmp6", "dl_type=0x86dd,nw_proto=58");
    assert_same("sctp,tp_src=5", "sctp,sctp_src=5");
    assert_same("udp,udp_dst=53", "tp_dst=53,udp");
    assert_same("ip,nw_tos=184", "ip,ip_dscp=46");
    assert_same("ip,nw_tos=187", "ip,ip_dscp=46");
    assert_same("ip,nw_src=10.0.0.0/8", "ip,ip_src=10.9.9.9/255.0.0.0");
    assert_same("ip,nw_src=1.2.3.4", "nw_src=1.2.3.4,ip");
    assert_same("ip,ip_frag=later", "ip,nw_frag=later");
    assert_same("ip,nw_src=*", "ip");
    assert_same("reg0=5/0", "");
}

static void names_mean_what_the_protocol_makes_of_them(void **state)
{
    assert_same("arp,nw_src=1.2.3.4,nw_dst=5.6.7.8,nw_proto=2", "arp,arp_spa=1.2.3.4,arp_tpa=5.6.7.8,arp_op=2");
    assert_same("nw_proto=2,nw_src=1.2.3.4,arp", "arp_op=2,arp_spa=1.2.3.4,arp");
    assert_same("rarp,nw_proto=3", "rarp,arp_op=3");
    assert_same("icmp,tp_src=8,tp_dst=0", "icmp,icmp_type=8,icmp_code=0");
    assert_same("tp_src=8,icmp", "icmp,icmp_type=8");
    assert_same("icmp6,tp_src=135", "icmp6,icmpv6_type=135");
    assert_same("icmp6,icmp_type=135,icmp_code=0", "icmp6,icmpv6_type=135,icmpv6_code=0");
}

static void vlan_words_say_whether_there_is_a_tag(void **state)
{
    assert_same("dl_vlan=5", "vlan_vid=0x1005");
    assert_same("dl_vlan=5", "vlan_tci=0x1005/0x1fff");
    assert_same("dl_vlan=0xffff", "vlan_tci=0/0x1fff");
    assert_same("dl_vlan=0xffff", "vlan_vid=0");
    assert_same("dl_vlan_pcp=3", "vlan_tci=0x7000/0xf000");
    assert_same("dl_vlan=5,dl_vlan_pcp=3", "vlan_tci=0x7005");
    assert_same("vlan_vid=0x1005,vlan_pcp=3", "dl_vlan_pcp=3,dl_vlan=5");
    assert_same("vlan_vid=0x1000/0x1000", "vlan_tci=0x1000/0x1000");
}

static void ports_get_their_numbers_from_the_bridge(void **state)
{
    struct match match = parsed("in_port=LOCAL");
    assert_int_equal(host32(match.value.key.in_port), 0xfffffffe);
    assert_same("in_port=LOCAL", "in_port=65534");
}

struct refused {
    const char *text;
    int err;
    const char *says;
};

static const struct refused refused_table[] = {
    {"packet_type=(1,0x800),ip", -ERROR_PREREQUISITE, "packet_type"},
    {"packet_type=1", -ERROR_SYNTAX, "packet_type"},
    {"packet_type=(65536,0)", -ERROR_RANGE, "packet_type"},
    {"conj_id=5/7", -ERROR_MASK, "conj_id"},
    {"xreg0=5,reg1=5", -ERROR_DUPLICATE, "reg1"},
    {"xxreg0=0x100000000000000000000000000000000", -ERROR_RANGE, "xxreg0"},
    {"tp_dst=80", -ERROR_PREREQUISITE, "tp_dst"},
    {"ip,tp_dst=80", -ERROR_PREREQUISITE, "tp_dst"},
    {"ip,nw_proto=47,tp_dst=80", -ERROR_PREREQUISITE, "tp_dst"},
    {"nw_src=1.2.3.4", -ERROR_PREREQUISITE, "nw_src"},
    {"ipv6,nw_src=1.2.3.4", -ERROR_PREREQUISITE, "nw_src"},
    {"nw_src=1.2.3.4,ipv6", -ERROR_PREREQUISITE, "nw_src"},
    {"ip,ipv6_src=::1", -ERROR_PREREQUISITE, "ipv6_src"},
    {"udp,tcp_dst=80", -ERROR_PREREQUISITE, "tcp_dst"},
    {"tcp_dst=80,udp", -ERROR_PREREQUISITE, "tcp_dst"},
    {"ip,arp_spa=1.2.3.4", -ERROR_PREREQUISITE, "arp_spa"},
    {"arp,nd_sll=01:02:03:04:05:06", -ERROR_PREREQUISITE, "nd_sll"},
    {"icmp6,icmp_type=136,nd_sll=01:02:03:04:05:06", -ERROR_PREREQUISITE, "nd_sll"},
    {"icmp6,icmp_type=128,nd_target=::1", -ERROR_PREREQUISITE, "nd_target"},
    {"mpls,nw_proto=6", -ERROR_PREREQUISITE, "nw_proto"},
    {"nw_proto=6", -ERROR_PREREQUISITE, "nw_proto"},
    {"dl_type=0x88cc,nw_ttl=6", -ERROR_PREREQUISITE, "nw_ttl"},
    {"udp,tcp_flags=+syn", -ERROR_PREREQUISITE, "tcp_flags"},
    {"mpls_label=3", -ERROR_PREREQUISITE, "mpls_label"},
    {"tcp,udp", -ERROR_DUPLICATE, "udp"},
    {"tcp,nw_proto=17", -ERROR_DUPLICATE, "nw_proto"},
    {"ip,arp", -ERROR_DUPLICATE, "arp"},
    {"in_port=1,in_port=1", -ERROR_DUPLICATE, "in_port"},
    {"reg0=1/1,reg0=2/3", -ERROR_DUPLICATE, "reg0"},
    {"dl_vlan=5,dl_vlan=6", -ERROR_DUPLICATE, "dl_vlan"},
    {"dl_vlan=5,vlan_tci=0x1005", -ERROR_DUPLICATE, "vlan_tci"},
    {"dl_vlan=0xffff,dl_vlan_pcp=1", -ERROR_DUPLICATE, "dl_vlan_pcp"},
    {"ip,nw_tos=4,ip_dscp=1", -ERROR_DUPLICATE, "ip_dscp"},
    {"arp,arp_op=1,nw_proto=2", -ERROR_DUPLICATE, "arp_op"},
    {"ip,nw_ttl=3/7", -ERROR_MASK, "nw_ttl"},
    {"in_port=3/7", -ERROR_MASK, "in_port"},
    {"dl_type=0x800/0xff00", -ERROR_MASK, "dl_type"},
    {"dl_vlan=5/7", -ERROR_MASK, "dl_vlan"},
    {"dl_vlan=4096", -ERROR_RANGE, "dl_vlan"},
    {"dl_vlan_pcp=8", -ERROR_RANGE, "dl_vlan_pcp"},
    {"ip,nw_tos=256", -ERROR_RANGE, "nw_tos"},
    {"dl_type=65536", -ERROR_RANGE, "dl_type"},
    {"icmp,icmp_type=256", -ERROR_RANGE, "icmp_type"},
    {"icmp,tp_src=256", -ERROR_RANGE, "icmp_type"},
    {"tp_dst=256,icmp", -ERROR_RANGE, "icmp_code"},
    {"nosuch=1", -ERROR_UNKNOWN_NAME, "nosuch"},
    {"nosuch", -ERROR_UNKNOWN_NAME, "nosuch"},
    {"in_port=nosuch", -ERROR_NOT_FOUND, "nosuch"},
    {"tcp=1", -ERROR_SYNTAX, "tcp"},
    {"in_port", -ERROR_SYNTAX, "in_port"},
    {"in_port=", -ERROR_SYNTAX, "missing"},
    {"=1", -ERROR_SYNTAX, "missing"},
    {"in_port=\"x", -ERROR_SYNTAX, "quote"},
    {"a_name_that_is_much_longer_than_the_name_of_any_field=1", -ERROR_SYNTAX, "too long"},
};

static void what_cannot_be_meant_is_refused_by_name(void **state)
{
    for (size_t i = 0; i < sizeof refused_table / sizeof refused_table[0]; i++) {
        struct match match;
        struct error_detail detail = {{0}};
        memset(&match, 0x5a, sizeof match);
        struct match before = match;
        int err = match_parse(refused_table[i].text, NULL, &match, &detail);
        if (err != refused_table[i].err || strstr(detail.text, refused_table[i].says) == NULL) {
            print_error("%s: %d %s\n", refused_table[i].text, err, detail.text);
        }
        assert_int_equal(err, refused_table[i].err);
        assert_non_null(strstr(detail.text, refused_table[i].says));
        assert_memory_equal(&match, &before, sizeof match);
    }
}

static void a_refused_word_leaves_the_match_as_it_was(void **state)
{
    struct match match = parsed("tcp,tp_dst=80");
    struct match before = match;
    assert_int_equal(match_parse_field(&match, "udp", NULL, NULL, NULL), -ERROR_DUPLICATE);
    assert_int_equal(match_parse_field(&match, "tp_dst", "81", NULL, NULL), -ERROR_DUPLICATE);
    assert_int_equal(match_parse_field(&match, "tp_src", "x", NULL, NULL), -ERROR_SYNTAX);
    assert_int_equal(match_parse_field(&match, "priority", "3", NULL, NULL), -ERROR_UNKNOWN_NAME);
    assert_true(match_equal(&match, &before));
    assert_int_equal(match_parse_field(&match, "tp_src", "7", NULL, NULL), 0);
    assert_false(match_equal(&match, &before));
}

static bool by_name(const void *context, const char *name, uint32_t *out_ofport)
{
    *out_ofport = *(const uint32_t *)context;
    return strcmp(name, "a,b =c") == 0;
}

static void a_quoted_port_name_may_hold_separators(void **state)
{
    uint32_t number = 9;
    struct match_ports ports = {.by_name = by_name, .context = &number};
    struct match match;
    assert_int_equal(match_parse("tcp,in_port=\"a,b =c\",tp_dst=80", &ports, &match, NULL), 0);
    assert_int_equal(host32(match.value.key.in_port), 9);
    assert_int_equal(host16(match.value.key.l4_dst), 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_words_match_everything),
        cmocka_unit_test(commas_and_spaces_separate_alike),
        cmocka_unit_test(one_match_has_many_spellings),
        cmocka_unit_test(names_mean_what_the_protocol_makes_of_them),
        cmocka_unit_test(vlan_words_say_whether_there_is_a_tag),
        cmocka_unit_test(ports_get_their_numbers_from_the_bridge),
        cmocka_unit_test(what_cannot_be_meant_is_refused_by_name),
        cmocka_unit_test(a_refused_word_leaves_the_match_as_it_was),
        cmocka_unit_test(a_quoted_port_name_may_hold_separators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
