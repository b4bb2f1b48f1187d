/* Rows of rules, groups and meters, and the actions of packet-outs, as other processes write them, into lib/msg: the first byte chooses, the rest is the
 * packed message. Refused with an error, or accepted; then what is written of it is read as the same. Pipeline fields of packet-ins likewise.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/msg/pipeline_fields.h"
#include "lib/msg/rule.h"
#include "lib/msg/rule_read.h"
#include "proto/packet.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum kind { KIND_RULE, KIND_GROUP, KIND_METER, KIND_PACKET_OUT, KIND_PIPELINE_FIELDS, KINDS };

static void expect_that(bool is_so)
{
    if (!is_so) {
        abort();
    }
}

static ProtobufCMessage *rule_again(const ProtobufCMessage *row)
{
    struct error_detail detail = {{0}};
    struct rule rule;
    if (msg_rule_decode(7, (const Busbar__RuleRow *)row, &rule, &detail) != 0) {
        return NULL;
    }
    struct msg_rule_room room;
    const Busbar__RuleRow *lent = msg_rule_encode(&rule, &room);
    size_t size = busbar__rule_row__get_packed_size(lent);
    uint8_t *bytes = malloc(size + 1);
    expect_that(bytes != NULL && busbar__rule_row__pack(lent, bytes) == size);
    Busbar__RuleRow *again = busbar__rule_row__unpack(NULL, size, bytes);
    expect_that(again != NULL);
    free(bytes);
    msg_rule_room_fini(&room);
    char *text = rule_format(&rule, NULL, NULL);
    free(text);
    rule_fini(&rule);
    return &again->base;
}

/* What the quick way takes the other takes too, and as the same rule. */
static void expect_read_alike(const uint8_t *bytes, size_t size)
{
    struct rule_read read;
    struct rule other;
    struct error_detail detail = {{0}};
    if (!rule_read(7, bytes, size, &read)) {
        return;
    }
    Busbar__RuleRow *row = busbar__rule_row__unpack(NULL, size, bytes);
    expect_that(row != NULL && msg_rule_decode(7, row, &other, &detail) == 0);
    expect_that(match_equal(&read.rule.match, &other.match) && instructions_equal(&read.rule.instructions, &other.instructions));
    expect_that(read.rule.bridge == other.bridge && read.rule.cookie == other.cookie && read.rule.created_wall_ns == other.created_wall_ns);
    expect_that(read.rule.priority == other.priority && read.rule.table == other.table && read.rule.flags == other.flags);
    expect_that(read.rule.importance == other.importance && read.rule.idle_timeout_s == other.idle_timeout_s &&
                read.rule.hard_timeout_s == other.hard_timeout_s);
    rule_fini(&other);
    busbar__rule_row__free_unpacked(row, NULL);
}

static ProtobufCMessage *group_again(const ProtobufCMessage *row)
{
    struct error_detail detail = {{0}};
    struct group group;
    if (msg_group_decode(7, (const Busbar__GroupRow *)row, &group, &detail) != 0) {
        return NULL;
    }
    Busbar__GroupRow *again = msg_group_encode(&group);
    group_fini(&group);
    return &again->base;
}

static ProtobufCMessage *meter_again(const ProtobufCMessage *row)
{
    struct error_detail detail = {{0}};
    struct meter meter;
    if (msg_meter_decode(7, (const Busbar__MeterRow *)row, &meter, &detail) != 0) {
        return NULL;
    }
    Busbar__MeterRow *again = msg_meter_encode(&meter);
    meter_fini(&meter);
    return &again->base;
}

static ProtobufCMessage *packet_out_again(const ProtobufCMessage *message)
{
    const Busbar__PacketOut *out = (const Busbar__PacketOut *)message;
    struct error_detail detail = {{0}};
    struct action_list actions = {0};
    if (msg_actions_decode(out->actions, out->n_actions, &actions, &detail) != 0) {
        return NULL;
    }
    Busbar__PacketOut again = BUSBAR__PACKET_OUT__INIT;
    again.actions = msg_actions_encode(&actions);
    again.n_actions = actions.count;
    size_t size = protobuf_c_message_get_packed_size(&again.base);
    uint8_t *bytes = malloc(size + 1);
    (void)protobuf_c_message_pack(&again.base, bytes);
    ProtobufCMessage *copy = protobuf_c_message_unpack(again.base.descriptor, NULL, size, bytes);
    msg_actions_free(again.actions, again.n_actions);
    action_list_fini(&actions);
    free(bytes);
    return copy;
}

static void expect_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t size = protobuf_c_message_get_packed_size(a);
    expect_that(b != NULL && size == protobuf_c_message_get_packed_size(b));
    uint8_t *first = malloc(size + 1), *second = malloc(size + 1);
    (void)protobuf_c_message_pack(a, first);
    (void)protobuf_c_message_pack(b, second);
    expect_that(memcmp(first, second, size) == 0);
    free(first);
    free(second);
}

static void read_pipeline_fields(const uint8_t *data, size_t size)
{
    uint8_t bytes[DP_PIPELINE_MAX], again[DP_PIPELINE_MAX];
    struct match match, second;
    match_init(&match);
    match_init(&second);
    if (pipeline_fields_read(data, size, &match) != 0) {
        return;
    }
    size_t n = pipeline_fields_write(&match.value, bytes);
    expect_that(pipeline_fields_read(bytes, n, &second) == 0);
    expect_that(pipeline_fields_write(&second.value, again) == n && memcmp(bytes, again, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const ProtobufCMessageDescriptor *descriptor;
        ProtobufCMessage *(*again)(const ProtobufCMessage *message);
    } kinds[] = {
        [KIND_RULE] = {&busbar__rule_row__descriptor, rule_again},
        [KIND_GROUP] = {&busbar__group_row__descriptor, group_again},
        [KIND_METER] = {&busbar__meter_row__descriptor, meter_again},
        [KIND_PACKET_OUT] = {&busbar__packet_out__descriptor, packet_out_again},
    };
    if (size == 0) {
        return 0;
    }
    unsigned kind = data[0] % KINDS;
    if (kind == KIND_PIPELINE_FIELDS) {
        read_pipeline_fields(data + 1, size - 1);
        return 0;
    }
    if (kind == KIND_RULE) {
        expect_read_alike(data + 1, size - 1);
    }
    ProtobufCMessage *message = protobuf_c_message_unpack(kinds[kind].descriptor, NULL, size - 1, data + 1);
    ProtobufCMessage *first = message != NULL ? kinds[kind].again(message) : NULL;
    if (first != NULL) {
        ProtobufCMessage *second = kinds[kind].again(first);
        expect_same(first, second);
        protobuf_c_message_free_unpacked(second, NULL);
        protobuf_c_message_free_unpacked(first, NULL);
    }
    if (message != NULL) {
        protobuf_c_message_free_unpacked(message, NULL);
    }
    return 0;
}
