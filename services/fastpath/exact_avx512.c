/* The lookup of the exact cache with AVX-512 (F and VL): 64 bytes at a time.
 *
 * A key is two comparisons of three operands each.
 * Cost: see exact_lookup.h, which has all but the three functions below. Packet path. exact_init() chooses.
 */
#include <immintrin.h>

#include "services/fastpath/exact_hash.h"

enum { XOR_OF_AND = 0x78 /* a ^ (b & c), as a truth table of three bits */ };

static inline uint32_t fitting(const struct exact_bucket *bucket, uint32_t tag)
{
    return _mm256_cmpeq_epi32_mask(_mm256_load_si256((const __m256i *)(const void *)bucket->tags), _mm256_set1_epi32((int)tag));
}

static inline bool covers(const struct flow *flow, const struct flow_key *key)
{
    const uint8_t *have = (const uint8_t *)key, *wanted = (const uint8_t *)&flow->key, *mask = (const uint8_t *)&flow->mask->bits;
    __m512i low = _mm512_ternarylogic_epi64(_mm512_load_si512(wanted), _mm512_load_si512(have), _mm512_load_si512(mask), XOR_OF_AND);
    __m512i high = _mm512_ternarylogic_epi64(_mm512_load_si512(wanted + 64), _mm512_load_si512(have + 64), _mm512_load_si512(mask + 64), XOR_OF_AND);
    __m512i difference = _mm512_or_si512(low, high);
    return _mm512_test_epi64_mask(difference, difference) == 0;
}

static inline uint32_t hash(const struct exact_bits *bits, const struct flow_key *key)
{
    const uint8_t *have = (const uint8_t *)key, *mask = (const uint8_t *)&bits->mask, *secrets = (const uint8_t *)exact_secrets;
    __m512i low = _mm512_ternarylogic_epi64(_mm512_load_si512(secrets), _mm512_load_si512(have), _mm512_load_si512(mask), XOR_OF_AND);
    __m512i high = _mm512_ternarylogic_epi64(_mm512_load_si512(secrets + 64), _mm512_load_si512(have + 64), _mm512_load_si512(mask + 64), XOR_OF_AND);
    __m512i low_changed = _mm512_shuffle_epi32(low, _MM_PERM_CDAB), high_changed = _mm512_shuffle_epi32(high, _MM_PERM_CDAB);
    __m512i sum = _mm512_add_epi64(_mm512_add_epi64(_mm512_mul_epu32(low, low_changed), low_changed),
                                   _mm512_add_epi64(_mm512_mul_epu32(high, high_changed), high_changed));
    __m256i half = _mm256_add_epi64(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
    __m128i quarter = _mm_add_epi64(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    return exact_mix(bits->seed + (uint64_t)_mm_cvtsi128_si64(quarter) + (uint64_t)_mm_extract_epi64(quarter, 1));
}

#include "services/fastpath/exact_lookup.h"

void exact_lookup_avx512(const struct exact_cache *cache, const struct exact_bits *bits, const struct dp_packet *packets, unsigned n,
                  uint32_t *out_hashes, struct flow **out_flows)
{
    look_up_burst(cache, bits, packets, n, out_hashes, out_flows);
}
