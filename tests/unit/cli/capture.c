/* Packets of capture files: the one asked for, and every way a file can be wrong. */
#include "cli/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static void put(FILE *file, const void *bytes, size_t size)
{
    assert_int_equal(fwrite(bytes, 1, size, file), size);
}

/* A capture of this link type with two packets of 14 and 15 bytes; the last `cut` bytes are missing. */
static void write_capture(uint32_t link_type, size_t cut)
{
    const uint32_t head[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, link_type};
    const uint32_t first[4] = {0, 0, 14, 14}, second[4] = {0, 0, 15, 60};
    uint8_t bytes[15] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0x77};
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    put(file, head, sizeof head);
    put(file, first, sizeof first);
    put(file, bytes, 14);
    bytes[11] = 2;
    put(file, second, sizeof second);
    put(file, bytes, sizeof bytes - cut);
    fclose(file);
}

static void packets_are_counted_from_one(void **state)
{
    (void)state;
    char *hex = NULL;
    struct error_detail detail = {""};
    write_capture(1, 0);
    assert_int_equal(capture_read(path, 1, &hex, &detail), 0);
    assert_string_equal(hex, "ffffffffffff0200000000010806");
    free(hex);
    assert_int_equal(capture_read(path, 2, &hex, &detail), 0);
    assert_string_equal(hex, "ffffffffffff020000000002080677");
    free(hex);
    assert_int_equal(capture_read(path, 3, &hex, &detail), -ERROR_NOT_FOUND);
    assert_non_null(strstr(detail.text, "2 packets"));
    assert_int_equal(capture_read(path, 0, &hex, &detail), -ERROR_RANGE);
}

static void what_is_no_capture_is_refused_with_the_reason(void **state)
{
    (void)state;
    char *hex = NULL;
    struct error_detail detail = {""};
    assert_int_equal(capture_read("/nonexistent/a.pcap", 1, &hex, &detail), -ERROR_NOT_FOUND);
    write_capture(101, 0); /* raw IP */
    assert_int_equal(capture_read(path, 1, &hex, &detail), -ERROR_SYNTAX);
    write_capture(1, 5);
    assert_int_equal(capture_read(path, 2, &hex, &detail), -ERROR_TRUNCATED);
    FILE *file = fopen(path, "wb");
    put(file, "no capture at all, but text", 27);
    fclose(file);
    assert_int_equal(capture_read(path, 1, &hex, &detail), -ERROR_SYNTAX);
    assert_null(hex);
}

int main(void)
{
    (void)snprintf(path, sizeof path, "/tmp/busbar_capture_%d", (int)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_counted_from_one),
        cmocka_unit_test(what_is_no_capture_is_refused_with_the_reason),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return failed;
}
