/* What the parts of the slowpath share: the world, what was learned, the version they stand for, and the open doors to the others.
 *
 * One struct, passed along; one thread. slowpath.c makes it and steps its parts in order.
 */
#ifndef BUSBAR_SLOWPATH_CORE_H
#define BUSBAR_SLOWPATH_CORE_H

#include "lib/bus/bus.h"
#include "lib/msg/version.h"
#include "services/slowpath/mac_table.h"
#include "services/slowpath/translate.h"
#include "services/slowpath/world.h"

/* Every anomaly and every unit of work, by name; shown by `status`. */
#define SLOWPATH_COUNTS(COUNT)                                                                                                 \
    COUNT(misses)              /* asks translated and answered */                                                              \
    COUNT(misses_dropped)      /* asks that found the queue full; the shard gives up on them */                                \
    COUNT(misses_refused)      /* asks that could not be translated */                                                         \
    COUNT(flows_corrected)     /* flows sent with other actions */                                                             \
    COUNT(flows_kept)          /* marked flows whose translation was the same */                                               \
    COUNT(flows_removed)       /* flows removed because a change made them too wide, unlearned or too many */                  \
    COUNT(flows_adopted)       /* flows of closed sessions taken over */                                                       \
    COUNT(flows_unremembered)  /* flows not made, or removed, because a session had no memory left for their lists */          \
    COUNT(sessions_opened)     /* welcomes */                                                                                  \
    COUNT(sessions_closed)     /* by silence, lost messages or the shard's word */                                             \
    COUNT(malformed)           /* messages that could not be read or made no sense */                                          \
    COUNT(packet_ins)          /* packets handed to an ofagent */                                                              \
    COUNT(packet_ins_dropped)  /* packets for controllers that found no ofagent, or no room to it */                           \
    COUNT(packet_outs)         /* packets of controllers given to a shard */                                                   \
    COUNT(packet_outs_dropped) /* without a shard, past the bound, too late, or untranslatable */                              \
    COUNT(mac_news_dropped)    /* learned addresses that found no room to another replica */                                   \
    COUNT(rows_refused)        /* rows of configdb that make no sense */

struct slowpath_counts {
#define COUNT(name) uint64_t name;
    SLOWPATH_COUNTS(COUNT)
#undef COUNT
};

struct session;
struct packet_wire;

struct core {
    struct bus *bus;
    struct world world;
    struct mac_table *macs;
    struct version version; /* applied and its flows marked */
    uint64_t settings_n;    /* the newest commit that shards must know themselves */
    bool has_version;       /* there is a whole configuration to translate by */
    bool has_configdb;      /* which answers */
    uint64_t now_ns;
    int64_t work_left;       /* of this step, as translation.work counts it */
    uint64_t sessions_named; /* numbers given to HELLOs; starts at a random place */
    struct session **sessions;
    size_t n_sessions;
    struct packet_wire *packets;
    struct slowpath_counts counts;
};

/* A unit of work is some 10 ns, measured with warm caches at 2.6 GHz: a table of one rule takes 85 ns (9 units), 16 tuples of a large table 11 ns (1), a
 * port of a flood 17 ns (2), and a miss besides its translation (its flow, its answer, the wire) about 3 us. A step is 5 ms of that: with cold
 * caches on a busy machine it stays below the 50 ms that no step may take. */
enum { CORE_WORK_PER_STEP = 500000, CORE_WORK_OF_A_MISS = 300 };

static inline void core_worked(struct core *core, const struct translation *translation)
{
    core->work_left -= CORE_WORK_OF_A_MISS + (int64_t)translation->work;
}

#endif
