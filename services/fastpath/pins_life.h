/* When pins go that belong to no device in particular: with the last shard, and when they are another version's. Control code. */
#ifndef BUSBAR_FASTPATH_PINS_LIFE_H
#define BUSBAR_FASTPATH_PINS_LIFE_H

#include "services/fastpath/rx_pins.h"

/* Before the first device is opened: what another version left is of no use to anybody, once none of its shards lives. */
void pins_remove_other_versions(const struct rx_pins *pins);
/* After we have left the set of shards. */
void pins_remove_if_last(const struct rx_pins *pins);

#endif
