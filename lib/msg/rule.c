/* Rules, groups and meters ↔ their rows.
 *
 * A match travels as the list of fields it looks at. One member of struct flow_state can have several field names (tcp_dst and
 * udp_dst are the same bits), so encoding goes over the fields twice: first those whose prerequisite the match itself makes certain,
 * then whatever bits are still left; each bit of the mask is said exactly once, and decoding puts back every bit.
 * Decoding checks ranges, prerequisites (match_check) and that nothing is left over; outputs are written on success only.
 * Runs once per rule in each process that mirrors them: a few microseconds. Control code; no state; any thread.
 */
#include "lib/msg/rule.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/msg/field_wire.h"
#include "lib/msg/packer.h"

static void add_field(struct msg_rule_room *room, enum field_id id, const struct match *match, const struct field_value *mask)
{
    struct field_value ones = field_all_ones(id);
    size_t n = room->row.n_match++;
    Busbar__FieldMatch *message = room->pointers[n] = &room->fields[n];

    room->values[n] = field_get(id, &match->value);
    room->masks[n] = *mask;
    for (size_t i = 0; i < sizeof mask->bytes; i++) {
        room->values[n].bytes[i] &= mask->bytes[i];
    }
    busbar__field_match__init(message);
    message->field = field_wire_number(id);
    message->value = field_wire_bytes(id, &room->values[n]);
    if (memcmp(&ones, mask, sizeof ones) != 0) {
        message->mask = field_wire_bytes(id, &room->masks[n]);
    }
}

/* The fields of a match, first those whose prerequisites it has; of fields that share bits the first has them. */
struct match_walk {
    struct flow_state left; /* of the mask */
    uint32_t used;          /* its words */
    unsigned int next, n_passes;
};

static struct match_walk match_walk_of(const struct match *match)
{
    return (struct match_walk){.left = match->mask, .used = field_words_used(&match->mask)};
}

static bool match_walk_next(struct match_walk *walk, const struct match *match, enum field_id *out_id, struct field_value *out_mask)
{
    for (; walk->used != 0; walk->next++) {
        if (walk->next == FIELD_COUNT) {
            walk->used = walk->n_passes == 0 ? field_words_used(&walk->left) : 0;
            walk->n_passes++;
            walk->next = 0;
        }
        enum field_id id = (enum field_id)walk->next;
        if ((field_words[id] & walk->used) == 0) {
            continue;
        }
        struct field_value mask = field_get(id, &walk->left);
        if (field_value_is_zero(mask) || (walk->n_passes == 0 && !field_prerequisite_met(id, &match->value, &match->mask))) {
            continue;
        }
        field_set(id, &walk->left, (struct field_value){{0}});
        *out_id = id;
        *out_mask = mask;
        walk->next++;
        return true;
    }
    return false;
}

static void encode_match(struct msg_rule_room *room, const struct match *match)
{
    struct match_walk walk = match_walk_of(match);
    enum field_id id;
    struct field_value mask;
    room->row.match = room->pointers;
    while (match_walk_next(&walk, match, &id, &mask)) {
        add_field(room, id, match, &mask);
    }
}

static int decode_match(const Busbar__RuleRow *row, struct match *out_match, struct error_detail *detail)
{
    match_init(out_match);
    for (size_t i = 0; i < row->n_match; i++) {
        enum field_id id;
        struct field_value value, mask;
        const Busbar__FieldMatch *field = row->match[i];
        int err = field_wire_decode(field->field, &field->value, &field->mask, &id, &value, &mask, detail);
        if (err < 0) {
            return err;
        }
        if (!field_value_is_zero(field_get(id, &out_match->mask))) {
            return error_set(detail, -ERROR_DUPLICATE, "match: %s is given twice", field_table[id].name);
        }
        match_set_masked(out_match, id, value, mask);
    }
    return match_check(out_match, detail);
}

static Busbar__InstructionsMessage *encode_instructions(struct msg_rule_room *room, const struct instructions *in)
{
    Busbar__InstructionsMessage *message = &room->instructions;
    busbar__instructions_message__init(message);
    message->apply = msg_actions_encode(&in->apply);
    message->n_apply = in->apply.count;
    message->write = msg_actions_encode(&in->write);
    message->n_write = in->write.count;
    message->has_apply = in->has_apply;
    message->has_write = in->has_write;
    message->has_clear = in->has_clear;
    message->has_write_metadata = in->has_write_metadata;
    message->metadata = in->metadata;
    message->metadata_mask = in->metadata_mask;
    message->meter_id = in->meter_id;
    message->has_goto = in->has_goto;
    message->goto_table = in->goto_table;
    return message;
}

static void take_instruction_numbers(const Busbar__InstructionsMessage *message, struct instructions *in)
{
    in->has_apply = message->has_apply;
    in->has_write = message->has_write;
    in->has_clear = message->has_clear;
    in->has_write_metadata = message->has_write_metadata;
    in->metadata = message->metadata;
    in->metadata_mask = message->metadata_mask;
    in->meter_id = message->meter_id;
    in->has_goto = message->has_goto;
    in->goto_table = (uint8_t)message->goto_table;
}

static int decode_instructions(const Busbar__InstructionsMessage *message, struct instructions *out_in,
                               struct error_detail *detail)
{
    struct instructions in;
    instructions_init(&in);
    if (message == NULL) {
        *out_in = in;
        return 0;
    }
    int err = message->goto_table <= TABLE_MAX ? 0 : error_set(detail, -ERROR_RANGE, "goto_table %u", message->goto_table);
    if (err == 0) {
        err = msg_actions_decode(message->apply, message->n_apply, &in.apply, detail);
    }
    if (err == 0) {
        err = msg_actions_decode(message->write, message->n_write, &in.write, detail);
    }
    if (err < 0) {
        instructions_fini(&in);
        return err;
    }
    take_instruction_numbers(message, &in);
    *out_in = in;
    return 0;
}

static int check_rule_ranges(const Busbar__RuleRow *row, struct error_detail *detail)
{
    const struct {
        const char *name;
        uint32_t value, max;
    } columns[] = {{"table", row->table, TABLE_MAX},
                   {"priority", row->priority, UINT16_MAX},
                   {"idle_timeout_s", row->idle_timeout_s, UINT16_MAX},
                   {"hard_timeout_s", row->hard_timeout_s, UINT16_MAX},
                   {"importance", row->importance, UINT16_MAX},
                   {"flags", row->flags, UINT16_MAX}};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (columns[i].value > columns[i].max) {
            return error_set(detail, -ERROR_RANGE, "rule: %s %u is more than %u", columns[i].name, columns[i].value,
                             columns[i].max);
        }
    }
    return 0;
}

const Busbar__RuleRow *msg_rule_encode(const struct rule *rule, struct msg_rule_room *room)
{
    Busbar__RuleRow *row = &room->row;
    busbar__rule_row__init(row);
    row->bridge = rule->bridge;
    row->table = rule->table;
    row->priority = rule->priority;
    row->cookie = rule->cookie;
    row->idle_timeout_s = rule->idle_timeout_s;
    row->hard_timeout_s = rule->hard_timeout_s;
    row->importance = rule->importance;
    row->flags = rule->flags;
    row->created_wall_ns = rule->created_wall_ns;
    row->instructions = encode_instructions(room, &rule->instructions);
    encode_match(room, &rule->match);
    return row;
}

/* ---- the same bytes without the messages ---- */

enum { FIELD_ROOM = 48, /* of one field of a match: number, value and mask of 16 bytes each */ RULE_ROOM = 256 /* of the rest, without actions */ };

static uint8_t *pack_field(uint8_t *at, enum field_id id, const struct match *match, const struct field_value *mask)
{
    struct field_value ones = field_all_ones(id), value = field_value_and(field_get(id, &match->value), *mask);
    size_t size = field_table[id].oxm_size, skipped = sizeof value.bytes - size;

    uint8_t *begin = pack_begin(at, 4);
    at = pack_number(begin, 1, field_wire_number(id));
    at = pack_element(at, 2, value.bytes + skipped, size);
    if (memcmp(&ones, mask, sizeof ones) != 0) {
        at = pack_element(at, 3, mask->bytes + skipped, size);
    }
    return pack_end(begin, at);
}

static uint8_t *pack_match(uint8_t *at, const struct match *match)
{
    struct match_walk walk = match_walk_of(match);
    enum field_id id;
    struct field_value mask;
    while (match_walk_next(&walk, match, &id, &mask)) {
        at = pack_field(at, id, match, &mask);
    }
    return at;
}

static uint8_t *pack_instructions(uint8_t *at, const struct instructions *in)
{
    uint8_t *begin = pack_begin(at, 5);
    at = msg_actions_pack(begin, 1, &in->apply);
    at = msg_actions_pack(at, 2, &in->write);
    at = pack_number(at, 3, in->has_apply);
    at = pack_number(at, 4, in->has_write);
    at = pack_number(at, 5, in->has_clear);
    at = pack_number(at, 6, in->has_write_metadata);
    at = pack_number(at, 7, in->metadata);
    at = pack_number(at, 8, in->metadata_mask);
    at = pack_number(at, 9, in->meter_id);
    at = pack_number(at, 10, in->has_goto);
    at = pack_number(at, 11, in->goto_table);
    return pack_end(begin, at);
}

void msg_rule_pack(const struct rule *rule, struct writer *out)
{
    size_t n_actions = rule->instructions.apply.count + rule->instructions.write.count;
    uint8_t *begin = writer_reserve(out, RULE_ROOM + FIELD_COUNT * FIELD_ROOM + n_actions * MSG_ACTION_ROOM), *at = begin;

    at = pack_number(at, 1, rule->bridge);
    at = pack_number(at, 2, rule->table);
    at = pack_number(at, 3, rule->priority);
    at = pack_match(at, &rule->match);
    at = pack_instructions(at, &rule->instructions);
    at = pack_number(at, 6, rule->cookie);
    at = pack_number(at, 7, rule->idle_timeout_s);
    at = pack_number(at, 8, rule->hard_timeout_s);
    at = pack_number(at, 9, rule->importance);
    at = pack_number(at, 10, rule->flags);
    at = pack_number(at, 11, rule->created_wall_ns);
    out->size += (size_t)(at - begin);
}

void msg_rule_room_fini(struct msg_rule_room *room)
{
    msg_actions_free(room->instructions.apply, room->instructions.n_apply);
    msg_actions_free(room->instructions.write, room->instructions.n_write);
}

static void take_rule_numbers(uint64_t id, const Busbar__RuleRow *row, struct rule *rule)
{
    rule->id = id;
    rule->bridge = row->bridge;
    rule->cookie = row->cookie;
    rule->created_wall_ns = row->created_wall_ns;
    rule->priority = (uint16_t)row->priority;
    rule->idle_timeout_s = (uint16_t)row->idle_timeout_s;
    rule->hard_timeout_s = (uint16_t)row->hard_timeout_s;
    rule->importance = (uint16_t)row->importance;
    rule->flags = (uint16_t)row->flags;
    rule->table = (uint8_t)row->table;
}

int msg_rule_decode_numbers(uint64_t id, const Busbar__RuleRow *row, struct rule *rule, struct error_detail *detail)
{
    int err = check_rule_ranges(row, detail);
    if (err == 0 && row->instructions != NULL && row->instructions->goto_table > TABLE_MAX) {
        err = error_set(detail, -ERROR_RANGE, "goto_table %u", row->instructions->goto_table);
    }
    if (err == 0) {
        take_rule_numbers(id, row, rule);
    }
    if (err == 0 && row->instructions != NULL) {
        take_instruction_numbers(row->instructions, &rule->instructions);
    }
    return err;
}

int msg_rule_decode(uint64_t id, const Busbar__RuleRow *row, struct rule *out_rule, struct error_detail *detail)
{
    struct rule rule;
    take_rule_numbers(id, row, &rule);
    int err = check_rule_ranges(row, detail);
    if (err == 0) {
        err = decode_match(row, &rule.match, detail);
    }
    if (err == 0) {
        err = decode_instructions(row->instructions, &rule.instructions, detail);
    }
    if (err == 0) {
        *out_rule = rule;
    }
    return err;
}

static void encode_hash_fields(const struct group *group, Busbar__GroupRow *row)
{
    row->hash_fields = memory_array(group->n_fields, sizeof *row->hash_fields);
    row->n_hash_fields = group->n_fields;
    for (size_t i = 0; i < group->n_fields; i++) {
        const struct group_hash_field *field = &group->fields[i];
        row->hash_fields[i] = memory_zeroed(sizeof *row->hash_fields[i]);
        busbar__field_match__init(row->hash_fields[i]);
        row->hash_fields[i]->field = field_wire_number(field->field);
        row->hash_fields[i]->value = field_wire_copy(field->field, &field->mask);
    }
}

Busbar__GroupRow *msg_group_encode(const struct group *group)
{
    Busbar__GroupRow *row = memory_zeroed(sizeof *row);
    busbar__group_row__init(row);
    row->bridge = group->bridge;
    row->group_id = group->group_id;
    row->type = (uint32_t)group->type;
    row->buckets = memory_array(group->n_buckets, sizeof *row->buckets);
    row->n_buckets = group->n_buckets;
    for (size_t i = 0; i < group->n_buckets; i++) {
        const struct bucket *bucket = &group->buckets[i];
        Busbar__BucketMessage *message = memory_zeroed(sizeof *message);
        busbar__bucket_message__init(message);
        message->actions = msg_actions_encode(&bucket->actions);
        message->n_actions = bucket->actions.count;
        message->weight = bucket->weight;
        message->watch_port = bucket->watch_port;
        message->watch_group = bucket->watch_group;
        message->bucket_id = bucket->bucket_id;
        message->counter = bucket->counter;
        row->buckets[i] = message;
    }
    row->selection = (uint32_t)group->selection;
    row->selection_param = group->selection_param;
    row->next_counter = group->next_counter;
    encode_hash_fields(group, row);
    return row;
}

static int decode_bucket(const Busbar__BucketMessage *message, struct bucket *out_bucket, struct error_detail *detail)
{
    struct bucket bucket = {.watch_port = message->watch_port,
                            .watch_group = message->watch_group,
                            .bucket_id = message->bucket_id,
                            .weight = (uint16_t)message->weight,
                            .counter = (uint16_t)message->counter};
    if (message->weight > UINT16_MAX || message->counter > UINT16_MAX) {
        return error_set(detail, -ERROR_RANGE, "bucket: weight %u, counter %u", message->weight, message->counter);
    }
    int err = msg_actions_decode(message->actions, message->n_actions, &bucket.actions, detail);
    if (err == 0) {
        *out_bucket = bucket;
    }
    return err;
}

static int decode_hash_fields(const Busbar__GroupRow *row, struct group *group, struct error_detail *detail)
{
    static const ProtobufCBinaryData whole = {0};
    struct field_value ones;

    if (row->n_hash_fields > GROUP_HASH_FIELDS_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "group %u: a hash of %zu fields", row->group_id, row->n_hash_fields);
    }
    for (size_t i = 0; i < row->n_hash_fields; i++) {
        struct group_hash_field *field = &group->fields[i];
        int err = field_wire_decode(row->hash_fields[i]->field, &row->hash_fields[i]->value, &whole, &field->field, &field->mask, &ones, detail);
        if (err < 0) {
            return err;
        }
        group->n_fields++;
    }
    return 0;
}

/* The first builds knew neither ids nor counts of buckets, so in rows of theirs all are 0; ours are never the same twice. They get what they would be given
 * today, by their places, which is the same for every reader. */
static void number_older_buckets(struct group *group)
{
    for (size_t i = 0; i < group->n_buckets; i++) {
        if (group->next_counter != 0 || group->buckets[i].bucket_id != 0 || group->buckets[i].counter != 0) {
            return;
        }
    }
    for (size_t i = 0; i < group->n_buckets; i++) {
        group->buckets[i].bucket_id = (uint32_t)i;
        group->buckets[i].counter = group->next_counter++;
    }
}

int msg_group_decode(uint64_t id, const Busbar__GroupRow *row, struct group *out_group, struct error_detail *detail)
{
    if (row->type > GROUP_TYPE_FF || row->group_id > GROUP_MAX || row->selection >= GROUP_SELECTION_COUNT || row->next_counter > UINT16_MAX) {
        return error_set(detail, -ERROR_RANGE, "group %u: type %u, selection %u, next counter %u", row->group_id, row->type, row->selection,
                         row->next_counter);
    }
    struct group group = {.id = id,
                          .bridge = row->bridge,
                          .group_id = row->group_id,
                          .type = (enum group_type)row->type,
                          .selection = (enum group_selection)row->selection,
                          .selection_param = row->selection_param,
                          .next_counter = (uint16_t)row->next_counter};
    int err = decode_hash_fields(row, &group, detail);
    if (err < 0) {
        return err;
    }
    group.buckets = memory_array(row->n_buckets, sizeof *group.buckets);
    for (size_t i = 0; i < row->n_buckets; i++) {
        err = decode_bucket(row->buckets[i], &group.buckets[i], detail);
        if (err < 0) {
            group_fini(&group);
            return err;
        }
        group.n_buckets++;
    }
    number_older_buckets(&group);
    *out_group = group;
    return 0;
}

Busbar__MeterRow *msg_meter_encode(const struct meter *meter)
{
    Busbar__MeterRow *row = memory_zeroed(sizeof *row);
    busbar__meter_row__init(row);
    row->bridge = meter->bridge;
    row->meter_id = meter->meter_id;
    row->flags = meter->flags;
    row->bands = memory_array(meter->n_bands, sizeof *row->bands);
    row->n_bands = meter->n_bands;
    for (size_t i = 0; i < meter->n_bands; i++) {
        Busbar__BandMessage *message = memory_zeroed(sizeof *message);
        busbar__band_message__init(message);
        message->type = (uint32_t)meter->bands[i].type;
        message->rate = meter->bands[i].rate;
        message->burst_size = meter->bands[i].burst_size;
        message->prec_level = meter->bands[i].prec_level;
        row->bands[i] = message;
    }
    return row;
}

int msg_meter_decode(uint64_t id, const Busbar__MeterRow *row, struct meter *out_meter, struct error_detail *detail)
{
    if (row->flags > (METER_KBPS | METER_PKTPS | METER_BURST | METER_STATS)) {
        return error_set(detail, -ERROR_RANGE, "meter %u: flags 0x%x", row->meter_id, row->flags);
    }
    for (size_t i = 0; i < row->n_bands; i++) {
        const Busbar__BandMessage *band = row->bands[i];
        if ((band->type != METER_BAND_DROP && band->type != METER_BAND_DSCP_REMARK) || band->prec_level > UINT8_MAX) {
            return error_set(detail, -ERROR_RANGE, "meter %u, band %zu: type %u, level %u", row->meter_id, i, band->type,
                             band->prec_level);
        }
    }
    struct meter meter = {.id = id,
                          .bridge = row->bridge,
                          .meter_id = row->meter_id,
                          .flags = (uint16_t)row->flags,
                          .bands = memory_array(row->n_bands, sizeof *meter.bands),
                          .n_bands = row->n_bands};
    for (size_t i = 0; i < row->n_bands; i++) {
        const Busbar__BandMessage *band = row->bands[i];
        meter.bands[i] = (struct meter_band){.type = (enum meter_band_type)band->type,
                                             .rate = band->rate,
                                             .burst_size = band->burst_size,
                                             .prec_level = (uint8_t)band->prec_level};
    }
    *out_meter = meter;
    return 0;
}
