/* The kernel's tier, its maps: one set for all devices and shards of a run directory, and what counts the frames that never left. */
#ifndef BUSBAR_FASTPATH_TIER_MAPS_H
#define BUSBAR_FASTPATH_TIER_MAPS_H

#include "services/fastpath/rx_pins.h"
#include "services/fastpath/tier.h"

struct tier_maps;

/* Finds the pinned maps or makes them, for the shard with this instance. Not 0: there is no tier, for the reason in detail. Some 50 ms. */
int tier_maps_open(const struct rx_pins *pins, uint32_t instance, struct tier_maps **out_maps, struct error_detail *detail) MUST_CHECK;
void tier_maps_close(struct tier_maps **maps);
int tier_maps_flows_fd(const struct tier_maps *maps);
int tier_maps_slots_fd(const struct tier_maps *maps);
struct tier_table tier_maps_table(struct tier_maps *maps);
/* Frames that came in through this device count when they do not leave, or no longer. */
void tier_maps_watch(struct tier_maps *maps, uint32_t ifindex, bool is_ours);

#endif
