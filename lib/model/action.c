/* Lists of actions and instructions: adding, copying, comparing, and the questions that filters ask.
 *
 * Two actions are equal when the members that their type uses are; actions.def names that member, so a new action needs no new
 * comparison unless its member is new. Costs are linear; lists are short (a few actions) and copied when rules change.
 * Control code, any thread, no state. Invariant: items is NULL exactly when count is 0.
 */
#include "lib/model/action.h"

#include <stdlib.h>

#include "lib/base/memory.h"

void action_list_add(struct action_list *list, const struct action *action)
{
    list->items = memory_resize(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = *action;
}

struct action_list action_list_copy(const struct action_list *list)
{
    struct action_list copy = {.items = NULL, .count = list->count};

    if (list->count > 0) {
        copy.items = memory_copy(list->items, list->count * sizeof *list->items);
    }
    return copy;
}

void action_list_fini(struct action_list *list)
{
    free(list->items);
    *list = (struct action_list){.items = NULL, .count = 0};
}

static bool equal_nothing(const struct action *a, const struct action *b)
{
    return true;
}

static bool equal_output(const struct action *a, const struct action *b)
{
    return a->output.port == b->output.port && a->output.max_len == b->output.max_len;
}

static bool equal_set_field(const struct action *a, const struct action *b)
{
    return a->set_field.field == b->set_field.field &&
           memcmp(&a->set_field.value, &b->set_field.value, sizeof a->set_field.value) == 0 &&
           memcmp(&a->set_field.mask, &b->set_field.mask, sizeof a->set_field.mask) == 0;
}

static bool equal_controller(const struct action *a, const struct action *b)
{
    return a->controller.max_len == b->controller.max_len && a->controller.controller_id == b->controller.controller_id &&
           a->controller.reason == b->controller.reason;
}

static bool equal_move(const struct action *a, const struct action *b)
{
    return a->move.source == b->move.source && a->move.target == b->move.target &&
           a->move.source_offset == b->move.source_offset && a->move.target_offset == b->move.target_offset &&
           a->move.n_bits == b->move.n_bits;
}

static bool equal_resubmit(const struct action *a, const struct action *b)
{
    return a->resubmit.in_port == b->resubmit.in_port && a->resubmit.table == b->resubmit.table;
}

static bool equal_group_id(const struct action *a, const struct action *b)
{
    return a->group_id == b->group_id;
}

static bool equal_queue_id(const struct action *a, const struct action *b)
{
    return a->queue_id == b->queue_id;
}

static bool equal_ethertype(const struct action *a, const struct action *b)
{
    return a->ethertype == b->ethertype;
}

static bool equal_ttl(const struct action *a, const struct action *b)
{
    return a->ttl == b->ttl;
}

bool action_list_equal(const struct action_list *a, const struct action_list *b)
{
    static bool (*const equal[ACTION_TYPE_COUNT])(const struct action *, const struct action *) = {
#define ACTION(name, member) [ACTION_##name] = equal_##member,
#include "lib/model/actions.def"
#undef ACTION
    };

    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].type != b->items[i].type || !equal[a->items[i].type](&a->items[i], &b->items[i])) {
            return false;
        }
    }
    return true;
}

void instructions_init(struct instructions *in)
{
    *in = (struct instructions){.meter_id = 0};
}

void instructions_fini(struct instructions *in)
{
    action_list_fini(&in->apply);
    action_list_fini(&in->write);
}

struct instructions instructions_copy(const struct instructions *in)
{
    struct instructions copy = *in;

    copy.apply = action_list_copy(&in->apply);
    copy.write = action_list_copy(&in->write);
    return copy;
}

bool instructions_equal(const struct instructions *a, const struct instructions *b)
{
    if (a->has_apply != b->has_apply || a->has_write != b->has_write || a->has_clear != b->has_clear ||
        a->has_write_metadata != b->has_write_metadata || a->has_goto != b->has_goto || a->meter_id != b->meter_id) {
        return false;
    }
    if (a->has_goto && a->goto_table != b->goto_table) {
        return false;
    }
    if (a->has_write_metadata && (a->metadata != b->metadata || a->metadata_mask != b->metadata_mask)) {
        return false;
    }
    return action_list_equal(&a->apply, &b->apply) && action_list_equal(&a->write, &b->write);
}

static bool list_outputs_to(const struct action_list *list, uint32_t port)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct action *action = &list->items[i];
        if (action->type == ACTION_OUTPUT && action->output.port == port) {
            return true;
        }
        if (action->type == ACTION_CONTROLLER && port == PORT_CONTROLLER) {
            return true;
        }
    }
    return false;
}

bool instructions_output_to(const struct instructions *in, uint32_t port)
{
    return port == PORT_ANY || list_outputs_to(&in->apply, port) || list_outputs_to(&in->write, port);
}

static bool list_uses_group(const struct action_list *list, uint32_t group_id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].type == ACTION_GROUP && list->items[i].group_id == group_id) {
            return true;
        }
    }
    return false;
}

bool action_list_has(const struct action_list *list, enum action_type type)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].type == type) {
            return true;
        }
    }
    return false;
}

bool instructions_use_group(const struct instructions *in, uint32_t group_id)
{
    return group_id == 0xffffffffu || list_uses_group(&in->apply, group_id) || list_uses_group(&in->write, group_id);
}
