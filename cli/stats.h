/* `dp stats` for people: shares, averages and rates, made of the raw figures of a shard or of the difference of two answers. */
#ifndef BUSBAR_CLI_STATS_H
#define BUSBAR_CLI_STATS_H

#include <jansson.h>

/* What a shard said in an earlier answer (an array with an entry a shard), if it is still the same life of it; NULL: nothing. Lent. */
const json_t *stats_of_shard(const json_t *before, const json_t *shard);
/* The figures of `shard` since `before` (NULL: since its start). A reference of the caller's. */
json_t *stats_readable(const json_t *before, const json_t *shard);
/* {reason: packets} as "reason:packets reason:packets". A reference of the caller's; NULL when there are none. */
json_t *stats_drops_text(const json_t *drops);

#endif
