/* Rules, groups, meters and actions ↔ the rows of configdb (proto/rules.proto). Encoders return messages of the caller's,
 * freed with protobuf_c_message_free_unpacked(), packers append the same bytes without making these; decoders check everything and fill values to be
 * finished with rule_fini() etc. */
#ifndef BUSBAR_MSG_RULE_H
#define BUSBAR_MSG_RULE_H

#include "lib/base/bytes.h"
#include "lib/model/rule.h"
#include "proto/rules.pb-c.h"

/* What msg_rule_encode() builds its row in. */
struct msg_rule_room {
    Busbar__RuleRow row;
    Busbar__InstructionsMessage instructions;
    Busbar__FieldMatch *pointers[FIELD_COUNT];
    Busbar__FieldMatch fields[FIELD_COUNT];
    struct field_value values[FIELD_COUNT], masks[FIELD_COUNT];
};
/* The row, lent until msg_rule_room_fini(). What `room` held does not matter. */
const Busbar__RuleRow *msg_rule_encode(const struct rule *rule, struct msg_rule_room *room);
void msg_rule_room_fini(struct msg_rule_room *room);
/* The bytes of that row, appended: rules are written a hundred thousand times a second. */
void msg_rule_pack(const struct rule *rule, struct writer *out);
int msg_rule_decode(uint64_t id, const Busbar__RuleRow *row, struct rule *out_rule, struct error_detail *detail) MUST_CHECK;
/* The same without match and actions, of which `rule` keeps what it has. */
int msg_rule_decode_numbers(uint64_t id, const Busbar__RuleRow *row, struct rule *rule, struct error_detail *detail) MUST_CHECK;
Busbar__GroupRow *msg_group_encode(const struct group *group);
int msg_group_decode(uint64_t id, const Busbar__GroupRow *row, struct group *out_group, struct error_detail *detail) MUST_CHECK;
Busbar__MeterRow *msg_meter_encode(const struct meter *meter);
int msg_meter_decode(uint64_t id, const Busbar__MeterRow *row, struct meter *out_meter, struct error_detail *detail) MUST_CHECK;
int msg_action_decode(const Busbar__ActionMessage *message, struct action *out_action) MUST_CHECK;
/* Array of messages of the caller's, each and the array to be freed. */
Busbar__ActionMessage **msg_actions_encode(const struct action_list *list);
/* The same as packed field `number` of a message, written at `at`, where MSG_ACTION_ROOM bytes an action are free; returns the place behind. */
enum { MSG_ACTION_ROOM = 256 };
uint8_t *msg_actions_pack(uint8_t *at, unsigned number, const struct action_list *list);
void msg_actions_free(Busbar__ActionMessage **messages, size_t n);
int msg_actions_decode(Busbar__ActionMessage *const *messages, size_t n, struct action_list *out_list, struct error_detail *detail) MUST_CHECK;

#endif
