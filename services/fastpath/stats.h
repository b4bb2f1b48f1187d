/* What `dp stats` says of a shard: work by stage of the packet path, lookups, caches, drops; cumulative, so that the reader takes differences. */
#ifndef BUSBAR_FASTPATH_STATS_H
#define BUSBAR_FASTPATH_STATS_H

#include <jansson.h>

#include "services/fastpath/shard.h"

/* cycles_per_s: of the time stamp counter, 0: not known. A reference of the caller's. */
json_t *stats_json(const struct shard *shard, uint64_t now_ns, double cycles_per_s);
/* Parts that dp-show has, too: {reason: packets} of DROP_REASON_COUNT counters, without zeros; {state: frames, total, sound}. */
json_t *stats_drops_json(const uint64_t *drops);
json_t *stats_frames_json(const struct umem *umem);

#endif
