/* The groups of one bridge. See group_table.h.
 *
 * Few and rarely changed beside rules, so a fixed array of 1024 chains by the group's number serves: at most 64 steps a look-up at
 * the limit. group_check() gives the answers of Open vSwitch to groups that are wrong in themselves.
 * The ofagent's one thread. Invariant: an entry is in its chain and in the list exactly while is_in_table.
 */
#include "services/ofagent/group_table.h"

#include <stdlib.h>

#include "lib/base/memory.h"

enum { CHAINS = 1024 };

struct group_table {
    struct group_entry *first;
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

struct group_entry *group_table_insert(struct group_table *table, struct group *group, int64_t created_ns)
{
    struct group_entry *entry = memory_zeroed(sizeof *entry);
    size_t chain = group->group_id % CHAINS;

    entry->group = *group;
    group->buckets = NULL;
    group->n_buckets = 0;
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
    for (size_t i = 0; i < group->n_buckets; i++) {
        enum of_error_number error = check_bucket(group, &group->buckets[i]);
        if (error != OF_ERROR_NONE) {
            return error;
        }
    }
    return OF_ERROR_NONE;
}
