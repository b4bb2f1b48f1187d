/* The metrics of a slowpath, for lib/metrics: the rows of metrics.def, written to a page. The thread that translates. */
#ifndef BUSBAR_SLOWPATH_SCRAPE_H
#define BUSBAR_SLOWPATH_SCRAPE_H

#include "lib/metrics/page.h"
#include "services/slowpath/core.h"

/* applied: as it was reported to configdb. */
void scrape_fill(const struct core *core, struct version applied, struct page *page);

#endif
