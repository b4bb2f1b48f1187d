/* The names that actions use for fields and parts of fields: "eth_src" in set_field, "NXM_OF_ETH_SRC[0..7]" in load and move. */
#ifndef BUSBAR_MODEL_FIELD_NAMES_H
#define BUSBAR_MODEL_FIELD_NAMES_H

#include "lib/flow/field.h"

/* Bits offset .. offset + n_bits - 1 of a field, counted from its lowest. */
struct subfield {
    enum field_id field;
    uint8_t offset;
    uint8_t n_bits;
};

/* For set_field. */
const char *field_names_set(enum field_id id);
/* For load and move. */
const char *field_names_tlv(enum field_id id);
/* Any name of the field, in matches, set_field or TLV form; FIELD_COUNT when there is none. */
enum field_id field_names_find(const char *name, size_t length);

/* How many bits of the field loads and moves can name: all, but of vlan_vid not the one that says that there is a tag. */
unsigned subfield_width(enum field_id id);
/* "reg0[0..7]", "NXM_NX_REG0[]", "reg0[3]", "reg0"; `length` bytes of text.
 * -ERROR_UNKNOWN_NAME, -ERROR_SYNTAX, -ERROR_RANGE. */
int subfield_parse(const char *text, size_t length, struct subfield *out, struct error_detail *detail) MUST_CHECK;
/* "NXM_NX_REG0[0..7]"; caller's string. */
char *subfield_format(struct subfield part);
/* The low `n_bits` of `bits` moved to their place in the field. */
struct field_value subfield_value(struct subfield part, uint64_t bits);
struct field_value subfield_mask(struct subfield part);
/* The next run of ones of `mask` at or above bit `from`, at most 64 bits long; false when there is none. */
bool subfield_next_run(enum field_id id, struct field_value mask, unsigned from, struct subfield *out);
/* The bits of `value` in the subfield; n_bits <= 64. */
uint64_t subfield_get(struct subfield part, struct field_value value);

#endif
