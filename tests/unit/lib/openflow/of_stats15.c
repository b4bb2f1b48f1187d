/* Tests of lib/openflow/of_stats15.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static void a_rule_and_its_counts_are_read_back(void **state)
{
    struct rule rule, out;
    struct rule_stats stats = {.n_packets = 4, .n_bytes = 5, .duration_ns = 6000000007, .idle_ns = 2000000000}, out_stats;
    struct of_multipart mp;
    struct writer w;
    writer_init(&w);
    rule_init(&rule);
    rule.table = 3;
    rule.importance = 9;
    rule.cookie = 77;
    of_multipart_begin(&mp, &w, OF_VERSION_15, 1, OF_MULTIPART_FLOW, OF_FORM_STANDARD);
    assert_int_equal(of_flow_stats_encode(&mp, &rule, &stats), 0);
    struct reader r = openflow_items(&mp);
    assert_int_equal(of_flow_stats_decode(&r, OF_VERSION_15, OF_FORM_STANDARD, &out, &out_stats), 0);
    assert_int_equal(out.table, 3);
    assert_int_equal(out.importance, 9);
    assert_int_equal(out.cookie, 77);
    assert_memory_equal(&out_stats, &stats, sizeof stats);
    rule_fini(&out);
    writer_fini(&w);
}

static void unknown_statistics_are_stepped_over(void **state)
{
    static const uint8_t bytes[] = {0,    0,    0,    28, 0x80, 0x02, 0x1e, 4, 1, 2, 3, 4, /* field 15 */
                                    0x80, 0x02, 0x08, 8,  0,    0,    0,    0, 0, 0, 0, 9, 0x12, 0x34, 0, 0, 0, 0, 0, 0};
    struct reader r = reader_of(bytes, sizeof bytes);
    struct of_aggregate out;
    assert_int_equal(of_aggregate_decode(&r, OF_VERSION_15, &out), 0);
    assert_int_equal(out.n_packets, 9);
    r = reader_of(bytes, 20);
    assert_int_not_equal(of_aggregate_decode(&r, OF_VERSION_15, &out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_and_its_counts_are_read_back),
        cmocka_unit_test(unknown_statistics_are_stepped_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
