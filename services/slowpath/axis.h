/* One field of a classifier: which of its tuples have a rule whose prefix there covers a packet, for all tuples at once.
 *
 * A tuple is a bit in a set; a set is an array of words that all parts of the classifier lay out alike.
 */
#ifndef BUSBAR_SLOWPATH_AXIS_H
#define BUSBAR_SLOWPATH_AXIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/slowpath/trie.h"

struct axis_node;
struct pool;

struct axis {
    struct axis_node *root; /* owned; NULL: no prefixes */
    uint64_t *by_length;    /* owned; TRIE_BITS + 1 sets: tuples whose prefixes have so many bits, 0: none of theirs is here */
    uint8_t lengths[TRIE_BITS + 1]; /* those that some tuple has, longest first, without 0 */
    unsigned n_lengths;
    size_t words;      /* of a set */
    struct pool *pool; /* of the nodes */
};

/* The pool is lent until the end. */
void axis_init(struct axis *axis, size_t words, struct pool *pool);
void axis_fini(struct axis *axis);
/* Sets have more words from now on. */
void axis_widen(struct axis *axis, size_t words);
/* A tuple comes or goes, whose rules have prefixes of so many bits here (0: none that an axis can tell). It has no rules then. */
void axis_add_tuple(struct axis *axis, uint32_t tuple, unsigned length);
void axis_remove_tuple(struct axis *axis, uint32_t tuple, unsigned length);
/* A rule of the tuple has this prefix; `length` at least 1. */
void axis_insert(struct axis *axis, struct trie_value prefix, unsigned length, uint32_t tuple);
void axis_remove(struct axis *axis, struct trie_value prefix, unsigned length, uint32_t tuple);
struct axis_look {
    const struct axis *axis;
    struct trie_value value;
    uint64_t *out;   /* gets the tuples with a prefix that covers the value, beside what is in it */
    unsigned n_bits; /* out: how many leading bits of the value tell that there are no others */
    /* private */
    const struct axis_node *node;
    unsigned depth;
};

/* Several at once (32 at most): each waits for memory most of the time. */
void axis_find(struct axis_look *looks, size_t n);

static inline const uint64_t *axis_tuples(const struct axis *axis, unsigned length)
{
    return axis->by_length + length * axis->words;
}

#endif
