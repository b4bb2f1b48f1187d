/* Tests of lib/model/meter_text.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/model/rule.h"

static struct meter parsed(const char *text, bool is_deletion)
{
    struct meter out;
    struct error_detail detail = {{0}};
    int err = meter_parse(text, is_deletion, &out, &detail);
    if (err != 0) {
        fail_msg("%s: %s", text, detail.text);
    }
    return out;
}

static void expect_refusal(const char *text, bool is_deletion, const char *why)
{
    struct meter out = {.meter_id = 77};
    struct error_detail detail = {{0}};
    assert_true(meter_parse(text, is_deletion, &out, &detail) < 0);
    if (strstr(detail.text, why) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", text, detail.text, why);
    }
    assert_int_equal(out.meter_id, 77);
}

static void words_of_ovs_ofctl_are_read(void **state)
{
    struct meter m = parsed("meter=1,pktps,burst,stats,bands=type=drop,rate=1000,burst_size=100,type=dscp_remark,rate=500,prec_level=1", false);
    assert_int_equal(m.meter_id, 1);
    assert_int_equal(m.flags, METER_PKTPS | METER_BURST | METER_STATS);
    assert_int_equal(m.n_bands, 2);
    assert_int_equal(m.bands[0].type, METER_BAND_DROP);
    assert_int_equal(m.bands[0].rate, 1000);
    assert_int_equal(m.bands[0].burst_size, 100);
    assert_int_equal(m.bands[1].type, METER_BAND_DSCP_REMARK);
    assert_int_equal(m.bands[1].prec_level, 1);
    meter_fini(&m);
    m = parsed("meter=controller bands=type=drop rate=5", false);
    assert_int_equal(m.meter_id, METER_CONTROLLER);
    assert_int_equal(m.flags, METER_KBPS); /* the default */
    meter_fini(&m);
    assert_int_equal(parsed("", true).meter_id, METER_ALL);
    assert_int_equal(parsed("meter=9", true).meter_id, 9);
}

static void what_is_written_reads_back_the_same(void **state)
{
    static const char *const texts[] = {
        "meter=1 kbps burst bands=\ntype=drop rate=1000 burst_size=100",
        "meter=4294901760 pktps stats bands=\ntype=drop rate=1\ntype=dscp_remark rate=2 prec_level=3",
        "meter=controller pktps bands=\ntype=drop rate=100",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct meter m = parsed(texts[i], false);
        char *text = meter_format(&m);
        assert_string_equal(text, texts[i]);
        free(text);
        meter_fini(&m);
    }
}

static void what_is_wrong_is_refused_by_name(void **state)
{
    expect_refusal("kbps,bands=type=drop,rate=1", false, "meter=");
    expect_refusal("meter=0,bands=type=drop,rate=1", false, "begin at 1");
    expect_refusal("meter=4294901761,bands=type=drop,rate=1", false, "meter");
    expect_refusal("meter=1,kbps", false, "bands");
    expect_refusal("meter=1,bands=type=paint,rate=1", false, "paint");
    expect_refusal("meter=1,rate=1", false, "rate");
    expect_refusal("meter=1,bands=type=drop,prec_level=1", false, "prec_level");
    expect_refusal("meter=1,bands=type=drop,rate=much", false, "rate");
    expect_refusal("meter=1,colour=2", false, "colour");
    expect_refusal("meter=1,kbps", true, "deletion");
}

static void statistics_are_the_lines_of_meter_stats(void **state)
{
    struct meter m = parsed("meter=3,kbps,bands=type=drop,rate=1", false);
    const struct use_stats bands[] = {{1, 60}};
    struct meter_stats stats = {.n_flows = 2, .duration_ns = 1500000000, .total = {3, 180}, .bands = bands};
    char *text = meter_stats_format(&m, &stats);
    assert_string_equal(text, "meter:3 flow_count:2 packet_in_count:3 byte_in_count:180 duration:1.500s bands:\n0: packet_count:1 byte_count:60");
    free(text);
    meter_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_ovs_ofctl_are_read),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(what_is_wrong_is_refused_by_name),
        cmocka_unit_test(statistics_are_the_lines_of_meter_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
