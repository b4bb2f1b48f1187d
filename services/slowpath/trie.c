/* A binary trie that keeps only the nodes where values part (a crit-bit tree, or PATRICIA).
 *
 *     {0001, 0011, 0110}            bit 1
 *                                 0 /   \ 1
 *                                bit 2   0110        a branch names the first bit in which the values below it differ
 *                              0 /  \ 1
 *                            0001    0011
 *
 * All values have the same length, so a leaf is a value and a branch always has two children: n values, n leaves, n - 1 branches. Bits
 * that branches skip are not compared on the way down. That is enough: no value in the trie shares more leading bits with a given one
 * than the leaf where the given one's bits lead. For let the best value share p bits; every branch above its leaf at a bit below p sends both the
 * same way, and the first branch at p or behind has only values below it that share those p bits too.
 * So one comparison at the leaf gives the common bits, and one bit more tells that the value is not there.
 *
 * Cost: insert, remove and look-up visit at most as many nodes as the field has bits, on average log2(n); a node is 24 bytes. Only insert
 * allocates. Recursion nowhere but in trie_clear(), as deep as the field has bits. Thread: the one that translates.
 */
#include "services/slowpath/trie.h"

#include <stddef.h>

#include "services/slowpath/pool.h"

enum { LEAF = TRIE_BITS /* no branch is at that bit */ };

struct trie_node {
    uint32_t bit;   /* of a branch, counted from the first; LEAF: a leaf */
    uint32_t count; /* of a leaf: how many times its value is in the trie */
    union {
        struct trie_value value;
        struct trie_node *children[2]; /* never NULL */
    };
};

static inline unsigned bit_at(struct trie_value value, unsigned bit)
{
    return (unsigned)((bit < 64 ? value.high >> (63 - bit) : value.low >> (127 - bit)) & 1);
}

/* TRIE_BITS when they are equal. */
static inline unsigned common_bits(struct trie_value a, struct trie_value b)
{
    uint64_t high = a.high ^ b.high, low = a.low ^ b.low;
    if (high != 0) {
        return (unsigned)__builtin_clzll(high);
    }
    return low != 0 ? 64 + (unsigned)__builtin_clzll(low) : TRIE_BITS;
}

static const struct trie_node *nearest_leaf(const struct trie_node *node, struct trie_value value)
{
    while (node->bit != LEAF) {
        node = node->children[bit_at(value, node->bit)];
    }
    return node;
}

static struct trie_node *leaf_new(struct pool *pool, struct trie_value value)
{
    struct trie_node *leaf = pool_take(pool, sizeof *leaf);
    leaf->bit = LEAF;
    leaf->count = 1;
    leaf->value = value;
    return leaf;
}

void trie_insert(struct pool *pool, struct trie_node **root, struct trie_value value)
{
    if (*root == NULL) {
        *root = leaf_new(pool, value);
        return;
    }
    unsigned parting = common_bits(nearest_leaf(*root, value)->value, value);
    struct trie_node **place = root;
    while ((*place)->bit < parting) { /* a leaf's LEAF is less than no parting */
        place = &(*place)->children[bit_at(value, (*place)->bit)];
    }
    if (parting == TRIE_BITS) {
        (*place)->count++;
        return;
    }
    struct trie_node *branch = pool_take(pool, sizeof *branch);
    branch->bit = parting;
    branch->children[bit_at(value, parting)] = leaf_new(pool, value);
    branch->children[!bit_at(value, parting)] = *place;
    *place = branch;
}

void trie_remove(struct pool *pool, struct trie_node **root, struct trie_value value)
{
    struct trie_node **place = root, **above = NULL;
    while ((*place)->bit != LEAF) {
        above = place;
        place = &(*place)->children[bit_at(value, (*place)->bit)];
    }
    struct trie_node *leaf = *place;
    if (--leaf->count > 0) {
        return;
    }
    if (above == NULL) {
        *root = NULL;
    } else {
        struct trie_node *branch = *above;
        *above = branch->children[!bit_at(value, branch->bit)];
        pool_give(pool, branch, sizeof *branch);
    }
    pool_give(pool, leaf, sizeof *leaf);
}

void trie_clear(struct pool *pool, struct trie_node **root)
{
    struct trie_node *node = *root;
    if (node != NULL && node->bit != LEAF) {
        trie_clear(pool, &node->children[0]);
        trie_clear(pool, &node->children[1]);
    }
    if (node != NULL) {
        pool_give(pool, node, sizeof *node);
    }
    *root = NULL;
}

unsigned trie_bits_to_tell(const struct trie_node *root, struct trie_value value)
{
    return root == NULL ? 0 : common_bits(nearest_leaf(root, value)->value, value) + 1;
}
