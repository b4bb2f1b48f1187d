/* OXM and NXM: generic through the field table, so a match field is one row there and nothing here.
 *
 * The order of checks is Open vSwitch's, because controllers see only the first error: value within mask, known field of this length,
 * mask allowed, value possible, prerequisite, duplicate. Prerequisites must come before the field that needs them, as the standard says.
 * A match of five fields costs about half a microsecond. Any thread, no state. What may never happen: a read past the match's own length.
 *
 * Two fields that 1.3 and 1.4 have only as extensions (tcp_flags, actset_output) travel under the Open Networking Foundation's experimenter
 * class, a header of eight bytes: class 0xffff, then the experimenter. To 1.0 fields go by Nicira's numbers, where two are not
 * of our width: in_port has 16 bits there, and ip_dscp is the upper part of a TOS byte. Both are understood in every version.
 */
#include "lib/openflow/of_match.h"

#include "lib/openflow/of_codec.h"

enum { OXM_CLASS_BASIC = 0x8000, OXM_CLASS_EXPERIMENTER = 0xffff, MATCH_TYPE_OXM = 1 };
enum { /* headers without mask */
    NXM_OF_IN_PORT = 0x00000002,
    NXM_OF_IP_TOS = 0x00000a01,
    NXM_NX_COOKIE = 0x00013c08,
    NXM_NX_COOKIE_MASKED = 0x00013d10
};

static bool is_extension(enum field_id field)
{
    return field == FIELD_TCP_FLAGS || field == FIELD_ACTSET_OUTPUT;
}

enum field_id of_oxm_field(uint32_t header)
{
    return field_by_oxm((uint16_t)(header >> 16), (uint8_t)(header >> 9 & 0x7f));
}

/* Nicira's number of the field, where it differs from ours. */
static uint32_t nxm_number(enum field_id field)
{
    switch ((unsigned)field) {
#define TLV_ALIAS(tlv_class, tlv_field, id)                                                                                    \
    case FIELD_##id:                                                                                                           \
        return (uint32_t)(tlv_class) << 16 | (uint32_t)(tlv_field) << 9;
#include "lib/flow/fields.def"
    default:
        return (uint32_t)field_table[field].oxm_class << 16 | (uint32_t)field_table[field].oxm_field << 9;
    }
}

uint32_t of_oxm_header_in(uint8_t version, enum field_id field, bool has_mask)
{
    if (version != OF_VERSION_10) {
        return of_oxm_header(field, has_mask);
    }
    if (field == FIELD_IN_PORT) {
        return NXM_OF_IN_PORT;
    }
    return nxm_number(field) | (uint32_t)has_mask << 8 | (uint32_t)field_table[field].oxm_size << (has_mask ? 1 : 0);
}

uint32_t of_oxm_header(enum field_id field, bool has_mask)
{
    const struct field *f = &field_table[field];

    return (uint32_t)f->oxm_class << 16 | (uint32_t)f->oxm_field << 9 | (uint32_t)has_mask << 8 |
           (uint32_t)f->oxm_size << (has_mask ? 1 : 0);
}

bool of_oxm_value_is_valid(enum field_id field, struct field_value value)
{
    uint64_t number = field_value_to_u64(value);

    if (!field_value_fits(field, value)) {
        return false;
    }
    if (field == FIELD_IN_PORT || field == FIELD_ACTSET_OUTPUT) {
        return of_port_is_possible((uint32_t)number);
    }
    return field != FIELD_ARP_OP || number <= 0xff;
}

static struct field_value read_value(struct reader *r, size_t size)
{
    struct field_value value = {{0}};

    reader_copy(r, value.bytes + sizeof value.bytes - size, size);
    return value;
}

/* The two halves of a payload with a mask, whatever field it is. */
static bool payload_is_within_mask(struct reader payload)
{
    size_t size = reader_left(&payload) / 2;
    const uint8_t *value = reader_bytes(&payload, size);
    const uint8_t *mask = reader_bytes(&payload, size);

    for (size_t i = 0; mask != NULL && i < size; i++) {
        if ((value[i] & ~mask[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* The two fields of Nicira's whose payload is not that of ours: true when this was one. */
static bool decode_old_field(uint32_t header, struct reader payload, struct of_oxm *oxm)
{
    if (header == NXM_OF_IN_PORT) {
        oxm->field = FIELD_IN_PORT;
        oxm->value = field_value_u64(of_port_of_10(reader_u16(&payload)));
    } else if (header == NXM_OF_IP_TOS) {
        oxm->field = FIELD_IP_DSCP;
        oxm->value = field_value_u64(reader_u8(&payload) >> 2);
    } else {
        return false;
    }
    oxm->mask = field_all_ones(oxm->field);
    return !payload.failed;
}

int of_oxm_decode(struct reader *r, struct of_oxm *out, struct of_error *error)
{
    uint32_t header = reader_u32(r);
    struct reader payload = reader_sub(r, header & 0xff);
    struct of_oxm oxm = {.has_mask = (header >> 8 & 1) != 0};

    if (r->failed) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_LEN, "a field is longer than the match");
    }
    if (decode_old_field(header, payload, &oxm)) {
        *out = oxm;
        return 0;
    }
    oxm.field = of_oxm_field(header);
    if (header >> 16 == OXM_CLASS_EXPERIMENTER) {
        bool is_onf = reader_u32(&payload) == OF_EXPERIMENTER_ONF;
        oxm.field = is_onf ? field_by_oxm(OXM_CLASS_BASIC, (uint8_t)(header >> 9 & 0x7f)) : FIELD_COUNT;
    }
    if (oxm.has_mask && !payload_is_within_mask(payload)) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_WILDCARDS, "field 0x%08x: value has bits outside its mask", header);
    }
    if (oxm.field == FIELD_COUNT) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_FIELD, "unknown field 0x%08x", header);
    }
    size_t size = field_table[oxm.field].oxm_size;
    if (payload.failed || reader_left(&payload) != size * (oxm.has_mask ? 2 : 1)) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_LEN, "%s: wrong length", field_table[oxm.field].name);
    }
    oxm.value = read_value(&payload, size);
    oxm.mask = oxm.has_mask ? read_value(&payload, size) : field_all_ones(oxm.field);
    *out = oxm;
    return 0;
}

/* Checks that a mask is one the field can have; bits above the field's width are forgotten, as they match nothing. */
static bool mask_is_valid(struct of_oxm *oxm)
{
    struct field_value ones = field_all_ones(oxm->field);

    oxm->mask = field_value_and(oxm->mask, ones);
    return field_table[oxm->field].mask_rule == FIELD_MASK_ANY || field_value_is_zero(oxm->mask) ||
           memcmp(&oxm->mask, &ones, sizeof ones) == 0;
}

static int add_field(struct match *match, struct of_oxm *oxm, struct of_error *error)
{
    const char *name = field_table[oxm->field].name;

    if (!mask_is_valid(oxm)) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_MASK, "%s: cannot be masked", name);
    }
    if (!of_oxm_value_is_valid(oxm->field, oxm->value)) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_VALUE, "%s: value is out of range", name);
    }
    if (!field_prerequisite_met(oxm->field, &match->value, &match->mask)) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_PREREQ, "%s: needs %s before it", name,
                         field_needs_text(field_table[oxm->field].needs));
    }
    if (oxm->field == FIELD_IN_PHY_PORT && match->mask.key.in_port.raw == 0) { /* [OF1.3.5 7.2.3.7]; text may have it alone */
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_PREREQ, "%s: needs in_port before it", name);
    }
    if (!field_value_is_zero(field_get(oxm->field, &match->mask))) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_DUP_FIELD, "%s: given twice", name);
    }
    if (oxm->field != FIELD_PACKET_TYPE || !field_value_is_zero(oxm->value)) { /* that of Ethernet says nothing */
        match_set_masked(match, oxm->field, oxm->value, oxm->mask);
    }
    return 0;
}

/* Which rules an NXM match means beside their match. */
static bool decode_cookie(struct reader *fields, struct of_nxm_cookie *cookie)
{
    struct reader ahead = *fields;
    uint32_t header = reader_u32(&ahead);

    if (cookie == NULL || (header != NXM_NX_COOKIE && header != NXM_NX_COOKIE_MASKED)) {
        return false;
    }
    uint64_t value = reader_u64(&ahead);
    uint64_t mask = header == NXM_NX_COOKIE_MASKED ? reader_u64(&ahead) : UINT64_MAX;
    if (ahead.failed) {
        return false;
    }
    *cookie = (struct of_nxm_cookie){.cookie = value & mask, .mask = mask};
    *fields = ahead;
    return true;
}

static int decode_fields(struct reader fields, struct match *out, struct of_nxm_cookie *cookie, struct of_error *error)
{
    struct match match;

    match_init(&match);
    while (reader_left(&fields) > 0) {
        struct of_oxm oxm;
        if (decode_cookie(&fields, cookie)) {
            continue;
        }
        int err = of_oxm_decode(&fields, &oxm, error);
        if (err == 0) {
            err = add_field(&match, &oxm, error);
        }
        if (err != 0) {
            return err;
        }
    }
    if (match.mask.packet_type.raw != 0 && match_check(&match, NULL) != 0) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_PREREQ, "packet_type: headers are matched of Ethernet packets only");
    }
    *out = match;
    return 0;
}

int of_oxm_decode_match(struct reader fields, struct match *out, struct of_error *error)
{
    return decode_fields(fields, out, NULL, error);
}

int of_match_decode(struct reader *r, struct match *out, struct of_error *error)
{
    uint16_t type = reader_u16(r);
    uint16_t length = reader_u16(r);

    struct reader fields = reader_sub(r, length >= 4 ? length - 4u : SIZE_MAX);
    reader_skip(r, (8u - length % 8) % 8);
    if (r->failed) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_LEN, "match: length %u does not fit the message", length);
    }
    if (type != MATCH_TYPE_OXM) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_TYPE, "match: type %u is not OXM", type);
    }
    return decode_fields(fields, out, NULL, error);
}

int of_nxm_decode(struct reader *r, size_t size, struct match *out, struct of_nxm_cookie *cookie, struct of_error *error)
{
    struct reader fields = reader_sub(r, size);

    reader_skip(r, (8u - size % 8) % 8);
    if (r->failed) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_LEN, "match: length %zu does not fit the message", size);
    }
    if (cookie != NULL) {
        *cookie = (struct of_nxm_cookie){.cookie = 0};
    }
    return decode_fields(fields, out, cookie, error);
}

static void put_payload(struct writer *w, size_t size, struct field_value value, const struct field_value *mask)
{
    writer_bytes(w, value.bytes + sizeof value.bytes - size, size);
    if (mask != NULL) {
        writer_bytes(w, mask->bytes + sizeof mask->bytes - size, size);
    }
}

void of_oxm_encode(struct writer *w, uint8_t version, enum field_id field, struct field_value value, const struct field_value *mask)
{
    size_t size = field_table[field].oxm_size;
    uint32_t header = of_oxm_header_in(version, field, mask != NULL);

    if (version == OF_VERSION_10 && field == FIELD_IN_PORT) {
        writer_u32(w, NXM_OF_IN_PORT);
        writer_u16(w, of_port_in_10((uint32_t)field_value_to_u64(value)));
        return;
    }
    if (version == OF_VERSION_10 && field == FIELD_IP_DSCP && mask == NULL) {
        writer_u32(w, NXM_OF_IP_TOS);
        writer_u8(w, (uint8_t)(field_value_to_u64(value) << 2));
        return;
    }
    if (is_extension(field) && version != OF_VERSION_10 && version < OF_VERSION_15) {
        writer_u32(w, ((header | (uint32_t)OXM_CLASS_EXPERIMENTER << 16) & 0xffffff00u) | ((header & 0xff) + 4));
        writer_u32(w, OF_EXPERIMENTER_ONF);
    } else {
        writer_u32(w, header);
    }
    put_payload(w, size, value, mask);
}

/* vlan_vid and vlan_pcp say it all unless a part of the priority is matched, or any of it without a tag: then vlan_tci does. */
static bool needs_vlan_tci(const struct match *match)
{
    struct field_value pcp = field_get(FIELD_VLAN_PCP, &match->mask);
    struct field_value ones = field_all_ones(FIELD_VLAN_PCP);

    return !field_value_is_zero(pcp) &&
           (memcmp(&pcp, &ones, sizeof ones) != 0 || !field_prerequisite_met(FIELD_VLAN_PCP, &match->value, &match->mask));
}

/* Nothing of the field's storage is matched: most fields of most matches, so this is asked first. */
static bool storage_is_wild(enum field_id field, const struct match *match)
{
    static const uint8_t zeroes[16];

    return memcmp((const uint8_t *)&match->mask + field_table[field].offset, zeroes, field_table[field].size) == 0;
}

static void put_field(struct writer *w, uint8_t version, enum field_id field, const struct match *match)
{
    if (storage_is_wild(field, match)) {
        return;
    }
    struct field_value mask = field_get(field, &match->mask);
    struct field_value ones = field_all_ones(field);
    bool is_exact = memcmp(&mask, &ones, sizeof ones) == 0;

    if (!field_value_is_zero(mask) && field_prerequisite_met(field, &match->value, &match->mask)) {
        of_oxm_encode(w, version, field, field_get(field, &match->value), is_exact ? NULL : &mask);
    }
}

void of_oxm_encode_match(struct writer *w, uint8_t version, const struct match *match)
{
    bool by_tci = version == OF_VERSION_10 || needs_vlan_tci(match); /* 1.0 knows no other */
    uint32_t used = field_words_used(&match->mask);

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if ((field_words[i] & used) == 0) {
            continue;
        }
        bool is_tci = i == FIELD_VLAN_TCI;
        bool is_part_of_tci = i == FIELD_VLAN_VID || i == FIELD_VLAN_PCP;
        if (!(is_tci && !by_tci) && !(is_part_of_tci && by_tci) && !field_is_overlay((enum field_id)i)) {
            put_field(w, version, (enum field_id)i, match);
        }
    }
}

void of_match_encode(struct writer *w, uint8_t version, const struct match *match)
{
    size_t begin = w->size;

    writer_u16(w, MATCH_TYPE_OXM);
    writer_u16(w, 0);
    of_oxm_encode_match(w, version, match);
    size_t length = w->size - begin;
    writer_patch_u16(w, begin + 2, (uint16_t)length);
    writer_pad(w, (8 - length % 8) % 8);
}

uint16_t of_nxm_encode(struct writer *w, const struct match *match, const struct of_nxm_cookie *cookie)
{
    size_t begin = w->size;

    of_oxm_encode_match(w, OF_VERSION_10, match);
    if (cookie != NULL && cookie->mask != 0) {
        bool is_exact = cookie->mask == UINT64_MAX;
        writer_u32(w, is_exact ? NXM_NX_COOKIE : NXM_NX_COOKIE_MASKED);
        writer_u64(w, cookie->cookie & cookie->mask);
        if (!is_exact) {
            writer_u64(w, cookie->mask);
        }
    }
    size_t length = w->size - begin;
    writer_pad(w, (8 - length % 8) % 8);
    return (uint16_t)length;
}
