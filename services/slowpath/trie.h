/* A set of values of one field, and how many leading bits of another value tell that it is not among them.
 *
 * All values of a trie are under one mask: the rest of their bits is zero. A value may be in it many times. The caller keeps the root, NULL
 * when the trie is empty, so that an empty one costs a pointer.
 */
#ifndef BUSBAR_SLOWPATH_TRIE_H
#define BUSBAR_SLOWPATH_TRIE_H

#include <stdint.h>

enum { TRIE_BITS = 128, TRIE_PRESENT = TRIE_BITS + 1 };

/* The first bit of the field is the highest bit of `high`; a field shorter than 128 bits ends in zeros. */
struct trie_value {
    uint64_t high, low;
};

struct pool;
struct trie_node;

/* The first n bits of the value, the rest zero; n may be more than there are. */
static inline struct trie_value trie_leading_bits(struct trie_value value, unsigned n)
{
    uint64_t behind_high = n >= 64 ? 0 : UINT64_MAX >> n;
    uint64_t behind_low = n >= 128 ? 0 : n <= 64 ? UINT64_MAX : UINT64_MAX >> (n - 64);
    return (struct trie_value){value.high & ~behind_high, value.low & ~behind_low};
}

/* How many leading bits hold all that are set. */
static inline unsigned trie_bits_end(struct trie_value value)
{
    return value.low != 0    ? TRIE_BITS - (unsigned)__builtin_ctzll(value.low)
           : value.high != 0 ? 64 - (unsigned)__builtin_ctzll(value.high)
                             : 0;
}

/* Nodes are of the pool, the same for all calls of a root. */
void trie_insert(struct pool *pool, struct trie_node **root, struct trie_value value);
/* `value` is in it. Takes it out once. */
void trie_remove(struct pool *pool, struct trie_node **root, struct trie_value value);
void trie_clear(struct pool *pool, struct trie_node **root);
/* The least n so that no value in the trie has the same first n bits; TRIE_PRESENT when `value` is in it. */
unsigned trie_bits_to_tell(const struct trie_node *root, struct trie_value value);

#endif
