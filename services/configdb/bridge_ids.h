/* Where the rows of each bridge are, of a table filtered by bridge: ranges of ids, in memory. See bridge_ids.c.
 *
 * What it says is never too little: each row of a bridge lies in one of its ranges. It may be too much, so who walks a range looks at the rows.
 * One thread.
 */
#ifndef BUSBAR_CONFIGDB_BRIDGE_IDS_H
#define BUSBAR_CONFIGDB_BRIDGE_IDS_H

#include "lib/cfg/bridge_set.h"

enum {
    BRIDGE_IDS_GAP = 64,     /* ids between two ranges for which they are one: to look at a row costs less than to begin a walk */
    BRIDGE_IDS_RANGES = 16384 /* of one bridge, 256 KiB: a million rules of it written in turns of 64 with others; beyond it the nearest become one */
};

struct bridge_ids;
struct bridge_ids *bridge_ids_new(void);
void bridge_ids_destroy(struct bridge_ids **ids);

/* A row of the bridge (0: of one that is not known) is written under this id. */
void bridge_ids_add(struct bridge_ids *ids, uint64_t bridge, uint64_t id);
/* The bridge and all its rows are gone. */
void bridge_ids_forget(struct bridge_ids *ids, uint64_t bridge);

/* The first id at or after `from` that may be of one of these bridges or of one that is not known, and the last one up to which it goes on so.
 * False: there is none. */
bool bridge_ids_next(const struct bridge_ids *ids, const struct bridge_set *bridges, uint64_t from, uint64_t *out_first, uint64_t *out_last);
/* Is `known` true of every bridge that has ranges? */
bool bridge_ids_all(const struct bridge_ids *ids, bool (*known)(void *context, uint64_t bridge), void *context);
size_t bridge_ids_ranges(const struct bridge_ids *ids, uint64_t bridge);

#endif
