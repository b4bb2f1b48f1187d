/* The metrics of configdb, for lib/metrics: the rows of metrics.def, written to a page. The main thread. */
#ifndef BUSBAR_CONFIGDB_SCRAPE_H
#define BUSBAR_CONFIGDB_SCRAPE_H

#include "lib/metrics/page.h"
#include "services/configdb/await.h"
#include "services/configdb/commit.h"
#include "services/configdb/fold.h"
#include "services/configdb/lease.h"
#include "services/configdb/readers.h"

/* What it is made of; all lent. */
struct scrape {
    const struct commit *commit;
    const struct ring *ring;
    const struct readers *readers;
    const struct await *await;
    const struct leases *leases;
    const struct fold *fold;
    struct rows *rows; /* only read: LMDB wants no const */
    const struct status *status;
    uint64_t n_bad;
};

void scrape_fill(const struct scrape *scrape, struct page *page);

#endif
