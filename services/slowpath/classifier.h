/* The classifier of one table: which rule a packet meets, and which of its bits had to be looked at to know.
 *
 * The rule with the highest priority whose match covers the packet; of several with one priority the one with the lowest id, so that
 * every replica decides alike (I1). Conjunctive match, as in Open vSwitch: where the packet meets every clause of a conjunction at one
 * priority, above that of the best rule, the rules are looked through once more with conj_id set.
 *
 * Clauses are lent, and the match of a rule with clauses: they stay as they are while the rule is in the classifier. The match of any other is lent
 * while it is inserted and while it is removed: its bits are in the classifier then.
 */
#ifndef BUSBAR_SLOWPATH_CLASSIFIER_H
#define BUSBAR_SLOWPATH_CLASSIFIER_H

#include "lib/flow/match.h"

struct classifier;
struct classifier_tuple;

enum { CLASSIFIER_CLAUSES_MAX = 64 /* of one conjunction: Open vSwitch's limit */ };

/* One action conjunction(id, clause + 1 / n_clauses). */
struct classifier_clause {
    uint32_t id;
    uint8_t clause, n_clauses;
};

/* Embedded in the owner's rule. */
struct classifier_rule {
    const struct match *match; /* canonical */
    uint64_t id;
    int32_t priority;
    uint32_t n_clauses;
    const struct classifier_clause *clauses; /* lent; a rule with clauses is met through them only */
    /* private */
    struct classifier_rule *next;
    struct classifier_tuple *tuple;
};

struct classifier *classifier_new(void);
/* Forgets the rules, which stay their owners'. */
void classifier_destroy(struct classifier **classifier);
/* `rule` is in no classifier. The same match and priority may be there already under another id. */
void classifier_insert(struct classifier *classifier, struct classifier_rule *rule);
void classifier_remove(struct classifier *classifier, struct classifier_rule *rule);
/* NULL when no rule covers the packet. Adds to `looked` bits enough that every packet equal to this one under them meets the
 * same rule (I2). */
const struct classifier_rule *classifier_lookup(const struct classifier *classifier, const struct flow_state *packet,
                                                struct flow_state *looked);
/* The same, and adds to `work` what it cost, in units of some 10 ns (core.h). Once that is beyond `limit` it may end early, with another
 * answer: the caller must not use it. */
const struct classifier_rule *classifier_lookup_within(const struct classifier *classifier, const struct flow_state *packet,
                                                       struct flow_state *looked, unsigned limit, unsigned *work);
size_t classifier_count(const struct classifier *classifier);
/* Different masks: what a lookup costs at most. */
size_t classifier_count_tuples(const struct classifier *classifier);

#endif
