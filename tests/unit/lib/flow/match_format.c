/* Tests of lib/flow/match_format.c: the text that Open vSwitch 3.1 writes for the same match, letter for letter.
 *
 * Each pair was made with ovs-ofctl parse-flow: input, and what it printed between ADD and actions. Where we differ on purpose
 * (dl_vlan=0xffff), the line says so.
 */
#include "lib/flow/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static const char *by_number(const void *context, uint32_t ofport)
{
    return ofport == 1 ? "eth0" : ofport == 2 ? "veth-a" : ofport == 3 ? "local" : ofport == 4 ? "7up" : NULL;
}

static void assert_text(const char *text, const char *expected, const struct match_ports *ports)
{
    struct match match;
    struct error_detail detail = {{0}};
    int err = match_parse(text, NULL, &match, &detail);
    if (err != 0) {
        print_error("%s: %s\n", text, detail.text);
    }
    assert_int_equal(err, 0);
    char *formatted = match_format(&match, ports);
    assert_string_equal(formatted, expected);
    free(formatted);
}

static const char *const text_table[][2] = {
    {"", ""},
    {"tcp,in_port=1,dl_dst=00:01:02:03:04:05,nw_src=10.0.0.0/24,tp_dst=80",
     "tcp,in_port=1,dl_dst=00:01:02:03:04:05,nw_src=10.0.0.0/24,tp_dst=80"},
    {"tcp,dl_vlan=5,in_port=1,metadata=5,tun_id=6/0xf,reg0=0,reg1=0/0xff,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,"
     "nw_src=1.2.3.4,nw_dst=2.2.2.2,nw_tos=4,nw_ecn=2,nw_ttl=9,ip_frag=first,tp_src=1,tp_dst=2,tcp_flags=+syn,actset_output=4",
     "actset_output=4,tcp,reg0=0,reg1=0/0xff,tun_id=0x6/0xf,metadata=0x5,in_port=1,dl_vlan=5,dl_src=00:00:00:00:00:01,"
     "dl_dst=00:00:00:00:00:02,nw_src=1.2.3.4,nw_dst=2.2.2.2,nw_tos=4,nw_ecn=2,nw_ttl=9,nw_frag=first,tp_src=1,tp_dst=2,"
     "tcp_flags=+syn"},
    {"mpls,mpls_label=4,mpls_tc=1,mpls_bos=1,mpls_ttl=4,dl_vlan=3", "mpls,dl_vlan=3,mpls_label=4,mpls_tc=1,mpls_ttl=4,mpls_bos=1"},
    {"mplsm", "mplsm"},
    {"arp,nw_src=1.2.3.4,nw_proto=1,dl_src=01:00:00:00:00:00/01:00:00:00:00:00",
     "arp,dl_src=01:00:00:00:00:00/01:00:00:00:00:00,arp_spa=1.2.3.4,arp_op=1"},
    {"arp,arp_op=2,arp_spa=1.2.3.0/24,arp_tpa=1.2.3.4,arp_sha=00:00:00:00:00:01,arp_tha=00:00:00:00:00:02",
     "arp,arp_spa=1.2.3.0/24,arp_tpa=1.2.3.4,arp_op=2,arp_sha=00:00:00:00:00:01,arp_tha=00:00:00:00:00:02"},
    {"rarp,arp_op=3,arp_sha=00:00:00:00:00:01/00:00:00:00:00:ff", "rarp,arp_op=3,arp_sha=00:00:00:00:00:01/00:00:00:00:00:ff"},
    {"ip,nw_proto=47", "ip,nw_proto=47"},
    {"ip,nw_proto=58", "ip,nw_proto=58"},
    {"ipv6,nw_proto=1", "ipv6,nw_proto=1"},
    {"ip,nw_proto=2", "ip,nw_proto=2"},
    {"ip,nw_proto=17,tp_src=0x10/0xff00", "udp,tp_src=0x0/0xff00"},
    {"tcp,tp_src=0x1000/0xf000", "tcp,tp_src=0x1000/0xf000"},
    {"sctp6,tp_src=0xff00/0xff00", "sctp6,tp_src=0xff00/0xff00"},
    {"ip,ip_frag=later", "ip,nw_frag=later"},
    {"ip,ip_frag=not_later", "ip,nw_frag=not_later"},
    {"ip,nw_src=1.0.0.3/255.0.0.255", "ip,nw_src=1.0.0.3/255.0.0.255"},
    {"tcp6,tcp_flags=0x2/0x12", "tcp6,tcp_flags=+syn-ack"},
    {"tcp,tcp_flags=0x2", "tcp,tcp_flags=syn"},
    {"tcp,tcp_flags=0", "tcp,tcp_flags=0"},
    {"tcp,tcp_flags=0x812", "tcp,tcp_flags=syn|ack|[800]"},
    {"tcp,tcp_flags=0x800/0xf00", "tcp,tcp_flags=-ns-[200]-[400]+[800]"},
    {"icmp,icmp_type=8,icmp_code=0", "icmp,icmp_type=8,icmp_code=0"},
    {"icmp6,icmp_type=135,nd_target=::1,nd_sll=01:02:03:04:05:06", "icmp6,icmp_type=135,nd_target=::1,nd_sll=01:02:03:04:05:06"},
    {"icmp6,icmp_type=136,icmp_code=0,nd_target=fe80::1/16,nd_tll=01:02:03:04:05:06/ff:00:00:00:00:00",
     "icmp6,icmp_type=136,icmp_code=0,nd_target=fe80::/16,nd_tll=01:00:00:00:00:00/ff:00:00:00:00:00"},
    {"tcp6,ipv6_src=2000::/3,ipv6_dst=1::,nw_ttl=3,nw_tos=8,ipv6_label=7,tp_dst=5",
     "tcp6,ipv6_src=2000::/3,ipv6_dst=1::,ipv6_label=0x00007,nw_tos=8,nw_ttl=3,tp_dst=5"},
    {"ipv6,ipv6_label=0x5/0xff", "ipv6,ipv6_label=0x00005/0x000ff"},
    {"ipv6,ipv6_src=::1/ffff::ff", "ipv6,ipv6_src=::1/ffff::ff"},
    {"ipv6,ipv6_src=::ffff:1.2.3.4", "ipv6,ipv6_src=::ffff:1.2.3.4"},
    {"dl_type=0x1234", "dl_type=0x1234"},
    {"dl_type=0x5ff", "dl_type=0x05ff"},
    {"reg15=3,reg0=1", "reg0=0x1,reg15=0x3"},
    {"metadata=5/7,tun_id=9", "tun_id=0x9,metadata=0x5/0x7"},
    {"dl_vlan=5", "dl_vlan=5"},
    {"dl_vlan=5,dl_vlan_pcp=2", "dl_vlan=5,dl_vlan_pcp=2"},
    {"dl_vlan_pcp=3", "dl_vlan_pcp=3"},
    {"vlan_tci=0x1000/0x1000", "vlan_tci=0x1000/0x1000"},
    {"vlan_tci=0x1005/0x1fff", "dl_vlan=5"},
    {"vlan_tci=0/0x1fff", "vlan_tci=0x0000/0x1fff"},
    {"vlan_tci=0", "vlan_tci=0x0000"},
    {"vlan_tci=0x5/0xf0f", "vlan_tci=0x0005/0x0f0f"},
    {"vlan_tci=0x1000/0xf000", "dl_vlan_pcp=0"},
    {"vlan_tci=0x2000/0xf000", "vlan_tci=0x2000/0xf000"},
    {"vlan_tci=0x3005/0xffff", "dl_vlan=5,dl_vlan_pcp=1"},
    {"vlan_tci=0x1005/0x3fff", "vlan_tci=0x1005/0x3fff"},
    {"in_port=65534", "in_port=LOCAL"},
    {"in_port=controller", "in_port=CONTROLLER"},
    {"dl_vlan=0xffff", "vlan_tci=0x0000/0x1fff"}, /* there 0x0000: the same packets, here the same rule as vlan_vid=0 */
};

static void text_is_what_open_vswitch_writes(void **state)
{
    for (size_t i = 0; i < sizeof text_table / sizeof text_table[0]; i++) {
        assert_text(text_table[i][0], text_table[i][1], NULL);
    }
}

static void port_names_are_quoted_when_they_could_be_read_as_something_else(void **state)
{
    struct match_ports ports = {.by_number = by_number};
    assert_text("in_port=1", "in_port=eth0", &ports);
    assert_text("in_port=2", "in_port=\"veth-a\"", &ports);
    assert_text("in_port=3", "in_port=\"local\"", &ports);
    assert_text("in_port=4", "in_port=\"7up\"", &ports);
    assert_text("in_port=5", "in_port=5", &ports);
    assert_text("in_port=LOCAL", "in_port=LOCAL", &ports);
}

static void a_value_alone_is_written_as_in_a_match(void **state)
{
    struct field_value mask = field_value_u64(0xff00);
    struct field_value ones = field_all_ones(FIELD_TCP_DST);
    char *text = match_format_value(FIELD_TCP_DST, field_value_u64(0x1200), &mask, NULL);
    assert_string_equal(text, "0x1200/0xff00");
    free(text);
    text = match_format_value(FIELD_TCP_DST, field_value_u64(80), &ones, NULL);
    assert_string_equal(text, "80");
    free(text);
    text = match_format_value(FIELD_IPV4_DST, field_value_u64(0x0a000001), NULL, NULL);
    assert_string_equal(text, "10.0.0.1");
    free(text);
}

static void bits_beyond_the_fields_are_shown_when_they_are_not_zero(void **state)
{
    struct match match;
    match_init(&match);
    memset(&match.mask.key, 0xff, sizeof match.mask.key);
    match.value.key.in_port = be32(2);
    match.value.key.recirc_id = be32(3);
    match.value.key.vlan2_tci = be16(0x1005);
    match.value.key.eth_type = be16(0x0800);
    match.value.key.ip_proto = 1;
    match.value.key.l4_src = be16(8);
    char *text = match_format(&match, NULL);
    assert_string_equal(text, "icmp,in_port=2,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=0.0.0.0,"
                              "nw_dst=0.0.0.0,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=no,icmp_type=8,icmp_code=0,recirc_id=0x3,dp_hash=0/0xffffffff,"
                              "vlan2_tci=0x1005");
    free(text);
    match_init(&match);
    match_set(&match, FIELD_TCP_DST, field_value_u64(80));
    text = match_format(&match, NULL);
    assert_string_equal(text, "tcp_dst=80");
    free(text);
}

static void long_matches_grow_the_text(void **state)
{
    struct match match;
    match_init(&match);
    for (unsigned i = FIELD_REG0; i <= FIELD_REG15; i++) {
        match_set_masked(&match, (enum field_id)i, field_value_u64(0xdeadbeef), field_value_u64(0xfffffffe));
    }
    char *text = match_format(&match, NULL);
    struct match again;
    assert_true(strlen(text) > 400);
    assert_int_equal(match_parse(text, NULL, &again, NULL), 0);
    assert_true(match_equal(&match, &again));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_what_open_vswitch_writes),
        cmocka_unit_test(port_names_are_quoted_when_they_could_be_read_as_something_else),
        cmocka_unit_test(a_value_alone_is_written_as_in_a_match),
        cmocka_unit_test(bits_beyond_the_fields_are_shown_when_they_are_not_zero),
        cmocka_unit_test(long_matches_grow_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
