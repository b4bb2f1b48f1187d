/* Tuple space lookup.
 *
 *     packet key --(& mask 1)--> hash --> bucket --> entries with the same masked key        hit: flow
 *                --(& mask 2)--> ...                                                          else next mask
 *
 * A subtable knows which 64-bit words its mask touches and hashes and compares those only: a mask on addresses and ports is five or six
 * of sixteen. Subtables are ranked by hits, because traffic is uneven. A subtable grows when it has more entries than buckets, and
 * goes when its last entry goes, so masks nobody uses cost nothing.
 * Cost: about 10 to 20 ns a subtable tried. Worker thread; insert and remove from the control side of it.
 * Invariants: an entry is in exactly one bucket of the subtable it names; n_masks <= MEGAFLOW_MASKS (I9).
 */
#include "services/fastpath/megaflow.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/memory.h"

enum { BUCKETS_MIN = 16 };

struct subtable {
    struct flow_key mask;
    uint8_t words[KEY_WORDS]; /* which words of the key the mask touches */
    uint32_t n_words;
    bool is_exact; /* holds the entries of spread flows (and of flows whose mask is all ones) */
    uint64_t hits;
    size_t n_entries;
    size_t n_buckets; /* a power of two */
    struct flow_entry **buckets;
};

static bool is_all_ones(const struct flow_key *mask)
{
    uint64_t all = UINT64_MAX;
    for (size_t i = 0; i < KEY_WORDS; i++) {
        all &= key_word(mask, i);
    }
    return all == UINT64_MAX;
}

static struct subtable *subtable_new(const struct flow_key *mask)
{
    struct subtable *sub = memory_zeroed(sizeof *sub);
    sub->mask = *mask;
    sub->is_exact = is_all_ones(mask);
    for (size_t i = 0; i < KEY_WORDS; i++) {
        if (key_word(mask, i) != 0) {
            sub->words[sub->n_words++] = (uint8_t)i;
        }
    }
    sub->n_buckets = BUCKETS_MIN;
    sub->buckets = memory_array(sub->n_buckets, sizeof *sub->buckets);
    return sub;
}

static void subtable_destroy(struct subtable *sub)
{
    free(sub->buckets);
    free(sub);
}

static inline uint64_t hash_masked(const struct subtable *sub, const struct flow_key *key)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < sub->n_words; i++) {
        uint64_t word = key_word(key, sub->words[i]) & key_word(&sub->mask, sub->words[i]);
        unsigned __int128 product = (unsigned __int128)(hash ^ word) * 0xff51afd7ed558ccdu;
        hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    return hash;
}

static inline bool equal_masked(const struct subtable *sub, const struct flow_key *masked, const struct flow_key *key)
{
    uint64_t difference = 0;
    for (uint32_t i = 0; i < sub->n_words; i++) {
        difference |= (key_word(key, sub->words[i]) & key_word(&sub->mask, sub->words[i])) ^ key_word(masked, sub->words[i]);
    }
    return difference == 0;
}

static inline struct flow_entry *subtable_find(const struct subtable *sub, const struct flow_key *key)
{
    uint64_t hash = hash_masked(sub, key);
    struct flow_entry *entry = sub->buckets[hash & (sub->n_buckets - 1)];
    while (entry != NULL && (entry->hash != hash || !equal_masked(sub, &entry->key, key))) {
        entry = entry->next;
    }
    return entry;
}

static void subtable_grow(struct subtable *sub)
{
    struct flow_entry **old = sub->buckets;
    size_t n_old = sub->n_buckets;
    sub->n_buckets *= 2;
    sub->buckets = memory_array(sub->n_buckets, sizeof *sub->buckets);
    for (size_t i = 0; i < n_old; i++) {
        for (struct flow_entry *entry = old[i], *next; entry != NULL; entry = next) {
            struct flow_entry **bucket = &sub->buckets[entry->hash & (sub->n_buckets - 1)];
            next = entry->next;
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(old);
}

static void subtable_add(struct subtable *sub, struct flow_entry *entry)
{
    if (sub->n_entries >= sub->n_buckets) {
        subtable_grow(sub);
    }
    entry->hash = hash_masked(sub, &entry->key);
    entry->subtable = sub;
    struct flow_entry **bucket = &sub->buckets[entry->hash & (sub->n_buckets - 1)];
    entry->next = *bucket;
    *bucket = entry;
    sub->n_entries++;
}

void megaflow_init(struct megaflow_table *table)
{
    *table = (struct megaflow_table){0};
}

void megaflow_fini(struct megaflow_table *table)
{
    assert(table->n_subtables == 0);
}

struct flow *megaflow_lookup(struct megaflow_table *table, const struct flow_key *key)
{
    table->n_lookups++;
    for (uint32_t i = 0; i < table->n_subtables; i++) {
        struct flow_entry *entry = subtable_find(table->subtables[i], key);
        table->n_probes++;
        if (entry != NULL) {
            table->subtables[i]->hits++;
            return entry->flow;
        }
    }
    return NULL;
}

static struct subtable *find_subtable(struct megaflow_table *table, const struct flow_key *mask)
{
    for (uint32_t i = 0; i < table->n_subtables; i++) {
        if (key_equal(&table->subtables[i]->mask, mask)) {
            return table->subtables[i];
        }
    }
    return NULL;
}

static struct subtable *add_subtable(struct megaflow_table *table, const struct flow_key *mask)
{
    struct subtable *sub = subtable_new(mask);
    table->subtables[table->n_subtables++] = sub;
    table->n_masks += !sub->is_exact;
    return sub;
}

static bool insert_spread(struct megaflow_table *table, struct flow *flow, const struct flow_key *packet_key)
{
    struct flow_key ones;
    memset(&ones, 0xff, sizeof ones);
    struct subtable *sub = find_subtable(table, &ones);
    struct flow_entry *entry = sub != NULL ? subtable_find(sub, packet_key) : NULL;
    if (entry != NULL && entry->flow == flow) {
        return true;
    }
    if (flow->n_spread >= MEGAFLOW_SPREAD_MAX) {
        return false;
    }
    entry = memory_zeroed(sizeof *entry);
    entry->key = *packet_key;
    entry->flow = flow;
    entry->next_of_flow = flow->spread;
    flow->spread = entry;
    flow->n_spread++;
    subtable_add(sub != NULL ? sub : add_subtable(table, &ones), entry);
    return true;
}

bool megaflow_insert(struct megaflow_table *table, struct flow *flow, const struct flow_key *packet_key)
{
    struct subtable *sub = find_subtable(table, &flow->mask);
    if (flow->entry.subtable != NULL) {
        return true;
    }
    if (flow->spread != NULL || (sub == NULL && table->n_masks >= MEGAFLOW_MASKS && !is_all_ones(&flow->mask))) {
        return insert_spread(table, flow, packet_key);
    }
    subtable_add(sub != NULL ? sub : add_subtable(table, &flow->mask), &flow->entry);
    return true;
}

static void drop_subtable(struct megaflow_table *table, struct subtable *sub)
{
    uint32_t i = 0;
    while (table->subtables[i] != sub) {
        i++;
    }
    memmove(&table->subtables[i], &table->subtables[i + 1], (table->n_subtables - i - 1) * sizeof table->subtables[0]);
    table->n_subtables--;
    table->n_masks -= !sub->is_exact;
    subtable_destroy(sub);
}

static void take_out(struct megaflow_table *table, struct flow_entry *entry)
{
    struct subtable *sub = entry->subtable;
    struct flow_entry **link = &sub->buckets[entry->hash & (sub->n_buckets - 1)];
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    entry->subtable = NULL;
    if (--sub->n_entries == 0) {
        drop_subtable(table, sub);
    }
}

void megaflow_remove(struct megaflow_table *table, struct flow *flow)
{
    if (flow->entry.subtable != NULL) {
        take_out(table, &flow->entry);
    }
    for (struct flow_entry *entry = flow->spread, *next; entry != NULL; entry = next) {
        next = entry->next_of_flow;
        take_out(table, entry);
        free(entry);
    }
    flow->spread = NULL;
    flow->n_spread = 0;
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
}
