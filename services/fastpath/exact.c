/* Buckets of 32 signatures, one cache line each.
 *
 *     hash: | signature 16 | ...                                     bucket |
 *     signatures[bucket]: 64 bytes, compared all at once       entries[bucket * 32 + i]: the key decides
 *
 * A lookup touches two or three lines: the signatures, and the entry whose signature fits (a wrong fit happens once in 2000). An insert
 * takes a place that is empty or whose flow has ended, else the next victim in turn.
 * Cost: two cache misses on a cold hit, prefetched by the worker over the burst. Worker thread; grown by its control side.
 * Invariant: an entry is valid only while its generation is its flow's.
 */
#include "services/fastpath/exact.h"

#include <stdlib.h>

#include "lib/base/memory.h"

static inline uint16_t signature_of(uint64_t hash)
{
    return (uint16_t)(hash >> 48 | 1);
}

/* One bit for each signature of the bucket that is `wanted`. */
static inline uint32_t fitting(const uint16_t *bucket, uint16_t wanted)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < EXACT_WAYS; i++) {
        bits |= (uint32_t)(bucket[i] == wanted) << i;
    }
    return bits;
}

static void allocate(struct exact_cache *cache, size_t n_entries)
{
    size_t n_buckets = n_entries / EXACT_WAYS;
    cache->signatures = aligned_alloc(64, n_buckets * 64);
    if (cache->signatures == NULL) {
        abort();
    }
    memset(cache->signatures, 0, n_buckets * 64);
    cache->entries = memory_array(n_entries, sizeof *cache->entries);
    cache->bucket_mask = n_buckets - 1;
    cache->n_evictions = 0;
}

void exact_init(struct exact_cache *cache, size_t n_entries)
{
    *cache = (struct exact_cache){0};
    allocate(cache, n_entries);
}

void exact_fini(struct exact_cache *cache)
{
    free(cache->signatures);
    free(cache->entries);
    *cache = (struct exact_cache){0};
}

static inline bool is_live(const struct exact_entry *entry)
{
    return entry->flow != NULL && entry->flow->generation == entry->generation;
}

struct flow *exact_lookup(const struct exact_cache *cache, const struct flow_key *key, uint64_t hash)
{
    uint64_t bucket = hash & cache->bucket_mask;
    uint32_t bits = fitting(cache->signatures + bucket * EXACT_WAYS, signature_of(hash));
    for (; bits != 0; bits &= bits - 1) {
        const struct exact_entry *entry = &cache->entries[bucket * EXACT_WAYS + (unsigned)__builtin_ctz(bits)];
        if (key_equal(&entry->key, key) && is_live(entry)) {
            return entry->flow;
        }
    }
    return NULL;
}

void exact_prefetch(const struct exact_cache *cache, uint64_t hash)
{
    __builtin_prefetch(cache->signatures + (hash & cache->bucket_mask) * EXACT_WAYS);
}

static unsigned place_for(struct exact_cache *cache, uint64_t bucket, const struct flow_key *key, uint16_t signature)
{
    const uint16_t *signatures = cache->signatures + bucket * EXACT_WAYS;
    const struct exact_entry *entries = cache->entries + bucket * EXACT_WAYS;
    for (uint32_t bits = fitting(signatures, signature); bits != 0; bits &= bits - 1) {
        if (key_equal(&entries[__builtin_ctz(bits)].key, key)) {
            return (unsigned)__builtin_ctz(bits);
        }
    }
    uint32_t empty = fitting(signatures, 0);
    if (empty != 0) {
        return (unsigned)__builtin_ctz(empty);
    }
    for (unsigned i = 0; i < EXACT_WAYS; i++) {
        if (!is_live(&entries[i])) {
            return i;
        }
    }
    cache->n_evictions++;
    return cache->next_victim++ % EXACT_WAYS;
}

void exact_insert(struct exact_cache *cache, const struct flow_key *key, uint64_t hash, struct flow *flow)
{
    uint64_t bucket = hash & cache->bucket_mask;
    unsigned i = place_for(cache, bucket, key, signature_of(hash));
    cache->signatures[bucket * EXACT_WAYS + i] = signature_of(hash);
    cache->entries[bucket * EXACT_WAYS + i] = (struct exact_entry){.key = *key, .flow = flow, .generation = flow->generation};
}

size_t exact_size(const struct exact_cache *cache)
{
    return (cache->bucket_mask + 1) * EXACT_WAYS;
}

void exact_clear(struct exact_cache *cache)
{
    memset(cache->signatures, 0, exact_size(cache) * sizeof *cache->signatures);
}

void exact_grow_if_crowded(struct exact_cache *cache, size_t limit)
{
    size_t size = exact_size(cache);
    if (cache->n_evictions > size / 16 && size * 2 <= limit) {
        exact_fini(cache);
        allocate(cache, size * 2);
    }
}
