/* Tuple space with priorities.
 *
 * Rules with the same mask form a tuple, and a tuple is a hash table (tuple.c): one lookup is a hash per tuple, however many rules. The
 * tuples are visited from the highest priority they hold downwards, so the search ends at the first tuple that cannot hold better than what
 * was found. Most rule sets have few masks and many rules; a set with a mask for each rule is the bad case, linear in tuples.
 *
 * The highest priority of a tuple may be too high after removals, which costs a visit; it is made exact when half were removed, so a
 * removal costs O(1) on average. Thread: the one that translates.
 *
 * Rules that are clauses of conjunctions are in a classifier of their own within this one. All that cover the packet and have a higher priority
 * than its best rule are gathered, priority by priority from the highest; of the conjunctions whose every clause was met at that priority the
 * one with the lowest id whose second lookup finds a rule decides. The bits that told are those of every lookup made. With clauses in a
 * table a lookup that meets some allocates.
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
    struct classifier *clauses;       /* owned; NULL: none */
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
    classifier_destroy(&(*classifier)->clauses);
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

static void insert(struct classifier *classifier, struct classifier_rule *rule)
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

void classifier_insert(struct classifier *classifier, struct classifier_rule *rule)
{
    if (rule->n_clauses > 0 && classifier->clauses == NULL) {
        classifier->clauses = classifier_new();
    }
    insert(rule->n_clauses > 0 ? classifier->clauses : classifier, rule);
}

static void take_out(struct classifier *classifier, struct classifier_rule *rule)
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

void classifier_remove(struct classifier *classifier, struct classifier_rule *rule)
{
    if (rule->n_clauses == 0) {
        take_out(classifier, rule);
        return;
    }
    take_out(classifier->clauses, rule);
    if (classifier->clauses->n_rules == 0) {
        classifier_destroy(&classifier->clauses);
    }
}

static const struct classifier_rule *lookup(const struct classifier *classifier, const struct flow_state *packet,
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

/* ---- conjunctions ---- */

struct met {
    const struct classifier_rule **rules; /* owned; those with clauses that cover the packet */
    size_t n, room;
};

static void gather(const struct classifier *clauses, int32_t above, const struct flow_state *packet, struct flow_state *looked,
                   struct met *met)
{
    for (size_t i = 0; i < clauses->n_tuples && clauses->tuples[i]->priority_max > above; i++) {
        const struct classifier_rule *rule = tuple_lookup(clauses->tuples[i], clauses->levels_log2, packet, looked);
        for (; rule != NULL; rule = rule->next) {
            if (rule->priority <= above || !match_covers_packet(rule->match, packet)) {
                continue;
            }
            if (met->n == met->room) {
                met->room = met->room == 0 ? 16 : met->room * 2;
                met->rules = memory_resize(met->rules, met->room * sizeof *met->rules);
            }
            met->rules[met->n++] = rule;
        }
    }
}

/* The highest priority met that is below `below`; false: none. */
static bool next_priority(const struct met *met, int64_t below, int32_t *out_priority)
{
    bool found = false;
    for (size_t i = 0; i < met->n; i++) {
        if (met->rules[i]->priority < below && (!found || met->rules[i]->priority > *out_priority)) {
            *out_priority = met->rules[i]->priority;
            found = true;
        }
    }
    return found;
}

/* The lowest id from `from` on among the clauses of this priority; false: none. */
static bool next_id(const struct met *met, int32_t priority, uint64_t from, uint32_t *out_id)
{
    bool found = false;
    for (size_t i = 0; i < met->n; i++) {
        const struct classifier_rule *rule = met->rules[i];
        for (size_t c = 0; rule->priority == priority && c < rule->n_clauses; c++) {
            if (rule->clauses[c].id >= from && (!found || rule->clauses[c].id < *out_id)) {
                *out_id = rule->clauses[c].id;
                found = true;
            }
        }
    }
    return found;
}

/* Are all clauses met? Those that say another number of clauses belong to another conjunction with that id. */
static bool is_complete(const struct met *met, int32_t priority, uint32_t id)
{
    uint64_t clauses[CLASSIFIER_CLAUSES_MAX + 1] = {0}; /* by number of clauses */
    for (size_t i = 0; i < met->n; i++) {
        const struct classifier_rule *rule = met->rules[i];
        for (size_t c = 0; rule->priority == priority && c < rule->n_clauses; c++) {
            const struct classifier_clause *clause = &rule->clauses[c];
            if (clause->id != id || clause->n_clauses > CLASSIFIER_CLAUSES_MAX) {
                continue;
            }
            clauses[clause->n_clauses] |= 1ull << clause->clause;
            if (clauses[clause->n_clauses] == UINT64_MAX >> (64 - clause->n_clauses)) {
                return true;
            }
        }
    }
    return false;
}

static const struct classifier_rule *resolve(const struct classifier *classifier, const struct met *met,
                                             const struct flow_state *packet, struct flow_state *looked)
{
    struct flow_state again = *packet;
    int32_t priority = 0;
    for (int64_t below = INT64_MAX; next_priority(met, below, &priority); below = priority) {
        uint32_t id = 0;
        for (uint64_t from = 0; next_id(met, priority, from, &id); from = (uint64_t)id + 1) {
            again.conj_id = be32(id);
            const struct classifier_rule *rule = is_complete(met, priority, id) ? lookup(classifier, &again, looked) : NULL;
            if (rule != NULL) {
                return rule;
            }
        }
    }
    return NULL;
}

const struct classifier_rule *classifier_lookup(const struct classifier *classifier, const struct flow_state *packet,
                                                struct flow_state *looked)
{
    const struct classifier_rule *best = lookup(classifier, packet, looked);
    if (classifier->clauses == NULL) {
        return best;
    }
    struct met met = {.n = 0};
    gather(classifier->clauses, best != NULL ? best->priority : -1, packet, looked, &met);
    const struct classifier_rule *found = resolve(classifier, &met, packet, looked);
    free(met.rules);
    return found != NULL ? found : best;
}

size_t classifier_count(const struct classifier *classifier)
{
    return classifier->n_rules + (classifier->clauses != NULL ? classifier->clauses->n_rules : 0);
}

size_t classifier_count_tuples(const struct classifier *classifier)
{
    return classifier->n_tuples + (classifier->clauses != NULL ? classifier->clauses->n_tuples : 0);
}
