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

void action_list_add_data(struct action_list *list, const uint8_t *bytes, size_t n_bytes)
{
    for (size_t at = 0; at < n_bytes; at += ACTION_DATA_SIZE) {
        struct action item = {.type = ACTION_DATA};
        size_t size = n_bytes - at < ACTION_DATA_SIZE ? n_bytes - at : ACTION_DATA_SIZE;
        item.data.n_bytes = (uint8_t)size;
        memcpy(item.data.bytes, bytes + at, size);
        action_list_add(list, &item);
    }
}

bool action_add_ttl_id(struct action *action, uint16_t id)
{
    if (action->dec_ttl.n_ids >= ACTION_TTL_IDS_MAX) {
        return false;
    }
    action->dec_ttl.ids[2 * action->dec_ttl.n_ids] = (uint8_t)(id >> 8);
    action->dec_ttl.ids[2 * action->dec_ttl.n_ids++ + 1] = (uint8_t)id;
    return true;
}

size_t action_ttl_ids(const struct action *action, uint16_t out_ids[ACTION_TTL_IDS_MAX])
{
    size_t n = action->dec_ttl.n_ids > 0 ? action->dec_ttl.n_ids : 1;

    for (size_t i = 0; i < n; i++) {
        out_ids[i] = (uint16_t)(action->dec_ttl.ids[2 * i] << 8 | action->dec_ttl.ids[2 * i + 1]);
    }
    return n;
}

static size_t items_of_data(uint16_t n_bytes)
{
    return (n_bytes + ACTION_DATA_SIZE - 1u) / ACTION_DATA_SIZE;
}

size_t action_extent(const struct action *action)
{
    switch ((unsigned)action->type) {
    case ACTION_CLONE:
        return action->n_inner;
    case ACTION_NOTE:
        return items_of_data(action->n_data);
    case ACTION_CONTROLLER:
        return items_of_data(action->controller.n_data);
    default:
        return 0;
    }
}

size_t action_list_data(const struct action_list *list, size_t i, uint8_t *out_bytes, size_t room)
{
    size_t n = 0;
    for (size_t k = i + 1; k < list->count && list->items[k].type == ACTION_DATA; k++) {
        size_t size = list->items[k].data.n_bytes;
        if (size > ACTION_DATA_SIZE || size > room - n) {
            break;
        }
        memcpy(out_bytes + n, list->items[k].data.bytes, size);
        n += size;
    }
    return n;
}

static bool is_whole_data(const struct action *items, uint16_t n_bytes)
{
    for (size_t left = n_bytes, i = 0; left > 0; i++) {
        size_t size = left < ACTION_DATA_SIZE ? left : ACTION_DATA_SIZE;
        if (items[i].type != ACTION_DATA || items[i].data.n_bytes != size) {
            return false;
        }
        left -= size;
    }
    return true;
}

static bool is_whole(const struct action *items, size_t n, unsigned depth)
{
    for (size_t i = 0; i < n; i++) {
        size_t extent = action_extent(&items[i]);
        bool is_good = items[i].type != ACTION_DATA && extent <= n - i - 1;
        if (is_good && items[i].type == ACTION_CLONE) {
            is_good = depth < ACTION_CLONE_DEPTH_MAX && is_whole(&items[i + 1], extent, depth + 1);
        } else if (is_good && items[i].type == ACTION_NOTE && items[i].n_data % 8 != 6) {
            is_good = false; /* it fills its eight bytes on the wire */
        } else if (is_good && extent > 0) {
            is_good = is_whole_data(&items[i + 1], items[i].type == ACTION_NOTE ? items[i].n_data : items[i].controller.n_data);
        }
        if (!is_good) {
            return false;
        }
        i += extent;
    }
    return true;
}

bool action_list_is_whole(const struct action_list *list)
{
    return is_whole(list->items, list->count, 0);
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
           a->controller.reason == b->controller.reason && a->controller.n_data == b->controller.n_data &&
           a->controller.pauses == b->controller.pauses && a->controller.meter_id == b->controller.meter_id;
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

static bool equal_n_inner(const struct action *a, const struct action *b)
{
    return a->n_inner == b->n_inner;
}

static bool equal_output_reg(const struct action *a, const struct action *b)
{
    return a->output_reg.field == b->output_reg.field && a->output_reg.offset == b->output_reg.offset &&
           a->output_reg.n_bits == b->output_reg.n_bits && a->output_reg.max_len == b->output_reg.max_len;
}

static bool equal_output_trunc(const struct action *a, const struct action *b)
{
    return a->output_trunc.port == b->output_trunc.port && a->output_trunc.max_len == b->output_trunc.max_len;
}

static bool equal_n_data(const struct action *a, const struct action *b)
{
    return a->n_data == b->n_data;
}

static bool equal_part(const struct action *a, const struct action *b)
{
    return a->part.field == b->part.field && a->part.offset == b->part.offset && a->part.n_bits == b->part.n_bits;
}

static bool equal_conjunction(const struct action *a, const struct action *b)
{
    return a->conjunction.id == b->conjunction.id && a->conjunction.clause == b->conjunction.clause &&
           a->conjunction.n_clauses == b->conjunction.n_clauses;
}

static bool equal_dec_ttl(const struct action *a, const struct action *b)
{
    return a->dec_ttl.n_ids == b->dec_ttl.n_ids && memcmp(a->dec_ttl.ids, b->dec_ttl.ids, sizeof a->dec_ttl.ids) == 0;
}

static bool equal_data(const struct action *a, const struct action *b)
{
    return a->data.n_bytes == b->data.n_bytes && memcmp(a->data.bytes, b->data.bytes, sizeof a->data.bytes) == 0;
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
        if (action->type == ACTION_OUTPUT_TRUNC && action->output_trunc.port == port) {
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
