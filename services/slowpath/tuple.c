/* The rules of one mask: a hash table, and hashes in stages with tries.
 *
 * The table has a cell for each match, with its bits under the mask and the highest priority in it: a packet's rule is found, and compared, with
 * one wait for memory. The stages say what was looked at.
 *
 * What was looked at. A look-up proves something about the packet by the tuple's whole mask, found or not. Often less proves it. The bits
 * are taken in stages, and the tuple keeps the set of hashes after each but the last. When the hash after a stage is in no rule of the tuple,
 * none can cover the packet, and the later stages were never looked at:
 *
 *     stage   port, registers | Ethernet, VLAN | protocol | destination | source | L4 destination | L4 source | rest
 *     looked  =========================================== | ====........  not looked at: they stay wildcards
 *                                   hash in the set ____^       ^____ and here it is not, which few leading bits may tell
 *
 * Addresses and ports have a stage each and, for every hash after the stage before, a trie of the values that rules with this hash have
 * there. A packet that fails in such a stage has one of these hashes, and the trie says how many leading bits tell that its value is none of
 * those rules': udp,tp_dst=53 is told from most other ports by the first bits, not by sixteen. This is the idea of Open vSwitch's prefix tries
 * with smaller tries: hers hold all rules of a table, these only those that agree with the packet up to here, so fewer bits tell. Since all
 * values of one trie are under one mask, that mask need not be a prefix; IPv4 and IPv6 meet in one trie only where no rule of the tuple
 * looks at the Ethernet type, and there they rightly do.
 *
 * How many leading bits: the fewest that tell would make the widest flow, but packets differ in how many they need, and when several fields do,
 * every combination is a mask of its own. A shard tries masks one by one and holds few (64 a port); a flow beyond them is entered key by key.
 * So the number is rounded up as the classifier says, by the number of fields that have tries in its table.
 *
 * So a rule on TCP ports does not cost every other host one flow per connection, nor one per port. Equal hashes of different values only
 * make the mask larger (I2 allows a superfluous bit, never a missing one).
 *
 * Insert, remove: one hash, a set of hashes for each stage and a way down four tries at most. A rule takes some 100 bytes for each stage that
 * its hash is new in and 64 for each trie that its value is new in. Thread: the one that translates. No allocation in a look-up.
 */
#include "services/slowpath/tuple.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "services/slowpath/pool.h"

enum { TABLE_ROOM_FIRST = 8 /* a power of two; most tuples are small */, LINE_BYTES = 64 };

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

/* ---- the hashes after a stage ---- */

static struct tuple_stage_entry *stage_find(const struct tuple_stage_set *set, uint64_t hash)
{
    size_t i = hash & (set->room - 1);
    while (set->entries[i].hash != hash && set->entries[i].hash != 0) {
        i = (i + 1) & (set->room - 1);
    }
    return &set->entries[i];
}

static void stage_resize(struct tuple_stage_set *set, size_t room, struct pool *pool)
{
    struct tuple_stage_set old = *set;
    set->entries = pool_take(pool, room * sizeof *set->entries);
    set->room = room;
    set->used = 0;
    for (size_t i = 0; i < old.room; i++) {
        if (old.entries[i].count > 0) {
            *stage_find(set, old.entries[i].hash) = old.entries[i];
            set->used++;
        }
    }
    pool_give(pool, old.entries, old.room * sizeof *old.entries);
}

static struct tuple_stage_entry *stage_add(struct tuple_stage_set *set, uint64_t hash, struct pool *pool)
{
    hash += hash == 0;
    if (set->used * 2 >= set->room) {
        size_t n_live = 0;
        for (size_t i = 0; i < set->room; i++) {
            n_live += set->entries[i].count > 0;
        }
        size_t room = set->room == 0 ? TABLE_ROOM_FIRST : set->room;
        stage_resize(set, n_live * 4 >= room ? room * 2 : room, pool);
    }
    struct tuple_stage_entry *entry = stage_find(set, hash);
    set->used += entry->hash == 0;
    entry->hash = hash;
    entry->count++;
    return entry;
}

/* The entry stays as a marker with count 0 until the next resize, so that searches go on past it. */
static struct tuple_stage_entry *stage_drop(struct tuple_stage_set *set, uint64_t hash)
{
    hash += hash == 0;
    struct tuple_stage_entry *entry = stage_find(set, hash);
    entry->count--;
    return entry;
}

/* NULL: no rule has this hash. */
static const struct tuple_stage_entry *stage_get(const struct tuple_stage_set *set, uint64_t hash)
{
    hash += hash == 0;
    const struct tuple_stage_entry *entry = stage_find(set, hash);
    return entry->count > 0 ? entry : NULL;
}

/* ---- the tuple ---- */

/* A field of a state: an address of 16 bytes or a port of 2. */
static inline struct trie_value field_at(size_t offset, size_t size, const struct flow_state *state)
{
    const uint8_t *bytes = (const uint8_t *)state + offset;
    if (size == 2) {
        uint16_t port;
        memcpy(&port, bytes, sizeof port);
        return (struct trie_value){(uint64_t)be16toh(port) << 48, 0};
    }
    uint64_t address[2];
    memcpy(address, bytes, sizeof address);
    return (struct trie_value){be64toh(address[0]), be64toh(address[1])};
}

static inline void set_field_at(size_t offset, size_t size, struct flow_state *state, struct trie_value value)
{
    uint8_t *bytes = (uint8_t *)state + offset;
    if (size == 2) {
        uint16_t port = htobe16((uint16_t)(value.high >> 48));
        memcpy(bytes, &port, sizeof port);
        return;
    }
    uint64_t address[2] = {htobe64(value.high), htobe64(value.low)};
    memcpy(bytes, address, sizeof address);
}

enum { FIELD_PART_FIRST = 4 /* of stage_parts */ };

struct trie_value tuple_field(size_t field, const struct flow_state *state)
{
    return field_at(stage_parts[FIELD_PART_FIRST + field].offset, stage_parts[FIELD_PART_FIRST + field].size, state);
}

void tuple_set_field(size_t field, struct flow_state *state, struct trie_value value)
{
    set_field_at(stage_parts[FIELD_PART_FIRST + field].offset, stage_parts[FIELD_PART_FIRST + field].size, state, value);
}

/* The field of a stage with a trie. */
static inline struct trie_value stage_field(const struct tuple_stage *stage, const struct flow_state *state)
{
    return field_at(stage->offset, stage->size, state);
}

static inline void stage_set_field(const struct tuple_stage *stage, struct flow_state *state, struct trie_value value)
{
    set_field_at(stage->offset, stage->size, state, value);
}

/* The same under the tuple's mask. */
static inline struct trie_value stage_value(const struct tuple_stage *stage, const struct flow_state *state)
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
            tuple->stages[tuple->n_stages++] = (struct tuple_stage){.first = tuple->n_words,
                                                                    .number = stage_parts[part].stage,
                                                                    .offset = stage_parts[part].offset,
                                                                    .size = stage_parts[part].size,
                                                                    .has_trie = stage_parts[part].has_trie};
        }
        assert(tuple->n_words < TUPLE_WORDS);
        tuple->tries |= (uint8_t)(stage_parts[part].has_trie << stage_parts[part].stage);
        tuple->words[tuple->n_words] = i;
        tuple->masks[tuple->n_words] = state_word(&bits, i);
        tuple->n_words++;
        tuple->stages[tuple->n_stages - 1].end = tuple->n_words;
    }
}

/* 0: it has holes. */
static uint8_t prefix_length(struct trie_value mask)
{
    unsigned length = trie_bits_end(mask);
    struct trie_value whole = trie_leading_bits((struct trie_value){UINT64_MAX, UINT64_MAX}, length);
    return mask.high == whole.high && mask.low == whole.low ? (uint8_t)length : 0;
}

static inline uint32_t state_part(const struct flow_state *state, size_t i)
{
    uint32_t part;
    memcpy(&part, (const uint8_t *)state + i * sizeof part, sizeof part);
    return part;
}

/* Cells do not cross lines. Addresses, ports, the protocol and the Ethernet type of IPv4 make 32 bytes. */
static uint32_t stride_for(size_t n_parts)
{
    size_t size = offsetof(struct tuple_cell, key) + n_parts * sizeof(uint32_t), stride = sizeof(struct tuple_cell);
    while (stride < size) {
        stride += stride < LINE_BYTES ? stride : LINE_BYTES;
    }
    return (uint32_t)stride;
}

struct classifier_tuple *tuple_new(const struct flow_state *mask, struct pool *pool)
{
    struct classifier_tuple *tuple = memory_zeroed(sizeof *tuple);
    tuple->mask = *mask;
    tuple->pool = pool;
    int last_stage = -1;
    for (size_t part = 0; part < N_STAGE_PARTS; part++) {
        tuple_add_part(tuple, part, &last_stage);
    }
    for (size_t s = 0; s < tuple->n_stages; s++) {
        struct tuple_stage *stage = &tuple->stages[s];
        tuple->n_head_stages += stage->number < TUPLE_HEAD_STAGES;
        if (stage->has_trie) {
            stage->mask = stage_field(stage, mask);
            tuple->lengths[stage->number - TUPLE_HEAD_STAGES] = prefix_length(stage->mask);
            stage->n_bits = 1;
            while (trie_bits_end(stage->mask) > stage->n_bits) {
                stage->n_bits *= 2;
            }
        }
    }
    for (uint8_t i = 0; i < TUPLE_PARTS; i++) {
        uint32_t bits = state_part(mask, i);
        if (bits != 0) {
            tuple->parts[tuple->n_parts] = i;
            tuple->part_masks[tuple->n_parts++] = bits;
        }
    }
    tuple->stride = stride_for(tuple->n_parts);
    tuple->n_cells = TABLE_ROOM_FIRST;
    tuple->cells = pool_take(pool, tuple->n_cells * tuple->stride);
    return tuple;
}

void tuple_destroy(struct classifier_tuple **tuple_to_end)
{
    struct classifier_tuple *tuple = *tuple_to_end;
    for (size_t s = 0; s < tuple->n_stages; s++) {
        struct tuple_stage_set *set = &tuple->stages[s].set;
        for (size_t i = 0; i < set->room; i++) {
            trie_clear(tuple->pool, &set->entries[i].trie);
        }
        pool_give(tuple->pool, set->entries, set->room * sizeof *set->entries);
    }
    trie_clear(tuple->pool, &tuple->trie);
    pool_give(tuple->pool, tuple->cells, tuple->n_cells * tuple->stride);
    free(tuple);
    *tuple_to_end = NULL;
}

/* Hash of the words up to the end of the stage, continuing from `hash` of the stages before. */
static inline uint64_t tuple_hash_stage(const struct classifier_tuple *tuple, const struct flow_state *state,
                                        const struct tuple_stage *stage, uint64_t hash)
{
    for (size_t i = stage->first; i < stage->end; i++) {
        hash = tuple_mix(hash, state_word(state, tuple->words[i]) & tuple->masks[i]);
    }
    return hash;
}

/* ---- the table of matches ---- */

static struct tuple_cell *cell_at(const struct classifier_tuple *tuple, size_t i)
{
    return (struct tuple_cell *)(tuple->cells + (i & (tuple->n_cells - 1)) * tuple->stride);
}

static inline void tuple_key(const struct classifier_tuple *tuple, const struct flow_state *state, uint32_t *out)
{
    for (size_t i = 0; i < tuple->n_parts; i++) {
        out[i] = state_part(state, tuple->parts[i]) & tuple->part_masks[i];
    }
}

static inline uint64_t key_hash_of(const struct classifier_tuple *tuple, const uint32_t *key)
{
    uint64_t hash = 0;
    for (size_t i = 0; i + 1u < tuple->n_parts; i += 2) {
        hash = tuple_mix(hash, (uint64_t)key[i] << 32 | key[i + 1]);
    }
    return tuple->n_parts % 2 != 0 ? tuple_mix(hash, key[tuple->n_parts - 1]) : hash;
}

/* The cell of the key, or the free one where it belongs. */
static inline struct tuple_cell *tuple_cell(const struct classifier_tuple *tuple, const uint32_t *key, uint64_t hash)
{
    for (size_t at = hash;; at++) {
        struct tuple_cell *cell = cell_at(tuple, at);
        uint32_t differs = 0;
        for (size_t i = 0; i < tuple->n_parts; i++) {
            differs |= cell->key[i] ^ key[i];
        }
        if (cell->rule == NULL || differs == 0) {
            return cell;
        }
    }
}

static void tuple_grow(struct classifier_tuple *tuple)
{
    uint8_t *old = tuple->cells;
    size_t n_old = tuple->n_cells;
    tuple->n_cells *= 2;
    tuple->cells = pool_take(tuple->pool, tuple->n_cells * tuple->stride);
    for (size_t i = 0; i < n_old; i++) {
        const struct tuple_cell *cell = (const struct tuple_cell *)(old + i * tuple->stride);
        if (cell->rule != NULL) {
            memcpy(tuple_cell(tuple, cell->key, key_hash_of(tuple, cell->key)), cell, tuple->stride);
        }
    }
    pool_give(tuple->pool, old, n_old * tuple->stride);
}

static void cell_insert(struct classifier_tuple *tuple, struct classifier_rule *rule, const uint32_t *key, uint64_t key_hash)
{
    struct tuple_cell *cell = tuple_cell(tuple, key, key_hash);
    if (cell->rule == NULL) {
        memcpy(cell->key, key, tuple->n_parts * sizeof cell->key[0]);
        tuple->n_used++;
    }
    struct classifier_rule **place = &cell->rule;
    while (*place != NULL && tuple_rule_comes_before(*place, rule)) {
        place = &(*place)->next;
    }
    rule->next = *place;
    *place = rule;
    cell->priority = cell->rule->priority;
}

static void cell_remove(struct classifier_tuple *tuple, struct classifier_rule *rule)
{
    uint32_t key[TUPLE_PARTS];
    tuple_key(tuple, &rule->match->value, key);
    struct tuple_cell *cell = tuple_cell(tuple, key, key_hash_of(tuple, key));
    struct classifier_rule **place = &cell->rule;
    while (*place != rule) {
        place = &(*place)->next;
    }
    *place = rule->next;
    rule->next = NULL;
    if (cell->rule != NULL) {
        cell->priority = cell->rule->priority;
        return;
    }
    tuple->n_used--;
    size_t hole = (size_t)((uint8_t *)cell - tuple->cells) / tuple->stride; /* those behind it move up to where they are found */
    for (size_t i = hole + 1; (cell = cell_at(tuple, i))->rule != NULL; i++) {
        size_t home = key_hash_of(tuple, cell->key);
        if (((i - home) & (tuple->n_cells - 1)) >= ((i - hole) & (tuple->n_cells - 1))) {
            memcpy(cell_at(tuple, hole), cell, tuple->stride);
            hole = i;
        }
    }
    memset(cell_at(tuple, hole), 0, tuple->stride);
}

/* ---- rules ---- */

void tuple_insert(struct classifier_tuple *tuple, struct classifier_rule *rule)
{
    if (tuple->n_used * 4 >= tuple->n_cells * 3) {
        tuple_grow(tuple);
    }
    uint32_t key[TUPLE_PARTS];
    tuple_key(tuple, &rule->match->value, key);
    uint64_t hash = 0, key_hash = key_hash_of(tuple, key);
    tuple_prefetch(tuple, key_hash); /* of many rules it is the longest wait; the tries are gone down meanwhile */
    struct trie_node **trie = &tuple->trie;
    for (size_t s = 0; s < tuple->n_stages; s++) {
        struct tuple_stage *stage = &tuple->stages[s];
        if (stage->has_trie) {
            trie_insert(tuple->pool, trie, stage_value(stage, &rule->match->value));
        }
        hash = tuple_hash_stage(tuple, &rule->match->value, stage, hash);
        if (s + 1u < tuple->n_stages) {
            trie = &stage_add(&stage->set, hash, tuple->pool)->trie;
        }
    }
    rule->tuple = tuple;
    cell_insert(tuple, rule, key, key_hash);
    tuple->n_rules++;
}

void tuple_remove(struct classifier_tuple *tuple, struct classifier_rule *rule)
{
    cell_remove(tuple, rule);
    uint64_t hash = 0;
    struct trie_node **trie = &tuple->trie;
    for (size_t s = 0; s < tuple->n_stages; s++) {
        struct tuple_stage *stage = &tuple->stages[s];
        if (stage->has_trie) {
            trie_remove(tuple->pool, trie, stage_value(stage, &rule->match->value));
        }
        hash = tuple_hash_stage(tuple, &rule->match->value, stage, hash);
        if (s + 1u < tuple->n_stages) {
            trie = &stage_drop(&stage->set, hash)->trie;
        }
    }
    rule->tuple = NULL;
    tuple->n_rules--;
    tuple->n_removed++;
}

int32_t tuple_priority(const struct classifier_tuple *tuple)
{
    int32_t priority = INT32_MIN;
    for (size_t i = 0; i < tuple->n_cells; i++) {
        const struct tuple_cell *cell = cell_at(tuple, i);
        priority = cell->rule != NULL && cell->priority > priority ? cell->priority : priority;
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
static void look_at_failure(const struct classifier_tuple *tuple, const struct tuple_stage *stage, const struct trie_node *trie,
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

uint64_t tuple_hash(const struct classifier_tuple *tuple, const struct flow_state *packet)
{
    uint32_t key[TUPLE_PARTS];
    tuple_key(tuple, packet, key);
    return key_hash_of(tuple, key);
}

const struct tuple_cell *tuple_find(const struct classifier_tuple *tuple, const struct flow_state *packet, uint64_t hash)
{
    uint32_t key[TUPLE_PARTS];
    tuple_key(tuple, packet, key);
    return tuple_cell(tuple, key, hash);
}

void tuple_look(const struct classifier_tuple *tuple, struct flow_state *looked)
{
    look_at_words(tuple, 0, tuple->n_words, looked);
}

const struct classifier_rule *tuple_lookup(const struct classifier_tuple *tuple, unsigned levels_log2,
                                           const struct flow_state *packet, struct flow_state *looked)
{
    uint64_t hash = 0;
    const struct trie_node *trie = tuple->trie;
    for (size_t s = 0; s + 1u < tuple->n_stages; s++) {
        const struct tuple_stage *stage = &tuple->stages[s];
        hash = tuple_hash_stage(tuple, packet, stage, hash);
        const struct tuple_stage_entry *entry = stage_get(&stage->set, hash);
        if (entry == NULL) {
            look_at_failure(tuple, stage, trie, levels_log2, packet, looked);
            return NULL;
        }
        trie = entry->trie;
    }
    const struct classifier_rule *found = tuple_find(tuple, packet, tuple_hash(tuple, packet))->rule;
    if (found != NULL) {
        look_at_words(tuple, 0, tuple->n_words, looked);
    } else { /* there are bits in the mask, or it would have been found */
        look_at_failure(tuple, &tuple->stages[tuple->n_stages - 1], trie, levels_log2, packet, looked);
    }
    return found;
}
