/* Buckets of 32 signatures, one cache line each.
 *
 *     hash: | signature 16 | ...                                     bucket |
 *     signatures[bucket]: 64 bytes, compared all at once    keys, refs[bucket * 32 + i]: the key decides
 *
 * A lookup touches the line of signatures, the two of the key whose signature fits (a wrong fit happens once in 2000), and that of its
 * reference. Over a burst each step is done for all packets before the next, so that the memory works for 32 of them at a time. An
 * insert takes a place that is empty or whose flow has ended, else the next victim in turn. Pages of a large cache are touched as it fills.
 * Cost: some 10 ns when all is in the CPU's cache. Worker thread; grown by its control side.
 * Invariant: an entry is valid only while its generation is its flow's.
 */
#include "services/fastpath/exact.h"

#include <stdlib.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static inline uint16_t signature_of(uint64_t hash)
{
    return (uint16_t)(hash >> 48 | 1);
}

/* One bit for each signature of the bucket that is `wanted`. */
static inline uint32_t fitting(const uint16_t *bucket, uint16_t wanted)
{
#if defined(__SSE2__)
    const __m128i *line = (const __m128i *)(const void *)bucket;
    __m128i all = _mm_set1_epi16((short)wanted);
    __m128i low = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(line), all), _mm_cmpeq_epi16(_mm_load_si128(line + 1), all));
    __m128i high = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(line + 2), all), _mm_cmpeq_epi16(_mm_load_si128(line + 3), all));
    return (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
#else
    uint32_t bits = 0;
    for (unsigned i = 0; i < EXACT_WAYS; i++) {
        bits |= (uint32_t)(bucket[i] == wanted) << i;
    }
    return bits;
#endif
}

static void *lines(size_t size)
{
    void *memory = aligned_alloc(64, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void allocate(struct exact_cache *cache, size_t n_entries)
{
    size_t n_buckets = n_entries / EXACT_WAYS;
    cache->signatures = lines(n_buckets * 64);
    cache->keys = lines(n_entries * sizeof *cache->keys);
    cache->refs = lines(n_entries * sizeof *cache->refs);
    cache->bucket_mask = n_buckets - 1;
    cache->n_evictions = 0;
    exact_clear(cache);
}

void exact_init(struct exact_cache *cache, size_t n_entries)
{
    *cache = (struct exact_cache){0};
    allocate(cache, n_entries);
}

void exact_fini(struct exact_cache *cache)
{
    free(cache->signatures);
    free(cache->keys);
    free(cache->refs);
    *cache = (struct exact_cache){0};
}

static inline bool is_live(const struct exact_ref *ref)
{
    return ref->flow->generation == ref->generation;
}

static inline const uint16_t *bucket_of(const struct exact_cache *cache, uint64_t hash)
{
    return cache->signatures + (hash & cache->bucket_mask) * EXACT_WAYS;
}

static inline uint32_t first_of(const struct exact_cache *cache, uint64_t hash)
{
    return (uint32_t)((hash & cache->bucket_mask) * EXACT_WAYS);
}

struct flow *exact_lookup(const struct exact_cache *cache, const struct flow_key *key, uint64_t hash)
{
    uint32_t bits = fitting(bucket_of(cache, hash), signature_of(hash));
    for (; bits != 0; bits &= bits - 1) {
        uint32_t i = first_of(cache, hash) + (uint32_t)__builtin_ctz(bits);
        if (key_equal(&cache->keys[i], key) && is_live(&cache->refs[i])) {
            return cache->refs[i].flow;
        }
    }
    return NULL;
}

void exact_prefetch(const struct exact_cache *cache, uint64_t hash)
{
    __builtin_prefetch(bucket_of(cache, hash));
}

uint32_t exact_candidate(const struct exact_cache *cache, uint64_t hash)
{
    uint32_t bits = fitting(bucket_of(cache, hash), signature_of(hash));
    if (bits == 0) {
        return EXACT_NONE;
    }
    uint32_t i = first_of(cache, hash) + (uint32_t)__builtin_ctz(bits);
    __builtin_prefetch(&cache->keys[i]);
    __builtin_prefetch((const uint8_t *)&cache->keys[i] + 64);
    __builtin_prefetch(&cache->refs[i]);
    return i;
}

struct flow *exact_confirm(const struct exact_cache *cache, const struct flow_key *key, uint64_t hash, uint32_t candidate)
{
    if (candidate == EXACT_NONE) {
        return NULL;
    }
    if (!key_equal(&cache->keys[candidate], key)) {
        return exact_lookup(cache, key, hash);
    }
    return is_live(&cache->refs[candidate]) ? cache->refs[candidate].flow : NULL;
}

static uint32_t place_for(struct exact_cache *cache, const struct flow_key *key, uint64_t hash)
{
    const uint16_t *bucket = bucket_of(cache, hash);
    uint32_t first = first_of(cache, hash);
    for (uint32_t bits = fitting(bucket, signature_of(hash)); bits != 0; bits &= bits - 1) {
        if (key_equal(&cache->keys[first + (uint32_t)__builtin_ctz(bits)], key)) {
            return first + (uint32_t)__builtin_ctz(bits);
        }
    }
    uint32_t empty = fitting(bucket, 0);
    if (empty != 0) {
        return first + (uint32_t)__builtin_ctz(empty);
    }
    for (uint32_t i = first; i < first + EXACT_WAYS; i++) {
        if (!is_live(&cache->refs[i])) {
            return i;
        }
    }
    cache->n_evictions++;
    return first + cache->next_victim++ % EXACT_WAYS;
}

void exact_insert(struct exact_cache *cache, const struct flow_key *key, uint64_t hash, struct flow *flow)
{
    uint32_t i = place_for(cache, key, hash);
    cache->signatures[i] = signature_of(hash);
    cache->keys[i] = *key;
    cache->refs[i] = (struct exact_ref){.flow = flow, .generation = flow->generation};
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
