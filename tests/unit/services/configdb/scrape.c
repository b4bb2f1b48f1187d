/* The metrics say what configdb counted, and who follows. A configdb and clients with mirrors on the memory bus, under a clock of the test. */
#include "services/configdb/scrape.h"

#include "tests/unit/lib/metrics/sample.h"
#include "tests/unit/services/configdb/fixture.h"

static struct page filled(const struct fixture *f)
{
    struct page page = {.size = 0};
    configdb_fill_metrics(f->db, &page);
    assert_false(page.is_cut);
    return page;
}

static void figures_are_those_of_the_database(void **state)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE};
    struct fixture f;
    fixture_init(&f);
    (void)fixture_client(&f, 0, PROCESS_SWCTL, tables, 1, NULL);
    struct cfg *agent = fixture_client(&f, 1, PROCESS_OFAGENT, tables, 1, NULL);
    fixture_run(&f, 200);
    struct page page = filled(&f);
    double version = sample_of(&page, "busbar_configdb_version");
    assert_sample(&page, "busbar_configdb_transactions_total{result=\"done\"}", 0);
    assert_sample(&page, "busbar_configdb_rows{table=\"bridge\"}", 0);
    assert_sample(&page, "busbar_configdb_readers", 1); /* swctl is none */
    page_fini(&page);

    Busbar__BridgeRow bridge = fixture_bridge("br0");
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &bridge.base);
    assert_int_equal(fixture_transact(&f, 0, &txn).error, 0);
    fixture_run(&f, 100);
    page = filled(&f);
    assert_sample(&page, "busbar_configdb_transactions_total{result=\"done\"}", 1);
    assert_sample(&page, "busbar_configdb_transaction_seconds_count{class=\"configuration\"}", 1);
    assert_sample(&page, "busbar_configdb_transaction_seconds_count{class=\"rules\"}", 0);
    assert_sample(&page, "busbar_configdb_rows{table=\"bridge\"}", 1);
    assert_true(sample_of(&page, "busbar_configdb_version") > version);
    assert_true(sample_of(&page, "busbar_configdb_database_bytes{database=\"disk\"}") >= 4096);
    /* nobody has acknowledged it: the ofagent is behind */
    assert_sample(&page, "busbar_configdb_readers_behind", 1);
    assert_true(sample_of(&page, "busbar_configdb_least_applied_version") < sample_of(&page, "busbar_configdb_version"));
    page_fini(&page);

    cfg_applied(agent, configdb_version(f.db), NULL, 0);
    fixture_run(&f, 100);
    page = filled(&f);
    assert_sample(&page, "busbar_configdb_readers_behind", 0);
    assert_sample(&page, "busbar_configdb_least_applied_version", configdb_version(f.db).n);
    assert_sample(&page, "busbar_configdb_refusing", 0);
    assert_string_equal(configdb_state(f.db), "ok");
    page_fini(&page);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_the_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
