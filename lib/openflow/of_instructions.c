/* Instructions [OF1.3.5 A.2.4]: type(2) length(2) body, a multiple of eight bytes, each type once.
 *
 * They are written in the order of execution, so that equal instructions are equal bytes; they are read in any order. An apply
 * without actions is nothing and forgotten. Any thread, no state, linear cost.
 * What may never happen: an action of one instruction is read beyond that instruction's length.
 */
#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_actions_old.h"
#include "lib/openflow/of_codec.h"

enum {
    INSTRUCTION_GOTO_TABLE = 1,
    INSTRUCTION_WRITE_METADATA = 2,
    INSTRUCTION_WRITE_ACTIONS = 3,
    INSTRUCTION_APPLY_ACTIONS = 4,
    INSTRUCTION_CLEAR_ACTIONS = 5,
    INSTRUCTION_METER = 6,
    INSTRUCTION_EXPERIMENTER = 0xffff,
    ACTION_METER = 29
};

static int decode_meter(struct reader *body, struct instructions *out, struct of_error *error)
{
    out->meter_id = reader_u32(body);
    if (!body->failed && (out->meter_id == 0 || out->meter_id > OF_METER_ID_MAX)) {
        return of_refuse(error, OF_ERROR_METER_MOD_FAILED_INVALID_METER, "meter %u is no meter", out->meter_id);
    }
    return 0;
}

/* 1.5 has no meter instruction but an action, which for us goes first of all that is applied. */
static int decode_meter_action(struct reader *body, uint8_t version, struct instructions *out, struct of_error *error)
{
    struct reader ahead = *body;
    uint16_t type = reader_u16(&ahead);
    uint16_t length = reader_u16(&ahead);

    if (version < OF_VERSION_15 || ahead.failed || type != ACTION_METER) {
        return 0;
    }
    if (length != 8) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "action meter: length %u", length);
    }
    int err = decode_meter(&ahead, out, error);
    *body = ahead;
    return err;
}

static int decode_apply(struct reader *body, uint8_t version, struct instructions *out, struct of_error *error)
{
    reader_skip(body, 4);
    int err = decode_meter_action(body, version, out, error);
    if (err == 0) {
        err = of_actions_decode(body, version, &out->apply, error);
    }
    out->has_apply = out->apply.count > 0;
    return err;
}

static int decode_body(struct reader *body, uint16_t type, uint8_t version, struct instructions *out, struct of_error *error)
{
    if (type == INSTRUCTION_METER && version >= OF_VERSION_15) {
        return of_refuse(error, OF_ERROR_BAD_INSTRUCTION_UNKNOWN_INST, "instruction meter is an action in 1.5");
    }

    switch (type) {
    case INSTRUCTION_GOTO_TABLE:
        out->has_goto = true;
        out->goto_table = reader_u8(body);
        reader_skip(body, 3);
        return 0;
    case INSTRUCTION_WRITE_METADATA:
        out->has_write_metadata = true;
        reader_skip(body, 4);
        out->metadata = reader_u64(body);
        out->metadata_mask = reader_u64(body);
        out->metadata &= out->metadata_mask;
        return 0;
    case INSTRUCTION_WRITE_ACTIONS:
        out->has_write = true;
        reader_skip(body, 4);
        return of_actions_decode(body, version, &out->write, error);
    case INSTRUCTION_APPLY_ACTIONS:
        return decode_apply(body, version, out, error);
    case INSTRUCTION_CLEAR_ACTIONS:
        out->has_clear = true;
        reader_skip(body, 4);
        return 0;
    case INSTRUCTION_METER:
        return decode_meter(body, out, error);
    case INSTRUCTION_EXPERIMENTER:
        return of_refuse(error, OF_ERROR_BAD_INSTRUCTION_BAD_EXPERIMENTER, "no experimenter's instruction is known");
    default:
        return of_refuse(error, OF_ERROR_BAD_INSTRUCTION_UNKNOWN_INST, "unknown instruction %u", type);
    }
}

/* Types 1 to 6 as bits, to see one that comes twice. */
static int note_type(uint16_t type, unsigned *seen, struct of_error *error)
{
    unsigned bit = type <= INSTRUCTION_METER ? 1u << type : 0;

    if ((*seen & bit) != 0) {
        return of_refuse(error, OF_ERROR_BAD_INSTRUCTION_DUP_INST, "instruction %u comes twice", type);
    }
    *seen |= bit;
    return 0;
}

static int decode_one(struct reader *r, uint8_t version, struct instructions *in, unsigned *seen, struct of_error *error)
{
    uint16_t type = reader_u16(r);
    uint16_t length = reader_u16(r);

    if (r->failed || length < 8 || length % 8 != 0 || reader_left(r) < length - 4u) {
        return of_refuse(error, OF_ERROR_BAD_INSTRUCTION_BAD_LEN, "instruction %u: length %u", type, length);
    }
    struct reader body = reader_sub(r, length - 4u);
    int err = note_type(type, seen, error);
    if (err == 0) {
        err = decode_body(&body, type, version, in, error);
    }
    if (err == 0 && reader_finish(&body) != 0) {
        err = of_refuse(error, OF_ERROR_BAD_INSTRUCTION_BAD_LEN, "instruction %u: wrong length", type);
    }
    return err;
}

/* All that 1.0 has is actions. */
static int decode_actions10(struct reader *r, struct instructions *out, struct of_error *error)
{
    struct instructions in;

    instructions_init(&in);
    int err = of_actions_decode(r, OF_VERSION_10, &in.apply, error);
    in.has_apply = in.apply.count > 0;
    if (err != 0) {
        instructions_fini(&in);
        return err;
    }
    *out = in;
    return 0;
}

int of_instructions_decode(struct reader *r, uint8_t version, struct instructions *out, struct of_error *error)
{
    struct instructions in;
    unsigned seen = 0;

    if (version == OF_VERSION_10) {
        return decode_actions10(r, out, error);
    }

    instructions_init(&in);
    while (reader_left(r) > 0) {
        int err = decode_one(r, version, &in, &seen, error);
        if (err != 0) {
            instructions_fini(&in);
            return err;
        }
    }
    *out = in;
    return 0;
}

static void put_head(struct writer *w, uint16_t type, uint16_t length)
{
    writer_u16(w, type);
    writer_u16(w, length);
}

/* meter_id 0: none; only where it is an action. */
static void put_list(struct writer *w, uint8_t version, uint16_t type, const struct action_list *list, uint32_t meter_id)
{
    size_t begin = w->size;

    put_head(w, type, 0);
    writer_pad(w, 4);
    if (meter_id != 0) {
        put_head(w, ACTION_METER, 8);
        writer_u32(w, meter_id);
    }
    of_actions_encode(w, version, list);
    writer_patch_u16(w, begin + 2, (uint16_t)(w->size - begin));
}

/* What 1.0 cannot say (meters, the action set) is left out, as Open vSwitch does. */
static void encode_actions10(struct writer *w, const struct instructions *in)
{
    of_actions_encode(w, OF_VERSION_10, &in->apply);
    if (in->has_write_metadata && in->has_goto) { /* Open vSwitch takes no resubmit behind its write_metadata */
        struct action set = {.type = ACTION_SET_FIELD,
                             .set_field = {.field = FIELD_METADATA,
                                           .value = field_value_u64(in->metadata),
                                           .mask = field_value_u64(in->metadata_mask)}};
        of_actions_encode(w, OF_VERSION_10, &(struct action_list){.items = &set, .count = 1});
    } else if (in->has_write_metadata) {
        of_actions_old_put_metadata(w, in->metadata, in->metadata_mask);
    }
    if (in->has_goto) {
        struct action resubmit = {.type = ACTION_RESUBMIT, .resubmit = {.in_port = PORT_IN_PORT, .table = in->goto_table}};
        of_actions_encode(w, OF_VERSION_10, &(struct action_list){.items = &resubmit, .count = 1});
    }
}

void of_instructions_encode(struct writer *w, uint8_t version, const struct instructions *in)
{
    bool is_meter_action = version >= OF_VERSION_15 && in->meter_id != 0;

    if (version == OF_VERSION_10) {
        encode_actions10(w, in);
        return;
    }
    if (in->meter_id != 0 && !is_meter_action) {
        put_head(w, INSTRUCTION_METER, 8);
        writer_u32(w, in->meter_id);
    }
    if (in->apply.count > 0 || is_meter_action) {
        put_list(w, version, INSTRUCTION_APPLY_ACTIONS, &in->apply, is_meter_action ? in->meter_id : 0);
    }
    if (in->has_clear) {
        put_head(w, INSTRUCTION_CLEAR_ACTIONS, 8);
        writer_pad(w, 4);
    }
    if (in->has_write) {
        put_list(w, version, INSTRUCTION_WRITE_ACTIONS, &in->write, 0);
    }
    if (in->has_write_metadata) {
        put_head(w, INSTRUCTION_WRITE_METADATA, 24);
        writer_pad(w, 4);
        writer_u64(w, in->metadata);
        writer_u64(w, in->metadata_mask);
    }
    if (in->has_goto) {
        put_head(w, INSTRUCTION_GOTO_TABLE, 8);
        writer_u8(w, in->goto_table);
        writer_pad(w, 3);
    }
}
