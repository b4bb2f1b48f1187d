/* Checksums against known values and the definition. Unit test, one thread; prints its seed.
 * What may never happen: a complete checksum is touched, or an open one stays open.
 * Sums are compared with a two-bytes-at-a-time loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "lib/dp/checksum.h"
#include "tests/oracle/packets.h"

enum { SEED = 7 };

static void sum_is_that_of_rfc1071(void **state)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    assert_int_equal(__builtin_bswap16(checksum_sum(bytes, 8, 0)), 0xddf2);
    assert_int_equal(checksum_sum(bytes, 0, 0x1234), 0x1234);
    assert_int_equal(checksum_sum(bytes, 1, 0), 0x00);
}

static void crc32c_has_the_check_value(void **state)
{
    assert_int_equal(checksum_crc32c("123456789", 9), 0xe3069283);
}

static void update_equals_summing_again(void **state)
{
    struct random random;
    random_seed(&random, SEED);
    print_message("seed %d\n", SEED);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[64], before[64];
        for (size_t k = 0; k < sizeof bytes; k++) {
            bytes[k] = (uint8_t)random_u64(&random);
        }
        uint16_t checksum = (uint16_t)~checksum_sum(bytes, sizeof bytes, 0);
        size_t at = 2 * random_below(&random, 20), size = 2 + 2 * random_below(&random, 8);
        memcpy(before, bytes, sizeof bytes);
        for (size_t k = at; k < at + size; k++) {
            bytes[k] = (uint8_t)random_u64(&random);
        }
        assert_int_equal(checksum_update(checksum, before + at, bytes + at, size), (uint16_t)~checksum_sum(bytes, sizeof bytes, 0));
    }
}

static uint8_t *l4_field(uint8_t *frame, const struct flow_key *key, const struct parse_result *at)
{
    return frame + at->l4_offset + (key->ip_proto == 6 ? 16 : key->ip_proto == 17 ? 6 : 8);
}

/* What a sender leaves to its hardware: the pseudo-header's sum, not inverted. */
static uint16_t open_checksum(const uint8_t *frame, const struct flow_key *key, const struct parse_result *at)
{
    struct be16 tail[2] = {be16((uint16_t)(at->l3_end - at->l4_offset)), be16(key->ip_proto)};
    bool is_ipv4 = host16(key->eth_type) == 0x0800;
    return checksum_sum(frame + at->l3_offset + (is_ipv4 ? 12 : 8), is_ipv4 ? 8 : 32, checksum_sum(tail, 4, 0));
}

static void open_checksums_are_completed_and_others_left(void **state)
{
    struct random random;
    size_t n_completed = 0, n_left = 0;
    random_seed(&random, SEED);
    for (int i = 0; i < 20000; i++) {
        uint8_t frame[1600], complete[1600];
        size_t size = packets_random(&random, frame);
        struct flow_key key;
        struct parse_result at;
        assert_int_equal(parse_frame(frame, size, 1, &key, &at), 0);
        bool has = at.l4_offset != PARSE_NO_OFFSET && key.ip_frag == 0 && (key.ip_proto == 6 || key.ip_proto == 17 || key.ip_proto == 132);
        memcpy(complete, frame, size);
        if (!checksum_complete(frame, size, &key, &at)) {
            n_left++;
        }
        assert_memory_equal(frame, complete, size);
        if (!has) {
            continue;
        }
        uint8_t *field = l4_field(frame, &key, &at);
        uint16_t left_open = open_checksum(frame, &key, &at);
        if (key.ip_proto == 17 && (field[0] | field[1]) == 0) {
            continue; /* UDP without a checksum: whoever opens it gets one, so it cannot be compared */
        }
        if (key.ip_proto == 132) {
            memset(field, 0, 4);
        } else {
            memcpy(field, &left_open, 2);
        }
        assert_true(checksum_complete(frame, size, &key, &at));
        assert_memory_equal(frame, complete, size);
        n_completed++;
    }
    assert_true(n_completed > 5000 && n_left > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sum_is_that_of_rfc1071),
        cmocka_unit_test(crc32c_has_the_check_value),
        cmocka_unit_test(update_equals_summing_again),
        cmocka_unit_test(open_checksums_are_completed_and_others_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
