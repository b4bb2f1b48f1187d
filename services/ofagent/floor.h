/* The floors of the shards: up to which version of configdb every flow of a shard has been corrected.
 *
 * A barrier is answered when what came before it is committed at v and every registered shard's floor is at least v. The owner keeps
 * the list of registered shards in step with the SERVICE table; a shard that is not in it is not waited for.
 * Also kept here, for the same reason of "has every shard ...": whether each has reported its counters since we started. One thread.
 */
#ifndef BUSBAR_OFAGENT_FLOOR_H
#define BUSBAR_OFAGENT_FLOOR_H

#include "lib/msg/version.h"

enum { FLOOR_SHARDS_MAX = 64 /* processes named fastpath.N on one host; a service beyond it is not served and logged */ };

struct floor_shard {
    uint64_t service; /* row number */
    uint64_t start;
    struct version floor;
    struct version counted; /* the floor that stood when its latest complete report began: counts up to there are in */
    bool has_floor;
    bool has_reported; /* a complete list of its counters has come */
};

struct floor {
    struct floor_shard shards[FLOOR_SHARDS_MAX];
    size_t count;
};

void floor_init(struct floor *floor);
/* A shard is registered / its row has gone. False when there is no room. */
bool floor_join(struct floor *floor, uint64_t service, uint64_t start);
void floor_leave(struct floor *floor, uint64_t service);
struct floor_shard *floor_by_start(struct floor *floor, uint64_t start);
/* A floor that shard reported. A lower one than before is not believed within one life of a shard (I6). */
void floor_set(struct floor *floor, uint64_t start, struct version version);

/* Does every registered shard forward as `version` says? True when there is none. */
bool floor_reached(const struct floor *floor, struct version version);
/* ... and have the counts of the flows corrected for it come in? */
bool floor_counted(const struct floor *floor, struct version version);
/* Has every registered shard reported its counters once? */
bool floor_all_reported(const struct floor *floor);
/* The least floor, for people; (0, 0) when some shard has none. */
struct version floor_least(const struct floor *floor);

#endif
