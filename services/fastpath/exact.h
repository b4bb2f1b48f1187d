/* The exact cache: key → flow and its generation, the shard's own shortcut around the megaflow table.
 *
 * An entry whose flow has ended since (another generation) is a miss; a changed flow is seen at once, because entries point to it. It
 * starts at EXACT_MIN entries and doubles, at the control side's say, up to a limit. Lookup and insert are on the packet path.
 */
#ifndef BUSBAR_FASTPATH_EXACT_H
#define BUSBAR_FASTPATH_EXACT_H

#include "services/fastpath/flow.h"

enum { EXACT_MIN = 16384, EXACT_MAX = 1 << 20, EXACT_WAYS = 32 };

/* The flow an entry stands for; valid while the generations agree. */
struct exact_ref {
    struct flow *flow;
    uint32_t generation;
};

struct exact_cache {
    uint16_t *signatures;   /* EXACT_WAYS of a bucket are one cache line; 0 = empty */
    struct flow_key *keys;  /* two lines each */
    struct exact_ref *refs; /* parallel to the keys */
    uint64_t bucket_mask;
    uint64_t n_evictions; /* since the last growth: inserts that found their bucket full of live entries */
    uint32_t next_victim;
};

void exact_init(struct exact_cache *cache, size_t n_entries);
void exact_fini(struct exact_cache *cache);
struct flow *exact_lookup(const struct exact_cache *cache, const struct flow_key *key, uint64_t hash);
/* The three steps of a lookup, for bursts: each asks for the cache lines that the next one needs. A candidate is the number of the first
 * entry whose signature fits, EXACT_NONE when none does. exact_confirm() looks further when the candidate has another key. */
void exact_prefetch(const struct exact_cache *cache, uint64_t hash);
uint32_t exact_candidate(const struct exact_cache *cache, uint64_t hash);
struct flow *exact_confirm(const struct exact_cache *cache, const struct flow_key *key, uint64_t hash, uint32_t candidate);
#define EXACT_NONE UINT32_MAX

void exact_insert(struct exact_cache *cache, const struct flow_key *key, uint64_t hash, struct flow *flow);
void exact_clear(struct exact_cache *cache);
size_t exact_size(const struct exact_cache *cache);
/* Doubles the cache when inserts keep evicting live entries, up to `limit`; the larger one starts empty and fills from megaflow hits. */
void exact_grow_if_crowded(struct exact_cache *cache, size_t limit);

#endif
