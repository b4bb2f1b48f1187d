/* The datapath hash. That it equals its twin is seen in tests/diff/execute.c; here is what it is for.
 * What may never happen: two packets of one connection part, or all connections go one way.
 * Unit test, one thread. */
#include "lib/dp/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct flow_key tcp(uint32_t from, uint32_t to, uint16_t from_port, uint16_t to_port)
{
    struct flow_key key = {.eth_type = be16(0x0800), .ip_proto = 6, .l4_src = be16(from_port), .l4_dst = be16(to_port)};
    struct be32 source = be32(from), target = be32(to);
    memcpy(key.ip_src, &source, 4);
    memcpy(key.ip_dst, &target, 4);
    return key;
}

static const struct dp_hash symmetric = {.algorithm = DP_HASH_SYMMETRIC_L4, .basis = 7};

static void both_directions_hash_alike(void **state)
{
    struct flow_key there = tcp(0x0a000001, 0x0a000002, 1000, 80), back = tcp(0x0a000002, 0x0a000001, 80, 1000);
    there.in_port = be32(1);
    back.in_port = be32(2);
    assert_int_equal(hash_packet(&there, &symmetric), hash_packet(&back, &symmetric));
    there.eth_type = back.eth_type = be16(0x86dd);
    there.ip_src[15] = back.ip_dst[15] = 9;
    assert_int_equal(hash_packet(&there, &symmetric), hash_packet(&back, &symmetric));
    there.ip_src[15] = 8;
    assert_int_not_equal(hash_packet(&there, &symmetric), hash_packet(&back, &symmetric));
}

static void fragments_of_a_datagram_hash_alike(void **state)
{
    struct flow_key first = tcp(0x0a000001, 0x0a000002, 1000, 80), later = tcp(0x0a000001, 0x0a000002, 0, 0);
    first.ip_frag = KEY_FRAG_ANY;
    later.ip_frag = KEY_FRAG_ANY | KEY_FRAG_LATER;
    later.ip_proto = 44;
    assert_int_equal(hash_packet(&first, &symmetric), hash_packet(&later, &symmetric));
}

static void connections_spread_evenly(void **state)
{
    unsigned buckets[16] = {0};
    for (uint32_t i = 0; i < 4096; i++) {
        struct flow_key key = tcp(0x0a000000 + (i & 63), 0x0a000100 - (i & 63), (uint16_t)(1000 + i / 64), 80);
        buckets[hash_packet(&key, &symmetric) % 16]++;
    }
    for (int i = 0; i < 16; i++) {
        assert_in_range(buckets[i], 256 - 80, 256 + 80); /* five deviations */
    }
}

static void only_listed_fields_that_are_there_count(void **state)
{
    struct dp_hash hash = {.algorithm = DP_HASH_FIELDS, .basis = 1};
    struct flow_key key = tcp(1, 2, 3, 4), other = tcp(1, 5, 6, 4);
    dp_hash_add(&hash, FIELD_IPV4_SRC);
    dp_hash_add(&hash, FIELD_TCP_DST);
    dp_hash_add(&hash, FIELD_UDP_SRC);
    assert_int_equal(hash_packet(&key, &hash), hash_packet(&other, &hash));
    other.l4_dst = be16(5);
    assert_int_not_equal(hash_packet(&key, &hash), hash_packet(&other, &hash));
    other = tcp(1, 2, 3, 4);
    other.ip_proto = 17;
    assert_int_not_equal(hash_packet(&key, &hash), hash_packet(&other, &hash));
}

static void basis_changes_the_hash_and_it_is_never_zero(void **state)
{
    struct flow_key key = tcp(1, 2, 3, 4);
    uint32_t first = 0;
    for (uint32_t basis = 0; basis < 100; basis++) {
        struct dp_hash hash = {.algorithm = DP_HASH_SYMMETRIC_L4, .basis = basis};
        uint32_t value = hash_packet(&key, &hash);
        assert_int_not_equal(value, 0);
        assert_true(basis == 0 || value != first);
        first = basis == 0 ? value : first;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_hash_alike),
        cmocka_unit_test(fragments_of_a_datagram_hash_alike),
        cmocka_unit_test(connections_spread_evenly),
        cmocka_unit_test(only_listed_fields_that_are_there_count),
        cmocka_unit_test(basis_changes_the_hash_and_it_is_never_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
