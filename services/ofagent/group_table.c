/* The groups of one bridge. See group_table.h.
 *
 * Few and rarely changed beside rules, so a fixed array of 1024 chains by the group's number serves: at most 64 steps a look-up at
 * the limit. A second hash goes by row, since shards report what they counted by row. group_check() gives the answers of Open vSwitch
 * to groups that are wrong in themselves; looking for loops costs a walk over the groups that can be reached.
 * The ofagent's one thread. Invariant: an entry is in its chain and in the list exactly while is_in_table.
 */
#include "services/ofagent/group_table.h"

#include <stdlib.h>

#include "lib/base/memory.h"

enum { CHAINS = 1024 };

struct group_table {
    struct group_entry *first;
    struct group_entry *by_row;
    uint64_t walk; /* number of the last walk along chains of groups */
    struct group_entry **chains[CHAINS]; /* arrays of pointers, owned */
    size_t n_in_chain[CHAINS];
    size_t size;
};

struct group_table *group_table_new(void)
{
    return memory_zeroed(sizeof(struct group_table));
}

void group_entry_destroy(struct group_entry **entry)
{
    if (*entry == NULL) {
        return;
    }
    group_fini(&(*entry)->group);
    free(*entry);
    *entry = NULL;
}

void group_table_destroy(struct group_table **table)
{
    if (*table == NULL) {
        return;
    }
    struct group_entry *entry = (*table)->first;
    HASH_CLEAR(hh_row, (*table)->by_row);
    while (entry != NULL) {
        struct group_entry *following = entry->next;
        group_entry_destroy(&entry);
        entry = following;
    }
    for (size_t i = 0; i < CHAINS; i++) {
        free((*table)->chains[i]);
    }
    free(*table);
    *table = NULL;
}

struct group_entry *group_table_find(const struct group_table *table, uint32_t group_id)
{
    size_t chain = group_id % CHAINS;

    for (size_t i = 0; i < table->n_in_chain[chain]; i++) {
        if (table->chains[chain][i]->group.group_id == group_id) {
            return table->chains[chain][i];
        }
    }
    return NULL;
}

struct group_entry *group_table_by_row(const struct group_table *table, uint64_t row)
{
    struct group_entry *entry;

    HASH_FIND(hh_row, table->by_row, &row, sizeof row, entry);
    return entry;
}

void group_table_set_row(struct group_table *table, struct group_entry *entry, uint64_t row)
{
    entry->group.id = row;
    if (entry->is_in_table) {
        HASH_ADD(hh_row, table->by_row, group.id, sizeof entry->group.id, entry);
    }
}

struct group_entry *group_table_insert(struct group_table *table, struct group *group, int64_t created_ns)
{
    struct group_entry *entry = memory_zeroed(sizeof *entry);
    size_t chain = group->group_id % CHAINS;

    entry->group = *group;
    group->buckets = NULL;
    group->n_buckets = 0;
    group->n_fields = 0;
    entry->created_ns = created_ns;
    entry->is_in_table = true;
    table->chains[chain] = memory_resize(table->chains[chain], (table->n_in_chain[chain] + 1) * sizeof *table->chains[chain]);
    table->chains[chain][table->n_in_chain[chain]++] = entry;
    entry->next = table->first;
    if (table->first != NULL) {
        table->first->previous = entry;
    }
    table->first = entry;
    table->size++;
    if (entry->group.id != 0) {
        group_table_set_row(table, entry, entry->group.id);
    }
    return entry;
}

void group_table_remove(struct group_table *table, struct group_entry *entry)
{
    size_t chain = entry->group.group_id % CHAINS;

    for (size_t i = 0; i < table->n_in_chain[chain]; i++) {
        if (table->chains[chain][i] == entry) {
            table->chains[chain][i] = table->chains[chain][--table->n_in_chain[chain]];
            break;
        }
    }
    if (entry->previous != NULL) {
        entry->previous->next = entry->next;
    } else {
        table->first = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    }
    if (entry->group.id != 0) {
        HASH_DELETE(hh_row, table->by_row, entry);
    }
    entry->next = entry->previous = NULL;
    entry->is_in_table = false;
    table->size--;
}

struct group_entry *group_table_first(const struct group_table *table)
{
    return table->first;
}

size_t group_table_size(const struct group_table *table)
{
    return table->size;
}

static enum of_error_number check_bucket(const struct group *group, const struct bucket *bucket)
{
    bool is_watched = bucket->watch_port != PORT_ANY || bucket->watch_group != GROUP_ANY;

    if (group->type != GROUP_TYPE_SELECT && bucket->weight != 0) {
        return OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP;
    }
    switch (group->type) {
    case GROUP_TYPE_ALL:
    case GROUP_TYPE_INDIRECT:
        return is_watched ? OF_ERROR_GROUP_MOD_FAILED_WATCH_UNSUPPORTED : OF_ERROR_NONE;
    case GROUP_TYPE_SELECT:
        return OF_ERROR_NONE;
    case GROUP_TYPE_FF:
        return is_watched ? OF_ERROR_NONE : OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP;
    }
    return OF_ERROR_GROUP_MOD_FAILED_BAD_TYPE;
}

enum of_error_number group_check(const struct group *group)
{
    if (group->group_id > GROUP_MAX) {
        return OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP;
    }
    if (group->n_buckets > GROUP_BUCKETS_MAX) {
        return OF_ERROR_GROUP_MOD_FAILED_OUT_OF_BUCKETS;
    }
    if (group->type == GROUP_TYPE_INDIRECT && group->n_buckets != 1) {
        return OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP;
    }
    if (group->selection != GROUP_SELECTION_DEFAULT && group->type != GROUP_TYPE_SELECT) {
        return OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP;
    }
    if ((group->selection == GROUP_SELECTION_HASH) != (group->n_fields > 0)) {
        return OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP;
    }
    for (size_t i = 0; i < group->n_buckets; i++) {
        enum of_error_number error = check_bucket(group, &group->buckets[i]);
        if (error != OF_ERROR_NONE) {
            return error;
        }
    }
    return OF_ERROR_NONE;
}

/* ---- loops ---- */

/* The groups that this one's buckets name and that were not named before are put on the list of those to look at. True: one of them
 * is `target`. */
static bool reach_from(struct group_table *table, const struct group *group, uint32_t target, struct group_entry **todo)
{
    for (size_t b = 0; b < group->n_buckets; b++) {
        for (size_t i = 0; i < group->buckets[b].actions.count; i++) {
            const struct action *action = &group->buckets[b].actions.items[i];
            if (action->type != ACTION_GROUP) {
                continue;
            }
            if (action->group_id == target) {
                return true;
            }
            struct group_entry *entry = group_table_find(table, action->group_id);
            if (entry != NULL && entry->walk != table->walk) {
                entry->walk = table->walk;
                entry->todo = *todo;
                *todo = entry;
            }
        }
    }
    return false;
}

bool group_table_would_loop(struct group_table *table, const struct group *group)
{
    struct group_entry *todo = NULL;

    table->walk++;
    bool loops = reach_from(table, group, group->group_id, &todo);
    while (!loops && todo != NULL) {
        const struct group_entry *entry = todo;
        todo = entry->todo;
        loops = reach_from(table, &entry->group, group->group_id, &todo);
    }
    return loops;
}

/* ---- buckets ---- */

void group_begin_counting(struct group *group, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        group->buckets[i].counter = group->next_counter++;
    }
}

bool group_has_bucket_twice(const struct group *group)
{
    for (size_t i = 0; i < group->n_buckets; i++) {
        for (size_t j = 0; j < i; j++) {
            if (group->buckets[i].bucket_id == group->buckets[j].bucket_id) {
                return true;
            }
        }
    }
    return false;
}

static bool has_number(const struct group *group, uint32_t number)
{
    for (size_t i = 0; i < group->n_buckets; i++) {
        if (group->buckets[i].bucket_id == number) {
            return true;
        }
    }
    return false;
}

void group_number_buckets(struct group *group)
{
    uint32_t next = 0;

    for (size_t i = 0; i < group->n_buckets; i++) {
        if (group->buckets[i].bucket_id <= BUCKET_ID_MAX) {
            continue;
        }
        while (has_number(group, next)) {
            next++;
        }
        group->buckets[i].bucket_id = next;
    }
}
