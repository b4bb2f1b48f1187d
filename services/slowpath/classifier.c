/* Tuple space with priorities.
 *
 * Rules with the same mask form a tuple, and a tuple is a hash table (tuple.c): one lookup is a hash per tuple, however many rules. The
 * tuples are visited from the highest priority they hold downwards, so the search ends at the first tuple that cannot hold better than what
 * was found. Most rule sets have few masks and many rules; a set with a mask for each rule is the bad case, linear in tuples.
 *
 * The highest priority of a tuple may be too high after removals, which costs a visit; it is made exact when half were removed, so a
 * removal costs O(1) on average. Thread: the one that translates. No allocation in a lookup.
 */
#include "services/slowpath/classifier.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "services/slowpath/tuple.h"

/* How many different numbers of leading bits a trie tells (a power of two), by how many fields of the table have tries. A shard holds few
 * masks a port (64) and tries them one by one, and a mask is a combination of all fields' bits: with one field each number may be a mask
 * of its own, with four there are 4 * 4 * 4 * 4 at worst, a tenth of that in traffic. Measured with 10,000 random connections: a thousand rules on
 * addresses and ports of both sides made 1,654 masks without rounding and make 30, with as many flows, one a connection. */
static const uint8_t levels_log2_of[] = {7, 7, 4, 3, 2};

struct classifier {
    struct classifier_tuple **tuples; /* by priority_max downwards */
    size_t n_tuples, room;
    size_t n_rules;
    size_t n_with_trie[TUPLE_STAGES]; /* tuples that have a trie in that stage */
    unsigned levels_log2;             /* for so many different stages */
};

struct classifier *classifier_new(void)
{
    return memory_zeroed(sizeof(struct classifier));
}

void classifier_destroy(struct classifier **classifier)
{
    if (*classifier == NULL) {
        return;
    }
    for (size_t i = 0; i < (*classifier)->n_tuples; i++) {
        tuple_destroy(&(*classifier)->tuples[i]);
    }
    free((*classifier)->tuples);
    free(*classifier);
    *classifier = NULL;
}

/* Moves the tuple at `i` to where its priority belongs. */
static void classifier_sort(struct classifier *classifier, size_t i)
{
    struct classifier_tuple **tuples = classifier->tuples;
    struct classifier_tuple *tuple = tuples[i];
    while (i > 0 && tuples[i - 1]->priority_max < tuple->priority_max) {
        tuples[i] = tuples[i - 1];
        i--;
    }
    while (i + 1 < classifier->n_tuples && tuples[i + 1]->priority_max > tuple->priority_max) {
        tuples[i] = tuples[i + 1];
        i++;
    }
    tuples[i] = tuple;
}

static size_t classifier_find(struct classifier *classifier, const struct flow_state *mask)
{
    size_t i = 0;
    while (i < classifier->n_tuples && memcmp(&classifier->tuples[i]->mask, mask, sizeof *mask) != 0) {
        i++;
    }
    return i;
}

/* A tuple comes or goes. */
static void classifier_count_tries(struct classifier *classifier, const struct classifier_tuple *tuple, size_t change)
{
    size_t n_fields = 0;
    for (size_t s = 0; s < TUPLE_STAGES; s++) {
        classifier->n_with_trie[s] += tuple->tries >> s & 1 ? change : 0;
        n_fields += classifier->n_with_trie[s] > 0;
    }
    classifier->levels_log2 = levels_log2_of[n_fields];
}

void classifier_insert(struct classifier *classifier, struct classifier_rule *rule)
{
    size_t i = classifier_find(classifier, &rule->match->mask);
    if (i == classifier->n_tuples) {
        if (classifier->n_tuples == classifier->room) {
            classifier->room = classifier->room == 0 ? 8 : classifier->room * 2;
            classifier->tuples = memory_resize(classifier->tuples, classifier->room * sizeof *classifier->tuples);
        }
        classifier->tuples[i] = tuple_new(&rule->match->mask);
        classifier->tuples[i]->priority_max = rule->priority;
        classifier_count_tries(classifier, classifier->tuples[i], 1);
        classifier->n_tuples++;
    }
    struct classifier_tuple *tuple = classifier->tuples[i];
    tuple_insert(tuple, rule);
    tuple->priority_max = rule->priority > tuple->priority_max ? rule->priority : tuple->priority_max;
    classifier_sort(classifier, i);
    classifier->n_rules++;
}

void classifier_remove(struct classifier *classifier, struct classifier_rule *rule)
{
    struct classifier_tuple *tuple = rule->tuple;
    tuple_remove(tuple, rule);
    classifier->n_rules--;
    if (tuple->n_rules > 0 && tuple->n_removed <= tuple->n_rules) {
        return;
    }
    size_t i = 0;
    while (classifier->tuples[i] != tuple) {
        i++;
    }
    if (tuple->n_rules == 0) {
        classifier->n_tuples--;
        memmove(&classifier->tuples[i], &classifier->tuples[i + 1], (classifier->n_tuples - i) * sizeof *classifier->tuples);
        classifier_count_tries(classifier, tuple, (size_t)-1);
        tuple_destroy(&tuple);
        return;
    }
    tuple->n_removed = 0;
    tuple->priority_max = tuple_priority(tuple);
    classifier_sort(classifier, i);
}

const struct classifier_rule *classifier_lookup(const struct classifier *classifier, const struct flow_state *packet,
                                                struct flow_state *looked)
{
    const struct classifier_rule *best = NULL;
    for (size_t i = 0; i < classifier->n_tuples; i++) {
        const struct classifier_tuple *tuple = classifier->tuples[i];
        if (best != NULL && tuple->priority_max < best->priority) {
            break;
        }
        const struct classifier_rule *found = tuple_lookup(tuple, classifier->levels_log2, packet, looked);
        if (found != NULL && (best == NULL || tuple_rule_comes_before(found, best))) {
            best = found;
        }
    }
    return best;
}

size_t classifier_count(const struct classifier *classifier)
{
    return classifier->n_rules;
}

size_t classifier_count_tuples(const struct classifier *classifier)
{
    return classifier->n_tuples;
}
