/* Datapath actions and keys on the session wire.
 *
 * Encoding runs once for each flow a slowpath makes, so a list becomes one block of memory: the array of pointers, the messages, whose
 * values point into the actions' own bytes, then the field numbers of hashes. The caller keeps the actions until the messages are packed.
 * Decoding runs in the fastpath's control thread over another process's bytes: every number is checked against its range, then the
 * list as a whole by dp_actions_check(), after which the executor looks no more.
 * Types travel as 1 + enum dp_action_type, so that a message without a type is none.
 * A key travels as its memory: both ends have agreed on MSG_KEY_LAYOUT in SESSION_HELLO. No state; any thread.
 */
#include "lib/msg/dp_action.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/model/action.h"
#include "lib/msg/field_wire.h"

_Static_assert((int)DP_REASON_TABLE_MISS == (int)PACKET_IN_NO_MATCH && (int)DP_REASON_NO_RULE == (int)PACKET_IN_NO_RULE, "one meaning on both sides");

/* One function for each union member that actions.def names. */
static void encode_port(const struct dp_action *action, Busbar__DpAction *message)
{
    message->port = action->port;
}

static void encode_set_field(const struct dp_action *action, Busbar__DpAction *message)
{
    enum field_id id = (enum field_id)action->set_field.field;
    message->field = field_wire_number(id);
    message->value = field_wire_bytes(id, &action->set_field.value);
    message->mask = field_wire_bytes(id, &action->set_field.mask);
}

static void encode_push_vlan(const struct dp_action *action, Busbar__DpAction *message)
{
    message->tpid = action->push_vlan.tpid;
    message->tci = action->push_vlan.tci;
}

static void encode_controller(const struct dp_action *action, Busbar__DpAction *message)
{
    message->bridge = action->controller.bridge;
    message->cookie = action->controller.cookie;
    message->table = action->controller.rule_table;
    message->max_len = action->controller.max_len;
    message->reason = action->controller.reason;
    message->port = action->controller.in_port;
    message->controller_id = action->controller.id;
    message->n_userdata = action->controller.n_userdata;
    message->n_pipeline = action->controller.n_pipeline;
}

static void encode_userdata(const struct dp_action *action, Busbar__DpAction *message)
{
    message->userdata = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)action->userdata.bytes, .len = sizeof action->userdata.bytes};
}

static void encode_clone(const struct dp_action *action, Busbar__DpAction *message)
{
    message->n_actions = action->clone.n_actions;
}

static void encode_reason(const struct dp_action *action, Busbar__DpAction *message)
{
    message->reason = action->reason;
}

static void encode_nothing(const struct dp_action *action, Busbar__DpAction *message)
{
}

static void encode_ethertype(const struct dp_action *action, Busbar__DpAction *message)
{
    message->ethertype = action->ethertype;
}

static void encode_max_len(const struct dp_action *action, Busbar__DpAction *message)
{
    message->max_len = action->max_len;
}

/* message->hash_fields has room for them (hash_field_count()). */
static void encode_hash(const struct dp_action *action, Busbar__DpAction *message)
{
    message->hash_algorithm = action->hash.algorithm;
    message->hash_basis = action->hash.basis;
    for (unsigned id = 0; id < FIELD_COUNT; id++) {
        if (dp_hash_has(&action->hash, id)) {
            message->hash_fields[message->n_hash_fields++] = field_wire_number((enum field_id)id);
        }
    }
}

static void encode_recirc_id(const struct dp_action *action, Busbar__DpAction *message)
{
    message->recirc_id = action->recirc_id;
    message->n_labels = action->n_labels;
    message->ethertype = action->uncovers_type;
}

static void encode_meter(const struct dp_action *action, Busbar__DpAction *message)
{
    message->meter = action->meter;
}

static bool decode_port(const Busbar__DpAction *message, struct dp_action *action)
{
    action->port = message->port;
    return true;
}

static bool decode_set_field(const Busbar__DpAction *message, struct dp_action *action)
{
    enum field_id id;
    struct error_detail ignored;
    if (field_wire_decode(message->field, &message->value, &message->mask, &id, &action->set_field.value,
                          &action->set_field.mask, &ignored) < 0) {
        return false;
    }
    action->set_field.field = (uint16_t)id;
    return true;
}

static bool decode_push_vlan(const Busbar__DpAction *message, struct dp_action *action)
{
    action->push_vlan.tpid = (uint16_t)message->tpid;
    action->push_vlan.tci = (uint16_t)message->tci;
    return message->tpid <= UINT16_MAX && message->tci <= UINT16_MAX;
}

static bool decode_controller(const Busbar__DpAction *message, struct dp_action *action)
{
    action->controller = (struct dp_controller){.in_port = message->port,
                                                .bridge = message->bridge,
                                                .cookie = message->cookie,
                                                .rule_table = message->table,
                                                .max_len = (uint16_t)message->max_len,
                                                .reason = (uint8_t)message->reason,
                                                .id = (uint16_t)message->controller_id,
                                                .n_userdata = (uint16_t)message->n_userdata,
                                                .n_pipeline = (uint16_t)message->n_pipeline};
    return message->max_len <= UINT16_MAX && message->reason <= UINT8_MAX && message->controller_id <= UINT16_MAX &&
           message->n_userdata <= UINT16_MAX && message->n_pipeline <= UINT16_MAX;
}

static bool decode_userdata(const Busbar__DpAction *message, struct dp_action *action)
{
    if (message->userdata.len != sizeof action->userdata.bytes) {
        return false;
    }
    memcpy(action->userdata.bytes, message->userdata.data, sizeof action->userdata.bytes);
    return true;
}

static bool decode_clone(const Busbar__DpAction *message, struct dp_action *action)
{
    action->clone.n_actions = (uint16_t)message->n_actions;
    return message->n_actions <= UINT16_MAX;
}

static bool decode_reason(const Busbar__DpAction *message, struct dp_action *action)
{
    action->reason = (uint16_t)message->reason;
    return message->reason <= UINT16_MAX;
}

static bool decode_nothing(const Busbar__DpAction *message, struct dp_action *action)
{
    return true;
}

static bool decode_ethertype(const Busbar__DpAction *message, struct dp_action *action)
{
    action->ethertype = (uint16_t)message->ethertype;
    return message->ethertype <= UINT16_MAX;
}

static bool decode_max_len(const Busbar__DpAction *message, struct dp_action *action)
{
    action->max_len = message->max_len;
    return true;
}

static bool decode_hash(const Busbar__DpAction *message, struct dp_action *action)
{
    action->hash = (struct dp_hash){.algorithm = (uint8_t)message->hash_algorithm, .basis = message->hash_basis};
    for (size_t i = 0; i < message->n_hash_fields; i++) {
        enum field_id id = field_wire_id(message->hash_fields[i]);
        if (id == FIELD_COUNT) {
            return false;
        }
        dp_hash_add(&action->hash, id);
    }
    return message->hash_algorithm <= UINT8_MAX;
}

static bool decode_recirc_id(const Busbar__DpAction *message, struct dp_action *action)
{
    action->recirc_id = message->recirc_id;
    action->n_labels = (uint8_t)message->n_labels;
    action->uncovers_type = (uint16_t)message->ethertype;
    return message->n_labels <= UINT8_MAX && message->ethertype <= UINT16_MAX;
}

static bool decode_meter(const Busbar__DpAction *message, struct dp_action *action)
{
    action->meter = message->meter;
    return true;
}

static size_t hash_field_count(const struct dp_action *action)
{
    bool is_hash = action->type == DP_ACTION_HASH;
    return is_hash ? (size_t)(__builtin_popcountll(action->hash.fields[0]) + __builtin_popcountll(action->hash.fields[1])) : 0;
}

/* hash_fields: room for hash_field_count() numbers. */
static void encode_one(const struct dp_action *action, uint32_t *hash_fields, Busbar__DpAction *message)
{
    busbar__dp_action__init(message);
    message->hash_fields = hash_fields;
    message->type = 1u + action->type;
    switch ((enum dp_action_type)action->type) {
#define DP_ACTION(name, member)                                                                                                \
    case DP_ACTION_##name:                                                                                                     \
        encode_##member(action, message);                                                                                      \
        break;
#include "lib/dp/actions.def"
#undef DP_ACTION
    case DP_ACTION_COUNT:
        break;
    }
}

static bool decode_one(const Busbar__DpAction *message, struct dp_action *out_action)
{
    if (message->type == 0 || message->type > DP_ACTION_COUNT) {
        return false;
    }
    memset(out_action, 0, sizeof *out_action);
    out_action->type = (uint16_t)(message->type - 1);
    switch ((enum dp_action_type)out_action->type) {
#define DP_ACTION(name, member)                                                                                                \
    case DP_ACTION_##name:                                                                                                     \
        return decode_##member(message, out_action);
#include "lib/dp/actions.def"
#undef DP_ACTION
    case DP_ACTION_COUNT:
        break;
    }
    return false;
}

Busbar__DpAction **dp_actions_encode(const struct dp_action *actions, size_t n_actions)
{
    size_t n_fields = 0;
    for (size_t i = 0; i < n_actions; i++) {
        n_fields += hash_field_count(&actions[i]);
    }
    Busbar__DpAction **messages =
        memory_zeroed(n_actions * (sizeof(Busbar__DpAction *) + sizeof(Busbar__DpAction)) + n_fields * sizeof(uint32_t));
    Busbar__DpAction *block = (Busbar__DpAction *)(messages + n_actions);
    uint32_t *fields = (uint32_t *)(block + n_actions);
    for (size_t i = 0; i < n_actions; i++) {
        encode_one(&actions[i], fields, &block[i]);
        fields += block[i].n_hash_fields;
        messages[i] = &block[i];
    }
    return messages;
}

void dp_actions_message_free(Busbar__DpAction **messages, size_t n_actions)
{
    free(messages);
}

int dp_actions_decode(Busbar__DpAction *const *messages, size_t n_messages, struct dp_action *out_actions, size_t *out_n,
                      struct error_detail *detail)
{
    if (n_messages > DP_ACTIONS_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "%zu actions, more than %d", n_messages, DP_ACTIONS_MAX);
    }
    for (size_t i = 0; i < n_messages; i++) {
        if (!decode_one(messages[i], &out_actions[i])) {
            return error_set(detail, -ERROR_RANGE, "action %zu of type %u: a value is out of range", i, messages[i]->type);
        }
    }
    int err = dp_actions_check(out_actions, n_messages, detail);
    if (err == 0) {
        *out_n = n_messages;
    }
    return err;
}

int key_decode(const ProtobufCBinaryData *bytes, struct flow_key *out_key)
{
    if (bytes->len != sizeof *out_key) {
        return -ERROR_RANGE;
    }
    memcpy(out_key, bytes->data, sizeof *out_key);
    return 0;
}

ProtobufCBinaryData key_encode(const struct flow_key *key)
{
    return (ProtobufCBinaryData){.len = sizeof *key, .data = (uint8_t *)key};
}

ProtobufCBinaryData keys_encode(const struct flow_key *keys, size_t n)
{
    return (ProtobufCBinaryData){.len = n * sizeof *keys, .data = (uint8_t *)(uintptr_t)keys};
}

int keys_decode(const ProtobufCBinaryData *bytes, size_t n, size_t i, struct flow_key *out_key)
{
    if (i >= n || bytes->len / sizeof *out_key != n || bytes->len % sizeof *out_key != 0) {
        return -ERROR_RANGE;
    }
    memcpy(out_key, bytes->data + i * sizeof *out_key, sizeof *out_key);
    return 0;
}
