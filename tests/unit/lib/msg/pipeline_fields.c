/* Metadata, tunnel and registers go through bytes and come back; bytes that are none of ours are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/base/random.h"
#include "lib/msg/pipeline_fields.h"

static void everything_at_once_fits_and_comes_back(void **state)
{
    (void)state;
    struct flow_state full;
    struct match match;
    uint8_t bytes[DP_PIPELINE_MAX];

    memset(&full, 0xff, sizeof full);
    full.reg[3] = be32(0x01020304);
    full.metadata = be64(0x1122334455667788);
    size_t size = pipeline_fields_write(&full, bytes);
    assert_int_equal(size, 152);
    match_init(&match);
    assert_int_equal(pipeline_fields_read(bytes, size, &match), 0);
    assert_memory_equal(match.value.reg, full.reg, sizeof full.reg);
    assert_true(match.value.metadata.raw == full.metadata.raw && match.value.tunnel_id.raw == full.tunnel_id.raw);
    assert_int_equal(match.mask.actset_output.raw, 0); /* of the way, but not a controller's matter */
    assert_int_equal(match.mask.key.in_port.raw, 0);
}

static void what_is_zero_is_not_said(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {0, 1, 7 << 1, 4, 0, 0, 0, 9};
    struct flow_state one = {.reg[7] = be32(9)};
    uint8_t bytes[DP_PIPELINE_MAX];

    assert_int_equal(pipeline_fields_write(&one, bytes), sizeof wanted);
    assert_memory_equal(bytes, wanted, sizeof wanted);
    one.reg[7] = be32(0);
    assert_int_equal(pipeline_fields_write(&one, bytes), 0);
}

static void what_stands_behind_the_fields_is_found(void **state)
{
    (void)state;
    struct flow_state one = {.reg[7] = be32(9), .metadata = be64(3)};
    uint8_t bytes[DP_PIPELINE_MAX];
    const uint8_t *rest;
    size_t rest_size, size = pipeline_fields_write(&one, bytes);

    assert_int_equal(pipeline_fields_split(bytes, size, &rest, &rest_size), size);
    assert_int_equal(rest_size, 0);
    memcpy(pipeline_fields_begin_rest(bytes, size), "abc", 3);
    assert_int_equal(pipeline_fields_split(bytes, size + PIPELINE_REST_HEAD + 3, &rest, &rest_size), size);
    assert_int_equal(rest_size, 3);
    assert_memory_equal(rest, "abc", 3);
}

static void foreign_bytes_are_refused(void **state)
{
    (void)state;
    static const uint8_t refused[][8] = {
        {0, 1, 7 << 1 | 1, 4, 0, 0, 0, 9}, /* with a mask */
        {0, 1, 7 << 1, 2, 0, 0, 0, 9},     /* of another size */
        {0x80, 0, 0, 4, 0, 0, 0, 9},       /* in_port */
        {0x77, 1, 7 << 1, 4, 0, 0, 0, 9},  /* nobody's */
    };
    static const uint8_t good[8] = {0, 1, 7 << 1, 4, 0, 0, 0, 9};
    struct match match;

    match_init(&match);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(pipeline_fields_read(refused[i], 8, &match), -ERROR_RANGE);
    }
    for (size_t size = 1; size < 8; size++) {
        assert_int_equal(pipeline_fields_read(good, size, &match), -ERROR_RANGE);
    }
    assert_int_equal(match.mask.reg[7].raw, 0);
    assert_int_equal(pipeline_fields_read(good, 8, &match), 0);
    assert_int_equal(pipeline_fields_read(NULL, 0, &match), 0);
}

static void random_bytes_are_read_within_their_bounds(void **state)
{
    (void)state;
    struct random random;
    struct match match;

    random_seed(&random, 7);
    for (int i = 0; i < 20000; i++) {
        size_t size = random_below(&random, DP_PIPELINE_MAX);
        uint8_t *bytes = malloc(size + 1); /* of exactly this size, for the sanitizer */
        bytes = realloc(bytes, size > 0 ? size : 1);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = random_below(&random, 3) == 0 ? (uint8_t)random_u64(&random) : (uint8_t)(k % 4 == 3 ? 4 : k % 2);
        }
        match_init(&match);
        (void)!pipeline_fields_read(bytes, size, &match);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_at_once_fits_and_comes_back),
        cmocka_unit_test(what_is_zero_is_not_said),
        cmocka_unit_test(what_stands_behind_the_fields_is_found),
        cmocka_unit_test(foreign_bytes_are_refused),
        cmocka_unit_test(random_bytes_are_read_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
