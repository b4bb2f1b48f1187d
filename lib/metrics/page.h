/* The writer of OpenMetrics text 1.0.
 *
 *     struct page page = {0};
 *     page_family(&page, METRIC_COUNTER, "busbar_fastpath_drops_total", "", "Packets dropped.");
 *     page_sample(&page, &(struct page_label){"reason", "no_rule"}, 1, 7);
 *     page_end(&page);
 *     ... page.text, page.size ...
 *     page_fini(&page);
 *
 * Samples belong to the family begun last. Names and helps are our own and asserted; values of labels may be anything and are escaped.
 * Past PAGE_MAX_BYTES the rest is left out and is_cut says so. One thread.
 */
#ifndef BUSBAR_METRICS_PAGE_H
#define BUSBAR_METRICS_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/metrics/histogram.h"

enum {
    PAGE_MAX_BYTES = 1024 * 1024, /* a thousand series of a hundred ports take some 100 KB; much more slows a scrape and who is scraped */
    PAGE_LABELS_MAX = 8
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_INFO, METRIC_HISTOGRAM };

struct page_label {
    const char *name;
    const char *value;
};

struct page {
    char *text; /* owned; no terminating zero */
    size_t size, room;
    bool is_cut;
    /* of the family begun last; its name is lent until the next: */
    enum metric_type type;
    const char *name;
    size_t family_size; /* of the name without _total or _info */
};

void page_fini(struct page *page);
/* `name` as samples have it: a counter's ends with _total, an info's with _info; `unit` is "" or what the rest of the name ends with. */
void page_family(struct page *page, enum metric_type type, const char *name, const char *unit, const char *help);
/* A sample of a counter, gauge or info. */
void page_sample(struct page *page, const struct page_label *labels, size_t n_labels, double value);
/* All samples of a histogram, in seconds. */
void page_histogram(struct page *page, const struct page_label *labels, size_t n_labels, const struct histogram *histogram);
void page_end(struct page *page);

#endif
