/* The hash of the exact cache: one function, written for each instruction set (exact_avx512.c and its like), on which all agree.
 *
 *     sum over the words w of the key:  v = (w & mask) ^ secret;   low 32 bits of v * high 32 bits of v  +  v with its halves changed
 *
 * A multilinear hash: every word's product is made without waiting for another, so that vector units make eight at a time, and without
 * asking which words the mask has. The halves are added because a product with a zero half says nothing of the other.
 * Source: D. Lemire, O. Kaser, "Strongly universal string hashing is fast", 2014; the use of both halves is that of XXH3.
 */
#ifndef BUSBAR_FASTPATH_EXACT_HASH_H
#define BUSBAR_FASTPATH_EXACT_HASH_H

#include "services/fastpath/exact.h"

/* Random numbers: the fractions of the square roots of the first sixteen primes. */
static const uint64_t exact_secrets[KEY_WORDS] __attribute__((aligned(64))) = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u, 0x510e527fade682d1u, 0x9b05688c2b3e6c1fu,
    0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u, 0xcbbb9d5dc1059ed8u, 0x629a292a367cd507u, 0x9159015a3070dd17u, 0x152fecd8f70e5939u,
    0x67332667ffc00b31u, 0x8eb44a8768581511u, 0xdb0c2e0d64f98fa7u, 0x47b5481dbefa4fa4u};

static inline uint32_t exact_mix(uint64_t sum)
{
    sum ^= sum >> 29;
    sum *= 0xff51afd7ed558ccdu;
    return (uint32_t)(sum >> 32);
}

static inline uint32_t exact_hash_of(const struct exact_bits *bits, const struct flow_key *key)
{
    uint64_t sum = bits->seed;
    for (size_t i = 0; i < KEY_WORDS; i++) {
        uint64_t v = (key_word(key, i) & key_word(&bits->mask, i)) ^ exact_secrets[i];
        sum += (uint64_t)(uint32_t)v * (v >> 32) + (v << 32 | v >> 32);
    }
    return exact_mix(sum);
}

#endif
