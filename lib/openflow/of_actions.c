/* The standard's actions from 1.1 on, by the table of_action_types.def; those of 1.0 and an experimenter's are passed on.
 *
 *     type(2) length(2) body, a multiple of eight bytes [OF1.3.5 A.2.5]
 * Each form of a body has one pair of functions. The errors are Open vSwitch's. Any thread, no state, linear cost.
 * A list is bounded by its message: 8191 actions at most. Invariant: an action is read within its own length and must use it up.
 */
#include "lib/openflow/of_actions.h"

#include "lib/model/action_check.h"
#include "lib/model/field_names.h"
#include "lib/openflow/of_actions10.h"
#include "lib/openflow/of_actions_nicira.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_match.h"

enum { ACTION_EXPERIMENTER = 0xffff };

typedef int decode_function(struct reader *r, uint8_t version, struct action *action, struct of_error *error);
typedef void encode_function(struct writer *w, uint8_t version, const struct action *action);

static int decode_nothing(struct reader *r, uint8_t version, struct action *action, struct of_error *error)
{
    reader_skip(r, 4);
    return 0;
}

static void encode_nothing(struct writer *w, uint8_t version, const struct action *action)
{
    writer_pad(w, 4);
}

static int decode_ethertype(struct reader *r, uint8_t version, struct action *action, struct of_error *error)
{
    action->ethertype = reader_u16(r);
    reader_skip(r, 2);
    return 0;
}

static void encode_ethertype(struct writer *w, uint8_t version, const struct action *action)
{
    writer_u16(w, action->ethertype);
    writer_pad(w, 2);
}

static int decode_ttl(struct reader *r, uint8_t version, struct action *action, struct of_error *error)
{
    action->ttl = reader_u8(r);
    reader_skip(r, 3);
    return 0;
}

static void encode_ttl(struct writer *w, uint8_t version, const struct action *action)
{
    writer_u8(w, action->ttl);
    writer_pad(w, 3);
}

static int decode_group_id(struct reader *r, uint8_t version, struct action *action, struct of_error *error)
{
    action->group_id = reader_u32(r);
    return 0;
}

static void encode_group_id(struct writer *w, uint8_t version, const struct action *action)
{
    writer_u32(w, action->group_id);
}

static int decode_queue_id(struct reader *r, uint8_t version, struct action *action, struct of_error *error)
{
    action->queue_id = reader_u32(r);
    return 0;
}

static void encode_queue_id(struct writer *w, uint8_t version, const struct action *action)
{
    writer_u32(w, action->queue_id);
}

static int decode_output(struct reader *r, uint8_t version, struct action *action, struct of_error *error)
{
    uint32_t port = reader_u32(r);
    uint16_t max_len = reader_u16(r);

    reader_skip(r, 6);
    action->output.port = port;
    action->output.max_len = port == PORT_CONTROLLER ? max_len : 0; /* says nothing of other ports */
    return 0;
}

static void encode_output(struct writer *w, uint8_t version, const struct action *action)
{
    writer_u32(w, action->output.port);
    writer_u16(w, action->output.max_len);
    writer_pad(w, 6);
}

static bool rest_is_zero(struct reader *r)
{
    uint8_t sum = 0;

    while (reader_left(r) > 0) {
        sum |= reader_u8(r);
    }
    return sum == 0;
}

/* The bit that says that there is a tag is one in the value and in the mask of every set_field of a VLAN id [OF1.5.1 7.2.6.7]. A part of one does
 * not say it in the model, where it is what a load is. False: the bit is missing. */
static bool settle_vlan_id(struct of_oxm *oxm)
{
    struct field_value bit = field_value_u64(KEY_VLAN_PRESENT);
    uint64_t both = field_value_to_u64(oxm->value) & field_value_to_u64(oxm->mask);

    if ((both & KEY_VLAN_PRESENT) == 0) {
        return false;
    }
    if (field_value_to_u64(oxm->mask) != (KEY_VLAN_PRESENT | 0xfff)) {
        for (size_t i = 0; i < sizeof bit.bytes; i++) {
            oxm->value.bytes[i] &= (uint8_t)~bit.bytes[i];
            oxm->mask.bytes[i] &= (uint8_t)~bit.bytes[i];
        }
    }
    return true;
}

static int decode_set_field(struct reader *r, uint8_t version, struct action *action, struct of_error *error)
{
    struct of_oxm oxm;
    struct of_error inner;

    int err = of_oxm_decode(r, &oxm, &inner);
    if (err != 0) {
        return of_refuse(error,
                         inner.number == OF_ERROR_BAD_MATCH_BAD_LEN ? OF_ERROR_BAD_ACTION_BAD_SET_LEN
                                                                    : OF_ERROR_BAD_ACTION_BAD_SET_TYPE,
                         "set_field: %s", inner.detail.text);
    }
    if (oxm.has_mask && version < OF_VERSION_15) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_SET_TYPE, "set_field: %s with a mask", field_table[oxm.field].name);
    }
    if (reader_left(r) >= 8) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_SET_LEN, "set_field: longer than its field");
    }
    bool has_padding = rest_is_zero(r);
    if (oxm.field == FIELD_VLAN_VID && !settle_vlan_id(&oxm)) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_SET_ARGUMENT, "set_field: vlan_vid without the bit that says there is a tag");
    }
    if (!has_padding || field_table[oxm.field].set_rule == FIELD_SET_RO || !of_oxm_value_is_valid(oxm.field, oxm.value)) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_SET_ARGUMENT, "set_field: %s cannot be set to that",
                         field_table[oxm.field].name);
    }
    action->set_field.field = oxm.field;
    action->set_field.value = oxm.value;
    action->set_field.mask = oxm.mask;
    return 0;
}

static void encode_set_field(struct writer *w, uint8_t version, const struct action *action)
{
    enum field_id field = action->set_field.field;
    struct field_value ones = field_all_ones(field), value = action->set_field.value, mask = action->set_field.mask;

    if (field == FIELD_VLAN_VID) { /* a part of it needs a tag, so to say that there is one changes nothing */
        value.bytes[14] |= KEY_VLAN_PRESENT >> 8;
        mask.bytes[14] |= KEY_VLAN_PRESENT >> 8;
    }
    bool is_whole = memcmp(&ones, &mask, sizeof ones) == 0;
    of_oxm_encode(w, version, field, value, is_whole ? NULL : &mask);
}

static int read_bits(struct reader *r, unsigned offset, unsigned n_bits, enum field_id *out, struct of_error *error)
{
    uint32_t header = reader_u32(r);
    bool is_extension = header >> 16 == 0xffff;
    enum field_id field = is_extension ? field_by_oxm(0x8000, (uint8_t)(header >> 9 & 0x7f)) : of_oxm_field(header);

    if ((is_extension && reader_u32(r) != OF_EXPERIMENTER_ONF) || r->failed || field == FIELD_COUNT || (header >> 8 & 1) != 0) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_SET_TYPE, "copy_field: unknown field 0x%08x", header);
    }
    if (n_bits == 0 || n_bits > 128 || offset + n_bits > subfield_width(field)) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_SET_LEN, "%s: bits outside the field", field_table[field].name);
    }
    *out = field;
    return 0;
}

/* n_bits(2) source offset(2) target offset(2) pad(2) source header target header, zeroes [OF1.5.1 7.2.6.11]. */
static int decode_copy_field(struct reader *r, uint8_t version, struct action *action, struct of_error *error)
{
    unsigned n_bits = reader_u16(r);
    unsigned source_offset = reader_u16(r);
    unsigned target_offset = reader_u16(r);

    reader_skip(r, 2);
    int err = read_bits(r, source_offset, n_bits, &action->move.source, error);
    if (err == 0) {
        err = read_bits(r, target_offset, n_bits, &action->move.target, error);
    }
    if (err != 0) {
        return err;
    }
    action->move.n_bits = (uint8_t)n_bits;
    action->move.source_offset = (uint8_t)source_offset;
    action->move.target_offset = (uint8_t)target_offset;
    if (reader_left(r) >= 8 || !rest_is_zero(r)) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "copy_field: more than its fields");
    }
    return 0;
}

static void encode_copy_field(struct writer *w, uint8_t version, const struct action *action)
{
    writer_u16(w, action->move.n_bits);
    writer_u16(w, action->move.source_offset);
    writer_u16(w, action->move.target_offset);
    writer_pad(w, 2);
    writer_u32(w, of_oxm_header(action->move.source, false));
    writer_u32(w, of_oxm_header(action->move.target, false));
}

static const struct codec {
    decode_function *decode;
    encode_function *encode;
    uint16_t number;
    uint8_t first; /* version */
} codecs[ACTION_TYPE_COUNT] = {
#define OF_ACTION(name, type_number, first_, form)                                                                             \
    [ACTION_##name] = {.decode = decode_##form, .encode = encode_##form, .number = (type_number), .first = OF_VERSION_##first_},
#include "lib/openflow/of_action_types.def"
#undef OF_ACTION
};

static bool type_of_number(uint16_t number, uint8_t version, enum action_type *out)
{
    for (size_t i = 0; i < ACTION_TYPE_COUNT; i++) {
        if (codecs[i].decode != NULL && codecs[i].number == number && version >= codecs[i].first) {
            *out = (enum action_type)i;
            return true;
        }
    }
    return false;
}

static int decode_action(struct reader *body, uint16_t number, struct of_actions_at at, struct action_list *list,
                         struct of_error *error)
{
    struct action action = {.type = ACTION_OUTPUT};

    if (number == ACTION_EXPERIMENTER) {
        return of_actions_nicira_decode(body, at, list, error);
    }
    if (at.version == OF_VERSION_10) {
        return of_actions10_decode(body, number, list, error);
    }
    if (!type_of_number(number, at.version, &action.type)) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_TYPE, "unknown action %u", number);
    }
    int err = codecs[action.type].decode(body, at.version, &action, error);
    if (err != 0) {
        return err;
    }
    if (reader_finish(body) != 0) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "action %u: wrong length", number);
    }
    action_list_add(list, &action);
    return 0;
}

int of_actions_decode(struct reader *r, uint8_t version, struct action_list *out, struct of_error *error)
{
    *out = (struct action_list){.items = NULL, .count = 0};
    return of_actions_decode_more(r, (struct of_actions_at){.version = version}, out, error);
}

int of_actions_decode_more(struct reader *r, struct of_actions_at at, struct action_list *list, struct of_error *error)
{
    while (reader_left(r) > 0) {
        uint16_t number = reader_u16(r);
        uint16_t length = reader_u16(r);
        if (r->failed || length < 8 || length % 8 != 0 || reader_left(r) < length - 4u) {
            return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "action %u: length %u", number, length);
        }
        struct reader body = reader_sub(r, length - 4u);
        int err = decode_action(&body, number, at, list, error);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static bool is_masked(const struct action *action)
{
    struct field_value ones;

    if (action->type != ACTION_SET_FIELD) {
        return false;
    }
    ones = field_all_ones(action->set_field.field);
    return memcmp(&ones, &action->set_field.mask, sizeof ones) != 0;
}

void of_actions_encode(struct writer *w, uint8_t version, const struct action_list *list)
{
    of_actions_encode_items(w, version, list, 0, list->count);
}

void of_actions_encode_items(struct writer *w, uint8_t version, const struct action_list *list, size_t first, size_t end)
{
    for (size_t i = first; i < end && i < list->count; i++) {
        const struct action *action = &list->items[i];
        const struct codec *codec = &codecs[action->type];
        size_t n_old = version == OF_VERSION_10 ? of_actions10_encode(w, list, i) : 0;
        if (n_old > 0) {
            i += n_old - 1;
            continue;
        }
        bool has_ids = action->type == ACTION_DEC_NW_TTL && action->dec_ttl.n_ids > 0;
        bool is_foreign = version == OF_VERSION_10 || codec->encode == NULL || version < codec->first || has_ids;
        if (is_foreign || (is_masked(action) && version < OF_VERSION_15)) {
            of_actions_nicira_encode(w, version, list, i);
            i += action_extent(action);
            continue;
        }
        size_t begin = w->size;
        writer_u16(w, codec->number);
        writer_u16(w, 0);
        codec->encode(w, version, action);
        writer_pad(w, (8 - (w->size - begin) % 8) % 8);
        writer_patch_u16(w, begin + 2, (uint16_t)(w->size - begin));
    }
}

uint32_t of_actions_supported(void)
{
    uint32_t bits = 0;

#define OF_ACTION(name, type_number, first, form) bits |= OF_VERSION_##first <= OF_VERSION_13 ? UINT32_C(1) << (type_number) : 0;
#include "lib/openflow/of_action_types.def"
#undef OF_ACTION
    return bits;
}

static int fault_to_error(enum action_fault fault, const struct error_detail *detail, struct of_error *error)
{
    switch (fault) {
    case ACTION_FAULT_NONE:
        return 0;
    case ACTION_FAULT_TYPE:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_TYPE, "%s", detail->text);
    case ACTION_FAULT_INCONSISTENT:
        return of_refuse(error, OF_ERROR_BAD_ACTION_MATCH_INCONSISTENT, "%s", detail->text);
    case ACTION_FAULT_SET_ARGUMENT:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_SET_ARGUMENT, "%s", detail->text);
    case ACTION_FAULT_ARGUMENT:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "%s", detail->text);
    case ACTION_FAULT_OUT_PORT:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_OUT_PORT, "%s", detail->text);
    case ACTION_FAULT_OUT_GROUP:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_OUT_GROUP, "%s", detail->text);
    case ACTION_FAULT_TAG:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_TAG, "%s", detail->text);
    case ACTION_FAULT_TABLE:
        return of_refuse(error, OF_ERROR_BAD_INSTRUCTION_BAD_TABLE_ID, "%s", detail->text);
    case ACTION_FAULT_CONJUNCTION:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "%s", detail->text);
    case ACTION_FAULT_METER:
        return of_refuse(error, OF_ERROR_METER_MOD_FAILED_INVALID_METER, "%s", detail->text);
    }
    return 0;
}

/* 1.0 has no prerequisites for its actions: a packet without the header is left as it is. */
int of_actions_check(const struct action_list *list, uint8_t version, const struct match *match, struct of_error *error)
{
    struct error_detail detail = {""};
    const struct match *known = version == OF_VERSION_10 ? NULL : match;

    return fault_to_error(action_list_check(list, known, false, &detail), &detail, error);
}

int of_instructions_check(const struct instructions *in, uint8_t version, const struct match *match, uint8_t table, uint8_t n_tables,
                          struct of_error *error)
{
    struct error_detail detail = {""};

    if (version == OF_VERSION_10) {
        return of_actions_check(&in->apply, version, NULL, error);
    }
    return fault_to_error(instructions_check(in, match, table, n_tables, &detail), &detail, error);
}
