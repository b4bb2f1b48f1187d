/* The tuples of a classifier whose masks agree in the head stages (port, registers, Ethernet, protocol): which of them have a rule with the
 * packet's bits there, for all at once. Private to classifier.c.
 */
#ifndef BUSBAR_SLOWPATH_HEAD_H
#define BUSBAR_SLOWPATH_HEAD_H

#include "services/slowpath/axis.h"
#include "services/slowpath/tuple.h"

struct head {
    struct head *next;
    size_t n_tuples, words;
    uint64_t *members; /* owned, a set */
    uint64_t *passed;  /* owned, a set for each stage: scratch of a lookup */
    uint8_t n_stages, n_words;
    uint8_t ends[TUPLE_HEAD_STAGES]; /* of the words of each stage */
    uint8_t word_places[TUPLE_WORDS];
    uint64_t masks[TUPLE_WORDS];
    struct axis stages[TUPLE_HEAD_STAGES]; /* of hashes after each stage, as prefixes of 64 bits */
};

struct head *head_new(const struct classifier_tuple *tuple, size_t words);
void head_destroy(struct head **head);
void head_widen(struct head *head, size_t words);
/* The tuple's mask is this one's. */
bool head_fits(const struct head *head, const struct classifier_tuple *tuple);
void head_add_tuple(struct head *head, const struct classifier_tuple *tuple);
/* True when it was the last one. */
bool head_remove_tuple(struct head *head, const struct classifier_tuple *tuple);
void head_insert(struct head *head, const struct classifier_tuple *tuple, const struct classifier_rule *rule);
void head_remove(struct head *head, const struct classifier_tuple *tuple, const struct classifier_rule *rule);
/* What is to be looked up, TUPLE_HEAD_STAGES at most. Returns how many. */
size_t head_begin(struct head *head, const struct flow_state *packet, struct axis_look *out);
/* When that is done: takes out of `candidates` the tuples without a rule that has the packet's bits. */
void head_filter(const struct head *head, uint64_t *candidates);
/* After head_filter(): takes out of `open` the tuples it took out, and looks at the bits that tell. */
void head_look(const struct head *head, uint64_t *open, struct flow_state *looked);

#endif
