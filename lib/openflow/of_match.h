/* Matches and single fields between the model and OXM, OpenFlow's extensible match [OF1.3.5 A.2.3].
 *
 *     ofp_match: type(2) = 1, length(2) without the padding, then per field: class(2) field<<1|has_mask(1) length(1) value [mask];
 *     zeroes up to a multiple of eight.
 */
#ifndef BUSBAR_OPENFLOW_OF_MATCH_H
#define BUSBAR_OPENFLOW_OF_MATCH_H

#include "lib/flow/match.h"
#include "lib/openflow/of_error.h"

#include "lib/base/bytes.h"

/* Reads a whole ofp_match with its padding. The errors are BAD_MATCH/... */
int of_match_decode(struct reader *r, struct match *out, struct of_error *error) MUST_CHECK;
void of_match_encode(struct writer *w, uint8_t version, const struct match *match);

/* Nicira's match, NXM: fields to the length that stands elsewhere, zeroes up to a multiple of eight. It can ask for cookies too. */
struct of_nxm_cookie {
    uint64_t cookie;
    uint64_t mask; /* 0: any cookie */
};
/* cookie NULL: none is expected, and one is a field that is not known. */
int of_nxm_decode(struct reader *r, size_t size, struct match *out, struct of_nxm_cookie *cookie, struct of_error *error) MUST_CHECK;
/* Returns the length without the padding. */
uint16_t of_nxm_encode(struct writer *w, const struct match *match, const struct of_nxm_cookie *cookie);
/* The fields alone, to the end; written by the numbers of this version. */
int of_oxm_decode_match(struct reader fields, struct match *out, struct of_error *error) MUST_CHECK;
void of_oxm_encode_match(struct writer *w, uint8_t version, const struct match *match);

struct of_oxm {
    enum field_id field;
    bool has_mask;
    struct field_value value;
    struct field_value mask; /* all ones without has_mask */
};

/* One field TLV. BAD_MATCH/BAD_LEN when it goes past the end, BAD_WILDCARDS, BAD_FIELD (also for a length that is not the field's). */
int of_oxm_decode(struct reader *r, struct of_oxm *out, struct of_error *error) MUST_CHECK;
/* mask NULL: exact. By the numbers of this version: Nicira's in 1.0. */
void of_oxm_encode(struct writer *w, uint8_t version, enum field_id field, struct field_value value, const struct field_value *mask);
/* The four header bytes alone, as actions and table features name fields; FIELD_COUNT when unknown. */
enum field_id of_oxm_field(uint32_t header);
uint32_t of_oxm_header(enum field_id field, bool has_mask);
/* The same with the numbers of this version, as actions name fields. */
uint32_t of_oxm_header_in(uint8_t version, enum field_id field, bool has_mask);
/* A value this field can have. */
bool of_oxm_value_is_valid(enum field_id field, struct field_value value);

#endif
