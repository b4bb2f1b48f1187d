/* The kernel's tier, its maps: one set for all devices and shards of a run directory, and what counts the frames that never left. */
#ifndef BUSBAR_FASTPATH_TIER_MAPS_H
#define BUSBAR_FASTPATH_TIER_MAPS_H

#include "services/fastpath/rx_pins.h"
#include "services/fastpath/tier.h"

struct tier_maps;

/* Finds the pinned maps or makes them, 20 MB of the kernel's memory, for the shard with this instance, at most TIER_SHARDS. Not 0: there is no tier,
 * for the reason in detail. Some 50 ms. */
int tier_maps_open(const struct rx_pins *pins, uint32_t instance, struct tier_maps **out_maps, struct error_detail *detail) MUST_CHECK;
void tier_maps_close(struct tier_maps **maps);
/* The maps that programs share, for those that are being loaded. */
enum tier_map { TIER_MAP_FLOWS, TIER_MAP_SLOTS, TIER_MAP_CPU, TIER_MAPS };
int tier_maps_fd(const struct tier_maps *maps, enum tier_map which);
const char *tier_map_name(enum tier_map which); /* as bpf/rx.bpf.c calls it */
/* The kernel's number of the map of entries, by which programs are told that use others. */
uint32_t tier_maps_id(const struct tier_maps *maps);
struct tier_table tier_maps_table(struct tier_maps *maps);
/* Frames that came in through this device count when they do not leave, or no longer. */
void tier_maps_watch(struct tier_maps *maps, uint32_t ifindex, bool is_ours);

#endif
