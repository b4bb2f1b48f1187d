/* NXAST_SET_TUNNEL, SET_QUEUE, POP_QUEUE, SET_TUNNEL64, DEC_TTL, DEC_TTL_CNT_IDS, WRITE_METADATA, PUSH_MPLS, POP_MPLS, SET_MPLS_TTL,
 * DEC_MPLS_TTL, SET_MPLS_LABEL, SET_MPLS_TC, REG_LOAD2 and GROUP: what OpenFlow 1.0 lacks and 1.3 has by itself.
 *
 * They are understood in every version and written to 1.0 only, but for POP_QUEUE and a dec_ttl of named controllers, which no standard has.
 * Each is read as the model's action that does the same, so a rule that came in over 1.0 goes out over 1.3 in the standard's words.
 * Any thread, no state, constant cost. Invariant: the body is used up, or refused.
 */
#include "lib/openflow/of_actions_old.h"

#include "lib/openflow/of_actions_nicira.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_match.h"

enum {
    OLD_SET_TUNNEL = 2,
    OLD_SET_QUEUE = 4,
    OLD_POP_QUEUE = 5,
    OLD_SET_TUNNEL64 = 9,
    OLD_DEC_TTL = 18,
    OLD_DEC_TTL_CNT_IDS = 21,
    OLD_WRITE_METADATA = 22,
    OLD_PUSH_MPLS = 23,
    OLD_POP_MPLS = 24,
    OLD_SET_MPLS_TTL = 25,
    OLD_DEC_MPLS_TTL = 26,
    OLD_SET_MPLS_LABEL = 30,
    OLD_SET_MPLS_TC = 31,
    OLD_REG_LOAD2 = 33,
    OLD_GROUP = 40
};

bool of_actions_old_has(uint16_t subtype)
{
    static const uint16_t subtypes[] = {OLD_SET_TUNNEL, OLD_SET_QUEUE,    OLD_POP_QUEUE,    OLD_SET_TUNNEL64,   OLD_DEC_TTL,
                                        OLD_WRITE_METADATA, OLD_PUSH_MPLS, OLD_POP_MPLS,    OLD_SET_MPLS_TTL,   OLD_DEC_MPLS_TTL,
                                        OLD_SET_MPLS_LABEL, OLD_SET_MPLS_TC, OLD_REG_LOAD2, OLD_GROUP,         OLD_DEC_TTL_CNT_IDS};

    for (size_t i = 0; i < sizeof subtypes / sizeof subtypes[0]; i++) {
        if (subtypes[i] == subtype) {
            return true;
        }
    }
    return false;
}

static struct action set_number(enum field_id field, uint64_t number)
{
    return (struct action){
        .type = ACTION_SET_FIELD,
        .set_field = {.field = field, .value = field_value_u64(number), .mask = field_all_ones(field)}};
}

static int decode_metadata(struct reader *r, struct action *out, struct of_error *error)
{
    bool is_zero = of_get_zeroes(r, 6);
    uint64_t metadata = reader_u64(r);
    uint64_t mask = reader_u64(r);

    if (!is_zero) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "padding is not zero");
    }
    *out = (struct action){.type = ACTION_SET_FIELD,
                           .set_field = {.field = FIELD_METADATA, .value = field_value_u64(metadata & mask), .mask = field_value_u64(mask)}};
    return 0;
}

/* One field with its mask, padded. */
static int decode_load2(struct reader *r, struct action *out, struct of_error *error)
{
    struct of_oxm oxm;
    struct of_error inner;

    reader_skip(r, 6);
    if (of_oxm_decode(r, &oxm, &inner) != 0) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_SET_TYPE, "load: %s", inner.detail.text);
    }
    if (reader_left(r) >= 8 || !of_get_zeroes(r, reader_left(r)) || field_table[oxm.field].set_rule == FIELD_SET_RO ||
        !of_oxm_value_is_valid(oxm.field, oxm.value)) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_SET_ARGUMENT, "load: %s cannot be set to that", field_table[oxm.field].name);
    }
    *out = (struct action){.type = ACTION_SET_FIELD, .set_field = {.field = oxm.field, .value = oxm.value, .mask = oxm.mask}};
    return 0;
}

/* n_controllers(2) zeroes(4), ids, padded */
static int decode_ttl_ids(struct reader *r, struct action *out, struct of_error *error)
{
    struct action action = {.type = ACTION_DEC_NW_TTL};
    unsigned n = reader_u16(r);
    bool is_zero = of_get_zeroes(r, 4);
    bool is_alone = n == 1;

    if (r->failed || reader_left(r) < 2 * (size_t)n || reader_left(r) - 2 * n >= 8) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "dec_ttl: %u controllers", n);
    }
    if (!is_zero || n == 0 || n > ACTION_TTL_IDS_MAX) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "dec_ttl: %u controllers", n);
    }
    for (unsigned i = 0; i < n; i++) {
        uint16_t id = reader_u16(r);
        if (!(is_alone && id == 0)) {
            (void)action_add_ttl_id(&action, id);
        }
    }
    reader_skip(r, reader_left(r));
    *out = action;
    return 0;
}

static struct action decode_u16(struct reader *r, enum action_type type)
{
    struct action action = {.type = type, .ethertype = reader_u16(r)};

    reader_skip(r, 4);
    return action;
}

static struct action decode_u32(struct reader *r, enum action_type type)
{
    reader_skip(r, 2);
    uint32_t number = reader_u32(r);

    return type == ACTION_GROUP ? (struct action){.type = type, .group_id = number} : (struct action){.type = type, .queue_id = number};
}

static struct action decode_plain(struct reader *r, enum action_type type)
{
    reader_skip(r, 6);
    return (struct action){.type = type};
}

static uint64_t get_number(struct reader *r, size_t pad, size_t size)
{
    uint64_t number = 0;

    reader_skip(r, pad);
    for (size_t i = 0; i < size; i++) {
        number = number << 8 | reader_u8(r);
    }
    return number;
}

static struct action decode_ttl(struct reader *r)
{
    struct action action = {.type = ACTION_SET_MPLS_TTL, .ttl = reader_u8(r)};

    reader_skip(r, 5);
    return action;
}

static struct action decode_tc(struct reader *r)
{
    uint8_t tc = reader_u8(r);

    reader_skip(r, 5);
    return set_number(FIELD_MPLS_TC, tc);
}

static int decode(struct reader *r, uint16_t subtype, struct action *out, struct of_error *error)
{
    switch (subtype) {
    case OLD_WRITE_METADATA:
        return decode_metadata(r, out, error);
    case OLD_DEC_TTL_CNT_IDS:
        return decode_ttl_ids(r, out, error);
    case OLD_REG_LOAD2:
        return decode_load2(r, out, error);
    case OLD_SET_TUNNEL:
        *out = set_number(FIELD_TUNNEL_ID, get_number(r, 2, 4));
        return 0;
    case OLD_SET_TUNNEL64:
        *out = set_number(FIELD_TUNNEL_ID, get_number(r, 6, 8));
        return 0;
    case OLD_SET_MPLS_LABEL:
        *out = set_number(FIELD_MPLS_LABEL, get_number(r, 2, 4));
        return 0;
    case OLD_SET_MPLS_TC:
        *out = decode_tc(r);
        return 0;
    case OLD_SET_MPLS_TTL:
        *out = decode_ttl(r);
        return 0;
    case OLD_SET_QUEUE:
    case OLD_GROUP:
        *out = decode_u32(r, subtype == OLD_GROUP ? ACTION_GROUP : ACTION_SET_QUEUE);
        return 0;
    case OLD_PUSH_MPLS:
    case OLD_POP_MPLS:
        *out = decode_u16(r, subtype == OLD_PUSH_MPLS ? ACTION_PUSH_MPLS : ACTION_POP_MPLS);
        return 0;
    case OLD_DEC_TTL:
    case OLD_DEC_MPLS_TTL:
        *out = decode_plain(r, subtype == OLD_DEC_TTL ? ACTION_DEC_NW_TTL : ACTION_DEC_MPLS_TTL);
        return 0;
    case OLD_POP_QUEUE:
        *out = decode_plain(r, ACTION_POP_QUEUE);
        return 0;
    default:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_EXP_TYPE, "unknown Nicira action %u", subtype);
    }
}

int of_actions_old_decode(struct reader *r, uint16_t subtype, struct action_list *list, struct of_error *error)
{
    struct action action;
    int err = decode(r, subtype, &action, error);

    if (err == 0 && reader_finish(r) != 0) {
        err = of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "Nicira action %u: wrong length", subtype);
    }
    if (err == 0) {
        action_list_add(list, &action);
    }
    return err;
}

static bool put_u32(struct writer *w, uint16_t subtype, uint32_t number)
{
    of_nicira_begin(w, 16, subtype);
    writer_pad(w, 2);
    writer_u32(w, number);
    return true;
}

static bool put_u16(struct writer *w, uint16_t subtype, uint16_t number)
{
    of_nicira_begin(w, 16, subtype);
    writer_u16(w, number);
    writer_pad(w, 4);
    return true;
}

static bool put_plain(struct writer *w, uint16_t subtype)
{
    of_nicira_begin(w, 16, subtype);
    writer_pad(w, 6);
    return true;
}

static bool put_dec_ttl(struct writer *w, const struct action *action)
{
    size_t size = 2u * action->dec_ttl.n_ids, pad = (8 - size % 8) % 8;

    if (size == 0) {
        return put_plain(w, OLD_DEC_TTL);
    }
    of_nicira_begin(w, (uint16_t)(16 + size + pad), OLD_DEC_TTL_CNT_IDS);
    writer_u16(w, action->dec_ttl.n_ids);
    writer_pad(w, 4);
    writer_bytes(w, action->dec_ttl.ids, size);
    writer_pad(w, pad);
    return true;
}

bool of_actions_old_encode(struct writer *w, const struct action *action)
{
    switch ((unsigned)action->type) {
    case ACTION_SET_QUEUE:
        return put_u32(w, OLD_SET_QUEUE, action->queue_id);
    case ACTION_GROUP:
        return put_u32(w, OLD_GROUP, action->group_id);
    case ACTION_PUSH_MPLS:
        return put_u16(w, OLD_PUSH_MPLS, action->ethertype);
    case ACTION_POP_MPLS:
        return put_u16(w, OLD_POP_MPLS, action->ethertype);
    case ACTION_DEC_NW_TTL:
        return put_dec_ttl(w, action);
    case ACTION_DEC_MPLS_TTL:
        return put_plain(w, OLD_DEC_MPLS_TTL);
    case ACTION_POP_QUEUE:
        return put_plain(w, OLD_POP_QUEUE);
    case ACTION_SET_MPLS_TTL:
        of_nicira_begin(w, 16, OLD_SET_MPLS_TTL);
        writer_u8(w, action->ttl);
        writer_pad(w, 5);
        return true;
    default:
        return false;
    }
}

void of_actions_old_put_metadata(struct writer *w, uint64_t metadata, uint64_t mask)
{
    of_nicira_begin(w, 32, OLD_WRITE_METADATA);
    writer_pad(w, 6);
    writer_u64(w, metadata);
    writer_u64(w, mask);
}
