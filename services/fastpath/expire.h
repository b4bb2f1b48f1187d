/* Flows that nobody uses end; the table has a limit; slow housekeeping of the caches. In slices, between bursts. */
#ifndef BUSBAR_FASTPATH_EXPIRE_H
#define BUSBAR_FASTPATH_EXPIRE_H

#include "services/fastpath/shard.h"

/* Looks at a slice of the flows. Every millisecond or so. */
void expire_step(struct shard *shard, uint64_t now_ns);
/* Room for one more flow, at the price of the least recently used of a few when the table is full. */
bool expire_make_room(struct shard *shard);
/* Settles the growth of all flows with their counters. Every half second. */
void expire_settle_all(struct shard *shard);

#endif
