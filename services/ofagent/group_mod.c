/* The meaning of the five commands on groups. See group_mod.h.
 *
 * Groups travel with the rules in one transaction, so a rule never refers to a group that is not there. Deleting a group takes the rules that
 * use it along. A change keeps the group's row and so its own counts, and begins those of its buckets anew [OF1.3.5 §6.5], by giving
 * each another counter; inserting and removing buckets leaves the others and their counts alone. A group that would lead
 * packets back to itself is refused: OFPGMFC_LOOP, stricter than Open vSwitch, which drops such packets.
 * The ofagent's one thread. Invariant: what is refused has changed nothing.
 */
#include "services/ofagent/group_mod.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/msg/counter_id.h"
#include "services/ofagent/usage.h"

static bool group_exists(const void *context, uint32_t group_id)
{
    const struct bridge *bridge = context;
    return group_table_find(bridge->groups, group_id) != NULL;
}

/* ---- counters ---- */

static uint64_t bucket_counter(const struct group *group, size_t i)
{
    return counter_id(COUNTER_BUCKET, group->id << 16 | group->buckets[i].counter);
}

static void retire(struct bridge *bridge, uint64_t counter)
{
    counters_forget(bridge->agent->rule_counters, counter);
    usage_retire(bridge->agent->usage, counter);
}

static void retire_buckets(struct bridge *bridge, const struct group *group, size_t first, size_t n)
{
    for (size_t i = first; i < first + n && group->id != 0; i++) {
        retire(bridge, bucket_counter(group, i));
    }
}

void group_mod_retire_counters(struct bridge *bridge, const struct group *group)
{
    if (group->id != 0) {
        retire(bridge, counter_id(COUNTER_GROUP, group->id));
        retire_buckets(bridge, group, 0, group->n_buckets);
    }
}

static void count_references_of(struct bridge *bridge, const struct action_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct group_entry *entry =
            list->items[i].type == ACTION_GROUP ? group_table_find(bridge->groups, list->items[i].group_id) : NULL;
        if (entry != NULL) {
            entry->n_references++;
        }
    }
}

void group_mod_count_references(struct bridge *bridge)
{
    for (struct group_entry *e = group_table_first(bridge->groups); e != NULL; e = e->next) {
        e->n_references = 0;
    }
    for (unsigned i = 0; i < TABLE_COUNT && group_table_size(bridge->groups) > 0; i++) {
        for (struct flow_entry *e = flow_table_first(bridge->flows, (uint8_t)i); e != NULL; e = e->next) {
            count_references_of(bridge, &e->rule.instructions.apply);
            count_references_of(bridge, &e->rule.instructions.write);
        }
    }
}

struct of_group_stats group_mod_stats(const struct bridge *bridge, const struct group_entry *entry)
{
    const struct group *group = &entry->group;
    uint64_t values[COUNTERS_VALUES_MAX] = {0};
    struct of_group_stats stats = {.group_id = group->group_id,
                                   .ref_count = entry->n_references,
                                   .duration_ns = bridge->agent->now_ns - (uint64_t)entry->created_ns,
                                   .buckets = memory_array(group->n_buckets + 1, sizeof *stats.buckets),
                                   .n_buckets = group->n_buckets};

    if (group->id == 0) {
        return stats;
    }
    counters_total(bridge->agent->rule_counters, counter_id(COUNTER_GROUP, group->id), values);
    stats.n_packets = values[0];
    stats.n_bytes = values[1];
    for (size_t i = 0; i < group->n_buckets; i++) {
        counters_total(bridge->agent->rule_counters, bucket_counter(group, i), values);
        stats.buckets[i] = (struct of_bucket_stats){.n_packets = values[0], .n_bytes = values[1]};
    }
    return stats;
}

/* ---- commands ---- */

static enum of_error_number check(const struct bridge *bridge, const struct group *group)
{
    struct flow_mod_context context = {.group_exists = group_exists, .context = bridge};
    enum of_error_number error = group_check(group);

    if (error == OF_ERROR_NONE && group_has_bucket_twice(group)) {
        error = OF_ERROR_GROUP_MOD_FAILED_BAD_BUCKET;
    }
    if (error == OF_ERROR_NONE && group_table_would_loop(bridge->groups, group)) {
        error = OF_ERROR_GROUP_MOD_FAILED_LOOP;
    }
    for (size_t i = 0; i < group->n_buckets && error == OF_ERROR_NONE; i++) {
        error = flow_mod_check_actions(&group->buckets[i].actions, &context);
    }
    return error;
}

static enum of_error_number add_group(struct bridge *bridge, const struct group *group, size_t *out_n_changes)
{
    struct group mine;

    if (group_table_find(bridge->groups, group->group_id) != NULL) {
        return OF_ERROR_GROUP_MOD_FAILED_GROUP_EXISTS;
    }
    if (group_table_size(bridge->groups) >= GROUP_TABLE_MAX) {
        return OF_ERROR_GROUP_MOD_FAILED_OUT_OF_GROUPS;
    }
    mine = group_copy(group);
    mine.id = 0;
    mine.bridge = bridge->id;
    mine.next_counter = 0;
    group_number_buckets(&mine);
    group_begin_counting(&mine, 0, mine.n_buckets);
    enum of_error_number error = check(bridge, &mine);
    if (error != OF_ERROR_NONE) {
        group_fini(&mine);
        return error;
    }
    (void)inflight_note_group(bridge->inflight, group_table_insert(bridge->groups, &mine, (int64_t)bridge->agent->now_ns));
    *out_n_changes = 1;
    return OF_ERROR_NONE;
}

/* The entry's group is this one now; `mine` is consumed. */
static void replace(struct bridge *bridge, struct group_entry *entry, struct group *mine)
{
    group_fini(&entry->group);
    entry->group = *mine;
    (void)inflight_note_group(bridge->inflight, entry);
}

static enum of_error_number modify_group(struct bridge *bridge, const struct group *group, size_t *out_n_changes)
{
    struct group_entry *entry = group_table_find(bridge->groups, group->group_id);
    struct group mine;

    if (entry == NULL) {
        return OF_ERROR_GROUP_MOD_FAILED_UNKNOWN_GROUP;
    }
    mine = group_copy(group);
    mine.id = entry->group.id;
    mine.bridge = bridge->id;
    mine.next_counter = entry->group.next_counter;
    group_number_buckets(&mine);
    group_begin_counting(&mine, 0, mine.n_buckets);
    enum of_error_number error = check(bridge, &mine);
    if (error != OF_ERROR_NONE) {
        group_fini(&mine);
        return error;
    }
    retire_buckets(bridge, &entry->group, 0, entry->group.n_buckets);
    replace(bridge, entry, &mine);
    *out_n_changes = 1;
    return OF_ERROR_NONE;
}

/* n_buckets: there is no such bucket. */
static size_t place_of(const struct group *group, uint32_t bucket_id)
{
    size_t i = 0;

    while (i < group->n_buckets && group->buckets[i].bucket_id != bucket_id) {
        i++;
    }
    return i;
}

static enum of_error_number insert_buckets(struct bridge *bridge, const struct group *group, uint32_t before, size_t *out_n_changes)
{
    struct group_entry *entry = group_table_find(bridge->groups, group->group_id);

    if (entry == NULL) {
        return OF_ERROR_GROUP_MOD_FAILED_UNKNOWN_GROUP;
    }
    size_t n_old = entry->group.n_buckets, n_new = group->n_buckets;
    size_t place = before == BUCKET_FIRST ? 0 : before == BUCKET_LAST ? n_old : place_of(&entry->group, before);
    if (place == n_old && before != BUCKET_LAST && before != BUCKET_FIRST) {
        return OF_ERROR_GROUP_MOD_FAILED_UNKNOWN_BUCKET;
    }
    struct group mine = group_copy(&entry->group), added = group_copy(group);
    mine.buckets = memory_resize(mine.buckets, (n_old + n_new + 1) * sizeof *mine.buckets);
    memmove(&mine.buckets[place + n_new], &mine.buckets[place], (n_old - place) * sizeof *mine.buckets);
    if (n_new > 0) {
        memcpy(&mine.buckets[place], added.buckets, n_new * sizeof *mine.buckets);
    }
    mine.n_buckets = n_old + n_new;
    free(added.buckets); /* what they own is mine */
    group_number_buckets(&mine);
    group_begin_counting(&mine, place, n_new);
    enum of_error_number error = group_has_bucket_twice(&mine) ? OF_ERROR_GROUP_MOD_FAILED_BUCKET_EXISTS : check(bridge, &mine);
    if (error != OF_ERROR_NONE) {
        group_fini(&mine);
        return error;
    }
    replace(bridge, entry, &mine);
    *out_n_changes = 1;
    return OF_ERROR_NONE;
}

static enum of_error_number remove_buckets(struct bridge *bridge, const struct group *group, uint32_t which, size_t *out_n_changes)
{
    struct group_entry *entry = group_table_find(bridge->groups, group->group_id);

    if (entry == NULL) {
        return OF_ERROR_GROUP_MOD_FAILED_UNKNOWN_GROUP;
    }
    size_t n_old = entry->group.n_buckets, first = 0, n = n_old > 0;
    if (which == BUCKET_ALL) {
        n = n_old;
    } else if (which == BUCKET_LAST) {
        first = n_old - n;
    } else if (which != BUCKET_FIRST) {
        first = place_of(&entry->group, which);
        if (first == n_old) {
            return OF_ERROR_GROUP_MOD_FAILED_UNKNOWN_BUCKET;
        }
    }
    if (entry->group.type == GROUP_TYPE_INDIRECT && n > 0) {
        return OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP; /* it has one, always */
    }
    retire_buckets(bridge, &entry->group, first, n);
    for (size_t i = first; i < first + n; i++) {
        action_list_fini(&entry->group.buckets[i].actions);
    }
    if (n > 0) {
        memmove(&entry->group.buckets[first], &entry->group.buckets[first + n],
                (n_old - first - n) * sizeof *entry->group.buckets);
    }
    entry->group.n_buckets -= n;
    (void)inflight_note_group(bridge->inflight, entry);
    *out_n_changes = 1;
    return OF_ERROR_NONE;
}

/* GROUP_ALL: any group. */
bool group_mod_uses(const struct instructions *in, uint32_t group_id)
{
    bool has_any = action_list_has(&in->apply, ACTION_GROUP) || action_list_has(&in->write, ACTION_GROUP);
    return has_any && (group_id == GROUP_ALL || instructions_use_group(in, group_id));
}

static void take_out(struct bridge *bridge, struct group_entry *entry)
{
    group_table_remove(bridge->groups, entry);
    (void)inflight_note_group(bridge->inflight, entry);
}

static size_t delete_groups(struct bridge *bridge, uint32_t group_id)
{
    struct group_entry *entry = group_id == GROUP_ALL ? group_table_first(bridge->groups) : group_table_find(bridge->groups, group_id);

    if (entry == NULL) {
        return 0;
    }
    size_t n = bridge_delete_rules(bridge, group_mod_uses, group_id, OF_REMOVED_GROUP_DELETE);
    if (group_id != GROUP_ALL) {
        take_out(bridge, entry);
        return n + 1;
    }
    while ((entry = group_table_first(bridge->groups)) != NULL) {
        take_out(bridge, entry);
        n++;
    }
    return n;
}

enum group_command group_mod_command(const struct bridge *bridge, const struct of_group_mod *mod)
{
    switch (mod->command) {
    case OF_GROUP_ADD:
        return GROUP_ADD;
    case OF_GROUP_MODIFY:
        return GROUP_MODIFY;
    case OF_GROUP_DELETE:
        return GROUP_DELETE;
    case OF_GROUP_INSERT_BUCKET:
        return GROUP_INSERT_BUCKETS;
    case OF_GROUP_REMOVE_BUCKET:
        return GROUP_REMOVE_BUCKETS;
    case OF_GROUP_ADD_OR_MODIFY:
        break;
    }
    return group_table_find(bridge->groups, mod->group.group_id) != NULL ? GROUP_MODIFY : GROUP_ADD;
}

enum of_error_number group_mod_apply(struct bridge *bridge, enum group_command command, const struct group *group,
                                     uint32_t command_bucket_id, size_t *out_n_changes)
{
    switch (command) {
    case GROUP_ADD:
        return add_group(bridge, group, out_n_changes);
    case GROUP_MODIFY:
        return modify_group(bridge, group, out_n_changes);
    case GROUP_DELETE:
        *out_n_changes = delete_groups(bridge, group->group_id);
        return OF_ERROR_NONE;
    case GROUP_INSERT_BUCKETS:
        return insert_buckets(bridge, group, command_bucket_id, out_n_changes);
    case GROUP_REMOVE_BUCKETS:
        return remove_buckets(bridge, group, command_bucket_id, out_n_changes);
    }
    return OF_ERROR_GROUP_MOD_FAILED_BAD_COMMAND;
}
