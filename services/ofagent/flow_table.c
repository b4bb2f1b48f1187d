/* The rules of one bridge. See flow_table.h.
 *
 * An open hash table over (table, priority, match), for adds and strict commands, which are nearly all that controllers send, and a
 * map of row numbers, for the counters that shards report. A slot holds the whole hash beside the entry, so that looking for what is not there, and
 * growing, touch no entry. Non-strict commands walk the list of their table, as they must look at every rule anyhow. An entry keeps its match packed:
 * a rule of two fields and an action takes some 290 bytes, where it took 730. tests/oracle/flow_table.c is the naive twin.
 * The ofagent's one thread. Invariant: an entry is in the key hash and in its table's list exactly while is_in_table, and in
 * the id hash exactly while also rule.id != 0.
 */
#include "services/ofagent/flow_table.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/id_map.h"
#include "lib/base/memory.h"
#include "services/ofagent/evict.h"

enum { SLOTS_AT_START = 64 };

struct slot {
    uint64_t hash;
    struct flow_entry *entry; /* NULL: the slot is free */
};

struct slots {
    struct slot *items;
    size_t mask; /* number of slots - 1 */
    size_t used; /* at most three quarters */
};

struct list {
    struct flow_entry *first, *last;
    size_t size;
};

struct flow_table {
    struct slots by_key;
    struct id_map by_id;
    struct list lists[TABLE_COUNT];
    struct evict *evicts[TABLE_COUNT]; /* NULL: nothing was evicted since it was empty */
    struct flow_entry *first_timed;
    uint64_t timed_changes;
    uint64_t max_id;
    struct flow_cursor *cursors; /* open ones, a few */
};

static uint64_t key_hash_of(uint8_t number, uint16_t priority, const struct packed_match *match)
{
    return packed_match_hash(match, (uint64_t)number << 16 | priority);
}

uint64_t flow_entry_hash(const struct flow_entry *entry)
{
    return key_hash_of(entry->rule.table, entry->rule.priority, &entry->match);
}

static void slots_init(struct slots *s, size_t n)
{
    *s = (struct slots){.items = memory_pages(n * sizeof *s->items), .mask = n - 1};
}

static void slots_fini(struct slots *s)
{
    memory_pages_free(s->items, (s->mask + 1) * sizeof *s->items);
}

static void slots_put(struct slots *s, uint64_t hash, struct flow_entry *entry)
{
    size_t i = hash & s->mask;
    while (s->items[i].entry != NULL) {
        i = (i + 1) & s->mask;
    }
    s->items[i] = (struct slot){.hash = hash, .entry = entry};
    s->used++;
}

static void slots_add(struct slots *s, uint64_t hash, struct flow_entry *entry)
{
    if ((s->used + 1) * 4 > (s->mask + 1) * 3) {
        struct slots larger;
        slots_init(&larger, (s->mask + 1) * 2);
        for (size_t i = 0; i <= s->mask; i++) {
            if (s->items[i].entry != NULL) {
                slots_put(&larger, s->items[i].hash, s->items[i].entry);
            }
        }
        slots_fini(s);
        *s = larger;
    }
    slots_put(s, hash, entry);
}

/* What stands behind the gap moves into it if it may, so that a search ends at the first free slot. */
static void slots_remove(struct slots *s, const struct flow_entry *entry)
{
    size_t gap = flow_entry_hash(entry) & s->mask;
    while (s->items[gap].entry != entry) {
        assert(s->items[gap].entry != NULL);
        gap = (gap + 1) & s->mask;
    }
    for (size_t i = (gap + 1) & s->mask; s->items[i].entry != NULL; i = (i + 1) & s->mask) {
        size_t home = s->items[i].hash & s->mask;
        if (((i - home) & s->mask) >= ((i - gap) & s->mask)) {
            s->items[gap] = s->items[i];
            gap = i;
        }
    }
    s->items[gap] = (struct slot){0};
    s->used--;
}

static struct flow_entry *entry_new(const struct rule *rule, const struct instructions *instructions)
{
    struct flow_entry *entry = memory_zeroed(sizeof *entry + packed_match_words(&rule->match) * sizeof *entry->match.words);
    entry->rule = (struct flow_rule){.id = rule->id,
                                     .bridge = rule->bridge,
                                     .instructions = *instructions,
                                     .cookie = rule->cookie,
                                     .created_wall_ns = rule->created_wall_ns,
                                     .priority = rule->priority,
                                     .idle_timeout_s = rule->idle_timeout_s,
                                     .hard_timeout_s = rule->hard_timeout_s,
                                     .importance = rule->importance,
                                     .flags = rule->flags,
                                     .table = rule->table};
    packed_match_of(&rule->match, &entry->match);
    return entry;
}

struct flow_entry *flow_entry_new(const struct rule *rule)
{
    struct instructions copy = instructions_copy(&rule->instructions);
    return entry_new(rule, &copy);
}

struct flow_entry *flow_entry_new_taking(const struct rule *rule)
{
    return entry_new(rule, &rule->instructions);
}

void flow_entry_destroy(struct flow_entry **entry)
{
    if (*entry == NULL) {
        return;
    }
    instructions_fini(&(*entry)->rule.instructions);
    free(*entry);
    *entry = NULL;
}

size_t flow_entry_size(const struct flow_entry *entry)
{
    size_t n_actions = entry->rule.instructions.apply.count + entry->rule.instructions.write.count;

    return sizeof *entry + packed_match_count(&entry->match) * sizeof *entry->match.words + n_actions * sizeof(struct action);
}

struct rule flow_entry_rule(const struct flow_entry *entry)
{
    const struct flow_rule *part = &entry->rule;
    struct rule rule = {.id = part->id,
                        .bridge = part->bridge,
                        .instructions = part->instructions,
                        .cookie = part->cookie,
                        .created_wall_ns = part->created_wall_ns,
                        .priority = part->priority,
                        .idle_timeout_s = part->idle_timeout_s,
                        .hard_timeout_s = part->hard_timeout_s,
                        .importance = part->importance,
                        .flags = part->flags,
                        .table = part->table};
    packed_match_read(&entry->match, &rule.match);
    return rule;
}

struct flow_table *flow_table_new(void)
{
    struct flow_table *table = memory_zeroed(sizeof *table);
    slots_init(&table->by_key, SLOTS_AT_START);
    return table;
}

void flow_table_close_cursors(struct flow_table *table)
{
    while (table->cursors != NULL) {
        flow_cursor_close(table->cursors);
    }
}

void flow_table_destroy_some(struct flow_table **table, size_t n)
{
    for (size_t i = 0; *table != NULL && i < TABLE_COUNT; i++) {
        struct list *list = &(*table)->lists[i];
        for (; list->first != NULL && n > 0; n--) {
            struct flow_entry *entry = list->first;
            list->first = entry->next;
            flow_entry_destroy(&entry);
        }
    }
    if (n > 0) {
        flow_table_destroy(table);
    }
}

void flow_table_destroy(struct flow_table **table)
{
    if (*table == NULL) {
        return;
    }
    flow_table_close_cursors(*table);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        evict_destroy(&(*table)->evicts[i]);
        struct flow_entry *entry = (*table)->lists[i].first;
        while (entry != NULL) {
            struct flow_entry *following = entry->next;
            flow_entry_destroy(&entry);
            entry = following;
        }
    }
    slots_fini(&(*table)->by_key);
    id_map_fini(&(*table)->by_id);
    free(*table);
    *table = NULL;
}

static void add_by_id(struct flow_table *table, struct flow_entry *entry)
{
    id_map_put(&table->by_id, entry->rule.id, entry);
    if (entry->rule.id > table->max_id) {
        table->max_id = entry->rule.id;
    }
}

static void unlink_timed(struct flow_table *table, struct flow_entry *entry)
{
    if (!entry->is_timed) {
        return;
    }
    if (entry->previous_timed != NULL) {
        entry->previous_timed->next_timed = entry->next_timed;
    } else {
        table->first_timed = entry->next_timed;
    }
    if (entry->next_timed != NULL) {
        entry->next_timed->previous_timed = entry->previous_timed;
    }
    entry->next_timed = entry->previous_timed = NULL;
    entry->is_timed = false;
}

void flow_table_insert(struct flow_table *table, struct flow_entry *entry)
{
    flow_table_insert_hashed(table, entry, flow_entry_hash(entry));
}

void flow_table_expect(const struct flow_table *table, uint64_t hash)
{
    __builtin_prefetch(&table->by_key.items[hash & table->by_key.mask], 1);
}

void flow_table_insert_hashed(struct flow_table *table, struct flow_entry *entry, uint64_t hash)
{
    struct list *list = &table->lists[entry->rule.table];

    assert(!entry->is_in_table && entry->rule.table <= TABLE_MAX);
    entry->is_in_table = true;
    slots_add(&table->by_key, hash, entry);
    if (entry->rule.id != 0) {
        add_by_id(table, entry);
    }
    entry->next = NULL;
    entry->previous = list->last;
    if (list->last != NULL) {
        list->last->next = entry;
    } else {
        list->first = entry;
    }
    list->last = entry;
    list->size++;
    flow_table_retime(table, entry);
    if (table->evicts[entry->rule.table] != NULL) {
        evict_add(table->evicts[entry->rule.table], entry);
    }
}

void flow_table_remove(struct flow_table *table, struct flow_entry *entry, uint8_t reason)
{
    struct list *list = &table->lists[entry->rule.table];

    assert(entry->is_in_table);
    for (struct flow_cursor *cursor = table->cursors; cursor != NULL; cursor = cursor->next) {
        if (cursor->entry == entry) {
            cursor->entry = entry->next;
        }
    }
    slots_remove(&table->by_key, entry);
    if (entry->rule.id != 0) {
        (void)id_map_remove(&table->by_id, entry->rule.id);
    }
    if (entry->previous != NULL) {
        entry->previous->next = entry->next;
    } else {
        list->first = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    } else {
        list->last = entry->previous;
    }
    list->size--;
    if (table->evicts[entry->rule.table] != NULL) {
        evict_remove(table->evicts[entry->rule.table], entry);
    }
    if (list->size == 0) {
        evict_destroy(&table->evicts[entry->rule.table]);
    }
    unlink_timed(table, entry);
    entry->next = entry->previous = NULL;
    entry->is_in_table = false;
    entry->removed_reason = reason;
}

void flow_table_set_id(struct flow_table *table, struct flow_entry *entry, uint64_t id)
{
    assert(entry->rule.id == 0 && id != 0);
    entry->rule.id = id;
    if (entry->is_in_table) {
        add_by_id(table, entry);
    }
}

static struct flow_entry *find(const struct slots *s, uint64_t hash, uint8_t number, uint16_t priority, const struct packed_match *packed)
{
    for (size_t i = hash & s->mask; s->items[i].entry != NULL; i = (i + 1) & s->mask) {
        struct flow_entry *e = s->items[i].entry;
        if (s->items[i].hash == hash && e->rule.table == number && e->rule.priority == priority && packed_match_equal(&e->match, packed)) {
            return e;
        }
    }
    return NULL;
}

struct flow_entry *flow_table_find(const struct flow_table *table, uint8_t number, const struct match *match, uint16_t priority)
{
    struct packed_match_room room;
    struct packed_match *packed = (struct packed_match *)&room;

    packed_match_of(match, packed);
    return find(&table->by_key, key_hash_of(number, priority, packed), number, priority, packed);
}

struct flow_entry *flow_table_find_like(const struct flow_table *table, const struct flow_entry *entry, uint64_t hash)
{
    return find(&table->by_key, hash, entry->rule.table, entry->rule.priority, &entry->match);
}

struct flow_entry *flow_table_by_id(const struct flow_table *table, uint64_t id)
{
    return id_map_find(&table->by_id, id);
}

uint64_t flow_table_max_id(const struct flow_table *table)
{
    return table->max_id;
}

struct flow_entry *flow_table_first(const struct flow_table *table, uint8_t number)
{
    return number <= TABLE_MAX ? table->lists[number].first : NULL;
}

struct flow_entry *flow_table_first_timed(const struct flow_table *table)
{
    return table->first_timed;
}

uint64_t flow_table_timed_changes(const struct flow_table *table)
{
    return table->timed_changes;
}

struct flow_entry *flow_table_victim(struct flow_table *table, uint8_t number, const struct evict_fields *groups, uint16_t importance)
{
    struct evict **evict = &table->evicts[number];

    if (*evict != NULL && !evict_is_by(*evict, groups)) {
        evict_destroy(evict);
    }
    if (*evict == NULL && table->lists[number].size > 0) {
        *evict = evict_new(groups);
        for (struct flow_entry *e = table->lists[number].first; e != NULL; e = e->next) {
            evict_add(*evict, e);
        }
    }
    return *evict != NULL ? evict_first(*evict, importance) : NULL;
}

void flow_table_retime(struct flow_table *table, struct flow_entry *entry)
{
    if (entry->evict_at != 0) {
        evict_update(table->evicts[entry->rule.table], entry);
    }
    unlink_timed(table, entry);
    if (entry->rule.idle_timeout_s == 0 && entry->rule.hard_timeout_s == 0) {
        return;
    }
    entry->is_timed = true;
    entry->next_timed = table->first_timed;
    if (table->first_timed != NULL) {
        table->first_timed->previous_timed = entry;
    }
    table->first_timed = entry;
    table->timed_changes++;
}

void flow_cursor_open(struct flow_cursor *cursor, struct flow_table *table, uint8_t number)
{
    *cursor = (struct flow_cursor){.table = table, .is_single = number != TABLE_ALL, .next = table->cursors};
    cursor->number = cursor->is_single ? number : 0;
    cursor->entry = flow_table_first(table, (uint8_t)cursor->number);
    table->cursors = cursor;
}

struct flow_entry *flow_cursor_next(struct flow_cursor *cursor)
{
    while (cursor->table != NULL && cursor->entry == NULL && !cursor->is_single && cursor->number < TABLE_MAX) {
        cursor->entry = flow_table_first(cursor->table, (uint8_t)++cursor->number);
    }
    struct flow_entry *entry = cursor->table != NULL ? cursor->entry : NULL;
    if (entry != NULL) {
        cursor->entry = entry->next;
    }
    return entry;
}

void flow_cursor_close(struct flow_cursor *cursor)
{
    if (cursor->table == NULL) {
        return;
    }
    struct flow_cursor **at = &cursor->table->cursors;
    while (*at != cursor) {
        at = &(*at)->next;
    }
    *at = cursor->next;
    cursor->table = NULL;
    cursor->entry = NULL;
}

size_t flow_table_size(const struct flow_table *table)
{
    return table->by_key.used;
}

size_t flow_table_size_of(const struct flow_table *table, uint8_t number)
{
    return number <= TABLE_MAX ? table->lists[number].size : 0;
}
