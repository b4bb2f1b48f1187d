/* The metrics say what the core holds: its world, its addresses, its counts, and what was applied. */
#include "services/slowpath/scrape.h"

#include "tests/unit/lib/metrics/sample.h"
#include "tests/unit/services/slowpath/fixture.h"

static void figures_are_those_of_the_core(void **state)
{
    struct fixture f;
    struct page page = {.size = 0};
    fixture_open(&f);
    (void)fixture_rule(&f, "priority=5,ip,actions=output:2");
    struct core core = {.world = f.world,
                        .macs = f.macs,
                        .version = {.epoch = 3, .n = 17},
                        .has_configdb = true,
                        .counts = {.misses = 4, .mac_news_dropped = 2}};
    scrape_fill(&core, (struct version){.epoch = 3, .n = 15}, &page);
    assert_false(page.is_cut);
    assert_sample(&page, "busbar_slowpath_answers_total", 4);
    assert_sample(&page, "busbar_slowpath_events_total{event=\"mac_news_dropped\"}", 2);
    assert_sample(&page, "busbar_slowpath_version", 17);
    assert_sample(&page, "busbar_slowpath_applied_version", 15);
    assert_sample(&page, "busbar_slowpath_epoch", 3);
    assert_sample(&page, "busbar_slowpath_bridges", 1);
    assert_sample(&page, "busbar_slowpath_ports", 5);
    assert_sample(&page, "busbar_slowpath_rules", 1);
    assert_sample(&page, "busbar_slowpath_sessions_open", 0);
    assert_sample(&page, "busbar_slowpath_learned_addresses", mac_table_count(f.macs, FIXTURE_BRIDGE));
    page_fini(&page);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_are_those_of_the_core)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
