/* Tests of lib/flow/key.c: the laws of masks, and what the three hashes promise.
 *
 * The golden numbers pin what must be the same in every process and every build: flow ids and flow hashes.
 */
#include "lib/flow/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/random.h"

static struct flow_key random_key(struct random *r)
{
    struct flow_key key;
    for (size_t i = 0; i < KEY_WORDS; i++) {
        key_set_word(&key, i, random_u64(r));
    }
    return key;
}

static struct flow_key tcp_key(void)
{
    struct flow_key key = {
        .in_port = be32(3),
        .eth_dst = {2, 0, 0, 0, 0, 1},
        .eth_src = {2, 0, 0, 0, 0, 2},
        .eth_type = be16(0x0800),
        .ip_proto = 6,
        .ip_ttl = 64,
        .ip_src = {10, 0, 0, 1},
        .ip_dst = {10, 0, 0, 2},
        .l4_src = be16(40000),
        .l4_dst = be16(80),
    };
    return key;
}

static void a_flipped_bit_is_seen_under_a_mask_exactly_when_the_mask_has_it(void **state)
{
    struct random r;
    random_seed(&r, 1);
    for (unsigned bit = 0; bit < sizeof(struct flow_key) * 8; bit++) {
        struct flow_key a = random_key(&r);
        struct flow_key mask = random_key(&r);
        struct flow_key b = a;
        ((uint8_t *)&b)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool in_mask = (((uint8_t *)&mask)[bit / 8] >> bit % 8 & 1) != 0;
        assert_false(key_equal(&a, &b));
        assert_true(key_equal(&a, &a));
        assert_int_equal(key_equal_under(&a, &b, &mask), !in_mask);
        assert_true(key_hash(&a) != key_hash(&b));
    }
}

static void masking_keeps_what_the_mask_has_and_may_be_done_in_place(void **state)
{
    struct random r;
    random_seed(&r, 2);
    for (int i = 0; i < 1000; i++) {
        struct flow_key key = random_key(&r);
        struct flow_key mask = random_key(&r);
        struct flow_key out;
        key_mask(&key, &mask, &out);
        for (size_t k = 0; k < sizeof key; k++) {
            assert_int_equal(((uint8_t *)&out)[k], ((uint8_t *)&key)[k] & ((uint8_t *)&mask)[k]);
        }
        assert_true(key_equal_under(&key, &out, &mask));
        key_mask(&key, &mask, &key);
        assert_true(key_equal(&key, &out));
    }
}

static void a_mask_covers_its_parts_and_nothing_else(void **state)
{
    struct random r;
    struct flow_key none = {0};
    random_seed(&r, 3);
    for (int i = 0; i < 1000; i++) {
        struct flow_key a = random_key(&r);
        struct flow_key b = random_key(&r);
        struct flow_key both;
        key_mask(&a, &b, &both);
        assert_true(key_mask_covers(&a, &both));
        assert_true(key_mask_covers(&a, &none));
        assert_true(key_mask_covers(&a, &a));
        assert_int_equal(key_mask_covers(&both, &a), key_equal(&a, &both));
    }
}

static void states_compare_and_collect_masks_in_the_registers_too(void **state)
{
    for (unsigned bit = 0; bit < sizeof(struct flow_state) * 8; bit++) {
        struct flow_state a = {.metadata = be64(5)};
        struct flow_state b = a;
        struct flow_state mask = {.metadata = be64(7)};
        struct flow_state one = {.metadata = be64(0)};
        ((uint8_t *)&b)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ((uint8_t *)&one)[bit / 8] |= (uint8_t)(1u << bit % 8);
        state_mask_add(&mask, &one);
        assert_false(state_equal_under(&a, &b, &mask));
        assert_false(state_equal_under(&a, &b, &one));
        ((uint8_t *)&mask)[bit / 8] &= (uint8_t) ~(1u << bit % 8);
        assert_true(state_equal_under(&a, &b, &mask));
    }
}

static void key_hash_spreads_ten_thousand_flows_over_their_buckets(void **state)
{
    enum { FLOWS = 10000, BUCKETS = 1024 };
    unsigned low[BUCKETS] = {0};
    unsigned high[BUCKETS] = {0};
    struct flow_key key = tcp_key();
    for (unsigned i = 0; i < FLOWS; i++) {
        key.l4_src = be16((uint16_t)(1024 + i % 100));
        key.ip_src[3] = (uint8_t)(i / 100);
        uint64_t hash = key_hash(&key);
        low[hash % BUCKETS]++;
        high[hash >> 54]++;
    }
    for (unsigned i = 0; i < BUCKETS; i++) {
        assert_true(low[i] < 35); /* 9.8 expected; a Poisson count reaches 35 with a chance below 1e-9 */
        assert_true(high[i] < 35);
    }
}

static void a_flow_id_depends_on_masked_key_and_mask_and_nothing_else(void **state)
{
    struct flow_key key = tcp_key();
    struct flow_key mask = {.eth_type = be16(0xffff), .ip_dst = {255, 255, 255, 0}};
    struct flow_id id = key_flow_id(&key, &mask);

    key.ip_dst[3] = 77;
    key.l4_dst = be16(443);
    assert_true(flow_id_equal(id, key_flow_id(&key, &mask)));
    key.ip_dst[2] = 77;
    assert_false(flow_id_equal(id, key_flow_id(&key, &mask)));
    key.ip_dst[2] = 0;
    assert_true(flow_id_equal(id, key_flow_id(&key, &mask)));
    mask.ip_proto = 0;
    mask.ip_dst[3] = 1;
    assert_false(flow_id_equal(id, key_flow_id(&key, &mask)));
}

static void flow_ids_and_flow_hashes_are_these_numbers_in_every_build(void **state)
{
    struct flow_key key = tcp_key();
    struct flow_key all;
    memset(&all, 0xff, sizeof all);
    struct flow_id id = key_flow_id(&key, &all);
    assert_int_equal(id.high, 0xc279b7f1845fbc74ULL);
    assert_int_equal(id.low, 0xf1b1a479fb0881e0ULL);
    assert_int_equal(key_flow_hash(&key), 0xdcfba258);
}

static void the_flow_hash_tells_ports_addresses_and_protocols_apart(void **state)
{
    struct flow_key key = tcp_key();
    uint32_t hash = key_flow_hash(&key);
    struct flow_key other[8] = {key, key, key, key, key, key, key, key};
    other[0].in_port = be32(4);
    other[1].vlan_tci = be16(0x1005);
    other[2].ip_src[3] = 9;
    other[3].ip_dst[0] = 11;
    other[4].ip_proto = 17;
    other[5].l4_src = be16(40001);
    other[6].l4_dst = be16(81);
    other[7].ip_src[15] = 1;
    for (size_t i = 0; i < 8; i++) {
        assert_int_not_equal(hash, key_flow_hash(&other[i]));
    }
}

static void the_flow_hash_is_coarser_than_the_key(void **state)
{
    struct flow_key key = tcp_key();
    struct flow_key other = key;
    other.ip_ttl = 1;
    other.ip_tos = 4;
    other.tcp_flags = be16(2);
    other.eth_src[5] = 9;
    other.eth_dst[5] = 9;
    other.vlan_tci = be16(0xe000);
    other.dp_hash = be32(1);
    other.recirc_id = be32(1);
    assert_int_equal(key_flow_hash(&key), key_flow_hash(&other));
}

static void the_two_directions_have_different_flow_hashes(void **state)
{
    struct flow_key key = tcp_key();
    struct flow_key back = key;
    memcpy(back.ip_src, key.ip_dst, sizeof key.ip_src);
    memcpy(back.ip_dst, key.ip_src, sizeof key.ip_src);
    back.l4_src = key.l4_dst;
    back.l4_dst = key.l4_src;
    assert_int_not_equal(key_flow_hash(&key), key_flow_hash(&back));
}

static void all_fragments_of_a_packet_share_a_flow_hash(void **state)
{
    struct flow_key first = tcp_key();
    struct flow_key later = first;
    first.ip_frag = KEY_FRAG_ANY;
    later.ip_frag = KEY_FRAG_ANY | KEY_FRAG_LATER;
    later.l4_src = be16(0);
    later.l4_dst = be16(0);
    assert_int_equal(key_flow_hash(&first), key_flow_hash(&later));
    first.eth_type = be16(0x86dd);
    later.eth_type = be16(0x86dd);
    later.ip_proto = 44;
    assert_int_equal(key_flow_hash(&first), key_flow_hash(&later));
}

static void packets_without_an_ip_header_are_told_apart_by_their_addresses_and_labels(void **state)
{
    struct flow_key key = {.in_port = be32(1), .eth_type = be16(0x8847), .mpls = {be32(0x1000)}};
    struct flow_key other[3] = {key, key, key};
    other[0].eth_src[0] = 2;
    other[1].eth_dst[5] = 2;
    other[2].mpls[0] = be32(0x2000);
    for (size_t i = 0; i < 3; i++) {
        assert_int_not_equal(key_flow_hash(&key), key_flow_hash(&other[i]));
    }
    key.eth_type = be16(0x0806);
    other[0].eth_type = be16(0x0806);
    assert_int_not_equal(key_flow_hash(&key), key_flow_hash(&other[0]));
}

static void flow_hash_buckets_are_evenly_used(void **state)
{
    unsigned buckets[256] = {0};
    struct flow_key key = tcp_key();
    for (unsigned i = 0; i < 25600; i++) {
        key.l4_src = be16((uint16_t)i);
        buckets[key_flow_hash(&key) & 0xff]++;
    }
    for (unsigned i = 0; i < 256; i++) {
        assert_in_range(buckets[i], 40, 170); /* 100 expected, six standard deviations */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_is_seen_under_a_mask_exactly_when_the_mask_has_it),
        cmocka_unit_test(masking_keeps_what_the_mask_has_and_may_be_done_in_place),
        cmocka_unit_test(a_mask_covers_its_parts_and_nothing_else),
        cmocka_unit_test(states_compare_and_collect_masks_in_the_registers_too),
        cmocka_unit_test(key_hash_spreads_ten_thousand_flows_over_their_buckets),
        cmocka_unit_test(a_flow_id_depends_on_masked_key_and_mask_and_nothing_else),
        cmocka_unit_test(flow_ids_and_flow_hashes_are_these_numbers_in_every_build),
        cmocka_unit_test(the_flow_hash_tells_ports_addresses_and_protocols_apart),
        cmocka_unit_test(the_flow_hash_is_coarser_than_the_key),
        cmocka_unit_test(the_two_directions_have_different_flow_hashes),
        cmocka_unit_test(all_fragments_of_a_packet_share_a_flow_hash),
        cmocka_unit_test(packets_without_an_ip_header_are_told_apart_by_their_addresses_and_labels),
        cmocka_unit_test(flow_hash_buckets_are_evenly_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
