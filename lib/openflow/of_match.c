/* OXM: generic through the field table, so a match field is one row there and nothing here.
 *
 * The order of checks is Open vSwitch's, because controllers see only the first error: value within mask, known field of this length,
 * mask allowed, value possible, prerequisite, duplicate. Prerequisites must come before the field that needs them, as the standard says.
 * A match of five fields costs about half a microsecond. Any thread, no state. What may never happen: a read past the match's own length.
 *
 * Two fields that 1.3 has only as extensions (tcp_flags, actset_output) travel under the Open Networking Foundation's experimenter
 * class, a header of eight bytes: class 0xffff, then the experimenter.
 */
#include "lib/openflow/of_match.h"

#include "lib/openflow/of_codec.h"

enum { OXM_CLASS_BASIC = 0x8000, OXM_CLASS_EXPERIMENTER = 0xffff, MATCH_TYPE_OXM = 1 };
#define ONF_EXPERIMENTER 0x4f4e4600u

static bool is_extension(enum field_id field)
{
    return field == FIELD_TCP_FLAGS || field == FIELD_ACTSET_OUTPUT;
}

enum field_id of_oxm_field(uint32_t header)
{
    return field_by_oxm((uint16_t)(header >> 16), (uint8_t)(header >> 9 & 0x7f));
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

int of_oxm_decode(struct reader *r, struct of_oxm *out, struct of_error *error)
{
    uint32_t header = reader_u32(r);
    struct reader payload = reader_sub(r, header & 0xff);
    struct of_oxm oxm = {.has_mask = (header >> 8 & 1) != 0};

    if (r->failed) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_LEN, "a field is longer than the match");
    }
    oxm.field = of_oxm_field(header);
    if (header >> 16 == OXM_CLASS_EXPERIMENTER) {
        bool is_onf = reader_u32(&payload) == ONF_EXPERIMENTER;
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
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_FIELD, "%s: wrong length", field_table[oxm.field].name);
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

    for (size_t i = 0; i < sizeof ones.bytes; i++) {
        oxm->mask.bytes[i] &= ones.bytes[i];
    }
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
    if (!field_value_is_zero(field_get(oxm->field, &match->mask))) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_DUP_FIELD, "%s: given twice", name);
    }
    if (oxm->field != FIELD_PACKET_TYPE || !field_value_is_zero(oxm->value)) { /* that of Ethernet says nothing */
        match_set_masked(match, oxm->field, oxm->value, oxm->mask);
    }
    return 0;
}

int of_match_decode(struct reader *r, struct match *out, struct of_error *error)
{
    uint16_t type = reader_u16(r);
    uint16_t length = reader_u16(r);
    struct match match;

    struct reader fields = reader_sub(r, length >= 4 ? length - 4u : SIZE_MAX);
    reader_skip(r, (8u - length % 8) % 8);
    if (r->failed) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_LEN, "match: length %u does not fit the message", length);
    }
    if (type != MATCH_TYPE_OXM) {
        return of_refuse(error, OF_ERROR_BAD_MATCH_BAD_TYPE, "match: type %u is not OXM", type);
    }
    match_init(&match);
    while (reader_left(&fields) > 0) {
        struct of_oxm oxm;
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

void of_oxm_encode(struct writer *w, enum field_id field, struct field_value value, const struct field_value *mask)
{
    size_t size = field_table[field].oxm_size;
    uint32_t header = of_oxm_header(field, mask != NULL);

    if (is_extension(field)) {
        writer_u32(w, ((header | (uint32_t)OXM_CLASS_EXPERIMENTER << 16) & 0xffffff00u) | ((header & 0xff) + 4));
        writer_u32(w, ONF_EXPERIMENTER);
    } else {
        writer_u32(w, header);
    }
    writer_bytes(w, value.bytes + sizeof value.bytes - size, size);
    if (mask != NULL) {
        writer_bytes(w, mask->bytes + sizeof mask->bytes - size, size);
    }
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

static void put_field(struct writer *w, enum field_id field, const struct match *match)
{
    if (storage_is_wild(field, match)) {
        return;
    }
    struct field_value mask = field_get(field, &match->mask);
    struct field_value ones = field_all_ones(field);
    bool is_exact = memcmp(&mask, &ones, sizeof ones) == 0;

    if (!field_value_is_zero(mask) && field_prerequisite_met(field, &match->value, &match->mask)) {
        of_oxm_encode(w, field, field_get(field, &match->value), is_exact ? NULL : &mask);
    }
}

void of_match_encode(struct writer *w, const struct match *match)
{
    size_t begin = w->size;
    bool by_tci = needs_vlan_tci(match);

    writer_u16(w, MATCH_TYPE_OXM);
    writer_u16(w, 0);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        bool is_tci = i == FIELD_VLAN_TCI;
        bool is_part_of_tci = i == FIELD_VLAN_VID || i == FIELD_VLAN_PCP;
        if (!(is_tci && !by_tci) && !(is_part_of_tci && by_tci) && !field_is_overlay((enum field_id)i)) {
            put_field(w, (enum field_id)i, match);
        }
    }
    size_t length = w->size - begin;
    writer_patch_u16(w, begin + 2, (uint16_t)length);
    writer_pad(w, (8 - length % 8) % 8);
}
