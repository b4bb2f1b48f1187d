/* The lookup of the exact cache without vector instructions of its own: any CPU.
 *
 * The compiler makes of the loops what the baseline allows. Also what the others are tested against.
 * Cost: see exact_lookup.h, which has all but the three functions below. Packet path. exact_init() chooses.
 */
#include "services/fastpath/exact_hash.h"

static inline uint32_t fitting(const struct exact_bucket *bucket, uint32_t tag)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < EXACT_WAYS; i++) {
        bits |= (uint32_t)(bucket->tags[i] == tag) << i;
    }
    return bits;
}

static inline bool covers(const struct flow *flow, const struct flow_key *key)
{
    return flow_covers(flow, key);
}

static inline uint32_t hash(const struct exact_bits *bits, const struct flow_key *key)
{
    return exact_hash_of(bits, key);
}

#include "services/fastpath/exact_lookup.h"

void exact_lookup_plain(const struct exact_cache *cache, const struct exact_bits *bits, const struct dp_packet *packets, unsigned n,
                  uint32_t *out_hashes, struct flow **out_flows)
{
    look_up_burst(cache, bits, packets, n, out_hashes, out_flows);
}
