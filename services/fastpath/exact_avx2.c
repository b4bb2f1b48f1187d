/* The lookup of the exact cache with AVX2: 32 bytes at a time.
 *
 * A bucket's tags are one comparison.
 * Cost: see exact_lookup.h, which has all but the three functions below. Packet path. exact_init() chooses.
 */
#include <immintrin.h>

#include "services/fastpath/exact_hash.h"

static inline uint32_t fitting(const struct exact_bucket *bucket, uint32_t tag)
{
    __m256i equal = _mm256_cmpeq_epi32(_mm256_load_si256((const __m256i *)(const void *)bucket->tags), _mm256_set1_epi32((int)tag));
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(equal));
}

static inline bool covers(const struct flow *flow, const struct flow_key *key)
{
    const __m256i *have = (const __m256i *)(const void *)key, *wanted = (const __m256i *)(const void *)&flow->key;
    const __m256i *mask = (const __m256i *)(const void *)&flow->mask->bits;
    __m256i difference = _mm256_setzero_si256();
    for (unsigned i = 0; i < sizeof *key / 32; i++) {
        __m256i masked = _mm256_and_si256(_mm256_load_si256(have + i), _mm256_load_si256(mask + i));
        difference = _mm256_or_si256(difference, _mm256_xor_si256(masked, _mm256_load_si256(wanted + i)));
    }
    return _mm256_testz_si256(difference, difference) != 0;
}

static inline uint32_t hash(const struct exact_bits *bits, const struct flow_key *key)
{
    const __m256i *have = (const __m256i *)(const void *)key, *mask = (const __m256i *)(const void *)&bits->mask;
    const __m256i *secrets = (const __m256i *)(const void *)exact_secrets;
    __m256i sum = _mm256_setzero_si256();
    for (unsigned i = 0; i < sizeof *key / 32; i++) {
        __m256i v = _mm256_xor_si256(_mm256_and_si256(_mm256_load_si256(have + i), _mm256_load_si256(mask + i)), _mm256_load_si256(secrets + i));
        __m256i changed = _mm256_shuffle_epi32(v, 0xb1);
        sum = _mm256_add_epi64(sum, _mm256_add_epi64(_mm256_mul_epu32(v, changed), changed));
    }
    __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    return exact_mix(bits->seed + (uint64_t)_mm_cvtsi128_si64(half) + (uint64_t)_mm_extract_epi64(half, 1));
}

#include "services/fastpath/exact_lookup.h"

void exact_lookup_avx2(const struct exact_cache *cache, const struct exact_bits *bits, const struct dp_packet *packets, unsigned n,
                  uint32_t *out_hashes, struct flow **out_flows)
{
    look_up_burst(cache, bits, packets, n, out_hashes, out_flows);
}
