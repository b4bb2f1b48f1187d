/* The flow key: what a packet looks like, as 128 bytes of network order, and its mask of the same shape.
 *
 * The fastpath knows packets only as keys. The slowpath's tables look at more: struct flow_state is a key with the pipeline's
 * registers behind it. A mask is a struct of the same type whose 1 bits are the ones that were looked at.
 * In a key, in_port is the switch-wide port id; in the flow_state of a bridge's tables it is that bridge's OpenFlow port number.
 *
 * Members come from fields.def, so the layout has one source; they leave no padding (asserted), so keys are compared, hashed
 * and masked as 64-bit words. A parser zeroes what a packet does not have.
 */
#ifndef BUSBAR_FLOW_KEY_H
#define BUSBAR_FLOW_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/endian.h"

struct flow_key {
#define KEY_MEMBER(type, name, dimension) type name dimension;
#include "lib/flow/fields.def"
} __attribute__((aligned(8)));

struct flow_state {
    struct flow_key key;
#define STATE_MEMBER(type, name, dimension) type name dimension;
#include "lib/flow/fields.def"
};

enum {
    KEY_WORDS = sizeof(struct flow_key) / 8,
    STATE_WORDS = sizeof(struct flow_state) / 8,
    KEY_VLAN_PRESENT = 0x1000, /* in vlan_tci, host order: OFPVID_PRESENT */
    KEY_FRAG_ANY = 1,
    KEY_FRAG_LATER = 2,
    KEY_ETH_TYPE_NONE = 0x05ff, /* 802.3 frames without a type: Open vSwitch's value for them */
};

_Static_assert(sizeof(struct flow_key) == 128, "two cache lines, two AVX-512 compares");
_Static_assert(offsetof(struct flow_key, ip_src) == 40 && offsetof(struct flow_key, l4_src) == 72, "the common part is in 80 bytes");
_Static_assert(sizeof(struct flow_state) == 224, "no padding");

/* The words of a key or state, for loops over all bits. The structs are made of integers in network order without padding. */
static inline uint64_t key_word(const struct flow_key *key, size_t i)
{
    uint64_t word;
    memcpy(&word, (const uint8_t *)key + i * 8, 8);
    return word;
}

static inline void key_set_word(struct flow_key *key, size_t i, uint64_t word)
{
    memcpy((uint8_t *)key + i * 8, &word, 8);
}

static inline uint64_t state_word(const struct flow_state *state, size_t i)
{
    uint64_t word;
    memcpy(&word, (const uint8_t *)state + i * 8, 8);
    return word;
}

static inline void state_set_word(struct flow_state *state, size_t i, uint64_t word)
{
    memcpy((uint8_t *)state + i * 8, &word, 8);
}

bool key_equal(const struct flow_key *a, const struct flow_key *b);
/* (a ^ b) & mask is zero. */
bool key_equal_under(const struct flow_key *a, const struct flow_key *b, const struct flow_key *mask);
/* out = key & mask; may be the same object as key. */
void key_mask(const struct flow_key *key, const struct flow_key *mask, struct flow_key *out);
/* Every 1 bit of `inner` is a 1 bit of `outer`. */
bool key_mask_covers(const struct flow_key *outer, const struct flow_key *inner);
bool state_equal_under(const struct flow_state *a, const struct flow_state *b, const struct flow_state *mask);
/* into |= from. */
void state_mask_add(struct flow_state *into, const struct flow_state *from);

/* Hash of all bits (exact cache). */
uint64_t key_hash(const struct flow_key *key);
/* Identity of a flow: 128-bit hash of key and mask, the same in every process (XXH3-128 of masked key, then mask). */
struct flow_id {
    uint64_t high;
    uint64_t low;
};
struct flow_id key_flow_id(const struct flow_key *key, const struct flow_key *mask);
static inline bool flow_id_equal(struct flow_id a, struct flow_id b)
{
    return a.high == b.high && a.low == b.low;
}
/* The flow hash of the design: port, VLAN id, MACs of packets without an IP header, addresses, protocol and L4 ports (not those of
 * fragments), one per connection direction. Coarser than the key; orders packets (I7) and picks the slowpath replica (bucket = low 8 bits). */
uint32_t key_flow_hash(const struct flow_key *key);

#endif
