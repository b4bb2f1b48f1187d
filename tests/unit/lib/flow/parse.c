/* Tests of lib/flow/parse.c on frames written down by hand, one for each protocol and for each way to be broken that has a rule.
 *
 * The differential test (tests/diff/parse_vs_oracle.c) finds what nobody thought of; this one says what is right.
 */
#include "lib/flow/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>

struct frame {
    uint8_t bytes[512];
    size_t size;
    struct flow_key key;
    struct parse_result result;
};

#define MACS "020000000001 020000000002 "
#define IPV4 "c0000201 c6336401" /* 192.0.2.1 to 198.51.100.1 */
#define IPV6 "20010db8000000000000000000000001 20010db8000000000000000000000002"
#define TCP "9c40 0050 00000001 00000002 5012 2000 0000 0000"

/* Hexadecimal digits, spaces ignored. */
static void frame_add(struct frame *f, const char *hex)
{
    unsigned high = 16;
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ') {
            continue;
        }
        unsigned digit = isdigit((unsigned char)*hex) ? (unsigned)(*hex - '0') : (unsigned)(*hex - 'a') + 10;
        if (high == 16) {
            high = digit;
        } else {
            f->bytes[f->size++] = (uint8_t)(high << 4 | digit);
            high = 16;
        }
    }
}

static void parse(struct frame *f)
{
    assert_int_equal(parse_frame(f->bytes, f->size, 7, &f->key, &f->result), 0);
    assert_int_equal(host32(f->key.in_port), 7);
}

static struct frame parsed(const char *hex)
{
    struct frame f = {.size = 0};
    frame_add(&f, hex);
    parse(&f);
    return f;
}

static void tcp_in_ipv4_fills_the_key_and_the_offsets(void **state)
{
    struct frame f = parsed(MACS "0800 45b8 0028 0001 4000 4006 0000 " IPV4 TCP "000000000000");
    static const uint8_t dst[6] = {2, 0, 0, 0, 0, 1}, src[6] = {2, 0, 0, 0, 0, 2};
    static const uint8_t ip_src[16] = {192, 0, 2, 1}, ip_dst[16] = {198, 51, 100, 1};
    assert_memory_equal(f.key.eth_dst, dst, 6);
    assert_memory_equal(f.key.eth_src, src, 6);
    assert_memory_equal(f.key.ip_src, ip_src, 16);
    assert_memory_equal(f.key.ip_dst, ip_dst, 16);
    assert_int_equal(host16(f.key.eth_type), 0x0800);
    assert_int_equal(f.key.ip_proto, 6);
    assert_int_equal(f.key.ip_tos, 0xb8);
    assert_int_equal(f.key.ip_ttl, 64);
    assert_int_equal(f.key.ip_frag, 0);
    assert_int_equal(host16(f.key.l4_src), 40000);
    assert_int_equal(host16(f.key.l4_dst), 80);
    assert_int_equal(host16(f.key.tcp_flags), 0x012);
    assert_int_equal(f.key.vlan_tci.raw, 0);
    assert_int_equal(f.result.l2_5_offset, PARSE_NO_OFFSET);
    assert_int_equal(f.result.l3_offset, 14);
    assert_int_equal(f.result.l4_offset, 34);
    assert_int_equal(f.result.l3_end, 54); /* six bytes of padding */
}

static void all_twelve_tcp_flags_are_read(void **state)
{
    struct frame f = parsed(MACS "0800 4500 0028 0001 0000 4006 0000 " IPV4 "0001 0002 00000000 00000000 5fff 0000 00000000");
    assert_int_equal(host16(f.key.tcp_flags), 0xfff);
}

static void ipv4_options_move_the_l4_header(void **state)
{
    struct frame f = parsed(MACS "0800 4600 0020 0001 0000 4011 0000 " IPV4 "01010101 0035 0036 0008 0000");
    assert_int_equal(f.result.l4_offset, 38);
    assert_int_equal(host16(f.key.l4_dst), 54);
    assert_int_equal(f.result.l3_end, 46);
}

static void a_first_fragment_has_ports_and_a_later_one_has_not(void **state)
{
    struct frame f = parsed(MACS "0800 4500 001c 0001 2000 4011 0000 " IPV4 "0035 0036 0008 0000");
    assert_int_equal(f.key.ip_frag, KEY_FRAG_ANY);
    assert_int_equal(host16(f.key.l4_src), 53);
    assert_int_equal(f.result.l4_offset, 34);
    f = parsed(MACS "0800 4500 001c 0001 2001 4011 0000 " IPV4 "0035 0036 0008 0000");
    assert_int_equal(f.key.ip_frag, KEY_FRAG_ANY | KEY_FRAG_LATER);
    assert_int_equal(f.key.l4_src.raw, 0);
    assert_int_equal(f.key.ip_proto, 17);
    assert_int_equal(f.result.l4_offset, PARSE_NO_OFFSET);
    f = parsed(MACS "0800 4500 001c 0001 0001 4011 0000 " IPV4 "0035 0036 0008 0000");
    assert_int_equal(f.key.ip_frag, KEY_FRAG_ANY | KEY_FRAG_LATER);
}

static void a_broken_ipv4_header_leaves_all_of_l3_zero(void **state)
{
    static const char *const broken[] = {
        MACS "0800 4400 001c 0001 0000 4011 0000 " IPV4 "0035 0036 0008 0000", /* header length below 20 */
        MACS "0800 4f00 001c 0001 0000 4011 0000 " IPV4 "0035 0036 0008 0000", /* header longer than the packet */
        MACS "0800 4500 001d 0001 0000 4011 0000 " IPV4 "0035 0036 0008 0000", /* total longer than the frame */
        MACS "0800 4500 0013 0001 0000 4011 0000 " IPV4 "0035 0036 0008 0000", /* total shorter than the header */
        MACS "0800 6500 001c 0001 0000 4011 0000 " IPV4 "0035 0036 0008 0000", /* version 6 */
        MACS "0800 4500 0013 0001 0000 4011 0000 c0000201 c63364",             /* cut in the header */
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct frame f = parsed(broken[i]);
        struct flow_key expected = {.in_port = be32(7), .eth_dst = {2, 0, 0, 0, 0, 1}, .eth_src = {2, 0, 0, 0, 0, 2}};
        expected.eth_type = be16(0x0800);
        assert_memory_equal(&f.key, &expected, sizeof expected);
        assert_int_equal(f.result.l3_offset, PARSE_NO_OFFSET);
        assert_int_equal(f.result.l4_offset, PARSE_NO_OFFSET);
        assert_int_equal(f.result.l3_end, f.size);
    }
}

static void padding_is_never_taken_for_a_header(void **state)
{
    /* Total length 20: the eight bytes behind it look like UDP. */
    struct frame f = parsed(MACS "0800 4500 0014 0001 0000 4011 0000 " IPV4 "0035 0036 0008 0000");
    assert_int_equal(f.key.ip_proto, 17);
    assert_int_equal(f.key.l4_src.raw, 0);
    assert_int_equal(f.result.l4_offset, PARSE_NO_OFFSET);
    assert_int_equal(f.result.l3_end, 34);
}

static void a_cut_l4_header_leaves_ports_zero(void **state)
{
    struct frame f = parsed(MACS "0800 4500 0027 0001 0000 4006 0000 " IPV4 "9c40 0050 00000001 00000002 5012 2000 0000 00");
    assert_int_equal(f.key.ip_proto, 6);
    assert_int_equal(f.key.l4_src.raw, 0);
    assert_int_equal(f.key.tcp_flags.raw, 0);
    assert_int_equal(f.result.l4_offset, PARSE_NO_OFFSET);
    assert_int_equal(f.result.l3_offset, 14);
}

static void sctp_and_icmp_have_their_place(void **state)
{
    struct frame f = parsed(MACS "0800 4500 0020 0001 0000 4084 0000 " IPV4 "0b59 0b5a 00000000 00000000");
    assert_int_equal(host16(f.key.l4_src), 2905);
    assert_int_equal(f.result.l4_offset, 34);
    f = parsed(MACS "0800 4500 001c 0001 0000 4001 0000 " IPV4 "0301 0000 0000 0000");
    assert_int_equal(host16(f.key.l4_src), 3);
    assert_int_equal(host16(f.key.l4_dst), 1);
    assert_int_equal(f.result.l4_offset, 34);
    /* ICMPv6 in IPv4 is nothing we know. */
    f = parsed(MACS "0800 4500 001c 0001 0000 403a 0000 " IPV4 "8700 0000 0000 0000");
    assert_int_equal(f.key.l4_src.raw, 0);
    assert_int_equal(f.result.l4_offset, PARSE_NO_OFFSET);
}

static void one_and_two_tags_are_read_and_a_third_ends_the_parse(void **state)
{
    struct frame f = parsed(MACS "8100 a005 0800 4500 001c 0001 0000 4011 0000 " IPV4 "0035 0036 0008 0000");
    assert_int_equal(host16(f.key.vlan_tci), 0xb005); /* the drop-eligible bit says that there is a tag */
    assert_int_equal(host16(f.key.vlan_tpid), 0x8100);
    assert_int_equal(host16(f.key.l4_src), 53);
    assert_int_equal(f.result.l3_offset, 18);
    f = parsed(MACS "88a8 0064 8100 0005 0800 4500 001c 0001 0000 4011 0000 " IPV4 "0035 0036 0008 0000");
    assert_int_equal(host16(f.key.vlan_tpid), 0x88a8);
    assert_int_equal(host16(f.key.vlan_tci), 0x1064);
    assert_int_equal(host16(f.key.vlan2_tpid), 0x8100);
    assert_int_equal(host16(f.key.vlan2_tci), 0x1005);
    assert_int_equal(f.result.l3_offset, 22);
    assert_int_equal(f.result.l4_offset, 42);
    f = parsed(MACS "8100 0001 8100 0002 8100 0003 0800 4500 001c 0001 0000 4011 0000 " IPV4 "0035 0036 0008 0000");
    assert_int_equal(host16(f.key.eth_type), 0x8100);
    assert_int_equal(host16(f.key.vlan2_tci), 0x1002);
    assert_int_equal(f.result.l3_offset, PARSE_NO_OFFSET);
}

static void a_tag_that_is_cut_off_is_no_tag(void **state)
{
    struct frame f = parsed(MACS "8100 000508");
    assert_int_equal(f.key.vlan_tci.raw, 0);
    assert_int_equal(f.key.vlan_tpid.raw, 0);
    assert_int_equal(host16(f.key.eth_type), 0x8100);
    f = parsed(MACS "8100 0005 88a8 0006 0");
    assert_int_equal(host16(f.key.vlan_tci), 0x1005);
    assert_int_equal(f.key.vlan2_tci.raw, 0);
    assert_int_equal(host16(f.key.eth_type), 0x88a8);
}

static void frames_with_a_length_have_the_type_none_unless_snap_names_one(void **state)
{
    struct frame f = parsed(MACS "0026 424203 0000000000000000");
    assert_int_equal(host16(f.key.eth_type), KEY_ETH_TYPE_NONE);
    f = parsed(MACS "0024 aaaa03 000000 0800 4500 001c 0001 0000 4011 0000 " IPV4 "0035 0036 0008 0000");
    assert_int_equal(host16(f.key.eth_type), 0x0800);
    assert_int_equal(f.result.l3_offset, 22);
    assert_int_equal(host16(f.key.l4_dst), 54);
    f = parsed(MACS "0024 aaaa03 00000c 2000 0000");
    assert_int_equal(host16(f.key.eth_type), KEY_ETH_TYPE_NONE);
    f = parsed(MACS "0000");
    assert_int_equal(host16(f.key.eth_type), KEY_ETH_TYPE_NONE);
}

static void arp_and_rarp_fill_their_members(void **state)
{
    static const char *const types[] = {"0806", "8035"};
    for (size_t i = 0; i < 2; i++) {
        struct frame f = {.size = 0};
        frame_add(&f, MACS);
        frame_add(&f, types[i]);
        frame_add(&f, "0001 0800 06 04 0102 0a0b0c0d0e0f 0a000001 1a1b1c1d1e1f 0a000002 00000000");
        parse(&f);
        static const uint8_t sha[6] = {10, 11, 12, 13, 14, 15}, tha[6] = {26, 27, 28, 29, 30, 31};
        static const uint8_t spa[16] = {10, 0, 0, 1}, tpa[16] = {10, 0, 0, 2};
        assert_int_equal(host16(f.key.arp_op), 0x0102);
        assert_memory_equal(f.key.nd_or_arp_sha, sha, 6);
        assert_memory_equal(f.key.nd_or_arp_tha, tha, 6);
        assert_memory_equal(f.key.ip_src, spa, 16);
        assert_memory_equal(f.key.ip_dst, tpa, 16);
        assert_int_equal(f.result.l3_offset, 14);
        assert_int_equal(f.result.l3_end, 42);
    }
    /* Protocol addresses of six bytes: some other ARP. */
    struct frame f = parsed(MACS "0806 0001 0800 06 06 0001 0a0b0c0d0e0f 0a000001 1a1b1c1d1e1f 0a000002");
    assert_int_equal(f.key.arp_op.raw, 0);
    assert_int_equal(f.result.l3_offset, PARSE_NO_OFFSET);
}

static void mpls_labels_are_read_to_the_bottom_of_the_stack_at_most_three(void **state)
{
    struct frame f = parsed(MACS "8847 00064040 000c8140 4500");
    assert_int_equal(host32(f.key.mpls[0]), 0x00064040);
    assert_int_equal(host32(f.key.mpls[1]), 0x000c8140);
    assert_int_equal(f.key.mpls[2].raw, 0);
    assert_int_equal(f.result.l2_5_offset, 14);
    assert_int_equal(f.result.l3_offset, PARSE_NO_OFFSET);
    f = parsed(MACS "8848 00001040 00002040 00003040 00004140");
    assert_int_equal(host32(f.key.mpls[2]), 0x00003040);
    f = parsed(MACS "8847 000011");
    assert_int_equal(f.key.mpls[0].raw, 0);
    assert_int_equal(f.result.l2_5_offset, PARSE_NO_OFFSET);
}

static void what_labels_cover_is_read_when_asked_for(void **state)
{
    const char *text = MACS "8847 00064040 000c8140 45000028000000000b060000 0a000001 0a000002 0050 01bb 00000000 00000000 5012 0000 00000000";
    struct frame f = parsed(text);
    struct flow_key key = f.key;
    parse_uncover(f.bytes, f.size, &f.result, 2, 0x0800, &key);
    assert_int_equal(host32(key.mpls[0]), 0x00064040);
    assert_int_equal(host16(key.eth_type), 0x8847);
    assert_int_equal(key.ip_proto, 6);
    assert_int_equal(key.ip_ttl, 11);
    assert_int_equal(key.ip_dst[3], 2);
    assert_int_equal(host16(key.l4_dst), 443);
    assert_int_equal(host16(key.tcp_flags), 0x12);
    parse_uncover(f.bytes, f.size, &f.result, 2, 0x86dd, &key); /* it is none */
    assert_true(key_equal(&key, &f.key));
    parse_uncover(f.bytes, f.size, &f.result, 7, 0x0800, &key); /* neither is that */
    assert_true(key_equal(&key, &f.key));
    f = parsed(MACS "0800 45000014000000000b060000 0a000001 0a000002");
    key = f.key;
    parse_uncover(f.bytes, f.size, &f.result, 1, 0x86dd, &key); /* without labels nothing is uncovered */
    assert_true(key_equal(&key, &f.key));
}

static void ipv6_fills_the_key(void **state)
{
    struct frame f = parsed(MACS "86dd 6b812345 0008 11 40 " IPV6 "0035 0036 0008 0000");
    static const uint8_t dst[16] = {0x20, 1, 0x0d, 0xb8, [15] = 2};
    assert_int_equal(f.key.ip_tos, 0xb8);
    assert_int_equal(host32(f.key.ipv6_label), 0x12345);
    assert_int_equal(f.key.ip_ttl, 64);
    assert_int_equal(f.key.ip_proto, 17);
    assert_memory_equal(f.key.ip_dst, dst, 16);
    assert_int_equal(host16(f.key.l4_src), 53);
    assert_int_equal(f.result.l3_offset, 14);
    assert_int_equal(f.result.l4_offset, 54);
    assert_int_equal(f.result.l3_end, 62);
}

static void ipv6_extension_headers_are_stepped_over(void **state)
{
    /* hop-by-hop, routing, destination options, authentication (16 bytes), then UDP */
    struct frame f = parsed(MACS "86dd 60000000 0038 00 40 " IPV6 "2b00 000000000000 3c00 000000000000 3301 0000000000000000000000000000"
                                 "1102 0000 00000000 00000000 00000000 0035 0036 0008 0000");
    assert_int_equal(f.key.ip_proto, 17);
    assert_int_equal(f.result.l4_offset, 54 + 8 + 8 + 16 + 16);
    assert_int_equal(host16(f.key.l4_src), 53);
}

static void an_extension_header_that_is_cut_off_is_the_protocol(void **state)
{
    struct frame f = parsed(MACS "86dd 60000000 0008 2b 40 " IPV6 "1101 000000000000");
    assert_int_equal(f.key.ip_proto, 43);
    assert_int_equal(f.key.ip_ttl, 64);
    assert_int_equal(f.result.l3_offset, 14);
    assert_int_equal(f.result.l4_offset, PARSE_NO_OFFSET);
}

static void a_ninth_extension_header_hides_what_is_behind_it(void **state)
{
    for (unsigned count = 8; count <= 9; count++) {
        struct frame f = {.size = 0};
        frame_add(&f, MACS "86dd 60000000 0000 3c 40 " IPV6);
        f.bytes[19] = (uint8_t)(count * 8 + 8);
        for (unsigned i = 0; i < count; i++) {
            frame_add(&f, i + 1 < count ? "3c00 000000000000" : "1100 000000000000");
        }
        frame_add(&f, "0035 0036 0008 0000");
        parse(&f);
        assert_int_equal(f.key.ip_proto, count == 8 ? 17 : 60);
        assert_int_equal(f.result.l4_offset, count == 8 ? 54 + 64 : PARSE_NO_OFFSET);
    }
}

static void ipv6_fragments_are_marked_and_later_ones_have_protocol_44(void **state)
{
    struct frame f = parsed(MACS "86dd 60000000 0010 2c 40 " IPV6 "1100 0001 00000000 0035 0036 0008 0000");
    assert_int_equal(f.key.ip_frag, KEY_FRAG_ANY);
    assert_int_equal(f.key.ip_proto, 17);
    assert_int_equal(host16(f.key.l4_src), 53);
    f = parsed(MACS "86dd 60000000 0010 2c 40 " IPV6 "1100 0008 00000000 0035 0036 0008 0000");
    assert_int_equal(f.key.ip_frag, KEY_FRAG_ANY | KEY_FRAG_LATER);
    assert_int_equal(f.key.ip_proto, 44);
    assert_int_equal(f.result.l4_offset, PARSE_NO_OFFSET);
    f = parsed(MACS "86dd 60000000 0010 2c 40 " IPV6 "1100 0000 00000000 0035 0036 0008 0000");
    assert_int_equal(f.key.ip_frag, 0); /* an atomic fragment is a whole packet */
    assert_int_equal(host16(f.key.l4_src), 53);
}

static void an_ipv6_packet_longer_than_the_frame_leaves_l3_zero(void **state)
{
    struct frame f = parsed(MACS "86dd 60000000 0009 11 40 " IPV6 "0035 0036 0008 0000");
    assert_int_equal(f.key.ip_proto, 0);
    assert_int_equal(f.key.ip_ttl, 0);
    assert_int_equal(f.result.l3_offset, PARSE_NO_OFFSET);
}

#define SOLICIT "86dd 60000000 0020 3a ff " IPV6 "8700 0000 00000000 fe800000000000000000000000000009 "

static void a_neighbour_solicitation_shows_target_and_source_address(void **state)
{
    struct frame f = parsed(MACS SOLICIT "0101 0a0b0c0d0e0f");
    static const uint8_t target[16] = {0xfe, 0x80, [15] = 9}, link[6] = {10, 11, 12, 13, 14, 15}, none[6] = {0};
    assert_int_equal(host16(f.key.l4_src), 135);
    assert_memory_equal(f.key.nd_target, target, 16);
    assert_memory_equal(f.key.nd_or_arp_sha, link, 6);
    assert_memory_equal(f.key.nd_or_arp_tha, none, 6);
    f = parsed(MACS SOLICIT "0201 0a0b0c0d0e0f");
    assert_memory_equal(f.key.nd_or_arp_tha, link, 6);
    assert_memory_equal(f.key.nd_or_arp_sha, none, 6);
}

static void a_neighbour_message_with_an_address_twice_is_not_believed(void **state)
{
    static const uint8_t zero[16] = {0};
    struct frame f = parsed(MACS "86dd 60000000 0028 3a ff " IPV6 "8700 0000 00000000 fe800000000000000000000000000009 "
                                 "0101 0a0b0c0d0e0f 0101 0a0b0c0d0e0f");
    assert_memory_equal(f.key.nd_target, zero, 16);
    assert_memory_equal(f.key.nd_or_arp_sha, zero, 6);
    assert_int_equal(host16(f.key.l4_src), 135);
}

static void an_option_of_length_zero_ends_the_options(void **state)
{
    static const uint8_t none[6] = {0};
    struct frame f = parsed(MACS SOLICIT "0100 0a0b0c0d0e0f");
    assert_memory_equal(f.key.nd_or_arp_sha, none, 6);
    assert_int_equal(f.key.nd_target[15], 9);
}

static void neighbour_members_stay_zero_for_another_code_or_type(void **state)
{
    struct frame f = parsed(MACS SOLICIT "0101 0a0b0c0d0e0f");
    f.bytes[55] = 1;
    parse(&f);
    assert_int_equal(f.key.nd_target[15], 0);
    f.bytes[55] = 0;
    f.bytes[54] = 128;
    parse(&f);
    assert_int_equal(f.key.nd_target[15], 0);
}

static void below_fourteen_bytes_there_is_no_key_and_nothing_is_written(void **state)
{
    uint8_t bytes[13] = {0};
    struct flow_key key, before;
    struct parse_result result = {1, 2, 3, 4};
    memset(&key, 0x77, sizeof key);
    before = key;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        assert_int_equal(parse_frame(bytes, size, 1, &key, &result), -ERROR_TRUNCATED);
        assert_memory_equal(&key, &before, sizeof key);
        assert_int_equal(result.l3_end, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_in_ipv4_fills_the_key_and_the_offsets),
        cmocka_unit_test(all_twelve_tcp_flags_are_read),
        cmocka_unit_test(ipv4_options_move_the_l4_header),
        cmocka_unit_test(a_first_fragment_has_ports_and_a_later_one_has_not),
        cmocka_unit_test(a_broken_ipv4_header_leaves_all_of_l3_zero),
        cmocka_unit_test(padding_is_never_taken_for_a_header),
        cmocka_unit_test(a_cut_l4_header_leaves_ports_zero),
        cmocka_unit_test(sctp_and_icmp_have_their_place),
        cmocka_unit_test(one_and_two_tags_are_read_and_a_third_ends_the_parse),
        cmocka_unit_test(a_tag_that_is_cut_off_is_no_tag),
        cmocka_unit_test(frames_with_a_length_have_the_type_none_unless_snap_names_one),
        cmocka_unit_test(arp_and_rarp_fill_their_members),
        cmocka_unit_test(mpls_labels_are_read_to_the_bottom_of_the_stack_at_most_three),
        cmocka_unit_test(what_labels_cover_is_read_when_asked_for),
        cmocka_unit_test(ipv6_fills_the_key),
        cmocka_unit_test(ipv6_extension_headers_are_stepped_over),
        cmocka_unit_test(an_extension_header_that_is_cut_off_is_the_protocol),
        cmocka_unit_test(a_ninth_extension_header_hides_what_is_behind_it),
        cmocka_unit_test(ipv6_fragments_are_marked_and_later_ones_have_protocol_44),
        cmocka_unit_test(an_ipv6_packet_longer_than_the_frame_leaves_l3_zero),
        cmocka_unit_test(a_neighbour_solicitation_shows_target_and_source_address),
        cmocka_unit_test(a_neighbour_message_with_an_address_twice_is_not_believed),
        cmocka_unit_test(an_option_of_length_zero_ends_the_options),
        cmocka_unit_test(neighbour_members_stay_zero_for_another_code_or_type),
        cmocka_unit_test(below_fourteen_bytes_there_is_no_key_and_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
