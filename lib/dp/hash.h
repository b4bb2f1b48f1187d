/* The datapath hash: spreads packets over the buckets of a group, the members of a bond, the next hops of a route.
 *
 * The same in every process and on every machine, so that the slowpath can say where a packet will go. Packet path: no allocation.
 */
#ifndef BUSBAR_DP_HASH_H
#define BUSBAR_DP_HASH_H

#include "lib/dp/action.h"

/* Never 0, which in a key means that there is no hash. */
uint32_t hash_packet(const struct flow_key *key, const struct dp_hash *hash);

#endif
