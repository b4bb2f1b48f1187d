/* The exact cache: from the hash of a packet's key to the number of its flow, the shard's own shortcut around the megaflow tables.
 *
 * It holds no keys. The flow that an entry names is asked whether it covers the packet (flow_covers), so an entry can be out of
 * date but never wrong, and 1,000,000 entries are 8 MB. The hash is taken of those bits of the key only that some flow of the ingress
 * port looks at (struct exact_bits): packets that no flow tells apart share an entry, so that a million connections under two rules
 * need two. It starts with EXACT_MIN entries and doubles, at the control side's say, up to a limit. Lookup and insert are on the packet path.
 */
#ifndef BUSBAR_FASTPATH_EXACT_H
#define BUSBAR_FASTPATH_EXACT_H

#include "lib/dp/execute.h"
#include "services/fastpath/flow.h"

enum {
    EXACT_MIN = 16384,
    EXACT_MAX = 1 << 20, /* entries by default; there are twice as many places, so that buckets seldom overflow */
    EXACT_WAYS = 8,
    EXACT_BURST = 64 /* packets of one lookup */
};

/* One cache line. */
struct exact_bucket {
    uint32_t tags[EXACT_WAYS]; /* the hash; beside FLOW_NONE it means nothing */
    uint32_t flows[EXACT_WAYS];
};

/* The bits of the key that a port's flows look at. */
struct exact_bits {
    struct flow_key mask __attribute__((aligned(64)));
    uint64_t seed; /* of the port, so that ports do not share entries */
};

struct exact_cache;
/* For each of n packets the flow that covers it, or NULL, and the hash to insert it with. Asks for the memory of all packets before it
 * reads that of the first. */
typedef void exact_lookup_fn(const struct exact_cache *cache, const struct exact_bits *bits, const struct dp_packet *packets, unsigned n,
                             uint32_t *out_hashes, struct flow **out_flows);

struct exact_cache {
    struct exact_bucket *buckets;
    uint32_t bucket_mask;
    struct flow *flows; /* flow_table_base() */
    exact_lookup_fn *lookup;
    const char *lookup_name; /* "avx512", "avx2", "sse4.2", "plain" */
    uint64_t n_evictions;    /* since the last growth: inserts that found their bucket full of live entries */
    uint32_t next_victim;
    size_t bytes;
};

/* `n_entries` is a power of two. Takes the fastest lookup this CPU has. */
void exact_init(struct exact_cache *cache, struct flow *flows, size_t n_entries);
void exact_fini(struct exact_cache *cache);
/* `mask`: all bits that some flow of the port looks at. */
void exact_bits_set(struct exact_bits *bits, uint32_t port, const struct flow_key *mask);
uint32_t exact_hash(const struct exact_bits *bits, const struct flow_key *key);
static inline void exact_lookup(const struct exact_cache *cache, const struct exact_bits *bits, const struct dp_packet *packets, unsigned n,
                                uint32_t *out_hashes, struct flow **out_flows)
{
    cache->lookup(cache, bits, packets, n, out_hashes, out_flows);
}
void exact_insert(struct exact_cache *cache, uint32_t hash, const struct flow *flow);
void exact_clear(struct exact_cache *cache);
/* How many entries it is made for. */
size_t exact_size(const struct exact_cache *cache);
/* Doubles the cache when inserts keep evicting live entries, up to `limit` entries. Nothing is forgotten. */
void exact_grow_if_crowded(struct exact_cache *cache, size_t limit);

/* The lookups by instruction set; which of them this CPU has, exact_init() knows. */
exact_lookup_fn exact_lookup_plain, exact_lookup_sse42, exact_lookup_avx2, exact_lookup_avx512;
/* The lookup of this name; NULL when this CPU does not have it. For tests and measurements. */
exact_lookup_fn *exact_lookup_named(const char *name);

#endif
