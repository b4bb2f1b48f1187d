/* Names of fields in actions, and parts of fields as bit positions in a field value.
 *
 * A field_value is a big-endian number of 128 bits, so bit n is bit n % 8 of byte 15 - n / 8. Everything here works bit by bit: it runs
 * when rules are read or written, never per packet, and a wrong shift in it would be a wrong rule. Any thread, no state.
 * Invariant: offset + n_bits is never above the field's width.
 */
#include "lib/model/field_names.h"

#include <ctype.h>
#include <stdlib.h>

#include "lib/base/memory.h"

static const char *const set_names[FIELD_COUNT] = {
#define FIELD_NAME(id, set_name, tlv_name) [FIELD_##id] = set_name,
#include "lib/model/field_names.def"
};

static const char *const tlv_names[FIELD_COUNT] = {
#define FIELD_NAME(id, set_name, tlv_name) [FIELD_##id] = tlv_name,
#include "lib/model/field_names.def"
};

static const struct read_name {
    const char *name;
    enum field_id id;
} read_names[] = {
#define FIELD_NAME_READ(tlv_name, id) {tlv_name, FIELD_##id},
#include "lib/model/field_names.def"
};

const char *field_names_set(enum field_id id)
{
    return set_names[id] != NULL ? set_names[id] : field_table[id].name;
}

const char *field_names_tlv(enum field_id id)
{
    return tlv_names[id] != NULL ? tlv_names[id] : field_table[id].name;
}

static bool names_equal(const char *name, const char *text, size_t length)
{
    return name != NULL && strlen(name) == length && memcmp(name, text, length) == 0;
}

enum field_id field_names_find(const char *name, size_t length)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (names_equal(set_names[i], name, length) || names_equal(tlv_names[i], name, length)) {
            return (enum field_id)i;
        }
    }
    for (size_t i = 0; i < sizeof read_names / sizeof read_names[0]; i++) {
        if (names_equal(read_names[i].name, name, length)) {
            return read_names[i].id;
        }
    }
    return field_by_name(name, length);
}

static bool read_bit_number(const char **pos, const char *end, unsigned *out)
{
    unsigned value = 0;
    const char *p = *pos;

    while (p < end && isdigit((unsigned char)*p) && p - *pos < 4) {
        value = value * 10 + (unsigned)(*p++ - '0');
    }
    if (p == *pos) {
        return false;
    }
    *pos = p;
    *out = value;
    return true;
}

/* What is between the brackets: nothing, "3" or "0..7". */
static bool read_bits(const char *pos, const char *end, unsigned width, unsigned *out_first, unsigned *out_last)
{
    *out_first = 0;
    *out_last = width - 1;
    if (pos == end) {
        return true;
    }
    if (!read_bit_number(&pos, end, out_first)) {
        return false;
    }
    *out_last = *out_first;
    if (end - pos > 2 && pos[0] == '.' && pos[1] == '.') {
        pos += 2;
        if (!read_bit_number(&pos, end, out_last)) {
            return false;
        }
    }
    return pos == end;
}

unsigned subfield_width(enum field_id id)
{
    return id == FIELD_VLAN_VID ? 12 : field_table[id].bits;
}

/* Open vSwitch's own in_port has 16 bits, in_port_oxm 32; so have these names here. */
static unsigned width_of(enum field_id id, const char *name, size_t length)
{
    bool is_narrow = names_equal("in_port", name, length) || names_equal("NXM_OF_IN_PORT", name, length);

    return is_narrow ? 16 : subfield_width(id);
}

int subfield_parse(const char *text, size_t length, struct subfield *out, struct error_detail *detail)
{
    const char *end = text + length;
    const char *open = memchr(text, '[', length);
    const char *name_end = open != NULL ? open : end;
    enum field_id id = field_names_find(text, (size_t)(name_end - text));
    unsigned first = 0, last = 0;

    if (id == FIELD_COUNT) {
        return error_set(detail, -ERROR_UNKNOWN_NAME, "unknown field \"%.*s\"", (int)(name_end - text), text);
    }
    if (open != NULL && end[-1] != ']') {
        return error_set(detail, -ERROR_SYNTAX, "\"%.*s\": expected [] or [FIRST..LAST] behind the field", (int)length, text);
    }
    const char *bits = open != NULL ? open + 1 : end;
    const char *bits_end = open != NULL ? end - 1 : end;
    unsigned width = width_of(id, text, (size_t)(name_end - text));
    if (!read_bits(bits, bits_end, width, &first, &last)) {
        return error_set(detail, -ERROR_SYNTAX, "\"%.*s\": expected [], [BIT] or [FIRST..LAST]", (int)length, text);
    }
    if (first > last || last >= width) {
        return error_set(detail, -ERROR_RANGE, "\"%.*s\": the field has bits 0..%u", (int)length, text, width - 1);
    }
    *out = (struct subfield){.field = id, .offset = (uint8_t)first, .n_bits = (uint8_t)(last - first + 1)};
    return 0;
}

char *subfield_format(struct subfield part)
{
    const char *name = field_names_tlv(part.field);

    if (part.offset == 0 && part.n_bits == subfield_width(part.field)) {
        return memory_format("%s[]", name);
    }
    if (part.n_bits == 1) {
        return memory_format("%s[%u]", name, part.offset);
    }
    return memory_format("%s[%u..%u]", name, part.offset, part.offset + part.n_bits - 1u);
}

static bool value_bit(const struct field_value *value, unsigned bit)
{
    return bit < 128 && (value->bytes[15 - bit / 8] >> (bit % 8) & 1) != 0;
}

struct field_value subfield_value(struct subfield part, uint64_t bits)
{
    struct field_value value = {{0}};

    for (unsigned i = 0; i < part.n_bits && i < 64; i++) {
        unsigned bit = part.offset + i;
        if ((bits >> i & 1) != 0) {
            value.bytes[15 - bit / 8] |= (uint8_t)(1u << bit % 8);
        }
    }
    return value;
}

struct field_value subfield_mask(struct subfield part)
{
    struct field_value mask = {{0}};

    for (unsigned bit = part.offset; bit < (unsigned)part.offset + part.n_bits; bit++) {
        mask.bytes[15 - bit / 8] |= (uint8_t)(1u << bit % 8);
    }
    return mask;
}

bool subfield_next_run(enum field_id id, struct field_value mask, unsigned from, struct subfield *out)
{
    unsigned width = field_table[id].bits;
    unsigned first = from;

    while (first < width && !value_bit(&mask, first)) {
        first++;
    }
    unsigned end = first;
    while (end < width && end - first < 64 && value_bit(&mask, end)) {
        end++;
    }
    if (end == first) {
        return false;
    }
    *out = (struct subfield){.field = id, .offset = (uint8_t)first, .n_bits = (uint8_t)(end - first)};
    return true;
}

uint64_t subfield_get(struct subfield part, struct field_value value)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < part.n_bits && i < 64; i++) {
        bits |= (uint64_t)value_bit(&value, part.offset + i) << i;
    }
    return bits;
}
