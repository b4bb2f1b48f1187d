/* The metrics that every process has: who it is, and what the kernel says of it. One thread. */
#ifndef BUSBAR_METRICS_SELF_H
#define BUSBAR_METRICS_SELF_H

#include "lib/metrics/page.h"

struct self {
    const char *service; /* "fastpath"; lent */
    const char *process; /* "fastpath.1"; lent */
    double started_s;
    bool is_healthy;
};

void self_init(struct self *self, const char *service, const char *process);
void self_fill(const struct self *self, struct page *page);

#endif
