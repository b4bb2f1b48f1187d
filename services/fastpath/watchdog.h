/* A child process that kills this one when its packet loop hangs, so that the other shards can take the queues. */
#ifndef BUSBAR_FASTPATH_WATCHDOG_H
#define BUSBAR_FASTPATH_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/error.h"

enum {
    WATCHDOG_CHECK_MS = 100,
    WATCHDOG_CHECKS = 10, /* without progress: a second, after which barriers no longer wait for a shard either */
};

struct watchdog {
    pid_t child;                 /* 0: none */
    volatile uint64_t *progress; /* in a page shared with the child; NULL: none */
};

/* Forks; to be called before any thread exists. Nothing is killed before the first watchdog_progress(). */
int watchdog_open(struct watchdog *out_watchdog) MUST_CHECK;
/* The loop has gone round once more. One store. */
static inline void watchdog_progress(const struct watchdog *watchdog)
{
    if (watchdog->progress != NULL) {
        ++*watchdog->progress;
    }
}
/* Ends the child: what follows may take as long as it takes. */
void watchdog_close(struct watchdog *watchdog);

/* What the child decides by, one call a check: true when the parent must be killed. Known to tests. */
struct watchdog_view {
    uint64_t progress, checked_ns;
    unsigned n_still; /* checks without progress, all on time */
};
bool watchdog_must_kill(struct watchdog_view *view, uint64_t progress, uint64_t now_ns);

#endif
