/* Tests of lib/flow/match_value.c: what each format reads, and all the text that it refuses. */
#include "lib/flow/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static bool by_name(const void *context, const char *name, uint32_t *out_ofport)
{
    if (strcmp(name, "veth-a") != 0 && strcmp(name, "5") != 0 && strcmp(name, "local") != 0) {
        return false;
    }
    *out_ofport = 12;
    return true;
}

static const struct match_ports ports = {.by_name = by_name};

struct accepted {
    enum field_id id;
    const char *text;
    uint64_t value; /* low 64 bits */
    uint64_t mask;
};

static const struct accepted accepted_table[] = {
    {FIELD_TCP_DST, "80", 80, 0xffff},
    {FIELD_TCP_DST, "0x50", 80, 0xffff},
    {FIELD_TCP_DST, "0XfF/0xff0", 0xf0, 0xff0},
    {FIELD_TCP_DST, "65535", 65535, 0xffff},
    {FIELD_TCP_DST, "*", 0, 0},
    {FIELD_METADATA, "0xffffffffffffffff", UINT64_MAX, UINT64_MAX},
    {FIELD_METADATA, "18446744073709551615", UINT64_MAX, UINT64_MAX},
    {FIELD_METADATA, "5/3", 1, 3},
    {FIELD_ETH_DST, "01:02:03:0a:0B:ff", 0x0102030a0bff, 0xffffffffffff},
    {FIELD_ETH_DST, "1:2:3:4:5:6", 0x010203040506, 0xffffffffffff},
    {FIELD_ETH_DST, "01:00:00:00:00:00/01:00:00:00:00:00", 0x010000000000, 0x010000000000},
    {FIELD_IPV4_SRC, "10.1.2.3", 0x0a010203, 0xffffffff},
    {FIELD_IPV4_SRC, "10.1.2.3/8", 0x0a000000, 0xff000000},
    {FIELD_IPV4_SRC, "10.1.2.3/32", 0x0a010203, 0xffffffff},
    {FIELD_IPV4_SRC, "10.1.2.3/0", 0, 0},
    {FIELD_IPV4_SRC, "10.1.2.3/255.0.0.255", 0x0a000003, 0xff0000ff},
    {FIELD_IPV6_DST, "2001:db8::1", 1, UINT64_MAX},
    {FIELD_IPV6_DST, "2001:db8::ff01/128", 0xff01, UINT64_MAX},
    {FIELD_IPV6_DST, "::5/::7", 5, 7},
    {FIELD_IP_FRAG, "no", 0, 3},
    {FIELD_IP_FRAG, "yes", 1, 1},
    {FIELD_IP_FRAG, "first", 1, 3},
    {FIELD_IP_FRAG, "later", 3, 3},
    {FIELD_IP_FRAG, "not_later", 0, 2},
    {FIELD_IP_FRAG, "0x2/0x2", 2, 2},
    {FIELD_TCP_FLAGS, "+syn-ack", 0x002, 0x012},
    {FIELD_TCP_FLAGS, "-SYN", 0, 0x002},
    {FIELD_TCP_FLAGS, "syn|ack", 0x012, 0xfff},
    {FIELD_TCP_FLAGS, "fin", 0x001, 0xfff},
    {FIELD_TCP_FLAGS, "+[800]", 0x800, 0x800},
    {FIELD_TCP_FLAGS, "0x12", 0x012, 0xfff},
    {FIELD_TCP_FLAGS, "0x2/0x12", 0x002, 0x012},
    {FIELD_IN_PORT, "3", 3, 0xffffffff},
    {FIELD_IN_PORT, "LOCAL", 0xfffffffe, 0xffffffff},
    {FIELD_IN_PORT, "local", 0xfffffffe, 0xffffffff},
    {FIELD_IN_PORT, "65534", 0xfffffffe, 0xffffffff},
    {FIELD_IN_PORT, "veth-a", 12, 0xffffffff},
    {FIELD_IN_PORT, "\"veth-a\"", 12, 0xffffffff},
    {FIELD_IN_PORT, "5", 5, 0xffffffff},
    {FIELD_IN_PORT, "\"5\"", 12, 0xffffffff},
    {FIELD_IN_PORT, "\"local\"", 12, 0xffffffff},
};

static void values_and_masks_are_read_in_their_formats(void **state)
{
    for (size_t i = 0; i < sizeof accepted_table / sizeof accepted_table[0]; i++) {
        struct field_value value, mask;
        struct error_detail detail = {{0}};
        int err = match_parse_value(accepted_table[i].id, accepted_table[i].text, &ports, &value, &mask, &detail);
        if (err != 0) {
            print_error("%s: %s\n", accepted_table[i].text, detail.text);
        }
        assert_int_equal(err, 0);
        assert_int_equal(field_value_to_u64(value), accepted_table[i].value);
        assert_int_equal(field_value_to_u64(mask), accepted_table[i].mask);
    }
}

static void the_upper_half_of_an_ipv6_prefix_is_masked_too(void **state)
{
    struct field_value value, mask;
    assert_int_equal(match_parse_value(FIELD_IPV6_SRC, "2001:db8:ffff::/33", NULL, &value, &mask, NULL), 0);
    static const uint8_t expected_value[16] = {0x20, 0x01, 0x0d, 0xb8, 0x80}, expected_mask[16] = {255, 255, 255, 255, 0x80};
    assert_memory_equal(value.bytes, expected_value, 16);
    assert_memory_equal(mask.bytes, expected_mask, 16);
}

struct refused {
    enum field_id id;
    const char *text;
    int err;
};

static void everything_else_is_refused_and_nothing_is_written(void **state)
{
    static const struct refused cases[] = {
        {FIELD_TCP_DST, "", -ERROR_SYNTAX},
        {FIELD_TCP_DST, "x", -ERROR_SYNTAX},
        {FIELD_TCP_DST, "80x", -ERROR_SYNTAX},
        {FIELD_TCP_DST, "-1", -ERROR_SYNTAX},
        {FIELD_TCP_DST, " 80", -ERROR_SYNTAX},
        {FIELD_TCP_DST, "+80", -ERROR_SYNTAX},
        {FIELD_TCP_DST, "0x", -ERROR_SYNTAX},
        {FIELD_TCP_DST, "010", -ERROR_SYNTAX},
        {FIELD_TCP_DST, "80/", -ERROR_SYNTAX},
        {FIELD_TCP_DST, "/80", -ERROR_SYNTAX},
        {FIELD_TCP_DST, "80/1/1", -ERROR_SYNTAX},
        {FIELD_TCP_DST, "65536", -ERROR_RANGE},
        {FIELD_TCP_DST, "80/0x10000", -ERROR_RANGE},
        {FIELD_METADATA, "18446744073709551616", -ERROR_RANGE},
        {FIELD_METADATA, "0x10000000000000000", -ERROR_RANGE},
        {FIELD_VLAN_VID, "0x2000", -ERROR_RANGE},
        {FIELD_ETH_DST, "01:02:03:04:05", -ERROR_SYNTAX},
        {FIELD_ETH_DST, "01:02:03:04:05:06:07", -ERROR_SYNTAX},
        {FIELD_ETH_DST, "01:02:03:04:05:006", -ERROR_SYNTAX},
        {FIELD_ETH_DST, "01:02:03:04:05:0g", -ERROR_SYNTAX},
        {FIELD_ETH_DST, "01:02:03:04:05:06/8", -ERROR_SYNTAX},
        {FIELD_IPV4_SRC, "10.0.0", -ERROR_SYNTAX},
        {FIELD_IPV4_SRC, "10.0.0.256", -ERROR_SYNTAX},
        {FIELD_IPV4_SRC, "10.0.0.0/33", -ERROR_RANGE},
        {FIELD_IPV4_SRC, "10.0.0.0/-1", -ERROR_SYNTAX},
        {FIELD_IPV4_SRC, "::1", -ERROR_SYNTAX},
        {FIELD_IPV6_SRC, "1.2.3.4", -ERROR_SYNTAX},
        {FIELD_IPV6_SRC, "::1/129", -ERROR_RANGE},
        {FIELD_IP_FRAG, "maybe", -ERROR_SYNTAX},
        {FIELD_IP_FRAG, "4", -ERROR_RANGE},
        {FIELD_TCP_FLAGS, "+syn+syn", -ERROR_DUPLICATE},
        {FIELD_TCP_FLAGS, "+syn-", -ERROR_SYNTAX},
        {FIELD_TCP_FLAGS, "+sy", -ERROR_SYNTAX},
        {FIELD_TCP_FLAGS, "+syn|ack", -ERROR_SYNTAX},
        {FIELD_TCP_FLAGS, "syn+ack", -ERROR_SYNTAX},
        {FIELD_TCP_FLAGS, "0x1000", -ERROR_RANGE},
        {FIELD_IN_PORT, "nosuch", -ERROR_NOT_FOUND},
        {FIELD_IN_PORT, "4294967296", -ERROR_RANGE},
        {FIELD_IN_PORT, "\"\"", -ERROR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct field_value value = field_value_u64(77), mask = field_value_u64(78);
        struct error_detail detail = {{0}};
        int err = match_parse_value(cases[i].id, cases[i].text, &ports, &value, &mask, &detail);
        if (err != cases[i].err) {
            print_error("%s=%s: %d\n", field_table[cases[i].id].name, cases[i].text, err);
        }
        assert_int_equal(err, cases[i].err);
        assert_int_equal(field_value_to_u64(value), 77);
        assert_int_equal(field_value_to_u64(mask), 78);
        assert_non_null(strstr(detail.text, field_table[cases[i].id].name));
    }
}

static void text_longer_than_any_value_is_refused(void **state)
{
    char text[400];
    struct field_value value, mask;
    memset(text, '1', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(match_parse_value(FIELD_IN_PORT, text, &ports, &value, &mask, NULL), -ERROR_SYNTAX);
}

static void without_a_resolver_only_numbers_and_reserved_names_are_ports(void **state)
{
    struct field_value value, mask;
    assert_int_equal(match_parse_value(FIELD_IN_PORT, "veth-a", NULL, &value, &mask, NULL), -ERROR_NOT_FOUND);
    assert_int_equal(match_parse_value(FIELD_IN_PORT, "CONTROLLER", NULL, &value, &mask, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_masks_are_read_in_their_formats),
        cmocka_unit_test(the_upper_half_of_an_ipv6_prefix_is_masked_too),
        cmocka_unit_test(everything_else_is_refused_and_nothing_is_written),
        cmocka_unit_test(text_longer_than_any_value_is_refused),
        cmocka_unit_test(without_a_resolver_only_numbers_and_reserved_names_are_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
