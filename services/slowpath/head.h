/* The tuples of a classifier whose masks agree in the head stages (port, registers, Ethernet, protocol): which of them have a rule with the
 * packet's bits there, for all at once. Private to classifier.c.
 */
#ifndef BUSBAR_SLOWPATH_HEAD_H
#define BUSBAR_SLOWPATH_HEAD_H

#include "services/slowpath/tuple.h"
#include "services/slowpath/users.h"

/* Hashes after a stage, each with its tuples: open addressing. */
struct head_stage {
    struct head_entry {
        uint64_t hash; /* 0: free */
        struct users users; /* none left: a marker until the next resize, so that searches go on past it */
    } *entries; /* owned */
    size_t room, used; /* a power of two, at most half used */
};

/* A word of the sets in which some of a head's tuples are: a table may have thousands of heads, most of one tuple. */
struct head_word {
    uint32_t word;
    uint64_t members;
    uint64_t passed; /* scratch of a lookup: those with a rule at the last stage */
};

struct head {
    struct head *next;
    size_t n_tuples, n_places, places_room;
    struct head_word *places; /* owned, in no order */
    uint8_t n_stages, n_words;
    uint8_t ends[TUPLE_HEAD_STAGES]; /* of the words of each stage */
    uint8_t word_places[TUPLE_WORDS];
    uint64_t masks[TUPLE_WORDS];
    struct head_stage stages[TUPLE_HEAD_STAGES];
};

struct head *head_new(const struct classifier_tuple *tuple);
void head_destroy(struct head **head);
/* The tuple's mask is this one's. */
bool head_fits(const struct head *head, const struct classifier_tuple *tuple);
void head_add_tuple(struct head *head, const struct classifier_tuple *tuple);
/* True when it was the last one. */
bool head_remove_tuple(struct head *head, const struct classifier_tuple *tuple);
/* Sets have so many words. */
void head_insert(struct head *head, const struct classifier_tuple *tuple, const struct classifier_rule *rule, size_t words);
void head_remove(struct head *head, const struct classifier_tuple *tuple, const struct classifier_rule *rule);
/* Takes out of `candidates` the tuples without a rule that has the packet's bits. scratch: a set, whatever is in it. */
void head_filter(const struct head *head, const struct flow_state *packet, uint64_t *scratch, uint64_t *candidates);
/* After head_filter() of this packet: takes out of `open` the tuples it took out, and looks at the bits that tell. */
void head_look(const struct head *head, const struct flow_state *packet, uint64_t *scratch, uint64_t *open, struct flow_state *looked);

#endif
