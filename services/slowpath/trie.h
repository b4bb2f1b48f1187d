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

struct trie_node;

void trie_insert(struct trie_node **root, struct trie_value value);
/* `value` is in it. Takes it out once. */
void trie_remove(struct trie_node **root, struct trie_value value);
void trie_clear(struct trie_node **root);
/* The least n so that no value in the trie has the same first n bits; TRIE_PRESENT when `value` is in it. */
unsigned trie_bits_to_tell(const struct trie_node *root, struct trie_value value);

#endif
