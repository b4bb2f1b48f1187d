/* Comparing, masking and hashing keys, always by 64-bit words.
 *
 * Why words: keys are integers in network order without padding, so a loop of 16 words (27 for a state) with a constant count
 * becomes a few vector instructions on whatever the compiler may use, and needs no run-time choice between instruction sets.
 * The two local hashes fold 128-bit products of neighbouring words. A multiplication is the cheapest instruction that moves
 * every input bit to many output bits, and gives the same on every CPU. The products of key_hash() do not wait for each
 * other, so 128 bytes cost about the latency of one fold and eight multiplications, some 5 ns.
 * Called from the packet path: no allocation, no state. Any thread.
 */
#include "lib/flow/key.h"

#include <xxhash.h>

/* Distinct odd-looking patterns for each position: multiples of 2^64 / golden ratio. */
#define SECRET(i) ((uint64_t)((i) + 1) * 0x9e3779b97f4a7c15ULL)

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

bool key_equal(const struct flow_key *a, const struct flow_key *b)
{
    uint64_t difference = 0;
    for (size_t i = 0; i < KEY_WORDS; i++) {
        difference |= key_word(a, i) ^ key_word(b, i);
    }
    return difference == 0;
}

bool key_equal_under(const struct flow_key *a, const struct flow_key *b, const struct flow_key *mask)
{
    uint64_t difference = 0;
    for (size_t i = 0; i < KEY_WORDS; i++) {
        difference |= (key_word(a, i) ^ key_word(b, i)) & key_word(mask, i);
    }
    return difference == 0;
}

void key_mask(const struct flow_key *key, const struct flow_key *mask, struct flow_key *out)
{
    for (size_t i = 0; i < KEY_WORDS; i++) {
        key_set_word(out, i, key_word(key, i) & key_word(mask, i));
    }
}

bool key_mask_covers(const struct flow_key *outer, const struct flow_key *inner)
{
    uint64_t missing = 0;
    for (size_t i = 0; i < KEY_WORDS; i++) {
        missing |= key_word(inner, i) & ~key_word(outer, i);
    }
    return missing == 0;
}

bool state_equal_under(const struct flow_state *a, const struct flow_state *b, const struct flow_state *mask)
{
    uint64_t difference = 0;
    for (size_t i = 0; i < STATE_WORDS; i++) {
        difference |= (state_word(a, i) ^ state_word(b, i)) & state_word(mask, i);
    }
    return difference == 0;
}

void state_mask_add(struct flow_state *into, const struct flow_state *from)
{
    for (size_t i = 0; i < STATE_WORDS; i++) {
        state_set_word(into, i, state_word(into, i) | state_word(from, i));
    }
}

uint64_t key_hash(const struct flow_key *key)
{
    uint64_t hash = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < KEY_WORDS; i += 2) {
        hash ^= fold(key_word(key, i) ^ SECRET(i), key_word(key, i + 1) ^ SECRET(i + 1));
    }
    return fold(hash ^ SECRET(16), SECRET(17));
}

struct flow_id key_flow_id(const struct flow_key *key, const struct flow_key *mask)
{
    struct flow_key input[2];
    key_mask(key, mask, &input[0]);
    input[1] = *mask;
    XXH128_hash_t hash = XXH3_128bits(input, sizeof input);
    return (struct flow_id){.high = hash.high64, .low = hash.low64};
}

/* Fragments leave out protocol and ports: later ones have no ports, and of IPv6 no protocol, but belong behind the first. */
uint32_t key_flow_hash(const struct flow_key *key)
{
    uint64_t port = (uint64_t)host32(key->in_port) << 32 | (uint64_t)(host16(key->vlan_tci) & 0x0fff) << 16 | host16(key->eth_type);
    uint64_t hash = fold(port ^ SECRET(0), SECRET(1));

    if (key->eth_type.raw == be16(0x0800).raw || key->eth_type.raw == be16(0x86dd).raw) {
        uint64_t upper = 0;
        if (key->ip_frag == 0) {
            upper = (uint64_t)key->ip_proto << 32 | (uint64_t)host16(key->l4_src) << 16 | host16(key->l4_dst);
        }
        hash ^= fold(load_u64(key->ip_src) ^ SECRET(2), load_u64(key->ip_src + 8) ^ SECRET(3));
        hash ^= fold(load_u64(key->ip_dst) ^ SECRET(4), load_u64(key->ip_dst + 8) ^ SECRET(5));
        hash ^= fold(upper ^ SECRET(6), SECRET(7));
    } else {
        uint64_t addresses[2] = {0, 0};
        memcpy(addresses, key->eth_dst, sizeof key->eth_dst + sizeof key->eth_src);
        uint64_t label = host32(key->mpls[0]) >> 12;
        hash ^= fold(addresses[0] ^ SECRET(2), addresses[1] ^ SECRET(3));
        hash ^= fold(label ^ SECRET(4), SECRET(5));
    }
    hash = fold(hash ^ SECRET(8), SECRET(9));
    return (uint32_t)(hash ^ hash >> 32);
}

_Static_assert(offsetof(struct flow_key, eth_src) == offsetof(struct flow_key, eth_dst) + 6, "both addresses are copied at once");
