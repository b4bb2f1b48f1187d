/* Tests of lib/bus/zmtp.c: what we say is what we read, byte by byte, and foreign bytes end in a result. */
#include "lib/bus/zmtp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/random.h"

static void a_greeting_is_known_at_its_last_byte(void **state)
{
    uint8_t bytes[ZMTP_GREETING_BYTES];
    zmtp_greeting(bytes);
    assert_memory_equal(bytes, "\xff\0\0\0\0\0\0\0\0\x7f\3\0NULL\0", 17);
    for (size_t size = 0; size < sizeof bytes; size++) {
        assert_int_equal(zmtp_check_greeting(bytes, size), -EAGAIN);
    }
    assert_int_equal(zmtp_check_greeting(bytes, sizeof bytes), 0);
    bytes[11] = 1; /* libzmq says 3.1 */
    assert_int_equal(zmtp_check_greeting(bytes, sizeof bytes), 0);
}

static void older_protocols_and_other_mechanisms_are_refused(void **state)
{
    const struct {
        size_t at;
        uint8_t value;
    } rows[] = {{0, 'G'}, {9, 0}, {10, 2}, {12, 'C'}, {16, 'X'}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[ZMTP_GREETING_BYTES];
        zmtp_greeting(bytes);
        bytes[rows[i].at] = rows[i].value;
        assert_int_equal(zmtp_check_greeting(bytes, sizeof bytes), -ERROR_SYNTAX);
    }
}

static void ready_names_type_and_identity(void **state)
{
    uint8_t bytes[ZMTP_READY_MAX];
    const uint8_t *identity;
    size_t identity_size;
    struct zmtp_frame frame;
    size_t size = zmtp_ready("DEALER", "abc", 3, bytes);
    assert_int_equal(zmtp_read_head(bytes, size, &frame), 0);
    assert_true(frame.flags == ZMTP_COMMAND && frame.head_size == 2 && frame.size == size - 2);
    assert_int_equal(zmtp_read_ready(bytes + 2, size - 2, "DEALER", &identity, &identity_size), 0);
    assert_int_equal(identity_size, 3);
    assert_memory_equal(identity, "abc", 3);
    assert_int_equal(zmtp_read_ready(bytes + 2, size - 2, "ROUTER", &identity, &identity_size), -ERROR_SYNTAX);
    for (size_t cut = 0; cut < size - 2; cut++) {
        int err = zmtp_read_ready(bytes + 2, cut, "DEALER", &identity, &identity_size);
        assert_true(err == -ERROR_SYNTAX || identity_size == 0); /* whole properties, the last ones missing */
    }
}

static void heads_are_read_as_they_were_written(void **state)
{
    const size_t sizes[] = {0, 1, 255, 256, 65536, (size_t)1 << 40};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t bytes[ZMTP_HEAD_MAX];
        struct zmtp_frame frame;
        size_t size = zmtp_head(ZMTP_MORE, sizes[i], bytes);
        assert_int_equal(size, sizes[i] < 256 ? 2 : 9);
        for (size_t cut = 0; cut < size; cut++) {
            assert_int_equal(zmtp_read_head(bytes, cut, &frame), -EAGAIN);
        }
        assert_int_equal(zmtp_read_head(bytes, size, &frame), 0);
        assert_true(frame.size == sizes[i] && frame.head_size == size && (frame.flags & ZMTP_MORE) != 0);
    }
}

static void unknown_flags_are_refused(void **state)
{
    struct zmtp_frame frame;
    for (unsigned flags = 0; flags < 256; flags++) {
        const uint8_t bytes[ZMTP_HEAD_MAX] = {(uint8_t)flags};
        bool is_good = flags < 8 && (flags & 5) != 5;
        assert_int_equal(zmtp_read_head(bytes, sizeof bytes, &frame), is_good ? 0 : -ERROR_SYNTAX);
    }
}

static void random_bytes_are_no_ready(void **state)
{
    struct random r;
    uint64_t seed = 7;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[ZMTP_READY_MAX];
        const uint8_t *identity;
        size_t identity_size, size = zmtp_ready("DEALER", "abcdefghijklm", 13, bytes);
        for (uint64_t k = random_below(&r, 4); k > 0; k--) {
            bytes[2 + random_below(&r, size - 2)] = (uint8_t)random_u64(&r);
        }
        if (zmtp_read_ready(bytes + 2, size - 2, "DEALER", &identity, &identity_size) == 0) {
            assert_true(identity >= bytes + 2 && identity + identity_size <= bytes + size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_greeting_is_known_at_its_last_byte),
        cmocka_unit_test(older_protocols_and_other_mechanisms_are_refused),
        cmocka_unit_test(ready_names_type_and_identity),
        cmocka_unit_test(heads_are_read_as_they_were_written),
        cmocka_unit_test(unknown_flags_are_refused),
        cmocka_unit_test(random_bytes_are_no_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
