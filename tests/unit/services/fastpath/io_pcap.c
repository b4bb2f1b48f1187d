/* Capture ports play what was captured and record what is sent. Unit test, one thread, fake clock; files below /tmp.
 * What may never happen: a frame is changed, left out or played twice; a port that has nothing to say wakes the poll loop; a file that cannot
 * be written ends the process or loses frames uncounted. */
#include "tests/unit/services/fastpath/captures.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include "lib/base/clock.h"
#include "services/fastpath/capture.h"
#include "services/fastpath/io_pcap.h"

static const char *const names[] = {"in", "out"};

struct bench {
    struct captures captures;
    char *in, *out;
    struct umem *umem;
    struct io *io;
    uint64_t now_ns;
    struct io_option options[4];
    size_t n_options;
};

static void begin(struct bench *b)
{
    *b = (struct bench){.now_ns = 1000 * NS_PER_S};
    captures_begin(&b->captures);
    b->in = captures_path(&b->captures, names[0]);
    b->out = captures_path(&b->captures, names[1]);
    assert_int_equal(umem_new(64, 4, &b->umem), 0);
}

static void option(struct bench *b, const char *key, const char *value)
{
    b->options[b->n_options++] = (struct io_option){.key = key, .value = value};
}

static int try_open(struct bench *b, struct error_detail *detail)
{
    struct io_request request = {.kind = IO_PCAP, .name = "p", .port = 1, .options = b->options, .n_options = b->n_options,
                                 .now_ns = &b->now_ns, .wall_base_ns = 500 * NS_PER_S};
    return io_pcap_open(&request, b->umem, &b->io, detail);
}

static void end(struct bench *b)
{
    if (b->io != NULL) {
        b->io->ops->close(b->io);
    }
    assert_true(umem_is_sound(b->umem));
    assert_int_equal(umem_count(b->umem, FRAME_FREE), umem_total(b->umem));
    umem_destroy(&b->umem);
    free(b->in);
    free(b->out);
    captures_end(&b->captures, names, 2);
}

static bool is_readable(const struct bench *b)
{
    struct pollfd polled = {.fd = b->io->ops->fd(b->io, 0), .events = POLLIN};
    return poll(&polled, 1, 0) == 1;
}

/* Receives one burst, adds each frame's first byte to `marks` and frees it. */
static unsigned receive(struct bench *b, uint8_t *marks)
{
    struct io_frame frames[IO_BURST];
    unsigned n = b->io->ops->rx(b->io, frames, IO_BURST);
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *data = b->umem->base + frames[i].frame + frames[i].offset;
        assert_true(frames[i].offset >= UMEM_HEADROOM);
        assert_true(frames[i].offset + frames[i].size <= umem_frame_bytes(b->umem, frames[i].frame));
        for (uint32_t k = 0; k < frames[i].size; k++) {
            assert_int_equal(data[k], data[0]);
        }
        marks[i] = data[0];
        umem_give(b->umem, frames[i].frame, FRAME_WORKER);
    }
    return n;
}

/* A capture of `n` frames marked 1 to n, a millisecond apart, of these sizes in turn. */
static void make_capture(struct bench *b, unsigned n, const uint32_t *sizes, size_t n_sizes)
{
    FILE *file = captures_new(b->in, CAPTURE_LINK_ETHERNET);
    for (unsigned i = 0; i < n; i++) {
        captures_add_mark(file, 7 * NS_PER_S + i * NS_PER_MS, (uint8_t)(i + 1), sizes[i % n_sizes]);
    }
    assert_int_equal(fclose(file), 0);
}

static void what_is_received_and_sent_is_recorded_unchanged(void **state)
{
    static const uint32_t sizes[] = {60, 61, 64, 65, 255, 256, 257, 1500, 1856, 3840, 3841, 9000, UMEM_LARGE_ROOM, 1};
    struct bench b;
    struct io_frame frames[IO_BURST];
    struct capture recorded = {0};
    enum { N = 42 };
    begin(&b);
    make_capture(&b, N, sizes, sizeof sizes / sizeof sizes[0]);
    option(&b, "rx", b.in);
    option(&b, "tx", b.out);
    assert_int_equal(try_open(&b, NULL), 0);
    assert_string_equal(b.io->mode, "pcap");
    for (unsigned n = 0, total = 0; total < N; total += n) {
        n = b.io->ops->rx(b.io, frames, IO_BURST);
        assert_true(n > 0);
        b.now_ns += 3;
        assert_int_equal(b.io->ops->tx(b.io, frames, n), n);
        b.io->ops->flush(b.io);
    }
    assert_int_equal(b.io->ops->rx(b.io, frames, IO_BURST), 0);
    b.io->ops->close(b.io);
    b.io = NULL;
    assert_int_equal(capture_read(b.out, true, &recorded, NULL), 0);
    assert_int_equal(recorded.n_spans, N);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(recorded.spans[i].size, sizes[i % (sizeof sizes / sizeof sizes[0])]);
        for (uint32_t k = 0; k < recorded.spans[i].size; k++) {
            assert_int_equal(recorded.bytes[recorded.spans[i].offset + k], i + 1);
        }
    }
    assert_true(recorded.times_ns[N - 1] >= 3 && recorded.times_ns[N - 1] <= 3 * N);
    capture_fini(&recorded);
    end(&b);
}

static void recorded_frames_bear_the_time_of_day(void **state)
{
    struct bench b;
    struct io_frame frame = {.offset = UMEM_HEADROOM, .size = 60};
    uint32_t stamp[2];
    begin(&b);
    option(&b, "tx", b.out);
    assert_int_equal(try_open(&b, NULL), 0);
    assert_int_equal(b.io->ops->fd(b.io, 0), -1);
    frame.frame = umem_take(b.umem, 60, FRAME_WORKER);
    b.now_ns += 77;
    assert_int_equal(b.io->ops->tx(b.io, &frame, 1), 1);
    b.io->ops->close(b.io);
    b.io = NULL;
    FILE *file = fopen(b.out, "rb");
    assert_int_equal(fseek(file, 24, SEEK_SET), 0);
    assert_int_equal(fread(stamp, sizeof stamp, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(stamp[0], 1500);
    assert_int_equal(stamp[1], 77);
    end(&b);
}

static void exhausted_capture_is_silent(void **state)
{
    struct bench b;
    uint8_t marks[IO_BURST];
    begin(&b);
    make_capture(&b, 40, (const uint32_t[]){60}, 1);
    option(&b, "rx", b.in);
    assert_int_equal(try_open(&b, NULL), 0);
    assert_true(is_readable(&b));
    assert_int_equal(receive(&b, marks), 32);
    assert_true(is_readable(&b));
    assert_int_equal(receive(&b, marks), 8);
    assert_int_equal(marks[7], 40);
    assert_int_equal(receive(&b, marks), 0);
    assert_false(is_readable(&b));
    assert_int_equal(receive(&b, marks), 0);
    end(&b);
}

static void capture_without_frames_is_silent(void **state)
{
    struct bench b;
    uint8_t marks[IO_BURST];
    begin(&b);
    make_capture(&b, 0, (const uint32_t[]){60}, 1);
    option(&b, "rx", b.in);
    option(&b, "repeat", "true");
    assert_int_equal(try_open(&b, NULL), 0);
    assert_int_equal(receive(&b, marks), 0);
    assert_false(is_readable(&b));
    end(&b);
}

static void repeated_capture_goes_on_in_order(void **state)
{
    struct bench b;
    uint8_t marks[IO_BURST];
    unsigned expected = 0;
    begin(&b);
    make_capture(&b, 7, (const uint32_t[]){60, 9000, 60}, 3);
    option(&b, "rx", b.in);
    option(&b, "repeat", "true");
    assert_int_equal(try_open(&b, NULL), 0);
    for (int round = 0; round < 1000; round++) {
        unsigned n = receive(&b, marks);
        assert_true(n > 4);
        for (unsigned i = 0; i < n; i++) {
            assert_int_equal(marks[i], expected % 7 + 1);
            expected++;
        }
        assert_true(is_readable(&b));
    }
    end(&b);
}

static void few_frames_that_repeat_fill_whole_bursts(void **state)
{
    struct bench b;
    uint8_t marks[IO_BURST];
    begin(&b);
    make_capture(&b, 1, (const uint32_t[]){60}, 1);
    option(&b, "rx", b.in);
    option(&b, "repeat", "true");
    assert_int_equal(try_open(&b, NULL), 0);
    for (int round = 0; round < 100; round++) {
        assert_int_equal(receive(&b, marks), IO_BURST);
    }
    end(&b);
}

static void held_port_keeps_its_first_frame(void **state)
{
    struct bench b;
    uint8_t marks[IO_BURST];
    begin(&b);
    make_capture(&b, 3, (const uint32_t[]){60}, 1);
    option(&b, "rx", b.in);
    assert_int_equal(try_open(&b, NULL), 0);
    b.io->is_held = true;
    assert_int_equal(receive(&b, marks), 0);
    assert_false(is_readable(&b));
    b.io->is_held = false;
    assert_int_equal(receive(&b, marks), 3);
    assert_int_equal(marks[0], 1);
    end(&b);
}

static void frames_come_at_their_recorded_times(void **state)
{
    struct bench b;
    uint8_t marks[IO_BURST];
    begin(&b);
    make_capture(&b, 5, (const uint32_t[]){60, 5000}, 2);
    option(&b, "rx", b.in);
    option(&b, "pace", "recorded");
    option(&b, "repeat", "true");
    assert_int_equal(try_open(&b, NULL), 0);
    assert_int_equal(receive(&b, marks), 1);
    assert_int_equal(receive(&b, marks), 0);
    b.now_ns += NS_PER_MS - 1;
    assert_int_equal(receive(&b, marks), 0);
    b.now_ns += 1;
    assert_int_equal(receive(&b, marks), 1);
    assert_int_equal(marks[0], 2);
    b.now_ns += 2 * NS_PER_MS;
    assert_int_equal(receive(&b, marks), 2);
    assert_int_equal(marks[1], 4);
    b.now_ns += NS_PER_MS;
    assert_int_equal(receive(&b, marks), 2); /* the last of this round is the moment of the first of the next */
    assert_int_equal(marks[0], 5);
    assert_int_equal(marks[1], 1);
    assert_int_equal(receive(&b, marks), 0);
    b.now_ns += NS_PER_MS;
    assert_int_equal(receive(&b, marks), 1);
    assert_int_equal(marks[0], 2);
    end(&b);
}

static void timer_goes_off_when_the_next_frame_is_due(void **state)
{
    struct bench b;
    uint8_t marks[IO_BURST];
    begin(&b);
    b.now_ns = clock_now_ns(); /* the kernel's timers know no other clock */
    FILE *file = captures_new(b.in, CAPTURE_LINK_ETHERNET);
    captures_add_mark(file, 0, 1, 60);
    captures_add_mark(file, 1000 * NS_PER_S, 2, 60);
    assert_int_equal(fclose(file), 0);
    option(&b, "rx", b.in);
    option(&b, "pace", "recorded");
    assert_int_equal(try_open(&b, NULL), 0);
    struct pollfd polled = {.fd = b.io->ops->fd(b.io, 0), .events = POLLIN};
    assert_int_equal(poll(&polled, 1, 10000), 1);
    assert_int_equal(receive(&b, marks), 1);
    assert_int_equal(receive(&b, marks), 0);
    assert_false(is_readable(&b));
    b.now_ns += 1000 * NS_PER_S;
    assert_int_equal(receive(&b, marks), 1);
    assert_int_equal(receive(&b, marks), 0);
    assert_false(is_readable(&b));
    end(&b);
}

static void too_long_frames_are_counted_and_left_out(void **state)
{
    struct bench b;
    uint8_t marks[IO_BURST];
    struct io_stats stats;
    begin(&b);
    make_capture(&b, 3, (const uint32_t[]){60, UMEM_LARGE_ROOM + 1, 70}, 3);
    option(&b, "rx", b.in);
    assert_int_equal(try_open(&b, NULL), 0);
    assert_int_equal(receive(&b, marks), 2);
    assert_int_equal(marks[1], 3);
    b.io->ops->stats(b.io, &stats);
    assert_int_equal(stats.too_long, 1);
    end(&b);
}

static void capture_of_too_long_frames_only_does_not_hold_the_worker(void **state)
{
    struct bench b;
    uint8_t marks[IO_BURST];
    struct io_stats stats;
    begin(&b);
    make_capture(&b, 1, (const uint32_t[]){UMEM_LARGE_ROOM + 1}, 1);
    option(&b, "rx", b.in);
    option(&b, "repeat", "true");
    assert_int_equal(try_open(&b, NULL), 0);
    assert_int_equal(receive(&b, marks), 0);
    b.io->ops->stats(b.io, &stats);
    assert_int_equal(stats.too_long, IO_BURST);
    end(&b);
}

static void frames_wait_when_none_is_free(void **state)
{
    struct bench b;
    uint64_t held[64];
    uint8_t marks[IO_BURST];
    begin(&b);
    make_capture(&b, 20, (const uint32_t[]){60, 60, 60, 9000}, 4);
    option(&b, "rx", b.in);
    assert_int_equal(try_open(&b, NULL), 0);
    assert_int_equal(umem_take_small(b.umem, 62, FRAME_WORKER, held), 62);
    assert_int_equal(receive(&b, marks), 2);
    umem_give_n(b.umem, held, 62, FRAME_WORKER);
    assert_int_equal(receive(&b, marks), 17); /* 3 4 .. 19: four large frames, and the fifth waits */
    assert_int_equal(marks[0], 3);
    assert_true(is_readable(&b));
    assert_int_equal(receive(&b, marks), 1);
    assert_int_equal(marks[0], 20);
    end(&b);
}

static void without_a_record_frames_go_nowhere(void **state)
{
    struct bench b;
    struct io_frame frame = {.offset = UMEM_HEADROOM, .size = 60};
    begin(&b);
    assert_int_equal(try_open(&b, NULL), 0);
    frame.frame = umem_take(b.umem, 60, FRAME_WORKER);
    assert_int_equal(b.io->ops->tx(b.io, &frame, 1), 1);
    assert_int_equal(umem_count(b.umem, FRAME_TX), 1);
    b.io->ops->flush(b.io);
    assert_int_equal(umem_count(b.umem, FRAME_TX), 0);
    end(&b);
}

static size_t file_bytes(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (size_t)status.st_size;
}

static void send_one(struct bench *b, unsigned taken)
{
    struct io_frame frame = {.frame = umem_take(b->umem, 1000, FRAME_WORKER), .offset = UMEM_HEADROOM, .size = 1000};
    assert_int_equal(b->io->ops->tx(b->io, &frame, 1), taken);
    if (taken == 0) {
        umem_give(b->umem, frame.frame, FRAME_WORKER);
    }
}

static void record_is_in_the_file_within_a_second(void **state)
{
    struct bench b;
    begin(&b);
    option(&b, "tx", b.out);
    assert_int_equal(try_open(&b, NULL), 0);
    assert_int_equal(file_bytes(b.out), 24);
    send_one(&b, 1);
    b.io->ops->flush(b.io);
    assert_int_equal(file_bytes(b.out), 24);
    b.now_ns += NS_PER_S;
    b.io->ops->flush(b.io);
    assert_int_equal(file_bytes(b.out), 24 + 16 + 1000);
    end(&b);
}

static void file_that_cannot_be_opened_is_an_error(void **state)
{
    struct bench b;
    struct error_detail detail = {""};
    begin(&b);
    option(&b, "tx", "/dev/full");
    assert_int_equal(try_open(&b, &detail), -ENOSPC);
    assert_non_null(strstr(detail.text, "/dev/full: No space left"));
    b.options[0].value = "/nowhere/at/all";
    assert_int_equal(try_open(&b, &detail), -ENOENT);
    b.options[0].value = b.captures.path;
    assert_int_equal(try_open(&b, &detail), -EISDIR);
    b.options[0] = (struct io_option){.key = "rx", .value = b.captures.path};
    assert_int_equal(try_open(&b, &detail), -ERROR_DAMAGED);
    assert_null(b.io);
    end(&b);
}

/* A file that may not grow stands for a disk that fills up. */
static void record_that_cannot_be_written_stops_and_says_so(void **state)
{
    struct bench b;
    struct rlimit before, limit;
    struct io_stats stats;
    begin(&b);
    option(&b, "tx", b.out);
    assert_int_equal(try_open(&b, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 2000, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 0; i < 5; i++) {
        send_one(&b, 1);
    }
    b.now_ns += NS_PER_S;
    b.io->ops->flush(b.io);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_non_null(strstr(b.io->trouble, b.out));
    assert_non_null(strstr(b.io->trouble, "File too large"));
    b.io->ops->stats(b.io, &stats);
    assert_int_equal(stats.not_written, 5);
    send_one(&b, 0);
    end(&b);
}

static void larger_burst_than_the_buffer_fails_at_the_frame_that_was_not_written(void **state)
{
    struct bench b;
    struct rlimit before, limit;
    struct io_stats stats;
    struct io_frame frame = {.offset = UMEM_HEADROOM, .size = 9000};
    unsigned n_taken = 0, n_refused = 0;
    begin(&b);
    option(&b, "tx", b.out);
    assert_int_equal(try_open(&b, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 100000, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 0; i < 100; i++) {
        frame.frame = umem_take(b.umem, 9000, FRAME_WORKER);
        bool is_taken = b.io->ops->tx(b.io, &frame, 1) == 1;
        n_taken += is_taken;
        n_refused += !is_taken;
        if (!is_taken) {
            umem_give(b.umem, frame.frame, FRAME_WORKER);
        }
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    b.io->ops->stats(b.io, &stats);
    assert_true(n_taken > 20 && n_refused > 20);
    assert_int_equal(stats.not_written, n_taken);
    assert_string_not_equal(b.io->trouble, "");
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_received_and_sent_is_recorded_unchanged),
        cmocka_unit_test(recorded_frames_bear_the_time_of_day),
        cmocka_unit_test(exhausted_capture_is_silent),
        cmocka_unit_test(capture_without_frames_is_silent),
        cmocka_unit_test(repeated_capture_goes_on_in_order),
        cmocka_unit_test(few_frames_that_repeat_fill_whole_bursts),
        cmocka_unit_test(held_port_keeps_its_first_frame),
        cmocka_unit_test(frames_come_at_their_recorded_times),
        cmocka_unit_test(timer_goes_off_when_the_next_frame_is_due),
        cmocka_unit_test(too_long_frames_are_counted_and_left_out),
        cmocka_unit_test(capture_of_too_long_frames_only_does_not_hold_the_worker),
        cmocka_unit_test(frames_wait_when_none_is_free),
        cmocka_unit_test(without_a_record_frames_go_nowhere),
        cmocka_unit_test(record_is_in_the_file_within_a_second),
        cmocka_unit_test(file_that_cannot_be_opened_is_an_error),
        cmocka_unit_test(record_that_cannot_be_written_stops_and_says_so),
        cmocka_unit_test(larger_burst_than_the_buffer_fails_at_the_frame_that_was_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
