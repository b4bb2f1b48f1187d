/* Tests of lib/openflow/of_match10.c. */
#include "tests/unit/lib/openflow/openflow_test.h"
#include "lib/openflow/of_match10.h"

#include "lib/model/rule.h"

static void match_of(const char *text, struct match *out)
{
    struct error_detail detail = {""};
    if (match_parse(text, NULL, out, &detail) != 0) {
        fail_msg("%s: %s", text, detail.text);
    }
}

static void assert_same(const char *text, bool can_say)
{
    struct match match, again;
    struct writer w;
    writer_init(&w);
    match_of(text, &match);
    of_match10_encode(&w, &match);
    assert_int_equal(w.size, OF_MATCH10_SIZE);
    struct reader r = reader_of(w.bytes, w.size);
    of_match10_decode(&r, &again);
    assert_int_equal(match_equal(&match, &again), can_say);
    assert_int_equal(of_match10_can_say(&match), can_say);
    writer_fini(&w);
}

static void what_1_0_has_is_said_and_understood(void **state)
{
    static const char *const texts[] = {"", "in_port=3,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02", "in_port=LOCAL",
                                        "dl_vlan=5", "dl_vlan=5,dl_vlan_pcp=3", "vlan_tci=0x0000", "dl_type=0x1234",
                                        "ip,nw_src=10.0.0.0/8,nw_dst=1.2.3.4,nw_tos=16", "tcp,tp_src=1,tp_dst=2", "udp,tp_dst=53",
                                        "icmp,icmp_type=8,icmp_code=0", "arp,arp_op=1,arp_spa=1.2.3.4,arp_tpa=10.0.0.0/24"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_same(texts[i], true);
    }
}

static void what_it_has_not_is_left_out(void **state)
{
    assert_same("metadata=5", false);
    assert_same("ip,nw_src=10.0.0.1/255.0.0.255", false);
    assert_same("dl_src=00:00:00:00:00:01/00:00:00:00:00:ff", false);
    assert_same("tcp,tcp_flags=+syn", false);
}

static void the_wildcards_are_those_of_open_vswitch(void **state)
{
    struct match match;
    struct writer w;
    writer_init(&w);
    match_of("tcp,tp_dst=80", &match);
    of_match10_encode(&w, &match);
    const uint8_t head[] = {0x00, 0x38, 0x20, 0x4f};
    assert_memory_equal(w.bytes, head, sizeof head);
    writer_fini(&w);
}

/* [OF1.0.1 3.4] */
static void a_port_without_its_protocol_counts_as_not_given(void **state)
{
    uint8_t bytes[OF_MATCH10_SIZE] = {0x00, 0x38, 0x20, 0x7f}; /* all but tp_dst */
    struct reader r = reader_of(bytes, sizeof bytes);
    struct match match, any;
    match_init(&any);
    bytes[39] = 80;
    of_match10_decode(&r, &match);
    assert_true(match_equal(&match, &any));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_1_0_has_is_said_and_understood),
        cmocka_unit_test(what_it_has_not_is_left_out),
        cmocka_unit_test(the_wildcards_are_those_of_open_vswitch),
        cmocka_unit_test(a_port_without_its_protocol_counts_as_not_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
