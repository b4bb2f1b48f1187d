/* The datapath hash.
 *
 * Symmetric: address and port of each end are hashed, and the two added, which does not care which is which. (Adding or xoring the
 * addresses themselves is cheaper, but 10.0.0.1 with 10.0.0.4 is then the same as 10.0.0.2 with 10.0.0.3.) Fragments leave out
 * ports and protocol, which only the first fragment has, so that all go one way. What is not IP is told apart by its addresses, type
 * and outermost label.
 * By fields: values of the fields that the packet has, in the order of fields.def, each with its number, so that tcp_src=5 and
 * tcp_dst=5 differ.
 * The arithmetic is a multiplication to 128 bits whose halves are put together, as in lib/flow/key.c.
 * Cost: 5 ns; by fields 10 ns each. Packet path, any thread; no state.
 */
#include "lib/dp/hash.h"

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_SCTP = 132 };

#define PRIME 0x9e3779b97f4a7c15ULL /* 2^64 / golden ratio, which is odd */

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    unsigned __int128 product = (unsigned __int128)(hash ^ word ^ PRIME) * (word + PRIME);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load64(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return __builtin_bswap64(word);
}

static uint64_t load48(const uint8_t *mac)
{
    uint64_t word = 0;
    memcpy((uint8_t *)&word + 2, mac, 6);
    return __builtin_bswap64(word);
}

static inline uint64_t end_of(const uint8_t *address, struct be16 port, uint64_t hash)
{
    return mix(mix(mix(hash, load64(address)), load64(address + 8)), host16(port));
}

static uint64_t symmetric_l4(const struct flow_key *key, uint64_t hash)
{
    uint16_t type = host16(key->eth_type);
    hash = mix(hash, type);
    if (type != TYPE_IPV4 && type != TYPE_IPV6) {
        hash = mix(hash, host32(key->mpls[0]) >> 12);
        return mix(hash, load48(key->eth_src)) + mix(hash, load48(key->eth_dst));
    }
    bool is_whole = key->ip_frag == 0;
    bool has_ports = is_whole && (key->ip_proto == PROTO_TCP || key->ip_proto == PROTO_UDP || key->ip_proto == PROTO_SCTP);
    hash = mix(hash, is_whole ? key->ip_proto : 0);
    return end_of(key->ip_src, has_ports ? key->l4_src : be16(0), hash) + end_of(key->ip_dst, has_ports ? key->l4_dst : be16(0), hash);
}

static uint64_t of_fields(const struct flow_key *key, const struct dp_hash *what, uint64_t hash)
{
    struct flow_state state = {.key = *key};
    for (size_t word = 0; word < 2; word++) {
        for (uint64_t bits = what->fields[word]; bits != 0; bits &= bits - 1) {
            enum field_id id = (enum field_id)(word * 64 + (size_t)__builtin_ctzll(bits));
            if (field_present(id, &state)) {
                struct field_value value = field_get(id, &state);
                hash = mix(mix(mix(hash, id), load64(value.bytes)), load64(value.bytes + 8));
            }
        }
    }
    return hash;
}

uint32_t hash_packet(const struct flow_key *key, const struct dp_hash *hash)
{
    uint64_t wide = hash->algorithm == DP_HASH_FIELDS ? of_fields(key, hash, hash->basis) : symmetric_l4(key, hash->basis);
    wide = mix(wide, 0);
    uint32_t narrow = (uint32_t)(wide ^ wide >> 32);
    return narrow != 0 ? narrow : 1;
}
