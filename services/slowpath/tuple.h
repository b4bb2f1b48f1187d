/* The rules of one mask in a classifier. Private to classifier.c and tuple.c: the classifier reads and writes the first part of a tuple, the
 * rest is tuple.c's.
 */
#ifndef BUSBAR_SLOWPATH_TUPLE_H
#define BUSBAR_SLOWPATH_TUPLE_H

#include "services/slowpath/classifier.h"
#include "services/slowpath/trie.h"

enum {
    TUPLE_STAGES = 8,
    TUPLE_HEAD_STAGES = 3, /* the first ones: port, registers, Ethernet, protocol */
    TUPLE_FIELDS = 4,      /* the stages behind them, of one field each: destination, source, and their ports */
    TUPLE_PARTS = STATE_WORDS * 2, /* of a state: 32 bits each */
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
    uint8_t number;
    uint8_t offset, size;
    bool has_trie;
    /* Of a stage with a trie: the mask of its field, and where that ends, rounded up to a power of two. */
    struct trie_value mask;
    uint8_t n_bits;
    struct tuple_stage_set set; /* none in the last stage */
};

/* The rules of one match: their first, by priority downwards, then id upwards; the others are its `next`. */
struct tuple_cell {
    struct classifier_rule *rule; /* NULL: free */
    int32_t priority;
    uint32_t key[]; /* the parts under the mask */
};

struct classifier_tuple {
    struct flow_state mask;
    int32_t priority_max;      /* at least that of every rule */
    size_t n_rules, n_removed; /* now; since priority_max was exact */
    uint8_t tries;             /* bit s: stage s has a trie */
    uint32_t slot;             /* its bit in the sets of the classifier */
    uint32_t rank;             /* its place among the classifier's tuples */
    struct head *head;         /* those with the same mask in the head stages, this one among them; NULL: without bits there */
    uint8_t lengths[TUPLE_FIELDS]; /* of the mask in each field, when it is a prefix; 0: no bits, or not a prefix */
    uint8_t n_head_stages;         /* of `stages` */
    struct classifier_tuple *next; /* of the same hash of the mask */
    /* private, but for head.c's reading */
    uint8_t n_words;
    uint8_t n_stages;
    uint8_t words[TUPLE_WORDS]; /* those with a bit in the mask, in the order of stages; one of two stages comes twice */
    uint64_t masks[TUPLE_WORDS];
    struct tuple_stage stages[TUPLE_STAGES]; /* those with a word */
    struct trie_node *trie;                  /* owned; values of all rules in the first stage, if that has a trie */
    uint8_t n_parts;                         /* of 32 bits that have some in the mask */
    uint8_t parts[TUPLE_PARTS];
    uint32_t part_masks[TUPLE_PARTS];
    uint8_t *cells; /* owned; of one match each: open addressing, each `stride` bytes, at most three quarters used */
    size_t n_cells, n_used; /* a power of two; matches */
    uint32_t stride;
    struct pool *pool;
};

/* Its parts are of the pool, which is lent for as long as the tuple is there. */
struct classifier_tuple *tuple_new(const struct flow_state *mask, struct pool *pool);
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

/* The same, when the packet's hash is known and no one asks why. */
uint64_t tuple_hash(const struct classifier_tuple *tuple, const struct flow_state *packet);
const struct tuple_cell *tuple_find(const struct classifier_tuple *tuple, const struct flow_state *packet, uint64_t hash);
/* All bits of the mask become looked at. */
void tuple_look(const struct classifier_tuple *tuple, struct flow_state *looked);
/* Continues the hash of the stages before by one more, for a mask given as words. */
static inline uint64_t tuple_mix(uint64_t hash, uint64_t word)
{
    unsigned __int128 product = (unsigned __int128)(hash ^ word ^ 0x9e3779b97f4a7c15ull) * 0xd6e8feb86659fd93ull;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A field of TUPLE_FIELDS as the leading bits of a value, and back. */
struct trie_value tuple_field(size_t field, const struct flow_state *state);
void tuple_set_field(size_t field, struct flow_state *state, struct trie_value value);

static inline void tuple_prefetch(const struct classifier_tuple *tuple, uint64_t hash)
{
    __builtin_prefetch(tuple->cells + (hash & (tuple->n_cells - 1)) * tuple->stride);
}

static inline bool tuple_rule_comes_before(const struct classifier_rule *a, const struct classifier_rule *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

#endif
