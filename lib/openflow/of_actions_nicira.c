/* NXAST_REG_MOVE, REG_LOAD, RESUBMIT, RESUBMIT_TABLE and CONTROLLER.
 *
 *     type 0xffff(2) length(2) 0x00002320(4) subtype(2) body
 * OpenFlow 1.3 has no masked set_field, so one goes out as a load for each run of mask bits (of up to 64), as from Open vSwitch; read
 * back it is as many set_fields, which do the same. Any thread, no state, linear cost.
 * What may never happen: a subfield read from the wire that reaches outside its field.
 */
#include "lib/openflow/of_actions_nicira.h"

#include "lib/model/field_names.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_match.h"

enum {
    NICIRA_RESUBMIT = 1,
    NICIRA_REG_MOVE = 6,
    NICIRA_REG_LOAD = 7,
    NICIRA_RESUBMIT_TABLE = 14,
    NICIRA_CONTROLLER = 20,
    TABLE_SAME = 255,
    NXM_OF_IN_PORT = 0x00000002 /* 16 bits wide: the low ones of ours */
};
#define NICIRA_EXPERIMENTER 0x00002320u

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
    default:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_EXP_TYPE, "unknown Nicira action %u", subtype);
    }
}

/* The size of the body is fixed for each of the subtypes: 14 bytes of moves and loads, six of the others. */
static bool has_size_of(uint16_t subtype, size_t size)
{
    bool is_long = subtype == NICIRA_REG_MOVE || subtype == NICIRA_REG_LOAD;
    return size == (is_long ? 14u : 6u);
}

static bool is_known(uint16_t subtype)
{
    return subtype == NICIRA_REG_MOVE || subtype == NICIRA_REG_LOAD || subtype == NICIRA_RESUBMIT ||
           subtype == NICIRA_RESUBMIT_TABLE || subtype == NICIRA_CONTROLLER;
}

int of_actions_nicira_decode(struct reader *r, struct action *out, struct of_error *error)
{
    uint32_t experimenter = reader_u32(r);

    if (r->failed) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "experimenter action without experimenter");
    }
    if (experimenter != NICIRA_EXPERIMENTER) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_EXPERIMENTER, "unknown experimenter 0x%08x", experimenter);
    }
    uint16_t subtype = reader_u16(r);
    if (r->failed || (is_known(subtype) && !has_size_of(subtype, reader_left(r)))) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "Nicira action %u: wrong length", subtype);
    }
    return decode_subtype(r, subtype, out, error);
}

static void begin(struct writer *w, uint16_t size, uint16_t subtype)
{
    writer_u16(w, 0xffff);
    writer_u16(w, size);
    writer_u32(w, NICIRA_EXPERIMENTER);
    writer_u16(w, subtype);
}

static void encode_loads(struct writer *w, const struct action *action)
{
    enum field_id field = action->set_field.field;
    struct subfield run;

    for (unsigned bit = 0; subfield_next_run(field, action->set_field.mask, bit, &run); bit = run.offset + run.n_bits) {
        begin(w, 24, NICIRA_REG_LOAD);
        writer_u16(w, (uint16_t)(run.offset << 6 | (run.n_bits - 1)));
        writer_u32(w, of_oxm_header(field, false));
        writer_u64(w, subfield_get(run, action->set_field.value));
    }
}

static void encode_move(struct writer *w, const struct action *action)
{
    begin(w, 24, NICIRA_REG_MOVE);
    writer_u16(w, action->move.n_bits);
    writer_u16(w, action->move.source_offset);
    writer_u16(w, action->move.target_offset);
    writer_u32(w, of_oxm_header(action->move.source, false));
    writer_u32(w, of_oxm_header(action->move.target, false));
}

static void encode_resubmit(struct writer *w, const struct action *action)
{
    begin(w, 16, action->resubmit.table == TABLE_SAME ? NICIRA_RESUBMIT : NICIRA_RESUBMIT_TABLE);
    writer_u16(w, (uint16_t)action->resubmit.in_port);
    writer_u8(w, action->resubmit.table == TABLE_SAME ? 0 : action->resubmit.table);
    writer_pad(w, 3);
}

static void encode_controller(struct writer *w, const struct action *action)
{
    begin(w, 16, NICIRA_CONTROLLER);
    writer_u16(w, action->controller.max_len);
    writer_u16(w, action->controller.controller_id);
    writer_u8(w, (uint8_t)action->controller.reason);
    writer_u8(w, 0);
}

void of_actions_nicira_encode(struct writer *w, const struct action *action)
{
    if (action->type == ACTION_SET_FIELD) {
        encode_loads(w, action);
    } else if (action->type == ACTION_MOVE) {
        encode_move(w, action);
    } else if (action->type == ACTION_RESUBMIT) {
        encode_resubmit(w, action);
    } else if (action->type == ACTION_CONTROLLER) {
        encode_controller(w, action);
    }
}
