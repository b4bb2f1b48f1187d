/* The text is OpenMetrics: families, units, labels, histograms, the end. */
#include "lib/metrics/page.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(struct page *page, const char *text)
{
    if (page->size != strlen(text) || memcmp(page->text, text, page->size) != 0) {
        fail_msg("expected:\n%s\ngot:\n%.*s", text, (int)page->size, page->text);
    }
    page_fini(page);
}

static void a_counter_has_its_family_without_total(void **state)
{
    struct page page = {.size = 0};
    page_family(&page, METRIC_COUNTER, "busbar_x_sent_bytes_total", "bytes", "What went.");
    page_sample(&page, NULL, 0, 4611686018427387904.0);
    page_end(&page);
    expect(&page, "# TYPE busbar_x_sent_bytes counter\n# UNIT busbar_x_sent_bytes bytes\n# HELP busbar_x_sent_bytes What went.\n"
                  "busbar_x_sent_bytes_total 4.6116860184273879e+18\n# EOF\n");
}

static void whole_numbers_are_written_as_such(void **state)
{
    struct page page = {.size = 0};
    page_family(&page, METRIC_GAUGE, "g", "", "H");
    page_sample(&page, NULL, 0, 123456789012.0);
    page_sample(&page, NULL, 0, 0.5);
    page_sample(&page, NULL, 0, 0);
    page_sample(&page, NULL, 0, 9007199254740992.0);
    page_sample(&page, NULL, 0, -3);
    page_sample(&page, NULL, 0, (double)NAN);
    page_sample(&page, NULL, 0, (double)INFINITY);
    expect(&page, "# TYPE g gauge\n# HELP g H\ng 123456789012\ng 0.5\ng 0\ng 9007199254740992\ng -3\ng NaN\ng +Inf\n");
}

static void labels_and_helps_are_escaped(void **state)
{
    const struct page_label labels[] = {{"a", "back\\slash \"quoted\""}, {"b", "two\nlines\tand a tab"}};
    struct page page = {.size = 0};
    page_family(&page, METRIC_GAUGE, "g", "", "\\ and \n");
    page_sample(&page, labels, 2, 1);
    expect(&page, "# TYPE g gauge\n# HELP g \\\\ and \\n\ng{a=\"back\\\\slash \\\"quoted\\\"\",b=\"two\\nlines and a tab\"} 1\n");
}

static void an_info_has_its_family_without_info(void **state)
{
    const struct page_label label = {"version", "1"};
    struct page page = {.size = 0};
    page_family(&page, METRIC_INFO, "busbar_build_info", "", "Build.");
    page_sample(&page, &label, 1, 1);
    expect(&page, "# TYPE busbar_build info\n# HELP busbar_build Build.\nbusbar_build_info{version=\"1\"} 1\n");
}

static void a_histogram_adds_up(void **state)
{
    const struct page_label label = {"class", "rules"};
    struct histogram histogram = {.sum_ns = 0};
    struct page page = {.size = 0};
    histogram_add(&histogram, 10000);
    histogram_add(&histogram, 15000);
    histogram_add(&histogram, 60ull * 1000000000);
    page_family(&page, METRIC_HISTOGRAM, "h_seconds", "seconds", "H");
    page_histogram(&page, &label, 1, &histogram);
    page.text[page.size - 1] = '\0';
    assert_non_null(strstr(page.text, "\nh_seconds_bucket{class=\"rules\",le=\"1e-05\"} 1\nh_seconds_bucket{class=\"rules\",le=\"2e-05\"} 2\n"));
    assert_non_null(strstr(page.text, "\nh_seconds_bucket{class=\"rules\",le=\"5.24288\"} 2\nh_seconds_bucket{class=\"rules\",le=\"+Inf\"} 3\n"
                                      "h_seconds_count{class=\"rules\"} 3\nh_seconds_sum{class=\"rules\"} 60.000025"));
    page_fini(&page);
}

static void more_than_a_page_is_cut_at_a_line_and_said(void **state)
{
    char value[3000];
    const struct page_label label = {"l", value};
    struct page page = {.size = 0};
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    page_family(&page, METRIC_GAUGE, "g", "", "H");
    for (int i = 0; i < 1000; i++) {
        page_sample(&page, &label, 1, i);
    }
    assert_true(page.is_cut);
    assert_true(page.size <= PAGE_MAX_BYTES && page.size > PAGE_MAX_BYTES - 4096);
    assert_int_equal(page.text[page.size - 1], '\n');
    page_fini(&page);
}

static void a_label_longer_than_a_line_is_no_half_line(void **state)
{
    static char value[10000];
    const struct page_label label = {"l", value};
    struct page page = {.size = 0};
    memset(value, 'v', sizeof value - 1);
    page_family(&page, METRIC_GAUGE, "g", "", "H");
    page_sample(&page, &label, 1, 1);
    assert_true(page.is_cut);
    expect(&page, "# TYPE g gauge\n# HELP g H\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_has_its_family_without_total),
        cmocka_unit_test(whole_numbers_are_written_as_such),
        cmocka_unit_test(labels_and_helps_are_escaped),
        cmocka_unit_test(an_info_has_its_family_without_info),
        cmocka_unit_test(a_histogram_adds_up),
        cmocka_unit_test(more_than_a_page_is_cut_at_a_line_and_said),
        cmocka_unit_test(a_label_longer_than_a_line_is_no_half_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
