/* The lookup of a burst in the exact cache, written once and compiled for each instruction set (exact_avx512.c and its like).
 *
 *     hash all, ask for buckets  ->  compare tags, ask for flows  ->  does the flow cover the packet?  ask for its program
 *
 * Each step is done for the whole burst before the next, so that the memory works for all packets at a time. Whoever includes this has
 * defined three functions: fitting() gives a bit for each tag of a bucket that
 * is equal, covers() is flow_covers() and hash() is exact_hash_of().
 * Cost: some 5 to 8 ns a packet when all is in the CPU's cache, three cache lines of the flow and one of the bucket where it is not.
 * Packet path: no allocation, no state but the cache. An empty place holds FLOW_NONE, which covers nothing, so no step asks whether
 * it found something.
 */
#ifndef BUSBAR_FASTPATH_EXACT_LOOKUP_H
#define BUSBAR_FASTPATH_EXACT_LOOKUP_H

#include "services/fastpath/exact.h"

/* Another entry of the bucket whose tag fits as well: two keys of one hash, once in some thousands. */
static __attribute__((noinline, cold)) struct flow *look_further(const struct exact_cache *cache, const struct exact_bucket *bucket,
                                                                 uint32_t bits, const struct flow_key *key)
{
    for (; bits != 0; bits &= bits - 1) {
        struct flow *flow = &cache->flows[bucket->flows[__builtin_ctz(bits)]];
        if (covers(flow, key)) {
            return flow;
        }
    }
    return NULL;
}

static inline __attribute__((always_inline)) void look_up_burst(const struct exact_cache *cache, const struct exact_bits *bits,
                                                                const struct dp_packet *packets, unsigned n, uint32_t *out_hashes,
                                                                struct flow **out_flows)
{
    for (unsigned i = 0; i < n; i++) {
        out_hashes[i] = hash(bits, &packets[i].key);
        __builtin_prefetch(&cache->buckets[out_hashes[i] & cache->bucket_mask]);
    }
    for (unsigned i = 0; i < n; i++) {
        const struct exact_bucket *bucket = &cache->buckets[out_hashes[i] & cache->bucket_mask];
        uint32_t fits = fitting(bucket, out_hashes[i]);
        struct flow *flow = &cache->flows[fits != 0 ? bucket->flows[__builtin_ctz(fits)] : FLOW_NONE];
        __builtin_prefetch(flow, 1);
        __builtin_prefetch(&flow->key);
        __builtin_prefetch((const uint8_t *)&flow->key + 64);
        out_flows[i] = flow;
    }
    for (unsigned i = 0; i < n; i++) {
        struct flow *flow = out_flows[i];
        if (__builtin_expect(!covers(flow, &packets[i].key), 0)) {
            const struct exact_bucket *bucket = &cache->buckets[out_hashes[i] & cache->bucket_mask];
            uint32_t fits = fitting(bucket, out_hashes[i]);
            out_flows[i] = flow = (fits & (fits - 1)) != 0 ? look_further(cache, bucket, fits & (fits - 1), &packets[i].key) : NULL;
        }
        __builtin_prefetch(flow != NULL ? flow->program : NULL);
    }
}

#endif
