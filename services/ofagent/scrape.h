/* The metrics of an ofagent, for lib/metrics: the rows of metrics.def, written to a page. The ofagent's one thread. */
#ifndef BUSBAR_OFAGENT_SCRAPE_H
#define BUSBAR_OFAGENT_SCRAPE_H

#include "lib/metrics/page.h"
#include "services/ofagent/agent.h"

void scrape_fill(const struct ofagent *agent, struct page *page);

#endif
