/* Tests of services/ofagent/scrape.c: the metrics say what sessions did, and what the bridges hold. */
#include "services/ofagent/scrape.h"

#include "tests/unit/lib/metrics/sample.h"
#include "tests/unit/services/ofagent/bench.h"

static struct page filled(const struct bench *b)
{
    struct page page = {.size = 0};
    ofagent_fill_metrics(b->agent, &page);
    assert_false(page.is_cut);
    return page;
}

static void figures_are_those_of_sessions_and_bridges(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=group:4");
    client_expect_error(b, &c, OF_ERROR_BAD_ACTION_BAD_OUT_GROUP);
    struct page page = filled(b);
    assert_sample(&page, "busbar_ofagent_flow_mods_total", 2);
    assert_sample(&page, "busbar_ofagent_errors_total", 1);
    assert_sample(&page, "busbar_ofagent_rules", 1);
    assert_sample(&page, "busbar_ofagent_bridges", 1);
    assert_sample(&page, "busbar_ofagent_bridges_ready", 1);
    assert_sample(&page, "busbar_ofagent_sessions", 1);
    assert_sample(&page, "busbar_ofagent_fastpaths", 1);
    assert_sample(&page, "busbar_ofagent_slowpaths", 1);
    assert_sample(&page, "busbar_ofagent_configdb_connected", 1);
    assert_sample(&page, "busbar_ofagent_barrier_seconds_count", 0);
    page_fini(&page);
    client_close(&c);
}

static void barriers_are_timed_from_request_to_reply(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    struct page page = filled(b);
    assert_sample(&page, "busbar_ofagent_barriers_total", 1);
    assert_sample(&page, "busbar_ofagent_barrier_seconds_count", 1);
    page_fini(&page);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(figures_are_those_of_sessions_and_bridges),
        CLAIM(barriers_are_timed_from_request_to_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
