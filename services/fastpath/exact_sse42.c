/* The lookup of the exact cache with SSE4.2: 16 bytes at a time.
 *
 * Every x86 server since 2009 has it.
 * Cost: see exact_lookup.h, which has all but the three functions below. Packet path. exact_init() chooses.
 */
#include <smmintrin.h>

#include "services/fastpath/exact_hash.h"

static inline uint32_t fitting(const struct exact_bucket *bucket, uint32_t tag)
{
    __m128i wanted = _mm_set1_epi32((int)tag);
    __m128i low = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)(const void *)bucket->tags), wanted);
    __m128i high = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)(const void *)(bucket->tags + 4)), wanted);
    return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(low)) | (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(high)) << 4;
}

static inline bool covers(const struct flow *flow, const struct flow_key *key)
{
    const __m128i *have = (const __m128i *)(const void *)key, *wanted = (const __m128i *)(const void *)&flow->key;
    const __m128i *mask = (const __m128i *)(const void *)&flow->mask->bits;
    __m128i difference = _mm_setzero_si128();
    for (unsigned i = 0; i < sizeof *key / 16; i++) {
        __m128i masked = _mm_and_si128(_mm_load_si128(have + i), _mm_load_si128(mask + i));
        difference = _mm_or_si128(difference, _mm_xor_si128(masked, _mm_load_si128(wanted + i)));
    }
    return _mm_testz_si128(difference, difference) != 0;
}

static inline uint32_t hash(const struct exact_bits *bits, const struct flow_key *key)
{
    const __m128i *have = (const __m128i *)(const void *)key, *mask = (const __m128i *)(const void *)&bits->mask;
    const __m128i *secrets = (const __m128i *)(const void *)exact_secrets;
    __m128i sum = _mm_setzero_si128();
    for (unsigned i = 0; i < sizeof *key / 16; i++) {
        __m128i v = _mm_xor_si128(_mm_and_si128(_mm_load_si128(have + i), _mm_load_si128(mask + i)), _mm_load_si128(secrets + i));
        __m128i changed = _mm_shuffle_epi32(v, 0xb1);
        sum = _mm_add_epi64(sum, _mm_add_epi64(_mm_mul_epu32(v, changed), changed));
    }
    return exact_mix(bits->seed + (uint64_t)_mm_cvtsi128_si64(sum) + (uint64_t)_mm_extract_epi64(sum, 1));
}

#include "services/fastpath/exact_lookup.h"

void exact_lookup_sse42(const struct exact_cache *cache, const struct exact_bits *bits, const struct dp_packet *packets, unsigned n,
                  uint32_t *out_hashes, struct flow **out_flows)
{
    look_up_burst(cache, bits, packets, n, out_hashes, out_flows);
}
