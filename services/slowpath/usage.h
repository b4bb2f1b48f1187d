/* The usage wire of one shard: which learned addresses are in use, so that they do not age. proto/README.md, "usage". */
#ifndef BUSBAR_SLOWPATH_USAGE_H
#define BUSBAR_SLOWPATH_USAGE_H

#include "services/slowpath/core.h"

enum {
    USAGE_SILENCE_MS = 1500,
    USAGE_MESSAGES_PER_STEP = 64,
};

struct usage;
struct usage *usage_new(struct core *core, const char *endpoint);
void usage_destroy(struct usage **usage);
int usage_fd(const struct usage *usage);
void usage_step(struct usage *usage);
/* These addresses (mac_number) have ended: the shard may forget their counters. Not told when there is no room: it forgets them in time. */
void usage_retire(struct usage *usage, const uint64_t *numbers, size_t n);

#endif
