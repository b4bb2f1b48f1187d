/* Tuple space, pruned by field.
 *
 * Rules with the same mask form a tuple, and a tuple is a hash table (tuple.c). A table of 100,000 rules has hundreds of tuples, and a packet meets
 * a rule in one or two. So the fields are asked first, each for all tuples at once:
 *
 *     head (port, Ethernet, protocol)   {0, 1,    3, 4, 5, 6, 7}     tuples that have a rule with the packet's bits there
 *     destination                       {0,    2, 3,       6   }     tuples with a prefix that covers its address, or that look at none
 *     source                            {   1, 2, 3,    5, 6   }
 *     both L4 ports                     {0, 1, 2, 3, 4     6, 7}
 *     candidates                        {         3,       6   }     these alone are looked up, highest priority first
 *
 * head.c and axis.c keep those sets; a tuple is a bit in them. On sets of 100,000 rules 1.1 to 4.6 candidates are left of 129 to 315 tuples.
 *
 * What was looked at. Every tuple that could hold a better rule must be proved to have none (I2). The bits of the best rule are looked at
 * anyway and prove most. Of those still open, the ones that fail in the head are told by it. Then field after field: the leading bits that
 * tell that no other prefix covers the address prove all tuples that fail there, and cost nothing when they have been looked at. When no more
 * than ASKED_ONE_BY_ONE are open, their own stages and tries are asked, which tell with fewer bits. A table of so few tuples is looked up in
 * that way from the beginning. A candidate that had no rule after all is told by its whole mask, which was looked at for the most part.
 *
 * A mask that is no prefix (an ICMP type, some bits of an address) is left to its tuple: such a tuple is always a candidate in that field.
 *
 * The highest priority of a tuple may be too high after removals, which costs a visit; it is made exact when half were removed, so a
 * removal costs O(1) on average. The order of tuples by priority is kept as sets of its first 8, 16 and so on, made anew by the first lookup
 * after it has changed. Thread: the one that translates. No allocation in a lookup, but for clauses; it writes scratch memory of the classifier.
 *
 * Rules that are clauses of conjunctions are in a classifier of their own within this one. All that cover the packet and have a higher priority
 * than its best rule are gathered and sorted, priority by priority from the highest; of the conjunctions whose every clause was met at that priority the
 * one with the lowest id whose second lookup finds a rule decides. The bits that told are those of every lookup made. With clauses in a
 * table a lookup that meets some allocates.
 */
#include "services/slowpath/classifier.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "services/slowpath/axis.h"
#include "services/slowpath/head.h"
#include "services/slowpath/pool.h"

/* How many different numbers of leading bits a trie tells (a power of two), by how many fields of the table have tries. A shard holds few
 * masks a port (64) and tries them one by one, and a mask is a combination of all fields' bits: with one field each number may be a mask
 * of its own, with four there are 4 * 4 * 4 * 4 at worst, a tenth of that in traffic. Measured with 10,000 random connections: a thousand rules on
 * addresses and ports of both sides made 1,654 masks without rounding and make 30, with as many flows, one a connection. */
static const uint8_t levels_log2_of[] = {7, 7, 4, 3, 2};

enum {
    SLOT_WORDS = 2,       /* room for 128 tuples, and for as many again when there are more */
    ORDER_STEP = 8,       /* tuples between two sets of the order, at least */
    ORDER_SETS_MAX = 128, /* so that memory does not grow with the square of the tuples */
    SORTED_ONE_BY_ONE = 24,
    ASKED_ONE_BY_ONE = 8,
    /* In units of some 10 ns, as core.h has them. */
    COST_OF_LOOKUP = 6,
    COST_OF_HEAD = 2,
    TUPLES_PER_COST = 16,
    COST_OF_CANDIDATE = 2,
    COST_OF_TUPLE = 4, /* asked alone */
    COST_OF_CLAUSE = 4,
};

struct candidate {
    const struct classifier_tuple *tuple;
    uint64_t hash;
};

/* What follows from the tuples, made anew when they have changed, and the memory that a lookup uses. */
struct classifier_scratch {
    bool is_stale;
    int32_t *priorities; /* of the tuples, in their order */
    uint64_t *sets;      /* the k-th has the first k * step tuples */
    size_t step;         /* tuples between two of those */
    uint64_t *candidates, *open, *passed, *covered[TUPLE_FIELDS];
    struct candidate *list;
};

struct classifier {
    struct classifier_tuple **tuples; /* by priority_max downwards */
    size_t n_tuples, room;
    size_t n_rules;
    size_t n_with_trie[TUPLE_STAGES]; /* tuples that have a trie in that stage */
    unsigned levels_log2;             /* for so many different stages */
    struct classifier *clauses;       /* owned; NULL: none */
    struct classifier_tuple **by_mask; /* chains; `room_by_mask` is a power of two */
    size_t room_by_mask;
    struct classifier_tuple **by_slot;
    size_t words; /* of a set of tuples */
    uint64_t *live;
    struct head *heads;
    size_t n_heads;
    struct pool *pool; /* owned; of tuples and fields */
    struct axis fields[TUPLE_FIELDS];
    struct classifier_scratch *scratch;
};

static void scratch_fini(struct classifier_scratch *scratch)
{
    free(scratch->priorities);
    free(scratch->sets);
    free(scratch->candidates);
    free(scratch->list);
}

/* There is room for 64 * words tuples. */
static void scratch_init(struct classifier_scratch *scratch, size_t words)
{
    *scratch = (struct classifier_scratch){.is_stale = true};
    scratch->priorities = memory_array(words * 64, sizeof *scratch->priorities);
    scratch->step = words * 64 / ORDER_STEP <= ORDER_SETS_MAX ? ORDER_STEP : words * 64 / ORDER_SETS_MAX;
    scratch->sets = memory_array((words * 64 / scratch->step + 2) * words, sizeof *scratch->sets);
    scratch->candidates = memory_array(words * (3 + TUPLE_FIELDS), sizeof *scratch->candidates);
    scratch->open = scratch->candidates + words;
    scratch->passed = scratch->candidates + 2 * words;
    for (size_t f = 0; f < TUPLE_FIELDS; f++) {
        scratch->covered[f] = scratch->candidates + (3 + f) * words;
    }
    scratch->list = memory_array(words * 64, sizeof *scratch->list);
}

struct classifier *classifier_new(void)
{
    struct classifier *classifier = memory_zeroed(sizeof *classifier);
    classifier->words = SLOT_WORDS;
    classifier->pool = pool_new();
    classifier->live = memory_array(classifier->words, sizeof *classifier->live);
    classifier->by_slot = memory_array(classifier->words * 64, sizeof *classifier->by_slot);
    classifier->room_by_mask = classifier->words * 64;
    classifier->by_mask = memory_array(classifier->room_by_mask, sizeof *classifier->by_mask);
    classifier->scratch = memory_zeroed(sizeof *classifier->scratch);
    scratch_init(classifier->scratch, classifier->words);
    for (size_t f = 0; f < TUPLE_FIELDS; f++) {
        axis_init(&classifier->fields[f], classifier->words, classifier->pool);
    }
    return classifier;
}

void classifier_destroy(struct classifier **classifier_to_end)
{
    struct classifier *classifier = *classifier_to_end;
    if (classifier == NULL) {
        return;
    }
    classifier_destroy(&classifier->clauses);
    for (size_t i = 0; i < classifier->n_tuples; i++) {
        tuple_destroy(&classifier->tuples[i]);
    }
    for (struct head *head = classifier->heads, *next; head != NULL; head = next) {
        next = head->next;
        head_destroy(&head);
    }
    for (size_t f = 0; f < TUPLE_FIELDS; f++) {
        axis_fini(&classifier->fields[f]);
    }
    pool_destroy(&classifier->pool);
    scratch_fini(classifier->scratch);
    free(classifier->scratch);
    free(classifier->tuples);
    free(classifier->by_mask);
    free(classifier->by_slot);
    free(classifier->live);
    free(classifier);
    *classifier_to_end = NULL;
}

/* ---- tuples ---- */

/* Moves the tuple to where its priority belongs. */
static void classifier_sort(struct classifier *classifier, struct classifier_tuple *tuple)
{
    struct classifier_tuple **tuples = classifier->tuples;
    size_t i = tuple->rank;
    for (; i > 0 && tuples[i - 1]->priority_max < tuple->priority_max; i--) {
        tuples[i] = tuples[i - 1];
        tuples[i]->rank = (uint32_t)i;
    }
    for (; i + 1 < classifier->n_tuples && tuples[i + 1]->priority_max > tuple->priority_max; i++) {
        tuples[i] = tuples[i + 1];
        tuples[i]->rank = (uint32_t)i;
    }
    tuples[i] = tuple;
    tuple->rank = (uint32_t)i;
    classifier->scratch->is_stale = true;
}

static struct classifier_tuple **place_of_mask(const struct classifier *classifier, const struct flow_state *mask)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < STATE_WORDS; i++) {
        uint64_t word = state_word(mask, i);
        hash = word != 0 ? tuple_mix(hash + i, word) : hash; /* most are zero */
    }
    return &classifier->by_mask[hash & (classifier->room_by_mask - 1)];
}

static struct classifier_tuple *classifier_find(const struct classifier *classifier, const struct flow_state *mask)
{
    struct classifier_tuple *tuple = *place_of_mask(classifier, mask);
    while (tuple != NULL && memcmp(&tuple->mask, mask, sizeof *mask) != 0) {
        tuple = tuple->next;
    }
    return tuple;
}

static void classifier_widen(struct classifier *classifier)
{
    size_t old = classifier->words, words = old + SLOT_WORDS;
    classifier->live = memory_resize(classifier->live, words * sizeof *classifier->live);
    memset(classifier->live + old, 0, SLOT_WORDS * sizeof *classifier->live);
    classifier->by_slot = memory_resize(classifier->by_slot, words * 64 * sizeof(struct classifier_tuple *));
    memset(classifier->by_slot + old * 64, 0, (size_t)SLOT_WORDS * 64 * sizeof(struct classifier_tuple *));
    for (size_t f = 0; f < TUPLE_FIELDS; f++) {
        axis_widen(&classifier->fields[f], words);
    }
    scratch_fini(classifier->scratch);
    scratch_init(classifier->scratch, words);
    classifier->words = words;
}

/* So that chains stay short. */
static void grow_by_mask(struct classifier *classifier)
{
    free(classifier->by_mask);
    classifier->room_by_mask *= 2;
    classifier->by_mask = memory_array(classifier->room_by_mask, sizeof *classifier->by_mask);
    for (size_t i = 0; i < classifier->n_tuples; i++) {
        struct classifier_tuple **place = place_of_mask(classifier, &classifier->tuples[i]->mask);
        classifier->tuples[i]->next = *place;
        *place = classifier->tuples[i];
    }
}

static uint32_t free_slot(struct classifier *classifier)
{
    for (size_t w = 0; w < classifier->words; w++) {
        if (classifier->live[w] != UINT64_MAX) {
            return (uint32_t)(w * 64 + (unsigned)__builtin_ctzll(~classifier->live[w]));
        }
    }
    classifier_widen(classifier);
    return (uint32_t)((classifier->words - SLOT_WORDS) * 64);
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

static void join_head(struct classifier *classifier, struct classifier_tuple *tuple)
{
    if (tuple->n_head_stages == 0) {
        return;
    }
    struct head *head = classifier->heads;
    while (head != NULL && !head_fits(head, tuple)) {
        head = head->next;
    }
    if (head == NULL) {
        head = head_new(tuple);
        head->next = classifier->heads;
        classifier->heads = head;
        classifier->n_heads++;
    }
    head_add_tuple(head, tuple);
    tuple->head = head;
}

static void leave_head(struct classifier *classifier, struct classifier_tuple *tuple)
{
    if (tuple->head == NULL || !head_remove_tuple(tuple->head, tuple)) {
        return;
    }
    struct head **place = &classifier->heads;
    while (*place != tuple->head) {
        place = &(*place)->next;
    }
    *place = tuple->head->next;
    head_destroy(&tuple->head);
    classifier->n_heads--;
}

static struct classifier_tuple *add_tuple(struct classifier *classifier, const struct classifier_rule *rule)
{
    if (classifier->n_tuples == classifier->room) {
        classifier->room = classifier->room == 0 ? 8 : classifier->room * 2;
        classifier->tuples = memory_resize(classifier->tuples, classifier->room * sizeof *classifier->tuples);
    }
    if (classifier->n_tuples == classifier->room_by_mask) {
        grow_by_mask(classifier);
    }
    struct classifier_tuple *tuple = tuple_new(&rule->match->mask, classifier->pool);
    tuple->slot = free_slot(classifier);
    classifier->live[tuple->slot / 64] |= 1ull << tuple->slot % 64;
    classifier->by_slot[tuple->slot] = tuple;
    struct classifier_tuple **place = place_of_mask(classifier, &tuple->mask);
    tuple->next = *place;
    *place = tuple;
    tuple->priority_max = rule->priority;
    tuple->rank = (uint32_t)classifier->n_tuples;
    classifier->tuples[classifier->n_tuples++] = tuple;
    classifier_count_tries(classifier, tuple, 1);
    join_head(classifier, tuple);
    for (size_t f = 0; f < TUPLE_FIELDS; f++) {
        axis_add_tuple(&classifier->fields[f], tuple->slot, tuple->lengths[f]);
    }
    return tuple;
}

static void remove_tuple(struct classifier *classifier, struct classifier_tuple *tuple)
{
    for (size_t i = tuple->rank + 1u; i < classifier->n_tuples; i++) {
        classifier->tuples[i - 1] = classifier->tuples[i];
        classifier->tuples[i - 1]->rank = (uint32_t)(i - 1);
    }
    classifier->n_tuples--;
    classifier->scratch->is_stale = true;
    classifier_count_tries(classifier, tuple, (size_t)-1);
    leave_head(classifier, tuple);
    for (size_t f = 0; f < TUPLE_FIELDS; f++) {
        axis_remove_tuple(&classifier->fields[f], tuple->slot, tuple->lengths[f]);
    }
    struct classifier_tuple **place = place_of_mask(classifier, &tuple->mask);
    while (*place != tuple) {
        place = &(*place)->next;
    }
    *place = tuple->next;
    classifier->live[tuple->slot / 64] &= ~(1ull << tuple->slot % 64);
    classifier->by_slot[tuple->slot] = NULL;
    tuple_destroy(&tuple);
}

/* ---- rules ---- */

static void insert(struct classifier *classifier, struct classifier_rule *rule)
{
    struct classifier_tuple *tuple = classifier_find(classifier, &rule->match->mask);
    bool is_new = tuple == NULL;
    if (is_new) {
        tuple = add_tuple(classifier, rule);
    }
    tuple_insert(tuple, rule);
    if (tuple->head != NULL) {
        head_insert(tuple->head, tuple, rule, classifier->words);
    }
    for (size_t f = 0; f < TUPLE_FIELDS; f++) {
        if (tuple->lengths[f] > 0) {
            axis_insert(&classifier->fields[f], tuple_field(f, &rule->match->value), tuple->lengths[f], tuple->slot);
        }
    }
    if (is_new || rule->priority > tuple->priority_max) {
        tuple->priority_max = rule->priority;
        classifier_sort(classifier, tuple);
    }
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
    if (tuple->head != NULL) {
        head_remove(tuple->head, tuple, rule);
    }
    for (size_t f = 0; f < TUPLE_FIELDS; f++) {
        if (tuple->lengths[f] > 0) {
            axis_remove(&classifier->fields[f], tuple_field(f, &rule->match->value), tuple->lengths[f], tuple->slot);
        }
    }
    classifier->n_rules--;
    if (tuple->n_rules == 0) {
        remove_tuple(classifier, tuple);
    } else if (tuple->n_removed > tuple->n_rules) {
        tuple->n_removed = 0;
        tuple->priority_max = tuple_priority(tuple);
        classifier_sort(classifier, tuple);
    }
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

/* ---- lookup ---- */

static void set_add(uint64_t *set, uint32_t slot)
{
    set[slot / 64] |= 1ull << slot % 64;
}

static void refresh_order(const struct classifier *classifier)
{
    struct classifier_scratch *scratch = classifier->scratch;
    size_t words = classifier->words;
    memset(scratch->sets, 0, words * sizeof *scratch->sets);
    for (size_t i = 0; i < classifier->n_tuples; i++) {
        uint64_t *next = scratch->sets + (i / scratch->step + 1) * words;
        if (i % scratch->step == 0) {
            memcpy(next, next - words, words * sizeof *next);
        }
        set_add(next, classifier->tuples[i]->slot);
        scratch->priorities[i] = classifier->tuples[i]->priority_max;
    }
    scratch->is_stale = false;
}

/* Into scratch->open: the tuples that may have a rule of this priority or a higher one. */
static void open_tuples(const struct classifier *classifier, int32_t priority)
{
    struct classifier_scratch *scratch = classifier->scratch;
    size_t first = 0, end = classifier->n_tuples; /* the first lower one is among these */
    while (first < end) {
        size_t middle = (first + end) / 2;
        if (scratch->priorities[middle] >= priority) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    memcpy(scratch->open, scratch->sets + first / scratch->step * classifier->words, classifier->words * sizeof *scratch->open);
    for (size_t i = first / scratch->step * scratch->step; i < first; i++) {
        set_add(scratch->open, classifier->tuples[i]->slot);
    }
}

/* Into scratch->candidates: the tuples that have a rule with the packet's bits in the head, and one in each field. `out_tell`: how many bits of
 * each field tell that the others have none. */
static void find_candidates(const struct classifier *classifier, const struct flow_state *packet, unsigned *out_tell)
{
    struct classifier_scratch *scratch = classifier->scratch;
    uint64_t *candidates = scratch->candidates;
    struct axis_look looks[TUPLE_FIELDS];
    memset(scratch->covered[0], 0, TUPLE_FIELDS * classifier->words * sizeof *scratch->covered[0]);
    for (size_t f = 0; f < TUPLE_FIELDS; f++) {
        looks[f] = (struct axis_look){.axis = &classifier->fields[f], .value = tuple_field(f, packet), .out = scratch->covered[f]};
    }
    axis_find(looks, TUPLE_FIELDS);
    memcpy(candidates, classifier->live, classifier->words * sizeof *candidates);
    for (const struct head *head = classifier->heads; head != NULL; head = head->next) {
        head_filter(head, packet, scratch->passed, candidates);
    }
    for (size_t f = 0; f < TUPLE_FIELDS; f++) {
        const uint64_t *without = axis_tuples(&classifier->fields[f], 0);
        out_tell[f] = looks[f].n_bits;
        for (size_t w = 0; w < classifier->words; w++) {
            candidates[w] &= scratch->covered[f][w] | without[w];
        }
    }
}

/* How many are in a set, `most` at most and one more. */
static size_t count_few(const uint64_t *set, size_t words, size_t most)
{
    size_t n = 0;
    for (size_t w = 0; w < words; w++) {
        for (uint64_t left = set[w]; left != 0 && n <= most; left &= left - 1) {
            n++;
        }
    }
    return n;
}

/* Lists the candidates by priority_max downwards. */
static size_t list_candidates(const struct classifier *classifier, const struct flow_state *packet)
{
    struct classifier_scratch *scratch = classifier->scratch;
    const uint64_t *candidates = scratch->candidates;
    size_t n = 0, n_all = count_few(candidates, classifier->words, SORTED_ONE_BY_ONE);
    for (size_t i = 0; n_all > SORTED_ONE_BY_ONE && i < classifier->n_tuples; i++) {
        const struct classifier_tuple *tuple = classifier->tuples[i];
        if (candidates[tuple->slot / 64] >> tuple->slot % 64 & 1) {
            scratch->list[n++] = (struct candidate){.tuple = tuple, .hash = tuple_hash(tuple, packet)};
        }
    }
    for (size_t w = 0; n_all <= SORTED_ONE_BY_ONE && w < classifier->words; w++) {
        for (uint64_t left = candidates[w]; left != 0; left &= left - 1) {
            const struct classifier_tuple *tuple = classifier->by_slot[w * 64 + (unsigned)__builtin_ctzll(left)];
            struct candidate candidate = {.tuple = tuple, .hash = tuple_hash(tuple, packet)};
            tuple_prefetch(tuple, candidate.hash);
            size_t i = n++;
            for (; i > 0 && scratch->list[i - 1].tuple->rank > tuple->rank; i--) {
                scratch->list[i] = scratch->list[i - 1];
            }
            scratch->list[i] = candidate;
        }
    }
    return n;
}

/* Of the tuples in `failed` the longest prefix in the field; 0: there is none. */
static unsigned longest_of(const struct axis *axis, const uint64_t *failed)
{
    for (unsigned i = 0; i < axis->n_lengths; i++) {
        const uint64_t *tuples = axis_tuples(axis, axis->lengths[i]);
        uint64_t any = 0;
        for (size_t w = 0; w < axis->words; w++) {
            any |= tuples[w] & failed[w];
        }
        if (any != 0) {
            return axis->lengths[i];
        }
    }
    return 0;
}

/* The open tuples without a prefix of the packet in this field are told by its leading bits. With `is_free`, only when these were looked at. */
static void tell_by_field(const struct classifier *classifier, size_t f, unsigned tell, bool is_free, const struct flow_state *packet,
                          struct flow_state *looked)
{
    const struct axis *axis = &classifier->fields[f];
    struct classifier_scratch *scratch = classifier->scratch;
    const uint64_t *without = axis_tuples(axis, 0);
    uint64_t *failed = scratch->candidates; /* which are listed by now */
    uint64_t any = 0;
    for (size_t w = 0; w < classifier->words; w++) {
        failed[w] = scratch->open[w] & ~(scratch->covered[f][w] | without[w]);
        any |= failed[w];
    }
    if (any == 0) {
        return;
    }
    unsigned longest = longest_of(axis, failed), n_bits = tell < longest ? tell : longest;
    struct trie_value all = {UINT64_MAX, UINT64_MAX}, before = tuple_field(f, looked), needed = trie_leading_bits(all, n_bits);
    bool has_looked = (needed.high & ~before.high) == 0 && (needed.low & ~before.low) == 0;
    if (!has_looked && is_free) {
        return;
    }
    if (!has_looked) {
        unsigned whole = 1;
        while (whole < longest) {
            whole *= 2;
        }
        unsigned step = whole >> classifier->levels_log2;
        n_bits = step > 1 ? (n_bits + step - 1) / step * step : n_bits;
        needed = trie_leading_bits(all, n_bits < longest ? n_bits : longest);
        tuple_set_field(f, looked, (struct trie_value){before.high | needed.high, before.low | needed.low});
    }
    for (size_t w = 0; w < classifier->words; w++) {
        scratch->open[w] &= ~failed[w];
    }
}

/* A few open tuples are asked one by one, which tells with fewer bits: their own tries know only the rules that agree with the packet
 * before. False: they are more than a few. */
static bool tell_one_by_one(const struct classifier *classifier, const struct flow_state *packet, struct flow_state *looked)
{
    struct classifier_scratch *scratch = classifier->scratch;
    size_t n = count_few(scratch->open, classifier->words, ASKED_ONE_BY_ONE);
    for (size_t w = 0; n <= ASKED_ONE_BY_ONE && w < classifier->words; w++) {
        for (; scratch->open[w] != 0; scratch->open[w] &= scratch->open[w] - 1) {
            const struct classifier_tuple *tuple = classifier->by_slot[w * 64 + (unsigned)__builtin_ctzll(scratch->open[w])];
            (void)tuple_lookup(tuple, classifier->levels_log2, packet, looked);
        }
    }
    return n <= ASKED_ONE_BY_ONE;
}

static void tell_all(const struct classifier *classifier, const unsigned *tell, const struct flow_state *packet, struct flow_state *looked)
{
    if (tell_one_by_one(classifier, packet, looked)) {
        return;
    }
    for (const struct head *head = classifier->heads; head != NULL; head = head->next) {
        head_look(head, packet, classifier->scratch->passed, classifier->scratch->open, looked);
    }
    for (unsigned round = 0; round < 2; round++) {
        for (size_t f = 0; f < TUPLE_FIELDS; f++) {
            if (classifier->fields[f].n_lengths > 0) {
                tell_by_field(classifier, f, tell[f], round == 0, packet, looked);
            }
        }
        if (round == 0 && tell_one_by_one(classifier, packet, looked)) {
            return;
        }
    }
}

/* Why no rule of another tuple is the packet's: the best rule's bits are looked at anyway and tell many tuples, the head others, then field
 * after field; the candidates are told by their masks. */
static void look(const struct classifier *classifier, const struct classifier_tuple *best, int32_t priority, size_t n_listed, const unsigned *tell,
                 const struct flow_state *packet, struct flow_state *looked)
{
    struct classifier_scratch *scratch = classifier->scratch;
    if (best != NULL) {
        tuple_look(best, looked);
    }
    open_tuples(classifier, priority);
    for (size_t i = 0; i < n_listed; i++) {
        uint32_t slot = scratch->list[i].tuple->slot;
        scratch->open[slot / 64] &= ~(1ull << slot % 64);
    }
    tell_all(classifier, tell, packet, looked);
    for (size_t i = 0; i < n_listed; i++) {
        tuple_look(scratch->list[i].tuple, looked);
    }
}

/* Few tuples are looked up one after the other. */
static const struct classifier_rule *lookup_one_by_one(const struct classifier *classifier, const struct flow_state *packet,
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

/* What one lookup costs: a probe for each head, words of sets for each tuple, and a look at those that are candidates. */
static unsigned cost_of_lookup(const struct classifier *classifier, size_t n_candidates)
{
    return COST_OF_LOOKUP +
           (unsigned)(classifier->n_heads * COST_OF_HEAD + n_candidates * COST_OF_CANDIDATE + classifier->n_tuples / TUPLES_PER_COST);
}

static const struct classifier_rule *lookup(const struct classifier *classifier, const struct flow_state *packet,
                                            struct flow_state *looked, unsigned *work)
{
    struct classifier_scratch *scratch = classifier->scratch;
    if (classifier->n_tuples <= ASKED_ONE_BY_ONE) {
        *work += COST_OF_LOOKUP;
        return lookup_one_by_one(classifier, packet, looked);
    }
    if (scratch->is_stale) {
        refresh_order(classifier);
    }
    unsigned tell[TUPLE_FIELDS];
    find_candidates(classifier, packet, tell);
    const struct classifier_rule *best = NULL;
    const struct classifier_tuple *tuple_of_best = NULL;
    int32_t priority = INT32_MIN;
    size_t n = list_candidates(classifier, packet), i = 0;
    *work += cost_of_lookup(classifier, n);
    for (; i < n && scratch->list[i].tuple->priority_max >= priority; i++) {
        const struct candidate *candidate = &scratch->list[i];
        const struct tuple_cell *cell = tuple_find(candidate->tuple, packet, candidate->hash);
        if (cell->rule != NULL &&
            (best == NULL || cell->priority > priority || (cell->priority == priority && cell->rule->id < best->id))) {
            best = cell->rule;
            tuple_of_best = candidate->tuple;
            priority = cell->priority;
        }
    }
    while (i > 0 && scratch->list[i - 1].tuple->priority_max < priority) {
        i--;
    }
    look(classifier, tuple_of_best, priority, i, tell, packet, looked);
    return best;
}

/* ---- conjunctions ---- */

/* A clause of a rule that covers the packet. */
struct met_clause {
    int32_t priority;
    uint32_t id;
    uint8_t n_clauses, clause;
};

struct met {
    struct met_clause *clauses; /* owned */
    size_t n, room;
};

static void meet(struct met *met, const struct classifier_rule *rule)
{
    for (size_t c = 0; c < rule->n_clauses; c++) {
        const struct classifier_clause *clause = &rule->clauses[c];
        if (clause->n_clauses == 0 || clause->n_clauses > CLASSIFIER_CLAUSES_MAX || clause->clause >= clause->n_clauses) {
            continue;
        }
        if (met->n == met->room) {
            met->room = met->room == 0 ? 16 : met->room * 2;
            met->clauses = memory_resize(met->clauses, met->room * sizeof *met->clauses);
        }
        met->clauses[met->n++] = (struct met_clause){
            .priority = rule->priority, .id = clause->id, .n_clauses = clause->n_clauses, .clause = clause->clause};
    }
}

static void gather(const struct classifier *clauses, int32_t above, const struct flow_state *packet, struct flow_state *looked,
                   struct met *met, unsigned limit, unsigned *work)
{
    for (size_t i = 0; i < clauses->n_tuples && clauses->tuples[i]->priority_max > above && *work <= limit; i++) {
        size_t n_before = met->n;
        const struct classifier_rule *rule = tuple_lookup(clauses->tuples[i], clauses->levels_log2, packet, looked);
        *work += COST_OF_TUPLE;
        for (; rule != NULL; rule = rule->next) {
            if (rule->priority > above && match_covers_packet(rule->match, packet)) {
                meet(met, rule);
            }
        }
        *work += (unsigned)(met->n - n_before) * COST_OF_CLAUSE;
    }
}

/* Priorities downwards, ids upwards; the clauses of one conjunction together: those that say another number of clauses belong to another. */
static int compare_clauses(const void *left, const void *right)
{
    const struct met_clause *a = left, *b = right;
    if (a->priority != b->priority) {
        return a->priority > b->priority ? -1 : 1;
    }
    if (a->id != b->id) {
        return a->id < b->id ? -1 : 1;
    }
    return (a->n_clauses > b->n_clauses) - (a->n_clauses < b->n_clauses);
}

static const struct classifier_rule *resolve(const struct classifier *classifier, struct met *met, const struct flow_state *packet,
                                             struct flow_state *looked, unsigned limit, unsigned *work)
{
    struct flow_state again = *packet;
    if (met->n > 0) {
        qsort(met->clauses, met->n, sizeof *met->clauses, compare_clauses);
    }
    for (size_t i = 0, end; i < met->n && *work <= limit; i = end) {
        const struct met_clause *first = &met->clauses[i];
        uint64_t clauses = 0;
        for (end = i; end < met->n && compare_clauses(first, &met->clauses[end]) == 0; end++) {
            clauses |= 1ull << met->clauses[end].clause;
        }
        if (clauses != UINT64_MAX >> (64 - first->n_clauses)) {
            continue;
        }
        again.conj_id = be32(first->id);
        const struct classifier_rule *rule = lookup(classifier, &again, looked, work);
        if (rule != NULL) {
            return rule;
        }
    }
    return NULL;
}

const struct classifier_rule *classifier_lookup_within(const struct classifier *classifier, const struct flow_state *packet,
                                                       struct flow_state *looked, unsigned limit, unsigned *work)
{
    const struct classifier_rule *best = lookup(classifier, packet, looked, work);
    if (classifier->clauses == NULL) {
        return best;
    }
    struct met met = {.n = 0};
    gather(classifier->clauses, best != NULL ? best->priority : -1, packet, looked, &met, limit, work);
    const struct classifier_rule *found = resolve(classifier, &met, packet, looked, limit, work);
    free(met.clauses);
    return found != NULL ? found : best;
}

const struct classifier_rule *classifier_lookup(const struct classifier *classifier, const struct flow_state *packet,
                                                struct flow_state *looked)
{
    unsigned work = 0;
    return classifier_lookup_within(classifier, packet, looked, UINT_MAX, &work);
}

size_t classifier_count(const struct classifier *classifier)
{
    return classifier->n_rules + (classifier->clauses != NULL ? classifier->clauses->n_rules : 0);
}

size_t classifier_count_tuples(const struct classifier *classifier)
{
    return classifier->n_tuples + (classifier->clauses != NULL ? classifier->clauses->n_tuples : 0);
}
