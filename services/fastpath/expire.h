/* Flows that nobody uses end; the table has a limit; slow housekeeping of the caches. In slices, between bursts. */
#ifndef BUSBAR_FASTPATH_EXPIRE_H
#define BUSBAR_FASTPATH_EXPIRE_H

#include "services/fastpath/shard.h"

/* Looks at a slice of the flows. Every millisecond or so. */
void expire_step(struct shard *shard, uint64_t now_ns);
/* Room for one more flow, at the price of the least recently used of a few when the table is full. */
bool expire_make_room(struct shard *shard);
/* Settles the growth of some more flows with their counters; true when it has come round to the last one. */
bool expire_settle_some(struct shard *shard) MUST_CHECK;

#endif
