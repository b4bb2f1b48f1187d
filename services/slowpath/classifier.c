/* Tuple space with priorities, stages and tries.
 *
 * Rules with the same mask form a tuple, and a tuple is a hash table: one lookup is a hash per tuple, however many rules. The tuples
 * are visited from the highest priority they hold downwards, so the search ends at the first tuple that cannot hold better than what
 * was found. Most rule sets have few masks and many rules; a set with a mask for each rule is the bad case, linear in tuples.
 *
 * What was looked at. A tuple visited proves something about the packet by its whole mask, found or not. Often less proves it. A tuple's bits
 * are taken in stages, and it keeps the set of hashes after each but the last. When the hash after a stage is in no rule of the tuple,
 * none can cover the packet, and the later stages were never looked at:
 *
 *     stage   port, registers | Ethernet, VLAN | protocol | destination | source | L4 destination | L4 source | rest
 *     looked  =========================================== | ====........  not looked at: they stay wildcards
 *                                   hash in the set ____^       ^____ and here it is not, which few leading bits may tell
 *
 * Addresses and ports have a stage each and, for every hash after the stage before, a trie of the values that rules with this hash have
 * there. A packet that fails in such a stage has one of these hashes, and the trie says how many leading bits tell that its value is none of
 * those rules': udp,tp_dst=53 is told from other ports by five bits on average, not sixteen. This is the idea of Open vSwitch's prefix tries
 * with smaller tries: hers hold all rules of a table, these only those that agree with the packet up to here, so they ask for fewer
 * bits, never for more. Since all values of one trie are under one mask, that mask need not be a prefix; IPv4 and IPv6 meet in one trie
 * only where no rule of the tuple looks at the Ethernet type, and there they rightly do.
 *
 * How many leading bits: the fewest that tell would be the widest flow, but packets differ in how many they need, and when several fields do,
 * every combination is a mask of its own. A shard tries masks one by one and holds few (64 a port); a flow beyond them is entered key by key.
 * So the number is rounded up, to the more the more fields of the table have tries. Measured with 10,000 random connections: a thousand rules on
 * addresses and ports of both sides made 1,654 masks without rounding and make 30, with as many flows, one a connection.
 *
 * So a rule on TCP ports does not cost every other host one flow per connection, nor one per port. Equal hashes of different values only
 * make the mask larger (I2 allows a superfluous bit, never a missing one).
 *
 * The highest priority of a tuple may be too high after removals, which costs a visit; it is made exact when half were removed, so a
 * removal costs O(1) on average. Insert: one hash, eight at most, and a way down four tries at most. A rule takes at most 96 bytes for
 * each stage that its hash is new in and 64 for each trie that its value is new in. Thread: the one that translates. No allocation in a
 * lookup.
 */
#include "services/slowpath/classifier.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "services/slowpath/trie.h"

enum { N_STAGES = 8, TABLE_ROOM_FIRST = 8 /* a power of two; most tuples are small */ };

/* Which bytes of the state each stage takes; what protocols have in common comes before what tells their users apart. */
static const struct {
    uint8_t stage, offset, size;
    bool has_trie;
} stage_parts[] = {
    {0, offsetof(struct flow_state, key.in_port), 8, false},
    {0, sizeof(struct flow_key), sizeof(struct flow_state) - sizeof(struct flow_key), false}, /* metadata, registers */
    {1, offsetof(struct flow_state, key.eth_dst), 22, false},                                 /* Ethernet, VLAN */
    {2, offsetof(struct flow_state, key.ip_proto), 8, false},                                 /* and what is beside it */
    {3, offsetof(struct flow_state, key.ip_dst), 16, true},
    {4, offsetof(struct flow_state, key.ip_src), 16, true},
    {5, offsetof(struct flow_state, key.l4_dst), 2, true},
    {6, offsetof(struct flow_state, key.l4_src), 2, true},
    {7, offsetof(struct flow_state, key.tcp_flags), 2, false},
    {7, offsetof(struct flow_state, key.dp_hash), sizeof(struct flow_key) - offsetof(struct flow_key, dp_hash), false},
};

enum { N_STAGE_PARTS = sizeof stage_parts / sizeof stage_parts[0] };
enum { N_TUPLE_WORDS = STATE_WORDS + 3 }; /* both ports and what is behind them share a word, VLAN and TCP flags another */

/* How many different numbers of leading bits a trie tells (a power of two), by how many fields of the table have tries. A shard holds few
 * masks a port (64) and tries them one by one, and a mask is a combination of all fields' bits: with one field each number may be a mask
 * of its own, with four there are 4 * 4 * 4 * 4 at worst, a tenth of that in traffic. */
static const uint8_t levels_log2_of[] = {7, 7, 4, 3, 2};

/* How many rules have this hash after a stage: open addressing, a hash of 0 is stored as 1. */
struct stage_set {
    struct stage_entry {
        uint64_t hash;
        struct trie_node *trie; /* owned; values of those rules in the next stage, if that has a trie */
        uint32_t count;
    } * entries; /* owned; `room` is a power of two, at most half used */
    size_t room, used;
};

struct stage {
    uint8_t first, end; /* into the tuple's words; not empty */
    uint8_t offset, size;
    uint8_t stage;
    bool has_trie;
    /* Of a stage with a trie: the mask of its field, and where that ends, rounded up to a power of two. */
    struct trie_value mask;
    uint8_t n_bits;
    struct stage_set set; /* none in the last stage */
};

struct classifier_tuple {
    struct flow_state mask;
    uint8_t words[N_TUPLE_WORDS]; /* those with a bit in the mask, in the order of stages; one of two stages comes twice */
    uint64_t masks[N_TUPLE_WORDS];
    uint8_t n_words;
    uint8_t n_stages;
    struct stage stages[N_STAGES]; /* those with a word */
    struct trie_node *trie;        /* owned; values of all rules in the first stage, if that has a trie */
    int32_t priority_max;          /* at least that of every rule */
    size_t n_rules, n_removed;
    struct classifier_rule **buckets; /* chains by priority downwards, then id upwards */
    size_t n_buckets;                 /* a power of two */
};

struct classifier {
    struct classifier_tuple **tuples; /* by priority_max downwards */
    size_t n_tuples, room;
    size_t n_rules;
    size_t n_with_trie[N_STAGES]; /* tuples that have a trie in that stage */
    unsigned levels_log2;         /* for so many different stages */
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

static struct stage_entry *stage_add(struct stage_set *set, uint64_t hash)
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
    return entry;
}

/* The entry stays as a marker with count 0 until the next resize, so that searches go on past it. */
static struct stage_entry *stage_drop(struct stage_set *set, uint64_t hash)
{
    hash += hash == 0;
    struct stage_entry *entry = stage_find(set, hash);
    entry->count--;
    return entry;
}

/* NULL: no rule has this hash. */
static const struct stage_entry *stage_get(const struct stage_set *set, uint64_t hash)
{
    hash += hash == 0;
    const struct stage_entry *entry = stage_find(set, hash);
    return entry->count > 0 ? entry : NULL;
}

/* ---- tuples ---- */

/* The field of a stage with a trie: an address of 16 bytes or a port of 2. */
static inline struct trie_value stage_field(const struct stage *stage, const struct flow_state *state)
{
    const uint8_t *bytes = (const uint8_t *)state + stage->offset;
    if (stage->size == 2) {
        uint16_t port;
        memcpy(&port, bytes, sizeof port);
        return (struct trie_value){(uint64_t)be16toh(port) << 48, 0};
    }
    uint64_t address[2];
    memcpy(address, bytes, sizeof address);
    return (struct trie_value){be64toh(address[0]), be64toh(address[1])};
}

static inline void stage_set_field(const struct stage *stage, struct flow_state *state, struct trie_value value)
{
    uint8_t *bytes = (uint8_t *)state + stage->offset;
    if (stage->size == 2) {
        uint16_t port = htobe16((uint16_t)(value.high >> 48));
        memcpy(bytes, &port, sizeof port);
        return;
    }
    uint64_t address[2] = {htobe64(value.high), htobe64(value.low)};
    memcpy(bytes, address, sizeof address);
}

/* The same under the tuple's mask. */
static inline struct trie_value stage_value(const struct stage *stage, const struct flow_state *state)
{
    struct trie_value value = stage_field(stage, state);
    return (struct trie_value){value.high & stage->mask.high, value.low & stage->mask.low};
}

/* Takes the part's bits of the mask into the tuple's words, and opens the stage if it is the first part of it that has some. */
static void tuple_add_part(struct classifier_tuple *tuple, size_t part, int *last_stage)
{
    struct flow_state bits = {0};
    memcpy((uint8_t *)&bits + stage_parts[part].offset, (const uint8_t *)&tuple->mask + stage_parts[part].offset,
           stage_parts[part].size);
    for (uint8_t i = 0; i < STATE_WORDS; i++) {
        if (state_word(&bits, i) == 0) {
            continue;
        }
        if (*last_stage != stage_parts[part].stage) {
            *last_stage = stage_parts[part].stage;
            tuple->stages[tuple->n_stages++] = (struct stage){.first = tuple->n_words,
                                                              .stage = stage_parts[part].stage,
                                                              .offset = stage_parts[part].offset,
                                                              .size = stage_parts[part].size,
                                                              .has_trie = stage_parts[part].has_trie};
        }
        assert(tuple->n_words < N_TUPLE_WORDS);
        tuple->words[tuple->n_words] = i;
        tuple->masks[tuple->n_words] = state_word(&bits, i);
        tuple->n_words++;
        tuple->stages[tuple->n_stages - 1].end = tuple->n_words;
    }
}

static struct classifier_tuple *tuple_new(const struct flow_state *mask)
{
    struct classifier_tuple *tuple = memory_zeroed(sizeof *tuple);
    tuple->mask = *mask;
    int last_stage = -1;
    for (size_t part = 0; part < N_STAGE_PARTS; part++) {
        tuple_add_part(tuple, part, &last_stage);
    }
    for (size_t s = 0; s < tuple->n_stages; s++) {
        struct stage *stage = &tuple->stages[s];
        if (stage->has_trie) {
            stage->mask = stage_field(stage, mask);
            stage->n_bits = 1;
            while (trie_bits_end(stage->mask) > stage->n_bits) {
                stage->n_bits *= 2;
            }
        }
    }
    tuple->n_buckets = TABLE_ROOM_FIRST;
    tuple->buckets = memory_array(tuple->n_buckets, sizeof *tuple->buckets);
    return tuple;
}

static void tuple_destroy(struct classifier_tuple *tuple)
{
    for (size_t s = 0; s < tuple->n_stages; s++) {
        struct stage_set *set = &tuple->stages[s].set;
        for (size_t i = 0; i < set->room; i++) {
            trie_clear(&set->entries[i].trie);
        }
        free(set->entries);
    }
    trie_clear(&tuple->trie);
    free(tuple->buckets);
    free(tuple);
}

/* Hash of the words up to the end of the stage, continuing from `hash` of the stages before. */
static inline uint64_t tuple_hash_stage(const struct classifier_tuple *tuple, const struct flow_state *state,
                                        const struct stage *stage, uint64_t hash)
{
    for (size_t i = stage->first; i < stage->end; i++) {
        hash = mix(hash, state_word(state, tuple->words[i]) & tuple->masks[i]);
    }
    return hash;
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
    struct trie_node **trie = &tuple->trie;
    for (size_t s = 0; s < tuple->n_stages; s++) {
        struct stage *stage = &tuple->stages[s];
        if (stage->has_trie) {
            trie_insert(trie, stage_value(stage, &rule->match->value));
        }
        hash = tuple_hash_stage(tuple, &rule->match->value, stage, hash);
        if (s + 1u < tuple->n_stages) {
            trie = &stage_add(&stage->set, hash)->trie;
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
    struct trie_node **trie = &tuple->trie;
    for (size_t s = 0; s < tuple->n_stages; s++) {
        struct stage *stage = &tuple->stages[s];
        if (stage->has_trie) {
            trie_remove(trie, stage_value(stage, &rule->match->value));
        }
        hash = tuple_hash_stage(tuple, &rule->match->value, stage, hash);
        if (s + 1u < tuple->n_stages) {
            trie = &stage_drop(&stage->set, hash)->trie;
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

/* The tuple's bits up to a word become looked at. */
static void look_at_words(const struct classifier_tuple *tuple, size_t first, size_t end, struct flow_state *looked)
{
    for (size_t i = first; i < end; i++) {
        uint8_t word = tuple->words[i];
        state_set_word(looked, word, state_word(looked, word) | tuple->masks[i]);
    }
}

static bool has_looked_at_words(const struct classifier_tuple *tuple, size_t first, size_t end, const struct flow_state *looked)
{
    uint64_t missing = 0;
    for (size_t i = first; i < end; i++) {
        missing |= tuple->masks[i] & ~state_word(looked, tuple->words[i]);
    }
    return missing == 0;
}

/* The packet has the hash of rules up to this stage, whose values here are in the trie, and no longer at its end. */
static void look_at_failure(const struct classifier_tuple *tuple, const struct stage *stage, const struct trie_node *trie,
                            unsigned levels_log2, const struct flow_state *packet, struct flow_state *looked)
{
    look_at_words(tuple, 0, stage->first, looked);
    if (has_looked_at_words(tuple, stage->first, stage->end, looked)) {
        return;
    }
    unsigned n_bits = stage->has_trie ? trie_bits_to_tell(trie, stage_value(stage, packet)) : TRIE_PRESENT;
    if (n_bits == TRIE_PRESENT) {
        look_at_words(tuple, stage->first, stage->end, looked);
        return;
    }
    unsigned step = stage->n_bits >> levels_log2;
    n_bits = step > 1 ? (n_bits + step - 1) / step * step : n_bits;
    struct trie_value leading = trie_leading_bits(stage->mask, n_bits), before = stage_field(stage, looked);
    stage_set_field(stage, looked, (struct trie_value){before.high | leading.high, before.low | leading.low});
}

static const struct classifier_rule *tuple_find(const struct classifier_tuple *tuple, const struct flow_state *packet,
                                                uint64_t hash)
{
    const struct classifier_rule *rule = tuple->buckets[hash & (tuple->n_buckets - 1)];
    while (rule != NULL && (rule->hash != hash || !state_equal_under(&rule->match->value, packet, &tuple->mask))) {
        rule = rule->next;
    }
    return rule;
}

/* The first rule of the packet in this tuple, or NULL; `looked` grows by what told. */
static const struct classifier_rule *tuple_lookup(const struct classifier_tuple *tuple, unsigned levels_log2,
                                                  const struct flow_state *packet, struct flow_state *looked)
{
    uint64_t hash = 0;
    const struct trie_node *trie = tuple->trie;
    for (size_t s = 0; s + 1u < tuple->n_stages; s++) {
        const struct stage *stage = &tuple->stages[s];
        hash = tuple_hash_stage(tuple, packet, stage, hash);
        const struct stage_entry *entry = stage_get(&stage->set, hash);
        if (entry == NULL) {
            look_at_failure(tuple, stage, trie, levels_log2, packet, looked);
            return NULL;
        }
        trie = entry->trie;
    }
    if (tuple->n_stages == 0) { /* no bit in the mask */
        return tuple_find(tuple, packet, 0);
    }
    const struct stage *last = &tuple->stages[tuple->n_stages - 1];
    const struct classifier_rule *found = tuple_find(tuple, packet, tuple_hash_stage(tuple, packet, last, hash));
    if (found != NULL) {
        look_at_words(tuple, 0, tuple->n_words, looked);
    } else {
        look_at_failure(tuple, last, trie, levels_log2, packet, looked);
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

/* A tuple comes or goes. */
static void classifier_count_tries(struct classifier *classifier, const struct classifier_tuple *tuple, size_t change)
{
    for (size_t s = 0; s < tuple->n_stages; s++) {
        if (tuple->stages[s].has_trie) {
            classifier->n_with_trie[tuple->stages[s].stage] += change;
        }
    }
    size_t n_fields = 0;
    for (size_t s = 0; s < N_STAGES; s++) {
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
        const struct classifier_rule *found = tuple_lookup(tuple, classifier->levels_log2, packet, looked);
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
