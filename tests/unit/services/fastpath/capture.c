/* Captures are read whole or refused. Unit test, one thread; files below /tmp.
 * What may never happen: a damaged file is played in part, crashes the reader or is not named in the refusal.
 * The random part prints its seed. */
#include "tests/unit/services/fastpath/captures.h"

#include <errno.h>

#include "lib/base/random.h"
#include "services/fastpath/capture.h"

static const char *const names[] = {"a", "b"};
enum { N_NAMES = sizeof names / sizeof names[0] };

static void frames_lie_one_behind_the_other(void **state)
{
    struct captures c;
    struct capture capture = {0};
    captures_begin(&c);
    char *path = captures_path(&c, "a");
    FILE *file = captures_new(path, CAPTURE_LINK_ETHERNET);
    captures_add_mark(file, 5000000100, 1, 60);
    captures_add_mark(file, 5000000350, 2, 9000);
    captures_add_mark(file, 5000000300, 3, 0);
    captures_add(file, 6000000100, "cut short", 9, 1500);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(capture_read(path, true, &capture, NULL), 0);
    assert_int_equal(capture.n_spans, 4);
    assert_int_equal(capture.spans[1].offset, 60);
    assert_int_equal(capture.spans[1].size, 9000);
    assert_int_equal(capture.spans[2].size, 0);
    assert_int_equal(capture.spans[3].size, 9);
    assert_memory_equal(capture.bytes + capture.spans[3].offset, "cut short", 9);
    assert_int_equal(capture.bytes[0], 1);
    assert_int_equal(capture.bytes[60 + 8999], 2);
    assert_int_equal(capture.times_ns[1], 250);
    assert_int_equal(capture.times_ns[2], 250); /* stamped earlier than the one before */
    assert_int_equal(capture.times_ns[3], 1000000000);
    capture_fini(&capture);
    assert_int_equal(capture_read(path, false, &capture, NULL), 0);
    assert_null(capture.times_ns);
    capture_fini(&capture);
    free(path);
    captures_end(&c, names, N_NAMES);
}

static void pcapng_is_read_too(void **state)
{
    static const uint32_t words[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28, /* section */
                                     1, 20, CAPTURE_LINK_ETHERNET, 65535, 20,                    /* interface */
                                     6, 48, 0, 0, 7000000, 16, 16, 0x01010101, 2, 3, 4, 48};     /* a frame at 7 s */
    struct captures c;
    struct capture capture = {0};
    captures_begin(&c);
    char *path = captures_path(&c, "a");
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(words, sizeof words, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(capture_read(path, true, &capture, NULL), 0);
    assert_int_equal(capture.n_spans, 1);
    assert_int_equal(capture.spans[0].size, 16);
    assert_memory_equal(capture.bytes, &words[19], 16);
    capture_fini(&capture);
    free(path);
    captures_end(&c, names, N_NAMES);
}

static void refused(const char *path, int wanted, const char *why)
{
    struct capture capture = {0};
    struct error_detail detail = {""};
    assert_int_equal(capture_read(path, true, &capture, &detail), wanted);
    assert_non_null(strstr(detail.text, path));
    assert_non_null(strstr(detail.text, why));
    assert_null(capture.bytes);
}

static void what_is_no_capture_of_ethernet_frames_is_refused(void **state)
{
    struct captures c;
    captures_begin(&c);
    char *path = captures_path(&c, "a"), *fifo = captures_path(&c, "b");
    refused(path, -ENOENT, "No such file");
    refused(c.path, -ERROR_DAMAGED, "no regular file");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    refused(fifo, -ERROR_DAMAGED, "no regular file");
    FILE *file = captures_new(path, CAPTURE_LINK_RAW);
    assert_int_equal(fclose(file), 0);
    refused(path, -ERROR_DAMAGED, "RAW, not of Ethernet frames");
    file = fopen(path, "wb");
    assert_int_equal(fputs("this is no capture, but long enough to be one", file) < 0, 0);
    assert_int_equal(fclose(file), 0);
    refused(path, -ERROR_DAMAGED, "unknown file format");
    assert_int_equal(truncate(path, 0), 0);
    refused(path, -ERROR_DAMAGED, "");
    assert_int_equal(truncate(path, (1 << 30) + 1), 0); /* takes no room */
    refused(path, -ERROR_TOO_LARGE, "1 GiB");
    free(path);
    free(fifo);
    captures_end(&c, names, N_NAMES);
}

static void capture_cut_at_any_byte_is_read_up_to_a_frame_or_refused(void **state)
{
    struct captures c;
    captures_begin(&c);
    char *path = captures_path(&c, "a");
    FILE *file = captures_new(path, CAPTURE_LINK_ETHERNET);
    captures_add_mark(file, 1, 1, 60);
    captures_add_mark(file, 2, 2, 40);
    assert_int_equal(fclose(file), 0);
    for (int size = 24 + 16 + 60 + 16 + 40; size > 0; size--) {
        struct capture capture = {0};
        assert_int_equal(truncate(path, size), 0);
        int err = capture_read(path, false, &capture, NULL);
        size_t n_whole = size == 24 ? 0 : size == 100 ? 1 : 2;
        if (size == 24 || size == 100 || size == 156) {
            assert_int_equal(err, 0);
            assert_int_equal(capture.n_spans, n_whole);
            capture_fini(&capture);
        } else {
            assert_int_equal(err, -ERROR_DAMAGED);
        }
    }
    free(path);
    captures_end(&c, names, N_NAMES);
}

static void damaged_bytes_never_reach_beyond_their_array(void **state)
{
    struct captures c;
    struct random random;
    random_seed(&random, 21);
    print_message("seed 21\n");
    captures_begin(&c);
    char *path = captures_path(&c, "a");
    for (int round = 0; round < 3000; round++) {
        struct capture capture = {0};
        FILE *file = captures_new(path, CAPTURE_LINK_ETHERNET);
        for (uint8_t i = 0; i < 4; i++) {
            captures_add_mark(file, i, i, 20);
        }
        for (int i = 0; i < 3; i++) {
            assert_int_equal(fseek(file, 24 + (long)random_below(&random, 144), SEEK_SET), 0);
            assert_int_not_equal(fputc((int)random_below(&random, 256), file), EOF);
        }
        assert_int_equal(fclose(file), 0);
        if (capture_read(path, true, &capture, NULL) == 0) {
            for (size_t i = 0; i < capture.n_spans; i++) {
                assert_true((size_t)capture.spans[i].offset + capture.spans[i].size + CAPTURE_SLACK_BYTES <= capture.mapped_bytes);
                assert_true(i == 0 || capture.times_ns[i] >= capture.times_ns[i - 1]);
            }
        }
        capture_fini(&capture);
    }
    free(path);
    captures_end(&c, names, N_NAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_lie_one_behind_the_other),
        cmocka_unit_test(pcapng_is_read_too),
        cmocka_unit_test(what_is_no_capture_of_ethernet_frames_is_refused),
        cmocka_unit_test(capture_cut_at_any_byte_is_read_up_to_a_frame_or_refused),
        cmocka_unit_test(damaged_bytes_never_reach_beyond_their_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
