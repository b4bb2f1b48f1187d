/* The meaning of the five flow_mod commands. See flow_mod.h.
 *
 * An add over an identical match and priority keeps the entry and its row number, so that the counters, which go by row number, go
 * on as the standard wants; with reset_counts it takes the old entry out and puts a new one in, whose counters begin at zero.
 * That way "reset" needs no state of its own and survives any restart.
 * Everything is checked before anything is changed, so a refused mod has done nothing. The ofagent's one thread; strict
 * commands cost a hash lookup, the others a walk of their tables. Which rule goes for another is evict.c's matter.
 */
#include "services/ofagent/flow_mod.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/openflow/of_message.h"

void flow_changes_init(struct flow_changes *changes)
{
    *changes = (struct flow_changes){0};
}

static void before_destroy(struct flow_rule **before)
{
    if (*before != NULL) {
        instructions_fini(&(*before)->instructions);
        free(*before);
        *before = NULL;
    }
}

void flow_changes_fini(struct flow_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        before_destroy(&changes->items[i].before);
    }
    free(changes->items);
    *changes = (struct flow_changes){0};
}

static struct flow_change *changes_append(struct flow_changes *changes, enum flow_change_kind kind, struct flow_entry *entry)
{
    if (changes->count == changes->room) {
        changes->room = changes->room == 0 ? 4 : changes->room * 2;
        changes->items = memory_resize(changes->items, changes->room * sizeof *changes->items);
    }
    struct flow_change *change = &changes->items[changes->count++];
    *change = (struct flow_change){
        .kind = kind, .entry = entry, .before_created_ns = entry->created_ns, .before_used_ns = entry->used_ns};
    return change;
}

/* The entry's instructions are the list's from here on: the caller puts others in their place. */
static void note_modified(struct flow_changes *changes, struct flow_entry *entry)
{
    changes_append(changes, FLOW_CHANGE_MODIFIED, entry)->before = memory_copy(&entry->rule, sizeof entry->rule);
}

static void put_back(struct flow_table *table, struct flow_change *change)
{
    uint64_t id = change->entry->rule.id;

    instructions_fini(&change->entry->rule.instructions);
    change->entry->rule = *change->before;
    change->entry->rule.id = id;
    change->entry->created_ns = change->before_created_ns;
    change->entry->used_ns = change->before_used_ns;
    free(change->before);
    change->before = NULL;
    flow_table_retime(table, change->entry);
}

void flow_changes_undo(struct flow_changes *changes, struct flow_table *table)
{
    while (changes->count > 0) {
        struct flow_change *change = &changes->items[--changes->count];
        switch (change->kind) {
        case FLOW_CHANGE_ADDED:
            flow_table_remove(table, change->entry, FLOW_ENTRY_QUIET);
            flow_entry_destroy(&change->entry);
            break;
        case FLOW_CHANGE_MODIFIED:
            put_back(table, change);
            break;
        case FLOW_CHANGE_REMOVED:
            flow_table_insert(table, change->entry);
            break;
        }
    }
    flow_changes_fini(changes);
}

void flow_changes_remove(struct flow_changes *changes, struct flow_table *table, struct flow_entry *entry, uint8_t reason)
{
    flow_table_remove(table, entry, reason);
    changes_append(changes, FLOW_CHANGE_REMOVED, entry);
}

static struct rule rule_of(const struct flow_mod *mod, const struct flow_mod_context *context)
{
    return (struct rule){.bridge = context->bridge,
                         .match = mod->match,
                         .instructions = mod->instructions, /* lent: flow_entry_new() copies */
                         .cookie = mod->cookie,
                         .created_wall_ns = context->wall_ns,
                         .priority = mod->priority,
                         .idle_timeout_s = mod->idle_timeout_s,
                         .hard_timeout_s = mod->hard_timeout_s,
                         .importance = mod->importance,
                         .flags = mod->flags, /* also those that said how to add: statistics show them [OF1.3.5 A.3.5.2] */
                         .table = mod->table};
}

static void add_entry(struct flow_table *table, const struct rule *rule, int64_t created_ns, int64_t used_ns,
                      struct flow_changes *changes)
{
    struct flow_entry *entry = flow_entry_new(rule);
    entry->rule.id = 0;
    entry->created_ns = created_ns;
    entry->used_ns = used_ns;
    flow_table_insert(table, entry);
    changes_append(changes, FLOW_CHANGE_ADDED, entry);
}

static bool overlaps_another(const struct flow_table *table, const struct flow_mod *mod)
{
    for (struct flow_entry *e = flow_table_first(table, mod->table); e != NULL; e = e->next) {
        if (e->rule.priority == mod->priority && packed_match_overlaps(&e->match, &mod->match)) {
            return true;
        }
    }
    return false;
}

/* ---- eviction ---- */

static enum of_error_number make_room(struct flow_table *table, uint8_t number, uint16_t importance, const struct flow_mod_context *context,
                                      struct flow_changes *changes)
{
    struct flow_limit limit = {.n_rules = FLOW_TABLE_RULES_MAX};
    size_t n = flow_table_size_of(table, number);

    if (context->limit != NULL) {
        limit = context->limit(context->context, number);
    }
    if (flow_table_size(table) < FLOW_TABLE_RULES_MAX && n < limit.n_rules) {
        return OF_ERROR_NONE;
    }
    struct flow_entry *victim = limit.evicts ? flow_table_victim(table, number, limit.groups, importance) : NULL;
    if (victim == NULL) {
        return OF_ERROR_FLOW_MOD_FAILED_TABLE_FULL;
    }
    flow_changes_remove(changes, table, victim, OF_REMOVED_EVICTION);
    /* If the limit was lowered, two go for one until it is kept. */
    victim = n > limit.n_rules ? flow_table_victim(table, number, limit.groups, importance) : NULL;
    if (victim != NULL) {
        flow_changes_remove(changes, table, victim, OF_REMOVED_EVICTION);
    }
    return OF_ERROR_NONE;
}

/* All of it but match and row number, which stay. */
static void replace(struct flow_entry *entry, const struct rule *rule)
{
    entry->rule.instructions = instructions_copy(&rule->instructions);
    entry->rule.cookie = rule->cookie;
    entry->rule.created_wall_ns = rule->created_wall_ns;
    entry->rule.idle_timeout_s = rule->idle_timeout_s;
    entry->rule.hard_timeout_s = rule->hard_timeout_s;
    entry->rule.importance = rule->importance;
    entry->rule.flags = rule->flags;
}

static void overwrite(struct flow_table *table, struct flow_entry *old, const struct rule *rule, const struct flow_mod_context *context,
                      struct flow_changes *changes)
{
    note_modified(changes, old);
    replace(old, rule);
    old->created_ns = old->used_ns = (int64_t)context->now_ns;
    flow_table_retime(table, old);
}

static enum of_error_number add(struct flow_table *table, const struct flow_mod *mod, const struct flow_mod_context *context,
                                struct flow_changes *changes)
{
    struct rule rule = rule_of(mod, context);
    struct flow_entry *old = flow_table_find(table, mod->table, &mod->match, mod->priority);

    if (old == NULL && (mod->flags & RULE_CHECK_OVERLAP) != 0 && overlaps_another(table, mod)) {
        return OF_ERROR_FLOW_MOD_FAILED_OVERLAP;
    }
    enum of_error_number error = old == NULL ? make_room(table, mod->table, mod->importance, context, changes) : OF_ERROR_NONE;
    if (error != OF_ERROR_NONE) {
        return error;
    }
    if (old != NULL && (mod->flags & RULE_RESET_COUNTS) == 0) {
        overwrite(table, old, &rule, context, changes);
        return OF_ERROR_NONE;
    }
    if (old != NULL) {
        flow_changes_remove(changes, table, old, FLOW_ENTRY_QUIET);
    }
    add_entry(table, &rule, (int64_t)context->now_ns, (int64_t)context->now_ns, changes);
    return OF_ERROR_NONE;
}

static void modify_entry(struct flow_table *table, struct flow_entry *entry, const struct flow_mod *mod,
                         struct flow_changes *changes)
{
    if ((mod->flags & RULE_RESET_COUNTS) != 0) {
        struct rule rule = flow_entry_rule(entry);
        rule.instructions = mod->instructions; /* lent, as in rule_of() */
        flow_changes_remove(changes, table, entry, FLOW_ENTRY_QUIET);
        add_entry(table, &rule, entry->created_ns, entry->used_ns, changes);
        return;
    }
    note_modified(changes, entry);
    entry->rule.instructions = instructions_copy(&mod->instructions);
    if (mod->is_old && mod->new_cookie != UINT64_MAX) {
        entry->rule.cookie = mod->new_cookie;
    }
}

/* A modify of 1.0 that found nothing adds, unless it asked for cookies [OF1.0 4.6]. */
static enum of_error_number add_instead(struct flow_table *table, const struct flow_mod *mod, const struct flow_mod_context *context,
                                        struct flow_changes *changes)
{
    struct flow_mod lent = *mod;

    if (!mod->is_old || mod->cookie_mask != 0) {
        return OF_ERROR_NONE;
    }
    lent.command = FLOW_MOD_ADD;
    lent.table = mod->table == TABLE_ALL ? 0 : mod->table;
    lent.cookie = mod->new_cookie != UINT64_MAX ? mod->new_cookie : 0;
    return add(table, &lent, context, changes);
}

static bool is_filtered(const struct flow_entry *entry, const struct flow_mod *mod)
{
    bool is_delete = mod->command == FLOW_MOD_DELETE || mod->command == FLOW_MOD_DELETE_STRICT;

    if (((entry->rule.cookie ^ mod->cookie) & mod->cookie_mask) != 0) {
        return true;
    }
    if (is_delete && mod->out_port != PORT_ANY && !instructions_output_to(&entry->rule.instructions, mod->out_port)) {
        return true;
    }
    return is_delete && mod->out_group != GROUP_ANY && !instructions_use_group(&entry->rule.instructions, mod->out_group);
}

static void change_entry(struct flow_table *table, struct flow_entry *entry, const struct flow_mod *mod,
                         struct flow_changes *changes)
{
    if (is_filtered(entry, mod)) {
        return;
    }
    if (mod->command == FLOW_MOD_DELETE || mod->command == FLOW_MOD_DELETE_STRICT) {
        flow_changes_remove(changes, table, entry, OF_REMOVED_DELETE);
    } else {
        modify_entry(table, entry, mod, changes);
    }
}

static void change_covered(struct flow_table *table, uint8_t number, const struct flow_mod *mod, struct flow_changes *changes)
{
    size_t n = flow_table_size_of(table, number); /* entries that a reset puts at the end are not looked at again */
    struct flow_entry *entry = flow_table_first(table, number);

    for (size_t i = 0; i < n; i++) {
        struct flow_entry *following = entry->next;
        if (packed_match_is_covered(&entry->match, &mod->match)) {
            change_entry(table, entry, mod, changes);
        }
        entry = following;
    }
}

/* User data travel with each packet, and have a bound. A queue that a port has not has no effect, as in Open vSwitch: no port has any. */
const char *flow_mod_unsupported(const struct action_list *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        const struct action *action = &actions->items[i];
        if (action->type == ACTION_CONTROLLER && action->controller.n_data > FLOW_MOD_USERDATA_MAX) {
            return "controller(userdata=...): more than 1024 bytes";
        }
    }
    return NULL;
}

enum of_error_number flow_mod_check_actions(const struct action_list *actions, const struct flow_mod_context *context)
{
    for (size_t i = 0; i < actions->count; i++) {
        const struct action *action = &actions->items[i];
        if (action->type == ACTION_GROUP && !context->group_exists(context->context, action->group_id)) {
            return OF_ERROR_BAD_ACTION_BAD_OUT_GROUP;
        }
        bool is_metered = action->type == ACTION_CONTROLLER && action->controller.meter_id != 0;
        if (is_metered && !context->meter_exists(context->context, action->controller.meter_id)) {
            return OF_ERROR_METER_MOD_FAILED_INVALID_METER;
        }
    }
    return flow_mod_unsupported(actions) == NULL ? OF_ERROR_NONE : OF_ERROR_BAD_ACTION_BAD_ARGUMENT;
}

static enum of_error_number check_instructions(const struct instructions *instructions, const struct flow_mod_context *context)
{
    enum of_error_number error = flow_mod_check_actions(&instructions->apply, context);

    if (error == OF_ERROR_NONE) {
        error = flow_mod_check_actions(&instructions->write, context);
    }
    if (error == OF_ERROR_NONE && instructions->meter_id != 0 && !context->meter_exists(context->context, instructions->meter_id)) {
        error = OF_ERROR_METER_MOD_FAILED_INVALID_METER;
    }
    return error;
}

static enum of_error_number check(const struct flow_mod *mod, const struct flow_mod_context *context)
{
    bool is_delete = mod->command == FLOW_MOD_DELETE || mod->command == FLOW_MOD_DELETE_STRICT;

    if (mod->table > TABLE_MAX && !((is_delete || mod->is_old) && mod->table == TABLE_ALL)) {
        return OF_ERROR_FLOW_MOD_FAILED_BAD_TABLE_ID;
    }
    if (is_delete) {
        return OF_ERROR_NONE;
    }
    if (mod->buffer_id != OF_NO_BUFFER) {
        return OF_ERROR_BAD_REQUEST_BUFFER_UNKNOWN;
    }
    if (mod->instructions.apply.count + mod->instructions.write.count > FLOW_MOD_ACTIONS_MAX) {
        return OF_ERROR_BAD_ACTION_TOO_MANY;
    }
    return check_instructions(&mod->instructions, context);
}

enum of_error_number flow_mod_apply(struct flow_table *table, const struct flow_mod *mod,
                                    const struct flow_mod_context *context, struct flow_changes *changes)
{
    enum of_error_number error = check(mod, context);
    bool is_modify = mod->command == FLOW_MOD_MODIFY || mod->command == FLOW_MOD_MODIFY_STRICT;
    unsigned first = mod->table == TABLE_ALL ? 0 : mod->table, last = mod->table == TABLE_ALL ? TABLE_MAX : mod->table;
    size_t n_before = changes->count;
    struct flow_entry *entry;

    if (error != OF_ERROR_NONE) {
        return error;
    }
    switch (mod->command) {
    case FLOW_MOD_ADD:
        return add(table, mod, context, changes);
    case FLOW_MOD_MODIFY_STRICT:
    case FLOW_MOD_DELETE_STRICT:
        for (unsigned i = first; i <= last; i++) {
            entry = flow_table_find(table, (uint8_t)i, &mod->match, mod->priority);
            if (entry != NULL) {
                change_entry(table, entry, mod, changes);
            }
        }
        return is_modify && changes->count == n_before ? add_instead(table, mod, context, changes) : OF_ERROR_NONE;
    case FLOW_MOD_MODIFY:
    case FLOW_MOD_DELETE:
        for (unsigned i = first; i <= last; i++) {
            change_covered(table, (uint8_t)i, mod, changes);
        }
        return is_modify && changes->count == n_before ? add_instead(table, mod, context, changes) : OF_ERROR_NONE;
    }
    return OF_ERROR_FLOW_MOD_FAILED_BAD_COMMAND;
}

bool flow_mod_prepare(struct flow_mod *mod, const struct flow_mod_context *context, struct rule *out_rule, struct flow_mod_ready *out_ready)
{
    bool is_plain = mod->command == FLOW_MOD_ADD && (mod->flags & (RULE_CHECK_OVERLAP | RULE_RESET_COUNTS)) == 0;
    size_t n_actions = mod->instructions.apply.count + mod->instructions.write.count;

    if (!is_plain || mod->table > TABLE_MAX || mod->buffer_id != OF_NO_BUFFER || n_actions > FLOW_MOD_READY_ACTIONS) {
        return false;
    }
    *out_rule = rule_of(mod, context);
    out_ready->entry = flow_entry_new_taking(out_rule);
    mod->instructions = (struct instructions){0};
    out_ready->hash = flow_entry_hash(out_ready->entry);
    return true;
}

enum of_error_number flow_mod_apply_ready(struct flow_table *table, struct flow_mod_ready *ready, const struct flow_mod_context *context,
                                          struct flow_changes *changes)
{
    struct flow_entry *entry = ready->entry;
    struct flow_entry *old = flow_table_find_like(table, entry, ready->hash);
    entry->rule.created_wall_ns = context->wall_ns;
    enum of_error_number error = check_instructions(&entry->rule.instructions, context);

    if (error == OF_ERROR_NONE && old == NULL) {
        error = make_room(table, entry->rule.table, entry->rule.importance, context, changes);
    }
    if (error != OF_ERROR_NONE) {
        return error;
    }
    if (old != NULL) {
        struct rule rule = flow_entry_rule(entry);
        overwrite(table, old, &rule, context, changes);
        flow_entry_destroy(&ready->entry);
        return OF_ERROR_NONE;
    }
    ready->entry = NULL;
    entry->created_ns = entry->used_ns = (int64_t)context->now_ns;
    flow_table_insert_hashed(table, entry, ready->hash);
    changes_append(changes, FLOW_CHANGE_ADDED, entry);
    return OF_ERROR_NONE;
}
