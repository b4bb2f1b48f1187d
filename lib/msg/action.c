/* Actions of controllers ↔ the messages of proto/rules.proto (declared in rule.h).
 *
 * Generated from actions.def: each row names a union member, each member has an encode_ and a decode_ function here, so a new action
 * with a known member costs no line and one with a new member does not compile until it has its pair.
 * Types travel as 1 + enum action_type: actions.def only grows at its end between versions that must read each other's rows.
 * Encoders return messages that protobuf_c_message_free_unpacked() frees, or write the same bytes without making them. Decoders
 * check every range; what an action may do with a
 * packet is checked where rules are accepted (lib/model/action_check.c), not again. Control code; no state; any thread.
 */
#include "lib/msg/rule.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/msg/field_wire.h"
#include "lib/msg/packer.h"

/* A message that is lent parts of its action, and what else it needs. */
struct lent {
    Busbar__ActionMessage message;
    Busbar__FieldMatch field;
};

static void encode_nothing(const struct action *action, Busbar__ActionMessage *message)
{
}

static void encode_ethertype(const struct action *action, Busbar__ActionMessage *message)
{
    message->number = action->ethertype;
}

static void encode_ttl(const struct action *action, Busbar__ActionMessage *message)
{
    message->number = action->ttl;
}

static void encode_queue_id(const struct action *action, Busbar__ActionMessage *message)
{
    message->number = action->queue_id;
}

static void encode_group_id(const struct action *action, Busbar__ActionMessage *message)
{
    message->number = action->group_id;
}

static void encode_output(const struct action *action, Busbar__ActionMessage *message)
{
    message->number = action->output.port;
    message->max_len = action->output.max_len;
}

static void encode_set_field(const struct action *action, Busbar__ActionMessage *message)
{
    enum field_id id = action->set_field.field;
    struct lent *lent = (struct lent *)message;
    message->field = &lent->field;
    busbar__field_match__init(message->field);
    message->field->field = field_wire_number(id);
    message->field->value = field_wire_bytes(id, &action->set_field.value);
    message->field->mask = field_wire_bytes(id, &action->set_field.mask);
}

static void encode_controller(const struct action *action, Busbar__ActionMessage *message)
{
    message->max_len = action->controller.max_len;
    message->controller_id = action->controller.controller_id;
    message->reason = (uint32_t)action->controller.reason;
    message->number = action->controller.n_data;
    message->pauses = action->controller.pauses;
    message->meter_id = action->controller.meter_id;
}

static void encode_move(const struct action *action, Busbar__ActionMessage *message)
{
    message->source_field = field_wire_number(action->move.source);
    message->target_field = field_wire_number(action->move.target);
    message->source_offset = action->move.source_offset;
    message->target_offset = action->move.target_offset;
    message->n_bits = action->move.n_bits;
}

static void encode_resubmit(const struct action *action, Busbar__ActionMessage *message)
{
    message->number = action->resubmit.in_port;
    message->table = action->resubmit.table;
}

static void encode_n_inner(const struct action *action, Busbar__ActionMessage *message)
{
    message->number = action->n_inner;
}

static void encode_output_reg(const struct action *action, Busbar__ActionMessage *message)
{
    message->source_field = field_wire_number(action->output_reg.field);
    message->source_offset = action->output_reg.offset;
    message->n_bits = action->output_reg.n_bits;
    message->max_len = action->output_reg.max_len;
}

static void encode_output_trunc(const struct action *action, Busbar__ActionMessage *message)
{
    message->number = action->output_trunc.port;
    message->max_len = action->output_trunc.max_len;
}

static void encode_n_data(const struct action *action, Busbar__ActionMessage *message)
{
    message->number = action->n_data;
}

static void encode_part(const struct action *action, Busbar__ActionMessage *message)
{
    message->source_field = field_wire_number(action->part.field);
    message->source_offset = action->part.offset;
    message->n_bits = action->part.n_bits;
}

static void encode_conjunction(const struct action *action, Busbar__ActionMessage *message)
{
    message->conjunction = action->conjunction.id;
    message->clause = action->conjunction.clause;
    message->n_clauses = action->conjunction.n_clauses;
}

static void encode_dec_ttl(const struct action *action, Busbar__ActionMessage *message)
{
    if (action->dec_ttl.n_ids > 0) {
        message->data = (ProtobufCBinaryData){.len = 2u * action->dec_ttl.n_ids, .data = (uint8_t *)action->dec_ttl.ids};
    }
}

static void encode_data(const struct action *action, Busbar__ActionMessage *message)
{
    message->data = (ProtobufCBinaryData){.len = action->data.n_bytes, .data = (uint8_t *)action->data.bytes};
}

static int decode_nothing(const Busbar__ActionMessage *message, struct action *action)
{
    return 0;
}

static int decode_ethertype(const Busbar__ActionMessage *message, struct action *action)
{
    action->ethertype = (uint16_t)message->number;
    return message->number <= UINT16_MAX ? 0 : -ERROR_RANGE;
}

static int decode_ttl(const Busbar__ActionMessage *message, struct action *action)
{
    action->ttl = (uint8_t)message->number;
    return message->number <= UINT8_MAX ? 0 : -ERROR_RANGE;
}

static int decode_queue_id(const Busbar__ActionMessage *message, struct action *action)
{
    action->queue_id = message->number;
    return 0;
}

static int decode_group_id(const Busbar__ActionMessage *message, struct action *action)
{
    action->group_id = message->number;
    return 0;
}

static int decode_output(const Busbar__ActionMessage *message, struct action *action)
{
    action->output.port = message->number;
    action->output.max_len = (uint16_t)message->max_len;
    return message->max_len <= UINT16_MAX ? 0 : -ERROR_RANGE;
}

static int decode_set_field(const Busbar__ActionMessage *message, struct action *action)
{
    struct error_detail ignored;
    if (message->field == NULL) {
        return -ERROR_RANGE;
    }
    return field_wire_decode(message->field->field, &message->field->value, &message->field->mask, &action->set_field.field,
                             &action->set_field.value, &action->set_field.mask, &ignored);
}

static int decode_controller(const Busbar__ActionMessage *message, struct action *action)
{
    action->controller.max_len = (uint16_t)message->max_len;
    action->controller.controller_id = (uint16_t)message->controller_id;
    action->controller.reason = (enum packet_in_reason)message->reason;
    action->controller.n_data = (uint16_t)message->number;
    action->controller.pauses = message->pauses;
    action->controller.meter_id = message->meter_id;
    bool fits = message->max_len <= UINT16_MAX && message->controller_id <= UINT16_MAX && message->reason <= PACKET_IN_INVALID_TTL &&
                message->number <= UINT16_MAX;
    return fits ? 0 : -ERROR_RANGE;
}

static bool part_fits(enum field_id id, uint32_t offset, uint32_t n_bits)
{
    return id != FIELD_COUNT && offset < field_table[id].bits && n_bits <= field_table[id].bits - offset;
}

static int decode_move(const Busbar__ActionMessage *message, struct action *action)
{
    action->move.source = field_wire_id(message->source_field);
    action->move.target = field_wire_id(message->target_field);
    action->move.source_offset = (uint8_t)message->source_offset;
    action->move.target_offset = (uint8_t)message->target_offset;
    action->move.n_bits = (uint8_t)message->n_bits;
    bool fits = message->n_bits > 0 && part_fits(action->move.source, message->source_offset, message->n_bits) &&
                part_fits(action->move.target, message->target_offset, message->n_bits);
    return fits ? 0 : -ERROR_RANGE;
}

static int decode_resubmit(const Busbar__ActionMessage *message, struct action *action)
{
    action->resubmit.in_port = message->number;
    action->resubmit.table = (uint8_t)message->table;
    return message->table <= UINT8_MAX ? 0 : -ERROR_RANGE;
}

static int decode_n_inner(const Busbar__ActionMessage *message, struct action *action)
{
    action->n_inner = (uint16_t)message->number;
    return message->number <= UINT16_MAX ? 0 : -ERROR_RANGE;
}

static int decode_output_reg(const Busbar__ActionMessage *message, struct action *action)
{
    action->output_reg.field = field_wire_id(message->source_field);
    action->output_reg.offset = (uint8_t)message->source_offset;
    action->output_reg.n_bits = (uint8_t)message->n_bits;
    action->output_reg.max_len = (uint16_t)message->max_len;
    bool fits = message->n_bits > 0 && part_fits(action->output_reg.field, message->source_offset, message->n_bits) &&
                message->max_len <= UINT16_MAX;
    return fits ? 0 : -ERROR_RANGE;
}

static int decode_output_trunc(const Busbar__ActionMessage *message, struct action *action)
{
    action->output_trunc.port = message->number;
    action->output_trunc.max_len = message->max_len;
    return message->max_len >= ACTION_TRUNCATE_MIN ? 0 : -ERROR_RANGE;
}

static int decode_n_data(const Busbar__ActionMessage *message, struct action *action)
{
    action->n_data = (uint16_t)message->number;
    return message->number <= UINT16_MAX ? 0 : -ERROR_RANGE;
}

static int decode_part(const Busbar__ActionMessage *message, struct action *action)
{
    action->part.field = field_wire_id(message->source_field);
    action->part.offset = (uint8_t)message->source_offset;
    action->part.n_bits = (uint8_t)message->n_bits;
    bool fits = message->n_bits > 0 && part_fits(action->part.field, message->source_offset, message->n_bits);
    return fits ? 0 : -ERROR_RANGE;
}

static int decode_conjunction(const Busbar__ActionMessage *message, struct action *action)
{
    action->conjunction.id = message->conjunction;
    action->conjunction.clause = (uint8_t)message->clause;
    action->conjunction.n_clauses = (uint8_t)message->n_clauses;
    bool fits = message->n_clauses >= 2 && message->n_clauses <= CONJUNCTION_CLAUSES_MAX && message->clause < message->n_clauses;
    return fits ? 0 : -ERROR_RANGE;
}

static int decode_dec_ttl(const Busbar__ActionMessage *message, struct action *action)
{
    if (message->data.len % 2 != 0 || message->data.len > sizeof action->dec_ttl.ids) {
        return -ERROR_RANGE;
    }
    action->dec_ttl.n_ids = (uint8_t)(message->data.len / 2);
    if (message->data.len > 0) {
        memcpy(action->dec_ttl.ids, message->data.data, message->data.len);
    }
    return 0;
}

static int decode_data(const Busbar__ActionMessage *message, struct action *action)
{
    if (message->data.len == 0 || message->data.len > ACTION_DATA_SIZE) {
        return -ERROR_RANGE;
    }
    action->data.n_bytes = (uint8_t)message->data.len;
    memcpy(action->data.bytes, message->data.data, message->data.len);
    return 0;
}

static void lend_one(const struct action *action, struct lent *lent)
{
    Busbar__ActionMessage *message = &lent->message;
    busbar__action_message__init(message);
    message->type = 1u + (uint32_t)action->type;
    switch (action->type) {
#define ACTION(name, member)                                                                                                   \
    case ACTION_##name:                                                                                                        \
        encode_##member(action, message);                                                                                      \
        break;
#include "lib/model/actions.def"
#undef ACTION
    case ACTION_TYPE_COUNT:
        break;
    }
}

static ProtobufCBinaryData own_bytes(ProtobufCBinaryData lent)
{
    return (ProtobufCBinaryData){.len = lent.len, .data = memory_copy(lent.data, lent.len)};
}

static Busbar__ActionMessage *encode_one(const struct action *action)
{
    struct lent lent;
    lend_one(action, &lent);
    Busbar__ActionMessage *message = memory_copy(&lent.message, sizeof lent.message);
    if (message->field != NULL) {
        message->field = memory_copy(message->field, sizeof *message->field);
        message->field->value = own_bytes(message->field->value);
        message->field->mask = own_bytes(message->field->mask);
    }
    if (message->data.len > 0) {
        message->data = own_bytes(message->data);
    }
    return message;
}

static uint8_t *pack_field(uint8_t *at, const Busbar__FieldMatch *field)
{
    uint8_t *begin = pack_begin(at, 4);
    at = pack_number(begin, 1, field->field);
    at = pack_bytes(at, 2, field->value.data, field->value.len);
    at = pack_bytes(at, 3, field->mask.data, field->mask.len);
    return pack_end(begin, at);
}

static uint8_t *pack_one(uint8_t *at, unsigned number, const Busbar__ActionMessage *message)
{
    uint8_t *begin = pack_begin(at, number);
    at = pack_number(begin, 1, message->type);
    at = pack_number(at, 2, message->number);
    at = pack_number(at, 3, message->max_len);
    at = message->field != NULL ? pack_field(at, message->field) : at;
    at = pack_number(at, 5, message->source_field);
    at = pack_number(at, 6, message->target_field);
    at = pack_number(at, 7, message->source_offset);
    at = pack_number(at, 8, message->target_offset);
    at = pack_number(at, 9, message->n_bits);
    at = pack_number(at, 10, message->table);
    at = pack_number(at, 11, message->controller_id);
    at = pack_number(at, 12, message->reason);
    at = pack_number(at, 13, message->conjunction);
    at = pack_number(at, 14, message->clause);
    at = pack_number(at, 15, message->n_clauses);
    at = pack_bytes(at, 16, message->data.data, message->data.len);
    at = pack_number(at, 17, message->pauses);
    at = pack_number(at, 18, message->meter_id);
    return pack_end(begin, at);
}

uint8_t *msg_actions_pack(uint8_t *at, unsigned number, const struct action_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct lent lent;
        lend_one(&list->items[i], &lent);
        at = pack_one(at, number, &lent.message);
    }
    return at;
}

int msg_action_decode(const Busbar__ActionMessage *message, struct action *out_action)
{
    if (message->type == 0 || message->type > ACTION_TYPE_COUNT) {
        return -ERROR_RANGE;
    }
    *out_action = (struct action){.type = (enum action_type)(message->type - 1)};
    switch (out_action->type) {
#define ACTION(name, member)                                                                                                   \
    case ACTION_##name:                                                                                                        \
        return decode_##member(message, out_action);
#include "lib/model/actions.def"
#undef ACTION
    case ACTION_TYPE_COUNT:
        break;
    }
    return -ERROR_RANGE;
}

Busbar__ActionMessage **msg_actions_encode(const struct action_list *list)
{
    Busbar__ActionMessage **messages = memory_array(list->count, sizeof *messages);
    for (size_t i = 0; i < list->count; i++) {
        messages[i] = encode_one(&list->items[i]);
    }
    return messages;
}

void msg_actions_free(Busbar__ActionMessage **messages, size_t n)
{
    for (size_t i = 0; messages != NULL && i < n; i++) {
        busbar__action_message__free_unpacked(messages[i], NULL);
    }
    free(messages);
}

int msg_actions_decode(Busbar__ActionMessage *const *messages, size_t n, struct action_list *out_list,
                       struct error_detail *detail)
{
    struct action_list list = {0};
    for (size_t i = 0; i < n; i++) {
        struct action action;
        int err = msg_action_decode(messages[i], &action);
        if (err < 0) {
            action_list_fini(&list);
            return error_set(detail, err, "action %zu of type %u: a value is out of range", i, messages[i]->type);
        }
        action_list_add(&list, &action);
    }
    if (!action_list_is_whole(&list)) {
        action_list_fini(&list);
        return error_set(detail, -ERROR_RANGE, "actions: one lacks what belongs behind it");
    }
    *out_list = list;
    return 0;
}
