/* Tests of lib/base/log.c: what is written, what the level holds back, and that a line is never longer than its buffer.
 *
 * Standard error is turned into a pipe while a test logs.
 */
#include "lib/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

struct capture {
    int saved;
    int read_end;
};

static struct capture capture_begin(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct capture c = {.saved = dup(STDERR_FILENO), .read_end = ends[0]};
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    return c;
}

static size_t capture_end(struct capture c, char *out, size_t room)
{
    dup2(c.saved, STDERR_FILENO);
    close(c.saved);
    size_t used = 0;
    ssize_t n;
    while (used < room - 1 && (n = read(c.read_end, out + used, room - 1 - used)) > 0) {
        used += (size_t)n;
    }
    out[used] = '\0';
    close(c.read_end);
    return used;
}

static void a_line_carries_time_level_name_and_text(void **state)
{
    char text[4096];
    log_open("fastpath.7");
    struct capture c = capture_begin();
    log_warn("port_error device=%s", "v0");
    capture_end(c, text, sizeof text);
    assert_non_null(strstr(text, "Z warn fastpath.7: port_error device=v0\n"));
    assert_int_equal(text[4], '-');
    assert_int_equal(text[10], 'T');
}

static void the_level_holds_back_what_is_below_it(void **state)
{
    char text[4096];
    log_set_level(LOG_LEVEL_WARN);
    assert_int_equal(log_get_level(), LOG_LEVEL_WARN);
    struct capture c = capture_begin();
    log_info("hidden");
    log_debug("hidden");
    log_error("shown");
    capture_end(c, text, sizeof text);
    assert_null(strstr(text, "hidden"));
    assert_non_null(strstr(text, "shown"));
    log_set_level(LOG_LEVEL_INFO);
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    char text[4096], huge[3000];
    memset(huge, 'x', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    struct capture c = capture_begin();
    log_info("%s", huge);
    size_t size = capture_end(c, text, sizeof text);
    assert_true(size <= 1024);
    assert_int_equal(text[size - 1], '\n');
}

static void level_names_read_back(void **state)
{
    for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
        enum log_level level = LOG_LEVEL_ERROR;
        assert_int_equal(log_level_parse(log_level_name((enum log_level)i), &level), 0);
        assert_int_equal(level, i);
    }
    enum log_level untouched = LOG_LEVEL_WARN;
    assert_int_equal(log_level_parse("loud", &untouched), -ERROR_UNKNOWN_NAME);
    assert_int_equal(log_level_parse("", &untouched), -ERROR_UNKNOWN_NAME);
    assert_int_equal(untouched, LOG_LEVEL_WARN);
}

static void a_flood_is_held_back(void **state)
{
    struct log_limit limit = {0};
    int passed = 0;
    for (int i = 0; i < 10000; i++) {
        passed += log_limit_pass(&limit) ? 1 : 0;
    }
    /* ten a second; the loop may run into one more second */
    assert_in_range(passed, 10, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_carries_time_level_name_and_text),
        cmocka_unit_test(the_level_holds_back_what_is_below_it),
        cmocka_unit_test(a_long_line_is_cut_and_still_ends),
        cmocka_unit_test(level_names_read_back),
        cmocka_unit_test(a_flood_is_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
