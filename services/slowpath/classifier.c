/* Tuple space with priorities and stages.
 *
 * Rules with the same mask form a tuple, and a tuple is a hash table: one lookup is a hash per tuple, however many rules. The tuples
 * are visited from the highest priority they hold downwards, so the search ends at the first tuple that cannot hold better than what
 * was found. Most rule sets have few masks and many rules; a set with a mask for each rule is the bad case, linear in tuples.
 *
 * What was looked at. A tuple visited proves something about the packet by its whole mask, found or not. Often less proves it: the words
 * of a state lie in the order port and registers, L2, L3, L4, and a tuple keeps the set of hashes after each of these stages. When the
 * hash after an early stage is in no rule of the tuple, none can cover the packet, and the later words were never looked at:
 *
 *     stage   0 port, registers | 1 Ethernet, VLAN | 2 addresses, protocol, rare | 3 ports
 *     looked  ===================================^ not in the set: the ports stay wildcards
 *
 * That is why a rule on TCP ports does not cost every other host one flow per connection. Equal hashes of different values only make
 * the mask larger (I2 allows a superfluous bit, never a missing one).
 *
 * The highest priority of a tuple may be too high after removals, which costs a visit; it is made exact when half were removed, so a
 * removal costs O(1) on average. Insert: one hash, four at most. Thread: the one that translates. No allocation in a lookup.
 */
#include "services/slowpath/classifier.h"

#include <stdlib.h>

#include "lib/base/memory.h"

enum { N_STAGES = 4, TABLE_ROOM_FIRST = 8 /* a power of two; most tuples are small */ };

/* Where each stage's words are: [first, last) of the state; registers come first, with the port. */
static const struct {
    uint8_t first, last, stage;
} stage_ranges[] = {
    {0, 1, 0},                   /* port */
    {KEY_WORDS, STATE_WORDS, 0}, /* metadata, registers */
    {1, 4, 1},                   /* Ethernet, VLAN */
    {4, 9, 2},                   /* protocol and addresses */
    {10, KEY_WORDS, 2},          /* MPLS, ARP, neighbour discovery */
    {9, 10, 3},                  /* L4 ports */
};

/* How many rules have this hash after a stage: open addressing, a hash of 0 is stored as 1. */
struct stage_set {
    struct stage_entry {
        uint64_t hash;
        uint32_t count;
    } * entries; /* owned; `room` is a power of two, at most half used */
    size_t room, used;
};

struct classifier_tuple {
    struct flow_state mask;
    uint8_t words[STATE_WORDS]; /* those with a bit in the mask, in stage order */
    uint64_t masks[STATE_WORDS];
    uint8_t stage_end[N_STAGES]; /* into words */
    uint8_t n_words;
    int32_t priority_max; /* at least that of every rule */
    size_t n_rules, n_removed;
    struct stage_set stages[N_STAGES - 1];
    struct classifier_rule **buckets; /* chains by priority downwards, then id upwards */
    size_t n_buckets;                 /* a power of two */
};

struct classifier {
    struct classifier_tuple **tuples; /* by priority_max downwards */
    size_t n_tuples, room;
    size_t n_rules;
};

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    unsigned __int128 product = (unsigned __int128)(hash ^ word ^ 0x9e3779b97f4a7c15ull) * 0xd6e8feb86659fd93ull;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* ---- the hashes after a stage ---- */

static struct stage_entry *stage_find(const struct stage_set *set, uint64_t hash)
{
    size_t i = hash & (set->room - 1);
    while (set->entries[i].hash != hash && set->entries[i].hash != 0) {
        i = (i + 1) & (set->room - 1);
    }
    return &set->entries[i];
}

static void stage_resize(struct stage_set *set, size_t room)
{
    struct stage_set old = *set;
    set->entries = memory_array(room, sizeof *set->entries);
    set->room = room;
    set->used = 0;
    for (size_t i = 0; i < old.room; i++) {
        if (old.entries[i].count > 0) {
            *stage_find(set, old.entries[i].hash) = old.entries[i];
            set->used++;
        }
    }
    free(old.entries);
}

static void stage_add(struct stage_set *set, uint64_t hash)
{
    hash += hash == 0;
    if (set->used * 2 >= set->room) {
        size_t n_live = 0;
        for (size_t i = 0; i < set->room; i++) {
            n_live += set->entries[i].count > 0;
        }
        size_t room = set->room == 0 ? TABLE_ROOM_FIRST : set->room;
        stage_resize(set, n_live * 4 >= room ? room * 2 : room);
    }
    struct stage_entry *entry = stage_find(set, hash);
    set->used += entry->hash == 0;
    entry->hash = hash;
    entry->count++;
}

/* The entry stays as a marker with count 0 until the next resize, so that searches go on past it. */
static void stage_drop(struct stage_set *set, uint64_t hash)
{
    hash += hash == 0;
    stage_find(set, hash)->count--;
}

static bool stage_has(const struct stage_set *set, uint64_t hash)
{
    hash += hash == 0;
    return set->room > 0 && stage_find(set, hash)->count > 0;
}

/* ---- tuples ---- */

static struct classifier_tuple *tuple_new(const struct flow_state *mask)
{
    struct classifier_tuple *tuple = memory_zeroed(sizeof *tuple);
    tuple->mask = *mask;
    for (size_t r = 0; r < sizeof stage_ranges / sizeof stage_ranges[0]; r++) {
        for (uint8_t i = stage_ranges[r].first; i < stage_ranges[r].last; i++) {
            if (state_word(mask, i) != 0) {
                tuple->words[tuple->n_words] = i;
                tuple->masks[tuple->n_words] = state_word(mask, i);
                tuple->n_words++;
            }
        }
        tuple->stage_end[stage_ranges[r].stage] = tuple->n_words;
    }
    tuple->n_buckets = TABLE_ROOM_FIRST;
    tuple->buckets = memory_array(tuple->n_buckets, sizeof *tuple->buckets);
    return tuple;
}

static void tuple_destroy(struct classifier_tuple *tuple)
{
    for (size_t s = 0; s < N_STAGES - 1; s++) {
        free(tuple->stages[s].entries);
    }
    free(tuple->buckets);
    free(tuple);
}

/* Hash of the words up to the end of stage `stage`, continuing from `hash` of the stages before. */
static inline uint64_t tuple_hash_stage(const struct classifier_tuple *tuple, const struct flow_state *state, int stage,
                                        uint64_t hash)
{
    size_t i = stage == 0 ? 0 : tuple->stage_end[stage - 1];
    for (; i < tuple->stage_end[stage]; i++) {
        hash = mix(hash, state_word(state, tuple->words[i]) & tuple->masks[i]);
    }
    return hash;
}

/* A stage is worth a set when it has words and so has a later one. */
static bool stage_decides(const struct classifier_tuple *tuple, int stage)
{
    size_t first = stage == 0 ? 0 : tuple->stage_end[stage - 1];
    return tuple->stage_end[stage] > first && tuple->stage_end[stage] < tuple->n_words;
}

static bool comes_before(const struct classifier_rule *a, const struct classifier_rule *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

static void tuple_chain(struct classifier_tuple *tuple, struct classifier_rule *rule)
{
    struct classifier_rule **place = &tuple->buckets[rule->hash & (tuple->n_buckets - 1)];
    while (*place != NULL && comes_before(*place, rule)) {
        place = &(*place)->next;
    }
    rule->next = *place;
    *place = rule;
}

static void tuple_grow(struct classifier_tuple *tuple)
{
    struct classifier_rule **old = tuple->buckets;
    size_t n_old = tuple->n_buckets;
    tuple->n_buckets *= 2;
    tuple->buckets = memory_array(tuple->n_buckets, sizeof *tuple->buckets);
    for (size_t i = 0; i < n_old; i++) {
        for (struct classifier_rule *rule = old[i], *next; rule != NULL; rule = next) {
            next = rule->next;
            tuple_chain(tuple, rule);
        }
    }
    free(old);
}

static void tuple_insert(struct classifier_tuple *tuple, struct classifier_rule *rule)
{
    if (tuple->n_rules >= tuple->n_buckets) {
        tuple_grow(tuple);
    }
    uint64_t hash = 0;
    for (int s = 0; s < N_STAGES; s++) {
        hash = tuple_hash_stage(tuple, &rule->match->value, s, hash);
        if (stage_decides(tuple, s)) {
            stage_add(&tuple->stages[s], hash);
        }
    }
    rule->hash = hash;
    rule->tuple = tuple;
    tuple_chain(tuple, rule);
    tuple->n_rules++;
}

static void tuple_remove(struct classifier_tuple *tuple, struct classifier_rule *rule)
{
    struct classifier_rule **place = &tuple->buckets[rule->hash & (tuple->n_buckets - 1)];
    while (*place != rule) {
        place = &(*place)->next;
    }
    *place = rule->next;
    uint64_t hash = 0;
    for (int s = 0; s < N_STAGES; s++) {
        hash = tuple_hash_stage(tuple, &rule->match->value, s, hash);
        if (stage_decides(tuple, s)) {
            stage_drop(&tuple->stages[s], hash);
        }
    }
    rule->next = NULL;
    rule->tuple = NULL;
    tuple->n_rules--;
    tuple->n_removed++;
}

static int32_t tuple_priority(const struct classifier_tuple *tuple)
{
    int32_t priority = INT32_MIN;
    for (size_t i = 0; i < tuple->n_buckets; i++) {
        for (const struct classifier_rule *rule = tuple->buckets[i]; rule != NULL; rule = rule->next) {
            priority = rule->priority > priority ? rule->priority : priority;
        }
    }
    return priority;
}

/* The first rule of the packet in this tuple, or NULL; `looked` grows by the stages that were needed. */
static const struct classifier_rule *tuple_lookup(const struct classifier_tuple *tuple, const struct flow_state *packet,
                                                  struct flow_state *looked)
{
    uint64_t hash = 0;
    size_t n_looked = tuple->n_words;
    const struct classifier_rule *found = NULL;
    for (int s = 0; s < N_STAGES; s++) {
        hash = tuple_hash_stage(tuple, packet, s, hash);
        if (stage_decides(tuple, s) && !stage_has(&tuple->stages[s], hash)) {
            n_looked = tuple->stage_end[s];
            goto out;
        }
    }
    found = tuple->buckets[hash & (tuple->n_buckets - 1)];
    while (found != NULL && (found->hash != hash || !state_equal_under(&found->match->value, packet, &tuple->mask))) {
        found = found->next;
    }
out:
    for (size_t i = 0; i < n_looked; i++) {
        uint8_t word = tuple->words[i];
        state_set_word(looked, word, state_word(looked, word) | tuple->masks[i]);
    }
    return found;
}

/* ---- the classifier ---- */

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
        tuple_destroy((*classifier)->tuples[i]);
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
        tuple_destroy(tuple);
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
        const struct classifier_rule *found = tuple_lookup(tuple, packet, looked);
        if (found != NULL && (best == NULL || comes_before(found, best))) {
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
