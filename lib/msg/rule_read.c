/* One walk over the bytes of a row, in the order in which they come.
 *
 *     row     bridge | table | priority | match: field value mask | match ... | instructions: apply: action | action ... | cookie ...
 *
 * Why: a rule is read by each slowpath when it is added, and a million of them when one starts. Protobuf-c makes a tree of some eight pieces of each, and
 * two thirds of the time to take a rule in went into making it and into the general way from it to the model.
 *
 * It knows the common case only: fields that the schema has, each with the type that it has there, submessages that are single once, numbers that fit.
 * Everything else, and all that is wrong in any way, it leaves to msg_rule_decode(), so that there is one place that refuses, and one that has the say about
 * what a row means. What it does take it must take as that would; tests/fuzz/fuzz_rows.c and the unit test hold it to that. Numbers, ranges and single
 * actions go through the code of that other way anyhow; the match is checked field by field as it comes: bits within the mask, none said twice, no mask
 * on what is matched whole, and every prerequisite at the end, which is what match_check() asks of the whole.
 * Cost: some 0.3 us; no allocation, no state, any thread.
 */
#include "lib/msg/rule_read.h"

#include <string.h>

#include "lib/msg/field_wire.h"
#include "lib/msg/rule.h"
#include "lib/msg/wire.h"

static inline uint32_t walk_u32(struct reader *walk)
{
    uint64_t value = wire_number(walk);
    walk->failed |= value > UINT32_MAX;
    return (uint32_t)value;
}

static inline bool walk_bool(struct reader *walk)
{
    uint64_t value = wire_number(walk);
    walk->failed |= value > 1;
    return value != 0;
}

static inline ProtobufCBinaryData walk_bytes(struct reader *walk)
{
    struct reader sub = wire_bytes(walk);
    return (ProtobufCBinaryData){.data = (uint8_t *)sub.pos, .len = (size_t)(sub.end - sub.pos)};
}

/* Number << 3 | type of the next field; 0: there is none, or it was no common case. */
static inline uint32_t walk_tag(struct reader *walk)
{
    if (walk->failed || walk->pos == walk->end) {
        return 0;
    }
    uint8_t tag = *walk->pos++;
    if (tag < 0x80) {
        walk->failed = tag < 8;
        return tag;
    }
    if (walk->pos < walk->end && *walk->pos > 0 && *walk->pos < 0x80) {
        return (uint32_t)*walk->pos++ << 7 | (tag & 0x7f);
    }
    walk->failed = true;
    return 0;
}

#define TAG(number, type) ((number) << 3 | (type))

/* ---- fields ---- */

static bool read_field(struct reader walk, Busbar__FieldMatch *out_field)
{
    *out_field = (Busbar__FieldMatch){.base = {.descriptor = &busbar__field_match__descriptor}};
    for (uint32_t tag; (tag = walk_tag(&walk)) != 0;) {
        switch (tag) {
        case TAG(1, WIRE_NUMBER):
            out_field->field = walk_u32(&walk);
            break;
        case TAG(2, WIRE_BYTES):
            out_field->value = walk_bytes(&walk);
            break;
        case TAG(3, WIRE_BYTES):
            out_field->mask = walk_bytes(&walk);
            break;
        default:
            return false;
        }
    }
    return !walk.failed;
}

/* Of a field that fills its storage: its bytes are those of the state. */
static bool match_take_bytes(struct match *match, const struct field *field, const Busbar__FieldMatch *message)
{
    uint8_t *value = (uint8_t *)&match->value + field->offset, *mask = (uint8_t *)&match->mask + field->offset;
    uint8_t said = 0, beyond = 0;
    for (size_t i = 0; i < field->size; i++) {
        said |= mask[i];
        mask[i] = message->mask.len > 0 ? message->mask.data[i] : 0xff;
        value[i] = message->value.data[i];
        beyond |= value[i] & (uint8_t)~mask[i];
    }
    return said == 0 && beyond == 0;
}

static bool match_take_bits(struct match *match, const Busbar__FieldMatch *message)
{
    enum field_id id;
    struct field_value value, mask;
    struct error_detail ignored;
    if (field_wire_decode(message->field, &message->value, &message->mask, &id, &value, &mask, &ignored) < 0 ||
        !field_value_is_zero(field_get(id, &match->mask))) {
        return false;
    }
    match_set_masked(match, id, value, mask);
    return true;
}

static bool match_take(struct match *match, const Busbar__FieldMatch *message, enum field_id *out_id)
{
    *out_id = field_wire_id(message->field);
    if (*out_id == FIELD_COUNT || message->value.len != field_table[*out_id].oxm_size ||
        (message->mask.len != 0 && message->mask.len != field_table[*out_id].oxm_size)) {
        return false;
    }
    const struct field *field = &field_table[*out_id];
    if (message->mask.len > 0 && field->mask_rule == FIELD_MASK_NONE) {
        return false;
    }
    bool fills = field->bits == field->size * 8 && field->oxm_size == field->size;
    return fills ? match_take_bytes(match, field, message) : match_take_bits(match, message);
}

/* ---- actions and instructions ---- */

static bool read_action(struct reader walk, struct action *out_action)
{
    Busbar__ActionMessage message = BUSBAR__ACTION_MESSAGE__INIT;
    Busbar__FieldMatch field;
    uint32_t *const numbers[] = {[1] = &message.type,
                                 [2] = &message.number,
                                 [3] = &message.max_len,
                                 [5] = &message.source_field,
                                 [6] = &message.target_field,
                                 [7] = &message.source_offset,
                                 [8] = &message.target_offset,
                                 [9] = &message.n_bits,
                                 [10] = &message.table,
                                 [11] = &message.controller_id,
                                 [12] = &message.reason,
                                 [13] = &message.conjunction,
                                 [14] = &message.clause,
                                 [15] = &message.n_clauses,
                                 [18] = &message.meter_id};
    for (uint32_t tag; (tag = walk_tag(&walk)) != 0;) {
        uint32_t number = tag >> 3;
        if (tag == TAG(4, WIRE_BYTES) && message.field == NULL && read_field(wire_bytes(&walk), &field)) {
            message.field = &field;
        } else if (tag == TAG(16, WIRE_BYTES)) {
            message.data = walk_bytes(&walk);
        } else if (tag == TAG(17, WIRE_NUMBER)) {
            message.pauses = walk_bool(&walk);
        } else if ((tag & 7) == WIRE_NUMBER && number < sizeof numbers / sizeof numbers[0] && numbers[number] != NULL) {
            *numbers[number] = walk_u32(&walk);
        } else {
            return false;
        }
    }
    return !walk.failed && msg_action_decode(&message, out_action) == 0;
}

/* An item more of the list that is at the end of `actions`. */
static bool read_item(struct rule_read *read, struct action_list *list, size_t *n_actions, struct reader walk)
{
    if (list->count == 0) {
        list->items = &read->actions[*n_actions];
    }
    if (*n_actions == RULE_READ_ACTIONS || list->items + list->count != &read->actions[*n_actions] || !read_action(walk, &read->actions[*n_actions])) {
        return false;
    }
    list->count++;
    (*n_actions)++;
    return true;
}

static bool read_instructions(struct reader walk, struct rule_read *read, Busbar__InstructionsMessage *out_message)
{
    size_t n_actions = 0;
    struct action_list *apply = &read->rule.instructions.apply, *write = &read->rule.instructions.write;
    busbar__instructions_message__init(out_message);
    for (uint32_t tag; (tag = walk_tag(&walk)) != 0;) {
        switch (tag) {
        case TAG(1, WIRE_BYTES):
        case TAG(2, WIRE_BYTES):
            if (!read_item(read, tag >> 3 == 1 ? apply : write, &n_actions, wire_bytes(&walk))) {
                return false;
            }
            break;
        case TAG(3, WIRE_NUMBER):
            out_message->has_apply = walk_bool(&walk);
            break;
        case TAG(4, WIRE_NUMBER):
            out_message->has_write = walk_bool(&walk);
            break;
        case TAG(5, WIRE_NUMBER):
            out_message->has_clear = walk_bool(&walk);
            break;
        case TAG(6, WIRE_NUMBER):
            out_message->has_write_metadata = walk_bool(&walk);
            break;
        case TAG(7, WIRE_NUMBER):
            out_message->metadata = wire_number(&walk);
            break;
        case TAG(8, WIRE_NUMBER):
            out_message->metadata_mask = wire_number(&walk);
            break;
        case TAG(9, WIRE_NUMBER):
            out_message->meter_id = walk_u32(&walk);
            break;
        case TAG(10, WIRE_NUMBER):
            out_message->has_goto = walk_bool(&walk);
            break;
        case TAG(11, WIRE_NUMBER):
            out_message->goto_table = walk_u32(&walk);
            break;
        default:
            return false;
        }
    }
    return !walk.failed && action_list_is_whole(apply) && action_list_is_whole(write);
}

/* ---- the row ---- */

/* What a row consists of while it is read. */
struct parts {
    Busbar__RuleRow row; /* its numbers only */
    Busbar__InstructionsMessage instructions;
    enum field_id fields[FIELD_COUNT];
    size_t n_fields;
};

static bool read_match(struct reader walk, struct match *match, struct parts *parts)
{
    Busbar__FieldMatch field;
    return parts->n_fields < FIELD_COUNT && read_field(walk, &field) && match_take(match, &field, &parts->fields[parts->n_fields++]);
}

static bool read_row(struct reader walk, struct rule_read *read, struct parts *parts)
{
    Busbar__RuleRow *row = &parts->row;
    uint32_t *const numbers[] = {[2] = &row->table,          [3] = &row->priority,   [7] = &row->idle_timeout_s,
                                 [8] = &row->hard_timeout_s, [9] = &row->importance, [10] = &row->flags};
    uint64_t *const longs[] = {[1] = &row->bridge, [6] = &row->cookie, [11] = &row->created_wall_ns};
    for (uint32_t tag; (tag = walk_tag(&walk)) != 0;) {
        uint32_t number = tag >> 3;
        bool is_number = (tag & 7) == WIRE_NUMBER;
        if (tag == TAG(4, WIRE_BYTES)) {
            if (!read_match(wire_bytes(&walk), &read->rule.match, parts)) {
                return false;
            }
        } else if (tag == TAG(5, WIRE_BYTES) && row->instructions == NULL) {
            row->instructions = &parts->instructions;
            if (!read_instructions(wire_bytes(&walk), read, &parts->instructions)) {
                return false;
            }
        } else if (is_number && number < sizeof numbers / sizeof numbers[0] && numbers[number] != NULL) {
            *numbers[number] = walk_u32(&walk);
        } else if (is_number && number < sizeof longs / sizeof longs[0] && longs[number] != NULL) {
            *longs[number] = wire_number(&walk);
        } else {
            return false;
        }
    }
    return !walk.failed;
}

/* Headers are matched of packets of the type Ethernet only; that is asked of the whole by match_check(). */
static bool match_is_plain(const struct match *match, const struct parts *parts)
{
    for (size_t i = 0; i < parts->n_fields; i++) {
        if (parts->fields[i] == FIELD_PACKET_TYPE || !field_prerequisite_met(parts->fields[i], &match->value, &match->mask)) {
            return false;
        }
    }
    return true;
}

bool rule_read(uint64_t id, const uint8_t *bytes, size_t size, struct rule_read *out_read)
{
    struct parts parts;
    struct error_detail ignored;
    busbar__rule_row__init(&parts.row);
    parts.n_fields = 0;
    rule_init(&out_read->rule);
    return read_row(reader_of(bytes, size), out_read, &parts) && match_is_plain(&out_read->rule.match, &parts) &&
           msg_rule_decode_numbers(id, &parts.row, &out_read->rule, &ignored) == 0;
}
