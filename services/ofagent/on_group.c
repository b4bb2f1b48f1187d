/* Handlers of groups, meters and tables: group_mod, meter_mod, table_mod [OF1.3.5 §7.3.4.2, §7.3.4.4, §7.3.3].
 *
 * Groups travel with the rules in one transaction, so a rule never refers to a group that is not there. Deleting a group takes the rules that
 * use it along. Meters are not there yet: an add is refused as "out of meters", which is what a switch with room for none says.
 * The ofagent's one thread.
 */
#include "services/ofagent/bridge.h"
#include "services/ofagent/dispatch.h"

#include <string.h>

/* The bridge and the group that is about to be: a group may refer to itself, the slowpath ends such loops. */
struct references {
    const struct bridge *bridge;
    uint32_t group_id;
};

static bool group_exists_or_will(const void *context, uint32_t group_id)
{
    const struct references *references = context;
    return group_id == references->group_id || group_table_find(references->bridge->groups, group_id) != NULL;
}

static enum of_error_number check_references(const struct bridge *bridge, const struct group *group)
{
    struct references references = {.bridge = bridge, .group_id = group->group_id};
    struct flow_mod_context context = {.group_exists = group_exists_or_will, .context = &references};

    for (size_t i = 0; i < group->n_buckets; i++) {
        enum of_error_number error = flow_mod_check_actions(&group->buckets[i].actions, &context);
        if (error != OF_ERROR_NONE) {
            return error;
        }
    }
    return OF_ERROR_NONE;
}

static enum of_error_number add_group(struct bridge *bridge, struct group *group)
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
    (void)inflight_note_group(bridge->inflight, group_table_insert(bridge->groups, &mine, (int64_t)bridge->agent->now_ns));
    return OF_ERROR_NONE;
}

static enum of_error_number modify_group(struct bridge *bridge, struct group *group)
{
    struct group_entry *entry = group_table_find(bridge->groups, group->group_id);
    struct group mine;

    if (entry == NULL) {
        return OF_ERROR_GROUP_MOD_FAILED_UNKNOWN_GROUP;
    }
    mine = group_copy(group);
    mine.id = entry->group.id;
    mine.bridge = bridge->id;
    group_fini(&entry->group);
    entry->group = mine;
    (void)inflight_note_group(bridge->inflight, entry);
    return OF_ERROR_NONE;
}

static void delete_rules_of(struct bridge *bridge, uint32_t group_id)
{
    struct flow_changes changes;

    flow_changes_init(&changes);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        struct flow_entry *entry = flow_table_first(bridge->flows, (uint8_t)i);
        while (entry != NULL) {
            struct flow_entry *following = entry->next;
            if (instructions_use_group(&entry->rule.instructions, group_id)) {
                flow_changes_remove(&changes, bridge->flows, entry, OF_REMOVED_GROUP_DELETE);
            }
            entry = following;
        }
    }
    (void)bridge_note(bridge, &changes, NULL);
}

static void delete_group(struct bridge *bridge, struct group_entry *entry)
{
    delete_rules_of(bridge, entry->group.group_id);
    group_table_remove(bridge->groups, entry);
    (void)inflight_note_group(bridge->inflight, entry);
}

static void delete_groups(struct bridge *bridge, uint32_t group_id)
{
    struct group_entry *entry;

    if (group_id != GROUP_ALL) {
        entry = group_table_find(bridge->groups, group_id);
        if (entry != NULL) {
            delete_group(bridge, entry);
        }
        return;
    }
    while ((entry = group_table_first(bridge->groups)) != NULL) {
        delete_group(bridge, entry);
    }
}

static enum of_error_number apply(struct bridge *bridge, struct of_group_mod *mod)
{
    enum of_error_number error = OF_ERROR_NONE;

    if (mod->command != OF_GROUP_DELETE) {
        error = group_check(&mod->group);
        if (error == OF_ERROR_NONE) {
            error = check_references(bridge, &mod->group);
        }
    }
    if (error != OF_ERROR_NONE) {
        return error;
    }
    switch (mod->command) {
    case OF_GROUP_ADD:
        return add_group(bridge, &mod->group);
    case OF_GROUP_MODIFY:
        return modify_group(bridge, &mod->group);
    case OF_GROUP_DELETE:
        delete_groups(bridge, mod->group.group_id);
        return OF_ERROR_NONE;
    }
    return OF_ERROR_GROUP_MOD_FAILED_BAD_COMMAND;
}

enum of_error_number on_group_mod(struct session *session, struct of_message *message, const struct request *request)
{
    struct bridge *bridge = session->bridge;
    struct inflight_request pending = {.session = session->number};
    struct flow_changes none;

    if (!bridge_is_writable(bridge)) {
        return OF_ERROR_GROUP_MOD_FAILED_EPERM;
    }
    enum of_error_number error = apply(bridge, &message->group_mod);
    if (error != OF_ERROR_NONE) {
        return error;
    }
    flow_changes_init(&none);
    pending.size = request->size < sizeof pending.head ? (uint16_t)request->size : (uint16_t)sizeof pending.head;
    memcpy(pending.head, request->bytes, pending.size);
    session->last_batch = bridge_note(bridge, &none, &pending);
    return OF_ERROR_NONE;
}

enum of_error_number on_meter_mod(struct session *session, struct of_message *message, const struct request *request)
{
    switch (message->meter_mod.command) {
    case OF_METER_ADD:
        return OF_ERROR_METER_MOD_FAILED_OUT_OF_METERS;
    case OF_METER_MODIFY:
        return OF_ERROR_METER_MOD_FAILED_UNKNOWN_METER;
    case OF_METER_DELETE:
        return OF_ERROR_NONE; /* of nothing is no error */
    }
    return OF_ERROR_METER_MOD_FAILED_BAD_COMMAND;
}

enum of_error_number on_table_mod(struct session *session, struct of_message *message, const struct request *request)
{
    if (message->table_mod.table > TABLE_MAX && message->table_mod.table != TABLE_ALL) {
        return OF_ERROR_TABLE_MOD_FAILED_BAD_TABLE;
    }
    return message->table_mod.config != 0 ? OF_ERROR_TABLE_MOD_FAILED_BAD_CONFIG : OF_ERROR_NONE;
}
