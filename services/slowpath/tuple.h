/* The rules of one mask in a classifier. Private to classifier.c and tuple.c: the classifier reads and writes the first part of a tuple, the
 * rest is tuple.c's.
 */
#ifndef BUSBAR_SLOWPATH_TUPLE_H
#define BUSBAR_SLOWPATH_TUPLE_H

#include "services/slowpath/classifier.h"
#include "services/slowpath/trie.h"

enum {
    TUPLE_STAGES = 8,
    TUPLE_WORDS = STATE_WORDS + 3 /* both ports and what is behind them share a word, VLAN and TCP flags another */
};

/* How many rules have this hash after a stage: open addressing, a hash of 0 is stored as 1. */
struct tuple_stage_set {
    struct tuple_stage_entry {
        uint64_t hash;
        struct trie_node *trie; /* owned; values of those rules in the next stage, if that has a trie */
        uint32_t count;
    } * entries; /* owned; `room` is a power of two, at most half used */
    size_t room, used;
};

struct tuple_stage {
    uint8_t first, end; /* into the tuple's words; not empty */
    uint8_t offset, size;
    bool has_trie;
    /* Of a stage with a trie: the mask of its field, and where that ends, rounded up to a power of two. */
    struct trie_value mask;
    uint8_t n_bits;
    struct tuple_stage_set set; /* none in the last stage */
};

struct classifier_tuple {
    struct flow_state mask;
    int32_t priority_max;      /* at least that of every rule */
    size_t n_rules, n_removed; /* now; since priority_max was exact */
    uint8_t tries;             /* bit s: stage s has a trie */
    /* private */
    uint8_t n_words;
    uint8_t n_stages;
    uint8_t words[TUPLE_WORDS]; /* those with a bit in the mask, in the order of stages; one of two stages comes twice */
    uint64_t masks[TUPLE_WORDS];
    struct tuple_stage stages[TUPLE_STAGES]; /* those with a word */
    struct trie_node *trie;                  /* owned; values of all rules in the first stage, if that has a trie */
    struct classifier_rule **buckets;        /* chains by priority downwards, then id upwards */
    size_t n_buckets;                        /* a power of two */
};

struct classifier_tuple *tuple_new(const struct flow_state *mask);
/* Forgets the rules. */
void tuple_destroy(struct classifier_tuple **tuple);
/* Leaves priority_max to the caller. */
void tuple_insert(struct classifier_tuple *tuple, struct classifier_rule *rule);
void tuple_remove(struct classifier_tuple *tuple, struct classifier_rule *rule);
/* The highest priority of its rules; looks at all of them. */
int32_t tuple_priority(const struct classifier_tuple *tuple);
/* The first rule of the packet in this tuple, or NULL; `looked` grows by what told. Tries tell 2^levels_log2 different numbers of leading
 * bits at most, of a field that is not longer than the mask. */
const struct classifier_rule *tuple_lookup(const struct classifier_tuple *tuple, unsigned levels_log2,
                                           const struct flow_state *packet, struct flow_state *looked);

static inline bool tuple_rule_comes_before(const struct classifier_rule *a, const struct classifier_rule *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

#endif
