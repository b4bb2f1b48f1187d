/* Tuple space lookup.
 *
 *     packet key --(& mask 1)--> hash --> place --> number --> flow: does it cover the packet?        hit
 *                --(& mask 2)--> ...                                                                   else next mask
 *
 * A subtable knows which 64-bit words its mask touches and hashes and compares those only: a mask on addresses and ports is five or six
 * of sixteen. It holds hashes and numbers of flows in open addressing, no keys. All packets of a burst go through a subtable together, so
 * that the memory works for all of them. Subtables are ranked by hits, because traffic is uneven; one goes with its last flow.
 * `looked_at` is the union of all masks. It widens at once and narrows late: when it changes, the port's entries in the exact cache are
 * not found any more and come again one by one, so it must not follow every flow that comes and goes. It decides nothing but that.
 * Cost: about 10 to 20 ns a subtable tried. Worker thread; insert and remove from its control side.
 * Invariants: a flow entered under its mask is in that mask's subtable once; n_subtables <= max_masks (I9).
 */
#include "services/fastpath/megaflow.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/memory.h"

enum { PLACES_MIN = 16 };

struct place {
    uint32_t hash;
    uint32_t flow; /* FLOW_NONE: empty */
};

struct subtable {
    const struct flow_mask *mask; /* lives as long as a flow under it */
    uint8_t words[KEY_WORDS];     /* which words of the key the mask touches */
    uint32_t n_words;
    uint32_t n_entries;
    uint32_t place_mask; /* number of places - 1 */
    struct place *places;
    uint64_t hits;
};

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint32_t hash_masked(const struct subtable *sub, const struct flow_key *key)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < sub->n_words; i++) {
        uint64_t word = key_word(key, sub->words[i]) & key_word(&sub->mask->bits, sub->words[i]);
        hash = fold(hash ^ word, 0xff51afd7ed558ccdu);
    }
    return (uint32_t)(hash >> 32);
}

static inline bool is_under(const struct subtable *sub, const struct flow *flow, const struct flow_key *key)
{
    uint64_t difference = 0;
    for (uint32_t i = 0; i < sub->n_words; i++) {
        uint64_t masked = key_word(key, sub->words[i]) & key_word(&sub->mask->bits, sub->words[i]);
        difference |= masked ^ key_word(&flow->key, sub->words[i]);
    }
    return difference == 0;
}

static inline struct flow *find(const struct subtable *sub, struct flow *flows, uint32_t hash, const struct flow_key *key)
{
    for (uint32_t i = hash & sub->place_mask; sub->places[i].flow != FLOW_NONE; i = (i + 1) & sub->place_mask) {
        struct flow *flow = &flows[sub->places[i].flow];
        if (sub->places[i].hash == hash && is_under(sub, flow, key)) {
            return flow;
        }
    }
    return NULL;
}

static void put(struct subtable *sub, struct place entry)
{
    uint32_t i = entry.hash & sub->place_mask;
    while (sub->places[i].flow != FLOW_NONE) {
        i = (i + 1) & sub->place_mask;
    }
    sub->places[i] = entry;
}

static void grow(struct subtable *sub)
{
    struct place *old = sub->places;
    uint32_t n_old = sub->place_mask + 1;
    sub->places = memory_pages((size_t)n_old * 2 * sizeof *sub->places);
    sub->place_mask = n_old * 2 - 1;
    for (uint32_t i = 0; i < n_old; i++) {
        if (old[i].flow != FLOW_NONE) {
            put(sub, old[i]);
        }
    }
    memory_pages_free(old, (size_t)n_old * sizeof *old);
}

static struct subtable *subtable_new(const struct flow_mask *mask)
{
    struct subtable *sub = memory_zeroed(sizeof *sub);
    sub->mask = mask;
    for (size_t i = 0; i < KEY_WORDS; i++) {
        if (key_word(&mask->bits, i) != 0) {
            sub->words[sub->n_words++] = (uint8_t)i;
        }
    }
    sub->places = memory_pages(PLACES_MIN * sizeof *sub->places);
    sub->place_mask = PLACES_MIN - 1;
    return sub;
}

static void subtable_destroy(struct subtable *sub)
{
    memory_pages_free(sub->places, ((size_t)sub->place_mask + 1) * sizeof *sub->places);
    free(sub);
}

/* ---- the bits looked at ---- */

static void use_bits(struct megaflow_table *table, const struct flow_key *mask)
{
    table->looked_at = *mask;
    table->n_narrower = 0;
    exact_bits_set(&table->bits, table->port, mask);
}

static void add_bits(struct flow_key *into, const struct flow_key *mask)
{
    for (size_t i = 0; i < KEY_WORDS; i++) {
        key_set_word(into, i, key_word(into, i) | key_word(mask, i));
    }
}

static void widen(struct megaflow_table *table, const struct flow_key *mask)
{
    if (!key_mask_covers(&table->looked_at, mask)) {
        struct flow_key wider = table->looked_at;
        add_bits(&wider, mask);
        use_bits(table, &wider);
    }
}

static void narrow_late(struct megaflow_table *table)
{
    struct flow_key needed = {0};
    for (uint32_t i = 0; i < table->n_subtables; i++) {
        add_bits(&needed, &table->subtables[i]->mask->bits);
    }
    if (table->n_by_key > 0) {
        add_bits(&needed, &table->keys_looked_at);
    }
    if (key_equal(&needed, &table->looked_at)) {
        table->n_narrower = 0;
    } else if (++table->n_narrower >= MEGAFLOW_PATIENCE) {
        use_bits(table, &needed);
    }
}

/* ---- the table ---- */

void megaflow_init(struct megaflow_table *table, uint32_t port)
{
    struct flow_key nothing = {0}, everything;
    memset(&everything, 0xff, sizeof everything);
    *table = (struct megaflow_table){.port = port, .max_masks = MEGAFLOW_MASKS_DEFAULT};
    use_bits(table, &nothing);
    exact_bits_set(&table->key_bits, port, &everything);
}

void megaflow_fini(struct megaflow_table *table)
{
    assert(table->n_subtables == 0 && table->n_by_key == 0);
    if (table->keys != NULL) {
        exact_fini(table->keys);
        free(table->keys);
        table->keys = NULL;
    }
}

void megaflow_clear(struct megaflow_table *table)
{
    while (table->n_subtables > 0) {
        subtable_destroy(table->subtables[--table->n_subtables]);
    }
    table->n_by_key = 0;
}

static unsigned look_in(const struct megaflow_table *table, struct subtable *sub, struct dp_packet *const packets[], uint8_t *left,
                        unsigned n_left, struct flow **out_flows)
{
    uint32_t hashes[EXACT_BURST];
    unsigned n_still = 0;
    for (unsigned i = 0; i < n_left; i++) {
        hashes[i] = hash_masked(sub, &packets[left[i]]->key);
        __builtin_prefetch(&sub->places[hashes[i] & sub->place_mask]);
    }
    for (unsigned i = 0; i < n_left; i++) {
        struct flow *flow = find(sub, table->flows, hashes[i], &packets[left[i]]->key);
        out_flows[left[i]] = flow;
        if (flow == NULL) {
            left[n_still++] = left[i];
        } else {
            __builtin_prefetch(flow, 1);
        }
    }
    sub->hits += n_left - n_still;
    return n_still;
}

static struct flow *look_by_key(const struct megaflow_table *table, const struct dp_packet *packet)
{
    struct flow *flow = NULL;
    uint32_t hash;
    if (table->n_by_key > 0) {
        exact_lookup(table->keys, &table->key_bits, packet, 1, &hash, &flow);
    }
    return flow;
}

void megaflow_lookup(struct megaflow_table *table, struct dp_packet *const packets[], unsigned n, struct flow **out_flows)
{
    uint8_t left[EXACT_BURST];
    unsigned n_left = n;
    for (unsigned i = 0; i < n; i++) {
        left[i] = (uint8_t)i;
        out_flows[i] = NULL;
    }
    table->n_lookups += n;
    for (uint32_t i = 0; i < table->n_subtables && n_left > 0; i++) {
        table->n_probes += n_left;
        n_left = look_in(table, table->subtables[i], packets, left, n_left, out_flows);
    }
    for (unsigned i = 0; i < n_left; i++) {
        out_flows[left[i]] = look_by_key(table, packets[left[i]]);
    }
}

static struct subtable *subtable_of(const struct megaflow_table *table, const struct flow_mask *mask)
{
    for (uint32_t i = 0; i < table->n_subtables; i++) {
        if (table->subtables[i]->mask == mask) {
            return table->subtables[i];
        }
    }
    return NULL;
}

static void enter_by_key(struct megaflow_table *table, struct flow *flow, const struct flow_key *packet_key)
{
    if (table->keys == NULL) {
        table->keys = memory_zeroed(sizeof *table->keys);
        exact_init(table->keys, table->flows, MEGAFLOW_KEYS);
    }
    if (flow->entered == FLOW_NOT_ENTERED) {
        table->keys_looked_at = table->n_by_key == 0 ? (struct flow_key){0} : table->keys_looked_at;
        add_bits(&table->keys_looked_at, &flow->mask->bits);
        table->n_by_key++;
    }
    flow->entered = FLOW_KEY_BY_KEY;
    exact_insert(table->keys, exact_hash(&table->key_bits, packet_key), flow);
}

void megaflow_insert(struct megaflow_table *table, struct flow *flow, const struct flow_key *packet_key)
{
    if (flow->entered == FLOW_UNDER_ITS_MASK) {
        return;
    }
    struct subtable *sub = subtable_of(table, flow->mask);
    table->flows = flow - flow->number;
    widen(table, &flow->mask->bits);
    if (flow->entered == FLOW_KEY_BY_KEY || (sub == NULL && table->n_subtables >= table->max_masks)) {
        enter_by_key(table, flow, packet_key);
        return;
    }
    if (sub == NULL) {
        sub = table->subtables[table->n_subtables++] = subtable_new(flow->mask);
    }
    if (sub->n_entries >= (sub->place_mask + 1) / 4 * 3) {
        grow(sub);
    }
    put(sub, (struct place){.hash = hash_masked(sub, &flow->key), .flow = flow->number});
    sub->n_entries++;
    flow->entered = FLOW_UNDER_ITS_MASK;
}

static void drop_subtable(struct megaflow_table *table, struct subtable *sub)
{
    uint32_t i = 0;
    while (table->subtables[i] != sub) {
        i++;
    }
    memmove(&table->subtables[i], &table->subtables[i + 1], (table->n_subtables - i - 1) * sizeof table->subtables[0]);
    table->n_subtables--;
    subtable_destroy(sub);
}

/* Closes the gap in the probe chains that taking out a place leaves. */
static void take_out(struct subtable *sub, const struct flow *flow)
{
    uint32_t mask = sub->place_mask, hole = hash_masked(sub, &flow->key) & mask;
    while (sub->places[hole].flow != flow->number) {
        hole = (hole + 1) & mask;
    }
    for (uint32_t i = (hole + 1) & mask; sub->places[i].flow != FLOW_NONE; i = (i + 1) & mask) {
        uint32_t home = sub->places[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            sub->places[hole] = sub->places[i];
            hole = i;
        }
    }
    sub->places[hole] = (struct place){.flow = FLOW_NONE};
}

void megaflow_remove(struct megaflow_table *table, struct flow *flow)
{
    if (flow->entered == FLOW_UNDER_ITS_MASK) {
        struct subtable *sub = subtable_of(table, flow->mask);
        take_out(sub, flow);
        if (--sub->n_entries == 0) {
            drop_subtable(table, sub);
        }
    } else if (flow->entered == FLOW_KEY_BY_KEY) {
        table->n_by_key--; /* its keys lead to nothing once it has ended */
    }
    flow->entered = FLOW_NOT_ENTERED;
}

void megaflow_rank(struct megaflow_table *table)
{
    for (uint32_t i = 1; i < table->n_subtables; i++) {
        struct subtable *sub = table->subtables[i];
        uint32_t k = i;
        for (; k > 0 && table->subtables[k - 1]->hits < sub->hits; k--) {
            table->subtables[k] = table->subtables[k - 1];
        }
        table->subtables[k] = sub;
    }
    for (uint32_t i = 0; i < table->n_subtables; i++) {
        table->subtables[i]->hits /= 2;
    }
    narrow_late(table);
}
