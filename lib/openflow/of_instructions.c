/* Instructions [OF1.3.5 A.2.4]: type(2) length(2) body, a multiple of eight bytes, each type once.
 *
 * They are written in the order of execution, so that equal instructions are equal bytes; they are read in any order. An apply
 * without actions is nothing and forgotten. Any thread, no state, linear cost.
 * What may never happen: an action of one instruction is read beyond that instruction's length.
 */
#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_codec.h"

enum {
    INSTRUCTION_GOTO_TABLE = 1,
    INSTRUCTION_WRITE_METADATA = 2,
    INSTRUCTION_WRITE_ACTIONS = 3,
    INSTRUCTION_APPLY_ACTIONS = 4,
    INSTRUCTION_CLEAR_ACTIONS = 5,
    INSTRUCTION_METER = 6,
    INSTRUCTION_EXPERIMENTER = 0xffff
};

static int decode_meter(struct reader *body, struct instructions *out, struct of_error *error)
{
    out->meter_id = reader_u32(body);
    if (!body->failed && (out->meter_id == 0 || out->meter_id > OF_METER_ID_MAX)) {
        return of_refuse(error, OF_ERROR_METER_MOD_FAILED_INVALID_METER, "meter %u is no meter", out->meter_id);
    }
    return 0;
}

static int decode_body(struct reader *body, uint16_t type, struct instructions *out, struct of_error *error)
{
    int err = 0;

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
        return of_actions_decode(body, &out->write, error);
    case INSTRUCTION_APPLY_ACTIONS:
        reader_skip(body, 4);
        err = of_actions_decode(body, &out->apply, error);
        out->has_apply = out->apply.count > 0;
        return err;
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
        return of_refuse(error, OF_ERROR_ONF_DUP_INSTRUCTION, "instruction %u comes twice", type);
    }
    *seen |= bit;
    return 0;
}

static int decode_one(struct reader *r, struct instructions *in, unsigned *seen, struct of_error *error)
{
    uint16_t type = reader_u16(r);
    uint16_t length = reader_u16(r);

    if (r->failed || length < 8 || length % 8 != 0 || reader_left(r) < length - 4u) {
        return of_refuse(error, OF_ERROR_BAD_INSTRUCTION_BAD_LEN, "instruction %u: length %u", type, length);
    }
    struct reader body = reader_sub(r, length - 4u);
    int err = note_type(type, seen, error);
    if (err == 0) {
        err = decode_body(&body, type, in, error);
    }
    if (err == 0 && reader_finish(&body) != 0) {
        err = of_refuse(error, OF_ERROR_BAD_INSTRUCTION_BAD_LEN, "instruction %u: wrong length", type);
    }
    return err;
}

int of_instructions_decode(struct reader *r, struct instructions *out, struct of_error *error)
{
    struct instructions in;
    unsigned seen = 0;

    instructions_init(&in);
    while (reader_left(r) > 0) {
        int err = decode_one(r, &in, &seen, error);
        if (err != 0) {
            instructions_fini(&in);
            return err;
        }
    }
    *out = in;
    return 0;
}

static void put_list(struct writer *w, uint16_t type, const struct action_list *list)
{
    size_t begin = w->size;

    writer_u16(w, type);
    writer_u16(w, 0);
    writer_pad(w, 4);
    of_actions_encode(w, list);
    writer_patch_u16(w, begin + 2, (uint16_t)(w->size - begin));
}

static void put_head(struct writer *w, uint16_t type, uint16_t length)
{
    writer_u16(w, type);
    writer_u16(w, length);
}

void of_instructions_encode(struct writer *w, const struct instructions *in)
{
    if (in->meter_id != 0) {
        put_head(w, INSTRUCTION_METER, 8);
        writer_u32(w, in->meter_id);
    }
    if (in->apply.count > 0) {
        put_list(w, INSTRUCTION_APPLY_ACTIONS, &in->apply);
    }
    if (in->has_clear) {
        put_head(w, INSTRUCTION_CLEAR_ACTIONS, 8);
        writer_pad(w, 4);
    }
    if (in->has_write) {
        put_list(w, INSTRUCTION_WRITE_ACTIONS, &in->write);
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
