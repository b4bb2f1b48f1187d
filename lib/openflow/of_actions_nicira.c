/* NXAST_RESUBMIT, REG_MOVE, REG_LOAD, NOTE, RESUBMIT_TABLE, OUTPUT_REG, EXIT, CONTROLLER, STACK_PUSH, STACK_POP, CONJUNCTION, CONTROLLER2,
 * OUTPUT_TRUNC and CLONE.
 *
 *     type 0xffff(2) length(2) 0x00002320(4) subtype(2) body
 * OpenFlow 1.3 has no masked set_field, so one goes out as a load for each run of mask bits (of up to 64), as from Open vSwitch; read
 * back it is as many set_fields, which do the same. Any thread, no state, linear cost.
 * What may never happen: a subfield read from the wire that reaches outside its field.
 */
#include "lib/openflow/of_actions_nicira.h"

#include "lib/model/field_names.h"
#include "lib/openflow/of_actions_old.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_match.h"

enum {
    NICIRA_RESUBMIT = 1,
    NICIRA_REG_MOVE = 6,
    NICIRA_REG_LOAD = 7,
    NICIRA_NOTE = 8,
    NICIRA_RESUBMIT_TABLE = 14,
    NICIRA_OUTPUT_REG = 15,
    NICIRA_EXIT = 17,
    NICIRA_CONTROLLER = 20,
    NICIRA_STACK_PUSH = 27,
    NICIRA_STACK_POP = 28,
    NICIRA_CONJUNCTION = 34,
    NICIRA_CONTROLLER2 = 37,
    NICIRA_OUTPUT_TRUNC = 39,
    NICIRA_CLONE = 42,
    TABLE_SAME = 255,
    NXM_OF_IN_PORT = 0x00000002 /* 16 bits wide: the low ones of ours */
};
enum { /* properties of CONTROLLER2 */
    PROPERTY_MAX_LEN = 0,
    PROPERTY_CONTROLLER_ID = 1,
    PROPERTY_REASON = 2,
    PROPERTY_USERDATA = 3,
    PROPERTY_PAUSE = 4,
    PROPERTY_METER_ID = 5
};

/* `unknown` is the error for a field that is none: it differs between loads and moves. */
static int read_subfield(uint32_t header, unsigned offset, unsigned n_bits, enum of_error_number unknown, struct subfield *out,
                         struct of_error *error)
{
    bool is_old_in_port = header == NXM_OF_IN_PORT;
    enum field_id field = is_old_in_port ? FIELD_IN_PORT : of_oxm_field(header);

    if (field == FIELD_COUNT || (!is_old_in_port && (header & 0x1ff) != field_table[field].oxm_size)) {
        return of_refuse(error, unknown, "unknown field 0x%08x", header);
    }
    if (n_bits == 0 || offset + n_bits > (is_old_in_port ? 16u : subfield_width(field))) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_SET_LEN, "%s: bits outside the field", field_table[field].name);
    }
    *out = (struct subfield){.field = field, .offset = (uint8_t)offset, .n_bits = (uint8_t)n_bits};
    return 0;
}

static int decode_move(struct reader *r, struct action *out, struct of_error *error)
{
    struct subfield source, target;
    uint16_t n_bits = reader_u16(r);
    uint16_t source_offset = reader_u16(r);
    uint16_t target_offset = reader_u16(r);
    uint32_t source_header = reader_u32(r);
    uint32_t target_header = reader_u32(r);

    int err = read_subfield(source_header, source_offset, n_bits, OF_ERROR_BAD_MATCH_BAD_FIELD, &source, error);
    if (err == 0) {
        err = read_subfield(target_header, target_offset, n_bits, OF_ERROR_BAD_MATCH_BAD_FIELD, &target, error);
    }
    if (err == 0) {
        *out = (struct action){.type = ACTION_MOVE,
                               .move = {.source = source.field,
                                        .target = target.field,
                                        .source_offset = source.offset,
                                        .target_offset = target.offset,
                                        .n_bits = source.n_bits}};
    }
    return err;
}

static int decode_load(struct reader *r, struct action *out, struct of_error *error)
{
    struct subfield part;
    uint16_t place = reader_u16(r);
    uint32_t header = reader_u32(r);
    uint64_t bits = reader_u64(r);

    int err = read_subfield(header, place >> 6, (place & 63u) + 1, OF_ERROR_BAD_ACTION_BAD_SET_TYPE, &part, error);
    if (err != 0) {
        return err;
    }
    if (part.n_bits < 64 && bits >> part.n_bits != 0) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "%s: value is wider than its bits",
                         field_table[part.field].name);
    }
    *out =
        (struct action){.type = ACTION_SET_FIELD,
                        .set_field = {.field = part.field, .value = subfield_value(part, bits), .mask = subfield_mask(part)}};
    return 0;
}

static int decode_resubmit(struct reader *r, bool has_table, struct action *out, struct of_error *error)
{
    uint16_t port = reader_u16(r);
    uint8_t table = reader_u8(r);
    uint8_t zeroes[3];

    reader_copy(r, zeroes, sizeof zeroes);
    if (has_table && (zeroes[0] | zeroes[1] | zeroes[2]) != 0) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "resubmit: padding is not zero");
    }
    *out = (struct action){
        .type = ACTION_RESUBMIT,
        .resubmit = {.in_port = port >= 0xfff8 ? port | 0xffff0000u : port, .table = has_table ? table : TABLE_SAME}};
    return 0;
}

static int decode_controller(struct reader *r, struct action *out, struct of_error *error)
{
    uint16_t max_len = reader_u16(r);
    uint16_t controller_id = reader_u16(r);
    uint8_t reason = reader_u8(r);

    reader_skip(r, 1);
    if (reason > PACKET_IN_INVALID_TTL) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "controller: unknown reason %u", reason);
    }
    *out = (struct action){
        .type = ACTION_CONTROLLER,
        .controller = {.max_len = max_len, .controller_id = controller_id, .reason = (enum packet_in_reason)reason}};
    return 0;
}

static uint32_t widen_port(uint16_t port)
{
    return port >= 0xfff8 ? port | 0xffff0000u : port;
}

/* Skips padding that must be zero. */
static bool skip_zeroes(struct reader *r, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= reader_u8(r);
    }
    return any == 0;
}

static int refuse_padding(struct of_error *error)
{
    return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "padding is not zero");
}

static int decode_output_reg(struct reader *r, struct action *out, struct of_error *error)
{
    struct subfield part;
    uint16_t place = reader_u16(r);
    uint32_t header = reader_u32(r);
    uint16_t max_len = reader_u16(r);

    if (!skip_zeroes(r, 6)) {
        return refuse_padding(error);
    }
    int err = read_subfield(header, place >> 6, (place & 63u) + 1, OF_ERROR_BAD_MATCH_BAD_FIELD, &part, error);
    if (err == 0) {
        *out = (struct action){
            .type = ACTION_OUTPUT_REG,
            .output_reg = {.field = part.field, .offset = part.offset, .n_bits = part.n_bits, .max_len = max_len}};
    }
    return err;
}

static int decode_stack(struct reader *r, enum action_type type, struct action *out, struct of_error *error)
{
    struct subfield part;
    uint16_t offset = reader_u16(r);
    uint32_t header = reader_u32(r);
    uint16_t n_bits = reader_u16(r);

    if (!skip_zeroes(r, 6)) {
        return refuse_padding(error);
    }
    int err = read_subfield(header, offset, n_bits, OF_ERROR_BAD_MATCH_BAD_FIELD, &part, error);
    if (err == 0) {
        *out = (struct action){.type = type, .part = {.field = part.field, .offset = part.offset, .n_bits = part.n_bits}};
    }
    return err;
}

static int decode_output_trunc(struct reader *r, struct action *out, struct of_error *error)
{
    uint32_t port = widen_port(reader_u16(r));
    uint32_t max_len = reader_u32(r);

    if (max_len < ACTION_TRUNCATE_MIN) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "output: max_len %u", max_len);
    }
    *out = (struct action){.type = ACTION_OUTPUT_TRUNC, .output_trunc = {.port = port, .max_len = max_len}};
    return 0;
}

static int decode_conjunction(struct reader *r, struct action *out, struct of_error *error)
{
    uint8_t clause = reader_u8(r);
    uint8_t n_clauses = reader_u8(r);
    uint32_t id = reader_u32(r);

    if (n_clauses < 2 || n_clauses > CONJUNCTION_CLAUSES_MAX || clause >= n_clauses) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "conjunction: clause %u of %u", clause, n_clauses);
    }
    *out = (struct action){.type = ACTION_CONJUNCTION, .conjunction = {.id = id, .clause = clause, .n_clauses = n_clauses}};
    return 0;
}

/* Those of one value. */
static int decode_subtype(struct reader *r, uint16_t subtype, struct action *out, struct of_error *error)
{
    switch (subtype) {
    case NICIRA_REG_MOVE:
        return decode_move(r, out, error);
    case NICIRA_REG_LOAD:
        return decode_load(r, out, error);
    case NICIRA_RESUBMIT:
        return decode_resubmit(r, false, out, error);
    case NICIRA_RESUBMIT_TABLE:
        return decode_resubmit(r, true, out, error);
    case NICIRA_CONTROLLER:
        return decode_controller(r, out, error);
    case NICIRA_OUTPUT_REG:
        return decode_output_reg(r, out, error);
    case NICIRA_OUTPUT_TRUNC:
        return decode_output_trunc(r, out, error);
    case NICIRA_STACK_PUSH:
        return decode_stack(r, ACTION_STACK_PUSH, out, error);
    case NICIRA_STACK_POP:
        return decode_stack(r, ACTION_STACK_POP, out, error);
    case NICIRA_CONJUNCTION:
        return decode_conjunction(r, out, error);
    case NICIRA_EXIT:
        *out = (struct action){.type = ACTION_EXIT};
        return skip_zeroes(r, 6) ? 0 : refuse_padding(error);
    default:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_EXP_TYPE, "unknown Nicira action %u", subtype);
    }
}

static int decode_note(struct reader *r, struct action_list *list)
{
    size_t n = reader_left(r);
    const uint8_t *bytes = reader_bytes(r, n);

    action_list_add(list, &(struct action){.type = ACTION_NOTE, .n_data = (uint16_t)n});
    action_list_add_data(list, bytes, n);
    return 0;
}

/* type(2) length(2) value, zeroes up to a multiple of eight; the length counts those behind numbers of two bytes only. */
static int decode_property(struct reader *r, struct action *action, const uint8_t **data, struct of_error *error)
{
    uint16_t type = reader_u16(r);
    uint16_t length = reader_u16(r);
    size_t size = length >= 4 ? length - 4u : SIZE_MAX;
    struct reader value = reader_sub(r, size);

    reader_skip(r, (8u - length % 8) % 8);
    if (r->failed) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "controller: property %u of length %u", type, length);
    }
    if (type == PROPERTY_METER_ID && size == 4) {
        action->controller.meter_id = reader_u32(&value);
        return 0;
    }
    if (type == PROPERTY_PAUSE && size == 0) {
        action->controller.pauses = true;
        return 0;
    }
    if (type == PROPERTY_USERDATA) {
        action->controller.n_data = (uint16_t)size;
        *data = reader_bytes(&value, size);
        return 0;
    }
    bool is_u16 = size == 4 || size == 2; /* with its padding, as Open vSwitch writes it, or without */
    if (type == PROPERTY_MAX_LEN && is_u16) {
        action->controller.max_len = reader_u16(&value);
    } else if (type == PROPERTY_CONTROLLER_ID && is_u16) {
        action->controller.controller_id = reader_u16(&value);
    } else if (type == PROPERTY_REASON && size == 1) {
        action->controller.reason = (enum packet_in_reason)reader_u8(&value);
    } else {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "controller: property %u of length %u is not known", type, length);
    }
    return action->controller.reason <= PACKET_IN_INVALID_TTL
               ? 0
               : of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "controller: unknown reason %u", action->controller.reason);
}

static int decode_controller2(struct reader *r, struct action_list *list, struct of_error *error)
{
    struct action action = {.type = ACTION_CONTROLLER, .controller = {.max_len = UINT16_MAX, .reason = PACKET_IN_ACTION}};
    const uint8_t *data = NULL;

    if (!skip_zeroes(r, 6)) {
        return refuse_padding(error);
    }
    while (reader_left(r) > 0) {
        int err = decode_property(r, &action, &data, error);
        if (err != 0) {
            return err;
        }
    }
    action_list_add(list, &action);
    if (data != NULL) {
        action_list_add_data(list, data, action.controller.n_data);
    }
    return 0;
}

static int decode_clone(struct reader *r, struct of_actions_at at, struct action_list *list, struct of_error *error)
{
    size_t place = list->count;

    reader_skip(r, 6);
    if (at.depth >= ACTION_CLONE_DEPTH_MAX) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_TOO_MANY, "clone: %d within each other at most", ACTION_CLONE_DEPTH_MAX);
    }
    action_list_add(list, &(struct action){.type = ACTION_CLONE});
    at.depth++;
    int err = of_actions_decode_more(r, at, list, error);
    list->items[place].n_inner = (uint16_t)(list->count - place - 1);
    return err;
}

/* How long the body behind the subtype is; SIZE_MAX: 6 bytes or more, in steps of 8; 0: an unknown subtype. */
static size_t body_size(uint16_t subtype)
{
    switch (subtype) {
    case NICIRA_REG_MOVE:
    case NICIRA_REG_LOAD:
    case NICIRA_OUTPUT_REG:
    case NICIRA_STACK_PUSH:
    case NICIRA_STACK_POP:
        return 14;
    case NICIRA_RESUBMIT:
    case NICIRA_RESUBMIT_TABLE:
    case NICIRA_CONTROLLER:
    case NICIRA_EXIT:
    case NICIRA_CONJUNCTION:
    case NICIRA_OUTPUT_TRUNC:
        return 6;
    case NICIRA_NOTE:
    case NICIRA_CONTROLLER2:
    case NICIRA_CLONE:
        return SIZE_MAX;
    default:
        return 0;
    }
}

int of_actions_nicira_decode(struct reader *r, struct of_actions_at at, struct action_list *list, struct of_error *error)
{
    uint32_t experimenter = reader_u32(r);

    if (r->failed) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "experimenter action without experimenter");
    }
    if (experimenter != OF_EXPERIMENTER_NICIRA) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_EXPERIMENTER, "unknown experimenter 0x%08x", experimenter);
    }
    uint16_t subtype = reader_u16(r);
    if (!r->failed && of_actions_old_has(subtype)) {
        return of_actions_old_decode(r, subtype, list, error);
    }
    size_t size = body_size(subtype);
    if (r->failed || (size == SIZE_MAX && reader_left(r) < 6) || (size != SIZE_MAX && size != 0 && reader_left(r) != size)) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "Nicira action %u: wrong length", subtype);
    }
    if (subtype == NICIRA_NOTE) {
        return decode_note(r, list);
    }
    if (subtype == NICIRA_CONTROLLER2) {
        return decode_controller2(r, list, error);
    }
    if (subtype == NICIRA_CLONE) {
        return decode_clone(r, at, list, error);
    }
    struct action action;
    int err = decode_subtype(r, subtype, &action, error);
    if (err == 0) {
        action_list_add(list, &action);
    }
    return err;
}

void of_nicira_begin(struct writer *w, uint16_t size, uint16_t subtype)
{
    writer_u16(w, 0xffff);
    writer_u16(w, size);
    writer_u32(w, OF_EXPERIMENTER_NICIRA);
    writer_u16(w, subtype);
}

/* The bytes behind items[i]. */
static void encode_data(struct writer *w, const struct action_list *list, size_t i)
{
    for (size_t k = i + 1; k < list->count && list->items[k].type == ACTION_DATA; k++) {
        writer_bytes(w, list->items[k].data.bytes, list->items[k].data.n_bytes);
    }
}

/* The two fields whose numbers of 1.0 mean another width keep the later ones where that matters. */
static uint32_t header_in(uint8_t version, enum field_id field, unsigned n_bits)
{
    bool is_other = field == FIELD_IN_PORT && n_bits > 16;

    return is_other ? of_oxm_header(field, false) : of_oxm_header_in(version, field, false);
}

static void encode_loads(struct writer *w, uint8_t version, const struct action *action)
{
    enum field_id field = action->set_field.field;
    struct subfield run;

    for (unsigned bit = 0; subfield_next_run(field, action->set_field.mask, bit, &run); bit = run.offset + run.n_bits) {
        of_nicira_begin(w, 24, NICIRA_REG_LOAD);
        writer_u16(w, (uint16_t)(run.offset << 6 | (run.n_bits - 1)));
        writer_u32(w, header_in(version, field, (unsigned)run.offset + run.n_bits));
        writer_u64(w, subfield_get(run, action->set_field.value));
    }
}

static void encode_move(struct writer *w, uint8_t version, const struct action *action)
{
    of_nicira_begin(w, 24, NICIRA_REG_MOVE);
    writer_u16(w, action->move.n_bits);
    writer_u16(w, action->move.source_offset);
    writer_u16(w, action->move.target_offset);
    writer_u32(w, header_in(version, action->move.source, (unsigned)action->move.source_offset + action->move.n_bits));
    writer_u32(w, header_in(version, action->move.target, (unsigned)action->move.target_offset + action->move.n_bits));
}

static void encode_resubmit(struct writer *w, const struct action *action)
{
    of_nicira_begin(w, 16, action->resubmit.table == TABLE_SAME ? NICIRA_RESUBMIT : NICIRA_RESUBMIT_TABLE);
    writer_u16(w, (uint16_t)action->resubmit.in_port);
    writer_u8(w, action->resubmit.table == TABLE_SAME ? 0 : action->resubmit.table);
    writer_pad(w, 3);
}

static void begin_property(struct writer *w, uint16_t type, size_t size)
{
    writer_u16(w, type);
    writer_u16(w, (uint16_t)(4 + size));
}

static void end_property(struct writer *w, size_t size)
{
    writer_pad(w, (8 - (4 + size) % 8) % 8);
}

/* The older form where it can say all. */
static void encode_controller(struct writer *w, const struct action_list *list, size_t i)
{
    const struct action *action = &list->items[i];
    size_t n = action->controller.n_data, place = w->size;

    if (n == 0 && !action->controller.pauses && action->controller.meter_id == 0) {
        of_nicira_begin(w, 16, NICIRA_CONTROLLER);
        writer_u16(w, action->controller.max_len);
        writer_u16(w, action->controller.controller_id);
        writer_u8(w, (uint8_t)action->controller.reason);
        writer_u8(w, 0);
        return;
    }
    of_nicira_begin(w, 0, NICIRA_CONTROLLER2);
    writer_pad(w, 6);
    if (action->controller.max_len != UINT16_MAX) {
        begin_property(w, PROPERTY_MAX_LEN, 4);
        writer_u16(w, action->controller.max_len);
        writer_pad(w, 2);
    }
    if (action->controller.controller_id != 0) {
        begin_property(w, PROPERTY_CONTROLLER_ID, 4);
        writer_u16(w, action->controller.controller_id);
        writer_pad(w, 2);
    }
    if (action->controller.reason != PACKET_IN_ACTION) {
        begin_property(w, PROPERTY_REASON, 1);
        writer_u8(w, (uint8_t)action->controller.reason);
        end_property(w, 1);
    }
    if (n > 0) {
        begin_property(w, PROPERTY_USERDATA, n);
        encode_data(w, list, i);
        end_property(w, n);
    }
    if (action->controller.pauses) {
        begin_property(w, PROPERTY_PAUSE, 0);
        end_property(w, 0);
    }
    if (action->controller.meter_id != 0) {
        begin_property(w, PROPERTY_METER_ID, 4);
        writer_u32(w, action->controller.meter_id);
    }
    writer_patch_u16(w, place + 2, (uint16_t)(w->size - place));
}

static void encode_note(struct writer *w, const struct action_list *list, size_t i)
{
    size_t place = w->size;

    of_nicira_begin(w, 0, NICIRA_NOTE);
    encode_data(w, list, i);
    writer_patch_u16(w, place + 2, (uint16_t)(w->size - place));
}

static void encode_clone(struct writer *w, uint8_t version, const struct action_list *list, size_t i)
{
    size_t place = w->size;

    of_nicira_begin(w, 0, NICIRA_CLONE);
    writer_pad(w, 6);
    of_actions_encode_items(w, version, list, i + 1, i + 1 + list->items[i].n_inner);
    writer_patch_u16(w, place + 2, (uint16_t)(w->size - place));
}

static void encode_output_reg(struct writer *w, uint8_t version, const struct action *action)
{
    of_nicira_begin(w, 24, NICIRA_OUTPUT_REG);
    writer_u16(w, (uint16_t)(action->output_reg.offset << 6 | (action->output_reg.n_bits - 1)));
    writer_u32(w, header_in(version, action->output_reg.field, (unsigned)action->output_reg.offset + action->output_reg.n_bits));
    writer_u16(w, action->output_reg.max_len);
    writer_pad(w, 6);
}

static void encode_stack(struct writer *w, uint8_t version, const struct action *action)
{
    of_nicira_begin(w, 24, action->type == ACTION_STACK_PUSH ? NICIRA_STACK_PUSH : NICIRA_STACK_POP);
    writer_u16(w, action->part.offset);
    writer_u32(w, header_in(version, action->part.field, (unsigned)action->part.offset + action->part.n_bits));
    writer_u16(w, action->part.n_bits);
    writer_pad(w, 6);
}

static void encode_output_trunc(struct writer *w, const struct action *action)
{
    of_nicira_begin(w, 16, NICIRA_OUTPUT_TRUNC);
    writer_u16(w, (uint16_t)action->output_trunc.port);
    writer_u32(w, action->output_trunc.max_len);
}

static void encode_conjunction(struct writer *w, const struct action *action)
{
    of_nicira_begin(w, 16, NICIRA_CONJUNCTION);
    writer_u8(w, action->conjunction.clause);
    writer_u8(w, action->conjunction.n_clauses);
    writer_u32(w, action->conjunction.id);
}

void of_actions_nicira_encode(struct writer *w, uint8_t version, const struct action_list *list, size_t i)
{
    const struct action *action = &list->items[i];

    if (of_actions_old_encode(w, action)) {
        return;
    }
    switch ((unsigned)action->type) {
    case ACTION_SET_FIELD:
        encode_loads(w, version, action);
        return;
    case ACTION_SET_NW_TTL:
        encode_loads(w, version, &(struct action){.set_field = {.field = FIELD_IP_TTL,
                                                                .value = field_value_u64(action->ttl),
                                                                .mask = field_all_ones(FIELD_IP_TTL)}});
        return;
    case ACTION_MOVE:
        encode_move(w, version, action);
        return;
    case ACTION_RESUBMIT:
        encode_resubmit(w, action);
        return;
    case ACTION_CONTROLLER:
        encode_controller(w, list, i);
        return;
    case ACTION_EXIT:
        of_nicira_begin(w, 16, NICIRA_EXIT);
        writer_pad(w, 6);
        return;
    case ACTION_CLONE:
        encode_clone(w, version, list, i);
        return;
    case ACTION_NOTE:
        encode_note(w, list, i);
        return;
    case ACTION_OUTPUT_REG:
        encode_output_reg(w, version, action);
        return;
    case ACTION_OUTPUT_TRUNC:
        encode_output_trunc(w, action);
        return;
    case ACTION_STACK_PUSH:
    case ACTION_STACK_POP:
        encode_stack(w, version, action);
        return;
    case ACTION_CONJUNCTION:
        encode_conjunction(w, action);
        return;
    default:
        return; /* the standard's, which of_actions.c writes, and DATA, which its owner does */
    }
}
