/* Tests of lib/openflow/of_match.c: OXM there and back, and each refusal (the golden errors have more of them). */
#include "lib/openflow/of_match.h"

#include <errno.h>

#include "tests/unit/lib/openflow/openflow_test.h"

static const char *const texts[] = {
    "",
    "in_port=7",
    "tcp,nw_src=10.0.0.0/8,tp_dst=80",
    "tcp,tcp_flags=+syn-ack",
    "dl_vlan=5,dl_vlan_pcp=3",
    "dl_vlan_pcp=3",
    "vlan_tci=0x0000/0x1fff",
    "vlan_tci=0x1000/0x1000",
    "vlan_tci=0x2000/0x2000",
    "vlan_tci=0x1123",
    "icmp6,icmp_type=135,nd_target=::1,nd_sll=00:00:00:00:00:01",
    "ipv6,ipv6_src=fe80::/10,ipv6_label=0x12345",
    "arp,arp_op=1,arp_spa=1.2.3.4,arp_sha=00:00:00:00:00:01",
    "mpls,mpls_label=3,mpls_tc=2,mpls_bos=1,mpls_ttl=4",
    "reg0=1,reg15=0x1/0xff,metadata=5,tun_id=6",
    "sctp,tp_src=0x10/0xf0",
    "ip,nw_frag=first,nw_ttl=3,nw_tos=16,nw_ecn=2",
    "actset_output=4",
    "conj_id=7,ip",
    "packet_type=(1,0x800)",
    "xreg3=0x100000005",
    "dl_src=01:00:00:00:00:00/01:00:00:00:00:00",
};

static void matches_arrive_as_they_were_sent(void **state)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct match match = model_match(texts[i]), out;
        struct of_error error = {.number = OF_ERROR_NONE};
        struct writer w;
        writer_init(&w);
        of_match_encode(&w, OF_VERSION_13, &match);
        assert_int_equal(w.size % 8, 0);
        struct reader r = reader_of(w.bytes, w.size);
        if (of_match_decode(&r, &out, &error) != 0 || !match_equal(&match, &out)) {
            print_error("%s: %s\n", texts[i], error.detail.text);
            fail();
        }
        assert_int_equal(reader_left(&r), 0);
        writer_fini(&w);
    }
}

static void the_bytes_of_a_match_are_the_standards(void **state)
{
    const uint8_t tcp_80[] = {0, 1, 0, 21, 0x80, 0, 0x0a, 2, 8, 0, 0x80, 0, 0x14, 1, 6, 0x80, 0, 0x1c, 2, 0, 80, 0, 0, 0};
    struct match match = model_match("tcp,tp_dst=80");
    struct writer w;

    writer_init(&w);
    of_match_encode(&w, OF_VERSION_13, &match);
    assert_int_equal(w.size, sizeof tcp_80);
    assert_memory_equal(w.bytes, tcp_80, sizeof tcp_80);
    writer_fini(&w);
}

static void old_nicira_numbers_are_understood(void **state)
{
    const uint8_t old[] = {0, 1, 0, 16, 0, 0, 6, 2, 8, 0, 0, 0, 0x0c, 1, 6, 0}; /* NXM_OF_ETH_TYPE, NXM_OF_IP_PROTO */
    uint8_t bytes[24] = {0};
    struct match match;

    memcpy(bytes, old, sizeof old);
    bytes[3] = 15;
    struct reader r = reader_of(bytes, 16);
    assert_int_equal(of_match_decode(&r, &match, NULL), 0);
    struct match tcp = model_match("tcp");
    assert_true(match_equal(&match, &tcp));
}

static void every_field_has_a_header_that_leads_back_to_it(void **state)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        assert_int_equal(of_oxm_field(of_oxm_header((enum field_id)i, false)), i);
        assert_int_equal(of_oxm_field(of_oxm_header((enum field_id)i, true)), i);
    }
    assert_int_equal(of_oxm_header(FIELD_TCP_DST, false), 0x80001c02);
    assert_int_equal(of_oxm_header(FIELD_IPV4_DST, true), 0x80001908);
    assert_int_equal(of_oxm_field(0x8000fe02), FIELD_COUNT);
}

static void values_beyond_a_field_are_not_valid(void **state)
{
    assert_true(of_oxm_value_is_valid(FIELD_VLAN_VID, field_value_u64(0x1fff)));
    assert_false(of_oxm_value_is_valid(FIELD_VLAN_VID, field_value_u64(0x2000)));
    assert_false(of_oxm_value_is_valid(FIELD_IN_PORT, field_value_u64(70000)));
    assert_true(of_oxm_value_is_valid(FIELD_IN_PORT, field_value_u64(PORT_LOCAL)));
    assert_false(of_oxm_value_is_valid(FIELD_ARP_OP, field_value_u64(256)));
}

static void a_match_is_untouched_by_bytes_that_are_refused(void **state)
{
    const uint8_t bad[] = {0, 1, 0, 8, 0x80, 0, 0x0a, 2};
    struct match match = model_match("tcp"), before = match;
    struct of_error error;
    struct reader r = reader_of(bad, sizeof bad);

    assert_int_equal(of_match_decode(&r, &match, &error), -EPROTO);
    assert_int_equal(error.number, OF_ERROR_BAD_MATCH_BAD_LEN);
    assert_true(match_equal(&match, &before));
}

static void in_phy_port_needs_in_port_before_it(void **state)
{
    const uint8_t both[] = {0, 1, 0, 20, 0x80, 0, 0, 4, 0, 0, 0, 3, 0x80, 0, 2, 4, 0, 0, 0, 9, 0, 0, 0, 0};
    const uint8_t alone[] = {0, 1, 0, 12, 0x80, 0, 2, 4, 0, 0, 0, 9, 0, 0, 0, 0};
    struct of_error error = {.number = OF_ERROR_NONE};
    struct match match;

    struct reader r = reader_of(both, sizeof both);
    assert_int_equal(of_match_decode(&r, &match, &error), 0);
    r = reader_of(alone, sizeof alone);
    assert_true(of_match_decode(&r, &match, &error) != 0);
    assert_int_equal(error.number, OF_ERROR_BAD_MATCH_BAD_PREREQ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_phy_port_needs_in_port_before_it),
        cmocka_unit_test(matches_arrive_as_they_were_sent),    cmocka_unit_test(the_bytes_of_a_match_are_the_standards),
        cmocka_unit_test(old_nicira_numbers_are_understood),   cmocka_unit_test(every_field_has_a_header_that_leads_back_to_it),
        cmocka_unit_test(values_beyond_a_field_are_not_valid), cmocka_unit_test(a_match_is_untouched_by_bytes_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
