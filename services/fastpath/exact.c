/* Buckets of eight entries, one cache line each.
 *
 *     hash of the bits that matter: 32 bits      bucket = its low bits
 *     bucket: | tag | tag | ... 8 of 4 bytes | number | number | ... 8 of 4 bytes |      tag = the hash; number = the flow's
 *
 * A lookup touches the bucket and the three lines of the flow that say whether it covers the packet and what becomes of it. An insert
 * takes the place of the same tag, an empty one, else the next victim in turn. As the tag is the whole hash, a table of twice the size
 * is made from the old one without a key: bucket i becomes i and i + n. There are twice as many places as entries, because eight
 * places for four entries overflow once in fifty buckets.
 * Cost: lookup, see exact_lookup.h; growing to a million entries some 2 ms. Worker thread; grown by its control side.
 * Invariant: whatever an entry says, only a flow that covers the packet is given (I1, I3).
 */
#include "services/fastpath/exact.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "services/fastpath/exact_hash.h"

_Static_assert(sizeof(struct exact_bucket) == 64, "a cache line");

enum { PLACES_PER_ENTRY = 2 };

static const struct {
    const char *name;
    exact_lookup_fn *lookup;
} lookups[] = {
#if defined(__x86_64__)
    {"avx512", exact_lookup_avx512},
    {"avx2", exact_lookup_avx2},
    {"sse4.2", exact_lookup_sse42},
#endif
    {"plain", exact_lookup_plain},
};

static bool cpu_has(const char *name)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (strcmp(name, "avx512") == 0) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
    }
    if (strcmp(name, "avx2") == 0) {
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    }
    if (strcmp(name, "sse4.2") == 0) {
        return __builtin_cpu_supports("sse4.2");
    }
#endif
    return strcmp(name, "plain") == 0;
}

exact_lookup_fn *exact_lookup_named(const char *name)
{
    for (size_t i = 0; i < sizeof lookups / sizeof lookups[0]; i++) {
        if (strcmp(lookups[i].name, name) == 0 && cpu_has(name)) {
            return lookups[i].lookup;
        }
    }
    return NULL;
}

/* Zeroed and, where it is worth it, in large pages: a cache of 16 MB would need four thousand small ones. */
static struct exact_bucket *map_buckets(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        abort();
    }
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

static void allocate(struct exact_cache *cache, size_t n_entries)
{
    size_t n_buckets = n_entries * PLACES_PER_ENTRY / EXACT_WAYS;
    cache->bytes = n_buckets * sizeof *cache->buckets;
    cache->buckets = map_buckets(cache->bytes);
    cache->bucket_mask = (uint32_t)n_buckets - 1;
    cache->n_evictions = 0;
}

void exact_init(struct exact_cache *cache, struct flow *flows, size_t n_entries)
{
    size_t best = 0;
    while (!cpu_has(lookups[best].name)) {
        best++;
    }
    *cache = (struct exact_cache){.flows = flows, .lookup = lookups[best].lookup, .lookup_name = lookups[best].name};
    allocate(cache, n_entries);
}

void exact_fini(struct exact_cache *cache)
{
    if (cache->buckets != NULL) {
        munmap(cache->buckets, cache->bytes);
    }
    *cache = (struct exact_cache){0};
}

void exact_bits_set(struct exact_bits *bits, uint32_t port, const struct flow_key *mask)
{
    *bits = (struct exact_bits){.mask = *mask, .seed = (port + 1) * 0x9e3779b97f4a7c15u};
}

uint32_t exact_hash(const struct exact_bits *bits, const struct flow_key *key)
{
    return exact_hash_of(bits, key);
}

/* The place for this hash; counts when a live entry must go for it. */
static unsigned place_for(struct exact_cache *cache, const struct exact_bucket *bucket, uint32_t hash)
{
    for (unsigned i = 0; i < EXACT_WAYS; i++) {
        if (bucket->flows[i] == FLOW_NONE || bucket->tags[i] == hash) {
            return i; /* places are taken from the first on and never emptied */
        }
    }
    for (unsigned i = 0; i < EXACT_WAYS; i++) {
        if (!cache->flows[bucket->flows[i]].is_used) {
            return i;
        }
    }
    cache->n_evictions++;
    return cache->next_victim++ % EXACT_WAYS;
}

void exact_insert(struct exact_cache *cache, uint32_t hash, const struct flow *flow)
{
    struct exact_bucket *bucket = &cache->buckets[hash & cache->bucket_mask];
    unsigned place = place_for(cache, bucket, hash);
    bucket->tags[place] = hash;
    bucket->flows[place] = flow->number;
}

size_t exact_size(const struct exact_cache *cache)
{
    return ((size_t)cache->bucket_mask + 1) * EXACT_WAYS / PLACES_PER_ENTRY;
}

void exact_clear(struct exact_cache *cache)
{
    memset(cache->buckets, 0, cache->bytes);
}

void exact_grow_if_crowded(struct exact_cache *cache, size_t limit)
{
    size_t size = exact_size(cache);
    if (cache->n_evictions <= size / 32 || size * 2 > limit) {
        return;
    }
    struct exact_bucket *old = cache->buckets;
    size_t n_old = (size_t)cache->bucket_mask + 1, old_bytes = cache->bytes;
    allocate(cache, size * 2);
    for (size_t i = 0; i < n_old; i++) {
        unsigned n_placed[2] = {0, 0};
        for (unsigned k = 0; k < EXACT_WAYS && old[i].flows[k] != FLOW_NONE; k++) {
            unsigned upper = (old[i].tags[k] & n_old) != 0;
            struct exact_bucket *bucket = &cache->buckets[i + upper * n_old];
            bucket->tags[n_placed[upper]] = old[i].tags[k];
            bucket->flows[n_placed[upper]++] = old[i].flows[k];
        }
    }
    munmap(old, old_bytes);
}
