/* The metrics of a fastpath, for lib/metrics: the rows of metrics.def, written to a page. Worker thread, between bursts. */
#ifndef BUSBAR_FASTPATH_SCRAPE_H
#define BUSBAR_FASTPATH_SCRAPE_H

#include "lib/metrics/page.h"
#include "services/fastpath/shard.h"

/* More ports than this have no series of their own: a page must stay small. Which: the last of the port set. */
enum { SCRAPE_PORTS_MAX = 256 };

void scrape_fill(const struct shard *shard, bool has_configdb, struct page *page);

#endif
