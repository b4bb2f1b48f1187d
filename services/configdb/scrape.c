/* The metrics of configdb. See scrape.h; the list is metrics.def.
 *
 * Read from the same counters as `status`, when it is asked for. Readers are walked once for each of three figures: with the thousand that
 * one configdb is measured with, that is some 10 us.
 * Cost: some 20 us. The main thread. Invariant: no transaction of a database is opened.
 */
#include "services/configdb/scrape.h"

static void one(struct page *page, const char *label, const char *value, uint64_t n)
{
    page_sample(page, &(struct page_label){label, value}, 1, (double)n);
}

static void fill_transactions(const struct scrape *s, struct page *page)
{
    const struct commit_counters *counters = commit_counters(s->commit);
    one(page, "result", "done", counters->done);
    one(page, "result", "refused", counters->refused);
    one(page, "result", "repeated", counters->repeated);
    one(page, "result", "dropped", counters->dropped);
}

static void fill_latency(const struct scrape *s, struct page *page)
{
    page_histogram(page, &(struct page_label){"class", "configuration"}, 1, commit_latency(s->commit, ROWS_DISK));
    page_histogram(page, &(struct page_label){"class", "rules"}, 1, commit_latency(s->commit, ROWS_RUN));
}

static void fill_rows(const struct scrape *s, struct page *page)
{
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        enum rows_env env;
        if (rows_env_of(table, &env)) {
            one(page, "table", cfg_table_info(table)->name, rows_count(s->rows, table));
        }
    }
}

static void fill_bytes(const struct scrape *s, struct page *page)
{
    one(page, "database", "disk", store_used_bytes(rows_store(s->rows, ROWS_DISK)));
    one(page, "database", "run", store_used_bytes(rows_store(s->rows, ROWS_RUN)));
}

void scrape_fill(const struct scrape *s, struct page *page)
{
#define METRIC(type, name, unit, help, value)                                                                                   \
    page_family(page, METRIC_##type, name, unit, help);                                                                         \
    page_sample(page, NULL, 0, (double)(value));
#define SERIES(type, name, unit, help, function)                                                                                \
    page_family(page, METRIC_##type, name, unit, help);                                                                         \
    function(s, page);
#include "services/configdb/metrics.def"
#undef METRIC
#undef SERIES
}
