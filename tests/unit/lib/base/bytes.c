/* Tests of lib/base/bytes.c: the reader never leaves its input, the writer's bytes read back as what was written.
 *
 * The random test compares the reader with plain arithmetic on the offset and prints its seed (BUSBAR_SEED sets it).
 */
#include "lib/base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"

static void numbers_read_in_network_order(void **state)
{
    const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f};
    struct reader r = reader_of(bytes, sizeof bytes);
    assert_int_equal(reader_u8(&r), 0x01);
    assert_int_equal(reader_u16(&r), 0x0203);
    assert_int_equal(reader_u32(&r), 0x04050607);
    assert_true(reader_u64(&r) == 0x08090a0b0c0d0e0full);
    assert_int_equal(reader_finish(&r), 0);
}

static void reading_past_the_end_fails_for_good_and_gives_zeroes(void **state)
{
    const uint8_t bytes[] = {0xff, 0xff, 0xff};
    struct reader r = reader_of(bytes, sizeof bytes);
    uint8_t out[4] = {1, 2, 3, 4};
    reader_copy(&r, out, sizeof out);
    assert_memory_equal(out, "\0\0\0\0", 4);
    assert_int_equal(reader_u8(&r), 0);
    assert_null(reader_bytes(&r, 1));
    assert_int_equal(reader_finish(&r), -ERROR_TRUNCATED);
}

static void left_over_bytes_are_an_error(void **state)
{
    struct reader r = reader_of("ab", 2);
    reader_skip(&r, 1);
    assert_int_equal(reader_finish(&r), -ERROR_TRAILING);
}

static void empty_and_null_inputs_are_empty(void **state)
{
    struct reader r = reader_of(NULL, 10);
    assert_int_equal(reader_left(&r), 0);
    assert_int_equal(reader_finish(&r), 0);
    assert_int_equal(reader_u8(&r), 0);
    assert_int_equal(reader_finish(&r), -ERROR_TRUNCATED);
}

static void sub_reader_ends_where_it_should(void **state)
{
    struct reader r = reader_of("abcdef", 6);
    struct reader sub = reader_sub(&r, 4);
    assert_int_equal(reader_left(&sub), 4);
    reader_skip(&sub, 5);
    assert_int_equal(reader_finish(&sub), -ERROR_TRUNCATED);
    assert_int_equal(reader_u8(&r), 'e');
    struct reader too_long = reader_sub(&r, 2);
    assert_int_equal(reader_finish(&too_long), -ERROR_TRUNCATED);
    assert_int_equal(reader_finish(&r), -ERROR_TRUNCATED);
}

static void huge_sizes_do_not_wrap(void **state)
{
    struct reader r = reader_of("abcdef", 6);
    assert_null(reader_bytes(&r, SIZE_MAX));
    assert_int_equal(reader_finish(&r), -ERROR_TRUNCATED);
}

static void written_bytes_read_back(void **state)
{
    struct writer w;
    writer_init(&w);
    writer_u8(&w, 7);
    size_t length_at = w.size;
    writer_u16(&w, 0);
    writer_u32(&w, 0xdeadbeef);
    writer_u64(&w, 0x0123456789abcdefull);
    writer_pad(&w, 3);
    writer_bytes(&w, "xyz", 3);
    writer_bytes(&w, NULL, 0);
    writer_patch_u16(&w, length_at, (uint16_t)w.size);

    struct reader r = reader_of(w.bytes, w.size);
    assert_int_equal(reader_u8(&r), 7);
    assert_int_equal(reader_u16(&r), 21);
    assert_int_equal(reader_u32(&r), 0xdeadbeef);
    assert_true(reader_u64(&r) == 0x0123456789abcdefull);
    assert_memory_equal(reader_bytes(&r, 6), "\0\0\0xyz", 6);
    assert_int_equal(reader_finish(&r), 0);
    writer_clear(&w);
    assert_int_equal(w.size, 0);
    writer_fini(&w);
    writer_fini(&w);
}

static void writer_grows_and_zeroes_what_it_extends(void **state)
{
    struct writer w;
    writer_init(&w);
    for (int i = 0; i < 1000; i++) {
        memset(writer_extend(&w, 7), 0xff, 7);
    }
    writer_clear(&w);
    uint8_t *again = writer_extend(&w, 7000);
    for (size_t i = 0; i < 7000; i++) {
        assert_int_equal(again[i], 0);
    }
    writer_fini(&w);
}

static void random_reads_agree_with_plain_offsets(void **state)
{
    const char *given = getenv("BUSBAR_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : random_start_number();
    print_message("seed %llu\n", (unsigned long long)seed);
    struct random chance;
    random_seed(&chance, seed);
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[64];
        size_t size = random_below(&chance, sizeof bytes + 1), offset = 0;
        bool failed = false;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)random_u64(&chance);
        }
        struct reader r = reader_of(bytes, size);
        for (int step = 0; step < 20; step++) {
            size_t want = random_below(&chance, 12);
            const uint8_t *got = reader_bytes(&r, want);
            failed = failed || offset + want > size;
            assert_ptr_equal(got, failed ? NULL : bytes + offset);
            offset += failed ? 0 : want;
        }
        assert_int_equal(reader_finish(&r), failed ? -ERROR_TRUNCATED : offset < size ? -ERROR_TRAILING : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_in_network_order),
        cmocka_unit_test(reading_past_the_end_fails_for_good_and_gives_zeroes),
        cmocka_unit_test(left_over_bytes_are_an_error),
        cmocka_unit_test(empty_and_null_inputs_are_empty),
        cmocka_unit_test(sub_reader_ends_where_it_should),
        cmocka_unit_test(huge_sizes_do_not_wrap),
        cmocka_unit_test(written_bytes_read_back),
        cmocka_unit_test(writer_grows_and_zeroes_what_it_extends),
        cmocka_unit_test(random_reads_agree_with_plain_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
